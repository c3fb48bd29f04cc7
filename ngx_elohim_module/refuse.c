/* SPDX-License-Identifier: BSD-2-Clause */
/* refuse: what becomes of a credential that isn't good, and what keeps bad ones
   cheap: a worker's memory of those that it refused moments ago, of a fixed size.
   Spec: RFC 6750, 3 and 3.1. */

#include "ngx_http_elohim_module.h"

#include "common/base/err.h"


#define NGX_HTTP_ELOHIM_BAD_SLOTS  1024 /* a power of two */
#define NGX_HTTP_ELOHIM_BAD_TIME   3000 /* ms */
#define NGX_HTTP_ELOHIM_BAD_SOON   1000 /* ms, of what may become good */
#define NGX_HTTP_ELOHIM_BAD_TAG    16   /* bytes of the digest */


typedef struct {
    ngx_msec_t  until; /* 0: empty */
    u_char      tag[NGX_HTTP_ELOHIM_BAD_TAG];
    u_char      backend;
    u_char      verdict;
} ngx_http_elohim_bad_t;


static ngx_http_elohim_bad_t
    ngx_http_elohim_bad[NGX_HTTP_ELOHIM_BAD_SLOTS]; /* worker */


static ngx_http_elohim_bad_t *
ngx_http_elohim_bad_slot(const elo_digest_t *sum)
{
    uint32_t  n;

    ngx_memcpy(&n, sum->b + NGX_HTTP_ELOHIM_BAD_TAG, sizeof(n));

    return &ngx_http_elohim_bad[n % NGX_HTTP_ELOHIM_BAD_SLOTS];
}


static u_char
ngx_http_elohim_backend_index(ngx_http_request_t *r)
{
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    return (u_char) elcf->backend->index;
}


ngx_uint_t
ngx_http_elohim_remembered(ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx, elo_session_verdict_t *verdict)
{
    const ngx_http_elohim_bad_t  *bad;

    bad = ngx_http_elohim_bad_slot(&ctx->session.sum);

    if (bad->until == 0
        || (ngx_msec_int_t) (bad->until - ngx_current_msec) <= 0
        || bad->backend != ngx_http_elohim_backend_index(r)
        || ngx_memcmp(bad->tag, ctx->session.sum.b, sizeof(bad->tag)) != 0)
    {
        return 0;
    }

    *verdict = bad->verdict;

    return 1;
}


static void
ngx_http_elohim_remember(ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx, elo_session_verdict_t verdict)
{
    ngx_msec_t              time;
    elo_session_verdict_t   known;
    ngx_http_elohim_bad_t  *bad;

    if (ngx_http_elohim_remembered(r, ctx, &known)) {
        return;
    }

    time = verdict == ELO_SESSION_UNKNOWN_KEY || verdict == ELO_SESSION_EARLY
           ? NGX_HTTP_ELOHIM_BAD_SOON : NGX_HTTP_ELOHIM_BAD_TIME;

    bad = ngx_http_elohim_bad_slot(&ctx->session.sum);
    bad->until = ngx_current_msec + time;
    bad->backend = ngx_http_elohim_backend_index(r);
    bad->verdict = (u_char) verdict;
    ngx_memcpy(bad->tag, ctx->session.sum.b, sizeof(bad->tag));
}


static ngx_int_t
ngx_http_elohim_refused(ngx_http_request_t *r, elo_err_t err,
    const ngx_str_t *challenge)
{
    static const ngx_str_t  key = ngx_string("WWW-Authenticate");

    if (challenge != NULL
        && ngx_http_elohim_header(r, &key, challenge) == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_elohim_problem(r, elo_err_status(err), elo_err_code(err),
                                   elo_err_public(err));
}


/* A bad cookie is as if it weren't there: a browser sends it until it is replaced,
   and what everyone may read must not break by it. */

ngx_int_t
ngx_http_elohim_refuse(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    elo_session_verdict_t verdict)
{
    ngx_uint_t  expired;

    static const ngx_str_t  invalid_token =
        ngx_string("Bearer error=\"invalid_token\"");

    expired = verdict == ELO_SESSION_EXPIRED;

    if (ctx->session.summed) {
        ngx_http_elohim_remember(r, ctx, verdict);
    }

    switch (ctx->session.from) {
    case NGX_HTTP_ELOHIM_FROM_COOKIE:
        return ngx_http_elohim_settle(ctx, NGX_HTTP_ELOHIM_ANONYMOUS);

    case NGX_HTTP_ELOHIM_FROM_URL:
        return ngx_http_elohim_end(
            ctx, ngx_http_elohim_refused(r, expired ? ELO_EURLEXPIRED
                                                    : ELO_EURL, NULL));

    default:
        return ngx_http_elohim_end(
            ctx, ngx_http_elohim_refused(r, expired ? ELO_EEXPIRED
                                                    : ELO_ETOKEN,
                                         &invalid_token));
    }
}


ngx_int_t
ngx_http_elohim_out_of_scope(ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx)
{
    static const ngx_str_t  challenge =
        ngx_string("Bearer error=\"insufficient_scope\"");

    return ngx_http_elohim_refused(
        r, ELO_ESCOPE, ctx->session.from == NGX_HTTP_ELOHIM_FROM_HEADER
                       || ctx->session.from == NGX_HTTP_ELOHIM_FROM_QUERY
                       ? &challenge : NULL);
}


/* A good one, for other paths or another content. */

ngx_int_t
ngx_http_elohim_refuse_scope(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx)
{
    switch (ctx->session.from) {
    case NGX_HTTP_ELOHIM_FROM_COOKIE:
        return ngx_http_elohim_settle(ctx, NGX_HTTP_ELOHIM_ANONYMOUS);

    case NGX_HTTP_ELOHIM_FROM_URL:
        return ngx_http_elohim_end(ctx, ngx_http_elohim_refused(r, ELO_EURL,
                                                                NULL));

    default:
        return ngx_http_elohim_end(ctx, ngx_http_elohim_out_of_scope(r, ctx));
    }
}
