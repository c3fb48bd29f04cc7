/* SPDX-License-Identifier: BSD-2-Clause */
/* range: the Range header against a representation of known size. Pure.
   Spec: RFC 9110, 14. Ranges are half-open here, [start, end). */
#ifndef ELO_HTTP_RANGE_H
#define ELO_HTTP_RANGE_H

#include <stdint.h>

#include "common/base/limits.h"
#include "common/base/slice.h"

typedef struct {
    uint64_t start;
    uint64_t end;
} elo_range_t;

typedef enum {
    ELO_RANGE_NONE,         /* ignore the header: answer 200 */
    ELO_RANGE_PARTIAL,      /* 206 with the ranges of the set */
    ELO_RANGE_UNSATISFIABLE /* 416 */
} elo_range_verdict_t;

typedef struct {
    uint32_t n;
    elo_range_t r[ELO_RANGE_MAX];
} elo_range_set_t;

/* Judges value (the field's value, as sent) for a representation of size
   bytes, and fills set when the verdict is PARTIAL: in the order asked, ends
   clamped, unsatisfiable members left out. Another unit, a syntax error, more
   than ELO_RANGE_MAX members, or members that together exceed size by overlap,
   or more than two that overlap (a denial of service, RFC 9110, 14.2) are
   ignored as a whole: NONE. So the parts of an answer are never longer than the
   blob, their heads apart, of which there are ELO_RANGE_MAX. A suffix
   of zero length, a start at or past the end, and any range of an empty
   representation are unsatisfiable. */
elo_range_verdict_t elo_range_parse(elo_slice_t value, uint64_t size,
                                    elo_range_set_t *set);

#endif
