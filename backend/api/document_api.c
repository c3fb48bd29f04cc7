/* SPDX-License-Identifier: BSD-2-Clause */
/* document_api: what everybody is told alike, for the Doorway to keep
   (common/http/wire_document.h): the answer of the same handler that a guest's own
   request has, taken aside and put into a descriptor. The slots are read before anything
   is looked up (common/cache/generation.h, I1). */
#include "backend/api/calls.h"

#include <stdlib.h>

#include "common/base/crypto.h"
#include "common/base/enc.h"
#include "common/http/wire_document.h"

#define ANSWER_MAX (ELO_DOCUMENT_MAX + 16384u)

/* An answer that is being made. */
typedef struct {
    elo_document_t d;
    bool has_tag; /* d.tag is the one that the Doorway has */
} making_t;


/* ---- the answer ---- */

static void
hash_part(elo_buf_t *b, elo_slice_t s)
{
    elo_buf_put_be32(b, (uint32_t) s.len);
    elo_buf_put_slice(b, s);
}


static elo_err_t
tag_of(const elo_document_t *d, uint8_t tag[ELO_DOCUMENT_TAG])
{
    elo_digest_t sum;
    elo_buf_t b;
    elo_err_t rc;

    elo_buf_init(&b, ANSWER_MAX);
    elo_buf_put_be16(&b, d->status);
    hash_part(&b, d->etag);
    hash_part(&b, d->content_type);
    hash_part(&b, d->fields);
    hash_part(&b, d->body);
    rc = elo_buf_err(&b);
    if (rc == ELO_OK && (rc = elo_sha256(elo_buf_slice(&b), &sum)) == ELO_OK) {
        memcpy(tag, sum.b, ELO_DOCUMENT_TAG);
    }
    elo_buf_dispose(&b);
    return rc;
}


/* Sorts what the handler says of its answer; what the Doorway says itself is left out. */
static elo_err_t
take_fields(elo_slice_t fields, elo_document_t *d, elo_buf_t *rest)
{
    elo_slice_t name, value;

    while (fields.len != 0) {
        const uint8_t *line = fields.p;

        if (!elo_document_field(&fields, &name, &value)) {
            return ELO_EINVAL;
        }
        if (elo_slice_ieq(name, ELO_SLICE("ETag"))) {
            d->etag = value;
        } else if (elo_slice_ieq(name, ELO_SLICE("Content-Type"))) {
            d->content_type = value;
        } else if (!elo_slice_ieq(name, ELO_SLICE("X-Cache"))
                   && !elo_slice_ieq(name, ELO_SLICE("X-Content-Type-Options")))
        {
            elo_buf_put(rest, line, (size_t) (fields.p - line));
        }
    }
    d->fields = elo_buf_slice(rest);
    return elo_buf_err(rest);
}


static void
make_bare(elo_document_t *d, uint8_t flag)
{
    d->head.flags = flag;
    d->etag = d->content_type = d->fields = d->body = elo_slice(NULL, 0);
}


static elo_err_t
complete(making_t *m, elo_slice_t fields, elo_buf_t *rest)
{
    uint8_t tag[ELO_DOCUMENT_TAG];
    elo_err_t rc;

    if (m->d.body.len > ELO_DOCUMENT_MAX) {
        make_bare(&m->d, ELO_WIRE_LARGE);
        memset(m->d.tag, 0, sizeof(m->d.tag));
        return ELO_OK;
    }
    if ((rc = take_fields(fields, &m->d, rest)) != ELO_OK
        || (rc = tag_of(&m->d, tag)) != ELO_OK)
    {
        return rc;
    }
    if (m->has_tag && memcmp(tag, m->d.tag, sizeof(tag)) == 0
        && m->d.status == 200) {
        make_bare(&m->d, ELO_WIRE_SAME);
    }
    memcpy(m->d.tag, tag, sizeof(tag));
    return ELO_OK;
}


/* Any other answer is the guest's, who asks for it himself. */
static void
on_answer(void *ctx, elo_http_req_t *req, int status, elo_slice_t fields,
          elo_slice_t body)
{
    making_t *m = ctx;
    elo_buf_t rest, out;
    elo_err_t rc;

    if (status != 200 && status != 404) {
        if (status != 0) {
            elo_reply_empty(req, status == 204 || status == 304 ? 501 : status);
        }
        free(m);
        return;
    }
    m->d.status = (uint16_t) status;
    m->d.body = body;
    elo_buf_init(&rest, ELO_DOCUMENT_FIELDS);
    elo_buf_init(&out, ANSWER_MAX);
    rc = complete(m, fields, &rest);
    if (rc == ELO_OK) {
        rc = elo_wire_put_document(&out, &m->d);
    }
    if (rc != ELO_OK) {
        elo_reply_err(req, rc, NULL);
    } else {
        elo_http_res_header(req, "Content-Type", ELO_SLICE(ELO_WIRE_TYPE));
        elo_http_res_send(req, elo_buf_slice(&out));
    }
    elo_buf_dispose(&out);
    elo_buf_dispose(&rest);
    free(m);
}


/* ---- the question ---- */

/* False: what that answers isn't everybody's. */
static bool
stamps_of(const elo_call_t *c, elo_document_t *d)
{
    elo_slice_t hard = c->route.id, soft;

    switch (c->route.kind) {
    case ELO_ROUTE_CONTENT:
    case ELO_ROUTE_CACHE:
        soft = hard;
        break;
    case ELO_ROUTE_MANIFEST:
        if (c->route.has_digest) {
            hard = elo_slice(c->route.digest.b, sizeof(c->route.digest.b));
        }
        soft = hard;
        break;
    case ELO_ROUTE_CONTENT_LIST:
    case ELO_ROUTE_CACHE_LIST:
    case ELO_ROUTE_ZOME:
        hard = ELO_GEN_NARROWED;
        soft = ELO_GEN_CHANGED;
        break;
    case ELO_ROUTE_SCHEMA:
        hard = soft = elo_slice(NULL, 0);
        break;
    default:
        return false;
    }
    d->head.slot = elo_gen_slot(hard);
    d->changed_slot = elo_gen_slot(soft);
    return true;
}


/* {tag | -}{path} */
static bool
read_tag(elo_slice_t text, making_t *m, elo_slice_t *path)
{
    const uint8_t *slash = text.len == 0 ? NULL : memchr(text.p, '/', text.len);
    elo_slice_t tag;

    if (slash == NULL) {
        return false;
    }
    tag = elo_slice(text.p, (size_t) (slash - text.p));
    *path = elo_slice(slash, text.len - tag.len);
    m->has_tag = !elo_slice_eq(tag, ELO_SLICE("-"));
    return !m->has_tag
           || elo_hex_decode(tag, m->d.tag, sizeof(m->d.tag)) == ELO_OK;
}


void
elo_call_document(elo_call_t *c)
{
    const elo_gen_page_t *gen = elo_store_gen(c->api->cfg.store);
    elo_call_t guest = { .api = c->api,
                         .req = c->req,
                         .is_guest = true,
                         .scopes = ELO_SCOPE_READ,
                         .ceiling = ELO_REACH_COMMONS };
    making_t in = { .d.head.reach = ELO_REACH_COMMONS };
    elo_slice_t path;
    making_t *m;

    if (!read_tag(c->route.id, &in, &path)) {
        elo_reply_err(c->req, ELO_ENOTFOUND, "no such resource");
        return;
    }
    elo_route_parse(path, &guest.route);
    if (!stamps_of(&guest, &in.d)) {
        elo_reply_err(c->req, ELO_ENOTFOUND, "no such resource");
        return;
    }
    in.d.head.generation = elo_gen_load(gen, in.d.head.slot);
    in.d.changed_generation = elo_gen_load(gen, in.d.changed_slot);
    if ((m = malloc(sizeof(*m))) == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return;
    }
    *m = in;
    elo_http_res_divert(c->req, on_answer, m);
    elo_call_narrow(&guest);
    if (elo_call_in_bounds(&guest, path)) {
        elo_api_dispatch(&guest, (int) guest.route.kind);
    }
}
