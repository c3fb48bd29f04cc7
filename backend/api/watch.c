/* SPDX-License-Identifier: BSD-2-Clause */
/* watch: who waits for a task. A digest's first bytes choose a slot; two that
   share one cost a look, nothing else.

   (I1) elo_watch_add counts the watch before its owner looks at the task, and
   elo_watches_hit reads the count after the task is gone: one of both sees the
   other. */
#include "backend/api/watch.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SLOTS 4096u /* a power of two; several times the watches there are */

struct elo_watches_s {
    elo_loop_t *loop;
    uint32_t max;

    /* loop */
    elo_timer_t *tick;
    elo_watch_t *slot[SLOTS];
    uint32_t n;
    bool is_ending;

    /* shared */
    elo_post_t post;
    atomic_bool is_posted;
    _Atomic uint32_t n_in[SLOTS];
    atomic_bool hit[SLOTS];
};


static uint32_t
slot_of(const elo_digest_t *d)
{
    return ((uint32_t) d->b[0] << 8 | d->b[1]) % SLOTS;
}


static void
tell(elo_watches_t *ws, uint32_t slot, elo_watch_event_t event)
{
    elo_watch_t *w = ws->slot[slot];

    while (w != NULL) {
        elo_watch_t *next = w->_next;

        w->on_event(w, event);
        w = next;
    }
}


static void
tell_all(elo_watches_t *ws, elo_watch_event_t event)
{
    for (uint32_t i = 0; i < SLOTS && ws->n != 0; i++) {
        tell(ws, i, event);
    }
}


static void
on_tick(void *ctx)
{
    tell_all(ctx, ELO_WATCH_TICK);
}


static void
on_post(elo_post_t *post)
{
    elo_watches_t *ws =
        (elo_watches_t *) ((char *) post - offsetof(elo_watches_t, post));

    atomic_store(&ws->is_posted, false); /* hits from here on post again */
    for (uint32_t i = 0; i < SLOTS; i++) {
        if (atomic_load_explicit(&ws->hit[i], memory_order_relaxed)
            && atomic_exchange(&ws->hit[i], false))
        {
            tell(ws, i, ELO_WATCH_HIT);
        }
    }
}


void
elo_watches_hit(elo_watches_t *ws, const elo_digest_t *object)
{
    uint32_t slot = slot_of(object);

    atomic_thread_fence(memory_order_seq_cst); /* (I1) */
    if (atomic_load_explicit(&ws->n_in[slot], memory_order_relaxed) == 0) {
        return;
    }
    atomic_store(&ws->hit[slot], true);
    if (!atomic_exchange(&ws->is_posted, true)) {
        elo_loop_post(ws->loop, &ws->post);
    }
}


bool
elo_watch_add(elo_watches_t *ws, elo_watch_t *w)
{
    uint32_t slot = slot_of(&w->object);

    if (ws->n == ws->max || ws->is_ending) {
        return false;
    }
    ws->n++;
    w->_at = &ws->slot[slot];
    w->_next = ws->slot[slot];
    if (w->_next != NULL) {
        w->_next->_at = &w->_next;
    }
    ws->slot[slot] = w;
    atomic_fetch_add(&ws->n_in[slot], 1);
    atomic_thread_fence(memory_order_seq_cst); /* (I1) */
    return true;
}


void
elo_watch_remove(elo_watches_t *ws, elo_watch_t *w)
{
    assert(w->_at != NULL && ws->n != 0);
    *w->_at = w->_next;
    if (w->_next != NULL) {
        w->_next->_at = w->_at;
    }
    w->_at = NULL;
    ws->n--;
    atomic_fetch_sub(&ws->n_in[slot_of(&w->object)], 1);
}


void
elo_watches_end(elo_watches_t *ws)
{
    ws->is_ending = true;
    tell_all(ws, ELO_WATCH_END);
}


elo_err_t
elo_watches_create(elo_loop_t *loop, uint32_t max, uint32_t tick_ms,
                   elo_watches_t **out)
{
    elo_watches_t *ws = calloc(1, sizeof(*ws));
    elo_err_t rc;

    if (ws == NULL) {
        return ELO_ENOMEM;
    }
    ws->loop = loop;
    ws->max = max;
    ws->post.fn = on_post;
    rc = elo_timer_create(loop, tick_ms, tick_ms, on_tick, ws, &ws->tick);
    if (rc != ELO_OK) {
        free(ws);
        return rc;
    }
    *out = ws;
    return ELO_OK;
}


void
elo_watches_free(elo_watches_t **ws)
{
    if (*ws == NULL) {
        return;
    }
    assert((*ws)->n == 0);
    if (atomic_load(&(*ws)->is_posted)) {
        elo_loop_flush((*ws)->loop);
    }
    elo_timer_free(&(*ws)->tick);
    free(*ws);
    *ws = NULL;
}
