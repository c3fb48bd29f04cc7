/* SPDX-License-Identifier: BSD-2-Clause */
/* warm: the daemon's lists of what is to be taken in before it is asked for. Of each
   source, a daemon with its store, one worker at a time has the turn: it asks for lines,
   does them (warm_item.c), and writes down where to go on. Who has died is followed by
   another, which begins at the last place, so that some lines are done twice: what is
   there is passed over.

   Nothing is begun while there is something better to do: while clients find no room
   among the fills, half of the fills are taken, the daemon's heart doesn't beat, or
   this worker's loop is late. Protocol: common/http/warm_list.h. */

#include "ngx_http_elohim_warm.h"


#define NGX_HTTP_ELOHIM_WARM_PAUSE    100   /* ms between looks */
#define NGX_HTTP_ELOHIM_WARM_TURN     3000  /* ms; a turn that isn't renewed */
#define NGX_HTTP_ELOHIM_WARM_LATE     50    /* ms; so late a loop has much to do */
#define NGX_HTTP_ELOHIM_WARM_HOLD     500   /* ms that nothing is begun then */
#define NGX_HTTP_ELOHIM_WARM_CROWDED  1000  /* ms, after a client found no room */
#define NGX_HTTP_ELOHIM_WARM_AWAY     1000  /* ms, when the daemon is */
#define NGX_HTTP_ELOHIM_WARM_FAILED   5000  /* ms, when it gives no list */
#define NGX_HTTP_ELOHIM_WARM_NONE     60000 /* ms, when it knows no lists */
#define NGX_HTTP_ELOHIM_WARM_POOL     4096
#define NGX_HTTP_ELOHIM_ASK_WARM      "/internal/v1/warm?n=%d"


typedef struct {
    ngx_atomic_t            crowded; /* ms, when it was last */
    ngx_atomic_t            marks[NGX_HTTP_ELOHIM_MARKS];
    ngx_http_elohim_turn_t  turns[NGX_HTTP_ELOHIM_WARM_SOURCES];
} ngx_http_elohim_warms_t;


/* of this process */
static ngx_slab_pool_t          *ngx_http_elohim_warms_pool;
static ngx_http_elohim_warms_t  *ngx_http_elohim_warms;
static ngx_http_elohim_warm_t   *ngx_http_elohim_warm;
static ngx_uint_t                ngx_http_elohim_warm_n;
static ngx_event_t               ngx_http_elohim_warm_event;
static ngx_msec_t                ngx_http_elohim_warm_due;
static ngx_msec_t                ngx_http_elohim_warm_hold;


/* ---- the zone ---- */

static ngx_int_t
ngx_http_elohim_warms_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t  *shpool;

    shpool = (ngx_slab_pool_t *) zone->shm.addr;
    zone->data = shpool;

    if (data != NULL || zone->shm.exists) {
        return NGX_OK;
    }

    shpool->data = ngx_slab_calloc(shpool, sizeof(ngx_http_elohim_warms_t));

    return shpool->data ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_elohim_add_warm_zone(ngx_conf_t *cf,
    ngx_http_elohim_main_conf_t *emcf)
{
    ngx_str_t  name = ngx_string("elohim_warm");

    return ngx_http_elohim_add_table(
        cf, &name, sizeof(ngx_http_elohim_warms_t),
        ngx_http_elohim_warms_init, &emcf->warms);
}


/* One of each name space: locations that share it share what is taken in. */

ngx_int_t
ngx_http_elohim_add_warm_source(ngx_conf_t *cf,
    ngx_http_elohim_loc_conf_t *elcf)
{
    ngx_uint_t                     i;
    ngx_http_elohim_loc_conf_t   **p;
    ngx_http_elohim_main_conf_t   *emcf;

    if (!elcf->warm) {
        return NGX_OK;
    }

    emcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_elohim_module);
    p = emcf->warm_sources.elts;

    for (i = 0; i < emcf->warm_sources.nelts; i++) {
        if (ngx_memcmp(p[i]->ns, elcf->ns, NGX_HTTP_ELOHIM_NS_LEN) == 0) {
            return NGX_OK;
        }
    }

    if (i == NGX_HTTP_ELOHIM_WARM_SOURCES) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"elohim on\" in %s:%ui is of one more store than the "
                      "%d that are warmed from: write \"elohim_warm off;\" "
                      "where it isn't needed", elcf->file, elcf->line,
                      NGX_HTTP_ELOHIM_WARM_SOURCES);
        return NGX_OK;
    }

    p = ngx_array_push(&emcf->warm_sources);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *p = elcf;

    return NGX_OK;
}


/* The turn of this name space; of one that is configured no longer, when all are taken:
   the place of what it was is none of the other daemon's. */

static ngx_http_elohim_turn_t *
ngx_http_elohim_warm_turn(const u_char *ns)
{
    ngx_uint_t               i, best;
    ngx_http_elohim_turn_t  *t;

    ngx_shmtx_lock(&ngx_http_elohim_warms_pool->mutex);

    t = ngx_http_elohim_warms->turns;
    best = 0;

    for (i = 0; i < NGX_HTTP_ELOHIM_WARM_SOURCES; i++) {

        if (!t[i].used
            || ngx_memcmp(t[i].ns, ns, NGX_HTTP_ELOHIM_NS_LEN) == 0)
        {
            best = i;
            break;
        }

        if ((ngx_msec_int_t) (t[i].until - t[best].until) < 0) {
            best = i;
        }
    }

    if (i == NGX_HTTP_ELOHIM_WARM_SOURCES) {
        t[best].owner = 0;
        t[best].place_len[0] = t[best].place_len[1] = 0;
    }

    t[best].used = 1;
    ngx_memcpy(t[best].ns, ns, NGX_HTTP_ELOHIM_NS_LEN);

    ngx_shmtx_unlock(&ngx_http_elohim_warms_pool->mutex);

    return &t[best];
}


/* ---- turns ---- */

static ngx_uint_t
ngx_http_elohim_warm_is_mine(const ngx_http_elohim_warm_t *w)
{
    return w->turn->owner == (ngx_atomic_uint_t) ngx_pid;
}


/* Renews it, or takes it when nobody has it. */

static ngx_uint_t
ngx_http_elohim_warm_has_turn(ngx_http_elohim_warm_t *w)
{
    ngx_atomic_uint_t        owner;
    ngx_http_elohim_turn_t  *t;

    t = w->turn;
    owner = t->owner;

    if (owner != (ngx_atomic_uint_t) ngx_pid
        && ((owner != 0 && (ngx_msec_int_t) (t->until - ngx_current_msec) > 0)
            || !ngx_atomic_cmp_set(&t->owner, owner, ngx_pid)))
    {
        return 0;
    }

    t->until = ngx_current_msec + NGX_HTTP_ELOHIM_WARM_TURN;

    return 1;
}


/* A torn one, of who was killed in the middle of it, is as none: the daemon begins at
   the first. */

static ngx_str_t
ngx_http_elohim_warm_place(ngx_http_elohim_warm_t *w)
{
    ngx_str_t    place;
    ngx_uint_t   i;

    i = w->turn->copy & 1;
    place.data = w->turn->place[i];
    place.len = ngx_min(w->turn->place_len[i], ELO_WARM_PLACE_MAX);

    return place;
}


static void
ngx_http_elohim_warm_set_place(ngx_http_elohim_warm_t *w)
{
    ngx_uint_t  i;

    if (!ngx_http_elohim_warm_is_mine(w)) {
        return;
    }

    i = (w->turn->copy & 1) ^ 1;
    w->turn->place_len[i] = w->list.place.len;
    ngx_memcpy(w->turn->place[i], w->list.place.p, w->list.place.len);
    ngx_memory_barrier();
    w->turn->copy = i;
}


/* ---- lists ---- */

static void
ngx_http_elohim_warm_rest(ngx_http_elohim_warm_t *w, ngx_msec_t ms)
{
    w->step = NGX_HTTP_ELOHIM_WARM_REST;
    w->next = ngx_current_msec + ms;

    if (w->pool) {
        ngx_destroy_pool(w->pool);
        w->pool = NULL;
    }
}


static void
ngx_http_elohim_warm_tell(ngx_http_elohim_warm_t *w, elo_err_t err)
{
    if (!w->told) {
        w->told = 1;
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "elohimd at \"%V\" %s", &w->elcf->backend->addr.name,
                      err == ELO_EUNSUPPORTED
                      ? "speaks another version of warm lists"
                      : "sent a malformed warm list");
    }
}


static void
ngx_http_elohim_warm_listed(ngx_http_elohim_listener_t *l, ngx_uint_t status,
    const ngx_http_elohim_stamp_t *stamp, const ngx_str_t *body)
{
    u_char                  *p;
    elo_err_t                err;
    ngx_http_elohim_warm_t  *w;

    w = (ngx_http_elohim_warm_t *) l;

    if (status != NGX_HTTP_OK || body->len == 0) {
        ngx_http_elohim_warm_rest(w, status == NGX_HTTP_NOT_FOUND
                                     ? NGX_HTTP_ELOHIM_WARM_NONE
                                     : NGX_HTTP_ELOHIM_WARM_FAILED);
        return;
    }

    p = ngx_pnalloc(w->pool, body->len);
    if (p == NULL) {
        ngx_http_elohim_warm_rest(w, NGX_HTTP_ELOHIM_WARM_FAILED);
        return;
    }

    ngx_memcpy(p, body->data, body->len);
    err = elo_warm_list_parse(elo_slice(p, body->len), &w->list);

    if (err != ELO_OK) {
        ngx_http_elohim_warm_tell(w, err);
        ngx_http_elohim_warm_rest(w, NGX_HTTP_ELOHIM_WARM_NONE);
        return;
    }

    w->n_lines = 0;
    w->step = NGX_HTTP_ELOHIM_WARM_LINE;
    ngx_http_elohim_warm_go(w);
}


static void
ngx_http_elohim_warm_ask(ngx_http_elohim_warm_t *w)
{
    u_char     buf[sizeof(NGX_HTTP_ELOHIM_ASK_WARM "&after=") + NGX_INT_T_LEN
                   + ELO_WARM_PLACE_MAX];
    u_char    *p;
    ngx_str_t  path, place;

    if (!ngx_http_elohim_gen_current(w->elcf->store, ngx_cycle->log)) {
        ngx_http_elohim_warm_rest(w, NGX_HTTP_ELOHIM_WARM_AWAY);
        return;
    }

    w->pool = ngx_create_pool(NGX_HTTP_ELOHIM_WARM_POOL, ngx_cycle->log);
    if (w->pool == NULL) {
        ngx_http_elohim_warm_rest(w, NGX_HTTP_ELOHIM_WARM_FAILED);
        return;
    }

    place = ngx_http_elohim_warm_place(w);
    p = ngx_sprintf(buf, NGX_HTTP_ELOHIM_ASK_WARM,
                    NGX_HTTP_ELOHIM_WARM_LINES);

    if (place.len) {
        p = ngx_sprintf(p, "&after=%V", &place);
    }

    path.data = buf;
    path.len = p - buf;
    w->step = NGX_HTTP_ELOHIM_WARM_ASKING;

    if (ngx_http_elohim_listen(w->elcf->backend, w->elcf->store, &path,
                               w->elcf->ask_timeout, &w->listener)
        != NGX_AGAIN)
    {
        ngx_http_elohim_warm_rest(w, NGX_HTTP_ELOHIM_WARM_AWAY);
    }
}


/* All lines are done, and all that they have begun. */

static void
ngx_http_elohim_warm_end(ngx_http_elohim_warm_t *w)
{
    ngx_msec_t  ms;

    ngx_http_elohim_warm_set_place(w);
    ms = w->n_lines == NGX_HTTP_ELOHIM_WARM_LINES ? 0 : w->list.again_s * 1000;

    if (w->n_lines == 0 && w->bodies + w->pieces + w->left) {
        ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                      "elohim: taken in ahead: %ui in memory, %ui pieces on "
                      "disk, %ui left out", w->bodies, w->pieces, w->left);
        w->bodies = w->pieces = w->left = 0;
    }

    ngx_http_elohim_warm_rest(w, ms);
}


static ngx_int_t
ngx_http_elohim_warm_next_line(ngx_http_elohim_warm_t *w)
{
    switch (elo_warm_list_next(&w->list, &w->line.item)) {
    case ELO_OK:
        w->n_lines++;
        w->line.tries = 0;
        w->step = NGX_HTTP_ELOHIM_WARM_OPEN;
        return NGX_OK;

    case ELO_ENOTFOUND:
        if (w->n_fills == 0) {
            ngx_http_elohim_warm_end(w);
        }

        return NGX_BUSY;

    default:
        ngx_http_elohim_warm_tell(w, ELO_EINVAL);

        if (w->n_fills == 0) {
            ngx_http_elohim_warm_rest(w, NGX_HTTP_ELOHIM_WARM_NONE);
        }

        return NGX_BUSY;
    }
}


/* ---- what there is better to do ---- */

static ngx_uint_t
ngx_http_elohim_warm_may(void)
{
    ngx_msec_t  crowded;

    crowded = ngx_http_elohim_warms->crowded;

    return !ngx_exiting && !ngx_terminate
           && (crowded == 0 || ngx_current_msec - crowded
                               > NGX_HTTP_ELOHIM_WARM_CROWDED)
           && (ngx_msec_int_t) (ngx_current_msec - ngx_http_elohim_warm_hold)
              >= 0;
}


void
ngx_http_elohim_warm_crowded(void)
{
    if (ngx_http_elohim_warms) {
        ngx_http_elohim_warms->crowded = ngx_max(ngx_current_msec, 1);
    }
}


void
ngx_http_elohim_warm_go(ngx_http_elohim_warm_t *w)
{
    ngx_int_t  rc;

    if (w->running) {
        return;
    }

    w->running = 1;
    rc = NGX_OK;

    while (rc == NGX_OK && ngx_http_elohim_warm_may()) {

        switch (w->step) {

        case NGX_HTTP_ELOHIM_WARM_REST:
            rc = NGX_BUSY;

            if ((ngx_msec_int_t) (ngx_current_msec - w->next) >= 0
                && ngx_http_elohim_warm_is_mine(w))
            {
                ngx_http_elohim_warm_ask(w);
            }

            break;

        case NGX_HTTP_ELOHIM_WARM_LINE:
            rc = ngx_http_elohim_warm_next_line(w);
            break;

        default:
            rc = ngx_http_elohim_warm_line(w);
        }
    }

    w->running = 0;
}


static void
ngx_http_elohim_warm_handler(ngx_event_t *ev)
{
    ngx_uint_t               i;
    ngx_http_elohim_warm_t  *w;

    if (ngx_exiting || ngx_terminate) {
        ngx_http_elohim_warm_stop();
        return;
    }

    if ((ngx_msec_int_t) (ngx_current_msec - ngx_http_elohim_warm_due)
        > NGX_HTTP_ELOHIM_WARM_LATE)
    {
        ngx_http_elohim_warm_hold = ngx_current_msec
                                    + NGX_HTTP_ELOHIM_WARM_HOLD;
    }

    for (i = 0; i < ngx_http_elohim_warm_n; i++) {
        w = &ngx_http_elohim_warm[i];

        if (ngx_http_elohim_warm_has_turn(w)) {

            if (ngx_http_elohim_warm_may()) {
                ngx_http_elohim_warm_retry(w);
            }

            ngx_http_elohim_warm_go(w);
        }
    }

    ngx_http_elohim_warm_due = ngx_current_msec + NGX_HTTP_ELOHIM_WARM_PAUSE;
    ngx_add_timer(ev, NGX_HTTP_ELOHIM_WARM_PAUSE);
}


/* ---- a worker's begin and end ---- */

ngx_int_t
ngx_http_elohim_warm_start(ngx_cycle_t *cycle,
    ngx_http_elohim_main_conf_t *emcf)
{
    ngx_uint_t                     i, k, n;
    ngx_event_t                   *ev;
    ngx_http_elohim_warm_t        *w;
    ngx_http_elohim_loc_conf_t   **p;

    ngx_http_elohim_warms_pool = emcf->warms->data;
    ngx_http_elohim_warms = ngx_http_elohim_warms_pool->data;
    ngx_http_elohim_next_start(ngx_http_elohim_warms->marks, emcf);

    n = emcf->warm_sources.nelts;
    p = emcf->warm_sources.elts;

    if (n == 0) {
        return NGX_OK;
    }

    w = ngx_pcalloc(cycle->pool, n * sizeof(ngx_http_elohim_warm_t));
    if (w == NULL) {
        return NGX_ERROR;
    }

    ngx_http_elohim_warm = w;
    ngx_http_elohim_warm_n = n;
    ngx_http_elohim_warm_hold = ngx_current_msec;

    for (i = 0; i < n; i++) {
        w[i].listener.handler = ngx_http_elohim_warm_listed;
        w[i].listener.plain = 1;
        w[i].elcf = p[i];
        w[i].emcf = emcf;
        w[i].next = ngx_current_msec;
        w[i].turn = ngx_http_elohim_warm_turn(p[i]->ns);

        for (k = 0; k < NGX_HTTP_ELOHIM_WARM_FILLS; k++) {
            w[i].fills[k].warm = &w[i];
        }
    }

    ev = &ngx_http_elohim_warm_event;
    ev->handler = ngx_http_elohim_warm_handler;
    ev->data = emcf; /* as in fill.c */
    ev->log = cycle->log;
    ev->cancelable = 1; /* nobody waits for it who ends */

    ngx_http_elohim_warm_due = ngx_current_msec + NGX_HTTP_ELOHIM_WARM_PAUSE;
    ngx_add_timer(ev, NGX_HTTP_ELOHIM_WARM_PAUSE);

    return NGX_OK;
}


/* No events come any more. */

void
ngx_http_elohim_warm_exit(void)
{
    ngx_uint_t               i;
    ngx_http_elohim_warm_t  *w;

    ngx_http_elohim_warm_stop();

    for (i = 0; i < ngx_http_elohim_warm_n; i++) {
        w = &ngx_http_elohim_warm[i];

        if (w->load) {
            ngx_http_elohim_load_free(w->load);
            w->load = NULL;
        }

        if (w->pool) {
            ngx_destroy_pool(w->pool);
            w->pool = NULL;
        }
    }
}


/* Others may go on at once. */

void
ngx_http_elohim_warm_stop(void)
{
    ngx_uint_t               i;
    ngx_http_elohim_warm_t  *w;

    for (i = 0; i < ngx_http_elohim_warm_n; i++) {
        w = &ngx_http_elohim_warm[i];
        ngx_http_elohim_warm_drop(w);
        (void) ngx_atomic_cmp_set(&w->turn->owner, ngx_pid, 0);
    }
}
