/* SPDX-License-Identifier: BSD-2-Clause */
/* http_conn: one connection and its exchanges. What comes in: http_body.c. The
   states and their invariants: http_internal.h. */
#include <assert.h>
#include <stdlib.h>

#include "backend/net/http_internal.h"
#include "backend/os/log.h"
#include "common/base/num.h"

#define CONTINUE          "HTTP/1.1 100 Continue\r\n\r\n"
#define LOG_PATH_MAX      200
#define SECRET_PREFIX_MAX 64 /* bytes of any of secrets, escaped */

/* What stands behind one of these is a credential. */
static const char *const secrets[] = {
    "/s/",
    "/internal/v1/session/",
    "/internal/v1/url/",
};


static elo_slice_t
unused(const elo_http_req_t *c)
{
    return elo_slice(c->hbuf + c->hpos, c->hlen - c->hpos);
}


static void
drop_bbuf(elo_http_req_t *c)
{
    if (c->bbuf != NULL) {
        elo_http_put_piece_buf(c->srv, c->bbuf);
        c->bbuf = NULL;
    }
}


/* ---- lifetime ---- */

void
elo_conn_unref(elo_http_req_t *c)
{
    elo_http_server_t *s = c->srv;

    if (--c->refs != 0) {
        return;
    }
    if (c->prev != NULL) {
        c->prev->next = c->next;
    } else {
        s->conns = c->next;
    }
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    drop_bbuf(c);
    elo_buf_dispose(&c->fields);
    elo_buf_dispose(&c->standing);
    elo_buf_dispose(&c->out);
    elo_buf_dispose(&c->flight);
    free(c->hbuf);
    c->magic = 0;
    free(c);
    elo_http_conn_gone(s);
}


static void
on_closed(uv_handle_t *h)
{
    elo_conn_unref((elo_http_req_t *) h);
}


void
elo_conn_close(elo_http_req_t *c)
{
    if (c->is_closed) {
        return;
    }
    c->is_closed = true;
    c->is_reading = false;
    uv_close((uv_handle_t *) &c->uv, on_closed);
    /* A handler that waits is told. A piece that libuv holds comes back by
       itself. */
    if (c->read_cb != NULL || (c->has_piece && !c->is_piece_sent)) {
        elo_http_kick(c);
    }
}


/* ---- exchanges ---- */

static void
begin_exchange(elo_http_req_t *c, size_t head_len)
{
    elo_http_handler_t *h = c->srv->handler;

    c->hpos += head_len;
    c->hscan = 0;
    c->body_off = c->hpos;
    c->is_body_done = c->head.body_len == 0;
    c->body_left = c->head.body_len > 0 ? (uint64_t) c->head.body_len : 0;
    elo_http_chunk_init(&c->chunk);
    c->drained = 0;
    c->body_ms = c->body_bytes = 0;
    c->owes_continue = c->head.expects_continue && c->hpos == c->hlen;
    c->status = 200;
    c->is_streaming = c->is_open = c->is_chunked = false;
    c->begin_ms = uv_now(c->uv.stream.loop);
    c->must_close = false;
    elo_buf_clear(&c->fields);
    c->state = ELO_CONN_EXCHANGE;
    c->refs++;
    h->on_request(h, c);
}


/* Brings the bytes of a head that isn't complete to the start of hbuf. */
static void
compact(elo_http_req_t *c)
{
    if (c->hpos != 0) {
        c->hlen -= c->hpos;
        memmove(c->hbuf, c->hbuf + c->hpos, c->hlen);
        c->hpos = 0;
    }
}


/* Begins the next exchange, if its head is there. False when it isn't. */
static bool
next_request(elo_http_req_t *c)
{
    const char *why = NULL;
    size_t len;
    int status;

    /* Empty lines before a request are ignored (RFC 9112, 2.2). */
    while (c->hscan == 0 && c->hlen - c->hpos >= 2 && c->hbuf[c->hpos] == '\r'
           && c->hbuf[c->hpos + 1] == '\n')
    {
        c->hpos += 2;
    }
    len = elo_http_head_len(unused(c), &c->hscan);
    if (len == 0) {
        compact(c);
        if (c->hlen < c->srv->cfg.max_head) {
            return false;
        }
        if (memchr(c->hbuf, '\n', c->hlen) == NULL) {
            elo_res_refuse(c, 414, "the request line is too long");
        } else {
            elo_res_refuse(c, 431, "the head of the request is too long");
        }
        return true;
    }
    status =
        elo_http_head_parse(elo_slice(c->hbuf + c->hpos, len), &c->head, &why);
    if (status != 0) {
        elo_res_refuse(c, status, why);
        return true;
    }
    begin_exchange(c, len);
    return true;
}


static void
log_access(const elo_http_req_t *c)
{
    elo_slice_t path = elo_http_req_log_path(c);
    int len = (int) ELO_MIN(path.len, (size_t) LOG_PATH_MAX);

    elo_log(ELO_LOG_DEBUG, "%.*s %.*s %d %llu ms%s", (int) c->head.method.len,
            (const char *) c->head.method.p, len, (const char *) path.p,
            c->status,
            (unsigned long long) (uv_now(c->uv.stream.loop) - c->begin_ms),
            c->is_closed ? " (cut)" : "");
}


void
elo_conn_exchange_end(elo_http_req_t *c)
{
    assert(c->state == ELO_CONN_EXCHANGE);
    log_access(c);
    elo_buf_clear(&c->standing);
    c->read_cb = NULL;
    c->room = NULL;
    c->is_whole = c->is_whole_long = false;
    c->is_head_alone = false;
    c->since_ms = uv_now(c->uv.stream.loop);
    if (c->must_close) {
        c->state = ELO_CONN_LAST;
    } else {
        c->state = c->is_body_done ? ELO_CONN_HEAD : ELO_CONN_DRAIN;
    }
    if (c->state != ELO_CONN_DRAIN) {
        drop_bbuf(c);
    }
    if (!c->is_closed && !c->is_running) {
        if (c->hpos == c->hlen) {
            elo_conn_run(c);
        } else {
            /* The next handler isn't to run inside this one's call (I2). */
            elo_res_flush(c);
            elo_http_kick(c);
        }
    }
    elo_conn_unref(c);
}


static void
on_shutdown(uv_shutdown_t *req, int status)
{
    elo_http_req_t *c = req->data;

    if (status < 0) {
        elo_conn_close(c);
    }
}


/* The answer is written. Closing while the client still sends would take the
   answer from it: its next write fails, and it may not read any more. */
static void
linger(elo_http_req_t *c)
{
    if (c->has_eof
        || (c->is_body_done && c->hpos == c->hlen && !c->srv->is_draining))
    {
        elo_conn_close(c);
        return;
    }
    c->state = ELO_CONN_LINGER;
    c->since_ms = uv_now(c->uv.stream.loop);
    c->shutdown.data = c;
    if (uv_shutdown(&c->shutdown, (uv_stream_t *) &c->uv, on_shutdown) != 0) {
        elo_conn_close(c);
        return;
    }
    elo_conn_start_reading(c);
}


static void
await_head(elo_http_req_t *c)
{
    if (c->has_eof || c->srv->is_draining) {
        elo_conn_close(c);
        return;
    }
    elo_conn_start_reading(c);
}


static void
settle(elo_http_req_t *c)
{
    switch (c->state) {
    case ELO_CONN_HEAD:
        await_head(c);
        break;
    case ELO_CONN_DRAIN:
        if (c->read_cb == NULL) {
            elo_conn_drain_body(c);
        }
        break;
    case ELO_CONN_LAST:
        linger(c);
        break;
    case ELO_CONN_EXCHANGE:
        /* Reading tells when the client goes; but not ahead of a body. */
        if (c->is_body_done) {
            elo_conn_start_reading(c);
        }
        break;
    case ELO_CONN_LINGER:
        break;
    }
}


/* Answers of one turn of the loop leave together at its end, when this connection
   is run again: a client with many connections is then woken once, not by each. */
static bool
cork(elo_http_req_t *c)
{
    elo_http_server_t *s = c->srv;

    if (s->is_turn_over || c->has_piece || c->state != ELO_CONN_HEAD
        || c->is_closed || c->is_writing || c->out.len == 0
        || c->out.len > ELO_HTTP_TURN_MAX - s->corked)
    {
        return false;
    }
    s->corked += c->out.len;
    elo_http_kick(c);
    return true;
}


void
elo_conn_run(elo_http_req_t *c)
{
    if (c->is_running || c->is_closed) {
        return;
    }
    c->is_running = true;
    c->refs++;
    while (!c->is_closed && !c->is_writing && c->state == ELO_CONN_HEAD
           && next_request(c))
    {
        if (c->out.len > ELO_HTTP_CORK_MAX) {
            elo_res_flush(c);
        }
    }
    if (!cork(c)) {
        if (!c->is_head_alone || c->has_piece) {
            elo_res_flush(c);
        }
        if (!c->is_closed && !c->is_writing) {
            settle(c);
        }
    }
    c->is_running = false;
    elo_conn_unref(c);
}


void
elo_conn_service(elo_http_req_t *c)
{
    if (c->read_cb != NULL) {
        elo_conn_service_body(c);
    }
    if (c->has_piece && !c->is_piece_sent
        && (c->is_closed || elo_res_is_bare(c))) {
        elo_res_piece_done(c, c->is_closed ? ELO_ECLOSED : ELO_OK);
    }
    elo_conn_run(c);
}


bool
elo_conn_body_pace(const elo_http_req_t *c, uint64_t now, uint64_t *ms,
                   uint64_t *bytes)
{
    if (c->is_closed || c->read_cb == NULL || c->is_body_done
        || (c->state != ELO_CONN_EXCHANGE && c->state != ELO_CONN_DRAIN))
    {
        return false;
    }
    *ms = c->body_ms + (now - c->since_ms);
    *bytes = c->body_bytes;
    return true;
}


/* Is a body slower than any that is meant well? Judged for one stretch of waiting
   after the other, of which each may have a pause. */
static bool
is_too_slow(elo_http_req_t *c, uint64_t now)
{
    uint64_t ms, bytes;

    if (!elo_conn_body_pace(c, now, &ms, &bytes) || ms < c->srv->cfg.idle_ms) {
        return false;
    }
    if (bytes < ms * c->srv->cfg.min_rate / 1000) {
        return true;
    }
    c->body_ms = c->body_bytes = 0;
    return false;
}


void
elo_conn_tick(elo_http_req_t *c, uint64_t now)
{
    size_t queued = uv_stream_get_write_queue_size((uv_stream_t *) &c->uv);
    uint64_t limit = c->srv->cfg.idle_ms;

    if (c->is_closed) {
        return;
    }
    if (is_too_slow(c, now)) {
        elo_log(ELO_LOG_DEBUG, "a request body was too slow");
        elo_conn_close(c);
        return;
    }
    if (queued != c->last_queued) {
        c->last_queued = queued;
        c->since_ms = now;
        return;
    }
    if (c->state == ELO_CONN_LINGER) {
        limit = ELO_HTTP_LINGER_MS;
    } else if (!c->is_writing && c->state == ELO_CONN_EXCHANGE
               && c->read_cb == NULL)
    {
        return; /* it is the handler that takes its time */
    }
    if (now - c->since_ms < limit) {
        return;
    }
    if (c->state == ELO_CONN_HEAD && c->hlen != c->hpos && !c->is_writing) {
        elo_res_refuse(c, 408, "the request took too long to come");
        elo_conn_run(c);
        return;
    }
    elo_conn_close(c);
}


/* ---- accepting, and what a handler asks ---- */

static void
init_handle(elo_http_req_t *c)
{
    uv_loop_t *uv = elo_loop_uv(c->srv->loop);

    if (c->srv->path != NULL) {
        (void) uv_pipe_init(uv, &c->uv.pipe, 0);
    } else {
        (void) uv_tcp_init(uv, &c->uv.tcp);
    }
}


/* Answers are written whole: none of them waits for a further one. */
static void
find_peer(elo_http_req_t *c)
{
    struct sockaddr_storage sa;
    int len = sizeof(sa);

    if (c->srv->path != NULL) {
        return;
    }
    (void) uv_tcp_nodelay(&c->uv.tcp, 1);
    if (uv_tcp_getpeername(&c->uv.tcp, (struct sockaddr *) &sa, &len) != 0) {
        return; /* of no address: nothing that asks for one covers it */
    }
    if (sa.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *) &sa;

        c->peer_len = sizeof(in->sin_addr);
        memcpy(c->peer, &in->sin_addr, c->peer_len);
    } else if (sa.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) &sa;

        c->peer_len = sizeof(in6->sin6_addr);
        memcpy(c->peer, &in6->sin6_addr, c->peer_len);
    }
}


elo_err_t
elo_conn_open(elo_http_server_t *s)
{
    elo_http_req_t *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        return ELO_ENOMEM;
    }
    c->hbuf = malloc(s->cfg.max_head);
    if (c->hbuf == NULL) {
        free(c);
        return ELO_ENOMEM;
    }
    c->magic = ELO_HTTP_MAGIC;
    c->srv = s;
    c->refs = 1;
    c->is_body_done = true;
    elo_buf_init(&c->fields, ELO_HTTP_FIELDS_LEN_MAX);
    elo_buf_init(&c->standing, ELO_HTTP_FIELDS_LEN_MAX);
    elo_buf_init(&c->out, SIZE_MAX / 2);
    elo_buf_init(&c->flight, SIZE_MAX / 2);
    init_handle(c);
    c->next = s->conns;
    if (s->conns != NULL) {
        s->conns->prev = c;
    }
    s->conns = c;
    s->n_conns++;
    c->since_ms = uv_now(c->uv.stream.loop);
    if (uv_accept((uv_stream_t *) &s->listener, (uv_stream_t *) &c->uv) != 0) {
        elo_conn_close(c);
        return ELO_OK; /* that one has gone */
    }
    find_peer(c);
    elo_conn_start_reading(c);
    return ELO_OK;
}


elo_slice_t
elo_http_req_method(const elo_http_req_t *c)
{
    return c->head.method;
}


elo_slice_t
elo_http_req_path(const elo_http_req_t *c)
{
    return c->head.path;
}


elo_slice_t
elo_http_req_query(const elo_http_req_t *c)
{
    return c->head.query;
}


elo_slice_t
elo_http_req_header(const elo_http_req_t *c, const char *name)
{
    return elo_http_head_field(&c->head, elo_slice_str(name));
}


uint32_t
elo_http_req_count(const elo_http_req_t *c, const char *name)
{
    elo_slice_t key = elo_slice_str(name);
    uint32_t n = 0;

    for (uint32_t i = 0; i < c->head.n_fields; i++) {
        n += elo_slice_ieq(c->head.fields[i].name, key) ? 1 : 0;
    }
    return n;
}


elo_slice_t
elo_http_req_peer(const elo_http_req_t *c)
{
    return elo_slice(c->peer, c->peer_len);
}


elo_slice_t
elo_http_req_log_path(const elo_http_req_t *c)
{
    for (size_t i = 0; i < ELO_COUNT(secrets); i++) {
        elo_slice_t prefix = elo_slice_str(secrets[i]);

        if (elo_slice_has_prefix(c->head.path, prefix)) {
            return prefix;
        }
    }
    /* an escape may hide one of them */
    if (memchr(c->head.path.p, '%',
               ELO_MIN(c->head.path.len, (size_t) SECRET_PREFIX_MAX))
        != NULL)
    {
        return ELO_SLICE("/(escaped)");
    }
    return c->head.path;
}


bool
elo_http_req_has_conditions(const elo_http_req_t *c)
{
    return c->head.has_conditions;
}


int64_t
elo_http_req_body_len(const elo_http_req_t *c)
{
    return c->head.body_len;
}


bool
elo_http_req_is_closed(const elo_http_req_t *c)
{
    return c->is_closed;
}
