/* SPDX-License-Identifier: BSD-2-Clause */
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "backend/os/loop.h"
#include "t/unit/backend/care/care_dir.h"

typedef struct {
    care_t *c;
    elo_loop_t *loop;
    elo_care_t *care;
    elo_timer_t *poll;
    uint32_t polls;
    bool is_stopped;
} sched_t;

/* The clock on the wall, as it is here. */
static int64_t ahead_s;


int
clock_gettime(clockid_t id, struct timespec *ts)
{
    int rc = (int) syscall(SYS_clock_gettime, id, ts);

    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) {
        ts->tv_sec += __atomic_load_n(&ahead_s, __ATOMIC_RELAXED);
    }
    return rc;
}


#define POLL_MS   10
#define POLLS_MAX 1000


static void
on_stopped(void *ctx)
{
    ((sched_t *) ctx)->is_stopped = true;
}


static void
ignore_signal(void *ctx, int signum)
{
    (void) ctx;
    (void) signum;
}


/* Ends the loop when the scrub that was asked for has ended. */
static void
on_poll(void *ctx)
{
    sched_t *s = ctx;
    elo_care_status_t st;

    elo_care_status(s->care, ELO_CARE_SCRUB, &st);
    assert_true(s->polls++ < POLLS_MAX);
    if (st.ended_at != 0 && !s->is_stopped) {
        assert_string_equal(st.state, "idle");
        assert_int_equal(st.err, ELO_OK);
        assert_int_equal(st.items, 3);
        elo_timer_free(&s->poll);
        elo_care_stop(s->care, on_stopped, s);
        elo_loop_drop_signals(s->loop);
    }
}


static void
test_a_job_that_is_asked_for(void **state)
{
    sched_t s = { .c = *state };
    elo_care_status_t st;
    elo_care_run_t r;
    int64_t ended_at;

    for (uint32_t i = 0; i < 3; i++) {
        elo_slice_t b = bytes_of(100000, i);

        assert_int_equal(put_bytes(s.c->dir.s, b, NULL, NULL), ELO_OK);
        bytes_free(b);
    }
    assert_int_equal(elo_loop_create(&s.loop), ELO_OK);
    s.c->cfg.loop = s.loop;
    s.c->cfg.budget_ms = 1;
    s.c->cfg.pause_ms = 1;
    assert_int_equal(elo_care_create(&s.c->cfg, &s.care), ELO_OK);
    assert_int_equal(
        elo_timer_create(s.loop, POLL_MS, POLL_MS, on_poll, &s, &s.poll),
        ELO_OK);
    /* timers alone keep no loop alive */
    assert_int_equal(elo_loop_on_signal(s.loop, SIGUSR2, ignore_signal, NULL),
                     ELO_OK);
    elo_care_status(s.care, ELO_CARE_SCRUB, &st);
    assert_string_equal(st.name, "scrub");
    assert_int_equal(st.due_at, 0);
    assert_int_equal(elo_care_ask(s.care, ELO_CARE_SCRUB, false), ELO_OK);
    elo_loop_run(s.loop);
    assert_true(s.is_stopped);
    elo_care_free(&s.care);
    assert_null(s.care);
    elo_loop_free(&s.loop);

    assert_int_equal(elo_care_cursor_load(s.c->dir.s, "scrub", &ended_at, &r),
                     ELO_OK);
    assert_int_equal(r.cursor_len, 0);
    assert_true(ended_at > 0);
}


/* A long job counts on from its last run, over a restart; one that was interrupted
   goes on at once. */
static void
test_when_it_is_due(void **state)
{
    static const struct {
        uint32_t cursor_len;
        int64_t ended_ago; /* -1: never */
        int64_t due_in;
    } rows[] = {
        { 0, -1, 100000 },
        { 0, 40000, 60000 },
        { 32, 40000, 1 },
        { 0, -40000, 100000 }, /* the clock was set back since */
    };
    care_t *c = *state;
    elo_care_status_t st;
    elo_care_t *care;
    elo_loop_t *loop;

    assert_int_equal(elo_loop_create(&loop), ELO_OK);
    c->cfg.loop = loop;
    c->cfg.period_s[ELO_CARE_SCRUB] = 100000;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t now = elo_clock_unix_s();
        elo_care_run_t r = { .cursor_len = rows[i].cursor_len };

        if (rows[i].ended_ago != -1) {
            assert_int_equal(elo_care_cursor_save(c->dir.s, "scrub",
                                                  now - rows[i].ended_ago, &r),
                             ELO_OK);
        }
        assert_int_equal(elo_care_create(&c->cfg, &care), ELO_OK);
        elo_care_status(care, ELO_CARE_SCRUB, &st);
        assert_in_range(st.due_at, now + rows[i].due_in,
                        now + rows[i].due_in + 2);
        elo_care_free(&care);
    }
    elo_loop_run(loop);
    elo_loop_free(&loop);
}


static void
test_names(void **state)
{
    elo_care_job_t job;

    (void) state;
    for (uint32_t i = 0; i < ELO_CARE_COUNT; i++) {
        const char *name = elo_care_name((elo_care_job_t) i);

        assert_true(elo_care_parse(elo_slice_str(name), &job));
        assert_int_equal(job, i);
    }
    assert_false(elo_care_parse(ELO_SLICE("scru"), &job));
    assert_false(elo_care_parse(ELO_SLICE(""), &job));
}


#define TEN_DAYS INT64_C(864000)
#define PERIOD_S 1u

/* Runs, then the clock goes back by days, then forward: it runs on. */
static void
on_poll_clock(void *ctx)
{
    sched_t *s = ctx;
    elo_care_status_t st;

    elo_care_status(s->care, ELO_CARE_UPLOADS, &st);
    assert_true(s->polls++ < POLLS_MAX);
    assert_true(st.due_at <= elo_clock_unix_s() + PERIOD_S || ahead_s < 0);
    if (st.ended_at == 0 || s->is_stopped) {
        return;
    }
    if (ahead_s == 0) {
        __atomic_store_n(&ahead_s, -TEN_DAYS, __ATOMIC_RELAXED);
    } else if (ahead_s < 0 && st.ended_at <= elo_clock_unix_s()) {
        __atomic_store_n(&ahead_s, TEN_DAYS, __ATOMIC_RELAXED);
    } else if (ahead_s > 0 && st.ended_at > elo_clock_unix_s() - TEN_DAYS) {
        elo_timer_free(&s->poll);
        elo_care_stop(s->care, on_stopped, s);
        elo_loop_drop_signals(s->loop);
    }
}


static void
test_clock_set(void **state)
{
    sched_t s = { .c = *state };

    assert_int_equal(elo_loop_create(&s.loop), ELO_OK);
    s.c->cfg.loop = s.loop;
    s.c->cfg.budget_ms = 1;
    s.c->cfg.pause_ms = 1;
    s.c->cfg.period_s[ELO_CARE_UPLOADS] = PERIOD_S;
    assert_int_equal(elo_care_create(&s.c->cfg, &s.care), ELO_OK);
    assert_int_equal(
        elo_timer_create(s.loop, POLL_MS, POLL_MS, on_poll_clock, &s, &s.poll),
        ELO_OK);
    assert_int_equal(elo_loop_on_signal(s.loop, SIGUSR2, ignore_signal, NULL),
                     ELO_OK);
    elo_loop_run(s.loop);
    assert_true(s.is_stopped);
    elo_care_free(&s.care);
    elo_loop_free(&s.loop);
    ahead_s = 0;
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_job_that_is_asked_for,
                                        care_setup, care_teardown),
        cmocka_unit_test_setup_teardown(test_when_it_is_due, care_setup,
                                        care_teardown),
        cmocka_unit_test_setup_teardown(test_clock_set, care_setup,
                                        care_teardown),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
