/* SPDX-License-Identifier: BSD-2-Clause */
/* sink_noop: the sink of a node without peers. */
#include "backend/repl/sink.h"


static void
run(elo_sink_t *self, const elo_task_t *tasks, uint32_t n,
    elo_sink_result_t *results)
{
    (void) self;
    (void) tasks;
    (void) n;
    (void) results;
}


elo_sink_t *
elo_sink_noop(void)
{
    static elo_sink_t sink = { .name = "noop", .run = run };

    return &sink;
}
