/* SPDX-License-Identifier: BSD-2-Clause */
/* probe: see the header. */
#include "backend/os/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define BY_SIGNAL 128 /* as shells have it */


/* In the child. */
static void
quiet(void)
{
    static const int deadly[] = { SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE };
    struct rlimit none = { 0, 0 };
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (fd != -1) {
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
    }
    setrlimit(RLIMIT_CORE, &none);
    for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++) {
        signal(deadly[i], SIG_DFL);
    }
}


elo_err_t
elo_probe(int (*fn)(void *ctx), void *ctx, int *status)
{
    pid_t pid = fork();
    int what;

    if (pid == -1) {
        return errno;
    }
    if (pid == 0) {
        quiet();
        _exit(fn(ctx));
    }
    while (waitpid(pid, &what, 0) == -1) {
        if (errno != EINTR) {
            return errno;
        }
    }
    *status =
        WIFSIGNALED(what) ? BY_SIGNAL + WTERMSIG(what) : WEXITSTATUS(what);
    return ELO_OK;
}
