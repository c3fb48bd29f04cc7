/* SPDX-License-Identifier: BSD-2-Clause */
/* blob_api: reading, listing and removing of blobs. Preconditions and ranges:
   RFC 9110, 13 and 14. One range is served; of several the whole blob, which
   14.2 allows (the Doorway serves them from the file). */
#include "backend/api/api_internal.h"

#include <stdlib.h>

#include "backend/api/blob_send.h"
#include "backend/json/json_write.h"
#include "backend/node/shape.h"
#include "common/base/num.h"
#include "common/http/precond.h"
#include "common/http/wire.h"

#define ETAG_LEN    (ELO_ADDR_CANON_LEN + 2)
#define LIST_LIMIT  100
#define LIST_MAX    1000
#define LIST_BUDGET 10000 /* blobs looked at for one page */
#define ANSWER_MAX  4096


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
    if (!t->is_by_hash) {
        return "no-cache"; /* an id may come to mean another blob */
    }
    if (t->reach != ELO_REACH_COMMONS) {
        return "private, no-cache"; /* the bytes stay, who may see them not */
    }
    return "public, max-age=31536000, immutable";
}


/* Headers of 200, 206 and 304 alike. */
static void
put_common(const view_t *v, elo_http_req_t *req)
{
    char date[ELO_HTTP_DATE_LEN + 1];

    elo_http_date_format(v->t.stat.created_at, date);
    elo_http_res_header(req, "ETag", elo_slice_str(v->etag));
    elo_http_res_header(req, "Last-Modified", elo_slice_str(date));
    elo_http_res_header(req, "Cache-Control",
                        elo_slice_str(cache_control(&v->t)));
    elo_http_res_header(req, "Accept-Ranges", ELO_SLICE("bytes"));
    elo_http_res_header(req, "X-Content-Type-Options", ELO_SLICE("nosniff"));
    elo_http_res_header(req, "X-Reach",
                        elo_slice_str(elo_reach_name(v->t.reach)));
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


static void
serve(elo_call_t *c, view_t *v)
{
    elo_precond_t cond = conditions(c->req);

    switch (elo_precond_eval(&cond, true, elo_slice_str(v->etag),
                             v->t.stat.created_at))
    {
    case ELO_PRECOND_NOT_MODIFIED:
        put_common(v, c->req);
        elo_reply_empty(c->req, 304);
        return;
    case ELO_PRECOND_FAILED:
        elo_reply_err(c->req, ELO_EPRECOND, NULL);
        return;
    case ELO_PRECOND_GO:
        break;
    }
    if (!pick_range(c, &cond, v)) {
        return;
    }
    if (c->is_head) {
        put_head(v, c->req);
        elo_http_res_send_head(c->req, v->t.stat.size);
        return;
    }
    elo_blob_send(c->api, c->req,
                  &(elo_blob_send_t){ .digest = v->t.stat.digest,
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

    if (!elo_call_find_target(c, &t)) {
        return;
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
    elo_err_t err;
} remove_t;


/* pool */
static void
work_remove(elo_job_t *job)
{
    remove_t *r = (remove_t *) job;

    r->err = elo_store_remove(r->api->cfg.store, &r->digest);
}


static void
after_remove(elo_job_t *job)
{
    remove_t *r = (remove_t *) job;

    if (r->err == ELO_OK) {
        elo_reply_empty(r->req, 204);
    } else if (r->err == ELO_EBUSY) {
        elo_reply_err(r->req, r->err, "a content node refers to this blob");
    } else {
        elo_reply_err(r->req, r->err,
                      r->err == ELO_ENOTFOUND ? "no such blob" : NULL);
    }
    free(r);
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
    r->api = c->api;
    r->req = c->req;
    r->job.work = work_remove;
    r->job.after = after_remove;
    elo_loop_work(c->api->cfg.loop, &r->job);
}


/* ---- the list ---- */

typedef struct {
    elo_job_t job; /* first */
    elo_call_t call;
    bool has_after;
    elo_digest_t after;
    uint32_t limit;
    uint32_t n_seen;
    uint32_t n; /* in page */
    bool has_more;
    elo_blob_stat_t *page; /* limit of them */
    elo_buf_t json;
    elo_err_t err;
} list_t;


static bool
collect(void *ctx, const elo_blob_stat_t *st)
{
    list_t *l = ctx;

    if (l->n == l->limit) {
        l->has_more = true;
        return false;
    }
    l->page[l->n++] = *st;
    return true;
}


static void
put_item(elo_json_writer_t *w, const elo_blob_stat_t *st)
{
    char canon[ELO_ADDR_CANON_LEN + 1];
    char cid[ELO_CID_TEXT_LEN + 1];
    char created[ELO_TIME_TEXT_LEN + 1];

    elo_addr_canon(&st->digest, canon);
    elo_addr_cid(&st->digest, cid);
    elo_time_text(st->created_at, created);
    elo_json_put_object(w, NULL);
    elo_json_put_cstr(w, "hash", canon);
    elo_json_put_cstr(w, "cid", cid);
    elo_json_put_u64(w, "size", st->size);
    elo_json_put_cstr(w, "contentType",
                      st->content_type[0] != '\0' ? st->content_type
                                                  : ELO_API_DEFAULT_TYPE);
    elo_json_put_cstr(w, "createdAt", created);
    elo_json_end_object(w);
}


/* Writes one batch, leaving out what the caller may not see; true when the page
   is not full and there may be more to look at. */
static bool
put_batch(list_t *l, elo_json_writer_t *w, uint32_t *n_put)
{
    elo_store_t *s = l->call.api->cfg.store;

    l->n = 0;
    l->has_more = false;
    l->err = elo_store_each(s, l->has_after ? &l->after : NULL, collect, l);
    if (l->err != ELO_OK) {
        return false;
    }
    for (uint32_t i = 0; i < l->n; i++) {
        const elo_blob_stat_t *st = &l->page[i];

        if (*n_put == l->limit) {
            l->has_more = true;
            return false;
        }
        l->has_after = true;
        l->after = st->digest;
        l->n_seen++;
        if (!elo_call_may_read(&l->call, elo_store_blob_reach(s, &st->digest)))
        {
            continue;
        }
        put_item(w, st);
        (*n_put)++;
    }
    return l->has_more && *n_put < l->limit && l->n_seen < LIST_BUDGET;
}


/* pool */
static void
work_list(elo_job_t *job)
{
    list_t *l = (list_t *) job;
    char canon[ELO_ADDR_CANON_LEN + 1];
    elo_json_writer_t w;
    uint32_t n_put = 0;

    elo_json_writer_init(&w, &l->json);
    elo_json_put_object(&w, NULL);
    elo_json_put_array(&w, "items");
    while (put_batch(l, &w, &n_put)) {
        /* the next */
    }
    elo_json_end_array(&w);
    if (l->has_more) {
        elo_addr_canon(&l->after, canon);
        elo_json_put_cstr(&w, "next", canon);
    } else {
        elo_json_put_null(&w, "next");
    }
    elo_json_end_object(&w);
}


static void
free_list(list_t *l)
{
    elo_buf_dispose(&l->json);
    free(l->page);
    free(l);
}


static void
after_list(elo_job_t *job)
{
    list_t *l = (list_t *) job;

    if (l->err != ELO_OK) {
        elo_reply_err(l->call.req, l->err, NULL);
    } else {
        elo_http_res_header(l->call.req, "Cache-Control",
                            ELO_SLICE("no-store"));
        elo_reply_json(l->call.req, 200, &l->json);
    }
    free_list(l);
}


static elo_err_t
list_query(list_t *l, elo_slice_t query)
{
    char room[ELO_ADDR_TEXT_MAX];
    elo_slice_t after;
    elo_err_t rc;

    rc = elo_query_number(query, "limit", LIST_LIMIT, LIST_MAX, &l->limit);
    if (rc != ELO_OK) {
        return rc;
    }
    rc = elo_query_text(query, "after", room, sizeof(room), &after);
    if (rc != ELO_OK || after.len == 0) {
        return rc;
    }
    l->has_after = true;
    return elo_addr_parse(after, &l->after);
}


void
elo_call_blob_list(elo_call_t *c)
{
    list_t *l = calloc(1, sizeof(*l));

    if (l == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return;
    }
    elo_buf_init(&l->json, LIST_MAX * 1024);
    l->call = *c;
    if (list_query(l, elo_http_req_query(c->req)) != ELO_OK) {
        elo_reply_err(c->req, ELO_EINVAL,
                      "limit must be a number from 1, after an address");
        free_list(l);
        return;
    }
    l->page = calloc(l->limit, sizeof(*l->page));
    if (l->page == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        free_list(l);
        return;
    }
    l->job.work = work_list;
    l->job.after = after_list;
    elo_loop_work(c->api->cfg.loop, &l->job);
}


/* ---- status ---- */

static void
put_media(elo_json_writer_t *w, const elo_call_t *c, const elo_digest_t *d)
{
    const char *word = "none";
    uint8_t status = ELO_MEDIA_NONE;
    elo_buf_t reason;
    uint64_t size;
    elo_err_t rc;

    elo_buf_init(&reason, ANSWER_MAX);
    rc = elo_store_media_stat(c->api->cfg.store, d, &status, &size, &reason);
    if (elo_media_jobs_has(c->api->jobs, d)) {
        word = "pending";
        elo_buf_clear(&reason);
    } else if (rc == ELO_ENOTFOUND) {
        elo_buf_put_str(&reason, "not indexed: no content node asked for it");
    } else if (rc == ELO_OK && status == ELO_MEDIA_READY) {
        word = "ready";
    }
    elo_json_put_object(w, "media");
    elo_json_put_cstr(w, "status", word);
    elo_json_put_string(w, "reason", elo_buf_slice(&reason));
    elo_json_end_object(w);
    elo_buf_dispose(&reason);
}


void
elo_call_blob_status(elo_call_t *c)
{
    char canon[ELO_ADDR_CANON_LEN + 1];
    elo_json_writer_t w;
    elo_target_t t;
    elo_buf_t b;

    if (!elo_call_find_target(c, &t)) {
        return;
    }
    elo_addr_canon(&t.stat.digest, canon);
    elo_buf_init(&b, 2 * ANSWER_MAX);
    elo_json_writer_init(&w, &b);
    elo_json_put_object(&w, NULL);
    elo_json_put_cstr(&w, "hash", canon);
    elo_json_put_u64(&w, "size", t.stat.size);
    elo_json_put_cstr(&w, "ack", "accepted");
    put_media(&w, c, &t.stat.digest);
    elo_json_end_object(&w);
    elo_http_res_header(c->req, "Cache-Control", ELO_SLICE("no-store"));
    elo_reply_json(c->req, 200, &b);
    elo_buf_dispose(&b);
}
