/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes backend/node/ndjson: the first byte is the longest line, the second the length of
   the pieces that the rest comes in. Lines are bounded, and what is left is, too. */
#include <stdlib.h>
#include <string.h>

#include "backend/node/ndjson.h"
#include "common/base/num.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    elo_ndjson_t n = { .max = len < 2 ? 0 : data[0] };
    uint8_t held[1024];
    size_t kept = 0;

    for (size_t at = 2; at < len;) {
        size_t take = ELO_MIN((size_t) data[1] + 1, len - at);
        elo_ndjson_step_t step;
        elo_slice_t in, line;

        memcpy(held + kept, data + at, take);
        in = elo_slice(held, kept + take);
        at += take;
        while ((step = elo_ndjson_next(&n, &in, at == len, &line))
               != ELO_NDJSON_MORE) {
            if (step == ELO_NDJSON_LINE && line.len > n.max) {
                abort();
            }
        }
        if (in.len > n.max + 1 || (at == len && in.len != 0)) {
            abort();
        }
        kept = in.len;
        memmove(held, in.p, kept);
    }
    return 0;
}
