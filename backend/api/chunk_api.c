/* SPDX-License-Identifier: BSD-2-Clause */
/* chunk_api: the hash tree of a blob, and its 1 MiB chunks one by one, each with
   the digest of its bytes (RFC 9530). Of a sealed blob the tree is that of what is
   stored, which is what other nodes can check; its chunks are of the plaintext. */
#include "backend/api/calls.h"

#include <stdlib.h>

#include "backend/api/content_reply.h"
#include "backend/api/fallback_call.h"
#include "backend/json/json_write.h"
#include "common/base/base64.h"
#include "common/base/crypto.h"
#include "common/base/enc.h"
#include "common/base/hash_tree.h"
#include "common/base/num.h"
#include "common/http/precond.h"

#define ANSWER_MAX 4096
#define ETAG_MAX   (ELO_ADDR_CANON_LEN + 16) /* quotes, dot, number */
#define LAYER_MAX  (UINT32_MAX / 2)          /* of a blob of 64 TiB */

typedef struct {
    elo_job_t job; /* first */
    elo_api_t *api;
    elo_http_req_t *req;
    elo_target_t target;
    elo_err_t err;

    /* of a chunk */
    uint32_t index;
    bool is_head;
    uint8_t *bytes;
    size_t len;
    elo_digest_t digest;

    /* of a tree */
    bool wants_layer;
    elo_digest_t root;
    bool has_root;
    elo_buf_t layer;
} ask_t;


static void
free_ask(ask_t *k)
{
    elo_buf_dispose(&k->layer);
    free(k->bytes);
    free(k);
}


/* NULL when the target isn't found, or that is answered. */
static ask_t *
new_ask(elo_call_t *c)
{
    elo_target_t t;
    ask_t *k;

    if (!elo_call_find_target(c, &t)) {
        return NULL;
    }
    k = calloc(1, sizeof(*k));
    if (k == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return NULL;
    }
    k->api = c->api;
    k->req = c->req;
    k->target = t;
    k->is_head = c->is_head;
    elo_buf_init(&k->layer, LAYER_MAX);
    return k;
}


static void
put_cache_control(const ask_t *k)
{
    const char *for_all = k->target.is_by_hash
                              ? "public, max-age=31536000, immutable"
                              : "private, no-cache";

    elo_http_res_header(
        k->req, "Cache-Control",
        elo_slice_str(elo_reply_cache_control(k->target.reach, for_all)));
    elo_http_res_header(k->req, "X-Content-Type-Options", ELO_SLICE("nosniff"));
}


/* ---- chunks ---- */

static void
on_written(void *ctx, elo_err_t err)
{
    ask_t *k = ctx;

    if (err != ELO_OK) {
        elo_http_res_abort(k->req); /* harmless: it has ended */
    }
    free_ask(k);
}


/* pool */
static void
work_chunk(elo_job_t *job)
{
    ask_t *k = (ask_t *) job;
    elo_blob_t *blob = NULL;

    k->err = elo_api_open_blob(k->api->cfg.store, &k->target.stat, &blob);
    if (k->err != ELO_OK) {
        return;
    }
    k->bytes = malloc(k->len);
    if (k->bytes == NULL) {
        k->err = ELO_ENOMEM;
    } else {
        k->err = elo_blob_read(blob, (uint64_t) k->index * ELO_TREE_CHUNK,
                               k->bytes, k->len);
    }
    if (k->err == ELO_OK) {
        k->err = elo_sha256(elo_slice(k->bytes, k->len), &k->digest);
    }
    elo_blob_close(&blob);
}


static void
put_etag(const ask_t *k, char out[ETAG_MAX + 1])
{
    elo_buf_t b;
    char canon[ELO_ADDR_CANON_LEN + 1];

    elo_addr_canon(&k->target.stat.digest, canon);
    elo_buf_init_fixed(&b, out, ETAG_MAX + 1);
    elo_buf_printf(&b, "\"%s.%u\"", canon, k->index);
}


static void
after_chunk(elo_job_t *job)
{
    ask_t *k = (ask_t *) job;
    char text[ELO_BASE64_LEN(ELO_SHA256_LEN) + 1];
    char etag[ETAG_MAX + 1];

    if (k->err != ELO_OK) {
        elo_reply_err(k->req, k->err, NULL);
        free_ask(k);
        return;
    }
    elo_base64_encode(k->digest.b, sizeof(k->digest.b), text);
    put_etag(k, etag);
    put_cache_control(k);
    elo_http_res_header(k->req, "ETag", elo_slice_str(etag));
    elo_http_res_header(k->req, "Content-Type",
                        ELO_SLICE(ELO_API_DEFAULT_TYPE));
    elo_http_res_header(k->req, "X-Reach",
                        elo_slice_str(elo_reach_name(k->target.reach)));
    elo_content_mark(k->req, k->target.life);
    elo_http_res_headerf(k->req, "Content-Digest", "sha-256=:%s:", text);
    elo_http_res_headerf(k->req, "Repr-Digest", "sha-256=:%s:", text);
    if (k->is_head) {
        elo_http_res_send_head(k->req, k->len);
        free_ask(k);
        return;
    }
    elo_http_res_stream(k->req, k->len);
    elo_http_res_write(k->req, elo_slice(k->bytes, k->len), on_written, k);
}


/* Of a copy; its digest is a hundred microseconds of work. */
static void
on_fetched(void *ctx, elo_err_t err, elo_slice_t bytes)
{
    ask_t *k = ctx;

    if (err == ELO_EUNAVAIL) {
        elo_reply_later(k->req, "NO_SOURCE",
                        "the content lives elsewhere, and none of its fallback "
                        "URLs gives it now",
                        ELO_API_RETRY_AFTER_S);
        free_ask(k);
        return;
    }
    k->err = err;
    if (k->err == ELO_OK
        && (bytes.len != k->len || (k->bytes = malloc(k->len)) == NULL))
    {
        k->err = ELO_ENOMEM;
    }
    if (k->err == ELO_OK) {
        memcpy(k->bytes, bytes.p, k->len);
        k->err = elo_sha256(bytes, &k->digest);
    }
    after_chunk(&k->job);
}


static bool
is_known(const ask_t *k)
{
    elo_precond_t cond = {
        .if_none_match = elo_http_req_header(k->req, "If-None-Match"),
    };
    char etag[ETAG_MAX + 1];

    put_etag(k, etag);
    return elo_precond_eval(&cond, true, elo_slice_str(etag), 0)
           == ELO_PRECOND_NOT_MODIFIED;
}


void
elo_call_chunk(elo_call_t *c)
{
    uint64_t start;
    ask_t *k;

    c->again = elo_call_chunk;
    if ((k = new_ask(c)) == NULL) {
        return;
    }
    if (c->fetched == NULL) {
        elo_api_touch(c->api, &k->target);
    }
    k->index = c->route.number;
    start = (uint64_t) k->index * ELO_TREE_CHUNK;
    if (start >= k->target.stat.size) {
        elo_reply_err(c->req, ELO_ERANGE, "the blob has no such chunk");
        free_ask(k);
        return;
    }
    if (is_known(k)) {
        put_cache_control(k);
        elo_reply_empty(c->req, 304);
        free_ask(k);
        return;
    }
    k->len = (size_t) ELO_MIN(k->target.stat.size - start,
                              (uint64_t) ELO_TREE_CHUNK);
    if (c->fetched != NULL) {
        elo_fetched_chunk(c->api, c->fetched, k->index, on_fetched, k);
        return;
    }
    k->job.work = work_chunk;
    k->job.after = after_chunk;
    elo_loop_work(c->api->cfg.loop, &k->job);
}


/* ---- the tree ---- */

static void
reply_tree(ask_t *k)
{
    const elo_blob_stat_t *st = &k->target.stat;
    char canon[ELO_ADDR_CANON_LEN + 1];
    char hex[ELO_SHA256_HEX_LEN + 1];
    elo_json_writer_t w;
    elo_buf_t b;

    elo_buf_init(&b, ANSWER_MAX);
    elo_json_writer_init(&w, &b);
    elo_json_put_object(&w, NULL);
    elo_addr_canon(&st->digest, canon);
    elo_json_put_cstr(&w, "hash", canon);
    elo_json_put_u64(&w, "size", st->size);
    if (st->is_sealed) {
        elo_addr_canon(&st->_object, canon);
        elo_json_put_cstr(&w, "object", canon);
        elo_json_put_u64(&w, "objectSize", st->_stored);
    }
    if (k->has_root) {
        elo_hex_encode(k->root.b, sizeof(k->root.b), hex);
        elo_json_put_cstr(&w, "root", hex);
    } else {
        elo_json_put_null(&w, "root");
    }
    elo_json_put_u64(&w, "chunkSize", ELO_TREE_CHUNK);
    elo_json_put_u64(&w, "leafSize", ELO_TREE_LEAF);
    elo_json_put_u64(&w, "chunks",
                     elo_tree_chunks(st->is_sealed ? st->_stored : st->size));
    elo_json_end_object(&w);
    put_cache_control(k);
    elo_reply_json(k->req, 200, &b);
    elo_buf_dispose(&b);
}


static void
reply_layer(ask_t *k)
{
    put_cache_control(k);
    elo_http_res_header(k->req, "Content-Type",
                        ELO_SLICE(ELO_API_DEFAULT_TYPE));
    elo_http_res_send(k->req, elo_buf_slice(&k->layer));
}


/* pool */
static void
work_tree(elo_job_t *job)
{
    ask_t *k = (ask_t *) job;

    k->err = elo_store_tree(k->api->cfg.store, &k->target.stat, &k->root,
                            &k->has_root, k->wants_layer ? &k->layer : NULL);
    if (k->err == ELO_OK) {
        k->err = elo_buf_err(&k->layer);
    }
}


static void
after_tree(elo_job_t *job)
{
    ask_t *k = (ask_t *) job;

    if (k->err != ELO_OK) {
        elo_reply_err(k->req, k->err, NULL);
    } else if (k->wants_layer) {
        reply_layer(k);
    } else {
        reply_tree(k);
    }
    free_ask(k);
}


void
elo_call_blob_tree(elo_call_t *c)
{
    uint32_t layer = 0;
    ask_t *k;

    if (elo_query_number(elo_http_req_query(c->req), "layer", 0, 1, &layer)
        != ELO_OK)
    {
        elo_reply_err(c->req, ELO_EINVAL, "layer is 1, or left out");
        return;
    }
    k = new_ask(c);
    if (k == NULL) {
        return;
    }
    k->wants_layer = layer == 1;
    k->job.work = work_tree;
    k->job.after = after_tree;
    elo_loop_work(c->api->cfg.loop, &k->job);
}
