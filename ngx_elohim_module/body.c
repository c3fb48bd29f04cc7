/* SPDX-License-Identifier: BSD-2-Clause */
/* body: a request's body that is read whole before the daemon is asked for anything:
   whoever sends it slowly holds no connection of the daemon. It is kept in memory
   and never in a temporary file, since it may be the text of narrow content; so it
   has a limit, which is the daemon's own for that resource, and what all bodies of a
   worker hold has one, too. Blobs have neither, and are passed on as they arrive. */

#include "ngx_http_elohim_module.h"

#include "common/base/err.h"


#define NGX_HTTP_ELOHIM_BODY_LEAST   1024
#define NGX_HTTP_ELOHIM_BODY_PIECE   (16 * 1024)
#define NGX_HTTP_ELOHIM_BODIES_MAX   (64 * 1024 * 1024) /* of a worker */
#define NGX_HTTP_ELOHIM_BODY_OTHER   (64 * 1024)


/* Part of a request's context while its body is read. */
struct ngx_http_elohim_body_in_s {
    size_t        max;
    size_t        got;
    size_t        held; /* of a worker's share */
    ngx_buf_t    *last;
    ngx_chain_t  *first;
    ngx_chain_t **tail;
    ngx_http_client_body_handler_pt  done;
};


typedef struct {
    elo_route_kind_t  kind;
    size_t            max;
} ngx_http_elohim_body_limit_t;


/* A route without a row takes NGX_HTTP_ELOHIM_BODY_OTHER. */

static const ngx_http_elohim_body_limit_t  ngx_http_elohim_body_limits[] = {
    { ELO_ROUTE_BLOB,           NGX_HTTP_ELOHIM_BODY_STREAM },
    { ELO_ROUTE_BLOB_NEW,       NGX_HTTP_ELOHIM_BODY_STREAM },
    { ELO_ROUTE_UPLOAD_NEW,     NGX_HTTP_ELOHIM_BODY_STREAM },
    { ELO_ROUTE_UPLOAD,         NGX_HTTP_ELOHIM_BODY_STREAM },
    { ELO_ROUTE_IMPORT,         NGX_HTTP_ELOHIM_BODY_STREAM },
    { ELO_ROUTE_CONTENT_LIST,   ELO_CONTENT_JSON_MAX },
    { ELO_ROUTE_CONTENT,        ELO_CONTENT_JSON_MAX },
    { ELO_ROUTE_CONTENT_INVITE, 512 * 1024 },
    { ELO_ROUTE_VERIFY,         NGX_HTTP_ELOHIM_BODY_STREAM }, /* 4 at once */
    { ELO_ROUTE_SHARD,          NGX_HTTP_ELOHIM_BODY_STREAM },
    { ELO_ROUTE_AUTH_CHALLENGE, 2 * 1024 },
    { ELO_ROUTE_AUTH_TOKEN,     2 * 1024 },
    { ELO_ROUTE_RECORDS,        8 * 1024 }, /* docs/formats/record.md */
    { ELO_ROUTE_UNKNOWN,        0 }
};


static void ngx_http_elohim_body_step(ngx_http_request_t *r);


static size_t  ngx_http_elohim_bodies; /* worker: bytes held by them */


size_t
ngx_http_elohim_body_max(elo_route_kind_t kind)
{
    const ngx_http_elohim_body_limit_t  *l;

    for (l = ngx_http_elohim_body_limits; l->kind; l++) {
        if (l->kind == kind) {
            return l->max;
        }
    }

    return NGX_HTTP_ELOHIM_BODY_OTHER;
}


ngx_int_t
ngx_http_elohim_too_large(ngx_http_request_t *r)
{
    return ngx_http_elohim_problem(r, elo_err_status(ELO_ETOOBIG),
                                   elo_err_code(ELO_ETOOBIG),
                                   elo_err_public(ELO_ETOOBIG));
}


static void
ngx_http_elohim_body_cleanup(void *data)
{
    ngx_http_elohim_body_in_t  *in = data;

    ngx_http_elohim_bodies -= in->held;
    in->held = 0;
}


ngx_int_t
ngx_http_elohim_body_read(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    size_t max, ngx_http_client_body_handler_pt done)
{
    ngx_int_t                   rc;
    ngx_pool_cleanup_t         *cln;
    ngx_http_elohim_body_in_t  *in;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_elohim_body_in_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    in = cln->data;
    ngx_memzero(in, sizeof(ngx_http_elohim_body_in_t));
    in->max = max;
    in->tail = &in->first;
    in->done = done;

    cln->handler = ngx_http_elohim_body_cleanup;
    ctx->in = in;

    /* so that nginx writes no file */
    r->request_body_no_buffering = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_elohim_body_step);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}


/* Room for more of the body: NGX_DECLINED when the worker has none to give. */

static ngx_int_t
ngx_http_elohim_body_room(ngx_http_request_t *r,
    ngx_http_elohim_body_in_t *in)
{
    size_t        size;
    ngx_chain_t  *cl;

    size = NGX_HTTP_ELOHIM_BODY_PIECE;

    if (r->headers_in.content_length_n > 0) {
        size = ngx_min(size, (size_t) r->headers_in.content_length_n
                             - ngx_min(in->got, (size_t)
                                       r->headers_in.content_length_n));
    }

    size = ngx_max(size, NGX_HTTP_ELOHIM_BODY_LEAST);

    if (size > NGX_HTTP_ELOHIM_BODIES_MAX - ngx_http_elohim_bodies) {
        return NGX_DECLINED;
    }

    cl = ngx_alloc_chain_link(r->pool);
    in->last = ngx_create_temp_buf(r->pool, size);
    if (cl == NULL || in->last == NULL) {
        return NGX_ERROR;
    }

    ngx_http_elohim_bodies += size;
    in->held += size;

    cl->buf = in->last;
    cl->next = NULL;
    *in->tail = cl;
    in->tail = &cl->next;

    return NGX_OK;
}


static ngx_int_t
ngx_http_elohim_body_keep(ngx_http_request_t *r,
    ngx_http_elohim_body_in_t *in, ngx_buf_t *b)
{
    size_t     n;
    ngx_int_t  rc;

    while (b->pos < b->last) {

        if (in->last == NULL || in->last->last == in->last->end) {
            rc = ngx_http_elohim_body_room(r, in);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        n = ngx_min(b->last - b->pos, in->last->end - in->last->last);
        in->last->last = ngx_cpymem(in->last->last, b->pos, n);
        b->pos += n;
    }

    return NGX_OK;
}


/* Takes what has come. A body that somebody else has read before, whole, is counted
   and left as it is. NGX_OK, or a status. */

static ngx_int_t
ngx_http_elohim_body_take(ngx_http_request_t *r,
    ngx_http_elohim_body_in_t *in)
{
    ngx_int_t     rc;
    ngx_chain_t  *cl;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {

        in->got += (size_t) ngx_buf_size(cl->buf);

        if (in->got > in->max) {
            return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        }

        if (!r->reading_body && in->first == NULL) {
            continue;
        }

        rc = ngx_http_elohim_body_keep(r, in, cl->buf);

        if (rc != NGX_OK) {
            return rc == NGX_DECLINED ? NGX_HTTP_SERVICE_UNAVAILABLE
                                      : NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (r->reading_body || in->first != NULL) {
        r->request_body->bufs = NULL;
    }

    return NGX_OK;
}


static void
ngx_http_elohim_body_refuse(ngx_http_request_t *r, ngx_int_t status)
{
    switch (status) {

    case NGX_HTTP_REQUEST_ENTITY_TOO_LARGE:
        status = ngx_http_elohim_too_large(r);
        break;

    case NGX_HTTP_SERVICE_UNAVAILABLE:
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "elohim: the request bodies of this worker hold all the "
                      "memory that they may: put limit_conn in front");
        status = ngx_http_elohim_away(r);
        break;
    }

    ngx_http_finalize_request(r, status);
}


/* Something has come of the body, or all. */

static void
ngx_http_elohim_body_step(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_http_elohim_ctx_t      *ctx;
    ngx_http_elohim_body_in_t  *in;

    ctx = ngx_http_get_module_ctx(r, ngx_http_elohim_module);

    /* whatever comes next, an error_page with a context of its own, too */
    r->read_event_handler = ngx_http_block_reading;

    in = ctx->in;

    for ( ;; ) {

        rc = r->request_body ? ngx_http_elohim_body_take(r, in) : NGX_OK;

        if (rc != NGX_OK) {
            ngx_http_elohim_body_refuse(r, rc);
            return;
        }

        if (!r->reading_body) {
            break;
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            ngx_http_finalize_request(r, rc);
            return;
        }

        if (rc == NGX_AGAIN && r->request_body->bufs == NULL) {
            r->read_event_handler = ngx_http_elohim_body_step;
            return;
        }
    }

    r->request_body_no_buffering = 0;

    if (in->first != NULL) {
        r->request_body->bufs = in->first;
    }

    in->done(r);
}
