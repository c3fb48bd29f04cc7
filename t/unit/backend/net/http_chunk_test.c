/* SPDX-License-Identifier: BSD-2-Clause */
/* http_chunk: bodies in pieces of every size, malformed ones, bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "backend/net/http_chunk.h"
#include "common/base/num.h"
#include "t/unit/guard.h"

#define LEN_MAX 16384

static const struct {
    const char *name;
    const char *in;
    elo_err_t rc;
    const char *body; /* as far as it is good */
    size_t left;      /* bytes behind the end */
} cases[] = {
    { "empty", "0\r\n\r\n", ELO_OK, "", 0 },
    { "two chunks", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", ELO_OK, "abcde", 0 },
    { "hex sizes", "A\r\n0123456789\r\nb\r\n0123456789a\r\n00\r\n\r\n", ELO_OK,
      "01234567890123456789a", 0 },
    { "CRLF as data", "4\r\n\r\n\r\n\r\n0\r\n\r\n", ELO_OK, "\r\n\r\n", 0 },
    { "the next request", "1\r\na\r\n0\r\n\r\nGET /", ELO_OK, "a", 5 },
    { "trailers", "1\r\na\r\n0\r\nA: b\r\nC: d\te\r\n\r\nx", ELO_OK, "a", 1 },
    { "not over", "3\r\nab", ELO_EAGAIN, "ab", 0 },
    { "no last chunk", "1\r\na\r\n", ELO_EAGAIN, "a", 0 },
    { "no digits", "\r\n", ELO_EINVAL, "", 1 },
    { "sign", "+1\r\na\r\n", ELO_EINVAL, "", 6 },
    { "0x", "0x1\r\na\r\n", ELO_EINVAL, "", 6 },
    { "extension", "1;a=b\r\na\r\n", ELO_EINVAL, "", 8 },
    { "blank behind the size", "1 \r\na\r\n", ELO_EINVAL, "", 5 },
    { "LF alone behind the size", "1\na\r\n", ELO_EINVAL, "", 3 },
    { "CR alone behind the size", "1\ra\r\n", ELO_EINVAL, "", 2 },
    { "longer than its size", "1\r\nab\r\n", ELO_EINVAL, "a", 2 },
    { "LF alone behind data", "1\r\na\n0\r\n\r\n", ELO_EINVAL, "a", 5 },
    { "size of 2^64", "10000000000000000\r\n", ELO_EINVAL, "", 3 },
    { "control byte in a trailer", "0\r\nA\x01\r\n", ELO_EINVAL, "", 2 },
    { "LF alone in trailers", "0\r\nA\n\r\n", ELO_EINVAL, "", 2 },
    { "bare CR at the end", "0\r\n\rX", ELO_EINVAL, "", 0 },
};


/* Feeds in pieces of step bytes, as a connection would. */
static elo_err_t
decode(guard_t *g, elo_slice_t in, size_t step, char *body, size_t *body_len,
       size_t *left)
{
    elo_http_chunk_t c;
    elo_err_t rc = ELO_EAGAIN;
    size_t at = 0;

    *body_len = 0;
    elo_http_chunk_init(&c);
    while (rc == ELO_EAGAIN && at < in.len) {
        size_t n = ELO_MIN(step, in.len - at);
        elo_slice_t s = guard_put(g, elo_slice(in.p + at, n));
        uint64_t least = elo_http_chunk_min_left(&c);
        size_t len = 0;
        size_t used = 0;

        rc = elo_http_chunk_decode(&c, (uint8_t *) (uintptr_t) s.p, n, &len,
                                   &used);
        assert_true(len <= used && used <= n);
        assert_true(rc != ELO_OK || used >= least);
        (void) memcpy(body + *body_len, s.p, len);
        *body_len += len;
        at += used;
        assert_true(rc != ELO_EAGAIN || used == n);
    }
    *left = in.len - at;
    return rc;
}


static void
test_cases(void **state)
{
    char body[256];
    size_t len;
    size_t left;
    size_t i;
    size_t step;
    guard_t g;

    (void) state;
    guard_init(&g, LEN_MAX);
    for (i = 0; i < ELO_COUNT(cases); i++) {
        elo_slice_t in = elo_slice_str(cases[i].in);

        for (step = 1; step <= in.len; step++) {
            elo_err_t rc = decode(&g, in, step, body, &len, &left);

            if (rc != cases[i].rc || left != cases[i].left
                || !elo_slice_eq(elo_slice(body, len),
                                 elo_slice_str(cases[i].body)))
            {
                fail_msg("%s, step %zu: %d, %zu left", cases[i].name, step, rc,
                         left);
            }
        }
    }
    guard_dispose(&g);
}


static void
test_trailer_bound(void **state)
{
    static uint8_t in[2 * ELO_HTTP_TRAILER_MAX];
    elo_http_chunk_t c;
    size_t len;
    size_t used;

    (void) state;
    (void) memset(in, 'a', sizeof(in));
    (void) memcpy(in, "0\r\n", 3);
    elo_http_chunk_init(&c);
    assert_int_equal(elo_http_chunk_decode(&c, in, sizeof(in), &len, &used),
                     ELO_EINVAL);
    assert_int_equal(used, 3 + ELO_HTTP_TRAILER_MAX + 1);
    /* It stays so. */
    assert_int_equal(elo_http_chunk_decode(&c, in, 1, &len, &used), ELO_EINVAL);
    assert_int_equal(used, 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_trailer_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
