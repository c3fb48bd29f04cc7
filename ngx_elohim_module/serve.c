/* SPDX-License-Identifier: BSD-2-Clause */
/* serve: sends a body whose reading was allowed: preconditions, ranges, header
   fields, and the file by nginx's own open-file cache and output chain, so that
   sendfile, directio, aio threads and limit_rate work as configured.
   Spec: RFC 9110, 8, 13, 14; RFC 9211; RFC 9530. */

#include "ngx_http_elohim_module.h"

#include "common/base/err.h"


static ngx_int_t ngx_http_elohim_judge(ngx_http_request_t *r,
    const ngx_http_elohim_body_t *body, elo_range_set_t *set);
static ngx_int_t ngx_http_elohim_not_modified(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const ngx_http_elohim_body_t *body);
static ngx_int_t ngx_http_elohim_unsatisfiable(ngx_http_request_t *r,
    const ngx_http_elohim_body_t *body);
static ngx_int_t ngx_http_elohim_bytes(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const ngx_http_elohim_body_t **body,
    ngx_file_t **file, ngx_http_elohim_body_t *small);
static ngx_int_t ngx_http_elohim_open(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const ngx_http_elohim_body_t *body,
    ngx_file_t **file);
static ngx_int_t ngx_http_elohim_content_range(ngx_http_request_t *r,
    const elo_range_t *range, uint64_t size);


static const ngx_str_t  ngx_http_elohim_content_range_key =
    ngx_string("Content-Range");


ngx_int_t
ngx_http_elohim_serve(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    const ngx_http_elohim_body_t *body)
{
    ngx_int_t                rc;
    ngx_file_t              *file;
    ngx_chain_t             *out;
    elo_range_set_t          set;
    ngx_http_elohim_body_t   small;

    if (ngx_http_elohim_judged(r, ctx, body, &set) != NGX_OK) {
        return ctx->rc;
    }

    rc = ngx_http_elohim_bytes(r, ctx, &body, &file, &small);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_elohim_layout(r, ctx, body, file, &set, &out) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    if (out == NULL) {
        return ngx_http_send_special(r, NGX_HTTP_LAST);
    }

    return ngx_http_output_filter(r, out);
}


/* NGX_OK with what to send in set, or ANSWERED. */

ngx_int_t
ngx_http_elohim_judged(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    const ngx_http_elohim_body_t *body, elo_range_set_t *set)
{
    ngx_int_t  rc;

    if (!ngx_http_elohim_is_allowed(ctx, body->key)) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "elohim: content without an allow");
        return ngx_http_elohim_end(ctx, NGX_HTTP_FORBIDDEN);
    }

    set->n = 0;
    rc = ngx_http_elohim_judge(r, body, set);

    switch (rc) {
    case NGX_HTTP_NOT_MODIFIED:
        rc = ngx_http_elohim_not_modified(r, ctx, body);
        break;

    case NGX_HTTP_PRECONDITION_FAILED:
        rc = ngx_http_elohim_problem(r, rc, elo_err_code(ELO_EPRECOND),
                                     elo_err_public(ELO_EPRECOND));
        break;

    case NGX_HTTP_RANGE_NOT_SATISFIABLE:
        rc = ngx_http_elohim_unsatisfiable(r, body);
        break;

    default:
        return NGX_OK;
    }

    return ngx_http_elohim_end(ctx, rc);
}


/* The header, unsent, and buffers for what follows it; the last one is marked. */

ngx_int_t
ngx_http_elohim_layout(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    const ngx_http_elohim_body_t *body, ngx_file_t *file,
    const elo_range_set_t *set, ngx_chain_t **out)
{
    ngx_int_t      rc;
    ngx_chain_t   *cl, **tail;

    *out = NULL;
    tail = out;
    r->headers_out.content_type = ngx_http_elohim_type(body->content_type);
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.status = set->n ? NGX_HTTP_PARTIAL_CONTENT : NGX_HTTP_OK;

    if (set->n > 1) {
        rc = ngx_http_elohim_multipart(r, body, file, set, &tail);

    } else if (set->n == 1) {
        r->headers_out.content_length_n = set->r[0].end - set->r[0].start;
        rc = ngx_http_elohim_content_range(r, &set->r[0], body->size);

        if (rc == NGX_OK) {
            rc = ngx_http_elohim_chain(r, body, file, set->r[0].start,
                                       set->r[0].end, &tail);
        }

    } else {
        r->headers_out.content_length_n = body->size;
        rc = ngx_http_elohim_chain(r, body, file, 0, body->size, &tail);
    }

    if (rc != NGX_OK || ngx_http_elohim_body_fields(r, ctx, body) != NGX_OK) {
        return NGX_ERROR;
    }

    if (*out != NULL) {
        for (cl = *out; cl->next; cl = cl->next) { /* void */ }

        cl->buf->last_buf = r == r->main;
        cl->buf->last_in_chain = 1;
    }

    return NGX_OK;
}


static ngx_inline elo_slice_t
ngx_http_elohim_value(const ngx_table_elt_t *h)
{
    return h ? elo_slice(h->value.data, h->value.len) : elo_slice(NULL, 0);
}


/* NGX_OK with what to send in set, or 304, 412, 416. */

static ngx_int_t
ngx_http_elohim_judge(ngx_http_request_t *r,
    const ngx_http_elohim_body_t *body, elo_range_set_t *set)
{
    elo_slice_t                  etag;
    elo_precond_t                c;
    elo_range_verdict_t          verdict;
    ngx_http_headers_in_t       *in;
    ngx_http_elohim_loc_conf_t  *elcf;

    /* An error page and a part of another page are sent as they are. */

    if (r->err_status || (r != r->main && !r->subrequest_ranges)) {
        return NGX_OK;
    }

    in = &r->headers_in;
    etag = elo_slice(body->etag.data, body->etag.len);

    ngx_memzero(&c, sizeof(elo_precond_t));

    if (r == r->main
        && (in->if_match || in->if_none_match || in->if_modified_since
            || in->if_unmodified_since))
    {
        /* nginx refuses a second line of any of these fields */

        c.if_match = ngx_http_elohim_value(in->if_match);
        c.if_none_match = ngx_http_elohim_value(in->if_none_match);

        if (body->mtime >= 0) {
            c.if_modified_since = ngx_http_elohim_value(in->if_modified_since);
            c.if_unmodified_since =
                ngx_http_elohim_value(in->if_unmodified_since);
        }

        switch (elo_precond_eval(&c, true, etag, body->mtime)) {
        case ELO_PRECOND_NOT_MODIFIED:
            return NGX_HTTP_NOT_MODIFIED;
        case ELO_PRECOND_FAILED:
            return NGX_HTTP_PRECONDITION_FAILED;
        case ELO_PRECOND_GO:
            break;
        }
    }

    if (in->range == NULL || r->method != NGX_HTTP_GET) {
        /* RFC 9110, 14.2: Range means something for GET only */
        return NGX_OK;
    }

    if (in->if_range) {
        c.if_range = ngx_http_elohim_value(in->if_range);

        if (!elo_precond_range_ok(&c, etag, body->mtime)) {
            return NGX_OK;
        }
    }

    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);
    verdict = elo_range_parse(ngx_http_elohim_value(in->range), body->size,
                              set);

    if (verdict == ELO_RANGE_UNSATISFIABLE) {
        return NGX_HTTP_RANGE_NOT_SATISFIABLE;
    }

    if (verdict == ELO_RANGE_NONE || set->n > (uint32_t) elcf->max_ranges) {
        set->n = 0;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_elohim_not_modified(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const ngx_http_elohim_body_t *body)
{
    if (ngx_http_elohim_body_fields(r, ctx, body) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_NOT_MODIFIED;
    r->headers_out.content_type.len = 0;
    r->headers_out.content_length_n = -1;
    r->header_only = 1;

    return ngx_http_send_header(r);
}


static ngx_int_t
ngx_http_elohim_unsatisfiable(ngx_http_request_t *r,
    const ngx_http_elohim_body_t *body)
{
    ngx_str_t  value;

    value.data = ngx_pnalloc(r->pool, sizeof("bytes */") + NGX_OFF_T_LEN);
    if (value.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    value.len = ngx_sprintf(value.data, "bytes */%O", (off_t) body->size)
                - value.data;

    if (ngx_http_elohim_header(r, &ngx_http_elohim_content_range_key, &value)
        == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_elohim_problem(r, NGX_HTTP_RANGE_NOT_SATISFIABLE,
                                   elo_err_code(ELO_ERANGE),
                                   elo_err_public(ELO_ERANGE));
}


static ngx_int_t
ngx_http_elohim_content_range(ngx_http_request_t *r, const elo_range_t *range,
    uint64_t size)
{
    ngx_str_t  value;

    value.data = ngx_pnalloc(r->pool, sizeof("bytes -/") + 3 * NGX_OFF_T_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "bytes %O-%O/%O",
                            (off_t) range->start, (off_t) range->end - 1,
                            (off_t) size)
                - value.data;

    return ngx_http_elohim_header(r, &ngx_http_elohim_content_range_key,
                                  &value)
           ? NGX_OK : NGX_ERROR;
}


/* The bytes: in memory, which *body is about then, or in the open file. */

static ngx_int_t
ngx_http_elohim_bytes(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    const ngx_http_elohim_body_t **body, ngx_file_t **file,
    ngx_http_elohim_body_t *small)
{
    ngx_int_t  rc;

    *file = NULL;

    if ((*body)->name.len == 0) {
        return NGX_OK;
    }

    rc = ngx_http_elohim_complete_get(r, ctx, *body, small);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_elohim_open(r, ctx, *body, file);
        if (rc != NGX_OK) {
            return rc;
        }

        rc = ngx_http_elohim_complete_fill(r, ctx, *body, *file, small);
        if (rc == NGX_DECLINED) {
            return NGX_OK;
        }
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    *file = NULL;
    *body = small;

    return NGX_OK;
}


/* A segment of the log grows while nginx has it in its cache of open files. */

static off_t
ngx_http_elohim_fd_size(ngx_fd_t fd)
{
    ngx_file_info_t  fi;

    return ngx_fd_info(fd, &fi) == NGX_FILE_ERROR ? 0 : ngx_file_size(&fi);
}


/* STALE when the file is not what the grant says of it. */

static ngx_int_t
ngx_http_elohim_open(ngx_http_request_t *r, ngx_http_elohim_ctx_t *ctx,
    const ngx_http_elohim_body_t *body, ngx_file_t **out)
{
    ngx_str_t                    path;
    ngx_file_t                  *file;
    ngx_open_file_info_t         of;
    ngx_http_core_loc_conf_t    *clcf;
    ngx_http_elohim_loc_conf_t  *elcf;

    if (!elo_store_name_ok(body->name)) {
        ngx_log_error(NGX_LOG_ALERT, r->connection->log, 0,
                      "elohim: granted file has no name of the store");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    elcf = ngx_http_get_module_loc_conf(r, ngx_http_elohim_module);

    file = ngx_pcalloc(r->pool, sizeof(ngx_file_t));
    path.len = elcf->store->root.len + 1 + body->name.len;
    path.data = ngx_pnalloc(r->pool, path.len + 1);
    if (file == NULL || path.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    file->name.data = path.data;
    path.data = ngx_cpymem(path.data, elcf->store->root.data,
                           elcf->store->root.len);
    *path.data++ = '/';
    path.data = ngx_cpymem(path.data, body->name.p, body->name.len);
    *path.data = '\0';
    path.data = file->name.data;

    ngx_memzero(&of, sizeof(ngx_open_file_info_t));

    of.read_ahead = clcf->read_ahead;
    of.directio = clcf->directio;
    of.valid = clcf->open_file_cache_valid;
    of.min_uses = clcf->open_file_cache_min_uses;
    of.errors = clcf->open_file_cache_errors;
    of.events = clcf->open_file_cache_events;

    if (ngx_http_set_disable_symlinks(r, clcf, &path, &of) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_open_cached_file(clcf->open_file_cache, &path, &of, r->pool)
        != NGX_OK)
    {
        if (of.err == NGX_ENOENT || of.err == NGX_ENOTDIR) {
            return NGX_HTTP_ELOHIM_STALE;
        }

        ngx_log_error(NGX_LOG_CRIT, r->connection->log, of.err,
                      "%s \"%s\" failed", of.failed, path.data);

        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!of.is_file
        || (of.size < (off_t) body->file_size
            && ngx_http_elohim_fd_size(of.fd) < (off_t) body->file_size))
    {
        ctx->truncated = 1;
        return NGX_HTTP_ELOHIM_STALE;
    }

    file->fd = of.fd;
    file->info.st_ino = of.uniq;
    file->name = path;
    file->log = r->connection->log;
    file->directio = of.is_directio;
    *out = file;
    ctx->tier = ELO_BY_SOURCE_EXTENT;

    return NGX_OK;
}
