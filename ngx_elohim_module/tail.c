/* SPDX-License-Identifier: BSD-2-Clause */
/* tail: the last look at a header, behind the filters that change what is sent
   (sub_filter, gzip and its like, addition, SSI, image filters), which it therefore
   needs a module of its own for: "config" says where it stands. A digest is of what
   we gave; they say that they have changed it by an entity tag that is weak, or
   gone. Spec: RFC 9530, 3 (Repr-Digest); RFC 9110, 8.8.1. Behind those filters it is
   also known what nginx would have a thread send: resident.c. */

#include "ngx_http_elohim_module.h"


static ngx_int_t ngx_http_elohim_tail_init(ngx_conf_t *cf);


static ngx_http_output_header_filter_pt  ngx_http_elohim_next_header_filter;


/* clang-format off */

static ngx_http_module_t  ngx_http_elohim_tail_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_http_elohim_tail_init,             /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_http_elohim_tail_module = {
    NGX_MODULE_V1,
    &ngx_http_elohim_tail_module_ctx,      /* module context */
    NULL,                                  /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};

/* clang-format on */


static void
ngx_http_elohim_drop_digest(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    static const ngx_str_t  repr = ngx_string("Repr-Digest");

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == repr.len
                && ngx_strncasecmp(h[i].key.data, repr.data, repr.len) == 0)
            {
                h[i].hash = 0;
            }
        }
    }
}


static ngx_int_t
ngx_http_elohim_tail_filter(ngx_http_request_t *r)
{
    ngx_table_elt_t             *etag;
    ngx_http_elohim_loc_conf_t  *elcf;

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);
    etag = r->headers_out.etag;

    if (elcf->enable && r == r->main
        && (etag == NULL || etag->value.len == 0 || etag->value.data[0] != '"'))
    {
        ngx_http_elohim_drop_digest(r);
    }

    return ngx_http_elohim_next_header_filter(r);
}


static ngx_int_t
ngx_http_elohim_tail_init(ngx_conf_t *cf)
{
    ngx_http_elohim_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_elohim_tail_filter;

    ngx_http_elohim_add_resident_filter();

    return NGX_OK;
}
