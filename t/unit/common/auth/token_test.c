/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/auth/token: shape and header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/num.h"
#include "t/unit/common/auth/token_make.h"
#include "t/unit/guard.h"

#define EDDSA  "{\"alg\":\"EdDSA\",\"kid\":\"k1\"}"
#define HS256  "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define CLAIMS "{\"exp\":1800000600}"

/* RFC 7515, A.1. */
static const char rfc7515_a1[] =
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
    "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

static elo_token_t token;
static const char *why;


static int
set_up(void **state)
{
    (void) state;
    return elo_keys_init();
}


static void
test_rfc7515(void **state)
{
    (void) state;
    assert_int_equal(elo_token_split(elo_slice_str(rfc7515_a1), &token, &why),
                     0);
    assert_string_equal(why, "");
    assert_int_equal(token.alg, ELO_ALG_HS256);
    assert_int_equal(token.sig_len, 32);
    assert_int_equal(token.sig[0], 116);
    assert_int_equal(token.sig[31], 121);
    assert_int_equal(token.kid.len, 0);
    assert_ptr_equal(token.signing_input.p, rfc7515_a1);
    assert_int_equal(token.signing_input.len,
                     strrchr(rfc7515_a1, '.') - rfc7515_a1);
    assert_true(elo_slice_eq(token.claims.iss, ELO_SLICE("joe")));
    assert_int_equal(token.claims.exp, 1300819380);
    assert_int_equal(token.claims.iat, 0);
    assert_int_equal(token.n_aud, 0);
    assert_false(token.claims.has_agent);
}


static void
test_headers(void **state)
{
    static const struct {
        const char *header;
        elo_err_t rc;
        const char *why;
    } rows[] = {
        { "{\"alg\":\"EdDSA\"}", ELO_OK, "" },
        { "{\"kid\":\"k\",\"alg\":\"EdDSA\",\"typ\":\"JWT\"}", ELO_OK, "" },
        { "{\"alg\":\"EdDSA\",\"typ\":\"jwt\"}", ELO_OK, "" },
        { "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\"}", ELO_OK, "" },
        { "{\"alg\":\"EdDSA\",\"typ\":\"application/AT+JWT\"}", ELO_OK, "" },
        { "{\"alg\":\"EdDSA\",\"typ\":\"dpop+jwt\"}", ELO_EINVAL, "typ" },
        { "{\"alg\":\"EdDSA\",\"typ\":\"application/\"}", ELO_EINVAL, "typ" },
        { "{\"alg\":\"EdDSA\",\"typ\":\"\"}", ELO_EINVAL, "typ" },
        { "{\"alg\":\"EdDSA\",\"typ\":null}", ELO_EINVAL, "typ" },
        /* members that would fetch keys are no more than unknown */
        { "{\"alg\":\"EdDSA\",\"jku\":\"https://x\",\"jwk\":{\"kty\":\"OKP\"},"
          "\"x5c\":[\"\"]}",
          ELO_OK, "" },
        { "{}", ELO_EINVAL, "alg" },
        { "{\"alg\":null}", ELO_EINVAL, "alg" },
        { "{\"alg\":1}", ELO_EINVAL, "alg" },
        { "{\"alg\":[\"EdDSA\"]}", ELO_EINVAL, "alg" },
        { "{\"alg\":\"none\"}", ELO_EUNSUPPORTED, "alg" },
        { "{\"alg\":\"None\"}", ELO_EUNSUPPORTED, "alg" },
        { "{\"alg\":\"nOnE\"}", ELO_EUNSUPPORTED, "alg" },
        { "{\"alg\":\"\"}", ELO_EUNSUPPORTED, "alg" },
        { "{\"alg\":\"eddsa\"}", ELO_EUNSUPPORTED, "alg" },
        { "{\"alg\":\"EdDSA \"}", ELO_EUNSUPPORTED, "alg" },
        { "{\"alg\":\"EdDSA\\u0000\"}", ELO_EINVAL, "header" },
        { "{\"alg\":\"RS256\"}", ELO_EUNSUPPORTED, "alg" },
        { "{\"alg\":\"HS512\"}", ELO_EUNSUPPORTED, "alg" },
        { "{\"alg\":\"ES256\"}", ELO_EUNSUPPORTED, "alg" },
        /* the value may have escapes, the name may not */
        { "{\"alg\":\"\\u0045dDSA\"}", ELO_OK, "" },
        { "{\"\\u0061lg\":\"EdDSA\"}", ELO_EINVAL, "header" },
        { "{\"alg\":\"none\",\"alg\":\"EdDSA\"}", ELO_EINVAL, "header" },
        { "{\"alg\":\"EdDSA\",\"alg\":\"EdDSA\"}", ELO_EINVAL, "header" },
        { "{\"alg\":\"EdDSA\",\"Alg\":\"none\"}", ELO_OK, "" },
        { "{\"alg\":\"HS256\"}", ELO_EINVAL, "signature" }, /* of 64 bytes */
        { "{\"alg\":\"EdDSA\",\"crit\":[\"exp\"]}", ELO_EINVAL, "crit" },
        { "{\"alg\":\"EdDSA\",\"crit\":[]}", ELO_EINVAL, "crit" },
        { "{\"alg\":\"EdDSA\",\"crit\":null}", ELO_EINVAL, "crit" },
        { "{\"alg\":\"EdDSA\",\"crit\":[\"b64\"],\"b64\":false}", ELO_EINVAL,
          "crit" },
        { "{\"alg\":\"EdDSA\",\"kid\":\"\"}", ELO_EINVAL, "kid" },
        { "{\"alg\":\"EdDSA\",\"kid\":7}", ELO_EINVAL, "kid" },
        { "{\"alg\":\"EdDSA\",\"kid\":null}", ELO_EINVAL, "kid" },
        { "{\"alg\":\"EdDSA\",\"kid\":\"a\\nb\"}", ELO_EINVAL, "kid" },
        { "{\"alg\":\"EdDSA\",\"kid\":"
          "\"0123456789012345678901234567890123456789"
          "012345678901234567890123\"}",
          ELO_OK, "" },
        { "{\"alg\":\"EdDSA\",\"kid\":"
          "\"0123456789012345678901234567890123456789"
          "0123456789012345678901234\"}",
          ELO_ETOOBIG, "kid" },
        { "{\"alg\":\"EdDSA\",\"x\":[[[[]]]]}", ELO_ETOOBIG, "header" },
        { "{\"alg\":\"EdDSA\"", ELO_EINVAL, "header" },
        { "[]", ELO_EINVAL, "header" },
        { "", ELO_EINVAL, "header" },
    };
    token_text_t t;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_err_t rc = elo_token_split(token_eddsa(&t, rows[i].header, CLAIMS),
                                       &token, &why);

        if (rc != rows[i].rc || strcmp(why, rows[i].why) != 0) {
            fail_msg("%s: %d, %s", rows[i].header, rc, why);
        }
    }
    token_hs256(&t, EDDSA, CLAIMS, token_secret());
    assert_int_equal(elo_token_split(token_slice(&t), &token, &why),
                     ELO_EINVAL);
    assert_string_equal(why, "signature");
}


/* Texts with something done to a good one. */
static void
test_shapes(void **state)
{
    static const char *const bad[] = {
        "", ".", "..", "...", "a", "a.b", "a.b.c", "null", "{}", "Bearer x.y.z",
    };
    token_text_t t, u;
    size_t sig_at;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(bad); i++) {
        assert_int_equal(elo_token_split(elo_slice_str(bad[i]), &token, &why),
                         ELO_EINVAL);
        assert_string_equal(why, "shape");
    }
    token_eddsa(&t, EDDSA, CLAIMS);
    assert_int_equal(elo_token_split(token_slice(&t), &token, &why), 0);
    sig_at = t.len - 86;

    /* something more at any place: blanks, dots, padding, other alphabets, NUL */
    for (size_t i = 0; i <= t.len; i++) {
        static const char more[] = " \n\t.=+/%A\xc3"; /* and NUL */

        for (size_t k = 0; k < sizeof(more); k++) {
            memcpy(u.p, t.p, i);
            u.p[i] = more[k];
            memcpy(u.p + i + 1, t.p + i, t.len - i);
            u.len = t.len + 1;
            if (elo_token_split(token_slice(&u), &token, &why) == ELO_OK) {
                fail_msg("byte %d at %zu", more[k], i);
            }
        }
    }
    /* another part behind it; parts in another order; none of them */
    memcpy(&u, &t, sizeof(t));
    memcpy(u.p + u.len, t.p + sig_at - 1, 87);
    u.len += 87;
    assert_int_equal(elo_token_split(token_slice(&u), &token, &why),
                     ELO_EINVAL);
    assert_int_equal(elo_token_split(elo_slice(t.p, sig_at), &token, &why),
                     ELO_EINVAL);
    token_start(&u, ELO_SLICE("{\"alg\":\"none\"}"), ELO_SLICE(CLAIMS));
    assert_int_equal(elo_token_split(token_slice(&u), &token, &why),
                     ELO_EINVAL);

    /* left-over bits of the signature: 86 digits are 516 bits */
    memcpy(&u, &t, sizeof(t));
    for (unsigned i = 1; i < 16; i++) {
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "abcdefghijklmnopqrstuvwxyz0123456789-_";
        size_t at = (size_t) (strchr(digits, t.p[t.len - 1]) - digits);

        u.p[u.len - 1] = digits[(at & 48) | i];
        assert_int_equal(elo_token_split(token_slice(&u), &token, &why),
                         ELO_EINVAL);
        assert_string_equal(why, "signature");
    }
}


static void
test_size(void **state)
{
    static char claims[ELO_TOKEN_MAX];
    token_text_t t;

    (void) state;
    for (size_t n = 2900; n < 3000; n++) {
        memset(claims, ' ', n);
        memcpy(claims, CLAIMS, sizeof(CLAIMS) - 1);
        claims[n] = '\0';
        token_eddsa(&t, EDDSA, claims);
        assert_int_equal(elo_token_split(token_slice(&t), &token, &why),
                         t.len > ELO_TOKEN_MAX ? ELO_ETOOBIG : ELO_OK);
        assert_string_equal(why, t.len > ELO_TOKEN_MAX ? "size" : "");
    }
}


/* No prefix is a token; none is read past its end. */
static void
test_prefixes(void **state)
{
    token_text_t t;
    guard_t g;

    (void) state;
    guard_init(&g, ELO_TOKEN_MAX);
    token_eddsa(&t, EDDSA,
                "{\"sub\":\"x\",\"aud\":[\"a\",\"b\"],\"exp\":1800000600}");
    for (size_t n = 0; n <= t.len; n++) {
        elo_slice_t s = guard_put(&g, elo_slice(t.p, n));

        assert_int_equal(elo_token_split(s, &token, &why),
                         n == t.len ? ELO_OK : ELO_EINVAL);
    }
    /* a header or claims cut short in front of a whole signature */
    for (size_t n = 0; n < t.len - 87; n++) {
        token_text_t u;

        memcpy(u.p, t.p, n);
        memcpy(u.p + n, t.p + t.len - 87, 87);
        u.len = n + 87;
        assert_int_not_equal(
            elo_token_split(guard_put(&g, token_slice(&u)), &token, &why), 0);
    }
    guard_dispose(&g);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc7515),  cmocka_unit_test(test_headers),
        cmocka_unit_test(test_shapes),   cmocka_unit_test(test_size),
        cmocka_unit_test(test_prefixes),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
