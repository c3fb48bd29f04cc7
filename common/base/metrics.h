/* SPDX-License-Identifier: BSD-2-Clause */
/* metrics: counters by the table metrics.def, and how they are shown: text of
   Prometheus, JSON. A block of them has one writer, and any number of readers; blocks
   are summed when they are read. It may lie in shared memory. */
#ifndef ELO_BASE_METRICS_H
#define ELO_BASE_METRICS_H

#include <stdint.h>

#include "common/base/buf.h"

/* Values of the labels: ELO_BY_STATUS_HIT, ..., ELO_BY_STATUS_N. */
enum { ELO_BY_NONE_N = 1 };
#define ELO_BY_STATUS(name, text) ELO_BY_STATUS_##name,
enum {
#include "common/base/metrics.def"
    ELO_BY_STATUS_N
};
#define ELO_BY_CLASS(name, text) ELO_BY_CLASS_##name,
enum {
#include "common/base/metrics.def"
    ELO_BY_CLASS_N
};
#define ELO_BY_CODE(name, text) ELO_BY_CODE_##name,
enum {
#include "common/base/metrics.def"
    ELO_BY_CODE_N
};
#define ELO_BY_SOURCE(name, text) ELO_BY_SOURCE_##name,
enum {
#include "common/base/metrics.def"
    ELO_BY_SOURCE_N
};
#define ELO_BY_TIER(name, text) ELO_BY_TIER_##name,
enum {
#include "common/base/metrics.def"
    ELO_BY_TIER_N
};
#define ELO_BY_REACH(name, text) ELO_BY_REACH_##name,
enum {
#include "common/base/metrics.def"
    ELO_BY_REACH_N
};

/* Bounds of a histogram, inclusive, in microseconds; one more bucket for what is
   longer. */
#define ELO_METRIC_BOUNDS                                                      \
    10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000,  \
        250000, 500000, 1000000, 2500000, 5000000, 10000000
#define ELO_METRIC_BUCKETS 20u

/* Slots that one value of its labels takes; a histogram: buckets, and the sum. */
#define ELO_METRIC_COUNTER   1
#define ELO_METRIC_GAUGE     1
#define ELO_METRIC_SECONDS   1
#define ELO_METRIC_HISTOGRAM (ELO_METRIC_BUCKETS + 1)

/* The first slot of each metric. That of its labels' values a and b is a * (values of
   the second label) + b further on: elo_metric_at. */
#define ELO_METRIC(name, kind, label, label2, text, help)                      \
    ELO_M_##name,                                                              \
        ELO_M_##name##_END =                                                   \
            ELO_M_##name                                                       \
            + ELO_METRIC_##kind * ELO_BY_##label##_N * ELO_BY_##label2##_N     \
            - 1,
enum {
#include "common/base/metrics.def"
    ELO_M_SLOTS
};

#define elo_metric_at(name, a, label2, b)                                      \
    (ELO_M_##name + (uint32_t) (a) *ELO_BY_##label2##_N + (uint32_t) (b))

/* Blocks of two writers share no line of a processor's cache. */
typedef struct {
    uint64_t v[ELO_M_SLOTS];
} __attribute__((aligned(64))) elo_metrics_t;

/* The writer's: slot below ELO_M_SLOTS. */
static inline void
elo_metrics_add(elo_metrics_t *m, uint32_t slot, uint64_t n)
{
    __atomic_store_n(&m->v[slot],
                     __atomic_load_n(&m->v[slot], __ATOMIC_RELAXED) + n,
                     __ATOMIC_RELAXED);
}


/* slot: the first of a histogram. */
void elo_metrics_observe(elo_metrics_t *m, uint32_t slot, uint64_t us);

/* Adds what from has; its writer may go on. */
void elo_metrics_sum(elo_metrics_t *into, const elo_metrics_t *from);

/* The exposition format of Prometheus, version 0.0.4: names begin with "elohim_". All
   series are there, also those of zero. Errors: those of the buffer. */
void elo_metrics_prometheus(const elo_metrics_t *m, elo_buf_t *out);

/* One object: a member for each metric, by its text name; labels are objects in it, and
   a histogram one of "count", "sum" and "buckets" (of each bound in seconds, how many
   were not longer). */
void elo_metrics_json(const elo_metrics_t *m, elo_buf_t *out);

#endif
