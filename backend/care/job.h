/* SPDX-License-Identifier: BSD-2-Clause */
/* job: what a job of care looks like to its scheduler. A step does a bounded piece
   of work on a pool thread and says whether there is more; between steps, and
   between runs, all that it knows is in run and in the store. */
#ifndef ELO_CARE_JOB_H
#define ELO_CARE_JOB_H

#include "backend/care/care.h"
#include "backend/care/use.h"

#define ELO_CARE_CURSOR_MAX 64

typedef struct {
    /* worker, while a step runs; else loop */
    const elo_care_cfg_t *cfg;
    elo_care_use_t *use; /* what was asked for lately */
    bool is_first;       /* of the run: cursor is what the store has kept */
    bool is_forced;
    uint64_t until_ns;            /* the step ends then (CLOCK_MONOTONIC) */
    uint64_t items, bytes, found; /* of this run: the step adds */
    uint8_t cursor[ELO_CARE_CURSOR_MAX]; /* the job's own */
    uint32_t cursor_len;                 /* 0: from the start */
    int64_t ended_at;                    /* the last run: Unix seconds */
    bool keep_cursor; /* the step asks to have it kept in the store */
    uint64_t wait_ms; /* the step asks for a longer pause */
    void *state;      /* the job's own, for one run; drop frees it */
    void (*drop)(void *state);
} elo_care_run_t;

/* *more: call again after a pause. An error ends the run. */
typedef elo_err_t (*elo_care_step_fn)(elo_care_run_t *r, bool *more);

elo_err_t elo_care_step_uploads(elo_care_run_t *r, bool *more) ELO_MUST_USE;
elo_err_t elo_care_step_collect(elo_care_run_t *r, bool *more) ELO_MUST_USE;
elo_err_t elo_care_step_widen(elo_care_run_t *r, bool *more) ELO_MUST_USE;
elo_err_t elo_care_step_compact(elo_care_run_t *r, bool *more) ELO_MUST_USE;
elo_err_t elo_care_step_evict(elo_care_run_t *r, bool *more) ELO_MUST_USE;
elo_err_t elo_care_step_rewrap(elo_care_run_t *r, bool *more) ELO_MUST_USE;
elo_err_t elo_care_step_scrub(elo_care_run_t *r, bool *more) ELO_MUST_USE;
elo_err_t elo_care_step_lifecycle(elo_care_run_t *r, bool *more) ELO_MUST_USE;

/* True when the step's time is over. */
bool elo_care_is_over(const elo_care_run_t *r);

#endif
