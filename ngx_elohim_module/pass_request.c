/* SPDX-License-Identifier: BSD-2-Clause */
/* pass_request: the request that pass.c sends: its head, written anew from what
   was understood, and its body, framed in chunks when its length is not known.
   Of the client's fields only those of a list go on. Spec: RFC 9112, 7.1. */

#include "ngx_http_elohim_module.h"

#include "common/base/err.h"


#define NGX_HTTP_ELOHIM_TARGET_MAX 256


/* In lower case. Never X-Elohim-Caller, which says what we know of a caller. */

static ngx_str_t  ngx_http_elohim_pass_fields[] = {
    ngx_string("accept"),
    ngx_string("content-digest"),
    ngx_string("content-type"),
    ngx_string("if-match"),
    ngx_string("if-modified-since"),
    ngx_string("if-none-match"),
    ngx_string("if-unmodified-since"),
    ngx_string("prefer"),
    ngx_string("repr-digest"),
    ngx_string("x-reach"),
    ngx_null_string
};


static ngx_chain_t *ngx_http_elohim_pass_text(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, size_t size);


static u_char *
ngx_http_elohim_pass_target(ngx_http_elohim_ctx_t *ctx, u_char *p)
{
    char  canon[ELO_ADDR_CANON_LEN + 1];

    elo_addr_canon(&ctx->digest, canon);

    switch (ctx->route.kind) {
    case ELO_ROUTE_BLOB:
        return ngx_sprintf(p, "/api/blob/%s", canon);
    case ELO_ROUTE_BLOB_NEW:
        return ngx_sprintf(p, "/api/blob");
    case ELO_ROUTE_BLOB_STATUS:
        return ngx_sprintf(p, "/api/blob/%s/status", canon);
    case ELO_ROUTE_MANIFEST:
        return ngx_sprintf(p, "/manifest/%s", canon);
    case ELO_ROUTE_CONTENT_LIST:
        return ngx_sprintf(p, "/api/content");
    case ELO_ROUTE_CONTENT:
        return ngx_sprintf(p, "/api/content/%*s", ctx->route.id.len,
                           ctx->route.id.p);
    case ELO_ROUTE_HEALTH:
        return ngx_sprintf(p, "/health");
    default:
        return ngx_sprintf(p, "/version");
    }
}


/* Can this be passed on at all? Fills ctx->digest where the route has one. */

elo_err_t
ngx_http_elohim_pass_check(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    size_t  i;

    for (i = 0; i < r->args.len; i++) {
        if (r->args.data[i] <= ' ' || r->args.data[i] >= 0x7f) {
            return ELO_EINVAL;
        }
    }

    switch (ctx->route.kind) {
    case ELO_ROUTE_BLOB:
    case ELO_ROUTE_BLOB_STATUS:
    case ELO_ROUTE_MANIFEST:
        return elo_addr_parse(ctx->route.id, &ctx->digest);

    case ELO_ROUTE_CONTENT:
        return elo_content_id_ok(ctx->route.id) ? ELO_OK : ELO_ENOTFOUND;

    default:
        return ELO_OK;
    }
}


static ngx_uint_t
ngx_http_elohim_passes(const ngx_table_elt_t *h)
{
    ngx_str_t  *f;

    if (h->hash == 0 || h->lowcase_key == NULL) {
        return 0;
    }

    for (f = ngx_http_elohim_pass_fields; f->len; f++) {
        if (h->key.len == f->len
            && ngx_memcmp(h->lowcase_key, f->data, f->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* Writes the fields at p, or counts them when p is NULL. */

static size_t
ngx_http_elohim_pass_headers(ngx_http_request_t *r, u_char *p)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (!ngx_http_elohim_passes(&h[i])) {
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
    case NGX_HTTP_DELETE:
        return "DELETE";
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

    len = sizeof("DELETE ? HTTP/1.1\r\nHost: elohimd\r\nConnection: close\r\n"
                 "X-Elohim-Caller: anonymous\r\n"
                 "Transfer-Encoding: chunked\r\n"
                 "Content-Length: \r\n\r\n")
          + NGX_OFF_T_LEN + (end - target) + r->args.len
          + ngx_http_elohim_pass_headers(r, NULL);

    b = ngx_create_temp_buf(r->pool, len);
    if (b == NULL) {
        return NULL;
    }

    b->last = ngx_sprintf(b->last, "%s %*s",
                          ngx_http_elohim_pass_method(r->method),
                          (size_t) (end - target), target);

    if (r->args.len) {
        b->last = ngx_sprintf(b->last, "?%V", &r->args);
    }

    b->last = ngx_sprintf(b->last, " HTTP/1.1\r\nHost: elohimd\r\n"
                          "Connection: close\r\nX-Elohim-Caller: %s\r\n",
                          ctx->operator ? "operator" : "anonymous");

    b->last += ngx_http_elohim_pass_headers(r, b->last);

    if (ctx->chunked) {
        b->last = ngx_sprintf(b->last, "Transfer-Encoding: chunked\r\n");

    } else if (body || r->method == NGX_HTTP_PUT
               || r->method == NGX_HTTP_POST)
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
