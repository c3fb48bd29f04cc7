/* SPDX-License-Identifier: BSD-2-Clause */
/* api_parts: what an api_server consists of, and how its parts tell each other. For
   tests only. */
#ifndef ELO_T_UNIT_API_PARTS_H
#define ELO_T_UNIT_API_PARTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/api/api.h"
#include "backend/os/log.h"
#include "backend/store/task.h"

#define API_MAX_BLOB (8u << 20)
#define API_RETRY_MS 300
#define API_INLINE   (64u << 10) /* larger ones get a file */
#define API_LOOKUP   (64u << 10)
#define API_WATCHERS 8

typedef struct {
    char root[96];
    char socket[128];
    elo_keyring_t *keyring;
    elo_store_t *store;
    elo_loop_t *loop;
    elo_api_t *api;
    elo_repl_t *repl;
    elo_care_t *care;
    bool has_care;        /* to be set before api_start, as is vfs */
    const elo_vfs_t *vfs; /* NULL: the real one */
    elo_sink_t sink;
    atomic_uint sink_err; /* what it answers, as an unsigned */
    elo_http_server_t *server;
    elo_timer_t *poll;
    pthread_t thread;
    atomic_bool must_stop;
} api_t;


static inline void
api_run_sink(elo_sink_t *self, const elo_task_t *tasks, uint32_t n,
             elo_sink_result_t *results)
{
    api_t *a = (api_t *) ((char *) self - offsetof(api_t, sink));

    (void) tasks;
    for (uint32_t i = 0; i < n; i++) {
        results[i].err = (elo_err_t) (int) atomic_load(&a->sink_err);
    }
}


/* With ELO_OK tasks end, with ELO_EAGAIN they stay, with others they fail. */
static inline void
api_set_sink(api_t *a, elo_err_t err)
{
    atomic_store(&a->sink_err, (unsigned) err);
    elo_repl_wake(a->repl);
}


static inline void
api_on_task(void *ctx)
{
    elo_repl_wake(((api_t *) ctx)->repl);
}


static inline void
api_on_done(void *ctx, const elo_digest_t *object)
{
    elo_api_on_done(((api_t *) ctx)->api, object);
}


static inline void
api_on_stopped(void *ctx)
{
    (void) ctx;
}


static inline void
api_on_repl_stopped(void *ctx)
{
    api_t *a = ctx;

    elo_api_stop(a->api, api_on_stopped, a);
}


static inline void
api_on_care_stopped(void *ctx)
{
    api_t *a = ctx;

    elo_repl_stop(a->repl, api_on_repl_stopped, a);
}


static inline void
api_on_drained(void *ctx)
{
    api_t *a = ctx;

    if (a->care != NULL) {
        elo_care_stop(a->care, api_on_care_stopped, a);
    } else {
        api_on_care_stopped(a);
    }
}


/* The timer keeps no loop alive, so the server's end is the loop's. */
static inline void
api_on_poll(void *ctx)
{
    api_t *a = ctx;

    if (atomic_load(&a->must_stop) && a->server != NULL) {
        elo_api_drain(a->api);
        elo_http_server_drain(&a->server, 2000, api_on_drained, a);
    }
}

#endif
