/* SPDX-License-Identifier: BSD-2-Clause */
/* tus: resumable uploads, as a client and its mishaps see them. What header fields
   mean: tus_head_test.c. */
#include "t/unit/backend/api/tus_client.h"


/* ---- what is offered ---- */

static void
test_options(void **state)
{
    const api_t *a = *state;
    answer_t r = api_call(a, "OPTIONS", "/api/upload", "", NULL, -1);

    assert_int_equal(r.status, 204);
    assert_string_equal(header_of(&r, "Tus-Version"), "1.0.0");
    assert_string_equal(header_of(&r, "Tus-Resumable"), "1.0.0");
    assert_string_equal(header_of(&r, "Tus-Max-Size"), "8388608");
    assert_string_equal(header_of(&r, "Tus-Checksum-Algorithm"), "sha1,sha256");
    assert_string_equal(header_of(&r, "Tus-Extension"),
                        "creation,creation-with-upload,creation-defer-length,"
                        "expiration,checksum,termination");
    answer_free(&r);
    /* whatever version it says there */
    assert_int_equal(
        api_status(a, "OPTIONS", "/api/upload/", "Tus-Resumable: 9\r\n"), 204);
    r = api_call(a, "OPTIONS", "/api/upload/00112233445566778899aabbccddeeff",
                 "", NULL, -1);
    assert_int_equal(r.status, 204);
    assert_string_equal(header_of(&r, "Allow"),
                        "HEAD, PATCH, DELETE, POST, OPTIONS");
    answer_free(&r);
}


static void
test_version(void **state)
{
    static const struct {
        const char *method;
        bool is_one;
    } rows[] = {
        { "POST", false },
        { "HEAD", true },
        { "PATCH", true },
        { "DELETE", true },
    };
    const api_t *a = *state;
    char url[128];

    snprintf(url, sizeof(url), "%s", create(a, TUS "Upload-Length: 10\r\n"));
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        const char *target = rows[i].is_one ? url : "/api/upload";
        answer_t r;

        r = api_call(a, rows[i].method, target,
                     "Tus-Resumable: 0.2.2\r\nUpload-Length: 1\r\n", NULL, -1);
        assert_int_equal(r.status, 412);
        assert_string_equal(header_of(&r, "Tus-Version"), "1.0.0");
        assert_string_equal(header_of(&r, "Tus-Resumable"), "1.0.0");
        answer_free(&r);
        assert_int_equal(
            api_status(a, rows[i].method, target, "Upload-Length: 1\r\n"), 412);
    }
    assert_int_equal(offset_of(a, url), 0); /* nothing was done */
}


/* ---- core ---- */

static void
test_core(void **state)
{
    const api_t *a = *state;
    uint8_t *p = pattern(BIG);
    char url[128];
    answer_t r;

    snprintf(url, sizeof(url), "%s",
             create(a, TUS "Upload-Length: 5242880\r\n" META));
    r = api_call(a, "HEAD", url, TUS, NULL, -1);
    assert_string_equal(header_of(&r, "Upload-Offset"), "0");
    assert_string_equal(header_of(&r, "Upload-Length"), "5242880");
    assert_string_equal(header_of(&r, "Upload-Metadata"),
                        "filename ZmlsbS5tcDQ=,filetype dmlkZW8vbXA0,"
                        "reach Y29tbW9ucw==");
    assert_string_equal(header_of(&r, "X-Elohim-Hash"), "");
    answer_free(&r);

    r = patch(a, url, 0, "", p, 2000000);
    assert_int_equal(r.status, 204);
    assert_string_equal(header_of(&r, "Upload-Offset"), "2000000");
    assert_true(header_of(&r, "Upload-Expires")[0] != '\0');
    answer_free(&r);
    assert_int_equal(offset_of(a, url), 2000000);
    assert_int_equal(patch_status(a, url, 0, "", p, 10), 409);
    assert_int_equal(patch_status(a, url, 2000001, "", p, 10), 409);
    assert_int_equal(offset_of(a, url), 2000000);
    /* a piece of nothing */
    assert_int_equal(patch_status(a, url, 2000000, "", p, 0), 204);
    /* more than there is to come */
    assert_int_equal(patch_status(a, url, 2000000, "", p, BIG - 2000000 + 1),
                     413);
    assert_int_equal(offset_of(a, url), 2000000);

    r = patch(a, url, 2000000, "", p + 2000000, BIG - 2000000);
    assert_int_equal(r.status, 204);
    assert_string_equal(header_of(&r, "Upload-Offset"), "5242880");
    assert_string_equal(header_of(&r, "X-Elohim-Hash"), canon_of(p, BIG));
    assert_string_equal(header_of(&r, "Upload-Expires"), "");
    assert_true(strstr(header_of(&r, "Location"), "/api/blob/sha256-") != NULL);
    answer_free(&r);
    check_blob(a, p, BIG);

    /* complete: it says so, and takes no more */
    r = api_call(a, "HEAD", url, TUS, NULL, -1);
    assert_string_equal(header_of(&r, "Upload-Offset"), "5242880");
    assert_string_equal(header_of(&r, "X-Elohim-Hash"), canon_of(p, BIG));
    answer_free(&r);
    assert_int_equal(patch_status(a, url, BIG, "", p, 0), 204);
    assert_int_equal(patch_status(a, url, BIG, "", p, 1), 413);
    assert_int_equal(patch_status(a, url, 0, "", p, 1), 409);
    free(p);
}


/* What the metadata says of the file holds for the blob. */
static void
test_metadata(void **state)
{
    const api_t *a = *state;
    char url[128], target[160];
    answer_t r;

    snprintf(url, sizeof(url), "%s",
             create(a, TUS "Upload-Length: 3\r\n" META));
    assert_int_equal(patch_status(a, url, 0, "", "abc", 3), 204);
    snprintf(target, sizeof(target), "/api/blob/%s", canon_of("abc", 3));
    r = api_get(a, target, "");
    assert_string_equal(header_of(&r, "Content-Type"), "video/mp4");
    answer_free(&r);
    snprintf(target, sizeof(target), "/api/blob/%s/status", canon_of("abc", 3));
    r = api_get(a, target, "");
    assert_true(body_has(&r, "\"reach\":\"commons\",\"sealed\":false"));
    answer_free(&r);
    /* the narrowest of what is said; without a word, private */
    snprintf(url, sizeof(url), "%s",
             create(a, TUS META "X-Elohim-Reach: local\r\n"
                                "Upload-Length: 3\r\n"));
    assert_int_equal(patch_status(a, url, 0, "", "abd", 3), 204);
    snprintf(target, sizeof(target), "/api/blob/%s/status", canon_of("abd", 3));
    r = api_get(a, target, "");
    assert_true(body_has(&r, "\"reach\":\"local\",\"sealed\":true"));
    answer_free(&r);
    snprintf(url, sizeof(url), "%s", create(a, TUS "Upload-Length: 3\r\n"));
    assert_int_equal(patch_status(a, url, 0, "", "abe", 3), 204);
    snprintf(target, sizeof(target), "/api/blob/%s/status", canon_of("abe", 3));
    r = api_get(a, target, "");
    assert_true(body_has(&r, "\"reach\":\"private\",\"sealed\":true"));
    answer_free(&r);
    assert_int_equal(api_status(a, "POST", "/api/upload",
                                TUS "Upload-Length: 3\r\n"
                                    "Upload-Metadata: reach ZXZlcnlvbmU=\r\n"),
                     400);
}


static void
test_refused(void **state)
{
    static const struct {
        const char *what;
        const char *headers;
        int status;
    } creations[] = {
        { "no length", TUS, 400 },
        { "too large", TUS "Upload-Length: 8388609\r\n", 413 },
        { "part of another",
          TUS "Upload-Length: 1\r\nUpload-Concat: partial\r\n", 400 },
        { "bad reach", TUS "Upload-Length: 1\r\nX-Elohim-Reach: x\r\n", 400 },
        { "bad metadata", TUS "Upload-Length: 1\r\nUpload-Metadata: a b c\r\n",
          400 },
    };
    const api_t *a = *state;
    char url[128], gone[128];
    answer_t r;

    for (size_t i = 0; i < ELO_COUNT(creations); i++) {
        r = api_call(a, "POST", "/api/upload", creations[i].headers, NULL, -1);
        if (r.status != creations[i].status) {
            fail_msg("%s: %d", creations[i].what, r.status);
        }
        assert_string_equal(header_of(&r, "Tus-Resumable"), "1.0.0");
        answer_free(&r);
    }
    snprintf(url, sizeof(url), "%s", create(a, TUS "Upload-Length: 3\r\n"));
    r = api_call(a, "PATCH", url, TUS "Upload-Offset: 0\r\n", "abc", 3);
    assert_int_equal(r.status, 415);
    answer_free(&r);
    r = api_call(a, "PATCH", url, TUS BYTES, "abc", 3);
    assert_int_equal(r.status, 400);
    answer_free(&r);
    snprintf(gone, sizeof(gone), "%.*s", (int) strlen(url) - 1, url);
    strcat(gone, url[strlen(url) - 1] == '0' ? "1" : "0");
    r = api_call(a, "HEAD", gone, TUS, NULL, -1);
    assert_int_equal(r.status, 404);
    assert_string_equal(header_of(&r, "Upload-Offset"), "");
    answer_free(&r);
    assert_int_equal(patch_status(a, gone, 0, "", "abc", 3), 404);
    assert_int_equal(api_status(a, "DELETE", gone, TUS), 404);
    assert_int_equal(api_status(a, "GET", url, TUS), 405);
    assert_int_equal(api_status(a, "GET", "/api/upload", TUS), 405);
    /* who comes from outside unadmitted */
    assert_int_equal(api_status(a, "POST", "/api/upload",
                                TUS "Upload-Length: 3\r\n"
                                    "X-Elohim-Caller: anonymous\r\n"),
                     403);
    assert_int_equal(offset_of(a, url), 0);
}


/* ---- extensions ---- */

static void
test_create_with_upload(void **state)
{
    const api_t *a = *state;
    uint8_t *p = pattern(300000);
    answer_t r;

    r = api_call(a, "POST", "/api/upload",
                 TUS BYTES META "Upload-Length: 300000\r\n", p, 100000);
    assert_int_equal(r.status, 201);
    assert_string_equal(header_of(&r, "Upload-Offset"), "100000");
    assert_int_equal(offset_of(a, header_of(&r, "Location")), 100000);
    answer_free(&r);
    /* all of it */
    r = api_call(a, "POST", "/api/upload",
                 TUS BYTES META "Upload-Length: 300000\r\n", p, 300000);
    assert_int_equal(r.status, 201);
    assert_string_equal(header_of(&r, "Upload-Offset"), "300000");
    assert_string_equal(header_of(&r, "X-Elohim-Hash"), canon_of(p, 300000));
    assert_int_equal(offset_of(a, header_of(&r, "Location")), 300000);
    answer_free(&r);
    check_blob(a, p, 300000);
    /* nothing is all of it */
    r = api_call(a, "POST", "/api/upload", TUS "Upload-Length: 0\r\n", NULL,
                 -1);
    assert_int_equal(r.status, 201);
    assert_string_equal(header_of(&r, "X-Elohim-Hash"), canon_of("", 0));
    answer_free(&r);
    /* too much of it, and of another type: nothing is left */
    r = api_call(a, "POST", "/api/upload", TUS BYTES "Upload-Length: 10\r\n", p,
                 11);
    assert_int_equal(r.status, 413);
    assert_string_equal(header_of(&r, "Location"), "");
    answer_free(&r);
    r = api_call(a, "POST", "/api/upload",
                 TUS "Content-Type: video/mp4\r\nUpload-Length: 10\r\n", p, 5);
    assert_int_equal(r.status, 415);
    answer_free(&r);
    free(p);
}


static void
test_defer_length(void **state)
{
    const api_t *a = *state;
    char url[128];
    answer_t r;

    snprintf(url, sizeof(url), "%s",
             create(a, TUS "Upload-Defer-Length: 1\r\n"));
    r = api_call(a, "HEAD", url, TUS, NULL, -1);
    assert_string_equal(header_of(&r, "Upload-Defer-Length"), "1");
    assert_string_equal(header_of(&r, "Upload-Length"), "");
    answer_free(&r);
    assert_int_equal(patch_status(a, url, 0, "", "abc", 3), 204);
    assert_int_equal(patch_status(a, url, 3, "Upload-Length: 6\r\n", "d", 1),
                     204);
    r = api_call(a, "HEAD", url, TUS, NULL, -1);
    assert_string_equal(header_of(&r, "Upload-Defer-Length"), "");
    assert_string_equal(header_of(&r, "Upload-Length"), "6");
    assert_string_equal(header_of(&r, "Upload-Offset"), "4");
    answer_free(&r);
    assert_int_equal(patch_status(a, url, 4, "Upload-Length: 7\r\n", "e", 1),
                     400);
    assert_int_equal(
        patch_status(a, url, 4, "Upload-Length: 8388609\r\n", "e", 1), 413);
    assert_int_equal(patch_status(a, url, 4, "Upload-Length: 6\r\n", "ef", 2),
                     204);
    check_blob(a, (const uint8_t *) "abcdef", 6);
    /* the length comes at last, with no further byte */
    snprintf(url, sizeof(url), "%s",
             create(a, TUS "Upload-Defer-Length: 1\r\n"));
    assert_int_equal(patch_status(a, url, 0, "", "xyz", 3), 204);
    r = patch(a, url, 3, "Upload-Length: 3\r\n", "", 0);
    assert_int_equal(r.status, 204);
    assert_string_equal(header_of(&r, "X-Elohim-Hash"), canon_of("xyz", 3));
    answer_free(&r);
}


static void
test_checksum(void **state)
{
    static const char *const names[] = { "sha1", "sha256" };
    const api_t *a = *state;
    uint8_t *p = pattern(BIG);
    char url[128], field[320];
    answer_t r;

    for (size_t i = 0; i < ELO_COUNT(names); i++) {
        snprintf(url, sizeof(url), "%s",
                 create(a, TUS META "Upload-Length: 5242880\r\n"));
        snprintf(field, sizeof(field), "%s", checksum(names[i], p, 1500000));
        assert_int_equal(patch_status(a, url, 0, field, p, 1500000), 204);
        /* other bytes: they count for nothing */
        r = patch(a, url, 1500000, field, p + 1500000, 1500000);
        assert_int_equal(r.status, 460);
        assert_true(strstr(r.head, "460 Checksum Mismatch\r\n") != NULL);
        assert_true(body_has(&r, "\"code\":\"CHECKSUM_MISMATCH\""));
        answer_free(&r);
        assert_int_equal(offset_of(a, url), 1500000);
        assert_int_equal(patch_status(a, url, 1500000,
                                      "Upload-Checksum: md5 AAAA\r\n",
                                      p + 1500000, 10),
                         400);
        snprintf(field, sizeof(field), "%s",
                 checksum(names[i], p + 1500000, BIG - 1500000));
        assert_int_equal(
            patch_status(a, url, 1500000, field, p + 1500000, BIG - 1500000),
            204);
        check_blob(a, p, BIG);
    }
    /* a creation whose bytes are wrong leaves nothing */
    snprintf(field, sizeof(field), TUS BYTES "Upload-Length: 10\r\n%s",
             checksum("sha1", p, 9));
    r = api_call(a, "POST", "/api/upload", field, p, 10);
    assert_int_equal(r.status, 460);
    answer_free(&r);
    free(p);
}


static void
test_termination(void **state)
{
    const api_t *a = *state;
    char url[128];

    snprintf(url, sizeof(url), "%s", create(a, TUS "Upload-Length: 6\r\n"));
    assert_int_equal(patch_status(a, url, 0, "", "abc", 3), 204);
    assert_int_equal(api_status(a, "DELETE", url, TUS), 204);
    assert_int_equal(api_status(a, "HEAD", url, TUS), 410);
    assert_int_equal(patch_status(a, url, 3, "", "def", 3), 410);
    assert_int_equal(api_status(a, "DELETE", url, TUS), 410);
    /* for clients that have but POST */
    snprintf(url, sizeof(url), "%s", create(a, TUS "Upload-Length: 3\r\n"));
    /* and for no other method, least of all one that changes nothing */
    assert_int_equal(
        api_status(a, "OPTIONS", url, "X-HTTP-Method-Override: DELETE\r\n"),
        204);
    assert_int_equal(
        api_status(a, "HEAD", url, TUS "X-HTTP-Method-Override: DELETE\r\n"),
        200);
    assert_int_equal(api_status(a, "HEAD", url, TUS), 200);
    assert_int_equal(api_status(a, "POST", url, TUS), 405);
    assert_int_equal(
        api_status(a, "POST", url, TUS "X-HTTP-Method-Override: BREW\r\n"),
        405);
    answer_t r = api_call(a, "POST", url,
                          TUS BYTES "X-HTTP-Method-Override: PATCH\r\n"
                                    "Upload-Offset: 0\r\n",
                          "ab", 2);
    assert_int_equal(r.status, 204);
    answer_free(&r);
    assert_int_equal(
        api_status(a, "POST", url, TUS "X-HTTP-Method-Override: DELETE\r\n"),
        204);
    assert_int_equal(api_status(a, "HEAD", url, TUS), 410);
    /* nowhere else */
    assert_int_equal(api_status(a, "POST", "/api/blob/x",
                                "X-HTTP-Method-Override: DELETE\r\n"),
                     405);
}


/* Chunked, so that nobody knows how much comes. */
static void
test_chunked(void **state)
{
    const api_t *a = *state;
    char head[512], url[128];
    answer_t r;
    int fd;

    for (int i = 0; i < 2; i++) {
        snprintf(url, sizeof(url), "%s",
                 create(a, TUS META "Upload-Length: 5\r\n"));
        fd = api_connect(a);
        snprintf(
            head, sizeof(head),
            "PATCH %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" TUS BYTES
            "Upload-Offset: 0\r\n"
            "Transfer-Encoding: chunked\r\n\r\n"
            "3\r\nabc\r\n%s0\r\n\r\n",
            url, i == 0 ? "2\r\nde\r\n" : "3\r\ndef\r\n");
        assert_true(api_send(fd, head, strlen(head)));
        r = api_receive(fd, false);
        assert_int_equal(r.status, i == 0 ? 204 : 413);
        answer_free(&r);
    }
    check_blob(a, (const uint8_t *) "abcde", 5);
}


int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, api_setup, api_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_options),      TEST(test_version),
        TEST(test_core),         TEST(test_metadata),
        TEST(test_refused),      TEST(test_create_with_upload),
        TEST(test_defer_length), TEST(test_checksum),
        TEST(test_termination),  TEST(test_chunked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
