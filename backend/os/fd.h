/* SPDX-License-Identifier: BSD-2-Clause */
/* fd: reading of an open file at an offset, for those that were handed a file
   descriptor by the store. From a pool thread: these wait for the disk. */
#ifndef ELO_OS_FD_H
#define ELO_OS_FD_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

/* Reads exactly len bytes from off. ELO_ECORRUPT when the file ends before. */
elo_err_t elo_fd_read_at(int fd, void *p, size_t len,
                         uint64_t off) ELO_MUST_USE;

/* Closes *fd and sets it to -1; nothing when it is -1 already. Any thread. */
void elo_fd_close(int *fd);

#endif
