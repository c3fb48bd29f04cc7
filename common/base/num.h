/* SPDX-License-Identifier: BSD-2-Clause */
/* num: checked arithmetic on sizes that come from outside. Each function
   returns false and leaves *out alone when the result does not fit. */
#ifndef ELO_BASE_NUM_H
#define ELO_BASE_NUM_H

#include <stdbool.h>
#include <stdint.h>

#define ELO_MIN(a, b)    ((a) < (b) ? (a) : (b))
#define ELO_MAX(a, b)    ((a) > (b) ? (a) : (b))
#define ELO_COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline bool
elo_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t v;

    if (__builtin_add_overflow(a, b, &v)) {
        return false;
    }
    *out = v;
    return true;
}


static inline bool
elo_mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t v;

    if (__builtin_mul_overflow(a, b, &v)) {
        return false;
    }
    *out = v;
    return true;
}


/* a * b / c through 128 bits, rounded down; false when c is 0 or the quotient
   is above UINT64_MAX. For rescaling media times. */
static inline bool
elo_muldiv_u64(uint64_t a, uint64_t b, uint64_t c, uint64_t *out)
{
    unsigned __int128 v;

    if (c == 0) {
        return false;
    }
    v = (unsigned __int128) a * b / c;
    if (v > UINT64_MAX) {
        return false;
    }
    *out = (uint64_t) v;
    return true;
}

#endif
