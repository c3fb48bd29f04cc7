/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes the reader of media indexes. The input is an index; its checksum and
   lengths are made right first, so that what stands behind them is reached. */
#include <stdlib.h>
#include <string.h>

#include "backend/media/index.h"
#include "backend/media/index_layout.h"
#include "common/base/rd.h"

#define SOURCE_SIZE 1000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static void
set_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t) (v >> 24);
    p[1] = (uint8_t) (v >> 16);
    p[2] = (uint8_t) (v >> 8);
    p[3] = (uint8_t) v;
}


static void
make_right(uint8_t *p, size_t len)
{
    uint64_t head_len;

    if (elo_media_index_head_len(elo_slice(p, len), &head_len) != ELO_OK
        || head_len > len)
    {
        return;
    }
    set_be32(p + ELO_INDEX_OFF_TOTAL, 0);
    set_be32(p + ELO_INDEX_OFF_TOTAL + 4, (uint32_t) len);
    set_be32(p + ELO_INDEX_OFF_SOURCE, 0);
    set_be32(p + ELO_INDEX_OFF_SOURCE + 4, SOURCE_SIZE);
    set_be32(p + ELO_INDEX_OFF_CRC,
             elo_index_crc(elo_slice(p + ELO_INDEX_OFF_TOTAL,
                                     (size_t) head_len - ELO_INDEX_OFF_TOTAL)));
}


static void
read_recipes(elo_slice_t s, uint32_t track, uint32_t n)
{
    const uint8_t *extents;
    elo_slice_t prefix;
    uint64_t off, len, value = 0;
    uint32_t count, i;

    for (i = 0; i <= n + 1; i++) {
        if (elo_media_index_recipe(s, track, i, &off, &len) != ELO_OK) {
            continue;
        }
        if (i > n || off > s.len || len > s.len - off) {
            abort();
        }
        if (elo_media_recipe_check(elo_slice(s.p + off, (size_t) len),
                                   SOURCE_SIZE, &prefix, &count, &extents)
                == ELO_OK
            && count > 0)
        {
            elo_rd_be64(extents + (size_t) (count - 1) * ELO_INDEX_EXTENT_LEN,
                        s.p + off + len, &value);
            if (value >= SOURCE_SIZE) {
                abort();
            }
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len + 1);
    elo_media_t media;
    uint32_t i;

    if (copy == NULL) {
        return 0;
    }
    if (len > 0) {
        memcpy(copy, data, len);
    }
    make_right(copy, len);
    if (elo_media_index_parse(elo_slice(copy, len), len, SOURCE_SIZE, &media)
        == ELO_OK)
    {
        for (i = 0; i < media.n_tracks; i++) {
            read_recipes(elo_slice(copy, len), i, media.tracks[i].n_segments);
        }
    }
    free(copy);
    return 0;
}
