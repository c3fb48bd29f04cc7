/* SPDX-License-Identifier: BSD-2-Clause */
/* ring_file: a keyring on disk: read whole, replaced whole. A change is written
   to a file beside it, synced, renamed over it, and the directory synced. */
#include "backend/keys/keyring_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MODE 0600u


/* "path.suffix"; free with free. */
static char *
beside(const char *path, const char *suffix)
{
    size_t len = strlen(path) + strlen(suffix) + 1;
    char *p = malloc(len);

    if (p != NULL) {
        snprintf(p, len, "%s%s", path, suffix);
    }
    return p;
}


/* The directory that path is in. "a/b" gives "a/.", "b" gives "."; the dot, since
   a last component that is a symbolic link isn't followed. */
static elo_err_t
open_dir(const elo_vfs_t *v, const char *path, int *fd)
{
    char *dir = beside(path, "/."), *slash;
    elo_err_t rc;

    if (dir == NULL) {
        return ELO_ENOMEM;
    }
    dir[strlen(path)] = '\0';
    slash = strrchr(dir, '/');
    memcpy(slash == NULL ? dir : slash + 1, ".", 2);
    rc = v->open(v, ELO_VFS_CWD, dir, ELO_VFS_DIR, 0, fd);
    free(dir);
    return rc;
}


static elo_err_t
read_all(const elo_vfs_t *v, int fd, uint8_t *to, size_t len)
{
    for (size_t off = 0, n; off < len; off += n) {
        elo_err_t rc = v->pread(v, fd, to + off, len - off, off, &n);

        if (rc != ELO_OK) {
            return rc;
        }
        if (n == 0) {
            return ELO_ECORRUPT; /* it shrank */
        }
    }
    return ELO_OK;
}


/* The file's bytes in secret memory. */
static elo_err_t
slurp(const elo_vfs_t *v, const char *path, uint8_t **out, size_t *out_len)
{
    uint8_t *bytes = NULL;
    uint64_t size = 0;
    int fd = -1;
    elo_err_t rc = v->open(v, ELO_VFS_CWD, path, ELO_VFS_READ, 0, &fd);

    if (rc != ELO_OK) {
        return rc == ENOENT ? ELO_ENOTFOUND : rc;
    }
    if ((rc = v->size(v, fd, &size)) != ELO_OK) {
        goto done;
    }
    if (size > ELO_RING_FILE_MAX) {
        rc = ELO_ECORRUPT;
        goto done;
    }
    bytes = elo_secret_alloc((size_t) size + 1);
    rc = bytes == NULL ? ELO_ENOMEM : read_all(v, fd, bytes, (size_t) size);

done:
    v->close(v, fd);
    if (rc != ELO_OK) {
        elo_secret_free(bytes);
        return rc;
    }
    *out = bytes;
    *out_len = (size_t) size;
    return ELO_OK;
}


elo_err_t
elo_ring_load(const elo_vfs_t *v, const char *path, elo_slice_t passphrase,
              elo_ring_t **out, elo_digest_t *checksum)
{
    elo_ring_t *r = NULL;
    uint8_t *bytes = NULL;
    elo_ring_file_t f;
    size_t len = 0;
    elo_err_t rc = slurp(v, path, &bytes, &len);

    if (rc != ELO_OK) {
        return rc;
    }
    rc = elo_ring_file_get(elo_slice(bytes, len), &f);
    if (rc == ELO_OK) {
        rc = elo_ring_lock_key(&f.lock, passphrase);
        if (rc == ELO_OK) {
            rc = elo_ring_file_open(&f, &r);
        }
        if (rc == ELO_OK && !elo_ring_is_complete(r)) {
            elo_ring_free(&r);
            rc = ELO_ECORRUPT;
        }
        if (rc == ELO_OK) {
            *out = r;
            *checksum = f.checksum;
        }
        elo_wipe(&f.lock, sizeof(f.lock));
    }
    elo_secret_free(bytes);
    return rc;
}


/* Files that root makes belong to whom the directory belongs to, so that the
   daemon can use them. Others may not give files away, nor need to. */
static elo_err_t
own_like_dir(const elo_vfs_t *v, int fd, int dir)
{
    elo_err_t rc = v->own_like(v, fd, dir);

    return rc == EPERM ? ELO_OK : rc;
}


elo_err_t
elo_ring_lock_file(const elo_vfs_t *v, const char *path, int *out)
{
    char *name = beside(path, ".lock");
    int fd = -1, dir = -1;
    elo_err_t rc;

    if (name == NULL) {
        return ELO_ENOMEM;
    }
    rc = open_dir(v, path, &dir);
    if (rc == ELO_OK) {
        rc = v->open(v, ELO_VFS_CWD, name, ELO_VFS_WRITE, MODE, &fd);
        if (rc == ELO_OK && (rc = own_like_dir(v, fd, dir)) != ELO_OK) {
            v->close(v, fd);
        }
        v->close(v, dir);
    }
    free(name);
    if (rc != ELO_OK) {
        return rc == ENOENT ? ELO_ENOTFOUND : rc;
    }
    rc = v->lock(v, fd);
    if (rc != ELO_OK) {
        v->close(v, fd);
        return rc == EWOULDBLOCK ? ELO_EBUSY : rc;
    }
    *out = fd;
    return ELO_OK;
}


/* Does the file stand there as it must? */
static elo_err_t
check_before(const elo_vfs_t *v, const char *path, const elo_digest_t *before)
{
    uint8_t *bytes = NULL;
    size_t len = 0;
    elo_err_t rc = slurp(v, path, &bytes, &len);
    bool is_same;

    if (before == NULL) {
        elo_secret_free(bytes);
        return rc == ELO_OK ? ELO_EEXISTS : rc == ELO_ENOTFOUND ? ELO_OK : rc;
    }
    if (rc != ELO_OK) {
        return rc == ELO_ENOTFOUND ? ELO_EPRECOND : rc;
    }
    is_same =
        len >= sizeof(before->b)
        && memcmp(bytes + len - sizeof(before->b), before->b, sizeof(before->b))
               == 0;
    elo_secret_free(bytes);
    return is_same ? ELO_OK : ELO_EPRECOND;
}


/* The owner of the old file, or of the directory, for a new one at fd. */
static elo_err_t
own(const elo_vfs_t *v, int fd, int dir, const char *old)
{
    elo_err_t rc;
    int like = -1;

    rc = v->open(v, ELO_VFS_CWD, old, ELO_VFS_READ, 0, &like);
    if (rc == ENOENT) {
        return own_like_dir(v, fd, dir);
    }
    if (rc == ELO_OK) {
        rc = v->own_like(v, fd, like);
        v->close(v, like);
    }
    return rc;
}


static elo_err_t
write_all(const elo_vfs_t *v, int fd, elo_slice_t bytes)
{
    for (size_t off = 0, n; off < bytes.len; off += n) {
        elo_err_t rc;

        n = 0;
        rc = v->pwrite(v, fd, bytes.p + off, bytes.len - off, off, &n);
        if (rc != ELO_OK) {
            return rc;
        }
        if (n == 0) {
            return ENOSPC;
        }
    }
    return v->fdatasync(v, fd);
}


/* A new file of that name with those bytes, synced, for path to be replaced by;
   removed on failure. */
static elo_err_t
write_new(const elo_vfs_t *v, const char *name, int dir, const char *path,
          elo_slice_t bytes)
{
    elo_err_t rc;
    int fd = -1;

    rc = v->unlink(v, ELO_VFS_CWD, name); /* of a change that was cut off */
    if (rc != ELO_OK && rc != ENOENT) {
        return rc;
    }
    rc = v->open(v, ELO_VFS_CWD, name, ELO_VFS_CREATE, MODE, &fd);
    if (rc != ELO_OK) {
        return rc;
    }
    rc = own(v, fd, dir, path);
    if (rc == ELO_OK) {
        rc = write_all(v, fd, bytes);
    }
    v->close(v, fd);
    if (rc != ELO_OK) {
        elo_ignore(v->unlink(v, ELO_VFS_CWD, name)); /* the first error tells */
    }
    return rc;
}


static elo_err_t
replace(const elo_vfs_t *v, const char *path, elo_slice_t bytes)
{
    char *name = beside(path, ".new");
    elo_err_t rc;
    int dir = -1;

    if (name == NULL) {
        return ELO_ENOMEM;
    }
    rc = open_dir(v, path, &dir);
    if (rc == ELO_OK) {
        rc = write_new(v, name, dir, path, bytes);
    }
    if (rc == ELO_OK) {
        rc = v->rename(v, ELO_VFS_CWD, name, path);
        if (rc != ELO_OK) {
            elo_ignore(v->unlink(v, ELO_VFS_CWD, name)); /* as above */
        } else {
            rc = v->fsync_dir(v, dir);
        }
    }
    if (dir >= 0) {
        v->close(v, dir);
    }
    free(name);
    return rc;
}


elo_err_t
elo_ring_save(const elo_vfs_t *v, const char *path, const elo_ring_t *r,
              const elo_digest_t *before, elo_digest_t *checksum)
{
    uint8_t *mem;
    elo_buf_t b;
    elo_err_t rc = check_before(v, path, before);

    if (rc != ELO_OK) {
        return rc;
    }
    mem = elo_secret_alloc(ELO_RING_FILE_MAX);
    if (mem == NULL) {
        return ELO_ENOMEM;
    }
    elo_buf_init_fixed(&b, mem, ELO_RING_FILE_MAX);
    rc = elo_ring_file_put(&b, r, &r->lock, NULL);
    if (rc == ELO_OK) {
        rc = replace(v, path, elo_buf_slice(&b));
    }
    if (rc == ELO_OK) {
        memcpy(checksum->b, b.p + b.len - sizeof(checksum->b),
               sizeof(checksum->b));
    }
    elo_secret_free(mem);
    return rc;
}
