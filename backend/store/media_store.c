/* SPDX-License-Identifier: BSD-2-Clause */
/* media_store: keeps the media index of a blob in a file of its own, or the reason
   why there is none. It does not read the index. */
#include "backend/store/txn.h"

#include <assert.h>
#include <errno.h>

#include "common/base/num.h"
#include "common/http/wire.h"

#define OPEN_TRIES 3 /* an index replaced between look and open */


static elo_err_t
write_records(elo_wtxn_t *w, const elo_digest_t *d, const elo_rec_media_t *rec)
{
    uint8_t mem[ELO_MEDIA_REC_MAX];
    elo_buf_t buf;
    elo_err_t rc;

    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_rec_media_encode(rec, elo_digest_slice(d), &buf);
    if ((rc = elo_buf_err(&buf)) != ELO_OK
        || (rc = elo_db_put(w, ELO_DB_MEDIA, elo_digest_slice(d),
                            elo_buf_slice(&buf)))
               != ELO_OK
        || rec->seq == 0)
    {
        return rc;
    }
    return elo_wtxn_name(w, ELO_FILE_MEDIA, rec->seq, d);
}


/* Puts rec in the place of what is there; *old_seq is its file, or 0. */
static elo_err_t
media_replace(elo_wtxn_t *w, const elo_digest_t *d, const elo_rec_media_t *rec,
              uint64_t *old_seq)
{
    elo_slice_t key = elo_digest_slice(d), v;
    elo_rec_media_t old = { 0 };
    elo_rec_blob_t blob;
    elo_err_t rc;

    if ((rc = elo_blob_get(w->s, w->txn, d, &blob)) != ELO_OK) {
        return rc; /* removed while it was indexed */
    }
    rc = elo_db_get(w->s, w->txn, ELO_DB_MEDIA, key, &v);
    if (rc == ELO_OK) {
        rc = elo_rec_media_parse(key, v, &old);
    }
    if (rc != ELO_OK && rc != ELO_ENOTFOUND && rc != ELO_ECORRUPT) {
        return rc; /* what is damaged may be replaced: it is derived */
    }
    *old_seq = old.seq;
    if (old.seq != 0
        && (rc = elo_wtxn_kill(w, ELO_FILE_MEDIA, old.seq)) != ELO_OK) {
        return rc;
    }
    if ((rc = write_records(w, d, rec)) != ELO_OK) {
        return rc;
    }
    return elo_wtxn_bump_blob(w, d);
}


static elo_err_t
media_commit(elo_store_t *s, const elo_digest_t *d, elo_rec_media_t *rec,
             elo_newfile_t *nf, bool *is_unknown)
{
    uint64_t old_seq = 0;
    elo_wtxn_t w;
    elo_err_t rc;

    if ((rc = elo_wtxn_begin(s, &w)) != ELO_OK) {
        return rc;
    }
    if ((rc = media_replace(&w, d, rec, &old_seq)) != ELO_OK) {
        elo_wtxn_abort(&w);
        return rc;
    }
    if ((rc = elo_wtxn_commit(&w, nf)) != ELO_OK) {
        *is_unknown = rc == ELO_EREADONLY;
        return rc;
    }
    if (old_seq != 0) {
        elo_file_bury(s, ELO_FILE_MEDIA, old_seq);
    }
    return ELO_OK;
}


elo_err_t
elo_store_media_put(elo_store_t *s, const elo_digest_t *d, uint8_t status,
                    elo_slice_t index, elo_slice_t reason)
{
    elo_rec_media_t rec = { .status = status, .reason = reason };
    elo_newfile_t nf = { .s = s, .fd = -1 };
    bool is_unknown = false;
    elo_blob_stat_t st;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((status == ELO_MEDIA_READY) != (index.len > 0)) {
        return ELO_EINVAL;
    }
    rec.reason.len = ELO_MIN(rec.reason.len, ELO_REASON_MAX);
    if (elo_store_is_readonly(s)) {
        return ELO_EREADONLY;
    }
    if ((rc = elo_store_stat(s, d, &st)) != ELO_OK
        || (rc = elo_space_check(s, index.len)) != ELO_OK)
    {
        return rc;
    }
    if (index.len == 0) {
        return media_commit(s, d, &rec, NULL, &is_unknown);
    }
    if ((rc = elo_newfile_open(s, ELO_FILE_MEDIA, &nf)) == ELO_OK
        && (rc = elo_newfile_write(&nf, index)) == ELO_OK
        && (rc = elo_newfile_publish(&nf)) == ELO_OK)
    {
        rec.seq = nf.seq;
        rec.size = nf.size;
        rc = media_commit(s, d, &rec, &nf, &is_unknown);
    }
    elo_newfile_end(&nf, is_unknown);
    return rc;
}


/* The record; reason, if not NULL, gets a copy of its text. */
static elo_err_t
media_get(elo_store_t *s, const elo_digest_t *d, elo_rec_media_t *out,
          elo_buf_t *reason)
{
    elo_slice_t key = elo_digest_slice(d), v;
    elo_rec_media_t rec;
    MDB_txn *txn;
    elo_err_t rc;

    if ((rc = elo_rtxn_begin(s, &txn)) != ELO_OK) {
        return rc;
    }
    if ((rc = elo_db_get(s, txn, ELO_DB_MEDIA, key, &v)) == ELO_OK
        && (rc = elo_rec_media_parse(key, v, &rec)) == ELO_OK)
    {
        if (reason != NULL) {
            elo_buf_put_slice(reason, rec.reason);
            rc = elo_buf_err(reason);
        }
        rec.reason = elo_slice(NULL, 0); /* it ends with the transaction */
        *out = rec;
    }
    mdb_txn_abort(txn);
    return rc;
}


elo_err_t
elo_store_media_stat(elo_store_t *s, const elo_digest_t *d, uint8_t *status,
                     uint64_t *size, elo_buf_t *reason)
{
    elo_rec_media_t rec;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = media_get(s, d, &rec, reason)) == ELO_OK) {
        *status = rec.status;
        *size = rec.size;
    }
    return rc;
}


static elo_err_t
read_exactly(elo_store_t *s, int fd, uint64_t off, uint64_t len, elo_buf_t *out)
{
    uint8_t *p = elo_buf_extend(out, (size_t) len);
    elo_err_t rc = ELO_OK;
    size_t n;

    if (p == NULL) {
        return elo_buf_err(out);
    }
    for (uint64_t got = 0; got < len; got += n) {
        rc = s->vfs->pread(s->vfs, fd, p + got, (size_t) (len - got), off + got,
                           &n);
        if (rc == ELO_OK && n == 0) {
            rc = ELO_ECORRUPT; /* shorter than its record says */
        }
        if (rc != ELO_OK) {
            out->len -= (size_t) len;
            return rc;
        }
    }
    return ELO_OK;
}


elo_err_t
elo_store_media_read(elo_store_t *s, const elo_digest_t *d, uint64_t off,
                     uint64_t len, elo_buf_t *out)
{
    char name[ELO_STORE_NAME_MAX + 1];
    elo_rec_media_t rec;
    elo_err_t rc;
    int fd;

    assert(s->magic == ELO_STORE_MAGIC);
    for (int i = 0; i < OPEN_TRIES; i++) {
        if ((rc = media_get(s, d, &rec, NULL)) != ELO_OK) {
            return rc;
        }
        if (off > rec.size || len > rec.size - off) {
            return ELO_ERANGE;
        }
        if (len == 0) {
            return ELO_OK;
        }
        elo_file_name(ELO_FILE_MEDIA, rec.seq, name);
        rc = s->vfs->open(s->vfs, s->root_fd, name, ELO_VFS_READ, 0, &fd);
        if (rc == ELO_OK) {
            rc = read_exactly(s, fd, off, len, out);
            s->vfs->close(s->vfs, fd);
            return rc;
        }
        if (rc != ENOENT) {
            return rc;
        }
    }
    return ELO_ECORRUPT;
}
