/* SPDX-License-Identifier: BSD-2-Clause */
/* judge: is a credential worth a question to the daemon? Its shape, its times, and
   its signature where a key for it is known here: the keys of this node, which the
   daemon tells, and of a signed URL also that of the agent who gave it. What
   is signed by a secret (HS256) or by a key that anybody can make is
   asked about at a bounded rate. */

#include "ngx_http_elohim_module.h"

#include "common/base/err.h"


#define NGX_HTTP_ELOHIM_ASK_KEYS    "/internal/v1/keys"
#define NGX_HTTP_ELOHIM_KEYS_PAUSE  1000 /* ms, to ask for a new key */
#define NGX_HTTP_ELOHIM_OLD_PAUSE   1000 /* ms, before it is asked again */


static ngx_int_t ngx_http_elohim_judge_token(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);
static ngx_int_t ngx_http_elohim_judge_url(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);


static const ngx_str_t  ngx_http_elohim_keys_path =
    ngx_string(NGX_HTTP_ELOHIM_ASK_KEYS);


static ngx_int_t
ngx_http_elohim_judged_as(ngx_http_elohim_ctx_t *ctx,
    ngx_http_elohim_who_e who)
{
    (void) ngx_http_elohim_settle(ctx, who);

    return NGX_DONE;
}


static ngx_int_t
ngx_http_elohim_judged_bad(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    elo_session_verdict_t verdict)
{
    ngx_int_t  rc;

    rc = ngx_http_elohim_refuse(r, ctx, verdict);

    return rc == NGX_OK ? NGX_DONE : rc;
}


ngx_int_t
ngx_http_elohim_judge_cred(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    return ctx->session.from == NGX_HTTP_ELOHIM_FROM_URL
           ? ngx_http_elohim_judge_url(r, ctx)
           : ngx_http_elohim_judge_token(r, ctx);
}


static ngx_http_elohim_backend_t *
ngx_http_elohim_backend(ngx_http_request_t *r)
{
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    return elcf->backend;
}


/* Has less than this time gone by since then? */

static ngx_uint_t
ngx_http_elohim_is_within(ngx_msec_t since, ngx_msec_t pause)
{
    return since != 0 && ngx_current_msec - since < pause;
}


void
ngx_http_elohim_no_auth(ngx_http_request_t *r)
{
    ngx_http_elohim_backend_t  *b;

    b = ngx_http_elohim_backend(r);
    b->no_auth = ngx_current_msec;

    if (!b->no_auth_told) {
        b->no_auth_told = 1;
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "elohimd at \"%V\" knows no sessions: it is older than "
                      "this module", &b->addr.name);
    }
}


/* What an answer other than keys settles. */

static ngx_int_t
ngx_http_elohim_keys_failed(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    ngx_uint_t status)
{
    if (status == NGX_HTTP_NOT_FOUND) {
        ngx_http_elohim_no_auth(r);

    } else if (status != NGX_HTTP_SERVICE_UNAVAILABLE
               && status != NGX_HTTP_GATEWAY_TIME_OUT)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "elohimd answered with status %ui", status);
    }

    return ngx_http_elohim_judged_as(ctx, NGX_HTTP_ELOHIM_UNTOLD);
}


static ngx_int_t
ngx_http_elohim_keys_send(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ngx_http_elohim_is_within(ngx_http_elohim_backend(r)->no_auth,
                                  NGX_HTTP_ELOHIM_OLD_PAUSE))
    {
        return ngx_http_elohim_judged_as(ctx, NGX_HTTP_ELOHIM_UNTOLD);
    }

    rc = ngx_http_elohim_inquire(r, ctx, ELO_WIRE_KEYS,
                                 &ngx_http_elohim_keys_path);

    if (rc == NGX_DECLINED) {
        return ngx_http_elohim_judged_as(ctx, NGX_HTTP_ELOHIM_UNTOLD);
    }

    return rc == NGX_AGAIN
           ? rc : ngx_http_elohim_end(ctx, NGX_HTTP_INTERNAL_SERVER_ERROR);
}


/* NGX_OK with the keys, which borrow from buf or from the request's pool. */

static ngx_int_t
ngx_http_elohim_keys(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    u_char *buf, elo_wire_keys_t *keys)
{
    ngx_int_t                  rc;
    ngx_str_t                  msg;
    elo_err_t                  err;
    ngx_uint_t                 status;
    ngx_http_elohim_key_t      key;
    ngx_http_elohim_stamp_t    stamp;

    key.len = ngx_http_elohim_auth_key(r, ELO_WIRE_KEYS, &key) - key.data;

    if (ctx->asking == ELO_WIRE_KEYS) {
        rc = ngx_http_elohim_heard(
            r, ctx, &key, ngx_http_elohim_ttl(r, NGX_HTTP_ELOHIM_TTL_CONTENT),
            &status);

        if (rc == NGX_BUSY) {
            return ngx_http_elohim_keys_send(r, ctx);
        }

        if (rc != NGX_OK) {
            return ngx_http_elohim_keys_failed(r, ctx, status);
        }

        msg = ctx->msg;
        ngx_http_elohim_backend(r)->no_auth_told = 0;

    } else if (ngx_http_elohim_recall(r, &key, buf, NGX_HTTP_ELOHIM_KEYS_MSG,
                                      &msg, &stamp)
               != NGX_OK)
    {
        return ngx_http_elohim_keys_send(r, ctx);
    }

    err = elo_wire_get_keys(elo_slice(msg.data, msg.len), keys);

    if (err != ELO_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      err == ELO_EUNSUPPORTED
                      ? "elohimd speaks another version of the internal protocol"
                      : "elohimd sent a malformed descriptor");
        return ngx_http_elohim_judged_as(ctx, NGX_HTTP_ELOHIM_UNTOLD);
    }

    return NGX_OK;
}


/* A key that isn't among those known may be a new one. That is asked seldom, however
   many ask for it; a question that is on its way serves all. */

static ngx_int_t
ngx_http_elohim_unknown_key(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    ngx_http_elohim_backend_t  *b;

    b = ngx_http_elohim_backend(r);

    if (ctx->session.fresh_keys
        || (ngx_http_elohim_is_within(b->keys_asked,
                                      NGX_HTTP_ELOHIM_KEYS_PAUSE)
            && !ngx_http_elohim_is_asked(b, &ngx_http_elohim_keys_path)))
    {
        return ngx_http_elohim_judged_bad(r, ctx, ELO_SESSION_UNKNOWN_KEY);
    }

    ctx->session.fresh_keys = 1;
    b->keys_asked = ngx_current_msec;

    return ngx_http_elohim_keys_send(r, ctx);
}


static elo_session_verdict_t
ngx_http_elohim_verdict(elo_token_verdict_t v)
{
    switch (v) {
    case ELO_TOKEN_OK:
        return ELO_SESSION_GOOD;
    case ELO_TOKEN_UNKNOWN_KEY:
        return ELO_SESSION_UNKNOWN_KEY;
    case ELO_TOKEN_BAD_SIGNATURE:
        return ELO_SESSION_BAD_SIGNATURE;
    case ELO_TOKEN_EXPIRED:
        return ELO_SESSION_EXPIRED;
    case ELO_TOKEN_EARLY:
        return ELO_SESSION_EARLY;
    default:
        return ELO_SESSION_WRONG_PARTY;
    }
}


/* NGX_OK when there is time and room for one more question. */

static ngx_int_t
ngx_http_elohim_spend_one(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    return ngx_http_elohim_spend(r)
           ? NGX_OK
           : ngx_http_elohim_judged_as(ctx, NGX_HTTP_ELOHIM_LIMITED);
}


static ngx_int_t
ngx_http_elohim_judge_token(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    u_char                   buf[NGX_HTTP_ELOHIM_KEYS_MSG];
    ngx_int_t                rc;
    const char              *why;
    elo_token_t              t;
    elo_wire_keys_t          keys;
    elo_token_rules_t        rules;
    elo_token_verdict_t      v;
    const elo_token_key_t   *by;

    static const uint8_t  no_secret[32];

    if (elo_token_split(elo_slice(ctx->session.text.data,
                                  ctx->session.text.len), &t, &why)
        != ELO_OK)
    {
        ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                       "elohim token: %s", why);
        return ngx_http_elohim_judged_bad(r, ctx, ELO_SESSION_MALFORMED);
    }

    if (!ngx_http_elohim_is_current(r)) {
        return ngx_http_elohim_judged_as(ctx, NGX_HTTP_ELOHIM_UNTOLD);
    }

    rc = ngx_http_elohim_keys(r, ctx, buf, &keys);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&rules, sizeof(elo_token_rules_t));
    rules.keys = keys.keys;
    rules.n = keys.n;
    rules.iss = keys.iss;
    rules.aud = keys.aud;
    rules.now = ngx_time();

    /* The secret of HS256 isn't told: with this one all is judged but the signature,
       which then comes out as a bad one. How long such tokens live is for who
       makes them. */

    rules.max_life_s = t.alg == ELO_ALG_HS256 ? 0 : keys.max_life_s;
    rules.hs256_secret = elo_slice(no_secret, sizeof(no_secret));

    v = elo_token_verify(&t, &rules, &by);

    if (v == ELO_TOKEN_UNKNOWN_KEY) {
        return ngx_http_elohim_unknown_key(r, ctx);
    }

    if (t.alg == ELO_ALG_HS256
        && (v == ELO_TOKEN_BAD_SIGNATURE || v == ELO_TOKEN_OK))
    {
        return ngx_http_elohim_spend_one(r, ctx);
    }

    return v == ELO_TOKEN_OK
           ? NGX_OK
           : ngx_http_elohim_judged_bad(r, ctx, ngx_http_elohim_verdict(v));
}


/* The client's address, as the modules before this one have it. */

elo_slice_t
ngx_http_elohim_client(ngx_http_request_t *r)
{
    struct sockaddr      *sa;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    sa = r->connection->sockaddr;

    switch (sa->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;
        return elo_slice(&sin6->sin6_addr, sizeof(sin6->sin6_addr));
#endif

    case AF_INET:
        sin = (struct sockaddr_in *) sa;
        return elo_slice(&sin->sin_addr, sizeof(sin->sin_addr));

    default:
        return elo_slice(NULL, 0);
    }
}


/* Is it one, and for this path, this time and this client? */

ngx_uint_t
ngx_http_elohim_url_fits(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    elo_session_verdict_t *verdict)
{
    elo_signed_url_t  u;

    *verdict = ELO_SESSION_MALFORMED;

    if (elo_signed_url_parse(elo_slice(ctx->session.text.data,
                                       ctx->session.text.len), &u)
        != ELO_OK)
    {
        return 0;
    }

    if (u.exp <= ngx_time()) {
        *verdict = ELO_SESSION_EXPIRED;
        return 0;
    }

    return elo_signed_url_covers(&u, ctx->path, ngx_time(),
                                 ngx_http_elohim_client(r));
}


static ngx_uint_t
ngx_http_elohim_is_url_key(const elo_token_key_t *key,
    const elo_signed_url_t *u, elo_agent_t *out)
{
    uint8_t  id[ELO_KEY_ID_LEN];

    if (key->alg != ELO_ALG_EDDSA
        || (key->from != 0 && key->from > ngx_time())
        || (key->until != 0 && key->until <= ngx_time()))
    {
        return 0;
    }

    ngx_memcpy(out->b, key->key, sizeof(out->b));
    elo_key_id(out, id);

    return ngx_memcmp(id, u->kid, sizeof(id)) == 0;
}


static ngx_int_t
ngx_http_elohim_judge_url(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    u_char             buf[NGX_HTTP_ELOHIM_KEYS_MSG];
    uint8_t            id[ELO_KEY_ID_LEN];
    uint32_t           i;
    ngx_int_t          rc;
    elo_agent_t        by;
    elo_wire_keys_t    keys;
    elo_signed_url_t   u;

    if (elo_signed_url_parse(elo_slice(ctx->session.text.data,
                                       ctx->session.text.len), &u)
        != ELO_OK)
    {
        return ngx_http_elohim_judged_bad(r, ctx, ELO_SESSION_MALFORMED);
    }

    if (!ngx_http_elohim_is_current(r)) {
        return ngx_http_elohim_judged_as(ctx, NGX_HTTP_ELOHIM_UNTOLD);
    }

    elo_key_id(&u.agent, id);

    if (ngx_memcmp(id, u.kid, sizeof(id)) == 0) {

        if (!elo_signed_url_verify(&u, &u.agent)) {
            return ngx_http_elohim_judged_bad(r, ctx,
                                              ELO_SESSION_BAD_SIGNATURE);
        }

        /* of an agent that anybody could have made up */

        return ngx_http_elohim_spend_one(r, ctx);
    }

    rc = ngx_http_elohim_keys(r, ctx, buf, &keys);
    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; i < keys.n; i++) {

        if (!ngx_http_elohim_is_url_key(&keys.keys[i], &u, &by)) {
            continue;
        }

        return elo_signed_url_verify(&u, &by)
               ? NGX_OK
               : ngx_http_elohim_judged_bad(r, ctx,
                                            ELO_SESSION_BAD_SIGNATURE);
    }

    return ngx_http_elohim_unknown_key(r, ctx);
}
