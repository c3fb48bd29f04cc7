/* SPDX-License-Identifier: BSD-2-Clause */
/* http_server: the listening socket, on a name or on loopback TCP, the list of
   connections, their timeouts, and the end of it all. Connections themselves:
   http_conn.c, http_res.c. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/net/http_internal.h"
#include "backend/os/clock.h"
#include "backend/os/log.h"
#include "backend/os/unix_socket.h"
#include "common/base/num.h"
#include "common/http/precond.h"

#define BACKLOG      511
#define TICK_MIN_MS  10u
#define TICK_MAX_MS  250u
#define LOOPBACK_NET 127u /* RFC 1122, 3.2.1.3 */
#define HEAD_LEAST   512u /* below it no real request fits */


/* ---- the kick list: callbacks that must come from the loop (I2) ---- */

static void
on_idle(uv_idle_t *idle)
{
    elo_http_server_t *s = idle->data;
    elo_http_req_t *c = s->kicked_first;

    s->kicked_first = NULL;
    s->kicked_last = NULL;
    s->corked = 0;
    s->is_turn_over = true;
    while (c != NULL) {
        elo_http_req_t *next = c->next_kicked;

        c->next_kicked = NULL;
        c->is_kicked = false;
        elo_conn_service(c);
        elo_conn_unref(c);
        c = next;
    }
    s->is_turn_over = false;
    if (s->kicked_first == NULL) {
        (void) uv_idle_stop(idle);
    }
}


void
elo_http_kick(elo_http_req_t *c)
{
    elo_http_server_t *s = c->srv;

    if (c->is_kicked) {
        return;
    }
    c->is_kicked = true;
    c->refs++;
    if (s->kicked_last != NULL) {
        s->kicked_last->next_kicked = c;
    } else {
        s->kicked_first = c;
        (void) uv_idle_start(&s->idle, on_idle);
    }
    s->kicked_last = c;
}


/* ---- what connections share ---- */

const char *
elo_http_date_field(elo_http_server_t *s)
{
    int64_t now = elo_clock_unix_s();

    if (now != s->date_s) {
        char date[ELO_HTTP_DATE_LEN + 1];

        elo_http_date_format(now, date);
        (void) snprintf(s->date, sizeof(s->date), "Date: %s\r\n", date);
        s->date_s = now;
    }
    return s->date;
}


uint8_t *
elo_http_take_piece_buf(elo_http_server_t *s)
{
    return s->n_spare != 0 ? s->spare[--s->n_spare] : malloc(ELO_HTTP_PIECE);
}


void
elo_http_put_piece_buf(elo_http_server_t *s, uint8_t *buf)
{
    if (s->n_spare < ELO_HTTP_SPARE_BUFS) {
        s->spare[s->n_spare++] = buf;
    } else {
        free(buf);
    }
}


/* ---- accepting ---- */

static elo_http_req_t *
slowest_body(const elo_http_server_t *s, uint64_t now)
{
    elo_http_req_t *slowest = NULL;
    double least = 0;

    for (elo_http_req_t *c = s->conns; c != NULL; c = c->next) {
        uint64_t ms, bytes;

        if (!elo_conn_body_pace(c, now, &ms, &bytes) || ms < ELO_HTTP_SHED_MS) {
            continue;
        }
        if (slowest == NULL || (double) bytes / (double) ms < least) {
            slowest = c;
            least = (double) bytes / (double) ms;
        }
    }
    return slowest;
}


/* Somebody comes, and few places are left: the slowest body makes room, and no
   further one while that is on its way. */
static void
shed(elo_http_server_t *s)
{
    uint64_t now = uv_now(elo_loop_uv(s->loop));
    elo_http_req_t *c;

    if (s->shed_ms != 0 && now - s->shed_ms < ELO_HTTP_SHED_MS) {
        return;
    }
    c = slowest_body(s, now);
    if (c == NULL) {
        return;
    }
    s->shed_ms = now;
    if (s->shed_told_ms == 0 || now - s->shed_told_ms > ELO_HTTP_SHED_TELL_MS) {
        s->shed_told_ms = now;
        elo_log(ELO_LOG_WARN,
                "%u connections of %u are taken: the slowest uploads are cut, "
                "raise max_connections if these are clients of yours",
                s->n_conns, s->cfg.max_conns);
    }
    elo_conn_close(c);
}


static void
accept_waiting(elo_http_server_t *s)
{
    elo_err_t rc;

    if (!s->has_waiting || s->is_draining) {
        return;
    }
    if (s->n_conns >= s->cfg.max_conns - s->cfg.max_conns / ELO_HTTP_RESERVE) {
        shed(s);
    }
    if (s->n_conns >= s->cfg.max_conns) {
        return;
    }
    /* Without memory it goes on waiting, until the next tick. */
    if ((rc = elo_conn_open(s)) == ELO_OK) {
        s->has_waiting = false;
    } else {
        elo_log(ELO_LOG_WARN, "connection not accepted: %s", elo_strerror(rc));
    }
}


/* libuv stops listening until the connection has been accepted. */
static void
on_connection(uv_stream_t *listener, int status)
{
    elo_http_server_t *s = listener->data;

    if (status < 0) {
        elo_log(ELO_LOG_WARN, "accept failed: %s", uv_strerror(status));
        return;
    }
    s->has_waiting = true;
    accept_waiting(s);
}


static void
on_tick(uv_timer_t *timer)
{
    elo_http_server_t *s = timer->data;
    uint64_t now = uv_now(timer->loop);
    bool is_cut = s->is_draining && now >= s->cut_at_ms;
    elo_http_req_t *c;
    elo_http_req_t *next;

    for (c = s->conns; c != NULL; c = next) {
        next = c->next;
        if (is_cut) {
            elo_conn_close(c);
        } else {
            elo_conn_tick(c, now);
        }
    }
    accept_waiting(s);
}


/* ---- making and ending ---- */

static void
free_server(elo_http_server_t *s)
{
    while (s->n_spare != 0) {
        free(s->spare[--s->n_spare]);
    }
    free(s->trash);
    free(s->path);
    free(s);
}


static void
on_handle_closed(uv_handle_t *h)
{
    elo_http_server_t *s = h->data;
    void (*done)(void *ctx) = s->done;
    void *ctx = s->done_ctx;

    if (--s->n_handles != 0) {
        return;
    }
    free_server(s);
    if (done != NULL) {
        done(ctx);
    }
}


static void
close_handles(elo_http_server_t *s)
{
    s->is_ending = true;
    if (!uv_is_closing((uv_handle_t *) &s->listener)) {
        uv_close((uv_handle_t *) &s->listener, on_handle_closed);
    }
    uv_close((uv_handle_t *) &s->tick, on_handle_closed);
    uv_close((uv_handle_t *) &s->idle, on_handle_closed);
}


static void
init_handles(elo_http_server_t *s)
{
    uv_loop_t *uv = elo_loop_uv(s->loop);
    uint64_t period = s->cfg.idle_ms / 4;

    period = ELO_MIN(ELO_MAX(period, TICK_MIN_MS), TICK_MAX_MS);
    if (s->path != NULL) {
        (void) uv_pipe_init(uv, &s->listener.pipe, 0);
    } else {
        (void) uv_tcp_init(uv, &s->listener.tcp);
    }
    (void) uv_timer_init(uv, &s->tick);
    (void) uv_idle_init(uv, &s->idle);
    s->listener.stream.data = s->tick.data = s->idle.data = s;
    s->n_handles = 3;
    (void) uv_timer_start(&s->tick, on_tick, period, period);
    uv_unref((uv_handle_t *) &s->tick);
}


/* Nobody else is ever meant to reach it. */
static bool
is_loopback(const struct sockaddr *sa)
{
    static const struct in6_addr one = IN6ADDR_LOOPBACK_INIT;

    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *) sa;

        return ntohl(in->sin_addr.s_addr) >> 24 == LOOPBACK_NET;
    }
    return memcmp(&((const struct sockaddr_in6 *) sa)->sin6_addr, &one,
                  sizeof(one))
           == 0;
}


static elo_err_t
bind_tcp(elo_http_server_t *s, const elo_http_cfg_t *cfg)
{
    struct sockaddr_storage mem = { 0 };
    struct sockaddr *sa = (struct sockaddr *) &mem;

    if (uv_ip4_addr(cfg->host, cfg->port, (struct sockaddr_in *) sa) != 0
        && uv_ip6_addr(cfg->host, cfg->port, (struct sockaddr_in6 *) sa) != 0)
    {
        return ELO_EINVAL;
    }
    if (!is_loopback(sa)) {
        return ELO_EDENIED;
    }
    init_handles(s);
    return -uv_tcp_bind(&s->listener.tcp, sa, 0);
}


static elo_err_t
bind_unix(elo_http_server_t *s, const elo_http_cfg_t *cfg)
{
    elo_unix_bound_t bound;
    elo_err_t rc = elo_unix_bind(s->path, cfg->mode, cfg->group, &bound);

    if (rc != ELO_OK) {
        return rc;
    }
    s->inode = bound.inode;
    init_handles(s);
    rc = -uv_pipe_open(&s->listener.pipe, bound.fd);
    if (rc != ELO_OK) {
        elo_unix_close(bound.fd);
    }
    return rc;
}


static elo_err_t
listen_on(elo_http_server_t *s, const elo_http_cfg_t *cfg)
{
    elo_err_t rc = s->path != NULL ? bind_unix(s, cfg) : bind_tcp(s, cfg);

    if (rc == ELO_OK) {
        rc = -uv_listen(&s->listener.stream, BACKLOG, on_connection);
    }
    return rc == EADDRINUSE ? (elo_err_t) ELO_EBUSY : rc;
}


static void
unlink_name(elo_http_server_t *s)
{
    if (s->path != NULL && s->inode != 0) {
        elo_unix_unlink(s->path, s->inode);
    }
}


elo_err_t
elo_http_server_create(elo_loop_t *loop, const elo_http_cfg_t *cfg,
                       elo_http_handler_t *handler, elo_http_server_t **out)
{
    elo_http_server_t *s;
    elo_err_t rc;

    if (cfg->max_conns == 0 || cfg->idle_ms == 0 || cfg->max_head < HEAD_LEAST)
    {
        return ELO_EINVAL;
    }
    s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return ELO_ENOMEM;
    }
    s->cfg = *cfg;
    s->cfg.path = s->cfg.host = NULL; /* the caller's; ours is s->path */
    s->loop = loop;
    s->handler = handler;
    s->path = cfg->host == NULL ? strdup(cfg->path) : NULL;
    s->trash = malloc(ELO_HTTP_TRASH_LEN);
    if ((s->path == NULL && cfg->host == NULL) || s->trash == NULL) {
        free_server(s);
        return ELO_ENOMEM;
    }
    rc = listen_on(s, cfg);
    if (rc != ELO_OK && s->n_handles == 0) {
        free_server(s);
        return rc;
    }
    if (rc != ELO_OK) {
        unlink_name(s);
        close_handles(s); /* frees s when they are */
        return rc;
    }
    *out = s;
    return ELO_OK;
}


uint16_t
elo_http_server_port(const elo_http_server_t *s)
{
    struct sockaddr_storage sa;
    int len = sizeof(sa);

    if (s->path != NULL
        || uv_tcp_getsockname(&s->listener.tcp, (struct sockaddr *) &sa, &len)
               != 0)
    {
        return 0;
    }
    return ntohs(sa.ss_family == AF_INET
                     ? ((const struct sockaddr_in *) &sa)->sin_port
                     : ((const struct sockaddr_in6 *) &sa)->sin6_port);
}


void
elo_http_conn_gone(elo_http_server_t *s)
{
    s->n_conns--;
    s->shed_ms = 0;
    if (s->is_draining && s->n_conns == 0 && !s->is_ending) {
        close_handles(s);
        return;
    }
    accept_waiting(s);
}


void
elo_http_server_drain(elo_http_server_t **sp, uint32_t grace_ms,
                      void (*done)(void *ctx), void *ctx)
{
    elo_http_server_t *s = *sp;
    uv_loop_t *uv = elo_loop_uv(s->loop);
    elo_http_req_t *c;
    elo_http_req_t *next;

    *sp = NULL;
    assert(!s->is_draining);
    s->is_draining = true;
    s->done = done;
    s->done_ctx = ctx;
    s->cut_at_ms = uv_now(uv) + grace_ms;
    unlink_name(s);
    uv_close((uv_handle_t *) &s->listener, on_handle_closed);
    /* The tick must come in time for the cut. */
    (void) uv_timer_start(&s->tick, on_tick, ELO_MIN(grace_ms, TICK_MAX_MS / 4),
                          TICK_MAX_MS / 10);
    for (c = s->conns; c != NULL; c = next) {
        next = c->next;
        elo_conn_run(c); /* closes when nothing is going on */
    }
    if (s->n_conns == 0 && !s->is_ending) {
        close_handles(s);
    }
}
