/* SPDX-License-Identifier: BSD-2-Clause */
/* outage: what becomes of the questions when the connection to the daemon dies,
   or the daemon hangs. Each is asked once more over a fresh connection, unless
   its answer had begun; what cannot be asked fails at once, not by timeout. */

#include "ngx_http_elohim_module.h"


static void ngx_http_elohim_ask_restart(ngx_http_elohim_backend_t *b,
    ngx_queue_t *failed);


/* Moves what was sent on a dead connection back to the front of the pending
   questions; to failed, what has had its second chance. begun: the first one's
   answer had begun. */

static void
ngx_http_elohim_ask_requeue(ngx_http_elohim_backend_t *b, ngx_uint_t begun,
    ngx_queue_t *failed)
{
    ngx_queue_t                 *h;
    ngx_http_elohim_question_t  *q;

    while (!ngx_queue_empty(&b->sent)) {

        /* from the last one, so that the order stays */

        h = ngx_queue_last(&b->sent);
        q = ngx_queue_data(h, ngx_http_elohim_question_t, queue);

        ngx_queue_remove(h);
        q->is_sent = 0;
        b->n_sent--;

        if (q->resent || (begun && ngx_queue_empty(&b->sent))) {
            ngx_queue_insert_head(failed, h);
            continue;
        }

        q->resent = 1;
        ngx_queue_insert_head(&b->pending, h);
    }
}


static void
ngx_http_elohim_ask_fail(ngx_queue_t *failed, ngx_uint_t status)
{
    ngx_http_elohim_question_t  *q;

    while (!ngx_queue_empty(failed)) {
        q = ngx_queue_data(ngx_queue_head(failed), ngx_http_elohim_question_t,
                           queue);

        if (q->body) {
            ngx_free(q->body);
            q->body = NULL;
        }

        ngx_http_elohim_count(ELO_M_QUESTIONS_FAILED, 1);
        ngx_http_elohim_ask_unlink(q);
        ngx_http_elohim_ask_deliver(q, status, 0);
    }
}


void
ngx_http_elohim_ask_lost(ngx_http_elohim_backend_t *b)
{
    ngx_uint_t   begun;
    ngx_queue_t  failed;

    begun = b->in_body || b->in->pos != b->in->last;

    ngx_queue_init(&failed);
    ngx_http_elohim_link_close(b);
    ngx_http_elohim_ask_requeue(b, begun, &failed);
    b->in_body = 0;

    ngx_http_elohim_ask_restart(b, &failed);
}


/* Goes on over a fresh connection, if there are questions left. */

static void
ngx_http_elohim_ask_restart(ngx_http_elohim_backend_t *b, ngx_queue_t *failed)
{
    if (!ngx_queue_empty(&b->pending)
        && ngx_http_elohim_ask_connect(b) == NGX_DECLINED)
    {
        ngx_queue_add(failed, &b->pending);
        ngx_queue_init(&b->pending);
    }

    ngx_http_elohim_ask_fail(failed, NGX_HTTP_GATEWAY_TIME_OUT);
    ngx_http_elohim_ask_flush(b);
}


void
ngx_http_elohim_ask_flush(ngx_http_elohim_backend_t *b)
{
    if (b->connection == NULL || b->reading) {
        return;
    }

    if (ngx_http_elohim_link_write(b) != NGX_OK) {
        ngx_http_elohim_ask_lost(b);
        return;
    }

    if (b->connection && b->connection->idle && ngx_exiting) {
        ngx_http_elohim_link_close(b);
    }
}


void
ngx_http_elohim_ask_retry(ngx_event_t *ev)
{
    ngx_queue_t                 failed;
    ngx_http_elohim_backend_t  *b;

    b = ev->data;

    ngx_queue_init(&failed);
    ngx_http_elohim_ask_restart(b, &failed);
}


/* The daemon hangs. Its connection is given up, since answers come in order. */

void
ngx_http_elohim_ask_timeout(ngx_event_t *ev)
{
    ngx_queue_t                  failed;
    ngx_http_elohim_backend_t   *b;
    ngx_http_elohim_question_t  *q;

    q = ev->data;
    b = q->backend;

    if (ngx_http_elohim_shm_away(b->zone, b->index, 1)) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, NGX_ETIMEDOUT,
                      "elohimd at \"%V\" does not answer", &b->addr.name);
    }

    ngx_queue_init(&failed);

    if (q->is_sent) {
        q->resent = 1;
        ngx_http_elohim_link_close(b);
        ngx_http_elohim_ask_requeue(b, b->in_body, &failed);
        b->in_body = 0;

    } else {
        ngx_queue_remove(&q->queue);
        ngx_queue_insert_tail(&failed, &q->queue);
    }

    ngx_http_elohim_ask_restart(b, &failed);
}
