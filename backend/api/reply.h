/* SPDX-License-Identifier: BSD-2-Clause */
/* reply: answers that any handler gives; each ends the exchange. */
#ifndef ELO_API_REPLY_H
#define ELO_API_REPLY_H

#include "backend/net/http_server.h"
#include "common/auth/reach.h"
#include "common/base/buf.h"

/* detail NULL: the code's own words. */
void elo_reply_err(elo_http_req_t *req, elo_err_t err, const char *detail);
void elo_reply_problem(elo_http_req_t *req, int status, const char *code,
                       const char *detail, const char *field);
/* 503, and when to come again. */
void elo_reply_later(elo_http_req_t *req, const char *code, const char *detail,
                     uint32_t retry_s);
/* 429, likewise. */
void elo_reply_limited(elo_http_req_t *req, const char *detail,
                       uint32_t retry_s);
/* A JSON body; an error of the buffer is answered instead. */
void elo_reply_json(elo_http_req_t *req, int status, const elo_buf_t *json);
/* The same of another type. */
void elo_reply_text(elo_http_req_t *req, int status, elo_slice_t type,
                    const elo_buf_t *text);
/* Cache-Control of what has this reach; for_all where everyone may have it. What
   is encrypted at rest here is kept by nobody's cache. */
const char *elo_reply_cache_control(elo_reach_t reach, const char *for_all);
/* No body: 204 and 304. */
void elo_reply_empty(elo_http_req_t *req, int status);

#endif
