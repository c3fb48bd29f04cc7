/* SPDX-License-Identifier: BSD-2-Clause */
/* vars: the module's variables, and request lines without their secrets, for
   the access log ($elohim_request) and the error log. */

#include "ngx_http_elohim_module.h"


#define NGX_HTTP_ELOHIM_REDACTED "***"


static ngx_int_t ngx_http_elohim_cache_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_elohim_reach_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_elohim_decision_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_elohim_request_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static u_char *ngx_http_elohim_log_handler(ngx_http_request_t *r,
    ngx_http_request_t *sr, u_char *buf, size_t len);


/* clang-format off */

static ngx_http_variable_t  ngx_http_elohim_vars[] = {

    { ngx_string("elohim_cache_status"), NULL,
      ngx_http_elohim_cache_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("elohim_status"), NULL,
      ngx_http_elohim_cache_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("elohim_reach"), NULL,
      ngx_http_elohim_reach_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("elohim_decision"), NULL,
      ngx_http_elohim_decision_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("elohim_request"), NULL,
      ngx_http_elohim_request_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};

/* clang-format on */


ngx_int_t
ngx_http_elohim_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_elohim_vars; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_elohim_set_text(ngx_http_variable_value_t *v, const char *text)
{
    if (text == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->len = ngx_strlen(text);
    v->data = (u_char *) text;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_elohim_cache_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    const char             *text;
    ngx_http_elohim_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_elohim_module);

    text = ctx == NULL || ctx->cache == NGX_HTTP_ELOHIM_NO_CACHE ? NULL
           : ctx->cache == NGX_HTTP_ELOHIM_HIT ? "HIT" : "MISS";

    return ngx_http_elohim_set_text(v, text);
}


static ngx_int_t
ngx_http_elohim_reach_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_elohim_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_elohim_module);

    return ngx_http_elohim_set_text(
        v, ctx && ctx->decision != NGX_HTTP_ELOHIM_UNDECIDED
           ? elo_reach_name(ctx->reach) : NULL);
}


static ngx_int_t
ngx_http_elohim_decision_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    const char             *text;
    ngx_http_elohim_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_elohim_module);

    text = ctx == NULL || ctx->decision == NGX_HTTP_ELOHIM_UNDECIDED ? NULL
           : ctx->decision == NGX_HTTP_ELOHIM_ALLOW ? "allow" : "deny";

    return ngx_http_elohim_set_text(v, text);
}


/* Is this parameter's name "token", however it is spelled? */

static ngx_uint_t
ngx_http_elohim_is_secret(const u_char *p, const u_char *end)
{
    u_char        c;
    ngx_int_t     hex;
    ngx_uint_t    i;
    const u_char  *name = (const u_char *) "token";

    for (i = 0; p < end && *p != '='; i++) {
        c = *p++;

        if (c == '%' && end - p >= 2) {
            hex = ngx_hextoi((u_char *) p, 2);
            if (hex != NGX_ERROR) {
                c = (u_char) hex;
                p += 2;
            }
        }

        if (name[i] == '\0' || ngx_tolower(c) != name[i]) {
            return 0;
        }
    }

    return name[i] == '\0' && p < end;
}


/* Writes at most last - p bytes of the request line, the values of secret
   parameters replaced. */

static u_char *
ngx_http_elohim_redact(u_char *p, u_char *last, const ngx_str_t *line)
{
    u_char  *s, *end, *stop, *eq;

    s = line->data;
    end = s + line->len;
    stop = ngx_strlchr(s, end, '?');

    if (stop == NULL) {
        return ngx_cpymem(p, s, ngx_min(end - s, last - p));
    }

    while (s < end) {
        stop++; /* behind the delimiter */
        p = ngx_cpymem(p, s, ngx_min(stop - s, last - p));
        s = stop;

        while (stop < end && *stop != '&' && *stop != ';' && *stop != ' ') {
            stop++;
        }

        if (ngx_http_elohim_is_secret(s, stop)) {
            eq = ngx_strlchr(s, stop, '=') + 1;
            p = ngx_cpymem(p, s, ngx_min(eq - s, last - p));
            p = ngx_cpymem(p, NGX_HTTP_ELOHIM_REDACTED,
                           ngx_min((ssize_t) sizeof(NGX_HTTP_ELOHIM_REDACTED)
                                   - 1, last - p));
            s = stop;
        }

        if (stop == end || *stop == ' ') {
            return ngx_cpymem(p, s, ngx_min(end - s, last - p));
        }
    }

    return p;
}


static ngx_int_t
ngx_http_elohim_request_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    size_t      i, max;
    ngx_str_t  *line;

    line = &r->main->request_line;

    /* each parameter can grow by the marker's length at most */

    max = line->len;
    for (i = 0; i < line->len; i++) {
        if (line->data[i] == '=') {
            max += sizeof(NGX_HTTP_ELOHIM_REDACTED) - 1;
        }
    }

    v->data = ngx_pnalloc(r->pool, max + 1);
    if (v->data == NULL) {
        return NGX_ERROR;
    }

    v->len = ngx_http_elohim_redact(v->data, v->data + max, line) - v->data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


/* From now on the error log shows this request without its secrets. */

ngx_int_t
ngx_http_elohim_redact_log(ngx_http_request_t *r)
{
    if (r->main->args.len) {
        r->main->log_handler = ngx_http_elohim_log_handler;
    }

    return NGX_DECLINED;
}


static u_char *
ngx_http_elohim_log_handler(ngx_http_request_t *r, ngx_http_request_t *sr,
    u_char *buf, size_t len)
{
    u_char                    *p, *last;
    ngx_http_core_srv_conf_t  *cscf;

    last = buf + len;
    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);

    p = buf;

    if (cscf->server_name.len) {
        p = ngx_snprintf(p, last - p, ", server: %V", &cscf->server_name);
    }

    p = ngx_snprintf(p, last - p, ", request: \"");
    p = ngx_http_elohim_redact(p, last, &r->request_line);
    p = ngx_snprintf(p, last - p, "\"");

    if (r != sr) {
        p = ngx_snprintf(p, last - p, ", subrequest: \"%V\"", &sr->uri);
    }

    if (r->headers_in.host) {
        p = ngx_snprintf(p, last - p, ", host: \"%V\"",
                         &r->headers_in.host->value);
    }

    return p;
}
