/* SPDX-License-Identifier: BSD-2-Clause */
/* shm: answers of the daemon by key, for all workers: tier METADATA. It holds whole
   wire messages and the stamps that say whether one still holds. Whoever finds one
   takes no lock. */

#include "ngx_http_elohim_module.h"


#define NGX_HTTP_ELOHIM_SHM_TRIES  3 /* of a message that is being replaced */


static ngx_inline elo_shelf_t *
ngx_http_elohim_shm_shelf(ngx_http_elohim_zone_t *zn)
{
    return zn->shelf[NGX_HTTP_ELOHIM_METADATA];
}


/* Copies the message into buf, or into the pool when it is longer. NGX_DECLINED
   when there is none that holds. */

ngx_int_t
ngx_http_elohim_shm_get(ngx_shm_zone_t *zone, const ngx_http_elohim_key_t *key,
    ngx_http_elohim_store_t *store, ngx_pool_t *pool, u_char *buf,
    size_t buf_len, ngx_str_t *msg, ngx_http_elohim_stamp_t *stamp)
{
    uint32_t                 seq;
    ngx_uint_t               i;
    elo_shelf_t             *s;
    elo_cache_key_t          k;
    elo_shelf_hit_t          hit;
    ngx_http_elohim_zone_t  *zn;

    zn = zone->data;
    s = ngx_http_elohim_shm_shelf(zn);

    ngx_http_elohim_zone_key(zn, key, &k);

    for (i = 0; i < NGX_HTTP_ELOHIM_SHM_TRIES; i++) {

        if (!elo_zone_enter(zn->z, &seq)
            || !elo_shelf_find(s, &k, ngx_http_elohim_zone_now(), &hit)
            || !elo_zone_is_same(zn->z, seq))
        {
            return NGX_DECLINED;
        }

        ngx_http_elohim_stamp_get(&hit.stamp, stamp);
        stamp->expires = hit.item.expires;

        if (!ngx_http_elohim_gen_valid(store, stamp, ngx_cycle->log)) {
            return NGX_DECLINED;
        }

        if (hit.len > buf_len) {
            buf = ngx_pnalloc(pool, hit.len);
            if (buf == NULL) {
                return NGX_ERROR;
            }

            buf_len = hit.len;
        }

        if (elo_shelf_read(s, &hit, 0, buf, hit.len)
            && elo_zone_is_same(zn->z, seq))
        {
            elo_shelf_count_hit(s, &k, &hit);
            msg->data = buf;
            msg->len = hit.len;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


void
ngx_http_elohim_shm_miss(ngx_shm_zone_t *zone,
    const ngx_http_elohim_key_t *key, elo_cache_class_t klass)
{
    uint32_t                 seq;
    elo_cache_key_t          k;
    ngx_http_elohim_zone_t  *zn;

    zn = zone->data;

    if (elo_zone_enter(zn->z, &seq)) {
        ngx_http_elohim_zone_key(zn, key, &k);
        elo_shelf_count_miss(ngx_http_elohim_shm_shelf(zn), &k, klass);
    }
}


void
ngx_http_elohim_shm_put(ngx_shm_zone_t *zone, const ngx_http_elohim_key_t *key,
    elo_cache_class_t klass, const ngx_str_t *msg,
    const ngx_http_elohim_stamp_t *stamp, time_t ttl)
{
    elo_cache_key_t          k;
    elo_shelf_stamp_t        st;
    ngx_http_elohim_zone_t  *zn;

    zn = zone->data;

    ngx_http_elohim_zone_key(zn, key, &k);
    ngx_http_elohim_stamp_put(stamp, &st);

    if (ngx_http_elohim_zone_lock(zn) != NGX_OK) {
        return;
    }

    elo_ignore(elo_shelf_put(ngx_http_elohim_shm_shelf(zn), &k, klass, &st,
                             elo_slice(msg->data, msg->len),
                             ngx_http_elohim_zone_now() + (uint32_t) ttl));
    /* what isn't admitted is asked again */

    ngx_http_elohim_zone_unlock(zn);
}


void
ngx_http_elohim_shm_drop(ngx_shm_zone_t *zone,
    const ngx_http_elohim_key_t *key)
{
    elo_cache_key_t          k;
    ngx_http_elohim_zone_t  *zn;

    zn = zone->data;

    ngx_http_elohim_zone_key(zn, key, &k);

    if (ngx_http_elohim_zone_lock(zn) == NGX_OK) {
        (void) elo_shelf_drop(ngx_http_elohim_shm_shelf(zn), &k);
        ngx_http_elohim_zone_unlock(zn);
    }
}


ngx_uint_t
ngx_http_elohim_shm_away(ngx_shm_zone_t *zone, ngx_uint_t backend,
    ngx_uint_t away)
{
    ngx_atomic_uint_t        bit, was;
    ngx_http_elohim_zone_t  *zn;

    zn = zone->data;
    bit = (ngx_atomic_uint_t) 1 << backend;

    for ( ;; ) {
        was = zn->sh->away;

        if (((was & bit) != 0) == (away != 0)) {
            return 0;
        }

        if (ngx_atomic_cmp_set(&zn->sh->away, was, was ^ bit)) {
            return 1;
        }
    }
}


void
ngx_http_elohim_shm_stat(ngx_shm_zone_t *zone, ngx_uint_t tier,
    elo_cache_class_t klass, elo_tier_stat_t *out)
{
    uint32_t                 seq;
    ngx_http_elohim_zone_t  *zn;

    zn = zone->data;
    ngx_memzero(out, sizeof(elo_tier_stat_t));

    if (elo_zone_enter(zn->z, &seq)) {
        elo_shelf_stat(zn->shelf[tier], klass, out);
    }
}
