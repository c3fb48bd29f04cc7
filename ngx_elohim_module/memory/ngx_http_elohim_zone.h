/* SPDX-License-Identifier: BSD-2-Clause */
/* ngx_http_elohim_zone: the cache's shared memory: its settings, its parts, the lock on
   them. What stands in it: shm.c, complete.c. */
#ifndef NGX_HTTP_ELOHIM_ZONE_H
#define NGX_HTTP_ELOHIM_ZONE_H

#include "ngx_http_elohim_cache.h"

#include "common/base/keys.h"
#include "common/cache/shelf.h"
#include "common/cache/zone.h"

#define NGX_HTTP_ELOHIM_ZONE_SIZE  (16 * 1024 * 1024)
#define NGX_HTTP_ELOHIM_MAX_BODY   (16 * 1024)
#define NGX_HTTP_ELOHIM_SHELVES    2 /* METADATA, COMPLETE; their parts' numbers */

/* How long what is kept holds, at most. */
typedef enum {
    NGX_HTTP_ELOHIM_TTL_CONTENT = 0,
    NGX_HTTP_ELOHIM_TTL_LISTS,
    NGX_HTTP_ELOHIM_TTL_AGENT, /* what is decided by who asks */
    NGX_HTTP_ELOHIM_TTL_UNKNOWN, /* what there isn't */
    NGX_HTTP_ELOHIM_TTLS
} ngx_http_elohim_ttl_e;

/* How long what is over may be shown to everybody, at most. */
typedef enum {
    NGX_HTTP_ELOHIM_WHILE_UPDATING = 0,
    NGX_HTTP_ELOHIM_WHILE_AWAY, /* the daemon is, or has no answer */
    NGX_HTTP_ELOHIM_WHILES
} ngx_http_elohim_while_e;

/* elohim_cache_zone, _ttl, _stale, _policy, _floors. 0 or -1: not said. */
typedef struct {
    ngx_str_t name;
    size_t size;
    size_t shelf_size[NGX_HTTP_ELOHIM_SHELVES];
    ssize_t max_body;
    ngx_uint_t entries; /* of each shelf */
    time_t ttl[NGX_HTTP_ELOHIM_TTLS];
    time_t stale[NGX_HTTP_ELOHIM_WHILES];
    ngx_int_t policy[NGX_HTTP_ELOHIM_TIERS];
    ngx_int_t floor_pm[ELO_CACHE_CLASSES];
} ngx_http_elohim_cache_conf_t;

/* What lies in front of the zone, and outlives a new start of its parts. */
typedef struct {
    ngx_atomic_t away; /* one bit a backend */
    ngx_atomic_t sweep_at; /* ms; who moves it on sweeps */
    ngx_atomic_t sweep_sum; /* of the slots, when the last walk began */
    ngx_atomic_t sweep_busy; /* that walk isn't at its end */
    uint32_t cursor[NGX_HTTP_ELOHIM_SHELVES];
    uint8_t secret[ELO_SHORTHASH_KEY_LEN];
} ngx_http_elohim_shared_t;

/* The zone as the processes of one configuration see it: zone->data. */
typedef struct {
    ngx_str_t name; /* as it was written */
    elo_shelf_conf_t conf[NGX_HTTP_ELOHIM_SHELVES];
    elo_zone_part_t parts[ELO_ZONE_PARTS];
    ngx_uint_t n_parts;
    uint64_t fingerprint; /* of all that the layout follows from */
    size_t max_body;

    ngx_slab_pool_t *shpool;
    ngx_http_elohim_shared_t *sh;
    elo_zone_t *z;
    elo_shelf_t *shelf[NGX_HTTP_ELOHIM_SHELVES];
} ngx_http_elohim_zone_t;

/* zone: makes emcf->zone of what was configured. NGX_ERROR: the log says why. */
struct ngx_http_elohim_main_conf_s;
ngx_int_t ngx_http_elohim_add_zone(ngx_conf_t *cf,
    struct ngx_http_elohim_main_conf_s *emcf);
/* NGX_OK: locked, and to be unlocked; NGX_DECLINED: it starts over, and can't be
   changed now. Never held across an allocation, I/O or a line of the log. try: doesn't
   wait; NGX_DECLINED also when somebody else has it. */
ngx_int_t ngx_http_elohim_zone_lock(ngx_http_elohim_zone_t *zn);
ngx_int_t ngx_http_elohim_zone_try(ngx_http_elohim_zone_t *zn);
void ngx_http_elohim_zone_unlock(ngx_http_elohim_zone_t *zn);
/* The short form of a key. */
void ngx_http_elohim_zone_key(const ngx_http_elohim_zone_t *zn,
    const ngx_http_elohim_key_t *key, elo_cache_key_t *out);
/* Seconds of a clock that nobody sets. */
uint32_t ngx_http_elohim_zone_now(void);
/* Bytes that were found, into p, with what they stand on. NGX_DECLINED: none, or they
   went meanwhile. */
void ngx_http_elohim_stamp_put(const ngx_http_elohim_stamp_t *from,
    elo_shelf_stamp_t *to);
void ngx_http_elohim_stamp_get(const elo_shelf_stamp_t *from,
    ngx_http_elohim_stamp_t *to);

/* sweep: a worker's timer. */
ngx_int_t ngx_http_elohim_sweep_start(ngx_cycle_t *cycle);

/* shm: true when this call changed the mark. */
ngx_uint_t ngx_http_elohim_shm_away(ngx_shm_zone_t *zone, ngx_uint_t backend,
    ngx_uint_t away);
/* What a tier of it (METADATA, COMPLETE) holds and has counted. */
void ngx_http_elohim_shm_stat(ngx_shm_zone_t *zone, ngx_uint_t tier,
    elo_cache_class_t klass, elo_tier_stat_t *out);

#endif
