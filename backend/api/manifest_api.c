/* SPDX-License-Identifier: BSD-2-Clause */
/* manifest_api: what a blob is made of, in the members and the spelling that
   existing clients of shard manifests read. Until blobs are cut into shards,
   each is its own and only one. */
#include "backend/api/calls.h"
#include "backend/api/manifest.h"

#include "backend/json/json_write.h"
#include "backend/node/shape.h"

#define MANIFEST_MAX 4096


void
elo_manifest_put(elo_json_writer_t *w, const elo_blob_stat_t *st,
                 const char *type, elo_reach_t reach)
{
    char canon[ELO_ADDR_CANON_LEN + 1];
    char cid[ELO_CID_TEXT_LEN + 1];
    char created[ELO_TIME_TEXT_LEN + 1];

    elo_addr_canon(&st->digest, canon);
    elo_addr_cid(&st->digest, cid);
    elo_time_text(st->created_at, created);
    elo_json_put_cstr(w, "blob_cid", cid);
    elo_json_put_cstr(w, "blob_hash", canon);
    elo_json_put_u64(w, "total_size", st->size);
    elo_json_put_cstr(w, "mime_type", type);
    elo_json_put_cstr(w, "encoding", "none");
    elo_json_put_u64(w, "data_shards", 1);
    elo_json_put_u64(w, "total_shards", 1);
    elo_json_put_u64(w, "shard_size", st->size);
    elo_json_put_array(w, "shard_hashes");
    elo_json_put_cstr(w, NULL, canon);
    elo_json_end_array(w);
    elo_json_put_cstr(w, "reach", elo_reach_name(reach));
    elo_json_put_null(w, "author_id");
    elo_json_put_cstr(w, "created_at", created);
    /* the hash was checked as the bytes came in */
    elo_json_put_cstr(w, "verified_at", created);
    elo_json_put_u64(w, "data_parity", 0);
}


void
elo_call_manifest(elo_call_t *c)
{
    elo_target_t t;
    elo_json_writer_t w;
    elo_buf_t b;

    if (!elo_call_find_target(c, &t)) {
        return;
    }
    elo_buf_init(&b, MANIFEST_MAX);
    elo_json_writer_init(&w, &b);
    elo_json_put_object(&w, NULL);
    elo_manifest_put(&w, &t.stat, t.content_type, t.reach);
    elo_json_end_object(&w);
    elo_http_res_header(
        c->req, "Cache-Control",
        elo_slice_str(elo_reply_cache_control(t.reach, "no-cache")));
    elo_reply_json(c->req, 200, &b);
    elo_buf_dispose(&b);
}
