/* SPDX-License-Identifier: BSD-2-Clause */
/* records_node: bytes of the tables NODE, NODEV, REF, MEDIA and ORPHAN.
   Big-endian; every value but ORPHAN's begins with a version byte. */
#include "backend/store/records_node.h"

#include "common/base/rd.h"

#define REC_VERSION  1
#define NODE_VERSION 2 /* 1 has no owner */
#define OWNER_MARK   0
#define BACK_MARK    0xff /* no due time begins like this */


static void
wr_be64(uint8_t *p, uint64_t v)
{
    for (int i = 7; i >= 0; i--) {
        p[i] = (uint8_t) v;
        v >>= 8;
    }
}


static const uint8_t *
rd_version(elo_slice_t s)
{
    return s.len < 1 || s.p[0] != REC_VERSION ? NULL : s.p + 1;
}


void
elo_rec_node_encode(const elo_rec_node_t *r, elo_buf_t *out)
{
    elo_buf_put_u8(out, NODE_VERSION);
    elo_buf_put_u8(out, (uint8_t) r->reach);
    elo_buf_put_be64(out, r->current);
    elo_buf_put_be32(out, r->owner);
    elo_buf_put_be16(out, (uint16_t) r->n_refs);
    for (uint32_t i = 0; i < r->n_refs; i++) {
        elo_buf_put(out, r->refs[i].b, ELO_SHA256_LEN);
    }
}


elo_err_t
elo_rec_node_parse(elo_slice_t s, elo_rec_node_t *out)
{
    const uint8_t *p = s.len < 1 ? NULL : s.p, *end = s.p + s.len;
    elo_slice_t refs = { 0 };
    uint64_t current = 0;
    uint32_t owner = 0;
    uint16_t n = 0;
    uint8_t version = 0, reach = 0;

    p = elo_rd_u8(p, end, &version);
    p = elo_rd_u8(p, end, &reach);
    p = elo_rd_be64(p, end, &current);
    if (version == NODE_VERSION) {
        p = elo_rd_be32(p, end, &owner);
    } else if (version != REC_VERSION) {
        return ELO_ECORRUPT;
    }
    p = elo_rd_be16(p, end, &n);
    if (p == NULL || n > ELO_CONTENT_BLOBS_MAX || reach >= ELO_REACH_COUNT
        || current == 0 || owner == UINT32_MAX
        || elo_rd_bytes(p, end, (uint64_t) n * ELO_SHA256_LEN, &refs) != end)
    {
        return ELO_ECORRUPT;
    }
    out->reach = (elo_reach_t) reach;
    out->current = current;
    out->owner = owner;
    out->n_refs = n;
    for (uint32_t i = 0; refs.p != NULL && i < n; i++) {
        memcpy(out->refs[i].b, refs.p + (size_t) i * ELO_SHA256_LEN,
               ELO_SHA256_LEN);
    }
    return ELO_OK;
}


void
elo_rec_nodev_encode(const elo_rec_nodev_t *r, elo_buf_t *out)
{
    elo_buf_put_u8(out, REC_VERSION);
    elo_buf_put_u8(out, (uint8_t) r->reach);
    elo_buf_put_be32(out, r->len);
    if (r->json.p != NULL) {
        elo_buf_put_slice(out, r->json);
    }
}


elo_err_t
elo_rec_nodev_parse(elo_slice_t s, uint32_t data_len, elo_rec_nodev_t *out)
{
    const uint8_t *p = rd_version(s), *end = s.p + s.len;
    elo_slice_t json = { 0 };
    uint32_t len = 0;
    uint8_t reach = 0;

    p = elo_rd_u8(p, end, &reach);
    p = elo_rd_be32(p, end, &len);
    if (p == NULL || reach >= ELO_REACH_COUNT || len > ELO_CONTENT_JSON_MAX) {
        return ELO_ECORRUPT;
    }
    if (data_len > 0 ? p != end || data_len != len
                     : elo_rd_bytes(p, end, len, &json) != end)
    {
        return ELO_ECORRUPT;
    }
    *out = (elo_rec_nodev_t){ .reach = (elo_reach_t) reach,
                              .len = len,
                              .json = json };
    return ELO_OK;
}


void
elo_rec_media_encode(const elo_rec_media_t *r, elo_buf_t *out)
{
    elo_buf_put_u8(out, REC_VERSION);
    elo_buf_put_u8(out, r->status);
    elo_buf_put_u8(out, (uint8_t) r->where);
    elo_buf_put_be64(out, r->file);
    elo_buf_put_be64(out, r->size);
    elo_buf_put_be16(out, (uint16_t) r->reason.len);
    elo_buf_put_slice(out, r->reason);
}


elo_err_t
elo_rec_media_parse(elo_slice_t s, uint32_t data_len, elo_rec_media_t *out)
{
    const uint8_t *p = rd_version(s), *end = s.p + s.len;
    elo_rec_media_t r = { 0 };
    uint8_t where = 0;
    bool is_ok = false;

    p = elo_rd_u8(p, end, &r.status);
    p = elo_rd_u8(p, end, &where);
    p = elo_rd_be64(p, end, &r.file);
    p = elo_rd_be64(p, end, &r.size);
    p = elo_rd_str16(p, end, &r.reason);
    if (p == NULL || p != end || r.reason.len > ELO_REASON_MAX
        || r.size > INT64_MAX)
    {
        return ELO_ECORRUPT;
    }
    switch (where) {
    case ELO_MEDIA_NOWHERE:
        is_ok = r.file == 0 && r.size == 0 && data_len == 0;
        break;
    case ELO_MEDIA_LOG:
        is_ok = r.file == 0 && r.size > 0 && data_len == r.size;
        break;
    case ELO_MEDIA_FILE:
        is_ok = r.file != 0 && r.size > 0 && data_len == 0;
        break;
    default:
        break;
    }
    if (!is_ok) {
        return ELO_ECORRUPT;
    }
    r.where = (elo_media_where_t) where;
    *out = r;
    return ELO_OK;
}


elo_slice_t
elo_nodev_key(elo_slice_t id, uint64_t version, uint8_t out[ELO_NODEV_KEY_MAX])
{
    memcpy(out, id.p, id.len);
    out[id.len] = 0; /* ids have none: versions of "a" come before "a-b" */
    wr_be64(out + id.len + 1, version);
    return elo_slice(out, id.len + 1 + 8);
}


elo_err_t
elo_nodev_key_parse(elo_slice_t key, elo_slice_t *id, uint64_t *version)
{
    elo_slice_t name;

    if (key.len < 1 + 1 + 8 || key.p[key.len - 9] != 0) {
        return ELO_ECORRUPT;
    }
    name = elo_slice(key.p, key.len - 9);
    if (!elo_content_id_ok(name)
        || elo_rd_be64(key.p + key.len - 8, key.p + key.len, version) == NULL)
    {
        return ELO_ECORRUPT;
    }
    *id = name;
    return ELO_OK;
}


/* No id begins with OWNER_MARK: the operator's keys, which have no owner in them, are
   told from the others. */
elo_slice_t
elo_ref_key(const elo_digest_t *d, uint32_t owner, elo_slice_t id,
            uint8_t out[ELO_REF_KEY_MAX])
{
    uint8_t *p = out + ELO_SHA256_LEN;

    memcpy(out, d->b, ELO_SHA256_LEN);
    if (owner != 0 || id.len == 0) {
        *p++ = owner != 0 ? OWNER_MARK : OWNER_MARK + 1;
    }
    if (owner != 0) {
        for (int i = 24; i >= 0; i -= 8) {
            *p++ = (uint8_t) (owner >> i);
        }
    }
    if (id.len > 0) {
        memcpy(p, id.p, id.len);
    }
    return elo_slice(out, (size_t) (p - out) + id.len);
}


elo_err_t
elo_ref_key_parse(elo_slice_t key, elo_digest_t *d, uint32_t *owner,
                  elo_slice_t *id)
{
    const uint8_t *p = key.p + ELO_SHA256_LEN, *end = key.p + key.len;
    elo_slice_t name;
    uint32_t no = 0;

    if (key.len <= ELO_SHA256_LEN) {
        return ELO_ECORRUPT;
    }
    if (*p == OWNER_MARK
        && ((p = elo_rd_be32(p + 1, end, &no)) == NULL || no == 0)) {
        return ELO_ECORRUPT;
    }
    name = elo_slice(p, (size_t) (end - p));
    if (!elo_content_id_ok(name)) {
        return ELO_ECORRUPT;
    }
    memcpy(d->b, key.p, ELO_SHA256_LEN);
    *owner = no;
    *id = name;
    return ELO_OK;
}


elo_slice_t
elo_orphan_key(int64_t due, const elo_digest_t *d, uint8_t out[ELO_ORPHAN_KEY])
{
    wr_be64(out, due < 0 ? 0 : (uint64_t) due);
    memcpy(out + 8, d->b, ELO_SHA256_LEN);
    return elo_slice(out, ELO_ORPHAN_KEY);
}


elo_err_t
elo_orphan_key_parse(elo_slice_t key, int64_t *due, elo_digest_t *d)
{
    uint64_t v;

    if (key.len == ELO_ORPHAN_BACK && key.p[0] == BACK_MARK) {
        return ELO_ENOTFOUND;
    }
    if (key.len != ELO_ORPHAN_KEY || elo_rd_be64(key.p, key.p + 8, &v) == NULL
        || v > INT64_MAX)
    {
        return ELO_ECORRUPT;
    }
    *due = (int64_t) v;
    memcpy(d->b, key.p + 8, ELO_SHA256_LEN);
    return ELO_OK;
}


elo_slice_t
elo_orphan_back(const elo_digest_t *d, uint8_t out[ELO_ORPHAN_BACK])
{
    out[0] = BACK_MARK;
    memcpy(out + 1, d->b, ELO_SHA256_LEN);
    return elo_slice(out, ELO_ORPHAN_BACK);
}
