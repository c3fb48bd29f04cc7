/* SPDX-License-Identifier: BSD-2-Clause */
/* http_body: what a connection reads: heads into hbuf, bodies from there and
   then straight into bbuf, 256 KiB at a time and only when the handler asks. */
#include <assert.h>

#include "backend/net/http_internal.h"
#include "backend/os/log.h"
#include "backend/os/unix_socket.h"
#include "common/base/num.h"

#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"


/* ---- reading ---- */

/* Where a piece of the body is read to. */
static uint8_t *
piece_room(const elo_http_req_t *c)
{
    return c->room != NULL ? c->room : c->bbuf;
}


static size_t
piece_cap(const elo_http_req_t *c)
{
    return c->room != NULL ? c->room_cap : ELO_HTTP_PIECE;
}


/* How much of the body may be read at once: never bytes of the next request
   that would then not fit behind the head in hbuf. */
static size_t
body_read_max(const elo_http_req_t *c)
{
    uint64_t max = c->body_left;

    if (c->head.body_len < 0) {
        max = ELO_MAX(elo_http_chunk_min_left(&c->chunk),
                      (uint64_t) (c->srv->cfg.max_head - c->body_off));
    }
    return (size_t) ELO_MIN(max, (uint64_t) piece_cap(c));
}


static void
on_alloc(uv_handle_t *h, size_t wish, uv_buf_t *buf)
{
    elo_http_req_t *c = (elo_http_req_t *) h;

    (void) wish;
    c->is_body_read = false;
    if (c->state == ELO_CONN_LINGER) {
        *buf = uv_buf_init((char *) c->srv->trash, ELO_HTTP_TRASH_LEN);
        return;
    }
    if (c->read_cb != NULL && c->is_whole_long) {
        c->is_body_read = true;
        *buf = uv_buf_init((char *) c->bbuf + c->whole_len,
                           (unsigned) c->body_left);
        return;
    }
    if (c->read_cb != NULL && !c->is_whole && !c->is_body_done
        && c->hpos == c->hlen)
    {
        c->is_body_read = true;
        *buf = uv_buf_init((char *) piece_room(c), (unsigned) body_read_max(c));
        return;
    }
    /* Without room libuv answers UV_ENOBUFS. */
    *buf = uv_buf_init((char *) c->hbuf + c->hlen,
                       (unsigned) (c->srv->cfg.max_head - c->hlen));
}


static void
stop_reading(elo_http_req_t *c)
{
    if (c->is_reading) {
        c->is_reading = false;
        (void) uv_read_stop((uv_stream_t *) &c->uv);
    }
}


/* Passes on a piece of the body, or its end. */
static void
deliver(elo_http_req_t *c, elo_slice_t bytes, elo_err_t err)
{
    elo_http_body_cb cb = c->read_cb;

    c->read_cb = NULL;
    c->room = NULL;
    c->is_whole = c->is_whole_long = false;
    cb(c->read_ctx, bytes, err);
}


/* Takes n bytes at p as body: decodes them in place. *used of them belong to
   it. False when they are malformed; the connection is then closed. */
static bool
take_body(elo_http_req_t *c, uint8_t *p, size_t n, size_t *len, size_t *used)
{
    elo_err_t rc;

    if (c->head.body_len >= 0) {
        *len = *used = (size_t) ELO_MIN((uint64_t) n, c->body_left);
        c->body_left -= *used;
        c->is_body_done = c->body_left == 0;
        return true;
    }
    rc = elo_http_chunk_decode(&c->chunk, p, n, len, used);
    c->is_body_done = rc == ELO_OK;
    if (rc == ELO_OK || rc == ELO_EAGAIN) {
        return true;
    }
    elo_log(ELO_LOG_DEBUG, "malformed chunk in a request body");
    elo_conn_close(c);
    return false;
}


/* All of a body with a Content-Length, from hbuf. */
static elo_slice_t
take_whole(elo_http_req_t *c)
{
    elo_slice_t all = elo_slice(c->hbuf + c->hpos, (size_t) c->body_left);

    c->hpos += all.len;
    c->body_left = 0;
    c->is_body_done = true;
    return all;
}


/* Passes on the body that was asked for as a whole, if it is. */
static bool
deliver_whole(elo_http_req_t *c)
{
    if (c->is_whole_long) {
        c->is_body_done = c->body_left == 0;
        if (c->is_body_done) {
            deliver(c, elo_slice(c->bbuf, c->whole_len), ELO_OK);
            return true;
        }
        return false;
    }
    if (c->hlen - c->hpos < c->body_left) {
        return false;
    }
    deliver(c, take_whole(c), ELO_OK);
    return true;
}


/* What was waited for has come. */
static void
note_pace(elo_http_req_t *c, size_t n)
{
    uint64_t now = uv_now(c->uv.stream.loop);

    c->body_ms += now - c->since_ms;
    c->body_bytes += n;
    c->since_ms = now;
}


static void
on_body_bytes(elo_http_req_t *c, size_t n)
{
    uint8_t *p;
    size_t len = 0;
    size_t used = 0;

    note_pace(c, n);
    if (c->is_whole_long) {
        c->whole_len += n;
        c->body_left -= n;
        (void) deliver_whole(c);
        return;
    }
    p = piece_room(c);
    if (!take_body(c, p, n, &len, &used)) {
        return;
    }
    if (used < n) {
        /* Of the next request; body_read_max sees to the room. */
        assert(n - used <= c->srv->cfg.max_head - c->body_off);
        c->hpos = c->body_off;
        c->hlen = c->body_off + (n - used);
        memcpy(c->hbuf + c->hpos, p + used, n - used);
    }
    if (len == 0 && !c->is_body_done) {
        return;
    }
    deliver(c, elo_slice(p, len), ELO_OK);
    /* Unless the next piece is asked for already: to stop and start again costs
       two system calls. */
    if (c->state == ELO_CONN_EXCHANGE && !c->is_body_done && c->read_cb == NULL)
    {
        stop_reading(c);
    }
}


/* The client has closed, and not only ended its half (which is fair after a
   request). */
static bool
is_hung_up(elo_http_req_t *c)
{
    uv_os_fd_t fd;

    return uv_fileno((uv_handle_t *) &c->uv, &fd) != 0
           || elo_unix_is_hung_up(fd);
}


static void
on_eof(elo_http_req_t *c)
{
    bool is_starved;

    c->has_eof = true;
    stop_reading(c);
    /* Somebody may wait for what can't come any more; but what has come already
       is still a request, or the rest of one. */
    is_starved = c->read_cb != NULL && !c->is_body_done
                 && (c->is_whole ? c->hlen - c->hpos < c->body_left
                                 : c->hpos == c->hlen);
    if (c->state == ELO_CONN_LINGER || is_starved || is_hung_up(c)) {
        elo_conn_close(c);
        return;
    }
    elo_conn_run(c);
}


static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    elo_http_req_t *c = (elo_http_req_t *) stream;

    (void) buf;
    if (n == 0) {
        return;
    }
    if (n == UV_ENOBUFS) {
        stop_reading(c);
        return;
    }
    if (n == UV_EOF) {
        on_eof(c);
        return;
    }
    if (n < 0) {
        elo_conn_close(c);
        return;
    }
    if (c->state == ELO_CONN_LINGER) {
        c->lingered += (uint64_t) n;
        if (c->lingered > ELO_HTTP_LINGER_MAX) {
            elo_conn_close(c);
        }
        return;
    }
    if (c->is_body_read) {
        on_body_bytes(c, (size_t) n);
        return;
    }
    if (c->state == ELO_CONN_HEAD && c->hlen == c->hpos) {
        c->since_ms = uv_now(c->uv.stream.loop); /* a head begins */
    }
    c->hlen += (size_t) n;
    if (c->state == ELO_CONN_HEAD) {
        elo_conn_run(c);
    } else if (c->read_cb != NULL && c->is_whole) {
        note_pace(c, (size_t) n);
        (void) deliver_whole(c);
    }
}


void
elo_conn_start_reading(elo_http_req_t *c)
{
    if (c->is_reading || c->is_closed || c->has_eof) {
        return;
    }
    c->is_reading = true;
    if (uv_read_start((uv_stream_t *) &c->uv, on_alloc, on_read) != 0) {
        elo_conn_close(c);
    }
}


/* ---- bodies ---- */

static void
on_continue_written(uv_write_t *w, int status)
{
    elo_http_req_t *c = w->data;

    if (status < 0) {
        elo_conn_close(c);
    }
}


static void
send_continue(elo_http_req_t *c)
{
    uv_buf_t buf =
        uv_buf_init((char *) (uintptr_t) CONTINUE, sizeof(CONTINUE) - 1);

    c->owes_continue = false;
    elo_res_flush(c); /* earlier answers come first */
    c->write_continue.data = c;
    if (!c->is_closed
        && uv_write(&c->write_continue, (uv_stream_t *) &c->uv, &buf, 1,
                    on_continue_written)
               != 0)
    {
        elo_conn_close(c);
    }
}


/* Passes on what of the body has come already. False when there is none. */
static bool
deliver_buffered(elo_http_req_t *c)
{
    bool was_closed = c->is_closed;
    uint8_t *p = c->hbuf;
    size_t len = 0;

    while (len == 0 && !c->is_body_done) {
        size_t n = ELO_MIN(c->hlen - c->hpos, piece_cap(c));
        size_t used = 0;

        if (n == 0) {
            return false;
        }
        p = c->hbuf + c->hpos;
        if (!take_body(c, p, n, &len, &used)) {
            if (was_closed) {
                deliver(c, elo_slice(NULL, 0), ELO_ECLOSED);
            }
            return true;
        }
        c->hpos += used;
    }
    if (c->room != NULL && len != 0) {
        memcpy(c->room, p, len);
        p = c->room;
    }
    deliver(c, elo_slice(p, len), ELO_OK);
    return true;
}


/* The whole body: it is read on behind the head where it fits there. */
static void
service_whole(elo_http_req_t *c)
{
    size_t n = c->hlen - c->hpos;

    if (c->body_left > c->srv->cfg.max_head - c->hpos && !c->is_whole_long) {
        if (c->bbuf == NULL
            && (c->bbuf = elo_http_take_piece_buf(c->srv)) == NULL) {
            elo_conn_close(c);
            return;
        }
        memcpy(c->bbuf, c->hbuf + c->hpos, n);
        c->is_whole_long = true;
        c->whole_len = n;
        c->body_left -= n;
        c->hpos = c->hlen = c->body_off;
    }
    if (deliver_whole(c)) {
        return;
    }
    if (c->owes_continue) {
        send_continue(c);
    }
    if (c->has_eof) {
        elo_conn_close(c); /* the body is cut short */
        return;
    }
    c->since_ms = uv_now(c->uv.stream.loop);
    elo_conn_start_reading(c);
}


void
elo_conn_service_body(elo_http_req_t *c)
{
    if (c->is_closed) {
        /* what came with the head, before the other side went, has come */
        if (c->is_whole || c->is_body_done || !deliver_buffered(c)) {
            deliver(c, elo_slice(NULL, 0), ELO_ECLOSED);
        }
        return;
    }
    if (c->is_whole) {
        service_whole(c);
        return;
    }
    if (c->is_body_done) {
        deliver(c, elo_slice(NULL, 0), ELO_OK);
        return;
    }
    if (deliver_buffered(c)) {
        return;
    }
    if (c->room == NULL && c->bbuf == NULL
        && (c->bbuf = elo_http_take_piece_buf(c->srv)) == NULL)
    {
        elo_conn_close(c);
        return;
    }
    c->hpos = c->hlen = c->body_off;
    if (c->owes_continue) {
        send_continue(c);
    }
    if (c->has_eof) {
        elo_conn_close(c); /* the body is cut short */
        return;
    }
    c->since_ms = uv_now(c->uv.stream.loop);
    elo_conn_start_reading(c);
}


void
elo_http_req_read(elo_http_req_t *c, elo_http_body_cb cb, void *ctx)
{
    elo_http_req_read_into(c, NULL, 0, cb, ctx);
}


void
elo_http_req_read_into(elo_http_req_t *c, uint8_t *room, size_t cap,
                       elo_http_body_cb cb, void *ctx)
{
    assert(c->magic == ELO_HTTP_MAGIC && c->read_cb == NULL);
    c->room = room;
    c->room_cap = cap;
    c->read_cb = cb;
    c->read_ctx = ctx;
    c->since_ms = uv_now(c->uv.stream.loop);
    /* At once if the bytes are still to come: then nothing is called here. */
    if (!c->is_closed && !c->is_body_done && c->hpos == c->hlen) {
        elo_conn_service_body(c);
        return;
    }
    elo_http_kick(c);
}


void
elo_http_req_read_whole(elo_http_req_t *c, elo_http_body_cb cb, void *ctx)
{
    assert(c->magic == ELO_HTTP_MAGIC && c->read_cb == NULL);
    assert(c->body_left != 0 && c->body_left <= ELO_HTTP_WHOLE_MAX
           && c->head.body_len == (int64_t) c->body_left);
    c->read_cb = cb;
    c->read_ctx = ctx;
    c->since_ms = uv_now(c->uv.stream.loop);
    c->is_whole = true;
    c->is_whole_long = false;
    /* What is complete, or can't be any more, is told from the loop (I2). */
    if (c->is_closed || c->has_eof || c->hlen - c->hpos >= c->body_left) {
        elo_http_kick(c);
        return;
    }
    elo_conn_service_body(c);
}


void
elo_http_req_unread(elo_http_req_t *c)
{
    assert(c->magic == ELO_HTTP_MAGIC);
    c->read_cb = NULL;
    c->room = NULL;
    c->is_whole = c->is_whole_long = false;
    /* The next bytes would go to hbuf. */
    if (c->state == ELO_CONN_EXCHANGE && !c->is_closed && !c->is_body_done) {
        stop_reading(c);
    }
}


bool
elo_http_req_body_now(elo_http_req_t *c, elo_slice_t *out)
{
    assert(c->magic == ELO_HTTP_MAGIC && c->read_cb == NULL);
    if (c->head.body_len < 0 || c->hlen - c->hpos < c->body_left) {
        return false;
    }
    *out = take_whole(c);
    return true;
}


static void
on_drained(void *ctx, elo_slice_t bytes, elo_err_t err)
{
    elo_http_req_t *c = ctx;

    if (err != ELO_OK || c->is_closed) {
        return;
    }
    c->drained += bytes.len;
    if (c->is_body_done) {
        c->state = ELO_CONN_HEAD;
    } else if (c->drained > ELO_HTTP_DRAIN_MAX) {
        c->state = ELO_CONN_LAST;
    }
    elo_conn_run(c);
}


void
elo_conn_drain_body(elo_http_req_t *c)
{
    elo_http_req_read(c, on_drained, c);
}
