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


/* Of each owner no more than are free then, so that a few of them, with sources however
   slow, don't hold all; of the operator's own all but one. */
static bool
may_run_locked(const elo_fallback_t *f, const elo_fallback_job_t *j)
{
    uint32_t n = 0, n_free = f->cfg.jobs - f->n_running;

    for (uint32_t i = 0; i < f->n_running; i++) {
        n += is_of_owner(f->running[i], j);
    }
    return n == 0
           || (elo_agent_is_zero(&j->want.owner) ? n_free > 1 : n < n_free);
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


/* ---- hosts ---- */

void
elo_fallback_host(const char *url, char out[ELO_FALLBACK_HOST_MAX])
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


/* A place at the job's host, or -1. Each that runs has one at most: there is always
   room to write it down. */
static int
place_locked(const elo_fallback_t *f, const char *host)
{
    uint32_t n = 0;
    int spare = -1;

    for (uint32_t i = 0; i < f->cfg.jobs; i++) {
        n += strcmp(f->hosts[i], host) == 0;
        if (f->hosts[i][0] == '\0') {
            spare = (int) i;
        }
    }
    return n < f->cfg.per_host ? spare : -1;
}


static void
enter_locked(elo_fallback_t *f, elo_fallback_job_t *j, int place)
{
    j->place = place;
    memcpy(f->hosts[place], j->host, sizeof(j->host));
}


/* Another may have waited for it. */
static void
leave_locked(elo_fallback_t *f, elo_fallback_job_t *j)
{
    if (j->place >= 0) {
        f->hosts[j->place][0] = '\0';
        j->place = -1;
        elo_cond_signal(&f->work);
    }
}


void
elo_fallback_leave_host(elo_fallback_job_t *j)
{
    elo_mutex_lock(&j->f->mtx);
    leave_locked(j->f, j);
    elo_mutex_unlock(&j->f->mtx);
}


/* The host that it will ask first, as far as one knows. */
static void
guess_host(elo_fallback_job_t *j)
{
    int64_t now = elo_clock_unix_s();

    for (uint32_t i = 0; i < j->want.n_urls; i++) {
        if (elo_origins_next(j->f->origins, j->want.urls[i]) <= now) {
            elo_fallback_host(j->want.urls[i], j->host);
            return;
        }
    }
}


/* ---- the queue ---- */

/* Its owner may have one more run, and its host has a place, which it gets. */
static bool
may_begin_locked(elo_fallback_t *f, elo_fallback_job_t *j)
{
    int place;

    if (atomic_load(&f->stop)) {
        return true; /* all go when it ends */
    }
    if (!may_run_locked(f, j)) {
        return false;
    }
    if (j->host[0] == '\0') {
        return true;
    }
    if ((place = place_locked(f, j->host)) < 0) {
        return false;
    }
    enter_locked(f, j, place);
    return true;
}


/* The first that may begin, out of the queue. */
static elo_fallback_job_t *
next_locked(elo_fallback_t *f)
{
    elo_fallback_job_t **at = &f->first, *j;

    while ((j = *at) != NULL && !may_begin_locked(f, j)) {
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


/* It doesn't run any more; a parked one goes before those that came later. */
static void
leave(elo_fallback_t *f, elo_fallback_job_t *j, bool is_parked)
{
    uint32_t i = 0;

    elo_mutex_lock(&f->mtx);
    while (f->running[i] != j) {
        i++;
    }
    f->running[i] = f->running[--f->n_running];
    leave_locked(f, j);
    if (is_parked) {
        j->queue_next = f->first;
        if (f->first == NULL) {
            f->last = &j->queue_next;
        }
        f->first = j;
        f->n_queued++;
    }
    elo_cond_signal(&f->work);
    elo_mutex_unlock(&f->mtx);
}


static void
end_of(elo_fallback_t *f, elo_fallback_job_t *j)
{
    if (j->drop != NULL) {
        j->drop(j);
        j->drop = NULL;
    }
    leave(f, j, false);
    elo_loop_post(f->cfg.loop, &j->post);
}


static void
run(void *arg)
{
    elo_fallback_t *f = arg;
    elo_fetch_t *fetch = NULL;
    elo_fallback_job_t *j;

    while ((j = take(f)) != NULL) {
        j->err = ELO_OK;
        j->is_parked = false;
        if (atomic_load(&f->stop)) {
            j->err = ELO_ECLOSED;
        } else if (fetch == NULL) {
            j->err = elo_fetch_create(&f->cfg.policy, &fetch);
        }
        if (j->err == ELO_OK) {
            j->err = j->run(j, fetch);
        }
        if (j->is_parked) {
            leave(f, j, true);
        } else {
            end_of(f, j);
        }
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
    elo_cond_broadcast(&f->end);
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

    guess_host(j);
    elo_mutex_lock(&f->mtx);
    if (may_wait_locked(f, j) && !atomic_load(&f->stop)) {
        j->place = -1;
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


/* ---- exchanges ---- */

/* Has it a place at that host, or gets one? */
static bool
come_to(elo_fallback_job_t *j, const char *url)
{
    elo_fallback_t *f = j->f;
    char host[ELO_FALLBACK_HOST_MAX];
    int place;

    elo_fallback_host(url, host);
    elo_mutex_lock(&f->mtx);
    if (j->place < 0 || strcmp(j->host, host) != 0) {
        leave_locked(f, j);
        memcpy(j->host, host, sizeof(host));
        if ((place = place_locked(f, host)) >= 0) {
            enter_locked(f, j, place);
        }
    }
    j->is_parked = j->place < 0;
    elo_mutex_unlock(&f->mtx);
    return !j->is_parked;
}


bool
elo_fallback_get(elo_fallback_job_t *j, elo_fetch_t *fetch,
                 const elo_fetch_ask_t *ask, elo_fetch_result_t *res)
{
    *res = (elo_fetch_result_t){ .why = ELO_FETCH_STOPPED };
    if (atomic_load(&j->f->stop) || !come_to(j, ask->url)) {
        return false;
    }
    elo_ignore(!elo_fetch_get(fetch, ask, res)); /* res says it */
    if (res->why != ELO_FETCH_DONE && res->why != ELO_FETCH_STOPPED
        && res->why != ELO_FETCH_NO_RANGE)
    {
        elo_origins_note(j->f->origins, ask->url, res, false,
                         elo_clock_unix_s());
    }
    return res->why == ELO_FETCH_DONE;
}
