/* SPDX-License-Identifier: BSD-2-Clause */
/* queue_api: the replication queue, for operators: the list in the order of
   taking, one task, and what can be done about one. A task goes by the hash of
   what is stored; that of a sealed blob's plaintext leads there too. */
#include "backend/api/calls.h"

#include "backend/api/ask.h"
#include "backend/api/task_json.h"
#include "backend/repl/ack.h"

#define LIST_LIMIT 100
#define LIST_MAX   1000
#define SKIP_MAX   UINT32_MAX
#define ITEM_MAX   1024
#define ANSWER_MAX 4096

static const char no_task[] = "no such task";

typedef struct {
    elo_ask_t a; /* first */

    /* of the list */
    uint32_t limit;
    uint32_t skip;
    uint32_t n;
    bool has_more;

    /* of one task */
    elo_task_kind_t kind;
    elo_digest_t digest;
    bool is_drop;
} ask_t;


static ask_t *
new_ask(const elo_call_t *c)
{
    return elo_ask_create(c, sizeof(ask_t), (LIST_MAX + 1) * ITEM_MAX);
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
    elo_task_put_json(&k->a.w, NULL, t);
    return true;
}


/* pool */
static void
work_list(elo_job_t *job)
{
    ask_t *k = (ask_t *) job;
    elo_json_writer_t *w = &k->a.w;
    elo_store_totals_t totals;

    elo_store_totals(k->a.api->cfg.store, &totals);
    elo_json_put_object(w, NULL);
    elo_json_put_u64(w, "tasks", totals.tasks);
    elo_json_put_u64(w, "waiting", totals.waiting);
    elo_json_put_array(w, "items");
    k->a.err = elo_task_each(k->a.api->cfg.store, k->skip, put_task, k);
    elo_json_end_array(w);
    if (k->has_more) {
        elo_json_put_u64(w, "next", (uint64_t) k->skip + k->n);
    } else {
        elo_json_put_null(w, "next");
    }
    elo_json_end_object(w);
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
        elo_ask_fail(&k->a, ELO_EINVAL,
                     "limit and skip must be numbers from 1");
        return;
    }
    elo_ask_start(&k->a, work_list, elo_ask_after_json);
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
        elo_reply_err(c->req, rc, rc == ELO_ENOTFOUND ? no_task : NULL);
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
    elo_store_t *s = k->a.api->cfg.store;

    k->a.err = k->is_drop ? elo_task_drop(s, k->kind, &k->digest)
                          : elo_task_retry(s, k->kind, &k->digest);
}


static void
after_change(elo_job_t *job)
{
    elo_ask_t *k = (elo_ask_t *) job;

    if (k->err == ELO_ENOTFOUND) {
        elo_ask_fail(k, k->err, no_task);
    } else {
        elo_ask_after_change(job);
    }
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
    elo_ask_start(&k->a, work_change, after_change);
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
