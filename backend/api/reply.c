/* SPDX-License-Identifier: BSD-2-Clause */
/* reply: answers that any handler gives. */
#include "backend/api/api_internal.h"

#include "backend/json/problem.h"
#include "backend/os/log.h"

#define PROBLEM_MAX 4096


static void
problem(elo_http_req_t *req, int status, const char *code, const char *detail,
        const char *field, uint32_t retry_s)
{
    elo_problem_t p = {
        .status = status, .code = code, .detail = detail, .field = field
    };
    elo_buf_t b;

    elo_buf_init(&b, PROBLEM_MAX);
    elo_problem_put(&b, &p);
    elo_http_res_status(req, status);
    elo_http_res_header(req, "Content-Type", ELO_SLICE(ELO_PROBLEM_TYPE));
    elo_http_res_header(req, "Cache-Control", ELO_SLICE("no-store"));
    if (status == 503 || status == 429) {
        elo_http_res_headerf(req, "Retry-After", "%u", retry_s);
    }
    elo_http_res_send(req, elo_buf_slice(&b)); /* empty when out of memory */
    elo_buf_dispose(&b);
}


void
elo_reply_problem(elo_http_req_t *req, int status, const char *code,
                  const char *detail, const char *field)
{
    problem(req, status, code, detail, field, ELO_API_RETRY_AFTER_S);
}


void
elo_reply_later(elo_http_req_t *req, const char *code, const char *detail,
                uint32_t retry_s)
{
    problem(req, 503, code, detail, NULL, retry_s);
}


void
elo_reply_limited(elo_http_req_t *req, const char *detail, uint32_t retry_s)
{
    problem(req, 429, elo_err_code(ELO_ERATE), detail, NULL, retry_s);
}


void
elo_reply_err(elo_http_req_t *req, elo_err_t err, const char *detail)
{
    int status = elo_err_status(err);

    if (err == ELO_ECLOSED) {
        elo_http_res_abort(req);
        return;
    }
    if (status == 500) {
        elo_slice_t path = elo_http_req_log_path(req);

        elo_log(ELO_LOG_ERROR, "request \"%.*s\" failed: %s", (int) path.len,
                (const char *) path.p, elo_strerror(err));
    }
    elo_reply_problem(req, status, elo_err_code(err),
                      detail != NULL ? detail : elo_err_public(err), NULL);
}


void
elo_reply_json(elo_http_req_t *req, int status, const elo_buf_t *json)
{
    elo_err_t rc = elo_buf_err(json);

    if (rc != ELO_OK) {
        elo_reply_err(req, rc, NULL);
        return;
    }
    elo_http_res_status(req, status);
    elo_http_res_lines(req, ELO_SLICE("Content-Type: application/json\r\n"
                                      "X-Content-Type-Options: nosniff\r\n"));
    elo_http_res_send(req, elo_buf_slice(json));
}


void
elo_reply_text(elo_http_req_t *req, int status, elo_slice_t type,
               const elo_buf_t *text)
{
    elo_err_t rc = elo_buf_err(text);

    if (rc != ELO_OK) {
        elo_reply_err(req, rc, NULL);
        return;
    }
    elo_http_res_status(req, status);
    elo_http_res_header(req, "Content-Type", type);
    elo_http_res_header(req, "X-Content-Type-Options", ELO_SLICE("nosniff"));
    elo_http_res_send(req, elo_buf_slice(text));
}


const char *
elo_reply_cache_control(elo_reach_t reach, const char *for_all)
{
    if (reach == ELO_REACH_COMMONS) {
        return for_all;
    }
    return reach <= ELO_REACH_LOCAL ? "private, no-store" : "private, no-cache";
}


void
elo_reply_empty(elo_http_req_t *req, int status)
{
    elo_http_res_status(req, status);
    elo_http_res_send(req, elo_slice(NULL, 0));
}
