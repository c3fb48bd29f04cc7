/* SPDX-License-Identifier: BSD-2-Clause */
/* loop: timers, signals, work on the pool and messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "backend/os/loop.h"

#define JOBS     200
#define SENDERS  4
#define MESSAGES 20000

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


/* ---- messages ---- */

typedef struct {
    elo_post_t post; /* first */
    unsigned sender;
    unsigned number;
} message_t;

typedef struct {
    pthread_t thread;
    unsigned id;
    message_t *messages;
} sender_t;

static unsigned n_seen[SENDERS];
static unsigned n_held;


static void
on_message(elo_post_t *post)
{
    message_t *m = (message_t *) post;

    assert_int_equal(m->number, n_seen[m->sender]);
    if (++n_seen[m->sender] == MESSAGES) {
        n_held--;
        elo_loop_unhold(loop);
    }
}


static void *
send_all(void *ctx)
{
    sender_t *s = ctx;

    for (unsigned i = 0; i < MESSAGES; i++) {
        s->messages[i] =
            (message_t){ .post.fn = on_message, .sender = s->id, .number = i };
        elo_loop_post(loop, &s->messages[i].post);
    }
    return NULL;
}


/* Each sender's arrive in its order, all of them, and the loop ends then. */
static void
test_post_threads(void **state)
{
    sender_t senders[SENDERS];

    (void) state;
    assert_int_equal(elo_loop_create(&loop), ELO_OK);
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i].id = i;
        senders[i].messages = calloc(MESSAGES, sizeof(message_t));
        n_held++;
        elo_loop_hold(loop);
        assert_int_equal(
            pthread_create(&senders[i].thread, NULL, send_all, &senders[i]), 0);
    }
    elo_loop_run(loop);
    assert_int_equal(n_held, 0);
    for (unsigned i = 0; i < SENDERS; i++) {
        assert_int_equal(n_seen[i], MESSAGES);
        assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
        free(senders[i].messages);
    }
    elo_loop_free(&loop);
}


static char order[16];
static unsigned n_order;
static elo_post_t again;


static void
on_again(elo_post_t *post)
{
    order[n_order++] = 'a';
    if (n_order < 6) {
        elo_loop_post(loop, post);
    } else {
        elo_loop_unhold(loop);
    }
}


static void
on_other(elo_post_t *post)
{
    order[n_order++] = 'o';
    free(post);
}


/* In order; a message may go again, and another's struct may be freed. */
static void
test_post_again(void **state)
{
    (void) state;
    assert_int_equal(elo_loop_create(&loop), ELO_OK);
    again.fn = on_again;
    n_order = 0;
    for (unsigned i = 0; i < 3; i++) {
        elo_post_t *post = malloc(sizeof(*post));

        post->fn = on_other;
        elo_loop_post(loop, post);
        if (i == 0) {
            elo_loop_post(loop, &again);
        }
    }
    elo_loop_hold(loop);
    elo_loop_run(loop);
    assert_string_equal(order, "oaooaa");
    elo_loop_free(&loop);
}


static void
on_release(void *ctx)
{
    (void) ctx;
    elo_timer_free(&timer);
    elo_loop_unhold(loop);
}


/* ---- later in the same turn ---- */

static elo_post_t laters[3];
static elo_post_t posts[3];
static unsigned n_turns;


static void
on_later(elo_post_t *post)
{
    order[n_order++] = (char) ('a' + (post - laters));
    if (post == &laters[0] && ++n_turns < 3) {
        elo_loop_later(loop, post); /* for the next turn, without a wait */
    }
}


static void
on_sooner(elo_post_t *post)
{
    unsigned i = (unsigned) (post - posts);

    order[n_order++] = (char) ('0' + i);
    laters[i].fn = on_later;
    elo_loop_later(loop, &laters[i]);
}


/* Asked for while messages are served: behind all of them. From the start: it
   keeps the loop alive and isn't waited for. */
static void
test_later(void **state)
{
    (void) state;
    assert_int_equal(elo_loop_create(&loop), ELO_OK);
    n_order = n_turns = 0;
    for (unsigned i = 0; i < 3; i++) {
        posts[i].fn = on_sooner;
        elo_loop_post(loop, &posts[i]);
    }
    elo_loop_hold(loop);
    elo_loop_hold(loop);
    elo_loop_unhold(loop);
    laters[1].fn = on_later;
    assert_int_equal(elo_timer_create(loop, 50, 0, on_release, NULL, &timer),
                     ELO_OK);
    elo_loop_run(loop);
    order[n_order] = '\0';
    assert_string_equal(order, "012abcaa");
    n_order = 0;
    n_turns = 3;
    elo_loop_later(loop, &laters[1]);
    elo_loop_run(loop);
    assert_int_equal(n_order, 1);
    elo_loop_free(&loop);
}


/* A message alone keeps no loop alive, and isn't lost. */
static void
test_post_late(void **state)
{
    elo_post_t *post = malloc(sizeof(*post));

    (void) state;
    n_order = 0;
    post->fn = on_other;
    assert_int_equal(elo_loop_create(&loop), ELO_OK);
    elo_loop_run(loop);
    elo_loop_post(loop, post);
    assert_int_equal(n_order, 0);
    elo_loop_flush(loop);
    assert_int_equal(n_order, 1);
    post = malloc(sizeof(*post));
    post->fn = on_other;
    elo_loop_post(loop, post);
    elo_loop_free(&loop);
    assert_int_equal(n_order, 2);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timer),      cmocka_unit_test(test_signal),
        cmocka_unit_test(test_work),       cmocka_unit_test(test_post_threads),
        cmocka_unit_test(test_post_again), cmocka_unit_test(test_later),
        cmocka_unit_test(test_post_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
