/* SPDX-License-Identifier: BSD-2-Clause */
/* route: paths to resources. No path is changed or decoded here: what does not
   match letter by letter is unknown. */
#include "common/http/route.h"

#include "common/base/cid.h"
#include "common/manifest/model.h"

#define MAX_PARTS 5 /* longest: id, version, track, file behind the prefix */

typedef struct {
    elo_slice_t part[MAX_PARTS];
    size_t n;
} parts_t;

typedef void (*match_fn)(const parts_t *parts, elo_route_t *out);


static bool
addr_ok(elo_slice_t s)
{
    elo_digest_t unused;

    /* of a kind that is refused later, with a reason */
    return elo_addr_parse(s, &unused) != ELO_EINVAL;
}


static bool
id_ok(elo_slice_t s)
{
    return addr_ok(s) || elo_content_id_ok(s);
}


/* Splits what follows a prefix at its slashes; false when there are too many.
   An empty path has one empty part. */
static bool
split(elo_slice_t s, parts_t *out)
{
    size_t start = 0;

    out->n = 0;
    for (size_t i = 0; i <= s.len; i++) {
        if (i < s.len && s.p[i] != '/') {
            continue;
        }
        if (out->n == MAX_PARTS) {
            return false;
        }
        out->part[out->n++] = elo_slice(s.p + start, i - start);
        start = i + 1;
    }
    return true;
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
    if (parts->n == 1 && id_ok(parts->part[0])) {
        out->kind = ELO_ROUTE_BLOB;
        out->id = parts->part[0];
    }
}


/* /api/blob/{addr|id}, /api/blob/{addr}/status */
static void
match_blob(const parts_t *parts, elo_route_t *out)
{
    match_alias(parts, out);
    if (parts->n == 2 && addr_ok(parts->part[0])
        && elo_slice_eq(parts->part[1], ELO_SLICE("status")))
    {
        out->kind = ELO_ROUTE_BLOB_STATUS;
        out->id = parts->part[0];
    }
}


/* /manifest/{addr} */
static void
match_manifest(const parts_t *parts, elo_route_t *out)
{
    if (parts->n == 1 && addr_ok(parts->part[0])) {
        out->kind = ELO_ROUTE_MANIFEST;
        out->id = parts->part[0];
    }
}


/* /api/content/{id} */
static void
match_content(const parts_t *parts, elo_route_t *out)
{
    if (parts->n == 1 && elo_content_id_ok(parts->part[0])) {
        out->kind = ELO_ROUTE_CONTENT;
        out->id = parts->part[0];
    }
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


/* /api/stream/hls/{id}, /api/stream/dash/{id} */
static void
match_stream_alias(const parts_t *parts, elo_route_t *out)
{
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


static const struct {
    const char *path;
    elo_route_kind_t kind;
} whole[] = {
    { "/api/blob", ELO_ROUTE_BLOB_NEW },
    { "/blob", ELO_ROUTE_BLOB_NEW },
    { "/blob/", ELO_ROUTE_BLOB_NEW },
    { "/api/content", ELO_ROUTE_CONTENT_LIST },
    { "/health", ELO_ROUTE_HEALTH },
    { "/version", ELO_ROUTE_VERSION },
};

static const struct {
    const char *path;
    match_fn match;
} prefixes[] = {
    { "/api/blob/", match_blob },
    { "/blob/", match_alias },
    { "/store/", match_alias },
    { "/api/manifest/", match_stream },
    { "/api/stream/", match_stream_alias },
    { "/api/content/", match_content },
    { "/manifest/", match_manifest },
};


void
elo_route_parse(elo_slice_t path, elo_route_t *out)
{
    elo_slice_t prefix;
    parts_t parts;

    *out = (elo_route_t){ .kind = ELO_ROUTE_UNKNOWN };
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        if (elo_slice_eq(path, elo_slice_str(whole[i].path))) {
            out->kind = whole[i].kind;
            return;
        }
    }
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        prefix = elo_slice_str(prefixes[i].path);
        if (elo_slice_has_prefix(path, prefix)) {
            if (split(elo_slice(path.p + prefix.len, path.len - prefix.len),
                      &parts)) {
                prefixes[i].match(&parts, out);
            }
            return;
        }
    }
}
