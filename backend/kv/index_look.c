/* SPDX-License-Identifier: BSD-2-Clause */
/* index_look: see the header. */
#include "backend/kv/index_look.h"

#include <errno.h>
#include <stdlib.h>

#include "backend/kv/index_internal.h"

#define FREE_DBI  0 /* LMDB's own list of free pages */
#define DATA_FILE "data.mdb"


/* Length of the file. ELO_ENOTFOUND: there is none, or an empty one, which LMDB
   takes for a new one. */
static elo_err_t
look_at_file(const elo_index_t *ix, uint64_t *size)
{
    const elo_vfs_t *v = ix->vfs;
    elo_err_t rc;
    int dir, fd;

    rc = v->open(v, ELO_VFS_CWD, ix->path, ELO_VFS_DIR, 0, &dir);
    if (rc == ENOENT) {
        return ELO_ENOTFOUND;
    }
    if (rc != ELO_OK) {
        return rc;
    }
    if ((rc = v->open(v, dir, DATA_FILE, ELO_VFS_READ, 0, &fd)) == ELO_OK) {
        rc = v->size(v, fd, size);
        v->close(v, fd);
    }
    v->close(v, dir);
    return rc == ENOENT || (rc == ELO_OK && *size == 0) ? ELO_ENOTFOUND : rc;
}


static elo_err_t
env_open(elo_index_t *ix, uint64_t size)
{
    MDB_env **env = &ix->main.env;
    MDB_envinfo info;
    MDB_stat st;
    elo_err_t rc;

    if ((rc = elo_index_result(mdb_env_create(env))) != ELO_OK) {
        *env = NULL;
        return rc;
    }
    if ((rc = elo_index_result(mdb_env_set_mapsize(*env, ix->map_bytes)))
            != ELO_OK
        || (rc = elo_index_result(mdb_env_set_maxdbs(*env, ELO_KV_TABLES_MAX)))
               != ELO_OK
        || (rc = elo_index_result(mdb_env_open(
                *env, ix->path, MDB_NOTLS | MDB_RDONLY | MDB_NOLOCK, 0600)))
               != ELO_OK
        || (rc = elo_index_result(mdb_env_info(*env, &info))) != ELO_OK
        || (rc = elo_index_result(mdb_env_stat(*env, &st))) != ELO_OK)
    {
        return rc;
    }
    /* a file that is shorter than its pages would be death by SIGBUS */
    return size / st.ms_psize > info.me_last_pgno ? ELO_OK : ELO_ECORRUPT;
}


static elo_err_t
tables_open(elo_index_t *ix)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(ix->main.env, NULL, MDB_RDONLY, &txn);

    for (uint32_t i = 0; rc == MDB_SUCCESS && i < ELO_KV_TABLES_MAX; i++) {
        if (ix->names[i] != NULL) {
            rc = mdb_dbi_open(txn, ix->names[i], 0, &ix->main.dbi[i]);
        }
        if (rc != MDB_SUCCESS) {
            mdb_txn_abort(txn);
            if (rc == MDB_NOTFOUND) { /* an older version had fewer of them */
                return i == ELO_INDEX_ENGINE ? ELO_ECORRUPT : ELO_EUNSUPPORTED;
            }
            return elo_index_result(rc);
        }
    }
    return elo_index_result(rc == MDB_SUCCESS ? mdb_txn_commit(txn) : rc);
}


elo_err_t
elo_index_look(const elo_kv_cfg_t *cfg, elo_index_t **out)
{
    elo_index_t *ix = calloc(1, sizeof(*ix));
    uint64_t size = 0;
    elo_err_t rc;

    if (ix == NULL || (ix->path = strdup(cfg->index_path)) == NULL) {
        free(ix);
        return ELO_ENOMEM;
    }
    ix->vfs = cfg->vfs;
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
    rc = look_at_file(ix, &size);
    ix->map_bytes = cfg->map_bytes > size ? cfg->map_bytes : size;
    if (rc != ELO_OK || (rc = env_open(ix, size)) != ELO_OK
        || (rc = tables_open(ix)) != ELO_OK)
    {
        elo_index_close(&ix);
        return rc == EINVAL ? ELO_ECORRUPT : rc;
    }
    *out = ix;
    return ELO_OK;
}


/* ---- the walk ---- */

static bool
is_before(elo_slice_t a, elo_slice_t b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = memcmp(a.p, b.p, n);

    return c != 0 ? c < 0 : a.len < b.len;
}


/* Every row reads, and keys ascend: a walk in a circle ends. */
static elo_err_t
walk_table(elo_index_read_t *r, uint8_t table)
{
    elo_index_cursor_t c = { ._c = NULL };
    uint8_t mem[ELO_KV_KEY_MAX] = { 0 };
    elo_slice_t last = elo_slice(mem, 0);
    elo_kv_row_t row;
    elo_err_t rc;

    if ((rc = elo_index_seek(r, table, last, &c)) != ELO_OK) {
        return rc;
    }
    while ((rc = elo_index_next(&c, &row)) == ELO_OK) {
        if (row.key.len == 0 || row.key.len > sizeof(mem)
            || !is_before(last, row.key)) {
            rc = ELO_ECORRUPT;
            break;
        }
        memcpy(mem, row.key.p, row.key.len);
        last.len = row.key.len;
    }
    elo_index_cursor_end(&c);
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


/* A list says how many numbers follow, in falling order, of pages that are there. */
static bool
is_free_list(const MDB_val *v, size_t last_page)
{
    size_t n, at, before = SIZE_MAX;

    if (v->mv_size < sizeof(n) || v->mv_size % sizeof(n) != 0) {
        return false;
    }
    memcpy(&n, v->mv_data, sizeof(n));
    if (n != v->mv_size / sizeof(n) - 1) {
        return false;
    }
    for (size_t i = 1; i <= n; i++) {
        memcpy(&at, (const uint8_t *) v->mv_data + i * sizeof(n), sizeof(n));
        if (at < 2 || at > last_page || at >= before) {
            return false;
        }
        before = at;
    }
    return true;
}


static elo_err_t
walk_free(elo_index_read_t *r)
{
    MDB_envinfo info;
    MDB_cursor *c;
    MDB_val k, v;
    elo_err_t rc;
    int err;

    if ((rc = elo_index_result(mdb_env_info(r->env->env, &info))) != ELO_OK
        || (rc = elo_index_result(mdb_cursor_open(r->txn, FREE_DBI, &c)))
               != ELO_OK)
    {
        return rc;
    }
    for (err = mdb_cursor_get(c, &k, &v, MDB_FIRST); err == MDB_SUCCESS;
         err = mdb_cursor_get(c, &k, &v, MDB_NEXT))
    {
        if (k.mv_size != sizeof(size_t) || !is_free_list(&v, info.me_last_pgno))
        {
            rc = ELO_ECORRUPT;
            break;
        }
    }
    mdb_cursor_close(c);
    return rc != ELO_OK || err == MDB_NOTFOUND ? rc : elo_index_result(err);
}


static elo_err_t
ignore_counter(void *ctx, uint8_t space, uint64_t id, int64_t value)
{
    (void) ctx;
    (void) space;
    (void) id;
    (void) value;
    return ELO_OK;
}


static elo_err_t
walk(elo_index_read_t *r)
{
    elo_index_state_t state;
    elo_err_t rc;

    if ((rc = elo_index_state(r, &state)) != ELO_OK
        || (rc = elo_index_counters(r, ignore_counter, NULL)) != ELO_OK
        || (rc = walk_free(r)) != ELO_OK)
    {
        return rc;
    }
    for (uint8_t i = 1; i < ELO_KV_TABLES_MAX && rc == ELO_OK; i++) {
        if (r->ix->names[i] != NULL) {
            rc = walk_table(r, i);
        }
    }
    return rc;
}


elo_err_t
elo_index_walk(const elo_kv_cfg_t *cfg)
{
    elo_index_read_t *r;
    elo_index_t *ix;
    elo_err_t rc;

    if ((rc = elo_index_look(cfg, &ix)) != ELO_OK) {
        return rc;
    }
    if ((rc = elo_index_read_begin(ix, &r)) == ELO_OK) {
        rc = walk(r);
        elo_index_read_end(&r);
    }
    elo_index_close(&ix);
    return rc == ELO_ENOTFOUND ? ELO_ECORRUPT : rc;
}
