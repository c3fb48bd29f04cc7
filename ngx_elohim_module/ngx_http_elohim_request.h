/* SPDX-License-Identifier: BSD-2-Clause */
/* ngx_http_elohim_request: a request's context, and the steps to what is to be
   answered. How: ngx_http_elohim_answer.h. */
#ifndef NGX_HTTP_ELOHIM_REQUEST_H
#define NGX_HTTP_ELOHIM_REQUEST_H

#include "ngx_http_elohim_auth.h"
#include "ngx_http_elohim_daemon.h"

#include "common/auth/reach.h"
#include "common/base/limits.h"
#include "common/http/precond.h"
#include "common/http/range.h"
#include "common/http/route.h"

#define NGX_HTTP_ELOHIM_PATH_MAX   256
#define NGX_HTTP_ELOHIM_INLINE_MSG 320 /* a grant fits, without allocation */
#define NGX_HTTP_ELOHIM_TEXT_LEN   96

/* Store's file went away or is shorter than granted: ask again. */
#define NGX_HTTP_ELOHIM_STALE NGX_DECLINED
/* The answer has been sent, what it returned is in ctx->rc. */
#define NGX_HTTP_ELOHIM_ANSWERED -100
/* denied by what is kept: the daemon is to be asked first */
#define NGX_HTTP_ELOHIM_UNSURE -101

#define NGX_HTTP_ELOHIM_READ   (NGX_HTTP_GET | NGX_HTTP_HEAD)
#define NGX_HTTP_ELOHIM_WRITE                                                 \
    (NGX_HTTP_PUT | NGX_HTTP_POST | NGX_HTTP_PATCH | NGX_HTTP_DELETE)

/* A request that waits for an answer; part of its context. */
typedef struct {
    ngx_queue_t queue;
    ngx_http_elohim_question_t *question; /* NULL: does not wait */
    ngx_http_request_t *request;
} ngx_http_elohim_wait_t;

typedef struct ngx_http_elohim_body_in_s ngx_http_elohim_body_in_t;
typedef struct ngx_http_elohim_pass_hold_s ngx_http_elohim_pass_hold_t;
typedef struct ngx_http_elohim_copy_s ngx_http_elohim_copy_t;
typedef struct ngx_http_elohim_pieces_s ngx_http_elohim_pieces_t;

typedef enum {
    NGX_HTTP_ELOHIM_NO_CACHE = 0,
    NGX_HTTP_ELOHIM_HIT,
    NGX_HTTP_ELOHIM_MISS,
    NGX_HTTP_ELOHIM_FORWARD, /* asked, and not to be kept */
    NGX_HTTP_ELOHIM_EXPIRED, /* its time was over: asked */
    NGX_HTTP_ELOHIM_OLD,     /* likewise, and sent: nobody could be asked */
    NGX_HTTP_ELOHIM_UPDATING, /* likewise: somebody asks */
    NGX_HTTP_ELOHIM_REVALIDATED, /* asked, and still the same */
    NGX_HTTP_ELOHIM_BYPASS /* the daemon's own answer */
} ngx_http_elohim_cache_e;

typedef enum {
    NGX_HTTP_ELOHIM_UNDECIDED = 0,
    NGX_HTTP_ELOHIM_ALLOW,
    NGX_HTTP_ELOHIM_DENY
} ngx_http_elohim_decision_e;

struct ngx_http_elohim_ctx_s {
    ngx_str_t uri;    /* what path is a part of */
    elo_slice_t path; /* without a signed URL's segment */
    elo_route_t route;
    elo_digest_t digest; /* when by_hash */
    elo_reach_t reach;   /* of the content, when decided */
    elo_reach_t ceiling;
    elo_wire_life_t life; /* of the content, likewise */

    ngx_http_elohim_cache_e cache;
    ngx_http_elohim_session_t session;
    ngx_http_elohim_access_t access; /* when has_access */
    ngx_http_elohim_decision_e decision;
    elo_rule_t rule; /* that decided */
    ngx_http_elohim_key_t key;     /* of the descriptor asked for */
    ngx_http_elohim_key_t allowed; /* the allow holds for this one only, ... */
    elo_agent_t allowed_agent;     /* ... and for him; all zero: for everyone,
                                      or for the operator */

    ngx_http_elohim_wait_t wait;
    ngx_http_elohim_stamp_t stamp; /* of the page when the question went out */
    ngx_http_elohim_stamp_t basis; /* of the descriptor, when cache is HIT */
    ngx_uint_t status;             /* of the answer; 0: none yet */
    ngx_str_t msg;
    ngx_str_t held;    /* the descriptor, while access is asked about; a document,
                          while it is asked whether it still holds */
    ngx_uint_t asked;  /* questions for the descriptor so far */
    ngx_uint_t repeats; /* of questions about who asks */
    ngx_http_elohim_pieces_t *pieces; /* that are being sent; or NULL */
    ngx_str_t late;    /* a descriptor whose time is over, in case nobody answers */
    uint32_t held_at;  /* when what is held was right; seconds of the zone's clock */
#if (NGX_THREADS)
    /* what nginx hands a file to a thread by; when it was seen */
    ngx_int_t (*thread_handler)(ngx_thread_task_t *task, ngx_file_t *file);
#endif
    ngx_msec_int_t fill_time; /* ms to the first byte, when filled */
    ngx_uint_t tier; /* ELO_BY_SOURCE_...: where the bytes came from */
    uint32_t age; /* s since what is served came, when has_age */
    int32_t ttl;  /* s that it is good for, likewise; below 0: it isn't */
    uint64_t began;  /* us, when this request is timed; 0: it isn't */
    uint64_t began_asking; /* us, of the first question; 0: there was none */
    u_char asking;     /* type of the latter that is on its way; 0: none */
    ngx_int_t rc;

    /* pass */
    ngx_http_status_t line;
    ngx_http_chunked_t answer;
    ngx_chain_t *free; /* buffers of chunk frames */
    ngx_chain_t *busy;
    elo_slice_t type; /* of a sealed blob */
    ngx_http_elohim_copy_t *copy; /* of its bytes; or NULL */
    ngx_http_elohim_body_in_t *in; /* a body that is read whole; or NULL */
    ngx_http_elohim_pass_hold_t *hold; /* on the daemon; or NULL */

    unsigned by_hash:1;
    unsigned has_access:1;
    unsigned mapped:1; /* stamp is one of a mapped page */
    unsigned keep:1;   /* this one puts the answer into the zone */
    unsigned stale:1;     /* a file was not there: the zone is not looked at */
    unsigned unsure:1;    /* nor for what a denial stands on */
    unsigned truncated:1; /* the file has not the bytes that were granted */
    unsigned cleanup:1;
    unsigned hinted:1;    /* Accept-CH is in the header */
    unsigned operator:1;  /* passed on as from the operator */
    unsigned own:1;       /* only the operator may read this */
    unsigned sealed:1;    /* the daemon decrypts what is passed on */
    unsigned chunked:1;   /* so is the body that is passed on */
    unsigned head_sent:1; /* of the request that is passed on */
    unsigned filled:1;    /* its first piece had to be fetched */
    unsigned deaf:1;      /* the daemon hears no more of the body */
    unsigned plain:1;     /* no document, or not any more */
    unsigned has_age:1;
    unsigned collapsed:1; /* the question for it was another request's */
    u_char text[NGX_HTTP_ELOHIM_TEXT_LEN]; /* of header fields */
    u_char buf[NGX_HTTP_ELOHIM_INLINE_MSG];
};

/* What a route allows: methods to read and to write. */
typedef struct {
    elo_route_kind_t kind;
    u_char wire; /* descriptor that a read stands on; 0: none */
    unsigned operator:1; /* reads are for the operator alone, or go past the gate
                            for him: the daemon answers them without the bytes */
    unsigned blind:1; /* a credential isn't looked at: whoever asks gets the same,
                         or comes for one */
    ngx_uint_t read;
    ngx_uint_t write;
    ngx_str_t allow;
} ngx_http_elohim_resource_t;

/* route */
ngx_http_elohim_ctx_t *ngx_http_elohim_get_ctx(ngx_http_request_t *r);
/* What the log is told about, also when an error_page has the request now; or NULL.
   keep: it is about to have it. */
ngx_http_elohim_ctx_t *ngx_http_elohim_logged(ngx_http_request_t *r);
void ngx_http_elohim_keep_logged(ngx_http_request_t *r);
ngx_int_t ngx_http_elohim_make_key(const u_char *ns,
    ngx_http_elohim_ctx_t *ctx, u_char type, ngx_http_elohim_key_t *key,
    ngx_str_t *path, u_char *path_buf);

/* resource: NULL when there is no such thing here; its descriptor, or 0 */
const ngx_http_elohim_resource_t *ngx_http_elohim_resource(
    elo_route_kind_t kind);
u_char ngx_http_elohim_wire_type(elo_route_kind_t kind);

/* The word for what the cache did; NULL: nothing. */
const ngx_str_t *ngx_http_elohim_cache_word(const ngx_http_elohim_ctx_t *ctx);

/* document: NGX_DECLINED: it is none that everybody is told alike, or is to be passed
   on; else as a handler returns. */
ngx_int_t ngx_http_elohim_document(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);

/* content */
ngx_int_t ngx_http_elohim_handler(ngx_http_request_t *r);
void ngx_http_elohim_resume(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);

/* gate: NGX_OK or ANSWERED, with the allow in ctx; is it for this key? */
ngx_int_t ngx_http_elohim_gate(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, elo_reach_t reach);
ngx_uint_t ngx_http_elohim_is_operator(ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx);
/* Is what is answered for this agent, and for no one who isn't he? */
ngx_uint_t ngx_http_elohim_is_his(const ngx_http_elohim_ctx_t *ctx);
ngx_uint_t ngx_http_elohim_is_foreign(ngx_http_request_t *r);
ngx_uint_t ngx_http_elohim_is_allowed(ngx_http_elohim_ctx_t *ctx,
    const ngx_http_elohim_key_t *key);
ngx_int_t ngx_http_elohim_malformed(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, elo_err_t err);
ngx_int_t ngx_http_elohim_end(ngx_http_elohim_ctx_t *ctx, ngx_int_t rc);

#endif
