/* SPDX-License-Identifier: BSD-2-Clause */
/* trak: one track's headers, edit list and description; see moov.h.
   Spec: ISO/IEC 14496-12, 8.3 to 8.6. */
#include "backend/media/moov.h"

#include "backend/media/box.h"

#define EDITS_MAX 4096 /* more than any editor writes; only two are used */


static elo_err_t
read_tkhd(elo_slice_t trak, elo_mp4_track_t *t, const char **reason)
{
    elo_box_t box;
    elo_slice_t s;
    const uint8_t *p;
    uint32_t flags;
    uint8_t version;
    size_t times;

    if (elo_box_find(trak, ELO_FOURCC('t', 'k', 'h', 'd'), &box) != ELO_OK
        || !elo_box_full(box.body, &version, &flags, &s) || version > 1)
    {
        return elo_media_fail(reason, ELO_EINVAL,
                              "malformed or missing track header");
    }
    times = version == 1 ? 32 : 20; /* times, track_ID, reserved, duration */
    if (s.len < times + 60) {
        return elo_media_fail(reason, ELO_EINVAL, "malformed track header");
    }
    p = s.p + times + 8; /* reserved */
    t->alternate_group = (uint16_t) (p[2] << 8 | p[3]);
    t->volume = (uint16_t) (p[4] << 8 | p[5]);
    t->matrix = p + 8;
    t->width16 = elo_be32(p + 8 + ELO_MATRIX_LEN);
    t->height16 = elo_be32(p + 8 + ELO_MATRIX_LEN + 4);
    return ELO_OK;
}


static elo_err_t
read_mdhd(elo_slice_t mdia, elo_mp4_track_t *t, const char **reason)
{
    elo_box_t box;
    elo_slice_t s;
    uint32_t flags;
    uint8_t version;
    size_t at;

    if (elo_box_find(mdia, ELO_FOURCC('m', 'd', 'h', 'd'), &box) != ELO_OK
        || !elo_box_full(box.body, &version, &flags, &s) || version > 1
        || s.len < (version == 1 ? 32u : 20u))
    {
        return elo_media_fail(reason, ELO_EINVAL,
                              "malformed or missing media header");
    }
    at = version == 1 ? 16 : 8;
    t->timescale = elo_be32(s.p + at);
    if (t->timescale == 0) {
        return elo_media_fail(reason, ELO_EINVAL, "media timescale of zero");
    }
    at += version == 1 ? 12 : 8;
    elo_language_from_packed((uint16_t) (s.p[at] << 8 | s.p[at + 1]),
                             t->language);

    /* 8.4.6: the extended language wins. */
    if (elo_box_find(mdia, ELO_FOURCC('e', 'l', 'n', 'g'), &box) == ELO_OK
        && elo_box_full(box.body, &version, &flags, &s) && s.len > 0)
    {
        s.len = strnlen((const char *) s.p, s.len);
        if (elo_language_ok(s)) {
            memcpy(t->language, s.p, s.len);
            t->language[s.len] = '\0';
        }
    }
    return ELO_OK;
}


static elo_err_t
read_hdlr(elo_slice_t mdia, elo_mp4_track_t *t, const char **reason)
{
    elo_box_t box;

    if (elo_box_find(mdia, ELO_FOURCC('h', 'd', 'l', 'r'), &box) != ELO_OK
        || box.body.len < 12)
    {
        return elo_media_fail(reason, ELO_EINVAL,
                              "malformed or missing media handler");
    }
    switch (elo_be32(box.body.p + 8)) {
    case ELO_FOURCC('v', 'i', 'd', 'e'):
        t->kind = ELO_TRACK_VIDEO;
        return ELO_OK;
    case ELO_FOURCC('s', 'o', 'u', 'n'):
        t->kind = ELO_TRACK_AUDIO;
        return ELO_OK;
    default:
        return elo_media_fail(reason, ELO_EUNSUPPORTED,
                              "no usable track: neither video nor audio");
    }
}


/* 8.6.6: a leading empty edit and the first edit of the media are used; what
   follows is a cut that segments can't express, and is played as if it were
   not there. */
static elo_err_t
read_edits(elo_slice_t trak, elo_mp4_track_t *t, const char **reason)
{
    elo_box_t edts, elst;
    elo_slice_t s;
    elo_err_t rc;
    uint32_t flags, n, i;
    uint8_t version;
    size_t each;

    rc = elo_box_find(trak, ELO_FOURCC('e', 'd', 't', 's'), &edts);
    if (rc == ELO_OK) {
        rc = elo_box_find(edts.body, ELO_FOURCC('e', 'l', 's', 't'), &elst);
    }
    if (rc == ELO_ENOTFOUND) {
        return ELO_OK;
    }
    if (rc != ELO_OK || !elo_box_full(elst.body, &version, &flags, &s)
        || version > 1 || s.len < 4)
    {
        return elo_media_fail(reason, ELO_EINVAL, "malformed edit list");
    }
    n = elo_be32(s.p);
    each = version == 1 ? 20 : 12;
    if (n > (s.len - 4) / each) {
        return elo_media_fail(reason, ELO_EINVAL, "malformed edit list");
    }
    for (i = 0; i < ELO_MIN(n, EDITS_MAX); i++) {
        const uint8_t *p = s.p + 4 + i * each;
        uint64_t len = version == 1 ? elo_be64(p) : elo_be32(p);
        int64_t at = version == 1 ? (int64_t) elo_be64(p + 8)
                                  : (int32_t) elo_be32(p + 4);

        if (at >= 0) {
            t->media_time = at;
            t->edit_duration = i + 1 == n ? len : 0;
            break;
        }
        if (!elo_add_u64(t->edit_empty, len, &t->edit_empty)) {
            return elo_media_fail(reason, ELO_EINVAL, "malformed edit list");
        }
    }
    return ELO_OK;
}


/* 8.7.2: entry number ref must say that the media is in this file. */
static elo_err_t
check_dref(elo_slice_t minf, uint16_t ref, const char **reason)
{
    elo_box_t dinf, dref, box;
    elo_slice_t s;
    uint32_t flags;
    uint8_t version;
    unsigned i;

    if (elo_box_find(minf, ELO_FOURCC('d', 'i', 'n', 'f'), &dinf) != ELO_OK
        || elo_box_find(dinf.body, ELO_FOURCC('d', 'r', 'e', 'f'), &dref)
               != ELO_OK)
    {
        return ELO_OK; /* nothing said: here */
    }
    if (!elo_box_full(dref.body, &version, &flags, &s) || s.len < 4) {
        return elo_media_fail(reason, ELO_EINVAL, "malformed data reference");
    }
    s = elo_slice(s.p + 4, s.len - 4);
    for (i = 1; elo_box_next(&s, false, &box) == ELO_OK; i++) {
        if (i == ref) {
            if (elo_box_full(box.body, &version, &flags, &box.body)
                && (flags & 1) != 0) {
                return ELO_OK;
            }
            return elo_media_fail(reason, ELO_EUNSUPPORTED,
                                  "no usable track: the media is in another "
                                  "file");
        }
    }
    return elo_media_fail(reason, ELO_EINVAL, "malformed data reference");
}


/* 8.5.2: the first sample entry. */
static elo_err_t
read_stsd(elo_slice_t minf, elo_slice_t stbl, elo_mp4_track_t *t,
          const char **reason)
{
    elo_box_t stsd, entry;
    elo_slice_t s;
    elo_err_t rc;
    uint32_t flags;
    uint8_t version;

    if (elo_box_find(stbl, ELO_FOURCC('s', 't', 's', 'd'), &stsd) != ELO_OK
        || !elo_box_full(stsd.body, &version, &flags, &s) || s.len < 4)
    {
        return elo_media_fail(reason, ELO_EINVAL,
                              "malformed or missing sample description");
    }
    s = elo_slice(s.p + 4, s.len - 4);
    if (elo_box_next(&s, false, &entry) != ELO_OK
        || entry.whole.len != entry.body.len + ELO_BOX_HEADER
        || entry.body.len < 8)
    {
        return elo_media_fail(reason, ELO_EINVAL,
                              "malformed sample description");
    }
    t->entry = entry.whole;
    if (t->entry.len > ELO_RECIPE_MAX_HEAD / 2) {
        return elo_media_fail(reason, ELO_ETOOBIG,
                              "sample description too large");
    }
    rc = elo_codec_parse(t->kind, t->entry, &t->codec, reason);
    if (rc != ELO_OK) {
        return rc;
    }
    return check_dref(minf, (uint16_t) (entry.body.p[6] << 8 | entry.body.p[7]),
                      reason);
}


elo_err_t
elo_trak_read(elo_slice_t trak, uint32_t movie_timescale, elo_mp4_track_t *out,
              const char **reason)
{
    elo_mp4_track_t t = { .movie_timescale = movie_timescale };
    elo_box_t mdia, minf, stbl;
    elo_err_t rc;

    if (elo_box_find(trak, ELO_FOURCC('m', 'd', 'i', 'a'), &mdia) != ELO_OK) {
        return elo_media_fail(reason, ELO_EINVAL,
                              "malformed or missing media box");
    }
    if ((rc = read_hdlr(mdia.body, &t, reason)) != ELO_OK) {
        return rc;
    }
    if (elo_box_find(mdia.body, ELO_FOURCC('m', 'i', 'n', 'f'), &minf) != ELO_OK
        || elo_box_find(minf.body, ELO_FOURCC('s', 't', 'b', 'l'), &stbl)
               != ELO_OK)
    {
        return elo_media_fail(reason, ELO_EINVAL,
                              "malformed or missing sample table");
    }
    if ((rc = read_stsd(minf.body, stbl.body, &t, reason)) != ELO_OK
        || (rc = read_tkhd(trak, &t, reason)) != ELO_OK
        || (rc = read_mdhd(mdia.body, &t, reason)) != ELO_OK
        || (rc = read_edits(trak, &t, reason)) != ELO_OK
        || (rc = elo_stbl_read(stbl.body, &t, reason)) != ELO_OK)
    {
        return rc;
    }
    *out = t;
    return ELO_OK;
}
