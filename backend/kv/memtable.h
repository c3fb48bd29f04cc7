/* SPDX-License-Identifier: BSD-2-Clause */
/* memtable: entries that LMDB doesn't have yet: one hash index over all, and a skip
   list in order of keys for each table, in memory of its own. One writer (the commit
   thread), any number of readers. Counted references; freed with the last.

   An entry belongs to the operation seq that wrote it and is seen by readers
   whose seq is not below; the writer's seq never falls. Of the entries of a key
   that a reader sees, the last written counts, and may be a tombstone. */
#ifndef ELO_KV_MEMTABLE_H
#define ELO_KV_MEMTABLE_H

#include "backend/kv/row.h"

typedef struct elo_memtable_s elo_memtable_t;

#define ELO_MEM_DEAD UINT64_MAX /* seq of an entry that was taken back */

/* bytes: what it is expected to hold; it takes more. seed: of the hash, a random
   number that nobody else knows. ELO_ENOMEM. */
elo_err_t elo_memtable_create(size_t bytes, uint64_t seed,
                              elo_memtable_t **out) ELO_MUST_USE;
elo_memtable_t *elo_memtable_ref(elo_memtable_t *m);
void elo_memtable_unref(elo_memtable_t **m);

/* Writer only. Key and value are copied, at *row's key and value borrowed from
   the table afterwards. row->is_fresh is what the layers below say; once a key
   is in the table, what was said first stays. *handle is for
   elo_memtable_kill. ELO_ENOMEM. */
elo_err_t elo_memtable_put(elo_memtable_t *m, uint64_t seq, uint8_t table,
                           elo_kv_row_t *row, void **handle) ELO_MUST_USE;

/* Nobody sees the entry any more; it keeps its memory. Writer only. */
void elo_memtable_kill(void *handle);

/* ELO_ENOTFOUND: nothing here, ask below. out->is_deleted: ask no further. */
elo_err_t elo_memtable_get(const elo_memtable_t *m, uint64_t seq, uint8_t table,
                           elo_slice_t key, elo_kv_row_t *out) ELO_MUST_USE;

/* Rows of a table, tombstones too, in order of keys, one a key, from the first
   that is >= from. Nothing to end. Borrowed from the table. Seeking sorts what was
   written to that table since the last time: at most some milliseconds. */
typedef struct {
    const elo_memtable_t *_m;
    const void *_at;
    uint64_t _seq;
} elo_memtable_iter_t;
void elo_memtable_seek(elo_memtable_t *m, uint64_t seq, uint8_t table,
                       elo_slice_t from, elo_memtable_iter_t *it);
bool elo_memtable_next(elo_memtable_iter_t *it, elo_kv_row_t *out);

size_t elo_memtable_bytes(const elo_memtable_t *m);   /* any thread */
uint32_t elo_memtable_count(const elo_memtable_t *m); /* entries; any thread */

#endif
