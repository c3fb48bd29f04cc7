/* SPDX-License-Identifier: BSD-2-Clause */
/* sim_tinylfu: W-TinyLFU with aggregated victims, as a peer: a window of 1 % by LRU, a
   segmented LRU whose protected part is 80 % of the rest, moved at each hit, and
   a count-min sketch that is halved after ten requests an object. A candidate goes in
   when it was asked for more often than all its victims together (G. Einziger, O.
   Eytan, R. Friedman, B. Manes: "Lightweight robust size aware cache management",
   2021). */
#include "bench/lib/sim.h"

#include <stdlib.h>

enum { NOWHERE = 0, WINDOW, PROBATION, PROTECTED };

#define ROWS        4u
#define WINDOW_PART 100u
#define AGE_FACTOR  10u

typedef struct {
    sim_cache_t cache;
    sim_queue_t q[PROTECTED + 1];
    sim_node_t *nodes;
    uint8_t *counters; /* ROWS of mask + 1 */
    uint32_t mask;
    uint64_t n_added, period;
} lfu_t;


static uint64_t
size_of(const lfu_t *l, uint32_t i)
{
    return l->cache.trace->objects[i].size;
}


static uint8_t *
counter(const lfu_t *l, uint32_t i, unsigned row)
{
    uint64_t h = ((uint64_t) i + 1) * UINT64_C(0x9e3779b97f4a7c15);

    h = (h ^ h >> 31) * (UINT64_C(0xbf58476d1ce4e5b9) + 2 * row);
    return &l->counters[(size_t) row * (l->mask + 1)
                        + ((uint32_t) (h >> 32) & l->mask)];
}


static unsigned
freq_of(const lfu_t *l, uint32_t i)
{
    unsigned least = 15;

    for (unsigned r = 0; r < ROWS; r++) {
        unsigned n = *counter(l, i, r);

        least = n < least ? n : least;
    }
    return least;
}


static void
note(lfu_t *l, uint32_t i)
{
    for (unsigned r = 0; r < ROWS; r++) {
        uint8_t *p = counter(l, i, r);

        *p = (uint8_t) (*p + (*p < 15));
    }
    if (++l->n_added >= l->period) {
        for (size_t k = 0; k < (size_t) ROWS * (l->mask + 1); k++) {
            l->counters[k] /= 2;
        }
        l->n_added /= 2;
    }
}


static void
put(lfu_t *l, uint32_t i, unsigned queue)
{
    uint64_t size = size_of(l, i);
    sim_node_t *n = &l->nodes[i];

    if (n->queue != NOWHERE) {
        sim_unlink(&l->q[n->queue], l->nodes, i, size);
    }
    n->queue = (uint8_t) queue;
    if (queue != NOWHERE) {
        sim_push(&l->q[queue], l->nodes, i, size);
    }
}


/* One that left the window against those that would go for it. */
static void
contest(lfu_t *l, uint32_t i, uint64_t limit)
{
    uint64_t main = l->q[PROBATION].bytes + l->q[PROTECTED].bytes;
    uint64_t size = size_of(l, i), freed = 0;
    unsigned weight = freq_of(l, i), sum = 0, queue = PROBATION;
    uint32_t at = l->q[PROBATION].head;

    while (main + size > limit + freed) {
        if (at == SIM_NONE && queue == PROBATION) {
            queue = PROTECTED;
            at = l->q[PROTECTED].head;
            continue;
        }
        sum += at == SIM_NONE ? 0 : freq_of(l, at);
        if (at == SIM_NONE || sum > weight) {
            if (l->q[PROBATION].n > 0) {
                put(l, l->q[PROBATION].head, PROBATION);
            }
            put(l, i, NOWHERE);
            return;
        }
        freed += size_of(l, at);
        at = l->nodes[at].next;
    }
    while (freed > 0) {
        uint32_t old =
            l->q[PROBATION].n > 0 ? l->q[PROBATION].head : l->q[PROTECTED].head;

        freed -= size_of(l, old);
        put(l, old, NOWHERE);
    }
    put(l, i, PROBATION);
}


static bool
ask(sim_cache_t *c, uint32_t i)
{
    lfu_t *l = (lfu_t *) c;
    uint64_t window = c->capacity / WINDOW_PART;
    uint64_t main = c->capacity - window;
    sim_node_t *n = &l->nodes[i];
    bool is_hit = n->queue != NOWHERE;

    note(l, i);
    if (is_hit) {
        put(l, i, n->queue == WINDOW ? WINDOW : PROTECTED);
        while (l->q[PROTECTED].bytes > main / 5 * 4) {
            put(l, l->q[PROTECTED].head, PROBATION);
        }
        return true;
    }
    if (size_of(l, i) > c->capacity) {
        return false;
    }
    put(l, i, WINDOW);
    while (l->q[WINDOW].bytes > window) {
        contest(l, l->q[WINDOW].head, main);
    }
    return false;
}


static void
lfu_free(sim_cache_t *c)
{
    free(((lfu_t *) c)->nodes);
    free(((lfu_t *) c)->counters);
    free(c);
}


sim_cache_t *
sim_tinylfu(const sim_trace_t *t, uint64_t capacity)
{
    lfu_t *l = sim_alloc(1, sizeof(*l));
    uint64_t footprint = 0, expected;

    for (uint32_t i = 0; i < t->n_objects; i++) {
        footprint += t->objects[i].size;
    }
    expected = 1
               + (uint64_t) ((double) t->n_objects * (double) capacity
                             / (double) (footprint + 1));
    l->cache = (sim_cache_t){ ask, lfu_free, t, capacity };
    l->nodes = sim_alloc(t->n_objects, sizeof(*l->nodes));
    for (l->mask = 1023; l->mask < 4 * expected; l->mask = l->mask * 2 + 1) {
    }
    l->counters = sim_alloc((size_t) ROWS * (l->mask + 1), 1);
    l->period = expected * AGE_FACTOR > 1024 ? expected * AGE_FACTOR : 1024;
    for (unsigned q = 0; q <= PROTECTED; q++) {
        sim_queue_init(&l->q[q]);
    }
    return &l->cache;
}
