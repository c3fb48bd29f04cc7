/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/base/keys, with vectors of RFC 8032 and RFC 4231. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <sys/resource.h>

#include "common/base/enc.h"
#include "common/base/keys.h"
#include "common/base/num.h"

/* RFC 8032, 7.1, TEST 1 and TEST 2 */
static const char *const seeds[] = {
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
};
static const char *const agents[] = {
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
};


static int
set_up(void **state)
{
    (void) state;
    return elo_keys_init();
}


static void
unhex(const char *hex, uint8_t *out)
{
    assert_int_equal(elo_hex_decode(elo_slice_str(hex), out, strlen(hex) / 2),
                     0);
}


static void
test_agents(void **state)
{
    elo_agent_t a, b, zero = { 0 };
    uint8_t seed[32];
    char text[65];

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(seeds); i++) {
        unhex(seeds[i], seed);
        elo_agent_of_seed(seed, &a);
        elo_agent_text(&a, text);
        assert_string_equal(text, agents[i]);
        assert_int_equal(elo_agent_parse(elo_slice_str(text), &b), 0);
        assert_true(elo_agent_eq(&a, &b));
        assert_false(elo_agent_is_zero(&a));
        assert_false(elo_agent_eq(&a, &zero));
    }
    assert_true(elo_agent_is_zero(&zero));
    memset(&a, 7, sizeof(a));
    memset(text, 'f', 64);
    assert_int_equal(elo_agent_parse(elo_slice(text, 63), &a), ELO_EINVAL);
    assert_int_equal(elo_agent_parse(elo_slice(text, 0), &a), ELO_EINVAL);
    text[10] = 'F';
    assert_int_equal(elo_agent_parse(elo_slice(text, 64), &a), ELO_EINVAL);
    text[10] = 'g';
    assert_int_equal(elo_agent_parse(elo_slice(text, 64), &a), ELO_EINVAL);
    assert_int_equal(a.b[31], 7);
}


/* RFC 8032, 7.1: TEST 1, 2, 3 and SHA(abc); and a libp2p node's, over its Noise
   key, as js-libp2p signs it. */
static const struct {
    const char *name, *seed, *msg, *sig;
} signatures[] = {
    { "TEST 1",
      "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "",
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
      "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b" },
    { "TEST 2",
      "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "72",
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00" },
    { "TEST 3",
      "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      "af82",
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
      "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a" },
    { "SHA(abc)",
      "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
      "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
      "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704" },
    { "noise",
      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
      "6e6f6973652d6c69627032702d7374617469632d6b65793a"
      "0909090909090909090909090909090909090909090909090909090909090909",
      "2c336c3ede258ae3276aae87cda038ff48b2b5293a772fc3852d60fb79a0eb8d"
      "5ed424979fb01e661e908ae530fc1441f42e9da5a8799dc338307d0ee8fdda07" },
};


static void
test_signatures(void **state)
{
    (void) state;
    for (size_t i = 0; i < ELO_COUNT(signatures); i++) {
        uint8_t seed[32], msg[64], want[64], sig[64];
        size_t len = strlen(signatures[i].msg) / 2;
        elo_slice_t in = elo_slice(len == 0 ? NULL : msg, len);
        elo_agent_t by;

        unhex(signatures[i].seed, seed);
        unhex(signatures[i].msg, msg);
        unhex(signatures[i].sig, want);
        elo_agent_of_seed(seed, &by);
        elo_sign(seed, in, sig);
        assert_memory_equal(sig, want, sizeof(sig));
        assert_true(elo_verify(&by, in, sig));
        /* each bit of the signature, the key and the message counts */
        for (size_t k = 0; k < 8 * (sizeof(sig) + sizeof(by) + len); k++) {
            uint8_t *at = k / 8 < 64   ? &sig[k / 8]
                          : k / 8 < 96 ? &by.b[k / 8 - 64]
                                       : &msg[k / 8 - 96];

            *at ^= (uint8_t) (1u << k % 8);
            if (elo_verify(&by, in, sig)) {
                fail_msg("%s: bit %zu is free", signatures[i].name, k);
            }
            *at ^= (uint8_t) (1u << k % 8);
        }
        for (size_t n = 0; n < len; n++) {
            assert_false(elo_verify(&by, elo_slice(msg, n), sig));
        }
        assert_true(elo_verify(&by, in, sig));
    }
}


/* What the bare equation of RFC 8032, 5.1.7 lets through. */
static void
test_lax_signatures(void **state)
{
    static const char *const small[] = {
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        /* not reduced: p, p + 1 */
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    static const uint8_t order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a,       0x63,
                                       0x12, 0x58, 0xd6, 0x9c, 0xf7,       0xa2,
                                       0xde, 0xf9, 0xde, 0x14, [31] = 0x10 };
    uint8_t seed[32], sig[64] = { 0 };
    unsigned carry = 0;
    elo_agent_t by;

    (void) state;
    /* a key and an R of small order, and S zero: good for any message, where
       what is hashed happens to be a multiple of the order */
    for (size_t i = 0; i < ELO_COUNT(small); i++) {
        unhex(small[i], by.b);
        for (size_t k = 0; k < ELO_COUNT(small); k++) {
            unhex(small[k], sig);
            for (uint8_t m = 0; m < 32; m++) {
                if (elo_verify(&by, elo_slice(&m, 1), sig)) {
                    fail_msg("%s signed %u", small[i], m);
                }
            }
        }
    }
    /* an R of small order that the key's owner made: OpenSSL takes it */
    unhex(seeds[0], seed);
    elo_agent_of_seed(seed, &by);
    unhex("0100000000000000000000000000000000000000000000000000000000000000"
          "55d4e524de9cc9468fd6f00194289c9e33256f53d84e70f19a990d41828cc709",
          sig);
    assert_false(elo_verify(&by, ELO_SLICE("x"), sig));
    /* the same S, and the group's order once more */
    elo_sign(seed, ELO_SLICE("x"), sig);
    assert_true(elo_verify(&by, ELO_SLICE("x"), sig));
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned) sig[32 + i] + order[i];
        sig[32 + i] = (uint8_t) carry;
        carry >>= 8;
    }
    assert_int_equal(carry, 0);
    assert_false(elo_verify(&by, ELO_SLICE("x"), sig));
}


/* Of Python's hashlib. */
static void
test_blake2b(void **state)
{
    uint8_t d[16];
    char text[33], long_text[65];
    elo_digest_t whole;

    (void) state;
    elo_blake2b(elo_slice(NULL, 0), d);
    elo_hex_encode(d, 16, text);
    assert_string_equal(text, "cae66941d9efbd404e4d88758ea67670");
    elo_blake2b(ELO_SLICE("abc"), d);
    elo_hex_encode(d, 16, text);
    assert_string_equal(text, "cf4ab791c62b8d2b2109c90275287816");
    elo_blake2b_256(ELO_SLICE("abc"), &whole);
    elo_hex_encode(whole.b, sizeof(whole.b), long_text);
    assert_string_equal(long_text, "bddd813c634239723171ef3fee98579b"
                                   "94964e3bb1cb3e427262c8c068d52319");
}


static void
test_boxes(void **state)
{
    elo_slice_t in = ELO_SLICE("a key of a blob, thirty-two long");
    uint8_t seed[32], other[32], box[128], out[128];
    size_t len = in.len + ELO_BOX_OVERHEAD;
    elo_agent_t to;

    (void) state;
    unhex(seeds[0], seed);
    unhex(seeds[1], other);
    elo_agent_of_seed(seed, &to);
    assert_int_equal(elo_box_seal(&to, in, box), 0);
    assert_int_equal(elo_box_open(seed, elo_slice(box, len), out), 0);
    assert_memory_equal(out, in.p, in.len);
    assert_int_equal(elo_box_open(other, elo_slice(box, len), out),
                     ELO_ECORRUPT);
    assert_int_equal(elo_box_open(seed, elo_slice(box, 47), out), ELO_ECORRUPT);
    for (size_t i = 0; i < len; i++) {
        box[i] ^= 0x10;
        assert_int_equal(elo_box_open(seed, elo_slice(box, len), out),
                         ELO_ECORRUPT);
        box[i] ^= 0x10;
    }
    /* nothing is a message, too */
    assert_int_equal(elo_box_seal(&to, elo_slice(NULL, 0), box), 0);
    assert_int_equal(elo_box_open(seed, elo_slice(box, 48), out), 0);
}


/* Points that are no agent's key: a sender may name anything. */
static void
test_bad_points(void **state)
{
    static const char *const points[] = {
        /* the identity, and the point of order two */
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        /* of order four, eight; zero as y */
        "0000000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        /* not on the curve; not reduced */
        "0200000000000000000000000000000000000000000000000000000000000000",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    uint8_t out[64];

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(points); i++) {
        elo_agent_t a;

        unhex(points[i], a.b);
        if (elo_box_seal(&a, ELO_SLICE("x"), out) != ELO_EINVAL) {
            fail_msg("%s is taken for a key", points[i]);
        }
    }
}


static void
test_secret_boxes(void **state)
{
    uint8_t key[32] = { 1 }, other[32] = { 2 };
    uint8_t box[100] = { 0 }, again[100], out[100];
    elo_slice_t in = ELO_SLICE("text"), aad = ELO_SLICE("aad");
    size_t len = in.len + ELO_SBOX_OVERHEAD;
    elo_slice_t sealed = elo_slice(box, len);

    (void) state;
    assert_int_equal(elo_sbox_seal(key, aad, in, box), 0);
    assert_int_equal(elo_sbox_seal(key, aad, in, again), 0);
    assert_memory_not_equal(box, again, len); /* the nonce is random */
    assert_int_equal(elo_sbox_open(key, aad, sealed, out), 0);
    assert_memory_equal(out, in.p, in.len);
    assert_int_equal(elo_sbox_open(other, aad, sealed, out), ELO_ECORRUPT);
    assert_int_equal(elo_sbox_open(key, in, sealed, out), ELO_ECORRUPT);
    assert_int_equal(elo_sbox_open(key, aad, elo_slice(box, 39), out),
                     ELO_ECORRUPT);
    for (size_t i = 0; i < len; i++) {
        box[i] ^= 1;
        assert_int_equal(elo_sbox_open(key, aad, sealed, out), ELO_ECORRUPT);
        box[i] ^= 1;
    }
    assert_int_equal(
        elo_sbox_seal(key, elo_slice(NULL, 0), elo_slice(NULL, 0), box), 0);
    assert_int_equal(
        elo_sbox_open(key, elo_slice(NULL, 0), elo_slice(box, 40), out), 0);
}


static void
test_kdf(void **state)
{
    static const struct {
        const char *name;
        uint64_t ops, mem;
        elo_err_t rc;
    } rows[] = {
        { "least", 1, 8192, ELO_OK },
        { "no passes", 0, 8192, ELO_EINVAL },
        { "too many passes", ELO_KDF_OPS_MAX + 1, 8192, ELO_EINVAL },
        { "all passes there are", UINT64_MAX, 8192, ELO_EINVAL },
        { "too little memory", 1, 8191, ELO_EINVAL },
        { "too much memory", 1, (uint64_t) ELO_KDF_MEM_MAX + 1, ELO_EINVAL },
        { "100 GB", 1, 100000000000, ELO_EINVAL },
    };
    elo_slice_t pass = ELO_SLICE("correct horse");
    uint8_t salt[16] = { 1 }, a[32], b[32];

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        if (elo_kdf(pass, salt, rows[i].ops, rows[i].mem, a) != rows[i].rc) {
            fail_msg("%s", rows[i].name);
        }
    }
    assert_int_equal(elo_kdf(pass, salt, 1, 8192, a), 0);
    assert_int_equal(elo_kdf(pass, salt, 1, 8192, b), 0);
    assert_true(elo_secret_eq(a, b, 32));
    assert_int_equal(elo_kdf(pass, salt, 2, 8192, b), 0);
    assert_false(elo_secret_eq(a, b, 32));
    assert_int_equal(elo_kdf(pass, salt, 1, 16384, b), 0);
    assert_false(elo_secret_eq(a, b, 32));
    assert_int_equal(elo_kdf(ELO_SLICE("correct hors"), salt, 1, 8192, b), 0);
    assert_false(elo_secret_eq(a, b, 32));
    salt[15] = 1;
    assert_int_equal(elo_kdf(pass, salt, 1, 8192, b), 0);
    assert_false(elo_secret_eq(a, b, 32));
}


/* Keys of RFC 4231 are shorter than ours; a key padded with zeros up to the
   block is the same HMAC key. */
static void
test_hmac(void **state)
{
    uint8_t key[32] = "Jefe";
    elo_slice_t parts[] = { ELO_SLICE("what do ya want "), elo_slice(NULL, 0),
                            ELO_SLICE("for nothing?") };
    elo_slice_t whole = ELO_SLICE("what do ya want for nothing?");
    elo_digest_t d, e;
    char text[65];

    (void) state;
    assert_int_equal(elo_hmac(key, parts, 3, &d), 0);
    elo_hex_encode(d.b, 32, text);
    assert_string_equal(
        text,
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_int_equal(elo_hmac(key, &whole, 1, &e), 0);
    assert_memory_equal(d.b, e.b, 32);
    key[31] = 1;
    assert_int_equal(elo_hmac(key, &whole, 1, &e), 0);
    assert_memory_not_equal(d.b, e.b, 32);
}


/* RFC 4231, 4.2, 4.5, 4.7 and 4.8: keys as long as they come. */
static void
test_hmac_any(void **state)
{
    static const struct {
        uint8_t fill; /* the key is this byte; 1: it counts up */
        size_t key_len;
        const char *data, *mac;
    } rows[] = {
        { 0x0b, 20, "Hi There",
          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
        { 1, 25,
          "\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd"
          "\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd"
          "\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd",
          "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
        { 0xaa, 131, "Test Using Larger Than Block-Size Key - Hash Key First",
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
        { 0xaa, 131,
          "This is a test using a larger than block-size key and a larger than "
          "block-size data. The key needs to be hashed before being used by "
          "the "
          "HMAC algorithm.",
          "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },
    };
    uint8_t key[131];
    elo_digest_t d;
    char text[65];

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_slice_t data = elo_slice_str(rows[i].data);
        elo_slice_t halves[] = { elo_slice(data.p, 5),
                                 elo_slice(data.p + 5, data.len - 5) };

        for (size_t k = 0; k < sizeof(key); k++) {
            key[k] = rows[i].fill == 1 ? (uint8_t) (k + 1) : rows[i].fill;
        }
        elo_hmac_any(elo_slice(key, rows[i].key_len), halves, 2, &d);
        elo_hex_encode(d.b, 32, text);
        assert_string_equal(text, rows[i].mac);
    }
}


/* Of RFC 8032's first key; the digest is what sha256sum says. */
static void
test_key_id(void **state)
{
    uint8_t id[ELO_KEY_ID_LEN];
    elo_agent_t a;
    char text[17];

    (void) state;
    unhex(agents[0], a.b);
    elo_key_id(&a, id);
    elo_hex_encode(id, sizeof(id), text);
    assert_string_equal(text, "21fe31dfa154a261");
}


static void
test_secrets(void **state)
{
    static const size_t lens[] = { 0, 1, 15, 32, 33, 4096, 70001 };
    struct rlimit limit, small;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(lens); i++) {
        uint8_t *p = elo_secret_alloc(lens[i]);

        assert_non_null(p);
        assert_int_equal((uintptr_t) p % 16, 0);
        for (size_t k = 0; k < lens[i]; k++) {
            assert_int_equal(p[k], 0);
        }
        memset(p, 0xff, lens[i]);
        elo_secret_free(p);
    }
    elo_secret_free(NULL);
    assert_null(elo_secret_alloc(SIZE_MAX));
    assert_null(elo_secret_alloc(SIZE_MAX - 64));

    /* where nothing may be locked there is still memory */
    assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
    small = limit;
    small.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &small), 0);
    for (int i = 0; i < 10; i++) {
        uint8_t *p = elo_secret_alloc(100000);

        assert_non_null(p);
        memset(p, 1, 100000);
        elo_secret_free(p);
    }
    assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
}


static void
test_wipe_and_random(void **state)
{
    uint8_t a[64], b[64], zero[64] = { 0 };

    (void) state;
    elo_keys_random(a, sizeof(a));
    elo_keys_random(b, sizeof(b));
    assert_false(elo_secret_eq(a, b, sizeof(a)));
    elo_wipe(a, sizeof(a));
    assert_true(elo_secret_eq(a, zero, sizeof(a)));
    elo_wipe(b, 0);
    elo_wipe(NULL, 0);
    assert_false(elo_secret_eq(b, zero, sizeof(b)));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agents),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_lax_signatures),
        cmocka_unit_test(test_blake2b),
        cmocka_unit_test(test_boxes),
        cmocka_unit_test(test_bad_points),
        cmocka_unit_test(test_secret_boxes),
        cmocka_unit_test(test_kdf),
        cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_hmac_any),
        cmocka_unit_test(test_key_id),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_wipe_and_random),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
