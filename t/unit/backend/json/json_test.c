/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/json/json. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "backend/json/json.h"
#include "common/base/num.h"
#include "t/unit/guard.h"

#define MAX 4096


static elo_err_t
parse(const char *text, elo_json_t **out)
{
    return elo_json_parse(elo_slice_str(text), MAX, out, NULL);
}


static void
test_refused(void **state)
{
    static const struct {
        const char *what;
        const char *text;
    } cases[] = {
        { "nothing", "" },
        { "blanks only", " \n" },
        { "not an object or array", "\"x\"" },
        { "a second value behind it", "{} {}" },
        { "duplicate name", "{\"a\":1,\"a\":2}" },
        { "duplicate name by escape", "{\"a\":1,\"\\u0061\":2}" },
        { "duplicate name further in", "[{\"a\":{\"b\":1,\"b\":1}}]" },
        { "NUL in a string", "{\"a\":\"x\\u0000y\"}" },
        { "NUL in a name", "{\"a\\u0000\":1}" },
        { "lone surrogate", "[\"\\ud800\"]" },
        { "over-long UTF-8", "[\"\xc0\xaf\"]" },
        { "not UTF-8", "[\"\xff\"]" },
        { "raw control character", "[\"a\nb\"]" },
        { "integer past 64 bits", "[99999999999999999999]" },
        { "real past a double", "[1e999]" },
        { "not a number", "[NaN]" },
        { "leading zero", "[01]" },
        { "trailing comma", "[1,]" },
        { "single quotes", "['a']" },
        { "comment", "[1 /* x */]" },
        { "unfinished", "{\"a\":[1" },
    };
    elo_json_fault_t fault;
    elo_json_t *j;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        j = (elo_json_t *) &fault;
        memset(&fault, 0, sizeof(fault));
        if (elo_json_parse(elo_slice_str(cases[i].text), MAX, &j, &fault)
            != ELO_EINVAL) {
            fail_msg("accepted: %s", cases[i].what);
        }
        assert_ptr_equal(j, &fault); /* untouched */
        assert_true(fault.what[0] != '\0');
    }
}


static void
test_limits(void **state)
{
    char text[2 * ELO_JSON_DEPTH_MAX + 8];
    elo_json_fault_t fault;
    elo_json_t *j;
    size_t n;

    (void) state;
    for (size_t depth = ELO_JSON_DEPTH_MAX; depth <= ELO_JSON_DEPTH_MAX + 1;
         depth++)
    {
        n = 0;
        for (size_t i = 0; i < depth; i++) {
            text[n++] = '[';
        }
        for (size_t i = 0; i < depth; i++) {
            text[n++] = ']';
        }
        if (depth == ELO_JSON_DEPTH_MAX) {
            assert_int_equal(
                elo_json_parse(elo_slice(text, n), MAX, &j, &fault), ELO_OK);
            elo_json_free(&j);
        } else {
            assert_int_equal(
                elo_json_parse(elo_slice(text, n), MAX, &j, &fault),
                ELO_EINVAL);
            assert_string_equal(fault.what, "the text is nested too deeply");
        }
    }
    /* brackets within a string are only text */
    assert_int_equal(
        parse("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\"]", &j),
        ELO_OK);
    elo_json_free(&j);
    assert_null(j);
    assert_int_equal(elo_json_parse(ELO_SLICE("[1,2]"), 4, &j, NULL),
                     ELO_ETOOBIG);
    assert_int_equal(elo_json_parse(ELO_SLICE("[1,2]"), 5, &j, NULL), ELO_OK);
    elo_json_free(&j);
}


static bool
note_name(void *ctx, elo_slice_t name, const elo_json_t *value)
{
    char *names = ctx;

    (void) value;
    strncat(names, (const char *) name.p, 1);
    return strlen(names) < 3;
}


static void
test_reading(void **state)
{
    char names[8] = "";
    elo_slice_t s = ELO_SLICE("kept");
    int64_t n = 7;
    double d = 7;
    bool b = false;
    elo_json_t *j;

    (void) state;
    assert_int_equal(parse("{\"z\":\"h\\u00e9\",\"y\":-3,\"x\":1.5,\"w\":true,"
                           "\"v\":null,\"u\":[1,2]}",
                           &j),
                     ELO_OK);
    assert_int_equal(elo_json_kind(j), ELO_JSON_OBJECT);
    assert_int_equal(elo_json_len(j), 6);
    assert_true(elo_json_string(elo_json_get(j, "z"), &s));
    assert_true(elo_slice_eq(s, ELO_SLICE("h\xc3\xa9")));
    assert_true(elo_json_integer(elo_json_get(j, "y"), &n));
    assert_int_equal(n, -3);
    assert_true(elo_json_number(elo_json_get(j, "y"), &d));
    assert_true(elo_json_number(elo_json_get(j, "x"), &d));
    assert_true(d > 1.4 && d < 1.6);
    assert_true(elo_json_bool(elo_json_get(j, "w"), &b) && b);
    assert_int_equal(elo_json_kind(elo_json_get(j, "v")), ELO_JSON_NULL);
    assert_int_equal(elo_json_len(elo_json_get(j, "u")), 2);
    assert_non_null(elo_json_at(elo_json_get(j, "u"), 1));
    assert_null(elo_json_at(elo_json_get(j, "u"), 2));

    /* of another kind, or absent: untouched */
    s = ELO_SLICE("kept");
    assert_false(elo_json_string(elo_json_get(j, "y"), &s));
    assert_false(elo_json_string(elo_json_get(j, "none"), &s));
    assert_true(elo_slice_eq(s, ELO_SLICE("kept")));
    n = 7;
    assert_false(elo_json_integer(elo_json_get(j, "x"), &n));
    assert_int_equal(n, 7);
    assert_false(elo_json_bool(elo_json_get(j, "v"), &b));
    assert_null(elo_json_get(elo_json_get(j, "z"), "a"));
    assert_int_equal(elo_json_kind(NULL), ELO_JSON_NULL);
    assert_int_equal(elo_json_len(NULL), 0);

    /* in the order of the text, until told to stop */
    elo_json_each(j, note_name, names);
    assert_string_equal(names, "zyx");
    elo_json_free(&j);
}


static void
test_prefixes(void **state)
{
    static const char text[] =
        "{\"a\":[1,-2.5e3,true,false,null],\"b\":{\"c\":\"\\u20ac\\n\"}}";
    elo_slice_t all = elo_slice_str(text);
    elo_json_t *j;
    guard_t g;

    (void) state;
    guard_init(&g, sizeof(text));
    for (size_t n = 0; n < all.len; n++) {
        assert_int_equal(
            elo_json_parse(guard_put(&g, elo_slice(all.p, n)), MAX, &j, NULL),
            ELO_EINVAL);
    }
    assert_int_equal(elo_json_parse(guard_put(&g, all), MAX, &j, NULL), ELO_OK);
    elo_json_free(&j);
    guard_dispose(&g);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_prefixes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
