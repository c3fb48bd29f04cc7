/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of cli/mime. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/mime.h"
#include "common/base/limits.h"
#include "common/base/num.h"
#include "t/unit/guard.h"


static void
test_guess(void **state)
{
    static const char *const table[][2] = {
        { "a.mp4", "video/mp4" },
        { "/x.y/film.MP4", "video/mp4" },
        { "x.tar.gz", "application/gzip" },
        { "talk.mp3", "audio/mpeg" },
        { "notes.md", "text/markdown; charset=utf-8" },
        { "node.json", "application/json" },
        { "no-extension", "application/octet-stream" },
        { "folder.mp4/plain", "application/octet-stream" },
        { ".mp4", "application/octet-stream" }, /* a hidden file */
        { "x.", "application/octet-stream" },
        { "x.mp44", "application/octet-stream" },
        { "x.mp", "application/octet-stream" },
        { "", "application/octet-stream" },
        { "-", "application/octet-stream" },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(table); i++) {
        assert_string_equal(elo_mime_guess(table[i][0]), table[i][1]);
    }
}


static void
test_ok(void **state)
{
    static const struct {
        const char *type;
        bool ok;
    } table[] = {
        { "video/mp4", true },
        { "application/vnd.x+json", true },
        { "text/plain; charset=utf-8", true },
        { "text/plain;charset=utf-8", true },
        { "text/plain ;a=\"b\"", true },
        { "", false },
        { "video", false },
        { "video/", false },
        { "/mp4", false },
        { "video /mp4", false },
        { "video/mp4 x", false },
        { "video/m\r\nX-Evil: 1", false }, /* header injection */
        { "video/mp4; a=\r\nb", false },
        { "video/mp4; a=\xc3\xa9", false },
        { "-x/y", false },
    };
    char much[ELO_MIME_MAX + 2];
    guard_t g;

    (void) state;
    guard_init(&g, 256);
    for (size_t i = 0; i < ELO_COUNT(table); i++) {
        if (elo_mime_ok(guard_put(&g, elo_slice_str(table[i].type)))
            != table[i].ok) {
            fail_msg("\"%s\"", table[i].type);
        }
    }
    memset(much, 'a', sizeof(much));
    much[1] = '/';
    assert_true(elo_mime_ok(elo_slice(much, ELO_MIME_MAX)));
    assert_false(elo_mime_ok(elo_slice(much, ELO_MIME_MAX + 1)));
    guard_dispose(&g);
}


static void
test_what_follows_from_a_type(void **state)
{
    static const struct {
        const char *type;
        bool streams;
        const char *format;
        const char *strategy;
    } table[] = {
        { "video/mp4", true, "video-file", "hls" },
        { "Audio/MP4; codecs=x", true, "audio-file", "hls" },
        { "audio/mpeg", false, "audio-file", "http-range" },
        { "video/webm", false, "video-file", "http-range" },
        { "application/json", false, "document", NULL },
        { "video", false, "document", NULL },
        { "", false, "document", NULL },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(table); i++) {
        elo_slice_t t = elo_slice_str(table[i].type);
        const char *s = elo_mime_strategy(t);

        assert_int_equal(elo_mime_is_streamable(t), table[i].streams);
        assert_string_equal(elo_mime_format(t), table[i].format);
        assert_string_equal(s != NULL ? s : "none", table[i].strategy != NULL
                                                        ? table[i].strategy
                                                        : "none");
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guess),
        cmocka_unit_test(test_ok),
        cmocka_unit_test(test_what_follows_from_a_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
