/* SPDX-License-Identifier: BSD-2-Clause */
/* seg_make: files for segments, made when needed or ahead of need. Writing to a
   file whose blocks are written already needs no change of the file system's own
   data at each sync; zeroing them costs as much as writing a segment. So that is
   done where writes are few, by the time that the next segment is needed. */
#include "backend/kv/segment_internal.h"

#include <errno.h>

#include "backend/os/clock.h"
#include "backend/os/log.h"
#include "common/base/num.h"

/* The head must have been written to for as long, and be as full (a share of its
   length), before the next one is zeroed: at most SEGMENT / 2 / 5 s, 6 MiB a
   second for the usual length. */
#define WORTH_NS    (UINT64_C(5) * 1000000000)
#define WORTH_SHARE 2u

#define ZERO_PIECE (256u << 10) /* written between two looks at a stop */


elo_err_t
elo_seg_make(elo_seglog_t *l, uint64_t number, int *out)
{
    char name[ELO_STORE_NAME_MAX + 1];
    const elo_vfs_t *v = l->vfs;
    elo_err_t rc, again;
    int fd;

    if ((rc = elo_seg_open(l, number, ELO_VFS_CREATE, &fd)) != ELO_OK) {
        return rc;
    }
    if (l->group >= 0) {
        rc = v->chgrp(v, fd, l->group);
    }
    if (rc == ELO_OK) {
        rc = v->truncate(v, fd, l->segment_bytes);
    }
    if (rc == ELO_OK) {
        *out = fd;
        return ELO_OK;
    }
    v->close(v, fd);
    elo_seg_name(number, name);
    again = v->unlink(v, l->root_fd, name);
    return again == ELO_OK ? rc : again;
}


uint64_t
elo_seg_number_take(elo_seglog_t *l)
{
    uint64_t number;

    elo_mutex_lock(&l->mtx);
    if (l->prep == ELO_PREP_RUNNING && l->prep_number == l->next_number) {
        l->prep_cancelled = true;
        l->next_number++;
    }
    number = l->next_number++;
    elo_mutex_unlock(&l->mtx);
    return number;
}


void
elo_seg_number_give(elo_seglog_t *l, uint64_t number)
{
    elo_mutex_lock(&l->mtx);
    if (l->next_number == number + 1) {
        l->next_number = number;
    }
    elo_mutex_unlock(&l->mtx);
}


int
elo_seg_prepared_take(elo_seglog_t *l, uint64_t number)
{
    int fd = -1;

    elo_mutex_lock(&l->mtx);
    if (l->prep == ELO_PREP_READY && l->prep_number == number) {
        fd = l->prep_fd;
        l->prep = ELO_PREP_NONE;
        l->prep_fd = -1;
    }
    elo_mutex_unlock(&l->mtx);
    return fd;
}


void
elo_seg_prepared_drop(elo_seglog_t *l)
{
    char name[ELO_STORE_NAME_MAX + 1];

    if (l->prep != ELO_PREP_READY) {
        return;
    }
    l->vfs->close(l->vfs, l->prep_fd);
    elo_seg_name(l->prep_number, name);
    /* What stays is zeros, and is removed by the next resume. */
    elo_ignore(l->vfs->unlink(l->vfs, l->root_fd, name));
    l->prep = ELO_PREP_NONE;
    l->prep_fd = -1;
}


/* Takes the number of the next segment, when it is worth it. */
static bool
begin(elo_seglog_t *l, uint64_t *number)
{
    uint64_t now = elo_clock_mono_ns();
    const elo_seg_t *head;
    bool is_worth;

    elo_mutex_lock(&l->mtx);
    head = l->n_segs > 0 ? l->segs[l->n_segs - 1] : NULL;
    is_worth = l->prep == ELO_PREP_NONE && !l->prep_refused && head != NULL
               && l->rolled_ns != 0 && now - l->rolled_ns >= WORTH_NS
               && head->used >= head->size / WORTH_SHARE;
    if (is_worth) {
        l->prep = ELO_PREP_RUNNING;
        l->prep_number = l->next_number;
        l->prep_cancelled = false;
        *number = l->prep_number;
    }
    elo_mutex_unlock(&l->mtx);
    return is_worth;
}


static bool
is_wanted(elo_seglog_t *l)
{
    bool is_cancelled;

    elo_mutex_lock(&l->mtx);
    is_cancelled = l->prep_cancelled;
    elo_mutex_unlock(&l->mtx);
    return !is_cancelled && !__atomic_load_n(&l->is_stopped, __ATOMIC_RELAXED);
}


/* ELO_EAGAIN: given up, for it isn't wanted any more. */
static elo_err_t
zero(elo_seglog_t *l, int fd)
{
    static const uint8_t zeros[ZERO_PIECE];
    const elo_vfs_t *v = l->vfs;
    elo_err_t rc;
    size_t n;

    for (uint64_t off = 0; off < l->segment_bytes; off += n) {
        if (!is_wanted(l)) {
            return ELO_EAGAIN;
        }
        n = (size_t) ELO_MIN((uint64_t) ZERO_PIECE, l->segment_bytes - off);
        rc = elo_seg_pwrite(v, fd, zeros, n, off, NULL);
        if (rc == ELO_OK) {
            /* Each piece goes to disk by itself, so that a commit's sync never
               waits behind all of it. */
            rc = v->write_behind(v, fd, off, n, true);
        }
        if (rc != ELO_OK) {
            return rc;
        }
    }
    return is_wanted(l) ? v->fdatasync(v, fd) : ELO_EAGAIN;
}


/* Is there room for it, and as much again, above the floor? */
static elo_err_t
check_room(elo_seglog_t *l)
{
    uint64_t have, need;
    elo_err_t rc = l->vfs->free_space(l->vfs, l->dir_fd, &have);

    if (rc != ELO_OK) {
        return rc;
    }
    return elo_add_u64(l->min_free, 2 * l->segment_bytes, &need) && have >= need
               ? ELO_OK
               : ENOSPC;
}


/* Ready, or, with err, not. */
static elo_err_t
end(elo_seglog_t *l, uint64_t number, int fd, elo_err_t err)
{
    char name[ELO_STORE_NAME_MAX + 1];
    elo_err_t rc = ELO_OK;
    bool is_ready;

    elo_mutex_lock(&l->mtx);
    is_ready = err == ELO_OK && !l->prep_cancelled;
    l->prep_refused = !is_ready;
    if (is_ready) {
        l->prep = ELO_PREP_READY;
        l->prep_fd = fd;
    }
    elo_mutex_unlock(&l->mtx);
    if (is_ready) {
        return ELO_OK;
    }
    if (fd != -1) {
        l->vfs->close(l->vfs, fd);
        elo_seg_name(number, name);
        rc = l->vfs->unlink(l->vfs, l->root_fd, name);
    }
    elo_mutex_lock(&l->mtx);
    l->prep = ELO_PREP_NONE; /* the number may be taken: the file is gone */
    elo_mutex_unlock(&l->mtx);
    if (err == ELO_EAGAIN || err == ELO_OK || elo_seg_is_full(err)
        || err == EMFILE || err == ENFILE || err == ENOMEM)
    {
        return rc;
    }
    elo_log(ELO_LOG_ERROR, "segment %016llx can't be prepared: %s",
            (unsigned long long) number, elo_strerror(err));
    return err;
}


elo_err_t
elo_seglog_prepare(elo_seglog_t *l)
{
    uint64_t number;
    elo_err_t rc;
    int fd = -1;

    if (__atomic_load_n(&l->is_stopped, __ATOMIC_RELAXED) || !begin(l, &number))
    {
        return ELO_OK;
    }
    rc = check_room(l);
    if (rc == ELO_OK) {
        rc = elo_seg_make(l, number, &fd);
    }
    if (rc == ELO_OK && (rc = zero(l, fd)) == ELO_OK) {
        rc = l->vfs->fsync_dir(l->vfs, l->dir_fd);
    }
    return end(l, number, fd, rc);
}


void
elo_seglog_stop(elo_seglog_t *l)
{
    __atomic_store_n(&l->is_stopped, true, __ATOMIC_RELAXED);
}
