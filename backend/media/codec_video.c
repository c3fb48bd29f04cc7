/* SPDX-License-Identifier: BSD-2-Clause */
/* codec_video: RFC 6381 strings of H.264, HEVC, AV1 and VP9 sample entries. */
#include "backend/media/codec.h"

#include <stdio.h>

#include "backend/media/box.h"
#include "common/base/num.h"

#define VISUAL_ENTRY_LEN 86 /* 14496-12, 12.1.3: with the box header */
#define VISUAL_WIDTH_OFF 32

typedef bool (*config_pt)(elo_slice_t c, const char *fourcc, elo_codec_t *out);

typedef struct {
    uint32_t type;
    char fourcc[5];
    uint32_t config;
    config_pt read;
} video_codec_t;

static bool read_avcc(elo_slice_t c, const char *fourcc, elo_codec_t *out);
static bool read_hvcc(elo_slice_t c, const char *fourcc, elo_codec_t *out);
static bool read_av1c(elo_slice_t c, const char *fourcc, elo_codec_t *out);
static bool read_vpcc(elo_slice_t c, const char *fourcc, elo_codec_t *out);

/* clang-format off */
static const video_codec_t codecs[] = {
    { ELO_FOURCC('a','v','c','1'), "avc1", ELO_FOURCC('a','v','c','C'), read_avcc },
    { ELO_FOURCC('a','v','c','3'), "avc3", ELO_FOURCC('a','v','c','C'), read_avcc },
    { ELO_FOURCC('h','v','c','1'), "hvc1", ELO_FOURCC('h','v','c','C'), read_hvcc },
    { ELO_FOURCC('h','e','v','1'), "hev1", ELO_FOURCC('h','v','c','C'), read_hvcc },
    { ELO_FOURCC('a','v','0','1'), "av01", ELO_FOURCC('a','v','1','C'), read_av1c },
    { ELO_FOURCC('v','p','0','9'), "vp09", ELO_FOURCC('v','p','c','C'), read_vpcc },
};
/* clang-format on */


elo_err_t
elo_codec_video(uint32_t type, elo_slice_t entry, elo_codec_t *out,
                const char **reason)
{
    const video_codec_t *codec = NULL;
    elo_slice_t children;
    const uint8_t *p;
    elo_box_t box;
    size_t i;

    for (i = 0; i < ELO_COUNT(codecs); i++) {
        if (codecs[i].type == type) {
            codec = &codecs[i];
        }
    }
    if (codec == NULL) {
        return elo_media_fail(reason, ELO_EUNSUPPORTED,
                              "no usable track: the video codec is not one of "
                              "H.264, HEVC, AV1, VP9");
    }
    if (entry.len < VISUAL_ENTRY_LEN) {
        return elo_media_fail(reason, ELO_EINVAL,
                              "malformed video sample entry");
    }
    p = entry.p + VISUAL_WIDTH_OFF;
    out->width = (uint16_t) (p[0] << 8 | p[1]);
    out->height = (uint16_t) (p[2] << 8 | p[3]);
    children =
        elo_slice(entry.p + VISUAL_ENTRY_LEN, entry.len - VISUAL_ENTRY_LEN);
    if (elo_box_find(children, codec->config, &box) != ELO_OK
        || !codec->read(box.body, codec->fourcc, out))
    {
        return elo_media_fail(reason, ELO_EINVAL,
                              "malformed or missing video configuration");
    }
    out->config = box.whole;
    return ELO_OK;
}


/* 14496-15, 5.3.3: version, profile, compatibility, level, NAL length size,
   parameter sets. */
static bool
read_avcc(elo_slice_t c, const char *fourcc, elo_codec_t *out)
{
    if (c.len < 7 || c.p[0] != 1) {
        return false;
    }
    snprintf(out->text, sizeof(out->text), "%s.%02x%02x%02x", fourcc, c.p[1],
             c.p[2], c.p[3]);
    return true;
}


/* 14496-15, 8.3.3 and annex E.3. */
static bool
read_hvcc(elo_slice_t c, const char *fourcc, elo_codec_t *out)
{
    static const char *const space[] = { "", "A", "B", "C" };
    uint32_t compat, reversed = 0;
    int at, i, n;

    if (c.len < 23 || c.p[0] != 1) {
        return false;
    }
    compat = elo_be32(c.p + 2);
    for (i = 0; i < 32; i++) {
        reversed = reversed << 1 | (compat & 1);
        compat >>= 1;
    }
    at = snprintf(out->text, sizeof(out->text), "%s.%s%u.%x.%c%u", fourcc,
                  space[c.p[1] >> 6], c.p[1] & 0x1fu, reversed,
                  (c.p[1] & 0x20) != 0 ? 'H' : 'L', c.p[12]);
    for (n = 6; n > 0 && c.p[6 + n - 1] == 0; n--) {
    }
    for (i = 0; i < n; i++) {
        at += snprintf(out->text + at, sizeof(out->text) - (size_t) at, ".%X",
                       c.p[6 + i]);
    }
    return true;
}


/* AV1 in ISOBMFF, 2.3.3 and 5. */
static bool
read_av1c(elo_slice_t c, const char *fourcc, elo_codec_t *out)
{
    unsigned depth;

    if (c.len < 4 || c.p[0] != 0x81) {
        return false;
    }
    depth = (c.p[2] & 0x40) == 0 ? 8 : (c.p[2] & 0x20) == 0 ? 10 : 12;
    snprintf(out->text, sizeof(out->text), "%s.%u.%02u%c.%02u", fourcc,
             c.p[1] >> 5, c.p[1] & 0x1fu, (c.p[2] & 0x80) != 0 ? 'H' : 'M',
             depth);
    return true;
}


/* VP codec binding, "Codecs Parameter String": the optional fields are given
   when they differ from what their absence means. */
static bool
read_vpcc(elo_slice_t c, const char *fourcc, elo_codec_t *out)
{
    unsigned depth, chroma, range;
    elo_slice_t r;
    uint32_t flags;
    uint8_t version;
    bool is_plain;

    if (!elo_box_full(c, &version, &flags, &r) || version != 1 || r.len < 8) {
        return false;
    }
    depth = r.p[2] >> 4;
    chroma = (r.p[2] >> 1) & 7;
    range = r.p[2] & 1;
    is_plain = chroma <= 1 && range == 0 && (r.p[3] == 1 || r.p[3] == 2)
               && (r.p[4] == 1 || r.p[4] == 2) && (r.p[5] == 1 || r.p[5] == 2);
    if (is_plain) {
        snprintf(out->text, sizeof(out->text), "%s.%02u.%02u.%02u", fourcc,
                 r.p[0], r.p[1], depth);
    } else {
        snprintf(out->text, sizeof(out->text),
                 "%s.%02u.%02u.%02u.%02u.%02u.%02u.%02u.%02u", fourcc, r.p[0],
                 r.p[1], depth, chroma, r.p[3], r.p[4], r.p[5], range);
    }
    return true;
}
