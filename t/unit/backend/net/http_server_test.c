/* SPDX-License-Identifier: BSD-2-Clause */
/* http_server over a real unix socket: one server process, and everything that
   can be done to it from outside: hostile requests, framing, timeouts,
   back-pressure, the socket's name, draining. One file, though long: all of it
   shares the server that the first lines start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "backend/net/http_internal.h"
#include "backend/os/clock.h"
#include "backend/os/unix_socket.h"
#include "common/base/buf.h"
#include "common/base/num.h"
#include "t/unit/backend/net/test_server.h"

#define IDLE_MS   400u
#define MAX_CONNS 8u

static test_server_t server;


static int
dial(void)
{
    int fd = -1;

    assert_int_equal(elo_unix_connect(server.path, &fd), ELO_OK);
    return fd;
}


/* Sends what the other side takes; false when it has closed. */
static bool
put(int fd, const void *p, size_t len)
{
    return send(fd, p, len, MSG_NOSIGNAL) == (ssize_t) len;
}


static void
put_str(int fd, const char *s)
{
    assert_true(put(fd, s, strlen(s)));
}


/* Everything until the end of the stream. */
static const char *
get_all(int fd)
{
    static char text[1 << 16];
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


/* Reads until text ends in tail. */
static const char *
get_until(int fd, const char *tail)
{
    static char text[1 << 16];
    size_t len = 0;
    size_t n = 1;

    for (;;) {
        assert_int_equal(
            elo_unix_recv(fd, text + len, sizeof(text) - 1 - len, &n), ELO_OK);
        assert_true(n != 0);
        len += n;
        text[len] = '\0';
        if (len >= strlen(tail) && strcmp(text + len - strlen(tail), tail) == 0)
        {
            return text;
        }
    }
}


/* One request with Connection: close; its whole answer. */
static const char *
ask(const char *request)
{
    int fd = dial();

    put_str(fd, request);
    return get_all(fd);
}


static int
status_of(const char *answer)
{
    int status = 0;

    (void) sscanf(answer, "HTTP/1.1 %d ", &status);
    return status;
}


#define H         "Host: x\r\n"
#define GET_CLOSE "GET /small HTTP/1.1\r\n" H "Connection: close\r\n\r\n"

static const struct {
    const char *attack;
    const char *request;
    int status;
} hostile[] = {
    { "both lengths (CL.TE)",
      "PUT /count HTTP/1.1\r\n" H
      "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      400 },
    { "both lengths (TE.CL)",
      "PUT /count HTTP/1.1\r\n" H
      "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
      400 },
    { "two lengths that differ",
      "PUT /count HTTP/1.1\r\n" H
      "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
      400 },
    { "two lengths that agree",
      "PUT /count HTTP/1.1\r\n" H
      "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
      400 },
    { "list of lengths",
      "PUT /count HTTP/1.1\r\n" H "Content-Length: 4, 4\r\n\r\nabcd", 400 },
    { "signed length",
      "PUT /count HTTP/1.1\r\n" H "Content-Length: +4\r\n\r\nabcd", 400 },
    { "negative length",
      "PUT /count HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n", 400 },
    { "length past 2^63",
      "PUT /count HTTP/1.1\r\n" H "Content-Length: 9223372036854775808\r\n\r\n",
      400 },
    { "empty length", "PUT /count HTTP/1.1\r\n" H "Content-Length:\r\n\r\n",
      400 },
    { "blank before the colon",
      "PUT /count HTTP/1.1\r\n" H "Content-Length : 4\r\n\r\nabcd", 400 },
    { "hidden coding",
      "PUT /count HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", 501 },
    { "coding in front",
      "PUT /count HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n",
      501 },
    { "coding twice",
      "PUT /count HTTP/1.1\r\n" H
      "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
      400 },
    { "chunked in HTTP/1.0",
      "PUT /count HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      400 },
    { "folded field", "GET /small HTTP/1.1\r\n" H "X-A: b\r\n c\r\n\r\n", 400 },
    { "bare LF between fields", "GET /small HTTP/1.1\n" H "\r\n", 400 },
    { "bare LF at the end", "GET /small HTTP/1.1\r\nHost: x\n\n", 400 },
    { "bare CR in a value", "GET /small HTTP/1.1\r\n" H "X-A: b\rc\r\n\r\n",
      400 },
    { "control byte in a value",
      "GET /small HTTP/1.1\r\n" H "X-A: b\x01\r\n\r\n", 400 },
    { "no Host", "GET /small HTTP/1.1\r\n\r\n", 400 },
    { "two Hosts", "GET /small HTTP/1.1\r\n" H H "\r\n", 400 },
    { "absolute form", "GET http://x/small HTTP/1.1\r\n" H "\r\n", 400 },
    { "authority form", "CONNECT x:80 HTTP/1.1\r\n" H "\r\n", 501 },
    { "asterisk form", "OPTIONS * HTTP/1.1\r\n" H "\r\n", 400 },
    { "fragment", "GET /small#x HTTP/1.1\r\n" H "\r\n", 400 },
    { "blank in the target", "GET /sm all HTTP/1.1\r\n" H "\r\n", 400 },
    { "high byte in the target", "GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n", 400 },
    { "unknown method", "BREW /small HTTP/1.1\r\n" H "\r\n", 501 },
    { "known but not ours", "TRACE /small HTTP/1.1\r\n" H "\r\n", 501 },
    { "no method", " /small HTTP/1.1\r\n" H "\r\n", 400 },
    { "HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 501 },
    { "HTTP/3.0", "GET /small HTTP/3.0\r\n" H "\r\n", 505 },
    { "HTTP/1.2", "GET /small HTTP/1.2\r\n" H "\r\n", 505 },
    { "no version", "GET /small\r\n\r\n", 505 },
    { "TLS", "\x16\x03\x01\x02\x01\x01\n\n", 400 },
    { "other expectation",
      "PUT /count HTTP/1.1\r\n" H "Content-Length: 1\r\nExpect: 200-ok\r\n\r\n",
      417 },
};


static void
test_hostile(void **state)
{
    size_t i;

    (void) state;
    for (i = 0; i < ELO_COUNT(hostile); i++) {
        const char *answer = ask(hostile[i].request);

        if (status_of(answer) != hostile[i].status) {
            fail_msg("%s: %.40s", hostile[i].attack, answer);
        }
        assert_non_null(strstr(answer, "Connection: close\r\n"));
        assert_non_null(strstr(answer, "application/problem+json"));
    }
}


/* A malformed chunk ends the connection without an answer: the handler may be
   in the midst of one. */
static void
test_hostile_chunks(void **state)
{
    static const char *const bodies[] = { "g\r\n",
                                          "-1\r\n",
                                          "1 \r\na\r\n",
                                          "1;x=y\r\na\r\n",
                                          "1\na\n",
                                          "1\r\nab\r\n",
                                          "1\r\na0\r\n",
                                          "\r\n",
                                          "0x1\r\na\r\n",
                                          "1000000000000000\r\n",
                                          "0\r\nX: \x01\r\n\r\n" };
    size_t i;

    (void) state;
    for (i = 0; i < ELO_COUNT(bodies); i++) {
        int fd = dial();

        put_str(fd, "PUT /count HTTP/1.1\r\n" H
                    "Transfer-Encoding: chunked\r\n\r\n");
        put_str(fd, bodies[i]);
        assert_string_equal(get_all(fd), "");
    }
}


static void
test_too_large(void **state)
{
    char request[8192];
    int fd;

    (void) state;
    memset(request, 'a', sizeof(request));
    memcpy(request, "GET /", 5);
    fd = dial();
    (void) put(fd, request, sizeof(request));
    assert_int_equal(status_of(get_all(fd)), 414);

    memcpy(request, "GET / HTTP/1.1\r\nX: ", 19);
    fd = dial();
    (void) put(fd, request, sizeof(request));
    assert_int_equal(status_of(get_all(fd)), 431);

    fd = dial();
    put_str(fd, "GET /small HTTP/1.1\r\n" H);
    for (int i = 0; i < 100; i++) {
        put_str(fd, "A: b\r\n");
    }
    put_str(fd, "\r\n");
    assert_int_equal(status_of(get_all(fd)), 431);
}


/* A request in two parts, cut at every place; and every part alone. */
static void
test_prefixes(void **state)
{
    static const char request[] =
        "PUT /count HTTP/1.1\r\n" H "Connection: close\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n3\r\nyou\r\n0\r\nT: x\r\n\r\n";
    size_t len = sizeof(request) - 1;
    size_t i;

    (void) state;
    for (i = 1; i < len; i++) {
        int fd = dial();

        assert_true(put(fd, request, i));
        elo_unix_close(fd);
        fd = dial();
        assert_true(put(fd, request, i));
        assert_true(put(fd, request + i, len - i));
        assert_non_null(strstr(get_all(fd), "\r\n\r\n8 "));
    }
}


static void
test_pipelining(void **state)
{
    char *answer;
    elo_buf_t b;
    int fd = dial();
    int i;

    (void) state;
    elo_buf_init(&b, 1u << 20);
    for (i = 0; i < 50; i++) {
        elo_buf_printf(&b, "GET /echo HTTP/1.1\r\n" H "X-In: %d\r\n\r\n", i);
        elo_buf_put_str(&b, "PUT /count HTTP/1.1\r\n" H
                            "Transfer-Encoding: chunked\r\n\r\n"
                            "3\r\nabc\r\n0\r\n\r\n");
        elo_buf_put_str(
            &b,
            "GET /later HTTP/1.1\r\n" H "\r\n"
                + (i == 7 ? 0
                          : sizeof("GET /later HTTP/1.1\r\n" H "\r\n") - 1));
        elo_buf_put_str(&b, "PUT /refuse HTTP/1.1\r\n" H
                            "Content-Length: 5\r\n\r\n12345");
    }
    elo_buf_put_str(&b, GET_CLOSE);
    assert_true(put(fd, b.p, b.len));
    answer = (char *) (uintptr_t) get_all(fd);
    for (i = 0; i < 50; i++) {
        char want[32];

        (void) snprintf(want, sizeof(want), "\r\nX-In: %d\r\n", i);
        answer = strstr(answer, want);
        assert_non_null(answer);
        answer = strstr(answer, "\r\n\r\n3 ");
        assert_non_null(answer);
        if (i == 7) {
            answer = strstr(answer, "\r\n\r\nlater");
            assert_non_null(answer);
        }
        answer = strstr(answer, "HTTP/1.1 409 ");
        assert_non_null(answer);
    }
    assert_non_null(strstr(answer, "\r\n\r\nsmall"));
    elo_buf_dispose(&b);
}


/* What a handler says is taken aside, and another answer is given. */
static void
test_diverted(void **state)
{
    const char *answer;

    (void) state;
    answer = ask("GET /diverted HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    assert_int_equal(status_of(answer), 200);
    assert_non_null(strstr(answer, "\r\n\r\n<404|X-Of: the first\r\n"));
    assert_non_null(strstr(answer, "|not here>"));

    /* of what isn't sent in one piece, that there is none */
    answer =
        ask("GET /diverted-stream HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    assert_int_equal(status_of(answer), 200);
    assert_non_null(strstr(answer, "X-Of: the first\r\n"));
    assert_non_null(strstr(answer, "\r\n0\r\n\r\n"));
    answer = ask("GET /diverted-abort HTTP/1.1\r\n" H "\r\n");
    assert_string_equal(answer, "");
    answer = ask("GET /lost HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    assert_non_null(strstr(answer, "lost 2"));

    /* and the next exchange of the connection is its own */
    answer = ask("GET /diverted HTTP/1.1\r\n" H "\r\n"
                 "GET /small HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    assert_non_null(strstr(answer, "|not here>HTTP/1.1 200 OK"));
    assert_non_null(strstr(answer, "\r\n\r\nsmall"));
}


static void
test_answers(void **state)
{
    const char *answer;
    int fd;

    (void) state;
    answer = ask("HEAD /small HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    assert_non_null(strstr(answer, "Content-Length: 5\r\n"));
    assert_string_equal(answer + strlen(answer) - 4, "\r\n\r\n");

    answer =
        ask("HEAD /stream?100000 HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    assert_non_null(strstr(answer, "Content-Length: 100000\r\n"));
    assert_string_equal(answer + strlen(answer) - 4, "\r\n\r\n");

    answer =
        ask("GET /not-modified HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    assert_int_equal(status_of(answer), 304);
    assert_string_equal(answer + strlen(answer) - 4, "\r\n\r\n");

    /* What a handler lets through can't begin a field of its own. */
    answer = ask("GET /echo HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    assert_non_null(strstr(answer, "\r\nX-Split: a  Evil: yes\r\n"));

    answer = ask("GET /small HTTP/1.0\r\n\r\n");
    assert_non_null(strstr(answer, "Connection: close\r\n"));

    fd = dial();
    put_str(fd, "GET /small HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_non_null(strstr(get_until(fd, "small"), "keep-alive"));
    put_str(fd, "GET /small HTTP/1.1\r\n" H "\r\n");
    (void) get_until(fd, "small");
    elo_unix_close(fd);

    answer = ask("GET /abort HTTP/1.1\r\n" H "\r\n");
    assert_non_null(strstr(answer, "Content-Length: 1000\r\n"));
    assert_non_null(strstr(answer, "\r\n\r\n0123456789"));
}


static void
test_expect(void **state)
{
    int fd = dial();

    (void) state;
    put_str(fd, "PUT /count HTTP/1.1\r\n" H
                "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_string_equal(get_until(fd, "\r\n\r\n"),
                        "HTTP/1.1 100 Continue\r\n\r\n");
    put_str(fd, "abc");
    assert_non_null(strstr(get_until(fd, "3 17862"), "200 OK"));
    elo_unix_close(fd);

    /* Refused without a look at the body: no 100, and the end. */
    fd = dial();
    put_str(fd, "PUT /refuse HTTP/1.1\r\n" H
                "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_int_equal(status_of(get_all(fd)), 409);
}


static void
test_half_close(void **state)
{
    static const char *const requests[] = {
        "GET /later HTTP/1.1\r\n" H "\r\n",
        "GET /stream?300000 HTTP/1.1\r\n" H "\r\n",
        "PUT /count HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc",
        "PUT /refuse HTTP/1.1\r\n" H "Content-Length: 30\r\n\r\nabc",
    };
    size_t i;

    (void) state;
    for (i = 0; i < ELO_COUNT(requests); i++) {
        int fd = dial();

        put_str(fd, requests[i]);
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        assert_int_equal(status_of(get_all(fd)), i == 3 ? 409 : 200);
    }
}


/* A client that only writes until it is done, or can't, still gets its answer. */
static void
test_early_answer(void **state)
{
    static const struct {
        const char *head;
        int status;
    } cases[] = {
        { "PUT /refuse HTTP/1.1\r\n" H "Content-Length: 33554432\r\n\r\n",
          409 },
        { "PUT /full HTTP/1.1\r\n" H "Content-Length: 33554432\r\n\r\n", 507 },
        { "PUT /refuse HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
          "2000000\r\n",
          409 },
        { "PUT /refuse HTTP/1.1\r\n" H "Content-Length: 524288\r\n\r\n", 409 },
    };
    static char piece[1 << 16];
    size_t i;

    (void) state;
    for (i = 0; i < ELO_COUNT(cases); i++) {
        size_t n = i == 3 ? 8 : 512;
        int fd = dial();

        put_str(fd, cases[i].head);
        while (n-- != 0) {
            assert_true(put(fd, piece, sizeof(piece)));
        }
        if (i == 3) { /* little enough to go on with the connection */
            put_str(fd, GET_CLOSE);
        }
        assert_int_equal(status_of(get_all(fd)), cases[i].status);
    }
}


static void
test_large_bodies(void **state)
{
    static char piece[100003];
    uint64_t sum = 0;
    char want[64];
    size_t i;
    int k;

    (void) state;
    for (i = 0; i < sizeof(piece); i++) {
        piece[i] = (char) (i * 7);
    }
    for (k = 0; k < 100; k++) {
        for (i = 0; i < sizeof(piece); i++) {
            sum = sum * 31 + (uint8_t) piece[i];
        }
    }
    (void) snprintf(want, sizeof(want), "%zu %llx", sizeof(piece) * 100,
                    (unsigned long long) sum);
    for (k = 0; k < 2; k++) {
        int fd = dial();

        put_str(fd, "PUT /count HTTP/1.1\r\n" H);
        put_str(fd, k == 0 ? "Content-Length: 10000300\r\n\r\n"
                           : "Transfer-Encoding: chunked\r\n\r\n");
        for (i = 0; i < 100; i++) {
            if (k == 1) {
                put_str(fd, "186A3\r\n");
            }
            assert_true(put(fd, piece, sizeof(piece)));
            if (k == 1) {
                put_str(fd, i == 99 ? "\r\n0\r\n\r\n" GET_CLOSE : "\r\n");
            }
        }
        if (k == 0) {
            put_str(fd, GET_CLOSE);
        }
        assert_non_null(strstr(get_all(fd), want));
    }
}


static void
test_stream(void **state)
{
    enum { TOTAL = 10000000 };
    uint8_t piece[4096];
    size_t at = 0;
    size_t n = 1;
    size_t i;
    bool has_head = false;
    int fd = dial();

    (void) state;
    put_str(fd,
            "GET /stream?10000000 HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    while (n != 0) {
        i = 0;
        assert_int_equal(elo_unix_recv(fd, piece, sizeof(piece), &n), ELO_OK);
        if (!has_head) {
            uint8_t *end = memmem(piece, n, "\r\n\r\n", 4);

            assert_non_null(end);
            has_head = true;
            i = (size_t) (end + 4 - piece);
        }
        for (; i < n; i++, at++) {
            if (piece[i] != at % 251) {
                fail_msg("byte %zu", at);
            }
        }
    }
    assert_int_equal(at, TOTAL);
    elo_unix_close(fd);
}


static void
test_timeouts(void **state)
{
    static const struct {
        const char *text;
        int status;
    } slow[] = {
        { "GET /small HT", 408 },
        { "", 0 },
        { "PUT /count HTTP/1.1\r\n" H "Content-Length: 9\r\n\r\nabc", 0 },
    };
    uint64_t begin;
    size_t i;
    int fd;

    (void) state;
    for (i = 0; i < ELO_COUNT(slow); i++) {
        begin = elo_clock_mono_ns();
        fd = dial();
        put_str(fd, slow[i].text);
        assert_int_equal(status_of(get_all(fd)), slow[i].status);
        assert_true(elo_clock_mono_ns() - begin >= (IDLE_MS - 50) * 1000000ull);
    }
    /* One that trickles gains nothing by it. */
    begin = elo_clock_mono_ns();
    fd = dial();
    while (!elo_unix_is_readable(fd)
           && elo_clock_mono_ns() - begin < 20 * IDLE_MS * 1000000ull)
    {
        (void) put(fd, "A", 1);
        (void) usleep(20000);
    }
    assert_int_equal(status_of(get_all(fd)), 408);
    /* One that doesn't read its answer is cut. */
    fd = dial();
    put_str(fd, "GET /stream?100000000 HTTP/1.1\r\n" H "\r\n");
    begin = elo_clock_mono_ns();
    while (!elo_unix_is_hung_up(fd)
           && elo_clock_mono_ns() - begin < 20 * IDLE_MS * 1000000ull)
    {
        (void) usleep(20000);
    }
    assert_true(elo_unix_is_hung_up(fd));
    elo_unix_close(fd);
}


static unsigned
closed_uploads(void)
{
    const char *answer =
        ask("GET /seen HTTP/1.1\r\n" H "Connection: close\r\n\r\n");

    return (unsigned) atoi(strstr(answer, "\r\n\r\n") + 4);
}


static void
test_client_gone(void **state)
{
    unsigned before = closed_uploads();
    int i;

    (void) state;
    for (i = 0; i < 20; i++) {
        int fd = dial();

        put_str(fd, "PUT /count HTTP/1.1\r\n" H
                    "Content-Length: 1000000\r\n\r\nabc");
        elo_unix_close(fd);
        fd = dial();
        put_str(fd, "GET /stream?100000000 HTTP/1.1\r\n" H "\r\n");
        elo_unix_close(fd);
        fd = dial();
        put_str(fd, "GET /later HTTP/1.1\r\n" H "\r\n");
        elo_unix_close(fd);
    }
    while (closed_uploads() < before + 20) { /* they are told by and by */
        (void) usleep(1000);
    }
    assert_int_equal(closed_uploads(), before + 20);
}


static void
test_max_conns(void **state)
{
    int fds[MAX_CONNS];
    size_t i;
    int fd;

    (void) state;
    for (i = 0; i < MAX_CONNS; i++) {
        fds[i] = dial();
        put_str(fds[i], "GET /small HTTP/1.1\r\n" H "\r\n");
        (void) get_until(fds[i], "small");
    }
    fd = dial();
    put_str(fd, GET_CLOSE);
    (void) usleep(50000);
    assert_false(elo_unix_is_readable(fd));
    elo_unix_close(fds[0]);
    assert_int_equal(status_of(get_all(fd)), 200);
    for (i = 1; i < MAX_CONNS; i++) {
        elo_unix_close(fds[i]);
    }
}


/* One byte now and then isn't idle, and isn't an upload either. */
static void
test_slow_bodies(void **state)
{
    static const struct {
        const char *path;
        size_t n; /* bytes each 20 ms: 50 n a second */
        bool is_cut;
    } rows[] = {
        { "/count", 1, true },
        { "/whole", 1, true },
        { "/count", 10, false },
        { "/whole", 10, false },
    };
    char piece[16] = "################";

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        uint64_t begin = elo_clock_mono_ns();
        int fd = dial();
        char head[128];
        size_t left = rows[i].is_cut ? 1000 : 600;

        (void) snprintf(head, sizeof(head),
                        "PUT %s HTTP/1.1\r\n" H "Connection: close\r\n"
                        "Content-Length: %zu\r\n\r\n",
                        rows[i].path, left);
        put_str(fd, head);
        while (left > 0 && put(fd, piece, rows[i].n)) {
            left -= rows[i].n;
            (void) usleep(20000);
        }
        assert_int_equal(left > 0, rows[i].is_cut);
        assert_int_equal(status_of(get_all(fd)), rows[i].is_cut ? 0 : 200);
        if (rows[i].is_cut) {
            assert_true(elo_clock_mono_ns() - begin
                        >= (IDLE_MS - 50) * 1000000ull);
        }
    }
}


/* As many bodies as there are connections, and one more, none of which moves: who
   comes then is served soon, and of the bodies only so many are ended, the slowest,
   as he needs. */
static void
test_reserve(void **state)
{
    char piece[4096] = "";
    test_server_t s;
    int fds[MAX_CONNS], fd;
    unsigned n_cut = 0;

    (void) state;
    test_server_start(&s, 60000, MAX_CONNS);
    for (size_t i = 0; i < MAX_CONNS; i++) {
        assert_int_equal(elo_unix_connect(s.path, &fds[i]), ELO_OK);
        put_str(fds[i],
                "PUT /count HTTP/1.1\r\n" H "Content-Length: 1000000\r\n\r\n");
        assert_true(
            put(fds[i], piece, i == 3 ? sizeof(piece) / 2 : sizeof(piece)));
    }
    /* each has had its time, the last one too, so that the slowest is chosen */
    (void) usleep(2 * ELO_HTTP_SHED_MS * 1000);
    for (unsigned n = 1; n <= 3; n++) {
        uint64_t begin = elo_clock_mono_ns();

        assert_int_equal(elo_unix_connect(s.path, &fd), ELO_OK);
        put_str(fd, GET_CLOSE);
        assert_int_equal(status_of(get_all(fd)), 200);
        assert_true(elo_clock_mono_ns() - begin < 3000000000ull);
        /* One to let him in, one so that there is a place again; who comes before
           the last one's connection is gone may cost another. */
        do {
            n_cut = 0;
            for (size_t i = 0; i < MAX_CONNS; i++) {
                n_cut += elo_unix_is_hung_up(fds[i]);
            }
        } while (n_cut < 2 && elo_clock_mono_ns() - begin < 3000000000ull);
        assert_in_range(n_cut, 2, n + 1);
        assert_true(elo_unix_is_hung_up(fds[3]));
    }
    for (size_t i = 0; i < MAX_CONNS; i++) {
        elo_unix_close(fds[i]);
    }
    assert_int_equal(test_server_stop(&s), 0);
}


static void
test_name(void **state)
{
    elo_unix_bound_t bound;
    struct stat st;
    char path[160];
    int fd;

    (void) state;
    assert_int_equal(stat(server.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(elo_unix_bind(server.path, 0600, -1, &bound), ELO_EBUSY);

    (void) snprintf(path, sizeof(path), "%s/other", server.dir);
    fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    elo_unix_close(fd);
    assert_int_equal(elo_unix_bind(path, 0600, -1, &bound), EEXIST);
    assert_int_equal(unlink(path), 0);

    /* A dead one is replaced; the first one's end doesn't take the second's. */
    assert_int_equal(elo_unix_bind(path, 0600, -1, &bound), ELO_OK);
    elo_unix_close(bound.fd);
    assert_int_equal(elo_unix_bind(path, 0640, -1, &bound), ELO_OK);
    elo_unix_close(bound.fd);
    elo_unix_unlink(path, bound.inode + 1);
    assert_int_equal(access(path, F_OK), 0);
    elo_unix_unlink(path, bound.inode);
    assert_int_equal(access(path, F_OK), -1);
}


/* Last: the server ends while requests run. */
static void
test_drain(void **state)
{
    int idle = dial();
    int later = dial();
    int slow = dial();
    int fd;

    (void) state;
    put_str(idle, "GET /small HTTP/1.1\r\n" H "\r\n");
    (void) get_until(idle, "small");
    put_str(slow, "PUT /count HTTP/1.1\r\n" H "Content-Length: 4\r\n\r\nab");
    put_str(later, "GET /later HTTP/1.1\r\n" H "\r\n");
    (void) usleep(30000); /* the server has them */
    assert_int_equal(kill(server.pid, SIGTERM), 0);
    assert_string_equal(get_all(idle), "");
    put_str(slow, "cd");
    assert_non_null(strstr(get_all(slow), "\r\n\r\n4 "));
    assert_non_null(strstr(get_all(later), "Connection: close\r\n"));
    assert_int_equal(elo_unix_connect(server.path, &fd), ELO_EUNAVAIL);
    assert_int_equal(test_server_wait(&server), 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_diverted),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_hostile_chunks),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_pipelining),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_expect),
        cmocka_unit_test(test_half_close),
        cmocka_unit_test(test_early_answer),
        cmocka_unit_test(test_large_bodies),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_client_gone),
        cmocka_unit_test(test_max_conns),
        cmocka_unit_test(test_slow_bodies),
        cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_drain),
    };

    test_server_start(&server, IDLE_MS, MAX_CONNS);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
