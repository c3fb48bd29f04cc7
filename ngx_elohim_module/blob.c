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


ngx_int_t
ngx_http_elohim_blob(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    char                    canon[ELO_ADDR_CANON_LEN + 1];
    u_char                  etag[ELO_ADDR_CANON_LEN + 2];
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

        /* an id may mean another blob by now: what is meant is this one */

        ctx->sealed = 1;
        ctx->digest = g.digest;
        ctx->type = g.content_type;
        return ngx_http_elohim_pass(r, ctx, ctx->own);
    }

    elo_addr_canon(&g.digest, canon);
    etag[0] = '"';
    ngx_memcpy(etag + 1, canon, ELO_ADDR_CANON_LEN);
    etag[ELO_ADDR_CANON_LEN + 1] = '"';

    ngx_memzero(&body, sizeof(ngx_http_elohim_body_t));
    body.key = &ctx->key;
    body.name = g.name;
    body.extent.offset = g.offset;
    body.extent.len = g.size;
    body.file_size = g.offset + g.size;
    body.size = g.size;
    body.content_type = g.content_type;
    body.mtime = g.mtime;
    body.digest = &g.digest;

    body.etag.len = sizeof(etag);
    body.etag.data = ngx_pnalloc(r->pool, sizeof(etag));
    if (body.etag.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(body.etag.data, etag, sizeof(etag));

    if (ctx->by_hash) {
        ngx_str_set(&body.cache_control, "public, max-age=31536000, immutable");

    } else {
        ngx_str_set(&body.cache_control, "public, no-cache");
    }

    return ngx_http_elohim_serve(r, ctx, &body);
}
