/* SPDX-License-Identifier: BSD-2-Clause */
/* zone: the cache's shared memory. Its layout (common/cache/zone.h) follows from the
   configuration and is fixed when it is made, in one piece of nginx's slab pool, whose
   mutex it uses: nginx frees that when a worker dies that holds it.

   A reload with the same layout keeps it. Another layout is another zone to nginx, by
   its name: workers of the old configuration keep theirs to their end. */

#include "ngx_http_elohim_module.h"

#include <sys/mman.h>


#define NGX_HTTP_ELOHIM_META_BLOCK   128  /* a grant takes two */
#define NGX_HTTP_ELOHIM_BODY_BLOCK   512
#define NGX_HTTP_ELOHIM_META_OBJECT  256  /* bytes of a usual object, by which */
#define NGX_HTTP_ELOHIM_BODY_OBJECT  2048 /* entries are reckoned */
#define NGX_HTTP_ELOHIM_LEAST        32   /* blocks of a shelf, and entries */
#define NGX_HTTP_ELOHIM_SHARE        8    /* part of a shelf one object may be */
#define NGX_HTTP_ELOHIM_WINDOW_PCT   5
#define NGX_HTTP_ELOHIM_FNV          UINT64_C(1099511628211)
#define NGX_HTTP_ELOHIM_FNV_START    UINT64_C(14695981039346656037)


static const struct {
    uint32_t             block_len;
    uint32_t             object;
    elo_cache_policy_t   policy;
} ngx_http_elohim_shelves[NGX_HTTP_ELOHIM_SHELVES] = {
    { NGX_HTTP_ELOHIM_META_BLOCK, NGX_HTTP_ELOHIM_META_OBJECT, ELO_CACHE_LSZ },
    { NGX_HTTP_ELOHIM_BODY_BLOCK, NGX_HTTP_ELOHIM_BODY_OBJECT, ELO_CACHE_QGF }
};


static elo_err_t
ngx_http_elohim_part_shelf(const elo_zone_part_t *self, void *mem,
    uint64_t seed)
{
    elo_shelf_t  *unused;

    return elo_shelf_init(mem, self->conf, seed, &unused);
}


/* A shelf of this capacity. */

static void
ngx_http_elohim_shelf_conf(const ngx_http_elohim_cache_conf_t *c, ngx_uint_t i,
    uint64_t capacity, elo_shelf_conf_t *out)
{
    ngx_uint_t  k;

    ngx_memzero(out, sizeof(elo_shelf_conf_t));

    out->block_len = ngx_http_elohim_shelves[i].block_len;
    out->tier.capacity = capacity / out->block_len * out->block_len;
    out->tier.policy = c->policy[i] < 0 ? ngx_http_elohim_shelves[i].policy
                                        : (elo_cache_policy_t) c->policy[i];
    out->tier.max_entries = c->entries
                            ? c->entries
                            : ngx_max(capacity / ngx_http_elohim_shelves[i].object,
                                      NGX_HTTP_ELOHIM_LEAST);
    out->tier.max_object = ngx_max(capacity / NGX_HTTP_ELOHIM_SHARE,
                                   out->block_len);
    out->tier.window_pct = NGX_HTTP_ELOHIM_WINDOW_PCT;

    for (k = 0; k < ELO_CACHE_CLASSES; k++) {
        out->tier.floor_pm[k] = c->floor_pm[k];
    }
}


/* The largest shelf that fits into so many bytes, in which the least one does. */

static void
ngx_http_elohim_shelf_fit(const ngx_http_elohim_cache_conf_t *c, ngx_uint_t i,
    size_t bytes, elo_shelf_conf_t *out)
{
    uint64_t  fits, past, mid, block;

    block = ngx_http_elohim_shelves[i].block_len;
    fits = NGX_HTTP_ELOHIM_LEAST;
    past = bytes / block + 1;

    while (past - fits > 1) {
        mid = fits + (past - fits) / 2;
        ngx_http_elohim_shelf_conf(c, i, mid * block, out);

        if (elo_shelf_bytes(out) <= bytes) {
            fits = mid;

        } else {
            past = mid;
        }
    }

    ngx_http_elohim_shelf_conf(c, i, fits * block, out);
}


/* Bytes that a slab pool of this size gives in one piece. */

static size_t
ngx_http_elohim_usable(size_t size)
{
    size_t  head;

    head = sizeof(ngx_slab_pool_t)
           + (ngx_pagesize_shift + 1)
             * (sizeof(ngx_slab_page_t) + sizeof(ngx_slab_stat_t))
           + ngx_pagesize; /* to the first whole page */

    return size <= head
           ? 0
           : (size - head) / (ngx_pagesize + sizeof(ngx_slab_page_t))
             * ngx_pagesize;
}


static size_t
ngx_http_elohim_size_for(size_t usable)
{
    size_t  size;

    size = usable;

    while (ngx_http_elohim_usable(size) < usable) {
        size += ngx_pagesize;
    }

    return ngx_align(size, 1024);
}


/* Sizes both shelves for the room that there is. True, or false with the room that it
   would take. */

static ngx_uint_t
ngx_http_elohim_zone_plan(const ngx_http_elohim_cache_conf_t *c,
    ngx_http_elohim_zone_t *zn, size_t room, size_t *need)
{
    size_t      spare;
    ngx_uint_t  i, open;

    *need = ngx_align(sizeof(ngx_http_elohim_shared_t), 64)
            + elo_zone_bytes(zn->parts, zn->n_parts);
    open = 0;

    for (i = 0; i < NGX_HTTP_ELOHIM_SHELVES; i++) {
        ngx_http_elohim_shelf_conf(
            c, i, c->shelf_size[i] ? c->shelf_size[i]
                                   : NGX_HTTP_ELOHIM_LEAST
                                     * ngx_http_elohim_shelves[i].block_len,
            &zn->conf[i]);

        *need += elo_shelf_bytes(&zn->conf[i]);
        open += c->shelf_size[i] == 0;
    }

    if (*need > room) {
        return 0;
    }

    /* those of no stated size share what is left */

    spare = open ? (room - *need) / open / 64 * 64 : 0;

    for (i = 0; i < NGX_HTTP_ELOHIM_SHELVES; i++) {

        if (c->shelf_size[i] == 0) {
            ngx_http_elohim_shelf_fit(
                c, i, elo_shelf_bytes(&zn->conf[i]) + spare, &zn->conf[i]);
        }

        zn->parts[i].init = ngx_http_elohim_part_shelf;
        zn->parts[i].conf = &zn->conf[i];
        zn->parts[i].bytes = elo_shelf_bytes(&zn->conf[i]);
    }

    return 1;
}


static uint64_t
ngx_http_elohim_fingerprint(const ngx_http_elohim_zone_t *zn)
{
    size_t         i, n;
    uint64_t       h;
    const u_char  *p;

    h = NGX_HTTP_ELOHIM_FNV_START;
    p = (const u_char *) zn->conf;
    n = sizeof(zn->conf); /* padding is zero: each was zeroed first */

    for (i = 0; i < n; i++) {
        h = (h ^ p[i]) * NGX_HTTP_ELOHIM_FNV;
    }

    for (i = 0; i < zn->n_parts; i++) {
        h = (h ^ zn->parts[i].bytes) * NGX_HTTP_ELOHIM_FNV;
    }

    return (h ^ ELO_ZONE_VERSION) * NGX_HTTP_ELOHIM_FNV;
}


static ngx_int_t
ngx_http_elohim_zone_make(ngx_shm_zone_t *zone)
{
    u_char                  *p;
    size_t                   len, head;
    uint64_t                 seed;
    ngx_http_elohim_zone_t  *zn;

    zn = zone->data;
    head = ngx_align(sizeof(ngx_http_elohim_shared_t), 64);
    len = head + elo_zone_bytes(zn->parts, zn->n_parts);

    if (elo_keys_init() != ELO_OK) {
        return NGX_ERROR;
    }

    p = ngx_slab_alloc(zn->shpool, len);
    if (p == NULL) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "zone \"%V\" is too small for its %uz bytes",
                      &zn->name, len);
        return NGX_ERROR;
    }

    /* pages of the slab begin where pages do */

    zn->sh = (ngx_http_elohim_shared_t *) p;
    elo_keys_random(zn->sh->secret, sizeof(zn->sh->secret));
    elo_keys_random(&seed, sizeof(seed));

    if (elo_zone_init(p + head, len - head, zn->parts, zn->n_parts,
                      zn->fingerprint, seed, &zn->z)
        != ELO_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "zone \"%V\" cannot be laid out as it is configured",
                      &zn->name);
        return NGX_ERROR;
    }

    zn->shpool->data = zn->sh;

    /* bodies in it are narrow ones, too: none is to be in the core of a worker */

    if (madvise(zone->shm.addr, zone->shm.size, MADV_DONTDUMP) == -1) {
        ngx_log_error(NGX_LOG_WARN, zone->shm.log, ngx_errno,
                      "zone \"%V\" may be in core dumps, madvise() failed",
                      &zn->name);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_elohim_zone_init(ngx_shm_zone_t *zone, void *data)
{
    size_t                   head, len;
    ngx_uint_t               i;
    ngx_http_elohim_zone_t  *zn;

    zn = zone->data;
    zn->shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data != NULL || zone->shm.exists) {

        /* a reload: what the zone holds stays true */

        head = ngx_align(sizeof(ngx_http_elohim_shared_t), 64);
        len = elo_zone_bytes(zn->parts, zn->n_parts);
        zn->sh = zn->shpool->data;
        zn->z = elo_zone_at((u_char *) zn->sh + head, len, zn->fingerprint);

        if (zn->z == NULL) {
            ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                          "zone \"%V\" holds something else", &zn->name);
            return NGX_ERROR;
        }

    } else if (ngx_http_elohim_zone_make(zone) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_HTTP_ELOHIM_SHELVES; i++) {
        zn->shelf[i] = elo_zone_part(zn->z, i);
    }

    return NGX_OK;
}


/* nginx keeps a zone over a reload when its name and size are the same: so the layout
   is a part of the name. */

static ngx_int_t
ngx_http_elohim_zone_name(ngx_conf_t *cf, const ngx_http_elohim_zone_t *zn,
    ngx_str_t *name)
{
    name->data = ngx_pnalloc(cf->pool, zn->name.len + sizeof("/01234567"));
    if (name->data == NULL) {
        return NGX_ERROR;
    }

    name->len = ngx_sprintf(name->data, "%V/%08xD", &zn->name,
                            (uint32_t) (zn->fingerprint >> 32))
                - name->data;

    return NGX_OK;
}


ngx_int_t
ngx_http_elohim_add_zone(ngx_conf_t *cf, ngx_http_elohim_main_conf_t *emcf)
{
    size_t                         need;
    ngx_str_t                      name;
    ngx_shm_zone_t                *zone;
    ngx_http_elohim_zone_t        *zn;
    ngx_http_elohim_cache_conf_t  *c;

    c = &emcf->cache;
    zn = ngx_pcalloc(cf->pool, sizeof(ngx_http_elohim_zone_t));
    if (zn == NULL) {
        return NGX_ERROR;
    }

    zn->name = c->name;
    zn->max_body = c->max_body;
    zn->n_parts = NGX_HTTP_ELOHIM_SHELVES;

    if (!ngx_http_elohim_zone_plan(c, zn, ngx_http_elohim_usable(c->size),
                                   &need))
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "zone \"%V\" of %uz bytes is too small for what it is "
                      "to hold: it needs a size of %uzk at least",
                      &c->name, c->size,
                      ngx_http_elohim_size_for(need) / 1024);
        return NGX_ERROR;
    }

    zn->fingerprint = ngx_http_elohim_fingerprint(zn);

    if (ngx_http_elohim_zone_name(cf, zn, &name) != NGX_OK) {
        return NGX_ERROR;
    }

    zone = ngx_shared_memory_add(cf, &name, c->size, &ngx_http_elohim_module);
    if (zone == NULL) {
        return NGX_ERROR;
    }

    zone->init = ngx_http_elohim_zone_init;
    zone->data = zn;
    emcf->zone = zone;

    return NGX_OK;
}


/* With the mutex, which it gives back unless it returns NGX_OK. */

static ngx_int_t
ngx_http_elohim_zone_begin(ngx_http_elohim_zone_t *zn)
{
    uint64_t          seed;
    elo_zone_state_e  state;

    state = elo_zone_begin(zn->z, ngx_current_msec);

    switch (state) {
    case ELO_ZONE_OPEN:
        return NGX_OK;

    case ELO_ZONE_DUE:
        elo_keys_random(&seed, sizeof(seed));
        elo_zone_restart(zn->z, zn->parts, zn->n_parts, seed);
        return NGX_OK;

    default:
        ngx_shmtx_unlock(&zn->shpool->mutex);
        break;
    }

    if (state == ELO_ZONE_BROKEN) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "elohim zone \"%V\" was left in the middle of a change, "
                      "it is emptied", &zn->name);
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_elohim_zone_lock(ngx_http_elohim_zone_t *zn)
{
    ngx_shmtx_lock(&zn->shpool->mutex);

    return ngx_http_elohim_zone_begin(zn);
}


ngx_int_t
ngx_http_elohim_zone_try(ngx_http_elohim_zone_t *zn)
{
    return ngx_shmtx_trylock(&zn->shpool->mutex)
           ? ngx_http_elohim_zone_begin(zn) : NGX_DECLINED;
}


void
ngx_http_elohim_zone_unlock(ngx_http_elohim_zone_t *zn)
{
    elo_zone_end(zn->z);
    ngx_shmtx_unlock(&zn->shpool->mutex);
}


void
ngx_http_elohim_zone_key(const ngx_http_elohim_zone_t *zn,
    const ngx_http_elohim_key_t *key, elo_cache_key_t *out)
{
    elo_shorthash128(zn->sh->secret, elo_slice(key->data, key->len), out->b);
}


uint32_t
ngx_http_elohim_zone_now(void)
{
    return (uint32_t) (ngx_current_msec / 1000);
}


void
ngx_http_elohim_stamp_put(const ngx_http_elohim_stamp_t *from,
    elo_shelf_stamp_t *to)
{
    to->store_id = from->store_id;
    to->epoch = from->epoch;
    to->generation = from->generation;
    to->slot = from->slot;
    to->agent_slot = from->has_agent ? from->agent_slot : ELO_SHELF_NO_SLOT;
    to->agent_generation = from->agent_generation;
}


void
ngx_http_elohim_stamp_get(const elo_shelf_stamp_t *from,
    ngx_http_elohim_stamp_t *to)
{
    to->store_id = from->store_id;
    to->epoch = from->epoch;
    to->generation = from->generation;
    to->slot = from->slot;
    to->has_agent = from->agent_slot != ELO_SHELF_NO_SLOT;
    to->agent_slot = from->agent_slot;
    to->agent_generation = from->agent_generation;
}
