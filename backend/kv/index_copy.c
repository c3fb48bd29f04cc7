/* SPDX-License-Identifier: BSD-2-Clause */
/* index_copy: a copy of the index as it was committed last. LMDB writes it in one go
   that can't be ended, of any length: so it writes to a pipe, on a thread of its own,
   and has nobody who reads from it any more when it is to end. Its lock on writers is
   held for the first two pages only, which a pipe takes at once. */
#include <errno.h>
#include <stdlib.h>

#include "backend/kv/index_internal.h"
#include "backend/os/fd.h"
#include "backend/os/thread.h"

#define PIECE (64u << 10) /* what a pipe holds */

typedef struct {
    MDB_env *env;
    int to;
    int rc; /* LMDB's */
} feed_t;


/* thread: all signals are blocked, so a broken pipe is an error and no signal */
static void
feed(void *arg)
{
    feed_t *f = arg;

    f->rc = mdb_env_copyfd(f->env, f->to);
    elo_fd_close(&f->to);
}


static elo_err_t
write_all(const elo_vfs_t *vfs, int fd, const uint8_t *p, size_t len,
          uint64_t off)
{
    elo_err_t rc;
    size_t n;

    while (len != 0) {
        if ((rc = vfs->pwrite(vfs, fd, p, len, off, &n)) != ELO_OK) {
            return rc;
        }
        if (n == 0) {
            return ELO_ENOSPC;
        }
        p += n;
        off += n;
        len -= n;
    }
    return ELO_OK;
}


/* What comes from a pipe, to a file. */
static elo_err_t
drain(const elo_vfs_t *vfs, int from, int to, atomic_bool *must_end)
{
    uint8_t *piece = malloc(PIECE);
    elo_err_t rc = piece != NULL ? ELO_OK : ELO_ENOMEM;
    uint64_t off = 0;
    size_t n = 1;

    while (rc == ELO_OK && n != 0) {
        if (must_end != NULL
            && atomic_load_explicit(must_end, memory_order_relaxed)) {
            rc = ECANCELED;
        } else if ((rc = elo_fd_read(from, piece, PIECE, &n)) == ELO_OK) {
            rc = write_all(vfs, to, piece, n, off);
            off += n;
        }
    }
    free(piece);
    return rc;
}


static elo_err_t
copy_to(elo_index_t *ix, int fd, atomic_bool *must_end)
{
    feed_t f = { .env = ix->main.env };
    elo_thread_t thread;
    elo_err_t rc;
    int ends[2];

    if ((rc = elo_fd_pipe(ends)) != ELO_OK) {
        return rc;
    }
    f.to = ends[1];
    if ((rc = elo_thread_create(&thread, "index-copy", feed, &f)) != ELO_OK) {
        elo_fd_close(&ends[1]);
        elo_fd_close(&ends[0]);
        return rc;
    }
    rc = drain(ix->vfs, ends[0], fd, must_end);
    elo_fd_close(&ends[0]);
    elo_thread_join(&thread);
    if (rc == ELO_OK) { /* else LMDB tells of the broken pipe */
        rc = elo_index_result(f.rc);
    }
    return rc == ELO_OK ? ix->vfs->fdatasync(ix->vfs, fd) : rc;
}


elo_err_t
elo_index_copy(elo_index_t *ix, const char *path, atomic_bool *must_end)
{
    const elo_vfs_t *vfs = ix->vfs;
    elo_err_t rc;
    int dir, fd;

    rc = vfs->open(vfs, ELO_VFS_CWD, path, ELO_VFS_DIR, 0, &dir);
    if (rc != ELO_OK) {
        return rc;
    }
    rc = vfs->open(vfs, dir, ELO_INDEX_FILE, ELO_VFS_CREATE, 0600, &fd);
    if (rc == ELO_OK) {
        rc = copy_to(ix, fd, must_end);
        vfs->close(vfs, fd);
    }
    if (rc == ELO_OK) {
        rc = vfs->fsync_dir(vfs, dir);
    }
    vfs->close(vfs, dir);
    return rc;
}
