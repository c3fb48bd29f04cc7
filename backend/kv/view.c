/* SPDX-License-Identifier: BSD-2-Clause */
/* view: a consistent state: both memory tables, a read of the index, and the seq
   up to which entries are seen. Taken together under one mutex: the checkpoint
   thread lets a table go only after the index has it, so that a view has every
   entry at least once, and an upper layer says what a lower one says or
   something later. */
#include <assert.h>

#include "backend/kv/kv_internal.h"
#include "backend/kv/segment_internal.h"


elo_err_t
elo_kv_view_begin(elo_kv_t *kv, elo_kv_view_t *v)
{
    elo_index_read_t *read;
    elo_err_t rc;

    assert(kv->magic == ELO_KV_MAGIC);
    elo_mutex_lock(&kv->mtx);
    if ((rc = elo_index_read_begin(kv->index, &read)) == ELO_OK) {
        *v = (elo_kv_view_t){
            ._kv = kv,
            ._mem = { elo_memtable_ref(kv->active),
                      kv->sealed.mem != NULL ? elo_memtable_ref(kv->sealed.mem)
                                             : NULL },
            ._txn = read,
            ._seq = __atomic_load_n(&kv->visible, __ATOMIC_ACQUIRE),
        };
    }
    elo_mutex_unlock(&kv->mtx);
    return rc;
}


void
elo_kv_view_end(elo_kv_view_t *v)
{
    elo_index_read_t *read = v->_txn;
    elo_memtable_t *mem;

    elo_index_read_end(&read);
    for (int i = 0; i < 2; i++) {
        mem = v->_mem[i];
        elo_memtable_unref(&mem);
    }
    *v = (elo_kv_view_t){ ._kv = NULL };
}


elo_err_t
elo_kv_find(const elo_kv_view_t *v, uint64_t seq, uint8_t table,
            elo_slice_t key, elo_kv_row_t *out)
{
    elo_err_t rc;

    assert(elo_kv_is_table(v->_kv, table));
    if (key.len == 0 || key.len > ELO_KV_KEY_MAX) {
        return ELO_ENOTFOUND;
    }
    for (int i = 0; i < 2; i++) {
        if (v->_mem[i] == NULL) {
            continue;
        }
        rc = elo_memtable_get(v->_mem[i], seq, table, key, out);
        if (rc == ELO_OK) {
            return out->is_deleted ? ELO_ENOTFOUND : ELO_OK;
        }
    }
    return elo_index_get(v->_txn, table, key, out);
}


elo_err_t
elo_kv_get(elo_kv_view_t *v, uint8_t table, elo_slice_t key,
           elo_kv_entry_t *out)
{
    elo_kv_row_t row;
    elo_err_t rc = elo_kv_find(v, v->_seq, table, key, &row);

    if (rc == ELO_OK) {
        *out = elo_row_entry(&row);
    }
    return rc;
}


int64_t
elo_kv_sum(elo_kv_t *kv, uint8_t space, uint64_t id)
{
    return elo_counters_read(kv->counters, space, id);
}


elo_err_t
elo_kv_read(elo_kv_t *kv, uint64_t segment, uint64_t off, void *p, size_t len)
{
    return elo_seglog_read(kv->log, segment, off, p, len, false);
}


elo_err_t
elo_kv_read_now(elo_kv_t *kv, uint64_t segment, uint64_t off, void *p,
                size_t len)
{
    return elo_seglog_read(kv->log, segment, off, p, len, true);
}


void
elo_kv_segment_name(uint64_t segment, char *out)
{
    elo_seg_name(segment, out);
}
