/* SPDX-License-Identifier: BSD-2-Clause */
/* agent_text: see the header. Spec: libp2p's peer-ids (an identity multihash of
   the protobuf PublicKey), W3C's did:key, RFC 4648; Holochain's HoloHash, as its
   public documentation has it. */
#include "common/auth/agent_text.h"

#include "common/base/base64.h"
#include "common/base/enc.h"
#include "common/base/num.h"

#define HOLO_PREFIX  "\x84\x20\x24"
#define HOLO_LOC_LEN 4u
/* identity, 36 bytes: type 1 (Ed25519), 32 bytes of it */
#define PEER_PREFIX  "\x00\x24\x08\x01\x12\x20"
#define PEER_CID     "\x01\x72" PEER_PREFIX /* CIDv1, libp2p-key */
#define DID_PREFIX   "\xed\x01"             /* ed25519-pub as a varint */

#define PREFIX_MAX 8u
#define RAW_MAX    (PREFIX_MAX + ELO_AGENT_LEN + HOLO_LOC_LEN)

typedef elo_err_t (*decode_fn)(elo_slice_t s, uint8_t *out, size_t max,
                               size_t *len);

/* One case throughout, as a multibase string has. */
static elo_err_t
hex_decode(elo_slice_t s, uint8_t *out, size_t max, size_t *len)
{
    bool has_lower = false, has_upper = false;

    if (s.len != 2 * (size_t) ELO_AGENT_LEN || max < ELO_AGENT_LEN) {
        return ELO_EINVAL;
    }
    for (size_t i = 0; i < s.len; i++) {
        has_lower |= s.p[i] >= 'a';
        has_upper |= s.p[i] >= 'A' && s.p[i] <= 'Z';
    }
    if (has_lower && has_upper) {
        return ELO_EINVAL;
    }
    *len = ELO_AGENT_LEN;
    return elo_hex_decode(s, out, ELO_AGENT_LEN);
}


static elo_err_t
base32_lower_decode(elo_slice_t s, uint8_t *out, size_t max, size_t *len)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] >= 'A' && s.p[i] <= 'Z') {
            return ELO_EINVAL; /* multibase 'b' is lower case */
        }
    }
    return elo_base32_decode(s, out, max, len);
}


#define BYTES(lit) lit, sizeof(lit) - 1

/* A form's length tells it from the others. Base58 and base36 have one length,
   too, as the bytes in front are fixed and not zero. */
static const struct {
    size_t text_len;
    const char *lead; /* of the text */
    size_t lead_len;
    decode_fn decode;
    const char *prefix; /* of the bytes */
    size_t prefix_len;
    size_t loc_len; /* of what follows the key */
} forms[] = {
    { 64, BYTES(""), hex_decode, BYTES(""), 0 },
    { 53, BYTES("u"), elo_base64url_decode, BYTES(HOLO_PREFIX), HOLO_LOC_LEN },
    { 52, BYTES(""), elo_base58_decode, BYTES(PEER_PREFIX), 0 },
    { 65, BYTES("b"), base32_lower_decode, BYTES(PEER_CID), 0 },
    { 62, BYTES("k"), elo_base36_decode, BYTES(PEER_CID), 0 },
    { 56, BYTES("did:key:z"), elo_base58_decode, BYTES(DID_PREFIX), 0 },
};


static void
location_of(const uint8_t *key, uint8_t out[HOLO_LOC_LEN])
{
    uint8_t hash[ELO_BLAKE2B_LEN];

    elo_blake2b(elo_slice(key, ELO_AGENT_LEN), hash);
    for (size_t i = 0; i < HOLO_LOC_LEN; i++) {
        out[i] = hash[i] ^ hash[i + 4] ^ hash[i + 8] ^ hash[i + 12];
    }
}


static elo_err_t
parse_as(size_t form, elo_slice_t text, elo_agent_t *out)
{
    elo_slice_t lead = elo_slice(forms[form].lead, forms[form].lead_len);
    size_t before = forms[form].prefix_len, loc_len = forms[form].loc_len;
    uint8_t raw[RAW_MAX], loc[HOLO_LOC_LEN];
    const uint8_t *key = raw + before;
    elo_agent_t a;
    size_t len;

    if (!elo_slice_has_prefix(text, lead)
        || forms[form].decode(elo_slice(text.p + lead.len, text.len - lead.len),
                              raw, sizeof(raw), &len)
               != ELO_OK
        || len != before + ELO_AGENT_LEN + loc_len
        || memcmp(raw, forms[form].prefix, before) != 0)
    {
        return ELO_EINVAL;
    }
    if (loc_len > 0) {
        location_of(key, loc);
        if (memcmp(key + ELO_AGENT_LEN, loc, loc_len) != 0) {
            return ELO_EINVAL;
        }
    }
    memcpy(a.b, key, sizeof(a.b));
    if (elo_agent_is_zero(&a)) {
        return ELO_EINVAL; /* the operator isn't named by a text */
    }
    *out = a;
    return ELO_OK;
}


elo_err_t
elo_agent_text_parse(elo_slice_t text, elo_agent_t *out)
{
    for (size_t i = 0; i < ELO_COUNT(forms); i++) {
        if (text.len == forms[i].text_len) {
            return parse_as(i, text, out);
        }
    }
    return ELO_EINVAL;
}


/* prefix and key into raw; returns how many bytes that is. */
static size_t
join(uint8_t raw[RAW_MAX], const char *prefix, size_t len, const elo_agent_t *a)
{
    memcpy(raw, prefix, len);
    memcpy(raw + len, a->b, sizeof(a->b));
    return len + sizeof(a->b);
}


_Static_assert(ELO_AGENT_TEXT_MAX > 9 + ELO_BASE58_LEN(2 + ELO_AGENT_LEN),
               "did:key");
_Static_assert(ELO_AGENT_TEXT_MAX > 2 * ELO_AGENT_LEN, "hex");


void
elo_agent_text_write(const elo_agent_t *a, elo_agent_form_t form,
                     char out[ELO_AGENT_TEXT_MAX])
{
    uint8_t raw[RAW_MAX];
    size_t len;

    switch (form) {
    case ELO_AGENT_HOLO:
        len = join(raw, BYTES(HOLO_PREFIX), a);
        location_of(a->b, raw + len);
        *out++ = 'u';
        elo_base64url_encode(raw, len + HOLO_LOC_LEN, out);
        return;
    case ELO_AGENT_PEER:
        elo_base58_encode(raw, join(raw, BYTES(PEER_PREFIX), a), out);
        return;
    case ELO_AGENT_DID:
        len = join(raw, BYTES(DID_PREFIX), a);
        memcpy(out, "did:key:z", 9);
        elo_base58_encode(raw, len, out + 9);
        return;
    case ELO_AGENT_HEX:
        break;
    }
    elo_agent_text(a, out);
}
