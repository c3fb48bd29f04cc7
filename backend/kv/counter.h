/* SPDX-License-Identifier: BSD-2-Clause */
/* counter: sums by (space, id) in memory. The commit thread adds; what it added
   since the last publish can be taken back. Other threads read what was published
   last. Functions are the commit thread's unless they say otherwise. */
#ifndef ELO_KV_COUNTER_H
#define ELO_KV_COUNTER_H

#include <stdint.h>

#include "common/base/err.h"

typedef struct elo_counters_s elo_counters_t;

elo_err_t elo_counters_create(elo_counters_t **out) ELO_MUST_USE;
void elo_counters_free(elo_counters_t **c);

/* As it was kept: published, and no change. ELO_ENOMEM. */
elo_err_t elo_counters_load(elo_counters_t *c, uint8_t space, uint64_t id,
                            int64_t value) ELO_MUST_USE;

/* ELO_ENOMEM, and nothing has changed. */
elo_err_t elo_counters_add(elo_counters_t *c, uint8_t space, uint64_t id,
                           int64_t delta) ELO_MUST_USE;
int64_t elo_counters_sum(const elo_counters_t *c, uint8_t space, uint64_t id);

/* What was added after mark, a value of elo_counters_mark since the last publish,
   is taken back. 0: all of it. */
uint32_t elo_counters_mark(const elo_counters_t *c);
void elo_counters_rewind(elo_counters_t *c, uint32_t mark);

void elo_counters_publish(elo_counters_t *c);

/* Any thread. */
int64_t elo_counters_read(elo_counters_t *c, uint8_t space, uint64_t id);

typedef struct {
    uint64_t id;
    int64_t value;
    uint8_t space;
} elo_counter_t;

/* Those that changed since the last call, as published; owned by the caller,
   free(3). *n may be 0 with *out NULL. ELO_ENOMEM: call again. */
elo_err_t elo_counters_seal(elo_counters_t *c, elo_counter_t **out,
                            uint32_t *n) ELO_MUST_USE;

/* All ids of a space; fn may add to them. */
void elo_counters_each(elo_counters_t *c, uint8_t space,
                       void (*fn)(void *ctx, uint64_t id, int64_t sum),
                       void *ctx);

#endif
