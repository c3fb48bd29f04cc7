/* SPDX-License-Identifier: BSD-2-Clause */
/* warm_pick: see warm.h. */
#include "backend/api/warm.h"

#include <stdlib.h>

#include "backend/fallback/want.h"
#include "common/base/num.h"

#define FIRST_CAP     64u
#define REFERRERS_MAX 32u /* of an address, that are looked at */

typedef enum { TAKEN, MISSING, UNFIT, PAST } fate_t;


void
elo_warm_pick_dispose(elo_warm_pick_t *p)
{
    free(p->blobs);
    p->blobs = NULL;
    p->n = p->_cap = 0;
}


static elo_err_t
add(elo_warm_pick_t *p, const elo_warm_blob_t *b, fate_t *fate)
{
    uint32_t cap = p->_cap == 0 ? FIRST_CAP : p->_cap * 2;
    uint64_t cost = elo_warm_cost(b);
    elo_warm_blob_t *more;

    if (p->n == ELO_WARM_BLOBS_MAX || cost > p->budget - p->bytes) {
        *fate = PAST;
        return ELO_OK;
    }
    if (p->n == p->_cap) {
        if ((more = reallocarray(p->blobs, cap, sizeof(*more))) == NULL) {
            return ELO_ENOMEM;
        }
        p->blobs = more;
        p->_cap = cap;
    }
    p->blobs[p->n++] = *b;
    p->bytes += cost;
    *fate = TAKEN;
    return ELO_OK;
}


/* Blob i of a content: as it is held, or as it can be fetched. The primary is asked for
   by the content's id, unless it was named by its address, as are the others. */
static elo_err_t
pick_blob(elo_warm_pick_t *p, const elo_content_t *n, uint32_t i, bool by_addr,
          fate_t *fate)
{
    const elo_content_blob_t *blob = &n->blobs[i];
    elo_warm_blob_t b = { .digest = blob->digest };
    static const elo_agent_t nobody;
    elo_blob_stat_t st;
    elo_want_t want = { 0 };
    elo_err_t rc = elo_node_stat(p->store, n, i, &st);

    *fate = MISSING;
    if (rc == ELO_OK) {
        b.is_held = true;
        b.size = st.size;
        *fate = st.is_sealed || st.is_bad || st.size == 0 ? UNFIT : TAKEN;
    } else if (rc == ELO_ENOTFOUND && p->has_fallback
               && (rc = elo_want_of(n, i, &nobody, &want)) == ELO_OK)
    {
        b.size = want.size;
        *fate = want.size == 0 || want.size > INT64_MAX ? UNFIT : TAKEN;
        elo_want_dispose(&want);
    }
    if (*fate != TAKEN) {
        return rc == ELO_ENOMEM ? rc : ELO_OK;
    }
    if (!by_addr && blob == elo_content_primary(n)) {
        memcpy(b.name, n->id.p, n->id.len);
    } else {
        elo_addr_canon(&b.digest, b.name);
    }
    return add(p, &b, fate);
}


static bool
is_fit(const elo_node_head_t *h)
{
    return h->reach > ELO_REACH_LOCAL
           && (h->life == ELO_NODE_PUBLISHED || h->life == ELO_NODE_STALE);
}


/* Those of a content, or (d) the one of them that d is. */
static elo_err_t
pick_content(elo_warm_pick_t *p, elo_slice_t id, const elo_digest_t *d,
             fate_t *fate)
{
    elo_node_head_t head;
    elo_content_t n;
    elo_err_t rc = elo_store_node_head(p->store, id, &head);

    *fate = MISSING;
    if (rc != ELO_OK || (p->is_ones && !elo_agent_eq(&head.owner, &p->owner))) {
        return rc == ELO_ENOTFOUND ? ELO_OK : rc;
    }
    if (!is_fit(&head)) {
        *fate = UNFIT;
        return ELO_OK;
    }
    if ((rc = elo_node_load(p->store, id, &n)) != ELO_OK) {
        return rc == ELO_ENOTFOUND ? ELO_OK : rc;
    }
    for (uint32_t i = 0; i < n.n_blobs && rc == ELO_OK; i++) {
        fate_t one;

        if (d != NULL && memcmp(n.refs[i].b, d->b, sizeof(d->b)) != 0) {
            continue;
        }
        if ((rc = pick_blob(p, &n, i, d != NULL, &one)) == ELO_OK) {
            /* what counts is the best that became of any */
            *fate = *fate == TAKEN || one == MISSING ? *fate : one;
        }
        if (d != NULL) {
            break;
        }
    }
    elo_content_dispose(&n);
    return rc;
}


/* ---- an address ---- */

typedef struct {
    uint32_t n;
    char ids[REFERRERS_MAX][ELO_CONTENT_ID_MAX + 1];
} referrers_t;


static bool
on_referrer(void *ctx, elo_slice_t id)
{
    referrers_t *r = ctx;

    memcpy(r->ids[r->n], id.p, id.len);
    r->ids[r->n++][id.len] = '\0';
    return r->n < REFERRERS_MAX;
}


/* By a content that names it, and is fit. */
static elo_err_t
pick_address(elo_warm_pick_t *p, const elo_digest_t *d, fate_t *fate)
{
    referrers_t *r = calloc(1, sizeof(*r));
    elo_err_t rc = ELO_ENOMEM;

    *fate = MISSING;
    if (r != NULL) {
        rc = elo_store_referrers(p->store, d, on_referrer, r);
    }
    for (uint32_t i = 0; rc == ELO_OK && i < r->n && *fate != TAKEN; i++) {
        fate_t one;

        rc = pick_content(p, elo_slice_str(r->ids[i]), d, &one);
        if (one != MISSING) {
            *fate = one;
        }
    }
    free(r);
    return rc;
}


elo_err_t
elo_warm_pick_name(elo_warm_pick_t *p, elo_slice_t name)
{
    fate_t fate = MISSING;
    elo_err_t rc = ELO_OK;
    elo_digest_t d;

    if (elo_addr_parse(name, &d) == ELO_OK) {
        rc = pick_address(p, &d, &fate);
    } else if (elo_content_id_ok(name)) {
        rc = pick_content(p, name, NULL, &fate);
    }
    p->missing += fate == MISSING;
    p->unfit += fate == UNFIT;
    p->past += fate == PAST;
    return rc;
}
