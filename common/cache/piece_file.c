/* SPDX-License-Identifier: BSD-2-Clause */
/* piece_file: encodes and parses. Nothing that is parsed is trusted: what a foot says
   must be what a piece can be. Format: docs/formats/cache-file.md. */
#include "common/cache/piece_file.h"

#include "common/base/crypto.h"
#include "common/base/rd.h"

#define FOOT_VERSION 2u
#define OWN_VERSION  1u
#define MAGIC_LEN    8u
#define FOOT_MAGIC   "ELOPIECE"
#define OWN_MAGIC    "ELOOWNER"
#define FOOT_SUM     (ELO_PIECE_FOOT - ELO_SHA256_LEN)
#define FOOT_USED    112u
#define OWN_SUM      (ELO_PIECE_OWNER_LEN - ELO_SHA256_LEN)
#define NAME_HEX     16u


static uint8_t *
put_be32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++) {
        p[i] = (uint8_t) (v >> (24 - 8 * i));
    }
    return p + 4;
}


static uint8_t *
put_be64(uint8_t *p, uint64_t v)
{
    return put_be32(put_be32(p, (uint32_t) (v >> 32)), (uint32_t) v);
}


static uint8_t *
put_bytes(uint8_t *p, const void *bytes, size_t len)
{
    memcpy(p, bytes, len);
    return p + len;
}


/* Are the 32 bytes behind the first len their SHA-256? */
static bool
sum_is_right(const uint8_t *in, size_t len)
{
    elo_digest_t d;

    return elo_sha256(elo_slice(in, len), &d) == ELO_OK
           && memcmp(d.b, in + len, sizeof(d.b)) == 0;
}


static elo_err_t
put_sum(uint8_t *out, size_t len)
{
    elo_digest_t d;

    if (elo_sha256(elo_slice(out, len), &d) != ELO_OK) {
        return ELO_EINTERNAL;
    }
    memcpy(out + len, d.b, sizeof(d.b));
    return ELO_OK;
}


bool
elo_piece_ok(uint64_t size, uint32_t index, uint32_t len,
             elo_cache_class_t klass)
{
    uint64_t begin = (uint64_t) index * ELO_PIECE_MAX;

    if ((klass != ELO_CACHE_COMMUNITY && klass != ELO_CACHE_COMMONS)
        || begin >= size)
    {
        return false;
    }
    return len == (size - begin < ELO_PIECE_MAX ? size - begin : ELO_PIECE_MAX);
}


/* A blob of one piece has that piece's digest. */
static bool
foot_ok(const elo_piece_foot_t *h)
{
    return h->file != 0 && elo_piece_ok(h->size, h->index, h->len, h->klass)
           && (h->size > ELO_PIECE_MAX
               || memcmp(h->digest.b, h->sha256.b, sizeof(h->digest.b)) == 0);
}


elo_err_t
elo_piece_foot_encode(const elo_piece_foot_t *h, uint8_t out[ELO_PIECE_FOOT])
{
    uint8_t *p = out;

    if (!foot_ok(h)) {
        return ELO_EINVAL;
    }
    memset(out, 0, ELO_PIECE_FOOT);
    p = put_bytes(p, FOOT_MAGIC, MAGIC_LEN);
    p = put_be32(p, FOOT_VERSION);
    p = put_be32(p, ELO_PIECE_FOOT);
    p = put_be64(p, h->file);
    p = put_be64(p, h->size);
    p = put_be32(p, h->index);
    p = put_be32(p, h->len);
    *p = (uint8_t) h->klass;
    p = put_bytes(p + 8, h->digest.b, sizeof(h->digest.b));
    memcpy(p, h->sha256.b, sizeof(h->sha256.b));
    return put_sum(out, FOOT_SUM);
}


static bool
is_zero(const uint8_t *p, const uint8_t *end)
{
    while (p < end && *p == 0) {
        p++;
    }
    return p == end;
}


elo_err_t
elo_piece_foot_parse(const uint8_t in[ELO_PIECE_FOOT], elo_piece_foot_t *out)
{
    const uint8_t *p = in + MAGIC_LEN, *end = in + FOOT_SUM;
    elo_piece_foot_t h;
    elo_slice_t digest, sha256;
    uint32_t version, foot;
    uint8_t klass;

    if (memcmp(in, FOOT_MAGIC, MAGIC_LEN) != 0 || !sum_is_right(in, FOOT_SUM)) {
        return ELO_ECORRUPT;
    }
    p = elo_rd_be32(p, end, &version);
    p = elo_rd_be32(p, end, &foot);
    p = elo_rd_be64(p, end, &h.file);
    p = elo_rd_be64(p, end, &h.size);
    p = elo_rd_be32(p, end, &h.index);
    p = elo_rd_be32(p, end, &h.len);
    p = elo_rd_u8(p, end, &klass);
    p = elo_rd_skip(p, end, 7);
    p = elo_rd_bytes(p, end, ELO_SHA256_LEN, &digest);
    p = elo_rd_bytes(p, end, ELO_SHA256_LEN, &sha256);
    if (p == NULL) {
        return ELO_ECORRUPT;
    }
    if (version != FOOT_VERSION) {
        return ELO_EUNSUPPORTED;
    }
    h.klass = (elo_cache_class_t) klass;
    memcpy(h.digest.b, digest.p, sizeof(h.digest.b));
    memcpy(h.sha256.b, sha256.p, sizeof(h.sha256.b));
    if (foot != ELO_PIECE_FOOT || !is_zero(in + 41, in + 48)
        || !is_zero(in + FOOT_USED, end) || !foot_ok(&h))
    {
        return ELO_ECORRUPT;
    }
    *out = h;
    return ELO_OK;
}


void
elo_piece_name(uint64_t file, char out[ELO_PIECE_NAME + 1])
{
    static const char hex[] = "0123456789abcdef";

    out[0] = hex[file >> 4 & 15];
    out[1] = hex[file & 15];
    out[2] = '/';
    for (unsigned i = 0; i < NAME_HEX; i++) {
        out[3 + i] = hex[file >> (60 - 4 * i) & 15];
    }
    out[ELO_PIECE_NAME] = '\0';
}


bool
elo_piece_name_parse(elo_slice_t name, uint8_t folder, uint64_t *file)
{
    uint64_t n = 0;

    if (name.len != NAME_HEX) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.p[i];

        if (c >= '0' && c <= '9') {
            n = n << 4 | (uint8_t) (c - '0');
        } else if (c >= 'a' && c <= 'f') {
            n = n << 4 | (uint8_t) (c - 'a' + 10);
        } else {
            return false;
        }
    }
    if (n == 0 || (n & 0xff) != folder) {
        return false;
    }
    *file = n;
    return true;
}


elo_err_t
elo_piece_owner_encode(const elo_piece_owner_t *o,
                       uint8_t out[ELO_PIECE_OWNER_LEN])
{
    uint8_t *p = out;

    if (o->n > ELO_PIECE_STORES) {
        return ELO_EINVAL;
    }
    memset(out, 0, ELO_PIECE_OWNER_LEN);
    p = put_bytes(p, OWN_MAGIC, MAGIC_LEN);
    p = put_be32(p, OWN_VERSION);
    p = put_be32(p, o->n);
    p = put_be64(p, o->index_id);
    for (uint32_t i = 0; i < o->n; i++) {
        p = put_be64(p, o->store[i].id);
        p = put_be64(p, o->store[i].seq);
    }
    return put_sum(out, OWN_SUM);
}


elo_err_t
elo_piece_owner_parse(elo_slice_t in, elo_piece_owner_t *out)
{
    const uint8_t *p, *end;
    elo_piece_owner_t o;
    uint32_t version;

    if (in.len != ELO_PIECE_OWNER_LEN || memcmp(in.p, OWN_MAGIC, MAGIC_LEN) != 0
        || !sum_is_right(in.p, OWN_SUM))
    {
        return ELO_ECORRUPT;
    }
    memset(&o, 0, sizeof(o));
    end = in.p + OWN_SUM;
    p = elo_rd_be32(in.p + MAGIC_LEN, end, &version);
    p = elo_rd_be32(p, end, &o.n);
    p = elo_rd_be64(p, end, &o.index_id);
    if (version != OWN_VERSION) {
        return ELO_EUNSUPPORTED;
    }
    if (o.n > ELO_PIECE_STORES) {
        return ELO_ECORRUPT;
    }
    for (uint32_t i = 0; i < o.n; i++) {
        p = elo_rd_be64(p, end, &o.store[i].id);
        p = elo_rd_be64(p, end, &o.store[i].seq);
    }
    if (p == NULL || !is_zero(p, end)) {
        return ELO_ECORRUPT;
    }
    *out = o;
    return ELO_OK;
}
