/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/http/precond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <cmocka.h>

#include "common/base/num.h"
#include "common/http/precond.h"
#include "t/unit/guard.h"

#define GO     ELO_PRECOND_GO
#define R304   ELO_PRECOND_NOT_MODIFIED
#define R412   ELO_PRECOND_FAILED
#define MTIME  INT64_C(784111777)
#define THEN   "Sun, 06 Nov 1994 08:49:37 GMT"
#define BEFORE "Sun, 06 Nov 1994 08:49:36 GMT"
#define AFTER  "Sun, 06 Nov 1994 08:49:38 GMT"

typedef struct {
    const char *name;
    const char *match;
    const char *none_match;
    const char *modified;
    const char *unmodified;
    bool is_read;
    elo_precond_verdict_t verdict;
} row_t;

/* The tag is "abc" throughout. */
static const row_t rows[] = {
    { "nothing asked", NULL, NULL, NULL, NULL, true, GO },
    { "match", "\"abc\"", NULL, NULL, NULL, true, GO },
    { "match, write", "\"abc\"", NULL, NULL, NULL, false, GO },
    { "match, other", "\"abd\"", NULL, NULL, NULL, true, R412 },
    { "match, list", "\"x\" , \"abc\"", NULL, NULL, NULL, true, GO },
    { "match, empty members", ",,\"x\",,\"abc\",", NULL, NULL, NULL, true, GO },
    { "match, star", "*", NULL, NULL, NULL, true, GO },
    { "match is strong", "W/\"abc\"", NULL, NULL, NULL, true, R412 },
    { "match, comma in a tag", "\"x,y\", \"abc\"", NULL, NULL, NULL, true, GO },
    { "match, tag inside a tag", "\"x\\\"abc\"", NULL, NULL, NULL, true, R412 },
    { "match, no quotes", "abc", NULL, NULL, NULL, true, R412 },
    { "match, no closing quote", "\"abc", NULL, NULL, NULL, true, R412 },
    { "match, junk after", "\"abc\" x", NULL, NULL, NULL, true, R412 },
    { "match, no comma", "\"abc\" \"x\"", NULL, NULL, NULL, true, R412 },
    { "match, empty", "", NULL, NULL, NULL, true, R412 },
    { "match, case", "\"ABC\"", NULL, NULL, NULL, true, R412 },
    { "match, prefix", "\"ab\"", NULL, NULL, NULL, true, R412 },
    { "match, longer", "\"abcd\"", NULL, NULL, NULL, true, R412 },
    { "match, stars", "**", NULL, NULL, NULL, true, R412 },

    { "none match, other", NULL, "\"x\"", NULL, NULL, true, GO },
    { "none match, same", NULL, "\"abc\"", NULL, NULL, true, R304 },
    { "none match, same, write", NULL, "\"abc\"", NULL, NULL, false, R412 },
    { "none match is weak", NULL, "W/\"abc\"", NULL, NULL, true, R304 },
    { "none match, list", NULL, "\"x\", W/\"y\",\"abc\"", NULL, NULL, true,
      R304 },
    { "none match, star", NULL, " * ", NULL, NULL, true, R304 },
    { "none match, star, write", NULL, "*", NULL, NULL, false, R412 },
    { "none match, lower-case w", NULL, "w/\"abc\"", NULL, NULL, true, GO },
    { "none match, no quotes", NULL, "abc", NULL, NULL, true, GO },

    { "not modified since", NULL, NULL, THEN, NULL, true, R304 },
    { "not modified since, later", NULL, NULL, AFTER, NULL, true, R304 },
    { "modified since", NULL, NULL, BEFORE, NULL, true, GO },
    { "modified since, write", NULL, NULL, AFTER, NULL, false, GO },
    { "modified since, junk", NULL, NULL, "yesterday", NULL, true, GO },
    { "none match outranks modified", NULL, "\"x\"", AFTER, NULL, true, GO },
    { "none match outranks modified, 304", NULL, "\"abc\"", BEFORE, NULL, true,
      R304 },

    { "unmodified since", NULL, NULL, NULL, THEN, true, GO },
    { "unmodified since, later", NULL, NULL, NULL, AFTER, false, GO },
    { "unmodified since, earlier", NULL, NULL, NULL, BEFORE, true, R412 },
    { "unmodified since, earlier, write", NULL, NULL, NULL, BEFORE, false,
      R412 },
    { "unmodified since, junk", NULL, NULL, NULL, "0", true, GO },
    { "match outranks unmodified", "\"abc\"", NULL, NULL, BEFORE, true, GO },
    { "match fails first", "\"x\"", "\"abc\"", NULL, NULL, true, R412 },
    { "match, then none match", "\"abc\"", "\"abc\"", NULL, NULL, true, R304 },
    { "unmodified, then modified", NULL, NULL, THEN, THEN, true, R304 },
};


static elo_precond_t
fields(const row_t *row)
{
    return (elo_precond_t){
        .if_match = elo_slice_str(row->match),
        .if_none_match = elo_slice_str(row->none_match),
        .if_modified_since = elo_slice_str(row->modified),
        .if_unmodified_since = elo_slice_str(row->unmodified),
    };
}


static void
test_precedence(void **state)
{
    elo_precond_verdict_t v;
    elo_precond_t c;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        c = fields(&rows[i]);
        v = elo_precond_eval(&c, rows[i].is_read, ELO_SLICE("\"abc\""), MTIME);
        if (v != rows[i].verdict) {
            fail_msg("%s: %d", rows[i].name, (int) v);
        }
    }
}


static void
test_no_representation(void **state)
{
    static const row_t none[] = {
        { "match star", "*", NULL, NULL, NULL, false, R412 },
        { "match", "\"abc\"", NULL, NULL, NULL, false, R412 },
        { "match nothing", "\"\"", NULL, NULL, NULL, false, R412 },
        { "none match star: create", NULL, "*", NULL, NULL, false, GO },
        { "none match", NULL, "\"abc\"", NULL, NULL, true, GO },
        { "dates bind nothing", NULL, NULL, THEN, BEFORE, true, GO },
    };
    elo_precond_t c;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(none); i++) {
        c = fields(&none[i]);
        if (elo_precond_eval(&c, none[i].is_read, elo_slice(NULL, 0), MTIME)
            != none[i].verdict)
        {
            fail_msg("%s", none[i].name);
        }
    }
}


static void
test_lists_on_guard(void **state)
{
    elo_precond_t c = { 0 };
    guard_t g;

    (void) state;
    guard_init(&g, 256);
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        size_t len = rows[i].match == NULL ? 0 : strlen(rows[i].match);

        for (size_t n = 0; n <= len; n++) {
            c.if_match = guard_put(&g, elo_slice(rows[i].match, n));
            c.if_none_match = c.if_match;
            c.if_range = c.if_match;
            assert_in_range(elo_precond_eval(&c, true, ELO_SLICE("\"abc\""), 0),
                            GO, R412);
            elo_precond_range_ok(&c, ELO_SLICE("\"abc\""), 0);
        }
    }
    guard_dispose(&g);
}


static void
test_if_range(void **state)
{
    static const struct {
        const char *value;
        bool ok;
    } t[] = {
        { NULL, true },
        { "\"abc\"", true },
        { " \"abc\"\t", true },
        { "\"x\"", false },
        { "W/\"abc\"", false },
        { "abc", false },
        { "", false },
        { "*", false },
        { THEN, true },
        { BEFORE, false },
        { AFTER, false },
        { "\"abc\", \"x\"", false },
        { "Sunday, 06-Nov-94 08:49:37 GMT", true },
    };
    elo_precond_t c = { 0 };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(t); i++) {
        c.if_range = elo_slice_str(t[i].value);
        if (elo_precond_range_ok(&c, ELO_SLICE("\"abc\""), MTIME) != t[i].ok) {
            fail_msg("%s", t[i].value);
        }
    }
    c.if_range = ELO_SLICE("\"\"");
    assert_false(elo_precond_range_ok(&c, elo_slice(NULL, 0), MTIME));
}


static void
test_date_parse(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t t;
    } t[] = {
        { THEN, true, MTIME },
        { "Sunday, 06-Nov-94 08:49:37 GMT", true, MTIME },
        { "Sun Nov  6 08:49:37 1994", true, MTIME },
        { "Sun Nov 06 08:49:37 1994", true, MTIME },
        { " " THEN " ", true, MTIME },
        { "Thu, 01 Jan 1970 00:00:00 GMT", true, 0 },
        { "Wed, 31 Dec 1969 23:59:59 GMT", true, -1 },
        { "Thu, 29 Feb 2024 12:00:00 GMT", true, 1709208000 },
        { "Tue, 29 Feb 2000 00:00:00 GMT", true, 951782400 },
        { "Sat, 31 Dec 2016 23:59:60 GMT", true, 1483228800 },
        { "Fri, 31 Dec 9999 23:59:59 GMT", true, 253402300799 },
        { "Saturday, 01-Jan-00 00:00:00 GMT", true, 946684800 },
        { "Tuesday, 31-Dec-69 00:00:00 GMT", true, 3155673600 },
        { "Sat, 01 Jan 0000 00:00:00 GMT", true, -62167219200 },
        { "", false, 0 },
        { "Sun, 06 Nov 1994 08:49:37", false, 0 },
        { "Sun, 06 Nov 1994 08:49:37 UTC", false, 0 },
        { "Sun, 06 Nov 1994 08:49:37 gmt", false, 0 },
        { "sun, 06 nov 1994 08:49:37 GMT", false, 0 },
        { "Son, 06 Nov 1994 08:49:37 GMT", false, 0 },
        { "Sun, 06 Nob 1994 08:49:37 GMT", false, 0 },
        { "Sun,  6 Nov 1994 08:49:37 GMT", false, 0 },
        { "Sun, 6 Nov 1994 08:49:37 GMT", false, 0 },
        { "Sun, 00 Nov 1994 08:49:37 GMT", false, 0 },
        { "Sun, 31 Nov 1994 08:49:37 GMT", false, 0 },
        { "Sun, 32 Dec 1994 08:49:37 GMT", false, 0 },
        { "Wed, 29 Feb 2023 12:00:00 GMT", false, 0 },
        { "Thu, 29 Feb 1900 12:00:00 GMT", false, 0 },
        { "Sun, 06 Nov 1994 24:00:00 GMT", false, 0 },
        { "Sun, 06 Nov 1994 08:60:00 GMT", false, 0 },
        { "Sun, 06 Nov 1994 08:49:61 GMT", false, 0 },
        { "Sun, 06 Nov 1994 08:49:-1 GMT", false, 0 },
        { "Sun, 06 Nov 1994 08:49:37 GMT+1", false, 0 },
        { "Sunday, 06-Nov-1994 08:49:37 GMT", false, 0 },
        { "Sun, 06-Nov-94 08:49:37 GMT", false, 0 },
        { "Sun Nov 6 08:49:37 1994", false, 0 },
        { "784111777", false, 0 },
    };
    guard_t g;
    int64_t v;

    (void) state;
    guard_init(&g, 64);
    for (size_t i = 0; i < ELO_COUNT(t); i++) {
        v = 4711;
        if (elo_http_date_parse(guard_put(&g, elo_slice_str(t[i].text)), &v)
            != t[i].ok) {
            fail_msg("\"%s\"", t[i].text);
        }
        assert_int_equal(v, t[i].ok ? t[i].t : 4711);
        for (size_t n = 0; t[i].ok && n < strlen(t[i].text) - 1; n++) {
            assert_false(elo_http_date_parse(
                guard_put(&g, elo_slice(t[i].text, n)), &v));
        }
    }
    guard_dispose(&g);
}


/* The C library's calendar and ours agree, and what is written is read. */
static void
test_date_format(void **state)
{
    char ours[ELO_HTTP_DATE_LEN + 1], theirs[64];
    struct tm tm;
    int64_t back;
    time_t t;

    (void) state;
    for (int64_t i = 0; i <= INT64_C(253402300799); i += 86400 * 13 + 4567) {
        t = (time_t) i;
        gmtime_r(&t, &tm);
        strftime(theirs, sizeof(theirs), "%a, %d %b %Y %H:%M:%S GMT", &tm);
        elo_http_date_format(i, ours);
        assert_string_equal(ours, theirs);
        assert_true(elo_http_date_parse(elo_slice_str(ours), &back));
        assert_int_equal(back, i);
    }
    elo_http_date_format(MTIME, ours);
    assert_string_equal(ours, THEN);
    elo_http_date_format(-1, ours);
    assert_string_equal(ours, "Thu, 01 Jan 1970 00:00:00 GMT");
    elo_http_date_format(INT64_MAX, ours);
    assert_string_equal(ours, "Fri, 31 Dec 9999 23:59:59 GMT");
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_no_representation),
        cmocka_unit_test(test_lists_on_guard),
        cmocka_unit_test(test_if_range),
        cmocka_unit_test(test_date_parse),
        cmocka_unit_test(test_date_format),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
