/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/ctl/invitation. The expected bytes come from other programs
   (openssl dgst -hmac, openssl pkey, openssl pkeyutl -rawin). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "backend/ctl/invitation.h"
#include "common/base/enc.h"

#define SECRET "0123456789abcdef"


static void
assert_hex(const uint8_t *p, size_t len, const char *hex)
{
    char is[2 * ELO_SIG_LEN + 1];

    assert_true(len <= ELO_SIG_LEN);
    elo_hex_encode(p, len, is);
    assert_string_equal(is, hex);
}


static void
test_golden(void **state)
{
    uint8_t seed[ELO_SEED_LEN], proof[ELO_SIG_LEN];
    elo_agent_t key, author;
    elo_digest_t id;

    (void) state;
    memset(id.b, 0x33, sizeof(id.b));
    memset(author.b, 0x22, sizeof(author.b));
    elo_invitation_seed(ELO_SLICE(SECRET), seed);
    assert_hex(
        seed, sizeof(seed),
        "e5256fb83c768fe5886c656e303ec549c344f39add81682c6fe21e45fa782306");
    elo_agent_of_seed(seed, &key);
    assert_hex(
        key.b, sizeof(key.b),
        "06fe18e8cdfc28b13b40e695e20b09f22ebf8cdfe1184a3d872eb3bfbadfe7c7");
    elo_invitation_prove(seed, &id, &author, proof);
    assert_hex(
        proof, sizeof(proof),
        "bb0158aea5c85dc02c03cb21e2fc52439f9a28a4e307128c6efe9e64a2eedffb"
        "aa59a92ff343d0c92cb2759a4b0d2f3627108ee7556b2ddcf162d83a7e712b00");
    assert_true(elo_invitation_verify(&key, &id, &author, proof));
}


/* One bit of anything, and it proves nothing. */
static void
test_changed(void **state)
{
    uint8_t seed[ELO_SEED_LEN], proof[ELO_SIG_LEN];
    elo_agent_t key, author = { { 5 } };
    elo_digest_t id = { { 7 } };
    struct {
        uint8_t *p;
        size_t len;
    } parts[] = { { key.b, sizeof(key.b) },
                  { id.b, sizeof(id.b) },
                  { author.b, sizeof(author.b) },
                  { proof, sizeof(proof) } };

    (void) state;
    elo_invitation_seed(ELO_SLICE(SECRET), seed);
    elo_agent_of_seed(seed, &key);
    elo_invitation_prove(seed, &id, &author, proof);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        for (size_t bit = 0; bit < 8 * parts[i].len; bit++) {
            parts[i].p[bit / 8] ^= (uint8_t) (1u << bit % 8);
            assert_false(elo_invitation_verify(&key, &id, &author, proof));
            parts[i].p[bit / 8] ^= (uint8_t) (1u << bit % 8);
        }
    }
    assert_true(elo_invitation_verify(&key, &id, &author, proof));
    memset(&key, 0, sizeof(key)); /* no key */
    assert_false(elo_invitation_verify(&key, &id, &author, proof));
}


/* A signature by the pair for something else is none, nor is another secret. */
static void
test_purpose(void **state)
{
    uint8_t seed[ELO_SEED_LEN], other[ELO_SEED_LEN], proof[ELO_SIG_LEN];
    uint8_t bare[ELO_SHA256_LEN + ELO_AGENT_LEN] = { 7 };
    elo_agent_t key, author = { { 5 } };
    elo_digest_t id = { { 7 } };

    (void) state;
    bare[ELO_SHA256_LEN] = 5;
    elo_invitation_seed(ELO_SLICE(SECRET), seed);
    elo_agent_of_seed(seed, &key);
    elo_sign(seed, elo_slice(bare, sizeof(bare)), proof);
    assert_false(elo_invitation_verify(&key, &id, &author, proof));
    elo_invitation_seed(ELO_SLICE(SECRET "\0"), other);
    assert_memory_not_equal(seed, other, sizeof(seed));
    elo_invitation_prove(other, &id, &author, proof);
    assert_false(elo_invitation_verify(&key, &id, &author, proof));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_changed),
        cmocka_unit_test(test_purpose),
    };

    if (elo_keys_init() != ELO_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
