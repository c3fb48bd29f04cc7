/* SPDX-License-Identifier: BSD-2-Clause */
/* session: what a token or a signed URL says of its bearer, now. Rights come from the
   records as they are; what the bearer shows can only take of them away. */
#include <assert.h>

#include "backend/ctl/ctl_internal.h"
#include "common/auth/signed_url.h"
#include "common/base/enc.h"
#include "common/base/num.h"


uint32_t
elo_ctl_facts_now(const elo_ctl_t *c, const elo_agent_t *a, int64_t now)
{
    return elo_ctl_facts_of(c->state, a, ELO_MAX(now, c->told_at));
}


uint32_t
elo_ctl_scopes_of(uint32_t facts)
{
    if ((facts & ELO_FACT_ADMIN) != 0) {
        return ELO_SCOPES_ALL;
    }
    return (facts & ELO_FACT_ADMITTED) != 0
               ? ELO_SCOPES_ALL & ~(uint32_t) ELO_SCOPE_ADMIN
               : (uint32_t) ELO_SCOPE_READ;
}


static uint32_t
cut(uint32_t facts, elo_level_t level)
{
    switch (level) {
    case ELO_LEVEL_ADMIN:
        return facts;
    case ELO_LEVEL_AUTHENTICATED:
        return facts & ~(uint32_t) ELO_FACT_ADMIN;
    case ELO_LEVEL_PUBLIC:
        break;
    }
    return facts & ~(uint32_t) (ELO_FACT_ADMIN | ELO_FACT_ADMITTED);
}


/* ---- tokens ---- */

bool
elo_ctl_takes_hs256(const elo_ctl_t *c)
{
    return c->secrets->hs256_len > 0;
}


static elo_token_verdict_t
judge(elo_ctl_t *c, elo_token_t *t, int64_t now)
{
    elo_token_key_t keys[ELO_CTL_KEYS_MAX];
    const elo_token_key_t *by;
    elo_token_rules_t rules = { .keys = keys,
                                .iss = elo_slice_str(c->iss),
                                .aud = elo_slice_str(c->aud),
                                .now = now };

    if (t->alg == ELO_ALG_EDDSA) {
        rules.n = elo_ctl_keys(c, keys, ELO_CTL_KEYS_MAX);
        rules.max_life_s = c->life_s;
    } else if (c->secrets->hs256_len > 0) {
        /* how long these live is for who makes them */
        keys[0] = (elo_token_key_t){ .alg = ELO_ALG_HS256 };
        rules.n = 1;
        rules.hs256_secret =
            elo_slice(c->secrets->hs256, c->secrets->hs256_len);
    }
    return elo_token_verify(t, &rules, &by);
}


static void
fill(const elo_ctl_t *c, const elo_token_t *t, int64_t now,
     elo_ctl_session_t *out)
{
    const elo_claims_t *cl = &t->claims;

    out->is_revoked =
        elo_ctl_is_token_revoked(c->state, cl->has_agent ? &cl->agent : NULL,
                                 cl->jti, t->kid, cl->version);
    out->exp = cl->exp;
    out->until = c->expires_at;
    out->ceiling = cl->ceiling;
    if (cl->has_agent) {
        out->agent = cl->agent;
        out->facts = cut(elo_ctl_facts_now(c, &cl->agent, now), cl->level);
    }
    out->scopes = cl->scopes & elo_ctl_scopes_of(out->facts);
    /* no longer than that: split has seen to it; NUL is there */
    if (cl->prefix.len > 0) {
        memcpy(out->prefix, cl->prefix.p, cl->prefix.len);
    }
    if (cl->content.len > 0) {
        memcpy(out->content, cl->content.p, cl->content.len);
    }
}


/* What says nothing. The agent isn't zero, which is the operator. */
static void
clear(elo_ctl_session_t *out)
{
    memset(out, 0, sizeof(*out));
    memset(out->agent.b, 0xff, sizeof(out->agent.b));
    out->verdict = ELO_TOKEN_UNKNOWN_KEY;
}


void
elo_ctl_session(elo_ctl_t *c, elo_slice_t token, int64_t now,
                elo_ctl_session_t *out)
{
    elo_token_t t;
    const char *why;

    assert(c->magic == ELO_CTL_MAGIC);
    clear(out);
    if (elo_token_split(token, &t, &why) != ELO_OK) {
        out->is_malformed = true;
        return;
    }
    if ((out->verdict = judge(c, &t, now)) == ELO_TOKEN_OK) {
        fill(c, &t, now, out);
    }
}


/* ---- signed URLs ---- */

/* The key of ours with that id, while it counts. */
static const elo_token_key_t *
find_key(const elo_token_key_t *keys, uint32_t n, const char *kid, int64_t now)
{
    for (uint32_t i = 0; i < n; i++) {
        const elo_token_key_t *k = &keys[i];

        if (k->alg == ELO_ALG_EDDSA && strcmp(k->kid, kid) == 0) {
            return (k->from == 0 || k->from <= now)
                           && (k->until == 0 || now < k->until)
                       ? k
                       : NULL;
        }
    }
    return NULL;
}


/* By the agent himself, or by a key that our tokens are signed by. */
static elo_token_verdict_t
judge_url(elo_ctl_t *c, const elo_signed_url_t *u, int64_t now)
{
    elo_token_key_t keys[ELO_CTL_KEYS_MAX];
    const elo_token_key_t *by;
    char kid[ELO_CTL_KID_LEN + 1];
    uint8_t own[ELO_URL_KID_LEN];
    elo_agent_t key = u->agent;

    elo_key_id(&u->agent, own);
    if (memcmp(own, u->kid, sizeof(own)) != 0) {
        elo_hex_encode(u->kid, sizeof(u->kid), kid);
        by = find_key(keys, elo_ctl_keys(c, keys, ELO_CTL_KEYS_MAX), kid, now);
        if (by == NULL) {
            return ELO_TOKEN_UNKNOWN_KEY;
        }
        memcpy(key.b, by->key, sizeof(key.b));
    }
    if (now >= u->exp) {
        return ELO_TOKEN_EXPIRED;
    }
    return elo_signed_url_verify(u, &key) ? ELO_TOKEN_OK
                                          : ELO_TOKEN_BAD_SIGNATURE;
}


void
elo_ctl_url_session(elo_ctl_t *c, elo_slice_t segment, int64_t now,
                    elo_ctl_session_t *out)
{
    char kid[ELO_CTL_KID_LEN + 1];
    elo_signed_url_t u;

    assert(c->magic == ELO_CTL_MAGIC);
    clear(out);
    if (elo_signed_url_parse(segment, &u) != ELO_OK) {
        out->is_malformed = true;
        return;
    }
    if ((out->verdict = judge_url(c, &u, now)) != ELO_TOKEN_OK) {
        return;
    }
    elo_hex_encode(u.kid, sizeof(u.kid), kid);
    /* it has neither id nor version: its key ends it, and its own end */
    out->is_revoked = elo_ctl_is_token_revoked(
        c->state, &u.agent, elo_slice(NULL, 0), elo_slice_str(kid), UINT64_MAX);
    out->agent = u.agent;
    out->facts =
        cut(elo_ctl_facts_now(c, &u.agent, now), ELO_LEVEL_AUTHENTICATED);
    out->scopes = u.scopes & ELO_SCOPE_READ;
    out->ceiling = u.ceiling;
    out->exp = u.exp;
    out->until = c->expires_at;
    memcpy(out->prefix, u.prefix.p, u.prefix.len);
}
