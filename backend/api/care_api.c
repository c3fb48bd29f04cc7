/* SPDX-License-Identifier: BSD-2-Clause */
/* care_api: what keeps the store in order, for operators: how it is, and to have a
   job run at once (POST; ?force=1: eviction below the wanted holders too). */
#include "backend/api/calls.h"

#include "backend/json/json_write.h"
#include "backend/kv/kv_care.h"
#include "backend/node/shape.h"

#define ANSWER_MAX 16384


static void
put_time(elo_json_writer_t *w, const char *name, int64_t at)
{
    char text[ELO_TIME_TEXT_LEN + 1];

    if (at == 0) {
        elo_json_put_null(w, name);
        return;
    }
    elo_time_text(at, text);
    elo_json_put_cstr(w, name, text);
}


static void
put_job(elo_json_writer_t *w, elo_care_t *care, elo_care_job_t job)
{
    elo_care_status_t st;

    elo_care_status(care, job, &st);
    elo_json_put_object(w, NULL);
    elo_json_put_cstr(w, "name", st.name);
    elo_json_put_cstr(w, "state", st.state);
    put_time(w, "startedAt", st.started_at);
    put_time(w, "endedAt", st.ended_at);
    put_time(w, "due", st.due_at);
    elo_json_put_u64(w, "items", st.items);
    elo_json_put_u64(w, "bytes", st.bytes);
    elo_json_put_u64(w, "allItems", st.all_items);
    elo_json_put_u64(w, "allBytes", st.all_bytes);
    elo_json_put_u64(w, "found", st.found);
    if (st.err == ELO_OK) {
        elo_json_put_null(w, "error");
    } else {
        elo_json_put_cstr(w, "error", elo_strerror(st.err));
    }
    elo_json_end_object(w);
}


static void
put_log(elo_json_writer_t *w, elo_store_t *s)
{
    elo_kv_stats_t st;

    elo_kv_stats(elo_store_kv(s), &st);
    elo_json_put_object(w, "log");
    elo_json_put_u64(w, "segments", st.segments);
    elo_json_put_u64(w, "size", st.log_size);
    elo_json_put_u64(w, "indexBytes", st.index_bytes);
    elo_json_put_u64(w, "memoryBytes", st.mem_bytes);
    elo_json_put_u64(w, "batches", st.batches);
    elo_json_put_u64(w, "batchMax", st.batch_max);
    elo_json_put_u64(w, "records", st.records);
    elo_json_put_u64(w, "written", st.log_bytes);
    elo_json_put_u64(w, "syncs", st.syncs);
    elo_json_put_u64(w, "checkpoints", st.checkpoints);
    elo_json_put_u64(w, "checkpointKeys", st.checkpoint_keys);
    elo_json_end_object(w);
}


static void
put_replication(elo_json_writer_t *w, const elo_api_t *a)
{
    elo_repl_status_t st;

    if (a->repl == NULL) {
        elo_json_put_null(w, "replication");
        return;
    }
    elo_repl_status(a->repl, &st);
    elo_json_put_object(w, "replication");
    elo_json_put_cstr(w, "sink", st.sink);
    elo_json_put_cstr(w, "state", st.state);
    elo_json_put_u64(w, "done", st.done);
    elo_json_put_u64(w, "failed", st.failed);
    elo_json_end_object(w);
}


static void
reply(elo_call_t *c, elo_buf_t *b)
{
    elo_http_res_header(c->req, "Cache-Control", ELO_SLICE("no-store"));
    elo_reply_json(c->req, 200, b);
    elo_buf_dispose(b);
}


void
elo_call_care(elo_call_t *c)
{
    elo_json_writer_t w;
    elo_buf_t b;

    elo_buf_init(&b, ANSWER_MAX);
    elo_json_writer_init(&w, &b);
    elo_json_put_object(&w, NULL);
    elo_json_put_array(&w, "jobs");
    for (int i = 0; i < ELO_CARE_COUNT && c->api->care != NULL; i++) {
        put_job(&w, c->api->care, (elo_care_job_t) i);
    }
    elo_json_end_array(&w);
    put_replication(&w, c->api);
    put_log(&w, c->api->cfg.store);
    elo_json_end_object(&w);
    reply(c, &b);
}


/* False when there is no such job, and that is answered. */
static bool
find_job(elo_call_t *c, elo_care_job_t *out)
{
    if (c->api->care == NULL || !elo_care_parse(c->sort, out)) {
        elo_reply_err(c->req, ELO_ENOTFOUND, "no such job");
        return false;
    }
    return true;
}


void
elo_call_care_job(elo_call_t *c)
{
    elo_care_job_t job;
    elo_json_writer_t w;
    elo_buf_t b;

    if (!find_job(c, &job)) {
        return;
    }
    elo_buf_init(&b, ANSWER_MAX);
    elo_json_writer_init(&w, &b);
    put_job(&w, c->api->care, job);
    reply(c, &b);
}


void
elo_call_care_ask(elo_call_t *c)
{
    elo_care_job_t job;
    uint32_t force;
    elo_err_t rc;

    if (!find_job(c, &job)) {
        return;
    }
    if (elo_query_number(elo_http_req_query(c->req), "force", 0, 1, &force)
        != ELO_OK)
    {
        elo_reply_err(c->req, ELO_EINVAL, "force is 1, or left out");
        return;
    }
    rc = elo_care_ask(c->api->care, job, force == 1);
    if (rc != ELO_OK) {
        elo_reply_err(c->req, rc,
                      rc == ELO_EBUSY ? "the job is running" : NULL);
        return;
    }
    elo_http_res_status(c->req, 202);
    elo_http_res_send(c->req, elo_slice(NULL, 0));
}
