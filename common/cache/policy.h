/* SPDX-License-Identifier: BSD-2-Clause */
/* policy: what a tier asks its policy, and what it does for it. A policy sees one class
   of a tier and that class's limit at this time; it changes nothing else (I2). All is
   made under the mutex; only count is written by others meanwhile. */
#ifndef ELO_CACHE_POLICY_H
#define ELO_CACHE_POLICY_H

#include "common/cache/tier_internal.h"

/* One that wants in. */
typedef struct {
    uint64_t hash;
    uint64_t size;
    uint8_t freq;  /* by the sketch; out: its count at first */
    uint8_t queue; /* out: where it is to stand */
} tier_new_t;

typedef struct {
    /* Makes room within limit; false: it isn't worth it. */
    bool (*admit)(elo_tier_t *t, tier_class_t *c, tier_load_t limit,
                  tier_new_t *in, elo_tier_gone_t *gone);
    /* One goes, for a limit that shrank to this; false: none is held. */
    bool (*yield)(elo_tier_t *t, tier_class_t *c, tier_load_t limit,
                  elo_tier_gone_t *gone);
    /* Is about to be linked into its queue. May be NULL. */
    void (*enter)(elo_tier_t *t, tier_class_t *c, uint32_t slot);
} tier_policy_t;

extern const tier_policy_t elo_tier_lru, elo_tier_lsz, elo_tier_qgf;

/* Frequency of a held one, by the sketch. */
unsigned elo_tier_freq(const elo_tier_t *t, const tier_class_t *c,
                       uint32_t slot);

/* Takes a held one out, and tells. */
void elo_tier_evict(elo_tier_t *t, uint32_t slot, elo_tier_gone_t *gone);

static inline uint8_t
tier_count(const tier_entry_t *e)
{
    return __atomic_load_n(&e->count, __ATOMIC_RELAXED);
}


static inline void
tier_set_count(tier_entry_t *e, unsigned n)
{
    __atomic_store_n(&e->count, (uint8_t) n, __ATOMIC_RELAXED);
}


static inline bool
tier_fits(tier_load_t used, tier_load_t limit, uint64_t size)
{
    return used.n < limit.n && used.bytes <= limit.bytes
           && size <= limit.bytes - used.bytes;
}

#endif
