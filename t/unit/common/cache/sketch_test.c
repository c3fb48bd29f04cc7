/* SPDX-License-Identifier: BSD-2-Clause */
/* sketch: never less than the truth up to 15, seldom more, and halved by halves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/cache/sketch.h"

static uint64_t random_state = 3;


static uint64_t
random64(void)
{
    random_state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = random_state;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}


static uint8_t *
sketch(uint32_t n_blocks)
{
    uint8_t *s = aligned_alloc(64, (size_t) (n_blocks + 1) * ELO_SKETCH_BLOCK);

    assert_non_null(s);
    memset(s, 0, (size_t) n_blocks * ELO_SKETCH_BLOCK);
    memset(s + (size_t) n_blocks * ELO_SKETCH_BLOCK, 0xa5, ELO_SKETCH_BLOCK);
    return s;
}


static void
dispose(uint8_t *s, uint32_t n_blocks)
{
    for (unsigned i = 0; i < ELO_SKETCH_BLOCK; i++) {
        assert_int_equal(s[(size_t) n_blocks * ELO_SKETCH_BLOCK + i], 0xa5);
    }
    free(s);
}


static void
test_saturates(void **state)
{
    static const uint64_t hashes[] = { 0, 1, UINT64_MAX, UINT64_C(1) << 63,
                                       0xffffffff };

    (void) state;
    for (unsigned i = 0; i < 5; i++) {
        for (uint32_t n = 1; n < 4; n++) {
            uint8_t *s = sketch(n);

            for (unsigned k = 0; k < 40; k++) {
                assert_int_equal(elo_sketch_get(s, n, hashes[i]),
                                 k < 15 ? k : 15);
                elo_sketch_add(s, n, hashes[i]);
            }
            dispose(s, n);
        }
    }
}


/* As many keys as it is made for: never too low, and too high for few. */
static void
test_estimates(void **state)
{
    enum { BLOCKS = 128, KEYS = BLOCKS * 16 };
    static uint64_t key[KEYS];
    uint8_t *s = sketch(BLOCKS);
    unsigned n_high = 0;

    (void) state;
    for (unsigned i = 0; i < KEYS; i++) {
        key[i] = random64();
        for (unsigned k = 0; k < i % 8; k++) {
            elo_sketch_add(s, BLOCKS, key[i]);
        }
    }
    for (unsigned i = 0; i < KEYS; i++) {
        unsigned n = elo_sketch_get(s, BLOCKS, key[i]);

        assert_true(n >= i % 8);
        n_high += n > i % 8;
    }
    assert_true(n_high < KEYS / 10);
    dispose(s, BLOCKS);
}


static void
test_halves(void **state)
{
    enum { BLOCKS = 3, KEYS = 60 };
    static uint64_t key[KEYS];
    static unsigned before[KEYS];
    uint8_t *s = sketch(BLOCKS);

    (void) state;
    for (unsigned i = 0; i < KEYS; i++) {
        key[i] = random64();
        for (unsigned k = 0; k < i % 17; k++) {
            elo_sketch_add(s, BLOCKS, key[i]);
        }
    }
    for (unsigned i = 0; i < KEYS; i++) {
        before[i] = elo_sketch_get(s, BLOCKS, key[i]);
    }
    for (uint32_t b = 0; b < BLOCKS; b++) {
        elo_sketch_halve(s, b);
    }
    for (unsigned i = 0; i < KEYS; i++) {
        assert_int_equal(elo_sketch_get(s, BLOCKS, key[i]), before[i] / 2);
    }
    for (unsigned round = 0; round < 3; round++) {
        for (uint32_t b = 0; b < BLOCKS; b++) {
            elo_sketch_halve(s, b);
        }
    }
    for (unsigned i = 0; i < BLOCKS * ELO_SKETCH_BLOCK; i++) {
        assert_int_equal(s[i], 0);
    }
    dispose(s, BLOCKS);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_saturates),
        cmocka_unit_test(test_estimates),
        cmocka_unit_test(test_halves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
