/* SPDX-License-Identifier: BSD-2-Clause */
/* envelope_text: the bytes of an envelope, read. Pure; no key is needed. Format:
   docs/formats/keyring.md, whose invariants (E1)… are cited here. */
#include "backend/keys/envelope.h"

#include "common/base/rd.h"


bool
elo_envelope_cipher_ok(unsigned cipher)
{
    return cipher == ELO_CIPHER_AES256_GCM
           || cipher == ELO_CIPHER_CHACHA20_POLY1305;
}


/* (E3), (E4): at most one cluster wrap, in front; agents ascend. */
static elo_err_t
parse_wraps(const uint8_t *p, const uint8_t *end, uint32_t n, elo_envelope_t *e)
{
    if (p < end && *p == ELO_WRAP_CLUSTER) {
        if (elo_rd_be32(p + 1, end, &e->epoch) == NULL
            || (p = elo_rd_skip(p, end, ELO_ENVELOPE_CLUSTER_LEN)) == NULL
            || e->epoch == 0)
        {
            return ELO_ECORRUPT;
        }
        e->has_cluster = true;
        e->cluster = elo_slice(p - ELO_SECRET_LEN - ELO_SBOX_OVERHEAD,
                               ELO_SECRET_LEN + ELO_SBOX_OVERHEAD);
        n--; /* (E2): there is one */
    }
    if ((uint64_t) (end - p) != (uint64_t) n * ELO_ENVELOPE_AGENT_LEN) {
        return ELO_ECORRUPT; /* (E1) */
    }
    e->agents = p;
    e->n_agents = n;
    for (uint32_t i = 0; i < n; i++, p += ELO_ENVELOPE_AGENT_LEN) {
        if (p[0] != ELO_WRAP_AGENT
            || (i > 0
                && memcmp(p + 1 - ELO_ENVELOPE_AGENT_LEN, p + 1, ELO_AGENT_LEN)
                       >= 0))
        {
            return ELO_ECORRUPT;
        }
    }
    return ELO_OK;
}


elo_err_t
elo_envelope_parse(elo_slice_t bytes, elo_envelope_t *out)
{
    const uint8_t *p = bytes.p, *end;
    elo_envelope_t e = { 0 };
    uint16_t n = 0;
    elo_err_t rc;

    if (bytes.len < ELO_ENVELOPE_HEADER_LEN + ELO_ENVELOPE_SEALED_LEN
                        + ELO_ENVELOPE_MAC_LEN
        || memcmp(p, ELO_ENVELOPE_MAGIC, 4) != 0)
    {
        return ELO_ECORRUPT;
    }
    if (p[4] != ELO_ENVELOPE_VERSION || !elo_envelope_cipher_ok(p[5])) {
        return ELO_EUNSUPPORTED;
    }
    e.cipher = (elo_cipher_t) p[5];
    e.header = elo_slice(p, ELO_ENVELOPE_HEADER_LEN);
    e.sealed = elo_slice(p + ELO_ENVELOPE_HEADER_LEN, ELO_ENVELOPE_SEALED_LEN);
    e.authed = elo_slice(p, bytes.len - ELO_ENVELOPE_MAC_LEN);
    e.mac = p + e.authed.len;
    end = e.mac;
    if (elo_rd_be16(p + 6, end, &n) == NULL || n == 0 || n > ELO_WRAPS_MAX) {
        return ELO_ECORRUPT; /* (E2) */
    }
    rc = parse_wraps(p + ELO_ENVELOPE_HEADER_LEN + ELO_ENVELOPE_SEALED_LEN, end,
                     n, &e);
    if (rc == ELO_OK) {
        *out = e;
    }
    return rc;
}


elo_agent_t
elo_envelope_agent(const elo_envelope_t *e, uint32_t i, elo_slice_t *sealed)
{
    const uint8_t *p = e->agents + (size_t) i * ELO_ENVELOPE_AGENT_LEN;
    elo_agent_t a;

    memcpy(a.b, p + 1, sizeof(a.b));
    *sealed = elo_slice(p + ELO_ENVELOPE_AGENT_HEAD,
                        ELO_ENVELOPE_AGENT_LEN - ELO_ENVELOPE_AGENT_HEAD);
    return a;
}
