/* SPDX-License-Identifier: BSD-2-Clause */
/* backup: see the header. The order: files of blobs as they are now, the index, the
   log sealed, its segments, and the files that came meanwhile. So each row in the
   copied log has its file, for a file is there before its row, and what was
   removed meanwhile had been met before. Only of a blob that was both put and
   removed while the backup ran may a row be left: it reads as damaged there. */
#include "backend/store/backup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/kv/kv_care.h"
#include "backend/kv/record.h"
#include "backend/store/resume_internal.h"
#include "backend/store/store_internal.h"
#include "common/base/num.h"

#define PIECE    (1u << 20)
#define PATH_LEN 512 /* "/proc/self/fd/…/" and a name below a root */

typedef struct {
    elo_store_t *s;
    const elo_vfs_t *v;
    int to; /* the new root */
    char index[PATH_LEN];
    bool may_link;
    atomic_bool *must_end; /* may be NULL */
    uint64_t last;  /* segment: the one that a start of the copy writes to */
    uint64_t limit; /* ids of files from here on aren't in the copied log */
    uint8_t *piece; /* PIECE bytes */
    elo_backup_t *out;
    elo_err_t err;
} backup_t;

/* A listing of a directory and its subdirectories' names. */
typedef struct {
    backup_t *b;
    const char *top; /* "blobs" */
    char dir[16];    /* "blobs/0a" */
    bool is_made;    /* that directory, in the copy */
} files_t;


/* ECANCELED when it was told to end. */
static elo_err_t
go_on(const backup_t *b)
{
    return b->must_end != NULL
                   && atomic_load_explicit(b->must_end, memory_order_relaxed)
               ? ECANCELED
               : ELO_OK;
}


/* ---- one file ---- */

static elo_err_t
is_zero_or_write(backup_t *b, int fd, size_t n, uint64_t off)
{
    size_t done = 0, w;
    elo_err_t rc;

    if (b->piece[0] == 0 && memcmp(b->piece, b->piece + 1, n - 1) == 0) {
        return ELO_OK; /* a hole */
    }
    while (done < n) {
        rc = b->v->pwrite(b->v, fd, b->piece + done, n - done, off + done, &w);
        if (rc != ELO_OK) {
            return rc;
        }
        if (w == 0) {
            return ELO_ENOSPC;
        }
        done += w;
    }
    b->out->bytes += n;
    return ELO_OK;
}


static elo_err_t
copy_bytes(backup_t *b, int from, int to)
{
    uint64_t size, off = 0;
    elo_err_t rc;
    size_t n;

    if ((rc = b->v->size(b->v, from, &size)) != ELO_OK
        || (rc = b->v->truncate(b->v, to, size)) != ELO_OK)
    {
        return rc;
    }
    while (off < size) {
        if ((rc = go_on(b)) != ELO_OK) {
            return rc;
        }
        rc = b->v->pread(b->v, from, b->piece,
                         (size_t) ELO_MIN((uint64_t) PIECE, size - off), off,
                         &n);
        if (rc != ELO_OK) {
            return rc;
        }
        if (n == 0) {
            break; /* it was cut off meanwhile */
        }
        if ((rc = is_zero_or_write(b, to, n, off)) != ELO_OK) {
            return rc;
        }
        off += n;
    }
    return b->v->fdatasync(b->v, to);
}


static elo_err_t
copy_file(backup_t *b, const char *name, unsigned mode)
{
    const elo_vfs_t *v = b->v;
    elo_err_t rc;
    int from, to;

    if ((rc = go_on(b)) != ELO_OK) {
        return rc;
    }
    rc = v->open(v, b->s->root_fd, name, ELO_VFS_READ, 0, &from);
    if (rc != ELO_OK) {
        return rc;
    }
    rc = v->open(v, b->to, name, ELO_VFS_CREATE, mode, &to);
    if (rc == ELO_OK) {
        rc = v->own_like(v, to, from);
        rc = rc == EPERM ? ELO_OK : rc; /* not the store's owner: his own */
        if (rc == ELO_OK) {
            rc = copy_bytes(b, from, to);
        }
        v->close(v, to);
    }
    v->close(v, from);
    return rc;
}


/* A second name, or a copy: other file systems, too many links, no /proc. */
static elo_err_t
share_file(backup_t *b, const char *name)
{
    char from[PATH_LEN], to[PATH_LEN];
    elo_err_t rc = go_on(b);

    if (rc != ELO_OK) {
        return rc;
    }
    rc = EXDEV;
    if (b->may_link) {
        snprintf(from, sizeof(from), "/proc/self/fd/%d/%s", b->s->root_fd,
                 name);
        snprintf(to, sizeof(to), "/proc/self/fd/%d/%s", b->to, name);
        rc = b->v->link(b->v, ELO_VFS_CWD, from, to);
    }
    if (rc == ELO_OK) {
        b->out->linked++;
        return ELO_OK;
    }
    return rc == EXDEV || rc == EMLINK || rc == EPERM || rc == EOPNOTSUPP
               ? copy_file(b, name, ELO_FILE_MODE)
               : rc;
}


/* ---- directories ---- */

static elo_err_t
dir_make(backup_t *b, const char *name, unsigned mode)
{
    const elo_vfs_t *v = b->v;
    int from, to;
    elo_err_t rc;

    rc = v->mkdir(v, b->to, name, mode & 0777);
    if (rc != ELO_OK && rc != EEXIST) {
        return rc;
    }
    if ((rc = v->open(v, b->to, name, ELO_VFS_DIR, 0, &to)) != ELO_OK) {
        return rc;
    }
    if (v->open(v, b->s->root_fd, name, ELO_VFS_DIR, 0, &from) == ELO_OK) {
        rc = v->own_like(v, to, from);
        rc = rc == EPERM ? ELO_OK : rc;
        v->close(v, from);
    }
    if (rc == ELO_OK) {
        rc = v->chmod(v, to, mode); /* after own_like, which may clear setgid */
    }
    v->close(v, to);
    return rc;
}


static elo_err_t
dir_sync(backup_t *b, const char *name)
{
    elo_err_t rc;
    int fd;

    rc = b->v->open(b->v, b->to, name, ELO_VFS_DIR, 0, &fd);
    if (rc == ELO_OK) {
        rc = b->v->fsync_dir(b->v, fd);
        b->v->close(b->v, fd);
    }
    return rc;
}


static bool
file_name(void *ctx, const char *name)
{
    files_t *l = ctx;
    backup_t *b = l->b;
    char path[ELO_STORE_NAME_MAX + 1];
    int n = snprintf(path, sizeof(path), "%s/%s", l->dir, name);
    elo_err_t rc;

    if (n < 0 || (size_t) n >= sizeof(path) || strlen(name) != 16
        || strspn(name, "0123456789abcdef") != 16
        || strtoull(name, NULL, 16) >= b->limit)
    {
        return true; /* not of this store, or of a time after the backup's */
    }
    rc = share_file(b, path);
    if (rc == ELO_OK) {
        b->out->files++;
    } else if (rc != EEXIST && rc != ENOENT) { /* had it, or is gone */
        b->err = rc;
    }
    return b->err == ELO_OK;
}


static bool
dir_name(void *ctx, const char *name)
{
    files_t *l = ctx;
    backup_t *b = l->b;
    elo_err_t rc;

    if (strlen(name) != 2 || strspn(name, "0123456789abcdef") != 2) {
        return true;
    }
    snprintf(l->dir, sizeof(l->dir), "%.8s/%.2s", l->top, name);
    if ((rc = go_on(b)) == ELO_OK
        && (rc = dir_make(b, l->dir, ELO_DIR_MODE)) == ELO_OK)
    {
        rc = b->v->list(b->v, b->s->root_fd, l->dir, file_name, l);
    }
    if (rc == ELO_OK && b->err == ELO_OK) {
        rc = dir_sync(b, l->dir);
    }
    b->err = b->err != ELO_OK ? b->err : rc;
    return b->err == ELO_OK;
}


/* What blobs/ and media/ hold, unless the copy has it. */
static elo_err_t
share_files(backup_t *b)
{
    static const char *const tops[] = { "blobs", "media" };
    elo_err_t rc;

    for (size_t i = 0; i < ELO_COUNT(tops); i++) {
        files_t l = { .b = b, .top = tops[i] };

        rc = b->v->list(b->v, b->s->root_fd, tops[i], dir_name, &l);
        if (rc != ELO_OK || b->err != ELO_OK) {
            return rc != ELO_OK ? rc : b->err;
        }
    }
    return ELO_OK;
}


static bool
upload_name(void *ctx, const char *name)
{
    backup_t *b = ctx;
    char path[ELO_STORE_NAME_MAX + 1];
    int n = snprintf(path, sizeof(path), "uploads/%s", name);
    elo_err_t rc;

    if (n < 0 || (size_t) n >= sizeof(path)) {
        return true;
    }
    rc = copy_file(b, path, ELO_FILE_MODE); /* these go on changing */
    if (rc == ELO_OK) {
        b->out->files++;
    } else if (rc != ENOENT) {
        b->err = rc;
    }
    return b->err == ELO_OK;
}


static elo_err_t
copy_uploads(backup_t *b)
{
    elo_err_t rc = b->v->list(b->v, b->s->root_fd, "uploads", upload_name, b);

    int fd;

    if (rc != ELO_OK || b->err != ELO_OK) {
        return rc == ENOENT ? ELO_OK : (rc != ELO_OK ? rc : b->err);
    }
    rc = b->v->open(b->v, b->to, ELO_UPLOADS_COPIED, ELO_VFS_CREATE,
                    ELO_FILE_MODE, &fd);
    if (rc == ELO_OK) {
        rc = b->v->fdatasync(b->v, fd);
        b->v->close(b->v, fd);
    }
    return rc;
}


/* ---- the log ---- */

static bool
segment_last(void *ctx, const elo_kv_segment_t *seg)
{
    backup_t *b = ctx;

    if (seg->is_sealed) {
        b->last = seg->segment;
    }
    return true;
}


static bool
segment_share(void *ctx, const elo_kv_segment_t *seg)
{
    backup_t *b = ctx;
    char name[ELO_STORE_NAME_MAX + 1];

    if (seg->segment > b->last) {
        return true;
    }
    elo_kv_segment_name(seg->segment, name);
    /* a start cuts the last one off at its end: not under the store's feet */
    b->err = seg->segment == b->last ? copy_file(b, name, ELO_FILE_MODE)
                                     : share_file(b, name);
    b->out->segments++;
    return b->err == ELO_OK;
}


/* Ids of files are numbers of records: those after the last record of the copy are
   given again there. */
static elo_err_t
find_limit(backup_t *b)
{
    uint8_t head[ELO_REC_HEADER_LEN];
    uint64_t off = ELO_SEG_HEADER_LEN;
    elo_rec_head_t h;

    b->limit = UINT64_MAX;
    while (b->last != 0
           && elo_kv_read(b->s->kv, b->last, off, head, sizeof(head)) == ELO_OK
           && elo_rec_head_parse(head, b->s->store_id, b->last, off, &h)
                  == ELO_OK)
    {
        b->limit = h.lsn + 1;
        off += elo_rec_len(&h);
    }
    return ELO_OK;
}


/* The log is sealed, and no segment is taken away while this runs. */
static elo_err_t
on_settled(void *ctx)
{
    backup_t *b = ctx;
    elo_err_t rc;

    if ((rc = elo_kv_segments(b->s->kv, segment_last, b)) != ELO_OK
        || (rc = find_limit(b)) != ELO_OK
        || (rc = elo_kv_segments(b->s->kv, segment_share, b)) != ELO_OK
        || (rc = b->err) != ELO_OK || (rc = share_files(b)) != ELO_OK
        || (rc = copy_uploads(b)) != ELO_OK)
    {
        return rc;
    }
    return dir_sync(b, "log");
}


/* ---- from the mark to its end ---- */

static bool
not_empty(void *ctx, const char *name)
{
    *(bool *) ctx = *(bool *) ctx || strcmp(name, "lost+found") != 0;
    return true;
}


static elo_err_t
begin(backup_t *b)
{
    const elo_vfs_t *v = b->v;
    bool is_used = false;
    elo_err_t rc;
    int fd;

    if ((rc = v->list(v, b->to, ".", not_empty, &is_used)) != ELO_OK) {
        return rc;
    }
    if (is_used) {
        return ELO_EEXISTS;
    }
    rc = v->open(v, b->to, ELO_BACKUP_MARK, ELO_VFS_CREATE, ELO_FILE_MODE, &fd);
    if (rc != ELO_OK) {
        return rc;
    }
    rc = v->fdatasync(v, fd);
    v->close(v, fd);
    return rc != ELO_OK ? rc : dir_sync(b, ".");
}


static elo_err_t
make_dirs(backup_t *b)
{
    static const struct {
        const char *name;
        unsigned mode;
    } rows[] = {
        { ".", ELO_DIR_MODE },      { "log", ELO_DIR_MODE },
        { "blobs", ELO_DIR_MODE },  { "media", ELO_DIR_MODE },
        { "tmp", ELO_PRIV_MODE },   { "uploads", ELO_PRIV_MODE },
        { "index", ELO_PRIV_MODE },
    };
    elo_err_t rc = ELO_OK;

    for (size_t i = 0; i < ELO_COUNT(rows) && rc == ELO_OK; i++) {
        rc = dir_make(b, rows[i].name, rows[i].mode);
    }
    return rc;
}


/* The last files, then all names are made durable, then the mark goes. */
static elo_err_t
finish(backup_t *b)
{
    static const char *const dirs[] = { "blobs", "media", "uploads", "index",
                                        "log",   ".",     ".." };
    const elo_vfs_t *v = b->v;
    elo_err_t rc;

    rc = copy_file(b, "keyring", 0600);
    b->out->has_keyring = rc == ELO_OK;
    if ((rc != ELO_OK && rc != ENOENT)
        || (rc = copy_file(b, ELO_STORE_FORMAT_FILE, ELO_FILE_MODE)) != ELO_OK)
    {
        return rc;
    }
    for (size_t i = 0; i < ELO_COUNT(dirs); i++) {
        rc = dir_sync(b, dirs[i]);
        if (rc != ELO_OK && (rc != EACCES || strcmp(dirs[i], "..") != 0)) {
            return rc;
        }
    }
    if ((rc = v->unlink(v, b->to, ELO_BACKUP_MARK)) != ELO_OK) {
        return rc;
    }
    return dir_sync(b, ".");
}


elo_err_t
elo_store_backup(elo_store_t *s, const char *dir, bool may_link,
                 atomic_bool *must_end, elo_backup_t *out)
{
    backup_t b = { .s = s,
                   .v = s->vfs,
                   .to = -1,
                   .may_link = may_link,
                   .must_end = must_end,
                   .limit = UINT64_MAX,
                   .out = out };
    elo_err_t rc;

    memset(out, 0, sizeof(*out));
    if (dir[0] != '/') {
        return ELO_EINVAL;
    }
    if ((rc = go_on(&b)) != ELO_OK) {
        return rc;
    }
    if ((b.piece = malloc(PIECE)) == NULL) {
        return ELO_ENOMEM;
    }
    rc = b.v->open_root(b.v, dir, 0750, &b.to);
    if (rc != ELO_OK) {
        free(b.piece);
        return rc;
    }
    snprintf(b.index, sizeof(b.index), "/proc/self/fd/%d/index", b.to);
    if ((rc = begin(&b)) == ELO_OK && (rc = make_dirs(&b)) == ELO_OK
        && (rc = share_files(&b)) == ELO_OK
        && (rc = elo_kv_backup(s->kv, b.index, must_end, on_settled, &b))
               == ELO_OK)
    {
        rc = finish(&b);
    }
    b.v->close(b.v, b.to);
    free(b.piece);
    return rc;
}
