/* SPDX-License-Identifier: BSD-2-Clause */
/* fallback_root: whose word about a blob's hash tree is believed. */
#include "backend/api/fallback_call.h"

#include "backend/os/clock.h"

#define GRANTS_MAX 4096u /* of contents that name one blob, that are ended */


void
elo_fallback_root(elo_api_t *a, elo_want_t *want)
{
    const elo_ctl_state_t *s;
    const elo_agent_t *owner;
    elo_digest_t root;
    uint64_t size;
    uint32_t facts;

    if (a->ctl == NULL) {
        return;
    }
    s = elo_ctl_state(a->ctl);
    if (!elo_ctl_root(s, &a->node_owner, &want->digest, &root, &size)) {
        owner = &want->owner;
        facts = elo_ctl_facts_of(s, owner, elo_clock_unix_s());
        if ((facts & ELO_FACT_ADMIN) == 0
            || !elo_ctl_root(s, owner, &want->digest, &root, &size))
        {
            return;
        }
    }
    if (want->size == 0 || want->size == size) {
        want->size = size;
        want->has_root = true;
        want->root = root;
    }
}


typedef struct {
    elo_gen_page_t *gen;
    uint32_t n;
} end_t;


static bool
end_grant(void *ctx, elo_slice_t id)
{
    end_t *e = ctx;

    elo_gen_bump(e->gen, elo_gen_slot(id));
    return ++e->n < GRANTS_MAX;
}


/* What can be had by chunks from then on, could not before: the Doorway asks again. */
static void
on_record(void *ctx, uint64_t number, const elo_rec_t *r)
{
    elo_api_t *a = ctx;
    end_t e = { .gen = elo_store_gen(a->cfg.store) };
    elo_rec_root_t root;
    elo_digest_t d;

    (void) number;
    if (elo_rec_root_read(r, &root)) {
        memcpy(d.b, root.blob.p, sizeof(d.b));
        elo_gen_bump(e.gen, elo_gen_slot(root.blob));
        elo_ignore(elo_store_referrers(a->cfg.store, &d, end_grant, &e)
                   != ELO_OK); /* those pass requests on, as before */
    }
}


void
elo_fallback_watch_roots(elo_api_t *a)
{
    if (a->ctl != NULL && a->fallback != NULL && a->roots.fn == NULL) {
        a->roots.fn = on_record;
        a->roots.ctx = a;
        elo_ctl_subscribe(a->ctl, &a->roots);
    }
}
