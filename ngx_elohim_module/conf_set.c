/* SPDX-License-Identifier: BSD-2-Clause */
/* conf_set: directives that are more than a value: the daemon's socket, the
   store's root; each socket and each root once. */

#include "ngx_http_elohim_module.h"


char *
ngx_http_elohim_set_enable(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_elohim_loc_conf_t  *elcf = conf;

    elcf->file = cf->conf_file->file.name.data;
    elcf->line = cf->conf_file->line;
    elcf->own = 1;

    return ngx_conf_set_flag_slot(cf, cmd, conf);
}


char *
ngx_http_elohim_set_backend(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_elohim_loc_conf_t  *elcf = conf;

    ngx_url_t                     u;
    ngx_str_t                    *value;
    ngx_uint_t                    i;
    ngx_http_elohim_backend_t    *b, **bp;
    ngx_http_elohim_main_conf_t  *emcf;

    if (elcf->backend) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len < 6 || ngx_strncmp(value[1].data, "unix:", 5) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not the daemon's socket: write "
                           "\"unix:/path/of/socket\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&u, sizeof(ngx_url_t));
    u.url = value[1];

    if (ngx_parse_url(cf->pool, &u) != NGX_OK || u.naddrs != 1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s in \"%V\"",
                           u.err ? u.err : "invalid address", &value[1]);
        return NGX_CONF_ERROR;
    }

    emcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_elohim_module);
    bp = emcf->backends.elts;

    for (i = 0; i < emcf->backends.nelts; i++) {
        if (ngx_cmp_sockaddr(bp[i]->addr.sockaddr, bp[i]->addr.socklen,
                             u.addrs[0].sockaddr, u.addrs[0].socklen, 1)
            == NGX_OK)
        {
            elcf->backend = bp[i];
            return NGX_CONF_OK;
        }
    }

    if (emcf->backends.nelts == NGX_HTTP_ELOHIM_BACKENDS) {
        return "names too many different sockets";
    }

    b = ngx_pcalloc(cf->pool, sizeof(ngx_http_elohim_backend_t));
    bp = ngx_array_push(&emcf->backends);
    if (b == NULL || bp == NULL) {
        return NGX_CONF_ERROR;
    }

    b->addr = u.addrs[0];
    b->index = emcf->backends.nelts - 1;

    b->upstream = ngx_http_upstream_add(cf, &u, 0);
    if (b->upstream == NULL) {
        return NGX_CONF_ERROR;
    }

    *bp = b;
    elcf->backend = b;

    return NGX_CONF_OK;
}


char *
ngx_http_elohim_set_store(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_elohim_loc_conf_t  *elcf = conf;

    ngx_str_t                    *value, root;
    ngx_uint_t                    i;
    ngx_http_elohim_store_t      *s, **sp;
    ngx_http_elohim_main_conf_t  *emcf;

    if (elcf->store) {
        return "is duplicate";
    }

    value = cf->args->elts;
    root = value[1];

    if (root.len == 0) {
        return "is empty: write the directory that elohimd keeps its store in";
    }

    if (ngx_conf_full_name(cf->cycle, &root, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    while (root.len > 1 && root.data[root.len - 1] == '/') {
        root.data[--root.len] = '\0';
    }

    emcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_elohim_module);
    sp = emcf->stores.elts;

    for (i = 0; i < emcf->stores.nelts; i++) {
        if (sp[i]->root.len == root.len
            && ngx_memcmp(sp[i]->root.data, root.data, root.len) == 0)
        {
            elcf->store = sp[i];
            return NGX_CONF_OK;
        }
    }

    s = ngx_pcalloc(cf->pool, sizeof(ngx_http_elohim_store_t));
    sp = ngx_array_push(&emcf->stores);
    if (s == NULL || sp == NULL) {
        return NGX_CONF_ERROR;
    }

    s->root = root;
    *sp = s;
    elcf->store = s;

    return NGX_CONF_OK;
}


/* elohim_auth_rate: a client's, and a worker's clients' together. */

char *
ngx_http_elohim_set_auth_rate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_elohim_loc_conf_t  *elcf = conf;

    ngx_int_t    n[2];
    ngx_str_t   *value;
    ngx_uint_t   i;

    if (elcf->auth_rate != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;
    n[0] = 0;
    n[1] = 0;

    for (i = 1; i < cf->args->nelts; i++) {
        n[i - 1] = ngx_atoi(value[i].data, value[i].len);

        if (n[i - 1] < 1 || n[i - 1] > NGX_HTTP_ELOHIM_AUTH_MOST) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" is no rate: write a number of "
                               "questions a second, from 1 to %d", &value[i],
                               NGX_HTTP_ELOHIM_AUTH_MOST);
            return NGX_CONF_ERROR;
        }
    }

    elcf->auth_rate = n[0];
    elcf->auth_total = cf->args->nelts > 2
                       ? n[1] : n[0] * NGX_HTTP_ELOHIM_AUTH_TOTAL;

    if (elcf->auth_total < elcf->auth_rate) {
        return "has a total that is less than the rate of one client";
    }

    return NGX_CONF_OK;
}
