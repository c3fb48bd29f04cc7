/* SPDX-License-Identifier: BSD-2-Clause */
/* loop: the event loop, timers, signals and the pool of work threads, over
   libuv. Everything runs on the loop's thread unless it says otherwise. */
#ifndef ELO_OS_LOOP_H
#define ELO_OS_LOOP_H

#include <stdint.h>

#include "common/base/err.h"

typedef struct elo_loop_s elo_loop_t;
typedef struct elo_timer_s elo_timer_t;
typedef struct elo_job_s elo_job_t;
typedef struct elo_post_s elo_post_t;

elo_err_t elo_loop_create(elo_loop_t **out) ELO_MUST_USE;

/* After elo_loop_run has returned. */
void elo_loop_free(elo_loop_t **loop);

/* Runs until nothing is left to wait for. */
void elo_loop_run(elo_loop_t *loop);

/* The libuv loop, for backend/net; the type is uv_loop_t. */
void *elo_loop_uv(elo_loop_t *loop);

/* Milliseconds of a clock that never goes back, as of this turn of the loop. */
uint64_t elo_loop_now_ms(elo_loop_t *loop);

typedef void (*elo_timer_cb)(void *ctx);

/* Calls cb every period_ms, or once when period_ms is 0, after first_ms. The
   timer keeps no loop alive. */
elo_err_t elo_timer_create(elo_loop_t *loop, uint64_t first_ms,
                           uint64_t period_ms, elo_timer_cb cb, void *ctx,
                           elo_timer_t **out) ELO_MUST_USE;
void elo_timer_free(elo_timer_t **t);

/* Calls cb on the loop for each signal signum until the loop ends. */
elo_err_t elo_loop_on_signal(elo_loop_t *loop, int signum,
                             void (*cb)(void *ctx, int signum),
                             void *ctx) ELO_MUST_USE;

/* Stops listening for signals, so that elo_loop_run can return. */
void elo_loop_drop_signals(elo_loop_t *loop);

/* A piece of work, embedded as first member of the caller's struct. work runs
   on a pool thread and may not touch loop state; then after runs on the loop
   and may free the struct. */
struct elo_job_s {
    void (*work)(elo_job_t *job);
    void (*after)(elo_job_t *job);
    void *_uv[24]; /* room for a uv_work_t; checked when built */
};

/* Never fails: a queue without memory of its own. */
void elo_loop_work(elo_loop_t *loop, elo_job_t *job);

/* A message, embedded in the sender's struct. fn runs on the loop, once, and may
   free the struct or post it again. */
struct elo_post_s {
    void (*fn)(elo_post_t *post);
    elo_post_t *_next;
};

/* [any thread] Never fails and never waits. Messages run in the order in which
   they were posted; a burst of them wakes the loop once. post must not be on its
   way already. A message keeps no loop alive: see elo_loop_hold. What is still on
   its way at elo_loop_free runs there. */
void elo_loop_post(elo_loop_t *loop, elo_post_t *post);

/* Runs, on the calling loop thread, what has been posted so far: before something
   is freed that a message may be on its way to. */
void elo_loop_flush(elo_loop_t *loop);

/* Runs fn once the sockets that are ready now have been served, in this turn of the
   loop and in the order of these calls: so that what came on many of them is done
   together. fn may free the struct or ask again, for the next turn. */
void elo_loop_later(elo_loop_t *loop, elo_post_t *post);

/* Keeps elo_loop_run from returning, for as long as a message is waited for that
   must not be missed. Counted. */
void elo_loop_hold(elo_loop_t *loop);
void elo_loop_unhold(elo_loop_t *loop);

#endif
