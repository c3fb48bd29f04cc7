/* SPDX-License-Identifier: BSD-2-Clause */
/* index: LMDB behind the log: the one door to lmdb.h. A database per table, and
   one of the engine's own ("engine") for the state and the counters. Always synced;
   one writer. Everything has a checksum, for nothing here is believed unread.
   Byte tables and invariants (X…): docs/formats/index.md. */
#ifndef ELO_KV_INDEX_H
#define ELO_KV_INDEX_H

#include <stdatomic.h>

#include "backend/kv/row.h"

typedef struct elo_index_s elo_index_t;
typedef struct elo_index_read_s elo_index_read_t;
typedef struct elo_index_write_s elo_index_write_t;

/* What LMDB stands for. */
typedef struct {
    uint64_t store_id;
    elo_log_pos_t pos; /* all records before it are in here */
    uint64_t next_lsn; /* of the record there */
} elo_index_state_t;

/* Of cfg: vfs, index_path, map_bytes, tables. ELO_ECORRUPT: the files are there
   and aren't to be believed. */
elo_err_t elo_index_open(const elo_kv_cfg_t *cfg,
                         elo_index_t **out) ELO_MUST_USE;
/* No transaction may be open. */
void elo_index_close(elo_index_t **ix);

/* Puts damaged files aside (data.mdb to data.mdb.damaged), so that the next open
   makes new ones. No index may be open there. */
elo_err_t elo_index_discard(const elo_kv_cfg_t *cfg) ELO_MUST_USE;

/* ---- reading: any thread; one thread at a time each ---- */

/* What was committed last. Cheap: ended ones are kept for the next. */
elo_err_t elo_index_read_begin(elo_index_t *ix,
                               elo_index_read_t **out) ELO_MUST_USE;
void elo_index_read_end(elo_index_read_t **r);

/* Borrowed until the read ends. ELO_ENOTFOUND; ELO_ECORRUPT. */
elo_err_t elo_index_get(elo_index_read_t *r, uint8_t table, elo_slice_t key,
                        elo_kv_row_t *out) ELO_MUST_USE;

/* ELO_ENOTFOUND: a new index. ELO_ECORRUPT. */
elo_err_t elo_index_state(elo_index_read_t *r,
                          elo_index_state_t *out) ELO_MUST_USE;

typedef elo_err_t (*elo_index_counter_fn)(void *ctx, uint8_t space, uint64_t id,
                                          int64_t value);
elo_err_t elo_index_counters(elo_index_read_t *r, elo_index_counter_fn fn,
                             void *ctx) ELO_MUST_USE;

typedef struct {
    void *_c; /* NULL: nothing to end */
    bool _is_first;
    elo_slice_t _from;
} elo_index_cursor_t;

/* Rows in order of keys, from the first that is >= from, which is borrowed until
   the first elo_index_next. */
elo_err_t elo_index_seek(elo_index_read_t *r, uint8_t table, elo_slice_t from,
                         elo_index_cursor_t *c) ELO_MUST_USE;
/* ELO_ENOTFOUND at the end. ELO_ECORRUPT for this row: out->key is set, and the
   next call goes on behind it. */
elo_err_t elo_index_next(elo_index_cursor_t *c, elo_kv_row_t *out) ELO_MUST_USE;
/* From `from` on, wherever it was; borrowed until the next call. */
void elo_index_reseek(elo_index_cursor_t *c, elo_slice_t from);
void elo_index_cursor_end(elo_index_cursor_t *c);

/* ---- writing: one thread from begin to commit or abort ---- */

elo_err_t elo_index_write_begin(elo_index_t *ix,
                                elo_index_write_t **out) ELO_MUST_USE;
/* Quickest with keys of a table in order. Deleting what isn't there is fine.
   After a failure nothing but abort. ELO_ENOSPC: the map is full. */
elo_err_t elo_index_put(elo_index_write_t *w, uint8_t table,
                        const elo_kv_row_t *row) ELO_MUST_USE;
elo_err_t elo_index_del(elo_index_write_t *w, uint8_t table,
                        elo_slice_t key) ELO_MUST_USE;
elo_err_t elo_index_put_state(elo_index_write_t *w,
                              const elo_index_state_t *s) ELO_MUST_USE;
/* 0 removes it. */
elo_err_t elo_index_put_counter(elo_index_write_t *w, uint8_t space,
                                uint64_t id, int64_t value) ELO_MUST_USE;

/* Ends w. ELO_ENOSPC: the map is full, ENOSPC, EDQUOT: the disk is, ELO_ENOMEM:
   nothing has happened. Anything else: how it ended is not known, and nothing may
   be written any more. */
elo_err_t elo_index_commit(elo_index_write_t **w) ELO_MUST_USE;
void elo_index_abort(elo_index_write_t **w);

/* ---- care ---- */

/* A synced copy of what was committed last, data.mdb in an existing directory where
   there is none. must_end: set by any thread, it makes this end soon, with
   ECANCELED; NULL: nobody does. On failure there may be a part of it. */
elo_err_t elo_index_copy(elo_index_t *ix, const char *dir,
                         atomic_bool *must_end) ELO_MUST_USE;

/* Bytes of the pages in use. */
uint64_t elo_index_bytes(elo_index_t *ix);

#endif
