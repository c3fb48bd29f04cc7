/* SPDX-License-Identifier: BSD-2-Clause */
/* kv_fault: the real file operations, whose writes, syncs and checkpoints fail or
   wait when a test says so. For tests of backend/kv only; any thread. */
#ifndef ELO_T_UNIT_KV_FAULT_H
#define ELO_T_UNIT_KV_FAULT_H

#include "backend/os/thread.h"
#include "backend/os/vfs.h"

typedef struct {
    elo_vfs_t v; /* first: the table is the object */
    elo_mutex_t mtx;
    elo_cond_t cond;
    /* shared: mtx */
    elo_err_t write_err, sync_err, checkpoint_err; /* ELO_OK: none */
    bool hold_writes, hold_checkpoints; /* they wait until it's false */
    unsigned n_held, n_checkpoints;
} kvf_t;


static inline kvf_t *
kvf_of(const elo_vfs_t *v)
{
    return (kvf_t *) (uintptr_t) v;
}


/* Waits while *hold, and says what is to fail. */
static inline elo_err_t
kvf_pass(kvf_t *f, const bool *hold, const elo_err_t *err)
{
    elo_err_t rc;

    elo_mutex_lock(&f->mtx);
    while (*hold) {
        f->n_held++;
        elo_cond_broadcast(&f->cond);
        elo_cond_wait(&f->cond, &f->mtx);
        f->n_held--;
    }
    rc = *err;
    elo_mutex_unlock(&f->mtx);
    return rc;
}


static inline elo_err_t
kvf_pwritev(const elo_vfs_t *v, int fd, const elo_slice_t *parts,
            unsigned n_parts, uint64_t off, size_t *n)
{
    kvf_t *f = kvf_of(v);
    elo_err_t rc = kvf_pass(f, &f->hold_writes, &f->write_err);

    v = elo_vfs_posix();
    return rc != ELO_OK ? rc : v->pwritev(v, fd, parts, n_parts, off, n);
}


static inline elo_err_t
kvf_fdatasync(const elo_vfs_t *v, int fd)
{
    static const bool no = false;
    kvf_t *f = kvf_of(v);
    elo_err_t rc = kvf_pass(f, &no, &f->sync_err);

    v = elo_vfs_posix();
    return rc != ELO_OK ? rc : v->fdatasync(v, fd);
}


static inline elo_err_t
kvf_checkpoint(const elo_vfs_t *v)
{
    kvf_t *f = kvf_of(v);
    elo_err_t rc = kvf_pass(f, &f->hold_checkpoints, &f->checkpoint_err);

    elo_mutex_lock(&f->mtx);
    f->n_checkpoints++;
    elo_cond_broadcast(&f->cond);
    elo_mutex_unlock(&f->mtx);
    v = elo_vfs_posix();
    return rc != ELO_OK ? rc : v->checkpoint(v);
}


static inline void
kvf_init(kvf_t *f)
{
    *f = (kvf_t){ .v = *elo_vfs_posix() };
    f->v.pwritev = kvf_pwritev;
    f->v.fdatasync = kvf_fdatasync;
    f->v.checkpoint = kvf_checkpoint;
    assert_int_equal(elo_mutex_init(&f->mtx), ELO_OK);
    assert_int_equal(elo_cond_init(&f->cond), ELO_OK);
}


static inline void
kvf_dispose(kvf_t *f)
{
    elo_cond_dispose(&f->cond);
    elo_mutex_dispose(&f->mtx);
}


static inline void
kvf_hold(kvf_t *f, bool *what, bool hold)
{
    elo_mutex_lock(&f->mtx);
    *what = hold;
    elo_cond_broadcast(&f->cond);
    elo_mutex_unlock(&f->mtx);
}


/* Until someone waits where it was told to. */
static inline void
kvf_await_held(kvf_t *f)
{
    elo_mutex_lock(&f->mtx);
    while (f->n_held == 0) {
        elo_cond_wait(&f->cond, &f->mtx);
    }
    elo_mutex_unlock(&f->mtx);
}


static inline void
kvf_fail(kvf_t *f, elo_err_t *what, elo_err_t err)
{
    elo_mutex_lock(&f->mtx);
    *what = err;
    elo_mutex_unlock(&f->mtx);
}

#endif
