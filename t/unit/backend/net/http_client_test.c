/* SPDX-License-Identifier: BSD-2-Clause */
/* http_client against the real server, and against a socket that lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>

#include "backend/net/http_client.h"
#include "backend/os/unix_socket.h"
#include "t/unit/backend/net/test_server.h"

#define LARGE 33554432

static test_server_t server;

typedef struct {
    uint64_t left; /* that the source still gives */
    uint64_t n;    /* that the sink has got */
    bool is_wrong;
    elo_err_t fail;
} ends_t;


static elo_err_t
source(void *ctx, uint8_t *p, size_t max, size_t *n)
{
    ends_t *e = ctx;

    *n = (size_t) ELO_MIN(e->left, (uint64_t) max);
    (void) memset(p, 'a', *n);
    e->left -= *n;
    return e->fail;
}


static elo_err_t
sink(void *ctx, elo_slice_t bytes)
{
    ends_t *e = ctx;
    size_t i;

    for (i = 0; i < bytes.len; i++) {
        e->is_wrong |= bytes.p[i] != (e->n + i) % 251;
    }
    e->n += bytes.len;
    return e->fail;
}


static elo_client_t *
client(void)
{
    elo_client_t *c = NULL;

    assert_int_equal(elo_client_open(server.path, &c), ELO_OK);
    return c;
}


static void
test_away(void **state)
{
    elo_client_t *c = NULL;

    (void) state;
    assert_int_equal(elo_client_open("/nonexistent/s", &c), ELO_EUNAVAIL);
    assert_null(c);
}


static void
test_get(void **state)
{
    static const uint64_t lengths[] = { 1, 65536, 262144, 10000001 };
    elo_client_t *c = client();
    elo_client_res_t res;
    size_t i;

    (void) state;
    for (i = 0; i < ELO_COUNT(lengths); i++) {
        ends_t e = { 0 };
        char target[64];
        elo_client_req_t req = {
            .method = "GET", .target = target, .sink = sink, .sink_ctx = &e
        };

        (void) snprintf(target, sizeof(target), "/stream?%llu",
                        (unsigned long long) lengths[i]);
        assert_int_equal(elo_client_do(c, &req, &res), ELO_OK);
        assert_int_equal(res.status, 200);
        assert_int_equal(res.content_length, lengths[i]);
        assert_int_equal(e.n, lengths[i]);
        assert_false(e.is_wrong);
        elo_client_res_dispose(&res);
    }
    elo_client_close(&c);
}


static void
test_head_and_fields(void **state)
{
    elo_client_t *c = client();
    elo_client_req_t head = { .method = "HEAD", .target = "/stream?77" };
    elo_client_req_t get = { .method = "GET",
                             .target = "/echo",
                             .headers = "X-In: this\r\n" };
    elo_client_res_t res;
    int i;

    (void) state;
    for (i = 0; i < 3; i++) { /* nothing is left behind on the connection */
        assert_int_equal(elo_client_do(c, &head, &res), ELO_OK);
        assert_int_equal(res.status, 200);
        assert_int_equal(res.content_length, 77);
        elo_client_res_dispose(&res);
        assert_int_equal(elo_client_do(c, &get, &res), ELO_OK);
        assert_true(elo_slice_eq(elo_client_res_header(&res, "x-in"),
                                 ELO_SLICE("this")));
        assert_true(elo_slice_eq(elo_client_res_header(&res, "Content-Type"),
                                 ELO_SLICE("text/plain")));
        assert_int_equal(elo_client_res_header(&res, "x-i").len, 0);
        elo_client_res_dispose(&res);
    }
    elo_client_close(&c);
}


static void
test_put(void **state)
{
    static const struct {
        const char *target;
        int64_t body_len;
        uint64_t given;
        elo_err_t rc;
        int status;
    } cases[] = {
        { "/count", 0, 0, ELO_OK, 200 },
        { "/count", 5, 5, ELO_OK, 200 },
        { "/count", LARGE, LARGE, ELO_OK, 200 },
        { "/count", -1, LARGE, ELO_OK, 200 },
        { "/count", -1, 0, ELO_OK, 200 },
        { "/refuse", LARGE, LARGE, ELO_OK, 409 },
        { "/refuse", -1, LARGE, ELO_OK, 409 },
        { "/full", LARGE, LARGE, ELO_OK, 507 },
        { "/count", 100, 50, ELO_EINVAL, 0 }, /* a file that shrank */
        { "/count", 100, 500, ELO_OK, 200 },  /* one that grew */
    };
    elo_client_t *c = client();
    elo_client_res_t res;
    size_t i;

    (void) state;
    for (i = 0; i < ELO_COUNT(cases); i++) {
        ends_t e = { .left = cases[i].given };
        elo_client_req_t req = { .method = "PUT",
                                 .target = cases[i].target,
                                 .body_len = cases[i].body_len,
                                 .source = source,
                                 .source_ctx = &e };

        if (elo_client_do(c, &req, &res) != cases[i].rc
            || res.status != cases[i].status)
        {
            fail_msg("case %zu: status %d", i, res.status);
        }
        if (res.status == 409) {
            assert_string_equal(elo_buf_cstr(&res.error), "refused");
        }
        elo_client_res_dispose(&res);
    }
    elo_client_close(&c);
}


static void
test_own_failures(void **state)
{
    elo_client_t *c = client();
    ends_t e = { .left = 10, .fail = EIO };
    elo_client_req_t put = { .method = "PUT",
                             .target = "/count",
                             .body_len = 10,
                             .source = source,
                             .source_ctx = &e };
    elo_client_req_t get = { .method = "GET",
                             .target = "/stream?1000000",
                             .sink = sink,
                             .sink_ctx = &e };
    elo_client_req_t split = { .method = "GET",
                               .target = "/x HTTP/1.1\r\nEvil: yes" };
    elo_client_req_t cut = { .method = "GET", .target = "/abort" };
    elo_client_res_t res;

    (void) state;
    assert_int_equal(elo_client_do(c, &put, &res), EIO);
    elo_client_res_dispose(&res);
    assert_int_equal(elo_client_do(c, &get, &res), EIO);
    elo_client_res_dispose(&res);
    assert_int_equal(elo_client_do(c, &split, &res), ELO_EINVAL);
    elo_client_res_dispose(&res);
    assert_int_equal(elo_client_do(c, &cut, &res), ELO_ECLOSED);
    elo_client_res_dispose(&res);
    e.fail = ELO_OK;
    e.n = 0;
    assert_int_equal(elo_client_do(c, &get, &res), ELO_OK);
    assert_int_equal(res.status, 200);
    elo_client_res_dispose(&res);
    elo_client_close(&c);
}


/* A kept connection that the server has closed meanwhile is not an error. */
static void
test_reconnect(void **state)
{
    elo_client_t *c = client();
    elo_client_req_t req = { .method = "GET", .target = "/small" };
    elo_client_res_t res;
    int i;

    (void) state;
    for (i = 0; i < 2; i++) {
        assert_int_equal(elo_client_do(c, &req, &res), ELO_OK);
        assert_int_equal(res.status, 200);
        elo_client_res_dispose(&res);
        (void) usleep(600000); /* longer than the server's idle time */
    }
    elo_client_close(&c);
}


/* ---- a server that lies ---- */

typedef struct {
    int fd;
    const char *answer;
} liar_t;


static void *
lie(void *ctx)
{
    liar_t *liar = ctx;
    char request[4096];
    size_t n;
    int fd = accept(liar->fd, NULL, NULL);

    if (fd >= 0 && elo_unix_recv(fd, request, sizeof(request), &n) == ELO_OK) {
        (void) send(fd, liar->answer, strlen(liar->answer), MSG_NOSIGNAL);
    }
    elo_unix_close(fd);
    return NULL;
}


static void
test_liars(void **state)
{
    static const struct {
        const char *answer;
        elo_err_t rc;
        int status;
    } cases[] = {
        { "", ELO_ECLOSED, 0 },
        { "HTTP/1.1 200 O", ELO_ECLOSED, 0 },
        { "nonsense\r\n\r\n", ELO_EINVAL, 0 },
        { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", ELO_ECLOSED, 200 },
        { "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc", ELO_EINVAL, 0 },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
          ELO_ECLOSED, 200 },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
          ELO_EINVAL, 200 },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
          "1\r\na\r\n0\r\n\r\n",
          ELO_OK, 200 },
        { "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n", ELO_OK, 204 },
        { "HTTP/1.1 200 OK\r\n\r\nto the end", ELO_OK, 200 },
        { "HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno", ELO_OK, 500 },
    };
    elo_unix_bound_t bound;
    char path[160];
    size_t i;

    (void) state;
    (void) snprintf(path, sizeof(path), "%s/liar", server.dir);
    assert_int_equal(elo_unix_bind(path, 0600, -1, &bound), ELO_OK);
    assert_int_equal(listen(bound.fd, 4), 0);
    assert_int_equal(fcntl(bound.fd, F_SETFL, 0), 0); /* accept waits */
    for (i = 0; i < ELO_COUNT(cases); i++) {
        liar_t liar = { bound.fd, cases[i].answer };
        elo_client_req_t req = { .method = "GET", .target = "/" };
        elo_client_res_t res;
        elo_client_t *c = NULL;
        pthread_t thread;
        elo_err_t rc;

        assert_int_equal(elo_client_open(path, &c), ELO_OK);
        assert_int_equal(pthread_create(&thread, NULL, lie, &liar), 0);
        rc = elo_client_do(c, &req, &res);
        (void) pthread_join(thread, NULL);
        if (rc != cases[i].rc || res.status != cases[i].status) {
            fail_msg("case %zu: %d, status %d", i, rc, res.status);
        }
        elo_client_res_dispose(&res);
        elo_client_close(&c);
    }
    elo_unix_close(bound.fd);
    elo_unix_unlink(path, bound.inode);
}


static void
test_end(void **state)
{
    (void) state;
    assert_int_equal(test_server_stop(&server), 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_away),
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_head_and_fields),
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_own_failures),
        cmocka_unit_test(test_reconnect),
        cmocka_unit_test(test_liars),
        cmocka_unit_test(test_end),
    };

    test_server_start(&server, 400, 64);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
