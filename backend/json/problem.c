/* SPDX-License-Identifier: BSD-2-Clause */
/* problem: problem documents. */
#include "backend/json/problem.h"

#include "backend/json/json_write.h"
#include "common/base/num.h"

/* RFC 9110, 15 and RFC 4918, 11.5: those that this project answers with. */
static const struct {
    int status;
    const char *title;
} titles[] = {
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 410, "Gone" },
    { 411, "Length Required" },
    { 412, "Precondition Failed" },
    { 413, "Content Too Large" },
    { 415, "Unsupported Media Type" },
    { 416, "Range Not Satisfiable" },
    { 422, "Unprocessable Content" },
    { 423, "Locked" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 460, "Checksum Mismatch" }, /* tus 1.0, checksum */
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 507, "Insufficient Storage" },
};


const char *
elo_problem_title(int status)
{
    for (size_t i = 0; i < ELO_COUNT(titles); i++) {
        if (titles[i].status == status) {
            return titles[i].title;
        }
    }
    return "Error";
}


void
elo_problem_put(elo_buf_t *b, const elo_problem_t *p)
{
    elo_json_writer_t w;

    elo_json_writer_init(&w, b);
    elo_json_put_object(&w, NULL);
    elo_json_put_cstr(&w, "type", "about:blank");
    elo_json_put_cstr(&w, "title", elo_problem_title(p->status));
    elo_json_put_u64(&w, "status", (uint64_t) p->status);
    elo_json_put_cstr(&w, "detail", p->detail);
    elo_json_put_cstr(&w, "error", p->detail);
    elo_json_put_cstr(&w, "code", p->code);
    if (p->field != NULL) {
        elo_json_put_cstr(&w, "field", p->field);
    }
    elo_json_end_object(&w);
    elo_buf_put_u8(b, '\n');
}
