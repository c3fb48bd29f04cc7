/* SPDX-License-Identifier: BSD-2-Clause */
/* records_upload: bytes of the table UPLOAD. Big-endian. */
#include "backend/store/records_upload.h"

#include <stdio.h>

#include "common/base/enc.h"
#include "common/base/keys.h"
#include "common/base/rd.h"

#define REC_VERSION 1
#define HAS_EXPECT  0x01
#define IS_BOXED    0x02


elo_slice_t
elo_upload_key(const uint8_t id[ELO_UPLOAD_ID], elo_upload_part_t part,
               uint64_t at, uint8_t out[ELO_UPLOAD_KEY_MAX])
{
    size_t len = ELO_UPLOAD_ID;

    memcpy(out, id, ELO_UPLOAD_ID);
    if (part != ELO_UPLOAD_PART_STATE) {
        out[len++] = (uint8_t) part;
    }
    if (part == ELO_UPLOAD_PART_PIECE) {
        for (int shift = 56; shift >= 0; shift -= 8) {
            out[len++] = (uint8_t) (at >> shift);
        }
    }
    return elo_slice(out, len);
}


elo_err_t
elo_upload_key_parse(elo_slice_t key, uint8_t id[ELO_UPLOAD_ID],
                     elo_upload_part_t *part, uint64_t *at)
{
    const uint8_t *p = key.p, *end = key.p + key.len;
    elo_slice_t name = { 0 };
    uint8_t what = ELO_UPLOAD_PART_STATE;
    uint64_t v = 0;

    p = elo_rd_bytes(p, end, ELO_UPLOAD_ID, &name);
    if (p != NULL && p != end) {
        p = elo_rd_u8(p, end, &what);
        if (what == ELO_UPLOAD_PART_PIECE) {
            p = elo_rd_be64(p, end, &v);
        } else if (what != ELO_UPLOAD_PART_FORM && what != ELO_UPLOAD_PART_KEY)
        {
            return ELO_ECORRUPT;
        }
    }
    if (p == NULL || p != end) {
        return ELO_ECORRUPT;
    }
    memcpy(id, name.p, ELO_UPLOAD_ID);
    *part = (elo_upload_part_t) what;
    *at = v;
    return ELO_OK;
}


void
elo_upload_state_encode(const elo_upload_state_t *r, elo_buf_t *out)
{
    elo_buf_put_u8(out, REC_VERSION);
    elo_buf_put_u8(out, (uint8_t) r->phase);
    elo_buf_put_be64(out, (uint64_t) r->created_at);
    elo_buf_put_be64(out, (uint64_t) r->expires_at);
    elo_buf_put_be64(out, r->length);
    elo_buf_put_be64(out, r->offset);
    elo_buf_put_be64(out, r->sealed_to);
    elo_buf_put_be32(out, r->key_no);
    elo_buf_put_be32(out, r->agent);
    if (r->phase == ELO_UPLOAD_FINAL) {
        elo_buf_put(out, r->digest.b, ELO_SHA256_LEN);
    }
}


elo_err_t
elo_upload_state_parse(elo_slice_t s, elo_upload_state_t *out)
{
    const uint8_t *p = s.p, *end = s.p + s.len;
    elo_upload_state_t r = { 0 };
    uint64_t created = 0, expires = 0;
    uint8_t version = 0, phase = 0;
    elo_slice_t digest = { 0 };

    p = elo_rd_u8(p, end, &version);
    p = elo_rd_u8(p, end, &phase);
    p = elo_rd_be64(p, end, &created);
    p = elo_rd_be64(p, end, &expires);
    p = elo_rd_be64(p, end, &r.length);
    p = elo_rd_be64(p, end, &r.offset);
    p = elo_rd_be64(p, end, &r.sealed_to);
    p = elo_rd_be32(p, end, &r.key_no);
    p = elo_rd_be32(p, end, &r.agent);
    if (phase == ELO_UPLOAD_FINAL) {
        p = elo_rd_bytes(p, end, ELO_SHA256_LEN, &digest);
    }
    if (p == NULL || p != end || version != REC_VERSION
        || phase < ELO_UPLOAD_OPEN || phase > ELO_UPLOAD_ENDED
        || created > INT64_MAX || expires > INT64_MAX || r.offset > INT64_MAX
        || r.offset > r.length
        || (r.length > INT64_MAX && r.length != UINT64_MAX))
    {
        return ELO_ECORRUPT;
    }
    r.phase = (elo_upload_phase_t) phase;
    r.created_at = (int64_t) created;
    r.expires_at = (int64_t) expires;
    if (digest.len > 0) {
        memcpy(r.digest.b, digest.p, ELO_SHA256_LEN);
    }
    *out = r;
    return ELO_OK;
}


void
elo_upload_form_encode(const elo_put_opt_t *opt, elo_slice_t meta,
                       elo_buf_t *out)
{
    elo_buf_put_u8(out, REC_VERSION);
    elo_buf_put_u8(out, opt->has_expect ? HAS_EXPECT : 0);
    elo_buf_put_u8(out, (uint8_t) opt->reach);
    elo_buf_put(out, opt->agent.b, ELO_AGENT_LEN);
    if (opt->has_expect) {
        elo_buf_put(out, opt->expect.b, ELO_SHA256_LEN);
    }
    elo_buf_put_be16(out, (uint16_t) opt->content_type.len);
    elo_buf_put_slice(out, opt->content_type);
    elo_buf_put_be16(out, (uint16_t) meta.len);
    elo_buf_put_slice(out, meta);
    elo_buf_put_be16(out, (uint16_t) opt->n_invited);
    for (uint32_t i = 0; i < opt->n_invited; i++) {
        elo_buf_put(out, opt->invited[i].b, ELO_AGENT_LEN);
    }
}


void
elo_upload_form_encode_boxed(const elo_put_opt_t *opt, elo_slice_t box,
                             elo_buf_t *out)
{
    elo_buf_put_u8(out, REC_VERSION);
    elo_buf_put_u8(out, IS_BOXED);
    elo_buf_put_u8(out, (uint8_t) opt->reach);
    elo_buf_put(out, opt->agent.b, ELO_AGENT_LEN);
    elo_buf_put_slice(out, box);
}


/* What follows the agent in a form that isn't boxed. */
static elo_err_t
form_rest_parse(const uint8_t *p, const uint8_t *end, elo_upload_form_t *r)
{
    elo_slice_t expect = { 0 };
    uint16_t n = 0;

    if (r->opt.has_expect) {
        p = elo_rd_bytes(p, end, ELO_SHA256_LEN, &expect);
    }
    p = elo_rd_str16(p, end, &r->opt.content_type);
    p = elo_rd_str16(p, end, &r->meta);
    p = elo_rd_be16(p, end, &n);
    if (p == NULL || r->opt.content_type.len > ELO_MIME_MAX
        || r->meta.len > ELO_UPLOAD_META_MAX || n > ELO_CONTENT_INVITED_MAX
        || elo_rd_bytes(p, end, (uint64_t) n * ELO_AGENT_LEN, &r->invited_raw)
               != end)
    {
        return ELO_ECORRUPT;
    }
    if (r->opt.has_expect) {
        memcpy(r->opt.expect.b, expect.p, ELO_SHA256_LEN);
    }
    r->opt.n_invited = n;
    return ELO_OK;
}


elo_err_t
elo_upload_form_parse(elo_slice_t s, elo_upload_form_t *out)
{
    const uint8_t *p = s.p, *end = s.p + s.len;
    uint8_t version = 0, flags = 0, reach = 0;
    elo_upload_form_t r = { 0 };
    elo_slice_t agent = { 0 };
    elo_err_t rc;

    p = elo_rd_u8(p, end, &version);
    p = elo_rd_u8(p, end, &flags);
    p = elo_rd_u8(p, end, &reach);
    p = elo_rd_bytes(p, end, ELO_AGENT_LEN, &agent);
    if (p == NULL || version != REC_VERSION || flags > IS_BOXED
        || reach >= ELO_REACH_COUNT)
    {
        return ELO_ECORRUPT;
    }
    r.opt.reach = (elo_reach_t) reach;
    memcpy(r.opt.agent.b, agent.p, ELO_AGENT_LEN);
    r.opt.has_expect = flags == HAS_EXPECT;
    if (flags == IS_BOXED) {
        if ((size_t) (end - p) <= ELO_SBOX_OVERHEAD) {
            return ELO_ECORRUPT;
        }
        r.box = elo_slice(p, (size_t) (end - p));
    } else if ((rc = form_rest_parse(p, end, &r)) != ELO_OK) {
        return rc;
    }
    *out = r;
    return ELO_OK;
}


elo_err_t
elo_upload_id_parse(elo_slice_t text, uint8_t id[ELO_UPLOAD_ID])
{
    if (text.len != ELO_UPLOAD_ID_LEN) {
        return ELO_ENOTFOUND;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] >= 'A' && text.p[i] <= 'F') {
            return ELO_ENOTFOUND; /* one upload has one name */
        }
    }
    return elo_hex_decode(text, id, ELO_UPLOAD_ID) == ELO_OK ? ELO_OK
                                                             : ELO_ENOTFOUND;
}


void
elo_upload_file(const uint8_t id[ELO_UPLOAD_ID], uint32_t key_no, char *out)
{
    char hex[ELO_UPLOAD_ID_LEN + 1];

    elo_hex_encode(id, ELO_UPLOAD_ID, hex);
    if (key_no == 0) {
        snprintf(out, ELO_STORE_NAME_MAX + 1, "uploads/%s", hex);
    } else {
        snprintf(out, ELO_STORE_NAME_MAX + 1, "uploads/%s.%u", hex, key_no);
    }
}


elo_err_t
elo_upload_file_parse(elo_slice_t name, uint8_t id[ELO_UPLOAD_ID],
                      uint32_t *key_no)
{
    elo_slice_t no;
    uint64_t v = 0;

    if (name.len < ELO_UPLOAD_ID_LEN) {
        return ELO_ENOTFOUND;
    }
    no = elo_slice(name.p + ELO_UPLOAD_ID_LEN, name.len - ELO_UPLOAD_ID_LEN);
    if (no.len > 0
        && (no.len < 2 || no.p[0] != '.' || no.p[1] == '0'
            || !elo_slice_u64(elo_slice(no.p + 1, no.len - 1), &v)
            || v > UINT32_MAX))
    {
        return ELO_ENOTFOUND;
    }
    *key_no = (uint32_t) v;
    return elo_upload_id_parse(elo_slice(name.p, ELO_UPLOAD_ID_LEN), id);
}
