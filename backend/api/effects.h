/* SPDX-License-Identifier: BSD-2-Clause */
/* effects: what records do to content nodes (docs/decisions/0013):

     LIFECYCLE by the node's owner, of its current version: the move
     PROMOTION of a content by its owner, from the reach that it has: a version with
       the wider one; its REVOCATION, while it has that: one with the narrower
     PROMOTION of bytes, and its REVOCATION: elo_promoted_set

   What isn't so (another version, another's node, a move that there isn't) stays in the
   journal, changes nothing, and is logged. Records are gone through in order of the
   journal, on the pool, a batch at a time; how far that has got is kept, so that
   what was taken before a crash is done after it, once. Loop thread. */
#ifndef ELO_API_EFFECTS_H
#define ELO_API_EFFECTS_H

#include "backend/api/promoted.h"
#include "backend/ctl/ctl.h"

typedef struct elo_effects_s elo_effects_t;

typedef struct {
    elo_loop_t *loop; /* all borrowed */
    elo_store_t *store;
    elo_ctl_t *ctl;
    elo_promoted_t *promoted;
    elo_agent_t node_owner;
} elo_effects_cfg_t;

/* Fills promoted with what stands, and begins. */
elo_err_t elo_effects_create(const elo_effects_cfg_t *cfg,
                             elo_effects_t **out) ELO_MUST_USE;

/* No further batch begins. */
void elo_effects_end(elo_effects_t *e);

/* After the loop has ended, and before the control plane does. */
void elo_effects_free(elo_effects_t **e);

#endif
