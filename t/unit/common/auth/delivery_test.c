/* SPDX-License-Identifier: BSD-2-Clause */
/* delivery: who is offered what; that nothing but private media is refused, and that
   what is not well-formed says nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "common/auth/delivery.h"
#include "common/base/num.h"
#include "t/unit/guard.h"

#define MBPS UINT64_C(1000000)


static elo_class_t
declared(const char *bw, const char *downlink, const char *ect,
         const char *save_data)
{
    elo_declared_t d = { elo_slice_str(bw), elo_slice_str(downlink),
                         elo_slice_str(ect), elo_slice_str(save_data) };

    return elo_class_declared(&d);
}


static void
test_downlink(void **state)
{
    static const struct {
        const char *text;
        elo_class_t c;
    } rows[] = {
        { NULL, ELO_CLASS_UNKNOWN },
        { "", ELO_CLASS_UNKNOWN },
        { "0", ELO_CLASS_LOW },
        { "0.025", ELO_CLASS_LOW },
        { "2", ELO_CLASS_LOW },
        { "2.0", ELO_CLASS_LOW },
        { "2.000001", ELO_CLASS_MEDIUM },
        { "2.0000001", ELO_CLASS_LOW }, /* beyond what counts */
        { "6", ELO_CLASS_MEDIUM },
        { "6.05", ELO_CLASS_HIGH },
        { "10", ELO_CLASS_HIGH }, /* the most that a browser says */
        { "25", ELO_CLASS_HIGH },
        { "25.1", ELO_CLASS_ULTRA },
        { "000000010", ELO_CLASS_HIGH },
        { "999999999", ELO_CLASS_ULTRA },
        { "9999999999", ELO_CLASS_UNKNOWN },
        { "99999999999999999999999999", ELO_CLASS_UNKNOWN },
        { "-1", ELO_CLASS_UNKNOWN },
        { "+1", ELO_CLASS_UNKNOWN },
        { ".5", ELO_CLASS_UNKNOWN },
        { "1.", ELO_CLASS_UNKNOWN },
        { "1..5", ELO_CLASS_UNKNOWN },
        { "1.5.1", ELO_CLASS_UNKNOWN },
        { "1e3", ELO_CLASS_UNKNOWN },
        { "1 ", ELO_CLASS_UNKNOWN },
        { "1, 2", ELO_CLASS_UNKNOWN }, /* two lines of the field */
        { "nan", ELO_CLASS_UNKNOWN },
        { "0x1", ELO_CLASS_UNKNOWN },
        { "low", ELO_CLASS_UNKNOWN }, /* only of bw */
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        assert_int_equal(declared(NULL, rows[i].text, NULL, NULL), rows[i].c);
        if (rows[i].c != ELO_CLASS_UNKNOWN) {
            assert_int_equal(declared(rows[i].text, NULL, NULL, NULL),
                             rows[i].c);
        }
    }
}


static void
test_declared(void **state)
{
    static const struct {
        const char *bw, *downlink, *ect, *save_data;
        elo_class_t c;
    } rows[] = {
        { NULL, NULL, NULL, NULL, ELO_CLASS_UNKNOWN },
        { "low", NULL, NULL, NULL, ELO_CLASS_LOW },
        { "medium", NULL, NULL, NULL, ELO_CLASS_MEDIUM },
        { "high", NULL, NULL, NULL, ELO_CLASS_HIGH },
        { "ultra", NULL, NULL, NULL, ELO_CLASS_ULTRA },
        { "LOW", NULL, NULL, NULL, ELO_CLASS_UNKNOWN },
        { "lowest", NULL, NULL, NULL, ELO_CLASS_UNKNOWN },
        { "lo", NULL, NULL, NULL, ELO_CLASS_UNKNOWN },
        { "unknown", NULL, NULL, NULL, ELO_CLASS_UNKNOWN },
        { NULL, NULL, "slow-2g", NULL, ELO_CLASS_LOW },
        { NULL, NULL, "2g", NULL, ELO_CLASS_LOW },
        { NULL, NULL, "3g", NULL, ELO_CLASS_LOW },
        { NULL, NULL, "4g", NULL, ELO_CLASS_UNKNOWN },
        { NULL, NULL, "5g", NULL, ELO_CLASS_UNKNOWN },
        { NULL, NULL, NULL, "on", ELO_CLASS_LOW },
        { NULL, NULL, NULL, "On", ELO_CLASS_LOW },
        { NULL, NULL, NULL, "off", ELO_CLASS_UNKNOWN },
        { NULL, NULL, NULL, "?1", ELO_CLASS_UNKNOWN },
        /* the lowest of what the browser says */
        { NULL, "10", "4g", NULL, ELO_CLASS_HIGH },
        { NULL, "10", "3g", NULL, ELO_CLASS_LOW },
        { NULL, "10", "4g", "on", ELO_CLASS_LOW },
        /* what was put there on purpose stands above that */
        { "high", "1", "2g", "on", ELO_CLASS_HIGH },
        { "low", "100", "4g", NULL, ELO_CLASS_LOW },
        { "30", "1", "2g", "on", ELO_CLASS_ULTRA },
        { "rubbish", "5", NULL, NULL, ELO_CLASS_MEDIUM },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        assert_int_equal(declared(rows[i].bw, rows[i].downlink, rows[i].ect,
                                  rows[i].save_data),
                         rows[i].c);
    }
}


/* The table, written out once more: DESIGN, 2, "Delivery". */
static void
test_table(void **state)
{
    static const struct {
        elo_reach_t first, last;
        elo_delivery_t of[ELO_CLASS_COUNT];
    } rows[] = {
        { ELO_REACH_PRIVATE,
          ELO_REACH_PRIVATE,
          { { 0 }, { true, 0, 0 }, { false, 1080, 0 }, { 0 }, { 0 } } },
        { ELO_REACH_INVITED,
          ELO_REACH_LOCAL,
          { { 0 },
            { false, 480, 2 * MBPS },
            { false, 1080, 12 * MBPS },
            { 0 },
            { 0 } } },
        { ELO_REACH_NEIGHBORHOOD,
          ELO_REACH_COMMONS,
          { { 0 },
            { false, 480, 2 * MBPS },
            { false, 720, 6 * MBPS },
            { false, 2160, 25 * MBPS },
            { 0 } } },
        /* what is no reach is private */
        { (elo_reach_t) 8,
          (elo_reach_t) 9,
          { { 0 }, { true, 0, 0 }, { false, 1080, 0 }, { 0 }, { 0 } } },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        for (unsigned reach = rows[i].first; reach <= rows[i].last; reach++) {
            for (unsigned c = 0; c < ELO_CLASS_COUNT + 3; c++) {
                const elo_delivery_t *want =
                    &rows[i].of[c < ELO_CLASS_COUNT ? c : 0];
                elo_delivery_t got =
                    elo_delivery((elo_reach_t) reach, (elo_class_t) c);

                assert_int_equal(got.is_refused, want->is_refused);
                assert_int_equal(got.max_height, want->max_height);
                assert_int_equal(got.max_bps, want->max_bps);
            }
        }
    }
}


/* A faster class is never offered less. */
static void
test_order(void **state)
{
    (void) state;
    for (unsigned reach = 0; reach < ELO_REACH_COUNT; reach++) {
        for (unsigned c = ELO_CLASS_MEDIUM; c < ELO_CLASS_COUNT; c++) {
            elo_delivery_t slow =
                elo_delivery((elo_reach_t) reach, (elo_class_t) (c - 1));
            elo_delivery_t fast =
                elo_delivery((elo_reach_t) reach, (elo_class_t) c);

            assert_false(fast.is_refused);
            assert_true(slow.is_refused || fast.max_height == 0
                        || (slow.max_height != 0
                            && slow.max_height <= fast.max_height));
            assert_true(slow.is_refused || fast.max_bps == 0
                        || (slow.max_bps != 0 && slow.max_bps <= fast.max_bps));
        }
    }
}


static void
test_names(void **state)
{
    (void) state;
    assert_null(elo_class_name(ELO_CLASS_UNKNOWN));
    assert_null(elo_class_name((elo_class_t) ELO_CLASS_COUNT));
    for (unsigned c = ELO_CLASS_LOW; c < ELO_CLASS_COUNT; c++) {
        const char *name = elo_class_name((elo_class_t) c);

        assert_int_equal(elo_class_parse(elo_slice_str(name)), c);
        assert_int_equal(elo_class_lower((elo_class_t) c, ELO_CLASS_UNKNOWN),
                         c);
        assert_int_equal(elo_class_lower(ELO_CLASS_UNKNOWN, (elo_class_t) c),
                         c);
        assert_int_equal(elo_class_lower((elo_class_t) c, ELO_CLASS_LOW),
                         ELO_CLASS_LOW);
        assert_int_equal(elo_class_lower(ELO_CLASS_LOW, (elo_class_t) c),
                         ELO_CLASS_LOW);
    }
    assert_int_equal(elo_class_lower(ELO_CLASS_UNKNOWN, ELO_CLASS_UNKNOWN),
                     ELO_CLASS_UNKNOWN);
}


static void
test_media(void **state)
{
    static const struct {
        const char *type;
        bool is;
    } rows[] = {
        { "", false },
        { "video", false },
        { "video/", true },
        { "video/mp4", true },
        { "Video/MP4; codecs=\"avc1\"", true },
        { "audio/mpeg", true },
        { "text/plain", false },
        { "text/video/", false },
        { "application/json", false },
        { "application/octet-stream", false },
        { "image/png", false },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        assert_int_equal(elo_delivery_is_media(elo_slice_str(rows[i].type)),
                         rows[i].is);
    }
}


/* Each prefix of each, at the end of what may be read. */
static void
test_ends(void **state)
{
    static const char *const texts[] = { "12.3456789", "slow-2g", "medium",
                                         "video/mp4" };
    guard_t g;

    (void) state;
    guard_init(&g, 64);
    for (size_t i = 0; i < ELO_COUNT(texts); i++) {
        size_t len = strlen(texts[i]);

        for (size_t n = 0; n <= len; n++) {
            elo_slice_t s = guard_put(&g, elo_slice(texts[i], n));
            elo_declared_t d = { s, s, s, s };

            assert_true((unsigned) elo_class_declared(&d) < ELO_CLASS_COUNT);
            assert_int_equal(elo_delivery_is_media(s), i == 3 && n >= 6);
        }
    }
    guard_dispose(&g);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_downlink), cmocka_unit_test(test_declared),
        cmocka_unit_test(test_table),    cmocka_unit_test(test_order),
        cmocka_unit_test(test_names),    cmocka_unit_test(test_media),
        cmocka_unit_test(test_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
