/* SPDX-License-Identifier: BSD-2-Clause */
/* upload: a blob from the body of a request into the store, piece by piece. One
   piece is held in memory, and one thing happens at a time:

     STEP (pool: begin, write, commit as asked) ──► READ (a piece from the client)
       ▲                                              │
       └──────────────────────────────────────────────┘
     and from STEP to an answer, or from either to ABORT (pool), then an answer.

   A small body of known length takes one step; a large one begins before its
   first byte is asked for, so that a full disk or a wrong length is heard of
   before the bytes are sent. */
#include "backend/api/api_internal.h"

#include <stdlib.h>

#include "backend/json/json_write.h"
#include "backend/node/shape.h"

#define SMALL_BODY (64 * 1024)
#define ANSWER_MAX 4096

typedef struct {
    elo_job_t job; /* first */
    elo_api_t *api;
    elo_http_req_t *req;
    bool has_expect;
    elo_digest_t expect;
    elo_slice_t content_type; /* of the request's head */
    int64_t length;           /* -1 when not told */
    uint64_t received;

    /* of the step */
    elo_slice_t bytes;
    bool is_last;
    bool must_abort;
    elo_err_t err;
    elo_put_t *put;
    elo_blob_stat_t stat;
    bool existed;
} upload_t;


static void on_bytes(void *ctx, elo_slice_t bytes, elo_err_t err);


/* ---- answers ---- */

static void
put_answer(elo_buf_t *b, const upload_t *u, const char *canon)
{
    const elo_blob_stat_t *st = &u->stat;
    char cid[ELO_CID_TEXT_LEN + 1];
    elo_json_writer_t w;

    elo_addr_cid(&st->digest, cid);
    elo_json_writer_init(&w, b);
    elo_json_put_object(&w, NULL);
    elo_json_put_cstr(&w, "hash", canon);
    elo_json_put_cstr(&w, "cid", cid);
    elo_json_put_u64(&w, "size", st->size);
    elo_json_put_cstr(&w, "contentType",
                      st->content_type[0] != '\0' ? st->content_type
                                                  : ELO_API_DEFAULT_TYPE);
    elo_json_put_bool(&w, "existed", u->existed);
    elo_json_put_cstr(&w, "ack", "accepted");
    elo_json_end_object(&w);
}


static void
answer(upload_t *u)
{
    char canon[ELO_ADDR_CANON_LEN + 1];
    elo_buf_t b;

    elo_addr_canon(&u->stat.digest, canon);
    elo_buf_init(&b, ANSWER_MAX);
    put_answer(&b, u, canon);
    elo_http_res_headerf(u->req, "Location", "/api/blob/%s", canon);
    elo_reply_json(u->req, u->existed ? 200 : 201, &b);
    elo_buf_dispose(&b);
}


static const char *
detail_of(elo_err_t err)
{
    switch (err) {
    case ELO_EHASH:
        return "the bytes do not have the hash in the path; nothing was kept";
    case ELO_ETOOBIG:
        return "the blob is larger than this node takes";
    default:
        return NULL;
    }
}


static void
finish(upload_t *u)
{
    if (u->err == ELO_OK) {
        answer(u);
    } else {
        elo_reply_err(u->req, u->err, detail_of(u->err));
    }
    free(u);
}


/* ---- steps ---- */

static elo_err_t
step(upload_t *u)
{
    elo_err_t rc;

    if (u->put == NULL) {
        rc = elo_put_begin(u->api->cfg.store, u->has_expect ? &u->expect : NULL,
                           u->length > 0 ? (uint64_t) u->length : 0,
                           u->content_type, &u->put);
        if (rc != ELO_OK) {
            return rc;
        }
    }
    if (u->bytes.len != 0) {
        rc = elo_put_write(u->put, u->bytes);
        if (rc != ELO_OK) {
            return rc;
        }
    }
    return u->is_last ? elo_put_commit(&u->put, &u->stat, &u->existed) : ELO_OK;
}


/* pool */
static void
work(elo_job_t *job)
{
    upload_t *u = (upload_t *) job;

    if (!u->must_abort) {
        u->err = step(u);
    }
    if (u->err != ELO_OK) {
        elo_put_abort(&u->put);
    }
}


static void
after(elo_job_t *job)
{
    upload_t *u = (upload_t *) job;

    if (u->err != ELO_OK || u->is_last) {
        finish(u);
        return;
    }
    elo_http_req_read(u->req, on_bytes, u);
}


static void
run_step(upload_t *u)
{
    u->job.work = work;
    u->job.after = after;
    elo_loop_work(u->api->cfg.loop, &u->job);
}


static void
give_up(upload_t *u, elo_err_t err)
{
    u->err = err;
    u->must_abort = true;
    if (u->put == NULL) {
        finish(u);
        return;
    }
    run_step(u);
}


static void
on_bytes(void *ctx, elo_slice_t bytes, elo_err_t err)
{
    upload_t *u = ctx;

    if (err != ELO_OK) {
        give_up(u, err);
        return;
    }
    u->received += bytes.len;
    if (u->received > u->api->cfg.max_blob) {
        give_up(u, ELO_ETOOBIG);
        return;
    }
    u->bytes = bytes;
    u->is_last = bytes.len == 0
                 || (u->length >= 0 && u->received == (uint64_t) u->length);
    run_step(u);
}


/* The type that an upload states; empty when it states none of worth. A form's
   type is what some clients send when nobody told them one. */
static elo_slice_t
stated_type(const elo_http_req_t *req)
{
    elo_slice_t s = elo_slice_trim(elo_http_req_header(req, "Content-Type"));

    if (!elo_shape_mime(s)
        || elo_slice_ieq(s, ELO_SLICE("application/x-www-form-urlencoded")))
    {
        return elo_slice(NULL, 0);
    }
    return s;
}


static elo_err_t
address_of(const elo_call_t *c, upload_t *u)
{
    if (c->route.id.len == 0) {
        return ELO_OK;
    }
    u->has_expect = true;
    return elo_addr_parse(c->route.id, &u->expect);
}


void
elo_call_blob_put(elo_call_t *c)
{
    int64_t len = elo_http_req_body_len(c->req);
    upload_t *u;
    elo_err_t rc;

    if (len > 0 && (uint64_t) len > c->api->cfg.max_blob) {
        elo_reply_err(c->req, ELO_ETOOBIG, detail_of(ELO_ETOOBIG));
        return;
    }
    u = calloc(1, sizeof(*u));
    if (u == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return;
    }
    u->api = c->api;
    u->req = c->req;
    u->length = len;
    u->content_type = stated_type(c->req);
    rc = address_of(c, u);
    if (rc != ELO_OK) {
        elo_reply_err(c->req, rc,
                      "a blob is written to its address, "
                      "\"sha256-\" and 64 hex digits or a CIDv1 of "
                      "raw bytes");
        free(u);
        return;
    }
    u->is_last = len == 0;
    if (len > 0 && len <= SMALL_BODY) {
        elo_http_req_read(c->req, on_bytes, u);
        return;
    }
    run_step(u);
}
