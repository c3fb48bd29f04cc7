/* SPDX-License-Identifier: BSD-2-Clause */
/* login: a proof of a key against a nonce of ours, and the token for it. A nonce is
   time 8 (Unix seconds), random 8, and the HMAC of "elohim-nonce" NUL, these two and the
   agent, under a key of this node: so nothing is kept of those that nobody uses. */
#include <assert.h>

#include "backend/ctl/ctl_internal.h"
#include "common/base/enc.h"
#include "common/base/num.h"
#include "common/base/rd.h"

#define TIME_LEN 8u
#define HEAD_LEN 16u /* time and random */
#define JTI_LEN  16u
#define TEXT_LEN sizeof(ELO_CTL_LOGIN_TEXT)
#define PROOF_MAX                                                              \
    (TEXT_LEN + ELO_TOKEN_ISS_MAX + 1 + ELO_CTL_NONCE_LEN + ELO_AGENT_LEN)

_Static_assert(HEAD_LEN + ELO_SHA256_LEN == ELO_CTL_NONCE_LEN, "nonce");
_Static_assert(ELO_NONCE_ID_LEN == ELO_SHA256_LEN, "a nonce's HMAC is its id");

static const char nonce_text[] = "elohim-nonce";


static elo_err_t
nonce_mac(const elo_ctl_t *c, const uint8_t *nonce, const elo_agent_t *a,
          elo_digest_t *out)
{
    elo_slice_t in[3] = { elo_slice(nonce_text, sizeof(nonce_text)),
                          elo_slice(nonce, HEAD_LEN),
                          elo_slice(a->b, sizeof(a->b)) };

    return elo_hmac(c->secrets->nonce_key, in, ELO_COUNT(in), out);
}


/* The time that logins are judged by: it doesn't go back, or a nonce that was used
   would hold again. */
static int64_t
login_now(elo_ctl_t *c)
{
    c->login_at = ELO_MAX(c->login_at, elo_ctl_now(c));
    return c->login_at;
}


void
elo_ctl_challenge(elo_ctl_t *c, const elo_agent_t *a,
                  uint8_t nonce[ELO_CTL_NONCE_LEN])
{
    uint64_t now = (uint64_t) login_now(c);
    elo_digest_t mac = { { 0 } };
    elo_err_t rc;

    assert(c->magic == ELO_CTL_MAGIC);
    for (unsigned i = 0; i < TIME_LEN; i++) {
        nonce[i] = (uint8_t) (now >> (56 - 8 * i));
    }
    elo_keys_random(nonce + TIME_LEN, HEAD_LEN - TIME_LEN);
    rc = nonce_mac(c, nonce, a, &mac);
    assert(rc == ELO_OK);
    memcpy(nonce + HEAD_LEN, mac.b, sizeof(mac.b));
}


/* Ours, for this agent, and not too old. */
static bool
is_nonce_ok(const elo_ctl_t *c, const elo_ctl_login_t *l, int64_t now)
{
    const uint8_t *mac = l->nonce + HEAD_LEN;
    elo_digest_t want = { { 0 } };
    uint64_t at = 0;

    if (nonce_mac(c, l->nonce, &l->agent, &want) != ELO_OK
        || !elo_secret_eq(mac, want.b, sizeof(want.b)))
    {
        return false;
    }
    (void) elo_rd_be64(l->nonce, l->nonce + TIME_LEN, &at);
    return (int64_t) at <= now && now - (int64_t) at <= ELO_CTL_NONCE_S;
}


static bool
is_proved(const elo_ctl_t *c, const elo_ctl_login_t *l)
{
    uint8_t mem[PROOF_MAX];
    elo_buf_t b;

    elo_buf_init_fixed(&b, mem, sizeof(mem));
    elo_buf_put(&b, ELO_CTL_LOGIN_TEXT, TEXT_LEN);
    elo_buf_put(&b, c->aud, strlen(c->aud) + 1);
    elo_buf_put(&b, l->nonce, sizeof(l->nonce));
    elo_buf_put(&b, l->agent.b, sizeof(l->agent.b));
    assert(elo_buf_err(&b) == ELO_OK);
    return elo_verify(&l->agent, elo_buf_slice(&b), l->sig);
}


static elo_level_t
level_of(uint32_t facts)
{
    if ((facts & ELO_FACT_ADMIN) != 0) {
        return ELO_LEVEL_ADMIN;
    }
    return (facts & ELO_FACT_ADMITTED) != 0 ? ELO_LEVEL_AUTHENTICATED
                                            : ELO_LEVEL_PUBLIC;
}


static elo_err_t
give(elo_ctl_t *c, const elo_ctl_login_t *l, elo_buf_t *token, int64_t *exp)
{
    int64_t now = elo_ctl_now(c);
    uint32_t facts = elo_ctl_facts_now(c, &l->agent, now);
    char jti[2 * JTI_LEN + 1];
    uint8_t id[JTI_LEN];
    elo_claims_t claims = {
        .has_agent = true,
        .agent = l->agent,
        .level = level_of(facts),
        .scopes = l->scopes & elo_ctl_scopes_of(facts),
        .ceiling = l->ceiling,
        .iss = elo_slice_str(c->iss),
        .aud = elo_slice_str(c->aud),
        .version = elo_ctl_token_version(c->state, &l->agent),
        .iat = now,
        .exp =
            now + (l->life_s == 0 ? c->life_s : ELO_MIN(l->life_s, c->life_s)),
    };
    elo_err_t rc;

    if (claims.scopes == 0) {
        return ELO_EDENIED;
    }
    elo_keys_random(id, sizeof(id));
    elo_hex_encode(id, sizeof(id), jti);
    claims.jti = elo_slice_str(jti);
    if ((rc = elo_ctl_sign(c, &claims, token)) == ELO_OK) {
        *exp = claims.exp;
    }
    return rc;
}


/* Keys that anybody could have made have a table of their own, which they can fill
   without keeping out who is admitted. He may have been a stranger when he used it. */
static elo_err_t
check_nonce(elo_ctl_t *c, elo_nonces_t *in, const elo_ctl_login_t *l,
            int64_t now)
{
    const uint8_t *id = l->nonce + HEAD_LEN;
    elo_nonces_t *other = in == c->nonces ? c->strange : c->nonces;

    if (elo_nonces_has(other, id, now)) {
        return ELO_EDENIED;
    }
    return elo_nonces_check(in, id, &l->agent, now);
}


elo_err_t
elo_ctl_login(elo_ctl_t *c, const elo_ctl_login_t *l, elo_buf_t *token,
              int64_t *exp)
{
    int64_t now = login_now(c);
    elo_nonces_t *in = c->strange;
    elo_err_t rc;

    assert(c->magic == ELO_CTL_MAGIC);
    if ((l->scopes & ~ELO_SCOPES_ALL) != 0
        || (unsigned) l->ceiling >= ELO_REACH_COUNT || l->life_s < 0)
    {
        return ELO_EINVAL;
    }
    if (!is_nonce_ok(c, l, now)) {
        return ELO_EDENIED;
    }
    /* a signature costs most: last, and of what may still be used only */
    if ((elo_ctl_facts_now(c, &l->agent, now) & ELO_FACT_ADMITTED) != 0) {
        in = c->nonces;
    }
    if ((rc = check_nonce(c, in, l, now)) != ELO_OK) {
        return rc;
    }
    if (!is_proved(c, l)) {
        return ELO_EDENIED;
    }
    elo_nonces_use(in, l->nonce + HEAD_LEN, &l->agent, now);
    return give(c, l, token, exp);
}
