/* SPDX-License-Identifier: BSD-2-Clause */
/* put: one upload: hashed while it is written, decided by its commit. Memory is
   that of the struct, whatever the length. */
#include "backend/store/txn.h"

#include <assert.h>
#include <stdlib.h>

#include "backend/os/clock.h"
#include "common/base/crypto.h"
#include "common/base/num.h"

struct elo_put_s {
    uint32_t magic;
    elo_store_t *s; /* borrowed */
    elo_newfile_t file;
    elo_sha256_t *sha;
    bool has_expect;
    elo_digest_t expect;
    elo_err_t err; /* first failure: nothing but abort works after it */
    size_t type_len;
    uint8_t type[ELO_MIME_MAX];
};


static bool
is_mime(elo_slice_t s)
{
    if (s.len > ELO_MIME_MAX) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < 0x20 || s.p[i] == 0x7f) {
            return false; /* it becomes a header field */
        }
    }
    return true;
}


static void
put_free(elo_put_t **pp, bool is_unknown)
{
    elo_put_t *p = *pp;

    *pp = NULL;
    elo_newfile_end(&p->file, is_unknown);
    elo_sha256_free(&p->sha);
    p->magic = 0;
    free(p);
}


elo_err_t
elo_put_begin(elo_store_t *s, const elo_digest_t *expect, uint64_t size_hint,
              elo_slice_t content_type, elo_put_t **out)
{
    elo_put_t *p;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if (!is_mime(content_type)) {
        return ELO_EINVAL;
    }
    if (elo_store_is_readonly(s)) {
        return ELO_EREADONLY;
    }
    if ((rc = elo_space_check(s, size_hint)) != ELO_OK) {
        return rc;
    }
    p = calloc(1, sizeof(*p));
    if (p == NULL) {
        return ELO_ENOMEM;
    }
    p->magic = ELO_PUT_MAGIC;
    p->s = s;
    if ((rc = elo_newfile_open(s, ELO_FILE_BLOB, &p->file)) != ELO_OK
        || (rc = elo_sha256_create(&p->sha)) != ELO_OK)
    {
        put_free(&p, false);
        return rc;
    }
    if (expect != NULL) {
        p->has_expect = true;
        p->expect = *expect;
    }
    p->type_len = content_type.len;
    if (content_type.len > 0) {
        memcpy(p->type, content_type.p, content_type.len);
    }
    *out = p;
    return ELO_OK;
}


elo_err_t
elo_put_write(elo_put_t *p, elo_slice_t bytes)
{
    assert(p->magic == ELO_PUT_MAGIC && p->err == ELO_OK);
    if (elo_store_is_readonly(p->s)) {
        p->err = ELO_EREADONLY;
    } else {
        p->err = elo_sha256_update(p->sha, bytes);
    }
    if (p->err == ELO_OK) {
        p->err = elo_newfile_write(&p->file, bytes);
    }
    return p->err;
}


/* Looks for d. *is_held: it is there and its file is whole. *bad_seq: it is
   there, but its file is not, and may be replaced; else 0. */
static elo_err_t
look_up(elo_store_t *s, const elo_digest_t *d, elo_blob_stat_t *st,
        bool *is_held, uint64_t *bad_seq)
{
    elo_rec_blob_t rec;
    MDB_txn *txn;
    elo_err_t rc;
    uint64_t seq;
    int fd;

    *is_held = false;
    *bad_seq = 0;
    if ((rc = elo_rtxn_begin(s, &txn)) != ELO_OK) {
        return rc;
    }
    if ((rc = elo_blob_get(s, txn, d, &rec)) == ELO_OK) {
        elo_blob_stat_fill(d, &rec, st);
        seq = rec.seq;
    }
    mdb_txn_abort(txn);
    if (rc != ELO_OK) {
        return rc == ELO_ENOTFOUND ? ELO_OK : rc;
    }
    rc = elo_blob_open_file(s, st, &fd);
    if (rc == ELO_OK) {
        s->vfs->close(s->vfs, fd);
        *is_held = true;
    } else if (rc == ELO_ECORRUPT) {
        *bad_seq = seq;
        rc = ELO_OK;
    }
    return rc;
}


static elo_err_t
write_records(elo_wtxn_t *w, const elo_digest_t *d, const elo_rec_blob_t *rec)
{
    uint8_t mem[ELO_BLOB_REC_MAX];
    elo_buf_t buf;
    elo_err_t rc;

    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_rec_blob_encode(rec, elo_digest_slice(d), &buf);
    if ((rc = elo_buf_err(&buf)) != ELO_OK
        || (rc = elo_db_put(w, ELO_DB_BLOB, elo_digest_slice(d),
                            elo_buf_slice(&buf)))
               != ELO_OK)
    {
        return rc;
    }
    return elo_wtxn_name(w, ELO_FILE_BLOB, rec->seq, d);
}


/* The commit proper. bad_seq: file that the new one takes the place of. */
static elo_err_t
decide(elo_put_t *p, const elo_digest_t *d, uint64_t bad_seq,
       elo_blob_stat_t *out, bool *existed)
{
    elo_rec_blob_t rec = {
        .seq = p->file.seq,
        .size = p->file.size,
        .created_at = elo_clock_unix_s(),
        .content_type = elo_slice(p->type, p->type_len),
    };
    elo_rec_blob_t old;
    elo_wtxn_t w;
    elo_err_t rc;
    bool replaces = false;

    if ((rc = elo_wtxn_begin(p->s, &w)) != ELO_OK) {
        return rc;
    }
    rc = elo_blob_get(p->s, w.txn, d, &old);
    if (rc == ELO_OK && old.seq != bad_seq) {
        /* Another put of the same bytes came first. */
        elo_blob_stat_fill(d, &old, out);
        elo_wtxn_abort(&w);
        *existed = true;
        return ELO_OK;
    }
    if (rc == ELO_OK) {
        replaces = true;
        rc = w.state.blobs == 0 || w.state.bytes < old.size
                 ? ELO_ECORRUPT
                 : elo_wtxn_kill(&w, ELO_FILE_BLOB, old.seq);
        w.state.blobs -= 1;
        w.state.bytes -= old.size;
    } else if (rc == ELO_ENOTFOUND) {
        rc = ELO_OK;
    }
    w.state.blobs += 1;
    if (!elo_add_u64(w.state.bytes, rec.size, &w.state.bytes)) {
        rc = rc == ELO_OK ? ELO_ENOSPC : rc;
    }
    if (rc != ELO_OK || (rc = write_records(&w, d, &rec)) != ELO_OK
        || (rc = elo_wtxn_bump_blob(&w, d)) != ELO_OK)
    {
        elo_wtxn_abort(&w);
        return rc;
    }
    if ((rc = elo_wtxn_commit(&w, &p->file)) != ELO_OK) {
        return rc;
    }
    elo_blob_stat_fill(d, &rec, out);
    *existed = false;
    if (replaces) {
        elo_file_bury(p->s, ELO_FILE_BLOB, bad_seq);
    }
    return ELO_OK;
}


elo_err_t
elo_put_commit(elo_put_t **pp, elo_blob_stat_t *out, bool *existed)
{
    elo_put_t *p = *pp;
    elo_digest_t d;
    elo_blob_stat_t st;
    uint64_t bad_seq;
    bool held = false, is_unknown = false;
    elo_err_t rc;

    assert(p->magic == ELO_PUT_MAGIC && p->err == ELO_OK);
    rc = elo_sha256_final(p->sha, &d);
    if (rc == ELO_OK && p->has_expect
        && memcmp(d.b, p->expect.b, ELO_SHA256_LEN) != 0)
    {
        rc = ELO_EHASH;
    }
    if (rc == ELO_OK && elo_store_is_readonly(p->s)) {
        rc = ELO_EREADONLY;
    }
    if (rc == ELO_OK) {
        rc = look_up(p->s, &d, &st, &held, &bad_seq);
    }
    if (rc == ELO_OK && !held) {
        rc = elo_newfile_publish(&p->file);
        if (rc == ELO_OK) {
            rc = decide(p, &d, bad_seq, &st, &held);
            is_unknown = rc == ELO_EREADONLY;
        }
    }
    if (rc == ELO_OK) {
        *out = st;
        *existed = held;
    }
    put_free(pp, is_unknown);
    return rc;
}


void
elo_put_abort(elo_put_t **pp)
{
    if (pp != NULL && *pp != NULL) {
        assert((*pp)->magic == ELO_PUT_MAGIC);
        put_free(pp, false);
    }
}
