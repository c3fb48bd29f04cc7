/* SPDX-License-Identifier: BSD-2-Clause */
/* cachesim NAME FILE [POLICY]: replays a trace through the tiers of common/cache and
   through their peers. FILE "-" is the standard input, "gen" a trace of our own. A line
   is a cell: "NAME PART PER_MILLE POLICY requests misses bytes missed_bytes
   nanoseconds", these of one request. PART: all, or a tier of several; PER_MILLE of
   the part's bytes is what the cache holds.
   cachesim room BYTES FILE: all of the trace through a cache of that size: "POLICY
   requests hits", for those that a tier of chunks is compared with.
   cachesim cost: what a hit and a miss of a full tier cost: "POLICY objects hit_ns
   miss_ns bytes", these of one object in the tier, beside its own. */
#include "bench/lib/sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/num.h"

typedef struct {
    const char *name;
    sim_cache_t *(*peer)(const sim_trace_t *t, uint64_t capacity);
    sim_policy_t policy;
    const char
        *parts; /* it is for: a(ll), m, c, chun(k); "": only when named */
} row_t;

static const row_t rows[] = {
    { "LRU", sim_lru, 0, "amck" },
    { "S3-FIFO", sim_s3fifo, 0, "amck" },
    { "W-TinyLFU", sim_tinylfu, 0, "amck" },
    { "ours-LRU", NULL, SIM_LRU, "" },
    { "ours-LSZ", NULL, SIM_LSZ, "m" },
    { "ours-LSZ-bytes", NULL, SIM_LSZ_BYTES, "ak" },
    { "ours-QGF", NULL, SIM_QGF, "ac" },
};

#define COST_FEW  10000u /* objects: about what 32 MB of metadata hold */
#define COST_MANY 100000u
#define COST_HITS 2000000u

static const unsigned per_mille[] = { 1, 10, 100 };


static double
now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double) ts.tv_sec * 1e9 + (double) ts.tv_nsec;
}


/* ---- cells ---- */

static void
cell(const char *name, const char *part, const sim_trace_t *t, unsigned pm,
     const row_t *row)
{
    uint64_t capacity = sim_trace_footprint(t) / 1000 * pm;
    uint64_t n_misses = 0, bytes = 0, missed_bytes = 0;
    sim_cache_t *c = row->peer != NULL
                         ? row->peer(t, capacity)
                         : sim_ours(row->policy, t, capacity, t->n_objects);
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
    if (row->peer == NULL && !elo_tier_check(sim_tier(c))) {
        fprintf(stderr, "cachesim: %s: the tier is broken\n", row->name);
        exit(1);
    }
    printf("%s %s %u %s %" PRIu32 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %.0f\n",
           name, part, pm, row->name, t->n_requests, n_misses, bytes,
           missed_bytes, ns);
    c->free(c);
}


static void
cells(const char *name, const char *part, const sim_trace_t *t,
      const char *only)
{
    char letter = strcmp(part, "chunk") == 0 ? 'k' : part[0];

    for (size_t i = 0; i < ELO_COUNT(per_mille); i++) {
        for (size_t k = 0; k < ELO_COUNT(rows); k++) {
            if (only != NULL ? strcmp(only, rows[k].name) == 0
                             : strchr(rows[k].parts, letter) != NULL)
            {
                cell(name, part, t, per_mille[i], &rows[k]);
            }
        }
    }
    fflush(stdout);
}


static void
room(uint64_t capacity, const sim_trace_t *t)
{
    for (size_t k = 0; k < ELO_COUNT(rows); k++) {
        const row_t *row = &rows[k];
        uint32_t n_hits = 0;
        sim_cache_t *c;

        if (strchr(row->parts, 'k') == NULL) {
            continue;
        }
        c = row->peer != NULL
                ? row->peer(t, capacity)
                : sim_ours(row->policy, t, capacity, t->n_objects);
        for (uint32_t i = 0; i < t->n_requests; i++) {
            n_hits += c->ask(c, t->requests[i]) ? 1 : 0;
        }
        printf("%s %" PRIu32 " %" PRIu32 "\n", row->name, t->n_requests,
               n_hits);
        c->free(c);
    }
}


/* ---- costs ---- */

static void
let_go(elo_tier_gone_t *self, const elo_cache_key_t *key,
       const elo_tier_item_t *item)
{
    (void) self;
    (void) key;
    (void) item;
}


/* All keys are there before the clock runs, in the order in which they are asked for:
   what is measured is the tier. */
static elo_cache_key_t *
keys_of(uint32_t n)
{
    elo_cache_key_t *keys = sim_alloc(n, sizeof(*keys));

    for (uint64_t i = 0; i < n; i++) {
        uint64_t w[2] = { i * UINT64_C(0x9e3779b97f4a7c15), i };

        memcpy(keys[i].b, w, sizeof(w));
    }
    return keys;
}


/* Misses into a full tier; then hits of what it holds, in no order. */
static void
cost(const row_t *row, uint32_t n)
{
    uint32_t n_keys = 6 * n, n_held = 0;
    elo_cache_key_t *keys = keys_of(n_keys);
    sim_trace_t none = { .n_objects = 1 };
    sim_cache_t *c = sim_ours(row->policy, &none, n * UINT64_C(1000), n);
    elo_tier_t *t = sim_tier(c);
    elo_tier_gone_t gone = { let_go };
    elo_tier_item_t item = { .ref = 0 };
    double began = 0, miss_ns, hit_ns;
    uint32_t slot;

    for (uint32_t i = 0; i < n_keys; i++) {
        began = i == 2 * n ? now() : began;
        elo_tier_miss(t, &keys[i], ELO_CACHE_COMMONS);
        if (!elo_tier_get(t, &keys[i], &item)
            && elo_tier_reserve(t, &keys[i], ELO_CACHE_COMMONS,
                                900 + keys[i].b[3] % 200, &gone, &slot)
                   == ELO_OK)
        {
            (void) elo_tier_publish(t, slot, &item);
        }
    }
    miss_ns = (now() - began) / (n_keys - 2 * n);
    for (uint32_t i = 0; i < n_keys; i++) {
        if (elo_tier_get(t, &keys[i], &item)) {
            keys[n_held++] = keys[i];
        }
    }
    for (uint32_t i = n_held; i-- > 1;) { /* shuffled */
        uint32_t k = (uint32_t) (i * UINT64_C(0x9e3779b97f4a7c15) >> 33) % i;
        elo_cache_key_t key = keys[i];

        keys[i] = keys[k];
        keys[k] = key;
    }
    began = now();
    for (uint32_t i = 0; i < COST_HITS; i++) {
        const elo_cache_key_t *key = &keys[i % n_held];

        if (!elo_tier_get(t, key, &item) || !elo_tier_is_same(t, &item)) {
            exit(1);
        }
        elo_tier_hit(t, key, &item);
    }
    hit_ns = (now() - began) / COST_HITS;
    printf("%s %u %.0f %.0f %.1f\n", row->name, n, hit_ns, miss_ns,
           (double) sim_bytes(c) / n);
    c->free(c);
    free(keys);
}


static void
read_trace(const char *name, const char *file, sim_trace_t *t)
{
    FILE *in = strcmp(file, "-") == 0 ? stdin : fopen(file, "r");

    if (in == NULL) {
        fprintf(stderr, "cachesim: %s can't be read\n", file);
        exit(1);
    }
    sim_trace_read(in, name, t);
    if (in != stdin) {
        (void) fclose(in);
    }
}


int
main(int argc, char **argv)
{
    static const char *const parts[SIM_TIERS] = { "metadata", "complete",
                                                  "chunk" };
    const char *only = argc == 4 ? argv[3] : NULL;
    sim_trace_t t, part;

    if (argc == 2 && strcmp(argv[1], "cost") == 0) {
        for (size_t i = 0; i < ELO_COUNT(rows); i++) {
            if (rows[i].peer == NULL) {
                cost(&rows[i], COST_FEW);
                cost(&rows[i], COST_MANY);
            }
        }
        return 0;
    }
    if (argc == 4 && strcmp(argv[1], "room") == 0) {
        read_trace(argv[1], argv[3], &t);
        room(strtoull(argv[2], NULL, 10), &t);
        sim_trace_free(&t);
        return 0;
    }
    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: cachesim NAME FILE [POLICY]\n");
        return 2;
    }
    if (strcmp(argv[2], "gen") == 0) {
        sim_trace_make(SIM_GEN_REQUESTS, &t);
    } else {
        read_trace(argv[1], argv[2], &t);
    }
    cells(argv[1], "all", &t, only);
    for (int tier = 0; tier < (int) SIM_TIERS; tier++) {
        sim_trace_part(&t, tier, 0, &part);
        if (part.n_requests > 0 && part.n_requests < t.n_requests) {
            cells(argv[1], parts[tier], &part, only);
        }
        sim_trace_free(&part);
    }
    sim_trace_free(&t);
    return 0;
}
