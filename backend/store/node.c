/* SPDX-License-Identifier: BSD-2-Clause */
/* node: content nodes: the current record of each, every version's JSON, and the
   references from blobs back to nodes, all changed in one transaction (I8). */
#include "backend/store/txn.h"

#include <assert.h>
#include <stdlib.h>

#define NODEV_KEY_MAX (ELO_CONTENT_ID_MAX + 1 + 8)


/* id, NUL, version: in order of id, then of version; an id has no NUL. */
static elo_slice_t
nodev_key(elo_slice_t id, uint64_t version, uint8_t out[NODEV_KEY_MAX])
{
    memcpy(out, id.p, id.len);
    out[id.len] = 0;
    elo_seq_encode(version, out + id.len + 1);
    return elo_slice(out, id.len + 1 + 8);
}


static elo_err_t
node_get(elo_store_t *s, MDB_txn *txn, elo_slice_t id, elo_rec_node_t *out)
{
    elo_slice_t v;
    elo_err_t rc = elo_db_get(s, txn, ELO_DB_NODE, id, &v);

    return rc != ELO_OK ? rc : elo_rec_node_parse(id, v, out);
}


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


/* Moves the references of id from those of was to those of is, and bumps all. */
static elo_err_t
refs_move(elo_wtxn_t *w, elo_slice_t id, const elo_rec_node_t *was,
          const elo_rec_node_t *is)
{
    elo_err_t rc;

    for (uint32_t i = 0; i < was->n_refs; i++) {
        elo_wtxn_bump(w, elo_digest_slice(&was->refs[i]));
        if (!has_ref(is, &was->refs[i])
            && (rc = elo_db_del(w, ELO_DB_REF, elo_digest_slice(&was->refs[i]),
                                &id))
                   != ELO_OK)
        {
            return rc;
        }
    }
    for (uint32_t i = 0; i < is->n_refs; i++) {
        elo_wtxn_bump(w, elo_digest_slice(&is->refs[i]));
        if (!has_ref(was, &is->refs[i])
            && (rc = elo_db_put(w, ELO_DB_REF, elo_digest_slice(&is->refs[i]),
                                id))
                   != ELO_OK)
        {
            return rc;
        }
    }
    elo_wtxn_bump(w, id);
    return ELO_OK;
}


static elo_err_t
write_records(elo_wtxn_t *w, const elo_node_t *node, const elo_rec_node_t *rec,
              elo_buf_t *buf)
{
    elo_rec_nodev_t ver = { .reach = node->reach, .json = node->json };
    uint8_t mem[NODEV_KEY_MAX];
    elo_slice_t key = nodev_key(node->id, node->version, mem);
    elo_err_t rc;

    elo_rec_nodev_encode(&ver, key, buf);
    if ((rc = elo_buf_err(buf)) != ELO_OK
        || (rc = elo_db_put(w, ELO_DB_NODEV, key, elo_buf_slice(buf)))
               != ELO_OK)
    {
        return rc;
    }
    elo_buf_clear(buf);
    elo_rec_node_encode(rec, node->id, buf);
    if ((rc = elo_buf_err(buf)) != ELO_OK) {
        return rc;
    }
    return elo_db_put(w, ELO_DB_NODE, node->id, elo_buf_slice(buf));
}


/* The node put as a transaction sees it. rec is the record to write. */
static elo_err_t
node_replace(elo_wtxn_t *w, const elo_node_t *node, const elo_rec_node_t *rec,
             uint64_t expect, elo_buf_t *buf)
{
    elo_rec_node_t was = { 0 };
    elo_err_t rc = node_get(w->s, w->txn, node->id, &was);

    if (rc == ELO_OK && expect == 0) {
        return ELO_EEXISTS;
    }
    if (rc == ELO_ENOTFOUND) {
        rc = expect == 0 ? ELO_OK : ELO_EPRECOND;
    } else if (rc == ELO_OK && was.current != expect) {
        rc = ELO_EPRECOND;
    }
    if (rc != ELO_OK || (rc = refs_move(w, node->id, &was, rec)) != ELO_OK) {
        return rc;
    }
    return write_records(w, node, rec, buf);
}


elo_err_t
elo_store_node_put(elo_store_t *s, const elo_node_t *node, uint64_t expect)
{
    elo_rec_node_t rec = { .reach = node->reach, .current = node->version };
    elo_buf_t buf;
    elo_wtxn_t w;
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
        if (!has_ref(&rec, &node->refs[i])) {
            rec.refs[rec.n_refs++] = node->refs[i];
        }
    }
    if (elo_store_is_readonly(s)) {
        return ELO_EREADONLY;
    }
    if ((rc = elo_space_check(s, node->json.len)) != ELO_OK) {
        return rc;
    }
    elo_buf_init(&buf, ELO_NODEV_REC_MAX);
    if ((rc = elo_wtxn_begin(s, &w)) == ELO_OK) {
        rc = node_replace(&w, node, &rec, expect, &buf);
        if (rc == ELO_OK) {
            rc = elo_wtxn_commit(&w, NULL);
        } else {
            elo_wtxn_abort(&w);
        }
    }
    elo_buf_dispose(&buf);
    return rc;
}


/* Parsed version of a node; *out borrows from txn. */
static elo_err_t
nodev_get(elo_store_t *s, MDB_txn *txn, elo_slice_t id, uint64_t version,
          elo_rec_nodev_t *out)
{
    uint8_t mem[NODEV_KEY_MAX];
    elo_slice_t key = nodev_key(id, version, mem), v;
    elo_err_t rc = elo_db_get(s, txn, ELO_DB_NODEV, key, &v);

    return rc != ELO_OK ? rc : elo_rec_nodev_parse(key, v, out);
}


elo_err_t
elo_store_node_get(elo_store_t *s, elo_slice_t id, uint64_t version,
                   elo_buf_t *json, elo_reach_t *reach, uint64_t *current)
{
    elo_rec_nodev_t ver;
    elo_rec_node_t rec;
    MDB_txn *txn;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if (!elo_content_id_ok(id)) {
        return ELO_ENOTFOUND;
    }
    if ((rc = elo_rtxn_begin(s, &txn)) != ELO_OK) {
        return rc;
    }
    rc = node_get(s, txn, id, &rec);
    if (rc == ELO_OK && (json != NULL || version != 0)) {
        rc = nodev_get(s, txn, id, version != 0 ? version : rec.current, &ver);
        if (rc == ELO_ENOTFOUND && version == 0) {
            rc = ELO_ECORRUPT; /* against (I8) */
        }
        if (rc == ELO_OK && json != NULL) {
            elo_buf_put_slice(json, ver.json);
            rc = elo_buf_err(json);
        }
    }
    mdb_txn_abort(txn);
    if (rc == ELO_OK && reach != NULL) {
        *reach = rec.reach;
    }
    if (rc == ELO_OK && current != NULL) {
        *current = rec.current;
    }
    return rc;
}


static elo_err_t
versions_del(elo_wtxn_t *w, elo_slice_t id)
{
    uint8_t mem[NODEV_KEY_MAX];
    elo_slice_t from = nodev_key(id, 0, mem);
    elo_slice_t prefix = elo_slice(from.p, id.len + 1);
    MDB_val k = elo_val(from), v;
    MDB_cursor *c;
    int rc = mdb_cursor_open(w->txn, w->s->db[ELO_DB_NODEV], &c);

    if (rc != MDB_SUCCESS) {
        return elo_db_fail(w->s, rc);
    }
    rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
    while (rc == MDB_SUCCESS && elo_slice_has_prefix(elo_val_slice(k), prefix))
    {
        if ((rc = mdb_cursor_del(c, 0)) == MDB_SUCCESS) {
            k = elo_val(from);
            rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
        }
    }
    mdb_cursor_close(c);
    return rc == MDB_NOTFOUND ? ELO_OK : elo_db_fail(w->s, rc);
}


elo_err_t
elo_store_node_remove(elo_store_t *s, elo_slice_t id, uint64_t expect)
{
    elo_rec_node_t was, none = { 0 };
    elo_wtxn_t w;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if (!elo_content_id_ok(id)) {
        return ELO_ENOTFOUND;
    }
    if ((rc = elo_wtxn_begin(s, &w)) != ELO_OK) {
        return rc;
    }
    rc = node_get(s, w.txn, id, &was);
    if (rc == ELO_OK && expect != 0 && was.current != expect) {
        rc = ELO_EPRECOND;
    }
    if (rc != ELO_OK || (rc = refs_move(&w, id, &was, &none)) != ELO_OK
        || (rc = elo_db_del(&w, ELO_DB_NODE, id, NULL)) != ELO_OK
        || (rc = versions_del(&w, id)) != ELO_OK)
    {
        elo_wtxn_abort(&w);
        return rc;
    }
    return elo_wtxn_commit(&w, NULL);
}


static elo_err_t
node_show(elo_store_t *s, MDB_txn *txn, elo_slice_t id, elo_slice_t v,
          elo_node_each_fn fn, void *ctx, bool *goes_on)
{
    elo_rec_nodev_t ver;
    elo_rec_node_t rec;
    elo_node_t node;
    elo_err_t rc;

    if (!elo_content_id_ok(id)) {
        return ELO_ECORRUPT;
    }
    if ((rc = elo_rec_node_parse(id, v, &rec)) != ELO_OK) {
        return rc;
    }
    if ((rc = nodev_get(s, txn, id, rec.current, &ver)) != ELO_OK) {
        return rc == ELO_ENOTFOUND ? ELO_ECORRUPT : rc;
    }
    node = (elo_node_t){ .id = id,
                         .version = rec.current,
                         .reach = rec.reach,
                         .n_refs = rec.n_refs,
                         .refs = rec.refs,
                         .json = ver.json };
    *goes_on = fn(ctx, &node);
    return ELO_OK;
}


elo_err_t
elo_store_node_each(elo_store_t *s, elo_slice_t after, elo_node_each_fn fn,
                    void *ctx)
{
    MDB_val k = elo_val(after), v;
    bool goes_on = true;
    MDB_txn *txn;
    MDB_cursor *c;
    elo_err_t rc;
    int err;

    assert(s->magic == ELO_STORE_MAGIC);
    if (after.len > ELO_CONTENT_ID_MAX) {
        return ELO_EINVAL;
    }
    if ((rc = elo_rtxn_begin(s, &txn)) != ELO_OK) {
        return rc;
    }
    if ((err = mdb_cursor_open(txn, s->db[ELO_DB_NODE], &c)) != MDB_SUCCESS) {
        mdb_txn_abort(txn);
        return elo_db_fail(s, err);
    }
    err = mdb_cursor_get(c, &k, &v, after.len > 0 ? MDB_SET_RANGE : MDB_FIRST);
    if (err == MDB_SUCCESS && elo_slice_eq(elo_val_slice(k), after)) {
        err = mdb_cursor_get(c, &k, &v, MDB_NEXT);
    }
    while (err == MDB_SUCCESS && rc == ELO_OK && goes_on) {
        rc = node_show(s, txn, elo_val_slice(k), elo_val_slice(v), fn, ctx,
                       &goes_on);
        if (rc == ELO_OK && goes_on) {
            err = mdb_cursor_get(c, &k, &v, MDB_NEXT);
        }
    }
    mdb_cursor_close(c);
    mdb_txn_abort(txn);
    if (rc == ELO_OK && err != MDB_SUCCESS && err != MDB_NOTFOUND) {
        rc = elo_db_fail(s, err);
    }
    return rc;
}


/* Walks the ids that refer to d. */
static elo_err_t
refs_each(elo_store_t *s, MDB_txn *txn, const elo_digest_t *d,
          elo_id_each_fn fn, void *ctx)
{
    MDB_val k = elo_val(elo_digest_slice(d)), v;
    elo_err_t rc = ELO_OK;
    MDB_cursor *c;
    int err = mdb_cursor_open(txn, s->db[ELO_DB_REF], &c);

    if (err != MDB_SUCCESS) {
        return elo_db_fail(s, err);
    }
    for (err = mdb_cursor_get(c, &k, &v, MDB_SET); err == MDB_SUCCESS;
         err = mdb_cursor_get(c, &k, &v, MDB_NEXT_DUP))
    {
        if (!elo_content_id_ok(elo_val_slice(v))) {
            rc = ELO_ECORRUPT;
            break;
        }
        if (!fn(ctx, elo_val_slice(v))) {
            break;
        }
    }
    mdb_cursor_close(c);
    if (rc == ELO_OK && err != MDB_SUCCESS && err != MDB_NOTFOUND) {
        rc = elo_db_fail(s, err);
    }
    return rc;
}


elo_err_t
elo_store_referrers(elo_store_t *s, const elo_digest_t *d, elo_id_each_fn fn,
                    void *ctx)
{
    MDB_txn *txn;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_rtxn_begin(s, &txn)) != ELO_OK) {
        return rc;
    }
    rc = refs_each(s, txn, d, fn, ctx);
    mdb_txn_abort(txn);
    return rc;
}


typedef struct {
    elo_store_t *s;
    MDB_txn *txn;
    elo_reach_t widest;
} reach_ctx_t;


static bool
widen(void *ctx, elo_slice_t id)
{
    reach_ctx_t *r = ctx;
    elo_rec_node_t rec;

    /* A reference without a sound node gives nothing: the gate fails shut. */
    if (node_get(r->s, r->txn, id, &rec) == ELO_OK && rec.reach > r->widest) {
        r->widest = rec.reach;
    }
    return r->widest < ELO_REACH_COMMONS;
}


elo_reach_t
elo_store_blob_reach(elo_store_t *s, const elo_digest_t *d)
{
    reach_ctx_t r = { .s = s, .widest = ELO_REACH_PRIVATE };
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if (elo_rtxn_begin(s, &r.txn) != ELO_OK) {
        return ELO_REACH_PRIVATE;
    }
    rc = refs_each(s, r.txn, d, widen, &r);
    mdb_txn_abort(r.txn);
    return rc == ELO_OK ? r.widest : ELO_REACH_PRIVATE;
}
