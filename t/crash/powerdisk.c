/* SPDX-License-Identifier: BSD-2-Clause */
/* powerdisk IMAGE MOUNTPOINT: a disk whose power can be cut. A FUSE file system
   with two files: `disk`, to be attached with losetup, and `power`.

   A write to `disk` is seen at once and lives in memory; a flush (fsync, which the
   loop device makes of every flush and barrier) brings all that was written into
   IMAGE. Writing "cut SEED PERCENT UNIT" to `power` ends it: what no flush has
   covered stays with that probability, sector by sector of UNIT bytes (512 or
   4096), in the version of any of the last two writes to it; from then on every
   operation fails with EIO. IMAGE is then what a machine finds after the power came
   back. With a fourth number, N, it ends in the N-th write from there on, so that
   something is under way for sure. Reading `power` tells what happened so far.

   One thread: the order of requests is the order of the disk. */
#define FUSE_USE_VERSION 31

#include <fuse.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR   512u
#define UNIT_MAX 4096u /* a modern drive's own sector */
#define PER_UNIT (UNIT_MAX / SECTOR)

static struct {
    int image;
    uint64_t size;
    uint8_t *now;    /* what reads see: the image, changed pages our own */
    uint8_t *before; /* of dirty sectors: the version before the last */
    uint8_t *dirty;  /* a sector's writes since the last flush, at most 2 */
    uint64_t lo, hi; /* dirty sectors are within [lo, hi) */
    bool is_cut;
    /* the cut to come */
    unsigned long left; /* writes until then; 0: none is to come */
    uint64_t seed;
    unsigned percent, unit;
    unsigned long writes, flushes, lost, older, kept;
} disk;


static uint64_t
next_random(uint64_t *s)
{
    uint64_t z = (*s += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}


static int
to_image(const uint8_t *from, uint64_t sector, uint64_t n)
{
    size_t len = n * SECTOR;

    return pwrite(disk.image, from + sector * SECTOR, len,
                  (off_t) (sector * SECTOR))
                   == (ssize_t) len
               ? 0
               : -EIO;
}


static int
flush(void)
{
    int rc = 0;

    for (uint64_t s = disk.lo, end; s < disk.hi; s = end) {
        for (end = s + 1;
             disk.dirty[s] != 0 && end < disk.hi && disk.dirty[end] != 0; end++)
        {
        }
        if (disk.dirty[s] != 0) {
            rc = to_image(disk.now, s, end - s) != 0 ? -EIO : rc;
            memset(disk.dirty + s, 0, end - s);
        }
    }
    disk.lo = UINT64_MAX;
    disk.hi = 0;
    disk.flushes++;
    return rc;
}


/* n sectors of 512 that stand or fall together. */
static int
cut_unit(uint64_t s, uint64_t n, uint64_t *seed, unsigned percent)
{
    unsigned writes = 0;

    for (uint64_t i = s; i < s + n; i++) {
        writes = disk.dirty[i] > writes ? disk.dirty[i] : writes;
    }
    if (writes == 0) {
        return 0;
    }
    if (next_random(seed) % 100 >= percent) {
        disk.lost++;
        return 0;
    }
    if (writes > 1 && next_random(seed) % 2 == 0) {
        disk.older++;
        return to_image(disk.before, s, n);
    }
    disk.kept++;
    return to_image(disk.now, s, n);
}


static int
cut(void)
{
    uint64_t n = disk.unit / SECTOR;
    int rc = 0;

    disk.is_cut = true;
    for (uint64_t s = disk.lo / n * n; s < disk.hi; s += n) {
        rc |= cut_unit(s, n, &disk.seed, disk.percent);
    }
    return rc == 0 ? 0 : -EIO;
}


/* ---- the file system ---- */

static bool
is_disk(const char *path)
{
    return strcmp(path, "/disk") == 0;
}


static int
power_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
    (void) fi;
    memset(st, 0, sizeof(*st));
    if (strcmp(path, "/") == 0) {
        st->st_mode = S_IFDIR | 0700;
        st->st_nlink = 2;
        return 0;
    }
    if (!is_disk(path) && strcmp(path, "/power") != 0) {
        return -ENOENT;
    }
    st->st_mode = S_IFREG | 0600;
    st->st_nlink = 1;
    st->st_size = is_disk(path) ? (off_t) disk.size : 0;
    return 0;
}


static int
power_open(const char *path, struct fuse_file_info *fi)
{
    (void) path;
    fi->direct_io = 1; /* no cache of the system's between us and the loop */
    return 0;
}


static int
power_read(const char *path, char *buf, size_t len, off_t at,
           struct fuse_file_info *fi)
{
    uint64_t off = (uint64_t) at;

    (void) fi;
    if (!is_disk(path)) {
        char text[160];
        int n = snprintf(text, sizeof(text),
                         "%s writes %lu flushes %lu lost %lu older %lu kept "
                         "%lu\n",
                         disk.is_cut ? "cut" : "on", disk.writes, disk.flushes,
                         disk.lost, disk.older, disk.kept);

        if (off >= (uint64_t) n) {
            return 0;
        }
        len = len < (uint64_t) n - off ? len : (uint64_t) n - off;
        memcpy(buf, text + off, len);
        return (int) len;
    }
    if (disk.is_cut) {
        return -EIO;
    }
    if (off >= disk.size) {
        return 0;
    }
    len = len < disk.size - off ? len : disk.size - off;
    memcpy(buf, disk.now + off, len);
    return (int) len;
}


static int
write_disk(const char *buf, size_t len, uint64_t off)
{
    uint64_t from = off / SECTOR, to = (off + len + SECTOR - 1) / SECTOR;

    if (disk.is_cut) {
        return -EIO;
    }
    if (off > disk.size || len > disk.size - off) {
        return -ENOSPC;
    }
    /* a unit of the cut is whole in both versions */
    for (uint64_t s = from / PER_UNIT * PER_UNIT;
         s < (to + PER_UNIT - 1) / PER_UNIT * PER_UNIT; s++)
    {
        memcpy(disk.before + s * SECTOR, disk.now + s * SECTOR, SECTOR);
    }
    for (uint64_t s = from; s < to; s++) {
        disk.dirty[s] = disk.dirty[s] == 0 ? 1 : 2;
    }
    memcpy(disk.now + off, buf, len);
    disk.lo = from < disk.lo ? from : disk.lo;
    disk.hi = to > disk.hi ? to : disk.hi;
    disk.writes++;
    if (disk.left > 0 && --disk.left == 0) {
        cut();
        return -EIO;
    }
    return (int) len;
}


static int
power_write(const char *path, const char *buf, size_t len, off_t at,
            struct fuse_file_info *fi)
{
    unsigned long long seed;
    unsigned percent, unit;
    unsigned long left = 0;
    char text[80] = "";

    (void) fi;
    if (is_disk(path)) {
        return write_disk(buf, len, (uint64_t) at);
    }
    memcpy(text, buf, len < sizeof(text) - 1 ? len : sizeof(text) - 1);
    if (sscanf(text, "cut %llu %u %u %lu", &seed, &percent, &unit, &left) < 3
        || (unit != SECTOR && unit != UNIT_MAX) || disk.is_cut)
    {
        return -EINVAL;
    }
    disk.seed = seed;
    disk.percent = percent;
    disk.unit = unit;
    disk.left = left;
    return left > 0 || cut() == 0 ? (int) len : -EIO;
}


static int
power_fsync(const char *path, int data_only, struct fuse_file_info *fi)
{
    (void) data_only;
    (void) fi;
    if (!is_disk(path)) {
        return 0;
    }
    return disk.is_cut ? -EIO : flush();
}


static int
power_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
    (void) size;
    (void) fi;
    return is_disk(path) ? -EPERM : 0; /* `echo cut >power` truncates first */
}


static int
power_readdir(const char *path, void *buf, fuse_fill_dir_t fill, off_t off,
              struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
    (void) path;
    (void) off;
    (void) fi;
    (void) flags;
    fill(buf, "disk", NULL, 0, 0);
    fill(buf, "power", NULL, 0, 0);
    return 0;
}


static void *
anonymous(uint64_t len)
{
    void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}


static bool
load(const char *path)
{
    struct stat st;
    void *p;

    disk.image = open(path, O_RDWR | O_CLOEXEC);
    if (disk.image == -1 || fstat(disk.image, &st) != 0) {
        return false;
    }
    disk.size = (uint64_t) st.st_size / UNIT_MAX * UNIT_MAX;
    p = mmap(NULL, disk.size, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_NORESERVE, disk.image, 0);
    disk.now = p == MAP_FAILED ? NULL : p;
    disk.before = anonymous(disk.size);
    disk.dirty = anonymous(disk.size / SECTOR);
    disk.lo = UINT64_MAX;
    return disk.now != NULL && disk.before != NULL && disk.dirty != NULL;
}


int
main(int argc, char **argv)
{
    static const struct fuse_operations ops = {
        .getattr = power_getattr,
        .open = power_open,
        .read = power_read,
        .write = power_write,
        .fsync = power_fsync,
        .truncate = power_truncate,
        .readdir = power_readdir,
    };
    char foreground[] = "-f", single[] = "-s";
    char *args[] = { argv[0], foreground, single, NULL, NULL };

    if (argc != 3 || !load(argv[1])) {
        fprintf(stderr, "usage: powerdisk IMAGE MOUNTPOINT\n");
        if (argc == 3) {
            perror(argv[1]);
        }
        return 2;
    }
    args[3] = argv[2];
    return fuse_main(4, args, &ops, NULL);
}
