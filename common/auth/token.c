/* SPDX-License-Identifier: BSD-2-Clause */
/* token: a text taken apart, cheapest checks first. Spec: RFC 7515, 7.1 (compact
   form) and 4.1 (header). */
#include "common/auth/token_internal.h"

#include "common/auth/json_claims.h"
#include "common/base/base64.h"

#define ED25519_SIG_LEN 64u
#define HS256_SIG_LEN   32u

typedef struct {
    elo_slice_t header, claims, sig;
} parts_t;

enum { H_ALG, H_KID, H_TYP, H_CRIT, H_COUNT };

static const char *const header_names[H_COUNT] = {
    [H_ALG] = "alg", [H_KID] = "kid", [H_TYP] = "typ", [H_CRIT] = "crit"
};


/* ---- header ---- */

/* RFC 8725, 3.11: what calls itself another kind of token isn't one of these.
   "JWT", "at+jwt" (RFC 9068), with or without "application/". */
static bool
is_type_ok(const elo_jclaim_t *typ)
{
    elo_slice_t media = ELO_SLICE("application/"), s = typ->text;

    if (typ->kind != ELO_JCLAIM_TEXT) {
        return typ->kind == ELO_JCLAIM_ABSENT;
    }
    if (s.len > media.len && elo_slice_ieq(elo_slice(s.p, media.len), media)) {
        s = elo_slice(s.p + media.len, s.len - media.len);
    }
    return elo_slice_ieq(s, ELO_SLICE("jwt"))
           || elo_slice_ieq(s, ELO_SLICE("at+jwt"));
}


static elo_err_t
take_alg(const elo_jclaim_t *f, elo_token_t *t)
{
    if (f->kind != ELO_JCLAIM_TEXT) {
        return ELO_EINVAL;
    }
    if (elo_slice_eq(f->text, ELO_SLICE("EdDSA"))) {
        t->alg = ELO_ALG_EDDSA;
        t->sig_len = ED25519_SIG_LEN;
        return ELO_OK;
    }
    if (elo_slice_eq(f->text, ELO_SLICE("HS256"))) {
        t->alg = ELO_ALG_HS256;
        t->sig_len = HS256_SIG_LEN;
        return ELO_OK;
    }
    return ELO_EUNSUPPORTED;
}


static elo_err_t
take_kid(const elo_jclaim_t *f, elo_token_t *t)
{
    t->kid = elo_slice(NULL, 0);
    if (f->kind == ELO_JCLAIM_ABSENT) {
        return ELO_OK;
    }
    if (f->kind != ELO_JCLAIM_TEXT) {
        return ELO_EINVAL;
    }
    t->kid = f->text;
    return elo_token_text_check(f->text, 1, ELO_TOKEN_ID_MAX);
}


static elo_err_t
read_header(elo_token_t *t, uint8_t *json, size_t len, const char **why)
{
    elo_jclaim_t want[H_COUNT];
    elo_err_t rc;

    for (size_t i = 0; i < H_COUNT; i++) {
        want[i].name = elo_slice_str(header_names[i]);
        want[i].items = NULL;
    }
    *why = "header";
    if ((rc = elo_jclaims_read(json, len, want, H_COUNT)) != ELO_OK) {
        return rc;
    }
    *why = header_names[H_CRIT];
    if (want[H_CRIT].kind != ELO_JCLAIM_ABSENT) {
        return ELO_EINVAL; /* RFC 7515, 4.1.11: nothing of it is understood */
    }
    *why = header_names[H_TYP];
    if (!is_type_ok(&want[H_TYP])) {
        return ELO_EINVAL;
    }
    *why = header_names[H_ALG];
    if ((rc = take_alg(&want[H_ALG], t)) != ELO_OK) {
        return rc;
    }
    *why = header_names[H_KID];
    return take_kid(&want[H_KID], t);
}


/* ---- the whole ---- */

/* Three parts, the last as long as a signature that is known. */
static bool
cut(elo_slice_t text, parts_t *out)
{
    const uint8_t *end = text.p + text.len, *dot, *last;

    dot = text.len == 0 ? NULL : memchr(text.p, '.', text.len);
    last = dot == NULL ? NULL : memchr(dot + 1, '.', (size_t) (end - dot - 1));
    if (last == NULL) {
        return false;
    }
    out->header = elo_slice(text.p, (size_t) (dot - text.p));
    out->claims = elo_slice(dot + 1, (size_t) (last - dot - 1));
    out->sig = elo_slice(last + 1, (size_t) (end - last - 1));
    return out->sig.len == ELO_BASE64URL_LEN(ED25519_SIG_LEN)
           || out->sig.len == ELO_BASE64URL_LEN(HS256_SIG_LEN);
}


elo_err_t
elo_token_split(elo_slice_t text, elo_token_t *out, const char **why)
{
    size_t header_len, claims_len, sig_len;
    parts_t parts;
    elo_err_t rc;

    *why = "size";
    if (text.len > ELO_TOKEN_MAX) {
        return ELO_ETOOBIG;
    }
    *why = "shape";
    if (!cut(text, &parts)) {
        return ELO_EINVAL;
    }
    *why = "header";
    rc = elo_base64url_decode(parts.header, out->room, sizeof(out->room),
                              &header_len);
    if (rc != ELO_OK
        || (rc = read_header(out, out->room, header_len, why)) != ELO_OK)
    {
        return rc;
    }
    *why = "signature";
    rc = elo_base64url_decode(parts.sig, out->sig, sizeof(out->sig), &sig_len);
    if (rc != ELO_OK || sig_len != out->sig_len) {
        return ELO_EINVAL;
    }
    *why = "claims";
    rc = elo_base64url_decode(parts.claims, out->room + header_len,
                              sizeof(out->room) - header_len, &claims_len);
    if (rc != ELO_OK) {
        return rc;
    }
    out->signing_input =
        elo_slice(text.p, parts.header.len + 1 + parts.claims.len);
    rc = elo_token_read_claims(out, out->room + header_len, claims_len, why);
    if (rc == ELO_OK) {
        *why = "";
    }
    return rc;
}
