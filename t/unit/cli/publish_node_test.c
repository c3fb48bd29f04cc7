/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of cli/publish_node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "cli/publish_node.h"
#include "common/base/num.h"

static elo_publish_t
with_blobs(const char *const *types, unsigned n)
{
    elo_publish_t p = { .id = "x", .n_blobs = n };

    for (unsigned i = 0; i < n; i++) {
        snprintf(p.blobs[i].type, sizeof(p.blobs[i].type), "%s", types[i]);
        snprintf(p.blobs[i].hash, sizeof(p.blobs[i].hash), "h%u", i);
        p.blobs[i].size = i + 1;
    }
    return p;
}


static void
test_roles(void **state)
{
    static const char *const film[] = { "video/mp4", "video/mp4", "audio/mp4",
                                        "text/vtt; charset=utf-8",
                                        "audio/mp4" };
    static const char *const song[] = { "audio/mpeg", "audio/mp4" };
    elo_publish_t p = with_blobs(film, ELO_COUNT(film));

    (void) state;
    p.blobs[4].is_variant = true;
    assert_string_equal(elo_publish_role(&p, 0), "original");
    assert_string_equal(elo_publish_role(&p, 1), "variant");
    assert_string_equal(elo_publish_role(&p, 2), "audio");
    assert_string_equal(elo_publish_role(&p, 3), "subtitle");
    assert_string_equal(elo_publish_role(&p, 4), "variant");
    p = with_blobs(song, ELO_COUNT(song));
    assert_string_equal(elo_publish_role(&p, 0), "original");
    assert_string_equal(elo_publish_role(&p, 1), "variant");
}


static void
test_new_node(void **state)
{
    static const char *const types[] = { "video/mp4" };
    elo_publish_t p = with_blobs(types, 1);
    elo_buf_t b;

    (void) state;
    p.title = "A \"film\"\n";
    p.reach = "commons";
    p.tags[0] = "one";
    p.n_tags = 1;
    elo_buf_init(&b, 4096);
    elo_publish_node(&p, NULL, &b);
    assert_string_equal(
        elo_buf_cstr(&b),
        "{\"id\":\"x\",\"title\":\"A \\\"film\\\"\\n\",\"reach\":\"commons\","
        "\"contentFormat\":\"video-file\",\"embedStrategy\":\"hls\","
        "\"blobs\":[{\"hash\":\"h0\",\"sizeBytes\":1,"
        "\"mimeType\":\"video/mp4\",\"role\":\"original\"}],"
        "\"tags\":[\"one\"]}");
    elo_buf_dispose(&b);
}


static void
test_update_keeps_what_it_does_not_name(void **state)
{
    static const char *const types[] = { "text/plain" };
    static const char current[] =
        "{\"id\":\"x\",\"version\":3,\"title\":\"old\",\"reach\":\"local\","
        "\"createdAt\":\"t\",\"updatedAt\":\"t\",\"blobs\":[{\"hash\":\"z\"}],"
        "\"contentFormat\":\"video-file\",\"embedStrategy\":\"hls\","
        "\"tags\":[\"kept\"],\"metadata\":{\"a\":[1,null]}}";
    elo_publish_t p = with_blobs(types, 1);
    elo_json_t *node = NULL, *was = NULL;
    elo_slice_t s;
    elo_buf_t b;

    (void) state;
    p.title = "new";
    assert_int_equal(elo_json_parse(elo_slice_str(current), 4096, &was, NULL),
                     0);
    elo_buf_init(&b, 4096);
    elo_publish_node(&p, was, &b);
    assert_int_equal(elo_json_parse(elo_buf_slice(&b), 4096, &node, NULL), 0);
    assert_true(elo_json_string(elo_json_get(node, "title"), &s));
    assert_true(elo_slice_eq(s, ELO_SLICE("new")));
    assert_true(elo_json_string(elo_json_get(node, "reach"), &s));
    assert_true(elo_slice_eq(s, ELO_SLICE("local")));
    assert_true(elo_json_string(elo_json_get(node, "contentFormat"), &s));
    assert_true(elo_slice_eq(s, ELO_SLICE("document")));
    assert_int_equal(elo_json_len(elo_json_get(node, "tags")), 1);
    assert_int_equal(elo_json_len(elo_json_get(node, "blobs")), 1);
    assert_non_null(elo_json_get(node, "metadata"));
    assert_null(elo_json_get(node, "version"));
    assert_null(elo_json_get(node, "createdAt"));
    assert_null(elo_json_get(node, "embedStrategy"));
    elo_json_free(&node);
    elo_json_free(&was);
    elo_buf_dispose(&b);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roles),
        cmocka_unit_test(test_new_node),
        cmocka_unit_test(test_update_keeps_what_it_does_not_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
