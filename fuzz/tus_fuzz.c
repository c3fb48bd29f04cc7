/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes backend/api/tus_head: the input's lines are the fields of a request. What
   is taken keeps within its limits. */
#include <stdlib.h>

#include "backend/api/tus_head.h"

#define MAX    UINT64_C(1 << 30)
#define FIELDS 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    elo_slice_t field[FIELDS] = { { NULL, 0 } };
    const uint8_t *end = data + len;
    uint8_t value[256];
    const char *why;
    elo_tus_head_t h;
    size_t n;

    for (int i = 0; i < FIELDS && data < end; i++) {
        const uint8_t *lf = memchr(data, '\n', (size_t) (end - data));

        field[i] = elo_slice(data, (size_t) ((lf != NULL ? lf : end) - data));
        data += field[i].len + (lf != NULL);
    }
    elo_tus_fields_t f = { field[0], field[1], field[2], field[3],
                           field[4], field[5], field[6], field[7] };
    if (elo_tus_parse_create(&f, len % 2 == 0, MAX, &h, &why) == ELO_OK
        && h.length > MAX)
    {
        abort();
    }
    if (elo_tus_parse_patch(&f, MAX, &h, &why) == ELO_OK
        && (h.length > MAX || h.offset > INT64_MAX))
    {
        abort();
    }
    if (elo_tus_meta_ok(f.metadata)
        && elo_tus_meta_get(f.metadata, "filetype", value, sizeof(value), &n)
               == ELO_OK
        && n > sizeof(value))
    {
        abort();
    }
    (void) elo_tus_version_ok(f.resumable);
    return 0;
}
