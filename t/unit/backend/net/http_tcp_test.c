/* SPDX-License-Identifier: BSD-2-Clause */
/* http_server on loopback TCP: addresses that it refuses, who the client is, and the
   fields that stand in any answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/net/http_server.h"
#include "common/base/num.h"

#define ANSWER_MAX 4096

typedef struct {
    elo_http_handler_t handler; /* first */
    elo_loop_t *loop;
    elo_http_server_t *server;
    uint16_t port;
    uint8_t peer[16];
    size_t peer_len;
    uint32_t n_a;
    char log_path[64];
} stand_t;


static void
on_drained(void *ctx)
{
    stand_t *s = ctx;

    s->server = NULL;
}


/* One exchange, and the end. */
static void
on_request(elo_http_handler_t *self, elo_http_req_t *req)
{
    stand_t *s = (stand_t *) self;
    elo_slice_t peer = elo_http_req_peer(req);
    elo_slice_t path = elo_http_req_log_path(req);
    uint8_t *room;

    memcpy(s->peer, peer.p, peer.len);
    s->peer_len = peer.len;
    s->n_a = elo_http_req_count(req, "a");
    (void) snprintf(s->log_path, sizeof(s->log_path), "%.*s", (int) path.len,
                    (const char *) path.p);
    elo_http_res_standing(req, ELO_SLICE("X-Stands: yes\r\n"));
    elo_http_res_header(req, "X-Goes", ELO_SLICE("yes"));
    room = elo_http_res_room(req, 3);
    if (room != NULL) {
        elo_http_res_drop_room(req); /* and with it what was said */
    }
    elo_http_res_send(req, ELO_SLICE("ok"));
    elo_http_server_drain(&s->server, 1000, on_drained, s);
}


static elo_http_cfg_t
cfg_of(const char *host, uint16_t port)
{
    return (elo_http_cfg_t){ .host = host,
                             .port = port,
                             .max_conns = 4,
                             .idle_ms = 5000,
                             .max_head = 4096 };
}


static void *
run(void *ctx)
{
    stand_t *s = ctx;

    elo_loop_run(s->loop);
    return NULL;
}


/* What is answered to request; the server is gone then. */
static void
exchange(stand_t *s, const char *request, char answer[ANSWER_MAX])
{
    elo_http_cfg_t cfg = cfg_of("127.0.0.1", 0);
    struct sockaddr_in to = { .sin_family = AF_INET };
    size_t len = 0;
    pthread_t thread;
    ssize_t n;
    int fd;

    *s = (stand_t){ .handler = { on_request } };
    assert_int_equal(elo_loop_create(&s->loop), ELO_OK);
    assert_int_equal(
        elo_http_server_create(s->loop, &cfg, &s->handler, &s->server), ELO_OK);
    s->port = elo_http_server_port(s->server);
    assert_true(s->port != 0);
    assert_int_equal(pthread_create(&thread, NULL, run, s), 0);
    to.sin_port = htons(s->port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *) &to, sizeof(to)), 0);
    assert_int_equal(write(fd, request, strlen(request)), strlen(request));
    while (len < ANSWER_MAX - 1
           && (n = read(fd, answer + len, ANSWER_MAX - 1 - len)) > 0)
    {
        len += (size_t) n;
    }
    answer[len] = '\0';
    (void) close(fd);
    assert_int_equal(pthread_join(thread, NULL), 0);
    elo_loop_free(&s->loop);
}


static void
test_exchange(void **state)
{
    static const uint8_t loopback[] = { 127, 0, 0, 1 };
    char answer[ANSWER_MAX];
    stand_t s;

    (void) state;
    exchange(&s, "GET /x HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\na: 3\r\n\r\n",
             answer);
    assert_non_null(strstr(answer, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(answer, "X-Stands: yes\r\n"));
    assert_null(strstr(answer, "X-Goes"));
    assert_int_equal(s.peer_len, sizeof(loopback));
    assert_memory_equal(s.peer, loopback, sizeof(loopback));
    assert_int_equal(s.n_a, 2);
    assert_string_equal(s.log_path, "/x");
}


static void
test_log_path(void **state)
{
    static const struct {
        const char *path;
        const char *logged;
    } rows[] = {
        { "/store/abc", "/store/abc" },
        { "/s/secret/store/abc", "/s/" },
        { "/internal/v1/session/secret", "/internal/v1/session/" },
        { "/internal/v1/url/secret", "/internal/v1/url/" },
        { "/%73/secret/store", "/(escaped)" },
        { "/%2573/x", "/(escaped)" },
        { "/s", "/s" },
    };
    char request[256], answer[ANSWER_MAX];
    stand_t s;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        (void) snprintf(request, sizeof(request),
                        "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", rows[i].path);
        exchange(&s, request, answer);
        assert_string_equal(s.log_path, rows[i].logged);
    }
}


static void
test_addresses(void **state)
{
    static const struct {
        const char *host;
        elo_err_t want;
    } rows[] = {
        { "0.0.0.0", ELO_EDENIED },
        { "10.0.0.1", ELO_EDENIED },
        { "128.0.0.1", ELO_EDENIED },
        { "126.255.255.255", ELO_EDENIED },
        { "::", ELO_EDENIED },
        { "::2", ELO_EDENIED },
        { "fe80::1", ELO_EDENIED },
        { "::ffff:127.0.0.1", ELO_EDENIED },
        { "::ffff:10.0.0.1", ELO_EDENIED },
        { "localhost", ELO_EINVAL },
        { "", ELO_EINVAL },
        { "127.1", ELO_EINVAL },
        { "127.0.0.1 ", ELO_EINVAL },
    };
    elo_http_handler_t handler = { on_request };
    elo_http_server_t *server = NULL;
    elo_loop_t *loop;

    (void) state;
    assert_int_equal(elo_loop_create(&loop), ELO_OK);
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_http_cfg_t cfg = cfg_of(rows[i].host, 0);
        elo_err_t rc = elo_http_server_create(loop, &cfg, &handler, &server);

        if (rc != rows[i].want || server != NULL) {
            fail_msg("\"%s\": %d", rows[i].host, rc);
        }
    }
    elo_loop_run(loop);
    elo_loop_free(&loop);
}


static void
test_taken(void **state)
{
    elo_http_cfg_t cfg = cfg_of("127.0.0.1", 0);
    elo_http_handler_t handler = { on_request };
    elo_http_server_t *one, *two = NULL;
    elo_loop_t *loop;

    (void) state;
    assert_int_equal(elo_loop_create(&loop), ELO_OK);
    assert_int_equal(elo_http_server_create(loop, &cfg, &handler, &one),
                     ELO_OK);
    cfg.port = elo_http_server_port(one);
    assert_int_equal(elo_http_server_create(loop, &cfg, &handler, &two),
                     ELO_EBUSY);
    assert_null(two);
    elo_http_server_drain(&one, 0, NULL, NULL);
    elo_loop_run(loop);
    elo_loop_free(&loop);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exchange),
        cmocka_unit_test(test_log_path),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
