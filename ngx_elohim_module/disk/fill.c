/* SPDX-License-Identifier: BSD-2-Clause */
/* fill: what a worker's requests wait for. Each piece that some of them follow has a
   seat, as has its slot in the table; the worker looks at its seats when it is woken,
   when its own feeds have got on, and now and then, since an owner who dies tells
   nobody: then one who follows goes on in his place. */

#include "ngx_http_elohim_fill.h"
#include "ngx_http_elohim_warm.h"


#define NGX_HTTP_ELOHIM_FILL_WATCH  250  /* ms between looks at the owners */
/* part of the connections that what nobody waits for may have */
#define NGX_HTTP_ELOHIM_FILL_AHEAD  2
#define NGX_HTTP_ELOHIM_FILL_TELL   10000 /* ms between two lines of the log */


typedef struct {
    ngx_queue_t  followers;
    uint64_t     id;
    uint64_t     seen;  /* have, and file, as those who follow have heard */
    uint64_t     file;
    unsigned     taken:1;
} ngx_http_elohim_seat_t;


static void ngx_http_elohim_fill_look_handler(ngx_event_t *ev);
static void ngx_http_elohim_fill_watch_handler(ngx_event_t *ev);


/* of this worker */
static ngx_http_elohim_main_conf_t  *ngx_http_elohim_fill_conf;
static ngx_http_elohim_seat_t        ngx_http_elohim_seats[
                                         NGX_HTTP_ELOHIM_FILLS];
static uint32_t                      ngx_http_elohim_taken[
                                         NGX_HTTP_ELOHIM_FILLS];
static ngx_uint_t                    ngx_http_elohim_n_taken;
static ngx_event_t                   ngx_http_elohim_look;
static ngx_event_t                   ngx_http_elohim_watch;
static ngx_msec_t                    ngx_http_elohim_full_told;


ngx_int_t
ngx_http_elohim_fill_init(ngx_cycle_t *cycle,
    ngx_http_elohim_main_conf_t *emcf)
{
    ngx_uint_t  i;

    ngx_http_elohim_fill_conf = emcf;

    for (i = 0; i < NGX_HTTP_ELOHIM_FILLS; i++) {
        ngx_queue_init(&ngx_http_elohim_seats[i].followers);
    }

    /* data: nginx's debug log looks there for the descriptor of a connection */

    ngx_http_elohim_look.handler = ngx_http_elohim_fill_look_handler;
    ngx_http_elohim_look.data = emcf;
    ngx_http_elohim_look.log = cycle->log;
    ngx_http_elohim_watch.handler = ngx_http_elohim_fill_watch_handler;
    ngx_http_elohim_watch.data = emcf;
    ngx_http_elohim_watch.log = cycle->log;

    ngx_http_elohim_fills_enter(emcf->fills);

    return ngx_http_elohim_wake_listen(cycle, ngx_http_elohim_fills_wakes(),
                                       ngx_http_elohim_fill_look);
}


void
ngx_http_elohim_fill_look(void)
{
    if (ngx_http_elohim_n_taken) {
        ngx_post_event(&ngx_http_elohim_look, &ngx_posted_events);
    }
}


/* ---- seats ---- */

static ngx_http_elohim_follow_t *
ngx_http_elohim_seat_first(ngx_http_elohim_seat_t *seat)
{
    return ngx_queue_data(ngx_queue_head(&seat->followers),
                          ngx_http_elohim_follow_t, queue);
}


/* What the table says now, as this one is to know it. What was read is the fill's if the
   slot is still: it is emptied before it is another's. */

static void
ngx_http_elohim_fill_read(ngx_http_elohim_follow_t *f,
    const ngx_http_elohim_fill_t *fill)
{
    uint64_t    have, file;
    ngx_uint_t  status;

    /* in this order: what has ended well has all of it */

    status = __atomic_load_n(&fill->status, __ATOMIC_SEQ_CST);
    have = __atomic_load_n(&fill->have, __ATOMIC_SEQ_CST);
    file = __atomic_load_n(&fill->file, __ATOMIC_SEQ_CST);
    f->retry_after = __atomic_load_n(&fill->retry_after, __ATOMIC_SEQ_CST);

    if (__atomic_load_n(&fill->id, __ATOMIC_SEQ_CST) != f->id) {
        f->status = NGX_HTTP_ELOHIM_FILL_LOST;
        return;
    }

    f->status = status;
    f->have = (uint32_t) have;

    if (file == 0) {
        f->place.file = 0;

    } else if (file != f->place.file) {
        ngx_http_elohim_disk_place(file, &f->place);
    }
}


static void
ngx_http_elohim_fill_sit(ngx_http_elohim_follow_t *f,
    const ngx_http_elohim_claim_t *claim)
{
    ngx_http_elohim_seat_t  *seat;

    f->slot = ngx_http_elohim_fills_index(claim->fill);
    f->place.file = 0;
    f->is_in = 1;

    seat = &ngx_http_elohim_seats[f->slot];

    if (seat->id != f->id) {
        /* those of another fill are told so when the seat is looked at */
        seat->id = seat->taken && !ngx_queue_empty(&seat->followers)
                   ? 0 : f->id;
        seat->seen = 0;
        seat->file = 0;
    }

    if (!seat->taken) {
        seat->taken = 1;
        ngx_http_elohim_taken[ngx_http_elohim_n_taken++] = f->slot;
    }

    ngx_queue_insert_tail(&seat->followers, &f->queue);
    ngx_http_elohim_fills_wait(claim->fill);
    ngx_http_elohim_fill_read(f, claim->fill);
    f->status = 0;

    /* an end, and what has changed since, is told at the next look, which is due */
    ngx_http_elohim_fill_look();

    if (!ngx_http_elohim_watch.timer_set) {
        ngx_add_timer(&ngx_http_elohim_watch, NGX_HTTP_ELOHIM_FILL_WATCH);
    }
}


void
ngx_http_elohim_fill_leave(ngx_http_elohim_follow_t *f)
{
    if (f->is_in) {
        f->is_in = 0;
        ngx_queue_remove(&f->queue);
    }
}


/* Tells all who follow there. A handler may end its request and others, which leave by
   themselves, and follow anything anew. */

static void
ngx_http_elohim_seat_tell(ngx_http_elohim_seat_t *seat,
    const ngx_http_elohim_fill_t *fill)
{
    ngx_queue_t                queue, *q;
    ngx_http_elohim_follow_t  *f;

    ngx_queue_init(&queue);

    if (!ngx_queue_empty(&seat->followers)) {
        ngx_queue_add(&queue, &seat->followers);
        ngx_queue_init(&seat->followers);
    }

    while (!ngx_queue_empty(&queue)) {
        q = ngx_queue_head(&queue);
        f = ngx_queue_data(q, ngx_http_elohim_follow_t, queue);
        ngx_queue_remove(q);

        ngx_http_elohim_fill_read(f, fill);

        if (f->status) {
            f->is_in = 0;

        } else {
            ngx_queue_insert_tail(&seat->followers, q);
        }

        f->handler(f);
    }
}


/* Looks until nothing has changed since this worker's bit was set. (F3) */

static void
ngx_http_elohim_seat_look(ngx_uint_t slot)
{
    uint64_t                 have, file;
    ngx_http_elohim_seat_t  *seat;
    ngx_http_elohim_fill_t  *fill;

    seat = &ngx_http_elohim_seats[slot];
    fill = ngx_http_elohim_fills_slot(slot);

    while (!ngx_queue_empty(&seat->followers)) {
        ngx_http_elohim_fills_wait(fill);

        have = __atomic_load_n(&fill->have, __ATOMIC_SEQ_CST);
        file = __atomic_load_n(&fill->file, __ATOMIC_SEQ_CST);

        if (seat->id && fill->id == seat->id && fill->status == 0
            && have == seat->seen && file == seat->file)
        {
            return;
        }

        seat->id = fill->id;
        seat->seen = have;
        seat->file = file;

        ngx_http_elohim_seat_tell(seat, fill);
    }
}


/* The owner is gone, or hangs: one who follows does it. */

static void
ngx_http_elohim_seat_take(ngx_uint_t slot)
{
    ngx_http_elohim_claim_t    claim;
    ngx_http_elohim_seat_t    *seat;
    ngx_http_elohim_follow_t  *f;

    seat = &ngx_http_elohim_seats[slot];

    claim.fill = ngx_http_elohim_fills_slot(slot);
    claim.id = seat->id;

    if (ngx_queue_empty(&seat->followers) || claim.fill->id != claim.id
        || !ngx_http_elohim_fills_is_orphan(
                claim.fill, ngx_http_elohim_fill_conf->fill_timeout)
        || ngx_http_elohim_fills_take(&claim,
                                      ngx_http_elohim_fill_conf->fill_timeout)
           != NGX_OK)
    {
        return;
    }

    f = ngx_http_elohim_seat_first(seat);
    ngx_http_elohim_count(ELO_M_FILLS_TAKEN, 1);

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "elohim: a worker does not go on with the fill \"%V\", "
                  "this one does, at byte %uA", &f->question,
                  claim.fill->have);

    if (ngx_http_elohim_feed(&claim, f->backend, &f->question,
                             ngx_http_elohim_fill_conf->fill_timeout)
        != NGX_OK)
    {
        ngx_http_elohim_fills_end(&claim, NGX_HTTP_ELOHIM_FILL_LOST, 0);
    }
}


/* By number: seats may come and go meanwhile, and what comes is looked at later. */

static void
ngx_http_elohim_fill_each(void (*fn)(ngx_uint_t slot))
{
    uint32_t                 slots[NGX_HTTP_ELOHIM_FILLS];
    ngx_uint_t               i, n;
    ngx_http_elohim_seat_t  *seat;

    n = ngx_http_elohim_n_taken;
    ngx_memcpy(slots, ngx_http_elohim_taken, n * sizeof(uint32_t));

    for (i = 0; i < n; i++) {
        fn(slots[i]);
    }

    for (i = 0; i < ngx_http_elohim_n_taken; /* void */) {
        seat = &ngx_http_elohim_seats[ngx_http_elohim_taken[i]];

        if (!ngx_queue_empty(&seat->followers)) {
            i++;
            continue;
        }

        seat->taken = 0;
        ngx_http_elohim_taken[i] =
            ngx_http_elohim_taken[--ngx_http_elohim_n_taken];
    }
}


static void
ngx_http_elohim_seat_visit(ngx_uint_t slot)
{
    ngx_http_elohim_seat_look(slot);

    if (ngx_http_elohim_fills_slot(slot)->pid == 0) {
        ngx_http_elohim_seat_take(slot);
    }
}


static void
ngx_http_elohim_seat_watch(ngx_uint_t slot)
{
    ngx_http_elohim_seat_look(slot);
    ngx_http_elohim_seat_take(slot);
}


static void
ngx_http_elohim_fill_look_handler(ngx_event_t *ev)
{
    ngx_http_elohim_fill_each(ngx_http_elohim_seat_visit);
}


static void
ngx_http_elohim_fill_watch_handler(ngx_event_t *ev)
{
    ngx_http_elohim_fill_each(ngx_http_elohim_seat_watch);

    if (ngx_http_elohim_n_taken && !ev->timer_set) {
        ngx_add_timer(ev, NGX_HTTP_ELOHIM_FILL_WATCH);
    }
}


/* ---- the ways in ---- */

static void
ngx_http_elohim_fill_full(void)
{
    ngx_http_elohim_warm_crowded();

    if (ngx_http_elohim_full_told
        && ngx_current_msec - ngx_http_elohim_full_told
           < NGX_HTTP_ELOHIM_FILL_TELL)
    {
        return;
    }

    ngx_http_elohim_full_told = ngx_current_msec;
    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "elohim: as many fills are under way as may be, requests "
                  "are passed on: raise elohim_fill_connections, and "
                  "max_connections of elohimd");
}


/* NGX_OK: begun. NGX_AGAIN: under way, or ended. NGX_DECLINED: too many. NGX_ABORT: it
   can't be. */

static ngx_int_t
ngx_http_elohim_fill_begin(const ngx_http_elohim_piece_t *piece,
    ngx_http_elohim_backend_t *backend, const ngx_str_t *question,
    ngx_uint_t mine, ngx_uint_t all, ngx_uint_t again,
    ngx_http_elohim_claim_t *claim)
{
    ngx_int_t   rc;
    ngx_msec_t  timeout;

    timeout = ngx_http_elohim_fill_conf->fill_timeout;

    if (ngx_http_elohim_feeds() >= mine) {
        all = 0; /* to follow one is still possible */
    }

    rc = ngx_http_elohim_fills_claim(piece, all, again, claim);

    if (rc == NGX_DECLINED && all) {
        ngx_http_elohim_fills_sweep(timeout);
        rc = ngx_http_elohim_fills_claim(piece, all, again, claim);
    }

    if (rc == NGX_AGAIN
        && ngx_http_elohim_fills_is_orphan(claim->fill, timeout)
        && ngx_http_elohim_fills_take(claim, timeout) == NGX_OK)
    {
        /* its owner has gone, and nobody waited: it is gone on with, or begun anew */

        if (ngx_http_elohim_feed(claim, backend, question, timeout) == NGX_OK) {
            return NGX_OK;
        }

        ngx_http_elohim_fills_end(claim, NGX_HTTP_ELOHIM_FILL_LOST, 0);
        rc = ngx_http_elohim_fills_claim(piece, all, again, claim);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_elohim_feed(claim, backend, question, timeout) == NGX_OK) {
        ngx_http_elohim_count(ELO_M_FILLS, 1);
        return NGX_OK;
    }

    /* no disk: whoever follows already finds that out himself */

    ngx_http_elohim_fills_end(claim, NGX_HTTP_ELOHIM_FILL_LOST, 0);

    return NGX_ABORT;
}


ngx_int_t
ngx_http_elohim_fill_follow(ngx_http_elohim_follow_t *f, ngx_uint_t again)
{
    ngx_int_t                     rc;
    ngx_http_elohim_claim_t       claim;
    ngx_http_elohim_main_conf_t  *emcf;

    emcf = ngx_http_elohim_fill_conf;
    f->is_in = 0;
    f->have = 0;
    f->place.file = 0;

    rc = ngx_http_elohim_fill_begin(&f->piece, f->backend, &f->question,
                                    emcf->fill_connections,
                                    emcf->fill_connections_all, again,
                                    &claim);

    if (rc == NGX_ABORT) {
        return NGX_DECLINED;
    }

    if (rc == NGX_DECLINED) {
        ngx_http_elohim_fill_full();
        return NGX_DECLINED;
    }

    f->id = claim.id;
    f->status = 0;
    f->is_first = rc == NGX_OK;

    if (rc == NGX_AGAIN && claim.fill->status) {
        ngx_http_elohim_fill_read(f, claim.fill);

        switch (f->status) {
        case 0:
        case NGX_HTTP_ELOHIM_FILL_LOST:
            /* the first look says so */
            break;
        case NGX_HTTP_OK:
            return NGX_OK;
        case NGX_HTTP_INSUFFICIENT_STORAGE:
            return NGX_DECLINED;
        default:
            return NGX_ERROR;
        }
    }

    ngx_http_elohim_fill_sit(f, &claim);

    return NGX_AGAIN;
}


ngx_int_t
ngx_http_elohim_fill_start(const ngx_http_elohim_piece_t *piece,
    ngx_http_elohim_backend_t *backend, const ngx_str_t *question)
{
    ngx_int_t                     rc;
    ngx_http_elohim_claim_t       claim;
    ngx_http_elohim_main_conf_t  *emcf;

    emcf = ngx_http_elohim_fill_conf;

    rc = ngx_http_elohim_fill_begin(
        piece, backend, question,
        emcf->fill_connections / NGX_HTTP_ELOHIM_FILL_AHEAD,
        emcf->fill_connections_all / NGX_HTTP_ELOHIM_FILL_AHEAD, 0, &claim);

    return rc == NGX_OK || rc == NGX_AGAIN ? NGX_OK : NGX_DECLINED;
}
