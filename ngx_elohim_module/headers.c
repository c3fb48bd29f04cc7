/* SPDX-License-Identifier: BSD-2-Clause */
/* headers: response header fields that more than one kind of answer carries:
   CORS (Fetch standard), and what keeps a browser from guessing. Preflight. */

#include "ngx_http_elohim_module.h"


#define NGX_HTTP_ELOHIM_EXPOSE                                                \
    "Accept-Ranges, Cache-Status, Content-Length, Content-Range, "           \
    "ETag, Last-Modified, Location, Preference-Applied, Repr-Digest, "       \
    "Retry-After, Tus-Checksum-Algorithm, Tus-Extension, Tus-Max-Size, "     \
    "Tus-Resumable, Tus-Version, Upload-Defer-Length, Upload-Expires, "      \
    "Upload-Length, Upload-Metadata, Upload-Offset, X-Cache, "              \
    "X-Elohim-Hash, X-Lifecycle, X-Reach"

#define NGX_HTTP_ELOHIM_REQUEST_FIELDS                                        \
    "Accept, Authorization, Content-Type, If-Match, If-Modified-Since, "     \
    "If-None-Match, If-Range, If-Unmodified-Since, Last-Event-ID, Prefer, "  \
    "Range, Repr-Digest, Tus-Resumable, Upload-Checksum, "                   \
    "Upload-Defer-Length, Upload-Length, Upload-Metadata, Upload-Offset, "   \
    "X-Elohim-Invited, X-Elohim-Reach, X-HTTP-Method-Override, X-Reach, "    \
    "X-Requested-With"


typedef struct {
    ngx_str_t  key;
    ngx_str_t  value;
} ngx_http_elohim_field_t;


static ngx_http_elohim_field_t  ngx_http_elohim_guard_fields[] = {
    { ngx_string("X-Content-Type-Options"), ngx_string("nosniff") },
    { ngx_string("Referrer-Policy"), ngx_string("no-referrer") }
};


static ngx_http_elohim_field_t  ngx_http_elohim_cors_fields[] = {
    { ngx_string("Access-Control-Allow-Origin"), ngx_string("*") },
    { ngx_string("Access-Control-Expose-Headers"),
      ngx_string(NGX_HTTP_ELOHIM_EXPOSE) },
    { ngx_string("Cross-Origin-Resource-Policy"),
      ngx_string("cross-origin") }
};


/* Of what only the operator may read, or somebody by his cookie: no page of another
   site has a use for it, not even for its looks. */

static ngx_http_elohim_field_t  ngx_http_elohim_own_fields[] = {
    { ngx_string("Cross-Origin-Resource-Policy"),
      ngx_string("same-origin") }
};


static ngx_http_elohim_field_t  ngx_http_elohim_preflight_fields[] = {
    { ngx_string("Access-Control-Allow-Methods"),
      ngx_string("GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS") },
    { ngx_string("Access-Control-Allow-Headers"),
      ngx_string(NGX_HTTP_ELOHIM_REQUEST_FIELDS) },
    { ngx_string("Access-Control-Max-Age"), ngx_string("86400") }
};


ngx_table_elt_t *
ngx_http_elohim_header(ngx_http_request_t *r, const ngx_str_t *key,
    const ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
    h->key = *key;
    h->value = *value;
    h->lowcase_key = NULL;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return h;
}


static ngx_int_t
ngx_http_elohim_fields(ngx_http_request_t *r,
    const ngx_http_elohim_field_t *f, ngx_uint_t n)
{
    for ( /* void */ ; n > 0; n--, f++) {
        if (ngx_http_elohim_header(r, &f->key, &f->value) == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


#define ngx_http_elohim_put_fields(r, table)                                  \
    ngx_http_elohim_fields(r, table, sizeof(table) / sizeof(table[0]))


/* What every answer of the Doorway carries, also errors. */

ngx_int_t
ngx_http_elohim_common_headers(ngx_http_request_t *r)
{
    ngx_http_elohim_ctx_t       *ctx;
    ngx_http_elohim_loc_conf_t  *elcf;

    if (r != r->main) {
        /* only the main request's header is sent */
        return NGX_OK;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_elohim_module);
    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    if (ctx && (ctx->own
                || (ctx->session.from == NGX_HTTP_ELOHIM_FROM_COOKIE
                    && ngx_http_elohim_is_his(ctx))))
    {
        if (ngx_http_elohim_put_fields(r, ngx_http_elohim_own_fields)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

    } else if (elcf->cors
               && ngx_http_elohim_put_fields(r, ngx_http_elohim_cors_fields)
                  != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_elohim_put_fields(r, ngx_http_elohim_guard_fields);
}


/* The answer is for him who asked, as these fields say. */

ngx_int_t
ngx_http_elohim_vary(ngx_http_request_t *r)
{
    static const ngx_str_t  key = ngx_string("Vary");
    static const ngx_str_t  value = ngx_string("Authorization, Cookie");

    return ngx_http_elohim_header(r, &key, &value) ? NGX_OK : NGX_ERROR;
}


/* It may come compressed, by gzip or another module: each of them has gzip_vary say so,
   where that is on, and nothing else does. Without it a cache would give what is
   compressed to those who can't read it (RFC 9110, 12.5.5). */

ngx_int_t
ngx_http_elohim_vary_encoding(ngx_http_request_t *r)
{
#if (NGX_HTTP_GZIP)
    ngx_http_core_loc_conf_t  *clcf;
#endif

    static const ngx_str_t  key = ngx_string("Vary");
    static const ngx_str_t  value = ngx_string("Accept-Encoding");

#if (NGX_HTTP_GZIP)
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->gzip_vary) {
        r->gzip_vary = 1;
        return NGX_OK;
    }
#endif

    return ngx_http_elohim_header(r, &key, &value) ? NGX_OK : NGX_ERROR;
}


/* What a preflight is asked for, beside the common ones. */

ngx_int_t
ngx_http_elohim_preflight_headers(ngx_http_request_t *r)
{
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    return elcf->cors
           ? ngx_http_elohim_put_fields(r, ngx_http_elohim_preflight_fields)
           : NGX_OK;
}


/* OPTIONS: the same for a preflight and for a plain one. */

ngx_int_t
ngx_http_elohim_options(ngx_http_request_t *r, const ngx_str_t *allow)
{
    ngx_int_t  rc;
    ngx_str_t  key = ngx_string("Allow");

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_elohim_common_headers(r) != NGX_OK
        || ngx_http_elohim_header(r, &key, allow) == NULL
        || ngx_http_elohim_preflight_headers(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->headers_out.content_length_n = 0;
    r->header_only = 1;

    return ngx_http_send_header(r);
}
