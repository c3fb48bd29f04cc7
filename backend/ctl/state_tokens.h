/* SPDX-License-Identifier: BSD-2-Clause */
/* state_tokens: which tokens records have ended. Part of the state. */
#ifndef ELO_CTL_STATE_TOKENS_H
#define ELO_CTL_STATE_TOKENS_H

#include "backend/ctl/record.h"
#include "common/base/hashmap.h"

/* All zero: none; nothing may be put then. */
typedef struct {
    elo_hashmap_t map;
} elo_ctl_tokens_t;

void elo_ctl_tokens_init(elo_ctl_tokens_t *t,
                         const uint8_t key[ELO_SHORTHASH_KEY_LEN]);
void elo_ctl_tokens_dispose(elo_ctl_tokens_t *t);

/* Takes the body of a TOKEN_REVOCATION. ELO_ENOMEM: nothing changed. */
elo_err_t elo_ctl_tokens_add(elo_ctl_tokens_t *t,
                             const elo_rec_body_t *b) ELO_MUST_USE;

/* Is it there already, or would it be one more to be remembered? And: does it end
   nothing that isn't ended? */
bool elo_ctl_tokens_has(const elo_ctl_tokens_t *t, const elo_rec_body_t *b);
bool elo_ctl_tokens_is_known(const elo_ctl_tokens_t *t,
                             const elo_rec_body_t *b);

size_t elo_ctl_tokens_count(const elo_ctl_tokens_t *t);

/* agent NULL: a token of nobody's. Empty jti, kid: it has none. */
bool elo_ctl_tokens_is_revoked(const elo_ctl_tokens_t *t,
                               const elo_agent_t *agent, elo_slice_t jti,
                               elo_slice_t kid, uint64_t version);

/* The least version that tokens of that agent must have, from 1. */
uint64_t elo_ctl_tokens_version(const elo_ctl_tokens_t *t,
                                const elo_agent_t *agent);

#endif
