/* SPDX-License-Identifier: BSD-2-Clause */
/* schema_api: GET /api/schema: what content nodes are, for everyone. The same as long as
   the program is; its entity tag is of its text. */
#include "backend/api/calls.h"

#include <stdio.h>

#include "backend/node/content_schema.h"
#include "common/base/crypto.h"
#include "common/base/enc.h"
#include "common/http/precond.h"

#define TAG_BYTES 8


static elo_err_t
etag_of(const elo_buf_t *text, char etag[2 * TAG_BYTES + 3])
{
    elo_digest_t d;
    elo_err_t rc = elo_sha256(elo_buf_slice(text), &d);

    if (rc == ELO_OK) {
        etag[0] = '"';
        elo_hex_encode(d.b, TAG_BYTES, etag + 1);
        etag[2 * TAG_BYTES + 1] = '"';
        etag[2 * TAG_BYTES + 2] = '\0';
    }
    return rc;
}


void
elo_call_schema(elo_call_t *c)
{
    elo_precond_t cond = {
        .if_match = elo_http_req_header(c->req, "If-Match"),
        .if_none_match = elo_http_req_header(c->req, "If-None-Match"),
    };
    char etag[2 * TAG_BYTES + 3];
    elo_precond_verdict_t verdict;
    elo_buf_t text;
    elo_err_t rc;

    elo_buf_init(&text, ELO_CONTENT_SCHEMA_MAX);
    elo_content_schema_put(&text);
    if ((rc = elo_buf_err(&text)) != ELO_OK
        || (rc = etag_of(&text, etag)) != ELO_OK)
    {
        elo_reply_err(c->req, rc, NULL);
        elo_buf_dispose(&text);
        return;
    }
    verdict = elo_precond_eval(&cond, true, elo_slice_str(etag), 0);
    if (verdict == ELO_PRECOND_FAILED) {
        elo_reply_err(c->req, ELO_EPRECOND, NULL);
    } else {
        elo_http_res_header(c->req, "ETag", elo_slice_str(etag));
        elo_http_res_lines(c->req,
                           ELO_SLICE("Cache-Control: public, max-age=300\r\n"
                                     "Content-Type: application/schema+json\r\n"
                                     "X-Content-Type-Options: nosniff\r\n"));
        elo_http_res_status(c->req,
                            verdict == ELO_PRECOND_NOT_MODIFIED ? 304 : 200);
        elo_http_res_send(c->req, verdict == ELO_PRECOND_NOT_MODIFIED
                                      ? elo_slice(NULL, 0)
                                      : elo_buf_slice(&text));
    }
    elo_buf_dispose(&text);
}
