/* SPDX-License-Identifier: BSD-2-Clause */
/* memfile: what goes in can be read, and not be changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "backend/os/fd.h"
#include "backend/os/memfile.h"

#define LEN (300u << 10)


static void
test_bytes(void **state)
{
    uint8_t *bytes = malloc(LEN);
    uint8_t *back = malloc(LEN);
    int fd = -1;

    (void) state;
    for (size_t i = 0; i < LEN; i++) {
        bytes[i] = (uint8_t) (i * 7);
    }
    assert_int_equal(elo_memfile(elo_slice(bytes, LEN), &fd), ELO_OK);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
    assert_int_equal(lseek(fd, 0, SEEK_END), LEN);
    assert_int_equal(elo_fd_read_at(fd, back, LEN, 0), ELO_OK);
    assert_memory_equal(back, bytes, LEN);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_ptr_equal(mmap(NULL, LEN, PROT_WRITE, MAP_SHARED, fd, 0),
                     MAP_FAILED);
    elo_fd_close(&fd);
    assert_int_equal(elo_memfile(elo_slice(NULL, 0), &fd), ELO_OK);
    assert_int_equal(lseek(fd, 0, SEEK_END), 0);
    elo_fd_close(&fd);
    free(bytes);
    free(back);
}


/* No descriptor to be had. */
static void
test_no_fd(void **state)
{
    struct rlimit was, none;
    int fd = -1;

    (void) state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    none = was;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(elo_memfile(ELO_SLICE("x"), &fd), EMFILE);
    assert_int_equal(fd, -1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_no_fd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
