/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/keys/object. */
#include "keys_dir.h"

#include "common/base/num.h"


static void
test_sizes(void **state)
{
    static const struct {
        uint64_t plain, object;
    } rows[] = { { 0, 16 },
                 { 1, 17 },
                 { (1 << 20) - 1, (1 << 20) + 15 },
                 { 1 << 20, (1 << 20) + 16 },
                 { (1 << 20) + 1, (1 << 20) + 33 },
                 { 10ull << 30, (10ull << 30) + 16 * 10240 },
                 { UINT64_MAX, UINT64_MAX } };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        assert_int_equal(elo_object_size(rows[i].plain), rows[i].object);
    }
}


static void
test_nonces(void **state)
{
    static const struct {
        uint64_t chunk;
        bool is_last;
        uint8_t nonce[12];
    } rows[] = {
        { 0, false, { 0 } },
        { 0, true, { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 } },
        { 1, false, { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0 } },
        { 0x0102030405060708, true, { 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 1 } },
    };
    uint8_t nonce[12];

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        memset(nonce, 0xff, sizeof(nonce));
        elo_object_nonce(rows[i].chunk, rows[i].is_last, nonce);
        assert_memory_equal(nonce, rows[i].nonce, sizeof(nonce));
    }
}


/* (O2): a chunk opens at its own place only, the last one as the last only. */
static void
test_order_and_length(void **state)
{
    static const struct {
        const char *name;
        uint64_t chunk;
        bool is_last;
        elo_err_t rc;
    } rows[] = { { "its own place", 1, false, ELO_OK },
                 { "moved to the front", 0, false, ELO_ECORRUPT },
                 { "moved to the back", 2, false, ELO_ECORRUPT },
                 { "cut off behind it", 1, true, ELO_ECORRUPT } };
    static const uint8_t key[32] = { 1 };

    (void) state;
    for (int c = ELO_CIPHER_AES256_GCM; c <= ELO_CIPHER_CHACHA20_POLY1305; c++)
    {
        uint8_t nonce[12], tag[16], sealed[5], out[5];
        elo_aead_t *a = NULL;

        assert_int_equal(elo_aead_create((elo_cipher_t) c, key, &a), 0);
        elo_object_nonce(1, false, nonce);
        assert_int_equal(elo_aead_seal(a, nonce, elo_slice(NULL, 0),
                                       ELO_SLICE("chunk"), sealed, tag),
                         0);
        for (size_t i = 0; i < ELO_COUNT(rows); i++) {
            elo_object_nonce(rows[i].chunk, rows[i].is_last, nonce);
            if (elo_aead_open(a, nonce, elo_slice(NULL, 0),
                              elo_slice(sealed, 5), out, tag)
                != rows[i].rc)
            {
                fail_msg("%s", rows[i].name);
            }
        }
        elo_aead_free(&a);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_nonces),
        cmocka_unit_test(test_order_and_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
