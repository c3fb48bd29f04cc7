/* SPDX-License-Identifier: BSD-2-Clause */
/* sketch: see the header. After G. Cormode and S. Muthukrishnan, "An improved data
   stream summary: the count-min sketch", with conservative counters of four bits and
   the halving of TinyLFU (G. Einziger, R. Friedman, B. Manes, 2017). */
#include "common/cache/sketch.h"

#define ROWS    4u
#define ROW_LEN (ELO_SKETCH_BLOCK / ROWS) /* bytes */
#define GOLDEN  UINT64_C(0x9e3779b97f4a7c15)
#define LOW_3   UINT64_C(0x7777777777777777)

/* Where the four counters are: nibble's byte and shift. */
typedef struct {
    uint32_t byte[ROWS];
    unsigned shift[ROWS];
    size_t block;
} place_t;


static place_t
place_of(uint32_t n_blocks, uint64_t hash)
{
    uint64_t h = (hash ^ hash >> 29) * GOLDEN;
    place_t at;

    at.block = (size_t) ((h >> 32) * n_blocks >> 32) * ELO_SKETCH_BLOCK;
    h ^= hash >> 17;
    for (unsigned i = 0; i < ROWS; i++, h >>= 5) {
        at.byte[i] = i * ROW_LEN + (h >> 1 & (ROW_LEN - 1));
        at.shift[i] = h & 1 ? 4 : 0;
    }
    return at;
}


static unsigned
load(const uint8_t *block, const place_t *at, unsigned i)
{
    unsigned pair = __atomic_load_n(&block[at->byte[i]], __ATOMIC_RELAXED);

    return pair >> at->shift[i] & ELO_SKETCH_MAX;
}


unsigned
elo_sketch_get(const uint8_t *blocks, uint32_t n_blocks, uint64_t hash)
{
    place_t at = place_of(n_blocks, hash);
    unsigned least = ELO_SKETCH_MAX;

    for (unsigned i = 0; i < ROWS; i++) {
        unsigned n = load(blocks + at.block, &at, i);

        least = n < least ? n : least;
    }
    return least;
}


void
elo_sketch_add(uint8_t *blocks, uint32_t n_blocks, uint64_t hash)
{
    place_t at = place_of(n_blocks, hash);
    uint8_t *block = blocks + at.block;
    unsigned n[ROWS], least = ELO_SKETCH_MAX;

    for (unsigned i = 0; i < ROWS; i++) {
        n[i] = load(block, &at, i);
        least = n[i] < least ? n[i] : least;
    }
    if (least == ELO_SKETCH_MAX) {
        return;
    }
    for (unsigned i = 0; i < ROWS; i++) {
        if (n[i] == least) { /* the others are too high already */
            uint8_t *p = &block[at.byte[i]];
            unsigned was = __atomic_load_n(p, __ATOMIC_RELAXED);

            if ((was >> at.shift[i] & ELO_SKETCH_MAX) < ELO_SKETCH_MAX) {
                __atomic_store_n(p, (uint8_t) (was + (1u << at.shift[i])),
                                 __ATOMIC_RELAXED);
            }
        }
    }
}


void
elo_sketch_halve(uint8_t *blocks, uint32_t block)
{
    uint64_t *p = (void *) (blocks + (size_t) block * ELO_SKETCH_BLOCK);

    for (unsigned i = 0; i < ELO_SKETCH_BLOCK / sizeof(*p); i++) {
        uint64_t v = __atomic_load_n(&p[i], __ATOMIC_RELAXED);

        if (v != 0) {
            __atomic_store_n(&p[i], v >> 1 & LOW_3, __ATOMIC_RELAXED);
        }
    }
}
