/* SPDX-License-Identifier: BSD-2-Clause */
/* lru: the order in which objects go, and that a tier of which all is in use makes room
   all the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "t/unit/common/cache/ask.h"


static void
test_order(void **state)
{
    elo_tier_t *t = ask_tier(ELO_CACHE_LRU, 300, 100);

    (void) state;
    for (uint64_t id = 1; id <= 3; id++) {
        assert_false(ask(t, id, 100));
    }
    assert_true(ask(t, 1, 100));
    assert_false(ask(t, 4, 100)); /* 2 is the oldest that wasn't used */
    assert_true(ask_has(t, 1) && ask_has(t, 3) && ask_has(t, 4));
    assert_false(ask_has(t, 2));
    assert_false(ask(t, 5, 200)); /* 3 and then 1, whose use was long ago */
    assert_true(ask_has(t, 4) && ask_has(t, 5));
    free(t);
}


static void
test_all_in_use(void **state)
{
    enum { N = 500 };
    elo_tier_t *t = ask_tier(ELO_CACHE_LRU, N * 10, N);
    elo_tier_stat_t stat;

    (void) state;
    for (unsigned round = 0; round < 2; round++) {
        for (uint64_t id = 0; id < N; id++) {
            assert_int_equal(ask(t, id, 10), round == 1);
        }
    }
    assert_false(ask(t, N, 10)); /* at most TIER_MOVES go round for it */
    elo_tier_stat(t, ELO_CACHE_COMMONS, &stat);
    assert_int_equal(stat.objects, N);
    assert_int_equal(stat.evicted, 1);
    assert_true(ask_has(t, 0));
    assert_false(ask_has(t, TIER_MOVES));
    assert_true(ask_has(t, N));
    free(t);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_all_in_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
