/* SPDX-License-Identifier: BSD-2-Clause */
/* test_handler: what test_server.h answers.

     GET  /small           "small"
     GET  /echo            the fields X-In and X-Split as they came or went
     GET  /later           "later", 100 ms later
     GET  /stream?N        N bytes, byte i being i mod 251
     GET  /open?N          N pieces "piece i;" without a length, i from 0
     GET  /open-nothing    an open body of nothing
     GET  /open-abort      one piece, then the connection is cut
     GET  /room?N          N bytes 'r' written into the server's room
     GET  /room-dropped    room taken, given back, "instead" sent as 409
     GET  /abort           1000 bytes promised, 10 sent
     GET  /seen            how many uploads ended in ELO_ECLOSED
     GET  /not-modified    304
     PUT  /count           length and sum of the body
     PUT  /into?N          the same, read into a room of N bytes
     PUT  /refuse          409 without reading the body
     PUT  /full            507 after the first piece
     PUT  /now             "now" and length and sum, or "not now"
     PUT  /whole           length and sum of the body, read whole
     PUT  /whole-later     the same, answered 100 ms after it came */
#ifndef T_UNIT_NET_TEST_HANDLER_H
#define T_UNIT_NET_TEST_HANDLER_H

#include <stdio.h>
#include <stdlib.h>

#include "backend/net/http_server.h"
#include "common/base/num.h"

typedef struct {
    elo_http_req_t *req;
    elo_timer_t *timer;
    uint64_t n;
    uint64_t sum;
    const uint8_t *whole;
    size_t room; /* bytes of piece to read into; 0: the server's buffer */
    uint8_t piece[65536];
} ts_job_t;

static elo_loop_t *ts_loop;
static unsigned ts_seen;


static inline void
ts_reply(elo_http_req_t *req, int status, const char *text)
{
    elo_http_res_status(req, status);
    elo_http_res_header(req, "Content-Type", ELO_SLICE("text/plain"));
    elo_http_res_send(req, elo_slice_str(text));
}


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
ts_sum(elo_slice_t bytes, char text[64])
{
    uint64_t sum = 0;

    for (size_t i = 0; i < bytes.len; i++) {
        sum = sum * 31 + bytes.p[i];
    }
    (void) snprintf(text, 64, "%zu %llx", bytes.len, (unsigned long long) sum);
}


static inline void
ts_on_whole(void *ctx, elo_slice_t bytes, elo_err_t err)
{
    ts_job_t *job = ctx;
    char text[64];

    if (err != ELO_OK) {
        ts_seen++;
        elo_http_res_abort(job->req);
    } else {
        ts_sum(bytes, text);
        ts_reply(job->req, 200, text);
    }
    free(job);
}


/* The body stays where it is until the answer. */
static inline void
ts_on_whole_timer(void *ctx)
{
    ts_job_t *job = ctx;

    elo_timer_free(&job->timer);
    ts_on_whole(job, elo_slice(job->whole, (size_t) job->n), ELO_OK);
}


static inline void
ts_on_whole_later(void *ctx, elo_slice_t bytes, elo_err_t err)
{
    ts_job_t *job = ctx;

    if (err != ELO_OK) {
        ts_on_whole(ctx, bytes, err);
        return;
    }
    job->whole = bytes.p;
    job->n = bytes.len;
    elo_ignore(elo_timer_create(ts_loop, 100, 0, ts_on_whole_timer, job,
                                &job->timer)); /* the test would hang */
}


static inline void
ts_put_now(elo_http_req_t *req)
{
    elo_slice_t bytes;
    char sum[64], text[80];

    if (!elo_http_req_body_now(req, &bytes)) {
        ts_reply(req, 200, "not now");
        return;
    }
    ts_sum(bytes, sum);
    (void) snprintf(text, sizeof(text), "now %s", sum);
    ts_reply(req, 200, text);
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


static inline void
ts_get(elo_http_req_t *req, elo_slice_t path)
{
    ts_job_t *job;
    char text[16];

    if (ts_get_open(req, path) || ts_get_room(req, path)) {
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
