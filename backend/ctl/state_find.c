/* SPDX-License-Identifier: BSD-2-Clause */
/* state_find: the tables of state, and what is in them. */
#include "backend/ctl/state_internal.h"

#include <stdlib.h>

#include "common/base/num.h"

/* owner, agent, what it is about, content id */
#define PAIR_KEY_MAX (2 * ELO_AGENT_LEN + 1 + ELO_CONTENT_ID_MAX)


void *
elo_ctl_zalloc(size_t len)
{
    void *p = reallocarray(NULL, 1, len);

    if (p != NULL) {
        memset(p, 0, len);
    }
    return p;
}


static elo_slice_t
agent_slice(const elo_agent_t *a)
{
    return elo_slice(a->b, sizeof(a->b));
}


static bool
is_agent(const void *item, const void *key)
{
    const elo_ctl_agent_t *a = item;

    return elo_agent_eq(&a->id, key);
}


elo_ctl_agent_t *
elo_ctl_agent_find(const elo_ctl_state_t *s, const elo_agent_t *id)
{
    uint64_t hash = elo_hashmap_hash(&s->agents, agent_slice(id));

    return elo_hashmap_get(&s->agents, hash, is_agent, id);
}


elo_err_t
elo_ctl_agent_need(elo_ctl_state_t *s, const elo_agent_t *id,
                   elo_ctl_agent_t **out)
{
    elo_ctl_agent_t *a = elo_ctl_agent_find(s, id);
    elo_err_t rc;

    if (a == NULL) {
        if ((rc = elo_hashmap_reserve(&s->agents, 1)) != ELO_OK) {
            return rc;
        }
        if ((a = elo_ctl_zalloc(sizeof(*a))) == NULL) {
            return ELO_ENOMEM;
        }
        a->id = *id;
        elo_hashmap_put(&s->agents,
                        elo_hashmap_hash(&s->agents, agent_slice(id)), a);
    }
    *out = a;
    return ELO_OK;
}


void
elo_ctl_agent_tidy(elo_ctl_state_t *s, elo_ctl_agent_t *a)
{
    if (a == s->owner || a->next_seq > 0 || a->is_revoked || a->is_in
        || a->gives != NULL || a->admitted != NULL || a->related != NULL)
    {
        return;
    }
    elo_hashmap_remove(&s->agents,
                       elo_hashmap_hash(&s->agents, agent_slice(&a->id)), a);
    free(a);
}


static bool
is_rec(const void *item, const void *key)
{
    const elo_ctl_rec_t *r = item;

    return memcmp(r->id.b, key, sizeof(r->id.b)) == 0;
}


elo_ctl_rec_t *
elo_ctl_rec_find(const elo_ctl_state_t *s, const elo_digest_t *id)
{
    uint64_t hash = elo_hashmap_hash(&s->recs, elo_slice(id->b, sizeof(id->b)));

    return elo_hashmap_get(&s->recs, hash, is_rec, id->b);
}


static uint64_t
pair_hash(const elo_ctl_state_t *s, const elo_ctl_pair_key_t *k)
{
    uint8_t b[PAIR_KEY_MAX], *p = b;

    memcpy(p, k->owner->b, ELO_AGENT_LEN);
    p += ELO_AGENT_LEN;
    memcpy(p, k->agent->b, ELO_AGENT_LEN);
    p += ELO_AGENT_LEN;
    *p++ = (uint8_t) k->about;
    if (k->what.len > 0) {
        memcpy(p, k->what.p, k->what.len);
        p += k->what.len;
    }
    return elo_hashmap_hash(&s->pairs, elo_slice(b, (size_t) (p - b)));
}


static elo_ctl_pair_key_t
key_of(const elo_ctl_pair_t *p)
{
    return (elo_ctl_pair_key_t){ &p->owner, &p->agent,
                                 (elo_ctl_about_t) p->about,
                                 elo_slice(p->what, p->len) };
}


static bool
is_pair(const void *item, const void *key)
{
    const elo_ctl_pair_t *p = item;
    const elo_ctl_pair_key_t *k = key;

    return elo_agent_eq(&p->owner, k->owner)
           && elo_agent_eq(&p->agent, k->agent) && p->about == k->about
           && elo_slice_eq(elo_slice(p->what, p->len), k->what);
}


elo_ctl_pair_t *
elo_ctl_pair_find(const elo_ctl_state_t *s, const elo_ctl_pair_key_t *key)
{
    if (key->what.len > ELO_CONTENT_ID_MAX) {
        return NULL;
    }
    return elo_hashmap_get(&s->pairs, pair_hash(s, key), is_pair, key);
}


static bool
is_subject(const void *item, const void *key)
{
    const elo_ctl_subject_t *a = item;

    return elo_agent_eq(&a->id, key);
}


elo_ctl_subject_t *
elo_ctl_subject_find(const elo_ctl_state_t *s, const elo_agent_t *id)
{
    uint64_t hash = elo_hashmap_hash(&s->subjects, agent_slice(id));

    return elo_hashmap_get(&s->subjects, hash, is_subject, id);
}


static elo_err_t
subject_need(elo_ctl_state_t *s, const elo_agent_t *id, elo_ctl_subject_t **out)
{
    elo_ctl_subject_t *a = elo_ctl_subject_find(s, id);
    elo_err_t rc;

    if (a == NULL) {
        if ((rc = elo_hashmap_reserve(&s->subjects, 1)) != ELO_OK) {
            return rc;
        }
        if ((a = elo_ctl_zalloc(sizeof(*a))) == NULL) {
            return ELO_ENOMEM;
        }
        a->id = *id;
        elo_hashmap_put(&s->subjects,
                        elo_hashmap_hash(&s->subjects, agent_slice(id)), a);
    }
    *out = a;
    return ELO_OK;
}


static void
subject_tidy(elo_ctl_state_t *s, elo_ctl_subject_t *a)
{
    if (a->pairs == NULL) {
        elo_hashmap_remove(&s->subjects,
                           elo_hashmap_hash(&s->subjects, agent_slice(&a->id)),
                           a);
        free(a);
    }
}


static void
subject_add(elo_ctl_subject_t *a, elo_ctl_pair_t *p)
{
    p->of = a;
    p->next = a->pairs;
    p->at = &a->pairs;
    if (p->next != NULL) {
        p->next->at = &p->next;
    }
    a->pairs = p;
}


static void
subject_leave(elo_ctl_state_t *s, elo_ctl_pair_t *p)
{
    if (p->of == NULL) {
        return;
    }
    *p->at = p->next;
    if (p->next != NULL) {
        p->next->at = p->at;
    }
    subject_tidy(s, p->of);
}


static elo_err_t
pair_create(elo_ctl_state_t *s, const elo_ctl_pair_key_t *key,
            elo_ctl_pair_t **out)
{
    elo_ctl_subject_t *of = NULL;
    elo_ctl_pair_t *p;
    elo_err_t rc;

    if ((rc = elo_hashmap_reserve(&s->pairs, 1)) != ELO_OK
        || (key->about < PAIR_BYTES
            && (rc = subject_need(s, key->agent, &of)) != ELO_OK))
    {
        return rc;
    }
    if ((p = elo_ctl_zalloc(sizeof(*p) + key->what.len)) == NULL) {
        if (of != NULL) {
            subject_tidy(s, of);
        }
        return ELO_ENOMEM;
    }
    p->owner = *key->owner;
    p->agent = *key->agent;
    p->about = (uint8_t) key->about;
    p->len = (uint8_t) key->what.len;
    if (p->len > 0) {
        memcpy(p->what, key->what.p, p->len);
    }
    if (of != NULL) {
        subject_add(of, p);
    }
    elo_hashmap_put(&s->pairs, pair_hash(s, key), p);
    *out = p;
    return ELO_OK;
}


elo_err_t
elo_ctl_pair_need(elo_ctl_state_t *s, const elo_ctl_pair_key_t *key,
                  elo_ctl_pair_t **out)
{
    elo_ctl_pair_t *p = elo_ctl_pair_find(s, key);

    if (p == NULL) {
        return pair_create(s, key, out);
    }
    *out = p;
    return ELO_OK;
}


void
elo_ctl_pair_tidy(elo_ctl_state_t *s, elo_ctl_pair_t *p)
{
    elo_ctl_pair_key_t key = key_of(p);

    if (p->first == NULL) {
        elo_hashmap_remove(&s->pairs, pair_hash(s, &key), p);
        subject_leave(s, p);
        free(p);
    }
}


bool
elo_ctl_is_node_invitation(const elo_rec_t *r)
{
    return r->kind == ELO_REC_INVITATION && !r->body.has_content;
}


bool
elo_ctl_is_kept(elo_rec_kind_t kind)
{
    return kind != ELO_REC_LIFECYCLE && kind != ELO_REC_REVOCATION
           && kind != ELO_REC_TOKEN_REVOCATION;
}


bool
elo_ctl_pair_of(const elo_rec_t *r, elo_ctl_pair_key_t *key)
{
    elo_ctl_pair_key_t k = { &r->author, &r->body.agent, PAIR_ALL,
                             elo_slice(NULL, 0) };
    elo_rec_root_t root;

    switch (r->kind) {
    case ELO_REC_RELATIONSHIP:
        break;
    case ELO_REC_INVITATION:
        if (!r->body.has_content) {
            return false;
        }
        k.about = PAIR_CONTENT;
        k.what = r->body.content;
        break;
    case ELO_REC_GRANT:
        if (r->body.has_content) {
            k.about = PAIR_CONTENT;
            k.what = r->body.content;
        }
        break;
    case ELO_REC_PROMOTION:
        if (r->body.has_content) {
            return false;
        }
        k.about = PAIR_BYTES;
        k.what = elo_slice(r->body.ref.b, sizeof(r->body.ref.b));
        break;
    case ELO_REC_MANIFEST:
        if (!elo_rec_root_read(r, &root)) {
            return false;
        }
        k.about = PAIR_ROOT;
        k.what = root.blob;
        break;
    default:
        return false;
    }
    *key = k;
    return true;
}


/* Another escalation of a grant than that one. */
static bool
has_escalation(const elo_ctl_state_t *s, const elo_ctl_rec_t *grant,
               const elo_ctl_rec_t *but)
{
    const elo_ctl_rec_t *e = grant->children;

    while (e != NULL && (e == but || e->due.at <= s->told)) {
        e = e->link[LINK_AUTHOR].next;
    }
    return e != NULL;
}


bool
elo_ctl_gives(const elo_ctl_state_t *s, const elo_ctl_rec_t *r)
{
    if (r->due.at <= s->told || r->kind == ELO_REC_MANIFEST
        || (r->pair != NULL && elo_agent_eq(&r->pair->owner, &r->pair->agent)))
    {
        return false; /* past, or of nobody, or to oneself */
    }
    if (r->kind == ELO_REC_ESCALATION) {
        return r->parent->due.at > s->told;
    }
    return r->kind != ELO_REC_GRANT || r->sort == ELO_GRANT_READ
           || (r->sort == ELO_GRANT_EMERGENCY && has_escalation(s, r, NULL));
}


bool
elo_ctl_is_felt(const elo_ctl_state_t *s, const elo_ctl_rec_t *r)
{
    const elo_ctl_rec_t *e;

    if (!elo_ctl_gives(s, r)) {
        return false;
    }
    if (r->pair == NULL) {
        return r->kind == ELO_REC_ESCALATION
               && !has_escalation(s, r->parent, r);
    }
    for (e = r->pair->first; e != NULL; e = e->link[LINK_PAIR].next) {
        if (e != r && e->kind == r->kind && e->sort == r->sort
            && (r->reaches & ~e->reaches) == 0 && elo_ctl_gives(s, e))
        {
            return false;
        }
    }
    return true;
}


void
elo_ctl_list_add(elo_ctl_rec_t **first, elo_ctl_rec_t *r, elo_ctl_link_t which)
{
    r->link[which].next = *first;
    r->link[which].at = first;
    if (*first != NULL) {
        (*first)->link[which].at = &r->link[which].next;
    }
    *first = r;
}


void
elo_ctl_list_remove(elo_ctl_rec_t *r, elo_ctl_link_t which)
{
    elo_ctl_rec_t *next = r->link[which].next;

    if (r->link[which].at == NULL) {
        return;
    }
    *r->link[which].at = next;
    if (next != NULL) {
        next->link[which].at = r->link[which].at;
    }
    r->link[which].next = NULL;
    r->link[which].at = NULL;
}
