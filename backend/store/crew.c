/* SPDX-License-Identifier: BSD-2-Clause */
/* crew: see the header. A part is waiting (in the list), taken, or done; all under
   the mutex. */
#include "backend/store/crew.h"

#include <assert.h>
#include <stdlib.h>

#include "backend/os/thread.h"

enum { PART_WAITING, PART_TAKEN, PART_DONE };

struct elo_crew_s {
    elo_mutex_t mtx;
    elo_cond_t given; /* the thread waits here for parts */
    elo_cond_t done;  /* owners wait here for theirs */
    elo_thread_t thread;
    /* shared: mtx */
    elo_crew_part_t *first, *last;
    bool is_started, is_ending;
};


elo_err_t
elo_crew_create(elo_crew_t **out)
{
    elo_crew_t *c = calloc(1, sizeof(*c));
    elo_err_t rc;

    if (c == NULL) {
        return ELO_ENOMEM;
    }
    if ((rc = elo_mutex_init(&c->mtx)) != ELO_OK) {
        free(c);
        return rc;
    }
    if ((rc = elo_cond_init(&c->given)) != ELO_OK) {
        elo_mutex_dispose(&c->mtx);
        free(c);
        return rc;
    }
    if ((rc = elo_cond_init(&c->done)) != ELO_OK) {
        elo_cond_dispose(&c->given);
        elo_mutex_dispose(&c->mtx);
        free(c);
        return rc;
    }
    *out = c;
    return ELO_OK;
}


static void
take_locked(elo_crew_t *c, elo_crew_part_t *p)
{
    elo_mutex_assert_held(&c->mtx);
    *(p->_prev != NULL ? &p->_prev->_next : &c->first) = p->_next;
    *(p->_next != NULL ? &p->_next->_prev : &c->last) = p->_prev;
    p->_state = PART_TAKEN;
}


static void
crew_main(void *arg)
{
    elo_crew_t *c = arg;
    elo_crew_part_t *p;

    elo_mutex_lock(&c->mtx);
    for (;;) {
        while (c->first == NULL && !c->is_ending) {
            elo_cond_wait(&c->given, &c->mtx);
        }
        if ((p = c->first) == NULL) {
            break;
        }
        take_locked(c, p);
        elo_mutex_unlock(&c->mtx);
        p->fn(p);
        elo_mutex_lock(&c->mtx);
        p->_state = PART_DONE; /* from here on it is the owner's */
        elo_cond_broadcast(&c->done);
    }
    elo_mutex_unlock(&c->mtx);
}


void
elo_crew_free(elo_crew_t **cp)
{
    elo_crew_t *c = *cp;
    bool is_started;

    if (c == NULL) {
        return;
    }
    *cp = NULL;
    elo_mutex_lock(&c->mtx);
    assert(c->first == NULL);
    c->is_ending = true;
    is_started = c->is_started;
    elo_cond_signal(&c->given);
    elo_mutex_unlock(&c->mtx);
    if (is_started) {
        elo_thread_join(&c->thread);
    }
    elo_cond_dispose(&c->done);
    elo_cond_dispose(&c->given);
    elo_mutex_dispose(&c->mtx);
    free(c);
}


void
elo_crew_give(elo_crew_t *c, elo_crew_part_t *p)
{
    elo_mutex_lock(&c->mtx);
    p->_state = PART_WAITING;
    p->_next = NULL;
    p->_prev = c->last;
    *(c->last != NULL ? &c->last->_next : &c->first) = p;
    c->last = p;
    if (!c->is_started) {
        /* Without a thread the owner does it all. */
        c->is_started =
            elo_thread_create(&c->thread, "elo-crew", crew_main, c) == ELO_OK;
    }
    elo_cond_signal(&c->given);
    elo_mutex_unlock(&c->mtx);
}


void
elo_crew_end(elo_crew_t *c, elo_crew_part_t *p)
{
    elo_mutex_lock(&c->mtx);
    if (p->_state == PART_WAITING) {
        take_locked(c, p);
        elo_mutex_unlock(&c->mtx);
        p->fn(p);
        return;
    }
    while (p->_state != PART_DONE) {
        elo_cond_wait(&c->done, &c->mtx);
    }
    elo_mutex_unlock(&c->mtx);
}
