/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes common/http/route: slices lie in the path and hold no separator. */
#include <stdlib.h>

#include "common/http/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static void
check(elo_slice_t s, const uint8_t *data, size_t len)
{
    if (s.len == 0) {
        return;
    }
    if (s.p < data || s.p + s.len > data + len) {
        abort();
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] <= ' ' || s.p[i] == '/' || s.p[i] >= 0x7f) {
            abort();
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    elo_route_t r;

    elo_route_parse(elo_slice(data, len), &r);
    check(r.id, data, len);
    check(r.version, data, len);
    check(r.track, data, len);
    check(r.name, data, len);
    return 0;
}
