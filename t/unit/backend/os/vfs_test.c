/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/os/vfs: the operations that do more than a system call of the
   same name, and those that a file system may not have. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "backend/os/vfs.h"

#define BYTES (64u << 10)

typedef struct {
    char path[32];
    int dir;
    const elo_vfs_t *v;
} dir_t;


static int
setup(void **state)
{
    dir_t *d = calloc(1, sizeof(*d));

    assert_non_null(d);
    strcpy(d->path, "/tmp/elo-vfs-XXXXXX");
    assert_non_null(mkdtemp(d->path));
    d->v = elo_vfs_posix();
    assert_int_equal(d->v->open_root(d->v, d->path, 0700, &d->dir), ELO_OK);
    *state = d;
    return 0;
}


static int
teardown(void **state)
{
    dir_t *d = *state;
    char cmd[64];

    d->v->close(d->v, d->dir);
    snprintf(cmd, sizeof(cmd), "rm -rf %s", d->path);
    assert_int_equal(system(cmd), 0);
    free(d);
    return 0;
}


static void
opens(void **state)
{
    const dir_t *d = *state;
    const elo_vfs_t *v = d->v;
    mode_t mask = umask(0077);
    struct stat st;
    int fd;

    assert_int_equal(v->open(v, d->dir, "f", ELO_VFS_READ, 0, &fd), ENOENT);
    assert_int_equal(v->open(v, d->dir, "f", ELO_VFS_CREATE, 0640, &fd),
                     ELO_OK);
    umask(mask);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640); /* whatever the umask */
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    v->close(v, fd);
    assert_int_equal(v->open(v, d->dir, "f", ELO_VFS_CREATE, 0640, &fd),
                     EEXIST);
    assert_int_equal(symlinkat("f", d->dir, "l"), 0);
    assert_int_equal(v->open(v, d->dir, "l", ELO_VFS_READ, 0, &fd), ELOOP);
    assert_int_equal(v->open(v, d->dir, "f", ELO_VFS_DIR, 0, &fd), ENOTDIR);
}


static void
writes_of_many_parts(void **state)
{
    const dir_t *d = *state;
    const elo_vfs_t *v = d->v;
    elo_slice_t parts[ELO_VFS_PARTS_MAX];
    uint8_t back[2 * ELO_VFS_PARTS_MAX];
    size_t n;
    int fd;

    assert_int_equal(v->open(v, d->dir, "f", ELO_VFS_CREATE, 0600, &fd),
                     ELO_OK);
    for (size_t i = 0; i < ELO_VFS_PARTS_MAX; i++) {
        parts[i] = elo_slice("ab", i % 3);
    }
    assert_int_equal(v->pwritev(v, fd, parts, ELO_VFS_PARTS_MAX, 100, &n),
                     ELO_OK);
    assert_int_equal(n, 1023); /* 341 times 0, 1 and 2, and 0 */
    assert_int_equal(v->pread(v, fd, back, sizeof(back), 100, &n), ELO_OK);
    assert_int_equal(n, 1023);
    assert_memory_equal(back, "aabaab", 6);
    assert_int_equal(v->pwritev(v, fd, parts, 0, 0, &n), ELO_OK);
    assert_int_equal(n, 0);
    assert_int_equal(v->pwritev(v, fd, parts, ELO_VFS_PARTS_MAX + 1, 0, &n),
                     EINVAL);
    v->close(v, fd);
    assert_int_equal(v->pwritev(v, -1, parts, 2, 0, &n), EBADF);
}


/* Right bytes or EAGAIN, which is what a file system that can't tell gives. */
static void
reads_of_what_is_in_memory(void **state)
{
    const dir_t *d = *state;
    const elo_vfs_t *v = d->v;
    uint8_t *bytes = malloc(BYTES), *back = malloc(BYTES);
    elo_err_t rc;
    size_t n;
    int fd, pipes[2];

    memset(bytes, 7, BYTES);
    assert_int_equal(v->open(v, d->dir, "f", ELO_VFS_CREATE, 0600, &fd),
                     ELO_OK);
    assert_int_equal(v->pwrite(v, fd, bytes, BYTES, 0, &n), ELO_OK);
    rc = v->pread_now(v, fd, back, BYTES, 0, &n);
    assert_true(rc == ELO_OK || rc == EAGAIN);
    if (rc == ELO_OK) {
        assert_int_equal(n, BYTES);
        assert_memory_equal(back, bytes, BYTES);
        assert_int_equal(v->pread_now(v, fd, back, BYTES, BYTES - 5, &n),
                         ELO_OK);
        assert_int_equal(n, 5); /* the end of the file is no wait */
    }
    /* what was put out of memory may be refused, or given in part */
    assert_int_equal(v->fdatasync(v, fd), ELO_OK);
    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    n = 0;
    rc = v->pread_now(v, fd, back, BYTES, 0, &n);
    assert_true(rc == EAGAIN || (rc == ELO_OK && n <= BYTES));
    v->close(v, fd);
    assert_int_equal(v->pread_now(v, -1, back, 1, 0, &n), EBADF);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(v->pread_now(v, pipes[0], back, 1, 0, &n), ESPIPE);
    close(pipes[0]);
    close(pipes[1]);
    free(bytes);
    free(back);
}


static void
sizes(void **state)
{
    const dir_t *d = *state;
    const elo_vfs_t *v = d->v;
    uint64_t size, space;
    uint8_t byte;
    size_t n;
    int fd;

    assert_int_equal(v->open(v, d->dir, "f", ELO_VFS_WRITE, 0600, &fd), ELO_OK);
    assert_int_equal(v->truncate(v, fd, 10000), ELO_OK);
    assert_int_equal(v->size(v, fd, &size), ELO_OK);
    assert_int_equal(size, 10000);
    assert_int_equal(v->pread(v, fd, &byte, 1, 9999, &n), ELO_OK);
    assert_true(n == 1 && byte == 0);
    assert_int_equal(v->pread(v, fd, &byte, 1, 10000, &n), ELO_OK);
    assert_int_equal(n, 0);
    assert_int_equal(v->size(v, d->dir, &size), EINVAL); /* no file */
    assert_int_equal(v->free_space(v, fd, &space), ELO_OK);
    assert_true(space > 0);
    v->close(v, fd);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(opens, setup, teardown),
        cmocka_unit_test_setup_teardown(writes_of_many_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_of_what_is_in_memory, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(sizes, setup, teardown),
    };

    return cmocka_run_group_tests_name("vfs", tests, NULL, NULL);
}
