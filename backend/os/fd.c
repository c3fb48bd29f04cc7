/* SPDX-License-Identifier: BSD-2-Clause */
/* fd: reading of an open file at an offset. */
#include "backend/os/fd.h"

#include <errno.h>
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


void
elo_fd_close(int *fd)
{
    if (*fd >= 0) {
        close(*fd); /* only read from: nothing can be lost */
        *fd = -1;
    }
}
