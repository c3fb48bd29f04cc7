/* SPDX-License-Identifier: BSD-2-Clause */
/* cbor: deterministic CBOR, read and written. Spec: RFC 8949, 3 and 4.2.1. */
#include "common/base/cbor.h"

#include "common/base/rd.h"
#include "common/base/utf8.h"

/* RFC 8949, 3: what the low five bits of a head say from 24 on. */
#define INFO_U8         24u
#define INFO_U64        27u
#define INFO_INDEFINITE 31u

#define SIMPLE_FALSE 20u
#define SIMPLE_NULL  22u
#define NULL_BYTE    0xf6u


void
elo_cbor_init(elo_cbor_t *r, elo_slice_t bytes)
{
    *r = (elo_cbor_t){ .p = bytes.p, .end = bytes.p + bytes.len };
}


static bool
fault(elo_cbor_t *r, const char *why)
{
    if (r->why == NULL) {
        r->why = why;
    }
    return false;
}


/* The argument behind a first byte whose low bits are info (3). */
static bool
read_argument(elo_cbor_t *r, uint8_t info, uint64_t *v)
{
    static const uint64_t least[] = { INFO_U8, 1u << 8, 1u << 16, 1ull << 32 };
    uint64_t acc = 0;
    unsigned n;

    if (info < INFO_U8) {
        *v = info;
        return true;
    }
    if (info > INFO_U64) {
        return fault(r, info == INFO_INDEFINITE ? "cbor: indefinite length"
                                                : "cbor: reserved head");
    }
    n = 1u << (info - INFO_U8);
    if ((uint64_t) (r->end - r->p) < n) {
        return fault(r, "cbor: cut off");
    }
    for (unsigned i = 0; i < n; i++) {
        acc = acc << 8 | *r->p++;
    }
    if (acc < least[info - INFO_U8]) {
        return fault(r, "cbor: not the shortest form");
    }
    *v = acc;
    return true;
}


static bool
read_head(elo_cbor_t *r, elo_cbor_major_t *major, uint64_t *v)
{
    uint8_t first, info;

    if (r->why != NULL) {
        return false;
    }
    if (r->p == r->end) {
        return fault(r, "cbor: cut off");
    }
    first = *r->p++;
    info = first & 0x1f;
    switch (first >> 5) {
    case 6:
        return fault(r, "cbor: a tag");
    case 7:
        if (info < SIMPLE_FALSE || info > SIMPLE_NULL) {
            return fault(r, "cbor: a float or simple value");
        }
        break;
    default:
        break;
    }
    *major = (elo_cbor_major_t) (first >> 5);
    return read_argument(r, info, v);
}


static bool
read_typed(elo_cbor_t *r, elo_cbor_major_t want, uint64_t *v)
{
    elo_cbor_major_t major = ELO_CBOR_SIMPLE;
    uint64_t n = 0;

    if (!read_head(r, &major, &n)) {
        return false;
    }
    if (major != want) {
        return fault(r, "cbor: another type");
    }
    *v = n;
    return true;
}


bool
elo_cbor_uint(elo_cbor_t *r, uint64_t *v)
{
    return read_typed(r, ELO_CBOR_UINT, v);
}


static bool
read_string(elo_cbor_t *r, uint64_t len, elo_slice_t *v)
{
    const uint8_t *next = elo_rd_bytes(r->p, r->end, len, v);

    if (next == NULL) {
        return fault(r, "cbor: cut off");
    }
    r->p = next;
    return true;
}


bool
elo_cbor_bytes(elo_cbor_t *r, elo_slice_t *v)
{
    uint64_t len;

    return read_typed(r, ELO_CBOR_BYTES, &len) && read_string(r, len, v);
}


static bool
read_text(elo_cbor_t *r, uint64_t len, elo_slice_t *v)
{
    elo_slice_t s, rest;
    uint32_t cp;
    size_t n;

    if (!read_string(r, len, &s)) {
        return false;
    }
    for (rest = s; rest.len > 0; rest = elo_slice(rest.p + n, rest.len - n)) {
        if ((n = elo_utf8_next(rest, &cp)) == 0) {
            return fault(r, "cbor: text that is no UTF-8");
        }
    }
    *v = s;
    return true;
}


bool
elo_cbor_text(elo_cbor_t *r, elo_slice_t *v)
{
    uint64_t len;

    return read_typed(r, ELO_CBOR_TEXT, &len) && read_text(r, len, v);
}


bool
elo_cbor_null(elo_cbor_t *r)
{
    if (r->why != NULL || r->p == r->end || *r->p != NULL_BYTE) {
        return false;
    }
    r->p++;
    return true;
}


bool
elo_cbor_array(elo_cbor_t *r, uint64_t *n)
{
    return read_typed(r, ELO_CBOR_ARRAY, n);
}


bool
elo_cbor_map(elo_cbor_t *r, elo_cbor_map_t *m)
{
    *m = (elo_cbor_map_t){ 0 };
    return read_typed(r, ELO_CBOR_MAP, &m->_left);
}


bool
elo_cbor_key(elo_cbor_t *r, elo_cbor_map_t *m, uint64_t *key)
{
    uint64_t k = 0;

    if (m->_left == 0 || !elo_cbor_uint(r, &k)) {
        return false;
    }
    if (m->_is_begun && k <= m->_last) {
        return fault(r, k == m->_last ? "cbor: a key twice"
                                      : "cbor: keys out of order");
    }
    *m = (elo_cbor_map_t){ m->_left - 1, k, true };
    *key = k;
    return true;
}


/* depth: of arrays and maps that item may still open. */
static bool
item(elo_cbor_t *r, unsigned depth)
{
    elo_cbor_map_t m = { 0 };
    elo_cbor_major_t major = ELO_CBOR_SIMPLE;
    elo_slice_t unused;
    uint64_t v = 0, key;

    if (!read_head(r, &major, &v)) {
        return false;
    }
    if (major == ELO_CBOR_BYTES) {
        return read_string(r, v, &unused);
    }
    if (major == ELO_CBOR_TEXT) {
        return read_text(r, v, &unused);
    }
    if (major != ELO_CBOR_ARRAY && major != ELO_CBOR_MAP) {
        return true;
    }
    if (depth == 0) {
        return fault(r, "cbor: too deep");
    }
    if (major == ELO_CBOR_ARRAY) { /* each item takes a byte: v is bounded */
        while (v > 0 && item(r, depth - 1)) {
            v--;
        }
        return r->why == NULL;
    }
    m._left = v;
    while (elo_cbor_key(r, &m, &key) && item(r, depth - 1)) {
    }
    return r->why == NULL;
}


bool
elo_cbor_item(elo_cbor_t *r, elo_slice_t *v)
{
    const uint8_t *from = r->p;

    if (r->why != NULL || !item(r, ELO_CBOR_DEPTH)) {
        return false;
    }
    if (v != NULL) {
        *v = elo_slice(from, (size_t) (r->p - from));
    }
    return true;
}


bool
elo_cbor_end(elo_cbor_t *r)
{
    return r->why == NULL
           && (r->p == r->end || fault(r, "cbor: something follows"));
}


void
elo_cbor_put_head(elo_buf_t *b, elo_cbor_major_t major, uint64_t v)
{
    uint8_t first = (uint8_t) ((unsigned) major << 5);

    if (v < INFO_U8) {
        elo_buf_put_u8(b, (uint8_t) (first | v));
    } else if (v <= UINT8_MAX) {
        elo_buf_put_u8(b, first | INFO_U8);
        elo_buf_put_u8(b, (uint8_t) v);
    } else if (v <= UINT16_MAX) {
        elo_buf_put_u8(b, first | (INFO_U8 + 1));
        elo_buf_put_be16(b, (uint16_t) v);
    } else if (v <= UINT32_MAX) {
        elo_buf_put_u8(b, first | (INFO_U8 + 2));
        elo_buf_put_be32(b, (uint32_t) v);
    } else {
        elo_buf_put_u8(b, first | INFO_U64);
        elo_buf_put_be64(b, v);
    }
}


void
elo_cbor_put_uint(elo_buf_t *b, uint64_t v)
{
    elo_cbor_put_head(b, ELO_CBOR_UINT, v);
}


void
elo_cbor_put_bytes(elo_buf_t *b, elo_slice_t v)
{
    elo_cbor_put_head(b, ELO_CBOR_BYTES, v.len);
    elo_buf_put_slice(b, v);
}


void
elo_cbor_put_text(elo_buf_t *b, elo_slice_t v)
{
    elo_cbor_put_head(b, ELO_CBOR_TEXT, v.len);
    elo_buf_put_slice(b, v);
}


void
elo_cbor_put_null(elo_buf_t *b)
{
    elo_buf_put_u8(b, NULL_BYTE);
}
