/* SPDX-License-Identifier: BSD-2-Clause */
/* chunk_feed: chunks of what isn't held, for the Doorway that keeps them: verified, and
   of a content of the reach that it says, or a wider one, which is judged here again,
   whatever the Doorway has been told before: a hash may be named by a content for
   everyone, and be had by another, which isn't. What is sealed is never told.

     GET /internal/v1/chunk/{address or content id}/{number}?reach=  [Range: bytes=N-]
          reach: neighborhood to commons; commons, unless it is said
       -> 200, 206; X-Elohim-Digest and X-Elohim-Size: of the whole blob
          400: that is no reach
          404: unknown, narrower, sealed, or it has no such chunk
          416: the chunk ends before N
          503, Retry-After: is being fetched, or nobody gives it now            */
#include "backend/api/calls.h"

#include "backend/api/blob_send.h"
#include "backend/api/fallback_call.h"
#include "common/base/enc.h"
#include "common/base/hash_tree.h"
#include "common/base/num.h"
#include "common/http/wire.h"

#define NO_BLOB  "no such blob"
#define NO_CHUNK "the blob has no such chunk"

#define REACH_MAX 16u

typedef struct {
    elo_digest_t digest;
    uint64_t size;     /* of the blob */
    uint64_t len;      /* of the chunk */
    elo_range_t range; /* in the chunk */
    bool is_partial;
} feed_t;


static void
put_head(const void *ctx, elo_http_req_t *req)
{
    const feed_t *f = ctx;
    char hex[ELO_SHA256_HEX_LEN + 1];

    elo_hex_encode(f->digest.b, sizeof(f->digest.b), hex);
    if (f->is_partial) {
        elo_http_res_status(req, 206);
        elo_http_res_headerf(req, "Content-Range", "bytes %llu-%llu/%llu",
                             (unsigned long long) f->range.start,
                             (unsigned long long) f->range.end - 1,
                             (unsigned long long) f->len);
    }
    elo_http_res_header(req, "Content-Type", ELO_SLICE(ELO_API_DEFAULT_TYPE));
    elo_http_res_header(req, "Cache-Control", ELO_SLICE("no-store"));
    elo_http_res_header(req, "X-Elohim-Digest", elo_slice_str(hex));
    elo_http_res_headerf(req, "X-Elohim-Size", "%llu",
                         (unsigned long long) f->size);
}


/* False when nothing of the chunk is wanted that there is, and that is answered. */
static bool
pick_range(const elo_call_t *c, feed_t *f)
{
    elo_slice_t value = elo_http_req_header(c->req, "Range");
    elo_range_set_t set;

    f->range = (elo_range_t){ 0, f->len };
    if (value.p == NULL || c->is_head) {
        return true;
    }
    switch (elo_range_parse(value, f->len, &set)) {
    case ELO_RANGE_PARTIAL:
        if (set.n == 1) {
            f->is_partial = true;
            f->range = set.r[0];
        }
        return true;
    case ELO_RANGE_UNSATISFIABLE:
        elo_http_res_headerf(c->req, "Content-Range", "bytes */%llu",
                             (unsigned long long) f->len);
        elo_reply_err(c->req, ELO_ERANGE, NULL);
        return false;
    default:
        return true;
    }
}


static void
send(elo_call_t *c, const elo_target_t *t, const feed_t *f)
{
    uint64_t start = (uint64_t) c->route.number * ELO_TREE_CHUNK;
    elo_range_t range = { start + f->range.start, start + f->range.end };

    if (c->is_head) {
        put_head(f, c->req);
        elo_http_res_send_head(c->req, f->len);
    } else if (c->fetched != NULL) {
        elo_fetched_send(c->api, c->req, c->fetched, range, put_head, f,
                         sizeof(*f));
    } else {
        elo_blob_send(c->api, c->req,
                      &(elo_blob_send_t){ .stat = t->stat,
                                          .range = range,
                                          .head = put_head,
                                          .ctx = f,
                                          .ctx_len = sizeof(*f) });
    }
}


/* False when that was answered, or is later. */
static bool
find(elo_call_t *c, elo_target_t *out)
{
    elo_err_t rc;

    if (c->fetched != NULL) {
        elo_fetched_target(c->fetched, out);
        return true;
    }
    rc = elo_target_find(c->api->cfg.store, c->route.id, NULL, out);
    if (rc == ELO_ENOTFOUND && elo_call_take_fallback(c)) {
        return false;
    }
    if (rc == ELO_OK && (out->reach < c->floor || out->stat.is_sealed)) {
        rc = ELO_ENOTFOUND;
    }
    if (rc != ELO_OK) {
        elo_reply_err(c->req, rc, rc == ELO_ENOTFOUND ? NO_BLOB : NULL);
        return false;
    }
    elo_api_touch(c->api, out);
    return true;
}


/* False, and that is answered. */
static bool
read_floor(elo_call_t *c)
{
    char room[REACH_MAX];
    elo_slice_t text;

    c->floor = ELO_REACH_COMMONS;
    if (elo_query_text(elo_http_req_query(c->req), "reach", room, sizeof(room),
                       &text)
            == ELO_OK
        && (text.p == NULL
            || (elo_reach_parse(text, &c->floor)
                && c->floor >= ELO_WIRE_REMOTE_REACH)))
    {
        return true;
    }
    elo_reply_err(c->req, ELO_EINVAL,
                  "reach is neighborhood, or one that is wider");
    return false;
}


void
elo_call_feed(elo_call_t *c)
{
    uint64_t start = (uint64_t) c->route.number * ELO_TREE_CHUNK;
    elo_target_t t;
    feed_t f = { 0 };

    c->again = elo_call_feed;
    if (!read_floor(c) || !find(c, &t)) {
        return;
    }
    if (start >= t.stat.size) {
        elo_reply_err(c->req, ELO_ENOTFOUND, NO_CHUNK);
        return;
    }
    f.digest = t.stat.digest;
    f.size = t.stat.size;
    f.len = ELO_MIN(f.size - start, (uint64_t) ELO_TREE_CHUNK);
    if (pick_range(c, &f)) {
        send(c, &t, &f);
    }
}
