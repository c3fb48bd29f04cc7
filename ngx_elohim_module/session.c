/* SPDX-License-Identifier: BSD-2-Clause */
/* session: who asks. A credential is known by the SHA-256 of its text: from the
   zone, or from the worker's memory of bad ones; what is neither is judged here
   (judge.c), and only what holds is asked about. Nothing of a credential is
   kept but its digest and what the daemon says of it.

   What the daemon can't be asked settles a session as UNTOLD or LIMITED: what
   everyone may read is served all the same, the rest is 503 or 429. */

#include "ngx_http_elohim_module.h"

#include "common/base/err.h"


#define NGX_HTTP_ELOHIM_ASK_SESSION  "/internal/v1/session/"
#define NGX_HTTP_ELOHIM_ASK_URL      "/internal/v1/url/"


typedef struct {
    size_t        room; /* bytes of text that fit */
    size_t        len;
    elo_digest_t  sum;
    u_char        text[];
} ngx_http_elohim_known_t;


static ngx_int_t ngx_http_elohim_session_begin(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);
static ngx_int_t ngx_http_elohim_session_ask(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);
static ngx_int_t ngx_http_elohim_session_use(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const ngx_str_t *msg);


ngx_int_t
ngx_http_elohim_settle(ngx_http_elohim_ctx_t *ctx, ngx_http_elohim_who_e who)
{
    ctx->session.who = who;

    return NGX_OK;
}


ngx_uint_t
ngx_http_elohim_is_agent(const ngx_http_elohim_ctx_t *ctx)
{
    return ctx->session.who == NGX_HTTP_ELOHIM_AGENT;
}


/* May he put something in, as far as that is known here? */

ngx_uint_t
ngx_http_elohim_is_writer(const ngx_http_elohim_ctx_t *ctx)
{
    return ctx->operator || (ngx_http_elohim_is_agent(ctx)
                             && (ctx->session.scopes & ELO_SCOPE_WRITE));
}


ngx_int_t
ngx_http_elohim_session(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->session.who != NGX_HTTP_ELOHIM_UNSETTLED) {
        return NGX_OK;
    }

    if (ctx->session.from == NGX_HTTP_ELOHIM_FROM_NONE) {
        return ngx_http_elohim_settle(ctx, NGX_HTTP_ELOHIM_ANONYMOUS);
    }

    if (!ctx->asking) {
        rc = ngx_http_elohim_session_begin(r, ctx);
        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    if (!ctx->session.verified) {
        rc = ngx_http_elohim_judge_cred(r, ctx);

        if (rc != NGX_OK) {
            return rc == NGX_DONE ? NGX_OK : rc;
        }

        ctx->session.verified = 1;
    }

    return ngx_http_elohim_session_ask(r, ctx);
}


static void
ngx_http_elohim_session_key(ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx, ngx_http_elohim_key_t *key)
{
    u_char  *p;

    p = ngx_http_elohim_auth_key(r, ELO_WIRE_SESSION, key);
    p = ngx_cpymem(p, ctx->session.sum.b, sizeof(ctx->session.sum.b));
    key->len = p - key->data;
}


/* Without telling by the time it takes how much is the same. */

static ngx_uint_t
ngx_http_elohim_is_same(const u_char *a, const u_char *b, size_t len)
{
    uint64_t  x, y, differ;

    for (differ = 0; len >= sizeof(x); len -= sizeof(x)) {
        ngx_memcpy(&x, a, sizeof(x));
        ngx_memcpy(&y, b, sizeof(y));
        differ |= x ^ y;
        a += sizeof(x);
        b += sizeof(y);
    }

    while (len--) {
        differ |= *a++ ^ *b++;
    }

    return differ == 0;
}


static void
ngx_http_elohim_known_wipe(void *data)
{
    ngx_http_elohim_known_t  *known = data;

    elo_wipe(known, sizeof(ngx_http_elohim_known_t) + known->room);
}


/* A connection that is kept brings the same text again, mostly: its sum stays with
   the connection, as long as that lives. */

static void
ngx_http_elohim_sum(ngx_connection_t *c, const ngx_str_t *text,
    elo_digest_t *sum)
{
    ngx_pool_cleanup_t       *cln;
    ngx_http_elohim_known_t  *known;

    for (cln = c->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_elohim_known_wipe) {
            break;
        }
    }

    known = cln ? cln->data : NULL;

    if (known && known->len == text->len
        && ngx_http_elohim_is_same(known->text, text->data, text->len))
    {
        *sum = known->sum;
        return;
    }

    elo_blake2b_256(elo_slice(text->data, text->len), sum);

    if (known == NULL) {
        cln = ngx_pool_cleanup_add(c->pool,
                                   sizeof(ngx_http_elohim_known_t) + text->len);
        if (cln == NULL) {
            return; /* it is hashed again */
        }

        known = cln->data;
        known->room = text->len;
        cln->handler = ngx_http_elohim_known_wipe;
    }

    if (text->len <= known->room) {
        ngx_memcpy(known->text, text->data, text->len);
        known->len = text->len;
        known->sum = *sum;
    }
}


/* From what is known of this very text. NGX_DECLINED: nothing is. */

static ngx_int_t
ngx_http_elohim_session_begin(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx)
{
    size_t                      max;
    u_char                      buf[NGX_HTTP_ELOHIM_SESSION_MSG];
    ngx_str_t                   msg;
    elo_session_verdict_t       verdict;
    ngx_http_elohim_key_t       key;
    ngx_http_elohim_stamp_t     stamp;
    ngx_http_elohim_session_t  *s;

    s = &ctx->session;
    max = s->from == NGX_HTTP_ELOHIM_FROM_URL ? ELO_URL_TEXT_MAX
                                              : ELO_TOKEN_MAX;

    if (s->text.len == 0 || s->text.len > max) {
        return ngx_http_elohim_refuse(r, ctx, ELO_SESSION_MALFORMED);
    }

    if (s->from == NGX_HTTP_ELOHIM_FROM_URL
        && !ngx_http_elohim_url_fits(r, ctx, &verdict))
    {
        return ngx_http_elohim_refuse(r, ctx, verdict);
    }

    ngx_http_elohim_sum(r->connection, &s->text, &s->sum);
    s->summed = 1;

    if (ngx_http_elohim_remembered(r, ctx, &verdict)) {
        return ngx_http_elohim_refuse(r, ctx, verdict);
    }

    ngx_http_elohim_session_key(r, ctx, &key);

    if (!ngx_http_elohim_is_current(r)
        || ngx_http_elohim_recall(r, &key, buf, sizeof(buf), &msg, &stamp)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    return ngx_http_elohim_session_use(r, ctx, &msg);
}


/* Something that is in the request's path must not change its meaning. */

static ngx_uint_t
ngx_http_elohim_is_askable(const ngx_str_t *text)
{
    size_t  i;
    u_char  c;

    for (i = 0; i < text->len; i++) {
        c = text->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
        {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ngx_http_elohim_session_send(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    u_char                     *p;
    ngx_int_t                   rc;
    ngx_str_t                   path, prefix;
    ngx_http_elohim_session_t  *s;

    s = &ctx->session;

    if (s->from == NGX_HTTP_ELOHIM_FROM_URL) {
        ngx_str_set(&prefix, NGX_HTTP_ELOHIM_ASK_URL);

    } else {
        ngx_str_set(&prefix, NGX_HTTP_ELOHIM_ASK_SESSION);
    }

    if (!ngx_http_elohim_is_askable(&s->text)) {
        return ngx_http_elohim_refuse(r, ctx, ELO_SESSION_MALFORMED);
    }

    path.len = prefix.len + s->text.len;
    path.data = ngx_pnalloc(r->pool, path.len);
    if (path.data == NULL) {
        return ngx_http_elohim_end(ctx, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }

    p = ngx_cpymem(path.data, prefix.data, prefix.len);
    ngx_memcpy(p, s->text.data, s->text.len);

    rc = ngx_http_elohim_inquire(r, ctx, ELO_WIRE_SESSION, &path);

    if (rc == NGX_DECLINED) {
        return ngx_http_elohim_settle(ctx, NGX_HTTP_ELOHIM_UNTOLD);
    }

    return rc == NGX_AGAIN
           ? rc : ngx_http_elohim_end(ctx, NGX_HTTP_INTERNAL_SERVER_ERROR);
}


/* What it means that no session came. */

static ngx_int_t
ngx_http_elohim_session_failed(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, ngx_uint_t status)
{
    switch (status) {
    case NGX_HTTP_BAD_REQUEST:
    case NGX_HTTP_UNAUTHORIZED:
    case NGX_HTTP_FORBIDDEN:
        return ngx_http_elohim_refuse(r, ctx, ELO_SESSION_MALFORMED);

    case NGX_HTTP_TOO_MANY_REQUESTS:
        return ngx_http_elohim_settle(ctx, NGX_HTTP_ELOHIM_LIMITED);

    case NGX_HTTP_NOT_FOUND:
        ngx_http_elohim_no_auth(r);
        break;

    case NGX_HTTP_SERVICE_UNAVAILABLE:
    case NGX_HTTP_GATEWAY_TIME_OUT: /* no answer at all */
        break;

    default:
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "elohimd answered with status %ui", status);
    }

    return ngx_http_elohim_settle(ctx, NGX_HTTP_ELOHIM_UNTOLD);
}


static ngx_int_t
ngx_http_elohim_session_ask(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    ngx_uint_t             status;
    ngx_http_elohim_key_t  key;

    if (ctx->asking != ELO_WIRE_SESSION) {
        return ngx_http_elohim_session_send(r, ctx);
    }

    ngx_http_elohim_session_key(r, ctx, &key);

    switch (ngx_http_elohim_heard(r, ctx, &key,
                                  ngx_http_elohim_ttl(
                                      r, NGX_HTTP_ELOHIM_TTL_AGENT),
                                  &status))
    {
    case NGX_OK:
        return ngx_http_elohim_session_use(r, ctx, &ctx->msg);

    case NGX_BUSY:
        return ngx_http_elohim_session_send(r, ctx);

    default:
        return ngx_http_elohim_session_failed(r, ctx, status);
    }
}


static elo_slice_t
ngx_http_elohim_session_text(ngx_http_request_t *r, elo_slice_t text)
{
    u_char  *p;

    if (text.len == 0) {
        return elo_slice(NULL, 0);
    }

    p = ngx_pnalloc(r->pool, text.len);
    if (p == NULL) {
        return elo_slice(NULL, 0);
    }

    ngx_memcpy(p, text.p, text.len);

    return elo_slice(p, text.len);
}


/* A session of the operator, or one whose prefix would break a header, is none
   that a daemon gives. */

static ngx_uint_t
ngx_http_elohim_is_sound(const elo_wire_session_t *w)
{
    size_t  i;

    for (i = 0; i < w->prefix.len; i++) {
        if (w->prefix.p[i] < 0x20 || w->prefix.p[i] == 0x7f) {
            return 0;
        }
    }

    return !elo_agent_is_zero(&w->agent)
           && (w->content.len == 0 || elo_content_id_ok(w->content));
}


/* The path is what lies behind a signed URL's segment. */

static ngx_uint_t
ngx_http_elohim_is_covered(const ngx_http_elohim_ctx_t *ctx)
{
    elo_slice_t   id;
    elo_claims_t  c;

    ngx_memzero(&c, sizeof(elo_claims_t));
    c.prefix = ctx->session.prefix;
    c.content = ctx->session.content;

    id = ctx->route.id;

    if (ctx->route.has_digest || ctx->route.kind == ELO_ROUTE_UPLOAD) {
        id.len = 0; /* of no content */
    }

    return elo_claims_cover(&c, ctx->path, id);
}


static ngx_int_t
ngx_http_elohim_session_use(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    const ngx_str_t *msg)
{
    elo_err_t                      err;
    ngx_http_elohim_key_t          key;
    elo_wire_session_t             w;
    ngx_http_elohim_session_t     *s;
    ngx_http_elohim_main_conf_t   *emcf;

    s = &ctx->session;
    err = elo_wire_get_session(elo_slice(msg->data, msg->len), &w);

    if (err != ELO_OK
        || (w.verdict == ELO_SESSION_GOOD && !ngx_http_elohim_is_sound(&w)))
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      err == ELO_EUNSUPPORTED
                      ? "elohimd speaks another version of the internal protocol"
                      : "elohimd sent a malformed descriptor");
        return ngx_http_elohim_settle(ctx, NGX_HTTP_ELOHIM_UNTOLD);
    }

    if (w.verdict != ELO_SESSION_GOOD) {
        return ngx_http_elohim_refuse(r, ctx, w.verdict);
    }

    if (w.exp <= ngx_time()) {
        return ngx_http_elohim_refuse(r, ctx, ELO_SESSION_EXPIRED);
    }

    if (w.until != 0 && w.until <= ngx_time() && !s->verified) {
        emcf = ngx_http_get_module_main_conf(r, ngx_http_elohim_module);
        ngx_http_elohim_session_key(r, ctx, &key);
        ngx_http_elohim_shm_drop(emcf->zone, &key);
        return NGX_DECLINED;
    }

    s->agent = w.agent;
    s->facts = w.facts;
    s->scopes = w.scopes;
    s->ceiling = w.head.reach;
    s->prefix = ngx_http_elohim_session_text(r, w.prefix);
    s->content = ngx_http_elohim_session_text(r, w.content);

    if (s->prefix.len != w.prefix.len || s->content.len != w.content.len) {
        return ngx_http_elohim_end(ctx, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }

    if (!ngx_http_elohim_is_covered(ctx)) {
        return ngx_http_elohim_refuse_scope(r, ctx);
    }

    return ngx_http_elohim_settle(ctx, NGX_HTTP_ELOHIM_AGENT);
}
