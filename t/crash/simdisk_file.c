/* SPDX-License-Identifier: BSD-2-Clause */
/* simdisk_file: the operations on the bytes of files, and syncs. */
#include "t/crash/simdisk_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>


/* ---- files ---- */

/* A file's inode, NULL for another fd or after the cut. */
static sim_inode_t *
file_of(simdisk_t *d, int fd, elo_err_t *rc)
{
    sim_inode_t *i = sim_inode_of(d, fd);

    *rc = d->is_cut ? EIO : i == NULL ? EBADF : i->is_dir ? EISDIR : ELO_OK;
    return *rc == ELO_OK ? i : NULL;
}


static elo_err_t
sim_pread(const elo_vfs_t *v, int fd, void *p, size_t len, uint64_t off,
          size_t *n)
{
    simdisk_t *d = sim_disk_of(v);
    elo_err_t rc;

    pthread_mutex_lock(&d->mtx);
    sim_inode_t *i = file_of(d, fd, &rc);

    if (i != NULL && i->real_fd > 0) {
        ssize_t got = pread(i->real_fd, p, len, (off_t) off);

        rc = got < 0 ? errno : ELO_OK;
        *n = got < 0 ? 0 : (size_t) got;
    } else if (i != NULL) {
        size_t have = off >= i->mem_size ? 0 : (size_t) (i->mem_size - off);

        *n = len < have ? len : have;
        if (*n > 0) {
            memcpy(p, i->mem + off, *n);
        }
        if (i->map != NULL && off < i->map_len) {
            have = (size_t) (i->map_len - off);
            memcpy(p, (uint8_t *) i->map + off, have < *n ? have : *n);
        }
    }
    pthread_mutex_unlock(&d->mtx);
    return rc;
}


static void
change(simdisk_t *d, sim_inode_t *i, uint64_t off, uint64_t len,
       const void *bytes)
{
    if (i->n_changes == i->cap_changes) {
        i->cap_changes = i->cap_changes == 0 ? 8 : i->cap_changes * 2;
        i->changes =
            sim_realloc(i->changes, i->cap_changes, sizeof(sim_change_t));
    }
    sim_change_t *c = &i->changes[i->n_changes++];

    *c = (sim_change_t){ ++d->seq, off, len, i->mem_size, NULL };
    if (bytes != NULL) {
        c->bytes = sim_alloc(len, 1);
        memcpy(c->bytes, bytes, len);
    }
}


/* Takes the blocks of [off, off + len); returns how many bytes there is room
   for. */
static uint64_t
take_blocks(simdisk_t *d, sim_inode_t *i, uint64_t off, uint64_t len)
{
    uint64_t last = (off + len - 1) / SIM_BLOCK;

    if (last >= i->n_blocks) {
        i->blocks = sim_realloc(i->blocks, last + 1, 1);
        memset(i->blocks + i->n_blocks, 0, last + 1 - i->n_blocks);
        i->n_blocks = last + 1;
    }
    for (uint64_t b = off / SIM_BLOCK; b <= last; b++) {
        if (i->blocks[b] == 0) {
            if (d->capacity != 0 && d->used >= d->capacity) {
                return b * SIM_BLOCK <= off ? 0 : b * SIM_BLOCK - off;
            }
            i->blocks[b] = 1;
            d->used++;
        }
    }
    return len;
}


static elo_err_t
write_locked(simdisk_t *d, int fd, const void *p, size_t len, uint64_t off,
             size_t *n)
{
    elo_err_t rc;
    sim_inode_t *i = file_of(d, fd, &rc);

    if (i == NULL) {
        return rc;
    }
    if (len == 0) {
        *n = 0;
        return ELO_OK;
    }
    sim_count(d, SIM_OP_WRITE);
    sim_note(d, SIM_OP_WRITE, "#%llu at %llu, %zu bytes",
             (unsigned long long) i->id, (unsigned long long) off, len);
    *n = (size_t) take_blocks(d, i, off, len);
    if (*n == 0) {
        return ENOSPC;
    }
    sim_grow(&i->mem, &i->mem_cap, off + *n);
    memcpy(i->mem + off, p, *n);
    if (off + *n > i->mem_size) {
        i->mem_size = off + *n;
    }
    change(d, i, off, *n, p);
    return sim_outcome(d);
}


static elo_err_t
sim_pwrite(const elo_vfs_t *v, int fd, const void *p, size_t len, uint64_t off,
           size_t *n)
{
    simdisk_t *d = sim_disk_of(v);

    pthread_mutex_lock(&d->mtx);
    elo_err_t rc = write_locked(d, fd, p, len, off, n);
    pthread_mutex_unlock(&d->mtx);
    return rc;
}


/* One operation, whatever it is made of. */
static elo_err_t
sim_pwritev(const elo_vfs_t *v, int fd, const elo_slice_t *parts,
            unsigned n_parts, uint64_t off, size_t *n)
{
    size_t len = 0, at = 0;
    uint8_t *all;
    elo_err_t rc;

    for (unsigned i = 0; i < n_parts; i++) {
        len += parts[i].len;
    }
    all = sim_alloc(len + 1, 1);
    for (unsigned i = 0; i < n_parts; i++) {
        if (parts[i].len > 0) {
            memcpy(all + at, parts[i].p, parts[i].len);
            at += parts[i].len;
        }
    }
    rc = n_parts > ELO_VFS_PARTS_MAX ? EINVAL
                                     : sim_pwrite(v, fd, all, len, off, n);
    free(all);
    return rc;
}


/* Every third call finds nothing in memory. */
static elo_err_t
sim_pread_now(const elo_vfs_t *v, int fd, void *p, size_t len, uint64_t off,
              size_t *n)
{
    simdisk_t *d = sim_disk_of(v);

    pthread_mutex_lock(&d->mtx);
    bool is_there = ++d->n_now % 3 != 0;
    pthread_mutex_unlock(&d->mtx);
    return is_there ? sim_pread(v, fd, p, len, off, n) : EAGAIN;
}


static elo_err_t
sim_size(const elo_vfs_t *v, int fd, uint64_t *size)
{
    simdisk_t *d = sim_disk_of(v);
    elo_err_t rc;

    pthread_mutex_lock(&d->mtx);
    sim_inode_t *i = file_of(d, fd, &rc);

    if (i != NULL && i->real_fd > 0) {
        *size = (uint64_t) lseek(i->real_fd, 0, SEEK_END);
    } else if (i != NULL) {
        *size = i->mem_size;
    }
    pthread_mutex_unlock(&d->mtx);
    return rc == EISDIR ? EINVAL : rc;
}


static elo_err_t
sim_truncate(const elo_vfs_t *v, int fd, uint64_t size)
{
    simdisk_t *d = sim_disk_of(v);
    elo_err_t rc;

    pthread_mutex_lock(&d->mtx);
    sim_inode_t *i = file_of(d, fd, &rc);

    if (i != NULL) {
        uint64_t was = i->mem_size;

        sim_count(d, SIM_OP_TRUNCATE);
        sim_note(d, SIM_OP_TRUNCATE, "#%llu to %llu",
                 (unsigned long long) i->id, (unsigned long long) size);
        sim_grow(&i->mem, &i->mem_cap, size);
        if (size < was) {
            memset(i->mem + size, 0, was - size);
            sim_free_blocks(d, i, size);
        }
        i->mem_size = size;
        change(d, i, size, size < was ? was - size : 0, NULL);
        rc = sim_outcome(d);
    }
    pthread_mutex_unlock(&d->mtx);
    return rc;
}


/* ---- syncs ---- */

static void
forget_changes(sim_inode_t *i)
{
    for (size_t n = 0; n < i->n_changes; n++) {
        free(i->changes[n].bytes);
    }
    i->n_changes = 0;
}


/* Brings the changes to the platter, and nothing else: what a failed sync has lost
   stays lost, however often it is synced later. */
static void
sync_file(sim_inode_t *i)
{
    for (size_t n = 0; n < i->n_changes; n++) {
        const sim_change_t *c = &i->changes[n];

        sim_grow(&i->disk, &i->disk_cap, c->off + c->len);
        if (c->bytes != NULL) {
            memcpy(i->disk + c->off, c->bytes, c->len);
        } else if (c->len > 0) {
            memset(i->disk + c->off, 0, c->len);
        }
        i->disk_size = c->size;
    }
    sim_grow(&i->disk, &i->disk_cap, i->disk_size);
    if (i->map != NULL) {
        memcpy(i->mem, i->map, i->map_len);
        memcpy(i->disk, i->map, i->map_len);
    }
    forget_changes(i);
    i->is_nameless = i->names == 0;
}


void
simdisk_lose_unsynced(simdisk_t *d, int fd)
{
    pthread_mutex_lock(&d->mtx);
    sim_inode_t *i = sim_inode_of(d, fd);

    if (i != NULL && !i->is_dir) {
        forget_changes(i);
    }
    pthread_mutex_unlock(&d->mtx);
}


static elo_err_t
sim_fdatasync(const elo_vfs_t *v, int fd)
{
    simdisk_t *d = sim_disk_of(v);
    elo_err_t rc;

    pthread_mutex_lock(&d->mtx);
    sim_inode_t *i = file_of(d, fd, &rc);

    if (i != NULL) {
        sim_count(d, SIM_OP_SYNC);
        sim_note(d, SIM_OP_SYNC, "#%llu", (unsigned long long) i->id);
        if (!d->is_cut && !d->ignore_syncs) {
            sync_file(i);
        }
        rc = sim_outcome(d);
    }
    pthread_mutex_unlock(&d->mtx);
    return rc;
}


static void
sync_dir(simdisk_t *d, sim_inode_t *i)
{
    char path[3 * SIM_PATH_MAX];

    for (size_t n = 0; n < i->n_entries; n++) {
        i->entries[n].disk = i->entries[n].mem;
        i->entries[n].n_turns = 0;
    }
    snprintf(path, sizeof(path), "%s%s/data.mdb", d->real, i->path);
    if (access(path, F_OK) == 0) {
        i->is_index_synced = true;
    }
}


static elo_err_t
sim_fsync_dir(const elo_vfs_t *v, int fd)
{
    simdisk_t *d = sim_disk_of(v);
    elo_err_t rc;

    pthread_mutex_lock(&d->mtx);
    sim_inode_t *i = sim_inode_of(d, fd);

    rc = d->is_cut ? EIO : i == NULL || !i->is_dir ? EBADF : ELO_OK;
    if (rc == ELO_OK) {
        sim_count(d, SIM_OP_SYNC_DIR);
        sim_note(d, SIM_OP_SYNC_DIR, "%s/", i->path);
        if (!d->is_cut && !d->ignore_syncs) {
            sync_dir(d, i);
        }
        rc = sim_outcome(d);
    }
    pthread_mutex_unlock(&d->mtx);
    return rc;
}


static elo_err_t
sim_write_behind(const elo_vfs_t *v, int fd, uint64_t off, uint64_t len,
                 bool wait)
{
    simdisk_t *d = sim_disk_of(v);
    elo_err_t rc;

    /* it empties no drive's cache: nothing is safer than before */
    (void) wait;
    pthread_mutex_lock(&d->mtx);
    sim_inode_t *i = file_of(d, fd, &rc);

    if (i != NULL) {
        sim_count(d, SIM_OP_BEHIND);
        sim_note(d, SIM_OP_BEHIND, "#%llu at %llu, %llu bytes",
                 (unsigned long long) i->id, (unsigned long long) off,
                 (unsigned long long) len);
        rc = sim_outcome(d);
    }
    pthread_mutex_unlock(&d->mtx);
    return rc;
}


static elo_err_t
sim_checkpoint(const elo_vfs_t *v)
{
    simdisk_t *d = sim_disk_of(v);
    elo_err_t rc = EIO;

    pthread_mutex_lock(&d->mtx);
    if (!d->is_cut) {
        sim_count(d, SIM_OP_CHECKPOINT);
        sim_note(d, SIM_OP_CHECKPOINT, "%s", "");
        rc = d->is_cut && d->commit_goes_on ? ELO_OK : sim_outcome(d);
    }
    pthread_mutex_unlock(&d->mtx);
    return rc;
}


static elo_err_t
sim_free_space(const elo_vfs_t *v, int fd, uint64_t *bytes)
{
    simdisk_t *d = sim_disk_of(v);
    elo_err_t rc;

    pthread_mutex_lock(&d->mtx);
    rc = d->is_cut ? EIO : sim_inode_of(d, fd) == NULL ? EBADF : ELO_OK;
    if (rc == ELO_OK) {
        *bytes = d->capacity == 0         ? UINT64_C(1) << 40
                 : d->used >= d->capacity ? 0
                                          : (d->capacity - d->used) * SIM_BLOCK;
    }
    pthread_mutex_unlock(&d->mtx);
    return rc;
}


static elo_err_t
sim_lock(const elo_vfs_t *v, int fd)
{
    simdisk_t *d = sim_disk_of(v);
    elo_err_t rc;

    pthread_mutex_lock(&d->mtx);
    sim_inode_t *i = file_of(d, fd, &rc);

    if (i != NULL) {
        if (i->locked_by != 0 && i->locked_by != fd) {
            rc = EWOULDBLOCK;
        } else {
            i->locked_by = fd;
        }
    }
    pthread_mutex_unlock(&d->mtx);
    return rc;
}


/* One mapping a file, which is the truth while it lasts. */
static elo_err_t
sim_map(const elo_vfs_t *v, int fd, size_t len, void **p)
{
    simdisk_t *d = sim_disk_of(v);
    elo_err_t rc;

    pthread_mutex_lock(&d->mtx);
    sim_inode_t *i = file_of(d, fd, &rc);

    if (i != NULL && (i->map != NULL || len > i->mem_size)) {
        rc = EINVAL;
    } else if (i != NULL) {
        void *m = mmap(NULL, len, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (m == MAP_FAILED) {
            abort();
        }
        memcpy(m, i->mem, len);
        i->map = m;
        i->map_len = len;
        *p = m;
    }
    pthread_mutex_unlock(&d->mtx);
    return rc;
}


static void
sim_unmap(const elo_vfs_t *v, void *p, size_t len)
{
    simdisk_t *d = sim_disk_of(v);

    pthread_mutex_lock(&d->mtx);
    for (sim_inode_t *i = d->inodes; i != NULL; i = i->next) {
        if (i->map == p) {
            memcpy(i->mem, p, len);
            change(d, i, 0, len, p);
            i->map = NULL;
            munmap(p, len);
        }
    }
    pthread_mutex_unlock(&d->mtx);
}


void
sim_file_ops(elo_vfs_t *v)
{
    v->pread = sim_pread;
    v->pwrite = sim_pwrite;
    v->pread_now = sim_pread_now;
    v->pwritev = sim_pwritev;
    v->size = sim_size;
    v->truncate = sim_truncate;
    v->fdatasync = sim_fdatasync;
    v->fsync_dir = sim_fsync_dir;
    v->write_behind = sim_write_behind;
    v->free_space = sim_free_space;
    v->lock = sim_lock;
    v->map = sim_map;
    v->unmap = sim_unmap;
    v->checkpoint = sim_checkpoint;
}
