/* SPDX-License-Identifier: BSD-2-Clause */
/* pick: see the header. */
#include "backend/edge/pick.h"

#include <stdlib.h>

#include "common/base/num.h"

#define FIRST_CAP 64u


void
elo_pick_init(elo_pick_t *p, const elo_pick_ask_t *ask)
{
    *p = (elo_pick_t){ .ask = *ask };
    if (ask->by == ELO_PICK_PREFIX) {
        memcpy(p->_at.id, ask->text, sizeof(p->_at.id) - 1);
        p->_at.is_from = true;
    }
}


void
elo_pick_dispose(elo_pick_t *p)
{
    free(p->digests);
    p->digests = NULL;
    p->n_digests = p->_cap = 0;
}


static elo_err_t
add_blob(elo_pick_t *p, const elo_digest_t *d)
{
    uint32_t cap = p->_cap == 0 ? FIRST_CAP : p->_cap * 2;
    elo_digest_t *more;

    if (p->n_digests == ELO_PICK_BLOBS_MAX) {
        return ELO_ERANGE;
    }
    if (p->n_digests == p->_cap) {
        more = reallocarray(p->digests, cap, sizeof(*more));
        if (more == NULL) {
            return ELO_ENOMEM;
        }
        p->digests = more;
        p->_cap = cap;
    }
    p->digests[p->n_digests++] = *d;
    return ELO_OK;
}


static elo_err_t
add_content(elo_pick_t *p, const elo_node_hit_t *hit)
{
    const elo_digest_t *refs;
    uint32_t n;
    elo_err_t rc = elo_node_hit_refs(hit, &refs, &n);

    if (rc != ELO_OK) {
        return rc;
    }
    if (p->n_contents == ELO_PICK_CONTENTS_MAX) {
        return ELO_ERANGE;
    }
    p->n_contents++;
    elo_slots_mark(&p->slots, hit->id);
    for (uint32_t i = 0; i < n && rc == ELO_OK; i++) {
        if (hit->head.reach <= ELO_REACH_LOCAL) {
            elo_slots_mark(&p->slots, elo_slice(refs[i].b, sizeof(refs[i].b)));
        } else {
            rc = add_blob(p, &refs[i]);
        }
    }
    return rc;
}


static bool
on_hit(void *ctx, const elo_node_hit_t *hit)
{
    elo_pick_t *p = ctx;

    if (p->ask.by == ELO_PICK_PREFIX
        && !elo_slice_has_prefix(hit->id, elo_slice_str(p->ask.text)))
    {
        p->is_end = true; /* ids come in order */
        return false;
    }
    if (p->ask.by == ELO_PICK_REACH && hit->head.stated != p->ask.reach) {
        return true;
    }
    p->_err = add_content(p, hit);
    return p->_err == ELO_OK;
}


/* ---- a blob ---- */

typedef struct {
    elo_pick_t *p;
    elo_store_t *s;
} referrers_t;


static bool
on_referrer(void *ctx, elo_slice_t id)
{
    referrers_t *r = ctx;
    elo_node_head_t head;

    elo_slots_mark(&r->p->slots, id);
    if (!r->p->ask.is_ones
        || (elo_store_node_head(r->s, id, &head) == ELO_OK
            && elo_agent_eq(&head.owner, &r->p->ask.owner)))
    {
        r->p->n_contents++;
    }
    return true;
}


/* Whoever's content refers to it: its answers name the blob. */
static elo_err_t
step_blob(elo_pick_t *p, elo_store_t *s)
{
    referrers_t r = { p, s };
    elo_blob_stat_t st;
    elo_err_t rc;

    p->is_end = true;
    rc = elo_store_stat(s, &p->ask.digest, NULL, &st);
    if (rc == ELO_OK && st.is_sealed) {
        elo_slots_mark(&p->slots, elo_slice(p->ask.digest.b, ELO_SHA256_LEN));
    } else if (rc == ELO_OK || rc == ELO_ENOTFOUND) {
        rc = add_blob(p, &p->ask.digest);
    }
    return rc != ELO_OK && rc != ELO_ENOTFOUND
               ? rc
               : elo_store_referrers(s, &p->ask.digest, on_referrer, &r);
}


/* ---- contents ---- */

static int
digest_cmp(const void *a, const void *b)
{
    return memcmp(a, b, ELO_SHA256_LEN);
}


static void
each_once(elo_pick_t *p)
{
    uint32_t n = ELO_MIN(p->n_digests, 1u);

    if (p->n_digests > 1) {
        qsort(p->digests, p->n_digests, sizeof(p->digests[0]), digest_cmp);
    }
    for (uint32_t i = 1; i < p->n_digests; i++) {
        if (digest_cmp(&p->digests[n - 1], &p->digests[i]) != 0) {
            p->digests[n++] = p->digests[i];
        }
    }
    p->n_digests = n;
}


static elo_err_t
step_nodes(elo_pick_t *p, elo_store_t *s, uint32_t budget)
{
    elo_slice_t text = elo_slice_str(p->ask.text);
    elo_node_query_t q = { .n_all = 0 };
    elo_node_facet_t all[2];
    elo_err_t rc;

    q.all = all;
    if (p->ask.is_ones) {
        all[q.n_all++] =
            (elo_node_facet_t){ .dim = ELO_NODE_OWNER, .agent = p->ask.owner };
    }
    if (p->ask.by == ELO_PICK_TAG) {
        all[q.n_all++] =
            (elo_node_facet_t){ .dim = ELO_NODE_TAG, .text = text };
    } else if (p->ask.by == ELO_PICK_CONTENT) {
        q.is_some = true;
        q.ids = &text;
        q.n_ids = 1;
    }
    p->_at.budget = budget;
    rc = elo_store_node_find(s, &q, &p->_at, on_hit, p);
    p->is_end = p->is_end || p->_at.is_end;
    return rc != ELO_OK ? rc : p->_err;
}


elo_err_t
elo_pick_step(elo_pick_t *p, elo_store_t *s, uint32_t budget)
{
    elo_err_t rc;

    if (p->ask.by == ELO_PICK_ALL) {
        p->is_end = true;
        return ELO_OK;
    }
    rc = p->ask.by == ELO_PICK_ADDRESS ? step_blob(p, s)
                                       : step_nodes(p, s, budget);
    if (rc == ELO_OK && p->is_end) {
        each_once(p);
    }
    return rc;
}
