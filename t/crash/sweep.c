/* SPDX-License-Identifier: BSD-2-Clause */
/* sweep: loops over cuts, modes and recoveries. */
#include "t/crash/sweep.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WHY_MAX  400u
#define LIVES    12u  /* crashes in a row on one disk */
#define SAMPLE   24u  /* cuts of a seed when time is bounded */
#define DEEP_MAX 400u /* operations of one recovery: more is a failure */

typedef struct {
    const subject_t *s;
    const sweep_opt_t *opt;
    struct timespec began;
    /* what was done, for the last line */
    uint64_t cuts, disks, recoveries, at[SIM_OPS];
} sweep_t;

static pthread_mutex_t why_mtx = PTHREAD_MUTEX_INITIALIZER;
static char why[WHY_MAX];


bool
crash_fail(const char *fmt, ...)
{
    va_list ap;

    pthread_mutex_lock(&why_mtx);
    if (why[0] == '\0') {
        va_start(ap, fmt);
        vsnprintf(why, sizeof(why), fmt, ap);
        va_end(ap);
    }
    pthread_mutex_unlock(&why_mtx);
    return false;
}


bool
crash_failed(void)
{
    pthread_mutex_lock(&why_mtx);
    bool failed = why[0] != '\0';
    pthread_mutex_unlock(&why_mtx);
    return failed;
}


void
crash_verdict(void)
{
    pthread_mutex_lock(&why_mtx);
    printf("# %s\n", why);
    pthread_mutex_unlock(&why_mtx);
}


static bool
time_is_up(const sweep_t *w)
{
    struct timespec now;

    if (w->opt->seconds == 0) {
        return false;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) (now.tv_sec - w->began.tv_sec)
               + (double) (now.tv_nsec - w->began.tv_nsec) / 1e9
           > w->opt->seconds;
}


/* Says how to see it again; returns whether all is well. */
static bool
verdict(const sweep_t *w, uint64_t seed, uint64_t n, int mode, const char *when,
        simdisk_t *d)
{
    if (!crash_failed()) {
        return true;
    }
    printf("# %s: %s\n", when, why);
    printf("# again: %s --seed %llu --cut %llu --mode %s\n", w->s->name,
           (unsigned long long) seed, (unsigned long long) n,
           mode < 0 ? "-" : sim_mode_name((sim_mode_t) mode));
    printf("# the last operations on that disk:\n");
    simdisk_trace(d, stdout);
    return false;
}


/* Runs the work with a cut at the n-th operation (0: none). */
static simdisk_t *
run_to(const sweep_t *w, void *model, uint64_t n, bool commit_goes_on)
{
    simdisk_t *d = simdisk_create();

    if (d == NULL) {
        perror("simdisk");
        exit(2);
    }
    simdisk_cut_at(d, n);
    simdisk_commit_goes_on(d, commit_goes_on);
    w->s->work(model, d, 0);
    return d;
}


/* Checks a disk. What the first start makes of it, it has made durable: the power
   goes again, with all that was not synced, and the second start finds the same;
   also after a little work, also when either has no index. */
static bool
check_disk(sweep_t *w, void *model, simdisk_t *c, uint64_t seed, uint64_t n,
           int mode)
{
    sim_rng_t rng = sim_rng(seed, n, (uint64_t) (mode + 1));
    uint64_t chance = sim_rng_next(&rng);
    bool no_index = (chance & 7) == 0, no_index_later = (chance & 24) == 0;
    simdisk_t *again;
    bool ok;

    w->disks++;
    if (no_index) {
        simdisk_drop_index(c);
    }
    w->s->check(model, c);
    if (!verdict(w, seed, n, mode,
                 no_index ? "first start, without index" : "first start", c))
    {
        return false;
    }
    if ((chance & 32) != 0) {
        w->s->work(model, c, SWEEP_LITTLE);
        if (!verdict(w, seed, n, mode, "a little work", c)) {
            return false;
        }
    }
    again = simdisk_crash(c, seed, SIM_LOSE);
    if (no_index_later) {
        simdisk_drop_index(again);
    }
    w->s->check(model, again);
    ok = verdict(
        w, seed, n, mode,
        no_index_later ? "second start, without index" : "second start", again);
    simdisk_free(&again);
    return ok;
}


/* Crashes the recovery of d's crash at its m-th operation. *fired: there was
   one. */
static bool
crash_recovery(sweep_t *w, const void *model, simdisk_t *d, uint64_t seed,
               uint64_t n, sim_mode_t mode, uint64_t m, bool *fired)
{
    sim_mode_t again = (sim_mode_t) ((m * 5 + n + (uint64_t) mode) % SIM_MODES);
    simdisk_t *c = simdisk_crash(d, seed ^ n, mode), *cc;
    void *copy = w->s->model_copy(model);
    bool ok = true;

    simdisk_cut_at(c, m);
    simdisk_commit_goes_on(c, m % 2 == 0);
    w->s->recover(copy, c);
    *fired = simdisk_is_cut(c);
    if (*fired) {
        w->recoveries++;
        cc = simdisk_crash(c, seed ^ m, again);
        w->s->check(copy, cc);
        ok = verdict(w, seed, n, (int) mode, "after a crash of the recovery",
                     cc);
        if (!ok) {
            printf("# that was at operation %llu of it, left as %s\n",
                   (unsigned long long) m, sim_mode_name(again));
        }
        simdisk_free(&cc);
    }
    w->s->model_free(copy);
    simdisk_free(&c);
    return ok;
}


static bool
crash_recoveries(sweep_t *w, const void *model, simdisk_t *d, uint64_t seed,
                 uint64_t n, sim_mode_t mode)
{
    bool fired = true;
    /* not deep: one operation of it, another for each n */
    uint64_t m = w->opt->is_deep ? 1 : 1 + n % 9;

    for (; fired && m < DEEP_MAX; m++) {
        if (!crash_recovery(w, model, d, seed, n, mode, m, &fired)) {
            return false;
        }
        if (!w->opt->is_deep) {
            break;
        }
    }
    return m < DEEP_MAX || crash_fail("a recovery that does not end")
           || verdict(w, seed, n, (int) mode, "deep", d);
}


/* All that a cut at n may leave. *fired: there was an n-th operation. */
static bool
cut_once(sweep_t *w, uint64_t seed, uint64_t n, bool commit_goes_on,
         bool *fired, sim_op_t *at)
{
    void *model = w->s->model_new(seed);
    simdisk_t *d = run_to(w, model, n, commit_goes_on);
    bool ok = verdict(w, seed, n, -1, "the work itself", d);

    *fired = simdisk_is_cut(d);
    *at = simdisk_cut_op(d);
    if (*fired) {
        w->cuts++;
        w->at[*at]++;
    }
    for (int mode = 0; ok && *fired && mode < SIM_MODES; mode++) {
        if (w->opt->mode >= 0 && w->opt->mode != mode) {
            continue;
        }
        void *copy = w->s->model_copy(model);
        simdisk_t *c = simdisk_crash(d, seed ^ n, (sim_mode_t) mode);

        ok = check_disk(w, copy, c, seed, n, mode);
        w->s->model_free(copy);
        simdisk_free(&c);
        if (ok && (w->opt->is_deep || (n + (uint64_t) mode) % 3 == 0)) {
            ok = crash_recoveries(w, model, d, seed, n, (sim_mode_t) mode);
        }
    }
    if (ok && *fired && w->opt->mode < 0) {
        /* kill -9: the system's cache is still there */
        simdisk_revive(d);
        ok = check_disk(w, model, d, seed, n, -1);
    }
    w->s->model_free(model);
    simdisk_free(&d);
    return ok;
}


/* One cut; at a checkpoint, both before and after LMDB's commit. */
static bool
cut_at(sweep_t *w, uint64_t seed, uint64_t n, bool *fired)
{
    sim_op_t at;
    bool ok = cut_once(w, seed, n, false, fired, &at);

    if (ok && *fired && at == SIM_OP_CHECKPOINT) {
        ok = cut_once(w, seed, n, true, fired, &at);
    }
    return ok;
}


/* Without a cut: everything must be there; returns how many operations it
   took, 0 on failure. */
static uint64_t
whole_run(sweep_t *w, uint64_t seed)
{
    void *model = w->s->model_new(seed);
    simdisk_t *d = run_to(w, model, 0, false);
    uint64_t n = simdisk_ops(d);
    bool ok = verdict(w, seed, 0, -1, "the work itself", d)
              && check_disk(w, model, d, seed, 0, -1);

    w->s->model_free(model);
    simdisk_free(&d);
    return ok ? n : 0;
}


static uint64_t
gcd(uint64_t a, uint64_t b)
{
    return b == 0 ? a : gcd(b, a % b);
}


/* Every n up to the number of operations, in an order that spreads over the work
   however soon time is up. */
static bool
sweep_seed(sweep_t *w, uint64_t seed)
{
    uint64_t total = whole_run(w, seed), step, most;
    bool fired;

    if (total == 0) {
        return false;
    }
    if (w->opt->n != 0) {
        return cut_at(w, seed, w->opt->n, &fired);
    }
    step = total * 5 / 13 + 1;
    while (gcd(step, total) != 1) {
        step++;
    }
    /* with a bound on time, some of each of many seeds */
    most = w->opt->seconds > 0 && total > SAMPLE ? SAMPLE : total;
    for (uint64_t i = 0; i < most && !time_is_up(w); i++) {
        if (!cut_at(w, seed, 1 + (i + 1) * step % total, &fired)) {
            return false;
        }
    }
    /* the threads' own operations may make a run longer than the first */
    for (uint64_t n = total + 1; w->opt->seconds == 0; n++) {
        if (!cut_at(w, seed, n, &fired)) {
            return false;
        }
        if (!fired) {
            break;
        }
    }
    return true;
}


/* A disk that is crashed again and again: work, cut, check, more work. */
static bool
many_lives(sweep_t *w, uint64_t seed)
{
    sim_rng_t rng = sim_rng(seed, 0x6c697665, 0);
    void *model = w->s->model_new(seed);
    simdisk_t *d = simdisk_create();
    uint64_t span = 40;
    bool ok = true;

    for (uint64_t life = 0; ok && life < LIVES; life++) {
        sim_mode_t mode = (sim_mode_t) sim_rng_below(&rng, SIM_MODES);

        simdisk_cut_at(d, 1 + sim_rng_below(&rng, span));
        simdisk_commit_goes_on(d, sim_rng_below(&rng, 2) == 0);
        w->s->work(model, d, life);
        span = simdisk_is_cut(d) ? span * 3 / 2 : span;
        simdisk_cut(d);
        simdisk_t *c = simdisk_crash(d, sim_rng_next(&rng), mode);

        w->cuts++;
        simdisk_free(&d);
        d = c;
        ok = check_disk(w, model, d, seed, life, (int) mode);
        if (!ok) {
            printf("# that was life %llu of many on one disk\n",
                   (unsigned long long) life);
        }
    }
    w->s->model_free(model);
    simdisk_free(&d);
    return ok;
}


static bool
round_of(sweep_t *w, uint64_t seed)
{
    bool is_one = w->opt->n != 0;

    return sweep_seed(w, seed) && (is_one || many_lives(w, seed));
}


int
sweep_run(const subject_t *s, const sweep_opt_t *opt)
{
    sweep_t w = { .s = s, .opt = opt };
    uint64_t seed = opt->seed;
    bool ok = true;

    setvbuf(stdout, NULL, _IOLBF, 0);
    clock_gettime(CLOCK_MONOTONIC, &w.began);
    for (uint64_t r = 0; ok && r < opt->rounds; r++, seed++) {
        if (r > 0 && time_is_up(&w)) {
            break;
        }
        ok = round_of(&w, seed);
    }
    printf("# seeds %llu to %llu: %llu cuts, %llu disks, %llu crashed "
           "recoveries\n#",
           (unsigned long long) opt->seed, (unsigned long long) seed - 1,
           (unsigned long long) w.cuts, (unsigned long long) w.disks,
           (unsigned long long) w.recoveries);
    for (int op = 0; op < SIM_OPS; op++) {
        printf(" %s %llu", sim_op_name((sim_op_t) op),
               (unsigned long long) w.at[op]);
    }
    printf("\n%s 1 - %s\n1..1\n", ok ? "ok" : "not ok", s->name);
    return ok ? 0 : 1;
}


static int
mode_of(const char *name)
{
    for (int m = 0; m < SIM_MODES; m++) {
        if (strcmp(name, sim_mode_name((sim_mode_t) m)) == 0) {
            return m;
        }
    }
    return -1;
}


void
sweep_options(int argc, char **argv, double seconds, uint64_t soak_rounds,
              sweep_opt_t *out)
{
    const char *soak = getenv("ELO_SOAK");

    *out = (sweep_opt_t){ 1, UINT64_MAX, 0, -1, seconds, false };
    if (soak != NULL && strcmp(soak, "1") == 0) {
        out->seconds = 0;
        out->rounds = soak_rounds;
        out->is_deep = true;
    }
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";

        if (strcmp(argv[i], "--deep") == 0) {
            out->is_deep = true;
            continue;
        }
        if (strcmp(argv[i], "--seed") == 0) {
            out->seed = strtoull(value, NULL, 0);
        } else if (strcmp(argv[i], "--rounds") == 0) {
            out->rounds = strtoull(value, NULL, 0);
            out->seconds = 0;
        } else if (strcmp(argv[i], "--cut") == 0) {
            out->n = strtoull(value, NULL, 0);
            out->rounds = 1;
        } else if (strcmp(argv[i], "--mode") == 0) {
            out->mode = mode_of(value);
        } else if (strcmp(argv[i], "--seconds") == 0) {
            out->seconds = strtod(value, NULL);
        } else {
            fprintf(stderr,
                    "usage: %s [--seed N] [--rounds N] [--cut N] "
                    "[--mode NAME] [--seconds N] [--deep]\n",
                    argv[0]);
            exit(2);
        }
        i++;
    }
}
