/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/api: blobs, in (upload) and out (blob_api, blob_send). */
#include "t/unit/backend/api/api_client.h"

#include "common/base/num.h"

#define HEX_ABC                                                                \
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define CID_ABC "bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu"
#define BIG     (5u * 1024 * 1024 + 3)


static uint8_t *
pattern(size_t len)
{
    uint8_t *p = malloc(len);
    uint32_t x = 1;

    for (size_t i = 0; i < len; i++) {
        x = x * 1664525u + 1013904223u;
        p[i] = (uint8_t) (x >> 24);
    }
    return p;
}


static void
test_put(void **state)
{
    const api_t *a = *state;
    answer_t r;

    r = api_call(a, "PUT", "/api/blob/sha256-" HEX_ABC,
                 "Content-Type: text/plain; charset=utf-8\r\n", "abc", 3);
    assert_int_equal(r.status, 201);
    assert_string_equal(header_of(&r, "Location"), "/api/blob/sha256-" HEX_ABC);
    assert_string_equal((char *) r.body,
                        "{\"hash\":\"sha256-" HEX_ABC "\",\"cid\":\"" CID_ABC
                        "\",\"size\":3,\"contentType\":\"text/plain; "
                        "charset=utf-8\",\"reach\":\"private\","
                        "\"existed\":false,"
                        "\"ack\":\"accepted\"}");
    answer_free(&r);

    /* again, under every name, by every route */
    static const struct {
        const char *method;
        const char *target;
        int status; /* clients of /blob take any other than 201 for a failure */
        const char *has;
    } again[] = {
        { "PUT", "/api/blob/" HEX_ABC, 200, "{\"hash\":\"sha256-" HEX_ABC },
        { "PUT", "/blob/" CID_ABC, 201, "{\"blob_cid\":\"" CID_ABC "\"" },
        { "PUT", "/blob/", 201, "\"shard_hashes\":[\"sha256-" HEX_ABC "\"]" },
        { "POST", "/blob", 201, "\"hash\":\"sha256-" HEX_ABC "\",\"cid\"" },
        { "POST", "/api/blob", 200, "\"existed\":true" },
    };
    for (size_t i = 0; i < ELO_COUNT(again); i++) {
        r = api_call(a, again[i].method, again[i].target, "", "abc", 3);
        assert_int_equal(r.status, again[i].status);
        assert_true(body_has(&r, again[i].has));
        assert_true(body_has(&r, "\"existed\":true"));
        answer_free(&r);
    }
    r = api_call(a, "PUT", "/shard/" HEX_ABC, "", "abc", 3);
    assert_int_equal(r.status, 200);
    assert_string_equal((char *) r.body,
                        "{\"hash\":\"sha256-" HEX_ABC "\",\"size_bytes\":3,"
                        "\"already_existed\":true}");
    answer_free(&r);

    r = api_get(a, "/api/blob/" CID_ABC, "");
    assert_int_equal(r.status, 200);
    assert_string_equal((char *) r.body, "abc");
    assert_string_equal(header_of(&r, "Content-Type"),
                        "text/plain; charset=utf-8");
    assert_string_equal(header_of(&r, "ETag"), "\"sha256-" HEX_ABC "\"");
    assert_string_equal(header_of(&r, "Accept-Ranges"), "bytes");
    assert_string_equal(header_of(&r, "X-Content-Type-Options"), "nosniff");
    assert_true(header_of(&r, "Last-Modified")[0] != '\0');
    answer_free(&r);
}


static void
test_put_types(void **state)
{
    static const struct {
        const char *sent;
        const char *kept;
    } cases[] = {
        { "", "application/octet-stream" },
        { "Content-Type: \r\n", "application/octet-stream" },
        { "Content-Type: nonsense\r\n", "application/octet-stream" },
        { "Content-Type: application/x-www-form-urlencoded\r\n",
          "application/octet-stream" },
        { "Content-Type: text/html; charset\r\n", "application/octet-stream" },
        { "Content-Type: video/mp4\r\n", "video/mp4" },
    };
    const api_t *a = *state;

    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        uint8_t body = (uint8_t) i;
        char want[128];
        answer_t r;

        r = api_call(a, "POST", "/api/blob", cases[i].sent, &body, 1);
        assert_int_equal(r.status, 201);
        snprintf(want, sizeof(want), "\"contentType\":\"%s\"", cases[i].kept);
        assert_true(body_has(&r, want));
        answer_free(&r);
    }
}


static void
test_put_refused(void **state)
{
    const api_t *a = *state;
    uint8_t *big = pattern(API_MAX_BLOB + 1);
    elo_store_totals_t totals;
    answer_t r;

    /* a small body and one of many pieces, neither of that hash */
    for (size_t i = 0; i < 2; i++) {
        r = api_call(a, "PUT", "/api/blob/" HEX_ABC, "", big,
                     i == 0 ? 5 : (ssize_t) BIG);
        assert_int_equal(r.status, 409);
        assert_true(body_has(&r, "\"code\":\"HASH_MISMATCH\""));
        assert_string_equal(header_of(&r, "Content-Type"),
                            "application/problem+json");
        answer_free(&r);
    }
    r = api_call(a, "PUT", "/api/blob/some-content-id", "", "abc", 3);
    assert_int_equal(r.status, 400);
    answer_free(&r);
    /* a dag-pb node is not raw bytes */
    r = api_call(a, "PUT",
                 "/api/blob/QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG", "",
                 "abc", 3);
    assert_int_equal(r.status, 415);
    answer_free(&r);
    r = api_call(a, "POST", "/api/blob", "", big, API_MAX_BLOB + 1);
    assert_int_equal(r.status, 413);
    answer_free(&r);

    elo_store_totals(a->store, &totals);
    assert_int_equal(totals.blobs, 0);
    assert_int_equal(api_files(a, "tmp"), 0);
    assert_int_equal(api_files(a, "blobs"), 0);
    free(big);
}


/* Sends chunks until the answer comes; the length is never told. */
static answer_t
put_chunked(const api_t *a, const uint8_t *p, size_t len, size_t piece)
{
    static const char head[] = "POST /api/blob HTTP/1.1\r\nHost: x\r\n"
                               "Connection: close\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    int fd = api_connect(a);
    bool ok = api_send(fd, head, strlen(head));

    for (size_t off = 0; ok && off < len; off += piece) {
        size_t n = ELO_MIN(piece, len - off);
        char size[32];

        snprintf(size, sizeof(size), "%zx\r\n", n);
        ok = api_send(fd, size, strlen(size)) && api_send(fd, p + off, n)
             && api_send(fd, "\r\n", 2);
    }
    if (ok) {
        (void) api_send(fd, "0\r\n\r\n", 5);
    }
    return api_receive(fd, true);
}


static void
test_put_chunked(void **state)
{
    const api_t *a = *state;
    uint8_t *big = pattern(API_MAX_BLOB + 1);
    char want[128];
    answer_t r;

    r = put_chunked(a, big, 100000, 7777);
    assert_int_equal(r.status, 201);
    snprintf(want, sizeof(want), "\"hash\":\"%s\"", canon_of(big, 100000));
    assert_true(body_has(&r, want));
    answer_free(&r);
    r = put_chunked(a, big, API_MAX_BLOB, 1u << 20);
    assert_int_equal(r.status, 201);
    answer_free(&r);
    r = put_chunked(a, big, API_MAX_BLOB + 1, 1u << 20);
    assert_int_equal(r.status, 413);
    answer_free(&r);
    free(big);
}


static void
test_empty(void **state)
{
    const api_t *a = *state;
    const char *canon;
    char target[128];
    answer_t r;

    canon = api_put(a, "text/plain", "", 0);
    snprintf(target, sizeof(target), "/api/blob/%s", canon);
    r = api_get(a, target, "");
    assert_int_equal(r.status, 200);
    assert_string_equal(header_of(&r, "Content-Length"), "0");
    assert_int_equal(r.len, 0);
    answer_free(&r);
    assert_int_equal(api_status(a, "GET", target, "Range: bytes=0-\r\n"), 416);
}


/* The client goes in the middle of its upload: api_teardown sees that nothing
   stays behind, and the store that every put has ended. */
static void
test_aborted_upload(void **state)
{
    static const char head[] = "POST /api/blob HTTP/1.1\r\nHost: x\r\n"
                               "Content-Length: 1048576\r\n\r\n";
    const api_t *a = *state;
    uint8_t *p = pattern(300000);
    elo_store_totals_t totals;

    for (size_t i = 0; i < 3; i++) {
        int fd = api_connect(a);

        assert_true(api_send(fd, head, strlen(head)));
        assert_true(api_send(fd, p, i * 150000));
        close(fd);
    }
    elo_store_totals(a->store, &totals);
    assert_int_equal(totals.blobs, 0);
    free(p);
}


static void
test_large(void **state)
{
    const api_t *a = *state;
    uint8_t *p = pattern(BIG);
    char target[128];
    answer_t r;
    int fd;

    snprintf(target, sizeof(target), "/store/%s",
             api_put(a, "video/mp4", p, BIG));
    r = api_get(a, target, "");
    assert_int_equal(r.status, 200);
    assert_false(r.is_cut);
    assert_int_equal(r.len, BIG);
    assert_memory_equal(r.body, p, BIG);
    answer_free(&r);
    r = api_get(a, target, "Range: bytes=262143-4000000\r\n");
    assert_int_equal(r.status, 206);
    assert_int_equal(r.len, 4000000 - 262143 + 1);
    assert_memory_equal(r.body, p + 262143, r.len);
    answer_free(&r);

    /* clients that go away while they are served */
    for (int i = 0; i < 5; i++) {
        char head[256], some[1000];

        fd = api_connect(a);
        snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n",
                 target);
        assert_true(api_send(fd, head, strlen(head)));
        assert_true(recv(fd, some, sizeof(some), 0) > 0);
        close(fd);
    }
    assert_int_equal(api_status(a, "GET", "/health", ""), 200);
    free(p);
}


static void
test_ranges(void **state)
{
    static const struct {
        const char *range;
        int status;
        const char *content_range;
        const char *body;
    } cases[] = {
        { "bytes=0-0", 206, "bytes 0-0/10", "0" },
        { "bytes=2-4", 206, "bytes 2-4/10", "234" },
        { "bytes=7-", 206, "bytes 7-9/10", "789" },
        { "bytes=-3", 206, "bytes 7-9/10", "789" },
        { "bytes=-99", 206, "bytes 0-9/10", "0123456789" },
        { "bytes=8-99", 206, "bytes 8-9/10", "89" },
        { "bytes=0-1,4-5", 200, "", "0123456789" },
        { "bytes=10-", 416, "bytes */10", NULL },
        { "bytes=-0", 416, "bytes */10", NULL },
        { "bytes=5-2", 200, "", "0123456789" },
        { "bytes=x", 200, "", "0123456789" },
        { "lines=0-1", 200, "", "0123456789" },
    };
    const api_t *a = *state;
    char target[128], headers[128];

    snprintf(target, sizeof(target), "/api/blob/%s",
             api_put(a, "text/plain", "0123456789", 10));
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        answer_t r;

        snprintf(headers, sizeof(headers), "Range: %s\r\n", cases[i].range);
        r = api_get(a, target, headers);
        if (r.status != cases[i].status) {
            fail_msg("%s: %d", cases[i].range, r.status);
        }
        assert_string_equal(header_of(&r, "Content-Range"),
                            cases[i].content_range);
        if (cases[i].body != NULL) {
            assert_string_equal((char *) r.body, cases[i].body);
        }
        answer_free(&r);
    }
    /* a range of a HEAD means nothing */
    answer_t r = api_call(a, "HEAD", target, "Range: bytes=2-4\r\n", NULL, -1);
    assert_int_equal(r.status, 200);
    assert_string_equal(header_of(&r, "Content-Length"), "10");
    assert_string_equal(header_of(&r, "Content-Type"), "text/plain");
    assert_int_equal(r.len, 0);
    answer_free(&r);
}


static void
test_conditions(void **state)
{
    static const struct {
        const char *headers; /* %s is the entity tag */
        int status;
    } cases[] = {
        { "If-None-Match: %s\r\n", 304 },
        { "If-None-Match: *\r\n", 304 },
        { "If-None-Match: W/%s\r\n", 304 },
        { "If-None-Match: \"other\", %s\r\n", 304 },
        { "If-None-Match: \"other\"\r\n", 200 },
        { "If-Match: %s\r\n", 200 },
        { "If-Match: \"other\"\r\n", 412 },
        { "If-Match: W/%s\r\n", 412 },
        { "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n", 304 },
        { "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n", 200 },
        { "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n", 412 },
        { "If-None-Match: \"other\"\r\n"
          "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n",
          200 },
        { "Range: bytes=1-2\r\nIf-Range: %s\r\n", 206 },
        { "Range: bytes=1-2\r\nIf-Range: \"other\"\r\n", 200 },
        { "Range: bytes=1-2\r\nIf-None-Match: %s\r\n", 304 },
        { "Range: bytes=99-\r\nIf-Match: \"other\"\r\n", 412 },
    };
    const api_t *a = *state;
    char target[128], etag[128];
    const char *canon = api_put(a, "text/plain", "0123456789", 10);

    snprintf(target, sizeof(target), "/api/blob/%s", canon);
    snprintf(etag, sizeof(etag), "\"%s\"", canon);
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        const char *mark = strstr(cases[i].headers, "%s");
        char headers[512];
        int status;

        if (mark == NULL) {
            snprintf(headers, sizeof(headers), "%s", cases[i].headers);
        } else {
            snprintf(headers, sizeof(headers), "%.*s%s%s",
                     (int) (mark - cases[i].headers), cases[i].headers, etag,
                     mark + 2);
        }
        status = api_status(a, "GET", target, headers);
        if (status != cases[i].status) {
            fail_msg("%s: %d", headers, status);
        }
    }
}


static void
test_not_held(void **state)
{
    const api_t *a = *state;

    assert_int_equal(api_status(a, "GET", "/api/blob/sha256-" HEX_ABC, ""),
                     404);
    assert_int_equal(api_status(a, "HEAD", "/store/" HEX_ABC, ""), 404);
    assert_int_equal(api_status(a, "GET", "/api/blob/nobody-knows-it", ""),
                     404);
    assert_int_equal(api_status(a, "GET", "/manifest/" HEX_ABC, ""), 404);
    assert_int_equal(api_status(a, "GET", "/api/blob/" HEX_ABC "/status", ""),
                     404);
    assert_int_equal(api_status(a, "DELETE", "/api/blob/" HEX_ABC, ""), 404);
    assert_int_equal(api_status(a, "DELETE", "/api/blob/an-id", ""), 400);
}


/* Walks the list in pages of limit; returns how many there were. */
static size_t
walk(const api_t *a, unsigned limit, const char *headers)
{
    char target[256] = "", after[128] = "";
    size_t n = 0;

    do {
        const char *next;
        answer_t r;

        snprintf(target, sizeof(target), "/api/blob?limit=%u%s%s", limit,
                 after[0] == '\0' ? "" : "&after=", after);
        r = api_get(a, target, headers);
        assert_int_equal(r.status, 200);
        for (const char *p = (char *) r.body;
             (p = strstr(p, "\"hash\":")) != NULL; p++) {
            n++;
        }
        next = strstr((char *) r.body, "\"next\":\"");
        after[0] = '\0';
        if (next != NULL) {
            snprintf(after, sizeof(after), "%.*s",
                     (int) strcspn(next + 8, "\""), next + 8);
        }
        answer_free(&r);
        assert_true(n < 100);
    } while (after[0] != '\0');
    return n;
}


static void
test_list_and_delete(void **state)
{
    const api_t *a = *state;
    char node[256], target[128];
    answer_t r;

    assert_int_equal(walk(a, 10, ""), 0);
    for (uint8_t i = 0; i < 7; i++) {
        (void) api_put(a, "text/plain", &i, 1);
    }
    for (unsigned limit = 1; limit <= 8; limit++) {
        assert_int_equal(walk(a, limit, ""), 7);
    }
    assert_int_equal(api_status(a, "GET", "/api/blob?limit=0", ""), 400);
    assert_int_equal(api_status(a, "GET", "/api/blob?limit=-1", ""), 400);
    assert_int_equal(api_status(a, "GET", "/api/blob?limit=x", ""), 400);
    assert_int_equal(api_status(a, "GET", "/api/blob?limit=99999", ""), 200);
    assert_int_equal(api_status(a, "GET", "/api/blob?after=zzz", ""), 400);
    assert_int_equal(api_status(a, "GET", "/api/blob?after=%GG", ""), 400);

    /* one is commons, one is part of a private node */
    for (uint8_t i = 0; i < 2; i++) {
        snprintf(node, sizeof(node),
                 "{\"id\":\"n%d\",\"title\":\"t\",\"reach\":\"%s\","
                 "\"blobs\":[{\"hash\":\"%s\"}]}",
                 i, i == 0 ? "commons" : "private", canon_of(&i, 1));
        r = api_post(a, "POST", "/api/content", node);
        assert_int_equal(r.status, 201);
        answer_free(&r);
    }
    for (unsigned limit = 1; limit <= 3; limit++) {
        assert_int_equal(walk(a, limit, "X-Elohim-Caller: anonymous\r\n"), 1);
    }

    /* what is referred to stays */
    for (uint8_t i = 0; i < 7; i++) {
        snprintf(target, sizeof(target), "/api/blob/%s", canon_of(&i, 1));
        assert_int_equal(
            api_status(a, "DELETE", target, "X-Elohim-Caller: anonymous\r\n"),
            403);
        assert_int_equal(api_status(a, "DELETE", target, ""),
                         i < 2 ? 409 : 204);
    }
    assert_int_equal(walk(a, 10, ""), 2);
    assert_int_equal(api_status(a, "DELETE", "/api/content/n0", ""), 204);
    uint8_t zero = 0;
    snprintf(target, sizeof(target), "/api/blob/%s", canon_of(&zero, 1));
    assert_int_equal(api_status(a, "DELETE", target, ""), 204);
    assert_int_equal(walk(a, 10, ""), 1);
}


static void
test_manifest_and_status(void **state)
{
    const api_t *a = *state;
    answer_t r;

    (void) api_put(a, "text/plain", "abc", 3);
    r = api_get(a, "/manifest/" CID_ABC, "");
    assert_int_equal(r.status, 200);
    assert_non_null(strstr((char *) r.body,
                           "{\"blob_cid\":\"" CID_ABC
                           "\",\"blob_hash\":\"sha256-" HEX_ABC
                           "\",\"total_size\":3,\"mime_type\":\"text/plain\","
                           "\"encoding\":\"none\",\"data_shards\":1,"
                           "\"total_shards\":1,\"shard_size\":3,"
                           "\"shard_hashes\":[\"sha256-" HEX_ABC
                           "\"],\"reach\":\"private\",\"author_id\":null,"
                           "\"created_at\":\"2"));
    answer_free(&r);
    r = api_get(a, "/api/blob/" HEX_ABC "/status", "");
    assert_int_equal(r.status, 200);
    assert_true(body_has(&r, "{\"hash\":\"sha256-" HEX_ABC
                             "\",\"size\":3,\"reach\":\"commons\","
                             "\"sealed\":false,\"pinned\":false,"
                             "\"bad\":false,\"ack\":\""));
    assert_true(body_has(&r, "\"media\":{\"status\":\"none\","
                             "\"reason\":\""));
    answer_free(&r);
}


int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, api_setup, api_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_put),
        TEST(test_put_types),
        TEST(test_put_refused),
        TEST(test_put_chunked),
        TEST(test_empty),
        TEST(test_aborted_upload),
        TEST(test_large),
        TEST(test_ranges),
        TEST(test_conditions),
        TEST(test_not_held),
        TEST(test_list_and_delete),
        TEST(test_manifest_and_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
