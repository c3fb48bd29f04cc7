/* SPDX-License-Identifier: BSD-2-Clause */
/* shape: forms of text. All classes are ASCII's; no locale is asked. */
#include "backend/node/shape.h"

#include <stdio.h>
#include <time.h>

#include "common/base/limits.h"
#include "common/base/num.h"
#include "common/base/utf8.h"

#define LANGUAGE_MAX 35 /* RFC 5646, 4.4.1 */
#define SUBTAG_MAX   8
#define URL_MAX      2048
#define TIME_MAX     INT64_C(253402300799) /* the end of 9999 */
#define DIGITS_MAX   9                     /* of one number in a duration */


static bool
is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}


static bool
is_alpha(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}


static bool
is_one_of(uint8_t c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}


/* RFC 9110, 5.6.2 */
static bool
is_token(uint8_t c)
{
    return is_alpha(c) || is_digit(c) || is_one_of(c, "!#$%&'*+-.^_`|~");
}


/* RFC 6838, 4.2 */
static bool
is_restricted(uint8_t c)
{
    return is_alpha(c) || is_digit(c) || is_one_of(c, "!#$&-^_.+");
}


/* Each of the scanners below returns how many bytes of s it took. */

static size_t
scan_name(elo_slice_t s)
{
    size_t n = 0;

    if (s.len == 0 || !(is_alpha(s.p[0]) || is_digit(s.p[0]))) {
        return 0;
    }
    while (n < s.len && is_restricted(s.p[n])) {
        n++;
    }
    return n;
}


static size_t
scan_token(elo_slice_t s)
{
    size_t n = 0;

    while (n < s.len && is_token(s.p[n])) {
        n++;
    }
    return n;
}


/* RFC 9110, 5.6.4, ASCII only. */
static size_t
scan_quoted(elo_slice_t s)
{
    size_t n = 1;

    if (s.len == 0 || s.p[0] != '"') {
        return 0;
    }
    for (; n < s.len; n++) {
        if (s.p[n] == '"') {
            return n + 1;
        }
        if (s.p[n] == '\\') {
            n++;
        }
        if (n >= s.len || s.p[n] < 0x20 || s.p[n] >= 0x7f) {
            return 0;
        }
    }
    return 0;
}


static elo_slice_t
after(elo_slice_t s, size_t n)
{
    return elo_slice(s.p + n, s.len - n);
}


/* ";name=value" at the start of s, blanks around the semicolon allowed. */
static bool
cut_parameter(elo_slice_t *s)
{
    elo_slice_t rest = elo_slice_trim(*s);
    size_t n;

    if (rest.len == 0 || rest.p[0] != ';') {
        return false;
    }
    rest = elo_slice_trim(after(rest, 1));
    n = scan_token(rest);
    if (n == 0 || n == rest.len || rest.p[n] != '=') {
        return false;
    }
    rest = after(rest, n + 1);
    n = scan_token(rest);
    if (n == 0) {
        n = scan_quoted(rest);
    }
    if (n == 0) {
        return false;
    }
    *s = after(rest, n);
    return true;
}


bool
elo_shape_mime(elo_slice_t s)
{
    size_t n = scan_name(s);

    if (s.len > ELO_MIME_MAX || n == 0 || n == s.len || s.p[n] != '/') {
        return false;
    }
    s = after(s, n + 1);
    n = scan_name(s);
    if (n == 0) {
        return false;
    }
    s = after(s, n);
    while (s.len != 0) {
        if (!cut_parameter(&s)) {
            return false;
        }
    }
    return true;
}


bool
elo_shape_language(elo_slice_t s)
{
    size_t in_subtag = 0;
    bool is_first = true;

    if (s.len < 2 || s.len > LANGUAGE_MAX) {
        return false;
    }
    for (size_t i = 0; i <= s.len; i++) {
        if (i < s.len && s.p[i] != '-') {
            if (!is_alpha(s.p[i]) && (is_first || !is_digit(s.p[i]))) {
                return false;
            }
            in_subtag++;
            continue;
        }
        if (in_subtag < (is_first ? 2u : 1u) || in_subtag > SUBTAG_MAX) {
            return false;
        }
        in_subtag = 0;
        is_first = false;
    }
    return true;
}


/* A run of digits and its designator, which must stand in *order, behind those
   already used. */
static bool
cut_duration_part(elo_slice_t *s, const char **order, bool *is_zero)
{
    const char *at;
    size_t n = 0;

    while (n < s->len && is_digit(s->p[n])) {
        *is_zero = *is_zero && s->p[n] == '0';
        n++;
    }
    if (n == 0 || n > DIGITS_MAX || n == s->len || s->p[n] == '\0') {
        return false;
    }
    at = strchr(*order, s->p[n]);
    if (at == NULL) {
        return false;
    }
    *order = at + 1;
    *s = after(*s, n + 1);
    return true;
}


bool
elo_shape_duration(elo_slice_t s)
{
    const char *order = "YMWD";
    bool is_zero = true;

    if (s.len < 3 || s.p[0] != 'P') {
        return false;
    }
    s = after(s, 1);
    while (s.len != 0 && s.p[0] != 'T') {
        if (!cut_duration_part(&s, &order, &is_zero)) {
            return false;
        }
    }
    if (s.len == 0) {
        return !is_zero;
    }
    s = after(s, 1);
    order = "HMS";
    if (s.len == 0) {
        return false;
    }
    while (s.len != 0) {
        if (!cut_duration_part(&s, &order, &is_zero)) {
            return false;
        }
    }
    return !is_zero;
}


static bool
has_iprefix(elo_slice_t s, elo_slice_t prefix)
{
    return s.len >= prefix.len
           && elo_slice_ieq(elo_slice(s.p, prefix.len), prefix);
}


bool
elo_shape_url(elo_slice_t s)
{
    elo_slice_t rest;
    size_t host = 0;

    if (s.len > URL_MAX) {
        return false;
    }
    if (has_iprefix(s, ELO_SLICE("https://"))) {
        rest = after(s, 8);
    } else if (has_iprefix(s, ELO_SLICE("http://"))) {
        rest = after(s, 7);
    } else {
        return false;
    }
    while (host < rest.len && !is_one_of(rest.p[host], "/?#")) {
        if (rest.p[host] == '@') {
            return false;
        }
        host++;
    }
    if (host == 0 || rest.p[0] == ':') {
        return false;
    }
    for (size_t i = 0; i < rest.len; i++) {
        if (rest.p[i] <= 0x20 || rest.p[i] >= 0x7f
            || is_one_of(rest.p[i], "\"<>\\^`{|}"))
        {
            return false;
        }
    }
    return true;
}


/* ---- times ---- */

/* Two digits at s.p[at], at most max; -1 for anything else. */
static int
two_digits(elo_slice_t s, size_t at, int max)
{
    int v;

    if (s.len < at + 2 || !is_digit(s.p[at]) || !is_digit(s.p[at + 1])) {
        return -1;
    }
    v = (s.p[at] - '0') * 10 + (s.p[at + 1] - '0');
    return v <= max ? v : -1;
}


static int
days_in(int year, int month)
{
    static const int days[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && is_leap ? 29 : days[month - 1];
}


/* "Z" or "+hh:mm": the offset in seconds in *out. */
static bool
offset_of(elo_slice_t s, int *out)
{
    int hours, minutes;

    if (s.len == 1 && (s.p[0] == 'Z' || s.p[0] == 'z')) {
        *out = 0;
        return true;
    }
    if (s.len != 6 || (s.p[0] != '+' && s.p[0] != '-') || s.p[3] != ':') {
        return false;
    }
    hours = two_digits(s, 1, 23);
    minutes = two_digits(s, 4, 59);
    if (hours < 0 || minutes < 0) {
        return false;
    }
    *out = (s.p[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    return true;
}


static size_t
skip_fraction(elo_slice_t s, size_t at)
{
    if (at < s.len && s.p[at] == '.') {
        size_t start = ++at;

        while (at < s.len && is_digit(s.p[at])) {
            at++;
        }
        return at == start ? SIZE_MAX : at;
    }
    return at;
}


bool
elo_shape_time(elo_slice_t s, int64_t *out)
{
    struct tm tm = { 0 };
    int century, year, offset, seconds;
    size_t at;

    if (s.len < 20 || s.p[4] != '-' || s.p[7] != '-'
        || !is_one_of(s.p[10], "Tt") || s.p[13] != ':' || s.p[16] != ':')
    {
        return false;
    }
    century = two_digits(s, 0, 99);
    year = two_digits(s, 2, 99);
    tm.tm_mon = two_digits(s, 5, 12);
    tm.tm_mday = two_digits(s, 8, 31);
    tm.tm_hour = two_digits(s, 11, 23);
    tm.tm_min = two_digits(s, 14, 59);
    seconds = two_digits(s, 17, 60);
    at = skip_fraction(s, 19);
    if (century < 0 || year < 0 || tm.tm_mon < 1 || tm.tm_mday < 1
        || tm.tm_hour < 0 || tm.tm_min < 0 || seconds < 0 || at > s.len
        || tm.tm_mday > days_in(century * 100 + year, tm.tm_mon)
        || !offset_of(after(s, at), &offset))
    {
        return false;
    }
    tm.tm_year = century * 100 + year - 1900;
    tm.tm_mon--;
    tm.tm_sec = ELO_MIN(seconds, 59); /* a leap second */
    *out = (int64_t) timegm(&tm) - offset;
    return true;
}


void
elo_time_text(int64_t t, char out[ELO_TIME_TEXT_LEN + 1])
{
    time_t clamped = (time_t) ELO_MAX(INT64_C(0), ELO_MIN(t, TIME_MAX));
    struct tm tm;

    gmtime_r(&clamped, &tm);
    strftime(out, ELO_TIME_TEXT_LEN + 1, "%Y-%m-%dT%H:%M:%SZ", &tm);
}


size_t
elo_shape_text_len(elo_slice_t s, bool lines)
{
    size_t count = 0;

    while (s.len != 0) {
        uint32_t cp;
        size_t n = elo_utf8_next(s, &cp);

        if (n == 0) {
            return SIZE_MAX;
        }
        if ((cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
            && !(lines && (cp == '\n' || cp == '\t' || cp == '\r')))
        {
            return SIZE_MAX;
        }
        s = after(s, n);
        count++;
    }
    return count;
}
