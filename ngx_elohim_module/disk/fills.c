/* SPDX-License-Identifier: BSD-2-Clause */
/* fills: the table of fills in shared memory: who fetches what, how far he is, and who
   waits for it. States and invariants: ngx_http_elohim_fill.h. It fetches and
   serves nothing itself. */

#include "ngx_http_elohim_fill.h"


#define NGX_HTTP_ELOHIM_FILL_BUCKETS  1024 /* a power of two */
#define NGX_HTTP_ELOHIM_FILL_KEPT     1000 /* ms that a failure is known */
#define NGX_HTTP_ELOHIM_FILL_SLACK    1000 /* ms beyond the owner's own patience */


typedef struct {
    uint64_t  start; /* of the worker in this process slot; 0: none yet */
} ngx_http_elohim_fill_worker_t;


typedef struct {
    ngx_atomic_t                   dirty;
    uint64_t                       ids;    /* given so far, and starts */
    ngx_uint_t                     active; /* FILLING */
    uint32_t                       free;
    uint32_t                       ended;  /* the oldest */
    uint32_t                       ended_last;
    int                            wakes[NGX_HTTP_ELOHIM_WAKES];
    ngx_http_elohim_fill_worker_t  workers[NGX_MAX_PROCESSES];
    uint32_t                       buckets[NGX_HTTP_ELOHIM_FILL_BUCKETS];
    ngx_http_elohim_fill_t         fills[NGX_HTTP_ELOHIM_FILLS];
} ngx_http_elohim_fills_t;


/* of this process */
static ngx_slab_pool_t          *ngx_http_elohim_fills_pool;
static ngx_http_elohim_fills_t  *ngx_http_elohim_fills;
static uint64_t                  ngx_http_elohim_fills_start;


static void
ngx_http_elohim_fills_reset(ngx_http_elohim_fills_t *t)
{
    uint32_t  i;

    t->active = 0;
    t->free = 0;
    t->ended = NGX_HTTP_ELOHIM_NO_SLOT;
    t->ended_last = NGX_HTTP_ELOHIM_NO_SLOT;

    for (i = 0; i < NGX_HTTP_ELOHIM_FILL_BUCKETS; i++) {
        t->buckets[i] = NGX_HTTP_ELOHIM_NO_SLOT;
    }

    for (i = 0; i < NGX_HTTP_ELOHIM_FILLS; i++) {
        t->fills[i].id = 0;
        t->fills[i].link = i + 1 < NGX_HTTP_ELOHIM_FILLS
                           ? i + 1 : NGX_HTTP_ELOHIM_NO_SLOT;
    }
}


static ngx_int_t
ngx_http_elohim_fills_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t          *shpool;
    ngx_http_elohim_fills_t  *t;

    shpool = (ngx_slab_pool_t *) zone->shm.addr;
    zone->data = shpool;

    if (data != NULL || zone->shm.exists) {
        /* a reload: workers of before go on with what they fetch */
        return NGX_OK;
    }

    t = ngx_slab_calloc(shpool, sizeof(ngx_http_elohim_fills_t));
    if (t == NULL) {
        return NGX_ERROR;
    }

    ngx_http_elohim_fills_reset(t);
    ngx_http_elohim_wake_open(t->wakes, zone->shm.log);
    shpool->data = t;

    return NGX_OK;
}


ngx_int_t
ngx_http_elohim_add_fill_zone(ngx_conf_t *cf,
    ngx_http_elohim_main_conf_t *emcf)
{
    ngx_str_t  name = ngx_string("elohim_fills");

    return ngx_http_elohim_add_table(
        cf, &name, sizeof(ngx_http_elohim_fills_t),
        ngx_http_elohim_fills_init, &emcf->fills);
}


static void
ngx_http_elohim_fills_lock(void)
{
    ngx_http_elohim_fills_t  *t;

    ngx_shmtx_lock(&ngx_http_elohim_fills_pool->mutex);

    t = ngx_http_elohim_fills;

    if (t->dirty) {
        ngx_http_elohim_fills_reset(t);
    }

    t->dirty = 1;
    ngx_memory_barrier();
}


static void
ngx_http_elohim_fills_unlock(void)
{
    ngx_memory_barrier();
    ngx_http_elohim_fills->dirty = 0;

    ngx_shmtx_unlock(&ngx_http_elohim_fills_pool->mutex);
}


ngx_uint_t
ngx_http_elohim_fills_active(void)
{
    return ngx_http_elohim_fills ? ngx_http_elohim_fills->active : 0;
}


ngx_http_elohim_fill_t *
ngx_http_elohim_fills_slot(ngx_uint_t i)
{
    return &ngx_http_elohim_fills->fills[i];
}


ngx_uint_t
ngx_http_elohim_fills_index(const ngx_http_elohim_fill_t *fill)
{
    return fill - ngx_http_elohim_fills->fills;
}


static uint32_t *
ngx_http_elohim_fills_bucket(const ngx_http_elohim_piece_t *piece)
{
    uint32_t  h;

    /* a digest's bytes are as good as random */

    ngx_memcpy(&h, piece->digest.b, sizeof(uint32_t));
    h += piece->index;

    return &ngx_http_elohim_fills->buckets[h
                                           % NGX_HTTP_ELOHIM_FILL_BUCKETS];
}


static ngx_http_elohim_fill_t *
ngx_http_elohim_fills_find(const ngx_http_elohim_piece_t *piece)
{
    uint32_t                 i;
    ngx_http_elohim_fill_t  *f;

    i = *ngx_http_elohim_fills_bucket(piece);

    while (i != NGX_HTTP_ELOHIM_NO_SLOT) {
        f = &ngx_http_elohim_fills->fills[i];

        /* who states another size of it fails alone; what is fetched for some isn't
           for others */

        if (f->piece.index == piece->index && f->piece.size == piece->size
            && f->piece.klass == piece->klass
            && ngx_memcmp(&f->piece.digest, &piece->digest,
                          sizeof(elo_digest_t))
               == 0)
        {
            return f;
        }

        i = f->next;
    }

    return NULL;
}


static void
ngx_http_elohim_fills_unhash(ngx_http_elohim_fill_t *f)
{
    uint32_t  i, *p;

    i = ngx_http_elohim_fills_index(f);
    p = ngx_http_elohim_fills_bucket(&f->piece);

    while (*p != NGX_HTTP_ELOHIM_NO_SLOT) {
        if (*p == i) {
            *p = f->next;
            return;
        }

        p = &ngx_http_elohim_fills->fills[*p].next;
    }
}


static void
ngx_http_elohim_fills_free(ngx_http_elohim_fill_t *f)
{
    f->id = 0;
    f->link = ngx_http_elohim_fills->free;
    ngx_http_elohim_fills->free = ngx_http_elohim_fills_index(f);
}


static ngx_uint_t
ngx_http_elohim_fills_is_over(const ngx_http_elohim_fill_t *f)
{
    return (ngx_msec_int_t) (ngx_current_msec - f->ended)
           > (f->status == NGX_HTTP_OK ? NGX_HTTP_ELOHIM_FILL_LINGER
                                       : NGX_HTTP_ELOHIM_FILL_KEPT);
}


/* Frees what ended, as long as its time is over; must: one in any case. */

static void
ngx_http_elohim_fills_reap(ngx_uint_t must)
{
    uint32_t                  i;
    ngx_http_elohim_fill_t   *f;
    ngx_http_elohim_fills_t  *t;

    t = ngx_http_elohim_fills;

    for (i = t->ended; i != NGX_HTTP_ELOHIM_NO_SLOT; i = t->ended) {
        f = &t->fills[i];

        if (!ngx_http_elohim_fills_is_over(f) && !must) {
            return;
        }

        must = 0;
        t->ended = f->link;
        if (t->ended == NGX_HTTP_ELOHIM_NO_SLOT) {
            t->ended_last = NGX_HTTP_ELOHIM_NO_SLOT;
        }

        ngx_http_elohim_fills_unhash(f);
        ngx_http_elohim_fills_free(f);
    }
}


static void
ngx_http_elohim_fills_own(ngx_http_elohim_fill_t *f,
    ngx_http_elohim_claim_t *claim)
{
    f->pid = ngx_pid;
    f->owner = ngx_process_slot;
    f->start = ngx_http_elohim_fills_start;
    f->progress = ngx_current_msec;
    f->turn++;

    claim->fill = f;
    claim->id = f->id;
    claim->turn = f->turn;
}


static ngx_int_t
ngx_http_elohim_fills_begin(const ngx_http_elohim_piece_t *piece,
    ngx_http_elohim_claim_t *claim)
{
    uint32_t                 *bucket;
    ngx_http_elohim_fill_t   *f;
    ngx_http_elohim_fills_t  *t;

    t = ngx_http_elohim_fills;

    ngx_http_elohim_fills_reap(t->free == NGX_HTTP_ELOHIM_NO_SLOT);

    if (t->free == NGX_HTTP_ELOHIM_NO_SLOT) {
        return NGX_DECLINED;
    }

    f = &t->fills[t->free];
    t->free = f->link;
    t->active++;

    f->piece = *piece;
    f->turn = 0;
    f->have = 0;
    f->file = 0;
    f->status = 0;
    f->retry_after = 0;
    ngx_memzero((void *) f->waiters, sizeof(f->waiters));
    f->link = NGX_HTTP_ELOHIM_NO_SLOT;

    bucket = ngx_http_elohim_fills_bucket(piece);
    f->next = *bucket;
    *bucket = ngx_http_elohim_fills_index(f);

    ngx_memory_barrier();
    f->id = ++t->ids;

    ngx_http_elohim_fills_own(f, claim);

    return NGX_OK;
}


ngx_int_t
ngx_http_elohim_fills_claim(const ngx_http_elohim_piece_t *piece,
    ngx_uint_t most, ngx_uint_t again, ngx_http_elohim_claim_t *claim)
{
    ngx_int_t                rc;
    ngx_http_elohim_fill_t  *f;

    ngx_http_elohim_fills_lock();

    f = ngx_http_elohim_fills_find(piece);

    if (f && f->status
        && (ngx_http_elohim_fills_is_over(f)
            || (again && f->status == NGX_HTTP_OK)))
    {
        /* it stays in the list of those that ended until its time is over */

        ngx_http_elohim_fills_unhash(f);
        f = NULL;
    }

    if (f) {
        claim->fill = f;
        claim->id = f->id;
        claim->turn = f->turn;
        rc = NGX_AGAIN;

    } else if (ngx_http_elohim_fills->active >= most) {
        rc = NGX_DECLINED;

    } else {
        rc = ngx_http_elohim_fills_begin(piece, claim);
    }

    ngx_http_elohim_fills_unlock();

    return rc;
}


ngx_uint_t
ngx_http_elohim_fills_is_orphan(const ngx_http_elohim_fill_t *f,
    ngx_msec_t timeout)
{
    return f->status == 0
           && (f->pid == 0
               || ngx_http_elohim_fills->workers[f->owner].start != f->start
               || (ngx_msec_int_t) (ngx_current_msec - f->progress
                                    - timeout - NGX_HTTP_ELOHIM_FILL_SLACK)
                  > 0
               || (kill((ngx_pid_t) f->pid, 0) == -1 && ngx_errno == NGX_ESRCH));
}


ngx_int_t
ngx_http_elohim_fills_take(ngx_http_elohim_claim_t *claim, ngx_msec_t timeout)
{
    ngx_int_t                rc;
    ngx_http_elohim_fill_t  *f;

    f = claim->fill;
    rc = NGX_DECLINED;

    ngx_http_elohim_fills_lock();

    if (f->id == claim->id && ngx_http_elohim_fills_is_orphan(f, timeout)) {
        ngx_http_elohim_fills_own(f, claim);
        rc = NGX_OK;
    }

    ngx_http_elohim_fills_unlock();

    return rc;
}


ngx_uint_t
ngx_http_elohim_fills_is_mine(const ngx_http_elohim_claim_t *claim)
{
    return claim->fill->id == claim->id && claim->fill->turn == claim->turn;
}


void
ngx_http_elohim_fills_sweep(ngx_msec_t timeout)
{
    ngx_uint_t               i;
    ngx_http_elohim_fill_t  *f;

    ngx_http_elohim_fills_lock();

    for (i = 0; i < NGX_HTTP_ELOHIM_FILLS; i++) {
        f = &ngx_http_elohim_fills->fills[i];

        if (f->id && ngx_http_elohim_fills_is_orphan(f, timeout)) {
            ngx_http_elohim_fills->active--;
            ngx_http_elohim_fills_unhash(f);
            ngx_http_elohim_fills_free(f);
        }
    }

    ngx_http_elohim_fills_unlock();
}


/* Takes the bits of those who wait and wakes them. (F3) */

static void
ngx_http_elohim_fills_wake(ngx_http_elohim_fill_t *f)
{
    uint64_t    words[NGX_HTTP_ELOHIM_WAIT_WORDS], any;
    ngx_uint_t  i;

    any = 0;

    for (i = 0; i < NGX_HTTP_ELOHIM_WAIT_WORDS; i++) {
        words[i] = f->waiters[i]
                   ? __atomic_exchange_n(&f->waiters[i], 0, __ATOMIC_SEQ_CST)
                   : 0;
        any |= words[i];
    }

    if (any) {
        ngx_http_elohim_wake(ngx_http_elohim_fills->wakes, words);
    }
}


void
ngx_http_elohim_fills_wait(ngx_http_elohim_fill_t *f)
{
    uint64_t  bit;

    bit = (uint64_t) 1 << (ngx_process_slot % 64);

    __atomic_fetch_or(&f->waiters[ngx_process_slot / 64], bit,
                      __ATOMIC_SEQ_CST);
}


void
ngx_http_elohim_fills_file(const ngx_http_elohim_claim_t *claim, uint64_t file)
{
    ngx_http_elohim_fills_lock();

    if (ngx_http_elohim_fills_is_mine(claim)) {
        __atomic_store_n(&claim->fill->file, file, __ATOMIC_SEQ_CST);
    }

    ngx_http_elohim_fills_unlock();

    ngx_http_elohim_fills_wake(claim->fill);
}


void
ngx_http_elohim_fills_publish(const ngx_http_elohim_claim_t *claim,
    uint32_t have)
{
    ngx_uint_t               grew;
    ngx_http_elohim_fill_t  *f;

    f = claim->fill;
    grew = 0;

    ngx_http_elohim_fills_lock();

    if (ngx_http_elohim_fills_is_mine(claim)) {
        f->progress = ngx_current_msec;
        grew = have > f->have;

        if (grew) {
            __atomic_store_n(&f->have, have, __ATOMIC_SEQ_CST);
        }
    }

    ngx_http_elohim_fills_unlock();

    if (grew) {
        ngx_http_elohim_fills_wake(f);
    }
}


void
ngx_http_elohim_fills_end(const ngx_http_elohim_claim_t *claim,
    ngx_uint_t status, time_t retry_after)
{
    uint32_t                  i;
    ngx_http_elohim_fill_t   *f;
    ngx_http_elohim_fills_t  *t;

    t = ngx_http_elohim_fills;
    f = claim->fill;
    i = ngx_http_elohim_fills_index(f);

    ngx_http_elohim_fills_lock();

    if (ngx_http_elohim_fills_is_mine(claim)) {
        t->active--;

        if (status == NGX_HTTP_ELOHIM_FILL_LOST) {
            ngx_http_elohim_fills_unhash(f);
            ngx_http_elohim_fills_free(f);

        } else {
            ngx_http_elohim_count(status == NGX_HTTP_OK
                                  ? ELO_M_FILLS_DONE : ELO_M_FILLS_FAILED, 1);
            f->ended = ngx_current_msec;
            f->retry_after = retry_after;
            __atomic_store_n(&f->status, status, __ATOMIC_SEQ_CST);

            f->link = NGX_HTTP_ELOHIM_NO_SLOT;

            if (t->ended == NGX_HTTP_ELOHIM_NO_SLOT) {
                t->ended = i;

            } else {
                t->fills[t->ended_last].link = i;
            }

            t->ended_last = i;
        }
    }

    ngx_http_elohim_fills_unlock();

    ngx_http_elohim_fills_wake(f);
}


/* Who is in this process slot now, and what he who was before has left: those who
   wait for it go on with it; what nobody waits for is forgotten. */

void
ngx_http_elohim_fills_enter(ngx_shm_zone_t *zone)
{
    uint32_t                  i;
    ngx_http_elohim_fill_t   *f;
    ngx_http_elohim_fills_t  *t;

    ngx_http_elohim_fills_pool = zone->data;
    ngx_http_elohim_fills = ngx_http_elohim_fills_pool->data;

    t = ngx_http_elohim_fills;

    ngx_http_elohim_fills_lock();

    ngx_http_elohim_fills_start = ++t->ids;
    t->workers[ngx_process_slot].start = ngx_http_elohim_fills_start;

    for (i = 0; i < NGX_HTTP_ELOHIM_FILLS; i++) {
        f = &t->fills[i];

        if (f->id && f->status == 0
            && f->owner == (ngx_uint_t) ngx_process_slot
            && f->start != ngx_http_elohim_fills_start)
        {
            f->pid = 0;
        }
    }

    ngx_http_elohim_fills_unlock();

    for (i = 0; i < NGX_HTTP_ELOHIM_FILLS; i++) {
        if (t->fills[i].id && t->fills[i].pid == 0) {
            ngx_http_elohim_fills_wake(&t->fills[i]);
        }
    }
}


const int *
ngx_http_elohim_fills_wakes(void)
{
    return ngx_http_elohim_fills->wakes;
}
