/* SPDX-License-Identifier: BSD-2-Clause */
/* disk_conf: elohim_cache_path: what it says, the zone that its index takes, and what
   master and workers do first. */

#include "ngx_http_elohim_disk.h"


#define NGX_HTTP_ELOHIM_DIR_COMPLETE  (100 * 1024 * 1024)
#define NGX_HTTP_ELOHIM_DIR_CHUNK     (1024LL * 1024 * 1024)
#define NGX_HTTP_ELOHIM_DIR_INACTIVE  (24 * 60 * 60)
#define NGX_HTTP_ELOHIM_DIR_MIN       (2 * ELO_PIECE_MAX) /* a tier, bytes */
#define NGX_HTTP_ELOHIM_DIR_MAX       ((off_t) 1 << 50)
/* bytes of a small blob: where they are smaller on an average, room is left over */
#define NGX_HTTP_ELOHIM_DIR_SMALL     16384
#define NGX_HTTP_ELOHIM_DIR_ENTRIES   (8 * 1024 * 1024)
#define NGX_HTTP_ELOHIM_DIR_SPARE     64
#define NGX_HTTP_ELOHIM_DIR_WINDOW    20  /* per cent; docs/cache-policy.md */
#define NGX_HTTP_ELOHIM_DIR_PAGES     16  /* what the slab needs itself */
#define NGX_HTTP_ELOHIM_DIR_SLAB      100 /* and a part of each hundred */
/* of the index's layout: a part of the zone's name */
#define NGX_HTTP_ELOHIM_DIR_VERSION   1


static char *ngx_http_elohim_path_size(ngx_conf_t *cf, ngx_str_t *value,
    size_t skip, off_t least, off_t *out);


static char *
ngx_http_elohim_path_param(ngx_conf_t *cf, ngx_http_elohim_disk_t *d,
    ngx_str_t *value)
{
    ngx_str_t  s;

    if (ngx_strncmp(value->data, "complete=", 9) == 0) {
        return ngx_http_elohim_path_size(cf, value, 9,
                                         NGX_HTTP_ELOHIM_DIR_MIN,
                                         &d->complete);
    }

    if (ngx_strncmp(value->data, "chunk=", 6) == 0) {
        return ngx_http_elohim_path_size(cf, value, 6,
                                         NGX_HTTP_ELOHIM_DIR_MIN, &d->chunk);
    }

    if (ngx_strncmp(value->data, "min_free=", 9) == 0) {
        return ngx_http_elohim_path_size(cf, value, 9, 0, &d->min_free);
    }

    if (ngx_strncmp(value->data, "inactive=", 9) == 0) {
        s.data = value->data + 9;
        s.len = value->len - 9;
        d->inactive = ngx_parse_time(&s, 1);

        if (d->inactive == (time_t) NGX_ERROR || d->inactive < 1
            || d->inactive > NGX_MAX_INT32_VALUE / 1000)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" is no time: write one of a second to "
                               "24 days, such as \"inactive=24h\"", value);
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%V\" is unknown: there are complete=, chunk=, "
                       "inactive= and min_free=", value);
    return NGX_CONF_ERROR;
}


static char *
ngx_http_elohim_path_size(ngx_conf_t *cf, ngx_str_t *value, size_t skip,
    off_t least, off_t *out)
{
    ngx_str_t  s;

    s.data = value->data + skip;
    s.len = value->len - skip;
    *out = ngx_parse_offset(&s);

    if (*out == NGX_ERROR || *out < least || *out > NGX_HTTP_ELOHIM_DIR_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is no size from %O bytes to 1048576g",
                           value, least);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* policy: as it was set, or usual when it wasn't. */

static void
ngx_http_elohim_path_tier(elo_tier_conf_t *conf,
    const ngx_http_elohim_cache_conf_t *cache, ngx_int_t policy,
    elo_cache_policy_t usual, off_t capacity, off_t object)
{
    ngx_memzero(conf, sizeof(elo_tier_conf_t));
    conf->policy = policy < 0 ? usual : (elo_cache_policy_t) policy;
    conf->capacity = (uint64_t) capacity;
    conf->max_entries = (uint32_t) ngx_min(
        capacity / object + NGX_HTTP_ELOHIM_DIR_SPARE,
        NGX_HTTP_ELOHIM_DIR_ENTRIES);
    conf->max_object = ELO_PIECE_FOOT + ELO_PIECE_MAX;
    conf->window_pct = NGX_HTTP_ELOHIM_DIR_WINDOW;
    conf->by_bytes = 1;
    conf->floor_pm[ELO_CACHE_COMMUNITY] = (uint32_t)
        cache->floor_pm[ELO_CACHE_COMMUNITY];
}


char *
ngx_http_elohim_set_cache_path(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_elohim_main_conf_t *emcf = conf;

    ngx_str_t               *value, *name;
    ngx_uint_t               i;
    ngx_http_elohim_disk_t  *d;

    if (emcf->disk) {
        return "is duplicate";
    }

    d = ngx_pcalloc(cf->pool, sizeof(ngx_http_elohim_disk_t));
    if (d == NULL) {
        return NGX_CONF_ERROR;
    }

    d->path = ngx_pcalloc(cf->pool, sizeof(ngx_path_t));
    if (d->path == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;
    name = &d->path->name;
    *name = value[1];

    if (name->len == 0) {
        return "is empty: write the directory that the cache is to have";
    }

    while (name->len > 1 && name->data[name->len - 1] == '/') {
        name->data[--name->len] = '\0';
    }

    if (ngx_conf_full_name(cf->cycle, name, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (name->len + 1 + ELO_PIECE_NAME + 1 > NGX_MAX_PATH
        || name->len == 1)
    {
        return "has a directory that can't be one of a cache";
    }

    d->complete = NGX_HTTP_ELOHIM_DIR_COMPLETE;
    d->chunk = NGX_HTTP_ELOHIM_DIR_CHUNK;
    d->inactive = NGX_HTTP_ELOHIM_DIR_INACTIVE;
    d->fd = NGX_INVALID_FILE;
    d->emcf = emcf;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_elohim_path_param(cf, d, &value[i]) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    d->path->conf_file = cf->conf_file->file.name.data;
    d->path->line = cf->conf_file->line;

    if (ngx_add_path(cf, &d->path) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

#if (NGX_THREADS)
    d->threads = ngx_thread_pool_add(cf, NULL);
    if (d->threads == NULL) {
        return NGX_CONF_ERROR;
    }
#endif

    emcf->disk = d;

    return NGX_CONF_OK;
}


/* The zone of another directory, size or layout is another zone: old workers keep
   theirs, and lose the directory (disk_owner.c). */

ngx_int_t
ngx_http_elohim_disk_init_conf(ngx_conf_t *cf,
    ngx_http_elohim_main_conf_t *emcf)
{
    size_t                   size;
    ngx_str_t                name;
    ngx_http_elohim_disk_t  *d;

    d = emcf->disk;

    if (d == NULL) {
        return NGX_OK;
    }

    if (emcf->stores.nelts > ELO_PIECE_STORES) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"elohim_cache_path\" is for %d different "
                           "\"elohim_store_root\" at most", ELO_PIECE_STORES);
        return NGX_ERROR;
    }

    ngx_http_elohim_path_tier(&d->conf[0], &emcf->cache,
                              emcf->cache.policy[NGX_HTTP_ELOHIM_COMPLETE],
                              ELO_CACHE_QGF, d->complete,
                              NGX_HTTP_ELOHIM_DIR_SMALL);
    ngx_http_elohim_path_tier(&d->conf[1], &emcf->cache,
                              emcf->cache.policy[NGX_HTTP_ELOHIM_CHUNK],
                              ELO_CACHE_LSZ, d->chunk, ELO_PIECE_MAX * 2 / 3);
    ngx_http_elohim_disk_layout(d);

    name.data = ngx_pnalloc(cf->pool, d->path->name.len + 64
                                      + 5 * NGX_OFF_T_LEN);
    if (name.data == NULL) {
        return NGX_ERROR;
    }

    name.len = ngx_sprintf(name.data, "elohim_disk:%d:%O:%O:%d:%d:%uD:%V",
                           NGX_HTTP_ELOHIM_DIR_VERSION, d->complete, d->chunk,
                           (int) d->conf[0].policy, (int) d->conf[1].policy,
                           d->conf[1].floor_pm[ELO_CACHE_COMMUNITY],
                           &d->path->name)
               - name.data;

    size = d->bytes + d->bytes / NGX_HTTP_ELOHIM_DIR_SLAB
           + NGX_HTTP_ELOHIM_DIR_PAGES * ngx_pagesize;

    d->zone = ngx_shared_memory_add(cf, &name, ngx_align(size, ngx_pagesize),
                                    &ngx_http_elohim_module);
    if (d->zone == NULL) {
        return NGX_ERROR;
    }

    d->zone->init = ngx_http_elohim_disk_init_zone;
    d->zone->data = d;

    return NGX_OK;
}


/* Master: the directory is there by now. */

ngx_int_t
ngx_http_elohim_init_module(ngx_cycle_t *cycle)
{
    ngx_http_elohim_main_conf_t  *emcf;

    emcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_elohim_module);

    if (emcf == NULL || emcf->disk == NULL || emcf->disk->zone == NULL
        || ngx_test_config)
    {
        return NGX_OK;
    }

    return ngx_http_elohim_disk_open_owner(cycle, emcf->disk);
}
