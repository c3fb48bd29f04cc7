/* SPDX-License-Identifier: BSD-2-Clause */
/* node_read: reading of content nodes, and of what refers to a blob. */
#include "backend/store/node_internal.h"

#include <assert.h>

#include "backend/store/store_internal.h"

#define READ_TRIES 3 /* looks at a text that compaction moves meanwhile */


/* A tombstone is shown only where it is asked for. */
static elo_err_t
row_get(elo_kv_view_t *v, elo_slice_t id, elo_rec_node_t *out)
{
    elo_kv_entry_t e;
    elo_err_t rc = elo_kv_get(v, ELO_T_NODE, id, &e);

    return rc != ELO_OK ? rc : elo_rec_node_parse_head(e.value, out);
}


static bool
is_tomb(const elo_rec_node_t *rec)
{
    return (rec->flags & ELO_NODE_IS_TOMB) != 0;
}


static elo_err_t
node_get(elo_kv_view_t *v, elo_slice_t id, elo_rec_node_t *out)
{
    elo_err_t rc = row_get(v, id, out);

    return rc == ELO_OK && is_tomb(out) ? ELO_ENOTFOUND : rc;
}


elo_err_t
elo_node_json(elo_store_t *s, elo_kv_view_t *v, elo_slice_t id,
              uint64_t version, elo_buf_t *json)
{
    uint8_t mem[ELO_NODEV_KEY_MAX], *p;
    elo_rec_nodev_t ver;
    elo_kv_entry_t e;
    elo_err_t rc;

    rc = elo_kv_get(v, ELO_T_NODEV, elo_nodev_key(id, version, mem), &e);
    if (rc != ELO_OK
        || (rc = elo_rec_nodev_parse(e.value, e.data_len, &ver)) != ELO_OK
        || json == NULL)
    {
        return rc;
    }
    if (e.data_len == 0) {
        elo_buf_put_slice(json, ver.json);
        return elo_buf_err(json);
    }
    if ((p = elo_buf_extend(json, e.data_len)) == NULL) {
        return elo_buf_err(json);
    }
    /* a page fault of the log, where a short text is one of the index */
    rc = elo_kv_read(s->kv, e.segment, e.data_off, p, e.data_len);
    if (rc != ELO_OK) {
        json->len -= e.data_len;
    }
    return rc == ELO_ENOTFOUND ? ELO_EAGAIN : rc;
}


static elo_err_t
node_look(elo_store_t *s, elo_slice_t id, uint64_t version, elo_buf_t *json,
          elo_rec_node_t *rec)
{
    elo_kv_view_t v;
    elo_err_t rc;

    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = node_get(&v, id, rec);
    if (rc == ELO_OK && (json != NULL || version != 0)) {
        rc = elo_node_json(s, &v, id, version != 0 ? version : rec->current,
                           json);
        if (rc == ELO_ENOTFOUND && version == 0) {
            rc = ELO_ECORRUPT; /* a record and its text are written together */
        }
    }
    elo_kv_view_end(&v);
    return rc;
}


elo_err_t
elo_store_node_get(elo_store_t *s, elo_slice_t id, uint64_t version,
                   elo_buf_t *json, elo_reach_t *reach, uint64_t *current)
{
    elo_rec_node_t rec;
    elo_err_t rc = ELO_EAGAIN;

    assert(s->magic == ELO_STORE_MAGIC);
    if (!elo_content_id_ok(id)) {
        return ELO_ENOTFOUND;
    }
    for (int i = 0; i < READ_TRIES && rc == ELO_EAGAIN; i++) {
        rc = node_look(s, id, version, json, &rec);
    }
    if (rc != ELO_OK) {
        return rc;
    }
    if (reach != NULL) {
        *reach = rec.reach;
    }
    if (current != NULL) {
        *current = rec.current;
    }
    return ELO_OK;
}


/* ---- rows ---- */

static elo_stage_t
stage_of(elo_node_life_t life)
{
    return life == ELO_NODE_DRAFT       ? ELO_STAGE_DRAFT
           : life == ELO_NODE_FORGOTTEN ? ELO_STAGE_FORGOTTEN
                                        : ELO_STAGE_SERVED;
}


void
elo_node_head_fill(const elo_rec_node_t *rec, const elo_agent_t *owner,
                   elo_node_head_t *out)
{
    *out = (elo_node_head_t){ .version = rec->current,
                              .owner = *owner,
                              .reach = rec->reach,
                              .stated = rec->stated,
                              .life = rec->life,
                              .stage = stage_of(rec->life),
                              .flags = rec->flags,
                              .created_at = rec->created_at,
                              .updated_at = rec->updated_at,
                              .due_s = rec->due_s,
                              .n_refs = rec->n_refs,
                              .n_invited = rec->n_invited };
}


elo_err_t
elo_node_owner_of(elo_kv_view_t *v, const elo_rec_node_t *rec, elo_agent_t *out)
{
    elo_err_t rc = elo_agent_of(v, rec->owner, out);

    /* his number was given before it was used */
    return rc == ELO_ENOTFOUND ? ELO_ECORRUPT : rc;
}


/* agent NULL: nobody asks for *is_invited. */
static elo_err_t
head_get(elo_store_t *s, elo_slice_t id, bool is_last, const elo_agent_t *agent,
         elo_node_head_t *out, bool *is_invited)
{
    elo_rec_node_t rec;
    elo_agent_t owner;
    elo_kv_view_t v;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if (!elo_content_id_ok(id)) {
        return ELO_ENOTFOUND;
    }
    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = is_last ? row_get(&v, id, &rec) : node_get(&v, id, &rec);
    if (rc == ELO_OK && (rc = elo_node_owner_of(&v, &rec, &owner)) == ELO_OK) {
        elo_node_head_fill(&rec, &owner, out);
        if (agent != NULL) {
            *is_invited = elo_rec_node_invites(&rec, agent);
        }
    }
    elo_kv_view_end(&v);
    return rc;
}


elo_err_t
elo_store_node_head(elo_store_t *s, elo_slice_t id, elo_node_head_t *out)
{
    return head_get(s, id, false, NULL, out, NULL);
}


elo_err_t
elo_store_node_last(elo_store_t *s, elo_slice_t id, elo_node_head_t *out)
{
    return head_get(s, id, true, NULL, out, NULL);
}


elo_err_t
elo_store_node_invites(elo_store_t *s, elo_slice_t id, const elo_agent_t *agent,
                       elo_node_head_t *head, bool *out)
{
    return head_get(s, id, false, agent, head, out);
}


elo_err_t
elo_store_node_owner(elo_store_t *s, elo_slice_t id, elo_agent_t *out)
{
    elo_node_head_t head;
    elo_err_t rc = elo_store_node_head(s, id, &head);

    if (rc == ELO_OK) {
        *out = head.owner;
    }
    return rc;
}


/* ---- all of them ---- */

/* buf: for the text. */
static elo_err_t
node_show(elo_store_t *s, elo_kv_view_t *v, elo_slice_t id, elo_slice_t value,
          elo_buf_t *buf, elo_node_each_fn fn, void *ctx, bool *goes_on)
{
    elo_rec_node_t rec;
    elo_agent_t owner;
    elo_node_t node;
    elo_err_t rc;

    if (!elo_content_id_ok(id)) {
        return ELO_ECORRUPT;
    }
    if ((rc = elo_rec_node_parse(value, &rec)) != ELO_OK || is_tomb(&rec)) {
        return rc;
    }
    elo_buf_clear(buf);
    rc = elo_node_json(s, v, id, rec.current, buf);
    if (rc == ELO_EAGAIN) {
        /* that version as it is now; a node removed since is left out */
        rc = elo_store_node_get(s, id, rec.current, buf, NULL, NULL);
        if (rc == ELO_ENOTFOUND) {
            return ELO_OK;
        }
    }
    if (rc != ELO_OK) {
        return rc == ELO_ENOTFOUND ? ELO_ECORRUPT : rc;
    }
    if ((rc = elo_node_owner_of(v, &rec, &owner)) != ELO_OK) {
        return rc;
    }
    node = (elo_node_t){ .id = id,
                         .version = rec.current,
                         .reach = rec.reach,
                         .stated = rec.stated,
                         .life = rec.life,
                         .flags = rec.flags,
                         .created_at = rec.created_at,
                         .updated_at = rec.updated_at,
                         .due_s = rec.due_s,
                         .owner = owner,
                         .n_refs = rec.n_refs,
                         .refs = rec.refs,
                         .json = elo_buf_slice(buf) };
    *goes_on = fn(ctx, &node);
    return ELO_OK;
}


elo_err_t
elo_store_node_each(elo_store_t *s, elo_slice_t after, elo_node_each_fn fn,
                    void *ctx)
{
    elo_kv_cursor_t *c = NULL;
    bool goes_on = true;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_slice_t key;
    elo_buf_t buf;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if (after.len > ELO_CONTENT_ID_MAX) {
        return ELO_EINVAL;
    }
    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    elo_buf_init(&buf, ELO_CONTENT_JSON_MAX);
    rc = elo_kv_cursor_open(&v, ELO_T_NODE, after, &c);
    while (rc == ELO_OK && goes_on
           && (rc = elo_kv_cursor_next(c, &key, &e)) == ELO_OK)
    {
        if (!elo_slice_eq(key, after)) {
            rc = node_show(s, &v, key, e.value, &buf, fn, ctx, &goes_on);
        }
    }
    elo_kv_cursor_close(&c);
    elo_buf_dispose(&buf);
    elo_kv_view_end(&v);
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


static elo_err_t
refs_each(elo_kv_view_t *v, const elo_digest_t *d, elo_id_each_fn fn, void *ctx)
{
    elo_kv_cursor_t *c;
    uint32_t owner;
    uint8_t rank;
    elo_slice_t id;
    elo_err_t rc = elo_kv_cursor_open(v, ELO_T_REF, elo_digest_slice(d), &c);

    if (rc != ELO_OK) {
        return rc;
    }
    while ((rc = elo_ref_next(c, d, &owner, &rank, &id)) == ELO_OK
           && fn(ctx, id)) {
    }
    elo_kv_cursor_close(&c);
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


elo_err_t
elo_store_referrers(elo_store_t *s, const elo_digest_t *d, elo_id_each_fn fn,
                    void *ctx)
{
    elo_kv_view_t v;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = refs_each(&v, d, fn, ctx);
    elo_kv_view_end(&v);
    return rc;
}
