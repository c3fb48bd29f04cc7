/* SPDX-License-Identifier: BSD-2-Clause */
/* simdisk_internal: the disk's state, for simdisk.c (the file operations) and
   simdisk_crash.c (what is left of it). */
#ifndef ELO_T_CRASH_SIMDISK_INTERNAL_H
#define ELO_T_CRASH_SIMDISK_INTERNAL_H

#include <pthread.h>

#include "t/crash/simdisk.h"

#define SIM_NAME_MAX  63u
#define SIM_PATH_MAX  256u
#define SIM_FDS       512u
#define SIM_FD_BASE   (1 << 24) /* never a real descriptor */
#define SIM_BLOCK     4096u
#define SIM_TRACE     48u
#define SIM_TRACE_LEN 96u

typedef struct sim_inode_s sim_inode_t;

/* An unsynced change of a file: bytes at off, or, with bytes NULL, zeros. */
typedef struct {
    uint64_t seq;
    uint64_t off, len;
    uint64_t size; /* of the file after it */
    uint8_t *bytes;
} sim_change_t;

/* An unsynced change of an entry. */
typedef struct {
    uint64_t seq;
    sim_inode_t *to; /* NULL: none */
} sim_turn_t;

typedef struct {
    char name[SIM_NAME_MAX + 1];
    sim_inode_t *disk, *mem;
    sim_turn_t *turns;
    size_t n_turns, cap_turns;
} sim_entry_t;

struct sim_inode_s {
    sim_inode_t *next; /* of all */
    uint64_t id;
    bool is_dir;
    /* a file */
    uint8_t *disk, *mem;
    uint64_t disk_size, mem_size;
    uint64_t disk_cap, mem_cap;
    sim_change_t *changes;
    size_t n_changes, cap_changes;
    uint8_t *blocks; /* one byte a block: taken */
    uint64_t n_blocks;
    void *map;
    size_t map_len;
    int locked_by;         /* fd, 0: nobody */
    unsigned opens, names; /* as the system knows it */
    bool is_nameless; /* its inode on the platter says that it has no name */
    int real_fd;      /* > 0: a file of LMDB's */
    /* a directory */
    sim_entry_t *entries;
    size_t n_entries, cap_entries;
    char path[SIM_PATH_MAX]; /* where it was made, "" for the root */
    bool is_index_synced;    /* data.mdb's name is on the platter */
    /* of simdisk_crash: the inode that it became */
    sim_inode_t *became;
};

typedef struct {
    sim_inode_t *inode; /* NULL: free */
} sim_fd_t;

struct simdisk_s {
    elo_vfs_t vfs; /* first */
    pthread_mutex_t mtx;
    char real[SIM_PATH_MAX];
    sim_inode_t *inodes;
    sim_inode_t *root;
    sim_inode_t *outside; /* ".." of the root: always safe */
    uint64_t next_id;
    uint64_t seq; /* of the last change */
    sim_fd_t fds[SIM_FDS];

    uint64_t ops, count[SIM_OPS];
    uint64_t cut_at;
    bool is_cut, commit_goes_on, ignore_syncs;
    sim_op_t cut_op;

    uint64_t capacity, used; /* blocks */
    uint64_t n_now;          /* reads of what is in memory */

    char trace[SIM_TRACE][SIM_TRACE_LEN];
    uint64_t n_trace;
};

simdisk_t *sim_new(void);
sim_inode_t *sim_inode_new(simdisk_t *d, bool is_dir);

/* Grows to at least size bytes, the rest zero. */
void sim_grow(uint8_t **p, uint64_t *cap, uint64_t size);

/* The entry of a name, made when missing and make. */
sim_entry_t *sim_entry(sim_inode_t *dir, const char *name, bool make);

/* A call on `v` is a call on the disk that begins with it. */
simdisk_t *sim_disk_of(const elo_vfs_t *v);

/* Counts an operation; whether the power goes with it is is_cut afterwards. */
void sim_count(simdisk_t *d, sim_op_t op);
void sim_note(simdisk_t *d, sim_op_t op, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* What the caller gets to know of an operation that took place. */
elo_err_t sim_outcome(const simdisk_t *d);

sim_inode_t *sim_inode_of(simdisk_t *d, int fd); /* NULL: not open */
elo_err_t sim_fd_new(simdisk_t *d, sim_inode_t *i, int *out);

/* Finds the directory that the last component of path is in; name is it. */
elo_err_t sim_walk(simdisk_t *d, int dir, const char *path, sim_inode_t **in,
                   char name[SIM_NAME_MAX + 1]);

/* The entry stands for another inode, or none, from here on. */
void sim_turn(simdisk_t *d, sim_entry_t *e, sim_inode_t *to, uint64_t seq);

/* Gives back the blocks behind from; when nothing knows the inode, all. */
void sim_free_blocks(simdisk_t *d, sim_inode_t *i, uint64_t from);
void sim_release(simdisk_t *d, sim_inode_t *i);

void sim_name_ops(elo_vfs_t *v);
void sim_file_ops(elo_vfs_t *v);

#endif
