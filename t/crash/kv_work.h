/* SPDX-License-Identifier: BSD-2-Clause */
/* kv_work: an engine on a simulated disk, and work for it. Groups of operations are
   submitted behind one that holds the commit thread, so that a group is one batch
   and a run is the same from the same seed; checkpoints, seals and compactions
   happen when the work says so. */
#ifndef ELO_T_CRASH_KV_WORK_H
#define ELO_T_CRASH_KV_WORK_H

#include "t/crash/kv_model.h"

typedef struct {
    simdisk_t *d;
    const elo_vfs_t *v;
    int root;
    elo_kv_t *kv;
    char index[300];
    bool may_fail;   /* an operation that fails is no failure of the test */
    uint32_t failed; /* so many did; of these, refused and without effect */
    uint32_t refused;
} engine_t;

/* v: the file operations of d, or some over them. */
elo_err_t engine_open(engine_t *e, simdisk_t *d,
                      const elo_vfs_t *v) ELO_MUST_USE;
void engine_close(engine_t *e);

#define ENGINE_GROUP_MAX 6u

/* One batch of at most so many random operations, which the model learns of. */
void engine_group(engine_t *e, kvm_t *m, sim_rng_t *rng, uint32_t most);

/* Checkpoint, seal, compaction, or nothing. */
elo_err_t engine_care(engine_t *e, sim_rng_t *rng) ELO_MUST_USE;

/* kvm_check, and no file is there that the engine doesn't know. */
void engine_check(engine_t *e, kvm_t *m);

#endif
