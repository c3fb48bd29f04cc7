/* SPDX-License-Identifier: BSD-2-Clause */
/* kv_inject: the engine (backend/kv) on a disk of which one call fails, and with
   memory of which one piece isn't to be had: at each call of each kind in turn, in
   work and in recovery. A full disk takes one batch and the engine goes on; a failed
   write or sync makes it read-only; nothing acknowledged is lost by either, nor by a
   power cut afterwards; nothing that was refused is there. */
#include <stdlib.h>
#include <string.h>

#include "t/crash/faults.h"
#include "t/crash/kv_work.h"

#define GROUPS 14u

static kvm_t *
model_new(uint64_t seed)
{
    kvm_t *m = sim_alloc(1, sizeof(*m));

    m->seed = seed;
    return m;
}


/* Opens without faults and looks. */
static void
look(kvm_t *m, simdisk_t *d, const char *when)
{
    engine_t e;
    elo_err_t rc = engine_open(&e, d, simdisk_vfs(d));

    if (rc != ELO_OK) {
        crash_fail("%s: open: %s", when, elo_strerror(rc));
        return;
    }
    engine_check(&e, m);
    engine_close(&e);
    if (crash_failed()) {
        printf("# %s\n", when);
    }
}


/* After the fault: what the process that comes next finds, and what is found when
   the power goes instead. */
static void
look_around(kvm_t *m, simdisk_t *d, uint64_t seed)
{
    static const sim_mode_t modes[] = { SIM_LOSE, SIM_RANDOM, SIM_KEEP };

    for (size_t i = 0; i < 3 && !crash_failed(); i++) {
        simdisk_t *c = simdisk_crash(d, seed, modes[i]);
        kvm_t *copy = sim_alloc(1, sizeof(*copy));

        memcpy(copy, m, sizeof(*copy));
        look(copy, c, "after a power cut");
        free(copy);
        simdisk_free(&c);
    }
    if (!crash_failed()) {
        look(m, d, "after a restart");
    }
}


static void
groups(engine_t *e, kvm_t *m, sim_rng_t *rng, uint32_t n)
{
    for (uint32_t g = 0; g < n; g++) {
        elo_err_t rc;

        engine_group(e, m, rng, ENGINE_GROUP_MAX);
        rc = engine_care(e, rng);
        if (rc != ELO_OK && !e->may_fail) {
            crash_fail("care: %s", elo_strerror(rc));
        }
    }
}


/* With the fault behind it, an engine that isn't read-only serves as ever; one that
   is still reads. */
static void
check_after(engine_t *e, kvm_t *m, sim_rng_t *rng, const fault_t *f)
{
    bool is_readonly = elo_kv_is_readonly(e->kv);

    if (fault_is_full(f) && !fault_is_sync(f) && is_readonly) {
        crash_fail("a full disk has made it read-only");
    }
    if (fault_is_sync(f) && !is_readonly) {
        crash_fail("a failed sync has not made it read-only");
    }
    if (f == NULL && is_readonly) {
        crash_fail("want of memory has made it read-only");
    }
    if (!is_readonly) {
        /* a full index is found to have room again by the next checkpoint */
        elo_ignore(elo_kv_checkpoint(e->kv));
        e->may_fail = false;
        groups(e, m, rng, 2);
        kvm_check(m, e->kv);
        return;
    }
    e->failed = 0;
    engine_group(e, m, rng, ENGINE_GROUP_MAX);
    kvm_t *copy = sim_alloc(1, sizeof(*copy));

    memcpy(copy, m, sizeof(*copy));
    kvm_check(copy, e->kv); /* what is visible, durable or not known */
    free(copy);
}


/* Work with a fault at call n of its kind (f NULL: at allocation n). Returns
   whether there was such a call. */
static bool
fault_in_work(uint64_t seed, const fault_t *f, uint64_t n, bool on)
{
    kvm_t *m = model_new(seed);
    simdisk_t *d = simdisk_create();
    inject_t *in = inject_create(d);
    sim_rng_t rng = sim_rng(seed, 0x776f726b, 0);
    engine_t e;
    bool fired = false;
    elo_err_t rc = engine_open(&e, d, inject_vfs(in));

    if (rc != ELO_OK) {
        crash_fail("open: %s", elo_strerror(rc));
    } else {
        e.may_fail = true;
        fault_arm(in, f, n, on);
        groups(&e, m, &rng, GROUPS);
        fired = fault_disarm(in, f);
        if (fired) {
            check_after(&e, m, &rng, f);
        }
        engine_close(&e);
        look_around(m, d, seed ^ n);
    }
    free(m);
    inject_free(&in);
    simdisk_free(&d);
    return fired;
}


/* Recovery of a crashed disk with a fault: it opens, or it says why not; then it
   opens without. */
static bool
fault_in_recovery(uint64_t seed, const fault_t *f, uint64_t n, bool on)
{
    kvm_t *m = model_new(seed);
    simdisk_t *d = simdisk_create();
    sim_rng_t rng = sim_rng(seed, 0x7265636f, 0);
    engine_t e;
    bool fired = false;

    simdisk_cut_at(d, 90 + n % 7);
    if (engine_open(&e, d, simdisk_vfs(d)) == ELO_OK) {
        e.may_fail = true;
        groups(&e, m, &rng, GROUPS);
        engine_close(&e);
    }
    simdisk_t *c = simdisk_crash(d, seed, SIM_RANDOM);
    inject_t *in = inject_create(c);

    fault_arm(in, f, n, on);
    elo_err_t rc = engine_open(&e, c, inject_vfs(in));

    fired = fault_disarm(in, f);
    if (rc == ELO_OK) {
        kvm_check(m, e.kv);
        engine_close(&e);
    } else if (!fired) {
        crash_fail("recovery: %s", elo_strerror(rc));
    }
    look_around(m, c, seed ^ n);
    free(m);
    inject_free(&in);
    simdisk_free(&c);
    simdisk_free(&d);
    return fired;
}


int
main(int argc, char **argv)
{
    static const fault_subject_t subject = {
        .name = "kv_inject",
        .in_work = fault_in_work,
        .in_recovery = fault_in_recovery,
    };
    sweep_opt_t opt;

    sweep_options(argc, argv, 10, 2, &opt);
    return faults_run(&subject, &opt);
}
