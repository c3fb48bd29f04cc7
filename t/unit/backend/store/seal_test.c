/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/seal: objects are as docs/formats/keyring.md says, however
   the plaintext came in, and no chunk is taken for another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "backend/store/seal.h"

#define CHUNK ELO_SEAL_CHUNK

static const elo_cipher_t ciphers[] = { ELO_CIPHER_AES256_GCM,
                                        ELO_CIPHER_CHACHA20_POLY1305 };
static const size_t lengths[] = { 0,         1,         CHUNK - 1,    CHUNK,
                                  CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 9 };


static elo_content_key_t
key_of(elo_cipher_t cipher)
{
    elo_content_key_t k = { .cipher = cipher };

    memset(k.key, 0x5a, sizeof(k.key));
    return k;
}


static uint8_t *
plain_of(size_t len)
{
    uint8_t *p = malloc(len + 1);

    for (size_t i = 0; i < len; i++) {
        p[i] = (uint8_t) (i * 7 + i / 251);
    }
    return p;
}


/* The whole object; *len its length. */
static uint8_t *
object_of(const elo_content_key_t *key, elo_slice_t plain, size_t piece,
          size_t *len)
{
    uint8_t *out = malloc(elo_object_size(plain.len));
    elo_slice_t in, chunk, tags;
    elo_sealer_t sl;

    *len = 0;
    assert_int_equal(elo_sealer_init(&sl, key), ELO_OK);
    while (plain.len > 0) {
        in = elo_slice(plain.p, piece < plain.len ? piece : plain.len);
        plain = elo_slice(plain.p + in.len, plain.len - in.len);
        while (in.len > 0) {
            assert_int_equal(elo_sealer_next(&sl, &in, &chunk), ELO_OK);
            if (chunk.len > 0) {
                memcpy(out + *len, chunk.p, chunk.len);
                *len += chunk.len;
            }
        }
    }
    assert_int_equal(elo_sealer_final(&sl, &chunk, &tags), ELO_OK);
    memcpy(out + *len, chunk.p, chunk.len);
    *len += chunk.len;
    memcpy(out + *len, tags.p, tags.len);
    *len += tags.len;
    elo_sealer_dispose(&sl);
    return out;
}


static elo_err_t
unseal(const elo_content_key_t *key, uint8_t *object, size_t plain_len)
{
    elo_aead_t *aead;
    elo_err_t rc = ELO_OK;
    uint64_t i = 0;
    size_t off = 0;

    assert_int_equal(elo_aead_create(key->cipher, key->key, &aead), ELO_OK);
    do {
        size_t n = plain_len - off < CHUNK ? plain_len - off : CHUNK;

        rc = elo_unseal_chunk(aead, i, off + n == plain_len, object + off, n,
                              object + plain_len + i * ELO_AEAD_TAG_LEN);
        off += n;
        i++;
    } while (rc == ELO_OK && off < plain_len);
    elo_aead_free(&aead);
    return rc;
}


static void
test_round_trip(void **state)
{
    static const size_t pieces[] = { 4096, 100001, CHUNK, SIZE_MAX };

    (void) state;
    for (size_t i = 0; i < 2 * sizeof(lengths) / sizeof(lengths[0]); i++) {
        elo_content_key_t key = key_of(ciphers[i % 2]);
        size_t n = lengths[i / 2], len;
        uint8_t *plain = plain_of(n), *first = NULL, *object;

        for (size_t k = 0; k < 4; k++) {
            object = object_of(&key, elo_slice(plain, n), pieces[k], &len);
            assert_int_equal(len, elo_object_size(n));
            if (first == NULL) {
                first = object;
            } else {
                assert_memory_equal(object, first, len);
                free(object);
            }
        }
        if (n > 100) {
            assert_memory_not_equal(first, plain, 100);
        }
        assert_int_equal(unseal(&key, first, n), ELO_OK);
        assert_memory_equal(first, plain, n);
        free(first);
        free(plain);
    }
}


static void
test_small(void **state)
{
    (void) state;
    for (size_t i = 0; i < 4; i++) {
        elo_content_key_t key = key_of(ciphers[i % 2]);
        size_t n = lengths[i], len;
        uint8_t *plain = plain_of(n), *small = malloc(n + ELO_AEAD_TAG_LEN);
        uint8_t *object = object_of(&key, elo_slice(plain, n), 1000, &len);

        assert_int_equal(elo_seal_small(&key, elo_slice(plain, n), small),
                         ELO_OK);
        assert_int_equal(len, n + ELO_AEAD_TAG_LEN);
        assert_memory_equal(small, object, len);
        free(small);
        free(object);
        free(plain);
    }
}


/* A sealer that goes on where another has left off makes the same object. */
static void
test_again(void **state)
{
    (void) state;
    for (size_t i = 0; i < 2; i++) {
        elo_content_key_t key = key_of(ciphers[i]);
        size_t n = 2 * CHUNK + 5, len, m = 0;
        uint8_t *plain = plain_of(n);
        uint8_t *object = object_of(&key, elo_slice(plain, n), 4096, &len);
        elo_slice_t back, in, last, tags;
        elo_sealer_t sl;

        assert_int_equal(elo_sealer_init(&sl, &key), ELO_OK);
        for (size_t k = 0; k < 2; k++) {
            assert_int_equal(elo_sealer_again(&sl, object + k * CHUNK, &back),
                             ELO_OK);
            assert_int_equal(back.len, CHUNK);
            assert_memory_equal(back.p, plain + k * CHUNK, CHUNK);
            m += CHUNK;
        }
        in = elo_slice(plain + m, n - m);
        assert_int_equal(elo_sealer_next(&sl, &in, &last), ELO_OK);
        assert_int_equal(last.len, 0);
        assert_int_equal(elo_sealer_final(&sl, &last, &tags), ELO_OK);
        assert_int_equal(last.len, 5);
        assert_memory_equal(last.p, object + m, 5);
        assert_int_equal(tags.len, 3 * ELO_AEAD_TAG_LEN);
        assert_memory_equal(tags.p, object + n, tags.len);
        elo_sealer_dispose(&sl);
        elo_sealer_dispose(&sl);
        free(object);
        free(plain);
    }
}


/* Chunks changed places, the last one is missing, a bit flipped. */
static void
test_forged(void **state)
{
    elo_content_key_t key = key_of(ELO_CIPHER_AES256_GCM);
    size_t n = 3 * CHUNK, len;
    uint8_t *plain = plain_of(n), *good, *bad;

    (void) state;
    good = object_of(&key, elo_slice(plain, n), CHUNK, &len);
    bad = malloc(len);
    memcpy(bad, good, len);
    assert_int_equal(unseal(&key, bad, n), ELO_OK);

    memcpy(bad, good, len); /* exchanged, with their tags */
    memcpy(bad, good + CHUNK, CHUNK);
    memcpy(bad + CHUNK, good, CHUNK);
    memcpy(bad + n, good + n + 16, 16);
    memcpy(bad + n + 16, good + n, 16);
    assert_int_equal(unseal(&key, bad, n), ELO_ECORRUPT);

    memcpy(bad, good, 2 * CHUNK); /* cut at a chunk */
    memcpy(bad + 2 * CHUNK, good + n, 2 * ELO_AEAD_TAG_LEN);
    assert_int_equal(unseal(&key, bad, 2 * CHUNK), ELO_ECORRUPT);

    for (size_t i = 0; i < len; i += len / 7) {
        memcpy(bad, good, len);
        bad[i] ^= 0x10;
        assert_int_equal(unseal(&key, bad, n), ELO_ECORRUPT);
    }
    key.key[0] ^= 1;
    memcpy(bad, good, len);
    assert_int_equal(unseal(&key, bad, n), ELO_ECORRUPT);
    free(bad);
    free(good);
    free(plain);
}


static void
test_fresh(void **state)
{
    elo_content_key_t a, b, wrong = { .cipher = (elo_cipher_t) 9 };
    elo_sealer_t sl;

    (void) state;
    elo_content_key_fresh(&a);
    elo_content_key_fresh(&b);
    assert_memory_not_equal(a.key, b.key, sizeof(a.key));
    assert_int_equal(a.cipher, elo_cipher_best());
    assert_int_equal(elo_sealer_init(&sl, &wrong), ELO_EUNSUPPORTED);
    elo_sealer_dispose(&sl);
}


static int
keys_init(void **state)
{
    (void) state;
    return elo_keys_init() == ELO_OK ? 0 : -1;
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_small),
        cmocka_unit_test(test_again),      cmocka_unit_test(test_forged),
        cmocka_unit_test(test_fresh),
    };

    return cmocka_run_group_tests(tests, keys_init, NULL);
}
