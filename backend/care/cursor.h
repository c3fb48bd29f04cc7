/* SPDX-License-Identifier: BSD-2-Clause */
/* cursor: where a job of care is, kept in the store. */
#ifndef ELO_CARE_CURSOR_H
#define ELO_CARE_CURSOR_H

#include "backend/care/job.h"

/* [any] What was kept for the job: when its last run ended (Unix seconds; 0: never),
   and where the one is that hasn't (r->cursor; length 0: none). */
elo_err_t elo_care_cursor_load(elo_store_t *s, const char *name,
                               int64_t *ended_at,
                               elo_care_run_t *r) ELO_MUST_USE;

/* [work] The same, durably. */
elo_err_t elo_care_cursor_save(elo_store_t *s, const char *name,
                               int64_t ended_at,
                               const elo_care_run_t *r) ELO_MUST_USE;

#endif
