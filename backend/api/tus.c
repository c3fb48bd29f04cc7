/* SPDX-License-Identifier: BSD-2-Clause */
/* tus: resumable uploads at /api/upload: whose turn it is, and the requests that
   bring no bytes. Spec: tus 1.0.0; the extensions are in tus_head.h. */
#include "backend/api/calls.h"
#include "backend/api/tus_internal.h"

#include <stdlib.h>

#include "common/http/precond.h"

#define LOCKED       423 /* RFC 4918, 11.3; clients try again */
#define HASH_HEADER  "X-Elohim-Hash"
#define VERSION_NAME "Tus-Version"


/* ---- whose turn it is ---- */

static elo_tus_t *
find_going(const elo_api_t *a, const char *id)
{
    for (elo_tus_t *t = a->tus; t != NULL; t = t->next) {
        if (strcmp(t->id, id) == 0) {
            return t;
        }
    }
    return NULL;
}


static void
start(elo_tus_t *t)
{
    t->next = t->api->tus;
    t->api->tus = t;
    t->go(t);
}


/* An upload is its beginner's, whoever has learned its name. room: for its state. */
static bool
is_anothers(const elo_call_t *c, elo_upload_stat_t *room)
{
    return c->has_agent && c->route.id.len != 0
           && elo_upload_stat(c->api->cfg.store, c->route.id, room) == ELO_OK
           && !elo_agent_eq(&room->agent, &c->agent);
}


elo_tus_t *
elo_tus_new(elo_call_t *c, void (*go)(elo_tus_t *t))
{
    elo_tus_t *t = calloc(1, sizeof(*t));

    if (t == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return NULL;
    }
    if (is_anothers(c, &t->stat)) {
        elo_reply_err(c->req, ELO_ENOTFOUND, NULL);
        free(t);
        return NULL;
    }
    t->api = c->api;
    t->req = c->req;
    t->go = go;
    if (c->route.id.len == ELO_UPLOAD_ID_LEN) {
        memcpy(t->id, c->route.id.p, ELO_UPLOAD_ID_LEN);
    }
    return t;
}


void
elo_tus_free(elo_tus_t *t)
{
    elo_put_ask_dispose(&t->ask);
    elo_sha1_free(&t->sha1);
    elo_sha256_free(&t->sha256);
    free(t);
}


void
elo_tus_begin(elo_tus_t *t)
{
    elo_tus_t *other = t->id[0] == '\0' ? NULL : find_going(t->api, t->id);

    if (other == NULL) {
        start(t);
        return;
    }
    if (other->waiter != NULL) {
        elo_reply_problem(t->req, LOCKED, "LOCKED",
                          "another request for this upload waits already",
                          NULL);
        elo_tus_free(t);
        return;
    }
    other->waiter = t;
    if (other->pump != NULL) {
        other->is_cut = elo_pump_cut(other->pump);
    }
}


void
elo_tus_end(elo_tus_t *t)
{
    elo_tus_t **at = &t->api->tus;
    elo_tus_t *waiter = t->waiter;

    while (*at != t) {
        at = &(*at)->next;
    }
    *at = t->next;
    elo_tus_free(t);
    if (waiter != NULL) {
        start(waiter);
    }
}


/* ---- answers ---- */

void
elo_tus_refuse(elo_tus_t *t, elo_err_t err, const char *detail)
{
    if (err == ELO_EBUSY) {
        elo_reply_problem(t->req, LOCKED, "LOCKED",
                          "the upload is being written to", NULL);
        return;
    }
    if (err == ELO_ENOTFOUND && detail == NULL) {
        detail = "no such upload";
    }
    elo_reply_err(t->req, err, detail);
}


void
elo_tus_put_state(const elo_tus_t *t)
{
    const elo_upload_stat_t *st = &t->stat;
    char canon[ELO_ADDR_CANON_LEN + 1];
    char date[ELO_HTTP_DATE_LEN + 1];

    elo_http_res_headerf(t->req, "Upload-Offset", "%llu",
                         (unsigned long long) st->offset);
    if (st->is_final) {
        elo_addr_canon(&st->digest, canon);
        elo_http_res_header(t->req, HASH_HEADER, elo_slice_str(canon));
    } else {
        elo_http_date_format(st->expires_at, date);
        elo_http_res_header(t->req, "Upload-Expires", elo_slice_str(date));
    }
}


void
elo_tus_read_fields(const elo_http_req_t *req, elo_tus_fields_t *out)
{
    out->resumable = elo_http_req_header(req, "Tus-Resumable");
    out->offset = elo_http_req_header(req, "Upload-Offset");
    out->length = elo_http_req_header(req, "Upload-Length");
    out->defer = elo_http_req_header(req, "Upload-Defer-Length");
    out->checksum = elo_http_req_header(req, "Upload-Checksum");
    out->metadata = elo_http_req_header(req, "Upload-Metadata");
    out->concat = elo_http_req_header(req, "Upload-Concat");
    out->type = elo_http_req_header(req, "Content-Type");
}


bool
elo_tus_greet(elo_call_t *c)
{
    elo_http_res_header(c->req, "Tus-Resumable", ELO_SLICE(ELO_TUS_VERSION));
    if (elo_tus_version_ok(elo_http_req_header(c->req, "Tus-Resumable"))) {
        return true;
    }
    elo_http_res_header(c->req, VERSION_NAME, ELO_SLICE(ELO_TUS_VERSION));
    elo_reply_err(c->req, ELO_EVERSION, NULL);
    return false;
}


/* ---- OPTIONS ---- */

void
elo_call_tus_options(elo_call_t *c)
{
    uint64_t max = c->api->cfg.max_blob;

    elo_http_res_header(c->req, "Tus-Resumable", ELO_SLICE(ELO_TUS_VERSION));
    elo_http_res_header(c->req, VERSION_NAME, ELO_SLICE(ELO_TUS_VERSION));
    elo_http_res_header(c->req, "Tus-Extension", ELO_SLICE(ELO_TUS_EXTENSIONS));
    elo_http_res_header(c->req, "Tus-Checksum-Algorithm",
                        ELO_SLICE(ELO_TUS_CHECKSUMS));
    if (max != UINT64_MAX) {
        elo_http_res_headerf(c->req, "Tus-Max-Size", "%llu",
                             (unsigned long long) max);
    }
    elo_http_res_header(c->req, "Allow",
                        c->route.kind == ELO_ROUTE_UPLOAD
                            ? ELO_SLICE("HEAD, PATCH, DELETE, POST, OPTIONS")
                            : ELO_SLICE("POST, OPTIONS"));
    elo_reply_empty(c->req, 204);
}


/* ---- HEAD ---- */

elo_err_t
elo_tus_finish(elo_tus_t *t)
{
    elo_blob_stat_t blob;
    bool existed;
    elo_err_t rc = elo_upload_finish(t->up, &blob, &existed);

    if (rc == ELO_OK) {
        t->stat.is_final = true;
        t->stat.digest = blob.digest;
        t->stat.size = blob.size;
    }
    return rc;
}


static void
reply_head(elo_tus_t *t)
{
    const elo_upload_stat_t *st = &t->stat;

    elo_http_res_header(t->req, "Cache-Control", ELO_SLICE("no-store"));
    if (t->err != ELO_OK) {
        elo_tus_refuse(t, t->err, NULL);
        elo_tus_end(t);
        return;
    }
    elo_tus_put_state(t);
    if (st->length == UINT64_MAX) {
        elo_http_res_header(t->req, "Upload-Defer-Length", ELO_SLICE("1"));
    } else {
        elo_http_res_headerf(t->req, "Upload-Length", "%llu",
                             (unsigned long long) st->length);
    }
    if (st->meta[0] != '\0') {
        elo_http_res_header(t->req, "Upload-Metadata", elo_slice_str(st->meta));
    }
    elo_http_res_send(t->req, elo_slice(NULL, 0));
    elo_tus_end(t);
}


/* pool: all bytes came, but making the blob failed then, or the daemon ended.
   A client that hears that all is there asks for nothing more, so that it has to
   be made now, or the truth told. */
static void
work_head(elo_job_t *job)
{
    elo_tus_t *t = (elo_tus_t *) job;

    t->err = elo_upload_open(t->api->cfg.store, elo_slice_str(t->id), &t->up);
    if (t->err == ELO_OK) {
        t->err = elo_tus_finish(t);
        elo_upload_close(&t->up);
    }
}


static void
after_head(elo_job_t *job)
{
    reply_head((elo_tus_t *) job);
}


static void
go_head(elo_tus_t *t)
{
    t->err = elo_upload_stat(t->api->cfg.store, elo_slice_str(t->id), &t->stat);
    if (t->err == ELO_OK && !t->stat.is_final
        && t->stat.offset == t->stat.length) {
        t->job.work = work_head;
        t->job.after = after_head;
        elo_loop_work(t->api->cfg.loop, &t->job);
        return;
    }
    reply_head(t);
}


void
elo_call_tus_head(elo_call_t *c)
{
    elo_tus_t *t;

    if (elo_tus_greet(c) && (t = elo_tus_new(c, go_head)) != NULL) {
        elo_tus_begin(t);
    }
}


/* ---- DELETE ---- */

/* pool */
static void
work_delete(elo_job_t *job)
{
    elo_tus_t *t = (elo_tus_t *) job;

    t->err = elo_upload_remove(t->api->cfg.store, elo_slice_str(t->id));
}


static void
after_delete(elo_job_t *job)
{
    elo_tus_t *t = (elo_tus_t *) job;

    if (t->err == ELO_OK) {
        elo_reply_empty(t->req, 204);
    } else {
        elo_tus_refuse(t, t->err, NULL);
    }
    elo_tus_end(t);
}


static void
go_delete(elo_tus_t *t)
{
    t->job.work = work_delete;
    t->job.after = after_delete;
    elo_loop_work(t->api->cfg.loop, &t->job);
}


void
elo_call_tus_delete(elo_call_t *c)
{
    elo_tus_t *t;

    if (elo_tus_greet(c) && (t = elo_tus_new(c, go_delete)) != NULL) {
        elo_tus_begin(t);
    }
}
