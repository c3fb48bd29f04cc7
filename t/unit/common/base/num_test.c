/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/base/num. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/num.h"

#define MAX UINT64_MAX


static void
test_add(void **state)
{
    uint64_t v = 4711;

    (void) state;
    assert_true(elo_add_u64(MAX - 1, 1, &v));
    assert_true(v == MAX);
    v = 4711;
    assert_false(elo_add_u64(MAX, 1, &v));
    assert_false(elo_add_u64(MAX, MAX, &v));
    assert_int_equal(v, 4711);
    v = 5;
    assert_true(elo_add_u64(v, v, &v)); /* in place */
    assert_int_equal(v, 10);
}


static void
test_mul(void **state)
{
    uint64_t v = 4711;

    (void) state;
    assert_true(elo_mul_u64(UINT32_MAX, UINT32_MAX, &v));
    assert_true(v == UINT64_C(0xfffffffe00000001));
    assert_true(elo_mul_u64(MAX, 1, &v));
    assert_true(elo_mul_u64(MAX, 0, &v));
    assert_int_equal(v, 0);
    v = 4711;
    assert_false(elo_mul_u64(MAX, 2, &v));
    assert_false(elo_mul_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &v));
    assert_int_equal(v, 4711);
}


static void
test_muldiv(void **state)
{
    uint64_t v = 4711;

    (void) state;
    assert_false(elo_muldiv_u64(1, 1, 0, &v));
    assert_false(elo_muldiv_u64(MAX, 2, 1, &v));
    assert_int_equal(v, 4711);
    assert_true(elo_muldiv_u64(MAX, MAX, MAX, &v));
    assert_true(v == MAX);
    assert_true(elo_muldiv_u64(7, 1, 2, &v)); /* rounded down */
    assert_int_equal(v, 3);
    assert_true(elo_muldiv_u64(48000, 90000, 44100, &v));
    assert_int_equal(v, 97959);
}


static void
test_macros(void **state)
{
    int three[3] = { 0 };

    (void) state;
    assert_int_equal(ELO_COUNT(three), 3);
    assert_int_equal(ELO_MIN(2, 3), 2);
    assert_int_equal(ELO_MAX(2, 3), 3);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_mul),
        cmocka_unit_test(test_muldiv),
        cmocka_unit_test(test_macros),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
