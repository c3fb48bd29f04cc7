/* SPDX-License-Identifier: BSD-2-Clause */
/* file: see the header. */
#include "backend/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define STEP 4096


elo_err_t
elo_file_read(const char *path, size_t max, elo_buf_t *out)
{
    uint8_t piece[STEP];
    size_t total = 0;
    elo_err_t rc = ELO_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0) {
        return errno;
    }
    for (;;) {
        ssize_t n = read(fd, piece, sizeof(piece));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            rc = n == 0 ? ELO_OK : errno;
            break;
        }
        total += (size_t) n;
        if (total > max) {
            rc = ELO_ETOOBIG;
            break;
        }
        elo_buf_put(out, piece, (size_t) n);
    }
    (void) close(fd);
    explicit_bzero(piece, sizeof(piece)); /* it may have been a secret */
    return rc != ELO_OK ? rc : elo_buf_err(out);
}
