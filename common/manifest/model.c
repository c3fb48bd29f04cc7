/* SPDX-License-Identifier: BSD-2-Clause */
/* model: what is asked of a media description by its printers and readers. */
#include "common/manifest/model.h"

#include <assert.h>

#include "common/base/num.h"
#include "common/base/rd.h"

#define VERSION_LEN      16
#define TRACK_DIGITS_MAX 4


bool
elo_media_track_id_ok(elo_slice_t id)
{
    if (id.len < 2 || id.len > 1 + TRACK_DIGITS_MAX || id.p[0] < 'a'
        || id.p[0] > 'z')
    {
        return false;
    }
    for (size_t i = 1; i < id.len; i++) {
        if (id.p[i] < '0' || id.p[i] > '9') {
            return false;
        }
    }
    return true;
}


bool
elo_media_version_ok(elo_slice_t version)
{
    if (version.len != VERSION_LEN) {
        return false;
    }
    for (size_t i = 0; i < version.len; i++) {
        uint8_t c = version.p[i];

        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) {
            return false;
        }
    }
    return true;
}


uint32_t
elo_media_duration(const elo_media_track_t *t, uint32_t i)
{
    const uint8_t *at;
    uint32_t v = 0;

    assert(i < t->n_segments);
    at = t->durations + (size_t) i * 4;
    elo_rd_be32(at, at + 4, &v);
    return v;
}


uint32_t
elo_media_longest(const elo_media_track_t *t)
{
    uint32_t max = 0;

    for (uint32_t i = 0; i < t->n_segments; i++) {
        uint32_t d = elo_media_duration(t, i);

        max = ELO_MAX(max, d);
    }
    return max;
}


const elo_media_track_t *
elo_media_track(const elo_media_t *m, elo_slice_t id)
{
    for (uint32_t i = 0; i < m->n_tracks; i++) {
        if (elo_slice_eq(m->tracks[i].id, id)) {
            return &m->tracks[i];
        }
    }
    return NULL;
}
