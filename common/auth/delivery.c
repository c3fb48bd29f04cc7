/* SPDX-License-Identifier: BSD-2-Clause */
/* delivery: see the header. */
#include "common/auth/delivery.h"

#include <stddef.h>

#include "common/base/num.h"

#define MBPS UINT64_C(1000000)

/* What is offered to each class of what everybody may see. */
#define LOW_BPS    (2 * MBPS)
#define MEDIUM_BPS (6 * MBPS)
#define HIGH_BPS   (25 * MBPS)
#define NEAR_BPS   (12 * MBPS) /* medium, of what is the reader's own circle's */

#define DOWNLINK_DIGITS 9u /* before the point: a petabit */

static const char *const names[ELO_CLASS_COUNT] = {
    [ELO_CLASS_LOW] = "low",
    [ELO_CLASS_MEDIUM] = "medium",
    [ELO_CLASS_HIGH] = "high",
    [ELO_CLASS_ULTRA] = "ultra",
};

typedef enum { PRIVATE, NEAR, WIDE, CIRCLES } circle_t;

/* clang-format off */
static const elo_delivery_t table[CIRCLES][ELO_CLASS_COUNT] = {
    [PRIVATE] = {
        [ELO_CLASS_LOW] = { true, 0, 0 },
        [ELO_CLASS_MEDIUM] = { false, 1080, 0 },
    },
    [NEAR] = {
        [ELO_CLASS_LOW] = { false, 480, LOW_BPS },
        [ELO_CLASS_MEDIUM] = { false, 1080, NEAR_BPS },
    },
    [WIDE] = {
        [ELO_CLASS_LOW] = { false, 480, LOW_BPS },
        [ELO_CLASS_MEDIUM] = { false, 720, MEDIUM_BPS },
        [ELO_CLASS_HIGH] = { false, 2160, HIGH_BPS },
    },
};
/* clang-format on */


const char *
elo_class_name(elo_class_t c)
{
    return (unsigned) c < ELO_CLASS_COUNT ? names[c] : NULL;
}


elo_class_t
elo_class_parse(elo_slice_t name)
{
    for (unsigned i = ELO_CLASS_LOW; i < ELO_CLASS_COUNT; i++) {
        if (elo_slice_eq(name, elo_slice_str(names[i]))) {
            return (elo_class_t) i;
        }
    }
    return ELO_CLASS_UNKNOWN;
}


elo_class_t
elo_class_lower(elo_class_t a, elo_class_t b)
{
    if (a == ELO_CLASS_UNKNOWN) {
        return b;
    }
    return b == ELO_CLASS_UNKNOWN ? a : ELO_MIN(a, b);
}


elo_class_t
elo_class_of(uint64_t bps)
{
    return bps <= LOW_BPS      ? ELO_CLASS_LOW
           : bps <= MEDIUM_BPS ? ELO_CLASS_MEDIUM
           : bps <= HIGH_BPS   ? ELO_CLASS_HIGH
                               : ELO_CLASS_ULTRA;
}


static bool
is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}


/* "1.35": 1 to 9 digits, and some behind a point, of which six count. */
static elo_class_t
class_of_mbps(elo_slice_t s)
{
    uint64_t bps = 0, unit = MBPS;
    size_t i = 0;

    while (i < s.len && is_digit(s.p[i])) {
        if (i == DOWNLINK_DIGITS) {
            return ELO_CLASS_UNKNOWN;
        }
        bps = bps * 10 + (uint64_t) (s.p[i++] - '0') * MBPS;
    }
    if (i == 0) {
        return ELO_CLASS_UNKNOWN;
    }
    if (i == s.len) {
        return elo_class_of(bps);
    }
    if (s.p[i++] != '.' || i == s.len) {
        return ELO_CLASS_UNKNOWN;
    }
    for (; i < s.len; i++) {
        if (!is_digit(s.p[i])) {
            return ELO_CLASS_UNKNOWN;
        }
        unit /= 10;
        bps += (uint64_t) (s.p[i] - '0') * unit;
    }
    return elo_class_of(bps);
}


/* 4g is all that is faster than 0.7 Mbit/s: it says nothing. */
static elo_class_t
class_of_ect(elo_slice_t s)
{
    return elo_slice_eq(s, ELO_SLICE("slow-2g"))
                   || elo_slice_eq(s, ELO_SLICE("2g"))
                   || elo_slice_eq(s, ELO_SLICE("3g"))
               ? ELO_CLASS_LOW
               : ELO_CLASS_UNKNOWN;
}


elo_class_t
elo_class_declared(const elo_declared_t *d)
{
    elo_class_t c = elo_class_parse(d->bw);

    if (c == ELO_CLASS_UNKNOWN) {
        c = class_of_mbps(d->bw);
    }
    if (c != ELO_CLASS_UNKNOWN) {
        return c;
    }
    c = elo_class_lower(class_of_mbps(d->downlink), class_of_ect(d->ect));

    return elo_slice_ieq(d->save_data, ELO_SLICE("on")) ? ELO_CLASS_LOW : c;
}


elo_delivery_t
elo_delivery(elo_reach_t reach, elo_class_t c)
{
    circle_t circle = WIDE;

    if (reach == ELO_REACH_PRIVATE || (unsigned) reach >= ELO_REACH_COUNT) {
        circle = PRIVATE;
    } else if (reach < ELO_REACH_NEIGHBORHOOD) {
        circle = NEAR;
    }
    return table[circle]
                [(unsigned) c < ELO_CLASS_COUNT ? c : ELO_CLASS_UNKNOWN];
}


static bool
begins(elo_slice_t s, elo_slice_t with)
{
    return s.len >= with.len && elo_slice_ieq(elo_slice(s.p, with.len), with);
}


bool
elo_delivery_is_media(elo_slice_t type)
{
    return begins(type, ELO_SLICE("audio/"))
           || begins(type, ELO_SLICE("video/"));
}
