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
        cmocka_unit_test(test_boxes),
        cmocka_unit_test(test_bad_points),
        cmocka_unit_test(test_secret_boxes),
        cmocka_unit_test(test_kdf),
        cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_wipe_and_random),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
