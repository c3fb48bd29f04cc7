/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes common/http/range: the first 8 bytes are the size, the rest the field.
   Whatever comes in, what comes out lies in the representation. */
#include <stdlib.h>

#include "common/base/rd.h"
#include "common/http/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    elo_range_set_t set;
    uint64_t size, total = 0;
    const uint8_t *p = elo_rd_be64(data, data + len, &size);

    if (p == NULL
        || elo_range_parse(elo_slice(p, len - 8), size, &set)
               != ELO_RANGE_PARTIAL)
    {
        return 0;
    }
    if (set.n == 0 || set.n > ELO_RANGE_MAX) {
        abort();
    }
    for (uint32_t i = 0; i < set.n; i++) {
        total += set.r[i].end - set.r[i].start;
        if (set.r[i].start >= set.r[i].end || set.r[i].end > size
            || total > size) {
            abort();
        }
    }
    return 0;
}
