/* SPDX-License-Identifier: BSD-2-Clause */
/* ngx_http_elohim_answer: what a request is about to send, and the ways to answer it:
   from the store's files, by the daemon, by a problem document. */
#ifndef NGX_HTTP_ELOHIM_ANSWER_H
#define NGX_HTTP_ELOHIM_ANSWER_H

#include "ngx_http_elohim_request.h"

#include "common/http/wire_document.h"

/* What is to be sent: prefix, then extents of one file. */
typedef struct {
    const ngx_http_elohim_key_t *key; /* must be the allowed one */
    elo_slice_t prefix;
    elo_slice_t name; /* empty: there is the prefix only */
    const elo_recipe_t *recipe; /* NULL: the one extent below */
    elo_extent_t extent;
    uint64_t file_size; /* the file must have this many bytes */
    uint64_t size;      /* of the representation */
    elo_slice_t content_type;
    ngx_str_t etag;
    ngx_str_t cache_control;
    int64_t mtime;              /* -1: no Last-Modified */
    const elo_digest_t *digest; /* NULL: no Repr-Digest */
    unsigned compress:1;        /* gzip may have it */
    unsigned whole:1;           /* the extent is all of the blob `digest` */
} ngx_http_elohim_body_t;

/* serve, chain */
ngx_int_t ngx_http_elohim_serve(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const ngx_http_elohim_body_t *body);
ngx_int_t ngx_http_elohim_judged(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const ngx_http_elohim_body_t *body,
    elo_range_set_t *set);
ngx_int_t ngx_http_elohim_layout(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const ngx_http_elohim_body_t *body,
    ngx_file_t *file, const elo_range_set_t *set, ngx_chain_t **out);
ngx_int_t ngx_http_elohim_chain(ngx_http_request_t *r,
    const ngx_http_elohim_body_t *body, ngx_file_t *file, uint64_t start,
    uint64_t end, ngx_chain_t ***tail);
ngx_int_t ngx_http_elohim_multipart(ngx_http_request_t *r,
    const ngx_http_elohim_body_t *body, ngx_file_t *file,
    const elo_range_set_t *set, ngx_chain_t ***tail);
/* resident: at the start, what chooses who sends a file: the worker, or a thread */
void ngx_http_elohim_add_resident_filter(void);

/* complete: the body in memory, in *out and the request's pool: of the zone; read from
   the file that was opened for it, and put there. NGX_DECLINED: it isn't one of
   those. NGX_ERROR. */
ngx_int_t ngx_http_elohim_complete_get(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const ngx_http_elohim_body_t *body,
    ngx_http_elohim_body_t *out);
ngx_int_t ngx_http_elohim_complete_fill(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const ngx_http_elohim_body_t *body,
    const ngx_file_t *file, ngx_http_elohim_body_t *out);

/* Is it there? Into it, what was read while stamp held. Not of what is narrow. */
struct ngx_http_elohim_main_conf_s;
ngx_uint_t ngx_http_elohim_complete_has(
    struct ngx_http_elohim_main_conf_s *emcf, const u_char *ns,
    elo_cache_class_t klass, const elo_digest_t *digest);
void ngx_http_elohim_complete_put(struct ngx_http_elohim_main_conf_s *emcf,
    const u_char *ns, elo_cache_class_t klass, const elo_digest_t *digest,
    const ngx_http_elohim_stamp_t *stamp, elo_slice_t bytes);

/* sealed: begin: before the gate is asked; get: NGX_OK: the bytes, in the request's
   memory; NGX_DECLINED; NGX_ERROR; want: what is about to be passed on may be kept; is
   it, now that there is its header? */
void ngx_http_elohim_sealed_begin(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);
ngx_int_t ngx_http_elohim_sealed_get(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, uint64_t size, elo_slice_t *bytes);
void ngx_http_elohim_sealed_want(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, uint64_t size);
ngx_uint_t ngx_http_elohim_sealed_is_wanted(ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx);
ngx_int_t ngx_http_elohim_sealed_filter(void *data, ssize_t bytes);

/* document_send: d, which borrows from the request's pool; ctx has its age */
ngx_int_t ngx_http_elohim_document_send(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const elo_document_t *d);

/* piece: what the daemon doesn't keep, from pieces; body is copied */
ngx_int_t ngx_http_elohim_piece(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const ngx_http_elohim_body_t *body);

/* fields: of what is sent; by what the bytes are: Repr-Digest (NULL: none), sandbox
   for pages */
ngx_str_t ngx_http_elohim_type(elo_slice_t content_type);
ngx_int_t ngx_http_elohim_body_fields(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const ngx_http_elohim_body_t *body);
/* X-Cache, Cache-Status, and Age of a hit, as ctx->cache says. */
ngx_int_t ngx_http_elohim_cache_fields(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);
ngx_int_t ngx_http_elohim_marks(ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx);
ngx_int_t ngx_http_elohim_content_fields(ngx_http_request_t *r,
    elo_slice_t content_type, const elo_digest_t *digest);

/* blob, manifest, segment: each from ctx->msg */
ngx_int_t ngx_http_elohim_blob(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);
ngx_int_t ngx_http_elohim_manifest(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);
ngx_int_t ngx_http_elohim_segment(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);

/* pass, pass_request, pass_reply */
ngx_int_t ngx_http_elohim_pass(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, ngx_uint_t operator);
elo_err_t ngx_http_elohim_pass_check(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);
ngx_buf_t *ngx_http_elohim_pass_request(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);
ngx_int_t ngx_http_elohim_pass_body(void *data, ngx_chain_t *in);
/* The path at the daemon, at p (NGX_HTTP_ELOHIM_TARGET_MAX); its end. */
#define NGX_HTTP_ELOHIM_TARGET_MAX 256
u_char *ngx_http_elohim_pass_target(ngx_http_elohim_ctx_t *ctx, u_char *p);
/* pass_agent: at p, or counts when p is NULL */
size_t ngx_http_elohim_pass_caller(const ngx_http_elohim_ctx_t *ctx,
    u_char *p);
size_t ngx_http_elohim_pass_args(const ngx_http_request_t *r, u_char *p);
ngx_int_t ngx_http_elohim_pass_away(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);
ngx_int_t ngx_http_elohim_pass_status(ngx_http_request_t *r);
ngx_int_t ngx_http_elohim_pass_location(ngx_http_request_t *r,
    ngx_table_elt_t *h, size_t prefix);
ngx_int_t ngx_http_elohim_pass_filter_init(void *data);

/* pass_limit: NGX_OK: this request may have a connection, until it is released or
   ends; NGX_DECLINED: not now */
ngx_int_t ngx_http_elohim_pass_hold(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);
void ngx_http_elohim_pass_release(ngx_http_elohim_ctx_t *ctx);

/* body: the most bytes of a route's body, or STREAM; read: as
   ngx_http_read_client_request_body, done has all of it in memory */
#define NGX_HTTP_ELOHIM_BODY_STREAM  NGX_MAX_SIZE_T_VALUE
size_t ngx_http_elohim_body_max(elo_route_kind_t kind);
ngx_int_t ngx_http_elohim_body_read(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, size_t max,
    ngx_http_client_body_handler_pt done);
ngx_int_t ngx_http_elohim_too_large(ngx_http_request_t *r);

/* problem, headers */
ngx_int_t ngx_http_elohim_problem(ngx_http_request_t *r, ngx_uint_t status,
    const char *code, const char *detail);
ngx_int_t ngx_http_elohim_problem_str(ngx_http_request_t *r, ngx_uint_t status,
    const char *code, const ngx_str_t *detail);
ngx_int_t ngx_http_elohim_not_found(ngx_http_request_t *r);
ngx_int_t ngx_http_elohim_away(ngx_http_request_t *r);
ngx_int_t ngx_http_elohim_options(ngx_http_request_t *r,
    const ngx_str_t *allow);
ngx_int_t ngx_http_elohim_common_headers(ngx_http_request_t *r);
ngx_int_t ngx_http_elohim_preflight_headers(ngx_http_request_t *r);
ngx_int_t ngx_http_elohim_vary(ngx_http_request_t *r);
ngx_int_t ngx_http_elohim_vary_encoding(ngx_http_request_t *r);
ngx_table_elt_t *ngx_http_elohim_header(ngx_http_request_t *r,
    const ngx_str_t *key, const ngx_str_t *value);

#endif
