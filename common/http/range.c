/* SPDX-License-Identifier: BSD-2-Clause */
/* range: the Range header. Spec: RFC 9110, 14.1.1, 14.1.2, 14.2; lists: 5.6.1
   (empty members are read over). */
#include "common/http/range.h"

#include "common/base/num.h"


/* Takes the digits at the start of *s; a number past UINT64_MAX saturates, for
   it is well-formed and only lies behind every end. False when there is no
   digit. */
static bool
take_number(elo_slice_t *s, uint64_t *out)
{
    uint64_t v = 0;
    size_t n = 0;

    while (n < s->len && s->p[n] >= '0' && s->p[n] <= '9') {
        if (!elo_mul_u64(v, 10, &v)
            || !elo_add_u64(v, (uint64_t) (s->p[n] - '0'), &v)) {
            v = UINT64_MAX;
        }
        n++;
    }
    if (n == 0) {
        return false;
    }
    *out = v;
    *s = elo_slice(s->p + n, s->len - n);
    return true;
}


/* "-500": the last 500 bytes. */
static bool
parse_suffix(elo_slice_t s, uint64_t size, elo_range_t *r)
{
    uint64_t n;

    s = elo_slice(s.p + 1, s.len - 1);
    if (!take_number(&s, &n) || s.len != 0) {
        return false;
    }
    *r = (elo_range_t){ size - ELO_MIN(n, size), size };
    return true;
}


/* One member, not empty, as the part of it that lies in [0, size): empty
   (start == end) when it cannot be satisfied. False on a syntax error. */
static bool
parse_member(elo_slice_t s, uint64_t size, elo_range_t *r)
{
    uint64_t first, last = UINT64_MAX;

    if (s.p[0] == '-') {
        return parse_suffix(s, size, r);
    }
    if (!take_number(&s, &first) || s.len == 0 || s.p[0] != '-') {
        return false;
    }
    s = elo_slice(s.p + 1, s.len - 1);
    if (s.len > 0 && (!take_number(&s, &last) || s.len != 0 || last < first)) {
        return false;
    }
    if (first >= size) {
        *r = (elo_range_t){ size, size };
    } else {
        *r = (elo_range_t){ first, ELO_MIN(last, size - 1) + 1 };
    }
    return true;
}


/* Cuts the next comma-separated member off *s, without blanks around it. False
   when *s is used up. */
static bool
next_member(elo_slice_t *s, elo_slice_t *member)
{
    size_t n = 0;

    if (s->p == NULL) {
        return false;
    }
    while (n < s->len && s->p[n] != ',') {
        n++;
    }
    *member = elo_slice_trim(elo_slice(s->p, n));
    if (n == s->len) {
        *s = elo_slice(NULL, 0);
    } else {
        *s = elo_slice(s->p + n + 1, s->len - n - 1);
    }
    return true;
}


static bool
overlaps(const elo_range_set_t *set, const elo_range_t *r)
{
    for (uint32_t i = 0; i < set->n; i++) {
        if (r->start < set->r[i].end && set->r[i].start < r->end) {
            return true;
        }
    }
    return false;
}


elo_range_verdict_t
elo_range_parse(elo_slice_t value, uint64_t size, elo_range_set_t *set)
{
    elo_slice_t rest = elo_slice_trim(value);
    elo_slice_t unit = ELO_SLICE("bytes=");
    elo_slice_t member;
    uint32_t asked = 0, again = 0;
    uint64_t total = 0;
    elo_range_t r;

    set->n = 0;
    if (rest.len < unit.len
        || !elo_slice_ieq(elo_slice(rest.p, unit.len), unit)) {
        return ELO_RANGE_NONE;
    }
    rest = elo_slice(rest.p + unit.len, rest.len - unit.len);
    while (next_member(&rest, &member)) {
        if (member.len == 0) {
            continue;
        }
        if (++asked > ELO_RANGE_MAX || !parse_member(member, size, &r)) {
            return ELO_RANGE_NONE;
        }
        if (r.start == r.end) {
            continue;
        }
        /* more bytes than there are: some are asked for twice */
        if (!elo_add_u64(total, r.end - r.start, &total) || total > size) {
            return ELO_RANGE_NONE;
        }
        again += overlaps(set, &r);
        if (again > 1) {
            return ELO_RANGE_NONE;
        }
        set->r[set->n++] = r;
    }
    if (asked == 0) {
        return ELO_RANGE_NONE;
    }
    return set->n > 0 ? ELO_RANGE_PARTIAL : ELO_RANGE_UNSATISFIABLE;
}
