/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/base/rd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/rd.h"
#include "t/unit/guard.h"

static const uint8_t bytes[] = { 0x81, 0x02, 0x03, 0x84, 0x05, 0x06,
                                 0x07, 0xf8, 0x00, 0x02, 'h',  'i' };


static void
test_values(void **state)
{
    const uint8_t *end = bytes + sizeof(bytes);
    elo_slice_t s;
    uint64_t v64;
    uint32_t v32;
    uint16_t v16;
    uint8_t v8;

    (void) state;
    assert_ptr_equal(elo_rd_u8(bytes, end, &v8), bytes + 1);
    assert_int_equal(v8, 0x81);
    assert_ptr_equal(elo_rd_be16(bytes, end, &v16), bytes + 2);
    assert_int_equal(v16, 0x8102);
    assert_ptr_equal(elo_rd_be32(bytes, end, &v32), bytes + 4);
    assert_int_equal(v32, 0x81020384);
    assert_ptr_equal(elo_rd_be64(bytes, end, &v64), bytes + 8);
    assert_true(v64 == UINT64_C(0x81020384050607f8));
    assert_ptr_equal(elo_rd_str16(bytes + 8, end, &s), end);
    assert_true(elo_slice_eq(s, ELO_SLICE("hi")));
    assert_ptr_equal(elo_rd_bytes(bytes, end, sizeof(bytes), &s), end);
    assert_ptr_equal(elo_rd_skip(bytes, end, 0), bytes);
    assert_ptr_equal(elo_rd_bytes(end, end, 0, &s), end);
    assert_int_equal(s.len, 0);
}


/* One byte too few for each reader: NULL, the output untouched, no read. */
static void
test_short(void **state)
{
    uint64_t v64 = 4711;
    uint32_t v32 = 4711;
    uint16_t v16 = 4711;
    uint8_t v8 = 47;
    elo_slice_t s = ELO_SLICE("kept"), in;
    guard_t g;

    (void) state;
    guard_init(&g, 64);
    in = guard_put(&g, elo_slice(bytes, 0));
    assert_null(elo_rd_u8(in.p, in.p + in.len, &v8));
    assert_null(elo_rd_str16(in.p, in.p + in.len, &s));
    in = guard_put(&g, elo_slice(bytes, 1));
    assert_null(elo_rd_be16(in.p, in.p + in.len, &v16));
    assert_null(elo_rd_str16(in.p, in.p + in.len, &s));
    in = guard_put(&g, elo_slice(bytes, 3));
    assert_null(elo_rd_be32(in.p, in.p + in.len, &v32));
    assert_null(elo_rd_bytes(in.p, in.p + in.len, 4, &s));
    assert_null(elo_rd_skip(in.p, in.p + in.len, UINT64_MAX));
    in = guard_put(&g, elo_slice(bytes, 7));
    assert_null(elo_rd_be64(in.p, in.p + in.len, &v64));
    in = guard_put(&g, elo_slice(bytes + 8, 3)); /* says 2, has 1 */
    assert_null(elo_rd_str16(in.p, in.p + in.len, &s));
    assert_int_equal(v8, 47);
    assert_int_equal(v16, 4711);
    assert_int_equal(v32, 4711);
    assert_int_equal(v64, 4711);
    assert_true(elo_slice_eq(s, ELO_SLICE("kept")));
    guard_dispose(&g);
}


static void
test_null_stays(void **state)
{
    const uint8_t *end = bytes + sizeof(bytes);
    elo_slice_t s;
    uint64_t v64;
    uint32_t v32;
    uint16_t v16;
    uint8_t v8;

    (void) state;
    assert_null(elo_rd_u8(NULL, end, &v8));
    assert_null(elo_rd_be16(NULL, end, &v16));
    assert_null(elo_rd_be32(NULL, end, &v32));
    assert_null(elo_rd_be64(NULL, end, &v64));
    assert_null(elo_rd_bytes(NULL, end, 0, &s));
    assert_null(elo_rd_skip(NULL, end, 0));
    assert_null(elo_rd_str16(NULL, end, &s));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_short),
        cmocka_unit_test(test_null_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
