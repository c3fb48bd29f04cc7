/* SPDX-License-Identifier: BSD-2-Clause */
/* disk_owner: whose the cache directory is, and which purges what lies in it has seen.

   The master opens DIR/owner, and all of its workers, of all of its cycles, share that
   open file: whichever of them locks it has locked it for all. Another master (a
   binary upgrade, another nginx) gets the lock when the last of them is gone. Within
   a group the index that wrote its id into the file last is the directory's: a reload
   with another size leaves the old workers without a disk. */

#include "ngx_http_elohim_disk.h"

#include <sys/file.h>


#define NGX_HTTP_ELOHIM_OWNER_FILE  "/owner"
#define NGX_HTTP_ELOHIM_OWNER_TRY   500  /* ms between attempts */
#define NGX_HTTP_ELOHIM_OWNER_LOOK  1000 /* ms between looks at the record */
#define NGX_HTTP_ELOHIM_PURGE_GO    4096 /* entries of the ring at a go */


/* An open file of this master, for as many cycles as use it. */
typedef struct ngx_http_elohim_owner_s  ngx_http_elohim_owner_t;

struct ngx_http_elohim_owner_s {
    ngx_http_elohim_owner_t  *next;
    ngx_fd_t                  fd;
    ngx_uint_t                refs;
    u_char                    path[NGX_MAX_PATH];
};


static void ngx_http_elohim_owner_release(void *data);
static ngx_int_t ngx_http_elohim_owner_read(ngx_http_elohim_disk_t *d,
    elo_piece_owner_t *o);


static ngx_http_elohim_owner_t  *ngx_http_elohim_owners;


/* Master. What can't be opened leaves this cycle without the cache, not without
   service. */

ngx_int_t
ngx_http_elohim_disk_open_owner(ngx_cycle_t *cycle, ngx_http_elohim_disk_t *d)
{
    u_char                    path[NGX_MAX_PATH];
    ngx_pool_cleanup_t       *cln;
    ngx_http_elohim_owner_t  *o;

    d->fd = NGX_INVALID_FILE;
    *ngx_cpymem(ngx_cpymem(path, d->path->name.data, d->path->name.len),
                NGX_HTTP_ELOHIM_OWNER_FILE,
                sizeof(NGX_HTTP_ELOHIM_OWNER_FILE) - 1) = '\0';

    cln = ngx_pool_cleanup_add(cycle->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    for (o = ngx_http_elohim_owners; o; o = o->next) {
        if (o->refs && ngx_strcmp(o->path, path) == 0) {
            break;
        }
    }

    if (o == NULL) {
        o = ngx_calloc(sizeof(ngx_http_elohim_owner_t), cycle->log);
        if (o == NULL) {
            return NGX_ERROR;
        }

        o->fd = open((const char *) path,
                     O_RDWR|O_CREAT|O_CLOEXEC|O_NOFOLLOW|O_NONBLOCK, 0600);

        if (o->fd == NGX_INVALID_FILE) {
            ngx_log_error(NGX_LOG_CRIT, cycle->log, ngx_errno,
                          "elohim cache \"%V\" is not used: \"%s\" can't be "
                          "opened; reload when it can", &d->path->name, path);
            ngx_free(o);
            return NGX_OK;
        }

        ngx_memcpy(o->path, path, sizeof(path));
        o->next = ngx_http_elohim_owners;
        ngx_http_elohim_owners = o;
    }

    o->refs++;
    cln->handler = ngx_http_elohim_owner_release;
    cln->data = o;
    d->fd = o->fd;

    return NGX_OK;
}


static void
ngx_http_elohim_owner_release(void *data)
{
    ngx_http_elohim_owner_t *o = data;

    ngx_http_elohim_owner_t  **p;

    if (--o->refs) {
        return;
    }

    for (p = &ngx_http_elohim_owners; *p; p = &(*p)->next) {
        if (*p == o) {
            *p = o->next;
            break;
        }
    }

    (void) close(o->fd);
    ngx_free(o);
}


/* Worker. A lock that this group has already is had once more. */

static ngx_int_t
ngx_http_elohim_owner_lock(ngx_http_elohim_disk_t *d,
    ngx_http_elohim_index_t *x)
{
    if (flock(d->fd, LOCK_EX|LOCK_NB) == 0) {

        if (ngx_atomic_cmp_set(&x->told_foreign, 1, 0)) {
            ngx_log_error(NGX_LOG_NOTICE, d->log, 0,
                          "elohim cache \"%V\" is free, it is taken over",
                          &d->path->name);
        }

        return NGX_OK;
    }

    if (ngx_atomic_cmp_set(&x->told_foreign, 0, 1)) {
        ngx_log_error(NGX_LOG_WARN, d->log, ngx_errno,
                      "elohim cache \"%V\" belongs to another nginx: this one "
                      "works without it until it is free", &d->path->name);
    }

    return NGX_DECLINED;
}


/* Makes the directory this index's, which is empty: it is read next. */

ngx_int_t
ngx_http_elohim_disk_take(ngx_http_elohim_disk_t *d)
{
    ngx_int_t                 rc;
    ngx_msec_t                now;
    elo_piece_owner_t         o;
    ngx_atomic_uint_t         at;
    ngx_http_elohim_index_t  *x;

    x = ngx_http_elohim_disk_index(d);
    now = ngx_current_msec;
    at = x->next_try;

    if ((at && (ngx_msec_int_t) (at - now) > 0)
        || !ngx_atomic_cmp_set(&x->next_try, at,
                               now + NGX_HTTP_ELOHIM_OWNER_TRY)
        || ngx_http_elohim_owner_lock(d, x) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    rc = ngx_http_elohim_owner_read(d, &o);

    if (rc != NGX_OK) {
        /* no store is known of: whatever lies there goes */
        ngx_memzero(&o, sizeof(elo_piece_owner_t));
    }

    if (rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_WARN, d->log, 0,
                      "elohim cache \"%V\": its owner file says nothing that "
                      "can be relied on, all pieces are dropped",
                      &d->path->name);
    }

    x = ngx_http_elohim_disk_lock(d);

    if (x->held) {
        ngx_http_elohim_disk_unlock(d);
        return NGX_OK;
    }

    ngx_http_elohim_disk_fresh(d);

    x->stores = o;
    x->stores.index_id = x->id;
    x->kept = o;
    x->kept.index_id = 0;
    x->scan = 1;
    o.index_id = x->id;

    ngx_http_elohim_disk_unlock(d);

    ngx_http_elohim_disk_keep(d, &o);

    ngx_memory_barrier();
    x->held = 1;

    return NGX_OK;
}


/* NGX_OK; NGX_DECLINED: it is empty; NGX_ERROR: it says nothing. */

static ngx_int_t
ngx_http_elohim_owner_read(ngx_http_elohim_disk_t *d, elo_piece_owner_t *o)
{
    ssize_t  n;
    uint8_t  buf[ELO_PIECE_OWNER_LEN + 1];

    n = pread(d->fd, buf, sizeof(buf), 0);

    if (n == 0) {
        return NGX_DECLINED;
    }

    return n > 0 && elo_piece_owner_parse(elo_slice(buf, n), o) == ELO_OK
           ? NGX_OK : NGX_ERROR;
}


void
ngx_http_elohim_disk_keep(ngx_http_elohim_disk_t *d,
    const elo_piece_owner_t *o)
{
    uint8_t                   buf[ELO_PIECE_OWNER_LEN];
    ngx_http_elohim_index_t  *x;

    if (elo_piece_owner_encode(o, buf) != ELO_OK) {
        return;
    }

    if (pwrite(d->fd, buf, sizeof(buf), 0) != (ssize_t) sizeof(buf)) {
        ngx_http_elohim_disk_failed(d, ngx_errno, "pwrite() of owner");
        return;
    }

    x = ngx_http_elohim_disk_lock(d);
    x->kept = *o;
    ngx_http_elohim_disk_unlock(d);
}


/* An empty directory has seen all purges: nothing has to be walked through before
   that is said. */

void
ngx_http_elohim_disk_keep_empty(ngx_http_elohim_disk_t *d)
{
    ngx_uint_t                i, k, n;
    elo_tier_stat_t           st;
    elo_piece_owner_t         o;
    ngx_http_elohim_index_t  *x;

    x = ngx_http_elohim_disk_lock(d);

    n = !x->held || x->scan || x->n_filling || x->gone_head != x->gone_tail;

    for (i = 0; i < NGX_HTTP_ELOHIM_DISK_TIERS; i++) {
        for (k = 0; k < ELO_CACHE_CLASSES; k++) {
            elo_tier_stat(ngx_http_elohim_disk_tier(d, i),
                          (elo_cache_class_t) k, &st);
            n += st.objects;
        }
    }

    o = x->stores;

    ngx_http_elohim_disk_unlock(d);

    if (n == 0) {
        ngx_http_elohim_disk_keep(d, &o);
    }
}


/* Is the directory still this index's? */

void
ngx_http_elohim_disk_look(ngx_http_elohim_disk_t *d)
{
    elo_piece_owner_t         o;
    ngx_http_elohim_index_t  *x;

    if (d->look_at && ngx_current_msec - d->look_at
                      < NGX_HTTP_ELOHIM_OWNER_LOOK)
    {
        return;
    }

    d->look_at = ngx_current_msec;
    x = ngx_http_elohim_disk_index(d);

    if (x->kept.index_id != x->id) {
        /* it couldn't be written */
        o = x->kept;
        o.index_id = x->id;
        ngx_http_elohim_disk_keep(d, &o);
        return;
    }

    if (ngx_http_elohim_owner_read(d, &o) != NGX_OK || o.index_id == x->id) {
        return;
    }

    x = ngx_http_elohim_disk_lock(d);

    if (x->held) {
        x->held = 0;
        /* of this group's, the newest has it; it isn't asked for again */
        x->next_try = ngx_current_msec + NGX_MAX_INT32_VALUE;
        ngx_log_error(NGX_LOG_NOTICE, d->log, 0,
                      "elohim cache \"%V\" is used by a newer configuration, "
                      "this one goes on without it", &d->path->name);
    }

    ngx_http_elohim_disk_unlock(d);
}


/* ---- purges (common/cache/generation.h) ---- */

static void
ngx_http_elohim_purge_all(ngx_http_elohim_index_t *x)
{
    ngx_uint_t  i;

    for (i = 0; i < ELO_CACHE_CLASSES; i++) {
        __atomic_fetch_add(&x->era[i], 1, __ATOMIC_RELEASE);
    }
}


static ngx_uint_t
ngx_http_elohim_purge_store(ngx_http_elohim_index_t *x, uint64_t id)
{
    ngx_uint_t  i, n;

    n = __atomic_load_n(&x->stores.n, __ATOMIC_ACQUIRE);

    for (i = 0; i < ngx_min(n, ELO_PIECE_STORES); i++) {
        if (__atomic_load_n(&x->stores.store[i].id, __ATOMIC_ACQUIRE) == id) {
            return i;
        }
    }

    return ELO_PIECE_STORES;
}


/* Under the lock. A store that isn't known of may have purged anything. */

static void
ngx_http_elohim_purge_new(ngx_http_elohim_index_t *x,
    const elo_gen_page_t *page)
{
    uint32_t  n;

    n = x->stores.n == ELO_PIECE_STORES ? 0 : x->stores.n;

    __atomic_store_n(&x->stores.store[n].seq, elo_purge_last(page),
                     __ATOMIC_RELEASE);
    ngx_http_elohim_purge_all(x);
    __atomic_store_n(&x->stores.store[n].id, page->store_id, __ATOMIC_RELEASE);
    __atomic_store_n(&x->stores.n, n + 1, __ATOMIC_RELEASE);
}


static void
ngx_http_elohim_purge_apply(ngx_http_elohim_disk_t *d,
    const elo_gen_page_t *page)
{
    uint32_t                  slot;
    uint64_t                  seq;
    elo_err_t                 rc;
    ngx_uint_t                i, n;
    elo_purge_t               purge;
    ngx_http_elohim_index_t  *x;

    x = ngx_http_elohim_disk_lock(d);

    x->purges++;
    i = ngx_http_elohim_purge_store(x, page->store_id);

    if (i == ELO_PIECE_STORES) {
        ngx_http_elohim_purge_new(x, page);
        ngx_http_elohim_disk_unlock(d);
        return;
    }

    seq = x->stores.store[i].seq;
    rc = ELO_OK;

    for (n = 0; n < NGX_HTTP_ELOHIM_PURGE_GO; n++) {
        rc = elo_purge_next(page, &seq, &purge);

        if (rc != ELO_OK) {
            break;
        }

        ngx_http_elohim_count(ELO_M_PURGES, 1);

        if (purge.kind == ELO_PURGE_BLOB) {
            slot = ngx_http_elohim_disk_slot(d, &purge.digest);
            __atomic_fetch_add(&x->purged[slot], 1, __ATOMIC_RELEASE);

        } else {
            ngx_http_elohim_purge_all(x);
        }
    }

    if (rc == ELO_ERANGE) {
        seq = elo_purge_last(page);
        ngx_http_elohim_purge_all(x);
    }

    __atomic_store_n(&x->stores.store[i].seq, seq, __ATOMIC_RELEASE);

    ngx_http_elohim_disk_unlock(d);
}


/* Before a piece is found, or is begun. */

void
ngx_http_elohim_disk_purge(ngx_http_elohim_disk_t *d)
{
    uint64_t                   seq;
    ngx_uint_t                 i, k;
    const elo_gen_page_t      *page;
    ngx_http_elohim_index_t   *x;
    ngx_http_elohim_store_t  **sp;

    x = ngx_http_elohim_disk_index(d);
    sp = d->emcf->stores.elts;

    for (i = 0; i < d->emcf->stores.nelts; i++) {
        page = sp[i]->page;

        if (page == NULL) {
            continue;
        }

        k = ngx_http_elohim_purge_store(x, page->store_id);

        if (k < ELO_PIECE_STORES) {
            seq = __atomic_load_n(&x->stores.store[k].seq, __ATOMIC_ACQUIRE);

            if (seq == elo_purge_last(page)) {
                continue;
            }
        }

        ngx_http_elohim_purge_apply(d, page);

        if (k == ELO_PIECE_STORES) {
            ngx_http_elohim_disk_keep_empty(d);
        }
    }
}
