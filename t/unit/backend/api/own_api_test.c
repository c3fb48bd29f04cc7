/* SPDX-License-Identifier: BSD-2-Clause */
/* What only the daemon's own socket has: the queue, agents and quotas, pins; and
   chunks and trees. */
#include "t/unit/backend/api/api_client.h"

#include "backend/api/calls.h"
#include "common/base/base64.h"
#include "common/base/enc.h"
#include "common/base/hash_tree.h"
#include "common/base/num.h"

#define ALICE "cecc1507dc1ddd7295951c290888f095adb9044d1b73d696e6df065d683bd4fc"
#define BOB   "6b79c57e6a095239282c04818e96112f3f03a4001ba97a564c23852a3f1ea5fc"
#define HEX   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


static uint8_t *
pattern(size_t len)
{
    uint8_t *p = malloc(len + 1);
    uint32_t x = 5;

    for (size_t i = 0; i < len; i++) {
        x = x * 1664525u + 1013904223u;
        p[i] = (uint8_t) (x >> 24);
    }
    return p;
}


/* ---- routes ---- */

static void
test_routes(void **state)
{
    static const struct {
        const char *path;
        int kind;
    } rows[] = {
        { "/api/queue", ELO_OWN_QUEUE },
        { "/api/queue/replicate/" HEX, ELO_OWN_TASK },
        { "/api/queue/replicate/sha256-" HEX "/retry", ELO_OWN_TASK_RETRY },
        { "/api/queue/repair/" HEX "/drop", ELO_OWN_TASK_DROP },
        { "/api/agents", ELO_OWN_AGENTS },
        { "/api/agents/" ALICE "/quota", ELO_OWN_QUOTA },
        { "/api/blob/" HEX "/pin", ELO_OWN_PIN },
        { "/api/care", ELO_OWN_CARE },
        { "/api/care/scrub", ELO_OWN_CARE_JOB },
        { "/internal/v1/grant/x", ELO_OWN_GRANT },
        { "/internal/v1/media/x", ELO_OWN_MEDIA },
        { "/internal/v1/chunk/x/0", ELO_OWN_FEED },
        { "/internal/v1/chunk/" HEX "/4294967295", ELO_OWN_FEED },
        { "/internal/v1/chunk/x", 0 },
        { "/internal/v1/chunk/x/", 0 },
        { "/internal/v1/chunk/x/00", 0 },
        { "/internal/v1/chunk/x/-1", 0 },
        { "/internal/v1/chunk/x/4294967296", 0 },
        { "/internal/v1/chunk/x/0/", 0 },
        { "/api/queue/", 0 },
        { "/api/queue/replicate", 0 },
        { "/api/queue/replicate/", 0 },
        { "/api/queue/replicate/intro", 0 },
        { "/api/queue/replicate/" HEX "/", 0 },
        { "/api/queue/replicate/" HEX "/done", 0 },
        { "/api/queue/replicate/" HEX "/drop/x", 0 },
        { "/api/agents/", 0 },
        { "/api/agents/" ALICE, 0 },
        { "/api/agents/" ALICE "0/quota", 0 },
        { "/api/blob/intro/pin", 0 },
        { "/api/blob/" HEX "/pin/", 0 },
        { "/api/care/", 0 },
        { "/api/care/scrub/now", 0 },
        { "/internal/v1/", 0 },
        { "/internal/v1/grant", 0 },
        { "/internal/v1/document/-/api/content", ELO_OWN_DOCUMENT },
        { "/internal/v1/document/-/a/b/c/d/e/f/g", ELO_OWN_DOCUMENT },
        { "/internal/v1/document/", ELO_OWN_DOCUMENT },
        { "/internal/v1/document", 0 },
        { "/internal/v1/recipe/a/b/c/d/e/f", 0 },
        { "", 0 },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_call_t c = { 0 };

        if (elo_own_route(elo_slice_str(rows[i].path), &c) != rows[i].kind) {
            fail_msg("%s", rows[i].path);
        }
    }
}


/* None of it is there for those who come from outside. */
static void
test_outside(void **state)
{
    static const struct {
        const char *method;
        const char *target;
    } rows[] = {
        { "GET", "/api/queue" },
        { "GET", "/api/queue/replicate/" HEX },
        { "POST", "/api/queue/replicate/" HEX "/retry" },
        { "GET", "/api/agents" },
        { "PUT", "/api/agents/" ALICE "/quota" },
        { "PUT", "/api/blob/" HEX "/pin" },
        { "GET", "/api/care" },
        { "POST", "/api/care/scrub" },
    };
    const api_t *a = *state;

    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        assert_int_equal(api_status(a, rows[i].method, rows[i].target,
                                    "X-Elohim-Caller: anonymous\r\n"),
                         404);
    }
}


/* ---- the queue ---- */

static unsigned
count_of(const answer_t *r, const char *text)
{
    const char *at = (const char *) r->body;
    unsigned n = 0;

    while ((at = strstr(at, text)) != NULL) {
        n++;
        at++;
    }
    return n;
}


static void
wait_text(const api_t *a, const char *target, const char *text)
{
    for (;;) {
        answer_t r = api_get(a, target, "");
        bool ok = body_has(&r, text);

        answer_free(&r);
        if (ok) {
            return;
        }
        api_sleep_ms(2);
    }
}


static void
test_queue(void **state)
{
    api_t *a = *state;
    char target[160];
    answer_t r;

    api_set_sink(a, ELO_EAGAIN);
    for (uint8_t i = 0; i < 5; i++) {
        (void) api_put(a, "text/plain", &i, 1);
    }
    r = api_call(a, "POST", "/api/blob", "", "secret", 6);
    answer_free(&r);
    r = api_get(a, "/api/queue", "");
    assert_int_equal(r.status, 200);
    assert_int_equal(count_of(&r, "\"kind\":\"replicate\""), 6);
    assert_true(body_has(&r, "{\"tasks\":6,\"waiting\":0,\"items\":["
                             "{\"kind\":\"replicate\",\"hash\":\"sha256-"));
    /* narrow first, and not by the hash of what it says */
    assert_true(strstr((char *) r.body, "\"reach\":\"private\"")
                < strstr((char *) r.body, "\"reach\":\"commons\""));
    assert_false(body_has(&r, canon_of("secret", 6)));
    assert_true(body_has(&r, "\"next\":null}"));
    answer_free(&r);

    r = api_get(a, "/api/queue?limit=2", "");
    assert_int_equal(count_of(&r, "\"kind\""), 2);
    assert_true(body_has(&r, "\"next\":2}"));
    answer_free(&r);
    r = api_get(a, "/api/queue?limit=4&skip=4", "");
    assert_int_equal(count_of(&r, "\"kind\""), 2);
    assert_true(body_has(&r, "\"next\":null}"));
    answer_free(&r);
    assert_int_equal(api_status(a, "GET", "/api/queue?limit=0", ""), 400);
    assert_int_equal(api_status(a, "GET", "/api/queue?skip=x", ""), 400);

    /* the plaintext's address leads to the task of what is stored */
    snprintf(target, sizeof(target), "/api/queue/replicate/%s",
             canon_of("secret", 6));
    r = api_get(a, target, "");
    assert_int_equal(r.status, 200);
    assert_true(body_has(&r, "\"reach\":\"private\""));
    answer_free(&r);
    snprintf(target, sizeof(target), "/api/queue/repair/%s",
             canon_of("secret", 6));
    assert_int_equal(api_status(a, "GET", target, ""), 404);
    snprintf(target, sizeof(target), "/api/queue/forget/%s",
             canon_of("secret", 6));
    assert_int_equal(api_status(a, "GET", target, ""), 404);
    api_set_sink(a, ELO_OK);
    wait_text(a, "/api/queue", "{\"tasks\":0,");
}


static void
test_task(void **state)
{
    api_t *a = *state;
    char target[256], status[192], blob[96];
    answer_t r;

    api_set_sink(a, ELO_EUNAVAIL);
    snprintf(blob, sizeof(blob), "%s", api_put(a, "text/plain", "abc", 3));
    snprintf(target, sizeof(target), "/api/queue/replicate/%s", blob);
    snprintf(status, sizeof(status), "/api/blob/%s/status", blob);
    wait_text(a, target, "\"attempts\":2");
    wait_text(a, target, "\"why\":\"the storage daemon is away\"");
    wait_text(a, status, "\"ack\":\"accepted\"");

    snprintf(target, sizeof(target), "/api/queue/replicate/%s/drop", blob);
    assert_int_equal(api_status(a, "POST", target, ""), 204);
    api_set_sink(a, ELO_OK);
    r = api_get(a, status, "");
    assert_true(body_has(&r, "\"ack\":\"accepted\""));
    assert_true(body_has(&r, "\"dropped\":true"));
    answer_free(&r);
    snprintf(target, sizeof(target), "/api/queue/replicate/%s/retry", blob);
    assert_int_equal(api_status(a, "POST", target, ""), 204);
    wait_text(a, status, "\"ack\":\"durable\"");
    assert_int_equal(api_status(a, "POST", target, ""), 404);
    assert_int_equal(api_status(a, "GET", target, ""), 405);
}


/* ---- agents, quotas ---- */

static int
put_as(const api_t *a, const char *agent, const void *p, size_t len)
{
    char headers[256];
    answer_t r;
    int status;

    snprintf(headers, sizeof(headers),
             "X-Elohim-Agent: %s\r\nX-Elohim-Reach: commons\r\n", agent);
    r = api_call(a, "POST", "/api/blob", headers, p, (ssize_t) len);
    status = r.status;
    answer_free(&r);
    return status;
}


static int
set_quota(const api_t *a, const char *json)
{
    answer_t r = api_post(a, "PUT", "/api/agents/" ALICE "/quota", json);
    int status = r.status;

    answer_free(&r);
    return status;
}


static void
test_agents(void **state)
{
    static const char *const bad[] = {
        "",
        "{}",
        "{\"bytes\":-1}",
        "{\"bytes\":1.5}",
        "[1]",
        "{\"bytes\":\"1\"}",
        "{\"bytes\":1,\"x\":2}",
        "{\"byte\":1}",
    };
    const api_t *a = *state;
    answer_t r;

    assert_int_equal(put_as(a, ALICE, "abc", 3), 201);
    assert_int_equal(put_as(a, BOB, "abcd", 4), 201);
    r = api_get(a, "/api/agents", "");
    assert_int_equal(r.status, 200);
    assert_true(body_has(&r, "{\"agent\":\"" ALICE
                             "\",\"operator\":false,\"blobs\":1,\"bytes\":3,"
                             "\"kept\":0,\"quota\":null}"));
    assert_true(body_has(&r, "\"agent\":\"" BOB "\""));
    answer_free(&r);
    for (size_t i = 0; i < ELO_COUNT(bad); i++) {
        if (set_quota(a, bad[i]) != 400) {
            fail_msg("taken: %s", bad[i]);
        }
    }
    assert_int_equal(set_quota(a, "{\"bytes\":10}"), 204);
    assert_int_equal(put_as(a, ALICE, "abcdefg", 7), 201);
    assert_int_equal(put_as(a, ALICE, "x", 1), 507);
    assert_int_equal(put_as(a, ALICE, "abc", 3), 200); /* costs nothing */
    assert_int_equal(put_as(a, BOB, "x", 1), 201);
    r = api_get(a, "/api/agents", "");
    assert_true(
        body_has(&r, "\"blobs\":2,\"bytes\":10,\"kept\":0,\"quota\":10}"));
    answer_free(&r);
    assert_int_equal(set_quota(a, "{\"bytes\":null}"), 204);
    assert_int_equal(put_as(a, ALICE, "x", 1), 201);
    assert_int_equal(api_status(a, "PUT", "/api/agents/xyz/quota", ""), 404);
}


/* Uploads on their way are told apart from what is held. */
static void
test_kept(void **state)
{
    static const char tus[] =
        "Tus-Resumable: 1.0.0\r\nX-Elohim-Agent: " ALICE "\r\n";
    const api_t *a = *state;
    char headers[512], url[128];
    answer_t r;

    assert_int_equal(put_as(a, ALICE, "abc", 3), 201);
    snprintf(headers, sizeof(headers),
             "%sUpload-Length: 10\r\nUpload-Metadata: reach Y29tbW9ucw==\r\n",
             tus);
    r = api_call(a, "POST", "/api/upload", headers, NULL, -1);
    assert_int_equal(r.status, 201);
    snprintf(url, sizeof(url), "%.100s", header_of(&r, "Location"));
    answer_free(&r);
    snprintf(headers, sizeof(headers),
             "%sUpload-Offset: 0\r\n"
             "Content-Type: application/offset+octet-stream\r\n",
             tus);
    r = api_call(a, "PATCH", url, headers, "123456", 6);
    assert_int_equal(r.status, 204);
    answer_free(&r);
    r = api_get(a, "/api/agents", "");
    assert_true(body_has(&r, "{\"agent\":\"" ALICE
                             "\",\"operator\":false,\"blobs\":1,\"bytes\":3,"
                             "\"kept\":6,\"quota\":null}"));
    answer_free(&r);
    assert_int_equal(api_status(a, "DELETE", url, tus), 204);
    wait_text(a, "/api/agents", "\"bytes\":3,\"kept\":0,");
}


/* ---- pins ---- */

static void
test_pins(void **state)
{
    const api_t *a = *state;
    char target[160], blob[96], status[160];

    snprintf(blob, sizeof(blob), "/api/blob/%s",
             api_put(a, "text/plain", "abc", 3));
    snprintf(target, sizeof(target), "%s/pin", blob);
    snprintf(status, sizeof(status), "%s/status", blob);
    assert_int_equal(api_status(a, "PUT", target, ""), 204);
    wait_text(a, status, "\"pinned\":true");
    assert_int_equal(api_status(a, "PUT", target, ""), 204);
    assert_int_equal(api_status(a, "DELETE", blob, ""), 409);
    assert_int_equal(api_status(a, "DELETE", target, ""), 204);
    wait_text(a, status, "\"pinned\":false");
    assert_int_equal(api_status(a, "DELETE", blob, ""), 204);
    assert_int_equal(api_status(a, "GET", target, ""), 405);
    assert_int_equal(
        api_status(a, "PUT",
                   "/api/blob/"
                   "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG/pin",
                   ""),
        415);
}


/* ---- chunks and the tree ---- */

static void
digest_field(const uint8_t *p, size_t len, char out[80])
{
    char text[ELO_BASE64_LEN(32) + 1];
    elo_digest_t d;

    assert_int_equal(elo_sha256(elo_slice(p, len), &d), ELO_OK);
    elo_base64_encode(d.b, sizeof(d.b), text);
    snprintf(out, 80, "sha-256=:%s:", text);
}


static void
check_chunks(const api_t *a, const char *reach, const uint8_t *p, size_t len)
{
    char target[192], want[128], blob[96];
    answer_t r;

    snprintf(blob, sizeof(blob), "%s", canon_of(p, len));
    snprintf(target, sizeof(target), "/api/blob/%s?reach=%s", blob, reach);
    r = api_call(a, "PUT", target, "", p, (ssize_t) len);
    assert_int_equal(r.status, 201);
    answer_free(&r);
    for (size_t i = 0; i * ELO_TREE_CHUNK < len; i++) {
        size_t off = i * ELO_TREE_CHUNK;
        size_t n = ELO_MIN(len - off, (size_t) ELO_TREE_CHUNK);

        snprintf(target, sizeof(target), "/api/%s/%s/%zu",
                 i % 2 == 0 ? "blob" : "stream/chunk", blob, i);
        r = api_get(a, target, "");
        assert_int_equal(r.status, 200);
        assert_int_equal(r.len, n);
        assert_memory_equal(r.body, p + off, n);
        digest_field(p + off, n, want);
        assert_string_equal(header_of(&r, "Content-Digest"), want);
        assert_string_equal(header_of(&r, "Repr-Digest"), want);
        answer_free(&r);
    }
    snprintf(target, sizeof(target), "/api/blob/%s/%zu", blob,
             (len + ELO_TREE_CHUNK - 1) / ELO_TREE_CHUNK);
    assert_int_equal(api_status(a, "GET", target, ""), 416);
    snprintf(target, sizeof(target), "/api/blob/%s/0", blob);
    r = api_call(a, "HEAD", target, "", NULL, -1);
    assert_int_equal(r.status, 200);
    assert_true(header_of(&r, "Content-Digest")[0] != '\0');
    snprintf(want, sizeof(want), "If-None-Match: \"%.71s.0\"\r\n", blob);
    answer_free(&r);
    assert_int_equal(api_status(a, "GET", target, want), len > 0 ? 304 : 416);
}


static void
test_chunks(void **state)
{
    static const size_t sizes[] = { 1, 5000, ELO_TREE_CHUNK, ELO_TREE_CHUNK + 1,
                                    3 * ELO_TREE_CHUNK + 777 };
    const api_t *a = *state;
    uint8_t *p = pattern(4 * ELO_TREE_CHUNK);

    for (size_t i = 0; i < ELO_COUNT(sizes); i++) {
        check_chunks(a, "commons", p, sizes[i]);
        check_chunks(a, "local", p + 1, sizes[i]);
    }
    free(p);
    assert_int_equal(api_status(a, "GET", "/api/blob/" HEX "/0", ""), 404);
}


static void
test_tree(void **state)
{
    const size_t len = 3 * ELO_TREE_CHUNK + 777;
    const api_t *a = *state;
    uint8_t *p = pattern(len);
    char target[160], hex[65], want[96], blob[96];
    elo_digest_t root, chunk;
    elo_tree_t *tree;
    elo_buf_t layer;
    bool has_root;
    answer_t r;

    elo_buf_init(&layer, 4096);
    assert_int_equal(elo_tree_create(&tree), ELO_OK);
    assert_int_equal(elo_tree_update(tree, elo_slice(p, len)), ELO_OK);
    assert_int_equal(elo_tree_final(tree, &root, &has_root, &layer), ELO_OK);
    elo_tree_free(&tree);
    elo_hex_encode(root.b, 32, hex);

    snprintf(blob, sizeof(blob), "%s", api_put(a, "video/mp4", p, len));
    snprintf(target, sizeof(target), "/api/blob/%s/tree", blob);
    r = api_get(a, target, "");
    assert_int_equal(r.status, 200);
    snprintf(want, sizeof(want), "\"root\":\"%s\"", hex);
    assert_true(body_has(&r, want));
    assert_true(body_has(&r, "\"chunkSize\":1048576,\"leafSize\":16384,"
                             "\"chunks\":4}"));
    answer_free(&r);
    snprintf(target, sizeof(target), "/api/blob/%s/tree?layer=1", blob);
    r = api_get(a, target, "");
    assert_int_equal(r.status, 200);
    assert_int_equal(r.len, 4 * 32);
    assert_memory_equal(r.body, layer.p, layer.len);
    /* any chunk can be checked against it */
    assert_int_equal(
        elo_tree_chunk(elo_slice(p + ELO_TREE_CHUNK, ELO_TREE_CHUNK), &chunk),
        ELO_OK);
    assert_memory_equal(r.body + 32, chunk.b, 32);
    answer_free(&r);
    snprintf(target, sizeof(target), "/api/blob/%s/tree?layer=0", blob);
    assert_int_equal(api_status(a, "GET", target, ""), 400);

    /* nothing has no root, and little no layer */
    snprintf(target, sizeof(target), "/api/blob/%s/tree",
             api_put(a, "text/plain", "", 0));
    r = api_get(a, target, "");
    assert_true(body_has(&r, "\"root\":null"));
    answer_free(&r);
    snprintf(target, sizeof(target), "/api/blob/%s/tree?layer=1",
             api_put(a, "text/plain", "abc", 3));
    r = api_get(a, target, "");
    assert_int_equal(r.status, 200);
    assert_int_equal(r.len, 0);
    answer_free(&r);
    elo_buf_dispose(&layer);
    free(p);
}


/* Of a sealed blob: the tree of what is stored. */
static void
test_sealed_tree(void **state)
{
    const api_t *a = *state;
    char target[160];
    answer_t r;

    r = api_call(a, "POST", "/api/blob", "", "secret", 6);
    assert_int_equal(r.status, 201);
    answer_free(&r);
    snprintf(target, sizeof(target), "/api/blob/%s/tree",
             canon_of("secret", 6));
    r = api_get(a, target, "");
    assert_int_equal(r.status, 200);
    assert_true(body_has(&r, "\"object\":\"sha256-"));
    assert_true(body_has(&r, "\"objectSize\":22,")); /* and a tag */
    assert_false(body_has(&r, "\"root\":null"));
    answer_free(&r);
}


int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, api_setup, api_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes),
        TEST(test_outside),
        TEST(test_queue),
        TEST(test_task),
        TEST(test_agents),
        TEST(test_kept),
        TEST(test_pins),
        TEST(test_chunks),
        TEST(test_tree),
        TEST(test_sealed_tree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
