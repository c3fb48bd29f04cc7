/* SPDX-License-Identifier: BSD-2-Clause */
/* faults: each call of each kind fails in turn, and each allocation. What the work
   is and what must hold is the subject's. */
#ifndef ELO_T_CRASH_FAULTS_H
#define ELO_T_CRASH_FAULTS_H

#include "t/crash/inject.h"
#include "t/crash/sweep.h"

typedef struct {
    inject_op_t op;
    int err; /* errno, or INJECT_SHORT */
    const char *name;
} fault_t;

/* A fault at call n of its kind, or, with f NULL, at allocation n (on: and at all
   after it). Returns whether there was such a call; crash_fail says what is
   wrong. */
typedef bool (*fault_fn)(uint64_t seed, const fault_t *f, uint64_t n, bool on);

typedef struct {
    const char *name;
    fault_fn in_work;     /* of an open store */
    fault_fn in_recovery; /* opening one that has crashed */
} fault_subject_t;

/* A full disk: what it hits is refused, and all goes on. */
bool fault_is_full(const fault_t *f);
/* A sync: no more is written afterwards. */
bool fault_is_sync(const fault_t *f);

void fault_arm(inject_t *in, const fault_t *f, uint64_t n, bool on);
bool fault_disarm(inject_t *in, const fault_t *f); /* has it fired? */

/* Prints TAP; returns the exit status. */
int faults_run(const fault_subject_t *s, const sweep_opt_t *opt);

#endif
