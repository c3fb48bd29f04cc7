/* SPDX-License-Identifier: BSD-2-Clause */
/* warm_promise: what this node has promised to cache (backend/ctl/commitment.h), and which
   contents that means: the latest first, for what is new is what will be asked for. */
#include "backend/api/warm.h"

#include <stdlib.h>

#include "backend/store/node_find.h"
#include "common/base/num.h"

#define RECORDS_STEP 4096u
#define CANDIDATES   (2 * ELO_WARM_BLOBS_MAX) /* of one promise */
#define CONTENTS_MAX ELO_WARM_NAMES_MAX

/* ---- promises ---- */

typedef struct {
    elo_cache_promise_t *out;
    uint32_t n;
    int64_t now;
} promises_t;


static bool
on_record(void *ctx, uint64_t number, const elo_rec_t *r, elo_slice_t bytes)
{
    promises_t *p = ctx;
    elo_cache_promise_t *at = &p->out[p->n];

    (void) number;
    (void) bytes;
    if (elo_cache_promise_read(r, at) && (at->until == 0 || at->until > p->now))
    {
        p->n++;
    }
    return p->n < ELO_WARM_PROMISES_MAX;
}


elo_err_t
elo_warm_promises(elo_ctl_t *ctl, int64_t now, uint64_t *next,
                  elo_cache_promise_t *out, uint32_t *n)
{
    promises_t p = { .out = out, .now = now };
    elo_err_t rc = elo_ctl_query(ctl, NULL, ELO_REC_COMMITMENT, *next,
                                 RECORDS_STEP, on_record, &p, next);

    if (rc == ELO_OK) {
        *n = p.n;
    }
    return rc;
}


void
elo_warm_promises_keep(const elo_api_t *a, int64_t now,
                       const elo_cache_promise_t *more, uint32_t n_more,
                       elo_cache_promise_t *out, uint32_t *n)
{
    const elo_ctl_state_t *state = elo_ctl_state(a->ctl);

    for (uint32_t i = 0; i < n_more && *n < ELO_WARM_PROMISES_MAX; i++) {
        const elo_agent_t *by = &more[i].author;

        if ((elo_agent_eq(by, &a->node_owner)
             || (elo_ctl_facts_of(state, by, now) & ELO_FACT_ADMIN) != 0)
            && elo_ctl_is_live(state, &more[i].id))
        {
            out[(*n)++] = more[i];
        }
    }
}


static int
priority_cmp(const void *a, const void *b)
{
    const elo_cache_promise_t *x = a, *y = b;

    return (x->priority < y->priority) - (x->priority > y->priority);
}


void
elo_warm_promises_sort(elo_cache_promise_t *p, uint32_t n)
{
    if (n > 1) {
        qsort(p, n, sizeof(*p), priority_cmp);
    }
}


/* ---- contents ---- */

typedef struct {
    int64_t at;
    char id[ELO_CONTENT_ID_MAX + 1];
} content_t;

/* A heap would keep the latest of more; candidates are bounded instead. */
typedef struct {
    uint32_t reaches;
    content_t *c;
    uint32_t n;
} contents_t;


static bool
on_hit(void *ctx, const elo_node_hit_t *hit)
{
    contents_t *l = ctx;
    content_t *c = &l->c[l->n];

    if ((l->reaches & 1u << hit->head.reach) == 0) {
        return true;
    }
    c->at = hit->head.updated_at;
    memcpy(c->id, hit->id.p, hit->id.len);
    c->id[hit->id.len] = '\0';
    l->n++;
    return l->n < CANDIDATES;
}


static int
latest_cmp(const void *a, const void *b)
{
    const content_t *x = a, *y = b;

    return (x->at < y->at) - (x->at > y->at);
}


elo_err_t
elo_warm_pick_promise(elo_warm_pick_t *p, const elo_cache_promise_t *promise,
                      const elo_agent_t *whose)
{
    elo_node_facet_t owner = { .dim = ELO_NODE_OWNER, .agent = *whose };
    elo_node_query_t q = { .all = &owner, .n_all = 1 };
    contents_t l = { .reaches = promise->reaches };
    uint64_t budget = p->budget, bytes = p->bytes;
    elo_node_at_t at = { .budget = CANDIDATES };
    elo_err_t rc;

    if ((l.c = calloc(CANDIDATES, sizeof(*l.c))) == NULL) {
        return ELO_ENOMEM;
    }
    rc = elo_store_node_find(p->store, &q, &at, on_hit, &l);
    if (l.n > 1) {
        qsort(l.c, l.n, sizeof(*l.c), latest_cmp);
    }
    /* its own room, within what there is */
    p->budget = bytes + ELO_MIN(budget - bytes, promise->max_bytes);
    for (uint32_t i = 0; rc == ELO_OK && i < ELO_MIN(l.n, CONTENTS_MAX); i++) {
        rc = elo_warm_pick_name(p, elo_slice_str(l.c[i].id));
    }
    p->budget = budget;
    free(l.c);
    return rc;
}
