/* SPDX-License-Identifier: BSD-2-Clause */
/* loop: timers, signals and work on the pool. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "backend/os/loop.h"

#define JOBS 200

typedef struct {
    elo_job_t job;
    pthread_t worker;
    int input;
    int output; /* written on the pool, read on the loop */
} square_t;

static elo_loop_t *loop;
static elo_timer_t *timer;
static unsigned n_ticks;
static unsigned n_after;
static long total;


static void
on_tick(void *ctx)
{
    assert_ptr_equal(ctx, &n_ticks);
    if (++n_ticks == 3) {
        elo_timer_free(&timer);
        elo_loop_drop_signals(loop);
    }
}


static void
ignore_signal(void *ctx, int signum)
{
    (void) ctx;
    (void) signum;
}


/* The signal keeps the loop alive, the timer doesn't. */
static void
test_timer(void **state)
{
    uint64_t begin;

    (void) state;
    assert_int_equal(elo_loop_create(&loop), ELO_OK);
    assert_int_equal(elo_loop_on_signal(loop, SIGUSR1, ignore_signal, NULL),
                     ELO_OK);
    begin = elo_loop_now_ms(loop);
    assert_int_equal(elo_timer_create(loop, 20, 10, on_tick, &n_ticks, &timer),
                     ELO_OK);
    elo_loop_run(loop);
    assert_int_equal(n_ticks, 3);
    assert_true(elo_loop_now_ms(loop) - begin >= 40);
    assert_int_equal(elo_timer_create(loop, 60000, 0, on_tick, NULL, &timer),
                     ELO_OK);
    elo_loop_run(loop); /* returns at once */
    elo_timer_free(&timer);
    elo_timer_free(&timer);
    elo_loop_free(&loop);
    assert_null(loop);
}


static void
on_signal(void *ctx, int signum)
{
    assert_ptr_equal(ctx, &total);
    total = signum;
    elo_loop_drop_signals(loop);
}


static void
test_signal(void **state)
{
    (void) state;
    assert_int_equal(elo_loop_create(&loop), ELO_OK);
    assert_int_equal(elo_loop_on_signal(loop, SIGUSR2, on_signal, &total),
                     ELO_OK);
    assert_int_equal(raise(SIGUSR2), 0);
    elo_loop_run(loop);
    assert_int_equal(total, SIGUSR2);
    elo_loop_free(&loop);
}


static void
work(elo_job_t *job)
{
    square_t *sq = (square_t *) job;

    sq->worker = pthread_self();
    sq->output = sq->input * sq->input;
}


static void
after(elo_job_t *job)
{
    square_t *sq = (square_t *) job;

    assert_false(pthread_equal(sq->worker, pthread_self()));
    total += sq->output;
    n_after++;
    free(sq);
}


static void
test_work(void **state)
{
    long want = 0;
    int i;

    (void) state;
    total = 0;
    assert_int_equal(elo_loop_create(&loop), ELO_OK);
    for (i = 0; i < JOBS; i++) {
        square_t *sq = calloc(1, sizeof(*sq));

        sq->job.work = work;
        sq->job.after = after;
        sq->input = i;
        want += i * i;
        elo_loop_work(loop, &sq->job);
    }
    assert_int_equal(n_after, 0);
    elo_loop_run(loop);
    assert_int_equal(n_after, JOBS);
    assert_int_equal(total, want);
    elo_loop_free(&loop);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timer),
        cmocka_unit_test(test_signal),
        cmocka_unit_test(test_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
