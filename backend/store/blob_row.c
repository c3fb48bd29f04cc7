/* SPDX-License-Identifier: BSD-2-Clause */
/* blob_row: see the header. */
#include "backend/store/blob_row.h"

#include "backend/store/files.h"

#define OWN_BATCH 64 /* rows collected before they are deleted */
#define US_PER_S  1000000u


elo_err_t
elo_rows_get(const elo_rows_t *r, uint8_t table, elo_slice_t key,
             elo_kv_entry_t *out)
{
    return r->tx != NULL ? elo_kv_tx_get(r->tx, table, key, out)
                         : elo_kv_get(r->view, table, key, out);
}


elo_err_t
elo_rows_cursor(const elo_rows_t *r, uint8_t table, elo_slice_t from,
                elo_kv_cursor_t **c)
{
    return r->tx != NULL ? elo_kv_tx_cursor_open(r->tx, table, from, c)
                         : elo_kv_cursor_open(r->view, table, from, c);
}


elo_err_t
elo_blob_row(const elo_rows_t *r, const elo_digest_t *stored, elo_kv_entry_t *e,
             elo_rec_blob_t *rec)
{
    elo_err_t rc = elo_rows_get(r, ELO_T_BLOB, elo_digest_slice(stored), e);

    return rc != ELO_OK ? rc : elo_rec_blob_parse(e->value, e->data_len, rec);
}


elo_err_t
elo_row_is(const elo_rows_t *r, uint8_t table, const elo_digest_t *d, bool *out)
{
    elo_kv_entry_t e;
    elo_err_t rc = elo_rows_get(r, table, elo_digest_slice(d), &e);

    if (rc == ELO_OK || rc == ELO_ENOTFOUND) {
        *out = rc == ELO_OK;
        rc = ELO_OK;
    }
    return rc;
}


elo_err_t
elo_blob_is_bad(elo_store_t *s, const elo_rows_t *r, const elo_digest_t *stored,
                bool *out)
{
    int64_t n = r->tx != NULL
                    ? elo_kv_tx_sum(r->tx, ELO_SUM_TOTAL, ELO_TOTAL_BAD)
                    : elo_kv_sum(s->kv, ELO_SUM_TOTAL, ELO_TOTAL_BAD);

    *out = false;
    return n <= 0 ? ELO_OK : elo_row_is(r, ELO_T_BAD, stored, out);
}


/* ---- who has it ---- */

static elo_err_t
own_row(const elo_rows_t *r, const elo_digest_t *d, uint32_t agent,
        elo_rec_own_t *out)
{
    uint8_t mem[ELO_OWN_KEY];
    elo_kv_entry_t e;
    elo_err_t rc = elo_rows_get(r, ELO_T_OWN, elo_own_key(d, agent, mem), &e);

    return rc != ELO_OK ? rc : elo_rec_own_parse(e.value, out);
}


static bool
is_first(const elo_rec_blob_t *rec, uint32_t agent)
{
    return !rec->is_object && rec->agent == agent;
}


elo_err_t
elo_own_has(const elo_rows_t *r, const elo_digest_t *d,
            const elo_rec_blob_t *rec, uint32_t agent, bool *out)
{
    elo_rec_own_t own = { .is_gone = !is_first(rec, agent) };
    elo_err_t rc = own_row(r, d, agent, &own);

    if (rc == ELO_OK || rc == ELO_ENOTFOUND) {
        *out = !own.is_gone;
        rc = ELO_OK;
    }
    return rc;
}


/* The next row of d; ELO_ENOTFOUND behind the last. */
static elo_err_t
own_next(elo_kv_cursor_t *c, const elo_digest_t *d, uint32_t *agent,
         elo_rec_own_t *own)
{
    elo_kv_entry_t e;
    elo_slice_t key;
    elo_digest_t is;
    elo_err_t rc = elo_kv_cursor_next(c, &key, &e);

    if (rc == ELO_OK && (rc = elo_own_key_parse(key, &is, agent)) == ELO_OK) {
        rc = memcmp(is.b, d->b, ELO_SHA256_LEN) != 0
                 ? ELO_ENOTFOUND
                 : elo_rec_own_parse(e.value, own);
    }
    return rc;
}


elo_err_t
elo_own_any(const elo_rows_t *r, const elo_digest_t *d,
            const elo_rec_blob_t *rec, bool *out)
{
    bool is_gone = rec->is_object; /* the first sender's */
    elo_kv_cursor_t *c;
    elo_rec_own_t own;
    uint32_t agent;
    elo_err_t rc;

    rc = elo_rows_cursor(r, ELO_T_OWN, elo_digest_slice(d), &c);
    if (rc != ELO_OK) {
        return rc;
    }
    *out = false;
    while (!*out && (rc = own_next(c, d, &agent, &own)) == ELO_OK) {
        if (!own.is_gone) {
            *out = true;
        } else if (is_first(rec, agent)) {
            is_gone = true;
        }
    }
    elo_kv_cursor_close(&c);
    if (rc == ELO_ENOTFOUND) {
        *out = *out || !is_gone;
        rc = ELO_OK;
    }
    return rc;
}


static elo_err_t
own_put(elo_kv_tx_t *tx, const elo_digest_t *d, uint32_t agent, uint64_t size,
        bool is_gone)
{
    elo_rec_own_t own = { .is_gone = is_gone, .size = size };
    uint8_t key[ELO_OWN_KEY], mem[ELO_OWN_REC_LEN];
    elo_buf_t buf;
    elo_err_t rc;

    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_rec_own_encode(&own, &buf);
    if ((rc = elo_buf_err(&buf)) != ELO_OK) {
        return rc;
    }
    return elo_kv_tx_put(tx, ELO_T_OWN, elo_own_key(d, agent, key),
                         elo_buf_slice(&buf), NULL, 0);
}


elo_err_t
elo_own_add_tx(elo_kv_tx_t *tx, const elo_digest_t *d,
               const elo_rec_blob_t *rec, uint32_t agent)
{
    uint8_t key[ELO_OWN_KEY];

    return is_first(rec, agent)
               ? elo_kv_tx_del(tx, ELO_T_OWN, elo_own_key(d, agent, key))
               : own_put(tx, d, agent, rec->size, false);
}


elo_err_t
elo_own_del_tx(elo_kv_tx_t *tx, const elo_digest_t *d,
               const elo_rec_blob_t *rec, uint32_t agent)
{
    uint8_t key[ELO_OWN_KEY];

    return is_first(rec, agent)
               ? own_put(tx, d, agent, rec->size, true)
               : elo_kv_tx_del(tx, ELO_T_OWN, elo_own_key(d, agent, key));
}


/* A cursor isn't held over a deletion. */
elo_err_t
elo_own_clear_tx(elo_kv_tx_t *tx, const elo_digest_t *d)
{
    elo_rows_t r = { .tx = tx };
    uint32_t agents[OWN_BATCH], n;
    uint8_t key[ELO_OWN_KEY];
    elo_kv_cursor_t *c;
    elo_rec_own_t own;
    elo_err_t rc;

    do {
        rc = elo_rows_cursor(&r, ELO_T_OWN, elo_digest_slice(d), &c);
        if (rc != ELO_OK) {
            return rc;
        }
        n = 0;
        while (n < OWN_BATCH
               && (rc = own_next(c, d, &agents[n], &own)) == ELO_OK) {
            n++;
        }
        elo_kv_cursor_close(&c);
        if (rc != ELO_OK && rc != ELO_ENOTFOUND) {
            return rc;
        }
        rc = ELO_OK;
        for (uint32_t i = 0; i < n && rc == ELO_OK; i++) {
            rc = elo_kv_tx_del(tx, ELO_T_OWN, elo_own_key(d, agents[i], key));
        }
    } while (rc == ELO_OK && n == OWN_BATCH);
    return rc;
}


/* ---- what is stored ---- */

elo_err_t
elo_stored_del_tx(elo_kv_tx_t *tx, const elo_digest_t *stored,
                  const elo_rec_blob_t *rec, uint64_t *file)
{
    static const uint8_t tables[] = { ELO_T_TREE, ELO_T_BAD, ELO_T_USE };
    elo_slice_t key = elo_digest_slice(stored);
    elo_reach_t reach = rec->reach;
    uint64_t id = rec->file;
    elo_err_t rc;

    if ((rc = elo_task_forget(tx, stored, reach, rec->created_us)) != ELO_OK
        || (rc = elo_kv_tx_del(tx, ELO_T_BLOB, key)) != ELO_OK
        || (rc = elo_file_kill_tx(tx, ELO_FILE_BLOB, id)) != ELO_OK)
    {
        return rc;
    }
    for (size_t i = 0; i < sizeof(tables) && rc == ELO_OK; i++) {
        rc = elo_kv_tx_del(tx, tables[i], key);
    }
    *file = id;
    return rc;
}


/* ---- sealed ---- */

elo_err_t
elo_sealed_row(const elo_rows_t *r, const elo_digest_t *blind, uint32_t agent,
               uint32_t *no, elo_kv_entry_t *e, elo_rec_sealed_t *rec)
{
    uint8_t mem[ELO_SEALED_KEY];
    elo_kv_cursor_t *c;
    elo_digest_t is;
    elo_slice_t key;
    elo_err_t rc;

    if (agent == ELO_NO_AGENT) {
        rc = elo_rows_cursor(r, ELO_T_SEALED, elo_digest_slice(blind), &c);
        if (rc != ELO_OK) {
            return rc;
        }
        rc = elo_kv_cursor_next(c, &key, e);
        if (rc == ELO_OK
            && (rc = elo_sealed_key_parse(key, &is, &agent)) == ELO_OK
            && memcmp(is.b, blind->b, ELO_SHA256_LEN) != 0)
        {
            rc = ELO_ENOTFOUND;
        }
        elo_kv_cursor_close(&c); /* what it gave is borrowed no longer */
        if (rc != ELO_OK) {
            return rc;
        }
    }
    rc = elo_rows_get(r, ELO_T_SEALED, elo_sealed_key(blind, agent, mem), e);
    if (rc == ELO_OK) {
        *no = agent;
        rc = elo_rec_sealed_parse(e->value, rec);
    }
    return rc;
}


elo_err_t
elo_blob_is_clear(elo_kv_tx_t *tx, const elo_digest_t *d, bool *out)
{
    elo_rows_t r = { .tx = tx };
    elo_rec_blob_t rec;
    elo_kv_entry_t e;
    elo_err_t rc = elo_blob_row(&r, d, &e, &rec);

    *out = false;
    if (rc != ELO_OK) {
        return rc == ELO_ENOTFOUND ? ELO_OK : rc;
    }
    *out = true;
    return rec.is_object ? elo_own_any(&r, d, &rec, out) : ELO_OK;
}


elo_err_t
elo_blob_is_held(elo_store_t *s, elo_kv_tx_t *tx, const elo_digest_t *d,
                 bool *out)
{
    elo_rows_t r = { .tx = tx };
    elo_rec_sealed_t rec;
    elo_digest_t blind;
    elo_kv_entry_t e;
    uint32_t no;
    elo_err_t rc = elo_blob_is_clear(tx, d, out);

    if (rc != ELO_OK || *out || s->keyring == NULL
        || elo_kv_tx_sum(tx, ELO_SUM_TOTAL, ELO_TOTAL_SEALED) <= 0)
    {
        return rc;
    }
    if ((rc = elo_keyring_blind(s->keyring, d, &blind)) == ELO_OK) {
        rc = elo_sealed_row(&r, &blind, ELO_NO_AGENT, &no, &e, &rec);
        *out = rc == ELO_OK;
    }
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


elo_err_t
elo_sealed_del_tx(elo_kv_tx_t *tx, const elo_digest_t *blind, uint32_t agent,
                  uint64_t *file)
{
    elo_rows_t r = { .tx = tx };
    uint8_t key[ELO_SEALED_KEY];
    elo_rec_sealed_t rec;
    elo_rec_blob_t obj;
    elo_kv_entry_t e;
    bool is_sent;
    elo_err_t rc = elo_sealed_row(&r, blind, agent, &agent, &e, &rec);

    *file = 0;
    if (rc != ELO_OK) {
        return rc;
    }
    rc = elo_blob_row(&r, &rec.object, &e, &obj);
    if (rc == ELO_OK
        && (rc = elo_own_any(&r, &rec.object, &obj, &is_sent)) == ELO_OK
        && !is_sent)
    {
        rc = elo_stored_del_tx(tx, &rec.object, &obj, file);
    }
    if (rc != ELO_OK && rc != ELO_ENOTFOUND) {
        return rc;
    }
    return elo_kv_tx_del(tx, ELO_T_SEALED, elo_sealed_key(blind, agent, key));
}


/* ---- what is answered ---- */

static void
stat_fill(elo_slice_t type, uint64_t created_us, elo_reach_t reach,
          elo_blob_stat_t *out)
{
    out->created_at = (int64_t) (created_us / US_PER_S);
    out->reach = reach;
    if (type.len > 0) {
        memcpy(out->content_type, type.p, type.len);
    }
    out->content_type[type.len] = '\0';
}


static void
stat_place(const elo_digest_t *stored, const elo_rec_blob_t *rec,
           const elo_kv_entry_t *e, elo_blob_stat_t *out)
{
    out->_object = *stored;
    out->_stored = rec->size;
    out->_file = rec->file;
    out->_segment = rec->file == 0 ? e->segment : 0;
    out->_offset = rec->file == 0 && e->data_len > 0 ? e->data_off : 0;
}


void
elo_stat_clear(const elo_digest_t *d, const elo_rec_blob_t *rec,
               const elo_kv_entry_t *e, elo_blob_stat_t *out)
{
    out->digest = *d;
    out->size = rec->size;
    out->is_sealed = out->is_bad = false;
    stat_fill(rec->content_type, rec->created_us, rec->reach, out);
    stat_place(d, rec, e, out);
    out->offset = out->_offset;
    if (rec->file != 0) {
        elo_file_name(ELO_FILE_BLOB, rec->file, out->name);
    } else {
        elo_kv_segment_name(e->segment, out->name);
    }
}


void
elo_stat_sealed(const elo_digest_t *d, const elo_rec_sealed_t *rec,
                const elo_rec_blob_t *obj, const elo_kv_entry_t *e,
                elo_blob_stat_t *out)
{
    out->digest = *d;
    out->size = rec->size;
    out->is_sealed = true;
    out->is_bad = false;
    stat_fill(rec->content_type, rec->created_us, rec->reach, out);
    stat_place(&rec->object, obj, e, out);
    out->name[0] = '\0';
    out->offset = 0;
}
