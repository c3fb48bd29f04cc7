/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/base/cbor. Values: RFC 8949, appendix A, as far as they are
   deterministic and of the types that are taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/cbor.h"
#include "common/base/enc.h"
#include "common/base/num.h"
#include "t/unit/guard.h"

#define MAX 256

static size_t
unhex(const char *hex, uint8_t *out)
{
    size_t len = strlen(hex) / 2;

    assert_true(len <= MAX);
    assert_int_equal(elo_hex_decode(elo_slice_str(hex), out, len), ELO_OK);
    return len;
}


static const char *const good[] = {
    "00",                 /* 0 */
    "01",                 /* 1 */
    "0a",                 /* 10 */
    "17",                 /* 23 */
    "1818",               /* 24 */
    "1819",               /* 25 */
    "1864",               /* 100 */
    "18ff",               /* 255 */
    "190100",             /* 256 */
    "1903e8",             /* 1000 */
    "19ffff",             /* 65535 */
    "1a00010000",         /* 65536 */
    "1a000f4240",         /* 1000000 */
    "1affffffff",         /* 2^32 - 1 */
    "1b0000000100000000", /* 2^32 */
    "1b000000e8d4a51000", /* 1000000000000 */
    "1bffffffffffffffff", /* 18446744073709551615 */
    "20",                 /* -1 */
    "29",                 /* -10 */
    "3863",               /* -100 */
    "3903e7",             /* -1000 */
    "3bffffffffffffffff", /* -18446744073709551616 */
    "f4",                 /* false */
    "f5",                 /* true */
    "f6",                 /* null */
    "40",                 /* h'' */
    "4401020304",         /* h'01020304' */
    "60",                 /* "" */
    "6161",               /* "a" */
    "6449455446",         /* "IETF" */
    "62225c",             /* "\"\\" */
    "62c3bc",             /* U+00FC */
    "63e6b0b4",           /* U+6C34 */
    "64f0908591",         /* U+10151 */
    "80",                 /* [] */
    "83010203",           /* [1, 2, 3] */
    "8301820203820405",   /* [1, [2, 3], [4, 5]] */
    "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
    "a0",                 /* {} */
    "a201020304",         /* {1: 2, 3: 4} */
    "a217001818f6",       /* {23: 0, 24: null} */
    "8181818181818180",   /* eight deep */
    "a101a101a101a10180", /* maps and an array */
};

static const struct {
    const char *name, *hex, *why;
} bad[] = {
    { "nothing", "", "cbor: cut off" },
    { "0 in a byte", "1800", "cbor: not the shortest form" },
    { "23 in a byte", "1817", "cbor: not the shortest form" },
    { "255 in two", "1900ff", "cbor: not the shortest form" },
    { "65535 in four", "1a0000ffff", "cbor: not the shortest form" },
    { "2^32 - 1 in eight", "1b00000000ffffffff",
      "cbor: not the shortest form" },
    { "-1 in a byte", "3800", "cbor: not the shortest form" },
    { "long head of bytes", "580100", "cbor: not the shortest form" },
    { "long head of text", "780161", "cbor: not the shortest form" },
    { "long head of an array", "980100", "cbor: not the shortest form" },
    { "long head of a map", "b8010000", "cbor: not the shortest form" },
    { "long key", "a1180000", "cbor: not the shortest form" },
    { "reserved 28", "1c", "cbor: reserved head" },
    { "reserved 29", "5d", "cbor: reserved head" },
    { "reserved 30", "9e", "cbor: reserved head" },
    { "integer of no length", "1f", "cbor: indefinite length" },
    { "indefinite bytes", "5f42010243030405ff", "cbor: indefinite length" },
    { "indefinite text", "7f657374726561646d696e67ff",
      "cbor: indefinite length" },
    { "indefinite array", "9f0102ff", "cbor: indefinite length" },
    { "indefinite map", "bf0102ff", "cbor: indefinite length" },
    { "break alone", "ff", "cbor: a float or simple value" },
    { "half float 0", "f90000", "cbor: a float or simple value" },
    { "single float", "fa47c35000", "cbor: a float or simple value" },
    { "double float", "fb3ff199999999999a", "cbor: a float or simple value" },
    { "undefined", "f7", "cbor: a float or simple value" },
    { "simple 16", "f0", "cbor: a float or simple value" },
    { "null in two bytes", "f816", "cbor: a float or simple value" },
    { "simple 255", "f8ff", "cbor: a float or simple value" },
    { "tag 0", "c001", "cbor: a tag" },
    { "bignum", "c249010000000000000000", "cbor: a tag" },
    { "self-described", "d9d9f700", "cbor: a tag" },
    { "keys out of order", "a203040102", "cbor: keys out of order" },
    { "a key twice", "a201020102", "cbor: a key twice" },
    { "a text as key", "a1616101", "cbor: another type" },
    { "a negative key", "a12001", "cbor: another type" },
    { "a map of a key only", "a101", "cbor: cut off" },
    { "overlong UTF-8", "62c080", "cbor: text that is no UTF-8" },
    { "a surrogate", "63eda080", "cbor: text that is no UTF-8" },
    { "cut UTF-8", "61c3", "cbor: text that is no UTF-8" },
    { "bytes past the end", "4401", "cbor: cut off" },
    { "bytes of 2^64 - 1", "5bffffffffffffffff00", "cbor: cut off" },
    { "text of 2^63", "7b800000000000000061", "cbor: cut off" },
    { "array of 2^64 - 1", "9bffffffffffffffff00", "cbor: cut off" },
    { "map of 2^64 - 1", "bbffffffffffffffff0000", "cbor: cut off" },
    { "nine deep", "818181818181818180", "cbor: too deep" },
    { "nine deep in maps", "a101a101a101a101a101a101a101a101a0",
      "cbor: too deep" },
    { "two items", "0000", "cbor: something follows" },
};


/* Writes the item that r is at by the typed readers and the writers only. */
static void
again(elo_cbor_t *r, elo_buf_t *out)
{
    uint8_t major = (uint8_t) (*r->p >> 5);
    elo_cbor_map_t m, count;
    uint64_t n = 0, key;
    elo_cbor_t at = *r;
    elo_slice_t s;

    switch (major) {
    case ELO_CBOR_UINT:
        assert_true(elo_cbor_uint(r, &n));
        elo_cbor_put_uint(out, n);
        return;
    case ELO_CBOR_BYTES:
        assert_true(elo_cbor_bytes(r, &s));
        elo_cbor_put_bytes(out, s);
        return;
    case ELO_CBOR_TEXT:
        assert_true(elo_cbor_text(r, &s));
        elo_cbor_put_text(out, s);
        return;
    case ELO_CBOR_ARRAY:
        assert_true(elo_cbor_array(r, &n));
        elo_cbor_put_head(out, ELO_CBOR_ARRAY, n);
        while (n-- > 0) {
            again(r, out);
        }
        return;
    case ELO_CBOR_MAP:
        assert_true(elo_cbor_map(&at, &count));
        while (elo_cbor_key(&at, &count, &key)) {
            assert_true(elo_cbor_item(&at, NULL));
            n++;
        }
        elo_cbor_put_head(out, ELO_CBOR_MAP, n);
        assert_true(elo_cbor_map(r, &m));
        while (elo_cbor_key(r, &m, &key)) {
            elo_cbor_put_uint(out, key);
            again(r, out);
        }
        return;
    default:
        break;
    }
    if (elo_cbor_null(r)) {
        elo_cbor_put_null(out);
        return;
    }
    assert_true(elo_cbor_item(r, &s)); /* negative, false, true */
    elo_buf_put_slice(out, s);
}


/* What is taken has one form only. */
static bool
is_taken(elo_slice_t in)
{
    uint8_t mem[MAX];
    elo_slice_t s;
    elo_cbor_t r;
    elo_buf_t b;

    elo_cbor_init(&r, in);
    if (!elo_cbor_item(&r, &s) || !elo_cbor_end(&r)) {
        assert_non_null(r.why);
        return false;
    }
    assert_true(elo_slice_eq(s, in));
    elo_cbor_init(&r, in);
    elo_buf_init_fixed(&b, mem, sizeof(mem));
    again(&r, &b);
    assert_true(elo_cbor_end(&r));
    assert_int_equal(elo_buf_err(&b), ELO_OK);
    assert_true(elo_slice_eq(elo_buf_slice(&b), in));
    return true;
}


static void
test_good(void **state)
{
    uint8_t mem[MAX];
    guard_t g;

    (void) state;
    guard_init(&g, MAX);
    for (size_t i = 0; i < ELO_COUNT(good); i++) {
        size_t len = unhex(good[i], mem);

        assert_true(is_taken(guard_put(&g, elo_slice(mem, len))));
        for (size_t n = 0; n < len; n++) { /* no item is another's prefix */
            assert_false(is_taken(guard_put(&g, elo_slice(mem, n))));
        }
        for (size_t at = 0; at < len; at++) {
            uint8_t was = mem[at];

            for (unsigned v = 0; v < 256; v++) {
                mem[at] = (uint8_t) v;
                is_taken(guard_put(&g, elo_slice(mem, len)));
            }
            mem[at] = was;
        }
    }
    guard_dispose(&g);
}


static void
test_bad(void **state)
{
    uint8_t mem[MAX];
    elo_cbor_t r;
    guard_t g;

    (void) state;
    guard_init(&g, MAX);
    for (size_t i = 0; i < ELO_COUNT(bad); i++) {
        size_t len = unhex(bad[i].hex, mem);

        elo_cbor_init(&r, guard_put(&g, elo_slice(mem, len)));
        if (elo_cbor_item(&r, NULL) && elo_cbor_end(&r)) {
            fail_msg("%s is taken", bad[i].name);
        }
        assert_string_equal(r.why, bad[i].why);
    }
    guard_dispose(&g);
}


static uint32_t
next_random(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return *x;
}


static void
test_random(void **state)
{
    static const uint8_t firsts[] = { 0x00, 0x18, 0x19, 0x40, 0x41, 0x58,
                                      0x60, 0x61, 0x80, 0x81, 0x82, 0xa0,
                                      0xa1, 0xa2, 0xf6, 0xc1, 0xf9, 0x9f };
    uint32_t x = 20260101, n_taken = 0;
    uint8_t mem[12];

    (void) state;
    for (unsigned i = 0; i < 300000; i++) {
        size_t len = next_random(&x) % sizeof(mem) + 1;

        for (size_t k = 0; k < len; k++) {
            uint32_t v = next_random(&x);

            mem[k] = v % 3 == 0 ? (uint8_t) (v >> 8)
                                : firsts[(v >> 8) % sizeof(firsts)];
        }
        n_taken += is_taken(elo_slice(mem, len)) ? 1 : 0;
    }
    assert_true(n_taken > 1000); /* the generator reaches what is good */
}


static void
test_sticky(void **state)
{
    static const uint8_t mem[] = { 0x01, 0x40, 0x01 };
    elo_slice_t s = ELO_SLICE("x");
    uint64_t v = 7;
    elo_cbor_t r;

    (void) state;
    elo_cbor_init(&r, elo_slice(mem, sizeof(mem)));
    assert_false(elo_cbor_null(&r)); /* asks only */
    assert_null(r.why);
    assert_true(elo_cbor_uint(&r, &v));
    assert_int_equal(v, 1);
    assert_false(elo_cbor_uint(&r, &v)); /* bytes */
    assert_string_equal(r.why, "cbor: another type");
    assert_int_equal(v, 1);
    assert_false(elo_cbor_bytes(&r, &s));
    assert_false(elo_cbor_text(&r, &s));
    assert_false(elo_cbor_array(&r, &v));
    assert_false(elo_cbor_item(&r, &s));
    assert_false(elo_cbor_null(&r));
    assert_false(elo_cbor_end(&r));
    assert_int_equal(v, 1);
    assert_int_equal(s.len, 1);
    assert_string_equal(r.why, "cbor: another type");
}


static void
test_writers_end_of_room(void **state)
{
    uint8_t mem[4];
    elo_buf_t b;

    (void) state;
    elo_buf_init_fixed(&b, mem, sizeof(mem));
    elo_cbor_put_bytes(&b, ELO_SLICE("abc"));
    assert_int_equal(elo_buf_err(&b), ELO_OK);
    elo_cbor_put_null(&b);
    assert_int_equal(elo_buf_err(&b), ELO_ETOOBIG);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_sticky),
        cmocka_unit_test(test_writers_end_of_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
