/* SPDX-License-Identifier: BSD-2-Clause */
/* chain: buffers for a part of a body: bytes of its prefix that lie in memory,
   and extents of its file, which go out by sendfile. Media is not copied. */

#include "ngx_http_elohim_module.h"


#define NGX_HTTP_ELOHIM_BOUNDARY_LEN 20


static ngx_buf_t *
ngx_http_elohim_chain_add(ngx_http_request_t *r, ngx_chain_t ***tail)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    cl = ngx_alloc_chain_link(r->pool);
    if (cl == NULL) {
        return NULL;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NULL;
    }

    cl->buf = b;
    cl->next = NULL;
    **tail = cl;
    *tail = &cl->next;

    return b;
}


static ngx_inline elo_extent_t
ngx_http_elohim_extent(const ngx_http_elohim_body_t *body, uint32_t i)
{
    return body->recipe ? elo_recipe_extent(body->recipe, i) : body->extent;
}


/* Appends [start, end) of the body. Extents that touch become one buffer. */

ngx_int_t
ngx_http_elohim_chain(ngx_http_request_t *r,
    const ngx_http_elohim_body_t *body, ngx_file_t *file, uint64_t start,
    uint64_t end, ngx_chain_t ***tail)
{
    off_t          from, to;
    uint32_t       i, n;
    uint64_t       at, next;
    ngx_buf_t     *b, *last;
    elo_extent_t   e;

    at = body->prefix.len;

    if (start < at && start < end) {
        b = ngx_http_elohim_chain_add(r, tail);
        if (b == NULL) {
            return NGX_ERROR;
        }

        b->memory = 1;
        b->pos = (u_char *) body->prefix.p + start;
        b->last = (u_char *) body->prefix.p + ngx_min(end, at);
    }

    last = NULL;
    n = body->recipe ? body->recipe->n_extents : file != NULL;

    for (i = 0; i < n && at < end; i++, at = next) {
        e = ngx_http_elohim_extent(body, i);
        next = at + e.len;

        if (next <= start || e.len == 0) {
            continue;
        }

        from = e.offset + (start > at ? start - at : 0);
        to = e.offset + (end < next ? end - at : e.len);

        if (last && last->file_last == from) {
            last->file_last = to;
            continue;
        }

        last = ngx_http_elohim_chain_add(r, tail);
        if (last == NULL) {
            return NGX_ERROR;
        }

        last->in_file = 1;
        last->file = file;
        last->file_pos = from;
        last->file_last = to;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_elohim_part_head(ngx_http_request_t *r,
    const ngx_http_elohim_body_t *body, const u_char *boundary,
    const elo_range_t *range, off_t *total, ngx_chain_t ***tail)
{
    size_t      len;
    ngx_buf_t  *b;
    ngx_str_t   type;

    type = ngx_http_elohim_type(body->content_type);

    len = sizeof("\r\n--\r\nContent-Type: \r\nContent-Range: bytes -/\r\n\r\n")
          + NGX_HTTP_ELOHIM_BOUNDARY_LEN + type.len + 3 * NGX_OFF_T_LEN;

    b = ngx_http_elohim_chain_add(r, tail);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = ngx_pnalloc(r->pool, len);
    if (b->pos == NULL) {
        return NGX_ERROR;
    }

    b->temporary = 1;
    b->last = ngx_sprintf(b->pos,
                          "\r\n--%*s\r\nContent-Type: %V\r\n"
                          "Content-Range: bytes %O-%O/%O\r\n\r\n",
                          (size_t) NGX_HTTP_ELOHIM_BOUNDARY_LEN, boundary,
                          &type, (off_t) range->start, (off_t) range->end - 1,
                          (off_t) body->size);

    *total += b->last - b->pos + (off_t) (range->end - range->start);

    return NGX_OK;
}


/* multipart/byteranges (RFC 9110, 14.6): sets Content-Type and length. The
   boundary is random: it must not be found in what people have stored. */

ngx_int_t
ngx_http_elohim_multipart(ngx_http_request_t *r,
    const ngx_http_elohim_body_t *body, ngx_file_t *file,
    const elo_range_set_t *set, ngx_chain_t ***tail)
{
    off_t        total;
    u_char       boundary[NGX_HTTP_ELOHIM_BOUNDARY_LEN + 1];
    uint32_t     i;
    ngx_str_t   *type;
    ngx_buf_t   *b;

    total = 0;
    type = &r->headers_out.content_type;

    ngx_sprintf(boundary, "%010uD%010uD", (uint32_t) ngx_random(),
                (uint32_t) ngx_next_temp_number(0));

    for (i = 0; i < set->n; i++) {
        if (ngx_http_elohim_part_head(r, body, boundary, &set->r[i], &total,
                                      tail)
            != NGX_OK
            || ngx_http_elohim_chain(r, body, file, set->r[i].start,
                                     set->r[i].end, tail)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    b = ngx_http_elohim_chain_add(r, tail);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->temporary = 1;
    b->pos = ngx_pnalloc(r->pool, NGX_HTTP_ELOHIM_BOUNDARY_LEN + 8);
    type->data = ngx_pnalloc(r->pool, NGX_HTTP_ELOHIM_BOUNDARY_LEN
                             + sizeof("multipart/byteranges; boundary="));
    if (b->pos == NULL || type->data == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_sprintf(b->pos, "\r\n--%*s--\r\n",
                          (size_t) NGX_HTTP_ELOHIM_BOUNDARY_LEN, boundary);
    total += b->last - b->pos;

    type->len = ngx_sprintf(type->data, "multipart/byteranges; boundary=%*s",
                            (size_t) NGX_HTTP_ELOHIM_BOUNDARY_LEN, boundary)
                - type->data;

    r->headers_out.content_type_len = type->len;
    r->headers_out.content_length_n = total;

    return NGX_OK;
}
