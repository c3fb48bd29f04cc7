/* SPDX-License-Identifier: BSD-2-Clause */
/* rate: how often each of many may do something: leaky buckets in a table of fixed
   size, for shared memory. A slot is one atomic word, so that nobody waits and
   nothing is left half done by a process that dies; nothing is allocated.

   A name's keyed hash chooses a set of eight slots and a tag of 16 bits in it. A slot
   says until when its name has used up what it may (the "theoretical arrival time"
   of GCRA): time 48 bits, in microseconds modulo 2^48, tag 16 bits, never 0. One whose
   time has come is as good as empty. Where all eight are in use, the one that is
   nearest to its end is taken: who is far over his rate stays known (I1). Two names
   that agree in set and tag share a bucket: one pair in 65,536 times the sets. */
#ifndef ELO_CACHE_RATE_H
#define ELO_CACHE_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/keys.h"
#include "common/base/slice.h"

#define ELO_RATE_WAYS 8u

typedef struct {
    uint8_t key[ELO_SHORTHASH_KEY_LEN];
    uint32_t n_sets;
    uint32_t _pad[11];
    uint64_t slot[]; /* ELO_RATE_WAYS a set; a set is a line of the cache */
} elo_rate_t;

_Static_assert(offsetof(elo_rate_t, slot) == 64, "sets are lines of the cache");

/* Bytes of a table of n_sets > 0. */
size_t elo_rate_size(uint32_t n_sets);

/* Makes an empty table of memory that is aligned to 64 bytes. key: random, told to
   nobody. */
void elo_rate_init(elo_rate_t *t, uint32_t n_sets,
                   const uint8_t key[ELO_SHORTHASH_KEY_LEN]);

/* How often: one each `each_us`, and as many at once as fit into burst_us, which is
   each_us at least; both well below 2^47. */
typedef struct {
    uint64_t each_us;
    uint64_t burst_us;
} elo_rate_limit_t;

/* One more by this name, now (microseconds of a clock that doesn't go back and that all
   who share the table read). False: it is over the rate; *wait_us is when to
   come again, and nothing was counted. [any process] */
bool elo_rate_take(elo_rate_t *t, elo_slice_t name,
                   const elo_rate_limit_t *limit, uint64_t now_us,
                   uint64_t *wait_us);

/* Counts what has been used already, cost_us of time: it is never refused, and may take
   the bucket past its burst, as far as ELO_RATE_AHEAD_MAX. [any process] */
#define ELO_RATE_AHEAD_MAX (UINT64_C(1) << 46) /* us: 2 years */
void elo_rate_charge(elo_rate_t *t, elo_slice_t name, uint64_t cost_us,
                     uint64_t now_us);

/* How long until no more than burst_us of what was charged to this name is left;
   0: now. Counts nothing. [any process] */
uint64_t elo_rate_wait(elo_rate_t *t, elo_slice_t name, uint64_t burst_us,
                       uint64_t now_us);

/* The time that n take at a rate of per_s > 0 a second, rounded up; at most
   ELO_RATE_AHEAD_MAX. */
uint64_t elo_rate_cost_us(uint64_t n, uint64_t per_s);

#endif
