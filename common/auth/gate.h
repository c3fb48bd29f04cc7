/* SPDX-License-Identifier: BSD-2-Clause */
/* gate: may a caller do this with that content? One pure function, which the
   Doorway, the daemon's API and (with peers) the shard protocol call alike; there
   is no other rule of reach. Who is who is found out elsewhere (backend/ctl) and
   comes in as facts.

   The table, DESIGN's "Reach, in one table". Rows are cumulative, so that a wider
   reach never loses a reader:

     private        owner; grant or emergency (a custodian with a word of the owner)
     invited        and whom the content lists
     local          and household, family
     neighborhood … regional    and whoever is admitted here
     commons        and everyone

   The operator reads all. A draft and what is forgotten is its owner's (and the
   operator's) alone. A ceiling (of a token, a signed URL, ?reach=) makes a reach
   count as narrower, never as wider: so it takes nothing from an owner who reads,
   as he stands in every row. To write, the reach must not be past the ceiling:
   of an owner's own token that is the token's, not a ?reach= beside it. An
   administrator is no reader: he manages, and the facts above are what lets him
   read. Whoever isn't admitted may read what the table gives him, and no more. */
#ifndef ELO_AUTH_GATE_H
#define ELO_AUTH_GATE_H

#include "common/auth/reach.h"

/* What is known of a caller towards one content and its owner. Without PROVED
   only OPERATOR counts, and without ADMITTED no ADMIN. */
enum {
    ELO_FACT_PROVED = 1u << 0,    /* a key, by a token that is good */
    ELO_FACT_ADMITTED = 1u << 1,  /* and the agent is admitted here */
    ELO_FACT_ADMIN = 1u << 2,     /* and may manage this node */
    ELO_FACT_OWNER = 1u << 3,     /* of the content */
    ELO_FACT_INVITED = 1u << 4,   /* on the content's list */
    ELO_FACT_HOUSEHOLD = 1u << 5, /* the owner says so, as of the next three */
    ELO_FACT_FAMILY = 1u << 6,
    ELO_FACT_EXTENDED = 1u << 7,
    ELO_FACT_COMMUNITY = 1u << 8,
    ELO_FACT_GRANT = 1u << 9,      /* a custodian's grant that covers it */
    ELO_FACT_EMERGENCY = 1u << 10, /* an escalation that runs and covers it */
    ELO_FACT_OPERATOR = 1u << 11,  /* holds the daemon's own socket */
};

/* Those that a token's bearer is to everyone. */
#define ELO_FACTS_BEARER (ELO_FACT_PROVED | ELO_FACT_ADMITTED | ELO_FACT_ADMIN)

/* Those whose use is written to the audit log. */
#define ELO_FACTS_AUDITED (ELO_FACT_GRANT | ELO_FACT_EMERGENCY)

/* What of its life matters here. */
typedef enum {
    ELO_STAGE_DRAFT = 0,
    ELO_STAGE_SERVED = 1, /* published to archived */
    ELO_STAGE_FORGOTTEN = 2
} elo_stage_t;
#define ELO_STAGE_COUNT 3

typedef enum {
    ELO_OP_READ =
        0,         /* bytes and metadata, by whatever route, and being listed */
    ELO_OP_UPLOAD, /* new bytes, a new content */
    ELO_OP_CHANGE, /* a content's fields, reach, list, lifecycle, removal */
    ELO_OP_PURGE,  /* take it out of caches */
    ELO_OP_MANAGE  /* agents, keys, quotas, care of this node */
} elo_op_t;
#define ELO_OP_COUNT 5

/* Scopes of a token, or of a signed URL. Without one: the anonymous have READ,
   the operator all. */
enum {
    ELO_SCOPE_READ = 1u << 0,
    ELO_SCOPE_WRITE = 1u << 1,   /* upload, and change what isn't served */
    ELO_SCOPE_PUBLISH = 1u << 2, /* change what is served; and, beside WRITE,
                                    upload what is served at once */
    ELO_SCOPE_PURGE = 1u << 3,
    ELO_SCOPE_ADMIN = 1u << 4
};
#define ELO_SCOPES_ALL 0x1fu

typedef struct {
    uint32_t facts;
    uint32_t scopes;
    elo_reach_t reach;   /* of the content; of a new one what it states; of a
                            change the wider of before and after */
    elo_reach_t ceiling; /* the narrowest of all that bind this request */
    elo_stage_t stage;   /* of bytes draft; of a change served if it is, or
                            would be */
    elo_op_t op;
} elo_gate_t;

/* Why. Numbers are wire format and written to the audit log; a name is short,
   lower-case and stable ("admitted", "no-relation"). */
typedef enum {
    ELO_RULE_NONE = 0, /* refused: an input that is no reach, stage or op */
    /* allowed */
    ELO_RULE_EVERYONE = 1,
    ELO_RULE_OWNER = 2,
    ELO_RULE_OPERATOR = 3,
    ELO_RULE_INVITED = 4,
    ELO_RULE_HOUSEHOLD = 5,
    ELO_RULE_FAMILY = 6,
    ELO_RULE_ADMITTED = 7,
    ELO_RULE_GRANT = 8,
    ELO_RULE_EMERGENCY = 9,
    ELO_RULE_ADMIN = 10,
    /* refused */
    ELO_RULE_ANONYMOUS = 32,    /* a proof of who he is may help */
    ELO_RULE_NOT_ADMITTED = 33, /* proved, and not admitted here */
    ELO_RULE_NOT_INVITED = 34,
    ELO_RULE_NO_RELATION = 35,
    ELO_RULE_NOT_OWNER = 36,
    ELO_RULE_SCOPE = 37,    /* the token isn't for this */
    ELO_RULE_CEILING = 38,  /* allowed but for the ceiling */
    ELO_RULE_UNSERVED = 39, /* a draft or forgotten, and not his */
    ELO_RULE_NOT_ADMIN = 40,
} elo_rule_t;

/* The rule that decides; of several that allow, the one with the least power: everyone,
   owner, then in order of the table; operator; the audited ones (grant, emergency)
   last, so that a use is logged only where nothing else lets him in. To do: owner,
   admitted, admin, operator.

     upload   admitted, operator
     change   owner (admitted), operator
     purge    owner (admitted), admin, operator
     manage   admin, operator

   Of several that refuse the first: UNSERVED (to read), who he is, CEILING, SCOPE.
   So who is told of his token's scope or ceiling would be let in but for it. */
elo_rule_t elo_gate_decide(const elo_gate_t *g);

static inline bool
elo_rule_allows(elo_rule_t rule)
{
    return rule != ELO_RULE_NONE && rule < ELO_RULE_ANONYMOUS;
}


/* Static; "none" for a number that is none. */
const char *elo_rule_name(elo_rule_t rule);

/* Is what this rule let in to be written to the audit log? */
bool elo_rule_is_audited(elo_rule_t rule);

#endif
