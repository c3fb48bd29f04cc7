/* SPDX-License-Identifier: BSD-2-Clause */
/* commit: a batch goes to disk as a whole or is taken back as a whole. All of it
   is written before anything is synced, so that a full disk is met before
   anything is durable. */
#include "backend/kv/segment_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "backend/os/clock.h"
#include "backend/os/log.h"
#include "common/base/num.h"


/* Want of something that may be there again later, before anything is written:
   the batch is refused, and the log goes on. */
static elo_err_t
make_file(elo_seglog_t *l, elo_seg_t *seg)
{
    elo_err_t rc;

    seg->fd = elo_seg_prepared_take(l, seg->number);
    if (seg->fd != -1) {
        return ELO_OK;
    }
    rc = elo_seg_make(l, seg->number, &seg->fd);
    if (rc == EMFILE || rc == ENFILE || rc == ENOMEM) {
        elo_log(ELO_LOG_ERROR, "segment %016llx can't be made: %s",
                (unsigned long long) seg->number, elo_strerror(rc));
        return ENOSPC;
    }
    return rc;
}


/* Fills vec from *part on; returns how many, and their bytes. */
static unsigned
gather(elo_seglog_t *l, unsigned n, size_t *part, size_t end, size_t *bytes)
{
    while (n < ELO_VFS_PARTS_MAX && *part < end) {
        const elo_part_t *p = &l->parts[(*part)++];

        l->vec[n++] = elo_slice(p->p != NULL ? p->p : l->mem + p->off, p->len);
        *bytes += p->len;
    }
    return n;
}


static elo_err_t
write_piece(elo_seglog_t *l, elo_piece_t *piece, size_t end_part)
{
    const elo_vfs_t *v = l->vfs;
    int fd = piece->seg == NULL ? l->head->fd : piece->seg->fd;
    uint64_t off = piece->seg == NULL ? piece->from : 0, first = off;
    uint8_t head[ELO_SEG_HEADER_LEN];
    size_t part = piece->first_part, bytes = 0, done;
    unsigned n = 0;
    elo_err_t rc;

    if (piece->seg != NULL) {
        elo_seg_head_encode(&piece->seg->head, head);
        l->vec[n++] = elo_slice(head, sizeof(head));
        bytes = sizeof(head);
    }
    for (;;) {
        n = gather(l, n, &part, end_part, &bytes);
        if (n == 0) {
            return ELO_OK;
        }
        rc = v->pwritev(v, fd, l->vec, n, off, &done);
        if (rc != ELO_OK) {
            return rc;
        }
        off += done;
        piece->written = off - first;
        if (done != bytes) {
            return ENOSPC; /* a short write: nothing else takes less */
        }
        n = 0;
        bytes = 0;
    }
}


/* (L4): the name of a segment is durable before the next is made. */
static elo_err_t
sync_name_before(elo_seglog_t *l, size_t i)
{
    elo_err_t rc;

    if (i == 0 || l->pieces[i].seg == NULL || l->pieces[i - 1].seg == NULL) {
        return ELO_OK;
    }
    __atomic_fetch_add(&l->syncs, 1, __ATOMIC_RELAXED);
    rc = l->vfs->fsync_dir(l->vfs, l->dir_fd);
    return elo_seg_is_full(rc) ? EIO : rc; /* no failed sync is weather */
}


static elo_err_t
write_all(elo_seglog_t *l)
{
    elo_err_t rc;

    for (size_t i = 0; i < l->n_pieces; i++) {
        elo_piece_t *piece = &l->pieces[i];
        size_t end =
            i + 1 < l->n_pieces ? l->pieces[i + 1].first_part : l->n_parts;

        if ((rc = sync_name_before(l, i)) != ELO_OK
            || (piece->seg != NULL && (rc = make_file(l, piece->seg)) != ELO_OK)
            || (rc = write_piece(l, piece, end)) != ELO_OK)
        {
            return rc;
        }
    }
    return ELO_OK;
}


/* (L1) */
static elo_err_t
sync_all(elo_seglog_t *l)
{
    const elo_vfs_t *v = l->vfs;
    bool is_new = false;
    elo_err_t rc;

    for (size_t i = 0; i < l->n_pieces; i++) {
        elo_seg_t *seg = l->pieces[i].seg;

        if (seg == NULL && l->pieces[i].from == l->pieces[i].to) {
            continue;
        }
        is_new = is_new || seg != NULL;
        __atomic_fetch_add(&l->syncs, 1, __ATOMIC_RELAXED);
        rc = v->fdatasync(v, seg != NULL ? seg->fd : l->head->fd);
        if (rc != ELO_OK) {
            return rc;
        }
    }
    if (!is_new) {
        return ELO_OK;
    }
    __atomic_fetch_add(&l->syncs, 1, __ATOMIC_RELAXED);
    return v->fsync_dir(v, l->dir_fd);
}


/* The batch is durable: its segments stand in the list. */
static void
publish(elo_seglog_t *l)
{
    elo_mutex_lock(&l->mtx);
    for (size_t i = 0; i < l->n_pieces; i++) {
        elo_piece_t *piece = &l->pieces[i];

        if (piece->seg == NULL) {
            l->head->used = piece->to;
            continue;
        }
        piece->seg->used = piece->to;
        piece->seg->refs = 1;
        elo_seglog_insert_locked(l, piece->seg);
        if (l->head != NULL) {
            l->head->refs--; /* it can't be gone: the last stays */
        }
        l->head = piece->seg;
        l->rolled_ns = elo_clock_mono_ns();
        l->prep_refused = false;
    }
    elo_mutex_unlock(&l->mtx);
    elo_seg_evict(l);
    __atomic_fetch_add(&l->batches, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&l->records, l->next_lsn - l->batch_lsn,
                       __ATOMIC_RELAXED);
    __atomic_fetch_add(&l->log_bytes, elo_seglog_pending(l), __ATOMIC_RELAXED);
    l->n_pieces = 0; /* their segments belong to the list */
    l->done = l->pos;
    l->batch_lsn = l->next_lsn;
}


/* (L5): as if the batch had not been. */
static elo_err_t
take_back(elo_seglog_t *l)
{
    const elo_vfs_t *v = l->vfs;
    bool is_changed = false;
    elo_err_t rc;

    for (size_t i = 0; i < l->n_pieces; i++) {
        elo_piece_t *piece = &l->pieces[i];

        if (piece->seg == NULL && piece->written > 0) {
            rc = elo_seg_erase(l, l->head->fd, piece->from,
                               piece->from + piece->written);
            if (rc != ELO_OK) {
                return rc;
            }
        }
        if (piece->seg != NULL && piece->seg->fd != -1) {
            is_changed = true;
            rc = elo_seg_destroy(l, piece->segment, piece->seg->fd);
            v->close(v, piece->seg->fd);
            piece->seg->fd = -1;
            if (rc != ELO_OK) {
                return rc;
            }
        }
    }
    return is_changed ? v->fsync_dir(v, l->dir_fd) : ELO_OK;
}


static void
close_pieces(elo_seglog_t *l)
{
    for (size_t i = 0; i < l->n_pieces; i++) {
        elo_seg_t *seg = l->pieces[i].seg;

        if (seg != NULL && seg->fd != -1) {
            l->vfs->close(l->vfs, seg->fd);
            seg->fd = -1;
        }
    }
}


/* (L10): what is on disk isn't known; nothing is written any more. */
static elo_err_t
give_up(elo_seglog_t *l, elo_err_t rc)
{
    l->is_broken = true;
    close_pieces(l);
    elo_seglog_batch_reset(l);
    return elo_seg_is_full(rc) ? EIO : rc;
}


static elo_err_t
write_batch(elo_seglog_t *l)
{
    elo_err_t rc = elo_seglog_reserve(l, l->n_pieces);

    if (rc == ELO_OK) {
        rc = write_all(l);
    }
    if (rc == ELO_OK) {
        if ((rc = sync_all(l)) != ELO_OK) {
            return give_up(l, rc);
        }
        publish(l);
        elo_seglog_batch_reset(l);
        return ELO_OK;
    }
    if ((rc != ELO_ENOMEM && !elo_seg_is_full(rc))
        || (rc = take_back(l)) != ELO_OK) {
        return give_up(l, rc);
    }
    elo_seglog_batch_reset(l);
    l->space_since = UINT64_MAX; /* look again */
    return ELO_ENOSPC;
}


elo_err_t
elo_seglog_commit(elo_seglog_t *l)
{
    if (l->next_lsn == l->batch_lsn) {
        elo_seglog_batch_reset(l);
        return ELO_OK;
    }
    if (l->is_broken) {
        return ELO_EREADONLY;
    }
    elo_seglog_end_op(l);
    return write_batch(l);
}


elo_err_t
elo_seglog_seal(elo_seglog_t *l)
{
    elo_err_t rc;

    assert(l->next_lsn == l->batch_lsn);
    if (l->is_broken) {
        return ELO_EREADONLY;
    }
    if (l->head == NULL || l->pos.off == ELO_SEG_HEADER_LEN) {
        return ELO_OK;
    }
    elo_seglog_batch_reset(l);
    rc = elo_seglog_roll(l);
    return rc == ELO_OK ? write_batch(l) : rc;
}
