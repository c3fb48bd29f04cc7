/* SPDX-License-Identifier: BSD-2-Clause */
/* piece: sends a body that the daemon doesn't keep, piece by piece: what is there by
   sendfile, what is being fetched as it comes. Preconditions, ranges and fields are
   those of serve.c; the body is laid out as there, with the whole blob as its one
   file, and the ranges of it are sent from pieces.

   Until the first byte is there nothing has been sent, and what goes wrong has a status
   of its own; after that only the end of the connection says it. A slow client holds
   one buffer and one open file, and nothing that others wait for. */

#include "ngx_http_elohim_piece.h"

#include "common/base/err.h"


#define NGX_HTTP_ELOHIM_PIECE_PAUSE  100 /* ms, before it tries again */


static void ngx_http_elohim_piece_writer(ngx_http_request_t *r);
static void ngx_http_elohim_piece_retry(ngx_event_t *ev);
static void ngx_http_elohim_piece_go(ngx_http_elohim_pieces_t *p);


/* The request ends: nobody may call it any more. */

static void
ngx_http_elohim_piece_cleanup(void *data)
{
    ngx_http_elohim_pieces_t  *p = data;

    ngx_http_elohim_piece_leave(p);

    if (p->retry.timer_set) {
        ngx_del_timer(&p->retry);
    }
}


/* Its last buffer has been sent, and no thread reads the file. */

static void
ngx_http_elohim_piece_pool_cleanup(void *data)
{
    ngx_http_elohim_piece_close(data);
}


static ngx_http_elohim_pieces_t *
ngx_http_elohim_piece_create(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    const ngx_http_elohim_body_t *body, const elo_range_set_t *set)
{
    ngx_http_cleanup_t        *cln;
    ngx_pool_cleanup_t        *pcln;
    ngx_http_elohim_pieces_t  *p;

    p = ngx_pcalloc(r->pool, sizeof(ngx_http_elohim_pieces_t));
    pcln = ngx_pool_cleanup_add(r->pool, 0);
    cln = ngx_http_cleanup_add(r, 0);

    if (p == NULL || pcln == NULL || cln == NULL) {
        return NULL;
    }

    p->request = r;
    p->ctx = ctx;
    p->body = *body;
    p->digest = ctx->digest;
    p->body.digest = &p->digest;
    p->body.recipe = NULL;
    p->body.extent.offset = 0;
    p->body.extent.len = body->size;
    p->klass = elo_cache_class(ctx->reach);
    p->set = *set;

    p->at = set->n ? set->r[0].start : 0;
    p->end = set->n ? set->r[0].end : body->size;
    p->asked = ngx_current_msec;

    p->retry.handler = ngx_http_elohim_piece_retry;
    p->retry.data = p;
    p->retry.log = r->connection->log;

    pcln->handler = ngx_http_elohim_piece_pool_cleanup;
    pcln->data = p;
    cln->handler = ngx_http_elohim_piece_cleanup;
    cln->data = p;

    return p;
}


ngx_int_t
ngx_http_elohim_piece(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    const ngx_http_elohim_body_t *body)
{
    ngx_chain_t               *out;
    elo_range_set_t            set;
    ngx_http_elohim_pieces_t  *p;

    if (body->size / ELO_TREE_CHUNK >= NGX_MAX_UINT32_VALUE) {
        return ngx_http_elohim_pass(r, ctx, ctx->own);
    }

    if (ngx_http_elohim_judged(r, ctx, body, &set) != NGX_OK) {
        return ctx->rc;
    }

    p = ngx_http_elohim_piece_create(r, ctx, body, &set);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r->method == NGX_HTTP_HEAD) {
        return ngx_http_elohim_layout(r, ctx, &p->body, &p->file, &set, &out)
               == NGX_OK ? ngx_http_send_header(r)
                         : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!r->discard_body) {
        r->read_event_handler = ngx_http_test_reading;
    }

    r->write_event_handler = ngx_http_elohim_piece_writer;
    ctx->pieces = p;
    r->main->count++;

    ngx_http_elohim_piece_go(p);

    return NGX_DONE;
}


static void
ngx_http_elohim_piece_end(ngx_http_elohim_pieces_t *p, ngx_int_t rc)
{
    ngx_http_request_t  *r;

    r = p->request;
    p->ctx->pieces = NULL;

    ngx_http_elohim_piece_cleanup(p);

    if (!p->started && !r->discard_body) {
        r->read_event_handler = ngx_http_block_reading;
    }

    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_http_finalize_request(r, rc);
}


/* ---- what goes wrong ---- */

static ngx_int_t
ngx_http_elohim_piece_problem(ngx_http_elohim_pieces_t *p)
{
    u_char              *end;
    ngx_str_t            value;
    ngx_http_request_t  *r;

    static const ngx_str_t  key = ngx_string("Retry-After");

    r = p->request;

    switch (p->status) {
    case NGX_HTTP_NOT_FOUND:
        return ngx_http_elohim_not_found(r);

    case NGX_HTTP_SERVICE_UNAVAILABLE:
        value.data = ngx_pnalloc(r->pool, NGX_TIME_T_LEN);
        if (value.data == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        end = ngx_sprintf(value.data, "%T", ngx_max(p->retry_after, 1));
        value.len = end - value.data;

        if (ngx_http_elohim_header(r, &key, &value) == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_elohim_problem(r, p->status,
                                       elo_err_code(ELO_EUNAVAIL),
                                       elo_err_public(ELO_EUNAVAIL));

    case NGX_HTTP_GATEWAY_TIME_OUT:
        return ngx_http_elohim_problem(r, p->status,
                                       elo_err_code(ELO_EUNAVAIL),
                                       "the storage did not answer in time");

    case NGX_HTTP_BAD_GATEWAY:
        return ngx_http_elohim_problem(r, p->status,
                                       elo_err_code(ELO_EUNAVAIL),
                                       "the storage broke off without an "
                                       "answer");

    default:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}


static void
ngx_http_elohim_piece_failed(ngx_http_elohim_pieces_t *p)
{
    ngx_http_elohim_main_conf_t  *emcf;

    if (!p->started) {
        emcf = ngx_http_get_module_main_conf(p->request,
                                             ngx_http_elohim_module);

        if (p->ctx->filled && (p->status == NGX_HTTP_NOT_FOUND
                               || p->status == NGX_HTTP_BAD_GATEWAY))
        {
            /* perhaps the grant is what is wrong; it is asked for again once, not
               by each who is told of the same failure */
            ngx_http_elohim_shm_drop(emcf->zone, &p->ctx->key);
        }

        ngx_http_elohim_piece_end(p, ngx_http_elohim_piece_problem(p));
        return;
    }

    ngx_log_error(NGX_LOG_ERR, p->request->connection->log, 0,
                  "elohim: a body ends at byte %uL of %uL, since its next "
                  "piece could not be had: %ui", p->at, p->body.size,
                  p->status);

    p->request->keepalive = 0;
    ngx_http_elohim_piece_end(p, NGX_ERROR);
}


/* There is no fill to be had, or no room on the disk. A request that has sent nothing
   is passed on; one in the middle of its body waits a while. */

static void
ngx_http_elohim_piece_declined(ngx_http_elohim_pieces_t *p)
{
    ngx_msec_t                    waits;
    ngx_http_elohim_main_conf_t  *emcf;

    if (!p->started) {
        p->ctx->filled = 0;
        p->ctx->cache = NGX_HTTP_ELOHIM_FORWARD;
        ngx_http_elohim_piece_end(p, ngx_http_elohim_pass(p->request, p->ctx,
                                                          p->ctx->own));
        return;
    }

    emcf = ngx_http_get_module_main_conf(p->request, ngx_http_elohim_module);

    if (p->asked == 0) {
        p->asked = ngx_max(ngx_current_msec, 1);
    }

    waits = ngx_current_msec - p->asked;

    if (waits >= emcf->fill_timeout) {
        p->status = NGX_HTTP_SERVICE_UNAVAILABLE;
        ngx_http_elohim_piece_failed(p);
        return;
    }

    p->tries = 0;
    ngx_add_timer(&p->retry, NGX_HTTP_ELOHIM_PIECE_PAUSE);
}


static void
ngx_http_elohim_piece_retry(ngx_event_t *ev)
{
    ngx_http_elohim_piece_run(ev->data);
}


/* ---- what is sent ---- */

/* NGX_OK; NGX_DONE: the request has ended. */

static ngx_int_t
ngx_http_elohim_piece_start(ngx_http_elohim_pieces_t *p)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = p->request;

    p->ctx->tier = p->body.size <= ELO_TREE_CHUNK ? ELO_BY_SOURCE_WHOLE
                                                  : ELO_BY_SOURCE_CHUNK;

    if (p->ctx->filled) {
        p->ctx->fill_time = ngx_current_msec - p->asked;
    }

    p->asked = 0;
    p->started = 1;

    if (ngx_http_elohim_layout(r, p->ctx, &p->body, &p->file, &p->set,
                               &p->plan)
        != NGX_OK)
    {
        p->started = 0;
        ngx_http_elohim_piece_end(p, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_DONE;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        ngx_http_elohim_piece_end(p, rc);
        return NGX_DONE;
    }

    return NGX_OK;
}


/* The next buffer: text of the plan, or what there is of the piece. NGX_AGAIN: there
   is nothing of it yet. */

static ngx_int_t
ngx_http_elohim_piece_next(ngx_http_elohim_pieces_t *p)
{
    off_t       from;
    uint64_t    start, have;
    ngx_buf_t  *b, *whole;

    whole = p->plan->buf;

    if (!whole->in_file) {
        p->sending = whole;
        p->link.buf = whole;
        p->plan = p->plan->next;
        whole->flush = !whole->last_buf;

        return NGX_OK;
    }

    p->at = whole->file_pos;
    p->end = whole->file_last;

    if (p->is_open && p->piece.index != p->at / ELO_TREE_CHUNK) {
        ngx_http_elohim_piece_close(p);
    }

    start = (uint64_t) (p->at / ELO_TREE_CHUNK) * ELO_TREE_CHUNK;
    have = ngx_min(start + p->have, p->end);

    if (!p->is_open || have <= p->at) {
        return NGX_AGAIN;
    }

    from = (off_t) (p->at - start);

    b = &p->buf;
    ngx_memzero(b, sizeof(ngx_buf_t));
    b->in_file = 1;
    b->file = &p->file;
    b->file_pos = from;
    b->file_last = from + (off_t) (have - p->at);
    b->flush = 1;

    whole->file_pos = have;

    if (have == p->end) {
        b->last_buf = whole->last_buf;
        b->last_in_chain = whole->last_in_chain;
        b->flush = !b->last_buf;
        p->plan = p->plan->next;
    }

    p->sending = b;
    p->link.buf = b;
    p->tries = 0;
    p->asked = 0;

    return NGX_OK;
}


/* Until the client takes more, or its turn among subrequests comes. */

static void
ngx_http_elohim_piece_wait(ngx_http_elohim_pieces_t *p)
{
    ngx_event_t               *wev;
    ngx_connection_t          *c;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = p->request;
    c = r->connection;
    wev = c->write;

    if (c->data != r) {
        return;
    }

    clcf = ngx_http_get_module_loc_conf(r->main, ngx_http_core_module);

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        ngx_http_elohim_piece_end(p, NGX_ERROR);
    }
}


/* NGX_OK: it is on its way, and gone. NGX_AGAIN: it waits. NGX_DONE: the request has
   ended. */

static ngx_int_t
ngx_http_elohim_piece_send(ngx_http_elohim_pieces_t *p, ngx_chain_t *out)
{
    ngx_int_t            rc;
    ngx_event_t         *wev;
    ngx_http_request_t  *r;

    r = p->request;

    rc = ngx_http_output_filter(r, out);

    if (p->plan == NULL && rc != NGX_ERROR) {
        /* what is left of it is nginx's to send */
        ngx_http_elohim_piece_end(p, rc);
        return NGX_DONE;
    }

    if (rc == NGX_ERROR) {
        ngx_http_elohim_piece_end(p, NGX_ERROR);
        return NGX_DONE;
    }

    /* what other filters hold back may wait for more, and isn't waited for */

    if (ngx_buf_size(p->sending) != 0 || r->connection->buffered
        || (r->buffered & NGX_HTTP_COPY_BUFFERED))
    {
        ngx_http_elohim_piece_wait(p);
        return NGX_AGAIN;
    }

    p->sending = NULL;
    wev = r->connection->write;

    if (r->connection->data == r && wev->timer_set && !wev->delayed) {
        ngx_del_timer(wev);
    }

    return NGX_OK;
}


/* Goes on as far as it goes. */

static void
ngx_http_elohim_piece_go(ngx_http_elohim_pieces_t *p)
{
    ngx_int_t  rc;

    for ( ;; ) {

        if (p->sending) {
            return;
        }

        if (p->started && ngx_http_elohim_piece_next(p) == NGX_OK) {
            p->link.next = NULL;

            if (ngx_http_elohim_piece_send(p, &p->link) != NGX_OK) {
                return;
            }

            continue;
        }

        rc = ngx_http_elohim_piece_obtain(p);

        if (rc == NGX_OK
            && (uint64_t) p->piece.index * ELO_TREE_CHUNK + p->have <= p->at)
        {
            rc = NGX_AGAIN;
        }

        if (rc == NGX_AGAIN || rc == NGX_OK) {
            ngx_http_elohim_piece_ahead(p);
        }

        if (rc == NGX_AGAIN) {
            return;
        }

        if (rc == NGX_DECLINED
            || (rc == NGX_ERROR
                && p->status == NGX_HTTP_INSUFFICIENT_STORAGE))
        {
            ngx_http_elohim_piece_close(p);
            ngx_http_elohim_piece_declined(p);
            return;
        }

        if (rc == NGX_ERROR) {
            ngx_http_elohim_piece_failed(p);
            return;
        }

        if (!p->started && ngx_http_elohim_piece_start(p) != NGX_OK) {
            return;
        }
    }
}


/* An event that isn't the client's. */

void
ngx_http_elohim_piece_run(ngx_http_elohim_pieces_t *p)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = p->request;
    c = r->connection;

    if (p->ctx != ngx_http_get_module_ctx(r, ngx_http_elohim_module)) {
        /* the client went away, and post_action has the request now */
        ngx_http_elohim_piece_cleanup(p);
        return;
    }

    if (p->retry.timer_set) {
        return;
    }

    ngx_http_set_log_request(c->log, r);
    ngx_http_elohim_piece_go(p);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_elohim_piece_writer(ngx_http_request_t *r)
{
    ngx_event_t               *wev;
    ngx_http_elohim_ctx_t     *ctx;
    ngx_http_elohim_pieces_t  *p;

    ctx = ngx_http_get_module_ctx(r, ngx_http_elohim_module);
    p = ctx ? ctx->pieces : NULL;

    if (p == NULL || p->sending == NULL) {
        return;
    }

    wev = r->connection->write;

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, NGX_ETIMEDOUT,
                      "client timed out");
        r->connection->timedout = 1;
        ngx_http_elohim_piece_end(p, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (wev->delayed || r->aio) {
        ngx_http_elohim_piece_wait(p);
        return;
    }

    if (ngx_http_elohim_piece_send(p, NULL) == NGX_OK
        && !p->retry.timer_set)
    {
        ngx_http_elohim_piece_go(p);
    }
}
