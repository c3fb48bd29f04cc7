/* SPDX-License-Identifier: BSD-2-Clause */
/* state: what is asked of it; see the header. How it changes: state_apply.c and
   state_end.c. */
#include "backend/ctl/state_internal.h"

#include <stdlib.h>

#include "common/base/num.h"
#include "common/base/rd.h"

#define US_PER_S INT64_C(1000000)


elo_err_t
elo_ctl_state_create(const elo_agent_t *owner, uint64_t max_records,
                     elo_ctl_state_t **out)
{
    elo_ctl_state_t *s = calloc(1, sizeof(*s));
    uint8_t key[ELO_SHORTHASH_KEY_LEN];
    elo_err_t rc;

    if (s == NULL) {
        return ELO_ENOMEM;
    }
    elo_keys_random(key, sizeof(key));
    elo_hashmap_init(&s->agents, key);
    elo_hashmap_init(&s->recs, key);
    elo_hashmap_init(&s->pairs, key);
    elo_hashmap_init(&s->subjects, key);
    elo_ctl_tokens_init(&s->tokens, key);
    elo_heap_init(&s->due);
    elo_heap_init(&s->lapsed);
    s->max_records = max_records;
    if ((rc = elo_ctl_agent_need(s, owner, &s->owner)) != ELO_OK) {
        elo_ctl_state_free(&s);
        return rc;
    }
    s->owner->is =
        (elo_ctl_standing_t){ ELO_CTL_ALWAYS, ELO_CTL_ALWAYS, ELO_CTL_ALWAYS };
    *out = s;
    return ELO_OK;
}


void
elo_ctl_state_bound(elo_ctl_state_t *s, const elo_ctl_bounds_t *b)
{
    s->bounds = *b;
}


/* A clock that is set back keeps nobody out for longer than a burst takes. */
bool
elo_ctl_state_pace(elo_ctl_state_t *s, const elo_agent_t *author,
                   int64_t now_ms)
{
    elo_ctl_agent_t *a = elo_ctl_agent_find(s, author);
    const int64_t burst_us = (int64_t) ELO_CTL_BURST_S * US_PER_S;
    int64_t now_us = now_ms * 1000, step_us;
    bool is_admin;

    if (a == NULL || a == s->owner || s->bounds.per_s == 0) {
        return true;
    }
    is_admin = a->is.admin > now_ms / 1000;
    step_us = US_PER_S
              / ((int64_t) s->bounds.per_s
                 * (is_admin ? (int64_t) ELO_CTL_ADMIN_SHARE : 1));
    a->pace_us = ELO_MIN(ELO_MAX(a->pace_us, now_us), now_us + burst_us);
    if (a->pace_us + step_us > now_us + burst_us) {
        return false;
    }
    a->pace_us += step_us;
    return true;
}


static void
free_all(elo_hashmap_t *m)
{
    size_t at = 0;
    void *item;

    while ((item = elo_hashmap_next(m, &at)) != NULL) {
        free(item);
    }
    elo_hashmap_dispose(m);
}


void
elo_ctl_state_free(elo_ctl_state_t **s)
{
    if (*s == NULL) {
        return;
    }
    free_all(&(*s)->agents);
    free_all(&(*s)->recs);
    free_all(&(*s)->pairs);
    free_all(&(*s)->subjects);
    elo_heap_dispose(&(*s)->due);
    elo_heap_dispose(&(*s)->lapsed);
    elo_ctl_tokens_dispose(&(*s)->tokens);
    free(*s);
    *s = NULL;
}


uint64_t
elo_ctl_state_count(const elo_ctl_state_t *s)
{
    return elo_hashmap_count(&s->recs);
}


uint32_t
elo_ctl_facts_of(const elo_ctl_state_t *s, const elo_agent_t *a, int64_t now)
{
    const elo_ctl_agent_t *is;
    uint32_t facts = ELO_FACT_PROVED;

    if (elo_agent_is_zero(a)) {
        return 0;
    }
    if ((is = elo_ctl_agent_find(s, a)) == NULL) {
        return facts;
    }
    if (elo_ctl_admitted_until(is) > now) {
        facts |= ELO_FACT_ADMITTED;
    }
    if (is->is.admin > now) {
        facts |= ELO_FACT_ADMIN;
    }
    return facts;
}


typedef struct {
    uint32_t facts;
    elo_reach_t reach;
    int64_t now;
    const elo_digest_t *grant, *escalation; /* the first of each */
} towards_t;


/* A grant gives by its category; what it only allows to hold isn't to be read. */
static void
towards_by_grant(towards_t *t, const elo_ctl_rec_t *r)
{
    const elo_ctl_rec_t *e = r->children;

    if ((r->reaches >> t->reach & 1) == 0) {
        return;
    }
    if (r->sort == ELO_GRANT_READ) {
        t->facts |= ELO_FACT_GRANT;
        t->grant = t->grant == NULL ? &r->id : t->grant;
    }
    if (r->sort == ELO_GRANT_EMERGENCY) {
        while (e != NULL && e->due.at <= t->now) {
            e = e->link[LINK_AUTHOR].next;
        }
        if (e != NULL) {
            t->facts |= ELO_FACT_EMERGENCY;
            t->escalation = t->escalation == NULL ? &e->id : t->escalation;
        }
    }
}


static void
towards_by_pair(towards_t *t, const elo_ctl_pair_t *p)
{
    const elo_ctl_rec_t *r = p == NULL ? NULL : p->first;

    for (; r != NULL; r = r->link[LINK_PAIR].next) {
        if (r->due.at <= t->now) {
            continue;
        }
        if (r->kind == ELO_REC_RELATIONSHIP) {
            t->facts |= (uint32_t) ELO_FACT_HOUSEHOLD
                        << (r->sort - ELO_REL_HOUSEHOLD);
        } else if (r->kind == ELO_REC_INVITATION) {
            t->facts |= ELO_FACT_INVITED;
        } else if (r->kind == ELO_REC_GRANT) {
            towards_by_grant(t, r);
        }
    }
}


uint32_t
elo_ctl_facts_towards(const elo_ctl_state_t *s, const elo_agent_t *a,
                      const elo_agent_t *owner, elo_slice_t content,
                      elo_reach_t reach, int64_t now, elo_digest_t *by)
{
    elo_ctl_pair_key_t one = { owner, a, PAIR_CONTENT, content };
    elo_ctl_pair_key_t all = { owner, a, PAIR_ALL, elo_slice(NULL, 0) };
    towards_t t = { .reach = reach, .now = now };

    if (elo_agent_is_zero(a) || (unsigned) reach >= ELO_REACH_COUNT) {
        return 0;
    }
    if (elo_agent_eq(a, owner)) {
        return ELO_FACT_OWNER;
    }
    if (content.len > 0) { /* by is what says least */
        towards_by_pair(&t, elo_ctl_pair_find(s, &one));
    }
    towards_by_pair(&t, elo_ctl_pair_find(s, &all));
    if (by != NULL && (t.grant != NULL || t.escalation != NULL)) {
        *by = t.grant != NULL ? *t.grant : *t.escalation;
    }
    return t.facts;
}


bool
elo_ctl_has_promotion(const elo_ctl_state_t *s, const elo_digest_t *d,
                      const elo_agent_t *to, const elo_agent_t *from)
{
    elo_ctl_pair_key_t key = { from, to, PAIR_BYTES,
                               elo_slice(d->b, sizeof(d->b)) };

    return elo_ctl_pair_find(s, &key) != NULL;
}


bool
elo_ctl_root(const elo_ctl_state_t *s, const elo_agent_t *author,
             const elo_digest_t *blob, elo_digest_t *root, uint64_t *size)
{
    static const elo_agent_t nobody;
    elo_ctl_pair_key_t key = { author, &nobody, PAIR_ROOT,
                               elo_slice(blob->b, sizeof(blob->b)) };
    const elo_ctl_pair_t *p = elo_ctl_pair_find(s, &key);
    const elo_ctl_agent_t *a = elo_ctl_agent_find(s, author);
    const elo_agent_t *said;

    if (p == NULL || p->first == NULL || a == NULL || a->is_revoked) {
        return false;
    }
    said = p->first->key;
    memcpy(root->b, said[0].b, sizeof(root->b));
    elo_rd_be64(said[1].b, said[1].b + sizeof(*size), size);
    return true;
}


bool
elo_ctl_is_live(const elo_ctl_state_t *s, const elo_digest_t *id)
{
    return elo_ctl_rec_find(s, id) != NULL;
}


void
elo_ctl_state_promotions(const elo_ctl_state_t *s, elo_ctl_promotion_fn fn,
                         void *ctx)
{
    const elo_ctl_pair_t *p;
    elo_digest_t d;
    size_t at = 0;

    while ((p = elo_hashmap_next(&s->pairs, &at)) != NULL) {
        if (p->about == PAIR_BYTES) {
            memcpy(d.b, p->what, sizeof(d.b));
            if (!fn(ctx, &d, &p->agent, &p->owner)) {
                return;
            }
        }
    }
}


bool
elo_ctl_head(const elo_ctl_state_t *s, const elo_agent_t *a, uint64_t *next_seq,
             elo_digest_t *last)
{
    const elo_ctl_agent_t *is = elo_ctl_agent_find(s, a);

    if (is == NULL || is->next_seq == 0) {
        return false;
    }
    *next_seq = is->next_seq;
    *last = is->last;
    return true;
}
