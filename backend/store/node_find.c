/* SPDX-License-Identifier: BSD-2-Clause */
/* node_find: a walk over ids that stand in every stream of "all" and in one of "any".
   A stream is what is found by one facet: keys of NODEX with one dimension and value,
   in order of id. Streams of "all" leap over each other's gaps, the one that is likely
   to have fewest first. Streams of "any" follow; one that would have to be sought
   for most candidates is left behind, and the rows of candidates tell instead, but
   after MISSES rows in a row that weren't any it is sought. Whatever the index says,
   the row decides. */
#include "backend/store/node_find.h"

#include <assert.h>
#include <stdlib.h>

#include "backend/store/node_internal.h"

#define MISSES   8
#define NEXTS    4 /* steps that are tried before a search: as dear together */
#define SEEKS    8 /* searches that a stream of any has free */
#define FROM_MAX (ELO_CONTENT_ID_MAX + 1) /* with what is behind an id */

typedef struct {
    elo_kv_cursor_t *c;
    bool is_rows; /* all rows, not a facet's */
    bool is_placed, is_end;
    uint32_t asked, sought; /* of any: how often */
    elo_node_dim_t dim;
    uint64_t value;
    uint8_t prefix[ELO_NODEX_KEY_MAX]; /* its keys begin with it */
    elo_slice_t id;                    /* where it is; borrowed from c */
} stream_t;

typedef struct {
    elo_store_t *s;
    elo_kv_view_t v;
    elo_node_at_t *at;
    elo_node_hit_fn fn;
    void *ctx;
    bool is_some, is_empty;
    uint32_t n_all, n_any, n_ids, misses;
    stream_t all[ELO_FIND_ALL_MAX];
    stream_t any[ELO_FIND_ANY_MAX];
    elo_slice_t ids[ELO_FIND_IDS_MAX]; /* in order */
    uint8_t from[FROM_MAX];            /* nothing below it is wanted any more */
    size_t from_len;
    elo_slice_t row;    /* of the candidate; borrowed from the view */
    elo_rec_node_t rec; /* the same, without references */
    bool has_owner;     /* owner is that of number owner_no */
    uint32_t owner_no;
    elo_agent_t owner;
} walk_t;


static int
id_cmp(elo_slice_t a, elo_slice_t b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int rc = len == 0 ? 0 : memcmp(a.p, b.p, len);

    return rc != 0 ? rc : (a.len > b.len) - (a.len < b.len);
}


static int
ids_cmp(const void *a, const void *b)
{
    return id_cmp(*(const elo_slice_t *) a, *(const elo_slice_t *) b);
}


static elo_slice_t
from_of(const walk_t *w)
{
    return elo_slice(w->from, w->from_len);
}


static void
from_set(walk_t *w, elo_slice_t id)
{
    memmove(w->from, id.p, id.len);
    w->from_len = id.len;
}


/* No id has a NUL: from it on means behind the id. */
static void
from_pass(walk_t *w)
{
    w->from[w->from_len++] = 0;
}


/* ---- streams ---- */

static elo_err_t
stream_next(stream_t *st)
{
    size_t skip = st->is_rows ? 0 : ELO_NODEX_PREFIX;
    elo_kv_entry_t e;
    elo_slice_t key;
    elo_err_t rc = elo_kv_cursor_next(st->c, &key, &e);

    st->is_placed = true;
    st->is_end =
        rc == ELO_ENOTFOUND
        || (rc == ELO_OK
            && (key.len < skip || memcmp(key.p, st->prefix, skip) != 0));
    if (rc == ELO_ENOTFOUND || st->is_end) {
        return ELO_OK;
    }
    if (rc == ELO_OK
        && (key.len == skip || key.len - skip > ELO_CONTENT_ID_MAX)) {
        rc = ELO_ECORRUPT; /* no id; one that isn't sound has no row */
    }
    st->id = elo_slice(key.p + skip, key.len - skip);
    return rc;
}


/* Is it at from, or behind it, or at its end? */
static bool
is_there(const walk_t *w, const stream_t *st)
{
    return st->is_end || (st->is_placed && id_cmp(st->id, from_of(w)) >= 0);
}


/* A few steps: it is often one of the next. */
static elo_err_t
stream_step(walk_t *w, stream_t *st)
{
    elo_err_t rc = ELO_OK;

    for (int i = 0;
         st->is_placed && i < NEXTS && rc == ELO_OK && !is_there(w, st); i++)
    {
        rc = stream_next(st);
    }
    return rc;
}


/* To the first id that isn't below from. */
static elo_err_t
stream_seek(walk_t *w, stream_t *st)
{
    uint8_t mem[ELO_NODEX_PREFIX + FROM_MAX];
    elo_slice_t from = from_of(w), key = from;
    elo_err_t rc = stream_step(w, st);

    if (rc != ELO_OK || is_there(w, st)) {
        return rc;
    }
    st->sought++;
    if (!st->is_rows) {
        memcpy(mem, st->prefix, ELO_NODEX_PREFIX);
        memcpy(mem + ELO_NODEX_PREFIX, from.p, from.len);
        key = elo_slice(mem, ELO_NODEX_PREFIX + from.len);
    }
    rc = st->c != NULL
             ? elo_kv_cursor_seek(st->c, key)
             : elo_kv_cursor_open(&w->v, st->is_rows ? ELO_T_NODE : ELO_T_NODEX,
                                  key, &st->c);
    return rc != ELO_OK ? rc : stream_next(st);
}


/* From is moved to the first id that some stream or ids has, if any. */
static elo_err_t
any_seek(walk_t *w, bool *is_end)
{
    elo_slice_t best = elo_slice(NULL, 0);
    elo_err_t rc;

    for (uint32_t i = 0; i < w->n_any; i++) {
        if ((rc = stream_seek(w, &w->any[i])) != ELO_OK) {
            return rc;
        }
        if (!w->any[i].is_end
            && (best.len == 0 || id_cmp(w->any[i].id, best) < 0)) {
            best = w->any[i].id;
        }
    }
    for (uint32_t i = 0; i < w->n_ids; i++) {
        if (id_cmp(w->ids[i], from_of(w)) >= 0) {
            if (best.len == 0 || id_cmp(w->ids[i], best) < 0) {
                best = w->ids[i];
            }
            break;
        }
    }
    *is_end = best.len == 0;
    if (!*is_end) {
        from_set(w, best);
    }
    return ELO_OK;
}


/* Moves from to where streams of all agree; *agree false: the budget is used up. */
static elo_err_t
all_seek(walk_t *w, bool *agree, bool *is_end)
{
    uint32_t i = 0;
    elo_err_t rc;

    *agree = *is_end = false;
    while (i < w->n_all) {
        stream_t *st = &w->all[i];

        if ((rc = stream_seek(w, st)) != ELO_OK) {
            return rc;
        }
        if (st->is_end) {
            *is_end = true;
            return ELO_OK;
        }
        if (elo_slice_eq(st->id, from_of(w)) || i == 0) {
            from_set(w, st->id);
            i++;
            continue;
        }
        from_set(w, st->id);
        i = 0;
        if (w->at->budget == 0) {
            return ELO_OK;
        }
        w->at->budget--;
    }
    *agree = true;
    return ELO_OK;
}


/* Streams of any that follow cheaply are brought to from. *is_known: all of them
   were, so that any_seek tells without a search. */
static elo_err_t
any_follow(walk_t *w, bool *is_known)
{
    elo_err_t rc;

    *is_known = true;
    for (uint32_t i = 0; i < w->n_any; i++) {
        stream_t *st = &w->any[i];

        st->asked++;
        rc = st->sought <= SEEKS + st->asked / SEEKS ? stream_seek(w, st)
                                                     : ELO_OK;
        if (rc != ELO_OK) {
            return rc;
        }
        *is_known = *is_known && is_there(w, st);
    }
    return ELO_OK;
}


/* ---- candidates ---- */

static bool
is_all(const walk_t *w)
{
    for (uint32_t i = 0; i < w->n_all; i++) {
        const stream_t *st = &w->all[i];

        if (!st->is_rows && !elo_rec_node_has(&w->rec, st->dim, st->value)) {
            return false;
        }
    }
    return true;
}


static bool
is_any(const walk_t *w)
{
    elo_slice_t id = from_of(w);

    for (uint32_t i = 0; i < w->n_any; i++) {
        if (elo_rec_node_has(&w->rec, w->any[i].dim, w->any[i].value)) {
            return true;
        }
    }
    return w->n_ids > 0
           && bsearch(&id, w->ids, w->n_ids, sizeof(w->ids[0]), ids_cmp)
                  != NULL;
}


static elo_err_t
show(walk_t *w, bool *goes_on)
{
    elo_node_hit_t hit = { .id = from_of(w), ._x = w };
    elo_err_t rc;

    if (!w->has_owner || w->owner_no != w->rec.owner) {
        if ((rc = elo_node_owner_of(&w->v, &w->rec, &w->owner)) != ELO_OK) {
            return rc;
        }
        w->owner_no = w->rec.owner;
        w->has_owner = true;
    }
    elo_node_head_fill(&w->rec, &w->owner, &hit.head);
    *goes_on = w->fn(w->ctx, &hit);
    return ELO_OK;
}


/* What stands at from: is it shown, or where does the walk go on? */
static elo_err_t
judge(walk_t *w, bool *is_end, bool *goes_on)
{
    elo_kv_entry_t e;
    elo_err_t rc = elo_kv_get(&w->v, ELO_T_NODE, from_of(w), &e);

    if (rc == ELO_ENOTFOUND) { /* one of ids, or the index says too much */
        from_pass(w);
        return ELO_OK;
    }
    if (rc != ELO_OK
        || (rc = elo_rec_node_parse_head(e.value, &w->rec)) != ELO_OK) {
        return rc;
    }
    w->row = e.value;
    if ((w->rec.flags & ELO_NODE_IS_TOMB) == 0 && is_all(w)
        && (!w->is_some || is_any(w)))
    {
        w->misses = 0;
        if ((rc = show(w, goes_on)) == ELO_OK && *goes_on) {
            from_pass(w);
        }
        return rc;
    }
    from_pass(w);
    if (w->is_some && ++w->misses >= MISSES) {
        w->misses = 0;
        return any_seek(w, is_end);
    }
    return ELO_OK;
}


/* *is_one: from, where all agree, may be one of any; else it was moved to where the
   next one is. */
static elo_err_t
any_ask(walk_t *w, bool *is_one, bool *is_end)
{
    uint8_t was[FROM_MAX];
    size_t len = w->from_len;
    bool is_known;
    elo_err_t rc = any_follow(w, &is_known);

    if (rc != ELO_OK || !is_known) {
        return rc;
    }
    memcpy(was, w->from, len);
    rc = any_seek(w, is_end);
    *is_one = *is_end || elo_slice_eq(elo_slice(was, len), from_of(w));
    return rc;
}


static elo_err_t
walk(walk_t *w)
{
    bool is_end = w->is_empty, goes_on = true, is_one = true;
    elo_err_t rc = ELO_OK;

    while (!is_end && goes_on && w->at->budget > 0) {
        w->at->budget--;
        rc =
            w->n_all > 0 ? all_seek(w, &is_one, &is_end) : any_seek(w, &is_end);
        if (rc == ELO_OK && !is_end && is_one && w->n_all > 0 && w->is_some) {
            rc = any_ask(w, &is_one, &is_end);
        }
        if (rc == ELO_OK && !is_end && is_one) {
            rc = judge(w, &is_end, &goes_on);
        }
        if (rc != ELO_OK) {
            return rc;
        }
    }
    w->at->is_end = is_end;
    w->at->is_from = w->from_len == 0 || w->from[w->from_len - 1] != 0;
    w->from_len -= w->at->is_from ? 0 : 1;
    memcpy(w->at->id, w->from, w->from_len);
    w->at->id[w->from_len] = '\0';
    return ELO_OK;
}


/* ---- what is asked for ---- */

/* The value of f. *is_none: nothing can be found by it. */
static elo_err_t
facet_value(walk_t *w, const elo_node_facet_t *f, stream_t *out, bool *is_none)
{
    elo_err_t rc = ELO_OK;
    uint32_t no = 0;

    *is_none = false;
    *out = (stream_t){ .dim = f->dim };
    switch (f->dim) {
    case ELO_NODE_OWNER:
    case ELO_NODE_OWNER_REACH:
        rc = elo_agent_no(&w->v, &f->agent, &no);
        *is_none = rc == ELO_ENOTFOUND;
        out->value = f->dim == ELO_NODE_OWNER
                         ? elo_nodex_owner(no)
                         : elo_nodex_owner_reach(no, f->reach);
        return *is_none ? ELO_OK : rc;
    case ELO_NODE_REACH:
        out->value = (uint64_t) f->reach;
        return ELO_OK;
    case ELO_NODE_LIFECYCLE:
        out->value = (uint64_t) f->life;
        return ELO_OK;
    case ELO_NODE_FORMAT:
    case ELO_NODE_TAG:
    case ELO_NODE_RELATED:
        out->value = elo_nodex_text(f->text);
        return ELO_OK;
    case ELO_NODE_INVITED:
        out->value = elo_nodex_invited(f->agent.b);
        return ELO_OK;
    default:
        return ELO_EINVAL;
    }
}


static elo_err_t
stream_make(walk_t *w, const elo_node_facet_t *f, stream_t *out, bool *is_none)
{
    elo_err_t rc = facet_value(w, f, out, is_none);

    if (rc == ELO_OK) {
        elo_nodex_key(out->dim, out->value, elo_slice(NULL, 0), out->prefix);
    }
    return rc;
}


/* Those that are likely to have fewer come first. */
static int
stream_cmp(const void *a, const void *b)
{
    static const uint8_t order[ELO_NODE_DUE + 1] = {
        [ELO_NODE_RELATED] = 1, [ELO_NODE_INVITED] = 2,
        [ELO_NODE_TAG] = 3,     [ELO_NODE_OWNER_REACH] = 4,
        [ELO_NODE_OWNER] = 5,   [ELO_NODE_FORMAT] = 6,
        [ELO_NODE_REACH] = 7,   [ELO_NODE_LIFECYCLE] = 8,
    };
    const stream_t *x = a, *y = b;

    return (int) order[x->dim] - (int) order[y->dim];
}


static elo_err_t
streams_make(walk_t *w, const elo_node_query_t *q)
{
    bool is_none;
    elo_err_t rc;

    for (uint32_t i = 0; i < q->n_all; i++) {
        rc = stream_make(w, &q->all[i], &w->all[w->n_all++], &is_none);
        if (rc != ELO_OK) {
            return rc;
        }
        w->is_empty |= is_none;
    }
    for (uint32_t i = 0; i < q->n_any; i++) {
        rc = stream_make(w, &q->any[i], &w->any[w->n_any], &is_none);
        if (rc != ELO_OK) {
            return rc;
        }
        w->n_any += is_none ? 0 : 1;
    }
    for (uint32_t i = 0; i < q->n_ids; i++) {
        if (elo_content_id_ok(q->ids[i])) {
            w->ids[w->n_ids++] = q->ids[i];
        }
    }
    if (w->n_ids > 1) {
        qsort(w->ids, w->n_ids, sizeof(w->ids[0]), ids_cmp);
    }
    if (w->n_all > 1) {
        qsort(w->all, w->n_all, sizeof(w->all[0]), stream_cmp);
    }
    if (q->n_all == 0 && !q->is_some) {
        w->all[w->n_all++] = (stream_t){ .is_rows = true };
    }
    return ELO_OK;
}


static bool
is_valid(const elo_node_query_t *q, const elo_node_at_t *at)
{
    size_t len = strnlen(at->id, sizeof(at->id));

    return q->n_all <= ELO_FIND_ALL_MAX && q->n_any <= ELO_FIND_ANY_MAX
           && q->n_ids <= ELO_FIND_IDS_MAX && len < sizeof(at->id)
           && (len == 0 || elo_content_id_ok(elo_slice(at->id, len)));
}


elo_err_t
elo_store_node_find(elo_store_t *s, const elo_node_query_t *q,
                    elo_node_at_t *at, elo_node_hit_fn fn, void *ctx)
{
    walk_t *w;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if (!is_valid(q, at)) {
        return ELO_EINVAL;
    }
    if ((w = calloc(1, sizeof(*w))) == NULL) {
        return ELO_ENOMEM;
    }
    w->s = s;
    w->at = at;
    w->fn = fn;
    w->ctx = ctx;
    w->is_some = q->is_some;
    from_set(w, elo_slice_str(at->id));
    if (w->from_len > 0 && !at->is_from) {
        from_pass(w);
    }
    if ((rc = elo_kv_view_begin(s->kv, &w->v)) == ELO_OK) {
        if ((rc = streams_make(w, q)) == ELO_OK) {
            rc = walk(w);
        }
        for (uint32_t i = 0; i < w->n_all; i++) {
            elo_kv_cursor_close(&w->all[i].c);
        }
        for (uint32_t i = 0; i < w->n_any; i++) {
            elo_kv_cursor_close(&w->any[i].c);
        }
        elo_kv_view_end(&w->v);
    }
    free(w);
    return rc;
}


elo_err_t
elo_node_hit_json(const elo_node_hit_t *hit, elo_buf_t *json)
{
    walk_t *w = hit->_x;
    uint64_t version = hit->head.version;
    elo_err_t rc = elo_node_json(w->s, &w->v, hit->id, version, json);

    if (rc == ELO_EAGAIN) { /* that version, as it is stored since */
        return elo_store_node_get(w->s, hit->id, version, json, NULL, NULL);
    }
    return rc == ELO_ENOTFOUND ? ELO_ECORRUPT : rc;
}


bool
elo_node_hit_invites(const elo_node_hit_t *hit, const elo_agent_t *agent)
{
    const walk_t *w = hit->_x;

    return elo_rec_node_invites(&w->rec, agent);
}


elo_err_t
elo_node_hit_refs(const elo_node_hit_t *hit, const elo_digest_t **out,
                  uint32_t *n)
{
    walk_t *w = hit->_x;
    elo_err_t rc = elo_rec_node_parse(w->row, &w->rec);

    if (rc == ELO_OK) {
        *out = w->rec.refs;
        *n = w->rec.n_refs;
    }
    return rc;
}


/* ---- by time ---- */

elo_err_t
elo_store_node_due(elo_store_t *s, int64_t now_s, uint32_t max,
                   elo_node_due_fn fn, void *ctx)
{
    elo_slice_t id = elo_slice(NULL, 0), key;
    uint8_t mem[ELO_NODEX_KEY_MAX];
    elo_kv_cursor_t *c = NULL;
    elo_node_dim_t dim;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    uint64_t due;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = elo_kv_cursor_open(&v, ELO_T_NODEX,
                            elo_nodex_key(ELO_NODE_DUE, 0, id, mem), &c);
    for (uint32_t i = 0; rc == ELO_OK && i < max; i++) {
        if ((rc = elo_kv_cursor_next(c, &key, &e)) != ELO_OK
            || (rc = elo_nodex_key_parse(key, &dim, &due, &id)) != ELO_OK
            || dim != ELO_NODE_DUE || now_s < 0 || due > (uint64_t) now_s
            || !fn(ctx, id, (int64_t) due))
        {
            break;
        }
    }
    elo_kv_cursor_close(&c);
    elo_kv_view_end(&v);
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}
