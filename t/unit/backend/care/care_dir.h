/* SPDX-License-Identifier: BSD-2-Clause */
/* care_dir: runs of one job of care to their end, without a scheduler. */
#ifndef ELO_T_UNIT_CARE_DIR_H
#define ELO_T_UNIT_CARE_DIR_H

#include "backend/care/cursor.h"
#include "backend/care/job.h"
#include "backend/os/clock.h"
#include "t/unit/backend/store/store_dir.c"

#define STEPS_MAX 10000

typedef struct {
    dir_t dir; /* first */
    elo_care_cfg_t cfg;
    elo_care_use_t *use;
} care_t;


static inline int
care_setup(void **state)
{
    care_t *c = calloc(1, sizeof(*c));

    dir_make_root(&c->dir);
    dir_keyring(&c->dir);
    c->dir.cfg.grace_s = 1;
    dir_open(&c->dir);
    c->cfg = (elo_care_cfg_t){ .store = c->dir.s,
                               .keyring = c->dir.keyring,
                               .compact_percent = 80 };
    assert_int_equal(elo_care_use_create(&c->use), ELO_OK);
    *state = c;
    return 0;
}


static inline int
care_teardown(void **state)
{
    care_t *c = *state;

    elo_care_use_free(&c->use);
    dir_end(&c->dir);
    free(c);
    return 0;
}


static inline elo_care_run_t
care_run(care_t *c, bool is_forced)
{
    c->cfg.store = c->dir.s;
    return (elo_care_run_t){
        .cfg = &c->cfg, .use = c->use, .is_first = true, .is_forced = is_forced
    };
}


static inline void
care_drop(elo_care_run_t *r)
{
    if (r->state != NULL) {
        r->drop(r->state);
        r->state = NULL;
    }
}


/* Steps of budget_ns each until there is no more. */
static inline elo_err_t
care_finish(elo_care_run_t *r, elo_care_step_fn step, uint64_t budget_ns)
{
    bool more = true;
    elo_err_t rc = ELO_OK;
    int n = 0;

    while (more && rc == ELO_OK) {
        assert_true(n++ < STEPS_MAX);
        r->until_ns = elo_clock_mono_ns() + budget_ns;
        rc = step(r, &more);
    }
    care_drop(r);
    return rc;
}


static inline elo_care_run_t
care_whole(care_t *c, elo_care_step_fn step)
{
    elo_care_run_t r = care_run(c, false);

    assert_int_equal(care_finish(&r, step, UINT64_C(1000000000)), ELO_OK);
    return r;
}

#endif
