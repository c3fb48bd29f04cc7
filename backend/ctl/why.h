/* SPDX-License-Identifier: BSD-2-Clause */
/* why: which records give an agent his facts: what elo_ctl_facts_of and
   elo_ctl_facts_towards say, one by one, with the record that each stands on. */
#ifndef ELO_CTL_WHY_H
#define ELO_CTL_WHY_H

#include "backend/ctl/state.h"

typedef struct {
    uint32_t fact;   /* one bit of common/auth/gate.h */
    bool has_record; /* else it is so by itself: the node's owner, an owner */
    elo_digest_t record;
    elo_rec_kind_t kind;
    elo_agent_t author;
    elo_digest_t
        stands_on; /* ACCEPTANCE: the invitation; ESCALATION: the grant */
    int64_t until; /* Unix seconds; 0: no end */
} elo_ctl_reason_t;

typedef void (*elo_ctl_reason_fn)(void *ctx, const elo_ctl_reason_t *r);

/* ADMITTED and ADMIN of an agent, each with the record that gives it for the
   longest; and what he is towards an owner, as in elo_ctl_facts_towards, each record
   that gives something. */
void elo_ctl_why(const elo_ctl_state_t *s, const elo_agent_t *a,
                 const elo_agent_t *owner, elo_slice_t content,
                 elo_reach_t reach, int64_t now, elo_ctl_reason_fn fn,
                 void *ctx);

#endif
