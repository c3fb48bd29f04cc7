/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of cli/names and cli/exit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "cli/exit.h"
#include "cli/names.h"
#include "common/base/num.h"

#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define CID "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"


static void
test_names(void **state)
{
    static const struct {
        const char *text;
        elo_err_t rc;
        elo_name_kind_t kind;
        const char *canon;
    } table[] = {
        { "sha256-" HEX, ELO_OK, ELO_NAME_ADDR, "sha256-" HEX },
        { HEX, ELO_OK, ELO_NAME_ADDR, "sha256-" HEX },
        { CID, ELO_OK, ELO_NAME_ADDR, "sha256-" HEX },
        { "film", ELO_OK, ELO_NAME_ID, "film" },
        { "a.b_c~d:e-f", ELO_OK, ELO_NAME_ID, "a.b_c~d:e-f" },
        { "", ELO_EINVAL, 0, "" },
        { "../etc", ELO_EINVAL, 0, "" },
        { "a/b", ELO_EINVAL, 0, "" },
        { "a?b", ELO_EINVAL, 0, "" },
        { "a b", ELO_EINVAL, 0, "" },
        { "a\r\nHost: x", ELO_EINVAL, 0, "" }, /* request injection */
        { "caf\xc3\xa9", ELO_EINVAL, 0, "" },
    };
    char text[ELO_CONTENT_ID_MAX + 2];
    elo_name_t name;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(table); i++) {
        if (elo_name_parse(table[i].text, &name) != table[i].rc) {
            fail_msg("\"%s\"", table[i].text);
        }
        if (table[i].rc == ELO_OK) {
            assert_int_equal(name.kind, table[i].kind);
            assert_string_equal(name.text, table[i].canon);
        }
    }
    memset(text, 'x', sizeof(text));
    text[ELO_CONTENT_ID_MAX] = '\0';
    assert_int_equal(elo_name_parse(text, &name), ELO_OK);
    assert_int_equal(strlen(name.text), ELO_CONTENT_ID_MAX);
    text[ELO_CONTENT_ID_MAX] = 'x';
    text[ELO_CONTENT_ID_MAX + 1] = '\0';
    assert_int_equal(elo_name_parse(text, &name), ELO_EINVAL);
}


static void
test_ranges(void **state)
{
    static const struct {
        const char *text;
        const char *header; /* NULL: refused */
    } table[] = {
        { "0-0", "Range: bytes=0-0\r\n" },
        { "5-", "Range: bytes=5-\r\n" },
        { "-7", "Range: bytes=-7\r\n" },
        { "0-18446744073709551615", "Range: bytes=0-18446744073709551615\r\n" },
        { "5-2", NULL },
        { "-", NULL },
        { "", NULL },
        { "7", NULL },
        { "-0", NULL },
        { "0-1,3-4", NULL },
        { "0-1-2", NULL },
        { "a-b", NULL },
        { "0-18446744073709551616", NULL },
        { "0-1\r\nX: y", NULL },
        { " 0-1", NULL },
    };
    elo_buf_t b;

    (void) state;
    elo_buf_init(&b, 4096);
    for (size_t i = 0; i < ELO_COUNT(table); i++) {
        elo_err_t rc;

        elo_buf_clear(&b);
        rc = elo_range_header(table[i].text, &b);
        if ((rc == ELO_OK) != (table[i].header != NULL)) {
            fail_msg("\"%s\"", table[i].text);
        }
        if (rc == ELO_OK) {
            assert_string_equal(elo_buf_cstr(&b), table[i].header);
        }
    }
    elo_buf_dispose(&b);
}


static void
test_texts(void **state)
{
    static const struct {
        uint64_t n;
        const char *text;
    } sizes[] = {
        { 0, "0 B" },
        { 1023, "1023 B" },
        { 1024, "1.0 KiB" },
        { 1536, "1.5 KiB" },
        { 1024 * 1024 - 1, "1.0 MiB" },
        { 10ull << 30, "10.0 GiB" },
        { UINT64_MAX, "16.0 EiB" },
    };
    elo_buf_t b;

    (void) state;
    elo_buf_init(&b, 4096);
    for (size_t i = 0; i < ELO_COUNT(sizes); i++) {
        elo_buf_clear(&b);
        elo_size_text(&b, sizes[i].n);
        assert_string_equal(elo_buf_cstr(&b), sizes[i].text);
    }
    elo_buf_clear(&b);
    elo_query_escape(&b, ELO_SLICE("a~b/c&d=\xff +%"));
    assert_string_equal(elo_buf_cstr(&b), "a~b%2Fc%26d%3D%FF%20%2B%25");
    elo_buf_clear(&b);
    elo_plain_text(&b, ELO_SLICE("a\033[2Jb\r\nc\x7f\xc3\xa9"));
    assert_string_equal(elo_buf_cstr(&b), "a?[2Jb??c?\xc3\xa9");
    elo_buf_dispose(&b);
}


static void
test_exit_status(void **state)
{
    (void) state;
    assert_int_equal(elo_exit_of_status(404), ELO_EXIT_NOTFOUND);
    assert_int_equal(elo_exit_of_status(409), ELO_EXIT_CONFLICT);
    assert_int_equal(elo_exit_of_status(412), ELO_EXIT_CONFLICT);
    assert_int_equal(elo_exit_of_status(507), ELO_EXIT_NOSPACE);
    assert_int_equal(elo_exit_of_status(400), ELO_EXIT_FAILED);
    assert_int_equal(elo_exit_of_status(500), ELO_EXIT_FAILED);
    assert_int_equal(elo_exit_of_err(ELO_OK), ELO_EXIT_OK);
    assert_int_equal(elo_exit_of_err(ELO_EUNAVAIL), ELO_EXIT_AWAY);
    assert_int_equal(elo_exit_of_err(ELO_EHASH), ELO_EXIT_CONFLICT);
    assert_int_equal(elo_exit_of_err(ENOSPC), ELO_EXIT_NOSPACE);
    assert_int_equal(elo_exit_of_err(EDQUOT), ELO_EXIT_NOSPACE);
    assert_int_equal(elo_exit_of_err(EIO), ELO_EXIT_FAILED);
}


static void
test_times(void **state)
{
    static const struct {
        const char *text;
        elo_err_t rc;
        int64_t seconds;
    } table[] = {
        { "1", ELO_OK, 1 },
        { "90", ELO_OK, 90 },
        { "90s", ELO_OK, 90 },
        { "30m", ELO_OK, 1800 },
        { "12h", ELO_OK, 43200 },
        { "7d", ELO_OK, 604800 },
        { "1y", ELO_OK, 31536000 },
        { "10y", ELO_OK, 315360000 },
        { "315360000", ELO_OK, 315360000 },
        { "315360001", ELO_EINVAL, 0 },
        { "11y", ELO_EINVAL, 0 },
        { "0", ELO_EINVAL, 0 },
        { "0d", ELO_EINVAL, 0 },
        { "", ELO_EINVAL, 0 },
        { "d", ELO_EINVAL, 0 },
        { "-1d", ELO_EINVAL, 0 },
        { "1.5h", ELO_EINVAL, 0 },
        { "1w", ELO_EINVAL, 0 },
        { "1hm", ELO_EINVAL, 0 },
        { "18446744073709551617", ELO_EINVAL, 0 },
        { "584942417355y", ELO_EINVAL, 0 }, /* past 2^64 seconds */
    };
    elo_buf_t b;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(table); i++) {
        int64_t s = 0;

        if (elo_duration_parse(table[i].text, &s) != table[i].rc
            || s != table[i].seconds)
        {
            fail_msg("\"%s\"", table[i].text);
        }
    }
    elo_buf_init(&b, 128);
    elo_time_text(&b, 0);
    assert_string_equal(elo_buf_cstr(&b), "never");
    elo_buf_clear(&b);
    elo_time_text(&b, 951782400);
    assert_string_equal(elo_buf_cstr(&b), "2000-02-29T00:00:00Z");
    elo_buf_dispose(&b);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),       cmocka_unit_test(test_times),
        cmocka_unit_test(test_ranges),      cmocka_unit_test(test_texts),
        cmocka_unit_test(test_exit_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
