/* SPDX-License-Identifier: BSD-2-Clause */
/* sandbox: see the header. Spec: seccomp(2), SECCOMP_SET_MODE_STRICT; prctl(2),
   PR_SET_NO_NEW_PRIVS; setrlimit(2). */
#include "backend/os/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/num.h"

#define NOBODY      65534
#define CPU_SECONDS 60


elo_err_t
elo_sandbox_map_file(int fd, elo_slice_t *out)
{
    struct stat st;
    void *p;

    if (fstat(fd, &st) != 0) {
        return errno;
    }
    if (!S_ISREG(st.st_mode)) {
        return ELO_EINVAL;
    }
    if (st.st_size == 0) {
        *out = elo_slice(NULL, 0);
        return ELO_OK;
    }
    p = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        return errno;
    }
    *out = elo_slice(p, (size_t) st.st_size);
    return ELO_OK;
}


elo_err_t
elo_sandbox_map_memory(size_t len, void **out)
{
    void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED) {
        return errno;
    }
    *out = p;
    return ELO_OK;
}


static elo_err_t
drop_root(void)
{
    if (geteuid() != 0) {
        return ELO_OK;
    }
    if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0
        || setresuid(NOBODY, NOBODY, NOBODY) != 0)
    {
        return errno;
    }
    /* Once more by hand: this must never be wrong. */
    return setuid(0) == 0 || geteuid() == 0 ? EPERM : ELO_OK;
}


static elo_err_t
limit_resources(void)
{
    static const struct {
        __rlimit_resource_t what;
        rlim_t most;
    } limits[] = { { RLIMIT_CPU, CPU_SECONDS },
                   { RLIMIT_FSIZE, 0 },
                   { RLIMIT_NPROC, 0 },
                   { RLIMIT_CORE, 0 },
                   { RLIMIT_NOFILE, 0 } };
    size_t i;

    for (i = 0; i < ELO_COUNT(limits); i++) {
        struct rlimit r = { limits[i].most, limits[i].most };

        if (setrlimit(limits[i].what, &r) != 0) {
            return errno;
        }
    }
    return ELO_OK;
}


elo_err_t
elo_sandbox_enter(int keep_below)
{
    elo_err_t rc;

    if (close_range((unsigned) keep_below, ~0u, 0) != 0) {
        return errno;
    }
    if ((rc = drop_root()) != ELO_OK || (rc = limit_resources()) != ELO_OK) {
        return rc;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
        || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0
        || prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) != 0)
    {
        return errno;
    }
    return ELO_OK;
}


elo_err_t
elo_sandbox_write(int fd, elo_slice_t bytes)
{
    while (bytes.len != 0) {
        ssize_t n = write(fd, bytes.p, bytes.len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno;
        }
        bytes = elo_slice(bytes.p + n, bytes.len - (size_t) n);
    }
    return ELO_OK;
}


/* exit(2) and not exit_group(2), which strict mode forbids; the process has one
   thread only. */
void
elo_sandbox_exit(int status)
{
    for (;;) {
        (void) syscall(SYS_exit, status);
    }
}
