/* SPDX-License-Identifier: BSD-2-Clause */
/* index_read: rows, state and counters out of the index. */
#include <assert.h>

#include "backend/kv/index_internal.h"
#include "common/base/rd.h"


/* The bytes of a value before its checksum, if that is right. */
static elo_err_t
checked(elo_slice_t key, elo_slice_t value, size_t min, elo_slice_t *out)
{
    uint32_t sum = 0;

    if (value.len < min) {
        return ELO_ECORRUPT;
    }
    out->p = value.p;
    out->len = value.len - sizeof(sum);
    elo_rd_be32(value.p + out->len, value.p + value.len, &sum);
    return sum == elo_index_sum(key, out->p, out->len) ? ELO_OK : ELO_ECORRUPT;
}


static elo_err_t
row_parse(elo_slice_t key, elo_slice_t value, elo_kv_row_t *out)
{
    const uint8_t *p, *end;
    elo_slice_t in;
    elo_err_t rc;

    *out = (elo_kv_row_t){ .key = key };
    if ((rc = checked(key, value, (ELO_INDEX_VALUE_HEAD + ELO_INDEX_SUM_LEN),
                      &in))
        != ELO_OK)
    {
        return rc;
    }
    end = in.p + in.len;
    p = elo_rd_be64(in.p, end, &out->place);
    p = elo_rd_be32(p, end, &out->data_len);
    out->value = elo_slice(p, in.len - ELO_INDEX_VALUE_HEAD);
    return ELO_OK;
}


elo_err_t
elo_index_get(elo_index_read_t *r, uint8_t table, elo_slice_t key,
              elo_kv_row_t *out)
{
    MDB_val k = elo_val(key), v;
    int rc;

    assert(r->ix->names[table] != NULL);
    rc = mdb_get(r->txn, r->env->dbi[table], &k, &v);
    if (rc != MDB_SUCCESS) {
        return elo_index_result(rc);
    }
    return row_parse(key, elo_val_slice(v), out);
}


elo_err_t
elo_index_state(elo_index_read_t *r, elo_index_state_t *out)
{
    MDB_val k = elo_val(ELO_INDEX_STATE_KEY), v;
    elo_index_state_t s;
    const uint8_t *p, *end;
    elo_slice_t in;
    uint32_t version = 0;
    elo_err_t rc;

    rc = elo_index_result(
        mdb_get(r->txn, r->env->dbi[ELO_INDEX_ENGINE], &k, &v));
    if (rc != ELO_OK) {
        return rc;
    }
    if ((rc = checked(ELO_INDEX_STATE_KEY, elo_val_slice(v),
                      ELO_INDEX_STATE_LEN, &in))
        != ELO_OK)
    {
        return rc;
    }
    end = in.p + in.len;
    p = elo_rd_be32(in.p, end, &version);
    p = elo_rd_be64(p, end, &s.store_id);
    p = elo_rd_be64(p, end, &s.pos.segment);
    p = elo_rd_be64(p, end, &s.pos.off);
    p = elo_rd_be64(p, end, &s.next_lsn);
    if (p != end || version != ELO_INDEX_VERSION) {
        return ELO_ECORRUPT;
    }
    *out = s;
    return ELO_OK;
}


static elo_err_t
counter_parse(MDB_val k, MDB_val v, elo_index_counter_fn fn, void *ctx)
{
    elo_slice_t key = elo_val_slice(k), in;
    uint64_t id = 0, sum = 0;
    elo_err_t rc;

    if ((rc = checked(key, elo_val_slice(v), ELO_INDEX_COUNTER_LEN, &in))
        != ELO_OK) {
        return rc;
    }
    if (key.len != ELO_INDEX_COUNTER_KEY || in.len != ELO_INDEX_COUNTER_LEN - 4)
    {
        return ELO_ECORRUPT;
    }
    elo_rd_be64(key.p + 2, key.p + key.len, &id);
    elo_rd_be64(in.p, in.p + in.len, &sum);
    return fn(ctx, key.p[1], id, (int64_t) sum);
}


elo_err_t
elo_index_counters(elo_index_read_t *r, elo_index_counter_fn fn, void *ctx)
{
    MDB_val k = elo_val(ELO_SLICE("c")), v;
    MDB_cursor *c;
    elo_err_t rc;
    int err;

    rc = elo_index_result(
        mdb_cursor_open(r->txn, r->env->dbi[ELO_INDEX_ENGINE], &c));
    if (rc != ELO_OK) {
        return rc;
    }
    for (err = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
         err == MDB_SUCCESS && *(const uint8_t *) k.mv_data == 'c';
         err = mdb_cursor_get(c, &k, &v, MDB_NEXT))
    {
        if ((rc = counter_parse(k, v, fn, ctx)) != ELO_OK) {
            break;
        }
    }
    mdb_cursor_close(c);
    if (rc == ELO_OK && err != MDB_SUCCESS && err != MDB_NOTFOUND) {
        rc = elo_index_result(err);
    }
    return rc;
}


elo_err_t
elo_index_seek(elo_index_read_t *r, uint8_t table, elo_slice_t from,
               elo_index_cursor_t *out)
{
    MDB_cursor *c;
    elo_err_t rc;

    assert(r->ix->names[table] != NULL);
    rc = elo_index_result(mdb_cursor_open(r->txn, r->env->dbi[table], &c));
    if (rc == ELO_OK) {
        *out =
            (elo_index_cursor_t){ ._c = c, ._is_first = true, ._from = from };
    }
    return rc;
}


void
elo_index_reseek(elo_index_cursor_t *c, elo_slice_t from)
{
    c->_is_first = true;
    c->_from = from;
}


elo_err_t
elo_index_next(elo_index_cursor_t *c, elo_kv_row_t *out)
{
    MDB_cursor_op op = !c->_is_first       ? MDB_NEXT
                       : c->_from.len == 0 ? MDB_FIRST
                                           : MDB_SET_RANGE;
    MDB_val k = elo_val(c->_from), v;
    int rc = mdb_cursor_get(c->_c, &k, &v, op);

    c->_is_first = false;
    c->_from = elo_slice(NULL, 0);
    if (rc != MDB_SUCCESS) {
        *out = (elo_kv_row_t){ .key = { NULL, 0 } };
        return elo_index_result(rc);
    }
    return row_parse(elo_val_slice(k), elo_val_slice(v), out);
}


void
elo_index_cursor_end(elo_index_cursor_t *c)
{
    if (c->_c != NULL) {
        mdb_cursor_close(c->_c);
        c->_c = NULL;
    }
}
