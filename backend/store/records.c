/* SPDX-License-Identifier: BSD-2-Clause */
/* records: bytes of the store's tables, see docs/formats/store.md. Big-endian; each
   value is a version byte and its fields. No byte may be left over. */
#include "backend/store/records.h"

#include <stdio.h>

#include "common/base/enc.h"
#include "common/base/num.h"
#include "common/base/rd.h"

#define REC_VERSION 1

enum { BLOB_OBJECT = 0x01, BLOB_FILE = 0x02 };
enum { OWN_HAS = 0, OWN_GONE = 1 };

static const char format_magic[] = "elohim-store 2\nid ";
static const char format_old[] = "elohim-store 1\n";


static void
wr_be32(uint8_t *p, uint32_t v)
{
    for (int i = 3; i >= 0; i--) {
        p[i] = (uint8_t) v;
        v >>= 8;
    }
}


static void
wr_be64(uint8_t *p, uint64_t v)
{
    for (int i = 7; i >= 0; i--) {
        p[i] = (uint8_t) v;
        v >>= 8;
    }
}


/* Behind the version byte; NULL for another version. */
static const uint8_t *
rd_version(elo_slice_t s, const uint8_t **end)
{
    uint8_t version = 0;
    const uint8_t *p;

    *end = s.p + s.len;
    p = elo_rd_u8(s.p, *end, &version);
    return version == REC_VERSION ? p : NULL;
}


static void
put_str8(elo_buf_t *out, elo_slice_t s)
{
    elo_buf_put_u8(out, (uint8_t) s.len);
    elo_buf_put_slice(out, s);
}


static const uint8_t *
rd_str8(const uint8_t *p, const uint8_t *end, elo_slice_t *v)
{
    uint8_t n = 0;

    p = elo_rd_u8(p, end, &n);
    return p == NULL ? NULL : elo_rd_bytes(p, end, n, v);
}


/* A digest and a number, the shape of several keys. */
static elo_slice_t
pair_key(const elo_digest_t *d, uint32_t no, uint8_t *out)
{
    memcpy(out, d->b, ELO_SHA256_LEN);
    wr_be32(out + ELO_SHA256_LEN, no);
    return elo_slice(out, ELO_SHA256_LEN + 4);
}


static elo_err_t
pair_key_parse(elo_slice_t key, elo_digest_t *d, uint32_t *no)
{
    uint32_t v;

    if (key.len != ELO_SHA256_LEN + 4
        || elo_rd_be32(key.p + ELO_SHA256_LEN, key.p + key.len, &v) == NULL)
    {
        return ELO_ECORRUPT;
    }
    memcpy(d->b, key.p, ELO_SHA256_LEN);
    *no = v;
    return ELO_OK;
}


/* ---- BLOB ---- */

void
elo_rec_blob_encode(const elo_rec_blob_t *r, elo_buf_t *out)
{
    unsigned flags =
        (r->is_object ? BLOB_OBJECT : 0u) | (r->file != 0 ? BLOB_FILE : 0u);

    elo_buf_put_u8(out, REC_VERSION);
    elo_buf_put_u8(out, (uint8_t) flags);
    elo_buf_put_u8(out, (uint8_t) r->reach);
    elo_buf_put_be32(out, r->agent);
    elo_buf_put_be64(out, r->created_us);
    if (r->is_object) {
        elo_buf_put(out, r->blind.b, ELO_SHA256_LEN);
    }
    if (r->file != 0) {
        elo_buf_put_be64(out, r->file);
        elo_buf_put_be64(out, r->size);
    }
    put_str8(out, r->content_type);
}


elo_err_t
elo_rec_blob_parse(elo_slice_t s, uint32_t data_len, elo_rec_blob_t *out)
{
    elo_rec_blob_t r = { .size = data_len };
    uint8_t flags = 0, reach = 0;
    elo_slice_t blind = { 0 };
    const uint8_t *p, *end;

    p = rd_version(s, &end);
    p = elo_rd_u8(p, end, &flags);
    p = elo_rd_u8(p, end, &reach);
    p = elo_rd_be32(p, end, &r.agent);
    p = elo_rd_be64(p, end, &r.created_us);
    if ((flags & BLOB_OBJECT) != 0) {
        p = elo_rd_bytes(p, end, ELO_SHA256_LEN, &blind);
    }
    if ((flags & BLOB_FILE) != 0) {
        p = elo_rd_be64(p, end, &r.file);
        p = elo_rd_be64(p, end, &r.size);
    }
    p = rd_str8(p, end, &r.content_type);
    if (p == NULL || p != end || flags > (BLOB_OBJECT | BLOB_FILE)
        || reach >= ELO_REACH_COUNT || r.content_type.len > ELO_MIME_MAX
        || r.size > INT64_MAX
        || ((flags & BLOB_FILE) != 0 && (r.file == 0 || data_len != 0)))
    {
        return ELO_ECORRUPT;
    }
    r.is_object = blind.p != NULL;
    if (r.is_object) {
        memcpy(r.blind.b, blind.p, ELO_SHA256_LEN);
    }
    r.reach = (elo_reach_t) reach;
    *out = r;
    return ELO_OK;
}


elo_err_t
elo_rec_blob_stamp(elo_slice_t s, elo_reach_t *reach, uint64_t *created_us)
{
    uint64_t created = 0;
    const uint8_t *p, *end;
    uint8_t to = 0;

    p = rd_version(s, &end);
    p = elo_rd_skip(p, end, 1);
    p = elo_rd_u8(p, end, &to);
    p = elo_rd_skip(p, end, 4);
    p = elo_rd_be64(p, end, &created);
    if (p == NULL || to >= ELO_REACH_COUNT) {
        return ELO_ECORRUPT;
    }
    *reach = (elo_reach_t) to;
    *created_us = created;
    return ELO_OK;
}


/* ---- SEALED ---- */

void
elo_rec_sealed_encode(const elo_rec_sealed_t *r, elo_buf_t *out)
{
    elo_buf_put_u8(out, REC_VERSION);
    elo_buf_put_u8(out, (uint8_t) r->reach);
    elo_buf_put_be64(out, r->created_us);
    elo_buf_put_be64(out, r->size);
    elo_buf_put(out, r->object.b, ELO_SHA256_LEN);
    put_str8(out, r->content_type);
}


elo_err_t
elo_rec_sealed_parse(elo_slice_t s, elo_rec_sealed_t *out)
{
    elo_rec_sealed_t r = { 0 };
    const uint8_t *p, *end;
    elo_slice_t object = { 0 };
    uint8_t reach = 0;

    p = rd_version(s, &end);
    p = elo_rd_u8(p, end, &reach);
    p = elo_rd_be64(p, end, &r.created_us);
    p = elo_rd_be64(p, end, &r.size);
    p = elo_rd_bytes(p, end, ELO_SHA256_LEN, &object);
    p = rd_str8(p, end, &r.content_type);
    if (p == NULL || p != end || reach >= ELO_REACH_COUNT
        || r.content_type.len > ELO_MIME_MAX || r.size > INT64_MAX)
    {
        return ELO_ECORRUPT;
    }
    r.reach = (elo_reach_t) reach;
    memcpy(r.object.b, object.p, ELO_SHA256_LEN);
    *out = r;
    return ELO_OK;
}


elo_slice_t
elo_sealed_key(const elo_digest_t *blind, uint32_t agent,
               uint8_t out[ELO_SEALED_KEY])
{
    return pair_key(blind, agent, out);
}


elo_err_t
elo_sealed_key_parse(elo_slice_t key, elo_digest_t *blind, uint32_t *agent)
{
    return pair_key_parse(key, blind, agent);
}


/* ---- AGENT ---- */

void
elo_rec_agent_encode(const elo_rec_agent_t *r, elo_buf_t *out)
{
    elo_buf_put_u8(out, REC_VERSION);
    elo_buf_put_be32(out, r->no);
    elo_buf_put_be64(out, r->quota);
}


elo_err_t
elo_rec_agent_parse(elo_slice_t s, elo_rec_agent_t *out)
{
    elo_rec_agent_t r = { 0 };
    const uint8_t *p, *end;

    p = rd_version(s, &end);
    p = elo_rd_be32(p, end, &r.no);
    p = elo_rd_be64(p, end, &r.quota);
    if (p == NULL || p != end) {
        return ELO_ECORRUPT;
    }
    *out = r;
    return ELO_OK;
}


elo_slice_t
elo_agentno_key(uint32_t no, uint8_t out[ELO_AGENTNO_KEY])
{
    wr_be32(out, no);
    return elo_slice(out, ELO_AGENTNO_KEY);
}


elo_err_t
elo_agentno_parse(elo_slice_t key, uint32_t *no)
{
    uint32_t v;

    if (key.len != ELO_AGENTNO_KEY
        || elo_rd_be32(key.p, key.p + key.len, &v) == NULL)
    {
        return ELO_ECORRUPT;
    }
    *no = v;
    return ELO_OK;
}


/* ---- OWN ---- */

void
elo_rec_own_encode(const elo_rec_own_t *r, elo_buf_t *out)
{
    elo_buf_put_u8(out, REC_VERSION);
    elo_buf_put_u8(out, r->is_gone ? OWN_GONE : OWN_HAS);
    elo_buf_put_be64(out, r->size);
}


elo_err_t
elo_rec_own_parse(elo_slice_t s, elo_rec_own_t *out)
{
    elo_rec_own_t r = { 0 };
    const uint8_t *p, *end;
    uint8_t state = 0;

    p = rd_version(s, &end);
    p = elo_rd_u8(p, end, &state);
    p = elo_rd_be64(p, end, &r.size);
    if (p == NULL || p != end || state > OWN_GONE || r.size > INT64_MAX) {
        return ELO_ECORRUPT;
    }
    r.is_gone = state == OWN_GONE;
    *out = r;
    return ELO_OK;
}


elo_slice_t
elo_own_key(const elo_digest_t *d, uint32_t agent, uint8_t out[ELO_OWN_KEY])
{
    return pair_key(d, agent, out);
}


elo_err_t
elo_own_key_parse(elo_slice_t key, elo_digest_t *d, uint32_t *agent)
{
    return pair_key_parse(key, d, agent);
}


/* ---- FILE ---- */

void
elo_rec_file_encode(const elo_rec_file_t *r, elo_buf_t *out)
{
    elo_buf_put_u8(out, REC_VERSION);
    elo_buf_put_u8(out, (uint8_t) r->kind);
    elo_buf_put_u8(out, (uint8_t) r->state);
}


elo_err_t
elo_rec_file_parse(elo_slice_t s, elo_rec_file_t *out)
{
    uint8_t kind = 0, state = 0;
    const uint8_t *p, *end;

    p = rd_version(s, &end);
    p = elo_rd_u8(p, end, &kind);
    p = elo_rd_u8(p, end, &state);
    if (p == NULL || p != end
        || (kind != ELO_FILE_BLOB && kind != ELO_FILE_MEDIA)
        || state > ELO_FILE_DOUBTFUL)
    {
        return ELO_ECORRUPT;
    }
    out->kind = (elo_file_kind_t) kind;
    out->state = (elo_file_state_t) state;
    return ELO_OK;
}


elo_slice_t
elo_file_key(uint64_t id, uint8_t out[ELO_FILE_KEY])
{
    wr_be64(out, id);
    return elo_slice(out, ELO_FILE_KEY);
}


elo_err_t
elo_file_key_parse(elo_slice_t key, uint64_t *id)
{
    uint64_t v;

    if (key.len != ELO_FILE_KEY || elo_rd_be64(key.p, key.p + 8, &v) == NULL
        || v == 0)
    {
        return ELO_ECORRUPT;
    }
    *id = v;
    return ELO_OK;
}


static const char *
kind_dir(elo_file_kind_t kind)
{
    return kind == ELO_FILE_MEDIA ? "media" : "blobs";
}


void
elo_file_dir(elo_file_kind_t kind, uint64_t id, char *out)
{
    snprintf(out, ELO_STORE_NAME_MAX + 1, "%s/%02x", kind_dir(kind),
             (unsigned) (id & 0xff));
}


void
elo_file_name(elo_file_kind_t kind, uint64_t id, char *out)
{
    const char *dir = kind_dir(kind);
    uint8_t low = (uint8_t) id;
    size_t n = strlen(dir);

    memcpy(out, dir, n);
    out[n] = '/';
    elo_hex_encode(&low, 1, out + n + 1);
    out[n + 3] = '/';
    elo_hex_u64(id, out + n + 4);
}


/* ---- TREE, PIN, BAD ---- */

void
elo_rec_tree_encode(const elo_digest_t *root, elo_buf_t *out)
{
    elo_buf_put_u8(out, REC_VERSION);
    elo_buf_put(out, root->b, ELO_SHA256_LEN);
}


elo_err_t
elo_rec_tree_parse(elo_slice_t s, elo_digest_t *root)
{
    elo_slice_t v = { 0 };
    const uint8_t *p, *end;

    p = rd_version(s, &end);
    p = elo_rd_bytes(p, end, ELO_SHA256_LEN, &v);
    if (p == NULL || p != end) {
        return ELO_ECORRUPT;
    }
    memcpy(root->b, v.p, ELO_SHA256_LEN);
    return ELO_OK;
}


void
elo_rec_pin_encode(int64_t since, elo_buf_t *out)
{
    elo_buf_put_u8(out, REC_VERSION);
    elo_buf_put_be64(out, (uint64_t) since);
}


elo_err_t
elo_rec_pin_parse(elo_slice_t s, int64_t *since)
{
    const uint8_t *p, *end;
    uint64_t v = 0;

    p = rd_version(s, &end);
    p = elo_rd_be64(p, end, &v);
    if (p == NULL || p != end) {
        return ELO_ECORRUPT;
    }
    *since = (int64_t) v;
    return ELO_OK;
}


void
elo_rec_bad_encode(const elo_rec_bad_t *r, elo_buf_t *out)
{
    elo_buf_put_u8(out, REC_VERSION);
    elo_buf_put_be64(out, (uint64_t) r->since);
    put_str8(out, elo_slice(r->why.p, ELO_MIN(r->why.len, ELO_WHY_MAX)));
}


elo_err_t
elo_rec_bad_parse(elo_slice_t s, elo_rec_bad_t *out)
{
    elo_rec_bad_t r = { 0 };
    const uint8_t *p, *end;
    uint64_t since = 0;

    p = rd_version(s, &end);
    p = elo_rd_be64(p, end, &since);
    p = rd_str8(p, end, &r.why);
    if (p == NULL || p != end || r.why.len > ELO_WHY_MAX) {
        return ELO_ECORRUPT;
    }
    r.since = (int64_t) since;
    *out = r;
    return ELO_OK;
}


/* ---- format ---- */

void
elo_format_encode(uint64_t store_id, elo_buf_t *out)
{
    elo_buf_printf(out, "%s%016llx\n", format_magic,
                   (unsigned long long) store_id);
}


elo_err_t
elo_format_parse(elo_slice_t s, uint64_t *store_id)
{
    size_t n = sizeof(format_magic) - 1, old = sizeof(format_old) - 1;
    uint8_t id[8];
    uint64_t v;

    if (s.len >= old && memcmp(s.p, format_old, old) == 0) {
        return ELO_EUNSUPPORTED;
    }
    if (s.len != n + 17 || memcmp(s.p, format_magic, n) != 0
        || s.p[n + 16] != '\n'
        || elo_hex_decode(elo_slice(s.p + n, 16), id, 8) != ELO_OK
        || elo_rd_be64(id, id + 8, &v) == NULL)
    {
        return ELO_ECORRUPT;
    }
    *store_id = v;
    return ELO_OK;
}
