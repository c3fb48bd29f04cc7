/* SPDX-License-Identifier: BSD-2-Clause */
/* disk_zone: the index of the cache directory in shared memory: its layout, its lock,
   what goes out of it, and its keys. Invariants: ngx_http_elohim_disk.h. */

#include "ngx_http_elohim_disk.h"


#define NGX_HTTP_ELOHIM_DISK_BATCH  64 /* files that are unlinked at a go */
#define NGX_HTTP_ELOHIM_DISK_ALIGN  64


ngx_http_elohim_disk_t  *ngx_http_elohim_disk;


static void ngx_http_elohim_disk_went(elo_tier_gone_t *self,
    const elo_cache_key_t *key, const elo_tier_item_t *item);


static ngx_inline ngx_shmtx_t *
ngx_http_elohim_disk_mutex(ngx_http_elohim_disk_t *d)
{
    return &((ngx_slab_pool_t *) d->zone->shm.addr)->mutex;
}


/* Where everything lies, from the index on. */

void
ngx_http_elohim_disk_layout(ngx_http_elohim_disk_t *d)
{
    size_t      at;
    ngx_uint_t  i;

    at = ngx_align(sizeof(ngx_http_elohim_index_t),
                   NGX_HTTP_ELOHIM_DISK_ALIGN);
    d->n_recs = NGX_HTTP_ELOHIM_DISK_WRITERS;

    for (i = 0; i < NGX_HTTP_ELOHIM_DISK_TIERS; i++) {
        d->at[i] = at;
        at += elo_tier_bytes(&d->conf[i]);
        d->n_recs += d->conf[i].max_entries;
    }

    d->recs_at = at;
    d->bytes = at + (size_t) d->n_recs * sizeof(ngx_http_elohim_rec_t);
}


ngx_int_t
ngx_http_elohim_disk_init_zone(ngx_shm_zone_t *zone, void *data)
{
    u_char                  *p;
    ngx_slab_pool_t         *shpool;
    ngx_http_elohim_disk_t  *d;

    d = zone->data;

    if (data != NULL) {
        /* a reload: its name says that it is of this layout */
        zone->data = data;
        return NGX_OK;
    }

    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    p = ngx_slab_alloc(shpool, d->bytes + NGX_HTTP_ELOHIM_DISK_ALIGN);
    if (p == NULL || elo_keys_init() != ELO_OK) {
        return NGX_ERROR;
    }

    zone->data = ngx_align_ptr(p, NGX_HTTP_ELOHIM_DISK_ALIGN);
    ngx_memzero(zone->data, sizeof(ngx_http_elohim_index_t));
    ngx_http_elohim_disk_fresh(d);

    return NGX_OK;
}


/* What isn't about the index stays: the mark, the lock, what was told. */

void
ngx_http_elohim_disk_fresh(ngx_http_elohim_disk_t *d)
{
    elo_tier_t               *t;
    ngx_uint_t                i;
    ngx_http_elohim_rec_t    *rec;
    ngx_http_elohim_index_t  *x;

    x = ngx_http_elohim_disk_index(d);

    x->held = 0;
    ngx_memory_barrier();

    ngx_memzero(&x->id, sizeof(ngx_http_elohim_index_t)
                        - offsetof(ngx_http_elohim_index_t, id));

    elo_keys_random(&x->id, sizeof(x->id));
    elo_keys_random(&x->next_file, sizeof(x->next_file));
    elo_keys_random(x->secret, sizeof(x->secret));

    for (i = 0; i < NGX_HTTP_ELOHIM_DISK_TIERS; i++) {
        if (elo_tier_init((u_char *) x + d->at[i], &d->conf[i],
                          x->next_file ^ x->id, &t)
            != ELO_OK)
        {
            /* the directive made sure of what it is given */
            ngx_debug_point();
        }
    }

    rec = ngx_http_elohim_disk_rec(d, 1);

    for (i = 0; i < d->n_recs; i++) {
        rec[i].next = i + 1 == d->n_recs ? 0 : i + 2;
    }

    x->free_rec = 1;
}


ngx_http_elohim_index_t *
ngx_http_elohim_disk_lock(ngx_http_elohim_disk_t *d)
{
    ngx_http_elohim_index_t  *x;

    ngx_shmtx_lock(ngx_http_elohim_disk_mutex(d));

    x = ngx_http_elohim_disk_index(d);

    if (x->dirty) {
        ngx_http_elohim_disk_fresh(d);
        ngx_log_error(NGX_LOG_WARN, d->log, 0,
                      "elohim cache \"%V\": its index was left in the middle "
                      "of a change, the directory is read again",
                      &d->path->name);
    }

    x->dirty = 1;
    ngx_memory_barrier();

    return x;
}


void
ngx_http_elohim_disk_unlock(ngx_http_elohim_disk_t *d)
{
    ngx_memory_barrier();
    ngx_http_elohim_disk_index(d)->dirty = 0;

    ngx_shmtx_unlock(ngx_http_elohim_disk_mutex(d));
}


/* ---- what goes ---- */

typedef struct {
    elo_tier_gone_t          gone;
    ngx_http_elohim_disk_t  *disk;
} ngx_http_elohim_disk_gone_t;


static void
ngx_http_elohim_disk_went(elo_tier_gone_t *self, const elo_cache_key_t *key,
    const elo_tier_item_t *item)
{
    ngx_http_elohim_disk_t  *d;

    d = ((ngx_http_elohim_disk_gone_t *) self)->disk;

    if (item->ref != 0) {
        ngx_http_elohim_disk_give_up(ngx_http_elohim_disk_index(d), item->ref);
    }

    ngx_http_elohim_disk_free_rec(d, item->aux);
}


elo_tier_gone_t *
ngx_http_elohim_disk_gone(ngx_http_elohim_disk_t *d)
{
    static ngx_http_elohim_disk_gone_t  gone = {
        { ngx_http_elohim_disk_went }, NULL
    };

    gone.disk = d;

    return &gone.gone;
}


void
ngx_http_elohim_disk_give_up(ngx_http_elohim_index_t *x, uint64_t file)
{
    if (x->gone_tail - x->gone_head == NGX_HTTP_ELOHIM_DISK_GONE) {
        x->scan = 1;
        return;
    }

    x->gone[x->gone_tail++ % NGX_HTTP_ELOHIM_DISK_GONE] = file;
}


void
ngx_http_elohim_disk_unlink(ngx_http_elohim_disk_t *d, ngx_uint_t n)
{
    uint64_t                  head, file[NGX_HTTP_ELOHIM_DISK_BATCH];
    ngx_uint_t                i, got;
    ngx_http_elohim_index_t  *x;
    ngx_http_elohim_place_t   place;

    x = ngx_http_elohim_disk_index(d);

    while (n && x->gone_head != x->gone_tail) {
        x = ngx_http_elohim_disk_lock(d);

        head = x->gone_head;
        got = ngx_min(x->gone_tail - head, NGX_HTTP_ELOHIM_DISK_BATCH);
        got = ngx_min(got, n);

        for (i = 0; i < got; i++) {
            file[i] = x->gone[(head + i) % NGX_HTTP_ELOHIM_DISK_GONE];
        }

        ngx_http_elohim_disk_unlock(d);

        for (i = 0; i < got; i++) {
            ngx_http_elohim_disk_name(d, file[i], &place);

            if (ngx_delete_file(place.path) == NGX_FILE_ERROR
                && ngx_errno != NGX_ENOENT && ngx_errno != NGX_EISDIR)
            {
                ngx_http_elohim_disk_failed(d, ngx_errno, "unlink()");
                return;
            }
        }

        /* unless somebody else did the same meanwhile (I5) */

        x = ngx_http_elohim_disk_lock(d);

        if (x->gone_head == head && x->gone_tail - head >= got) {
            x->gone_head += got;
        }

        ngx_http_elohim_disk_unlock(d);

        n -= got;
    }
}


uint64_t
ngx_http_elohim_disk_new_rec(ngx_http_elohim_disk_t *d)
{
    uint64_t                  aux;
    ngx_http_elohim_rec_t    *rec;
    ngx_http_elohim_index_t  *x;

    x = ngx_http_elohim_disk_index(d);
    aux = x->free_rec;

    rec = ngx_http_elohim_disk_rec(d, aux);
    if (rec == NULL) {
        return 0;
    }

    x->free_rec = rec->next;

    return aux;
}


void
ngx_http_elohim_disk_free_rec(ngx_http_elohim_disk_t *d, uint64_t aux)
{
    ngx_http_elohim_rec_t    *rec;
    ngx_http_elohim_index_t  *x;

    rec = ngx_http_elohim_disk_rec(d, aux);
    if (rec == NULL) {
        return;
    }

    x = ngx_http_elohim_disk_index(d);
    rec->next = x->free_rec;
    x->free_rec = (uint32_t) aux;
}


/* ---- keys, names ---- */

/* A class is part of the name: what a narrow reader has brought is no hit of a
   wider one's. */

void
ngx_http_elohim_disk_key(ngx_http_elohim_disk_t *d,
    const ngx_http_elohim_piece_t *piece, elo_cache_key_t *key)
{
    uint8_t                   name[1 + 4 + ELO_SHA256_LEN];

    name[0] = (uint8_t) piece->klass;
    ngx_memcpy(name + 1, &piece->index, 4);
    ngx_memcpy(name + 5, piece->digest.b, ELO_SHA256_LEN);

    elo_shorthash128(ngx_http_elohim_disk_index(d)->secret[1],
                     elo_slice(name, sizeof(name)), key->b);
}


uint32_t
ngx_http_elohim_disk_slot(ngx_http_elohim_disk_t *d,
    const elo_digest_t *digest)
{
    return elo_shorthash(ngx_http_elohim_disk_index(d)->secret[0],
                         elo_slice(digest->b, sizeof(digest->b)))
           % NGX_HTTP_ELOHIM_DISK_SLOTS;
}


ngx_uint_t
ngx_http_elohim_disk_tier_of(const ngx_http_elohim_piece_t *piece)
{
    return piece->size > ELO_PIECE_MAX;
}


/* (I4) [any] */

ngx_uint_t
ngx_http_elohim_disk_is_good(ngx_http_elohim_disk_t *d,
    const ngx_http_elohim_rec_t *rec)
{
    uint32_t                  slot;
    ngx_http_elohim_index_t  *x;

    x = ngx_http_elohim_disk_index(d);
    slot = ngx_http_elohim_disk_slot(d, &rec->digest);

    return rec->klass < ELO_CACHE_CLASSES
           && rec->purged
              == __atomic_load_n(&x->purged[slot], __ATOMIC_ACQUIRE)
           && rec->era
              == __atomic_load_n(&x->era[rec->klass], __ATOMIC_ACQUIRE);
}


/* Seconds of a clock that isn't set, and that all processes have. */

uint32_t
ngx_http_elohim_disk_now(void)
{
    return (uint32_t) (ngx_current_msec / 1000);
}


void
ngx_http_elohim_disk_name(ngx_http_elohim_disk_t *d, uint64_t file,
    ngx_http_elohim_place_t *place)
{
    u_char  *p;

    p = ngx_cpymem(place->path, d->path->name.data, d->path->name.len);
    *p++ = '/';
    elo_piece_name(file, (char *) p);

    place->path_len = d->path->name.len + 1 + ELO_PIECE_NAME;
    place->file = file;
}
