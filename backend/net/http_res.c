/* SPDX-License-Identifier: BSD-2-Clause */
/* http_res: responses. Small ones are collected in the connection's out buffer,
   so that the answers to pipelined requests leave in one write(2); pieces of a
   stream are written from where the handler keeps them. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <http_parser.h>

#include "backend/net/http_internal.h"
#include "backend/os/log.h"


static const char *
reason_of(int status)
{
    return http_status_str((enum http_status) status);
}


/* ---- writing ---- */

static void
forget(elo_buf_t *b)
{
    bool was_large = b->len > ELO_HTTP_CORK_MAX;

    elo_buf_clear(b);
    if (was_large) {
        elo_buf_dispose(b);
        elo_buf_init(b, SIZE_MAX / 2);
    }
}


static void
on_written(uv_write_t *w, int status)
{
    elo_http_req_t *c = w->data;

    c->is_writing = false;
    forget(&c->flight);
    if (status < 0) {
        elo_conn_close(c);
    }
    if (c->has_piece && c->is_piece_sent) {
        elo_res_piece_done(c, status < 0 ? ELO_ECLOSED : ELO_OK);
        return;
    }
    if (status >= 0) {
        elo_conn_run(c);
    }
}


/* Hands out from offset off, and the waiting piece, to libuv. */
static void
start_write(elo_http_req_t *c, size_t off)
{
    uv_buf_t bufs[2];
    elo_buf_t empty = c->flight;
    unsigned n = 0;

    c->flight = c->out;
    c->out = empty;
    c->is_head_alone = false;
    if (c->flight.len > off) {
        bufs[n++] = uv_buf_init((char *) c->flight.p + off,
                                (unsigned) (c->flight.len - off));
    }
    if (c->has_piece) {
        /* libuv only reads it. */
        bufs[n++] = uv_buf_init((char *) (uintptr_t) c->piece.p,
                                (unsigned) c->piece.len);
    }
    c->write.data = c;
    c->since_ms = uv_now(c->uv.loop);
    if (uv_write(&c->write, (uv_stream_t *) &c->uv, bufs, n, on_written) != 0) {
        elo_conn_close(c);
        return;
    }
    c->is_writing = true;
    c->is_piece_sent = c->has_piece;
}


void
elo_res_flush(elo_http_req_t *c)
{
    uv_buf_t buf;
    int n;

    if (c->is_closed || c->is_writing) {
        return;
    }
    if (elo_buf_err(&c->out) != ELO_OK || c->out.len > INT32_MAX) {
        elo_conn_close(c);
        return;
    }
    if (c->has_piece) {
        start_write(c, 0);
        return;
    }
    if (c->out.len == 0) {
        return;
    }
    buf = uv_buf_init((char *) c->out.p, (unsigned) c->out.len);
    n = uv_try_write((uv_stream_t *) &c->uv, &buf, 1);
    if (n < 0 && n != UV_EAGAIN) {
        elo_conn_close(c);
        return;
    }
    n = n < 0 ? 0 : n;
    if ((size_t) n == c->out.len) {
        forget(&c->out);
        c->is_head_alone = false;
        return;
    }
    start_write(c, (size_t) n);
}


/* ---- heads ---- */

static void
put_u64(elo_buf_t *b, uint64_t v)
{
    char digits[20];
    size_t i = sizeof(digits);

    do {
        digits[--i] = (char) ('0' + v % 10);
        v /= 10;
    } while (v != 0);
    elo_buf_put(b, digits + i, sizeof(digits) - i);
}


/* What of the request's body is left is read if that is little; else the
   connection can't be used again. */
static bool
must_close(const elo_http_req_t *c)
{
    if (!c->head.keep_alive || c->srv->is_draining) {
        return true;
    }
    if (c->is_body_done) {
        return false;
    }
    return c->owes_continue
           || (c->head.body_len >= 0 && c->body_left > ELO_HTTP_DRAIN_MAX);
}


static void
put_start(elo_http_req_t *c, int status)
{
    elo_buf_t *b = &c->out;

    elo_buf_put(b, "HTTP/1.1 ", 9);
    put_u64(b, (uint64_t) status);
    elo_buf_put_u8(b, ' ');
    elo_buf_put_str(b, reason_of(status));
    elo_buf_put(b, "\r\n", 2);
    elo_buf_put(b, elo_http_date_field(c->srv), ELO_HTTP_DATE_FIELD_LEN);
    if (c->must_close) {
        elo_buf_put_str(b, "Connection: close\r\n");
    } else if (c->head.is_http10) {
        elo_buf_put_str(b, "Connection: keep-alive\r\n");
    }
}


static void
put_length(elo_buf_t *b, uint64_t len)
{
    elo_buf_put(b, "Content-Length: ", 16);
    put_u64(b, len);
    elo_buf_put(b, "\r\n", 2);
}


static bool
has_no_body(int status)
{
    return status == 204 || status == 304;
}


/* False when the handler's fields did not fit: there is nothing right to say. */
static bool
put_head(elo_http_req_t *c, uint64_t len)
{
    if (elo_buf_err(&c->fields) != ELO_OK) {
        elo_log(ELO_LOG_ALERT, "response fields exceed their limit");
        elo_conn_close(c);
        return false;
    }
    c->must_close = must_close(c);
    put_start(c, c->status);
    if (!has_no_body(c->status)) {
        put_length(&c->out, len);
    }
    elo_buf_put_slice(&c->out, elo_buf_slice(&c->fields));
    elo_buf_put(&c->out, "\r\n", 2);
    return true;
}


void
elo_res_refuse(elo_http_req_t *c, int status, const char *why)
{
    char body[512];
    const char *code = status == 408 ? "TIMEOUT" : "BAD_REQUEST";
    int n;

    n = snprintf(body, sizeof(body),
                 "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,"
                 "\"detail\":\"%s\",\"error\":\"%s\",\"code\":\"%s\"}\n",
                 reason_of(status), status, why, why, code);
    assert(n > 0 && (size_t) n < sizeof(body));
    elo_log(ELO_LOG_DEBUG, "request refused with %d: %s", status, why);
    c->must_close = true;
    c->head.is_http10 = false;
    put_start(c, status);
    put_length(&c->out, (uint64_t) n);
    elo_buf_put_str(&c->out, "Content-Type: application/problem+json\r\n\r\n");
    elo_buf_put(&c->out, body, (size_t) n);
    c->state = ELO_CONN_LAST;
}


/* ---- the handler's calls ---- */

void
elo_http_res_status(elo_http_req_t *c, int status)
{
    assert(c->magic == ELO_HTTP_MAGIC && status >= 200 && status <= 599);
    c->status = status;
}


void
elo_http_res_header(elo_http_req_t *c, const char *name, elo_slice_t value)
{
    uint8_t *p;
    size_t i;

    assert(c->magic == ELO_HTTP_MAGIC);
    elo_buf_put_str(&c->fields, name);
    elo_buf_put(&c->fields, ": ", 2);
    p = elo_buf_extend(&c->fields, value.len);
    for (i = 0; p != NULL && i < value.len; i++) {
        uint8_t ch = value.p[i];

        p[i] = ch == '\r' || ch == '\n' || ch == '\0' ? ' ' : ch;
    }
    elo_buf_put(&c->fields, "\r\n", 2);
}


void
elo_http_res_headerf(elo_http_req_t *c, const char *name, const char *fmt, ...)
{
    elo_buf_t value;
    va_list ap;

    elo_buf_init(&value, ELO_HTTP_FIELDS_LEN_MAX);
    va_start(ap, fmt);
    elo_buf_vprintf(&value, fmt, ap);
    va_end(ap);
    elo_http_res_header(c, name, elo_buf_slice(&value));
    elo_buf_dispose(&value);
}


static void
send_whole(elo_http_req_t *c, uint64_t len, elo_slice_t body)
{
    assert(c->magic == ELO_HTTP_MAGIC && c->state == ELO_CONN_EXCHANGE
           && !c->is_streaming);
    if (!c->is_closed && put_head(c, len)) {
        elo_buf_put_slice(&c->out, body);
    }
    elo_conn_exchange_end(c);
}


void
elo_http_res_send(elo_http_req_t *c, elo_slice_t body)
{
    bool is_sent = !c->head.is_head && !has_no_body(c->status);

    send_whole(c, body.len, is_sent ? body : elo_slice(NULL, 0));
}


void
elo_http_res_send_head(elo_http_req_t *c, uint64_t len)
{
    send_whole(c, len, elo_slice(NULL, 0));
}


void
elo_http_res_stream(elo_http_req_t *c, uint64_t len)
{
    bool has_earlier = c->out.len != 0;

    assert(c->magic == ELO_HTTP_MAGIC && c->state == ELO_CONN_EXCHANGE
           && !c->is_streaming);
    if (len == 0) {
        elo_http_res_send_head(c, 0);
        return;
    }
    c->is_streaming = true;
    c->res_left = len;
    if (!c->is_closed && put_head(c, len)) {
        c->is_head_alone = !has_earlier;
    }
}


void
elo_res_piece_done(elo_http_req_t *c, elo_err_t err)
{
    elo_http_written_cb cb = c->written_cb;
    void *ctx = c->written_ctx;

    c->has_piece = false;
    c->is_piece_sent = false;
    c->refs++;
    if (c->res_left == 0) {
        /* What is pipelined behind is begun from the kick list, so that done
           comes first. */
        c->is_running = true;
        elo_conn_exchange_end(c);
        c->is_running = false;
        elo_http_kick(c);
    }
    cb(ctx, err);
    elo_conn_unref(c);
}


void
elo_http_res_write(elo_http_req_t *c, elo_slice_t bytes,
                   elo_http_written_cb done, void *ctx)
{
    assert(c->magic == ELO_HTTP_MAGIC && c->is_streaming && !c->has_piece);
    assert(bytes.len != 0 && bytes.len <= c->res_left
           && bytes.len <= INT32_MAX);
    c->has_piece = true;
    c->piece = bytes;
    c->written_cb = done;
    c->written_ctx = ctx;
    c->res_left -= bytes.len;
    if (c->head.is_head || has_no_body(c->status)) {
        elo_http_kick(c); /* counted, not sent */
        return;
    }
    elo_res_flush(c);
    if (c->is_closed && !c->is_piece_sent) {
        elo_http_kick(c);
    }
}


void
elo_http_res_abort(elo_http_req_t *c)
{
    assert(c->magic == ELO_HTTP_MAGIC);
    if (c->state == ELO_CONN_EXCHANGE) {
        elo_conn_close(c);
        elo_conn_exchange_end(c);
    }
}
