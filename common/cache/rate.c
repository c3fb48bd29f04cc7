/* SPDX-License-Identifier: BSD-2-Clause */
/* rate: see the header. */
#include "common/cache/rate.h"

#include <string.h>

#include "common/base/num.h"

#define TIME_BITS 48u
#define TIME_MASK ((UINT64_C(1) << TIME_BITS) - 1)
#define TRIES     16u /* somebody else was faster each time */
#define SECOND_US UINT64_C(1000000)

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


/* The set of a name, and its tag. */
static uint64_t *
set_of(elo_rate_t *t, elo_slice_t name, uint64_t *tag)
{
    uint64_t hash = elo_shorthash(t->key, name);

    *tag = hash >> TIME_BITS;
    *tag += *tag == 0;
    return &t->slot[(hash & TIME_MASK) % t->n_sets * ELO_RATE_WAYS];
}


/* False: somebody else was faster. */
static bool
put(look_t *at, uint64_t tag, uint64_t now_us, uint64_t used)
{
    uint64_t word = tag << TIME_BITS | ((now_us + used) & TIME_MASK);

    return __atomic_compare_exchange_n(at->slot, &at->was, word, false,
                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}


bool
elo_rate_take(elo_rate_t *t, elo_slice_t name, const elo_rate_limit_t *limit,
              uint64_t now_us, uint64_t *wait_us)
{
    uint64_t tag;
    uint64_t *set = set_of(t, name, &tag);

    for (unsigned i = 0; i < TRIES; i++) {
        look_t at = look(set, tag, now_us);
        uint64_t used = (at.is_his ? at.ahead_us : 0) + limit->each_us;

        if (used > limit->burst_us) {
            *wait_us = used - limit->burst_us;
            return false;
        }
        if (put(&at, tag, now_us, used)) {
            return true;
        }
    }
    *wait_us = limit->each_us;
    return false;
}


void
elo_rate_charge(elo_rate_t *t, elo_slice_t name, uint64_t cost_us,
                uint64_t now_us)
{
    uint64_t tag;
    uint64_t *set = set_of(t, name, &tag);

    cost_us = ELO_MIN(cost_us, ELO_RATE_AHEAD_MAX);
    for (unsigned i = 0; i < TRIES; i++) {
        look_t at = look(set, tag, now_us);
        uint64_t used = (at.is_his ? at.ahead_us : 0) + cost_us;

        /* who owes less than those whose places these are is forgotten (I1) */
        if (!at.is_his && used < at.ahead_us) {
            return;
        }
        if (put(&at, tag, now_us, ELO_MIN(used, ELO_RATE_AHEAD_MAX))) {
            return;
        }
    }
}


uint64_t
elo_rate_wait(elo_rate_t *t, elo_slice_t name, uint64_t burst_us,
              uint64_t now_us)
{
    uint64_t tag;
    uint64_t *set = set_of(t, name, &tag);
    look_t at = look(set, tag, now_us);

    return at.is_his && at.ahead_us > burst_us ? at.ahead_us - burst_us : 0;
}


uint64_t
elo_rate_cost_us(uint64_t n, uint64_t per_s)
{
    uint64_t whole = n / per_s, rest = n % per_s;

    if (whole >= ELO_RATE_AHEAD_MAX / SECOND_US) {
        return ELO_RATE_AHEAD_MAX;
    }
    /* a rate that is so high that this could overflow isn't told from less */
    if (rest > UINT64_MAX / SECOND_US) {
        rest /= SECOND_US;
        per_s /= SECOND_US;
    }
    rest *= SECOND_US;
    return whole * SECOND_US + rest / per_s + (rest % per_s != 0);
}
