/* SPDX-License-Identifier: BSD-2-Clause */
/* content_row: what the store is told of a content node beside its JSON: reach,
   life, references, whom it invites, and what it is found by. Pure. */
#ifndef ELO_NODE_CONTENT_ROW_H
#define ELO_NODE_CONTENT_ROW_H

#include "backend/node/content_node.h"
#include "backend/store/node_row.h"

typedef struct {
    elo_node_t node; /* borrows from the content, the JSON and what follows */
    elo_node_facet_t *_facets;
    elo_agent_t *_invited;
} elo_content_row_t;

/* The row of n, whose text is json, for owner. flags and due_s are left 0: the caller
   knows of holds and plans. As long as n and json, which stay where they are; ends in
   elo_content_row_dispose. Texts of the list of the invited that name no agent invite
   nobody. ELO_ENOMEM; ELO_ETOOBIG: more of something than the store takes. */
elo_err_t elo_content_row_make(const elo_content_t *n, const elo_agent_t *owner,
                               elo_slice_t json,
                               elo_content_row_t *out) ELO_MUST_USE;
void elo_content_row_dispose(elo_content_row_t *r);

#endif
