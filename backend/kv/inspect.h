/* SPDX-License-Identifier: BSD-2-Clause */
/* inspect: an engine that is opened to be looked at, by one thread, while nobody
   else has it: the index is read, what the log has behind it is done again in
   memory, and nothing is written. Views, cursors, sums and elo_kv_read work. */
#ifndef ELO_KV_INSPECT_H
#define ELO_KV_INSPECT_H

#include "backend/kv/kv.h"

/* scratch: NULL, or an empty directory for an empty index that stands for one
   which can't be believed; then all of the log is read into memory. found: what a
   start would do. ELO_ECORRUPT: index and log don't go together. */
elo_err_t elo_inspect_open(const elo_kv_cfg_t *cfg, const char *scratch,
                           elo_kv_t **out,
                           elo_kv_recovery_t *found) ELO_MUST_USE;
void elo_inspect_close(elo_kv_t **kv);

typedef enum {
    ELO_INSPECT_HEAD,    /* a segment's head is damaged */
    ELO_INSPECT_DAMAGED, /* n places of a segment are */
    ELO_INSPECT_LACKS, /* a record says more than the index: key is NULL when it
                          isn't known any more */
    ELO_INSPECT_LOST,  /* a row whose record isn't at its place */
} elo_inspect_what_t;

/* Borrowed for the call. */
typedef struct {
    elo_inspect_what_t what;
    uint64_t segment;
    uint64_t off; /* of the record */
    uint64_t n;
    uint8_t table;
    elo_slice_t key;
} elo_inspect_finding_t;
typedef elo_err_t (*elo_inspect_fn)(void *ctx, const elo_inspect_finding_t *f);

typedef struct {
    uint64_t segments, records, bytes;
    uint64_t damaged; /* places, in all segments */
} elo_inspect_log_t;

/* Reads every segment and holds it against the rows, both ways. Stops with fn's
   result when that isn't ELO_OK. */
elo_err_t elo_inspect_log(elo_kv_t *kv, elo_inspect_fn fn, void *ctx,
                          elo_inspect_log_t *out) ELO_MUST_USE;

/* Counts again, by the derive hook of the configuration, and calls fn for each
   counter that is something else; space 0 holds live bytes, by twice the number
   of a segment. After elo_inspect_log, and last of all: derived rows are made
   again in memory. */
typedef void (*elo_inspect_sum_fn)(void *ctx, uint8_t space, uint64_t id,
                                   int64_t is, int64_t should);
elo_err_t elo_inspect_sums(elo_kv_t *kv, elo_inspect_sum_fn fn,
                           void *ctx) ELO_MUST_USE;

/* The first ELO_SEG_HEADER_LEN bytes of the segment's file `name` (in log/).
   *store_id: of whom it is. ELO_ENOTFOUND: nothing was written there yet, or the
   name is none of a segment. ELO_EINVAL: another segment's. ELO_ECORRUPT:
   damaged. */
elo_err_t elo_inspect_head(const elo_vfs_t *vfs, int root_fd, const char *name,
                           uint64_t *store_id) ELO_MUST_USE;

#endif
