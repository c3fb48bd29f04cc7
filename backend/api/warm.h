/* SPDX-License-Identifier: BSD-2-Clause */
/* warm: from names, and from what this node has promised, to the blobs that edges are to
   take in (backend/edge/warm.h). Taken are those of contents that are published or
   stale, and for more than a few: narrow ones are in no edge before their reader
   comes, and what is deprecated isn't warmed. */
#ifndef ELO_API_WARM_H
#define ELO_API_WARM_H

#include "backend/api/api_internal.h"
#include "backend/ctl/commitment.h"
#include "backend/edge/warm.h"

typedef struct {
    elo_store_t *store;
    bool has_fallback; /* what isn't held may be fetched */
    bool is_ones;      /* of this owner only: */
    elo_agent_t owner; /* zero: the operator */
    uint64_t budget;   /* bytes */
    /* results */
    elo_warm_blob_t *blobs; /* malloc's; n of them */
    uint32_t n;
    uint64_t bytes;                /* of the budget */
    uint32_t missing, unfit, past; /* names; past: the budget, or the bound */
    uint32_t _cap;
} elo_warm_pick_t;

void elo_warm_pick_dispose(elo_warm_pick_t *p);

/* [pool] Blobs of a content, or that one. What is another's is as missing.
   ELO_ENOMEM. */
elo_err_t elo_warm_pick_name(elo_warm_pick_t *p, elo_slice_t name) ELO_MUST_USE;

/* ---- warm_promise.c ---- */

#define ELO_WARM_PROMISES_MAX 64u

/* [pool] The next promises to cache, from record *next (1 at first) on, which moves on:
   0 at the end. *n of at most ELO_WARM_PROMISES_MAX; not those that are past. Whose
   count, and which were taken back, is the loop's to say. */
elo_err_t elo_warm_promises(elo_ctl_t *ctl, int64_t now, uint64_t *next,
                            elo_cache_promise_t *out, uint32_t *n) ELO_MUST_USE;

/* [loop] Adds to out, which has *n, those of more that stand, and are the node's: of its
   owner, or of an administrator. */
void elo_warm_promises_keep(const elo_api_t *a, int64_t now,
                            const elo_cache_promise_t *more, uint32_t n_more,
                            elo_cache_promise_t *out, uint32_t *n);

/* By priority. */
void elo_warm_promises_sort(elo_cache_promise_t *p, uint32_t n);

/* [pool] Contents that a promise is about, the latest first, as long as it has room.
   whose: its agent as the store knows him. */
elo_err_t elo_warm_pick_promise(elo_warm_pick_t *p,
                                const elo_cache_promise_t *promise,
                                const elo_agent_t *whose) ELO_MUST_USE;

#endif
