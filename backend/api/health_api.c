/* SPDX-License-Identifier: BSD-2-Clause */
/* health_api: how the daemon is, and which one it is. */
#include "backend/api/calls.h"
#include "backend/api/compat.h"

#include "backend/json/json_write.h"

#define ANSWER_MAX 4096


void
elo_call_health(elo_call_t *c)
{
    elo_store_t *s = c->api->cfg.store;
    bool is_readonly = elo_store_is_readonly(s);
    elo_store_totals_t t;
    elo_json_writer_t w;
    elo_buf_t b;

    elo_store_totals(s, &t);
    elo_buf_init(&b, ANSWER_MAX);
    elo_json_writer_init(&w, &b);
    elo_json_put_object(&w, NULL);
    elo_json_put_cstr(&w, "status", is_readonly ? "degraded" : "ok");
    elo_json_put_u64(&w, "blobs", t.blobs);
    elo_json_put_u64(&w, "bytes", t.bytes);
    /* every blob that is held has its manifest */
    elo_json_put_u64(&w, "manifests", t.blobs);
    elo_json_put_bool(&w, "import_enabled", false);
    elo_json_put_bool(&w, "readOnly", is_readonly);
    elo_json_put_u64(&w, "sealed", t.sealed);
    elo_json_put_u64(&w, "bad", t.bad);
    elo_json_put_u64(&w, "nodes", t.nodes);
    elo_json_put_u64(&w, "uploads", t.uploads);
    elo_json_put_u64(&w, "queue", t.tasks);
    elo_json_put_u64(&w, "queueWaiting", t.waiting);
    elo_json_put_u64(&w, "indexing", elo_media_jobs_count(c->api->jobs));
    elo_json_put_cstr(&w, "version", c->api->cfg.version);
    elo_compat_put_health(&w, c->api);
    elo_json_end_object(&w);
    elo_http_res_header(c->req, "Cache-Control", ELO_SLICE("no-store"));
    elo_reply_json(c->req, 200, &b);
    elo_buf_dispose(&b);
}


void
elo_call_version(elo_call_t *c)
{
    elo_json_writer_t w;
    elo_buf_t b;

    elo_buf_init(&b, ANSWER_MAX);
    elo_json_writer_init(&w, &b);
    elo_json_put_object(&w, NULL);
    elo_json_put_cstr(&w, "version", c->api->cfg.version);
    elo_json_put_cstr(&w, "service", "elohimd");
    elo_json_put_cstr(&w, "api", "v1");
    elo_json_end_object(&w);
    elo_http_res_header(c->req, "Cache-Control", ELO_SLICE("no-store"));
    elo_reply_json(c->req, 200, &b);
    elo_buf_dispose(&b);
}
