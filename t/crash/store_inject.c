/* SPDX-License-Identifier: BSD-2-Clause */
/* store_inject: the store (backend/store) on a disk of which one call fails, and
   with memory of which one piece isn't to be had, at each call of each kind in
   turn, in work and in recovery. What kv_inject demands of the engine holds for
   blobs, nodes, uploads and tasks. */
#include <stdlib.h>
#include <string.h>

#include "t/crash/alloc.h"
#include "t/crash/faults.h"
#include "t/crash/store_work.h"

#define STEPS 36u
#define AFTER 4u /* steps when the fault is over */


static sm_t *
model_new(uint64_t seed)
{
    sm_t *m = sim_alloc(1, sizeof(*m));

    m->seed = seed;
    return m;
}


/* Opens without faults and looks. */
static void
look(sm_t *m, simdisk_t *d, const char *when)
{
    sw_t w;
    elo_err_t rc = sw_open(&w, d, simdisk_vfs(d), m);

    if (rc != ELO_OK) {
        crash_fail("%s: open: %s", when, elo_strerror(rc));
        return;
    }
    sw_check(&w);
    sw_close(&w);
    if (!crash_failed()) {
        sw_fsck(d, simdisk_vfs(d));
    }
    if (crash_failed()) {
        printf("# %s\n", when);
    }
}


/* After the fault: what is found when the power goes, and what the process that
   comes next finds. */
static void
look_around(sm_t *m, simdisk_t *d, uint64_t seed)
{
    static const sim_mode_t modes[] = { SIM_LOSE, SIM_RANDOM };
    sm_t *copy = sim_alloc(1, sizeof(*copy));

    for (size_t i = 0; i < 2 && !crash_failed(); i++) {
        simdisk_t *c = simdisk_crash(d, seed, modes[i]);

        memcpy(copy, m, sizeof(*copy));
        look(copy, c, "after a power cut");
        simdisk_free(&c);
    }
    free(copy);
    if (!crash_failed()) {
        look(m, d, "after a restart");
    }
}


static void
steps(sw_t *w, uint32_t n)
{
    for (uint32_t i = 0;
         i < n && !crash_failed() && !elo_store_is_readonly(w->s); i++)
    {
        sw_step(w, false);
    }
}


static void
check_after(sw_t *w, const fault_t *f)
{
    bool is_readonly = elo_store_is_readonly(w->s);

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
        elo_ignore(sw_checkpoint(w));
        w->may_fail = false;
        steps(w, AFTER);
        sw_check(w);
    }
}


static bool
fault_in_work(uint64_t seed, const fault_t *f, uint64_t n, bool on)
{
    sm_t *m = model_new(seed);
    simdisk_t *d = simdisk_create();
    inject_t *in = inject_create(d);
    bool fired = false;
    sw_t w;
    elo_err_t rc = sw_open(&w, d, inject_vfs(in), m);

    if (rc != ELO_OK) {
        crash_fail("open: %s", elo_strerror(rc));
    } else {
        w.rng = sim_rng(seed, 0x776f726b, 1);
        w.may_fail = true;
        w.failed_cb = alloc_fail_never; /* the model looks at once */
        w.pause = inject_pause;
        w.pause_ctx = in;
        fault_arm(in, f, n, on);
        steps(&w, STEPS);
        fired = fault_disarm(in, f);
        if (fired && !crash_failed()) {
            check_after(&w, f);
        }
        sw_close(&w);
        look_around(m, d, seed ^ n);
    }
    free(m);
    inject_free(&in);
    simdisk_free(&d);
    return fired;
}


static bool
fault_in_recovery(uint64_t seed, const fault_t *f, uint64_t n, bool on)
{
    sm_t *m = model_new(seed);
    simdisk_t *d = simdisk_create(), *c;
    inject_t *in;
    bool fired;
    elo_err_t rc;
    sw_t w;

    simdisk_cut_at(d, 110 + n % 7);
    if (sw_open(&w, d, simdisk_vfs(d), m) == ELO_OK) {
        w.rng = sim_rng(seed, 0x7265636f, 1);
        for (uint32_t i = 0; i < STEPS && !simdisk_is_cut(d); i++) {
            sw_step(&w, false);
        }
        sw_close(&w);
    }
    c = simdisk_crash(d, seed, SIM_RANDOM);
    in = inject_create(c);
    fault_arm(in, f, n, on);
    rc = sw_open(&w, c, inject_vfs(in), m);
    fired = fault_disarm(in, f);
    if (rc == ELO_OK) {
        if (!elo_store_is_readonly(w.s)) {
            sw_check(&w);
        }
        sw_close(&w);
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
        .name = "store_inject",
        .in_work = fault_in_work,
        .in_recovery = fault_in_recovery,
    };
    sweep_opt_t opt;
    int rc;

    sweep_options(argc, argv, 12, 2, &opt);
    sm_init();
    rc = faults_run(&subject, &opt);
    sm_end();
    return rc;
}
