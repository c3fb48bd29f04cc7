/* SPDX-License-Identifier: BSD-2-Clause */
/* world: a state with agents that are numbers, and records without signatures, as
   elo_rec_parse would give them. For tests of state only. */
#ifndef ELO_T_UNIT_CTL_WORLD_H
#define ELO_T_UNIT_CTL_WORLD_H

#include "backend/ctl/invitation.h"
#include "backend/ctl/state.h"
#include "common/base/num.h"

#define WORLD_AGENTS 8 /* 0: the node's owner */
#define WORLD_START  INT64_C(1700000000)
#define WORLD_SECRET "sixteen bytes or" /* of invitations and acceptances */

typedef struct {
    elo_ctl_state_t *s;
    int64_t now;
    uint32_t n_made;
    bool is_touched[WORLD_AGENTS];
    const char *why;
    uint8_t proof[ELO_SIG_LEN]; /* of the acceptance that was made last */
} world_t;

static inline elo_agent_t
agent(unsigned no)
{
    elo_agent_t a = { { 0xa9, (uint8_t) no } };

    return a;
}


static inline elo_digest_t
digest(uint32_t no)
{
    elo_digest_t d = { { 0xd1, (uint8_t) (no >> 16), (uint8_t) (no >> 8),
                         (uint8_t) no } };

    return d;
}


static inline void
world_touched(void *ctx, const elo_agent_t *a)
{
    world_t *w = ctx;

    assert_true(a->b[0] == 0xa9 && a->b[1] < WORLD_AGENTS);
    w->is_touched[a->b[1]] = true;
}


static inline void
world_init(world_t *w, uint64_t max_records)
{
    elo_agent_t owner = agent(0);

    *w = (world_t){ .now = WORLD_START };
    assert_int_equal(elo_keys_init(), ELO_OK);
    assert_int_equal(elo_ctl_state_create(&owner, max_records, &w->s), ELO_OK);
}


/* The key of invitations by that secret, as a body has it. */
static inline elo_digest_t
world_key(const char *secret)
{
    uint8_t seed[ELO_SEED_LEN];
    elo_agent_t key;
    elo_digest_t d;

    elo_invitation_seed(elo_slice_str(secret), seed);
    elo_agent_of_seed(seed, &key);
    memcpy(d.b, key.b, sizeof(d.b));
    return d;
}


/* Borrowed until the next one is made. */
static inline elo_slice_t
world_proof(world_t *w, const char *secret, const elo_digest_t *id,
            unsigned who)
{
    uint8_t seed[ELO_SEED_LEN];
    elo_agent_t a = agent(who);

    elo_invitation_seed(elo_slice_str(secret), seed);
    elo_invitation_prove(seed, id, &a, w->proof);
    return elo_slice(w->proof, sizeof(w->proof));
}


/* The next record of an agent, at w->now. An acceptance without a proof gets it. */
static inline elo_rec_t
world_rec(world_t *w, unsigned who, elo_rec_kind_t kind, elo_rec_body_t body)
{
    elo_rec_t r = { .id = digest(++w->n_made),
                    .author = agent(who),
                    .time_ms = w->now * 1000,
                    .kind = kind,
                    .body = body };

    elo_ignore(!elo_ctl_head(w->s, &r.author, &r.seq, &r.prev)); /* seq 0 */
    if (kind == ELO_REC_ACCEPTANCE && body.proof.len == 0) {
        r.body.proof = world_proof(w, WORLD_SECRET, &body.ref, who);
    }
    return r;
}


static inline elo_err_t
world_take(world_t *w, const elo_rec_t *r)
{
    elo_err_t rc;

    w->why = "";
    memset(w->is_touched, 0, sizeof(w->is_touched));
    if ((rc = elo_ctl_state_check(w->s, r, w->now, &w->why)) == ELO_OK) {
        rc = elo_ctl_state_apply(w->s, r, world_touched, w);
    }
    return rc;
}


static inline uint32_t
world_of(const world_t *w, unsigned who)
{
    elo_agent_t a = agent(who);

    return elo_ctl_facts_of(w->s, &a, w->now);
}


static inline uint32_t
world_towards(const world_t *w, unsigned who, unsigned owner,
              const char *content, elo_reach_t reach, elo_digest_t *by)
{
    elo_agent_t a = agent(who), o = agent(owner);

    return elo_ctl_facts_towards(w->s, &a, &o, elo_slice_str(content), reach,
                                 w->now, by);
}

#endif
