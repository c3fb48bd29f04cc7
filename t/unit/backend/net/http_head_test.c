/* SPDX-License-Identifier: BSD-2-Clause */
/* http_head: what good heads mean, and that no prefix of one is read past its
   end. What is refused: http_server_test.c, over the wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "backend/net/http_head.h"
#include "common/base/num.h"
#include "t/unit/guard.h"

static const struct {
    const char *head;
    const char *method;
    const char *path;
    const char *query; /* NULL: none */
    int64_t body_len;
    bool keep_alive;
    bool expects_continue;
} good[] = {
    { "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET", "/", NULL, 0, true, false },
    { "GET /a%20b?c=d?e HTTP/1.1\r\nhost:x\r\n\r\n", "GET", "/a%20b", "c=d?e",
      0, true, false },
    { "GET /a? HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET", "/a",
      "", 0, false, false },
    { "GET /../x HTTP/1.0\r\n\r\n", "GET", "/../x", NULL, 0, false, false },
    { "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "GET", "/", NULL, 0,
      true, false },
    { "PUT /b HTTP/1.1\r\nHost: x\r\nContent-Length: 007\r\n\r\n", "PUT", "/b",
      NULL, 7, true, false },
    { "PUT /b HTTP/1.1\r\nHost: x\r\n"
      "Content-Length: 9223372036854775807\r\n\r\n",
      "PUT", "/b", NULL, INT64_MAX, true, false },
    { "POST /b HTTP/1.1\r\nHost: x\r\ntransfer-encoding: Chunked\r\n"
      "Expect: 100-Continue\r\n\r\n",
      "POST", "/b", NULL, -1, true, true },
    { "DELETE /b HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n", "DELETE",
      "/b", NULL, 0, true, false },
    { "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: "
      "Upgrade\r\n\r\n",
      "GET", "/", NULL, 0, true, false },
    { "GET / HTTP/1.1\r\nHost: x\r\nX-Empty:\r\nX-T: \t a\tb \xc3\xa4 \r\n\r\n",
      "GET", "/", NULL, 0, true, false },
};


static bool
is_text(elo_slice_t s, const char *text)
{
    return text == NULL ? s.p == NULL : elo_slice_eq(s, elo_slice_str(text));
}


static void
test_good(void **state)
{
    static elo_http_head_t h;
    const char *why = NULL;
    size_t i;

    (void) state;
    for (i = 0; i < ELO_COUNT(good); i++) {
        elo_slice_t s = elo_slice_str(good[i].head);
        size_t scanned = 0;

        assert_int_equal(elo_http_head_len(s, &scanned), s.len);
        if (elo_http_head_parse(s, &h, &why) != 0
            || !is_text(h.method, good[i].method)
            || !is_text(h.path, good[i].path)
            || !is_text(h.query, good[i].query)
            || h.body_len != good[i].body_len
            || h.keep_alive != good[i].keep_alive
            || h.expects_continue != good[i].expects_continue)
        {
            fail_msg("%s: %s", good[i].head, why);
        }
    }
}


static void
test_fields(void **state)
{
    static elo_http_head_t h;
    const char *why;

    (void) state;
    assert_int_equal(
        elo_http_head_parse(ELO_SLICE("GET / HTTP/1.1\r\nHost: x\r\nA:  1 \r\n"
                                      "a: 2\r\nB:\r\n\r\n"),
                            &h, &why),
        0);
    assert_int_equal(h.n_fields, 4);
    assert_true(is_text(elo_http_head_field(&h, ELO_SLICE("a")), "1"));
    assert_true(is_text(elo_http_head_field(&h, ELO_SLICE("HOST")), "x"));
    assert_int_equal(elo_http_head_field(&h, ELO_SLICE("b")).len, 0);
    assert_non_null(elo_http_head_field(&h, ELO_SLICE("b")).p);
    assert_null(elo_http_head_field(&h, ELO_SLICE("c")).p);
}


static void
test_conditions(void **state)
{
    static const struct {
        const char *field;
        bool is_one;
    } rows[] = {
        { "Range: bytes=0-", true },       { "range: x", true },
        { "If-Match: *", true },           { "if-none-match: x", true },
        { "IF-RANGE: x", true },           { "If-Modified-Since: x", true },
        { "Accept-Ranges: x", false },     { "Ranges: x", false },
        { "X-If-Match: *", false },        { "If: x", false },
        { "Expect: 100-continue", false },
    };
    static elo_http_head_t h;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        const char *why = NULL;
        char head[128];

        (void) snprintf(head, sizeof(head),
                        "GET / HTTP/1.1\r\nHost: x\r\n%s\r\nA: b\r\n\r\n",
                        rows[i].field);
        assert_int_equal(elo_http_head_parse(elo_slice_str(head), &h, &why), 0);
        assert_int_equal(h.has_conditions, rows[i].is_one);
    }
}


/* RFC 9112, 9.3: Connection is a list, and may come twice. */
static void
test_connection(void **state)
{
    static const struct {
        const char *version;
        const char *fields;
        bool keep_alive;
    } rows[] = {
        { "1.1", "", true },
        { "1.1", "Connection: Close\r\n", false },
        { "1.1", "Connection: x, close ,y\r\n", false },
        { "1.1", "Connection: closed\r\n", true },
        { "1.1", "Connection: keep-alive\r\nConnection: close\r\n", false },
        { "1.1", "Connection: ,\r\n", true },
        { "1.1", "Proxy-Connection: close\r\n", true },
        { "1.0", "", false },
        { "1.0", "Connection: x,Keep-Alive\r\n", true },
        { "1.0", "Connection: keep-alive, close\r\n", false },
    };
    static elo_http_head_t h;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        const char *why = NULL;
        char head[160];

        (void) snprintf(head, sizeof(head),
                        "GET / HTTP/%s\r\nHost: x\r\n%s\r\n", rows[i].version,
                        rows[i].fields);
        assert_int_equal(elo_http_head_parse(elo_slice_str(head), &h, &why), 0);
        if (h.keep_alive != rows[i].keep_alive) {
            fail_msg("%s %s", rows[i].version, rows[i].fields);
        }
    }
}


/* The end is found however the head comes in, and a part is never a whole. */
static void
test_prefixes(void **state)
{
    static elo_http_head_t h;
    const char *why = NULL;
    size_t i;
    size_t n;
    guard_t g;

    (void) state;
    guard_init(&g, 4096);
    for (i = 0; i < ELO_COUNT(good); i++) {
        elo_slice_t whole = elo_slice_str(good[i].head);
        size_t scanned = 0;

        for (n = 0; n < whole.len; n++) {
            elo_slice_t s = guard_put(&g, elo_slice(whole.p, n));

            assert_int_equal(elo_http_head_len(s, &scanned), 0);
            assert_int_not_equal(elo_http_head_parse(s, &h, &why), 0);
        }
        assert_int_equal(elo_http_head_len(whole, &scanned), whole.len);
    }
    guard_dispose(&g);
}


/* Any one byte changed: no fault, and never a body length that isn't there. */
static void
test_mutations(void **state)
{
    static elo_http_head_t h;
    const char *why = NULL;
    size_t i;
    size_t n;
    int v;
    guard_t g;

    (void) state;
    guard_init(&g, 4096);
    for (i = 0; i < ELO_COUNT(good); i++) {
        elo_slice_t whole = elo_slice_str(good[i].head);

        for (n = 0; n < whole.len; n++) {
            for (v = 0; v < 256; v++) {
                elo_slice_t s = guard_put(&g, whole);

                ((uint8_t *) (uintptr_t) s.p)[n] = (uint8_t) v;
                if (elo_http_head_parse(s, &h, &why) == 0) {
                    assert_true(h.body_len >= -1);
                    assert_true(h.path.len != 0 && h.path.p[0] == '/');
                }
            }
        }
    }
    guard_dispose(&g);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),       cmocka_unit_test(test_fields),
        cmocka_unit_test(test_conditions), cmocka_unit_test(test_connection),
        cmocka_unit_test(test_prefixes),   cmocka_unit_test(test_mutations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
