/* SPDX-License-Identifier: BSD-2-Clause */
/* process, clock and file: what the daemon asks of the system at its start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/os/clock.h"
#include "backend/os/file.h"
#include "backend/os/process.h"


static void
test_group(void **state)
{
    int gid = -7;

    (void) state;
    assert_int_equal(elo_process_find_group("root", &gid), ELO_OK);
    assert_int_equal(gid, 0);
    assert_int_equal(elo_process_find_group("4711", &gid), ELO_OK);
    assert_int_equal(gid, 4711);
    assert_int_equal(elo_process_find_group("no such group", &gid),
                     ELO_ENOTFOUND);
    assert_int_equal(elo_process_find_group("4294967295", &gid), ELO_ENOTFOUND);
    assert_int_equal(gid, 4711);
}


static void
test_notify(void **state)
{
    char dir[] = "/tmp/elo_process_XXXXXX";
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    char text[64];
    ssize_t n;
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    (void) state;
    assert_non_null(mkdtemp(dir));
    (void) snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/n", dir);
    assert_int_equal(bind(fd, (struct sockaddr *) &addr, sizeof(addr)), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", addr.sun_path, 1), 0);
    elo_process_notify("READY=1");
    n = recv(fd, text, sizeof(text), MSG_DONTWAIT);
    assert_int_equal(n, 7);
    assert_memory_equal(text, "READY=1", 7);
    (void) close(fd);
    (void) unlink(addr.sun_path);
    (void) rmdir(dir);

    /* Nobody there, nonsense, nothing: no harm done. */
    elo_process_notify("READY=1");
    assert_int_equal(setenv("NOTIFY_SOCKET", "vsock:1", 1), 0);
    elo_process_notify("READY=1");
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    elo_process_notify("READY=1");
}


static void
test_setup(void **state)
{
    mode_t old = umask(0);
    struct rlimit files;

    (void) state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = 64;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    assert_int_equal(elo_process_setup(true), ELO_OK);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    assert_int_equal(files.rlim_cur, files.rlim_max);
    assert_int_equal(umask(old), 027);
    assert_int_equal(raise(SIGPIPE), 0); /* ignored, or we'd be gone */
}


static void
test_clock(void **state)
{
    uint64_t a = elo_clock_mono_ns();
    uint8_t r[64] = { 0 };
    uint8_t zero[64] = { 0 };

    (void) state;
    assert_true(elo_clock_mono_ns() >= a);
    assert_true(elo_clock_unix_s() > 1700000000);
    elo_random(r, sizeof(r));
    assert_memory_not_equal(r, zero, sizeof(r));
}


static void
test_file(void **state)
{
    char path[] = "/tmp/elo_file_XXXXXX";
    char big[10000];
    int fd = mkstemp(path);
    elo_buf_t b;

    (void) state;
    (void) memset(big, 'x', sizeof(big));
    assert_int_equal(write(fd, big, sizeof(big)), sizeof(big));
    (void) close(fd);
    elo_buf_init(&b, 1u << 20);
    assert_int_equal(elo_file_read(path, sizeof(big), &b), ELO_OK);
    assert_int_equal(b.len, sizeof(big));
    assert_memory_equal(b.p, big, sizeof(big));
    assert_int_equal(elo_file_read(path, sizeof(big) - 1, &b), ELO_ETOOBIG);
    assert_int_equal(elo_file_read("/nonexistent", 9, &b), ENOENT);
    assert_int_equal(elo_file_read("/tmp", 9, &b), EISDIR);
    elo_buf_dispose(&b);
    (void) unlink(path);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_group), cmocka_unit_test(test_notify),
        cmocka_unit_test(test_setup), cmocka_unit_test(test_clock),
        cmocka_unit_test(test_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
