/* SPDX-License-Identifier: BSD-2-Clause */
/* fault_vfs: the real file operations, but for one that fails: the at-th of those
   counted, whichever thread comes to it. For tests of backend/store and what
   stands on it. */
#ifndef ELO_T_UNIT_FAULT_VFS_H
#define ELO_T_UNIT_FAULT_VFS_H

#include "backend/os/vfs.h"

typedef enum {
    FAULT_ERR,   /* the at-th operation of any kind gives err */
    FAULT_SYNC,  /* the at-th sync gives err */
    FAULT_SHORT, /* the at-th write takes half */
    FAULT_ZERO   /* the at-th write takes nothing */
} fault_kind_t;

typedef struct {
    elo_vfs_t v; /* first: the table is the object */
    fault_kind_t kind;
    elo_err_t err;
    bool no_tmpfile; /* open_tmp is not supported */
    /* shared: atomic */
    unsigned at; /* 0: never */
    unsigned count;
    bool fired;
} fault_t;

enum { OP_ANY, OP_SYNC, OP_WRITE };


/* Counts an operation; true when it is to fail. */
static inline bool
fault_hit(const elo_vfs_t *v, int op)
{
    fault_t *f = (fault_t *) (uintptr_t) v;
    unsigned at = __atomic_load_n(&f->at, __ATOMIC_RELAXED);

    if ((f->kind == FAULT_SYNC && op != OP_SYNC)
        || (f->kind >= FAULT_SHORT && op != OP_WRITE) || at == 0)
    {
        return false;
    }
    if (__atomic_add_fetch(&f->count, 1, __ATOMIC_RELAXED) != at) {
        return false;
    }
    __atomic_store_n(&f->fired, true, __ATOMIC_RELAXED);
    return true;
}


/* A wrapper: name, operation class, parameters, arguments. */
#define WRAP(name, op, params, args)                                           \
    static elo_err_t fault_##name params                                       \
    {                                                                          \
        if (fault_hit(v, op)) {                                                \
            return ((const fault_t *) v)->err;                                 \
        }                                                                      \
        v = elo_vfs_posix();                                                   \
        return v->name args;                                                   \
    }

/* clang-format off */
WRAP(open, OP_ANY, (const elo_vfs_t *v, int dir, const char *path,
     elo_vfs_open_t how, unsigned mode, int *fd), (v, dir, path, how, mode, fd))
WRAP(open_root, OP_ANY, (const elo_vfs_t *v, const char *path, unsigned mode,
     int *fd), (v, path, mode, fd))
WRAP(pread, OP_ANY, (const elo_vfs_t *v, int fd, void *p, size_t len,
     uint64_t off, size_t *n), (v, fd, p, len, off, n))
WRAP(pread_now, OP_ANY, (const elo_vfs_t *v, int fd, void *p, size_t len,
     uint64_t off, size_t *n), (v, fd, p, len, off, n))
WRAP(size, OP_ANY, (const elo_vfs_t *v, int fd, uint64_t *size), (v, fd, size))
WRAP(truncate, OP_ANY, (const elo_vfs_t *v, int fd, uint64_t size),
     (v, fd, size))
WRAP(fdatasync, OP_SYNC, (const elo_vfs_t *v, int fd), (v, fd))
WRAP(fsync_dir, OP_SYNC, (const elo_vfs_t *v, int fd), (v, fd))
WRAP(write_behind, OP_SYNC, (const elo_vfs_t *v, int fd, uint64_t off,
     uint64_t len, bool wait), (v, fd, off, len, wait))
WRAP(link_fd, OP_ANY, (const elo_vfs_t *v, int fd, int dir, const char *path),
     (v, fd, dir, path))
WRAP(link, OP_ANY, (const elo_vfs_t *v, int dir, const char *from,
     const char *to), (v, dir, from, to))
WRAP(rename, OP_ANY, (const elo_vfs_t *v, int dir, const char *from,
     const char *to), (v, dir, from, to))
WRAP(unlink, OP_ANY, (const elo_vfs_t *v, int dir, const char *path),
     (v, dir, path))
WRAP(mkdir, OP_ANY, (const elo_vfs_t *v, int dir, const char *path,
     unsigned mode), (v, dir, path, mode))
WRAP(own_like, OP_ANY, (const elo_vfs_t *v, int fd, int like), (v, fd, like))
WRAP(chmod, OP_ANY, (const elo_vfs_t *v, int fd, unsigned mode), (v, fd, mode))
WRAP(chgrp, OP_ANY, (const elo_vfs_t *v, int fd, int gid), (v, fd, gid))
WRAP(list, OP_ANY, (const elo_vfs_t *v, int dir, const char *path,
     elo_vfs_list_fn fn, void *ctx), (v, dir, path, fn, ctx))
WRAP(free_space, OP_ANY, (const elo_vfs_t *v, int fd, uint64_t *bytes),
     (v, fd, bytes))
WRAP(lock, OP_ANY, (const elo_vfs_t *v, int fd), (v, fd))
WRAP(map, OP_ANY, (const elo_vfs_t *v, int fd, size_t len, void **p),
     (v, fd, len, p))
WRAP(checkpoint, OP_SYNC, (const elo_vfs_t *v), (v))
/* clang-format on */
#undef WRAP


static elo_err_t
fault_open_tmp(const elo_vfs_t *v, int dir, const char *path, unsigned mode,
               int *fd)
{
    if (((const fault_t *) v)->no_tmpfile) {
        return 95; /* EOPNOTSUPP */
    }
    if (fault_hit(v, OP_ANY)) {
        return ((const fault_t *) v)->err;
    }
    v = elo_vfs_posix();
    return v->open_tmp(v, dir, path, mode, fd);
}


/* A write is hit: true when half of it is to be written all the same. */
static bool
fault_write(const elo_vfs_t *v, elo_err_t *rc, size_t *n)
{
    const fault_t *f = (const fault_t *) v;

    *n = 0;
    *rc = f->kind == FAULT_ZERO ? ELO_OK : f->err;
    return f->kind == FAULT_SHORT;
}


static elo_err_t
fault_pwrite(const elo_vfs_t *v, int fd, const void *p, size_t len,
             uint64_t off, size_t *n)
{
    elo_err_t rc;

    if (fault_hit(v, OP_WRITE)) {
        if (!fault_write(v, &rc, n)) {
            return rc;
        }
        len = (len + 1) / 2;
    }
    return elo_vfs_posix()->pwrite(elo_vfs_posix(), fd, p, len, off, n);
}


static elo_err_t
fault_pwritev(const elo_vfs_t *v, int fd, const elo_slice_t *parts,
              unsigned n_parts, uint64_t off, size_t *n)
{
    elo_err_t rc;

    if (fault_hit(v, OP_WRITE)) {
        if (!fault_write(v, &rc, n)) {
            return rc;
        }
        n_parts = (n_parts + 1) / 2;
    }
    v = elo_vfs_posix();
    return v->pwritev(v, fd, parts, n_parts, off, n);
}


static inline void
fault_init(fault_t *f, fault_kind_t kind, elo_err_t err, bool no_tmpfile)
{
    *f = (fault_t){ .kind = kind, .err = err, .no_tmpfile = no_tmpfile };
    f->v = (elo_vfs_t){
        .open = fault_open,
        .open_root = fault_open_root,
        .open_tmp = fault_open_tmp,
        .close = elo_vfs_posix()->close,
        .pread = fault_pread,
        .pread_now = fault_pread_now,
        .pwrite = fault_pwrite,
        .pwritev = fault_pwritev,
        .size = fault_size,
        .truncate = fault_truncate,
        .fdatasync = fault_fdatasync,
        .fsync_dir = fault_fsync_dir,
        .write_behind = fault_write_behind,
        .link_fd = fault_link_fd,
        .link = fault_link,
        .rename = fault_rename,
        .unlink = fault_unlink,
        .mkdir = fault_mkdir,
        .chmod = fault_chmod,
        .own_like = fault_own_like,
        .chgrp = fault_chgrp,
        .list = fault_list,
        .free_space = fault_free_space,
        .lock = fault_lock,
        .map = fault_map,
        .unmap = elo_vfs_posix()->unmap,
        .checkpoint = fault_checkpoint,
    };
}


/* The next at-th operation, counted from here, fails; 0: none. */
static inline void
fault_arm(fault_t *f, unsigned at)
{
    __atomic_store_n(&f->count, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&f->fired, false, __ATOMIC_RELAXED);
    __atomic_store_n(&f->at, at, __ATOMIC_RELAXED);
}


static inline bool
fault_fired(fault_t *f)
{
    return __atomic_load_n(&f->fired, __ATOMIC_RELAXED);
}

#endif
