/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/os/fd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/os/fd.h"


static void
test_read_at(void **state)
{
    char path[] = "/tmp/elo-fd-XXXXXX";
    char got[8] = "-------";
    int pipes[2];
    int fd = mkstemp(path);

    (void) state;
    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(write(fd, "0123456789", 10), 10);
    assert_int_equal(elo_fd_read_at(fd, got, 4, 6), ELO_OK);
    assert_memory_equal(got, "6789---", 7);
    assert_int_equal(elo_fd_read_at(fd, got, 0, 10), ELO_OK);
    assert_int_equal(elo_fd_read_at(fd, got, 5, 6), ELO_ECORRUPT);
    assert_int_equal(elo_fd_read_at(fd, got, 1, 10), ELO_ECORRUPT);
    assert_int_equal(elo_fd_read_at(fd, got, 1, UINT64_MAX), ELO_ERANGE);
    assert_int_equal(elo_fd_read_at(fd, got, 1, INT64_MAX), ELO_ERANGE);
    elo_fd_close(&fd);
    assert_int_equal(fd, -1);
    elo_fd_close(&fd); /* a second time is nothing */
    assert_int_equal(elo_fd_read_at(fd, got, 1, 0), EBADF);
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(elo_fd_read_at(pipes[0], got, 1, 0), ESPIPE);
    elo_fd_close(&pipes[0]);
    elo_fd_close(&pipes[1]);
}


static void
test_pipe(void **state)
{
    int fd[2] = { -1, -1 };
    char got[8];
    size_t n = 7;

    (void) state;
    assert_int_equal(elo_fd_pipe(fd), ELO_OK);
    assert_int_equal(write(fd[1], "abc", 3), 3);
    assert_int_equal(elo_fd_read(fd[0], got, 2, &n), ELO_OK);
    assert_int_equal(n, 2);
    assert_int_equal(elo_fd_read(fd[0], got + 2, sizeof(got) - 2, &n), ELO_OK);
    assert_int_equal(n, 1);
    assert_memory_equal(got, "abc", 3);
    elo_fd_close(&fd[1]);
    assert_int_equal(elo_fd_read(fd[0], got, sizeof(got), &n), ELO_OK);
    assert_int_equal(n, 0);
    elo_fd_close(&fd[0]);
    assert_int_equal(elo_fd_read(fd[0], got, 1, &n), EBADF);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_at),
        cmocka_unit_test(test_pipe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
