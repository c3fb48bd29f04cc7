/* SPDX-License-Identifier: BSD-2-Clause */
/* crew: the threads that wait for the network, each with its kept connections. */
#include "backend/fallback/fallback_internal.h"

#include <stdio.h>

#include "backend/os/clock.h"
#include "backend/os/log.h"
#include "common/base/num.h"


/* ---- shares: what is one owner's leaves room for others ---- */

/* A probe is nobody's. */
static bool
is_of_owner(const elo_fallback_job_t *j, const elo_fallback_job_t *as)
{
    return !j->is_probe && !as->is_probe
           && elo_agent_eq(&j->want.owner, &as->want.owner);
}


/* Of each owner all threads but one, so that his sources, however slow, never hold
   the last of them. */
static bool
may_run_locked(const elo_fallback_t *f, const elo_fallback_job_t *j)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < f->n_running; i++) {
        n += is_of_owner(f->running[i], j);
    }
    return n == 0 || n + 1 < f->cfg.jobs;
}


/* And half of the queue. */
static bool
may_wait_locked(const elo_fallback_t *f, const elo_fallback_job_t *j)
{
    const elo_fallback_job_t *at;
    uint32_t n = 0;

    for (at = f->first; at != NULL; at = at->queue_next) {
        n += is_of_owner(at, j);
    }
    return f->n_queued < ELO_FALLBACK_QUEUE_MAX
           && n < ELO_FALLBACK_QUEUE_MAX / 2;
}


/* The first that may run, out of the queue; all go when it ends. */
static elo_fallback_job_t *
next_locked(elo_fallback_t *f)
{
    elo_fallback_job_t **at = &f->first, *j;

    while ((j = *at) != NULL && !atomic_load(&f->stop) && !may_run_locked(f, j))
    {
        at = &j->queue_next;
    }
    if (j == NULL) {
        return NULL;
    }
    *at = j->queue_next;
    if (f->last == &j->queue_next) {
        f->last = at;
    }
    f->n_queued--;
    f->running[f->n_running++] = j;
    return j;
}


/* ---- threads ---- */

static elo_fallback_job_t *
take(elo_fallback_t *f)
{
    elo_fallback_job_t *j;

    elo_mutex_lock(&f->mtx);
    while ((j = next_locked(f)) == NULL && !atomic_load(&f->stop)) {
        elo_cond_wait(&f->work, &f->mtx);
    }
    elo_mutex_unlock(&f->mtx);
    return j;
}


/* Another of its owner's may have waited for it. */
static void
leave(elo_fallback_t *f, const elo_fallback_job_t *j)
{
    uint32_t i = 0;

    elo_mutex_lock(&f->mtx);
    while (f->running[i] != j) {
        i++;
    }
    f->running[i] = f->running[--f->n_running];
    elo_cond_signal(&f->work);
    elo_mutex_unlock(&f->mtx);
}


static void
run(void *arg)
{
    elo_fallback_t *f = arg;
    elo_fetch_t *fetch = NULL;
    elo_fallback_job_t *j;

    while ((j = take(f)) != NULL) {
        j->err = ELO_OK;
        if (atomic_load(&f->stop)) {
            j->err = ELO_ECLOSED;
        } else if (fetch == NULL) {
            j->err = elo_fetch_create(&f->cfg.policy, &fetch);
        }
        if (j->err == ELO_OK) {
            j->err = j->run(j, fetch);
        }
        leave(f, j);
        elo_loop_post(f->cfg.loop, &j->post);
    }
    elo_fetch_free(&fetch);
}


elo_err_t
elo_fallback_crew_start(elo_fallback_t *f)
{
    char name[ELO_THREAD_NAME_MAX + 1];
    elo_err_t rc;

    f->last = &f->first;
    for (uint32_t i = 0; i < f->cfg.jobs; i++) {
        snprintf(name, sizeof(name), "fetch %u", i % 1000);
        rc = elo_thread_create(&f->threads[i], name, run, f);
        if (rc != ELO_OK) {
            elo_fallback_crew_stop(f);
            elo_fallback_crew_join(f);
            return rc;
        }
        f->n_threads++;
    }
    return ELO_OK;
}


void
elo_fallback_crew_stop(elo_fallback_t *f)
{
    elo_mutex_lock(&f->mtx);
    atomic_store(&f->stop, true);
    elo_cond_broadcast(&f->work);
    elo_cond_broadcast(&f->host);
    elo_mutex_unlock(&f->mtx);
}


void
elo_fallback_crew_join(elo_fallback_t *f)
{
    while (f->n_threads > 0) {
        elo_thread_join(&f->threads[--f->n_threads]);
    }
}


elo_err_t
elo_fallback_crew_give(elo_fallback_t *f, elo_fallback_job_t *j)
{
    elo_err_t rc = ELO_EBUSY;

    elo_mutex_lock(&f->mtx);
    if (may_wait_locked(f, j) && !atomic_load(&f->stop)) {
        j->queue_next = NULL;
        *f->last = j;
        f->last = &j->queue_next;
        f->n_queued++;
        elo_cond_signal(&f->work);
        rc = ELO_OK;
    }
    elo_mutex_unlock(&f->mtx);
    return rc;
}


/* ---- hosts ---- */

static void
host_of(const char *url, char out[ELO_FALLBACK_HOST_MAX])
{
    const char *p = strstr(url, "://");
    size_t n;

    p = p == NULL ? url : p + 3;
    n = ELO_MIN(strcspn(p, "/?#"), (size_t) ELO_FALLBACK_HOST_MAX - 1);
    for (size_t i = 0; i < n; i++) {
        out[i] = (char) (p[i] >= 'A' && p[i] <= 'Z' ? p[i] | 0x20 : p[i]);
    }
    out[n] = '\0';
}


/* Its place among the hosts, or -1 at the end. */
static int
enter_locked(elo_fallback_t *f, const char *host)
{
    uint32_t n;
    int spare;

    for (;;) {
        n = 0;
        spare = -1;
        for (uint32_t i = 0; i < f->cfg.jobs; i++) {
            n += strcmp(f->hosts[i], host) == 0;
            if (f->hosts[i][0] == '\0') {
                spare = (int) i;
            }
        }
        if (atomic_load(&f->stop)) {
            return -1;
        }
        if (n < f->cfg.per_host && spare >= 0) {
            return spare;
        }
        elo_cond_wait(&f->host, &f->mtx);
    }
}


bool
elo_fallback_get(elo_fallback_t *f, elo_fetch_t *fetch,
                 const elo_fetch_ask_t *ask, elo_fetch_result_t *res)
{
    char host[ELO_FALLBACK_HOST_MAX];
    int at;

    host_of(ask->url, host);
    *res = (elo_fetch_result_t){ .why = ELO_FETCH_STOPPED };
    elo_mutex_lock(&f->mtx);
    at = enter_locked(f, host);
    if (at >= 0) {
        memcpy(f->hosts[at], host, sizeof(host));
    }
    elo_mutex_unlock(&f->mtx);
    if (at < 0) {
        return false;
    }
    elo_ignore(!elo_fetch_get(fetch, ask, res)); /* res says it */
    elo_mutex_lock(&f->mtx);
    f->hosts[at][0] = '\0';
    elo_cond_broadcast(&f->host);
    elo_mutex_unlock(&f->mtx);
    if (res->why != ELO_FETCH_DONE && res->why != ELO_FETCH_STOPPED
        && res->why != ELO_FETCH_NO_RANGE)
    {
        elo_origins_note(f->origins, ask->url, res, false, elo_clock_unix_s());
    }
    return res->why == ELO_FETCH_DONE;
}
