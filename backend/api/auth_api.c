/* SPDX-License-Identifier: BSD-2-Clause */
/* auth_api: an agent proves his key and gets a token:

     POST /api/auth/challenge {"agent"}
       -> {"agent", "nonce", "audience", "text", "expires"}
     POST /api/auth/token {"agent", "nonce", "signature", "scope"?, "reach"?,
                           "lifetime"?, "cookie"?}
       -> {"token", "tokenType", "agent", "expiresAt"}
     GET  /api/auth/session -> {"agent", "level"}: whose the caller's token is; agent
          is null without one, level public, authenticated or admin, as of now
     POST /api/auth/logout  -> 204, and the cookie is gone; the token isn't ended:
          that is for a record of its agent (docs/formats/record.md, kind 15)
     GET  /api/auth/keys  -> the public keys, as a JWK set (RFC 7517, RFC 8037)
     POST /api/auth/keys  -> 204: by the operator alone; tokens are signed by a new key
          from now on, and those signed before live to their end

   What he signs: backend/ctl/ctl.h. agent is any text form; nonce and signature are
   base64url. With "cookie": true the token is set as the cookie elohim_token too,
   which no script can read. */
#include "backend/api/calls.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/api/ask.h"
#include "backend/json/json_write.h"
#include "backend/os/clock.h"
#include "common/auth/agent_text.h"
#include "common/base/base64.h"
#include "common/base/num.h"

#define BODY_MAX   4096u
#define ANSWER_MAX (2 * ELO_TOKEN_MAX)

typedef struct {
    elo_api_t *api;
    elo_http_req_t *req;
    bool is_token;
} ask_t;


/* ---- reading ---- */

static bool
read_agent(const elo_json_t *j, elo_agent_t *out)
{
    elo_slice_t text;

    return elo_json_string(elo_json_get(j, "agent"), &text)
           && elo_agent_text_parse(text, out) == ELO_OK;
}


static bool
read_bytes(const elo_json_t *j, const char *name, uint8_t *out, size_t len)
{
    elo_slice_t text;
    size_t n;

    return elo_json_string(elo_json_get(j, name), &text)
           && elo_base64url_decode(text, out, len, &n) == ELO_OK && n == len;
}


/* False: it is there, and isn't what it should be. */
static bool
read_wishes(const elo_json_t *j, elo_ctl_login_t *l)
{
    const elo_json_t *scope = elo_json_get(j, "scope");
    const elo_json_t *reach = elo_json_get(j, "reach");
    const elo_json_t *life = elo_json_get(j, "lifetime");
    elo_slice_t text;

    l->scopes = ELO_SCOPES_ALL;
    l->ceiling = ELO_REACH_COMMONS;
    l->life_s = 0;
    if (scope != NULL) {
        if (!elo_json_string(scope, &text)) {
            return false;
        }
        l->scopes = elo_scopes_parse(text);
    }
    if (reach != NULL
        && (!elo_json_string(reach, &text)
            || !elo_reach_parse(text, &l->ceiling)))
    {
        return false;
    }
    return life == NULL
           || (elo_json_integer(life, &l->life_s) && l->life_s > 0);
}


/* ---- answers ---- */

static void
reply_secret(elo_http_req_t *req, elo_buf_t *json)
{
    elo_http_res_header(req, "Cache-Control", ELO_SLICE("no-store"));
    elo_reply_json(req, 200, json);
    elo_wipe(json->p, json->len);
    elo_buf_dispose(json);
}


static void
challenge(const ask_t *k, const elo_json_t *j)
{
    char nonce64[ELO_BASE64URL_LEN(ELO_CTL_NONCE_LEN) + 1];
    char hex[ELO_AGENT_TEXT_MAX];
    uint8_t nonce[ELO_CTL_NONCE_LEN];
    elo_json_writer_t w;
    elo_agent_t agent;
    elo_buf_t json;

    if (!read_agent(j, &agent)) {
        elo_reply_problem(k->req, 400, elo_err_code(ELO_EINVAL),
                          "agent is an Ed25519 key, in any of its text forms",
                          "agent");
        return;
    }
    elo_ctl_challenge(k->api->ctl, &agent, nonce);
    elo_base64url_encode(nonce, sizeof(nonce), nonce64);
    elo_agent_text_write(&agent, ELO_AGENT_HEX, hex);
    elo_buf_init(&json, ANSWER_MAX);
    elo_json_writer_init(&w, &json);
    elo_json_put_object(&w, NULL);
    elo_json_put_cstr(&w, "agent", hex);
    elo_json_put_cstr(&w, "nonce", nonce64);
    elo_json_put_string(&w, "audience", elo_ctl_aud(k->api->ctl));
    elo_json_put_cstr(&w, "text", ELO_CTL_LOGIN_TEXT);
    elo_json_put_u64(&w, "expires",
                     (uint64_t) (elo_clock_unix_s() + ELO_CTL_NONCE_S));
    elo_json_end_object(&w);
    reply_secret(k->req, &json);
}


/* An empty token with no time left takes the cookie away. */
static void
put_cookie(elo_http_req_t *req, elo_slice_t token, int64_t left)
{
    elo_http_res_headerf(req, "Set-Cookie",
                         "elohim_token=%.*s; Path=/; Max-Age=%lld; HttpOnly; "
                         "Secure; SameSite=Strict",
                         (int) token.len, (const char *) token.p,
                         (long long) (left > 0 ? left : 0));
}


static void
reply_token(const ask_t *k, const elo_ctl_login_t *l, elo_slice_t token,
            int64_t exp)
{
    char hex[ELO_AGENT_TEXT_MAX];
    elo_json_writer_t w;
    elo_buf_t json;

    elo_agent_text_write(&l->agent, ELO_AGENT_HEX, hex);
    elo_buf_init(&json, ANSWER_MAX);
    elo_json_writer_init(&w, &json);
    elo_json_put_object(&w, NULL);
    elo_json_put_string(&w, "token", token);
    elo_json_put_cstr(&w, "tokenType", "Bearer");
    elo_json_put_cstr(&w, "agent", hex);
    elo_json_put_u64(&w, "expiresAt", (uint64_t) exp);
    elo_json_end_object(&w);
    reply_secret(k->req, &json);
}


/* Whatever is wrong with a proof, it looks the same. */
static void
token(const ask_t *k, const elo_json_t *j)
{
    bool wants_cookie = false;
    elo_ctl_login_t l;
    elo_buf_t text;
    elo_err_t rc;
    int64_t exp;

    elo_ignore(!elo_json_bool(elo_json_get(j, "cookie"), &wants_cookie));
    if (!read_agent(j, &l.agent)
        || !read_bytes(j, "nonce", l.nonce, sizeof(l.nonce))
        || !read_bytes(j, "signature", l.sig, sizeof(l.sig))
        || !read_wishes(j, &l))
    {
        elo_reply_err(k->req, ELO_EINVAL,
                      "a login has agent, nonce and signature, and may have "
                      "scope, reach and lifetime");
        return;
    }
    elo_buf_init(&text, ELO_TOKEN_MAX);
    rc = elo_ctl_login(k->api->ctl, &l, &text, &exp);
    if (rc == ELO_EDENIED) {
        elo_reply_problem(k->req, 401, "LOGIN_FAILED",
                          "the nonce or the signature doesn't hold", NULL);
    } else if (rc == ELO_EBUSY) {
        elo_reply_err(k->req, ELO_ERATE, "too many logins at the moment");
    } else if (rc != ELO_OK) {
        elo_reply_err(k->req, rc, NULL);
    } else {
        if (wants_cookie) {
            put_cookie(k->req, elo_buf_slice(&text), exp - elo_clock_unix_s());
        }
        reply_token(k, &l, elo_buf_slice(&text), exp);
    }
    elo_buf_dispose(&text);
}


/* ---- calls ---- */

static void
on_body(void *ctx, elo_err_t err, elo_slice_t body)
{
    elo_json_fault_t fault;
    elo_json_t *j = NULL;
    ask_t *k = ctx;

    if (err == ELO_OK) {
        err = elo_json_parse(body, BODY_MAX, &j, &fault);
    }
    if (err != ELO_OK) {
        elo_reply_err(k->req, err, err == ELO_EINVAL ? fault.what : NULL);
    } else if (k->is_token) {
        token(k, j);
    } else {
        challenge(k, j);
    }
    elo_json_free(&j);
    free(k);
}


static void
collect(elo_call_t *c, bool is_token)
{
    ask_t *k = calloc(1, sizeof(*k));

    if (k == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return;
    }
    *k = (ask_t){ .api = c->api, .req = c->req, .is_token = is_token };
    elo_body_collect(c->req, BODY_MAX, on_body, k);
}


void
elo_call_auth_challenge(elo_call_t *c)
{
    collect(c, false);
}


void
elo_call_auth_token(elo_call_t *c)
{
    collect(c, true);
}


static const char *
level_of(uint32_t facts)
{
    if ((facts & ELO_FACT_ADMIN) != 0) {
        return "admin";
    }
    return (facts & ELO_FACT_ADMITTED) != 0 ? "authenticated" : "public";
}


/* Nobody is an answer, too: a page asks before it knows. */
void
elo_call_auth_session(elo_call_t *c)
{
    bool is_agent = (c->facts & ELO_FACT_PROVED) != 0;
    char hex[ELO_AGENT_TEXT_MAX];
    elo_json_writer_t w;
    elo_buf_t json;

    elo_buf_init(&json, ANSWER_MAX);
    elo_json_writer_init(&w, &json);
    elo_json_put_object(&w, NULL);
    if (is_agent) {
        elo_agent_text_write(&c->key, ELO_AGENT_HEX, hex);
        elo_json_put_cstr(&w, "agent", hex);
    } else {
        elo_json_put_null(&w, "agent");
    }
    elo_json_put_cstr(&w, "level", level_of(is_agent ? c->facts : 0));
    elo_json_end_object(&w);
    reply_secret(c->req, &json);
}


void
elo_call_auth_logout(elo_call_t *c)
{
    put_cookie(c->req, ELO_SLICE(""), 0);
    elo_http_res_header(c->req, "Cache-Control", ELO_SLICE("no-store"));
    elo_reply_empty(c->req, 204);
}


void
elo_call_auth_keys(elo_call_t *c)
{
    char x[ELO_BASE64URL_LEN(32) + 1];
    elo_token_key_t keys[16];
    elo_json_writer_t w;
    elo_buf_t json;
    uint32_t n = elo_ctl_keys(c->api->ctl, keys, ELO_COUNT(keys));

    elo_buf_init(&json, ANSWER_MAX);
    elo_json_writer_init(&w, &json);
    elo_json_put_object(&w, NULL);
    elo_json_put_array(&w, "keys");
    for (uint32_t i = 0; i < n; i++) {
        if (keys[i].alg != ELO_ALG_EDDSA) {
            continue;
        }
        elo_base64url_encode(keys[i].key, sizeof(keys[i].key), x);
        elo_json_put_object(&w, NULL);
        elo_json_put_cstr(&w, "kty", "OKP");
        elo_json_put_cstr(&w, "crv", "Ed25519");
        elo_json_put_cstr(&w, "use", "sig");
        elo_json_put_cstr(&w, "alg", "EdDSA");
        elo_json_put_cstr(&w, "kid", keys[i].kid);
        elo_json_put_cstr(&w, "x", x);
        elo_json_end_object(&w);
    }
    elo_json_end_array(&w);
    elo_json_end_object(&w);
    elo_http_res_header(c->req, "Cache-Control",
                        ELO_SLICE("public, max-age=300"));
    elo_reply_json(c->req, 200, &json);
    elo_buf_dispose(&json);
}


/* pool */
static void
work_rotate(elo_job_t *job)
{
    elo_ask_t *k = (elo_ask_t *) job;

    k->err = elo_ctl_rotate(k->api->ctl);
}


void
elo_call_auth_rotate(elo_call_t *c)
{
    elo_ask_t *k;

    if (c->is_guest) {
        elo_reply_err(c->req, ELO_EDENIED, "keys are changed by the operator");
        return;
    }
    if ((k = elo_ask_create(c, sizeof(*k), 0)) != NULL) {
        elo_ask_start(k, work_rotate, elo_ask_after_change);
    }
}
