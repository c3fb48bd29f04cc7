/* SPDX-License-Identifier: BSD-2-Clause */
/* tool: what the programs beside the benchmarks share. */
#ifndef BENCH_LIB_TOOL_H
#define BENCH_LIB_TOOL_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* With what errno says. */
static inline _Noreturn void
die(const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what,
            strerror(errno));
    exit(1);
}


/* Monotonic. */
static inline uint64_t
now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000000000u + (uint64_t) t.tv_nsec;
}

#endif
