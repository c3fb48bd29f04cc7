/* SPDX-License-Identifier: BSD-2-Clause */
/* state_check: what a record needs, so that it is taken; the list in state.h. */
#include "backend/ctl/state_internal.h"

#include "backend/ctl/invitation.h"
#include "common/base/num.h"

/* A part of the room is for administrators, and of an author's for ending tokens. */
#define ROOM_PART 8u

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


bool
elo_ctl_ends_own(const elo_ctl_state_t *s, const elo_rec_t *r)
{
    const elo_rec_body_t *b = &r->body;
    const elo_ctl_rec_t *named;

    if (r->kind == ELO_REC_REVOCATION) {
        named = elo_ctl_rec_find(s, &b->ref);
        return named != NULL && elo_agent_eq(&named->author->id, &r->author);
    }
    return r->kind == ELO_REC_TOKEN_REVOCATION && b->kid.len == 0
           && elo_agent_eq(&b->agent, &r->author)
           && elo_ctl_agent_find(s, &r->author) != NULL
           && !elo_ctl_tokens_is_known(&s->tokens, b);
}


static elo_err_t
check_author(check_t *c)
{
    if (c->author != NULL && c->author->is_revoked
        && elo_ctl_admitted_until(c->author) <= c->now
        && !elo_ctl_ends_own(c->s, c->r))
    {
        return refuse(c, ELO_EDENIED, "author is revoked");
    }
    return ELO_OK;
}


/* An author's part of what each may have. */
static uint64_t
share(const check_t *c, uint64_t of)
{
    uint64_t all;

    if (is_admin(c)) {
        return elo_mul_u64(of, ELO_CTL_ADMIN_SHARE, &all) ? all : UINT64_MAX;
    }
    return c->author->is.strong > c->now
               ? of
               : ELO_MAX(of / ELO_CTL_WEAK_SHARE, (uint64_t) 1);
}


/* Who may add nothing more can still end what he has: as many revocations as he has
   records, and some of tokens. */
static elo_err_t
check_share(check_t *c)
{
    const elo_ctl_bounds_t *b = &c->s->bounds;
    elo_rec_kind_t kind = c->r->kind;
    uint64_t most;
    bool is_more;

    if (c->author == NULL || c->author == c->s->owner
        || kind == ELO_REC_REVOCATION) {
        return ELO_OK;
    }
    is_more = kind == ELO_REC_TOKEN_REVOCATION
                  ? !elo_ctl_tokens_has(&c->s->tokens, &c->r->body)
                  : elo_ctl_is_kept(kind);
    if (is_more && b->records > 0 && c->author->n_live >= share(c, b->records))
    {
        return refuse(c, ELO_EQUOTA, "its author has too many records");
    }
    most = share(c, b->bytes);
    most += kind == ELO_REC_TOKEN_REVOCATION ? most / ROOM_PART : 0;
    return b->bytes > 0 && c->author->bytes >= most ? refuse(
               c, ELO_EQUOTA, "its author has too many bytes of records")
                                                    : ELO_OK;
}


/* The owner of the node is never kept out by others' records, and administrators not by
   those of others who aren't. */
static elo_err_t
check_room(check_t *c)
{
    const elo_ctl_state_t *s = c->s;
    const elo_ctl_pair_t *p;
    elo_ctl_pair_key_t key;
    uint64_t max = s->max_records;

    if (c->author == s->owner) {
        max = UINT64_MAX;
    } else if (!is_admin(c)) {
        max -= max / ROOM_PART;
    }
    if ((c->author == NULL || c->author->next_seq == 0) && s->n_chains >= max) {
        return refuse(c, ELO_ENOSPC, "too many authors");
    }
    if (c->r->kind == ELO_REC_TOKEN_REVOCATION
        && elo_ctl_tokens_count(&s->tokens) >= max
        && !elo_ctl_tokens_has(&s->tokens, &c->r->body))
    {
        return refuse(c, ELO_ENOSPC, "too many ended tokens");
    }
    if (!elo_ctl_is_kept(c->r->kind)) {
        return ELO_OK;
    }
    if (elo_hashmap_count(&s->recs) >= max) {
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

    if (elo_ctl_tokens_is_known(&c->s->tokens, b)) {
        return refuse(c, ELO_EEXISTS, "the tokens are ended already");
    }
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
        && (rc = check_share(&c)) == ELO_OK && (rc = check_kind(&c)) == ELO_OK)
    {
        rc = check_room(&c);
    }
    if (rc != ELO_OK && why != NULL) {
        *why = c.why;
    }
    return rc;
}
