/* SPDX-License-Identifier: BSD-2-Clause */
/* put_reply: the answer to an upload. It is written by hand: an answer is made
   for each of many thousand small blobs a second. */
#include "backend/api/put_ask.h"

#include <stdlib.h>

#include "backend/api/manifest.h"
#include "backend/json/json_write.h"
#include "backend/repl/ack.h"

#define ANSWER_MAX   1024 /* a type of 127 quotes, escaped, included */
#define MANIFEST_MAX 4096
#define PREFERENCE   "wait=durable"

typedef struct {
    elo_watch_t watch; /* first */
    elo_api_t *api;
    elo_http_req_t *req;
    elo_blob_stat_t stat;
    bool existed;
    bool is_preferred;
    elo_put_shape_t shape;
    uint64_t until_ms;
} wait_t;


/* ---- the answer ---- */

#define PUT(b, lit) elo_buf_put((b), "" lit, sizeof(lit) - 1)


static void
put_type(elo_buf_t *b, const char *type)
{
    elo_slice_t s =
        elo_slice_str(type[0] != '\0' ? type : ELO_API_DEFAULT_TYPE);

    if (memchr(s.p, '"', s.len) != NULL || memchr(s.p, '\\', s.len) != NULL) {
        elo_json_quote(b, s); /* of a parameter */
        return;
    }
    elo_buf_put_u8(b, '"');
    elo_buf_put_slice(b, s);
    elo_buf_put_u8(b, '"');
}


static void
put_u64(elo_buf_t *b, uint64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char) ('0' + v % 10);
        v /= 10;
    } while (v != 0);
    elo_buf_put(b, digits + at, sizeof(digits) - at);
}


static void
reply_ours(elo_http_req_t *req, const elo_blob_stat_t *st, bool existed,
           elo_ack_tier_t tier, bool is_reduced)
{
    char location[sizeof("/api/blob/") + ELO_ADDR_CANON_LEN] = "/api/blob/";
    char *canon = location + sizeof("/api/blob/") - 1;
    char cid[ELO_CID_TEXT_LEN + 1];
    char mem[ANSWER_MAX];
    elo_buf_t b;

    elo_addr_canon(&st->digest, canon);
    elo_addr_cid(&st->digest, cid);
    elo_buf_init_fixed(&b, mem, sizeof(mem));
    PUT(&b, "{\"hash\":\"");
    elo_buf_put(&b, canon, ELO_ADDR_CANON_LEN);
    PUT(&b, "\",\"cid\":\"");
    elo_buf_put(&b, cid, ELO_CID_TEXT_LEN);
    PUT(&b, "\",\"size\":");
    put_u64(&b, st->size);
    PUT(&b, ",\"contentType\":");
    put_type(&b, st->content_type);
    PUT(&b, ",\"reach\":\"");
    elo_buf_put_str(&b, elo_reach_name(st->reach));
    elo_buf_put_str(&b,
                    existed ? "\",\"existed\":true" : "\",\"existed\":false");
    PUT(&b, ",\"ack\":\"");
    elo_buf_put_str(&b, elo_ack_name(tier));
    elo_buf_put_str(&b, is_reduced ? "\",\"reduced\":true}" : "\"}");
    elo_http_res_header(req, "Location",
                        elo_slice(location, sizeof(location) - 1));
    elo_reply_json(req, existed ? 200 : 201, &b);
}


static void
reply_shard(elo_http_req_t *req, const elo_blob_stat_t *st, bool existed)
{
    char canon[ELO_ADDR_CANON_LEN + 1];
    elo_json_writer_t w;
    char mem[ANSWER_MAX];
    elo_buf_t b;

    elo_addr_canon(&st->digest, canon);
    elo_buf_init_fixed(&b, mem, sizeof(mem));
    elo_json_writer_init(&w, &b);
    elo_json_put_object(&w, NULL);
    elo_json_put_cstr(&w, "hash", canon);
    elo_json_put_u64(&w, "size_bytes", st->size);
    elo_json_put_bool(&w, "already_existed", existed);
    elo_json_end_object(&w);
    elo_reply_json(req, existed ? 200 : 201, &b);
}


/* Clients of this take any other status than 201 for a failure. */
static void
reply_manifest(elo_http_req_t *req, const elo_blob_stat_t *st, bool existed,
               elo_ack_tier_t tier, bool is_reduced)
{
    const char *type =
        st->content_type[0] != '\0' ? st->content_type : ELO_API_DEFAULT_TYPE;
    char canon[ELO_ADDR_CANON_LEN + 1];
    char cid[ELO_CID_TEXT_LEN + 1];
    elo_json_writer_t w;
    elo_buf_t b;

    elo_addr_canon(&st->digest, canon);
    elo_addr_cid(&st->digest, cid);
    elo_buf_init(&b, MANIFEST_MAX);
    elo_json_writer_init(&w, &b);
    elo_json_put_object(&w, NULL);
    elo_manifest_put(&w, st, type, st->reach);
    elo_json_put_cstr(&w, "hash", canon);
    elo_json_put_cstr(&w, "cid", cid);
    elo_json_put_u64(&w, "size", st->size);
    elo_json_put_cstr(&w, "contentType", type);
    elo_json_put_bool(&w, "existed", existed);
    elo_json_put_cstr(&w, "ack", elo_ack_name(tier));
    if (is_reduced) {
        elo_json_put_bool(&w, "reduced", true);
    }
    elo_json_end_object(&w);
    elo_http_res_headerf(req, "Location", "/blob/%s", canon);
    elo_reply_json(req, 201, &b);
    elo_buf_dispose(&b);
}


/* NONE: what was accepted has been removed since. */
static void
reply(elo_http_req_t *req, elo_put_shape_t shape, const elo_blob_stat_t *st,
      bool existed, elo_ack_tier_t tier, bool is_reduced)
{
    if (tier == ELO_ACK_NONE) {
        elo_reply_err(req, ELO_ENOTFOUND, "the blob has been removed since");
        return;
    }
    switch (shape) {
    case ELO_PUT_OURS:
        reply_ours(req, st, existed, tier, is_reduced);
        break;
    case ELO_PUT_MANIFEST:
        reply_manifest(req, st, existed, tier, is_reduced);
        break;
    case ELO_PUT_SHARD:
        reply_shard(req, st, existed);
        break;
    }
}


void
elo_put_refuse(elo_http_req_t *req, elo_err_t err)
{
    const char *detail = NULL;

    if (err == ELO_EHASH) {
        detail = "the bytes do not have the hash in the path; nothing was kept";
    } else if (err == ELO_ETOOBIG) {
        detail = "the blob is larger than this node takes";
    }
    elo_reply_err(req, err, detail);
}


/* ---- at once, or later ---- */

static void
find_ack(elo_api_t *a, const elo_blob_stat_t *st, elo_ack_t *out)
{
    /* What can't be looked up is what is certain: it was accepted. */
    if (elo_ack_find(a->cfg.store, st, st->reach, out) != ELO_OK) {
        *out = (elo_ack_t){ .tier = ELO_ACK_ACCEPTED };
    }
}


static void
end_wait(wait_t *w, const elo_ack_t *ack)
{
    elo_watch_remove(w->api->watches, &w->watch);
    if (w->is_preferred && ack->tier >= ELO_ACK_DURABLE) {
        elo_http_res_header(w->req, "Preference-Applied",
                            ELO_SLICE(PREFERENCE));
    }
    reply(w->req, w->shape, &w->stat, w->existed, ack->tier, ack->is_reduced);
    free(w);
}


static void
on_event(elo_watch_t *watch, elo_watch_event_t event)
{
    wait_t *w = (wait_t *) watch;
    bool is_over = event == ELO_WATCH_END
                   || elo_loop_now_ms(w->api->cfg.loop) >= w->until_ms
                   || elo_http_req_is_closed(w->req);
    elo_ack_t ack;

    if (event == ELO_WATCH_TICK && !is_over) {
        return;
    }
    find_ack(w->api, &w->stat, &ack);
    if (is_over || ack.tier != ELO_ACK_ACCEPTED) {
        end_wait(w, &ack);
    }
}


/* False when it can't be waited: what holds now is answered. */
static bool
start_wait(elo_api_t *a, elo_http_req_t *req, const elo_put_ask_t *ask,
           const elo_blob_stat_t *st, bool existed)
{
    wait_t *w = calloc(1, sizeof(*w));
    elo_ack_t ack;

    if (w == NULL) {
        return false;
    }
    w->watch.object = *elo_ack_object(st);
    w->watch.on_event = on_event;
    w->api = a;
    w->req = req;
    w->stat = *st;
    w->existed = existed;
    w->is_preferred = ask->is_preferred;
    w->shape = ask->shape;
    w->until_ms = elo_loop_now_ms(a->cfg.loop) + ask->wait_ms;
    if (!elo_watch_add(a->watches, &w->watch)) {
        free(w);
        return false;
    }
    find_ack(a, st, &ack);
    if (ack.tier != ELO_ACK_ACCEPTED) {
        end_wait(w, &ack);
    }
    return true;
}


void
elo_put_reply(elo_api_t *a, elo_http_req_t *req, const elo_put_ask_t *ask,
              const elo_blob_stat_t *st, bool existed)
{
    elo_ack_t ack = { .tier = ELO_ACK_ACCEPTED };

    if (ask->wants_durable && start_wait(a, req, ask, st, existed)) {
        return;
    }
    if (existed || ask->wants_durable) {
        find_ack(a, st, &ack); /* what is fresh has only just been queued */
    }
    reply(req, ask->shape, st, existed, ack.tier, ack.is_reduced);
}
