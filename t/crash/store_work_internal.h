/* SPDX-License-Identifier: BSD-2-Clause */
/* store_work_internal: what the parts of store_work share. */
#ifndef ELO_T_CRASH_STORE_WORK_INTERNAL_H
#define ELO_T_CRASH_STORE_WORK_INTERNAL_H

#include "backend/kv/kv_care.h"
#include "t/crash/store_work.h"

uint32_t sw_below(sw_t *w, uint32_t n); /* 0 to n - 1 */

/* Begins an operation: the facts that it will make, one state for each of its
   commits, are written where this points, one after the other. */
sm_facts_t *sw_next_facts(sw_t *w);

/* Ends it: it answered rc, and should have answered want. */
void sw_settle(sw_t *w, const char *what, elo_err_t rc, elo_err_t want);

/* An answer that isn't the right one. What is refused has no effect, unless it
   consists of several commits; what failed in another way may have had one. */
void sw_failed(sw_t *w, const char *what, elo_err_t rc, elo_err_t want);

/* Looks, with no fault in the way. */
bool sw_observe(sw_t *w, sm_facts_t *seen);

/* Wide ones more than once; invited not among the first five. */
#define SW_REACHES 8u
extern const elo_reach_t sw_reaches[SW_REACHES];

elo_put_opt_t sw_put_opt(sw_t *w, uint32_t a, elo_reach_t reach);

/* ---- operations ---- */

#define SW_BATCH_MAX 5u

void sw_small_puts(sw_t *w, uint32_t n); /* one batch */
void sw_long_put(sw_t *w);
void sw_remove_blob(sw_t *w);
void sw_pin(sw_t *w);
void sw_quota(sw_t *w);
void sw_collect(sw_t *w);
void sw_name(sw_t *w);
void sw_node(sw_t *w);
void sw_journal(sw_t *w);
void sw_media(sw_t *w);
void sw_tasks(sw_t *w);
void sw_retry_or_drop(sw_t *w);
void sw_upload(sw_t *w);

#endif
