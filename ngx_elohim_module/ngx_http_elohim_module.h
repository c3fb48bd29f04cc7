/* SPDX-License-Identifier: BSD-2-Clause */
/* ngx_http_elohim_module: settings, and entry points of conf.c and vars.c. The
   life of a request: docs/architecture.md. */
#ifndef NGX_HTTP_ELOHIM_MODULE_H
#define NGX_HTTP_ELOHIM_MODULE_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <ngx_md5.h>

#include "ngx_http_elohim_daemon.h"
#include "ngx_http_elohim_request.h"
#include "ngx_http_elohim_answer.h"
#include "ngx_http_elohim_cache.h"
#include "ngx_http_elohim_zone.h"
#include "ngx_http_elohim_guard.h"
#include "ngx_http_elohim_metric.h"

/* elohim_verify: when the bytes of a piece on disk are checked */
#define NGX_HTTP_ELOHIM_VERIFY_FIRST 0
#define NGX_HTTP_ELOHIM_VERIFY_EACH  1

typedef struct ngx_http_elohim_main_conf_s {
    ngx_array_t stores;   /* ngx_http_elohim_store_t * */
    ngx_array_t backends; /* ngx_http_elohim_backend_t * */
    ngx_http_elohim_cache_conf_t cache;
    ngx_shm_zone_t *zone; /* its data: ngx_http_elohim_zone_t */
    ngx_shm_zone_t *rates; /* of clients, by address: rate.c */
    ngx_shm_zone_t *fills; /* of all workers: fills.c */
    ngx_shm_zone_t *warms; /* likewise: warm.c */
    ngx_array_t warm_sources; /* ngx_http_elohim_loc_conf_t *: one of each */
    ngx_shm_zone_t *metrics; /* of all processes: metric.c */
    ngx_int_t fill_connections;     /* of a worker */
    ngx_int_t fill_connections_all; /* of all workers */
    ngx_msec_t fill_timeout;        /* without progress */
    struct ngx_http_elohim_disk_s *disk; /* elohim_cache_path, or NULL */
    ngx_uint_t verify;                   /* elohim_verify */
    unsigned enabled:1; /* some location has elohim on */
    unsigned counts:1;  /* some elohim_rate is of bytes */
    unsigned shown:1;   /* some location has elohim_cache_status */
} ngx_http_elohim_main_conf_t;

typedef struct {
    ngx_flag_t enable;
    ngx_http_elohim_backend_t *backend;
    ngx_http_elohim_store_t *store;
    ngx_flag_t writes;
    ngx_uint_t denied;
    ngx_msec_t ask_timeout;
    ngx_msec_t upload_timeout;
    ngx_int_t max_ranges;
    ngx_flag_t cors;
    ngx_int_t auth_rate; /* questions a second about what only it can judge */
    ngx_int_t auth_total; /* the same of all of a worker's clients */
    ngx_int_t login_rate; /* logins a second and client; 0: any number */
    ngx_int_t pass_connections; /* held by uploads; 0: a worker's part */
    ngx_int_t read_ahead; /* pieces that are fetched before they are asked for */
    ngx_flag_t warm; /* the daemon's lists are taken in */
    ngx_int_t warm_segments; /* those ahead of who is watching */
    ngx_int_t max_headers; /* lines of a request's header; 0: any number */
    ngx_http_elohim_rules_t *rules; /* elohim_rate; NULL: none */
    ngx_http_elohim_speeds_t *speeds; /* elohim_delivery_rate; NULL: none */

    u_char ns[NGX_HTTP_ELOHIM_NS_LEN];
    ngx_http_upstream_conf_t upstream;
    ngx_http_upstream_conf_t events; /* the same with a longer patience */
    ngx_http_upstream_conf_t import; /* that, both ways at once */

    u_char *file; /* where "elohim on" was written */
    ngx_uint_t line;
    unsigned own:1; /* it was written in this very block */
} ngx_http_elohim_loc_conf_t;

extern ngx_module_t ngx_http_elohim_module;

/* conf */
void *ngx_http_elohim_create_main_conf(ngx_conf_t *cf);
void *ngx_http_elohim_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_elohim_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child);
ngx_int_t ngx_http_elohim_postconfiguration(ngx_conf_t *cf);

/* conf_set */
char *ngx_http_elohim_set_enable(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_elohim_set_backend(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_elohim_set_store(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_elohim_set_auth_rate(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_elohim_set_fills(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* conf_cache */
void ngx_http_elohim_create_cache_conf(ngx_http_elohim_cache_conf_t *c);
void ngx_http_elohim_init_cache_conf(ngx_http_elohim_cache_conf_t *c);
char *ngx_http_elohim_set_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_elohim_set_cache_ttl(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_elohim_set_cache_stale(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_elohim_set_cache_policy(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_elohim_set_cache_floors(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* conf: a zone that is one table of size bytes, which init takes from its slab. */
ngx_int_t ngx_http_elohim_add_table(ngx_conf_t *cf, ngx_str_t *name, size_t size,
    ngx_shm_zone_init_pt init, ngx_shm_zone_t **out);

/* rate */
ngx_int_t ngx_http_elohim_add_rate_zone(ngx_conf_t *cf,
    ngx_http_elohim_main_conf_t *emcf);

/* fill: settings, and what a worker has of it */
char *ngx_http_elohim_init_main_conf(ngx_conf_t *cf, void *conf);
ngx_int_t ngx_http_elohim_add_fill_zone(ngx_conf_t *cf,
    ngx_http_elohim_main_conf_t *emcf);
ngx_int_t ngx_http_elohim_fill_init(ngx_cycle_t *cycle,
    ngx_http_elohim_main_conf_t *emcf);
/* feed: the process ends, and files that nobody else can have with it. */
void ngx_http_elohim_feed_exit(void);
/* disk_conf */
char *ngx_http_elohim_set_cache_path(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_int_t ngx_http_elohim_disk_init_conf(ngx_conf_t *cf,
    ngx_http_elohim_main_conf_t *emcf);
ngx_int_t ngx_http_elohim_init_module(ngx_cycle_t *cycle);

/* vars */
ngx_int_t ngx_http_elohim_add_variables(ngx_conf_t *cf);
ngx_int_t ngx_http_elohim_redact_log(ngx_http_request_t *r);

/* redact: writes at most last - p bytes of a request line, or of a path, without its
   secrets; at most max bytes in all. is_secret: has a parameter the token's name? */
u_char *ngx_http_elohim_redact(u_char *p, u_char *last, const ngx_str_t *line);
size_t ngx_http_elohim_redact_max(const ngx_str_t *line);
ngx_uint_t ngx_http_elohim_is_secret(const u_char *p, const u_char *end);

/* conf: what each worker does first, and last */
ngx_int_t ngx_http_elohim_init_process(ngx_cycle_t *cycle);
void ngx_http_elohim_exit_process(ngx_cycle_t *cycle);

#endif
