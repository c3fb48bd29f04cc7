/* SPDX-License-Identifier: BSD-2-Clause */
/* records: bytes of the index, see docs/formats/store.md. Big-endian; each record
   is a version byte, its fields and a CRC-32C (RFC 3720, B.4) over key and bytes
   before it. No byte may be left over. */
#include "backend/store/records.h"

#include <stdio.h>

#include "common/base/enc.h"
#include "common/base/rd.h"

#define REC_VERSION  1
#define STORAGE_FILE 0 /* the blob is a file of its own, from its first byte */
#define CRC_LEN      4

static const char format_magic[] = "elohim-store 1\nid ";


uint32_t
elo_crc32c(uint32_t crc, elo_slice_t s)
{
    /* The reflected polynomial 0x82f63b78, four bits at a time: records are
       short, so that a small table beats a large one. */
    static const uint32_t t[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };

    crc = ~crc;
    for (size_t i = 0; i < s.len; i++) {
        crc ^= s.p[i];
        crc = crc >> 4 ^ t[crc & 15];
        crc = crc >> 4 ^ t[crc & 15];
    }
    return ~crc;
}


/* Ends a record that began at offset from. */
static void
seal(elo_buf_t *out, size_t from, elo_slice_t key)
{
    uint32_t crc;

    if (elo_buf_err(out) != ELO_OK) {
        return;
    }
    crc = elo_crc32c(elo_crc32c(0, key),
                     elo_slice(out->p + from, out->len - from));
    elo_buf_put_be32(out, crc);
}


/* Checks CRC and version; *body is what stands between them. */
static elo_err_t
unseal(elo_slice_t key, elo_slice_t s, elo_slice_t *body)
{
    const uint8_t *tail;
    uint32_t crc;

    if (s.len < 1 + CRC_LEN) {
        return ELO_ECORRUPT;
    }
    tail = s.p + s.len - CRC_LEN;
    if (elo_rd_be32(tail, s.p + s.len, &crc) == NULL
        || crc
               != elo_crc32c(elo_crc32c(0, key),
                             elo_slice(s.p, s.len - CRC_LEN))
        || s.p[0] != REC_VERSION)
    {
        return ELO_ECORRUPT;
    }
    *body = elo_slice(s.p + 1, s.len - 1 - CRC_LEN);
    return ELO_OK;
}


static void
put_str16(elo_buf_t *out, elo_slice_t s)
{
    elo_buf_put_be16(out, (uint16_t) s.len);
    elo_buf_put_slice(out, s);
}


void
elo_rec_state_encode(const elo_rec_state_t *r, elo_slice_t key, elo_buf_t *out)
{
    size_t from = out->len;

    elo_buf_put_u8(out, REC_VERSION);
    elo_buf_put_be64(out, r->store_id);
    elo_buf_put_be64(out, r->seq_reserved);
    elo_buf_put_be64(out, r->scan_from);
    elo_buf_put_be64(out, r->blobs);
    elo_buf_put_be64(out, r->bytes);
    seal(out, from, key);
}


elo_err_t
elo_rec_state_parse(elo_slice_t key, elo_slice_t s, elo_rec_state_t *out)
{
    elo_rec_state_t r;
    const uint8_t *p, *end;
    elo_err_t rc;

    if ((rc = unseal(key, s, &s)) != ELO_OK) {
        return rc;
    }
    end = s.p + s.len;
    p = elo_rd_be64(s.p, end, &r.store_id);
    p = elo_rd_be64(p, end, &r.seq_reserved);
    p = elo_rd_be64(p, end, &r.scan_from);
    p = elo_rd_be64(p, end, &r.blobs);
    p = elo_rd_be64(p, end, &r.bytes);
    if (p == NULL || p != end || r.seq_reserved == 0
        || r.scan_from > r.seq_reserved)
    {
        return ELO_ECORRUPT;
    }
    *out = r;
    return ELO_OK;
}


void
elo_rec_file_encode(const elo_rec_file_t *r, elo_slice_t key, elo_buf_t *out)
{
    size_t from = out->len;

    elo_buf_put_u8(out, REC_VERSION);
    elo_buf_put_u8(out, (uint8_t) r->kind);
    elo_buf_put(out, r->digest.b, ELO_SHA256_LEN);
    seal(out, from, key);
}


elo_err_t
elo_rec_file_parse(elo_slice_t key, elo_slice_t s, elo_rec_file_t *out)
{
    const uint8_t *p, *end;
    elo_slice_t digest;
    uint8_t kind;
    elo_err_t rc;

    if ((rc = unseal(key, s, &s)) != ELO_OK) {
        return rc;
    }
    end = s.p + s.len;
    p = elo_rd_u8(s.p, end, &kind);
    p = elo_rd_bytes(p, end, ELO_SHA256_LEN, &digest);
    if (p == NULL || p != end
        || (kind != ELO_FILE_BLOB && kind != ELO_FILE_MEDIA)) {
        return ELO_ECORRUPT;
    }
    out->kind = (elo_file_kind_t) kind;
    memcpy(out->digest.b, digest.p, ELO_SHA256_LEN);
    return ELO_OK;
}


void
elo_rec_blob_encode(const elo_rec_blob_t *r, elo_slice_t key, elo_buf_t *out)
{
    size_t from = out->len;

    elo_buf_put_u8(out, REC_VERSION);
    elo_buf_put_u8(out, STORAGE_FILE);
    elo_buf_put_be64(out, r->seq);
    elo_buf_put_be64(out, r->size);
    elo_buf_put_be64(out, (uint64_t) r->created_at);
    put_str16(out, r->content_type);
    seal(out, from, key);
}


elo_err_t
elo_rec_blob_parse(elo_slice_t key, elo_slice_t s, elo_rec_blob_t *out)
{
    elo_rec_blob_t r = { 0 };
    const uint8_t *p, *end;
    uint64_t created = 0;
    uint8_t storage = 0;
    elo_err_t rc;

    if ((rc = unseal(key, s, &s)) != ELO_OK) {
        return rc;
    }
    end = s.p + s.len;
    p = elo_rd_u8(s.p, end, &storage);
    p = elo_rd_be64(p, end, &r.seq);
    p = elo_rd_be64(p, end, &r.size);
    p = elo_rd_be64(p, end, &created);
    p = elo_rd_str16(p, end, &r.content_type);
    if (p == NULL || p != end || storage != STORAGE_FILE || r.seq == 0
        || r.size > INT64_MAX || r.content_type.len > ELO_MIME_MAX)
    {
        return ELO_ECORRUPT;
    }
    r.created_at = (int64_t) created;
    *out = r;
    return ELO_OK;
}


void
elo_rec_media_encode(const elo_rec_media_t *r, elo_slice_t key, elo_buf_t *out)
{
    size_t from = out->len;

    elo_buf_put_u8(out, REC_VERSION);
    elo_buf_put_u8(out, r->status);
    elo_buf_put_be64(out, r->seq);
    elo_buf_put_be64(out, r->size);
    put_str16(out, r->reason);
    seal(out, from, key);
}


elo_err_t
elo_rec_media_parse(elo_slice_t key, elo_slice_t s, elo_rec_media_t *out)
{
    elo_rec_media_t r;
    const uint8_t *p, *end;
    elo_err_t rc;

    if ((rc = unseal(key, s, &s)) != ELO_OK) {
        return rc;
    }
    end = s.p + s.len;
    p = elo_rd_u8(s.p, end, &r.status);
    p = elo_rd_be64(p, end, &r.seq);
    p = elo_rd_be64(p, end, &r.size);
    p = elo_rd_str16(p, end, &r.reason);
    if (p == NULL || p != end || r.reason.len > ELO_REASON_MAX
        || r.size > INT64_MAX || (r.seq == 0 && r.size != 0))
    {
        return ELO_ECORRUPT;
    }
    *out = r;
    return ELO_OK;
}


void
elo_rec_node_encode(const elo_rec_node_t *r, elo_slice_t key, elo_buf_t *out)
{
    size_t from = out->len;

    elo_buf_put_u8(out, REC_VERSION);
    elo_buf_put_u8(out, (uint8_t) r->reach);
    elo_buf_put_be64(out, r->current);
    elo_buf_put_be16(out, (uint16_t) r->n_refs);
    for (uint32_t i = 0; i < r->n_refs; i++) {
        elo_buf_put(out, r->refs[i].b, ELO_SHA256_LEN);
    }
    seal(out, from, key);
}


elo_err_t
elo_rec_node_parse(elo_slice_t key, elo_slice_t s, elo_rec_node_t *out)
{
    const uint8_t *p, *end;
    elo_slice_t refs = { 0 };
    uint64_t current = 0;
    uint16_t n = 0;
    uint8_t reach = 0;
    elo_err_t rc;

    if ((rc = unseal(key, s, &s)) != ELO_OK) {
        return rc;
    }
    end = s.p + s.len;
    p = elo_rd_u8(s.p, end, &reach);
    p = elo_rd_be64(p, end, &current);
    p = elo_rd_be16(p, end, &n);
    if (p == NULL || n > ELO_CONTENT_BLOBS_MAX || reach >= ELO_REACH_COUNT
        || current == 0
        || elo_rd_bytes(p, end, (uint64_t) n * ELO_SHA256_LEN, &refs) != end)
    {
        return ELO_ECORRUPT;
    }
    out->reach = (elo_reach_t) reach;
    out->current = current;
    out->n_refs = n;
    for (uint32_t i = 0; i < n; i++) {
        memcpy(out->refs[i].b, refs.p + (size_t) i * ELO_SHA256_LEN,
               ELO_SHA256_LEN);
    }
    return ELO_OK;
}


void
elo_rec_nodev_encode(const elo_rec_nodev_t *r, elo_slice_t key, elo_buf_t *out)
{
    size_t from = out->len;

    elo_buf_put_u8(out, REC_VERSION);
    elo_buf_put_u8(out, (uint8_t) r->reach);
    elo_buf_put_be32(out, (uint32_t) r->json.len);
    elo_buf_put_slice(out, r->json);
    seal(out, from, key);
}


elo_err_t
elo_rec_nodev_parse(elo_slice_t key, elo_slice_t s, elo_rec_nodev_t *out)
{
    const uint8_t *p, *end;
    elo_slice_t json;
    uint32_t len;
    uint8_t reach;
    elo_err_t rc;

    if ((rc = unseal(key, s, &s)) != ELO_OK) {
        return rc;
    }
    end = s.p + s.len;
    p = elo_rd_u8(s.p, end, &reach);
    p = elo_rd_be32(p, end, &len);
    if (p == NULL || reach >= ELO_REACH_COUNT || len > ELO_CONTENT_JSON_MAX
        || elo_rd_bytes(p, end, len, &json) != end)
    {
        return ELO_ECORRUPT;
    }
    out->reach = (elo_reach_t) reach;
    out->json = json;
    return ELO_OK;
}


void
elo_seq_encode(uint64_t seq, uint8_t out[8])
{
    for (int i = 7; i >= 0; i--) {
        out[i] = (uint8_t) seq;
        seq >>= 8;
    }
}


elo_err_t
elo_seq_parse(elo_slice_t s, uint64_t *seq)
{
    uint64_t v;

    if (s.len != 8 || elo_rd_be64(s.p, s.p + 8, &v) == NULL || v == 0) {
        return ELO_ECORRUPT;
    }
    *seq = v;
    return ELO_OK;
}


static const char *
kind_dir(elo_file_kind_t kind)
{
    return kind == ELO_FILE_MEDIA ? "media" : "blobs";
}


void
elo_file_dir(elo_file_kind_t kind, uint64_t seq, char *out)
{
    snprintf(out, ELO_STORE_NAME_MAX + 1, "%s/%02x", kind_dir(kind),
             (unsigned) (seq & 0xff));
}


void
elo_file_name(elo_file_kind_t kind, uint64_t seq, char *out)
{
    snprintf(out, ELO_STORE_NAME_MAX + 1, "%s/%02x/%016llx", kind_dir(kind),
             (unsigned) (seq & 0xff), (unsigned long long) seq);
}


void
elo_format_encode(uint64_t store_id, elo_buf_t *out)
{
    elo_buf_printf(out, "%s%016llx\n", format_magic,
                   (unsigned long long) store_id);
}


elo_err_t
elo_format_parse(elo_slice_t s, uint64_t *store_id)
{
    size_t n = sizeof(format_magic) - 1;
    uint8_t id[8];
    uint64_t v;

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
