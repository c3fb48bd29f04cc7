/* SPDX-License-Identifier: BSD-2-Clause */
/* signed_url: bytes to a permission and back. The byte table is in the header. */
#include "common/auth/signed_url.h"

#include "common/auth/path_prefix.h"
#include "common/base/base64.h"
#include "common/base/rd.h"

#define VERSION      1u
#define FLAG_ADDRESS 1u
#define CONTEXT      "elohim-url-1" /* with its NUL, in front of what is signed */
#define FIXED_LEN    53u /* up to the agent's end, and a prefix's length */
#define BYTES_MAX    (FIXED_LEN + 18u + ELO_URL_PREFIX_MAX + ELO_SIG_LEN)

_Static_assert(ELO_URL_KID_LEN == ELO_KEY_ID_LEN, "key id");
_Static_assert(ELO_BASE64URL_LEN(BYTES_MAX) <= ELO_URL_TEXT_MAX, "text");


static size_t
addr_len(uint8_t family)
{
    return family == 4 ? 4 : 16;
}


static bool
is_mapped(const uint8_t addr[16])
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

    return memcmp(addr, mapped, sizeof(mapped)) == 0;
}


/* The first bits of a byte string of len bytes are those of another. */
static bool
bits_eq(const uint8_t *a, const uint8_t *b, uint8_t bits)
{
    uint8_t rest = bits % 8;

    return memcmp(a, b, bits / 8) == 0
           && (rest == 0 || (a[bits / 8] ^ b[bits / 8]) >> (8 - rest) == 0);
}


/* One prefix, one text: bits past it are zero. IPv4 is family 4: as a mapped
   address it would match no one. */
static bool
is_from_ok(const elo_addr_prefix_t *from)
{
    static const uint8_t zero[16];
    uint8_t tail[16];
    size_t len;

    if (from->family == 0) {
        return true;
    }
    len = addr_len(from->family);
    if ((from->family != 4 && from->family != 6) || from->bits > 8 * len) {
        return false;
    }
    if (from->family == 6 && from->bits >= 96 && is_mapped(from->addr)) {
        return false;
    }
    memcpy(tail, from->addr, len);
    memset(tail, 0, from->bits / 8);
    if (from->bits % 8 != 0) {
        tail[from->bits / 8] &= (uint8_t) (0xff >> from->bits % 8);
    }
    return memcmp(tail, zero, len) == 0;
}


/* What holds for every one, read or to be made. */
static bool
is_ok(const elo_signed_url_t *u)
{
    return u->scopes == ELO_SCOPE_READ
           && (unsigned) u->ceiling < ELO_REACH_COUNT && u->exp >= 0
           && is_from_ok(&u->from) && u->prefix.len > 1
           && u->prefix.len <= ELO_URL_PREFIX_MAX
           && elo_path_prefix_ok(u->prefix);
}


/* ---- reading ---- */

static const uint8_t *
read_from(const uint8_t *p, const uint8_t *end, elo_addr_prefix_t *out)
{
    elo_slice_t addr;

    p = elo_rd_u8(p, end, &out->family);
    p = elo_rd_u8(p, end, &out->bits);
    if (p == NULL || (out->family != 4 && out->family != 6)) {
        return NULL;
    }
    p = elo_rd_bytes(p, end, addr_len(out->family), &addr);
    if (p != NULL) {
        memcpy(out->addr, addr.p, addr.len);
    }
    return p;
}


static const uint8_t *
read_fixed(const uint8_t *p, const uint8_t *end, elo_signed_url_t *u,
           uint8_t *flags)
{
    uint8_t version = 0, scopes = 0, ceiling = 0;
    elo_slice_t kid, agent;
    uint64_t exp;

    p = elo_rd_u8(p, end, &version);
    p = elo_rd_u8(p, end, flags);
    p = elo_rd_u8(p, end, &scopes);
    p = elo_rd_u8(p, end, &ceiling);
    p = elo_rd_be64(p, end, &exp);
    p = elo_rd_bytes(p, end, ELO_URL_KID_LEN, &kid);
    p = elo_rd_bytes(p, end, ELO_AGENT_LEN, &agent);
    if (p == NULL || version != VERSION || (*flags & ~FLAG_ADDRESS) != 0
        || exp > INT64_MAX)
    {
        return NULL;
    }
    u->scopes = scopes;
    u->ceiling = (elo_reach_t) ceiling;
    u->exp = (int64_t) exp;
    memcpy(u->kid, kid.p, kid.len);
    memcpy(u->agent.b, agent.p, agent.len);
    return p;
}


elo_err_t
elo_signed_url_parse(elo_slice_t segment, elo_signed_url_t *out)
{
    const uint8_t *p = out->room, *end;
    uint8_t flags = 0, prefix_len = 0;
    size_t len;
    elo_err_t rc;

    if (segment.len > ELO_URL_TEXT_MAX) {
        return ELO_ETOOBIG;
    }
    rc = elo_base64url_decode(segment, out->room, sizeof(out->room), &len);
    if (rc != ELO_OK) {
        return rc;
    }
    end = p + len;
    p = read_fixed(p, end, out, &flags);
    out->from = (elo_addr_prefix_t){ 0 };
    if (p != NULL && (flags & FLAG_ADDRESS) != 0) {
        p = read_from(p, end, &out->from);
    }
    p = elo_rd_u8(p, end, &prefix_len);
    p = elo_rd_bytes(p, end, prefix_len, &out->prefix);
    if (p == NULL || end - p != ELO_SIG_LEN || !is_ok(out)) {
        return ELO_EINVAL;
    }
    out->signed_bytes = elo_slice(out->room, (size_t) (p - out->room));
    memcpy(out->sig, p, sizeof(out->sig));
    return ELO_OK;
}


/* ---- judging ---- */

/* What the signature is of: never what a token or a record may be. */
static elo_slice_t
message(elo_slice_t bytes, uint8_t room[sizeof(CONTEXT) + BYTES_MAX])
{
    memcpy(room, CONTEXT, sizeof(CONTEXT));
    memcpy(room + sizeof(CONTEXT), bytes.p, bytes.len);
    return elo_slice(room, sizeof(CONTEXT) + bytes.len);
}


bool
elo_signed_url_verify(const elo_signed_url_t *u, const elo_agent_t *key)
{
    uint8_t room[sizeof(CONTEXT) + BYTES_MAX], kid[ELO_KEY_ID_LEN];

    elo_key_id(key, kid);
    return memcmp(kid, u->kid, sizeof(kid)) == 0
           && elo_verify(key, message(u->signed_bytes, room), u->sig);
}


static bool
is_from(const elo_addr_prefix_t *from, elo_slice_t client)
{
    if (from->family == 0) {
        return true;
    }
    if (client.len == 16 && is_mapped(client.p)) {
        client = elo_slice(client.p + 12, 4);
    }
    return client.len == addr_len(from->family)
           && bits_eq(from->addr, client.p, from->bits);
}


bool
elo_signed_url_covers(const elo_signed_url_t *u, elo_slice_t path, int64_t now,
                      elo_slice_t client)
{
    return now < u->exp && is_from(&u->from, client)
           && elo_path_prefix_covers(u->prefix, path);
}


/* ---- making ---- */

static void
put_bytes(elo_buf_t *b, const elo_signed_url_t *u)
{
    elo_buf_put_u8(b, VERSION);
    elo_buf_put_u8(b, u->from.family != 0 ? FLAG_ADDRESS : 0);
    elo_buf_put_u8(b, (uint8_t) u->scopes);
    elo_buf_put_u8(b, (uint8_t) u->ceiling);
    elo_buf_put_be64(b, (uint64_t) u->exp);
    elo_buf_put(b, u->kid, sizeof(u->kid));
    elo_buf_put(b, u->agent.b, sizeof(u->agent.b));
    if (u->from.family != 0) {
        elo_buf_put_u8(b, u->from.family);
        elo_buf_put_u8(b, u->from.bits);
        elo_buf_put(b, u->from.addr, addr_len(u->from.family));
    }
    elo_buf_put_u8(b, (uint8_t) u->prefix.len);
    elo_buf_put_slice(b, u->prefix);
}


elo_err_t
elo_signed_url_make(elo_signed_url_t *u, const uint8_t seed[ELO_SEED_LEN],
                    elo_buf_t *out)
{
    uint8_t room[sizeof(CONTEXT) + BYTES_MAX], bytes[BYTES_MAX];
    elo_agent_t key;
    elo_buf_t b;
    size_t len;
    uint8_t *to;

    if (!is_ok(u)) {
        return ELO_EINVAL;
    }
    elo_agent_of_seed(seed, &key);
    elo_key_id(&key, u->kid);
    elo_buf_init_fixed(&b, bytes, sizeof(bytes));
    put_bytes(&b, u);
    elo_sign(seed, message(elo_buf_slice(&b), room), u->sig);
    elo_buf_put(&b, u->sig, sizeof(u->sig));
    if (elo_buf_err(&b) != ELO_OK) {
        return elo_buf_err(&b);
    }
    len = ELO_BASE64URL_LEN(b.len);
    to = elo_buf_extend(out, len + 1); /* the NUL is taken off */
    if (to == NULL) {
        return elo_buf_err(out);
    }
    elo_base64url_encode(bytes, b.len, (char *) to);
    out->len--;
    return ELO_OK;
}
