/* SPDX-License-Identifier: BSD-2-Clause */
/* hashmap: linear probing with removal by moving back, so that no marks of what was
   removed make probes longer. */
#include "common/base/hashmap.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/num.h"

#define MIN_SLOTS 16u


void
elo_hashmap_init(elo_hashmap_t *m, const uint8_t key[ELO_SHORTHASH_KEY_LEN])
{
    *m = (elo_hashmap_t){ 0 };
    memcpy(m->_key, key, sizeof(m->_key));
}


void
elo_hashmap_dispose(elo_hashmap_t *m)
{
    free(m->_slots);
    *m = (elo_hashmap_t){ 0 };
}


uint64_t
elo_hashmap_hash(const elo_hashmap_t *m, elo_slice_t key)
{
    return elo_shorthash(m->_key, key);
}


size_t
elo_hashmap_count(const elo_hashmap_t *m)
{
    return m->_n;
}


/* There is always a free slot: a quarter of them is. */
static void
insert(elo_hashmap_slot_t *slots, size_t n_slots, elo_hashmap_slot_t s)
{
    size_t i = s.hash & (n_slots - 1);

    while (slots[i].item != NULL) {
        i = (i + 1) & (n_slots - 1);
    }
    slots[i] = s;
}


elo_err_t
elo_hashmap_reserve(elo_hashmap_t *m, size_t n)
{
    size_t n_slots = ELO_MAX(m->_n_slots, MIN_SLOTS), need;
    elo_hashmap_slot_t *slots;

    if (__builtin_add_overflow(m->_n, n, &need)
        || need > SIZE_MAX / (4 * sizeof(*slots)))
    {
        return ELO_ENOMEM;
    }
    while (need > n_slots - n_slots / 4) {
        n_slots *= 2;
    }
    if (n_slots == m->_n_slots) {
        return ELO_OK;
    }
    if ((slots = reallocarray(NULL, n_slots, sizeof(*slots))) == NULL) {
        return ELO_ENOMEM;
    }
    memset(slots, 0, n_slots * sizeof(*slots));
    for (size_t i = 0; i < m->_n_slots; i++) {
        if (m->_slots[i].item != NULL) {
            insert(slots, n_slots, m->_slots[i]);
        }
    }
    free(m->_slots);
    m->_slots = slots;
    m->_n_slots = n_slots;
    return ELO_OK;
}


void
elo_hashmap_put(elo_hashmap_t *m, uint64_t hash, void *item)
{
    assert(item != NULL && m->_n < m->_n_slots - m->_n_slots / 4);
    insert(m->_slots, m->_n_slots, (elo_hashmap_slot_t){ hash, item });
    m->_n++;
}


void *
elo_hashmap_get(const elo_hashmap_t *m, uint64_t hash, elo_hashmap_is_fn is,
                const void *key)
{
    size_t mask = m->_n_slots - 1, i;

    if (m->_n == 0) {
        return NULL;
    }
    for (i = hash & mask; m->_slots[i].item != NULL; i = (i + 1) & mask) {
        if (m->_slots[i].hash == hash && is(m->_slots[i].item, key)) {
            return m->_slots[i].item;
        }
    }
    return NULL;
}


/* Frees slot i: what stands behind it and would have gone there, or before it, moves
   up. */
static void
close_gap(elo_hashmap_t *m, size_t i)
{
    size_t mask = m->_n_slots - 1, home;

    for (size_t j = (i + 1) & mask; m->_slots[j].item != NULL;
         j = (j + 1) & mask) {
        home = m->_slots[j].hash & mask;
        if (((j - home) & mask) >= ((j - i) & mask)) {
            m->_slots[i] = m->_slots[j];
            i = j;
        }
    }
    m->_slots[i] = (elo_hashmap_slot_t){ 0 };
}


bool
elo_hashmap_remove(elo_hashmap_t *m, uint64_t hash, const void *item)
{
    size_t mask = m->_n_slots - 1, i;

    if (m->_n == 0) {
        return false;
    }
    for (i = hash & mask; m->_slots[i].item != NULL; i = (i + 1) & mask) {
        if (m->_slots[i].item == item) {
            close_gap(m, i);
            m->_n--;
            return true;
        }
    }
    return false;
}


void *
elo_hashmap_next(const elo_hashmap_t *m, size_t *at)
{
    while (*at < m->_n_slots) {
        void *item = m->_slots[(*at)++].item;

        if (item != NULL) {
            return item;
        }
    }
    return NULL;
}
