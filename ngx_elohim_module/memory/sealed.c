/* SPDX-License-Identifier: BSD-2-Clause */
/* sealed: small bodies that are encrypted at rest, as the daemon has decrypted them for
   an agent: kept in shared memory for him alone, as long as decisions about him are
   at most, and zeroed when they go. They lie behind the gate, which each request has
   passed before it comes here.

   A use that the daemon writes down (a grant, an emergency, the operator's) isn't
   answered from here, nor kept: it is to be asked each time. */

#include "ngx_http_elohim_module.h"


#define NGX_HTTP_ELOHIM_SEALED_TYPE  'S' /* in a key, as a descriptor's type */


struct ngx_http_elohim_copy_s {
    elo_shelf_stamp_t  stamp;
    size_t             size;
    size_t             len; /* so far */
    u_char             data[];
};


static ngx_uint_t
ngx_http_elohim_is_his_own(ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx, uint64_t size)
{
    ngx_http_elohim_zone_t       *zn;
    ngx_http_elohim_main_conf_t  *emcf;

    emcf = ngx_http_get_module_main_conf(r, ngx_http_elohim_module);
    zn = emcf->zone->data;

    if (size == 0 || size > zn->max_body || !ngx_http_elohim_is_agent(ctx)
        || elo_cache_class(ctx->reach) != ELO_CACHE_PRIVATE)
    {
        return 0;
    }

    switch (ctx->rule) {
    case ELO_RULE_OWNER:
    case ELO_RULE_INVITED:
    case ELO_RULE_HOUSEHOLD:
    case ELO_RULE_FAMILY:
        return 1;

    default:
        return 0;
    }
}


static void
ngx_http_elohim_sealed_key(ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx, const ngx_http_elohim_zone_t *zn,
    elo_cache_key_t *out)
{
    u_char                 *p;
    ngx_http_elohim_key_t   key;

    p = ngx_http_elohim_auth_key(r, NGX_HTTP_ELOHIM_SEALED_TYPE, &key);
    p = ngx_cpymem(p, ctx->session.agent.b, sizeof(ctx->session.agent.b));
    p = ngx_cpymem(p, ctx->digest.b, sizeof(ctx->digest.b));
    key.len = p - key.data;

    ngx_http_elohim_zone_key(zn, &key, out);
}


static void
ngx_http_elohim_copy_wipe(void *data)
{
    ngx_http_elohim_copy_t  *copy = data;

    elo_wipe(copy->data, copy->size);
}


/* Memory of the request that is zeroed with it. */

static ngx_http_elohim_copy_t *
ngx_http_elohim_copy_create(ngx_http_request_t *r, size_t size)
{
    ngx_pool_cleanup_t      *cln;
    ngx_http_elohim_copy_t  *copy;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_elohim_copy_t) + size);
    if (cln == NULL) {
        return NULL;
    }

    copy = cln->data;
    copy->size = size;
    copy->len = 0;
    cln->handler = ngx_http_elohim_copy_wipe;

    return copy;
}


ngx_int_t
ngx_http_elohim_sealed_get(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    uint64_t size, elo_slice_t *bytes)
{
    uint32_t                      seq;
    elo_shelf_t                  *s;
    elo_cache_key_t               key;
    elo_shelf_hit_t               hit;
    ngx_http_elohim_copy_t       *copy;
    ngx_http_elohim_zone_t       *zn;
    ngx_http_elohim_main_conf_t  *emcf;

    emcf = ngx_http_get_module_main_conf(r, ngx_http_elohim_module);
    zn = emcf->zone->data;

    if (!ngx_http_elohim_is_his_own(r, ctx, size)
        || !elo_zone_enter(zn->z, &seq))
    {
        return NGX_DECLINED;
    }

    s = zn->shelf[NGX_HTTP_ELOHIM_COMPLETE];
    ngx_http_elohim_sealed_key(r, ctx, zn, &key);

    if (elo_shelf_find(s, &key, ngx_http_elohim_zone_now(), &hit)
        && hit.len == size)
    {
        copy = ngx_http_elohim_copy_create(r, size);
        if (copy == NULL) {
            return NGX_ERROR;
        }

        if (elo_shelf_read(s, &hit, 0, copy->data, size)
            && elo_zone_is_same(zn->z, seq))
        {
            elo_shelf_count_hit(s, &key, &hit);
            *bytes = elo_slice(copy->data, size);
            ctx->tier = ELO_BY_SOURCE_COMPLETE;
            return NGX_OK;
        }
    }

    elo_shelf_count_miss(s, &key, ELO_CACHE_PRIVATE);

    return NGX_DECLINED;
}


/* The slot of the agent, before anything is decided by what he is. */

void
ngx_http_elohim_sealed_begin(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    ctx->basis.has_agent = 0;

    if (ngx_http_elohim_is_agent(ctx) && elcf->store->page != NULL) {
        ctx->basis.has_agent = 1;
        ctx->basis.agent_slot = elo_gen_slot(
            elo_slice(ctx->session.agent.b, sizeof(ctx->session.agent.b)));
        ctx->basis.agent_generation = elo_gen_load(elcf->store->page,
                                                   ctx->basis.agent_slot);
    }
}


/* Is what the daemon is about to send worth a copy? For the second request on. */

void
ngx_http_elohim_sealed_want(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    uint64_t size)
{
    ctx->copy = NULL;

    if (r == r->main && r->method == NGX_HTTP_GET
        && r->headers_in.range == NULL && ctx->cache == NGX_HTTP_ELOHIM_HIT
        && ctx->basis.has_agent && ngx_http_elohim_is_his_own(r, ctx, size))
    {
        ctx->copy = ngx_http_elohim_copy_create(r, size); /* NULL: not kept */
    }
}


ngx_uint_t
ngx_http_elohim_sealed_is_wanted(ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx)
{
    return ctx->copy != NULL
           && r->upstream->headers_in.status_n == NGX_HTTP_OK
           && r->upstream->headers_in.content_length_n
              == (off_t) ctx->copy->size;
}


static void
ngx_http_elohim_sealed_put(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    elo_cache_key_t               key;
    ngx_http_elohim_copy_t       *copy;
    ngx_http_elohim_zone_t       *zn;
    ngx_http_elohim_loc_conf_t   *elcf;
    ngx_http_elohim_main_conf_t  *emcf;

    emcf = ngx_http_get_module_main_conf(r, ngx_http_elohim_module);
    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);
    zn = emcf->zone->data;
    copy = ctx->copy;
    ctx->copy = NULL;

    if (!ngx_http_elohim_gen_current(elcf->store, r->connection->log)
        || !ngx_http_elohim_gen_valid(elcf->store, &ctx->basis,
                                      r->connection->log))
    {
        return;
    }

    ngx_http_elohim_sealed_key(r, ctx, zn, &key);
    ngx_http_elohim_stamp_put(&ctx->basis, &copy->stamp);

    if (ngx_http_elohim_zone_lock(zn) == NGX_OK) {
        elo_ignore(elo_shelf_put(
            zn->shelf[NGX_HTTP_ELOHIM_COMPLETE], &key, ELO_CACHE_PRIVATE,
            &copy->stamp, elo_slice(copy->data, copy->size),
            ngx_http_elohim_zone_now()
            + (uint32_t) emcf->cache.ttl[NGX_HTTP_ELOHIM_TTL_AGENT]));
        /* what isn't admitted is decrypted again */

        ngx_http_elohim_zone_unlock(zn);
    }
}


/* As ngx_http_upstream_non_buffered_filter, with a copy of what goes by. */

ngx_int_t
ngx_http_elohim_sealed_filter(void *data, ssize_t bytes)
{
    ngx_http_request_t *r = data;

    ngx_http_elohim_ctx_t   *ctx;
    ngx_http_elohim_copy_t  *copy;

    ctx = ngx_http_get_module_ctx(r, ngx_http_elohim_module);
    copy = ctx->copy;

    if (copy && bytes > 0) {

        if ((size_t) bytes > copy->size - copy->len) {
            ctx->copy = NULL; /* more than it was to be */

        } else {
            ngx_memcpy(copy->data + copy->len, r->upstream->buffer.last,
                       bytes);
            copy->len += bytes;

            if (copy->len == copy->size) {
                ngx_http_elohim_sealed_put(r, ctx);
            }
        }
    }

    return ngx_http_upstream_non_buffered_filter(data, bytes);
}
