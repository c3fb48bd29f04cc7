/* SPDX-License-Identifier: BSD-2-Clause */
/* ngx_http_elohim_auth: who asks: the credential of a request, the session that it
   stands for, and what the agent is to one content. Life of a decision:
   docs/architecture.md. */
#ifndef NGX_HTTP_ELOHIM_AUTH_H
#define NGX_HTTP_ELOHIM_AUTH_H

#include "ngx_http_elohim_daemon.h"

#include "common/auth/gate.h"
#include "common/auth/signed_url.h"
#include "common/auth/token.h"
#include "common/http/wire_auth.h"

#define NGX_HTTP_ELOHIM_AUTH_RATE    50 /* questions a second and client */
#define NGX_HTTP_ELOHIM_AUTH_TOTAL   10 /* times that, of a worker's clients */
#define NGX_HTTP_ELOHIM_AUTH_MOST    1000000
#define NGX_HTTP_ELOHIM_LOGIN_RATE   10 /* requests a second and client */
#define NGX_HTTP_ELOHIM_SESSION_MSG  512 /* bytes; with prefix and content */
#define NGX_HTTP_ELOHIM_ACCESS_MSG   64
#define NGX_HTTP_ELOHIM_KEYS_MSG     2560 /* 16 keys of 120, names of 128 */
#define NGX_HTTP_ELOHIM_COOKIE       "elohim_token"
#define NGX_HTTP_ELOHIM_SIGNED       "/s/" /* before a signed URL's segment */

/* Where a credential was found; the first of these counts. */
typedef enum {
    NGX_HTTP_ELOHIM_FROM_NONE = 0,
    NGX_HTTP_ELOHIM_FROM_URL,    /* /s/{segment}/ */
    NGX_HTTP_ELOHIM_FROM_HEADER, /* Authorization */
    NGX_HTTP_ELOHIM_FROM_COOKIE,
    NGX_HTTP_ELOHIM_FROM_QUERY   /* ?token= */
} ngx_http_elohim_from_e;

typedef enum {
    NGX_HTTP_ELOHIM_UNSETTLED = 0,
    NGX_HTTP_ELOHIM_ANONYMOUS,
    NGX_HTTP_ELOHIM_AGENT,
    NGX_HTTP_ELOHIM_UNTOLD, /* the daemon can't tell now */
    NGX_HTTP_ELOHIM_LIMITED /* it is asked too often */
} ngx_http_elohim_who_e;

/* Who asks; part of a request's context. Of AGENT all counts, else who alone. */
typedef struct {
    ngx_http_elohim_who_e who;
    ngx_http_elohim_from_e from;
    ngx_str_t text; /* token or segment; empty: one that can't be good */
    elo_digest_t sum; /* of text */

    elo_agent_t agent;
    uint32_t facts;
    uint32_t scopes;
    elo_reach_t ceiling;
    elo_slice_t prefix; /* in the request's pool */
    elo_slice_t content;

    unsigned summed:1;     /* sum is that of text */
    unsigned foreign:1;    /* a cookie on a foreign page's request: dropped */
    unsigned verified:1;   /* good enough to ask the daemon about */
    unsigned fresh_keys:1; /* keys were asked for because of this one */
} ngx_http_elohim_session_t;

/* What the agent is to the content asked for. */
typedef struct {
    uint32_t facts;
    elo_reach_t reach;
    elo_stage_t stage;
} ngx_http_elohim_access_t;

/* cred: fills ctx->session and ctx->path from the request. */
void ngx_http_elohim_find_cred(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);

/* lookup: a descriptor of who asks. recall: from the zone, NGX_DECLINED when there
   is none that holds. inquire: NGX_AGAIN (the request waits), NGX_DECLINED (the
   daemon is away), NGX_ERROR. heard: takes the answer that has come for a question
   that is on its way: NGX_OK with the message in ctx->msg; NGX_BUSY: overtaken, ask
   again; NGX_DECLINED with the status that came instead. */
ngx_int_t ngx_http_elohim_recall(ngx_http_request_t *r,
    const ngx_http_elohim_key_t *key, u_char *buf, size_t len, ngx_str_t *msg,
    ngx_http_elohim_stamp_t *stamp);
ngx_int_t ngx_http_elohim_inquire(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, u_char type, const ngx_str_t *path);
ngx_int_t ngx_http_elohim_heard(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, const ngx_http_elohim_key_t *key,
    time_t ttl, ngx_uint_t *status);
time_t ngx_http_elohim_ttl(ngx_http_request_t *r, ngx_uint_t of);
u_char *ngx_http_elohim_auth_key(ngx_http_request_t *r, u_char type,
    ngx_http_elohim_key_t *key);
ngx_uint_t ngx_http_elohim_is_current(ngx_http_request_t *r);
void ngx_http_elohim_wait(ngx_http_request_t *r);

/* session: NGX_OK (ctx->session.who is settled), NGX_AGAIN, or ANSWERED. */
ngx_int_t ngx_http_elohim_session(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);
/* What settles a session without one: as session returns it. */
ngx_int_t ngx_http_elohim_settle(ngx_http_elohim_ctx_t *ctx,
    ngx_http_elohim_who_e who);
ngx_uint_t ngx_http_elohim_is_agent(const ngx_http_elohim_ctx_t *ctx);
ngx_uint_t ngx_http_elohim_is_writer(const ngx_http_elohim_ctx_t *ctx);

/* judge: is it worth a question? NGX_OK: it is; or what session returns, but for
   NGX_OK NGX_DONE. */
ngx_int_t ngx_http_elohim_judge_cred(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);
ngx_uint_t ngx_http_elohim_url_fits(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, elo_session_verdict_t *verdict);
/* Tells the log, once, that the daemon is one that knows no sessions. */
void ngx_http_elohim_no_auth(ngx_http_request_t *r);

/* refuse: a credential that isn't good: as session returns it. remembered: true, and
   why, when this one was refused some moments ago. */
ngx_int_t ngx_http_elohim_refuse(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx, elo_session_verdict_t verdict);
ngx_int_t ngx_http_elohim_refuse_scope(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);
/* The answer to a good one that isn't for this. */
ngx_int_t ngx_http_elohim_out_of_scope(ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx);
ngx_uint_t ngx_http_elohim_remembered(ngx_http_request_t *r,
    const ngx_http_elohim_ctx_t *ctx, elo_session_verdict_t *verdict);

/* The client's address: 4 bytes or 16; none of a unix socket. Borrowed of r. */
elo_slice_t ngx_http_elohim_client(ngx_http_request_t *r);

/* rate: spend: true: one more question is within the rate. login_wait: seconds until
   this client may log in; 0: now. The answer to who may not. */
ngx_uint_t ngx_http_elohim_spend(ngx_http_request_t *r);
ngx_uint_t ngx_http_elohim_login_wait(ngx_http_request_t *r);
ngx_int_t ngx_http_elohim_limited(ngx_http_request_t *r);
ngx_int_t ngx_http_elohim_too_often(ngx_http_request_t *r, ngx_uint_t wait);
ngx_int_t ngx_http_elohim_wait_for(ngx_http_request_t *r, ngx_uint_t wait,
    const char *detail);
/* What one client's addresses have in common, at p: 9 bytes at most, one at least. */
size_t ngx_http_elohim_rate_name(ngx_http_request_t *r, u_char *p);

/* access: NGX_OK with ctx->access, NGX_AGAIN, or ANSWERED. */
ngx_int_t ngx_http_elohim_access(ngx_http_request_t *r,
    ngx_http_elohim_ctx_t *ctx);

#endif
