/* SPDX-License-Identifier: BSD-2-Clause */
/* thread: see the header. */
#include "backend/os/thread.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S 1000000000u

typedef struct {
    void (*fn)(void *arg);
    void *arg;
    char name[ELO_THREAD_NAME_MAX + 1];
} start_t;


static void
check(int rc)
{
    assert(rc == 0);
    (void) rc;
}


static void *
thread_main(void *p)
{
    start_t s = *(start_t *) p;

    free(p);
    check(pthread_setname_np(pthread_self(), s.name));
    s.fn(s.arg);
    return NULL;
}


elo_err_t
elo_thread_create(elo_thread_t *t, const char *name, void (*fn)(void *arg),
                  void *arg)
{
    start_t *s = malloc(sizeof(*s));
    sigset_t all, was;
    int rc;

    if (s == NULL) {
        return ELO_ENOMEM;
    }
    assert(strlen(name) <= ELO_THREAD_NAME_MAX);
    *s = (start_t){ .fn = fn, .arg = arg };
    memcpy(s->name, name, strlen(name) + 1);
    sigfillset(&all);
    check(
        pthread_sigmask(SIG_SETMASK, &all, &was)); /* the thread inherits it */
    rc = pthread_create(&t->_t, NULL, thread_main, s);
    check(pthread_sigmask(SIG_SETMASK, &was, NULL));
    if (rc != 0) {
        free(s);
        return rc;
    }
    return ELO_OK;
}


void
elo_thread_join(elo_thread_t *t)
{
    check(pthread_join(t->_t, NULL));
}


elo_err_t
elo_cond_init(elo_cond_t *c)
{
    pthread_condattr_t attr;
    int rc;

    if ((rc = pthread_condattr_init(&attr)) != 0) {
        return rc;
    }
    check(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
    rc = pthread_cond_init(&c->_c, &attr);
    check(pthread_condattr_destroy(&attr));
    return rc;
}


void
elo_cond_dispose(elo_cond_t *c)
{
    check(pthread_cond_destroy(&c->_c));
}


/* The mutex is given away while waiting: its mark of who holds it goes along. */
static void
give(elo_mutex_t *m)
{
    elo_mutex_assert_held(m);
    __atomic_store_n(&m->_held, false, __ATOMIC_RELAXED);
}


static void
take_back(elo_mutex_t *m)
{
    m->_owner = pthread_self();
    __atomic_store_n(&m->_held, true, __ATOMIC_RELAXED);
}


void
elo_cond_wait(elo_cond_t *c, elo_mutex_t *m)
{
    give(m);
    check(pthread_cond_wait(&c->_c, &m->_m));
    take_back(m);
}


bool
elo_cond_wait_until(elo_cond_t *c, elo_mutex_t *m, uint64_t mono_ns)
{
    struct timespec ts = { .tv_sec = (time_t) (mono_ns / NS_PER_S),
                           .tv_nsec = (long) (mono_ns % NS_PER_S) };
    int rc;

    give(m);
    rc = pthread_cond_timedwait(&c->_c, &m->_m, &ts);
    take_back(m);
    check(rc == ETIMEDOUT ? 0 : rc);
    return rc == 0;
}


void
elo_cond_signal(elo_cond_t *c)
{
    check(pthread_cond_signal(&c->_c));
}


void
elo_cond_broadcast(elo_cond_t *c)
{
    check(pthread_cond_broadcast(&c->_c));
}
