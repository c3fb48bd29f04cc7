/* SPDX-License-Identifier: BSD-2-Clause */
/* wide: see the header. */
#include "backend/store/wide.h"

#include <assert.h>

#include "backend/store/blob_row.h"
#include "backend/store/files.h"
#include "backend/store/node_internal.h"
#include "backend/store/possess.h"
#include "backend/store/put_internal.h"

#define PREFIX     "wide"
#define PREFIX_LEN (sizeof(PREFIX) - 1)
#define KEY_LEN    (PREFIX_LEN + ELO_SHA256_LEN)

typedef struct {
    elo_kv_op_t op; /* first */
    const elo_digest_t *d;
    elo_digest_t blind;
    elo_store_t *s;
    const elo_agent_t *agent; /* done: whose copy goes */
    elo_slots_t slots;
    uint64_t file;
} done_op_t;

typedef struct {
    elo_holding_t h;
    uint32_t *no;
    elo_blob_stat_t *out;
    bool is_found;
} find_t;


static elo_slice_t
note_key(const elo_digest_t *d, uint8_t out[KEY_LEN])
{
    memcpy(out, PREFIX, PREFIX_LEN);
    memcpy(out + PREFIX_LEN, d->b, ELO_SHA256_LEN);
    return elo_slice(out, KEY_LEN);
}


elo_err_t
elo_wide_note_tx(elo_kv_tx_t *tx, const elo_digest_t *d)
{
    uint8_t key[KEY_LEN];

    return elo_kv_tx_put(tx, ELO_T_CARE, note_key(d, key), elo_slice(NULL, 0),
                         NULL, 0);
}


static elo_err_t
note_next(elo_kv_view_t *v, const elo_digest_t *after, elo_digest_t *out)
{
    uint8_t mem[KEY_LEN];
    elo_slice_t from = elo_slice((const uint8_t *) PREFIX, PREFIX_LEN), key;
    elo_kv_cursor_t *c = NULL;
    elo_kv_entry_t e;
    elo_err_t rc;

    if (after != NULL) {
        from = note_key(after, mem);
    }
    if ((rc = elo_kv_cursor_open(v, ELO_T_CARE, from, &c)) != ELO_OK) {
        return rc;
    }
    rc = elo_kv_cursor_next(c, &key, &e);
    if (rc == ELO_OK && elo_slice_eq(key, from)) {
        rc = elo_kv_cursor_next(c, &key, &e);
    }
    if (rc == ELO_OK) {
        if (key.len == KEY_LEN && memcmp(key.p, PREFIX, PREFIX_LEN) == 0) {
            memcpy(out->b, key.p + PREFIX_LEN, ELO_SHA256_LEN);
        } else {
            rc = ELO_ENOTFOUND;
        }
    }
    elo_kv_cursor_close(&c);
    return rc;
}


elo_err_t
elo_store_wide_next(elo_store_t *s, const elo_digest_t *after,
                    elo_digest_t *out)
{
    elo_kv_view_t v;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_kv_view_begin(s->kv, &v)) == ELO_OK) {
        rc = note_next(&v, after, out);
        elo_kv_view_end(&v);
    }
    return rc;
}


/* Looks at agent `no`'s sealed copy (ELO_NO_AGENT: the first); ELO_EAGAIN: there is
   none, or it isn't the one that is asked for. */
static elo_err_t
copy_of(find_t *f, uint32_t no)
{
    const elo_digest_t *blind;
    elo_kv_entry_t e, obj_e;
    elo_rec_sealed_t rec;
    elo_rec_blob_t obj;
    elo_err_t rc;

    if (no != ELO_NO_AGENT && *f->no != ELO_NO_AGENT && no != *f->no) {
        return ELO_EAGAIN;
    }
    no = no == ELO_NO_AGENT ? *f->no : no;
    if ((rc = elo_holding_blind(&f->h, &blind)) != ELO_OK
        || (rc = elo_sealed_row(f->h.rows, blind, no, &no, &e, &rec)) != ELO_OK
        || (rc = elo_blob_row(f->h.rows, &rec.object, &obj_e, &obj)) != ELO_OK)
    {
        return rc == ELO_ENOTFOUND ? ELO_EAGAIN : rc;
    }
    elo_stat_sealed(f->h.d, &rec, &obj, &obj_e, f->out);
    *f->no = no;
    return ELO_OK;
}


/* Of a wide node: its owner's own copy, or, when he was promoted, anybody's. */
static elo_err_t
is_to_widen(void *ctx, elo_slice_t id, const elo_rec_node_t *node)
{
    find_t *f = ctx;
    bool is_promoted;
    elo_err_t rc;

    (void) id;
    if (elo_reach_is_sealed(node->reach)) {
        return ELO_EAGAIN;
    }
    rc = copy_of(f, node->owner);
    if (rc == ELO_EAGAIN
        && (rc = elo_holding_is_promoted(&f->h, node->owner, &is_promoted))
               == ELO_OK)
    {
        rc = is_promoted ? copy_of(f, ELO_NO_AGENT) : ELO_EAGAIN;
    }
    f->is_found = rc == ELO_OK;
    return rc;
}


/* A sealed copy, of agent *no (ELO_NO_AGENT: of anybody), that a wide node refers to
   effectively; *no is whose. ELO_ENOTFOUND. */
static elo_err_t
sealed_find(elo_store_t *s, const elo_rows_t *r, const elo_digest_t *d,
            uint32_t *no, elo_blob_stat_t *out)
{
    find_t f = { .no = no, .out = out };
    elo_err_t rc;

    if (s->keyring == NULL) {
        return ELO_ENOKEY;
    }
    elo_holding_init(&f.h, s, r, d);
    rc = elo_refs_each(&f.h, is_to_widen, &f);
    return rc == ELO_OK && !f.is_found ? ELO_ENOTFOUND : rc;
}


elo_err_t
elo_store_wide_stat(elo_store_t *s, const elo_digest_t *d, elo_agent_t *agent,
                    elo_blob_stat_t *out)
{
    uint32_t no = ELO_NO_AGENT;
    elo_kv_view_t v;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = sealed_find(s, &(elo_rows_t){ .view = &v }, d, &no, out);
    if (rc == ELO_OK) {
        rc = elo_agent_of(&v, no, agent);
    }
    elo_kv_view_end(&v);
    return rc;
}


/* ELO_EPRECOND: there is no such copy, of agent no (or anybody). */
static elo_err_t
check(elo_store_t *s, elo_kv_tx_t *tx, const elo_digest_t *d, uint32_t no)
{
    elo_blob_stat_t st;
    elo_err_t rc = sealed_find(s, &(elo_rows_t){ .tx = tx }, d, &no, &st);

    return rc == ELO_ENOTFOUND ? ELO_EPRECOND : rc;
}


elo_err_t
elo_wide_check_tx(elo_store_t *s, elo_kv_tx_t *tx, const elo_digest_t *d,
                  const elo_agent_t *agent)
{
    uint32_t no;
    elo_err_t rc = elo_agent_no_tx(tx, agent, &no);

    if (rc != ELO_OK) {
        return rc == ELO_ENOTFOUND ? ELO_EPRECOND : rc;
    }
    return check(s, tx, d, no);
}


static elo_err_t
done_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    done_op_t *o = (done_op_t *) op;
    uint8_t key[KEY_LEN];
    uint32_t no;
    elo_err_t rc;

    o->file = 0;
    if ((rc = elo_agent_no_tx(tx, o->agent, &no)) == ELO_OK) {
        rc = elo_sealed_del_tx(tx, &o->blind, no, &o->file);
    }
    if (rc != ELO_OK && rc != ELO_ENOTFOUND) {
        return rc;
    }
    if ((rc = elo_slots_mark_blob(&o->slots, tx, o->d)) != ELO_OK) {
        return rc;
    }
    return elo_kv_tx_del(tx, ELO_T_CARE, note_key(o->d, key));
}


static elo_err_t
strike_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    done_op_t *o = (done_op_t *) op;
    uint8_t key[KEY_LEN];
    elo_err_t rc = check(o->s, tx, o->d, ELO_NO_AGENT);

    return rc != ELO_EPRECOND
               ? rc
               : elo_kv_tx_del(tx, ELO_T_CARE, note_key(o->d, key));
}


elo_err_t
elo_store_wide_done(elo_store_t *s, const elo_digest_t *d,
                    const elo_agent_t *agent)
{
    done_op_t o = { .op.run = done_run, .s = s, .d = d, .agent = agent };
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_keyring_blind(s->keyring, d, &o.blind)) != ELO_OK
        || (rc = elo_store_exec(s, &o.op)) != ELO_OK)
    {
        return rc;
    }
    elo_slots_bump(s, &o.slots);
    elo_file_bury(s, ELO_FILE_BLOB, o.file);
    return ELO_OK;
}


elo_err_t
elo_store_wide_strike(elo_store_t *s, const elo_digest_t *d)
{
    done_op_t o = { .op.run = strike_run, .s = s, .d = d };

    assert(s->magic == ELO_STORE_MAGIC);
    return elo_store_exec(s, &o.op);
}
