/* SPDX-License-Identifier: BSD-2-Clause */
/* tus_client: requests of tus to an api_server. For tests only. */
#ifndef ELO_T_UNIT_TUS_CLIENT_H
#define ELO_T_UNIT_TUS_CLIENT_H

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


static inline uint8_t *
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
static inline const char *
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


static inline answer_t
patch(const api_t *a, const char *url, uint64_t offset, const char *headers,
      const void *p, size_t len)
{
    char all[512];

    snprintf(all, sizeof(all), TUS BYTES "Upload-Offset: %llu\r\n%s",
             (unsigned long long) offset, headers);
    return api_call(a, "PATCH", url, all, p, (ssize_t) len);
}


static inline int
patch_status(const api_t *a, const char *url, uint64_t offset,
             const char *headers, const void *p, size_t len)
{
    answer_t r = patch(a, url, offset, headers, p, len);
    int status = r.status;

    answer_free(&r);
    return status;
}


/* Upload-Offset as HEAD tells it. */
static inline uint64_t
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


static inline void
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


static inline const char *
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

#endif
