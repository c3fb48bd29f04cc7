/* SPDX-License-Identifier: BSD-2-Clause */
/* record: the frame of records: array, signature, id; docs/formats/record.md. */
#include "backend/ctl/record_internal.h"

#include "common/base/crypto.h"

#define VERSION   1u
#define N_OUTER   2u /* signed bytes, signature */
#define N_MEMBERS 7u
#define TIME_MAX  ((uint64_t) ELO_RECORD_UNTIL_MAX * 1000)

/* What a signature is for stands in front of what is signed, NUL included (R3). */
static const char purpose[] = "elohim-record-1";

typedef struct {
    uint8_t b[sizeof(purpose) + ELO_RECORD_MAX];
    size_t len;
} message_t;


static void
message_of(elo_slice_t bytes, message_t *m)
{
    memcpy(m->b, purpose, sizeof(purpose));
    memcpy(m->b + sizeof(purpose), bytes.p, bytes.len);
    m->len = sizeof(purpose) + bytes.len;
}


static bool
fault(elo_cbor_t *c, const char *why)
{
    if (c->why == NULL) {
        c->why = why;
    }
    return false;
}


static bool
read_32(elo_cbor_t *c, uint8_t out[32])
{
    elo_slice_t s = { 0 };

    if (!elo_cbor_bytes(c, &s)) {
        return false;
    }
    if (s.len != 32) {
        return fault(c, "record: a key or id of another length");
    }
    memcpy(out, s.p, 32);
    return true;
}


static bool
read_number(elo_cbor_t *c, uint64_t max, uint64_t *out)
{
    return elo_cbor_uint(c, out)
           && (*out <= max || fault(c, "record: a number out of range"));
}


/* (R4): null exactly at the start of a chain. */
static bool
read_prev(elo_cbor_t *c, elo_rec_t *r)
{
    if (elo_cbor_null(c)) {
        return r->seq == 0 || fault(c, "record: no prev");
    }
    return read_32(c, r->prev.b)
           && (r->seq > 0 || fault(c, "record: a prev at the start"));
}


static bool
read_members(elo_cbor_t *c, elo_rec_t *r)
{
    uint64_t n, version, time, kind;

    if (!elo_cbor_array(c, &n)) {
        return false;
    }
    if (n != N_MEMBERS) {
        return fault(c, "record: another number of members");
    }
    if (!elo_cbor_uint(c, &version)) {
        return false;
    }
    if (version != VERSION) {
        return fault(c, "record: another version");
    }
    if (!read_32(c, r->author.b) || !read_number(c, INT64_MAX, &r->seq)
        || !read_prev(c, r) || !read_number(c, TIME_MAX, &time)
        || !read_number(c, UINT32_MAX, &kind))
    {
        return false;
    }
    r->time_ms = (int64_t) time;
    r->kind = (elo_rec_kind_t) kind;
    return elo_rec_body_read(c, r) && elo_cbor_end(c);
}


/* Takes canonical bytes apart (R1); all but sig of out. */
static elo_err_t
parse_signed(elo_slice_t bytes, elo_rec_t *out, const char **why)
{
    elo_rec_t r = { .signed_bytes = bytes };
    elo_cbor_t c;
    elo_err_t rc;

    elo_cbor_init(&c, bytes);
    if (!read_members(&c, &r)) {
        *why = c.why;
        return ELO_EINVAL;
    }
    if ((rc = elo_sha256(bytes, &r.id)) != ELO_OK) {
        *why = "record: no memory";
        return rc;
    }
    *out = r;
    return ELO_OK;
}


elo_err_t
elo_rec_read(elo_slice_t bytes, elo_rec_t *out, const char **why)
{
    elo_slice_t inner = { 0 }, sig = { 0 };
    const char *unused;
    elo_cbor_t c;
    uint64_t n;
    elo_rec_t r;
    elo_err_t rc;

    why = why == NULL ? &unused : why;
    if (bytes.len > ELO_RECORD_MAX) {
        *why = "record: too long";
        return ELO_ETOOBIG;
    }
    elo_cbor_init(&c, bytes);
    if (!elo_cbor_array(&c, &n)
        || (n != N_OUTER && !fault(&c, "record: no pair"))
        || !elo_cbor_bytes(&c, &inner) || !elo_cbor_bytes(&c, &sig)
        || (sig.len != sizeof(r.sig)
            && !fault(&c, "record: a signature of another length"))
        || !elo_cbor_end(&c))
    {
        *why = c.why;
        return ELO_EINVAL;
    }
    if ((rc = parse_signed(inner, &r, why)) != ELO_OK) {
        return rc;
    }
    memcpy(r.sig, sig.p, sizeof(r.sig));
    *out = r;
    return ELO_OK;
}


elo_err_t
elo_rec_parse(elo_slice_t bytes, elo_rec_t *out, const char **why)
{
    message_t m;
    elo_rec_t r;
    elo_err_t rc;

    if ((rc = elo_rec_read(bytes, &r, why)) != ELO_OK) {
        return rc;
    }
    message_of(r.signed_bytes, &m);
    /* (R8) */
    if (!elo_verify(&r.author, elo_slice(m.b, m.len), r.sig)) {
        if (why != NULL) {
            *why = "record: wrong signature";
        }
        return ELO_ECORRUPT;
    }
    *out = r;
    return ELO_OK;
}


static elo_err_t
write_signed(const elo_rec_t *r, elo_buf_t *out, const char **why)
{
    elo_err_t rc;

    elo_cbor_put_head(out, ELO_CBOR_ARRAY, N_MEMBERS);
    elo_cbor_put_uint(out, VERSION);
    elo_cbor_put_bytes(out, elo_slice(r->author.b, sizeof(r->author.b)));
    elo_cbor_put_uint(out, r->seq);
    if (r->seq == 0) {
        elo_cbor_put_null(out);
    } else {
        elo_cbor_put_bytes(out, elo_slice(r->prev.b, sizeof(r->prev.b)));
    }
    elo_cbor_put_uint(out, (uint64_t) r->time_ms);
    elo_cbor_put_uint(out, (uint64_t) r->kind);
    if ((rc = elo_rec_body_write(r, out, why)) != ELO_OK) {
        return rc;
    }
    if ((rc = elo_buf_err(out)) != ELO_OK) {
        *why = "record: too long";
    }
    return rc;
}


elo_err_t
elo_rec_make(elo_rec_t *r, const uint8_t seed[ELO_SEED_LEN], elo_buf_t *out,
             const char **why)
{
    uint8_t inner_mem[ELO_RECORD_MAX], whole_mem[ELO_RECORD_MAX];
    elo_rec_t copy = *r, made;
    elo_buf_t inner, whole;
    const char *unused;
    message_t m;
    elo_err_t rc;

    why = why == NULL ? &unused : why;
    elo_agent_of_seed(seed, &copy.author);
    elo_buf_init_fixed(&inner, inner_mem, sizeof(inner_mem));
    elo_buf_init_fixed(&whole, whole_mem, sizeof(whole_mem));
    if ((rc = write_signed(&copy, &inner, why)) != ELO_OK
        || (rc = parse_signed(elo_buf_slice(&inner), &made, why)) != ELO_OK)
    {
        return rc;
    }
    message_of(elo_buf_slice(&inner), &m);
    elo_sign(seed, elo_slice(m.b, m.len), copy.sig);
    elo_cbor_put_head(&whole, ELO_CBOR_ARRAY, N_OUTER);
    elo_cbor_put_bytes(&whole, elo_buf_slice(&inner));
    elo_cbor_put_bytes(&whole, elo_slice(copy.sig, sizeof(copy.sig)));
    if ((rc = elo_buf_err(&whole)) != ELO_OK) {
        *why = "record: too long";
        return rc;
    }
    elo_buf_put_slice(out, elo_buf_slice(&whole));
    if ((rc = elo_buf_err(out)) != ELO_OK) {
        *why = "record: no room";
        return rc;
    }
    copy.id = made.id;
    *r = copy;
    return ELO_OK;
}
