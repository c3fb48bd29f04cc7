/* SPDX-License-Identifier: BSD-2-Clause */
/* sim_trace: traces as lines of t_ms,id,size,tier,reach, and parts of them. */
#include "bench/lib/sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_LEN 256
#define TABLE_BITS   22u /* places for objects, as a power of two */

/* Where an object is, by its name: open addressing. */
typedef struct {
    uint32_t *place;
    uint32_t mask;
    size_t cap_objects, cap_requests;
} reader_t;


void *
sim_alloc(size_t n, size_t len)
{
    void *p = calloc(n, len);

    if (p == NULL) {
        fprintf(stderr, "cachesim: out of memory\n");
        exit(1);
    }
    return p;
}


static void *
grow(void *p, size_t n, size_t *cap, size_t len)
{
    if (n < *cap) {
        return p;
    }
    *cap = *cap == 0 ? 4096 : *cap * 2;
    p = realloc(p, *cap * len);
    if (p == NULL) {
        fprintf(stderr, "cachesim: out of memory\n");
        exit(1);
    }
    return p;
}


static uint32_t
object_of(sim_trace_t *t, reader_t *r, const sim_object_t *o)
{
    uint64_t h = (o->id * 4 + o->tier) * UINT64_C(0x9e3779b97f4a7c15);
    uint32_t i = (uint32_t) (h >> 32) & r->mask;

    for (; r->place[i] != SIM_NONE; i = (i + 1) & r->mask) {
        const sim_object_t *have = &t->objects[r->place[i]];

        if (have->id == o->id && have->tier == o->tier) {
            return r->place[i];
        }
    }
    t->objects =
        grow(t->objects, t->n_objects, &r->cap_objects, sizeof(*t->objects));
    t->objects[t->n_objects] = *o;
    r->place[i] = t->n_objects++;
    if (t->n_objects > r->mask / 2) {
        fprintf(stderr, "cachesim: too many objects\n");
        exit(1);
    }
    return r->place[i];
}


static void
start(reader_t *r, sim_trace_t *t)
{
    memset(t, 0, sizeof(*t));
    memset(r, 0, sizeof(*r));
    r->mask = (1u << TABLE_BITS) - 1;
    r->place = sim_alloc((size_t) r->mask + 1, sizeof(*r->place));
    memset(r->place, 0xff, ((size_t) r->mask + 1) * sizeof(*r->place));
}


static void
add(sim_trace_t *t, reader_t *r, const sim_object_t *o)
{
    t->requests = grow(t->requests, t->n_requests, &r->cap_requests,
                       sizeof(*t->requests));
    t->requests[t->n_requests++] = object_of(t, r, o);
}


void
sim_trace_read(FILE *in, const char *name, sim_trace_t *out)
{
    char line[LINE_MAX_LEN];
    unsigned long n = 1;
    reader_t r;

    start(&r, out);
    if (fgets(line, sizeof(line), in) == NULL
        || strncmp(line, "t_ms,id,size,tier,reach", 23) != 0)
    {
        fprintf(stderr, "cachesim: %s isn't a trace\n", name);
        exit(1);
    }
    while (fgets(line, sizeof(line), in) != NULL) {
        sim_object_t o;
        unsigned long tier, reach;
        char *p;

        n++;
        (void) strtoull(line, &p, 10);
        o.id = strtoull(*p == ',' ? p + 1 : p, &p, 10);
        o.size = strtoull(*p == ',' ? p + 1 : p, &p, 10);
        tier = strtoul(*p == ',' ? p + 1 : p, &p, 10);
        reach = strtoul(*p == ',' ? p + 1 : p, &p, 10);
        if (*p != '\n' || tier >= SIM_TIERS || reach > 7) {
            fprintf(stderr, "cachesim: %s:%lu: not understood\n", name, n);
            exit(1);
        }
        o.tier = (uint8_t) tier;
        o.reach = (uint8_t) reach;
        add(out, &r, &o);
    }
    free(r.place);
}


static uint64_t random_state;


static uint32_t
below(uint32_t n)
{
    random_state =
        random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t) ((random_state >> 32) * n >> 32);
}


/* Few are asked for often, most seldom; which ones, drifts. */
static uint32_t
popular(uint32_t n, uint32_t drift)
{
    return (below(below(below(n) + 1) + 1) + drift) % n;
}


static sim_object_t
draw(uint32_t i, uint32_t n)
{
    uint32_t drift = i / 2000, kind = below(16);
    bool is_flood = i > n / 3 && i < n / 3 * 2 && below(2) == 0;
    sim_object_t o = { .reach = 7 };

    if (is_flood) { /* each a few times, and never again */
        o.tier = (uint8_t) (i / 40 % SIM_TIERS);
        o.id = (UINT64_C(1) << 40) + i / 40 * 8 + below(8);
        o.reach = (uint8_t) (o.id % 3);
    } else if (kind < 8) {
        o.id = popular(20000, drift);
    } else if (kind < 11) {
        o.tier = 1;
        o.id = popular(6000, drift);
    } else if (kind < 15) { /* a viewer goes on for a while */
        o.tier = 2;
        o.id = popular(60, 0) * UINT64_C(200) + i / 16 % 200;
    } else { /* a crawler */
        o.tier = (uint8_t) below(2);
        o.id = (UINT64_C(1) << 41) + i;
    }
    if (!is_flood && o.id % 8 == 0) {
        o.reach = (uint8_t) (3 + o.id / 8 % 4);
    }
    /* the size is the name's: 1 to 15 KiB; 1 KiB to 4 MiB; a piece */
    o.size = o.id * UINT64_C(0x9e3779b97f4a7c15) >> 40;
    o.size = o.tier == 0   ? 1024 + o.size % 14336
             : o.tier == 1 ? (UINT64_C(1) << 10) << o.size % 12
                           : 1048576;
    return o;
}


void
sim_trace_make(uint32_t n, sim_trace_t *out)
{
    reader_t r;

    start(&r, out);
    random_state = 1;
    for (uint32_t i = 0; i < n; i++) {
        sim_object_t o = draw(i, n);

        add(out, &r, &o);
    }
    free(r.place);
}


void
sim_trace_part(const sim_trace_t *t, int tier, unsigned reach, sim_trace_t *out)
{
    reader_t r;

    start(&r, out);
    for (uint32_t i = 0; i < t->n_requests; i++) {
        const sim_object_t *o = &t->objects[t->requests[i]];

        if ((tier < 0 || o->tier == tier) && o->reach >= reach) {
            add(out, &r, o);
        }
    }
    free(r.place);
}


void
sim_trace_free(sim_trace_t *t)
{
    free(t->objects);
    free(t->requests);
    memset(t, 0, sizeof(*t));
}


uint64_t
sim_trace_footprint(const sim_trace_t *t)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < t->n_objects; i++) {
        bytes += t->objects[i].size;
    }
    return bytes;
}


void
sim_queue_init(sim_queue_t *q)
{
    *q = (sim_queue_t){ SIM_NONE, SIM_NONE, 0, 0 };
}


void
sim_push(sim_queue_t *q, sim_node_t *nodes, uint32_t i, uint64_t size)
{
    nodes[i].prev = q->tail;
    nodes[i].next = SIM_NONE;
    if (q->tail == SIM_NONE) {
        q->head = i;
    } else {
        nodes[q->tail].next = i;
    }
    q->tail = i;
    q->bytes += size;
    q->n++;
}


void
sim_unlink(sim_queue_t *q, sim_node_t *nodes, uint32_t i, uint64_t size)
{
    if (nodes[i].prev == SIM_NONE) {
        q->head = nodes[i].next;
    } else {
        nodes[nodes[i].prev].next = nodes[i].next;
    }
    if (nodes[i].next == SIM_NONE) {
        q->tail = nodes[i].prev;
    } else {
        nodes[nodes[i].next].prev = nodes[i].prev;
    }
    q->bytes -= size;
    q->n--;
}
