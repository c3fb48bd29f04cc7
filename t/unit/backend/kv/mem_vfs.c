/* SPDX-License-Identifier: BSD-2-Clause */
/* mem_vfs: a small file system in memory that loses power. It keeps what is on the
   disk apart from what programs see: a write reaches the disk for certain with
   the sync of its file, a name with that of its directory. A cut of power applies,
   sector by sector, any number of the writes that were pending, and any of the
   pending changes of names. One operation can be made to fail. Files stand in one
   directory, log/. Included by tests; one thread. */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backend/os/vfs.h"
#include "common/base/num.h"

#define MEM_FILE_MAX (32u << 10)
#define MEM_FILES    64u
#define MEM_WRITES   4096u
#define MEM_SECTOR   512u
#define MEM_FD_ROOT  1000
#define MEM_FD_LOG   1001

typedef enum {
    MEM_FAIL,       /* the at-th operation of any kind gives err */
    MEM_FAIL_WRITE, /* the at-th write gives err */
    MEM_FAIL_SYNC,  /* the at-th sync gives err, and what it was to save passes
                       for clean */
    MEM_FULL,       /* the at-th write and all after it give err */
    MEM_SHORT,      /* the at-th write takes half */
    MEM_CUT /* from the at-th operation on, nothing is done: power is off */
} mem_fault_t;

typedef struct {
    bool is_used;
    uint8_t now[MEM_FILE_MAX], disk[MEM_FILE_MAX];
    size_t now_size, disk_size;
    char name[32], disk_name[32]; /* "": none */
} mem_file_t;

typedef struct {
    mem_file_t *file;
    size_t off, len;
    uint8_t *bytes;
} mem_write_t;

typedef struct {
    elo_vfs_t v; /* first: the table is the object */
    mem_file_t files[MEM_FILES];
    mem_write_t writes[MEM_WRITES]; /* pending, in order */
    unsigned n_writes;
    bool has_dir;
    uint32_t rand;
    uint64_t free; /* space */
    unsigned n_open, max_open;
    int open_of[MEM_FILES]; /* descriptors of a file */
    mem_fault_t kind;
    elo_err_t err;
    unsigned at, count; /* at 0: never */
    bool fired;
    int fired_op; /* MEM_OP_… */
    unsigned n_syncs, n_looks;
} mem_vfs_t;


static inline uint32_t
mem_rand(mem_vfs_t *m, uint32_t below)
{
    m->rand = m->rand * 1664525u + 1013904223u;
    return (uint32_t) ((uint64_t) (m->rand >> 8) * below >> 24);
}


enum { MEM_OP_ANY, MEM_OP_WRITE, MEM_OP_SYNC };


/* Counts an operation; ELO_OK: it is done. */
static elo_err_t
mem_step(const elo_vfs_t *v, int op)
{
    static const int only[] = {
        [MEM_FAIL] = MEM_OP_ANY,       [MEM_FAIL_WRITE] = MEM_OP_WRITE,
        [MEM_FAIL_SYNC] = MEM_OP_SYNC, [MEM_FULL] = MEM_OP_WRITE,
        [MEM_SHORT] = MEM_OP_WRITE,    [MEM_CUT] = MEM_OP_ANY,
    };
    mem_vfs_t *m = (mem_vfs_t *) (uintptr_t) v;
    bool lasts = m->kind == MEM_CUT || m->kind == MEM_FULL;

    if (only[m->kind] != MEM_OP_ANY && only[m->kind] != op) {
        return ELO_OK;
    }
    ++m->count;
    if (m->at == 0 || (lasts ? m->count < m->at : m->count != m->at)) {
        return ELO_OK;
    }
    m->fired = true;
    m->fired_op = op;
    if (m->kind == MEM_SHORT) {
        return ELO_OK;
    }
    return m->kind == MEM_CUT ? EIO : m->err;
}


static mem_vfs_t *
mem_of(const elo_vfs_t *v)
{
    return (mem_vfs_t *) (uintptr_t) v;
}


static mem_file_t *
mem_find(mem_vfs_t *m, const char *path)
{
    for (unsigned i = 0; i < MEM_FILES; i++) {
        if (m->files[i].is_used && strcmp(m->files[i].name, path) == 0) {
            return &m->files[i];
        }
    }
    return NULL;
}


static elo_err_t
mem_open(const elo_vfs_t *v, int dir, const char *path, elo_vfs_open_t how,
         unsigned mode, int *fd)
{
    mem_vfs_t *m = mem_of(v);
    mem_file_t *f = mem_find(m, path);
    elo_err_t rc;

    (void) mode;
    assert(dir == MEM_FD_ROOT);
    if ((rc = mem_step(v, MEM_OP_ANY)) != ELO_OK) {
        return rc;
    }
    if (how == ELO_VFS_DIR) {
        *fd = MEM_FD_LOG;
        return m->has_dir ? ELO_OK : ENOENT;
    }
    if (how == ELO_VFS_CREATE && f != NULL) {
        return EEXIST;
    }
    if (f == NULL && how == ELO_VFS_READ) {
        return ENOENT;
    }
    for (unsigned i = 0; f == NULL && i < MEM_FILES; i++) {
        if (!m->files[i].is_used) {
            f = &m->files[i];
            memset(f, 0, sizeof(*f));
            f->is_used = true;
            strcpy(f->name, path);
        }
    }
    assert(f != NULL);
    *fd = (int) (f - m->files);
    m->open_of[*fd]++;
    m->n_open++;
    m->max_open = ELO_MAX(m->max_open, m->n_open);
    return ELO_OK;
}


/* A file without a name, on disk too, and without a descriptor is gone. */
static void
mem_reap(mem_vfs_t *m, mem_file_t *f)
{
    if (f->is_used && f->name[0] == '\0' && f->disk_name[0] == '\0'
        && m->open_of[f - m->files] == 0)
    {
        f->is_used = false;
    }
}


static void
mem_close(const elo_vfs_t *v, int fd)
{
    mem_vfs_t *m = mem_of(v);

    if (fd < (int) MEM_FILES) {
        assert(m->open_of[fd] > 0);
        m->open_of[fd]--;
        m->n_open--;
        mem_reap(m, &m->files[fd]);
    }
}


static elo_err_t
mem_pread(const elo_vfs_t *v, int fd, void *p, size_t len, uint64_t off,
          size_t *n)
{
    mem_file_t *f = &mem_of(v)->files[fd];
    elo_err_t rc = mem_step(v, MEM_OP_ANY);

    if (rc != ELO_OK) {
        return rc;
    }
    *n = off >= f->now_size ? 0 : ELO_MIN(len, f->now_size - (size_t) off);
    memcpy(p, f->now + off, *n);
    return ELO_OK;
}


static void
mem_put(mem_vfs_t *m, mem_file_t *f, const uint8_t *p, size_t len, size_t off)
{
    mem_write_t *w = &m->writes[m->n_writes++];

    assert(m->n_writes < MEM_WRITES && off + len <= MEM_FILE_MAX);
    memcpy(f->now + off, p, len);
    f->now_size = ELO_MAX(f->now_size, off + len);
    *w = (mem_write_t){ f, off, len, malloc(len + 1) };
    memcpy(w->bytes, p, len);
}


static elo_err_t
mem_pwritev(const elo_vfs_t *v, int fd, const elo_slice_t *parts,
            unsigned n_parts, uint64_t off, size_t *n)
{
    mem_vfs_t *m = mem_of(v);
    elo_err_t rc = mem_step(v, MEM_OP_WRITE);
    bool is_short = m->kind == MEM_SHORT && m->at != 0 && m->count == m->at;
    size_t all = 0, most, len;

    if (rc != ELO_OK) {
        return rc;
    }
    for (unsigned i = 0; i < n_parts; i++) {
        all += parts[i].len;
    }
    most = is_short ? all / 2 : all;
    *n = 0;
    for (unsigned i = 0; i < n_parts && *n < most; i++) {
        len = ELO_MIN(parts[i].len, most - *n);
        mem_put(m, &m->files[fd], parts[i].p, len, (size_t) off + *n);
        *n += len;
    }
    return ELO_OK;
}


static elo_err_t
mem_pwrite(const elo_vfs_t *v, int fd, const void *p, size_t len, uint64_t off,
           size_t *n)
{
    elo_slice_t s = elo_slice(p, len);

    return mem_pwritev(v, fd, &s, 1, off, n);
}


static elo_err_t
mem_size(const elo_vfs_t *v, int fd, uint64_t *size)
{
    *size = mem_of(v)->files[fd].now_size;
    return mem_step(v, MEM_OP_ANY);
}


static elo_err_t
mem_truncate(const elo_vfs_t *v, int fd, uint64_t size)
{
    mem_file_t *f = &mem_of(v)->files[fd];
    elo_err_t rc = mem_step(v, MEM_OP_ANY);

    assert(size <= MEM_FILE_MAX);
    if (rc == ELO_OK) {
        if (size < f->now_size) {
            memset(f->now + size, 0, f->now_size - (size_t) size);
        }
        f->now_size = (size_t) size;
    }
    return rc;
}


/* What was pending for a file is so no more; with is_saved it is on the disk. */
static void
mem_clean(mem_vfs_t *m, mem_file_t *f, bool is_saved)
{
    unsigned k = 0;

    for (unsigned i = 0; i < m->n_writes; i++) {
        const mem_write_t *w = &m->writes[i];

        if (w->file != f) {
            m->writes[k++] = *w;
            continue;
        }
        if (is_saved) {
            memcpy(f->disk + w->off, w->bytes, w->len);
        }
        free(w->bytes);
    }
    m->n_writes = k;
}


static elo_err_t
mem_fdatasync(const elo_vfs_t *v, int fd)
{
    mem_vfs_t *m = mem_of(v);
    mem_file_t *f = &m->files[fd];
    elo_err_t rc = mem_step(v, MEM_OP_SYNC);

    m->n_syncs++;
    if (rc == ELO_OK) {
        f->disk_size = f->now_size;
    }
    if (rc == ELO_OK || m->kind == MEM_FAIL_SYNC) {
        mem_clean(m, f, rc == ELO_OK);
    }
    return rc;
}


static elo_err_t
mem_fsync_dir(const elo_vfs_t *v, int fd)
{
    mem_vfs_t *m = mem_of(v);
    elo_err_t rc = mem_step(v, MEM_OP_SYNC);

    m->n_syncs++;
    for (unsigned i = 0; rc == ELO_OK && fd == MEM_FD_LOG && i < MEM_FILES; i++)
    {
        memcpy(m->files[i].disk_name, m->files[i].name,
               sizeof(m->files[i].name));
        mem_reap(m, &m->files[i]);
    }
    return rc;
}


static elo_err_t
mem_write_behind(const elo_vfs_t *v, int fd, uint64_t off, uint64_t len,
                 bool wait)
{
    (void) fd;
    (void) off;
    (void) len;
    (void) wait;
    return mem_step(v, MEM_OP_SYNC);
}


static elo_err_t
mem_unlink(const elo_vfs_t *v, int dir, const char *path)
{
    mem_vfs_t *m = mem_of(v);
    mem_file_t *f = mem_find(m, path);
    elo_err_t rc = mem_step(v, MEM_OP_ANY);

    (void) dir;
    if (rc != ELO_OK) {
        return rc;
    }
    if (f == NULL) {
        return ENOENT;
    }
    f->name[0] = '\0';
    mem_reap(m, f);
    return ELO_OK;
}


static elo_err_t
mem_mkdir(const elo_vfs_t *v, int dir, const char *path, unsigned mode)
{
    mem_vfs_t *m = mem_of(v);
    elo_err_t rc = mem_step(v, MEM_OP_ANY);

    (void) dir;
    (void) path;
    (void) mode;
    rc = rc == ELO_OK && m->has_dir ? EEXIST : rc;
    m->has_dir = m->has_dir || rc == ELO_OK;
    return rc;
}


static elo_err_t
mem_chmod(const elo_vfs_t *v, int fd, unsigned mode)
{
    (void) fd;
    (void) mode;
    return mem_step(v, MEM_OP_ANY);
}


static elo_err_t
mem_chgrp(const elo_vfs_t *v, int fd, int gid)
{
    (void) fd;
    (void) gid;
    return mem_step(v, MEM_OP_ANY);
}


static elo_err_t
mem_list(const elo_vfs_t *v, int dir, const char *path, elo_vfs_list_fn fn,
         void *ctx)
{
    mem_vfs_t *m = mem_of(v);
    elo_err_t rc = mem_step(v, MEM_OP_ANY);

    (void) dir;
    (void) path;
    for (unsigned i = 0; rc == ELO_OK && i < MEM_FILES; i++) {
        if (m->files[i].is_used && m->files[i].name[0] != '\0'
            && !fn(ctx, strchr(m->files[i].name, '/') + 1))
        {
            break;
        }
    }
    return rc;
}


static elo_err_t
mem_free_space(const elo_vfs_t *v, int fd, uint64_t *bytes)
{
    (void) fd;
    mem_of(v)->n_looks++;
    *bytes = mem_of(v)->free;
    return mem_step(v, MEM_OP_ANY);
}


static mem_vfs_t *
mem_create(uint32_t seed)
{
    mem_vfs_t *m = calloc(1, sizeof(*m));

    assert(m != NULL);
    m->rand = seed;
    m->free = UINT64_MAX;
    m->v = (elo_vfs_t){
        .open = mem_open,
        .close = mem_close,
        .pread = mem_pread,
        .pread_now = mem_pread,
        .pwrite = mem_pwrite,
        .pwritev = mem_pwritev,
        .size = mem_size,
        .truncate = mem_truncate,
        .fdatasync = mem_fdatasync,
        .fsync_dir = mem_fsync_dir,
        .write_behind = mem_write_behind,
        .unlink = mem_unlink,
        .mkdir = mem_mkdir,
        .chmod = mem_chmod,
        .chgrp = mem_chgrp,
        .list = mem_list,
        .free_space = mem_free_space,
    };
    return m;
}


static void
mem_destroy(mem_vfs_t *m)
{
    for (unsigned i = 0; i < m->n_writes; i++) {
        free(m->writes[i].bytes);
    }
    free(m);
}


/* The next at-th operation, counted from here, fails; 0: none. */
static inline void
mem_arm(mem_vfs_t *m, mem_fault_t kind, elo_err_t err, unsigned at)
{
    m->kind = kind;
    m->err = err;
    m->at = at;
    m->count = 0;
    m->fired = false;
}


/* Some of the pending writes, in order for each sector. */
static void
mem_settle(mem_vfs_t *m, mem_file_t *f)
{
    for (size_t s = 0; s < MEM_FILE_MAX; s += MEM_SECTOR) {
        uint32_t luck = mem_rand(m, 4); /* none, all, or some of them */

        for (unsigned i = 0; i < m->n_writes && luck != 0; i++) {
            const mem_write_t *w = &m->writes[i];
            size_t from = ELO_MAX(w->off, s);
            size_t to = ELO_MIN(w->off + w->len, s + MEM_SECTOR);

            if (w->file != f || from >= to) {
                continue;
            }
            if (luck != 1 && mem_rand(m, 3) == 0) {
                break;
            }
            memcpy(f->disk + from, w->bytes + (from - w->off), to - from);
            f->disk_size = ELO_MAX(f->disk_size, to);
        }
    }
    if (mem_rand(m, 2) == 0) {
        f->disk_size = ELO_MAX(f->disk_size, f->now_size);
    }
}


/* The program dies: what it wrote is still seen, and no safer than before. */
static inline void
mem_kill(mem_vfs_t *m)
{
    memset(m->open_of, 0, sizeof(m->open_of));
    m->n_open = 0;
    mem_arm(m, MEM_CUT, 0, 0);
    for (unsigned i = 0; i < MEM_FILES; i++) {
        mem_reap(m, &m->files[i]);
    }
}


/* Power comes back: what programs see is what is on the disk. */
static inline void
mem_power_on(mem_vfs_t *m)
{
    for (unsigned i = 0; i < MEM_FILES; i++) {
        mem_file_t *f = &m->files[i];

        if (!f->is_used) {
            continue;
        }
        mem_settle(m, f);
        mem_clean(m, f, false);
        if (mem_rand(m, 2) == 0) {
            memcpy(f->disk_name, f->name, sizeof(f->name));
        }
    }
    for (unsigned i = 0; i < MEM_FILES; i++) {
        mem_file_t *f = &m->files[i];

        if (f->is_used && f->name[0] == '\0') {
            /* its name may have been given to another file since */
            for (unsigned k = 0; k < MEM_FILES; k++) {
                if (k != i && m->files[k].is_used
                    && strcmp(m->files[k].disk_name, f->disk_name) == 0)
                {
                    f->disk_name[0] = '\0';
                }
            }
        }
    }
    for (unsigned i = 0; i < MEM_FILES; i++) {
        mem_file_t *f = &m->files[i];

        memset(f->disk + f->disk_size, 0, sizeof(f->disk) - f->disk_size);
        memcpy(f->now, f->disk, sizeof(f->now));
        f->now_size = f->disk_size;
        memcpy(f->name, f->disk_name, sizeof(f->name));
        f->is_used = f->is_used && f->name[0] != '\0';
    }
    memset(m->open_of, 0, sizeof(m->open_of));
    m->n_open = 0;
    mem_arm(m, MEM_CUT, 0, 0);
}
