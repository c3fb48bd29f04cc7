/* SPDX-License-Identifier: BSD-2-Clause */
/* fd: reading of an open file at an offset, for those that were handed a file
   descriptor by the store; and pipes. From a pool thread: these wait. */
#ifndef ELO_OS_FD_H
#define ELO_OS_FD_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

/* Reads exactly len bytes from off. ELO_ECORRUPT when the file ends before. */
elo_err_t elo_fd_read_at(int fd, void *p, size_t len,
                         uint64_t off) ELO_MUST_USE;

/* A pipe, closed in children: fd[0] is its end to read from. Both are the
   caller's. */
elo_err_t elo_fd_pipe(int fd[2]) ELO_MUST_USE;

/* Waits for bytes of a pipe, at most len. *n 0: nobody writes to it any more. */
elo_err_t elo_fd_read(int fd, void *p, size_t len, size_t *n) ELO_MUST_USE;

/* Closes *fd and sets it to -1; nothing when it is -1 already. Any thread. */
void elo_fd_close(int *fd);

#endif
