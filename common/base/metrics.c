/* SPDX-License-Identifier: BSD-2-Clause */
/* metrics: see the header. Spec: Prometheus, text-based exposition format 0.0.4. */
#include "common/base/metrics.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>

#define US_PER_S UINT64_C(1000000)

typedef enum { COUNTER, GAUGE, SECONDS, HISTOGRAM } kind_t;

/* A label, and its values. */
typedef struct {
    const char *name; /* NULL: there is none, of one value */
    const char *const *value;
    uint32_t n;
} label_t;

static const char *const none_values[] = { "" };

#define ELO_BY_STATUS(name, text) text,
static const char *const status_values[] = {
#include "common/base/metrics.def"
};
#define ELO_BY_CLASS(name, text) text,
static const char *const class_values[] = {
#include "common/base/metrics.def"
};
#define ELO_BY_CODE(name, text) text,
static const char *const code_values[] = {
#include "common/base/metrics.def"
};
#define ELO_BY_SOURCE(name, text) text,
static const char *const source_values[] = {
#include "common/base/metrics.def"
};
#define ELO_BY_TIER(name, text) text,
static const char *const tier_values[] = {
#include "common/base/metrics.def"
};
#define ELO_BY_REACH(name, text) text,
static const char *const reach_values[] = {
#include "common/base/metrics.def"
};

static const label_t NONE = { NULL, none_values, ELO_BY_NONE_N };
static const label_t STATUS = { "status", status_values, ELO_BY_STATUS_N };
static const label_t CLASS = { "class", class_values, ELO_BY_CLASS_N };
static const label_t CODE = { "code", code_values, ELO_BY_CODE_N };
static const label_t SOURCE = { "tier", source_values, ELO_BY_SOURCE_N };
static const label_t TIER = { "tier", tier_values, ELO_BY_TIER_N };
static const label_t REACH = { "class", reach_values, ELO_BY_REACH_N };

typedef struct {
    const char *name;
    const char *help;
    kind_t kind;
    uint32_t slot;
    const label_t *a, *b;
} metric_t;

#define ELO_METRIC(name, kind, label, label2, text, help)                      \
    { text, help, kind, ELO_M_##name, &(label), &(label2) },
static const metric_t metrics[] = {
#include "common/base/metrics.def"
};

#define N_METRICS (sizeof(metrics) / sizeof(metrics[0]))

static const uint64_t bounds[] = { ELO_METRIC_BOUNDS };
_Static_assert(sizeof(bounds) / sizeof(bounds[0]) == ELO_METRIC_BUCKETS - 1,
               "the last bucket has no bound");

static const char *const type_of[] = { "counter", "gauge", "gauge",
                                       "histogram" };


void
elo_metrics_observe(elo_metrics_t *m, uint32_t slot, uint64_t us)
{
    uint32_t i = 0;

    while (i < ELO_METRIC_BUCKETS - 1 && us > bounds[i]) {
        i++;
    }
    elo_metrics_add(m, slot + i, 1);
    elo_metrics_add(m, slot + ELO_METRIC_BUCKETS, us);
}


void
elo_metrics_sum(elo_metrics_t *into, const elo_metrics_t *from)
{
    for (uint32_t i = 0; i < ELO_M_SLOTS; i++) {
        into->v[i] += __atomic_load_n(&from->v[i], __ATOMIC_RELAXED);
    }
}


/* With no more digits than it takes: 0.00025, 1, 2.5. */
static void
put_seconds(elo_buf_t *out, uint64_t us)
{
    uint64_t rest = us % US_PER_S;
    int digits = 6;

    elo_buf_printf(out, "%" PRIu64, us / US_PER_S);
    if (rest == 0) {
        return;
    }
    for (; rest % 10 == 0; rest /= 10) {
        digits--;
    }
    elo_buf_printf(out, ".%0*" PRIu64, digits, rest);
}


/* ---- Prometheus ---- */

/* le: NULL, or a bound in microseconds; UINT64_MAX: the bucket of all. */
static void
put_labels(elo_buf_t *out, const metric_t *x, uint32_t a, uint32_t b,
           const uint64_t *le)
{
    const char *sep = "{";

    if (x->a->name != NULL) {
        elo_buf_printf(out, "%s%s=\"%s\"", sep, x->a->name, x->a->value[a]);
        sep = ",";
    }
    if (x->b->name != NULL) {
        elo_buf_printf(out, "%s%s=\"%s\"", sep, x->b->name, x->b->value[b]);
        sep = ",";
    }
    if (le != NULL) {
        elo_buf_printf(out, "%sle=\"", sep);
        if (*le == UINT64_MAX) {
            elo_buf_put_str(out, "+Inf");
        } else {
            put_seconds(out, *le);
        }
        elo_buf_put_str(out, "\"");
        sep = ",";
    }
    if (sep[0] == ',') {
        elo_buf_put_str(out, "}");
    }
}


static void
put_histogram(elo_buf_t *out, const metric_t *x, uint32_t a, uint32_t b,
              const uint64_t *v)
{
    static const uint64_t all = UINT64_MAX;
    uint64_t n = 0;

    for (uint32_t i = 0; i < ELO_METRIC_BUCKETS; i++) {
        n += v[i];
        elo_buf_printf(out, "elohim_%s_bucket", x->name);
        put_labels(out, x, a, b,
                   i == ELO_METRIC_BUCKETS - 1 ? &all : &bounds[i]);
        elo_buf_printf(out, " %" PRIu64 "\n", n);
    }
    elo_buf_printf(out, "elohim_%s_sum", x->name);
    put_labels(out, x, a, b, NULL);
    elo_buf_put_str(out, " ");
    put_seconds(out, v[ELO_METRIC_BUCKETS]);
    elo_buf_printf(out, "\nelohim_%s_count", x->name);
    put_labels(out, x, a, b, NULL);
    elo_buf_printf(out, " %" PRIu64 "\n", n);
}


static uint32_t
width(const metric_t *x)
{
    return x->kind == HISTOGRAM ? ELO_METRIC_HISTOGRAM : 1;
}


static const uint64_t *
values(const elo_metrics_t *m, const metric_t *x, uint32_t a, uint32_t b)
{
    return &m->v[x->slot + (a * x->b->n + b) * width(x)];
}


static void
put_sample(elo_buf_t *out, const metric_t *x, uint32_t a, uint32_t b,
           const uint64_t *v)
{
    if (x->kind == HISTOGRAM) {
        put_histogram(out, x, a, b, v);
        return;
    }
    elo_buf_printf(out, "elohim_%s", x->name);
    put_labels(out, x, a, b, NULL);
    elo_buf_put_str(out, " ");
    if (x->kind == SECONDS) {
        put_seconds(out, *v);
    } else {
        elo_buf_printf(out, "%" PRIu64, *v);
    }
    elo_buf_put_str(out, "\n");
}


void
elo_metrics_prometheus(const elo_metrics_t *m, elo_buf_t *out)
{
    for (size_t i = 0; i < N_METRICS; i++) {
        const metric_t *x = &metrics[i];

        elo_buf_printf(out, "# HELP elohim_%s %s\n# TYPE elohim_%s %s\n",
                       x->name, x->help, x->name, type_of[x->kind]);
        for (uint32_t a = 0; a < x->a->n; a++) {
            for (uint32_t b = 0; b < x->b->n; b++) {
                put_sample(out, x, a, b, values(m, x, a, b));
            }
        }
    }
}


/* ---- JSON ---- */

static void
put_json_value(elo_buf_t *out, const metric_t *x, const uint64_t *v)
{
    uint64_t n = 0;

    if (x->kind == SECONDS) {
        put_seconds(out, *v);
        return;
    }
    if (x->kind != HISTOGRAM) {
        elo_buf_printf(out, "%" PRIu64, *v);
        return;
    }
    elo_buf_put_str(out, "{\"buckets\":{");
    for (uint32_t i = 0; i < ELO_METRIC_BUCKETS; i++) {
        n += v[i];
        elo_buf_put_str(out, i == 0 ? "\"" : ",\"");
        if (i == ELO_METRIC_BUCKETS - 1) {
            elo_buf_put_str(out, "+Inf");
        } else {
            put_seconds(out, bounds[i]);
        }
        elo_buf_printf(out, "\":%" PRIu64, n);
    }
    elo_buf_put_str(out, "},\"sum\":");
    put_seconds(out, v[ELO_METRIC_BUCKETS]);
    elo_buf_printf(out, ",\"count\":%" PRIu64 "}", n);
}


static void
put_json_inner(elo_buf_t *out, const elo_metrics_t *m, const metric_t *x,
               uint32_t a)
{
    if (x->b->name == NULL) {
        put_json_value(out, x, values(m, x, a, 0));
        return;
    }
    for (uint32_t b = 0; b < x->b->n; b++) {
        elo_buf_printf(out, "%s\"%s\":", b == 0 ? "{" : ",", x->b->value[b]);
        put_json_value(out, x, values(m, x, a, b));
    }
    elo_buf_put_str(out, "}");
}


void
elo_metrics_json(const elo_metrics_t *m, elo_buf_t *out)
{
    for (size_t i = 0; i < N_METRICS; i++) {
        const metric_t *x = &metrics[i];

        elo_buf_printf(out, "%s\"%s\":", i == 0 ? "{" : ",\n", x->name);
        if (x->a->name == NULL) {
            put_json_inner(out, m, x, 0);
            continue;
        }
        for (uint32_t a = 0; a < x->a->n; a++) {
            elo_buf_printf(out, "%s\"%s\":", a == 0 ? "{" : ",",
                           x->a->value[a]);
            put_json_inner(out, m, x, a);
        }
        elo_buf_put_str(out, "}");
    }
    elo_buf_put_str(out, "}\n");
}
