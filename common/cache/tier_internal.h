/* SPDX-License-Identifier: BSD-2-Clause */
/* tier_internal: the layout of a tier, and what its index and its policies are for one
   another. All of it lies in the caller's memory and speaks of entries by number.

   An entry is free, reserved, held, or doomed: reserved once, but a wider class took
   its room before it was published; its slot is kept until the reserver says what
   becomes of it. Held and reserved ones are in the index. A held one stands in a
   queue of its class's policy, a reserved one in Q_RESERVED; a queue's load counts
   both, the reserved ones where they will stand.

   What a line of the cache holds is chosen for the hit: bucket, entry, one line of the
   sketch, one of counters. Links and priorities, which only changes need, lie apart. */
#ifndef ELO_CACHE_TIER_INTERNAL_H
#define ELO_CACHE_TIER_INTERNAL_H

#include <string.h>

#include "common/base/num.h"
#include "common/cache/sketch.h"
#include "common/cache/tier.h"

#define TIER_MAGIC UINT32_C(0x454c5431)
#define TIER_NONE  UINT32_MAX
#define TIER_CHAIN                                                             \
    64u /* entries of a bucket that a look-up goes past, at most */
#define TIER_SPARE   64u /* slots beyond max_entries, for doomed ones */
/* reserved and doomed ones of a class that isn't commons, at once */
#define TIER_PENDING (TIER_SPARE / (ELO_CACHE_CLASSES - 1))
#define TIER_QUEUES  65u
#define Q_RESERVED   (TIER_QUEUES - 1)
#define TIER_MOVES   64u /* entries that one call lets go round, at most */

typedef enum {
    TIER_FREE = 0,
    TIER_RESERVED,
    TIER_HELD,
    TIER_DOOMED
} tier_state_t;

typedef struct {
    uint64_t key[2];
    uint64_t ref;
    uint64_t aux;
    uint64_t size;
    uint32_t expires;
    uint32_t flags;
    uint32_t seq;   /* even: held, and as it is; odd: anything else (I1) */
    uint32_t chain; /* of its bucket */
    uint8_t count;  /* uses, saturating; [any] */
    uint8_t was;    /* count when it was queued: QGF */
    uint8_t klass;
    uint8_t queue;
    uint8_t state;
    uint8_t _pad[3];
} tier_entry_t;

_Static_assert(sizeof(tier_entry_t) == 64, "an entry is a line of the cache");

typedef struct {
    uint32_t prev; /* towards the head, which is the oldest */
    uint32_t next; /* of the queue, or of the free list */
    uint64_t prio; /* QGF: H, compared modulo 2^64 */
} tier_link_t;

/* What is held, or may be: both are bounded, by the same rules. */
typedef struct {
    uint64_t bytes;
    uint64_t n;
} tier_load_t;

typedef struct {
    uint32_t head;
    uint32_t tail;
    tier_load_t load;
} tier_queue_t;

/* LSZ's window climber: shares and ratios in parts per million. */
typedef struct {
    uint32_t share; /* of the limit, for the window */
    uint32_t step;
    uint32_t ratio; /* of the last period */
    bool is_down;
    bool has_ratio;
    uint64_t looked; /* these three as they stood when the period began */
    uint64_t hits;
    uint64_t asked;
} tier_climber_t;

typedef struct {
    /* [any] */
    uint64_t hits, misses, hit_bytes;
    uint64_t age_at; /* block of the sketch that is halved next */
    uint64_t age_due;
    uint64_t _pad[3];
    /* changes only */
    tier_load_t used;
    tier_load_t floor;
    uint64_t evicted, refused;
    uint64_t missed_bytes; /* of objects that wanted in */
    uint64_t low;          /* QGF: L */
    uint32_t pending;      /* reserved and doomed */
    uint32_t n_blocks;     /* of the sketch */
    uint64_t sketch;       /* where it lies, from the tier's start */
    tier_climber_t climber;
    tier_queue_t q[TIER_QUEUES];
} __attribute__((aligned(64))) tier_class_t;

struct elo_tier_s {
    uint32_t magic;
    uint32_t n_slots; /* and buckets */
    uint32_t free_head;
    uint32_t n_free;
    uint64_t seed;
    uint64_t buckets, entries,
        links; /* where they lie, from the tier's start */
    elo_tier_conf_t conf;
    tier_class_t klass[ELO_CACHE_CLASSES];
};

static inline tier_entry_t *
tier_entry(const elo_tier_t *t, uint32_t slot)
{
    return (tier_entry_t *) ((uintptr_t) t + t->entries) + slot;
}


static inline tier_link_t *
tier_link(const elo_tier_t *t, uint32_t slot)
{
    return (tier_link_t *) ((uintptr_t) t + t->links) + slot;
}


static inline uint32_t *
tier_bucket(const elo_tier_t *t, uint64_t hash)
{
    return (uint32_t *) ((uintptr_t) t + t->buckets)
           + ((hash >> 32) * t->n_slots >> 32);
}


static inline uint8_t *
tier_sketch(const elo_tier_t *t, const tier_class_t *c)
{
    return (uint8_t *) ((uintptr_t) t + c->sketch);
}


uint64_t elo_tier_hash(const elo_tier_t *t, const uint64_t key[2]);
tier_load_t elo_tier_limit(const elo_tier_t *t, unsigned klass);

/* Queues. Moves take the load along. */
void elo_tier_push(elo_tier_t *t, tier_queue_t *q, uint32_t slot);
void elo_tier_unlink(elo_tier_t *t, tier_queue_t *q, uint32_t slot);
void elo_tier_move(elo_tier_t *t, tier_class_t *c, uint32_t slot,
                   unsigned queue);

static inline void
tier_key(const elo_cache_key_t *key, uint64_t out[2])
{
    memcpy(out, key->b, sizeof(key->b));
}


/* What readers without the lock may see is loaded and stored whole. */
static inline uint64_t
tier_load64(const uint64_t *p)
{
    return __atomic_load_n(p, __ATOMIC_RELAXED);
}


static inline void
tier_store64(uint64_t *p, uint64_t v)
{
    __atomic_store_n(p, v, __ATOMIC_RELAXED);
}


static inline uint32_t
tier_load32(const uint32_t *p)
{
    return __atomic_load_n(p, __ATOMIC_RELAXED);
}


static inline void
tier_store32(uint32_t *p, uint32_t v)
{
    __atomic_store_n(p, v, __ATOMIC_RELAXED);
}

#endif
