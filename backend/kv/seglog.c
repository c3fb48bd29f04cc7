/* SPDX-License-Identifier: BSD-2-Clause */
/* seglog: the list of segments: opening, names, heads, statistics. */
#include "backend/kv/segment_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "backend/os/log.h"
#include "common/base/enc.h"
#include "common/base/num.h"

#define NUMBER_LEN 16u /* hex digits of a name */

typedef struct {
    uint64_t *numbers;
    size_t n, cap;
    elo_err_t err;
    bool has_strangers;
} listing_t;


void
elo_seg_name(uint64_t number, char *out)
{
    memcpy(out, ELO_SEG_DIR "/", sizeof(ELO_SEG_DIR));
    elo_hex_u64(number, out + sizeof(ELO_SEG_DIR));
}


elo_err_t
elo_seg_open(elo_seglog_t *l, uint64_t number, elo_vfs_open_t how, int *fd)
{
    char name[ELO_STORE_NAME_MAX + 1];

    elo_seg_name(number, name);
    return l->vfs->open(l->vfs, l->root_fd, name, how, ELO_SEG_FILE_MODE, fd);
}


/* The number that a name stands for; 0: it is no segment's. */
static uint64_t
number_of(const char *name)
{
    uint64_t n = 0;

    if (strlen(name) != NUMBER_LEN) {
        return 0;
    }
    for (const char *p = name; *p != '\0'; p++) {
        if (*p >= '0' && *p <= '9') {
            n = n << 4 | (uint64_t) (*p - '0');
        } else if (*p >= 'a' && *p <= 'f') {
            n = n << 4 | (uint64_t) (*p - 'a' + 10);
        } else {
            return 0;
        }
    }
    return n > ELO_SEG_NUMBER_MAX ? 0 : n;
}


static bool
list_name(void *ctx, const char *name)
{
    listing_t *ls = ctx;
    uint64_t n = number_of(name), *p;

    if (n == 0) {
        if (!ls->has_strangers) {
            elo_log(ELO_LOG_WARN, ELO_SEG_DIR "/%s is no segment, left alone",
                    name);
        }
        ls->has_strangers = true;
        return true;
    }
    if (ls->n == ls->cap) {
        ls->cap = ELO_MAX(ls->cap * 2, (size_t) 64);
        p = reallocarray(ls->numbers, ls->cap, sizeof(*p));
        if (p == NULL) {
            ls->err = ELO_ENOMEM;
            return false;
        }
        ls->numbers = p;
    }
    ls->numbers[ls->n++] = n;
    return true;
}


static int
by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

    return x < y ? -1 : x > y;
}


/* Length and header of the file. */
static elo_err_t
look_at(elo_seglog_t *l, elo_seg_t *seg)
{
    uint8_t head[ELO_SEG_HEADER_LEN] = { 0 };
    const elo_vfs_t *v = l->vfs;
    elo_err_t rc;
    int fd;

    if ((rc = elo_seg_open(l, seg->number, ELO_VFS_READ, &fd)) != ELO_OK) {
        return rc;
    }
    rc = v->size(v, fd, &seg->size);
    if (rc == ELO_OK) {
        rc = elo_seg_pread(v, fd, head,
                           (size_t) ELO_MIN(seg->size, (uint64_t) sizeof(head)),
                           0);
    }
    v->close(v, fd);
    if (rc != ELO_OK) {
        return rc;
    }
    seg->head_rc = elo_seg_head_parse(head, &seg->head);
    if (seg->head_rc == ELO_OK
        && (seg->head.store_id != l->store_id
            || seg->head.segment != seg->number
            || seg->head.file_len < ELO_SEG_HEADER_LEN
            || seg->head.file_len > ELO_SEG_BYTES_MAX))
    {
        elo_log(ELO_LOG_CRIT,
                "segment %016llx belongs to another store, or was renamed: "
                "move it out of " ELO_SEG_DIR "/",
                (unsigned long long) seg->number);
        return ELO_ECORRUPT;
    }
    seg->size = ELO_MIN(seg->size, seg->head_rc == ELO_OK ? seg->head.file_len
                                                          : ELO_SEG_BYTES_MAX);
    return ELO_OK;
}


elo_err_t
elo_seglog_reserve(elo_seglog_t *l, size_t n)
{
    elo_seg_t **p, **old;
    size_t need, cap;

    elo_mutex_lock(&l->mtx);
    need = l->n_segs + n;
    cap = l->cap_segs;
    elo_mutex_unlock(&l->mtx);
    if (need <= cap) {
        return ELO_OK; /* other threads only take out */
    }
    cap = ELO_MAX(cap * 2, need);
    if ((p = calloc(cap, sizeof(elo_seg_t *))) == NULL) {
        return ELO_ENOMEM;
    }
    elo_mutex_lock(&l->mtx);
    old = l->segs;
    if (l->n_segs > 0) {
        memcpy(p, old, l->n_segs * sizeof(elo_seg_t *));
    }
    l->segs = p;
    l->cap_segs = cap;
    elo_mutex_unlock(&l->mtx);
    free(old);
    return ELO_OK;
}


size_t
elo_seglog_find_locked(elo_seglog_t *l, uint64_t number)
{
    size_t lo = 0, hi = l->n_segs, guess;

    elo_mutex_assert_held(&l->mtx);
    if (hi > 0) { /* where it is as long as none before it was removed */
        guess = (size_t) (number - l->segs[0]->number);
        if (guess < hi && l->segs[guess]->number == number) {
            return guess;
        }
    }
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (l->segs[mid]->number < number) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}


void
elo_seglog_insert_locked(elo_seglog_t *l, elo_seg_t *seg)
{
    elo_mutex_assert_held(&l->mtx);
    assert(l->n_segs < l->cap_segs);
    assert(l->n_segs == 0 || l->segs[l->n_segs - 1]->number < seg->number);
    l->segs[l->n_segs++] = seg;
    if (seg->fd != -1) {
        l->n_open++;
    }
}


static elo_err_t
add_listed(elo_seglog_t *l, uint64_t number)
{
    elo_seg_t *seg, *prev;
    elo_err_t rc;

    if ((rc = elo_seglog_reserve(l, 1)) != ELO_OK) {
        return rc;
    }
    if ((seg = calloc(1, sizeof(*seg))) == NULL) {
        return ELO_ENOMEM;
    }
    seg->number = number;
    seg->fd = -1;
    if ((rc = look_at(l, seg)) != ELO_OK) {
        free(seg);
        return rc;
    }
    prev = l->n_segs > 0 ? l->segs[l->n_segs - 1] : NULL;
    if (prev != NULL && seg->head_rc == ELO_OK
        && seg->head.prev_segment == prev->number
        && seg->head.prev_end <= prev->size)
    {
        prev->used = seg->head.prev_end;
    }
    elo_mutex_lock(&l->mtx);
    elo_seglog_insert_locked(l, seg);
    l->next_number = number + 1;
    elo_mutex_unlock(&l->mtx);
    return ELO_OK;
}


static elo_err_t
list(elo_seglog_t *l)
{
    listing_t ls = { 0 };
    elo_err_t rc =
        l->vfs->list(l->vfs, l->root_fd, ELO_SEG_DIR, list_name, &ls);

    rc = rc == ELO_OK ? ls.err : rc;
    if (rc == ELO_OK && ls.n > 0) {
        qsort(ls.numbers, ls.n, sizeof(*ls.numbers), by_number);
    }
    for (size_t i = 0; rc == ELO_OK && i < ls.n; i++) {
        rc = add_listed(l, ls.numbers[i]);
    }
    free(ls.numbers);
    return rc;
}


/* log/ with its mode and group; its name is made durable by resuming. */
static elo_err_t
make_dir(elo_seglog_t *l)
{
    const elo_vfs_t *v = l->vfs;
    elo_err_t made = v->mkdir(v, l->root_fd, ELO_SEG_DIR, ELO_SEG_DIR_MODE);
    elo_err_t rc;

    if (made != ELO_OK && made != EEXIST) {
        return made;
    }
    rc = v->open(v, l->root_fd, ELO_SEG_DIR, ELO_VFS_DIR, 0, &l->dir_fd);
    if (rc != ELO_OK) {
        l->dir_fd = -1;
        return rc;
    }
    if (l->group >= 0) {
        rc = v->chgrp(v, l->dir_fd, l->group);
    }
    if (rc == ELO_OK) {
        rc = v->chmod(v, l->dir_fd, ELO_SEG_DIR_MODE);
    }
    /* An old one may belong to another than the reader of a log. */
    return made == EEXIST ? ELO_OK : rc;
}


elo_err_t
elo_seglog_open(const elo_kv_cfg_t *cfg, elo_seglog_t **out)
{
    uint64_t bytes =
        cfg->segment_bytes == 0 ? ELO_KV_SEGMENT_BYTES : cfg->segment_bytes;
    elo_seglog_t *l;
    elo_err_t rc;

    if (bytes < ELO_SEG_BYTES_MIN || bytes > ELO_SEG_BYTES_MAX) {
        return ELO_EINVAL;
    }
    if ((l = calloc(1, sizeof(*l))) == NULL) {
        return ELO_ENOMEM;
    }
    l->magic = ELO_SEGLOG_MAGIC;
    l->vfs = cfg->vfs;
    l->root_fd = cfg->root_fd;
    l->dir_fd = -1;
    l->group = cfg->group;
    l->store_id = cfg->store_id;
    l->segment_bytes = bytes & ~(uint64_t) (ELO_REC_ALIGN - 1);
    l->min_free = cfg->min_free_bytes;
    l->next_number = 1;
    l->prep_fd = -1;
    l->next_lsn = 1;
    l->batch_lsn = 1;
    l->space_since = UINT64_MAX;
    if ((rc = elo_mutex_init(&l->mtx)) != ELO_OK) {
        free(l);
        return rc;
    }
    if ((rc = make_dir(l)) != ELO_OK || (rc = list(l)) != ELO_OK) {
        elo_seglog_close(&l);
        return rc;
    }
    *out = l;
    return ELO_OK;
}


void
elo_seglog_close(elo_seglog_t **lp)
{
    elo_seglog_t *l = *lp;

    if (l == NULL) {
        return;
    }
    assert(l->magic == ELO_SEGLOG_MAGIC);
    elo_seglog_batch_reset(l);
    elo_seg_prepared_drop(l);
    for (size_t i = 0; i < l->n_segs; i++) {
        if (l->segs[i]->fd != -1) {
            l->vfs->close(l->vfs, l->segs[i]->fd);
        }
        free(l->segs[i]);
    }
    if (l->dir_fd != -1) {
        l->vfs->close(l->vfs, l->dir_fd);
    }
    elo_mutex_dispose(&l->mtx);
    free(l->segs);
    free(l->pieces);
    free(l->parts);
    free(l->mem);
    free(l);
    *lp = NULL;
}


uint64_t
elo_seglog_next(elo_seglog_t *l, uint64_t from)
{
    uint64_t number = 0;
    size_t i;

    elo_mutex_lock(&l->mtx);
    i = elo_seglog_find_locked(l, from);
    if (i < l->n_segs) {
        number = l->segs[i]->number;
    }
    elo_mutex_unlock(&l->mtx);
    return number;
}


uint64_t
elo_seglog_used(elo_seglog_t *l, uint64_t segment)
{
    uint64_t used = 0;
    size_t i;

    elo_mutex_lock(&l->mtx);
    i = elo_seglog_find_locked(l, segment);
    if (i < l->n_segs && l->segs[i]->number == segment) {
        used = l->segs[i]->used != 0 ? l->segs[i]->used : l->segs[i]->size;
    }
    elo_mutex_unlock(&l->mtx);
    return used;
}


void
elo_seglog_stats(elo_seglog_t *l, elo_kv_stats_t *out)
{
    out->batches = __atomic_load_n(&l->batches, __ATOMIC_RELAXED);
    out->records = __atomic_load_n(&l->records, __ATOMIC_RELAXED);
    out->log_bytes = __atomic_load_n(&l->log_bytes, __ATOMIC_RELAXED);
    out->syncs = __atomic_load_n(&l->syncs, __ATOMIC_RELAXED);
    out->log_size = 0;
    elo_mutex_lock(&l->mtx);
    out->segments = l->n_segs;
    for (size_t i = 0; i < l->n_segs; i++) {
        out->log_size += l->segs[i]->size;
    }
    elo_mutex_unlock(&l->mtx);
}
