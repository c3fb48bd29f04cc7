/* SPDX-License-Identifier: BSD-2-Clause */
/* token_verify: is a token good here and now, and for this request? Spec: RFC
   7519, 4.1 and 7.2; RFC 8725, 3.1 (an algorithm belongs to a key). */
#include "common/auth/token_internal.h"

#include "common/auth/path_prefix.h"

#define HS256_SECRET_MIN 32u /* RFC 7518, 3.2 */


static bool
counts_now(const elo_token_key_t *key, int64_t now)
{
    return (key->from == 0 || key->from <= now)
           && (key->until == 0 || now < key->until);
}


/* The first whose name and algorithm are the token's: one signature at most is
   ever computed. */
static const elo_token_key_t *
find_key(const elo_token_t *t, const elo_token_rules_t *rules)
{
    for (uint32_t i = 0; i < rules->n; i++) {
        const elo_token_key_t *key = &rules->keys[i];

        if (key->alg == t->alg && elo_slice_eq(elo_slice_str(key->kid), t->kid)
            && counts_now(key, rules->now))
        {
            return key;
        }
    }
    return NULL;
}


static elo_token_verdict_t
judge_times(const elo_claims_t *c, const elo_token_rules_t *rules)
{
    int64_t now = rules->now;

    if (now >= c->exp + ELO_TOKEN_LEEWAY_S) {
        return ELO_TOKEN_EXPIRED;
    }
    if (c->nbf - ELO_TOKEN_LEEWAY_S > now || c->iat - ELO_TOKEN_LEEWAY_S > now)
    {
        return ELO_TOKEN_EARLY;
    }
    /* a life whose start isn't told has no length */
    if (rules->max_life_s > 0
        && (c->iat == 0 || c->exp - c->iat > rules->max_life_s))
    {
        return ELO_TOKEN_LIFE;
    }
    return ELO_TOKEN_OK;
}


/* What upstream signs with HS256 states neither; what is stated must be right
   there, too. */
static elo_token_verdict_t
judge_names(elo_token_t *t, const elo_token_rules_t *rules)
{
    bool must_state = t->alg == ELO_ALG_EDDSA;

    if (rules->iss.len > 0 && (must_state || t->claims.iss.len > 0)
        && !elo_slice_eq(t->claims.iss, rules->iss))
    {
        return ELO_TOKEN_ISSUER;
    }
    if (rules->aud.len == 0 || (!must_state && t->n_aud == 0)) {
        return ELO_TOKEN_OK;
    }
    for (uint32_t i = 0; i < t->n_aud; i++) {
        if (elo_slice_eq(t->auds[i], rules->aud)) {
            t->claims.aud = t->auds[i];
            return ELO_TOKEN_OK;
        }
    }
    return ELO_TOKEN_AUDIENCE;
}


static bool
is_signed(const elo_token_t *t, const elo_token_key_t *key,
          const elo_token_rules_t *rules)
{
    elo_digest_t mac;
    elo_agent_t by;
    bool is_same;

    if (key->alg == ELO_ALG_EDDSA) {
        memcpy(by.b, key->key, sizeof(by.b));
        return elo_verify(&by, t->signing_input, t->sig);
    }
    elo_hmac_any(rules->hs256_secret, &t->signing_input, 1, &mac);
    is_same = elo_secret_eq(mac.b, t->sig, sizeof(mac.b));
    elo_wipe(&mac, sizeof(mac));
    return is_same;
}


elo_token_verdict_t
elo_token_verify(elo_token_t *t, const elo_token_rules_t *rules,
                 const elo_token_key_t **by)
{
    const elo_token_key_t *key = find_key(t, rules);
    elo_token_verdict_t v;

    if (key == NULL
        || (key->alg == ELO_ALG_HS256
            && (rules->hs256_secret.p == NULL
                || rules->hs256_secret.len < HS256_SECRET_MIN)))
    {
        return ELO_TOKEN_UNKNOWN_KEY;
    }
    if ((v = judge_times(&t->claims, rules)) != ELO_TOKEN_OK
        || (v = judge_names(t, rules)) != ELO_TOKEN_OK)
    {
        return v;
    }
    if (!is_signed(t, key, rules)) {
        return ELO_TOKEN_BAD_SIGNATURE;
    }
    *by = key;
    return ELO_TOKEN_OK;
}


const char *
elo_token_verdict_name(elo_token_verdict_t v)
{
    switch (v) {
    case ELO_TOKEN_OK:
        return "ok";
    case ELO_TOKEN_UNKNOWN_KEY:
        return "unknown-key";
    case ELO_TOKEN_BAD_SIGNATURE:
        return "bad-signature";
    case ELO_TOKEN_EXPIRED:
        return "expired";
    case ELO_TOKEN_EARLY:
        return "early";
    case ELO_TOKEN_ISSUER:
        return "issuer";
    case ELO_TOKEN_AUDIENCE:
        return "audience";
    case ELO_TOKEN_LIFE:
        return "life";
    }
    return "none";
}


bool
elo_claims_cover(const elo_claims_t *c, elo_slice_t path,
                 elo_slice_t content_id)
{
    if (c->prefix.len > 0 && !elo_path_prefix_covers(c->prefix, path)) {
        return false;
    }
    return c->content.len == 0 || elo_slice_eq(c->content, content_id);
}
