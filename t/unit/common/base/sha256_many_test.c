/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/base/sha256_many and lanes: every way that this CPU has,
   against OpenSSL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "../../guard.h"
#include "common/base/crypto.h"
#include "common/base/hash_tree.h"
#include "common/base/num.h"
#include "common/base/sha256_many.h"

#define N_MAX   40u
#define LEN_MAX ((size_t) 20 << 10)

static uint8_t *bytes;


static int
set_up(void **state)
{
    uint32_t x = 7;

    (void) state;
    bytes = malloc(N_MAX * LEN_MAX);
    assert_non_null(bytes);
    for (size_t i = 0; i < N_MAX * LEN_MAX; i++) {
        x = x * 1664525 + 1013904223;
        bytes[i] = (uint8_t) (x >> 24);
    }
    return 0;
}


static int
tear_down(void **state)
{
    (void) state;
    free(bytes);
    return 0;
}


static bool
can(elo_lanes_way_t way)
{
    return way == ELO_LANES_STREAM || elo_lanes_width(way) > 0;
}


static void
check(elo_lanes_way_t way, const elo_slice_t in[], uint32_t n)
{
    elo_digest_t out[N_MAX + 1], want;

    memset(out, 0xaa, sizeof(out));
    assert_int_equal(elo_sha256_many_by(way, in, n, out), 0);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(elo_sha256(in[i], &want), 0);
        if (memcmp(out[i].b, want.b, sizeof(want)) != 0) {
            fail_msg("way %d, message %u of %u, %zu bytes", way, i, n,
                     in[i].len);
        }
    }
    for (size_t i = 0; i < sizeof(want); i++) { /* and nothing behind */
        assert_int_equal(out[n].b[i], 0xaa);
    }
}


static void
test_same_length(void **state)
{
    static const size_t lens[] = { 0,   1,   55,   56,   63,           64,
                                   119, 120, 1024, 4096, ELO_TREE_LEAF };

    (void) state;
    for (int way = ELO_LANES_STREAM; way <= ELO_LANES_AVX512; way++) {
        if (!can((elo_lanes_way_t) way)) {
            printf("# this CPU has no way %d\n", way);
            continue;
        }
        for (uint32_t n = 0; n <= 18; n++) {
            for (size_t i = 0; i < ELO_COUNT(lens); i++) {
                elo_slice_t in[N_MAX];

                for (uint32_t k = 0; k < n; k++) { /* any alignment, order */
                    in[k] =
                        elo_slice(bytes + (n - 1 - k) * LEN_MAX + k, lens[i]);
                }
                check((elo_lanes_way_t) way, in, n);
            }
        }
    }
}


static void
test_all_lengths(void **state)
{
    (void) state;
    for (int way = ELO_LANES_STREAM; way <= ELO_LANES_AVX512; way++) {
        if (!can((elo_lanes_way_t) way)) {
            continue;
        }
        for (size_t len = 0; len <= 300; len += N_MAX) {
            elo_slice_t in[N_MAX];

            for (uint32_t k = 0; k < N_MAX; k++) {
                in[k] = elo_slice(bytes + k * LEN_MAX, len + k);
            }
            check((elo_lanes_way_t) way, in, N_MAX);
        }
    }
}


static void
test_mixed(void **state)
{
    uint32_t x = 99;

    (void) state;
    for (int way = ELO_LANES_STREAM; way <= ELO_LANES_AVX512; way++) {
        if (!can((elo_lanes_way_t) way)) {
            continue;
        }
        for (unsigned round = 0; round < 50; round++) {
            elo_slice_t in[N_MAX];
            uint32_t n = round % N_MAX + 1;

            for (uint32_t k = 0; k < n; k++) {
                size_t len;

                x = x * 1664525 + 1013904223;
                len = (x >> 8) % ((x & 0x80) != 0 ? 200 : LEN_MAX);
                in[k] = elo_slice(bytes + k * LEN_MAX, len);
            }
            in[n / 2] = elo_slice(NULL, 0);
            check((elo_lanes_way_t) way, in, n);
        }
    }
}


/* Inner nodes of a tree are written over the pairs below them. */
static void
test_in_place(void **state)
{
    elo_digest_t nodes[2 * N_MAX], want[N_MAX];

    (void) state;
    for (int way = ELO_LANES_STREAM; way <= ELO_LANES_AVX512; way++) {
        elo_slice_t in[N_MAX];

        if (!can((elo_lanes_way_t) way)) {
            continue;
        }
        memcpy(nodes, bytes, sizeof(nodes));
        for (uint32_t i = 0; i < N_MAX; i++) {
            in[i] = elo_slice(nodes[(size_t) 2 * i].b, 64);
            assert_int_equal(elo_sha256(in[i], &want[i]), 0);
        }
        assert_int_equal(
            elo_sha256_many_by((elo_lanes_way_t) way, in, N_MAX, nodes), 0);
        assert_memory_equal(nodes, want, sizeof(want));
    }
}


/* No lane reads past the end of its message. */
static void
test_ends(void **state)
{
    guard_t g;

    (void) state;
    guard_init(&g, 4096);
    for (int way = ELO_LANES_STREAM; way <= ELO_LANES_AVX512; way++) {
        if (!can((elo_lanes_way_t) way)) {
            continue;
        }
        for (size_t len = 0; len <= 256; len += 32) {
            elo_slice_t in[N_MAX], s = guard_put(&g, elo_slice(bytes, len));

            for (uint32_t i = 0; i < N_MAX; i++) {
                size_t skip = ELO_MIN(len, (size_t) i * 8);

                in[i] = elo_slice(s.p + skip, len - skip);
            }
            check((elo_lanes_way_t) way, in, N_MAX);
        }
    }
    guard_dispose(&g);
}


static void
test_choice(void **state)
{
    elo_slice_t in[16];
    elo_digest_t d;

    (void) state;
    for (uint32_t i = 0; i < 16; i++) {
        in[i] = elo_slice(bytes, ELO_TREE_LEAF);
    }
    assert_int_equal(elo_lanes_width(ELO_LANES_STREAM), 0);
    assert_int_equal(elo_lanes_width((elo_lanes_way_t) 3), 0);
    assert_int_equal(elo_sha256_many_by((elo_lanes_way_t) 3, in, 1, &d),
                     ELO_EUNSUPPORTED);
    assert_int_equal(elo_sha256_many_way(in, 0), ELO_LANES_STREAM);
    assert_int_equal(elo_sha256_many_way(in, 1), ELO_LANES_STREAM);
    for (uint32_t n = 1; n <= 16; n++) {
        assert_true(can(elo_sha256_many_way(in, n)));
    }
    if (elo_lanes_width(ELO_LANES_AVX512) > 0) {
        assert_int_equal(elo_sha256_many_way(in, 16), ELO_LANES_AVX512);
    }
    /* one long message among short ones would keep fifteen lanes idle */
    for (uint32_t i = 1; i < 16; i++) {
        in[i].len = 64;
    }
    assert_int_equal(elo_sha256_many_way(in, 16), ELO_LANES_STREAM);
}


/* The tree is the same by every way. */
static void
test_tree(void **state)
{
    elo_digest_t root, want;

    (void) state;
    for (int most = ELO_LANES_STREAM; most <= ELO_LANES_AVX512; most++) {
        elo_slice_t s = elo_slice(bytes, N_MAX * LEN_MAX - 1);

        elo_sha256_many_limit((elo_lanes_way_t) most);
        assert_int_equal(elo_tree_chunk(s, &root), 0);
        if (most == ELO_LANES_STREAM) {
            want = root;
        }
        assert_memory_equal(root.b, want.b, sizeof(want));
    }
    elo_sha256_many_limit(ELO_LANES_AVX512);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_length), cmocka_unit_test(test_all_lengths),
        cmocka_unit_test(test_mixed),       cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_ends),        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_tree),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
