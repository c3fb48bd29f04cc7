/* SPDX-License-Identifier: BSD-2-Clause */
/* How far a blob has come: once, and as server-sent events. */
#include "t/unit/backend/api/api_client.h"

#include "common/base/num.h"

#define EVENTS "Accept: text/event-stream\r\n"

typedef struct {
    int fd;
    char text[32768];
    size_t len;
    bool has_ended;
} stream_t;


static void
stream_open(stream_t *s, const api_t *a, const char *addr, const char *headers)
{
    char head[512];

    *s = (stream_t){ .fd = api_connect(a) };
    snprintf(head, sizeof(head),
             "GET /api/blob/%s/status HTTP/1.1\r\nHost: x\r\n%s" EVENTS "\r\n",
             addr, headers);
    assert_true(api_send(s->fd, head, strlen(head)));
}


/* Reads until text is there, or the end. */
static bool
stream_has(stream_t *s, const char *text)
{
    while (strstr(s->text, text) == NULL && !s->has_ended) {
        ssize_t n =
            recv(s->fd, s->text + s->len, sizeof(s->text) - 1 - s->len, 0);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        assert_true(n >= 0); /* not the time limit */
        s->len += (size_t) n;
        s->text[s->len] = '\0';
        s->has_ended = n == 0;
    }
    return strstr(s->text, text) != NULL;
}


static void
stream_close(stream_t *s)
{
    close(s->fd);
}


/* A blob whose task stays; its address until the next. */
static const char *
put_held(api_t *a, const char *text)
{
    api_set_sink(a, ELO_EAGAIN);
    return api_put(a, "text/plain", text, strlen(text));
}


static void
test_events(void **state)
{
    static const char next[] = "GET /version HTTP/1.1\r\nHost: x\r\n\r\n";
    api_t *a = *state;
    const char *addr = put_held(a, "abc");
    stream_t s;

    stream_open(&s, a, addr, "");
    assert_true(stream_has(&s, "id: 1\nevent: accepted\ndata: {\"hash\":"));
    assert_true(stream_has(&s, "\"ack\":\"accepted\",\"reduced\":false,"
                               "\"holders\":1,\"wanted\":10,"));
    assert_true(stream_has(&s, "\"task\":{\"kind\":\"replicate\",\"hash\":"));
    assert_true(strstr(s.text, "HTTP/1.1 200 OK\r\n") == s.text);
    assert_non_null(strstr(s.text, "Content-Type: text/event-stream\r\n"));
    assert_non_null(strstr(s.text, "Cache-Control: no-store\r\n"));
    assert_non_null(strstr(s.text, "Transfer-Encoding: chunked\r\n"));
    assert_null(strstr(s.text, "durable"));
    api_set_sink(a, ELO_OK);
    assert_true(stream_has(&s, "id: 2\nevent: durable\ndata: {"));
    assert_true(stream_has(&s, "\"ack\":\"durable\",\"reduced\":true,"));
    assert_true(stream_has(&s, "\"task\":null"));
    /* the last tier ends it, and the connection goes on */
    assert_true(stream_has(&s, "\r\n0\r\n\r\n"));
    assert_true(api_send(s.fd, next, strlen(next)));
    assert_true(stream_has(&s, "elohimd"));
    stream_close(&s);
}


/* One that comes late hears of every tier, one that comes again of the new. */
static void
test_late(void **state)
{
    api_t *a = *state;
    const char *addr = put_held(a, "abc");
    stream_t s;
    char target[128];
    answer_t r;

    stream_open(&s, a, addr, "Last-Event-ID: 1\r\n");
    api_set_sink(a, ELO_OK);
    assert_true(stream_has(&s, "event: durable"));
    assert_null(strstr(s.text, "event: accepted"));
    stream_close(&s);

    stream_open(&s, a, addr, "Last-Event-ID: nonsense\r\n");
    assert_true(stream_has(&s, "event: accepted"));
    assert_true(stream_has(&s, "event: durable"));
    assert_true(stream_has(&s, "\r\n0\r\n\r\n"));
    stream_close(&s);

    snprintf(target, sizeof(target), "/api/blob/%s/status", addr);
    r = api_get(a, target, EVENTS "Last-Event-ID: 2\r\n");
    assert_int_equal(r.status, 204); /* nothing will come any more */
    answer_free(&r);
}


static void
test_forms(void **state)
{
    api_t *a = *state;
    char target[256];
    answer_t r;
    stream_t s;
    int fd;

    snprintf(target, sizeof(target), "/api/blob/%s/status",
             api_put(a, "text/plain", "abc", 3));
    /* JSON for whoever doesn't ask for events */
    r = api_get(a, target, "Accept: application/json, */*\r\n");
    assert_string_equal(header_of(&r, "Content-Type"), "application/json");
    assert_string_equal(header_of(&r, "Vary"), "Accept");
    answer_free(&r);
    r = api_call(a, "HEAD", target, EVENTS, NULL, -1);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.len, 0);
    answer_free(&r);
    /* among others */
    fd = api_connect(a);
    s = (stream_t){ .fd = fd };
    snprintf(target, sizeof(target),
             "GET /api/blob/%s/status HTTP/1.0\r\n"
             "Accept: text/html, Text/Event-Stream;q=0.9\r\n\r\n",
             canon_of("abc", 3));
    assert_true(api_send(fd, target, strlen(target)));
    assert_true(stream_has(&s, "event: durable"));
    assert_false(stream_has(&s, "nothing more, but the end"));
    assert_null(strstr(s.text, "chunked"));
    assert_non_null(strstr(s.text, "Connection: close\r\n"));
    stream_close(&s);
    /* what isn't here, or not for this caller */
    assert_int_equal(
        api_status(a, "GET",
                   "/api/blob/sha256-000000000000000000000000000000000000000000"
                   "0000000000000000000000/status",
                   EVENTS),
        404);
    snprintf(target, sizeof(target), "/api/blob/%s/status", canon_of("abc", 3));
    assert_int_equal(
        api_status(a, "GET", target, EVENTS "X-Elohim-Caller: anonymous\r\n"),
        404);
}


/* There is room for so many; those who leave make some. */
static void
test_full(void **state)
{
    api_t *a = *state;
    const char *addr = put_held(a, "abc");
    static stream_t s[API_WATCHERS];
    char target[128];
    int status;

    snprintf(target, sizeof(target), "/api/blob/%s/status", addr);
    for (int i = 0; i < API_WATCHERS; i++) {
        stream_open(&s[i], a, addr, "");
        assert_true(stream_has(&s[i], "event: accepted"));
    }
    assert_int_equal(api_status(a, "GET", target, EVENTS), 503);
    stream_close(&s[0]);
    api_set_sink(a, ELO_OK);
    for (int i = 1; i < API_WATCHERS; i++) {
        assert_true(stream_has(&s[i], "event: durable"));
        stream_close(&s[i]);
    }
    do {
        status = api_status(a, "GET", target, EVENTS);
    } while (status == 503); /* until it is seen that the first has gone */
    assert_int_equal(status, 200);
}


/* What is removed will come no further: who waits for it is told. */
static void
test_removed(void **state)
{
    static const char head[] = "POST /api/blob?ack=durable HTTP/1.1\r\n"
                               "Host: x\r\nX-Elohim-Reach: commons\r\n"
                               "Content-Length: 3\r\n\r\nxyz";
    api_t *a = *state;
    stream_t s, put;
    char target[128];

    snprintf(target, sizeof(target), "/api/blob/%s", put_held(a, "abc"));
    stream_open(&s, a, target + strlen("/api/blob/"), "");
    assert_true(stream_has(&s, "event: accepted"));
    assert_int_equal(api_status(a, "DELETE", target, ""), 204);
    assert_true(stream_has(&s, "\r\n0\r\n\r\n"));
    assert_null(strstr(s.text, "durable"));
    stream_close(&s);
    /* an upload that waits to be durable */
    snprintf(target, sizeof(target), "/api/blob/%s", canon_of("xyz", 3));
    put = (stream_t){ .fd = api_connect(a) };
    assert_true(api_send(put.fd, head, strlen(head)));
    while (api_status(a, "DELETE", target, "") != 204) {
        /* it isn't there yet */
    }
    assert_true(stream_has(&put, "\r\n\r\n"));
    assert_true(strstr(put.text, "HTTP/1.1 404 ") == put.text);
    stream_close(&put);
}


/* A stream that is open when the server ends is ended in order: api_teardown. */
static void
test_end(void **state)
{
    api_t *a = *state;
    const char *addr = put_held(a, "abc");
    stream_t s;

    stream_open(&s, a, addr, "");
    assert_true(stream_has(&s, "event: accepted"));
    atomic_store(&a->must_stop, true);
    assert_true(stream_has(&s, "\r\n0\r\n\r\n"));
    assert_false(stream_has(&s, "nothing more, but the end"));
    stream_close(&s);
}


int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, api_setup, api_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_events), TEST(test_late),    TEST(test_forms),
        TEST(test_full),   TEST(test_removed), TEST(test_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
