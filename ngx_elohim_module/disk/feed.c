/* SPDX-License-Identifier: BSD-2-Clause */
/* feed: a fill as its owner does it: a connection of its own to the daemon, what comes
   on it goes into a file of the disk tier and is published. It goes on for as long as
   there is progress, whoever has left meanwhile: what is lost on the way is asked for
   again from where it stopped (Range). Connections are kept for the next one. What is
   purged meanwhile ends at once. One file, since each step of a fill may be its last:
   connection, answer, bytes and end change the same few fields.
   Spec: RFC 9112; RFC 9110, 14.2. */

#include "ngx_http_elohim_fill.h"


#define NGX_HTTP_ELOHIM_FEED_HEAD    4096        /* the largest head */
#define NGX_HTTP_ELOHIM_FEED_PIECE   (64 * 1024) /* read at once */
#define NGX_HTTP_ELOHIM_FEED_TURN    4           /* of these, then others' turn */
#define NGX_HTTP_ELOHIM_FEED_PAUSE   100         /* ms, before it is tried again */
#define NGX_HTTP_ELOHIM_FEED_LINGER  32          /* files that aren't kept */
#define NGX_HTTP_ELOHIM_FEED_AWAY    1           /* s, that clients are told */
#define NGX_HTTP_ELOHIM_FEED_FORMAT  "GET %V HTTP/1.1\r\nHost: elohimd\r\n"
#define NGX_HTTP_ELOHIM_FEED_RANGE   "Range: bytes=%uD-\r\n"


typedef struct {
    ngx_queue_t                 queue; /* of those that run, or linger */
    ngx_http_elohim_claim_t     claim;
    ngx_http_elohim_backend_t  *backend;
    ngx_http_elohim_writer_t    writer;
    ngx_connection_t           *connection; /* NULL: none now */
    ngx_event_t                 retry;
    ngx_msec_t                  timeout;
    ngx_msec_t                  since;  /* of the last progress */
    uint64_t                    began;  /* us; 0: a byte has come */
    ngx_http_elohim_reply_t     reply;
    uint32_t                    skip;   /* bytes that are there already */
    size_t                      left;   /* of the body */
    ngx_buf_t                   out;
    ngx_buf_t                   head;
    ngx_str_t                   question;
    unsigned                    kept:1; /* the connection has been used before */
    unsigned                    lost:1; /* no progress since it was lost */
    unsigned                    in_body:1;
    unsigned                    timed_out:2; /* so often since */
    u_char                      buf[NGX_HTTP_ELOHIM_FEED_HEAD];
    u_char                      text[1]; /* question, then what is sent */
} ngx_http_elohim_feed_t;


static void ngx_http_elohim_feed_connect(ngx_http_elohim_feed_t *f);
static void ngx_http_elohim_feed_lost(ngx_http_elohim_feed_t *f);
static void ngx_http_elohim_feed_end(ngx_http_elohim_feed_t *f,
    ngx_uint_t status, time_t retry_after);
static void ngx_http_elohim_feed_retry(ngx_event_t *ev);
static void ngx_http_elohim_feed_write(ngx_event_t *wev);
static void ngx_http_elohim_feed_read(ngx_event_t *rev);


static ngx_uint_t   ngx_http_elohim_feed_n;
static ngx_uint_t   ngx_http_elohim_feed_n_linger;
static ngx_queue_t  ngx_http_elohim_feed_running;
static ngx_queue_t  ngx_http_elohim_feed_lingering;
static u_char       ngx_http_elohim_feed_bytes[NGX_HTTP_ELOHIM_FEED_PIECE];


ngx_uint_t
ngx_http_elohim_feeds(void)
{
    return ngx_http_elohim_feed_n;
}


static void
ngx_http_elohim_feed_insert(ngx_queue_t *q, ngx_http_elohim_feed_t *f)
{
    if (q->next == NULL) {
        ngx_queue_init(q);
    }

    ngx_queue_insert_tail(q, &f->queue);
}


/* The file of one who is gone, if it can be gone on with; else a new one, where what
   he had is fetched again. */

static ngx_int_t
ngx_http_elohim_feed_open(ngx_http_elohim_feed_t *f)
{
    uint32_t                 have;
    uint64_t                 file;
    ngx_http_elohim_fill_t  *fill;

    fill = f->claim.fill;
    file = fill->file;
    have = (uint32_t) fill->have;

    if (file != 0
        && ngx_http_elohim_disk_open(&fill->piece, file, have, &f->writer)
           == NGX_OK)
    {
        return NGX_OK;
    }

    if (have != 0) {
        /* others read a file that nobody goes on with */
        return NGX_DECLINED;
    }

    return ngx_http_elohim_disk_open(&fill->piece, 0, 0, &f->writer);
}


ngx_int_t
ngx_http_elohim_feed(const ngx_http_elohim_claim_t *claim,
    ngx_http_elohim_backend_t *backend, const ngx_str_t *question,
    ngx_msec_t timeout)
{
    size_t                   len;
    ngx_http_elohim_feed_t  *f;

    len = sizeof(NGX_HTTP_ELOHIM_FEED_FORMAT NGX_HTTP_ELOHIM_FEED_RANGE)
          + NGX_INT32_LEN + sizeof("\r\n") + question->len;

    f = ngx_alloc(sizeof(ngx_http_elohim_feed_t) + question->len + len,
                  ngx_cycle->log);
    if (f == NULL) {
        return NGX_DECLINED;
    }

    ngx_memzero(f, offsetof(ngx_http_elohim_feed_t, buf));

    f->claim = *claim;
    f->backend = backend;
    f->timeout = timeout;
    f->since = ngx_current_msec;
    f->began = ngx_http_elohim_us();
    f->question.len = question->len;
    f->question.data = f->text;
    ngx_memcpy(f->text, question->data, question->len);

    f->out.start = f->text + question->len;
    f->out.end = f->out.start + len;
    f->head.start = f->buf;
    f->head.end = f->buf + sizeof(f->buf);
    f->retry.handler = ngx_http_elohim_feed_retry;
    f->retry.data = f;
    f->retry.log = ngx_cycle->log;

    if (ngx_http_elohim_feed_open(f) != NGX_OK) {
        ngx_free(f);
        return NGX_DECLINED;
    }

    ngx_http_elohim_feed_n++;
    ngx_http_elohim_feed_insert(&ngx_http_elohim_feed_running, f);
    ngx_http_elohim_fills_file(&f->claim, f->writer.place.file);

    /* What it comes to is told later: who has begun it doesn't follow yet. */

    ngx_post_event(&f->retry, &ngx_posted_events);

    return NGX_OK;
}


/* ---- connections ---- */

static void
ngx_http_elohim_feed_close(ngx_http_elohim_feed_t *f)
{
    if (f->connection) {
        ngx_close_connection(f->connection);
        f->connection = NULL;
    }
}


/* The whole answer has been read: the connection waits for another fill. */

static void
ngx_http_elohim_feed_keep(ngx_http_elohim_feed_t *f)
{
    if (f->reply.close || f->head.pos != f->head.last) {
        ngx_http_elohim_feed_close(f);
        return;
    }

    ngx_http_elohim_feed_give(f->backend, f->connection);
    f->connection = NULL;
}


/* Asks for what isn't there yet. */

static void
ngx_http_elohim_feed_ask(ngx_http_elohim_feed_t *f)
{
    ngx_buf_t         *out;
    ngx_connection_t  *c;

    c = f->connection;
    out = &f->out;

    out->pos = out->start;
    out->last = ngx_sprintf(out->start, NGX_HTTP_ELOHIM_FEED_FORMAT,
                            &f->question);

    if (f->writer.have) {
        out->last = ngx_sprintf(out->last, NGX_HTTP_ELOHIM_FEED_RANGE,
                                f->writer.have);
    }

    *out->last++ = CR;
    *out->last++ = LF;

    f->head.pos = f->head.last = f->head.start;
    f->in_body = 0;

    c->data = f;
    c->read->handler = ngx_http_elohim_feed_read;
    c->write->handler = ngx_http_elohim_feed_write;

    ngx_add_timer(c->read, f->timeout);
    ngx_http_elohim_feed_write(c->write);
}


static void
ngx_http_elohim_feed_connect(ngx_http_elohim_feed_t *f)
{
    f->connection = f->lost ? NULL : ngx_http_elohim_feed_take(f->backend);
    f->kept = f->connection != NULL;

    if (f->connection) {
        ngx_http_elohim_feed_ask(f);
        return;
    }

    switch (ngx_http_elohim_connect(f->backend, &f->connection)) {
    case NGX_OK:
        ngx_http_elohim_feed_ask(f);
        return;

    case NGX_AGAIN:
        ngx_http_elohim_feed_lost(f);
        return;

    default:
        if (f->writer.have == 0) {
            /* nothing is lost: clients hear of it at once */
            ngx_http_elohim_feed_end(f, NGX_HTTP_SERVICE_UNAVAILABLE,
                                     NGX_HTTP_ELOHIM_FEED_AWAY);
            return;
        }

        ngx_http_elohim_feed_lost(f);
    }
}


/* The connection is gone, or the daemon has no time. At once again if there was
   progress since the last time; else after a pause, until patience ends. That is longer
   than those who follow wait for a sign of life: each try is one. Taken over, the
   fill would have a new patience each time, and no end. */

static void
ngx_http_elohim_feed_lost(ngx_http_elohim_feed_t *f)
{
    ngx_http_elohim_feed_close(f);

    if (!ngx_http_elohim_fills_is_mine(&f->claim)) {
        ngx_http_elohim_feed_end(f, 0, 0);
        return;
    }

    ngx_http_elohim_fills_publish(&f->claim, f->writer.have);

    if (!f->lost) {
        f->lost = 1;
        ngx_http_elohim_feed_connect(f);
        return;
    }

    /* nginx's timers may be a little early */

    if (f->timed_out > 1
        || ngx_current_msec - f->since
           >= (f->timed_out ? 2 * f->timeout : f->timeout))
    {
        ngx_http_elohim_feed_end(f, f->timed_out ? NGX_HTTP_GATEWAY_TIME_OUT
                                                 : NGX_HTTP_BAD_GATEWAY, 0);
        return;
    }

    ngx_add_timer(&f->retry, NGX_HTTP_ELOHIM_FEED_PAUSE);
}


static void
ngx_http_elohim_feed_retry(ngx_event_t *ev)
{
    ngx_http_elohim_feed_connect(ev->data);
}


/* ---- the fill's end ---- */

static void
ngx_http_elohim_feed_forget(ngx_event_t *ev)
{
    ngx_http_elohim_feed_t  *f;

    f = ev->data;

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ngx_queue_remove(&f->queue);
    ngx_http_elohim_feed_n_linger--;
    ngx_http_elohim_disk_close(&f->writer, 0);
    ngx_free(f);
}


/* What is whole and isn't kept is there a while longer, for who had it fetched ahead;
   so many files at most. */

static void
ngx_http_elohim_feed_linger(ngx_http_elohim_feed_t *f)
{
    ngx_queue_t             *q;
    ngx_http_elohim_feed_t  *oldest;

    q = &ngx_http_elohim_feed_lingering;

    if (ngx_http_elohim_feed_n_linger == NGX_HTTP_ELOHIM_FEED_LINGER) {
        oldest = ngx_queue_data(ngx_queue_head(q), ngx_http_elohim_feed_t,
                                queue);
        ngx_http_elohim_feed_forget(&oldest->retry);
    }

    ngx_http_elohim_feed_insert(q, f);
    ngx_http_elohim_feed_n_linger++;

    f->retry.handler = ngx_http_elohim_feed_forget;
    f->retry.cancelable = 1;
    ngx_add_timer(&f->retry, NGX_HTTP_ELOHIM_FILL_LINGER);
}


void
ngx_http_elohim_feed_exit(void)
{
    ngx_queue_t             *q;
    ngx_http_elohim_feed_t  *f;

    q = &ngx_http_elohim_feed_lingering;

    while (q->next && !ngx_queue_empty(q)) {
        f = ngx_queue_data(ngx_queue_head(q), ngx_http_elohim_feed_t, queue);
        ngx_http_elohim_feed_forget(&f->retry);
    }
}


static void
ngx_http_elohim_feed_end(ngx_http_elohim_feed_t *f, ngx_uint_t status,
    time_t retry_after)
{
    ngx_uint_t  is_mine, is_taken, lingers;

    ngx_http_elohim_feed_close(f);
    ngx_http_elohim_feed_n--;
    ngx_queue_remove(&f->queue);

    if (f->retry.timer_set) {
        ngx_del_timer(&f->retry);
    }

    if (f->retry.posted) {
        ngx_delete_posted_event(&f->retry);
    }

    if (status == NGX_HTTP_OK && ngx_http_elohim_disk_is_lost(&f->writer)) {
        status = NGX_HTTP_ELOHIM_FILL_LOST;
    }

    is_mine = ngx_http_elohim_fills_is_mine(&f->claim);
    is_taken = !is_mine && f->claim.fill->id == f->claim.id;
    lingers = status == NGX_HTTP_OK && is_mine && f->writer.is_transient
              && !ngx_exiting && !ngx_terminate;

    if (status == NGX_HTTP_OK && is_mine && !lingers
        && ngx_http_elohim_disk_commit(&f->writer) != NGX_OK)
    {
        status = NGX_HTTP_INSUFFICIENT_STORAGE;
    }

    /* those who follow hear of it before the file may go */

    ngx_http_elohim_fills_end(&f->claim, status, retry_after);
    ngx_http_elohim_fill_look();

    if (lingers) {
        ngx_http_elohim_feed_linger(f);
        return;
    }

    ngx_http_elohim_disk_close(&f->writer, is_taken);
    ngx_free(f);
}


static void
ngx_http_elohim_feed_purged(ngx_queue_t *all, ngx_uint_t lingers)
{
    ngx_queue_t             *q, *next;
    ngx_http_elohim_feed_t  *f;

    if (all->next == NULL) {
        return;
    }

    for (q = ngx_queue_head(all); q != ngx_queue_sentinel(all); q = next) {
        next = ngx_queue_next(q);
        f = ngx_queue_data(q, ngx_http_elohim_feed_t, queue);

        if (!ngx_http_elohim_disk_is_lost(&f->writer)) {
            continue;
        }

        if (lingers) {
            ngx_http_elohim_feed_forget(&f->retry);

        } else {
            ngx_http_elohim_feed_end(f, NGX_HTTP_ELOHIM_FILL_LOST, 0);
        }
    }
}


/* Those who follow hear of it in a round of their own. */

void
ngx_http_elohim_feeds_check(void)
{
    ngx_http_elohim_feed_purged(&ngx_http_elohim_feed_running, 0);
    ngx_http_elohim_feed_purged(&ngx_http_elohim_feed_lingering, 1);
}


/* What an answer that isn't bytes means for those who wait. */

static void
ngx_http_elohim_feed_refused(ngx_http_elohim_feed_t *f)
{
    time_t      retry_after;
    ngx_uint_t  status;

    status = f->reply.status;
    retry_after = 0;

    switch (status) {
    case NGX_HTTP_NOT_FOUND:
    case 410:
        status = NGX_HTTP_NOT_FOUND;
        break;

    case NGX_HTTP_SERVICE_UNAVAILABLE:
        retry_after = ngx_max(f->reply.retry_after,
                              NGX_HTTP_ELOHIM_FEED_AWAY);

        if (f->writer.have) {
            /* some of it has been sent already: it may come yet */
            f->lost = 1;
            ngx_http_elohim_feed_lost(f);
            return;
        }

        break;

    default:
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "elohimd answered with status %ui to \"%V\"", status,
                      &f->question);
        status = NGX_HTTP_BAD_GATEWAY;
    }

    ngx_http_elohim_feed_end(f, status, retry_after);
}


/* ---- bytes ---- */

static void
ngx_http_elohim_feed_write(ngx_event_t *wev)
{
    ssize_t                  n;
    ngx_connection_t        *c;
    ngx_http_elohim_feed_t  *f;

    c = wev->data;

    if (c->idle) {
        return;
    }

    f = c->data;

    while (f->out.pos < f->out.last) {
        n = c->send(c, f->out.pos, f->out.last - f->out.pos);

        if (n == NGX_AGAIN) {
            if (ngx_handle_write_event(wev, 0) == NGX_OK) {
                return;
            }

            n = NGX_ERROR;
        }

        if (n <= 0) {
            ngx_http_elohim_feed_lost(f);
            return;
        }

        f->out.pos += n;
    }
}


/* NGX_OK: its body is what was asked for. NGX_DONE: there is none. NGX_ERROR: not
   this blob. */

static ngx_int_t
ngx_http_elohim_feed_begin(ngx_http_elohim_feed_t *f)
{
    uint32_t                        have;
    const ngx_http_elohim_piece_t  *piece;

    piece = &f->writer.piece;
    have = f->writer.have;

    if (f->reply.status != NGX_HTTP_OK
        && f->reply.status != NGX_HTTP_PARTIAL_CONTENT)
    {
        return NGX_DONE;
    }

    f->skip = f->reply.status == NGX_HTTP_OK ? have : 0;
    f->left = f->reply.length;

    return f->reply.has_digest && f->reply.has_size
           && ngx_memcmp(&f->reply.digest, &piece->digest,
                         sizeof(elo_digest_t))
              == 0
           && f->reply.size == piece->size
           && f->left == (size_t) piece->len - (have - f->skip)
           ? NGX_OK : NGX_ERROR;
}


/* NGX_OK; NGX_DECLINED: the disk. */

static ngx_int_t
ngx_http_elohim_feed_put(ngx_http_elohim_feed_t *f, const u_char *p, size_t n)
{
    size_t  skip;

    f->left -= n;

    skip = ngx_min(n, (size_t) f->skip);
    f->skip -= skip;
    p += skip;
    n -= skip;

    if (n == 0) {
        return NGX_OK;
    }

    if (ngx_http_elohim_disk_write(&f->writer, p, n) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (f->began) {
        ngx_http_elohim_observe(ELO_M_FILL_SECONDS, f->began);
        f->began = 0;
    }

    ngx_http_elohim_count(ELO_M_FILL_BYTES, n);

    f->since = ngx_current_msec;
    f->lost = 0;
    f->timed_out = 0;

    return NGX_OK;
}


/* Takes the head, and what of the body came with it. NGX_OK, NGX_AGAIN: not all of the
   head; NGX_DONE: the fill has ended. */

static ngx_int_t
ngx_http_elohim_feed_head(ngx_http_elohim_feed_t *f)
{
    size_t      n, used;
    ngx_int_t   rc;
    ngx_buf_t  *b;

    b = &f->head;

    rc = ngx_http_elohim_reply_parse(b->pos, b->last - b->pos, &f->reply,
                                     &used);

    if (rc == NGX_AGAIN && b->last < b->end) {
        return NGX_AGAIN;
    }

    if (rc == NGX_OK) {
        b->pos += used;
        rc = ngx_http_elohim_feed_begin(f);

        if (ngx_http_elohim_shm_away(f->backend->zone, f->backend->index, 0)) {
            ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                          "elohimd at \"%V\" is back",
                          &f->backend->addr.name);
        }

        if (rc == NGX_DONE) {
            ngx_http_elohim_feed_refused(f);
            return NGX_DONE;
        }
    }

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "elohimd at \"%V\" sent an answer to \"%V\" that is not "
                      "of that chunk", &f->backend->addr.name, &f->question);
        ngx_http_elohim_feed_end(f, NGX_HTTP_BAD_GATEWAY, 0);
        return NGX_DONE;
    }

    f->in_body = 1;
    n = ngx_min((size_t) (b->last - b->pos), f->left);

    if (ngx_http_elohim_feed_put(f, b->pos, n) != NGX_OK) {
        ngx_http_elohim_feed_end(f, NGX_HTTP_INSUFFICIENT_STORAGE, 0);
        return NGX_DONE;
    }

    b->pos += n;

    return NGX_OK;
}


/* Reads once, and no further than to a place where the kernel may begin a folio: what
   is written at once from there stays together in the page cache, and each time it is
   sent costs less. NGX_OK, NGX_AGAIN, NGX_ERROR: the connection; NGX_DONE: the fill
   has ended. */

static ngx_int_t
ngx_http_elohim_feed_recv(ngx_http_elohim_feed_t *f)
{
    size_t             size;
    ssize_t            n;
    ngx_connection_t  *c;

    c = f->connection;

    if (f->in_body) {
        size = NGX_HTTP_ELOHIM_FEED_PIECE
               - f->writer.have % NGX_HTTP_ELOHIM_FEED_PIECE;
        n = c->recv(c, ngx_http_elohim_feed_bytes, ngx_min(f->left, size));

    } else {
        n = c->recv(c, f->head.last, f->head.end - f->head.last);
    }

    if (n == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (n <= 0) {
        return NGX_ERROR;
    }

    if (!f->in_body) {
        f->head.last += n;
        return ngx_http_elohim_feed_head(f) == NGX_DONE ? NGX_DONE : NGX_OK;
    }

    if (ngx_http_elohim_feed_put(f, ngx_http_elohim_feed_bytes, n) != NGX_OK) {
        ngx_http_elohim_feed_end(f, NGX_HTTP_INSUFFICIENT_STORAGE, 0);
        return NGX_DONE;
    }

    return NGX_OK;
}


static void
ngx_http_elohim_feed_read(ngx_event_t *rev)
{
    uint32_t                 had;
    ngx_int_t                rc;
    ngx_uint_t               i;
    ngx_connection_t        *c;
    ngx_http_elohim_feed_t  *f;

    c = rev->data;
    f = c->data;

    if (rev->timedout) {

        if (ngx_http_elohim_shm_away(f->backend->zone, f->backend->index, 1)) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, NGX_ETIMEDOUT,
                          "elohimd at \"%V\" does not answer",
                          &f->backend->addr.name);
        }

        f->timed_out++;
        ngx_http_elohim_feed_lost(f);
        return;
    }

    if (!ngx_http_elohim_fills_is_mine(&f->claim)) {
        /* we were taken for dead */
        ngx_http_elohim_feed_end(f, 0, 0);
        return;
    }

    had = f->writer.have;
    rc = NGX_OK;

    for (i = 0; i < NGX_HTTP_ELOHIM_FEED_TURN; i++) {
        rc = ngx_http_elohim_feed_recv(f);

        if (rc == NGX_DONE) {
            return;
        }

        if (rc != NGX_OK || (f->in_body && f->left == 0)) {
            break;
        }
    }

    if (f->writer.have != had) {
        ngx_http_elohim_fills_publish(&f->claim, f->writer.have);
        ngx_http_elohim_fill_look();
        ngx_add_timer(rev, f->timeout);
    }

    if (f->in_body && f->left == 0) {
        ngx_http_elohim_feed_keep(f);
        ngx_http_elohim_feed_end(f, NGX_HTTP_OK, 0);
        return;
    }

    if (rc == NGX_OK) {
        /* there is more, after the others' turn */
        ngx_post_event(rev, &ngx_posted_next_events);
        return;
    }

    if (rc == NGX_ERROR || ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_elohim_feed_lost(f);
    }
}
