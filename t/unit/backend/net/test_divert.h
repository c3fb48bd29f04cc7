/* SPDX-License-Identifier: BSD-2-Clause */
/* test_divert: answers that are taken aside, for test_handler.h.

     GET  /diverted         status, fields and body of what was answered
     GET  /diverted-stream  the same of a stream: ts_lost counts, it goes on
     GET  /diverted-abort   the same of one that is given up */
#ifndef T_UNIT_NET_TEST_DIVERT_H
#define T_UNIT_NET_TEST_DIVERT_H

#include "t/unit/backend/net/test_open.h"

static unsigned ts_lost; /* diverted answers of which there was none */


static inline void
ts_on_diverted(void *ctx, elo_http_req_t *req, int status, elo_slice_t fields,
               elo_slice_t body)
{
    char text[256];

    if (ctx != ts_loop) {
        abort();
    }
    if (status == 0) {
        ts_lost++;
        return;
    }
    (void) snprintf(text, sizeof(text), "<%d|%.*s|%.*s>", status,
                    (int) fields.len, (const char *) fields.p, (int) body.len,
                    (const char *) body.p);
    ts_reply(req, 200, text);
}


static inline bool
ts_get_diverted(elo_http_req_t *req, elo_slice_t path)
{
    if (!elo_slice_has_prefix(path, ELO_SLICE("/diverted"))) {
        return false;
    }
    elo_http_res_divert(req, ts_on_diverted, ts_loop);
    elo_http_res_header(req, "X-Of", ELO_SLICE("the first"));
    if (elo_slice_eq(path, ELO_SLICE("/diverted-stream"))) {
        if (elo_http_res_room(req, 5) != NULL) {
            abort();
        }
        elo_http_res_open(req);
        elo_http_res_end(req);
    } else if (elo_slice_eq(path, ELO_SLICE("/diverted-abort"))) {
        elo_http_res_abort(req);
    } else {
        ts_reply(req, 404, "not here");
    }
    return true;
}

#endif
