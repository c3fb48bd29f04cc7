/* SPDX-License-Identifier: BSD-2-Clause */
/* duration: see the header. */
#include "backend/node/duration.h"

#include "backend/node/shape.h"
#include "common/base/num.h"

#define DAY_S  INT64_C(86400)
#define YEAR_0 1970

typedef struct {
    int64_t year, month; /* month from 0 */
} month_t;


/* The member that a designator stands for; those before T and behind it. */
static uint32_t *
member_of(elo_duration_t *d, uint8_t designator, bool is_time)
{
    switch (designator) {
    case 'Y':
        return &d->years;
    case 'M':
        return is_time ? &d->minutes : &d->months;
    case 'W':
        return &d->weeks;
    case 'D':
        return &d->days;
    case 'H':
        return &d->hours;
    default:
        return &d->seconds;
    }
}


bool
elo_duration_parse(elo_slice_t s, elo_duration_t *out)
{
    elo_duration_t d = { 0 };
    bool is_time = false;
    uint32_t n = 0; /* nine digits at most: the shape's */

    if (!elo_shape_duration(s)) {
        return false;
    }
    for (size_t i = 1; i < s.len; i++) {
        uint8_t c = s.p[i];

        if (c >= '0' && c <= '9') {
            n = n * 10 + (c - '0');
        } else if (c == 'T') {
            is_time = true;
        } else {
            *member_of(&d, c, is_time) = n;
            n = 0;
        }
    }
    *out = d;
    return true;
}


/* ---- the calendar ---- */

static bool
is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}


static int64_t
days_in(month_t m)
{
    static const uint8_t days[] = { 31, 28, 31, 30, 31, 30,
                                    31, 31, 30, 31, 30, 31 };

    return days[m.month] + (m.month == 1 && is_leap(m.year) ? 1 : 0);
}


/* Leap days before the first of January of that year, from the year 1 on. */
static int64_t
leap_days(int64_t year)
{
    int64_t y = year - 1;

    return y / 4 - y / 100 + y / 400;
}


/* Days from 1 January 1970 to the first of m. */
static int64_t
days_before(month_t m)
{
    int64_t n = (m.year - YEAR_0) * 365 + leap_days(m.year) - leap_days(YEAR_0);

    for (month_t at = { m.year, 0 }; at.month < m.month; at.month++) {
        n += days_in(at);
    }
    return n;
}


/* The month that a day (from 1 January 1970) is in. */
static month_t
month_of(int64_t day)
{
    /* never too late: no year has fewer days */
    month_t m = { YEAR_0 + day / 366, 0 };

    while (days_before((month_t){ m.year + 1, 0 }) <= day) {
        m.year++;
    }
    while (m.month < 11 && days_before((month_t){ m.year, m.month + 1 }) <= day)
    {
        m.month++;
    }
    return m;
}


int64_t
elo_duration_add(int64_t t, const elo_duration_t *d)
{
    int64_t day = t / DAY_S, in_day = t % DAY_S, in_month, months;
    month_t m = month_of(day);
    int64_t end;

    in_month = day - days_before(m);
    /* 12 * 10^9 and then some: far from the ends of 64 bits, as all below */
    months = m.month + (int64_t) d->months;
    m.year += (int64_t) d->years + months / 12;
    m.month = months % 12;
    if (m.year > 9999) {
        return ELO_DURATION_END;
    }
    in_month = ELO_MIN(in_month, days_in(m) - 1);
    end = (days_before(m) + in_month) * DAY_S + in_day;
    end += ((int64_t) d->weeks * 7 + (int64_t) d->days) * DAY_S;
    end += (int64_t) d->hours * 3600 + (int64_t) d->minutes * 60
           + (int64_t) d->seconds;
    return ELO_MIN(end, ELO_DURATION_END);
}
