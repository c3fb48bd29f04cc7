/* SPDX-License-Identifier: BSD-2-Clause */
/* node_derive: what follows from the row of a node and is kept beside it: references
   from blobs back to nodes (REF), and what nodes are found by (NODEX). */
#include "backend/store/node_internal.h"


bool
elo_rec_node_refers(const elo_rec_node_t *n, const elo_digest_t *d)
{
    for (uint32_t i = 0; i < n->n_refs; i++) {
        if (memcmp(n->refs[i].b, d->b, ELO_SHA256_LEN) == 0) {
            return true;
        }
    }
    return false;
}


/* Puts or deletes the references of id to those digests of n that other hasn't in
   the same place. */
static elo_err_t
refs_derive(elo_kv_tx_t *tx, elo_slice_t id, const elo_rec_node_t *n,
            const elo_rec_node_t *other, bool is_put)
{
    bool is_same =
        n->owner == other->owner && elo_ref_rank(n) == elo_ref_rank(other);
    elo_slice_t none = elo_slice("", 0);
    uint8_t mem[ELO_REF_KEY_MAX];
    elo_err_t rc;

    for (uint32_t i = 0; i < n->n_refs; i++) {
        if (is_same && elo_rec_node_refers(other, &n->refs[i])) {
            continue;
        }
        rc = elo_kv_tx_derive(
            tx, ELO_T_REF,
            elo_ref_key(&n->refs[i], n->owner, elo_ref_rank(n), id, mem),
            is_put ? &none : NULL);
        if (rc != ELO_OK) {
            return rc;
        }
    }
    return ELO_OK;
}


/* The same for what n is found by. */
static elo_err_t
facets_derive(elo_kv_tx_t *tx, elo_slice_t id, const elo_rec_node_t *n,
              const elo_rec_node_t *other, bool is_put)
{
    elo_slice_t none = elo_slice("", 0);
    uint8_t mem[ELO_NODEX_KEY_MAX];
    elo_node_dim_t dim;
    uint64_t value;
    elo_err_t rc;

    for (uint32_t at = 0; elo_rec_node_facet(n, &at, &dim, &value);) {
        if (elo_rec_node_has(other, dim, value)) {
            continue;
        }
        rc = elo_kv_tx_derive(tx, ELO_T_NODEX,
                              elo_nodex_key(dim, value, id, mem),
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
    /* none is as a tombstone */
    elo_rec_node_t old = { .flags = ELO_NODE_IS_TOMB };
    elo_rec_node_t is = { .flags = ELO_NODE_IS_TOMB };
    int64_t more;
    elo_err_t rc;

    if (!elo_content_id_ok(key)
        || (was != NULL && elo_rec_node_parse(was->value, &old) != ELO_OK)
        || (now != NULL && elo_rec_node_parse(now->value, &is) != ELO_OK))
    {
        return ELO_ECORRUPT;
    }
    if ((rc = refs_derive(tx, key, &old, &is, false)) != ELO_OK
        || (rc = refs_derive(tx, key, &is, &old, true)) != ELO_OK
        || (rc = facets_derive(tx, key, &old, &is, false)) != ELO_OK
        || (rc = facets_derive(tx, key, &is, &old, true)) != ELO_OK)
    {
        return rc;
    }
    more = ((is.flags & ELO_NODE_IS_TOMB) == 0)
           - ((old.flags & ELO_NODE_IS_TOMB) == 0);
    return more == 0 ? ELO_OK
                     : elo_kv_tx_add(tx, ELO_SUM_TOTAL, ELO_TOTAL_NODES, more);
}


elo_err_t
elo_ref_next(elo_kv_cursor_t *c, const elo_digest_t *d, uint32_t *owner,
             uint8_t *rank, elo_slice_t *id)
{
    elo_digest_t is;
    elo_kv_entry_t e;
    elo_slice_t key;
    elo_err_t rc = elo_kv_cursor_next(c, &key, &e);

    if (rc == ELO_OK
        && (rc = elo_ref_key_parse(key, &is, owner, rank, id)) == ELO_OK
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
    uint8_t rank;
    elo_slice_t id;
    elo_err_t rc;

    if ((rc = elo_kv_tx_cursor_open(tx, ELO_T_REF, elo_digest_slice(d), &c))
        != ELO_OK)
    {
        return rc;
    }
    rc = elo_ref_next(c, d, &owner, &rank, &id);
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
    uint8_t rank;
    elo_slice_t id;
    elo_err_t rc;

    if ((rc = elo_kv_tx_cursor_open(tx, ELO_T_REF, elo_digest_slice(d), &c))
        != ELO_OK)
    {
        return rc;
    }
    while ((rc = elo_ref_next(c, d, &owner, &rank, &id)) == ELO_OK) {
        fn(ctx, id);
    }
    elo_kv_cursor_close(&c);
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}
