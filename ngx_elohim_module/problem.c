/* SPDX-License-Identifier: BSD-2-Clause */
/* problem: error answers as problem details. Spec: RFC 9457; "error" and "code"
   beside its members are what the clients of the network read. An error_page
   for the status, where one is configured, has its way. */

#include "ngx_http_elohim_module.h"

#include "common/base/err.h"


#define NGX_HTTP_ELOHIM_PROBLEM_TYPE "application/problem+json"


static ngx_uint_t ngx_http_elohim_has_error_page(ngx_http_request_t *r,
    ngx_uint_t status);
static ngx_buf_t *ngx_http_elohim_problem_body(ngx_http_request_t *r,
    ngx_uint_t status, const char *code, const ngx_str_t *detail);


static const char *
ngx_http_elohim_title(ngx_uint_t status)
{
    switch (status) {
    case NGX_HTTP_BAD_REQUEST:
        return "Bad Request";
    case NGX_HTTP_UNAUTHORIZED:
        return "Unauthorized";
    case NGX_HTTP_FORBIDDEN:
        return "Forbidden";
    case NGX_HTTP_NOT_FOUND:
        return "Not Found";
    case NGX_HTTP_NOT_ALLOWED:
        return "Method Not Allowed";
    case NGX_HTTP_CONFLICT:
        return "Conflict";
    case 410:
        return "Gone";
    case NGX_HTTP_PRECONDITION_FAILED:
        return "Precondition Failed";
    case NGX_HTTP_REQUEST_ENTITY_TOO_LARGE:
        return "Content Too Large";
    case NGX_HTTP_UNSUPPORTED_MEDIA_TYPE:
        return "Unsupported Media Type";
    case NGX_HTTP_RANGE_NOT_SATISFIABLE:
        return "Range Not Satisfiable";
    case 422:
        return "Unprocessable Content";
    case 423:
        return "Locked";
    case NGX_HTTP_TOO_MANY_REQUESTS:
        return "Too Many Requests";
    case 431:
        return "Request Header Fields Too Large";
    case 460:
        return "Checksum Mismatch"; /* tus 1.0, checksum */
    case NGX_HTTP_CLIENT_CLOSED_REQUEST:
        return "Client Closed Request";
    case NGX_HTTP_INTERNAL_SERVER_ERROR:
        return "Internal Server Error";
    case NGX_HTTP_BAD_GATEWAY:
        return "Bad Gateway";
    case NGX_HTTP_SERVICE_UNAVAILABLE:
        return "Service Unavailable";
    case NGX_HTTP_GATEWAY_TIME_OUT:
        return "Gateway Timeout";
    case NGX_HTTP_INSUFFICIENT_STORAGE:
        return "Insufficient Storage";
    default:
        return "Error";
    }
}


ngx_int_t
ngx_http_elohim_problem(ngx_http_request_t *r, ngx_uint_t status,
    const char *code, const char *detail)
{
    ngx_str_t  s;

    s.data = (u_char *) detail;
    s.len = ngx_strlen(detail);

    return ngx_http_elohim_problem_str(r, status, code, &s);
}


ngx_int_t
ngx_http_elohim_problem_str(ngx_http_request_t *r, ngx_uint_t status,
    const char *code, const ngx_str_t *detail)
{
    ngx_buf_t    *b;
    ngx_int_t     rc;
    ngx_str_t     key = ngx_string("Cache-Control");
    ngx_str_t     value = ngx_string("no-store");
    ngx_chain_t   out;

    if (ngx_http_elohim_has_error_page(r, status)) {
        ngx_http_elohim_keep_logged(r);
        return status;
    }

    /* a client that waits with its body is not asked for it */
    r->expect_tested = 1;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    b = ngx_http_elohim_problem_body(r, status, code, detail);

    if (b == NULL || ngx_http_elohim_common_headers(r) != NGX_OK
        || ngx_http_elohim_header(r, &key, &value) == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&r->headers_out.content_type, NGX_HTTP_ELOHIM_PROBLEM_TYPE);
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.status = status;
    r->headers_out.status_line.len = 0;
    r->headers_out.content_length_n = b->last - b->pos;
    r->headers_out.last_modified_time = -1;
    r->allow_ranges = 0;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_uint_t
ngx_http_elohim_has_error_page(ngx_http_request_t *r, ngx_uint_t status)
{
    ngx_uint_t                 i;
    ngx_http_err_page_t       *page;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->error_pages == NULL || r->uri_changes == 0 || r->error_page) {
        return 0;
    }

    page = clcf->error_pages->elts;

    for (i = 0; i < clcf->error_pages->nelts; i++) {
        if (page[i].status == (ngx_int_t) status) {
            return 1;
        }
    }

    return 0;
}


static ngx_buf_t *
ngx_http_elohim_problem_body(ngx_http_request_t *r, ngx_uint_t status,
    const char *code, const ngx_str_t *detail)
{
    size_t      len, text;
    u_char     *escaped;
    ngx_buf_t  *b;

    text = detail->len + ngx_escape_json(NULL, detail->data, detail->len);

    escaped = ngx_pnalloc(r->pool, text);
    if (escaped == NULL) {
        return NULL;
    }

    (void) ngx_escape_json(escaped, detail->data, detail->len);

    len = sizeof("{\"type\":\"about:blank\",\"title\":\"\",\"status\":000,"
                 "\"detail\":\"\",\"error\":\"\",\"code\":\"\"}\n")
          + ngx_strlen(ngx_http_elohim_title(status)) + 2 * text
          + ngx_strlen(code);

    b = ngx_create_temp_buf(r->pool, len);
    if (b == NULL) {
        return NULL;
    }

    b->last = ngx_snprintf(b->last, len,
                           "{\"type\":\"about:blank\",\"title\":\"%s\","
                           "\"status\":%ui,\"detail\":\"%*s\","
                           "\"error\":\"%*s\",\"code\":\"%s\"}\n",
                           ngx_http_elohim_title(status), status, text,
                           escaped, text, escaped, code);

    b->last_buf = r == r->main;
    b->last_in_chain = 1;

    return b;
}


ngx_int_t
ngx_http_elohim_not_found(ngx_http_request_t *r)
{
    return ngx_http_elohim_problem(r, NGX_HTTP_NOT_FOUND,
                                   elo_err_code(ELO_ENOTFOUND),
                                   elo_err_public(ELO_ENOTFOUND));
}


/* The daemon cannot be asked: come back soon. */

ngx_int_t
ngx_http_elohim_away(ngx_http_request_t *r)
{
    ngx_str_t  key = ngx_string("Retry-After");
    ngx_str_t  value = ngx_string("1");

    if (ngx_http_elohim_header(r, &key, &value) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_elohim_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                   elo_err_code(ELO_EUNAVAIL),
                                   elo_err_public(ELO_EUNAVAIL));
}
