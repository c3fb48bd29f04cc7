/* SPDX-License-Identifier: BSD-2-Clause */
/* inject: see inject.h. */
#include "t/crash/inject.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct inject_s {
    elo_vfs_t vfs; /* first */
    const elo_vfs_t *to;
    simdisk_t *d;
    pthread_mutex_t mtx;
    uint64_t calls[INJECT_N];
    inject_op_t op;
    uint64_t left; /* calls until it fails; 0: never */
    int err;
    bool fired, is_paused;
};


static inject_t *
inject_of(const elo_vfs_t *v)
{
    union {
        const elo_vfs_t *v;
        inject_t *i;
    } both = { v };

    return both.i;
}


/* What this call answers instead; 0: it goes its way. */
static int
strike(inject_t *i, inject_op_t op)
{
    int err = 0;

    pthread_mutex_lock(&i->mtx);
    i->calls[op] += !i->is_paused;
    if (!i->is_paused && i->op == op && i->left > 0 && --i->left == 0) {
        err = i->err;
        i->fired = true;
    }
    pthread_mutex_unlock(&i->mtx);
    return err;
}


/* A call without anything special. */
#define PASS(name, params, args)                                               \
    static elo_err_t in_##name params                                          \
    {                                                                          \
        inject_t *i = inject_of(v);                                            \
        int err = strike(i, INJECT_##name);                                    \
                                                                               \
        if (err > 0) {                                                         \
            return err;                                                        \
        }                                                                      \
        v = i->to;                                                             \
        return v->name args;                                                   \
    }

PASS(open,
     (const elo_vfs_t *v, int dir, const char *path, elo_vfs_open_t how,
      unsigned mode, int *fd),
     (v, dir, path, how, mode, fd))
PASS(open_root, (const elo_vfs_t *v, const char *path, unsigned mode, int *fd),
     (v, path, mode, fd))
PASS(open_tmp,
     (const elo_vfs_t *v, int dir, const char *path, unsigned mode, int *fd),
     (v, dir, path, mode, fd))
PASS(size, (const elo_vfs_t *v, int fd, uint64_t *size), (v, fd, size))
PASS(truncate, (const elo_vfs_t *v, int fd, uint64_t size), (v, fd, size))
PASS(fsync_dir, (const elo_vfs_t *v, int fd), (v, fd))
PASS(write_behind,
     (const elo_vfs_t *v, int fd, uint64_t off, uint64_t len, bool wait),
     (v, fd, off, len, wait))
PASS(link_fd, (const elo_vfs_t *v, int fd, int dir, const char *path),
     (v, fd, dir, path))
PASS(link, (const elo_vfs_t *v, int dir, const char *from, const char *to),
     (v, dir, from, to))
PASS(rename, (const elo_vfs_t *v, int dir, const char *from, const char *to),
     (v, dir, from, to))
PASS(unlink, (const elo_vfs_t *v, int dir, const char *path), (v, dir, path))
PASS(mkdir, (const elo_vfs_t *v, int dir, const char *path, unsigned mode),
     (v, dir, path, mode))
PASS(chmod, (const elo_vfs_t *v, int fd, unsigned mode), (v, fd, mode))
PASS(chgrp, (const elo_vfs_t *v, int fd, int gid), (v, fd, gid))
PASS(list,
     (const elo_vfs_t *v, int dir, const char *path, elo_vfs_list_fn fn,
      void *ctx),
     (v, dir, path, fn, ctx))
PASS(free_space, (const elo_vfs_t *v, int fd, uint64_t *bytes), (v, fd, bytes))
PASS(lock, (const elo_vfs_t *v, int fd), (v, fd))
PASS(map, (const elo_vfs_t *v, int fd, size_t len, void **p), (v, fd, len, p))
PASS(checkpoint, (const elo_vfs_t *v), (v))


static void
in_close(const elo_vfs_t *v, int fd)
{
    v = inject_of(v)->to;
    v->close(v, fd);
}


static void
in_unmap(const elo_vfs_t *v, void *p, size_t len)
{
    v = inject_of(v)->to;
    v->unmap(v, p, len);
}


static elo_err_t
in_fdatasync(const elo_vfs_t *v, int fd)
{
    inject_t *i = inject_of(v);
    int err = strike(i, INJECT_fdatasync);

    if (err > 0) {
        simdisk_lose_unsynced(i->d, fd);
        return err;
    }
    return i->to->fdatasync(i->to, fd);
}


static size_t
half(size_t len, int err)
{
    return err == INJECT_SHORT && len > 1 ? len / 2 : len;
}


static elo_err_t
in_pread(const elo_vfs_t *v, int fd, void *p, size_t len, uint64_t off,
         size_t *n)
{
    inject_t *i = inject_of(v);
    int err = strike(i, INJECT_pread);

    return err > 0 ? err : i->to->pread(i->to, fd, p, half(len, err), off, n);
}


static elo_err_t
in_pread_now(const elo_vfs_t *v, int fd, void *p, size_t len, uint64_t off,
             size_t *n)
{
    inject_t *i = inject_of(v);
    int err = strike(i, INJECT_pread_now);

    return err > 0 ? err
                   : i->to->pread_now(i->to, fd, p, half(len, err), off, n);
}


static elo_err_t
in_pwrite(const elo_vfs_t *v, int fd, const void *p, size_t len, uint64_t off,
          size_t *n)
{
    inject_t *i = inject_of(v);
    int err = strike(i, INJECT_pwrite);

    if (err > 0) {
        if (err == EIO) {
            elo_ignore(i->to->pwrite(i->to, fd, p, len / 2, off, n));
        }
        return err;
    }
    return i->to->pwrite(i->to, fd, p, half(len, err), off, n);
}


static elo_err_t
in_pwritev(const elo_vfs_t *v, int fd, const elo_slice_t *parts,
           unsigned n_parts, uint64_t off, size_t *n)
{
    inject_t *i = inject_of(v);
    int err = strike(i, INJECT_pwritev);
    /* half of the parts; of one, half of its bytes */
    unsigned some = n_parts > 1 ? n_parts / 2 : n_parts;

    if (err > 0) {
        if (err == EIO) {
            elo_ignore(i->to->pwritev(i->to, fd, parts, some, off, n));
        }
        return err;
    }
    if (err == INJECT_SHORT && n_parts == 1) {
        return i->to->pwrite(i->to, fd, parts[0].p, half(parts[0].len, err),
                             off, n);
    }
    return i->to->pwritev(i->to, fd, parts,
                          err == INJECT_SHORT ? some : n_parts, off, n);
}


inject_t *
inject_create(simdisk_t *d)
{
    inject_t *i = sim_alloc(1, sizeof(*i));

    i->d = d;
    i->to = simdisk_vfs(d);
    pthread_mutex_init(&i->mtx, NULL);
#define T(name) i->vfs.name = in_##name;
    INJECT_OPS(T)
#undef T
    i->vfs.close = in_close;
    i->vfs.unmap = in_unmap;
    return i;
}


void
inject_free(inject_t **i)
{
    if (*i != NULL) {
        pthread_mutex_destroy(&(*i)->mtx);
        free(*i);
        *i = NULL;
    }
}


const elo_vfs_t *
inject_vfs(inject_t *i)
{
    return &i->vfs;
}


void
inject_set(inject_t *i, inject_op_t op, uint64_t n, int err)
{
    pthread_mutex_lock(&i->mtx);
    i->op = op;
    i->left = n;
    i->err = err;
    i->fired = false;
    pthread_mutex_unlock(&i->mtx);
}


bool
inject_fired(inject_t *i)
{
    pthread_mutex_lock(&i->mtx);
    bool fired = i->fired;
    pthread_mutex_unlock(&i->mtx);
    return fired;
}


void
inject_pause(void *p, bool is_paused)
{
    inject_t *i = p;

    pthread_mutex_lock(&i->mtx);
    i->is_paused = is_paused;
    pthread_mutex_unlock(&i->mtx);
}


uint64_t
inject_calls(inject_t *i, inject_op_t op)
{
    pthread_mutex_lock(&i->mtx);
    uint64_t n = i->calls[op];
    pthread_mutex_unlock(&i->mtx);
    return n;
}


const char *
inject_op_name(inject_op_t op)
{
    static const char *const names[INJECT_N] = {
#define T(name) [INJECT_##name] = #name,
        INJECT_OPS(T)
#undef T
    };

    return names[op];
}
