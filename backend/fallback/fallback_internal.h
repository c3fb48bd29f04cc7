/* SPDX-License-Identifier: BSD-2-Clause */
/* fallback_internal: what the loop's side (fallback.c) and the threads' (crew.c, whole.c,
   piece.c, probe.c) share. */
#ifndef ELO_FALLBACK_FALLBACK_INTERNAL_H
#define ELO_FALLBACK_FALLBACK_INTERNAL_H

#include <stdatomic.h>

#include "backend/fallback/fallback.h"
#include "backend/os/thread.h"

#define ELO_FALLBACK_JOBS_MAX  64u
#define ELO_FALLBACK_QUEUE_MAX 256u /* that wait for a thread */
#define ELO_FALLBACK_HOST_MAX  256u

#define ELO_FALLBACK_TOO_BIG_MAX 16u

typedef struct elo_fallback_job_s elo_fallback_job_t;

struct elo_fallback_job_s {
    elo_job_t local; /* first: of the loop's pool, when no network is needed */
    elo_post_t post; /* else */
    elo_fallback_t *f;
    /* [work] Goes on where it was when it was parked: when elo_fallback_get says so,
       it returns ELO_EAGAIN, and comes again when the host has a place. */
    elo_err_t (*run)(elo_fallback_job_t *j, elo_fetch_t *fetch);

    /* loop */
    elo_fallback_job_t *next, *prev; /* of those that are under way */
    elo_fallback_wait_t *waits;
    bool is_probe;

    /* worker, while it runs */
    elo_want_t want;
    elo_copy_t *copy; /* a result of a whole; a reference of its own */
    uint32_t number;  /* of the chunk */
    bool is_chunk;
    elo_fallback_chunk_t *chunk; /* a result */
    elo_err_t err;
    uint32_t at; /* the URL that is tried */
    bool is_parked;
    void *state;                         /* of run, over parkings */
    void (*drop)(elo_fallback_job_t *j); /* frees it at the end; NULL: none */

    /* shared: mtx */
    elo_fallback_job_t *queue_next;
    char host[ELO_FALLBACK_HOST_MAX]; /* that it asks next; "": none */
    int place;                        /* among the hosts; -1: none */
};

struct elo_fallback_s {
    elo_fallback_cfg_t cfg;
    elo_origins_t *origins;
    elo_copies_t *copies;
    elo_report_t *report;

    /* loop */
    elo_fallback_job_t *jobs;
    elo_timer_t *probe_timer;
    bool is_probing;
    elo_digest_t
        too_big[ELO_FALLBACK_TOO_BIG_MAX]; /* that the operator was told of */
    uint32_t n_too_big;

    elo_mutex_t mtx;
    elo_cond_t work; /* there is a job, or the end */
    elo_cond_t end;  /* there is the end */
    atomic_bool stop;

    /* shared: mtx */
    elo_fallback_job_t *first, **last;
    uint32_t n_queued;
    elo_fallback_job_t *running[ELO_FALLBACK_JOBS_MAX];
    uint32_t n_running;
    char hosts[ELO_FALLBACK_JOBS_MAX][ELO_FALLBACK_HOST_MAX]; /* "": none */

    elo_thread_t threads[ELO_FALLBACK_JOBS_MAX];
    uint32_t n_threads;
};

/* ---- crew.c ---- */

elo_err_t elo_fallback_crew_start(elo_fallback_t *f) ELO_MUST_USE;
void elo_fallback_crew_stop(elo_fallback_t *f); /* doesn't wait */
void elo_fallback_crew_join(elo_fallback_t *f);

/* ELO_EBUSY: too many wait. */
elo_err_t elo_fallback_crew_give(elo_fallback_t *f,
                                 elo_fallback_job_t *j) ELO_MUST_USE;

/* [worker] One exchange, if the host has a place for it; else nothing is done, and the
   job is parked (is_parked), so that no thread waits for a host. What became of it is
   noted unless it was stopped here; is_wrong is noted by the caller. */
bool elo_fallback_get(elo_fallback_job_t *j, elo_fetch_t *fetch,
                      const elo_fetch_ask_t *ask, elo_fetch_result_t *res);

/* Host and port of a URL, in lower case; cut when it is longer. */
void elo_fallback_host(const char *url, char out[ELO_FALLBACK_HOST_MAX]);

/* [worker] Gives back the place at the host that was asked last, before the job's
   end. */
void elo_fallback_leave_host(elo_fallback_job_t *j);

/* ---- what runs there ---- */

elo_err_t elo_fallback_run_whole(elo_fallback_job_t *j,
                                 elo_fetch_t *fetch) ELO_MUST_USE;
elo_err_t elo_fallback_run_tree(elo_fallback_job_t *j,
                                elo_fetch_t *fetch) ELO_MUST_USE;
elo_err_t elo_fallback_run_piece(elo_fallback_job_t *j,
                                 elo_fetch_t *fetch) ELO_MUST_USE;
elo_err_t elo_fallback_run_probe(elo_fallback_job_t *j,
                                 elo_fetch_t *fetch) ELO_MUST_USE;

/* Of a URL that names a blob of another node: where the layer of its tree is there.
   False: it doesn't. Pure. */
bool elo_fallback_tree_url(const char *url, const elo_digest_t *d,
                           char out[ELO_FETCH_URL_MAX + 1]);

/* [worker] Some of its URLs were tried: is it in danger? */
void elo_fallback_judge(elo_fallback_t *f, const elo_want_t *want);

#endif
