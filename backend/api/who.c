/* SPDX-License-Identifier: BSD-2-Clause */
/* who: see the header. */
#include "backend/api/who.h"

#include "backend/os/clock.h"
#include "backend/os/log.h"

/* Nodes that are looked at for one blob, of those that refer to it effectively.
   Further ones let nobody in: a blob that so many mean narrowly is not one that a
   reader comes to by its hash. */
#define NODES_MAX 256u

typedef struct {
    elo_api_t *api;
    const elo_agent_t *agent;
    uint32_t facts; /* what he is to everyone */
    elo_who_subject_t *out;
    elo_rule_t rule; /* what the gate says of *out */
    uint32_t n;
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


static elo_err_t
look_at(look_t *l, elo_slice_t id)
{
    elo_store_t *s = l->api->cfg.store;
    elo_who_subject_t at;
    elo_agent_t owner;
    elo_content_t node;
    elo_rule_t rule;
    elo_err_t rc;

    if ((rc = elo_node_load(s, id, &node)) != ELO_OK) {
        return rc;
    }
    if ((rc = elo_store_node_owner(s, id, &owner)) == ELO_OK) {
        elo_who_node(l->api, l->agent, &node, &owner, &at);
        rule = read_rule(&at, l->facts);
        if (is_better(l->out, l->rule, &at, rule)) {
            *l->out = at;
            l->rule = rule;
        }
    }
    elo_content_dispose(&node);
    return rc;
}


static bool
on_referrer(void *ctx, elo_slice_t id)
{
    look_t *l = ctx;
    elo_err_t rc = look_at(l, id);

    if (rc != ELO_OK && rc != ELO_ENOTFOUND) {
        l->err = rc; /* what was removed meanwhile lets nobody in */
        return false;
    }
    return ++l->n < NODES_MAX;
}


static elo_err_t
look_by_hash(elo_api_t *a, const elo_agent_t *agent, const elo_digest_t *d,
             elo_who_subject_t *out)
{
    elo_store_t *s = a->cfg.store;
    look_t l = { .api = a, .agent = agent, .out = out };
    elo_err_t rc;

    l.facts =
        elo_ctl_facts_of(elo_ctl_state(a->ctl), agent, elo_clock_unix_s());
    *out = (elo_who_subject_t){ .reach = ELO_REACH_PRIVATE,
                                .stage = ELO_STAGE_SERVED };
    if (elo_store_possesses(s, elo_who_in_store(a, agent), d)) {
        out->facts |= ELO_FACT_OWNER;
        out->owner = *agent;
    }
    l.rule = read_rule(out, l.facts);
    rc = elo_store_effective_referrers(s, d, on_referrer, &l);
    return rc != ELO_OK ? rc : l.err;
}


elo_err_t
elo_who_look(elo_api_t *a, const elo_agent_t *agent, elo_slice_t text,
             elo_who_subject_t *out)
{
    elo_store_t *s = a->cfg.store;
    elo_content_t node;
    elo_agent_t owner;
    elo_digest_t d;
    elo_err_t rc;

    if (elo_addr_parse(text, &d) == ELO_OK) {
        return look_by_hash(a, agent, &d, out);
    }
    if ((rc = elo_node_load(s, text, &node)) != ELO_OK) {
        return rc;
    }
    if ((rc = elo_store_node_owner(s, text, &owner)) == ELO_OK) {
        elo_who_node(a, agent, &node, &owner, out);
    }
    elo_content_dispose(&node);
    return rc;
}
