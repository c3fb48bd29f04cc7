/* SPDX-License-Identifier: BSD-2-Clause */
/* gate: may this request be answered from this descriptor? What is allowed is
   bound to the key of one descriptor, and a context belongs to one URI: serve.c
   sends nothing for another key (I1). Also: descriptors that make no sense. */

#include "ngx_http_elohim_module.h"

#include "common/base/err.h"


/* The request has had its answer: what a step returns in its place. */

ngx_int_t
ngx_http_elohim_end(ngx_http_elohim_ctx_t *ctx, ngx_int_t rc)
{
    ctx->rc = rc;

    return NGX_HTTP_ELOHIM_ANSWERED;
}


ngx_int_t
ngx_http_elohim_malformed(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    elo_err_t err)
{
    ngx_http_elohim_main_conf_t  *emcf;

    emcf = ngx_http_get_module_main_conf(r, ngx_http_elohim_module);
    ngx_http_elohim_shm_drop(emcf->zone, &ctx->key);

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  err == ELO_EUNSUPPORTED
                  ? "elohimd speaks another version of the internal protocol"
                  : "elohimd sent a malformed descriptor");

    return err == ELO_EUNSUPPORTED
           ? ngx_http_elohim_away(r)
           : ngx_http_elohim_problem(r, NGX_HTTP_BAD_GATEWAY,
                                     elo_err_code(ELO_EINTERNAL),
                                     elo_err_public(ELO_EINTERNAL));
}


/* NGX_OK and an allow for the present key, or ANSWERED and hidden. Nobody
   has proved who he is yet, so every caller is anonymous. */

ngx_int_t
ngx_http_elohim_gate(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    elo_reach_t reach)
{
    ngx_http_elohim_loc_conf_t  *elcf;

    ctx->reach = reach;

    if (elo_reach_may_read(reach, ELO_CALLER_ANONYMOUS, ctx->ceiling)) {
        ctx->decision = NGX_HTTP_ELOHIM_ALLOW;
        ctx->allowed.len = ctx->key.len;
        ngx_memcpy(ctx->allowed.data, ctx->key.data, ctx->key.len);
        return NGX_OK;
    }

    ctx->decision = NGX_HTTP_ELOHIM_DENY;
    ctx->allowed.len = 0;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    return ngx_http_elohim_end(
        ctx, elcf->denied == NGX_HTTP_FORBIDDEN
             ? ngx_http_elohim_problem(r, NGX_HTTP_FORBIDDEN,
                                       elo_err_code(ELO_EDENIED),
                                       elo_err_public(ELO_EDENIED))
             : ngx_http_elohim_not_found(r));
}


ngx_uint_t
ngx_http_elohim_is_allowed(ngx_http_elohim_ctx_t *ctx,
    const ngx_http_elohim_key_t *key)
{
    return ctx->decision == NGX_HTTP_ELOHIM_ALLOW && key->len != 0
           && ctx->allowed.len == key->len
           && ngx_memcmp(ctx->allowed.data, key->data, key->len) == 0;
}


/* Does a browser send this for a page of another site? Before there are tokens
   nothing else tells the operator's own requests from those that any page can
   make his browser send. Programs that are not browsers send no Origin.
   Spec: Fetch standard, 3.2 ("Origin" header). */

ngx_uint_t
ngx_http_elohim_is_foreign(ngx_http_request_t *r)
{
    u_char           *p;
    ngx_str_t        *host;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len != sizeof("Origin") - 1
                || ngx_strncasecmp(h[i].key.data, (u_char *) "Origin",
                                   sizeof("Origin") - 1)
                   != 0)
            {
                continue;
            }

            if (r->headers_in.host == NULL) {
                return 1;
            }

            host = &r->headers_in.host->value;
            p = ngx_strlchr(h[i].value.data,
                            h[i].value.data + h[i].value.len, '/');

            /* scheme "://" host, and port where it isn't the scheme's own */
            if (p == NULL
                || h[i].value.len != (size_t) (p + 2 - h[i].value.data)
                                     + host->len
                || ngx_strncasecmp(p + 2, host->data, host->len) != 0)
            {
                return 1;
            }
        }
    }

    return 0;
}
