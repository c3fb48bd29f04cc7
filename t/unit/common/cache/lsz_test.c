/* SPDX-License-Identifier: BSD-2-Clause */
/* lsz: who comes in, who stays, and where the window goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "t/unit/common/cache/ask.h"


#define SIZE 100u
#define HELD 400u /* objects that fit */

static elo_tier_t *
tier(void)
{
    return ask_tier(ELO_CACHE_LSZ, (uint64_t) HELD * SIZE, 4 * HELD);
}


static void
warm(elo_tier_t *t, unsigned n, unsigned rounds)
{
    for (unsigned r = 0; r < rounds; r++) {
        for (uint64_t id = 0; id < n; id++) {
            (void) ask(t, id, SIZE);
        }
    }
}


static unsigned
count(const elo_tier_t *t, uint64_t from, unsigned n)
{
    unsigned held = 0;

    for (uint64_t id = from; id < from + n; id++) {
        held += ask_has(t, id);
    }
    return held;
}


/* A crawler asks for each once. */
static void
test_scan(void **state)
{
    elo_tier_t *t = tier();

    (void) state;
    warm(t, HELD * 8 / 10, 6);
    assert_int_equal(count(t, 0, HELD * 8 / 10), HELD * 8 / 10);
    for (uint64_t id = 10000; id < 10000 + 5 * HELD; id++) {
        assert_false(ask(t, id, SIZE));
    }
    assert_true(count(t, 0, HELD * 8 / 10) > HELD * 8 / 10 * 95 / 100);
    free(t);
}


/* What is asked for as often as what is held comes in, and what isn't doesn't; what is
   asked for three times of late needs no contest if it is small. */
static void
test_newcomers(void **state)
{
    static const struct {
        unsigned asked;
        uint64_t size;
        bool is_in;
    } rows[] = {
        { 1, SIZE * 30, false }, /* larger than the window */
        { 2, SIZE * 30, false },
        { 14, SIZE * 30, false },       /* 30 victims are more than 15 */
        { 1, SIZE * HELD / 80, false }, /* out of the window it loses */
        { 3, SIZE * HELD / 80, true },
        { 40, SIZE * HELD + 1, false }, /* can't be */
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_tier_t *t = tier();

        warm(t, 2 * HELD, 2);
        warm(t, HELD, 8);
        for (unsigned k = 0; k < rows[i].asked; k++) {
            (void) ask(t, 99999, rows[i].size);
        }
        for (uint64_t id = 5000; id < 5060; id++) { /* the window moves on */
            (void) ask(t, id, SIZE);
        }
        assert_int_equal(ask_has(t, 99999), rows[i].is_in);
        free(t);
    }
}


static uint32_t
share_after(unsigned n, uint64_t (*draw)(uint64_t *seed, unsigned i))
{
    elo_tier_t *t = tier();
    uint64_t seed = 8;
    uint32_t share;

    for (unsigned i = 0; i < n; i++) {
        (void) ask(t, draw(&seed, i), SIZE);
    }
    share = t->klass[ELO_CACHE_COMMONS].climber.share;
    free(t);
    return share;
}


/* Each is asked for four times within a while of two thirds of the cache, then never. */
static uint64_t
recent(uint64_t *seed, unsigned i)
{
    return i / 4 + ask_below(seed, HELD / 4);
}


static uint64_t
frequent(uint64_t *seed, unsigned i)
{
    (void) i;
    return ask_below(seed, 2) == 0
               ? ask_below(seed, HELD)
               : UINT64_C(1000000) + ask_below(seed, 1u << 30);
}


static void
test_window(void **state)
{
    uint32_t wide = share_after(60000, recent);
    uint32_t narrow = share_after(60000, frequent);

    (void) state;
    assert_in_range(wide, 10000, 990000 + 62500);
    assert_in_range(narrow, 0, 990000 + 62500);
    assert_true(wide > 50000);
    assert_true(narrow < wide);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan),
        cmocka_unit_test(test_newcomers),
        cmocka_unit_test(test_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
