/* SPDX-License-Identifier: BSD-2-Clause */
/* query: parameters and bodies of requests. */
#include "backend/api/api_internal.h"

#include <stdlib.h>

#include "common/base/enc.h"

#define NUMBER_TEXT_MAX 20


/* First parameter of that name, raw. Names are taken as they stand. */
static bool
find(elo_slice_t query, const char *name, elo_slice_t *out)
{
    elo_slice_t key = elo_slice_str(name);
    size_t start = 0;

    for (size_t i = 0; i <= query.len; i++) {
        elo_slice_t pair;

        if (i < query.len && query.p[i] != '&') {
            continue;
        }
        pair = elo_slice(query.p + start, i - start);
        start = i + 1;
        if (elo_slice_has_prefix(pair, key) && pair.len > key.len
            && pair.p[key.len] == '=')
        {
            *out = elo_slice(pair.p + key.len + 1, pair.len - key.len - 1);
            return true;
        }
    }
    return false;
}


elo_err_t
elo_query_text(elo_slice_t query, const char *name, char *room, size_t cap,
               elo_slice_t *out)
{
    elo_slice_t raw;
    size_t len;

    if (!find(query, name, &raw)) {
        *out = elo_slice(NULL, 0);
        return ELO_OK;
    }
    if (raw.len > cap
        || elo_percent_decode(raw, (uint8_t *) room, &len) != ELO_OK) {
        return ELO_EINVAL;
    }
    *out = elo_slice(room, len);
    return ELO_OK;
}


elo_err_t
elo_query_number(elo_slice_t query, const char *name, uint32_t fallback,
                 uint32_t max, uint32_t *out)
{
    char room[NUMBER_TEXT_MAX];
    elo_slice_t text;
    uint64_t v;
    elo_err_t rc;

    rc = elo_query_text(query, name, room, sizeof(room), &text);
    if (rc != ELO_OK) {
        return rc;
    }
    if (text.p == NULL) {
        *out = fallback;
        return ELO_OK;
    }
    if (!elo_slice_u64(text, &v) || v == 0) {
        return ELO_EINVAL;
    }
    *out = v > max ? max : (uint32_t) v;
    return ELO_OK;
}


/* ---- bodies ---- */

typedef struct {
    elo_http_req_t *req;
    elo_buf_t body;
    elo_body_done_cb done;
    void *ctx;
} collect_t;


static void
collected(collect_t *c, elo_err_t err)
{
    c->done(c->ctx, err, elo_buf_slice(&c->body));
    elo_buf_dispose(&c->body);
    free(c);
}


static void
on_bytes(void *ctx, elo_slice_t bytes, elo_err_t err)
{
    collect_t *c = ctx;

    if (err != ELO_OK || bytes.len == 0) {
        collected(c, err);
        return;
    }
    elo_buf_put_slice(&c->body, bytes);
    err = elo_buf_err(&c->body);
    if (err != ELO_OK) {
        collected(c, err);
        return;
    }
    elo_http_req_read(c->req, on_bytes, c);
}


void
elo_body_collect(elo_http_req_t *req, size_t max, elo_body_done_cb done,
                 void *ctx)
{
    int64_t len = elo_http_req_body_len(req);
    collect_t *c;

    if (len > 0 && (uint64_t) len > max) {
        done(ctx, ELO_ETOOBIG, elo_slice(NULL, 0));
        return;
    }
    c = calloc(1, sizeof(*c));
    if (c == NULL) {
        done(ctx, ELO_ENOMEM, elo_slice(NULL, 0));
        return;
    }
    c->req = req;
    c->done = done;
    c->ctx = ctx;
    elo_buf_init(&c->body, max);
    elo_http_req_read(req, on_bytes, c);
}
