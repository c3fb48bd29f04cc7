/* SPDX-License-Identifier: BSD-2-Clause */
/* index: reader of media indexes. Trusts nothing that it reads: the writer is a
   process that hostile media may have taken over. */
#include "backend/media/index.h"

#include "backend/media/box.h"
#include "backend/media/index_layout.h"
#include "backend/media/language.h"
#include "common/base/num.h"

_Static_assert(ELO_RECIPE_MAX_HEAD
                       + (uint64_t) ELO_RECIPE_MAX_EXTENTS
                             * ELO_INDEX_EXTENT_LEN
                   < ELO_WIRE_MAX / 2,
               "a recipe fits a descriptor");

static uint16_t
be16(const uint8_t *p)
{
    return (uint16_t) (p[0] << 8 | p[1]);
}


uint32_t
elo_index_crc(elo_slice_t s)
{
    static const uint32_t nibble[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c
    };
    uint32_t crc = UINT32_MAX;
    size_t i;

    for (i = 0; i < s.len; i++) {
        crc ^= s.p[i];
        crc = crc >> 4 ^ nibble[crc & 15];
        crc = crc >> 4 ^ nibble[crc & 15];
    }
    return ~crc;
}


elo_err_t
elo_media_index_head_len(elo_slice_t first16, uint64_t *len)
{
    uint32_t n_tracks, head_len;

    if (first16.len < ELO_INDEX_OFF_TOTAL
        || memcmp(first16.p, ELO_INDEX_MAGIC, 4) != 0
        || be16(first16.p + ELO_INDEX_OFF_VERSION) != ELO_INDEX_VERSION)
    {
        return ELO_EINVAL;
    }
    n_tracks = be16(first16.p + ELO_INDEX_OFF_N_TRACKS);
    head_len = elo_be32(first16.p + ELO_INDEX_OFF_HEAD_LEN);
    if (n_tracks == 0 || n_tracks > ELO_MEDIA_MAX_TRACKS
        || head_len > ELO_MEDIA_INDEX_HEAD_MAX
        || head_len < ELO_INDEX_HEADER_LEN + n_tracks * ELO_INDEX_TRACK_LEN)
    {
        return ELO_EINVAL;
    }
    *len = head_len;
    return ELO_OK;
}


/* The head alone: cuts head to its length. */
static elo_err_t
open_head(elo_slice_t *head, uint32_t *n_tracks)
{
    uint64_t len;
    elo_err_t rc;

    if ((rc = elo_media_index_head_len(*head, &len)) != ELO_OK) {
        return rc;
    }
    if (head->len < len) {
        return ELO_EINVAL;
    }
    head->len = (size_t) len;
    *n_tracks = be16(head->p + ELO_INDEX_OFF_N_TRACKS);
    return ELO_OK;
}


/* Finds a track's record and proves that its segment table lies in the head. */
static const uint8_t *
track_record(elo_slice_t head, uint32_t track, uint32_t *n_segments,
             const uint8_t **table)
{
    const uint8_t *p =
        head.p + ELO_INDEX_HEADER_LEN + track * ELO_INDEX_TRACK_LEN;
    uint32_t n = elo_be32(p + ELO_INDEX_TRACK_N_SEGMENTS);
    uint32_t off = elo_be32(p + ELO_INDEX_TRACK_TABLE_OFF);

    if (n == 0 || n > ELO_MEDIA_MAX_SEGMENTS || off > head.len
        || n > (head.len - off) / ELO_INDEX_SEGMENT_LEN)
    {
        return NULL;
    }
    *n_segments = n;
    *table = head.p + off;
    return p;
}


static bool
place_ok(elo_slice_t head, uint64_t total, uint64_t off, uint32_t len)
{
    const uint64_t max =
        ELO_INDEX_RECIPE_MIN + (uint64_t) ELO_RECIPE_MAX_HEAD
        + (uint64_t) ELO_RECIPE_MAX_EXTENTS * ELO_INDEX_EXTENT_LEN;

    return len >= ELO_INDEX_RECIPE_MIN && len <= max && off >= head.len
           && off <= total && len <= total - off;
}


/* What a manifest may carry unquoted; RFC 6381 needs no more. */
static bool
codec_ok(elo_slice_t s)
{
    size_t i;

    for (i = 0; i < s.len; i++) {
        uint8_t c = s.p[i];

        if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9')
            && c != '.' && c != '-')
        {
            return false;
        }
    }
    return s.len > 0;
}


static bool
read_strings(const uint8_t *p, elo_media_track_t *t)
{
    uint8_t codec_len = p[ELO_INDEX_TRACK_CODEC_LEN];
    uint8_t language_len = p[ELO_INDEX_TRACK_LANGUAGE_LEN];

    if (codec_len > ELO_INDEX_CODEC_MAX || language_len > ELO_LANGUAGE_MAX) {
        return false;
    }
    t->codec = elo_slice(p + ELO_INDEX_TRACK_CODEC, codec_len);
    t->language = elo_slice(p + ELO_INDEX_TRACK_LANGUAGE, language_len);
    return codec_ok(t->codec)
           && (language_len == 0 || elo_language_ok(t->language));
}


/* Durations must be there and recipes must lie behind the head. */
static bool
table_ok(elo_slice_t head, uint64_t total, const uint8_t *table, uint32_t n)
{
    const uint8_t *place = table + (size_t) n * ELO_INDEX_DURATION_LEN;
    uint32_t i;

    for (i = 0; i < n; i++, place += ELO_INDEX_PLACE_LEN) {
        if (elo_be32(table + (size_t) i * ELO_INDEX_DURATION_LEN) == 0
            || !place_ok(head, total, elo_be64(place), elo_be32(place + 8)))
        {
            return false;
        }
    }
    return true;
}


static elo_err_t
parse_track(elo_slice_t head, uint64_t total, uint32_t track,
            elo_media_track_t *t)
{
    const uint8_t *table, *p;
    uint32_t n;

    if ((p = track_record(head, track, &n, &table)) == NULL
        || !read_strings(p, t) || !table_ok(head, total, table, n)
        || !place_ok(head, total, elo_be64(p + ELO_INDEX_TRACK_INIT_OFF),
                     elo_be32(p + ELO_INDEX_TRACK_INIT_LEN)))
    {
        return ELO_EINVAL;
    }
    switch (p[ELO_INDEX_TRACK_KIND]) {
    case ELO_TRACK_VIDEO:
        t->kind = ELO_TRACK_VIDEO;
        break;
    case ELO_TRACK_AUDIO:
        t->kind = ELO_TRACK_AUDIO;
        break;
    default:
        return ELO_EINVAL;
    }
    t->width = be16(p + ELO_INDEX_TRACK_WIDTH);
    t->height = be16(p + ELO_INDEX_TRACK_HEIGHT);
    t->frame_rate_num = elo_be32(p + ELO_INDEX_TRACK_FPS_NUM);
    t->frame_rate_den = elo_be32(p + ELO_INDEX_TRACK_FPS_DEN);
    t->sample_rate = elo_be32(p + ELO_INDEX_TRACK_SAMPLE_RATE);
    t->channels = be16(p + ELO_INDEX_TRACK_CHANNELS);
    t->timescale = elo_be32(p + ELO_INDEX_TRACK_TIMESCALE);
    t->avg_bps = elo_be32(p + ELO_INDEX_TRACK_AVG_BPS);
    t->peak_bps = elo_be32(p + ELO_INDEX_TRACK_PEAK_BPS);
    t->start = elo_be64(p + ELO_INDEX_TRACK_START);
    t->n_segments = n;
    t->durations = table;
    if (t->timescale == 0 || t->start > INT64_MAX
        || (t->frame_rate_num == 0) != (t->frame_rate_den == 0))
    {
        return ELO_EINVAL;
    }
    return ELO_OK;
}


elo_err_t
elo_media_index_parse(elo_slice_t head, uint64_t total, uint64_t source_size,
                      elo_media_t *m)
{
    elo_media_t media = { 0 };
    uint32_t n_tracks, i;
    elo_err_t rc;

    if ((rc = open_head(&head, &n_tracks)) != ELO_OK) {
        return rc;
    }
    if (elo_index_crc(elo_slice(head.p + ELO_INDEX_OFF_TOTAL,
                                head.len - ELO_INDEX_OFF_TOTAL))
            != elo_be32(head.p + ELO_INDEX_OFF_CRC)
        || elo_be64(head.p + ELO_INDEX_OFF_TOTAL) != total
        || elo_be64(head.p + ELO_INDEX_OFF_SOURCE) != source_size)
    {
        return ELO_EINVAL;
    }
    media.duration_ms = elo_be64(head.p + ELO_INDEX_OFF_DURATION);
    for (i = 0; i < n_tracks; i++) {
        if ((rc = parse_track(head, total, i, &media.tracks[i])) != ELO_OK) {
            return rc;
        }
    }
    media.n_tracks = n_tracks;
    *m = media;
    return ELO_OK;
}


elo_err_t
elo_media_index_recipe(elo_slice_t head, uint32_t track, uint32_t n,
                       uint64_t *off, uint64_t *len)
{
    const uint8_t *table, *p;
    uint32_t n_tracks, n_segments, place_len;
    uint64_t place_off;
    elo_err_t rc;

    if ((rc = open_head(&head, &n_tracks)) != ELO_OK) {
        return rc;
    }
    if (track >= n_tracks) {
        return ELO_ERANGE;
    }
    if ((p = track_record(head, track, &n_segments, &table)) == NULL) {
        return ELO_EINVAL;
    }
    if (n > n_segments) {
        return ELO_ERANGE;
    }
    if (n == n_segments) {
        place_off = elo_be64(p + ELO_INDEX_TRACK_INIT_OFF);
        place_len = elo_be32(p + ELO_INDEX_TRACK_INIT_LEN);
    } else {
        p = table + (size_t) n_segments * ELO_INDEX_DURATION_LEN
            + (size_t) n * ELO_INDEX_PLACE_LEN;
        place_off = elo_be64(p);
        place_len = elo_be32(p + 8);
    }
    if (!place_ok(head, elo_be64(head.p + ELO_INDEX_OFF_TOTAL), place_off,
                  place_len))
    {
        return ELO_EINVAL;
    }
    *off = place_off;
    *len = place_len;
    return ELO_OK;
}


elo_err_t
elo_media_recipe_check(elo_slice_t recipe, uint64_t source_size,
                       elo_slice_t *prefix, uint32_t *n_extents,
                       const uint8_t **extents)
{
    uint32_t prefix_len, n, i;
    const uint8_t *at;

    if (recipe.len < ELO_INDEX_RECIPE_MIN) {
        return ELO_EINVAL;
    }
    prefix_len = elo_be32(recipe.p);
    if (prefix_len > ELO_RECIPE_MAX_HEAD
        || prefix_len > recipe.len - ELO_INDEX_RECIPE_MIN)
    {
        return ELO_EINVAL;
    }
    at = recipe.p + 4 + prefix_len;
    n = elo_be32(at);
    at += 4;
    if (n > ELO_RECIPE_MAX_EXTENTS
        || recipe.len - ELO_INDEX_RECIPE_MIN - prefix_len
               != (uint64_t) n * ELO_INDEX_EXTENT_LEN)
    {
        return ELO_EINVAL;
    }
    for (i = 0; i < n; i++) {
        uint64_t off = elo_be64(at + (size_t) i * ELO_INDEX_EXTENT_LEN);
        uint64_t len = elo_be64(at + (size_t) i * ELO_INDEX_EXTENT_LEN + 8);

        if (len == 0 || off > source_size || len > source_size - off) {
            return ELO_EINVAL;
        }
    }
    *prefix = elo_slice(recipe.p + 4, prefix_len);
    *n_extents = n;
    *extents = at;
    return ELO_OK;
}
