/* SPDX-License-Identifier: BSD-2-Clause */
/* seg_read: reading segments, with a bounded number of descriptors. A reader holds
   a reference, so that neither eviction nor removal closes what it reads from. */
#include "backend/kv/segment_internal.h"

#include <errno.h>
#include <stdlib.h>

#include "common/base/num.h"


/* The descriptor used longest ago, when there are too many; -1: nothing to
   close. */
static int
evict_locked(elo_seglog_t *l)
{
    elo_seg_t *oldest = NULL;
    int fd;

    if (l->n_open <= ELO_SEG_OPEN_MAX) {
        return -1;
    }
    for (size_t i = 0; i < l->n_segs; i++) {
        elo_seg_t *seg = l->segs[i];

        if (seg->fd != -1 && seg->refs == 0
            && (oldest == NULL || seg->tick < oldest->tick))
        {
            oldest = seg;
        }
    }
    if (oldest == NULL) {
        return -1;
    }
    fd = oldest->fd;
    oldest->fd = -1;
    l->n_open--;
    return fd;
}


void
elo_seg_evict(elo_seglog_t *l)
{
    int fd;

    do {
        elo_mutex_lock(&l->mtx);
        fd = evict_locked(l);
        elo_mutex_unlock(&l->mtx);
        if (fd != -1) {
            l->vfs->close(l->vfs, fd);
        }
    } while (fd != -1);
}


/* Opens the file of a segment that the caller has a reference to. */
static elo_err_t
open_file(elo_seglog_t *l, elo_seg_t *seg)
{
    int fd, spare;
    elo_err_t rc = elo_seg_open(l, seg->number, ELO_VFS_READ, &fd);

    if (rc != ELO_OK) {
        return rc == ENOENT ? ELO_ENOTFOUND : rc;
    }
    elo_mutex_lock(&l->mtx);
    if (seg->fd == -1) {
        seg->fd = fd;
        l->n_open++;
        spare = evict_locked(l);
    } else {
        spare = fd; /* another thread was faster */
    }
    elo_mutex_unlock(&l->mtx);
    if (spare != -1) {
        l->vfs->close(l->vfs, spare);
    }
    return ELO_OK;
}


elo_err_t
elo_seg_acquire(elo_seglog_t *l, uint64_t number, bool can_open,
                elo_seg_t **out)
{
    elo_seg_t *seg;
    bool is_open;
    elo_err_t rc;
    size_t i;

    elo_mutex_lock(&l->mtx);
    i = elo_seglog_find_locked(l, number);
    if (i == l->n_segs || l->segs[i]->number != number) {
        elo_mutex_unlock(&l->mtx);
        return ELO_ENOTFOUND;
    }
    seg = l->segs[i];
    seg->refs++;
    seg->tick = ++l->tick;
    is_open = seg->fd != -1;
    elo_mutex_unlock(&l->mtx);
    if (!is_open) {
        rc = can_open ? open_file(l, seg) : ELO_EAGAIN;
        if (rc != ELO_OK) {
            elo_seg_release(l, &seg);
            return rc;
        }
    }
    *out = seg;
    return ELO_OK;
}


void
elo_seg_release(elo_seglog_t *l, elo_seg_t **segp)
{
    elo_seg_t *seg = *segp;
    bool is_last;

    *segp = NULL;
    elo_mutex_lock(&l->mtx);
    is_last = --seg->refs == 0 && seg->is_gone;
    if (is_last && seg->fd != -1) {
        l->n_open--;
    }
    elo_mutex_unlock(&l->mtx);
    if (is_last) {
        if (seg->fd != -1) {
            l->vfs->close(l->vfs, seg->fd);
        }
        free(seg);
    }
}


void
elo_seg_forget(elo_seglog_t *l, uint64_t number)
{
    elo_seg_t *seg = NULL;
    size_t i;

    elo_mutex_lock(&l->mtx);
    i = elo_seglog_find_locked(l, number);
    if (i < l->n_segs && l->segs[i]->number == number) {
        seg = l->segs[i];
        for (l->n_segs--; i < l->n_segs; i++) {
            l->segs[i] = l->segs[i + 1];
        }
        seg->is_gone = true;
        seg->refs++;
    }
    elo_mutex_unlock(&l->mtx);
    if (seg != NULL) {
        elo_seg_release(l, &seg);
    }
}


elo_err_t
elo_seg_pread(const elo_vfs_t *vfs, int fd, void *buf, size_t len, uint64_t off)
{
    uint8_t *p = buf;
    elo_err_t rc;
    size_t n;

    while (len > 0) {
        if ((rc = vfs->pread(vfs, fd, p, len, off, &n)) != ELO_OK) {
            return rc;
        }
        if (n == 0) {
            return ELO_ECORRUPT;
        }
        p += n;
        off += n;
        len -= n;
    }
    return ELO_OK;
}


/* Only what is in memory. */
static elo_err_t
pread_now(const elo_vfs_t *vfs, int fd, void *p, size_t len, uint64_t off)
{
    size_t n;
    elo_err_t rc = vfs->pread_now(vfs, fd, p, len, off, &n);

    if (rc == ELO_OK && n == len) {
        return ELO_OK;
    }
    return rc == ELO_OK || rc == EAGAIN ? ELO_EAGAIN : rc;
}


elo_err_t
elo_seglog_read(elo_seglog_t *l, uint64_t segment, uint64_t off, void *p,
                size_t len, bool now)
{
    elo_seg_t *seg;
    elo_err_t rc;

    if ((rc = elo_seg_acquire(l, segment, !now, &seg)) != ELO_OK) {
        return rc;
    }
    if (off > seg->size || seg->size - off < len) {
        rc = ELO_ECORRUPT;
    } else if (len == 0) {
        rc = ELO_OK;
    } else if (now) {
        rc = pread_now(l->vfs, seg->fd, p, len, off);
    } else {
        rc = elo_seg_pread(l->vfs, seg->fd, p, len, off);
    }
    elo_seg_release(l, &seg);
    return rc;
}


elo_err_t
elo_seglog_remove(elo_seglog_t *l, uint64_t segment)
{
    char name[ELO_STORE_NAME_MAX + 1];
    bool is_head, is_there;
    elo_err_t rc;
    size_t i;

    elo_mutex_lock(&l->mtx);
    i = elo_seglog_find_locked(l, segment);
    is_there = i < l->n_segs && l->segs[i]->number == segment;
    is_head = is_there && i == l->n_segs - 1; /* (L2): keeps the number known */
    elo_mutex_unlock(&l->mtx);
    if (!is_there) {
        return ELO_ENOTFOUND;
    }
    if (is_head) {
        return ELO_EBUSY;
    }
    elo_seg_name(segment, name);
    rc = l->vfs->unlink(l->vfs, l->root_fd, name);
    if (rc != ELO_OK && rc != ENOENT) {
        return rc;
    }
    elo_seg_forget(l, segment);
    return l->vfs->fsync_dir(l->vfs, l->dir_fd);
}
