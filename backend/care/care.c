/* SPDX-License-Identifier: BSD-2-Clause */
/* care: the scheduler of the jobs: which is due, one step at a time, pauses
   between steps, and what each has done. */
#include "backend/care/care.h"

#include <assert.h>
#include <stdlib.h>

#include "backend/care/cursor.h"
#include "backend/care/job.h"
#include "backend/os/clock.h"
#include "backend/os/log.h"
#include "common/base/num.h"

#define CARE_MAGIC 0x454c4341u /* "ELCA" */
#define TICK_MS    100u        /* how often it is looked at what is due */
#define SOON_S     3600        /* a longer period than that outlives restarts */
#define NS_PER_MS  UINT64_C(1000000)

typedef enum { IDLE, RUNNING, PAUSED } state_t;

typedef struct {
    state_t state;
    bool is_asked;
    bool is_forced; /* of what was asked for */
    int64_t started_at, ended_at, due_at;
    uint64_t items, bytes; /* of all runs that have ended */
    uint64_t found;
    elo_err_t err;
    elo_care_run_t run;
} slot_t;

/* The step that runs. */
typedef struct {
    elo_job_t job; /* first */
    elo_care_t *care;
    uint32_t which;
    bool is_on;

    /* worker */
    bool more;
    elo_err_t err;
} step_t;

struct elo_care_s {
    uint32_t magic;
    elo_care_cfg_t cfg;
    elo_care_use_t *use;
    elo_timer_t *tick;
    slot_t slot[ELO_CARE_COUNT];
    uint32_t next;      /* the job that is looked at first */
    uint64_t resume_ms; /* no step before */

    step_t step;

    void (*on_stopped)(void *ctx);
    void *ctx;
};

static const struct {
    const char *name;
    elo_care_step_fn step;
} jobs[ELO_CARE_COUNT] = {
    [ELO_CARE_UPLOADS] = { "uploads", elo_care_step_uploads },
    [ELO_CARE_COLLECT] = { "collect", elo_care_step_collect },
    [ELO_CARE_WIDEN] = { "widen", elo_care_step_widen },
    [ELO_CARE_COMPACT] = { "compact", elo_care_step_compact },
    [ELO_CARE_EVICT] = { "evict", elo_care_step_evict },
    [ELO_CARE_REWRAP] = { "rewrap", elo_care_step_rewrap },
    [ELO_CARE_SCRUB] = { "scrub", elo_care_step_scrub },
    [ELO_CARE_LIFECYCLE] = { "lifecycle", elo_care_step_lifecycle },
};


const char *
elo_care_name(elo_care_job_t job)
{
    return jobs[job].name;
}


bool
elo_care_parse(elo_slice_t name, elo_care_job_t *out)
{
    for (uint32_t i = 0; i < ELO_CARE_COUNT; i++) {
        if (elo_slice_eq(name, elo_slice_str(jobs[i].name))) {
            *out = (elo_care_job_t) i;
            return true;
        }
    }
    return false;
}


bool
elo_care_is_over(const elo_care_run_t *r)
{
    return elo_clock_mono_ns() >= r->until_ns;
}


/* ---- steps ---- */

static void
run_drop(elo_care_run_t *r)
{
    if (r->state != NULL) {
        r->drop(r->state);
        r->state = NULL;
    }
}


static void
run_end(elo_care_t *c, uint32_t i, elo_err_t err)
{
    slot_t *s = &c->slot[i];

    run_drop(&s->run);
    s->state = IDLE;
    s->err = err;
    s->ended_at = elo_clock_unix_s();
    s->due_at = c->cfg.period_s[i] != 0 ? s->ended_at + c->cfg.period_s[i] : 0;
    s->items += s->run.items;
    s->bytes += s->run.bytes;
    s->found += s->run.found;
    if (err != ELO_OK && err != ELO_EREADONLY) {
        elo_log(ELO_LOG_ERROR, "care: %s failed, tried again when due: %s",
                jobs[i].name, elo_strerror(err));
    } else if (s->run.items > 0 || s->run.found > 0) {
        elo_log(s->run.found > 0 ? ELO_LOG_WARN : ELO_LOG_INFO,
                "care: %s done, %llu items, %llu bytes, %llu in trouble",
                jobs[i].name, (unsigned long long) s->run.items,
                (unsigned long long) s->run.bytes,
                (unsigned long long) s->run.found);
    }
}


/* pool */
static void
work_step(elo_job_t *job)
{
    step_t *t = (step_t *) job;
    elo_store_t *store = t->care->cfg.store;
    elo_care_run_t *r = &t->care->slot[t->which].run;
    const char *name = jobs[t->which].name;

    t->more = false;
    t->err = r->is_first ? elo_care_cursor_load(store, name, &r->ended_at, r)
                         : ELO_OK;
    if (t->err == ELO_OK) {
        t->err = jobs[t->which].step(r, &t->more);
    }
    if (t->err == ELO_OK && r->keep_cursor) {
        if (!t->more) {
            r->cursor_len = 0;
            r->ended_at = elo_clock_unix_s();
        }
        t->err = elo_care_cursor_save(store, name, r->ended_at, r);
    }
}


static void
stopped(elo_care_t *c)
{
    void (*done)(void *ctx) = c->on_stopped;

    for (uint32_t i = 0; i < ELO_CARE_COUNT; i++) {
        run_drop(&c->slot[i].run); /* it may hold files of the store */
    }
    elo_timer_free(&c->tick);
    c->on_stopped = NULL;
    done(c->ctx);
}


static void
after_step(elo_job_t *job)
{
    step_t *t = (step_t *) job;
    elo_care_t *c = t->care;
    slot_t *s = &c->slot[t->which];
    uint64_t pause = c->cfg.pause_ms;

    t->is_on = false;
    s->run.is_first = false;
    if (t->err != ELO_OK || !t->more) {
        run_end(c, t->which, t->err);
    } else {
        s->state = PAUSED;
        pause = s->run.wait_ms > pause ? s->run.wait_ms : pause;
    }
    c->resume_ms = elo_loop_now_ms(c->cfg.loop) + pause;
    if (c->on_stopped != NULL) {
        stopped(c);
    }
}


static void
step_start(elo_care_t *c, uint32_t i)
{
    slot_t *s = &c->slot[i];

    s->state = RUNNING;
    s->run.wait_ms = 0;
    s->run.until_ns =
        elo_clock_mono_ns() + (uint64_t) c->cfg.budget_ms * NS_PER_MS;
    c->step.which = i;
    c->step.is_on = true;
    c->step.job.work = work_step;
    c->step.job.after = after_step;
    elo_loop_work(c->cfg.loop, &c->step.job);
}


static bool
is_due(const slot_t *s, int64_t now_s)
{
    return s->is_asked || (s->due_at != 0 && s->due_at <= now_s);
}


/* The next job in turn that has something to do, so that a long one (scrubbing)
   doesn't keep the others waiting: its steps and theirs alternate. */
static void
on_tick(void *ctx)
{
    elo_care_t *c = ctx;
    int64_t now_s = elo_clock_unix_s();

    if (c->step.is_on || elo_loop_now_ms(c->cfg.loop) < c->resume_ms
        || elo_store_is_readonly(c->cfg.store))
    {
        return;
    }
    for (uint32_t k = 0; k < ELO_CARE_COUNT; k++) {
        uint32_t i = (c->next + k) % ELO_CARE_COUNT;
        slot_t *s = &c->slot[i];

        if (s->state == IDLE && is_due(s, now_s)) {
            s->run = (elo_care_run_t){ .cfg = &c->cfg,
                                       .use = c->use,
                                       .is_first = true,
                                       .is_forced = s->is_forced };
            s->started_at = now_s;
            s->is_asked = s->is_forced = false;
            s->state = PAUSED;
        }
        if (s->state == PAUSED) {
            c->next = i + 1;
            step_start(c, i);
            return;
        }
    }
}


/* ---- for the daemon and the API ---- */

/* A job that was interrupted goes on at once; one with a long period counts on from
   its last run, which may have been before this start, the first time from now;
   the others begin soon. */
static elo_err_t
first_due(elo_care_t *c)
{
    int64_t now_s = elo_clock_unix_s(), ended_at;
    elo_care_run_t r;
    elo_err_t rc;

    for (uint32_t i = 0; i < ELO_CARE_COUNT; i++) {
        uint32_t period = c->cfg.period_s[i];

        if (period == 0) {
            continue;
        }
        rc = elo_care_cursor_load(c->cfg.store, jobs[i].name, &ended_at, &r);
        if (rc != ELO_OK) {
            return rc;
        }
        c->slot[i].due_at = now_s + 1;
        if (r.cursor_len == 0 && period > SOON_S) {
            c->slot[i].due_at = (ended_at != 0 ? ended_at : now_s) + period;
        }
    }
    return ELO_OK;
}


elo_err_t
elo_care_create(const elo_care_cfg_t *cfg, elo_care_t **out)
{
    elo_care_t *c = calloc(1, sizeof(*c));
    elo_err_t rc;

    if (c == NULL) {
        return ELO_ENOMEM;
    }
    c->magic = CARE_MAGIC;
    c->cfg = *cfg;
    c->step.care = c;
    if ((rc = first_due(c)) != ELO_OK) {
        free(c);
        return rc;
    }
    if ((rc = elo_care_use_create(&c->use)) != ELO_OK
        || (rc = elo_timer_create(cfg->loop, TICK_MS, TICK_MS, on_tick, c,
                                  &c->tick))
               != ELO_OK)
    {
        elo_care_use_free(&c->use);
        free(c);
        return rc;
    }
    *out = c;
    return ELO_OK;
}


/* The end comes from the loop, also when no step runs. */
static void
on_stop_tick(void *ctx)
{
    elo_care_t *c = ctx;

    if (!c->step.is_on && c->on_stopped != NULL) {
        stopped(c);
    }
}


void
elo_care_stop(elo_care_t *c, void (*done)(void *ctx), void *ctx)
{
    assert(c->magic == CARE_MAGIC && c->on_stopped == NULL);
    elo_timer_free(&c->tick);
    c->on_stopped = done;
    c->ctx = ctx;
    if (!c->step.is_on
        && elo_timer_create(c->cfg.loop, 0, 0, on_stop_tick, c, &c->tick)
               != ELO_OK)
    {
        stopped(c);
    }
}


void
elo_care_free(elo_care_t **cp)
{
    elo_care_t *c = *cp;

    if (c != NULL) {
        assert(c->magic == CARE_MAGIC && !c->step.is_on);
        *cp = NULL;
        elo_timer_free(&c->tick);
        elo_care_use_free(&c->use);
        c->magic = 0;
        free(c);
    }
}


elo_err_t
elo_care_ask(elo_care_t *c, elo_care_job_t job, bool force)
{
    slot_t *s = &c->slot[job];

    assert(c->magic == CARE_MAGIC);
    if (s->state != IDLE) {
        return ELO_EBUSY;
    }
    s->is_asked = true;
    s->is_forced = force;
    return ELO_OK;
}


void
elo_care_touch(elo_care_t *c, const elo_digest_t *stored)
{
    assert(c->magic == CARE_MAGIC);
    elo_care_use_touch(c->use, stored);
}


void
elo_care_status(elo_care_t *c, elo_care_job_t job, elo_care_status_t *out)
{
    static const char *const names[] = { "idle", "running", "paused" };
    const slot_t *s = &c->slot[job];
    /* A step that runs adds to its counts on another thread. */
    bool is_known = !c->step.is_on || c->step.which != (uint32_t) job;

    assert(c->magic == CARE_MAGIC);
    *out = (elo_care_status_t){
        .name = jobs[job].name,
        .state = names[s->state],
        .started_at = s->started_at,
        .ended_at = s->ended_at,
        .due_at = s->is_asked ? s->started_at : s->due_at,
        .all_items = s->items,
        .all_bytes = s->bytes,
        .found = s->found,
        .err = s->err,
    };
    if (is_known) {
        out->items = s->run.items;
        out->bytes = s->run.bytes;
        if (s->state != IDLE) {
            out->all_items += s->run.items;
            out->all_bytes += s->run.bytes;
            out->found += s->run.found;
        }
    }
}
