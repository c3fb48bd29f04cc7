/* SPDX-License-Identifier: BSD-2-Clause */
/* kv: opening and closing the engine, and what ends its writing. */
#include <assert.h>
#include <stdlib.h>

#include "backend/kv/kv_care.h"
#include "backend/kv/kv_internal.h"
#include "backend/os/clock.h"
#include "backend/os/log.h"
#include "common/base/num.h"

#define CHECKPOINT_MS 500u
#define MAP_BYTES     (UINT64_C(1) << 30)


static elo_err_t
cfg_take(elo_kv_t *kv, const elo_kv_cfg_t *cfg)
{
    kv->cfg = *cfg;
    cfg = &kv->cfg;
    assert(cfg->vfs != NULL && cfg->index_path != NULL);
    if (cfg->segment_bytes == 0) {
        kv->cfg.segment_bytes = ELO_KV_SEGMENT_BYTES;
    }
    if (cfg->memtable_bytes == 0) {
        kv->cfg.memtable_bytes = ELO_KV_MEMTABLE_BYTES;
    }
    if (cfg->tail_bytes == 0) {
        kv->cfg.tail_bytes = ELO_KV_TAIL_BYTES;
    }
    if (cfg->checkpoint_ms == 0) {
        kv->cfg.checkpoint_ms = CHECKPOINT_MS;
    }
    if (cfg->map_bytes == 0) {
        kv->cfg.map_bytes = MAP_BYTES;
    }
    return cfg->n_tables > ELO_KV_TABLES_MAX
                   || cfg->segment_bytes > ELO_SEGMENT_BYTES_MAX
               ? ELO_EINVAL
               : ELO_OK;
}


static elo_err_t
locks_init(elo_kv_t *kv)
{
    elo_mutex_t *mutexes[] = { &kv->mtx, &kv->care };
    elo_cond_t *conds[] = { &kv->work, &kv->sealed_cond, &kv->done_cond };
    elo_err_t rc;

    for (; kv->n_mutexes < ELO_COUNT(mutexes); kv->n_mutexes++) {
        if ((rc = elo_mutex_init(mutexes[kv->n_mutexes])) != ELO_OK) {
            return rc;
        }
    }
    for (; kv->n_conds < ELO_COUNT(conds); kv->n_conds++) {
        if ((rc = elo_cond_init(conds[kv->n_conds])) != ELO_OK) {
            return rc;
        }
    }
    return ELO_OK;
}


static void
locks_dispose(elo_kv_t *kv)
{
    elo_mutex_t *mutexes[] = { &kv->mtx, &kv->care };
    elo_cond_t *conds[] = { &kv->work, &kv->sealed_cond, &kv->done_cond };

    while (kv->n_conds > 0) {
        elo_cond_dispose(conds[--kv->n_conds]);
    }
    while (kv->n_mutexes > 0) {
        elo_mutex_dispose(mutexes[--kv->n_mutexes]);
    }
}


/* The threads have ended, or never were. */
static void
kv_free(elo_kv_t *kv)
{
    elo_memtable_unref(&kv->sealed.mem);
    elo_memtable_unref(&kv->active);
    free(kv->sealed.sums);
    free(kv->tx.handles);
    elo_index_close(&kv->index);
    elo_seglog_close(&kv->log);
    elo_counters_free(&kv->counters);
    locks_dispose(kv);
    free(kv);
}


static void
checkpoint_thread_end(elo_kv_t *kv)
{
    elo_mutex_lock(&kv->mtx);
    kv->stop_checkpoint = true;
    elo_mutex_unlock(&kv->mtx);
    elo_cond_signal(&kv->sealed_cond);
    elo_thread_join(&kv->checkpoint_thread);
}


static elo_err_t
threads_start(elo_kv_t *kv)
{
    elo_err_t rc;

    rc = elo_thread_create(&kv->checkpoint_thread, "kv-checkpoint",
                           elo_kv_checkpoint_main, kv);
    if (rc != ELO_OK) {
        return rc;
    }
    rc = elo_thread_create(&kv->commit_thread, "kv-commit", elo_kv_commit_main,
                           kv);
    if (rc != ELO_OK) {
        checkpoint_thread_end(kv);
    }
    return rc;
}


elo_err_t
elo_kv_open(const elo_kv_cfg_t *cfg, elo_kv_t **out, elo_kv_recovery_t *found)
{
    elo_kv_t *kv = calloc(1, sizeof(*kv));
    elo_kv_recovery_t what;
    elo_err_t rc;

    if (kv == NULL) {
        return ELO_ENOMEM;
    }
    kv->magic = ELO_KV_MAGIC;
    kv->tx.kv = kv;
    elo_random(&kv->hash_seed, sizeof(kv->hash_seed));
    if ((rc = cfg_take(kv, cfg)) != ELO_OK || (rc = locks_init(kv)) != ELO_OK
        || (rc = elo_seglog_open(&kv->cfg, &kv->log)) != ELO_OK
        || (rc = elo_kv_recover(kv, &what)) != ELO_OK
        || (rc = threads_start(kv)) != ELO_OK)
    {
        kv_free(kv);
        return rc;
    }
    if (found != NULL) {
        *found = what;
    }
    *out = kv;
    return ELO_OK;
}


void
elo_kv_close(elo_kv_t **p)
{
    elo_kv_t *kv = *p;

    *p = NULL;
    if (kv == NULL) {
        return;
    }
    assert(kv->magic == ELO_KV_MAGIC);
    elo_mutex_lock(&kv->mtx);
    kv->stop_commit = true;
    elo_mutex_unlock(&kv->mtx);
    elo_kv_wake(kv);
    elo_thread_join(&kv->commit_thread);
    elo_seglog_stop(kv->log);
    checkpoint_thread_end(kv);
    kv->magic = 0;
    kv_free(kv);
}


bool
elo_kv_is_readonly(const elo_kv_t *kv)
{
    return elo_kv_mode(kv) == ELO_KV_READONLY;
}


void
elo_kv_set_readonly(elo_kv_t *kv)
{
    __atomic_store_n(&kv->mode, ELO_KV_READONLY, __ATOMIC_RELEASE);
    elo_mutex_lock(&kv->mtx);
    elo_cond_broadcast(&kv->done_cond);
    elo_mutex_unlock(&kv->mtx);
}


elo_err_t
elo_kv_fail(elo_kv_t *kv, elo_err_t err, const char *what)
{
    elo_log(ELO_LOG_CRIT,
            "%s failed, the store is read-only until it is opened again: %s",
            what, elo_strerror(err));
    elo_kv_set_readonly(kv);
    return ELO_EREADONLY;
}
