/* SPDX-License-Identifier: BSD-2-Clause */
/* resume: reading the log's files in order, and making the log fit to go on after
   a crash. */
#include "backend/kv/segment_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "backend/os/log.h"
#include "common/base/num.h"

#define COPY_PIECE (256u << 10)
#define SECTOR     4096u /* what is given up when it can't be read */


/* What a scan reads through. */
typedef struct {
    elo_seglog_t *l;
    elo_seg_t *seg;       /* of a scan of one: it may be removed meanwhile */
    elo_log_pos_t unread; /* the last place that couldn't be read */
    elo_err_t err;        /* why */
} source_t;


/* What the disk can't read is damage of the records there, and gets bytes that no
   record has. */
static elo_err_t
read_around(source_t *src, const elo_seg_t *seg, uint64_t off, uint8_t *p,
            size_t len)
{
    const elo_vfs_t *v = src->l->vfs;
    elo_err_t rc = elo_seg_pread(v, seg->fd, p, len, off);

    if (rc != EIO && rc != ELO_ECORRUPT) {
        return rc;
    }
    while (len > 0) {
        size_t n = ELO_MIN(len, (size_t) (SECTOR - off % SECTOR));

        rc = elo_seg_pread(v, seg->fd, p, n, off);
        if (rc == EIO || rc == ELO_ECORRUPT) {
            memset(p, 0xff, n);
            src->unread = (elo_log_pos_t){ seg->number, off };
            src->err = rc;
        } else if (rc != ELO_OK) {
            return rc;
        }
        p += n;
        off += n;
        len -= n;
    }
    return ELO_OK;
}


static elo_err_t
read_any(void *ctx, uint64_t segment, uint64_t off, void *p, size_t len)
{
    source_t *src = ctx;
    elo_seg_t *seg;
    elo_err_t rc = elo_seg_acquire(src->l, segment, true, &seg);

    if (rc == ELO_OK) {
        rc = read_around(src, seg, off, p, len);
        elo_seg_release(src->l, &seg);
    }
    return rc;
}


static elo_err_t
read_one(void *ctx, uint64_t segment, uint64_t off, void *p, size_t len)
{
    source_t *src = ctx;

    (void) segment;
    return read_around(src, src->seg, off, p, len);
}


static void
describe(const elo_seg_t *seg, elo_scan_seg_t *out)
{
    *out = (elo_scan_seg_t){ seg->number, seg->size, seg->head_rc, seg->head };
}


/* Is the log's end at or before a place that couldn't be read? Then nobody knows
   whether it is. */
static bool
is_end_unsure(const source_t *src, elo_log_pos_t end)
{
    return src->err != ELO_OK
           && (end.segment < src->unread.segment
               || (end.segment == src->unread.segment
                   && end.off < src->unread.off + SECTOR));
}


elo_err_t
elo_seglog_recover(elo_seglog_t *l, elo_log_pos_t from, uint64_t min_lsn,
                   elo_log_rec_fn fn, void *ctx, elo_log_scan_t *out)
{
    elo_scan_seg_t *segs = calloc(l->n_segs + 1, sizeof(*segs));
    source_t by = { .l = l };
    elo_scan_src_t src = { .read = read_any,
                           .ctx = &by,
                           .store_id = l->store_id,
                           .segs = segs,
                           .n_segs = l->n_segs };
    elo_err_t rc;

    if (segs == NULL) {
        return ELO_ENOMEM;
    }
    for (size_t i = 0; i < l->n_segs; i++) {
        describe(l->segs[i], &segs[i]);
    }
    rc = elo_scan_log(&src, from, min_lsn, fn, ctx, out);
    free(segs);
    if (rc == ELO_OK && is_end_unsure(&by, out->end)) {
        elo_log(ELO_LOG_CRIT, "segment %016llx can't be read at %llu: %s",
                (unsigned long long) by.unread.segment,
                (unsigned long long) by.unread.off, elo_strerror(by.err));
        return by.err;
    }
    if (rc == ELO_OK && out->rotten > 0) {
        elo_log(ELO_LOG_CRIT,
                "log has %llu damaged records among acknowledged ones",
                (unsigned long long) out->rotten);
    }
    return rc;
}


/* ---- one segment ---- */

elo_err_t
elo_seglog_scan(elo_seglog_t *l, uint64_t segment, uint64_t from,
                uint64_t budget, bool need_data, elo_log_rec_fn fn, void *ctx,
                uint64_t *next, uint64_t *bad)
{
    elo_scan_src_t src = { .read = read_one, .store_id = l->store_id };
    source_t one = { .l = l };
    elo_scan_seg_t desc;
    uint64_t limit, end;
    elo_err_t rc;

    if (from % ELO_REC_ALIGN != 0) {
        return ELO_EINVAL;
    }
    if ((rc = elo_seg_acquire(l, segment, true, &one.seg)) != ELO_OK) {
        return rc;
    }
    elo_mutex_lock(&l->mtx);
    limit = one.seg->used;
    elo_mutex_unlock(&l->mtx);
    describe(one.seg, &desc);
    src.ctx = &one;
    src.segs = &desc;
    src.n_segs = 1;
    rc = elo_scan_segment(&src, &desc, limit, from, budget, need_data, fn, ctx,
                          next, bad, &end);
    if (rc == ELO_OK && *next == 0 && limit == 0) {
        elo_mutex_lock(&l->mtx);
        one.seg->used = end;
        elo_mutex_unlock(&l->mtx);
    }
    elo_seg_release(l, &one.seg);
    return rc;
}


/* ---- going on ---- */

/* Segments behind the end hold nothing that was acknowledged. */
static elo_err_t
drop_later(elo_seglog_t *l, uint64_t last)
{
    elo_err_t rc;

    while (l->n_segs > 0 && l->segs[l->n_segs - 1]->number > last) {
        uint64_t number = l->segs[l->n_segs - 1]->number;

        if (l->segs[l->n_segs - 1]->head_rc != ELO_ENOTFOUND) {
            elo_log(ELO_LOG_NOTICE,
                    "segment %016llx was never acknowledged, removed",
                    (unsigned long long) number);
        }
        if ((rc = elo_seg_destroy(l, number, -1)) != ELO_OK) {
            return rc;
        }
        elo_seg_forget(l, number);
    }
    return ELO_OK;
}


/* Writes [from, to) again as it is: (L9) a sync that failed may have left it in
   memory only, and then passes for clean. */
static elo_err_t
rewrite(elo_seglog_t *l, int fd, uint64_t from, uint64_t to)
{
    uint8_t *buf = malloc(COPY_PIECE);
    elo_err_t rc = buf == NULL ? ELO_ENOMEM : ELO_OK;
    size_t n;

    for (; rc == ELO_OK && from < to; from += n) {
        n = (size_t) ELO_MIN((uint64_t) COPY_PIECE, to - from);
        rc = elo_seg_pread(l->vfs, fd, buf, n, from);
        if (rc == ELO_OK) {
            rc = elo_seg_pwrite(l->vfs, fd, buf, n, from, NULL);
        }
    }
    free(buf);
    return rc;
}


/* Makes what the last batch left in one segment durable. */
static elo_err_t
settle(elo_seglog_t *l, elo_seg_t *seg, const elo_log_scan_t *at)
{
    bool is_last = seg->number == at->end.segment;
    uint64_t from = seg->number == at->batch.segment ? at->batch.off : 0;
    uint64_t to = is_last ? at->end.off : seg->used;
    const elo_vfs_t *v = l->vfs;
    elo_err_t rc;
    int fd;

    to = to == 0 ? seg->size : to;
    rc = elo_seg_open(l, seg->number, ELO_VFS_WRITE, &fd);
    if (rc != ELO_OK) {
        return rc;
    }
    if ((rc = rewrite(l, fd, 0, ELO_SEG_HEADER_LEN)) == ELO_OK) {
        rc = rewrite(l, fd, from, to);
    }
    if (rc == ELO_OK && is_last && seg->size != to) {
        rc = v->truncate(v, fd, to); /* (L11) */
    }
    if (rc == ELO_OK) {
        rc = v->fdatasync(v, fd);
    }
    v->close(v, fd);
    if (rc == ELO_OK && is_last) {
        seg->size = to;
        seg->used = to;
    }
    return rc;
}


elo_err_t
elo_seglog_resume(elo_seglog_t *l, const elo_log_scan_t *at)
{
    const elo_vfs_t *v = l->vfs;
    elo_err_t rc;

    assert(l->head == NULL && l->n_pieces == 0);
    l->next_lsn = at->next_lsn;
    l->batch_lsn = at->next_lsn;
    l->pos = at->end;
    l->done = at->end;
    l->next_number = ELO_MAX(l->next_number, at->end.segment + 1); /* (L2) */
    if ((rc = drop_later(l, at->end.segment)) != ELO_OK) {
        return rc;
    }
    for (size_t i = 0; i < l->n_segs; i++) {
        if (l->segs[i]->number >= at->batch.segment
            && (rc = settle(l, l->segs[i], at)) != ELO_OK)
        {
            return rc;
        }
    }
    if ((rc = v->fsync_dir(v, l->dir_fd)) != ELO_OK) {
        return rc;
    }
    return v->fsync_dir(v, l->root_fd);
}
