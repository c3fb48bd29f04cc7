/* SPDX-License-Identifier: BSD-2-Clause */
/* rate: who is over his rate, and that nobody else pays for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/num.h"
#include "common/cache/rate.h"

#define SETS   64u
#define SECOND UINT64_C(1000000)

static const uint8_t key[ELO_SHORTHASH_KEY_LEN] = "sixteen of them";


static elo_rate_t *
table(uint32_t n_sets)
{
    size_t size = (elo_rate_size(n_sets) + 63) / 64 * 64;
    elo_rate_t *t = aligned_alloc(64, size);

    assert_non_null(t);
    elo_rate_init(t, n_sets, key);
    return t;
}


static bool
take(elo_rate_t *t, uint64_t who, const elo_rate_limit_t *l, uint64_t now)
{
    uint64_t wait = UINT64_MAX;
    bool ok = elo_rate_take(t, elo_slice(&who, sizeof(who)), l, now, &wait);

    assert_true(ok ? wait == UINT64_MAX : wait > 0 && wait <= l->burst_us);
    return ok;
}


static void
test_burst(void **state)
{
    static const struct {
        uint64_t each, burst, now;
        unsigned at_once;
    } rows[] = {
        { SECOND, SECOND, 0, 1 },
        { SECOND, 10 * SECOND, 0, 10 },
        { SECOND / 10, 10 * SECOND, 5, 100 },
        { 1, 1000, SECOND, 1000 },
        { SECOND, 3 * SECOND - 1, 7, 2 },
        /* where the clock's 48 bits end, and 64 */
        { SECOND, 5 * SECOND, (UINT64_C(1) << 48) - 2 * SECOND, 5 },
        { SECOND, 5 * SECOND, (UINT64_C(1) << 48), 5 },
        { SECOND, 5 * SECOND, UINT64_MAX - 1, 5 },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_rate_limit_t l = { rows[i].each, rows[i].burst };
        elo_rate_t *t = table(SETS);
        uint64_t wait = 0, who = i + 1;
        elo_slice_t name = elo_slice(&who, sizeof(who));

        for (unsigned n = 0; n < rows[i].at_once; n++) {
            assert_true(take(t, who, &l, rows[i].now));
        }
        assert_false(elo_rate_take(t, name, &l, rows[i].now, &wait));
        assert_false(take(t, who, &l, rows[i].now + wait - 1));
        assert_true(take(t, who, &l, rows[i].now + wait));
        assert_false(take(t, who, &l, rows[i].now + wait));
        assert_true(take(t, who + 100, &l, rows[i].now)); /* another */
        /* all of it again, when as long has gone by */
        for (unsigned n = 0; n < rows[i].at_once; n++) {
            assert_true(
                take(t, who, &l, rows[i].now + wait + 2 * rows[i].burst));
        }
        free(t);
    }
}


/* Against buckets that are kept apart, with fewer names than there is room for. */
static void
test_model(void **state)
{
    enum { NAMES = 6 };
    elo_rate_limit_t l = { 1000, 7000 };
    elo_rate_t *t = table(SETS);
    uint64_t until[NAMES] = { 0 };
    uint64_t seed = 11, now = 1;
    unsigned n_ok = 0, n_all = 200000;

    (void) state;
    for (unsigned i = 0; i < n_all; i++) {
        uint64_t who, used;

        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        who = (seed >> 33) % NAMES;
        now += (seed >> 45) % 300;
        used = (until[who] > now ? until[who] - now : 0) + l.each_us;
        assert_int_equal(take(t, who, &l, now), used <= l.burst_us);
        if (used <= l.burst_us) {
            until[who] = now + used;
            n_ok++;
        }
    }
    assert_true(n_ok > n_all / 20 && n_ok < n_all);
    free(t);
}


/* Ten thousand others, as many as the table has places for twenty times, don't let
   one who is over his rate in again, nor keep a newcomer out. */
static void
test_crowd(void **state)
{
    elo_rate_limit_t l = { SECOND, 10 * SECOND };
    elo_rate_t *t = table(SETS);
    unsigned n_in = 0;

    (void) state;
    for (unsigned n = 0; n < 10; n++) {
        assert_true(take(t, 1, &l, SECOND));
    }
    for (uint64_t who = 2; who < 10002; who++) {
        n_in += take(t, who, &l, SECOND);
        if (who % 100 == 0) {
            assert_false(take(t, 1, &l, SECOND));
        }
    }
    /* but for those who share a bucket: 10,000 in 64 * 65,536 */
    assert_true(n_in > 9990);
    free(t);
}


static elo_rate_t *shared;

static void *
hurry(void *arg)
{
    elo_rate_limit_t l = { 1000, 1000 * 500 };
    uint64_t *n_ok = arg, wait, who = 77;

    for (unsigned i = 0; i < 20000; i++) {
        *n_ok += elo_rate_take(shared, elo_slice(&who, sizeof(who)), &l, SECOND,
                               &wait);
    }
    return NULL;
}


/* However many hands take from one bucket, no more comes out. */
static void
test_hands(void **state)
{
    uint64_t n[4] = { 0 };
    pthread_t hand[4];

    (void) state;
    shared = table(1);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&hand[i], NULL, hurry, &n[i]), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(hand[i], NULL), 0);
    }
    assert_int_equal(n[0] + n[1] + n[2] + n[3], 500);
    free(shared);
}


/* What was used is owed, however much that is; what is left of it goes by. */
static void
test_charge(void **state)
{
    uint64_t who = 5, other = 6, now = SECOND;
    elo_slice_t name = elo_slice(&who, sizeof(who));
    elo_slice_t second = elo_slice(&other, sizeof(other));
    elo_rate_t *t = table(SETS);

    (void) state;
    assert_int_equal(elo_rate_wait(t, name, 0, now), 0);
    elo_rate_charge(t, name, 10 * SECOND, now);
    assert_int_equal(elo_rate_wait(t, name, 0, now), 10 * SECOND);
    assert_int_equal(elo_rate_wait(t, name, 10 * SECOND, now), 0);
    assert_int_equal(elo_rate_wait(t, name, 10 * SECOND - 1, now), 1);
    assert_int_equal(elo_rate_wait(t, second, 0, now), 0);
    elo_rate_charge(t, name, 5 * SECOND, now + 4 * SECOND);
    assert_int_equal(elo_rate_wait(t, name, SECOND, now + 4 * SECOND),
                     10 * SECOND);
    assert_int_equal(elo_rate_wait(t, name, 0, now + 15 * SECOND), 0);

    /* no more than the clock can tell from the past */
    for (unsigned i = 0; i < 4; i++) {
        elo_rate_charge(t, name, UINT64_MAX, now);
    }
    assert_int_equal(elo_rate_wait(t, name, 0, now), ELO_RATE_AHEAD_MAX);
    free(t);
}


/* A crowd that owes little drives out nobody who owes much (I1). */
static void
test_charge_crowd(void **state)
{
    uint64_t who = 1;
    elo_slice_t name = elo_slice(&who, sizeof(who));
    elo_rate_t *t = table(1);

    (void) state;
    elo_rate_charge(t, name, 100 * SECOND, SECOND);
    for (uint64_t i = 2; i < 5000; i++) {
        elo_rate_charge(t, elo_slice(&i, sizeof(i)), i % 7 * SECOND, SECOND);
        assert_int_equal(elo_rate_wait(t, name, 0, SECOND), 100 * SECOND);
    }
    free(t);
}


static void
test_cost(void **state)
{
    static const struct {
        uint64_t n, per_s, us;
    } rows[] = {
        { 0, 1, 0 },
        { 1, 1, SECOND },
        { 1, 1000000, 1 },
        { 1, 1000001, 1 }, /* never nothing */
        { 1, UINT64_MAX, 1 },
        { 999999, 1000000, 999999 },
        { 10ull << 30, 20 << 20, 512 * SECOND },
        { UINT64_MAX, UINT64_MAX, SECOND },
        { UINT64_MAX, 1, ELO_RATE_AHEAD_MAX },
        { UINT64_MAX / 2, UINT64_MAX - 1, 500000 },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        assert_int_equal(elo_rate_cost_us(rows[i].n, rows[i].per_s),
                         rows[i].us);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_burst),  cmocka_unit_test(test_model),
        cmocka_unit_test(test_crowd),  cmocka_unit_test(test_hands),
        cmocka_unit_test(test_charge), cmocka_unit_test(test_charge_crowd),
        cmocka_unit_test(test_cost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
