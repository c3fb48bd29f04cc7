/* SPDX-License-Identifier: BSD-2-Clause */
/* fd: reading of an open file at an offset, and of pipes. */
#include "backend/os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>


elo_err_t
elo_fd_read_at(int fd, void *p, size_t len, uint64_t off)
{
    uint8_t *to = p;

    if (off > INT64_MAX - (uint64_t) len) {
        return ELO_ERANGE;
    }
    while (len != 0) {
        ssize_t n = pread(fd, to, len, (off_t) off);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno;
        }
        if (n == 0) {
            return ELO_ECORRUPT;
        }
        to += n;
        off += (uint64_t) n;
        len -= (size_t) n;
    }
    return ELO_OK;
}


elo_err_t
elo_fd_pipe(int fd[2])
{
    return pipe2(fd, O_CLOEXEC) == 0 ? ELO_OK : errno;
}


elo_err_t
elo_fd_read(int fd, void *p, size_t len, size_t *n)
{
    ssize_t got;

    do {
        got = read(fd, p, len);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return errno;
    }
    *n = (size_t) got;
    return ELO_OK;
}


void
elo_fd_close(int *fd)
{
    if (*fd >= 0) {
        close(*fd); /* no file was written to: nothing can be lost */
        *fd = -1;
    }
}
