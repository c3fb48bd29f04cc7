/* SPDX-License-Identifier: BSD-2-Clause */
/* tier_count: what look-ups leave behind, and that what was popular once is forgotten in
   small steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "t/unit/common/cache/ask.h"


static void
test_counts(void **state)
{
    static const unsigned most[] = { 1, 3, 15 };

    (void) state;
    for (unsigned p = 0; p < 3; p++) {
        elo_tier_t *t = ask_tier((elo_cache_policy_t) p, 1000, 10);
        elo_cache_key_t key = ask_key(7);
        elo_tier_item_t item;
        elo_tier_stat_t stat;

        assert_false(ask(t, 7, 30));
        for (unsigned i = 0; i < 40; i++) {
            assert_true(ask(t, 7, 30));
        }
        assert_true(elo_tier_get(t, &key, &item));
        assert_int_equal(tier_entry(t, item.slot)->count, most[p]);
        elo_tier_stat(t, ELO_CACHE_COMMONS, &stat);
        assert_int_equal(stat.hits, 40);
        assert_int_equal(stat.misses, 1);
        assert_int_equal(stat.hit_bytes, 40 * 30);
        elo_tier_stat(t, ELO_CACHE_COMMUNITY, &stat);
        assert_int_equal(stat.hits + stat.misses, 0);

        /* a hit of what has gone since is a hit, but nobody else's use */
        assert_true(elo_tier_drop(t, &item, NULL));
        assert_false(ask(t, 8, 30));
        assert_int_equal(tier_entry(t, item.slot)->state, TIER_HELD);
        tier_set_count(tier_entry(t, item.slot), 0);
        elo_tier_hit(t, &key, &item);
        assert_int_equal(tier_entry(t, item.slot)->count, 0);
        elo_tier_stat(t, ELO_CACHE_COMMONS, &stat);
        assert_int_equal(stat.hits, 41);
        free(t);
    }
}


static unsigned
freq(const elo_tier_t *t, uint64_t id)
{
    const tier_class_t *c = &t->klass[ELO_CACHE_COMMONS];
    elo_cache_key_t key = ask_key(id);
    uint64_t k[2];

    tier_key(&key, k);
    return elo_sketch_get(tier_sketch(t, c), c->n_blocks, elo_tier_hash(t, k));
}


/* Of a sketch much larger than what is held: one miss halves few lines of it, all
   misses of a period together halve all. */
static void
test_ages(void **state)
{
    enum { POPULAR = 200, ENTRIES = 200000 };
    elo_tier_t *t = ask_tier(ELO_CACHE_LSZ, 10000, ENTRIES);
    const tier_class_t *c = &t->klass[ELO_CACHE_COMMONS];
    unsigned n_halved = 0, n_most = 0, n_zero = 0;

    (void) state;
    for (uint64_t id = 0; id < POPULAR; id++) {
        elo_cache_key_t key = ask_key(id);

        for (unsigned k = 0; k < 15; k++) {
            elo_tier_miss(t, &key, ELO_CACHE_COMMONS);
        }
    }
    for (uint64_t id = 1000; n_halved < 4 * POPULAR && id < 100000; id++) {
        elo_cache_key_t key = ask_key(id);
        uint64_t at = c->age_at;

        elo_tier_miss(t, &key, ELO_CACHE_COMMONS);
        n_most = ELO_MAX(n_most, (unsigned) (c->age_at - at) % c->n_blocks);
        n_halved = 0;
        for (uint64_t k = 0; k < POPULAR; k++) {
            n_halved += 4 - ELO_MIN(freq(t, k), 4);
        }
    }
    for (uint64_t k = 0; k < POPULAR; k++) {
        n_zero += freq(t, k) <= 1;
    }
    assert_true(n_zero > POPULAR * 9 / 10);
    assert_true(n_most > 0 && n_most <= 64);
    assert_true(c->n_blocks > 100 * n_most);
    free(t);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_ages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
