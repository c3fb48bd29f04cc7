/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/api: what is routed where, who may do what, and grants. */
#include "t/unit/backend/api/api_client.h"

#include "common/base/num.h"
#include "common/http/wire.h"

#define HEX_ABC                                                                \
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define HEX_NONE                                                               \
    "0000000000000000000000000000000000000000000000000000000000000000"
#define CID_ABC "bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu"


static void
test_methods(void **state)
{
    static const struct {
        const char *method;
        const char *target;
        int status;
        const char *allow;
    } cases[] = {
        { "GET", "/health", 200, "" },
        { "HEAD", "/health", 200, "" },
        { "POST", "/health", 405, "GET, HEAD, OPTIONS" },
        { "OPTIONS", "/health", 204, "GET, HEAD, OPTIONS" },
        { "GET", "/version", 200, "" },
        { "DELETE", "/version", 405, "GET, HEAD, OPTIONS" },
        { "PATCH", "/api/blob/" HEX_ABC, 405,
          "GET, HEAD, PUT, DELETE, OPTIONS" },
        { "DELETE", "/api/blob", 405, "GET, HEAD, PUT, POST, OPTIONS" },
        { "PUT", "/api/content", 405, "GET, HEAD, POST, OPTIONS" },
        { "POST", "/api/content/x", 405, "GET, HEAD, PUT, DELETE, OPTIONS" },
        { "PUT", "/manifest/" HEX_ABC, 405, "GET, HEAD, OPTIONS" },
        { "PUT", "/internal/v1/grant/x", 405, "GET, HEAD, OPTIONS" },
        { "GET", "/", 404, "" },
        { "OPTIONS", "/", 404, "" },
        { "GET", "/nothing", 404, "" },
        { "GET", "/api/content/", 404, "" },
        { "GET", "/api/content/a/b", 404, "" },
        { "GET", "/api/content/..%2fx", 404, "" },
        { "GET", "/api/blob/%2e%2e", 404, "" },
        { "GET", "/api/blob/a%00b", 400, "" },
        { "GET", "/api/blob/%zz", 400, "" },
        { "GET", "/api/blob/%", 400, "" },
        { "GET", "/api/manifest/x/hls.m3u8", 404, "" },
        { "GET", "/internal/v1/", 404, "" },
        { "GET", "/internal/v1/grant", 404, "" },
        { "GET", "/internal/v1/grant/", 400, "" },
        { "GET", "/internal/v1/grant/a/b", 404, "" },
        { "GET", "/internal/v1/nothing/x", 404, "" },
        { "GET", "/internal/v1/recipe/x/0123456789abcdef/v0/1/2", 404, "" },
        { "GET", "/internal/v1/recipe/x/0123456789abcdeg/v0/1", 404, "" },
        { "GET", "/internal/v1/recipe/x/0123456789abcdef/v0/0", 404, "" },
        { "GET", "/internal/v1/recipe/x/0123456789abcdef/v0/-1", 404, "" },
        { "GET", "/internal/v2/grant/x", 404, "" },
    };
    const api_t *a = *state;

    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        answer_t r =
            api_call(a, cases[i].method, cases[i].target, "", NULL, -1);

        if (r.status != cases[i].status) {
            fail_msg("%s %s: %d", cases[i].method, cases[i].target, r.status);
        }
        assert_string_equal(header_of(&r, "Allow"), cases[i].allow);
        if (r.status >= 400) {
            assert_string_equal(header_of(&r, "Content-Type"),
                                "application/problem+json");
            assert_true(body_has(&r, "\"code\":\""));
        }
        answer_free(&r);
    }
}


static void
test_long_path(void **state)
{
    const api_t *a = *state;
    char target[2100];

    memset(target, 'a', sizeof(target));
    memcpy(target, "/api/content/", 13);
    target[sizeof(target) - 1] = '\0';
    assert_int_equal(api_status(a, "GET", target, ""), 404);
    target[13 + 129] = '\0';
    assert_int_equal(api_status(a, "GET", target, ""), 404);
}


static void
test_health(void **state)
{
    const api_t *a = *state;
    answer_t r;

    (void) api_put(a, "text/plain", "abc", 3);
    r = api_get(a, "/health", "");
    assert_true(body_has(&r, "{\"status\":\"ok\",\"blobs\":1,\"bytes\":3,"
                             "\"manifests\":1,\"import_enabled\":false,"));
    assert_string_equal(header_of(&r, "Cache-Control"), "no-store");
    answer_free(&r);
    r = api_get(a, "/version", "");
    assert_string_equal((char *) r.body, "{\"version\":\"1.2.3\",\"service\":"
                                         "\"elohimd\",\"api\":\"v1\"}");
    answer_free(&r);
}


/* ---- grants ---- */

static elo_err_t
ask_grant(const api_t *a, const char *what, answer_t *r, elo_grant_t *g)
{
    char target[256];

    snprintf(target, sizeof(target), "/internal/v1/grant/%s", what);
    *r = api_get(a, target, "");
    if (r->status != 200) {
        return ELO_ENOTFOUND;
    }
    assert_string_equal(header_of(r, "Content-Type"), ELO_WIRE_TYPE);
    return elo_wire_get_grant(elo_slice(r->body, r->len), g);
}


static int
status_of_grant(const api_t *a, const char *what)
{
    char target[256];

    snprintf(target, sizeof(target), "/internal/v1/grant/%s", what);
    return api_status(a, "GET", target, "");
}


static void
put_node(const api_t *a, const char *id, const char *reach,
         const char *lifecycle, const char *blobs)
{
    char json[1024], target[128];
    answer_t r;

    snprintf(json, sizeof(json),
             "{\"title\":\"t\",\"reach\":\"%s\",\"lifecycle\":\"%s\","
             "\"blobs\":[%s]}",
             reach, lifecycle, blobs);
    snprintf(target, sizeof(target), "/api/content/%s", id);
    r = api_post(a, "PUT", target, json);
    assert_true(r.status == 201 || r.status == 200);
    answer_free(&r);
}


/* The granted extent holds the bytes, and the caller can open it. */
static void
check_file(const api_t *a, const elo_grant_t *g, const char *bytes)
{
    char path[256], got[64] = "";
    FILE *f;

    snprintf(path, sizeof(path), "%s/%.*s", a->root, (int) g->name.len,
             (const char *) g->name.p);
    f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, (long) g->offset, SEEK_SET), 0);
    assert_int_equal(fread(got, 1, g->size, f), g->size);
    assert_string_equal(got, bytes);
    fclose(f);
}


static bool
is_current(const api_t *a, const elo_grant_t *g)
{
    return elo_gen_load(elo_store_gen(a->store), g->head.slot)
           == g->head.generation;
}


static void
test_grant_by_hash(void **state)
{
    static const char *const names[] = { ("sha256-" HEX_ABC), HEX_ABC,
                                         CID_ABC };
    const api_t *a = *state;
    elo_grant_t g;
    answer_t r;

    assert_int_equal(status_of_grant(a, HEX_ABC), 404);
    (void) api_put(a, "text/plain", "abc", 3);
    for (size_t i = 0; i < ELO_COUNT(names); i++) {
        assert_int_equal(ask_grant(a, names[i], &r, &g), ELO_OK);
        assert_int_equal(g.head.reach, ELO_REACH_PRIVATE);
        assert_int_equal(g.head.flags, ELO_WIRE_BY_HASH);
        assert_int_equal(g.size, 3);
        assert_true(elo_slice_eq(g.content_type, ELO_SLICE("text/plain")));
        assert_true(is_current(a, &g));
        check_file(a, &g, "abc");
        if (i + 1 < ELO_COUNT(names)) {
            answer_free(&r);
        }
    }

    /* a node that makes it commons makes the grant stale; the next one says so */
    put_node(a, "n", "commons", "published", "{\"hash\":\"" HEX_ABC "\"}");
    assert_false(is_current(a, &g));
    answer_free(&r);
    assert_int_equal(ask_grant(a, HEX_ABC, &r, &g), ELO_OK);
    assert_int_equal(g.head.reach, ELO_REACH_COMMONS);

    /* and one that is withdrawn takes it back */
    put_node(a, "n", "private", "published", "{\"hash\":\"" HEX_ABC "\"}");
    assert_false(is_current(a, &g));
    answer_free(&r);
    assert_int_equal(ask_grant(a, HEX_ABC, &r, &g), ELO_OK);
    assert_int_equal(g.head.reach, ELO_REACH_PRIVATE);
    assert_true(is_current(a, &g));
    assert_int_equal(api_status(a, "DELETE", "/api/content/n", ""), 204);
    assert_int_equal(api_status(a, "DELETE", "/api/blob/" HEX_ABC, ""), 204);
    assert_false(is_current(a, &g));
    answer_free(&r);
    assert_int_equal(status_of_grant(a, HEX_ABC), 404);
}


static void
test_grant_by_id(void **state)
{
    const api_t *a = *state;
    elo_grant_t g;
    answer_t r;

    assert_int_equal(status_of_grant(a, "film"), 404);
    put_node(a, "film", "commons", "published", "");
    assert_int_equal(status_of_grant(a, "film"), 404); /* no blob */
    put_node(a, "film", "commons", "published", "{\"hash\":\"" HEX_ABC "\"}");
    assert_int_equal(status_of_grant(a, "film"), 404); /* not held */

    (void) api_put(a, "application/octet-stream", "other", 5);
    r = api_call(a, "POST", "/api/blob?reach=commons", "", "abc",
                 3); /* without a type */
    answer_free(&r);
    put_node(a, "film", "commons", "published",
             "{\"hash\":\"" HEX_NONE "\",\"role\":\"variant\"},"
             "{\"hash\":\"" HEX_ABC "\",\"mimeType\":\"video/mp4\"}");
    assert_int_equal(ask_grant(a, "film", &r, &g), ELO_OK);
    assert_int_equal(g.head.reach, ELO_REACH_COMMONS);
    assert_int_equal(g.head.flags, 0);
    /* the node says what the blob doesn't */
    assert_true(elo_slice_eq(g.content_type, ELO_SLICE("video/mp4")));
    check_file(a, &g, "abc");
    assert_true(is_current(a, &g));

    put_node(a, "film", "private", "published", "{\"hash\":\"" HEX_ABC "\"}");
    assert_false(is_current(a, &g));
    answer_free(&r);
    assert_int_equal(ask_grant(a, "film", &r, &g), ELO_OK);
    assert_int_equal(g.head.reach, ELO_REACH_PRIVATE);
    assert_true(
        elo_slice_eq(g.content_type, ELO_SLICE("application/octet-stream")));
    answer_free(&r);

    /* what isn't served is as if it were private; for whom, access tells */
    put_node(a, "cut", "commons", "draft", "{\"hash\":\"" HEX_ABC "\"}");
    assert_int_equal(ask_grant(a, "cut", &r, &g), ELO_OK);
    assert_int_equal(g.head.reach, ELO_REACH_PRIVATE);
    answer_free(&r);
    put_node(a, "film", "commons", "archived", "{\"hash\":\"" HEX_ABC "\"}");
    assert_int_equal(status_of_grant(a, "film"), 200);
    put_node(a, "film", "commons", "forgotten", "{\"hash\":\"" HEX_ABC "\"}");
    assert_int_equal(status_of_grant(a, "film"), 404);
}


/* Reading through the API itself, by content id and by hash. */
static void
test_read_by_id(void **state)
{
    static const char anonymous[] = "X-Elohim-Caller: anonymous\r\n";
    const api_t *a = *state;
    answer_t r;

    (void) api_put(a, "text/plain", "abc", 3);
    put_node(a, "doc", "regional", "published", "{\"hash\":\"" HEX_ABC "\"}");
    assert_int_equal(api_status(a, "GET", "/api/blob/doc", anonymous), 404);
    assert_int_equal(api_status(a, "GET", "/api/blob/" HEX_ABC, anonymous),
                     404);
    assert_int_equal(api_status(a, "GET", "/manifest/" HEX_ABC, anonymous),
                     404);
    r = api_get(a, "/api/blob/doc", "");
    assert_int_equal(r.status, 200);
    assert_string_equal(header_of(&r, "Cache-Control"), "private, no-cache");
    assert_string_equal(header_of(&r, "X-Reach"), "regional");
    answer_free(&r);
    r = api_get(a, "/api/blob/" HEX_ABC, "");
    assert_null(strstr(header_of(&r, "Cache-Control"), "public"));
    answer_free(&r);

    put_node(a, "doc", "commons", "published", "{\"hash\":\"" HEX_ABC "\"}");
    r = api_get(a, "/blob/doc", anonymous);
    assert_int_equal(r.status, 200);
    assert_string_equal(header_of(&r, "Cache-Control"), "no-cache");
    assert_string_equal(header_of(&r, "ETag"), "\"sha256-" HEX_ABC "\"");
    answer_free(&r);
    r = api_get(a, "/blob/" HEX_ABC, anonymous);
    assert_int_equal(r.status, 200);
    assert_string_equal(header_of(&r, "Cache-Control"),
                        "public, max-age=31536000, immutable");
    answer_free(&r);
}


int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, api_setup, api_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_methods),       TEST(test_long_path),   TEST(test_health),
        TEST(test_grant_by_hash), TEST(test_grant_by_id), TEST(test_read_by_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
