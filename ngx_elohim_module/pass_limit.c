/* SPDX-License-Identifier: BSD-2-Clause */
/* pass_limit: how many connections to the daemon a worker's passed-on requests hold at
   once. What may take as long as its client likes (uploads, what is decrypted on
   the way, streams of events) has one bound; what is short has a reserve of its own
   beside it, so that a login or a read of metadata doesn't wait for uploads. */

#include "ngx_http_elohim_module.h"


/* Half of the daemon's default max_connections, for all workers together. */
#define NGX_HTTP_ELOHIM_PASS_ALL    512
#define NGX_HTTP_ELOHIM_PASS_LEAST  16
#define NGX_HTTP_ELOHIM_PASS_SHORT  4     /* part of it that is beside it */
#define NGX_HTTP_ELOHIM_PASS_SOME   8     /* which is that much, at least */
#define NGX_HTTP_ELOHIM_PASS_TELL   10000 /* ms between two lines of the log */


/* A request's connection, from its cleanup on. */
struct ngx_http_elohim_pass_hold_s {
    ngx_http_elohim_backend_t  *backend; /* NULL: it is given back */
    ngx_uint_t                  is_short;
};


void
ngx_http_elohim_pass_release(ngx_http_elohim_ctx_t *ctx)
{
    ngx_http_elohim_pass_hold_t  *h;

    h = ctx->hold;

    if (h != NULL && h->backend != NULL) {
        h->backend->n_passed[h->is_short]--;
        h->backend = NULL;
    }
}


static void
ngx_http_elohim_pass_cleanup(void *data)
{
    ngx_http_elohim_ctx_t  ctx;

    ctx.hold = data;
    ngx_http_elohim_pass_release(&ctx);
}


static ngx_uint_t
ngx_http_elohim_pass_most(const ngx_http_elohim_loc_conf_t *elcf,
    ngx_uint_t is_short)
{
    ngx_uint_t        n;
    ngx_core_conf_t  *ccf;

    n = elcf->pass_connections;

    if (n == 0) {
        ccf = (ngx_core_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                               ngx_core_module);
        n = NGX_HTTP_ELOHIM_PASS_ALL / ngx_max(ccf->worker_processes, 1);
        n = ngx_max(n, NGX_HTTP_ELOHIM_PASS_LEAST);
    }

    return is_short ? ngx_max(n / NGX_HTTP_ELOHIM_PASS_SHORT,
                              NGX_HTTP_ELOHIM_PASS_SOME)
                    : n;
}


/* Is its length up to what can be waited for? Only of a blob, and its state. */

static ngx_uint_t
ngx_http_elohim_pass_is_short(ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx)
{
    if (r->request_body_no_buffering || r->reading_body) {
        return 0;
    }

    switch (ctx->route.kind) {
    case ELO_ROUTE_BLOB:
    case ELO_ROUTE_SHARD:
    case ELO_ROUTE_CHUNK:
    case ELO_ROUTE_BLOB_STATUS:
        return !(r->method & NGX_HTTP_ELOHIM_READ);
    default:
        return 1;
    }
}


/* NGX_OK: it may have one. NGX_DECLINED: there is none left for it. */

ngx_int_t
ngx_http_elohim_pass_hold(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    ngx_uint_t                    is_short;
    ngx_pool_cleanup_t           *cln;
    ngx_http_elohim_backend_t    *b;
    ngx_http_elohim_loc_conf_t   *elcf;
    ngx_http_elohim_pass_hold_t  *h;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);
    b = elcf->backend;
    is_short = ngx_http_elohim_pass_is_short(r, ctx);

    if (b->n_passed[is_short] >= ngx_http_elohim_pass_most(elcf, is_short)) {

        if (b->full_told == 0
            || ngx_current_msec - b->full_told > NGX_HTTP_ELOHIM_PASS_TELL)
        {
            b->full_told = ngx_current_msec;
            ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                          "elohim: %ui %s hold all connections that a worker "
                          "may have to elohimd for them: put limit_conn in "
                          "front, or raise elohim_pass_connections",
                          b->n_passed[is_short],
                          is_short ? "short requests" : "uploads and streams");
        }

        return NGX_DECLINED;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_elohim_pass_hold_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    h = cln->data;
    h->backend = b;
    h->is_short = is_short;
    b->n_passed[is_short]++;

    cln->handler = ngx_http_elohim_pass_cleanup;
    ctx->hold = h;

    return NGX_OK;
}
