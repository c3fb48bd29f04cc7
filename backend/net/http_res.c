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

#define CHUNK_TAIL "\r\n"
#define CHUNK_LAST "0\r\n\r\n"


static const char *
reason_of(int status)
{
    switch (status) {
    case 460:
        return "Checksum Mismatch"; /* tus 1.0.0 */
    case 499:
        return "Client Closed Request"; /* as nginx has it; never sent */
    default:
        return http_status_str((enum http_status) status);
    }
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


static bool
has_no_body(int status)
{
    return status == 204 || status == 304;
}


bool
elo_res_is_bare(const elo_http_req_t *c)
{
    return c->head.is_head || has_no_body(c->status);
}


/* The handler's piece, unless it is only counted. */
static bool
has_piece_to_send(const elo_http_req_t *c)
{
    return c->has_piece && !elo_res_is_bare(c);
}


static unsigned
put_piece(elo_http_req_t *c, uv_buf_t *bufs)
{
    unsigned n = 0;

    if (c->is_chunked) {
        int len = snprintf(c->chunk_head, sizeof(c->chunk_head), "%zx\r\n",
                           c->piece.len);

        bufs[n++] = uv_buf_init(c->chunk_head, (unsigned) len);
    }
    /* libuv only reads it. */
    bufs[n++] =
        uv_buf_init((char *) (uintptr_t) c->piece.p, (unsigned) c->piece.len);
    if (c->is_chunked) {
        bufs[n++] = uv_buf_init((char *) (uintptr_t) CHUNK_TAIL,
                                sizeof(CHUNK_TAIL) - 1);
    }
    return n;
}


/* Hands out from offset off, and the waiting piece, to libuv. */
static void
start_write(elo_http_req_t *c, size_t off)
{
    uv_buf_t bufs[4];
    elo_buf_t empty = c->flight;
    bool has_piece = has_piece_to_send(c);
    unsigned n = 0;

    c->flight = c->out;
    c->out = empty;
    c->is_head_alone = false;
    if (c->flight.len > off) {
        bufs[n++] = uv_buf_init((char *) c->flight.p + off,
                                (unsigned) (c->flight.len - off));
    }
    if (has_piece) {
        n += put_piece(c, bufs + n);
    }
    c->write.data = c;
    c->since_ms = uv_now(c->uv.stream.loop);
    if (uv_write(&c->write, (uv_stream_t *) &c->uv, bufs, n, on_written) != 0) {
        elo_conn_close(c);
        return;
    }
    c->is_writing = true;
    c->is_piece_sent = has_piece;
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
    if (has_piece_to_send(c)) {
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

#define STATUS_MAX 64 /* "HTTP/1.1 505 HTTP Version Not Supported" CR LF */
#define LENGTH_MAX 38 /* "Content-Length: ", 20 digits, CR LF */
#define FRAMING    "Transfer-Encoding: chunked\r\n"
#define CLOSE      "Connection: close\r\n"
#define KEEP       "Connection: keep-alive\r\n"


static uint8_t *
put(uint8_t *p, const void *bytes, size_t n)
{
    memcpy(p, bytes, n);
    return p + n;
}


#define PUT_TEXT(p, lit) put((p), "" lit, sizeof(lit) - 1)


static uint8_t *
put_u64(uint8_t *p, uint64_t v)
{
    char digits[20];
    size_t i = sizeof(digits);

    do {
        digits[--i] = (char) ('0' + v % 10);
        v /= 10;
    } while (v != 0);
    return put(p, digits + i, sizeof(digits) - i);
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


static uint8_t *
put_start(const elo_http_req_t *c, uint8_t *p, int status)
{
    if (status == 200) {
        p = PUT_TEXT(p, "HTTP/1.1 200 OK\r\n");
    } else if (status == 201) {
        p = PUT_TEXT(p, "HTTP/1.1 201 Created\r\n");
    } else {
        const char *reason = reason_of(status);

        p = PUT_TEXT(p, "HTTP/1.1 ");
        p = put_u64(p, (uint64_t) status);
        *p++ = ' ';
        p = put(p, reason, strlen(reason));
        p = PUT_TEXT(p, "\r\n");
    }
    p = put(p, elo_http_date_field(c->srv), ELO_HTTP_DATE_FIELD_LEN);
    if (c->must_close) {
        p = PUT_TEXT(p, CLOSE);
    } else if (c->head.is_http10) {
        p = PUT_TEXT(p, KEEP);
    }
    return p;
}


static uint8_t *
put_length(uint8_t *p, uint64_t len)
{
    p = PUT_TEXT(p, "Content-Length: ");
    p = put_u64(p, len);
    return PUT_TEXT(p, "\r\n");
}


/* Most that goes before the fields. */
#define START_MAX                                                              \
    (STATUS_MAX + ELO_HTTP_DATE_FIELD_LEN + sizeof(KEEP) + LENGTH_MAX          \
     + sizeof(FRAMING))


/* Appends a head to out; len is left out where the body is open. */
static void
append_head(elo_http_req_t *c, int status, uint64_t len, elo_slice_t fields)
{
    elo_slice_t standing = elo_buf_slice(&c->standing);
    size_t room = START_MAX + standing.len + fields.len + 2;
    uint8_t *start = elo_buf_extend(&c->out, room);
    uint8_t *p = start;

    if (p == NULL) {
        return; /* the buffer remembers */
    }
    p = put_start(c, p, status);
    if (c->is_chunked) {
        p = PUT_TEXT(p, FRAMING);
    } else if (!c->is_open && !has_no_body(status)) {
        p = put_length(p, len);
    }
    if (standing.len != 0) {
        p = put(p, standing.p, standing.len);
    }
    if (fields.len != 0) {
        p = put(p, fields.p, fields.len);
    }
    p = PUT_TEXT(p, "\r\n");
    c->out.len -= room - (size_t) (p - start);
}


/* False when the handler's fields did not fit: there is nothing right to say. */
static bool
put_head(elo_http_req_t *c, uint64_t len)
{
    if (elo_buf_err(&c->fields) != ELO_OK
        || elo_buf_err(&c->standing) != ELO_OK) {
        elo_log(ELO_LOG_ALERT, "response fields exceed their limit");
        elo_conn_close(c);
        return false;
    }
    c->must_close = must_close(c) || (c->is_open && !c->is_chunked);
    append_head(c, c->status, len, elo_buf_slice(&c->fields));
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
    c->is_open = c->is_chunked = false;
    append_head(c, status, (uint64_t) n,
                ELO_SLICE("Content-Type: application/problem+json\r\n"));
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


/* What would end the field becomes a space. */
static void
disarm(uint8_t *p, size_t len)
{
    static const char bad[] = { '\r', '\n', '\0' };

    for (size_t i = 0; i < sizeof(bad); i++) {
        uint8_t *at = p;

        while ((at = memchr(at, bad[i], (size_t) (p + len - at))) != NULL) {
            *at = ' ';
        }
    }
}


void
elo_http_res_header(elo_http_req_t *c, const char *name, elo_slice_t value)
{
    size_t n = strlen(name);
    uint8_t *p;

    assert(c->magic == ELO_HTTP_MAGIC);
    p = elo_buf_extend(&c->fields, n + value.len + 4);
    if (p == NULL) {
        return; /* the buffer remembers */
    }
    memcpy(p, name, n);
    p += n;
    *p++ = ':';
    *p++ = ' ';
    if (value.len != 0) {
        memcpy(p, value.p, value.len);
        disarm(p, value.len);
    }
    p += value.len;
    *p++ = '\r';
    *p = '\n';
}


void
elo_http_res_lines(elo_http_req_t *c, elo_slice_t lines)
{
    assert(c->magic == ELO_HTTP_MAGIC);
    elo_buf_put_slice(&c->fields, lines);
}


void
elo_http_res_standing(elo_http_req_t *c, elo_slice_t lines)
{
    assert(c->magic == ELO_HTTP_MAGIC);
    elo_buf_put_slice(&c->standing, lines);
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


void
elo_http_res_divert(elo_http_req_t *c, elo_http_diverted_cb cb, void *ctx)
{
    assert(c->magic == ELO_HTTP_MAGIC && c->state == ELO_CONN_EXCHANGE
           && !c->is_streaming && c->diverted_cb == NULL);
    c->diverted_cb = cb;
    c->diverted_ctx = ctx;
}


/* It isn't sent in one piece. */
static void
undivert(elo_http_req_t *c)
{
    elo_http_diverted_cb cb = c->diverted_cb;

    if (cb != NULL) {
        c->diverted_cb = NULL;
        cb(c->diverted_ctx, c, 0, elo_slice(NULL, 0), elo_slice(NULL, 0));
    }
}


static void
divert(elo_http_req_t *c, elo_slice_t body)
{
    elo_http_diverted_cb cb = c->diverted_cb;
    int status = c->status;
    elo_buf_t fields = c->fields;

    c->diverted_cb = NULL;
    c->status = 200;
    elo_buf_init(&c->fields, ELO_HTTP_FIELDS_LEN_MAX);
    if (elo_buf_err(&fields) != ELO_OK) {
        status = 500; /* there is nothing right to say */
        elo_buf_clear(&fields);
    }
    cb(c->diverted_ctx, c, status, elo_buf_slice(&fields), body);
    elo_buf_dispose(&fields);
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
    if (c->diverted_cb != NULL) {
        divert(c, body);
        return;
    }
    send_whole(c, body.len, elo_res_is_bare(c) ? elo_slice(NULL, 0) : body);
}


void
elo_http_res_send_head(elo_http_req_t *c, uint64_t len)
{
    undivert(c);
    send_whole(c, len, elo_slice(NULL, 0));
}


uint8_t *
elo_http_res_room(elo_http_req_t *c, size_t len)
{
    uint8_t *p;

    assert(c->magic == ELO_HTTP_MAGIC && c->state == ELO_CONN_EXCHANGE
           && !c->is_streaming);
    if (c->is_closed || elo_res_is_bare(c) || c->diverted_cb != NULL
        || elo_buf_err(&c->fields) != ELO_OK || elo_buf_err(&c->out) != ELO_OK)
    {
        return NULL;
    }
    c->room_at = c->out.len;
    if (!put_head(c, len)) {
        return NULL;
    }
    p = elo_buf_extend(&c->out, len);
    if (p == NULL) {
        elo_conn_close(c); /* the buffer is marked: nothing more can be said */
    }
    return p;
}


void
elo_http_res_send_room(elo_http_req_t *c)
{
    assert(c->magic == ELO_HTTP_MAGIC && c->state == ELO_CONN_EXCHANGE);
    elo_conn_exchange_end(c);
}


void
elo_http_res_drop_room(elo_http_req_t *c)
{
    assert(c->magic == ELO_HTTP_MAGIC && c->state == ELO_CONN_EXCHANGE);
    c->out.len = c->room_at;
    elo_buf_clear(&c->fields);
    c->status = 200;
}


void
elo_http_res_open(elo_http_req_t *c)
{
    bool has_earlier = c->out.len != 0;

    assert(c->magic == ELO_HTTP_MAGIC && c->state == ELO_CONN_EXCHANGE
           && !c->is_streaming);
    undivert(c);
    c->is_streaming = true;
    c->is_open = !has_no_body(c->status);
    c->is_chunked = c->is_open && !c->head.is_http10;
    c->res_left = UINT64_MAX;
    if (!c->is_closed && put_head(c, 0)) {
        c->is_head_alone = !has_earlier;
    }
}


void
elo_http_res_end(elo_http_req_t *c)
{
    assert(c->magic == ELO_HTTP_MAGIC && c->is_streaming && !c->has_piece
           && c->res_left == UINT64_MAX);
    if (c->is_chunked && !c->is_closed && !c->head.is_head) {
        elo_buf_put(&c->out, CHUNK_LAST, sizeof(CHUNK_LAST) - 1);
    }
    elo_conn_exchange_end(c);
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
    undivert(c);
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
    if (c->res_left != UINT64_MAX) {
        c->res_left -= bytes.len;
    }
    if (elo_res_is_bare(c)) {
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
        undivert(c);
        elo_conn_close(c);
        elo_conn_exchange_end(c);
    }
}
