/* SPDX-License-Identifier: BSD-2-Clause */
/* media_store: keeps the media index of a blob, or the reason why there is none: a
   short index in the log, with its row, a long one in a file of its own. It does
   not read the index. */
#include "backend/store/node_internal.h"

#include <assert.h>
#include <errno.h>

#include "backend/store/files.h"
#include "common/base/num.h"
#include "common/http/wire.h"

#define READ_TRIES 3 /* an index moved or replaced between look and read */

typedef struct {
    elo_kv_op_t op;
    elo_store_t *s;
    const elo_digest_t *digest;
    elo_rec_media_t rec;
    elo_slice_t data;
    elo_newfile_t *nf;
    uint64_t old_file;
    elo_slots_t slots;
} media_op_t;


elo_err_t
elo_media_del(elo_kv_tx_t *tx, const elo_digest_t *d, uint64_t *file)
{
    elo_slice_t key = elo_digest_slice(d);
    elo_rec_media_t old;
    elo_kv_entry_t e;
    elo_err_t rc = elo_kv_tx_get(tx, ELO_T_MEDIA, key, &e);

    *file = 0;
    if (rc != ELO_OK) {
        return rc == ELO_ENOTFOUND ? ELO_OK : rc;
    }
    /* what is damaged may go: it is derived, and names no file for sure */
    if (elo_rec_media_parse(e.value, e.data_len, &old) == ELO_OK) {
        *file = old.file;
    }
    return elo_kv_tx_del(tx, ELO_T_MEDIA, key);
}


static elo_err_t
put_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    media_op_t *o = (media_op_t *) op;
    elo_slice_t key = elo_digest_slice(o->digest);
    uint8_t mem[ELO_MEDIA_REC_MAX];
    elo_buf_t buf;
    bool is_held;
    elo_err_t rc;

    if ((rc = elo_blob_is_clear(tx, o->digest, &is_held)) != ELO_OK) {
        return rc;
    }
    if (!is_held) {
        return ELO_ENOTFOUND; /* removed while it was indexed */
    }
    if ((rc = elo_media_del(tx, o->digest, &o->old_file)) != ELO_OK
        || (rc = elo_file_kill_tx(tx, ELO_FILE_MEDIA, o->old_file)) != ELO_OK)
    {
        return rc;
    }
    if (o->nf != NULL) {
        o->rec.file = o->nf->id;
        if ((rc = elo_file_keep_tx(tx, o->nf)) != ELO_OK) {
            return rc;
        }
    }
    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_rec_media_encode(&o->rec, &buf);
    if ((rc = elo_buf_err(&buf)) != ELO_OK
        || (rc = elo_kv_tx_put(tx, ELO_T_MEDIA, key, elo_buf_slice(&buf),
                               &o->data, o->data.len > 0 ? 1 : 0))
               != ELO_OK)
    {
        return rc;
    }
    return elo_slots_mark_blob(&o->slots, tx, o->digest);
}


static elo_err_t
exec(media_op_t *o)
{
    elo_err_t rc = elo_store_exec(o->s, &o->op);

    if (rc == ELO_OK) {
        elo_slots_bump(o->s, &o->slots);
        elo_file_bury(o->s, ELO_FILE_MEDIA, o->old_file);
    }
    return rc;
}


static elo_err_t
put_file(media_op_t *o, elo_slice_t index)
{
    elo_newfile_t nf = ELO_NEWFILE_NONE;
    elo_err_t rc = elo_newfile_open(o->s, ELO_FILE_MEDIA, &nf);

    if (rc != ELO_OK) {
        return rc;
    }
    if ((rc = elo_newfile_write(&nf, index)) != ELO_OK
        || (rc = elo_newfile_publish(&nf)) != ELO_OK)
    {
        elo_newfile_end(&nf, ELO_OK);
        return rc;
    }
    o->nf = &nf;
    o->rec.where = ELO_MEDIA_FILE;
    rc = exec(o);
    elo_newfile_end(&nf, rc);
    return rc;
}


elo_err_t
elo_store_media_put(elo_store_t *s, const elo_digest_t *d, uint8_t status,
                    elo_slice_t index, elo_slice_t reason)
{
    media_op_t o = {
        .op.run = put_run,
        .s = s,
        .digest = d,
        .rec = { .status = status, .size = index.len, .reason = reason }
    };

    assert(s->magic == ELO_STORE_MAGIC);
    if ((status == ELO_MEDIA_READY) != (index.len > 0)) {
        return ELO_EINVAL;
    }
    o.rec.reason.len = ELO_MIN(reason.len, ELO_REASON_MAX);
    if (index.len > s->inline_bytes) {
        return put_file(&o, index);
    }
    o.data = index;
    o.rec.where = index.len > 0 ? ELO_MEDIA_LOG : ELO_MEDIA_NOWHERE;
    return exec(&o);
}


/* The record and where its data is; reason, if not NULL, gets a copy of its text. */
static elo_err_t
media_get(elo_store_t *s, const elo_digest_t *d, elo_rec_media_t *out,
          elo_kv_entry_t *at, elo_buf_t *reason)
{
    elo_rec_media_t rec;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_err_t rc;

    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = elo_kv_get(&v, ELO_T_MEDIA, elo_digest_slice(d), &e);
    if (rc == ELO_OK
        && (rc = elo_rec_media_parse(e.value, e.data_len, &rec)) == ELO_OK)
    {
        if (reason != NULL) {
            elo_buf_put_slice(reason, rec.reason);
            rc = elo_buf_err(reason);
        }
        rec.reason = elo_slice(NULL, 0); /* it ends with the view, as does */
        e.value = elo_slice(NULL, 0);
        *out = rec;
        *at = e;
    }
    elo_kv_view_end(&v);
    return rc;
}


elo_err_t
elo_store_media_stat(elo_store_t *s, const elo_digest_t *d, uint8_t *status,
                     uint64_t *size, elo_buf_t *reason)
{
    elo_rec_media_t rec;
    elo_kv_entry_t at;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = media_get(s, d, &rec, &at, reason)) == ELO_OK) {
        *status = rec.status;
        *size = rec.size;
    }
    return rc;
}


static elo_err_t
read_file(elo_store_t *s, uint64_t file, uint64_t off, uint8_t *p, size_t len)
{
    char name[ELO_STORE_NAME_MAX + 1];
    elo_err_t rc;
    size_t n;
    int fd;

    elo_file_name(ELO_FILE_MEDIA, file, name);
    rc = s->vfs->open(s->vfs, s->root_fd, name, ELO_VFS_READ, 0, &fd);
    if (rc != ELO_OK) {
        return rc == ENOENT ? ELO_ENOTFOUND : rc;
    }
    for (size_t got = 0; rc == ELO_OK && got < len; got += n) {
        rc = s->vfs->pread(s->vfs, fd, p + got, len - got, off + got, &n);
        if (rc == ELO_OK && n == 0) {
            rc = ELO_ECORRUPT; /* shorter than its record says */
        }
    }
    s->vfs->close(s->vfs, fd);
    return rc;
}


elo_err_t
elo_store_media_read(elo_store_t *s, const elo_digest_t *d, uint64_t off,
                     uint64_t len, elo_buf_t *out)
{
    elo_rec_media_t rec;
    elo_kv_entry_t at;
    elo_err_t rc;
    uint8_t *p;

    assert(s->magic == ELO_STORE_MAGIC);
    for (int i = 0; i < READ_TRIES; i++) {
        if ((rc = media_get(s, d, &rec, &at, NULL)) != ELO_OK) {
            return rc;
        }
        if (off > rec.size || len > rec.size - off) {
            return ELO_ERANGE;
        }
        if (len == 0) {
            return ELO_OK;
        }
        if ((p = elo_buf_extend(out, (size_t) len)) == NULL) {
            return elo_buf_err(out);
        }
        rc = rec.where == ELO_MEDIA_LOG
                 ? elo_kv_read(s->kv, at.segment, at.data_off + off, p,
                               (size_t) len)
                 : read_file(s, rec.file, off, p, (size_t) len);
        if (rc != ELO_OK) {
            out->len -= (size_t) len;
        }
        if (rc != ELO_ENOTFOUND) {
            return rc;
        }
    }
    return ELO_ECORRUPT;
}
