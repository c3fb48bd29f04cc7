/* SPDX-License-Identifier: BSD-2-Clause */
/* tx: what an operation sees and writes, on the commit thread; and recovery, which
   does again what the records of the log say. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "backend/kv/kv_internal.h"
#include "common/base/num.h"

#define HANDLES_MIN 256u


bool
elo_kv_is_table(const elo_kv_t *kv, uint8_t table)
{
    return table > 0 && table < kv->cfg.n_tables
           && kv->cfg.tables[table] != NULL;
}


elo_err_t
elo_kv_tx_begin(elo_kv_tx_t *tx)
{
    tx->n_handles = 0;
    tx->n_known = 0;
    return elo_kv_view_begin(tx->kv, &tx->base);
}


void
elo_kv_tx_op_begin(elo_kv_tx_t *tx)
{
    tx->seq++;
    tx->lsn = elo_seglog_next_lsn(tx->kv->log);
    tx->broken = ELO_OK;
    elo_seglog_mark(tx->kv->log, &tx->log_mark);
    tx->handle_mark = tx->n_handles;
    tx->counter_mark = elo_counters_mark(tx->kv->counters);
}


static void
handles_kill(elo_kv_tx_t *tx, uint32_t mark)
{
    while (tx->n_handles > mark) {
        elo_memtable_kill(tx->handles[--tx->n_handles]);
    }
}


elo_err_t
elo_kv_tx_op_end(elo_kv_tx_t *tx, elo_err_t rc)
{
    if (rc == ELO_OK) {
        rc = tx->broken;
    }
    if (rc != ELO_OK) {
        elo_seglog_rewind(tx->kv->log, &tx->log_mark);
        handles_kill(tx, tx->handle_mark);
        elo_counters_rewind(tx->kv->counters, tx->counter_mark);
    } else if (elo_seglog_next_lsn(tx->kv->log) != tx->lsn) {
        elo_seglog_end_op(tx->kv->log);
    }
    return rc;
}


void
elo_kv_tx_end(elo_kv_tx_t *tx, bool is_durable)
{
    if (is_durable) {
        elo_counters_publish(tx->kv->counters);
        __atomic_store_n(&tx->kv->visible, tx->seq, __ATOMIC_RELEASE);
    } else {
        handles_kill(tx, 0);
        elo_counters_rewind(tx->kv->counters, 0);
    }
    tx->n_handles = 0;
    elo_kv_view_end(&tx->base);
}


static elo_kv_known_t *
known_find(elo_kv_tx_t *tx, uint8_t table, elo_slice_t key)
{
    uint32_t n = ELO_MIN(tx->n_known, ELO_KV_KNOWN_MAX);
    elo_kv_known_t *k;

    for (uint32_t i = 0; i < n; i++) {
        k = &tx->known[i];
        if (k->table == table && k->key_len == key.len
            && memcmp(k->key, key.p, key.len) == 0)
        {
            return k;
        }
    }
    return NULL;
}


/* The index, asked once: most operations ask for a key and then put it. */
static elo_err_t
find_indexed(elo_kv_tx_t *tx, uint8_t table, elo_slice_t key, elo_kv_row_t *out)
{
    elo_kv_known_t *k = known_find(tx, table, key);

    if (k == NULL) {
        k = &tx->known[tx->n_known++ % ELO_KV_KNOWN_MAX];
        k->table = table;
        k->key_len = (uint16_t) key.len;
        memcpy(k->key, key.p, key.len);
        k->rc = elo_index_get(tx->base._txn, table, key, &k->row);
        tx->kv->is_index_bad |= k->rc == ELO_ECORRUPT;
    }
    *out = k->row;
    out->key = key;
    return k->rc;
}


elo_err_t
elo_kv_tx_find(elo_kv_tx_t *tx, uint8_t table, elo_slice_t key,
               elo_kv_row_t *out, bool *is_fresh)
{
    elo_err_t rc;

    *is_fresh = false; /* the table knows better when it has the key */
    rc = elo_memtable_get(tx->base._mem[0], tx->seq, table, key, out);
    if (rc == ELO_OK) {
        return out->is_deleted ? ELO_ENOTFOUND : ELO_OK;
    }
    rc = ELO_ENOTFOUND;
    if (tx->base._mem[1] != NULL) {
        rc = elo_memtable_get(tx->base._mem[1], tx->seq, table, key, out);
    }
    if (rc == ELO_OK) {
        *is_fresh = out->is_deleted;
        return out->is_deleted ? ELO_ENOTFOUND : ELO_OK;
    }
    rc = find_indexed(tx, table, key, out);
    *is_fresh = rc == ELO_ENOTFOUND;
    return rc;
}


static elo_err_t
key_check(const elo_kv_tx_t *tx, uint8_t table, elo_slice_t key)
{
    assert(elo_kv_is_table(tx->kv, table));
    (void) tx;
    (void) table;
    return key.len == 0 || key.len > ELO_KV_KEY_MAX ? ELO_EINVAL : ELO_OK;
}


elo_err_t
elo_kv_tx_get(elo_kv_tx_t *tx, uint8_t table, elo_slice_t key,
              elo_kv_entry_t *out)
{
    elo_kv_row_t row;
    bool is_fresh;
    elo_err_t rc;

    if ((rc = key_check(tx, table, key)) != ELO_OK
        || (rc = elo_kv_tx_find(tx, table, key, &row, &is_fresh)) != ELO_OK)
    {
        return rc;
    }
    *out = elo_row_entry(&row);
    return ELO_OK;
}


/* Into the active table; row borrows from it afterwards. */
static elo_err_t
enter(elo_kv_tx_t *tx, uint8_t table, elo_kv_row_t *row)
{
    void **handles;
    uint32_t cap;
    elo_err_t rc;

    if (tx->n_handles == tx->cap_handles) {
        cap = ELO_MAX(2 * tx->cap_handles, HANDLES_MIN);
        if ((handles = realloc(tx->handles, cap * sizeof(*handles))) == NULL) {
            return ELO_ENOMEM;
        }
        tx->handles = handles;
        tx->cap_handles = cap;
    }
    rc = elo_memtable_put(tx->base._mem[0], tx->seq, table, row,
                          &tx->handles[tx->n_handles]);
    if (rc == ELO_OK) {
        tx->n_handles++;
    }
    return rc;
}


static elo_err_t
count_live(elo_kv_tx_t *tx, uint64_t id, uint64_t bytes, bool is_more)
{
    return elo_counters_add(tx->kv->counters, ELO_KV_SPACE_LIVE, id,
                            is_more ? (int64_t) bytes : -(int64_t) bytes);
}


/* A record's effect on the engine's own counters. was: NULL for none. */
static elo_err_t
account(elo_kv_tx_t *tx, const elo_kv_row_t *row, const elo_kv_row_t *was)
{
    uint64_t segment = elo_place_segment(row->place);
    elo_err_t rc = ELO_OK;

    if (was != NULL && was->place != 0) {
        rc = count_live(tx, ELO_KV_ID_LIVE(elo_place_segment(was->place)),
                        elo_row_rec_len(was), false);
    }
    if (rc == ELO_OK) {
        rc = count_live(tx,
                        row->is_deleted ? ELO_KV_ID_DELETES(segment)
                                        : ELO_KV_ID_LIVE(segment),
                        elo_row_rec_len(row), true);
    }
    return rc;
}


/* What a record says becomes true. was: what it replaces, or NULL. */
static elo_err_t
apply(elo_kv_tx_t *tx, uint8_t table, elo_kv_row_t *row,
      const elo_kv_row_t *was, bool is_moved)
{
    elo_kv_t *kv = tx->kv;
    elo_kv_entry_t old, now;
    elo_err_t rc;

    if ((rc = account(tx, row, was)) != ELO_OK) {
        return rc;
    }
    if (was == NULL && row->is_deleted) {
        return ELO_OK; /* there was nothing, and is nothing */
    }
    if ((rc = enter(tx, table, row)) != ELO_OK) {
        return rc;
    }
    if (kv->cfg.derive == NULL) {
        return ELO_OK;
    }
    old = was != NULL ? elo_row_entry(was) : (elo_kv_entry_t){ .segment = 0 };
    now = elo_row_entry(row);
    assert(!tx->is_deriving);
    tx->is_deriving = true;
    rc = kv->cfg.derive(kv->cfg.ctx, tx, table, row->key,
                        was != NULL ? &old : NULL,
                        row->is_deleted ? NULL : &now, is_moved);
    tx->is_deriving = false;
    return rc;
}


/* Can the index take more? */
static elo_err_t
room_check(const elo_kv_tx_t *tx)
{
    return elo_kv_mode(tx->kv) == ELO_KV_FULL ? ELO_ENOSPC : ELO_OK;
}


/* Adds a record to the batch. */
static elo_err_t
log_add(elo_kv_tx_t *tx, const elo_rec_head_t *h, const elo_kv_row_t *row,
        const elo_slice_t *data, uint32_t n, uint64_t *place)
{
    elo_log_pos_t pos;
    elo_err_t rc =
        elo_seglog_add(tx->kv->log, h, row->key, row->value, data, n, &pos);

    if (rc == ELO_EREADONLY) { /* it knows, and we don't yet */
        return elo_kv_fail(tx->kv, EIO, "log write");
    }
    if (rc == ELO_OK) {
        *place = elo_place_of(pos);
    }
    return rc;
}


static elo_err_t
broken(elo_kv_tx_t *tx, elo_err_t rc)
{
    if (rc != ELO_OK && tx->broken == ELO_OK) {
        tx->broken = rc;
    }
    return rc;
}


elo_err_t
elo_kv_tx_put(elo_kv_tx_t *tx, uint8_t table, elo_slice_t key,
              elo_slice_t value, const elo_slice_t *data, uint32_t n)
{
    elo_rec_head_t h = { .table = table };
    elo_kv_row_t row = { .key = key, .value = value }, was;
    uint64_t len = 0;
    elo_err_t rc, found;

    for (uint32_t i = 0; i < n; i++) {
        len += data[i].len;
    }
    assert(!tx->is_deriving);
    if (value.len > UINT32_MAX || len > UINT32_MAX) {
        return ELO_ETOOBIG;
    }
    if ((rc = key_check(tx, table, key)) != ELO_OK
        || (rc = room_check(tx)) != ELO_OK)
    {
        return rc;
    }
    found = elo_kv_tx_find(tx, table, key, &was, &row.is_fresh);
    if (found != ELO_OK && found != ELO_ENOTFOUND) {
        return found;
    }
    h.key_len = (uint16_t) key.len;
    h.value_len = (uint32_t) value.len;
    h.data_len = (uint32_t) len;
    if ((rc = log_add(tx, &h, &row, data, n, &row.place)) != ELO_OK) {
        return rc;
    }
    row.data_len = h.data_len;
    return broken(tx,
                  apply(tx, table, &row, found == ELO_OK ? &was : NULL, false));
}


elo_err_t
elo_kv_tx_del(elo_kv_tx_t *tx, uint8_t table, elo_slice_t key)
{
    elo_rec_head_t h = { .table = table, .flags = ELO_REC_DELETE };
    elo_kv_row_t row = { .key = key, .is_deleted = true }, was;
    elo_err_t rc;

    assert(!tx->is_deriving);
    if ((rc = key_check(tx, table, key)) != ELO_OK) {
        return rc;
    }
    rc = elo_kv_tx_find(tx, table, key, &was, &row.is_fresh);
    if (rc != ELO_OK) {
        return rc == ELO_ENOTFOUND ? ELO_OK : rc;
    }
    if ((rc = room_check(tx)) != ELO_OK) {
        return rc;
    }
    h.key_len = (uint16_t) key.len;
    if ((rc = log_add(tx, &h, &row, NULL, 0, &row.place)) != ELO_OK) {
        return rc;
    }
    return broken(tx, apply(tx, table, &row, &was, false));
}


elo_err_t
elo_kv_tx_derive(elo_kv_tx_t *tx, uint8_t table, elo_slice_t key,
                 const elo_slice_t *value)
{
    elo_kv_row_t row = { .key = key, .is_deleted = value == NULL }, was;
    elo_err_t rc;

    assert(tx->is_deriving);
    if ((rc = key_check(tx, table, key)) != ELO_OK) {
        return rc;
    }
    rc = elo_kv_tx_find(tx, table, key, &was, &row.is_fresh);
    if (rc != ELO_OK && rc != ELO_ENOTFOUND) {
        return broken(tx, rc);
    }
    if (row.is_deleted && rc == ELO_ENOTFOUND) {
        return ELO_OK;
    }
    if (value != NULL) {
        row.value = *value;
    }
    return broken(tx, enter(tx, table, &row));
}


elo_err_t
elo_kv_tx_add(elo_kv_tx_t *tx, uint8_t space, uint64_t id, int64_t delta)
{
    assert(tx->is_deriving && space != ELO_KV_SPACE_LIVE);
    return broken(tx, elo_counters_add(tx->kv->counters, space, id, delta));
}


int64_t
elo_kv_tx_sum(elo_kv_tx_t *tx, uint8_t space, uint64_t id)
{
    return elo_counters_sum(tx->kv->counters, space, id);
}


uint64_t
elo_kv_tx_lsn(const elo_kv_tx_t *tx)
{
    return tx->lsn;
}


/* Was it only written elsewhere, or does a rebuild meet it for the first time, or
   after an older value? */
static bool
is_same(const elo_kv_row_t *row, const elo_kv_row_t *was)
{
    return row->data_len == was->data_len
           && elo_slice_eq(row->value, was->value);
}


elo_err_t
elo_kv_tx_replay(elo_kv_tx_t *tx, const elo_log_rec_t *r)
{
    elo_kv_row_t was, row = {
        .key = r->key,
        .value = r->value,
        .place = elo_place_of(r->pos),
        .data_len = r->head.data_len,
        .is_deleted = (r->head.flags & ELO_REC_DELETE) != 0,
    };
    elo_err_t rc;
    bool is_moved;

    if (!elo_kv_is_table(tx->kv, r->head.table) || r->key.len == 0
        || r->key.len > ELO_KV_KEY_MAX)
    {
        return ELO_ECORRUPT;
    }
    rc = elo_kv_tx_find(tx, r->head.table, r->key, &was, &row.is_fresh);
    if (rc != ELO_OK && rc != ELO_ENOTFOUND) {
        return rc;
    }
    is_moved = (r->head.flags & ELO_REC_MOVED) != 0 && rc == ELO_OK
               && is_same(&row, &was);
    rc = apply(tx, r->head.table, &row, rc == ELO_OK ? &was : NULL, is_moved);
    return rc != ELO_OK ? rc : tx->broken;
}


elo_err_t
elo_kv_tx_move(elo_kv_tx_t *tx, const elo_log_rec_t *r, uint64_t oldest,
               bool *is_moved)
{
    elo_rec_head_t h = r->head;
    bool is_deleted = (h.flags & ELO_REC_DELETE) != 0;
    elo_kv_row_t was, row = { .key = r->key,
                              .value = r->value,
                              .data_len = h.data_len,
                              .is_deleted = is_deleted };
    elo_err_t rc;

    *is_moved = false;
    rc = elo_kv_tx_find(tx, h.table, r->key, &was, &row.is_fresh);
    if (rc != ELO_OK && rc != ELO_ENOTFOUND) {
        return rc;
    }
    if (is_deleted) {
        if (h.first_segment == 0) {
            h.first_segment = r->pos.segment;
        }
        if (rc == ELO_OK || oldest == 0 || oldest > h.first_segment) {
            return ELO_OK; /* superseded, or nothing left to contradict */
        }
    } else if (rc == ELO_ENOTFOUND || was.place != elo_place_of(r->pos)) {
        return ELO_OK;
    }
    if ((rc = room_check(tx)) != ELO_OK) {
        return rc;
    }
    h.flags = (uint8_t) ((h.flags & ELO_REC_DELETE) | ELO_REC_MOVED);
    rc = log_add(tx, &h, &row, &r->data, h.data_len != 0, &row.place);
    if (rc != ELO_OK) {
        return rc;
    }
    *is_moved = true;
    return broken(tx, apply(tx, h.table, &row, is_deleted ? NULL : &was, true));
}
