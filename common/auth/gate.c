/* SPDX-License-Identifier: BSD-2-Clause */
/* gate: see the header. The tables below are the model; the code only reads
   them. */
#include "common/auth/gate.h"

#include "common/base/num.h"

/* Who is let in by what he is: the first one that fits. */
typedef struct {
    uint32_t fact;
    elo_reach_t from; /* the narrowest reach that it opens */
    elo_rule_t rule;
} way_t;

static const way_t readers[] = {
    { ELO_FACT_OWNER, ELO_REACH_PRIVATE, ELO_RULE_OWNER },
    { ELO_FACT_INVITED, ELO_REACH_INVITED, ELO_RULE_INVITED },
    { ELO_FACT_HOUSEHOLD, ELO_REACH_LOCAL, ELO_RULE_HOUSEHOLD },
    { ELO_FACT_FAMILY, ELO_REACH_LOCAL, ELO_RULE_FAMILY },
    { ELO_FACT_ADMITTED, ELO_REACH_NEIGHBORHOOD, ELO_RULE_ADMITTED },
    { ELO_FACT_OPERATOR, ELO_REACH_PRIVATE, ELO_RULE_OPERATOR },
    { ELO_FACT_GRANT, ELO_REACH_PRIVATE, ELO_RULE_GRANT },
    { ELO_FACT_EMERGENCY, ELO_REACH_PRIVATE, ELO_RULE_EMERGENCY },
};

/* What isn't served is read by these alone. */
#define UNSERVED_READERS (ELO_FACT_OWNER | ELO_FACT_OPERATOR)

/* Who may do what else; of those that aren't admitted only the operator. */
static const struct {
    uint32_t facts;
    elo_rule_t refusal; /* of one that is admitted */
} doers[ELO_OP_COUNT] = {
    [ELO_OP_UPLOAD] = { ELO_FACT_ADMITTED | ELO_FACT_OPERATOR, ELO_RULE_NONE },
    [ELO_OP_CHANGE] = { ELO_FACT_OWNER | ELO_FACT_OPERATOR,
                        ELO_RULE_NOT_OWNER },
    [ELO_OP_PURGE] = { ELO_FACT_OWNER | ELO_FACT_OPERATOR | ELO_FACT_ADMIN,
                       ELO_RULE_NOT_OWNER },
    [ELO_OP_MANAGE] = { ELO_FACT_OPERATOR | ELO_FACT_ADMIN,
                        ELO_RULE_NOT_ADMIN },
};

static const struct {
    uint32_t fact;
    elo_rule_t rule;
} doer_rules[] = {
    { ELO_FACT_OWNER, ELO_RULE_OWNER },
    { ELO_FACT_ADMITTED, ELO_RULE_ADMITTED },
    { ELO_FACT_ADMIN, ELO_RULE_ADMIN },
    { ELO_FACT_OPERATOR, ELO_RULE_OPERATOR },
};

static const char *const names[] = {
    [ELO_RULE_NONE] = "none",
    [ELO_RULE_EVERYONE] = "everyone",
    [ELO_RULE_OWNER] = "owner",
    [ELO_RULE_OPERATOR] = "operator",
    [ELO_RULE_INVITED] = "invited",
    [ELO_RULE_HOUSEHOLD] = "household",
    [ELO_RULE_FAMILY] = "family",
    [ELO_RULE_ADMITTED] = "admitted",
    [ELO_RULE_GRANT] = "grant",
    [ELO_RULE_EMERGENCY] = "emergency",
    [ELO_RULE_ADMIN] = "admin",
    [ELO_RULE_ANONYMOUS] = "anonymous",
    [ELO_RULE_NOT_ADMITTED] = "not-admitted",
    [ELO_RULE_NOT_INVITED] = "not-invited",
    [ELO_RULE_NO_RELATION] = "no-relation",
    [ELO_RULE_NOT_OWNER] = "not-owner",
    [ELO_RULE_SCOPE] = "scope",
    [ELO_RULE_CEILING] = "ceiling",
    [ELO_RULE_UNSERVED] = "unserved",
    [ELO_RULE_NOT_ADMIN] = "not-admin",
};


/* The facts that count: what is said of an agent needs his proof. */
static uint32_t
sound(uint32_t facts)
{
    return (facts & ELO_FACT_PROVED) != 0 ? facts : facts & ELO_FACT_OPERATOR;
}


static elo_rule_t
stranger(uint32_t facts)
{
    if ((facts & ELO_FACT_PROVED) == 0) {
        return ELO_RULE_ANONYMOUS;
    }
    return (facts & ELO_FACT_ADMITTED) == 0 ? ELO_RULE_NOT_ADMITTED
                                            : ELO_RULE_NONE;
}


/* Who opens this reach to him; NONE: nobody. */
static elo_rule_t
reader(uint32_t facts, elo_reach_t reach)
{
    if (reach == ELO_REACH_COMMONS) {
        return ELO_RULE_EVERYONE;
    }
    for (size_t i = 0; i < ELO_COUNT(readers); i++) {
        if ((facts & readers[i].fact) != 0 && reach >= readers[i].from) {
            return readers[i].rule;
        }
    }
    return ELO_RULE_NONE;
}


/* Of one that is admitted: from neighborhood on nobody such is refused. */
static elo_rule_t
not_reader(elo_reach_t reach)
{
    return reach == ELO_REACH_PRIVATE   ? ELO_RULE_NOT_OWNER
           : reach == ELO_REACH_INVITED ? ELO_RULE_NOT_INVITED
                                        : ELO_RULE_NO_RELATION;
}


static elo_rule_t
decide_read(const elo_gate_t *g, uint32_t facts)
{
    elo_reach_t reach = g->reach < g->ceiling ? g->reach : g->ceiling;
    elo_rule_t rule;

    if (g->stage != ELO_STAGE_SERVED) {
        rule = reader(facts & UNSERVED_READERS, ELO_REACH_PRIVATE);
        return rule == ELO_RULE_NONE ? ELO_RULE_UNSERVED : rule;
    }
    rule = reader(facts, reach);
    if (rule != ELO_RULE_NONE) {
        return rule;
    }
    if (reader(facts, g->reach) != ELO_RULE_NONE) {
        return ELO_RULE_CEILING;
    }
    rule = stranger(facts);
    return rule == ELO_RULE_NONE ? not_reader(reach) : rule;
}


static elo_rule_t
decide_do(const elo_gate_t *g, uint32_t facts)
{
    uint32_t able = facts & doers[g->op].facts;
    elo_rule_t rule;

    /* an owner's or an administrator's right ends with his admission */
    if ((facts & ELO_FACT_ADMITTED) == 0) {
        able &= ELO_FACT_OPERATOR;
    }
    if (able == 0) {
        rule = stranger(facts);
        return rule == ELO_RULE_NONE ? doers[g->op].refusal : rule;
    }
    if (g->reach > g->ceiling
        && (g->op == ELO_OP_UPLOAD || g->op == ELO_OP_CHANGE)) {
        able &= ELO_FACT_OPERATOR;
    }
    for (size_t i = 0; i < ELO_COUNT(doer_rules); i++) {
        if ((able & doer_rules[i].fact) != 0) {
            return doer_rules[i].rule;
        }
    }
    return ELO_RULE_CEILING;
}


/* All of these the request must have. */
static uint32_t
scopes_of(const elo_gate_t *g)
{
    bool is_served = g->stage == ELO_STAGE_SERVED;

    switch (g->op) {
    case ELO_OP_READ:
        return ELO_SCOPE_READ;
    case ELO_OP_UPLOAD:
        return ELO_SCOPE_WRITE | (is_served ? ELO_SCOPE_PUBLISH : 0);
    case ELO_OP_CHANGE:
        return is_served ? ELO_SCOPE_PUBLISH : ELO_SCOPE_WRITE;
    case ELO_OP_PURGE:
        return ELO_SCOPE_PURGE;
    case ELO_OP_MANAGE:
        break;
    }
    return ELO_SCOPE_ADMIN;
}


elo_rule_t
elo_gate_decide(const elo_gate_t *g)
{
    uint32_t facts = sound(g->facts), scopes;
    elo_rule_t rule;

    if ((unsigned) g->reach >= ELO_REACH_COUNT
        || (unsigned) g->ceiling >= ELO_REACH_COUNT
        || (unsigned) g->stage >= ELO_STAGE_COUNT
        || (unsigned) g->op >= ELO_OP_COUNT)
    {
        return ELO_RULE_NONE;
    }
    rule = g->op == ELO_OP_READ ? decide_read(g, facts) : decide_do(g, facts);
    scopes = scopes_of(g);
    if (elo_rule_allows(rule) && (g->scopes & scopes) != scopes) {
        return ELO_RULE_SCOPE;
    }
    return rule;
}


const char *
elo_rule_name(elo_rule_t rule)
{
    const char *name = (unsigned) rule < ELO_COUNT(names) ? names[rule] : NULL;

    return name == NULL ? names[ELO_RULE_NONE] : name;
}


bool
elo_rule_is_audited(elo_rule_t rule)
{
    return rule == ELO_RULE_GRANT || rule == ELO_RULE_EMERGENCY;
}
