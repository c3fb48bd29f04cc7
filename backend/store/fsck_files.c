/* SPDX-License-Identifier: BSD-2-Clause */
/* fsck_files: what lies in blobs/ and media/ against what rows name, and the bytes
   of blobs against their digests. */
#include "backend/store/fsck_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/store/store_internal.h"
#include "common/base/crypto.h"
#include "common/base/enc.h"
#include "common/base/num.h"

#define PIECE (1u << 20)

#define NAME_TEXT (ELO_STORE_NAME_MAX + 24)

typedef struct {
    elo_fsck_t *f;
    elo_file_kind_t kind;
    const char *top; /* "blobs" */
    char dir[16];    /* "blobs/0a" */
    elo_err_t err;
} listing_t;


static int
by_id(const void *a, const void *b)
{
    const elo_fsck_file_t *x = a, *y = b;

    return x->id < y->id ? -1 : x->id > y->id;
}


static elo_fsck_file_t *
find(elo_fsck_t *f, elo_file_kind_t kind, uint64_t id)
{
    elo_fsck_file_t want = { .id = id }, *p;

    if (f->n_files == 0) {
        return NULL;
    }
    p = bsearch(&want, f->files, f->n_files, sizeof(want), by_id);
    return p != NULL && p->kind == kind ? p : NULL;
}


static void
name_of(const elo_fsck_file_t *file, char text[NAME_TEXT])
{
    char name[ELO_STORE_NAME_MAX + 1];
    char hex[17];

    elo_hex_encode(file->digest.b, 8, hex);
    hex[16] = '\0';
    elo_file_name(file->kind, file->id, name);
    snprintf(text, NAME_TEXT, "%.16s (%s)", hex, name);
}


/* A file that isn't as its row says. A media index is made again by itself: its
   row is enough of a cure, so it counts like a blob but is only reported. */
static elo_err_t
damaged(elo_fsck_t *f, elo_fsck_kind_t kind, const elo_fsck_file_t *file,
        const char *why)
{
    char text[NAME_TEXT];
    char reason[32];
    elo_cure_t cure = { .what = ELO_CURE_BAD,
                        .table = file->kind == ELO_FILE_MEDIA ? ELO_T_MEDIA
                                                              : ELO_T_BLOB,
                        .name = reason,
                        .key = elo_digest_slice(&file->digest) };

    if (file->is_bad) {
        return ELO_OK; /* known */
    }
    snprintf(reason, sizeof(reason), "%s", why);
    name_of(file, text);
    elo_fsck_found(f, kind, 1, "%s", text);
    return elo_fsck_cure(f, &cure);
}


static elo_err_t
strange(elo_fsck_t *f, elo_fsck_kind_t kind, const char *path)
{
    char name[ELO_FSCK_NAME_MAX];
    elo_cure_t cure = { .what = ELO_CURE_MOVE, .name = name };

    snprintf(name, sizeof(name), "%s", path);
    elo_fsck_found(f, kind, 1, "%s", path);
    return elo_fsck_cure(f, &cure);
}


/* ---- listing ---- */

static elo_err_t
met(elo_fsck_t *f, const char *path, elo_fsck_file_t *file)
{
    const elo_vfs_t *v = f->vfs;
    uint64_t size = 0;
    elo_err_t rc;
    int fd;

    file->is_met = true;
    if (file->is_mark) {
        elo_fsck_found(f, ELO_FSCK_MARK, 1, "%s", path);
        return ELO_OK;
    }
    if (v->open(v, f->root_fd, path, ELO_VFS_READ, 0, &fd) != ELO_OK) {
        return damaged(f, ELO_FSCK_MISSING, file, "its file can't be opened");
    }
    rc = v->size(v, fd, &size);
    v->close(v, fd);
    if (rc != ELO_OK) {
        return rc;
    }
    return size == file->size
               ? ELO_OK
               : damaged(f, ELO_FSCK_SIZE, file, "its file has another length");
}


static bool
file_name(void *ctx, const char *name)
{
    listing_t *l = ctx;
    elo_fsck_t *f = l->f;
    char path[ELO_FSCK_NAME_MAX], want[ELO_STORE_NAME_MAX + 1];
    elo_fsck_file_t *file = NULL;
    uint64_t id;

    snprintf(path, sizeof(path), "%s/%s", l->dir, name);
    if (strlen(name) == 16 && strspn(name, "0123456789abcdef") == 16) {
        id = strtoull(name, NULL, 16);
        elo_file_name(l->kind, id, want);
        if (strcmp(want, path) == 0) {
            f->out->files++;
            file = find(f, l->kind, id);
            l->err = file != NULL ? met(f, path, file)
                                  : strange(f, ELO_FSCK_ORPHAN, path);
            return l->err == ELO_OK;
        }
    }
    l->err = strange(f, ELO_FSCK_STRANGE, path);
    return l->err == ELO_OK;
}


static bool
dir_name(void *ctx, const char *name)
{
    listing_t *l = ctx;
    elo_fsck_t *f = l->f;
    char path[ELO_FSCK_NAME_MAX];
    elo_err_t rc;

    snprintf(path, sizeof(path), "%s/%s", l->top, name);
    if (strlen(name) != 2 || strspn(name, "0123456789abcdef") != 2) {
        l->err = strange(f, ELO_FSCK_STRANGE, path);
        return l->err == ELO_OK;
    }
    snprintf(l->dir, sizeof(l->dir), "%.8s/%.2s", l->top, name);
    rc = f->vfs->list(f->vfs, f->root_fd, l->dir, file_name, l);
    if (rc == ENOTDIR) {
        rc = strange(f, ELO_FSCK_STRANGE, path);
    }
    l->err = l->err != ELO_OK ? l->err : rc;
    return l->err == ELO_OK;
}


static elo_err_t
list(elo_fsck_t *f, elo_file_kind_t kind, const char *top)
{
    listing_t l = { .f = f, .kind = kind, .top = top };
    elo_err_t rc = f->vfs->list(f->vfs, f->root_fd, top, dir_name, &l);

    return rc == ENOENT ? ELO_OK : (rc != ELO_OK ? rc : l.err);
}


elo_err_t
elo_fsck_files(elo_fsck_t *f)
{
    const elo_fsck_file_t *file;
    elo_err_t rc;

    if (f->n_files > 0) {
        qsort(f->files, f->n_files, sizeof(*f->files), by_id);
    }
    if ((rc = list(f, ELO_FILE_BLOB, "blobs")) != ELO_OK
        || (rc = list(f, ELO_FILE_MEDIA, "media")) != ELO_OK)
    {
        return rc;
    }
    for (size_t i = 0; i < f->n_files && rc == ELO_OK; i++) {
        file = &f->files[i];
        if (!file->is_met && !file->is_mark) {
            rc = damaged(f, ELO_FSCK_MISSING, file, "its file is missing");
        }
    }
    return rc;
}


/* ---- hashing ---- */

typedef struct {
    elo_fsck_t *f;
    elo_kv_view_t *view;
    elo_sha256_t *sha;
    uint8_t *piece; /* PIECE bytes */
} deep_t;


static elo_err_t
hash_file(deep_t *d, const elo_rec_blob_t *rec)
{
    const elo_vfs_t *v = d->f->vfs;
    char name[ELO_STORE_NAME_MAX + 1];
    uint64_t off = 0;
    elo_err_t rc;
    size_t n = 1;
    int fd;

    elo_file_name(ELO_FILE_BLOB, rec->file, name);
    rc = v->open(v, d->f->root_fd, name, ELO_VFS_READ, 0, &fd);
    if (rc != ELO_OK) {
        return ELO_ENOTFOUND; /* told already */
    }
    while (rc == ELO_OK && n > 0) {
        if ((rc = v->pread(v, fd, d->piece, PIECE, off, &n)) == ELO_OK) {
            rc = elo_sha256_update(d->sha, elo_slice(d->piece, n));
            off += n;
        }
    }
    d->f->out->hashed_bytes += off;
    v->close(v, fd);
    return rc;
}


static elo_err_t
hash_data(deep_t *d, const elo_kv_entry_t *e)
{
    elo_err_t rc = ELO_OK;
    size_t n;

    for (uint64_t off = 0; off < e->data_len && rc == ELO_OK; off += n) {
        n = (size_t) ELO_MIN((uint64_t) PIECE, e->data_len - off);
        rc = elo_kv_read(d->f->kv, e->segment, e->data_off + off, d->piece, n);
        if (rc == ELO_OK) {
            rc = elo_sha256_update(d->sha, elo_slice(d->piece, n));
        }
        d->f->out->hashed_bytes += n;
    }
    return rc;
}


static elo_err_t
hash_blob(deep_t *d, elo_slice_t key, const elo_kv_entry_t *e)
{
    elo_fsck_file_t as = { .kind = ELO_FILE_BLOB };
    elo_rec_blob_t rec;
    elo_kv_entry_t bad;
    elo_digest_t is;
    elo_err_t rc;

    if (key.len != ELO_SHA256_LEN
        || elo_rec_blob_parse(e->value, e->data_len, &rec) != ELO_OK
        || elo_kv_get(d->view, ELO_T_BAD, key, &bad) == ELO_OK)
    {
        return ELO_OK; /* told already */
    }
    if ((rc = elo_sha256_reset(d->sha)) != ELO_OK) {
        return rc;
    }
    rc = rec.file != 0 ? hash_file(d, &rec) : hash_data(d, e);
    if (rc == ELO_ENOTFOUND || rc == ELO_ECORRUPT) {
        return ELO_OK;
    }
    memset(&is, 0, sizeof(is));
    if (rc == ELO_OK) {
        rc = elo_sha256_final(d->sha, &is);
    }
    if (rc != ELO_OK && rc != EIO) {
        return rc;
    }
    if (memcmp(is.b, key.p, ELO_SHA256_LEN) == 0) {
        return ELO_OK;
    }
    memcpy(as.digest.b, key.p, ELO_SHA256_LEN);
    as.id = rec.file;
    return damaged(d->f, ELO_FSCK_HASH, &as, "its bytes have another hash");
}


elo_err_t
elo_fsck_deep(elo_fsck_t *f)
{
    deep_t d = { .f = f, .piece = malloc(PIECE) };
    elo_kv_cursor_t *c = NULL;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_slice_t key;
    elo_err_t rc;

    if (d.piece == NULL || elo_sha256_create(&d.sha) != ELO_OK) {
        free(d.piece);
        return ELO_ENOMEM;
    }
    if ((rc = elo_kv_view_begin(f->kv, &v)) == ELO_OK) {
        d.view = &v;
        rc = elo_kv_cursor_open(&v, ELO_T_BLOB, elo_slice(NULL, 0), &c);
        while (rc == ELO_OK && (rc = elo_kv_cursor_next(c, &key, &e)) == ELO_OK)
        {
            rc = hash_blob(&d, key, &e);
        }
        elo_kv_cursor_close(&c);
        elo_kv_view_end(&v);
    }
    elo_sha256_free(&d.sha);
    free(d.piece);
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}
