/* SPDX-License-Identifier: BSD-2-Clause */
/* link: a worker's kept connection to the daemon's socket: bytes out, heads and
   bodies in; and how any connection to it is made. Whose the questions are is ask.c's
   business. Not ngx_http_upstream, since questions of many requests are pipelined on
   one connection here. */

#include "ngx_http_elohim_module.h"


#define NGX_HTTP_ELOHIM_LINK_BUFFER (16 * 1024) /* also the largest head */
#define NGX_HTTP_ELOHIM_LINK_TELL   10000       /* ms between two lines of the log */


static void ngx_http_elohim_link_read_handler(ngx_event_t *rev);
static void ngx_http_elohim_link_write_handler(ngx_event_t *wev);
static ngx_int_t ngx_http_elohim_link_consume(ngx_http_elohim_backend_t *b);


static ngx_int_t
ngx_http_elohim_link_buffers(ngx_http_elohim_backend_t *b)
{
    if (b->in == NULL) {
        b->in = ngx_create_temp_buf(ngx_cycle->pool,
                                    NGX_HTTP_ELOHIM_LINK_BUFFER);
    }

    if (b->out == NULL) {
        b->out = ngx_create_temp_buf(ngx_cycle->pool,
                                     NGX_HTTP_ELOHIM_LINK_BUFFER);
    }

    if (b->in == NULL || b->out == NULL) {
        return NGX_ERROR;
    }

    b->in->pos = b->in->last = b->in->start;
    b->out->pos = b->out->last = b->out->start;
    b->in_body = 0;

    return NGX_OK;
}


/* What this process lacks says nothing of the daemon, whom others may reach. */

static void
ngx_http_elohim_not_connected(ngx_http_elohim_backend_t *b, ngx_err_t err)
{
    static ngx_msec_t  told;

    if (err != NGX_EMFILE && err != NGX_ENFILE && err != NGX_ENOMEM) {

        if (ngx_http_elohim_shm_away(b->zone, b->index, 1)) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, err,
                          "elohimd at \"%V\" is away, connect() failed",
                          &b->addr.name);
        }

        return;
    }

    if (told == 0 || ngx_current_msec - told > NGX_HTTP_ELOHIM_LINK_TELL) {
        told = ngx_current_msec;
        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, err,
                      "no connection to elohimd at \"%V\": raise "
                      "worker_connections and worker_rlimit_nofile",
                      &b->addr.name);
    }
}


ngx_int_t
ngx_http_elohim_connect(ngx_http_elohim_backend_t *b, ngx_connection_t **out)
{
    ngx_err_t          err;
    ngx_socket_t       s;
    ngx_connection_t  *c;

    s = ngx_socket(b->addr.sockaddr->sa_family, SOCK_STREAM, 0);
    if (s == (ngx_socket_t) -1) {
        ngx_http_elohim_not_connected(b, ngx_socket_errno);
        return NGX_ERROR;
    }

    c = ngx_get_connection(s, ngx_cycle->log);
    if (c == NULL) {
        (void) ngx_close_socket(s);
        ngx_http_elohim_not_connected(b, NGX_EMFILE);
        return NGX_ERROR;
    }

    c->recv = ngx_recv;
    c->send = ngx_send;
    c->log_error = NGX_ERROR_IGNORE_ECONNRESET;
    c->read->log = c->log;
    c->write->log = c->log;
    c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);

    /* A stream socket of this family connects at once or not at all. */

    if (ngx_nonblocking(s) == -1
        || connect(s, b->addr.sockaddr, b->addr.socklen) == -1)
    {
        goto failed;
    }

    if (ngx_add_conn) {
        if (ngx_add_conn(c) != NGX_OK) {
            goto failed;
        }

    } else if (ngx_add_event(c->read, NGX_READ_EVENT,
                             (ngx_event_flags & NGX_USE_CLEAR_EVENT)
                             ? NGX_CLEAR_EVENT : NGX_LEVEL_EVENT)
               != NGX_OK)
    {
        goto failed;
    }

    c->write->ready = 1;
    *out = c;

    return NGX_OK;

failed:

    err = ngx_socket_errno;
    ngx_close_connection(c);

    if (err == NGX_EAGAIN) {
        return NGX_AGAIN;
    }

    ngx_http_elohim_not_connected(b, err);

    return NGX_ERROR;
}


ngx_int_t
ngx_http_elohim_link_open(ngx_http_elohim_backend_t *b)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    if (ngx_http_elohim_link_buffers(b) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_elohim_connect(b, &c);
    if (rc != NGX_OK) {
        return rc;
    }

    c->data = b;
    c->read->handler = ngx_http_elohim_link_read_handler;
    c->write->handler = ngx_http_elohim_link_write_handler;
    c->idle = 1;
    b->connection = c;

    return NGX_OK;
}


void
ngx_http_elohim_link_close(ngx_http_elohim_backend_t *b)
{
    if (b->connection) {
        ngx_close_connection(b->connection);
        b->connection = NULL;
    }
}


ngx_int_t
ngx_http_elohim_link_write(ngx_http_elohim_backend_t *b)
{
    ssize_t            n;
    ngx_buf_t         *out;
    ngx_connection_t  *c;

    c = b->connection;
    out = b->out;

    for ( ;; ) {

        if (out->pos == out->last) {
            out->pos = out->last = out->start;
        }

        while (ngx_http_elohim_ask_next(b) == NGX_OK) { /* void */ }

        c->idle = ngx_queue_empty(&b->sent);

        if (out->pos == out->last) {
            return NGX_OK;
        }

        if (!c->write->ready) {
            return NGX_OK;
        }

        n = c->send(c, out->pos, out->last - out->pos);

        if (n == NGX_AGAIN) {
            return ngx_handle_write_event(c->write, 0);
        }

        if (n <= 0) {
            return NGX_ERROR;
        }

        out->pos += n;
    }
}


static void
ngx_http_elohim_link_write_handler(ngx_event_t *wev)
{
    ngx_connection_t  *c;

    c = wev->data;

    ngx_http_elohim_ask_flush(c->data);
}


static void
ngx_http_elohim_link_read_handler(ngx_event_t *rev)
{
    ssize_t                     n;
    ngx_buf_t                  *in;
    ngx_int_t                   rc;
    ngx_connection_t           *c;
    ngx_http_elohim_backend_t  *b;

    c = rev->data;
    b = c->data;
    in = b->in;

    if (c->close) {
        /* the worker is to end, and nobody waits */
        ngx_http_elohim_link_close(b);
        return;
    }

    b->reading = 1;
    rc = NGX_OK;

    while (rev->ready) {

        if (in->pos == in->last) {
            in->pos = in->last = in->start;

        } else if (in->last == in->end) {

            if (in->pos == in->start) {
                /* a head that does not fit */
                rc = NGX_ERROR;
                break;
            }

            ngx_memmove(in->start, in->pos, in->last - in->pos);
            in->last = in->start + (in->last - in->pos);
            in->pos = in->start;
        }

        n = c->recv(c, in->last, in->end - in->last);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n == NGX_ERROR || n == 0) {
            rc = NGX_DONE;
            break;
        }

        in->last += n;

        rc = ngx_http_elohim_link_consume(b);
        if (rc != NGX_OK) {
            break;
        }
    }

    b->reading = 0;

    if (rc == NGX_OK && ngx_handle_read_event(rev, 0) != NGX_OK) {
        rc = NGX_ERROR;
    }

    if (rc == NGX_OK) {
        /* together with what others ask in this round */
        ngx_post_event(&b->retry, &ngx_posted_events);
        return;
    }

    if (rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ERR, c->log, 0,
                      "elohimd at \"%V\" sent a malformed answer",
                      &b->addr.name);
    }

    ngx_http_elohim_ask_lost(b);
}


/* NGX_DONE: the daemon closes after this answer. */

static ngx_int_t
ngx_http_elohim_link_consume(ngx_http_elohim_backend_t *b)
{
    size_t      n, used;
    ngx_buf_t  *in;
    ngx_int_t   rc;

    in = b->in;

    while (in->pos < in->last) {

        if (!b->in_body) {

            if (ngx_queue_empty(&b->sent)) {
                return NGX_ERROR;
            }

            rc = ngx_http_elohim_reply_parse(in->pos, in->last - in->pos,
                                             &b->reply, &used);
            if (rc == NGX_AGAIN) {
                return NGX_OK;
            }

            if (rc == NGX_ERROR || ngx_http_elohim_ask_begin(b) != NGX_OK) {
                return NGX_ERROR;
            }

            in->pos += used;
            b->in_body = 1;
            b->got = 0;
        }

        n = ngx_min((size_t) (in->last - in->pos), b->reply.length - b->got);

        ngx_http_elohim_ask_body(b, in->pos, n);
        b->got += n;
        in->pos += n;

        if (b->got == b->reply.length) {
            b->in_body = 0;
            ngx_http_elohim_ask_end(b);

            if (b->reply.close) {
                return NGX_DONE;
            }
        }
    }

    return NGX_OK;
}
