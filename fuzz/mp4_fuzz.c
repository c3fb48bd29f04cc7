/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes backend/media's indexer: whatever comes in, an index that comes out is
   one that the reader accepts, and each of its recipes adds up. */
#include <stdlib.h>

#include "backend/media/index.h"
#include "backend/media/indexer.h"

#define SCRATCH_LEN (4u << 20)
#define INDEX_MAX   (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static _Alignas(16) uint8_t scratch[SCRATCH_LEN];


static void
check_recipes(elo_slice_t index, const elo_media_t *m, uint64_t size)
{
    const uint8_t *extents;
    elo_slice_t prefix;
    uint64_t off, n;
    uint32_t i, k, count;

    for (i = 0; i < m->n_tracks; i++) {
        for (k = 0; k <= m->tracks[i].n_segments; k++) {
            if (elo_media_index_recipe(index, i, k, &off, &n) != ELO_OK
                || elo_media_recipe_check(elo_slice(index.p + off, (size_t) n),
                                          size, &prefix, &count, &extents)
                       != ELO_OK)
            {
                abort();
            }
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const elo_indexer_cfg_t cfg = { .target_ms = 1000 };
    const char *reason = NULL;
    elo_media_t media;
    elo_buf_t out;
    elo_err_t rc;

    elo_buf_init(&out, INDEX_MAX);
    rc = elo_indexer_run(elo_slice(data, len), &cfg, scratch, sizeof(scratch),
                         &out, &reason);
    if (rc != ELO_OK) {
        if (reason == NULL || reason[0] == '\0') {
            abort();
        }
    } else if (elo_media_index_parse(elo_buf_slice(&out), out.len, len, &media)
               != ELO_OK)
    {
        abort();
    } else {
        check_recipes(elo_buf_slice(&out), &media, len);
    }
    elo_buf_dispose(&out);
    return 0;
}
