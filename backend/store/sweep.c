/* SPDX-License-Identifier: BSD-2-Clause */
/* sweep: removes at start-up what interrupted writes left: temporary files, files
   that were linked but never committed (I4), files whose removal was committed
   but not finished (I6). Its cost is that of what was under way, not of what is
   held: numbers below the mark scan_from are known to be in order. */
#include "backend/store/txn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Directories in which something was unlinked, to be synced once each. */
typedef struct {
    bool dirty[2][256];
} touched_t;

typedef struct {
    elo_store_t *s;
    elo_err_t rc;
} tmp_ctx_t;


static bool
drop_tmp(void *ctx, const char *name)
{
    tmp_ctx_t *t = ctx;
    char path[ELO_STORE_NAME_MAX + 1];
    elo_err_t rc;
    int n = snprintf(path, sizeof(path), "tmp/%s", name);

    if (n < 0 || (size_t) n >= sizeof(path)) {
        return true; /* no file of ours has such a name */
    }
    rc = t->s->vfs->unlink(t->s->vfs, t->s->root_fd, path);
    if (rc != ELO_OK && rc != ENOENT && rc != EISDIR) {
        t->rc = rc;
    }
    return t->rc == ELO_OK;
}


static elo_err_t
unlink_file(elo_store_t *s, elo_file_kind_t kind, uint64_t seq, touched_t *t)
{
    char name[ELO_STORE_NAME_MAX + 1];
    elo_err_t rc;

    elo_file_name(kind, seq, name);
    rc = s->vfs->unlink(s->vfs, s->root_fd, name);
    if (rc == ELO_OK) {
        t->dirty[kind == ELO_FILE_MEDIA][seq & 0xff] = true;
    }
    return rc == ENOENT ? ELO_OK : elo_store_fail(s, rc, "unlink");
}


/* Numbers from the mark on: what no record names goes. */
static elo_err_t
sweep_orphans(elo_store_t *s, MDB_txn *txn, touched_t *t)
{
    static const elo_file_kind_t kinds[] = { ELO_FILE_BLOB, ELO_FILE_MEDIA };
    elo_rec_file_t rec;
    elo_slice_t v;
    uint8_t key[8];
    elo_err_t rc;

    for (uint64_t seq = s->state.scan_from; seq < s->state.seq_reserved; seq++)
    {
        elo_seq_encode(seq, key);
        rec.kind = 0;
        rc = elo_db_get(s, txn, ELO_DB_FILE, elo_slice(key, 8), &v);
        if (rc == ELO_OK) {
            rc = elo_rec_file_parse(elo_slice(key, 8), v, &rec);
        }
        if (rc != ELO_OK && rc != ELO_ENOTFOUND) {
            return rc;
        }
        for (int i = 0; i < 2; i++) {
            if (rec.kind != kinds[i]
                && (rc = unlink_file(s, kinds[i], seq, t)) != ELO_OK) {
                return rc;
            }
        }
    }
    return ELO_OK;
}


static elo_err_t
sweep_dead(elo_store_t *s, MDB_txn *txn, touched_t *t, bool *any)
{
    MDB_val k = { 0, NULL }, v;
    elo_rec_file_t rec;
    MDB_cursor *c;
    uint64_t seq;
    elo_err_t rc = ELO_OK;
    int err = mdb_cursor_open(txn, s->db[ELO_DB_DEAD], &c);

    if (err != MDB_SUCCESS) {
        return elo_db_fail(s, err);
    }
    *any = false;
    while (rc == ELO_OK
           && (err = mdb_cursor_get(c, &k, &v, MDB_NEXT)) == MDB_SUCCESS)
    {
        *any = true;
        if ((rc = elo_seq_parse(elo_val_slice(k), &seq)) == ELO_OK
            && (rc = elo_rec_file_parse(elo_val_slice(k), elo_val_slice(v),
                                        &rec))
                   == ELO_OK)
        {
            rc = unlink_file(s, rec.kind, seq, t);
        }
    }
    mdb_cursor_close(c);
    if (rc == ELO_OK && err != MDB_NOTFOUND) {
        rc = elo_db_fail(s, err);
    }
    return rc;
}


static elo_err_t
sync_touched(elo_store_t *s, const touched_t *t)
{
    char dir[ELO_STORE_NAME_MAX + 1];
    elo_err_t rc;

    for (unsigned i = 0; i < 512; i++) {
        if (t->dirty[i / 256][i % 256]) {
            elo_file_dir(i < 256 ? ELO_FILE_BLOB : ELO_FILE_MEDIA, i % 256,
                         dir);
            if ((rc = elo_dir_sync(s, dir)) != ELO_OK) {
                return rc;
            }
        }
    }
    return ELO_OK;
}


/* The marks may go only when the unlinks are on disk. */
static elo_err_t
forget_dead(elo_store_t *s)
{
    elo_wtxn_t w;
    elo_err_t rc;

    if ((rc = elo_wtxn_begin(s, &w)) != ELO_OK) {
        return rc;
    }
    rc = elo_db_fail(s, mdb_drop(w.txn, s->db[ELO_DB_DEAD], 0));
    if (rc != ELO_OK) {
        elo_wtxn_abort(&w);
        return rc;
    }
    return elo_wtxn_commit(&w, NULL);
}


elo_err_t
elo_store_sweep(elo_store_t *s)
{
    tmp_ctx_t tmp = { .s = s, .rc = ELO_OK };
    touched_t t = { 0 };
    bool any_dead = false;
    MDB_txn *txn;
    elo_err_t rc;

    rc = s->vfs->list(s->vfs, s->root_fd, "tmp", drop_tmp, &tmp);
    if (rc != ELO_OK || tmp.rc != ELO_OK) {
        return elo_store_fail(s, rc != ELO_OK ? rc : tmp.rc, "sweep of tmp");
    }
    if ((rc = elo_rtxn_begin(s, &txn)) != ELO_OK) {
        return rc;
    }
    if ((rc = sweep_orphans(s, txn, &t)) == ELO_OK) {
        rc = sweep_dead(s, txn, &t, &any_dead);
    }
    mdb_txn_abort(txn);
    if (rc != ELO_OK || (rc = sync_touched(s, &t)) != ELO_OK) {
        return rc;
    }
    return any_dead ? forget_dead(s) : ELO_OK;
}
