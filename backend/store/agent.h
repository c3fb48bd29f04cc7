/* SPDX-License-Identifier: BSD-2-Clause */
/* agent: what agents hold and may hold. Threads as in store.h. */
#ifndef ELO_STORE_AGENT_H
#define ELO_STORE_AGENT_H

#include "backend/store/store.h"

typedef struct {
    elo_agent_t agent;
    uint64_t bytes, blobs; /* sent by it, and held */
    uint64_t kept;  /* bytes of its unfinished uploads: on its quota too */
    uint64_t quota; /* its own, or the default; 0: none */
} elo_agent_stat_t;
elo_err_t elo_store_agent(elo_store_t *s, const elo_agent_t *a,
                          elo_agent_stat_t *out) ELO_MUST_USE; /* [any] */
/* [work] UINT64_MAX: back to the default. */
elo_err_t elo_store_set_quota(elo_store_t *s, const elo_agent_t *a,
                              uint64_t bytes) ELO_MUST_USE;
typedef bool (*elo_agent_each_fn)(void *ctx, const elo_agent_stat_t *a);
elo_err_t elo_store_each_agent(elo_store_t *s, elo_agent_each_fn fn,
                               void *ctx) ELO_MUST_USE; /* [any] */

#endif
