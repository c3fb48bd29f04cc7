/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/node/ndjson: lines, bounds, and that where a piece ends makes no
   difference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "backend/node/ndjson.h"
#include "common/base/buf.h"
#include "common/base/num.h"
#include "t/unit/guard.h"

#define MAX      8
#define TEXT_MAX 4096


/* What there is in text, in pieces of piece bytes: "1:abc 3:! ". */
static void
split(guard_t *g, elo_slice_t text, size_t piece, bool is_end, elo_buf_t *out)
{
    elo_ndjson_t n = { .max = MAX };
    uint8_t held[TEXT_MAX];
    size_t len = 0, at = 0;

    while (at < text.len || (at == 0 && text.len == 0)) {
        size_t take = ELO_MIN(piece, text.len - at);
        bool is_last = is_end && at + take == text.len;
        elo_ndjson_step_t step;
        elo_slice_t in, line;

        memcpy(held + len, text.p + at, take);
        at += take;
        in = guard_put(g, elo_slice(held, len + take));
        while ((step = elo_ndjson_next(&n, &in, is_last, &line))
               != ELO_NDJSON_MORE) {
            elo_buf_printf(out, "%llu:", (unsigned long long) n.line);
            if (step == ELO_NDJSON_TOO_LONG) {
                elo_buf_put_u8(out, '!');
            } else {
                assert_true(line.len > 0 && line.len <= MAX);
                elo_buf_put_slice(out, line);
            }
            elo_buf_put_u8(out, ' ');
        }
        assert_true(in.len <= MAX + 1);
        assert_true(!is_last || in.len == 0);
        len = in.len;
        memmove(held, in.p, len);
        if (text.len == 0) {
            break;
        }
    }
}


static const struct {
    const char *text;
    const char *ended; /* what comes of it when that was all */
    const char *cut;   /* when more may come */
} cases[] = {
    { "", "", "" },
    { "\n", "", "" },
    { "a", "1:a ", "" },
    { "a\n", "1:a ", "1:a " },
    { "a\r\nb\r\n", "1:a 2:b ", "1:a 2:b " },
    { "a\r", "1:a ", "" },
    { "a\rb\n", "1:a\rb ", "1:a\rb " },
    { "a\n\n \t\r\nb", "1:a 4:b ", "1:a " },
    { "   ", "", "" },
    { "12345678\n", "1:12345678 ", "1:12345678 " },
    { "12345678\r\n", "1:12345678 ", "1:12345678 " },
    { "12345678", "1:12345678 ", "" },
    { "12345678\r", "1:12345678 ", "" },
    { "123456789\nb\n", "1:! 2:b ", "1:! 2:b " },
    { "123456789\r\nb\n", "1:! 2:b ", "1:! 2:b " },
    { "123456789", "1:! ", "" },
    { "1234567890", "1:! ", "1:! " },
    { "12345678\r\r\nb\n", "1:! 2:b ", "1:! 2:b " },
    { "123456789012345678901234567890\nb\n\nc", "1:! 2:b 4:c ", "1:! 2:b " },
    { "a\n1234567890123\n1234567890123\nb\n", "1:a 2:! 3:! 4:b ",
      "1:a 2:! 3:! 4:b " },
    { "         \nb\n", "1:! 2:b ", "1:! 2:b " },
};


static void
test_pieces(void **state)
{
    guard_t g;

    (void) state;
    guard_init(&g, TEXT_MAX);
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        elo_slice_t text = elo_slice_str(cases[i].text);

        for (size_t piece = 1; piece <= text.len + 1; piece++) {
            for (int is_end = 0; is_end < 2; is_end++) {
                const char *want = is_end != 0 ? cases[i].ended : cases[i].cut;
                elo_buf_t out;

                elo_buf_init(&out, TEXT_MAX);
                split(&g, text, piece, is_end != 0, &out);
                assert_string_equal(elo_buf_cstr(&out), want);
                elo_buf_dispose(&out);
            }
        }
    }
    guard_dispose(&g);
}


/* Any text gives the same lines in pieces of any length. */
static void
test_random(void **state)
{
    static const char letters[] = "ab \r\n\n";
    uint64_t seed = 20261121;
    guard_t g;

    (void) state;
    guard_init(&g, TEXT_MAX);
    for (int round = 0; round < 2000; round++) {
        uint8_t mem[64];
        elo_buf_t whole, pieces;
        size_t len;

        seed = seed * 6364136223846793005u + 1442695040888963407u;
        len = (seed >> 33) % sizeof(mem);
        for (size_t i = 0; i < len; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            mem[i] = (uint8_t) letters[(seed >> 33) % (sizeof(letters) - 1)];
        }
        elo_buf_init(&whole, TEXT_MAX);
        elo_buf_init(&pieces, TEXT_MAX);
        split(&g, elo_slice(mem, len), sizeof(mem), true, &whole);
        split(&g, elo_slice(mem, len), 1 + (seed >> 40) % 5, true, &pieces);
        assert_string_equal(elo_buf_cstr(&whole), elo_buf_cstr(&pieces));
        elo_buf_dispose(&whole);
        elo_buf_dispose(&pieces);
    }
    guard_dispose(&g);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests_name("backend/node/ndjson", tests, NULL,
                                       NULL);
}
