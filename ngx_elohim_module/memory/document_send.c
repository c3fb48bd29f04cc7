/* SPDX-License-Identifier: BSD-2-Clause */
/* document_send: a document (document.c) as the daemon itself would answer it: its
   status, its fields, its entity tag; and with what the cache did. Text, always whole:
   a Range means nothing to it. Spec: RFC 9110, 13; RFC 9111, 5.1; RFC 9211. */

#include "ngx_http_elohim_module.h"

#include "common/base/err.h"


static ngx_inline elo_slice_t
ngx_http_elohim_document_value(const ngx_table_elt_t *h)
{
    return h ? elo_slice(h->value.data, h->value.len) : elo_slice(NULL, 0);
}


static ngx_inline ngx_str_t
ngx_http_elohim_document_str(elo_slice_t s)
{
    ngx_str_t  str;

    str.data = (u_char *) s.p;
    str.len = s.len;

    return str;
}


static elo_precond_verdict_t
ngx_http_elohim_document_judge(ngx_http_request_t *r, const elo_document_t *d)
{
    elo_precond_t  c;

    if (d->status != NGX_HTTP_OK || d->etag.len == 0) {
        return ELO_PRECOND_GO;
    }

    ngx_memzero(&c, sizeof(elo_precond_t));
    c.if_match = ngx_http_elohim_document_value(r->headers_in.if_match);
    c.if_none_match =
        ngx_http_elohim_document_value(r->headers_in.if_none_match);

    return elo_precond_eval(&c, true, d->etag, 0);
}


/* What the daemon says of it. */

static ngx_int_t
ngx_http_elohim_document_own(ngx_http_request_t *r, const elo_document_t *d)
{
    ngx_str_t         key, value;
    elo_slice_t       fields, n, v;
    ngx_table_elt_t  *h;

    static const ngx_str_t  etag = ngx_string("ETag");

    fields = d->fields;

    while (elo_document_field(&fields, &n, &v)) {
        key = ngx_http_elohim_document_str(n);
        value = ngx_http_elohim_document_str(v);

        if (ngx_http_elohim_header(r, &key, &value) == NULL) {
            return NGX_ERROR;
        }
    }

    if (d->etag.len == 0) {
        return NGX_OK;
    }

    value = ngx_http_elohim_document_str(d->etag);

    h = ngx_http_elohim_header(r, &etag, &value);
    if (h == NULL) {
        return NGX_ERROR;
    }

    r->headers_out.etag = h;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_elohim_document_is_json(const elo_document_t *d)
{
    static const ngx_str_t  json = ngx_string("application/json");

    return d->content_type.len >= json.len
           && ngx_strncasecmp((u_char *) d->content_type.p, json.data,
                              json.len)
              == 0;
}


static ngx_int_t
ngx_http_elohim_document_fields(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const elo_document_t *d, ngx_uint_t bare)
{
    r->allow_ranges = 0;
    r->disable_not_modified = 1;
    ctx->tier = ELO_BY_SOURCE_METADATA;

    ngx_http_elohim_metric_header(ctx);

    if (ngx_http_elohim_document_own(r, d) != NGX_OK
        || ((bare || ngx_http_elohim_document_is_json(d))
            && ngx_http_elohim_vary_encoding(r) != NGX_OK))
    {
        return NGX_ERROR;
    }

    /* that there is nothing is said in the same words whatever the cache did */

    if (d->status == NGX_HTTP_OK
        && ngx_http_elohim_cache_fields(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_elohim_common_headers(r);
}


static ngx_int_t
ngx_http_elohim_document_body(ngx_http_request_t *r, const elo_document_t *d)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    if (d->body.len == 0) {
        return ngx_http_send_special(r, NGX_HTTP_LAST);
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = (u_char *) d->body.p;
    b->last = b->pos + d->body.len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


ngx_int_t
ngx_http_elohim_document_send(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const elo_document_t *d)
{
    ngx_uint_t             bare;
    elo_precond_verdict_t  verdict;

    if (!ngx_http_elohim_is_allowed(ctx, &ctx->key)) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "elohim: content without an allow");
        return NGX_HTTP_FORBIDDEN;
    }

    verdict = ngx_http_elohim_document_judge(r, d);

    if (verdict == ELO_PRECOND_FAILED) {
        return ngx_http_elohim_problem(r, NGX_HTTP_PRECONDITION_FAILED,
                                       elo_err_code(ELO_EPRECOND),
                                       elo_err_public(ELO_EPRECOND));
    }

    bare = verdict == ELO_PRECOND_NOT_MODIFIED;

    if (ngx_http_elohim_document_fields(r, ctx, d, bare) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (bare) {
        r->headers_out.status = NGX_HTTP_NOT_MODIFIED;
        r->headers_out.content_type.len = 0;
        r->headers_out.content_length_n = -1;
        r->header_only = 1;

        return ngx_http_send_header(r);
    }

    r->headers_out.status = d->status;
    r->headers_out.content_type = ngx_http_elohim_type(d->content_type);
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.content_length_n = d->body.len;

    return ngx_http_elohim_document_body(r, d);
}
