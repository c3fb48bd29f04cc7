/* SPDX-License-Identifier: BSD-2-Clause */
/* ask: a tier in memory of its own, and a client's look-up with what a cache does then.
   For tests of the policies. */
#ifndef T_UNIT_CACHE_ASK_H
#define T_UNIT_CACHE_ASK_H

#include <stdlib.h>
#include <string.h>

#include "common/cache/policy.h"

static inline elo_tier_t *
ask_tier(elo_cache_policy_t policy, uint64_t capacity, uint32_t n)
{
    elo_tier_conf_t conf = { .policy = policy,
                             .capacity = capacity,
                             .max_entries = n,
                             .max_object = capacity,
                             .window_pct = 5 };
    elo_tier_t *t = NULL;

    if (elo_tier_init(aligned_alloc(64, elo_tier_bytes(&conf)), &conf, 3, &t)
        != ELO_OK)
    {
        abort();
    }
    return t;
}


static inline elo_cache_key_t
ask_key(uint64_t id)
{
    elo_cache_key_t key = { { 0 } };

    memcpy(key.b, &id, sizeof(id));
    return key;
}


static inline bool
ask_has(const elo_tier_t *t, uint64_t id)
{
    elo_cache_key_t key = ask_key(id);
    elo_tier_item_t item;

    return elo_tier_get(t, &key, &item);
}


/* True: a hit. */
static inline bool
ask(elo_tier_t *t, uint64_t id, uint64_t size)
{
    elo_cache_key_t key = ask_key(id);
    elo_tier_item_t item = { .ref = 0 };
    uint32_t slot;

    if (elo_tier_get(t, &key, &item)) {
        elo_tier_hit(t, &key, &item);
        return true;
    }
    elo_tier_miss(t, &key, ELO_CACHE_COMMONS);
    if (elo_tier_reserve(t, &key, ELO_CACHE_COMMONS, size, NULL, &slot)
            == ELO_OK
        && !elo_tier_publish(t, slot, &item))
    {
        abort();
    }
    if (!elo_tier_check(t)) {
        abort();
    }
    return false;
}


static inline uint32_t
ask_below(uint64_t *state, uint32_t n)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t) (*state >> 33) % n;
}

#endif
