/* SPDX-License-Identifier: BSD-2-Clause */
/* codec_audio: RFC 6381 strings, sample rate and channels of AAC, MP3, Opus,
   FLAC, AC-3 and E-AC-3 sample entries; the way in for both kinds. */
#include "backend/media/codec.h"

#include <stdio.h>

#include "backend/media/box.h"
#include "common/base/num.h"
#include "common/base/rd.h"

#define AUDIO_ENTRY_LEN    36 /* 14496-12, 12.2.3: with the box header */
#define AUDIO_VERSION_OFF  16
#define AUDIO_CHANNELS_OFF 24
#define AUDIO_RATE_OFF     32
#define QUICKTIME_V1_EXTRA 16 /* four words of packet geometry */

/* 14496-1, 7.2.2.1 and table 5 */
#define TAG_ES               3
#define TAG_DECODER_CONFIG   4
#define TAG_DECODER_SPECIFIC 5
#define OTI_AAC              0x40
#define OTI_AAC_MPEG2_MAIN   0x66
#define OTI_AAC_MPEG2_SSR    0x68
#define OTI_MP3_MPEG2        0x69
#define OTI_MP3              0x6b

/* 14496-3, table 1.17 */
#define AOT_SBR    5
#define AOT_PS     29
#define AOT_ESCAPE 31

typedef struct {
    elo_slice_t s;
    size_t bit;
    bool bad; /* read past the end */
} bits_t;

typedef elo_err_t (*config_pt)(elo_slice_t c, elo_codec_t *out);

typedef struct {
    uint32_t type;
    uint32_t config;
    config_pt read;
} audio_codec_t;

static elo_err_t read_esds(elo_slice_t c, elo_codec_t *out);
static elo_err_t read_dops(elo_slice_t c, elo_codec_t *out);
static elo_err_t read_dfla(elo_slice_t c, elo_codec_t *out);
static elo_err_t read_dac3(elo_slice_t c, elo_codec_t *out);
static elo_err_t read_dec3(elo_slice_t c, elo_codec_t *out);

/* clang-format off */
static const audio_codec_t codecs[] = {
    { ELO_FOURCC('m','p','4','a'), ELO_FOURCC('e','s','d','s'), read_esds },
    { ELO_FOURCC('O','p','u','s'), ELO_FOURCC('d','O','p','s'), read_dops },
    { ELO_FOURCC('f','L','a','C'), ELO_FOURCC('d','f','L','a'), read_dfla },
    { ELO_FOURCC('a','c','-','3'), ELO_FOURCC('d','a','c','3'), read_dac3 },
    { ELO_FOURCC('e','c','-','3'), ELO_FOURCC('d','e','c','3'), read_dec3 },
};
/* clang-format on */


static elo_err_t
audio_config(const audio_codec_t *codec, elo_slice_t children, elo_codec_t *out)
{
    elo_box_t box, wave;
    elo_err_t rc;

    rc = elo_box_find(children, codec->config, &box);
    if (rc == ELO_ENOTFOUND && out->is_quicktime) {
        /* QuickTime keeps it one level deeper. */
        rc = elo_box_find(children, ELO_FOURCC('w', 'a', 'v', 'e'), &wave);
        if (rc == ELO_OK) {
            rc = elo_box_find(wave.body, codec->config, &box);
        }
    }
    if (rc != ELO_OK) {
        return ELO_EINVAL;
    }
    out->config = box.whole;
    return codec->read(box.body, out);
}


elo_err_t
elo_codec_audio(uint32_t type, elo_slice_t entry, elo_codec_t *out,
                const char **reason)
{
    const audio_codec_t *codec = NULL;
    size_t i, header = AUDIO_ENTRY_LEN;
    elo_err_t rc;

    for (i = 0; i < ELO_COUNT(codecs); i++) {
        if (codecs[i].type == type) {
            codec = &codecs[i];
        }
    }
    rc = codec == NULL ? ELO_EUNSUPPORTED : ELO_OK;
    if (rc == ELO_OK && entry.len < AUDIO_ENTRY_LEN) {
        rc = ELO_EINVAL;
    }
    if (rc == ELO_OK) {
        unsigned version = (unsigned) entry.p[AUDIO_VERSION_OFF] << 8
                           | entry.p[AUDIO_VERSION_OFF + 1];

        out->channels = (uint16_t) (entry.p[AUDIO_CHANNELS_OFF] << 8
                                    | entry.p[AUDIO_CHANNELS_OFF + 1]);
        out->sample_rate = elo_be32(entry.p + AUDIO_RATE_OFF) >> 16;
        out->is_quicktime = version == 1;
        header += version == 1 ? QUICKTIME_V1_EXTRA : 0;
        rc = version > 1          ? ELO_EUNSUPPORTED
             : entry.len < header ? ELO_EINVAL
                                  : ELO_OK;
    }
    if (rc == ELO_OK) {
        rc = audio_config(codec,
                          elo_slice(entry.p + header, entry.len - header), out);
    }
    if (rc == ELO_EUNSUPPORTED) {
        return elo_media_fail(reason, rc,
                              "no usable track: the audio codec is not one of "
                              "AAC, MP3, Opus, FLAC, AC-3, E-AC-3");
    }
    if (rc != ELO_OK) {
        return elo_media_fail(reason, rc,
                              "malformed or missing audio configuration");
    }
    return ELO_OK;
}


elo_err_t
elo_codec_parse(elo_track_kind_t kind, elo_slice_t entry, elo_codec_t *out,
                const char **reason)
{
    elo_codec_t codec = { 0 };
    elo_err_t rc;
    uint32_t type;

    if (entry.len < ELO_BOX_HEADER) {
        return elo_media_fail(reason, ELO_EINVAL, "malformed sample entry");
    }
    type = elo_be32(entry.p + 4);
    rc = kind == ELO_TRACK_VIDEO ? elo_codec_video(type, entry, &codec, reason)
                                 : elo_codec_audio(type, entry, &codec, reason);
    if (rc == ELO_OK) {
        *out = codec;
    }
    return rc;
}


/* Opens a descriptor of that tag at the front of s (14496-1, 8.3.3): its body
   to *body. False when another tag or a bad length stands there. */
static bool
descriptor(elo_slice_t s, uint8_t want, elo_slice_t *body)
{
    const uint8_t *p = s.p, *end = s.p + s.len;
    uint32_t len = 0;
    uint8_t tag, byte;
    int i;

    p = elo_rd_u8(p, end, &tag);
    if (p == NULL || tag != want) {
        return false;
    }
    for (i = 0; i < 4; i++) {
        p = elo_rd_u8(p, end, &byte);
        if (p == NULL) {
            return false;
        }
        len = len << 7 | (byte & 0x7f);
        if ((byte & 0x80) == 0) {
            return elo_rd_bytes(p, end, len, body) != NULL;
        }
    }
    return false;
}


static uint32_t
bits(bits_t *b, unsigned n)
{
    uint32_t v = 0;

    for (; n > 0; n--, b->bit++) {
        if (b->bit / 8 >= b->s.len) {
            b->bad = true;
            return 0;
        }
        v = v << 1 | ((uint32_t) b->s.p[b->bit / 8] >> (7 - b->bit % 8) & 1);
    }
    return v;
}


static uint32_t
asc_object_type(bits_t *b)
{
    uint32_t aot = bits(b, 5);

    return aot == AOT_ESCAPE ? 32 + bits(b, 6) : aot;
}


static uint32_t
asc_rate(bits_t *b)
{
    static const uint32_t rates[] = { 96000, 88200, 64000, 48000, 44100,
                                      32000, 24000, 22050, 16000, 12000,
                                      11025, 8000,  7350 };
    uint32_t i = bits(b, 4);

    if (i == 15) {
        return bits(b, 24);
    }
    return i < ELO_COUNT(rates) ? rates[i] : 0;
}


/* AudioSpecificConfig (14496-3, 1.6.2.1). */
static elo_err_t
read_asc(elo_slice_t asc, elo_codec_t *out)
{
    static const uint8_t channels[] = { 0, 1, 2, 3, 4, 5, 6, 8 };
    bits_t b = { .s = asc };
    uint32_t aot, rate, layout;

    aot = asc_object_type(&b);
    rate = asc_rate(&b);
    layout = bits(&b, 4);
    if (aot == AOT_SBR || aot == AOT_PS) {
        rate = asc_rate(&b);
    }
    if (b.bad || aot == 0 || rate == 0) {
        return ELO_EINVAL;
    }
    snprintf(out->text, sizeof(out->text), "mp4a.40.%u", aot);
    out->sample_rate = rate;
    if (aot == AOT_PS) {
        out->channels = 2;
    } else if (layout != 0 && layout < ELO_COUNT(channels)) {
        out->channels = channels[layout];
    }
    return ELO_OK;
}


/* 14496-14, 5.6 and 14496-1, 7.2.6. */
static elo_err_t
read_esds(elo_slice_t c, elo_codec_t *out)
{
    elo_slice_t s, es, dec, asc;
    const uint8_t *p, *end;
    uint32_t flags;
    uint16_t id;
    uint8_t version, opt, url, oti;

    if (!elo_box_full(c, &version, &flags, &s) || !descriptor(s, TAG_ES, &es)) {
        return ELO_EINVAL;
    }
    end = es.p + es.len;
    p = elo_rd_u8(elo_rd_be16(es.p, end, &id), end, &opt);
    if (p != NULL && (opt & 0x80) != 0) {
        p = elo_rd_skip(p, end, 2); /* dependsOn_ES_ID */
    }
    if (p != NULL && (opt & 0x40) != 0) {
        p = elo_rd_u8(p, end, &url);
        p = p == NULL ? NULL : elo_rd_skip(p, end, url);
    }
    if (p != NULL && (opt & 0x20) != 0) {
        p = elo_rd_skip(p, end, 2); /* OCR_ES_ID */
    }
    if (p == NULL
        || !descriptor(elo_slice(p, (size_t) (end - p)), TAG_DECODER_CONFIG,
                       &dec)
        || dec.len < 13)
    {
        return ELO_EINVAL;
    }
    oti = dec.p[0];
    if (oti == OTI_MP3 || oti == OTI_MP3_MPEG2) {
        snprintf(out->text, sizeof(out->text), "mp4a.%X", oti);
        return ELO_OK;
    }
    if (oti != OTI_AAC && (oti < OTI_AAC_MPEG2_MAIN || oti > OTI_AAC_MPEG2_SSR))
    {
        return ELO_EUNSUPPORTED;
    }
    if (!descriptor(elo_slice(dec.p + 13, dec.len - 13), TAG_DECODER_SPECIFIC,
                    &asc)
        || read_asc(asc, out) != ELO_OK)
    {
        return ELO_EINVAL;
    }
    if (oti != OTI_AAC) {
        snprintf(out->text, sizeof(out->text), "mp4a.%X", oti);
    }
    return ELO_OK;
}


/* Opus in ISOBMFF, 4.3.2: decoders always give 48 kHz. */
static elo_err_t
read_dops(elo_slice_t c, elo_codec_t *out)
{
    if (c.len < 11 || c.p[0] != 0 || c.p[1] == 0) {
        return ELO_EINVAL;
    }
    snprintf(out->text, sizeof(out->text), "opus");
    out->channels = c.p[1];
    out->sample_rate = 48000;
    return ELO_OK;
}


/* FLAC in ISOBMFF, 3.3.2: the first metadata block is STREAMINFO. */
static elo_err_t
read_dfla(elo_slice_t c, elo_codec_t *out)
{
    const uint8_t *p;
    elo_slice_t s;
    uint32_t flags;
    uint8_t version;

    if (!elo_box_full(c, &version, &flags, &s) || s.len < 4 + 34
        || (s.p[0] & 0x7f) != 0 || (elo_be32(s.p) & 0xffffff) != 34)
    {
        return ELO_EINVAL;
    }
    p = s.p + 4 + 10;
    snprintf(out->text, sizeof(out->text), "flac");
    out->sample_rate = (uint32_t) p[0] << 12 | (uint32_t) p[1] << 4 | p[2] >> 4;
    out->channels = (uint16_t) (((p[2] >> 1) & 7) + 1);
    return ELO_OK;
}


static void
ac3_layout(unsigned fscod, unsigned acmod, unsigned lfe, elo_codec_t *out)
{
    static const uint32_t rates[] = { 48000, 44100, 32000 };
    static const uint8_t channels[] = { 2, 1, 2, 3, 3, 4, 4, 5 };

    if (fscod < ELO_COUNT(rates)) {
        out->sample_rate = rates[fscod];
    }
    out->channels = (uint16_t) (channels[acmod & 7] + lfe);
}


/* TS 102 366, F.4. */
static elo_err_t
read_dac3(elo_slice_t c, elo_codec_t *out)
{
    bits_t b = { .s = c };
    uint32_t fscod = bits(&b, 2);
    uint32_t acmod, lfe;

    bits(&b, 5 + 3); /* bsid, bsmod */
    acmod = bits(&b, 3);
    lfe = bits(&b, 1);
    bits(&b, 5 + 5);
    if (b.bad) {
        return ELO_EINVAL;
    }
    snprintf(out->text, sizeof(out->text), "ac-3");
    ac3_layout(fscod, acmod, lfe, out);
    return ELO_OK;
}


/* TS 102 366, F.6: the first independent substream. */
static elo_err_t
read_dec3(elo_slice_t c, elo_codec_t *out)
{
    bits_t b = { .s = c };
    uint32_t fscod, acmod, lfe;

    bits(&b, 13 + 3); /* data_rate, num_ind_sub */
    fscod = bits(&b, 2);
    bits(&b, 5 + 1 + 1 + 3); /* bsid, reserved, asvc, bsmod */
    acmod = bits(&b, 3);
    lfe = bits(&b, 1);
    bits(&b, 3 + 4 + 1);
    if (b.bad) {
        return ELO_EINVAL;
    }
    snprintf(out->text, sizeof(out->text), "ec-3");
    ac3_layout(fscod, acmod, lfe, out);
    return ELO_OK;
}
