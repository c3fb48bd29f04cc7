/* SPDX-License-Identifier: BSD-2-Clause */
/* sketch: about how often a key was asked for of late: a count-min sketch of counters of
   four bits, in the caller's memory, that processes share without a lock. A key's four
   counters lie in one block, which is a line of the cache. Who loses a race loses a
   count, which is harmless. */
#ifndef ELO_CACHE_SKETCH_H
#define ELO_CACHE_SKETCH_H

#include <stddef.h>
#include <stdint.h>

#define ELO_SKETCH_BLOCK    64u  /* bytes */
#define ELO_SKETCH_COUNTERS 128u /* of a block */
#define ELO_SKETCH_MAX      15u

/* blocks: n_blocks > 0 of them, zeroed at first. hash: of the key, all 64 bits good.
   All are [any]. */
void elo_sketch_add(uint8_t *blocks, uint32_t n_blocks, uint64_t hash);
/* 0 … ELO_SKETCH_MAX; not less than it was, but for lost counts and halving. */
unsigned elo_sketch_get(const uint8_t *blocks, uint32_t n_blocks,
                        uint64_t hash);
/* Halves all counters of a block: what was is worth less than what is. */
void elo_sketch_halve(uint8_t *blocks, uint32_t block);

#endif
