/* SPDX-License-Identifier: BSD-2-Clause */
/* mutex: a lock that knows its holder, so that functions named _locked can check
   it. Not recursive. Over POSIX threads, which the sanitizers understand. */
#ifndef ELO_OS_MUTEX_H
#define ELO_OS_MUTEX_H

#include <pthread.h>
#include <stdbool.h>

#include "common/base/err.h"

typedef struct {
    pthread_mutex_t _m;
    pthread_t _owner;
    bool _held;
} elo_mutex_t;

elo_err_t elo_mutex_init(elo_mutex_t *m) ELO_MUST_USE;
void elo_mutex_dispose(elo_mutex_t *m);
void elo_mutex_lock(elo_mutex_t *m);
void elo_mutex_unlock(elo_mutex_t *m);

/* Aborts unless the calling thread holds m. */
void elo_mutex_assert_held(elo_mutex_t *m);

#endif
