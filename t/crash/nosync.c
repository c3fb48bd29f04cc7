/* SPDX-License-Identifier: BSD-2-Clause */
/* nosync: preloaded into a program, makes every sync succeed and do nothing. For
   the control run: a test that cuts the power must see such a program lose what it
   has promised, or it would see nothing at all. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>


int
fsync(int fd)
{
    (void) fd;
    return 0;
}


int
fdatasync(int fd)
{
    (void) fd;
    return 0;
}


int
syncfs(int fd)
{
    (void) fd;
    return 0;
}


int
msync(void *p, size_t len, int flags)
{
    (void) p;
    (void) len;
    (void) flags;
    return 0;
}


int
sync_file_range(int fd, off64_t off, off64_t len, unsigned flags)
{
    (void) fd;
    (void) off;
    (void) len;
    (void) flags;
    return 0;
}
