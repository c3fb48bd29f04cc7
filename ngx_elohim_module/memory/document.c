/* SPDX-License-Identifier: BSD-2-Clause */
/* document: what everybody is told alike (nodes, lists of them, what they are), kept in
   the zone as the daemon said it (common/http/wire_document.h). It has two stamps. When
   the hard one is over (the content changed; of a list, something has left it) it isn't
   shown any more, also while the daemon is away. When the soft one is (there is
   something newer), or its time, it is shown for a while as it is, and asked about by
   the first who meets it, with its tag: what is the same comes without its bytes.

   Only of who says nothing of himself, where writes are off: whoever writes reads what
   he wrote. Others are passed on.

   It is one thing, though long: the steps of a request, from the zone or from the
   daemon to what is shown, and the same without a request. What is sent:
   document_send.c. */

#include "ngx_http_elohim_module.h"

#include "common/base/enc.h"
#include "common/base/err.h"


#define NGX_HTTP_ELOHIM_DOCUMENT_ASKS  2 /* a stale answer gives one more */
#define NGX_HTTP_ELOHIM_ARGS_MAX       1024 /* bytes; longer: passed on */
#define NGX_HTTP_ELOHIM_PLAIN_NAME     128  /* longer: a key by its digest */
#define NGX_HTTP_ELOHIM_BY_DIGEST      0x40 /* in the type of such a key */
#define NGX_HTTP_ELOHIM_ASIDE_POOL     1024
#define NGX_HTTP_ELOHIM_AT_LEN         sizeof(uint32_t)


/* What is kept: held_at, then the message. */

typedef enum {
    NGX_HTTP_ELOHIM_FRESH = 0,
    NGX_HTTP_ELOHIM_AGED, /* to be shown while it is asked about */
    NGX_HTTP_ELOHIM_OVER
} ngx_http_elohim_age_e;

/* A question that no request waits for. */
typedef struct {
    ngx_http_elohim_listener_t   listener; /* must be first */
    ngx_shm_zone_t              *zone;
    ngx_http_elohim_store_t     *store;
    time_t                       keep;
    time_t                       unknown;
    ngx_http_elohim_key_t        key;
} ngx_http_elohim_aside_t;


static ngx_int_t ngx_http_elohim_document_heard(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);


static ngx_http_elohim_main_conf_t *
ngx_http_elohim_document_conf(ngx_http_request_t *r)
{
    return ngx_http_get_module_main_conf(r, ngx_http_elohim_module);
}


static ngx_inline ngx_uint_t
ngx_http_elohim_is_list(const ngx_http_elohim_ctx_t *ctx)
{
    return ctx->route.kind == ELO_ROUTE_CONTENT_LIST
           || ctx->route.kind == ELO_ROUTE_CACHE_LIST
           || ctx->route.kind == ELO_ROUTE_ZOME;
}


static time_t
ngx_http_elohim_document_ttl(ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx)
{
    return ngx_http_elohim_ttl(r, ngx_http_elohim_is_list(ctx)
                                  ? NGX_HTTP_ELOHIM_TTL_LISTS
                                  : NGX_HTTP_ELOHIM_TTL_CONTENT);
}


/* Seconds that one is in the zone at most. */

static time_t
ngx_http_elohim_document_keep(ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx)
{
    const time_t  *stale;

    stale = ngx_http_elohim_document_conf(r)->cache.stale;

    return ngx_http_elohim_document_ttl(r, ctx)
           + ngx_max(stale[NGX_HTTP_ELOHIM_WHILE_UPDATING],
                     stale[NGX_HTTP_ELOHIM_WHILE_AWAY]);
}


/* Does he get what everybody gets? */

static ngx_uint_t
ngx_http_elohim_is_everybodys(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx)
{
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    switch (ctx->route.kind) {
    case ELO_ROUTE_MANIFEST:
        if (elcf->denied != NGX_HTTP_NOT_FOUND) {
            return 0;
        }

        /* fall through */

    case ELO_ROUTE_CONTENT:
    case ELO_ROUTE_CONTENT_LIST:
    case ELO_ROUTE_CACHE:
    case ELO_ROUTE_CACHE_LIST:
    case ELO_ROUTE_ZOME:
    case ELO_ROUTE_SCHEMA:
        break;

    default:
        return 0;
    }

    return (r->method & NGX_HTTP_ELOHIM_READ) && r == r->main
           && r->err_status == 0 && !elcf->writes
           && ctx->session.who == NGX_HTTP_ELOHIM_ANONYMOUS
           && ctx->session.from == NGX_HTTP_ELOHIM_FROM_NONE
           && ctx->ceiling == ELO_REACH_COMMONS
           && r->args.len <= NGX_HTTP_ELOHIM_ARGS_MAX
           && ngx_http_elohim_pass_check(r, ctx) == ELO_OK
           && ngx_http_elohim_document_ttl(r, ctx) != 0;
}


static ngx_int_t
ngx_http_elohim_document_pass(ngx_http_elohim_ctx_t *ctx)
{
    ctx->plain = 1;
    ctx->asked = 0;
    ctx->held.len = 0;
    ctx->cache = NGX_HTTP_ELOHIM_NO_CACHE;

    return NGX_DECLINED;
}


/* Path and query as the daemon is asked for them, which tell it from any other: a path
   as the route is written, and a query in which there is no control character. */

static ngx_int_t
ngx_http_elohim_document_name(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, ngx_str_t *name)
{
    u_char                      *p;
    elo_digest_t                 sum;
    ngx_http_elohim_key_t       *key;
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    name->data = ngx_pnalloc(r->pool, NGX_HTTP_ELOHIM_TARGET_MAX
                                      + ngx_http_elohim_pass_args(r, NULL));
    if (name->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_http_elohim_pass_target(ctx, name->data);
    p += ngx_http_elohim_pass_args(r, p);
    name->len = p - name->data;

    key = &ctx->key;
    key->data[0] = ELO_WIRE_DOCUMENT;
    p = ngx_cpymem(key->data + 1, elcf->ns, NGX_HTTP_ELOHIM_NS_LEN);

    if (name->len <= NGX_HTTP_ELOHIM_PLAIN_NAME) {
        p = ngx_cpymem(p, name->data, name->len);

    } else {
        if (elo_sha256(elo_slice(name->data, name->len), &sum) != ELO_OK) {
            return NGX_ERROR;
        }

        key->data[0] |= NGX_HTTP_ELOHIM_BY_DIGEST;
        p = ngx_cpymem(p, sum.b, sizeof(sum.b));
    }

    key->len = p - key->data;

    return NGX_OK;
}


/* The question for it; d: what there is of it, or NULL. */

static ngx_int_t
ngx_http_elohim_document_question(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const elo_document_t *d, ngx_str_t *path)
{
    u_char     *p;
    ngx_str_t   name;

    if (ngx_http_elohim_document_name(r, ctx, &name) != NGX_OK) {
        return NGX_ERROR;
    }

    path->data = ngx_pnalloc(r->pool, sizeof(ELO_WIRE_DOCUMENTS)
                                      + 2 * ELO_DOCUMENT_TAG + 1 + name.len);
    if (path->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(path->data, ELO_WIRE_DOCUMENTS,
                   sizeof(ELO_WIRE_DOCUMENTS) - 1);

    if (d && d->status == NGX_HTTP_OK && d->head.flags == 0) {
        p = ngx_hex_dump(p, (u_char *) d->tag, ELO_DOCUMENT_TAG);

    } else {
        *p++ = '-';
    }

    p = ngx_cpymem(p, name.data, name.len);
    path->len = p - path->data;

    return NGX_OK;
}


static elo_err_t
ngx_http_elohim_document_parse(const ngx_str_t *held, elo_document_t *d)
{
    return held->len < NGX_HTTP_ELOHIM_AT_LEN
           ? ELO_EINVAL
           : elo_wire_get_document(
                 elo_slice(held->data + NGX_HTTP_ELOHIM_AT_LEN,
                           held->len - NGX_HTTP_ELOHIM_AT_LEN), d);
}


/* kept: room for held_at, then the message of d. */

static void
ngx_http_elohim_document_put(const ngx_http_elohim_aside_t *a,
    const elo_document_t *d, const ngx_http_elohim_stamp_t *stamp,
    ngx_str_t *kept)
{
    time_t    ttl;
    uint32_t  now;

    ttl = d->status == NGX_HTTP_OK ? a->keep : a->unknown;

    if (ttl == 0) {
        ngx_http_elohim_shm_drop(a->zone, &a->key);
        return;
    }

    now = ngx_http_elohim_zone_now();
    ngx_memcpy(kept->data, &now, NGX_HTTP_ELOHIM_AT_LEN);

    ngx_http_elohim_shm_put(a->zone, &a->key,
                            elo_cache_class(d->status == NGX_HTTP_OK
                                            ? ELO_REACH_COMMONS
                                            : ELO_REACH_PRIVATE),
                            kept, stamp, ttl);
}


static void
ngx_http_elohim_document_aside(ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx, ngx_http_elohim_aside_t *a)
{
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    a->zone = ngx_http_elohim_document_conf(r)->zone;
    a->store = elcf->store;
    a->keep = ngx_http_elohim_document_keep(r, ctx);
    a->unknown = ngx_http_elohim_ttl(r, NGX_HTTP_ELOHIM_TTL_UNKNOWN);
    a->key = ctx->key;
}


/* What has come is still what was held: that, with its stamps. */

static ngx_int_t
ngx_http_elohim_document_renew(ngx_str_t *held, const ngx_str_t *same,
    elo_document_t *d)
{
    if (held->len < NGX_HTTP_ELOHIM_AT_LEN
        || elo_wire_renew_document(held->data + NGX_HTTP_ELOHIM_AT_LEN,
                                   held->len - NGX_HTTP_ELOHIM_AT_LEN,
                                   elo_slice(same->data, same->len))
           != ELO_OK)
    {
        return NGX_DECLINED;
    }

    return ngx_http_elohim_document_parse(held, d) == ELO_OK ? NGX_OK
                                                             : NGX_DECLINED;
}


/* Room for held_at, and a copy of the message, which d is about from then on. */

static ngx_int_t
ngx_http_elohim_document_copy(ngx_pool_t *pool, const ngx_str_t *msg,
    ngx_str_t *kept, elo_document_t *d)
{
    kept->len = NGX_HTTP_ELOHIM_AT_LEN + msg->len;
    kept->data = ngx_pnalloc(pool, kept->len);
    if (kept->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(kept->data + NGX_HTTP_ELOHIM_AT_LEN, msg->data, msg->len);

    return ngx_http_elohim_document_parse(kept, d) == ELO_OK ? NGX_OK
                                                             : NGX_ERROR;
}


static void
ngx_http_elohim_document_learn(ngx_http_elohim_aside_t *a, ngx_pool_t *pool,
    ngx_http_elohim_stamp_t *stamp, const ngx_str_t *msg)
{
    ngx_str_t                kept;
    elo_document_t           d;
    ngx_http_elohim_stamp_t  was;

    if (elo_wire_get_document(elo_slice(msg->data, msg->len), &d) != ELO_OK) {
        return; /* who waits for it says so */
    }

    stamp->slot = d.head.slot;
    stamp->generation = d.head.generation;

    if (!ngx_http_elohim_gen_valid(a->store, stamp, ngx_cycle->log)) {
        return;
    }

    if (d.head.flags & ELO_WIRE_SAME) {

        if (ngx_http_elohim_shm_get(a->zone, &a->key, a->store, pool, NULL, 0,
                                    &kept, &was)
               != NGX_OK
            || ngx_http_elohim_document_renew(&kept, msg, &d) != NGX_OK)
        {
            return;
        }

    } else if (ngx_http_elohim_document_copy(pool, msg, &kept, &d) != NGX_OK) {
        return;
    }

    ngx_http_elohim_document_put(a, &d, stamp, &kept);
}


static void
ngx_http_elohim_document_told(ngx_http_elohim_listener_t *l, ngx_uint_t status,
    const ngx_http_elohim_stamp_t *stamp, const ngx_str_t *msg)
{
    ngx_pool_t               *pool;
    ngx_http_elohim_aside_t  *a = (ngx_http_elohim_aside_t *) l;
    ngx_http_elohim_stamp_t   st;

    if (status == NGX_HTTP_OK && stamp) {
        pool = ngx_create_pool(NGX_HTTP_ELOHIM_ASIDE_POOL, ngx_cycle->log);

        if (pool) {
            st = *stamp;
            ngx_http_elohim_document_learn(a, pool, &st, msg);
            ngx_destroy_pool(pool);
        }
    }

    ngx_free(a);
}


/* Somebody asks whether it still holds, and nobody waits for it. NGX_OK; NGX_DECLINED:
   nobody can. */

static ngx_int_t
ngx_http_elohim_document_refresh(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const elo_document_t *d)
{
    ngx_int_t                    rc;
    ngx_str_t                    path;
    ngx_http_elohim_aside_t     *a;
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    if (ngx_http_elohim_document_question(r, ctx, d, &path) != NGX_OK) {
        return NGX_DECLINED;
    }

    a = ngx_alloc(sizeof(ngx_http_elohim_aside_t), r->connection->log);
    if (a == NULL) {
        return NGX_DECLINED;
    }

    ngx_http_elohim_document_aside(r, ctx, a);

    ngx_memzero(&a->listener, sizeof(ngx_http_elohim_listener_t));
    a->listener.handler = ngx_http_elohim_document_told;

    rc = ngx_http_elohim_listen(elcf->backend, elcf->store, &path,
                                elcf->ask_timeout, &a->listener);

    if (rc != NGX_AGAIN) {
        ngx_free(a);
    }

    return rc == NGX_AGAIN || rc == NGX_BUSY ? NGX_OK : NGX_DECLINED;
}


static uint32_t
ngx_http_elohim_document_age(const ngx_http_elohim_ctx_t *ctx)
{
    uint32_t  now;

    now = ngx_http_elohim_zone_now();

    return now > ctx->held_at ? now - ctx->held_at : 0;
}


static ngx_http_elohim_age_e
ngx_http_elohim_document_state(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const elo_document_t *d)
{
    time_t                       age, fresh;
    ngx_uint_t                   changed;
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    changed = elcf->store->page == NULL
              || elo_gen_load(elcf->store->page, d->changed_slot)
                 != d->changed_generation;

    if (d->status != NGX_HTTP_OK) {

        /* as any other name that there isn't: unknown.c */

        return changed || !ngx_http_elohim_is_current(r)
               ? NGX_HTTP_ELOHIM_OVER : NGX_HTTP_ELOHIM_FRESH;
    }

    age = ngx_http_elohim_document_age(ctx);
    fresh = changed ? 0 : ngx_http_elohim_document_ttl(r, ctx);

    if (age < fresh) {
        return NGX_HTTP_ELOHIM_FRESH;
    }

    return age - fresh < ngx_http_elohim_document_conf(r)
                         ->cache.stale[NGX_HTTP_ELOHIM_WHILE_UPDATING]
           ? NGX_HTTP_ELOHIM_AGED : NGX_HTTP_ELOHIM_OVER;
}


static ngx_int_t
ngx_http_elohim_document_show(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const elo_document_t *d)
{
    if (d->head.flags & ELO_WIRE_LARGE) {
        return ngx_http_elohim_document_pass(ctx);
    }

    if (ngx_http_elohim_gate(r, ctx, d->head.reach) != NGX_OK) {
        return ctx->rc;
    }

    if (d->status != NGX_HTTP_OK && ctx->route.kind == ELO_ROUTE_MANIFEST) {
        return ngx_http_elohim_not_found(r);
    }

    ctx->age = ngx_http_elohim_document_age(ctx);
    ctx->ttl = (int32_t) (ngx_http_elohim_document_ttl(r, ctx) - ctx->age);
    ctx->has_age = 1;

    if (ctx->cache != NGX_HTTP_ELOHIM_HIT && ctx->ttl > 0) {
        ctx->ttl = -(int32_t) ctx->age; /* it was good until something changed */
    }

    return ngx_http_elohim_document_send(r, ctx, d);
}


/* Nobody could be asked: what is held, as long as it may be shown then. */

static ngx_int_t
ngx_http_elohim_document_without(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx)
{
    time_t                       most;
    elo_document_t               d;
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    most = ngx_http_elohim_document_conf(r)
               ->cache.stale[NGX_HTTP_ELOHIM_WHILE_AWAY];

    if (most == 0 || ctx->held.len == 0
        || ngx_http_elohim_document_parse(&ctx->held, &d) != ELO_OK
        || d.status != NGX_HTTP_OK || d.head.flags != 0
        || ngx_http_elohim_document_age(ctx)
           >= ngx_http_elohim_document_ttl(r, ctx) + most
        || !ngx_http_elohim_gen_valid(elcf->store, &ctx->basis,
                                      r->connection->log))
    {
        return NGX_DECLINED;
    }

    ctx->cache = NGX_HTTP_ELOHIM_OLD;

    return ngx_http_elohim_document_show(r, ctx, &d);
}


static ngx_int_t
ngx_http_elohim_document_away(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx)
{
    ngx_int_t  rc;

    rc = ngx_http_elohim_document_without(r, ctx);

    return rc == NGX_DECLINED ? ngx_http_elohim_pass_away(r, ctx) : rc;
}


static ngx_int_t
ngx_http_elohim_document_ask(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const elo_document_t *d)
{
    ngx_str_t                    path;
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    ctx->cache = NGX_HTTP_ELOHIM_FORWARD;
    ctx->mapped = ngx_http_elohim_gen_stamp(elcf->store, &ctx->stamp,
                                            r->connection->log)
                  == NGX_OK;

    if (!ctx->mapped) {
        return ngx_http_elohim_document_pass(ctx);
    }

    if (ngx_http_elohim_document_question(r, ctx, d, &path) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    switch (ngx_http_elohim_ask(r, ctx, &path)) {
    case NGX_AGAIN:
        ctx->asked++;
        ctx->collapsed = !ctx->keep;
        ngx_http_elohim_wait(r);
        return NGX_DONE;

    case NGX_DECLINED:
        return ngx_http_elohim_document_away(r, ctx);

    default:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}


/* From the zone: NGX_OK with what is held, or NGX_DECLINED. */

static ngx_int_t
ngx_http_elohim_document_find(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, elo_document_t *d)
{
    ngx_shm_zone_t              *zone;
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);
    zone = ngx_http_elohim_document_conf(r)->zone;

    if (ngx_http_elohim_shm_get(zone, &ctx->key, elcf->store, r->pool, NULL, 0,
                                &ctx->held, &ctx->basis)
        != NGX_OK)
    {
        ctx->held.len = 0;
        return NGX_DECLINED;
    }

    if (ngx_http_elohim_document_parse(&ctx->held, d) != ELO_OK) {
        ngx_http_elohim_shm_drop(zone, &ctx->key);
        ctx->held.len = 0;
        return NGX_DECLINED;
    }

    ngx_memcpy(&ctx->held_at, ctx->held.data, NGX_HTTP_ELOHIM_AT_LEN);

    return NGX_OK;
}


ngx_int_t
ngx_http_elohim_document(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    ngx_str_t       name;
    elo_document_t  d;

    if (ctx->plain || !ngx_http_elohim_is_everybodys(r, ctx)) {
        return NGX_DECLINED;
    }

    if (ctx->status) {
        return ngx_http_elohim_document_heard(r, ctx);
    }

    if (ngx_http_elohim_document_name(r, ctx, &name) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_elohim_document_find(r, ctx, &d) != NGX_OK) {
        ngx_http_elohim_shm_miss(ngx_http_elohim_document_conf(r)->zone,
                                 &ctx->key, ELO_CACHE_COMMONS);
        return ngx_http_elohim_document_ask(r, ctx, NULL);
    }

    switch (ngx_http_elohim_document_state(r, ctx, &d)) {
    case NGX_HTTP_ELOHIM_FRESH:
        ctx->cache = NGX_HTTP_ELOHIM_HIT;
        return ngx_http_elohim_document_show(r, ctx, &d);

    case NGX_HTTP_ELOHIM_AGED:
        if (ngx_http_elohim_document_refresh(r, ctx, &d) != NGX_OK) {
            return ngx_http_elohim_document_away(r, ctx);
        }

        ctx->cache = NGX_HTTP_ELOHIM_UPDATING;
        return ngx_http_elohim_document_show(r, ctx, &d);

    default:
        return ngx_http_elohim_document_ask(r, ctx, &d);
    }
}


/* The answer that has come, into d. NGX_OK; NGX_BUSY: overtaken; NGX_DECLINED: of
   another store. */

static ngx_int_t
ngx_http_elohim_document_check(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const elo_document_t *d)
{
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    ctx->stamp.slot = d->head.slot;
    ctx->stamp.generation = d->head.generation;

    if (ngx_http_elohim_gen_valid(elcf->store, &ctx->stamp,
                                  r->connection->log))
    {
        return NGX_OK;
    }

    if (ctx->asked < NGX_HTTP_ELOHIM_DOCUMENT_ASKS) {
        return NGX_BUSY;
    }

    if (ngx_http_elohim_gen_alien(elcf->store, &ctx->stamp,
                                      r->connection->log)) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "elohimd at \"%V\" does not serve the store \"%V\"",
                      &elcf->backend->addr.name, &elcf->store->root);
        return NGX_DECLINED;
    }

    ctx->keep = 0; /* younger than the request: as good as one in time */

    return NGX_OK;
}


/* It came as a whole, or what is held is still right; it is kept if this request asked
   for it. */

static ngx_int_t
ngx_http_elohim_document_take(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, elo_document_t *d)
{
    ngx_str_t                kept;
    ngx_http_elohim_aside_t  a;

    if (d->head.flags & ELO_WIRE_SAME) {

        if (ngx_http_elohim_document_renew(&ctx->held, &ctx->msg, d)
            != NGX_OK)
        {
            ngx_http_elohim_shm_drop(ngx_http_elohim_document_conf(r)->zone,
                                     &ctx->key);
            return ngx_http_elohim_document_pass(ctx);
        }

        kept = ctx->held;
        ctx->cache = NGX_HTTP_ELOHIM_REVALIDATED;

    } else {
        if (ngx_http_elohim_document_copy(r->pool, &ctx->msg, &kept, d)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ctx->cache = ctx->held.len ? NGX_HTTP_ELOHIM_EXPIRED
                                   : NGX_HTTP_ELOHIM_MISS;
    }

    ctx->held_at = ngx_http_elohim_zone_now();

    if (ctx->keep) {
        ngx_http_elohim_document_aside(r, ctx, &a);
        ngx_http_elohim_document_put(&a, d, &ctx->stamp, &kept);
    }

    return ngx_http_elohim_document_show(r, ctx, d);
}


static ngx_int_t
ngx_http_elohim_document_heard(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx)
{
    ngx_int_t       rc;
    elo_err_t       err;
    ngx_uint_t      status;
    elo_document_t  d, held;

    status = ctx->status;
    ctx->status = 0;

    if (status == NGX_HTTP_GATEWAY_TIME_OUT) { /* no answer at all */
        return ngx_http_elohim_document_away(r, ctx);
    }

    if (status != NGX_HTTP_OK) {

        /* in the daemon's own words */

        rc = status >= NGX_HTTP_INTERNAL_SERVER_ERROR
             ? ngx_http_elohim_document_without(r, ctx) : NGX_DECLINED;

        return rc == NGX_DECLINED && !ctx->plain
               ? ngx_http_elohim_document_pass(ctx) : rc;
    }

    err = elo_wire_get_document(elo_slice(ctx->msg.data, ctx->msg.len), &d);
    if (err != ELO_OK) {
        return ngx_http_elohim_malformed(r, ctx, err);
    }

    switch (ngx_http_elohim_document_check(r, ctx, &d)) {
    case NGX_BUSY:
        return ngx_http_elohim_document_ask(
            r, ctx,
            ngx_http_elohim_document_parse(&ctx->held, &held) == ELO_OK
            ? &held : NULL);

    case NGX_DECLINED:
        return ngx_http_elohim_away(r);

    default:
        return ngx_http_elohim_document_take(r, ctx, &d);
    }
}
