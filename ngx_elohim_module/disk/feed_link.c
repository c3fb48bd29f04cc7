/* SPDX-License-Identifier: BSD-2-Clause */
/* feed_link: connections to the daemon that an ended fill leaves to the next one. New ones:
   link.c; what is said on them: feed.c. */

#include "ngx_http_elohim_fill.h"


#define NGX_HTTP_ELOHIM_FEED_IDLE  8 /* kept connections */


typedef struct {
    ngx_queue_t                 queue; /* of idle ones */
    ngx_connection_t           *connection;
    ngx_http_elohim_backend_t  *backend;
} ngx_http_elohim_feed_idle_t;


static void ngx_http_elohim_feed_idle(ngx_event_t *rev);


static void
ngx_http_elohim_feed_idle_free(ngx_http_elohim_feed_idle_t *idle)
{
    ngx_queue_remove(&idle->queue);
    idle->backend->n_idle_feeds--;
    ngx_free(idle);
}


/* It waits for another fill. */

void
ngx_http_elohim_feed_give(ngx_http_elohim_backend_t *b, ngx_connection_t *c)
{
    ngx_http_elohim_feed_idle_t  *idle;

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    idle = NULL;

    if (!ngx_exiting && !ngx_terminate && !c->read->eof && !c->read->error
        && b->n_idle_feeds < NGX_HTTP_ELOHIM_FEED_IDLE
        && ngx_handle_read_event(c->read, 0) == NGX_OK)
    {
        idle = ngx_alloc(sizeof(ngx_http_elohim_feed_idle_t), c->log);
    }

    if (idle == NULL) {
        ngx_close_connection(c);
        return;
    }

    idle->connection = c;
    idle->backend = b;
    ngx_queue_insert_head(&b->idle_feeds, &idle->queue);
    b->n_idle_feeds++;

    c->data = idle;
    c->idle = 1;
    c->read->handler = ngx_http_elohim_feed_idle;

    if (c->read->ready) {
        /* more than was asked for, or its end */
        ngx_post_event(c->read, &ngx_posted_events);
    }
}


/* The daemon ends it, or the worker does. */

static void
ngx_http_elohim_feed_idle(ngx_event_t *rev)
{
    u_char             byte;
    ngx_connection_t  *c;

    c = rev->data;

    if (!c->close && recv(c->fd, &byte, 1, MSG_PEEK) == -1
        && ngx_socket_errno == NGX_EAGAIN)
    {
        rev->ready = 0;

        if (ngx_handle_read_event(rev, 0) == NGX_OK) {
            return;
        }
    }

    ngx_http_elohim_feed_idle_free(c->data);
    ngx_close_connection(c);
}


ngx_connection_t *
ngx_http_elohim_feed_take(ngx_http_elohim_backend_t *b)
{
    ngx_connection_t             *c;
    ngx_http_elohim_feed_idle_t  *idle;

    if (b->idle_feeds.next == NULL) {
        ngx_queue_init(&b->idle_feeds);
    }

    if (ngx_queue_empty(&b->idle_feeds)) {
        return NULL;
    }

    idle = ngx_queue_data(ngx_queue_head(&b->idle_feeds),
                          ngx_http_elohim_feed_idle_t, queue);
    c = idle->connection;
    ngx_http_elohim_feed_idle_free(idle);

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    c->idle = 0;

    return c;
}
