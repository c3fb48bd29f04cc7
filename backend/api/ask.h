/* SPDX-License-Identifier: BSD-2-Clause */
/* ask: a question whose work is done on the pool, and that is answered when it is done:
   what such a call keeps until then. A handler makes one, fills in what it asks for,
   and starts it; each of the answers below is the end of it. Loop thread, but for
   the work. */
#ifndef ELO_API_ASK_H
#define ELO_API_ASK_H

#include "backend/api/api_internal.h"
#include "backend/json/json_write.h"

typedef struct {
    elo_job_t job; /* first, as this is of what a handler makes */
    elo_api_t *api;
    elo_http_req_t *req;
    /* worker, then loop */
    elo_err_t err;
    elo_buf_t json; /* of the answer */
    elo_json_writer_t w;
} elo_ask_t;

/* size bytes, which begin with an elo_ask_t and are zeros behind it; its answer has
   json_max bytes at most. NULL: no memory, which is answered. */
void *elo_ask_create(const elo_call_t *c, size_t size, size_t json_max);

/* work is for a pool thread; after, on the loop, answers. */
void elo_ask_start(elo_ask_t *k, void (*work)(elo_job_t *job),
                   void (*after)(elo_job_t *job));

/* ---- answers ---- */

/* detail NULL: the code's own words. */
void elo_ask_fail(elo_ask_t *k, elo_err_t err, const char *detail);
/* For after: the JSON that the work has made, which nobody stores, or its error. */
void elo_ask_after_json(elo_job_t *job);
/* For after: no content, or the error. */
void elo_ask_after_change(elo_job_t *job);

#endif
