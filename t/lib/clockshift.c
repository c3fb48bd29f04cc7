/* SPDX-License-Identifier: BSD-2-Clause */
/* clockshift: preloaded into a program, sets its wall clock off by as many seconds as
   the file CLOCKSHIFT says at the moment; clocks that nobody sets stay as they are. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>


static long
shift(void)
{
    const char *name = getenv("CLOCKSHIFT");
    char text[32] = "";
    int fd = name != NULL ? open(name, O_RDONLY | O_CLOEXEC) : -1;

    if (fd == -1) {
        return 0;
    }
    if (read(fd, text, sizeof(text) - 1) < 0) {
        text[0] = '\0';
    }
    close(fd);
    return atol(text);
}


int
clock_gettime(clockid_t clock, struct timespec *t)
{
    int rc = (int) syscall(SYS_clock_gettime, clock, t);

    if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    {
        t->tv_sec += shift();
    }
    return rc;
}


int
gettimeofday(struct timeval *t, void *zone)
{
    struct timespec now;
    int rc = clock_gettime(CLOCK_REALTIME, &now);

    (void) zone;
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return rc;
}


time_t
time(time_t *out)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL) {
        *out = now.tv_sec;
    }
    return now.tv_sec;
}
