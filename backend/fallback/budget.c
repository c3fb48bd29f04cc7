/* SPDX-License-Identifier: BSD-2-Clause */
/* budget: see the header. */
#include "backend/fallback/budget.h"

#include <string.h>

_Static_assert(ELO_BUDGET_OWNER <= UINT8_MAX && ELO_BUDGET_HOST <= UINT8_MAX,
               "a cell counts to 255");


void
elo_budget_init(elo_budget_t *b, const uint8_t key[ELO_SHORTHASH_KEY_LEN])
{
    memset(b, 0, sizeof(*b));
    memcpy(b->_key, key, sizeof(b->_key));
}


static uint8_t *
cell_of(const elo_budget_t *b, uint8_t *cells, elo_slice_t of)
{
    return &cells[elo_shorthash(b->_key, of) % ELO_BUDGET_CELLS];
}


bool
elo_budget_take(elo_budget_t *b, const elo_agent_t *owner, const char *host)
{
    uint8_t *of_owner, *of_host;

    if (elo_agent_is_zero(owner)) {
        return true;
    }
    of_owner = cell_of(b, b->_owner, elo_slice(owner->b, sizeof(owner->b)));
    of_host = cell_of(b, b->_host, elo_slice_str(host));
    if (*of_owner >= ELO_BUDGET_OWNER || *of_host >= ELO_BUDGET_HOST) {
        return false;
    }
    ++*of_owner;
    ++*of_host;
    return true;
}
