/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/auth/path_prefix. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/auth/path_prefix.h"
#include "common/base/num.h"
#include "t/unit/guard.h"


static void
test_ok(void **state)
{
    static const struct {
        const char *path;
        bool is_ok;
    } rows[] = {
        { "/", true },
        { "/api", true },
        { "/api/", true },
        { "//", true },
        { "/a/.b/..c/d./e..", true },
        { "/...", true },
        { "/%2e%2e/x",
          true }, /* the path is decoded: percent signs are names */
        { "/caf\xc3\xa9", true },
        { "", false },
        { "api", false },
        { ".", false },
        { "/.", false },
        { "/..", false },
        { "/./", false },
        { "/../", false },
        { "/a/.", false },
        { "/a/..", false },
        { "/a/./b", false },
        { "/a/../b", false },
        { "/a\nb", false },
        { "/a\x7f", false },
        { "/\x1f", false },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        if (elo_path_prefix_ok(elo_slice_str(rows[i].path)) != rows[i].is_ok) {
            fail_msg("\"%s\"", rows[i].path);
        }
    }
    assert_false(elo_path_prefix_ok(elo_slice("/a\0b", 4)));
    assert_false(elo_path_prefix_ok(elo_slice(NULL, 0)));
}


static void
test_covers(void **state)
{
    static const struct {
        const char *prefix, *path;
        bool does;
    } rows[] = {
        { "/api/blob", "/api/blob", true },
        { "/api/blob", "/api/blob/", true },
        { "/api/blob", "/api/blob/x", true },
        { "/api/blob", "/api/blob//x", true },
        { "/api/blob", "/api/blobs", false },
        { "/api/blob", "/api/blo", false },
        { "/api/blob", "/api/", false },
        { "/api/blob", "/", false },
        { "/api/blob", "", false },
        { "/api/blob", "/API/blob", false },
        { "/api/blob", "//api/blob", false },
        { "/api/blob", "/x/api/blob", false },
        { "/api/blob", "/api//blob", false },
        { "/api/blob", "/api/blob?x", false },
        { "/api/blob", "/api/blob%2fx", false },
        { "/api/blob", "/api/blob/%2e%2e/x", true },
        { "/api/blob", "/api/blob/../admin", false },
        { "/api/blob", "/api/blob/..", false },
        { "/api/blob", "/api/blob/./x", false },
        { "/api/blob/", "/api/blob/", true },
        { "/api/blob/", "/api/blob/x", true },
        { "/api/blob/", "/api/blob", false },
        { "/", "/", true },
        { "/", "/x", true },
        { "/", "x", false },
        { "/", "/..", false },
        { "", "/", false },
        { "", "", false },
        { "api", "api/x", false },
        { "/a/..", "/a/../b", false },
        { "/100%", "/100%/x", true },
        { "/100%", "/100%25", false },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        if (elo_path_prefix_covers(elo_slice_str(rows[i].prefix),
                                   elo_slice_str(rows[i].path))
            != rows[i].does)
        {
            fail_msg("\"%s\" and \"%s\"", rows[i].prefix, rows[i].path);
        }
    }
}


/* By another way: a path is covered if it is the prefix, or goes on behind a slash
   at the prefix's end. All pairs of short strings of four characters. */
static void
test_against_all(void **state)
{
    static const char letters[] = "/.a";
    guard_t g, h;

    (void) state;
    guard_init(&g, 4);
    guard_init(&h, 4);
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            char x[5] = "", y[5] = "", with[6];
            bool does;

            for (unsigned i = 0; i < 4; i++) {
                x[i] = letters[a >> (2 * i) & 3];
                y[i] = letters[b >> (2 * i) & 3];
            }
            memcpy(with, x, sizeof(x));
            if (x[0] != '\0' && x[strlen(x) - 1] != '/') {
                with[strlen(x)] = '/';
                with[strlen(x) + 1] = '\0';
            }
            does =
                elo_path_prefix_ok(elo_slice_str(x))
                && elo_path_prefix_ok(elo_slice_str(y))
                && (strcmp(x, y) == 0 || strncmp(y, with, strlen(with)) == 0);
            assert_int_equal(
                elo_path_prefix_covers(guard_put(&g, elo_slice_str(x)),
                                       guard_put(&h, elo_slice_str(y))),
                does);
        }
    }
    guard_dispose(&g);
    guard_dispose(&h);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ok),
        cmocka_unit_test(test_covers),
        cmocka_unit_test(test_against_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
