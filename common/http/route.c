/* SPDX-License-Identifier: BSD-2-Clause */
/* route: paths to resources. No path is changed or decoded here: what does not
   match letter by letter is unknown. */
#include "common/http/route.h"

#include "common/auth/agent_text.h"
#include "common/base/cid.h"
#include "common/manifest/model.h"

#define MAX_PARTS     5 /* longest: id, version, track, file behind the prefix */
#define UPLOAD_ID_LEN 32

typedef struct {
    elo_slice_t part[MAX_PARTS];
    size_t n;
} parts_t;

typedef void (*match_fn)(const parts_t *parts, elo_route_t *out);


/* An address, also one of a kind that is refused later, with a reason. */
static bool
take_addr(elo_slice_t s, elo_route_t *out)
{
    elo_err_t rc = elo_addr_parse(s, &out->digest);

    out->has_digest = rc == ELO_OK;
    if (rc != ELO_EINVAL) {
        out->id = s;
    }
    return rc != ELO_EINVAL;
}


static bool
take_id(elo_slice_t s, elo_route_t *out)
{
    if (take_addr(s, out)) {
        return true;
    }
    if (elo_content_id_ok(s)) {
        out->id = s;
        return true;
    }
    return false;
}


/* Splits what follows a prefix at its slashes; false when there are too many.
   An empty path has one empty part. */
static bool
split(elo_slice_t s, parts_t *out)
{
    out->n = 0;
    while (out->n < MAX_PARTS) {
        const uint8_t *slash = s.len == 0 ? NULL : memchr(s.p, '/', s.len);
        size_t len = slash == NULL ? s.len : (size_t) (slash - s.p);

        out->part[out->n++] = elo_slice(s.p, len);
        if (slash == NULL) {
            return true;
        }
        s = elo_slice(slash + 1, s.len - len - 1);
    }
    return false;
}


/* Cuts a suffix off s; false when s does not end so. */
static bool
cut_suffix(elo_slice_t *s, elo_slice_t suffix)
{
    if (s->len < suffix.len
        || memcmp(s->p + s->len - suffix.len, suffix.p, suffix.len) != 0)
    {
        return false;
    }
    s->len -= suffix.len;
    return true;
}


/* /blob/{addr|id}, /store/{addr|id} */
static void
match_alias(const parts_t *parts, elo_route_t *out)
{
    if (parts->n == 1 && take_id(parts->part[0], out)) {
        out->kind = ELO_ROUTE_BLOB;
    }
}


/* /blob/{addr|id} */
static void
match_plain(const parts_t *parts, elo_route_t *out)
{
    match_alias(parts, out);
    out->is_compat = true;
}


/* /shard/{addr} */
static void
match_shard(const parts_t *parts, elo_route_t *out)
{
    if (parts->n == 1 && take_addr(parts->part[0], out)) {
        out->kind = ELO_ROUTE_SHARD;
    }
}


/* /api/custodian/blob/{addr} */
static void
match_custodians(const parts_t *parts, elo_route_t *out)
{
    if (parts->n == 1 && take_addr(parts->part[0], out)) {
        out->kind = ELO_ROUTE_CUSTODIANS;
    }
}


static bool
name_ok(elo_slice_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.p[i];

        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z')
            && !(c >= 'A' && c <= 'Z') && c != '-' && c != '_')
        {
            return false;
        }
    }
    return s.len != 0 && s.len <= ELO_ROUTE_NAME_MAX;
}


/* /api/v1/cache/{name}[/{id}], /api/v1/{dna}/{zome}/{name} */
static void
match_v1(const parts_t *parts, elo_route_t *out)
{
    const elo_slice_t *part = parts->part;

    if (parts->n < 2 || !name_ok(part[0]) || !name_ok(part[1])) {
        return;
    }
    if (!elo_slice_eq(part[0], ELO_SLICE("cache"))) {
        if (parts->n == 3 && name_ok(part[2])) {
            out->kind = ELO_ROUTE_ZOME;
            out->name = part[2];
        }
        return;
    }
    out->name = part[1];
    if (parts->n == 2) {
        out->kind = ELO_ROUTE_CACHE_LIST;
    } else if (parts->n == 3 && elo_content_id_ok(part[2])) {
        out->kind = ELO_ROUTE_CACHE;
        out->id = part[2];
    }
}


/* One spelling a number, so that a cache has one entry for it. */
static bool
number_ok(elo_slice_t s, uint32_t *out)
{
    uint64_t n;

    if (!elo_slice_u64(s, &n) || n > UINT32_MAX
        || (s.p[0] == '0' && s.len != 1)) {
        return false;
    }
    *out = (uint32_t) n;
    return true;
}


static bool
hex_ok(elo_slice_t s, size_t len)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.p[i];

        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) {
            return false;
        }
    }
    return s.len == len;
}


/* /api/blob/{addr|id}, /api/blob/{addr}/status, tree, /api/blob/{addr|id}/{n} */
static void
match_blob(const parts_t *parts, elo_route_t *out)
{
    elo_slice_t what;
    bool is_addr;

    if (parts->n == 1 && elo_slice_eq(parts->part[0], ELO_SLICE("verify"))) {
        out->kind = ELO_ROUTE_VERIFY;
        return;
    }
    if (parts->n != 2) {
        match_alias(parts, out);
        return;
    }
    what = parts->part[1];
    if (!take_id(parts->part[0], out)) {
        return;
    }
    is_addr = !elo_content_id_ok(parts->part[0]);
    if (is_addr && elo_slice_eq(what, ELO_SLICE("status"))) {
        out->kind = ELO_ROUTE_BLOB_STATUS;
    } else if (is_addr && elo_slice_eq(what, ELO_SLICE("tree"))) {
        out->kind = ELO_ROUTE_BLOB_TREE;
    } else if (number_ok(what, &out->number)) {
        out->kind = ELO_ROUTE_CHUNK;
    }
}


/* /api/upload/{32 hex} */
static void
match_upload(const parts_t *parts, elo_route_t *out)
{
    if (parts->n == 1 && hex_ok(parts->part[0], UPLOAD_ID_LEN)) {
        out->kind = ELO_ROUTE_UPLOAD;
        out->id = parts->part[0];
    }
}


/* /api/records/head/{agent} */
static void
match_record(const parts_t *parts, elo_route_t *out)
{
    elo_agent_t unused;

    if (parts->n == 2 && elo_slice_eq(parts->part[0], ELO_SLICE("head"))
        && elo_agent_text_parse(parts->part[1], &unused) == ELO_OK)
    {
        out->kind = ELO_ROUTE_RECORD_HEAD;
        out->id = parts->part[1];
    }
}


/* /manifest/{addr} */
static void
match_manifest(const parts_t *parts, elo_route_t *out)
{
    if (parts->n == 1 && take_addr(parts->part[0], out)) {
        out->kind = ELO_ROUTE_MANIFEST;
    }
}


/* /api/content/{id}, /api/content/{id}/{what is changed of it} */
static void
match_content(const parts_t *parts, elo_route_t *out)
{
    elo_slice_t what = parts->part[1];

    if (parts->n > 2 || !elo_content_id_ok(parts->part[0])) {
        return;
    }
    if (parts->n == 1) {
        out->kind = ELO_ROUTE_CONTENT;
    } else if (elo_slice_eq(what, ELO_SLICE("lifecycle"))) {
        out->kind = ELO_ROUTE_CONTENT_LIFECYCLE;
    } else if (elo_slice_eq(what, ELO_SLICE("reach"))) {
        out->kind = ELO_ROUTE_CONTENT_REACH;
    } else if (elo_slice_eq(what, ELO_SLICE("invite"))) {
        out->kind = ELO_ROUTE_CONTENT_INVITE;
    } else {
        return;
    }
    out->id = parts->part[0];
}


/* {version}/{track}/init.mp4 or {n}.m4s */
static void
match_part(const parts_t *parts, elo_route_t *out)
{
    elo_slice_t file = parts->part[3];
    uint64_t n;

    if (!elo_media_version_ok(parts->part[1])
        || !elo_media_track_id_ok(parts->part[2]))
    {
        return;
    }
    if (elo_slice_eq(file, ELO_SLICE("init.mp4"))) {
        out->kind = ELO_ROUTE_INIT;
    } else if (cut_suffix(&file, ELO_SLICE(".m4s")) && elo_slice_u64(file, &n)
               && file.p[0] != '0' && n <= ELO_MEDIA_MAX_SEGMENTS)
    {
        /* one spelling a number, so that a cache has one entry for it */
        out->kind = ELO_ROUTE_SEGMENT;
        out->number = (uint32_t) n;
    } else {
        return;
    }
    out->version = parts->part[1];
    out->track = parts->part[2];
}


/* /api/manifest/{id}/… */
static void
match_stream(const parts_t *parts, elo_route_t *out)
{
    elo_slice_t file;

    if (parts->n < 2 || !elo_content_id_ok(parts->part[0])) {
        return;
    }
    file = parts->part[1];
    if (parts->n == 4) {
        match_part(parts, out);
    } else if (parts->n == 2 && elo_slice_eq(file, ELO_SLICE("hls.m3u8"))) {
        out->kind = ELO_ROUTE_HLS_MASTER;
    } else if (parts->n == 2 && elo_slice_eq(file, ELO_SLICE("dash.mpd"))) {
        out->kind = ELO_ROUTE_DASH;
    } else if (parts->n == 2 && cut_suffix(&file, ELO_SLICE(".m3u8"))
               && elo_media_track_id_ok(file))
    {
        out->kind = ELO_ROUTE_HLS_MEDIA;
        out->track = file;
    }
    if (out->kind != ELO_ROUTE_UNKNOWN) {
        out->id = parts->part[0];
    }
}


/* /api/stream/hls/{id}, /api/stream/dash/{id}, /api/stream/chunk/{addr}/{n} */
static void
match_stream_alias(const parts_t *parts, elo_route_t *out)
{
    if (parts->n == 3 && elo_slice_eq(parts->part[0], ELO_SLICE("chunk"))
        && take_addr(parts->part[1], out)
        && number_ok(parts->part[2], &out->number))
    {
        out->kind = ELO_ROUTE_CHUNK;
        return;
    }
    if (parts->n != 2 || !elo_content_id_ok(parts->part[1])) {
        return;
    }
    if (elo_slice_eq(parts->part[0], ELO_SLICE("hls"))) {
        out->kind = ELO_ROUTE_HLS_MASTER;
    } else if (elo_slice_eq(parts->part[0], ELO_SLICE("dash"))) {
        out->kind = ELO_ROUTE_DASH;
    } else {
        return;
    }
    out->id = parts->part[1];
}


#define PATH(lit)                                                              \
    {                                                                          \
        (const uint8_t *) (lit), sizeof(lit) - 1                               \
    }

static const struct {
    elo_slice_t path;
    elo_route_kind_t kind;
    bool is_compat;
} whole[] = {
    { PATH("/api/blob"), ELO_ROUTE_BLOB_NEW, false },
    { PATH("/blob"), ELO_ROUTE_BLOB_NEW, true },
    { PATH("/blob/"), ELO_ROUTE_BLOB_NEW, true },
    { PATH("/api/content"), ELO_ROUTE_CONTENT_LIST, false },
    { PATH("/api/schema"), ELO_ROUTE_SCHEMA, false },
    { PATH("/api/import"), ELO_ROUTE_IMPORT, false },
    { PATH("/api/upload"), ELO_ROUTE_UPLOAD_NEW, false },
    { PATH("/api/upload/"), ELO_ROUTE_UPLOAD_NEW, false },
    { PATH("/api/auth/challenge"), ELO_ROUTE_AUTH_CHALLENGE, false },
    { PATH("/api/auth/token"), ELO_ROUTE_AUTH_TOKEN, false },
    { PATH("/api/auth/session"), ELO_ROUTE_AUTH_SESSION, false },
    { PATH("/api/auth/logout"), ELO_ROUTE_AUTH_LOGOUT, false },
    { PATH("/api/auth/keys"), ELO_ROUTE_AUTH_KEYS, false },
    { PATH("/.well-known/doorway-keys"), ELO_ROUTE_AUTH_KEYS, false },
    { PATH("/api/records"), ELO_ROUTE_RECORDS, false },
    { PATH("/api/audit"), ELO_ROUTE_AUDIT, false },
    { PATH("/api/explain"), ELO_ROUTE_EXPLAIN, false },
    { PATH("/.well-known/jwks.json"), ELO_ROUTE_AUTH_KEYS, false },
    { PATH("/api/cache/purge"), ELO_ROUTE_CACHE_PURGE, false },
    { PATH("/api/cache/warm"), ELO_ROUTE_CACHE_WARM, false },
    { PATH("/health"), ELO_ROUTE_HEALTH, false },
    { PATH("/healthz"), ELO_ROUTE_HEALTH, false },
    { PATH("/version"), ELO_ROUTE_VERSION, false },
    { PATH("/ready"), ELO_ROUTE_READY, false },
    { PATH("/readyz"), ELO_ROUTE_READY, false },
    { PATH("/status"), ELO_ROUTE_STATUS, false },
    { PATH("/p2p/status"), ELO_ROUTE_P2P_STATUS, false },
    { PATH("/auth/me"), ELO_ROUTE_ME, false },
    { PATH("/.well-known/did.json"), ELO_ROUTE_DID, false },
    { PATH("/identity/did"), ELO_ROUTE_DID, false },
    { PATH("/identity/did.json"), ELO_ROUTE_DID, false },
    { PATH("/session"), ELO_ROUTE_HANDOFF, false },
};

static const struct {
    elo_slice_t path;
    match_fn match;
} prefixes[] = {
    { PATH("/api/blob/"), match_blob },
    { PATH("/blob/"), match_plain },
    { PATH("/shard/"), match_shard },
    { PATH("/api/custodian/blob/"), match_custodians },
    { PATH("/api/v1/"), match_v1 },
    { PATH("/store/"), match_alias },
    { PATH("/api/manifest/"), match_stream },
    { PATH("/api/stream/"), match_stream_alias },
    { PATH("/api/content/"), match_content },
    { PATH("/api/upload/"), match_upload },
    { PATH("/manifest/"), match_manifest },
    { PATH("/api/records/"), match_record },
};


/* What did not match keeps nothing of what was tried. */
static void
settle(elo_route_t *out)
{
    if (out->kind == ELO_ROUTE_UNKNOWN) {
        *out = (elo_route_t){ .kind = ELO_ROUTE_UNKNOWN };
    }
}


void
elo_route_parse(elo_slice_t path, elo_route_t *out)
{
    elo_slice_t prefix;
    parts_t parts;

    *out = (elo_route_t){ .kind = ELO_ROUTE_UNKNOWN };
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        prefix = prefixes[i].path;
        if (path.len > prefix.len && elo_slice_has_prefix(path, prefix)) {
            if (split(elo_slice(path.p + prefix.len, path.len - prefix.len),
                      &parts)) {
                prefixes[i].match(&parts, out);
            }
            settle(out);
            return;
        }
    }
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        if (elo_slice_eq(path, whole[i].path)) {
            out->kind = whole[i].kind;
            out->is_compat = whole[i].is_compat;
            return;
        }
    }
}
