/* SPDX-License-Identifier: BSD-2-Clause */
/* memfile: a file in memory. */
#include "backend/os/memfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/os/fd.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)


static elo_err_t
fill(int fd, elo_slice_t bytes)
{
    size_t done = 0;

    while (done < bytes.len) {
        ssize_t n = pwrite(fd, bytes.p + done, bytes.len - done, (off_t) done);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? errno : ENOSPC;
        }
        done += (size_t) n;
    }
    return fcntl(fd, F_ADD_SEALS, SEALS) == 0 ? ELO_OK : errno;
}


elo_err_t
elo_memfile(elo_slice_t bytes, int *out)
{
    int fd = memfd_create("elohim", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    elo_err_t rc;

    if (fd < 0) {
        return errno;
    }
    rc = fill(fd, bytes);
    if (rc != ELO_OK) {
        elo_fd_close(&fd);
        return rc;
    }
    *out = fd;
    return ELO_OK;
}
