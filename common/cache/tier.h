/* SPDX-License-Identifier: BSD-2-Clause */
/* tier: which objects a cache of bounded bytes holds: index, admission, eviction, and
   the ladder of reach classes. It knows keys and sizes; bytes are its caller's
   (blocks.h, files), who is told by a callback what goes. Pure, and position
   independent: all of it lies in memory of the caller, which may be shared by
   processes and mapped at different addresses.

   Two kinds of calls. Those marked [any] take no lock and change nothing but
   counters, by relaxed atomics; a process that dies in one leaves nothing behind.
   All others are made under the caller's mutex, one at a time.

   (I1) An entry is published under a sequence lock: its number is odd while it
   changes. What elo_tier_get copied holds if elo_tier_is_same says so after the
   caller has copied the object's bytes.
   (I2) Classes are kept apart as if each had a cache of its own: what commons hits
   and misses is a function of commons' calls alone, and community's of those of
   commons and community.
   A key is of one class at a time: reserving it takes out what had it, of any class.
   (I3) The sizes of what is held or reserved never exceed the capacity, nor the count
   max_entries. */
#ifndef ELO_CACHE_TIER_H
#define ELO_CACHE_TIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/auth/reach.h"
#include "common/base/err.h"

/* What an object goes by: a keyed hash of its full name (keys.h), or any other 128
   bits that collide with nothing. The low bits choose the bucket. */
typedef struct {
    uint8_t b[16];
} elo_cache_key_t;

/* Narrower first. One never evicts from one that is wider. */
typedef enum {
    ELO_CACHE_PRIVATE = 0, /* private, invited, local */
    ELO_CACHE_COMMUNITY,   /* neighborhood … regional */
    ELO_CACHE_COMMONS
} elo_cache_class_t;
#define ELO_CACHE_CLASSES 3u

elo_cache_class_t elo_cache_class(elo_reach_t reach);

typedef enum {
    ELO_CACHE_LRU, /* of last use, moved lazily */
    ELO_CACHE_LSZ, /* window, probation, protected; contests by frequency */
    ELO_CACHE_QGF  /* greedy dual by frequency over size */
} elo_cache_policy_t;

typedef struct {
    elo_cache_policy_t policy;
    uint64_t capacity;    /* bytes, up to 2^62 */
    uint32_t max_entries; /* of all classes */
    uint64_t max_object;  /* bytes; what is larger is never admitted */
    uint32_t window_pct;  /* LSZ: of the limit, at first */
    bool by_bytes;        /* LSZ: the window climbs by bytes hit, not objects */
    /* per mille of capacity that class keeps whatever wider ones want; of commons
       unused */
    uint32_t floor_pm[ELO_CACHE_CLASSES];
} elo_tier_conf_t;

typedef struct elo_tier_s elo_tier_t;

/* What is known of a held object: a copy. */
typedef struct {
    uint32_t slot;
    uint32_t seq;
    elo_cache_class_t klass;
    uint64_t size;
    uint64_t ref; /* the caller's, as are the rest */
    uint64_t aux;
    uint32_t expires; /* seconds of the caller's clock */
    uint32_t flags;
} elo_tier_item_t;

/* An object goes, or was replaced: its bytes are the callback's to free, now. It may
   not call the tier. */
typedef struct elo_tier_gone_s elo_tier_gone_t;
struct elo_tier_gone_s {
    void (*fn)(elo_tier_gone_t *self, const elo_cache_key_t *key,
               const elo_tier_item_t *item);
};

/* Bytes of a tier, a multiple of 64. */
size_t elo_tier_bytes(const elo_tier_conf_t *conf);

/* Makes an empty one of memory aligned to 64. seed: of its hashes. ELO_ERANGE: floors
   of 1000 or more in all, no capacity or too much, no entries, a window above
   100. */
elo_err_t elo_tier_init(void *mem, const elo_tier_conf_t *conf, uint64_t seed,
                        elo_tier_t **out) ELO_MUST_USE;

/* Is it there? True with a consistent copy in *out. Nothing is counted. A false "no"
   is possible while others change it. [any] */
bool elo_tier_get(const elo_tier_t *t, const elo_cache_key_t *key,
                  elo_tier_item_t *out);

/* Has the object stayed what it was when *item was copied? [any] */
bool elo_tier_is_same(const elo_tier_t *t, const elo_tier_item_t *item);

/* It was asked for, and served (hit: item is what get gave) or not. Each look-up that
   a client causes is counted once. [any] */
void elo_tier_hit(elo_tier_t *t, const elo_cache_key_t *key,
                  const elo_tier_item_t *item);
void elo_tier_miss(elo_tier_t *t, const elo_cache_key_t *key,
                   elo_cache_class_t klass);

/* Makes room for an object of this size and class and enters it, unpublished; what
   has the key is gone. ELO_ENOSPC: it isn't worth what would have to go, or doesn't
   fit at all, or its key is reserved already; others may have gone, and what had the
   key is.
   A reserved entry yields to no other of its class, so publish or cancel it soon, best
   before the mutex is given back: one whose owner died stays. Of a class that isn't
   commons 32 may be reserved at once. */
elo_err_t elo_tier_reserve(elo_tier_t *t, const elo_cache_key_t *key,
                           elo_cache_class_t klass, uint64_t size,
                           elo_tier_gone_t *gone, uint32_t *slot) ELO_MUST_USE;

/* The bytes of a reserved object are in place: it is there from now on. Also changes
   ref, aux, expires and flags of one that is there. Of item only these are read.
   False: a wider class has taken its room meanwhile; the slot is no longer the
   caller's, the bytes are his to free. Can't be where the mutex was held since. */
bool elo_tier_publish(elo_tier_t *t, uint32_t slot,
                      const elo_tier_item_t *item);

/* Takes a published one out. False: the slot holds another by now (seq). */
bool elo_tier_drop(elo_tier_t *t, const elo_tier_item_t *item,
                   elo_tier_gone_t *gone);
/* A reserved one that isn't to be; nothing is told of it. */
void elo_tier_cancel(elo_tier_t *t, uint32_t slot);

/* Walks published entries: *cursor 0 at first; at most n are looked at; false at the
   end. fn may say that an entry is to be dropped. Entries that come meanwhile may be
   missed. */
typedef bool elo_tier_walk_fn(void *ctx, const elo_cache_key_t *key,
                              const elo_tier_item_t *item);
bool elo_tier_walk(elo_tier_t *t, uint32_t *cursor, uint32_t n,
                   elo_tier_walk_fn *fn, void *ctx, elo_tier_gone_t *gone);

/* What it holds and has counted, by class. [any] */
typedef struct {
    uint64_t bytes;
    uint64_t objects;
    uint64_t hits, misses;
    uint64_t hit_bytes;
    uint64_t evicted, refused;
} elo_tier_stat_t;
void elo_tier_stat(const elo_tier_t *t, elo_cache_class_t klass,
                   elo_tier_stat_t *out);

/* False: links, queues or sums contradict each other. For tests, and for what a
   process left behind that died in a change. */
bool elo_tier_check(const elo_tier_t *t);

#endif
