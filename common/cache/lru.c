/* SPDX-License-Identifier: BSD-2-Clause */
/* lru: what was used least recently goes, about: a hit only marks its entry, and what
   is marked goes round once when its turn comes. One queue. */
#include "common/cache/policy.h"


static bool
yield(elo_tier_t *t, tier_class_t *c, tier_load_t limit, elo_tier_gone_t *gone)
{
    tier_queue_t *q = &c->q[0];

    (void) limit;
    if (q->head == TIER_NONE) {
        return false;
    }
    for (unsigned i = 0; i < TIER_MOVES; i++) {
        uint32_t slot = q->head;

        if (tier_count(tier_entry(t, slot)) == 0) {
            break;
        }
        tier_set_count(tier_entry(t, slot), 0);
        elo_tier_move(t, c, slot, 0);
    }
    elo_tier_evict(t, q->head, gone);
    return true;
}


static bool
admit(elo_tier_t *t, tier_class_t *c, tier_load_t limit, tier_new_t *in,
      elo_tier_gone_t *gone)
{
    in->queue = 0;
    in->freq = 0;
    while (!tier_fits(c->used, limit, in->size)) {
        if (!yield(t, c, limit, gone)) {
            return false; /* all is reserved */
        }
    }
    return true;
}


const tier_policy_t elo_tier_lru = { admit, yield, NULL };
