/* SPDX-License-Identifier: BSD-2-Clause */
/* blob: what the store says of its blobs, opening them, and taking them away. */
#include "backend/store/txn.h"

#include <assert.h>
#include <errno.h>

#define OPEN_TRIES 3 /* a blob removed and put again between look and open */


elo_err_t
elo_blob_get(elo_store_t *s, MDB_txn *txn, const elo_digest_t *d,
             elo_rec_blob_t *out)
{
    elo_slice_t v;
    elo_err_t rc = elo_db_get(s, txn, ELO_DB_BLOB, elo_digest_slice(d), &v);

    if (rc != ELO_OK) {
        return rc;
    }
    return elo_rec_blob_parse(elo_digest_slice(d), v, out);
}


void
elo_blob_stat_fill(const elo_digest_t *d, const elo_rec_blob_t *rec,
                   elo_blob_stat_t *out)
{
    *out = (elo_blob_stat_t){ .digest = *d,
                              .size = rec->size,
                              .created_at = rec->created_at };
    if (rec->content_type.len > 0) {
        memcpy(out->content_type, rec->content_type.p, rec->content_type.len);
    }
    elo_file_name(ELO_FILE_BLOB, rec->seq, out->name);
}


elo_err_t
elo_store_stat(elo_store_t *s, const elo_digest_t *d, elo_blob_stat_t *out)
{
    elo_rec_blob_t rec;
    MDB_txn *txn;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_rtxn_begin(s, &txn)) != ELO_OK) {
        return rc;
    }
    if ((rc = elo_blob_get(s, txn, d, &rec)) == ELO_OK) {
        elo_blob_stat_fill(d, &rec, out);
    }
    mdb_txn_abort(txn);
    return rc;
}


elo_err_t
elo_blob_open_file(elo_store_t *s, const elo_blob_stat_t *st, int *out)
{
    const elo_vfs_t *v = s->vfs;
    uint64_t size;
    elo_err_t rc;
    int fd;

    rc = v->open(v, s->root_fd, st->name, ELO_VFS_READ, 0, &fd);
    if (rc == ENOENT || rc == ELOOP) {
        return ELO_ECORRUPT;
    }
    if (rc != ELO_OK) {
        return rc;
    }
    rc = v->size(v, fd, &size);
    if (rc == EINVAL || (rc == ELO_OK && size != st->size)) {
        rc = ELO_ECORRUPT;
    }
    if (rc != ELO_OK) {
        v->close(v, fd);
        return rc;
    }
    *out = fd;
    return ELO_OK;
}


elo_err_t
elo_store_open_blob(elo_store_t *s, const elo_digest_t *d, int *fd,
                    elo_blob_stat_t *out)
{
    elo_blob_stat_t st, again;
    elo_err_t rc;

    if ((rc = elo_store_stat(s, d, &st)) != ELO_OK) {
        return rc;
    }
    for (int i = 0; i < OPEN_TRIES; i++) {
        rc = elo_blob_open_file(s, &st, fd);
        if (rc != ELO_ECORRUPT) {
            break;
        }
        /* Damage, unless the index has moved on meanwhile. */
        if ((rc = elo_store_stat(s, d, &again)) != ELO_OK) {
            return rc;
        }
        if (strcmp(again.name, st.name) == 0) {
            return ELO_ECORRUPT;
        }
        st = again;
        rc = ELO_ECORRUPT;
    }
    if (rc == ELO_OK) {
        *out = st;
    }
    return rc;
}


/* The part of a removal that the index sees. *media_seq is 0 without a file. */
static elo_err_t
remove_records(elo_wtxn_t *w, const elo_digest_t *d, uint64_t *blob_seq,
               uint64_t *media_seq)
{
    elo_slice_t key = elo_digest_slice(d), v;
    elo_rec_media_t media;
    elo_rec_blob_t rec;
    elo_err_t rc;

    if ((rc = elo_blob_get(w->s, w->txn, d, &rec)) != ELO_OK) {
        return rc;
    }
    rc = elo_db_get(w->s, w->txn, ELO_DB_REF, key, &v);
    if (rc != ELO_ENOTFOUND) {
        return rc == ELO_OK ? ELO_EBUSY : rc;
    }
    *blob_seq = rec.seq;
    *media_seq = 0;
    if (w->state.blobs == 0 || w->state.bytes < rec.size) {
        return ELO_ECORRUPT;
    }
    w->state.blobs -= 1;
    w->state.bytes -= rec.size;
    if ((rc = elo_db_del(w, ELO_DB_BLOB, key, NULL)) != ELO_OK
        || (rc = elo_wtxn_kill(w, ELO_FILE_BLOB, *blob_seq)) != ELO_OK)
    {
        return rc;
    }
    rc = elo_db_get(w->s, w->txn, ELO_DB_MEDIA, key, &v);
    if (rc == ELO_ENOTFOUND) {
        return elo_wtxn_bump_blob(w, d);
    }
    if (rc != ELO_OK) {
        return rc;
    }
    if ((rc = elo_rec_media_parse(key, v, &media)) == ELO_OK) {
        *media_seq = media.seq;
    } else if (rc != ELO_ECORRUPT) {
        return rc; /* what is damaged goes too: it is derived */
    }
    if ((rc = elo_db_del(w, ELO_DB_MEDIA, key, NULL)) != ELO_OK
        || (*media_seq != 0
            && (rc = elo_wtxn_kill(w, ELO_FILE_MEDIA, *media_seq)) != ELO_OK))
    {
        return rc;
    }
    return elo_wtxn_bump_blob(w, d);
}


elo_err_t
elo_store_remove(elo_store_t *s, const elo_digest_t *d)
{
    uint64_t blob_seq, media_seq;
    elo_wtxn_t w;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_wtxn_begin(s, &w)) != ELO_OK) {
        return rc;
    }
    if ((rc = remove_records(&w, d, &blob_seq, &media_seq)) != ELO_OK) {
        elo_wtxn_abort(&w);
        return rc;
    }
    if ((rc = elo_wtxn_commit(&w, NULL)) != ELO_OK) {
        return rc;
    }
    elo_file_bury(s, ELO_FILE_BLOB, blob_seq);
    if (media_seq != 0) {
        elo_file_bury(s, ELO_FILE_MEDIA, media_seq);
    }
    return ELO_OK;
}


elo_err_t
elo_store_each(elo_store_t *s, const elo_digest_t *after, elo_blob_each_fn fn,
               void *ctx)
{
    MDB_val k = { 0, NULL }, v;
    elo_blob_stat_t st;
    elo_rec_blob_t rec;
    elo_digest_t d;
    MDB_txn *txn;
    MDB_cursor *c;
    elo_err_t rc;
    int err;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_rtxn_begin(s, &txn)) != ELO_OK) {
        return rc;
    }
    if ((err = mdb_cursor_open(txn, s->db[ELO_DB_BLOB], &c)) != MDB_SUCCESS) {
        mdb_txn_abort(txn);
        return elo_db_fail(s, err);
    }
    if (after != NULL) {
        k = elo_val(elo_digest_slice(after));
    }
    err = mdb_cursor_get(c, &k, &v, after != NULL ? MDB_SET_RANGE : MDB_FIRST);
    if (err == MDB_SUCCESS && after != NULL
        && elo_slice_eq(elo_val_slice(k), elo_digest_slice(after)))
    {
        err = mdb_cursor_get(c, &k, &v, MDB_NEXT);
    }
    for (; err == MDB_SUCCESS; err = mdb_cursor_get(c, &k, &v, MDB_NEXT)) {
        if (k.mv_size != ELO_SHA256_LEN) {
            rc = ELO_ECORRUPT;
            break;
        }
        rc = elo_rec_blob_parse(elo_val_slice(k), elo_val_slice(v), &rec);
        if (rc != ELO_OK) {
            break;
        }
        memcpy(d.b, k.mv_data, ELO_SHA256_LEN);
        elo_blob_stat_fill(&d, &rec, &st);
        if (!fn(ctx, &st)) {
            break;
        }
    }
    mdb_cursor_close(c);
    mdb_txn_abort(txn);
    if (rc == ELO_OK && err != MDB_SUCCESS && err != MDB_NOTFOUND) {
        rc = elo_db_fail(s, err);
    }
    return rc;
}
