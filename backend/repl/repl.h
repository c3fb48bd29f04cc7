/* SPDX-License-Identifier: BSD-2-Clause */
/* repl: drains the replication queue into a sink, in the background. One step at a
   time runs on a pool thread: it takes batches of tasks until its budget is used
   up; a pause follows. While requests write, a step is one batch and the pause
   longer, unless the queue is more than half full.

                 news, or something is due        step ends: more to do
     IDLE ──────────────────────────► RUNNING ◄──────── PAUSED
       ▲                                 │ └───────────────►│
       └─────────────────────────────────┘ nothing is due                      */
#ifndef ELO_REPL_REPL_H
#define ELO_REPL_REPL_H

#include "backend/os/loop.h"
#include "backend/repl/sink.h"

typedef struct elo_repl_s elo_repl_t;

typedef struct {
    elo_loop_t *loop; /* borrowed, as are store and sink */
    elo_store_t *store;
    elo_sink_t *sink;
    uint32_t batch;      /* tasks handed to the sink at once */
    uint32_t budget_ms;  /* of one step */
    uint32_t pause_ms;   /* between steps */
    uint32_t backoff_ms; /* before the second try; doubled for each further */
    uint32_t backoff_max_ms; /* but no more than that */
    uint64_t queue_max;      /* the store's; 0: none */
    /* [any] A count that moves while requests write; NULL: unknown. */
    uint64_t (*foreground)(void *ctx);
    void *ctx;
} elo_repl_cfg_t;

typedef struct {
    const char *sink;
    const char *state;     /* "idle", "running", "paused" */
    uint64_t done, failed; /* tasks, since the start */
    elo_err_t err;         /* of the last step: the store's trouble */
} elo_repl_status_t;

elo_err_t elo_repl_create(const elo_repl_cfg_t *cfg,
                          elo_repl_t **out) ELO_MUST_USE;

/* [any thread] There may be a task that is due. */
void elo_repl_wake(elo_repl_t *r);

void elo_repl_status(const elo_repl_t *r, elo_repl_status_t *out);

/* No further step begins; done(ctx) is called, later, when none runs. */
void elo_repl_stop(elo_repl_t *r, void (*done)(void *ctx), void *ctx);
void elo_repl_free(elo_repl_t **r); /* after done, and after the last wake */

/* When to try again after so many attempts: Unix milliseconds, random between half
   and one and a half of what the backoff says. */
uint64_t elo_repl_due(const elo_repl_cfg_t *cfg, uint64_t now_ms,
                      uint32_t attempts, uint32_t random);

#endif
