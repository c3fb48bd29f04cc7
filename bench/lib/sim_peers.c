/* SPDX-License-Identifier: BSD-2-Clause */
/* sim_peers: the policies that ours is measured against, from their descriptions:
   LRU; S3-FIFO (J. Yang, Y. Zhang, Z. Qiu, Y. Yue, K. V. Rashmi: "FIFO queues are all
   you need for cache eviction", 2023): small 10 %, main 90 %, a ghost of as many
   objects as main holds; sizes by bytes. */
#include "bench/lib/sim.h"

#include <stdlib.h>

typedef struct {
    sim_cache_t cache;
    sim_queue_t q;
    sim_node_t *nodes;
} lru_t;

enum { NOWHERE = 0, SMALL, MAIN, GHOST };

#define SMALL_PART 10u
#define FREQ_MAX   3u

typedef struct {
    sim_cache_t cache;
    sim_queue_t small, main, ghost;
    sim_node_t *nodes;
} s3fifo_t;


static uint64_t
size_of(const sim_cache_t *c, uint32_t i)
{
    return c->trace->objects[i].size;
}


/* ---- LRU ---- */

static bool
lru_ask(sim_cache_t *c, uint32_t i)
{
    lru_t *l = (lru_t *) c;
    bool is_hit = l->nodes[i].queue != 0;
    uint64_t size = size_of(c, i);

    if (is_hit) {
        sim_unlink(&l->q, l->nodes, i, size);
    } else if (size > c->capacity) {
        return false;
    }
    while (l->q.bytes + size > c->capacity) {
        uint32_t old = l->q.head;

        sim_unlink(&l->q, l->nodes, old, size_of(c, old));
        l->nodes[old].queue = 0;
    }
    l->nodes[i].queue = 1;
    sim_push(&l->q, l->nodes, i, size);
    return is_hit;
}


static void
lru_free(sim_cache_t *c)
{
    free(((lru_t *) c)->nodes);
    free(c);
}


sim_cache_t *
sim_lru(const sim_trace_t *t, uint64_t capacity)
{
    lru_t *l = sim_alloc(1, sizeof(*l));

    l->cache = (sim_cache_t){ lru_ask, lru_free, t, capacity };
    l->nodes = sim_alloc(t->n_objects, sizeof(*l->nodes));
    sim_queue_init(&l->q);
    return &l->cache;
}


/* ---- S3-FIFO ---- */

static void
to_ghost(s3fifo_t *s, uint32_t i)
{
    sim_node_t *n = &s->nodes[i];

    n->queue = GHOST;
    n->freq = 0;
    sim_push(&s->ghost, s->nodes, i, 0);
    while (s->ghost.n > s->main.n + s->small.n) {
        uint32_t old = s->ghost.head;

        sim_unlink(&s->ghost, s->nodes, old, 0);
        s->nodes[old].queue = NOWHERE;
    }
}


static void
evict_main(s3fifo_t *s)
{
    for (;;) {
        uint32_t i = s->main.head;
        sim_node_t *n = &s->nodes[i];
        uint64_t size = size_of(&s->cache, i);

        sim_unlink(&s->main, s->nodes, i, size);
        if (n->freq == 0) {
            n->queue = NOWHERE;
            return;
        }
        n->freq--;
        sim_push(&s->main, s->nodes, i, size);
    }
}


/* What was used more than once goes to main, the rest leaves for the ghost. */
static void
evict_small(s3fifo_t *s)
{
    while (s->small.n > 0) {
        uint32_t i = s->small.head;
        sim_node_t *n = &s->nodes[i];
        uint64_t size = size_of(&s->cache, i);

        sim_unlink(&s->small, s->nodes, i, size);
        if (n->freq <= 1) {
            to_ghost(s, i);
            return;
        }
        n->freq = 0;
        n->queue = MAIN;
        sim_push(&s->main, s->nodes, i, size);
    }
}


static bool
s3fifo_ask(sim_cache_t *c, uint32_t i)
{
    s3fifo_t *s = (s3fifo_t *) c;
    sim_node_t *n = &s->nodes[i];
    uint64_t size = size_of(c, i), small = c->capacity / SMALL_PART;
    bool is_ghost = n->queue == GHOST;

    if (n->queue == SMALL || n->queue == MAIN) {
        n->freq = (uint8_t) (n->freq + (n->freq < FREQ_MAX));
        return true;
    }
    if (size > c->capacity) {
        return false;
    }
    if (is_ghost) {
        sim_unlink(&s->ghost, s->nodes, i, 0);
        n->queue = NOWHERE;
    }
    while (s->small.bytes + s->main.bytes + size > c->capacity) {
        if (s->main.n == 0 || (s->small.bytes >= small && s->small.n > 0)) {
            evict_small(s);
        } else {
            evict_main(s);
        }
    }
    n->freq = 0;
    n->queue = is_ghost ? MAIN : SMALL;
    sim_push(is_ghost ? &s->main : &s->small, s->nodes, i, size);
    return false;
}


static void
s3fifo_free(sim_cache_t *c)
{
    free(((s3fifo_t *) c)->nodes);
    free(c);
}


sim_cache_t *
sim_s3fifo(const sim_trace_t *t, uint64_t capacity)
{
    s3fifo_t *s = sim_alloc(1, sizeof(*s));

    s->cache = (sim_cache_t){ s3fifo_ask, s3fifo_free, t, capacity };
    s->nodes = sim_alloc(t->n_objects, sizeof(*s->nodes));
    sim_queue_init(&s->small);
    sim_queue_init(&s->main);
    sim_queue_init(&s->ghost);
    return &s->cache;
}
