/* SPDX-License-Identifier: BSD-2-Clause */
/* invitation: how an acceptance proves that its author holds an invitation's secret
   without showing it. The secret makes a key pair; the invitation has the public key,
   and the acceptance a signature by it over who accepts what. Whoever reads either
   can accept nothing by it. Pure. docs/formats/record.md. */
#ifndef ELO_CTL_INVITATION_H
#define ELO_CTL_INVITATION_H

#include "common/base/keys.h"

/* Bytes of a secret that is made here: whoever has the invitation can try secrets
   without asking anybody, so that a shorter one, or a word, is none. */
#define ELO_INVITATION_SECRET_MIN 16u

/* The seed of a secret's pair: HMAC-SHA-256, keyed with what it is for. A secret
   itself; elo_agent_of_seed gives the public key. */
void elo_invitation_seed(elo_slice_t secret, uint8_t seed[ELO_SEED_LEN]);

/* What an acceptance carries: by seed, over the invitation's id and whose acceptance
   it is. */
void elo_invitation_prove(const uint8_t seed[ELO_SEED_LEN],
                          const elo_digest_t *id, const elo_agent_t *author,
                          uint8_t proof[ELO_SIG_LEN]);

/* key: the invitation's. False also for bytes that are no key. */
bool elo_invitation_verify(const elo_agent_t *key, const elo_digest_t *id,
                           const elo_agent_t *author,
                           const uint8_t proof[ELO_SIG_LEN]) ELO_MUST_USE;

#endif
