/* SPDX-License-Identifier: BSD-2-Clause */
/* resume_rows: the rows of uploads, written and read back. */
#include "backend/store/upload.h"

#include <stdlib.h>

#include "common/base/num.h"

#define DEL_BATCH  64u /* keys collected before they are deleted */
#define READ_TRIES 3   /* pieces that compaction moves meanwhile */


/* The state in e counts for its agent, or doesn't any longer. */
static elo_err_t
count(elo_kv_tx_t *tx, const elo_kv_entry_t *e, int64_t sign)
{
    elo_upload_state_t st;
    elo_err_t rc = elo_upload_state_parse(e->value, &st);

    if (rc != ELO_OK || st.phase != ELO_UPLOAD_OPEN
        || (rc = elo_kv_tx_add(tx, ELO_SUM_TOTAL, ELO_TOTAL_UPLOADS, sign))
               != ELO_OK
        || (rc = elo_kv_tx_add(tx, ELO_SUM_AGENT_UPLOADS, st.agent, sign))
               != ELO_OK
        || st.offset == 0)
    {
        return rc;
    }
    return elo_kv_tx_add(tx, ELO_SUM_AGENT_KEPT, st.agent,
                         sign * (int64_t) st.offset);
}


elo_err_t
elo_upload_derive(elo_kv_tx_t *tx, elo_slice_t key, const elo_kv_entry_t *was,
                  const elo_kv_entry_t *now)
{
    uint8_t id[ELO_UPLOAD_ID];
    elo_upload_part_t part;
    uint64_t at;
    elo_err_t rc;

    if ((rc = elo_upload_key_parse(key, id, &part, &at)) != ELO_OK
        || part != ELO_UPLOAD_PART_STATE)
    {
        return rc;
    }
    if (was != NULL && (rc = count(tx, was, -1)) != ELO_OK) {
        return rc;
    }
    return now != NULL ? count(tx, now, 1) : ELO_OK;
}


/* ---- writing ---- */

/* Up to DEL_BATCH keys of the upload behind *from, which moves on. */
static elo_err_t
keys_next(elo_kv_tx_t *tx, const uint8_t id[ELO_UPLOAD_ID],
          elo_upload_part_t *part, uint64_t *at,
          uint8_t out[DEL_BATCH][ELO_UPLOAD_KEY_MAX], size_t *len, uint32_t *n)
{
    uint8_t mem[ELO_UPLOAD_KEY_MAX], is[ELO_UPLOAD_ID];
    elo_kv_cursor_t *c;
    elo_kv_entry_t e;
    elo_slice_t key;
    elo_err_t rc = elo_kv_tx_cursor_open(
        tx, ELO_T_UPLOAD, elo_upload_key(id, *part, *at, mem), &c);

    *n = 0;
    if (rc != ELO_OK) {
        return rc;
    }
    while (*n < DEL_BATCH && (rc = elo_kv_cursor_next(c, &key, &e)) == ELO_OK) {
        if ((rc = elo_upload_key_parse(key, is, part, at)) != ELO_OK
            || memcmp(is, id, ELO_UPLOAD_ID) != 0)
        {
            break;
        }
        memcpy(out[*n], key.p, key.len);
        len[(*n)++] = key.len;
    }
    elo_kv_cursor_close(&c);
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


/* Deletes all parts from `part` on. */
static elo_err_t
wipe(elo_kv_tx_t *tx, const uint8_t id[ELO_UPLOAD_ID], elo_upload_part_t part)
{
    uint8_t key[DEL_BATCH][ELO_UPLOAD_KEY_MAX];
    size_t len[DEL_BATCH];
    uint64_t at = 0;
    uint32_t n;
    elo_err_t rc;

    do {
        if ((rc = keys_next(tx, id, &part, &at, key, len, &n)) != ELO_OK) {
            return rc;
        }
        for (uint32_t i = 0; i < n; i++) {
            rc = elo_kv_tx_del(tx, ELO_T_UPLOAD, elo_slice(key[i], len[i]));
            if (rc != ELO_OK) {
                return rc;
            }
        }
    } while (n == DEL_BATCH); /* the last key again, which is gone: harmless */
    return ELO_OK;
}


static elo_err_t
part_put(elo_kv_tx_t *tx, const elo_upload_t *u, elo_upload_part_t part,
         uint64_t at, elo_slice_t value, const elo_slice_t *data)
{
    uint8_t mem[ELO_UPLOAD_KEY_MAX];

    return elo_kv_tx_put(tx, ELO_T_UPLOAD, elo_upload_key(u->id, part, at, mem),
                         value, data, data != NULL ? 1 : 0);
}


static elo_err_t
pieces_change(elo_kv_tx_t *tx, const elo_upload_change_t *c)
{
    uint8_t mem[ELO_UPLOAD_KEY_MAX];
    elo_err_t rc;

    for (uint32_t i = 0; i < c->n_gone; i++) {
        rc = elo_kv_tx_del(
            tx, ELO_T_UPLOAD,
            elo_upload_key(c->u->id, ELO_UPLOAD_PART_PIECE, c->gone[i], mem));
        if (rc != ELO_OK) {
            return rc;
        }
    }
    for (uint32_t i = 0; i < c->n_new; i++) {
        rc = part_put(tx, c->u, ELO_UPLOAD_PART_PIECE, c->piece[i],
                      elo_slice("", 0), &c->box[i]);
        if (rc != ELO_OK) {
            return rc;
        }
    }
    return ELO_OK;
}


/* May this change be made of what is there? */
static elo_err_t
check(elo_kv_tx_t *tx, const elo_upload_change_t *c)
{
    uint8_t mem[ELO_UPLOAD_KEY_MAX];
    elo_upload_state_t is;
    elo_kv_entry_t e;
    elo_err_t rc;

    rc = elo_kv_tx_get(tx, ELO_T_UPLOAD,
                       elo_upload_key(c->u->id, ELO_UPLOAD_PART_STATE, 0, mem),
                       &e);
    if (c->is_fresh) {
        return rc == ELO_ENOTFOUND ? ELO_OK : rc == ELO_OK ? ELO_EEXISTS : rc;
    }
    if (rc == ELO_OK) {
        rc = elo_upload_state_parse(e.value, &is);
    }
    if (rc == ELO_ENOTFOUND
        || (rc == ELO_OK
            && (is.phase != c->u->st.phase || is.key_no != c->u->st.key_no)))
    {
        return ELO_EGONE;
    }
    return rc;
}


/* What comes is on the agent's account before it is kept; a fresh upload must find
   room for all of its length. */
static elo_err_t
account(elo_upload_change_t *c, elo_kv_tx_t *tx)
{
    elo_store_t *s = c->u->s;
    uint64_t more = c->is.length == UINT64_MAX ? 0 : c->is.length;
    elo_err_t rc;

    if (!c->is_fresh) {
        return c->is.phase == ELO_UPLOAD_OPEN && c->is.offset > c->u->st.offset
                   ? elo_quota_check_tx(s, tx, &c->u->form.opt.agent,
                                        c->is.agent,
                                        c->is.offset - c->u->st.offset)
                   : ELO_OK;
    }
    if ((rc = elo_agent_intern_tx(tx, c->agent, &c->is.agent)) != ELO_OK) {
        return rc;
    }
    if (elo_kv_tx_sum(tx, ELO_SUM_TOTAL, ELO_TOTAL_UPLOADS) >= ELO_UPLOADS_MAX
        || elo_kv_tx_sum(tx, ELO_SUM_AGENT_UPLOADS, c->is.agent)
               >= ELO_UPLOADS_AGENT_MAX)
    {
        return ELO_EQUOTA;
    }
    return elo_quota_check_tx(s, tx, c->agent, c->is.agent, more);
}


elo_err_t
elo_upload_change_tx(elo_upload_change_t *c, elo_kv_tx_t *tx)
{
    uint8_t mem[ELO_UPLOAD_STATE_MAX], key[ELO_UPLOAD_KEY_MAX];
    elo_buf_t buf;
    elo_err_t rc = check(tx, c);

    if (rc == ELO_OK) {
        rc = account(c, tx);
    }

    if (rc == ELO_OK && c->wipe_from != ELO_UPLOAD_PART_STATE) {
        rc = wipe(tx, c->u->id, c->wipe_from);
    }
    if (rc == ELO_OK && c->form.p != NULL) {
        rc = part_put(tx, c->u, ELO_UPLOAD_PART_FORM, 0, c->form, NULL);
    }
    if (rc == ELO_OK && c->key.p != NULL) {
        rc = part_put(tx, c->u, ELO_UPLOAD_PART_KEY, 0, c->key, NULL);
    }
    if (rc != ELO_OK || (rc = pieces_change(tx, c)) != ELO_OK) {
        return rc;
    }
    if (c->is_last) {
        return elo_kv_tx_del(
            tx, ELO_T_UPLOAD,
            elo_upload_key(c->u->id, ELO_UPLOAD_PART_STATE, 0, key));
    }
    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_upload_state_encode(&c->is, &buf);
    if ((rc = elo_buf_err(&buf)) != ELO_OK) {
        return rc;
    }
    return part_put(tx, c->u, ELO_UPLOAD_PART_STATE, 0, elo_buf_slice(&buf),
                    NULL);
}


static elo_err_t
change_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    return elo_upload_change_tx((elo_upload_change_t *) op, tx);
}


elo_err_t
elo_upload_change(elo_upload_change_t *c)
{
    elo_err_t rc;

    c->op.run = change_run;
    if ((rc = elo_store_exec(c->u->s, &c->op)) == ELO_OK) {
        c->u->st = c->is;
    }
    return rc;
}


/* ---- reading ---- */

elo_err_t
elo_upload_state_get(elo_kv_view_t *v, const uint8_t id[ELO_UPLOAD_ID],
                     elo_upload_state_t *out)
{
    uint8_t mem[ELO_UPLOAD_KEY_MAX];
    elo_kv_entry_t e;
    elo_err_t rc = elo_kv_get(
        v, ELO_T_UPLOAD, elo_upload_key(id, ELO_UPLOAD_PART_STATE, 0, mem), &e);

    return rc != ELO_OK ? rc : elo_upload_state_parse(e.value, out);
}


static elo_err_t
part_get(elo_kv_view_t *v, const elo_upload_t *u, elo_upload_part_t part,
         elo_slice_t *out)
{
    uint8_t mem[ELO_UPLOAD_KEY_MAX];
    elo_kv_entry_t e;
    elo_err_t rc =
        elo_kv_get(v, ELO_T_UPLOAD, elo_upload_key(u->id, part, 0, mem), &e);

    *out = rc == ELO_OK ? e.value : elo_slice(NULL, 0);
    return rc;
}


static elo_err_t
form_load(elo_upload_t *u, elo_slice_t row)
{
    elo_err_t rc;
    uint32_t n;

    rc = elo_upload_form_open(u->id, u->key, row, &u->form_mem, &u->form);
    if (rc != ELO_OK) {
        return rc;
    }
    n = u->form.opt.n_invited;
    free(u->invited);
    u->invited = calloc(n > 0 ? n : 1, sizeof(u->invited[0]));
    if (u->invited == NULL) {
        return ELO_ENOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        memcpy(u->invited[i].b, u->form.invited_raw.p + i * ELO_AGENT_LEN,
               ELO_AGENT_LEN);
    }
    return ELO_OK;
}


elo_err_t
elo_upload_load(elo_upload_t *u)
{
    elo_slice_t form, key;
    elo_kv_view_t v;
    elo_err_t rc;

    if ((rc = elo_kv_view_begin(u->s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = elo_upload_state_get(&v, u->id, &u->st);
    if (rc == ELO_OK && u->st.phase == ELO_UPLOAD_OPEN) {
        rc = part_get(&v, u, ELO_UPLOAD_PART_FORM, &form);
        rc = rc == ELO_ENOTFOUND ? ELO_ECORRUPT : rc;
        if (rc == ELO_OK) {
            rc = part_get(&v, u, ELO_UPLOAD_PART_KEY, &key);
            rc = rc == ELO_ENOTFOUND ? ELO_OK : rc;
        }
        if (rc == ELO_OK && key.p != NULL) {
            rc = elo_upload_key_open(u->s, key, &u->key);
        }
        if (rc == ELO_OK) {
            rc = form_load(u, form);
        }
    }
    elo_kv_view_end(&v);
    u->is_loaded = rc == ELO_OK;
    return rc;
}


/* One piece into its place. ELO_EAGAIN: compaction has moved it. */
static elo_err_t
piece_load(elo_upload_t *u, uint64_t at, const elo_kv_entry_t *e,
           uint64_t start, uint8_t *tail, size_t *len)
{
    uint8_t *box;
    size_t n;
    elo_err_t rc;

    if (e->data_len < ELO_SBOX_OVERHEAD || at != start + *len
        || (n = e->data_len - ELO_SBOX_OVERHEAD) > ELO_UPLOAD_CHUNK - *len
        || u->n_pieces == ELO_UPLOAD_PIECES_MAX)
    {
        return ELO_ECORRUPT;
    }
    if ((box = malloc(e->data_len)) == NULL) {
        return ELO_ENOMEM;
    }
    rc = elo_kv_read(u->s->kv, e->segment, e->data_off, box, e->data_len);
    if (rc == ELO_OK) {
        rc = elo_upload_unbox(u, at, elo_slice(box, e->data_len), tail + *len);
    }
    free(box);
    if (rc == ELO_OK) {
        u->piece[u->n_pieces++] = at;
        *len += n;
    }
    return rc == ELO_ENOTFOUND ? ELO_EAGAIN : rc;
}


static elo_err_t
load_tail(elo_upload_t *u, uint8_t *tail, size_t *len)
{
    uint64_t start = elo_upload_chunks(u->st.offset) * ELO_UPLOAD_CHUNK, at;
    uint8_t mem[ELO_UPLOAD_KEY_MAX], id[ELO_UPLOAD_ID];
    elo_upload_part_t part;
    elo_kv_cursor_t *c;
    elo_kv_entry_t e;
    elo_slice_t key;
    elo_kv_view_t v;
    elo_err_t rc;

    u->n_pieces = 0;
    *len = 0;
    if ((rc = elo_kv_view_begin(u->s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = elo_kv_cursor_open(
        &v, ELO_T_UPLOAD, elo_upload_key(u->id, ELO_UPLOAD_PART_PIECE, 0, mem),
        &c);
    if (rc == ELO_OK) {
        while ((rc = elo_kv_cursor_next(c, &key, &e)) == ELO_OK
               && (rc = elo_upload_key_parse(key, id, &part, &at)) == ELO_OK
               && memcmp(id, u->id, ELO_UPLOAD_ID) == 0
               && (rc = piece_load(u, at, &e, start, tail, len)) == ELO_OK)
        {
        }
        elo_kv_cursor_close(&c);
    }
    elo_kv_view_end(&v);
    if (rc == ELO_OK || rc == ELO_ENOTFOUND) {
        rc = start + *len == u->st.offset ? ELO_OK : ELO_ECORRUPT;
    }
    return rc;
}


elo_err_t
elo_upload_load_tail(elo_upload_t *u, uint8_t *tail, size_t *len)
{
    elo_err_t rc = ELO_EAGAIN;

    for (int i = 0; i < READ_TRIES && rc == ELO_EAGAIN; i++) {
        rc = load_tail(u, tail, len);
    }
    return rc;
}
