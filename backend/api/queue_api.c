/* SPDX-License-Identifier: BSD-2-Clause */
/* queue_api: the replication queue, for operators: the list in the order of
   taking, one task, and what can be done about one. A task goes by the hash of
   what is stored; that of a sealed blob's plaintext leads there too. */
#include "backend/api/calls.h"

#include <stdlib.h>

#include "backend/api/task_json.h"
#include "backend/repl/ack.h"

#define LIST_LIMIT 100
#define LIST_MAX   1000
#define SKIP_MAX   UINT32_MAX
#define ITEM_MAX   1024
#define ANSWER_MAX 4096

typedef struct {
    elo_job_t job; /* first */
    elo_api_t *api;
    elo_http_req_t *req;
    elo_err_t err;

    /* of the list */
    uint32_t limit;
    uint32_t skip;
    uint32_t n;
    bool has_more;
    elo_buf_t json;
    elo_json_writer_t w;

    /* of one task */
    elo_task_kind_t kind;
    elo_digest_t digest;
    bool is_drop;
} ask_t;


static void
free_ask(ask_t *k)
{
    elo_buf_dispose(&k->json);
    free(k);
}


static ask_t *
new_ask(elo_call_t *c)
{
    ask_t *k = calloc(1, sizeof(*k));

    if (k == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return NULL;
    }
    k->api = c->api;
    k->req = c->req;
    elo_buf_init(&k->json, (LIST_MAX + 1) * ITEM_MAX);
    return k;
}


/* ---- the list ---- */

static bool
put_task(void *ctx, const elo_task_t *t)
{
    ask_t *k = ctx;

    if (k->n == k->limit) {
        k->has_more = true;
        return false;
    }
    k->n++;
    elo_task_put_json(&k->w, NULL, t);
    return true;
}


/* pool */
static void
work_list(elo_job_t *job)
{
    ask_t *k = (ask_t *) job;
    elo_store_totals_t totals;

    elo_store_totals(k->api->cfg.store, &totals);
    elo_json_writer_init(&k->w, &k->json);
    elo_json_put_object(&k->w, NULL);
    elo_json_put_u64(&k->w, "tasks", totals.tasks);
    elo_json_put_u64(&k->w, "waiting", totals.waiting);
    elo_json_put_array(&k->w, "items");
    k->err = elo_task_each(k->api->cfg.store, k->skip, put_task, k);
    elo_json_end_array(&k->w);
    if (k->has_more) {
        elo_json_put_u64(&k->w, "next", (uint64_t) k->skip + k->n);
    } else {
        elo_json_put_null(&k->w, "next");
    }
    elo_json_end_object(&k->w);
}


static void
after_list(elo_job_t *job)
{
    ask_t *k = (ask_t *) job;

    if (k->err != ELO_OK) {
        elo_reply_err(k->req, k->err, NULL);
    } else {
        elo_http_res_header(k->req, "Cache-Control", ELO_SLICE("no-store"));
        elo_reply_json(k->req, 200, &k->json);
    }
    free_ask(k);
}


void
elo_call_queue(elo_call_t *c)
{
    elo_slice_t query = elo_http_req_query(c->req);
    ask_t *k = new_ask(c);

    if (k == NULL) {
        return;
    }
    if (elo_query_number(query, "limit", LIST_LIMIT, LIST_MAX, &k->limit)
            != ELO_OK
        || elo_query_number(query, "skip", 0, SKIP_MAX, &k->skip) != ELO_OK)
    {
        elo_reply_err(c->req, ELO_EINVAL,
                      "limit and skip must be numbers from 1");
        free_ask(k);
        return;
    }
    k->job.work = work_list;
    k->job.after = after_list;
    elo_loop_work(c->api->cfg.loop, &k->job);
}


/* ---- one task ---- */

/* Which task is meant. False when that is answered: no such kind. */
static bool
find_task(elo_call_t *c, elo_task_kind_t *kind, elo_digest_t *digest)
{
    elo_store_t *s = c->api->cfg.store;
    elo_blob_stat_t st;
    elo_task_t t;
    elo_err_t rc;

    if (!elo_task_kind_parse(c->sort, kind)) {
        elo_reply_err(c->req, ELO_ENOTFOUND,
                      "a task is of the kind replicate or repair");
        return false;
    }
    rc = elo_addr_parse(c->route.id, digest);
    if (rc != ELO_OK) {
        elo_reply_err(c->req, rc, NULL);
        return false;
    }
    if (elo_task_get(s, *kind, digest, &t) == ELO_ENOTFOUND
        && elo_store_stat(s, digest, elo_call_reader(c), &st) == ELO_OK)
    {
        *digest = *elo_ack_object(&st);
    }
    return true;
}


static void
reply_err(elo_http_req_t *req, elo_err_t err)
{
    elo_reply_err(req, err, err == ELO_ENOTFOUND ? "no such task" : NULL);
}


void
elo_call_task(elo_call_t *c)
{
    elo_task_kind_t kind;
    elo_digest_t digest;
    elo_json_writer_t w;
    elo_task_t t;
    elo_buf_t b;
    elo_err_t rc;

    if (!find_task(c, &kind, &digest)) {
        return;
    }
    rc = elo_task_get(c->api->cfg.store, kind, &digest, &t);
    if (rc != ELO_OK) {
        reply_err(c->req, rc);
        return;
    }
    elo_buf_init(&b, ANSWER_MAX);
    elo_json_writer_init(&w, &b);
    elo_task_put_json(&w, NULL, &t);
    elo_http_res_header(c->req, "Cache-Control", ELO_SLICE("no-store"));
    elo_reply_json(c->req, 200, &b);
    elo_buf_dispose(&b);
}


/* pool */
static void
work_change(elo_job_t *job)
{
    ask_t *k = (ask_t *) job;
    elo_store_t *s = k->api->cfg.store;

    k->err = k->is_drop ? elo_task_drop(s, k->kind, &k->digest)
                        : elo_task_retry(s, k->kind, &k->digest);
}


static void
after_change(elo_job_t *job)
{
    ask_t *k = (ask_t *) job;

    if (k->err != ELO_OK) {
        reply_err(k->req, k->err);
    } else {
        elo_reply_empty(k->req, 204);
    }
    free_ask(k);
}


static void
change(elo_call_t *c, bool is_drop)
{
    elo_task_kind_t kind;
    elo_digest_t digest;
    ask_t *k;

    if (!find_task(c, &kind, &digest) || (k = new_ask(c)) == NULL) {
        return;
    }
    k->kind = kind;
    k->digest = digest;
    k->is_drop = is_drop;
    k->job.work = work_change;
    k->job.after = after_change;
    elo_loop_work(c->api->cfg.loop, &k->job);
}


void
elo_call_task_retry(elo_call_t *c)
{
    change(c, false);
}


void
elo_call_task_drop(elo_call_t *c)
{
    change(c, true);
}
