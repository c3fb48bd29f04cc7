/* SPDX-License-Identifier: BSD-2-Clause */
/* keys_dir: a temporary directory, and file operations of which the at-th fails.
   For tests of backend/keys only; one thread. */
#ifndef ELO_T_UNIT_KEYS_DIR_H
#define ELO_T_UNIT_KEYS_DIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/keys/keyring_internal.h"

#define KDF_OPS 1 /* the least: tests don't wait */
#define KDF_MEM 8192

typedef struct {
    char dir[64];
    char path[96]; /* of the ring */
} keys_dir_t;


static inline void
keys_dir_init(keys_dir_t *d)
{
    snprintf(d->dir, sizeof(d->dir), "/tmp/elo-keys-XXXXXX");
    assert_non_null(mkdtemp(d->dir));
    snprintf(d->path, sizeof(d->path), "%s/keyring", d->dir);
}


static inline void
keys_dir_dispose(keys_dir_t *d)
{
    char name[128];

    for (unsigned i = 0; i < 3; i++) {
        static const char *const suffixes[] = { "", ".lock", ".new" };

        snprintf(name, sizeof(name), "%s%s", d->path, suffixes[i]);
        unlink(name);
    }
    assert_int_equal(rmdir(d->dir), 0); /* nothing else is left */
}


/* The passphrase may be NULL. */
static inline elo_keyring_cfg_t
keys_cfg(const keys_dir_t *d, const char *passphrase)
{
    return (elo_keyring_cfg_t){ .path = d->path,
                                .passphrase = elo_slice_str(passphrase),
                                .may_create = true,
                                .kdf_ops = KDF_OPS,
                                .kdf_mem = KDF_MEM };
}


static inline elo_keyring_t *
keys_open(const keys_dir_t *d, const char *passphrase)
{
    elo_keyring_cfg_t cfg = keys_cfg(d, passphrase);
    elo_keyring_t *k = NULL;

    assert_int_equal(elo_keyring_open(&cfg, &k), 0);
    return k;
}


/* ---- failures ---- */

typedef struct {
    elo_vfs_t v; /* first: the table is the object */
    elo_err_t err;
    unsigned at; /* 0: never */
    unsigned count;
    bool is_short; /* writes and reads take one byte at a time */
} keys_vfs_t;


static inline bool
keys_vfs_hit(const elo_vfs_t *v)
{
    keys_vfs_t *f = (keys_vfs_t *) (uintptr_t) v;

    return ++f->count == f->at;
}

#define KEYS_WRAP(name, params, args)                                          \
    static elo_err_t keys_vfs_##name params                                    \
    {                                                                          \
        if (keys_vfs_hit(v)) {                                                 \
            return ((const keys_vfs_t *) v)->err;                              \
        }                                                                      \
        return elo_vfs_posix()->name args;                                     \
    }

/* clang-format off */
KEYS_WRAP(open, (const elo_vfs_t *v, int dir, const char *path,
          elo_vfs_open_t how, unsigned mode, int *fd),
          (v, dir, path, how, mode, fd))
KEYS_WRAP(size, (const elo_vfs_t *v, int fd, uint64_t *size), (v, fd, size))
KEYS_WRAP(fdatasync, (const elo_vfs_t *v, int fd), (v, fd))
KEYS_WRAP(fsync_dir, (const elo_vfs_t *v, int fd), (v, fd))
KEYS_WRAP(rename, (const elo_vfs_t *v, int dir, const char *from,
          const char *to), (v, dir, from, to))
KEYS_WRAP(unlink, (const elo_vfs_t *v, int dir, const char *path),
          (v, dir, path))
KEYS_WRAP(own_like, (const elo_vfs_t *v, int fd, int like), (v, fd, like))
KEYS_WRAP(lock, (const elo_vfs_t *v, int fd), (v, fd))
/* clang-format on */


static elo_err_t
keys_vfs_pread(const elo_vfs_t *v, int fd, void *p, size_t len, uint64_t off,
               size_t *n)
{
    const keys_vfs_t *f = (const keys_vfs_t *) v;

    if (keys_vfs_hit(v)) {
        return f->err;
    }
    return elo_vfs_posix()->pread(v, fd, p, f->is_short ? 1 : len, off, n);
}


static elo_err_t
keys_vfs_pwrite(const elo_vfs_t *v, int fd, const void *p, size_t len,
                uint64_t off, size_t *n)
{
    const keys_vfs_t *f = (const keys_vfs_t *) v;

    if (keys_vfs_hit(v)) {
        return f->err;
    }
    return elo_vfs_posix()->pwrite(v, fd, p, f->is_short ? 1 : len, off, n);
}


static inline void
keys_vfs_init(keys_vfs_t *f, elo_err_t err)
{
    *f = (keys_vfs_t){ .v = *elo_vfs_posix(), .err = err };
    f->v.open = keys_vfs_open;
    f->v.size = keys_vfs_size;
    f->v.fdatasync = keys_vfs_fdatasync;
    f->v.fsync_dir = keys_vfs_fsync_dir;
    f->v.rename = keys_vfs_rename;
    f->v.unlink = keys_vfs_unlink;
    f->v.own_like = keys_vfs_own_like;
    f->v.lock = keys_vfs_lock;
    f->v.pread = keys_vfs_pread;
    f->v.pwrite = keys_vfs_pwrite;
}

#endif
