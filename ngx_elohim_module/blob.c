/* SPDX-License-Identifier: BSD-2-Clause */
/* blob: bytes of a blob, by its address or by the content id that it is known
   under, from the extent that the daemon granted. What is encrypted at rest has
   none: the daemon decrypts it and does what is asked of ranges. */

#include "ngx_http_elohim_module.h"


/* Not what is said of it. */

static ngx_uint_t
ngx_http_elohim_is_bytes_of(elo_route_kind_t kind)
{
    return kind == ELO_ROUTE_BLOB || kind == ELO_ROUTE_SHARD
           || kind == ELO_ROUTE_CHUNK;
}


static ngx_int_t
ngx_http_elohim_blob_body(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    const elo_grant_t *g, ngx_http_elohim_body_t *body)
{
    char     canon[ELO_ADDR_CANON_LEN + 1];
    u_char  *p;

    ngx_memzero(body, sizeof(ngx_http_elohim_body_t));
    body->key = &ctx->key;
    body->name = g->name;
    body->extent.offset = g->offset;
    body->extent.len = g->size;
    body->file_size = g->offset + g->size;
    body->size = g->size;
    body->content_type = g->content_type;
    body->mtime = g->mtime;
    body->digest = &g->digest;
    body->whole = 1;

    p = ngx_pnalloc(r->pool, ELO_ADDR_CANON_LEN + 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    elo_addr_canon(&g->digest, canon);

    body->etag.data = p;
    body->etag.len = ELO_ADDR_CANON_LEN + 2;
    *p++ = '"';
    p = ngx_cpymem(p, canon, ELO_ADDR_CANON_LEN);
    *p = '"';

    if (ctx->by_hash) {
        ngx_str_set(&body->cache_control,
                    "public, max-age=31536000, immutable");

    } else {
        ngx_str_set(&body->cache_control, "public, no-cache");
    }

    return NGX_OK;
}


/* Nothing of it lies in a file: from memory, or from the daemon. */

static ngx_int_t
ngx_http_elohim_blob_sealed(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    const elo_grant_t *g)
{
    elo_slice_t             bytes;
    ngx_http_elohim_body_t  body;

    /* an id may mean another blob by now: what is meant is this one */

    ctx->digest = g->digest;

    switch (ngx_http_elohim_sealed_get(r, ctx, g->size, &bytes)) {
    case NGX_OK:
        if (ngx_http_elohim_blob_body(r, ctx, g, &body) == NGX_OK) {
            body.prefix = bytes;
            return ngx_http_elohim_serve(r, ctx, &body);
        }

        /* fall through */

    case NGX_ERROR:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->sealed = 1;
    ctx->type = g->content_type;
    ngx_http_elohim_sealed_want(r, ctx, g->size);

    return ngx_http_elohim_pass(r, ctx, ctx->own);
}


ngx_int_t
ngx_http_elohim_blob(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    elo_err_t               err;
    elo_grant_t             g;
    ngx_http_elohim_body_t  body;

    err = elo_wire_get_grant(elo_slice(ctx->msg.data, ctx->msg.len), &g);

    if (err == ELO_OK && ctx->by_hash
        && ngx_memcmp(&g.digest, &ctx->digest, sizeof(elo_digest_t)) != 0)
    {
        err = ELO_EINVAL;
    }

    if (err != ELO_OK || g.size > NGX_MAX_OFF_T_VALUE
        || g.offset > NGX_MAX_OFF_T_VALUE - g.size)
    {
        return ngx_http_elohim_malformed(r, ctx, err);
    }

    if (g.head.flags & ELO_WIRE_SEALED) {
        ngx_http_elohim_sealed_begin(r, ctx);
    }

    if (ngx_http_elohim_gate(r, ctx, g.head.reach) != NGX_OK) {
        return ctx->rc;
    }

    ctx->life = elo_wire_life(&g.head);

    if (ngx_http_elohim_is_bytes_of(ctx->route.kind)
        && ngx_http_elohim_deliver(r, ctx,
                                   elo_delivery_is_media(g.content_type))
           != NGX_OK)
    {
        return ctx->rc;
    }

    if (ctx->route.kind != ELO_ROUTE_BLOB
        && ctx->route.kind != ELO_ROUTE_SHARD)
    {
        return ngx_http_elohim_pass(r, ctx, ctx->own);
    }

    if (g.head.flags & ELO_WIRE_SEALED) {
        return ngx_http_elohim_blob_sealed(r, ctx, &g);
    }

    return ngx_http_elohim_blob_body(r, ctx, &g, &body) == NGX_OK
           ? ngx_http_elohim_serve(r, ctx, &body)
           : NGX_HTTP_INTERNAL_SERVER_ERROR;
}
