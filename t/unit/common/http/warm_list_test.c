/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/http/warm_list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "common/base/num.h"
#include "common/http/warm_list.h"
#include "t/unit/guard.h"

#define HEX    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEAD   "elohim-warm 1 0123456789abcdef-7 5\n"
#define PLACE  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HELD   "film " HEX " 5000 0 0 held\n"
#define REMOTE "sha256-" HEX " " HEX " 10485765 4 7 remote\n"

typedef struct {
    const char *name;
    const char *text;
    elo_err_t rc;
} row_t;

static const row_t heads[] = {
    { "good", HEAD, ELO_OK },
    { "the longest place", "elohim-warm 1 " PLACE " 1\n", ELO_OK },
    { "a longer one", "elohim-warm 1 " PLACE "0 1\n", ELO_EINVAL },
    { "no place", "elohim-warm 1  1\n", ELO_EINVAL },
    { "a place that isn't for a request line", "elohim-warm 1 a\r 1\n",
      ELO_EINVAL },
    { "nor that", "elohim-warm 1 a&n=1 1\n", ELO_EINVAL },
    { "nor that", "elohim-warm 1 %20 1\n", ELO_EINVAL },
    { "at once", "elohim-warm 1 a 0\n", ELO_EINVAL },
    { "the longest rest", "elohim-warm 1 a 3600\n", ELO_OK },
    { "a longer one", "elohim-warm 1 a 3601\n", ELO_EINVAL },
    { "no number", "elohim-warm 1 a -1\n", ELO_EINVAL },
    { "one word more", "elohim-warm 1 a 1 1\n", ELO_EINVAL },
    { "one word less", "elohim-warm 1 a\n", ELO_EINVAL },
    { "no end of line", "elohim-warm 1 a 1", ELO_EINVAL },
    { "another version", "elohim-warm 2 a 1\n", ELO_EUNSUPPORTED },
    { "another version, of other fields", "elohim-warm 2 \n",
      ELO_EUNSUPPORTED },
    { "another text", "<html> 1 a 1\n", ELO_EINVAL },
    { "nothing", "", ELO_EINVAL },
    { "an empty line", "\n", ELO_EINVAL },
};

static const row_t items[] = {
    { "held", HELD, ELO_OK },
    { "remote", REMOTE, ELO_OK },
    { "nothing", "", ELO_ENOTFOUND },
    { "an empty line", "\n", ELO_EINVAL },
    { "no end of line", "a " HEX " 1 0 0 held", ELO_EINVAL },
    { "neither", "a " HEX " 1 0 0 helm\n", ELO_EINVAL },
    { "a blank more", "a " HEX " 1 0 0 held \n", ELO_EINVAL },
    { "a name that is none", "a/b " HEX " 1 0 0 held\n", ELO_EINVAL },
    { "a name that goes up", ".. " HEX " 1 0 0 held\n", ELO_EINVAL },
    { "no name", " " HEX " 1 0 0 held\n", ELO_EINVAL },
    { "a short digest", "a 00 1 0 0 held\n", ELO_EINVAL },
    { "a long digest", "a " HEX "00 1 0 0 held\n", ELO_EINVAL },
    { "no digest", "a x" HEX " 1 0 0 held\n", ELO_EINVAL },
    { "empty", "a " HEX " 0 0 0 held\n", ELO_EINVAL },
    { "the largest", "a " HEX " 9223372036854775807 0 0 held\n", ELO_OK },
    { "a larger one", "a " HEX " 9223372036854775808 0 0 held\n", ELO_EINVAL },
    { "past a number", "a " HEX " 18446744073709551616 0 0 held\n",
      ELO_EINVAL },
    { "units of one that is held", "a " HEX " 1 0 1 held\n", ELO_EINVAL },
    { "held, not from its start", "a " HEX " 1 1 0 held\n", ELO_EINVAL },
    { "remote, of nothing", "a " HEX " 1 0 0 remote\n", ELO_EINVAL },
    { "remote, past all", "a " HEX " 1 4294967296 1 remote\n", ELO_EINVAL },
    { "remote, too many", "a " HEX " 1 0 4294967296 remote\n", ELO_EINVAL },
    { "remote, the last", "a " HEX " 1 4294967295 4294967295 remote\n",
      ELO_OK },
    { "negative", "a " HEX " -1 0 0 held\n", ELO_EINVAL },
};


static void
test_heads(void **state)
{
    guard_t g;

    (void) state;
    guard_init(&g, 4096);
    for (size_t i = 0; i < ELO_COUNT(heads); i++) {
        elo_warm_list_t list;
        elo_err_t rc = elo_warm_list_parse(
            guard_put(&g, elo_slice_str(heads[i].text)), &list);

        if (rc != heads[i].rc) {
            fail_msg("%s: %d", heads[i].name, rc);
        }
    }
    guard_dispose(&g);
}


static void
test_items(void **state)
{
    guard_t g;

    (void) state;
    guard_init(&g, 4096);
    for (size_t i = 0; i < ELO_COUNT(items); i++) {
        elo_slice_t text = guard_put(&g, elo_slice_str(items[i].text));
        elo_warm_list_t list = { .lines = text };
        elo_warm_item_t it;
        elo_err_t rc = elo_warm_list_next(&list, &it);

        if (rc != items[i].rc) {
            fail_msg("%s: %d", items[i].name, rc);
        }
        assert_int_equal(list.lines.len, rc == ELO_OK ? 0 : text.len);
    }
    guard_dispose(&g);
}


/* A whole text, and what each line says. */
static void
test_whole(void **state)
{
    elo_warm_list_t list;
    elo_warm_item_t it;

    (void) state;
    assert_int_equal(elo_warm_list_parse(ELO_SLICE(HEAD HELD REMOTE), &list),
                     ELO_OK);
    assert_true(elo_slice_eq(list.place, ELO_SLICE("0123456789abcdef-7")));
    assert_int_equal(list.again_s, 5);
    assert_int_equal(elo_warm_list_next(&list, &it), ELO_OK);
    assert_true(elo_slice_eq(it.name, ELO_SLICE("film")));
    assert_true(it.is_held);
    assert_int_equal(it.size, 5000);
    assert_int_equal(it.digest.b[0], 0);
    assert_int_equal(it.digest.b[31], 0xff);
    assert_int_equal(elo_warm_list_next(&list, &it), ELO_OK);
    assert_true(elo_slice_eq(it.name, ELO_SLICE("sha256-" HEX)));
    assert_false(it.is_held);
    assert_int_equal(it.size, 10485765);
    assert_int_equal(it.first, 4);
    assert_int_equal(it.count, 7);
    assert_int_equal(elo_warm_list_next(&list, &it), ELO_ENOTFOUND);
}


/* Cut anywhere it gives the whole lines before the cut, or is refused. */
static void
test_prefixes(void **state)
{
    elo_slice_t whole = ELO_SLICE(HEAD HELD REMOTE);
    guard_t g;

    (void) state;
    guard_init(&g, 4096);
    for (size_t n = 0; n < whole.len; n++) {
        elo_warm_list_t list;
        elo_warm_item_t it;
        uint32_t lines = 0;
        elo_err_t rc =
            elo_warm_list_parse(guard_put(&g, elo_slice(whole.p, n)), &list);

        assert_int_equal(rc, n < sizeof(HEAD) - 1 ? ELO_EINVAL : ELO_OK);
        if (rc != ELO_OK) {
            continue;
        }
        while ((rc = elo_warm_list_next(&list, &it)) == ELO_OK) {
            lines++;
        }
        assert_int_equal(lines, n >= sizeof(HEAD HELD) - 1);
        assert_int_equal(rc == ELO_ENOTFOUND,
                         n == sizeof(HEAD) - 1 || n == sizeof(HEAD HELD) - 1);
    }
    guard_dispose(&g);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_items),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_prefixes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
