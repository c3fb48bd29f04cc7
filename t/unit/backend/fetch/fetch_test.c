/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/fetch/fetch, against a server of one thread that answers each path
   by what a table says. Names are resolved by the policy, as a hostile DNS would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/fetch/fetch.h"
#include "common/base/num.h"

#define BODY "0123456789abcdefghij" /* twenty bytes */

typedef struct {
    int fd;
    uint16_t port;
    pthread_t thread;
    atomic_int n_asked; /* requests */
    char last[4096];    /* the last head; read when nothing is asked */
} server_t;

static const struct {
    const char *path;
    const char *answer;
} answers[] = {
    { "/whole", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n" BODY },
    { "/close", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" BODY },
    { "/range", "HTTP/1.1 206 X\r\nContent-Length: 5\r\nContent-Range: bytes "
                "5-9/20\r\n\r\n56789" },
    { "/less", "HTTP/1.1 206 X\r\nContent-Length: 2\r\nContent-Range: bytes "
               "5-6/20\r\n\r\n56" },
    { "/more", "HTTP/1.1 206 X\r\nContent-Length: 6\r\nContent-Range: bytes "
               "5-10/20\r\n\r\n56789a" },
    { "/other", "HTTP/1.1 206 X\r\nContent-Length: 5\r\nContent-Range: bytes "
                "4-8/20\r\n\r\n45678" },
    { "/none", "HTTP/1.1 206 X\r\nContent-Length: 5\r\n\r\n56789" },
    { "/junk", "HTTP/1.1 206 X\r\nContent-Length: 5\r\nContent-Range: bytes "
               "9-5/20\r\n\r\n56789" },
    { "/cut", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: "
              "20\r\n\r\n0123" },
    { "/empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" },
    { "/gzip", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: "
               "20\r\n\r\n" BODY },
    { "/identity",
      "HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: "
      "20\r\n\r\n" BODY },
    { "/500",
      "HTTP/1.1 500 X\r\nRetry-After: 77\r\nContent-Length: 3\r\n\r\nbad" },
    { "/204", "HTTP/1.1 204 X\r\n\r\n" },
    { "/large", "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nxx" },
    { "/endless",
      "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" BODY BODY BODY BODY },
    { "/rel",
      "HTTP/1.1 302 X\r\nLocation: whole\r\nContent-Length: 0\r\n\r\n" },
    { "/loop",
      "HTTP/1.1 302 X\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n" },
    { "/nowhere", "HTTP/1.1 302 X\r\nContent-Length: 0\r\n\r\n" },
    { "/file",
      "HTTP/1.1 302 X\r\nLocation: file:///etc/passwd\r\nContent-Length: "
      "0\r\n\r\n" },
    { "/gopher",
      "HTTP/1.1 302 X\r\nLocation: gopher://127.0.0.1:1/x\r\nContent-Length: "
      "0\r\n\r\n" },
    { "/port",
      "HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: "
      "0\r\n\r\n" },
    { "/user",
      "HTTP/1.1 302 X\r\nLocation: //me:secret@127.0.0.1/x\r\nContent-Length: "
      "0\r\n\r\n" },
    { "/cookie", "HTTP/1.1 302 X\r\nLocation: /whole\r\nSet-Cookie: "
                 "a=b\r\nContent-Length: 0\r\n\r\n" },
    { "/garbage", "SSH-2.0-OpenSSH\r\n" },
};


static void
answer(const server_t *s, int fd, const char *path)
{
    char text[512];

    for (size_t i = 0; i < ELO_COUNT(answers); i++) {
        if (strcmp(path, answers[i].path) == 0) {
            assert_true(write(fd, answers[i].answer, strlen(answers[i].answer))
                        > 0);
            return;
        }
    }
    if (strncmp(path, "/to/", 4) == 0) { /* a name that only we know */
        snprintf(text, sizeof(text),
                 "HTTP/1.1 302 X\r\nLocation: http://%s:%u/whole\r\n"
                 "Content-Length: 0\r\n\r\n",
                 path + 4, s->port);
        assert_true(write(fd, text, strlen(text)) > 0);
    }
}


static void *
serve(void *ctx)
{
    server_t *s = ctx;
    char head[4096], path[256];
    int fd;

    while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
        size_t len = 0;
        ssize_t n;

        head[0] = '\0';
        while (strstr(head, "\r\n\r\n") == NULL && len < sizeof(head) - 1
               && (n = read(fd, head + len, sizeof(head) - 1 - len)) > 0)
        {
            len += (size_t) n;
            head[len] = '\0';
        }
        if (sscanf(head, "%*s %255s", path) == 1) {
            memcpy(s->last, head, sizeof(head));
            atomic_fetch_add(&s->n_asked, 1);
            answer(s, fd, path);
        }
        close(fd); /* a connection a request */
    }
    return NULL;
}


static int
start(void **state)
{
    static server_t s;
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t len = sizeof(at);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s.fd, (struct sockaddr *) &at, sizeof(at)), 0);
    assert_int_equal(listen(s.fd, 16), 0);
    assert_int_equal(getsockname(s.fd, (struct sockaddr *) &at, &len), 0);
    s.port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&s.thread, NULL, serve, &s), 0);
    assert_int_equal(elo_fetch_setup(), ELO_OK);
    *state = &s;
    return 0;
}


static int
stop(void **state)
{
    server_t *s = *state;

    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
    return 0;
}


/* ---- asking ---- */

static elo_fetch_policy_t
policy_for(const server_t *s, const char *addresses)
{
    elo_fetch_policy_t p = { .schemes = ELO_FETCH_HTTP,
                             .n_ports = 1,
                             .ports = { s->port },
                             .max_bytes = 60,
                             .connect_ms = 2000,
                             .stall_s = 2,
                             .low_speed_bps = 1,
                             .redirects = 3 };
    elo_slice_t wrong;

    assert_int_equal(
        elo_netaddr_rule_read(elo_slice_str(addresses), &p.addresses, &wrong),
        ELO_OK);
    return p;
}


typedef struct {
    char text[128];
    size_t len;
    size_t max; /* then it has enough; 0: never */
} got_t;


static elo_err_t
on_bytes(void *ctx, elo_slice_t bytes)
{
    got_t *g = ctx;

    assert_true(bytes.len > 0 && g->len + bytes.len < sizeof(g->text));
    memcpy(g->text + g->len, bytes.p, bytes.len);
    g->len += bytes.len;
    g->text[g->len] = '\0';
    return g->max != 0 && g->len >= g->max ? ELO_EBUSY : ELO_OK;
}


static elo_fetch_result_t
get(const elo_fetch_policy_t *p, elo_fetch_ask_t ask, got_t *g)
{
    elo_fetch_result_t res;
    elo_fetch_t *f;
    bool is_done;

    assert_int_equal(elo_fetch_create(p, &f), ELO_OK);
    ask.body = on_bytes;
    ask.ctx = g;
    is_done = elo_fetch_get(f, &ask, &res);
    assert_int_equal(is_done, res.why == ELO_FETCH_DONE);
    assert_true(res.why == ELO_FETCH_DONE || res.note[0] != '\0');
    elo_fetch_free(&f);
    assert_null(f);
    return res;
}


static const char *
url_of(const server_t *s, const char *path)
{
    static char url[256];

    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", s->port, path);
    return url;
}


static void
test_answers(void **state)
{
    static const struct {
        const char *path;
        uint64_t off, len;
        bool may_skip;
        elo_fetch_why_t why;
        const char *got; /* NULL: whatever */
    } rows[] = {
        { "/whole", 0, 0, false, ELO_FETCH_DONE, BODY },
        { "/close", 0, 0, false, ELO_FETCH_DONE, BODY },
        { "/identity", 0, 0, false, ELO_FETCH_DONE, BODY },
        { "/empty", 0, 0, false, ELO_FETCH_DONE, "" },
        { "/whole", 0, 5, false, ELO_FETCH_DONE, "01234" },
        { "/whole", 5, 0, true, ELO_FETCH_DONE, "56789abcdefghij" },
        { "/whole", 5, 5, true, ELO_FETCH_DONE, "56789" },
        { "/whole", 20, 0, true, ELO_FETCH_DONE, "" },
        { "/whole", 19, 2, true, ELO_FETCH_FAILED, "j" },
        { "/whole", 21, 0, true, ELO_FETCH_FAILED, "" },
        { "/whole", 5, 5, false, ELO_FETCH_NO_RANGE, "" },
        { "/range", 5, 5, false, ELO_FETCH_DONE, "56789" },
        { "/range", 5, 0, false, ELO_FETCH_FAILED,
          "56789" }, /* not to the end */
        { "/range", 0, 0, false, ELO_FETCH_STATUS, "" },
        { "/range", 4, 5, false, ELO_FETCH_STATUS, "" },
        { "/less", 5, 5, false, ELO_FETCH_FAILED, "56" },
        { "/more", 5, 5, false, ELO_FETCH_STATUS, "" },
        { "/other", 5, 5, false, ELO_FETCH_STATUS, "" },
        { "/none", 5, 5, false, ELO_FETCH_STATUS, "" },
        { "/junk", 5, 5, false, ELO_FETCH_STATUS, "" },
        { "/cut", 0, 0, false, ELO_FETCH_FAILED, "0123" },
        { "/gzip", 0, 0, false, ELO_FETCH_REFUSED, "" },
        { "/500", 0, 0, false, ELO_FETCH_STATUS, "" },
        { "/204", 0, 0, false, ELO_FETCH_STATUS, "" },
        { "/large", 0, 0, false, ELO_FETCH_TOO_BIG, "" },
        { "/endless", 0, 0, false, ELO_FETCH_TOO_BIG, NULL },
        { "/garbage", 0, 0, false, ELO_FETCH_FAILED, "" },
        { "/rel", 0, 0, false, ELO_FETCH_DONE, BODY },
        { "/cookie", 0, 0, false, ELO_FETCH_DONE, BODY },
        { "/loop", 0, 0, false, ELO_FETCH_REFUSED, "" },
        { "/nowhere", 0, 0, false, ELO_FETCH_STATUS, "" },
        { "/file", 0, 0, false, ELO_FETCH_REFUSED, "" },
        { "/gopher", 0, 0, false, ELO_FETCH_REFUSED, "" },
        { "/port", 0, 0, false, ELO_FETCH_REFUSED, "" },
        { "/user", 0, 0, false, ELO_FETCH_REFUSED, "" },
    };
    server_t *s = *state;
    elo_fetch_policy_t p = policy_for(s, "127.0.0.1");

    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        got_t g = { .len = 0 };
        elo_fetch_result_t res =
            get(&p,
                (elo_fetch_ask_t){ .url = url_of(s, rows[i].path),
                                   .off = rows[i].off,
                                   .len = rows[i].len,
                                   .may_skip = rows[i].may_skip },
                &g);

        if (res.why != rows[i].why || res.got != g.len
            || (rows[i].got != NULL && strcmp(rows[i].got, g.text) != 0))
        {
            fail_msg("%s %u %u: %d \"%s\" (%s)", rows[i].path,
                     (unsigned) rows[i].off, (unsigned) rows[i].len, res.why,
                     g.text, res.note);
        }
    }
}


static void
test_said(void **state)
{
    server_t *s = *state;
    elo_fetch_policy_t p = policy_for(s, "127.0.0.1");
    elo_fetch_result_t res;
    got_t g = { .len = 0 };

    p.agent = "somebody/1";
    res = get(&p, (elo_fetch_ask_t){ .url = url_of(s, "/500#part") }, &g);
    assert_int_equal(res.status, 500);
    assert_int_equal(res.retry_after_s, 77);
    assert_non_null(strstr(s->last, "GET /500 HTTP/1.1\r\n"));
    assert_non_null(strstr(s->last, "Accept-Encoding: identity\r\n"));
    assert_non_null(strstr(s->last, "User-Agent: somebody/1\r\n"));
    assert_null(strstr(s->last, "Range:"));
    res = get(
        &p, (elo_fetch_ask_t){ .url = url_of(s, "/range"), .off = 5, .len = 5 },
        &g);
    assert_non_null(strstr(s->last, "Range: bytes=5-9\r\n"));
    assert_true(res.has_total && res.total == 20);
    g.len = 0;
    res = get(&p, (elo_fetch_ask_t){ .url = url_of(s, "/cookie") }, &g);
    assert_null(strstr(s->last, "Cookie:"));
    assert_null(strstr(s->last, "Referer:"));
    g = (got_t){ .max = 3 };
    res = get(&p, (elo_fetch_ask_t){ .url = url_of(s, "/whole") }, &g);
    assert_int_equal(res.why, ELO_FETCH_STOPPED);
}


/* No byte goes to where it must not, whatever a name resolves to. */
static void
test_resolved(void **state)
{
    static const struct {
        const char *to;        /* what the name resolves to */
        const char *addresses; /* that are allowed */
        elo_fetch_why_t why;
    } rows[] = {
        { "127.0.0.1", "127.0.0.1", ELO_FETCH_DONE },
        { "127.0.0.1", "public", ELO_FETCH_REFUSED },
        { "127.0.0.1", "", ELO_FETCH_REFUSED },
        { "127.0.0.1", "127.0.0.2", ELO_FETCH_REFUSED },
        { "127.0.0.2,127.0.0.1", "127.0.0.1", ELO_FETCH_DONE },
        { "127.0.0.1,127.0.0.3", "public", ELO_FETCH_REFUSED },
        { "[::ffff:127.0.0.1]", "public", ELO_FETCH_REFUSED },
        { "[::ffff:127.0.0.1]", "127.0.0.1", ELO_FETCH_DONE },
        { "[::1]", "public 127.0.0.1", ELO_FETCH_REFUSED },
        { "169.254.169.254", "public", ELO_FETCH_REFUSED },
        { "0.0.0.0", "public", ELO_FETCH_REFUSED },
        { "[::]", "public", ELO_FETCH_REFUSED },
        { "[64:ff9b::7f00:1]", "public", ELO_FETCH_REFUSED },
        { "[2002:7f00:1::1]", "public", ELO_FETCH_REFUSED },
        { "10.0.0.1", "public", ELO_FETCH_REFUSED },
        { "100.64.0.1", "public", ELO_FETCH_REFUSED },
        { "[fd00:ec2::254]", "public", ELO_FETCH_REFUSED },
        { "224.0.0.1", "public", ELO_FETCH_REFUSED },
    };
    server_t *s = *state;

    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_fetch_policy_t p = policy_for(s, rows[i].addresses);
        bool is_direct = i % 2 == 0 || rows[i].why == ELO_FETCH_DONE;
        int before = atomic_load(&s->n_asked);
        elo_fetch_result_t res;
        got_t g = { .len = 0 };
        char resolve[128], url[128];

        snprintf(resolve, sizeof(resolve), "rebind.test:%u:%s", s->port,
                 rows[i].to);
        snprintf(url, sizeof(url), "http://rebind.test:%u/whole", s->port);
        p.resolve = resolve;
        res = get(&p, (elo_fetch_ask_t){ .url = url }, &g);
        if (res.why != rows[i].why
            || atomic_load(&s->n_asked) - before
                   != (rows[i].why == ELO_FETCH_DONE)
            || (g.len != 0) != (rows[i].why == ELO_FETCH_DONE))
        {
            fail_msg("%s with \"%s\": %d (%s)", rows[i].to, rows[i].addresses,
                     res.why, res.note);
        }
        assert_true(is_direct || strstr(res.note, "not allowed") != NULL);
    }
}


/* A name that only a redirect leads to is looked at as closely. */
static void
test_redirected(void **state)
{
    server_t *s = *state;
    elo_fetch_policy_t p = policy_for(s, "127.0.0.1");
    int before = atomic_load(&s->n_asked);
    elo_fetch_result_t res;
    got_t g = { .len = 0 };
    char resolve[128];

    snprintf(resolve, sizeof(resolve), "rebind.test:%u:127.0.0.9", s->port);
    p.resolve = resolve;
    res = get(&p, (elo_fetch_ask_t){ .url = url_of(s, "/to/rebind.test") }, &g);
    assert_int_equal(res.why, ELO_FETCH_REFUSED);
    assert_non_null(strstr(res.note, "loopback"));
    assert_int_equal(atomic_load(&s->n_asked) - before, 1);
    res = get(&p, (elo_fetch_ask_t){ .url = url_of(s, "/to/127.0.0.9") }, &g);
    assert_int_equal(res.why, ELO_FETCH_REFUSED);
    assert_int_equal(g.len, 0);

    /* as many as are allowed, and one more */
    before = atomic_load(&s->n_asked);
    res = get(&p, (elo_fetch_ask_t){ .url = url_of(s, "/loop") }, &g);
    assert_string_equal(res.note, "too many redirects");
    assert_int_equal(atomic_load(&s->n_asked) - before, 4);
    p.redirects = 0;
    res = get(&p, (elo_fetch_ask_t){ .url = url_of(s, "/rel") }, &g);
    assert_int_equal(res.why, ELO_FETCH_REFUSED);
}


static void
test_refuses(void **state)
{
    static const struct {
        const char *url;
        bool is_ok;
    } rows[] = {
        { "https://example.org/x", true },
        { "HTTPS://EXAMPLE.org/x?y#z", true },
        { "https://example.org:8443/", true },
        { "https://8.8.8.8/", true },
        { "https://[2606:4700::1]/", true },
        { "http://example.org/", false },
        { "https://example.org:80/", false },
        { "https://example.org:0/", false },
        { "https://example.org:65979/", false }, /* 443 modulo 65536 */
        { "https://me@example.org/", false },
        { "https://me:pw@example.org/", false },
        { "https://example.org@127.0.0.1/", false },
        { "https://127.0.0.1/", false },
        { "https://127.1/", false },
        { "https://2130706433/", false },
        { "https://0x7f000001/", false },
        { "https://0177.0.0.1/", false },
        { "https://[::1]/", false },
        { "https://[::ffff:7f00:1]/", false },
        { "https://[fe80::1%25eth0]/", false },
        { "https://169.254.169.254/latest/meta-data/", false },
        { "https://", false },
        { "//example.org/", false },
        { "example.org", false },
        { "", false },
        { "file:///etc/passwd", false },
        { "ftp://example.org/", false },
        { "gopher://example.org:443/", false },
        { "dict://example.org:443/", false },
        { "https://exa mple.org/", false },
        { "https://example.org\r\nHost: x/", false },
    };
    elo_fetch_policy_t p = { .schemes = ELO_FETCH_HTTPS,
                             .n_ports = 2,
                             .ports = { 443, 8443 },
                             .addresses = { .has_public = true } };
    char url[ELO_FETCH_URL_MAX + 2];

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        const char *why = elo_fetch_refuses(&p, rows[i].url);

        if ((why == NULL) != rows[i].is_ok) {
            fail_msg("\"%s\": %s", rows[i].url, why != NULL ? why : "fine");
        }
    }
    memset(url, 'a', sizeof(url));
    memcpy(url, "https://example.org/", 20);
    url[ELO_FETCH_URL_MAX] = '\0';
    assert_null(elo_fetch_refuses(&p, url));
    url[ELO_FETCH_URL_MAX] = 'a';
    url[ELO_FETCH_URL_MAX + 1] = '\0';
    assert_non_null(elo_fetch_refuses(&p, url));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),  cmocka_unit_test(test_said),
        cmocka_unit_test(test_resolved), cmocka_unit_test(test_redirected),
        cmocka_unit_test(test_refuses),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
