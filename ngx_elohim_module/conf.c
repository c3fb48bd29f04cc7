/* SPDX-License-Identifier: BSD-2-Clause */
/* conf: the module's settings: creation, inheritance, and what is wrong with
   them. Backends and stores are listed once for all locations that name the
   same one, so that a worker keeps one connection and one mapping to each. */

#include "ngx_http_elohim_disk.h"
#include "ngx_http_elohim_fill.h"
#include "ngx_http_elohim_warm.h"


#define NGX_HTTP_ELOHIM_ASK_TIMEOUT    5000 /* ms */
/* ms: a large blob is synced, or the daemon waits as it was asked to, which is
   300 s at most. */
#define NGX_HTTP_ELOHIM_UPLOAD_TIMEOUT 330000
/* ms, at least: the daemon says something far more often. */
#define NGX_HTTP_ELOHIM_EVENT_TIMEOUT  60000
#define NGX_HTTP_ELOHIM_TABLE_PAGES    8 /* what a slab needs itself */
#define NGX_HTTP_ELOHIM_CONNECT        5000 /* ms; it is a local socket */
#define NGX_HTTP_ELOHIM_PASS_BUFFER    (32 * 1024)
/* A quarter of the daemon's default max_connections, for all workers together. */
#define NGX_HTTP_ELOHIM_FILL_ALL       256
#define NGX_HTTP_ELOHIM_FILL_MINE      64
#define NGX_HTTP_ELOHIM_FILL_TIMEOUT   10000 /* ms */
#define NGX_HTTP_ELOHIM_READ_AHEAD     2
#define NGX_HTTP_ELOHIM_SEGMENTS       1 /* ahead of who is watching */


static ngx_int_t ngx_http_elohim_merge_upstream(ngx_conf_t *cf,
    ngx_http_elohim_loc_conf_t *prev, ngx_http_elohim_loc_conf_t *conf);
static char *ngx_http_elohim_check(ngx_conf_t *cf,
    ngx_http_elohim_loc_conf_t *conf);
static void ngx_http_elohim_namespace(ngx_http_elohim_loc_conf_t *conf);


/* Fields of the daemon's answers that are this side's business. */
static ngx_str_t  ngx_http_elohim_hide_headers[] = {
    ngx_string("Access-Control-Allow-Credentials"),
    ngx_string("Access-Control-Allow-Headers"),
    ngx_string("Access-Control-Allow-Methods"),
    ngx_string("Access-Control-Allow-Origin"),
    ngx_string("Access-Control-Expose-Headers"),
    ngx_string("Access-Control-Max-Age"),
    ngx_string("Cross-Origin-Resource-Policy"),
    ngx_string("Referrer-Policy"),
    ngx_string("X-Content-Type-Options"),
    ngx_string("Date"),
    ngx_string("Server"),
    ngx_string("X-Accel-Expires"),
    ngx_string("X-Accel-Redirect"),
    ngx_string("X-Accel-Limit-Rate"),
    ngx_string("X-Accel-Buffering"),
    ngx_string("X-Accel-Charset"),
    ngx_null_string
};


void *
ngx_http_elohim_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_elohim_main_conf_t  *emcf;

    emcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_elohim_main_conf_t));
    if (emcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&emcf->stores, cf->pool, 1, sizeof(void *)) != NGX_OK
        || ngx_array_init(&emcf->backends, cf->pool, 1, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&emcf->warm_sources, cf->pool, 1, sizeof(void *))
           != NGX_OK)
    {
        return NULL;
    }

    ngx_http_elohim_create_cache_conf(&emcf->cache);
    emcf->fill_connections = NGX_CONF_UNSET;
    emcf->fill_connections_all = NGX_CONF_UNSET;
    emcf->fill_timeout = NGX_CONF_UNSET_MSEC;
    emcf->verify = NGX_CONF_UNSET_UINT;

    return emcf;
}


char *
ngx_http_elohim_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_elohim_main_conf_t  *emcf = conf;

    ngx_conf_init_value(emcf->fill_connections, NGX_HTTP_ELOHIM_FILL_MINE);
    ngx_conf_init_value(emcf->fill_connections_all, NGX_HTTP_ELOHIM_FILL_ALL);
    ngx_conf_init_msec_value(emcf->fill_timeout, NGX_HTTP_ELOHIM_FILL_TIMEOUT);

    if (emcf->fill_timeout == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"elohim_fill_timeout\" is 0: write a time, such "
                           "as \"10s\"");
        return NGX_CONF_ERROR;
    }

    /* with one of the two, the other follows */

    emcf->fill_connections_all = ngx_max(emcf->fill_connections_all,
                                         emcf->fill_connections);

    return NGX_CONF_OK;
}


void *
ngx_http_elohim_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_elohim_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_elohim_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    conf->enable = NGX_CONF_UNSET;
    conf->writes = NGX_CONF_UNSET;
    conf->denied = NGX_CONF_UNSET_UINT;
    conf->ask_timeout = NGX_CONF_UNSET_MSEC;
    conf->upload_timeout = NGX_CONF_UNSET_MSEC;
    conf->max_ranges = NGX_CONF_UNSET;
    conf->cors = NGX_CONF_UNSET;
    conf->auth_rate = NGX_CONF_UNSET;
    conf->auth_total = NGX_CONF_UNSET;
    conf->login_rate = NGX_CONF_UNSET;
    conf->pass_connections = NGX_CONF_UNSET;
    conf->read_ahead = NGX_CONF_UNSET;
    conf->warm = NGX_CONF_UNSET;
    conf->warm_segments = NGX_CONF_UNSET;
    conf->max_headers = NGX_CONF_UNSET;
    conf->rules = NGX_CONF_UNSET_PTR;
    conf->speeds = NGX_CONF_UNSET_PTR;

    conf->upstream.hide_headers = NGX_CONF_UNSET_PTR;
    conf->upstream.pass_headers = NGX_CONF_UNSET_PTR;

    return conf;
}


char *
ngx_http_elohim_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_elohim_loc_conf_t  *prev = parent;
    ngx_http_elohim_loc_conf_t  *conf = child;

    if (conf->enable == NGX_CONF_UNSET && prev->enable == 1) {
        conf->file = prev->file;
        conf->line = prev->line;
    }

    if (conf->backend == NULL) {
        conf->backend = prev->backend;
    }

    if (conf->store == NULL) {
        conf->store = prev->store;
    }

    ngx_conf_merge_value(conf->enable, prev->enable, 0);
    ngx_conf_merge_value(conf->writes, prev->writes, 0);
    ngx_conf_merge_uint_value(conf->denied, prev->denied, NGX_HTTP_NOT_FOUND);
    ngx_conf_merge_msec_value(conf->ask_timeout, prev->ask_timeout,
                              NGX_HTTP_ELOHIM_ASK_TIMEOUT);
    ngx_conf_merge_msec_value(conf->upload_timeout, prev->upload_timeout,
                              NGX_HTTP_ELOHIM_UPLOAD_TIMEOUT);
    ngx_conf_merge_value(conf->max_ranges, prev->max_ranges, ELO_RANGE_MAX);
    ngx_conf_merge_value(conf->cors, prev->cors, 1);
    ngx_conf_merge_value(conf->auth_rate, prev->auth_rate,
                         NGX_HTTP_ELOHIM_AUTH_RATE);
    ngx_conf_merge_value(conf->auth_total, prev->auth_total,
                         NGX_HTTP_ELOHIM_AUTH_TOTAL
                         * NGX_HTTP_ELOHIM_AUTH_RATE);
    ngx_conf_merge_value(conf->login_rate, prev->login_rate,
                         NGX_HTTP_ELOHIM_LOGIN_RATE);
    ngx_conf_merge_value(conf->pass_connections, prev->pass_connections, 0);
    ngx_conf_merge_value(conf->read_ahead, prev->read_ahead,
                         NGX_HTTP_ELOHIM_READ_AHEAD);
    ngx_conf_merge_value(conf->warm, prev->warm, 1);
    ngx_conf_merge_value(conf->warm_segments, prev->warm_segments,
                         NGX_HTTP_ELOHIM_SEGMENTS);
    ngx_conf_merge_value(conf->max_headers, prev->max_headers,
                         NGX_HTTP_ELOHIM_MAX_HEADERS);
    ngx_conf_merge_ptr_value(conf->rules, prev->rules, NULL);
    ngx_conf_merge_ptr_value(conf->speeds, prev->speeds, NULL);

    if (ngx_http_elohim_merge_upstream(cf, prev, conf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (!conf->enable) {
        return NGX_CONF_OK;
    }

    ngx_http_elohim_namespace(conf);

    return ngx_http_elohim_check(cf, conf);
}


static ngx_int_t
ngx_http_elohim_merge_upstream(ngx_conf_t *cf,
    ngx_http_elohim_loc_conf_t *prev, ngx_http_elohim_loc_conf_t *conf)
{
    ngx_hash_init_t            hash;
    ngx_http_upstream_conf_t  *u;

    u = &conf->upstream;

    ngx_str_set(&u->module, "elohim");

    u->connect_timeout = NGX_HTTP_ELOHIM_CONNECT;
    u->send_timeout = conf->upload_timeout;
    u->read_timeout = conf->upload_timeout;
    u->buffer_size = NGX_HTTP_ELOHIM_PASS_BUFFER;
    u->next_upstream = NGX_HTTP_UPSTREAM_FT_OFF;
    u->next_upstream_tries = 1;
    u->buffering = 0;
    u->request_buffering = 0;
    u->pass_request_headers = 0;
    u->pass_request_body = 1;
    u->ignore_headers = NGX_HTTP_UPSTREAM_IGN_XA_REDIRECT
                        |NGX_HTTP_UPSTREAM_IGN_XA_EXPIRES
                        |NGX_HTTP_UPSTREAM_IGN_XA_LIMIT_RATE
                        |NGX_HTTP_UPSTREAM_IGN_XA_BUFFERING
                        |NGX_HTTP_UPSTREAM_IGN_XA_CHARSET;

    if (conf->backend) {
        u->upstream = conf->backend->upstream;
    }

    hash.max_size = 512;
    hash.bucket_size = ngx_align(64, ngx_cacheline_size);
    hash.name = "elohim_headers_hash";

    if (ngx_http_upstream_hide_headers_hash(cf, u, &prev->upstream,
                                            ngx_http_elohim_hide_headers,
                                            &hash)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    conf->events = *u;
    conf->events.read_timeout = ngx_max(conf->upload_timeout,
                                        NGX_HTTP_ELOHIM_EVENT_TIMEOUT);

    /* its answer begins before the end of its body, which goes on being sent */
    conf->import = conf->events;
    conf->import.preserve_output = 1;

    return NGX_OK;
}


/* "elohim on" holds here: the rest must fit, and the handler is installed. */

static char *
ngx_http_elohim_check(ngx_conf_t *cf, ngx_http_elohim_loc_conf_t *conf)
{
    const char                   *missing;
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_elohim_main_conf_t  *emcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler != NULL && clcf->handler != ngx_http_elohim_handler) {

        if (!conf->own) {
            /* this location says itself where its content comes from */
            return NGX_CONF_OK;
        }

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"elohim on\" in %s:%ui stands in a location that "
                      "already has a content handler (such as proxy_pass); "
                      "remove one of the two", conf->file, conf->line);
        return NGX_CONF_ERROR;
    }

    missing = conf->backend == NULL ? "elohim_backend unix:/path/of/socket"
              : conf->store == NULL ? "elohim_store_root /path/of/store"
                                    : NULL;

    if (missing) {

        /* A server may leave it to each of its locations. */

        if (clcf->name.len == 0 && clcf->locations != NULL) {
            return NGX_CONF_OK;
        }

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"elohim on\" in %s:%ui needs \"%s;\" beside it or "
                      "above it (location \"%V\")",
                      conf->file, conf->line, missing, &clcf->name);
        return NGX_CONF_ERROR;
    }

    clcf->handler = ngx_http_elohim_handler;

    emcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_elohim_module);
    emcf->enabled = 1;

    return ngx_http_elohim_add_warm_source(cf, conf) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* Keys of one backend and store never meet those of another in the zone. */

static void
ngx_http_elohim_namespace(ngx_http_elohim_loc_conf_t *conf)
{
    ngx_md5_t  md5;

    ngx_md5_init(&md5);

    if (conf->backend && conf->store) {
        ngx_md5_update(&md5, conf->backend->addr.name.data,
                       conf->backend->addr.name.len);
        ngx_md5_update(&md5, "", 1);
        ngx_md5_update(&md5, conf->store->root.data, conf->store->root.len);
    }

    ngx_md5_final(conf->ns, &md5);
}


ngx_int_t
ngx_http_elohim_add_table(ngx_conf_t *cf, ngx_str_t *name, size_t size,
    ngx_shm_zone_init_pt init, ngx_shm_zone_t **out)
{
    size = ngx_align(size, ngx_pagesize);
    size += ngx_align(size / ngx_pagesize * sizeof(ngx_slab_page_t),
                      ngx_pagesize)
            + NGX_HTTP_ELOHIM_TABLE_PAGES * ngx_pagesize;

    *out = ngx_shared_memory_add(cf, name, size, &ngx_http_elohim_module);
    if (*out == NULL) {
        return NGX_ERROR;
    }

    (*out)->init = init;

    return NGX_OK;
}


ngx_int_t
ngx_http_elohim_postconfiguration(ngx_conf_t *cf)
{
    ngx_uint_t                    i;
    ngx_http_handler_pt          *h;
    ngx_http_core_main_conf_t    *cmcf;
    ngx_http_elohim_backend_t   **bp;
    ngx_http_elohim_main_conf_t  *emcf;

    emcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_elohim_module);

    ngx_http_elohim_init_cache_conf(&emcf->cache);

    if (emcf->enabled && (ngx_http_elohim_add_zone(cf, emcf) != NGX_OK
                          || ngx_http_elohim_add_rate_zone(cf, emcf) != NGX_OK
                          || ngx_http_elohim_add_metric_zone(cf, emcf)
                             != NGX_OK
                          || ngx_http_elohim_add_fill_zone(cf, emcf) != NGX_OK
                          || ngx_http_elohim_add_warm_zone(cf, emcf) != NGX_OK))
    {
        return NGX_ERROR;
    }

    if (emcf->shown && !emcf->enabled) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"elohim_cache_status\" has nothing to show: no "
                      "location has \"elohim on\"");
        return NGX_ERROR;
    }

    ngx_conf_init_uint_value(emcf->verify, NGX_HTTP_ELOHIM_VERIFY_FIRST);

    if (emcf->enabled && ngx_http_elohim_disk_init_conf(cf, emcf) != NGX_OK) {
        return NGX_ERROR;
    }

    bp = emcf->backends.elts;

    for (i = 0; i < emcf->backends.nelts; i++) {
        bp[i]->zone = emcf->zone;
    }

    if (emcf->enabled) {
        cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

        h = ngx_array_push(&cmcf->phases[NGX_HTTP_POST_READ_PHASE].handlers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        *h = ngx_http_elohim_redact_log;

        h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        *h = ngx_http_elohim_metric_request;
    }

    if (emcf->enabled && emcf->counts) {
        ngx_http_elohim_add_traffic_filter();
    }

    return NGX_OK;
}


/* Signatures are checked by the worker itself. */

ngx_int_t
ngx_http_elohim_init_process(ngx_cycle_t *cycle)
{
    ngx_http_elohim_main_conf_t  *emcf;

    if (elo_keys_init() != ELO_OK) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "elohim: libsodium cannot be used");
        return NGX_ERROR;
    }

    emcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_elohim_module);

    if (emcf == NULL || (ngx_process != NGX_PROCESS_WORKER
                         && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    ngx_http_elohim_metric_start(emcf);

    if (ngx_http_elohim_sweep_start(cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    if (emcf->disk && emcf->disk->zone) {
        /* a file that may not grow (RLIMIT_FSIZE) is an errno, as a full disk is */
        (void) signal(SIGXFSZ, SIG_IGN);
        ngx_http_elohim_disk_start(emcf->disk, cycle);
    }

    if (emcf->fills == NULL) {
        return NGX_OK;
    }

    return ngx_http_elohim_fill_init(cycle, emcf) == NGX_OK
           ? ngx_http_elohim_warm_start(cycle, emcf) : NGX_ERROR;
}


/* The module's own memory goes before the process does, and files that only it has. */

void
ngx_http_elohim_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_elohim_warm_exit();
    ngx_http_elohim_feed_exit();
    elo_sha256_forget();
}
