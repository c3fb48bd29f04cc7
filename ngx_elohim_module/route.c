/* SPDX-License-Identifier: BSD-2-Clause */
/* route: the request's context, made when it is first needed. Subrequests and
   internal redirects come without one, and try_files or rewrite change the URI
   under one: it belongs to the URI that it was made from, and is made again
   when that differs. nginx has decoded and normalised r->uri already. */

#include "ngx_http_elohim_module.h"


#define NGX_HTTP_ELOHIM_ASK_GRANT   "/internal/v1/grant/"
#define NGX_HTTP_ELOHIM_ASK_MEDIA   "/internal/v1/media/"
#define NGX_HTTP_ELOHIM_ASK_RECIPE  "/internal/v1/recipe/"


static elo_reach_t ngx_http_elohim_ceiling(ngx_http_request_t *r);


ngx_http_elohim_ctx_t *
ngx_http_elohim_get_ctx(ngx_http_request_t *r)
{
    ngx_http_elohim_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_elohim_module);

    if (ctx != NULL && ctx->uri.data == r->uri.data
        && ctx->uri.len == r->uri.len)
    {
        return ctx;
    }

    ctx = ngx_palloc(r->pool, sizeof(ngx_http_elohim_ctx_t));
    if (ctx == NULL) {
        return NULL;
    }

    ngx_memzero(ctx, offsetof(ngx_http_elohim_ctx_t, text));
    ctx->uri = r->uri;
    ctx->ceiling = ngx_http_elohim_ceiling(r);

    ngx_http_elohim_find_cred(r, ctx);
    elo_route_parse(ctx->path, &ctx->route);

    ngx_http_set_ctx(r, ctx, ngx_http_elohim_module);

    return ctx;
}


/* It holds the context while nginx forgets it. */

static void
ngx_http_elohim_logged_mark(void *data)
{
}


void
ngx_http_elohim_keep_logged(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t     *cln;
    ngx_http_elohim_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_elohim_module);
    if (ctx == NULL || r != r->main) {
        return;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (cln) { /* else the log has less to say */
        cln->handler = ngx_http_elohim_logged_mark;
        cln->data = ctx;
    }
}


ngx_http_elohim_ctx_t *
ngx_http_elohim_logged(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t     *cln;
    ngx_http_elohim_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_elohim_module);

    if (ctx != NULL || (!r->internal && !r->filter_finalize)) {
        return ctx;
    }

    for (cln = r->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_http_elohim_logged_mark) {
            return cln->data;
        }
    }

    return NULL;
}


/* ?reach= narrows and never widens; a word that is no reach means private. */

static elo_reach_t
ngx_http_elohim_ceiling(ngx_http_request_t *r)
{
    ngx_str_t  value;

    if (r->args.len == 0
        || ngx_http_arg(r, (u_char *) "reach", 5, &value) != NGX_OK)
    {
        return ELO_REACH_COMMONS;
    }

    return elo_reach_or_private(elo_slice(value.data, value.len));
}


static ngx_inline u_char *
ngx_http_elohim_put(u_char *p, elo_slice_t s)
{
    return s.len ? ngx_cpymem(p, s.p, s.len) : p;
}


/* The key of the descriptor of this type for ctx's route, and the path of the
   question, written into path_buf (NGX_HTTP_ELOHIM_PATH_MAX). NGX_DECLINED when
   the route names nothing that could exist. Only characters that cannot change
   the meaning of a request line get through: they were checked here or are ours
   (digits of the number). */

ngx_int_t
ngx_http_elohim_make_key(const u_char *ns, ngx_http_elohim_ctx_t *ctx,
    u_char type, ngx_http_elohim_key_t *key, ngx_str_t *path, u_char *path_buf)
{
    char          canon[ELO_ADDR_CANON_LEN + 1];
    u_char       *k, *p;
    elo_slice_t   id;

    k = key->data;
    *k++ = type;
    k = ngx_cpymem(k, ns, NGX_HTTP_ELOHIM_NS_LEN);

    p = path_buf;
    id = ctx->route.id;
    ctx->by_hash = 0;

    if (type == ELO_WIRE_GRANT) {
        p = ngx_cpymem(p, NGX_HTTP_ELOHIM_ASK_GRANT,
                       sizeof(NGX_HTTP_ELOHIM_ASK_GRANT) - 1);

        if (ctx->route.has_digest) {
            ctx->digest = ctx->route.digest;
            ctx->by_hash = 1;
            k = ngx_cpymem(k, ctx->digest.b, sizeof(ctx->digest.b));

            elo_addr_canon(&ctx->digest, canon);
            p = ngx_cpymem(p, canon, ELO_ADDR_CANON_LEN);
            goto done;
        }

    } else if (type == ELO_WIRE_MEDIA) {
        p = ngx_cpymem(p, NGX_HTTP_ELOHIM_ASK_MEDIA,
                       sizeof(NGX_HTTP_ELOHIM_ASK_MEDIA) - 1);

    } else {
        p = ngx_cpymem(p, NGX_HTTP_ELOHIM_ASK_RECIPE,
                       sizeof(NGX_HTTP_ELOHIM_ASK_RECIPE) - 1);
    }

    if (!elo_content_id_ok(id)) {
        return NGX_DECLINED;
    }

    k = ngx_http_elohim_put(k, id);
    p = ngx_http_elohim_put(p, id);

    if (type == ELO_WIRE_RECIPE) {

        if (ctx->route.version.len > 16 || ctx->route.track.len > 16
            || !elo_content_id_ok(ctx->route.version)
            || !elo_content_id_ok(ctx->route.track))
        {
            return NGX_DECLINED;
        }

        *p++ = '/';
        p = ngx_http_elohim_put(p, ctx->route.version);
        *p++ = '/';
        p = ngx_http_elohim_put(p, ctx->route.track);
        *p++ = '/';

        p = ctx->route.kind == ELO_ROUTE_INIT
            ? ngx_cpymem(p, "init", 4)
            : ngx_sprintf(p, "%uD", ctx->route.number);

        /* the tail of the path, from the slash behind the id */
        k = ngx_cpymem(k, path_buf + sizeof(NGX_HTTP_ELOHIM_ASK_RECIPE) - 1
                          + id.len,
                       p - path_buf - (sizeof(NGX_HTTP_ELOHIM_ASK_RECIPE) - 1)
                       - id.len);
    }

done:

    key->len = k - key->data;
    path->data = path_buf;
    path->len = p - path_buf;

    return NGX_OK;
}
