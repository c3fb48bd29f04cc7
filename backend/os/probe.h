/* SPDX-License-Identifier: BSD-2-Clause */
/* probe: does something in a process of its own that may die of it: reading a file
   that a library maps and believes, say. For programs of one thread. */
#ifndef ELO_OS_PROBE_H
#define ELO_OS_PROBE_H

#include "common/base/err.h"

/* Runs fn(ctx) in a child, which says nothing and leaves no core, and waits for
   it. *status: what fn returned (0 to 127), or, when a signal ended it, that
   signal's number and 128. */
elo_err_t elo_probe(int (*fn)(void *ctx), void *ctx, int *status) ELO_MUST_USE;

#endif
