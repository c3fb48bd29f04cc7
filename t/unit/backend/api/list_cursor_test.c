/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/api/list_cursor: it opens for whom it was made, for a day, and
   with no byte changed; it says nothing. */
#include "t/unit/backend/keys/keys_dir.h"

#include "backend/api/list_cursor.h"
#include "common/base/num.h"

#define NOW INT64_C(1700000000)

static keys_dir_t dir;
static elo_keyring_t *ring;
static const elo_list_bound_t bob = { .caller = ELO_LISTS_AGENT,
                                      .agent = { { 0xb0, 0xb } },
                                      .filters = { { 1 } } };
static char text[ELO_LIST_CURSOR_TEXT + 1];
static char id[ELO_CONTENT_ID_MAX + 1];
static bool is_from;


static int
setup(void **state)
{
    (void) state;
    keys_dir_init(&dir);
    ring = keys_open(&dir, NULL);
    return 0;
}


static int
teardown(void **state)
{
    (void) state;
    elo_keyring_close(&ring);
    keys_dir_dispose(&dir);
    return 0;
}


static void
seal(const elo_list_bound_t *to, const char *of, bool from)
{
    assert_int_equal(
        elo_list_cursor_seal(ring, to, NOW, elo_slice_str(of), from, text),
        ELO_OK);
    assert_int_equal(strlen(text), ELO_LIST_CURSOR_TEXT);
}


static elo_err_t
open_at(const elo_list_bound_t *to, int64_t now, elo_slice_t t)
{
    return elo_list_cursor_open(ring, to, now, t, id, &is_from);
}


static void
test_round(void **state)
{
    char longest[ELO_CONTENT_ID_MAX + 2];
    const char *const ids[] = { "", "a", "film-1", longest };

    (void) state;
    memset(longest, 'x', sizeof(longest));
    longest[ELO_CONTENT_ID_MAX] = '\0';
    for (size_t i = 0; i < ELO_COUNT(ids); i++) {
        for (int from = 0; from <= 1; from++) {
            seal(&bob, ids[i], from == 1);
            assert_int_equal(open_at(&bob, NOW, elo_slice_str(text)), ELO_OK);
            assert_string_equal(id, ids[i]);
            assert_int_equal(is_from, from);
        }
    }
    longest[ELO_CONTENT_ID_MAX] = 'x';
    assert_int_equal(
        elo_list_cursor_seal(ring, &bob, NOW,
                             elo_slice(longest, ELO_CONTENT_ID_MAX + 1), true,
                             text),
        ELO_ETOOBIG);
}


/* Not by its length, nor by being the same for the same. */
static void
test_says_nothing(void **state)
{
    char first[sizeof(text)];

    (void) state;
    seal(&bob, "secret-film", true);
    memcpy(first, text, sizeof(text));
    seal(&bob, "secret-film", true);
    assert_string_not_equal(first, text);
    assert_null(strstr(text, "secret"));
    for (const char *p = text; *p != '\0'; p++) { /* of a URL's characters */
        assert_true((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
                    || (*p >= '0' && *p <= '9') || *p == '-' || *p == '_');
    }
}


/* Each bit of it, and each length. */
static void
test_changed(void **state)
{
    uint8_t bytes[ELO_LIST_CURSOR_BYTES];
    char other[sizeof(text) + 4];
    size_t len;

    (void) state;
    seal(&bob, "film-1", false);
    assert_int_equal(
        elo_base64url_decode(elo_slice_str(text), bytes, sizeof(bytes), &len),
        ELO_OK);
    for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
        bytes[bit / 8] ^= (uint8_t) (1u << bit % 8);
        elo_base64url_encode(bytes, sizeof(bytes), other);
        assert_int_equal(open_at(&bob, NOW, elo_slice_str(other)), ELO_EINVAL);
        bytes[bit / 8] ^= (uint8_t) (1u << bit % 8);
    }
    for (size_t n = 0; n < strlen(text); n++) {
        assert_int_equal(open_at(&bob, NOW, elo_slice(text, n)), ELO_EINVAL);
    }
    snprintf(other, sizeof(other), "%sA", text);
    assert_int_equal(open_at(&bob, NOW, elo_slice_str(other)), ELO_EINVAL);
    memcpy(other, text, sizeof(text));
    other[7] = '+';
    assert_int_equal(open_at(&bob, NOW, elo_slice_str(other)), ELO_EINVAL);
    assert_int_equal(open_at(&bob, NOW, elo_slice_str(text)), ELO_OK);
}


static void
test_bound(void **state)
{
    elo_list_bound_t others[4];

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(others); i++) {
        others[i] = bob;
    }
    others[0].agent.b[31] ^= 1;
    others[1].filters.b[31] ^= 1;
    others[2].caller = ELO_LISTS_OPERATOR;
    others[3].caller = ELO_LISTS_ANONYMOUS;
    seal(&bob, "film-1", false);
    for (size_t i = 0; i < ELO_COUNT(others); i++) {
        assert_int_equal(open_at(&others[i], NOW, elo_slice_str(text)),
                         ELO_EINVAL);
    }
}


static void
test_age(void **state)
{
    (void) state;
    seal(&bob, "film-1", false);
    assert_int_equal(
        open_at(&bob, NOW + ELO_LIST_CURSOR_S, elo_slice_str(text)), ELO_OK);
    assert_int_equal(
        open_at(&bob, NOW + ELO_LIST_CURSOR_S + 1, elo_slice_str(text)),
        ELO_EINVAL);
    assert_int_equal(
        open_at(&bob, NOW + 3 * ELO_LIST_CURSOR_S, elo_slice_str(text)),
        ELO_EINVAL);
    assert_int_equal(open_at(&bob, NOW - 1, elo_slice_str(text)), ELO_OK);
}


/* It outlives the process, and is no other node's. */
static void
test_node(void **state)
{
    elo_keyring_t *other;
    keys_dir_t elsewhere;

    (void) state;
    seal(&bob, "film-1", true);
    elo_keyring_close(&ring);
    ring = keys_open(&dir, NULL);
    assert_int_equal(open_at(&bob, NOW, elo_slice_str(text)), ELO_OK);
    keys_dir_init(&elsewhere);
    other = keys_open(&elsewhere, NULL);
    assert_int_equal(elo_list_cursor_open(other, &bob, NOW, elo_slice_str(text),
                                          id, &is_from),
                     ELO_EINVAL);
    elo_keyring_close(&other);
    keys_dir_dispose(&elsewhere);
}


int
main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_round), CASE(test_says_nothing), CASE(test_changed),
        CASE(test_bound), CASE(test_age),          CASE(test_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
