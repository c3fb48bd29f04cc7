/* SPDX-License-Identifier: BSD-2-Clause */
/* sweep: cuts the power at every operation of a deterministic piece of work in
   turn, and looks at what each kind of crash leaves. What the work is and what must
   hold is the subject's; its model knows what was acknowledged. */
#ifndef ELO_T_CRASH_SWEEP_H
#define ELO_T_CRASH_SWEEP_H

#include "t/crash/simdisk.h"

/* As a part of work: one small operation only. What a crash has left behind the end
   of a log may come to life when something shorter is written before it. */
#define SWEEP_LITTLE UINT64_MAX

/* A model is the subject's: what was done and what was acknowledged. */
typedef struct {
    const char *name;
    void *(*model_new)(uint64_t seed);
    void *(*model_copy)(const void *model);
    void (*model_free)(void *model);

    /* Opens, works until it is done or the disk has gone, closes. part tells one
       piece of work from another on the same disk. Errors while the disk is there
       are failures: crash_fail. */
    void (*work)(void *model, simdisk_t *d, uint64_t part);

    /* Opens and closes; whatever it answers. */
    void (*recover)(void *model, simdisk_t *d);

    /* Opens, checks that all of the model holds and nothing else, and takes into
       the model what was found of what wasn't acknowledged; closes. */
    void (*check)(void *model, simdisk_t *d);
} subject_t;

typedef struct {
    uint64_t seed;   /* of the first round */
    uint64_t rounds; /* seeds to try; each is as long as its sweep */
    uint64_t n;      /* only this cut, 0: all */
    int mode;        /* only this one, -1: all */
    double seconds;  /* stops after them; 0: no bound */
    bool is_deep;    /* crashes each recovery at each of its own operations */
} sweep_opt_t;

/* The first failure since crash_ok counts; what is said later is dropped. Returns
   false. [any] */
bool crash_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
bool crash_failed(void);
void crash_verdict(void); /* prints it */

/* From --seed N, --rounds N, --cut N, --mode NAME, --seconds N, --deep, and the
   environment: ELO_SOAK=1 means deep and rounds rounds without bound. Ends the
   process on what it does not know. */
void sweep_options(int argc, char **argv, double seconds, uint64_t soak_rounds,
                   sweep_opt_t *out);

/* Prints TAP: one test a way of cutting; returns the exit status. */
int sweep_run(const subject_t *s, const sweep_opt_t *opt);

#endif
