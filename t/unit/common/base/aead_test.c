/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/base/aead, with vectors of others: AES-256-GCM's test case 16
   of McGrew and Viega, ChaCha20-Poly1305's of RFC 8439, 2.8.2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/aead.h"
#include "common/base/enc.h"
#include "common/base/num.h"

#define LONG_MAX_LEN 70000

typedef struct {
    elo_cipher_t cipher;
    const char *key, *nonce, *aad, *plain, *sealed, *tag;
} row_t;

static const row_t rows[] = {
    { ELO_CIPHER_AES256_GCM,
      "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
      "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
      "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
      "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
      "76fc6ece0f4e1768cddf8853bb2d551b" },
    { ELO_CIPHER_AES256_GCM,
      "0000000000000000000000000000000000000000000000000000000000000000",
      "000000000000000000000000", "", "", "",
      "530f8afbc74536b9a963b4f1c4cb738b" },
    { ELO_CIPHER_CHACHA20_POLY1305,
      "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
      "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
      "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
      "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
      "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
      "637265656e20776f756c642062652069742e",
      "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
      "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
      "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
      "3ff4def08e4b7a9de576d26586cec64b6116",
      "1ae10b594f09e26a7e902ecbd0600691" },
};

static const elo_cipher_t ciphers[] = { ELO_CIPHER_AES256_GCM,
                                        ELO_CIPHER_CHACHA20_POLY1305 };

static const uint8_t key[ELO_AEAD_KEY_LEN] = { 1, 2, 3 };
static const uint8_t nonce[ELO_AEAD_NONCE_LEN] = { 9, 8 };


static elo_slice_t
unhex(const char *hex, uint8_t *mem)
{
    size_t n = strlen(hex) / 2;

    assert_int_equal(elo_hex_decode(elo_slice_str(hex), mem, n), 0);
    return elo_slice(mem, n);
}


static void
test_vectors(void **state)
{
    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        const row_t *r = &rows[i];
        uint8_t k[32], iv[12], aad[64], plain[256], sealed[256], tag[16];
        uint8_t out[256], got[16];
        elo_aead_t *a = NULL;
        elo_slice_t p = unhex(r->plain, plain), c = unhex(r->sealed, sealed);
        elo_slice_t more = unhex(r->aad, aad);

        unhex(r->key, k);
        unhex(r->nonce, iv);
        unhex(r->tag, tag);
        assert_int_equal(elo_aead_create(r->cipher, k, &a), 0);
        assert_int_equal(elo_aead_seal(a, iv, more, p, out, got), 0);
        assert_memory_equal(out, c.p, c.len);
        assert_memory_equal(got, tag, sizeof(tag));
        assert_int_equal(elo_aead_open(a, iv, more, c, out, tag), 0);
        assert_memory_equal(out, p.p, p.len);
        elo_aead_free(&a);
        assert_null(a);
        elo_aead_free(&a);
    }
}


/* In place, in pieces and at once give the same; a used context takes the next
   nonce as if it were fresh. */
static void
test_ways_agree(void **state)
{
    static uint8_t in[LONG_MAX_LEN], one[LONG_MAX_LEN], two[LONG_MAX_LEN];
    static const size_t lens[] = { 0, 1, 15, 16, 17, 4096, 65536, 69999 };

    (void) state;
    for (size_t i = 0; i < sizeof(in); i++) {
        in[i] = (uint8_t) (i * 31 + i / 251);
    }
    for (size_t c = 0; c < ELO_COUNT(ciphers); c++) {
        elo_aead_t *a = NULL;

        assert_int_equal(elo_aead_create(ciphers[c], key, &a), 0);
        for (size_t i = 0; i < ELO_COUNT(lens); i++) {
            elo_slice_t s = elo_slice(in, lens[i]), aad = ELO_SLICE("aad");
            uint8_t tag[16], again[16];

            assert_int_equal(elo_aead_seal(a, nonce, aad, s, one, tag), 0);
            memcpy(two, in, lens[i]);
            assert_int_equal(elo_aead_seal(a, nonce, aad,
                                           elo_slice(two, lens[i]), two, again),
                             0);
            assert_memory_equal(one, two, lens[i]);
            assert_memory_equal(tag, again, sizeof(tag));
            assert_int_equal(elo_aead_begin(a, nonce, aad), 0);
            for (size_t off = 0, n; off < lens[i]; off += n) {
                n = ELO_MIN(lens[i] - off, (size_t) 1001);
                assert_int_equal(
                    elo_aead_update(a, elo_slice(in + off, n), two + off), 0);
            }
            assert_int_equal(elo_aead_end(a, again), 0);
            assert_memory_equal(one, two, lens[i]);
            assert_memory_equal(tag, again, sizeof(tag));
            assert_int_equal(
                elo_aead_open(a, nonce, aad, elo_slice(two, lens[i]), two, tag),
                0);
            assert_memory_equal(two, in, lens[i]);
        }
        elo_aead_free(&a);
    }
}


static void
test_forgeries(void **state)
{
    enum { LEN = 100 };
    uint8_t plain[LEN] = "text", sealed[LEN], out[LEN], tag[16], zero[LEN];

    (void) state;
    memset(zero, 0, sizeof(zero));
    for (size_t c = 0; c < ELO_COUNT(ciphers); c++) {
        static const uint8_t other_nonce[ELO_AEAD_NONCE_LEN] = { 9, 9 };
        static const uint8_t other_key[ELO_AEAD_KEY_LEN] = { 1, 2, 4 };
        elo_slice_t s = elo_slice(sealed, LEN), aad = ELO_SLICE("aad");
        elo_aead_t *a = NULL, *other = NULL;

        assert_int_equal(elo_aead_create(ciphers[c], key, &a), 0);
        assert_int_equal(elo_aead_create(ciphers[c], other_key, &other), 0);
        assert_int_equal(
            elo_aead_seal(a, nonce, aad, elo_slice(plain, LEN), sealed, tag),
            0);
        for (size_t bit = 0; bit < 8 * sizeof(tag); bit += 7) {
            tag[bit / 8] ^= (uint8_t) (1u << bit % 8);
            memset(out, 1, LEN);
            assert_int_equal(elo_aead_open(a, nonce, aad, s, out, tag),
                             ELO_ECORRUPT);
            assert_memory_equal(out, zero, LEN);
            tag[bit / 8] ^= (uint8_t) (1u << bit % 8);
        }
        sealed[LEN - 1] ^= 1;
        assert_int_equal(elo_aead_open(a, nonce, aad, s, out, tag),
                         ELO_ECORRUPT);
        sealed[LEN - 1] ^= 1;
        assert_int_equal(
            elo_aead_open(a, nonce, aad, elo_slice(sealed, LEN - 1), out, tag),
            ELO_ECORRUPT);
        assert_int_equal(elo_aead_open(a, nonce, ELO_SLICE("AAD"), s, out, tag),
                         ELO_ECORRUPT);
        assert_int_equal(elo_aead_open(a, other_nonce, aad, s, out, tag),
                         ELO_ECORRUPT);
        assert_int_equal(elo_aead_open(other, nonce, aad, s, out, tag),
                         ELO_ECORRUPT);
        assert_int_equal(elo_aead_open(a, nonce, aad, s, out, tag), ELO_OK);
        assert_memory_equal(out, plain, LEN);
        elo_aead_free(&a);
        elo_aead_free(&other);
    }
}


static void
test_unknown_cipher(void **state)
{
    elo_aead_t *a = NULL;

    (void) state;
    assert_int_equal(elo_aead_create((elo_cipher_t) 0, key, &a),
                     ELO_EUNSUPPORTED);
    assert_int_equal(elo_aead_create((elo_cipher_t) 3, key, &a),
                     ELO_EUNSUPPORTED);
    assert_null(a);
    assert_true(elo_cipher_best() == ELO_CIPHER_AES256_GCM
                || elo_cipher_best() == ELO_CIPHER_CHACHA20_POLY1305);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_ways_agree),
        cmocka_unit_test(test_forgeries),
        cmocka_unit_test(test_unknown_cipher),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
