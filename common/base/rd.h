/* SPDX-License-Identifier: BSD-2-Clause */
/* rd: read cursor over borrowed bytes. Each function returns the advanced
   cursor, or NULL (and leaves its outputs alone) when fewer bytes remain than
   it needs; a NULL cursor stays NULL, so a run of reads may be checked once. */
#ifndef ELO_BASE_RD_H
#define ELO_BASE_RD_H

#include <stdint.h>

#include "common/base/slice.h"

static inline const uint8_t *
elo_rd_skip(const uint8_t *p, const uint8_t *end, uint64_t n)
{
    return p == NULL || (uint64_t) (end - p) < n ? NULL : p + n;
}


static inline const uint8_t *
elo_rd_u8(const uint8_t *p, const uint8_t *end, uint8_t *v)
{
    if (p == NULL || end - p < 1) {
        return NULL;
    }
    *v = p[0];
    return p + 1;
}


static inline const uint8_t *
elo_rd_be16(const uint8_t *p, const uint8_t *end, uint16_t *v)
{
    if (p == NULL || end - p < 2) {
        return NULL;
    }
    *v = (uint16_t) (p[0] << 8 | p[1]);
    return p + 2;
}


static inline const uint8_t *
elo_rd_be32(const uint8_t *p, const uint8_t *end, uint32_t *v)
{
    if (p == NULL || end - p < 4) {
        return NULL;
    }
    *v = (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8
         | p[3];
    return p + 4;
}


static inline const uint8_t *
elo_rd_be64(const uint8_t *p, const uint8_t *end, uint64_t *v)
{
    uint64_t acc = 0;

    if (p == NULL || end - p < 8) {
        return NULL;
    }
    for (unsigned i = 0; i < 8; i++) {
        acc = acc << 8 | p[i];
    }
    *v = acc;
    return p + 8;
}


/* Borrows the next n bytes. */
static inline const uint8_t *
elo_rd_bytes(const uint8_t *p, const uint8_t *end, uint64_t n, elo_slice_t *v)
{
    const uint8_t *next = elo_rd_skip(p, end, n);

    if (next != NULL) {
        *v = elo_slice(p, (size_t) n);
    }
    return next;
}


/* Borrows bytes that follow their own big-endian 16-bit length. */
static inline const uint8_t *
elo_rd_str16(const uint8_t *p, const uint8_t *end, elo_slice_t *v)
{
    uint16_t n;

    p = elo_rd_be16(p, end, &n);
    return p == NULL ? NULL : elo_rd_bytes(p, end, n, v);
}

#endif
