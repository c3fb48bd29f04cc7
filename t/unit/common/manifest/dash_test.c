/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/manifest/dash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/num.h"
#include "common/manifest/dash.h"
#include "t/unit/common/manifest/fixture.h"

static elo_buf_t buf;


static int
setup(void **state)
{
    (void) state;
    elo_buf_init(&buf, 16u << 20);
    return 0;
}


static int
teardown(void **state)
{
    (void) state;
    elo_buf_dispose(&buf);
    return 0;
}


static const char *
mpd(const elo_media_t *m)
{
    elo_buf_clear(&buf);
    assert_int_equal(elo_dash_mpd(m, &buf), ELO_OK);
    return elo_buf_cstr(&buf);
}


static int
count(const char *text, const char *what)
{
    int n = 0;

    while ((text = strstr(text, what)) != NULL) {
        text += strlen(what);
        n++;
    }
    return n;
}


#define TEMPLATE(ts, offset)                                                   \
    "    <SegmentTemplate timescale=\"" ts "\""                                \
    " initialization=\"00112233aabbccdd/$RepresentationID$/init.mp4\""         \
    " media=\"00112233aabbccdd/$RepresentationID$/$Number$.m4s\""              \
    " startNumber=\"1\" presentationTimeOffset=\"" offset "\">\n"


static void
test_whole(void **state)
{
    elo_media_t m = fixture_media();

    (void) state;
    m.n_tracks = 3;
    m.tracks[1] = m.tracks[2];
    m.n_tracks = 2;
    assert_string_equal(
        mpd(&m),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\""
        " profiles=\"urn:mpeg:dash:profile:isoff-live:2011\" type=\"static\""
        " mediaPresentationDuration=\"PT19.500S\" minBufferTime=\"PT2S\">\n"
        " <ProgramInformation><Title>Bees</Title></ProgramInformation>\n"
        " <Period id=\"0\" start=\"PT0S\">\n"
        "  <AdaptationSet id=\"0\" contentType=\"video\""
        " mimeType=\"video/mp4\" segmentAlignment=\"true\""
        " startWithSAP=\"1\">\n"
        "   <Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"main\"/>\n"
        "   <Representation id=\"v0\" codecs=\"avc1.64001f\""
        " bandwidth=\"3000000\" width=\"1280\" height=\"720\""
        " frameRate=\"30000/1001\">\n" TEMPLATE(
            "90000",
            "0") "     <SegmentTimeline>\n"
                 "      <S t=\"0\" d=\"540000\" r=\"2\"/>\n"
                 "      <S d=\"135000\"/>\n"
                 "     </SegmentTimeline>\n"
                 "    </SegmentTemplate>\n"
                 "   </Representation>\n"
                 "  </AdaptationSet>\n"
                 "  <AdaptationSet id=\"1\" contentType=\"audio\""
                 " mimeType=\"audio/mp4\" lang=\"en\" segmentAlignment=\"true\""
                 " startWithSAP=\"1\">\n"
                 "   <Label>English</Label>\n"
                 "   <Role schemeIdUri=\"urn:mpeg:dash:role:2011\""
                 " value=\"main\"/>\n"
                 "   <Representation id=\"a0\" codecs=\"mp4a.40.2\""
                 " bandwidth=\"128000\" audioSamplingRate=\"48000\">\n"
                 "    <AudioChannelConfiguration schemeIdUri=\"urn:mpeg:dash:"
                 "23003:3:audio_channel_configuration:2011\" "
                 "value=\"2\"/>\n" TEMPLATE(
                     "48000", "0") "     <SegmentTimeline>\n"
                                   "      <S t=\"0\" d=\"288768\"/>\n"
                                   "      <S d=\"287744\"/>\n"
                                   "      <S d=\"288768\"/>\n"
                                   "      <S d=\"69632\"/>\n"
                                   "     </SegmentTimeline>\n"
                                   "    </SegmentTemplate>\n"
                                   "   </Representation>\n"
                                   "  </AdaptationSet>\n"
                                   " </Period>\n"
                                   "</MPD>\n");
}


static void
test_sets(void **state)
{
    elo_media_t m = fixture_media();
    const char *text;

    (void) state;
    text = mpd(&m); /* two renditions in one set, a set for each language */
    assert_int_equal(count(text, "<AdaptationSet "), 3);
    assert_int_equal(count(text, "<Representation "), 4);
    assert_int_equal(count(text, "value=\"main\""), 2);
    assert_int_equal(count(text, "value=\"alternate\""), 1);
    assert_int_equal(count(text, "segmentAlignment=\"true\""), 3);
    m.tracks[1].codec = ELO_SLICE("hvc1.1.6.L93.B0");
    assert_int_equal(count(mpd(&m), "<AdaptationSet "), 4);
}


static void
test_alignment(void **state)
{
    static const uint8_t halves[] = { 0, 4, 0x1e, 0xb0, 0, 4, 0x1e, 0xb0,
                                      0, 4, 0x1e, 0xb0, 0, 1, 0x07, 0xac };
    elo_media_t m = fixture_media();

    (void) state;
    m.n_tracks = 2;
    m.tracks[1].timescale = 45000; /* the same times in other units */
    m.tracks[1].durations = halves;
    assert_int_equal(count(mpd(&m), "segmentAlignment"), 1);
    m.tracks[1].timescale = 45001;
    assert_int_equal(count(mpd(&m), "segmentAlignment"), 0);
    m = fixture_media();
    m.n_tracks = 2;
    m.tracks[1].n_segments = 3;
    assert_int_equal(count(mpd(&m), "segmentAlignment"), 0);
}


static void
test_offsets(void **state)
{
    elo_media_t m = fixture_media();
    const char *text;

    (void) state;
    m.tracks[0].start = 90000; /* 1 s */
    m.tracks[1].start = 90000;
    m.tracks[2].start = 72000; /* 1.5 s: half a second after the picture */
    m.tracks[3].start = 48000;
    text = mpd(&m);
    assert_int_equal(count(text, TEMPLATE("90000", "90000")), 2);
    assert_int_equal(count(text, TEMPLATE("48000", "48000")), 2);
    assert_int_equal(count(text, "<S t=\"90000\""), 2);
    assert_int_equal(count(text, "<S t=\"72000\""), 1);
    assert_int_equal(count(text, "<S t=\"48000\""), 1);
}


static void
test_channels(void **state)
{
    static const struct {
        uint16_t channels;
        const char *value;
    } rows[] = { { 1, "value=\"1\"" },
                 { 6, "value=\"6\"" },
                 { 8, "value=\"12\"" } };
    elo_media_t m = fixture_media();

    (void) state;
    m.tracks[0] = m.tracks[2];
    m.n_tracks = 1;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        m.tracks[0].channels = rows[i].channels;
        assert_int_equal(count(mpd(&m), rows[i].value), 1);
    }
    m.tracks[0].channels = 0;
    assert_int_equal(count(mpd(&m), "AudioChannelConfiguration"), 0);
    m.tracks[0].channels = 7;
    assert_int_equal(count(mpd(&m), "AudioChannelConfiguration"), 0);
}


static void
test_escape(void **state)
{
    static const struct {
        const char *title;
        const char *want;
    } rows[] = {
        { "a & b < c > d", "<Title>a &#38; b &#60; c &#62; d</Title>" },
        { "</Title><x/>", "<Title>&#60;/Title&#62;&#60;x/&#62;</Title>" },
        { "a\nb", "<Title>a&#10;b</Title>" },
        { "a\x01\x1f\x02z", "<Title>az</Title>" },
        { "a\xff\xc0\x80z", "<Title>az</Title>" },
        { "a\xed\xa0\x80z", "<Title>az</Title>" },
        { "a\xef\xbf\xbfz", "<Title>az</Title>" },
        { "a\xe2\x82", "<Title>a</Title>" },
        { "B\xc3\xbc \xf0\x9f\x90\x9d", "<Title>B\xc3\xbc \xf0\x9f\x90\x9d"
                                        "</Title>" },
    };
    elo_media_t m = fixture_media();

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        m.title = elo_slice_str(rows[i].title);
        if (strstr(mpd(&m), rows[i].want) == NULL) {
            fail_msg("%zu: %s", i, elo_buf_cstr(&buf));
        }
    }
    m.tracks[2].language = ELO_SLICE("\"><script>'");
    assert_non_null(
        strstr(mpd(&m), "lang=\"&#34;&#62;&#60;script&#62;&#39;\""));
    m.title = elo_slice(NULL, 0);
    assert_null(strstr(mpd(&m), "ProgramInformation"));
}


static void
test_refused(void **state)
{
    elo_media_t m = fixture_media();
    uint8_t mem[64];
    elo_buf_t small;

    (void) state;
    m.tracks[3].timescale = 0;
    assert_int_equal(elo_dash_mpd(&m, &buf), ELO_EINVAL);
    m.n_tracks = 0;
    assert_int_equal(elo_dash_mpd(&m, &buf), ELO_EINVAL);
    assert_int_equal(buf.len, 0);
    m = fixture_media();
    elo_buf_init_fixed(&small, mem, sizeof(mem));
    assert_int_equal(elo_dash_mpd(&m, &small), ELO_ETOOBIG);
}


#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)


int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_whole),   TEST(test_sets),     TEST(test_alignment),
        TEST(test_offsets), TEST(test_channels), TEST(test_escape),
        TEST(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
