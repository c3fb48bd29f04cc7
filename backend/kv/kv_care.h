/* SPDX-License-Identifier: BSD-2-Clause */
/* kv_care: looking after an open engine: checkpoint, compaction, backup,
   statistics. */
#ifndef ELO_KV_KV_CARE_H
#define ELO_KV_KV_CARE_H

#include <stdatomic.h>

#include "backend/kv/kv.h"

/* ---- care: [work] unless it says otherwise ---- */

/* Brings everything durable so far into LMDB. */
elo_err_t elo_kv_checkpoint(elo_kv_t *kv) ELO_MUST_USE;

typedef struct {
    uint64_t segment;
    uint64_t bytes;  /* of records in it */
    uint64_t live;   /* of records that still say what is true */
    bool is_sealed;  /* written to no more: all but the one of this run */
    bool is_settled; /* sealed, not the last, all in LMDB: may be compacted */
} elo_kv_segment_t;

/* In order of number. fn returns false to stop. */
typedef bool (*elo_kv_segment_fn)(void *ctx, const elo_kv_segment_t *s);
elo_err_t elo_kv_segments(elo_kv_t *kv, elo_kv_segment_fn fn,
                          void *ctx) ELO_MUST_USE;

/* Compacts a settled segment: re-writes what is live at the head of the log, in
   operations of at most budget_bytes, calling moved (may be NULL; commit thread,
   after it is durable) for each key that has data; when nothing is live any more
   the file is unlinked and *is_gone set. Call again until then; it begins where it
   left off (from the segment's start after a restart, which costs reading only). */
typedef void (*elo_kv_moved_fn)(void *ctx, uint8_t table, elo_slice_t key);
elo_err_t elo_kv_compact(elo_kv_t *kv, uint64_t segment, uint64_t budget_bytes,
                         elo_kv_moved_fn moved, void *ctx,
                         bool *is_gone) ELO_MUST_USE;

/* Seals the segment that is written to, so that all before it is immutable. */
elo_err_t elo_kv_seal(elo_kv_t *kv) ELO_MUST_USE;

/* A synced copy of LMDB into an existing directory (data.mdb), then the segment that
   is written to is sealed, then settled is called: all sealed segments may be linked
   meanwhile, and go with the copy; none is removed while this runs. Its result is
   what settled said. An engine writes on in the last segment that it finds: before
   one opens the copy, its last segment may not be a link. must_end: as
   elo_index_copy has it; settled looks for itself. */
elo_err_t elo_kv_backup(elo_kv_t *kv, const char *index_dir,
                        atomic_bool *must_end, elo_err_t (*settled)(void *ctx),
                        void *ctx) ELO_MUST_USE;

typedef struct {
    uint64_t batches, records, log_bytes, syncs, checkpoints, checkpoint_keys;
    uint64_t segments, log_size, index_bytes; /* files; pages in use */
    uint64_t mem_bytes;                       /* of the memory tables */
    uint32_t batch_max;                       /* operations in one batch */
} elo_kv_stats_t;
void elo_kv_stats(elo_kv_t *kv, elo_kv_stats_t *out); /* [any] */

#endif
