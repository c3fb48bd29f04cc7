/* SPDX-License-Identifier: BSD-2-Clause */
/* mutex: a checked POSIX mutex. Misuse is a bug and aborts. */
#include "backend/os/mutex.h"

#include <assert.h>


elo_err_t
elo_mutex_init(elo_mutex_t *m)
{
    m->_held = false;
    return pthread_mutex_init(&m->_m, NULL);
}


void
elo_mutex_dispose(elo_mutex_t *m)
{
    int rc = pthread_mutex_destroy(&m->_m);

    assert(rc == 0);
    (void) rc;
}


void
elo_mutex_lock(elo_mutex_t *m)
{
    int rc = pthread_mutex_lock(&m->_m);

    assert(rc == 0);
    (void) rc;
    m->_owner = pthread_self();
    __atomic_store_n(&m->_held, true, __ATOMIC_RELAXED);
}


void
elo_mutex_unlock(elo_mutex_t *m)
{
    int rc;

    elo_mutex_assert_held(m);
    __atomic_store_n(&m->_held, false, __ATOMIC_RELAXED);
    rc = pthread_mutex_unlock(&m->_m);
    assert(rc == 0);
    (void) rc;
}


void
elo_mutex_assert_held(elo_mutex_t *m)
{
    assert(__atomic_load_n(&m->_held, __ATOMIC_RELAXED)
           && pthread_equal(m->_owner, pthread_self()));
    (void) m;
}
