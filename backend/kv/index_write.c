/* SPDX-License-Identifier: BSD-2-Clause */
/* index_write: a checkpoint's transaction. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "backend/kv/index_internal.h"

#define DISK_FULL (1u << 20) /* free bytes: LMDB calls a short write EIO */


static uint8_t *
wr32(uint8_t *p, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(p, &v, sizeof(v));
    return p + sizeof(v);
}


static uint8_t *
wr64(uint8_t *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, sizeof(v));
    return p + sizeof(v);
}


elo_err_t
elo_index_write_begin(elo_index_t *ix, elo_index_write_t **out)
{
    elo_index_write_t *w = calloc(1, sizeof(*w));
    int rc;

    if (w == NULL) {
        return ELO_ENOMEM;
    }
    w->ix = ix;
    if ((rc = mdb_txn_begin(ix->main.env, NULL, 0, &w->txn)) != MDB_SUCCESS) {
        free(w);
        return elo_index_result(rc);
    }
    *out = w;
    return ELO_OK;
}


static elo_err_t
cursor_of(elo_index_write_t *w, uint8_t table, MDB_cursor **out)
{
    elo_err_t rc = ELO_OK;

    assert(w->ix->names[table] != NULL);
    if (w->cursors[table] == NULL) {
        rc = elo_index_result(mdb_cursor_open(w->txn, w->ix->main.dbi[table],
                                              &w->cursors[table]));
    }
    *out = w->cursors[table];
    return rc;
}


elo_err_t
elo_index_put(elo_index_write_t *w, uint8_t table, const elo_kv_row_t *row)
{
    MDB_val k = elo_val(row->key),
            v = { row->value.len + (ELO_INDEX_VALUE_HEAD + ELO_INDEX_SUM_LEN),
                  NULL };
    MDB_cursor *c;
    elo_err_t rc;
    uint8_t *p;

    if ((rc = cursor_of(w, table, &c)) != ELO_OK
        || (rc = elo_index_result(mdb_cursor_put(c, &k, &v, MDB_RESERVE)))
               != ELO_OK)
    {
        return rc;
    }
    p = wr64(v.mv_data, row->place);
    p = wr32(p, row->data_len);
    if (row->value.len != 0) {
        memcpy(p, row->value.p, row->value.len);
    }
    wr32(p + row->value.len,
         elo_index_sum(row->key, v.mv_data,
                       ELO_INDEX_VALUE_HEAD + row->value.len));
    return ELO_OK;
}


elo_err_t
elo_index_del(elo_index_write_t *w, uint8_t table, elo_slice_t key)
{
    MDB_val k = elo_val(key), v;
    MDB_cursor *c;
    elo_err_t rc;

    if ((rc = cursor_of(w, table, &c)) != ELO_OK) {
        return rc;
    }
    rc = elo_index_result(mdb_cursor_get(c, &k, &v, MDB_SET_KEY));
    if (rc == ELO_OK) {
        rc = elo_index_result(mdb_cursor_del(c, 0));
    }
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


/* value ends with room for the checksum. */
static elo_err_t
put_engine(elo_index_write_t *w, elo_slice_t key, uint8_t *value, size_t len)
{
    MDB_val k = elo_val(key), v = { len, value };

    wr32(value + len - 4, elo_index_sum(key, value, len - 4));
    return elo_index_result(
        mdb_put(w->txn, w->ix->main.dbi[ELO_INDEX_ENGINE], &k, &v, 0));
}


elo_err_t
elo_index_put_state(elo_index_write_t *w, const elo_index_state_t *s)
{
    uint8_t value[ELO_INDEX_STATE_LEN], *p;

    p = wr32(value, ELO_INDEX_VERSION);
    p = wr64(p, s->store_id);
    p = wr64(p, s->pos.segment);
    p = wr64(p, s->pos.off);
    wr64(p, s->next_lsn);
    return put_engine(w, ELO_INDEX_STATE_KEY, value, sizeof(value));
}


elo_err_t
elo_index_put_counter(elo_index_write_t *w, uint8_t space, uint64_t id,
                      int64_t value)
{
    uint8_t mem[ELO_INDEX_COUNTER_LEN],
        key[ELO_INDEX_COUNTER_KEY] = { 'c', space };
    MDB_val k = { sizeof(key), key };
    int rc;

    wr64(key + 2, id);
    if (value == 0) {
        rc = mdb_del(w->txn, w->ix->main.dbi[ELO_INDEX_ENGINE], &k, NULL);
        return rc == MDB_NOTFOUND ? ELO_OK : elo_index_result(rc);
    }
    wr64(mem, (uint64_t) value);
    return put_engine(w, elo_slice(key, sizeof(key)), mem, sizeof(mem));
}


/* Did LMDB end a commit before its meta page? A short write on a full disk is
   EIO there, and no damage: the pages of a transaction that isn't committed are
   nobody's. When it says that its state is no longer known, it also refuses a
   read. */
static bool
is_undone(elo_index_t *ix, int err)
{
    uint64_t room;
    MDB_txn *probe;

    if (err == EIO && ix->vfs->free_space(ix->vfs, ix->dir, &room) == ELO_OK
        && room < DISK_FULL)
    {
        err = ENOSPC;
    }
    if (err != MDB_MAP_FULL && err != ENOSPC && err != EDQUOT && err != ENOMEM)
    {
        return false;
    }
    if (mdb_txn_begin(ix->main.env, NULL, MDB_RDONLY, &probe) != MDB_SUCCESS) {
        return false;
    }
    mdb_txn_abort(probe);
    return true;
}


elo_err_t
elo_index_commit(elo_index_write_t **p)
{
    elo_index_t *ix = (*p)->ix;
    MDB_txn *txn;
    elo_err_t rc;
    int err;

    if ((rc = ix->vfs->checkpoint(ix->vfs)) != ELO_OK) {
        elo_index_abort(p);
        return rc;
    }
    txn = (*p)->txn; /* frees the cursors too: those of a write */
    free(*p);
    *p = NULL;
    err = mdb_txn_commit(txn);
    if (err == MDB_SUCCESS) {
        return ELO_OK;
    }
    if (is_undone(ix, err)) {
        return err == EIO ? ENOSPC : elo_index_result(err);
    }
    rc = elo_index_result(err);
    return rc == ELO_ENOSPC || rc == ELO_ENOMEM || rc == ENOSPC || rc == EDQUOT
               ? ELO_EINTERNAL
               : rc;
}


void
elo_index_abort(elo_index_write_t **p)
{
    if (*p != NULL) {
        mdb_txn_abort((*p)->txn);
        free(*p);
        *p = NULL;
    }
}
