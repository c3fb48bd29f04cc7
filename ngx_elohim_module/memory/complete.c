/* SPDX-License-Identifier: BSD-2-Clause */
/* complete: whole bodies of small blobs in shared memory, so that a hit opens no file
   and leaves in one write. They are found by digest and class and say nothing of who
   may read them: that is the descriptor's business, which each request has been
   allowed by before it comes here, so that what is narrowed or removed stops with
   its descriptor. A body has the stamp of the descriptor that it was read by,
   and goes with it.

   Bytes are read from the granted file for the second request on, and only from the
   page cache: what isn't there is sent, and thus read, as any file is. What is
   narrow doesn't come here. */

#include "ngx_http_elohim_module.h"


#define NGX_HTTP_ELOHIM_BODY_TYPE  'B' /* in a key, as a descriptor's type */


/* Is it one that is kept here? */

static ngx_uint_t
ngx_http_elohim_is_small(const ngx_http_elohim_ctx_t *ctx,
    const ngx_http_elohim_zone_t *zn, const ngx_http_elohim_body_t *body)
{
    return body->whole && body->size != 0 && body->size <= zn->max_body
           && elo_cache_class(ctx->reach) != ELO_CACHE_PRIVATE;
}


static void
ngx_http_elohim_body_key(const u_char *ns, elo_cache_class_t klass,
    const ngx_http_elohim_zone_t *zn, const elo_digest_t *digest,
    elo_cache_key_t *out)
{
    u_char                 *p;
    ngx_http_elohim_key_t   key;

    p = key.data;
    *p++ = NGX_HTTP_ELOHIM_BODY_TYPE;
    p = ngx_cpymem(p, ns, NGX_HTTP_ELOHIM_NS_LEN);
    *p++ = (u_char) klass;
    p = ngx_cpymem(p, digest->b, sizeof(digest->b));
    key.len = p - key.data;

    ngx_http_elohim_zone_key(zn, &key, out);
}


static ngx_inline void
ngx_http_elohim_body_of(const ngx_http_elohim_body_t *body, const u_char *p,
    ngx_http_elohim_body_t *out)
{
    *out = *body;
    out->prefix = elo_slice(p, body->size);
    out->name.len = 0;
}


ngx_int_t
ngx_http_elohim_complete_get(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    const ngx_http_elohim_body_t *body, ngx_http_elohim_body_t *out)
{
    u_char                       *p;
    uint32_t                      seq;
    elo_shelf_t                  *s;
    elo_cache_key_t               key;
    elo_shelf_hit_t               hit;
    elo_cache_class_t             klass;
    ngx_http_elohim_zone_t       *zn;
    ngx_http_elohim_loc_conf_t   *elcf;
    ngx_http_elohim_main_conf_t  *emcf;

    emcf = ngx_http_get_module_main_conf(r, ngx_http_elohim_module);
    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);
    zn = emcf->zone->data;

    if (!ngx_http_elohim_is_small(ctx, zn, body)
        || !elo_zone_enter(zn->z, &seq))
    {
        return NGX_DECLINED;
    }

    s = zn->shelf[NGX_HTTP_ELOHIM_COMPLETE];
    klass = elo_cache_class(ctx->reach);
    ngx_http_elohim_body_key(elcf->ns, klass, zn, body->digest, &key);

    if (elo_shelf_find(s, &key, ngx_http_elohim_zone_now(), &hit)
        && hit.len == body->size)
    {
        p = ngx_pnalloc(r->pool, hit.len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (elo_shelf_read(s, &hit, 0, p, hit.len)
            && elo_zone_is_same(zn->z, seq))
        {
            elo_shelf_count_hit(s, &key, &hit);
            ngx_http_elohim_body_of(body, p, out);
            ctx->tier = ELO_BY_SOURCE_COMPLETE;
            return NGX_OK;
        }
    }

    elo_shelf_count_miss(s, &key, klass);

    return NGX_DECLINED;
}


/* All of them, if they can be had without waiting for a disk. */

static ngx_uint_t
ngx_http_elohim_read_now(ngx_fd_t fd, u_char *p, size_t len, off_t offset)
{
    ssize_t       n;
    struct iovec  iov;

    iov.iov_base = p;
    iov.iov_len = len;

    n = preadv2(fd, &iov, 1, offset, RWF_NOWAIT);

    if (n == -1 && (ngx_errno == EOPNOTSUPP || ngx_errno == ENOSYS)) {

        /* a file system that can't tell: it is short, and was just sent */

        n = pread(fd, p, len, offset);
    }

    return n == (ssize_t) len;
}


ngx_uint_t
ngx_http_elohim_complete_has(ngx_http_elohim_main_conf_t *emcf,
    const u_char *ns, elo_cache_class_t klass, const elo_digest_t *digest)
{
    uint32_t                 seq;
    elo_cache_key_t          key;
    elo_shelf_hit_t          hit;
    ngx_http_elohim_zone_t  *zn;

    zn = emcf->zone->data;
    ngx_http_elohim_body_key(ns, klass, zn, digest, &key);

    return elo_zone_enter(zn->z, &seq)
           && elo_shelf_find(zn->shelf[NGX_HTTP_ELOHIM_COMPLETE], &key,
                             ngx_http_elohim_zone_now(), &hit)
           && elo_zone_is_same(zn->z, seq);
}


void
ngx_http_elohim_complete_put(ngx_http_elohim_main_conf_t *emcf,
    const u_char *ns, elo_cache_class_t klass, const elo_digest_t *digest,
    const ngx_http_elohim_stamp_t *stamp, elo_slice_t bytes)
{
    elo_cache_key_t          key;
    elo_shelf_stamp_t        st;
    ngx_http_elohim_zone_t  *zn;

    zn = emcf->zone->data;
    ngx_http_elohim_body_key(ns, klass, zn, digest, &key);
    ngx_http_elohim_stamp_put(stamp, &st);

    if (ngx_http_elohim_zone_lock(zn) == NGX_OK) {
        elo_ignore(elo_shelf_put(
            zn->shelf[NGX_HTTP_ELOHIM_COMPLETE], &key, klass, &st, bytes,
            ngx_http_elohim_zone_now()
            + (uint32_t) emcf->cache.ttl[NGX_HTTP_ELOHIM_TTL_CONTENT]));
        /* what isn't admitted is read again */

        ngx_http_elohim_zone_unlock(zn);
    }
}


ngx_int_t
ngx_http_elohim_complete_fill(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const ngx_http_elohim_body_t *body,
    const ngx_file_t *file, ngx_http_elohim_body_t *out)
{
    u_char                       *p;
    ngx_http_elohim_zone_t       *zn;
    ngx_http_elohim_loc_conf_t   *elcf;
    ngx_http_elohim_main_conf_t  *emcf;

    emcf = ngx_http_get_module_main_conf(r, ngx_http_elohim_module);
    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);
    zn = emcf->zone->data;

    if (ctx->cache != NGX_HTTP_ELOHIM_HIT || file->directio
        || !ngx_http_elohim_is_small(ctx, zn, body))
    {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(r->pool, body->size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (!ngx_http_elohim_read_now(file->fd, p, body->size,
                                  body->extent.offset)
        || !ngx_http_elohim_gen_valid(elcf->store, &ctx->basis,
                                      r->connection->log))
    {
        return NGX_DECLINED;
    }

    ngx_http_elohim_complete_put(emcf, elcf->ns, elo_cache_class(ctx->reach),
                                 body->digest, &ctx->basis,
                                 elo_slice(p, body->size));

    ngx_http_elohim_body_of(body, p, out);

    return NGX_OK;
}
