/* SPDX-License-Identifier: BSD-2-Clause */
/* who: see the header. */
#include "backend/api/who.h"

#include "backend/ctl/view.h"
#include "backend/os/clock.h"

/* Nodes written before rows said who may read them, whose text is read for one
   question. Further ones let nobody in, until they are written again. */
#define BARE_MAX 32u

/* Contents that owners name to somebody in a record, of which it is looked up whether
   they mean a blob: of one owner, and of all. Each is two rows. */
#define NAMED_MAX     64u
#define NAMED_ALL_MAX 1024u

typedef struct {
    elo_api_t *api;
    const elo_agent_t *agent;
    const elo_digest_t *d;
    int64_t now;
    uint32_t facts; /* what he is to everyone */
    elo_who_subject_t *out;
    elo_rule_t rule; /* what the gate says of *out */
    uint32_t n_bare;
    uint32_t n_owners; /* those whose nodes were looked at */
    elo_agent_t owners[ELO_READERS_OWNERS];
    uint32_t n_named[ELO_READERS_OWNERS];
    elo_err_t err;
} look_t;


elo_slice_t
elo_who_key(elo_slice_t text, elo_digest_t *room)
{
    if (elo_addr_parse(text, room) == ELO_OK) {
        return elo_slice(room->b, sizeof(room->b));
    }
    return text;
}


/* The operator's own contents are those of the agent whose node this is. */
static const elo_agent_t *
owner_of(const elo_api_t *a, const elo_agent_t *owner)
{
    return elo_agent_is_zero(owner) ? &a->node_owner : owner;
}


void
elo_who_node(elo_api_t *a, const elo_agent_t *agent, const elo_content_t *n,
             const elo_agent_t *owner, elo_who_subject_t *out)
{
    *out = (elo_who_subject_t){ .reach = n->reach,
                                .stage = elo_content_stage(n),
                                .owner = *owner_of(a, owner) };
    out->facts =
        elo_ctl_facts_towards(elo_ctl_state(a->ctl), agent, &out->owner, n->id,
                              n->reach, elo_clock_unix_s(), &out->by);
    if (elo_content_invites(n, agent)) {
        out->facts |= ELO_FACT_INVITED;
    }
    out->until = elo_ctl_until(a->ctl);
}


/* The same by a row, which knows all that is asked here. */
static void
by_head(elo_api_t *a, const elo_agent_t *agent, elo_slice_t id,
        const elo_node_head_t *head, bool is_invited, elo_who_subject_t *out)
{
    *out = (elo_who_subject_t){ .reach = head->stated,
                                .stage = head->stage,
                                .owner = *owner_of(a, &head->owner) };
    out->facts =
        elo_ctl_facts_towards(elo_ctl_state(a->ctl), agent, &out->owner, id,
                              head->stated, elo_clock_unix_s(), &out->by);
    if (is_invited) {
        out->facts |= ELO_FACT_INVITED;
    }
    out->until = elo_ctl_until(a->ctl);
}


/* By its text: of a row that was written before rows said it. */
static elo_err_t
by_text(elo_api_t *a, const elo_agent_t *agent, elo_slice_t id,
        const elo_node_head_t *head, elo_who_subject_t *out)
{
    elo_content_t node;
    elo_err_t rc = elo_node_load(a->cfg.store, id, &node);

    if (rc == ELO_OK) {
        elo_who_node(a, agent, &node, &head->owner, out);
        elo_content_dispose(&node);
    }
    return rc;
}


const elo_agent_t *
elo_who_in_store(const elo_api_t *a, const elo_agent_t *agent)
{
    static const elo_agent_t operator= { { 0 } };

    return elo_agent_eq(agent, &a->node_owner) ? &operator: agent;
}


elo_rule_t
elo_call_rule(const elo_call_t *c, elo_op_t op, const elo_who_subject_t *of)
{
    elo_gate_t g = { .facts = c->facts | of->facts,
                     .scopes = c->scopes,
                     .reach = of->reach,
                     .ceiling = c->ceiling,
                     .stage = of->stage,
                     .op = op };

    return elo_gate_decide(&g);
}


bool
elo_call_may(const elo_call_t *c, elo_op_t op, const elo_who_subject_t *of)
{
    elo_rule_t rule = elo_call_rule(c, op, of);

    return elo_rule_allows(rule)
           && (c->is_recorded || !elo_rule_is_audited(rule));
}


bool
elo_call_knows(const elo_call_t *c, elo_slice_t text)
{
    elo_who_subject_t of;

    return (c->facts & ELO_FACT_PROVED) != 0
           && elo_who_look(c->api, &c->key, text, &of) == ELO_OK
           && elo_rule_allows(elo_call_rule(c, ELO_OP_READ, &of));
}


bool
elo_call_is_let_in(const elo_call_t *c, elo_slice_t text)
{
    elo_who_subject_t of;

    return (c->facts & ELO_FACT_PROVED) != 0
           && elo_who_look(c->api, &c->key, text, &of) == ELO_OK
           && elo_call_may(c, ELO_OP_READ, &of);
}


/* ---- by address ---- */

static elo_rule_t
read_rule(const elo_who_subject_t *s, uint32_t facts)
{
    elo_gate_t g = { .facts = s->facts | facts,
                     .scopes = ELO_SCOPE_READ,
                     .reach = s->reach,
                     .ceiling = ELO_REACH_COMMONS,
                     .stage = s->stage,
                     .op = ELO_OP_READ };

    return elo_gate_decide(&g);
}


/* Is b better for him than a? One that lets him in is better than one that
   doesn't, a wider reach than a narrower. */
static bool
is_better(const elo_who_subject_t *a, elo_rule_t rule_a,
          const elo_who_subject_t *b, elo_rule_t rule_b)
{
    if (elo_rule_allows(rule_a) != elo_rule_allows(rule_b)) {
        return elo_rule_allows(rule_b);
    }
    return b->reach > a->reach;
}


static void
offer(look_t *l, const elo_who_subject_t *at)
{
    elo_rule_t rule = read_rule(at, l->facts);

    if (is_better(l->out, l->rule, at, rule)) {
        *l->out = *at;
        l->rule = rule;
    }
}


/* The widest that there is, and it lets him in. */
static bool
is_done(const look_t *l)
{
    return elo_rule_allows(l->rule) && l->out->reach == ELO_REACH_COMMONS;
}


static void
note_owner(look_t *l, const elo_agent_t *owner)
{
    uint32_t n = l->n_owners;

    /* those of one owner come together */
    if (n < ELO_READERS_OWNERS
        && (n == 0 || !elo_agent_eq(&l->owners[n - 1], owner)))
    {
        l->owners[l->n_owners++] = *owner;
    }
}


/* What was removed meanwhile lets nobody in. */
static elo_err_t
look_at(look_t *l, elo_slice_t id, const elo_node_head_t *head, bool is_invited)
{
    elo_who_subject_t at;
    elo_err_t rc;

    if ((head->flags & ELO_NODE_IS_BARE) == 0) {
        by_head(l->api, l->agent, id, head, is_invited, &at);
        offer(l, &at);
        return ELO_OK;
    }
    if (l->n_bare == BARE_MAX) {
        return ELO_OK;
    }
    l->n_bare++;
    if ((rc = by_text(l->api, l->agent, id, head, &at)) == ELO_OK) {
        offer(l, &at);
    }
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


static bool
on_reader(void *ctx, elo_slice_t id, const elo_node_head_t *head,
          bool is_invited)
{
    look_t *l = ctx;

    note_owner(l, owner_of(l->api, &head->owner));
    l->err = look_at(l, id, head, is_invited);
    return l->err == ELO_OK && !is_done(l);
}


/* May a content of that owner be looked up, for being named? */
static bool
may_look(look_t *l, const elo_agent_t *owner)
{
    for (uint32_t i = 0; i < l->n_owners; i++) {
        if (elo_agent_eq(&l->owners[i], owner)) {
            return l->n_named[i]++ < NAMED_MAX;
        }
    }
    return false;
}


/* A content that is named to him: if it means the blob. */
static elo_err_t
look_at_named(look_t *l, elo_slice_t id)
{
    elo_store_t *s = l->api->cfg.store;
    elo_blob_stat_t unused;
    elo_node_head_t head;
    bool is_invited;
    elo_err_t rc;

    rc = elo_store_node_invites(s, id, l->agent, &head, &is_invited);
    if (rc == ELO_OK) {
        rc = elo_store_ref_stat(s, id, head.version, l->d, &unused);
    }
    if (rc == ELO_OK) {
        return look_at(l, id, &head, is_invited);
    }
    /* gone, changed meanwhile, or of other bytes: it lets nobody in */
    return rc == ELO_ENOTFOUND || rc == ELO_EPRECOND ? ELO_OK : rc;
}


/* Of an owner's nodes only some are looked at. One that he has opened to this agent by
   its name, in an invitation or a grant, may be another. */
static elo_err_t
look_at_all_named(look_t *l)
{
    elo_ctl_view_t *view;
    uint32_t n = 0;
    elo_err_t rc;

    rc = elo_ctl_view_make(elo_ctl_state(l->api->ctl), l->agent, l->now, &view);
    if (rc != ELO_OK) {
        return rc;
    }
    for (uint32_t i = 0; i < elo_ctl_view_count(view) && n < NAMED_ALL_MAX
                         && rc == ELO_OK && !is_done(l);
         i++)
    {
        elo_ctl_view_row_t row = elo_ctl_view_at(view, i);

        if (row.content.len > 0 && may_look(l, &row.owner)) {
            n++;
            rc = look_at_named(l, row.content);
        }
    }
    elo_ctl_view_free(&view);
    return rc;
}


static elo_err_t
look_by_hash(elo_api_t *a, const elo_agent_t *agent, const elo_digest_t *d,
             elo_who_subject_t *out)
{
    elo_store_t *s = a->cfg.store;
    look_t l = {
        .api = a, .agent = agent, .d = d, .now = elo_clock_unix_s(), .out = out
    };
    elo_err_t rc;

    l.facts = elo_ctl_facts_of(elo_ctl_state(a->ctl), agent, l.now);
    *out = (elo_who_subject_t){ .reach = ELO_REACH_PRIVATE,
                                .stage = ELO_STAGE_SERVED };
    if (elo_store_possesses(s, elo_who_in_store(a, agent), d)) {
        out->facts |= ELO_FACT_OWNER;
        out->owner = *agent;
    }
    l.rule = read_rule(out, l.facts);
    rc = elo_store_readers(s, d, agent, on_reader, &l);
    if (rc == ELO_OK && l.err == ELO_OK && l.n_owners > 0
        && !elo_rule_allows(l.rule))
    {
        rc = look_at_all_named(&l);
    }
    return rc != ELO_OK ? rc : l.err;
}


elo_err_t
elo_who_look(elo_api_t *a, const elo_agent_t *agent, elo_slice_t text,
             elo_who_subject_t *out)
{
    elo_node_head_t head;
    bool is_invited;
    elo_digest_t d;
    elo_err_t rc;

    if (elo_addr_parse(text, &d) == ELO_OK) {
        return look_by_hash(a, agent, &d, out);
    }
    rc = elo_store_node_invites(a->cfg.store, text, agent, &head, &is_invited);
    if (rc != ELO_OK) {
        return rc;
    }
    if ((head.flags & ELO_NODE_IS_BARE) != 0) {
        return by_text(a, agent, text, &head, out);
    }
    by_head(a, agent, text, &head, is_invited, out);
    return ELO_OK;
}
