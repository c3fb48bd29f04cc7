/* SPDX-License-Identifier: BSD-2-Clause */
/* status_api: how far a blob has come: once as JSON, or as server-sent events, one
   for each tier that it reaches (WHATWG HTML, 9.2). The number of an event is
   that of its tier, so that a client that comes again hears only of what is new.
   The stream ends with the last tier; and when something changes about who opened it,
   or about who may see the blob (the generations by which the Doorway's answers are
   revoked, too), or after some minutes, since a token has an end: the client comes
   again, and is judged anew. The operator's doesn't. */
#include "backend/api/calls.h"

#include <stdlib.h>

#include "backend/api/task_json.h"
#include "backend/json/json_write.h"
#include "backend/repl/ack.h"
#include "common/base/enc.h"
#include "common/base/num.h"
#include "common/http/wire.h"

#define ANSWER_MAX   8192
#define EVENTS_MAX   (4 * ANSWER_MAX)
#define KEEP_MS      15000  /* a comment that often keeps proxies patient */
#define LIFE_MS      600000 /* of a stream that isn't the operator's */
#define RETRY_FIELD  "retry: 2000\n\n"
#define EVENT_STREAM "text/event-stream"

/* What it stands on that he may see this; sampled before he was judged. */
typedef struct {
    bool is_bound; /* by any of it */
    uint32_t slot[2];
    uint64_t generation[2]; /* of the blob, of the agent */
} grounds_t;

typedef struct {
    elo_watch_t watch; /* first */
    grounds_t grounds;
    uint64_t began_ms;
    elo_api_t *api;
    elo_http_req_t *req;
    elo_blob_stat_t stat;
    elo_ack_tier_t told;
    elo_buf_t out;    /* to be written */
    elo_buf_t flight; /* being written */
    bool is_writing;
    bool is_over; /* nothing comes after out */
    bool is_watched;
    uint64_t wrote_ms;
} stream_t;


/* ---- the document ---- */

static void
put_media(elo_json_writer_t *w, elo_api_t *a, const elo_blob_stat_t *st)
{
    const elo_digest_t *d = &st->digest;
    const char *word = "none";
    uint8_t status = ELO_MEDIA_NONE;
    elo_buf_t reason;
    uint64_t size;
    elo_err_t rc;

    elo_buf_init(&reason, ANSWER_MAX / 2);
    rc = elo_store_media_stat(a->cfg.store, d, &status, &size, &reason);
    if (elo_media_jobs_has(a->jobs, d)) {
        word = "pending";
        elo_buf_clear(&reason);
    } else if (st->is_sealed) {
        elo_buf_clear(&reason);
        elo_buf_put_str(&reason, "not indexed: it is encrypted at rest");
    } else if (rc == ELO_ENOTFOUND) {
        elo_buf_put_str(&reason, "not indexed: no content node asked for it");
    } else if (rc == ELO_OK && status == ELO_MEDIA_READY) {
        word = "ready";
    }
    elo_json_put_object(w, "media");
    elo_json_put_cstr(w, "status", word);
    elo_json_put_string(w, "reason", elo_buf_slice(&reason));
    elo_json_end_object(w);
    elo_buf_dispose(&reason);
}


static void
put_status(elo_buf_t *b, elo_api_t *a, const elo_blob_stat_t *st,
           const elo_ack_t *ack)
{
    char canon[ELO_ADDR_CANON_LEN + 1];
    elo_json_writer_t w;

    elo_addr_canon(&st->digest, canon);
    elo_json_writer_init(&w, b);
    elo_json_put_object(&w, NULL);
    elo_json_put_cstr(&w, "hash", canon);
    elo_json_put_u64(&w, "size", st->size);
    elo_json_put_cstr(&w, "reach", elo_reach_name(st->reach));
    elo_json_put_bool(&w, "sealed", st->is_sealed);
    elo_json_put_bool(&w, "pinned",
                      elo_store_is_pinned(a->cfg.store, &st->digest));
    elo_json_put_bool(&w, "bad", st->is_bad);
    elo_json_put_cstr(&w, "ack", elo_ack_name(ack->tier));
    elo_json_put_bool(&w, "reduced", ack->is_reduced);
    elo_json_put_u64(&w, "holders", ack->holders);
    elo_json_put_u64(&w, "wanted", ack->wanted);
    if (ack->has_task) {
        elo_task_put_json(&w, "task", &ack->task);
    } else {
        elo_json_put_null(&w, "task");
    }
    put_media(&w, a, st);
    elo_json_end_object(&w);
}


static elo_err_t
find_ack(elo_api_t *a, const elo_blob_stat_t *st, elo_ack_t *out)
{
    elo_reach_t of_nodes = elo_store_blob_reach(a->cfg.store, &st->digest);

    return elo_ack_find(a->cfg.store, st, ELO_MAX(st->reach, of_nodes), out);
}


/* ---- who may see it ---- */

static grounds_t
sample(const elo_call_t *c)
{
    elo_slice_t key[2] = { elo_slice(c->route.digest.b,
                                     sizeof(c->route.digest.b)),
                           elo_slice(c->key.b, sizeof(c->key.b)) };
    grounds_t g = { .is_bound = c->is_guest };

    for (unsigned i = 0; i < ELO_COUNT(key); i++) {
        g.slot[i] = elo_gen_slot(key[i]);
        g.generation[i] =
            elo_gen_load(elo_store_gen(c->api->cfg.store), g.slot[i]);
    }
    return g;
}


static bool
still_holds(const stream_t *s, uint64_t now_ms)
{
    const elo_gen_page_t *gen = elo_store_gen(s->api->cfg.store);
    const grounds_t *g = &s->grounds;

    return !g->is_bound
           || (now_ms - s->began_ms < LIFE_MS
               && elo_gen_load(gen, g->slot[0]) == g->generation[0]
               && elo_gen_load(gen, g->slot[1]) == g->generation[1]);
}


/* ---- events ---- */

static void pump(stream_t *s);


static void
end_stream(stream_t *s, bool is_cut)
{
    if (s->is_watched) {
        elo_watch_remove(s->api->watches, &s->watch);
    }
    if (is_cut) {
        elo_http_res_abort(s->req);
    } else {
        elo_http_res_end(s->req);
    }
    elo_buf_dispose(&s->out);
    elo_buf_dispose(&s->flight);
    free(s);
}


static void
on_written(void *ctx, elo_err_t err)
{
    stream_t *s = ctx;

    s->is_writing = false;
    if (err != ELO_OK) {
        end_stream(s, true);
        return;
    }
    pump(s);
}


static void
pump(stream_t *s)
{
    elo_buf_t empty = s->flight;

    if (s->is_writing) {
        return;
    }
    if (elo_buf_err(&s->out) != ELO_OK) {
        end_stream(s, true);
        return;
    }
    if (s->out.len == 0) {
        if (s->is_over) {
            end_stream(s, false);
        }
        return;
    }
    elo_buf_clear(&empty);
    s->flight = s->out;
    s->out = empty;
    s->is_writing = true;
    s->wrote_ms = elo_loop_now_ms(s->api->cfg.loop);
    elo_http_res_write(s->req, elo_buf_slice(&s->flight), on_written, s);
}


static void
put_event(stream_t *s, const elo_ack_t *ack)
{
    elo_buf_printf(&s->out, "id: %d\nevent: %s\ndata: ", (int) ack->tier,
                   elo_ack_name(ack->tier));
    put_status(&s->out, s->api, &s->stat, ack);
    elo_buf_put_str(&s->out, "\n\n");
}


/* Tells of the tiers that were reached since. Of what is gone there is nothing to
   tell: the stream ends. */
static void
tell(stream_t *s)
{
    elo_ack_t now, then;

    if (find_ack(s->api, &s->stat, &now) != ELO_OK || now.tier == ELO_ACK_NONE)
    {
        s->is_over = true;
        return;
    }
    if (now.tier == ELO_ACK_LAST && s->told < ELO_ACK_ACCEPTED) {
        then = now;
        then.tier = ELO_ACK_ACCEPTED;
        then.is_reduced = false;
        put_event(s, &then);
    }
    if (now.tier > s->told) {
        put_event(s, &now);
        s->told = now.tier;
    }
    s->is_over = s->told == ELO_ACK_LAST;
}


static void
on_event(elo_watch_t *watch, elo_watch_event_t event)
{
    stream_t *s = (stream_t *) watch;
    uint64_t now = elo_loop_now_ms(s->api->cfg.loop);

    if (s->is_over) {
        return; /* what is left is on its way */
    }
    if (!s->is_writing && elo_http_req_is_closed(s->req)) {
        end_stream(s, true);
        return;
    }
    if (!still_holds(s, now)) {
        s->is_over = true;
        pump(s);
        return;
    }
    switch (event) {
    case ELO_WATCH_HIT:
        tell(s);
        break;
    case ELO_WATCH_TICK:
        if (!s->is_writing && now - s->wrote_ms >= KEEP_MS) {
            elo_buf_put_str(&s->out, ":\n\n");
            tell(s); /* nobody says that a sealed blob was removed */
        }
        break;
    case ELO_WATCH_END:
        s->is_over = true;
        break;
    }
    pump(s);
}


static elo_ack_tier_t
last_told(const elo_http_req_t *req)
{
    elo_slice_t id = elo_http_req_header(req, "Last-Event-ID");
    uint64_t n;

    if (id.p == NULL || !elo_slice_u64(elo_slice_trim(id), &n)) {
        return ELO_ACK_NONE;
    }
    return n >= ELO_ACK_LAST ? ELO_ACK_LAST : (elo_ack_tier_t) n;
}


static void
start_stream(elo_call_t *c, const elo_blob_stat_t *st, const grounds_t *g)
{
    elo_ack_tier_t told = last_told(c->req);
    stream_t *s;

    elo_http_res_header(c->req, "Cache-Control", ELO_SLICE("no-store"));
    if (told == ELO_ACK_LAST) {
        elo_reply_empty(c->req, 204); /* that is how a client hears to stop */
        return;
    }
    s = calloc(1, sizeof(*s));
    if (s == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return;
    }
    s->watch.object = *elo_ack_object(st);
    s->watch.on_event = on_event;
    s->api = c->api;
    s->req = c->req;
    s->stat = *st;
    s->told = told;
    s->grounds = *g;
    s->began_ms = elo_loop_now_ms(c->api->cfg.loop);
    s->is_watched = elo_watch_add(c->api->watches, &s->watch);
    if (!s->is_watched) {
        free(s);
        elo_reply_err(c->req, ELO_EAGAIN, "too many wait for events already");
        return;
    }
    elo_buf_init(&s->out, EVENTS_MAX);
    elo_buf_init(&s->flight, EVENTS_MAX);
    elo_http_res_header(c->req, "Content-Type", ELO_SLICE(EVENT_STREAM));
    elo_http_res_header(c->req, "X-Accel-Buffering", ELO_SLICE("no"));
    elo_http_res_open(c->req);
    elo_buf_put_str(&s->out, RETRY_FIELD);
    tell(s);
    pump(s);
}


/* ---- the request ---- */

static bool
wants_events(const elo_http_req_t *req)
{
    elo_slice_t accept = elo_http_req_header(req, "Accept");
    elo_slice_t want = ELO_SLICE(EVENT_STREAM);

    for (size_t i = 0; i + want.len <= accept.len; i++) {
        if (elo_slice_ieq(elo_slice(accept.p + i, want.len), want)) {
            return true;
        }
    }
    return false;
}


void
elo_call_blob_status(elo_call_t *c)
{
    grounds_t grounds = sample(c);
    elo_target_t t;
    elo_ack_t ack;
    elo_buf_t b;
    elo_err_t rc;

    if (!elo_call_find_target(c, &t)) {
        return;
    }
    if (!c->is_head && wants_events(c->req)) {
        start_stream(c, &t.stat, &grounds);
        return;
    }
    rc = find_ack(c->api, &t.stat, &ack);
    if (rc == ELO_OK && ack.tier == ELO_ACK_NONE) {
        rc = ELO_ENOTFOUND; /* since it was looked up */
    }
    if (rc != ELO_OK) {
        elo_reply_err(c->req, rc, NULL);
        return;
    }
    elo_buf_init(&b, ANSWER_MAX);
    put_status(&b, c->api, &t.stat, &ack);
    elo_http_res_header(c->req, "Cache-Control", ELO_SLICE("no-store"));
    elo_http_res_header(c->req, "Vary", ELO_SLICE("Accept"));
    elo_reply_json(c->req, 200, &b);
    elo_buf_dispose(&b);
}
