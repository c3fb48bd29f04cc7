/* SPDX-License-Identifier: BSD-2-Clause */
/* cachesim NAME FILE [POLICY]: replays a trace through the tiers of common/cache and through
   their peers. A line is a cell: "NAME PART PER_MILLE POLICY requests misses bytes
   missed_bytes nanoseconds bytes_an_object", the time of one request, and what one
   object of a full tier costs in memory beside its bytes. PART: all, or a tier. */
#include "bench/lib/sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/num.h"
#include "common/cache/tier.h"

typedef struct {
    const char *name;
    sim_cache_t *(*peer)(const sim_trace_t *t, uint64_t capacity);
    elo_cache_policy_t policy;
    uint32_t window_pct;
    bool by_bytes;
} row_t;

typedef struct {
    sim_cache_t cache;
    elo_tier_t *tier;
    size_t len;
} ours_t;

static const row_t rows[] = {
    { "LRU", sim_lru, 0, 0, false },
    { "S3-FIFO", sim_s3fifo, 0, 0, false },
    { "W-TinyLFU", sim_tinylfu, 0, 0, false },
    { "ours-LRU", NULL, ELO_CACHE_LRU, 0, false },
    { "ours-LSZ", NULL, ELO_CACHE_LSZ, 5, false },
    { "ours-LSZ-bytes", NULL, ELO_CACHE_LSZ, 20, true },
    { "ours-QGF", NULL, ELO_CACHE_QGF, 0, false },
};

static const unsigned per_mille[] = { 1, 10, 100 };


static double
now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double) ts.tv_sec * 1e9 + (double) ts.tv_nsec;
}


/* ---- ours ---- */

static elo_cache_key_t
key_of(const sim_object_t *o)
{
    elo_cache_key_t key = { { 0 } };

    memcpy(key.b, &o->id, sizeof(o->id));
    key.b[8] = o->tier;
    return key;
}


static bool
ours_ask(sim_cache_t *c, uint32_t i)
{
    elo_tier_t *t = ((ours_t *) c)->tier;
    const sim_object_t *o = &c->trace->objects[i];
    elo_cache_class_t klass = ELO_CACHE_COMMONS;
    elo_cache_key_t key = key_of(o);
    elo_tier_item_t item = { .ref = 0 };
    uint32_t slot;

    if (elo_tier_get(t, &key, &item)) {
        elo_tier_hit(t, &key, &item);
        return true;
    }
    elo_tier_miss(t, &key, klass);
    if (elo_tier_reserve(t, &key, klass, o->size, NULL, &slot) == ELO_OK) {
        (void) elo_tier_publish(t, slot, &item);
    }
    return false;
}


static void
ours_free(sim_cache_t *c)
{
    free(((ours_t *) c)->tier);
    free(c);
}


static sim_cache_t *
ours(const row_t *row, const sim_trace_t *t, uint64_t capacity)
{
    ours_t *o = sim_alloc(1, sizeof(*o));
    elo_tier_conf_t conf = {
        .policy = row->policy,
        .capacity = ELO_MAX(capacity, 1),
        .max_entries = t->n_objects,
        .max_object = capacity,
        .window_pct = row->window_pct,
        .by_bytes = row->by_bytes,
    };
    void *mem;

    o->len = elo_tier_bytes(&conf);
    mem = aligned_alloc(64, o->len);
    if (mem == NULL || elo_tier_init(mem, &conf, 1, &o->tier) != ELO_OK) {
        fprintf(stderr, "cachesim: no tier\n");
        exit(1);
    }
    o->cache = (sim_cache_t){ ours_ask, ours_free, t, capacity };
    return &o->cache;
}


/* ---- cells ---- */

static void
cell(const char *name, const char *part, const sim_trace_t *t, unsigned pm,
     const row_t *row)
{
    uint64_t capacity = sim_trace_footprint(t) / 1000 * pm;
    uint64_t n_misses = 0, bytes = 0, missed_bytes = 0;
    sim_cache_t *c = row->peer != NULL ? row->peer(t, capacity)
                                       : ours(row, t, capacity);
    double before = now(), ns;

    for (uint32_t i = 0; i < t->n_requests; i++) {
        uint64_t size = t->objects[t->requests[i]].size;

        bytes += size;
        if (!c->ask(c, t->requests[i])) {
            n_misses++;
            missed_bytes += size;
        }
    }
    ns = (now() - before) / t->n_requests;
    if (row->peer == NULL && !elo_tier_check(((ours_t *) c)->tier)) {
        fprintf(stderr, "cachesim: %s: the tier is broken\n", row->name);
        exit(1);
    }
    printf("%s %s %u %s %" PRIu32 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %.0f\n",
           name, part, pm, row->name, t->n_requests, n_misses, bytes,
           missed_bytes, ns);
    c->free(c);
}


static const char *only; /* a policy; NULL: all */


static void
cells(const char *name, const char *part, const sim_trace_t *t)
{
    for (size_t i = 0; i < ELO_COUNT(per_mille); i++) {
        for (size_t k = 0; k < ELO_COUNT(rows); k++) {
            if (only == NULL || strcmp(only, rows[k].name) == 0) {
                cell(name, part, t, per_mille[i], &rows[k]);
            }
        }
    }
    fflush(stdout);
}


int
main(int argc, char **argv)
{
    static const char *const parts[SIM_TIERS] = { "metadata", "complete",
                                                  "chunk" };
    sim_trace_t t, part;
    FILE *in;

    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: cachesim NAME FILE [POLICY]\n");
        return 2;
    }
    only = argv[3];
    in = strcmp(argv[2], "-") == 0 ? stdin : fopen(argv[2], "r");
    if (in == NULL) {
        fprintf(stderr, "cachesim: %s can't be read\n", argv[2]);
        return 1;
    }
    sim_trace_read(in, argv[1], &t);
    cells(argv[1], "all", &t);
    for (int tier = 0; tier < (int) SIM_TIERS; tier++) {
        sim_trace_part(&t, tier, 0, &part);
        if (part.n_requests > 0 && part.n_requests < t.n_requests) {
            cells(argv[1], parts[tier], &part);
        }
        sim_trace_free(&part);
    }
    sim_trace_free(&t);
    return 0;
}
