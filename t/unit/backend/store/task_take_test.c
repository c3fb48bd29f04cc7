/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/task_take: in which order tasks are taken, by whom, and
   that each comes to one taker at a time, whatever others do meanwhile. */
#include "t/unit/backend/store/side_dir.h"

#include <pthread.h>

#define KIND ELO_TASK_REPLICATE


static uint32_t
take(elo_store_t *s, uint64_t now_ms, elo_task_t *out, uint32_t max,
     uint64_t *due)
{
    uint32_t n = 99;

    assert_int_equal(elo_task_take(s, now_ms, out, max, &n, due), ELO_OK);
    return n;
}


static uint32_t
number_of(const elo_task_t *t)
{
    return (uint32_t) t->digest.b[0] | (uint32_t) t->digest.b[1] << 8
           | (uint32_t) t->digest.b[2] << 16;
}


static void
test_order(void **state)
{
    static const struct {
        uint32_t n;
        elo_reach_t reach;
        uint64_t created_us;
    } put[] = {
        { 1, ELO_REACH_COMMONS, 50 },      { 2, ELO_REACH_PRIVATE, 10 },
        { 3, ELO_REACH_NEIGHBORHOOD, 20 }, { 4, ELO_REACH_PRIVATE, 30 },
        { 5, ELO_REACH_COMMONS, 60 },
    };
    static const uint32_t want[] = { 4, 2, 3, 5, 1 };
    dir_t *d = *state;
    elo_task_t t[8];
    uint64_t due;

    for (size_t i = 0; i < ELO_COUNT(put); i++) {
        assert_int_equal(
            side_blob(d->s, put[i].n, put[i].reach, put[i].created_us, true),
            ELO_OK);
    }
    for (int again = 0; again < 3; again++) {
        uint32_t n = take(d->s, 1, t, 3, &due);

        assert_int_equal(n, 3);
        n += take(d->s, 1, t + 3, 5, &due);
        assert_int_equal(n, 5);
        assert_int_equal(due, UINT64_MAX); /* nothing waits */
        for (uint32_t i = 0; i < n; i++) {
            assert_int_equal(number_of(&t[i]), want[i]);
        }
        assert_int_equal(take(d->s, 1, t + 5, 1, &due), 0);
        if (again == 0) {
            elo_task_release(d->s, t, n);
        } else {
            dir_reopen(d); /* nobody has any more what nobody ended */
        }
    }
}


/* What was tried before gets its turn, and the time of the next is told. */
static void
test_waiting(void **state)
{
    dir_t *d = *state;
    elo_task_t t[8];
    uint64_t due;

    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(side_blob(d->s, i, ELO_REACH_LOCAL, 100 - i, true),
                         ELO_OK);
    }
    assert_int_equal(take(d->s, 1, t, 4, &due), 4);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(elo_task_fail(d->s, &t[i], 1000 - 100 * i, ""),
                         ELO_OK);
    }
    assert_int_equal(take(d->s, 699, t, 8, &due), 0);
    assert_int_equal(due, 700);
    assert_int_equal(take(d->s, 850, t, 8, &due), 2);
    assert_int_equal(due, 900);
    assert_int_equal(number_of(&t[0]), 3); /* the one that was due first */
    assert_int_equal(number_of(&t[1]), 2);
    assert_int_equal(take(d->s, 850, t + 2, 6, &due), 0);
    elo_task_release(d->s, t, 2);
    assert_int_equal(take(d->s, 850, t, 8, &due), 2);
    elo_task_release(d->s, t, 2);

    /* half of a batch for those that are due, the rest for fresh ones */
    for (uint32_t i = 10; i < 14; i++) {
        assert_int_equal(side_blob(d->s, i, ELO_REACH_LOCAL, 100, true),
                         ELO_OK);
    }
    assert_int_equal(take(d->s, 2000, t, 4, &due), 4);
    assert_int_equal(number_of(&t[0]), 3);
    assert_int_equal(number_of(&t[1]), 2);
    assert_int_equal(number_of(&t[2]), 10);
    assert_int_equal(number_of(&t[3]), 11);
    /* and one by one they alternate */
    assert_true((take(d->s, 2000, t + 4, 1, &due), number_of(&t[4]) < 10)
                != (take(d->s, 2000, t + 5, 1, &due), number_of(&t[5]) < 10));
    assert_int_equal(take(d->s, 2000, t + 6, 2, &due), 2);
    assert_int_equal(take(d->s, 2000, t, 1, &due), 0);
    assert_int_equal(due, UINT64_MAX);
}


/* Moved by an operator while they are taken, and then given back. */
static void
test_moved(void **state)
{
    dir_t *d = *state;
    elo_digest_t one = side_digest(1), two = side_digest(2);
    elo_task_t t[4];
    uint64_t due;

    assert_int_equal(side_blob(d->s, 1, ELO_REACH_LOCAL, 100, true), ELO_OK);
    assert_int_equal(side_blob(d->s, 2, ELO_REACH_LOCAL, 50, true), ELO_OK);
    assert_int_equal(take(d->s, 1, t, 4, &due), 2);
    assert_int_equal(elo_task_fail(d->s, &t[1], 10, ""), ELO_OK);
    assert_int_equal(
        take(d->s, 10, t + 1, 1, &due) + take(d->s, 10, t + 1, 1, &due), 1);
    assert_int_equal(elo_task_drop(d->s, KIND, &one), ELO_OK);
    assert_int_equal(elo_task_retry(d->s, KIND, &two), ELO_OK);
    assert_int_equal(take(d->s, 10, t + 2, 2, &due), 0); /* they are taken */
    elo_task_release(d->s, t, 2);
    assert_int_equal(take(d->s, 10, t, 4, &due), 1);
    assert_int_equal(number_of(&t[0]), 2);
    assert_int_equal(t[0].attempts, 0);
}


/* More than memory holds, found again after a start, in order. */
static void
test_backlog(void **state)
{
    enum { N = 6000 };
    dir_t *d = *state;
    elo_task_t t[512];
    uint32_t next = 0, n;
    uint64_t due;

    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(side_blob(d->s, i, ELO_REACH_LOCAL, N - i, true),
                         ELO_OK);
    }
    side_rebuild(d);
    while ((n = take(d->s, 1, t, 512, &due)) > 0) {
        for (uint32_t i = 0; i < n; i++) {
            assert_int_equal(number_of(&t[i]), next++);
        }
        assert_int_equal(elo_task_done(d->s, t, n), ELO_OK);
    }
    assert_int_equal(next, N);
    assert_int_equal(side_totals(d->s).tasks, 0);
}


/* ---- all at once ---- */

enum { CROWD = 3000, TAKERS = 3 };

typedef struct {
    elo_store_t *s;
    bool is_closed;        /* atomic: no more come */
    uint32_t held[CROWD];  /* atomic: takers that have it now */
    uint32_t ended[CROWD]; /* atomic */
    bool released[CROWD];  /* atomic: given back once */
    uint32_t trouble;      /* atomic */
} crowd_t;


static void *
put_all(void *ctx)
{
    crowd_t *w = ctx;

    for (uint32_t i = 0; i < CROWD; i++) {
        if (side_blob(w->s, i,
                      i % 3 == 0 ? ELO_REACH_PRIVATE : ELO_REACH_COMMONS, i,
                      true)
            != ELO_OK)
        {
            __atomic_fetch_add(&w->trouble, 1, __ATOMIC_RELAXED);
        }
    }
    __atomic_store_n(&w->is_closed, true, __ATOMIC_RELEASE);
    return NULL;
}


/* Ends each task in one of the ways there are. */
static void
treat(crowd_t *w, const elo_task_t *t)
{
    uint32_t i = number_of(t);
    elo_err_t rc = ELO_OK;

    if (__atomic_fetch_add(&w->held[i], 1, __ATOMIC_ACQ_REL) != 0
        || __atomic_load_n(&w->ended[i], __ATOMIC_ACQUIRE) != 0)
    {
        __atomic_fetch_add(&w->trouble, 1, __ATOMIC_RELAXED);
    }
    if (t->attempts == 0 && i % 5 == 0) {
        __atomic_fetch_sub(&w->held[i], 1, __ATOMIC_ACQ_REL);
        rc = elo_task_fail(w->s, t, 1 + i % 7, "not yet");
    } else if (i % 5 == 1
               && !__atomic_exchange_n(&w->released[i], true, __ATOMIC_ACQ_REL))
    {
        __atomic_fetch_sub(&w->held[i], 1, __ATOMIC_ACQ_REL);
        elo_task_release(w->s, t, 1);
    } else {
        __atomic_fetch_add(&w->ended[i], 1, __ATOMIC_ACQ_REL);
        __atomic_fetch_sub(&w->held[i], 1, __ATOMIC_ACQ_REL);
        rc = elo_task_done(w->s, t, 1);
    }
    if (rc != ELO_OK) {
        __atomic_fetch_add(&w->trouble, 1, __ATOMIC_RELAXED);
    }
}


static void *
take_all(void *ctx)
{
    crowd_t *w = ctx;
    elo_task_t t[8];
    bool was_closed;
    uint64_t due;
    uint32_t n;

    do {
        was_closed = __atomic_load_n(&w->is_closed, __ATOMIC_ACQUIRE);
        if (elo_task_take(w->s, 1000, t, 8, &n, &due) != ELO_OK) {
            __atomic_fetch_add(&w->trouble, 1, __ATOMIC_RELAXED);
            break;
        }
        for (uint32_t i = 0; i < n; i++) {
            treat(w, &t[i]);
        }
    } while (n > 0 || !was_closed);
    return NULL;
}


static void
test_crowd(void **state)
{
    static crowd_t w;
    dir_t *d = *state;
    pthread_t putter, taker[TAKERS];

    w = (crowd_t){ .s = d->s };
    assert_int_equal(pthread_create(&putter, NULL, put_all, &w), 0);
    for (int i = 0; i < TAKERS; i++) {
        assert_int_equal(pthread_create(&taker[i], NULL, take_all, &w), 0);
    }
    pthread_join(putter, NULL);
    for (int i = 0; i < TAKERS; i++) {
        pthread_join(taker[i], NULL);
    }
    take_all(&w); /* what one taker gave back when the others had left */
    assert_int_equal(w.trouble, 0);
    for (uint32_t i = 0; i < CROWD; i++) {
        assert_int_equal(w.ended[i], 1);
    }
    assert_int_equal(side_totals(d->s).tasks, 0);
    assert_int_equal(side_totals(d->s).waiting, 0);
}


int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, dir_setup, dir_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_order),   TEST(test_waiting), TEST(test_moved),
        TEST(test_backlog), TEST(test_crowd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
