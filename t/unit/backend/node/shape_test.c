/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/node/shape. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "backend/node/shape.h"
#include "common/base/num.h"
#include "t/unit/guard.h"

#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

typedef struct {
    const char *text;
    bool ok;
} case_t;

static const case_t mimes[] = {
    { "video/mp4", true },
    { "application/vnd.elohim.wire+json", true },
    { "text/html; charset=utf-8", true },
    { "text/html;charset=\"utf-8\"", true },
    { "text/plain ; a=b; c=\"d\\\"e\"", true },
    { "", false },
    { "/", false },
    { "video/", false },
    { "/mp4", false },
    { "video", false },
    { "video/mp4/x", false },
    { "video /mp4", false },
    { "video/mp4;", false },
    { "video/mp4; a", false },
    { "video/mp4; a=", false },
    { "video/mp4; a=\"b", false },
    { "video/mp4; a=\"b\\", false },
    { "video/mp4 a=b", false },
    { "video/mp4\r\nX-Evil: 1", false },
    { "video/mp4; a=\"\r\n\"", false },
    { "vid\xc3\xa9o/mp4", false },
    { "*/*", false },
    { "a/" A32 A32 A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true },
    { "a/" A32 A32 A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
};

static const case_t languages[] = {
    { "en", true },
    { "pt-BR", true },
    { "zh-Hant-TW", true },
    { "de-1996", true },
    { "x", false },
    { "", false },
    { "e1", false },
    { "en-", false },
    { "-en", false },
    { "en--US", false },
    { "en_US", false },
    { "abcdefghi", false },
    { "en-abcdefghi", false },
    { "en US", false },
    { "*", false },
    { "en-aaaaaaaa-aaaaaaaa-aaaaaaaa-aaaaaaa", false },
};

static const case_t durations[] = {
    { "P6M", true },
    { "P1Y", true },
    { "P2W", true },
    { "PT5M", true },
    { "P1Y2M3DT4H5M6S", true },
    { "P1DT12H", true },
    { "P", false },
    { "PT", false },
    { "P1", false },
    { "6M", false },
    { "P-6M", false },
    { "P6", false },
    { "P6X", false },
    { "P1DT", false },
    { "P1H", false },
    { "PT1D", false },
    { "P1M1Y", false },
    { "P1Y1Y", false },
    { "P0D", false },
    { "PT0S", false },
    { "P1.5Y", false },
    { "p6m", false },
    { "P6M ", false },
    { "P1234567890D", false },
    { "P0Y1D", true },
};

static const case_t urls[] = {
    { "https://example.org/a?b=c#d", true },
    { "http://127.0.0.1:8080/x%20y", true },
    { "HTTPS://example.org", true },
    { "http://[::1]/", true },
    { "", false },
    { "https://", false },
    { "https:///path", false },
    { "https://:80/", false },
    { "ftp://example.org/", false },
    { "javascript:alert(1)", false },
    { "file:///etc/passwd", false },
    { "data:text/html,x", false },
    { "//example.org/", false },
    { "/path", false },
    { " https://example.org/", false },
    { "https://example.org/ x", false },
    { "https://example.org/\n", false },
    { "https://example.org/\"onload=", false },
    { "https://example.org/<script>", false },
    { "https://user:secret@example.org/", false },
    { "https://example.org\\@evil.org/", false },
    { "https://ex\xc3\xa4mple.org/", false },
};


static void
run(const case_t *cases, size_t n, bool (*shape)(elo_slice_t s))
{
    guard_t g;

    guard_init(&g, 4096);
    for (size_t i = 0; i < n; i++) {
        elo_slice_t s = elo_slice_str(cases[i].text);

        if (shape(guard_put(&g, s)) != cases[i].ok) {
            fail_msg("wrong about \"%s\"", cases[i].text);
        }
        for (size_t len = 0; len < s.len; len++) {
            /* what matters is that nothing past the prefix is read */
            (void) shape(guard_put(&g, elo_slice(s.p, len)));
        }
    }
    guard_dispose(&g);
}


static void
test_tables(void **state)
{
    (void) state;
    run(mimes, ELO_COUNT(mimes), elo_shape_mime);
    run(languages, ELO_COUNT(languages), elo_shape_language);
    run(durations, ELO_COUNT(durations), elo_shape_duration);
    run(urls, ELO_COUNT(urls), elo_shape_url);
}


static void
test_url_length(void **state)
{
    char text[2049];

    (void) state;
    memset(text, 'a', sizeof(text));
    memcpy(text, "http://", 7);
    assert_true(elo_shape_url(elo_slice(text, 2048)));
    assert_false(elo_shape_url(elo_slice(text, 2049)));
}


static void
test_times(void **state)
{
    static const struct {
        const char *text;
        int64_t t; /* -1: refused */
    } cases[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "2026-11-21T04:05:06Z", 1795233906 },
        { "2026-11-21t04:05:06z", 1795233906 },
        { "2026-11-21T04:05:06.789Z", 1795233906 },
        { "2026-11-21T05:05:06+01:00", 1795233906 },
        { "2026-11-20T23:05:06-05:00", 1795233906 },
        { "2024-02-29T00:00:00Z", 1709164800 },
        { "2016-12-31T23:59:60Z", 1483228799 },
        { "2023-02-29T00:00:00Z", -1 },
        { "1900-02-29T00:00:00Z", -1 },
        { "2026-13-01T00:00:00Z", -1 },
        { "2026-00-01T00:00:00Z", -1 },
        { "2026-04-31T00:00:00Z", -1 },
        { "2026-04-00T00:00:00Z", -1 },
        { "2026-04-01T24:00:00Z", -1 },
        { "2026-04-01T00:60:00Z", -1 },
        { "2026-04-01T00:00:61Z", -1 },
        { "2026-04-01T00:00:00", -1 },
        { "2026-04-01T00:00:00.Z", -1 },
        { "2026-04-01T00:00:00+1:00", -1 },
        { "2026-04-01T00:00:00+24:00", -1 },
        { "2026-04-01 00:00:00Z", -1 },
        { "2026-04-01", -1 },
        { "2026-4-1T00:00:00Zxx", -1 },
        { "2026-04-01T00:00:00Z ", -1 },
        { "", -1 },
    };
    guard_t g;

    (void) state;
    guard_init(&g, 64);
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        elo_slice_t s = elo_slice_str(cases[i].text);
        int64_t t = -1;

        if (elo_shape_time(guard_put(&g, s), &t) != (cases[i].t >= 0)
            || t != cases[i].t)
        {
            fail_msg("wrong about \"%s\": %lld", cases[i].text, (long long) t);
        }
        for (size_t len = 0; len < s.len && len < 20; len++) {
            assert_false(
                elo_shape_time(guard_put(&g, elo_slice(s.p, len)), &t));
        }
    }
    guard_dispose(&g);
}


static void
test_time_text(void **state)
{
    char text[ELO_TIME_TEXT_LEN + 1];

    (void) state;
    elo_time_text(1795233906, text);
    assert_string_equal(text, "2026-11-21T04:05:06Z");
    elo_time_text(-1, text);
    assert_string_equal(text, "1970-01-01T00:00:00Z");
    elo_time_text(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59Z");
}


static void
test_text_len(void **state)
{
    (void) state;
    assert_int_equal(elo_shape_text_len(ELO_SLICE(""), false), 0);
    assert_int_equal(
        elo_shape_text_len(ELO_SLICE("h\xc3\xa9\xf0\x9f\x8e\xac"), false), 3);
    assert_true(elo_shape_text_len(ELO_SLICE("a\nb"), false) == SIZE_MAX);
    assert_int_equal(elo_shape_text_len(ELO_SLICE("a\nb\t"), true), 4);
    assert_true(elo_shape_text_len(ELO_SLICE("\x1b[31m"), true) == SIZE_MAX);
    assert_true(elo_shape_text_len(ELO_SLICE("\x7f"), true) == SIZE_MAX);
    assert_true(elo_shape_text_len(ELO_SLICE("\xc2\x85"), true) == SIZE_MAX);
    assert_true(elo_shape_text_len(ELO_SLICE("\xff"), true) == SIZE_MAX);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),   cmocka_unit_test(test_url_length),
        cmocka_unit_test(test_times),    cmocka_unit_test(test_time_text),
        cmocka_unit_test(test_text_len),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
