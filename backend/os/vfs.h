/* SPDX-License-Identifier: BSD-2-Clause */
/* vfs: the table of file operations through which all file I/O of the store
   goes, so that a test can make the n-th one fail or end the process there. It
   decides nothing: flags, retries and meaning are the store's. LMDB does its own
   I/O; before each of its commits the store calls `checkpoint`, so that a test
   has a point there too.

   Names are relative to the directory `dir`; results are ELO_OK or an errno.
   Every operation is safe from any thread. Interrupted calls are repeated, but
   for syncs: a second sync may report success for pages that the first lost. */
#ifndef ELO_OS_VFS_H
#define ELO_OS_VFS_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/base/slice.h"

typedef struct elo_vfs_s elo_vfs_t;

typedef enum {
    ELO_VFS_READ,   /* an existing file */
    ELO_VFS_WRITE,  /* read and write; made when missing */
    ELO_VFS_CREATE, /* read and write; EEXIST when it is there */
    ELO_VFS_DIR     /* a directory, for fsync_dir and as `dir` */
} elo_vfs_open_t;

/* As `dir` of open: relative to the working directory. */
#define ELO_VFS_CWD (-100)

#define ELO_VFS_PARTS_MAX 1024u /* IOV_MAX of Linux */

/* Called for each entry but "." and ".."; returns false to stop. */
typedef bool (*elo_vfs_list_fn)(void *ctx, const char *name);

struct elo_vfs_s {
    /* Never follows a symbolic link in the last component. mode holds exactly,
       whatever the umask, for a file that the call made. */
    elo_err_t (*open)(const elo_vfs_t *v, int dir, const char *path,
                      elo_vfs_open_t how, unsigned mode, int *fd);
    /* The root: an absolute or working-directory path; follows links. Made when
       only its last component is missing. */
    elo_err_t (*open_root)(const elo_vfs_t *v, const char *path, unsigned mode,
                           int *fd);
    /* A file without a name in the directory path (O_TMPFILE). */
    elo_err_t (*open_tmp)(const elo_vfs_t *v, int dir, const char *path,
                          unsigned mode, int *fd);
    void (*close)(const elo_vfs_t *v, int fd);

    /* One system call each: *n may be less than len. */
    elo_err_t (*pread)(const elo_vfs_t *v, int fd, void *p, size_t len,
                       uint64_t off, size_t *n);
    elo_err_t (*pwrite)(const elo_vfs_t *v, int fd, const void *p, size_t len,
                        uint64_t off, size_t *n);
    /* Only what is in memory already: EAGAIN when nothing of it is, and always
       where the file system can't tell. */
    elo_err_t (*pread_now)(const elo_vfs_t *v, int fd, void *p, size_t len,
                           uint64_t off, size_t *n);
    /* The bytes of n_parts (at most ELO_VFS_PARTS_MAX) slices after each
       other. */
    elo_err_t (*pwritev)(const elo_vfs_t *v, int fd, const elo_slice_t *parts,
                         unsigned n_parts, uint64_t off, size_t *n);
    elo_err_t (*size)(const elo_vfs_t *v, int fd, uint64_t *size);
    elo_err_t (*truncate)(const elo_vfs_t *v, int fd, uint64_t size);

    elo_err_t (*fdatasync)(const elo_vfs_t *v, int fd);
    elo_err_t (*fsync_dir)(const elo_vfs_t *v, int fd);
    /* Starts writing the pages of [off, off + len) to disk; with wait, returns
       when they are there. A wait reports errors of earlier write-back, and then
       no later sync does: a failure counts as a failed sync. */
    elo_err_t (*write_behind)(const elo_vfs_t *v, int fd, uint64_t off,
                              uint64_t len, bool wait);

    /* EEXIST when the new name is taken. link_fd gives a name to a file of
       open_tmp. */
    elo_err_t (*link_fd)(const elo_vfs_t *v, int fd, int dir, const char *path);
    elo_err_t (*link)(const elo_vfs_t *v, int dir, const char *from,
                      const char *to);
    elo_err_t (*rename)(const elo_vfs_t *v, int dir, const char *from,
                        const char *to);
    elo_err_t (*unlink)(const elo_vfs_t *v, int dir, const char *path);

    elo_err_t (*mkdir)(const elo_vfs_t *v, int dir, const char *path,
                       unsigned mode);
    elo_err_t (*chmod)(const elo_vfs_t *v, int fd, unsigned mode);
    elo_err_t (*chgrp)(const elo_vfs_t *v, int fd, int gid);
    /* Gives fd the owner and group of `like`; nothing to do when it has them. */
    elo_err_t (*own_like)(const elo_vfs_t *v, int fd, int like);
    elo_err_t (*list)(const elo_vfs_t *v, int dir, const char *path,
                      elo_vfs_list_fn fn, void *ctx);
    /* Bytes that an unprivileged writer may still use. */
    elo_err_t (*free_space)(const elo_vfs_t *v, int fd, uint64_t *bytes);

    /* An exclusive lock until fd is closed; EWOULDBLOCK when it is held, also by
       this process through another fd. */
    elo_err_t (*lock)(const elo_vfs_t *v, int fd);
    /* A shared, writable mapping of the first len bytes. */
    elo_err_t (*map)(const elo_vfs_t *v, int fd, size_t len, void **p);
    void (*unmap)(const elo_vfs_t *v, void *p, size_t len);

    elo_err_t (*checkpoint)(const elo_vfs_t *v);
};

/* The real one. Static. */
const elo_vfs_t *elo_vfs_posix(void);

/* The id of this process, for the lock file. */
long elo_vfs_pid(void);

#endif
