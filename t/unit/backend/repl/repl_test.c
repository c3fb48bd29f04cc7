/* SPDX-License-Identifier: BSD-2-Clause */
/* repl: the worker, over a queue that the test keeps itself: every task is handed
   on once, failures come back later each time, foreground goes first, and the end
   is orderly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/os/log.h"
#include "backend/repl/repl.h"
#include "common/base/num.h"

#define TASKS 1000

typedef enum { AWAY, QUEUED, TAKEN } place_t;

typedef struct {
    elo_task_t task;
    place_t place;
    unsigned n_runs;
    unsigned n_fails; /* how often it is to fail */
} slot_t;

static pthread_mutex_t mtx = PTHREAD_MUTEX_INITIALIZER;
static slot_t slots[TASKS];
static uint32_t n_slots;
static elo_err_t store_err; /* what done answers */
static unsigned n_takes, n_dones;
static uint32_t largest;
static elo_loop_t *loop;
static elo_repl_t *repl;
static _Atomic uint64_t writes;
static _Atomic uint64_t n_totals;
static atomic_bool is_stopped;


/* ---- the store ---- */

elo_err_t
elo_task_take(elo_store_t *s, uint64_t now_ms, elo_task_t *out, uint32_t max,
              uint32_t *n, uint64_t *next_due_ms)
{
    (void) s;
    pthread_mutex_lock(&mtx);
    *n = 0;
    *next_due_ms = 0;
    n_takes++;
    for (uint32_t i = 0; i < n_slots && *n < max; i++) {
        if (slots[i].place != QUEUED) {
            continue;
        }
        if (slots[i].task.due_ms > now_ms) {
            *next_due_ms = *next_due_ms == 0
                               ? slots[i].task.due_ms
                               : ELO_MIN(*next_due_ms, slots[i].task.due_ms);
            continue;
        }
        slots[i].place = TAKEN;
        out[(*n)++] = slots[i].task;
    }
    largest = ELO_MAX(largest, *n);
    pthread_mutex_unlock(&mtx);
    return ELO_OK;
}


static slot_t *
slot_of(const elo_task_t *t)
{
    uint32_t i = (uint32_t) t->digest.b[0] << 8 | t->digest.b[1];

    assert_true(i < n_slots && slots[i].place == TAKEN);
    return &slots[i];
}


elo_err_t
elo_task_done(elo_store_t *s, const elo_task_t *t, uint32_t n)
{
    elo_err_t rc;

    (void) s;
    pthread_mutex_lock(&mtx);
    rc = store_err;
    n_dones++;
    for (uint32_t i = 0; i < n && rc == ELO_OK; i++) {
        slot_of(&t[i])->place = AWAY;
    }
    pthread_mutex_unlock(&mtx);
    return rc;
}


elo_err_t
elo_task_fail(elo_store_t *s, const elo_task_t *t, uint64_t due_ms,
              const char *why)
{
    slot_t *slot;

    (void) s;
    pthread_mutex_lock(&mtx);
    slot = slot_of(t);
    slot->place = QUEUED;
    slot->task.due_ms = due_ms;
    slot->task.attempts++;
    snprintf(slot->task.why, sizeof(slot->task.why), "%s", why);
    pthread_mutex_unlock(&mtx);
    return ELO_OK;
}


void
elo_task_release(elo_store_t *s, const elo_task_t *t, uint32_t n)
{
    (void) s;
    pthread_mutex_lock(&mtx);
    for (uint32_t i = 0; i < n; i++) {
        slot_of(&t[i])->place = QUEUED;
    }
    pthread_mutex_unlock(&mtx);
}


void
elo_store_totals(elo_store_t *s, elo_store_totals_t *out)
{
    (void) s;
    *out = (elo_store_totals_t){ .tasks = atomic_load(&n_totals) };
}


/* ---- the sink ---- */

static void
run(elo_sink_t *self, const elo_task_t *tasks, uint32_t n,
    elo_sink_result_t *results)
{
    (void) self;
    pthread_mutex_lock(&mtx);
    for (uint32_t i = 0; i < n; i++) {
        slot_t *slot = slot_of(&tasks[i]);

        assert_int_equal(results[i].err, ELO_OK);
        assert_string_equal(results[i].why, "");
        slot->n_runs++;
        if (slot->n_fails == UINT32_MAX) {
            results[i].err = ELO_EAGAIN;
            slot->n_fails = 0;
        } else if (slot->n_fails > 0) {
            slot->n_fails--;
            results[i].err = ELO_EUNAVAIL;
            if (tasks[i].digest.b[1] % 2 == 0) {
                snprintf(results[i].why, sizeof(results[i].why), "no peer");
            }
        }
    }
    pthread_mutex_unlock(&mtx);
}

static elo_sink_t sink = { .name = "test", .run = run };


/* ---- the test's side ---- */

static uint64_t
foreground(void *ctx)
{
    (void) ctx;
    return atomic_load(&writes);
}


static elo_repl_cfg_t
config(void)
{
    return (elo_repl_cfg_t){ .loop = loop,
                             .sink = &sink,
                             .batch = 64,
                             .budget_ms = 50,
                             .pause_ms = 1,
                             .backoff_ms = 2,
                             .backoff_max_ms = 20,
                             .foreground = foreground };
}


static void
queue(uint32_t n, unsigned n_fails)
{
    pthread_mutex_lock(&mtx);
    memset(slots, 0, sizeof(slots));
    n_slots = n;
    for (uint32_t i = 0; i < n; i++) {
        slots[i].place = QUEUED;
        slots[i].n_fails = n_fails;
        slots[i].task.kind = ELO_TASK_REPLICATE;
        slots[i].task.digest.b[0] = (uint8_t) (i >> 8);
        slots[i].task.digest.b[1] = (uint8_t) i;
    }
    n_takes = n_dones = 0;
    largest = 0;
    store_err = ELO_OK;
    pthread_mutex_unlock(&mtx);
}


static void
on_stopped(void *ctx)
{
    (void) ctx;
    atomic_store(&is_stopped, true);
    elo_loop_unhold(loop);
}


static bool
is_empty(void)
{
    bool yes = true;

    pthread_mutex_lock(&mtx);
    for (uint32_t i = 0; i < n_slots; i++) {
        yes = yes && slots[i].place == AWAY;
    }
    pthread_mutex_unlock(&mtx);
    return yes;
}


static elo_timer_t *poll;
static bool (*until)(void);


static void
on_poll(void *ctx)
{
    (void) ctx;
    if (until()) {
        elo_timer_free(&poll);
        elo_repl_stop(repl, on_stopped, NULL);
    }
}


/* Runs the worker until that is so, and ends it. */
static void
run_until(const elo_repl_cfg_t *cfg, bool (*so)(void))
{
    until = so;
    atomic_store(&is_stopped, false);
    assert_int_equal(elo_repl_create(cfg, &repl), ELO_OK);
    elo_loop_hold(loop);
    assert_int_equal(elo_timer_create(loop, 2, 2, on_poll, NULL, &poll),
                     ELO_OK);
    elo_loop_run(loop);
    assert_true(atomic_load(&is_stopped));
}


static int
setup(void **state)
{
    (void) state;
    atomic_store(&writes, 0);
    assert_int_equal(elo_log_open("/dev/null", ELO_LOG_ALERT), ELO_OK);
    assert_int_equal(elo_loop_create(&loop), ELO_OK);
    return 0;
}


static int
teardown(void **state)
{
    (void) state;
    elo_repl_free(&repl);
    elo_loop_free(&loop);
    return 0;
}


static void
test_drain(void **state)
{
    elo_repl_cfg_t cfg = config();
    elo_repl_status_t st;

    (void) state;
    queue(TASKS, 0);
    run_until(&cfg, is_empty);
    for (uint32_t i = 0; i < TASKS; i++) {
        assert_int_equal(slots[i].n_runs, 1);
    }
    assert_int_equal(largest, 64);
    assert_true(n_dones <= TASKS / 64 + 1); /* a batch at a time */
    elo_repl_status(repl, &st);
    assert_string_equal(st.sink, "test");
    assert_int_equal(st.done, TASKS);
    assert_int_equal(st.failed, 0);
    assert_int_equal(st.err, ELO_OK);
}


static void
test_failures(void **state)
{
    elo_repl_cfg_t cfg = config();
    elo_repl_status_t st;

    (void) state;
    queue(100, 3);
    run_until(&cfg, is_empty);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(slots[i].n_runs, 4);
        assert_int_equal(slots[i].task.attempts, 3);
    }
    assert_string_equal(slots[0].task.why, "no peer");
    assert_string_equal(slots[1].task.why, elo_strerror(ELO_EUNAVAIL));
    elo_repl_status(repl, &st);
    assert_int_equal(st.done, 100);
    assert_int_equal(st.failed, 300);
}


/* Not now: taken again, and nobody is blamed. */
static void
test_not_now(void **state)
{
    elo_repl_cfg_t cfg = config();

    (void) state;
    queue(64, UINT32_MAX);
    run_until(&cfg, is_empty);
    for (uint32_t i = 0; i < 64; i++) {
        assert_int_equal(slots[i].n_runs, 2);
        assert_int_equal(slots[i].task.attempts, 0);
    }
}


static bool
has_been_refused(void)
{
    bool yes;

    pthread_mutex_lock(&mtx);
    yes = n_dones > 0;
    pthread_mutex_unlock(&mtx);
    return yes;
}


/* A store that takes nothing: the tasks are given back, and it is told. */
static void
test_store_trouble(void **state)
{
    elo_repl_cfg_t cfg = config();

    (void) state;
    queue(10, 0);
    store_err = ELO_EREADONLY;
    run_until(&cfg, has_been_refused);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(slots[i].place, QUEUED);
    }
    assert_int_equal(n_dones, 1); /* it isn't asked again and again */
}


static bool
has_begun(void)
{
    bool yes;

    atomic_fetch_add(&writes, 1); /* a request between any two steps */
    pthread_mutex_lock(&mtx);
    yes = n_takes >= 4;
    pthread_mutex_unlock(&mtx);
    return yes;
}


/* While requests write, a step is one batch; unless the queue fills. */
static void
test_foreground(void **state)
{
    elo_repl_cfg_t cfg = config();

    (void) state;
    cfg.pause_ms = 10;
    cfg.queue_max = 2 * TASKS;
    atomic_store(&n_totals, TASKS - 1);
    atomic_store(&writes, 1);
    queue(TASKS, 0);
    run_until(&cfg, has_begun);
    assert_false(is_empty());
    assert_true(n_takes < 6);
    elo_repl_free(&repl);

    atomic_store(&n_totals, TASKS);
    queue(TASKS, 0);
    run_until(&cfg, has_begun);
    assert_true(is_empty());
}


static elo_timer_t *late;


static void
on_late(void *ctx)
{
    (void) ctx;
    elo_timer_free(&late);
    queue(TASKS, 0);
    elo_repl_wake(repl);
    elo_repl_wake(repl);
}


static bool
is_done(void)
{
    return n_slots == TASKS && is_empty();
}


/* An idle worker sleeps until there is news. */
static void
test_wake(void **state)
{
    elo_repl_cfg_t cfg = config();

    (void) state;
    queue(0, 0);
    assert_int_equal(elo_timer_create(loop, 30, 0, on_late, NULL, &late),
                     ELO_OK);
    run_until(&cfg, is_done);
    for (uint32_t i = 0; i < TASKS; i++) {
        assert_int_equal(slots[i].n_runs, 1);
    }
}


static void
test_due(void **state)
{
    elo_repl_cfg_t cfg = { .backoff_ms = 100, .backoff_max_ms = 10000 };

    (void) state;
    assert_int_equal(elo_repl_due(&cfg, 1000, 0, 0), 1050);
    assert_int_equal(elo_repl_due(&cfg, 1000, 0, UINT32_MAX), 1149);
    assert_int_equal(elo_repl_due(&cfg, 1000, 3, 0), 1400);
    assert_int_equal(elo_repl_due(&cfg, 1000, 7, 0), 6000);
    assert_int_equal(elo_repl_due(&cfg, 1000, 32, 0), 6000);
    assert_int_equal(elo_repl_due(&cfg, 1000, UINT32_MAX, 0), 6000);
}


static void
test_noop(void **state)
{
    elo_sink_t *noop = elo_sink_noop();
    elo_sink_result_t results[2] = { 0 };
    elo_task_t tasks[2] = { 0 };

    (void) state;
    assert_string_equal(noop->name, "noop");
    noop->run(noop, tasks, 2, results);
    assert_int_equal(results[0].err, ELO_OK);
    assert_int_equal(results[1].err, ELO_OK);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_drain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_now, setup, teardown),
        cmocka_unit_test_setup_teardown(test_store_trouble, setup, teardown),
        cmocka_unit_test_setup_teardown(test_foreground, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wake, setup, teardown),
        cmocka_unit_test(test_due),
        cmocka_unit_test(test_noop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
