/* SPDX-License-Identifier: BSD-2-Clause */
/* unknown: what there isn't for who has said nothing of himself, for a second: who asks
   for it again costs the daemon no question. What he may not see is remembered in the
   same way as what doesn't exist, after the same question, so that neither the time
   nor an absent daemon tells them apart (I1). An entry stands on the slot that
   whatever makes the content changes: nothing that is new is hidden by it. It is of
   the narrowest class, and drives out nothing wider. */

#include "ngx_http_elohim_module.h"


#define NGX_HTTP_ELOHIM_UNKNOWN  0x80 /* in the type of the descriptor's key */


/* What is remembered, which is for the log alone: three bytes. */
enum {
    NGX_HTTP_ELOHIM_IS_DENIED = 0,
    NGX_HTTP_ELOHIM_OF_REACH,
    NGX_HTTP_ELOHIM_BY_RULE,
    NGX_HTTP_ELOHIM_UNKNOWN_LEN
};


/* Of him alone of whom nothing is known, and who bounds himself by nothing: to all such
   the answer is the same. Segments are asked for by who has seen a playlist. */

static ngx_uint_t
ngx_http_elohim_is_nobody(ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx)
{
    u_char                       type;
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);
    type = ngx_http_elohim_wire_type(ctx->route.kind);

    return ctx->session.who == NGX_HTTP_ELOHIM_ANONYMOUS
           && ctx->session.from == NGX_HTTP_ELOHIM_FROM_NONE
           && ctx->ceiling == ELO_REACH_COMMONS
           && !elcf->writes && elcf->denied == NGX_HTTP_NOT_FOUND
           && (type == ELO_WIRE_GRANT || type == ELO_WIRE_MEDIA)
           && ngx_http_elohim_ttl(r, NGX_HTTP_ELOHIM_TTL_UNKNOWN) != 0;
}


/* The descriptor's own, of another type. */

static void
ngx_http_elohim_unknown_key(const ngx_http_elohim_ctx_t *ctx,
    ngx_http_elohim_key_t *key)
{
    key->len = ctx->key.len;
    ngx_memcpy(key->data, ctx->key.data, ctx->key.len);
    key->data[0] |= NGX_HTTP_ELOHIM_UNKNOWN;
}


ngx_uint_t
ngx_http_elohim_unknown_get(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    u_char                        buf[NGX_HTTP_ELOHIM_UNKNOWN_LEN];
    ngx_str_t                     msg;
    ngx_http_elohim_key_t         key;
    ngx_http_elohim_stamp_t       stamp;
    ngx_http_elohim_loc_conf_t   *elcf;
    ngx_http_elohim_main_conf_t  *emcf;

    if (!ngx_http_elohim_is_nobody(r, ctx) || !ngx_http_elohim_is_current(r)) {
        return 0;
    }

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);
    emcf = ngx_http_get_module_main_conf(r, ngx_http_elohim_module);

    ngx_http_elohim_unknown_key(ctx, &key);

    if (ngx_http_elohim_shm_get(emcf->zone, &key, elcf->store, r->pool, buf,
                                sizeof(buf), &msg, &stamp)
        != NGX_OK)
    {
        return 0;
    }

    if (msg.len == NGX_HTTP_ELOHIM_UNKNOWN_LEN
        && msg.data[NGX_HTTP_ELOHIM_IS_DENIED])
    {
        ctx->decision = NGX_HTTP_ELOHIM_DENY;
        ctx->reach = msg.data[NGX_HTTP_ELOHIM_OF_REACH];
        ctx->rule = msg.data[NGX_HTTP_ELOHIM_BY_RULE];
    }

    return 1;
}


/* Before a question: on what its answer will stand if it is that there is nothing. */

void
ngx_http_elohim_unknown_stamp(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx)
{
    elo_slice_t                  id;
    ngx_http_elohim_loc_conf_t  *elcf;

    if (!ctx->mapped) {
        return;
    }

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    id = ctx->by_hash ? elo_slice(ctx->digest.b, sizeof(ctx->digest.b))
                      : ctx->route.id;

    ctx->stamp.slot = elo_gen_slot(id);
    ctx->stamp.generation = elo_gen_load(elcf->store->page, ctx->stamp.slot);
}


/* An answer has come, by which there is nothing for him. */

void
ngx_http_elohim_unknown_put(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    u_char                        buf[NGX_HTTP_ELOHIM_UNKNOWN_LEN];
    ngx_str_t                     msg;
    ngx_http_elohim_key_t         key;
    ngx_http_elohim_loc_conf_t   *elcf;
    ngx_http_elohim_main_conf_t  *emcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    if (!ctx->keep || !ctx->mapped || !ngx_http_elohim_is_nobody(r, ctx)
        || !ngx_http_elohim_gen_valid(elcf->store, &ctx->stamp,
                                      r->connection->log))
    {
        return;
    }

    emcf = ngx_http_get_module_main_conf(r, ngx_http_elohim_module);

    buf[NGX_HTTP_ELOHIM_IS_DENIED] = ctx->decision == NGX_HTTP_ELOHIM_DENY;
    buf[NGX_HTTP_ELOHIM_OF_REACH] = (u_char) ctx->reach;
    buf[NGX_HTTP_ELOHIM_BY_RULE] = (u_char) ctx->rule;
    msg.data = buf;
    msg.len = sizeof(buf);

    ngx_http_elohim_unknown_key(ctx, &key);
    ngx_http_elohim_shm_put(emcf->zone, &key,
                            elo_cache_class(ELO_REACH_PRIVATE), &msg,
                            &ctx->stamp,
                            ngx_http_elohim_ttl(r,
                                               NGX_HTTP_ELOHIM_TTL_UNKNOWN));
}
