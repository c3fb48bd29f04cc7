/* SPDX-License-Identifier: BSD-2-Clause */
/* target: from what stands in a URL to the blob that is meant. */
#include "backend/api/api_internal.h"

#include <stdio.h>

#include "backend/api/fallback_call.h"
#include "backend/api/lookup.h"
#include "backend/api/who.h"
#include "backend/os/clock.h"
#include "backend/repl/ack.h"

#define FIND_TRIES 8 /* looks at a node that is written to meanwhile */


elo_err_t
elo_node_load_all(elo_store_t *s, elo_slice_t id, elo_content_t *out)
{
    elo_buf_t json;
    elo_err_t rc;

    elo_buf_init(&json, ELO_CONTENT_TEXT_MAX);
    rc = elo_store_node_get(s, id, 0, &json, NULL, NULL);
    if (rc == ELO_OK) {
        rc = elo_content_load(elo_buf_slice(&json), out);
    }
    elo_buf_dispose(&json);
    return rc;
}


elo_err_t
elo_node_load(elo_store_t *s, elo_slice_t id, elo_content_t *out)
{
    elo_err_t rc = elo_node_load_all(s, id, out);

    if (rc == ELO_OK) {
        elo_content_drop_expired(out, elo_clock_unix_s());
    }
    return rc;
}


void
elo_target_set_type(elo_target_t *t, elo_slice_t stated)
{
    elo_slice_t type = elo_slice_str(t->stat.content_type);

    if (type.len == 0) {
        type = stated.len != 0 && stated.len <= ELO_MIME_MAX
                   ? stated
                   : ELO_SLICE(ELO_API_DEFAULT_TYPE);
    }
    memcpy(t->content_type, type.p, type.len);
    t->content_type[type.len] = '\0';
}


elo_err_t
elo_node_stat(elo_store_t *s, const elo_content_t *n, uint32_t i,
              elo_blob_stat_t *out)
{
    return elo_store_ref_stat(s, n->id, n->version, &n->blobs[i].digest, out);
}


/* ELO_EPRECOND: the node was changed between two looks. */
static elo_err_t
look_by_id(elo_store_t *s, elo_slice_t id, elo_target_t *out)
{
    const elo_content_blob_t *blob;
    elo_content_t node;
    elo_err_t rc;

    rc = elo_node_load(s, id, &node);
    if (rc != ELO_OK) {
        return rc;
    }
    blob = elo_content_primary(&node);
    rc = blob == NULL ? ELO_ENOTFOUND
                      : elo_node_stat(s, &node, (uint32_t) (blob - node.blobs),
                                      &out->stat);
    if (rc == ELO_OK) {
        out->is_by_hash = out->is_touched = false;
        out->reach = elo_content_effective_reach(&node);
        out->life = node.lifecycle;
        elo_target_set_type(out, blob->mime);
    }
    elo_content_dispose(&node);
    return rc;
}


static elo_err_t
find_by_id(elo_store_t *s, elo_slice_t id, elo_target_t *out)
{
    elo_err_t rc = ELO_EPRECOND;

    for (int i = 0; i < FIND_TRIES && rc == ELO_EPRECOND; i++) {
        rc = look_by_id(s, id, out);
    }
    return rc == ELO_EPRECOND ? ELO_EAGAIN : rc;
}


static elo_err_t
find_by_hash(elo_store_t *s, const elo_digest_t *d, const elo_agent_t *reader,
             elo_target_t *out)
{
    elo_err_t rc = elo_store_stat_reach(s, d, reader, &out->stat, &out->reach);

    if (rc != ELO_OK) {
        return rc;
    }
    out->is_by_hash = true;
    out->life = ELO_LIFECYCLE_PUBLISHED;
    out->is_touched = false;
    elo_target_set_type(out, elo_slice(NULL, 0));
    return ELO_OK;
}


elo_err_t
elo_target_find(elo_store_t *s, elo_slice_t text, const elo_agent_t *reader,
                elo_target_t *out)
{
    elo_digest_t d;
    elo_err_t rc;

    rc = elo_addr_parse(text, &d);
    if (rc == ELO_EINVAL && elo_content_id_ok(text)) {
        return find_by_id(s, text, out);
    }
    return rc != ELO_OK ? rc : find_by_hash(s, &d, reader, out);
}


void
elo_api_touch_blob(const elo_api_t *a, const elo_blob_stat_t *st)
{
    if (a->care != NULL) {
        elo_care_touch(a->care, elo_ack_object(st));
    }
}


void
elo_api_touch(const elo_api_t *a, const elo_target_t *t)
{
    if (!t->is_touched) {
        elo_api_touch_blob(a, &t->stat);
        elo_lookup_touch(a->lookup, &t->stat.digest,
                         elo_loop_now_ms(a->cfg.loop));
    }
}


/* What is in the clear is the same for every reader. */
elo_err_t
elo_api_find_hash(elo_api_t *a, const elo_digest_t *d,
                  const elo_agent_t *reader, elo_target_t *out)
{
    elo_lookup_t *l = a->lookup;
    uint64_t generation;
    elo_err_t rc;

    if (elo_lookup_get(l, d, elo_loop_now_ms(a->cfg.loop), out)) {
        return ELO_OK;
    }
    generation = elo_lookup_begin(l, d);
    rc = find_by_hash(a->cfg.store, d, reader, out);
    if (rc == ELO_OK) {
        elo_lookup_put(l, generation, out);
    }
    return rc;
}


/* Of narrow content by its hash: the reader's own, else that of whoever lets him
   in. */
static elo_err_t
find(elo_call_t *c, elo_target_t *out)
{
    elo_store_t *s = c->api->cfg.store;
    elo_err_t rc;

    if (!c->route.has_digest) {
        return elo_target_find(s, c->route.id, elo_call_reader(c), out);
    }
    rc = elo_api_find_hash(c->api, &c->route.digest, elo_call_reader(c), out);
    if (rc == ELO_ENOTFOUND && (c->facts & ELO_FACT_PROVED) != 0) {
        rc = find_by_hash(s, &c->route.digest, NULL, out);
    }
    return rc;
}


bool
elo_call_find_target(elo_call_t *c, elo_target_t *out)
{
    elo_err_t rc;

    if (c->fetched != NULL) {
        elo_fetched_target(c->fetched, out);
        return true;
    }
    rc = find(c, out);
    if (rc == ELO_OK && !elo_call_may_read(c, out->reach)
        && !elo_call_is_let_in(c, c->route.id))
    {
        elo_call_refused(c, ELO_OP_READ, c->route.id, NULL);
        rc = ELO_ENOTFOUND;
    }
    if (rc == ELO_ENOTFOUND && elo_call_take_fallback(c)) {
        return false;
    }
    if (rc != ELO_OK) {
        elo_reply_err(c->req, rc, rc == ELO_ENOTFOUND ? "no such blob" : NULL);
    }
    return rc == ELO_OK;
}
