/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/node/content_node: reading of what the store keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "backend/node/content_node.h"
#include "common/base/num.h"
#include "t/unit/guard.h"

#define HEX0 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HEX1 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static const char text[] =
    "{\"id\":\"x\",\"version\":3,\"title\":\"T\",\"contentFormat\":"
    "\"document\","
    "\"reach\":\"commons\",\"lifecycle\":\"published\",\"blobs\":[{\"hash\":"
    "\"sha256-" HEX0 "\",\"role\":\"variant\",\"mimeType\":\"video/mp4\","
    "\"sizeBytes\":12},{\"hash\":\"sha256-" HEX1 "\",\"role\":\"original\","
    "\"language\":\"de\"}],\"createdAt\":\"2026-11-21T04:05:06Z\"}";


static void
test_load(void **state)
{
    elo_content_t n;
    char canon[ELO_ADDR_CANON_LEN + 1];

    (void) state;
    assert_int_equal(elo_content_load(elo_slice_str(text), &n), ELO_OK);
    assert_true(elo_slice_eq(n.id, ELO_SLICE("x")));
    assert_true(elo_slice_eq(n.title, ELO_SLICE("T")));
    assert_true(elo_slice_eq(n.format, ELO_SLICE("document")));
    assert_int_equal(n.version, 3);
    assert_int_equal(n.reach, ELO_REACH_COMMONS);
    assert_int_equal(n.lifecycle, ELO_LIFECYCLE_PUBLISHED);
    assert_int_equal(n.created_at, 1795233906);
    assert_int_equal(n.n_blobs, 2);
    assert_int_equal(n.blobs[0].role, ELO_ROLE_VARIANT);
    assert_int_equal(n.blobs[0].size, 12);
    assert_true(elo_slice_eq(n.blobs[0].mime, ELO_SLICE("video/mp4")));
    assert_true(elo_slice_eq(n.blobs[1].language, ELO_SLICE("de")));
    elo_addr_canon(&n.refs[1], canon);
    assert_string_equal(canon, "sha256-" HEX1);
    /* the first original, though a variant stands before it */
    assert_ptr_equal(elo_content_primary(&n), &n.blobs[1]);
    n.blobs[1].role = ELO_ROLE_AUDIO;
    assert_ptr_equal(elo_content_primary(&n), &n.blobs[0]);
    n.n_blobs = 0;
    assert_null(elo_content_primary(&n));
    elo_content_dispose(&n);
    assert_null(n._tree);
    elo_content_dispose(&n);
}


static void
test_effective_reach(void **state)
{
    static const bool served[] = {
        [ELO_LIFECYCLE_DRAFT] = false,   [ELO_LIFECYCLE_PUBLISHED] = true,
        [ELO_LIFECYCLE_STALE] = true,    [ELO_LIFECYCLE_DEPRECATED] = true,
        [ELO_LIFECYCLE_ARCHIVED] = true, [ELO_LIFECYCLE_FORGOTTEN] = false,
    };
    elo_content_t n = { .reach = ELO_REACH_COMMONS };

    (void) state;
    for (unsigned i = 0; i < ELO_COUNT(served); i++) {
        n.lifecycle = (elo_lifecycle_t) i;
        assert_int_equal(elo_content_is_served(&n), served[i]);
        assert_int_equal(elo_content_effective_reach(&n),
                         served[i] ? ELO_REACH_COMMONS : ELO_REACH_PRIVATE);
    }
}


/* What was damaged on disk is refused; a reach that nobody knows is private. */
static void
test_damaged(void **state)
{
    static const char *const cases[] = {
        "",
        "[]",
        "{}",
        "null",
        "{\"id\":\"x\",\"version\":0,\"lifecycle\":\"published\","
        "\"createdAt\":\"2026-11-21T04:05:06Z\"}",
        "{\"id\":\"../x\",\"version\":1,\"lifecycle\":\"published\","
        "\"createdAt\":\"2026-11-21T04:05:06Z\"}",
        "{\"id\":\"x\",\"version\":1,\"lifecycle\":\"gone\","
        "\"createdAt\":\"2026-11-21T04:05:06Z\"}",
        "{\"id\":\"x\",\"version\":1,\"lifecycle\":\"draft\"}",
        "{\"id\":\"x\",\"version\":1,\"lifecycle\":\"draft\","
        "\"createdAt\":\"2026-11-21T04:05:06Z\",\"blobs\":[{}]}",
        "{\"id\":\"x\",\"version\":1,\"lifecycle\":\"draft\","
        "\"createdAt\":\"2026-11-21T04:05:06Z\",\"blobs\":[{\"hash\":\"" HEX0
        "\",\"role\":\"other\"}]}",
    };
    elo_slice_t all = elo_slice_str(text);
    elo_content_t n;
    guard_t g;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        if (elo_content_load(elo_slice_str(cases[i]), &n) != ELO_ECORRUPT) {
            fail_msg("accepted: %s", cases[i]);
        }
    }
    guard_init(&g, sizeof(text));
    for (size_t len = 0; len < all.len; len++) {
        assert_int_equal(
            elo_content_load(guard_put(&g, elo_slice(all.p, len)), &n),
            ELO_ECORRUPT);
    }
    guard_dispose(&g);
    assert_int_equal(
        elo_content_load(
            ELO_SLICE("{\"id\":\"x\",\"version\":1,\"lifecycle\":\"published\","
                      "\"reach\":\"everyone\",\"createdAt\":"
                      "\"2026-11-21T04:05:06Z\"}"),
            &n),
        ELO_OK);
    assert_int_equal(n.reach, ELO_REACH_PRIVATE);
    elo_content_dispose(&n);
}


static void
test_lists(void **state)
{
    elo_content_t n;

    (void) state;
    assert_int_equal(
        elo_content_load(
            ELO_SLICE("{\"id\":\"x\",\"version\":1,\"lifecycle\":\"draft\","
                      "\"tags\":[\"one\",\"Two\"],\"relations\":"
                      "[{\"type\":\"t\",\"target\":\"y\"},"
                      "{\"type\":\"u\",\"target\":\"z\"}],\"createdAt\":"
                      "\"2026-11-21T04:05:06Z\"}"),
            &n),
        ELO_OK);
    assert_true(elo_content_has_tag(&n, ELO_SLICE("one")));
    assert_true(elo_content_has_tag(&n, ELO_SLICE("Two")));
    assert_false(elo_content_has_tag(&n, ELO_SLICE("two")));
    assert_false(elo_content_has_tag(&n, ELO_SLICE("on")));
    assert_false(elo_content_has_tag(&n, ELO_SLICE("")));
    assert_true(elo_content_relates_to(&n, ELO_SLICE("y")));
    assert_true(elo_content_relates_to(&n, ELO_SLICE("z")));
    assert_false(elo_content_relates_to(&n, ELO_SLICE("t")));
    elo_content_dispose(&n);
    assert_int_equal(elo_content_load(elo_slice_str(text), &n), ELO_OK);
    assert_false(elo_content_has_tag(&n, ELO_SLICE("one")));
    assert_false(elo_content_relates_to(&n, ELO_SLICE("y")));
    elo_content_dispose(&n);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_effective_reach),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
