/* SPDX-License-Identifier: BSD-2-Clause */
/* vfs: the file operations of Linux, one system call each. */
#include "backend/os/vfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

/* NOLINTNEXTLINE(misc-redundant-expression): the header may not include it */
_Static_assert(ELO_VFS_CWD == AT_FDCWD, "of Linux");
_Static_assert(ELO_VFS_PARTS_MAX == IOV_MAX, "of Linux");

#define RETRY(call)                                                            \
    ({                                                                         \
        ssize_t _rc;                                                           \
        do {                                                                   \
            _rc = (call);                                                      \
        } while (_rc == -1 && errno == EINTR);                                 \
        _rc;                                                                   \
    })


static elo_err_t
result(ssize_t rc)
{
    return rc == -1 ? errno : ELO_OK;
}


static elo_err_t
posix_chmod(const elo_vfs_t *v, int fd, unsigned mode)
{
    (void) v;
    return result(fchmod(fd, (mode_t) mode));
}


static elo_err_t
posix_open(const elo_vfs_t *v, int dir, const char *path, elo_vfs_open_t how,
           unsigned mode, int *out)
{
    static const int flags[] = {
        [ELO_VFS_READ] = O_RDONLY,
        [ELO_VFS_WRITE] = O_RDWR | O_CREAT,
        [ELO_VFS_CREATE] = O_RDWR | O_CREAT | O_EXCL,
        [ELO_VFS_DIR] = O_RDONLY | O_DIRECTORY,
    };
    int fd = (int) RETRY(
        openat(dir, path, flags[how] | O_CLOEXEC | O_NOFOLLOW, (mode_t) mode));
    elo_err_t rc;

    if (fd == -1) {
        return errno;
    }
    if (how == ELO_VFS_CREATE && (rc = posix_chmod(v, fd, mode)) != ELO_OK) {
        close(fd);
        unlinkat(dir, path, 0);
        return rc;
    }
    *out = fd;
    return ELO_OK;
}


static elo_err_t
posix_open_root(const elo_vfs_t *v, const char *path, unsigned mode, int *out)
{
    int fd;

    (void) v;
    if (mkdir(path, (mode_t) mode) != 0 && errno != EEXIST) {
        return errno;
    }
    fd = (int) RETRY(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd == -1) {
        return errno;
    }
    *out = fd;
    return ELO_OK;
}


static elo_err_t
posix_open_tmp(const elo_vfs_t *v, int dir, const char *path, unsigned mode,
               int *out)
{
    int fd = (int) RETRY(
        openat(dir, path, O_TMPFILE | O_RDWR | O_CLOEXEC, (mode_t) mode));
    elo_err_t rc;

    if (fd == -1) {
        return errno;
    }
    if ((rc = posix_chmod(v, fd, mode)) != ELO_OK) {
        close(fd);
        return rc;
    }
    *out = fd;
    return ELO_OK;
}


static void
posix_close(const elo_vfs_t *v, int fd)
{
    (void) v;
    close(fd); /* what had to be on disk has been synced before */
}


static elo_err_t
posix_pread(const elo_vfs_t *v, int fd, void *p, size_t len, uint64_t off,
            size_t *n)
{
    ssize_t rc = RETRY(pread(fd, p, len, (off_t) off));

    (void) v;
    if (rc == -1) {
        return errno;
    }
    *n = (size_t) rc;
    return ELO_OK;
}


static elo_err_t
posix_pwrite(const elo_vfs_t *v, int fd, const void *p, size_t len,
             uint64_t off, size_t *n)
{
    ssize_t rc = RETRY(pwrite(fd, p, len, (off_t) off));

    (void) v;
    if (rc == -1) {
        return errno;
    }
    *n = (size_t) rc;
    return ELO_OK;
}


static elo_err_t
posix_pread_now(const elo_vfs_t *v, int fd, void *p, size_t len, uint64_t off,
                size_t *n)
{
    struct iovec part = { p, len };
    ssize_t rc = RETRY(preadv2(fd, &part, 1, (off_t) off, RWF_NOWAIT));

    (void) v;
    if (rc == -1) {
        return errno == EOPNOTSUPP || errno == ENOSYS ? EAGAIN : errno;
    }
    *n = (size_t) rc;
    return ELO_OK;
}


static elo_err_t
posix_pwritev(const elo_vfs_t *v, int fd, const elo_slice_t *parts,
              unsigned n_parts, uint64_t off, size_t *n)
{
    /* A slice is laid out as the kernel's iovec. */
    _Static_assert(
        sizeof(elo_slice_t) == sizeof(struct iovec)
            && offsetof(elo_slice_t, p) == offsetof(struct iovec, iov_base)
            && offsetof(elo_slice_t, len) == offsetof(struct iovec, iov_len),
        "elo_slice_t is no iovec");
    ssize_t rc = RETRY(pwritev(fd, (const struct iovec *) (const void *) parts,
                               (int) n_parts, (off_t) off));

    (void) v;
    if (rc == -1) {
        return errno;
    }
    *n = (size_t) rc;
    return ELO_OK;
}


static elo_err_t
posix_size(const elo_vfs_t *v, int fd, uint64_t *size)
{
    struct stat st;

    (void) v;
    if (fstat(fd, &st) != 0) {
        return errno;
    }
    if (!S_ISREG(st.st_mode)) {
        return EINVAL;
    }
    *size = (uint64_t) st.st_size;
    return ELO_OK;
}


static elo_err_t
posix_truncate(const elo_vfs_t *v, int fd, uint64_t size)
{
    (void) v;
    return result(RETRY(ftruncate(fd, (off_t) size)));
}


static elo_err_t
posix_fdatasync(const elo_vfs_t *v, int fd)
{
    (void) v;
    /* Not retried, not even after EINTR: a second sync may report success for
       pages that the first one failed to write. */
    return result(fdatasync(fd));
}


static elo_err_t
posix_fsync_dir(const elo_vfs_t *v, int fd)
{
    (void) v;
    return result(fsync(fd));
}


static elo_err_t
posix_write_behind(const elo_vfs_t *v, int fd, uint64_t off, uint64_t len,
                   bool wait)
{
    unsigned flags = SYNC_FILE_RANGE_WRITE;

    (void) v;
    if (wait) {
        flags |= SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER;
    }
    if (sync_file_range(fd, (off_t) off, (off_t) len, flags) == 0
        || errno == ENOSYS || errno == EINVAL || errno == EOPNOTSUPP)
    {
        return ELO_OK; /* a hint that this file system does not know */
    }
    return errno;
}


static elo_err_t
posix_link_fd(const elo_vfs_t *v, int fd, int dir, const char *path)
{
    char self[32];

    (void) v;
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    return result(linkat(AT_FDCWD, self, dir, path, AT_SYMLINK_FOLLOW));
}


static elo_err_t
posix_link(const elo_vfs_t *v, int dir, const char *from, const char *to)
{
    (void) v;
    return result(linkat(dir, from, dir, to, 0));
}


static elo_err_t
posix_rename(const elo_vfs_t *v, int dir, const char *from, const char *to)
{
    (void) v;
    return result(renameat(dir, from, dir, to));
}


static elo_err_t
posix_unlink(const elo_vfs_t *v, int dir, const char *path)
{
    (void) v;
    return result(unlinkat(dir, path, 0));
}


static elo_err_t
posix_mkdir(const elo_vfs_t *v, int dir, const char *path, unsigned mode)
{
    (void) v;
    return result(mkdirat(dir, path, (mode_t) mode));
}


static elo_err_t
posix_chgrp(const elo_vfs_t *v, int fd, int gid)
{
    (void) v;
    return result(fchown(fd, (uid_t) -1, (gid_t) gid));
}


static elo_err_t
posix_own_like(const elo_vfs_t *v, int fd, int like)
{
    struct stat is, want;

    (void) v;
    if (fstat(fd, &is) != 0 || fstat(like, &want) != 0) {
        return errno;
    }
    if (is.st_uid == want.st_uid && is.st_gid == want.st_gid) {
        return ELO_OK;
    }
    return result(fchown(fd, want.st_uid, want.st_gid));
}


static elo_err_t
posix_list(const elo_vfs_t *v, int dir, const char *path, elo_vfs_list_fn fn,
           void *ctx)
{
    DIR *d;
    struct dirent *e;
    elo_err_t rc;
    int fd = -1;

    if ((rc = posix_open(v, dir, path, ELO_VFS_DIR, 0, &fd)) != ELO_OK) {
        return rc;
    }
    d = fdopendir(fd);
    if (d == NULL) {
        rc = errno;
        close(fd);
        return rc;
    }
    rewinddir(d);
    for (errno = 0; (e = readdir(d)) != NULL; errno = 0) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0
            && !fn(ctx, e->d_name))
        {
            break;
        }
    }
    rc = e == NULL ? errno : ELO_OK;
    closedir(d);
    return rc;
}


static elo_err_t
posix_free_space(const elo_vfs_t *v, int fd, uint64_t *bytes)
{
    struct statvfs st;

    (void) v;
    if (RETRY(fstatvfs(fd, &st)) != 0) {
        return errno;
    }
    if (__builtin_mul_overflow((uint64_t) st.f_bavail, (uint64_t) st.f_frsize,
                               bytes))
    {
        *bytes = UINT64_MAX;
    }
    return ELO_OK;
}


static elo_err_t
posix_lock(const elo_vfs_t *v, int fd)
{
    (void) v;
    return result(RETRY(flock(fd, LOCK_EX | LOCK_NB)));
}


static elo_err_t
posix_map(const elo_vfs_t *v, int fd, size_t len, void **out)
{
    void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    (void) v;
    if (p == MAP_FAILED) {
        return errno;
    }
    *out = p;
    return ELO_OK;
}


static void
posix_unmap(const elo_vfs_t *v, void *p, size_t len)
{
    (void) v;
    munmap(p, len);
}


static elo_err_t
posix_checkpoint(const elo_vfs_t *v)
{
    (void) v;
    return ELO_OK;
}


const elo_vfs_t *
elo_vfs_posix(void)
{
    static const elo_vfs_t posix = {
        .open = posix_open,
        .open_root = posix_open_root,
        .open_tmp = posix_open_tmp,
        .close = posix_close,
        .pread = posix_pread,
        .pread_now = posix_pread_now,
        .pwrite = posix_pwrite,
        .pwritev = posix_pwritev,
        .size = posix_size,
        .truncate = posix_truncate,
        .fdatasync = posix_fdatasync,
        .fsync_dir = posix_fsync_dir,
        .write_behind = posix_write_behind,
        .link_fd = posix_link_fd,
        .link = posix_link,
        .rename = posix_rename,
        .unlink = posix_unlink,
        .mkdir = posix_mkdir,
        .chmod = posix_chmod,
        .chgrp = posix_chgrp,
        .own_like = posix_own_like,
        .list = posix_list,
        .free_space = posix_free_space,
        .lock = posix_lock,
        .map = posix_map,
        .unmap = posix_unmap,
        .checkpoint = posix_checkpoint,
    };

    return &posix;
}


long
elo_vfs_pid(void)
{
    return (long) getpid();
}
