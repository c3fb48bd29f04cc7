/* SPDX-License-Identifier: BSD-2-Clause */
/* task_internal: what task.c does within operations of others. */
#ifndef ELO_STORE_TASK_INTERNAL_H
#define ELO_STORE_TASK_INTERNAL_H

#include "backend/store/task.h"

/* What the queue keeps in memory. */
typedef struct elo_tasks_s {
    struct elo_task_head_s *head;
    elo_store_events_t ev; /* set before any traffic */
    uint32_t turn;         /* shared: atomic. Of takes of a single task */
} elo_tasks_t;

/* Part of opening and closing a store. */
elo_err_t elo_tasks_create(elo_tasks_t **out) ELO_MUST_USE;
void elo_tasks_free(elo_tasks_t **t);

/* [commit] Derive hook of table TASK: ELO_TOTAL_TASKS and _WAITING, which leave out
   what was dropped. */
elo_err_t elo_task_derive(elo_kv_tx_t *tx, elo_slice_t key,
                          const elo_kv_entry_t *was,
                          const elo_kv_entry_t *now) ELO_MUST_USE;

/* [any] Tasks that were taken are no longer. */
void elo_tasks_give(elo_tasks_t *q, const elo_task_t *t, uint32_t n);

/* What an operation has added; zeros: nothing. */
typedef struct {
    uint8_t key[43];
    bool is_added;
} elo_task_mark_t;

/* [commit] The task of a blob that this operation writes: is_fresh when its row was
   not there before, which saves a look. reach and created_us are those of the
   row. Adds nothing when there is one already. ELO_EQUEUEFULL: refuse the put. */
elo_err_t elo_task_join(elo_store_t *s, elo_kv_tx_t *tx, elo_task_kind_t kind,
                        const elo_digest_t *stored, elo_reach_t reach,
                        uint64_t created_us, bool is_fresh,
                        elo_task_mark_t *mark) ELO_MUST_USE;

/* [any] When that operation is durable (from its done): the queue and the listener
   know of the task from here on. */
void elo_task_joined(elo_store_t *s, const elo_task_mark_t *mark);

/* [commit] Ends all tasks of a blob that is removed; reach and created_us are those
   of its row. */
elo_err_t elo_task_forget(elo_kv_tx_t *tx, const elo_digest_t *stored,
                          elo_reach_t reach, uint64_t created_us) ELO_MUST_USE;

#endif
