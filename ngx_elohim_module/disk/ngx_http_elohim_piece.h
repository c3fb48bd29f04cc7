/* SPDX-License-Identifier: BSD-2-Clause */
/* ngx_http_elohim_piece: a request whose body comes from pieces, as piece.c and
   piece_file.c share it. At most one piece is open at a time, and at most one buffer of
   it on its way: a request takes the same memory however long its body is.

        begin --> OBTAIN ---------------> SEND ---> (next piece: OBTAIN) ... end
                   |  ^  first bytes of    |
             waits |  | the piece are      | waits for the client (write event), or,
                   v  | there              v of a piece that grows, for more (follow)
      verify, follow, retry                                                        */
#ifndef NGX_HTTP_ELOHIM_PIECE_H
#define NGX_HTTP_ELOHIM_PIECE_H

#include "ngx_http_elohim_module.h"
#include "ngx_http_elohim_cache.h"

#include "common/base/hash_tree.h"

/* path of a question: "/internal/v1/chunk/", address, "/", number, "?reach=", the
   narrowest of the piece's class */
#define NGX_HTTP_ELOHIM_QUESTION_LEN                                          \
    (sizeof("/internal/v1/chunk/") + ELO_ADDR_CANON_LEN + 1 + NGX_INT32_LEN     \
     + sizeof("?reach=neighborhood"))

struct ngx_http_elohim_pieces_s {
    ngx_http_request_t *request;
    ngx_http_elohim_ctx_t *ctx;
    ngx_http_elohim_body_t body;
    elo_digest_t digest;
    elo_cache_class_t klass;
    elo_range_set_t set;

    ngx_chain_t *plan;  /* what is left: text, and ranges of the blob */
    uint64_t at;        /* in the blob: the next byte that is sent */
    uint64_t end;       /* of the range */
    uint64_t ahead;     /* pieces before this one have been started */

    ngx_buf_t buf;      /* of the blob, on its way */
    ngx_chain_t link;
    ngx_buf_t *sending; /* that, or text; NULL: nothing is on its way */

    ngx_http_elohim_piece_t piece;    /* at `at`, when is_open or looked for */
    ngx_http_elohim_follow_t *follow; /* made when first needed, as the next */
    ngx_http_elohim_verify_t *verify;
    ngx_event_t retry;
    ngx_msec_t asked;   /* when the first piece was; also since when it waits */
    ngx_uint_t tries;   /* to have a piece, without a byte of it */

    ngx_pool_t *pool;   /* holds the file open; NULL: none, or the request's does */
    ngx_file_t file;
    uint64_t number;    /* of the file */
    uint32_t have;      /* bytes of the piece */

    ngx_uint_t status;  /* what went wrong */
    time_t retry_after;
    unsigned is_open:1;    /* have and file are of the piece at `at` */
    unsigned again:1;
    unsigned counted:1;    /* the policy knows about this piece */
    unsigned started:1;    /* the header is sent */
    unsigned following:1;
    unsigned verifying:1;
    u_char question[NGX_HTTP_ELOHIM_QUESTION_LEN];
};

/* piece: something has come, or was lost. */
void ngx_http_elohim_piece_run(ngx_http_elohim_pieces_t *p);

/* piece_file: makes the piece at p->at available. NGX_OK: p->have is of it. NGX_AGAIN:
   run is called. NGX_DECLINED: too many fills, no disk. NGX_ERROR: p->status. */
ngx_int_t ngx_http_elohim_piece_obtain(ngx_http_elohim_pieces_t *p);
/* What the daemon is asked for it; in buf, which has QUESTION_LEN. */
ngx_str_t ngx_http_elohim_piece_question(const ngx_http_elohim_piece_t *piece,
    u_char *buf);
/* The next ones, so that they are there in time. */
void ngx_http_elohim_piece_ahead(ngx_http_elohim_pieces_t *p);
/* Nothing of it is on its way any more. */
void ngx_http_elohim_piece_close(ngx_http_elohim_pieces_t *p);
void ngx_http_elohim_piece_leave(ngx_http_elohim_pieces_t *p);

#endif
