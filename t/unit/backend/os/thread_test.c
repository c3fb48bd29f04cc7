/* SPDX-License-Identifier: BSD-2-Clause */
/* thread: creating, naming, joining; conditions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include "backend/os/clock.h"
#include "backend/os/thread.h"

#define TURNS 1000

typedef struct {
    elo_mutex_t mtx;
    elo_cond_t cond;
    unsigned turn;
    char name[16];
    bool is_masked;
} table_t;


static void
table_init(table_t *t)
{
    memset(t, 0, sizeof(*t));
    assert_int_equal(elo_mutex_init(&t->mtx), ELO_OK);
    assert_int_equal(elo_cond_init(&t->cond), ELO_OK);
}


static void
table_dispose(table_t *t)
{
    elo_cond_dispose(&t->cond);
    elo_mutex_dispose(&t->mtx);
}


/* Takes every odd turn. */
static void
odd_main(void *arg)
{
    table_t *t = arg;

    elo_mutex_lock(&t->mtx);
    while (t->turn < TURNS) {
        if (t->turn % 2 == 1) {
            t->turn++;
            elo_cond_signal(&t->cond);
        } else {
            elo_cond_wait(&t->cond, &t->mtx);
            elo_mutex_assert_held(&t->mtx);
        }
    }
    elo_mutex_unlock(&t->mtx);
}


static void
test_turns(void **state)
{
    elo_thread_t th;
    table_t t;

    (void) state;
    table_init(&t);
    assert_int_equal(elo_thread_create(&th, "odd", odd_main, &t), ELO_OK);
    elo_mutex_lock(&t.mtx);
    while (t.turn < TURNS) {
        if (t.turn % 2 == 0) {
            t.turn++;
            elo_cond_signal(&t.cond);
        } else {
            elo_cond_wait(&t.cond, &t.mtx);
        }
    }
    elo_cond_broadcast(&t.cond);
    elo_mutex_unlock(&t.mtx);
    elo_thread_join(&th);
    assert_true(t.turn >= TURNS);
    table_dispose(&t);
}


/* Waits, so that it's there while its creator goes on. */
static void
name_main(void *arg)
{
    table_t *t = arg;
    sigset_t set;

    elo_mutex_lock(&t->mtx);
    while (t->turn == 0) {
        elo_cond_wait(&t->cond, &t->mtx);
    }
    assert_int_equal(pthread_getname_np(pthread_self(), t->name, 16), 0);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &set), 0);
    t->is_masked =
        sigismember(&set, SIGTERM) == 1 && sigismember(&set, SIGHUP) == 1;
    elo_mutex_unlock(&t->mtx);
}


static void
test_name(void **state)
{
    elo_thread_t th;
    sigset_t set;
    table_t t;

    (void) state;
    table_init(&t);
    assert_int_equal(elo_thread_create(&th, "fifteen-bytes-x", name_main, &t),
                     ELO_OK);
    elo_mutex_lock(&t.mtx);
    t.turn = 1;
    elo_cond_broadcast(&t.cond);
    elo_mutex_unlock(&t.mtx);
    elo_thread_join(&th);
    assert_string_equal(t.name, "fifteen-bytes-x");
    assert_true(t.is_masked);
    /* the creator's own mask is what it was */
    assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &set), 0);
    assert_int_equal(sigismember(&set, SIGTERM), 0);
    table_dispose(&t);
}


/* Nobody signals: the time ends the wait, not before it is there. */
static void
test_wait_until(void **state)
{
    uint64_t until;
    table_t t;

    (void) state;
    table_init(&t);
    elo_mutex_lock(&t.mtx);
    until = elo_clock_mono_ns() + 20000000u;
    while (elo_cond_wait_until(&t.cond, &t.mtx, until)) {
    }
    assert_true(elo_clock_mono_ns() >= until);
    elo_mutex_assert_held(&t.mtx);
    assert_false(elo_cond_wait_until(&t.cond, &t.mtx, 0)); /* long ago */
    elo_mutex_unlock(&t.mtx);
    table_dispose(&t);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_wait_until),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
