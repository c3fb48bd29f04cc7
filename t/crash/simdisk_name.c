/* SPDX-License-Identifier: BSD-2-Clause */
/* simdisk_name: the operations on names: opening, links, directories. */
#include "t/crash/simdisk_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


/* ---- LMDB's files: real ones ---- */

static bool
is_lmdb(const char *name)
{
    return strncmp(name, "data.mdb", 8) == 0 || strcmp(name, "lock.mdb") == 0;
}


static void
real_path(const simdisk_t *d, const sim_inode_t *in, const char *name,
          char out[3 * SIM_PATH_MAX])
{
    snprintf(out, 3 * SIM_PATH_MAX, "%s%s/%s", d->real, in->path, name);
}


static elo_err_t
open_lmdb(simdisk_t *d, sim_inode_t *in, const char *name, elo_vfs_open_t how,
          int *fd)
{
    char path[3 * SIM_PATH_MAX];
    int real;

    if (how != ELO_VFS_READ && how != ELO_VFS_WRITE) {
        return EINVAL;
    }
    real_path(d, in, name, path);
    real = open(path, (how == ELO_VFS_READ ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (real == -1) {
        return errno;
    }
    sim_inode_t *i = sim_inode_new(d, false);

    i->real_fd = real;
    return sim_fd_new(d, i, fd);
}


/* to NULL: removes it */
static elo_err_t
move_lmdb(simdisk_t *d, sim_inode_t *in, const char *name, const char *to)
{
    char a[3 * SIM_PATH_MAX], b[3 * SIM_PATH_MAX];

    real_path(d, in, name, a);
    if (to == NULL) {
        return unlink(a) == 0 ? ELO_OK : errno;
    }
    real_path(d, in, to, b);
    return rename(a, b) == 0 ? ELO_OK : errno;
}


/* ---- opening ---- */

static elo_err_t
open_locked(simdisk_t *d, int dir, const char *path, elo_vfs_open_t how,
            int *fd)
{
    char name[SIM_NAME_MAX + 1];
    sim_inode_t *in, *i;
    elo_err_t rc;

    if (d->is_cut) {
        return EIO;
    }
    if ((rc = sim_walk(d, dir, path, &in, name)) != ELO_OK) {
        return rc;
    }
    if (is_lmdb(name)) {
        return open_lmdb(d, in, name, how, fd);
    }
    sim_entry_t *e = sim_entry(in, name, false);

    i = strcmp(name, ".") == 0    ? in
        : strcmp(name, "..") == 0 ? d->outside
        : e == NULL               ? NULL
                                  : e->mem;
    if (i == NULL && (how == ELO_VFS_READ || how == ELO_VFS_DIR)) {
        return ENOENT;
    }
    if (i != NULL && how == ELO_VFS_CREATE) {
        return EEXIST;
    }
    if (i == NULL) {
        i = sim_inode_new(d, false);
        sim_count(d, SIM_OP_CREATE);
        sim_turn(d, sim_entry(in, name, true), i, ++d->seq);
        sim_note(d, SIM_OP_CREATE, "%s/%s = #%llu", in->path, name,
                 (unsigned long long) i->id);
        if (d->is_cut) {
            return EIO;
        }
    }
    if (i->is_dir != (how == ELO_VFS_DIR)) {
        return i->is_dir ? EISDIR : ENOTDIR;
    }
    return sim_fd_new(d, i, fd);
}


static elo_err_t
sim_open(const elo_vfs_t *v, int dir, const char *path, elo_vfs_open_t how,
         unsigned mode, int *fd)
{
    simdisk_t *d = sim_disk_of(v);

    (void) mode;
    pthread_mutex_lock(&d->mtx);
    elo_err_t rc = open_locked(d, dir, path, how, fd);
    pthread_mutex_unlock(&d->mtx);
    return rc;
}


static elo_err_t
sim_open_tmp(const elo_vfs_t *v, int dir, const char *path, unsigned mode,
             int *fd)
{
    simdisk_t *d = sim_disk_of(v);
    char name[SIM_NAME_MAX + 1];
    sim_inode_t *in;
    elo_err_t rc;

    (void) mode;
    pthread_mutex_lock(&d->mtx);
    rc = d->is_cut ? EIO : sim_walk(d, dir, path, &in, name);
    if (rc == ELO_OK) {
        sim_inode_t *i = sim_inode_new(d, false);

        i->is_nameless = true;
        rc = sim_fd_new(d, i, fd);
    }
    pthread_mutex_unlock(&d->mtx);
    return rc;
}


static void
sim_close(const elo_vfs_t *v, int fd)
{
    simdisk_t *d = sim_disk_of(v);

    pthread_mutex_lock(&d->mtx);
    sim_inode_t *i = sim_inode_of(d, fd);

    if (i == NULL) {
        abort(); /* closed twice, or never opened: a bug of the caller */
    }
    if (i->locked_by == fd) {
        i->locked_by = 0;
    }
    d->fds[fd - SIM_FD_BASE].inode = NULL;
    i->opens--;
    if (i->real_fd > 0) {
        close(i->real_fd);
        i->real_fd = 0;
    }
    sim_release(d, i);
    pthread_mutex_unlock(&d->mtx);
}


/* ---- names ---- */

static elo_err_t
sim_chmod(const elo_vfs_t *v, int fd, unsigned mode)
{
    (void) v;
    (void) fd;
    (void) mode;
    return ELO_OK;
}


static elo_err_t
sim_chgrp(const elo_vfs_t *v, int fd, int gid)
{
    (void) v;
    (void) fd;
    (void) gid;
    return ELO_OK;
}


/* Gives i the name path. */
static elo_err_t
add_name(simdisk_t *d, sim_inode_t *i, int dir, const char *path)
{
    char name[SIM_NAME_MAX + 1];
    sim_inode_t *in;
    sim_entry_t *e;
    elo_err_t rc;

    if ((rc = sim_walk(d, dir, path, &in, name)) != ELO_OK) {
        return rc;
    }
    e = sim_entry(in, name, true);
    if (e->mem != NULL) {
        return EEXIST;
    }
    sim_count(d, SIM_OP_LINK);
    sim_note(d, SIM_OP_LINK, "%s/%s = #%llu", in->path, name,
             (unsigned long long) i->id);
    sim_turn(d, e, i, ++d->seq);
    return sim_outcome(d);
}


static elo_err_t
sim_link_fd(const elo_vfs_t *v, int fd, int dir, const char *path)
{
    simdisk_t *d = sim_disk_of(v);
    elo_err_t rc;

    pthread_mutex_lock(&d->mtx);
    sim_inode_t *i = sim_inode_of(d, fd);

    rc = d->is_cut                ? EIO
         : i == NULL || i->is_dir ? EBADF
                                  : add_name(d, i, dir, path);
    pthread_mutex_unlock(&d->mtx);
    return rc;
}


/* The inode and entry of a file that is there. */
static elo_err_t
find(simdisk_t *d, int dir, const char *path, sim_inode_t **in, sim_entry_t **e)
{
    char name[SIM_NAME_MAX + 1];
    elo_err_t rc;

    if (d->is_cut) {
        return EIO;
    }
    if ((rc = sim_walk(d, dir, path, in, name)) != ELO_OK) {
        return rc;
    }
    *e = sim_entry(*in, name, false);
    if (*e == NULL || (*e)->mem == NULL) {
        return ENOENT;
    }
    return (*e)->mem->is_dir ? EISDIR : ELO_OK;
}


static elo_err_t
sim_link(const elo_vfs_t *v, int dir, const char *from, const char *to)
{
    simdisk_t *d = sim_disk_of(v);
    sim_inode_t *in;
    sim_entry_t *e;

    pthread_mutex_lock(&d->mtx);
    elo_err_t rc = find(d, dir, from, &in, &e);

    if (rc == ELO_OK) {
        rc = add_name(d, e->mem, dir, to);
    }
    pthread_mutex_unlock(&d->mtx);
    return rc;
}


static elo_err_t
sim_rename(const elo_vfs_t *v, int dir, const char *from, const char *to)
{
    simdisk_t *d = sim_disk_of(v);
    char name[SIM_NAME_MAX + 1];
    sim_inode_t *in, *to_in, *i;
    sim_entry_t *e;

    pthread_mutex_lock(&d->mtx);
    elo_err_t rc = find(d, dir, from, &in, &e);

    if (rc == ENOENT && is_lmdb(from)) {
        rc = move_lmdb(d, in, from, to);
        pthread_mutex_unlock(&d->mtx);
        return rc;
    }
    if (rc == ELO_OK) {
        rc = sim_walk(d, dir, to, &to_in, name);
    }
    if (rc == ELO_OK) {
        sim_count(d, SIM_OP_RENAME);
        sim_note(d, SIM_OP_RENAME, "%s to %s", from, to);
        i = e->mem;
        d->seq++;
        i->names++; /* it is known throughout */
        sim_turn(d, e, NULL, d->seq);
        sim_turn(d, sim_entry(to_in, name, true), i, d->seq);
        i->names--;
        rc = sim_outcome(d);
    }
    pthread_mutex_unlock(&d->mtx);
    return rc;
}


static elo_err_t
sim_unlink(const elo_vfs_t *v, int dir, const char *path)
{
    simdisk_t *d = sim_disk_of(v);
    sim_inode_t *in;
    sim_entry_t *e;

    pthread_mutex_lock(&d->mtx);
    elo_err_t rc = find(d, dir, path, &in, &e);

    if (rc == ENOENT && is_lmdb(path)) {
        rc = move_lmdb(d, in, path, NULL);
    } else if (rc == ELO_OK) {
        sim_count(d, SIM_OP_UNLINK);
        sim_note(d, SIM_OP_UNLINK, "%s/%s = #%llu", in->path, e->name,
                 (unsigned long long) e->mem->id);
        sim_turn(d, e, NULL, ++d->seq);
        rc = sim_outcome(d);
    }
    pthread_mutex_unlock(&d->mtx);
    return rc;
}


static elo_err_t
mkdir_locked(simdisk_t *d, int dir, const char *path)
{
    char name[SIM_NAME_MAX + 1], real[3 * SIM_PATH_MAX];
    sim_inode_t *in, *i;
    sim_entry_t *e;
    elo_err_t rc;

    if (d->is_cut) {
        return EIO;
    }
    if ((rc = sim_walk(d, dir, path, &in, name)) != ELO_OK) {
        return rc;
    }
    e = sim_entry(in, name, true);
    if (e->mem != NULL || strcmp(name, ".") == 0) {
        return EEXIST;
    }
    i = sim_inode_new(d, true);
    if ((size_t) snprintf(i->path, sizeof(i->path), "%s/%s", in->path, name)
        >= sizeof(i->path))
    {
        return ENAMETOOLONG;
    }
    sim_count(d, SIM_OP_MKDIR);
    sim_note(d, SIM_OP_MKDIR, "%s/", i->path);
    sim_turn(d, e, i, ++d->seq);
    /* LMDB's directory is a real one */
    snprintf(real, sizeof(real), "%s%s", d->real, i->path);
    if (mkdir(real, 0700) != 0) {
        return errno;
    }
    return sim_outcome(d);
}


static elo_err_t
sim_mkdir(const elo_vfs_t *v, int dir, const char *path, unsigned mode)
{
    simdisk_t *d = sim_disk_of(v);

    (void) mode;
    pthread_mutex_lock(&d->mtx);
    elo_err_t rc = mkdir_locked(d, dir, path);
    pthread_mutex_unlock(&d->mtx);
    return rc;
}


/* The root of the disk, or a directory below it, made when it is missing. */
static elo_err_t
sim_open_root(const elo_vfs_t *v, const char *path, unsigned mode, int *fd)
{
    simdisk_t *d = sim_disk_of(v);
    elo_err_t rc;

    (void) mode;
    pthread_mutex_lock(&d->mtx);
    rc = open_locked(d, ELO_VFS_CWD, path, ELO_VFS_DIR, fd);
    if (rc == ENOENT) {
        rc = mkdir_locked(d, ELO_VFS_CWD, path);
        if (rc == ELO_OK) {
            rc = open_locked(d, ELO_VFS_CWD, path, ELO_VFS_DIR, fd);
        }
    }
    pthread_mutex_unlock(&d->mtx);
    return rc;
}


/* fn may call other operations: the names are copied first. */
static elo_err_t
sim_list(const elo_vfs_t *v, int dir, const char *path, elo_vfs_list_fn fn,
         void *ctx)
{
    simdisk_t *d = sim_disk_of(v);
    char(*names)[SIM_NAME_MAX + 1] = NULL;
    size_t n = 0;
    int fd;
    elo_err_t rc;

    pthread_mutex_lock(&d->mtx);
    rc = open_locked(d, dir, path, ELO_VFS_DIR, &fd);
    if (rc == ELO_OK) {
        sim_inode_t *i = sim_inode_of(d, fd);

        names = sim_alloc(i->n_entries + 1, sizeof(names[0]));
        for (size_t k = 0; k < i->n_entries; k++) {
            if (i->entries[k].mem != NULL) {
                strcpy(names[n++], i->entries[k].name);
            }
        }
    }
    pthread_mutex_unlock(&d->mtx);
    if (rc != ELO_OK) {
        return rc;
    }
    for (size_t k = 0; k < n && fn(ctx, names[k]); k++) {
    }
    free(names);
    sim_close(v, fd);
    return ELO_OK;
}


void
sim_name_ops(elo_vfs_t *v)
{
    v->open = sim_open;
    v->open_root = sim_open_root;
    v->open_tmp = sim_open_tmp;
    v->close = sim_close;
    v->link_fd = sim_link_fd;
    v->link = sim_link;
    v->rename = sim_rename;
    v->unlink = sim_unlink;
    v->mkdir = sim_mkdir;
    v->chmod = sim_chmod;
    v->chgrp = sim_chgrp;
    v->list = sim_list;
}
