/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/base/utf8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/num.h"
#include "common/base/utf8.h"
#include "t/unit/guard.h"

static const struct {
    const char *name;
    const char *text;
    size_t n;
    uint32_t cp;
} rows[] = {
    { "ascii", "az", 1, 'a' },
    { "least of two", "\xc2\x80", 2, 0x80 },
    { "most of two", "\xdf\xbf", 2, 0x7ff },
    { "least of three", "\xe0\xa0\x80", 3, 0x800 },
    { "most of three", "\xef\xbf\xbf", 3, 0xffff },
    { "before the surrogates", "\xed\x9f\xbf", 3, 0xd7ff },
    { "behind the surrogates", "\xee\x80\x80", 3, 0xe000 },
    { "least of four", "\xf0\x90\x80\x80", 4, 0x10000 },
    { "most of four", "\xf4\x8f\xbf\xbf", 4, 0x10ffff },
    { "over-long slash, two", "\xc0\xaf", 0, 0 },
    { "over-long, two", "\xc1\xbf", 0, 0 },
    { "over-long, three", "\xe0\x9f\xbf", 0, 0 },
    { "over-long, four", "\xf0\x8f\xbf\xbf", 0, 0 },
    { "surrogate", "\xed\xa0\x80", 0, 0 },
    { "last surrogate", "\xed\xbf\xbf", 0, 0 },
    { "past unicode", "\xf4\x90\x80\x80", 0, 0 },
    { "f5", "\xf5\x80\x80\x80", 0, 0 },
    { "ff", "\xff", 0, 0 },
    { "continuation first", "\x80", 0, 0 },
    { "no continuation", "\xc3(", 0, 0 },
    { "no second continuation", "\xe2\x82(", 0, 0 },
};


static void
test_rows(void **state)
{
    uint32_t cp;
    guard_t g;
    size_t n;

    (void) state;
    guard_init(&g, 64);
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        cp = 4711;
        n = elo_utf8_next(guard_put(&g, elo_slice_str(rows[i].text)), &cp);
        if (n != rows[i].n || cp != (n > 0 ? rows[i].cp : 4711)) {
            fail_msg("%s: %zu, U+%x", rows[i].name, n, cp);
        }
        for (size_t k = 1; k < rows[i].n && rows[i].n > 1; k++) {
            n = elo_utf8_next(guard_put(&g, elo_slice(rows[i].text, k)), &cp);
            assert_int_equal(n, 0);
        }
    }
    assert_int_equal(elo_utf8_next(elo_slice("\0", 1), &cp), 1);
    assert_int_equal(cp, 0);
    guard_dispose(&g);
}


int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
