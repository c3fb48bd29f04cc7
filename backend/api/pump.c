/* SPDX-License-Identifier: BSD-2-Clause */
/* pump: the body of a request to a pool thread. */
#include "backend/api/pump.h"

#include <stdlib.h>

#include "common/base/num.h"

#define N_BUFFERS    2u
#define LARGE_BUFFER (1u << 20) /* few ways to the pool and back */
#define SMALL_BUFFER (128u << 10)
#define LARGE_MAX    64u /* pumps with large buffers: 128 MiB of them */

struct elo_pump_s {
    elo_job_t job; /* first */
    elo_pump_cfg_t cfg;
    size_t cap;
    bool is_large;

    /* loop */
    uint8_t *buf[N_BUFFERS];
    size_t len[N_BUFFERS];
    bool is_full[N_BUFFERS]; /* to be worked on */
    uint32_t fill_at;
    uint32_t work_at;
    int64_t length; /* -1: not told */
    uint64_t received;
    bool is_reading;
    bool is_working;
    bool has_begun; /* work was called first */
    bool has_ended; /* the last bytes have come, or none will */
    bool is_ending; /* end was called */
    elo_err_t err;

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
work_piece(elo_job_t *job)
{
    elo_pump_t *p = (elo_pump_t *) job;
    elo_slice_t bytes = elo_slice(NULL, 0);

    if (p->has_begun) {
        bytes = elo_slice(p->buf[p->work_at], p->len[p->work_at]);
    }
    p->work_err = p->cfg.work(p->cfg.ctx, bytes);
}


static void
after_piece(elo_job_t *job)
{
    elo_pump_t *p = (elo_pump_t *) job;

    p->is_working = false;
    if (p->work_err != ELO_OK && (p->err == ELO_OK || p->err == ELO_ECLOSED)) {
        p->err = p->work_err;
    }
    if (p->has_begun) {
        p->is_full[p->work_at] = false;
        p->len[p->work_at] = 0;
        p->work_at = (p->work_at + 1) % N_BUFFERS;
    }
    p->has_begun = true;
    run(p);
}


/* pool */
static void
work_end(elo_job_t *job)
{
    elo_pump_t *p = (elo_pump_t *) job;

    p->cfg.end(p->cfg.ctx, p->err, p->received);
}


static void
after_end(elo_job_t *job)
{
    elo_pump_t *p = (elo_pump_t *) job;
    elo_pump_cfg_t cfg = p->cfg;

    if (p->is_reading) {
        elo_http_req_unread(cfg.req); /* it goes to what is freed here */
    }
    free_pump(p);
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

static void
mark_full(elo_pump_t *p)
{
    if (p->len[p->fill_at] != 0) {
        p->is_full[p->fill_at] = true;
        p->fill_at = (p->fill_at + 1) % N_BUFFERS;
    }
}


static void
on_bytes(void *ctx, elo_slice_t bytes, elo_err_t err)
{
    elo_pump_t *p = ctx;

    p->is_reading = false;
    p->received += bytes.len;
    p->len[p->fill_at] += bytes.len;
    if (p->err == ELO_OK) {
        p->err = err;
    }
    if (p->err == ELO_OK && p->received > p->cfg.max) {
        p->err = ELO_ETOOBIG;
    }
    p->has_ended =
        err != ELO_OK || bytes.len == 0 || (int64_t) p->received == p->length;
    if (p->has_ended || p->len[p->fill_at] == p->cap) {
        mark_full(p);
    }
    run(p);
}


static void
start_reading(elo_pump_t *p)
{
    uint32_t i = p->fill_at;

    p->is_reading = true;
    elo_http_req_read_into(p->cfg.req, p->buf[i] + p->len[i],
                           p->cap - p->len[i], on_bytes, p);
}


/* Starts what can be started. */
static void
run(elo_pump_t *p)
{
    bool may_go = p->err == ELO_OK;
    bool may_work = may_go || p->err == ELO_ECLOSED;

    if (!p->is_working && !p->has_begun && may_go) {
        start_job(p, work_piece, after_piece);
        return;
    }
    if (!p->has_begun && may_go) {
        return;
    }
    if (!p->is_working && p->has_begun && p->is_full[p->work_at] && may_work) {
        start_job(p, work_piece, after_piece);
    }
    if (may_go && !p->is_reading && !p->has_ended && !p->is_full[p->fill_at]) {
        start_reading(p);
    }
    if (p->is_working || p->is_ending) {
        return;
    }
    if (!may_go || p->has_ended) {
        p->is_ending = true;
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
    mark_full(p);
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
