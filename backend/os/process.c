/* SPDX-License-Identifier: BSD-2-Clause */
/* process: see the header. Spec of the notification: sd_notify(3), a datagram
   to the socket that $NOTIFY_SOCKET names. */
#include "backend/os/process.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/slice.h"

/* The leak checker attaches to the process at its end. */
#if defined(__SANITIZE_ADDRESS__)
#define MUST_STAY_TRACEABLE true
#else
#define MUST_STAY_TRACEABLE false
#endif

#define GROUP_BUF_LEN 65536 /* entries list every member */


/* The soft limit is for programs that use select(2). What can't be raised is
   met as EMFILE, which fails one request. */
static void
raise_open_files(void)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &r);
    }
}


elo_err_t
elo_process_setup(bool may_dump)
{
    struct rlimit none = { 0, 0 };

    (void) umask(027);
    raise_open_files();
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
        return errno;
    }
    if (may_dump || MUST_STAY_TRACEABLE) {
        return ELO_OK;
    }
    if (setrlimit(RLIMIT_CORE, &none) != 0
        || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
    {
        return errno;
    }
    return ELO_OK;
}


elo_err_t
elo_process_set_threads(uint32_t n)
{
    char text[16];

    (void) snprintf(text, sizeof(text), "%u", n);
    return setenv("UV_THREADPOOL_SIZE", text, 1) == 0 ? ELO_OK : errno;
}


elo_err_t
elo_process_find_group(const char *name, int *gid)
{
    static char mem[GROUP_BUF_LEN];
    struct group entry;
    struct group *found = NULL;
    uint64_t number;

    if (elo_slice_u64(elo_slice_str(name), &number)) {
        if (number > INT32_MAX) {
            return ELO_ENOTFOUND;
        }
        *gid = (int) number;
        return ELO_OK;
    }
    if (getgrnam_r(name, &entry, mem, sizeof(mem), &found) != 0
        || found == NULL) {
        return ELO_ENOTFOUND;
    }
    *gid = (int) found->gr_gid;
    return ELO_OK;
}


void
elo_process_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    size_t len;
    int fd;

    if (path == NULL || (path[0] != '/' && path[0] != '@')) {
        return;
    }
    len = strlen(path);
    if (len >= sizeof(addr.sun_path)) {
        return;
    }
    (void) memcpy(addr.sun_path, path, len);
    if (path[0] == '@') {
        addr.sun_path[0] = '\0'; /* the abstract name space */
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    /* A service manager that doesn't listen is no reason to fail. */
    elo_ignore(
        sendto(fd, state, strlen(state), MSG_NOSIGNAL,
               (struct sockaddr *) &addr,
               (socklen_t) (offsetof(struct sockaddr_un, sun_path) + len))
        < 0);
    (void) close(fd);
}


void
elo_process_quit(int status)
{
    _exit(status);
}
