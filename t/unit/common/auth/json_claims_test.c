/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/auth/json_claims. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "common/auth/json_claims.h"
#include "common/base/num.h"
#include "t/unit/guard.h"

#define TEXT_MAX 8192

static uint8_t room[TEXT_MAX];
static elo_slice_t items[4];


/* Reads json for one member. */
static elo_err_t
read_one(const char *json, const char *name, elo_jclaim_t *out)
{
    size_t len = strlen(json);

    assert_true(len <= sizeof(room));
    memcpy(room, json, len);
    *out = (elo_jclaim_t){ .name = elo_slice_str(name),
                           .items = items,
                           .max_items = ELO_COUNT(items) };
    return elo_jclaims_read(room, len, out, 1);
}


static void
test_kinds(void **state)
{
    static const struct {
        const char *value;
        elo_jclaim_kind_t kind;
        uint64_t number;
        const char *text;
    } rows[] = {
        { "\"x\"", ELO_JCLAIM_TEXT, 0, "x" },
        { "\"\"", ELO_JCLAIM_TEXT, 0, "" },
        { "0", ELO_JCLAIM_UINT, 0, NULL },
        { "1300819380", ELO_JCLAIM_UINT, 1300819380, NULL },
        { "18446744073709551615", ELO_JCLAIM_UINT, UINT64_MAX, NULL },
        { "18446744073709551616", ELO_JCLAIM_OTHER, 0, NULL },
        { "99999999999999999999999999999999999999", ELO_JCLAIM_OTHER, 0, NULL },
        { "-1", ELO_JCLAIM_OTHER, 0, NULL },
        { "-0", ELO_JCLAIM_OTHER, 0, NULL },
        { "1.0", ELO_JCLAIM_OTHER, 0, NULL },
        { "1e3", ELO_JCLAIM_OTHER, 0, NULL },
        { "1E+3", ELO_JCLAIM_OTHER, 0, NULL },
        { "1.5e-300", ELO_JCLAIM_OTHER, 0, NULL },
        { "1e999999", ELO_JCLAIM_OTHER, 0, NULL },
        { "true", ELO_JCLAIM_OTHER, 0, NULL },
        { "false", ELO_JCLAIM_OTHER, 0, NULL },
        { "null", ELO_JCLAIM_OTHER, 0, NULL },
        { "{}", ELO_JCLAIM_OTHER, 0, NULL },
        { "{\"a\":{\"b\":[]}}", ELO_JCLAIM_OTHER, 0, NULL },
        { "[]", ELO_JCLAIM_TEXTS, 0, NULL },
        { "[\"a\",1]", ELO_JCLAIM_OTHER, 0, NULL },
        { "[1,\"a\"]", ELO_JCLAIM_OTHER, 0, NULL },
        { "[[\"a\"]]", ELO_JCLAIM_OTHER, 0, NULL },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_jclaim_t m;
        char json[128];

        snprintf(json, sizeof(json), "{\"a\":1,\"x\":%s,\"b\":2}",
                 rows[i].value);
        if (read_one(json, "x", &m) != ELO_OK || m.kind != rows[i].kind) {
            fail_msg("%s", rows[i].value);
        }
        if (m.kind == ELO_JCLAIM_UINT) {
            assert_int_equal(m.number, rows[i].number);
        }
        if (m.kind == ELO_JCLAIM_TEXT) {
            assert_true(elo_slice_eq(m.text, elo_slice_str(rows[i].text)));
        }
    }
}


static void
test_texts(void **state)
{
    elo_jclaim_t m;

    (void) state;
    assert_int_equal(
        read_one(" {\t\"x\" :\r\n[ \"a\" , \"b\\\"\" ,\"\"] } ", "x", &m), 0);
    assert_int_equal(m.kind, ELO_JCLAIM_TEXTS);
    assert_int_equal(m.n_items, 3);
    assert_true(elo_slice_eq(items[0], ELO_SLICE("a")));
    assert_true(elo_slice_eq(items[1], ELO_SLICE("b\"")));
    assert_int_equal(items[2].len, 0);
    assert_int_equal(read_one("{\"x\":[\"1\",\"2\",\"3\",\"4\"]}", "x", &m), 0);
    assert_int_equal(m.n_items, 4);
    assert_int_equal(
        read_one("{\"x\":[\"1\",\"2\",\"3\",\"4\",\"5\"]}", "x", &m),
        ELO_ETOOBIG);
    /* where nobody asks, an array is as long as it likes */
    assert_int_equal(
        read_one("{\"y\":[\"1\",\"2\",\"3\",\"4\",\"5\"]}", "x", &m), 0);
    assert_int_equal(m.kind, ELO_JCLAIM_ABSENT);
    assert_int_equal(read_one("{}", "x", &m), 0);
    assert_int_equal(m.kind, ELO_JCLAIM_ABSENT);
}


static void
test_strings(void **state)
{
    static const struct {
        const char *json, *text;
    } rows[] = {
        { "a\\\"\\\\\\/\\b\\f\\n\\r\\tz", "a\"\\/\b\f\n\r\tz" },
        { "\\u0041\\u00e9\\u20AC", "A\xc3\xa9\xe2\x82\xac" },
        { "\\u0001\\u007f\\u0080\\u07ff\\u0800\\uffff",
          "\x01\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf" },
        { "\\ud800\\udc00", "\xf0\x90\x80\x80" },
        { "\\uD83D\\uDE00", "\xf0\x9f\x98\x80" },
        { "\\uDBFF\\uDFFF", "\xf4\x8f\xbf\xbf" },
        { "\\ud7ff\\ue000", "\xed\x9f\xbf\xee\x80\x80" },
        { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
          "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
        { "\\n\xc3\xa9\\n\xf0\x9f\x98\x80", "\n\xc3\xa9\n\xf0\x9f\x98\x80" },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_jclaim_t m;
        char json[128];

        snprintf(json, sizeof(json), "{\"x\":\"%s\",\"y\":1}", rows[i].json);
        if (read_one(json, "x", &m) != ELO_OK
            || !elo_slice_eq(m.text, elo_slice_str(rows[i].text)))
        {
            fail_msg("%s", rows[i].json);
        }
    }
}


static const struct {
    const char *what, *json;
} bad[] = {
    { "nothing", "" },
    { "blanks", "  " },
    { "an array", "[]" },
    { "a string", "\"x\"" },
    { "a number", "1" },
    { "a byte order mark", "\xef\xbb\xbf{}" },
    { "two objects", "{}{}" },
    { "something behind it", "{} x" },
    { "open", "{" },
    { "a comma alone", "{,}" },
    { "a comma at the end", "{\"x\":1,}" },
    { "no comma", "{\"x\":1 \"y\":2}" },
    { "no colon", "{\"x\" 1}" },
    { "no value", "{\"x\":}" },
    { "a name without quotes", "{x:1}" },
    { "a name in single quotes", "{'x':1}" },
    { "a number for a name", "{1:1}" },
    { "a comment", "{/**/\"x\":1}" },
    { "a member twice", "{\"x\":1,\"x\":1}" },
    { "an unknown member twice", "{\"y\":1,\"x\":1,\"y\":2}" },
    { "the empty name twice", "{\"\":1,\"\":2}" },
    { "a member twice within", "{\"y\":{\"a\":1,\"b\":2,\"a\":3}}" },
    { "a member twice in an array", "{\"y\":[{\"a\":1,\"a\":3}]}" },
    { "an escape in the name", "{\"\\u0078\":1}" },
    { "an escape in an unknown name", "{\"\\/\":1}" },
    { "an escape in a name within", "{\"y\":{\"\\n\":1}}" },
    { "NUL as an escape", "{\"x\":\"a\\u0000b\"}" },
    { "NUL as an escape, unknown", "{\"y\":\"\\u0000\"}" },
    { "a low surrogate alone", "{\"x\":\"\\udc00\"}" },
    { "a high surrogate alone", "{\"x\":\"\\ud800\"}" },
    { "a high surrogate and a letter", "{\"x\":\"\\ud800a\"}" },
    { "two high surrogates", "{\"x\":\"\\ud800\\ud800\"}" },
    { "a high one and an escape", "{\"x\":\"\\ud800\\n\"}" },
    { "a high one and what is none", "{\"x\":\"\\ud800\\ue000\"}" },
    { "three digits", "{\"x\":\"\\u123\"}" },
    { "no hex digit", "{\"x\":\"\\u12g4\"}" },
    { "a sign among digits", "{\"x\":\"\\u+123\"}" },
    { "an unknown escape", "{\"x\":\"\\x41\"}" },
    { "an upper-case escape", "{\"x\":\"\\N\"}" },
    { "an escaped end", "{\"x\":\"\\\"}" },
    { "a raw line feed", "{\"x\":\"a\nb\"}" },
    { "a raw tab in a name", "{\"\t\":1}" },
    { "0x1f", "{\"x\":\"\x1f\"}" },
    { "a continuation byte alone", "{\"x\":\"\x80\"}" },
    { "over-long", "{\"x\":\"\xc0\xaf\"}" },
    { "a surrogate in UTF-8", "{\"x\":\"\xed\xa0\x80\"}" },
    { "past U+10FFFF", "{\"x\":\"\xf4\x90\x80\x80\"}" },
    { "truncated UTF-8", "{\"x\":\"\xe2\x82\"}" },
    { "Latin-1 in a name", "{\"\xe9\":1}" },
    { "a leading zero", "{\"x\":01}" },
    { "a leading zero, negative", "{\"x\":-01}" },
    { "a plus", "{\"x\":+1}" },
    { "a minus alone", "{\"x\":-}" },
    { "a point at the end", "{\"x\":1.}" },
    { "a point at the start", "{\"x\":.5}" },
    { "no exponent", "{\"x\":1e}" },
    { "a sign for an exponent", "{\"x\":1e+}" },
    { "two signs", "{\"x\":1e+-1}" },
    { "hex", "{\"x\":0x10}" },
    { "a blank within", "{\"x\":1 0}" },
    { "NaN", "{\"x\":NaN}" },
    { "Infinity", "{\"x\":Infinity}" },
    { "half a word", "{\"x\":tru}" },
    { "a longer word", "{\"x\":nulls}" },
    { "an upper-case word", "{\"x\":True}" },
    { "a comma at an array's end", "{\"x\":[1,]}" },
    { "an array's comma alone", "{\"x\":[,]}" },
    { "an open array", "{\"x\":[1" },
    { "a crossed end", "{\"x\":[1}]" },
    { "a form feed as a blank", "{\f\"x\":1}" },
    { "a no-break space as a blank", "{\xc2\xa0\"x\":1}" },
};


static void
test_bad(void **state)
{
    (void) state;
    for (size_t i = 0; i < ELO_COUNT(bad); i++) {
        elo_jclaim_t m;

        if (read_one(bad[i].json, "x", &m) != ELO_EINVAL) {
            fail_msg("taken: %s", bad[i].what);
        }
    }
    memcpy(room, "{\"x\":\"a\0b\"}", 11); /* NUL as itself */
    elo_jclaim_t m = { .name = ELO_SLICE("x") };
    assert_int_equal(elo_jclaims_read(room, 11, &m, 1), ELO_EINVAL);
}


static void
test_depth(void **state)
{
    static const struct {
        const char *json;
        elo_err_t rc;
    } rows[] = {
        { "{\"a\":{\"a\":{\"a\":{}}}}", ELO_OK },
        { "{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}", ELO_ETOOBIG },
        { "{\"a\":[[[1]]]}", ELO_OK },
        { "{\"a\":[[[[1]]]]}", ELO_ETOOBIG },
        { "{\"a\":[{\"a\":[1]}]}", ELO_OK },
        { "{\"a\":[{\"a\":[{}]}]}", ELO_ETOOBIG },
    };
    elo_jclaim_t m;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        if (read_one(rows[i].json, "a", &m) != rows[i].rc) {
            fail_msg("%s", rows[i].json);
        }
    }
    /* as deep as it gets: the stack doesn't grow with it */
    memset(room, '[', sizeof(room));
    memcpy(room, "{\"a\":", 5);
    assert_int_equal(elo_jclaims_read(room, sizeof(room), &m, 1), ELO_ETOOBIG);
    for (size_t i = 0; i + 5 <= sizeof(room); i += 5) {
        memcpy(room + i, "{\"a\":", 5);
    }
    assert_int_equal(elo_jclaims_read(room, sizeof(room), &m, 1), ELO_ETOOBIG);
}


static void
test_many_members(void **state)
{
    elo_jclaim_t m;

    (void) state;
    for (unsigned n = ELO_JCLAIM_MEMBERS - 1; n <= ELO_JCLAIM_MEMBERS + 1; n++)
    {
        char json[TEXT_MAX] = "{";
        size_t len = 1;

        for (unsigned i = 0; i < n; i++) {
            len += (size_t) snprintf(json + len, sizeof(json) - len,
                                     "%s\"m%u\":%u", i == 0 ? "" : ",", i, i);
        }
        json[len++] = '}';
        assert_int_equal(read_one(json, "m62", &m),
                         n > ELO_JCLAIM_MEMBERS ? ELO_ETOOBIG : ELO_OK);
        if (n <= ELO_JCLAIM_MEMBERS) {
            assert_int_equal(m.number, 62);
        }
    }
    /* of four objects as many in all: five here and 59 or 60 within */
    for (unsigned n = 59; n <= 60; n++) {
        char json[TEXT_MAX] = "{\"x\":1";
        size_t len = 6;

        for (unsigned i = 0; i < 4; i++) {
            len += (size_t) snprintf(json + len, sizeof(json) - len,
                                     ",\"o%u\":{", i);
            for (unsigned k = i; k < n; k += 4) {
                len += (size_t) snprintf(json + len, sizeof(json) - len,
                                         "%s\"m%u\":[]", k == i ? "" : ",", k);
            }
            json[len++] = '}';
        }
        json[len++] = '}';
        assert_int_equal(read_one(json, "x", &m),
                         n == 60 ? ELO_ETOOBIG : ELO_OK);
    }
}


/* No prefix of an object is one, and none is read past its end. */
static void
test_prefixes(void **state)
{
    static const char json[] =
        "{\"a\":\"\\u00e9\\ud83d\\ude00\xc3\xa9\",\"b\":[1.5e+3,-0,true,false],"
        "\"x\":[\"p\",\"q\"],\"c\":{\"d\":null},\"e\":18446744073709551615}";
    elo_jclaim_t m = { .name = ELO_SLICE("x"),
                       .items = items,
                       .max_items = ELO_COUNT(items) };
    guard_t g;

    (void) state;
    guard_init(&g, sizeof(json));
    for (size_t n = 0; n < sizeof(json); n++) {
        elo_slice_t s = guard_put(&g, elo_slice(json, n));
        elo_err_t rc = elo_jclaims_read((uint8_t *) (uintptr_t) s.p, n, &m, 1);

        assert_int_equal(rc, n == sizeof(json) - 1 ? ELO_OK : ELO_EINVAL);
    }
    assert_int_equal(m.n_items, 2);
    guard_dispose(&g);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),    cmocka_unit_test(test_texts),
        cmocka_unit_test(test_strings),  cmocka_unit_test(test_bad),
        cmocka_unit_test(test_depth),    cmocka_unit_test(test_many_members),
        cmocka_unit_test(test_prefixes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
