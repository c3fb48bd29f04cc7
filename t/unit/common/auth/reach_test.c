/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/auth/reach. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/auth/reach.h"
#include "common/base/num.h"

static const char *const names[] = { "private",      "invited",   "local",
                                     "neighborhood", "municipal", "bioregional",
                                     "regional",     "commons" };


static void
test_names(void **state)
{
    elo_reach_t r;

    (void) state;
    assert_int_equal(ELO_COUNT(names), ELO_REACH_COUNT);
    for (unsigned i = 0; i < ELO_REACH_COUNT; i++) {
        r = ELO_REACH_PRIVATE;
        assert_true(elo_reach_parse(elo_slice_str(names[i]), &r));
        assert_int_equal(r, i); /* the numbers are wire format */
        assert_string_equal(elo_reach_name(r), names[i]);
        assert_int_equal(elo_reach_or_private(elo_slice_str(names[i])), i);
    }
}


static void
test_unknown_names(void **state)
{
    static const char *const bad[] = { "",          "Commons",  "COMMONS",
                                       "common",    "commons ", " commons",
                                       "commons\n", "public",   "7",
                                       "commonsx",  "*" };
    elo_reach_t r;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(bad); i++) {
        r = ELO_REACH_REGIONAL;
        assert_false(elo_reach_parse(elo_slice_str(bad[i]), &r));
        assert_int_equal(r, ELO_REACH_REGIONAL);
        assert_int_equal(elo_reach_or_private(elo_slice_str(bad[i])),
                         ELO_REACH_PRIVATE);
    }
    assert_false(elo_reach_parse(elo_slice("commons\0", 8), &r));
    assert_int_equal(elo_reach_or_private(elo_slice(NULL, 0)),
                     ELO_REACH_PRIVATE);
    assert_string_equal(elo_reach_name((elo_reach_t) 8), "private");
    assert_string_equal(elo_reach_name((elo_reach_t) 255), "private");
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_unknown_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
