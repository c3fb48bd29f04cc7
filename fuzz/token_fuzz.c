/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes common/auth/token: the input is a token, or, where it starts with a brace,
   claims that are put into one. Claims that are taken can be signed, and are read
   back as what they were. */
#include <stdlib.h>

#include "common/auth/token.h"
#include "common/base/base64.h"

#define HEADER   "eyJhbGciOiJIUzI1NiJ9." /* {"alg":"HS256"} */
#define SIG_LEN  43
#define TEXT_MAX (sizeof(HEADER) + ELO_TOKEN_MAX + SIG_LEN)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static elo_slice_t
wrap(const uint8_t *json, size_t len, char *text)
{
    size_t n = sizeof(HEADER) - 1;

    memcpy(text, HEADER, n);
    elo_base64url_encode(json, len, text + n);
    n += ELO_BASE64URL_LEN(len);
    text[n++] = '.';
    memset(text + n, 'A', SIG_LEN);
    return elo_slice(text, n + SIG_LEN);
}


static bool
is_same(const elo_claims_t *a, const elo_claims_t *b)
{
    return a->has_agent == b->has_agent && elo_agent_eq(&a->agent, &b->agent)
           && a->level == b->level && a->scopes == b->scopes
           && a->ceiling == b->ceiling && a->version == b->version
           && a->iat == b->iat && a->nbf == b->nbf && a->exp == b->exp
           && elo_slice_eq(a->prefix, b->prefix)
           && elo_slice_eq(a->content, b->content)
           && elo_slice_eq(a->jti, b->jti) && elo_slice_eq(a->iss, b->iss)
           && elo_slice_eq(a->aud, b->aud)
           && elo_slice_eq(a->human_id, b->human_id)
           && elo_slice_eq(a->identifier, b->identifier);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t seed[ELO_SEED_LEN];
    static elo_token_t one, two;
    static char text[TEXT_MAX];
    elo_slice_t in = elo_slice(data, len);
    const char *why;
    elo_buf_t b;

    if (len > 0 && len <= ELO_TOKEN_MAX / 4 * 3 && data[0] == '{') {
        in = wrap(data, len, text);
    }
    if (elo_token_split(in, &one, &why) != ELO_OK || one.claims.exp == 0) {
        return 0; /* a token that is born expired isn't written */
    }
    elo_buf_init(&b, 2 * ELO_TOKEN_MAX);
    if (elo_token_sign(&one.claims, one.kid, seed, &b) != ELO_OK
        || elo_token_split(elo_buf_slice(&b), &two, &why) != ELO_OK
        || !is_same(&one.claims, &two.claims)
        || !elo_slice_eq(one.kid, two.kid))
    {
        abort();
    }
    elo_buf_dispose(&b);
    return 0;
}
