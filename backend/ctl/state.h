/* SPDX-License-Identifier: BSD-2-Clause */
/* state: what all records together say: who is admitted, who is what to whom, what
   is granted. A function of the records in the order in which they were taken, and
   of the time: feed them again and it is the same (and only then expire, once). In
   memory, some 200 bytes a live record; look-ups are by hash. Not locked: one
   thread, the loop's.

   What a record needs, so that it is taken (ELO_EINVAL or ELO_EDENIED with why):
     all            it continues its author's chain (seq, prev), its time is no
                    earlier than the one before and not ahead of now; the author isn't
                    revoked: somebody else has revoked what admitted him, he is
                    admitted by nothing else, and nobody has admitted him anew.
                    What is his own he ends all the same
     ADMISSION      author is an administrator (the node's owner is one)
     RELATIONSHIP   not to oneself. It admits the other one, as long as its author is
                    admitted by an admission, an invitation or as owner: a relation of
                    a relation admits nobody
     INVITATION     to the node: author is admitted by more than a relation; to a
                    content: anyone's say about his own
     ACCEPTANCE     names an invitation to the node that isn't used up, ended or
                    past, with a signature by its key over its id and the
                    acceptance's author; not by its own, who must still be
                    one who may invite; once by each agent
     ESCALATION     names a grant of category emergency of that beneficiary to this author
                    that isn't ended
     PROMOTION      wider, never narrower
     REVOCATION     of the author's own record, or of any, when he is an
                    administrator. A record that gave something ends with it, and so
                    does what stood on it (who was admitted by a revoked admission
                    is out, with those whom only he had admitted)
     TOKEN_REVOCATION  of the author's own tokens, by their id or version; of any,
                    when he is an administrator. What it ends stays ended
   Others: only the chain. A lifecycle and a revocation, also of tokens, can't be
   revoked.

   What ends with a revocation, for good: the record; an invitation's acceptances; a
   grant's escalations; the admissions by each agent who is no administrator any
   more because of it, and the invitations to the node by each who is admitted no
   more but by relation, with their acceptances. Whoever has two ways in keeps the
   other one; two who admit each other hold nobody up.
   What is past its until gives nothing from that second on, and what stands on it
   gives nothing either, but comes back when its author is admitted again. An
   invitation's until is for accepting it: who has stays. */
#ifndef ELO_CTL_STATE_H
#define ELO_CTL_STATE_H

#include "backend/ctl/record.h"
#include "common/auth/gate.h"

typedef struct elo_ctl_state_s elo_ctl_state_t;

/* Live records of one author about the same agent and thing, and escalations of one
   grant: each is looked at when facts are asked for. */
#define ELO_CTL_SAME_MAX 64u

/* owner: of this node, admitted and an administrator from the start. max_records:
   live ones; past it ELO_ENOSPC. So many chains, too. */
elo_err_t elo_ctl_state_create(const elo_agent_t *owner, uint64_t max_records,
                               elo_ctl_state_t **out) ELO_MUST_USE;
void elo_ctl_state_free(elo_ctl_state_t **s);

/* What one author may have here; 0: no bound. An administrator may have
   ELO_CTL_ADMIN_SHARE times as much of each; who isn't admitted, or by a relation
   only, an ELO_CTL_WEAK_SHAREth of the first two. The node's owner has no bound. */
#define ELO_CTL_ADMIN_SHARE 16u
#define ELO_CTL_WEAK_SHARE  16u
#define ELO_CTL_BURST_S     10 /* of what he may add in the long run: at once */
typedef struct {
    uint64_t records; /* that are live, with the tokens that he has ended */
    uint64_t bytes;   /* of all his records, which stay in the journal */
    uint32_t per_s;   /* records that he may add */
} elo_ctl_bounds_t;

/* None, until this is called. */
void elo_ctl_state_bound(elo_ctl_state_t *s, const elo_ctl_bounds_t *b);

/* May its author add a record now, by what he has added lately? Counts it if so. Of
   this run only: a replay counts none. now_ms: Unix milliseconds. */
bool elo_ctl_state_pace(elo_ctl_state_t *s, const elo_agent_t *author,
                        int64_t now_ms) ELO_MUST_USE;

/* Would it be taken now? now: Unix seconds, here and below. r as elo_rec_parse gave
   it. ELO_EINVAL, ELO_EDENIED, ELO_ENOSPC (all authors have too much), ELO_EQUOTA (he
   has), ELO_EEXISTS (tokens that are ended already) with a static word in why, which
   may be NULL. */
elo_err_t elo_ctl_state_check(const elo_ctl_state_t *s, const elo_rec_t *r,
                              int64_t now, const char **why) ELO_MUST_USE;

/* Does it end what is there and is its author's own: a live record of his, or tokens
   that are not ended, of one who is known here? That is taken of everybody, though he be
   admitted by nothing or revoked. */
bool elo_ctl_ends_own(const elo_ctl_state_t *s, const elo_rec_t *r);

/* Takes one that check has allowed (in replay: that had been taken; time isn't judged
   again). touched, which may be NULL, is called for each agent whose facts have
   changed, so that decisions about him are looked up anew; it calls nothing here. What
   says again what was said already touches nobody. Facts are compared as of the last
   expire, which is to be called before when something's until has come. The
   zero agent stands for everybody: tokens of no agent that is told have ended.
   ELO_ENOMEM, and ELO_EINVAL for one that doesn't continue a chain or names a
   record that isn't there: nothing changed. */
typedef void (*elo_ctl_touched_fn)(void *ctx, const elo_agent_t *a);
elo_err_t elo_ctl_state_apply(elo_ctl_state_t *s, const elo_rec_t *r,
                              elo_ctl_touched_fn touched,
                              void *ctx) ELO_MUST_USE;

/* Something whose until has come: touched as above for each; the time of the next,
   or 0. To be called when that time has come. */
int64_t elo_ctl_state_expire(elo_ctl_state_t *s, int64_t now,
                             elo_ctl_touched_fn touched, void *ctx);

/* Live records in memory. */
uint64_t elo_ctl_state_count(const elo_ctl_state_t *s);

/* PROVED, ADMITTED, ADMIN of an agent whose key was proved; 0 for the operator's
   zeros, which are no key. now doesn't go back, or else to no earlier than the last
   expire. */
uint32_t elo_ctl_facts_of(const elo_ctl_state_t *s, const elo_agent_t *a,
                          int64_t now);

/* Further ones towards an owner: OWNER, HOUSEHOLD … COMMUNITY, and for a content of
   that reach INVITED by record, GRANT (category read) and EMERGENCY. An empty content
   id stands for any: what is said of a single one doesn't count then. by, which may
   be NULL, is the id of the record that GRANT, else EMERGENCY stands on; untouched
   without. */
uint32_t elo_ctl_facts_towards(const elo_ctl_state_t *s, const elo_agent_t *a,
                               const elo_agent_t *owner, elo_slice_t content,
                               elo_reach_t reach, int64_t now,
                               elo_digest_t *by);

/* May `to` refer to bytes that only others possess? Of PROMOTION of bytes: by one of
   the possessors, whom the caller tells apart. */
bool elo_ctl_has_promotion(const elo_ctl_state_t *s, const elo_digest_t *d,
                           const elo_agent_t *to, const elo_agent_t *from);

/* The hash tree's root of a blob, and its size, as the latest live MANIFEST of that
   author states them. False: he has stated none. */
bool elo_ctl_root(const elo_ctl_state_t *s, const elo_agent_t *author,
                  const elo_digest_t *blob, elo_digest_t *root, uint64_t *size);

/* Is the record of that id live: kept in memory, and not ended? */
bool elo_ctl_is_live(const elo_ctl_state_t *s, const elo_digest_t *id);

/* All of them that stand, in no order, each pair of agents once for the same bytes,
   until fn returns false. */
typedef bool (*elo_ctl_promotion_fn)(void *ctx, const elo_digest_t *d,
                                     const elo_agent_t *to,
                                     const elo_agent_t *from);
void elo_ctl_state_promotions(const elo_ctl_state_t *s, elo_ctl_promotion_fn fn,
                              void *ctx);

/* Has a record ended this token? agent NULL: of nobody's; jti and kid may be empty. */
bool elo_ctl_is_token_revoked(const elo_ctl_state_t *s,
                              const elo_agent_t *agent, elo_slice_t jti,
                              elo_slice_t kid, uint64_t version);

/* The version that tokens of this agent must have at least; 1 to begin with. */
uint64_t elo_ctl_token_version(const elo_ctl_state_t *s,
                               const elo_agent_t *agent);

/* Head of an agent's chain: next seq and the id to be named. False: no record yet. */
bool elo_ctl_head(const elo_ctl_state_t *s, const elo_agent_t *a,
                  uint64_t *next_seq, elo_digest_t *last);

#endif
