/* SPDX-License-Identifier: BSD-2-Clause */
/* delivery: how fast a client is sent what he may read, and which media he isn't sent,
   by the class of his connection (common/auth/delivery.h). The class is the one
   that he declares; one that is measured would be put beside it by
   elo_class_lower where the rate is set, and nowhere else: only what is declared may
   refuse. Spec: RFC 8942 (Accept-CH). */

#include "ngx_http_elohim_module.h"

#include "common/base/err.h"


static elo_slice_t
ngx_http_elohim_hint(ngx_http_request_t *r, const char *name, size_t len)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == len
                && ngx_memcmp(h[i].lowcase_key, name, len) == 0)
            {
                return elo_slice(h[i].value.data, h[i].value.len);
            }
        }
    }

    return elo_slice(NULL, 0);
}


elo_class_t
ngx_http_elohim_class(ngx_http_request_t *r)
{
    ngx_str_t       bw;
    elo_declared_t  d;

    static const char  downlink[] = "downlink";
    static const char  ect[] = "ect";
    static const char  save_data[] = "save-data";

    d.bw = elo_slice(NULL, 0);

    if (r->args.len
        && ngx_http_arg(r, (u_char *) "bw", 2, &bw) == NGX_OK)
    {
        d.bw = elo_slice(bw.data, bw.len);
    }

    d.downlink = ngx_http_elohim_hint(r, downlink, sizeof(downlink) - 1);
    d.ect = ngx_http_elohim_hint(r, ect, sizeof(ect) - 1);
    d.save_data = ngx_http_elohim_hint(r, save_data, sizeof(save_data) - 1);

    return elo_class_declared(&d);
}


/* Browsers say what they are asked for, to pages that came over https. */

static ngx_int_t
ngx_http_elohim_accept_hints(ngx_http_request_t *r)
{
    static const ngx_str_t  key = ngx_string("Accept-CH");
    static const ngx_str_t  value = ngx_string("Downlink, ECT, Save-Data");

    return ngx_http_elohim_header(r, &key, &value) ? NGX_OK : NGX_ERROR;
}


/* limit_rate and $limit_rate stand above the class. nginx limits nothing that it
   passes on without a buffer: what the daemon decrypts holds one of its connections
   no longer than the client needs. */

static void
ngx_http_elohim_slow_down(ngx_http_request_t *r, size_t rate)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (rate == 0 || r->limit_rate_set || clcf->limit_rate) {
        return;
    }

    r->limit_rate = rate;
    r->limit_rate_set = 1;
}


ngx_int_t
ngx_http_elohim_deliver(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    ngx_uint_t is_media)
{
    elo_class_t                  declared;
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    if (elcf->speeds == NULL
        && !(is_media && ctx->reach == ELO_REACH_PRIVATE))
    {
        return NGX_OK;
    }

    declared = ngx_http_elohim_class(r);

    if (is_media && elo_delivery(ctx->reach, declared).is_refused) {
        return ngx_http_elohim_end(
            ctx, ngx_http_elohim_problem(r, elo_err_status(ELO_EBANDWIDTH),
                                         elo_err_code(ELO_EBANDWIDTH),
                                         elo_err_public(ELO_EBANDWIDTH)));
    }

    if (elcf->speeds == NULL || r != r->main) {
        return NGX_OK;
    }

    ngx_http_elohim_slow_down(r, elcf->speeds->rate[declared]);

    if (!ctx->hinted && ngx_http_elohim_accept_hints(r) != NGX_OK) {
        return ngx_http_elohim_end(ctx, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }

    ctx->hinted = 1;

    return NGX_OK;
}


/* elohim_delivery_rate off | [low=SIZE] [medium=SIZE] [high=SIZE] [ultra=SIZE] */

char *
ngx_http_elohim_set_delivery(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_elohim_loc_conf_t  *elcf = conf;

    u_char                    *eq;
    ssize_t                    size;
    ngx_str_t                 *value, s;
    ngx_uint_t                 i;
    elo_class_t                c;
    ngx_http_elohim_speeds_t  *speeds;

    if (elcf->speeds != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        elcf->speeds = NULL;
        return NGX_CONF_OK;
    }

    speeds = ngx_pcalloc(cf->pool, sizeof(ngx_http_elohim_speeds_t));
    if (speeds == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {
        c = ELO_CLASS_UNKNOWN;
        size = NGX_ERROR;
        eq = (u_char *) ngx_strchr(value[i].data, '=');

        if (eq) {
            c = elo_class_parse(elo_slice(value[i].data,
                                          eq - value[i].data));
            s.data = eq + 1;
            s.len = value[i].data + value[i].len - s.data;
            size = ngx_parse_size(&s);
        }

        if (c == ELO_CLASS_UNKNOWN || size < 1 || speeds->rate[c]) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "elohim_delivery_rate: \"%V\" is no rate of a "
                               "class: write each of low=, medium=, high=, "
                               "ultra= once, as bytes a second, such as "
                               "low=256k", &value[i]);
            return NGX_CONF_ERROR;
        }

        speeds->rate[c] = size;
    }

    elcf->speeds = speeds;

    return NGX_CONF_OK;
}
