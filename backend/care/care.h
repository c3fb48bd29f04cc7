/* SPDX-License-Identifier: BSD-2-Clause */
/* care: what keeps an open store in order, in the background: collection of what
   nobody refers to, compaction of the log, scrubbing, eviction, writing in the
   clear what has become public, wrapping keys anew, ending old uploads, the ageing
   of content.

   One job runs at a time, in steps on a pool thread; a step ends when its budget
   is used up, and a pause follows. Where a job is, is kept in the store (table
   CARE), so that a restart goes on from there. Loop thread, unless it says
   otherwise.

            due, or asked for            step says more
     IDLE ───────────────────► RUNNING ◄────────────────┐
       ▲                          │  budget used up      │
       │ done, or failed          ├──────────────────► PAUSED
       └──────────────────────────┘                                        */
#ifndef ELO_CARE_CARE_H
#define ELO_CARE_CARE_H

#include "backend/os/loop.h"
#include "backend/store/store.h"

typedef struct elo_care_s elo_care_t;

typedef enum {
    ELO_CARE_UPLOADS,   /* expired uploads */
    ELO_CARE_COLLECT,   /* orphans past their grace */
    ELO_CARE_WIDEN,     /* sealed blobs that a wide node refers to */
    ELO_CARE_COMPACT,   /* segments with little that is live */
    ELO_CARE_EVICT,     /* what is held elsewhere, under pressure */
    ELO_CARE_REWRAP,    /* envelopes after a change of keys */
    ELO_CARE_SCRUB,     /* everything read again */
    ELO_CARE_LIFECYCLE, /* what the calendar does to content nodes */
    ELO_CARE_COUNT
} elo_care_job_t;

typedef struct {
    elo_loop_t *loop; /* borrowed, as are the next two */
    elo_store_t *store;
    elo_keyring_t *keyring;            /* NULL: no sealed content */
    uint32_t budget_ms;                /* of one step */
    uint32_t pause_ms;                 /* between steps */
    uint32_t period_s[ELO_CARE_COUNT]; /* from one run's end to the next; 0:
                                          only when asked for */
    uint32_t compact_percent;          /* a segment with less live than that is
                                 compacted */
    uint64_t scrub_bytes_s;    /* most that scrubbing reads in a second */
    uint64_t evict_free_bytes; /* eviction begins below, and stops above */
    bool evict_below_wanted;   /* may go below the wanted holders */
    /* [any] Other nodes that are known to hold what is stored under this digest.
       NULL: nobody is known, and nothing is evicted. */
    uint32_t (*holders)(void *ctx, const elo_digest_t *stored);
    void *holders_ctx;
    /* [work] What the time does to a content node that is due; with errors of its own
       it is passed over. NULL: nothing. */
    elo_err_t (*grow_old)(void *ctx, elo_store_t *s, elo_slice_t id,
                          int64_t now);
    /* [work] Looks again at who possesses what he has promoted: n of them from *at on;
       *at is 0 after the last. NULL: there are none. */
    elo_err_t (*look_again)(void *ctx, elo_store_t *s, size_t *at, uint32_t n);
    void *lifecycle_ctx;
} elo_care_cfg_t;

typedef struct {
    const char *name;
    const char *state; /* "idle", "running", "paused", "off" */
    int64_t started_at, ended_at, due_at; /* Unix seconds; 0: never */
    uint64_t items, bytes;         /* of the run that is on, or the last */
    uint64_t all_items, all_bytes; /* since the start */
    uint64_t found;                /* trouble: rotten blobs, failures */
    elo_err_t err;                 /* of the last run */
} elo_care_status_t;

elo_err_t elo_care_create(const elo_care_cfg_t *cfg,
                          elo_care_t **out) ELO_MUST_USE;

/* No further step begins; done(ctx) is called, later, when none runs. */
void elo_care_stop(elo_care_t *c, void (*done)(void *ctx), void *ctx);
void elo_care_free(elo_care_t **c); /* after done */

/* Due at once. force: for eviction, below the wanted holders too. ELO_EBUSY when
   it is running. */
elo_err_t elo_care_ask(elo_care_t *c, elo_care_job_t job,
                       bool force) ELO_MUST_USE;

void elo_care_status(elo_care_t *c, elo_care_job_t job, elo_care_status_t *out);

/* [any] What is stored under d was asked for: eviction takes it later. */
void elo_care_touch(elo_care_t *c, const elo_digest_t *stored);

/* Static; false and *out untouched for an unknown name. */
const char *elo_care_name(elo_care_job_t job);
bool elo_care_parse(elo_slice_t name, elo_care_job_t *out);

#endif
