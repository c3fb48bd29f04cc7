/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/base/enc. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "common/base/enc.h"
#include "common/base/num.h"
#include "t/unit/guard.h"

typedef elo_err_t (*decode_fn)(elo_slice_t s, uint8_t *out, size_t max,
                               size_t *len);

typedef struct {
    const char *name;
    const char *text;
    elo_err_t rc;
    const char *bytes;
    size_t len;
} row_t;


static void
run_rows(const row_t *rows, size_t n, decode_fn decode, size_t max)
{
    guard_t g;
    uint8_t out[256];
    size_t len;
    elo_err_t rc;

    guard_init(&g, 4096);
    for (size_t i = 0; i < n; i++) {
        len = 777;
        rc = decode(guard_put(&g, elo_slice_str(rows[i].text)), out, max, &len);
        if (rc != rows[i].rc) {
            fail_msg("%s: %d, not %d", rows[i].name, rc, rows[i].rc);
        }
        if (rc != ELO_OK) {
            assert_int_equal(len, 777); /* untouched */
            continue;
        }
        assert_int_equal(len, rows[i].len);
        assert_memory_equal(out, rows[i].bytes, len);
    }
    guard_dispose(&g);
}


static void
test_hex(void **state)
{
    static const uint8_t bytes[] = { 0x00, 0x7f, 0x80, 0xff, 0xa5 };
    uint8_t back[sizeof(bytes)];
    char text[2 * sizeof(bytes) + 1];

    (void) state;
    elo_hex_encode(bytes, sizeof(bytes), text);
    assert_string_equal(text, "007f80ffa5");
    assert_int_equal(elo_hex_decode(ELO_SLICE("007F80fFa5"), back, 5), 0);
    assert_memory_equal(back, bytes, sizeof(bytes));
    elo_hex_encode(bytes, 0, text);
    assert_string_equal(text, "");
    assert_int_equal(elo_hex_decode(ELO_SLICE(""), back, 0), ELO_OK);
}


static void
test_hex_u64(void **state)
{
    static const uint64_t values[] = { 0, 1, 0x0123456789abcdef, UINT64_MAX,
                                       (uint64_t) 1 << 63 };
    char text[17], want[17];

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(values); i++) {
        snprintf(want, sizeof(want), "%016llx", (unsigned long long) values[i]);
        elo_hex_u64(values[i], text);
        assert_string_equal(text, want);
    }
}


static void
test_hex_bad(void **state)
{
    static const char *const bad[] = {
        "",           "007f80ffa",   "007f80ffa55", "007f80ffa5a5",
        "007f80ffag", "007f80ffa5 ", " 07f80ffa5",  "0x7f80ffa5",
        "007f80ff:5", "007f80ff@5",  "007f80ff`5",  "007f80ff/5",
    };
    uint8_t out[5];

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(bad); i++) {
        memset(out, 0xee, sizeof(out));
        assert_int_equal(elo_hex_decode(elo_slice_str(bad[i]), out, 5),
                         ELO_EINVAL);
        for (size_t k = 0; k < sizeof(out); k++) {
            assert_int_equal(out[k], 0xee);
        }
    }
    assert_int_equal(elo_hex_decode(elo_slice("0\0", 2), out, 1), ELO_EINVAL);
}


static void
test_base32_vectors(void **state)
{
    /* RFC 4648, 10, without padding and in lower case */
    static const char *const rows[][2] = {
        { "", "" },
        { "f", "my" },
        { "fo", "mzxq" },
        { "foo", "mzxw6" },
        { "foob", "mzxw6yq" },
        { "fooba", "mzxw6ytb" },
        { "foobar", "mzxw6ytboi" },
    };
    char text[32];

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_base32_encode((const uint8_t *) rows[i][0], strlen(rows[i][0]),
                          text);
        assert_string_equal(text, rows[i][1]);
        assert_int_equal(strlen(text), ELO_BASE32_LEN(strlen(rows[i][0])));
    }
}


static void
test_base32_decode(void **state)
{
    static const row_t rows[] = {
        { "empty", "", ELO_OK, "", 0 },
        { "lower", "mzxw6ytboi", ELO_OK, "foobar", 6 },
        { "upper", "MZXW6YTBOI", ELO_OK, "foobar", 6 },
        { "digits only", "2222222222222222", ELO_OK,
          "\xd6\xb5\xad\x6b\x5a\xd6\xb5\xad\x6b\x5a", 10 },
        { "mixed case", "mzxw6ytbOI", ELO_EINVAL, NULL, 0 },
        { "padded", "my======", ELO_EINVAL, NULL, 0 },
        { "left-over bits set", "mz", ELO_EINVAL, NULL, 0 },
        { "superfluous character", "mya", ELO_EINVAL, NULL, 0 },
        { "one character", "a", ELO_EINVAL, NULL, 0 },
        { "outside the alphabet, 1", "m1", ELO_EINVAL, NULL, 0 },
        { "outside the alphabet, 8", "m8", ELO_EINVAL, NULL, 0 },
        { "high byte", "m\xc3\xa9", ELO_EINVAL, NULL, 0 },
        { "space", "my mzxq", ELO_EINVAL, NULL, 0 },
        { "longer than the room", "mzxw6ytboimzxw6ytboi", ELO_ETOOBIG, NULL,
          0 },
    };

    (void) state;
    run_rows(rows, ELO_COUNT(rows), elo_base32_decode, 10);
}


static void
test_base32_all_lengths(void **state)
{
    uint8_t bytes[64], back[64];
    char text[ELO_BASE32_LEN(64) + 1];
    size_t len;

    (void) state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t) (i * 37 + 11);
    }
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        elo_base32_encode(bytes, n, text);
        assert_int_equal(elo_base32_decode(elo_slice_str(text), back, n, &len),
                         ELO_OK);
        assert_int_equal(len, n);
        assert_memory_equal(back, bytes, n);
    }
}


static void
test_base58_decode(void **state)
{
    static const row_t rows[] = {
        { "empty", "", ELO_OK, "", 0 },
        { "hello", "StV1DL6CwTryKyV", ELO_OK, "hello world", 11 },
        { "leading zeros", "11StV1DL6CwTryKyV", ELO_OK, "\0\0hello world", 13 },
        { "only zeros", "111", ELO_OK, "\0\0\0", 3 },
        { "zero digit", "0StV1", ELO_EINVAL, NULL, 0 },
        { "capital o", "OStV1", ELO_EINVAL, NULL, 0 },
        { "capital i", "IStV1", ELO_EINVAL, NULL, 0 },
        { "small l", "lStV1", ELO_EINVAL, NULL, 0 },
        { "high byte", "St\xff", ELO_EINVAL, NULL, 0 },
        { "longer than the room", "StV1DL6CwTryKyVStV1DL6CwTryKyV", ELO_ETOOBIG,
          NULL, 0 },
        { "more zeros than room", "11111111111111111", ELO_ETOOBIG, NULL, 0 },
        { "past 128 characters",
          "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
          "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
          "z",
          ELO_ETOOBIG, NULL, 0 },
    };

    (void) state;
    run_rows(rows, ELO_COUNT(rows), elo_base58_decode, 16);
    assert_int_equal(elo_base58_decode(elo_slice("1\0", 2), (uint8_t[4]){ 0 },
                                       4, &(size_t){ 0 }),
                     ELO_EINVAL);
}


static void
test_base58_longest(void **state)
{
    uint8_t out[128];
    char text[128];
    size_t len;

    (void) state;
    memset(text, 'z', sizeof(text));
    assert_int_equal(
        elo_base58_decode(elo_slice(text, sizeof(text)), out, 128, &len), 0);
    assert_int_equal(len, 94); /* 128 * log(58) / log(256), rounded up */
}


/* The vectors of draft-msporny-base58. */
static void
test_base58_vectors(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *text;
    } rows[] = {
        { "Hello World!", 12, "2NEpo7TZRRrLZSi2U" },
        { "The quick brown fox jumps over the lazy dog.", 44,
          "USm3fpXnKG5EUBx2ndxBDMPVciP5hGey2Jh4NDv6gmeo1LkMeiKrLJUUBk6Z" },
        { "\0\0\x28\x7f\xb4\xcd", 6, "11233QC4" },
        { "", 0, "" },
        { "\0", 1, "1" },
    };
    uint8_t back[64];
    char text[ELO_BASE58_LEN(44) + 1];
    size_t len;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_base58_encode((const uint8_t *) rows[i].bytes, rows[i].len, text);
        assert_string_equal(text, rows[i].text);
        assert_int_equal(
            elo_base58_decode(elo_slice_str(text), back, sizeof(back), &len),
            0);
        assert_int_equal(len, rows[i].len);
        assert_memory_equal(back, rows[i].bytes, len);
    }
}


/* Bytes of every length, with zeros in front and without, and the largest. */
static void
test_base58_all_lengths(void **state)
{
    uint8_t bytes[64], back[64];
    char text[ELO_BASE58_LEN(64) + 2];
    uint32_t seed = 58;
    size_t len;

    (void) state;
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        for (size_t zeros = 0; zeros <= n + 1; zeros++) {
            for (size_t i = 0; i < n; i++) {
                seed = seed * 1664525 + 1013904223;
                bytes[i] = zeros > n   ? 0xff
                           : i < zeros ? 0
                                       : (uint8_t) (seed >> 24);
            }
            memset(text, '#', sizeof(text));
            elo_base58_encode(bytes, n, text);
            assert_in_range(strlen(text), 0, ELO_BASE58_LEN(n));
            assert_int_equal(text[strlen(text) + 1], '#');
            assert_int_equal(
                elo_base58_decode(elo_slice_str(text), back, n, &len), 0);
            assert_int_equal(len, n);
            assert_memory_equal(back, bytes, n);
        }
    }
}


/* The first rows are multibase's own, without the 'k'. */
static void
test_base36_decode(void **state)
{
    static const row_t rows[] = {
        { "yes mani", "2lcpzo5yikidynfl", ELO_OK, "yes mani !", 10 },
        { "leading zero", "02lcpzo5yikidynfl", ELO_OK, "\0yes mani !", 11 },
        { "hello", "fuvrsivvnfrbjwajo", ELO_OK, "hello world", 11 },
        { "empty", "", ELO_OK, "", 0 },
        { "upper", "2LCPZO5YIKIDYNFL", ELO_EINVAL, NULL, 0 },
        { "one upper", "2lcpzo5yikidynfL", ELO_EINVAL, NULL, 0 },
        { "blank", "2lcpzo5yikidynfl ", ELO_EINVAL, NULL, 0 },
        { "before the letters", "`", ELO_EINVAL, NULL, 0 },
        { "behind the letters", "{", ELO_EINVAL, NULL, 0 },
        { "before the digits", "/", ELO_EINVAL, NULL, 0 },
        { "behind the digits", ":", ELO_EINVAL, NULL, 0 },
        { "longer than the room", "fuvrsivvnfrbjwajofuvrsivvnf", ELO_ETOOBIG,
          NULL, 0 },
    };

    (void) state;
    run_rows(rows, ELO_COUNT(rows), elo_base36_decode, 16);
}


static elo_err_t
percent(elo_slice_t s, uint8_t *out, size_t max, size_t *len)
{
    (void) max;
    return elo_percent_decode(s, out, len);
}


static void
test_percent_decode(void **state)
{
    static const row_t rows[] = {
        { "empty", "", ELO_OK, "", 0 },
        { "plain", "/api/blob/x", ELO_OK, "/api/blob/x", 11 },
        { "escape", "a%20b%2Fc%2f", ELO_OK, "a b/c/", 6 },
        { "plus is a plus", "a+b", ELO_OK, "a+b", 3 },
        { "decoded once", "%2541", ELO_OK, "%41", 3 },
        { "high byte", "%c3%A9", ELO_OK, "\xc3\xa9", 2 },
        { "truncated at %", "a%", ELO_EINVAL, NULL, 0 },
        { "truncated digit", "a%4", ELO_EINVAL, NULL, 0 },
        { "not hex", "%4g", ELO_EINVAL, NULL, 0 },
        { "not hex, first", "%g4", ELO_EINVAL, NULL, 0 },
        { "sign", "%-1", ELO_EINVAL, NULL, 0 },
        { "encoded NUL", "a%00b", ELO_EINVAL, NULL, 0 },
        { "double percent", "%%41", ELO_EINVAL, NULL, 0 },
    };

    (void) state;
    run_rows(rows, ELO_COUNT(rows), percent, 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_hex_bad),
        cmocka_unit_test(test_hex_u64),
        cmocka_unit_test(test_base32_vectors),
        cmocka_unit_test(test_base32_decode),
        cmocka_unit_test(test_base32_all_lengths),
        cmocka_unit_test(test_base58_decode),
        cmocka_unit_test(test_base58_longest),
        cmocka_unit_test(test_base58_vectors),
        cmocka_unit_test(test_base58_all_lengths),
        cmocka_unit_test(test_base36_decode),
        cmocka_unit_test(test_percent_decode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
