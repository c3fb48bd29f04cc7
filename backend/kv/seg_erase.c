/* SPDX-License-Identifier: BSD-2-Clause */
/* seg_erase: writing in full, and taking back what was written: (L5) behind the
   end of the log stands nothing but zeros whenever a batch begins. */
#include "backend/kv/segment_internal.h"

#include <errno.h>

#include "common/base/num.h"

#define PIECE 8192u


bool
elo_seg_is_full(elo_err_t rc)
{
    return rc == ENOSPC || rc == EDQUOT;
}


elo_err_t
elo_seg_pwrite(const elo_vfs_t *vfs, int fd, const void *p, size_t len,
               uint64_t off, uint64_t *n)
{
    size_t done = 0;
    elo_err_t rc = vfs->pwrite(vfs, fd, p, len, off, &done);

    if (n != NULL) {
        *n = rc == ELO_OK ? done : 0;
    }
    if (rc == ELO_OK && done != len) {
        return ENOSPC;
    }
    return rc;
}


static bool
is_zero(const uint8_t *p, size_t len)
{
    return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}


elo_err_t
elo_seg_erase(elo_seglog_t *l, int fd, uint64_t from, uint64_t to)
{
    static const uint8_t zeros[PIECE];
    const elo_vfs_t *v = l->vfs;
    uint8_t buf[PIECE];
    uint64_t size;
    elo_err_t rc;

    if ((rc = v->size(v, fd, &size)) != ELO_OK) {
        return rc;
    }
    to = ELO_MIN(to, size);
    while (from < to) {
        size_t n = (size_t) ELO_MIN(PIECE - from % PIECE, to - from);

        rc = elo_seg_pread(v, fd, buf, n, from);
        if (rc == ELO_OK && !is_zero(buf, n)) {
            rc = elo_seg_pwrite(v, fd, zeros, n, from, NULL);
        }
        if (rc != ELO_OK) {
            break;
        }
        from += n;
    }
    if (rc == ELO_OK) {
        rc = v->fdatasync(v, fd);
        __atomic_fetch_add(&l->syncs, 1, __ATOMIC_RELAXED);
    }
    return rc;
}


elo_err_t
elo_seg_destroy(elo_seglog_t *l, uint64_t number, int fd)
{
    char name[ELO_STORE_NAME_MAX + 1];
    bool is_mine = fd == -1;
    elo_err_t rc;

    if (is_mine) {
        rc = elo_seg_open(l, number, ELO_VFS_WRITE, &fd);
        if (rc != ELO_OK) {
            return rc;
        }
    }
    /* (L5): freed blocks may come to light again after a crash, in a file of the
       same number. */
    rc = elo_seg_erase(l, fd, 0, ELO_SEG_BYTES_MAX);
    if (is_mine) {
        l->vfs->close(l->vfs, fd);
    }
    if (rc != ELO_OK) {
        return rc;
    }
    elo_seg_name(number, name);
    return l->vfs->unlink(l->vfs, l->root_fd, name);
}
