/* SPDX-License-Identifier: BSD-2-Clause */
/* simdisk: a disk in memory that remembers what has been synced, behind the file
   operations of backend/os/vfs.h. Each file is 512-byte sectors, each directory a
   set of entries; of both there is what is on the platter and what only the
   system's cache knows. The power can be cut at the n-th operation that changes
   anything; then every operation fails with EIO, and simdisk_crash makes the disk
   that the next start finds: what was synced, and of the rest what the mode says.

   What the disk promises is what POSIX and a drive promise, no more: a sector is
   old or new as a whole (but in SIM_TRASH), sectors reach the platter in any
   order; so do a file's size and the entries of directories; a file's sync says
   nothing of its name; a rename is two changes; a file that was synced before it
   had any name is a deleted one until it is synced again.

   LMDB writes by itself, to a real directory: `real` of the disk, where mkdir of
   the simulated disk makes its directories too. A file data.mdb there is copied
   into the crashed disk as it stands, which is its state after its last commit,
   for LMDB's commits are called atomic and durable here (the block device of
   powerdisk.c proves that). A cut at the checkpoint operation is before the
   commit or, with simdisk_commit_goes_on, after it. Its name is lost like any
   other that was not synced.

   Safe from any thread, but for create, crash and free. */
#ifndef ELO_T_CRASH_SIMDISK_H
#define ELO_T_CRASH_SIMDISK_H

#include <stdio.h>

#include "backend/os/vfs.h"

#define SIM_SECTOR 512u

typedef struct simdisk_s simdisk_t;

typedef enum {
    SIM_LOSE,    /* nothing that was not synced is there */
    SIM_KEEP,    /* all of it is */
    SIM_RANDOM,  /* each sector, size and entry: any of its versions */
    SIM_TEAR,    /* each file's changes in order, up to a sector of one */
    SIM_REORDER, /* each file's changes from a sector of one on */
    SIM_PREFIX,  /* all changes in order, up to one */
    SIM_TRASH,   /* as RANDOM, but bytes that were being changed may be noise */
    SIM_MODES
} sim_mode_t;

typedef enum {
    SIM_OP_CREATE, /* an open that makes a file */
    SIM_OP_WRITE,
    SIM_OP_TRUNCATE,
    SIM_OP_SYNC,
    SIM_OP_SYNC_DIR,
    SIM_OP_BEHIND,
    SIM_OP_LINK,
    SIM_OP_RENAME,
    SIM_OP_UNLINK,
    SIM_OP_MKDIR,
    SIM_OP_CHECKPOINT,
    SIM_OPS
} sim_op_t;

const char *sim_mode_name(sim_mode_t mode);
const char *sim_op_name(sim_op_t op);

/* An empty disk; NULL when there is no memory or no real directory. */
simdisk_t *simdisk_create(void);
void simdisk_free(simdisk_t **d);

const elo_vfs_t *simdisk_vfs(simdisk_t *d); /* borrowed */
const char *simdisk_real(const simdisk_t *d);

/* Operations that changed something so far; of one kind. */
uint64_t simdisk_ops(simdisk_t *d);
uint64_t simdisk_count(simdisk_t *d, sim_op_t op);

/* Cuts the power at the n-th such operation from here; 0: never. */
void simdisk_cut_at(simdisk_t *d, uint64_t n);
void simdisk_commit_goes_on(simdisk_t *d, bool goes_on);
void simdisk_cut(simdisk_t *d); /* at once */
/* It was no power cut after all, only the end of a process: what was not synced is
   still there, and still not synced. */
void simdisk_revive(simdisk_t *d);
bool simdisk_is_cut(simdisk_t *d);
sim_op_t simdisk_cut_op(simdisk_t *d); /* what it was cut at */

/* Syncs answer success and do nothing: for the control run. */
void simdisk_ignore_syncs(simdisk_t *d, bool ignore);

/* What a failed sync of fd means: the system forgets that its pages are dirty. They
   are read, and no later sync writes them. */
void simdisk_lose_unsynced(simdisk_t *d, int fd);

/* Bytes that all files may take, in blocks of 4 KiB; 0: no bound. */
void simdisk_set_capacity(simdisk_t *d, uint64_t bytes);

/* The disk after a reboot. d is left as it is, and may be crashed again in another
   way; the same seed and mode give the same disk. No file of d may be open. */
simdisk_t *simdisk_crash(simdisk_t *d, uint64_t seed, sim_mode_t mode);

/* Removes data.mdb and lock.mdb below the real directory. */
void simdisk_drop_index(simdisk_t *d);

/* Each file and directory by its path below the root, in order; directories end
   with a slash. */
typedef void (*sim_each_fn)(void *ctx, const char *path, uint64_t size);
void simdisk_each(simdisk_t *d, sim_each_fn fn, void *ctx);

/* The last operations, one a line with "# " before it. */
void simdisk_trace(simdisk_t *d, FILE *out);

/* Memory that injected failures of malloc spare: it is the test's own, or the
   disk's. Ends the process when there is none. */
void *sim_alloc(size_t n, size_t size);
void *sim_realloc(void *p, size_t n, size_t size);
extern _Thread_local volatile unsigned
    sim_spared; /* > 0: no allocation fails */

/* ---- random numbers for tests: the same from the same seed ---- */

typedef struct {
    uint64_t _s;
} sim_rng_t;

static inline uint64_t
sim_rng_next(sim_rng_t *r)
{
    uint64_t z = (r->_s += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}


/* 0 to n - 1 */
static inline uint64_t
sim_rng_below(sim_rng_t *r, uint64_t n)
{
    return sim_rng_next(r) % n;
}


static inline sim_rng_t
sim_rng(uint64_t a, uint64_t b, uint64_t c)
{
    sim_rng_t r = { a };

    r._s = sim_rng_next(&r) ^ b;
    r._s = sim_rng_next(&r) ^ c;
    elo_ignore((int) sim_rng_next(&r)); /* stirs once more */
    return r;
}

#endif
