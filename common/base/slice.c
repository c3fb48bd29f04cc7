/* SPDX-License-Identifier: BSD-2-Clause */
/* slice: comparisons and small scans over borrowed bytes. */
#include "common/base/slice.h"

#include "common/base/num.h"


static uint8_t
lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t) (c | 0x20) : c;
}


bool
elo_slice_ieq(elo_slice_t a, elo_slice_t b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.p[i]) != lower(b.p[i])) {
            return false;
        }
    }
    return true;
}


bool
elo_slice_has_prefix(elo_slice_t s, elo_slice_t prefix)
{
    return s.len >= prefix.len
           && (prefix.len == 0 || memcmp(s.p, prefix.p, prefix.len) == 0);
}


elo_slice_t
elo_slice_trim(elo_slice_t s)
{
    while (s.len > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.len--;
    }
    while (s.len > 0 && (s.p[s.len - 1] == ' ' || s.p[s.len - 1] == '\t')) {
        s.len--;
    }
    return s;
}


bool
elo_slice_u64(elo_slice_t s, uint64_t *out)
{
    uint64_t v = 0;

    if (s.len == 0) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || !elo_mul_u64(v, 10, &v)
            || !elo_add_u64(v, (uint64_t) (s.p[i] - '0'), &v))
        {
            return false;
        }
    }
    *out = v;
    return true;
}
