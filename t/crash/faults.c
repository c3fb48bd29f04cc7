/* SPDX-License-Identifier: BSD-2-Clause */
/* faults: see faults.h. */
#include "t/crash/faults.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "t/crash/alloc.h"

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
    const fault_subject_t *s;
    uint64_t seed;
    double seconds;
    struct timespec began;
    uint64_t fired;
} run_t;


bool
fault_is_full(const fault_t *f)
{
    return f != NULL
           && (f->err == ENOSPC || f->err == EDQUOT
               || (f->err == INJECT_SHORT
                   && (f->op == INJECT_pwrite || f->op == INJECT_pwritev)));
}


bool
fault_is_sync(const fault_t *f)
{
    return f != NULL
           && (f->op == INJECT_fdatasync || f->op == INJECT_fsync_dir);
}


void
fault_arm(inject_t *in, const fault_t *f, uint64_t n, bool on)
{
    if (f != NULL) {
        inject_set(in, f->op, n, f->err);
    } else {
        alloc_fail_at(n, on);
    }
}


bool
fault_disarm(inject_t *in, const fault_t *f)
{
    bool fired = f != NULL ? inject_fired(in) : alloc_fired();

    alloc_fail_never();
    inject_set(in, INJECT_open, 0, 0);
    return fired;
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


/* n = 1, 2, … until it doesn't fire; with a bound on time, in growing steps. */
static bool
each_n(run_t *r, bool in_recovery, const fault_t *f, bool on)
{
    uint64_t grow = r->seconds == 0 ? UINT64_MAX : f == NULL ? 12 : 4;

    for (uint64_t n = 1; !time_is_up(r); n += 1 + n / grow) {
        bool fired = in_recovery ? r->s->in_recovery(r->seed, f, n, on)
                                 : r->s->in_work(r->seed, f, n, on);

        if (crash_failed()) {
            crash_verdict();
            printf("# %s: %s %s at call %llu, seed %llu\n",
                   in_recovery ? "recovery" : "work",
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
all_of(run_t *r, bool in_recovery, bool is_memory)
{
    bool ok = true;

    if (is_memory) {
        return each_n(r, in_recovery, NULL, false)
               && each_n(r, in_recovery, NULL, true);
    }
    /* another one first each time, so that a bound on time hits all */
    for (size_t i = 0; ok && i < N_FAULTS; i++) {
        ok = each_n(r, in_recovery, &faults[(i + r->seed * 7) % N_FAULTS],
                    false);
    }
    return ok;
}


int
faults_run(const fault_subject_t *s, const sweep_opt_t *opt)
{
    run_t r = { .s = s, .seconds = opt->seconds / 4 };
    uint64_t rounds = opt->seconds > 0 ? 1 : opt->rounds;
    int n = 0;
    bool ok = true;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (uint64_t round = 0; ok && round < rounds; round++) {
        r.seed = opt->seed + round;
        for (unsigned part = 0; ok && part < 4; part++) {
            clock_gettime(CLOCK_MONOTONIC, &r.began);
            r.fired = 0;
            ok = all_of(&r, part >= 2, part % 2 == 1);
            printf("%s %d - %s, %s, seed %llu: %llu %s\n", ok ? "ok" : "not ok",
                   ++n, s->name, part >= 2 ? "recovery" : "work",
                   (unsigned long long) r.seed, (unsigned long long) r.fired,
                   part % 2 == 1 ? "failed allocations" : "faults of the disk");
        }
    }
    printf("1..%d\n", n);
    return ok ? 0 : 1;
}
