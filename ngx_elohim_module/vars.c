/* SPDX-License-Identifier: BSD-2-Clause */
/* vars: the module's variables. */

#include "ngx_http_elohim_module.h"


static ngx_int_t ngx_http_elohim_cache_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_elohim_reach_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_elohim_decision_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_elohim_agent_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_elohim_fill_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_elohim_tier_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_elohim_age_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_elohim_class_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_elohim_request_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


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

    { ngx_string("elohim_agent"), NULL,
      ngx_http_elohim_agent_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("elohim_fill_time"), NULL,
      ngx_http_elohim_fill_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("elohim_tier"), NULL,
      ngx_http_elohim_tier_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("elohim_age"), NULL,
      ngx_http_elohim_age_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("elohim_class"), NULL,
      ngx_http_elohim_class_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

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
ngx_http_elohim_set_number(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uint64_t n)
{
    u_char  *p;

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *ngx_sprintf(p, "%uL", n) = '\0';

    return ngx_http_elohim_set_text(v, (const char *) p);
}


static ngx_int_t
ngx_http_elohim_cache_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    const ngx_str_t        *word;
    ngx_http_elohim_ctx_t  *ctx;

    ctx = ngx_http_elohim_logged(r);
    word = ngx_http_elohim_cache_word(ctx);

    return ngx_http_elohim_set_text(v, word ? (const char *) word->data : NULL);
}


static ngx_int_t
ngx_http_elohim_reach_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_elohim_ctx_t  *ctx;

    ctx = ngx_http_elohim_logged(r);

    return ngx_http_elohim_set_text(
        v, ctx && ctx->decision != NGX_HTTP_ELOHIM_UNDECIDED
           ? elo_reach_name(ctx->reach) : NULL);
}


/* The rule of the gate that let the request in or kept it out. */

static ngx_int_t
ngx_http_elohim_decision_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_elohim_ctx_t  *ctx;

    ctx = ngx_http_elohim_logged(r);

    return ngx_http_elohim_set_text(
        v, ctx && ctx->decision != NGX_HTTP_ELOHIM_UNDECIDED
           ? elo_rule_name(ctx->rule) : NULL);
}


/* Who asked, in hexadecimal digits; nothing when nobody has proved who he is. */

static ngx_int_t
ngx_http_elohim_agent_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    char                   *text;
    ngx_http_elohim_ctx_t  *ctx;

    ctx = ngx_http_elohim_logged(r);

    if (ctx == NULL || !ngx_http_elohim_is_agent(ctx)) {
        return ngx_http_elohim_set_text(v, NULL);
    }

    text = ngx_pnalloc(r->pool, 2 * ELO_AGENT_LEN + 1);
    if (text == NULL) {
        return NGX_ERROR;
    }

    elo_agent_text(&ctx->session.agent, text);

    return ngx_http_elohim_set_text(v, text);
}


/* ms from the question for the first piece to its first byte; nothing when it was
   there. */

static ngx_int_t
ngx_http_elohim_fill_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_elohim_ctx_t  *ctx;

    ctx = ngx_http_elohim_logged(r);

    if (ctx == NULL || !ctx->filled) {
        return ngx_http_elohim_set_text(v, NULL);
    }

    return ngx_http_elohim_set_number(r, v, (ngx_msec_t) ctx->fill_time);
}


/* Where the bytes came from; nothing when the daemon gave them, or there were none. */

static ngx_int_t
ngx_http_elohim_tier_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_elohim_ctx_t  *ctx;

#define ELO_BY_SOURCE(name, text)  text,
    static const char *const  names[] = {
#include "common/base/metrics.def"
    };

    ctx = ngx_http_elohim_logged(r);

    return ngx_http_elohim_set_text(
        v, ctx && ctx->tier != ELO_BY_SOURCE_NONE ? names[ctx->tier] : NULL);
}


/* Seconds since what was served came; nothing when it came for this request. */

static ngx_int_t
ngx_http_elohim_age_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_elohim_ctx_t  *ctx;

    ctx = ngx_http_elohim_logged(r);

    if (ctx == NULL || !ctx->has_age
        || ctx->cache == NGX_HTTP_ELOHIM_MISS
        || ctx->cache == NGX_HTTP_ELOHIM_BYPASS)
    {
        return ngx_http_elohim_set_text(v, NULL);
    }

    return ngx_http_elohim_set_number(r, v, ctx->age);
}


/* What the client says of his connection: low, medium, high, ultra, or nothing. */

static ngx_int_t
ngx_http_elohim_class_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    return ngx_http_elohim_set_text(
        v, elo_class_name(ngx_http_elohim_class(r->main)));
}


static ngx_int_t
ngx_http_elohim_request_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    size_t      max;
    ngx_str_t  *line;

    line = &r->main->request_line;
    max = ngx_http_elohim_redact_max(line);

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
