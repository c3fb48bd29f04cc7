/* SPDX-License-Identifier: BSD-2-Clause */
/* qgf: small before large at equal use, use before size where it is enough, and no large
   one at many small ones' cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "t/unit/common/cache/ask.h"


/* A queue's H doesn't fall from head to tail, none is below L. */
static void
check_order(const elo_tier_t *t)
{
    const tier_class_t *c = &t->klass[ELO_CACHE_COMMONS];

    for (unsigned q = 0; q < Q_RESERVED; q++) {
        uint64_t least = 0;

        for (uint32_t i = c->q[q].head; i != TIER_NONE;
             i = tier_link(t, i)->next) {
            uint64_t ahead = tier_link(t, i)->prio - c->low;

            assert_true(ahead >= least && ahead < UINT64_C(1) << 40);
            least = ahead;
        }
    }
}


static void
test_order(void **state)
{
    elo_tier_t *t = ask_tier(ELO_CACHE_QGF, 100000, 5000);
    uint64_t seed = 6;
    unsigned n_hits = 0;

    (void) state;
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t id = ask_below(&seed, 30) * ask_below(&seed, 30);

        n_hits += ask(t, id, id * 7919 % 9000 + (id % 3 == 0 ? 0 : 500));
        check_order(t);
    }
    assert_true(n_hits > 3000);
    free(t);
}


/* L wraps around, and nobody notices. */
static void
test_wrap(void **state)
{
    elo_tier_t *t = ask_tier(ELO_CACHE_QGF, 10000, 1000);
    elo_tier_t *u = ask_tier(ELO_CACHE_QGF, 10000, 1000);
    uint64_t seed = 6;

    (void) state;
    t->klass[ELO_CACHE_COMMONS].low = UINT64_MAX - (UINT64_C(1) << 34);
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t id = ask_below(&seed, 20) * ask_below(&seed, 20);

        assert_int_equal(ask(t, id, 1 + id % 500), ask(u, id, 1 + id % 500));
        check_order(t);
    }
    assert_true(t->klass[ELO_CACHE_COMMONS].low < UINT64_C(1) << 60);
    free(t);
    free(u);
}


static void
test_small_first(void **state)
{
    elo_tier_t *t = ask_tier(ELO_CACHE_QGF, 100000, 5000);

    (void) state;
    for (uint64_t id = 0; id < 50; id++) {
        assert_false(ask(t, id, id < 10 ? 9000 : 250));
    }
    assert_int_equal(t->klass[ELO_CACHE_COMMONS].used.n, 50);
    assert_false(ask(t, 100, 250)); /* one of the large goes, not a small one */
    for (uint64_t id = 10; id < 50; id++) {
        assert_true(ask_has(t, id));
    }
    assert_true(ask_has(t, 100));
    assert_int_equal(t->klass[ELO_CACHE_COMMONS].used.n, 50);
    free(t);
}


/* A podcast against what all listen to: it comes in when it is asked for as often as
   all of those together, not before; more than 15 times can't be told. */
static void
test_podcast(void **state)
{
    static const struct {
        unsigned n_small, asked;
        bool is_in;
    } rows[] = {
        { 1000, 1, false }, { 1000, 15, false }, { 1000, 100, false },
        { 2, 1, false },    { 2, 12, true },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_tier_t *t = ask_tier(ELO_CACHE_QGF, 1000000, 5000);

        for (unsigned k = 0; k < 4; k++) {
            for (uint64_t id = 0; id < rows[i].n_small; id++) {
                (void) ask(t, id, 1000000 / rows[i].n_small);
            }
        }
        for (unsigned k = 0; k < rows[i].asked; k++) {
            (void) ask(t, 99999, 900000);
        }
        assert_int_equal(ask_has(t, 99999), rows[i].is_in);
        assert_int_equal(ask_has(t, 0), !rows[i].is_in);
        free(t);
    }
}


/* Where entries run out, not bytes, the smallest don't get all of them for that they
   are small. */
static void
test_few_entries(void **state)
{
    elo_tier_t *t = ask_tier(ELO_CACHE_QGF, 64000, 64);
    uint64_t seed = 2;
    unsigned n_hits = 0;

    (void) state;
    for (unsigned i = 0; i < 30000; i++) {
        bool is_tiny = ask_below(&seed, 4) == 0;
        uint64_t id =
            is_tiny ? 1000 + ask_below(&seed, 500) : ask_below(&seed, 30);

        n_hits += ask(t, id, is_tiny ? 1 : 900);
    }
    assert_true(n_hits > 15000); /* a fifth of all, were it bytes alone */
    free(t);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),       cmocka_unit_test(test_wrap),
        cmocka_unit_test(test_small_first), cmocka_unit_test(test_podcast),
        cmocka_unit_test(test_few_entries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
