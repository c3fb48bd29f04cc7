/* SPDX-License-Identifier: BSD-2-Clause */
/* blob_send: a range of a blob to the client through two buffers: while
   one is written to the socket, a pool thread fills the other. pump() starts
   whatever can be started; each of the two activities ends in pump(). */
#include "backend/api/blob_send.h"

#include <stdlib.h>

#include "backend/os/log.h"
#include "common/base/num.h"

#define PIECE     (256u * 1024)
#define N_BUFFERS 2u
#define REOPENS   4 /* after a move: compaction takes long for each */

typedef struct {
    elo_job_t job; /* first */
    elo_api_t *api;
    elo_http_req_t *req;
    elo_blob_send_t what;
    elo_err_t err; /* loop: of the pool, or of the socket */

    /* worker: the loop looks only when the job is done */
    elo_blob_t *blob;
    elo_err_t work_err;

    /* loop */
    uint8_t *buf[N_BUFFERS];
    size_t full[N_BUFFERS]; /* bytes in it that wait to be written */
    uint32_t read_at;       /* the buffer that is filled next */
    uint32_t write_at;      /* the one that is written next */
    uint64_t read_off;      /* in the blob: what is read next */
    uint64_t left;          /* bytes not yet handed to the socket */
    size_t reading;         /* bytes that the pool reads now, or 0 */
    bool is_writing;
    bool has_ended; /* the exchange: req is not ours any more */
} send_t;


static void pump(send_t *s);


static void
free_send(send_t *s)
{
    elo_blob_close(&s->blob);
    for (uint32_t i = 0; i < N_BUFFERS; i++) {
        free(s->buf[i]);
    }
    free(s);
}


/* pool */
static void
work_read(elo_job_t *job)
{
    send_t *s = (send_t *) job;

    s->work_err =
        elo_blob_read(s->blob, s->read_off, s->buf[s->read_at], s->reading);
}


static void
after_read(elo_job_t *job)
{
    send_t *s = (send_t *) job;

    if (s->work_err == ELO_OK) {
        s->full[s->read_at] = s->reading;
        s->read_off += s->reading;
        s->read_at = (s->read_at + 1) % N_BUFFERS;
    } else {
        char canon[ELO_ADDR_CANON_LEN + 1];

        elo_addr_canon(&s->what.stat.digest, canon);
        elo_log(ELO_LOG_ERROR, "blob %.15s can't be read at %llu: %s", canon,
                (unsigned long long) s->read_off, elo_strerror(s->work_err));
        s->err = s->err != ELO_OK ? s->err : s->work_err;
    }
    s->reading = 0;
    pump(s);
}


static void
on_written(void *ctx, elo_err_t err)
{
    send_t *s = ctx;

    s->is_writing = false;
    s->full[s->write_at] = 0;
    s->write_at = (s->write_at + 1) % N_BUFFERS;
    s->has_ended = s->left == 0; /* whatever became of the last piece */
    if (err != ELO_OK && s->err == ELO_OK) {
        s->err = err;
    }
    pump(s);
}


static void
start_write(send_t *s)
{
    size_t n = s->full[s->write_at];

    s->is_writing = true;
    s->left -= n;
    elo_http_res_write(s->req, elo_slice(s->buf[s->write_at], n), on_written,
                       s);
}


static void
start_read(send_t *s)
{
    s->reading =
        (size_t) ELO_MIN((uint64_t) PIECE, s->what.range.end - s->read_off);
    s->job.work = work_read;
    s->job.after = after_read;
    elo_loop_work(s->api->cfg.loop, &s->job);
}


static void
pump(send_t *s)
{
    bool is_failed = s->err != ELO_OK || s->has_ended;

    if (!is_failed && s->reading == 0 && s->full[s->read_at] == 0
        && s->read_off < s->what.range.end)
    {
        start_read(s);
    }
    if (!is_failed && !s->is_writing && s->full[s->write_at] != 0) {
        start_write(s);
    }
    if (!is_failed || s->reading != 0 || s->is_writing) {
        return;
    }
    if (!s->has_ended) {
        elo_http_res_abort(s->req);
    }
    free_send(s);
}


/* ---- the beginning ---- */

elo_err_t
elo_api_open_blob(elo_store_t *s, elo_blob_stat_t *st, elo_blob_t **out)
{
    elo_err_t rc = elo_blob_open(s, st, out);

    for (int i = 0; i < REOPENS && rc == ELO_ENOTFOUND; i++) {
        rc = elo_store_stat(s, &st->digest, NULL, st);
        if (rc == ELO_OK) {
            rc = elo_blob_open(s, st, out);
        }
    }
    return rc;
}


/* pool: the file is opened and the first piece read in one go. */
static void
work_open(elo_job_t *job)
{
    send_t *s = (send_t *) job;

    s->work_err = elo_api_open_blob(s->api->cfg.store, &s->what.stat, &s->blob);
    if (s->work_err == ELO_OK && s->reading != 0) {
        work_read(job);
    }
}


static void
after_open(elo_job_t *job)
{
    send_t *s = (send_t *) job;

    if (s->work_err != ELO_OK) {
        /* removed since it was looked up: the same as not held */
        elo_reply_err(s->req, s->work_err, NULL);
        free_send(s);
        return;
    }
    s->what.head(s->what.ctx, s->req);
    elo_http_res_stream(s->req, s->left);
    if (s->left == 0) {
        free_send(s);
        return;
    }
    after_read(job);
}


static elo_err_t
make_buffers(send_t *s)
{
    uint32_t n = s->left > PIECE ? N_BUFFERS : 1;
    size_t size = (size_t) ELO_MAX(ELO_MIN((uint64_t) PIECE, s->left), 1u);

    for (uint32_t i = 0; i < n; i++) {
        s->buf[i] = malloc(size);
        if (s->buf[i] == NULL) {
            return ELO_ENOMEM;
        }
    }
    return ELO_OK;
}


void
elo_blob_send(elo_api_t *a, elo_http_req_t *req, const elo_blob_send_t *what)
{
    send_t *s = calloc(1, sizeof(*s) + what->ctx_len);

    if (s == NULL) {
        elo_reply_err(req, ELO_ENOMEM, NULL);
        return;
    }
    s->api = a;
    s->req = req;
    s->what = *what;
    memcpy(s + 1, what->ctx, what->ctx_len);
    s->what.ctx = s + 1;
    s->read_off = what->range.start;
    s->left = what->range.end - what->range.start;
    s->reading = (size_t) ELO_MIN((uint64_t) PIECE, s->left);
    if (make_buffers(s) != ELO_OK) {
        free_send(s);
        elo_reply_err(req, ELO_ENOMEM, NULL);
        return;
    }
    s->job.work = work_open;
    s->job.after = after_open;
    elo_loop_work(a->cfg.loop, &s->job);
}
