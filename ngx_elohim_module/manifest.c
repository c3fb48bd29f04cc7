/* SPDX-License-Identifier: BSD-2-Clause */
/* manifest: playlists and MPDs, printed by common/manifest from the daemon's
   description of the media. */

#include "ngx_http_elohim_module.h"

#include "common/base/err.h"
#include "common/manifest/dash.h"
#include "common/manifest/hls.h"


#define NGX_HTTP_ELOHIM_MANIFEST_MAX  (32 * 1024 * 1024)


static ngx_int_t ngx_http_elohim_not_ready(ngx_http_request_t *r,
    const elo_media_desc_t *desc);
static elo_err_t ngx_http_elohim_print(ngx_http_elohim_ctx_t *ctx,
    const elo_media_t *media, elo_buf_t *out);
static ngx_int_t ngx_http_elohim_send_text(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const elo_buf_t *text);
static ngx_int_t ngx_http_elohim_alias(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);


/* Memory of the request's pool for a buffer that grows. */

static void *
ngx_http_elohim_pool_resize(void *pool, void *old, size_t old_len, size_t len)
{
    void  *p;

    p = ngx_pnalloc(pool, len);

    if (p != NULL && old_len) {
        ngx_memcpy(p, old, old_len);
    }

    if (p != NULL && old != NULL) {
        (void) ngx_pfree(pool, old);
    }

    return p;
}


ngx_int_t
ngx_http_elohim_manifest(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    elo_err_t          err;
    elo_buf_t          text;
    elo_media_desc_t  *desc;

    desc = ngx_palloc(r->pool, sizeof(elo_media_desc_t));
    if (desc == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    err = elo_wire_get_media(elo_slice(ctx->msg.data, ctx->msg.len), desc);
    if (err != ELO_OK) {
        return ngx_http_elohim_malformed(r, ctx, err);
    }

    if (ngx_http_elohim_gate(r, ctx, desc->head.reach) != NGX_OK) {
        return ctx->rc;
    }

    ctx->life = elo_wire_life(&desc->head);

    if (ngx_http_elohim_deliver(r, ctx, 1) != NGX_OK) {
        return ctx->rc;
    }

    if (ctx->route.id.p + ctx->route.id.len == r->uri.data + r->uri.len) {
        return ngx_http_elohim_alias(r, ctx);
    }

    if (desc->status != ELO_MEDIA_READY) {
        return ngx_http_elohim_not_ready(r, desc);
    }

    elo_buf_init_alloc(&text, NGX_HTTP_ELOHIM_MANIFEST_MAX,
                       ngx_http_elohim_pool_resize, r->pool);

    err = ngx_http_elohim_print(ctx, &desc->media, &text);

    if (err == ELO_ENOTFOUND) {
        return ngx_http_elohim_not_found(r);
    }

    if (err != ELO_OK) {
        return ngx_http_elohim_malformed(r, ctx, err);
    }

    return ngx_http_elohim_send_text(r, ctx, &text);
}


static ngx_int_t
ngx_http_elohim_not_ready(ngx_http_request_t *r, const elo_media_desc_t *desc)
{
    ngx_str_t  reason;
    ngx_str_t  key = ngx_string("Retry-After");
    ngx_str_t  value = ngx_string("2");

    if (desc->status == ELO_MEDIA_PENDING) {
        if (ngx_http_elohim_header(r, &key, &value) == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_elohim_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                       elo_err_code(ELO_EINDEXING),
                                       elo_err_public(ELO_EINDEXING));
    }

    reason.data = (u_char *) elo_err_public(ELO_ENOTSTREAM);
    reason.len = ngx_strlen(reason.data);

    if (desc->reason.len) {
        reason.data = (u_char *) desc->reason.p;
        reason.len = desc->reason.len;
    }

    return ngx_http_elohim_problem_str(r, elo_err_status(ELO_ENOTSTREAM),
                                       elo_err_code(ELO_ENOTSTREAM), &reason);
}


static elo_err_t
ngx_http_elohim_print(ngx_http_elohim_ctx_t *ctx, const elo_media_t *media,
    elo_buf_t *out)
{
    const elo_media_track_t  *track;

    switch (ctx->route.kind) {
    case ELO_ROUTE_HLS_MASTER:
        return elo_hls_master(media, out);

    case ELO_ROUTE_DASH:
        return elo_dash_mpd(media, out);

    default:
        track = elo_media_track(media, ctx->route.track);

        return track ? elo_hls_media(media, track, out) : ELO_ENOTFOUND;
    }
}


/* An entity tag of the very bytes: a new title changes them, too. */

static ngx_int_t
ngx_http_elohim_text_etag(ngx_http_request_t *r, const elo_buf_t *text,
    ngx_str_t *etag)
{
    u_char     *p, sum[16];
    ngx_md5_t   md5;

    ngx_md5_init(&md5);
    ngx_md5_update(&md5, text->p, text->len);
    ngx_md5_final(sum, &md5);

    p = ngx_pnalloc(r->pool, 2 + 2 * sizeof(sum));
    if (p == NULL) {
        return NGX_ERROR;
    }

    etag->data = p;
    etag->len = 2 + 2 * sizeof(sum);
    *p++ = '"';
    p = ngx_hex_dump(p, sum, sizeof(sum));
    *p = '"';

    return NGX_OK;
}


static ngx_int_t
ngx_http_elohim_send_text(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    const elo_buf_t *text)
{
    ngx_http_elohim_body_t  body;

    ngx_memzero(&body, sizeof(ngx_http_elohim_body_t));
    body.key = &ctx->key;
    body.prefix = elo_slice(text->p, text->len);
    body.size = text->len;
    body.mtime = -1;
    body.compress = 1;
    body.content_type = ctx->route.kind == ELO_ROUTE_DASH
                        ? ELO_SLICE("application/dash+xml")
                        : ELO_SLICE("application/vnd.apple.mpegurl");

    if (ngx_http_elohim_text_etag(r, text, &body.etag) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&body.cache_control, "public, no-cache");
    ctx->tier = ELO_BY_SOURCE_METADATA;

    return ngx_http_elohim_serve(r, ctx, &body);
}


/* /api/stream/hls/{id} and /api/stream/dash/{id}: their relative URIs would
   lead nowhere, so the client is sent to where they hold. The id has no
   character that means something in a URL. */

static ngx_int_t
ngx_http_elohim_alias(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    size_t            i, args, signed_len;
    u_char           *p;
    ngx_str_t         tail;
    ngx_table_elt_t  *location;

    static const ngx_str_t  key = ngx_string("Location");

    if (ctx->route.kind == ELO_ROUTE_DASH) {
        ngx_str_set(&tail, "/dash.mpd");

    } else {
        ngx_str_set(&tail, "/hls.m3u8");
    }

    args = r->args.len;

    for (i = 0; i < args; i++) {
        if (r->args.data[i] <= ' ' || r->args.data[i] >= 0x7f) {
            args = 0;
        }
    }

    /* a signed URL stays one */

    signed_len = ctx->path.p - r->uri.data;

    p = ngx_pnalloc(r->pool, sizeof("/api/manifest/?") + signed_len
                    + ctx->route.id.len + tail.len + args);
    location = ngx_http_elohim_header(r, &key, &key);
    if (p == NULL || location == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    location->value.data = p;
    p = ngx_cpymem(p, r->uri.data, signed_len);
    p = ngx_cpymem(p, "/api/manifest/", sizeof("/api/manifest/") - 1);
    p = ngx_cpymem(p, ctx->route.id.p, ctx->route.id.len);
    p = ngx_cpymem(p, tail.data, tail.len);

    if (args) {
        *p++ = '?';
        p = ngx_cpymem(p, r->args.data, args);
    }

    location->value.len = p - location->value.data;
    r->headers_out.location = location;

    if (ngx_http_elohim_common_headers(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_TEMPORARY_REDIRECT;
    r->headers_out.content_length_n = 0;
    r->header_only = 1;

    return ngx_http_send_header(r);
}
