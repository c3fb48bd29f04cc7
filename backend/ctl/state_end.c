/* SPDX-License-Identifier: BSD-2-Clause */
/* state_end: how records end: by a revocation, with what stands on them, or because
   their time has come. */
#include "backend/ctl/state_internal.h"

#include <stdlib.h>


#define REC_OF(node)                                                           \
    ((elo_ctl_rec_t *) (void *) ((uint8_t *) (node) -offsetof(elo_ctl_rec_t,   \
                                                              due)))


/* An invitation whose time has come goes after the last that stood on it. */
static void
leave_parent(elo_ctl_state_t *s, const elo_ctl_rec_t *r)
{
    elo_ctl_rec_t *p = r->parent;

    if (p->kind == ELO_REC_GRANT) {
        p->used--;
    } else if (p->children == NULL && p->due.at <= s->told
               && !elo_heap_has(&p->due))
    {
        elo_heap_push(&s->lapsed, &p->due);
    }
}


void
elo_ctl_rec_remove(elo_ctl_state_t *s, elo_ctl_rec_t *r)
{
    elo_slice_t id = elo_slice(r->id.b, sizeof(r->id.b));

    elo_hashmap_remove(&s->recs, elo_hashmap_hash(&s->recs, id), r);
    if (elo_heap_has(&r->due)) {
        elo_heap_remove(r->due.at > s->told ? &s->due : &s->lapsed, &r->due);
    }
    r->author->n_live--;
    elo_ctl_list_remove(r, LINK_AUTHOR);
    elo_ctl_list_remove(r, LINK_SUBJECT);
    elo_ctl_list_remove(r, LINK_PAIR);
    if (r->pair != NULL) {
        r->pair->n--;
        elo_ctl_pair_tidy(s, r->pair);
    }
    if (r->parent != NULL) {
        leave_parent(s, r);
    }
    free(r);
}


/* Will it be felt that r is gone? A grant and an escalation are named by what was decided
   because of them. */
static bool
will_be_felt(const elo_ctl_state_t *s, const elo_ctl_rec_t *r)
{
    return r->kind == ELO_REC_GRANT || r->kind == ELO_REC_ESCALATION
               ? elo_ctl_gives(s, r)
               : elo_ctl_is_felt(s, r);
}


/* Notes in the set whom it will change that r, or one that stands on it, is gone. */
static void
note_end(elo_ctl_state_t *s, elo_ctl_set_t *set, elo_ctl_rec_t *r)
{
    elo_ctl_agent_t *a = r->subject;

    if (a == NULL && r->pair != NULL) {
        a = elo_ctl_agent_find(s, &r->pair->agent);
    } else if (r->kind == ELO_REC_ESCALATION) {
        a = r->author;
    }
    if (a != NULL) {
        elo_ctl_set_add(s, set, a,
                        r->subject != NULL && r->kind != ELO_REC_RELATIONSHIP);
        a->is_touched = a->is_touched || will_be_felt(s, r);
    }
}


/* r and what was said because of it. */
static void
end_one(elo_ctl_state_t *s, elo_ctl_set_t *set, elo_ctl_rec_t *r)
{
    elo_ctl_rec_t *c, *next;

    for (c = r->children; c != NULL; c = next) {
        next = c->link[LINK_AUTHOR].next;
        note_end(s, set, c);
        elo_ctl_rec_remove(s, c);
    }
    note_end(s, set, r);
    elo_ctl_rec_remove(s, r);
}


/* What a, who has lost his standing, had given in it (S2). */
static bool
end_given(elo_ctl_state_t *s, elo_ctl_set_t *set, elo_ctl_agent_t *a)
{
    bool no_admin = a->was.admin > s->clock && a->is.admin <= s->clock;
    bool no_strong = a->was.strong > s->clock && a->is.strong <= s->clock;
    elo_ctl_rec_t *r, *next;
    bool any = false;

    for (r = a->gives; r != NULL; r = next) {
        next = r->link[LINK_AUTHOR].next;
        if ((r->kind == ELO_REC_ADMISSION && no_admin)
            || (r->kind == ELO_REC_INVITATION && no_strong))
        {
            end_one(s, set, r);
            any = true;
        }
    }
    return any;
}


/* Who was put out by another is so until somebody admits him anew. */
static void
mark_revoked(const elo_ctl_state_t *s, const elo_ctl_rec_t *r,
             const elo_ctl_agent_t *by)
{
    if ((r->kind == ELO_REC_ADMISSION || r->kind == ELO_REC_ACCEPTANCE)
        && r->subject != by && r->subject != s->owner)
    {
        r->subject->is_revoked = true;
    }
}


void
elo_ctl_end(elo_ctl_state_t *s, elo_ctl_rec_t *r, const elo_ctl_agent_t *by,
            elo_ctl_touched_fn touched, void *ctx)
{
    elo_agent_t other = { 0 }; /* of whom nothing else is known */
    elo_ctl_set_t set = { 0 };
    bool any = false;

    if (r->pair != NULL && elo_ctl_agent_find(s, &r->pair->agent) == NULL
        && will_be_felt(s, r))
    {
        other = r->pair->agent;
    }
    mark_revoked(s, r, by);
    end_one(s, &set, r);
    elo_ctl_set_close(s, &set);
    elo_ctl_settle(s, &set);
    /* Judged by what this settle found, for all alike: what ends here gives
       nothing past the clock, so that nobody else's standing ends by it. */
    for (elo_ctl_agent_t *a = set.first; a != NULL; a = a->next_in) {
        any = end_given(s, &set, a) || any;
    }
    if (any) {
        elo_ctl_settle(s, &set);
    }
    if (touched != NULL && !elo_agent_is_zero(&other)) {
        touched(ctx, &other);
    }
    elo_ctl_set_tell(s, &set, touched, ctx);
}


/* Tells whom it concerns that r's until has come. */
static void
tell_lapsed(elo_ctl_state_t *s, const elo_ctl_rec_t *r, int64_t now,
            elo_ctl_touched_fn touched, void *ctx)
{
    const elo_agent_t *a = NULL;
    elo_ctl_set_t set = { 0 };

    if (r->kind == ELO_REC_ADMISSION) {
        elo_ctl_set_lapse(s, &set, r->subject, now);
        elo_ctl_set_tell(s, &set, touched, ctx);
    } else if (r->pair != NULL) {
        a = &r->pair->agent;
    } else if (r->kind == ELO_REC_ESCALATION) {
        a = &r->author->id;
    }
    if (touched != NULL && a != NULL) {
        touched(ctx, a);
    }
}


/* (S2) allows it. An invitation stays as long as somebody is admitted by it. */
static void
drop(elo_ctl_state_t *s, elo_ctl_rec_t *r)
{
    elo_ctl_agent_t *subject = r->subject;
    elo_ctl_rec_t *c, *next;

    elo_heap_remove(&s->lapsed, &r->due);
    if (r->kind == ELO_REC_INVITATION && r->children != NULL) {
        return;
    }
    for (c = r->children; c != NULL; c = next) { /* a grant's: nothing now */
        next = c->link[LINK_AUTHOR].next;
        elo_ctl_rec_remove(s, c);
    }
    elo_ctl_rec_remove(s, r);
    if (subject != NULL) {
        elo_ctl_agent_tidy(s, subject);
    }
}


int64_t
elo_ctl_state_expire(elo_ctl_state_t *s, int64_t now,
                     elo_ctl_touched_fn touched, void *ctx)
{
    elo_heap_node_t *n;

    now = now < s->told ? s->told : now;
    while ((n = elo_heap_first(&s->due)) != NULL && n->at <= now) {
        tell_lapsed(s, REC_OF(n), now, touched, ctx);
        elo_heap_remove(&s->due, n);
        elo_heap_push(&s->lapsed, n);
    }
    s->told = now;
    while ((n = elo_heap_first(&s->lapsed)) != NULL && n->at <= s->clock) {
        drop(s, REC_OF(n));
    }
    n = elo_heap_first(&s->due);
    return n == NULL ? 0 : n->at;
}
