/* SPDX-License-Identifier: BSD-2-Clause */
/* ngx_http_elohim_module: the Doorway as nginx sees it: directives, contexts
   and the module itself. No logic: see conf.c for the settings, content.c for
   the life of a request. */

#include "ngx_http_elohim_module.h"


/* clang-format off */

static ngx_conf_enum_t  ngx_http_elohim_denied[] = {
    { ngx_string("404"), NGX_HTTP_NOT_FOUND },
    { ngx_string("403"), NGX_HTTP_FORBIDDEN },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_elohim_verify[] = {
    { ngx_string("first_read"), NGX_HTTP_ELOHIM_VERIFY_FIRST },
    { ngx_string("every_read"), NGX_HTTP_ELOHIM_VERIFY_EACH },
    { ngx_null_string, 0 }
};


static ngx_conf_num_bounds_t  ngx_http_elohim_ranges_bounds = {
    ngx_conf_check_num_bounds, 1, ELO_RANGE_MAX
};


static ngx_conf_num_bounds_t  ngx_http_elohim_login_bounds = {
    ngx_conf_check_num_bounds, 0, 1000000
};


static ngx_conf_num_bounds_t  ngx_http_elohim_headers_bounds = {
    ngx_conf_check_num_bounds, 0, 100000
};


static ngx_conf_num_bounds_t  ngx_http_elohim_pass_bounds = {
    ngx_conf_check_num_bounds, 1, 65536
};


static ngx_conf_num_bounds_t  ngx_http_elohim_ahead_bounds = {
    ngx_conf_check_num_bounds, 0, 64
};


static ngx_conf_num_bounds_t  ngx_http_elohim_segments_bounds = {
    ngx_conf_check_num_bounds, 0, 8
};


static ngx_command_t  ngx_http_elohim_commands[] = {

    { ngx_string("elohim"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_http_elohim_set_enable,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_elohim_loc_conf_t, enable),
      NULL },

    { ngx_string("elohim_backend"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_elohim_set_backend,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("elohim_store_root"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_elohim_set_store,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("elohim_cache_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_elohim_set_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("elohim_cache_ttl"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_elohim_set_cache_ttl,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("elohim_cache_stale"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_elohim_set_cache_stale,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("elohim_cache_path"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_elohim_set_cache_path,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("elohim_cache_policy"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2,
      ngx_http_elohim_set_cache_policy,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("elohim_cache_floors"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_elohim_set_cache_floors,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("elohim_cache_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_elohim_set_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("elohim_verify"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_elohim_main_conf_t, verify),
      &ngx_http_elohim_verify },

    { ngx_string("elohim_writes"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_elohim_loc_conf_t, writes),
      NULL },

    { ngx_string("elohim_denied"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_elohim_loc_conf_t, denied),
      &ngx_http_elohim_denied },

    { ngx_string("elohim_ask_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_elohim_loc_conf_t, ask_timeout),
      NULL },

    { ngx_string("elohim_upload_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_elohim_loc_conf_t, upload_timeout),
      NULL },

    { ngx_string("elohim_max_ranges"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_elohim_loc_conf_t, max_ranges),
      &ngx_http_elohim_ranges_bounds },

    { ngx_string("elohim_cors"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_elohim_loc_conf_t, cors),
      NULL },

    { ngx_string("elohim_auth_rate"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_http_elohim_set_auth_rate,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("elohim_login_rate"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_elohim_loc_conf_t, login_rate),
      &ngx_http_elohim_login_bounds },

    { ngx_string("elohim_pass_connections"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_elohim_loc_conf_t, pass_connections),
      &ngx_http_elohim_pass_bounds },

    { ngx_string("elohim_fill_connections"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_elohim_set_fills,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("elohim_fill_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_elohim_main_conf_t, fill_timeout),
      NULL },

    { ngx_string("elohim_read_ahead"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_elohim_loc_conf_t, read_ahead),
      &ngx_http_elohim_ahead_bounds },

    { ngx_string("elohim_warm"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_elohim_loc_conf_t, warm),
      NULL },

    { ngx_string("elohim_warm_segments"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_elohim_loc_conf_t, warm_segments),
      &ngx_http_elohim_segments_bounds },

    { ngx_string("elohim_max_headers"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_elohim_loc_conf_t, max_headers),
      &ngx_http_elohim_headers_bounds },

    { ngx_string("elohim_rate"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_elohim_set_rate,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("elohim_delivery_rate"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_elohim_set_delivery,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_elohim_module_ctx = {
    ngx_http_elohim_add_variables,         /* preconfiguration */
    ngx_http_elohim_postconfiguration,     /* postconfiguration */

    ngx_http_elohim_create_main_conf,      /* create main configuration */
    ngx_http_elohim_init_main_conf,        /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_elohim_create_loc_conf,       /* create location configuration */
    ngx_http_elohim_merge_loc_conf         /* merge location configuration */
};


ngx_module_t  ngx_http_elohim_module = {
    NGX_MODULE_V1,
    &ngx_http_elohim_module_ctx,           /* module context */
    ngx_http_elohim_commands,              /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_elohim_init_module,           /* init module */
    ngx_http_elohim_init_process,          /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_elohim_exit_process,          /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};

/* clang-format on */
