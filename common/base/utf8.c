/* SPDX-License-Identifier: BSD-2-Clause */
/* utf8: one step of a decoder. Spec: RFC 3629, 3 and 4. */
#include "common/base/utf8.h"


size_t
elo_utf8_next(elo_slice_t s, uint32_t *cp)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    uint32_t v;
    size_t n;

    if (s.p[0] < 0x80) {
        *cp = s.p[0];
        return 1;
    }
    if (s.p[0] >= 0xc2 && s.p[0] <= 0xdf) {
        n = 2;
        v = s.p[0] & 0x1f;
    } else if (s.p[0] >= 0xe0 && s.p[0] <= 0xef) {
        n = 3;
        v = s.p[0] & 0x0f;
    } else if (s.p[0] >= 0xf0 && s.p[0] <= 0xf4) {
        n = 4;
        v = s.p[0] & 0x07;
    } else {
        return 0;
    }
    if (s.len < n) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((s.p[i] & 0xc0) != 0x80) {
            return 0;
        }
        v = v << 6 | (s.p[i] & 0x3f);
    }
    if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff)) {
        return 0;
    }
    *cp = v;
    return n;
}
