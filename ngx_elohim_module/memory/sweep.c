/* SPDX-License-Identifier: BSD-2-Clause */
/* sweep: what is expired or revoked leaves the zone, so that narrow bytes are zeroed
   and the room is free, whether somebody asks for it or not. Ten times a second one
   of the workers has the turn, and looks at a part of the entries: at all of them in
   a few turns once a slot of a generation page has changed, and else in ten
   seconds, since only time has passed. */

#include "ngx_http_elohim_module.h"


#define NGX_HTTP_ELOHIM_SWEEP_PAUSE   100 /* ms */
#define NGX_HTTP_ELOHIM_SWEEP_BUDGET  1   /* ms of a turn, when there is haste */
#define NGX_HTTP_ELOHIM_SWEEP_BATCH   128 /* entries under one lock */
#define NGX_HTTP_ELOHIM_SWEEP_TURNS   100 /* for all, when there is none */


typedef struct {
    elo_shelf_judge_t             judge; /* must be first */
    ngx_http_elohim_main_conf_t  *emcf;
    ngx_uint_t                    unknown; /* a store isn't mapped */
} ngx_http_elohim_judge_t;


static ngx_event_t  ngx_http_elohim_sweep_event;


/* Of a store that can't be looked at nothing is known: it may come back as it was. */

static bool
ngx_http_elohim_sweep_is_over(elo_shelf_judge_t *self,
    const elo_shelf_stamp_t *stamp)
{
    ngx_uint_t                 i;
    ngx_http_elohim_judge_t   *j;
    ngx_http_elohim_stamp_t    st;
    ngx_http_elohim_store_t  **sp;

    j = (ngx_http_elohim_judge_t *) self;
    sp = j->emcf->stores.elts;

    for (i = 0; i < j->emcf->stores.nelts; i++) {

        if (sp[i]->page && sp[i]->page->store_id == stamp->store_id) {
            ngx_http_elohim_stamp_get(stamp, &st);
            return !ngx_http_elohim_gen_is(sp[i], &st);
        }
    }

    return !j->unknown;
}


/* Slots only count up: a sum that is the same says that none has changed. */

static ngx_atomic_uint_t
ngx_http_elohim_sweep_sum(ngx_http_elohim_judge_t *j)
{
    uint32_t                   k;
    ngx_uint_t                 i;
    ngx_atomic_uint_t          sum;
    ngx_http_elohim_stamp_t    unused;
    ngx_http_elohim_store_t  **sp;

    sum = 0;
    j->unknown = 0;
    sp = j->emcf->stores.elts;

    for (i = 0; i < j->emcf->stores.nelts; i++) {

        if (ngx_http_elohim_gen_stamp(sp[i], &unused, ngx_cycle->log)
            != NGX_OK)
        {
            j->unknown = 1;
            continue;
        }

        sum += sp[i]->page->store_id + sp[i]->page->epoch;

        for (k = 0; k < ELO_GEN_SLOTS; k++) {
            sum += elo_gen_load(sp[i]->page, k);
        }
    }

    return sum;
}


/* A few entries of both shelves. NGX_DONE: both are at their end; NGX_DECLINED: not now,
   nobody waits for it. */

static ngx_int_t
ngx_http_elohim_sweep_batch(ngx_http_elohim_zone_t *zn,
    ngx_http_elohim_judge_t *j, ngx_uint_t *done)
{
    uint32_t    now;
    ngx_uint_t  i;

    now = ngx_http_elohim_zone_now();

    if (ngx_http_elohim_zone_try(zn) != NGX_OK) {
        return NGX_DECLINED;
    }

    for (i = 0; i < NGX_HTTP_ELOHIM_SHELVES; i++) {
        if (!(*done & (1 << i))
            && !elo_shelf_sweep(zn->shelf[i], &zn->sh->cursor[i],
                                NGX_HTTP_ELOHIM_SWEEP_BATCH, now, &j->judge))
        {
            zn->sh->cursor[i] = 0;
            *done |= 1 << i;
        }
    }

    ngx_http_elohim_zone_unlock(zn);

    return *done == (1 << NGX_HTTP_ELOHIM_SHELVES) - 1 ? NGX_DONE : NGX_OK;
}


static ngx_msec_t
ngx_http_elohim_sweep_ms(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (ngx_msec_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


static void
ngx_http_elohim_sweep_turn(ngx_http_elohim_zone_t *zn,
    ngx_http_elohim_main_conf_t *emcf)
{
    ngx_int_t                 rc;
    ngx_msec_t                until;
    ngx_uint_t                n, most, done;
    ngx_atomic_uint_t         sum;
    ngx_http_elohim_judge_t   j;

    j.judge.is_over = ngx_http_elohim_sweep_is_over;
    j.emcf = emcf;
    sum = ngx_http_elohim_sweep_sum(&j);

    if (sum != zn->sh->sweep_sum) {

        /* from the start: what was looked at may be over by now */

        zn->sh->sweep_sum = sum;
        zn->sh->sweep_busy = 1;
        ngx_memzero(zn->sh->cursor, sizeof(zn->sh->cursor));
    }

    most = 0;

    for (n = 0; n < NGX_HTTP_ELOHIM_SHELVES; n++) {
        most = ngx_max(most, zn->conf[n].tier.max_entries);
    }

    most = most / NGX_HTTP_ELOHIM_SWEEP_TURNS / NGX_HTTP_ELOHIM_SWEEP_BATCH + 1;
    until = ngx_http_elohim_sweep_ms() + NGX_HTTP_ELOHIM_SWEEP_BUDGET;
    done = 0;

    for (n = 0; zn->sh->sweep_busy || n < most; n++) {

        rc = ngx_http_elohim_sweep_batch(zn, &j, &done);

        if (rc == NGX_DONE) {
            zn->sh->sweep_busy = 0;
        }

        if (rc != NGX_OK || ngx_http_elohim_sweep_ms() >= until) {
            return;
        }
    }
}


static void
ngx_http_elohim_sweep_handler(ngx_event_t *ev)
{
    ngx_msec_t                    at;
    ngx_http_elohim_zone_t       *zn;
    ngx_http_elohim_main_conf_t  *emcf;

    emcf = ev->data;
    zn = emcf->zone->data;
    at = zn->sh->sweep_at;

    if ((ngx_msec_int_t) (ngx_current_msec - at) >= 0
        && ngx_atomic_cmp_set(&zn->sh->sweep_at, at,
                              ngx_current_msec + NGX_HTTP_ELOHIM_SWEEP_PAUSE))
    {
        ngx_http_elohim_sweep_turn(zn, emcf);
    }

    ngx_add_timer(ev, NGX_HTTP_ELOHIM_SWEEP_PAUSE);
}


ngx_int_t
ngx_http_elohim_sweep_start(ngx_cycle_t *cycle)
{
    ngx_event_t                  *ev;
    ngx_http_elohim_main_conf_t  *emcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    emcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_elohim_module);

    if (emcf == NULL || emcf->zone == NULL) {
        return NGX_OK;
    }

    ev = &ngx_http_elohim_sweep_event;
    ev->handler = ngx_http_elohim_sweep_handler;
    ev->data = emcf;
    ev->log = cycle->log;
    ev->cancelable = 1; /* nobody waits for it who ends */

    ngx_add_timer(ev, NGX_HTTP_ELOHIM_SWEEP_PAUSE);

    return NGX_OK;
}
