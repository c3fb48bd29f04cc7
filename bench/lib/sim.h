/* SPDX-License-Identifier: BSD-2-Clause */
/* sim: a trace of requests in memory, and the caches that cachesim replays it through.
   Of benchmarks only. */
#ifndef BENCH_SIM_H
#define BENCH_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/cache/tier.h"

#define SIM_NONE  UINT32_MAX
#define SIM_TIERS 3u

/* An object is the pair (tier, id); its size is the first that was seen. */
typedef struct {
    uint64_t id;
    uint64_t size;
    uint8_t tier;
    uint8_t reach;
} sim_object_t;

typedef struct {
    sim_object_t *objects;
    uint32_t n_objects;
    uint32_t *requests; /* numbers of objects */
    uint32_t n_requests;
} sim_trace_t;

/* Ends the program with a message when it can't be read. Free with sim_trace_free. */
void sim_trace_read(FILE *in, const char *name, sim_trace_t *out);
void sim_trace_free(sim_trace_t *t);
/* The requests of one tier only; of all that are as wide as reach at least. */
void sim_trace_part(const sim_trace_t *t, int tier, unsigned reach,
                    sim_trace_t *out);
/* A trace of n requests, always the same: documents, files and pieces of videos in all
   three tiers and classes, whose popularity drifts, a crawler, and a flood of private
   ones. */
#define SIM_GEN_REQUESTS 300000u
void sim_trace_make(uint32_t n, sim_trace_t *out);
uint64_t sim_trace_footprint(const sim_trace_t *t);

/* A cache: a look-up, which enters what it misses. */
typedef struct sim_cache_s sim_cache_t;
struct sim_cache_s {
    bool (*ask)(sim_cache_t *c, uint32_t object); /* true: a hit */
    void (*free)(sim_cache_t *c);
    const sim_trace_t *trace;
    uint64_t capacity;
};

sim_cache_t *sim_lru(const sim_trace_t *t, uint64_t capacity);
sim_cache_t *sim_s3fifo(const sim_trace_t *t, uint64_t capacity);
sim_cache_t *sim_tinylfu(const sim_trace_t *t, uint64_t capacity);

typedef enum { SIM_LRU, SIM_LSZ, SIM_LSZ_BYTES, SIM_QGF } sim_policy_t;

/* A tier of ours, in which all is commons, as the peers see it. */
sim_cache_t *sim_ours(sim_policy_t p, const sim_trace_t *t, uint64_t capacity,
                      uint32_t max_entries);
/* One that tells classes apart: floors of so much for private and twice that for
   community, per mille. */
sim_cache_t *sim_ladder(sim_policy_t p, const sim_trace_t *t, uint64_t capacity,
                        uint32_t max_entries, uint32_t floor_pm);
elo_tier_t *sim_tier(sim_cache_t *ours);
size_t sim_bytes(const sim_cache_t *ours);

/* Zeroed memory, or the end of the program. */
void *sim_alloc(size_t n, size_t len);

/* Queues of objects by number, for the peers. */
typedef struct {
    uint32_t prev, next;
    uint8_t queue; /* 0: in none */
    uint8_t freq;
} sim_node_t;

typedef struct {
    uint32_t head, tail; /* the head is the oldest */
    uint64_t bytes;
    uint64_t n;
} sim_queue_t;

void sim_queue_init(sim_queue_t *q);
void sim_push(sim_queue_t *q, sim_node_t *nodes, uint32_t i, uint64_t size);
void sim_unlink(sim_queue_t *q, sim_node_t *nodes, uint32_t i, uint64_t size);

#endif
