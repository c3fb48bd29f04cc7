/* SPDX-License-Identifier: BSD-2-Clause */
/* test_handler: what test_server.h answers, beside what is in test_whole.h,
   test_open.h and test_divert.h.

     GET  /small           "small"
     GET  /echo            the fields X-In and X-Split as they came or went
     GET  /later           "later", 100 ms later
     GET  /abort           1000 bytes promised, 10 sent
     GET  /seen            how many uploads ended in ELO_ECLOSED
     GET  /not-modified    304
     PUT  /count           length and sum of the body
     PUT  /into?N          the same, read into a room of N bytes
     PUT  /refuse          409 without reading the body
     PUT  /full            507 after the first piece */
#ifndef T_UNIT_NET_TEST_HANDLER_H
#define T_UNIT_NET_TEST_HANDLER_H

#include "t/unit/backend/net/test_divert.h"

static inline void ts_on_body(void *ctx, elo_slice_t bytes, elo_err_t err);


static inline void
ts_read(ts_job_t *job)
{
    if (job->room != 0) {
        memset(job->piece, 0xee, job->room);
        elo_http_req_read_into(job->req, job->piece, job->room, ts_on_body,
                               job);
    } else {
        elo_http_req_read(job->req, ts_on_body, job);
    }
}


static inline void
ts_on_body(void *ctx, elo_slice_t bytes, elo_err_t err)
{
    ts_job_t *job = ctx;
    char text[64];
    size_t i;

    if (err != ELO_OK) {
        ts_seen++;
        elo_http_res_abort(job->req);
        free(job);
        return;
    }
    for (i = 0; i < bytes.len; i++) {
        job->sum = job->sum * 31 + bytes.p[i];
    }
    job->n += bytes.len;
    if (job->room != 0 && bytes.len != 0
        && (bytes.p != job->piece || bytes.len > job->room))
    {
        abort();
    }
    if (bytes.len != 0) {
        ts_read(job);
        return;
    }
    (void) snprintf(text, sizeof(text), "%llu %llx",
                    (unsigned long long) job->n, (unsigned long long) job->sum);
    ts_reply(job->req, 200, text);
    free(job);
}


static inline void
ts_on_first_piece(void *ctx, elo_slice_t bytes, elo_err_t err)
{
    elo_http_req_t *req = ctx;

    (void) bytes;
    if (err != ELO_OK) {
        elo_http_res_abort(req);
        return;
    }
    ts_reply(req, 507, "full");
}


static inline void
ts_on_timer(void *ctx)
{
    ts_job_t *job = ctx;

    ts_reply(job->req, 200, "later");
    elo_timer_free(&job->timer);
    free(job);
}


static inline void
ts_put(elo_http_req_t *req, elo_slice_t path)
{
    bool is_later = elo_slice_eq(path, ELO_SLICE("/whole-later"));
    ts_job_t *job;

    if (elo_slice_eq(path, ELO_SLICE("/now"))) {
        ts_put_now(req);
        return;
    }
    if (is_later || elo_slice_eq(path, ELO_SLICE("/whole"))) {
        job = calloc(1, sizeof(*job));
        job->req = req;
        elo_http_req_read_whole(req, is_later ? ts_on_whole_later : ts_on_whole,
                                job);
        return;
    }
    if (elo_slice_eq(path, ELO_SLICE("/refuse"))) {
        ts_reply(req, 409, "refused");
    } else if (elo_slice_eq(path, ELO_SLICE("/full"))) {
        elo_http_req_read(req, ts_on_first_piece, req);
    } else {
        uint64_t room = 0;

        elo_ignore(!elo_slice_u64(elo_http_req_query(req), &room)); /* none */
        job = calloc(1, sizeof(*job));
        job->req = req;
        job->room = (size_t) room;
        ts_read(job);
    }
}


static inline void
ts_get(elo_http_req_t *req, elo_slice_t path)
{
    ts_job_t *job;
    char text[16];

    if (ts_get_open(req, path) || ts_get_room(req, path)
        || ts_get_diverted(req, path))
    {
        return;
    }
    if (elo_slice_eq(path, ELO_SLICE("/later"))) {
        job = calloc(1, sizeof(*job));
        job->req = req;
        elo_ignore(elo_timer_create(ts_loop, 100, 0, ts_on_timer, job,
                                    &job->timer)); /* the test would hang */
    } else if (elo_slice_eq(path, ELO_SLICE("/stream"))) {
        job = calloc(1, sizeof(*job));
        job->req = req;
        if (!elo_slice_u64(elo_http_req_query(req), &job->n) || job->n == 0) {
            abort();
        }
        elo_http_res_stream(req, job->n);
        ts_on_written(job, ELO_OK);
    } else if (elo_slice_eq(path, ELO_SLICE("/abort"))) {
        elo_http_res_stream(req, 1000);
        elo_http_res_write(req, ELO_SLICE("0123456789"), ts_on_abort_written,
                           req);
    } else if (elo_slice_eq(path, ELO_SLICE("/seen"))) {
        (void) snprintf(text, sizeof(text), "%u", ts_seen);
        ts_reply(req, 200, text);
    } else if (elo_slice_eq(path, ELO_SLICE("/lost"))) {
        (void) snprintf(text, sizeof(text), "lost %u", ts_lost);
        ts_reply(req, 200, text);
    } else if (elo_slice_eq(path, ELO_SLICE("/not-modified"))) {
        ts_reply(req, 304, "not to be sent");
    } else if (elo_slice_eq(path, ELO_SLICE("/echo"))) {
        elo_http_res_header(req, "X-In", elo_http_req_header(req, "x-in"));
        elo_http_res_headerf(req, "X-Split", "a%sEvil: yes", "\r\n");
        ts_reply(req, 200, "echo");
    } else {
        ts_reply(req, 200, "small");
    }
}


static inline void
ts_on_request(elo_http_handler_t *self, elo_http_req_t *req)
{
    elo_slice_t path = elo_http_req_path(req);

    (void) self;
    if (elo_slice_eq(elo_http_req_method(req), ELO_SLICE("PUT"))) {
        ts_put(req, path);
    } else {
        ts_get(req, path);
    }
}

#endif
