/* SPDX-License-Identifier: BSD-2-Clause */
/* put_small: a blob that comes in one piece and is kept in the log: the short way.
   The body stays where the connection read it. All that came in one turn of the
   loop are hashed together, for the CPU hashes many at a time for little more
   than one; then the commit thread decides upon them and writes them, and each is
   answered from the loop:

     gather ── elo_loop_later ──► hash ──► (commit thread) ── elo_loop_post ──►
                                                                       answer

   What takes longer to hash or must be encrypted is hashed on a pool thread:
   then two things must have come to an end before the answer. */
#include "backend/api/put_small.h"

#include <stdlib.h>

#include "common/base/sha256_many.h"

#define SPARE_MAX  512
#define LOOP_MAX   (64u << 10) /* about what a way to the pool costs */
#define GATHER_MAX 64u         /* hashed together */

struct elo_small_put_s {
    elo_small_t small; /* first */
    elo_post_t post;
    elo_job_t job;
    elo_api_t *api;
    elo_http_req_t *req;
    elo_put_ask_t ask;
    bool is_on_pool; /* loop */
    bool is_written; /* loop */
    elo_err_t err;   /* of the commit thread */
    elo_small_put_t *next;
};


/* ---- a list of them ---- */

static elo_small_put_t *
take(elo_api_t *a)
{
    elo_small_put_t *p = a->spare_puts;

    if (p == NULL) {
        return calloc(1, sizeof(*p));
    }
    a->spare_puts = p->next;
    a->n_spare_puts--;
    return p;
}


static void
give_back(elo_small_put_t *p)
{
    elo_api_t *a = p->api;

    elo_put_ask_dispose(&p->ask);
    if (a->n_spare_puts == SPARE_MAX) {
        free(p);
        return;
    }
    p->next = a->spare_puts;
    a->spare_puts = p;
    a->n_spare_puts++;
}


void
elo_small_put_free_all(elo_api_t *a)
{
    while (a->spare_puts != NULL) {
        elo_small_put_t *p = a->spare_puts;

        a->spare_puts = p->next;
        free(p);
    }
    a->n_spare_puts = 0;
}


/* ---- the end ---- */

static void
finish(elo_small_put_t *p)
{
    elo_loop_unhold(p->api->cfg.loop);
    if (p->err == ELO_OK) {
        elo_put_reply(p->api, p->req, &p->ask, &p->small.stat,
                      p->small.existed);
    } else {
        elo_put_refuse(p->req, p->err);
    }
    give_back(p);
}


static void
on_post(elo_post_t *post)
{
    elo_small_put_t *p =
        (elo_small_put_t *) ((char *) post - offsetof(elo_small_put_t, post));

    p->is_written = true;
    if (!p->is_on_pool) {
        finish(p);
    }
}


/* commit thread */
static void
on_done(elo_small_t *small, elo_err_t err)
{
    elo_small_put_t *p = (elo_small_put_t *) small;

    p->err = err;
    elo_loop_post(p->api->cfg.loop, &p->post);
}


/* ---- the beginning ---- */

/* pool */
static void
work(elo_job_t *job)
{
    elo_small_put_t *p =
        (elo_small_put_t *) ((char *) job - offsetof(elo_small_put_t, job));

    elo_store_put_small(p->api->cfg.store, &p->small);
}


static void
after(elo_job_t *job)
{
    elo_small_put_t *p =
        (elo_small_put_t *) ((char *) job - offsetof(elo_small_put_t, job));

    p->is_on_pool = false;
    if (p->is_written) {
        finish(p);
    }
}


/* Hashes what was gathered, and hands it over. Without success each is hashed by
   the store, which then says what is wrong. */
static void
submit_gathered(elo_api_t *a)
{
    elo_slice_t bytes[GATHER_MAX];
    elo_digest_t digest[GATHER_MAX];
    elo_small_put_t *p = a->gathered;
    uint32_t n = 0;
    bool is_hashed;

    for (elo_small_put_t *q = p; q != NULL; q = q->next) {
        bytes[n++] = q->small.bytes;
    }
    a->gathered = NULL;
    a->gathered_last = &a->gathered;
    a->n_gathered = 0;
    is_hashed = n > 1 && elo_sha256_many(bytes, n, digest) == ELO_OK;
    for (uint32_t i = 0; i < n; i++) {
        elo_small_put_t *next = p->next;

        p->small.is_hashed = is_hashed;
        if (is_hashed) {
            p->small.stat.digest = digest[i];
        }
        elo_store_put_small(a->cfg.store, &p->small);
        p = next;
    }
}


void
elo_small_put_gathered(elo_post_t *post)
{
    elo_api_t *a = (elo_api_t *) ((char *) post - offsetof(elo_api_t, later));

    a->is_later = false;
    if (a->gathered != NULL) {
        submit_gathered(a);
    }
}


static void
gather(elo_small_put_t *p)
{
    elo_api_t *a = p->api;

    p->next = NULL;
    if (a->gathered == NULL) {
        a->gathered_last = &a->gathered;
    }
    if (!a->is_later) {
        a->is_later = true;
        elo_loop_later(a->cfg.loop, &a->later);
    }
    *a->gathered_last = p;
    a->gathered_last = &p->next;
    if (++a->n_gathered == GATHER_MAX) {
        submit_gathered(a);
    }
}


static void
start(elo_small_put_t *p, elo_slice_t bytes)
{
    p->small.bytes = bytes;
    p->small.is_hashed = false;
    elo_loop_hold(p->api->cfg.loop);
    if (bytes.len <= LOOP_MAX && p->ask.opt.reach >= ELO_REACH_NEIGHBORHOOD) {
        gather(p);
        return;
    }
    p->is_on_pool = true;
    p->job.work = work;
    p->job.after = after;
    elo_loop_work(p->api->cfg.loop, &p->job);
}


static void
on_body(void *ctx, elo_slice_t bytes, elo_err_t err)
{
    elo_small_put_t *p = ctx;

    if (err != ELO_OK) {
        elo_put_refuse(p->req, err);
        give_back(p);
        return;
    }
    start(p, bytes);
}


bool
elo_small_put_fits(const elo_api_t *a, int64_t len)
{
    return len >= 0 && len <= (int64_t) ELO_HTTP_WHOLE_MAX
           && (uint64_t) len <= a->cfg.inline_bytes;
}


void
elo_small_put(elo_api_t *a, elo_http_req_t *req, const elo_put_ask_t *ask)
{
    elo_small_put_t *p = take(a);
    elo_slice_t bytes;

    if (p == NULL) {
        elo_put_ask_t gone = *ask;

        elo_put_ask_dispose(&gone);
        elo_put_refuse(req, ELO_ENOMEM);
        return;
    }
    p->api = a;
    p->req = req;
    p->ask = *ask;
    p->small.opt = ask->opt;
    p->small.done = on_done;
    p->post.fn = on_post;
    p->is_on_pool = p->is_written = false;
    if (elo_http_req_body_now(req, &bytes)) {
        start(p, bytes);
    } else {
        elo_http_req_read_whole(req, on_body, p);
    }
}
