/* SPDX-License-Identifier: BSD-2-Clause */
/* commitment: what a custodian's record promises (docs/formats/record.md): of role
   cache, as far as edges are warmed by it. Pure. */
#ifndef ELO_CTL_COMMITMENT_H
#define ELO_CTL_COMMITMENT_H

#include "backend/ctl/record.h"

typedef struct {
    elo_digest_t id; /* of the record */
    elo_agent_t author;
    elo_agent_t agent; /* whose contents */
    uint64_t max_bytes;
    uint32_t reaches;  /* bits 1 << reach; commons, unless it is said */
    uint32_t priority; /* 0 to 100; 50, unless it is said */
    int64_t until;     /* Unix seconds; 0: no end */
} elo_cache_promise_t;

#define ELO_PROMISE_GB_MAX (UINT64_C(1) << 20)

/* False: it is no commitment, of another role, or makes no sense. */
bool elo_cache_promise_read(const elo_rec_t *r, elo_cache_promise_t *out);

#endif
