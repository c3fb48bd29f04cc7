/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/node/content_make: what is refused, and by which field; what
   is accepted, and how it is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "backend/node/content_node.h"
#include "common/base/num.h"
#include "t/unit/guard.h"

#define HEX0     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HEX1     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define CID0     "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
#define BLOB0    "{\"hash\":\"sha256-" HEX0 "\"}"
#define TEXT_MAX (ELO_CONTENT_JSON_MAX + 4096)


static void
put_random(void *ctx, uint8_t *p, size_t n)
{
    uint8_t *next = ctx;

    memset(p, (*next)++, n);
}


static elo_err_t
make_with(elo_slice_t text, const char *id, elo_buf_t *json,
          elo_content_fault_t *fault)
{
    uint8_t seed = 1;
    elo_content_env_t env = {
        .id = elo_slice_str(id),
        .version = 3,
        .created_at = 1795233906,
        .updated_at = 1795233907,
        .random = put_random,
        .random_ctx = &seed,
    };

    return elo_content_make(text, &env, json, fault);
}


static const struct {
    const char *field;
    const char *text;
} refused[] = {
    /* the whole */
    { "", "" },
    { "", "[]" },
    { "", "{\"title\":\"a\"" },
    { "", "{\"title\":\"a\",\"title\":\"b\"}" },
    { "", "\"title\"" },
    /* unknown members */
    { "titel", "{\"titel\":\"a\"}" },
    { "Title", "{\"Title\":\"a\"}" },
    { "__proto__", "{\"title\":\"a\",\"__proto__\":{}}" },
    { "blobs[0].url",
      "{\"title\":\"a\",\"blobs\":[{\"hash\":\"" HEX0 "\",\"url\":\"x\"}]}" },
    /* title */
    { "title", "{}" },
    { "title", "{\"title\":null}" },
    { "title", "{\"title\":\"\"}" },
    { "title", "{\"title\":7}" },
    { "title", "{\"title\":\"a\\nb\"}" },
    { "title", "{\"title\":\"\\u001b[31m\"}" },
    /* id */
    { "id", "{\"title\":\"a\",\"id\":\"\"}" },
    { "id", "{\"title\":\"a\",\"id\":1}" },
    { "id", "{\"title\":\"a\",\"id\":\"a/b\"}" },
    { "id", "{\"title\":\"a\",\"id\":\"..\"}" },
    { "id", "{\"title\":\"a\",\"id\":\"a b\"}" },
    { "id", "{\"title\":\"a\",\"id\":\"a\\r\\nX: y\"}" },
    { "id", "{\"title\":\"a\",\"id\":\"sha256-" HEX0 "\"}" },
    { "id", "{\"title\":\"a\",\"id\":\"" HEX0 "\"}" },
    { "id", "{\"title\":\"a\",\"id\":\"" CID0 "\"}" },
    /* plain members */
    { "description", "{\"title\":\"a\",\"description\":[]}" },
    { "description", "{\"title\":\"a\",\"description\":\"\\u0007\"}" },
    { "contentFormat", "{\"title\":\"a\",\"contentFormat\":\"mp4\"}" },
    { "contentFormat", "{\"title\":\"a\",\"contentFormat\":1}" },
    { "embedStrategy", "{\"title\":\"a\",\"embedStrategy\":\"object\"}" },
    { "reach", "{\"title\":\"a\",\"reach\":\"public\"}" },
    { "reach", "{\"title\":\"a\",\"reach\":\"Commons\"}" },
    { "reach", "{\"title\":\"a\",\"reach\":7}" },
    { "owner", "{\"title\":\"a\",\"owner\":\"\"}" },
    { "owner", "{\"title\":\"a\",\"owner\":{}}" },
    { "invited", "{\"title\":\"a\",\"invited\":\"b\"}" },
    { "invited[1]", "{\"title\":\"a\",\"invited\":[\"b\",2]}" },
    { "invited[0]", "{\"title\":\"a\",\"invited\":[\"\"]}" },
    { "lifecycle", "{\"title\":\"a\",\"lifecycle\":\"new\"}" },
    { "refreshInterval", "{\"title\":\"a\",\"refreshInterval\":\"6M\"}" },
    { "refreshInterval", "{\"title\":\"a\",\"refreshInterval\":6}" },
    { "durationSeconds", "{\"title\":\"a\",\"durationSeconds\":-1}" },
    { "durationSeconds", "{\"title\":\"a\",\"durationSeconds\":1e10}" },
    { "durationSeconds", "{\"title\":\"a\",\"durationSeconds\":\"60\"}" },
    { "body", "{\"title\":\"a\",\"body\":[1]}" },
    { "body", "{\"title\":\"a\",\"body\":5}" },
    { "tags", "{\"title\":\"a\",\"tags\":{}}" },
    { "tags[0]", "{\"title\":\"a\",\"tags\":[null]}" },
    { "relations", "{\"title\":\"a\",\"relations\":{}}" },
    { "relations[0]", "{\"title\":\"a\",\"relations\":[\"b\"]}" },
    { "relations[0].type",
      "{\"title\":\"a\",\"relations\":[{\"target\":\"b\"}]}" },
    { "relations[0].target",
      "{\"title\":\"a\",\"relations\":[{\"type\":\"part\"}]}" },
    { "relations[1].type", "{\"title\":\"a\",\"relations\":["
                           "{\"type\":\"part\",\"target\":\"b\"},"
                           "{\"type\":\"\",\"target\":\"b\"}]}" },
    { "relations[0].target", "{\"title\":\"a\",\"relations\":["
                             "{\"type\":\"part\",\"target\":\"a/b\"}]}" },
    { "relations[0].target", "{\"title\":\"a\",\"relations\":["
                             "{\"type\":\"part\",\"target\":7}]}" },
    { "relations[0].target", /* bytes are no content */
      "{\"title\":\"a\",\"relations\":[{\"type\":\"part\","
      "\"target\":\"" HEX0 "\"}]}" },
    { "relations[0].note", "{\"title\":\"a\",\"relations\":[{\"type\":\"p\","
                           "\"target\":\"b\",\"note\":1}]}" },
    { "metadata", "{\"title\":\"a\",\"metadata\":[]}" },
    { "metadata", "{\"title\":\"a\",\"metadata\":\"x\"}" },
    /* blobs */
    { "blobs", "{\"title\":\"a\",\"blobs\":{}}" },
    { "blobs[0]", "{\"title\":\"a\",\"blobs\":[null]}" },
    { "blobs[0]", "{\"title\":\"a\",\"blobs\":[\"" HEX0 "\"]}" },
    { "blobs[0].hash", "{\"title\":\"a\",\"blobs\":[{}]}" },
    { "blobs[0].hash", "{\"title\":\"a\",\"blobs\":[{\"hash\":5}]}" },
    { "blobs[1].hash",
      "{\"title\":\"a\",\"blobs\":[" BLOB0 ",{\"hash\":\"abc\"}]}" },
    { "blobs[0].hash", "{\"title\":\"a\",\"blobs\":[{\"hash\":"
                       "\"QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG\""
                       "}]}" },
    { "blobs[0].hash",
      "{\"title\":\"a\",\"blobs\":[{\"hash\":\"../../etc/passwd\"}]}" },
    /* the same bytes under another name */
    { "blobs[1].hash",
      "{\"title\":\"a\",\"blobs\":[" BLOB0 ",{\"hash\":\"" CID0 "\"}]}" },
#define BLOB(field, value)                                                     \
    {                                                                          \
        "blobs[0]." field, "{\"title\":\"a\",\"blobs\":[{\"hash\":\"" HEX0     \
                           "\",\"" field "\":" value "}]}"                     \
    }
    BLOB("sizeBytes", "-1"),
    BLOB("sizeBytes", "1.5"),
    BLOB("sizeBytes", "9007199254740992"),
    BLOB("sizeBytes", "\"1\""),
    BLOB("mimeType", "\"video\""),
    BLOB("mimeType", "\"video/mp4\\r\\nSet-Cookie: a=b\""),
    BLOB("mimeType", "4"),
    BLOB("fallbackUrls", "\"https://example.org/\""),
    BLOB("codec", "\"\""),
    BLOB("profile", "{}"),
    BLOB("width", "0"),
    BLOB("width", "65536"),
    BLOB("height", "\"720\""),
    BLOB("height", "720.5"),
    BLOB("bitrateMbps", "-0.1"),
    BLOB("bitrateMbps", "1e7"),
    BLOB("durations", "[]"),
    BLOB("durations", "5"),
    BLOB("role", "\"main\""),
    BLOB("language", "\"english!\""),
    BLOB("language", "\"e\""),
    BLOB("expiresAt", "\"tomorrow\""),
    BLOB("expiresAt", "1795233906"),
    { "blobs[0].fallbackUrls[1]",
      "{\"title\":\"a\",\"blobs\":[{\"hash\":\"" HEX0
      "\",\"fallbackUrls\":[\"https://example.org/\",\"file:///x\"]}]}" },
    { "blobs[0].fallbackUrls[0]",
      "{\"title\":\"a\",\"blobs\":[{\"hash\":\"" HEX0
      "\",\"fallbackUrls\":[1]}]}" },
    { "blobs[0].durations.video",
      "{\"title\":\"a\",\"blobs\":[{\"hash\":\"" HEX0
      "\",\"durations\":{\"video\":\"1\"}}]}" },
};


static void
test_refused(void **state)
{
    elo_content_fault_t fault;
    elo_buf_t json;

    (void) state;
    elo_buf_init(&json, ELO_CONTENT_TEXT_MAX);
    for (size_t i = 0; i < ELO_COUNT(refused); i++) {
        elo_buf_clear(&json);
        if (make_with(elo_slice_str(refused[i].text), NULL, &json, &fault)
            != ELO_EINVAL)
        {
            fail_msg("accepted: %s", refused[i].text);
        }
        if (strcmp(fault.field, refused[i].field) != 0) {
            fail_msg("%s: blames \"%s\", not \"%s\"", refused[i].text,
                     fault.field, refused[i].field);
        }
        /* the sentence names the field */
        assert_true(fault.detail[0] != '\0');
        assert_non_null(strstr(fault.detail, fault.field));
    }
    elo_buf_dispose(&json);
}


static void
test_id_of_path(void **state)
{
    elo_content_fault_t fault;
    elo_buf_t json;

    (void) state;
    elo_buf_init(&json, ELO_CONTENT_TEXT_MAX);
    assert_int_equal(make_with(ELO_SLICE("{\"title\":\"a\",\"id\":\"other\"}"),
                               "this", &json, &fault),
                     ELO_EINVAL);
    assert_string_equal(fault.field, "id");
    elo_buf_clear(&json);
    assert_int_equal(make_with(ELO_SLICE("{\"title\":\"a\",\"id\":\"this\"}"),
                               "this", &json, &fault),
                     ELO_OK);
    elo_buf_clear(&json);
    assert_int_equal(
        make_with(ELO_SLICE("{\"title\":\"a\"}"), "this", &json, &fault),
        ELO_OK);
    assert_non_null(strstr(elo_buf_cstr(&json), "{\"id\":\"this\","));
    elo_buf_dispose(&json);
}


static void
test_random_id(void **state)
{
    elo_content_fault_t fault;
    elo_content_t a;
    elo_buf_t json;

    (void) state;
    elo_buf_init(&json, ELO_CONTENT_TEXT_MAX);
    assert_int_equal(make_with(ELO_SLICE("{\"title\":\"a\",\"id\":null}"), NULL,
                               &json, &fault),
                     ELO_OK);
    assert_int_equal(elo_content_load(elo_buf_slice(&json), &a), ELO_OK);
    assert_int_equal(a.id.len, 26);
    assert_true(elo_content_id_ok(a.id));
    elo_content_dispose(&a);
    elo_buf_dispose(&json);
}


static void
test_defaults(void **state)
{
    static const struct {
        const char *text;
        const char *has;
    } cases[] = {
        { "{\"title\":\"a\"}",
          "{\"id\":\"x\",\"version\":3,\"title\":\"a\",\"contentFormat\":"
          "\"document\",\"embedStrategy\":\"iframe\",\"reach\":\"private\","
          "\"lifecycle\":\"draft\",\"blobs\":[],\"createdAt\":"
          "\"2026-11-21T04:05:06Z\",\"updatedAt\":\"2026-11-21T04:05:07Z\"}" },
        { "{\"title\":\"a\",\"blobs\":[" BLOB0 "]}",
          "\"lifecycle\":\"published\",\"blobs\":[{\"hash\":\"sha256-" HEX0
          "\",\"role\":\"original\"}]" },
        { "{\"title\":\"a\",\"body\":\"# text\"}",
          "\"lifecycle\":\"published\",\"blobs\":[],\"body\":\"# text\"" },
        { "{\"title\":\"a\",\"body\":null,\"blobs\":null,\"tags\":null}",
          "\"lifecycle\":\"draft\"" },
        { "{\"title\":\"a\",\"blobs\":[" BLOB0 "],\"lifecycle\":\"draft\"}",
          "\"lifecycle\":\"draft\"" },
        { "{\"title\":\"a\",\"blobs\":[{\"hash\":\"" HEX0
          "\",\"mimeType\":\"video/mp4\"}]}",
          "\"contentFormat\":\"video-file\"" },
        { "{\"title\":\"a\",\"blobs\":[{\"hash\":\"" HEX0
          "\",\"mimeType\":\"audio/mpeg\"}]}",
          "\"contentFormat\":\"audio-file\"" },
        { "{\"title\":\"a\",\"version\":99,\"createdAt\":\"1999-01-01T00:00:00Z"
          "\",\"updatedAt\":5}",
          "\"version\":3," },
        { "{\"title\":\"a\",\"createdAt\":\"1999-01-01T00:00:00Z\"}",
          "\"createdAt\":\"2026-11-21T04:05:06Z\"" },
    };
    elo_content_fault_t fault;
    elo_buf_t json;

    (void) state;
    elo_buf_init(&json, ELO_CONTENT_TEXT_MAX);
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        elo_buf_clear(&json);
        assert_int_equal(
            make_with(elo_slice_str(cases[i].text), "x", &json, &fault),
            ELO_OK);
        if (strstr(elo_buf_cstr(&json), cases[i].has) == NULL) {
            fail_msg("%s gives %s", cases[i].text, elo_buf_cstr(&json));
        }
    }
    elo_buf_dispose(&json);
}


/* Every member at once, members in another order than the text has in the end,
   and hashes in all forms. */
static const char full[] =
    "{\"updatedAt\":null,\"metadata\":{\"k\":[1,{\"z\":null}]},"
    "\"relations\":[{\"target\":\"y\",\"type\":\"part of\"}],"
    "\"tags\":[\"one\",\"z\\u00f6\"],\"body\":{\"x\":0.1},"
    "\"blobs\":[{\"role\":\"variant\",\"hash\":\"" CID0
    "\",\"sizeBytes\":9007199254740991,"
    "\"mimeType\":\"video/mp4; codecs=\\\"avc1\\\"\",\"fallbackUrls\":"
    "[\"https://example.org/a?b=c\"],\"codec\":\"avc1.64001f\","
    "\"profile\":\"High\",\"width\":1280,\"height\":720,\"bitrateMbps\":2.5,"
    "\"durations\":{\"video\":60,\"audio\":59.9},\"language\":\"pt-BR\","
    "\"expiresAt\":\"2030-01-31T12:00:00Z\"},{\"hash\":\"" HEX1 "\"}],"
    "\"durationSeconds\":60.5,\"refreshInterval\":\"P6M\","
    "\"lifecycle\":\"stale\",\"invited\":[\"uhCAkx\"],\"owner\":\"uhCAky\","
    "\"reach\":\"neighborhood\",\"embedStrategy\":\"hls\","
    "\"contentFormat\":\"video-file\",\"description\":\"line\\nline\","
    "\"title\":\"T\\u00eftle\",\"id\":\"x\"}";


static void
test_full(void **state)
{
    static const char expected[] =
        "{\"id\":\"x\",\"version\":3,\"title\":\"T\xc3\xaftle\","
        "\"description\":\"line\\nline\",\"contentFormat\":\"video-file\","
        "\"embedStrategy\":\"hls\",\"reach\":\"neighborhood\","
        "\"owner\":\"uhCAky\",\"invited\":[\"uhCAkx\"],"
        "\"lifecycle\":\"stale\",\"refreshInterval\":\"P6M\","
        "\"durationSeconds\":60.5,\"blobs\":[{\"hash\":\"sha256-" HEX0
        "\",\"sizeBytes\":9007199254740991,"
        "\"mimeType\":\"video/mp4; codecs=\\\"avc1\\\"\","
        "\"fallbackUrls\":[\"https://example.org/a?b=c\"],"
        "\"codec\":\"avc1.64001f\",\"profile\":\"High\",\"width\":1280,"
        "\"height\":720,\"bitrateMbps\":2.5,"
        "\"durations\":{\"video\":60,\"audio\":59.9},\"role\":\"variant\","
        "\"language\":\"pt-BR\",\"expiresAt\":\"2030-01-31T12:00:00Z\"},"
        "{\"hash\":\"sha256-" HEX1 "\",\"role\":\"original\"}],"
        "\"body\":{\"x\":0.1},\"tags\":[\"one\",\"z\xc3\xb6\"],"
        "\"relations\":[{\"type\":\"part of\",\"target\":\"y\"}],"
        "\"metadata\":{\"k\":[1,{\"z\":null}]},"
        "\"createdAt\":\"2026-11-21T04:05:06Z\","
        "\"updatedAt\":\"2026-11-21T04:05:07Z\"}";
    elo_content_fault_t fault;
    elo_buf_t json, again;

    (void) state;
    elo_buf_init(&json, ELO_CONTENT_TEXT_MAX);
    elo_buf_init(&again, ELO_CONTENT_TEXT_MAX);
    assert_int_equal(make_with(elo_slice_str(full), NULL, &json, &fault),
                     ELO_OK);
    assert_string_equal(elo_buf_cstr(&json), expected);
    /* what came out may be sent back, and comes out the same */
    assert_int_equal(make_with(elo_buf_slice(&json), "x", &again, &fault),
                     ELO_OK);
    assert_string_equal(elo_buf_cstr(&again), expected);
    elo_buf_dispose(&again);
    elo_buf_dispose(&json);
}


static void
test_prefixes(void **state)
{
    elo_content_fault_t fault;
    elo_buf_t json;
    guard_t g;

    (void) state;
    guard_init(&g, sizeof(full));
    elo_buf_init(&json, ELO_CONTENT_TEXT_MAX);
    for (size_t n = 0; n < strlen(full); n++) {
        elo_buf_clear(&json);
        assert_int_equal(
            make_with(guard_put(&g, elo_slice(full, n)), NULL, &json, &fault),
            ELO_EINVAL);
    }
    elo_buf_dispose(&json);
    guard_dispose(&g);
}


/* Appends n times text, with commas between. */
static void
put_many(elo_buf_t *b, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++) {
        elo_buf_put_str(b, i == 0 ? "" : ",");
        elo_buf_put_str(b, text);
    }
}


static void
test_limits(void **state)
{
    static const struct {
        const char *field;
        const char *before, *element, *after;
        size_t max;
    } cases[] = {
        { "tags", "{\"title\":\"a\",\"tags\":[", "\"t\"", "]}", 256 },
        { "invited", "{\"title\":\"a\",\"invited\":[", "\"t\"", "]}",
          ELO_CONTENT_INVITED_MAX },
        { "relations", "{\"title\":\"a\",\"relations\":[",
          "{\"type\":\"t\",\"target\":\"b\"}", "]}", 64 },
        { "blobs[0].fallbackUrls",
          "{\"title\":\"a\",\"blobs\":[{\"hash\":\"" HEX0
          "\",\"fallbackUrls\":[",
          "\"http://a/\"", "]}]}", 16 },
    };
    elo_content_fault_t fault;
    elo_buf_t text, json;

    (void) state;
    elo_buf_init(&text, TEXT_MAX);
    elo_buf_init(&json, ELO_CONTENT_TEXT_MAX);
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        for (size_t more = 0; more <= 1; more++) {
            elo_buf_clear(&text);
            elo_buf_clear(&json);
            elo_buf_put_str(&text, cases[i].before);
            put_many(&text, cases[i].max + more, cases[i].element);
            elo_buf_put_str(&text, cases[i].after);
            assert_int_equal(
                make_with(elo_buf_slice(&text), NULL, &json, &fault),
                more == 0 ? ELO_OK : ELO_EINVAL);
            if (more == 1) {
                assert_string_equal(fault.field, cases[i].field);
            }
        }
    }
    elo_buf_dispose(&json);
    elo_buf_dispose(&text);
}


/* The limit of a title is in characters, not in bytes. */
static void
test_title_limit(void **state)
{
    elo_content_fault_t fault;
    elo_buf_t text, json;

    (void) state;
    elo_buf_init(&text, TEXT_MAX);
    elo_buf_init(&json, ELO_CONTENT_TEXT_MAX);
    for (size_t n = 512; n <= 513; n++) {
        elo_buf_clear(&text);
        elo_buf_clear(&json);
        elo_buf_put_str(&text, "{\"title\":\"");
        for (size_t i = 0; i < n; i++) {
            elo_buf_put_str(&text, "\xf0\x9f\x8e\xac");
        }
        elo_buf_put_str(&text, "\"}");
        assert_int_equal(make_with(elo_buf_slice(&text), NULL, &json, &fault),
                         n == 512 ? ELO_OK : ELO_EINVAL);
    }
    assert_string_equal(fault.field, "title");
    elo_buf_dispose(&json);
    elo_buf_dispose(&text);
}


static void
test_blob_limit(void **state)
{
    elo_content_fault_t fault;
    elo_buf_t text, json;

    (void) state;
    elo_buf_init(&text, TEXT_MAX);
    elo_buf_init(&json, ELO_CONTENT_TEXT_MAX);
    for (unsigned n = ELO_CONTENT_BLOBS_MAX; n <= ELO_CONTENT_BLOBS_MAX + 1;
         n++) {
        elo_buf_clear(&text);
        elo_buf_clear(&json);
        elo_buf_put_str(&text, "{\"title\":\"a\",\"blobs\":[");
        for (unsigned i = 0; i < n; i++) {
            elo_buf_printf(&text, "%s{\"hash\":\"%064x\"}", i == 0 ? "" : ",",
                           i);
        }
        elo_buf_put_str(&text, "]}");
        assert_int_equal(make_with(elo_buf_slice(&text), NULL, &json, &fault),
                         n == ELO_CONTENT_BLOBS_MAX ? ELO_OK : ELO_EINVAL);
    }
    assert_string_equal(fault.field, "blobs");
    elo_buf_dispose(&json);
    elo_buf_dispose(&text);
}


/* A text that grows as it is normalised is bounded too. */
static void
test_too_large(void **state)
{
    elo_content_fault_t fault;
    elo_buf_t text, json;

    (void) state;
    elo_buf_init(&text, TEXT_MAX);
    elo_buf_init(&json, ELO_CONTENT_TEXT_MAX);
    elo_buf_put_str(&text, "{\"title\":\"a\",\"body\":\"");
    while (text.len < ELO_CONTENT_JSON_MAX) {
        elo_buf_put_u8(&text, 'x');
    }
    elo_buf_put_str(&text, "\"}");
    assert_int_equal(make_with(elo_buf_slice(&text), NULL, &json, &fault),
                     ELO_ETOOBIG);

    elo_buf_clear(&text);
    elo_buf_clear(&json);
    elo_buf_put_str(&text, "{\"title\":\"a\",\"metadata\":{\"n\":[");
    put_many(&text, 200000, "1e99");
    elo_buf_put_str(&text, "]}}");
    assert_true(text.len < ELO_CONTENT_JSON_MAX);
    assert_int_equal(make_with(elo_buf_slice(&text), NULL, &json, &fault),
                     ELO_OK);

    elo_buf_clear(&text);
    elo_buf_clear(&json);
    elo_buf_put_str(&text, "{\"title\":\"a\",\"body\":\"");
    while (text.len < ELO_CONTENT_JSON_MAX - 16) {
        elo_buf_put_str(&text, "\x7f"); /* six bytes as an escape */
    }
    elo_buf_put_str(&text, "\"}");
    assert_int_equal(make_with(elo_buf_slice(&text), NULL, &json, &fault),
                     ELO_ETOOBIG);
    elo_buf_dispose(&json);
    elo_buf_dispose(&text);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),    cmocka_unit_test(test_id_of_path),
        cmocka_unit_test(test_random_id),  cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_full),       cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_limits),     cmocka_unit_test(test_title_limit),
        cmocka_unit_test(test_blob_limit), cmocka_unit_test(test_too_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
