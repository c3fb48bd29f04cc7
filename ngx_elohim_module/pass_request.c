/* SPDX-License-Identifier: BSD-2-Clause */
/* pass_request: the request that pass.c sends: its head, written anew from what
   was understood, and its body, framed in chunks when its length is not known.
   Of the client's fields only those of a list go on. Spec: RFC 9112, 7.1. */

#include "ngx_http_elohim_module.h"

#include "common/base/err.h"


/* In lower case, and from whom it is passed on. Never what this side says itself of
   a caller (pass_agent.c), nor a credential. */

typedef enum {
    NGX_HTTP_ELOHIM_OF_ANYONE = 0,
    NGX_HTTP_ELOHIM_OF_WRITER, /* what he says of what he puts in */
    NGX_HTTP_ELOHIM_OF_UPLOAD,   /* ... by the upload protocol */
    NGX_HTTP_ELOHIM_OF_POST      /* ... with a POST, in place of which it stands */
} ngx_http_elohim_of_e;


typedef struct {
    ngx_str_t             name;
    ngx_http_elohim_of_e  of;
} ngx_http_elohim_pass_field_t;


static const ngx_http_elohim_pass_field_t  ngx_http_elohim_pass_fields[] = {
    { ngx_string("accept"), NGX_HTTP_ELOHIM_OF_ANYONE },
    { ngx_string("content-digest"), NGX_HTTP_ELOHIM_OF_ANYONE },
    { ngx_string("content-type"), NGX_HTTP_ELOHIM_OF_ANYONE },
    { ngx_string("if-match"), NGX_HTTP_ELOHIM_OF_ANYONE },
    { ngx_string("if-modified-since"), NGX_HTTP_ELOHIM_OF_ANYONE },
    { ngx_string("if-none-match"), NGX_HTTP_ELOHIM_OF_ANYONE },
    { ngx_string("if-range"), NGX_HTTP_ELOHIM_OF_ANYONE },
    { ngx_string("if-unmodified-since"), NGX_HTTP_ELOHIM_OF_ANYONE },
    { ngx_string("last-event-id"), NGX_HTTP_ELOHIM_OF_WRITER },
    { ngx_string("prefer"), NGX_HTTP_ELOHIM_OF_ANYONE },
    { ngx_string("range"), NGX_HTTP_ELOHIM_OF_ANYONE },
    { ngx_string("repr-digest"), NGX_HTTP_ELOHIM_OF_ANYONE },
    { ngx_string("tus-resumable"), NGX_HTTP_ELOHIM_OF_UPLOAD },
    { ngx_string("upload-checksum"), NGX_HTTP_ELOHIM_OF_UPLOAD },
    { ngx_string("upload-concat"), NGX_HTTP_ELOHIM_OF_UPLOAD },
    { ngx_string("upload-defer-length"), NGX_HTTP_ELOHIM_OF_UPLOAD },
    { ngx_string("upload-length"), NGX_HTTP_ELOHIM_OF_UPLOAD },
    { ngx_string("upload-metadata"), NGX_HTTP_ELOHIM_OF_UPLOAD },
    { ngx_string("upload-offset"), NGX_HTTP_ELOHIM_OF_UPLOAD },
    { ngx_string("x-elohim-invited"), NGX_HTTP_ELOHIM_OF_WRITER },
    { ngx_string("x-elohim-reach"), NGX_HTTP_ELOHIM_OF_WRITER },
    { ngx_string("x-http-method-override"), NGX_HTTP_ELOHIM_OF_POST },
    { ngx_string("x-reach"), NGX_HTTP_ELOHIM_OF_ANYONE },
    { ngx_null_string, NGX_HTTP_ELOHIM_OF_ANYONE }
};


static ngx_chain_t *ngx_http_elohim_pass_text(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, size_t size);


/* Of existing clients. What stands in one of these is letters, digits, and what else
   is in a content id. */

static u_char *
ngx_http_elohim_pass_compat(ngx_http_elohim_ctx_t *ctx, u_char *p,
    const char *canon)
{
    const elo_route_t  *route;

    route = &ctx->route;

    switch (route->kind) {
    case ELO_ROUTE_VERIFY:
        return ngx_sprintf(p, "/api/blob/verify");
    case ELO_ROUTE_CUSTODIANS:
        return ngx_sprintf(p, "/api/custodian/blob/%s", canon);
    case ELO_ROUTE_CACHE_LIST:
        return ngx_sprintf(p, "/api/v1/cache/%*s", route->name.len,
                           route->name.p);
    case ELO_ROUTE_CACHE:
        return ngx_sprintf(p, "/api/v1/cache/%*s/%*s", route->name.len,
                           route->name.p, route->id.len, route->id.p);
    case ELO_ROUTE_ZOME:
        /* of which app doesn't matter */
        return ngx_sprintf(p, "/api/v1/elohim/content_store/%*s",
                           route->name.len, route->name.p);
    case ELO_ROUTE_ME:
        return ngx_sprintf(p, "/auth/me");
    case ELO_ROUTE_DID:
        return ngx_sprintf(p, "/.well-known/did.json");
    case ELO_ROUTE_READY:
        return ngx_sprintf(p, "/ready");
    case ELO_ROUTE_STATUS:
        return ngx_sprintf(p, "/status");
    default:
        return ngx_sprintf(p, "/p2p/status");
    }
}


u_char *
ngx_http_elohim_pass_target(ngx_http_elohim_ctx_t *ctx, u_char *p)
{
    char  canon[ELO_ADDR_CANON_LEN + 1];

    elo_addr_canon(&ctx->digest, canon);

    switch (ctx->route.kind) {
    case ELO_ROUTE_BLOB_TREE:
        return ngx_sprintf(p, "/api/blob/%s/tree", canon);
    case ELO_ROUTE_CHUNK:
        return ctx->by_hash
               ? ngx_sprintf(p, "/api/blob/%s/%uD", canon, ctx->route.number)
               : ngx_sprintf(p, "/api/blob/%*s/%uD", ctx->route.id.len,
                             ctx->route.id.p, ctx->route.number);
    case ELO_ROUTE_UPLOAD_NEW:
        return ngx_sprintf(p, "/api/upload");
    case ELO_ROUTE_UPLOAD:
        return ngx_sprintf(p, "/api/upload/%*s", ctx->route.id.len,
                           ctx->route.id.p);
    case ELO_ROUTE_SHARD:
        return ngx_sprintf(p, "/shard/%s", canon);
    case ELO_ROUTE_BLOB:
        if (ctx->route.is_compat && !ctx->sealed && ctx->by_hash) {
            return ngx_sprintf(p, "/blob/%s", canon);
        }

        return ctx->by_hash || ctx->sealed
               ? ngx_sprintf(p, "/api/blob/%s", canon)
               : ngx_sprintf(p, "/api/blob/%*s", ctx->route.id.len,
                             ctx->route.id.p);
    case ELO_ROUTE_BLOB_NEW:
        return ngx_sprintf(p, ctx->route.is_compat ? "/blob" : "/api/blob");
    case ELO_ROUTE_BLOB_STATUS:
        return ngx_sprintf(p, "/api/blob/%s/status", canon);
    case ELO_ROUTE_MANIFEST:
        return ngx_sprintf(p, "/manifest/%s", canon);
    case ELO_ROUTE_CONTENT_LIST:
        return ngx_sprintf(p, "/api/content");
    case ELO_ROUTE_CONTENT:
        return ngx_sprintf(p, "/api/content/%*s", ctx->route.id.len,
                           ctx->route.id.p);
    case ELO_ROUTE_CONTENT_LIFECYCLE:
        return ngx_sprintf(p, "/api/content/%*s/lifecycle", ctx->route.id.len,
                           ctx->route.id.p);
    case ELO_ROUTE_CONTENT_REACH:
        return ngx_sprintf(p, "/api/content/%*s/reach", ctx->route.id.len,
                           ctx->route.id.p);
    case ELO_ROUTE_CONTENT_INVITE:
        return ngx_sprintf(p, "/api/content/%*s/invite", ctx->route.id.len,
                           ctx->route.id.p);
    case ELO_ROUTE_SCHEMA:
        return ngx_sprintf(p, "/api/schema");
    case ELO_ROUTE_IMPORT:
        return ngx_sprintf(p, "/api/import");
    case ELO_ROUTE_AUTH_CHALLENGE:
        return ngx_sprintf(p, "/api/auth/challenge");
    case ELO_ROUTE_AUTH_TOKEN:
        return ngx_sprintf(p, "/api/auth/token");
    case ELO_ROUTE_AUTH_SESSION:
        return ngx_sprintf(p, "/api/auth/session");
    case ELO_ROUTE_AUTH_LOGOUT:
        return ngx_sprintf(p, "/api/auth/logout");
    case ELO_ROUTE_AUTH_KEYS:
        return ngx_sprintf(p, "/api/auth/keys");
    case ELO_ROUTE_RECORDS:
        return ngx_sprintf(p, "/api/records");
    case ELO_ROUTE_RECORD_HEAD:
        return ngx_sprintf(p, "/api/records/head/%*s", ctx->route.id.len,
                           ctx->route.id.p);
    case ELO_ROUTE_AUDIT:
        return ngx_sprintf(p, "/api/audit");
    case ELO_ROUTE_EXPLAIN:
        return ngx_sprintf(p, "/api/explain");
    case ELO_ROUTE_CACHE_PURGE:
        return ngx_sprintf(p, "/api/cache/purge");
    case ELO_ROUTE_CACHE_WARM:
        return ngx_sprintf(p, "/api/cache/warm");
    case ELO_ROUTE_HEALTH:
        return ngx_sprintf(p, "/health");
    case ELO_ROUTE_VERIFY:
    case ELO_ROUTE_CUSTODIANS:
    case ELO_ROUTE_CACHE_LIST:
    case ELO_ROUTE_CACHE:
    case ELO_ROUTE_ZOME:
    case ELO_ROUTE_ME:
    case ELO_ROUTE_DID:
    case ELO_ROUTE_READY:
    case ELO_ROUTE_STATUS:
    case ELO_ROUTE_P2P_STATUS:
        return ngx_http_elohim_pass_compat(ctx, p, canon);
    default:
        return ngx_sprintf(p, "/version");
    }
}


/* Can this be passed on at all? Fills ctx->digest where the route has one; a
   chunk's was looked at for its grant. */

elo_err_t
ngx_http_elohim_pass_check(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    size_t     i;
    elo_err_t  err;

    for (i = 0; i < r->args.len; i++) {
        if (r->args.data[i] <= ' ' || r->args.data[i] >= 0x7f) {
            return ELO_EINVAL;
        }
    }

    switch (ctx->route.kind) {
    case ELO_ROUTE_BLOB:
        if (ctx->sealed) {
            /* it is the one that was granted */
            return ELO_OK;
        }

        err = elo_addr_parse(ctx->route.id, &ctx->digest);
        ctx->by_hash = err == ELO_OK;

        return (r->method & NGX_HTTP_ELOHIM_READ) && err == ELO_EINVAL
               && elo_content_id_ok(ctx->route.id) ? ELO_OK : err;

    case ELO_ROUTE_SHARD:
        if (ctx->sealed) {
            return ELO_OK;
        }

        /* fall through */

    case ELO_ROUTE_BLOB_STATUS:
    case ELO_ROUTE_BLOB_TREE:
    case ELO_ROUTE_MANIFEST:
    case ELO_ROUTE_CUSTODIANS:
        return elo_addr_parse(ctx->route.id, &ctx->digest);

    case ELO_ROUTE_CONTENT:
    case ELO_ROUTE_CONTENT_LIFECYCLE:
    case ELO_ROUTE_CONTENT_REACH:
    case ELO_ROUTE_CONTENT_INVITE:
        return elo_content_id_ok(ctx->route.id) ? ELO_OK : ELO_ENOTFOUND;

    default:
        return ELO_OK;
    }
}


static ngx_uint_t
ngx_http_elohim_passes_of(const ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx, ngx_http_elohim_of_e of)
{
    switch (of) {
    case NGX_HTTP_ELOHIM_OF_WRITER:
        return ngx_http_elohim_is_writer(ctx);
    case NGX_HTTP_ELOHIM_OF_POST:
        return r->method == NGX_HTTP_POST
               && ngx_http_elohim_passes_of(r, ctx, NGX_HTTP_ELOHIM_OF_UPLOAD);
    case NGX_HTTP_ELOHIM_OF_UPLOAD:
        return ngx_http_elohim_is_writer(ctx)
               && (ctx->route.kind == ELO_ROUTE_UPLOAD
                   || ctx->route.kind == ELO_ROUTE_UPLOAD_NEW);
    default:
        return 1;
    }
}


/* Whoever may stream the events of a blob holds a connection to the daemon for as
   long as he likes: that is for those who may put blobs in. Others get the state as
   it is. */

static ngx_uint_t
ngx_http_elohim_is_subscription(const ngx_http_elohim_ctx_t *ctx,
    const ngx_table_elt_t *h)
{
    return ctx->route.kind == ELO_ROUTE_BLOB_STATUS
           && h->key.len == sizeof("accept") - 1
           && ngx_memcmp(h->lowcase_key, "accept", h->key.len) == 0;
}


static ngx_uint_t
ngx_http_elohim_passes(const ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx, const ngx_table_elt_t *h)
{
    const ngx_http_elohim_pass_field_t  *f;

    if (h->hash == 0 || h->lowcase_key == NULL) {
        return 0;
    }

    if (ngx_http_elohim_is_subscription(ctx, h)
        && !ngx_http_elohim_is_writer(ctx))
    {
        return 0;
    }

    for (f = ngx_http_elohim_pass_fields; f->name.len; f++) {
        if (h->key.len == f->name.len
            && ngx_memcmp(h->lowcase_key, f->name.data, f->name.len) == 0)
        {
            return ngx_http_elohim_passes_of(r, ctx, f->of);
        }
    }

    return 0;
}


/* Writes the fields at p, or counts them when p is NULL. */

static size_t
ngx_http_elohim_pass_headers(ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx, u_char *p)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (!ngx_http_elohim_passes(r, ctx, &h[i])) {
                continue;
            }

            len += h[i].key.len + h[i].value.len + sizeof(": \r\n") - 1;

            if (p) {
                p = ngx_sprintf(p, "%V: %V\r\n", &h[i].key, &h[i].value);
            }
        }
    }

    return len;
}


static const char *
ngx_http_elohim_pass_method(ngx_uint_t method)
{
    switch (method) {
    case NGX_HTTP_HEAD:
        return "HEAD";
    case NGX_HTTP_PUT:
        return "PUT";
    case NGX_HTTP_POST:
        return "POST";
    case NGX_HTTP_PATCH:
        return "PATCH";
    case NGX_HTTP_DELETE:
        return "DELETE";
    case NGX_HTTP_OPTIONS:
        return "OPTIONS";
    default:
        return "GET";
    }
}


/* Bytes of the body that will follow, when they are not sent in chunks. What
   the client announced counts only as long as it is being read: a body may have
   been dropped on the way here (error_page, mirror_request_body off). */

static off_t
ngx_http_elohim_pass_length(ngx_http_request_t *r)
{
    off_t         len;
    ngx_chain_t  *cl;

    if (!(r->method & NGX_HTTP_ELOHIM_WRITE)) {
        return 0;
    }

    if (r->request_body_no_buffering) {
        return ngx_max(r->headers_in.content_length_n, 0);
    }

    len = 0;

    for (cl = r->upstream->request_bufs; cl; cl = cl->next) {
        len += ngx_buf_size(cl->buf);
    }

    return len;
}


ngx_buf_t *
ngx_http_elohim_pass_request(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    off_t       body;
    size_t      len;
    u_char      target[NGX_HTTP_ELOHIM_TARGET_MAX], *end;
    ngx_buf_t  *b;

    end = ngx_http_elohim_pass_target(ctx, target);
    body = ngx_http_elohim_pass_length(r);

    len = sizeof("OPTIONS ? HTTP/1.1\r\nHost: elohimd\r\nConnection: close\r\n"
                 "Transfer-Encoding: chunked\r\n"
                 "Content-Length: \r\n\r\n")
          + NGX_OFF_T_LEN + (end - target)
          + ngx_http_elohim_pass_args(r, NULL)
          + ngx_http_elohim_pass_caller(ctx, NULL)
          + ngx_http_elohim_pass_headers(r, ctx, NULL);

    b = ngx_create_temp_buf(r->pool, len);
    if (b == NULL) {
        return NULL;
    }

    b->last = ngx_sprintf(b->last, "%s %*s",
                          ngx_http_elohim_pass_method(r->method),
                          (size_t) (end - target), target);

    b->last += ngx_http_elohim_pass_args(r, b->last);
    b->last = ngx_sprintf(b->last, " HTTP/1.1\r\nHost: elohimd\r\n"
                          "Connection: close\r\n");
    b->last += ngx_http_elohim_pass_caller(ctx, b->last);
    b->last += ngx_http_elohim_pass_headers(r, ctx, b->last);

    if (ctx->chunked) {
        b->last = ngx_sprintf(b->last, "Transfer-Encoding: chunked\r\n");

    } else if (body || r->method == NGX_HTTP_PUT
               || r->method == NGX_HTTP_POST || r->method == NGX_HTTP_PATCH)
    {
        b->last = ngx_sprintf(b->last, "Content-Length: %O\r\n", body);
    }

    b->last = ngx_sprintf(b->last, "\r\n");

    return b;
}


/* Sends what is left to send. When the daemon has closed its side it has most
   likely answered before the end of the body: drop the rest and let the answer
   be read; if there is none, reading says so. */

static ngx_int_t
ngx_http_elohim_pass_send(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    ngx_chain_t *out)
{
    ngx_int_t             rc;
    ngx_chain_t          *cl;
    ngx_connection_t     *c;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    c = u->peer.connection;

    rc = ctx->deaf ? NGX_OK : ngx_chain_writer(&u->writer, out);

    if (rc == NGX_ERROR && !c->read->error) {
        ctx->deaf = 1;
        c->error = 0;
        c->read->ready = 1;
        ngx_post_event(c->read, &ngx_posted_events);
    }

    if (ctx->deaf) {

        u->writer.out = NULL;
        u->writer.last = &u->writer.out;

        for (cl = out; cl; cl = cl->next) {
            cl->buf->pos = cl->buf->last;
            cl->buf->file_pos = cl->buf->file_last;
        }

        rc = NGX_OK;
    }

    ngx_chain_update_chains(r->pool, &ctx->free, &ctx->busy, &out,
                            (ngx_buf_tag_t) &ngx_http_elohim_module);

    return rc;
}


/* Output filter of the request: its first buffer is the head. */

ngx_int_t
ngx_http_elohim_pass_body(void *data, ngx_chain_t *in)
{
    ngx_http_request_t *r = data;

    off_t                   size;
    ngx_buf_t              *b;
    ngx_uint_t              last;
    ngx_chain_t            *out, *cl, *head, **ll, **body;
    ngx_http_elohim_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_elohim_module);

    out = NULL;
    ll = &out;

    if (in && !ctx->head_sent) {
        ctx->head_sent = 1;

        cl = ngx_alloc_chain_link(r->pool);
        if (cl == NULL) {
            return NGX_ERROR;
        }

        cl->buf = in->buf;
        *ll = cl;
        ll = &cl->next;
        in = in->next;
    }

    *ll = NULL;
    body = ll;
    size = 0;
    last = 0;

    for ( /* void */ ; in; in = in->next) {

        last |= in->buf->last_buf;
        size += ngx_buf_size(in->buf);

        if (ngx_buf_size(in->buf) == 0 && !in->buf->flush) {
            continue;
        }

        cl = ngx_alloc_chain_link(r->pool);
        if (cl == NULL) {
            return NGX_ERROR;
        }

        cl->buf = in->buf;
        *ll = cl;
        ll = &cl->next;
    }

    *ll = NULL;

    if (ctx->chunked && size) {
        head = ngx_http_elohim_pass_text(r, ctx, sizeof("\r\n") - 1
                                                 + NGX_OFF_T_LEN);
        cl = ngx_http_elohim_pass_text(r, ctx, sizeof("\r\n") - 1);
        if (head == NULL || cl == NULL) {
            return NGX_ERROR;
        }

        head->buf->last = ngx_sprintf(head->buf->last, "%xO\r\n", size);
        head->next = *body;
        *body = head;

        cl->buf->last = ngx_cpymem(cl->buf->last, "\r\n", 2);
        cl->next = NULL;
        *ll = cl;
        ll = &cl->next;
    }

    if (ctx->chunked && last) {
        cl = ngx_http_elohim_pass_text(r, ctx, sizeof("0\r\n\r\n") - 1);
        if (cl == NULL) {
            return NGX_ERROR;
        }

        b = cl->buf;
        b->last = ngx_cpymem(b->last, "0\r\n\r\n", sizeof("0\r\n\r\n") - 1);
        cl->next = NULL;
        *ll = cl;
    }

    return ngx_http_elohim_pass_send(r, ctx, out);
}


/* A buffer of our own; used ones come back through ctx->free. */

static ngx_chain_t *
ngx_http_elohim_pass_text(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    size_t size)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    cl = ngx_chain_get_free_buf(r->pool, &ctx->free);
    if (cl == NULL) {
        return NULL;
    }

    b = cl->buf;

    if (b->start == NULL || (size_t) (b->end - b->start) < size) {
        b->start = ngx_palloc(r->pool, NGX_OFF_T_LEN + 2);
        if (b->start == NULL) {
            return NULL;
        }

        b->end = b->start + NGX_OFF_T_LEN + 2;
    }

    b->tag = (ngx_buf_tag_t) &ngx_http_elohim_module;
    b->pos = b->start;
    b->last = b->start;
    b->temporary = 1;
    b->flush = 0;

    return cl;
}
