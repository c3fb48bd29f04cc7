/* SPDX-License-Identifier: BSD-2-Clause */
/* disk_sweep: what is done in the background for the cache directory, in small
   budgets, by whichever worker comes first: the lock is tried for, purges applied,
   files unlinked, pieces dropped that are stale or haven't been used for long. */

#include "ngx_http_elohim_disk.h"
#include "ngx_http_elohim_fill.h"


#define NGX_HTTP_ELOHIM_SWEEP_TICK    100  /* ms */
#define NGX_HTTP_ELOHIM_SWEEP_SCAN    20   /* ms, while the directory is read */
#define NGX_HTTP_ELOHIM_SWEEP_WALK    1000 /* entries that a turn looks at */
#define NGX_HTTP_ELOHIM_SWEEP_UNLINK  256  /* files a turn */
#define NGX_HTTP_ELOHIM_SWEEP_MAP     30000
#define NGX_HTTP_ELOHIM_SWEEP_MIN     1000 /* ms from walk to walk */
#define NGX_HTTP_ELOHIM_SWEEP_MAX     10000


/* ---- what has been applied ---- */

#if (NGX_THREADS)

typedef struct {
    ngx_http_elohim_disk_t  *disk;
    elo_piece_owner_t        owner;
} ngx_http_elohim_sync_t;


static void
ngx_http_elohim_sweep_sync(void *data, ngx_log_t *log)
{
    ngx_http_elohim_sync_t *s = data;

    (void) syncfs(s->disk->fd);
}


static void
ngx_http_elohim_sweep_synced(ngx_event_t *ev)
{
    ngx_http_elohim_sync_t *s = ev->data;

    s->disk->syncing = 0;
    ngx_http_elohim_disk_keep(s->disk, &s->owner);

    ngx_free((u_char *) s - sizeof(ngx_thread_task_t));
}


/* Files that purges unlinked are gone for good, also after a power cut, before it is
   said that those purges have been applied. */

static void
ngx_http_elohim_sweep_keep(ngx_http_elohim_disk_t *d,
    const elo_piece_owner_t *o)
{
    ngx_thread_task_t       *task;
    ngx_http_elohim_sync_t  *s;

    if (d->syncing) {
        return;
    }

    task = ngx_calloc(sizeof(ngx_thread_task_t)
                      + sizeof(ngx_http_elohim_sync_t), d->log);
    if (task == NULL) {
        return;
    }

    s = (ngx_http_elohim_sync_t *) (task + 1);
    s->disk = d;
    s->owner = *o;

    task->ctx = s;
    task->handler = ngx_http_elohim_sweep_sync;
    task->event.data = s;
    task->event.handler = ngx_http_elohim_sweep_synced;
    task->event.log = d->log;

    if (ngx_thread_task_post(d->threads, task) != NGX_OK) {
        ngx_free(task);
        return;
    }

    d->syncing = 1;
}

#else

static void
ngx_http_elohim_sweep_keep(ngx_http_elohim_disk_t *d,
    const elo_piece_owner_t *o)
{
    ngx_http_elohim_disk_keep(d, o);
}

#endif


/* ---- the walk ---- */

static bool
ngx_http_elohim_sweep_one(void *ctx, const elo_cache_key_t *key,
    const elo_tier_item_t *item)
{
    ngx_http_elohim_disk_t *d = ctx;

    uint32_t                      used, now;
    const ngx_http_elohim_rec_t  *rec;

    rec = ngx_http_elohim_disk_rec(d, item->aux);
    if (rec == NULL) {
        return true;
    }

    now = ngx_http_elohim_disk_now();
    used = __atomic_load_n(&rec->used, __ATOMIC_RELAXED);

    return !ngx_http_elohim_disk_is_good(d, rec)
           || ((int32_t) (now - used) > 0
               && (time_t) (now - used) >= d->inactive);
}


/* Under the lock: is a walk due? One that purges wait for is due at once. */

static ngx_uint_t
ngx_http_elohim_sweep_due(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_index_t *x)
{
    uint32_t  pause;

    if (x->walk_on) {
        return 1;
    }

    pause = ngx_min(ngx_max((ngx_msec_t) d->inactive * 250,
                            NGX_HTTP_ELOHIM_SWEEP_MIN),
                    NGX_HTTP_ELOHIM_SWEEP_MAX);

    if (x->walk_purges == x->purges
        && (uint32_t) ngx_current_msec - x->walk_ms < pause)
    {
        return 0;
    }

    x->walk_on = 1;
    x->walk_tier = 0;
    x->walk_cursor = 0;
    x->walk_ms = (uint32_t) ngx_current_msec;
    x->walk_purges = x->purges;
    x->walk_stores = x->stores;

    /* what isn't entered yet isn't seen: then nothing follows from the walk */
    x->walk_whole = !x->scan;

    return 1;
}


/* A walk that is over, with nothing left to unlink, has made DIR/owner's purges those
   that it began with. */

static void
ngx_http_elohim_sweep_walk(ngx_http_elohim_disk_t *d)
{
    elo_tier_t               *t;
    ngx_uint_t                keep;
    elo_piece_owner_t         o;
    ngx_http_elohim_index_t  *x;

    x = ngx_http_elohim_disk_lock(d);

    if (!x->held || !ngx_http_elohim_sweep_due(d, x)) {
        ngx_http_elohim_disk_unlock(d);
        return;
    }

    if (x->walk_tier < NGX_HTTP_ELOHIM_DISK_TIERS) {
        t = ngx_http_elohim_disk_tier(d, x->walk_tier);

        if (!elo_tier_walk(t, &x->walk_cursor, NGX_HTTP_ELOHIM_SWEEP_WALK,
                           ngx_http_elohim_sweep_one, d,
                           ngx_http_elohim_disk_gone(d)))
        {
            x->walk_tier++;
            x->walk_cursor = 0;
        }
    }

    keep = 0;

    if (x->walk_tier == NGX_HTTP_ELOHIM_DISK_TIERS
        && x->gone_head == x->gone_tail)
    {
        x->walk_on = 0;
        /* (I4) */
        keep = x->walk_whole && !ngx_http_elohim_disk_has_stale(x)
               && ngx_memcmp(&x->walk_stores, &x->kept, sizeof(x->kept)) != 0;
        o = x->walk_stores;
    }

    ngx_http_elohim_disk_unlock(d);

    if (keep) {
        ngx_http_elohim_sweep_keep(d, &o);
    }
}


/* ---- turns ---- */

/* One worker's: the others have nothing to do this time. */

static ngx_uint_t
ngx_http_elohim_sweep_turn(ngx_http_elohim_index_t *x)
{
    ngx_atomic_uint_t  last;

    last = x->turn;

    return ngx_current_msec - last >= NGX_HTTP_ELOHIM_SWEEP_TICK - 10
           && ngx_atomic_cmp_set(&x->turn, last, ngx_current_msec);
}


/* The pages by which purges are known. Requests map them, too: one that can't be
   mapped is tried for seldom, since each attempt may be a line of the log. */

static void
ngx_http_elohim_sweep_map(ngx_http_elohim_disk_t *d)
{
    ngx_uint_t                 i, due;
    ngx_http_elohim_store_t  **sp;

    sp = d->emcf->stores.elts;
    due = d->map_at == 0
          || ngx_current_msec - d->map_at >= NGX_HTTP_ELOHIM_SWEEP_MAP;

    if (due) {
        d->map_at = ngx_current_msec;
    }

    for (i = 0; i < d->emcf->stores.nelts; i++) {
        if (sp[i]->page || due) {
            (void) ngx_http_elohim_gen_current(sp[i], d->log);
        }
    }
}


static void
ngx_http_elohim_sweep_tick(ngx_event_t *ev)
{
    ngx_http_elohim_disk_t   *d;
    ngx_http_elohim_index_t  *x;

    d = ev->data;
    x = ngx_http_elohim_disk_index(d);

    if (!x->held) {
        (void) ngx_http_elohim_disk_take(d);

    } else {
        ngx_http_elohim_sweep_map(d);
        ngx_http_elohim_disk_purge(d);
        ngx_http_elohim_feeds_check();
        ngx_http_elohim_disk_scan(d);

        if (ngx_http_elohim_sweep_turn(x)) {
            ngx_http_elohim_disk_look(d);
            ngx_http_elohim_disk_orphans(d);
            ngx_http_elohim_sweep_walk(d);
            ngx_http_elohim_disk_unlink(d, NGX_HTTP_ELOHIM_SWEEP_UNLINK);
        }
    }

    ngx_add_timer(ev, d->scan ? NGX_HTTP_ELOHIM_SWEEP_SCAN
                              : NGX_HTTP_ELOHIM_SWEEP_TICK);
}


void
ngx_http_elohim_disk_start(ngx_http_elohim_disk_t *d, ngx_cycle_t *cycle)
{
    if (d->fd == NGX_INVALID_FILE) {
        /* the log says why */
        return;
    }

    ngx_http_elohim_disk = d;
    d->log = cycle->log;
    ngx_queue_init(&d->checks);

    d->timer.handler = ngx_http_elohim_sweep_tick;
    d->timer.data = d;
    d->timer.log = cycle->log;
    d->timer.cancelable = 1;

    (void) ngx_http_elohim_disk_take(d);

    ngx_add_timer(&d->timer, NGX_HTTP_ELOHIM_SWEEP_TICK);
}
