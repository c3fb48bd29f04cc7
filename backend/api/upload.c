/* SPDX-License-Identifier: BSD-2-Clause */
/* upload: a blob from the body of a request into the store. One that is short and
   says so goes the short way (put_small.h); any other is pumped to a pool thread,
   which hashes and writes it while the next piece is read. An upload begins there
   before its first byte is asked for, so that a full disk is heard of before the
   bytes are sent. */
#include "backend/api/calls.h"
#include "backend/api/put_small.h"

#include <stdlib.h>

#include "backend/api/pump.h"

typedef struct {
    elo_api_t *api;
    elo_http_req_t *req;
    elo_put_ask_t ask;

    /* worker */
    elo_put_t *put;
    elo_err_t err;
    elo_blob_stat_t stat;
    bool existed;
} upload_t;


/* pool */
static elo_err_t
work(void *ctx, elo_slice_t bytes)
{
    upload_t *u = ctx;

    if (u->put == NULL) {
        return elo_put_begin(u->api->cfg.store, &u->ask.opt, &u->put);
    }
    return elo_put_write(u->put, bytes);
}


/* pool */
static void
end(void *ctx, elo_err_t err, uint64_t received)
{
    upload_t *u = ctx;

    (void) received;
    u->err = err;
    if (err == ELO_OK) {
        u->err = elo_put_commit(&u->put, &u->stat, &u->existed);
    }
    elo_put_abort(&u->put);
}


static void
done(void *ctx)
{
    upload_t *u = ctx;

    if (u->err == ELO_OK) {
        elo_put_reply(u->api, u->req, &u->ask, &u->stat, u->existed);
    } else {
        elo_put_refuse(u->req, u->err);
    }
    elo_put_ask_dispose(&u->ask);
    free(u);
}


/* *ask is taken over. */
static void
put_large(elo_api_t *a, elo_http_req_t *req, const elo_put_ask_t *ask)
{
    upload_t *u = calloc(1, sizeof(*u));
    elo_put_ask_t gone = *ask;
    elo_pump_t *pump;
    elo_err_t rc = ELO_ENOMEM;

    if (u != NULL) {
        u->api = a;
        u->req = req;
        u->ask = *ask;
        rc = elo_pump_start(&(elo_pump_cfg_t){ .api = a,
                                               .req = req,
                                               .max = a->cfg.max_blob,
                                               .work = work,
                                               .end = end,
                                               .done = done,
                                               .ctx = u },
                            &pump);
    }
    if (rc != ELO_OK) {
        free(u);
        elo_put_ask_dispose(&gone);
        elo_put_refuse(req, rc);
    }
}


void
elo_call_blob_put(elo_call_t *c)
{
    int64_t len = elo_http_req_body_len(c->req);
    const char *why = NULL;
    elo_put_ask_t ask;
    elo_err_t rc;

    atomic_fetch_add_explicit(&c->api->n_writes, 1, memory_order_relaxed);
    if (len > 0 && (uint64_t) len > c->api->cfg.max_blob) {
        elo_put_refuse(c->req, ELO_ETOOBIG);
        return;
    }
    rc = elo_put_ask_read(c, &ask, &why);
    if (rc == ELO_OK && c->route.id.len != 0) {
        ask.opt.has_expect = true;
        rc = elo_addr_parse(c->route.id, &ask.opt.expect);
        why = "a blob is written to its address, \"sha256-\" and 64 hex digits "
              "or a CIDv1 of raw bytes";
    }
    if (rc != ELO_OK) {
        elo_put_ask_dispose(&ask);
        elo_reply_err(c->req, rc, rc == ELO_ENOMEM ? NULL : why);
        return;
    }
    ask.opt.size_hint = len > 0 ? (uint64_t) len : 0;
    if (elo_small_put_fits(c->api, len)) {
        elo_small_put(c->api, c->req, &ask);
    } else {
        put_large(c->api, c->req, &ask);
    }
}
