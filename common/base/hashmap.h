/* SPDX-License-Identifier: BSD-2-Clause */
/* hashmap: finds things by keys that come from outside. Open addressing with linear
   probing; it holds a pointer and the keyed hash of each thing, whose key stays
   with the thing. Several with equal keys may be in it. */
#ifndef ELO_BASE_HASHMAP_H
#define ELO_BASE_HASHMAP_H

#include "common/base/keys.h"

typedef struct {
    uint64_t hash;
    void *item; /* NULL: free */
} elo_hashmap_slot_t;

typedef struct {
    elo_hashmap_slot_t *_slots; /* a power of two, or none */
    size_t _n_slots;
    size_t _n;
    uint8_t _key[ELO_SHORTHASH_KEY_LEN];
} elo_hashmap_t;

/* Is item the one that key means? */
typedef bool (*elo_hashmap_is_fn)(const void *item, const void *key);

/* key: of the hash; random, and told to nobody. Dispose with elo_hashmap_dispose. */
void elo_hashmap_init(elo_hashmap_t *m,
                      const uint8_t key[ELO_SHORTHASH_KEY_LEN]);
void elo_hashmap_dispose(elo_hashmap_t *m); /* not the things in it */

uint64_t elo_hashmap_hash(const elo_hashmap_t *m, elo_slice_t key);
size_t elo_hashmap_count(const elo_hashmap_t *m);

/* Room for n more, so that as many puts can't fail. ELO_ENOMEM: nothing changed. */
elo_err_t elo_hashmap_reserve(elo_hashmap_t *m, size_t n) ELO_MUST_USE;

/* Needs room. */
void elo_hashmap_put(elo_hashmap_t *m, uint64_t hash, void *item);

/* Of several that is says yes to, any. NULL: none. */
void *elo_hashmap_get(const elo_hashmap_t *m, uint64_t hash,
                      elo_hashmap_is_fn is, const void *key);

/* Takes out this very thing; false if it isn't there. */
bool elo_hashmap_remove(elo_hashmap_t *m, uint64_t hash, const void *item);

/* Walks over all, in no order: *at starts at 0. NULL: that was all. Nothing may be
   put or removed meanwhile. */
void *elo_hashmap_next(const elo_hashmap_t *m, size_t *at);

#endif
