/* SPDX-License-Identifier: BSD-2-Clause */
/* store_work: a store on a simulated disk, and random operations over its public
   headers, each of which the model learns of. One thread, but for batches of small
   puts, which are held together so that a run is the same from the same seed. */
#ifndef ELO_T_CRASH_STORE_WORK_H
#define ELO_T_CRASH_STORE_WORK_H

#include "t/crash/store_model.h"

typedef struct {
    simdisk_t *d;
    elo_store_t *s;
    sm_t *m;
    sim_rng_t rng;
    bool may_fail;   /* an operation that fails is no failure of the test */
    uint32_t failed; /* so many did */
    void (*failed_cb)(void); /* called first thing then; may be NULL */
    /* No faults while the model looks; may be NULL. */
    void (*pause)(void *ctx, bool is_paused);
    void *pause_ctx;
} sw_t;

/* v: the file operations of d, or some over them. */
elo_err_t sw_open(sw_t *w, simdisk_t *d, const elo_vfs_t *v,
                  sm_t *m) ELO_MUST_USE;
void sw_close(sw_t *w);

/* One random operation. little: one that only adds a small blob. */
void sw_step(sw_t *w, bool little);

elo_err_t sw_checkpoint(sw_t *w) ELO_MUST_USE;

/* What the store shows is what the model allows. */
void sw_check(sw_t *w);

/* Of a closed store: fsck finds nothing that is wrong. */
void sw_fsck(simdisk_t *d, const elo_vfs_t *v);

#endif
