/* SPDX-License-Identifier: BSD-2-Clause */
/* slowsync: preloaded into a server, makes each durable flush take SLOWSYNC_US
   microseconds longer: a disk that is not this one. Flushes are fsync, fdatasync,
   synchronous msync, and writes to descriptors that were opened with O_DSYNC. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define REAL(ret, name, ...)                                                   \
    static ret (*real)(__VA_ARGS__);                                           \
    if (real == NULL) {                                                        \
        *(void **) &real = dlsym(RTLD_NEXT, name);                             \
    }


static void
delay(void)
{
    const char *text = getenv("SLOWSYNC_US");
    long us = text != NULL ? atol(text) : 0;
    struct timespec t = { us / 1000000, us % 1000000 * 1000 };

    if (us > 0) {
        nanosleep(&t, NULL);
    }
}


int
fsync(int fd)
{
    REAL(int, "fsync", int)
    int rc = real(fd);

    delay();
    return rc;
}


int
fdatasync(int fd)
{
    REAL(int, "fdatasync", int)
    int rc = real(fd);

    delay();
    return rc;
}


int
msync(void *p, size_t len, int flags)
{
    REAL(int, "msync", void *, size_t, int)
    int rc = real(p, len, flags);

    if ((flags & MS_SYNC) != 0) {
        delay();
    }
    return rc;
}


ssize_t
pwrite(int fd, const void *p, size_t len, off_t off)
{
    REAL(ssize_t, "pwrite", int, const void *, size_t, off_t)
    ssize_t n = real(fd, p, len, off);

    if ((fcntl(fd, F_GETFL) & O_DSYNC) != 0) {
        delay();
    }
    return n;
}


ssize_t
pwrite64(int fd, const void *p, size_t len, off64_t off)
{
    return pwrite(fd, p, len, off);
}
