/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/base/slice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/num.h"
#include "common/base/slice.h"
#include "t/unit/guard.h"


static void
test_equal(void **state)
{
    (void) state;
    assert_true(elo_slice_eq(ELO_SLICE(""), elo_slice(NULL, 0)));
    assert_true(elo_slice_eq(ELO_SLICE("ab"), elo_slice_str("ab")));
    assert_false(elo_slice_eq(ELO_SLICE("ab"), ELO_SLICE("abc")));
    assert_false(elo_slice_eq(ELO_SLICE("ab"), ELO_SLICE("aB")));
    assert_true(elo_slice_ieq(ELO_SLICE("aB-Z"), ELO_SLICE("Ab-z")));
    assert_false(elo_slice_ieq(ELO_SLICE("@["), ELO_SLICE("`{")));
    assert_false(elo_slice_ieq(ELO_SLICE("a"), ELO_SLICE("ab")));
    assert_int_equal(elo_slice_str(NULL).len, 0);
    assert_int_equal(elo_slice("a\0b", 3).len, 3);
    assert_false(elo_slice_eq(elo_slice("a\0b", 3), elo_slice("a\0c", 3)));
}


static void
test_prefix(void **state)
{
    (void) state;
    assert_true(elo_slice_has_prefix(ELO_SLICE("abc"), ELO_SLICE("ab")));
    assert_true(elo_slice_has_prefix(ELO_SLICE("abc"), ELO_SLICE("abc")));
    assert_true(elo_slice_has_prefix(ELO_SLICE("abc"), ELO_SLICE("")));
    assert_true(elo_slice_has_prefix(elo_slice(NULL, 0), ELO_SLICE("")));
    assert_false(elo_slice_has_prefix(ELO_SLICE("ab"), ELO_SLICE("abc")));
    assert_false(elo_slice_has_prefix(ELO_SLICE("abc"), ELO_SLICE("b")));
}


static void
test_trim(void **state)
{
    static const char *const rows[][2] = {
        { "", "" },
        { " ", "" },
        { " \t ", "" },
        { "a", "a" },
        { " a\tb \t", "a\tb" },
        { "\na\r", "\na\r" },
    };
    guard_t g;

    (void) state;
    guard_init(&g, 64);
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_slice_t s = guard_put(&g, elo_slice_str(rows[i][0]));

        assert_true(elo_slice_eq(elo_slice_trim(s), elo_slice_str(rows[i][1])));
    }
    assert_int_equal(elo_slice_trim(elo_slice(NULL, 0)).len, 0);
    guard_dispose(&g);
}


static void
test_u64(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t v;
    } rows[] = {
        { "0", true, 0 },
        { "007", true, 7 },
        { "18446744073709551615", true, UINT64_MAX },
        { "000000000018446744073709551615", true, UINT64_MAX },
        { "18446744073709551616", false, 0 },
        { "99999999999999999999", false, 0 },
        { "", false, 0 },
        { "-1", false, 0 },
        { "+1", false, 0 },
        { " 1", false, 0 },
        { "1 ", false, 0 },
        { "0x1", false, 0 },
        { "1:", false, 0 },
        { "1/", false, 0 },
    };
    guard_t g;
    uint64_t v;

    (void) state;
    guard_init(&g, 64);
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        v = 4711;
        if (elo_slice_u64(guard_put(&g, elo_slice_str(rows[i].text)), &v)
            != rows[i].ok) {
            fail_msg("\"%s\"", rows[i].text);
        }
        assert_true(v == (rows[i].ok ? rows[i].v : 4711));
    }
    guard_dispose(&g);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_u64),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
