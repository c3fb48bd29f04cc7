/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/node/filter: what a listing may be asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "backend/node/filter.h"
#include "common/base/num.h"
#include "t/unit/guard.h"

#define HEX64 "0000000000000000000000000000000000000000000000000000000000000007"
#define TAG64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static elo_filter_t f;
static elo_content_fault_t fault;


static elo_err_t
parse(const char *query)
{
    return elo_filter_parse(elo_slice_str(query), &f, &fault);
}


static void
test_all(void **state)
{
    (void) state;
    assert_int_equal(parse(""), ELO_OK);
    assert_int_equal(f.limit, 50);
    assert_false(f.has_owner || f.has_reach || f.has_lifecycle);
    assert_int_equal(f.n_tags + f.format.len + f.related.len + f.cursor.len
                         + f.after.len,
                     0);
    assert_false(elo_filter_needs_text(&f));

    assert_int_equal(parse("limit=7&owner=" HEX64 "&reach=local&tag=a%20b&"
                           "lifecycle=archived&tag=%C3%B6&format=audio-file&"
                           "related=serie%3A1&tag=c+d&cursor=xy"),
                     ELO_OK);
    assert_int_equal(f.limit, 7);
    assert_true(f.has_owner && f.owner.b[31] == 7 && f.owner.b[0] == 0);
    assert_true(f.has_reach && f.reach == ELO_REACH_LOCAL);
    assert_true(f.has_lifecycle && f.lifecycle == ELO_LIFECYCLE_ARCHIVED);
    assert_true(elo_slice_eq(f.format, ELO_SLICE("audio-file")));
    assert_int_equal(f.n_tags, 3);
    assert_true(elo_slice_eq(f.tags[0], ELO_SLICE("a b")));
    assert_true(elo_slice_eq(f.tags[1], ELO_SLICE("\xc3\xb6")));
    assert_true(elo_slice_eq(f.tags[2], ELO_SLICE("c+d")));
    assert_true(elo_slice_eq(f.related, ELO_SLICE("serie:1")));
    assert_true(elo_slice_eq(f.cursor, ELO_SLICE("xy")));
    assert_true(elo_filter_needs_text(&f));
    assert_int_equal(parse("limit=501&&after=x&"), ELO_OK);
    assert_int_equal(f.limit, 500);
    assert_true(elo_slice_eq(f.after, ELO_SLICE("x")));
}


static void
test_refused(void **state)
{
    static const struct {
        const char *query, *field, *says;
    } cases[] = {
        { "limit=0", "limit", "from 1" },
        { "limit=", "limit", "from 1" },
        { "limit", "limit", "from 1" },
        { "limit=-1", "limit", "from 1" },
        { "limit=1e3", "limit", "from 1" },
        { "limit=18446744073709551616", "limit", "from 1" },
        { "limit=5&limit=5", "limit", "twice" },
        { "reach=commons&reach=private", "reach", "twice" },
        { "reach=public", "reach", "neighborhood" },
        { "reach=Commons", "reach", "neighborhood" },
        { "reach=", "reach", "neighborhood" },
        { "lifecycle=new", "lifecycle", "deprecated" },
        { "format=mp4", "format", "plaintext" },
        { "owner=me", "owner", "64 hex digits" },
        { "owner=", "owner", "64 hex digits" },
        { "owner=" /* the operator has no name */
          "0000000000000000000000000000000000000000000000000000000000000000",
          "owner", "64 hex digits" },
        { "tag=", "tag", "1 to 128" },
        { "tag", "tag", "1 to 128" },
        { "tag=a%0Ab", "tag", "1 to 128" },
        { "tag=%FF", "tag", "1 to 128" },
        { "tag=%00", "tag", "escape" },
        { "tag=%4", "tag", "escape" },
        { "tag=%zz", "tag", "escape" },
        { "tag=1&tag=2&tag=3&tag=4&tag=5&tag=6&tag=7&tag=8&tag=9", "tag",
          "8 times" },
        { "tag=" TAG64 TAG64 "x", "tag", "1 to 128" },
        { "related=a/b", "related", "id of a content" },
        { "related=" HEX64, "related", "id of a content" },
        { "after=a%2Fb", "after", "id of a content" },
        { "after=", "after", "id of a content" },
        { "cursor=", "cursor", "next" },
        { "cursor=x&after=y", "after", "exclude" },
        { "after=y&cursor=x", "after", "exclude" },
        /* by its name, and never by what it doesn't print */
        { "q=x", "q", "no parameter" },
        { "sort=title", "sort", "no parameter" },
        { "Tag=a", "Tag", "no parameter" },
        { "tags=a", "tags", "no parameter" },
        { "%74ag=a", "%74ag", "no parameter" },
        { "tag[]=a", "tag[]", "no parameter" },
        { "=x", "", "no parameter" },
        { "\x1b[31m\xff=1", "?[31m?", "no parameter" },
        { TAG64 "=1", "0123456789abcdef0123456789abcdef0123456789abcdef",
          "no parameter" },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        if (parse(cases[i].query) != ELO_EINVAL
            || strcmp(fault.field, cases[i].field) != 0
            || strstr(fault.detail, cases[i].says) == NULL
            || strncmp(fault.detail, cases[i].field, strlen(cases[i].field))
                   != 0)
        {
            fail_msg("%s: \"%s\" %s", cases[i].query, fault.field,
                     fault.detail);
        }
    }
}


/* The longest that may be asked for: eight tags of 128 characters of four bytes, each
   of them escaped. */
static void
test_longest(void **state)
{
    elo_buf_t b;

    (void) state;
    elo_buf_init(&b, 32768);
    elo_buf_put_str(&b, "owner=" HEX64 "&related=");
    for (unsigned i = 0; i < ELO_CONTENT_ID_MAX; i++) {
        elo_buf_put_str(&b, "r");
    }
    for (unsigned t = 0; t < ELO_FILTER_TAGS_MAX; t++) {
        elo_buf_put_str(&b, "&tag=");
        for (unsigned i = 0; i < 128; i++) {
            elo_buf_put_str(&b, "%F0%9F%8E%A5");
        }
    }
    assert_int_equal(elo_filter_parse(elo_buf_slice(&b), &f, &fault), ELO_OK);
    assert_int_equal(f.tags[7].len, 512);
    elo_buf_put_str(&b, "&cursor=");
    for (unsigned i = 0; i < 8192; i++) {
        elo_buf_put_str(&b, "c");
    }
    assert_int_equal(elo_filter_parse(elo_buf_slice(&b), &f, &fault),
                     ELO_EINVAL);
    assert_string_equal(fault.field, "cursor");
    elo_buf_dispose(&b);
}


static void
test_prefixes(void **state)
{
    static const char all[] =
        "limit=7&owner=" HEX64 "&tag=a%20b&tag=%C3%B6&related=x&after=y";
    guard_t g;

    (void) state;
    guard_init(&g, sizeof(all));
    for (size_t n = 0; n < sizeof(all); n++) {
        elo_err_t rc =
            elo_filter_parse(guard_put(&g, elo_slice(all, n)), &f, &fault);

        assert_true(rc == ELO_OK || rc == ELO_EINVAL);
    }
    guard_dispose(&g);
}


/* The same for whatever page, and another for whatever else is asked for. */
static void
test_digest(void **state)
{
    static const char *const queries[] = {
        "",
        "owner=" HEX64,
        "reach=private",
        "reach=invited",
        "lifecycle=draft",
        "lifecycle=published",
        "format=html",
        "format=document",
        "related=html",
        "tag=html",
        "tag=ab&tag=c",
        "tag=a&tag=bc",
        "tag=abc",
    };
    elo_digest_t digests[ELO_COUNT(queries)], page;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(queries); i++) {
        assert_int_equal(parse(queries[i]), ELO_OK);
        assert_int_equal(elo_filter_digest(&f, &digests[i]), ELO_OK);
        for (size_t k = 0; k < i; k++) {
            assert_memory_not_equal(&digests[k], &digests[i], sizeof(page));
        }
    }
    assert_int_equal(parse("limit=3&tag=ab&cursor=zz&tag=c"), ELO_OK);
    assert_int_equal(elo_filter_digest(&f, &page), ELO_OK);
    assert_memory_equal(&page, &digests[10], sizeof(page));
}


static void
test_matches(void **state)
{
    static const struct {
        const char *query;
        bool matches;
    } cases[] = {
        { "", true },
        { "format=html", true },
        { "format=epub", false },
        { "tag=one", true },
        { "tag=one&tag=two", true },
        { "tag=two&tag=one&format=html&related=y", true },
        { "tag=one&tag=three", false },
        { "tag=On", false },
        { "related=y", true },
        { "related=x", false },
        { "related=y&format=epub", false },
    };
    elo_content_t n;

    (void) state;
    assert_int_equal(
        elo_content_load(
            ELO_SLICE("{\"id\":\"x\",\"version\":1,\"lifecycle\":\"stale\","
                      "\"contentFormat\":\"html\",\"tags\":[\"one\",\"two\"],"
                      "\"relations\":[{\"type\":\"t\",\"target\":\"y\"}],"
                      "\"createdAt\":\"2026-11-21T04:05:06Z\"}"),
            &n),
        ELO_OK);
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        assert_int_equal(parse(cases[i].query), ELO_OK);
        assert_int_equal(elo_filter_matches_text(&f, &n), cases[i].matches);
    }
    elo_content_dispose(&n);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_longest), cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_digest),  cmocka_unit_test(test_matches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
