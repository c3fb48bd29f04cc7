/* SPDX-License-Identifier: BSD-2-Clause */
/* http_server: bodies that are read whole, answers written into the server's
   room, and answers without a length (RFC 9112, 7.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/socket.h>

#include "backend/os/unix_socket.h"
#include "common/base/num.h"
#include "t/unit/backend/net/test_server.h"

#define IDLE_MS   400u
#define MAX_CONNS 8u
#define HEAD_MAX  4096u /* of test_server.h */

static test_server_t server;
static char text[1 << 20];


static int
dial(void)
{
    int fd = -1;

    assert_int_equal(elo_unix_connect(server.path, &fd), ELO_OK);
    return fd;
}


static bool
put(int fd, const void *p, size_t len)
{
    const uint8_t *at = p;

    while (len != 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

        if (n <= 0) {
            return false;
        }
        at += n;
        len -= (size_t) n;
    }
    return true;
}


/* Everything until the end of the stream. */
static const char *
get_all(int fd)
{
    size_t len = 0;
    size_t n = 1;

    while (n != 0 && len < sizeof(text) - 1
           && elo_unix_recv(fd, text + len, sizeof(text) - 1 - len, &n)
                  == ELO_OK)
    {
        len += n;
    }
    text[len] = '\0';
    elo_unix_close(fd);
    return text;
}


static const char *
ask(const char *request)
{
    int fd = dial();

    assert_true(put(fd, request, strlen(request)));
    return get_all(fd);
}


static const char *
body_of(const char *answer)
{
    const char *end = strstr(answer, "\r\n\r\n");

    assert_non_null(end);
    return end + 4;
}


static unsigned
n_seen(void)
{
    return (unsigned) strtoul(body_of(ask("GET /seen HTTP/1.1\r\nHost: x\r\n"
                                          "Connection: close\r\n\r\n")),
                              NULL, 10);
}


/* Sends a head, a pause, and the body in pieces of step bytes. */
static int
upload(const char *path, const uint8_t *body, size_t len, size_t step,
       bool is_apart)
{
    char head[256];
    int fd = dial();

    (void) snprintf(head, sizeof(head),
                    "PUT %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
                    path, len);
    assert_true(put(fd, head, strlen(head)));
    for (size_t at = 0; at < len; at += step) {
        if (is_apart) {
            (void) usleep(20000); /* so that it comes apart from the rest */
        }
        assert_true(put(fd, body + at, ELO_MIN(step, len - at)));
    }
    return fd;
}


/* Behind the upload on the same connection: closes it. */
static const char *
answer_of(int fd)
{
    static const char bye[] =
        "GET /small HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

    assert_true(put(fd, bye, strlen(bye)));
    return get_all(fd);
}


static const size_t lengths[] = {
    1, 100, HEAD_MAX - 200, HEAD_MAX, HEAD_MAX + 1, 65536, ELO_HTTP_WHOLE_MAX,
};


static void
test_whole(void **state)
{
    static const char *const paths[] = { "/whole", "/whole-later" };
    uint8_t *body = malloc(ELO_HTTP_WHOLE_MAX);
    char want[64];

    (void) state;
    for (size_t i = 0; i < ELO_HTTP_WHOLE_MAX; i++) {
        body[i] = (uint8_t) (i * 7 + 1);
    }
    for (size_t i = 0; i < ELO_COUNT(lengths); i++) {
        size_t len = lengths[i];

        ts_sum(elo_slice(body, len), want);
        for (size_t j = 0; j < ELO_COUNT(paths); j++) {
            const char *a;

            a = answer_of(upload(paths[j], body, len, len, false));
            assert_int_equal(strncmp(body_of(a), want, strlen(want)), 0);
            assert_non_null(strstr(a, "small")); /* pipelined behind */
            a = answer_of(upload(paths[j], body, len, len / 3 + 1, true));
            assert_int_equal(strncmp(body_of(a), want, strlen(want)), 0);
            assert_non_null(strstr(a, "small"));
        }
    }
    free(body);
}


/* Into the handler's own room: plain, and chunked with another request behind
   it. */
static void
test_into(void **state)
{
    static const unsigned rooms[] = { 1, 7, 1000, 65536 };
    static const char *const targets[] = { "/into?1", "/into?7", "/into?1000",
                                           "/into?65536", "/count" };
    uint8_t *body = malloc(ELO_HTTP_WHOLE_MAX);
    char want[64], head[256];

    (void) state;
    for (size_t i = 0; i < ELO_HTTP_WHOLE_MAX; i++) {
        body[i] = (uint8_t) (i * 3 + i / 251);
    }
    for (size_t i = 0; i < ELO_COUNT(targets); i++) {
        size_t most = i < ELO_COUNT(rooms) && rooms[i] < 1000
                          ? 3 * HEAD_MAX
                          : ELO_HTTP_WHOLE_MAX;
        const char *a;
        int fd;

        ts_sum(elo_slice(body, most), want);
        a = answer_of(upload(targets[i], body, most, most, false));
        assert_int_equal(strncmp(body_of(a), want, strlen(want)), 0);
        assert_non_null(strstr(a, "small"));
        a = answer_of(upload(targets[i], body, most, most / 5 + 1, true));
        assert_int_equal(strncmp(body_of(a), want, strlen(want)), 0);
        fd = dial();
        (void) snprintf(head, sizeof(head),
                        "PUT %s HTTP/1.1\r\nHost: x\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n%zx\r\n",
                        targets[i], most);
        assert_true(put(fd, head, strlen(head)));
        assert_true(put(fd, body, most));
        assert_true(put(fd, "\r\n0\r\n\r\n", 7));
        a = answer_of(fd);
        assert_int_equal(strncmp(body_of(a), want, strlen(want)), 0);
        assert_non_null(strstr(a, "small"));
    }
    free(body);
}


/* One that breaks off is told of, whether it lies in the one buffer or the
   other. */
static void
test_whole_cut(void **state)
{
    uint8_t *body = calloc(1, ELO_HTTP_WHOLE_MAX);
    unsigned before = n_seen();
    unsigned n = 0;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(lengths); i++) {
        char head[128];

        for (unsigned half = 0; half < 2; half++) {
            int fd = dial();

            (void) snprintf(head, sizeof(head),
                            "PUT /whole HTTP/1.1\r\nHost: x\r\n"
                            "Content-Length: %zu\r\n\r\n",
                            lengths[i]);
            assert_true(put(fd, head, strlen(head)));
            assert_true(put(fd, body, half == 0 ? 0 : lengths[i] / 2));
            assert_int_equal(shutdown(fd, SHUT_WR), 0);
            assert_string_equal(get_all(fd), "");
            n++;
        }
    }
    assert_int_equal(n_seen(), before + n);
    free(body);
}


/* The idle timeout holds within it. */
static void
test_whole_slow(void **state)
{
    unsigned before = n_seen();
    int fd = dial();

    (void) state;
    assert_true(put(fd,
                    "PUT /whole HTTP/1.1\r\nHost: x\r\nContent-Length: "
                    "10\r\n\r\nabc",
                    strlen("PUT /whole HTTP/1.1\r\nHost: x\r\nContent-Length: "
                           "10\r\n\r\nabc")));
    assert_string_equal(get_all(fd), "");
    assert_int_equal(n_seen(), before + 1);
}


static void
test_whole_expect(void **state)
{
    const char *a;

    (void) state;
    a = ask("PUT /whole HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            "Content-Length: 3\r\nExpect: 100-continue\r\n\r\nabc");
    assert_null(strstr(a, "100 Continue")); /* the body is here */
    assert_non_null(strstr(a, "200 OK"));
    int fd = dial();

    a = "PUT /whole HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n";
    assert_true(put(fd, a, strlen(a)));
    assert_true(recv(fd, text, 25, MSG_WAITALL) == 25);
    assert_int_equal(strncmp(text, "HTTP/1.1 100 Continue\r\n\r\n", 25), 0);
    assert_true(put(fd, "abc", 3));
    assert_non_null(strstr(get_all(fd), "200 OK"));
}


static void
test_now(void **state)
{
    static const char close[] = "Connection: close\r\n";
    char request[256];
    const char *a;

    (void) state;
    a = ask("PUT /now HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
            "PUT /now HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
            "PUT /now HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            "\r\n0\r\n\r\n"
            "PUT /now HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
            "Connection: close\r\n\r\nde");
    assert_non_null(a = strstr(a, "now 3 "));
    assert_non_null(a = strstr(a, "now 0 "));
    assert_non_null(a = strstr(a, "not now"));
    assert_non_null(a = strstr(a, "now 2 "));
    (void) snprintf(request, sizeof(request),
                    "PUT /now HTTP/1.1\r\nHost: x\r\n%sContent-Length: 5\r\n"
                    "\r\nabc",
                    close);
    assert_non_null(strstr(ask(request), "not now"));
}


static void
test_room(void **state)
{
    const char *a;

    (void) state;
    a = ask(
        "GET /room HTTP/1.1\r\nHost: x\r\n\r\n"
        "GET /room-dropped HTTP/1.1\r\nHost: x\r\n\r\n"
        "HEAD /room HTTP/1.1\r\nHost: x\r\n\r\n"
        "GET /room?100000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_non_null(strstr(a, "X-Room: yes"));
    assert_non_null(a = strstr(a, "\r\n\r\nrrrrrHTTP/1.1 409"));
    assert_int_equal(strncmp(body_of(a + 4), "instead", 7), 0);
    assert_true(strstr(a, "X-Room") > strstr(a, "instead"));
    assert_non_null(a = strstr(a, "Content-Length: 100000"));
    assert_int_equal(strlen(body_of(a)), 100000);
    assert_int_equal(strspn(body_of(a), "r"), 100000);
}


static void
test_open(void **state)
{
    const char *a;

    (void) state;
    a = ask("GET /open?2 HTTP/1.1\r\nHost: x\r\n\r\n"
            "GET /open-nothing HTTP/1.1\r\nHost: x\r\n\r\n"
            "HEAD /open?2 HTTP/1.1\r\nHost: x\r\n\r\n"
            "GET /small HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_non_null(strstr(a, "Transfer-Encoding: chunked\r\n"));
    assert_true(strstr(a, "Content-Length") > strstr(a, "piece"));
    assert_int_equal(strncmp(body_of(a),
                             "8\r\npiece 0;\r\n8\r\npiece 1;\r\n0\r\n\r\nHTTP",
                             35),
                     0);
    a = body_of(a) + 31;
    assert_int_equal(strncmp(body_of(a), "0\r\n\r\nHTTP", 9), 0);
    a = body_of(a) + 5;
    assert_int_equal(strncmp(body_of(a), "HTTP/1.1 200", 12), 0);
    assert_string_equal(body_of(body_of(a)), "small");
}


static void
test_open_http10(void **state)
{
    const char *a;

    (void) state;
    a = ask("GET /open?3 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_null(strstr(a, "chunked"));
    assert_null(strstr(a, "Content-Length"));
    assert_non_null(strstr(a, "Connection: close"));
    assert_string_equal(body_of(a), "piece 0;piece 1;piece 2;");
}


static void
test_open_cut(void **state)
{
    unsigned before = n_seen();
    const char *a;
    int fd;

    (void) state;
    a = ask("GET /open-abort HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_string_equal(body_of(a), "a\r\n0123456789\r\n");
    /* the client goes in the middle of a long one */
    fd = dial();
    a = "GET /open?100000000 HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_true(put(fd, a, strlen(a)));
    assert_true(recv(fd, text, 1000, MSG_WAITALL) == 1000);
    elo_unix_close(fd);
    while (n_seen() == before) {
        (void) usleep(1000);
    }
    assert_int_equal(n_seen(), before + 1);
}


static int
setup(void **state)
{
    (void) state;
    test_server_start(&server, IDLE_MS, MAX_CONNS);
    return 0;
}


static int
teardown(void **state)
{
    (void) state;
    return test_server_stop(&server) == 0 ? 0 : -1;
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),       cmocka_unit_test(test_whole_cut),
        cmocka_unit_test(test_whole_slow),  cmocka_unit_test(test_whole_expect),
        cmocka_unit_test(test_into),        cmocka_unit_test(test_now),
        cmocka_unit_test(test_room),        cmocka_unit_test(test_open),
        cmocka_unit_test(test_open_http10), cmocka_unit_test(test_open_cut),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
