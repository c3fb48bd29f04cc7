/* SPDX-License-Identifier: BSD-2-Clause */
/* nonces: which of our nonces have been used, for as long as they would hold. A
   bounded table: what doesn't fit isn't forgotten but refused. Nobody takes more of
   it than a share: so one agent can't keep the others out. Loop thread. */
#ifndef ELO_CTL_NONCES_H
#define ELO_CTL_NONCES_H

#include "common/base/hashmap.h"

#define ELO_NONCE_ID_LEN 32u

typedef struct elo_nonces_s elo_nonces_t;

/* max uses in any keep_s seconds, share of them by one agent. */
elo_err_t elo_nonces_create(uint32_t max, uint32_t share, int64_t keep_s,
                            elo_nonces_t **out) ELO_MUST_USE;
void elo_nonces_free(elo_nonces_t **n);

/* Was it used lately? */
bool elo_nonces_has(elo_nonces_t *n, const uint8_t id[ELO_NONCE_ID_LEN],
                    int64_t now);

/* ELO_EDENIED: used already; ELO_EBUSY: too many were used lately, by all or by this
   agent. now (Unix seconds) is no less than in the calls before. */
elo_err_t elo_nonces_check(elo_nonces_t *n, const uint8_t id[ELO_NONCE_ID_LEN],
                           const elo_agent_t *agent, int64_t now) ELO_MUST_USE;

/* Remembers one that check, with the same agent and now, has let pass. */
void elo_nonces_use(elo_nonces_t *n, const uint8_t id[ELO_NONCE_ID_LEN],
                    const elo_agent_t *agent, int64_t now);

#endif
