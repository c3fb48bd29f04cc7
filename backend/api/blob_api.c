/* SPDX-License-Identifier: BSD-2-Clause */
/* blob_api: reading and removing of blobs. A small one is answered at
   once from the page cache, any other by way of the pool. Preconditions and ranges:
   RFC 9110, 13 and 14. One range is served; of several the whole blob, which
   14.2 allows (the Doorway serves them from the file). */
#include "backend/api/calls.h"

#include <stdlib.h>

#include "backend/api/blob_send.h"
#include "backend/api/fallback_call.h"
#include "common/base/num.h"
#include "common/http/precond.h"

#define ETAG_LEN    (ELO_ADDR_CANON_LEN + 2)
#define COMMON_MAX  512 /* bytes of the headers that all answers have */
#define PUT(b, lit) elo_buf_put((b), "" lit, sizeof(lit) - 1)
#define NOW_MAX     (64u << 10) /* bytes that are read on the loop */


/* ---- GET and HEAD ---- */

typedef struct {
    elo_target_t t;
    char etag[ETAG_LEN + 1];
    bool is_partial;
    elo_range_t range;
} view_t;


static void
view_init(view_t *v, const elo_target_t *t)
{
    v->t = *t;
    v->etag[0] = '"';
    elo_addr_canon(&t->stat.digest, v->etag + 1);
    v->etag[ETAG_LEN - 1] = '"';
    v->etag[ETAG_LEN] = '\0';
    v->is_partial = false;
    v->range = (elo_range_t){ 0, t->stat.size };
}


static const char *
cache_control(const elo_target_t *t)
{
    /* an id may come to mean another blob */
    return elo_reply_cache_control(
        t->reach,
        t->is_by_hash ? "public, max-age=31536000, immutable" : "no-cache");
}


/* Headers of 200, 206 and 304 alike. */
static void
put_common(const view_t *v, elo_http_req_t *req)
{
    char date[ELO_HTTP_DATE_LEN + 1];
    char mem[COMMON_MAX];
    elo_buf_t b;

    elo_http_date_format(v->t.stat.created_at, date);
    elo_buf_init_fixed(&b, mem, sizeof(mem));
    PUT(&b, "ETag: ");
    elo_buf_put(&b, v->etag, ETAG_LEN);
    PUT(&b, "\r\nLast-Modified: ");
    elo_buf_put(&b, date, ELO_HTTP_DATE_LEN);
    PUT(&b, "\r\nAccept-Ranges: bytes\r\nX-Content-Type-Options: nosniff\r\n"
            "Cache-Control: ");
    elo_buf_put_str(&b, cache_control(&v->t));
    PUT(&b, "\r\nX-Reach: ");
    elo_buf_put_str(&b, elo_reach_name(v->t.reach));
    PUT(&b, "\r\n");
    if (elo_lifecycle_is_marked(v->t.life)) {
        PUT(&b, "X-Lifecycle: ");
        elo_buf_put_str(&b, elo_lifecycle_name(v->t.life));
        PUT(&b, "\r\n");
    }
    elo_http_res_lines(req, elo_buf_slice(&b));
}


static void
put_head(const void *ctx, elo_http_req_t *req)
{
    const view_t *v = ctx;

    put_common(v, req);
    elo_http_res_header(req, "Content-Type", elo_slice_str(v->t.content_type));
    elo_http_res_status(req, v->is_partial ? 206 : 200);
    if (v->is_partial) {
        elo_http_res_headerf(req, "Content-Range", "bytes %llu-%llu/%llu",
                             (unsigned long long) v->range.start,
                             (unsigned long long) (v->range.end - 1),
                             (unsigned long long) v->t.stat.size);
    }
}


static elo_precond_t
conditions(const elo_http_req_t *req)
{
    return (elo_precond_t){
        .if_match = elo_http_req_header(req, "If-Match"),
        .if_none_match = elo_http_req_header(req, "If-None-Match"),
        .if_modified_since = elo_http_req_header(req, "If-Modified-Since"),
        .if_unmodified_since = elo_http_req_header(req, "If-Unmodified-Since"),
        .if_range = elo_http_req_header(req, "If-Range"),
    };
}


/* Picks the range. False when none of it can be satisfied, and that is
   answered. Range has a meaning for GET only (RFC 9110, 14.2). */
static bool
pick_range(const elo_call_t *c, const elo_precond_t *cond, view_t *v)
{
    elo_slice_t value = elo_http_req_header(c->req, "Range");
    uint64_t size = v->t.stat.size;
    elo_range_set_t set;

    if (value.p == NULL || c->is_head
        || !elo_precond_range_ok(cond, elo_slice_str(v->etag),
                                 v->t.stat.created_at))
    {
        return true;
    }
    switch (elo_range_parse(value, size, &set)) {
    case ELO_RANGE_NONE:
        break;
    case ELO_RANGE_PARTIAL:
        if (set.n == 1) {
            v->is_partial = true;
            v->range = set.r[0];
        }
        break;
    case ELO_RANGE_UNSATISFIABLE:
        elo_http_res_headerf(c->req, "Content-Range", "bytes */%llu",
                             (unsigned long long) size);
        elo_reply_err(c->req, ELO_ERANGE, NULL);
        return false;
    }
    return true;
}


/* A short piece of a clear blob whose pages are in memory: straight into the
   answer. */
static bool
serve_now(elo_call_t *c, const view_t *v)
{
    uint64_t len = v->range.end - v->range.start;
    uint8_t *room;

    if (len == 0 || len > NOW_MAX || v->t.stat.is_sealed) {
        return false;
    }
    put_head(v, c->req);
    room = elo_http_res_room(c->req, (size_t) len);
    if (room == NULL) {
        return false;
    }
    if (elo_blob_read_now(c->api->cfg.store, &v->t.stat, v->range.start, room,
                          (size_t) len)
        != ELO_OK)
    {
        elo_http_res_drop_room(c->req);
        return false;
    }
    elo_http_res_send_room(c->req);
    return true;
}


/* False when the conditions or the range have been answered. */
static bool
conditions_hold(elo_call_t *c, view_t *v)
{
    elo_precond_t cond = conditions(c->req);

    switch (elo_precond_eval(&cond, true, elo_slice_str(v->etag),
                             v->t.stat.created_at))
    {
    case ELO_PRECOND_NOT_MODIFIED:
        put_common(v, c->req);
        elo_reply_empty(c->req, 304);
        return false;
    case ELO_PRECOND_FAILED:
        elo_reply_err(c->req, ELO_EPRECOND, NULL);
        return false;
    case ELO_PRECOND_GO:
        break;
    }
    return pick_range(c, &cond, v);
}


static void
serve(elo_call_t *c, view_t *v)
{
    if (elo_http_req_has_conditions(c->req) && !conditions_hold(c, v)) {
        return;
    }
    if (c->is_head) {
        put_head(v, c->req);
        elo_http_res_send_head(c->req, v->t.stat.size);
        return;
    }
    if (c->fetched != NULL) {
        elo_fetched_send(c->api, c->req, c->fetched, v->range, put_head, v,
                         sizeof(*v));
        return;
    }
    if (serve_now(c, v)) {
        return;
    }
    elo_blob_send(c->api, c->req,
                  &(elo_blob_send_t){ .stat = v->t.stat,
                                      .range = v->range,
                                      .head = put_head,
                                      .ctx = v,
                                      .ctx_len = sizeof(*v) });
}


void
elo_call_blob_get(elo_call_t *c)
{
    elo_target_t t;
    view_t v;

    c->again = elo_call_blob_get;
    if (!elo_call_find_target(c, &t)) {
        return;
    }
    if (c->fetched == NULL) {
        elo_api_touch(c->api, &t);
    }
    view_init(&v, &t);
    serve(c, &v);
}


/* ---- DELETE ---- */

typedef struct {
    elo_job_t job; /* first */
    elo_api_t *api;
    elo_http_req_t *req;
    elo_digest_t digest;
    bool is_all; /* whoever has it */
    elo_agent_t agent;
    elo_err_t err;
} remove_t;


/* pool */
static void
work_remove(elo_job_t *job)
{
    remove_t *r = (remove_t *) job;

    r->err = elo_store_remove(r->api->cfg.store, &r->digest,
                              r->is_all ? NULL : &r->agent);
}


static void
after_remove(elo_job_t *job)
{
    remove_t *r = (remove_t *) job;

    if (r->err == ELO_OK) {
        elo_watches_hit(r->api->watches, &r->digest); /* who waits for more */
        elo_reply_empty(r->req, 204);
    } else if (r->err == ELO_EBUSY) {
        elo_reply_err(r->req, r->err,
                      "a content node refers to this blob, or a pin holds it");
    } else {
        elo_reply_err(r->req, r->err,
                      r->err == ELO_ENOTFOUND ? "no such blob" : NULL);
    }
    free(r);
}


/* ?all=1: what every agent has of it; else what the caller's has, who is the zero
   agent, the operator himself, when he names none. With a named agent there is no
   all. */
static elo_err_t
is_for_all(const elo_call_t *c, bool *out)
{
    elo_slice_t value;
    char room[8];
    elo_err_t rc;

    rc = elo_query_text(elo_http_req_query(c->req), "all", room, sizeof(room),
                        &value);
    if (rc != ELO_OK) {
        return rc;
    }
    *out = elo_slice_eq(value, ELO_SLICE("1"));
    return value.len == 0 || (*out && !c->has_agent) ? ELO_OK : ELO_EINVAL;
}


void
elo_call_blob_delete(elo_call_t *c)
{
    remove_t *r = calloc(1, sizeof(*r));

    if (r == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return;
    }
    if (elo_addr_parse(c->route.id, &r->digest) != ELO_OK) {
        elo_reply_err(c->req, ELO_EINVAL, "a blob is removed by its address");
        free(r);
        return;
    }
    if (is_for_all(c, &r->is_all) != ELO_OK) {
        elo_reply_err(c->req, ELO_EINVAL,
                      "all is 1, and for the operator, without an agent");
        free(r);
        return;
    }
    r->api = c->api;
    r->req = c->req;
    r->agent = c->agent;
    r->job.work = work_remove;
    r->job.after = after_remove;
    elo_loop_work(c->api->cfg.loop, &r->job);
}
