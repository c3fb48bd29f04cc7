/* SPDX-License-Identifier: BSD-2-Clause */
/* budget: how many URLs one look asks on behalf of guests, of each of them and at each
   host: whoever may write nodes names URLs without number, and isn't to have the node
   knock at all doors, nor many of them at one. Counted in cells by a secret hash: two
   who share one share its budget. Pure. */
#ifndef ELO_FALLBACK_BUDGET_H
#define ELO_FALLBACK_BUDGET_H

#include "common/base/keys.h"

#define ELO_BUDGET_OWNER 64u   /* URLs of one guest */
#define ELO_BUDGET_HOST  64u   /* URLs at one host, of all guests */
#define ELO_BUDGET_CELLS 1024u /* of guests, and of hosts */

typedef struct {
    uint8_t _key[ELO_SHORTHASH_KEY_LEN];
    uint8_t _owner[ELO_BUDGET_CELLS];
    uint8_t _host[ELO_BUDGET_CELLS];
} elo_budget_t;

void elo_budget_init(elo_budget_t *b, const uint8_t key[ELO_SHORTHASH_KEY_LEN]);

/* May one more URL of his be asked there? Counts it if so. The operator, of zeros, has no
   budget, and takes nobody's. */
bool elo_budget_take(elo_budget_t *b, const elo_agent_t *owner,
                     const char *host) ELO_MUST_USE;

#endif
