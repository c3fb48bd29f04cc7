/* SPDX-License-Identifier: BSD-2-Clause */
/* kv_inject: the engine (backend/kv) on a disk of which one call fails, and with
   memory of which one piece isn't to be had: at each call of each kind in turn, in
   work and in recovery. A full disk takes one batch and the engine goes on; a failed
   write or sync makes it read-only; nothing acknowledged is lost by either, nor by a
   power cut afterwards; nothing that was refused is there. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "t/crash/alloc.h"
#include "t/crash/inject.h"
#include "t/crash/kv_work.h"
#include "t/crash/sweep.h"

#define GROUPS 14u

/* What a fault is. */
typedef struct {
    inject_op_t op;
    int err;
    const char *name;
} fault_t;

#define FULL(op)                                                               \
    { INJECT_##op, ENOSPC, "ENOSPC" },                                         \
    {                                                                          \
        INJECT_##op, EDQUOT, "EDQUOT"                                          \
    }
#define BROKEN(op)                                                             \
    {                                                                          \
        INJECT_##op, EIO, "EIO"                                                \
    }
#define SHORT(op)                                                              \
    {                                                                          \
        INJECT_##op, INJECT_SHORT, "short"                                     \
    }

static const fault_t faults[] = {
    FULL(open),
    BROKEN(open),
    { INJECT_open, EMFILE, "EMFILE" },
    BROKEN(pread),
    SHORT(pread),
    BROKEN(pread_now),
    SHORT(pread_now),
    FULL(pwrite),
    BROKEN(pwrite),
    SHORT(pwrite),
    FULL(pwritev),
    BROKEN(pwritev),
    SHORT(pwritev),
    BROKEN(size),
    FULL(truncate),
    BROKEN(truncate),
    BROKEN(fdatasync),
    { INJECT_fdatasync, ENOSPC, "ENOSPC" },
    BROKEN(fsync_dir),
    BROKEN(write_behind),
    FULL(mkdir),
    BROKEN(mkdir),
    FULL(rename),
    BROKEN(rename),
    BROKEN(unlink),
    BROKEN(list),
    BROKEN(free_space),
    FULL(checkpoint),
    BROKEN(checkpoint),
};

#define N_FAULTS (sizeof(faults) / sizeof(faults[0]))

typedef struct {
    uint64_t seed;
    double seconds;
    struct timespec began;
    uint64_t fired;
} run_t;


static bool
is_full(const fault_t *f)
{
    return f->err == ENOSPC || f->err == EDQUOT
           || (f->err == INJECT_SHORT
               && (f->op == INJECT_pwrite || f->op == INJECT_pwritev));
}


static bool
is_sync(const fault_t *f)
{
    return f->op == INJECT_fdatasync || f->op == INJECT_fsync_dir;
}


static bool
time_is_up(const run_t *r)
{
    struct timespec now;

    if (r->seconds == 0) {
        return false;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) (now.tv_sec - r->began.tv_sec)
               + (double) (now.tv_nsec - r->began.tv_nsec) / 1e9
           > r->seconds;
}


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

    if (f != NULL && is_full(f) && !is_sync(f) && is_readonly) {
        crash_fail("a full disk has made it read-only");
    }
    if (f != NULL && is_sync(f) && !is_readonly) {
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
fault_in_work(run_t *r, const fault_t *f, uint64_t n, bool on)
{
    kvm_t *m = model_new(r->seed);
    simdisk_t *d = simdisk_create();
    inject_t *in = inject_create(d);
    sim_rng_t rng = sim_rng(r->seed, 0x776f726b, 0);
    engine_t e;
    bool fired = false;
    elo_err_t rc = engine_open(&e, d, inject_vfs(in));

    if (rc != ELO_OK) {
        crash_fail("open: %s", elo_strerror(rc));
    } else {
        e.may_fail = true;
        if (f != NULL) {
            inject_set(in, f->op, n, f->err);
        } else {
            alloc_fail_at(n, on);
        }
        groups(&e, m, &rng, GROUPS);
        alloc_fail_never();
        fired = f != NULL ? inject_fired(in) : alloc_fired();
        if (fired) {
            check_after(&e, m, &rng, f);
        }
        engine_close(&e);
        look_around(m, d, r->seed ^ n);
    }
    free(m);
    inject_free(&in);
    simdisk_free(&d);
    return fired;
}


/* Recovery of a crashed disk with a fault: it opens, or it says why not; then it
   opens without. */
static bool
fault_in_recovery(run_t *r, const fault_t *f, uint64_t n, bool on)
{
    kvm_t *m = model_new(r->seed);
    simdisk_t *d = simdisk_create();
    sim_rng_t rng = sim_rng(r->seed, 0x7265636f, 0);
    engine_t e;
    bool fired = false;

    simdisk_cut_at(d, 90 + n % 7);
    if (engine_open(&e, d, simdisk_vfs(d)) == ELO_OK) {
        e.may_fail = true;
        groups(&e, m, &rng, GROUPS);
        engine_close(&e);
    }
    simdisk_t *c = simdisk_crash(d, r->seed, SIM_RANDOM);
    inject_t *in = inject_create(c);

    if (f != NULL) {
        inject_set(in, f->op, n, f->err);
    } else {
        alloc_fail_at(n, on);
    }
    elo_err_t rc = engine_open(&e, c, inject_vfs(in));

    alloc_fail_never();
    fired = f != NULL ? inject_fired(in) : alloc_fired();
    inject_set(in, INJECT_open, 0, 0);
    if (rc == ELO_OK) {
        kvm_check(m, e.kv);
        engine_close(&e);
    } else if (!fired) {
        crash_fail("recovery: %s", elo_strerror(rc));
    }
    look_around(m, c, r->seed ^ n);
    free(m);
    inject_free(&in);
    simdisk_free(&c);
    simdisk_free(&d);
    return fired;
}


typedef bool (*try_fn)(run_t *r, const fault_t *f, uint64_t n, bool on);


/* n = 1, 2, … until it doesn't fire; with a bound on time, in growing steps. */
static bool
each_n(run_t *r, try_fn try, const char *where, const fault_t *f, bool on)
{
    uint64_t grow = r->seconds == 0 ? 1000000 : f == NULL ? 12 : 4;

    for (uint64_t n = 1; !time_is_up(r); n += 1 + n / grow) {
        bool fired = try(r, f, n, on);

        if (crash_failed()) {
            crash_verdict();
            printf("# %s: %s %s at call %llu, seed %llu\n", where,
                   f == NULL ? "allocation" : inject_op_name(f->op),
                   f == NULL ? on ? "and all after it" : "" : f->name,
                   (unsigned long long) n, (unsigned long long) r->seed);
            return false;
        }
        if (!fired) {
            break;
        }
        r->fired++;
    }
    return true;
}


static bool
all_faults(run_t *r, try_fn try, const char *where)
{
    bool ok = true;

    for (size_t i = 0; ok && i < N_FAULTS; i++) {
        ok = each_n(r, try, where, &faults[i], false);
    }
    return ok;
}


int
main(int argc, char **argv)
{
    sweep_opt_t opt;
    run_t r = { .seed = 1 };
    int n = 0, bad = 0;

    sweep_options(argc, argv, 10, 4, &opt);
    static const struct {
        try_fn try;
        const char *where;
    } parts[] = {
        { fault_in_work, "work" },
        { fault_in_recovery, "recovery" },
    };

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (uint64_t round = 0; round < (opt.seconds > 0 ? 1 : opt.rounds);
         round++) {
        r.seed = opt.seed + round;
        for (size_t p = 0; p < 2 && bad == 0; p++) {
            bool ok;

            r.seconds = opt.seconds / 4;
            clock_gettime(CLOCK_MONOTONIC, &r.began);
            r.fired = 0;
            ok = all_faults(&r, parts[p].try, parts[p].where);
            bad += !ok;
            printf("%s %d - %s: %llu faults of the disk\n",
                   ok ? "ok" : "not ok", ++n, parts[p].where,
                   (unsigned long long) r.fired);
            clock_gettime(CLOCK_MONOTONIC, &r.began);
            r.fired = 0;
            ok = bad == 0
                 && each_n(&r, parts[p].try, parts[p].where, NULL, false)
                 && each_n(&r, parts[p].try, parts[p].where, NULL, true);
            bad += !ok;
            printf("%s %d - %s: %llu failed allocations\n",
                   ok ? "ok" : "not ok", ++n, parts[p].where,
                   (unsigned long long) r.fired);
        }
    }
    printf("1..%d\n", n);
    return bad == 0 ? 0 : 1;
}
