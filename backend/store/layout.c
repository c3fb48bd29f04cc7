/* SPDX-License-Identifier: BSD-2-Clause */
/* layout: what a store is made of below its root, but for the engine's own: lock,
   format file, directories. */
#include "backend/store/store_internal.h"

#include <errno.h>
#include <stdio.h>

#include "backend/os/clock.h"
#include "backend/os/log.h"
#include "backend/store/backup.h"

#define FORMAT_TMP "tmp/format"
#define LOCK_FILE  "lock"
#define LOG_DIR    "log"
#define KEYRING    "keyring"
#define FORMAT_MAX 128u


/* ---- the lock ---- */

/* Names the process that has the store open; what the file holds is a hint. */
static void
lock_holder_log(elo_store_t *s)
{
    char text[32];
    size_t n = 0;

    if (s->vfs->pread(s->vfs, s->lock_fd, text, sizeof(text), 0, &n) != ELO_OK
        || n == 0)
    {
        n = 0;
    } else if (text[n - 1] == '\n') {
        n--;
    }
    elo_log(ELO_LOG_ERROR, "store is in use by process %.*s", (int) n, text);
}


/* Takes the lock; its file tells an operator who holds it. */
static elo_err_t
lock_take(elo_store_t *s)
{
    const elo_vfs_t *v = s->vfs;
    char text[32];
    elo_err_t rc;
    size_t n;
    int len;

    rc = v->open(v, s->root_fd, LOCK_FILE, ELO_VFS_WRITE, ELO_FILE_MODE,
                 &s->lock_fd);
    if (rc != ELO_OK) {
        return elo_store_fail(s, rc, "lock file");
    }
    rc = v->lock(v, s->lock_fd);
    if (rc == EWOULDBLOCK) {
        lock_holder_log(s);
        return ELO_EBUSY;
    }
    if (rc != ELO_OK) {
        return elo_store_fail(s, rc, "lock");
    }
    len = snprintf(text, sizeof(text), "%ld\n", elo_vfs_pid());
    if ((rc = v->truncate(v, s->lock_fd, 0)) != ELO_OK
        || (rc = v->pwrite(v, s->lock_fd, text, (size_t) len, 0, &n)) != ELO_OK)
    {
        return elo_store_fail(s, rc, "lock file");
    }
    return ELO_OK;
}


/* ---- directories ---- */

elo_err_t
elo_dir_make(elo_store_t *s, const char *path, unsigned mode)
{
    const elo_vfs_t *v = s->vfs;
    elo_err_t rc;
    int fd;

    rc = v->mkdir(v, s->root_fd, path, mode & 0777);
    if (rc == ELO_OK || rc == EEXIST) {
        rc = v->open(v, s->root_fd, path, ELO_VFS_DIR, 0, &fd);
    }
    if (rc != ELO_OK) {
        return elo_store_fail(s, rc, "mkdir");
    }
    if (s->group >= 0 && mode == ELO_DIR_MODE) {
        rc = v->chgrp(v, fd, s->group);
    }
    if (rc == ELO_OK) {
        rc = v->chmod(v, fd, mode); /* after chgrp, which may clear setgid */
    }
    v->close(v, fd);
    return rc == ELO_OK ? ELO_OK : elo_store_fail(s, rc, "mode of a directory");
}


elo_err_t
elo_dir_sync(elo_store_t *s, const char *dir)
{
    const elo_vfs_t *v = s->vfs;
    elo_err_t rc;
    int fd;

    if ((rc = v->open(v, s->root_fd, dir, ELO_VFS_DIR, 0, &fd)) != ELO_OK) {
        return elo_store_fail(s, rc, "open of a directory");
    }
    rc = v->fsync_dir(v, fd);
    v->close(v, fd);
    return elo_store_fail_sync(s, rc, "sync of a directory");
}


/* ---- format ---- */

static bool
only_ours(void *ctx, const char *name)
{
    static const char *const ours[] = { LOCK_FILE, ELO_GEN_FILE, "index",
                                        "blobs",   "media",      "tmp",
                                        "uploads", LOG_DIR,      "lost+found" };
    bool *ok = ctx;

    /* The keyring may be made before the store, by way of a file beside it. */
    *ok = strncmp(name, KEYRING, sizeof(KEYRING) - 1) == 0;
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        if (strcmp(name, ours[i]) == 0) {
            *ok = true;
        }
    }
    return *ok;
}


static bool
is_not_empty(void *ctx, const char *name)
{
    (void) name;
    *(bool *) ctx = true;
    return false;
}


/* Without a format file: an empty directory, or a making that was interrupted,
   which never got as far as a log (S1). */
static elo_err_t
unformatted_check(elo_store_t *s)
{
    const elo_vfs_t *v = s->vfs;
    bool ok = true, has_log = false;
    elo_err_t rc;

    if ((rc = v->list(v, s->root_fd, ".", only_ours, &ok)) != ELO_OK) {
        return elo_store_fail(s, rc, "list of the root");
    }
    rc = v->list(v, s->root_fd, LOG_DIR, is_not_empty, &has_log);
    if (rc != ELO_OK && rc != ENOENT) {
        return elo_store_fail(s, rc, "list of the log");
    }
    if (!ok) {
        elo_log(ELO_LOG_ERROR, "directory holds something that is no store");
        return ELO_ECORRUPT;
    }
    if (has_log) {
        elo_log(ELO_LOG_ERROR,
                "store has a log but no file \"" ELO_STORE_FORMAT_FILE
                "\": restore that file from a backup");
        return ELO_ECORRUPT;
    }
    return ELO_OK;
}


static elo_err_t
format_read(elo_store_t *s, bool *found)
{
    const elo_vfs_t *v = s->vfs;
    uint8_t text[FORMAT_MAX];
    size_t n = 0;
    elo_err_t rc;
    int fd;

    *found = false;
    rc = v->open(v, s->root_fd, ELO_STORE_FORMAT_FILE, ELO_VFS_READ, 0, &fd);
    if (rc == ENOENT) {
        return unformatted_check(s);
    }
    if (rc != ELO_OK) {
        return elo_store_fail(s, rc, "format file");
    }
    rc = v->pread(v, fd, text, sizeof(text), 0, &n);
    v->close(v, fd);
    if (rc != ELO_OK) {
        return elo_store_fail(s, rc, "format file");
    }
    *found = true;
    rc = elo_format_parse(elo_slice(text, n), &s->store_id);
    if (rc == ELO_EUNSUPPORTED) {
        elo_log(ELO_LOG_ERROR,
                "store is of version 1, which this version does not read: "
                "export it with the version that wrote it, and import that "
                "into an empty store");
        return ELO_ECORRUPT;
    }
    if (rc != ELO_OK) {
        elo_log(ELO_LOG_ERROR, "file \"" ELO_STORE_FORMAT_FILE
                               "\" is damaged, or of a later version");
    }
    return rc;
}


static elo_err_t
format_write(elo_store_t *s)
{
    const elo_vfs_t *v = s->vfs;
    uint8_t mem[FORMAT_MAX];
    elo_buf_t buf;
    elo_err_t rc;
    size_t n;
    int fd;

    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_format_encode(s->store_id, &buf);
    if ((rc = elo_buf_err(&buf)) != ELO_OK
        || (rc = v->open(v, s->root_fd, FORMAT_TMP, ELO_VFS_WRITE,
                         ELO_FILE_MODE, &fd))
               != ELO_OK)
    {
        return elo_store_fail(s, rc, "format file");
    }
    if ((rc = v->truncate(v, fd, 0)) != ELO_OK
        || (rc = v->pwrite(v, fd, buf.p, buf.len, 0, &n)) != ELO_OK)
    {
        rc = elo_store_fail(s, rc, "format file");
    } else if (n != buf.len) {
        rc = ELO_ENOSPC;
    } else {
        rc = elo_store_fail_sync(s, v->fdatasync(v, fd), "format file");
    }
    v->close(v, fd);
    if (rc == ELO_OK) {
        rc = v->rename(v, s->root_fd, FORMAT_TMP, ELO_STORE_FORMAT_FILE);
        rc = rc != ELO_OK ? elo_store_fail(s, rc, "format file")
                          : elo_dir_sync(s, ".");
    }
    return rc;
}


/* A backup that was interrupted (backup.h) is no store. */
static elo_err_t
whole_check(elo_store_t *s)
{
    elo_err_t rc;
    int fd;

    rc =
        s->vfs->open(s->vfs, s->root_fd, ELO_BACKUP_MARK, ELO_VFS_READ, 0, &fd);
    if (rc == ENOENT) {
        return ELO_OK;
    }
    if (rc == ELO_OK) {
        s->vfs->close(s->vfs, fd);
    }
    elo_log(ELO_LOG_ERROR, "directory holds a backup that was interrupted "
                           "(file \"" ELO_BACKUP_MARK "\"): make it again");
    return ELO_ECORRUPT;
}


/* The directories of a store; those of a fresh one durably, before its format
   file. */
static elo_err_t
dirs_make(elo_store_t *s, bool is_fresh)
{
    static const struct {
        const char *path;
        unsigned mode;
    } rows[] = {
        { ".", ELO_DIR_MODE },      { "tmp", ELO_PRIV_MODE },
        { "index", ELO_PRIV_MODE }, { "blobs", ELO_DIR_MODE },
        { "media", ELO_DIR_MODE },
    };
    elo_err_t rc;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if ((rc = elo_dir_make(s, rows[i].path, rows[i].mode)) != ELO_OK) {
            return rc;
        }
    }
    if (!is_fresh) {
        return ELO_OK;
    }
    if ((rc = elo_dir_sync(s, ".")) != ELO_OK) {
        return rc;
    }
    return elo_dir_sync(s, ".."); /* the root may have been made just now */
}


elo_err_t
elo_layout_open(elo_store_t *s, const char *root)
{
    const elo_vfs_t *v = s->vfs;
    elo_err_t rc;
    bool found;

    rc = v->open_root(v, root, 0750, &s->root_fd);
    if (rc != ELO_OK) {
        return elo_store_fail(s, rc, "open of the root");
    }
    /* Looked at before anything is made there. */
    if ((rc = whole_check(s)) != ELO_OK
        || (rc = format_read(s, &found)) != ELO_OK
        || (rc = lock_take(s)) != ELO_OK
        || (rc = dirs_make(s, !found)) != ELO_OK)
    {
        return rc;
    }
    if (found) {
        return ELO_OK;
    }
    elo_random(&s->store_id, sizeof(s->store_id));
    return format_write(s);
}
