/* SPDX-License-Identifier: BSD-2-Clause */
/* access: what an agent is to one content, kept for both in the zone. While the
   daemon is asked, the descriptor of the content waits in ctx->held. */

#include "ngx_http_elohim_module.h"

#include "common/base/err.h"


#define NGX_HTTP_ELOHIM_ASK_ACCESS  "/internal/v1/access/"
#define NGX_HTTP_ELOHIM_ASK_WHAT    "?facts=%uD&ceiling=%s"
#define NGX_HTTP_ELOHIM_OF_BLOB     'b' /* in a key: a digest and an id differ */
#define NGX_HTTP_ELOHIM_OF_CONTENT  'c'


static ngx_int_t ngx_http_elohim_access_heard(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);
static ngx_int_t ngx_http_elohim_access_send(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const ngx_str_t *path);


/* As ngx_http_elohim_make_key: the id has been looked at there. An answer is for
   one that knows as much of the agent and bounds him as narrowly: which rule lets
   him in depends on both. */

static void
ngx_http_elohim_access_key(ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx, ngx_http_elohim_key_t *key,
    ngx_str_t *path)
{
    uint32_t            facts;
    elo_reach_t         ceiling;
    char                canon[ELO_ADDR_CANON_LEN + 1];
    u_char             *k, *p;
    elo_digest_t        digest;
    const elo_agent_t  *agent;

    agent = &ctx->session.agent;
    facts = ctx->session.facts & ELO_FACTS_BEARER;
    ceiling = ngx_min(ctx->ceiling, ctx->session.ceiling);

    k = ngx_http_elohim_auth_key(r, ELO_WIRE_ACCESS, key);
    k = ngx_cpymem(k, agent->b, sizeof(agent->b));
    *k++ = (u_char) facts;
    *k++ = (u_char) ceiling;

    p = ngx_cpymem(path->data, NGX_HTTP_ELOHIM_ASK_ACCESS,
                   sizeof(NGX_HTTP_ELOHIM_ASK_ACCESS) - 1);
    p = ngx_hex_dump(p, (u_char *) agent->b, sizeof(agent->b));
    *p++ = '/';

    if (elo_addr_parse(ctx->route.id, &digest) == ELO_OK) {
        *k++ = NGX_HTTP_ELOHIM_OF_BLOB;
        k = ngx_cpymem(k, digest.b, sizeof(digest.b));

        elo_addr_canon(&digest, canon);
        p = ngx_cpymem(p, canon, ELO_ADDR_CANON_LEN);

    } else {
        *k++ = NGX_HTTP_ELOHIM_OF_CONTENT;
        k = ngx_cpymem(k, ctx->route.id.p, ctx->route.id.len);
        p = ngx_cpymem(p, ctx->route.id.p, ctx->route.id.len);
    }

    p = ngx_sprintf(p, NGX_HTTP_ELOHIM_ASK_WHAT, facts,
                    elo_reach_name(ceiling));

    key->len = k - key->data;
    path->len = p - path->data;
}


/* NGX_DECLINED: what it says no longer holds. */

static ngx_int_t
ngx_http_elohim_access_take(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    const ngx_str_t *msg, ngx_uint_t is_kept)
{
    elo_err_t          err;
    elo_wire_access_t  a;

    err = elo_wire_get_access(elo_slice(msg->data, msg->len), &a);

    if (err != ELO_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      err == ELO_EUNSUPPORTED
                      ? "elohimd speaks another version of the internal protocol"
                      : "elohimd sent a malformed descriptor");
        return ngx_http_elohim_end(ctx, ngx_http_elohim_away(r));
    }

    if (is_kept && a.until != 0 && a.until <= ngx_time()) {
        return NGX_DECLINED;
    }

    ctx->access.facts = a.facts;
    ctx->access.reach = a.head.reach;
    ctx->access.stage = a.stage;
    ctx->has_access = 1;

    return NGX_OK;
}


ngx_int_t
ngx_http_elohim_access(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    u_char                     buf[NGX_HTTP_ELOHIM_ACCESS_MSG];
    u_char                     path_buf[NGX_HTTP_ELOHIM_PATH_MAX];
    ngx_int_t                  rc;
    ngx_str_t                  msg, path;
    ngx_http_elohim_key_t      key;
    ngx_http_elohim_stamp_t    stamp;

    if (ctx->has_access) {
        return NGX_OK;
    }

    if (ctx->asking == ELO_WIRE_ACCESS) {
        return ngx_http_elohim_access_heard(r, ctx);
    }

    path.data = path_buf;
    ngx_http_elohim_access_key(r, ctx, &key, &path);

    if (ngx_http_elohim_recall(r, &key, buf, sizeof(buf), &msg, &stamp)
        == NGX_OK)
    {
        rc = ngx_http_elohim_access_take(r, ctx, &msg, 1);
        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    /* the answer will lie where the descriptor does */

    if (ctx->msg.data == ctx->buf) {
        ctx->held.data = ngx_pnalloc(r->pool, ctx->msg.len);
        if (ctx->held.data == NULL) {
            return ngx_http_elohim_end(ctx, NGX_HTTP_INTERNAL_SERVER_ERROR);
        }

        ngx_memcpy(ctx->held.data, ctx->msg.data, ctx->msg.len);
        ctx->held.len = ctx->msg.len;

    } else {
        ctx->held = ctx->msg;
    }

    return ngx_http_elohim_access_send(r, ctx, &path);
}


static ngx_int_t
ngx_http_elohim_access_send(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    const ngx_str_t *path)
{
    switch (ngx_http_elohim_inquire(r, ctx, ELO_WIRE_ACCESS, path)) {
    case NGX_AGAIN:
        return NGX_AGAIN;

    case NGX_DECLINED:
        return ngx_http_elohim_end(ctx, ngx_http_elohim_away(r));

    default:
        return ngx_http_elohim_end(ctx, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


/* What rests on a grant or an emergency is for one request: the next use of it is to
   be written, too, before it is allowed. */

static time_t
ngx_http_elohim_access_ttl(ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx)
{
    elo_wire_access_t  a;

    return ctx->status == NGX_HTTP_OK
           && elo_wire_get_access(elo_slice(ctx->msg.data, ctx->msg.len), &a)
              == ELO_OK
           && (a.facts & ELO_FACTS_AUDITED)
           ? 0 : ngx_http_elohim_ttl(r, NGX_HTTP_ELOHIM_TTL_AGENT);
}


static ngx_int_t
ngx_http_elohim_access_heard(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    u_char                  path_buf[NGX_HTTP_ELOHIM_PATH_MAX];
    ngx_int_t               rc;
    ngx_str_t               path;
    ngx_uint_t              status;
    ngx_http_elohim_key_t   key;

    path.data = path_buf;
    ngx_http_elohim_access_key(r, ctx, &key, &path);

    rc = ngx_http_elohim_heard(r, ctx, &key,
                               ngx_http_elohim_access_ttl(r, ctx), &status);

    if (rc == NGX_BUSY) {
        return ngx_http_elohim_access_send(r, ctx, &path);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_elohim_access_take(r, ctx, &ctx->msg, 0);
        ctx->msg = ctx->held;
        ctx->unsure = 1; /* a question it has cost */
        return rc;
    }

    switch (status) {
    case NGX_HTTP_BAD_REQUEST:
    case NGX_HTTP_FORBIDDEN:
    case NGX_HTTP_NOT_FOUND:
    case 410:
        return ngx_http_elohim_end(ctx, ngx_http_elohim_not_found(r));

    default:
        return ngx_http_elohim_end(ctx, ngx_http_elohim_away(r));
    }
}
