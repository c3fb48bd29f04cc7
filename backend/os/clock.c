/* SPDX-License-Identifier: BSD-2-Clause */
/* clock: see the header. */
#include "backend/os/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>


uint64_t
elo_clock_mono_ns(void)
{
    struct timespec ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * 1000000000u + (uint64_t) ts.tv_nsec;
}


int64_t
elo_clock_unix_s(void)
{
    struct timespec ts;

    (void) clock_gettime(CLOCK_REALTIME_COARSE, &ts);
    return ts.tv_sec;
}


uint64_t
elo_clock_unix_us(void)
{
    struct timespec ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t) ts.tv_sec * 1000000u + (uint64_t) ts.tv_nsec / 1000u;
}


void
elo_random(void *p, size_t len)
{
    uint8_t *q = p;

    while (len != 0) {
        ssize_t n = getrandom(q, len, 0);

        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            abort();
        }
        q += n;
        len -= (size_t) n;
    }
}
