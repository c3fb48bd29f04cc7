/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/node/duration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "backend/node/duration.h"
#include "backend/node/shape.h"
#include "common/base/num.h"
#include "t/unit/guard.h"


static void
test_parse(void **state)
{
    static const struct {
        const char *text;
        elo_duration_t is;
    } cases[] = {
        { "P6M", { .months = 6 } },
        { "P1Y", { .years = 1 } },
        { "P2W", { .weeks = 2 } },
        { "PT6M", { .minutes = 6 } },
        { "P1Y2M3W4DT5H6M7S", { 1, 2, 3, 4, 5, 6, 7 } },
        { "P0Y1D", { .days = 1 } },
        { "P999999999Y", { .years = 999999999 } },
        { "PT1S", { .seconds = 1 } },
    };
    static const char *const bad[] = { "",     "P",      "P1",          "1Y",
                                       "PT",   "P1YT",   "P1M1Y",       "P-1D",
                                       "P1.5", "P0D",    "P1H",         "PT1D",
                                       "P1Y ", " P1Y",   "P1y",         "P1Y1Y",
                                       "PP1Y", "P1TT1S", "P1234567890D" };
    elo_duration_t d;
    guard_t g;

    (void) state;
    guard_init(&g, 64);
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        assert_true(elo_duration_parse(
            guard_put(&g, elo_slice_str(cases[i].text)), &d));
        assert_memory_equal(&d, &cases[i].is, sizeof(d));
    }
    for (size_t i = 0; i < ELO_COUNT(bad); i++) {
        d = (elo_duration_t){ .years = 77 };
        if (elo_duration_parse(guard_put(&g, elo_slice_str(bad[i])), &d)) {
            fail_msg("taken: %s", bad[i]);
        }
        assert_int_equal(d.years, 77);
    }
    guard_dispose(&g);
}


static int64_t
unix_of(const char *text)
{
    int64_t t = -1;

    assert_true(elo_shape_time(elo_slice_str(text), &t));
    return t;
}


static void
test_add(void **state)
{
    static const struct {
        const char *from, *by, *to;
    } cases[] = {
        { "2026-01-15T10:20:30Z", "P6M", "2026-07-15T10:20:30Z" },
        { "2026-01-15T10:20:30Z", "P1Y", "2027-01-15T10:20:30Z" },
        { "2026-01-15T10:20:30Z", "P2Y", "2028-01-15T10:20:30Z" },
        /* a day that the month hasn't got */
        { "2026-01-31T00:00:00Z", "P1M", "2026-02-28T00:00:00Z" },
        { "2028-01-31T00:00:00Z", "P1M", "2028-02-29T00:00:00Z" },
        { "2026-08-31T23:59:59Z", "P6M", "2027-02-28T23:59:59Z" },
        { "2026-03-31T00:00:00Z", "P1M", "2026-04-30T00:00:00Z" },
        { "2026-12-31T00:00:00Z", "P2M", "2027-02-28T00:00:00Z" },
        /* leap years: 2000 is one, 2100 is none */
        { "2024-02-29T12:00:00Z", "P1Y", "2025-02-28T12:00:00Z" },
        { "2024-02-29T12:00:00Z", "P4Y", "2028-02-29T12:00:00Z" },
        { "1996-02-29T00:00:00Z", "P4Y", "2000-02-29T00:00:00Z" },
        { "2096-02-29T00:00:00Z", "P4Y", "2100-02-28T00:00:00Z" },
        { "2024-02-28T00:00:00Z", "P1D", "2024-02-29T00:00:00Z" },
        { "2025-02-28T00:00:00Z", "P1D", "2025-03-01T00:00:00Z" },
        /* over the year's end, and all together */
        { "2026-11-30T00:00:00Z", "P3M", "2027-02-28T00:00:00Z" },
        { "2026-12-31T23:59:59Z", "PT1S", "2027-01-01T00:00:00Z" },
        { "2026-12-01T00:00:00Z", "P13M", "2028-01-01T00:00:00Z" },
        { "2026-01-31T23:00:00Z", "P1MT1H", "2026-03-01T00:00:00Z" },
        { "2026-01-01T00:00:00Z", "P1Y2M3W4DT5H6M7S", "2027-03-26T05:06:07Z" },
        { "1970-01-01T00:00:00Z", "P1D", "1970-01-02T00:00:00Z" },
        { "1970-12-31T23:59:59Z", "P1Y", "1971-12-31T23:59:59Z" },
        /* the end of time */
        { "9999-12-31T23:59:58Z", "PT1S", "9999-12-31T23:59:59Z" },
        { "9999-12-31T23:59:58Z", "PT2S", "9999-12-31T23:59:59Z" },
        { "2026-01-01T00:00:00Z", "P999999999Y", "9999-12-31T23:59:59Z" },
        { "2026-01-01T00:00:00Z", "P999999999M", "9999-12-31T23:59:59Z" },
        { "2026-01-01T00:00:00Z", "P999999999W", "9999-12-31T23:59:59Z" },
    };
    char text[ELO_TIME_TEXT_LEN + 1];
    elo_duration_t d;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        assert_true(elo_duration_parse(elo_slice_str(cases[i].by), &d));
        elo_time_text(elo_duration_add(unix_of(cases[i].from), &d), text);
        if (strcmp(text, cases[i].to) != 0) {
            fail_msg("%s + %s is %s, not %s", cases[i].from, cases[i].by, text,
                     cases[i].to);
        }
    }
}


/* The calendar against a day by day walk through it, of two cycles of 400 years and
   what is before them. */
static void
test_calendar(void **state)
{
    static const int lengths[] = { 31, 28, 31, 30, 31, 30,
                                   31, 31, 30, 31, 30, 31 };
    const elo_duration_t month = { .months = 1 }, year = { .years = 1 };
    int64_t day = 0;

    (void) state;
    for (int y = 1970; y < 2800; y++) {
        bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
        int64_t days = leap ? 366 : 365;

        assert_int_equal(elo_duration_add(day * 86400, &year),
                         (day + days) * 86400);
        for (int m = 0; m < 12; m++) {
            int64_t len = lengths[m] + (m == 1 && leap ? 1 : 0);

            assert_int_equal(elo_duration_add(day * 86400 + 7, &month),
                             (day + len) * 86400 + 7);
            day += len;
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_calendar),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
