/* SPDX-License-Identifier: BSD-2-Clause */
/* tier_queue: queues of entries, linked by number, and the limits of the ladder. */
#include "common/cache/tier_internal.h"


void
elo_tier_push(elo_tier_t *t, tier_queue_t *q, uint32_t slot)
{
    tier_link_t *l = tier_link(t, slot);

    l->prev = q->tail;
    l->next = TIER_NONE;
    if (q->tail == TIER_NONE) {
        q->head = slot;
    } else {
        tier_link(t, q->tail)->next = slot;
    }
    q->tail = slot;
}


void
elo_tier_unlink(elo_tier_t *t, tier_queue_t *q, uint32_t slot)
{
    tier_link_t *l = tier_link(t, slot);

    if (l->prev == TIER_NONE) {
        q->head = l->next;
    } else {
        tier_link(t, l->prev)->next = l->next;
    }
    if (l->next == TIER_NONE) {
        q->tail = l->prev;
    } else {
        tier_link(t, l->next)->prev = l->prev;
    }
}


void
elo_tier_move(elo_tier_t *t, tier_class_t *c, uint32_t slot, unsigned queue)
{
    tier_entry_t *e = tier_entry(t, slot);
    tier_queue_t *from = &c->q[e->queue], *to = &c->q[queue];

    elo_tier_unlink(t, from, slot);
    from->load.bytes -= e->size;
    from->load.n--;
    e->queue = (uint8_t) queue;
    elo_tier_push(t, to, slot);
    to->load.bytes += e->size;
    to->load.n++;
}


static uint64_t
less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}


/* eviction's ladder: what wider ones hold and what narrower ones are promised is not
   this class's; its own floor is. That of commons is thus a constant (I2). */
tier_load_t
elo_tier_limit(const elo_tier_t *t, unsigned klass)
{
    tier_load_t room = { t->conf.capacity, t->conf.max_entries };
    tier_load_t floor = t->klass[klass].floor;

    for (unsigned k = 0; k < ELO_CACHE_CLASSES; k++) {
        const tier_class_t *c = &t->klass[k];
        tier_load_t his = k > klass   ? c->used
                          : k < klass ? c->floor
                                      : (tier_load_t){ 0, 0 };

        room.bytes = less(room.bytes, his.bytes);
        room.n = less(room.n, his.n);
    }
    return (tier_load_t){ ELO_MAX(room.bytes, floor.bytes),
                          ELO_MAX(room.n, floor.n) };
}
