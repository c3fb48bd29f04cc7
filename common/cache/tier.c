/* SPDX-License-Identifier: BSD-2-Clause */
/* tier: index, ladder and life of the entries. What goes when room is needed is the
   policies' (lru.c, lsz.c, qgf.c); queues and limits: tier_queue.c; what is counted:
   tier_count.c. */
#include "common/cache/policy.h"

#include <assert.h>
#include <string.h>

#define PER_MILLE         1000u
#define CAPACITY_MOST     (UINT64_C(1) << 62) /* so that sums of two fit */
#define PER_CENT_PPM      10000u
#define WINDOW_NARROW     30u /* per cent: floods of what is soon read again */
/* Of the sketch: 8 counters an entry of commons, 4 one of a narrower class. */
#define ENTRIES_PER_BLOCK 16u

static const tier_policy_t *const policies[] = {
    [ELO_CACHE_LRU] = &elo_tier_lru,
    [ELO_CACHE_LSZ] = &elo_tier_lsz,
    [ELO_CACHE_QGF] = &elo_tier_qgf,
};

typedef struct {
    uint64_t buckets, entries, links;
    uint64_t sketch[ELO_CACHE_CLASSES];
    uint32_t n_blocks[ELO_CACHE_CLASSES];
    uint64_t all;
    uint32_t n_slots;
} layout_t;


elo_cache_class_t
elo_cache_class(elo_reach_t reach)
{
    if (reach >= ELO_REACH_COMMONS) {
        return ELO_CACHE_COMMONS;
    }
    return reach >= ELO_REACH_NEIGHBORHOOD ? ELO_CACHE_COMMUNITY
                                           : ELO_CACHE_PRIVATE;
}


/* ---- layout ---- */

static uint64_t
lines(uint64_t bytes)
{
    return (bytes + 63) / 64 * 64;
}


static layout_t
lay_out(const elo_tier_conf_t *conf)
{
    uint32_t most = UINT32_MAX - TIER_SPARE - 1;
    layout_t l = { .n_slots = ELO_MIN(conf->max_entries, most) + TIER_SPARE };

    l.buckets = lines(sizeof(elo_tier_t));
    l.entries = l.buckets + lines(l.n_slots * sizeof(uint32_t));
    l.links = l.entries + l.n_slots * sizeof(tier_entry_t);
    l.all = l.links + lines(l.n_slots * sizeof(tier_link_t));
    for (unsigned k = 0; k < ELO_CACHE_CLASSES; k++) {
        l.n_blocks[k] = l.n_slots / ENTRIES_PER_BLOCK;
        l.n_blocks[k] /= k == ELO_CACHE_COMMONS ? 1 : 2;
        l.n_blocks[k] += 1;
        l.sketch[k] = l.all;
        l.all += (uint64_t) l.n_blocks[k] * ELO_SKETCH_BLOCK;
    }
    return l;
}


size_t
elo_tier_bytes(const elo_tier_conf_t *conf)
{
    return lay_out(conf).all;
}


static bool
is_conf(const elo_tier_conf_t *conf)
{
    uint32_t sum = 0;

    for (unsigned k = 0; k < ELO_CACHE_COMMONS; k++) {
        if (conf->floor_pm[k] >= PER_MILLE) {
            return false;
        }
        sum += conf->floor_pm[k];
    }
    return sum < PER_MILLE && conf->capacity > 0
           && conf->capacity <= CAPACITY_MOST && conf->max_entries > 0
           && conf->max_entries < UINT32_MAX - TIER_SPARE
           && conf->window_pct <= 100
           && (unsigned) conf->policy < ELO_COUNT(policies);
}


static uint64_t
part(uint64_t whole, uint32_t per_mille)
{
    return whole / PER_MILLE * per_mille
           + whole % PER_MILLE * per_mille / PER_MILLE;
}


static void
init_class(tier_class_t *c, const elo_tier_conf_t *conf, unsigned klass)
{
    uint32_t floor = klass == ELO_CACHE_COMMONS ? 0 : conf->floor_pm[klass];

    c->floor.bytes = part(conf->capacity, floor);
    c->floor.n = part(conf->max_entries, floor);
    for (unsigned q = 0; q < TIER_QUEUES; q++) {
        c->q[q].head = c->q[q].tail = TIER_NONE;
    }
    c->climber.share = conf->window_pct * PER_CENT_PPM;
    if (klass != ELO_CACHE_COMMONS) {
        c->climber.share =
            ELO_MAX(c->climber.share, WINDOW_NARROW * PER_CENT_PPM);
    }
}


static void
init_entries(elo_tier_t *t, const layout_t *l)
{
    memset((uint8_t *) t + l->buckets, 0xff, l->entries - l->buckets);
    memset((uint8_t *) t + l->entries, 0, l->all - l->entries);
    t->free_head = TIER_NONE;
    for (uint32_t i = l->n_slots; i-- > 0;) {
        tier_entry(t, i)->seq = 1;
        tier_entry(t, i)->chain = TIER_NONE;
        tier_link(t, i)->next = t->free_head;
        t->free_head = i;
    }
    t->n_free = l->n_slots;
}


/* Others may still read a tier that is made anew: what says where things lie is written
   over with the same, and at no time anything else. */
elo_err_t
elo_tier_init(void *mem, const elo_tier_conf_t *conf, uint64_t seed,
              elo_tier_t **out)
{
    elo_tier_t *t = mem, head = { .magic = TIER_MAGIC, .seed = seed };
    layout_t l;

    if (!is_conf(conf)) {
        return ELO_ERANGE;
    }
    assert((uintptr_t) mem % 64 == 0);
    l = lay_out(conf);
    head.n_slots = l.n_slots;
    head.buckets = l.buckets;
    head.entries = l.entries;
    head.links = l.links;
    head.conf = *conf;
    for (unsigned k = 0; k < ELO_CACHE_CLASSES; k++) {
        head.klass[k].sketch = l.sketch[k];
        head.klass[k].n_blocks = l.n_blocks[k];
        init_class(&head.klass[k], conf, k);
    }
    *t = head;
    init_entries(t, &l);
    *out = t;
    return ELO_OK;
}


/* ---- index ---- */

static uint64_t
mix(uint64_t x)
{
    x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
    x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return x ^ x >> 32;
}


uint64_t
elo_tier_hash(const elo_tier_t *t, const uint64_t key[2])
{
    return mix(mix(key[0] ^ t->seed) ^ key[1]);
}


unsigned
elo_tier_freq(const elo_tier_t *t, const tier_class_t *c, uint32_t slot)
{
    return elo_sketch_get(tier_sketch(t, c), c->n_blocks,
                          elo_tier_hash(t, tier_entry(t, slot)->key));
}


static void
item_of(const elo_tier_t *t, uint32_t slot, elo_tier_item_t *out)
{
    const tier_entry_t *e = tier_entry(t, slot);

    out->slot = slot;
    out->klass =
        (elo_cache_class_t) __atomic_load_n(&e->klass, __ATOMIC_RELAXED);
    out->size = tier_load64(&e->size);
    out->ref = tier_load64(&e->ref);
    out->aux = tier_load64(&e->aux);
    out->expires = tier_load32(&e->expires);
    out->flags = tier_load32(&e->flags);
}


bool
elo_tier_get(const elo_tier_t *t, const elo_cache_key_t *key,
             elo_tier_item_t *out)
{
    uint64_t k[2];
    uint32_t i;

    tier_key(key, k);
    i = __atomic_load_n(tier_bucket(t, elo_tier_hash(t, k)), __ATOMIC_ACQUIRE);
    for (unsigned n = 0; n < TIER_CHAIN && i < t->n_slots; n++) {
        const tier_entry_t *e = tier_entry(t, i);
        uint32_t seq = __atomic_load_n(&e->seq, __ATOMIC_ACQUIRE);

        if (tier_load64(&e->key[0]) == k[0] && tier_load64(&e->key[1]) == k[1]
            && seq % 2 == 0)
        {
            elo_tier_item_t item;

            item_of(t, i, &item);
            item.seq = seq;
            if (elo_tier_is_same(t, &item)) {
                *out = item;
                return true;
            }
        }
        i = __atomic_load_n(&e->chain, __ATOMIC_ACQUIRE);
    }
    return false;
}


bool
elo_tier_is_same(const elo_tier_t *t, const elo_tier_item_t *item)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return item->slot < t->n_slots && item->seq % 2 == 0
           && tier_load32(&tier_entry(t, item->slot)->seq) == item->seq;
}


/* The entry of that key, held or reserved; under the mutex. */
static uint32_t
find(const elo_tier_t *t, const uint64_t key[2], uint64_t hash)
{
    uint32_t i = *tier_bucket(t, hash);

    while (i != TIER_NONE) {
        const tier_entry_t *e = tier_entry(t, i);

        if (e->key[0] == key[0] && e->key[1] == key[1]) {
            return i;
        }
        i = e->chain;
    }
    return TIER_NONE;
}


static void
unchain(elo_tier_t *t, uint32_t slot)
{
    tier_entry_t *e = tier_entry(t, slot);
    uint32_t *p = tier_bucket(t, elo_tier_hash(t, e->key));

    while (*p != slot) {
        assert(*p < t->n_slots);
        p = &tier_entry(t, *p)->chain;
    }
    __atomic_store_n(p, e->chain, __ATOMIC_RELEASE);
}


/* ---- life of an entry ---- */

/* From now on nobody's copy is good (I1). */
static void
close_entry(tier_entry_t *e)
{
    if (e->seq % 2 == 0) {
        tier_store32(&e->seq, e->seq + 1);
        __atomic_thread_fence(__ATOMIC_RELEASE);
    }
}


static void
put_free(elo_tier_t *t, uint32_t slot)
{
    tier_entry_t *e = tier_entry(t, slot);

    tier_store32(&e->chain, TIER_NONE);
    e->state = TIER_FREE;
    tier_link(t, slot)->next = t->free_head;
    t->free_head = slot;
    t->n_free++;
}


static void
charge(tier_class_t *c, unsigned queue, uint64_t size)
{
    c->q[queue].load.bytes += size;
    c->q[queue].load.n++;
    tier_store64(&c->used.bytes, c->used.bytes + size);
    tier_store64(&c->used.n, c->used.n + 1);
}


/* Out of its queue, out of the index, and not counted any more. */
static void
take_out(elo_tier_t *t, uint32_t slot)
{
    tier_entry_t *e = tier_entry(t, slot);
    tier_class_t *c = &t->klass[e->klass];

    close_entry(e);
    elo_tier_unlink(t, &c->q[e->state == TIER_RESERVED ? Q_RESERVED : e->queue],
                    slot);
    c->q[e->queue].load.bytes -= e->size;
    c->q[e->queue].load.n--;
    tier_store64(&c->used.bytes, c->used.bytes - e->size);
    tier_store64(&c->used.n, c->used.n - 1);
    unchain(t, slot);
}


/* A held one goes. */
static void
let_go(elo_tier_t *t, uint32_t slot, elo_tier_gone_t *gone)
{
    tier_entry_t *e = tier_entry(t, slot);
    elo_tier_item_t item;
    elo_cache_key_t key;

    item_of(t, slot, &item);
    item.seq = e->seq;
    memcpy(key.b, e->key, sizeof(key.b));
    take_out(t, slot);
    put_free(t, slot);
    if (gone != NULL) {
        gone->fn(gone, &key, &item);
    }
}


void
elo_tier_evict(elo_tier_t *t, uint32_t slot, elo_tier_gone_t *gone)
{
    tier_class_t *c = &t->klass[tier_entry(t, slot)->klass];

    tier_store64(&c->evicted, c->evicted + 1);
    let_go(t, slot, gone);
}


/* A reserved one loses its room; its slot waits for the reserver. */
static void
doom(elo_tier_t *t, uint32_t slot)
{
    assert(slot < t->n_slots);
    take_out(t, slot);
    tier_entry(t, slot)->state = TIER_DOOMED;
}


/* Narrower classes get out of the way, the narrowest first, never below their
   floors. */
static void
yield_below(elo_tier_t *t, unsigned klass, elo_tier_gone_t *gone)
{
    for (unsigned k = 0; k < klass; k++) {
        tier_class_t *c = &t->klass[k];
        tier_load_t limit = elo_tier_limit(t, k);

        while (c->used.bytes > limit.bytes || c->used.n > limit.n) {
            if (!policies[t->conf.policy]->yield(t, c, limit, gone)) {
                doom(t, c->q[Q_RESERVED].head);
            }
        }
    }
}


/* What has the key goes. False: one that is as wide is just being entered. */
static bool
clear_key(elo_tier_t *t, const uint64_t key[2], uint64_t hash, unsigned klass,
          elo_tier_gone_t *gone)
{
    uint32_t old = find(t, key, hash);

    if (old == TIER_NONE) {
        return true;
    }
    if (tier_entry(t, old)->state == TIER_HELD) {
        let_go(t, old, gone);
        return true;
    }
    if (tier_entry(t, old)->klass >= klass) {
        return false;
    }
    doom(t, old);
    return true;
}


static void
enter(elo_tier_t *t, uint32_t slot, const uint64_t key[2], const tier_new_t *in,
      unsigned klass)
{
    tier_entry_t *e = tier_entry(t, slot);
    tier_class_t *c = &t->klass[klass];
    uint32_t *bucket = tier_bucket(t, in->hash);

    tier_store64(&e->key[0], key[0]);
    tier_store64(&e->key[1], key[1]);
    tier_store64(&e->size, in->size);
    __atomic_store_n(&e->klass, (uint8_t) klass, __ATOMIC_RELAXED);
    e->queue = in->queue;
    e->state = TIER_RESERVED;
    tier_set_count(e, in->freq);
    tier_store32(&e->chain, *bucket);
    __atomic_store_n(bucket, slot, __ATOMIC_RELEASE);
    elo_tier_push(t, &c->q[Q_RESERVED], slot);
    c->pending++;
}


elo_err_t
elo_tier_reserve(elo_tier_t *t, const elo_cache_key_t *key,
                 elo_cache_class_t klass, uint64_t size, elo_tier_gone_t *gone,
                 uint32_t *slot)
{
    tier_class_t *c = &t->klass[klass];
    tier_new_t in = { .size = size };
    tier_load_t limit;
    uint64_t k[2];

    assert((unsigned) klass < ELO_CACHE_CLASSES);
    tier_key(key, k);
    in.hash = elo_tier_hash(t, k);
    in.freq = (uint8_t) elo_sketch_get(tier_sketch(t, c), c->n_blocks, in.hash);
    if (!clear_key(t, k, in.hash, klass, gone)) {
        return ELO_ENOSPC;
    }
    limit = elo_tier_limit(t, klass);
    c->missed_bytes += size <= t->conf.max_object ? size : 0;
    if (size > t->conf.max_object
        || !tier_fits((tier_load_t){ 0, 0 }, limit, size)
        || (klass != ELO_CACHE_COMMONS && c->pending == TIER_PENDING)
        || !policies[t->conf.policy]->admit(t, c, limit, &in, gone))
    {
        tier_store64(&c->refused, c->refused + 1);
        return ELO_ENOSPC;
    }
    charge(c, in.queue, size);
    yield_below(t, klass, gone);
    *slot = t->free_head;
    assert(*slot != TIER_NONE);
    t->free_head = tier_link(t, *slot)->next;
    t->n_free--;
    enter(t, *slot, k, &in, klass);
    return ELO_OK;
}


/* Ends what a reserver began: true when the entry still has its room. */
static bool
settle(elo_tier_t *t, uint32_t slot)
{
    tier_entry_t *e = tier_entry(t, slot);

    assert(slot < t->n_slots);
    assert(e->state == TIER_RESERVED || e->state == TIER_DOOMED);
    t->klass[e->klass].pending--;
    if (e->state == TIER_DOOMED) {
        put_free(t, slot);
        return false;
    }
    return true;
}


bool
elo_tier_publish(elo_tier_t *t, uint32_t slot, const elo_tier_item_t *item)
{
    tier_entry_t *e = tier_entry(t, slot);

    assert(slot < t->n_slots);
    if (e->state != TIER_HELD) {
        tier_class_t *c = &t->klass[e->klass];

        if (!settle(t, slot)) {
            return false;
        }
        elo_tier_unlink(t, &c->q[Q_RESERVED], slot);
        e->state = TIER_HELD;
        if (policies[t->conf.policy]->enter != NULL) {
            policies[t->conf.policy]->enter(t, c, slot);
        }
        elo_tier_push(t, &c->q[e->queue], slot);
    }
    close_entry(e);
    tier_store64(&e->ref, item->ref);
    tier_store64(&e->aux, item->aux);
    tier_store32(&e->expires, item->expires);
    tier_store32(&e->flags, item->flags);
    __atomic_store_n(&e->seq, e->seq + 1, __ATOMIC_RELEASE);
    return true;
}


void
elo_tier_cancel(elo_tier_t *t, uint32_t slot)
{
    if (settle(t, slot)) {
        take_out(t, slot);
        put_free(t, slot);
    }
}


bool
elo_tier_drop(elo_tier_t *t, const elo_tier_item_t *item, elo_tier_gone_t *gone)
{
    tier_entry_t *e;

    if (item->slot >= t->n_slots) {
        return false;
    }
    e = tier_entry(t, item->slot);
    if (e->seq != item->seq || e->state != TIER_HELD) {
        return false;
    }
    let_go(t, item->slot, gone);
    return true;
}


bool
elo_tier_walk(elo_tier_t *t, uint32_t *cursor, uint32_t n, elo_tier_walk_fn *fn,
              void *ctx, elo_tier_gone_t *gone)
{
    for (; n > 0 && *cursor < t->n_slots; n--, (*cursor)++) {
        const tier_entry_t *e = tier_entry(t, *cursor);
        elo_tier_item_t item;
        elo_cache_key_t key;

        if (e->state != TIER_HELD) {
            continue;
        }
        item_of(t, *cursor, &item);
        item.seq = e->seq;
        memcpy(key.b, e->key, sizeof(key.b));
        if (fn(ctx, &key, &item)) {
            let_go(t, *cursor, gone);
        }
    }
    return *cursor < t->n_slots;
}
