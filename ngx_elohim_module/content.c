/* SPDX-License-Identifier: BSD-2-Clause */
/* content: the content handler: which kind of request it is, who asks, the
   descriptor that it needs (from the zone, else from the daemon). A request may
   wait for up to four answers, one after the other: keys, session, descriptor,
   access. ctx->asking says for which of the first two or the last; all that was
   found out before stands in the context.

   All of it happens in this phase, since subrequests, internal redirects,
   satisfy and error_page go round the access phase, and nothing goes round
   this one. */

#include "ngx_http_elohim_module.h"

#include "common/base/err.h"
#include "common/base/rd.h"


#define NGX_HTTP_ELOHIM_ASKS  2 /* a stale answer gives one more */


static ngx_int_t ngx_http_elohim_go(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);
static ngx_int_t ngx_http_elohim_run(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);
static ngx_int_t ngx_http_elohim_obtain(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);
static ngx_int_t ngx_http_elohim_received(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);
static ngx_int_t ngx_http_elohim_use(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);
static ngx_uint_t ngx_http_elohim_is_purger(
    const ngx_http_elohim_ctx_t *ctx);
static ngx_int_t ngx_http_elohim_write(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);
static ngx_int_t ngx_http_elohim_ask_options(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const ngx_str_t *allow);


ngx_int_t
ngx_http_elohim_handler(ngx_http_request_t *r)
{
    ngx_int_t                          rc;
    ngx_str_t                          key = ngx_string("Allow");
    ngx_http_elohim_ctx_t             *ctx;
    const ngx_http_elohim_resource_t  *res;

    ctx = ngx_http_elohim_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_elohim_metric_begin(ctx);

    if (ngx_http_elohim_check_headers(r, ctx) != NGX_OK
        || ngx_http_elohim_admit(r, ctx, NGX_HTTP_ELOHIM_BY_ADDRESS) != NGX_OK)
    {
        return ctx->rc;
    }

    res = ngx_http_elohim_resource(ctx->route.kind);

    if (res == NULL) {
        return ctx->session.from == NGX_HTTP_ELOHIM_FROM_URL
               ? ngx_http_elohim_go(r, ctx) : ngx_http_elohim_not_found(r);
    }

    if (r->method & res->write) {
        return ngx_http_elohim_go(r, ctx);
    }

    if (r->method == NGX_HTTP_OPTIONS) {
        return ngx_http_elohim_ask_options(r, ctx, &res->allow);
    }

    if (!(r->method & res->read)) {
        if (ngx_http_elohim_header(r, &key, &res->allow) == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_elohim_problem(r, NGX_HTTP_NOT_ALLOWED,
                                       elo_err_code(ELO_EMETHOD),
                                       elo_err_public(ELO_EMETHOD));
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_elohim_go(r, ctx);
}


/* An answer has come for a request that waited. */

void
ngx_http_elohim_resume(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    ngx_connection_t  *c;

    c = r->connection;

    if (ctx != ngx_http_get_module_ctx(r, ngx_http_elohim_module)) {
        /* the client went away, and post_action has the request now */
        return;
    }

    ngx_http_set_log_request(c->log, r);

    if (!r->discard_body) {
        r->read_event_handler = ngx_http_block_reading;
    }

    ngx_http_finalize_request(r, ngx_http_elohim_go(r, ctx));

    ngx_http_run_posted_requests(c);
}


/* What must be known of who asks before anything else is looked at. */

static ngx_int_t
ngx_http_elohim_go(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    ngx_int_t                          rc;
    ngx_uint_t                         wait;
    const ngx_http_elohim_resource_t  *res;

    res = ngx_http_elohim_resource(ctx->route.kind);

    if (res && res->blind) {

        wait = r->method & res->write ? ngx_http_elohim_login_wait(r) : 0;

        if (wait) {
            return ngx_http_elohim_too_often(r, wait);
        }

        (void) ngx_http_elohim_settle(ctx, NGX_HTTP_ELOHIM_ANONYMOUS);
        rc = ngx_http_elohim_document(r, ctx);
        return rc == NGX_DECLINED ? ngx_http_elohim_pass(r, ctx, 0) : rc;
    }

    rc = ngx_http_elohim_session(r, ctx);

    if (rc == NGX_AGAIN) {
        return NGX_DONE;
    }

    if (rc == NGX_HTTP_ELOHIM_ANSWERED) {
        return ctx->rc;
    }

    if (ngx_http_elohim_admit(r, ctx, NGX_HTTP_ELOHIM_BY_AGENT) != NGX_OK) {
        return ctx->rc;
    }

    if (res == NULL) {
        return ngx_http_elohim_not_found(r);
    }

    return r->method & res->write ? ngx_http_elohim_write(r, ctx)
                                  : ngx_http_elohim_run(r, ctx);
}


/* The daemon answers by who asks, and that isn't known: NGX_OK when it is. */

static ngx_int_t
ngx_http_elohim_must_know(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    switch (ctx->session.who) {
    case NGX_HTTP_ELOHIM_UNTOLD:
        return ngx_http_elohim_end(ctx, ngx_http_elohim_pass_away(r, ctx));

    case NGX_HTTP_ELOHIM_LIMITED:
        return ngx_http_elohim_end(ctx, ngx_http_elohim_limited(r));

    default:
        return NGX_OK;
    }
}


static ngx_int_t
ngx_http_elohim_run(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    ngx_int_t                          rc;
    ngx_http_elohim_loc_conf_t        *elcf;
    ngx_http_elohim_main_conf_t       *emcf;
    const ngx_http_elohim_resource_t  *res;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);
    res = ngx_http_elohim_resource(ctx->route.kind);

    rc = ngx_http_elohim_document(r, ctx);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (res->operator && elcf->writes
        && ctx->session.who == NGX_HTTP_ELOHIM_ANONYMOUS)
    {
        ctx->own = !ngx_http_elohim_is_foreign(r);
        return ngx_http_elohim_pass(r, ctx, 1);
    }

    if (res->wire == 0) {

        if (res->operator) {
            /* a list of all blobs is not for everyone */
            return ngx_http_elohim_not_found(r);
        }

        return ngx_http_elohim_must_know(r, ctx) == NGX_OK
               ? ngx_http_elohim_pass(r, ctx, 0) : ctx->rc;
    }

    for ( ;; ) {
        rc = ctx->asking == ELO_WIRE_ACCESS
             ? ngx_http_elohim_access(r, ctx) : ngx_http_elohim_obtain(r, ctx);

        if (rc == NGX_AGAIN) {
            return NGX_DONE;
        }

        if (rc == NGX_HTTP_ELOHIM_ANSWERED) {
            return ctx->rc;
        }

        rc = ngx_http_elohim_use(r, ctx);

        if (rc == NGX_HTTP_ELOHIM_UNSURE) {
            ctx->unsure = 1;
            continue;
        }

        if (rc != NGX_HTTP_ELOHIM_STALE) {
            return rc;
        }

        emcf = ngx_http_get_module_main_conf(r, ngx_http_elohim_module);
        ngx_http_elohim_shm_drop(emcf->zone, &ctx->key);

        ctx->allowed.len = 0;
        ctx->has_access = 0;
        ctx->status = 0;
        ctx->late.len = 0;

        if (ctx->stale) {

            if (!ctx->truncated) {
                return ngx_http_elohim_not_found(r);
            }

            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "elohimd grants more than its file has");

            return ngx_http_elohim_problem(r, NGX_HTTP_BAD_GATEWAY,
                                           elo_err_code(ELO_ECORRUPT),
                                           elo_err_public(ELO_ECORRUPT));
        }

        ctx->stale = 1;
    }
}


/* How long after its time a descriptor of this class is kept, in case the daemon is away
   then: what everybody may have. */

static time_t
ngx_http_elohim_late(ngx_http_request_t *r, elo_cache_class_t klass)
{
    ngx_http_elohim_main_conf_t  *emcf;

    emcf = ngx_http_get_module_main_conf(r, ngx_http_elohim_module);

    return klass == ELO_CACHE_COMMONS
           ? emcf->cache.stale[NGX_HTTP_ELOHIM_WHILE_AWAY] : 0;
}


/* Of the descriptor in ctx->msg. */

static elo_cache_class_t
ngx_http_elohim_msg_class(const ngx_http_elohim_ctx_t *ctx)
{
    uint8_t         reach;
    const uint8_t  *p, *end;

    end = ctx->msg.data + ctx->msg.len;
    p = elo_rd_skip(ctx->msg.data, end,
                    ELO_WIRE_HEADER_LEN + NGX_HTTP_ELOHIM_HEAD_REACH);

    return elo_cache_class(elo_rd_u8(p, end, &reach) != NULL
                           && reach <= ELO_REACH_COMMONS
                           ? (elo_reach_t) reach : ELO_REACH_PRIVATE);
}


/* Is the time over of what was found? Then it is put aside. */

static ngx_uint_t
ngx_http_elohim_is_late(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    time_t  late;

    late = ngx_http_elohim_late(r, ngx_http_elohim_msg_class(ctx));

    if ((time_t) (ctx->basis.expires - ngx_http_elohim_zone_now()) > late
        || late == 0)
    {
        return 0;
    }

    ctx->late = ctx->msg;

    if (ctx->msg.data == ctx->buf) { /* where the answer will be */
        ctx->late.data = ngx_pstrdup(r->pool, &ctx->msg);
        if (ctx->late.data == NULL) {
            ctx->late.len = 0;
        }
    }

    return 1;
}


/* How old it is, and how long it is good for. */

static void
ngx_http_elohim_found(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    ngx_int_t  left, ttl;

    left = (int32_t) (ctx->basis.expires - ngx_http_elohim_zone_now())
           - ngx_http_elohim_late(r, ngx_http_elohim_msg_class(ctx));
    ttl = ngx_http_elohim_ttl(r, NGX_HTTP_ELOHIM_TTL_CONTENT);

    ctx->ttl = left;
    ctx->age = ngx_max(ttl - left, 0);
    ctx->has_age = 1;
}


/* Nobody answers: what is past its time but not revoked, if there is such; NGX_OK, or
   ANSWERED. */

static ngx_int_t
ngx_http_elohim_without(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    if (ctx->late.len == 0
        || !ngx_http_elohim_gen_valid(elcf->store, &ctx->basis,
                                      r->connection->log))
    {
        return ngx_http_elohim_end(ctx, ngx_http_elohim_away(r));
    }

    ctx->msg = ctx->late;
    ctx->cache = NGX_HTTP_ELOHIM_OLD;
    ngx_http_elohim_found(r, ctx);

    return NGX_OK;
}


/* NGX_OK with ctx->msg, NGX_AGAIN, or ANSWERED. */

static ngx_int_t
ngx_http_elohim_obtain(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    u_char                        path_buf[NGX_HTTP_ELOHIM_PATH_MAX];
    ngx_int_t                     rc;
    ngx_str_t                     path;
    ngx_http_elohim_loc_conf_t   *elcf;
    ngx_http_elohim_main_conf_t  *emcf;

    if (ctx->status) {
        rc = ngx_http_elohim_received(r, ctx);
        if (rc != NGX_HTTP_ELOHIM_STALE) {
            return rc;
        }
    }

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);
    emcf = ngx_http_get_module_main_conf(r, ngx_http_elohim_module);

    if (ngx_http_elohim_make_key(elcf->ns, ctx,
                                 ngx_http_elohim_wire_type(ctx->route.kind),
                                 &ctx->key, &path, path_buf)
        != NGX_OK)
    {
        return ngx_http_elohim_end(ctx, ngx_http_elohim_not_found(r));
    }

    if (ctx->asked == 0 && !ctx->stale && !ctx->unsure
        && ngx_http_elohim_unknown_get(r, ctx))
    {
        ctx->cache = NGX_HTTP_ELOHIM_HIT;
        return ngx_http_elohim_end(ctx, ngx_http_elohim_not_found(r));
    }

    if (ctx->asked == 0 && !ctx->stale && !ctx->unsure
        && ngx_http_elohim_shm_get(emcf->zone, &ctx->key, elcf->store, r->pool,
                                   ctx->buf, sizeof(ctx->buf), &ctx->msg,
                                   &ctx->basis)
           == NGX_OK
        && !ngx_http_elohim_is_late(r, ctx))
    {
        ctx->cache = NGX_HTTP_ELOHIM_HIT;
        ngx_http_elohim_found(r, ctx);
        return NGX_OK;
    }

    ctx->cache = NGX_HTTP_ELOHIM_FORWARD;
    ctx->mapped = ngx_http_elohim_gen_stamp(elcf->store, &ctx->stamp,
                                            r->connection->log)
                  == NGX_OK;
    ngx_http_elohim_unknown_stamp(r, ctx);

    switch (ngx_http_elohim_ask(r, ctx, &path)) {
    case NGX_AGAIN:
        ctx->asked++;
        ctx->collapsed = !ctx->keep;
        ngx_http_elohim_wait(r);
        return NGX_AGAIN;

    case NGX_DECLINED:
        return ngx_http_elohim_without(r, ctx);

    default:
        return ngx_http_elohim_end(ctx, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


/* Media that is not ready may be so at any moment: that is asked each time. */

static ngx_uint_t
ngx_http_elohim_keeps(ngx_http_elohim_ctx_t *ctx)
{
    uint8_t         status;
    const uint8_t  *p, *end;

    if (ngx_http_elohim_wire_type(ctx->route.kind) != ELO_WIRE_MEDIA) {
        return 1;
    }

    end = ctx->msg.data + ctx->msg.len;
    p = elo_rd_skip(ctx->msg.data, end,
                    ELO_WIRE_HEADER_LEN + NGX_HTTP_ELOHIM_HEAD_LEN);

    return elo_rd_u8(p, end, &status) != NULL && status == ELO_MEDIA_READY;
}


/* An answer that holds goes into the zone, in the class of its content's reach. */

static void
ngx_http_elohim_keep(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    elo_cache_class_t             klass;
    ngx_http_elohim_main_conf_t  *emcf;

    klass = ngx_http_elohim_msg_class(ctx);

    emcf = ngx_http_get_module_main_conf(r, ngx_http_elohim_module);
    ngx_http_elohim_shm_miss(emcf->zone, &ctx->key, klass);

    if (ctx->keep && ngx_http_elohim_keeps(ctx)) {
        ngx_http_elohim_shm_put(
            emcf->zone, &ctx->key, klass, &ctx->msg, &ctx->stamp,
            ngx_http_elohim_ttl(r, NGX_HTTP_ELOHIM_TTL_CONTENT)
                + ngx_http_elohim_late(r, klass));
    }
}


static ngx_int_t
ngx_http_elohim_failed(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "elohimd answered with status %ui", ctx->status);

    return ngx_http_elohim_end(
        ctx, ngx_http_elohim_problem(r, NGX_HTTP_BAD_GATEWAY,
                                     elo_err_code(ELO_EINTERNAL),
                                     elo_err_public(ELO_EINTERNAL)));
}


/* Where nobody can tell who asks, what is narrow and what isn't there look alike, too. */

static ngx_int_t
ngx_http_elohim_nothing(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    return ngx_http_elohim_must_know(r, ctx) == NGX_OK
           ? ngx_http_elohim_end(ctx, ngx_http_elohim_not_found(r))
           : NGX_HTTP_ELOHIM_ANSWERED;
}


/* Looks at the answer; STALE: what it says was overtaken while it was on its
   way, ask once more. */

static ngx_int_t
ngx_http_elohim_received(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    const uint8_t               *p, *end;
    ngx_http_elohim_loc_conf_t  *elcf;

    switch (ctx->status) {
    case NGX_HTTP_OK:
        break;

    case NGX_HTTP_INTERNAL_SERVER_ERROR:
    case NGX_HTTP_SERVICE_UNAVAILABLE:

        if (ctx->route.kind == ELO_ROUTE_BLOB
            && ngx_http_elohim_is_operator(r, ctx))
        {
            /* a key is missing, or it is damaged: in the daemon's own words */

            ctx->own = 1;
            return ngx_http_elohim_end(ctx, ngx_http_elohim_pass(r, ctx, 1));
        }

        if (ctx->status == NGX_HTTP_INTERNAL_SERVER_ERROR) {
            return ngx_http_elohim_failed(r, ctx);
        }

        /* fall through */

    case NGX_HTTP_GATEWAY_TIME_OUT: /* no answer at all */
        return ngx_http_elohim_without(r, ctx);

    case NGX_HTTP_NOT_FOUND:
    case 410:
        ngx_http_elohim_unknown_put(r, ctx);
        /* fall through */

    case NGX_HTTP_BAD_REQUEST:
    case NGX_HTTP_FORBIDDEN:
        return ngx_http_elohim_nothing(r, ctx);

    default:
        return ngx_http_elohim_failed(r, ctx);
    }

    p = ctx->msg.data;
    end = p + ctx->msg.len;
    p = elo_rd_skip(p, end, ELO_WIRE_HEADER_LEN);
    p = elo_rd_be64(p, end, &ctx->stamp.generation);
    p = elo_rd_be32(p, end, &ctx->stamp.slot);

    if (p == NULL || !ctx->mapped) {
        /* malformed, which use() will say; or there is nothing to go by */
        return NGX_OK;
    }

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    if (!ngx_http_elohim_gen_valid(elcf->store, &ctx->stamp,
                                   r->connection->log))
    {
        if (ctx->asked < NGX_HTTP_ELOHIM_ASKS) {
            return NGX_HTTP_ELOHIM_STALE;
        }

        if (ngx_http_elohim_gen_alien(elcf->store, &ctx->stamp)) {

            /* The files below our root are not those that it names. */

            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "elohimd at \"%V\" does not serve the store \"%V\"",
                          &elcf->backend->addr.name, &elcf->store->root);

            return ngx_http_elohim_end(ctx, ngx_http_elohim_away(r));
        }

        /* It changes faster than it can be asked about. This answer is younger
           than the request, and so is as good as one that came in time; it is
           not kept. */

        return NGX_OK;
    }

    ctx->cache = ctx->late.len ? NGX_HTTP_ELOHIM_EXPIRED
                               : NGX_HTTP_ELOHIM_MISS;
    ngx_http_elohim_keep(r, ctx);

    return NGX_OK;
}


static ngx_int_t
ngx_http_elohim_use(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    switch (ngx_http_elohim_wire_type(ctx->route.kind)) {
    case ELO_WIRE_GRANT:
        return ngx_http_elohim_blob(r, ctx);
    case ELO_WIRE_MEDIA:
        return ngx_http_elohim_manifest(r, ctx);
    default:
        return ngx_http_elohim_segment(r, ctx);
    }
}


/* What caches keep is changed by a scope of its own. */

static ngx_uint_t
ngx_http_elohim_is_purger(const ngx_http_elohim_ctx_t *ctx)
{
    return (ctx->route.kind == ELO_ROUTE_CACHE_PURGE
            || ctx->route.kind == ELO_ROUTE_CACHE_WARM)
           && (ctx->session.scopes & ELO_SCOPE_PURGE);
}


/* An agent who may write does so in each location; what he may write, and where, the
   daemon decides. Without a token it is the operator's business. */

static ngx_int_t
ngx_http_elohim_write(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    ngx_http_elohim_loc_conf_t  *elcf;

    if (ngx_http_elohim_must_know(r, ctx) != NGX_OK) {
        return ctx->rc;
    }

    if (ngx_http_elohim_is_agent(ctx)) {

        /* records stand by their signatures: they are how one is admitted */

        return ngx_http_elohim_is_writer(ctx)
               || ctx->route.kind == ELO_ROUTE_RECORDS
               || ngx_http_elohim_is_purger(ctx)
               ? ngx_http_elohim_pass(r, ctx, 0)
               : ngx_http_elohim_out_of_scope(r, ctx);
    }

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    if (ctx->session.foreign) {
        return ngx_http_elohim_problem(r, NGX_HTTP_FORBIDDEN,
                                       elo_err_code(ELO_EFOREIGN),
                                       elo_err_public(ELO_EFOREIGN));
    }

    if (!elcf->writes) {
        return ngx_http_elohim_problem(r, NGX_HTTP_FORBIDDEN,
                                       elo_err_code(ELO_EWRITES),
                                       elo_err_public(ELO_EWRITES));
    }

    return ngx_http_elohim_pass(r, ctx, 1);
}


/* What uploads can do here is the daemon's to say, to him who may upload. */

static ngx_int_t
ngx_http_elohim_ask_options(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    const ngx_str_t *allow)
{
    ngx_int_t                    rc;
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    if ((ctx->route.kind != ELO_ROUTE_UPLOAD_NEW
         && ctx->route.kind != ELO_ROUTE_UPLOAD)
        || !elcf->writes || ngx_http_elohim_is_foreign(r))
    {
        return ngx_http_elohim_options(r, allow);
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_elohim_pass(r, ctx, 1);
}
