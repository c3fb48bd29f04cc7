/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/manifest/hls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/base/num.h"
#include "common/manifest/hls.h"
#include "t/unit/common/manifest/fixture.h"

#define START "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n"

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
master(const elo_media_t *m)
{
    elo_buf_clear(&buf);
    assert_int_equal(elo_hls_master(m, &buf), ELO_OK);
    return elo_buf_cstr(&buf);
}


static const char *
playlist(const elo_media_t *m, uint32_t i)
{
    elo_buf_clear(&buf);
    assert_int_equal(elo_hls_media(m, &m->tracks[i], &buf), ELO_OK);
    return elo_buf_cstr(&buf);
}


static void
test_master(void **state)
{
    elo_media_t m = fixture_media();

    (void) state;
    assert_string_equal(
        master(&m),
        START "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"English\","
              "LANGUAGE=\"en\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\","
              "URI=\"a0.m3u8\"\n"
              "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"de\","
              "LANGUAGE=\"de\",DEFAULT=NO,AUTOSELECT=YES,CHANNELS=\"2\","
              "URI=\"a1.m3u8\"\n"
              "#EXT-X-STREAM-INF:BANDWIDTH=3128000,AVERAGE-BANDWIDTH=1596000,"
              "CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=1280x720,"
              "FRAME-RATE=29.970,AUDIO=\"audio\"\nv0.m3u8\n"
              "#EXT-X-STREAM-INF:BANDWIDTH=928000,AVERAGE-BANDWIDTH=496000,"
              "CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=640x360,"
              "FRAME-RATE=29.970,AUDIO=\"audio\"\nv1.m3u8\n");
}


static void
test_video_alone(void **state)
{
    elo_media_t m = fixture_media();

    (void) state;
    m.n_tracks = 1;
    m.tracks[0].frame_rate_den = 0;
    assert_string_equal(
        master(&m),
        START "#EXT-X-STREAM-INF:BANDWIDTH=3000000,AVERAGE-BANDWIDTH=1500000,"
              "CODECS=\"avc1.64001f\",RESOLUTION=1280x720\nv0.m3u8\n");
}


static void
test_audio_alone(void **state)
{
    elo_media_t m = fixture_media();
    const char *text;

    (void) state;
    m.tracks[0] = m.tracks[2];
    m.tracks[1] = m.tracks[3];
    m.n_tracks = 1;
    assert_string_equal(
        master(&m),
        START "#EXT-X-STREAM-INF:BANDWIDTH=128000,AVERAGE-BANDWIDTH=96000,"
              "CODECS=\"mp4a.40.2\"\na0.m3u8\n");
    m.n_tracks = 2; /* languages are renditions, not variants */
    text = master(&m);
    assert_non_null(strstr(text, "NAME=\"de\""));
    assert_non_null(strstr(text, "CODECS=\"mp4a.40.2\",AUDIO=\"audio\"\n"
                                 "a0.m3u8\n"));
    assert_null(strstr(text, "\na1.m3u8\n"));
}


static void
test_codecs_of_the_group(void **state)
{
    elo_media_t m = fixture_media();

    (void) state;
    m.tracks[3].codec = ELO_SLICE("ac-3");
    assert_non_null(
        strstr(master(&m), "CODECS=\"avc1.64001f,mp4a.40.2,ac-3\""));
}


static void
test_names(void **state)
{
    elo_media_t m = fixture_media();
    const char *text;

    (void) state;
    m.tracks[3].name = ELO_SLICE("English"); /* the same name, twice */
    text = master(&m);
    assert_non_null(strstr(text, "NAME=\"English\""));
    assert_non_null(strstr(text, "NAME=\"English a1\""));
    m.tracks[2].name = m.tracks[3].name = elo_slice(NULL, 0);
    m.tracks[2].language = elo_slice(NULL, 0);
    text = master(&m);
    assert_non_null(strstr(text, "NAME=\"Audio\",DEFAULT"));
    assert_non_null(strstr(text, "NAME=\"de\""));
}


static void
test_injection(void **state)
{
    static const char *const bad[] = {
        "x\"\n#EXT-X-ENDLIST\nhttp://evil/\r\n",
        "x\xff\xfe\",URI=\"http://evil",
        "x\x01\x7f\xc2\x85",
        "x\xe2\x82",
    };
    static const char *const good[] = {
        "NAME=\"x#EXT-X-ENDLISThttp://evil/\"",
        "NAME=\"x,URI=http://evil\"",
        "NAME=\"x\"",
        "NAME=\"x\"",
    };
    elo_media_t m = fixture_media();

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(bad); i++) {
        m.tracks[2].name = elo_slice_str(bad[i]);
        if (strstr(master(&m), good[i]) == NULL) {
            fail_msg("%zu: %s", i, elo_buf_cstr(&buf));
        }
    }
    m.tracks[2].name = ELO_SLICE("B\xc3\xbc\xe2\x82\xac\xf0\x9f\x90\x9d");
    assert_non_null(
        strstr(master(&m), "NAME=\"B\xc3\xbc\xe2\x82\xac\xf0\x9f\x90\x9d\""));
}


static void
test_playlist(void **state)
{
    elo_media_t m = fixture_media();

    (void) state;
    assert_string_equal(playlist(&m, 0), START
                        "#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:1\n"
                        "#EXT-X-PLAYLIST-TYPE:VOD\n"
                        "#EXT-X-MAP:URI=\"00112233aabbccdd/v0/init.mp4\"\n"
                        "#EXTINF:6.000000,\n00112233aabbccdd/v0/1.m4s\n"
                        "#EXTINF:6.000000,\n00112233aabbccdd/v0/2.m4s\n"
                        "#EXTINF:6.000000,\n00112233aabbccdd/v0/3.m4s\n"
                        "#EXTINF:1.500000,\n00112233aabbccdd/v0/4.m4s\n"
                        "#EXT-X-ENDLIST\n");
    /* 6.016 s: rounded up, as no segment may be longer */
    assert_non_null(strstr(playlist(&m, 2), "#EXT-X-TARGETDURATION:7\n"));
    assert_non_null(strstr(playlist(&m, 2), "#EXTINF:6.016000,\n"));
}


static void
test_short_and_empty(void **state)
{
    static const uint8_t one[] = { 0, 0, 0, 1 };
    elo_media_t m = fixture_media();

    (void) state;
    m.tracks[0].n_segments = 1;
    m.tracks[0].durations = one;
    assert_non_null(strstr(playlist(&m, 0), "#EXT-X-TARGETDURATION:1\n"));
    assert_non_null(strstr(playlist(&m, 0), "#EXTINF:0.000011,\n"));
    m.tracks[0].n_segments = 0;
    assert_null(strstr(playlist(&m, 0), "#EXTINF"));
    m.tracks[0].timescale = 0;
    assert_int_equal(elo_hls_media(&m, &m.tracks[0], &buf), ELO_EINVAL);
    m.n_tracks = 0;
    assert_int_equal(elo_hls_master(&m, &buf), ELO_EINVAL);
}


/* Ten thousand thirds of a second: the sum does not drift. */
static void
test_no_drift(void **state)
{
    static uint8_t thirds[4 * 10000];
    elo_media_t m = fixture_media();
    unsigned long long sum = 0;
    const char *at;

    (void) state;
    for (size_t i = 0; i < sizeof(thirds); i += 4) {
        thirds[i + 3] = 1;
    }
    m.tracks[0].timescale = 3;
    m.tracks[0].durations = thirds;
    m.tracks[0].n_segments = 10000;
    at = playlist(&m, 0);
    while ((at = strstr(at, "#EXTINF:")) != NULL) {
        at += strlen("#EXTINF:0.");
        sum += strtoull(at, NULL, 10);
    }
    assert_int_equal(sum, 3333333333);
}


static void
test_full_buffer(void **state)
{
    elo_media_t m = fixture_media();
    uint8_t mem[64];
    elo_buf_t small;

    (void) state;
    elo_buf_init_fixed(&small, mem, sizeof(mem));
    assert_int_equal(elo_hls_master(&m, &small), ELO_ETOOBIG);
    elo_buf_init_fixed(&small, mem, sizeof(mem));
    assert_int_equal(elo_hls_media(&m, &m.tracks[0], &small), ELO_ETOOBIG);
}


#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)


int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_master),      TEST(test_video_alone),
        TEST(test_audio_alone), TEST(test_codecs_of_the_group),
        TEST(test_names),       TEST(test_injection),
        TEST(test_playlist),    TEST(test_short_and_empty),
        TEST(test_no_drift),    TEST(test_full_buffer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
