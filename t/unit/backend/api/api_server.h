/* SPDX-License-Identifier: BSD-2-Clause */
/* api_server: the API on a real server, socket, store and replication worker, in a
   thread of its own. For tests only. */
#ifndef ELO_T_UNIT_API_SERVER_H
#define ELO_T_UNIT_API_SERVER_H

#include "t/unit/backend/api/api_files.h"
#include "t/unit/backend/api/api_parts.h"


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
                              .vfs = a->vfs,
                              .group = -1 };
    elo_care_cfg_t care = { .budget_ms = 10, .pause_ms = 1 };
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
                          .lookup_bytes = API_LOOKUP,
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
    api.keyring = a->keyring;
    assert_int_equal(elo_api_create(&api, &a->api), ELO_OK);
    a->sink = (elo_sink_t){ .name = "test", .run = api_run_sink };
    repl.loop = a->loop;
    repl.store = a->store;
    assert_int_equal(elo_repl_create(&repl, &a->repl), ELO_OK);
    care.loop = a->loop;
    care.store = a->store;
    care.keyring = a->keyring;
    if (a->has_care) {
        assert_int_equal(elo_care_create(&care, &a->care), ELO_OK);
    }
    elo_api_set_jobs(a->api, a->repl, a->care);
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
    elo_care_free(&a->care);
    elo_store_close(&a->store);
    elo_repl_free(&a->repl);
    elo_api_free(&a->api);
    elo_keyring_close(&a->keyring);
    elo_loop_free(&a->loop);
}


static inline int
api_setup_with(void **state, bool has_care, const elo_vfs_t *vfs)
{
    api_t *a = calloc(1, sizeof(*a));

    signal(SIGPIPE, SIG_IGN);
    a->has_care = has_care;
    a->vfs = vfs;
    strcpy(a->root, "/tmp/elo-api-XXXXXX");
    assert_non_null(mkdtemp(a->root));
    snprintf(a->socket, sizeof(a->socket), "%s/api.sock", a->root);
    api_start(a);
    *state = a;
    return 0;
}


static inline int
api_setup(void **state)
{
    return api_setup_with(state, false, NULL);
}


static inline size_t
api_files(const api_t *a, const char *name)
{
    return api_count_files(a->root, name);
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
