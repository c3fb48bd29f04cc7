/* SPDX-License-Identifier: BSD-2-Clause */
/* invitation: see the header. */
#include "backend/ctl/invitation.h"

#include <string.h>

/* What the pair, and what a signature by it, is for; the latter with its NUL. */
static const char seed_of[] = "elohim-invitation-1";
static const char purpose[] = "elohim-accept-1";

typedef struct {
    uint8_t b[sizeof(purpose) + ELO_SHA256_LEN + ELO_AGENT_LEN];
} message_t;


static message_t
message_of(const elo_digest_t *id, const elo_agent_t *author)
{
    message_t m;

    memcpy(m.b, purpose, sizeof(purpose));
    memcpy(m.b + sizeof(purpose), id->b, ELO_SHA256_LEN);
    memcpy(m.b + sizeof(purpose) + ELO_SHA256_LEN, author->b, ELO_AGENT_LEN);
    return m;
}


void
elo_invitation_seed(elo_slice_t secret, uint8_t seed[ELO_SEED_LEN])
{
    elo_digest_t d;

    elo_hmac_any(elo_slice(seed_of, sizeof(seed_of) - 1), &secret, 1, &d);
    memcpy(seed, d.b, ELO_SEED_LEN);
    elo_wipe(&d, sizeof(d));
}


void
elo_invitation_prove(const uint8_t seed[ELO_SEED_LEN], const elo_digest_t *id,
                     const elo_agent_t *author, uint8_t proof[ELO_SIG_LEN])
{
    message_t m = message_of(id, author);

    elo_sign(seed, elo_slice(m.b, sizeof(m.b)), proof);
}


bool
elo_invitation_verify(const elo_agent_t *key, const elo_digest_t *id,
                      const elo_agent_t *author,
                      const uint8_t proof[ELO_SIG_LEN])
{
    message_t m = message_of(id, author);

    return elo_verify(key, elo_slice(m.b, sizeof(m.b)), proof);
}
