/* SPDX-License-Identifier: BSD-2-Clause */
/* pass_reply: the daemon's answer to what pass.c sent: its head, with the fields
   that are this side's business put in the place of the daemon's, and its body,
   also in chunks (a stream of events has no length). Spec: RFC 9112, 7.1; of
   events: HTML, 9.2; of Location: RFC 3986, 5.2. */

#include "ngx_http_elohim_module.h"


#define NGX_HTTP_ELOHIM_EVENTS "text/event-stream"

#if (nginx_version >= 1027002)
#define ngx_http_elohim_parse_chunked(r, b, c)                                \
    ngx_http_parse_chunked(r, b, c, 0)
#else
#define ngx_http_elohim_parse_chunked  ngx_http_parse_chunked
#endif


/* In lower case: what this side says itself of what not everyone may read, ... */

static ngx_str_t  ngx_http_elohim_narrow_fields[] = {
    ngx_string("cache-control"),
    ngx_string("expires"),
    ngx_null_string
};

/* ... and of a sealed blob. */

static ngx_str_t  ngx_http_elohim_sealed_fields[] = {
    ngx_string("cache-status"),
    ngx_string("content-security-policy"),
    ngx_string("repr-digest"),
    ngx_string("x-cache"),
    ngx_string("x-lifecycle"),
    ngx_string("x-reach"),
    ngx_null_string
};

static ngx_str_t  ngx_http_elohim_sealed_type[] = {
    ngx_string("content-type"),
    ngx_null_string
};


static ngx_int_t ngx_http_elohim_pass_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_elohim_pass_chunked(void *data, ssize_t bytes);


ngx_int_t
ngx_http_elohim_pass_status(ngx_http_request_t *r)
{
    size_t                  len;
    ngx_int_t               rc;
    ngx_http_upstream_t    *u;
    ngx_http_elohim_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_elohim_module);
    u = r->upstream;

    rc = ngx_http_parse_status_line(r, &u->buffer, &ctx->line);

    if (rc == NGX_AGAIN) {
        return rc;
    }

    if (rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "elohimd sent no valid status line");
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if (u->state && u->state->status == 0) {
        u->state->status = ctx->line.code;
    }

    u->headers_in.status_n = ctx->line.code;

    len = ctx->line.end - ctx->line.start;
    u->headers_in.status_line.len = len;
    u->headers_in.status_line.data = ngx_pnalloc(r->pool, len);
    if (u->headers_in.status_line.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(u->headers_in.status_line.data, ctx->line.start, len);

    u->process_header = ngx_http_elohim_pass_header;

    return ngx_http_elohim_pass_header(r);
}


static ngx_uint_t
ngx_http_elohim_is_bytes(ngx_http_request_t *r)
{
    ngx_uint_t  status;

    status = r->upstream->headers_in.status_n;

    return status == NGX_HTTP_OK || status == NGX_HTTP_PARTIAL_CONTENT;
}


static ngx_uint_t
ngx_http_elohim_is_one(const ngx_table_elt_t *h, const ngx_str_t *f)
{
    for ( /* void */ ; f->len; f++) {
        if (h->key.len == f->len
            && ngx_memcmp(h->lowcase_key, f->data, f->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* A page of another site may log somebody in, and be told the token, but not put it
   among the cookies that are sent here: he would act as whom it pleases. */

static ngx_uint_t
ngx_http_elohim_is_fixation(ngx_http_request_t *r, const ngx_table_elt_t *h)
{
    static const char  name[] = "set-cookie";

    return h->key.len == sizeof(name) - 1
           && ngx_memcmp(h->lowcase_key, name, sizeof(name) - 1) == 0
           && ngx_http_elohim_is_foreign(r);
}


/* Is it for nobody to keep? */

static ngx_uint_t
ngx_http_elohim_is_narrow(const ngx_http_elohim_ctx_t *ctx)
{
    return ctx->own || ctx->sealed || ngx_http_elohim_is_his(ctx);
}


/* Is this field left to us? */

static ngx_uint_t
ngx_http_elohim_is_ours(ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx, const ngx_table_elt_t *h)
{
    if ((ngx_http_elohim_is_narrow(ctx)
         && ngx_http_elohim_is_one(h, ngx_http_elohim_narrow_fields))
        || ngx_http_elohim_is_fixation(r, h))
    {
        return 1;
    }

    return ctx->sealed
           && (ngx_http_elohim_is_one(h, ngx_http_elohim_sealed_fields)
               || (ngx_http_elohim_is_bytes(r)
                   && ngx_http_elohim_is_one(h, ngx_http_elohim_sealed_type)));
}


static ngx_int_t
ngx_http_elohim_pass_field(ngx_http_request_t *r)
{
    ngx_table_elt_t                *h;
    ngx_http_upstream_t            *u;
    ngx_http_elohim_ctx_t          *ctx;
    ngx_http_upstream_header_t     *hh;
    ngx_http_upstream_main_conf_t  *umcf;

    u = r->upstream;
    ctx = ngx_http_get_module_ctx(r, ngx_http_elohim_module);

    h = ngx_list_push(&u->headers_in.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));
    h->key.len = r->header_name_end - r->header_name_start;
    h->value.len = r->header_end - r->header_start;

    h->key.data = ngx_pnalloc(r->pool, 2 * h->key.len + h->value.len + 2);
    if (h->key.data == NULL) {
        return NGX_ERROR;
    }

    h->hash = r->header_hash;
    h->value.data = h->key.data + h->key.len + 1;
    h->lowcase_key = h->value.data + h->value.len + 1;

    ngx_cpystrn(h->key.data, r->header_name_start, h->key.len + 1);
    ngx_cpystrn(h->value.data, r->header_start, h->value.len + 1);
    ngx_strlow(h->lowcase_key, h->key.data, h->key.len);

    if (ngx_http_elohim_is_ours(r, ctx, h)) {
        u->headers_in.headers.last->nelts--;
        return NGX_OK;
    }

    umcf = ngx_http_get_module_main_conf(r, ngx_http_upstream_module);

    hh = ngx_hash_find(&umcf->headers_in_hash, h->hash, h->lowcase_key,
                       h->key.len);

    if (hh && hh->handler(r, h, hh->offset) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_elohim_no_gzip(ngx_http_request_t *r)
{
#if (NGX_HTTP_GZIP)
    r->gzip_tested = 1;
    r->gzip_ok = 0;
#endif
}


/* Text of the daemon's, which may be compressed: also when there is none of it now. */

static ngx_uint_t
ngx_http_elohim_is_json(ngx_http_request_t *r)
{
    ngx_table_elt_t  *type;

    static const ngx_str_t  json = ngx_string("application/json");

    type = r->upstream->headers_in.content_type;

    if (!(r->method & NGX_HTTP_ELOHIM_READ) || r != r->main) {
        return 0;
    }

    return r->upstream->headers_in.status_n == NGX_HTTP_NOT_MODIFIED
           || (type && type->value.len >= json.len
               && ngx_strncasecmp(type->value.data, json.data, json.len) == 0);
}


/* What a stream of events has between two of them is the daemon's business; it
   may be longer than an upload may pause. */

static void
ngx_http_elohim_pass_events(ngx_http_request_t *r)
{
    ngx_table_elt_t             *type;
    ngx_http_elohim_loc_conf_t  *elcf;

    type = r->upstream->headers_in.content_type;

    if (type == NULL || type->value.len < sizeof(NGX_HTTP_ELOHIM_EVENTS) - 1
        || ngx_strncasecmp(type->value.data,
                           (u_char *) NGX_HTTP_ELOHIM_EVENTS,
                           sizeof(NGX_HTTP_ELOHIM_EVENTS) - 1)
           != 0)
    {
        return;
    }

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);
    r->upstream->conf = &elcf->events;
    ngx_http_elohim_no_gzip(r);
}


/* Nobody may keep it: who may read it now may be refused the next time, and what
   is not to lie on a disk of ours is not to lie on another's. */

static ngx_int_t
ngx_http_elohim_narrow_headers(ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx)
{
    static const ngx_str_t  key = ngx_string("Cache-Control");
    static const ngx_str_t  value = ngx_string("private, no-store");

    if (r != r->main) {
        return NGX_OK;
    }

    if (ngx_http_elohim_is_his(ctx) && ngx_http_elohim_vary(r) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_elohim_header(r, &key, &value) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_elohim_sealed_headers(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx)
{
    if (r != r->main
        || (!ngx_http_elohim_is_bytes(r)
            && r->upstream->headers_in.status_n != NGX_HTTP_NOT_MODIFIED))
    {
        return NGX_OK;
    }

    if (ngx_http_elohim_marks(r, ctx) != NGX_OK
        || ngx_http_elohim_cache_fields(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_elohim_is_bytes(r)) {
        r->headers_out.content_type = ngx_http_elohim_type(ctx->type);
        r->headers_out.content_type_len = r->headers_out.content_type.len;
        r->headers_out.content_type_lowcase = NULL;
    }

    return ngx_http_elohim_content_fields(r, ctx->type, &ctx->digest);
}


static ngx_int_t
ngx_http_elohim_pass_header(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_http_upstream_t    *u;
    ngx_http_elohim_ctx_t  *ctx;

    u = r->upstream;
    ctx = ngx_http_get_module_ctx(r, ngx_http_elohim_module);

    do {
        rc = ngx_http_parse_header_line(r, &u->buffer, 1);

        if (rc == NGX_OK && ngx_http_elohim_pass_field(r) != NGX_OK) {
            return NGX_ERROR;
        }

    } while (rc == NGX_OK);

    if (rc == NGX_AGAIN) {
        return rc;
    }

    if (rc != NGX_HTTP_PARSE_HEADER_DONE
        || (u->headers_in.chunked && u->headers_in.content_length_n >= 0))
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "elohimd sent an invalid header");
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if ((ngx_http_elohim_is_narrow(ctx)
         && ngx_http_elohim_narrow_headers(r, ctx) != NGX_OK)
        || (ctx->sealed && ngx_http_elohim_sealed_headers(r, ctx) != NGX_OK)
        || (!ctx->sealed && ngx_http_elohim_is_json(r)
            && ngx_http_elohim_vary_encoding(r) != NGX_OK)
        || (r->method == NGX_HTTP_OPTIONS
            && ngx_http_elohim_preflight_headers(r) != NGX_OK)
        || ngx_http_elohim_common_headers(r) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_elohim_pass_events(r);

    r->disable_not_modified = 1;

    if (ctx->sealed) {
        ngx_http_elohim_no_gzip(r);
    }

    return NGX_OK;
}


/* Where an upload lies, as seen from the URL that the client used: behind a
   prefix that this server, or one before it, takes off, only a relative path
   leads there. */

ngx_int_t
ngx_http_elohim_pass_location(ngx_http_request_t *r, ngx_table_elt_t *h,
    size_t prefix)
{
    u_char     *p, *end, *last;
    ngx_str_t   id, base;

    end = h->value.data + h->value.len;

    for (p = end; p > h->value.data && p[-1] != '/'; p--) { /* void */ }

    id.data = p;
    id.len = end - p;

    base = r->unparsed_uri;
    p = ngx_strlchr(base.data, base.data + base.len, '?');
    end = p ? p : base.data + base.len;

    for (last = end; last > base.data && last[-1] != '/'; last--) { /* void */ }

    base.data = last;
    base.len = end - last;

    p = ngx_pnalloc(r->pool, sizeof("./") + base.len + 1 + id.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    h->value.data = p;
    p = ngx_cpymem(p, "./", 2);

    if (base.len) {
        p = ngx_cpymem(p, base.data, base.len);
        *p++ = '/';
    }

    p = ngx_cpymem(p, id.data, id.len);
    h->value.len = p - h->value.data;

    return NGX_OK;
}


ngx_int_t
ngx_http_elohim_pass_filter_init(void *data)
{
    ngx_http_request_t *r = data;

    ngx_http_upstream_t    *u;
    ngx_http_elohim_ctx_t  *ctx;

    u = r->upstream;
    ctx = ngx_http_get_module_ctx(r, ngx_http_elohim_module);

    if (u->headers_in.status_n == NGX_HTTP_NO_CONTENT
        || u->headers_in.status_n == NGX_HTTP_NOT_MODIFIED
        || r->method == NGX_HTTP_HEAD)
    {
        u->length = 0;

    } else if (u->headers_in.chunked) {
        ngx_memzero(&ctx->answer, sizeof(ngx_http_chunked_t));
        u->input_filter = ngx_http_elohim_pass_chunked;
        u->length = 1;

    } else {
        u->length = u->headers_in.content_length_n;

        if (ngx_http_elohim_sealed_is_wanted(r, ctx)) {
            u->input_filter = ngx_http_elohim_sealed_filter;
        }
    }

    return NGX_OK;
}


/* Takes the chunks' frames off, as ngx_http_proxy_module does. */

static ngx_int_t
ngx_http_elohim_pass_chunked(void *data, ssize_t bytes)
{
    ngx_http_request_t *r = data;

    off_t                   size;
    ngx_int_t               rc;
    ngx_buf_t              *b, *buf;
    ngx_chain_t            *cl, **ll;
    ngx_http_upstream_t    *u;
    ngx_http_elohim_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_elohim_module);
    u = r->upstream;
    buf = &u->buffer;

    buf->pos = buf->last;
    buf->last += bytes;

    for (cl = u->out_bufs, ll = &u->out_bufs; cl; cl = cl->next) {
        ll = &cl->next;
    }

    for ( ;; ) {
        rc = ngx_http_elohim_parse_chunked(r, buf, &ctx->answer);

        if (rc != NGX_OK) {
            break;
        }

        cl = ngx_chain_get_free_buf(r->pool, &u->free_bufs);
        if (cl == NULL) {
            return NGX_ERROR;
        }

        *ll = cl;
        ll = &cl->next;

        size = ngx_min(buf->last - buf->pos, ctx->answer.size);

        b = cl->buf;
        b->flush = 1;
        b->memory = 1;
        b->tag = u->output.tag;
        b->pos = buf->pos;
        b->last = buf->pos + size;

        buf->pos = b->last;
        ctx->answer.size -= size;
    }

    if (rc == NGX_DONE) {
        u->length = 0;
        return NGX_OK;
    }

    if (rc != NGX_AGAIN) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "elohimd sent an invalid chunk");
        return NGX_ERROR;
    }

    return NGX_OK;
}
