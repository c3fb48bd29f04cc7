/* SPDX-License-Identifier: BSD-2-Clause */
/* ahead: a descriptor that no request needs yet: from the zone, else from the daemon, and
   into the zone, as content.c has it for requests. What is narrow isn't taken in before
   its time, nor what is deprecated. */

#include "ngx_http_elohim_warm.h"

#include "common/base/rd.h"


/* Fills in a->klass. */

static ngx_uint_t
ngx_http_elohim_ahead_may(ngx_http_elohim_ahead_t *a, const u_char *p,
    size_t len)
{
    uint8_t           reach, flags;
    const uint8_t    *q, *end;
    elo_wire_head_t   head;

    end = p + len;
    q = elo_rd_skip(p, end, ELO_WIRE_HEADER_LEN + NGX_HTTP_ELOHIM_HEAD_REACH);
    q = elo_rd_u8(q, end, &reach);
    q = elo_rd_u8(q, end, &flags);

    if (q == NULL || reach > ELO_REACH_COMMONS) {
        return 0;
    }

    head.flags = flags;
    a->klass = elo_cache_class((elo_reach_t) reach);

    return a->klass != ELO_CACHE_PRIVATE
           && elo_wire_life(&head) < ELO_WIRE_DEPRECATED;
}


static void
ngx_http_elohim_ahead_heard(ngx_http_elohim_listener_t *l, ngx_uint_t status,
    const ngx_http_elohim_stamp_t *stamp, const ngx_str_t *body)
{
    const uint8_t                *p, *end;
    ngx_http_elohim_ahead_t      *a;
    ngx_http_elohim_main_conf_t  *emcf;

    a = (ngx_http_elohim_ahead_t *) l;
    a->msg.len = 0;

    if (status != NGX_HTTP_OK || stamp == NULL
        || !ngx_http_elohim_ahead_may(a, body->data, body->len))
    {
        a->handler(a);
        return;
    }

    a->stamp = *stamp;
    end = body->data + body->len;
    p = elo_rd_skip(body->data, end, ELO_WIRE_HEADER_LEN);
    p = elo_rd_be64(p, end, &a->stamp.generation);
    p = elo_rd_be32(p, end, &a->stamp.slot);

    if (p == NULL
        || !ngx_http_elohim_gen_valid(a->elcf->store, &a->stamp,
                                      ngx_cycle->log))
    {
        a->handler(a);
        return;
    }

    emcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                               ngx_http_elohim_module);

    ngx_http_elohim_shm_put(emcf->zone, &a->key, a->klass, body, &a->stamp,
                            emcf->cache.ttl[NGX_HTTP_ELOHIM_TTL_CONTENT]
                            + (a->klass == ELO_CACHE_COMMONS
                               ? emcf->cache.stale[NGX_HTTP_ELOHIM_WHILE_AWAY]
                               : 0)); /* as content.c */

    a->msg.data = ngx_pnalloc(a->pool, body->len);

    if (a->msg.data) {
        ngx_memcpy(a->msg.data, body->data, body->len);
        a->msg.len = body->len;
    }

    a->handler(a);
}


ngx_int_t
ngx_http_elohim_ahead(ngx_http_elohim_ahead_t *a, const elo_route_t *route)
{
    u_char                        path_buf[NGX_HTTP_ELOHIM_PATH_MAX];
    ngx_str_t                     path;
    ngx_http_elohim_ctx_t         ctx;
    ngx_http_elohim_main_conf_t  *emcf;

    emcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                               ngx_http_elohim_module);

    ngx_memzero(&ctx, offsetof(ngx_http_elohim_ctx_t, buf));
    ctx.route = *route;
    a->msg.len = 0;
    a->listener.handler = ngx_http_elohim_ahead_heard;
    a->listener.plain = 0;

    if (ngx_http_elohim_make_key(a->elcf->ns, &ctx,
                                 ngx_http_elohim_wire_type(route->kind),
                                 &a->key, &path, path_buf)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (ngx_http_elohim_shm_get(emcf->zone, &a->key, a->elcf->store, a->pool,
                                NULL, 0, &a->msg, &a->stamp)
        == NGX_OK)
    {
        if (ngx_http_elohim_ahead_may(a, a->msg.data, a->msg.len)) {
            return NGX_OK;
        }

        a->msg.len = 0;
        return NGX_DECLINED;
    }

    switch (ngx_http_elohim_listen(a->elcf->backend, a->elcf->store, &path,
                                   a->elcf->ask_timeout, &a->listener))
    {
    case NGX_AGAIN:
        return NGX_AGAIN;
    case NGX_BUSY:
        return NGX_BUSY;
    default:
        return NGX_DECLINED;
    }
}
