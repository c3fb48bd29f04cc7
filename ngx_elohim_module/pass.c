/* SPDX-License-Identifier: BSD-2-Clause */
/* pass: what the daemon itself answers (writes, content nodes, its state) goes
   through ngx_http_upstream to the same socket, request bodies as they arrive.
   Media bytes never come this way. */

#include "ngx_http_elohim_module.h"

#include "common/base/err.h"


static ngx_int_t ngx_http_elohim_pass_create(ngx_http_request_t *r);
static ngx_int_t ngx_http_elohim_pass_reinit(ngx_http_request_t *r);
static ngx_int_t ngx_http_elohim_pass_status(ngx_http_request_t *r);
static ngx_int_t ngx_http_elohim_pass_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_elohim_pass_filter_init(void *data);
static void ngx_http_elohim_pass_abort(ngx_http_request_t *r);
static void ngx_http_elohim_pass_finalize(ngx_http_request_t *r, ngx_int_t rc);


ngx_int_t
ngx_http_elohim_pass(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    ngx_uint_t operator)
{
    elo_err_t                    err;
    ngx_int_t                    rc;
    ngx_http_upstream_t         *u;
    ngx_http_elohim_loc_conf_t  *elcf;

    ctx->operator = operator;

    if (operator && ngx_http_elohim_is_foreign(r)) {
        return ngx_http_elohim_problem(r, NGX_HTTP_FORBIDDEN,
                                       elo_err_code(ELO_EFOREIGN),
                                       elo_err_public(ELO_EFOREIGN));
    }

    err = ngx_http_elohim_pass_check(r, ctx);
    if (err != ELO_OK) {
        return ngx_http_elohim_problem(
            r, elo_err_status(err), elo_err_code(err),
            err == ELO_EINVAL ? "the path or the query names nothing that "
                                "could exist here"
                              : elo_err_public(err));
    }

    if (ngx_http_elohim_probe(r) != NGX_OK) {
        return ngx_http_elohim_away(r);
    }

    if (ngx_http_upstream_create(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    u = r->upstream;

    ngx_str_set(&u->schema, "http://");
    u->output.tag = (ngx_buf_tag_t) &ngx_http_elohim_module;
    u->conf = &elcf->upstream;
    u->buffering = 0;
    u->create_request = ngx_http_elohim_pass_create;
    u->reinit_request = ngx_http_elohim_pass_reinit;
    u->process_header = ngx_http_elohim_pass_status;
    u->abort_request = ngx_http_elohim_pass_abort;
    u->finalize_request = ngx_http_elohim_pass_finalize;
    u->input_filter_init = ngx_http_elohim_pass_filter_init;
    u->input_filter = ngx_http_upstream_non_buffered_filter;
    u->input_filter_ctx = r;

    r->state = 0;

    if (r == r->main && (r->method & NGX_HTTP_ELOHIM_WRITE)) {
        r->request_body_no_buffering = 1;
    }

    rc = ngx_http_read_client_request_body(r, ngx_http_upstream_init);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}


static ngx_int_t
ngx_http_elohim_pass_create(ngx_http_request_t *r)
{
    ngx_buf_t              *b;
    ngx_chain_t            *cl, *body;
    ngx_http_upstream_t    *u;
    ngx_http_elohim_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_elohim_module);
    u = r->upstream;

    ctx->chunked = r->headers_in.chunked && r->reading_body;

    b = ngx_http_elohim_pass_request(r, ctx);
    cl = ngx_alloc_chain_link(r->pool);
    if (b == NULL || cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf = b;

    body = u->request_bufs;
    u->request_bufs = cl;

    if (!(r->method & NGX_HTTP_ELOHIM_WRITE)) {
        body = NULL;
    }

    if (r->request_body_no_buffering) {

        /* the body follows as it is read */

        u->output.output_filter = ngx_http_elohim_pass_body;
        u->output.filter_ctx = r;

    } else {

        for ( /* void */ ; body; body = body->next) {
            b = ngx_alloc_buf(r->pool);
            if (b == NULL) {
                return NGX_ERROR;
            }

            *b = *body->buf;

            cl->next = ngx_alloc_chain_link(r->pool);
            cl = cl->next;
            if (cl == NULL) {
                return NGX_ERROR;
            }

            cl->buf = b;
        }
    }

    cl->buf->flush = 1;
    cl->next = NULL;

    return NGX_OK;
}


static ngx_int_t
ngx_http_elohim_pass_reinit(ngx_http_request_t *r)
{
    ngx_http_elohim_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_elohim_module);

    ngx_memzero(&ctx->line, sizeof(ngx_http_status_t));
    ctx->head_sent = 0;
    r->upstream->process_header = ngx_http_elohim_pass_status;
    r->state = 0;

    return NGX_OK;
}


static ngx_int_t
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


static ngx_int_t
ngx_http_elohim_pass_field(ngx_http_request_t *r)
{
    ngx_table_elt_t                *h;
    ngx_http_upstream_t            *u;
    ngx_http_upstream_header_t     *hh;
    ngx_http_upstream_main_conf_t  *umcf;

    u = r->upstream;

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

    umcf = ngx_http_get_module_main_conf(r, ngx_http_upstream_module);

    hh = ngx_hash_find(&umcf->headers_in_hash, h->hash, h->lowcase_key,
                       h->key.len);

    if (hh && hh->handler(r, h, hh->offset) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_elohim_pass_header(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    do {
        rc = ngx_http_parse_header_line(r, &u->buffer, 1);

        if (rc == NGX_OK && ngx_http_elohim_pass_field(r) != NGX_OK) {
            return NGX_ERROR;
        }

    } while (rc == NGX_OK);

    if (rc == NGX_AGAIN) {
        return rc;
    }

    if (rc != NGX_HTTP_PARSE_HEADER_DONE || u->headers_in.chunked) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "elohimd sent an invalid header");
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if (ngx_http_elohim_common_headers(r) != NGX_OK) {
        return NGX_ERROR;
    }

    r->disable_not_modified = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_elohim_pass_filter_init(void *data)
{
    ngx_http_request_t   *r = data;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (u->headers_in.status_n == NGX_HTTP_NO_CONTENT
        || u->headers_in.status_n == NGX_HTTP_NOT_MODIFIED
        || r->method == NGX_HTTP_HEAD)
    {
        u->length = 0;

    } else {
        u->length = u->headers_in.content_length_n;
    }

    return NGX_OK;
}


static void
ngx_http_elohim_pass_abort(ngx_http_request_t *r)
{
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "abort elohim pass");
}


/* Nothing has come from the daemon, or nothing that makes sense: the client gets
   a problem document, as from everywhere else. To ngx_http_upstream the header
   is sent then, and the rest is to flush it. */

static void
ngx_http_elohim_pass_finalize(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_http_upstream_t  *u;

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "finalize elohim pass: %i", rc);

    u = r->upstream;

    if ((rc != NGX_HTTP_BAD_GATEWAY && rc != NGX_HTTP_GATEWAY_TIME_OUT)
        || u->header_sent || r != r->main || r->header_only
        || r->method == NGX_HTTP_HEAD)
    {
        return;
    }

    r->keepalive = 0;

    (void) ngx_http_elohim_problem(r, rc, elo_err_code(ELO_EUNAVAIL),
                                   rc == NGX_HTTP_BAD_GATEWAY
                                   ? "the storage broke off without an answer"
                                   : "the storage did not answer in time");

    u->header_sent = r->header_sent;
}
