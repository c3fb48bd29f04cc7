/* SPDX-License-Identifier: BSD-2-Clause */
/* inject: file operations of another table, of which the n-th of a kind fails. */
#ifndef ELO_T_CRASH_INJECT_H
#define ELO_T_CRASH_INJECT_H

#include "t/crash/simdisk.h"

/* INJECT_OP(name): the members of elo_vfs_t that can fail. */
#define INJECT_OPS(T)                                                          \
    T(open)                                                                    \
    T(open_root)                                                               \
    T(open_tmp)                                                                \
    T(pread)                                                                   \
    T(pread_now)                                                               \
    T(pwrite)                                                                  \
    T(pwritev)                                                                 \
    T(size)                                                                    \
    T(truncate)                                                                \
    T(fdatasync)                                                               \
    T(fsync_dir)                                                               \
    T(write_behind)                                                            \
    T(link_fd)                                                                 \
    T(link)                                                                    \
    T(rename)                                                                  \
    T(unlink)                                                                  \
    T(mkdir)                                                                   \
    T(chmod)                                                                   \
    T(chgrp)                                                                   \
    T(list)                                                                    \
    T(free_space)                                                              \
    T(lock)                                                                    \
    T(map)                                                                     \
    T(checkpoint)

typedef enum {
#define T(name) INJECT_##name,
    INJECT_OPS(T)
#undef T
        INJECT_N
} inject_op_t;

/* In place of an errno: the call does half of its bytes and says so. */
#define INJECT_SHORT (-1000)

typedef struct inject_s inject_t;

/* Over a simulated disk: a write that fails with EIO has written half, and a sync
   that fails has lost what it should have synced. */
inject_t *inject_create(simdisk_t *d);
void inject_free(inject_t **i);
const elo_vfs_t *inject_vfs(inject_t *i);

/* The n-th call of op from here fails with err, and none after it. */
void inject_set(inject_t *i, inject_op_t op, uint64_t n, int err);
bool inject_fired(inject_t *i);
/* While it is paused no call fails and none is counted. */
void inject_pause(void *i, bool is_paused);
uint64_t inject_calls(inject_t *i, inject_op_t op);

const char *inject_op_name(inject_op_t op);

#endif
