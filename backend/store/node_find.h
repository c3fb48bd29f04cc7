/* SPDX-License-Identifier: BSD-2-Clause */
/* node_find: looking for content nodes by what they are, on the derived index of
   their rows (table NODEX, docs/formats/store-tables.md). Threads as in store.h. */
#ifndef ELO_STORE_NODE_FIND_H
#define ELO_STORE_NODE_FIND_H

#include "backend/store/node.h"

#define ELO_FIND_ALL_MAX 16u
#define ELO_FIND_ANY_MAX 64u
#define ELO_FIND_IDS_MAX 256u

/* Nodes that have every facet of all and, when is_some is true, one of any or an id
   of ids. Agents and numbers are compared exactly, texts (FORMAT, TAG, RELATED) by
   64 bits of a hash: whoever shows a node to people looks at its JSON too. Tombstones
   aren't found. ELO_NODE_DUE isn't for here. */
typedef struct {
    const elo_node_facet_t *all;
    uint32_t n_all;
    bool is_some; /* without any of both: nothing is found */
    const elo_node_facet_t *any;
    uint32_t n_any;
    const elo_slice_t *ids;
    uint32_t n_ids;
} elo_node_query_t;

/* Where a walk is, in order of id. Zeroed: at the start. id may be that of a node
   that fn hasn't seen: it is no secret of the caller's, but may be one of others. */
typedef struct {
    char id[ELO_CONTENT_ID_MAX + 1];
    bool is_from;    /* id is yet to be looked at; else it is done with */
    uint32_t budget; /* candidates that may be looked at yet, shown or not */
    bool is_end;     /* out: there is nothing after it */
} elo_node_at_t;

/* A node that was found; as long as the call. */
typedef struct {
    elo_slice_t id;
    elo_node_head_t head;
    void *_x;
} elo_node_hit_t;

/* Return false to stop: that node counts as not seen, and is the first of the next
   call. */
typedef bool (*elo_node_hit_fn)(void *ctx, const elo_node_hit_t *hit);

/* [any] Shows nodes to fn in order of id, each once, from *at on, until fn stops it,
   the budget is used up or there are no more; *at is moved on. A call with a budget
   of 1 or more gets on. ELO_EINVAL: the query or *at makes no sense. */
elo_err_t elo_store_node_find(elo_store_t *s, const elo_node_query_t *q,
                              elo_node_at_t *at, elo_node_hit_fn fn,
                              void *ctx) ELO_MUST_USE;

/* Within fn: appends the JSON of the version that head tells. ELO_ENOTFOUND: it was
   removed meanwhile. */
elo_err_t elo_node_hit_json(const elo_node_hit_t *hit,
                            elo_buf_t *json) ELO_MUST_USE;

/* Within fn: does it invite that agent, by all of his key? */
bool elo_node_hit_invites(const elo_node_hit_t *hit, const elo_agent_t *agent);

/* Within fn: the *n blobs that it refers to, effectively or not, each once. Borrowed
   for the call. */
elo_err_t elo_node_hit_refs(const elo_node_hit_t *hit, const elo_digest_t **out,
                            uint32_t *n) ELO_MUST_USE;

/* [any] At most max nodes whose due_s is now_s or before, in order of it. fn:
   return false to stop. */
typedef bool (*elo_node_due_fn)(void *ctx, elo_slice_t id, int64_t due_s);
elo_err_t elo_store_node_due(elo_store_t *s, int64_t now_s, uint32_t max,
                             elo_node_due_fn fn, void *ctx) ELO_MUST_USE;

#endif
