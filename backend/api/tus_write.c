/* SPDX-License-Identifier: BSD-2-Clause */
/* tus_write: the requests of tus that bring bytes: creation and PATCH. What came
   before a connection broke is kept and made durable, but for a body with a
   checksum, which counts as a whole or not at all. */
#include "backend/api/calls.h"
#include "backend/api/tus_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define SYNC_BYTES (64u << 20) /* most that a crash within a long body costs */


/* ---- on the pool ---- */

static elo_err_t
start_sum(elo_tus_t *t)
{
    switch (t->head.sum) {
    case ELO_TUS_SUM_SHA1:
        return elo_sha1_create(&t->sha1);
    case ELO_TUS_SUM_SHA256:
        return elo_sha256_create(&t->sha256);
    case ELO_TUS_SUM_NONE:
        break;
    }
    return ELO_OK;
}


static elo_err_t
update_sum(elo_tus_t *t, elo_slice_t bytes)
{
    if (t->sha1 != NULL) {
        return elo_sha1_update(t->sha1, bytes);
    }
    return t->sha256 != NULL ? elo_sha256_update(t->sha256, bytes) : ELO_OK;
}


static elo_err_t
check_sum(elo_tus_t *t)
{
    elo_digest_t got = { 0 };
    elo_err_t rc = ELO_OK;

    if (t->sha1 != NULL) {
        rc = elo_sha1_final(t->sha1, got.b);
    } else if (t->sha256 != NULL) {
        rc = elo_sha256_final(t->sha256, &got);
    }
    if (rc == ELO_OK && memcmp(got.b, t->head.digest, sizeof(got.b)) != 0) {
        rc = ELO_ECHECKSUM;
    }
    return rc;
}


static elo_err_t
create(elo_tus_t *t)
{
    elo_store_t *s = t->api->cfg.store;
    elo_err_t rc = elo_upload_create(
        s, &t->ask.opt, t->head.has_length ? t->head.length : UINT64_MAX,
        t->meta, &t->stat);

    if (rc == ELO_OK) {
        rc = elo_upload_open(s, elo_slice_str(t->stat.id), &t->up);
    }
    return rc;
}


/* Is this PATCH for the upload as it stands? */
static elo_err_t
resume(elo_tus_t *t)
{
    elo_store_t *s = t->api->cfg.store;
    elo_slice_t id = elo_slice_str(t->id);
    elo_err_t rc = elo_upload_stat(s, id, &t->stat);

    if (rc != ELO_OK) {
        return rc;
    }
    if (t->stat.is_final) {
        t->is_misplaced = t->head.offset != t->stat.offset;
        return t->is_misplaced ? ELO_EEXISTS : ELO_OK;
    }
    rc = elo_upload_open(s, id, &t->up);
    if (rc != ELO_OK) {
        return rc;
    }
    t->is_misplaced = t->head.offset != elo_upload_offset(t->up);
    if (t->is_misplaced) {
        return ELO_EEXISTS;
    }
    if (t->head.has_length && t->head.length != t->stat.length) {
        rc = elo_upload_set_length(t->up, t->head.length);
        t->is_relength = rc == ELO_EEXISTS;
        t->stat.length = rc == ELO_OK ? t->head.length : t->stat.length;
    }
    return rc;
}


/* Before the first byte: everything that can be refused is. */
static elo_err_t
open_upload(elo_tus_t *t)
{
    elo_err_t rc = t->is_create ? create(t) : resume(t);

    if (rc == ELO_OK) {
        rc = start_sum(t);
    }
    t->start = t->up != NULL ? elo_upload_offset(t->up) : t->stat.offset;
    if (rc == ELO_OK && t->body_len > 0 && t->stat.length != UINT64_MAX
        && (uint64_t) t->body_len > t->stat.length - t->start)
    {
        rc = ELO_ETOOBIG;
    }
    return rc;
}


static elo_err_t
work(void *ctx, elo_slice_t bytes)
{
    elo_tus_t *t = ctx;
    elo_err_t rc;

    if (bytes.len == 0) {
        return open_upload(t);
    }
    if (t->up == NULL) {
        return ELO_ETOOBIG; /* the upload is complete */
    }
    rc = update_sum(t, bytes);
    if (rc == ELO_OK) {
        rc = elo_upload_write(t->up, bytes);
    }
    t->since_sync += bytes.len;
    if (rc == ELO_OK && t->head.sum == ELO_TUS_SUM_NONE
        && t->since_sync >= SYNC_BYTES)
    {
        t->since_sync = 0;
        rc = elo_upload_sync(t->up);
    }
    return rc;
}


/* Keeps what may be kept; makes the blob when that is all of it. */
static elo_err_t
settle(elo_tus_t *t, elo_err_t err)
{
    elo_err_t rc;

    if (err == ELO_OK && t->head.sum != ELO_TUS_SUM_NONE) {
        err = check_sum(t);
    }
    if (err != ELO_OK && t->head.sum != ELO_TUS_SUM_NONE) {
        rc = elo_upload_rewind(t->up, t->start);
        if (rc != ELO_OK) {
            return rc;
        }
    }
    rc = elo_upload_sync(t->up);
    err = err == ELO_OK ? rc : err;
    t->stat.offset = elo_upload_offset(t->up);
    if (err == ELO_OK && t->stat.offset == t->stat.length) {
        err = elo_tus_finish(t);
    }
    return err;
}


static void
end(void *ctx, elo_err_t err, uint64_t received)
{
    elo_tus_t *t = ctx;

    (void) received;
    if (t->up != NULL) {
        err = settle(t, err);
        elo_upload_close(&t->up);
    }
    if (t->is_create && t->stat.id[0] != '\0' && err != ELO_OK) {
        /* The client will never hear of it. Left alone it expires. */
        elo_ignore(
            elo_upload_remove(t->api->cfg.store, elo_slice_str(t->stat.id)));
    }
    t->err = err;
}


/* ---- answers ---- */

static void
refuse(elo_tus_t *t)
{
    if (t->is_misplaced) {
        elo_reply_problem(t->req, 409, "OFFSET_MISMATCH",
                          "Upload-Offset is not where the upload is", NULL);
    } else if (t->is_relength) {
        elo_reply_err(t->req, ELO_EINVAL,
                      "Upload-Length differs from what was told before");
    } else {
        elo_tus_refuse(t, t->err,
                       t->err == ELO_ETOOBIG
                           ? "more bytes than the upload's length"
                           : NULL);
    }
}


static void
done(void *ctx)
{
    elo_tus_t *t = ctx;
    char canon[ELO_ADDR_CANON_LEN + 1];

    t->pump = NULL;
    if (t->is_cut) {
        elo_tus_end(t); /* the exchange has ended already */
        return;
    }
    if (t->err != ELO_OK) {
        refuse(t);
        elo_tus_end(t);
        return;
    }
    elo_tus_put_state(t);
    if (t->is_create) {
        elo_http_res_headerf(t->req, "Location", "/api/upload/%s", t->stat.id);
    } else if (t->stat.is_final) {
        elo_addr_canon(&t->stat.digest, canon);
        elo_http_res_headerf(t->req, "Location", "/api/blob/%s", canon);
    }
    if (t->is_create) {
        elo_http_res_status(t->req, 201);
        elo_http_res_send(t->req, elo_slice(NULL, 0));
    } else {
        elo_reply_empty(t->req, 204);
    }
    elo_tus_end(t);
}


/* ---- without a body ---- */

/* pool */
static void
work_bare(elo_job_t *job)
{
    elo_tus_t *t = (elo_tus_t *) job;

    end(t, work(t, elo_slice(NULL, 0)), 0);
}


static void
after_bare(elo_job_t *job)
{
    done(job);
}


static void
go(elo_tus_t *t)
{
    elo_err_t rc;

    if (!t->has_body) {
        t->job.work = work_bare;
        t->job.after = after_bare;
        elo_loop_work(t->api->cfg.loop, &t->job);
        return;
    }
    rc = elo_pump_start(&(elo_pump_cfg_t){ .api = t->api,
                                           .req = t->req,
                                           .max = t->api->cfg.max_blob,
                                           .work = work,
                                           .end = end,
                                           .done = done,
                                           .ctx = t },
                        &t->pump);
    if (rc != ELO_OK) {
        elo_tus_refuse(t, rc, NULL);
        elo_tus_end(t);
    }
}


/* ---- requests ---- */

/* What the metadata says of the file. */
static elo_err_t
read_meta(elo_tus_t *t, const char **why)
{
    static const char *const names[] = { "filetype", "contentType", "type" };
    uint8_t reach[ELO_MIME_MAX];
    size_t len = 0;
    elo_err_t rc;

    t->ask.opt.content_type = elo_slice(NULL, 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        rc = elo_tus_meta_get(t->meta, names[i], (uint8_t *) t->type,
                              ELO_MIME_MAX, &len);
        if (rc == ELO_OK && elo_put_ask_type(elo_slice(t->type, len)).len != 0)
        {
            t->ask.opt.content_type = elo_put_ask_type(elo_slice(t->type, len));
            break;
        }
    }
    rc = elo_tus_meta_get(t->meta, "reach", reach, sizeof(reach), &len);
    if (rc == ELO_ENOTFOUND) {
        return ELO_OK;
    }
    *why = "the metadata's reach is none that there is";
    return rc != ELO_OK ? ELO_EINVAL
                        : elo_put_ask_narrow(&t->ask, elo_slice(reach, len));
}


static elo_err_t
read_create(elo_call_t *c, elo_tus_t *t, const char **why)
{
    int64_t len = elo_http_req_body_len(c->req);
    elo_tus_fields_t f;
    elo_err_t rc;

    elo_tus_read_fields(c->req, &f);
    t->is_create = true;
    t->has_body = len > 0 || (len < 0 && f.type.p != NULL);
    t->body_len = len;
    t->meta = f.metadata;
    rc = elo_tus_parse_create(&f, t->has_body, c->api->cfg.max_blob, &t->head,
                              why);
    if (rc != ELO_OK) {
        return rc;
    }
    if (f.metadata.len > ELO_UPLOAD_META_MAX) {
        *why = "Upload-Metadata is too long";
        return ELO_EINVAL;
    }
    if ((rc = elo_put_ask_read(c, &t->ask, why)) != ELO_OK
        || (rc = read_meta(t, why)) != ELO_OK)
    {
        return rc;
    }
    t->ask.opt.size_hint = t->head.has_length ? t->head.length : 0;
    return ELO_OK;
}


static elo_err_t
read_patch(elo_call_t *c, elo_tus_t *t, const char **why)
{
    elo_tus_fields_t f;

    elo_tus_read_fields(c->req, &f);
    t->body_len = elo_http_req_body_len(c->req);
    t->has_body = t->body_len != 0;
    return elo_tus_parse_patch(&f, c->api->cfg.max_blob, &t->head, why);
}


static void
receive(elo_call_t *c,
        elo_err_t (*read)(elo_call_t *c, elo_tus_t *t, const char **why))
{
    const char *why = NULL;
    elo_tus_t *t;
    elo_err_t rc;

    atomic_fetch_add_explicit(&c->api->n_writes, 1, memory_order_relaxed);
    if (!elo_tus_greet(c) || (t = elo_tus_new(c, go)) == NULL) {
        return;
    }
    rc = read(c, t, &why);
    if (rc != ELO_OK) {
        elo_reply_err(c->req, rc, rc == ELO_ENOMEM ? NULL : why);
        elo_tus_free(t);
        return;
    }
    elo_tus_begin(t);
}


void
elo_call_tus_create(elo_call_t *c)
{
    receive(c, read_create);
}


void
elo_call_tus_patch(elo_call_t *c)
{
    receive(c, read_patch);
}
