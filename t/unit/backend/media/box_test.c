/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/media/box and language. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "backend/media/box.h"
#include "backend/media/language.h"
#include "common/base/num.h"
#include "t/unit/guard.h"

#define B(s) sizeof(s) - 1, s


static void
test_next(void **state)
{
    static const struct {
        const char *name;
        size_t len;
        const char *bytes;
        bool is_top;
        elo_err_t rc;
        size_t whole, body;
    } rows[] = {
        { "empty", B(""), true, ELO_ENOTFOUND, 0, 0 },
        { "seven bytes",
          B("\0\0\0\x08"
            "fre"),
          true, ELO_ENOTFOUND, 0, 0 },
        { "no body",
          B("\0\0\0\x08"
            "free"),
          false, ELO_OK, 8, 0 },
        { "one byte",
          B("\0\0\0\x09"
            "free0rest"),
          false, ELO_OK, 9, 1 },
        { "size below the header", B("\0\0\0\7free"), true, ELO_EINVAL, 0, 0 },
        { "past the end",
          B("\0\0\0\x09"
            "free"),
          true, ELO_EINVAL, 0, 0 },
        { "to the end", B("\0\0\0\0mdat123"), true, ELO_OK, 11, 3 },
        { "size 0 inside", B("\0\0\0\0mdat123"), false, ELO_EINVAL, 0, 0 },
        { "64 bit",
          B("\0\0\0\1mdat\0\0\0\0\0\0\0\x11"
            "1"),
          true, ELO_OK, 17, 1 },
        { "64 bit, cut", B("\0\0\0\1mdat\0\0\0\0\0\0\0"), true, ELO_EINVAL, 0,
          0 },
        { "64 bit, below the header",
          B("\0\0\0\1mdat\0\0\0\0\0\0\0\x0f"
            "1"),
          true, ELO_EINVAL, 0, 0 },
        { "64 bit, all set", B("\0\0\0\1mdat\xff\xff\xff\xff\xff\xff\xff\xff"),
          true, ELO_EINVAL, 0, 0 },
    };
    elo_slice_t rest;
    elo_box_t box;
    uint32_t i;
    guard_t g;

    (void) state;
    guard_init(&g, 64);
    for (i = 0; i < ELO_COUNT(rows); i++) {
        print_message("# %s\n", rows[i].name);
        rest = guard_put(&g, elo_slice(rows[i].bytes, rows[i].len));
        assert_int_equal(elo_box_next(&rest, rows[i].is_top, &box), rows[i].rc);
        if (rows[i].rc == ELO_OK) {
            assert_int_equal(box.whole.len, rows[i].whole);
            assert_int_equal(box.body.len, rows[i].body);
            assert_int_equal(rest.len, rows[i].len - rows[i].whole);
        }
    }
    guard_dispose(&g);
}


static void
test_find(void **state)
{
    elo_slice_t s = ELO_SLICE("\0\0\0\x09"
                              "aaaa1\0\0\0\x08"
                              "bbbb\0\0\0\0");
    elo_slice_t bad = ELO_SLICE("\0\0\0\x08"
                                "aaaa\0\0\0\7bbbb");
    elo_box_t box;

    (void) state;
    assert_int_equal(elo_box_find(s, ELO_FOURCC('b', 'b', 'b', 'b'), &box),
                     ELO_OK);
    assert_int_equal(elo_box_find(s, ELO_FOURCC('c', 'c', 'c', 'c'), &box),
                     ELO_ENOTFOUND);
    assert_int_equal(elo_box_find(bad, ELO_FOURCC('a', 'a', 'a', 'a'), &box),
                     ELO_OK);
    assert_int_equal(elo_box_find(bad, ELO_FOURCC('b', 'b', 'b', 'b'), &box),
                     ELO_EINVAL);
}


static void
test_language(void **state)
{
    static const struct {
        const char *code, *want;
    } rows[] = {
        { "eng", "en" },  { "deu", "de" }, { "ger", "de" }, { "zul", "zu" },
        { "aar", "aa" },  { "slo", "sk" }, { "slk", "sk" }, { "und", "" },
        { "gsw", "gsw" }, { "ar`", "" },   { "{aa", "" },
    };
    char out[ELO_LANGUAGE_MAX + 1];
    uint32_t i;

    (void) state;
    for (i = 0; i < ELO_COUNT(rows); i++) {
        const char *c = rows[i].code;

        elo_language_from_packed((uint16_t) ((c[0] & 0x1f) << 10
                                             | (c[1] & 0x1f) << 5
                                             | (c[2] & 0x1f)),
                                 out);
        assert_string_equal(out, rows[i].want);
    }
    assert_true(elo_language_ok(ELO_SLICE("pt-BR")));
    assert_false(elo_language_ok(ELO_SLICE("")));
    assert_false(elo_language_ok(ELO_SLICE("UND")));
    assert_false(elo_language_ok(ELO_SLICE("en\"")));
    assert_false(elo_language_ok(ELO_SLICE("en\n")));
    assert_false(
        elo_language_ok(ELO_SLICE("abcdefghabcdefghabcdefghabcdefghabcd")));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_language),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
