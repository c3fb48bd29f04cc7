/* SPDX-License-Identifier: BSD-2-Clause */
/* ack: how far a blob that was accepted has come.

   accepted: on this disk, synced, and in the queue. durable: nothing is left to
   do for it, because enough nodes hold it, or because no other node that may hold
   it is known; then, when there are fewer than its reach wants, it is reduced. Until
   there are peers this node is the only one. Any thread. */
#ifndef ELO_REPL_ACK_H
#define ELO_REPL_ACK_H

#include "backend/store/task.h"

typedef enum {
    ELO_ACK_NONE = 0, /* it isn't here: it has been removed */
    ELO_ACK_ACCEPTED = 1,
    ELO_ACK_DURABLE = 2,
} elo_ack_tier_t;

/* The last one that is reached today. */
#define ELO_ACK_LAST ELO_ACK_DURABLE

typedef struct {
    elo_ack_tier_t tier;
    bool is_reduced; /* durable with fewer holders than wanted */
    uint32_t holders, wanted;
    bool has_task;
    elo_task_t task; /* with has_task */
} elo_ack_t;

/* "accepted", "durable"; static. */
const char *elo_ack_name(elo_ack_tier_t tier);

/* Digest of what is stored for a blob, by which its tasks go. */
const elo_digest_t *elo_ack_object(const elo_blob_stat_t *st);

/* reach: as it holds for the blob, by its upload or by its nodes. */
elo_err_t elo_ack_find(elo_store_t *s, const elo_blob_stat_t *st,
                       elo_reach_t reach, elo_ack_t *out) ELO_MUST_USE;

#endif
