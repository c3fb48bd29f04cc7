/* SPDX-License-Identifier: BSD-2-Clause */
/* clock: the clocks and the randomness of the system. Any thread. */
#ifndef ELO_OS_CLOCK_H
#define ELO_OS_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* CLOCK_MONOTONIC, nanoseconds: the same for all processes of the machine. */
uint64_t elo_clock_mono_ns(void);

/* Seconds since 1970; off by a few milliseconds at most, and cheap. */
int64_t elo_clock_unix_s(void);

/* Microseconds since 1970. */
uint64_t elo_clock_unix_us(void);

/* Unpredictable bytes from the kernel. Never fails: without them it aborts. */
void elo_random(void *p, size_t len);

#endif
