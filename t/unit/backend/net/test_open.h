/* SPDX-License-Identifier: BSD-2-Clause */
/* test_open: of test_handler.h, what concerns answers that are streamed, with a
   length and without, or written into the server's room.

     GET  /stream?N        N bytes, byte i being i mod 251
     GET  /open?N          N pieces "piece i;" without a length, i from 0
     GET  /open-nothing    an open body of nothing
     GET  /open-abort      one piece, then the connection is cut
     GET  /room?N          N bytes 'r' written into the server's room
     GET  /room-dropped    room taken, given back, "instead" sent as 409 */
#ifndef T_UNIT_NET_TEST_OPEN_H
#define T_UNIT_NET_TEST_OPEN_H

#include "t/unit/backend/net/test_whole.h"


static inline void
ts_on_written(void *ctx, elo_err_t err)
{
    ts_job_t *job = ctx;
    size_t n;
    size_t i;

    if (job->n == 0) {
        free(job); /* the exchange has ended */
        return;
    }
    if (err != ELO_OK) {
        elo_http_res_abort(job->req);
        free(job);
        return;
    }
    n = (size_t) ELO_MIN(job->n, (uint64_t) sizeof(job->piece));
    for (i = 0; i < n; i++) {
        job->piece[i] = (uint8_t) ((job->sum + i) % 251);
    }
    job->sum += n;
    job->n -= n;
    elo_http_res_write(job->req, elo_slice(job->piece, n), ts_on_written, job);
}


static inline void
ts_on_abort_written(void *ctx, elo_err_t err)
{
    (void) err;
    elo_http_res_abort(ctx);
}


static inline void
ts_on_open_written(void *ctx, elo_err_t err)
{
    ts_job_t *job = ctx;

    if (err != ELO_OK) {
        ts_seen++;
        elo_http_res_abort(job->req);
        free(job);
        return;
    }
    if (job->sum == job->n) {
        elo_http_res_end(job->req);
        free(job);
        return;
    }
    (void) snprintf((char *) job->piece, sizeof(job->piece), "piece %llu;",
                    (unsigned long long) job->sum++);
    elo_http_res_write(job->req, elo_slice_str((char *) job->piece),
                       ts_on_open_written, job);
}


/* False when the path is none of these. */
static inline bool
ts_get_open(elo_http_req_t *req, elo_slice_t path)
{
    ts_job_t *job;

    if (elo_slice_eq(path, ELO_SLICE("/open-nothing"))) {
        elo_http_res_open(req);
        elo_http_res_end(req);
    } else if (elo_slice_eq(path, ELO_SLICE("/open-abort"))) {
        elo_http_res_open(req);
        elo_http_res_write(req, ELO_SLICE("0123456789"), ts_on_abort_written,
                           req);
    } else if (elo_slice_eq(path, ELO_SLICE("/open"))) {
        job = calloc(1, sizeof(*job));
        job->req = req;
        if (!elo_slice_u64(elo_http_req_query(req), &job->n)) {
            abort();
        }
        elo_http_res_header(req, "Content-Type", ELO_SLICE("text/plain"));
        elo_http_res_open(req);
        ts_on_open_written(job, ELO_OK);
    } else {
        return false;
    }
    return true;
}


static inline bool
ts_get_room(elo_http_req_t *req, elo_slice_t path)
{
    bool is_dropped = elo_slice_eq(path, ELO_SLICE("/room-dropped"));
    uint64_t n = 5;
    uint8_t *room;

    if (!is_dropped && !elo_slice_eq(path, ELO_SLICE("/room"))) {
        return false;
    }
    elo_ignore(!elo_slice_u64(elo_http_req_query(req), &n)); /* stays 5 */
    elo_http_res_header(req, "X-Room", ELO_SLICE("yes"));
    room = elo_http_res_room(req, (size_t) n);
    if (room == NULL) {
        ts_reply(req, 200, "no room");
        return true;
    }
    memset(room, 'r', (size_t) n);
    if (is_dropped) {
        elo_http_res_drop_room(req);
        ts_reply(req, 409, "instead");
    } else {
        elo_http_res_send_room(req);
    }
    return true;
}

#endif
