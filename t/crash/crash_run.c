/* SPDX-License-Identifier: BSD-2-Clause */
/* crash_run: the store (backend/store) against power cuts: random work over its
   public headers, the power cut at each operation of the disk, and all that was
   acknowledged is there, byte for byte; nothing else is there by halves. */
#include <stdlib.h>

#include "t/crash/store_work.h"
#include "t/crash/sweep.h"

#define STEPS 40u


static void *
model_new(uint64_t seed)
{
    sm_t *m = sim_alloc(1, sizeof(*m));

    m->seed = seed;
    return m;
}


static void *
model_copy(const void *model)
{
    sm_t *m = sim_alloc(1, sizeof(*m));

    memcpy(m, model, sizeof(*m));
    return m;
}


static void
work(void *model, simdisk_t *d, uint64_t part)
{
    sm_t *m = model;
    sw_t w;
    elo_err_t rc = sw_open(&w, d, simdisk_vfs(d), m);

    if (rc != ELO_OK) {
        if (!simdisk_is_cut(d)) {
            crash_fail("open: %s", elo_strerror(rc));
        }
        return;
    }
    w.rng = sim_rng(m->seed, part, 0x73746f72);
    for (uint32_t i = 0; i < (part == SWEEP_LITTLE ? 1 : STEPS)
                         && !simdisk_is_cut(d) && !crash_failed();
         i++)
    {
        sw_step(&w, part == SWEEP_LITTLE);
    }
    sw_close(&w);
}


static void
recover(void *model, simdisk_t *d)
{
    sw_t w;

    if (sw_open(&w, d, simdisk_vfs(d), model) == ELO_OK) {
        sw_close(&w);
    }
}


static void
check(void *model, simdisk_t *d)
{
    sw_t w;
    elo_err_t rc = sw_open(&w, d, simdisk_vfs(d), model);

    if (rc != ELO_OK) {
        crash_fail("open: %s", elo_strerror(rc));
        return;
    }
    sw_check(&w);
    sw_close(&w);
    if (!crash_failed()) {
        sw_fsck(d, simdisk_vfs(d));
    }
}


int
main(int argc, char **argv)
{
    static const subject_t subject = {
        .name = "crash_run",
        .model_new = model_new,
        .model_copy = model_copy,
        .model_free = free,
        .work = work,
        .recover = recover,
        .check = check,
    };
    sweep_opt_t opt;
    int rc;

    sweep_options(argc, argv, 20, 3, &opt);
    sm_init();
    rc = sweep_run(&subject, &opt);
    sm_end();
    return rc;
}
