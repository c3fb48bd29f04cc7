/* SPDX-License-Identifier: BSD-2-Clause */
/* state_check: what a record needs, so that it is taken; the list in state.h. */
#include "backend/ctl/state_internal.h"

#include "backend/ctl/invitation.h"

typedef struct {
    const elo_ctl_state_t *s;
    const elo_ctl_agent_t *author; /* NULL: nothing is known of him */
    const elo_rec_t *r;
    int64_t now;
    const char *why;
} check_t;


static elo_err_t
refuse(check_t *c, elo_err_t err, const char *why)
{
    c->why = why;
    return err;
}


bool
elo_ctl_is_open(const elo_ctl_rec_t *invitation, int64_t now)
{
    return invitation->due.at > now && invitation->used < invitation->uses
           && invitation->author->is.strong > now;
}


static bool
is_admin(const check_t *c)
{
    return c->author != NULL && c->author->is.admin > c->now;
}


static elo_err_t
check_chain(check_t *c)
{
    const elo_rec_t *r = c->r;
    uint64_t due = c->author == NULL ? 0 : c->author->next_seq;

    if (r->seq != due) {
        return refuse(c, ELO_EINVAL,
                      r->seq < due ? "chain: seq is taken"
                                   : "chain: seq leaves a gap");
    }
    if (due > 0 && memcmp(r->prev.b, c->author->last.b, sizeof(r->prev.b)) != 0)
    {
        return refuse(c, ELO_EINVAL, "chain: another prev");
    }
    if (due > 0 && r->time_ms < c->author->last_ms) {
        return refuse(c, ELO_EINVAL, "chain: time goes back");
    }
    if (r->time_ms > (c->now + ELO_RECORD_SKEW_S) * 1000) {
        return refuse(c, ELO_EINVAL, "time is ahead");
    }
    return ELO_OK;
}


static elo_err_t
check_author(check_t *c)
{
    if (c->author != NULL && c->author->is_revoked
        && elo_ctl_admitted_until(c->author) <= c->now)
    {
        return refuse(c, ELO_EDENIED, "author is revoked");
    }
    return ELO_OK;
}


/* The owner of the node is never kept out by others' records. */
static elo_err_t
check_room(check_t *c)
{
    const elo_ctl_state_t *s = c->s;
    const elo_ctl_pair_t *p;
    elo_ctl_pair_key_t key;

    if ((c->author == NULL || c->author->next_seq == 0) && c->author != s->owner
        && s->n_chains >= s->max_records)
    {
        return refuse(c, ELO_ENOSPC, "too many authors");
    }
    if (c->r->kind == ELO_REC_TOKEN_REVOCATION && c->author != s->owner
        && elo_ctl_tokens_count(&s->tokens) >= s->max_records
        && !elo_ctl_tokens_has(&s->tokens, &c->r->body))
    {
        return refuse(c, ELO_ENOSPC, "too many ended tokens");
    }
    if (!elo_ctl_is_kept(c->r->kind)) {
        return ELO_OK;
    }
    if (c->author != s->owner && elo_hashmap_count(&s->recs) >= s->max_records)
    {
        return refuse(c, ELO_ENOSPC, "too many records");
    }
    if (elo_ctl_pair_of(c->r, &key) && (p = elo_ctl_pair_find(s, &key)) != NULL
        && p->n >= ELO_CTL_SAME_MAX)
    {
        return refuse(c, ELO_ENOSPC, "too many about the same");
    }
    return ELO_OK;
}


static elo_err_t
check_admission(check_t *c)
{
    return is_admin(c) ? ELO_OK
                       : refuse(c, ELO_EDENIED, "author is no administrator");
}


static elo_err_t
check_relationship(check_t *c)
{
    return elo_agent_eq(&c->r->author, &c->r->body.agent)
               ? refuse(c, ELO_EINVAL, "a relation to oneself")
               : ELO_OK;
}


static elo_err_t
check_invitation(check_t *c)
{
    if (elo_ctl_is_node_invitation(c->r)
        && (c->author == NULL || c->author->is.strong <= c->now))
    {
        return refuse(c, ELO_EDENIED, "author may not invite to the node");
    }
    return ELO_OK;
}


static elo_err_t
check_acceptance(check_t *c)
{
    const elo_rec_body_t *b = &c->r->body;
    const elo_ctl_rec_t *inv = elo_ctl_rec_find(c->s, &b->ref), *old;

    if (inv == NULL || inv->kind != ELO_REC_INVITATION || inv->pair != NULL) {
        return refuse(c, ELO_EINVAL, "no such invitation");
    }
    if (inv->author == c->author) {
        return refuse(c, ELO_EINVAL, "one's own invitation");
    }
    if (!elo_ctl_is_open(inv, c->now)) {
        return refuse(c, ELO_EDENIED, "invitation is used up or past");
    }
    old = c->author == NULL ? NULL : c->author->admitted;
    for (; old != NULL; old = old->link[LINK_SUBJECT].next) {
        if (old->parent == inv) {
            return refuse(c, ELO_EINVAL, "invitation is accepted already");
        }
    }
    /* what costs most comes last */
    return b->proof.len == ELO_SIG_LEN
                   && elo_invitation_verify(inv->key, &b->ref, &c->r->author,
                                            b->proof.p)
               ? ELO_OK
               : refuse(c, ELO_EDENIED, "no signature by the invitation's key");
}


static elo_err_t
check_escalation(check_t *c)
{
    const elo_rec_t *r = c->r;
    const elo_ctl_rec_t *g = elo_ctl_rec_find(c->s, &r->body.ref);

    if (g == NULL || g->kind != ELO_REC_GRANT) {
        return refuse(c, ELO_EINVAL, "no such grant");
    }
    if (!elo_agent_eq(&g->pair->owner, &r->body.agent)) {
        return refuse(c, ELO_EINVAL, "a grant of another");
    }
    if (!elo_agent_eq(&g->pair->agent, &r->author)
        || g->sort != ELO_GRANT_EMERGENCY)
    {
        return refuse(c, ELO_EDENIED, "no emergency grant to this author");
    }
    if (g->due.at <= c->now) {
        return refuse(c, ELO_EDENIED, "grant is past");
    }
    return g->used < ELO_CTL_SAME_MAX
               ? ELO_OK
               : refuse(c, ELO_ENOSPC, "too many about the same");
}


static elo_err_t
check_promotion(check_t *c)
{
    const elo_rec_body_t *b = &c->r->body;

    return !b->has_content || b->to > b->from
               ? ELO_OK
               : refuse(c, ELO_EINVAL, "a promotion that isn't wider");
}


static elo_err_t
check_revocation(check_t *c)
{
    const elo_ctl_rec_t *r = elo_ctl_rec_find(c->s, &c->r->body.ref);

    if (r == NULL) {
        return refuse(c, ELO_EINVAL, "no such record");
    }
    return r->author == c->author || is_admin(c)
               ? ELO_OK
               : refuse(c, ELO_EDENIED, "another's record");
}


static elo_err_t
check_token_revocation(check_t *c)
{
    const elo_rec_body_t *b = &c->r->body;

    if (is_admin(c)) {
        return ELO_OK;
    }
    return b->kid.len == 0 && elo_agent_eq(&b->agent, &c->r->author)
               ? ELO_OK
               : refuse(c, ELO_EDENIED, "tokens of others");
}


static elo_err_t
check_kind(check_t *c)
{
    static elo_err_t (*const rules[ELO_REC_KINDS + 1])(check_t *) = {
        [ELO_REC_ADMISSION] = check_admission,
        [ELO_REC_RELATIONSHIP] = check_relationship,
        [ELO_REC_INVITATION] = check_invitation,
        [ELO_REC_ACCEPTANCE] = check_acceptance,
        [ELO_REC_ESCALATION] = check_escalation,
        [ELO_REC_PROMOTION] = check_promotion,
        [ELO_REC_REVOCATION] = check_revocation,
        [ELO_REC_TOKEN_REVOCATION] = check_token_revocation,
    };

    if (elo_rec_kind_name(c->r->kind) == NULL) {
        return refuse(c, ELO_EINVAL, "unknown kind");
    }
    return rules[c->r->kind] == NULL ? ELO_OK : rules[c->r->kind](c);
}


elo_err_t
elo_ctl_state_check(const elo_ctl_state_t *s, const elo_rec_t *r, int64_t now,
                    const char **why)
{
    check_t c = { s, elo_ctl_agent_find(s, &r->author), r, now, NULL };
    elo_err_t rc;

    if ((rc = check_chain(&c)) == ELO_OK && (rc = check_author(&c)) == ELO_OK
        && (rc = check_kind(&c)) == ELO_OK)
    {
        rc = check_room(&c);
    }
    if (rc != ELO_OK && why != NULL) {
        *why = c.why;
    }
    return rc;
}
