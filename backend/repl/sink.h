/* SPDX-License-Identifier: BSD-2-Clause */
/* sink: where replication tasks go. A sink is owned by whoever made it and outlives
   the worker that drains the queue into it. */
#ifndef ELO_REPL_SINK_H
#define ELO_REPL_SINK_H

#include "backend/store/task.h"

typedef struct elo_sink_s elo_sink_t;

typedef struct {
    /* ELO_OK: nothing is left to do. ELO_EAGAIN: not now, and nobody is to blame:
       the task is taken again soon. Anything else has failed: tried again, later
       each time. */
    elo_err_t err;
    char why[ELO_TASK_WHY_MAX + 1]; /* of a failure, for people; may be "" */
} elo_sink_result_t;

struct elo_sink_s {
    const char *name;
    /* [work] Works on n tasks and fills in results[0..n), which are all ELO_OK
       before. One call at a time. */
    void (*run)(elo_sink_t *self, const elo_task_t *tasks, uint32_t n,
                elo_sink_result_t *results);
};

/* Has nothing to do, as long as there are no peers: every task ends well. Static. */
elo_sink_t *elo_sink_noop(void);

#endif
