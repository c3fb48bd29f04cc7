/* SPDX-License-Identifier: BSD-2-Clause */
/* wire: descriptors between daemon and Doorway as bytes. The byte table is in
   the header. What is read comes from a process of our own, yet is checked as if
   it came from outside: names, types and ids end up in open(2), in headers and
   in playlists. */
#include "common/http/wire_internal.h"

#include "common/base/num.h"
#include "common/base/rd.h"
#include "common/cache/generation.h"

#define MAGIC        "EL"
#define EXTENT_LEN   16
#define DURATION_LEN 4
#define ID_LEN       16                     /* hex digits of a file's name */
#define START_MAX    (UINT64_C(1) << 53)    /* exact in every player */
#define FILE_OFF_MAX ((uint64_t) INT64_MAX) /* off_t */


const char *
elo_wire_life_name(elo_wire_life_t life)
{
    switch (life) {
    case ELO_WIRE_STALE:
        return "stale";
    case ELO_WIRE_DEPRECATED:
        return "deprecated";
    case ELO_WIRE_ARCHIVED:
        return "archived";
    default:
        return NULL;
    }
}


/* ---- writing ---- */

void
elo_wire_begin(elo_buf_t *b, uint8_t type, size_t *at)
{
    *at = b->len;
    elo_buf_put(b, MAGIC, 2);
    elo_buf_put_u8(b, ELO_WIRE_VERSION);
    elo_buf_put_u8(b, type);
    elo_buf_put_be32(b, 0);
}


elo_err_t
elo_wire_end(elo_buf_t *b, size_t at)
{
    size_t len;

    if (elo_buf_err(b) != ELO_OK) {
        return elo_buf_err(b);
    }
    len = b->len - at;
    if (len > ELO_WIRE_MAX) {
        b->len = at;
        return ELO_ETOOBIG;
    }
    elo_buf_patch_be32(b, at + 4, (uint32_t) (len - ELO_WIRE_HEADER_LEN));
    return ELO_OK;
}


void
elo_wire_put_head(elo_buf_t *b, const elo_wire_head_t *h)
{
    elo_buf_put_be64(b, h->generation);
    elo_buf_put_be32(b, h->slot);
    elo_buf_put_u8(b, (uint8_t) h->reach);
    elo_buf_put_u8(b, h->flags);
}


void
elo_wire_put_str16(elo_buf_t *b, elo_slice_t s)
{
    elo_buf_put_be16(b, (uint16_t) s.len);
    elo_buf_put_slice(b, s);
}


bool
elo_wire_fits16(elo_slice_t s)
{
    return s.len <= UINT16_MAX;
}


elo_err_t
elo_wire_put_grant(elo_buf_t *b, const elo_grant_t *g)
{
    size_t at;

    if (!elo_wire_fits16(g->name) || !elo_wire_fits16(g->content_type)) {
        return ELO_ETOOBIG;
    }
    elo_wire_begin(b, ELO_WIRE_GRANT, &at);
    elo_wire_put_head(b, &g->head);
    elo_buf_put(b, g->digest.b, ELO_SHA256_LEN);
    elo_buf_put_be64(b, g->size);
    elo_buf_put_be64(b, g->offset);
    elo_buf_put_be64(b, (uint64_t) g->mtime);
    elo_wire_put_str16(b, g->name);
    elo_wire_put_str16(b, g->content_type);
    return elo_wire_end(b, at);
}


static bool
track_fits(const elo_media_track_t *t)
{
    return elo_wire_fits16(t->id) && elo_wire_fits16(t->codec)
           && elo_wire_fits16(t->language) && elo_wire_fits16(t->name)
           && t->n_segments <= ELO_MEDIA_MAX_SEGMENTS;
}


static void
put_track(elo_buf_t *b, const elo_media_track_t *t)
{
    elo_buf_put_u8(b, (uint8_t) t->kind);
    elo_wire_put_str16(b, t->id);
    elo_buf_put(b, t->blob.b, ELO_SHA256_LEN);
    elo_wire_put_str16(b, t->codec);
    elo_wire_put_str16(b, t->language);
    elo_wire_put_str16(b, t->name);
    elo_buf_put_be16(b, t->width);
    elo_buf_put_be16(b, t->height);
    elo_buf_put_be32(b, t->frame_rate_num);
    elo_buf_put_be32(b, t->frame_rate_den);
    elo_buf_put_be32(b, t->sample_rate);
    elo_buf_put_be16(b, t->channels);
    elo_buf_put_be32(b, t->timescale);
    elo_buf_put_be32(b, t->avg_bps);
    elo_buf_put_be32(b, t->peak_bps);
    elo_buf_put_be64(b, t->start);
    elo_buf_put_be32(b, t->n_segments);
    elo_buf_put(b, t->durations, (size_t) t->n_segments * DURATION_LEN);
}


elo_err_t
elo_wire_put_media(elo_buf_t *b, const elo_media_desc_t *m)
{
    const elo_media_t *media = &m->media;
    size_t at;

    if (!elo_wire_fits16(m->reason) || !elo_wire_fits16(media->title)
        || !elo_wire_fits16(media->version)
        || media->n_tracks > ELO_MEDIA_MAX_TRACKS)
    {
        return ELO_ETOOBIG;
    }
    for (uint32_t i = 0; i < media->n_tracks; i++) {
        if (!track_fits(&media->tracks[i])) {
            return ELO_ETOOBIG;
        }
    }
    elo_wire_begin(b, ELO_WIRE_MEDIA, &at);
    elo_wire_put_head(b, &m->head);
    elo_buf_put_u8(b, m->status);
    elo_wire_put_str16(b, m->reason);
    elo_wire_put_str16(b, media->title);
    elo_wire_put_str16(b, media->version);
    elo_buf_put_be64(b, media->duration_ms);
    elo_buf_put_be16(b, (uint16_t) media->n_tracks);
    for (uint32_t i = 0; i < media->n_tracks; i++) {
        put_track(b, &media->tracks[i]);
    }
    return elo_wire_end(b, at);
}


elo_err_t
elo_wire_put_recipe(elo_buf_t *b, const elo_recipe_t *r)
{
    size_t at;

    if (!elo_wire_fits16(r->name) || !elo_wire_fits16(r->content_type)
        || r->prefix.len > ELO_RECIPE_MAX_HEAD
        || r->n_extents > ELO_RECIPE_MAX_EXTENTS)
    {
        return ELO_ETOOBIG;
    }
    elo_wire_begin(b, ELO_WIRE_RECIPE, &at);
    elo_wire_put_head(b, &r->head);
    elo_buf_put(b, r->digest.b, ELO_SHA256_LEN);
    elo_buf_put_be64(b, r->size);
    elo_wire_put_str16(b, r->name);
    elo_wire_put_str16(b, r->content_type);
    elo_buf_put_be32(b, (uint32_t) r->prefix.len);
    elo_buf_put_slice(b, r->prefix);
    elo_buf_put_be32(b, r->n_extents);
    elo_buf_put(b, r->extents, (size_t) r->n_extents * EXTENT_LEN);
    return elo_wire_end(b, at);
}


/* ---- reading ---- */

elo_err_t
elo_wire_open(elo_slice_t msg, uint8_t want, const uint8_t **body,
              const uint8_t **body_end)
{
    const uint8_t *p, *end;
    elo_slice_t magic;
    uint32_t len;
    uint8_t version, type;

    if (msg.len < ELO_WIRE_HEADER_LEN) {
        return ELO_EINVAL;
    }
    end = msg.p + msg.len;
    p = elo_rd_bytes(msg.p, end, 2, &magic);
    p = elo_rd_u8(p, end, &version);
    p = elo_rd_u8(p, end, &type);
    p = elo_rd_be32(p, end, &len);
    if (p == NULL || !elo_slice_eq(magic, ELO_SLICE(MAGIC))) {
        return ELO_EINVAL;
    }
    if (version != ELO_WIRE_VERSION) {
        return ELO_EUNSUPPORTED;
    }
    if (type != want || len != msg.len - ELO_WIRE_HEADER_LEN
        || msg.len > ELO_WIRE_MAX)
    {
        return ELO_EINVAL;
    }
    *body = p;
    *body_end = end;
    return ELO_OK;
}


const uint8_t *
elo_wire_get_head(const uint8_t *p, const uint8_t *end, elo_wire_head_t *h)
{
    uint8_t reach;

    p = elo_rd_be64(p, end, &h->generation);
    p = elo_rd_be32(p, end, &h->slot);
    p = elo_rd_u8(p, end, &reach);
    p = elo_rd_u8(p, end, &h->flags);
    if (p == NULL || reach >= ELO_REACH_COUNT || h->slot >= ELO_GEN_SLOTS) {
        return NULL;
    }
    h->reach = (elo_reach_t) reach;
    return p;
}


const uint8_t *
elo_wire_get_digest(const uint8_t *p, const uint8_t *end, elo_digest_t *d)
{
    elo_slice_t bytes;

    p = elo_rd_bytes(p, end, ELO_SHA256_LEN, &bytes);
    if (p != NULL) {
        memcpy(d->b, bytes.p, ELO_SHA256_LEN);
    }
    return p;
}


/* A field value that cannot end its header line. */
static bool
type_ok(elo_slice_t type)
{
    if (type.len > ELO_MIME_MAX) {
        return false;
    }
    for (size_t i = 0; i < type.len; i++) {
        if ((type.p[i] < ' ' && type.p[i] != '\t') || type.p[i] == 0x7f) {
            return false;
        }
    }
    return true;
}


/* True when [offset, offset + len) lies in [0, size). */
static bool
is_within(uint64_t offset, uint64_t len, uint64_t size)
{
    uint64_t end;

    return elo_add_u64(offset, len, &end) && end <= size;
}


/* An extent of a file, or nothing of the kind. */
static bool
place_ok(const elo_grant_t *g)
{
    bool is_sealed = (g->head.flags & ELO_WIRE_SEALED) != 0;

    if ((g->head.flags & ELO_WIRE_REMOTE) != 0
        && (!is_sealed || g->size == 0
            || g->head.reach < ELO_WIRE_REMOTE_REACH))
    {
        return false;
    }
    if (is_sealed) {
        return g->name.len == 0 && g->offset == 0;
    }
    return elo_store_name_ok(g->name);
}


elo_err_t
elo_wire_get_grant(elo_slice_t msg, elo_grant_t *out)
{
    const uint8_t *p, *end;
    elo_grant_t g;
    uint64_t mtime;
    elo_err_t rc;

    rc = elo_wire_open(msg, ELO_WIRE_GRANT, &p, &end);
    if (rc != ELO_OK) {
        return rc;
    }
    p = elo_wire_get_head(p, end, &g.head);
    p = elo_wire_get_digest(p, end, &g.digest);
    p = elo_rd_be64(p, end, &g.size);
    p = elo_rd_be64(p, end, &g.offset);
    p = elo_rd_be64(p, end, &mtime);
    p = elo_rd_str16(p, end, &g.name);
    p = elo_rd_str16(p, end, &g.content_type);
    if (p == NULL || p != end || !place_ok(&g) || !type_ok(g.content_type)
        || !is_within(g.offset, g.size, FILE_OFF_MAX))
    {
        return ELO_EINVAL;
    }
    g.mtime = (int64_t) mtime;
    *out = g;
    return ELO_OK;
}


static const uint8_t *
get_track(const uint8_t *p, const uint8_t *end, elo_media_track_t *t)
{
    elo_slice_t table;
    uint8_t kind;

    p = elo_rd_u8(p, end, &kind);
    if (p == NULL || (kind != ELO_TRACK_VIDEO && kind != ELO_TRACK_AUDIO)) {
        return NULL;
    }
    t->kind = (elo_track_kind_t) kind;
    p = elo_rd_str16(p, end, &t->id);
    p = elo_wire_get_digest(p, end, &t->blob);
    p = elo_rd_str16(p, end, &t->codec);
    p = elo_rd_str16(p, end, &t->language);
    p = elo_rd_str16(p, end, &t->name);
    p = elo_rd_be16(p, end, &t->width);
    p = elo_rd_be16(p, end, &t->height);
    p = elo_rd_be32(p, end, &t->frame_rate_num);
    p = elo_rd_be32(p, end, &t->frame_rate_den);
    p = elo_rd_be32(p, end, &t->sample_rate);
    p = elo_rd_be16(p, end, &t->channels);
    p = elo_rd_be32(p, end, &t->timescale);
    p = elo_rd_be32(p, end, &t->avg_bps);
    p = elo_rd_be32(p, end, &t->peak_bps);
    p = elo_rd_be64(p, end, &t->start);
    p = elo_rd_be32(p, end, &t->n_segments);
    if (p == NULL || t->timescale == 0 || t->start > START_MAX
        || t->n_segments > ELO_MEDIA_MAX_SEGMENTS
        || !elo_media_track_id_ok(t->id))
    {
        return NULL;
    }
    p = elo_rd_bytes(p, end, (uint64_t) t->n_segments * DURATION_LEN, &table);
    if (p != NULL) {
        t->durations = table.p;
    }
    return p;
}


/* The tracks after their count; NULL also when two have one id. */
static const uint8_t *
get_tracks(const uint8_t *p, const uint8_t *end, uint32_t n, elo_media_t *m)
{
    m->n_tracks = 0;
    for (uint32_t i = 0; i < n; i++) {
        p = get_track(p, end, &m->tracks[i]);
        if (p == NULL || elo_media_track(m, m->tracks[i].id) != NULL) {
            return NULL;
        }
        m->n_tracks = i + 1;
    }
    return p;
}


elo_err_t
elo_wire_get_media(elo_slice_t msg, elo_media_desc_t *out)
{
    const uint8_t *p, *end;
    elo_media_desc_t d;
    elo_media_t *m = &d.media;
    uint16_t n;
    elo_err_t rc;

    rc = elo_wire_open(msg, ELO_WIRE_MEDIA, &p, &end);
    if (rc != ELO_OK) {
        return rc;
    }
    p = elo_wire_get_head(p, end, &d.head);
    p = elo_rd_u8(p, end, &d.status);
    p = elo_rd_str16(p, end, &d.reason);
    p = elo_rd_str16(p, end, &m->title);
    p = elo_rd_str16(p, end, &m->version);
    p = elo_rd_be64(p, end, &m->duration_ms);
    p = elo_rd_be16(p, end, &n);
    if (p == NULL || n > ELO_MEDIA_MAX_TRACKS || d.status < ELO_MEDIA_READY
        || d.status > ELO_MEDIA_NONE)
    {
        return ELO_EINVAL;
    }
    if (d.status == ELO_MEDIA_READY
        && (n == 0 || !elo_media_version_ok(m->version)))
    {
        return ELO_EINVAL;
    }
    if (get_tracks(p, end, n, m) != end) {
        return ELO_EINVAL;
    }
    *out = d;
    return ELO_OK;
}


/* Every extent holds something and lies in the file; their sum, with the
   prefix, is a length that a response can have. */
static bool
extents_ok(const elo_recipe_t *r)
{
    uint64_t sum = r->prefix.len;

    for (uint32_t i = 0; i < r->n_extents; i++) {
        elo_extent_t e = elo_recipe_extent(r, i);

        if (e.len == 0 || !is_within(e.offset, e.len, r->size)
            || !elo_add_u64(sum, e.len, &sum))
        {
            return false;
        }
    }
    return sum > 0 && sum <= FILE_OFF_MAX && r->size <= FILE_OFF_MAX;
}


elo_err_t
elo_wire_get_recipe(elo_slice_t msg, elo_recipe_t *out)
{
    const uint8_t *p, *end;
    elo_slice_t table;
    elo_recipe_t r;
    uint32_t len;
    elo_err_t rc;

    rc = elo_wire_open(msg, ELO_WIRE_RECIPE, &p, &end);
    if (rc != ELO_OK) {
        return rc;
    }
    p = elo_wire_get_head(p, end, &r.head);
    p = elo_wire_get_digest(p, end, &r.digest);
    p = elo_rd_be64(p, end, &r.size);
    p = elo_rd_str16(p, end, &r.name);
    p = elo_rd_str16(p, end, &r.content_type);
    p = elo_rd_be32(p, end, &len);
    if (p == NULL || len > ELO_RECIPE_MAX_HEAD) {
        return ELO_EINVAL;
    }
    p = elo_rd_bytes(p, end, len, &r.prefix);
    p = elo_rd_be32(p, end, &r.n_extents);
    if (p == NULL || r.n_extents > ELO_RECIPE_MAX_EXTENTS) {
        return ELO_EINVAL;
    }
    p = elo_rd_bytes(p, end, (uint64_t) r.n_extents * EXTENT_LEN, &table);
    if (p == NULL || p != end) {
        return ELO_EINVAL;
    }
    r.extents = table.p;
    if (!elo_store_name_ok(r.name) || !type_ok(r.content_type)
        || !extents_ok(&r)) {
        return ELO_EINVAL;
    }
    *out = r;
    return ELO_OK;
}


elo_extent_t
elo_recipe_extent(const elo_recipe_t *r, uint32_t i)
{
    const uint8_t *at = r->extents + (size_t) i * EXTENT_LEN;
    elo_extent_t e = { 0, 0 };

    elo_rd_be64(elo_rd_be64(at, at + 8, &e.offset), at + EXTENT_LEN, &e.len);
    return e;
}


uint64_t
elo_recipe_len(const elo_recipe_t *r)
{
    uint64_t sum = r->prefix.len;

    for (uint32_t i = 0; i < r->n_extents; i++) {
        sum += elo_recipe_extent(r, i).len;
    }
    return sum;
}


static bool
is_lower_hex(elo_slice_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!(s.p[i] >= '0' && s.p[i] <= '9')
            && !(s.p[i] >= 'a' && s.p[i] <= 'f')) {
            return false;
        }
    }
    return true;
}


bool
elo_store_name_ok(elo_slice_t name)
{
    elo_slice_t segments = ELO_SLICE("log/");
    elo_slice_t blobs = ELO_SLICE("blobs/");
    const uint8_t *id;

    if (name.len == segments.len + ID_LEN
        && elo_slice_has_prefix(name, segments)) {
        return is_lower_hex(elo_slice(name.p + segments.len, ID_LEN));
    }
    if (name.len != blobs.len + 3 + ID_LEN
        || !elo_slice_has_prefix(name, blobs)) {
        return false;
    }
    id = name.p + blobs.len + 3;
    return name.p[blobs.len + 2] == '/' && is_lower_hex(elo_slice(id, ID_LEN))
           && memcmp(name.p + blobs.len, id + ID_LEN - 2, 2) == 0;
}
