/* SPDX-License-Identifier: BSD-2-Clause */
/* blob: what the store says of its blobs, one or many. Reading their bytes is in
   blob_read.c. */
#include <assert.h>

#include "backend/store/blob_internal.h"
#include "backend/store/node.h"
#include "backend/store/possess.h"

typedef struct {
    elo_store_t *s;
    elo_rows_t rows;
    elo_blob_at_t *at;
    elo_blob_each_fn fn;
    void *ctx;
} walk_t;


/* ---- one ---- */

/* A clear blob; h learns what was looked up. ELO_ENOTFOUND. */
static elo_err_t
clear_stat(elo_holding_t *h, elo_blob_stat_t *out)
{
    const elo_rows_t *r = h->rows;
    const elo_digest_t *d = h->d;
    elo_rec_blob_t rec;
    elo_kv_entry_t e;
    bool is_clear = true;
    elo_err_t rc = elo_blob_row(r, d, &e, &rec);

    if (rc == ELO_OK || rc == ELO_ENOTFOUND) {
        elo_holding_know(h, rc == ELO_OK ? &rec : NULL);
    }
    if (rc == ELO_OK && rec.is_object) {
        rc = elo_own_any(r, d, &rec, &is_clear);
    }
    if (rc != ELO_OK || !is_clear) {
        return rc != ELO_OK ? rc : ELO_ENOTFOUND;
    }
    elo_stat_clear(d, &rec, &e, out);
    return elo_blob_is_bad(h->s, r, d, &out->is_bad);
}


/* no ELO_NO_AGENT: of any. */
static elo_err_t
sealed_stat(elo_holding_t *h, uint32_t no, elo_blob_stat_t *out)
{
    const elo_digest_t *blind;
    elo_rec_sealed_t rec;
    elo_rec_blob_t obj;
    elo_kv_entry_t e;
    elo_err_t rc;

    if ((rc = elo_holding_blind(h, &blind)) != ELO_OK
        || (rc = elo_sealed_row(h->rows, blind, no, &no, &e, &rec)) != ELO_OK)
    {
        return rc;
    }
    rc = elo_blob_row(h->rows, &rec.object, &e, &obj);
    if (rc != ELO_OK) {
        return rc == ELO_ENOTFOUND ? ELO_ECORRUPT : rc;
    }
    elo_stat_sealed(h->d, &rec, &obj, &e, out);
    return elo_blob_is_bad(h->s, h->rows, &rec.object, &out->is_bad);
}


/* The sealed blob of that agent; NULL: of any. */
static elo_err_t
sealed_stat_of(elo_holding_t *h, const elo_agent_t *agent, elo_blob_stat_t *out)
{
    uint32_t no = ELO_NO_AGENT;
    const elo_digest_t *blind;
    elo_err_t rc = elo_holding_blind(h, &blind);

    if (rc == ELO_OK && agent != NULL) {
        rc = elo_agent_no(h->rows->view, agent, &no);
    }
    return rc != ELO_OK ? rc : sealed_stat(h, no, out);
}


/* reach may be NULL. */
static elo_err_t
stat_reach(elo_store_t *s, const elo_digest_t *d, const elo_agent_t *agent,
           elo_blob_stat_t *out, elo_reach_t *reach)
{
    elo_reach_t widest = ELO_REACH_PRIVATE;
    elo_blob_stat_t st;
    elo_holding_t h;
    elo_kv_view_t v;
    elo_rows_t r = { .view = &v };
    elo_err_t rc;

    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    elo_holding_init(&h, s, &r, d);
    rc = clear_stat(&h, &st);
    if (rc == ELO_ENOTFOUND) {
        rc = sealed_stat_of(&h, agent, &st);
    }
    if (rc == ELO_OK && reach != NULL && elo_refs_reach(&h, &widest) != ELO_OK)
    {
        widest = ELO_REACH_PRIVATE;
    }
    elo_kv_view_end(&v);
    if (rc == ELO_OK) {
        *out = st;
        if (reach != NULL) {
            *reach = widest;
        }
    }
    return rc;
}


elo_err_t
elo_store_stat(elo_store_t *s, const elo_digest_t *d, const elo_agent_t *agent,
               elo_blob_stat_t *out)
{
    assert(s->magic == ELO_STORE_MAGIC);
    return stat_reach(s, d, agent, out, NULL);
}


elo_err_t
elo_store_stat_reach(elo_store_t *s, const elo_digest_t *d,
                     const elo_agent_t *agent, elo_blob_stat_t *out,
                     elo_reach_t *reach)
{
    assert(s->magic == ELO_STORE_MAGIC);
    return stat_reach(s, d, agent, out, reach);
}


elo_reach_t
elo_store_blob_reach(elo_store_t *s, const elo_digest_t *d)
{
    elo_reach_t widest = ELO_REACH_PRIVATE;
    elo_holding_t h;
    elo_kv_view_t v;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if (elo_kv_view_begin(s->kv, &v) != ELO_OK) {
        return ELO_REACH_PRIVATE;
    }
    elo_holding_init(&h, s, &(elo_rows_t){ .view = &v }, d);
    rc = elo_refs_reach(&h, &widest);
    elo_kv_view_end(&v);
    return rc == ELO_OK ? widest : ELO_REACH_PRIVATE;
}


/* The blob that an effective reference of that owner means: in the clear; else his
   own; else, promoted, anybody's. */
static elo_err_t
ref_stat(elo_holding_t *h, uint32_t owner, elo_blob_stat_t *out)
{
    bool has;
    elo_err_t rc = elo_holding_has(h, owner, &has);

    if (rc != ELO_OK || !has) {
        return rc != ELO_OK ? rc : ELO_ENOTFOUND;
    }
    if ((rc = clear_stat(h, out)) == ELO_ENOTFOUND
        && (rc = sealed_stat(h, owner, out)) == ELO_ENOTFOUND
        && (rc = elo_holding_is_promoted(h, owner, &has)) == ELO_OK)
    {
        rc = has ? sealed_stat(h, ELO_NO_AGENT, out) : ELO_ENOTFOUND;
    }
    return rc;
}


static bool
refers(const elo_rec_node_t *node, const elo_digest_t *d)
{
    for (uint32_t i = 0; i < node->n_refs; i++) {
        if (memcmp(node->refs[i].b, d->b, sizeof(d->b)) == 0) {
            return true;
        }
    }
    return false;
}


elo_err_t
elo_store_ref_stat(elo_store_t *s, elo_slice_t id, uint64_t version,
                   const elo_digest_t *d, elo_blob_stat_t *out)
{
    elo_rec_node_t node;
    elo_blob_stat_t st;
    elo_holding_t h;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_rows_t r = { .view = &v };
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if (!elo_content_id_ok(id)) {
        return ELO_ENOTFOUND;
    }
    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = elo_kv_get(&v, ELO_T_NODE, id, &e);
    if (rc == ELO_OK && (rc = elo_rec_node_parse(e.value, &node)) == ELO_OK) {
        elo_holding_init(&h, s, &r, d);
        rc = (node.flags & ELO_NODE_IS_TOMB) != 0 ? ELO_ENOTFOUND
             : node.current != version            ? ELO_EPRECOND
             : refers(&node, d) ? ref_stat(&h, node.owner, &st)
                                : ELO_ENOTFOUND;
    }
    elo_kv_view_end(&v);
    if (rc == ELO_OK) {
        *out = st;
    }
    return rc;
}


/* ---- many ---- */

/* A row of the walk: *is_shown with st, or none of its business. */
typedef elo_err_t (*show_fn)(walk_t *w, const elo_digest_t *d,
                             const elo_rec_blob_t *rec, const elo_kv_entry_t *e,
                             elo_blob_stat_t *st, bool *is_shown);


/* False: fn wants no more, and has not seen this one. */
static elo_err_t
walk_row(walk_t *w, show_fn show, elo_slice_t key, const elo_kv_entry_t *e,
         bool *goes_on)
{
    elo_blob_stat_t st;
    elo_rec_blob_t rec;
    elo_digest_t d;
    bool is_shown = false;
    elo_err_t rc;

    if (key.len != ELO_SHA256_LEN) {
        return ELO_ECORRUPT;
    }
    memcpy(d.b, key.p, ELO_SHA256_LEN);
    if ((rc = elo_rec_blob_parse(e->value, e->data_len, &rec)) != ELO_OK
        || (rc = show(w, &d, &rec, e, &st, &is_shown)) != ELO_OK)
    {
        return rc;
    }
    *goes_on = !is_shown || w->fn(w->ctx, &st);
    if (*goes_on) {
        w->at->after = d;
        w->at->has_after = true;
        w->at->budget--;
    }
    return ELO_OK;
}


static elo_err_t
walk(walk_t *w, show_fn show)
{
    elo_slice_t from = elo_slice("", 0), key;
    elo_digest_t after = w->at->after;
    bool is_after = w->at->has_after;
    bool goes_on = true;
    elo_kv_cursor_t *c;
    elo_kv_entry_t e;
    elo_err_t rc;

    if (is_after) {
        from = elo_digest_slice(&after);
    }
    rc = elo_kv_cursor_open(w->rows.view, ELO_T_BLOB, from, &c);
    if (rc != ELO_OK) {
        return rc;
    }
    w->at->is_end = false;
    while (rc == ELO_OK && goes_on && w->at->budget > 0) {
        if ((rc = elo_kv_cursor_next(c, &key, &e)) != ELO_OK) {
            w->at->is_end = rc == ELO_ENOTFOUND;
        } else if (!is_after || !elo_slice_eq(key, from)) {
            rc = walk_row(w, show, key, &e, &goes_on);
        }
    }
    elo_kv_cursor_close(&c);
    return w->at->is_end ? ELO_OK : rc;
}


static elo_err_t
walk_store(elo_store_t *s, elo_blob_at_t *at, elo_blob_each_fn fn, void *ctx,
           show_fn show)
{
    elo_blob_at_t all = { .budget = UINT32_MAX };
    elo_kv_view_t v;
    walk_t w = { .s = s,
                 .rows.view = &v,
                 .at = at == NULL ? &all : at,
                 .fn = fn,
                 .ctx = ctx };
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = walk(&w, show);
    elo_kv_view_end(&v);
    return rc;
}


static elo_err_t
show_clear(walk_t *w, const elo_digest_t *d, const elo_rec_blob_t *rec,
           const elo_kv_entry_t *e, elo_blob_stat_t *st, bool *is_shown)
{
    if (rec->is_object) {
        return ELO_OK;
    }
    *is_shown = true;
    elo_stat_clear(d, rec, e, st);
    return elo_blob_is_bad(w->s, &w->rows, d, &st->is_bad);
}


elo_err_t
elo_store_each(elo_store_t *s, elo_blob_at_t *at, elo_blob_each_fn fn,
               void *ctx)
{
    return walk_store(s, at, fn, ctx, show_clear);
}


/* An object whose key isn't here, or whose rows are being damaged, is passed
   over. */
static elo_err_t
show_sealed(walk_t *w, const elo_digest_t *d, const elo_rec_blob_t *rec,
            const elo_kv_entry_t *e, elo_blob_stat_t *st, bool *is_shown)
{
    elo_content_key_t ck;
    elo_rec_sealed_t sealed;
    elo_kv_entry_t row;
    uint32_t no;
    elo_err_t rc;

    if (!rec->is_object) {
        return ELO_OK;
    }
    rc = elo_sealed_row(&w->rows, &rec->blind, rec->agent, &no, &row, &sealed);
    if (rc == ELO_OK) {
        rc = elo_sealed_key_of(w->s, rec, &ck);
    }
    if (rc != ELO_OK) {
        return rc == ELO_ENOKEY || rc == ELO_ENOTFOUND || rc == ELO_ECORRUPT
                   ? ELO_OK
                   : rc;
    }
    *is_shown = true;
    elo_stat_sealed(&ck.plain, &sealed, rec, e, st);
    elo_wipe(&ck, sizeof(ck));
    return elo_blob_is_bad(w->s, &w->rows, d, &st->is_bad);
}


elo_err_t
elo_store_each_sealed(elo_store_t *s, elo_blob_at_t *at, elo_blob_each_fn fn,
                      void *ctx)
{
    if (s->keyring == NULL) {
        if (at != NULL) {
            at->is_end = true;
        }
        return ELO_OK;
    }
    return walk_store(s, at, fn, ctx, show_sealed);
}
