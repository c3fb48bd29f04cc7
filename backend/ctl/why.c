/* SPDX-License-Identifier: BSD-2-Clause */
/* why: see the header. */
#include "backend/ctl/why.h"

#include "backend/ctl/state_internal.h"
#include "common/base/num.h"

typedef struct {
    elo_reach_t reach;
    int64_t now;
    elo_ctl_reason_fn fn;
    void *ctx;
} why_t;


static int64_t
end_of(int64_t until)
{
    return until == ELO_CTL_ALWAYS ? 0 : until;
}


/* until: of the fact, which may end before the record does. */
static void
tell(const why_t *y, uint32_t fact, const elo_ctl_rec_t *r, int64_t until)
{
    elo_ctl_reason_t reason = { .fact = fact, .until = end_of(until) };

    if (r != NULL) {
        reason.has_record = true;
        reason.record = r->id;
        reason.kind = (elo_rec_kind_t) r->kind;
        reason.author = r->author->id;
        if (r->parent != NULL) {
            reason.stands_on = r->parent->id;
        }
    }
    y->fn(y->ctx, &reason);
}


/* ---- admitted, administrator ---- */

static int64_t
admits_until(const elo_ctl_rec_t *r)
{
    elo_ctl_standing_t v = elo_ctl_given(r);

    return ELO_MAX(v.strong, v.weak);
}


static int64_t
manages_until(const elo_ctl_rec_t *r)
{
    return elo_ctl_given(r).admin;
}


/* The record of these two lists that gives it for the longest. */
static const elo_ctl_rec_t *
longest(const elo_ctl_agent_t *is, int64_t (*until)(const elo_ctl_rec_t *r))
{
    const elo_ctl_rec_t *const lists[] = { is->admitted, is->related };
    const elo_ctl_rec_t *best = NULL;

    for (size_t i = 0; i < ELO_COUNT(lists); i++) {
        for (const elo_ctl_rec_t *r = lists[i]; r != NULL;
             r = r->link[LINK_SUBJECT].next)
        {
            if (until(r) > 0 && (best == NULL || until(r) > until(best))) {
                best = r;
            }
        }
    }
    return best;
}


static void
why_anyone(const why_t *y, const elo_ctl_state_t *s, const elo_agent_t *a)
{
    const elo_ctl_agent_t *is = elo_ctl_agent_find(s, a);
    bool is_owner = is == s->owner;

    if (is == NULL) {
        return;
    }
    if (elo_ctl_admitted_until(is) > y->now) {
        tell(y, ELO_FACT_ADMITTED, is_owner ? NULL : longest(is, admits_until),
             elo_ctl_admitted_until(is));
    }
    if (is->is.admin > y->now) {
        tell(y, ELO_FACT_ADMIN, is_owner ? NULL : longest(is, manages_until),
             is->is.admin);
    }
}


/* ---- towards an owner ---- */

static void
why_grant(const why_t *y, const elo_ctl_rec_t *r)
{
    const elo_ctl_rec_t *e = r->children;

    if ((r->reaches >> y->reach & 1) == 0) {
        return;
    }
    if (r->sort == ELO_GRANT_READ) {
        tell(y, ELO_FACT_GRANT, r, r->due.at);
    }
    for (; r->sort == ELO_GRANT_EMERGENCY && e != NULL;
         e = e->link[LINK_AUTHOR].next)
    {
        if (e->due.at > y->now) {
            tell(y, ELO_FACT_EMERGENCY, e, ELO_MIN(e->due.at, r->due.at));
        }
    }
}


static void
why_pair(const why_t *y, const elo_ctl_pair_t *p)
{
    const elo_ctl_rec_t *r = p == NULL ? NULL : p->first;

    for (; r != NULL; r = r->link[LINK_PAIR].next) {
        if (r->due.at <= y->now) {
            continue;
        }
        if (r->kind == ELO_REC_RELATIONSHIP) {
            tell(y,
                 (uint32_t) ELO_FACT_HOUSEHOLD << (r->sort - ELO_REL_HOUSEHOLD),
                 r, r->due.at);
        } else if (r->kind == ELO_REC_INVITATION) {
            tell(y, ELO_FACT_INVITED, r, r->due.at);
        } else if (r->kind == ELO_REC_GRANT) {
            why_grant(y, r);
        }
    }
}


void
elo_ctl_why(const elo_ctl_state_t *s, const elo_agent_t *a,
            const elo_agent_t *owner, elo_slice_t content, elo_reach_t reach,
            int64_t now, elo_ctl_reason_fn fn, void *ctx)
{
    elo_ctl_pair_key_t one = { owner, a, PAIR_CONTENT, content };
    elo_ctl_pair_key_t all = { owner, a, PAIR_ALL, elo_slice(NULL, 0) };
    why_t y = { reach, now, fn, ctx };

    if (elo_agent_is_zero(a) || (unsigned) reach >= ELO_REACH_COUNT) {
        return;
    }
    why_anyone(&y, s, a);
    if (elo_agent_eq(a, owner)) {
        tell(&y, ELO_FACT_OWNER, NULL, ELO_CTL_ALWAYS);
        return;
    }
    if (content.len > 0) {
        why_pair(&y, elo_ctl_pair_find(s, &one));
    }
    why_pair(&y, elo_ctl_pair_find(s, &all));
}
