/* SPDX-License-Identifier: BSD-2-Clause */
/* keyring_internal: what the files of backend/keys share. */
#ifndef ELO_KEYS_KEYRING_INTERNAL_H
#define ELO_KEYS_KEYRING_INTERNAL_H

#include "backend/keys/keyring.h"
#include "backend/keys/ring.h"
#include "backend/os/mutex.h"
#include "backend/os/vfs.h"

struct elo_keyring_s {
    const elo_vfs_t *vfs;
    char *path;                /* owned */
    uint64_t kdf_ops, kdf_mem; /* for new passphrases */

    /* held over file I/O, by reload and changes only; never taken by readers,
       and taken before mtx */
    elo_mutex_t writers;
    /* shared: writers */
    elo_digest_t checksum; /* of the file that the ring came from */

    elo_mutex_t mtx;
    /* shared: mtx */
    elo_ring_t *ring; /* never changed but for refs; never NULL */
};

/* The ring as it is now; stays valid until it is given back. */
elo_ring_t *elo_keyring_hold(elo_keyring_t *k);
void elo_keyring_drop(elo_keyring_t *k, elo_ring_t *r);

static inline const elo_vfs_t *
elo_keyring_vfs(const elo_keyring_cfg_t *cfg)
{
    return cfg->vfs != NULL ? cfg->vfs : elo_vfs_posix();
}


/* A keyring around r, which it takes over if it succeeds. */
elo_err_t elo_keyring_around(const elo_keyring_cfg_t *cfg, elo_ring_t *r,
                             const elo_digest_t *checksum,
                             elo_keyring_t **out) ELO_MUST_USE;

/* Writes the first file; ELO_EEXISTS when another was quicker. */
elo_err_t elo_keyring_write_first(const elo_vfs_t *v, const char *path,
                                  const elo_ring_t *r,
                                  elo_digest_t *checksum) ELO_MUST_USE;

/* Gives the next ring, made of r; leaves *out NULL when nothing is to change. */
typedef elo_err_t (*elo_keyring_change_fn)(elo_keyring_t *k,
                                           const elo_ring_t *r, void *ctx,
                                           elo_ring_t **out);

/* Locks the file, makes the next ring, writes it, puts it in place. Errors of fn,
   elo_ring_lock_file and elo_ring_save; then all stays as it was. */
elo_err_t elo_keyring_change(elo_keyring_t *k, elo_keyring_change_fn fn,
                             void *ctx) ELO_MUST_USE;

/* ---- the file (ring_file.c) ---- */

/* Reads and opens. ELO_ENOTFOUND, ELO_ENOKEY, ELO_ECORRUPT, errno. */
elo_err_t elo_ring_load(const elo_vfs_t *v, const char *path,
                        elo_slice_t passphrase, elo_ring_t **out,
                        elo_digest_t *checksum) ELO_MUST_USE;

/* An exclusive lock on PATH.lock. ELO_EBUSY when another holds it. */
elo_err_t elo_ring_lock_file(const elo_vfs_t *v, const char *path,
                             int *fd) ELO_MUST_USE;

/* Replaces the file durably; the lock is held. before: checksum of what must
   stand there, NULL: nothing may. ELO_EPRECOND: something else does.
   ELO_EEXISTS. On failure the file is as it was, or, if only the directory's
   sync failed, perhaps the new one. */
elo_err_t elo_ring_save(const elo_vfs_t *v, const char *path,
                        const elo_ring_t *r, const elo_digest_t *before,
                        elo_digest_t *checksum) ELO_MUST_USE;

#endif
