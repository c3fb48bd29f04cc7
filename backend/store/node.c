/* SPDX-License-Identifier: BSD-2-Clause */
/* node: content nodes: the current record of each, and every version's JSON, both
   changed in one operation. References from blobs back to nodes are derived from
   the current records. A blob whose last effective reference goes becomes an orphan
   in the same operation. */
#include "backend/store/node_internal.h"

#include <assert.h>

#include "backend/store/possess.h"
#include "backend/store/put_internal.h"
#include "backend/store/store_internal.h"
#include "backend/store/wide.h"

#define DEL_BATCH 64 /* keys of versions collected before they are deleted */

typedef struct {
    elo_kv_op_t op;
    elo_store_t *s;
    elo_slice_t id;
    uint64_t expect;
    const elo_agent_t *owner;
    bool may_give;         /* it may have been another's */
    int64_t due;           /* of what becomes an orphan */
    elo_rec_node_t is;     /* n_refs 0 and current 0: a removal */
    elo_slice_t ver_value; /* of NODEV */
    elo_slice_t ver_data;
    elo_slots_t slots;
} node_op_t;

typedef struct {
    elo_kv_op_t op;
    elo_store_t *s;
    const elo_digest_t *d;
    elo_slots_t slots;
} changed_op_t;


static bool
has_ref(const elo_rec_node_t *n, const elo_digest_t *d)
{
    for (uint32_t i = 0; i < n->n_refs; i++) {
        if (memcmp(n->refs[i].b, d->b, ELO_SHA256_LEN) == 0) {
            return true;
        }
    }
    return false;
}


/* ---- references ---- */

/* The reference is one of a, and of b by the same owner. */
static bool
stays(const elo_rec_node_t *a, const elo_rec_node_t *b, const elo_digest_t *d)
{
    return a->owner == b->owner && has_ref(a, d) && has_ref(b, d);
}


/* Puts or deletes the references of key to those digests of n that other hasn't. */
static elo_err_t
refs_derive(elo_kv_tx_t *tx, elo_slice_t id, const elo_rec_node_t *n,
            const elo_rec_node_t *other, bool is_put)
{
    elo_slice_t none = elo_slice("", 0);
    uint8_t mem[ELO_REF_KEY_MAX];
    elo_err_t rc;

    for (uint32_t i = 0; i < n->n_refs; i++) {
        if (stays(n, other, &n->refs[i])) {
            continue;
        }
        rc = elo_kv_tx_derive(tx, ELO_T_REF,
                              elo_ref_key(&n->refs[i], n->owner, id, mem),
                              is_put ? &none : NULL);
        if (rc != ELO_OK) {
            return rc;
        }
    }
    return ELO_OK;
}


elo_err_t
elo_node_derive(elo_kv_tx_t *tx, elo_slice_t key, const elo_kv_entry_t *was,
                const elo_kv_entry_t *now)
{
    elo_rec_node_t old = { 0 }, is = { 0 };
    elo_err_t rc;

    if (!elo_content_id_ok(key)
        || (was != NULL && elo_rec_node_parse(was->value, &old) != ELO_OK)
        || (now != NULL && elo_rec_node_parse(now->value, &is) != ELO_OK))
    {
        return ELO_ECORRUPT;
    }
    if ((rc = refs_derive(tx, key, &old, &is, false)) != ELO_OK
        || (rc = refs_derive(tx, key, &is, &old, true)) != ELO_OK
        || (was != NULL) == (now != NULL))
    {
        return rc;
    }
    return elo_kv_tx_add(tx, ELO_SUM_TOTAL, ELO_TOTAL_NODES,
                         now != NULL ? 1 : -1);
}


elo_err_t
elo_ref_next(elo_kv_cursor_t *c, const elo_digest_t *d, uint32_t *owner,
             elo_slice_t *id)
{
    elo_digest_t is;
    elo_kv_entry_t e;
    elo_slice_t key;
    elo_err_t rc = elo_kv_cursor_next(c, &key, &e);

    if (rc == ELO_OK && (rc = elo_ref_key_parse(key, &is, owner, id)) == ELO_OK
        && memcmp(is.b, d->b, ELO_SHA256_LEN) != 0)
    {
        rc = ELO_ENOTFOUND;
    }
    return rc;
}


elo_err_t
elo_node_refers(elo_kv_tx_t *tx, const elo_digest_t *d, bool *out)
{
    elo_kv_cursor_t *c;
    uint32_t owner;
    elo_slice_t id;
    elo_err_t rc;

    if ((rc = elo_kv_tx_cursor_open(tx, ELO_T_REF, elo_digest_slice(d), &c))
        != ELO_OK)
    {
        return rc;
    }
    rc = elo_ref_next(c, d, &owner, &id);
    elo_kv_cursor_close(&c);
    if (rc == ELO_OK || rc == ELO_ENOTFOUND) {
        *out = rc == ELO_OK;
        rc = ELO_OK;
    }
    return rc;
}


elo_err_t
elo_node_referrers(elo_kv_tx_t *tx, const elo_digest_t *d,
                   void (*fn)(void *ctx, elo_slice_t id), void *ctx)
{
    elo_kv_cursor_t *c;
    uint32_t owner;
    elo_slice_t id;
    elo_err_t rc;

    if ((rc = elo_kv_tx_cursor_open(tx, ELO_T_REF, elo_digest_slice(d), &c))
        != ELO_OK)
    {
        return rc;
    }
    while ((rc = elo_ref_next(c, d, &owner, &id)) == ELO_OK) {
        fn(ctx, id);
    }
    elo_kv_cursor_close(&c);
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


/* ---- writing ---- */

static elo_err_t
node_get_tx(elo_kv_tx_t *tx, elo_slice_t id, elo_rec_node_t *out)
{
    elo_kv_entry_t e;
    elo_err_t rc = elo_kv_tx_get(tx, ELO_T_NODE, id, &e);

    return rc != ELO_OK ? rc : elo_rec_node_parse(e.value, out);
}


/* A reference that has gone; it had kept the blob only if it was effective. */
static elo_err_t
ref_gone(elo_kv_tx_t *tx, node_op_t *o, const elo_digest_t *d, uint32_t owner)
{
    bool has, is_kept = false, is_held = false;
    elo_holding_t h;
    elo_err_t rc;

    elo_holding_init(&h, o->s, &(elo_rows_t){ .tx = tx }, d);
    if ((rc = elo_holding_has(&h, owner, &has)) != ELO_OK || !has
        || (rc = elo_refs_any(&h, &is_kept)) != ELO_OK || is_kept
        || (rc = elo_blob_is_held(o->s, tx, d, &is_held)) != ELO_OK || !is_held)
    {
        return rc;
    }
    return elo_orphan_add(tx, d, o->due);
}


/* One that has come. */
static elo_err_t
ref_come(elo_kv_tx_t *tx, node_op_t *o, const elo_digest_t *d)
{
    elo_holding_t h;
    bool has;
    elo_err_t rc;

    elo_holding_init(&h, o->s, &(elo_rows_t){ .tx = tx }, d);
    if ((rc = elo_holding_has(&h, o->is.owner, &has)) != ELO_OK || !has) {
        return rc;
    }
    return elo_orphan_del(tx, d);
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
        if (!stays(was, &o->is, d) && (rc = ref_come(tx, o, d)) != ELO_OK) {
            return rc;
        }
    }
    elo_slots_mark(&o->slots, o->id);
    return ELO_OK;
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


/* ELO_EDENIED: was is another's. was NULL: there is none yet. */
static elo_err_t
own(elo_kv_tx_t *tx, node_op_t *o, const elo_rec_node_t *was)
{
    uint32_t no;
    elo_err_t rc;

    if (was != NULL && !o->may_give) {
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
row_put(elo_kv_tx_t *tx, const node_op_t *o)
{
    uint8_t mem[ELO_NODE_REC_MAX];
    elo_buf_t buf;
    elo_err_t rc;

    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_rec_node_encode(&o->is, &buf);
    if ((rc = elo_buf_err(&buf)) != ELO_OK) {
        return rc;
    }
    return elo_kv_tx_put(tx, ELO_T_NODE, o->id, elo_buf_slice(&buf), NULL, 0);
}


static elo_err_t
put_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    node_op_t *o = (node_op_t *) op;
    uint8_t mem[ELO_NODEV_KEY_MAX];
    elo_rec_node_t was = { 0 };
    elo_err_t rc = node_get_tx(tx, o->id, &was);

    bool is_new = rc == ELO_ENOTFOUND;

    if (rc == ELO_OK && o->expect == 0) {
        return ELO_EEXISTS;
    }
    if (is_new) {
        rc = o->expect == 0 ? ELO_OK : ELO_EPRECOND;
    } else if (rc == ELO_OK && was.current != o->expect) {
        rc = ELO_EPRECOND;
    }
    if (rc != ELO_OK || (rc = own(tx, o, is_new ? NULL : &was)) != ELO_OK) {
        return rc;
    }
    rc =
        elo_kv_tx_put(tx, ELO_T_NODEV, elo_nodev_key(o->id, o->is.current, mem),
                      o->ver_value, &o->ver_data, o->ver_data.len > 0 ? 1 : 0);
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
        elo_slots_bump(o->s, &o->slots);
    }
    return rc;
}


elo_err_t
elo_store_node_put(elo_store_t *s, const elo_node_t *node, uint64_t expect,
                   bool may_give)
{
    node_op_t o = { .op.run = put_run,
                    .s = s,
                    .id = node->id,
                    .expect = expect,
                    .owner = &node->owner,
                    .may_give = may_give,
                    .due = elo_store_orphan_due(s),
                    .is = { .reach = node->reach, .current = node->version } };
    elo_rec_nodev_t ver = { .reach = node->reach,
                            .len = (uint32_t) node->json.len,
                            .json = node->json };
    uint8_t ver_mem[ELO_NODEV_REC_MAX];
    elo_buf_t ver_buf;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if (!elo_content_id_ok(node->id) || node->version <= expect
        || (unsigned) node->reach >= ELO_REACH_COUNT)
    {
        return ELO_EINVAL;
    }
    if (node->n_refs > ELO_CONTENT_BLOBS_MAX
        || node->json.len > ELO_CONTENT_JSON_MAX)
    {
        return ELO_ETOOBIG;
    }
    for (uint32_t i = 0; i < node->n_refs; i++) {
        if (!has_ref(&o.is, &node->refs[i])) {
            o.is.refs[o.is.n_refs++] = node->refs[i];
        }
    }
    if (node->json.len > ELO_NODEV_VALUE_MAX) {
        ver.json = elo_slice(NULL, 0);
        o.ver_data = node->json;
    }
    elo_buf_init_fixed(&ver_buf, ver_mem, sizeof(ver_mem));
    elo_rec_nodev_encode(&ver, &ver_buf);
    if ((rc = elo_buf_err(&ver_buf)) != ELO_OK) {
        return rc;
    }
    o.ver_value = elo_buf_slice(&ver_buf);
    return exec(&o);
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


static elo_err_t
remove_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    node_op_t *o = (node_op_t *) op;
    elo_rec_node_t was;
    elo_err_t rc = node_get_tx(tx, o->id, &was);

    if (rc == ELO_OK && o->expect != 0 && was.current != o->expect) {
        rc = ELO_EPRECOND;
    }
    if (rc != ELO_OK || (rc = versions_del(tx, o->id)) != ELO_OK
        || (rc = elo_kv_tx_del(tx, ELO_T_NODE, o->id)) != ELO_OK)
    {
        return rc;
    }
    return orphans_move(tx, o, &was);
}


elo_err_t
elo_store_node_remove(elo_store_t *s, elo_slice_t id, uint64_t expect)
{
    node_op_t o = { .op.run = remove_run,
                    .s = s,
                    .id = id,
                    .expect = expect,
                    .due = elo_store_orphan_due(s) };

    assert(s->magic == ELO_STORE_MAGIC);
    return elo_content_id_ok(id) ? exec(&o) : ELO_ENOTFOUND;
}


/* ---- promotions ---- */

static elo_err_t
changed_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    changed_op_t *o = (changed_op_t *) op;
    elo_rows_t rows = { .tx = tx };
    elo_reach_t reach = ELO_REACH_PRIVATE;
    bool is_kept = false, is_clear;
    elo_holding_t h;
    elo_err_t rc;

    elo_holding_init(&h, o->s, &rows, o->d);
    if ((rc = elo_refs_any(&h, &is_kept)) != ELO_OK
        || (is_kept && (rc = elo_orphan_del(tx, o->d)) != ELO_OK)
        || (rc = elo_refs_reach(&h, &reach)) != ELO_OK
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
    return elo_slots_mark_blob(&o->slots, tx, o->d);
}


elo_err_t
elo_store_refs_changed(elo_store_t *s, const elo_digest_t *d)
{
    changed_op_t o = { .op.run = changed_run, .s = s, .d = d };
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_store_exec(s, &o.op)) == ELO_OK) {
        elo_slots_bump(s, &o.slots);
    }
    return rc;
}
