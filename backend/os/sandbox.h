/* SPDX-License-Identifier: BSD-2-Clause */
/* sandbox: for a process that reads hostile input and should be able to do
   nothing else: it maps its input and its memory, enters, computes, writes its
   result to a pipe, ends. Linux only.

   Order: elo_sandbox_map_file, elo_sandbox_map_memory, elo_sandbox_enter; from
   there on only memory, elo_sandbox_write and elo_sandbox_exit: any other system
   call is death by SIGKILL (seccomp strict mode), malloc(3) included when it
   wants more from the kernel. */
#ifndef ELO_OS_SANDBOX_H
#define ELO_OS_SANDBOX_H

#include "common/base/err.h"
#include "common/base/slice.h"

/* Maps a whole file for reading. An empty file is the empty slice. ELO_EINVAL
   when fd is no regular file. A file that shrinks meanwhile is death by SIGBUS. */
elo_err_t elo_sandbox_map_file(int fd, elo_slice_t *out) ELO_MUST_USE;

/* len zero bytes, taken from the system only as they are touched. */
elo_err_t elo_sandbox_map_memory(size_t len, void **out) ELO_MUST_USE;

/* Gives up: root (for uid and gid 65534, without groups), the chance of getting
   it back, core dumps, all descriptors from keep_below on, writing files, new
   processes, more than 60 s of CPU time, and system calls. All or nothing: after
   an error the process must end. */
elo_err_t elo_sandbox_enter(int keep_below) ELO_MUST_USE;

/* Writes all of it, or returns an errno. */
elo_err_t elo_sandbox_write(int fd, elo_slice_t bytes) ELO_MUST_USE;

/* Does not return. It isn't declared so: around such calls the sanitizers make
   system calls, which would be the end already. */
void elo_sandbox_exit(int status);

#endif
