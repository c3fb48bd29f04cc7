/* SPDX-License-Identifier: BSD-2-Clause */
/* newfile: a file on its way into the store. Its bytes never have a name of the
   store before they are synced (I2); an end without commit leaves nothing. */
#include "backend/store/txn.h"

#include <errno.h>
#include <stdio.h>

/* Dirty pages of one upload stay below about two of these, so that its last sync
   is short and other writers find the disk free. */
#define BEHIND_BYTES (8u << 20)

#define SPACE_EVERY (64u << 20) /* bytes between two looks at free space */


elo_err_t
elo_newfile_open(elo_store_t *s, elo_file_kind_t kind, elo_newfile_t *nf)
{
    const elo_vfs_t *v = s->vfs;
    elo_err_t rc;

    *nf = (elo_newfile_t){ .s = s, .fd = -1, .kind = kind };
    if (s->nameless) {
        rc = v->open_tmp(v, s->root_fd, "tmp", ELO_FILE_MODE, &nf->fd);
    } else {
        snprintf(nf->tmp, sizeof(nf->tmp), "tmp/%016llx",
                 (unsigned long long) __atomic_fetch_add(&s->tmp_n, 1,
                                                         __ATOMIC_RELAXED));
        rc = v->open(v, s->root_fd, nf->tmp, ELO_VFS_CREATE, ELO_FILE_MODE,
                     &nf->fd);
        if (rc != ELO_OK) {
            nf->tmp[0] = '\0';
        }
    }
    if (rc == ELO_OK && s->group >= 0) {
        rc = v->chgrp(v, nf->fd, s->group);
    }
    if (rc != ELO_OK) {
        elo_newfile_end(nf, false);
        return elo_store_fail(s, rc, "create");
    }
    return ELO_OK;
}


static elo_err_t
write_behind(elo_newfile_t *nf)
{
    const elo_vfs_t *v = nf->s->vfs;
    elo_err_t rc;

    while (nf->size - nf->started >= BEHIND_BYTES) {
        rc = v->write_behind(v, nf->fd, nf->started, BEHIND_BYTES, false);
        if (rc == ELO_OK && nf->started >= BEHIND_BYTES) {
            rc = v->write_behind(v, nf->fd, nf->started - BEHIND_BYTES,
                                 BEHIND_BYTES, true);
        }
        if (rc != ELO_OK) {
            return elo_store_fail_sync(nf->s, rc, "write-back");
        }
        nf->started += BEHIND_BYTES;
    }
    return ELO_OK;
}


elo_err_t
elo_newfile_write(elo_newfile_t *nf, elo_slice_t bytes)
{
    const elo_vfs_t *v = nf->s->vfs;
    elo_err_t rc;
    size_t n;

    if (nf->size - nf->checked >= SPACE_EVERY) {
        if ((rc = elo_space_check(nf->s, 0)) != ELO_OK) {
            return rc;
        }
        nf->checked = nf->size;
    }
    while (bytes.len > 0) {
        rc = v->pwrite(v, nf->fd, bytes.p, bytes.len, nf->size, &n);
        if (rc != ELO_OK) {
            return elo_store_fail(nf->s, rc, "write");
        }
        if (n == 0) {
            return ELO_ENOSPC; /* a regular file takes nothing only then */
        }
        bytes = elo_slice(bytes.p + n, bytes.len - n);
        nf->size += n;
    }
    return write_behind(nf);
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


elo_err_t
elo_newfile_publish(elo_newfile_t *nf)
{
    elo_store_t *s = nf->s;
    const elo_vfs_t *v = s->vfs;
    char name[ELO_STORE_NAME_MAX + 1], dir[ELO_STORE_NAME_MAX + 1];
    elo_err_t rc;

    if (elo_store_is_readonly(s)) {
        return ELO_EREADONLY;
    }
    rc = elo_store_fail_sync(s, v->fdatasync(v, nf->fd), "sync of a file");
    if (rc != ELO_OK || (rc = elo_seq_take(s, nf)) != ELO_OK) {
        return rc;
    }
    elo_file_name(nf->kind, nf->seq, name);
    elo_file_dir(nf->kind, nf->seq, dir);
    rc = nf->tmp[0] == '\0' ? v->link_fd(v, nf->fd, s->root_fd, name)
                            : v->link(v, s->root_fd, nf->tmp, name);
    if (rc == EEXIST) {
        return ELO_ECORRUPT; /* against (I3): never written over */
    }
    if (rc != ELO_OK) {
        return elo_store_fail(s, rc, "link");
    }
    memcpy(nf->name, name, sizeof(name));
    if (nf->tmp[0] != '\0') {
        /* A second name that stays is removed by the next open. */
        elo_ignore(v->unlink(v, s->root_fd, nf->tmp));
        nf->tmp[0] = '\0';
    }
    return elo_dir_sync(s, dir);
}


void
elo_newfile_end(elo_newfile_t *nf, bool is_unknown)
{
    elo_store_t *s = nf->s;
    char dir[ELO_STORE_NAME_MAX + 1];
    bool is_stuck = is_unknown;
    elo_err_t rc;

    if (nf->fd != -1) {
        s->vfs->close(s->vfs, nf->fd);
        nf->fd = -1;
    }
    if (nf->tmp[0] != '\0') {
        /* What stays is removed by the next open. */
        elo_ignore(s->vfs->unlink(s->vfs, s->root_fd, nf->tmp));
        nf->tmp[0] = '\0';
    }
    if (nf->seq == 0) {
        return;
    }
    if (nf->name[0] != '\0' && !is_unknown) {
        elo_file_dir(nf->kind, nf->seq, dir);
        rc = s->vfs->unlink(s->vfs, s->root_fd, nf->name);
        is_stuck = rc != ELO_OK || elo_dir_sync(s, dir) != ELO_OK;
    }
    elo_seq_drop(s, nf, is_stuck);
}
