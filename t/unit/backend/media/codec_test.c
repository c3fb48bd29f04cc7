/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/media/codec: sample entries to RFC 6381 strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "backend/media/codec.h"
#include "common/base/buf.h"
#include "common/base/num.h"
#include "t/unit/guard.h"

#define V ELO_TRACK_VIDEO
#define A ELO_TRACK_AUDIO

typedef struct {
    const char *name;
    elo_track_kind_t kind;
    char entry[5], config[5];
    size_t len;
    const char *body; /* of the configuration box, len bytes */
    elo_err_t rc;
    const char *text;
    uint32_t rate, channels;
} row_t;

/* A literal with NULs, and its length. */
#define B(s) sizeof(s) - 1, s

/* An esds of lengths that agree: of the ES, of the decoder configuration, of
   the decoder-specific part. */
#define ESDS(es, dec, oti, asc_len, asc)                                       \
    "\0\0\0\0\3" es "\0\1\0\4" dec oti                                         \
    "\x15\0\0\0\0\0\0\0\0\0\0\0\5" asc_len asc

static const row_t rows[] = {
    { "H.264 high", V, "avc1", "avcC", B("\1\x64\0\x28\xff\xe1\0"), ELO_OK,
      "avc1.640028", 0, 0 },
    { "H.264, sets in band", V, "avc3", "avcC", B("\1\x42\xc0\x1e\xff\xe0\0"),
      ELO_OK, "avc3.42c01e", 0, 0 },
    { "H.264, short", V, "avc1", "avcC", B("\1\x64\0\x28\xff\xe1"), ELO_EINVAL,
      "", 0, 0 },
    { "HEVC main", V, "hvc1", "hvcC",
      B("\1\1\x60\0\0\0\x90\0\0\0\0\0\x5d"
        "0123456789"),
      ELO_OK, "hvc1.1.6.L93.90", 0, 0 },
    { "HEVC main 10, high tier", V, "hev1", "hvcC",
      B("\1\x22\x20\0\0\0\xb0\0\0\0\0\0\x99"
        "0123456789"),
      ELO_OK, "hev1.2.4.H153.B0", 0, 0 },
    { "HEVC, all set", V, "hvc1", "hvcC",
      B("\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
        "0123456789"),
      ELO_OK, "hvc1.C31.ffffffff.H255.FF.FF.FF.FF.FF.FF", 0, 0 },
    { "HEVC, no constraint", V, "hvc1", "hvcC",
      B("\1\1\x60\0\0\0\0\0\0\0\0\0\x5d"
        "0123456789"),
      ELO_OK, "hvc1.1.6.L93", 0, 0 },
    { "AV1 main, level 4.0", V, "av01", "av1C", B("\x81\x08\x0c\0"), ELO_OK,
      "av01.0.08M.08", 0, 0 },
    { "AV1 high tier, 10 bit", V, "av01", "av1C", B("\x81\x2d\xc0\0"), ELO_OK,
      "av01.1.13H.10", 0, 0 },
    { "AV1 12 bit", V, "av01", "av1C", B("\x81\x4d\x60\0"), ELO_OK,
      "av01.2.13M.12", 0, 0 },
    { "AV1 of another version", V, "av01", "av1C", B("\x82\x08\x0c\0"),
      ELO_EINVAL, "", 0, 0 },
    { "VP9", V, "vp09", "vpcC", B("\1\0\0\0\0\x15\x82\2\2\2\0\0"), ELO_OK,
      "vp09.00.21.08", 0, 0 },
    { "VP9, HDR", V, "vp09", "vpcC", B("\1\0\0\0\2\x33\xa2\x09\x10\x09\0\0"),
      ELO_OK, "vp09.02.51.10.01.09.16.09.00", 0, 0 },
    { "VP9, version 0", V, "vp09", "vpcC", B("\0\0\0\0\0\x15\x82\2\2\2\0\0"),
      ELO_EINVAL, "", 0, 0 },
    { "MPEG-4 part 2", V, "mp4v", "esds", B("\0\0\0\0"), ELO_EUNSUPPORTED, "",
      0, 0 },
    { "encrypted", V, "encv", "avcC", B("\1\x64\0\x28\xff\xe1\0"),
      ELO_EUNSUPPORTED, "", 0, 0 },
    { "other configuration", V, "avc1", "hvcC", B("\1\x64\0\x28\xff\xe1\0"),
      ELO_EINVAL, "", 0, 0 },
    { "AAC LC", A, "mp4a", "esds",
      B(ESDS("\x16", "\x11", "\x40", "\2", "\x11\x90")), ELO_OK, "mp4a.40.2",
      48000, 2 },
    { "AAC LC mono 44.1", A, "mp4a", "esds",
      B(ESDS("\x16", "\x11", "\x40", "\2", "\x12\x08")), ELO_OK, "mp4a.40.2",
      44100, 1 },
    { "HE-AAC, 24 to 48", A, "mp4a", "esds",
      B(ESDS("\x18", "\x13", "\x40", "\4", "\x2b\x11\x88\0")), ELO_OK,
      "mp4a.40.5", 48000, 2 },
    { "HE-AAC v2", A, "mp4a", "esds",
      B(ESDS("\x18", "\x13", "\x40", "\4", "\xeb\x09\x88\0")), ELO_OK,
      "mp4a.40.29", 48000, 2 },
    { "xHE-AAC, escaped type", A, "mp4a", "esds",
      B(ESDS("\x18", "\x13", "\x40", "\4", "\xf9\x46\x40\0")), ELO_OK,
      "mp4a.40.42", 48000, 2 },
    { "AAC, rate of 24 bits", A, "mp4a", "esds",
      B(ESDS("\x19", "\x14", "\x40", "\5", "\x17\x80\x18\x0d\x10")), ELO_OK,
      "mp4a.40.2", 12314, 2 },
    { "AAC 7.1", A, "mp4a", "esds",
      B(ESDS("\x16", "\x11", "\x40", "\2", "\x11\xb8")), ELO_OK, "mp4a.40.2",
      48000, 8 },
    { "AAC, reserved rate", A, "mp4a", "esds",
      B(ESDS("\x16", "\x11", "\x40", "\2", "\x17\x10")), ELO_EINVAL, "", 0, 0 },
    { "AAC, config cut", A, "mp4a", "esds",
      B(ESDS("\x15", "\x10", "\x40", "\1", "\x11")), ELO_EINVAL, "", 0, 0 },
    { "AAC, config past the end", A, "mp4a", "esds",
      B(ESDS("\x16", "\x11", "\x40", "\3", "\x11\x90")), ELO_EINVAL, "", 0, 0 },
    { "MPEG-2 AAC", A, "mp4a", "esds",
      B(ESDS("\x16", "\x11", "\x67", "\2", "\x11\x90")), ELO_OK, "mp4a.67",
      48000, 2 },
    { "MP3", A, "mp4a", "esds", B(ESDS("\x14", "\x0f", "\x6b", "\0", "")),
      ELO_OK, "mp4a.6B", 32000, 6 },
    { "Vorbis", A, "mp4a", "esds", B(ESDS("\x14", "\x0f", "\xdd", "\0", "")),
      ELO_EUNSUPPORTED, "", 0, 0 },
    { "length of five bytes", A, "mp4a", "esds",
      B("\0\0\0\0\3\x80\x80\x80\x80\x19"), ELO_EINVAL, "", 0, 0 },
    { "stream URL past the end", A, "mp4a", "esds",
      B("\0\0\0\0\3\5\0\1\x40\xff\0"), ELO_EINVAL, "", 0, 0 },
    { "esds empty", A, "mp4a", "esds", B(""), ELO_EINVAL, "", 0, 0 },
    { "Opus", A, "Opus", "dOps", B("\0\2\1\x38\0\0\xbb\x80\0\0\0"), ELO_OK,
      "opus", 48000, 2 },
    { "Opus of no channel", A, "Opus", "dOps",
      B("\0\0\1\x38\0\0\xbb\x80\0\0\0"), ELO_EINVAL, "", 0, 0 },
    { "FLAC 96 kHz", A, "fLaC", "dfLa",
      B("\0\0\0\0\x80\0\0\x22\x12\0\x12\0\0\0\0\0\0\0\x17\x70\x02\xf0\0\0\0\0"
        "0123456789abcdef"),
      ELO_OK, "flac", 96000, 2 },
    { "FLAC, cut", A, "fLaC", "dfLa", B("\0\0\0\0\x80\0\0\x22\x12\0\x12\0"),
      ELO_EINVAL, "", 0, 0 },
    { "AC-3 5.1", A, "ac-3", "dac3", B("\x10\x3d\xe0"), ELO_OK, "ac-3", 48000,
      6 },
    { "AC-3, cut", A, "ac-3", "dac3", B("\x10\x3d"), ELO_EINVAL, "", 0, 0 },
    { "E-AC-3 5.1", A, "ec-3", "dec3", B("\x0c\0\x20\x0f\0"), ELO_OK, "ec-3",
      48000, 6 },
    { "AMR", A, "samr", "damr", B("abcd"), ELO_EUNSUPPORTED, "", 0, 0 },
};


/* A sample entry around row's configuration; audio says 32 kHz, 6 channels. */
static void
entry(elo_buf_t *b, const row_t *row, unsigned version)
{
    size_t fixed = row->kind == V ? 78 : 28;
    size_t start, at;
    uint8_t *p;

    elo_buf_clear(b);
    elo_buf_put_be32(b, 0);
    elo_buf_put(b, row->entry, 4);
    start = b->len;
    p = elo_buf_extend(b, fixed + (version == 1 ? 16 : 0));
    assert_non_null(p);
    memset(p, 0, b->len - start);
    if (row->kind == V) {
        p[24] = 5; /* 1280 x 720 */
        p[26] = 2;
        p[27] = 0xd0;
    } else {
        p[9] = (uint8_t) version;
        p[17] = 6;
        p[24] = 0x7d; /* 32000 << 16 */
    }
    at = b->len;
    elo_buf_put_be32(b, 0);
    elo_buf_put(b, row->config, 4);
    elo_buf_put(b, row->body, row->len);
    elo_buf_patch_be32(b, at, (uint32_t) (b->len - at));
    elo_buf_patch_be32(b, 0, (uint32_t) b->len);
}


static void
test_rows(void **state)
{
    const char *reason;
    elo_codec_t c;
    elo_buf_t b;
    uint32_t i;
    size_t n;
    guard_t g;

    (void) state;
    guard_init(&g, 4096);
    elo_buf_init(&b, 4096);
    for (i = 0; i < ELO_COUNT(rows); i++) {
        const row_t *row = &rows[i];

        print_message("# %s\n", row->name);
        entry(&b, row, 0);
        c = (elo_codec_t){ 0 };
        reason = "";
        assert_int_equal(elo_codec_parse(row->kind,
                                         guard_put(&g, elo_buf_slice(&b)), &c,
                                         &reason),
                         row->rc);
        if (row->rc == ELO_OK) {
            assert_string_equal(c.text, row->text);
            assert_int_equal(c.sample_rate, row->rate);
            assert_int_equal(c.channels, row->channels);
            assert_int_equal(c.width, row->kind == V ? 1280 : 0);
            assert_int_equal(c.height, row->kind == V ? 720 : 0);
        } else {
            assert_true(reason[0] != '\0');
        }
        for (n = 0; n < b.len; n++) {
            assert_int_not_equal(
                elo_codec_parse(row->kind, guard_put(&g, elo_slice(b.p, n)), &c,
                                &reason),
                ELO_OK);
        }
    }
    elo_buf_dispose(&b);
    guard_dispose(&g);
}


static void
test_quicktime(void **state)
{
    static const row_t row = { "AAC",
                               A,
                               "mp4a",
                               "esds",
                               B(ESDS("\x16", "\x11", "\x40", "\2",
                                      "\x11\x90")),
                               ELO_OK,
                               "mp4a.40.2",
                               48000,
                               2 };
    const char *reason;
    elo_codec_t c;
    elo_buf_t b;

    (void) state;
    elo_buf_init(&b, 4096);
    entry(&b, &row, 1);
    assert_int_equal(elo_codec_parse(A, elo_buf_slice(&b), &c, &reason),
                     ELO_OK);
    assert_true(c.is_quicktime);
    assert_string_equal(c.text, "mp4a.40.2");
    assert_int_equal(c.config.len, row.len + 8);
    entry(&b, &row, 2);
    assert_int_equal(elo_codec_parse(A, elo_buf_slice(&b), &c, &reason),
                     ELO_EUNSUPPORTED);
    elo_buf_dispose(&b);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_quicktime),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
