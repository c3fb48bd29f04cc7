/* SPDX-License-Identifier: BSD-2-Clause */
/* possess: see the header. */
#include "backend/store/possess.h"

#include <assert.h>

#include "backend/store/node_internal.h"


void
elo_holding_init(elo_holding_t *h, elo_store_t *s, const elo_rows_t *rows,
                 const elo_digest_t *d)
{
    *h = (elo_holding_t){ .s = s, .rows = rows, .d = d };
}


void
elo_holding_know(elo_holding_t *h, const elo_rec_blob_t *row)
{
    h->is_looked_up = true;
    h->has_row = row != NULL;
    if (row != NULL) {
        h->row = *row;
        h->row.content_type = elo_slice(NULL, 0); /* it is borrowed */
    }
}


static elo_err_t
has_clear(elo_holding_t *h, uint32_t agent, bool *out)
{
    elo_rec_blob_t row;
    elo_kv_entry_t e;
    elo_err_t rc;

    if (!h->is_looked_up) {
        rc = elo_blob_row(h->rows, h->d, &e, &row);
        if (rc != ELO_OK && rc != ELO_ENOTFOUND) {
            return rc;
        }
        elo_holding_know(h, rc == ELO_OK ? &row : NULL);
    }
    *out = false;
    return h->has_row ? elo_own_has(h->rows, h->d, &h->row, agent, out)
                      : ELO_OK;
}


elo_err_t
elo_holding_blind(elo_holding_t *h, const elo_digest_t **out)
{
    elo_store_t *s = h->s;
    int64_t n =
        h->rows->tx != NULL
            ? elo_kv_tx_sum(h->rows->tx, ELO_SUM_TOTAL, ELO_TOTAL_SEALED)
            : elo_kv_sum(s->kv, ELO_SUM_TOTAL, ELO_TOTAL_SEALED);
    elo_err_t rc;

    if (s->keyring == NULL || n <= 0) {
        return ELO_ENOTFOUND;
    }
    if (!h->is_blinded) {
        if ((rc = elo_keyring_blind(s->keyring, h->d, &h->blind)) != ELO_OK) {
            return rc;
        }
        h->is_blinded = true;
    }
    *out = &h->blind;
    return ELO_OK;
}


static elo_err_t
has_sealed(elo_holding_t *h, uint32_t agent, bool *out)
{
    const elo_digest_t *blind;
    elo_rec_sealed_t rec;
    elo_kv_entry_t e;
    uint32_t no;
    elo_err_t rc = elo_holding_blind(h, &blind);

    if (rc == ELO_OK) {
        rc = elo_sealed_row(h->rows, blind, agent, &no, &e, &rec);
    }
    *out = rc == ELO_OK;
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


elo_err_t
elo_holding_is_promoted(elo_holding_t *h, uint32_t agent, bool *out)
{
    elo_store_t *s = h->s;
    elo_agent_t a;
    elo_err_t rc;

    *out = false;
    if (s->promoted == NULL) {
        return ELO_OK;
    }
    rc = h->rows->tx != NULL ? elo_agent_of_tx(h->rows->tx, agent, &a)
                             : elo_agent_of(h->rows->view, agent, &a);
    if (rc != ELO_OK) {
        return rc == ELO_ENOTFOUND ? ELO_OK : rc;
    }
    *out = s->promoted(s->promoted_ctx, h->d, &a);
    return ELO_OK;
}


elo_err_t
elo_holding_sent(elo_holding_t *h, uint32_t agent, bool *out)
{
    elo_err_t rc = has_clear(h, agent, out);

    return rc != ELO_OK || *out ? rc : has_sealed(h, agent, out);
}


elo_err_t
elo_holding_has(elo_holding_t *h, uint32_t agent, bool *out)
{
    bool has = false;
    elo_err_t rc;

    if (h->has_last && h->last == agent) {
        *out = h->last_has;
        return ELO_OK;
    }
    if ((rc = elo_holding_sent(h, agent, &has)) != ELO_OK
        || (!has && (rc = elo_holding_is_promoted(h, agent, &has)) != ELO_OK))
    {
        return rc;
    }
    h->has_last = true;
    h->last = agent;
    *out = h->last_has = has;
    return ELO_OK;
}


/* ---- references ---- */

/* Closes *c, and opens it at the first of that owner's rank. */
static elo_err_t
ref_seek(elo_holding_t *h, elo_kv_cursor_t **c, uint32_t owner, uint8_t rank)
{
    uint8_t mem[ELO_REF_KEY_MAX];

    elo_kv_cursor_close(c);
    return elo_rows_cursor(
        h->rows, ELO_T_REF,
        elo_ref_key(h->d, owner, rank, elo_slice(NULL, 0), mem), c);
}


/* To the first of the owner after this one; ELO_ENOTFOUND: the operator's are the
   last. */
static elo_err_t
owner_skip(elo_holding_t *h, elo_kv_cursor_t **c, uint32_t owner)
{
    return owner == 0
               ? ELO_ENOTFOUND
               : ref_seek(h, c, owner == UINT32_MAX - 1 ? 0 : owner + 1, 0);
}


/* The next effective reference. Those of an owner who doesn't possess the blob are
   passed over all at once: however many nodes name it, they cost nobody anything. */
static elo_err_t
ref_next(elo_holding_t *h, elo_kv_cursor_t **c, uint32_t *owner,
         elo_slice_t *id)
{
    uint8_t rank;
    bool has;
    elo_err_t rc;

    for (;;) {
        if ((rc = elo_ref_next(*c, h->d, owner, &rank, id)) != ELO_OK
            || (rc = elo_holding_has(h, *owner, &has)) != ELO_OK || has
            || (rc = owner_skip(h, c, *owner)) != ELO_OK)
        {
            return rc;
        }
    }
}


/* A reference without a sound node gives nothing: the gate fails shut. */
static bool
node_of(elo_holding_t *h, uint32_t owner, elo_slice_t id, elo_rec_node_t *out)
{
    elo_kv_entry_t e;

    return elo_rows_get(h->rows, ELO_T_NODE, id, &e) == ELO_OK
           && elo_rec_node_parse_head(e.value, out) == ELO_OK
           && out->owner == owner && (out->flags & ELO_NODE_IS_TOMB) == 0;
}


elo_err_t
elo_refs_each(elo_holding_t *h, elo_ref_fn fn, void *ctx)
{
    elo_err_t rc, result = ELO_EAGAIN;
    elo_kv_cursor_t *c = NULL;
    elo_rec_node_t node;
    elo_slice_t id;
    uint32_t owner;

    rc = elo_rows_cursor(h->rows, ELO_T_REF, elo_digest_slice(h->d), &c);
    while (rc == ELO_OK && result == ELO_EAGAIN
           && (rc = ref_next(h, &c, &owner, &id)) == ELO_OK)
    {
        if (node_of(h, owner, id, &node)) {
            result = fn(ctx, id, &node);
        }
    }
    elo_kv_cursor_close(&c);
    if (rc != ELO_OK && rc != ELO_ENOTFOUND) {
        return rc;
    }
    return result == ELO_EAGAIN ? ELO_OK : result;
}


elo_err_t
elo_refs_of(const elo_rows_t *rows, const elo_digest_t *d, uint32_t agent,
            bool *out)
{
    uint8_t mem[ELO_REF_KEY_MAX], rank;
    elo_slice_t id = elo_slice(NULL, 0);
    elo_kv_cursor_t *c;
    uint32_t owner;
    elo_err_t rc;

    rc =
        elo_rows_cursor(rows, ELO_T_REF, elo_ref_key(d, agent, 0, id, mem), &c);
    if (rc != ELO_OK) {
        return rc;
    }
    rc = elo_ref_next(c, d, &owner, &rank, &id);
    elo_kv_cursor_close(&c);
    if (rc == ELO_OK || rc == ELO_ENOTFOUND) {
        *out = rc == ELO_OK && owner == agent;
        rc = ELO_OK;
    }
    return rc;
}


static elo_err_t
is_any(void *ctx, elo_slice_t id, const elo_rec_node_t *node)
{
    (void) id;
    (void) node;
    *(bool *) ctx = true;
    return ELO_OK;
}


elo_err_t
elo_refs_any(elo_holding_t *h, bool *out)
{
    bool any = false;
    elo_err_t rc = elo_refs_each(h, is_any, &any);

    if (rc == ELO_OK) {
        *out = any;
    }
    return rc;
}


/* The first sound one of an owner is his widest. */
elo_err_t
elo_refs_reach(elo_holding_t *h, elo_reach_t *out)
{
    elo_reach_t widest = ELO_REACH_PRIVATE;
    elo_kv_cursor_t *c = NULL;
    uint32_t owner, owners = 0, last = UINT32_MAX;
    elo_rec_node_t node;
    elo_slice_t id;
    uint8_t rank;
    bool has;
    elo_err_t rc;

    rc = elo_rows_cursor(h->rows, ELO_T_REF, elo_digest_slice(h->d), &c);
    while (rc == ELO_OK && widest < ELO_REACH_COMMONS
           && (rc = elo_ref_next(c, h->d, &owner, &rank, &id)) == ELO_OK)
    {
        if (owner != last && owners++ == ELO_READERS_OWNERS) {
            break;
        }
        last = owner;
        if ((rc = elo_holding_has(h, owner, &has)) != ELO_OK
            || (has && !node_of(h, owner, id, &node)))
        {
            continue;
        }
        if (has && node.reach > widest) {
            widest = node.reach;
        }
        rc = owner_skip(h, &c, owner);
    }
    elo_kv_cursor_close(&c);
    if (rc == ELO_OK || rc == ELO_ENOTFOUND) {
        *out = widest;
        rc = ELO_OK;
    }
    return rc;
}


/* ---- for others ---- */

bool
elo_store_possesses(elo_store_t *s, const elo_agent_t *agent,
                    const elo_digest_t *d)
{
    bool has = false;
    elo_holding_t h;
    elo_kv_view_t v;
    uint32_t no;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if (elo_kv_view_begin(s->kv, &v) != ELO_OK) {
        return false;
    }
    elo_holding_init(&h, s, &(elo_rows_t){ .view = &v }, d);
    if ((rc = elo_agent_no(&v, agent, &no)) == ELO_OK) {
        rc = elo_holding_sent(&h, no, &has);
    }
    elo_kv_view_end(&v);
    return rc == ELO_OK && has;
}
