/* SPDX-License-Identifier: BSD-2-Clause */
/* Uploads: whose they are and for whom, the short way and the long one, and
   waiting until they are durable. */
#include "t/unit/backend/api/api_client.h"

#include "common/base/enc.h"
#include "common/base/num.h"

/* public keys, of seeds 1 and 2 */
#define ALICE   "cecc1507dc1ddd7295951c290888f095adb9044d1b73d696e6df065d683bd4fc"
#define BOB     "6b79c57e6a095239282c04818e96112f3f03a4001ba97a564c23852a3f1ea5fc"
#define THREADS 6


static uint8_t *
pattern(size_t len, uint32_t seed)
{
    uint8_t *p = malloc(len + 1);

    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525u + 1013904223u;
        p[i] = (uint8_t) (seed >> 24);
    }
    return p;
}


static int
post(const api_t *a, const char *target, const char *headers, const void *p,
     size_t len)
{
    answer_t r = api_call(a, "POST", target, headers, p, (ssize_t) len);
    int status = r.status;

    answer_free(&r);
    return status;
}


/* ---- reach and agents ---- */

static const struct {
    const char *target;
    const char *headers;
    const char *reach; /* NULL: refused with 400 */
    bool is_sealed;
} reaches[] = {
    { "/api/blob", "", "private", true },
    { "/api/blob", "X-Elohim-Reach: commons\r\n", "commons", false },
    { "/api/blob", "X-Elohim-Reach:  local \r\n", "local", true },
    { "/api/blob?reach=regional", "", "regional", false },
    { "/api/blob?x=y&reach=neighborhood", "", "neighborhood", false },
    { "/api/blob?reach=commons", "X-Elohim-Reach: private\r\n", "private",
      true },
    { "/api/blob?reach=municipal", "X-Elohim-Reach: commons\r\n", "municipal",
      false },
    { "/api/blob", "X-Elohim-Reach: invited\r\nX-Elohim-Invited: " ALICE "\r\n",
      "invited", true },
    { "/api/blob",
      "X-Elohim-Reach: invited\r\nX-Elohim-Invited: " ALICE " , " BOB "\r\n",
      "invited", true },
    { "/api/blob", "X-Elohim-Reach: invited\r\n", "invited", true },
    { "/api/blob", "X-Elohim-Reach: Commons\r\n", NULL, false },
    { "/api/blob", "X-Elohim-Reach: \r\n", NULL, false },
    { "/api/blob?reach=everyone", "", NULL, false },
    { "/api/blob?reach=", "", NULL, false },
    { "/api/blob?reach=%GG", "", NULL, false },
    { "/api/blob?reach=commons", "X-Elohim-Reach: nobody\r\n", NULL, false },
    { "/api/blob", "X-Elohim-Agent: zz\r\n", NULL, false },
    { "/api/blob", "X-Elohim-Agent: " ALICE "0\r\n", NULL, false },
    { "/api/blob", "X-Elohim-Invited: " ALICE "\r\n", NULL, false },
    { "/api/blob", "X-Elohim-Reach: invited\r\nX-Elohim-Invited: aa\r\n", NULL,
      false },
    { "/api/blob",
      "X-Elohim-Reach: invited\r\nX-Elohim-Invited: " ALICE ",\r\n", NULL,
      false },
    { "/api/blob?ack=sometime", "", NULL, false },
    { "/api/blob?ack=durable&timeout=0", "", NULL, false },
    { "/api/blob?timeout=soon", "", NULL, false },
};


static void
test_reach(void **state)
{
    const api_t *a = *state;

    for (size_t i = 0; i < ELO_COUNT(reaches); i++) {
        uint8_t body[2] = { 'r', (uint8_t) i };
        char want[64], target[128];
        answer_t r;

        r = api_call(a, "POST", reaches[i].target, reaches[i].headers, body, 2);
        if (r.status != (reaches[i].reach == NULL ? 400 : 201)) {
            fail_msg("%s %s: %d", reaches[i].target, reaches[i].headers,
                     r.status);
        }
        if (reaches[i].reach == NULL) {
            answer_free(&r);
            continue;
        }
        snprintf(want, sizeof(want), "\"reach\":\"%s\"", reaches[i].reach);
        assert_true(body_has(&r, want));
        answer_free(&r);
        snprintf(target, sizeof(target), "/api/blob/%s/status",
                 canon_of(body, 2));
        r = api_get(a, target, "");
        assert_true(body_has(&r, want));
        assert_true(body_has(&r, reaches[i].is_sealed ? "\"sealed\":true"
                                                      : "\"sealed\":false"));
        answer_free(&r);
        /* whatever it is at rest, it reads back */
        snprintf(target, sizeof(target), "/api/blob/%s", canon_of(body, 2));
        r = api_get(a, target, "");
        assert_int_equal(r.status, 200);
        assert_int_equal(r.len, 2);
        assert_memory_equal(r.body, body, 2);
        answer_free(&r);
    }
}


/* Narrow bytes are one agent's; wide ones are everyone's, but nobody hears that
   another has sent them. */
static void
test_agents(void **state)
{
    const api_t *a = *state;
    char target[128];

    /* encrypted for a key that isn't here, and for its host, who opens it for him */
    assert_int_equal(
        post(a, "/api/blob", "X-Elohim-Agent: " ALICE "\r\n", "far", 3), 201);
    snprintf(target, sizeof(target), "/api/blob/%s", canon_of("far", 3));
    assert_int_equal(
        api_status(a, "GET", target, "X-Elohim-Agent: " ALICE "\r\n"), 200);
    assert_int_equal(
        api_status(a, "GET", target, "X-Elohim-Agent: " BOB "\r\n"), 404);

    assert_int_equal(post(a, "/api/blob?reach=local",
                          "X-Elohim-Agent: " ALICE "\r\n", "mine", 4),
                     201);
    assert_int_equal(post(a, "/api/blob?reach=local",
                          "X-Elohim-Agent: " BOB "\r\n", "mine", 4),
                     201);
    assert_int_equal(post(a, "/api/blob?reach=local",
                          "X-Elohim-Agent: " BOB "\r\n", "mine", 4),
                     200);
    snprintf(target, sizeof(target), "/api/blob/%s", canon_of("mine", 4));
    assert_int_equal(
        api_status(a, "GET", target, "X-Elohim-Agent: " ALICE "\r\n"), 200);
    assert_int_equal(api_status(a, "GET", target, ""), 200); /* the operator */
    assert_int_equal(
        api_status(a, "DELETE", target, "X-Elohim-Agent: " ALICE "\r\n"), 204);
    assert_int_equal(
        api_status(a, "GET", target, "X-Elohim-Agent: " ALICE "\r\n"), 404);
    assert_int_equal(
        api_status(a, "GET", target, "X-Elohim-Agent: " BOB "\r\n"), 200);

    assert_int_equal(post(a, "/api/blob?reach=commons",
                          "X-Elohim-Agent: " ALICE "\r\n", "ours", 4),
                     201);
    assert_int_equal(post(a, "/api/blob?reach=commons",
                          "X-Elohim-Agent: " BOB "\r\n", "ours", 4),
                     201);
    assert_int_equal(post(a, "/api/blob?reach=commons",
                          "X-Elohim-Agent: " ALICE "\r\n", "ours", 4),
                     200);
    /* who names no agent is the operator, and takes away what is his own */
    snprintf(target, sizeof(target), "/api/blob/%s", canon_of("ours", 4));
    assert_int_equal(api_status(a, "DELETE", target, ""), 404);
    assert_int_equal(post(a, "/api/blob?reach=commons", "", "ours", 4), 201);
    assert_int_equal(api_status(a, "DELETE", target, ""), 204);
    assert_int_equal(api_status(a, "GET", target, ""), 200);
    /* or, when he says so, what anybody has */
    snprintf(target, sizeof(target), "/api/blob/%s?all=1", canon_of("ours", 4));
    assert_int_equal(
        api_status(a, "DELETE", target, "X-Elohim-Agent: " BOB "\r\n"), 400);
    assert_int_equal(api_status(a, "DELETE", target, ""), 204);
    assert_int_equal(api_status(a, "GET", target, ""), 404);
    snprintf(target, sizeof(target), "/api/blob/%s?all=2", canon_of("ours", 4));
    assert_int_equal(api_status(a, "DELETE", target, ""), 400);
    snprintf(target, sizeof(target), "/api/blob/%s", canon_of("mine", 4));
    /* who comes from outside acts for nobody */
    assert_int_equal(api_status(a, "GET", target,
                                "X-Elohim-Caller: anonymous\r\n"
                                "X-Elohim-Agent: " BOB "\r\n"),
                     404);
}


/* ---- the short way and the long one ---- */

static void
round_trip(const api_t *a, const char *reach, size_t len, uint32_t seed)
{
    uint8_t *p = pattern(len, seed);
    char target[160], range[64];
    answer_t r;

    snprintf(target, sizeof(target), "/api/blob/%s?reach=%s", canon_of(p, len),
             reach);
    r = api_call(a, "PUT", target, "", p, (ssize_t) len);
    if (r.status != 201) {
        fail_msg("%s, %zu bytes: %d", reach, len, r.status);
    }
    answer_free(&r);
    r = api_get(a, target, "");
    assert_int_equal(r.status, 200);
    assert_false(r.is_cut);
    assert_int_equal(r.len, len);
    assert_memory_equal(r.body, p, len);
    answer_free(&r);
    if (len > 2) {
        snprintf(range, sizeof(range), "Range: bytes=%zu-\r\n", len / 2);
        r = api_get(a, target, range);
        assert_int_equal(r.status, 206);
        assert_int_equal(r.len, len - len / 2);
        assert_memory_equal(r.body, p + len / 2, r.len);
        answer_free(&r);
    }
    free(p);
}


static void
test_sizes(void **state)
{
    /* of the server's head buffer, the log's blobs, chunks, pump's buffers */
    static const size_t sizes[] = { 0,
                                    1,
                                    4096,
                                    16200,
                                    16384,
                                    API_INLINE - 1,
                                    API_INLINE,
                                    API_INLINE + 1,
                                    (1u << 20) - 1,
                                    1u << 20,
                                    (1u << 20) + 1,
                                    (2u << 20) + 4321 };
    static const char *const names[] = { "commons", "private", "local" };
    const api_t *a = *state;
    uint32_t seed = 7;

    for (size_t i = 0; i < ELO_COUNT(sizes); i++) {
        for (size_t j = 0; j < ELO_COUNT(names); j++) {
            if (sizes[i] > 1 || j == 0) { /* few blobs are that short */
                round_trip(a, names[j], sizes[i], ++seed);
            }
        }
    }
}


/* A small body behind its head, in two pieces, and requests behind one another. */
static void
test_pieces(void **state)
{
    static const char one[] = "PUT /blob/ HTTP/1.1\r\nHost: x\r\n"
                              "Content-Length: 6\r\n\r\nab";
    static const char rest[] = "cdef"
                               "POST /api/blob?reach=commons HTTP/1.1\r\n"
                               "Host: x\r\nContent-Length: 3\r\n\r\nabc"
                               "POST /api/blob?reach=commons HTTP/1.1\r\n"
                               "Host: x\r\nConnection: close\r\n"
                               "Content-Length: 3\r\n\r\nabd";
    const api_t *a = *state;
    int fd = api_connect(a);
    const char *at;
    answer_t r;

    assert_true(api_send(fd, one, strlen(one)));
    api_sleep_ms(20); /* so that it comes apart */
    assert_true(api_send(fd, rest, strlen(rest)));
    r = api_receive(fd, true);
    assert_int_equal(r.status, 201);
    at = strstr((char *) r.body, canon_of("abcdef", 6));
    assert_non_null(at);
    assert_non_null(at = strstr(at, canon_of("abc", 3)));
    assert_non_null(at = strstr(at, canon_of("abd", 3)));
    answer_free(&r);
}


/* Clients that go in the middle of a small body, and before the answer. */
static void
test_gone(void **state)
{
    static const char head[] = "POST /api/blob?reach=commons HTTP/1.1\r\n"
                               "Host: x\r\nContent-Length: 40000\r\n\r\n";
    const api_t *a = *state;
    uint8_t *p = pattern(40000, 3);
    elo_store_totals_t totals;

    for (size_t i = 0; i < 3; i++) {
        int fd = api_connect(a);

        assert_true(api_send(fd, head, strlen(head)));
        assert_true(api_send(fd, p, i * 15000));
        close(fd);
    }
    assert_int_equal(post(a, "/api/blob?reach=commons", "", "x", 1), 201);
    elo_store_totals(a->store, &totals);
    assert_int_equal(totals.blobs, 1);
    for (size_t i = 0; i < 20; i++) {
        int fd = api_connect(a);

        assert_true(api_send(fd, head, strlen(head)));
        assert_true(api_send(fd, p, 40000));
        close(fd); /* it counts or not: nobody waits for the answer */
    }
    free(p);
}


typedef struct {
    const api_t *a;
    pthread_t thread;
    const uint8_t *p;
    size_t len;
    int status;
} putter_t;


static void *
put_same(void *ctx)
{
    putter_t *w = ctx;
    answer_t r = api_call(w->a, "POST", "/api/blob?reach=commons", "", w->p,
                          (ssize_t) w->len);

    w->status = r.status;
    answer_free(&r);
    return NULL;
}


/* The same bytes at once cost one copy, and one of the answers says created. */
static void
test_parallel(void **state)
{
    static const size_t sizes[] = { 4096, 3u << 20 };
    const api_t *a = *state;

    for (size_t s = 0; s < ELO_COUNT(sizes); s++) {
        uint8_t *p = pattern(sizes[s], (uint32_t) s + 90);
        putter_t w[THREADS];
        unsigned n_created = 0;
        elo_store_totals_t totals;

        for (size_t i = 0; i < THREADS; i++) {
            w[i] = (putter_t){ .a = a, .p = p, .len = sizes[s] };
            assert_int_equal(
                pthread_create(&w[i].thread, NULL, put_same, &w[i]), 0);
        }
        for (size_t i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_join(w[i].thread, NULL), 0);
            assert_true(w[i].status == 201 || w[i].status == 200);
            n_created += w[i].status == 201;
        }
        assert_int_equal(n_created, 1);
        elo_store_totals(a->store, &totals);
        assert_int_equal(totals.blobs, s + 1);
        free(p);
    }
    assert_int_equal(api_files(a, "blobs"), 1);
}


/* ---- waiting ---- */

static uint64_t
now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}


static void
test_wait_in_vain(void **state)
{
    api_t *a = *state;
    uint64_t began;
    answer_t r;

    api_set_sink(a, ELO_EUNAVAIL);
    began = now_ms();
    r = api_call(a, "POST", "/api/blob?ack=durable&timeout=1",
                 "Prefer: respond-async, wait=durable\r\n", "abc", 3);
    assert_int_equal(r.status, 201);
    assert_true(now_ms() - began >= 900);
    assert_true(body_has(&r, "\"ack\":\"accepted\"}"));
    assert_string_equal(header_of(&r, "Preference-Applied"), "");
    answer_free(&r);
    /* the same again: it is here, and still not durable */
    r = api_call(a, "POST", "/api/blob?ack=accepted", "", "abc", 3);
    assert_int_equal(r.status, 200);
    assert_true(body_has(&r, "\"ack\":\"accepted\"}"));
    answer_free(&r);
    api_set_sink(a, ELO_OK);
}


typedef struct {
    const api_t *a;
    pthread_t thread;
    const char *reach;
    size_t len;
    answer_t r;
} waiter_t;


static void *
put_and_wait(void *ctx)
{
    waiter_t *w = ctx;
    uint8_t *p = pattern(w->len, (uint32_t) w->len);
    char target[64];

    snprintf(target, sizeof(target), "/api/blob?reach=%s&timeout=60", w->reach);
    w->r = api_call(w->a, "POST", target,
                    "Prefer: WAIT=durable; x=y, handling=strict\r\n", p,
                    (ssize_t) w->len);
    free(p);
    return NULL;
}


static void
test_wait(void **state)
{
    api_t *a = *state;
    waiter_t w[] = {
        { .a = a, .reach = "commons", .len = 10 },
        { .a = a, .reach = "private", .len = 11 },
        { .a = a, .reach = "local", .len = 300000 },
        { .a = a, .reach = "commons", .len = 300001 },
    };

    api_set_sink(a, ELO_EAGAIN);
    for (size_t i = 0; i < ELO_COUNT(w); i++) {
        assert_int_equal(
            pthread_create(&w[i].thread, NULL, put_and_wait, &w[i]), 0);
    }
    for (;;) {
        elo_store_totals_t totals;

        elo_store_totals(a->store, &totals);
        if (totals.tasks == ELO_COUNT(w)) {
            break;
        }
        api_sleep_ms(2);
    }
    api_set_sink(a, ELO_OK);
    for (size_t i = 0; i < ELO_COUNT(w); i++) {
        bool is_private = strcmp(w[i].reach, "private") == 0;

        assert_int_equal(pthread_join(w[i].thread, NULL), 0);
        assert_int_equal(w[i].r.status, 201);
        assert_true(body_has(&w[i].r, is_private ? "\"ack\":\"durable\"}"
                                                 : "\"ack\":\"durable\","
                                                   "\"reduced\":true}"));
        assert_string_equal(header_of(&w[i].r, "Preference-Applied"),
                            "wait=durable");
        answer_free(&w[i].r);
    }
}


/* Too many wait: the next is told what holds now. One that has gone makes
   room. */
static void
test_wait_full(void **state)
{
    static const char request[] =
        "POST /api/blob?reach=commons&ack=durable&timeout=60 HTTP/1.1\r\n"
        "Host: x\r\nContent-Length: 1\r\n\r\n";
    api_t *a = *state;
    int fd[API_WATCHERS];
    answer_t r;

    api_set_sink(a, ELO_EAGAIN);
    for (int i = 0; i < API_WATCHERS; i++) {
        char body = (char) ('0' + i);

        fd[i] = api_connect(a);
        assert_true(api_send(fd[i], request, strlen(request)));
        assert_true(api_send(fd[i], &body, 1));
    }
    for (;;) {
        elo_store_totals_t totals;

        elo_store_totals(a->store, &totals);
        if (totals.tasks == API_WATCHERS) {
            break;
        }
        api_sleep_ms(2);
    }
    api_sleep_ms(20); /* they have been answered that it is written */
    r = api_call(a, "POST", "/api/blob?ack=durable&timeout=60", "", "x", 1);
    assert_int_equal(r.status, 201);
    assert_true(body_has(&r, "\"ack\":\"accepted\"}"));
    answer_free(&r);
    close(fd[0]);
    /* at the end of the server the others are answered too: api_teardown */
    for (int i = 1; i < API_WATCHERS; i++) {
        shutdown(fd[i], SHUT_WR);
    }
    api_set_sink(a, ELO_OK);
    for (int i = 1; i < API_WATCHERS; i++) {
        r = api_receive(fd[i], true);
        assert_int_equal(r.status, 201);
        assert_true(body_has(&r, "\"ack\":\"durable\""));
        answer_free(&r);
    }
}


int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, api_setup, api_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_reach),  TEST(test_agents),       TEST(test_sizes),
        TEST(test_pieces), TEST(test_gone),         TEST(test_parallel),
        TEST(test_wait),   TEST(test_wait_in_vain), TEST(test_wait_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
