/* SPDX-License-Identifier: BSD-2-Clause */
/* pump: the body of a request to a pool thread, through a ring of buffers: the loop
   fills at n_filled, the worker empties at n_worked, and each moves its own count
   only. The worker goes on by itself as long as there is a full one, and tells
   the loop by a message that one is free again. */
#include "backend/api/pump.h"

#include <stdlib.h>

#include "common/base/num.h"

#define N_BUFFERS    4u
#define LARGE_BUFFER (512u << 10) /* worth a way to the pool and back */
#define SMALL_BUFFER (64u << 10)
#define PIECES_MAX   16u /* then others in the pool's queue have their turn */
#define LARGE_MAX    64u /* pumps with large buffers: 128 MiB of them */

struct elo_pump_s {
    elo_job_t job; /* first */
    elo_pump_cfg_t cfg;
    size_t cap;
    bool is_large;
    uint8_t *buf[N_BUFFERS];

    /* loop */
    int64_t length; /* -1: not told */
    size_t fill;    /* bytes in the buffer that is being filled */
    uint64_t received;
    elo_err_t end_err; /* as the end was begun */
    uint64_t end_received;
    bool is_reading;
    bool is_working; /* a job is on */
    bool has_begun;  /* work was called first */
    bool has_ended;  /* the last bytes have come, or none will */
    bool is_ending;  /* end was called */
    bool is_over;    /* and has returned */
    elo_err_t err;

    /* shared */
    size_t len[N_BUFFERS]; /* of the full ones */
    _Atomic uint32_t n_filled, n_worked;
    elo_post_t post;
    atomic_bool is_posted;

    /* worker */
    elo_err_t work_err;
};


static void run(elo_pump_t *p);


static void
free_pump(elo_pump_t *p)
{
    for (uint32_t i = 0; i < N_BUFFERS; i++) {
        free(p->buf[i]);
    }
    p->cfg.api->n_pumps -= p->is_large;
    free(p);
}


/* ---- the pool's side ---- */

/* pool */
static void
work_begin(elo_job_t *job)
{
    elo_pump_t *p = (elo_pump_t *) job;

    p->work_err = p->cfg.work(p->cfg.ctx, elo_slice(NULL, 0));
}


/* pool */
static void
work_pieces(elo_job_t *job)
{
    elo_pump_t *p = (elo_pump_t *) job;
    uint32_t n = atomic_load(&p->n_worked);

    for (uint32_t k = 0; k < PIECES_MAX && p->work_err == ELO_OK
                         && n != atomic_load(&p->n_filled);
         k++)
    {
        uint32_t i = n % N_BUFFERS;

        p->work_err = p->cfg.work(p->cfg.ctx, elo_slice(p->buf[i], p->len[i]));
        atomic_store(&p->n_worked, ++n);
        if (!atomic_exchange(&p->is_posted, true)) {
            elo_loop_post(p->cfg.api->cfg.loop, &p->post);
        }
    }
}


static void
on_free(elo_post_t *post)
{
    elo_pump_t *p = (elo_pump_t *) ((char *) post - offsetof(elo_pump_t, post));

    atomic_store(&p->is_posted, false);
    if (p->is_over) {
        free_pump(p);
        return;
    }
    run(p);
}


static void
after_work(elo_job_t *job)
{
    elo_pump_t *p = (elo_pump_t *) job;

    p->is_working = false;
    p->has_begun = true;
    if (p->work_err != ELO_OK && (p->err == ELO_OK || p->err == ELO_ECLOSED)) {
        p->err = p->work_err;
    }
    run(p);
}


/* pool */
static void
work_end(elo_job_t *job)
{
    elo_pump_t *p = (elo_pump_t *) job;

    p->cfg.end(p->cfg.ctx, p->end_err, p->end_received);
}


static void
after_end(elo_job_t *job)
{
    elo_pump_t *p = (elo_pump_t *) job;
    elo_pump_cfg_t cfg = p->cfg;

    if (p->is_reading) {
        elo_http_req_unread(cfg.req); /* it goes to what is freed here */
    }
    p->is_over = true;
    if (!atomic_load(&p->is_posted)) {
        free_pump(p); /* else when the message has come */
    }
    cfg.done(cfg.ctx);
}


static void
start_job(elo_pump_t *p, void (*work)(elo_job_t *), void (*after)(elo_job_t *))
{
    p->is_working = true;
    p->job.work = work;
    p->job.after = after;
    elo_loop_work(p->cfg.api->cfg.loop, &p->job);
}


/* ---- the socket's side ---- */

static uint32_t
n_full(elo_pump_t *p)
{
    return atomic_load(&p->n_filled) - atomic_load(&p->n_worked);
}


/* What the buffer has goes to the worker. */
static void
pass_on(elo_pump_t *p)
{
    uint32_t n = atomic_load(&p->n_filled);

    if (p->fill != 0) {
        p->len[n % N_BUFFERS] = p->fill;
        p->fill = 0;
        atomic_store(&p->n_filled, n + 1);
    }
}


static void
on_bytes(void *ctx, elo_slice_t bytes, elo_err_t err)
{
    elo_pump_t *p = ctx;

    p->is_reading = false;
    p->received += bytes.len;
    p->fill += bytes.len;
    if (p->err == ELO_OK) {
        p->err = err;
    }
    if (p->err == ELO_OK && p->received > p->cfg.max) {
        p->err = ELO_ETOOBIG;
    }
    p->has_ended =
        err != ELO_OK || bytes.len == 0 || (int64_t) p->received == p->length;
    if (p->has_ended || p->fill == p->cap) {
        pass_on(p);
    }
    run(p);
}


static void
start_reading(elo_pump_t *p)
{
    uint32_t i = atomic_load(&p->n_filled) % N_BUFFERS;

    p->is_reading = true;
    elo_http_req_read_into(p->cfg.req, p->buf[i] + p->fill, p->cap - p->fill,
                           on_bytes, p);
}


/* Starts what can be started. */
static void
run(elo_pump_t *p)
{
    bool may_read = p->err == ELO_OK && p->has_begun;
    bool may_work = may_read || (p->err == ELO_ECLOSED && p->has_begun);

    if (may_read && !p->is_reading && !p->has_ended && n_full(p) < N_BUFFERS) {
        start_reading(p);
    }
    if (p->is_working || p->is_ending) {
        return;
    }
    if (!p->has_begun && p->err == ELO_OK) {
        start_job(p, work_begin, after_work);
    } else if (may_work && n_full(p) != 0) {
        start_job(p, work_pieces, after_work);
    } else if (p->err != ELO_OK || p->has_ended) {
        p->is_ending = true;
        p->end_err = p->err; /* a read may be under way yet */
        p->end_received = p->received;
        start_job(p, work_end, after_end);
    }
}


bool
elo_pump_cut(elo_pump_t *p)
{
    if (p->has_ended || p->is_ending) {
        return false;
    }
    /* The exchange's end ends a read that is on, without a call. */
    elo_http_res_abort(p->cfg.req);
    p->is_reading = false;
    p->has_ended = true;
    if (p->err == ELO_OK) {
        p->err = ELO_ECLOSED;
    }
    pass_on(p);
    run(p);
    return true;
}


elo_err_t
elo_pump_start(const elo_pump_cfg_t *cfg, elo_pump_t **out)
{
    elo_pump_t *p = calloc(1, sizeof(*p));

    if (p == NULL) {
        return ELO_ENOMEM;
    }
    p->cfg = *cfg;
    p->post.fn = on_free;
    p->length = elo_http_req_body_len(cfg->req);
    p->is_large = (p->length < 0 || p->length > (int64_t) SMALL_BUFFER)
                  && cfg->api->n_pumps < LARGE_MAX;
    p->cap = p->is_large ? LARGE_BUFFER : SMALL_BUFFER;
    cfg->api->n_pumps += p->is_large;
    for (uint32_t i = 0; i < N_BUFFERS; i++) {
        p->buf[i] = malloc(p->cap);
        if (p->buf[i] == NULL) {
            free_pump(p);
            return ELO_ENOMEM;
        }
    }
    *out = p;
    run(p);
    return ELO_OK;
}
