/* SPDX-License-Identifier: BSD-2-Clause */
/* index_internal: what the files of the index share. Internal to them. */
#ifndef ELO_KV_INDEX_INTERNAL_H
#define ELO_KV_INDEX_INTERNAL_H

#include <lmdb.h>

#include "backend/kv/index.h"
#include "backend/os/mutex.h"

#define ELO_INDEX_FILE        "data.mdb"
#define ELO_INDEX_ENGINE      0u /* table of state and counters */
#define ELO_INDEX_VERSION     2u /* what is derived, too; another is made anew */
#define ELO_INDEX_VALUE_HEAD  12u
#define ELO_INDEX_SUM_LEN     4u
#define ELO_INDEX_STATE_LEN   40u
#define ELO_INDEX_COUNTER_KEY 10u
#define ELO_INDEX_COUNTER_LEN 12u
#define ELO_INDEX_STATE_KEY   ELO_SLICE("state")

typedef struct {
    MDB_env *env;
    MDB_dbi dbi[ELO_KV_TABLES_MAX];
} elo_index_env_t;

struct elo_index_s {
    elo_index_env_t main;
    const elo_vfs_t *vfs;
    char *path;
    int dir;
    const char *names[ELO_KV_TABLES_MAX]; /* of tables; NULL: there is none */
    uint64_t map_bytes;

    /* shared: mtx */
    elo_mutex_t mtx;
    uint32_t n_idle;
    elo_index_read_t *idle;
    /* Once LMDB has lost its state (a meta page that could not be written), it
       refuses reads too: they go on in an environment that only reads. */
    bool is_lost;
    elo_index_env_t spare;
};

struct elo_index_read_s {
    elo_index_t *ix;
    const elo_index_env_t *env;
    MDB_txn *txn;
    elo_index_read_t *next;
};

struct elo_index_write_s {
    elo_index_t *ix;
    MDB_txn *txn;
    MDB_cursor *cursors[ELO_KV_TABLES_MAX]; /* opened when first used */
};

static inline MDB_val
elo_val(elo_slice_t s)
{
    /* LMDB takes keys and values without const, and doesn't write to them. */
    return (MDB_val){ s.len, (void *) (uintptr_t) s.p };
}


static inline elo_slice_t
elo_val_slice(MDB_val v)
{
    return elo_slice(v.mv_data, v.mv_size);
}


/* The checksum of a value. */
static inline uint32_t
elo_index_sum(elo_slice_t key, const uint8_t *p, size_t len)
{
    return elo_crc32c(elo_crc32c(0, key), elo_slice(p, len));
}


elo_err_t elo_index_result(int rc) ELO_MUST_USE; /* of LMDB's codes */

#endif
