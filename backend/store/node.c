/* SPDX-License-Identifier: BSD-2-Clause */
/* node: writing content nodes: the row of each, and every version's JSON, both changed
   in one operation. A blob whose owner's last effective reference goes becomes an
   orphan of his in the same operation. What is removed or forgotten leaves a row, so
   that an id never has the same version twice. One file, though long: what puts, restates,
   removes and what a blob's coming or going changes run the same steps. */
#include "backend/store/node_internal.h"

#include <assert.h>
#include <stdlib.h>

#include "backend/kv/kv_many.h"
#include "backend/os/clock.h"
#include "backend/store/possess.h"
#include "backend/store/put_internal.h"
#include "backend/store/store_internal.h"
#include "backend/store/wide.h"
#include "common/http/wire_document.h"

#define DEL_BATCH 64 /* keys of versions collected before they are deleted */

typedef struct {
    elo_kv_op_t op;
    elo_store_t *s;
    elo_slice_t id;
    uint64_t expect;
    const elo_agent_t *owner;
    bool may_give; /* it may have been another's */
    int64_t due;   /* of what becomes an orphan */
    elo_rec_node_t is;
    elo_buf_t lists; /* of is */
    elo_buf_t row;
    elo_buf_t ver;        /* value of NODEV */
    elo_slice_t ver_data; /* its data, if any */
    elo_slots_t slots;
    uint64_t purged; /* place of what edges are to forget; 0: nothing */
} node_op_t;

typedef struct {
    elo_kv_op_t op;
    elo_store_t *s;
    const elo_digest_t *d;
    elo_slots_t slots;
    uint64_t purged;
} changed_op_t;


/* ---- writing ---- */

static elo_err_t
node_get_tx(elo_kv_tx_t *tx, elo_slice_t id, elo_rec_node_t *out)
{
    elo_kv_entry_t e;
    elo_err_t rc = elo_kv_tx_get(tx, ELO_T_NODE, id, &e);

    return rc != ELO_OK ? rc : elo_rec_node_parse(e.value, out);
}


/* A reference that has gone; it had kept the blob only if it was effective by what its
   owner has sent. */
static elo_err_t
ref_gone(elo_kv_tx_t *tx, node_op_t *o, const elo_digest_t *d, uint32_t owner)
{
    elo_rows_t r = { .tx = tx };
    bool has, is_kept = false;
    elo_holding_t h;
    elo_err_t rc;

    elo_holding_init(&h, o->s, &r, d);
    if ((rc = elo_holding_sent(&h, owner, &has)) != ELO_OK || !has
        || (rc = elo_refs_of(&r, d, owner, &is_kept)) != ELO_OK || is_kept)
    {
        return rc;
    }
    return elo_orphan_add(tx, d, owner, o->due);
}


/* The reference is one of a, and of b by the same owner. */
static bool
stays(const elo_rec_node_t *a, const elo_rec_node_t *b, const elo_digest_t *d)
{
    return a->owner == b->owner && elo_rec_node_refers(a, d)
           && elo_rec_node_refers(b, d);
}


/* May everybody find it in a list? */
static bool
is_listed(const elo_rec_node_t *n)
{
    return n->current != 0 && (n->flags & ELO_NODE_IS_TOMB) == 0
           && n->reach == ELO_REACH_COMMONS;
}


/* What everybody is shown of lists, beside each node itself: what has left one is gone
   at once, what is new in one may be late (common/http/wire_document.h). */
static void
mark_lists(node_op_t *o, const elo_rec_node_t *was)
{
    bool was_listed = is_listed(was);

    if (was_listed
        && (!is_listed(&o->is) || was->life != o->is.life
            || was->owner != o->is.owner))
    {
        elo_slots_mark(&o->slots, ELO_GEN_NARROWED);
    }
    if (was_listed || is_listed(&o->is)) {
        elo_slots_mark(&o->slots, ELO_GEN_CHANGED);
    }
}


/* What becomes of the blobs when the references of was are replaced by those of
   o->is, which is done already. */
static elo_err_t
orphans_move(elo_kv_tx_t *tx, node_op_t *o, const elo_rec_node_t *was)
{
    elo_err_t rc;

    for (uint32_t i = 0; i < was->n_refs; i++) {
        const elo_digest_t *d = &was->refs[i];

        elo_slots_mark(&o->slots, elo_digest_slice(d));
        if (!stays(was, &o->is, d)
            && (rc = ref_gone(tx, o, d, was->owner)) != ELO_OK) {
            return rc;
        }
    }
    for (uint32_t i = 0; i < o->is.n_refs; i++) {
        const elo_digest_t *d = &o->is.refs[i];

        elo_slots_mark(&o->slots, elo_digest_slice(d));
        if (!stays(was, &o->is, d)
            && (rc = elo_orphan_del(tx, d, o->is.owner)) != ELO_OK)
        {
            return rc;
        }
    }
    elo_slots_mark(&o->slots, o->id);
    mark_lists(o, was);
    return elo_purge_node_tx(o->s, tx, was, &o->is, &o->slots, &o->purged);
}


/* What a wide node refers to effectively, and is not held in the clear, may be held
   sealed. */
static elo_err_t
note_wide(elo_kv_tx_t *tx, const node_op_t *o)
{
    elo_rows_t rows = { .tx = tx };
    elo_holding_t h;
    bool is_clear, has;
    elo_err_t rc = ELO_OK;

    if (elo_reach_is_sealed(o->is.reach)
        || elo_kv_tx_sum(tx, ELO_SUM_TOTAL, ELO_TOTAL_SEALED) <= 0)
    {
        return ELO_OK;
    }
    for (uint32_t i = 0; i < o->is.n_refs && rc == ELO_OK; i++) {
        const elo_digest_t *d = &o->is.refs[i];

        rc = elo_blob_is_clear(tx, d, &is_clear);
        if (rc != ELO_OK || is_clear) {
            continue;
        }
        elo_holding_init(&h, o->s, &rows, d);
        rc = elo_holding_has(&h, o->is.owner, &has);
        if (rc == ELO_OK && has) {
            rc = elo_wide_note_tx(tx, d);
        }
    }
    return rc;
}


static bool
is_tomb(const elo_rec_node_t *n)
{
    return (n->flags & ELO_NODE_IS_TOMB) != 0;
}


/* ELO_EDENIED: was is another's. What was removed is nobody's any more; what was
   forgotten stays its owner's. */
static elo_err_t
own(elo_kv_tx_t *tx, node_op_t *o, const elo_rec_node_t *was)
{
    bool is_somebodys =
        was->current != 0 && (!is_tomb(was) || was->life == ELO_NODE_FORGOTTEN);
    uint32_t no;
    elo_err_t rc;

    if (is_somebodys && !o->may_give) {
        rc = elo_agent_no_tx(tx, o->owner, &no);
        if (rc == ELO_ENOTFOUND || (rc == ELO_OK && no != was->owner)) {
            return ELO_EDENIED;
        }
        if (rc != ELO_OK) {
            return rc;
        }
    }
    return elo_agent_intern_tx(tx, o->owner, &o->is.owner);
}


static elo_err_t
row_put(elo_kv_tx_t *tx, node_op_t *o)
{
    elo_err_t rc;

    elo_buf_clear(&o->row);
    elo_rec_node_encode(&o->is, &o->row);
    if ((rc = elo_buf_err(&o->row)) != ELO_OK) {
        return rc;
    }
    return elo_kv_tx_put(tx, ELO_T_NODE, o->id, elo_buf_slice(&o->row), NULL,
                         0);
}


/* May version o->is.current follow on was (current 0: there is no row)? */
static elo_err_t
follows(const node_op_t *o, const elo_rec_node_t *was)
{
    if (was->current == 0) {
        return o->expect == 0 ? ELO_OK : ELO_EPRECOND;
    }
    if (is_tomb(was)) {
        return o->expect == 0 && o->is.current > was->current ? ELO_OK
                                                              : ELO_EPRECOND;
    }
    if (o->expect == 0) {
        return ELO_EEXISTS;
    }
    if (was->current != o->expect) {
        return ELO_EPRECOND;
    }
    return is_tomb(&o->is) && (was->flags & ELO_NODE_IS_HELD) != 0 ? ELO_EBUSY
                                                                   : ELO_OK;
}


static elo_err_t versions_del(elo_kv_tx_t *tx, elo_slice_t id);


static elo_err_t
put_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    node_op_t *o = (node_op_t *) op;
    uint8_t mem[ELO_NODEV_KEY_MAX];
    elo_rec_node_t was = { .current = 0 };
    elo_err_t rc = node_get_tx(tx, o->id, &was);

    if ((rc != ELO_OK && rc != ELO_ENOTFOUND)
        || (rc = follows(o, &was)) != ELO_OK
        || (rc = own(tx, o, &was)) != ELO_OK)
    {
        return rc;
    }
    rc = is_tomb(&o->is)
             ? versions_del(tx, o->id)
             : elo_kv_tx_put(tx, ELO_T_NODEV,
                             elo_nodev_key(o->id, o->is.current, mem),
                             elo_buf_slice(&o->ver), &o->ver_data,
                             o->ver_data.len > 0 ? 1 : 0);
    if (rc != ELO_OK || (rc = row_put(tx, o)) != ELO_OK
        || (rc = note_wide(tx, o)) != ELO_OK)
    {
        return rc;
    }
    return orphans_move(tx, o, &was);
}


static elo_err_t
restate_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    node_op_t *o = (node_op_t *) op;
    elo_rec_node_t was = { .current = 0 };
    elo_err_t rc = node_get_tx(tx, o->id, &was);

    if (rc == ELO_OK && is_tomb(&was)) {
        rc = ELO_ENOTFOUND;
    }
    if (rc == ELO_OK && was.current != o->is.current) {
        rc = ELO_EPRECOND;
    }
    o->is.owner = was.owner;
    if (rc != ELO_OK || (rc = row_put(tx, o)) != ELO_OK
        || (rc = note_wide(tx, o)) != ELO_OK)
    {
        return rc;
    }
    return orphans_move(tx, o, &was);
}


static elo_err_t
exec(node_op_t *o)
{
    elo_err_t rc = elo_store_exec(o->s, &o->op);

    if (rc == ELO_OK) {
        elo_purge_publish(o->s, &o->slots, o->purged);
    }
    return rc;
}


static bool
is_valid(const elo_node_t *n)
{
    bool is_served = n->life != ELO_NODE_DRAFT && n->life != ELO_NODE_FORGOTTEN;

    return elo_content_id_ok(n->id) && n->version > 0
           && (unsigned) n->reach < ELO_REACH_COUNT
           && (unsigned) n->stated < ELO_REACH_COUNT
           && (unsigned) n->life < ELO_NODE_LIVES
           && (is_served || n->reach == ELO_REACH_PRIVATE)
           && (n->flags | ELO_NODE_IS_HELD) == ELO_NODE_IS_HELD
           && n->created_at >= 0 && n->updated_at >= 0 && n->due_s >= 0;
}


static int
key_cmp(const void *a, const void *b)
{
    return memcmp(a, b, ELO_AGENT_LEN);
}


static int
facet_cmp(const void *a, const void *b)
{
    return memcmp(a, b, ELO_NODE_FACET);
}


/* Sorts n pieces; how many are left, each once. */
static uint32_t
sort_once(uint8_t *p, uint32_t n, size_t len,
          int (*cmp)(const void *a, const void *b))
{
    uint32_t kept = n > 0 ? 1 : 0;

    if (n > 1) {
        qsort(p, n, len, cmp);
    }
    for (uint32_t i = 1; i < n; i++) {
        if (cmp(p + (kept - 1) * len, p + i * len) != 0) {
            memmove(p + kept * len, p + i * len, len);
            kept++;
        }
    }
    return kept;
}


/* The lists of o->is, in o->lists. */
static elo_err_t
lists_make(node_op_t *o, const elo_node_t *n)
{
    uint8_t key[ELO_NODEX_KEY_MAX];
    elo_rec_node_t *is = &o->is;
    uint8_t *p;
    elo_err_t rc;

    for (uint32_t i = 0; i < n->n_refs; i++) {
        if (!elo_rec_node_refers(is, &n->refs[i])) {
            is->refs[is->n_refs++] = n->refs[i];
        }
    }
    for (uint32_t i = 0; i < n->n_invited; i++) {
        elo_buf_put(&o->lists, n->invited[i].b, ELO_AGENT_LEN);
    }
    for (uint32_t i = 0; i < n->n_facets; i++) {
        const elo_node_facet_t *f = &n->facets[i];

        if (f->dim != ELO_NODE_FORMAT && f->dim != ELO_NODE_TAG
            && f->dim != ELO_NODE_RELATED)
        {
            return ELO_EINVAL;
        }
        elo_nodex_key(f->dim, elo_nodex_text(f->text), elo_slice(NULL, 0), key);
        elo_buf_put(&o->lists, key, ELO_NODE_FACET);
    }
    if ((rc = elo_buf_err(&o->lists)) != ELO_OK || o->lists.len == 0) {
        return rc;
    }
    p = o->lists.p;
    is->n_invited = sort_once(p, n->n_invited, ELO_AGENT_LEN, key_cmp);
    is->invited = elo_slice(p, (size_t) is->n_invited * ELO_AGENT_LEN);
    p += (size_t) n->n_invited * ELO_AGENT_LEN;
    is->n_facets = sort_once(p, n->n_facets, ELO_NODE_FACET, facet_cmp);
    is->facets = elo_slice(p, (size_t) is->n_facets * ELO_NODE_FACET);
    return ELO_OK;
}


/* The row that n asks for; a tombstone of what is forgotten. */
static elo_err_t
row_make(node_op_t *o, const elo_node_t *n)
{
    bool is_forgotten = n->life == ELO_NODE_FORGOTTEN;

    if (!is_valid(n)) {
        return ELO_EINVAL;
    }
    if (n->n_refs > ELO_CONTENT_BLOBS_MAX || n->n_facets > ELO_NODE_FACETS_MAX
        || n->n_invited > ELO_CONTENT_INVITED_MAX
        || n->json.len > ELO_CONTENT_JSON_MAX)
    {
        return ELO_ETOOBIG;
    }
    o->is.reach = n->reach;
    o->is.stated =
        n->life == ELO_NODE_DRAFT || is_forgotten ? n->stated : n->reach;
    o->is.life = n->life;
    o->is.flags = is_forgotten ? ELO_NODE_IS_TOMB : n->flags;
    o->is.current = n->version;
    o->is.created_at = n->created_at;
    o->is.updated_at = n->updated_at;
    o->is.due_s = is_forgotten ? 0 : n->due_s;
    return is_forgotten ? ELO_OK : lists_make(o, n);
}


static void
op_init(node_op_t *o, elo_store_t *s)
{
    o->s = s;
    o->due = elo_store_orphan_due(s);
    elo_buf_init(&o->lists, ELO_NODE_REC_MAX);
    elo_buf_init(&o->row, ELO_NODE_REC_MAX);
    elo_buf_init(&o->ver, ELO_NODEV_REC_MAX);
}


static elo_err_t
op_end(node_op_t *o, elo_err_t rc)
{
    elo_buf_dispose(&o->lists);
    elo_buf_dispose(&o->row);
    elo_buf_dispose(&o->ver);
    return rc;
}


/* All that can be said before it is run. node stays until then. */
static elo_err_t
put_prepare(node_op_t *o, elo_store_t *s, const elo_node_t *node)
{
    elo_rec_nodev_t ver = { .reach = node->reach,
                            .len = (uint32_t) node->json.len,
                            .json = node->json };
    elo_err_t rc;

    o->op.run = put_run;
    o->id = node->id;
    o->owner = &node->owner;
    op_init(o, s);
    if (node->version <= o->expect) {
        return ELO_EINVAL;
    }
    if ((rc = row_make(o, node)) != ELO_OK) {
        return rc;
    }
    if (node->json.len > ELO_NODEV_VALUE_MAX) {
        ver.json = elo_slice(NULL, 0);
        o->ver_data = node->json;
    }
    elo_rec_nodev_encode(&ver, &o->ver);
    return elo_buf_err(&o->ver);
}


elo_err_t
elo_store_node_put(elo_store_t *s, const elo_node_t *node, uint64_t expect,
                   bool may_give)
{
    node_op_t o = { .expect = expect, .may_give = may_give };
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    rc = put_prepare(&o, s, node);
    return op_end(&o, rc != ELO_OK ? rc : exec(&o));
}


/* Runs those of o that are good, and ends all. */
static void
put_all(elo_store_t *s, node_op_t *o, elo_node_put_t *puts, uint32_t n)
{
    elo_kv_op_t *op[ELO_NODE_PUTS_MAX];
    elo_err_t err[ELO_NODE_PUTS_MAX];
    uint32_t n_ops = 0;
    elo_err_t rc;

    for (uint32_t i = 0; i < n; i++) {
        if (puts[i].err == ELO_OK) {
            op[n_ops++] = &o[i].op;
        }
    }
    rc = elo_store_is_readonly(s) ? ELO_EREADONLY
                                  : elo_kv_exec_all(s->kv, op, n_ops, err);
    n_ops = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (puts[i].err == ELO_OK) {
            puts[i].err = rc != ELO_OK ? rc : err[n_ops++];
            if (puts[i].err == ELO_OK) {
                elo_purge_publish(s, &o[i].slots, o[i].purged);
            }
        }
        puts[i].err = op_end(&o[i], puts[i].err);
    }
}


void
elo_store_node_put_many(elo_store_t *s, elo_node_put_t *puts, uint32_t n)
{
    node_op_t *o = calloc(n, sizeof(*o));

    assert(s->magic == ELO_STORE_MAGIC && n > 0 && n <= ELO_NODE_PUTS_MAX);
    for (uint32_t i = 0; i < n; i++) {
        puts[i].err = ELO_ENOMEM;
        if (o != NULL) {
            o[i].expect = puts[i].expect;
            puts[i].err = put_prepare(&o[i], s, puts[i].node);
        }
    }
    if (o != NULL) {
        put_all(s, o, puts, n);
    }
    free(o);
}


elo_err_t
elo_store_node_restate(elo_store_t *s, const elo_node_t *node)
{
    node_op_t o = { .op.run = restate_run, .id = node->id };
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if (node->life == ELO_NODE_FORGOTTEN) {
        return ELO_EINVAL;
    }
    op_init(&o, s);
    rc = row_make(&o, node);
    return op_end(&o, rc != ELO_OK ? rc : exec(&o));
}


/* Up to DEL_BATCH keys of versions of id above *version, which moves on. A cursor
   isn't held over a deletion. */
static elo_err_t
versions_next(elo_kv_tx_t *tx, elo_slice_t id, uint64_t *version,
              uint64_t out[DEL_BATCH], uint32_t *n)
{
    uint8_t mem[ELO_NODEV_KEY_MAX];
    elo_slice_t key, name;
    elo_kv_cursor_t *c;
    elo_kv_entry_t e;
    uint64_t v;
    elo_err_t rc;

    *n = 0;
    rc = elo_kv_tx_cursor_open(tx, ELO_T_NODEV,
                               elo_nodev_key(id, *version, mem), &c);
    if (rc != ELO_OK) {
        return rc;
    }
    while (*n < DEL_BATCH && (rc = elo_kv_cursor_next(c, &key, &e)) == ELO_OK) {
        if ((rc = elo_nodev_key_parse(key, &name, &v)) != ELO_OK
            || !elo_slice_eq(name, id))
        {
            break;
        }
        out[(*n)++] = v;
        *version = v + 1;
    }
    elo_kv_cursor_close(&c);
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


static elo_err_t
versions_del(elo_kv_tx_t *tx, elo_slice_t id)
{
    uint64_t from = 0, found[DEL_BATCH];
    uint8_t mem[ELO_NODEV_KEY_MAX];
    uint32_t n;
    elo_err_t rc;

    do {
        if ((rc = versions_next(tx, id, &from, found, &n)) != ELO_OK) {
            return rc;
        }
        for (uint32_t i = 0; i < n; i++) {
            rc = elo_kv_tx_del(tx, ELO_T_NODEV,
                               elo_nodev_key(id, found[i], mem));
            if (rc != ELO_OK) {
                return rc;
            }
        }
    } while (n == DEL_BATCH);
    return ELO_OK;
}


/* What is left of was. */
static void
tomb_make(node_op_t *o, const elo_rec_node_t *was)
{
    o->is = (elo_rec_node_t){ .reach = ELO_REACH_PRIVATE,
                              .stated = was->stated,
                              .life = was->life,
                              .flags = ELO_NODE_IS_TOMB,
                              .current = was->current + 1,
                              .owner = was->owner,
                              .created_at = was->created_at,
                              .updated_at = elo_clock_unix_s() };
}


static elo_err_t
remove_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    node_op_t *o = (node_op_t *) op;
    elo_rec_node_t was;
    elo_err_t rc = node_get_tx(tx, o->id, &was);

    if (rc == ELO_OK && is_tomb(&was)) {
        rc = ELO_ENOTFOUND;
    }
    if (rc == ELO_OK && o->expect != 0 && was.current != o->expect) {
        rc = ELO_EPRECOND;
    }
    if (rc == ELO_OK && (was.flags & ELO_NODE_IS_HELD) != 0) {
        rc = ELO_EBUSY;
    }
    if (rc != ELO_OK) {
        return rc;
    }
    tomb_make(o, &was);
    if ((rc = versions_del(tx, o->id)) != ELO_OK
        || (rc = row_put(tx, o)) != ELO_OK) {
        return rc;
    }
    return orphans_move(tx, o, &was);
}


elo_err_t
elo_store_node_remove(elo_store_t *s, elo_slice_t id, uint64_t expect)
{
    node_op_t o = { .op.run = remove_run, .id = id, .expect = expect };

    assert(s->magic == ELO_STORE_MAGIC);
    if (!elo_content_id_ok(id)) {
        return ELO_ENOTFOUND;
    }
    op_init(&o, s);
    return op_end(&o, exec(&o));
}


/* ---- promotions ---- */

static elo_err_t
changed_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    changed_op_t *o = (changed_op_t *) op;
    elo_rows_t rows = { .tx = tx };
    elo_reach_t reach = ELO_REACH_PRIVATE;
    elo_holding_t h;
    bool is_clear;
    elo_err_t rc;

    elo_holding_init(&h, o->s, &rows, o->d);
    if ((rc = elo_refs_reach(&h, &reach)) != ELO_OK
        || (rc = elo_blob_is_clear(tx, o->d, &is_clear)) != ELO_OK)
    {
        return rc;
    }
    if (!is_clear && !elo_reach_is_sealed(reach)
        && elo_kv_tx_sum(tx, ELO_SUM_TOTAL, ELO_TOTAL_SEALED) > 0
        && (rc = elo_wide_note_tx(tx, o->d)) != ELO_OK)
    {
        return rc;
    }
    if ((rc = elo_slots_mark_blob(&o->slots, tx, o->d)) != ELO_OK) {
        return rc;
    }
    /* taken back, perhaps: what was wide is so no more */
    return elo_purge_tx(o->s, tx, o->d, is_clear ? 1 : 0, &o->slots,
                        &o->purged);
}


elo_err_t
elo_store_refs_changed(elo_store_t *s, const elo_digest_t *d)
{
    changed_op_t o = { .op.run = changed_run, .s = s, .d = d };
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_store_exec(s, &o.op)) == ELO_OK) {
        elo_purge_publish(s, &o.slots, o.purged);
    }
    return rc;
}
