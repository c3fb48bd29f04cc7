/* SPDX-License-Identifier: BSD-2-Clause */
/* lsz: a lazy, size-aware W-TinyLFU. Whatever comes enters a window; what leaves the
   window must have been asked for more often than all that would go for it in the main
   part, by the sketch. A hit moves nothing: what was used goes on when its turn comes.
   The window's share of the class's limit climbs towards where more is hit.

   After G. Einziger, R. Friedman, B. Manes: "TinyLFU" (2017); with O. Eytan: "Adaptive
   software cache management" (2018); "Lightweight robust size aware cache management"
   (2021). */
#include "common/cache/policy.h"

enum { WINDOW = 0, PROBATION, PROTECTED };

#define PPM         1000000u
#define PROTECT_PPM 800000u /* of the main part */
#define KNOWN       3u      /* by the sketch: is_known */
#define KNOWN_BYTES 2u
#define KNOWN_PART  64u
#define VICTIMS     16u /* of a contest; 15 is the most a candidate can weigh */

#define SHARE_LEAST   10000u
#define SHARE_MOST    990000u
#define STEP_MOST     62500u
#define STEP_LEAST    4000u
#define STEP_DECAY    98u    /* per cent */
#define JUMP          50000u /* in the ratio: the load is another now */
#define PERIOD_LEAST  2000u  /* look-ups */
#define PERIOD_FACTOR 5u     /* look-ups an object */

typedef struct {
    uint32_t slot[VICTIMS];
    unsigned n;
    unsigned weight; /* of all, by the sketch */
    tier_load_t load;
} victims_t;


/* ---- shares ---- */

static uint64_t
part(uint64_t whole, uint32_t ppm)
{
    return whole / PPM * ppm + whole % PPM * ppm / PPM;
}


static tier_load_t
share_of(tier_load_t limit, uint32_t ppm)
{
    return (tier_load_t){ part(limit.bytes, ppm), part(limit.n, ppm) };
}


static bool
is_over(tier_load_t load, tier_load_t share)
{
    return load.bytes > share.bytes || load.n > share.n;
}


static tier_load_t
sum(tier_load_t a, tier_load_t b)
{
    return (tier_load_t){ a.bytes + b.bytes, a.n + b.n };
}


static uint64_t
less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}


static tier_load_t
less_load(tier_load_t a, tier_load_t b)
{
    return (tier_load_t){ less(a.bytes, b.bytes), less(a.n, b.n) };
}


/* The window's share is the window's, used or not: else the slack of one that isn't
   full yet would take from probation whatever it weighs. */
static tier_load_t
main_limit(tier_load_t limit, tier_load_t share, tier_load_t window)
{
    share.bytes = ELO_MAX(share.bytes, window.bytes);
    share.n = ELO_MAX(share.n, window.n);
    return less_load(limit, share);
}


static tier_load_t
main_load(const tier_class_t *c)
{
    return sum(c->q[PROBATION].load, c->q[PROTECTED].load);
}


/* ---- climber ---- */

static void
climb(const elo_tier_t *t, tier_class_t *c)
{
    tier_climber_t *w = &c->climber;
    uint64_t hits = __atomic_load_n(&c->hits, __ATOMIC_RELAXED);
    uint64_t misses = __atomic_load_n(&c->misses, __ATOMIC_RELAXED);
    uint64_t ratio = 0;
    uint32_t moved;

    if (hits + misses - w->looked
        < ELO_MAX(PERIOD_LEAST, PERIOD_FACTOR * c->used.n))
    {
        return;
    }
    w->looked = hits + misses;
    if (t->conf.by_bytes) {
        hits = __atomic_load_n(&c->hit_bytes, __ATOMIC_RELAXED);
        misses = c->missed_bytes;
    }
    if (!elo_muldiv_u64(hits - w->hits, PPM, hits + misses - w->asked, &ratio))
    {
        return; /* nothing of any size was asked for */
    }
    if (w->has_ratio) {
        moved = w->ratio > ratio ? w->ratio - (uint32_t) ratio
                                 : (uint32_t) ratio - w->ratio;
        w->is_down ^= ratio < w->ratio;
        w->step = moved >= JUMP
                      ? STEP_MOST
                      : ELO_MAX(STEP_LEAST, w->step * STEP_DECAY / 100);
        w->share = w->is_down ? (uint32_t) less(w->share, w->step)
                              : w->share + w->step;
    } else {
        w->step = STEP_MOST;
    }
    w->has_ratio = true;
    w->ratio = (uint32_t) ratio;
    w->hits = hits;
    w->asked = hits + misses;
}


static tier_load_t
window_share(tier_class_t *c, tier_load_t limit)
{
    tier_climber_t *w = &c->climber;

    w->share = ELO_MIN(ELO_MAX(w->share, SHARE_LEAST), SHARE_MOST);
    return share_of(limit, w->share);
}


/* ---- main part ---- */

/* What was used since it came to its place doesn't go, but moves on. False: it is a
   victim. */
static bool
goes_on(elo_tier_t *t, tier_class_t *c, uint32_t slot, unsigned *moves)
{
    tier_entry_t *e = tier_entry(t, slot);
    uint8_t count = tier_count(e);

    if (count == 0 || *moves == TIER_MOVES) {
        return false;
    }
    ++*moves;
    tier_set_count(e, e->queue == PROBATION ? 0 : count - 1u);
    elo_tier_move(t, c, slot, PROTECTED);
    return true;
}


/* Protected is over its share: its head goes back, unless it was used. */
static void
unprotect(elo_tier_t *t, tier_class_t *c, tier_load_t limit)
{
    tier_load_t share = share_of(limit, PROTECT_PPM);
    tier_queue_t *q = &c->q[PROTECTED];
    unsigned moves = 0;

    for (unsigned i = 0;
         i < TIER_MOVES && is_over(q->load, share) && q->head != TIER_NONE; i++)
    {
        if (!goes_on(t, c, q->head, &moves)) {
            elo_tier_move(t, c, q->head, PROBATION);
        }
    }
}


/* Collects victims until they free what is to be freed. False: they weigh more than
   the candidate, or there aren't enough. */
static bool
collect(elo_tier_t *t, tier_class_t *c, tier_load_t need, unsigned weight,
        victims_t *v)
{
    unsigned queue = PROBATION, moves = 0;
    uint32_t at = c->q[PROBATION].head;

    while (v->load.bytes < need.bytes || v->load.n < need.n) {
        uint32_t next;

        if (at == TIER_NONE && queue == PROBATION) {
            queue = PROTECTED;
            at = c->q[PROTECTED].head;
            continue;
        }
        if (at == TIER_NONE || v->n == VICTIMS) {
            return false;
        }
        next = tier_link(t, at)->next;
        if (!goes_on(t, c, at, &moves)) {
            v->slot[v->n++] = at;
            v->weight += elo_tier_freq(t, c, at);
            v->load.bytes += tier_entry(t, at)->size;
            v->load.n++;
            if (v->weight > weight) {
                return false;
            }
        } else if (next == TIER_NONE && queue == PROTECTED) {
            next = at; /* it went round, and is the last again */
        }
        at = next;
    }
    return true;
}


/* The main part gives its oldest away that wasn't used. False: it holds none. */
static bool
evict_main(elo_tier_t *t, tier_class_t *c, elo_tier_gone_t *gone)
{
    unsigned moves = 0;

    for (;;) {
        tier_queue_t *q =
            &c->q[c->q[PROBATION].head != TIER_NONE ? PROBATION : PROTECTED];

        if (q->head == TIER_NONE) {
            return false;
        }
        if (!goes_on(t, c, q->head, &moves)) {
            elo_tier_evict(t, q->head, gone);
            return true;
        }
    }
}


/* Asked for so often of late that it needs no contest: where what is asked for drifts,
   those who have gathered weight would keep newcomers out for long. It isn't for
   what is large where objects count. */
static bool
is_known(const elo_tier_t *t, tier_load_t limit, uint64_t size, unsigned weight)
{
    return t->conf.by_bytes
               ? weight >= KNOWN_BYTES
               : weight >= KNOWN && size <= limit.bytes / KNOWN_PART;
}


/* May one of that size and weight come into the main part? Then there is room. */
static bool
contest(elo_tier_t *t, tier_class_t *c, tier_load_t limit, uint64_t size,
        unsigned weight, elo_tier_gone_t *gone)
{
    tier_load_t one = { size, 1 };
    victims_t v = { .n = 0 };
    bool is_in = is_known(t, limit, size, weight);

    /* one that fits only where the window should be comes in alone */
    limit.bytes = ELO_MAX(limit.bytes, one.bytes);
    limit.n = ELO_MAX(limit.n, one.n);
    if (is_in) {
        while (is_over(sum(main_load(c), one), limit)) {
            if (!evict_main(t, c, gone)) {
                return false;
            }
        }
        return true;
    }
    if (!collect(t, c, less_load(sum(main_load(c), one), limit), weight, &v)) {
        if (v.n > 0) { /* it has won; others are next */
            elo_tier_move(t, c, v.slot[0], tier_entry(t, v.slot[0])->queue);
        }
        return false;
    }
    for (unsigned i = 0; i < v.n; i++) {
        elo_tier_evict(t, v.slot[i], gone);
    }
    return true;
}


/* ---- what the tier asks for ---- */

static bool
yield(elo_tier_t *t, tier_class_t *c, tier_load_t limit, elo_tier_gone_t *gone)
{
    tier_queue_t *q = &c->q[WINDOW];

    if (!is_over(q->load, window_share(c, limit)) && evict_main(t, c, gone)) {
        return true;
    }
    if (q->head == TIER_NONE) {
        return evict_main(t, c, gone);
    }
    elo_tier_evict(t, q->head, gone);
    return true;
}


/* The window gives its oldest away, with the newcomer in it. */
static void
shrink_window(elo_tier_t *t, tier_class_t *c, tier_load_t limit,
              tier_load_t share, uint64_t size, elo_tier_gone_t *gone)
{
    tier_load_t one = { size, 1 };
    tier_queue_t *q = &c->q[WINDOW];

    while (q->head != TIER_NONE && is_over(sum(q->load, one), share)) {
        uint32_t slot = q->head;
        uint64_t his = tier_entry(t, slot)->size;
        tier_load_t window =
            less_load(sum(q->load, one), (tier_load_t){ his, 1 });

        if (contest(t, c, main_limit(limit, share, window), his,
                    elo_tier_freq(t, c, slot), gone))
        {
            elo_tier_move(t, c, slot, PROBATION);
        } else {
            elo_tier_evict(t, slot, gone);
        }
    }
}


static bool
admit(elo_tier_t *t, tier_class_t *c, tier_load_t limit, tier_new_t *in,
      elo_tier_gone_t *gone)
{
    tier_load_t one = { in->size, 1 }, share;
    unsigned weight = in->freq;

    climb(t, c);
    share = window_share(c, limit);
    in->freq = 0;
    in->queue = WINDOW;
    if (t->conf.by_bytes || !is_over(one, share)) {
        shrink_window(t, c, limit, share, in->size, gone);
    }
    if (!t->conf.by_bytes && is_over(sum(c->q[WINDOW].load, one), share)) {
        tier_load_t most = main_limit(limit, share, c->q[WINDOW].load);

        /* larger than the window, or the window is full of reserved ones */
        in->queue = PROBATION;
        if (!contest(t, c, most, in->size, weight, gone)) {
            return false;
        }
    }
    unprotect(t, c, main_limit(limit, share, c->q[WINDOW].load));
    while (!tier_fits(c->used, limit, in->size)) {
        if (!yield(t, c, limit, gone)) {
            return false;
        }
    }
    return true;
}


const tier_policy_t elo_tier_lsz = { admit, yield, NULL };
