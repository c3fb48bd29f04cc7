/* SPDX-License-Identifier: BSD-2-Clause */
/* standing: who is admitted, and until when; see state_internal.h.

   Records that are put in can only raise standings: what is raised goes on to those
   who stand on it. When records end, all who may have stood on them are put back to
   nothing and raised again by what the others give, so that nobody holds himself
   up. The result is the one greatest solution, whatever the order. */
#include "backend/ctl/state_internal.h"

#include "common/base/num.h"


int64_t
elo_ctl_admitted_until(const elo_ctl_agent_t *a)
{
    return ELO_MAX(a->is.strong, a->is.weak);
}


elo_ctl_standing_t
elo_ctl_given(const elo_ctl_rec_t *r)
{
    elo_ctl_standing_t v = { 0 };

    switch (r->kind) {
    case ELO_REC_ADMISSION:
        v.strong = ELO_MIN(r->due.at, r->author->is.admin);
        v.admin = r->sort == ELO_LEVEL_ADMIN ? v.strong : 0;
        break;
    case ELO_REC_ACCEPTANCE: /* the invitation's until is for accepting */
        v.strong = r->parent->author->is.strong;
        break;
    case ELO_REC_RELATIONSHIP:
        v.weak = ELO_MIN(r->due.at, r->author->is.strong);
        break;
    default:
        break;
    }
    return v;
}


static void
todo(elo_ctl_set_t *set, elo_ctl_agent_t *a)
{
    if (a->is_todo) {
        return;
    }
    a->is_todo = true;
    a->next_todo = NULL;
    if (set->todo == NULL) {
        set->todo_end = &set->todo;
    }
    *set->todo_end = a;
    set->todo_end = &a->next_todo;
}


static elo_ctl_agent_t *
take_todo(elo_ctl_set_t *set)
{
    elo_ctl_agent_t *a = set->todo;

    if (a != NULL) {
        set->todo = a->next_todo;
        a->is_todo = false;
    }
    return a;
}


void
elo_ctl_set_add(elo_ctl_state_t *s, elo_ctl_set_t *set, elo_ctl_agent_t *a,
                bool is_spread)
{
    if (!a->is_in) {
        a->is_in = true;
        a->was = a->is;
        a->next_in = NULL;
        if (set->first == NULL) {
            set->end = &set->first;
        }
        *set->end = a;
        set->end = &a->next_in;
    }
    /* the owner stands by himself */
    if (is_spread && !a->is_spread && a != s->owner) {
        a->is_spread = true;
        todo(set, a);
    }
}


/* Calls fn for each record by which one of a's gives its subject something. */
typedef void (*each_fn)(elo_ctl_state_t *s, elo_ctl_set_t *set,
                        elo_ctl_rec_t *r, int64_t now);

static void
each_given(elo_ctl_state_t *s, elo_ctl_set_t *set, elo_ctl_agent_t *a,
           each_fn fn, int64_t now)
{
    for (elo_ctl_rec_t *r = a->gives; r != NULL; r = r->link[LINK_AUTHOR].next)
    {
        if (r->kind != ELO_REC_INVITATION) {
            fn(s, set, r, now);
            continue;
        }
        for (elo_ctl_rec_t *c = r->children; c != NULL;
             c = c->link[LINK_AUTHOR].next) {
            fn(s, set, c, now);
        }
    }
}


static void
close_one(elo_ctl_state_t *s, elo_ctl_set_t *set, elo_ctl_rec_t *r, int64_t now)
{
    (void) now;
    elo_ctl_set_add(s, set, r->subject, r->kind != ELO_REC_RELATIONSHIP);
}


void
elo_ctl_set_close(elo_ctl_state_t *s, elo_ctl_set_t *set)
{
    elo_ctl_agent_t *a;

    while ((a = take_todo(set)) != NULL) {
        each_given(s, set, a, close_one, 0);
    }
}


static bool
raise_one(int64_t *v, int64_t to)
{
    if (to <= *v) {
        return false;
    }
    *v = to;
    return true;
}


static void
raise_subject(elo_ctl_state_t *s, elo_ctl_set_t *set, elo_ctl_rec_t *r,
              int64_t now)
{
    elo_ctl_standing_t v = elo_ctl_given(r);
    elo_ctl_agent_t *a = r->subject;
    bool is_more;

    (void) now;
    if (v.admin <= a->is.admin && v.strong <= a->is.strong
        && v.weak <= a->is.weak) {
        return;
    }
    elo_ctl_set_add(s, set, a, false);
    is_more = raise_one(&a->is.admin, v.admin);
    is_more = raise_one(&a->is.strong, v.strong) || is_more;
    raise_one(&a->is.weak, v.weak); /* gives nobody anything */
    if (is_more) {
        todo(set, a);
    }
}


static void
raise_all(elo_ctl_state_t *s, elo_ctl_set_t *set)
{
    elo_ctl_agent_t *a;

    while ((a = take_todo(set)) != NULL) {
        each_given(s, set, a, raise_subject, 0);
    }
}


void
elo_ctl_raise(elo_ctl_state_t *s, elo_ctl_set_t *set, elo_ctl_rec_t *r)
{
    raise_subject(s, set, r, 0);
    raise_all(s, set);
}


void
elo_ctl_settle(elo_ctl_state_t *s, elo_ctl_set_t *set)
{
    elo_ctl_agent_t *a;
    elo_ctl_rec_t *r;

    for (a = set->first; a != NULL; a = a->next_in) {
        if (a == s->owner) {
            continue;
        }
        if (a->is_spread) {
            a->is = (elo_ctl_standing_t){ 0 };
        }
        a->is.weak = 0;
    }
    for (a = set->first; a != NULL; a = a->next_in) {
        for (r = a->admitted; r != NULL; r = r->link[LINK_SUBJECT].next) {
            raise_subject(s, set, r, 0);
        }
        for (r = a->related; r != NULL; r = r->link[LINK_SUBJECT].next) {
            raise_subject(s, set, r, 0);
        }
    }
    raise_all(s, set);
}


static void
lapse_one(elo_ctl_state_t *s, elo_ctl_set_t *set, elo_ctl_rec_t *r, int64_t now)
{
    elo_ctl_agent_t *a = r->subject;
    const int64_t ends[] = { a->is.admin, a->is.strong, a->is.weak };

    for (size_t i = 0; i < ELO_COUNT(ends); i++) {
        if (ends[i] > s->told && ends[i] <= now) {
            elo_ctl_set_add(s, set, a, true);
            a->is_touched = true;
            return;
        }
    }
}


void
elo_ctl_set_lapse(elo_ctl_state_t *s, elo_ctl_set_t *set, elo_ctl_agent_t *a,
                  int64_t now)
{
    elo_ctl_set_add(s, set, a, true);
    a->is_touched = true;
    while ((a = take_todo(set)) != NULL) {
        each_given(s, set, a, lapse_one, now);
    }
}


/* By the time up to which has been told: what ends by itself is told then. */
static bool
is_same(const elo_ctl_state_t *s, const elo_ctl_agent_t *a)
{
    return (ELO_MAX(a->was.strong, a->was.weak) > s->told)
               == (elo_ctl_admitted_until(a) > s->told)
           && (a->was.admin > s->told) == (a->is.admin > s->told);
}


void
elo_ctl_set_tell(elo_ctl_state_t *s, elo_ctl_set_t *set,
                 elo_ctl_touched_fn touched, void *ctx)
{
    elo_ctl_agent_t *a, *next;

    for (a = set->first; a != NULL; a = next) {
        next = a->next_in;
        if (touched != NULL && (a->is_touched || !is_same(s, a))) {
            touched(ctx, &a->id);
        }
        a->is_in = a->is_spread = a->is_touched = false;
        elo_ctl_agent_tidy(s, a);
    }
    *set = (elo_ctl_set_t){ 0 };
}
