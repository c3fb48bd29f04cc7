/* SPDX-License-Identifier: BSD-2-Clause */
/* ngx_http_elohim_metric: what the edge counts: each process in a block of its own, in
   shared memory that outlives a reload. Table: common/base/metrics.def. */
#ifndef NGX_HTTP_ELOHIM_METRIC_H
#define NGX_HTTP_ELOHIM_METRIC_H

#include "ngx_http_elohim_request.h"

#include "common/base/metrics.h"

struct ngx_http_elohim_main_conf_s;

/* This process's block; never NULL. */
extern elo_metrics_t *ngx_http_elohim_metrics;

static ngx_inline void
ngx_http_elohim_count(ngx_uint_t slot, uint64_t n)
{
    elo_metrics_add(ngx_http_elohim_metrics, slot, n);
}


/* metric: microseconds of a clock that only goes on. */
uint64_t ngx_http_elohim_us(void);
void ngx_http_elohim_observe(ngx_uint_t slot, uint64_t since_us);
ngx_int_t ngx_http_elohim_add_metric_zone(ngx_conf_t *cf,
    struct ngx_http_elohim_main_conf_s *emcf);
void ngx_http_elohim_metric_start(struct ngx_http_elohim_main_conf_s *emcf);
/* The sum over all processes. */
void ngx_http_elohim_metric_sum(struct ngx_http_elohim_main_conf_s *emcf,
    elo_metrics_t *out);

/* A request begins; something is asked for it; its header is about to be sent. */
void ngx_http_elohim_metric_begin(ngx_http_elohim_ctx_t *ctx);
void ngx_http_elohim_metric_asks(ngx_http_elohim_ctx_t *ctx);
void ngx_http_elohim_metric_header(ngx_http_elohim_ctx_t *ctx);
/* Log phase. */
ngx_int_t ngx_http_elohim_metric_request(ngx_http_request_t *r);

/* gen: microseconds since the last beat. NO_BEAT: there is no page to go by. */
#define NGX_HTTP_ELOHIM_NO_BEAT UINT64_MAX
uint64_t ngx_http_elohim_gen_age(ngx_http_elohim_store_t *store,
    ngx_log_t *log);

/* status: elohim_cache_status */
char *ngx_http_elohim_set_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

#endif
