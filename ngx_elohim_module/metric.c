/* SPDX-License-Identifier: BSD-2-Clause */
/* metric: counts of requests and of what is done for them. Each process slot of nginx
   has a block that only the process in it writes; who takes the slot next goes on
   with it. So nothing is lost by a reload, or when a worker dies. */

#include "ngx_http_elohim_module.h"

#include <time.h>


#define NGX_HTTP_ELOHIM_METRIC_NTH    16 /* one hit of so many is timed */
#define NGX_HTTP_ELOHIM_US            1000000
#define NGX_HTTP_ELOHIM_US_NS         1000


typedef struct {
    ngx_atomic_t   n; /* process slots that were ever used */
    elo_metrics_t  block[NGX_MAX_PROCESSES];
} ngx_http_elohim_blocks_t;


/* before there is a zone, and where there is none */
static elo_metrics_t  ngx_http_elohim_metrics_own;

elo_metrics_t  *ngx_http_elohim_metrics = &ngx_http_elohim_metrics_own;

static ngx_uint_t      ngx_http_elohim_metric_n; /* requests that began */


uint64_t
ngx_http_elohim_us(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * NGX_HTTP_ELOHIM_US
           + ts.tv_nsec / NGX_HTTP_ELOHIM_US_NS;
}


void
ngx_http_elohim_observe(ngx_uint_t slot, uint64_t since)
{
    elo_metrics_observe(ngx_http_elohim_metrics, slot,
                        ngx_http_elohim_us() - since);
}


static ngx_int_t
ngx_http_elohim_metric_init(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t            *shpool;
    ngx_http_elohim_blocks_t   *t;

    shpool = (ngx_slab_pool_t *) zone->shm.addr;
    zone->data = shpool;

    if (data != NULL || zone->shm.exists) {
        /* a reload: it goes on */
        return NGX_OK;
    }

    /* whole pages of a new zone are all zeroes, and those that nobody counts in are
       never touched */

    t = ngx_slab_alloc(shpool, sizeof(ngx_http_elohim_blocks_t));
    if (t == NULL) {
        return NGX_ERROR;
    }

#if (NGX_DEBUG_MALLOC)
    ngx_memzero(t, sizeof(ngx_http_elohim_blocks_t));
#endif

    shpool->data = t;

    return NGX_OK;
}


/* Another table is another zone. */

ngx_int_t
ngx_http_elohim_add_metric_zone(ngx_conf_t *cf,
    ngx_http_elohim_main_conf_t *emcf)
{
    ngx_str_t  name;

    name.data = ngx_pnalloc(cf->pool,
                            sizeof("elohim_metrics/") + NGX_INT_T_LEN);
    if (name.data == NULL) {
        return NGX_ERROR;
    }

    name.len = ngx_sprintf(name.data, "elohim_metrics/%d", (int) ELO_M_SLOTS)
               - name.data;

    return ngx_http_elohim_add_table(
        cf, &name, sizeof(ngx_http_elohim_blocks_t),
        ngx_http_elohim_metric_init, &emcf->metrics);
}


void
ngx_http_elohim_metric_start(ngx_http_elohim_main_conf_t *emcf)
{
    ngx_atomic_uint_t          n, mine;
    ngx_slab_pool_t           *shpool;
    ngx_http_elohim_blocks_t  *t;

    if (emcf->metrics == NULL || ngx_process_slot < 0
        || ngx_process_slot >= NGX_MAX_PROCESSES)
    {
        return;
    }

    shpool = emcf->metrics->data;
    t = shpool->data;
    mine = ngx_process_slot + 1;

    do {
        n = t->n;
    } while (n < mine && !ngx_atomic_cmp_set(&t->n, n, mine));

    ngx_http_elohim_metrics = &t->block[ngx_process_slot];
}


void
ngx_http_elohim_metric_sum(ngx_http_elohim_main_conf_t *emcf,
    elo_metrics_t *out)
{
    ngx_uint_t                 i;
    ngx_slab_pool_t           *shpool;
    ngx_http_elohim_blocks_t  *t;

    shpool = emcf->metrics->data;
    t = shpool->data;

    for (i = 0; i < t->n; i++) {
        elo_metrics_sum(out, &t->block[i]);
    }
}


/* ---- of a request ---- */

/* A clock costs a hit more than all else here. */

void
ngx_http_elohim_metric_begin(ngx_http_elohim_ctx_t *ctx)
{
    if (ngx_http_elohim_metric_n++ % NGX_HTTP_ELOHIM_METRIC_NTH == 0) {
        ctx->began = ngx_http_elohim_us();
    }
}


void
ngx_http_elohim_metric_asks(ngx_http_elohim_ctx_t *ctx)
{
    if (ctx->began_asking == 0) {
        ctx->began_asking = ngx_http_elohim_us();
    }
}


void
ngx_http_elohim_metric_header(ngx_http_elohim_ctx_t *ctx)
{
    if (ctx->began_asking) {
        ngx_http_elohim_observe(ELO_M_MISS_SECONDS, ctx->began_asking);

    } else if (ctx->began && ctx->cache == NGX_HTTP_ELOHIM_HIT) {
        ngx_http_elohim_observe(ELO_M_HIT_SECONDS, ctx->began);
    }

    ctx->began = 0;
}


static ngx_uint_t
ngx_http_elohim_metric_status(const ngx_http_elohim_ctx_t *ctx)
{
    static const u_char  status[] = {
        ELO_BY_STATUS_NONE,
        ELO_BY_STATUS_HIT,
        ELO_BY_STATUS_MISS,
        ELO_BY_STATUS_MISS,
        ELO_BY_STATUS_EXPIRED,
        ELO_BY_STATUS_STALE,
        ELO_BY_STATUS_UPDATING,
        ELO_BY_STATUS_REVALIDATED,
        ELO_BY_STATUS_BYPASS
    };

    return status[ctx->cache];
}


ngx_int_t
ngx_http_elohim_metric_request(ngx_http_request_t *r)
{
    off_t                   sent;
    ngx_uint_t              code, klass;
    ngx_http_elohim_ctx_t  *ctx;

    if (r != r->main) {
        return NGX_OK;
    }

    ctx = ngx_http_elohim_logged(r);
    if (ctx == NULL) {
        return NGX_OK;
    }

    klass = ctx->decision == NGX_HTTP_ELOHIM_UNDECIDED
            ? (ngx_uint_t) ELO_BY_CLASS_NONE
            : (ngx_uint_t) elo_cache_class(ctx->reach);

    ngx_http_elohim_count(elo_metric_at(REQUESTS,
                                        ngx_http_elohim_metric_status(ctx),
                                        CLASS, klass), 1);

    code = r->err_status ? r->err_status : r->headers_out.status;
    ngx_http_elohim_count(ELO_M_RESPONSES + (code >= 100 && code < 600
                                             ? code / 100
                                             : (ngx_uint_t) ELO_BY_CODE_OTHER),
                          1);

    sent = r->connection->sent - (off_t) r->header_size;

    if (sent > 0) {
        ngx_http_elohim_count(ELO_M_SENT_BYTES + ctx->tier, sent);
    }

    if (ctx->decision == NGX_HTTP_ELOHIM_DENY) {
        ngx_http_elohim_count(ELO_M_DENIED, 1);
    }

    if (code == NGX_HTTP_TOO_MANY_REQUESTS) {
        ngx_http_elohim_count(ELO_M_LIMITED, 1);

    } else if (code == NGX_HTTP_SERVICE_UNAVAILABLE) {
        ngx_http_elohim_count(ELO_M_UNAVAILABLE, 1);
    }

    return NGX_OK;
}
