/* SPDX-License-Identifier: BSD-2-Clause */
/* tus: resumable uploads, as a client and its mishaps see them. What header fields
   mean: tus_head_test.c. */
#include "t/unit/backend/api/api_client.h"

#include "backend/store/resume.h"
#include "common/base/base64.h"
#include "common/base/num.h"

#define TUS   "Tus-Resumable: 1.0.0\r\n"
#define BYTES "Content-Type: application/offset+octet-stream\r\n"
#define META                                                                   \
    "Upload-Metadata: filename ZmlsbS5tcDQ=,filetype dmlkZW8vbXA0,"            \
    "reach Y29tbW9ucw==\r\n"
#define BIG (5u << 20)


static uint8_t *
pattern(size_t len)
{
    uint8_t *p = malloc(len + 1);
    uint32_t x = 11;

    for (size_t i = 0; i < len; i++) {
        x = x * 1664525u + 1013904223u;
        p[i] = (uint8_t) (x >> 24);
    }
    return p;
}


/* Creates an upload and returns its URL, until the next. */
static const char *
create(const api_t *a, const char *headers)
{
    static char url[128];
    answer_t r = api_call(a, "POST", "/api/upload", headers, NULL, -1);

    assert_int_equal(r.status, 201);
    assert_string_equal(header_of(&r, "Tus-Resumable"), "1.0.0");
    assert_true(header_of(&r, "Upload-Expires")[0] != '\0');
    snprintf(url, sizeof(url), "%.100s", header_of(&r, "Location"));
    assert_int_equal(strlen(url), strlen("/api/upload/") + 32);
    answer_free(&r);
    return url;
}


static answer_t
patch(const api_t *a, const char *url, uint64_t offset, const char *headers,
      const void *p, size_t len)
{
    char all[512];

    snprintf(all, sizeof(all), TUS BYTES "Upload-Offset: %llu\r\n%s",
             (unsigned long long) offset, headers);
    return api_call(a, "PATCH", url, all, p, (ssize_t) len);
}


static int
patch_status(const api_t *a, const char *url, uint64_t offset,
             const char *headers, const void *p, size_t len)
{
    answer_t r = patch(a, url, offset, headers, p, len);
    int status = r.status;

    answer_free(&r);
    return status;
}


/* Upload-Offset as HEAD tells it. */
static uint64_t
offset_of(const api_t *a, const char *url)
{
    answer_t r = api_call(a, "HEAD", url, TUS, NULL, -1);
    uint64_t offset;

    assert_int_equal(r.status, 200);
    assert_string_equal(header_of(&r, "Cache-Control"), "no-store");
    assert_string_equal(header_of(&r, "Tus-Resumable"), "1.0.0");
    offset = strtoull(header_of(&r, "Upload-Offset"), NULL, 10);
    answer_free(&r);
    return offset;
}


static void
check_blob(const api_t *a, const uint8_t *p, size_t len)
{
    char target[128];
    answer_t r;

    snprintf(target, sizeof(target), "/api/blob/%s", canon_of(p, len));
    r = api_get(a, target, "");
    assert_int_equal(r.status, 200);
    assert_int_equal(r.len, len);
    assert_memory_equal(r.body, p, len);
    answer_free(&r);
}


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


static const char *
checksum(const char *name, const uint8_t *p, size_t len)
{
    static char field[160];
    char text[ELO_BASE64_LEN(32) + 1];
    elo_digest_t d;

    if (strcmp(name, "sha1") == 0) {
        elo_sha1_t *h;

        assert_int_equal(elo_sha1_create(&h), ELO_OK);
        assert_int_equal(elo_sha1_update(h, elo_slice(p, len)), ELO_OK);
        assert_int_equal(elo_sha1_final(h, d.b), ELO_OK);
        elo_sha1_free(&h);
        elo_base64_encode(d.b, ELO_SHA1_LEN, text);
    } else {
        assert_int_equal(elo_sha256(elo_slice(p, len), &d), ELO_OK);
        elo_base64_encode(d.b, 32, text);
    }
    snprintf(field, sizeof(field), "Upload-Checksum: %s %s\r\n", name, text);
    return field;
}


static void
test_checksum(void **state)
{
    static const char *const names[] = { "sha1", "sha256" };
    const api_t *a = *state;
    uint8_t *p = pattern(BIG);
    char url[128], field[200];
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


/* ---- mishaps ---- */

/* Begins a PATCH of len bytes and sends part of them. */
static int
begin_patch(const api_t *a, const char *url, uint64_t offset,
            const char *headers, const uint8_t *p, size_t len, size_t part)
{
    char head[512];
    int fd = api_connect(a);

    snprintf(head, sizeof(head),
             "PATCH %s HTTP/1.1\r\nHost: x\r\n" TUS BYTES
             "Upload-Offset: %llu\r\nContent-Length: %zu\r\n%s\r\n",
             url, (unsigned long long) offset, len, headers);
    assert_true(api_send(fd, head, strlen(head)));
    assert_true(api_send(fd, p, part));
    return fd;
}


/* The client goes: what came is kept, and it goes on from there. */
static void
test_broken(void **state)
{
    const api_t *a = *state;
    uint8_t *p = pattern(BIG);
    char url[128];
    uint64_t offset = 0;

    snprintf(url, sizeof(url), "%s",
             create(a, TUS META "Upload-Length: 5242880\r\n"));
    for (size_t part = 1; part < BIG - offset; part = part * 4 + 50000) {
        size_t left = (size_t) (BIG - offset);
        uint64_t now;

        close(begin_patch(a, url, offset, "", p + offset, left, part));
        now = offset_of(a, url);
        assert_true(now >= offset && now <= offset + part);
        offset = now;
    }
    assert_int_equal(
        patch_status(a, url, offset, "", p + offset, (size_t) (BIG - offset)),
        204);
    check_blob(a, p, BIG);
    free(p);
}


/* Every byte that came is kept, however the connection ended. */
static void
test_kept(void **state)
{
    const api_t *a = *state;
    uint8_t *p = pattern(BIG);
    elo_upload_stat_t st;
    char url[128];

    snprintf(url, sizeof(url), "%s",
             create(a, TUS META "Upload-Length: 5242880\r\n"));
    close(begin_patch(a, url, 0, "", p, BIG, 3333333));
    do {
        api_sleep_ms(2);
        assert_int_equal(
            elo_upload_stat(a->store,
                            elo_slice_str(url + strlen("/api/upload/")), &st),
            ELO_OK);
    } while (st.offset == 0);
    assert_int_equal(st.offset, 3333333);
    assert_int_equal(offset_of(a, url), 3333333);
    free(p);
}


/* With a checksum a part counts for nothing. */
static void
test_broken_checksum(void **state)
{
    const api_t *a = *state;
    uint8_t *p = pattern(400000);
    char url[128], field[200];

    snprintf(url, sizeof(url), "%s",
             create(a, TUS META "Upload-Length: 400000\r\n"));
    assert_int_equal(patch_status(a, url, 0, "", p, 1000), 204);
    snprintf(field, sizeof(field), "%s", checksum("sha1", p + 1000, 399000));
    close(begin_patch(a, url, 1000, field, p + 1000, 399000, 300000));
    assert_int_equal(offset_of(a, url), 1000);
    assert_int_equal(patch_status(a, url, 1000, field, p + 1000, 399000), 204);
    check_blob(a, p, 400000);
    free(p);
}


/* A client that comes again while its old connection hangs takes over. */
static void
test_take_over(void **state)
{
    const api_t *a = *state;
    uint8_t *p = pattern(BIG);
    char url[128];
    uint64_t offset;
    int fd[2];
    char byte;

    snprintf(url, sizeof(url), "%s",
             create(a, TUS META "Upload-Length: 5242880\r\n"));
    fd[0] = begin_patch(a, url, 0, "", p, BIG, 3000000);
    offset = offset_of(a, url); /* has cut the first off */
    assert_true(offset <= 3000000);
    assert_true(recv(fd[0], &byte, 1, 0) <= 0);
    fd[1] = begin_patch(a, url, offset, "", p + offset, (size_t) (BIG - offset),
                        100000);
    do {
        /* until the second one is the one that goes */
        assert_int_equal(patch_status(a, url, 0, "", p, 0),
                         offset == 0 ? 204 : 409);
    } while (recv(fd[1], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
    offset = offset_of(a, url);
    assert_int_equal(
        patch_status(a, url, offset, "", p + offset, (size_t) (BIG - offset)),
        204);
    check_blob(a, p, BIG);
    close(fd[0]);
    close(fd[1]);
    /* ended while it is written to */
    snprintf(url, sizeof(url), "%s",
             create(a, TUS META "Upload-Length: 5242880\r\n"));
    fd[0] = begin_patch(a, url, 0, "", p, BIG, 1000000);
    assert_int_equal(api_status(a, "DELETE", url, TUS), 204);
    assert_int_equal(api_status(a, "HEAD", url, TUS), 410);
    close(fd[0]);
    free(p);
}


/* The daemon ends and starts again in the midst of it. */
static void
test_restart(void **state)
{
    api_t *a = *state;
    uint8_t *p = pattern(BIG);
    char url[128];
    int fd;

    snprintf(url, sizeof(url), "%s",
             create(a, TUS META "Upload-Length: 5242880\r\n"));
    assert_int_equal(patch_status(a, url, 0, "", p, 1234567), 204);
    api_stop(a);
    api_start(a);
    assert_int_equal(offset_of(a, url), 1234567);
    assert_int_equal(patch_status(a, url, 1234567, "", p + 1234567, 1000000),
                     204);
    fd = begin_patch(a, url, 2234567, "", p + 2234567, BIG - 2234567, 500000);
    close(fd);
    api_stop(a);
    api_start(a);
    uint64_t offset = offset_of(a, url);

    assert_true(offset >= 2234567 && offset <= 2734567);
    assert_int_equal(
        patch_status(a, url, offset, "", p + offset, (size_t) (BIG - offset)),
        204);
    check_blob(a, p, BIG);
    api_stop(a);
    api_start(a);
    assert_int_equal(offset_of(a, url), BIG);
    free(p);
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
        TEST(test_termination),  TEST(test_broken),
        TEST(test_kept),         TEST(test_broken_checksum),
        TEST(test_take_over),    TEST(test_restart),
        TEST(test_chunked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
