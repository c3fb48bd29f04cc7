/* SPDX-License-Identifier: BSD-2-Clause */
/* lanes: the compression function of SHA-256 for several messages at a time, one
   in each lane of the CPU's vector unit. Inner part of sha256_many. */
#ifndef ELO_BASE_LANES_H
#define ELO_BASE_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELO_LANES_MAX   16u
#define ELO_LANES_BLOCK 64u

typedef enum {
    ELO_LANES_STREAM, /* no lanes: one message after the other, by OpenSSL */
    ELO_LANES_AVX2,   /* eight at a time */
    ELO_LANES_AVX512  /* sixteen at a time */
} elo_lanes_way_t;

/* Number of lanes; 0 where this CPU has none of that way, and for STREAM. */
uint32_t elo_lanes_width(elo_lanes_way_t way);

/* Has the CPU instructions for SHA-256, which OpenSSL's stream uses? */
bool elo_lanes_has_sha(void);

/* Passes n blocks at each p[i], i < width, through state: word w of lane i is
   state[w * width + i]. The width of way is not 0. */
void elo_lanes_compress(elo_lanes_way_t way, uint32_t state[],
                        const uint8_t *const p[], size_t n);

#endif
