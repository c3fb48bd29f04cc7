/* SPDX-License-Identifier: BSD-2-Clause */
/* api_server: the API on a real server, socket, store and replication worker, in a
   thread of its own. For tests only. */
#ifndef ELO_T_UNIT_API_SERVER_H
#define ELO_T_UNIT_API_SERVER_H

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
#define API_WATCHERS 8

typedef struct {
    char root[96];
    char socket[128];
    elo_keyring_t *keyring;
    elo_store_t *store;
    elo_loop_t *loop;
    elo_api_t *api;
    elo_repl_t *repl;
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
api_on_drained(void *ctx)
{
    api_t *a = ctx;

    elo_repl_stop(a->repl, api_on_repl_stopped, a);
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


static inline void *
api_thread(void *ctx)
{
    api_t *a = ctx;

    elo_loop_run(a->loop);
    return NULL;
}


static inline void
api_start(api_t *a)
{
    char ring[128];
    elo_keyring_cfg_t keys = {
        .path = ring, .may_create = true, .kdf_ops = 1, .kdf_mem = 8192
    };
    elo_store_cfg_t store = { .root = a->root,
                              .map_bytes = 64u << 20,
                              .inline_bytes = API_INLINE,
                              .segment_bytes = 8u << 20,
                              .group = -1 };
    elo_repl_cfg_t repl = { .sink = &a->sink,
                            .batch = 16,
                            .budget_ms = 10,
                            .pause_ms = 5,
                            .backoff_ms = 20,
                            .backoff_max_ms = 20 };
    elo_store_events_t events = { .on_task = api_on_task,
                                  .on_done = api_on_done,
                                  .ctx = a };
    elo_http_cfg_t http = { .path = a->socket,
                            .mode = 0600,
                            .group = -1,
                            .max_conns = 64,
                            .idle_ms = 10000,
                            .max_head = 16384 };
    elo_api_cfg_t api = { .version = "1.2.3",
                          .max_blob = API_MAX_BLOB,
                          .inline_bytes = API_INLINE,
                          .max_watchers = API_WATCHERS,
                          .segment_target_ms = 1000,
                          .index_timeout_ms = 1500,
                          .index_memory = 64u << 20,
                          .indexer_jobs = 2,
                          .index_retry_ms = API_RETRY_MS };

    atomic_init(&a->must_stop, false);
    assert_int_equal(elo_log_open("/dev/null", ELO_LOG_ALERT), ELO_OK);
    assert_int_equal(elo_loop_create(&a->loop), ELO_OK);
    assert_int_equal(elo_keys_init(), ELO_OK);
    snprintf(ring, sizeof(ring), "%s/keyring", a->root);
    assert_int_equal(elo_keyring_open(&keys, &a->keyring), ELO_OK);
    store.keyring = a->keyring;
    assert_int_equal(elo_store_open(&store, &a->store, NULL), ELO_OK);
    api.loop = a->loop;
    api.store = a->store;
    assert_int_equal(elo_api_create(&api, &a->api), ELO_OK);
    a->sink = (elo_sink_t){ .name = "test", .run = api_run_sink };
    repl.loop = a->loop;
    repl.store = a->store;
    assert_int_equal(elo_repl_create(&repl, &a->repl), ELO_OK);
    elo_api_set_jobs(a->api, a->repl, NULL);
    elo_store_on_events(a->store, &events);
    assert_int_equal(elo_http_server_create(
                         a->loop, &http, elo_api_handler(a->api), &a->server),
                     ELO_OK);
    assert_int_equal(elo_timer_create(a->loop, 1, 5, api_on_poll, a, &a->poll),
                     ELO_OK);
    assert_int_equal(pthread_create(&a->thread, NULL, api_thread, a), 0);
}


static inline void
api_stop(api_t *a)
{
    atomic_store(&a->must_stop, true);
    assert_int_equal(pthread_join(a->thread, NULL), 0);
    assert_null(a->server);
    elo_timer_free(&a->poll);
    elo_store_close(&a->store);
    elo_repl_free(&a->repl);
    elo_api_free(&a->api);
    elo_keyring_close(&a->keyring);
    elo_loop_free(&a->loop);
}


static inline int
api_rm_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void) st;
    (void) type;
    (void) ftw;
    return remove(path);
}


static inline int
api_setup(void **state)
{
    api_t *a = calloc(1, sizeof(*a));

    signal(SIGPIPE, SIG_IGN);
    strcpy(a->root, "/tmp/elo-api-XXXXXX");
    assert_non_null(mkdtemp(a->root));
    snprintf(a->socket, sizeof(a->socket), "%s/api.sock", a->root);
    api_start(a);
    *state = a;
    return 0;
}


static size_t api_n_files; /* nftw passes no context */


static inline int
api_count_one(const char *path, const struct stat *st, int type,
              struct FTW *ftw)
{
    (void) path;
    (void) st;
    (void) ftw;
    api_n_files += type == FTW_F;
    return 0;
}


/* Regular files below a directory of the store. */
static inline size_t
api_files(const api_t *a, const char *name)
{
    char path[160];

    snprintf(path, sizeof(path), "%s/%s", a->root, name);
    api_n_files = 0;
    nftw(path, api_count_one, 16, FTW_PHYS);
    return api_n_files;
}


/* Whatever a test did: nothing half-written stays. */
static inline int
api_teardown(void **state)
{
    api_t *a = *state;
    size_t left;

    api_stop(a);
    left = api_files(a, "tmp");
    nftw(a->root, api_rm_one, 16, FTW_DEPTH | FTW_PHYS);
    free(a);
    return left == 0 ? 0 : -1;
}

#endif
