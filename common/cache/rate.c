/* SPDX-License-Identifier: BSD-2-Clause */
/* rate: see the header. */
#include "common/cache/rate.h"

#include <string.h>

#define TIME_BITS 48u
#define TIME_MASK ((UINT64_C(1) << TIME_BITS) - 1)
#define TRIES     16u /* somebody else was faster each time */

typedef struct {
    uint64_t *slot;
    uint64_t was;
    uint64_t ahead_us; /* how long its name has to wait for an empty bucket */
    bool is_his;
} look_t;


size_t
elo_rate_size(uint32_t n_sets)
{
    return sizeof(elo_rate_t)
           + (size_t) n_sets * ELO_RATE_WAYS * sizeof(uint64_t);
}


void
elo_rate_init(elo_rate_t *t, uint32_t n_sets,
              const uint8_t key[ELO_SHORTHASH_KEY_LEN])
{
    memset(t, 0, elo_rate_size(n_sets));
    t->n_sets = n_sets;
    memcpy(t->key, key, ELO_SHORTHASH_KEY_LEN);
}


/* 0: its time has come, or it is empty. */
static uint64_t
ahead_of(uint64_t word, uint64_t now_us)
{
    uint64_t left = (word - now_us) & TIME_MASK;

    return word == 0 || left > TIME_MASK / 2 ? 0 : left;
}


/* The slot of that tag, else the one to be taken in its place (I1). */
static look_t
look(uint64_t *set, uint64_t tag, uint64_t now_us)
{
    look_t best = { .slot = NULL };

    for (unsigned i = 0; i < ELO_RATE_WAYS; i++) {
        uint64_t word = __atomic_load_n(&set[i], __ATOMIC_RELAXED);
        uint64_t ahead = ahead_of(word, now_us);

        if (word >> TIME_BITS == tag) {
            return (look_t){ &set[i], word, ahead, true };
        }
        if (best.slot == NULL || ahead < best.ahead_us) {
            best = (look_t){ &set[i], word, ahead, false };
        }
    }
    return best;
}


bool
elo_rate_take(elo_rate_t *t, elo_slice_t name, const elo_rate_limit_t *limit,
              uint64_t now_us, uint64_t *wait_us)
{
    uint64_t hash = elo_shorthash(t->key, name);
    uint64_t tag = hash >> TIME_BITS;
    uint64_t *set = &t->slot[(hash & TIME_MASK) % t->n_sets * ELO_RATE_WAYS];

    tag += tag == 0;
    for (unsigned i = 0; i < TRIES; i++) {
        look_t at = look(set, tag, now_us);
        uint64_t used = (at.is_his ? at.ahead_us : 0) + limit->each_us;
        uint64_t word = tag << TIME_BITS | ((now_us + used) & TIME_MASK);

        if (used > limit->burst_us) {
            *wait_us = used - limit->burst_us;
            return false;
        }
        if (__atomic_compare_exchange_n(at.slot, &at.was, word, false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        {
            return true;
        }
    }
    *wait_us = limit->each_us;
    return false;
}
