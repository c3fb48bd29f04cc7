/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/media/report: the rules' text, codecs, and what fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "backend/media/report.h"
#include "common/base/num.h"


static elo_err_t
parse(const char *obsolete, const char *classes, elo_media_rules_t *out)
{
    const char *why = "";
    elo_err_t rc = elo_media_rules_parse(elo_slice_str(obsolete),
                                         elo_slice_str(classes), out, &why);

    assert_true((rc == ELO_OK) == (why == NULL));
    return rc;
}


static void
test_rules(void **state)
{
    static const char *const bad_codecs[] = {
        ",", "a,", "a b", "a,,b", "a/b", "12345678901234567890123456789012"
    };
    static const char *const bad_classes[] = {
        "phone",
        "=avc1",
        "a=",
        "a=avc1:",
        "a=avc1:1",
        "a=avc1:1x",
        "a=avc1:x1",
        "a=avc1:0x1",
        "a=avc1:1x1:",
        "a=avc1:1x1:0",
        "a=avc1:1x1:k",
        "a=avc1:1x1:6g",
        "a=avc1:65536x1",
        "a=avc1:1x1:1:1",
        "a=x a=y",
        "a=avc1:1x1:18446744073709551615k",
        "a/b=avc1",
        "a=x b=x c=x d=x e=x f=x g=x h=x i=x j=x k=x l=x m=x n=x o=x p=x q=x"
    };
    elo_media_rules_t r;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(bad_codecs); i++) {
        assert_int_equal(parse(bad_codecs[i], "", &r), ELO_EINVAL);
    }
    for (size_t i = 0; i < ELO_COUNT(bad_classes); i++) {
        assert_int_equal(parse("", bad_classes[i], &r), ELO_EINVAL);
    }
    assert_int_equal(parse("", "", &r), ELO_OK);
    assert_int_equal(r.obsolete.n + r.n_classes, 0);
    assert_int_equal(parse(" mp4v , avc1.42E01E ",
                           "  tv=hvc1,ac-3   old=mp4v:720x576:800k "
                           "x=a:65535x1:6m y=a:1x1:9",
                           &r),
                     ELO_OK);
    assert_int_equal(r.obsolete.n, 2);
    assert_string_equal(r.obsolete.codec[1], "avc1.42E01E");
    assert_int_equal(r.n_classes, 4);
    assert_string_equal(r.classes[0].name, "tv");
    assert_int_equal(r.classes[0].codecs.n, 2);
    assert_int_equal(r.classes[0].width + r.classes[0].max_bps, 0);
    assert_int_equal(r.classes[1].width, 720);
    assert_int_equal(r.classes[1].height, 576);
    assert_int_equal(r.classes[1].max_bps, 800000);
    assert_int_equal(r.classes[2].max_bps, 6000000);
    assert_int_equal(r.classes[3].max_bps, 9);
    assert_int_equal(
        parse("",
              "a=x b=x c=x d=x e=x f=x g=x h=x i=x j=x k=x l=x m=x n=x "
              "o=x p=x",
              &r),
        ELO_OK);
    assert_int_equal(r.n_classes, ELO_REPORT_CLASSES);
}


static void
test_obsolete(void **state)
{
    static const struct {
        const char *codec;
        bool is_obsolete;
    } cases[] = {
        { "mp4v", true },         { "mp4v.20.9", true },
        { "MP4V.20", true },      { "mp4v2", false },
        { "mp4", false },         { "", false },
        { "avc1.42e01e", true },  { "avc1", false },
        { "avc1.42E01F", false }, { "avc1.42E01E.1", true },
    };
    elo_media_rules_t r;

    (void) state;
    assert_int_equal(parse("mp4v,avc1.42E01E", "", &r), ELO_OK);
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        assert_int_equal(
            elo_media_is_obsolete(&r, elo_slice_str(cases[i].codec)),
            cases[i].is_obsolete);
    }
}


/* Tracks as "v avc1.64001f 1280 720 6000000" or "a mp4a.40.2", and the classes that
   can't play them. */
static const struct {
    const char *tracks[3];
    const char *missing;
} fits[] = {
    { { NULL }, "" },
    { { "v avc1.64001f 1280 720 6000000", "a mp4a.40.2" }, "ears " },
    { { "v avc1.64001f 1281 720 1", "a mp4a.40.2" }, "phone ears " },
    { { "v avc1.64001f 1280 721 1", "a mp4a.40.2" }, "phone ears " },
    { { "v avc1.64001f 720 1280 1", "a mp4a.40.2" }, "ears " },
    { { "v avc1.64001f 1280 720 6000001", "a mp4a.40.2" }, "phone ears " },
    { { "v hvc1.1.6 640 360 1", "a mp4a.40.2" }, "phone ears " },
    { { "v hvc1.1.6 640 360 1", "v avc1.1 640 360 1", "a mp4a.40.2" },
      "ears " },
    { { "v avc1.1 640 360 1", "a ac-3" }, "phone ears " },
    { { "v avc1.1 640 360 1", "a ac-3", "a mp4a.40.2" }, "ears " },
    { { "v avc1.1 640 360 1" }, "ears " },
    { { "a mp4a.40.2" }, "ears " },
    { { "a Opus" }, "phone tv " },
    { { "a opus", "a mp4a.40.2" }, "" },
};


static void
add(elo_media_fit_t *f, const elo_media_rules_t *r, const char *text)
{
    elo_media_track_t t = { .kind = ELO_TRACK_AUDIO };
    unsigned w = 0, h = 0, bps = 0;
    char kind, codec[32];

    assert_true(sscanf(text, "%c %31s %u %u %u", &kind, codec, &w, &h, &bps)
                >= 2);
    t.kind = kind == 'v' ? ELO_TRACK_VIDEO : ELO_TRACK_AUDIO;
    t.codec = elo_slice_str(codec);
    t.width = (uint16_t) w;
    t.height = (uint16_t) h;
    t.avg_bps = bps;
    elo_media_fit_add(f, r, &t);
}


static void
test_fits(void **state)
{
    elo_media_rules_t r;

    (void) state;
    assert_int_equal(parse("",
                           "phone=avc1,mp4a:1280x720:6m "
                           "tv=avc1,hvc1,mp4a,ac-3 ears=Opus",
                           &r),
                     ELO_OK);
    for (size_t i = 0; i < ELO_COUNT(fits); i++) {
        elo_media_fit_t f = { .has_video = false };
        char got[128] = "";
        uint32_t missing;

        for (size_t k = 0; k < 3 && fits[i].tracks[k] != NULL; k++) {
            add(&f, &r, fits[i].tracks[k]);
        }
        missing = elo_media_fit_missing(&f, &r);
        for (uint32_t c = 0; c < r.n_classes; c++) {
            if ((missing & 1u << c) != 0) {
                strcat(strcat(got, r.classes[c].name), " ");
            }
        }
        assert_int_equal(missing >> r.n_classes, 0);
        assert_string_equal(got, fits[i].missing);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_obsolete),
        cmocka_unit_test(test_fits),
    };

    return cmocka_run_group_tests_name("backend/media/report", tests, NULL,
                                       NULL);
}
