/* SPDX-License-Identifier: BSD-2-Clause */
/* rate: how often one client may have the daemon verify what it alone can: logins,
   and credentials that it is asked about. By address, for all workers together, in
   a zone of its own (common/cache/rate.h); IPv6 by its first 64 bits, since those
   behind them are one client's to choose. Spec: RFC 6585, 4; RFC 4291, 2.5.4. */

#include "ngx_http_elohim_module.h"

#include "common/base/err.h"
#include "common/cache/rate.h"


#define NGX_HTTP_ELOHIM_RATE_SETS   4096    /* 32,768 addresses, 256 KiB */
#define NGX_HTTP_ELOHIM_RATE_IPV6   8       /* bytes of an address that count */
#define NGX_HTTP_ELOHIM_LOGIN_BURST 10      /* seconds' logins at once */
#define NGX_HTTP_ELOHIM_SECOND      1000000 /* us */


static ngx_int_t
ngx_http_elohim_rate_init(ngx_shm_zone_t *zone, void *data)
{
    u_char            *p;
    uint8_t            key[ELO_SHORTHASH_KEY_LEN];
    elo_rate_t        *t;
    ngx_slab_pool_t   *shpool;

    if (data != NULL) {
        /* a reload: who is over his rate stays so */
        zone->data = data;
        return NGX_OK;
    }

    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (zone->shm.exists) {
        zone->data = shpool->data;
        return NGX_OK;
    }

    p = ngx_slab_alloc(shpool, elo_rate_size(NGX_HTTP_ELOHIM_RATE_SETS)
                               + ngx_cacheline_size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    t = (elo_rate_t *) ngx_align_ptr(p, 64);

    if (elo_keys_init() != ELO_OK) {
        return NGX_ERROR;
    }

    elo_keys_random(key, sizeof(key));
    elo_rate_init(t, NGX_HTTP_ELOHIM_RATE_SETS, key);

    shpool->data = t;
    zone->data = t;

    return NGX_OK;
}


ngx_int_t
ngx_http_elohim_add_rate_zone(ngx_conf_t *cf,
    ngx_http_elohim_main_conf_t *emcf)
{
    ngx_str_t  name = ngx_string("elohim_rates");

    return ngx_http_elohim_add_table(
        cf, &name, elo_rate_size(NGX_HTTP_ELOHIM_RATE_SETS) + ngx_cacheline_size,
        ngx_http_elohim_rate_init, &emcf->rates);
}


/* What one client's addresses have in common; at least one byte. */

size_t
ngx_http_elohim_rate_name(ngx_http_request_t *r, u_char *p)
{
    elo_slice_t  addr;

    addr = ngx_http_elohim_client(r);

#if (NGX_HAVE_INET6)
    if (addr.len == sizeof(struct in6_addr)) {

        if (!IN6_IS_ADDR_V4MAPPED((const struct in6_addr *) addr.p)) {
            *p++ = '6';
            ngx_memcpy(p, addr.p, NGX_HTTP_ELOHIM_RATE_IPV6);
            return 1 + NGX_HTTP_ELOHIM_RATE_IPV6;
        }

        addr = elo_slice(addr.p + 12, 4);
    }
#endif

    if (addr.len == 0) {
        *p = 'u';
        return 1;
    }

    *p++ = '4';
    ngx_memcpy(p, addr.p, 4);
    return 1 + 4;
}


/* kind keeps the buckets of one address apart. Seconds to wait, or 0: it may. */

static ngx_uint_t
ngx_http_elohim_rate_wait(ngx_http_request_t *r, u_char kind,
    const elo_rate_limit_t *limit)
{
    u_char                        name[2 + 16];
    size_t                        len;
    uint64_t                      wait;
    ngx_http_elohim_main_conf_t  *emcf;

    emcf = ngx_http_get_module_main_conf(r, ngx_http_elohim_module);

    name[0] = kind;
    len = 1 + ngx_http_elohim_rate_name(r, name + 1);

    if (elo_rate_take(emcf->rates->data, elo_slice(name, len), limit,
                      (uint64_t) ngx_current_msec * 1000, &wait))
    {
        return 0;
    }

    return wait / NGX_HTTP_ELOHIM_SECOND + 1;
}


/* The Doorway's own answer to too many. */

ngx_int_t
ngx_http_elohim_limited(ngx_http_request_t *r)
{
    return ngx_http_elohim_too_often(r, 1);
}


ngx_int_t
ngx_http_elohim_too_often(ngx_http_request_t *r, ngx_uint_t wait)
{
    return ngx_http_elohim_wait_for(r, wait, elo_err_public(ELO_ERATE));
}


ngx_int_t
ngx_http_elohim_wait_for(ngx_http_request_t *r, ngx_uint_t wait,
    const char *detail)
{
    u_char     buf[NGX_INT_T_LEN];
    ngx_str_t  value, key = ngx_string("Retry-After");

    value.len = ngx_sprintf(buf, "%ui", wait) - buf;
    value.data = ngx_pnalloc(r->pool, value.len);
    if (value.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(value.data, buf, value.len);

    if (ngx_http_elohim_header(r, &key, &value) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_elohim_problem(r, elo_err_status(ELO_ERATE),
                                   elo_err_code(ELO_ERATE), detail);
}


/* Logins need no token: of all that is passed on, they alone are anybody's. */

ngx_uint_t
ngx_http_elohim_login_wait(ngx_http_request_t *r)
{
    elo_rate_limit_t             limit;
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    if (elcf->login_rate == 0) {
        return 0;
    }

    limit.each_us = ngx_max(NGX_HTTP_ELOHIM_SECOND / elcf->login_rate, 1);
    limit.burst_us = NGX_HTTP_ELOHIM_LOGIN_BURST * NGX_HTTP_ELOHIM_SECOND;

    return ngx_http_elohim_rate_wait(r, 'l', &limit);
}


/* A bucket of one second's questions, as ngx_http_limit_req_module counts: of a
   worker, for all of its clients. */

static ngx_uint_t
ngx_http_elohim_spend_total(ngx_http_elohim_backend_t *b, ngx_uint_t rate)
{
    ngx_uint_t  drained;
    ngx_msec_t  gone;

    gone = ngx_min(ngx_current_msec - b->rate_last, 1000);
    drained = gone * rate;
    b->rate_last = ngx_current_msec;
    b->rate_excess -= ngx_min(b->rate_excess, drained);

    if (b->rate_excess + 1000 > rate * 1000) {
        return 0;
    }

    b->rate_excess += 1000;

    return 1;
}


/* The client's own rate first: who is beyond it spends nothing of the others'. */

ngx_uint_t
ngx_http_elohim_spend(ngx_http_request_t *r)
{
    elo_rate_limit_t             limit;
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    limit.each_us = ngx_max(NGX_HTTP_ELOHIM_SECOND / elcf->auth_rate, 1);
    limit.burst_us = NGX_HTTP_ELOHIM_SECOND;

    return ngx_http_elohim_rate_wait(r, 'a', &limit) == 0
           && ngx_http_elohim_spend_total(elcf->backend, elcf->auth_total);
}
