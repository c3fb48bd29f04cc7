/* SPDX-License-Identifier: BSD-2-Clause */
/* precond: conditional requests and HTTP dates. Spec: RFC 9110, 13.1, 13.2.2,
   8.8.3 (entity tags), 5.6.7 (dates). */
#include "common/http/precond.h"


#include "common/base/num.h"

#define DATE_MAX    INT64_C(253402300799) /* end of the year 9999 */
#define DAY_SECONDS 86400
#define PIVOT_YEAR  70 /* two-digit years from here on are 19xx */

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";


/* ---- entity tags ---- */

static bool
is_star(elo_slice_t list)
{
    return elo_slice_eq(elo_slice_trim(list), ELO_SLICE("*"));
}


/* Length of the opaque tag, quotes included, at the start of s; 0 when there is
   none. */
static size_t
tag_len(elo_slice_t s)
{
    if (s.len < 2 || s.p[0] != '"') {
        return 0;
    }
    for (size_t i = 1; i < s.len; i++) {
        if (s.p[i] == '"') {
            return i + 1;
        }
        if (s.p[i] <= ' ' || s.p[i] == 0x7f) {
            return 0;
        }
    }
    return 0;
}


static elo_slice_t
skip(elo_slice_t s, size_t n)
{
    return elo_slice(s.p + n, s.len - n);
}


/* Does list name etag? Weakly: with W/ ignored; strongly: W/ never matches. A
   list with a syntax error names nothing. */
static bool
list_has(elo_slice_t list, elo_slice_t etag, bool weakly)
{
    bool found = false, is_weak;
    elo_slice_t s = elo_slice_trim(list);
    size_t n;

    while (s.len > 0) {
        if (s.p[0] == ',') {
            s = elo_slice_trim(skip(s, 1));
            continue;
        }
        is_weak = elo_slice_has_prefix(s, ELO_SLICE("W/"));
        s = skip(s, is_weak ? 2 : 0);
        n = tag_len(s);
        if (n == 0) {
            return false;
        }
        if (elo_slice_eq(elo_slice(s.p, n), etag) && (weakly || !is_weak)) {
            found = true;
        }
        s = elo_slice_trim(skip(s, n));
        if (s.len > 0 && s.p[0] != ',') {
            return false;
        }
    }
    return found;
}


/* ---- dates ---- */

/* Days from 1970-01-01 to a day of the proleptic Gregorian calendar. Years are
   counted from March, so that the leap day is the last; a cycle of 400 years is
   added meanwhile, so that January of the year 0 is no negative year. */
static int64_t
days_from_civil(int64_t y, int64_t m, int64_t d)
{
    int64_t era, yoe, doy, doe;

    y += 400 - (m <= 2);
    era = y / 400;
    yoe = y - era * 400;
    doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return (era - 1) * 146097 + doe - 719468;
}


static void
civil_from_days(int64_t z, int *year, int *month, int *day)
{
    int64_t era, doe, yoe, doy, mp;

    z += 719468;
    era = z / 146097; /* z is never negative here */
    doe = z - era * 146097;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;
    *day = (int) (doy - (153 * mp + 2) / 5 + 1);
    *month = (int) (mp < 10 ? mp + 3 : mp - 9);
    *year = (int) (yoe + era * 400 + (*month <= 2));
}


static bool
is_leap(int y)
{
    return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}


typedef struct {
    int year, month, day, hour, minute, second;
} date_t;


static bool
date_value(const date_t *d, int64_t *out)
{
    static const int month_len[] = { 31, 29, 31, 30, 31, 30,
                                     31, 31, 30, 31, 30, 31 };

    /* a leap second is read as the first of the next minute */
    if (d->day < 1 || d->day > month_len[d->month - 1]
        || (d->month == 2 && d->day == 29 && !is_leap(d->year)) || d->hour > 23
        || d->minute > 59 || d->second > 60)
    {
        return false;
    }
    *out = days_from_civil(d->year, d->month, d->day) * DAY_SECONDS
           + d->hour * 3600 + d->minute * 60 + d->second;
    return true;
}


/* Position of the three letters at p in names, from 1; 0 when absent. */
static int
name_at(const uint8_t *p, const char *names)
{
    for (int i = 0; names[3 * i] != '\0'; i++) {
        if (memcmp(p, names + (ptrdiff_t) 3 * i, 3) == 0) {
            return i + 1;
        }
    }
    return 0;
}


/* Matches s against a pattern of the same length and takes its fields: d day,
   y year, h hour, m minute, s second (digits), w weekday, b month (names). A
   blank before the day of asctime is 'e'. The rest is literal. */
static bool
scan(elo_slice_t s, const char *pattern, date_t *d)
{
    int *field;

    *d = (date_t){ 0 };
    if (s.len != strlen(pattern)) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        switch (pattern[i]) {
        case 'w':
        case 'b':
            if (name_at(s.p + i, pattern[i] == 'w' ? days : months) == 0) {
                return false;
            }
            if (pattern[i] == 'b') {
                d->month = name_at(s.p + i, months);
            }
            i += 2;
            continue;
        case 'd':
        case 'e':
            field = &d->day;
            break;
        case 'y':
            field = &d->year;
            break;
        case 'h':
            field = &d->hour;
            break;
        case 'm':
            field = &d->minute;
            break;
        case 's':
            field = &d->second;
            break;
        default:
            if (s.p[i] != (uint8_t) pattern[i]) {
                return false;
            }
            continue;
        }
        if (pattern[i] == 'e' && s.p[i] == ' ') {
            continue;
        }
        if (s.p[i] < '0' || s.p[i] > '9') {
            return false;
        }
        *field = *field * 10 + (s.p[i] - '0');
    }
    return true;
}


/* "Sunday, 06-Nov-94 08:49:37 GMT" (RFC 850). No clock is at hand to tell the
   century, so POSIX' pivot is used. */
static bool
scan_rfc850(elo_slice_t s, date_t *d)
{
    static const char *const names[] = { "Sunday, ",   "Monday, ",
                                         "Tuesday, ",  "Wednesday, ",
                                         "Thursday, ", "Friday, ",
                                         "Saturday, " };

    for (size_t i = 0; i < ELO_COUNT(names); i++) {
        if (elo_slice_has_prefix(s, elo_slice_str(names[i]))) {
            s = skip(s, strlen(names[i]));
            if (!scan(s, "dd-bbb-yy hh:mm:ss GMT", d)) {
                return false;
            }
            d->year += d->year < PIVOT_YEAR ? 2000 : 1900;
            return true;
        }
    }
    return false;
}


bool
elo_http_date_parse(elo_slice_t s, int64_t *out)
{
    date_t d;

    s = elo_slice_trim(s);
    return (scan(s, "www, dd bbb yyyy hh:mm:ss GMT", &d) || scan_rfc850(s, &d)
            || scan(s, "www bbb ed hh:mm:ss yyyy", &d))
           && date_value(&d, out);
}


static void
put_two(char *out, int v)
{
    out[0] = (char) ('0' + v / 10);
    out[1] = (char) ('0' + v % 10);
}


/* By hand: it stands in each answer. */
void
elo_http_date_format(int64_t t, char out[ELO_HTTP_DATE_LEN + 1])
{
    int year, month, day, sec;
    int64_t z;

    t = ELO_MIN(ELO_MAX(t, 0), DATE_MAX);
    z = t / DAY_SECONDS;
    sec = (int) (t % DAY_SECONDS);
    civil_from_days(z, &year, &month, &day);
    memcpy(out, "www, dd mmm yyyy hh:mm:ss GMT", ELO_HTTP_DATE_LEN + 1);
    memcpy(out, days + (z + 4) % 7 * 3, 3); /* 1970-01-01 was a Thursday */
    put_two(out + 5, day);
    memcpy(out + 8, months + (ptrdiff_t) (month - 1) * 3, 3);
    put_two(out + 12, year / 100);
    put_two(out + 14, year % 100);
    put_two(out + 17, sec / 3600);
    put_two(out + 20, sec / 60 % 60);
    put_two(out + 23, sec % 60);
}


/* ---- precedence ---- */

static bool
match_ok(elo_slice_t list, elo_slice_t etag)
{
    return etag.len > 0 && (is_star(list) || list_has(list, etag, false));
}


static bool
none_match_ok(elo_slice_t list, elo_slice_t etag)
{
    return etag.len == 0 || (!is_star(list) && !list_has(list, etag, true));
}


elo_precond_verdict_t
elo_precond_eval(const elo_precond_t *c, bool is_read, elo_slice_t etag,
                 int64_t mtime)
{
    int64_t date;

    /* RFC 9110, 13.2.2, step by step; a date binds only what exists */
    if (c->if_match.p != NULL) {
        if (!match_ok(c->if_match, etag)) {
            return ELO_PRECOND_FAILED;
        }
    } else if (c->if_unmodified_since.p != NULL && etag.len > 0
               && elo_http_date_parse(c->if_unmodified_since, &date)
               && mtime > date)
    {
        return ELO_PRECOND_FAILED;
    }
    if (c->if_none_match.p != NULL) {
        if (!none_match_ok(c->if_none_match, etag)) {
            return is_read ? ELO_PRECOND_NOT_MODIFIED : ELO_PRECOND_FAILED;
        }
    } else if (is_read && c->if_modified_since.p != NULL && etag.len > 0
               && elo_http_date_parse(c->if_modified_since, &date)
               && mtime <= date)
    {
        return ELO_PRECOND_NOT_MODIFIED;
    }
    return ELO_PRECOND_GO;
}


bool
elo_precond_range_ok(const elo_precond_t *c, elo_slice_t etag, int64_t mtime)
{
    elo_slice_t s;
    int64_t date;

    if (c->if_range.p == NULL) {
        return true;
    }
    s = elo_slice_trim(c->if_range);
    if (etag.len == 0 || s.len == 0) {
        return false;
    }
    if (s.p[0] == '"') {
        return elo_slice_eq(s, etag);
    }
    return elo_http_date_parse(s, &date) && date == mtime;
}
