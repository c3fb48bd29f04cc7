/* SPDX-License-Identifier: BSD-2-Clause */
/* thread: a named thread of its own, and a condition to wait for under an
   elo_mutex_t. Over POSIX threads. Misuse is a bug and aborts. */
#ifndef ELO_OS_THREAD_H
#define ELO_OS_THREAD_H

#include <stdint.h>

#include "backend/os/mutex.h"

#define ELO_THREAD_NAME_MAX 15u /* Linux: 16 with the NUL */

typedef struct {
    pthread_t _t;
} elo_thread_t;

/* Runs fn(arg) with all signals blocked, so that they go to the loop. name: at
   most ELO_THREAD_NAME_MAX bytes, shown by ps and gdb. ELO_ENOMEM; EAGAIN when
   the system has no more threads. If it succeeds there is exactly one
   elo_thread_join. */
elo_err_t elo_thread_create(elo_thread_t *t, const char *name,
                            void (*fn)(void *arg), void *arg) ELO_MUST_USE;

/* Waits until fn has returned. */
void elo_thread_join(elo_thread_t *t);

typedef struct {
    pthread_cond_t _c;
} elo_cond_t;

elo_err_t elo_cond_init(elo_cond_t *c) ELO_MUST_USE;
void elo_cond_dispose(elo_cond_t *c);

/* The caller holds m, and holds it again afterwards. May return without a signal:
   wait in a loop that looks at what is waited for. */
void elo_cond_wait(elo_cond_t *c, elo_mutex_t *m);

/* The same, until elo_clock_mono_ns is mono_ns at the latest; false then. */
bool elo_cond_wait_until(elo_cond_t *c, elo_mutex_t *m, uint64_t mono_ns);

void elo_cond_signal(elo_cond_t *c);
void elo_cond_broadcast(elo_cond_t *c);

#endif
