/* SPDX-License-Identifier: BSD-2-Clause */
/* fallback_send: chunks of a copy to the client, one after the other, each fetched and
   verified before it goes out. Who waits too long for the first is told to come again,
   while the fetching goes on. */
#include "backend/api/fallback_call.h"

#include <stdlib.h>

#include "common/base/num.h"

/* At a time: what all workers of a Doorway may fill at once (elohim_fill_connections),
   and some for others. Each has a chunk in memory while it is written. */
#define SENDS_MAX (256u + 64u)

typedef struct {
    elo_fallback_wait_t wait; /* first */
    elo_api_t *api;
    elo_http_req_t *req;
    elo_want_t want;
    elo_copy_t *copy;
    elo_timer_t *limit;          /* of the first */
    elo_fallback_chunk_t *chunk; /* that is written */
    uint64_t at, end;            /* in the blob */
    bool is_begun;               /* the head is out */
    void (*head)(const void *ctx, elo_http_req_t *req);
    uint8_t ctx[];
} send_t;


static void
free_send(send_t *s)
{
    s->api->n_fetched_sends--;
    elo_timer_free(&s->limit);
    elo_fallback_chunk_release(&s->chunk);
    elo_copy_release(&s->copy);
    elo_want_dispose(&s->want);
    free(s);
}


static void
fail(send_t *s, elo_err_t err)
{
    if (s->is_begun) {
        elo_http_res_abort(s->req);
    } else {
        elo_fetched_reply_err(s->api, s->req, &s->want, err);
    }
    free_send(s);
}


static void
next(send_t *s)
{
    elo_err_t rc =
        elo_fallback_chunk(s->api->fallback, s->copy, &s->want,
                           (uint32_t) (s->at / ELO_TREE_CHUNK), &s->wait);

    if (rc != ELO_OK) {
        fail(s, rc);
    }
}


static void
on_written(void *ctx, elo_err_t err)
{
    send_t *s = ctx;

    elo_fallback_chunk_release(&s->chunk);
    if (s->at == s->end) {
        free_send(s); /* the exchange has ended, whatever the result */
    } else if (err != ELO_OK) {
        fail(s, err);
    } else {
        next(s);
    }
}


static void
on_limit(void *ctx)
{
    send_t *s = ctx;

    elo_fallback_forget(&s->wait);
    fail(s, ELO_EAGAIN);
}


static void
begin(send_t *s)
{
    s->is_begun = true;
    elo_timer_free(&s->limit);
    s->head((const void *) s->ctx, s->req);
    elo_http_res_stream(s->req, s->end - s->at);
}


static void
on_chunk(elo_fallback_wait_t *w)
{
    send_t *s = (send_t *) w;
    size_t from = (size_t) (s->at % ELO_TREE_CHUNK), n;

    if (w->err != ELO_OK) {
        fail(s, w->err);
        return;
    }
    s->chunk = w->chunk;
    w->chunk = NULL;
    if (!s->is_begun) {
        begin(s);
    }
    n = (size_t) ELO_MIN((uint64_t) (s->chunk->len - from), s->end - s->at);
    s->at += n;
    elo_http_res_write(s->req, elo_slice(s->chunk->p + from, n), on_written, s);
}


void
elo_fetched_send(elo_api_t *a, elo_http_req_t *req, const elo_fetched_t *from,
                 elo_range_t range,
                 void (*head)(const void *ctx, elo_http_req_t *req),
                 const void *ctx, size_t ctx_len)
{
    send_t *s;
    elo_err_t rc = ELO_EBUSY;

    if (a->n_fetched_sends >= SENDS_MAX
        || (s = calloc(1, sizeof(*s) + ctx_len)) == NULL
        || (rc = elo_want_copy(from->want, &s->want)) != ELO_OK)
    {
        if (rc != ELO_EBUSY) {
            free(s);
        }
        elo_fetched_reply_err(a, req, from->want, rc);
        return;
    }
    a->n_fetched_sends++;
    s->wait.done = on_chunk;
    s->api = a;
    s->req = req;
    s->copy = elo_copy_hold(from->copy);
    s->at = range.start;
    s->end = range.end;
    s->head = head;
    memcpy(s->ctx, ctx, ctx_len);
    if (s->at == s->end) {
        begin(s);
        free_send(s);
        return;
    }
    rc = elo_timer_create(a->cfg.loop, a->fallback_wait_ms, 0, on_limit, s,
                          &s->limit);
    if (rc != ELO_OK) {
        fail(s, rc);
        return;
    }
    next(s);
}


/* ---- one chunk ---- */

typedef struct {
    elo_fallback_wait_t wait; /* first */
    elo_copy_t *copy;
    elo_fetched_chunk_cb done;
    void *ctx;
} one_t;


static void
on_one(elo_fallback_wait_t *w)
{
    one_t *o = (one_t *) w;

    o->done(o->ctx, w->err,
            w->chunk == NULL ? elo_slice(NULL, 0)
                             : elo_slice(w->chunk->p, w->chunk->len));
    elo_fallback_chunk_release(&w->chunk);
    elo_copy_release(&o->copy);
    free(o);
}


void
elo_fetched_chunk(elo_api_t *a, const elo_fetched_t *from, uint32_t number,
                  elo_fetched_chunk_cb done, void *ctx)
{
    one_t *o = calloc(1, sizeof(*o));
    elo_err_t rc = ELO_ENOMEM;

    if (o != NULL) {
        o->wait.done = on_one;
        o->copy = elo_copy_hold(from->copy);
        o->done = done;
        o->ctx = ctx;
        rc = elo_fallback_chunk(a->fallback, o->copy, from->want, number,
                                &o->wait);
    }
    if (rc != ELO_OK) {
        if (o != NULL) {
            elo_copy_release(&o->copy);
            free(o);
        }
        done(ctx, rc, elo_slice(NULL, 0));
    }
}
