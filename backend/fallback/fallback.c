/* SPDX-License-Identifier: BSD-2-Clause */
/* fallback: the loop's side: who waits for what. See the header. */
#include "backend/fallback/fallback_internal.h"

#include <assert.h>
#include <stdlib.h>

#include "backend/os/clock.h"
#include "backend/os/log.h"
#include "common/base/num.h"

#define COPIES_MAX     4096u
#define PROBE_FIRST_MS 10000u
#define MS_PER_S       UINT64_C(1000)
#define RETRY_MIN_S    1


/* ---- jobs ---- */

static void
free_job(elo_fallback_job_t *j)
{
    elo_want_dispose(&j->want);
    elo_copy_release(&j->copy);
    elo_fallback_chunk_release(&j->chunk);
    free(j);
}


static void
unlink_job(elo_fallback_job_t *j)
{
    if (j->prev != NULL) {
        j->prev->next = j->next;
    } else {
        j->f->jobs = j->next;
    }
    if (j->next != NULL) {
        j->next->prev = j->prev;
    }
}


static elo_copy_t *
another(elo_fallback_job_t *j)
{
    return j->copy == NULL ? NULL : elo_copy_hold(j->copy);
}


static void
tell_all(elo_fallback_job_t *j)
{
    elo_fallback_wait_t *w;

    while ((w = j->waits) != NULL) {
        j->waits = w->_next;
        w->_job = NULL;
        w->err = j->err;
        w->copy = NULL;
        w->chunk = NULL;
        if (j->err == ELO_OK && j->is_chunk) {
            w->chunk = j->chunk;
            w->chunk->refs++;
        } else if (j->err == ELO_OK) {
            w->copy = another(j);
        }
        w->done(w); /* may free it, and forget others */
    }
}


/* The operator is told of those that were asked for, the last ones once each. */
static void
note_too_big(elo_fallback_t *f, const elo_want_t *want)
{
    for (uint32_t i = 0; i < ELO_COUNT(f->too_big); i++) {
        if (memcmp(&f->too_big[i], &want->digest, sizeof(want->digest)) == 0) {
            return;
        }
    }
    f->too_big[f->n_too_big++ % ELO_COUNT(f->too_big)] = want->digest;
    elo_log(ELO_LOG_WARN,
            "content \"%s\": a blob of %llu bytes is larger than "
            "fallback_cache, and its hash tree isn't stated by whom it needs "
            "(elohim agent manifest): it isn't fetched",
            want->id, (unsigned long long) want->size);
}


/* It isn't as large as its owner says: grants that say so too are over. */
static void
judge_size(const elo_fallback_job_t *j)
{
    elo_gen_page_t *gen = elo_store_gen(j->f->cfg.store);
    const elo_want_t *w = &j->want;

    if (j->copy == NULL || j->is_chunk || w->size == elo_copy_size(j->copy)) {
        return;
    }
    elo_gen_bump(gen,
                 elo_gen_slot(elo_slice(w->digest.b, sizeof(w->digest.b))));
    elo_gen_bump(gen, elo_gen_slot(elo_slice_str(w->id)));
    if (w->size != 0) {
        elo_log(ELO_LOG_WARN,
                "content \"%s\": a blob has %llu bytes, not %llu as its "
                "sizeBytes says",
                w->id, (unsigned long long) elo_copy_size(j->copy),
                (unsigned long long) w->size);
    }
}


static void
end_job(elo_fallback_job_t *j)
{
    elo_fallback_t *f = j->f;

    unlink_job(j);
    judge_size(j);
    if (j->err == ELO_ETOOBIG && j->run == elo_fallback_run_tree) {
        note_too_big(f, &j->want);
    }
    if (j->is_probe) {
        f->is_probing = false;
    }
    tell_all(j);
    free_job(j);
    elo_loop_unhold(f->cfg.loop);
}


static void
on_post(elo_post_t *post)
{
    end_job((elo_fallback_job_t *) ((char *) post
                                    - offsetof(elo_fallback_job_t, post)));
}


static elo_fallback_job_t *
new_job(elo_fallback_t *f, const elo_want_t *want)
{
    elo_fallback_job_t *j = calloc(1, sizeof(*j));

    if (j == NULL || (want != NULL && elo_want_copy(want, &j->want) != ELO_OK))
    {
        free(j);
        return NULL;
    }
    j->f = f;
    j->post.fn = on_post;
    return j;
}


static void
link_job(elo_fallback_job_t *j)
{
    elo_fallback_t *f = j->f;

    j->next = f->jobs;
    if (j->next != NULL) {
        j->next->prev = j;
    }
    f->jobs = j;
    elo_loop_hold(f->cfg.loop);
}


/* Frees j when it can't be given. */
static elo_err_t
give(elo_fallback_job_t *j)
{
    elo_fallback_t *f = j->f;
    elo_err_t rc;

    link_job(j);
    rc = elo_fallback_crew_give(f, j);
    if (rc != ELO_OK) {
        unlink_job(j);
        elo_loop_unhold(f->cfg.loop);
        free_job(j);
    }
    return rc;
}


static void
wait_for(elo_fallback_job_t *j, elo_fallback_wait_t *w)
{
    w->_job = j;
    w->_next = j->waits;
    j->waits = w;
}


void
elo_fallback_forget(elo_fallback_wait_t *w)
{
    elo_fallback_job_t *j = w->_job;

    if (j == NULL) {
        return;
    }
    for (elo_fallback_wait_t **at = &j->waits; *at != NULL; at = &(*at)->_next)
    {
        if (*at == w) {
            *at = w->_next;
            break;
        }
    }
    w->_job = NULL;
}


void
elo_fallback_chunk_release(elo_fallback_chunk_t **c)
{
    if (*c != NULL && --(*c)->refs == 0) {
        free(*c);
    }
    *c = NULL;
}


/* ---- wholes ---- */

static bool
may_try(elo_fallback_t *f, const elo_want_t *want)
{
    int64_t now = elo_clock_unix_s();

    for (uint32_t i = 0; i < want->n_urls; i++) {
        if (elo_origins_next(f->origins, want->urls[i]) <= now) {
            return true;
        }
    }
    return false;
}


/* Is its tree enough to begin with? What is to be kept comes as a whole. */
static bool
has_tree(const elo_fallback_t *f, const elo_want_t *want)
{
    return f->cfg.mode == ELO_FALLBACK_READ && want->has_root
           && elo_copy_layer_len(want->size) != 0;
}


/* The fetch of that very blob for that owner; another node of his may name other
   URLs, and then its turn comes when this one has failed. */
static elo_fallback_job_t *
find_whole(const elo_fallback_t *f, const elo_want_t *want)
{
    for (elo_fallback_job_t *j = f->jobs; j != NULL; j = j->next) {
        if (!j->is_probe && !j->is_chunk
            && memcmp(&j->want.digest, &want->digest, sizeof(want->digest)) == 0
            && elo_agent_eq(&j->want.owner, &want->owner)
            && j->want.has_root == want->has_root
            && memcmp(&j->want.root, &want->root, sizeof(want->root)) == 0)
        {
            return j;
        }
    }
    return NULL;
}


bool
elo_fallback_is_under_way(const elo_fallback_t *f, const elo_want_t *want)
{
    return find_whole(f, want) != NULL;
}


bool
elo_fallback_is_possible(const elo_fallback_t *f, const elo_want_t *want)
{
    return want->size <= f->cfg.cache_bytes || f->cfg.mode == ELO_FALLBACK_KEEP
           || (want->has_root && elo_copy_layer_len(want->size) != 0);
}


elo_copy_t *
elo_fallback_copy(elo_fallback_t *f, const elo_want_t *want)
{
    elo_copy_t *copy =
        elo_copies_find(f->copies, &want->digest, &want->owner, NULL);

    if (copy == NULL && want->has_root) {
        copy = elo_copies_find(f->copies, &want->digest, &want->owner,
                               &want->root);
    }
    return copy;
}


elo_err_t
elo_fallback_open(elo_fallback_t *f, const elo_want_t *want,
                  elo_fallback_wait_t *w)
{
    elo_fallback_job_t *j;
    elo_err_t rc;

    w->_job = NULL;
    w->chunk = NULL;
    w->copy = elo_fallback_copy(f, want);
    if (w->copy != NULL) {
        return ELO_OK;
    }
    if (!elo_fallback_is_possible(f, want)) {
        note_too_big(f, want);
        return ELO_ETOOBIG;
    }
    if ((j = find_whole(f, want)) != NULL) {
        wait_for(j, w);
        return ELO_EAGAIN;
    }
    if (!may_try(f, want)) {
        return ELO_EUNAVAIL;
    }
    if ((j = new_job(f, want)) == NULL) {
        return ELO_ENOMEM;
    }
    j->run = has_tree(f, want) ? elo_fallback_run_tree : elo_fallback_run_whole;
    wait_for(j, w);
    rc = give(j);
    if (rc != ELO_OK) {
        w->_job = NULL;
        return rc;
    }
    return ELO_EAGAIN;
}


/* ---- chunks ---- */

/* pool */
static void
work_local(elo_job_t *job)
{
    elo_fallback_job_t *j = (elo_fallback_job_t *) job;
    size_t len = elo_copy_chunk_len(j->copy, j->number);

    j->chunk = malloc(sizeof(*j->chunk) + len);
    if (j->chunk == NULL) {
        j->err = ELO_ENOMEM;
        return;
    }
    j->chunk->refs = 1;
    j->chunk->len = len;
    j->err = elo_copy_read(j->copy, j->number, j->chunk->p);
}


static void
after_local(elo_job_t *job)
{
    end_job((elo_fallback_job_t *) job);
}


static elo_fallback_job_t *
find_chunk(elo_fallback_t *f, const elo_copy_t *copy, uint32_t number)
{
    for (elo_fallback_job_t *j = f->jobs; j != NULL; j = j->next) {
        if (j->is_chunk && j->copy == copy && j->number == number) {
            return j;
        }
    }
    return NULL;
}


elo_err_t
elo_fallback_chunk(elo_fallback_t *f, elo_copy_t *copy, const elo_want_t *want,
                   uint32_t number, elo_fallback_wait_t *w)
{
    elo_fallback_job_t *j = find_chunk(f, copy, number);
    elo_err_t rc = ELO_OK;

    w->_job = NULL;
    if (j != NULL) {
        wait_for(j, w);
        return ELO_OK;
    }
    if ((j = new_job(f, want)) == NULL) {
        return ELO_ENOMEM;
    }
    j->is_chunk = true;
    j->number = number;
    j->copy = elo_copy_hold(copy);
    wait_for(j, w);
    if (elo_copy_has(copy, number)) {
        link_job(j);
        j->local.work = work_local;
        j->local.after = after_local;
        elo_loop_work(f->cfg.loop, &j->local);
        return ELO_OK;
    }
    j->run = elo_fallback_run_piece;
    if ((rc = give(j)) != ELO_OK) {
        w->_job = NULL;
    }
    return rc;
}


/* ---- probes ---- */

bool
elo_fallback_probe(elo_fallback_t *f)
{
    elo_fallback_job_t *j;

    if (f->is_probing || (j = new_job(f, NULL)) == NULL) {
        return false;
    }
    j->is_probe = true;
    j->run = elo_fallback_run_probe;
    f->is_probing = give(j) == ELO_OK;
    return f->is_probing;
}


static void
on_probe_time(void *ctx)
{
    elo_ignore(!elo_fallback_probe(ctx)); /* it is at it */
}


/* ---- lifetime ---- */

static void
free_parts(elo_fallback_t *f)
{
    elo_report_free(&f->report);
    elo_copies_free(&f->copies);
    elo_origins_free(&f->origins);
    elo_cond_dispose(&f->end);
    elo_cond_dispose(&f->work);
    elo_mutex_dispose(&f->mtx);
    free(f);
}


static elo_err_t
make_parts(elo_fallback_t *f)
{
    elo_origins_cfg_t sources = { .store = f->cfg.store,
                                  .retry_s = f->cfg.retry_s,
                                  .retry_max_s = f->cfg.retry_max_s };
    elo_copies_cfg_t copies = { .root = f->cfg.root,
                                .max_bytes = f->cfg.cache_bytes,
                                .min_free_bytes = f->cfg.min_free_bytes,
                                .max_copies = COPIES_MAX };
    elo_err_t rc;

    if ((rc = elo_fetch_setup()) != ELO_OK
        || (rc = elo_origins_create(&sources, &f->origins)) != ELO_OK
        || (rc = elo_copies_create(&copies, &f->copies)) != ELO_OK
        || (rc = elo_report_create(&f->report)) != ELO_OK)
    {
        return rc;
    }
    if (f->cfg.probe_s != 0) {
        rc = elo_timer_create(
            f->cfg.loop,
            ELO_MIN((uint64_t) PROBE_FIRST_MS, f->cfg.probe_s * MS_PER_S),
            f->cfg.probe_s * MS_PER_S, on_probe_time, f, &f->probe_timer);
    }
    return rc;
}


elo_err_t
elo_fallback_create(const elo_fallback_cfg_t *cfg, elo_fallback_t **out)
{
    elo_fallback_t *f = calloc(1, sizeof(*f));
    elo_err_t rc;

    if (f == NULL) {
        return ELO_ENOMEM;
    }
    assert(cfg->jobs >= 1 && cfg->jobs <= ELO_FALLBACK_JOBS_MAX);
    f->cfg = *cfg;
    atomic_init(&f->stop, false);
    if ((rc = elo_mutex_init(&f->mtx)) != ELO_OK) {
        free(f);
        return rc;
    }
    if ((rc = elo_cond_init(&f->work)) != ELO_OK) {
        elo_mutex_dispose(&f->mtx);
        free(f);
        return rc;
    }
    if ((rc = elo_cond_init(&f->end)) != ELO_OK) {
        elo_cond_dispose(&f->work);
        elo_mutex_dispose(&f->mtx);
        free(f);
        return rc;
    }
    if ((rc = make_parts(f)) != ELO_OK
        || (rc = elo_fallback_crew_start(f)) != ELO_OK)
    {
        elo_timer_free(&f->probe_timer);
        free_parts(f);
        return rc;
    }
    *out = f;
    return ELO_OK;
}


void
elo_fallback_stop(elo_fallback_t *f)
{
    elo_timer_free(&f->probe_timer);
    elo_fallback_crew_stop(f);
}


void
elo_fallback_free(elo_fallback_t **fp)
{
    elo_fallback_t *f = *fp;

    if (f != NULL) {
        *fp = NULL;
        elo_fallback_stop(f);
        elo_fallback_crew_join(f);
        assert(f->jobs == NULL);
        free_parts(f);
    }
}


/* ---- what others look at ---- */

uint32_t
elo_fallback_retry_s(elo_fallback_t *f, const elo_want_t *want)
{
    int64_t now = elo_clock_unix_s(), first = INT64_MAX;

    for (uint32_t i = 0; i < want->n_urls; i++) {
        first = ELO_MIN(first, elo_origins_next(f->origins, want->urls[i]));
    }
    return first - now <= RETRY_MIN_S
               ? RETRY_MIN_S
               : (uint32_t) ELO_MIN(first - now, (int64_t) UINT32_MAX);
}


elo_fallback_mode_t
elo_fallback_mode(const elo_fallback_t *f)
{
    return f->cfg.mode;
}


elo_origins_t *
elo_fallback_origins(elo_fallback_t *f)
{
    return f->origins;
}


elo_report_t *
elo_fallback_report(elo_fallback_t *f)
{
    return f->report;
}


elo_copies_t *
elo_fallback_copies(elo_fallback_t *f)
{
    return f->copies;
}
