/* SPDX-License-Identifier: BSD-2-Clause */
/* pass: what the daemon itself answers (writes, content nodes, its state) goes
   through ngx_http_upstream to the same socket, blobs as they arrive, other bodies
   when they are there (body.c).
   Of media only what is encrypted at rest comes this way: the daemon alone can
   open it. */

#include "ngx_http_elohim_module.h"

#include "common/base/err.h"


static void ngx_http_elohim_pass_begin(ngx_http_request_t *r);
static ngx_int_t ngx_http_elohim_pass_create(ngx_http_request_t *r);
static ngx_int_t ngx_http_elohim_pass_reinit(ngx_http_request_t *r);
static void ngx_http_elohim_pass_abort(ngx_http_request_t *r);
static void ngx_http_elohim_pass_finalize(ngx_http_request_t *r, ngx_int_t rc);


/* Whoever resumes an upload asks first where it is. A client that hears then of an
   error of the server takes the upload for lost (tus-js-client does) and begins
   anew; of one that is locked it knows that it is there, and waits. */

#define NGX_HTTP_ELOHIM_LOCKED  423 /* RFC 4918, 11.3 */


static ngx_inline ngx_uint_t
ngx_http_elohim_is_resumed(ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx)
{
    return ctx->route.kind == ELO_ROUTE_UPLOAD
           && r->method == NGX_HTTP_HEAD;
}


static ngx_int_t
ngx_http_elohim_locked(ngx_http_request_t *r)
{
    ngx_str_t  key = ngx_string("Retry-After");
    ngx_str_t  value = ngx_string("1");

    if (ngx_http_elohim_header(r, &key, &value) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_elohim_problem(r, NGX_HTTP_ELOHIM_LOCKED,
                                   elo_err_code(ELO_EUNAVAIL),
                                   elo_err_public(ELO_EUNAVAIL));
}


/* What would be passed on, and can't be now. */

ngx_int_t
ngx_http_elohim_pass_away(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    return ngx_http_elohim_is_resumed(r, ctx) ? ngx_http_elohim_locked(r)
                                              : ngx_http_elohim_away(r);
}


ngx_int_t
ngx_http_elohim_pass(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    ngx_uint_t operator)
{
    size_t     max;
    elo_err_t  err;
    ngx_int_t  rc;

    ctx->operator = operator;

    if ((r->method & NGX_HTTP_ELOHIM_READ)
        && (ctx->cache == NGX_HTTP_ELOHIM_NO_CACHE || ctx->sealed))
    {
        ctx->cache = NGX_HTTP_ELOHIM_BYPASS;
    }

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

    max = ngx_http_elohim_body_max(ctx->route.kind);

    if ((r->method & NGX_HTTP_ELOHIM_WRITE)
        && max != NGX_HTTP_ELOHIM_BODY_STREAM
        && r->headers_in.content_length_n > (off_t) max)
    {
        return ngx_http_elohim_too_large(r);
    }

    if (ngx_http_elohim_probe(r) != NGX_OK) {
        return ngx_http_elohim_pass_away(r, ctx);
    }

    if (!(r->method & NGX_HTTP_ELOHIM_WRITE) || r != r->main) {
        max = NGX_HTTP_ELOHIM_BODY_STREAM;

    } else if (max == NGX_HTTP_ELOHIM_BODY_STREAM) {
        r->request_body_no_buffering = 1;

    } else {
        return ngx_http_elohim_body_read(r, ctx, max,
                                         ngx_http_elohim_pass_begin);
    }

    rc = ngx_http_read_client_request_body(r, ngx_http_elohim_pass_begin);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}


static ngx_int_t
ngx_http_elohim_pass_upstream(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx)
{
    ngx_http_upstream_t         *u;
    ngx_http_elohim_loc_conf_t  *elcf;

    if (ngx_http_upstream_create(r) != NGX_OK) {
        return NGX_ERROR;
    }

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    u = r->upstream;

    ngx_str_set(&u->schema, "http://");
    u->output.tag = (ngx_buf_tag_t) &ngx_http_elohim_module;
    u->conf = ctx->route.kind == ELO_ROUTE_IMPORT ? &elcf->import
                                                  : &elcf->upstream;
    u->buffering = 0;
    u->create_request = ngx_http_elohim_pass_create;
    u->reinit_request = ngx_http_elohim_pass_reinit;
    u->process_header = ngx_http_elohim_pass_status;
    u->abort_request = ngx_http_elohim_pass_abort;
    u->finalize_request = ngx_http_elohim_pass_finalize;
    u->input_filter_init = ngx_http_elohim_pass_filter_init;
    u->input_filter = ngx_http_upstream_non_buffered_filter;
    u->input_filter_ctx = r;

    if (ctx->route.kind == ELO_ROUTE_UPLOAD_NEW) {
        u->rewrite_redirect = ngx_http_elohim_pass_location;
    }

    r->state = 0;

    return NGX_OK;
}


/* Of the body there is all that is waited for. */

static void
ngx_http_elohim_pass_begin(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_http_elohim_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_elohim_module);

    rc = ngx_http_elohim_pass_hold(r, ctx);

    if (rc == NGX_DECLINED) {
        ngx_http_finalize_request(r, ngx_http_elohim_pass_away(r, ctx));
        return;
    }

    if (rc != NGX_OK || ngx_http_elohim_pass_upstream(r, ctx) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_http_upstream_init(r);
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


/* A client has broken off in the middle of a body. The piece that came last was
   read together with the news of it, and isn't sent yet: an upload that can be
   resumed keeps it. */

static void
ngx_http_elohim_pass_rest(ngx_http_request_t *r)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (!r->request_body_no_buffering || !u->request_sent
        || u->request_body_blocked || u->peer.connection == NULL
        || r->request_body == NULL || r->request_body->bufs == NULL)
    {
        return;
    }

    (void) ngx_output_chain(&u->output, r->request_body->bufs);
    r->request_body->bufs = NULL;
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
    ngx_http_upstream_t    *u;
    ngx_http_elohim_ctx_t  *ctx;

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "finalize elohim pass: %i", rc);

    u = r->upstream;
    ctx = ngx_http_get_module_ctx(r, ngx_http_elohim_module);

    if (ctx == NULL) {
        return;
    }

    ngx_http_elohim_pass_release(ctx);

    if (rc == NGX_HTTP_BAD_REQUEST || rc == NGX_HTTP_CLIENT_CLOSED_REQUEST) {
        ngx_http_elohim_pass_rest(r);
    }

    if ((rc != NGX_HTTP_BAD_GATEWAY && rc != NGX_HTTP_GATEWAY_TIME_OUT)
        || u->header_sent || r != r->main || r->header_only)
    {
        return;
    }

    if (r->method == NGX_HTTP_HEAD) {
        if (ngx_http_elohim_is_resumed(r, ctx)) {
            r->keepalive = 0;
            (void) ngx_http_elohim_locked(r);
            u->header_sent = r->header_sent;
        }

        return;
    }

    r->keepalive = 0;

    (void) ngx_http_elohim_problem(r, rc, elo_err_code(ELO_EUNAVAIL),
                                   rc == NGX_HTTP_BAD_GATEWAY
                                   ? "the storage broke off without an answer"
                                   : "the storage did not answer in time");

    u->header_sent = r->header_sent;
}
