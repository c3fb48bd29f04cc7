/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/base/multihash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/multihash.h"
#include "common/base/num.h"
#include "t/unit/guard.h"

#define B(lit) (lit), sizeof(lit) - 1


static void
test_uvarint(void **state)
{
    static const struct {
        const char *name;
        const char *bytes;
        size_t len;
        bool ok;
        uint64_t v;
        size_t used;
    } rows[] = {
        { "zero", B("\x00"), true, 0, 1 },
        { "one byte", B("\x7f"), true, 127, 1 },
        { "two bytes", B("\x80\x01"), true, 128, 2 },
        { "300", B("\xac\x02"), true, 300, 2 },
        { "stops at its end", B("\x12\x20"), true, 0x12, 1 },
        { "63 bits", B("\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), true, INT64_MAX,
          9 },
        { "empty", B(""), false, 0, 0 },
        { "truncated", B("\x80"), false, 0, 0 },
        { "truncated later", B("\xff\xff\xff"), false, 0, 0 },
        { "ten bytes", B("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), false, 0,
          0 },
        { "padded zero", B("\x80\x00"), false, 0, 0 },
        { "padded one", B("\x81\x00"), false, 0, 0 },
    };
    guard_t g;
    elo_slice_t s;
    const uint8_t *p;
    uint64_t v;

    (void) state;
    guard_init(&g, 64);
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        s = guard_put(&g, elo_slice(rows[i].bytes, rows[i].len));
        v = 4711;
        p = elo_rd_uvarint(s.p, s.p + s.len, &v);
        if ((p != NULL) != rows[i].ok) {
            fail_msg("%s", rows[i].name);
        }
        assert_int_equal(v, rows[i].ok ? rows[i].v : 4711);
        if (p != NULL) {
            assert_int_equal(p - s.p, rows[i].used);
        }
    }
    assert_null(elo_rd_uvarint(NULL, NULL, &v));
    guard_dispose(&g);
}


static void
test_parse(void **state)
{
    static const char good[] = "\x12\x04"
                               "abcd";
    elo_slice_t digest, s;
    uint64_t code;
    guard_t g;

    (void) state;
    guard_init(&g, 64);
    s = guard_put(&g, elo_slice(good, 6));
    assert_int_equal(elo_multihash_parse(s, &code, &digest), ELO_OK);
    assert_int_equal(code, ELO_MULTIHASH_SHA2_256);
    assert_true(elo_slice_eq(digest, ELO_SLICE("abcd")));
    assert_ptr_equal(digest.p, s.p + 2);
    for (size_t n = 0; n < 6; n++) {
        s = guard_put(&g, elo_slice(good, n));
        assert_int_equal(elo_multihash_parse(s, &code, &digest), ELO_EINVAL);
    }
    guard_dispose(&g);
}


static void
test_parse_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {
        { B("\x12\x04"
            "abcde") },
        { B("\x12\x84\x00"
            "abcd") },
        { B("\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f"
            "abcd") },
    };
    elo_slice_t digest;
    uint64_t code;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        assert_int_equal(
            elo_multihash_parse(elo_slice(rows[i].bytes, rows[i].len), &code,
                                &digest),
            ELO_EINVAL);
    }
    assert_int_equal(elo_multihash_parse(elo_slice(NULL, 0), &code, &digest),
                     ELO_EINVAL);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uvarint),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
