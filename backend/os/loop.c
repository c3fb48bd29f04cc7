/* SPDX-License-Identifier: BSD-2-Clause */
/* loop: libuv behind the few calls that the daemon needs. */
#include "backend/os/loop.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <uv.h>

#define MAX_SIGNALS 8

typedef struct {
    uv_signal_t uv;
    void (*cb)(void *ctx, int signum);
    void *ctx;
} signal_slot_t;

struct elo_loop_s {
    uv_loop_t uv;
    signal_slot_t signals[MAX_SIGNALS];
    unsigned n_signals;
    unsigned n_holds;
    uv_async_t wake;
    uv_check_t check; /* behind the poll; and with it: */
    uv_idle_t idle;   /* while it is active, the poll doesn't wait */
    elo_post_t *later_first;
    elo_post_t **later_last;
    /* shared: messages on their way, the latest first */
    _Atomic(elo_post_t *) posted;
};

struct elo_timer_s {
    uv_timer_t uv;
    elo_timer_cb cb;
    void *ctx;
};

_Static_assert(sizeof(uv_work_t) <= sizeof(((elo_job_t *) 0)->_uv),
               "elo_job_t has room for a uv_work_t");


/* libuv's errors are negated errno values but for a few of its own. */
static elo_err_t
from_uv(int rc)
{
    if (rc >= 0) {
        return ELO_OK;
    }
    return -rc < 1000 ? -rc : ELO_EINTERNAL;
}


/* ---- messages ---- */

/* Runs all that have come. Taking the whole list at once needs no protection
   against a message that goes and comes back meanwhile. */
static void
run_posted(elo_loop_t *loop)
{
    elo_post_t *latest = atomic_exchange(&loop->posted, NULL);
    elo_post_t *first = NULL;

    while (latest != NULL) {
        elo_post_t *earlier = latest->_next;

        latest->_next = first;
        first = latest;
        latest = earlier;
    }
    while (first != NULL) {
        elo_post_t *next = first->_next;

        first->fn(first);
        first = next;
    }
}


static void
on_wake(uv_async_t *wake)
{
    run_posted(wake->data);
}


void
elo_loop_post(elo_loop_t *loop, elo_post_t *post)
{
    elo_post_t *head =
        atomic_load_explicit(&loop->posted, memory_order_relaxed);

    do {
        post->_next = head;
    } while (!atomic_compare_exchange_weak(&loop->posted, &head, post));
    /* Whoever found the list empty wakes; the loop takes all of it. */
    if (head == NULL) {
        (void) uv_async_send(&loop->wake);
    }
}


void
elo_loop_flush(elo_loop_t *loop)
{
    run_posted(loop);
}


static void
on_idle(uv_idle_t *idle)
{
    (void) idle;
}


static void
on_check(uv_check_t *check)
{
    elo_loop_t *loop = check->data;
    elo_post_t *first = loop->later_first;

    loop->later_first = NULL;
    loop->later_last = &loop->later_first;
    (void) uv_check_stop(&loop->check);
    (void) uv_idle_stop(&loop->idle);
    while (first != NULL) {
        elo_post_t *next = first->_next;

        first->fn(first);
        first = next;
    }
}


void
elo_loop_later(elo_loop_t *loop, elo_post_t *post)
{
    if (loop->later_first == NULL) {
        (void) uv_check_start(&loop->check, on_check);
        (void) uv_idle_start(&loop->idle, on_idle);
    }
    post->_next = NULL;
    *loop->later_last = post;
    loop->later_last = &post->_next;
}


void
elo_loop_hold(elo_loop_t *loop)
{
    if (loop->n_holds++ == 0) {
        uv_ref((uv_handle_t *) &loop->wake);
    }
}


void
elo_loop_unhold(elo_loop_t *loop)
{
    assert(loop->n_holds != 0);
    if (--loop->n_holds == 0) {
        uv_unref((uv_handle_t *) &loop->wake);
    }
}


/* ---- lifetime ---- */

elo_err_t
elo_loop_create(elo_loop_t **out)
{
    elo_loop_t *loop;
    elo_err_t rc;

    loop = calloc(1, sizeof(*loop));
    if (loop == NULL) {
        return ELO_ENOMEM;
    }
    if ((rc = from_uv(uv_loop_init(&loop->uv))) != ELO_OK) {
        free(loop);
        return rc;
    }
    rc = from_uv(uv_async_init(&loop->uv, &loop->wake, on_wake));
    if (rc != ELO_OK) {
        (void) uv_loop_close(&loop->uv);
        free(loop);
        return rc;
    }
    loop->wake.data = loop;
    uv_unref((uv_handle_t *) &loop->wake);
    (void) uv_check_init(&loop->uv, &loop->check);
    (void) uv_idle_init(&loop->uv, &loop->idle);
    loop->check.data = loop;
    loop->later_last = &loop->later_first;
    *out = loop;
    return ELO_OK;
}


void
elo_loop_free(elo_loop_t **loop)
{
    int rc;

    if (*loop == NULL) {
        return;
    }
    elo_loop_drop_signals(*loop);
    run_posted(*loop);
    uv_close((uv_handle_t *) &(*loop)->wake, NULL);
    uv_close((uv_handle_t *) &(*loop)->check, NULL);
    uv_close((uv_handle_t *) &(*loop)->idle, NULL);
    /* Lets the close callbacks of handles that were closed last run. */
    (void) uv_run(&(*loop)->uv, UV_RUN_DEFAULT);
    rc = uv_loop_close(&(*loop)->uv);
    assert(rc == 0); /* a handle of somebody's is still open */
    free(*loop);
    *loop = NULL;
}


void
elo_loop_run(elo_loop_t *loop)
{
    (void) uv_run(&loop->uv, UV_RUN_DEFAULT);
}


void *
elo_loop_uv(elo_loop_t *loop)
{
    return &loop->uv;
}


uint64_t
elo_loop_now_ms(elo_loop_t *loop)
{
    return uv_now(&loop->uv);
}


static void
on_timer(uv_timer_t *uv)
{
    elo_timer_t *t = (elo_timer_t *) uv;

    t->cb(t->ctx);
}


elo_err_t
elo_timer_create(elo_loop_t *loop, uint64_t first_ms, uint64_t period_ms,
                 elo_timer_cb cb, void *ctx, elo_timer_t **out)
{
    elo_timer_t *t;
    elo_err_t rc;

    t = calloc(1, sizeof(*t));
    if (t == NULL) {
        return ELO_ENOMEM;
    }
    t->cb = cb;
    t->ctx = ctx;
    if ((rc = from_uv(uv_timer_init(&loop->uv, &t->uv))) != ELO_OK) {
        free(t);
        return rc;
    }
    uv_unref((uv_handle_t *) &t->uv);
    /* The loop's idea of now may be old when much was done since it woke. */
    uv_update_time(&loop->uv);
    (void) uv_timer_start(&t->uv, on_timer, first_ms, period_ms);
    *out = t;
    return ELO_OK;
}


static void
on_timer_closed(uv_handle_t *h)
{
    free(h);
}


void
elo_timer_free(elo_timer_t **t)
{
    if (*t != NULL) {
        uv_close((uv_handle_t *) &(*t)->uv, on_timer_closed);
        *t = NULL;
    }
}


static void
on_signal(uv_signal_t *uv, int signum)
{
    signal_slot_t *slot = (signal_slot_t *) uv;

    slot->cb(slot->ctx, signum);
}


elo_err_t
elo_loop_on_signal(elo_loop_t *loop, int signum,
                   void (*cb)(void *ctx, int signum), void *ctx)
{
    signal_slot_t *slot;
    elo_err_t rc;

    if (loop->n_signals == MAX_SIGNALS) {
        return ELO_ETOOBIG;
    }
    slot = &loop->signals[loop->n_signals];
    slot->cb = cb;
    slot->ctx = ctx;
    if ((rc = from_uv(uv_signal_init(&loop->uv, &slot->uv))) != ELO_OK) {
        return rc;
    }
    loop->n_signals++;
    return from_uv(uv_signal_start(&slot->uv, on_signal, signum));
}


void
elo_loop_drop_signals(elo_loop_t *loop)
{
    unsigned i;

    for (i = 0; i < loop->n_signals; i++) {
        uv_handle_t *h = (uv_handle_t *) &loop->signals[i].uv;

        if (!uv_is_closing(h)) {
            uv_close(h, NULL);
        }
    }
}


static elo_job_t *
job_of(uv_work_t *uv)
{
    return (elo_job_t *) uv->data;
}


static void
on_work(uv_work_t *uv)
{
    elo_job_t *job = job_of(uv);

    job->work(job);
}


static void
on_after(uv_work_t *uv, int status)
{
    elo_job_t *job = job_of(uv);

    (void) status; /* nothing is ever cancelled */
    job->after(job);
}


void
elo_loop_work(elo_loop_t *loop, elo_job_t *job)
{
    uv_work_t *uv = (uv_work_t *) (void *) job->_uv;
    int rc;

    uv->data = job;
    rc = uv_queue_work(&loop->uv, uv, on_work, on_after);
    assert(rc == 0); /* fails only without a work function */
}
