/* SPDX-License-Identifier: BSD-2-Clause */
/* txn: the transactions of the index, and what each commit carries along: the
   state record, the marks of files that are gone, the numbers that are taken. */
#include "backend/store/txn.h"

#include <assert.h>
#include <errno.h>

#define STATE_KEY   ELO_SLICE("state")
#define MAX_READERS 512 /* threads of the pool, and nested reads of callbacks */


static uint64_t
scan_mark_locked(elo_store_t *s, const elo_newfile_t *but)
{
    uint64_t mark = s->seq_next;
    const elo_newfile_t *f = s->first;

    elo_mutex_assert_held(&s->mtx);
    if (f != NULL && f == but) {
        f = f->next;
    }
    if (f != NULL) {
        mark = f->seq;
    }
    return mark < s->seq_stuck ? mark : s->seq_stuck;
}


static void
undecided_remove_locked(elo_store_t *s, elo_newfile_t *nf)
{
    elo_mutex_assert_held(&s->mtx);
    *(nf->prev != NULL ? &nf->prev->next : &s->first) = nf->next;
    *(nf->next != NULL ? &nf->next->prev : &s->last) = nf->prev;
    nf->prev = nf->next = NULL;
    nf->seq = 0;
}


elo_err_t
elo_db_open(elo_store_t *s, const char *path, uint64_t map_bytes)
{
    static const struct {
        const char *name;
        unsigned flags;
    } dbs[ELO_DB_COUNT] = {
        [ELO_DB_META] = { "meta", 0 },         [ELO_DB_BLOB] = { "blob", 0 },
        [ELO_DB_FILE] = { "file", 0 },         [ELO_DB_DEAD] = { "dead", 0 },
        [ELO_DB_NODE] = { "node", 0 },         [ELO_DB_NODEV] = { "nodev", 0 },
        [ELO_DB_REF] = { "ref", MDB_DUPSORT }, [ELO_DB_MEDIA] = { "media", 0 },
    };
    MDB_txn *txn;
    int rc, dead;

    if ((rc = mdb_env_create(&s->env)) != MDB_SUCCESS
        || (rc = mdb_env_set_mapsize(s->env, map_bytes)) != MDB_SUCCESS
        || (rc = mdb_env_set_maxdbs(s->env, ELO_DB_COUNT)) != MDB_SUCCESS
        || (rc = mdb_env_set_maxreaders(s->env, MAX_READERS)) != MDB_SUCCESS
        || (rc = mdb_env_open(s->env, path, MDB_NOTLS, 0600)) != MDB_SUCCESS
        || (rc = mdb_reader_check(s->env, &dead)) != MDB_SUCCESS
        || (rc = mdb_txn_begin(s->env, NULL, 0, &txn)) != MDB_SUCCESS)
    {
        return elo_db_fail(s, rc);
    }
    for (int i = 0; i < ELO_DB_COUNT; i++) {
        rc = mdb_dbi_open(txn, dbs[i].name, dbs[i].flags | MDB_CREATE,
                          &s->db[i]);
        if (rc != MDB_SUCCESS) {
            mdb_txn_abort(txn);
            return elo_db_fail(s, rc);
        }
    }
    return elo_db_fail(s, mdb_txn_commit(txn));
}


elo_err_t
elo_db_get(elo_store_t *s, MDB_txn *txn, int db, elo_slice_t key,
           elo_slice_t *value)
{
    MDB_val k = elo_val(key), v;
    int rc = mdb_get(txn, s->db[db], &k, &v);

    if (rc != MDB_SUCCESS) {
        return elo_db_fail(s, rc);
    }
    *value = elo_val_slice(v);
    return ELO_OK;
}


elo_err_t
elo_db_put(elo_wtxn_t *w, int db, elo_slice_t key, elo_slice_t value)
{
    MDB_val k = elo_val(key), v = elo_val(value);

    return elo_db_fail(w->s, mdb_put(w->txn, w->s->db[db], &k, &v, 0));
}


elo_err_t
elo_db_del(elo_wtxn_t *w, int db, elo_slice_t key, const elo_slice_t *value)
{
    MDB_val k = elo_val(key), v = { 0, NULL };
    int rc;

    if (value != NULL) {
        v = elo_val(*value);
    }
    rc = mdb_del(w->txn, w->s->db[db], &k, value != NULL ? &v : NULL);
    return rc == MDB_NOTFOUND ? ELO_OK : elo_db_fail(w->s, rc);
}


elo_err_t
elo_rtxn_begin(elo_store_t *s, MDB_txn **txn)
{
    return elo_db_fail(s, mdb_txn_begin(s->env, NULL, MDB_RDONLY, txn));
}


elo_err_t
elo_wtxn_begin(elo_store_t *s, elo_wtxn_t *w)
{
    elo_err_t rc;

    elo_mutex_lock(&s->mtx);
    if (elo_store_is_readonly(s)) {
        rc = ELO_EREADONLY;
    } else {
        *w = (elo_wtxn_t){ .s = s, .state = s->state };
        rc = elo_db_fail(s, mdb_txn_begin(s->env, NULL, 0, &w->txn));
    }
    if (rc != ELO_OK) {
        elo_mutex_unlock(&s->mtx);
    }
    return rc;
}


void
elo_wtxn_abort(elo_wtxn_t *w)
{
    mdb_txn_abort(w->txn);
    elo_mutex_unlock(&w->s->mtx);
}


void
elo_wtxn_bump(elo_wtxn_t *w, elo_slice_t key)
{
    uint32_t slot = elo_gen_slot(key);

    w->bumps[slot / 64] |= UINT64_C(1) << slot % 64;
}


elo_err_t
elo_wtxn_bump_blob(elo_wtxn_t *w, const elo_digest_t *d)
{
    MDB_val k = elo_val(elo_digest_slice(d)), v;
    MDB_cursor *c;
    int rc = mdb_cursor_open(w->txn, w->s->db[ELO_DB_REF], &c);

    elo_wtxn_bump(w, elo_digest_slice(d));
    if (rc != MDB_SUCCESS) {
        return elo_db_fail(w->s, rc);
    }
    for (rc = mdb_cursor_get(c, &k, &v, MDB_SET); rc == MDB_SUCCESS;
         rc = mdb_cursor_get(c, &k, &v, MDB_NEXT_DUP))
    {
        elo_wtxn_bump(w, elo_val_slice(v));
    }
    mdb_cursor_close(c);
    return rc == MDB_NOTFOUND ? ELO_OK : elo_db_fail(w->s, rc);
}


static elo_err_t
state_write(elo_wtxn_t *w)
{
    uint8_t mem[ELO_STATE_REC_MAX];
    uint8_t key[8];
    elo_buf_t buf;
    elo_err_t rc;

    for (uint32_t i = 0; i < w->s->n_dead; i++) {
        elo_seq_encode(w->s->dead[i], key);
        if ((rc = elo_db_del(w, ELO_DB_DEAD, elo_slice(key, 8), NULL))
            != ELO_OK) {
            return rc;
        }
    }
    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_rec_state_encode(&w->state, STATE_KEY, &buf);
    if ((rc = elo_buf_err(&buf)) != ELO_OK) {
        return rc;
    }
    return elo_db_put(w, ELO_DB_META, STATE_KEY, elo_buf_slice(&buf));
}


/* Ends w->txn. ELO_EREADONLY when nobody knows how it ended. */
static elo_err_t
commit_index(elo_wtxn_t *w)
{
    elo_store_t *s = w->s;
    MDB_txn *probe;
    elo_err_t rc;
    int err;

    if ((rc = s->vfs->checkpoint(s->vfs)) != ELO_OK) {
        mdb_txn_abort(w->txn);
        return elo_store_fail(s, rc, "index commit");
    }
    err = mdb_txn_commit(w->txn);
    switch (err) {
    case MDB_SUCCESS:
        return ELO_OK;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
        /* LMDB failed before its meta page, unless it says that its state is
           no longer known: then also a read transaction is refused. */
        if ((rc = elo_rtxn_begin(s, &probe)) != ELO_OK) {
            return elo_store_fail_sync(s, rc, "index commit");
        }
        mdb_txn_abort(probe);
        return elo_db_fail(s, err);
    default:
        return elo_store_fail_sync(s, err > 0 ? err : ELO_EINTERNAL,
                                   "index commit");
    }
}


elo_err_t
elo_wtxn_commit(elo_wtxn_t *w, elo_newfile_t *nf)
{
    elo_store_t *s = w->s;
    elo_err_t rc;

    w->state.scan_from = scan_mark_locked(s, nf);
    if ((rc = state_write(w)) != ELO_OK) {
        elo_wtxn_abort(w);
        return rc;
    }
    rc = commit_index(w);
    if (rc == ELO_OK) {
        s->state = w->state;
        s->n_dead = 0;
        __atomic_store_n(&s->blobs, w->state.blobs, __ATOMIC_RELAXED);
        __atomic_store_n(&s->bytes, w->state.bytes, __ATOMIC_RELAXED);
        if (nf != NULL) {
            undecided_remove_locked(s, nf);
        }
    }
    /* (I5): after the commit; also when its outcome is unknown, for a bump too
       many costs one question. */
    if (rc == ELO_OK || rc == ELO_EREADONLY) {
        for (uint32_t i = 0; i < ELO_GEN_SLOTS; i++) {
            if (w->bumps[i / 64] >> i % 64 & 1) {
                elo_gen_bump(s->gen, i);
            }
        }
    }
    elo_mutex_unlock(&s->mtx);
    return rc;
}


elo_err_t
elo_wtxn_name(elo_wtxn_t *w, elo_file_kind_t kind, uint64_t seq,
              const elo_digest_t *d)
{
    elo_rec_file_t rec = { .kind = kind, .digest = *d };
    uint8_t key[8], mem[ELO_FILE_REC_MAX];
    elo_buf_t buf;
    elo_err_t rc;

    elo_seq_encode(seq, key);
    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_rec_file_encode(&rec, elo_slice(key, 8), &buf);
    if ((rc = elo_buf_err(&buf)) != ELO_OK) {
        return rc;
    }
    return elo_db_put(w, ELO_DB_FILE, elo_slice(key, 8), elo_buf_slice(&buf));
}


elo_err_t
elo_wtxn_kill(elo_wtxn_t *w, elo_file_kind_t kind, uint64_t seq)
{
    elo_rec_file_t rec = { .kind = kind };
    uint8_t key[8], mem[ELO_FILE_REC_MAX];
    elo_buf_t buf;
    elo_err_t rc;

    elo_seq_encode(seq, key);
    if ((rc = elo_db_del(w, ELO_DB_FILE, elo_slice(key, 8), NULL)) != ELO_OK) {
        return rc;
    }
    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_rec_file_encode(&rec, elo_slice(key, 8), &buf);
    if ((rc = elo_buf_err(&buf)) != ELO_OK) {
        return rc;
    }
    return elo_db_put(w, ELO_DB_DEAD, elo_slice(key, 8), elo_buf_slice(&buf));
}


void
elo_file_bury(elo_store_t *s, elo_file_kind_t kind, uint64_t seq)
{
    char name[ELO_STORE_NAME_MAX + 1], dir[ELO_STORE_NAME_MAX + 1];
    elo_err_t rc;

    elo_file_name(kind, seq, name);
    elo_file_dir(kind, seq, dir);
    rc = s->vfs->unlink(s->vfs, s->root_fd, name);
    if (rc != ELO_OK && rc != ENOENT) {
        elo_ignore(elo_store_fail(s, rc, "unlink")); /* the mark stays */
        return;
    }
    if (elo_dir_sync(s, dir) != ELO_OK) {
        return;
    }
    elo_mutex_lock(&s->mtx);
    if (s->n_dead < ELO_DEAD_MAX) {
        s->dead[s->n_dead++] = seq;
    }
    elo_mutex_unlock(&s->mtx);
}


/* Reserves further numbers with a commit of its own. */
static elo_err_t
seq_reserve(elo_store_t *s)
{
    elo_wtxn_t w;
    elo_err_t rc;

    if ((rc = elo_wtxn_begin(s, &w)) != ELO_OK) {
        return rc;
    }
    if (s->seq_next < s->state.seq_reserved) {
        elo_wtxn_abort(&w); /* another thread was first */
        return ELO_OK;
    }
    w.state.seq_reserved = s->seq_next + ELO_SEQ_BATCH;
    return elo_wtxn_commit(&w, NULL);
}


elo_err_t
elo_seq_take(elo_store_t *s, elo_newfile_t *nf)
{
    elo_err_t rc;

    for (;;) {
        elo_mutex_lock(&s->mtx);
        if (s->seq_next < s->state.seq_reserved) {
            nf->seq = s->seq_next++;
            nf->prev = s->last;
            nf->next = NULL;
            *(s->last != NULL ? &s->last->next : &s->first) = nf;
            s->last = nf;
            elo_mutex_unlock(&s->mtx);
            return ELO_OK;
        }
        elo_mutex_unlock(&s->mtx);
        if ((rc = seq_reserve(s)) != ELO_OK) {
            return rc;
        }
    }
}


void
elo_seq_drop(elo_store_t *s, elo_newfile_t *nf, bool is_stuck)
{
    elo_mutex_lock(&s->mtx);
    if (is_stuck && nf->seq < s->seq_stuck) {
        s->seq_stuck = nf->seq;
    }
    undecided_remove_locked(s, nf);
    elo_mutex_unlock(&s->mtx);
}
