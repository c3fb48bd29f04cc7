/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/manifest/model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/num.h"
#include "t/unit/common/manifest/fixture.h"
#include "t/unit/guard.h"


static void
test_track_id(void **state)
{
    static const struct {
        const char *id;
        bool ok;
    } rows[] = {
        { "v0", true },   { "a9999", true }, { "z12", true },
        { "", false },    { "v", false },    { "0", false },
        { "V0", false },  { "v0a", false },  { "v00000", false },
        { "v-1", false }, { "vv0", false },  { "v0 ", false },
        { "v/", false },  { "v:", false },   { "{0", false },
    };
    guard_t g;

    (void) state;
    guard_init(&g, 64);
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        if (elo_media_track_id_ok(guard_put(&g, elo_slice_str(rows[i].id)))
            != rows[i].ok)
        {
            fail_msg("\"%s\"", rows[i].id);
        }
    }
    guard_dispose(&g);
}


static void
test_version(void **state)
{
    static const struct {
        const char *version;
        bool ok;
    } rows[] = {
        { "0123456789abcdef", true },
        { "0123456789abcdeF", false },
        { "0123456789abcde", false },
        { "0123456789abcdef0", false },
        { "", false },
        { "0123456789abcdeg", false },
        { "../../../../../..", false },
        { "0123456789abcd/f", false },
        { "0123456789abcd`f", false },
        { "0123456789abcd:f", false },
    };
    guard_t g;

    (void) state;
    guard_init(&g, 64);
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_slice_t s = guard_put(&g, elo_slice_str(rows[i].version));

        if (elo_media_version_ok(s) != rows[i].ok) {
            fail_msg("\"%s\"", rows[i].version);
        }
    }
    guard_dispose(&g);
}


static void
test_durations(void **state)
{
    elo_media_t m = fixture_media();
    guard_t g;

    (void) state;
    guard_init(&g, 64);
    m.tracks[0].durations =
        guard_put(&g, elo_slice(video_durations, sizeof(video_durations))).p;
    assert_int_equal(elo_media_duration(&m.tracks[0], 0), 540000);
    assert_int_equal(elo_media_duration(&m.tracks[0], 3), 135000);
    assert_int_equal(elo_media_longest(&m.tracks[0]), 540000);
    assert_int_equal(elo_media_longest(&m.tracks[2]), 288768);
    m.tracks[0].n_segments = 0;
    assert_int_equal(elo_media_longest(&m.tracks[0]), 0);
    guard_dispose(&g);
}


static void
test_find(void **state)
{
    elo_media_t m = fixture_media();

    (void) state;
    assert_ptr_equal(elo_media_track(&m, ELO_SLICE("v1")), &m.tracks[1]);
    assert_ptr_equal(elo_media_track(&m, ELO_SLICE("a1")), &m.tracks[3]);
    assert_null(elo_media_track(&m, ELO_SLICE("a")));
    assert_null(elo_media_track(&m, ELO_SLICE("")));
    assert_null(elo_media_track(&m, ELO_SLICE("v2")));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_track_id),
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_find),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
