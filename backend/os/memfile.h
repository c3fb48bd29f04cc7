/* SPDX-License-Identifier: BSD-2-Clause */
/* memfile: bytes as a file that has no name and touches no disk, to be handed to a
   child. Any thread. */
#ifndef ELO_OS_MEMFILE_H
#define ELO_OS_MEMFILE_H

#include "common/base/err.h"
#include "common/base/slice.h"

/* *fd is at offset 0, closed in children but for those that it is given to, and
   sealed: nobody can change what it holds. The caller closes it with
   elo_fd_close. */
elo_err_t elo_memfile(elo_slice_t bytes, int *fd) ELO_MUST_USE;

#endif
