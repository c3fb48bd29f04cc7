/* SPDX-License-Identifier: BSD-2-Clause */
/* test_whole: of test_handler.h, the basics, and what concerns bodies that are read
   whole.

     PUT  /now             "now" and length and sum, or "not now"
     PUT  /whole           length and sum of the body, read whole
     PUT  /whole-later     the same, answered 100 ms after it came */
#ifndef T_UNIT_NET_TEST_WHOLE_H
#define T_UNIT_NET_TEST_WHOLE_H

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

#endif
