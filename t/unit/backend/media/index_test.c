/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/media/index, the reader: an index made from a small file,
   each prefix of it, each bit flipped, each field lied about behind a right
   checksum, and recipes that don't add up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "backend/media/index.h"
#include "backend/media/index_layout.h"
#include "backend/media/indexer.h"
#include "t/unit/backend/media/mp4_build.c"
#include "t/unit/guard.h"

#define TRACK0 ELO_INDEX_HEADER_LEN
#define TABLE0 (ELO_INDEX_HEADER_LEN + 2 * ELO_INDEX_TRACK_LEN)
#define PLACE0 (TABLE0 + 4 * ELO_INDEX_DURATION_LEN) /* of four segments */

static _Alignas(16) uint8_t scratch[1u << 20];
static elo_buf_t file, good;


static int
set_up(void **state)
{
    const elo_indexer_cfg_t cfg = { .target_ms = 1000 };
    const char *reason;

    (void) state;
    elo_buf_init(&file, 1u << 20);
    elo_buf_init(&good, 1u << 20);
    mp4_build(&file, 0);
    return elo_indexer_run(elo_buf_slice(&file), &cfg, scratch, sizeof(scratch),
                           &good, &reason);
}


static int
tear_down(void **state)
{
    (void) state;
    elo_buf_dispose(&file);
    elo_buf_dispose(&good);
    return 0;
}


static void
set_crc(uint8_t *p, size_t head_len)
{
    uint32_t crc = elo_index_crc(elo_slice(p + 16, head_len - 16));

    p[12] = (uint8_t) (crc >> 24);
    p[13] = (uint8_t) (crc >> 16);
    p[14] = (uint8_t) (crc >> 8);
    p[15] = (uint8_t) crc;
}


static elo_err_t
parse(elo_slice_t head)
{
    elo_media_t m;

    return elo_media_index_parse(head, good.len, file.len, &m);
}


static void
test_crc(void **state)
{
    (void) state;
    assert_int_equal(elo_index_crc(ELO_SLICE("123456789")), 0xcbf43926);
    assert_int_equal(elo_index_crc(ELO_SLICE("")), 0);
}


static void
test_sizes(void **state)
{
    uint64_t len;
    elo_media_t m;

    (void) state;
    assert_int_equal(elo_media_index_head_len(elo_slice(good.p, 16), &len),
                     ELO_OK);
    assert_int_equal(len, TABLE0 + 8 * ELO_INDEX_SEGMENT_LEN);
    assert_int_equal(parse(elo_slice(good.p, (size_t) len)), ELO_OK);
    /* of another file, or half written */
    assert_int_equal(
        elo_media_index_parse(elo_buf_slice(&good), good.len - 1, file.len, &m),
        ELO_EINVAL);
    assert_int_equal(
        elo_media_index_parse(elo_buf_slice(&good), good.len, file.len + 1, &m),
        ELO_EINVAL);
}


static void
test_recipe_places(void **state)
{
    uint64_t off, len, sum = 0;
    uint32_t t, n;

    (void) state;
    for (t = 0; t < 2; t++) {
        for (n = 0; n <= 4; n++) {
            assert_int_equal(
                elo_media_index_recipe(elo_buf_slice(&good), t, n, &off, &len),
                ELO_OK);
            sum += len;
        }
        assert_int_equal(
            elo_media_index_recipe(elo_buf_slice(&good), t, 5, &off, &len),
            ELO_ERANGE);
    }
    assert_int_equal(sum, good.len - TABLE0 - 8 * ELO_INDEX_SEGMENT_LEN);
    assert_int_equal(
        elo_media_index_recipe(elo_buf_slice(&good), 2, 0, &off, &len),
        ELO_ERANGE);
    assert_int_equal(
        elo_media_index_recipe(elo_buf_slice(&good), 0, UINT32_MAX, &off, &len),
        ELO_ERANGE);
}


static void
test_prefixes(void **state)
{
    uint64_t head_len, off, len;
    size_t n;
    guard_t g;

    (void) state;
    assert_int_equal(elo_media_index_head_len(elo_buf_slice(&good), &head_len),
                     ELO_OK);
    guard_init(&g, good.len);
    for (n = 0; n <= good.len; n++) {
        elo_slice_t s = guard_put(&g, elo_slice(good.p, n));

        assert_int_equal(parse(s), n < head_len ? ELO_EINVAL : ELO_OK);
        assert_int_equal(elo_media_index_recipe(s, 0, 0, &off, &len),
                         n < head_len ? ELO_EINVAL : ELO_OK);
    }
    guard_dispose(&g);
}


/* The checksum finds each; behind a right one nothing may be read astray. */
static void
test_bits(void **state)
{
    uint64_t head_len, off, len;
    size_t bit;
    uint32_t n;
    guard_t g;

    (void) state;
    assert_int_equal(elo_media_index_head_len(elo_buf_slice(&good), &head_len),
                     ELO_OK);
    guard_init(&g, good.len);
    for (bit = 0; bit < head_len * 8; bit++) {
        elo_slice_t s = guard_put(&g, elo_slice(good.p, (size_t) head_len));
        uint8_t *p = g._map + (g._len - s.len);

        p[bit / 8] ^= (uint8_t) (1u << bit % 8);
        assert_int_equal(parse(s), ELO_EINVAL);
        set_crc(p, s.len);
        if (parse(s) != ELO_OK) {
            continue;
        }
        for (n = 0; n <= 4; n++) {
            if (elo_media_index_recipe(s, 1, n, &off, &len) == ELO_OK) {
                assert_true(off >= head_len && len <= good.len - off);
            }
        }
    }
    guard_dispose(&g);
}


static void
test_lies(void **state)
{
    static const struct {
        const char *name;
        size_t at;
        uint32_t value;
    } rows[] = {
        { "magic", 0, 0x454c4d59 },
        { "no track", 4, 0x00010000 },
        { "33 tracks", 4, 0x00010021 },
        { "version 2", 4, 0x00020002 },
        { "head shorter than its tracks", 8, TABLE0 - 1 },
        { "head of 4 GiB", 8, UINT32_MAX },
        { "total", 20, 1 },
        { "source", 28, 1 },
        { "kind 3", TRACK0, 0x030b0000 },
        { "codec of 255", TRACK0, 0x01ff0000 },
        { "no codec", TRACK0, 0x01000000 },
        { "language of 255", TRACK0, 0x010bff00 },
        { "quote in codec", TRACK0 + 4, 0x61766322 },
        { "line end in codec", TRACK0 + 4, 0x6176630a },
        { "rate without denominator", TRACK0 + 96, 0 },
        { "timescale 0", TRACK0 + 108, 0 },
        { "start past 2^63", TRACK0 + 120, 0x80000000 },
        { "no segment", TRACK0 + 128, 0 },
        { "more segments than fit", TRACK0 + 128, 9 },
        { "2^32 - 1 segments", TRACK0 + 128, UINT32_MAX },
        { "table at the end", TRACK0 + 132, TABLE0 + 8 * 16 },
        { "table far away", TRACK0 + 132, UINT32_MAX },
        { "init in the head", TRACK0 + 140, 0 },
        { "init far away", TRACK0 + 136, UINT32_MAX },
        { "init past the end", TRACK0 + 144, 1u << 20 },
        { "init too short", TRACK0 + 144, 7 },
        { "segment of no duration", TABLE0, 0 },
        { "recipe in the head", PLACE0 + 4, 0 },
        { "recipe far away", PLACE0, UINT32_MAX },
        { "recipe too short", PLACE0 + 8, 7 },
        { "recipe too long", PLACE0 + 8, UINT32_MAX },
    };
    uint32_t i;
    elo_buf_t b;

    (void) state;
    elo_buf_init(&b, 1u << 20);
    for (i = 0; i < ELO_COUNT(rows); i++) {
        print_message("# %s\n", rows[i].name);
        elo_buf_clear(&b);
        elo_buf_put_slice(&b, elo_buf_slice(&good));
        elo_buf_patch_be32(&b, rows[i].at, rows[i].value);
        set_crc(b.p, TABLE0 + 8 * ELO_INDEX_SEGMENT_LEN);
        assert_int_equal(parse(elo_buf_slice(&b)), ELO_EINVAL);
    }
    elo_buf_dispose(&b);
}


static void
test_recipe_check(void **state)
{
    static const struct {
        const char *name;
        uint32_t prefix_len, n_extents, hi, offset, len_hi, len;
        size_t cut;
        elo_err_t rc;
    } rows[] = {
        { "good", 4, 1, 0, 10, 0, 90, 0, ELO_OK },
        { "to the end", 4, 1, 0, 99, 0, 1, 0, ELO_OK },
        { "prefix too long", 25, 1, 0, 10, 0, 90, 0, ELO_EINVAL },
        { "prefix of 4 GiB", UINT32_MAX, 1, 0, 10, 0, 90, 0, ELO_EINVAL },
        { "more extents", 4, 2, 0, 10, 0, 90, 0, ELO_EINVAL },
        { "fewer extents", 4, 0, 0, 10, 0, 90, 0, ELO_EINVAL },
        { "2^32 - 1 extents", 4, UINT32_MAX, 0, 10, 0, 90, 0, ELO_EINVAL },
        { "extent of nothing", 4, 1, 0, 10, 0, 0, 0, ELO_EINVAL },
        { "extent past the end", 4, 1, 0, 10, 0, 91, 0, ELO_EINVAL },
        { "extent from the end", 4, 1, 0, 100, 0, 1, 0, ELO_EINVAL },
        { "extent far away", 4, 1, UINT32_MAX, 10, 0, 1, 0, ELO_EINVAL },
        { "end past 2^64", 4, 1, 0, 10, UINT32_MAX, ~0u, 0, ELO_EINVAL },
        { "a byte less", 4, 1, 0, 10, 0, 90, 1, ELO_EINVAL },
        { "a few bytes", 4, 1, 0, 10, 0, 90, 21, ELO_EINVAL },
    };
    const uint8_t *extents;
    elo_slice_t prefix;
    uint32_t i, n;
    elo_buf_t b;

    (void) state;
    elo_buf_init(&b, 1000);
    for (i = 0; i < ELO_COUNT(rows); i++) {
        print_message("# %s\n", rows[i].name);
        elo_buf_clear(&b);
        elo_buf_put_be32(&b, rows[i].prefix_len);
        elo_buf_put_str(&b, "head");
        elo_buf_put_be32(&b, rows[i].n_extents);
        elo_buf_put_be32(&b, rows[i].hi);
        elo_buf_put_be32(&b, rows[i].offset);
        elo_buf_put_be32(&b, rows[i].len_hi);
        elo_buf_put_be32(&b, rows[i].len);
        assert_int_equal(
            elo_media_recipe_check(elo_slice(b.p, b.len - rows[i].cut), 100,
                                   &prefix, &n, &extents),
            rows[i].rc);
    }
    assert_int_equal(
        elo_media_recipe_check(elo_slice(b.p, 0), 100, &prefix, &n, &extents),
        ELO_EINVAL);
    elo_buf_dispose(&b);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc),           cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_recipe_places), cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_bits),          cmocka_unit_test(test_lies),
        cmocka_unit_test(test_recipe_check),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
