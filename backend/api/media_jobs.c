/* SPDX-License-Identifier: BSD-2-Clause */
/* media_jobs: has blobs indexed by children without privileges, a few at a time.
   A job opens the blob (pool), runs the child, checks what it wrote and keeps it
   (pool). What is the blob's fault (no MP4, malformed, too large, the child
   crashed on it) is kept as the reason and not tried again until the content is
   published again; what is ours (no process to be had, shutdown, a disk that is
   full) leaves the blob as it was, for the next question, but not sooner than
   index_retry_ms: questions may come by the thousand. The queue is only in
   memory: a blob without an index is found by the first question for it. */
#include "backend/api/api_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/media/index.h"
#include "backend/media/index_child.h"
#include "backend/node/shape.h"
#include "backend/os/child.h"
#include "backend/os/fd.h"
#include "backend/os/log.h"
#include "backend/os/memfile.h"
#include "common/base/num.h"
#include "common/http/wire.h"

#define QUEUE_MAX   1024
#define HELD_MAX    64 /* blobs that wait for another try; then the oldest goes */
#define RETRY_MS    10000 /* the default: one read of a large file, now and then */
#define REASON_MAX  512
#define NUMBER_ROOM 24
#define INDEX_START 16 /* what elo_media_index_head_len reads */

typedef struct index_s index_t;

struct elo_media_jobs_s {
    elo_api_cfg_t cfg;
    elo_digest_t queue[QUEUE_MAX]; /* a ring */
    uint32_t first;
    uint32_t n_queued;
    index_t *running;
    uint32_t n_running;
    struct {
        elo_digest_t digest;
        uint64_t until_ms; /* of the loop's clock */
    } held[HELD_MAX];      /* a ring, tried in vain just now */
    uint32_t next_held;
    bool is_stopping;
    void (*done)(void *ctx);
    void *done_ctx;
};

struct index_s {
    elo_job_t job; /* first */
    elo_media_jobs_t *jobs;
    index_t *next;
    elo_digest_t digest;
    elo_blob_stat_t stat;
    elo_blob_t *blob;
    int fd; /* of a copy; -1: the blob has a file of its own */
    elo_child_t *child;
    elo_buf_t output;
    uint8_t status; /* what is to be kept */
    char reason[REASON_MAX];
    elo_err_t err;
};


static void start_some(elo_media_jobs_t *j);


/* ---- lifetime ---- */

elo_err_t
elo_media_jobs_create(const elo_api_cfg_t *cfg, elo_media_jobs_t **out)
{
    elo_media_jobs_t *j = calloc(1, sizeof(*j));

    if (j == NULL) {
        return ELO_ENOMEM;
    }
    j->cfg = *cfg;
    j->cfg.indexer_jobs = ELO_MAX(cfg->indexer_jobs, 1u);
    j->cfg.index_retry_ms =
        cfg->index_retry_ms != 0 ? cfg->index_retry_ms : RETRY_MS;
    j->cfg.index_memory =
        ELO_MAX(cfg->index_memory, (uint64_t) ELO_INDEX_CHILD_MEMORY_MIN);
    *out = j;
    return ELO_OK;
}


void
elo_media_jobs_free(elo_media_jobs_t **j)
{
    if (*j != NULL) {
        assert((*j)->n_running == 0);
        free(*j);
        *j = NULL;
    }
}


static void
work_nothing(elo_job_t *job)
{
    (void) job;
}


typedef struct {
    elo_job_t job; /* first */
    void (*done)(void *ctx);
    void *ctx;
} later_t;


static void
after_nothing(elo_job_t *job)
{
    later_t l = *(later_t *) job;

    free(job);
    l.done(l.ctx);
}


void
elo_media_jobs_stop(elo_media_jobs_t *j, void (*done)(void *ctx), void *ctx)
{
    later_t *l;

    j->is_stopping = true;
    j->n_queued = 0;
    if (j->n_running != 0) {
        j->done = done;
        j->done_ctx = ctx;
        for (index_t *x = j->running; x != NULL; x = x->next) {
            if (x->child != NULL) {
                elo_child_kill(x->child);
            }
        }
        return;
    }
    l = calloc(1, sizeof(*l));
    if (l == NULL) {
        done(ctx); /* at once is better than never */
        return;
    }
    *l = (later_t){ .job = { .work = work_nothing, .after = after_nothing },
                    .done = done,
                    .ctx = ctx };
    elo_loop_work(j->cfg.loop, &l->job);
}


/* ---- the queue ---- */

static bool
is_held_back(const elo_media_jobs_t *j, const elo_digest_t *d)
{
    uint64_t now = elo_loop_now_ms(j->cfg.loop);

    for (uint32_t i = 0; i < HELD_MAX; i++) {
        if (now < j->held[i].until_ms
            && memcmp(&j->held[i].digest, d, sizeof(*d)) == 0) {
            return true;
        }
    }
    return false;
}


static void
hold_back(elo_media_jobs_t *j, const elo_digest_t *d)
{
    j->held[j->next_held].digest = *d;
    j->held[j->next_held].until_ms =
        elo_loop_now_ms(j->cfg.loop) + j->cfg.index_retry_ms;
    j->next_held = (j->next_held + 1) % HELD_MAX;
}


bool
elo_media_jobs_has(const elo_media_jobs_t *j, const elo_digest_t *d)
{
    for (const index_t *x = j->running; x != NULL; x = x->next) {
        if (memcmp(&x->digest, d, sizeof(*d)) == 0) {
            return true;
        }
    }
    for (uint32_t i = 0; i < j->n_queued; i++) {
        if (memcmp(&j->queue[(j->first + i) % QUEUE_MAX], d, sizeof(*d)) == 0) {
            return true;
        }
    }
    return is_held_back(j, d);
}


uint32_t
elo_media_jobs_count(const elo_media_jobs_t *j)
{
    return j->n_queued + j->n_running;
}


void
elo_media_jobs_add(elo_media_jobs_t *j, const elo_digest_t *d)
{
    if (j->is_stopping || elo_media_jobs_has(j, d)) {
        return;
    }
    if (j->n_queued == QUEUE_MAX) {
        elo_log(ELO_LOG_WARN, "the queue of blobs to index is full");
        return;
    }
    j->queue[(j->first + j->n_queued) % QUEUE_MAX] = *d;
    j->n_queued++;
    start_some(j);
}


/* ---- the end of a job ---- */

static bool
bump_referrer(void *ctx, elo_slice_t id)
{
    elo_gen_bump(ctx, elo_gen_slot(id));
    return true;
}


static void
log_end(const index_t *x)
{
    char canon[ELO_ADDR_CANON_LEN + 1];

    elo_addr_canon(&x->digest, canon);
    if (x->err != ELO_OK) {
        elo_log(ELO_LOG_WARN, "blob %.15s was not indexed: %s", canon,
                elo_strerror(x->err));
    } else if (x->status == ELO_MEDIA_READY) {
        elo_log(ELO_LOG_INFO, "blob %.15s is indexed: %zu bytes", canon,
                x->output.len - 1);
    } else {
        elo_log(ELO_LOG_NOTICE, "blob %.15s can't be streamed: \"%s\"", canon,
                x->reason);
    }
}


static void
end_job(index_t *x)
{
    elo_media_jobs_t *j = x->jobs;
    index_t **at = &j->running;

    log_end(x);
    while (*at != x) {
        at = &(*at)->next;
    }
    *at = x->next;
    j->n_running--;
    if (x->err == ELO_OK) {
        /* The store has revoked what was said before it kept the result; this
           revokes a "pending" that was said since. */
        elo_ignore(elo_store_referrers(j->cfg.store, &x->digest, bump_referrer,
                                       elo_store_gen(j->cfg.store)));
    } else if (x->err != ELO_ENOTFOUND) {
        hold_back(j, &x->digest); /* one that was removed needs no patience */
    }
    elo_buf_dispose(&x->output);
    free(x);
    if (!j->is_stopping) {
        start_some(j);
    } else if (j->n_running == 0) {
        j->done(j->done_ctx);
    }
}


/* ---- keeping what the child wrote ---- */

static void
set_reason(index_t *x, const char *text)
{
    x->status = ELO_MEDIA_NONE;
    snprintf(x->reason, sizeof(x->reason), "%s", text);
}


/* Every recipe of a track, the init segment's included. */
static bool
recipes_ok(elo_slice_t index, elo_slice_t head, const elo_media_t *m,
           uint32_t track, uint64_t source_size)
{
    for (uint32_t n = 0; n <= m->tracks[track].n_segments; n++) {
        const uint8_t *extents;
        elo_slice_t prefix;
        uint64_t off, len;
        uint32_t n_extents;

        if (elo_media_index_recipe(head, track, n, &off, &len) != ELO_OK
            || off > index.len || len > index.len - off
            || elo_media_recipe_check(elo_slice(index.p + off, (size_t) len),
                                      source_size, &prefix, &n_extents,
                                      &extents)
                   != ELO_OK)
        {
            return false;
        }
    }
    return true;
}


/* The index is used only if this program's own reader takes all of it: one that
   is refused later would be made again for nothing. */
static bool
index_ok(const index_t *x, elo_slice_t index)
{
    elo_slice_t head;
    elo_media_t *m;
    uint64_t len;
    bool ok;

    if (index.len < INDEX_START
        || elo_media_index_head_len(elo_slice(index.p, INDEX_START), &len)
               != ELO_OK
        || len > index.len)
    {
        return false;
    }
    head = elo_slice(index.p, (size_t) len);
    m = calloc(1, sizeof(*m));
    ok = m != NULL
         && elo_media_index_parse(head, index.len, x->stat.size, m) == ELO_OK
         && m->n_tracks > 0;
    for (uint32_t i = 0; ok && i < m->n_tracks; i++) {
        ok = recipes_ok(index, head, m, i, x->stat.size);
    }
    free(m);
    return ok;
}


/* Output of a child that ended well: status 1, then index or reason. */
static void
judge_output(index_t *x)
{
    elo_slice_t rest;

    if (x->output.len < 1) {
        set_reason(x, "the indexer said nothing");
        return;
    }
    rest = elo_slice(x->output.p + 1, x->output.len - 1);
    if (x->output.p[0] == ELO_MEDIA_READY && index_ok(x, rest)) {
        x->status = ELO_MEDIA_READY;
    } else if (x->output.p[0] == ELO_MEDIA_NONE && rest.len > 0
               && rest.len < sizeof(x->reason)
               && elo_shape_text_len(rest, false) != SIZE_MAX)
    {
        x->status = ELO_MEDIA_NONE;
        memcpy(x->reason, rest.p, rest.len);
        x->reason[rest.len] = '\0';
    } else {
        set_reason(x, "the indexer made nothing that can be used");
    }
}


/* pool */
static void
work_keep(elo_job_t *job)
{
    index_t *x = (index_t *) job;
    elo_slice_t index = elo_slice(NULL, 0);

    if (x->status == 0) {
        judge_output(x);
    }
    if (x->status == ELO_MEDIA_READY) {
        index = elo_slice(x->output.p + 1, x->output.len - 1);
    }
    x->err = elo_store_media_put(x->jobs->cfg.store, &x->digest, x->status,
                                 index, elo_slice_str(x->reason));
}


static void
after_keep(elo_job_t *job)
{
    end_job((index_t *) job);
}


/* ---- the child ---- */

/* Why a blob can't be indexed, from how its child ended. False when that was
   not the blob's doing. */
static bool
blame(index_t *x, const elo_child_result_t *res)
{
    switch (res->err) {
    case ELO_ETIMEDOUT:
        snprintf(x->reason, sizeof(x->reason),
                 "indexing it took longer than %u seconds",
                 x->jobs->cfg.index_timeout_ms / 1000);
        break;
    case ELO_ETOOBIG:
        set_reason(x, "its media index would be too large");
        break;
    case ELO_ENOMEM:
        set_reason(x, "indexing it takes too much memory");
        break;
    case ELO_EINTERNAL:
        if (elo_child_was_ended(res)) {
            return false;
        }
        if (res->signal != 0) {
            snprintf(x->reason, sizeof(x->reason),
                     "the indexer died (signal %d)", res->signal);
        } else {
            snprintf(x->reason, sizeof(x->reason),
                     "the indexer failed (status %d)", res->exit_status);
        }
        break;
    default:
        return false;
    }
    x->status = ELO_MEDIA_NONE;
    return true;
}


static void
on_child(void *ctx, elo_child_result_t *res)
{
    index_t *x = ctx;

    x->child = NULL;
    if (res->err != ELO_OK && !blame(x, res)) {
        x->err = res->err;
        end_job(x);
        return;
    }
    if (res->err == ELO_OK) {
        x->output = res->output;
        res->output = (elo_buf_t){ 0 };
    }
    x->job.work = work_keep;
    x->job.after = after_keep;
    elo_loop_work(x->jobs->cfg.loop, &x->job);
}


static elo_err_t
run_child(index_t *x)
{
    const elo_api_cfg_t *cfg = &x->jobs->cfg;
    char target[NUMBER_ROOM], memory[NUMBER_ROOM];
    const char *args[] = { ELO_INDEX_CHILD_ARG, target, memory, NULL };

    snprintf(target, sizeof(target), "%u", cfg->segment_target_ms);
    snprintf(memory, sizeof(memory), "%llu",
             (unsigned long long) cfg->index_memory);
    return elo_child_run(
        cfg->loop,
        &(elo_child_cfg_t){
            .name = ELO_INDEX_CHILD_NAME,
            .args = args,
            .input_fd = x->fd >= 0 ? x->fd : elo_blob_fd(x->blob),
            .max_output = cfg->index_memory / 2 + 1,
            .timeout_ms = cfg->index_timeout_ms,
        },
        on_child, x, &x->child);
}


/* ---- the beginning ---- */

/* A blob in the log is copied: its file holds others' bytes too, which are none of
   the child's business. */
static elo_err_t
copy_blob(index_t *x)
{
    size_t len = (size_t) x->stat.size;
    uint8_t *p = malloc(len + 1);
    elo_err_t rc;

    if (p == NULL) {
        return ELO_ENOMEM;
    }
    rc = elo_blob_read(x->blob, 0, p, len);
    if (rc == ELO_OK) {
        rc = elo_memfile(elo_slice(p, len), &x->fd);
    }
    free(p);
    return rc;
}


/* pool */
static void
work_open(elo_job_t *job)
{
    index_t *x = (index_t *) job;
    elo_store_t *s = x->jobs->cfg.store;

    x->err = elo_store_stat(s, &x->digest, NULL, &x->stat);
    if (x->err == ELO_OK && x->stat.is_sealed) {
        x->err = ELO_EUNSUPPORTED; /* it was asked for when it was clear */
    }
    if (x->err == ELO_OK) {
        x->err = elo_api_open_blob(s, &x->stat, &x->blob);
    }
    if (x->err == ELO_OK
        && !elo_slice_has_prefix(elo_slice_str(x->stat.name),
                                 ELO_SLICE("blobs/")))
    {
        x->err = x->stat.size <= ELO_INLINE_MAX ? copy_blob(x) : ELO_EINTERNAL;
    }
}


static void
close_input(index_t *x)
{
    elo_blob_close(&x->blob);
    elo_fd_close(&x->fd);
}


static void
after_open(elo_job_t *job)
{
    index_t *x = (index_t *) job;

    if (x->err == ELO_OK && x->jobs->is_stopping) {
        x->err = ELO_ECLOSED;
    }
    if (x->err == ELO_OK) {
        x->err = run_child(x);
    }
    close_input(x); /* the child has its own by now */
    if (x->err != ELO_OK) {
        end_job(x);
    }
}


static void
start_one(elo_media_jobs_t *j)
{
    index_t *x = calloc(1, sizeof(*x));

    if (x != NULL) {
        x->jobs = j;
        x->fd = -1;
        x->digest = j->queue[j->first];
        x->next = j->running;
        j->running = x;
        j->n_running++;
        x->job.work = work_open;
        x->job.after = after_open;
        elo_loop_work(j->cfg.loop, &x->job);
    }
    j->first = (j->first + 1) % QUEUE_MAX;
    j->n_queued--;
}


static void
start_some(elo_media_jobs_t *j)
{
    while (j->n_queued > 0 && j->n_running < j->cfg.indexer_jobs) {
        start_one(j);
    }
}
