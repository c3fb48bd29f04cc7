/* SPDX-License-Identifier: BSD-2-Clause */
/* stbl: bounds and shape of a track's sample tables; see moov.h.
   Spec: ISO/IEC 14496-12, 8.6.1, 8.7. */
#include "backend/media/moov.h"

#include "backend/media/box.h"


/* A full box of count entries, each of that many bytes. ELO_ENOTFOUND when it
   is absent. */
static elo_err_t
read_table(elo_slice_t stbl, uint32_t type, size_t each, elo_mp4_table_t *t)
{
    elo_slice_t s;
    elo_box_t box;
    elo_err_t rc;
    uint32_t flags;
    uint8_t version;

    if ((rc = elo_box_find(stbl, type, &box)) != ELO_OK) {
        return rc;
    }
    if (!elo_box_full(box.body, &version, &flags, &s) || s.len < 4
        || elo_be32(s.p) > (s.len - 4) / each)
    {
        return ELO_EINVAL;
    }
    t->n = elo_be32(s.p);
    t->p = s.p + 4;
    return ELO_OK;
}


/* 8.7.3.2 */
static elo_err_t
read_stsz(elo_slice_t s, elo_mp4_track_t *t)
{
    if (s.len < 8) {
        return ELO_EINVAL;
    }
    t->size_all = elo_be32(s.p);
    t->n_samples = elo_be32(s.p + 4);
    if (t->size_all != 0) {
        t->size_bits = 0;
        return ELO_OK;
    }
    t->size_bits = 32;
    t->sizes = s.p + 8;
    return t->n_samples > (s.len - 8) / 4 ? ELO_EINVAL : ELO_OK;
}


/* 8.7.3.3 */
static elo_err_t
read_stz2(elo_slice_t s, elo_mp4_track_t *t)
{
    uint64_t bytes;

    if (s.len < 8) {
        return ELO_EINVAL;
    }
    t->size_bits = s.p[3];
    if (t->size_bits != 4 && t->size_bits != 8 && t->size_bits != 16) {
        return ELO_EINVAL;
    }
    t->n_samples = elo_be32(s.p + 4);
    t->sizes = s.p + 8;
    bytes = ((uint64_t) t->n_samples * t->size_bits + 7) / 8;
    return bytes > s.len - 8 ? ELO_EINVAL : ELO_OK;
}


static elo_err_t
read_sizes(elo_slice_t stbl, elo_mp4_track_t *t)
{
    elo_slice_t s;
    elo_box_t box;
    elo_err_t rc;
    uint32_t flags;
    uint8_t version;
    bool is_compact = false;

    rc = elo_box_find(stbl, ELO_FOURCC('s', 't', 's', 'z'), &box);
    if (rc == ELO_ENOTFOUND) {
        is_compact = true;
        rc = elo_box_find(stbl, ELO_FOURCC('s', 't', 'z', '2'), &box);
    }
    if (rc != ELO_OK || !elo_box_full(box.body, &version, &flags, &s)) {
        return ELO_EINVAL;
    }
    return is_compact ? read_stz2(s, t) : read_stsz(s, t);
}


static elo_err_t
read_chunks(elo_slice_t stbl, elo_mp4_track_t *t)
{
    elo_err_t rc;

    t->chunk_bits = 32;
    rc = read_table(stbl, ELO_FOURCC('s', 't', 'c', 'o'), 4, &t->stco);
    if (rc == ELO_ENOTFOUND) {
        t->chunk_bits = 64;
        rc = read_table(stbl, ELO_FOURCC('c', 'o', '6', '4'), 8, &t->stco);
    }
    return rc;
}


/* Absent is as good as empty. */
static elo_err_t
read_optional(elo_slice_t stbl, uint32_t type, size_t each, elo_mp4_table_t *t,
              bool *is_there)
{
    elo_err_t rc = read_table(stbl, type, each, t);

    *is_there = rc == ELO_OK;
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


/* Segments have one sample entry, the first, so all samples must use it. */
static elo_err_t
check_stsc(const elo_mp4_track_t *t, const char **reason)
{
    uint32_t i;

    for (i = 0; i < t->stsc.n; i++) {
        if (elo_be32(t->stsc.p + (size_t) i * 12 + 8) != 1) {
            return elo_media_fail(reason, ELO_EUNSUPPORTED,
                                  "no usable track: more than one sample "
                                  "description in use");
        }
    }
    return ELO_OK;
}


elo_err_t
elo_stbl_read(elo_slice_t stbl, elo_mp4_track_t *t, const char **reason)
{
    bool has_ctts;

    if (read_sizes(stbl, t) != ELO_OK) {
        return elo_media_fail(reason, ELO_EINVAL,
                              "malformed or missing sample sizes");
    }
    if (t->n_samples == 0) {
        return elo_media_fail(reason, ELO_EUNSUPPORTED,
                              "no usable track: a track without samples");
    }
    if (t->n_samples > ELO_MP4_MAX_SAMPLES) {
        return elo_media_fail(reason, ELO_ETOOBIG, "too many samples");
    }
    if (read_table(stbl, ELO_FOURCC('s', 't', 't', 's'), 8, &t->stts) != ELO_OK)
    {
        return elo_media_fail(reason, ELO_EINVAL,
                              "malformed or missing sample times");
    }
    if (read_optional(stbl, ELO_FOURCC('c', 't', 't', 's'), 8, &t->ctts,
                      &has_ctts)
        != ELO_OK)
    {
        return elo_media_fail(reason, ELO_EINVAL,
                              "malformed composition offsets");
    }
    if (read_table(stbl, ELO_FOURCC('s', 't', 's', 'c'), 12, &t->stsc) != ELO_OK
        || read_chunks(stbl, t) != ELO_OK)
    {
        return elo_media_fail(reason, ELO_EINVAL,
                              "malformed or missing chunk table");
    }
    if (read_optional(stbl, ELO_FOURCC('s', 't', 's', 's'), 4, &t->stss,
                      &t->has_stss)
        != ELO_OK)
    {
        return elo_media_fail(reason, ELO_EINVAL,
                              "malformed table of keyframes");
    }
    return check_stsc(t, reason);
}
