/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/auth/token_verify, with the vectors of RFC 8037, appendix A,
   and RFC 7515, A.1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "common/base/num.h"
#include "t/unit/common/auth/token_make.h"

#define EDDSA_K1 "{\"alg\":\"EdDSA\",\"kid\":\"k1\"}"
#define EDDSA    "{\"alg\":\"EdDSA\"}"
#define HS256    "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define GOOD                                                                   \
    "{\"sub\":"                                                                \
    "\"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\","    \
    "\"iss\":\"us\",\"aud\":\"door\",\"iat\":1799999900,\"exp\":1800000600}"

static token_text_t text;
static elo_token_t token;
static elo_token_key_t keys[4];
static elo_token_rules_t rules;
static const elo_token_key_t *by;


/* k1 and "" of EdDSA with the seed's key, "" and "h1" of HS256. */
static int
set_up(void **state)
{
    elo_err_t rc = elo_keys_init();
    elo_agent_t a;

    (void) state;
    elo_agent_of_seed(token_seed, &a);
    keys[0] = (elo_token_key_t){ .kid = "k1", .alg = ELO_ALG_EDDSA };
    keys[1] = (elo_token_key_t){ .kid = "", .alg = ELO_ALG_HS256 };
    keys[2] = (elo_token_key_t){ .kid = "", .alg = ELO_ALG_EDDSA };
    keys[3] = (elo_token_key_t){ .kid = "h1", .alg = ELO_ALG_HS256 };
    memcpy(keys[0].key, a.b, sizeof(a.b));
    memcpy(keys[2].key, a.b, sizeof(a.b));
    rules = (elo_token_rules_t){ .keys = keys,
                                 .n = ELO_COUNT(keys),
                                 .hs256_secret = token_secret(),
                                 .now = TOKEN_NOW };
    by = NULL;
    return rc;
}


/* What a whole text comes to; -1 where it isn't even a token. */
static int
judge(elo_slice_t s)
{
    const char *why;

    by = NULL;
    if (elo_token_split(s, &token, &why) != ELO_OK) {
        return -1;
    }
    return (int) elo_token_verify(&token, &rules, &by);
}


/* RFC 8037, A.4: its payload is no JSON, so what is around it is put by hand. */
static void
test_rfc8037(void **state)
{
    static const char signing_input[] =
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    static const char sig[] =
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhij"
        "cNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    static const char x[] = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    elo_token_t t = { .alg = ELO_ALG_EDDSA,
                      .sig_len = 64,
                      .claims = { .exp = TOKEN_NOW },
                      .signing_input = elo_slice_str(signing_input) };
    uint8_t pk[32], again[64];
    char whole[200];
    const char *why;
    size_t len;

    assert_int_equal(set_up(state), 0);
    assert_int_equal(
        elo_base64url_decode(elo_slice_str(x), pk, sizeof(pk), &len), 0);
    assert_memory_equal(pk, keys[2].key, 32);
    assert_int_equal(elo_base64url_decode(elo_slice_str(sig), t.sig, 64, &len),
                     0);
    assert_int_equal(len, 64);
    assert_int_equal(elo_token_verify(&t, &rules, &by), ELO_TOKEN_OK);
    assert_ptr_equal(by, &keys[2]);
    elo_sign(token_seed, t.signing_input, again);
    assert_memory_equal(again, t.sig, 64);
    t.sig[40] ^= 1;
    assert_int_equal(elo_token_verify(&t, &rules, &by),
                     ELO_TOKEN_BAD_SIGNATURE);

    snprintf(whole, sizeof(whole), "%s.%s", signing_input, sig);
    assert_int_equal(elo_token_split(elo_slice_str(whole), &token, &why),
                     ELO_EINVAL);
    assert_string_equal(why, "claims");
}


static void
test_rfc7515(void **state)
{
    static const char a1[] =
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
        "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    assert_int_equal(set_up(state), 0);
    rules.now = 1300819379;
    assert_int_equal(judge(elo_slice_str(a1)), ELO_TOKEN_OK);
    assert_ptr_equal(by, &keys[1]);
    rules.now = TOKEN_NOW;
    assert_int_equal(judge(elo_slice_str(a1)), ELO_TOKEN_EXPIRED);
    assert_null(by);
}


static void
test_keys(void **state)
{
    assert_int_equal(set_up(state), 0);
    assert_int_equal(judge(token_eddsa(&text, EDDSA_K1, GOOD)), ELO_TOKEN_OK);
    assert_ptr_equal(by, &keys[0]);
    assert_int_equal(judge(token_eddsa(&text, EDDSA, GOOD)), ELO_TOKEN_OK);
    assert_ptr_equal(by, &keys[2]);

    static const char *const unknown[] = {
        "{\"alg\":\"EdDSA\",\"kid\":\"k2\"}",
        "{\"alg\":\"EdDSA\",\"kid\":\"K1\"}",
        "{\"alg\":\"EdDSA\",\"kid\":\"k\"}",
        "{\"alg\":\"EdDSA\",\"kid\":\"k1 \"}",
        "{\"alg\":\"EdDSA\",\"kid\":\"h1\"}", /* of the other algorithm */
    };
    for (size_t i = 0; i < ELO_COUNT(unknown); i++) {
        assert_int_equal(judge(token_eddsa(&text, unknown[i], GOOD)),
                         ELO_TOKEN_UNKNOWN_KEY);
        assert_null(by);
    }
    assert_int_equal(
        judge(token_hs256(&text, "{\"alg\":\"HS256\",\"kid\":\"k1\"}", GOOD,
                          rules.hs256_secret)),
        ELO_TOKEN_UNKNOWN_KEY);
    assert_int_equal(
        judge(token_hs256(&text, "{\"alg\":\"HS256\",\"kid\":\"h1\"}", GOOD,
                          rules.hs256_secret)),
        ELO_TOKEN_OK);
    assert_ptr_equal(by, &keys[3]);

    /* no keys at all; none for those without a kid */
    rules.n = 0;
    assert_int_equal(judge(token_eddsa(&text, EDDSA_K1, GOOD)),
                     ELO_TOKEN_UNKNOWN_KEY);
    rules.n = 1;
    assert_int_equal(judge(token_eddsa(&text, EDDSA, GOOD)),
                     ELO_TOKEN_UNKNOWN_KEY);
    assert_int_equal(judge(token_eddsa(&text, EDDSA_K1, GOOD)), ELO_TOKEN_OK);
    keys[0].key[0] ^= 1;
    assert_int_equal(judge(token_eddsa(&text, EDDSA_K1, GOOD)),
                     ELO_TOKEN_BAD_SIGNATURE);
    memset(keys[0].key, 0, sizeof(keys[0].key));
    assert_int_equal(judge(token_eddsa(&text, EDDSA_K1, GOOD)),
                     ELO_TOKEN_BAD_SIGNATURE);
}


/* The oldest attack: what is public as an Ed25519 key, taken for a secret. */
static void
test_confusion(void **state)
{
    static const char *const headers[] = {
        HS256, "{\"alg\":\"HS256\",\"kid\":\"k1\"}",
        "{\"alg\":\"HS256\",\"kid\":\"h1\"}"
    };
    static const uint8_t zero[64];
    elo_slice_t secrets[5];
    uint8_t pk[32];
    char pk_text[65];

    assert_int_equal(set_up(state), 0);
    memcpy(pk, keys[0].key, sizeof(pk));
    elo_agent_text((const elo_agent_t *) pk, pk_text);
    secrets[0] = elo_slice(pk, sizeof(pk));
    secrets[1] = elo_slice(pk_text, 64);
    secrets[2] = elo_slice(zero, 0);
    secrets[3] = elo_slice(zero, 32);
    secrets[4] = elo_slice(rules.hs256_secret.p, rules.hs256_secret.len - 1);
    for (size_t i = 0; i < ELO_COUNT(headers); i++) {
        for (size_t k = 0; k < ELO_COUNT(secrets); k++) {
            assert_int_not_equal(
                judge(token_hs256(&text, headers[i], GOOD, secrets[k])),
                ELO_TOKEN_OK);
        }
    }
    /* a place that has no secret knows no such key, whatever it is signed with */
    rules.hs256_secret = elo_slice(NULL, 0);
    for (size_t k = 0; k < ELO_COUNT(secrets); k++) {
        assert_int_equal(judge(token_hs256(&text, HS256, GOOD, secrets[k])),
                         ELO_TOKEN_UNKNOWN_KEY);
    }
    rules.hs256_secret = elo_slice(pk_text, 31);
    assert_int_equal(judge(token_hs256(&text, HS256, GOOD, rules.hs256_secret)),
                     ELO_TOKEN_UNKNOWN_KEY);
    rules.hs256_secret = elo_slice(pk_text, 32);
    assert_int_equal(judge(token_hs256(&text, HS256, GOOD, rules.hs256_secret)),
                     ELO_TOKEN_OK);
    assert_int_equal(judge(token_start(&text, ELO_SLICE("{\"alg\":\"none\"}"),
                                       ELO_SLICE(GOOD))),
                     -1);
}


static void
test_key_times(void **state)
{
    static const struct {
        int64_t from, until;
        bool counts;
    } rows[] = {
        { 0, 0, true },
        { TOKEN_NOW, 0, true },
        { TOKEN_NOW + 1, 0, false },
        { 0, TOKEN_NOW, false },
        { 0, TOKEN_NOW + 1, true },
        { TOKEN_NOW, TOKEN_NOW + 1, true },
        { TOKEN_NOW - 9, TOKEN_NOW - 1, false },
    };

    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        assert_int_equal(set_up(state), 0);
        keys[0].from = rows[i].from;
        keys[0].until = rows[i].until;
        assert_int_equal(judge(token_eddsa(&text, EDDSA_K1, GOOD)),
                         rows[i].counts ? ELO_TOKEN_OK : ELO_TOKEN_UNKNOWN_KEY);
    }
    /* of two keys of one name the one that counts */
    keys[2] = keys[0];
    keys[2].until = 0;
    assert_int_equal(judge(token_eddsa(&text, EDDSA_K1, GOOD)), ELO_TOKEN_OK);
    assert_ptr_equal(by, &keys[2]);
}


static void
test_times(void **state)
{
    static const struct {
        int64_t iat, nbf, exp, max_life;
        elo_token_verdict_t v;
    } rows[] = {
        { 0, 0, TOKEN_NOW, 0, ELO_TOKEN_OK },
        { 0, 0, TOKEN_NOW - 59, 0, ELO_TOKEN_OK },
        { 0, 0, TOKEN_NOW - 60, 0, ELO_TOKEN_EXPIRED },
        { 0, 0, 0, 0, ELO_TOKEN_EXPIRED },
        { 0, 0, 253402300799, 0, ELO_TOKEN_OK },
        { TOKEN_NOW + 60, 0, TOKEN_NOW + 99, 0, ELO_TOKEN_OK },
        { TOKEN_NOW + 61, 0, TOKEN_NOW + 99, 0, ELO_TOKEN_EARLY },
        { 0, TOKEN_NOW + 60, TOKEN_NOW + 99, 0, ELO_TOKEN_OK },
        { 0, TOKEN_NOW + 61, TOKEN_NOW + 99, 0, ELO_TOKEN_EARLY },
        { 0, 253402300799, 253402300799, 0, ELO_TOKEN_EARLY },
        { TOKEN_NOW, 0, TOKEN_NOW + 3600, 3600, ELO_TOKEN_OK },
        { TOKEN_NOW, 0, TOKEN_NOW + 3601, 3600, ELO_TOKEN_LIFE },
        { TOKEN_NOW - 1, 0, TOKEN_NOW + 3600, 3600, ELO_TOKEN_LIFE },
        { 0, 0, TOKEN_NOW + 1, 3600, ELO_TOKEN_LIFE },
        { 0, 0, TOKEN_NOW + 1, INT64_MAX, ELO_TOKEN_LIFE },
        { 1, 0, TOKEN_NOW + 1, INT64_MAX, ELO_TOKEN_OK },
        { 1, 0, 253402300799, 0, ELO_TOKEN_OK },
    };

    assert_int_equal(set_up(state), 0);
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        char json[200];

        rules.max_life_s = rows[i].max_life;
        snprintf(json, sizeof(json), "{\"iat\":%lld,\"nbf\":%lld,\"exp\":%lld}",
                 (long long) rows[i].iat, (long long) rows[i].nbf,
                 (long long) rows[i].exp);
        if (judge(token_eddsa(&text, EDDSA_K1, json)) != (int) rows[i].v) {
            fail_msg("%s", json);
        }
    }
    /* a clock that stands anywhere */
    rules.max_life_s = 0;
    token_eddsa(&text, EDDSA_K1, GOOD);
    rules.now = INT64_MAX;
    assert_int_equal(judge(token_slice(&text)), ELO_TOKEN_EXPIRED);
    rules.now = INT64_MIN;
    assert_int_equal(judge(token_slice(&text)), ELO_TOKEN_EARLY);
}


static void
test_names(void **state)
{
    static const struct {
        const char *json, *iss, *aud;
        elo_token_verdict_t eddsa, hs256;
    } rows[] = {
        { "\"iss\":\"us\",\"aud\":\"door\"", "us", "door", ELO_TOKEN_OK,
          ELO_TOKEN_OK },
        { "\"iss\":\"us\",\"aud\":\"door\"", "", "", ELO_TOKEN_OK,
          ELO_TOKEN_OK },
        { "\"iss\":\"us\",\"aud\":\"door\"", "them", "", ELO_TOKEN_ISSUER,
          ELO_TOKEN_ISSUER },
        { "\"iss\":\"us\",\"aud\":\"door\"", "US", "", ELO_TOKEN_ISSUER,
          ELO_TOKEN_ISSUER },
        { "\"iss\":\"us\",\"aud\":\"door\"", "us", "doo", ELO_TOKEN_AUDIENCE,
          ELO_TOKEN_AUDIENCE },
        { "\"aud\":[\"a\",\"door\",\"b\"]", "", "door", ELO_TOKEN_OK,
          ELO_TOKEN_OK },
        { "\"aud\":[\"a\",\"b\"]", "", "door", ELO_TOKEN_AUDIENCE,
          ELO_TOKEN_AUDIENCE },
        { "\"aud\":[\"a b\",\"door b\"]", "", "door", ELO_TOKEN_AUDIENCE,
          ELO_TOKEN_AUDIENCE },
        /* upstream states neither */
        { "\"iat\":1", "us", "", ELO_TOKEN_ISSUER, ELO_TOKEN_OK },
        { "\"iat\":1", "", "door", ELO_TOKEN_AUDIENCE, ELO_TOKEN_OK },
    };

    assert_int_equal(set_up(state), 0);
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        char json[200];

        rules.iss = elo_slice_str(rows[i].iss);
        rules.aud = elo_slice_str(rows[i].aud);
        snprintf(json, sizeof(json), "{%s,\"exp\":1800000600}", rows[i].json);
        if (judge(token_eddsa(&text, EDDSA_K1, json)) != (int) rows[i].eddsa
            || judge(token_hs256(&text, HS256, json, rules.hs256_secret))
                   != (int) rows[i].hs256)
        {
            fail_msg("row %zu: %s", i, json);
        }
        if (rows[i].eddsa == ELO_TOKEN_OK && rules.aud.len > 0) {
            assert_true(elo_slice_eq(token.claims.aud, rules.aud));
        }
    }
}


static void
flip(size_t at, unsigned bits)
{
    text.p[at] = (char) ((unsigned char) text.p[at] ^ bits);
}


/* Of a token with HS256 every change of every byte; with EdDSA, which costs more,
   three of each. */
static void
test_changed(void **state)
{
    assert_int_equal(set_up(state), 0);
    token_hs256(&text, HS256, GOOD, rules.hs256_secret);
    assert_int_equal(judge(token_slice(&text)), ELO_TOKEN_OK);
    for (size_t i = 0; i < text.len; i++) {
        for (unsigned x = 1; x < 256; x++) {
            flip(i, x);
            if (judge(token_slice(&text)) == ELO_TOKEN_OK) {
                fail_msg("byte %zu, by %u", i, x);
            }
            flip(i, x);
        }
    }
    token_eddsa(&text, EDDSA_K1, GOOD);
    assert_int_equal(judge(token_slice(&text)), ELO_TOKEN_OK);
    for (size_t i = 0; i < text.len; i++) {
        for (unsigned x = 1; x < 8; x <<= 1) {
            flip(i, x);
            if (judge(token_slice(&text)) == ELO_TOKEN_OK) {
                fail_msg("byte %zu, by %u", i, x);
            }
            flip(i, x);
        }
    }
    for (size_t n = 0; n < text.len; n++) {
        assert_int_equal(judge(elo_slice(text.p, n)), -1);
    }
}


/* Ed25519's own second form: S + L in the place of S. */
static void
test_malleated(void **state)
{
    /* RFC 8032, 5.1: L, little-endian */
    static const uint8_t order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a,       0x63,
                                       0x12, 0x58, 0xd6, 0x9c, 0xf7,       0xa2,
                                       0xde, 0xf9, 0xde, 0x14, [31] = 0x10 };
    unsigned carry = 0;
    const char *why;

    assert_int_equal(set_up(state), 0);
    token_eddsa(&text, EDDSA_K1, GOOD);
    assert_int_equal(elo_token_split(token_slice(&text), &token, &why), 0);
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned) token.sig[32 + i] + order[i];
        token.sig[32 + i] = (uint8_t) carry;
        carry >>= 8;
    }
    assert_int_equal(elo_token_verify(&token, &rules, &by),
                     ELO_TOKEN_BAD_SIGNATURE);
}


static void
test_verdict_names(void **state)
{
    (void) state;
    for (int i = ELO_TOKEN_OK; i <= ELO_TOKEN_LIFE; i++) {
        const char *name = elo_token_verdict_name((elo_token_verdict_t) i);

        assert_string_not_equal(name, "none");
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(
                name, elo_token_verdict_name((elo_token_verdict_t) k));
        }
    }
    assert_string_equal(
        elo_token_verdict_name((elo_token_verdict_t) (ELO_TOKEN_LIFE + 1)),
        "none");
}


static void
test_cover(void **state)
{
    static const struct {
        const char *prefix, *content, *path, *id;
        bool does;
    } rows[] = {
        { "", "", "/x", "", true },
        { "", "", "/x", "ep-1", true },
        { "", "", "/a/../b", "", true }, /* no one asks for a prefix */
        { "/api/blob", "", "/api/blob/x", "", true },
        { "/api/blob", "", "/api/blob", "", true },
        { "/api/blob", "", "/api/blobs", "", false },
        { "/api/blob", "", "/api/blob/../admin", "", false },
        { "/api/blob", "", "", "", false },
        { "/api/blob/", "", "/api/blob", "", false },
        { "/", "", "/anything", "", true },
        { "", "ep-1", "/x", "ep-1", true },
        { "", "ep-1", "/x", "ep-2", false },
        { "", "ep-1", "/x", "ep-10", false },
        { "", "ep-1", "/x", "EP-1", false },
        { "", "ep-1", "/x/ep-1", "", false },
        { "/api", "ep-1", "/api/x", "ep-1", true },
        { "/api", "ep-1", "/x", "ep-1", false },
        { "/api", "ep-1", "/api/x", "ep-2", false },
        { "/100%", "", "/100%/x", "", true },
        { "/a%2fb", "", "/a/b", "", false },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_claims_t c = { .prefix = elo_slice_str(rows[i].prefix),
                           .content = elo_slice_str(rows[i].content) };

        if (elo_claims_cover(&c, elo_slice_str(rows[i].path),
                             elo_slice_str(rows[i].id))
            != rows[i].does)
        {
            fail_msg("row %zu", i);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc8037),       cmocka_unit_test(test_rfc7515),
        cmocka_unit_test(test_keys),          cmocka_unit_test(test_confusion),
        cmocka_unit_test(test_key_times),     cmocka_unit_test(test_times),
        cmocka_unit_test(test_names),         cmocka_unit_test(test_changed),
        cmocka_unit_test(test_malleated),     cmocka_unit_test(test_cover),
        cmocka_unit_test(test_verdict_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
