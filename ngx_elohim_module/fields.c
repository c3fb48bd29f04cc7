/* SPDX-License-Identifier: BSD-2-Clause */
/* fields: the header of what is sent: validators, who may keep it, what it is, and
   what a browser may do with it. Spec: RFC 9110, 8; RFC 9211; RFC 9530. */

#include "ngx_http_elohim_module.h"


/* By ctx->cache. Of a hit what is constant; ttl follows where it is known. */

static const ngx_str_t  ngx_http_elohim_cache_words[] = {
    ngx_null_string,
    ngx_string("HIT"),
    ngx_string("MISS"),
    ngx_string("MISS"),
    ngx_string("EXPIRED"),
    ngx_string("STALE"),
    ngx_string("UPDATING"),
    ngx_string("REVALIDATED"),
    ngx_string("BYPASS")
};

static const ngx_str_t  ngx_http_elohim_cache_status[] = {
    ngx_null_string,
    ngx_string("Doorway; hit"),
    ngx_string("Doorway; fwd=miss; stored"),
    ngx_string("Doorway; fwd=miss"),
    ngx_string("Doorway; fwd=stale; stored"),
    ngx_string("Doorway; hit; detail=stale"),
    ngx_string("Doorway; hit; detail=updating"),
    ngx_string("Doorway; fwd=stale; fwd-status=304; stored"),
    ngx_string("Doorway; fwd=bypass")
};

static const ngx_str_t  ngx_http_elohim_collapsed =
    ngx_string("Doorway; fwd=miss; collapsed");


/* What an uploader said of his bytes, unless it could break a header. */

ngx_str_t
ngx_http_elohim_type(elo_slice_t s)
{
    size_t     i;
    ngx_str_t  type = ngx_string("application/octet-stream");

    if (s.len == 0 || s.len > 2 * ELO_MIME_MAX) {
        return type;
    }

    for (i = 0; i < s.len; i++) {
        if (s.p[i] < 0x20 || s.p[i] > 0x7e) {
            return type;
        }
    }

    type.data = (u_char *) s.p;
    type.len = s.len;

    return type;
}


/* Can a browser run this as a page? What people upload shares the origin of
   whatever else the server has: it is shown, and its scripts don't run. Only
   what is known to be no page goes without: many types end up as XML, and a
   multipart of pages is a page. */

static ngx_uint_t
ngx_http_elohim_is_active(elo_slice_t type)
{
    ngx_uint_t  i;

    static const ngx_str_t  page = ngx_string("image/svg");

    static const ngx_str_t  inert[] = {
        ngx_string("application/json"),
        ngx_string("application/octet-stream"),
        ngx_string("application/pdf"),
        ngx_string("application/vnd.apple.mpegurl"),
        ngx_string("audio/"),
        ngx_string("font/"),
        ngx_string("image/"),
        ngx_string("text/css"),
        ngx_string("text/javascript"),
        ngx_string("text/plain"),
        ngx_string("text/vtt"),
        ngx_string("video/"),
        ngx_null_string
    };

    if (type.len >= page.len
        && ngx_strncasecmp((u_char *) type.p, page.data, page.len) == 0)
    {
        return 1;
    }

    for (i = 0; inert[i].len; i++) {
        if (type.len >= inert[i].len
            && ngx_tolower(type.p[0]) == inert[i].data[0]
            && ngx_strncasecmp((u_char *) type.p, inert[i].data, inert[i].len)
               == 0
            && (inert[i].data[inert[i].len - 1] == '/'
                || type.len == inert[i].len || type.p[inert[i].len] == ';'
                || type.p[inert[i].len] == ' '))
        {
            return 0;
        }
    }

    return type.len != 0;
}


ngx_int_t
ngx_http_elohim_content_fields(ngx_http_request_t *r, elo_slice_t content_type,
    const elo_digest_t *digest)
{
    u_char     *p;
    ngx_str_t   raw, value;

    static const ngx_str_t  repr = ngx_string("Repr-Digest");
    static const ngx_str_t  policy = ngx_string("Content-Security-Policy");
    static const ngx_str_t  sandbox = ngx_string("sandbox");

    if (ngx_http_elohim_is_active(content_type)
        && ngx_http_elohim_header(r, &policy, &sandbox) == NULL)
    {
        return NGX_ERROR;
    }

    if (digest == NULL) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, sizeof("sha-256=::")
                    + ngx_base64_encoded_length(ELO_SHA256_LEN));
    if (p == NULL) {
        return NGX_ERROR;
    }

    raw.data = (u_char *) digest->b;
    raw.len = ELO_SHA256_LEN;
    value.data = ngx_cpymem(p, "sha-256=:", sizeof("sha-256=:") - 1);
    ngx_encode_base64(&value, &raw);
    value.data[value.len] = ':';
    value.len = value.data + value.len + 1 - p;
    value.data = p;

    return ngx_http_elohim_header(r, &repr, &value) ? NGX_OK : NGX_ERROR;
}


/* Of which content it is, and how that fares. */

ngx_int_t
ngx_http_elohim_marks(ngx_http_request_t *r, const ngx_http_elohim_ctx_t *ctx)
{
    ngx_str_t    value;
    const char  *life;

    static const ngx_str_t  x_reach = ngx_string("X-Reach");
    static const ngx_str_t  x_lifecycle = ngx_string("X-Lifecycle");

    value.data = (u_char *) elo_reach_name(ctx->reach);
    value.len = ngx_strlen(value.data);

    if (ngx_http_elohim_header(r, &x_reach, &value) == NULL) {
        return NGX_ERROR;
    }

    life = elo_wire_life_name(ctx->life);
    if (life == NULL) {
        return NGX_OK;
    }

    value.data = (u_char *) life;
    value.len = ngx_strlen(life);

    return ngx_http_elohim_header(r, &x_lifecycle, &value) ? NGX_OK
                                                           : NGX_ERROR;
}


const ngx_str_t *
ngx_http_elohim_cache_word(const ngx_http_elohim_ctx_t *ctx)
{
    return ctx && ctx->cache != NGX_HTTP_ELOHIM_NO_CACHE
           ? &ngx_http_elohim_cache_words[ctx->cache] : NULL;
}


/* RFC 9211, 2: a number is a hit's, of this side's clock; RFC 9111, 5.1. Of what is
   somebody's own there are none: they would tell when he was here before. */

static ngx_int_t
ngx_http_elohim_age_fields(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    ngx_str_t *status)
{
    u_char     *p;
    ngx_str_t   value;

    static const ngx_str_t  age = ngx_string("Age");

    p = ngx_cpymem(ctx->text, status->data, status->len);
    status->data = ctx->text;
    p = ngx_sprintf(p, "; ttl=%D", ctx->ttl);
    status->len = p - ctx->text;

    value.data = p;
    p = ngx_sprintf(p, "%uD", ctx->age);
    value.len = p - value.data;

    return ngx_http_elohim_header(r, &age, &value) ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_elohim_cache_fields(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    ngx_str_t  status;

    static const ngx_str_t  x_cache = ngx_string("X-Cache");
    static const ngx_str_t  cache_status = ngx_string("Cache-Status");

    if (ctx->cache == NGX_HTTP_ELOHIM_NO_CACHE) {
        return NGX_OK;
    }

    status = ctx->collapsed && ctx->cache == NGX_HTTP_ELOHIM_MISS
             ? ngx_http_elohim_collapsed
             : ngx_http_elohim_cache_status[ctx->cache];

    if (ctx->has_age && !ctx->own && !ngx_http_elohim_is_his(ctx)
        && (ctx->cache == NGX_HTTP_ELOHIM_HIT
            || ctx->cache == NGX_HTTP_ELOHIM_OLD
            || ctx->cache == NGX_HTTP_ELOHIM_UPDATING)
        && ngx_http_elohim_age_fields(r, ctx, &status) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_elohim_header(r, &x_cache,
                                  &ngx_http_elohim_cache_words[ctx->cache])
           && ngx_http_elohim_header(r, &cache_status, &status)
           ? NGX_OK : NGX_ERROR;
}


/* ETag and Repr-Digest of what is sent, and who may keep it. nginx's own
   filters for ranges, conditions and compression are told to stay away: they
   would not know about this entity tag's strength. */

ngx_int_t
ngx_http_elohim_body_fields(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const ngx_http_elohim_body_t *body)
{
    const ngx_str_t  *control;
    ngx_table_elt_t  *h;

    static const ngx_str_t  etag = ngx_string("ETag");
    static const ngx_str_t  ranges = ngx_string("Accept-Ranges");
    static const ngx_str_t  bytes = ngx_string("bytes");
    static const ngx_str_t  cache_control = ngx_string("Cache-Control");
    static const ngx_str_t  no_store = ngx_string("no-store");
    static const ngx_str_t  nobody = ngx_string("private, no-store");
    static const ngx_str_t  himself = ngx_string("private, no-cache");

    r->allow_ranges = 0;
    r->disable_not_modified = 1;

    ngx_http_elohim_metric_header(ctx);

#if (NGX_HTTP_GZIP)
    if (!body->compress) {
        r->gzip_tested = 1;
        r->gzip_ok = 0;
    }
#endif

    if (body->mtime >= 0) {
        r->headers_out.last_modified_time = body->mtime;
    }

    if (r != r->main) {
        return NGX_OK;
    }

    h = ngx_http_elohim_header(r, &etag, &body->etag);
    if (h == NULL) {
        return NGX_ERROR;
    }

    r->headers_out.etag = h;

    h = ngx_http_elohim_header(r, &ranges, &bytes);
    if (h == NULL) {
        return NGX_ERROR;
    }

    r->headers_out.accept_ranges = h;

    /* the page of an error is not to outlive the error; what is encrypted at rest
       here rests nowhere else; who may read it now is asked again the next time */

    control = r->err_status ? &no_store
              : ctx->own ? &nobody
              : !ngx_http_elohim_is_his(ctx) ? &body->cache_control
              : ctx->reach <= ELO_REACH_LOCAL ? &nobody : &himself;

    if (ngx_http_elohim_is_his(ctx) && ngx_http_elohim_vary(r) != NGX_OK) {
        return NGX_ERROR;
    }

    if (body->compress && ngx_http_elohim_vary_encoding(r) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_elohim_header(r, &cache_control, control) == NULL
        || ngx_http_elohim_marks(r, ctx) != NGX_OK
        || ngx_http_elohim_cache_fields(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_elohim_content_fields(r, body->content_type, body->digest)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_elohim_common_headers(r);
}
