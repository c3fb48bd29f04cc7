/* SPDX-License-Identifier: BSD-2-Clause */
/* promoted: who may refer to bytes that he hasn't sent, by the word of one who has
   (PROMOTION of bytes): what the store asks for each reference (elo_promoted_fn). A
   table in memory, a row for each that stands; it is fed by effects.h.

   A promotion counts while its author possesses the bytes himself: looked at when it
   is taken, at the start, and in each run of the care job "lifecycle". So one that was said before the bytes came begins to count with the
   next run. As long as a reference counts by it, the author can't remove the bytes:
   he takes back the promotion first. */
#ifndef ELO_API_PROMOTED_H
#define ELO_API_PROMOTED_H

#include "backend/store/node.h"

typedef struct elo_promoted_s elo_promoted_t;

/* node_owner: is the operator to the store, whose agent is of zeros. */
elo_err_t elo_promoted_create(const elo_agent_t *node_owner,
                              elo_promoted_t **out) ELO_MUST_USE;
void elo_promoted_free(elo_promoted_t **p);

/* [any] For elo_store_cfg_t: ctx is the table. Takes a lock that nobody holds over
   anything that waits, and calls nothing. */
bool elo_promoted_has(void *ctx, const elo_digest_t *d, const elo_agent_t *to);

/* [any] from's word for `to` about d stands, or (else) has been taken back. Call
   elo_store_refs_changed after it. ELO_ENOMEM. */
elo_err_t elo_promoted_set(elo_promoted_t *p, elo_store_t *s,
                           const elo_digest_t *d, const elo_agent_t *to,
                           const elo_agent_t *from, bool stands) ELO_MUST_USE;

/* [work] Looks again at who possesses what, of up to n rows from *at on (0: the
   first); *at is 0 again when that was all. What follows for references is done. */
elo_err_t elo_promoted_look(elo_promoted_t *p, elo_store_t *s, size_t *at,
                            uint32_t n) ELO_MUST_USE;

/* Rows. */
size_t elo_promoted_count(elo_promoted_t *p);

#endif
