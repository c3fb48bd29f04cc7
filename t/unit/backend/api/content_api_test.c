/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/api: content nodes, one at a time and in lists. */
#include "t/unit/backend/api/api_client.h"

#include "common/base/num.h"

#define ANONYMOUS "X-Elohim-Caller: anonymous\r\n"
#define JSON      "Content-Type: application/json\r\n"


static int
post_status(const api_t *a, const char *method, const char *target,
            const char *headers, const char *json)
{
    answer_t r =
        api_call(a, method, target, headers, json, (ssize_t) strlen(json));
    int status = r.status;

    answer_free(&r);
    return status;
}


static void
test_create(void **state)
{
    const api_t *a = *state;
    char target[256];
    answer_t r;

    r = api_post(a, "POST", "/api/content",
                 "{\"id\":\"one\",\"title\":\"T\",\"reach\":\"commons\","
                 "\"body\":\"x\"}");
    assert_int_equal(r.status, 201);
    assert_string_equal(header_of(&r, "Location"), "/api/content/one");
    assert_string_equal(header_of(&r, "ETag"), "\"1\"");
    assert_string_equal(header_of(&r, "Content-Type"), "application/json");
    assert_true(body_has(&r, "{\"id\":\"one\",\"version\":1,\"title\":\"T\","));
    answer_free(&r);

    r = api_get(a, "/api/content/one", "");
    assert_int_equal(r.status, 200);
    assert_string_equal(header_of(&r, "ETag"), "\"1\"");
    assert_true(body_has(&r, "\"lifecycle\":\"published\""));
    answer_free(&r);
    assert_int_equal(
        api_status(a, "GET", "/api/content/one", "If-None-Match: \"1\"\r\n"),
        304);

    /* the id is taken */
    r = api_post(a, "POST", "/api/content",
                 "{\"id\":\"one\",\"title\":\"other\"}");
    assert_int_equal(r.status, 409);
    assert_true(body_has(&r, "\"field\":\"id\""));
    answer_free(&r);

    /* one without an id gets one */
    r = api_post(a, "POST", "/api/content", "{\"title\":\"T\"}");
    assert_int_equal(r.status, 201);
    snprintf(target, sizeof(target), "%.200s", header_of(&r, "Location"));
    answer_free(&r);
    assert_int_equal(strlen(target), strlen("/api/content/") + 26);
    assert_int_equal(api_status(a, "GET", target, ""), 200);
    assert_int_equal(api_status(a, "HEAD", target, ""), 200);
    assert_int_equal(api_status(a, "GET", "/api/content/none", ""), 404);
}


static void
test_refused(void **state)
{
    static const struct {
        const char *json;
        const char *field;
    } cases[] = {
        { "{\"title\":\"\"}", "\"field\":\"title\"" },
        { "{\"title\":\"a\",\"x\":1}", "\"field\":\"x\"" },
        { "{\"title\":\"a\",\"blobs\":[{\"hash\":\"1\"}]}",
          "\"field\":\"blobs[0].hash\"" },
        { "{\"title\":", "not valid JSON" },
        { "", "not valid JSON" },
    };
    const api_t *a = *state;
    char *big = malloc(ELO_CONTENT_JSON_MAX + 2);
    answer_t r;

    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        r = api_post(a, "POST", "/api/content", cases[i].json);
        assert_int_equal(r.status, 400);
        if (!body_has(&r, cases[i].field)) {
            fail_msg("%s: %s", cases[i].json, (char *) r.body);
        }
        answer_free(&r);
    }
    memset(big, ' ', ELO_CONTENT_JSON_MAX + 1);
    big[ELO_CONTENT_JSON_MAX + 1] = '\0';
    assert_int_equal(post_status(a, "POST", "/api/content", JSON, big), 413);
    free(big);
    r = api_get(a, "/api/content", "");
    assert_string_equal((char *) r.body, "{\"items\":[],\"next\":null}");
    answer_free(&r);
}


static void
test_put(void **state)
{
    static const char first[] = "{\"title\":\"first\"}";
    static const char second[] = "{\"title\":\"second\",\"reach\":\"commons\"}";
    const api_t *a = *state;
    answer_t r, r2;

    assert_int_equal(
        post_status(a, "PUT", "/api/content/x", JSON "If-Match: *\r\n", first),
        412);
    assert_int_equal(post_status(a, "PUT", "/api/content/x",
                                 JSON "If-None-Match: *\r\n", first),
                     201);
    assert_int_equal(post_status(a, "PUT", "/api/content/x",
                                 JSON "If-None-Match: *\r\n", first),
                     412);
    assert_int_equal(post_status(a, "PUT", "/api/content/x",
                                 JSON "If-Match: \"2\"\r\n", second),
                     412);
    r = api_get(a, "/api/content/x", "");
    r2 = api_call(a, "PUT", "/api/content/x", JSON "If-Match: \"1\"\r\n",
                  second, (ssize_t) strlen(second));
    assert_int_equal(r2.status, 200);
    assert_string_equal(header_of(&r2, "ETag"), "\"2\"");
    assert_true(body_has(&r2, "\"title\":\"second\""));
    /* made once, though changed since */
    assert_memory_equal(strstr((char *) r.body, "\"createdAt\""),
                        strstr((char *) r2.body, "\"createdAt\""), 34);
    answer_free(&r);

    /* what came out may be sent back */
    assert_int_equal(
        post_status(a, "PUT", "/api/content/x", JSON, (char *) r2.body), 200);
    answer_free(&r2);
    assert_int_equal(post_status(a, "PUT", "/api/content/x", JSON,
                                 "{\"id\":\"y\",\"title\":\"t\"}"),
                     400);

    /* every version stays */
    r = api_get(a, "/api/content/x?version=1", "");
    assert_int_equal(r.status, 200);
    assert_true(body_has(&r, "\"title\":\"first\""));
    assert_string_equal(header_of(&r, "ETag"), "\"1\"");
    answer_free(&r);
    assert_int_equal(api_status(a, "GET", "/api/content/x?version=9", ""), 404);
    assert_int_equal(api_status(a, "GET", "/api/content/x?version=0", ""), 400);
    assert_int_equal(api_status(a, "GET", "/api/content/x?version=a", ""), 400);
}


static void
test_delete(void **state)
{
    const api_t *a = *state;

    assert_int_equal(api_status(a, "DELETE", "/api/content/x", ""), 404);
    assert_int_equal(
        post_status(a, "PUT", "/api/content/x", JSON, "{\"title\":\"t\"}"),
        201);
    assert_int_equal(
        api_status(a, "DELETE", "/api/content/x", "If-Match: \"7\"\r\n"), 412);
    assert_int_equal(
        api_status(a, "DELETE", "/api/content/x", "If-Match: \"1\"\r\n"), 204);
    assert_int_equal(api_status(a, "GET", "/api/content/x", ""), 404);
    assert_int_equal(
        post_status(a, "PUT", "/api/content/x", JSON, "{\"title\":\"t\"}"),
        201);
}


/* Who is anonymous sees commons only, and of that no draft, whatever the
   version; and changes nothing. */
static void
test_anonymous(void **state)
{
    static const struct {
        const char *id;
        const char *reach;
        const char *lifecycle;
        int status;
        bool listed;
    } cases[] = {
        { "a", "commons", "published", 200, true },
        { "b", "regional", "published", 404, false },
        { "c", "private", "published", 404, false },
        { "d", "commons", "draft", 404, false },
        { "f", "commons", "stale", 200, true },
        { "g", "commons", "deprecated", 200, false },
        { "h", "commons", "archived", 200, false },
    };
    const api_t *a = *state;
    char json[256], target[64], item[32];
    answer_t all, some;

    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        snprintf(json, sizeof(json),
                 "{\"title\":\"t\",\"reach\":\"%s\",\"lifecycle\":\"%s\"}",
                 cases[i].reach, cases[i].lifecycle);
        snprintf(target, sizeof(target), "/api/content/%s", cases[i].id);
        assert_int_equal(post_status(a, "PUT", target, JSON, json), 201);
        assert_int_equal(post_status(a, "PUT", target, JSON ANONYMOUS, json),
                         403);
        assert_int_equal(api_status(a, "DELETE", target, ANONYMOUS), 403);
        assert_int_equal(api_status(a, "GET", target, ANONYMOUS),
                         cases[i].status);
        assert_int_equal(
            api_status(a, "GET", target, "X-Elohim-Caller: admin\r\n"),
            cases[i].status);
        assert_int_equal(
            api_status(a, "GET", target, "X-Elohim-Caller: operator\r\n"), 200);
    }
    assert_int_equal(
        post_status(a, "POST", "/api/content", JSON ANONYMOUS, "{}"), 403);
    all = api_get(a, "/api/content", "");
    some = api_get(a, "/api/content", ANONYMOUS);
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        snprintf(item, sizeof(item), "{\"id\":\"%s\",", cases[i].id);
        assert_true(body_has(&all, item));
        assert_int_equal(body_has(&some, item), cases[i].listed);
    }
    answer_free(&all);
    answer_free(&some);

    /* nothing begins as forgotten; what is, is told of to the operator alone */
    assert_int_equal(post_status(a, "PUT", "/api/content/e", JSON,
                                 "{\"title\":\"t\",\"lifecycle\":"
                                 "\"forgotten\"}"),
                     409);
    assert_int_equal(post_status(a, "POST", "/api/content/h/lifecycle", JSON,
                                 "{\"state\":\"forgotten\"}"),
                     200);
    assert_int_equal(api_status(a, "GET", "/api/content/h", ANONYMOUS), 404);
    assert_int_equal(api_status(a, "GET", "/api/content/h", ""), 410);
    all = api_get(a, "/api/content", "");
    assert_false(body_has(&all, "\"id\":\"h\""));
    answer_free(&all);

    /* a version from before it was made commons */
    assert_int_equal(
        post_status(a, "PUT", "/api/content/v", JSON,
                    "{\"title\":\"secret\",\"reach\":\"private\"}"),
        201);
    assert_int_equal(post_status(a, "PUT", "/api/content/v", JSON,
                                 "{\"title\":\"open\",\"reach\":\"commons\","
                                 "\"lifecycle\":\"published\"}"),
                     200);
    assert_int_equal(api_status(a, "GET", "/api/content/v", ANONYMOUS), 200);
    assert_int_equal(
        api_status(a, "GET", "/api/content/v?version=2", ANONYMOUS), 200);
    assert_int_equal(
        api_status(a, "GET", "/api/content/v?version=1", ANONYMOUS), 404);
    assert_int_equal(api_status(a, "GET", "/api/content/v?version=1", ""), 200);
}


/* Items of a page, whose "next" goes to next ("" at the end). */
static size_t
page_of(const api_t *a, const char *target, const char *head, char next[256])
{
    answer_t r = api_get(a, target, head);
    const char *p = (char *) r.body;
    size_t n = 0;

    assert_int_equal(r.status, 200);
    for (; (p = strstr(p, "{\"id\":")) != NULL; p++) {
        n++;
    }
    next[0] = '\0';
    p = strstr((char *) r.body, "\"next\":\"");
    if (p != NULL) {
        snprintf(next, 256, "%.*s", (int) strcspn(p + 8, "\""), p + 8);
    }
    answer_free(&r);
    return n;
}


static void
test_list(void **state)
{
    const api_t *a = *state;
    char target[512], next[256];

    for (int i = 0; i < 7; i++) {
        snprintf(target, sizeof(target), "/api/content/n%d", i);
        assert_int_equal(
            post_status(a, "PUT", target, JSON, "{\"title\":\"t\"}"), 201);
    }
    for (unsigned limit = 1; limit <= 8; limit++) {
        unsigned pages = 0;
        size_t n = 0;

        next[0] = '\0';
        do {
            snprintf(target, sizeof(target), "/api/content?limit=%u%s%s", limit,
                     next[0] == '\0' ? "" : "&cursor=", next);
            n += page_of(a, target, "", next);
            assert_true(n <= 7);
            pages++;
        } while (next[0] != '\0');
        assert_int_equal(n, 7);
        assert_int_equal(pages, (7 + limit - 1) / limit); /* none is empty */
    }
    assert_int_equal(page_of(a, "/api/content?after=n3", "", next), 3);
    assert_int_equal(page_of(a, "/api/content?after=n31", "", next), 3);
    assert_int_equal(api_status(a, "GET", "/api/content?limit=0", ""), 400);
    assert_int_equal(api_status(a, "GET", "/api/content?after=a%2Fb", ""), 400);
    assert_int_equal(api_status(a, "GET", "/api/content?after=n3", ANONYMOUS),
                     400);
    assert_int_equal(api_status(a, "GET", "/api/content?sort=id", ""), 400);
}


/* A cursor is of one caller and one list. */
static void
test_list_cursor(void **state)
{
    const api_t *a = *state;
    char target[512], next[256], other[256];

    for (int i = 0; i < 4; i++) {
        snprintf(target, sizeof(target), "/api/content/n%d", i);
        assert_int_equal(post_status(a, "PUT", target, JSON,
                                     "{\"title\":\"t\",\"reach\":\"commons\","
                                     "\"body\":\"b\"}"),
                         201);
    }
    assert_int_equal(page_of(a, "/api/content?limit=2", ANONYMOUS, next), 2);
    snprintf(target, sizeof(target), "/api/content?limit=1&cursor=%s", next);
    assert_int_equal(page_of(a, target, ANONYMOUS, other), 1);
    assert_int_equal(page_of(a, target, ANONYMOUS, other), 1); /* again */
    assert_int_equal(api_status(a, "GET", target, ""), 400); /* the operator */
    snprintf(target, sizeof(target), "/api/content?reach=commons&cursor=%s",
             next);
    assert_int_equal(api_status(a, "GET", target, ANONYMOUS), 400);
    next[20] = next[20] == 'A' ? 'B' : 'A';
    snprintf(target, sizeof(target), "/api/content?cursor=%s", next);
    assert_int_equal(api_status(a, "GET", target, ANONYMOUS), 400);
    assert_int_equal(api_status(a, "GET", "/api/content?cursor=n1", ANONYMOUS),
                     400);
}


typedef struct {
    const api_t *a;
    int n_ok;
} writer_t;


static void *
write_many(void *ctx)
{
    writer_t *w = ctx;

    for (int i = 0; i < 10; i++) {
        int status = post_status(w->a, "PUT", "/api/content/race", JSON,
                                 "{\"title\":\"t\"}");

        w->n_ok += status == 200 || status == 201;
    }
    return NULL;
}


/* Writers without conditions all win, one after the other: no version is lost
   and none is written twice. */
static void
test_concurrent_writers(void **state)
{
    writer_t w[3] = { { *state, 0 }, { *state, 0 }, { *state, 0 } };
    pthread_t t[3];
    char etag[32];
    answer_t r;

    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&t[i], NULL, write_many, &w[i]), 0);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
    }
    r = api_get(*state, "/api/content/race", "");
    snprintf(etag, sizeof(etag), "\"%d\"", w[0].n_ok + w[1].n_ok + w[2].n_ok);
    assert_string_equal(header_of(&r, "ETag"), etag);
    assert_int_equal(w[0].n_ok + w[1].n_ok + w[2].n_ok, 30);
    answer_free(&r);
}


#define ALICE     "cecc1507dc1ddd7295951c290888f095adb9044d1b73d696e6df065d683bd4fc"
#define BOB       "6b79c57e6a095239282c04818e96112f3f03a4001ba97a564c23852a3f1ea5fc"
#define AS(agent) JSON "X-Elohim-Agent: " agent "\r\n"


static int
send_as(const api_t *a, const char *fields, const char *reach, const char *text)
{
    char target[64];
    answer_t r;
    int status;

    snprintf(target, sizeof(target), "/api/blob?reach=%s", reach);
    r = api_call(a, "POST", target, fields, text, (ssize_t) strlen(text));
    status = r.status;
    answer_free(&r);
    return status;
}


static void
node_of(char out[256], const char *id, const char *text)
{
    snprintf(out, 256,
             "{\"id\":\"%s\",\"title\":\"T\",\"reach\":\"commons\","
             "\"blobs\":[{\"hash\":\"%s\"}]}",
             id, canon_of(text, strlen(text)));
}


/* A node gives what its owner has sent, in the clear or sealed, and nothing of what
   another has: not by its own address, nor by the hash. */
static void
test_possession(void **state)
{
    static const char *const reaches[] = { "commons", "local" };
    const api_t *a = *state;

    for (size_t i = 0; i < 2; i++) {
        const char *text = i == 0 ? "wide" : "narrow";
        const char *reach = reaches[i];
        char json[256], path[64], node[64], by_hash[128];
        char id[8];

        snprintf(by_hash, sizeof(by_hash), "/api/blob/%s",
                 canon_of(text, strlen(text)));
        assert_int_equal(
            send_as(a, "X-Elohim-Agent: " ALICE "\r\n", reach, text), 201);

        /* the operator, and Bob, who know its hash */
        for (size_t k = 0; k < 2; k++) {
            snprintf(id, sizeof(id), "no%zu%zu", i, k);
            node_of(json, id, text);
            assert_int_equal(post_status(a, "POST", "/api/content",
                                         k == 0 ? JSON : AS(BOB), json),
                             201);
            snprintf(path, sizeof(path), "/api/blob/%s", id);
            assert_int_equal(api_status(a, "GET", path, ""), 404);
            assert_int_equal(api_status(a, "GET", path, ANONYMOUS), 404);
            assert_int_equal(api_status(a, "GET", by_hash, ANONYMOUS), 404);
        }

        /* Alice: from now on everybody may read it */
        snprintf(id, sizeof(id), "al%zu", i);
        snprintf(path, sizeof(path), "/api/blob/%s", id);
        snprintf(node, sizeof(node), "/api/content/%s", id);
        node_of(json, id, text);
        assert_int_equal(post_status(a, "PUT", node, AS(ALICE), json), 201);
        assert_int_equal(api_status(a, "GET", path, ANONYMOUS), 200);
        assert_int_equal(api_status(a, "GET", by_hash, ANONYMOUS), 200);
        /* an operator's change leaves it hers; Bob changes nothing */
        assert_int_equal(post_status(a, "PUT", node, JSON, json), 200);
        assert_int_equal(api_status(a, "GET", path, ANONYMOUS), 200);
        assert_int_equal(post_status(a, "PUT", node, AS(BOB), json), 403);
        assert_int_equal(api_status(a, "DELETE", node, AS(BOB)), 403);
        assert_int_equal(post_status(a, "PUT", node, AS(ALICE), json), 200);
        assert_int_equal(api_status(a, "DELETE", by_hash, AS(ALICE)), 409);
        assert_int_equal(api_status(a, "DELETE", node, ""), 204);
        assert_int_equal(api_status(a, "GET", by_hash, ANONYMOUS), 404);

        /* the others come to have it */
        assert_int_equal(send_as(a, "X-Elohim-Agent: " BOB "\r\n", reach, text),
                         201);
        snprintf(path, sizeof(path), "/api/blob/no%zu1", i);
        assert_int_equal(api_status(a, "GET", path, ANONYMOUS), 200);
        assert_int_equal(api_status(a, "GET", by_hash, ANONYMOUS), 200);
        snprintf(path, sizeof(path), "/api/blob/no%zu0", i);
        assert_int_equal(api_status(a, "GET", path, ANONYMOUS), 404);
        assert_int_equal(send_as(a, "", reach, text), 201);
        assert_int_equal(api_status(a, "GET", path, ANONYMOUS), 200);
    }
}


int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, api_setup, api_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_create),      TEST(test_refused),
        TEST(test_put),         TEST(test_delete),
        TEST(test_anonymous),   TEST(test_list),
        TEST(test_list_cursor), TEST(test_concurrent_writers),
        TEST(test_possession),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
