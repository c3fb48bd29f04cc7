/* SPDX-License-Identifier: BSD-2-Clause */
/* token_sign: claims to a token (RFC 7515, 7.1; RFC 8037, 3.1) that
   elo_token_split reads back as they were. */
#include "common/auth/token_internal.h"

#include "common/auth/path_prefix.h"
#include "common/base/base64.h"
#include "common/base/utf8.h"

/* Whatever fits into a token */
#define JSON_MAX (ELO_TOKEN_MAX / 4 * 3)


/* ---- may these be the claims of a token? ---- */

static bool
is_utf8(elo_slice_t s)
{
    uint32_t cp;
    size_t n;

    for (; s.len > 0; s = elo_slice(s.p + n, s.len - n)) {
        n = elo_utf8_next(s, &cp);
        if (n == 0) {
            return false;
        }
    }
    return true;
}


static elo_err_t
check_texts(const elo_claims_t *c, elo_slice_t kid)
{
    const struct {
        elo_slice_t s;
        size_t max;
    } texts[] = {
        { kid, ELO_TOKEN_ID_MAX },
        { c->jti, ELO_TOKEN_ID_MAX },
        { c->iss, ELO_TOKEN_ISS_MAX },
        { c->aud, ELO_TOKEN_ISS_MAX },
        { c->human_id, ELO_TOKEN_NAME_MAX },
        { c->identifier, ELO_TOKEN_NAME_MAX },
        { c->prefix, ELO_TOKEN_PREFIX_MAX },
        { c->content, ELO_CONTENT_ID_MAX },
    };
    elo_err_t rc;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        rc = elo_token_text_check(texts[i].s, 0, texts[i].max);
        if (rc != ELO_OK) {
            return rc;
        }
        if (!is_utf8(texts[i].s)) {
            return ELO_EINVAL;
        }
    }
    return ELO_OK;
}


static bool
is_time(int64_t t)
{
    return t >= 0 && t <= ELO_TOKEN_TIME_MAX;
}


static elo_err_t
check(const elo_claims_t *c, elo_slice_t kid)
{
    if ((unsigned) c->level >= ELO_LEVEL_COUNT
        || (unsigned) c->ceiling >= ELO_REACH_COUNT
        || (c->scopes & ~ELO_SCOPES_ALL) != 0 || !is_time(c->iat)
        || !is_time(c->nbf) || !is_time(c->exp) || c->exp == 0
        || (c->has_agent && elo_agent_is_zero(&c->agent))
        || (c->prefix.len > 0 && !elo_path_prefix_ok(c->prefix))
        || (c->content.len > 0 && !elo_content_id_ok(c->content)))
    {
        return ELO_EINVAL;
    }
    return check_texts(c, kid);
}


/* ---- writing ---- */

static void
put_name(elo_buf_t *b, const char *name)
{
    elo_buf_put_str(b, ",\"");
    elo_buf_put_str(b, name);
    elo_buf_put_str(b, "\":");
}


/* A member, unless it is empty. No control characters are in s. */
static void
put_text(elo_buf_t *b, const char *name, elo_slice_t s)
{
    if (s.len == 0) {
        return;
    }
    put_name(b, name);
    elo_buf_put_u8(b, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\') {
            elo_buf_put_u8(b, '\\');
        }
        elo_buf_put_u8(b, s.p[i]);
    }
    elo_buf_put_u8(b, '"');
}


static void
put_number(elo_buf_t *b, const char *name, uint64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);

    put_name(b, name);
    do {
        digits[--at] = (char) ('0' + v % 10);
        v /= 10;
    } while (v > 0);
    elo_buf_put(b, digits + at, sizeof(digits) - at);
}


static void
put_scopes(elo_buf_t *b, uint32_t scopes)
{
    const char *between = "";

    put_name(b, "scope");
    elo_buf_put_u8(b, '"');
    for (unsigned i = 0; i < ELO_SCOPE_COUNT; i++) {
        if ((scopes & 1u << i) != 0) {
            elo_buf_put_str(b, between);
            elo_buf_put_str(b, elo_scope_names[i]);
            between = " ";
        }
    }
    elo_buf_put_u8(b, '"');
}


static void
put_rights(elo_buf_t *b, const elo_claims_t *c)
{
    if (c->level != ELO_LEVEL_AUTHENTICATED) {
        put_text(b, "permission_level",
                 elo_slice_str(elo_level_names[c->level]));
    }
    if (c->scopes != elo_level_scopes(c->level)) {
        put_scopes(b, c->scopes);
    }
    if (c->ceiling != ELO_REACH_COMMONS) {
        put_text(b, "reach", elo_slice_str(elo_reach_name(c->ceiling)));
    }
    put_text(b, "path", c->prefix);
    put_text(b, "content", c->content);
}


/* In the form of members that follow another; the first comma is dropped. */
static void
put_claims(elo_buf_t *b, const elo_claims_t *c)
{
    char agent[2 * ELO_AGENT_LEN + 1];

    put_text(b, "iss", c->iss);
    if (c->has_agent) {
        elo_agent_text(&c->agent, agent);
        put_text(b, "sub", elo_slice_str(agent));
    }
    put_text(b, "aud", c->aud);
    put_text(b, "jti", c->jti);
    put_text(b, "human_id", c->human_id);
    put_text(b, "identifier", c->identifier);
    put_rights(b, c);
    if (c->version != 1) {
        put_number(b, "version", c->version);
    }
    if (c->iat != 0) {
        put_number(b, "iat", (uint64_t) c->iat);
    }
    if (c->nbf != 0) {
        put_number(b, "nbf", (uint64_t) c->nbf);
    }
    put_number(b, "exp", (uint64_t) c->exp);
}


static void
put_header(elo_buf_t *b, elo_slice_t kid)
{
    put_text(b, "alg", ELO_SLICE("EdDSA"));
    put_text(b, "typ", ELO_SLICE("JWT"));
    put_text(b, "kid", kid);
}


static void
put_base64url(elo_buf_t *b, const uint8_t *p, size_t n)
{
    size_t len = ELO_BASE64URL_LEN(n);
    uint8_t *to = elo_buf_extend(b, len + 1); /* the NUL is taken off */

    if (to != NULL) {
        elo_base64url_encode(p, n, (char *) to);
        b->len--;
    }
}


/* Members as they were put become an object, and that a part of the token. */
static elo_err_t
put_part(elo_buf_t *out, elo_buf_t *json)
{
    if (elo_buf_err(json) != ELO_OK) {
        return elo_buf_err(json);
    }
    json->p[0] = '{';
    elo_buf_put_u8(json, '}');
    if (elo_buf_err(json) == ELO_OK) {
        put_base64url(out, json->p, json->len);
    }
    return elo_buf_err(json);
}


static elo_err_t
put_token(const elo_claims_t *c, elo_slice_t kid,
          const uint8_t seed[ELO_SEED_LEN], elo_buf_t *out)
{
    uint8_t room[JSON_MAX], sig[ELO_SIG_LEN];
    size_t start = out->len;
    elo_buf_t json;
    elo_err_t rc;

    elo_buf_init_fixed(&json, room, sizeof(room));
    put_header(&json, kid);
    if ((rc = put_part(out, &json)) != ELO_OK) {
        return rc;
    }
    elo_buf_put_u8(out, '.');
    elo_buf_clear(&json);
    put_claims(&json, c);
    if ((rc = put_part(out, &json)) != ELO_OK
        || (rc = elo_buf_err(out)) != ELO_OK) {
        return rc;
    }
    elo_sign(seed, elo_slice(out->p + start, out->len - start), sig);
    elo_buf_put_u8(out, '.');
    put_base64url(out, sig, sizeof(sig));
    rc = elo_buf_err(out);
    return rc == ELO_OK && out->len - start > ELO_TOKEN_MAX ? ELO_ETOOBIG : rc;
}


elo_err_t
elo_token_sign(const elo_claims_t *c, elo_slice_t kid,
               const uint8_t seed[ELO_SEED_LEN], elo_buf_t *out)
{
    size_t start = out->len;
    elo_err_t rc = check(c, kid);

    if (rc == ELO_OK) {
        rc = put_token(c, kid, seed, out);
    }
    if (rc != ELO_OK) {
        out->len = start;
    }
    return rc;
}
