/* SPDX-License-Identifier: BSD-2-Clause */
/* repl: the worker of the replication queue. */
#include "backend/repl/repl.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "backend/os/clock.h"
#include "backend/os/log.h"
#include "common/base/num.h"

#define BUSY_PAUSES  4u     /* pauses between steps while requests write */
#define TROUBLE_MS   2000u  /* before another step when the store refuses */
#define FAR_MS       60000u /* the longest sleep: clocks are set */
#define DOUBLE_MAX   20u
#define NS_PER_MS    1000000u
#define JITTER_SHIFT 32 /* of a fraction of 2^32 */

typedef enum { IDLE, RUNNING, PAUSED } state_t;

struct elo_repl_s {
    elo_job_t job; /* first */
    elo_repl_cfg_t cfg;

    /* loop */
    state_t state;
    elo_timer_t *timer;
    bool is_stopping;
    void (*done)(void *ctx);
    void *done_ctx;
    elo_post_t end_post;
    uint64_t seen_writes;
    bool is_busy;
    elo_err_t last_err; /* logged once */

    /* worker; the loop looks when the step has ended */
    elo_task_t *tasks;
    elo_sink_result_t *results;
    bool has_more;
    uint64_t next_due_ms; /* Unix; 0: nothing waits */
    elo_err_t err;

    /* shared */
    elo_post_t news_post;
    atomic_bool is_posted; /* news_post is on its way */
    atomic_bool has_news;
    _Atomic uint64_t n_done, n_failed;
};


static void start(elo_repl_t *r);


static uint64_t
unix_ms(void)
{
    return elo_clock_unix_us() / 1000;
}


uint64_t
elo_repl_due(const elo_repl_cfg_t *cfg, uint64_t now_ms, uint32_t attempts,
             uint32_t random)
{
    uint64_t wait = (uint64_t) cfg->backoff_ms << ELO_MIN(attempts, DOUBLE_MAX);

    wait = ELO_MIN(wait, (uint64_t) cfg->backoff_max_ms);
    return now_ms + wait / 2 + (wait * random >> JITTER_SHIFT);
}


/* ---- on the pool ---- */

static elo_err_t
fail_one(elo_repl_t *r, const elo_task_t *t, const elo_sink_result_t *result)
{
    const char *why =
        result->why[0] != '\0' ? result->why : elo_strerror(result->err);
    uint32_t random;

    elo_random(&random, sizeof(random));
    r->n_failed++;
    return elo_task_fail(r->cfg.store, t,
                         elo_repl_due(&r->cfg, unix_ms(), t->attempts, random),
                         why);
}


/* Ends n tasks as the sink says: those that are done in one batch, at the front. */
static elo_err_t
settle(elo_repl_t *r, uint32_t n)
{
    elo_store_t *s = r->cfg.store;
    uint32_t n_ok = 0;
    elo_err_t rc = ELO_OK;

    for (uint32_t i = 0; i < n; i++) {
        const elo_sink_result_t *result = &r->results[i];

        if (result->err == ELO_OK) {
            r->tasks[n_ok++] = r->tasks[i];
        } else if (result->err == ELO_EAGAIN || rc != ELO_OK
                   || (rc = fail_one(r, &r->tasks[i], result)) != ELO_OK)
        {
            elo_task_release(s, &r->tasks[i], 1);
        }
    }
    if (n_ok == 0) {
        return rc;
    }
    if (rc == ELO_OK) {
        rc = elo_task_done(s, r->tasks, n_ok);
    }
    if (rc != ELO_OK) {
        elo_task_release(s, r->tasks, n_ok);
    } else {
        r->n_done += n_ok;
    }
    return rc;
}


/* One batch. *n: how many there were. */
static elo_err_t
run_batch(elo_repl_t *r, uint32_t *n)
{
    elo_err_t rc;

    *n = 0;
    rc = elo_task_take(r->cfg.store, unix_ms(), r->tasks, r->cfg.batch, n,
                       &r->next_due_ms);
    if (rc != ELO_OK || *n == 0) {
        return rc;
    }
    for (uint32_t i = 0; i < *n; i++) {
        r->results[i].err = ELO_OK;
        r->results[i].why[0] = '\0';
    }
    r->cfg.sink->run(r->cfg.sink, r->tasks, *n, r->results);
    return settle(r, *n);
}


static void
work(elo_job_t *job)
{
    elo_repl_t *r = (elo_repl_t *) job;
    uint64_t began = elo_clock_mono_ns();
    uint64_t budget = (uint64_t) r->cfg.budget_ms * NS_PER_MS;
    uint32_t n;

    r->has_more = true;
    do {
        r->err = run_batch(r, &n);
        if (r->err != ELO_OK) {
            return;
        }
        /* Also after less than a batch: only a look that finds nothing says when
           those that failed are due. */
        r->has_more = n != 0;
    } while (r->has_more && !r->is_busy
             && elo_clock_mono_ns() - began < budget);
}


/* ---- on the loop ---- */

static void
on_timer(void *ctx)
{
    elo_repl_t *r = ctx;

    elo_timer_free(&r->timer);
    start(r);
}


static void
sleep_for(elo_repl_t *r, uint64_t ms)
{
    elo_timer_free(&r->timer);
    /* Without memory for it the next news wake. */
    elo_ignore(elo_timer_create(r->cfg.loop, ms, 0, on_timer, r, &r->timer));
}


static void
end_stop(elo_post_t *post)
{
    elo_repl_t *r =
        (elo_repl_t *) ((char *) post - offsetof(elo_repl_t, end_post));

    elo_loop_unhold(r->cfg.loop);
    r->done(r->done_ctx);
}


static void
finish_stop(elo_repl_t *r)
{
    elo_timer_free(&r->timer);
    r->end_post.fn = end_stop;
    elo_loop_post(r->cfg.loop, &r->end_post);
}


static void
after(elo_job_t *job)
{
    elo_repl_t *r = (elo_repl_t *) job;
    uint64_t now;

    r->state = IDLE;
    if (r->is_stopping) {
        finish_stop(r);
        return;
    }
    if (r->err != ELO_OK) {
        if (r->err != r->last_err) {
            elo_log(ELO_LOG_ERROR, "the replication queue is not drained: %s",
                    elo_strerror(r->err));
        }
        r->last_err = r->err;
        r->state = PAUSED;
        sleep_for(r, TROUBLE_MS);
        return;
    }
    r->last_err = ELO_OK;
    if (r->has_more || atomic_load(&r->has_news)) {
        r->state = PAUSED;
        sleep_for(r,
                  (uint64_t) r->cfg.pause_ms * (r->is_busy ? BUSY_PAUSES : 1u));
        return;
    }
    if (r->next_due_ms != 0) {
        now = unix_ms();
        sleep_for(r, r->next_due_ms <= now
                         ? r->cfg.pause_ms
                         : ELO_MIN(r->next_due_ms - now, (uint64_t) FAR_MS));
    }
}


/* Requests write, and there is room for what they leave. */
static bool
is_foreground_busy(elo_repl_t *r)
{
    elo_store_totals_t totals;
    uint64_t writes;
    bool moved;

    if (r->cfg.foreground == NULL) {
        return false;
    }
    writes = r->cfg.foreground(r->cfg.ctx);
    moved = writes != r->seen_writes;
    r->seen_writes = writes;
    if (!moved || r->cfg.queue_max == 0) {
        return moved;
    }
    elo_store_totals(r->cfg.store, &totals);
    return totals.tasks < r->cfg.queue_max / 2;
}


static void
start(elo_repl_t *r)
{
    if (r->state == RUNNING || r->is_stopping) {
        return;
    }
    elo_timer_free(&r->timer);
    r->state = RUNNING;
    r->is_busy = is_foreground_busy(r);
    atomic_store(&r->has_news, false); /* what comes from here on is news */
    r->job.work = work;
    r->job.after = after;
    elo_loop_work(r->cfg.loop, &r->job);
}


static void
on_news(elo_post_t *post)
{
    elo_repl_t *r =
        (elo_repl_t *) ((char *) post - offsetof(elo_repl_t, news_post));

    atomic_store(&r->is_posted, false);
    if (r->state == IDLE) {
        start(r);
    }
}


void
elo_repl_wake(elo_repl_t *r)
{
    atomic_store(&r->has_news, true); /* a step looks at it when it ends */
    if (!atomic_exchange(&r->is_posted, true)) {
        elo_loop_post(r->cfg.loop, &r->news_post);
    }
}


void
elo_repl_status(const elo_repl_t *r, elo_repl_status_t *out)
{
    static const char *const names[] = { "idle", "running", "paused" };

    out->sink = r->cfg.sink->name;
    out->state = names[r->state];
    out->done = r->n_done;
    out->failed = r->n_failed;
    out->err = r->last_err;
}


/* ---- lifetime ---- */

elo_err_t
elo_repl_create(const elo_repl_cfg_t *cfg, elo_repl_t **out)
{
    elo_repl_t *r = calloc(1, sizeof(*r));

    if (r == NULL) {
        return ELO_ENOMEM;
    }
    r->cfg = *cfg;
    r->cfg.batch = ELO_MAX(cfg->batch, 1u);
    r->tasks = calloc(r->cfg.batch, sizeof(*r->tasks));
    r->results = calloc(r->cfg.batch, sizeof(*r->results));
    if (r->tasks == NULL || r->results == NULL) {
        elo_repl_free(&r);
        return ELO_ENOMEM;
    }
    r->news_post.fn = on_news;
    *out = r;
    elo_repl_wake(r); /* what was left by the last run */
    return ELO_OK;
}


void
elo_repl_stop(elo_repl_t *r, void (*done)(void *ctx), void *ctx)
{
    r->is_stopping = true;
    r->done = done;
    r->done_ctx = ctx;
    elo_loop_hold(r->cfg.loop);
    if (r->state != RUNNING) {
        finish_stop(r);
    }
}


void
elo_repl_free(elo_repl_t **r)
{
    if (*r == NULL) {
        return;
    }
    assert((*r)->state != RUNNING);
    elo_timer_free(&(*r)->timer);
    if (atomic_load(&(*r)->is_posted)) {
        elo_loop_flush((*r)->cfg.loop); /* a message is on its way here */
    }
    free((*r)->tasks);
    free((*r)->results);
    free(*r);
    *r = NULL;
}
