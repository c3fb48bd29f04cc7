/* SPDX-License-Identifier: BSD-2-Clause */
/* ngx_http_elohim_guard: what one client may ask for and is sent: requests and bytes
   by address and by agent (traffic.c), how fast by the class of his connection
   (delivery.c). */
#ifndef NGX_HTTP_ELOHIM_GUARD_H
#define NGX_HTTP_ELOHIM_GUARD_H

#include "ngx_http_elohim_request.h"

#include "common/auth/delivery.h"

#define NGX_HTTP_ELOHIM_MAX_HEADERS 100 /* lines of a request's header */

typedef enum {
    NGX_HTTP_ELOHIM_BY_ADDRESS = 0,
    NGX_HTTP_ELOHIM_BY_AGENT,
    NGX_HTTP_ELOHIM_BY_N
} ngx_http_elohim_by_e;

typedef enum {
    NGX_HTTP_ELOHIM_REQUESTS = 0,
    NGX_HTTP_ELOHIM_BYTES,
    NGX_HTTP_ELOHIM_OF_N
} ngx_http_elohim_unit_e;

typedef struct {
    uint64_t rate;     /* of requests: us of each; of bytes: a second; 0: any */
    uint64_t burst_us; /* that much of it at once */
} ngx_http_elohim_rule_t;

typedef struct {
    ngx_http_elohim_rule_t rule[NGX_HTTP_ELOHIM_BY_N][NGX_HTTP_ELOHIM_OF_N];
} ngx_http_elohim_rules_t;

/* Bytes a second of each class; 0: any. */
typedef struct {
    size_t rate[ELO_CLASS_COUNT];
} ngx_http_elohim_speeds_t;

/* traffic: directive; what counts the bytes that are sent */
char *ngx_http_elohim_set_rate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
void ngx_http_elohim_add_traffic_filter(void);

/* May this client have one more request, and more bytes? NGX_OK, or ANSWERED: 429.
   Subrequests and internal redirects are no requests of their own. */
ngx_int_t ngx_http_elohim_admit(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, ngx_http_elohim_by_e by);

/* NGX_OK, or ANSWERED: 431. */
ngx_int_t ngx_http_elohim_check_headers(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);

/* unknown: is it known that there is nothing for this client? What is to be known
   before a question, and after its answer. */
ngx_uint_t ngx_http_elohim_unknown_get(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);
void ngx_http_elohim_unknown_stamp(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);
void ngx_http_elohim_unknown_put(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);

/* delivery: directive; what the client declares */
char *ngx_http_elohim_set_delivery(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
elo_class_t ngx_http_elohim_class(ngx_http_request_t *r);

/* Of content whose reading was allowed: how fast it goes out. NGX_OK, or ANSWERED: it
   is media that this client isn't sent. */
ngx_int_t ngx_http_elohim_deliver(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, ngx_uint_t is_media);

#endif
