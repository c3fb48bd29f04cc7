/* SPDX-License-Identifier: BSD-2-Clause */
/* records_node: bytes of the tables NODEV, REF, NODEX, MEDIA and ORPHAN.
   Big-endian; every value but ORPHAN's begins with a version byte. */
#include "backend/store/records_node.h"

#include "common/base/keys.h"
#include "common/base/rd.h"

#define REC_VERSION 1
#define BACK_MARK   0xff /* no due time begins like this */


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


static void
wr_be32(uint8_t *p, uint32_t v)
{
    for (int i = 3; i >= 0; i--) {
        p[i] = (uint8_t) v;
        v >>= 8;
    }
}


static elo_slice_t
with_id(uint8_t *key, size_t len, elo_slice_t id)
{
    if (id.len > 0) {
        memcpy(key + len, id.p, id.len);
    }
    return elo_slice(key, len + id.len);
}


/* ---- REF ---- */

/* The operator's 0 becomes the highest. */
elo_slice_t
elo_ref_key(const elo_digest_t *d, uint32_t owner, uint8_t rank, elo_slice_t id,
            uint8_t out[ELO_REF_KEY_MAX])
{
    memcpy(out, d->b, ELO_SHA256_LEN);
    wr_be32(out + ELO_SHA256_LEN, owner - 1);
    out[ELO_SHA256_LEN + 4] = rank;
    return with_id(out, ELO_SHA256_LEN + 5, id);
}


elo_err_t
elo_ref_key_parse(elo_slice_t key, elo_digest_t *d, uint32_t *owner,
                  uint8_t *rank, elo_slice_t *id)
{
    const uint8_t *end = key.p + key.len, *p;
    elo_slice_t name;
    uint32_t no = 0;
    uint8_t wide = 0;

    if (key.len <= ELO_SHA256_LEN) {
        return ELO_ECORRUPT;
    }
    p = elo_rd_be32(key.p + ELO_SHA256_LEN, end, &no);
    p = elo_rd_u8(p, end, &wide);
    if (p == NULL || no == UINT32_MAX - 1 || wide >= ELO_REF_RANKS) {
        return ELO_ECORRUPT;
    }
    name = elo_slice(p, (size_t) (end - p));
    if (!elo_content_id_ok(name)) {
        return ELO_ECORRUPT;
    }
    memcpy(d->b, key.p, ELO_SHA256_LEN);
    *owner = no + 1;
    *rank = wide;
    *id = name;
    return ELO_OK;
}


/* ---- NODEX ---- */

uint64_t
elo_nodex_owner(uint32_t owner)
{
    return (uint64_t) owner << 32;
}


uint64_t
elo_nodex_owner_reach(uint32_t owner, elo_reach_t reach)
{
    return elo_nodex_owner(owner) | (uint64_t) reach;
}


/* The key is no secret: whoever makes two texts meet could as well have written the
   one instead of the other. */
uint64_t
elo_nodex_text(elo_slice_t text)
{
    static const uint8_t key[ELO_SHORTHASH_KEY_LEN] = "elohim node text";

    return elo_shorthash(key, text);
}


uint64_t
elo_nodex_invited(const uint8_t *key)
{
    uint64_t v = 0;

    elo_rd_be64(key, key + 8, &v);
    return v;
}


elo_slice_t
elo_nodex_key(elo_node_dim_t dim, uint64_t value, elo_slice_t id,
              uint8_t out[ELO_NODEX_KEY_MAX])
{
    out[0] = (uint8_t) dim;
    wr_be64(out + 1, value);
    return with_id(out, ELO_NODEX_PREFIX, id);
}


elo_err_t
elo_nodex_key_parse(elo_slice_t key, elo_node_dim_t *dim, uint64_t *value,
                    elo_slice_t *id)
{
    const uint8_t *end = key.p + key.len, *p;
    elo_slice_t name;
    uint64_t v = 0;
    uint8_t no = 0;

    p = elo_rd_u8(key.p, end, &no);
    p = elo_rd_be64(p, end, &v);
    if (p == NULL || no < ELO_NODE_OWNER || no > ELO_NODE_DUE) {
        return ELO_ECORRUPT;
    }
    name = elo_slice(p, (size_t) (end - p));
    if (!elo_content_id_ok(name)) {
        return ELO_ECORRUPT;
    }
    *dim = (elo_node_dim_t) no;
    *value = v;
    *id = name;
    return ELO_OK;
}


/* ---- ORPHAN ---- */

elo_slice_t
elo_orphan_key(int64_t due, const elo_digest_t *d, uint32_t agent,
               uint8_t out[ELO_ORPHAN_KEY])
{
    wr_be64(out, due < 0 ? 0 : (uint64_t) due);
    memcpy(out + 8, d->b, ELO_SHA256_LEN);
    wr_be32(out + 8 + ELO_SHA256_LEN, agent);
    return elo_slice(out, ELO_ORPHAN_KEY);
}


elo_err_t
elo_orphan_key_parse(elo_slice_t key, int64_t *due, elo_digest_t *d,
                     uint32_t *agent)
{
    uint32_t no = UINT32_MAX;
    uint64_t v;

    if ((key.len == ELO_ORPHAN_BACK || key.len == ELO_ORPHAN_BACK - 4)
        && key.p[0] == BACK_MARK)
    {
        return ELO_ENOTFOUND;
    }
    if ((key.len != ELO_ORPHAN_KEY && key.len != ELO_ORPHAN_KEY - 4)
        || elo_rd_be64(key.p, key.p + 8, &v) == NULL || v > INT64_MAX)
    {
        return ELO_ECORRUPT;
    }
    if (key.len == ELO_ORPHAN_KEY) {
        elo_rd_be32(key.p + 8 + ELO_SHA256_LEN, key.p + key.len, &no);
        if (no == UINT32_MAX) {
            return ELO_ECORRUPT;
        }
    }
    *due = (int64_t) v;
    *agent = no;
    memcpy(d->b, key.p + 8, ELO_SHA256_LEN);
    return ELO_OK;
}


elo_slice_t
elo_orphan_back(const elo_digest_t *d, uint32_t agent,
                uint8_t out[ELO_ORPHAN_BACK])
{
    out[0] = BACK_MARK;
    memcpy(out + 1, d->b, ELO_SHA256_LEN);
    wr_be32(out + 1 + ELO_SHA256_LEN, agent);
    return elo_slice(out, ELO_ORPHAN_BACK);
}


elo_err_t
elo_orphan_back_parse(elo_slice_t key, const elo_digest_t *d, uint32_t *agent)
{
    if (key.len != ELO_ORPHAN_BACK || key.p[0] != BACK_MARK
        || memcmp(key.p + 1, d->b, ELO_SHA256_LEN) != 0)
    {
        return ELO_ENOTFOUND;
    }
    elo_rd_be32(key.p + 1 + ELO_SHA256_LEN, key.p + key.len, agent);
    return ELO_OK;
}
