/* SPDX-License-Identifier: BSD-2-Clause */
/* state_apply: takes records. */
#include "backend/ctl/state_internal.h"

#include <stdlib.h>

/* All that taking a record needs (S3). */
typedef struct {
    elo_ctl_agent_t *author;
    elo_ctl_agent_t *subject;
    elo_ctl_pair_t *pair;
    elo_ctl_rec_t *named; /* that it names: parent, or what it revokes */
    elo_ctl_rec_t *rec;
} plan_t;


static bool
is_next(const elo_ctl_agent_t *a, const elo_rec_t *r)
{
    if (a == NULL || a->next_seq == 0) {
        return r->seq == 0;
    }
    return r->seq == a->next_seq
           && memcmp(r->prev.b, a->last.b, sizeof(r->prev.b)) == 0;
}


/* The record that r names, if its kind names one. */
static elo_err_t
find_named(const elo_ctl_state_t *s, const elo_rec_t *r, elo_ctl_rec_t **out)
{
    elo_ctl_rec_t *n = elo_ctl_rec_find(s, &r->body.ref);
    bool is_right;

    switch (r->kind) {
    case ELO_REC_ACCEPTANCE:
        is_right =
            n != NULL && n->kind == ELO_REC_INVITATION && n->pair == NULL;
        break;
    case ELO_REC_ESCALATION:
        is_right = n != NULL && n->kind == ELO_REC_GRANT;
        break;
    case ELO_REC_REVOCATION:
        is_right = n != NULL;
        break;
    default:
        n = NULL;
        is_right = true;
        break;
    }
    *out = n;
    return is_right ? ELO_OK : ELO_EINVAL;
}


/* Whose standing it may raise. */
static const elo_agent_t *
subject_of(const elo_rec_t *r)
{
    switch (r->kind) {
    case ELO_REC_ADMISSION:
    case ELO_REC_RELATIONSHIP:
        return &r->body.agent;
    case ELO_REC_ACCEPTANCE:
        return &r->author;
    default:
        return NULL;
    }
}


static elo_err_t
reserve(elo_ctl_state_t *s)
{
    size_t n = elo_hashmap_count(&s->recs) + 1;
    elo_err_t rc;

    if ((rc = elo_hashmap_reserve(&s->recs, 1)) == ELO_OK
        && (rc = elo_heap_reserve(&s->due, n)) == ELO_OK)
    {
        rc = elo_heap_reserve(&s->lapsed, n);
    }
    return rc;
}


static elo_err_t
rec_create(const elo_rec_t *r, elo_ctl_rec_t **out)
{
    elo_rec_root_t root;
    bool is_root = elo_rec_root_read(r, &root);
    size_t n_keys = is_root ? 2 : elo_ctl_is_node_invitation(r);
    elo_ctl_rec_t *rec =
        elo_ctl_zalloc(sizeof(*rec) + n_keys * sizeof(elo_agent_t));

    if (rec == NULL) {
        return ELO_ENOMEM;
    }
    rec->id = r->id;
    rec->due.at = r->body.until == 0 ? ELO_CTL_ALWAYS : r->body.until;
    rec->uses = (uint32_t) r->body.uses;
    rec->kind = (uint8_t) r->kind;
    rec->sort = (uint8_t) r->body.sort;
    rec->reaches = (uint8_t) r->body.reaches;
    if (is_root) {
        memcpy(rec->key[0].b, root.root.b, sizeof(rec->key[0].b));
        for (unsigned i = 0; i < sizeof(root.size); i++) {
            rec->key[1].b[i] = (uint8_t) (root.size >> (56 - 8 * i));
        }
    } else if (n_keys > 0) {
        memcpy(rec->key->b, r->body.ref.b, sizeof(rec->key->b));
    }
    *out = rec;
    return ELO_OK;
}


static elo_err_t
prepare(elo_ctl_state_t *s, const elo_rec_t *r, plan_t *p)
{
    const elo_agent_t *subject = subject_of(r);
    elo_ctl_pair_key_t key;
    elo_err_t rc;

    if ((rc = elo_ctl_agent_need(s, &r->author, &p->author)) != ELO_OK
        || !elo_ctl_is_kept(r->kind))
    {
        return rc;
    }
    if ((rc = reserve(s)) != ELO_OK
        || (subject != NULL
            && (rc = elo_ctl_agent_need(s, subject, &p->subject)) != ELO_OK)
        || (elo_ctl_pair_of(r, &key)
            && (rc = elo_ctl_pair_need(s, &key, &p->pair)) != ELO_OK))
    {
        return rc;
    }
    return rec_create(r, &p->rec);
}


static void
abandon(elo_ctl_state_t *s, plan_t *p)
{
    free(p->rec);
    if (p->pair != NULL) {
        elo_ctl_pair_tidy(s, p->pair);
    }
    if (p->subject != NULL && p->subject != p->author) {
        elo_ctl_agent_tidy(s, p->subject);
    }
    if (p->author != NULL) {
        elo_ctl_agent_tidy(s, p->author);
    }
}


static void
advance(elo_ctl_state_t *s, elo_ctl_agent_t *a, const elo_rec_t *r)
{
    if (a->next_seq == 0) {
        s->n_chains++;
    }
    a->next_seq = r->seq + 1;
    a->last = r->id;
    a->last_ms = r->time_ms;
    a->bytes += r->signed_bytes.len + ELO_RECORD_FRAME;
    if (r->time_ms / 1000 - ELO_RECORD_SKEW_S > s->clock) {
        s->clock = r->time_ms / 1000 - ELO_RECORD_SKEW_S;
    }
}


static void
link_lists(elo_ctl_rec_t *rec)
{
    if (rec->parent != NULL) {
        elo_ctl_list_add(&rec->parent->children, rec, LINK_AUTHOR);
        rec->parent->used++;
    } else if (rec->kind == ELO_REC_ADMISSION
               || rec->kind == ELO_REC_RELATIONSHIP
               || (rec->kind == ELO_REC_INVITATION && rec->pair == NULL))
    {
        elo_ctl_list_add(&rec->author->gives, rec, LINK_AUTHOR);
    }
    if (rec->subject != NULL) {
        elo_ctl_list_add(rec->kind == ELO_REC_RELATIONSHIP
                             ? &rec->subject->related
                             : &rec->subject->admitted,
                         rec, LINK_SUBJECT);
    }
    if (rec->pair != NULL) {
        elo_ctl_list_add(&rec->pair->first, rec, LINK_PAIR);
        rec->pair->n++;
    }
}


static void
put(elo_ctl_state_t *s, const plan_t *p)
{
    elo_ctl_rec_t *rec = p->rec;

    rec->author = p->author;
    rec->subject = p->subject;
    rec->parent = p->named;
    rec->pair = p->pair;
    rec->author->n_live++;
    link_lists(rec);
    elo_hashmap_put(
        &s->recs,
        elo_hashmap_hash(&s->recs, elo_slice(rec->id.b, sizeof(rec->id.b))),
        rec);
    if (rec->due.at != ELO_CTL_ALWAYS) {
        elo_heap_push(rec->due.at > s->told ? &s->due : &s->lapsed, &rec->due);
    }
}


/* What the record, which is put in, changes for others. */
static void
take_effect(elo_ctl_state_t *s, const elo_rec_t *r, const plan_t *p,
            elo_ctl_touched_fn touched, void *ctx)
{
    elo_ctl_set_t set = { 0 };

    if (p->subject != NULL) {
        if (r->kind == ELO_REC_ADMISSION) {
            p->subject->is_revoked = false;
        }
        elo_ctl_set_add(s, &set, p->subject, false);
        p->subject->is_touched = p->pair != NULL && elo_ctl_is_felt(s, p->rec);
        elo_ctl_raise(s, &set, p->rec);
        elo_ctl_set_tell(s, &set, touched, ctx);
    } else if (touched != NULL && elo_ctl_is_felt(s, p->rec)) {
        touched(ctx, p->pair != NULL ? &p->pair->agent : &p->author->id);
    }
}


elo_err_t
elo_ctl_state_apply(elo_ctl_state_t *s, const elo_rec_t *r,
                    elo_ctl_touched_fn touched, void *ctx)
{
    size_t n_tokens = elo_ctl_tokens_count(&s->tokens);
    plan_t p = { 0 };
    elo_err_t rc;

    if (!is_next(elo_ctl_agent_find(s, &r->author), r)) {
        return ELO_EINVAL;
    }
    if ((rc = find_named(s, r, &p.named)) != ELO_OK) {
        return rc;
    }
    if ((rc = prepare(s, r, &p)) != ELO_OK
        || (r->kind == ELO_REC_TOKEN_REVOCATION
            && (rc = elo_ctl_tokens_add(&s->tokens, &r->body)) != ELO_OK))
    {
        abandon(s, &p);
        return rc;
    }
    advance(s, p.author, r);
    p.author->n_live += elo_ctl_tokens_count(&s->tokens) - n_tokens;
    if (p.rec != NULL) {
        put(s, &p);
        take_effect(s, r, &p, touched, ctx);
    } else if (p.named != NULL) {
        elo_ctl_end(s, p.named, p.author, touched, ctx);
    } else if (r->kind == ELO_REC_TOKEN_REVOCATION && touched != NULL) {
        touched(ctx, &r->body.agent);
    }
    return ELO_OK;
}
