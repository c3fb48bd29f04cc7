/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/base/crypto, with the vectors of FIPS 180-4's examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/crypto.h"
#include "common/base/enc.h"
#include "common/base/num.h"

typedef struct {
    const char *text;
    const char *hex;
} row_t;

static const row_t rows[] = {
    { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { "abc",
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
};


static void
assert_digest(const elo_digest_t *d, const char *hex)
{
    char text[ELO_SHA256_HEX_LEN + 1];

    elo_hex_encode(d->b, sizeof(d->b), text);
    assert_string_equal(text, hex);
}


static void
test_at_once(void **state)
{
    elo_digest_t d;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        assert_int_equal(elo_sha256(elo_slice_str(rows[i].text), &d), ELO_OK);
        assert_digest(&d, rows[i].hex);
    }
    assert_int_equal(elo_sha256(elo_slice(NULL, 0), &d), ELO_OK);
    assert_digest(&d, rows[0].hex);
}


/* What is kept may be given back at any time between uses. */
static void
test_forget(void **state)
{
    elo_digest_t one, two;

    (void) state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(elo_sha256(ELO_SLICE("abc"), &one), ELO_OK);
        elo_sha256_forget();
        elo_sha256_forget();
        assert_int_equal(elo_sha256(ELO_SLICE("abc"), &two), ELO_OK);
        assert_memory_equal(&one, &two, sizeof(one));
    }
}


static void
test_running(void **state)
{
    elo_sha256_t *h = NULL;
    elo_digest_t d;

    (void) state;
    assert_int_equal(elo_sha256_create(&h), ELO_OK);
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        for (const char *c = rows[i].text; *c != '\0'; c++) {
            assert_int_equal(elo_sha256_update(h, elo_slice(c, 1)), ELO_OK);
            assert_int_equal(elo_sha256_update(h, elo_slice(NULL, 0)), ELO_OK);
        }
        assert_int_equal(elo_sha256_final(h, &d), ELO_OK);
        assert_digest(&d, rows[i].hex);
        assert_int_equal(elo_sha256_reset(h), ELO_OK);
    }
    /* a reset in the middle forgets what came before */
    assert_int_equal(elo_sha256_update(h, ELO_SLICE("junk")), ELO_OK);
    assert_int_equal(elo_sha256_reset(h), ELO_OK);
    assert_int_equal(elo_sha256_final(h, &d), ELO_OK);
    assert_digest(&d, rows[0].hex);
    elo_sha256_free(&h);
    assert_null(h);
    elo_sha256_free(&h);
}


static void
test_a_million(void **state)
{
    static uint8_t block[1000];
    elo_sha256_t *h;
    elo_digest_t d;

    (void) state;
    memset(block, 'a', sizeof(block));
    assert_int_equal(elo_sha256_create(&h), ELO_OK);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(elo_sha256_update(h, elo_slice(block, sizeof(block))),
                         ELO_OK);
    }
    assert_int_equal(elo_sha256_final(h, &d), ELO_OK);
    assert_digest(
        &d, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    elo_sha256_free(&h);
}


/* FIPS 180-4's examples. */
static void
test_sha1(void **state)
{
    static const row_t sha1[] = {
        { "", "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
        { "abc", "a9993e364706816aba3e25717850c26c9cd0d89d" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "84983e441c3bd26ebaae4aa1f95129e5e54670f1" },
    };
    uint8_t sum[ELO_SHA1_LEN];
    char text[2 * ELO_SHA1_LEN + 1];

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(sha1); i++) {
        elo_slice_t s = elo_slice_str(sha1[i].text);
        size_t half = s.len / 2;
        elo_sha1_t *h = NULL;

        assert_int_equal(elo_sha1_create(&h), ELO_OK);
        assert_int_equal(elo_sha1_update(h, elo_slice(s.p, half)), ELO_OK);
        assert_int_equal(
            elo_sha1_update(h, elo_slice(s.p + half, s.len - half)), ELO_OK);
        assert_int_equal(elo_sha1_final(h, sum), ELO_OK);
        elo_hex_encode(sum, sizeof(sum), text);
        assert_string_equal(text, sha1[i].hex);
        elo_sha1_free(&h);
        elo_sha1_free(&h);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_once),   cmocka_unit_test(test_sha1),
        cmocka_unit_test(test_forget),    cmocka_unit_test(test_running),
        cmocka_unit_test(test_a_million),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
