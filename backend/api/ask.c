/* SPDX-License-Identifier: BSD-2-Clause */
/* ask: see the header. */
#include "backend/api/ask.h"

#include <stdlib.h>


void *
elo_ask_create(const elo_call_t *c, size_t size, size_t json_max)
{
    elo_ask_t *k = calloc(1, size);

    if (k == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return NULL;
    }
    k->api = c->api;
    k->req = c->req;
    elo_buf_init(&k->json, json_max);
    elo_json_writer_init(&k->w, &k->json);
    return k;
}


static void
end(elo_ask_t *k)
{
    elo_buf_dispose(&k->json);
    free(k);
}


void
elo_ask_start(elo_ask_t *k, void (*work)(elo_job_t *job),
              void (*after)(elo_job_t *job))
{
    k->job.work = work;
    k->job.after = after;
    elo_loop_work(k->api->cfg.loop, &k->job);
}


void
elo_ask_fail(elo_ask_t *k, elo_err_t err, const char *detail)
{
    elo_reply_err(k->req, err, detail);
    end(k);
}


void
elo_ask_after_json(elo_job_t *job)
{
    elo_ask_t *k = (elo_ask_t *) job;

    if (k->err != ELO_OK) {
        elo_ask_fail(k, k->err, NULL);
        return;
    }
    elo_http_res_header(k->req, "Cache-Control", ELO_SLICE("no-store"));
    elo_reply_json(k->req, 200, &k->json);
    end(k);
}


void
elo_ask_after_change(elo_job_t *job)
{
    elo_ask_t *k = (elo_ask_t *) job;

    if (k->err != ELO_OK) {
        elo_ask_fail(k, k->err, NULL);
        return;
    }
    elo_reply_empty(k->req, 204);
    end(k);
}
