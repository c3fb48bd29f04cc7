/* SPDX-License-Identifier: BSD-2-Clause */
/* blocks: what is written is read, what is freed is there again, and a link that leads
   nowhere ends a read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/base/num.h"
#include "common/cache/blocks.h"

#define BLOCK 64u
#define GUARD 64u /* bytes behind the memory that nobody may touch */

static uint64_t seed = 42;


static uint32_t
below(uint32_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t) (seed >> 33) % n;
}


static elo_blocks_t *
blocks(uint32_t n, uint32_t block_len)
{
    size_t len = elo_blocks_bytes(n, block_len);
    uint8_t *mem = aligned_alloc(64, len + GUARD);

    assert_non_null(mem);
    assert_int_equal(len % 64, 0);
    memset(mem, 0xa5, len + GUARD);
    return elo_blocks_init(mem, n, block_len);
}


static void
dispose(elo_blocks_t *b, uint32_t n, uint32_t block_len)
{
    const uint8_t *end = (uint8_t *) b + elo_blocks_bytes(n, block_len);

    for (unsigned i = 0; i < GUARD; i++) {
        assert_int_equal(end[i], 0xa5);
    }
    free(b);
}


static void
test_sizes(void **state)
{
    static const struct {
        uint32_t block_len;
        size_t len;
        uint64_t size;
    } rows[] = {
        { 64, 0, 64 },
        { 64, 1, 64 },
        { 64, 64, 64 },
        { 64, 65, 128 },
        { 512, 512, 512 },
        { 512, 513, 1024 },
        { 4096, 16384, 16384 },
        { 64, SIZE_MAX, UINT64_MAX },
        { 64, SIZE_MAX - 63, SIZE_MAX - 63 },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_blocks_t *b = blocks(4, rows[i].block_len);

        assert_int_equal(elo_blocks_size(b, rows[i].len), rows[i].size);
        dispose(b, 4, rows[i].block_len);
    }
}


/* All of it can be had, in objects of any size, and nothing fragments. */
static void
test_full(void **state)
{
    enum { N = 33 };
    elo_blocks_t *b = blocks(N, BLOCK);
    uint32_t at[N], all;

    (void) state;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < N; i++) {
            at[i] = elo_blocks_alloc(b, BLOCK);
            assert_int_not_equal(at[i], ELO_BLOCKS_NONE);
        }
        assert_int_equal(elo_blocks_free_count(b), 0);
        assert_int_equal(elo_blocks_alloc(b, 0), ELO_BLOCKS_NONE);
        for (unsigned i = 0; i < N; i += 2) { /* every other one first */
            elo_blocks_free(b, at[i], BLOCK, false);
        }
        for (unsigned i = 1; i < N; i += 2) {
            elo_blocks_free(b, at[i], BLOCK, true);
        }
        assert_int_equal(elo_blocks_alloc(b, N * BLOCK + 1), ELO_BLOCKS_NONE);
        assert_int_equal(elo_blocks_alloc(b, SIZE_MAX), ELO_BLOCKS_NONE);
        all = elo_blocks_alloc(b, N * BLOCK);
        assert_int_not_equal(all, ELO_BLOCKS_NONE);
        elo_blocks_free(b, all, N * BLOCK, false);
        assert_int_equal(elo_blocks_free_count(b), N);
    }
    dispose(b, N, BLOCK);
}


static void
test_bounds(void **state)
{
    elo_blocks_t *b = blocks(3, BLOCK);
    uint32_t one = elo_blocks_alloc(b, 100);
    uint8_t buf[256];

    (void) state;
    memset(buf, 7, sizeof(buf));
    assert_true(elo_blocks_write(b, one, 0, buf, 128));
    assert_false(elo_blocks_write(b, one, 0, buf, 129));
    assert_false(elo_blocks_write(b, one, 128, buf, 1));
    assert_false(elo_blocks_read(b, one, 120, buf, 9));
    assert_true(elo_blocks_read(b, one, 120, buf, 8));
    assert_true(elo_blocks_read(b, one, 127, buf, 0));
    assert_true(elo_blocks_read(b, one, 128, buf, 0));
    assert_false(elo_blocks_read(b, one, SIZE_MAX, buf, 1));
    assert_false(elo_blocks_read(b, 3, 0, buf, 1));
    assert_false(elo_blocks_read(b, ELO_BLOCKS_NONE, 0, buf, 1));
    assert_false(elo_blocks_write(b, 3, 0, buf, 1));
    /* the third block stays free, and untouched by all that */
    assert_int_equal(elo_blocks_free_count(b), 1);
    dispose(b, 3, BLOCK);
}


/* A reader that comes late walks links that have become others': it must end. */
static void
test_stale_reader(void **state)
{
    elo_blocks_t *b = blocks(8, BLOCK);
    uint32_t one = elo_blocks_alloc(b, 8 * BLOCK);
    uint8_t buf[8 * BLOCK], zero[BLOCK] = { 0 };

    (void) state;
    memset(buf, 1, sizeof(buf));
    assert_true(elo_blocks_write(b, one, 0, buf, sizeof(buf)));
    elo_blocks_free(b, one, 8 * BLOCK, true);
    (void) elo_blocks_read(b, one, 0, buf, sizeof(buf));
    for (unsigned i = 0; i < 8; i++) { /* wiped: nothing of it is left */
        assert_memory_equal(buf + i * BLOCK, zero, BLOCK);
    }
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_not_equal(elo_blocks_alloc(b, 1), ELO_BLOCKS_NONE);
        assert_false(elo_blocks_read(b, one, 0, buf, sizeof(buf)));
    }
    dispose(b, 8, BLOCK);
}


/* Objects of random sizes come and go; each keeps its bytes. */
static void
test_model(void **state)
{
    enum { N = 200, OBJECTS = 40, MOST = 1500 };
    elo_blocks_t *b = blocks(N, BLOCK);
    static struct {
        uint32_t at;
        size_t len;
        uint8_t bytes[MOST];
    } o[OBJECTS];
    uint32_t n_free = N;
    unsigned n_full = 0;
    uint8_t buf[MOST];

    (void) state;
    for (unsigned i = 0; i < OBJECTS; i++) {
        o[i].at = ELO_BLOCKS_NONE;
    }
    for (unsigned step = 0; step < 100000; step++) {
        unsigned i = below(OBJECTS);

        if (o[i].at != ELO_BLOCKS_NONE) {
            size_t off = below((uint32_t) o[i].len + 1);
            size_t len = below((uint32_t) (o[i].len - off) + 1);

            assert_true(elo_blocks_read(b, o[i].at, off, buf, len));
            assert_memory_equal(buf, o[i].bytes + off, len);
            if (below(2) == 0) {
                elo_blocks_free(b, o[i].at, o[i].len, below(2) == 0);
                n_free += (uint32_t) (elo_blocks_size(b, o[i].len) / BLOCK);
                o[i].at = ELO_BLOCKS_NONE;
            }
        } else {
            o[i].len = below(MOST);
            o[i].at = elo_blocks_alloc(b, o[i].len);
            if (elo_blocks_size(b, o[i].len) / BLOCK > n_free) {
                assert_int_equal(o[i].at, ELO_BLOCKS_NONE);
                n_full++;
                continue;
            }
            assert_int_not_equal(o[i].at, ELO_BLOCKS_NONE);
            n_free -= (uint32_t) (elo_blocks_size(b, o[i].len) / BLOCK);
            for (size_t k = 0; k < o[i].len; k++) {
                o[i].bytes[k] = (uint8_t) below(256);
            }
            assert_true(elo_blocks_write(b, o[i].at, 0, o[i].bytes, o[i].len));
        }
        assert_int_equal(elo_blocks_free_count(b), n_free);
    }
    assert_true(n_full > 100);
    dispose(b, N, BLOCK);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),        cmocka_unit_test(test_full),
        cmocka_unit_test(test_bounds),       cmocka_unit_test(test_model),
        cmocka_unit_test(test_stale_reader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
