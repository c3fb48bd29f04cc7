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


/* May he read what not everyone may? Who gets through to a location with writes
   is its operator, unless a page of another site makes his browser ask. A
   subrequest went round what keeps others out of the location. */

ngx_uint_t
ngx_http_elohim_is_operator(ngx_http_request_t *r)
{
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    return elcf->writes && r == r->main && !ngx_http_elohim_is_foreign(r);
}


/* NGX_OK and an allow for the present key, or ANSWERED and hidden. Nobody
   has proved who he is yet: every caller is anonymous, or the operator. */

ngx_int_t
ngx_http_elohim_gate(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    elo_reach_t reach)
{
    ngx_http_elohim_loc_conf_t  *elcf;

    ctx->reach = reach;
    ctx->own = 0;

    if (!elo_reach_may_read(reach, ELO_CALLER_ANONYMOUS, ctx->ceiling)) {
        ctx->own = elo_reach_may_read(reach, ELO_CALLER_OWNER, ctx->ceiling)
                   && ngx_http_elohim_is_operator(r);
    }

    if (ctx->own
        || elo_reach_may_read(reach, ELO_CALLER_ANONYMOUS, ctx->ceiling))
    {
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


static ngx_uint_t
ngx_http_elohim_is_field(const ngx_table_elt_t *h, const char *name,
    size_t len)
{
    return h->key.len == len
           && ngx_strncasecmp(h->key.data, (u_char *) name, len) == 0;
}


/* scheme "://" host, and port where it isn't the scheme's own */

static ngx_uint_t
ngx_http_elohim_is_here(ngx_http_request_t *r, const ngx_str_t *origin)
{
    u_char     *p;
    ngx_str_t  *host;

    if (r->headers_in.host == NULL) {
        return 0;
    }

    host = &r->headers_in.host->value;
    p = ngx_strlchr(origin->data, origin->data + origin->len, '/');

    return p != NULL
           && origin->len == (size_t) (p + 2 - origin->data) + host->len
           && ngx_strncasecmp(p + 2, host->data, host->len) == 0;
}


/* Does a browser send this for a page of another site? Before there are tokens
   nothing else tells the operator's own requests from those that any page can
   make his browser send. Programs that are not browsers send neither field; of
   images and scripts in pages, and of links, there is no Origin.
   Spec: Fetch standard, 3.2 ("Origin" header); Fetch Metadata, 2.4. */

ngx_uint_t
ngx_http_elohim_is_foreign(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    static const char  origin[] = "Origin";
    static const char  site[] = "Sec-Fetch-Site";
    static const char  same[] = "same-origin";
    static const char  none[] = "none"; /* typed by hand, a bookmark */

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (ngx_http_elohim_is_field(&h[i], origin, sizeof(origin) - 1)
                && !ngx_http_elohim_is_here(r, &h[i].value))
            {
                return 1;
            }

            if (ngx_http_elohim_is_field(&h[i], site, sizeof(site) - 1)
                && !(h[i].value.len == sizeof(same) - 1
                     && ngx_memcmp(h[i].value.data, same, sizeof(same) - 1)
                        == 0)
                && !(h[i].value.len == sizeof(none) - 1
                     && ngx_memcmp(h[i].value.data, none, sizeof(none) - 1)
                        == 0))
            {
                return 1;
            }
        }
    }

    return 0;
}
