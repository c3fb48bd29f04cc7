/* SPDX-License-Identifier: BSD-2-Clause */
/* ask: a worker's questions to the daemon and the requests that wait for their
   answers. Equal questions are asked once. A question whose connection dies
   before a byte of its answer has come is asked once more (outage.c). Bytes:
   link.c. */

#include "ngx_http_elohim_module.h"


#define NGX_HTTP_ELOHIM_PIPELINE  64 /* questions on the way at a time */
#define NGX_HTTP_ELOHIM_RETRY     10 /* ms, when the socket's backlog is full */
#define NGX_HTTP_ELOHIM_ASK_HEAD  "GET "
#define NGX_HTTP_ELOHIM_ASK_TAIL  " HTTP/1.1\r\nHost: elohimd\r\n\r\n"


static ngx_http_elohim_question_t *ngx_http_elohim_ask_create(
    ngx_http_elohim_backend_t *b, const ngx_http_elohim_stamp_t *stamp,
    const ngx_str_t *path, uint32_t hash, ngx_msec_t timeout);
static void ngx_http_elohim_ask_cleanup(void *data);


static void
ngx_http_elohim_ask_init(ngx_http_elohim_backend_t *b)
{
    if (b->ready) {
        return;
    }

    b->ready = 1;
    ngx_rbtree_init(&b->questions, &b->sentinel, ngx_str_rbtree_insert_value);
    ngx_queue_init(&b->pending);
    ngx_queue_init(&b->sent);
    b->retry.handler = ngx_http_elohim_ask_retry;
    b->retry.data = b;
    b->retry.log = ngx_cycle->log;
}


ngx_int_t
ngx_http_elohim_ask(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    const ngx_str_t *path)
{
    uint32_t                     hash;
    ngx_str_t                    key;
    ngx_http_cleanup_t          *cln;
    ngx_http_elohim_backend_t   *b;
    ngx_http_elohim_question_t  *q;
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);
    b = elcf->backend;
    key = *path;

    ngx_http_elohim_ask_init(b);

    if (!ctx->cleanup) {
        cln = ngx_http_cleanup_add(r, 0);
        if (cln == NULL) {
            return NGX_ERROR;
        }

        cln->handler = ngx_http_elohim_ask_cleanup;
        cln->data = ctx;
        ctx->cleanup = 1;
    }

    hash = ngx_crc32_long(key.data, key.len);

    q = (ngx_http_elohim_question_t *)
            ngx_str_rbtree_lookup(&b->questions, &key, hash);

    ctx->keep = q == NULL;
    ngx_http_elohim_metric_asks(ctx);

    if (q == NULL) {

        if (ngx_http_elohim_ask_connect(b) == NGX_DECLINED) {
            return NGX_DECLINED;
        }

        q = ngx_http_elohim_ask_create(b, ctx->mapped ? &ctx->stamp : NULL,
                                       path, hash, elcf->ask_timeout);
        if (q == NULL) {
            return NGX_ERROR;
        }
    }

    ctx->status = 0;
    ctx->wait.question = q;
    ctx->wait.request = r;
    ngx_queue_insert_tail(&q->waiters, &ctx->wait.queue);

    /* What is asked within one round of the loop leaves in one write, and wakes the
       daemon once. If the connection has died unseen, others that wait may fail by
       it, and must not be resumed from within this request. */

    ngx_post_event(&b->retry, &ngx_posted_events);

    return NGX_AGAIN;
}


ngx_int_t
ngx_http_elohim_listen(ngx_http_elohim_backend_t *b,
    ngx_http_elohim_store_t *store, const ngx_str_t *path, ngx_msec_t timeout,
    ngx_http_elohim_listener_t *l)
{
    ngx_int_t                    rc;
    ngx_http_elohim_stamp_t      stamp;
    ngx_http_elohim_question_t  *q;

    if (ngx_http_elohim_is_asked(b, path)) {
        return NGX_BUSY;
    }

    if (ngx_http_elohim_ask_connect(b) == NGX_DECLINED) {
        return NGX_DECLINED;
    }

    rc = ngx_http_elohim_gen_stamp(store, &stamp, ngx_cycle->log);

    q = ngx_http_elohim_ask_create(b, rc == NGX_OK ? &stamp : NULL, path,
                                   ngx_crc32_long(path->data, path->len),
                                   timeout);
    if (q == NULL) {
        return NGX_ERROR;
    }

    q->listener = l;
    ngx_post_event(&b->retry, &ngx_posted_events);

    return NGX_AGAIN;
}


/* Is an equal question on its way? */

ngx_uint_t
ngx_http_elohim_is_asked(ngx_http_elohim_backend_t *b, const ngx_str_t *path)
{
    ngx_str_t  key;

    ngx_http_elohim_ask_init(b);
    key = *path;

    return ngx_str_rbtree_lookup(&b->questions, &key,
                                 ngx_crc32_long(key.data, key.len))
           != NULL;
}


/* NGX_OK also while the socket's backlog is full. */

ngx_int_t
ngx_http_elohim_ask_connect(ngx_http_elohim_backend_t *b)
{
    ngx_int_t  rc;

    if (b->connection || b->retry.timer_set) {
        return NGX_OK;
    }

    rc = ngx_http_elohim_link_open(b);

    if (rc == NGX_OK) {
        return NGX_OK;
    }

    if (rc == NGX_AGAIN) {
        ngx_add_timer(&b->retry, NGX_HTTP_ELOHIM_RETRY);
        return NGX_OK;
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_elohim_probe(ngx_http_request_t *r)
{
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    ngx_http_elohim_ask_init(elcf->backend);

    return ngx_http_elohim_ask_connect(elcf->backend);
}


static ngx_http_elohim_question_t *
ngx_http_elohim_ask_create(ngx_http_elohim_backend_t *b,
    const ngx_http_elohim_stamp_t *stamp, const ngx_str_t *path, uint32_t hash,
    ngx_msec_t timeout)
{
    ngx_http_elohim_question_t  *q;

    q = ngx_alloc(offsetof(ngx_http_elohim_question_t, path) + path->len,
                  ngx_cycle->log);
    if (q == NULL) {
        return NULL;
    }

    ngx_memzero(q, offsetof(ngx_http_elohim_question_t, path));
    ngx_memcpy(q->path, path->data, path->len);

    q->backend = b;
    q->began = ngx_http_elohim_us();
    q->mapped = stamp != NULL;

    if (stamp) {
        q->stamp = *stamp;
    }

    q->sn.node.key = hash;
    q->sn.str.data = q->path;
    q->sn.str.len = path->len;
    q->timer.handler = ngx_http_elohim_ask_timeout;
    q->timer.data = q;
    q->timer.log = ngx_cycle->log;

    ngx_queue_init(&q->waiters);
    ngx_rbtree_insert(&b->questions, &q->sn.node);
    ngx_queue_insert_tail(&b->pending, &q->queue);
    ngx_add_timer(&q->timer, timeout);
    ngx_http_elohim_count(ELO_M_QUESTIONS, 1);

    return q;
}


/* Out of the backend's lists; its waiters are still there. */

void
ngx_http_elohim_ask_unlink(ngx_http_elohim_question_t *q)
{
    ngx_http_elohim_backend_t  *b;

    b = q->backend;

    q->unlinked = 1;
    ngx_queue_remove(&q->queue);
    ngx_rbtree_delete(&b->questions, &q->sn.node);

    if (q->is_sent) {
        q->is_sent = 0;
        b->n_sent--;
    }

    if (q->timer.timer_set) {
        ngx_del_timer(&q->timer);
    }
}


static void
ngx_http_elohim_ask_tell(ngx_http_elohim_question_t *q, ngx_uint_t status,
    size_t len)
{
    ngx_str_t                    body;
    ngx_http_elohim_listener_t  *l;

    l = q->listener;

    if (l == NULL) {
        return;
    }

    q->listener = NULL;
    body.data = q->body;
    body.len = q->body ? len : 0;
    l->handler(l, status, q->mapped ? &q->stamp : NULL, &body);
}


/* Gives the answer to all that wait and frees the question. A waiter that is
   resumed may end others: they leave the queue by themselves. */

void
ngx_http_elohim_ask_deliver(ngx_http_elohim_question_t *q, ngx_uint_t status,
    size_t len)
{
    ngx_queue_t             *h;
    ngx_http_request_t      *r;
    ngx_http_elohim_ctx_t   *ctx;
    ngx_http_elohim_wait_t  *w;

    ngx_http_elohim_ask_tell(q, status, len);

    while (!ngx_queue_empty(&q->waiters)) {
        h = ngx_queue_head(&q->waiters);
        ngx_queue_remove(h);

        w = ngx_queue_data(h, ngx_http_elohim_wait_t, queue);
        ctx = (ngx_http_elohim_ctx_t *)
                  ((u_char *) w - offsetof(ngx_http_elohim_ctx_t, wait));

        w->question = NULL;
        r = w->request;

        ctx->status = status;
        ctx->stamp = q->stamp;
        ctx->mapped = q->mapped;
        ctx->msg.len = 0;

        if (q->body) {
            ctx->msg.data = len <= sizeof(ctx->buf)
                            ? ctx->buf : ngx_pnalloc(r->pool, len);

            if (ctx->msg.data == NULL) {
                ctx->status = NGX_HTTP_INTERNAL_SERVER_ERROR;

            } else {
                ngx_memcpy(ctx->msg.data, q->body, len);
                ctx->msg.len = len;
            }
        }

        ngx_http_elohim_resume(r, ctx);
    }

    if (q->body) {
        ngx_free(q->body);
    }

    ngx_free(q);
}


ngx_int_t
ngx_http_elohim_ask_next(ngx_http_elohim_backend_t *b)
{
    size_t                       need;
    ngx_buf_t                   *out;
    ngx_http_elohim_question_t  *q;

    if (ngx_queue_empty(&b->pending) || b->n_sent >= NGX_HTTP_ELOHIM_PIPELINE) {
        return NGX_DECLINED;
    }

    q = ngx_queue_data(ngx_queue_head(&b->pending),
                       ngx_http_elohim_question_t, queue);
    out = b->out;

    need = sizeof(NGX_HTTP_ELOHIM_ASK_HEAD) - 1 + q->sn.str.len
           + sizeof(NGX_HTTP_ELOHIM_ASK_TAIL) - 1;

    if ((size_t) (out->end - out->last) < need) {
        return NGX_DECLINED;
    }

    out->last = ngx_cpymem(out->last, NGX_HTTP_ELOHIM_ASK_HEAD,
                           sizeof(NGX_HTTP_ELOHIM_ASK_HEAD) - 1);
    out->last = ngx_cpymem(out->last, q->sn.str.data, q->sn.str.len);
    out->last = ngx_cpymem(out->last, NGX_HTTP_ELOHIM_ASK_TAIL,
                           sizeof(NGX_HTTP_ELOHIM_ASK_TAIL) - 1);

    ngx_queue_remove(&q->queue);
    ngx_queue_insert_tail(&b->sent, &q->queue);
    q->is_sent = 1;
    b->n_sent++;

    return NGX_OK;
}


ngx_int_t
ngx_http_elohim_ask_begin(ngx_http_elohim_backend_t *b)
{
    ngx_http_elohim_question_t  *q;

    q = ngx_queue_data(ngx_queue_head(&b->sent), ngx_http_elohim_question_t,
                       queue);

    /* only descriptors are looked at: a problem document is read past */

    if (b->reply.status == NGX_HTTP_OK && b->reply.length
        && (b->reply.is_wire || (q->listener && q->listener->plain)))
    {
        q->body = ngx_alloc(b->reply.length, ngx_cycle->log);
        if (q->body == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


void
ngx_http_elohim_ask_body(ngx_http_elohim_backend_t *b, const u_char *p,
    size_t len)
{
    ngx_http_elohim_question_t  *q;

    q = ngx_queue_data(ngx_queue_head(&b->sent), ngx_http_elohim_question_t,
                       queue);

    if (q->body && len) {
        ngx_memcpy(q->body + b->got, p, len);
    }
}


void
ngx_http_elohim_ask_end(ngx_http_elohim_backend_t *b)
{
    ngx_uint_t                   status;
    ngx_http_elohim_question_t  *q;

    q = ngx_queue_data(ngx_queue_head(&b->sent), ngx_http_elohim_question_t,
                       queue);
    status = b->reply.status;

    if (status == NGX_HTTP_OK && q->body == NULL) {
        status = NGX_HTTP_BAD_GATEWAY;
    }

    if (ngx_http_elohim_shm_away(b->zone, b->index, 0)) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "elohimd at \"%V\" is back", &b->addr.name);
    }

    ngx_http_elohim_count(ELO_M_QUESTIONS_ANSWERED, 1);
    ngx_http_elohim_observe(ELO_M_QUESTION_SECONDS, q->began);
    ngx_http_elohim_ask_unlink(q);
    ngx_http_elohim_ask_deliver(q, status, b->reply.length);
}


/* The request ends. A question that nobody waits for any more is answered all
   the same, unless it has not left yet. */

static void
ngx_http_elohim_ask_cleanup(void *data)
{
    ngx_http_elohim_ctx_t  *ctx = data;

    ngx_http_elohim_question_t  *q;

    q = ctx->wait.question;

    if (q == NULL) {
        return;
    }

    ctx->wait.question = NULL;
    ngx_queue_remove(&ctx->wait.queue);

    if (ngx_queue_empty(&q->waiters) && q->listener == NULL && !q->is_sent
        && !q->unlinked)
    {
        ngx_http_elohim_ask_unlink(q);
        ngx_http_elohim_ask_deliver(q, 0, 0);
    }
}
