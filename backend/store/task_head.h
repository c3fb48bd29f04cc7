/* SPDX-License-Identifier: BSD-2-Clause */
/* task_head: the front of the queue in memory: the ready tasks that come next, so
   that a sink that keeps up never searches the table; which tasks have been
   taken; when the next waiting one is due. It knows no store: whoever changes the
   table tells it afterwards. Any thread.

   (H1) A ready task with a key below the horizon is in the head, or taken, or not
   yet told of. Tasks from the horizon on are in the table only; a fill brings the
   next of them.
   (H2) A key that came from a fill may have ended since its view of the table:
   whoever pops one that isn't sure looks it up once more. */
#ifndef ELO_STORE_TASK_HEAD_H
#define ELO_STORE_TASK_HEAD_H

#include "backend/store/records_task.h"

#define ELO_HEAD_MAX  4096u /* ready tasks in memory */
#define ELO_TAKEN_MAX 4096u /* with takers at one time */
#define ELO_FILL_MAX  1024u /* brought by one fill */
#define ELO_TASK_ID   33u   /* kind, digest: the end of either key */

typedef struct {
    uint8_t key[ELO_TASK_READY_KEY];
    bool is_sure; /* (H2) */
} elo_ready_t;

typedef struct elo_task_head_s elo_task_head_t;

elo_err_t elo_head_create(elo_task_head_t **out) ELO_MUST_USE;
void elo_head_free(elo_task_head_t **h);

/* A ready task is in the table, durably; or perhaps it is: !is_sure. */
void elo_head_push(elo_task_head_t *h, const uint8_t key[ELO_TASK_READY_KEY],
                   bool is_sure);

/* A ready task has left the table, or its place in it. */
void elo_head_drop(elo_task_head_t *h, const uint8_t key[ELO_TASK_READY_KEY]);

/* Up to max in order; they are taken from now on. */
uint32_t elo_head_pop(elo_task_head_t *h, elo_ready_t *out, uint32_t max);

/* Takes a waiting task; false when another has it, or too many are taken. */
bool elo_head_take(elo_task_head_t *h, const uint8_t id[ELO_TASK_ID]);
void elo_head_give(elo_task_head_t *h, const uint8_t id[ELO_TASK_ID]);

/* A fill: false when there is no need or no room; else the table is to be read, by a
   view that begins after this, from the key from. It ends with all keys found, in
   order, and is_end when there are no more ready ones; or with n 0 and !is_end,
   and then all is as before. One at a time: the caller waits here for another. */
bool elo_head_fill_begin(elo_task_head_t *h, uint8_t from[ELO_TASK_READY_KEY]);
void elo_head_fill_end(elo_task_head_t *h,
                       const uint8_t from[ELO_TASK_READY_KEY],
                       const uint8_t (*found)[ELO_TASK_READY_KEY], uint32_t n,
                       bool is_end);

/* When the next waiting task is due, as far as is known; 0: look. *stamp is for
   elo_head_set_due, which is ignored when something was told in between. */
uint64_t elo_head_due(elo_task_head_t *h, uint64_t *stamp);
void elo_head_set_due(elo_task_head_t *h, uint64_t due_ms, uint64_t stamp);
/* A task waits since now, or waits again. */
void elo_head_wait(elo_task_head_t *h, uint64_t due_ms);

#endif
