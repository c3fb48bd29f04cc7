/* SPDX-License-Identifier: BSD-2-Clause */
/* process: what a daemon arranges about itself once, before it has threads. */
#ifndef ELO_OS_PROCESS_H
#define ELO_OS_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"

/* umask 027, SIGPIPE ignored; no core dumps and no ptrace unless allowed, for
   memory holds what people keep. */
elo_err_t elo_process_setup(bool may_dump) ELO_MUST_USE;

/* Threads for elo_loop_work; only before the first use. */
elo_err_t elo_process_set_threads(uint32_t n) ELO_MUST_USE;

/* ELO_ENOTFOUND when there is no group of that name or number. */
elo_err_t elo_process_find_group(const char *name, int *gid) ELO_MUST_USE;

/* Tells the service manager, if there is one that wants to know (sd_notify(3)):
   "READY=1", "STOPPING=1", "RELOADING=1". */
void elo_process_notify(const char *state);

/* Ends at once, without any cleaning up. */
void elo_process_quit(int status) __attribute__((noreturn));

#endif
