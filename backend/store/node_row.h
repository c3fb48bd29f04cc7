/* SPDX-License-Identifier: BSD-2-Clause */
/* node_row: a content node as the store sees it, and the row that it keeps of it. */
#ifndef ELO_STORE_NODE_ROW_H
#define ELO_STORE_NODE_ROW_H

#include "common/auth/gate.h"
#include "common/auth/reach.h"
#include "common/base/cid.h"
#include "common/base/keys.h"
#include "common/base/limits.h"
#include "common/base/slice.h"

/* A content's life. The numbers are format, and those of backend/node. */
typedef enum {
    ELO_NODE_DRAFT = 0,
    ELO_NODE_PUBLISHED,
    ELO_NODE_STALE,
    ELO_NODE_DEPRECATED,
    ELO_NODE_ARCHIVED,
    ELO_NODE_FORGOTTEN
} elo_node_life_t;
#define ELO_NODE_LIVES 6

/* What nodes are found by (node_find.h). The numbers are format. */
typedef enum {
    ELO_NODE_OWNER = 1,   /* agent */
    ELO_NODE_OWNER_REACH, /* agent and reach as stated, whatever its life */
    ELO_NODE_REACH,     /* reach as stated, of listed nodes only: those that are
                             published or stale */
    ELO_NODE_FORMAT,    /* text */
    ELO_NODE_LIFECYCLE, /* life */
    ELO_NODE_TAG,       /* text */
    ELO_NODE_RELATED,   /* text: the content id that it names */
    ELO_NODE_INVITED,   /* agent */
    ELO_NODE_DUE        /* none: elo_store_node_due */
} elo_node_dim_t;

/* One thing that a node is, or is looked for by: dim says which members count. */
typedef struct {
    elo_node_dim_t dim;
    elo_reach_t reach;
    elo_node_life_t life;
    elo_agent_t agent; /* zero: the operator */
    elo_slice_t text;
} elo_node_facet_t;

/* Facets of texts that a node may have: tags, relations, a format. */
#define ELO_NODE_FACETS_MAX 512

/* Flags of a row. */
enum {
    ELO_NODE_IS_HELD = 1u << 0, /* a hold: it may not be removed */
    ELO_NODE_IS_TOMB = 1u << 1, /* removed or forgotten: only the row is left */
    ELO_NODE_IS_BARE =
        1u << 2, /* written before rows had facets, and not since:
                                   what isn't known of it, is in its JSON */
};

/* A node as the store sees it: a JSON text that it doesn't read, and what it
   must know to keep references and to find it. reach is the effective one: private
   for drafts; stated is what the text says. A reference is effective when the owner
   possesses the blob: he has sent it, in the clear or sealed, or was given the right
   to refer to it (promoted of elo_store_cfg_t). Any other gives nothing and keeps
   nothing, until he sends it. A node that is put as FORGOTTEN becomes a tombstone:
   its JSON, versions and references go. */
typedef struct {
    elo_slice_t id;
    uint64_t version; /* from 1 */
    elo_reach_t reach;
    elo_agent_t owner; /* zero: the operator */
    uint32_t n_refs;
    const elo_digest_t *refs;
    elo_slice_t json;
    elo_reach_t stated; /* not narrower than reach */
    elo_node_life_t life;
    uint32_t flags;     /* ELO_NODE_IS_HELD, or none */
    int64_t created_at; /* Unix seconds */
    int64_t updated_at;
    int64_t due_s; /* of the next move of its life that is planned; 0: none */
    uint32_t n_facets;
    const elo_node_facet_t *facets; /* FORMAT, TAG and RELATED; at most
                                       ELO_NODE_FACETS_MAX */
    uint32_t n_invited;
    const elo_agent_t *invited; /* at most ELO_CONTENT_INVITED_MAX */
} elo_node_t;

/* The row of a node: all that the gate asks of it. */
typedef struct {
    uint64_t version; /* current; a tombstone's is its own */
    elo_agent_t owner;
    elo_reach_t reach; /* effective */
    elo_reach_t stated;
    elo_node_life_t life;
    elo_stage_t stage; /* of life, for the gate */
    uint32_t flags;
    int64_t created_at, updated_at, due_s; /* as above; 0 when IS_BARE */
    uint32_t n_refs, n_invited;
} elo_node_head_t;

#endif
