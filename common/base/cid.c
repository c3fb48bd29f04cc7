/* SPDX-License-Identifier: BSD-2-Clause */
/* cid: names of blobs. Spec: multiformats/cid (decoding algorithm),
   multiformats/multibase (prefixes b, B, z). */
#include "common/base/cid.h"

#include "common/base/enc.h"
#include "common/base/multihash.h"

#define CANON_PREFIX "sha256-"

#define CID_VERSION 1
#define CODEC_RAW   0x55
#define CID_BIN_LEN 36 /* version, codec, hash code, hash length, digest */
#define CID_BIN_MAX 96 /* room for a CID with a 64-byte hash */
#define CIDV0_LEN   46 /* "Qm" and base58 of a sha2-256 multihash */
#define DIGEST_MIN  20 /* shorter ones are words that look like a CID */


/* bytes is the binary form of a CIDv1. */
static elo_err_t
cid_bytes_parse(elo_slice_t bytes, elo_digest_t *out)
{
    const uint8_t *end = bytes.p + bytes.len;
    const uint8_t *p;
    elo_slice_t digest;
    uint64_t version, codec, code;

    p = elo_rd_uvarint(bytes.p, end, &version);
    p = elo_rd_uvarint(p, end, &codec);
    if (p == NULL || version != CID_VERSION
        || elo_multihash_parse(elo_slice(p, (size_t) (end - p)), &code, &digest)
               != ELO_OK
        || digest.len < DIGEST_MIN)
    {
        return ELO_EINVAL;
    }
    if (codec != CODEC_RAW || code != ELO_MULTIHASH_SHA2_256) {
        return ELO_EUNSUPPORTED;
    }
    if (digest.len != ELO_SHA256_LEN) {
        return ELO_EINVAL;
    }
    memcpy(out->b, digest.p, ELO_SHA256_LEN);
    return ELO_OK;
}


static bool
is_cidv0(elo_slice_t s)
{
    uint8_t bin[CID_BIN_MAX];
    elo_slice_t digest;
    uint64_t code;
    size_t n;

    return s.len == CIDV0_LEN && elo_slice_has_prefix(s, ELO_SLICE("Qm"))
           && elo_base58_decode(s, bin, sizeof(bin), &n) == ELO_OK
           && elo_multihash_parse(elo_slice(bin, n), &code, &digest) == ELO_OK
           && code == ELO_MULTIHASH_SHA2_256 && digest.len == ELO_SHA256_LEN;
}


elo_err_t
elo_addr_parse(elo_slice_t s, elo_digest_t *out)
{
    uint8_t bin[CID_BIN_MAX];
    elo_slice_t rest;
    elo_err_t rc;
    size_t n;

    if (s.len == ELO_SHA256_HEX_LEN
        && elo_hex_decode(s, out->b, ELO_SHA256_LEN) == ELO_OK)
    {
        return ELO_OK;
    }
    if (elo_slice_has_prefix(s, ELO_SLICE(CANON_PREFIX))) {
        rest = elo_slice(s.p + 7, s.len - 7);
        return elo_hex_decode(rest, out->b, ELO_SHA256_LEN);
    }
    if (is_cidv0(s)) {
        return ELO_EUNSUPPORTED;
    }
    if (s.len < 2) {
        return ELO_EINVAL;
    }
    rest = elo_slice(s.p + 1, s.len - 1);
    switch (s.p[0]) {
    case 'b':
    case 'B':
        /* version 1 starts with five zero bits, an 'a' of the prefix's case;
           elo_base32_decode then holds the rest to that case */
        if (s.p[1] != s.p[0] - 1) {
            return ELO_EINVAL;
        }
        rc = elo_base32_decode(rest, bin, sizeof(bin), &n);
        break;
    case 'z':
        rc = elo_base58_decode(rest, bin, sizeof(bin), &n);
        break;
    default:
        return ELO_EINVAL;
    }
    return rc == ELO_OK ? cid_bytes_parse(elo_slice(bin, n), out) : ELO_EINVAL;
}


void
elo_addr_canon(const elo_digest_t *d, char out[ELO_ADDR_CANON_LEN + 1])
{
    memcpy(out, CANON_PREFIX, sizeof(CANON_PREFIX) - 1);
    elo_hex_encode(d->b, ELO_SHA256_LEN, out + sizeof(CANON_PREFIX) - 1);
}


void
elo_addr_cid(const elo_digest_t *d, char out[ELO_CID_TEXT_LEN + 1])
{
    uint8_t bin[CID_BIN_LEN] = { CID_VERSION, CODEC_RAW, ELO_MULTIHASH_SHA2_256,
                                 ELO_SHA256_LEN };

    memcpy(bin + 4, d->b, ELO_SHA256_LEN);
    out[0] = 'b';
    elo_base32_encode(bin, sizeof(bin), out + 1);
}


static bool
is_alnum(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9');
}


bool
elo_content_id_ok(elo_slice_t s)
{
    elo_digest_t unused;

    if (s.len == 0 || s.len > ELO_CONTENT_ID_MAX || !is_alnum(s.p[0])) {
        return false;
    }
    for (size_t i = 1; i < s.len; i++) {
        if (!is_alnum(s.p[i]) && (s.p[i] == '\0' || !strchr("._~:-", s.p[i]))) {
            return false;
        }
    }
    /* also what names another kind of object is no id */
    return elo_addr_parse(s, &unused) == ELO_EINVAL;
}
