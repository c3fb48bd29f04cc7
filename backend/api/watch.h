/* SPDX-License-Identifier: BSD-2-Clause */
/* watch: who waits for a replication task to end. Tasks end on the commit thread
   by the thousand; a table of counters, looked at there without a lock, keeps all
   from the loop that nobody waits for. Loop thread, unless it says otherwise. */
#ifndef ELO_API_WATCH_H
#define ELO_API_WATCH_H

#include "backend/os/loop.h"
#include "common/base/cid.h"

typedef struct elo_watches_s elo_watches_t;
typedef struct elo_watch_s elo_watch_t;

typedef enum {
    ELO_WATCH_HIT,  /* a task ended, perhaps that one: look */
    ELO_WATCH_TICK, /* some time has passed */
    ELO_WATCH_END,  /* the daemon ends: so must this */
} elo_watch_event_t;

/* Embedded. on_event is called from the loop; it may remove and free its own
   watch, and no other. */
struct elo_watch_s {
    elo_digest_t object; /* of what is stored */
    void (*on_event)(elo_watch_t *w, elo_watch_event_t event);
    elo_watch_t *_next;
    elo_watch_t **_at;
};

/* At most max at a time; ticks come every tick_ms while there are any. */
elo_err_t elo_watches_create(elo_loop_t *loop, uint32_t max, uint32_t tick_ms,
                             elo_watches_t **out) ELO_MUST_USE;
/* All must have been removed, and elo_watches_hit is called no more. */
void elo_watches_free(elo_watches_t **ws);

/* False when there are too many. What ends from here on is told: look at the task
   after this, not before. */
bool elo_watch_add(elo_watches_t *ws, elo_watch_t *w) ELO_MUST_USE;
void elo_watch_remove(elo_watches_t *ws, elo_watch_t *w);

/* [any thread] The task of an object has ended. */
void elo_watches_hit(elo_watches_t *ws, const elo_digest_t *object);

/* Tells all of ELO_WATCH_END, now and as they come. */
void elo_watches_end(elo_watches_t *ws);

#endif
