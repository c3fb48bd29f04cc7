/* SPDX-License-Identifier: BSD-2-Clause */
/* envelope: the key of a blob, wrapped for those who may read it. Format:
   docs/formats/keyring.md, whose invariants (E1)… are cited here.

   The content key itself seals chunks only; two keys derived from it seal the
   digest and authenticate the envelope. HMAC also commits to the key: no
   envelope opens under two. */
#include "backend/keys/envelope.h"

#include <stdlib.h>

#include "backend/keys/keyring_internal.h"
#include "common/base/limits.h"
#include "common/base/num.h"
#include "common/base/rd.h"

/* Kind and epoch, which a cluster wrap's key is sealed with. */
#define CLUSTER_AAD 5u


/* ---- recipients ---- */

typedef struct {
    elo_agent_t *agents; /* ascending, each once; owned */
    uint32_t n;
    uint32_t epoch; /* 0: no cluster wrap */
} readers_t;


static int
by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(elo_agent_t));
}


/* A guest's content that only keys of elsewhere would open: his host opens it as well,
   or he could never read it here. The host's own agent does. */
static void
add_host(const elo_ring_t *r, readers_t *rs)
{
    for (uint32_t i = 0; i < rs->n; i++) {
        if (elo_ring_find(r, &rs->agents[i]) != NULL) {
            return;
        }
    }
    rs->agents[rs->n++] = r->agents[0].agent;
    qsort(rs->agents, rs->n, sizeof(rs->agents[0]), by_bytes);
}


/* Who reads a blob of that reach. The zero agent is the operator's own. */
static elo_err_t
readers_of(const elo_ring_t *r, elo_reach_t reach, const elo_agent_t *owner,
           const elo_agent_t *invited, uint32_t n, readers_t *out)
{
    readers_t rs = { .n = 1 };

    if (reach > ELO_REACH_LOCAL) {
        return ELO_EINVAL;
    }
    n = reach == ELO_REACH_INVITED ? n : 0;
    if (n > ELO_CONTENT_INVITED_MAX) {
        return ELO_ETOOBIG;
    }
    rs.agents = malloc((2 + (size_t) n) * sizeof(rs.agents[0]));
    if (rs.agents == NULL) {
        return ELO_ENOMEM;
    }
    rs.agents[0] = *owner;
    if (n > 0) {
        memcpy(rs.agents + 1, invited, n * sizeof(rs.agents[0]));
    }
    for (uint32_t i = 0; i <= n; i++) {
        if (elo_agent_is_zero(&rs.agents[i])) {
            rs.agents[i] = r->agents[0].agent;
        }
    }
    qsort(rs.agents, 1 + (size_t) n, sizeof(rs.agents[0]), by_bytes);
    for (uint32_t i = 1; i <= n; i++) {
        if (!elo_agent_eq(&rs.agents[i], &rs.agents[rs.n - 1])) {
            rs.agents[rs.n++] = rs.agents[i];
        }
    }
    if (reach == ELO_REACH_LOCAL) {
        rs.epoch = r->keys[r->n_keys - 1].epoch;
    } else {
        add_host(r, &rs);
    }
    *out = rs;
    return ELO_OK;
}


/* ---- seal ---- */

typedef struct {
    uint8_t seal[ELO_SECRET_LEN], mac[ELO_SECRET_LEN];
} subkeys_t;


static elo_err_t
derive(const uint8_t key[ELO_AEAD_KEY_LEN], subkeys_t *out)
{
    elo_slice_t seal = ELO_SLICE("elohim envelope 1 seal");
    elo_slice_t mac = ELO_SLICE("elohim envelope 1 mac");
    elo_digest_t d;
    elo_err_t rc = elo_hmac(key, &seal, 1, &d);

    if (rc == ELO_OK) {
        memcpy(out->seal, d.b, sizeof(out->seal));
        rc = elo_hmac(key, &mac, 1, &d);
        memcpy(out->mac, d.b, sizeof(out->mac));
    }
    elo_wipe(&d, sizeof(d));
    return rc;
}


static elo_err_t
put_inner(elo_buf_t *out, size_t at, const elo_content_key_t *ck,
          const subkeys_t *sub)
{
    uint8_t inner[ELO_ENVELOPE_INNER_LEN],
        *to = elo_buf_extend(out, ELO_ENVELOPE_SEALED_LEN);
    elo_err_t rc;

    if (to == NULL) {
        return elo_buf_err(out);
    }
    memcpy(inner, ck->plain.b, sizeof(ck->plain.b));
    for (unsigned i = 0; i < 8; i++) {
        inner[sizeof(ck->plain.b) + i] = (uint8_t) (ck->size >> (56 - 8 * i));
    }
    rc = elo_sbox_seal(sub->seal,
                       elo_slice(out->p + at, ELO_ENVELOPE_HEADER_LEN),
                       elo_slice(inner, sizeof(inner)), to);
    elo_wipe(inner, sizeof(inner));
    return rc;
}


static elo_err_t
put_box(const elo_ring_t *r, const elo_agent_t *a, elo_slice_t key, uint8_t *to)
{
    const elo_ring_agent_t *own = elo_ring_find(r, a);

    return own != NULL ? elo_x25519_seal(&own->box, key, to)
                       : elo_box_seal(a, key, to);
}


static elo_err_t
put_wraps(elo_buf_t *out, const elo_ring_t *r, const readers_t *rs,
          const uint8_t key[ELO_AEAD_KEY_LEN])
{
    elo_slice_t ck = elo_slice(key, ELO_AEAD_KEY_LEN);
    elo_err_t rc = ELO_OK;
    uint8_t *to;

    if (rs->epoch != 0) {
        elo_buf_put_u8(out, ELO_WRAP_CLUSTER);
        elo_buf_put_be32(out, rs->epoch);
        to = elo_buf_extend(out, ELO_SECRET_LEN + ELO_SBOX_OVERHEAD);
        if (to == NULL) {
            return elo_buf_err(out);
        }
        rc = elo_sbox_seal(r->keys[r->n_keys - 1].key,
                           elo_slice(to - CLUSTER_AAD, CLUSTER_AAD), ck, to);
    }
    for (uint32_t i = 0; i < rs->n && rc == ELO_OK; i++) {
        elo_buf_put_u8(out, ELO_WRAP_AGENT);
        elo_buf_put(out, rs->agents[i].b, sizeof(rs->agents[i].b));
        to = elo_buf_extend(out, ELO_SECRET_LEN + ELO_BOX_OVERHEAD);
        rc = to == NULL ? elo_buf_err(out) : put_box(r, &rs->agents[i], ck, to);
    }
    return rc;
}


static elo_err_t
put_envelope(elo_buf_t *out, const elo_ring_t *r, const readers_t *rs,
             const elo_content_key_t *ck)
{
    size_t at = out->len;
    elo_slice_t authed;
    elo_digest_t mac;
    subkeys_t sub;
    elo_err_t rc = derive(ck->key, &sub);

    elo_buf_put_str(out, ELO_ENVELOPE_MAGIC);
    elo_buf_put_u8(out, ELO_ENVELOPE_VERSION);
    elo_buf_put_u8(out, (uint8_t) ck->cipher);
    elo_buf_put_be16(out, (uint16_t) (rs->n + (rs->epoch != 0)));
    if (rc == ELO_OK && (rc = elo_buf_err(out)) == ELO_OK) {
        rc = put_inner(out, at, ck, &sub);
    }
    if (rc == ELO_OK) {
        rc = put_wraps(out, r, rs, ck->key);
    }
    if (rc == ELO_OK && (rc = elo_buf_err(out)) == ELO_OK) {
        authed = elo_slice(out->p + at, out->len - at);
        rc = elo_hmac(sub.mac, &authed, 1, &mac);
    }
    if (rc == ELO_OK) {
        elo_buf_put(out, mac.b, sizeof(mac.b));
        rc = elo_buf_err(out);
    }
    if (rc != ELO_OK) {
        out->len = at;
    }
    elo_wipe(&sub, sizeof(sub));
    return rc;
}


elo_err_t
elo_envelope_seal(elo_keyring_t *k, const elo_content_key_t *ck,
                  elo_reach_t reach, const elo_agent_t *owner,
                  const elo_agent_t *invited, uint32_t n, elo_buf_t *out)
{
    elo_ring_t *r = elo_keyring_hold(k);
    readers_t rs = { 0 };
    elo_err_t rc = readers_of(r, reach, owner, invited, n, &rs);

    if (rc == ELO_OK && !elo_envelope_cipher_ok(ck->cipher)) {
        rc = ELO_EUNSUPPORTED;
    }
    if (rc == ELO_OK) {
        rc = put_envelope(out, r, &rs, ck);
    }
    free(rs.agents);
    elo_keyring_drop(k, r);
    return rc;
}


/* ---- open ---- */

/* The MAC, and what stands inside. (E5) */
static elo_err_t
check_and_read(const elo_envelope_t *e, elo_content_key_t *ck)
{
    uint8_t inner[ELO_ENVELOPE_INNER_LEN];
    elo_digest_t mac;
    subkeys_t sub;
    elo_err_t rc = derive(ck->key, &sub);

    if (rc == ELO_OK) {
        rc = elo_hmac(sub.mac, &e->authed, 1, &mac);
    }
    if (rc == ELO_OK && !elo_secret_eq(mac.b, e->mac, ELO_ENVELOPE_MAC_LEN)) {
        rc = ELO_ECORRUPT;
    }
    if (rc == ELO_OK) {
        rc = elo_sbox_open(sub.seal, e->header, e->sealed, inner);
    }
    if (rc == ELO_OK) {
        const uint8_t *p = inner + sizeof(ck->plain.b);

        memcpy(ck->plain.b, inner, sizeof(ck->plain.b));
        if (elo_rd_be64(p, inner + sizeof(inner), &ck->size) == NULL) {
            rc = ELO_ECORRUPT;
        }
        ck->cipher = e->cipher;
    }
    elo_wipe(&sub, sizeof(sub));
    elo_wipe(inner, sizeof(inner));
    return rc;
}


/* Keys of that epoch may be several, after an import. */
static elo_err_t
unwrap_cluster(const elo_ring_t *r, const elo_envelope_t *e, uint8_t *key)
{
    elo_err_t rc = ELO_ENOKEY;

    for (uint32_t i = r->n_keys; i-- > 0 && rc != ELO_OK;) {
        if (r->keys[i].epoch == e->epoch) {
            rc = elo_sbox_open(
                r->keys[i].key,
                elo_slice(e->cluster.p - CLUSTER_AAD, CLUSTER_AAD), e->cluster,
                key);
        }
    }
    return rc;
}


static int
by_recipient(const void *agent, const void *wrap)
{
    return memcmp(agent, (const uint8_t *) wrap + 1, sizeof(elo_agent_t));
}


static elo_err_t
unwrap_agents(const elo_ring_t *r, const elo_envelope_t *e, uint8_t *key)
{
    elo_err_t rc = ELO_ENOKEY;

    for (uint32_t i = 0; i < r->n_agents && rc != ELO_OK; i++) {
        const uint8_t *w = bsearch(&r->agents[i].agent, e->agents, e->n_agents,
                                   ELO_ENVELOPE_AGENT_LEN, by_recipient);

        if (w != NULL) {
            rc = elo_x25519_open(
                &r->agents[i].box,
                elo_slice(w + ELO_ENVELOPE_AGENT_HEAD,
                          ELO_ENVELOPE_AGENT_LEN - ELO_ENVELOPE_AGENT_HEAD),
                key);
        }
    }
    return rc;
}


elo_err_t
elo_envelope_open(elo_keyring_t *k, elo_slice_t envelope,
                  elo_content_key_t *out)
{
    elo_content_key_t ck;
    elo_envelope_t e;
    elo_err_t rc = elo_envelope_parse(envelope, &e), by_agent;
    elo_ring_t *r;

    if (rc != ELO_OK) {
        return rc;
    }
    r = elo_keyring_hold(k);
    rc = e.has_cluster ? unwrap_cluster(r, &e, ck.key) : ELO_ENOKEY;
    if (rc != ELO_OK) {
        /* a wrap that is for us and doesn't open is damage, not a lost key; a
           cluster key that is another household's says nothing */
        by_agent = unwrap_agents(r, &e, ck.key);
        rc = by_agent;
    }
    elo_keyring_drop(k, r);
    if (rc == ELO_OK) {
        rc = check_and_read(&e, &ck);
    }
    if (rc == ELO_OK) {
        *out = ck;
    }
    elo_wipe(&ck, sizeof(ck));
    return rc;
}


bool
elo_envelope_is_current(elo_keyring_t *k, elo_slice_t envelope,
                        elo_reach_t reach, const elo_agent_t *owner,
                        const elo_agent_t *invited, uint32_t n)
{
    readers_t rs = { 0 };
    elo_envelope_t e;
    elo_ring_t *r;
    bool is_same;

    if (elo_envelope_parse(envelope, &e) != ELO_OK) {
        return false;
    }
    r = elo_keyring_hold(k);
    is_same = readers_of(r, reach, owner, invited, n, &rs) == ELO_OK
              && rs.epoch == (e.has_cluster ? e.epoch : 0)
              && rs.n == e.n_agents;
    for (uint32_t i = 0; is_same && i < rs.n; i++) {
        elo_slice_t sealed;
        elo_agent_t a = elo_envelope_agent(&e, i, &sealed);

        is_same = elo_agent_eq(&a, &rs.agents[i]);
    }
    free(rs.agents);
    elo_keyring_drop(k, r);
    return is_same;
}
