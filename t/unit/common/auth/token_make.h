/* SPDX-License-Identifier: BSD-2-Clause */
/* token_make: tokens of any header and claims, well signed, for tests. The key is
   that of RFC 8037, A.1; the secret that of RFC 7515, A.1. */
#ifndef ELO_T_UNIT_TOKEN_MAKE_H
#define ELO_T_UNIT_TOKEN_MAKE_H

#include <stdlib.h>

#include "common/auth/token.h"
#include "common/base/base64.h"

#define TOKEN_NOW INT64_C(1800000000)

typedef struct {
    char p[4 * ELO_TOKEN_MAX];
    size_t len;
} token_text_t;

static const uint8_t token_seed[ELO_SEED_LEN] = {
    0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
    0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
    0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60
};


static inline elo_slice_t
token_slice(const token_text_t *t)
{
    return elo_slice(t->p, t->len);
}


static inline void
token_put(token_text_t *t, elo_slice_t bytes)
{
    if (bytes.len > 2 * ELO_TOKEN_MAX) {
        abort();
    }
    elo_base64url_encode(bytes.p, bytes.len, t->p + t->len);
    t->len += ELO_BASE64URL_LEN(bytes.len);
}


/* Header and claims without a signature, but its dot. */
static inline elo_slice_t
token_start(token_text_t *t, elo_slice_t header, elo_slice_t claims)
{
    elo_slice_t signing_input;

    t->len = 0;
    token_put(t, header);
    t->p[t->len++] = '.';
    token_put(t, claims);
    signing_input = elo_slice(t->p, t->len);
    t->p[t->len++] = '.';
    t->p[t->len] = '\0';
    return signing_input;
}


static inline elo_slice_t
token_eddsa(token_text_t *t, const char *header, const char *claims)
{
    uint8_t sig[ELO_SIG_LEN];

    elo_sign(token_seed,
             token_start(t, elo_slice_str(header), elo_slice_str(claims)), sig);
    token_put(t, elo_slice(sig, sizeof(sig)));
    return token_slice(t);
}


static inline elo_slice_t
token_hs256(token_text_t *t, const char *header, const char *claims,
            elo_slice_t secret)
{
    elo_slice_t in =
        token_start(t, elo_slice_str(header), elo_slice_str(claims));
    elo_digest_t mac;

    elo_hmac_any(secret, &in, 1, &mac);
    token_put(t, elo_slice(mac.b, sizeof(mac.b)));
    return token_slice(t);
}


/* RFC 7515, A.1.1: 64 bytes. */
static inline elo_slice_t
token_secret(void)
{
    static uint8_t secret[64];
    size_t len;

    if (elo_base64url_decode(
            ELO_SLICE("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75"
                      "aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"),
            secret, sizeof(secret), &len)
        != ELO_OK)
    {
        abort();
    }
    return elo_slice(secret, len);
}

#endif
