/* SPDX-License-Identifier: BSD-2-Clause */
/* child and sandbox: this program runs itself again as the child, in the mode
   that its first argument names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/os/child.h"
#include "backend/os/sandbox.h"
#include "common/base/num.h"

#define MEMORY (1u << 20)

static elo_loop_t *loop;
static elo_child_t *running;
static elo_child_result_t result; /* output is ours */
static unsigned n_done;
static char input_path[] = "/tmp/elo_child_XXXXXX";
static int input;


/* ---- the child ---- */

extern char **environ;


static void
say(const char *s)
{
    if (elo_sandbox_write(ELO_CHILD_OUT_FD, elo_slice_str(s)) != ELO_OK) {
        elo_sandbox_exit(9);
    }
}


/* What the parent must have arranged. */
static void
report_surroundings(void)
{
    char cwd[64];
    char text[128];
    int n_open = 0;
    int fd;

    for (fd = 0; fd < 256; fd++) {
        n_open += fcntl(fd, F_GETFD) != -1;
    }
    if (getcwd(cwd, sizeof(cwd)) == NULL) {
        cwd[0] = '\0';
    }
    (void) snprintf(text, sizeof(text), "cwd %s env %d fds %d write %d", cwd,
                    environ[0] != NULL, n_open,
                    write(ELO_CHILD_IN_FD, "x", 1) == 1);
    say(text);
    exit(0);
}


/* One forbidden thing each; the last resort is a status that tells of it. */
static void
misbehave(const char *mode)
{
    if (strcmp(mode, "--open") == 0) {
        (void) open("/etc/passwd", O_RDONLY);
    } else if (strcmp(mode, "--socket") == 0) {
        (void) socket(AF_UNIX, SOCK_STREAM, 0);
    } else if (strcmp(mode, "--fork") == 0) {
        (void) fork();
    } else if (strcmp(mode, "--kill") == 0) {
        (void) kill(1, 0);
    } else if (strcmp(mode, "--unlink") == 0) {
        (void) unlink("/nonexistent");
    } else if (strcmp(mode, "--crash") == 0) {
        *(volatile int *) (uintptr_t) MEMORY = 1;
    } else if (strcmp(mode, "--spin") == 0) {
        for (;;) {
        }
    }
    elo_sandbox_exit(7);
}


static int
child_main(const char *mode)
{
    elo_slice_t file;
    void *mem;
    int i;

    if (strcmp(mode, "--surroundings") == 0) {
        report_surroundings();
    }
    if (strcmp(mode, "--status") == 0) {
        exit(5);
    }
    if (elo_sandbox_map_file(ELO_CHILD_IN_FD, &file) != ELO_OK
        || elo_sandbox_map_memory(MEMORY, &mem) != ELO_OK)
    {
        return 3;
    }
    /* Only the system calls are at stake in these; a signal handler of a
       sanitizer would hide the crash. */
    (void) signal(SIGSEGV, SIG_DFL);
    if (elo_sandbox_enter(ELO_CHILD_OUT_FD + 1) != ELO_OK) {
        return 4;
    }
    if (strcmp(mode, "--work") == 0) {
        (void) memcpy(mem, file.p, file.len);
        ((char *) mem)[MEMORY - 1] = '\0'; /* all of it may be touched */
        say(mem);
        elo_sandbox_exit(0);
    }
    if (strcmp(mode, "--flood") == 0) {
        (void) memset(mem, 'x', MEMORY - 1);
        for (i = 0; i < 100; i++) {
            say(mem);
        }
        elo_sandbox_exit(0);
    }
    misbehave(mode);
    return 8;
}


/* ---- the parent ---- */

static void
on_done(void *ctx, elo_child_result_t *res)
{
    assert_ptr_equal(ctx, &result);
    result = *res;
    res->output = (elo_buf_t){ 0 };
    n_done++;
}


static void
start(const char *mode, uint64_t max_output, uint32_t timeout_ms)
{
    const char *args[] = { mode, NULL };
    elo_child_cfg_t cfg = { .name = "child_test",
                            .args = args,
                            .input_fd = input,
                            .max_output = max_output,
                            .timeout_ms = timeout_ms };

    n_done = 0;
    assert_int_equal(elo_child_run(loop, &cfg, on_done, &result, &running),
                     ELO_OK);
    assert_int_equal(n_done, 0);
}


static void
run(const char *mode, uint64_t max_output, uint32_t timeout_ms)
{
    start(mode, max_output, timeout_ms);
    elo_loop_run(loop);
    assert_int_equal(n_done, 1);
}


static void
test_surroundings(void **state)
{
    (void) state;
    assert_int_equal(setenv("SECRET", "x", 1), 0);
    run("--surroundings", 1000, 20000);
    assert_int_equal(result.err, ELO_OK);
    assert_string_equal(elo_buf_cstr(&result.output),
                        "cwd / env 0 fds 5 write 0");
    elo_buf_dispose(&result.output);
}


static void
test_work(void **state)
{
    (void) state;
    run("--work", 1000, 20000);
    assert_int_equal(result.err, ELO_OK);
    assert_string_equal(elo_buf_cstr(&result.output), "the input");
    elo_buf_dispose(&result.output);
}


/* Each is death by the system's hand, and nothing else dies. */
static void
test_forbidden(void **state)
{
    static const struct {
        const char *mode;
        int signal;
    } cases[] = {
        { "--open", SIGKILL }, { "--socket", SIGKILL }, { "--fork", SIGKILL },
        { "--kill", SIGKILL }, { "--unlink", SIGKILL }, { "--crash", SIGSEGV },
    };
    size_t i;

    (void) state;
    for (i = 0; i < ELO_COUNT(cases); i++) {
        run(cases[i].mode, 1000, 20000);
        if (result.err != ELO_EINTERNAL || result.signal != cases[i].signal) {
            fail_msg("%s: status %d, signal %d", cases[i].mode,
                     result.exit_status, result.signal);
        }
        assert_int_equal(result.output.len, 0);
        elo_buf_dispose(&result.output);
    }
}


static void
test_ends(void **state)
{
    (void) state;
    run("--status", 1000, 20000);
    assert_int_equal(result.err, ELO_EINTERNAL);
    assert_int_equal(result.exit_status, 5);
    assert_int_equal(result.signal, 0);
    elo_buf_dispose(&result.output);

    run("--spin", 1000, 200);
    assert_int_equal(result.err, ELO_ETIMEDOUT);
    assert_int_equal(result.signal, SIGKILL);
    elo_buf_dispose(&result.output);

    run("--flood", 3 * MEMORY, 20000);
    assert_int_equal(result.err, ELO_ETOOBIG);
    assert_true(result.output.len <= 3 * MEMORY);
    elo_buf_dispose(&result.output);

    run("--flood", 200 * MEMORY, 20000);
    assert_int_equal(result.err, ELO_OK);
    assert_int_equal(result.output.len, 100 * (MEMORY - 1));
    elo_buf_dispose(&result.output);

    start("--spin", 1000, 20000);
    elo_child_kill(running);
    elo_loop_run(loop);
    assert_int_equal(n_done, 1);
    assert_int_equal(result.err, ELO_ECLOSED);
    elo_buf_dispose(&result.output);
}


static void
test_bad_input(void **state)
{
    elo_slice_t file;
    int fds[2];
    int fd = open("/dev/null", O_RDONLY);

    (void) state;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(elo_sandbox_map_file(fds[0], &file), ELO_EINVAL);
    assert_int_equal(elo_sandbox_map_file(fd, &file), ELO_EINVAL);
    assert_int_equal(elo_sandbox_map_file(-1, &file), EBADF);
    (void) close(fds[0]);
    (void) close(fds[1]);
    (void) close(fd);
}


static int
set_up(void **state)
{
    int fd;

    (void) state;
    /* What the test itself has inherited is not to be blamed on the runner. */
    for (fd = 3; fd < 1024; fd++) {
        (void) fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    input = mkstemp(input_path);
    if (input < 0 || write(input, "the input", 9) != 9) {
        return -1;
    }
    (void) close(input);
    input = open(input_path, O_RDONLY | O_CLOEXEC);
    return elo_loop_create(&loop);
}


static int
tear_down(void **state)
{
    (void) state;
    elo_loop_free(&loop);
    (void) close(input);
    return unlink(input_path);
}


int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_surroundings), cmocka_unit_test(test_work),
        cmocka_unit_test(test_forbidden),    cmocka_unit_test(test_ends),
        cmocka_unit_test(test_bad_input),
    };

    if (argc > 1) {
        return child_main(argv[1]);
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
