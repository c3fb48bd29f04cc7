/* SPDX-License-Identifier: BSD-2-Clause */
/* lookup: descriptors of who asks (keys, sessions, access) from the zone, else by a
   question; as content.c has it for what is asked for. These hold as long as the
   slots of both do, that of the agent and, of an access, that of the content, and
   for a minute at most. Without a heartbeat none is good. */

#include "ngx_http_elohim_module.h"

#include "common/base/err.h"
#include "common/base/rd.h"


#define NGX_HTTP_ELOHIM_REPEATS  1 /* for an answer that was overtaken */


/* of: one of ngx_http_elohim_ttl_e */

time_t
ngx_http_elohim_ttl(ngx_http_request_t *r, ngx_uint_t of)
{
    ngx_http_elohim_main_conf_t  *emcf;

    emcf = ngx_http_get_module_main_conf(r, ngx_http_elohim_module);

    return emcf->cache.ttl[of];
}


/* The beginning of a key of this type; what the name is comes behind it. */

u_char *
ngx_http_elohim_auth_key(ngx_http_request_t *r, u_char type,
    ngx_http_elohim_key_t *key)
{
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);
    key->data[0] = type;

    return ngx_cpymem(key->data + 1, elcf->ns, NGX_HTTP_ELOHIM_NS_LEN);
}


/* Does the daemon's heart beat? What it has decided may be overtaken otherwise. */

ngx_uint_t
ngx_http_elohim_is_current(ngx_http_request_t *r)
{
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    return ngx_http_elohim_gen_current(elcf->store, r->connection->log);
}


ngx_int_t
ngx_http_elohim_recall(ngx_http_request_t *r, const ngx_http_elohim_key_t *key,
    u_char *buf, size_t len, ngx_str_t *msg, ngx_http_elohim_stamp_t *stamp)
{
    ngx_http_elohim_loc_conf_t   *elcf;
    ngx_http_elohim_main_conf_t  *emcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);
    emcf = ngx_http_get_module_main_conf(r, ngx_http_elohim_module);

    return ngx_http_elohim_shm_get(emcf->zone, key, elcf->store, r->pool, buf,
                                   len, msg, stamp)
           == NGX_OK ? NGX_OK : NGX_DECLINED;
}


/* The request waits: its handler returns, and the client may go away meanwhile.
   What comes of a body is left where it is. */

void
ngx_http_elohim_wait(ngx_http_request_t *r)
{
    if (!r->discard_body && !(r->method & NGX_HTTP_ELOHIM_WRITE)) {
        r->read_event_handler = ngx_http_test_reading;
    }

    r->main->count++;
}


ngx_int_t
ngx_http_elohim_inquire(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    u_char type, const ngx_str_t *path)
{
    ngx_int_t                    rc;
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    ctx->mapped = ngx_http_elohim_gen_stamp(elcf->store, &ctx->stamp,
                                            r->connection->log)
                  == NGX_OK;

    rc = ngx_http_elohim_ask(r, ctx, path);

    if (rc == NGX_AGAIN) {
        ctx->asking = type;
        ngx_http_elohim_wait(r);
    }

    return rc;
}


/* The second slot that an access depends on. */

static void
ngx_http_elohim_stamp_agent(ngx_http_elohim_stamp_t *stamp,
    const ngx_str_t *msg)
{
    elo_wire_access_t  a;

    if (elo_wire_get_access(elo_slice(msg->data, msg->len), &a) != ELO_OK) {
        return; /* whoever reads it will say so */
    }

    stamp->has_agent = 1;
    stamp->agent_slot = a.agent_slot;
    stamp->agent_generation = a.agent_generation;
}


/* A session that is none: nothing of its message counts but why. */

static ngx_uint_t
ngx_http_elohim_is_refusal(u_char type, const ngx_str_t *msg)
{
    uint8_t         verdict;
    const uint8_t  *p, *end;

    end = msg->data + msg->len;
    p = elo_rd_skip(msg->data, end,
                    ELO_WIRE_HEADER_LEN + NGX_HTTP_ELOHIM_HEAD_LEN);

    return type == ELO_WIRE_SESSION && elo_rd_u8(p, end, &verdict) != NULL
           && verdict != ELO_SESSION_GOOD;
}


ngx_int_t
ngx_http_elohim_heard(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    const ngx_http_elohim_key_t *key, time_t ttl, ngx_uint_t *status)
{
    u_char                        type;
    const uint8_t                *p, *end;
    elo_cache_class_t             klass;
    ngx_http_elohim_loc_conf_t   *elcf;
    ngx_http_elohim_main_conf_t  *emcf;

    type = ctx->asking;
    *status = ctx->status;
    ctx->asking = 0;
    ctx->status = 0;

    if (*status != NGX_HTTP_OK) {
        return NGX_DECLINED;
    }

    p = ctx->msg.data;
    end = p + ctx->msg.len;
    p = elo_rd_skip(p, end, ELO_WIRE_HEADER_LEN);
    p = elo_rd_be64(p, end, &ctx->stamp.generation);
    p = elo_rd_be32(p, end, &ctx->stamp.slot);

    if (p == NULL || ngx_http_elohim_is_refusal(type, &ctx->msg)) {
        return NGX_OK; /* whoever reads it will say so */
    }

    if (!ctx->mapped) {
        *status = NGX_HTTP_SERVICE_UNAVAILABLE;
        return NGX_DECLINED;
    }

    if (type == ELO_WIRE_ACCESS) {
        ngx_http_elohim_stamp_agent(&ctx->stamp, &ctx->msg);
    }

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    if (!ngx_http_elohim_gen_valid(elcf->store, &ctx->stamp,
                                   r->connection->log))
    {
        if (ctx->repeats++ < NGX_HTTP_ELOHIM_REPEATS) {
            return NGX_BUSY;
        }

        /* It changes faster than it can be asked about: what is known is younger
           than the request, and not kept. Of another store nothing is known. */

        if (ngx_http_elohim_gen_alien(elcf->store, &ctx->stamp,
                                      r->connection->log)) {
            *status = NGX_HTTP_SERVICE_UNAVAILABLE;
            return NGX_DECLINED;
        }

        return NGX_OK;
    }

    emcf = ngx_http_get_module_main_conf(r, ngx_http_elohim_module);
    klass = type == ELO_WIRE_KEYS ? ELO_CACHE_COMMONS : ELO_CACHE_PRIVATE;
    ngx_http_elohim_shm_miss(emcf->zone, key, klass);

    if (ctx->keep && ttl) {
        ngx_http_elohim_shm_put(emcf->zone, key, klass, &ctx->msg,
                                &ctx->stamp, ttl);
    }

    return NGX_OK;
}
