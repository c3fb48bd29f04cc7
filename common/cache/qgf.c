/* SPDX-License-Identifier: BSD-2-Clause */
/* qgf: greedy dual by frequency over size, quantised and lazy. An object's worth is
   H = L + f / size; what has the least goes, and L becomes its H, so that age tells.
   f / size is rounded to half powers of two, each with a FIFO queue, whose head thus has
   the queue's least H. A hit only counts; what was used is queued anew when its turn
   comes. A newcomer is admitted only if all that would go for it is worth less: so one
   large object doesn't sweep many small ones out.

   After L. Cherkasova: "Improving WWW proxies performance with greedy-dual-size-frequency
   caching policy" (1998); the admission is our own. */
#include "common/cache/policy.h"

#define WORTH_BITS 32u /* f / size is kept as a multiple of 2^-32 */
#define ENTRY_PART 8u
#define LEVELS     64u
#define SQRT2_16   92682u /* the root of 2, in 1/65536 */
#define VICTIMS    256u   /* of an admission */

/* Where a search for victims is: in each queue, the one that is next. */
typedef struct {
    uint32_t at[LEVELS];
    unsigned moves;
} search_t;


static uint64_t
worth_of(unsigned level)
{
    uint64_t whole = UINT64_C(1) << level / 2;

    return level % 2 == 0 ? whole : whole * SQRT2_16 >> 16;
}


/* What an object takes: its bytes, and a part of an entry's share of them, since entries
   may run out first. An eighth costs next to nothing where they don't. */
static uint64_t
cost_of(const elo_tier_t *t, uint64_t size)
{
    uint64_t cost = t->conf.capacity / t->conf.max_entries / ENTRY_PART;

    return elo_add_u64(size, ELO_MAX(cost, 1), &cost) ? cost : UINT64_MAX;
}


static unsigned
level_of(const elo_tier_t *t, unsigned freq, uint64_t size)
{
    uint64_t w = ((uint64_t) freq << WORTH_BITS) / cost_of(t, size);
    unsigned level;

    if (w == 0) {
        return 0;
    }
    level = 2 * (63 - (unsigned) __builtin_clzll(w));
    level += w >= worth_of(level + 1);
    return ELO_MIN(level, LEVELS - 1);
}


static void
start(const tier_class_t *c, search_t *s)
{
    s->moves = 0;
    for (unsigned i = 0; i < LEVELS; i++) {
        s->at[i] = c->q[i].head;
    }
}


/* The level whose next one has the least H; LEVELS: nothing is left. */
static unsigned
least(const elo_tier_t *t, const tier_class_t *c, const search_t *s)
{
    uint64_t low = UINT64_MAX;
    unsigned level = LEVELS;

    for (unsigned i = 0; i < LEVELS; i++) {
        uint64_t ahead;

        if (s->at[i] == TIER_NONE) {
            continue;
        }
        ahead = tier_link(t, s->at[i])->prio - c->low;
        if (ahead < low) {
            low = ahead;
            level = i;
        }
    }
    return level;
}


/* It was used: to where it belongs now. */
static void
requeue(elo_tier_t *t, tier_class_t *c, uint32_t slot, search_t *s)
{
    tier_entry_t *e = tier_entry(t, slot);
    unsigned level;

    e->was = tier_count(e);
    level = level_of(t, e->was, e->size);
    tier_link(t, slot)->prio = c->low + worth_of(level);
    elo_tier_move(t, c, slot, level);
    if (s->at[level] == TIER_NONE) {
        s->at[level] = slot;
    }
    s->moves++;
}


/* The next victim; TIER_NONE: none is left. */
static uint32_t
next_victim(elo_tier_t *t, tier_class_t *c, search_t *s)
{
    unsigned level;

    while ((level = least(t, c, s)) < LEVELS) {
        uint32_t slot = s->at[level];
        const tier_entry_t *e = tier_entry(t, slot);

        s->at[level] = tier_link(t, slot)->next;
        if (tier_count(e) <= e->was || s->moves == TIER_MOVES) {
            return slot;
        }
        requeue(t, c, slot, s);
    }
    return TIER_NONE;
}


static void
evict(elo_tier_t *t, tier_class_t *c, uint32_t slot, elo_tier_gone_t *gone)
{
    c->low = tier_link(t, slot)->prio;
    elo_tier_evict(t, slot, gone);
}


static bool
yield(elo_tier_t *t, tier_class_t *c, tier_load_t limit, elo_tier_gone_t *gone)
{
    search_t s;
    uint32_t slot;

    (void) limit;
    start(c, &s);
    slot = next_victim(t, c, &s);
    if (slot == TIER_NONE) {
        return false;
    }
    evict(t, c, slot, gone);
    return true;
}


static bool
admit(elo_tier_t *t, tier_class_t *c, tier_load_t limit, tier_new_t *in,
      elo_tier_gone_t *gone)
{
    uint32_t victim[VICTIMS];
    unsigned n = 0;
    unsigned __int128 worth, sum = 0;
    tier_load_t left = c->used;
    search_t s;

    in->freq = ELO_MAX(in->freq, 1);
    in->queue = (uint8_t) level_of(t, in->freq, in->size);
    if (tier_fits(left, limit, in->size)) {
        return true;
    }
    worth = (unsigned __int128) in->freq << WORTH_BITS;
    start(c, &s);
    while (!tier_fits(left, limit, in->size)) {
        uint32_t slot = n == VICTIMS ? TIER_NONE : next_victim(t, c, &s);

        if (slot == TIER_NONE) {
            return false;
        }
        sum += (unsigned __int128) (tier_link(t, slot)->prio - c->low)
               * cost_of(t, tier_entry(t, slot)->size);
        if (sum > worth) {
            return false;
        }
        left.bytes -= tier_entry(t, slot)->size;
        left.n--;
        victim[n++] = slot;
    }
    for (unsigned i = 0; i < n; i++) {
        evict(t, c, victim[i], gone);
    }
    return true;
}


/* About to be queued, as its level was found when it was reserved. */
static void
enter(elo_tier_t *t, tier_class_t *c, uint32_t slot)
{
    tier_entry_t *e = tier_entry(t, slot);

    e->was = tier_count(e);
    tier_link(t, slot)->prio = c->low + worth_of(e->queue);
}


const tier_policy_t elo_tier_qgf = { admit, yield, enter };
