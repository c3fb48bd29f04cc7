/* SPDX-License-Identifier: BSD-2-Clause */
/* tier_count: what a look-up leaves behind: counts of its class, of its entry, and in
   the class's sketch. No lock, no move. */
#include "common/cache/policy.h"

#define BLOCKS_PER_MISS 64u /* of a sketch that is halved, at most */
#define AGE_FACTOR      10u /* look-ups an object, until all is halved */
#define AGE_LEAST       1024u
#define AGE_SPREAD      4u /* the part of its period that halving may take */

/* Uses beyond which an entry's are no longer counted. */
static const uint8_t count_max[] = {
    [ELO_CACHE_LRU] = 1, [ELO_CACHE_LSZ] = 3, [ELO_CACHE_QGF] = 15
};


static void
add64(uint64_t *p, uint64_t n)
{
    __atomic_fetch_add(p, n, __ATOMIC_RELAXED);
}


void
elo_tier_hit(elo_tier_t *t, const elo_cache_key_t *key,
             const elo_tier_item_t *item)
{
    tier_class_t *c = &t->klass[item->klass];
    tier_entry_t *e = tier_entry(t, item->slot);
    uint64_t k[2];
    uint8_t n;

    tier_key(key, k);
    if (elo_tier_is_same(t, item)) {
        n = tier_count(e);
        if (n < count_max[t->conf.policy]) {
            tier_set_count(e, n + 1u);
        }
    }
    if (t->conf.policy != ELO_CACHE_LRU) {
        elo_sketch_add(tier_sketch(t, c), c->n_blocks, elo_tier_hash(t, k));
    }
    add64(&c->hits, 1);
    add64(&c->hit_bytes, item->size);
}


/* Halving begins when it is due, and goes on a few blocks a miss. Two at once halve
   different blocks, but for the very end, where one may start over early: harmless. */
static void
age(const elo_tier_t *t, tier_class_t *c, uint64_t asked)
{
    uint64_t period = ELO_MAX(AGE_LEAST, AGE_FACTOR * tier_load64(&c->used.n));
    uint64_t n, at;

    if (asked < tier_load64(&c->age_due)) {
        return;
    }
    n = c->n_blocks / (period / AGE_SPREAD) + 1;
    n = ELO_MIN(n, BLOCKS_PER_MISS);
    at = __atomic_fetch_add(&c->age_at, n, __ATOMIC_RELAXED);
    for (uint64_t i = at; i < at + n && i < c->n_blocks; i++) {
        elo_sketch_halve(tier_sketch(t, c), (uint32_t) i);
    }
    if (at + n >= c->n_blocks) {
        tier_store64(&c->age_due, asked + period);
        tier_store64(&c->age_at, 0);
    }
}


void
elo_tier_miss(elo_tier_t *t, const elo_cache_key_t *key,
              elo_cache_class_t klass)
{
    tier_class_t *c = &t->klass[klass];
    uint64_t k[2];

    add64(&c->misses, 1);
    if (t->conf.policy != ELO_CACHE_LRU) {
        tier_key(key, k);
        elo_sketch_add(tier_sketch(t, c), c->n_blocks, elo_tier_hash(t, k));
        age(t, c, tier_load64(&c->hits) + tier_load64(&c->misses));
    }
}


void
elo_tier_stat(const elo_tier_t *t, elo_cache_class_t klass,
              elo_tier_stat_t *out)
{
    const tier_class_t *c = &t->klass[klass];

    out->bytes = tier_load64(&c->used.bytes);
    out->objects = tier_load64(&c->used.n);
    out->hits = tier_load64(&c->hits);
    out->misses = tier_load64(&c->misses);
    out->hit_bytes = tier_load64(&c->hit_bytes);
    out->evicted = tier_load64(&c->evicted);
    out->refused = tier_load64(&c->refused);
}
