/* SPDX-License-Identifier: BSD-2-Clause */
/* import_batch: lines of content nodes, each judged and written as by a PUT of its own,
   but all of a batch in one wait for the disk, and an answer for each line. Pool
   thread, one at a time; what it found is the loop's to look at in between. */
#ifndef ELO_API_IMPORT_BATCH_H
#define ELO_API_IMPORT_BATCH_H

#include "backend/api/content_write.h"
#include "backend/node/ndjson.h"
#include "common/http/precond.h"

#define ELO_IMPORT_BATCH 256u /* lines; ELO_NODE_PUTS_MAX at most */

/* Room that answers of a batch never need more of. */
#define ELO_IMPORT_OUT_MAX ((size_t) 16 << 20)

typedef struct elo_import_item_s elo_import_item_t;

typedef struct {
    /* the caller fills these: */
    elo_call_t call;    /* its route is gone */
    elo_precond_t cond; /* of each line; borrowed */
    bool by_version;    /* a line's version must be the current one */
    bool only_failures; /* what went well isn't answered */
    elo_ndjson_t lines;

    /* worker, then loop */
    elo_import_item_t *_items; /* ELO_IMPORT_BATCH of them */
    uint32_t n_items;          /* of the last batch */
    uint64_t n_created, n_changed, n_failed;
} elo_import_t;

/* ELO_ENOMEM. Ends in elo_import_dispose. */
elo_err_t elo_import_init(elo_import_t *m) ELO_MUST_USE;
void elo_import_dispose(elo_import_t *m);

/* [work] Takes lines off *in, up to a batch of them, and appends their answers to
   out. True: *in may have further ones; else it is what elo_ndjson_next leaves. */
bool elo_import_run(elo_import_t *m, elo_slice_t *in, bool is_end,
                    elo_buf_t *out);

/* Node i of the last batch, if it was written; else NULL. */
const elo_content_t *elo_import_written(const elo_import_t *m, uint32_t i);

/* The line that ends a report of failures. */
void elo_import_put_sum(const elo_import_t *m, elo_buf_t *out);

#endif
