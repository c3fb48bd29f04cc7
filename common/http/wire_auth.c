/* SPDX-License-Identifier: BSD-2-Clause */
/* wire_auth: see the header, which has the byte table. */
#include "common/http/wire_auth.h"

#include "common/base/rd.h"
#include "common/cache/generation.h"
#include "common/http/wire_internal.h"

#define FACTS_ALL ((ELO_FACT_OPERATOR << 1) - 1)


/* ---- writing ---- */

elo_err_t
elo_wire_put_keys(elo_buf_t *b, const elo_wire_keys_t *k)
{
    size_t at;

    if (!elo_wire_fits16(k->iss) || !elo_wire_fits16(k->aud)
        || k->n > ELO_WIRE_KEYS_MAX)
    {
        return ELO_ETOOBIG;
    }
    elo_wire_begin(b, ELO_WIRE_KEYS, &at);
    elo_wire_put_head(b, &k->head);
    elo_wire_put_str16(b, k->iss);
    elo_wire_put_str16(b, k->aud);
    elo_buf_put_be64(b, (uint64_t) k->max_life_s);
    elo_buf_put_be16(b, (uint16_t) k->n);
    for (uint32_t i = 0; i < k->n; i++) {
        const elo_token_key_t *key = &k->keys[i];

        elo_wire_put_str16(b, elo_slice_str(key->kid));
        elo_buf_put_u8(b, (uint8_t) key->alg);
        elo_buf_put(b, key->key, sizeof(key->key));
        elo_buf_put_be64(b, (uint64_t) key->from);
        elo_buf_put_be64(b, (uint64_t) key->until);
    }
    return elo_wire_end(b, at);
}


elo_err_t
elo_wire_put_session(elo_buf_t *b, const elo_wire_session_t *s)
{
    size_t at;

    if (!elo_wire_fits16(s->prefix) || !elo_wire_fits16(s->content)) {
        return ELO_ETOOBIG;
    }
    elo_wire_begin(b, ELO_WIRE_SESSION, &at);
    elo_wire_put_head(b, &s->head);
    elo_buf_put_u8(b, (uint8_t) s->verdict);
    elo_buf_put(b, s->agent.b, sizeof(s->agent.b));
    elo_buf_put_be32(b, s->facts);
    elo_buf_put_be32(b, s->scopes);
    elo_buf_put_be64(b, (uint64_t) s->exp);
    elo_buf_put_be64(b, (uint64_t) s->until);
    elo_wire_put_str16(b, s->prefix);
    elo_wire_put_str16(b, s->content);
    return elo_wire_end(b, at);
}


elo_err_t
elo_wire_put_access(elo_buf_t *b, const elo_wire_access_t *a)
{
    size_t at;

    elo_wire_begin(b, ELO_WIRE_ACCESS, &at);
    elo_wire_put_head(b, &a->head);
    elo_buf_put_u8(b, (uint8_t) a->stage);
    elo_buf_put_be32(b, a->agent_slot);
    elo_buf_put_be64(b, a->agent_generation);
    elo_buf_put_be32(b, a->facts);
    elo_buf_put_be64(b, (uint64_t) a->until);
    return elo_wire_end(b, at);
}


/* ---- reading ---- */

/* Unix seconds that are not before 1970. */
static const uint8_t *
get_time(const uint8_t *p, const uint8_t *end, int64_t *out)
{
    uint64_t v = 0;

    p = elo_rd_be64(p, end, &v);
    if (p == NULL || v > INT64_MAX) {
        return NULL;
    }
    *out = (int64_t) v;
    return p;
}


/* Bits of which none is outside of all. */
static const uint8_t *
get_bits(const uint8_t *p, const uint8_t *end, uint32_t all, uint32_t *out)
{
    p = elo_rd_be32(p, end, out);
    return p == NULL || (*out & ~all) != 0 ? NULL : p;
}


static const uint8_t *
get_key(const uint8_t *p, const uint8_t *end, elo_token_key_t *key)
{
    elo_slice_t kid = { 0 }, bytes = { 0 };
    uint8_t alg = 0;

    p = elo_rd_str16(p, end, &kid);
    p = elo_rd_u8(p, end, &alg);
    p = elo_rd_bytes(p, end, sizeof(key->key), &bytes);
    p = get_time(p, end, &key->from);
    p = get_time(p, end, &key->until);
    if (p == NULL || kid.p == NULL || bytes.p == NULL
        || kid.len > ELO_TOKEN_ID_MAX || memchr(kid.p, 0, kid.len) != NULL
        || (alg != ELO_ALG_EDDSA && alg != ELO_ALG_HS256))
    {
        return NULL;
    }
    memcpy(key->kid, kid.p, kid.len);
    key->kid[kid.len] = '\0';
    memcpy(key->key, bytes.p, bytes.len);
    key->alg = (elo_alg_t) alg;
    return p;
}


/* NULL also when two have one id. */
static const uint8_t *
get_keys(const uint8_t *p, const uint8_t *end, elo_wire_keys_t *k)
{
    for (uint32_t i = 0; i < k->n; i++) {
        p = get_key(p, end, &k->keys[i]);
        for (uint32_t j = 0; p != NULL && j < i; j++) {
            if (strcmp(k->keys[i].kid, k->keys[j].kid) == 0) {
                return NULL;
            }
        }
    }
    return p;
}


elo_err_t
elo_wire_get_keys(elo_slice_t msg, elo_wire_keys_t *out)
{
    const uint8_t *p, *end;
    elo_wire_keys_t k = { 0 };
    uint16_t n = 0;
    elo_err_t rc;

    if ((rc = elo_wire_open(msg, ELO_WIRE_KEYS, &p, &end)) != ELO_OK) {
        return rc;
    }
    p = elo_wire_get_head(p, end, &k.head);
    p = elo_rd_str16(p, end, &k.iss);
    p = elo_rd_str16(p, end, &k.aud);
    p = get_time(p, end, &k.max_life_s);
    p = elo_rd_be16(p, end, &n);
    if (p == NULL || n > ELO_WIRE_KEYS_MAX || k.iss.len > ELO_TOKEN_ISS_MAX
        || k.aud.len > ELO_TOKEN_ISS_MAX)
    {
        return ELO_EINVAL;
    }
    k.n = n;
    if (get_keys(p, end, &k) != end) {
        return ELO_EINVAL;
    }
    *out = k;
    return ELO_OK;
}


elo_err_t
elo_wire_get_session(elo_slice_t msg, elo_wire_session_t *out)
{
    const uint8_t *p, *end;
    elo_wire_session_t s = { 0 };
    elo_slice_t agent = { 0 };
    uint8_t verdict = 0;
    elo_err_t rc;

    if ((rc = elo_wire_open(msg, ELO_WIRE_SESSION, &p, &end)) != ELO_OK) {
        return rc;
    }
    p = elo_wire_get_head(p, end, &s.head);
    p = elo_rd_u8(p, end, &verdict);
    p = elo_rd_bytes(p, end, sizeof(s.agent.b), &agent);
    p = get_bits(p, end, FACTS_ALL, &s.facts);
    p = get_bits(p, end, ELO_SCOPES_ALL, &s.scopes);
    p = get_time(p, end, &s.exp);
    p = get_time(p, end, &s.until);
    p = elo_rd_str16(p, end, &s.prefix);
    p = elo_rd_str16(p, end, &s.content);
    if (p == NULL || p != end || agent.p == NULL
        || verdict >= ELO_SESSION_VERDICTS
        || s.prefix.len > ELO_TOKEN_PREFIX_MAX
        || s.content.len > ELO_CONTENT_ID_MAX)
    {
        return ELO_EINVAL;
    }
    s.verdict = (elo_session_verdict_t) verdict;
    memcpy(s.agent.b, agent.p, agent.len);
    *out = s;
    return ELO_OK;
}


elo_err_t
elo_wire_get_access(elo_slice_t msg, elo_wire_access_t *out)
{
    const uint8_t *p, *end;
    elo_wire_access_t a;
    uint8_t stage = 0;
    elo_err_t rc;

    if ((rc = elo_wire_open(msg, ELO_WIRE_ACCESS, &p, &end)) != ELO_OK) {
        return rc;
    }
    p = elo_wire_get_head(p, end, &a.head);
    p = elo_rd_u8(p, end, &stage);
    p = elo_rd_be32(p, end, &a.agent_slot);
    p = elo_rd_be64(p, end, &a.agent_generation);
    p = get_bits(p, end, FACTS_ALL, &a.facts);
    p = get_time(p, end, &a.until);
    if (p == NULL || p != end || stage > ELO_STAGE_FORGOTTEN
        || a.agent_slot >= ELO_GEN_SLOTS)
    {
        return ELO_EINVAL;
    }
    a.stage = (elo_stage_t) stage;
    *out = a;
    return ELO_OK;
}
