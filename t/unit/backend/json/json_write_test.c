/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/json/json_write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "backend/json/json_write.h"
#include "common/base/num.h"


static void
test_quote(void **state)
{
    static const struct {
        elo_slice_t in;
        const char *out;
    } cases[] = {
        { ELO_SLICE(""), "\"\"" },
        { ELO_SLICE("plain"), "\"plain\"" },
        { ELO_SLICE("\"\\/"), "\"\\\"\\\\/\"" },
        { ELO_SLICE("\n\r\t\x01\x7f"), "\"\\n\\r\\t\\u0001\\u007f\"" },
        { ELO_SLICE("a\0b"), "\"a\\u0000b\"" },
        { ELO_SLICE("\xe2\x82\xac"), "\"\xe2\x82\xac\"" },
        { ELO_SLICE("\xff"), "\"\xef\xbf\xbd\"" },
        { ELO_SLICE("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
        { ELO_SLICE("\xed\xa0\x80"),
          "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
    };
    elo_json_t *j;
    elo_buf_t b;

    (void) state;
    elo_buf_init(&b, 4096);
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        elo_buf_clear(&b);
        elo_json_quote(&b, cases[i].in);
        assert_string_equal(elo_buf_cstr(&b), cases[i].out);
    }
    /* every byte comes out as JSON that our own reader takes, but NUL */
    for (unsigned c = 1; c < 256; c++) {
        uint8_t byte = (uint8_t) c;

        elo_buf_clear(&b);
        elo_buf_put_u8(&b, '[');
        elo_json_quote(&b, elo_slice(&byte, 1));
        elo_buf_put_u8(&b, ']');
        assert_int_equal(elo_json_parse(elo_buf_slice(&b), 64, &j, NULL),
                         ELO_OK);
        elo_json_free(&j);
    }
    elo_buf_dispose(&b);
}


static void
test_structure(void **state)
{
    elo_json_writer_t w;
    elo_buf_t b;

    (void) state;
    elo_buf_init(&b, 4096);
    elo_json_writer_init(&w, &b);
    elo_json_put_object(&w, NULL);
    elo_json_put_array(&w, "empty");
    elo_json_end_array(&w);
    elo_json_put_array(&w, "list");
    elo_json_put_u64(&w, NULL, UINT64_MAX);
    elo_json_put_object(&w, NULL);
    elo_json_end_object(&w);
    elo_json_put_null(&w, NULL);
    elo_json_end_array(&w);
    elo_json_put_bool(&w, "yes", true);
    elo_json_put_bool(&w, "no", false);
    elo_json_put_raw(&w, "raw", ELO_SLICE("{\"a\":1}"));
    elo_json_put_cstr(&w, "a\"b", "c");
    elo_json_end_object(&w);
    assert_int_equal(elo_buf_err(&b), ELO_OK);
    assert_string_equal(elo_buf_cstr(&b),
                        "{\"empty\":[],\"list\":[18446744073709551615,{},null],"
                        "\"yes\":true,\"no\":false,\"raw\":{\"a\":1},"
                        "\"a\\\"b\":\"c\"}");
    elo_buf_dispose(&b);
}


static void
test_numbers(void **state)
{
    static const struct {
        double v;
        const char *text;
    } cases[] = {
        { 0, "0" },
        { 0.1, "0.1" },
        { 1.5, "1.5" },
        { 596.474195, "596.474195" },
        { 1e300, "1e+300" },
        { -2.25, "-2.25" },
        { 0.1 + 0.2, "0.30000000000000004" },
    };
    elo_json_writer_t w;
    elo_buf_t b;

    (void) state;
    elo_buf_init(&b, 4096);
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        elo_buf_clear(&b);
        elo_json_writer_init(&w, &b);
        elo_json_put_number(&w, NULL, cases[i].v);
        assert_string_equal(elo_buf_cstr(&b), cases[i].text);
    }
    elo_buf_clear(&b);
    elo_json_writer_init(&w, &b);
    elo_json_put_array(&w, NULL);
    elo_json_put_number(&w, NULL, (double) NAN);
    elo_json_put_number(&w, NULL, (double) INFINITY);
    elo_json_end_array(&w);
    assert_string_equal(elo_buf_cstr(&b), "[null,null]");
    elo_buf_dispose(&b);
}


static void
test_value(void **state)
{
    static const char text[] =
        "{\"s\":\"\xe2\x82\xac\\\"\",\"i\":-9007199254740993,\"r\":0.1,"
        "\"t\":true,\"f\":false,\"n\":null,\"a\":[[],{},\"\"]}";
    elo_json_writer_t w;
    elo_json_t *j;
    elo_buf_t b;

    (void) state;
    assert_int_equal(elo_json_parse(elo_slice_str(text), 4096, &j, NULL),
                     ELO_OK);
    elo_buf_init(&b, 4096);
    elo_json_writer_init(&w, &b);
    elo_json_put_value(&w, NULL, j);
    assert_string_equal(elo_buf_cstr(&b), text);
    elo_buf_dispose(&b);

    /* a full buffer says so, and nothing is written past it */
    elo_buf_init(&b, 16);
    elo_json_writer_init(&w, &b);
    elo_json_put_value(&w, NULL, j);
    assert_int_equal(elo_buf_err(&b), ELO_ETOOBIG);
    elo_buf_dispose(&b);
    elo_json_free(&j);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_structure),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
