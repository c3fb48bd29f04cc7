/* SPDX-License-Identifier: BSD-2-Clause */
/* kv_crash: the engine (backend/kv) against power cuts. After each crash the store
   must stand at one state k: all that was acknowledged, and of the rest the first
   so many operations, each as a whole. */
#include <stdlib.h>
#include <string.h>

#include "t/crash/kv_work.h"
#include "t/crash/sweep.h"

#define GROUPS 16u

static void *
model_new(uint64_t seed)
{
    kvm_t *m = calloc(1, sizeof(*m));

    m->seed = seed;
    return m;
}


static void *
model_copy(const void *model)
{
    kvm_t *m = malloc(sizeof(*m));

    memcpy(m, model, sizeof(*m));
    return m;
}


static void
work(void *model, simdisk_t *d, uint64_t part)
{
    kvm_t *m = model;
    sim_rng_t rng = sim_rng(m->seed, part, 0x6b76);
    engine_t e;
    elo_err_t rc = engine_open(&e, d, simdisk_vfs(d));

    if (rc != ELO_OK) {
        if (!simdisk_is_cut(d)) {
            crash_fail("open: %s", elo_strerror(rc));
        }
        return;
    }
    if (part == SWEEP_LITTLE) {
        engine_group(&e, m, &rng, 1);
    }
    for (uint32_t g = 0;
         part != SWEEP_LITTLE && g < GROUPS && !simdisk_is_cut(d); g++)
    {
        engine_group(&e, m, &rng, ENGINE_GROUP_MAX);
        rc = engine_care(&e, &rng);
        if (rc != ELO_OK && !simdisk_is_cut(d)) {
            crash_fail("care: %s", elo_strerror(rc));
        }
    }
    engine_close(&e);
}


static void
recover(void *model, simdisk_t *d)
{
    engine_t e;

    (void) model;
    if (engine_open(&e, d, simdisk_vfs(d)) == ELO_OK) {
        engine_close(&e);
    }
}


static void
check(void *model, simdisk_t *d)
{
    engine_t e;
    elo_err_t rc = engine_open(&e, d, simdisk_vfs(d));

    if (rc != ELO_OK) {
        crash_fail("open: %s", elo_strerror(rc));
        return;
    }
    engine_check(&e, model);
    engine_close(&e);
}


int
main(int argc, char **argv)
{
    static const subject_t subject = {
        .name = "kv_crash",
        .model_new = model_new,
        .model_copy = model_copy,
        .model_free = free,
        .work = work,
        .recover = recover,
        .check = check,
    };
    sweep_opt_t opt;

    sweep_options(argc, argv, 12, 4, &opt);
    return sweep_run(&subject, &opt);
}
