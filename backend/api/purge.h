/* SPDX-License-Identifier: BSD-2-Clause */
/* purge: what was asked to go from edges' caches, one after the other. Each is worked on
   in pieces, on the pool, and the pieces come no faster than edges look at the ring of
   the generation page (4,096 entries a second): nobody's purge makes it overrun, which
   would cost edges all that they have. */
#ifndef ELO_API_PURGE_H
#define ELO_API_PURGE_H

#include "backend/api/api_internal.h"
#include "backend/edge/pick.h"

typedef struct elo_purge_queue_s elo_purge_queue_t;

elo_err_t elo_purge_queue_create(elo_loop_t *loop, elo_store_t *s,
                                 elo_purge_queue_t **out) ELO_MUST_USE;
/* After the loop has run. */
void elo_purge_queue_free(elo_purge_queue_t **q);

/* From now on pieces don't wait. */
void elo_purge_queue_drain(elo_purge_queue_t *q);

/* May he, once more? Agents are counted; *wait_s is when to come again. */
bool elo_purge_queue_admits(elo_purge_queue_t *q, const elo_call_t *c,
                            uint32_t *wait_s);

/* Answers c's request when it is done. is_everyones: what is too much to be told piece
   by piece may become a purge of all. ELO_ERATE: too many wait; ELO_ENOMEM. */
elo_err_t elo_purge_queue_put(elo_purge_queue_t *q, const elo_call_t *c,
                              const elo_pick_ask_t *ask,
                              bool is_everyones) ELO_MUST_USE;

/* ---- purge_api.c ---- */

/* Parameters address, content, prefix, tag, reach, all of a request: exactly one of
   them. NULL, or what is wrong. */
const char *elo_purge_ask_parse(elo_slice_t query, elo_pick_ask_t *out);

/* What edges' caches hold: the rule for who is that to it (0: everybody's, ELO_FACT_OWNER:
   his own). */
elo_rule_t elo_purge_rule(const elo_call_t *c, uint32_t facts);

/* False, and that is answered, with the refusal's detail: by what he is, or his token is
   for, he changes nothing in caches, be it his own. */
bool elo_purge_may(const elo_call_t *c, const char *refusal);

#endif
