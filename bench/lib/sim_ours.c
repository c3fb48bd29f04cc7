/* SPDX-License-Identifier: BSD-2-Clause */
/* sim_ours: a tier of common/cache as a cache of the simulation: one look-up is what the
   edge makes of a request, with nothing behind it. */
#include "bench/lib/sim.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/num.h"
#include "common/cache/tier.h"

typedef struct {
    sim_cache_t cache;
    elo_tier_t *tier;
    size_t len;
    bool has_classes;
} ours_t;

/* As the edge's tiers are set. */
static const struct {
    elo_cache_policy_t policy;
    uint32_t window_pct;
    bool by_bytes;
} settings[] = {
    [SIM_LRU] = { ELO_CACHE_LRU, 0, false },
    [SIM_LSZ] = { ELO_CACHE_LSZ, 5, false },
    [SIM_LSZ_BYTES] = { ELO_CACHE_LSZ, 20, true },
    [SIM_QGF] = { ELO_CACHE_QGF, 0, false },
};


/* By the object's own name, not by when it came. */
static elo_cache_key_t
key_of(const sim_object_t *o)
{
    elo_cache_key_t key = { { 0 } };

    memcpy(key.b, &o->id, sizeof(o->id));
    key.b[8] = o->tier;
    return key;
}


static bool
ask(sim_cache_t *c, uint32_t i)
{
    const ours_t *ours = (ours_t *) c;
    elo_tier_t *t = ours->tier;
    const sim_object_t *o = &c->trace->objects[i];
    elo_reach_t reach =
        ours->has_classes ? (elo_reach_t) o->reach : ELO_REACH_COMMONS;
    elo_cache_class_t klass = elo_cache_class(reach);
    elo_cache_key_t key = key_of(o);
    elo_tier_item_t item = { .ref = 0 };
    uint32_t slot;

    if (elo_tier_get(t, &key, &item)) {
        elo_tier_hit(t, &key, &item);
        return true;
    }
    elo_tier_miss(t, &key, klass);
    if (elo_tier_reserve(t, &key, klass, o->size, NULL, &slot) == ELO_OK) {
        (void) elo_tier_publish(t, slot, &item);
    }
    return false;
}


size_t
sim_bytes(const sim_cache_t *c)
{
    return ((const ours_t *) c)->len;
}


elo_tier_t *
sim_tier(sim_cache_t *c)
{
    return ((ours_t *) c)->tier;
}


static void
ours_free(sim_cache_t *c)
{
    free(((ours_t *) c)->tier);
    free(c);
}


static ours_t *
create(sim_policy_t p, const sim_trace_t *t, uint64_t capacity,
       uint32_t max_entries, uint32_t floor_pm)
{
    ours_t *o = sim_alloc(1, sizeof(*o));
    elo_tier_conf_t conf = {
        .policy = settings[p].policy,
        .capacity = ELO_MAX(capacity, 1),
        .max_entries = max_entries,
        .max_object = capacity,
        .window_pct = settings[p].window_pct,
        .by_bytes = settings[p].by_bytes,
        .floor_pm = { floor_pm, 2 * floor_pm, 0 },
    };
    void *mem;

    o->len = elo_tier_bytes(&conf);
    mem = aligned_alloc(64, o->len);
    if (mem == NULL || elo_tier_init(mem, &conf, 1, &o->tier) != ELO_OK) {
        fprintf(stderr, "cachesim: no tier\n");
        exit(1);
    }
    o->cache = (sim_cache_t){ ask, ours_free, t, capacity };
    return o;
}


sim_cache_t *
sim_ours(sim_policy_t p, const sim_trace_t *t, uint64_t capacity,
         uint32_t max_entries)
{
    return &create(p, t, capacity, max_entries, 0)->cache;
}


sim_cache_t *
sim_ladder(sim_policy_t p, const sim_trace_t *t, uint64_t capacity,
           uint32_t max_entries, uint32_t floor_pm)
{
    ours_t *o = create(p, t, capacity, max_entries, floor_pm);

    o->has_classes = true;
    return &o->cache;
}
