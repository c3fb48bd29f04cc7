/* SPDX-License-Identifier: BSD-2-Clause */
/* index: opening, read transactions, care. See index.h for the bytes. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "backend/kv/index_internal.h"
#include "common/base/num.h"

#define READERS_MAX 1024 /* threads of the pool, nested views, the engine */
#define IDLE_MAX    64u  /* ended reads that are kept */
#define LOCK_FILE   "lock.mdb"


elo_err_t
elo_index_result(int rc)
{
    switch (rc) {
    case MDB_SUCCESS:
        return ELO_OK;
    case MDB_NOTFOUND:
        return ELO_ENOTFOUND;
    case MDB_MAP_FULL:
        return ELO_ENOSPC;
    case MDB_READERS_FULL:
        return ELO_EAGAIN;
    case ENOMEM:
        return ELO_ENOMEM;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
        return ELO_ECORRUPT;
    default:
        return rc > 0 ? rc : ELO_EINTERNAL;
    }
}


/* A file that is shorter than its pages would be death by SIGBUS. */
static elo_err_t
check_length(elo_index_t *ix)
{
    const elo_vfs_t *vfs = ix->vfs;
    MDB_envinfo info;
    MDB_stat st;
    uint64_t size;
    elo_err_t rc;
    int fd;

    if ((rc = vfs->open(vfs, ix->dir, ELO_INDEX_FILE, ELO_VFS_READ, 0, &fd))
        != ELO_OK)
    {
        return rc;
    }
    rc = vfs->size(vfs, fd, &size);
    vfs->close(vfs, fd);
    if (rc != ELO_OK) {
        return rc;
    }
    if ((rc = elo_index_result(mdb_env_info(ix->main.env, &info))) != ELO_OK
        || (rc = elo_index_result(mdb_env_stat(ix->main.env, &st))) != ELO_OK)
    {
        return rc;
    }
    return size / st.ms_psize > info.me_last_pgno ? ELO_OK : ELO_ECORRUPT;
}


static elo_err_t
tables_open(const elo_index_t *ix, elo_index_env_t *e, bool is_main)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(e->env, NULL, is_main ? 0 : MDB_RDONLY, &txn);

    if (rc != MDB_SUCCESS) {
        return elo_index_result(rc);
    }
    for (uint32_t i = 0; i < ELO_KV_TABLES_MAX; i++) {
        if (ix->names[i] == NULL) {
            continue;
        }
        rc = mdb_dbi_open(txn, ix->names[i], is_main ? MDB_CREATE : 0,
                          &e->dbi[i]);
        if (rc != MDB_SUCCESS) {
            mdb_txn_abort(txn);
            return elo_index_result(rc);
        }
    }
    return elo_index_result(mdb_txn_commit(txn));
}


static elo_err_t
env_open(const elo_index_t *ix, elo_index_env_t *e, unsigned flags)
{
    elo_err_t rc;

    if ((rc = elo_index_result(mdb_env_create(&e->env))) != ELO_OK) {
        e->env = NULL;
        return rc;
    }
    if ((rc = elo_index_result(mdb_env_set_mapsize(e->env, ix->map_bytes)))
            != ELO_OK
        || (rc =
                elo_index_result(mdb_env_set_maxdbs(e->env, ELO_KV_TABLES_MAX)))
               != ELO_OK
        || (rc = elo_index_result(mdb_env_set_maxreaders(e->env, READERS_MAX)))
               != ELO_OK)
    {
        return rc;
    }
    return elo_index_result(
        mdb_env_open(e->env, ix->path, MDB_NOTLS | flags, 0600));
}


static elo_err_t
main_open(elo_index_t *ix)
{
    elo_err_t rc;
    int dead;

    if ((rc = ix->vfs->open_root(ix->vfs, ix->path, 0700, &ix->dir)) != ELO_OK)
    {
        ix->dir = -1;
        return rc;
    }
    if ((rc = env_open(ix, &ix->main, 0)) != ELO_OK
        || (rc = elo_index_result(mdb_reader_check(ix->main.env, &dead)))
               != ELO_OK
        || (rc = check_length(ix)) != ELO_OK)
    {
        return rc;
    }
    return tables_open(ix, &ix->main, true);
}


elo_err_t
elo_index_open(const elo_kv_cfg_t *cfg, elo_index_t **out)
{
    elo_index_t *ix = calloc(1, sizeof(*ix));
    elo_err_t rc;

    assert(cfg->n_tables <= ELO_KV_TABLES_MAX);
    if (ix == NULL || (ix->path = strdup(cfg->index_path)) == NULL) {
        free(ix);
        return ELO_ENOMEM;
    }
    ix->vfs = cfg->vfs;
    ix->map_bytes = cfg->map_bytes;
    ix->dir = -1;
    for (uint32_t i = 0; i < cfg->n_tables; i++) {
        ix->names[i] = cfg->tables[i];
    }
    ix->names[ELO_INDEX_ENGINE] = "engine";
    if ((rc = elo_mutex_init(&ix->mtx)) != ELO_OK) {
        free(ix->path);
        free(ix);
        return rc;
    }
    if ((rc = main_open(ix)) != ELO_OK) {
        elo_index_close(&ix);
        return rc;
    }
    *out = ix;
    return ELO_OK;
}


static void
read_free(elo_index_read_t *r)
{
    mdb_txn_abort(r->txn);
    free(r);
}


void
elo_index_close(elo_index_t **p)
{
    elo_index_t *ix = *p;
    elo_index_read_t *r;

    *p = NULL;
    if (ix == NULL) {
        return;
    }
    while ((r = ix->idle) != NULL) {
        ix->idle = r->next;
        read_free(r);
    }
    if (ix->spare.env != NULL) {
        mdb_env_close(ix->spare.env);
    }
    if (ix->main.env != NULL) {
        mdb_env_close(ix->main.env);
    }
    if (ix->dir != -1) {
        ix->vfs->close(ix->vfs, ix->dir);
    }
    elo_mutex_dispose(&ix->mtx);
    free(ix->path);
    free(ix);
}


elo_err_t
elo_index_discard(const elo_kv_cfg_t *cfg, bool keep)
{
    const elo_vfs_t *vfs = cfg->vfs;
    elo_err_t rc;
    int dir;

    if ((rc = vfs->open_root(vfs, cfg->index_path, 0700, &dir)) != ELO_OK) {
        return rc;
    }
    rc = keep ? vfs->rename(vfs, dir, ELO_INDEX_FILE, ELO_INDEX_FILE ".damaged")
              : vfs->unlink(vfs, dir, ELO_INDEX_FILE);
    if (rc == ELO_OK || rc == ENOENT) {
        rc = vfs->unlink(vfs, dir, LOCK_FILE);
    }
    if (rc == ELO_OK || rc == ENOENT) {
        rc = vfs->fsync_dir(vfs, dir);
    }
    vfs->close(vfs, dir);
    return rc;
}


/* MDB_SUCCESS, MDB_PANIC or another of LMDB's codes. */
static int
read_new(elo_index_t *ix, const elo_index_env_t *e, elo_index_read_t **out)
{
    elo_index_read_t *r = calloc(1, sizeof(*r));
    int rc;

    if (r == NULL) {
        return ENOMEM;
    }
    r->ix = ix;
    r->env = e;
    if ((rc = mdb_txn_begin(e->env, NULL, MDB_RDONLY, &r->txn)) != MDB_SUCCESS)
    {
        free(r);
        return rc;
    }
    *out = r;
    return MDB_SUCCESS;
}


/* The spare environment, opened when it isn't; NULL: it can't be. */
static const elo_index_env_t *
spare_env(elo_index_t *ix)
{
    elo_index_env_t *e = &ix->spare;

    elo_mutex_lock(&ix->mtx);
    ix->is_lost = true;
    if (e->env == NULL
        && (env_open(ix, e, MDB_RDONLY | MDB_NOLOCK) != ELO_OK
            || tables_open(ix, e, false) != ELO_OK)
        && e->env != NULL)
    {
        mdb_env_close(e->env);
        e->env = NULL;
    }
    elo_mutex_unlock(&ix->mtx);
    return e->env != NULL ? e : NULL;
}


elo_err_t
elo_index_read_begin(elo_index_t *ix, elo_index_read_t **out)
{
    const elo_index_env_t *e;
    elo_index_read_t *r;
    bool is_lost;
    int rc = MDB_PANIC;

    elo_mutex_lock(&ix->mtx);
    is_lost = ix->is_lost;
    if ((r = ix->idle) != NULL) {
        ix->idle = r->next;
        ix->n_idle--;
    }
    elo_mutex_unlock(&ix->mtx);
    if (r != NULL && (!is_lost || r->env == &ix->spare)) {
        if ((rc = mdb_txn_renew(r->txn)) == MDB_SUCCESS) {
            *out = r;
            return ELO_OK;
        }
    }
    if (r != NULL) {
        read_free(r);
    } else if (!is_lost) {
        rc = read_new(ix, &ix->main, out);
    }
    if (rc == MDB_PANIC && (e = spare_env(ix)) != NULL) {
        rc = read_new(ix, e, out);
    }
    return elo_index_result(rc);
}


void
elo_index_read_end(elo_index_read_t **p)
{
    elo_index_read_t *r = *p;
    elo_index_t *ix;

    *p = NULL;
    if (r == NULL) {
        return;
    }
    ix = r->ix;
    mdb_txn_reset(r->txn);
    elo_mutex_lock(&ix->mtx);
    if (ix->n_idle < IDLE_MAX) {
        r->next = ix->idle;
        ix->idle = r;
        ix->n_idle++;
        r = NULL;
    }
    elo_mutex_unlock(&ix->mtx);
    if (r != NULL) {
        read_free(r);
    }
}


uint64_t
elo_index_bytes(elo_index_t *ix)
{
    elo_index_read_t *r = NULL;
    uint64_t sum = 0;
    MDB_stat st;

    if (elo_index_read_begin(ix, &r) != ELO_OK || r == NULL) {
        return 0;
    }
    for (unsigned i = 0; i < ELO_KV_TABLES_MAX; i++) {
        if (ix->names[i] != NULL
            && mdb_stat(r->txn, r->env->dbi[i], &st) == MDB_SUCCESS)
        {
            sum +=
                (st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages)
                * st.ms_psize;
        }
    }
    elo_index_read_end(&r);
    return sum;
}
