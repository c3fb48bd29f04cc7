/* SPDX-License-Identifier: BSD-2-Clause */
/* task_json: a replication task as clients see it. */
#ifndef ELO_API_TASK_JSON_H
#define ELO_API_TASK_JSON_H

#include "backend/json/json_write.h"
#include "backend/store/task.h"

/* "replicate", "repair"; static. */
const char *elo_task_kind_name(elo_task_kind_t kind);
bool elo_task_kind_parse(elo_slice_t name, elo_task_kind_t *out);

/* An object: kind, hash (of what is stored), reach, createdAt, due (null: at
   once), attempts, dropped, why. */
void elo_task_put_json(elo_json_writer_t *w, const char *name,
                       const elo_task_t *t);

#endif
