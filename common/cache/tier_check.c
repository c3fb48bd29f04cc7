/* SPDX-License-Identifier: BSD-2-Clause */
/* tier_check: is a tier's memory as it should be? Nothing in it is believed: walks are
   bounded and numbers looked at before they lead anywhere. */
#include "common/cache/tier_internal.h"

/* What all queues, chains and the free list come to. */
typedef struct {
    const elo_tier_t *t;
    uint64_t n_chained;
    uint64_t n_linked;
    tier_load_t load[ELO_CACHE_CLASSES][TIER_QUEUES];
    uint64_t n_state[TIER_DOOMED + 1];
    uint64_t pending[ELO_CACHE_CLASSES];
} sum_t;


static bool
is_entry(sum_t *s, uint32_t slot)
{
    const tier_entry_t *e = tier_entry(s->t, slot);

    if (e->state > TIER_DOOMED || e->klass >= ELO_CACHE_CLASSES
        || e->queue >= Q_RESERVED
        || (e->state == TIER_HELD) != (e->seq % 2 == 0))
    {
        return false;
    }
    s->n_state[e->state]++;
    if (e->state == TIER_RESERVED || e->state == TIER_DOOMED) {
        s->pending[e->klass]++;
    }
    if (e->state == TIER_RESERVED || e->state == TIER_HELD) {
        s->load[e->klass][e->queue].bytes += e->size;
        s->load[e->klass][e->queue].n++;
    }
    return true;
}


static bool
is_chain(sum_t *s, uint32_t *bucket)
{
    const elo_tier_t *t = s->t;

    for (uint32_t i = *bucket; i != TIER_NONE; i = tier_entry(t, i)->chain) {
        const tier_entry_t *e;

        if (i >= t->n_slots || ++s->n_chained > t->n_slots) {
            return false;
        }
        e = tier_entry(t, i);
        if ((e->state != TIER_HELD && e->state != TIER_RESERVED)
            || tier_bucket(t, elo_tier_hash(t, e->key)) != bucket)
        {
            return false;
        }
    }
    return true;
}


static bool
is_queue(sum_t *s, unsigned klass, unsigned queue)
{
    const elo_tier_t *t = s->t;
    const tier_queue_t *q = &t->klass[klass].q[queue];
    uint32_t prev = TIER_NONE, i;

    for (i = q->head; i != TIER_NONE; i = tier_link(t, i)->next) {
        const tier_entry_t *e;

        if (i >= t->n_slots || ++s->n_linked > t->n_slots
            || tier_link(t, i)->prev != prev)
        {
            return false;
        }
        e = tier_entry(t, i);
        if (e->klass != klass
            || (queue == Q_RESERVED
                    ? e->state != TIER_RESERVED
                    : e->state != TIER_HELD || e->queue != queue))
        {
            return false;
        }
        prev = i;
    }
    return q->tail == prev;
}


static bool
is_class(const sum_t *s, unsigned klass)
{
    const tier_class_t *c = &s->t->klass[klass];
    tier_load_t limit = elo_tier_limit(s->t, klass), used = { 0, 0 };

    for (unsigned q = 0; q < TIER_QUEUES; q++) {
        tier_load_t load = s->load[klass][q];

        if (load.bytes != c->q[q].load.bytes || load.n != c->q[q].load.n) {
            return false;
        }
        used.bytes += load.bytes;
        used.n += load.n;
    }
    return used.bytes == c->used.bytes && used.n == c->used.n
           && used.bytes <= limit.bytes && used.n <= limit.n
           && c->pending == s->pending[klass];
}


static bool
is_free_list(const sum_t *s)
{
    const elo_tier_t *t = s->t;
    uint32_t n = 0;

    for (uint32_t i = t->free_head; i != TIER_NONE; i = tier_link(t, i)->next) {
        if (i >= t->n_slots || n++ == t->n_free
            || tier_entry(t, i)->state != TIER_FREE) {
            return false;
        }
    }
    return n == t->n_free && n == s->n_state[TIER_FREE];
}


bool
elo_tier_check(const elo_tier_t *t)
{
    sum_t s = { .t = t };
    uint64_t in_index;

    if (t->magic != TIER_MAGIC) {
        return false;
    }
    for (uint32_t i = 0; i < t->n_slots; i++) {
        if (!is_entry(&s, i)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < t->n_slots; i++) {
        uint32_t *bucket = (uint32_t *) ((uintptr_t) t + t->buckets) + i;

        if (!is_chain(&s, bucket)) {
            return false;
        }
    }
    for (unsigned k = 0; k < ELO_CACHE_CLASSES; k++) {
        for (unsigned q = 0; q < TIER_QUEUES; q++) {
            if (!is_queue(&s, k, q)) {
                return false;
            }
        }
        if (!is_class(&s, k)) {
            return false;
        }
    }
    in_index = s.n_state[TIER_HELD] + s.n_state[TIER_RESERVED];
    return s.n_chained == in_index && s.n_linked == in_index
           && is_free_list(&s);
}
