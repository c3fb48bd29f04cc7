/* SPDX-License-Identifier: BSD-2-Clause */
/* duration: intervals such as P6M, by the calendar. Pure. Spec: ISO 8601-1:2019,
   5.5.2 (designators), in the form that elo_shape_duration allows; the calendar is
   the proleptic Gregorian one, in UTC. */
#ifndef ELO_NODE_DURATION_H
#define ELO_NODE_DURATION_H

#include "common/base/slice.h"

typedef struct {
    uint32_t years, months, weeks, days, hours, minutes, seconds;
} elo_duration_t;

/* False, and *out untouched, when s isn't of elo_shape_duration's form. */
bool elo_duration_parse(elo_slice_t s, elo_duration_t *out);

/* t (Unix seconds, 0 to ELO_DURATION_END) and d later. Years and months first: a
   day that the month hasn't got becomes its last, so that 31 January and P1M is
   the end of February. Then weeks, days and times, as so many seconds. What is past
   ELO_DURATION_END, the last second of the year 9999, is that. */
#define ELO_DURATION_END INT64_C(253402300799)
int64_t elo_duration_add(int64_t t, const elo_duration_t *d);

#endif
