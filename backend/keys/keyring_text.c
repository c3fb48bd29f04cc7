/* SPDX-License-Identifier: BSD-2-Clause */
/* keyring_text: the bytes of a keyring: body, file and armour. Pure but for
   randomness. Format: docs/formats/keyring.md, whose invariants (K1)… are cited
   here. */
#include "backend/keys/ring.h"

#include "common/base/crypto.h"
#include "common/base/enc.h"
#include "common/base/num.h"
#include "common/base/rd.h"

#define MAGIC      "ELKR"
#define VERSION    1
#define HEADER_LEN 44u
#define LINE_LEN   64u

#define BEGIN_LINE "-----BEGIN ELOHIM KEY-----"
#define END_LINE   "-----END ELOHIM KEY-----"

/* Kinds of items in the body. */
enum { ITEM_NODE = 1, ITEM_CLUSTER = 2, ITEM_AGENT = 3 };

#define NODE_LEN    32u
#define CLUSTER_LEN (4u + 8 + 32)
#define AGENT_LEN   (8u + 32) /* and the label */


/* ---- body ---- */

static void
put_item(elo_buf_t *b, uint8_t kind, size_t len)
{
    elo_buf_put_u8(b, kind);
    elo_buf_put_be16(b, (uint16_t) len);
}


static void
put_agent(elo_buf_t *b, const elo_ring_agent_t *a)
{
    put_item(b, ITEM_AGENT, AGENT_LEN + a->label_len);
    elo_buf_put_be64(b, (uint64_t) a->created_at);
    elo_buf_put(b, a->seed, sizeof(a->seed));
    elo_buf_put(b, a->label, a->label_len);
}


void
elo_ring_body_put(elo_buf_t *b, const elo_ring_t *r, const elo_agent_t *only)
{
    if (only == NULL && r->has_node) {
        put_item(b, ITEM_NODE, NODE_LEN);
        elo_buf_put(b, r->node, sizeof(r->node));
    }
    for (uint32_t i = 0; only == NULL && i < r->n_keys; i++) {
        put_item(b, ITEM_CLUSTER, CLUSTER_LEN);
        elo_buf_put_be32(b, r->keys[i].epoch);
        elo_buf_put_be64(b, (uint64_t) r->keys[i].created_at);
        elo_buf_put(b, r->keys[i].key, sizeof(r->keys[i].key));
    }
    for (uint32_t i = 0; i < r->n_agents; i++) {
        if (only == NULL || elo_agent_eq(&r->agents[i].agent, only)) {
            put_agent(b, &r->agents[i]);
        }
    }
}


static const uint8_t *
next_item(const uint8_t *p, const uint8_t *end, uint8_t *kind,
          elo_slice_t *value)
{
    p = elo_rd_u8(p, end, kind);
    return elo_rd_str16(p, end, value);
}


/* (K4): how many of each kind; their order, and the form of each. */
static elo_err_t
count_items(elo_slice_t body, uint32_t n[ITEM_AGENT + 1])
{
    const uint8_t *p = body.p, *end = body.p + body.len;
    uint8_t last = ITEM_NODE;

    while (p < end) {
        elo_slice_t v;
        uint8_t kind;

        p = next_item(p, end, &kind, &v);
        if (p == NULL || kind < last || kind > ITEM_AGENT
            || (kind == ITEM_NODE && v.len != NODE_LEN)
            || (kind == ITEM_CLUSTER && v.len != CLUSTER_LEN)
            || (kind == ITEM_AGENT
                && (v.len < AGENT_LEN
                    || v.len > AGENT_LEN + ELO_RING_LABEL_MAX)))
        {
            return ELO_ECORRUPT;
        }
        n[kind]++;
        last = kind;
    }
    return n[ITEM_NODE] > 1 || n[ITEM_CLUSTER] > ELO_RING_KEYS_MAX
                   || n[ITEM_AGENT] > ELO_RING_AGENTS_MAX
               ? ELO_ECORRUPT
               : ELO_OK;
}


/* (K5): epochs don't fall. */
static elo_err_t
get_key(elo_ring_t *r, elo_slice_t v)
{
    elo_ring_key_t *k = &r->keys[r->n_keys];
    const uint8_t *p = v.p, *end = v.p + v.len;
    uint64_t at = 0;

    p = elo_rd_be32(p, end, &k->epoch);
    p = elo_rd_be64(p, end, &at);
    if (p == NULL || k->epoch == 0 || (r->n_keys > 0 && k[-1].epoch > k->epoch))
    {
        return ELO_ECORRUPT;
    }
    k->created_at = (int64_t) at;
    memcpy(k->key, p, sizeof(k->key));
    r->n_keys++;
    return ELO_OK;
}


/* (K6): agents differ, labels are text. */
static elo_err_t
get_agent(elo_ring_t *r, elo_slice_t v)
{
    elo_ring_agent_t *a = &r->agents[r->n_agents];
    const uint8_t *p = v.p, *end = v.p + v.len;
    elo_slice_t label = elo_slice(v.p + AGENT_LEN, v.len - AGENT_LEN);
    uint64_t at = 0;

    p = elo_rd_be64(p, end, &at);
    if (p == NULL || !elo_ring_label_ok(label)) {
        return ELO_ECORRUPT;
    }
    a->created_at = (int64_t) at;
    if (label.len > 0) {
        memcpy(a->label, label.p, label.len);
    }
    a->label_len = (uint8_t) label.len;
    elo_ring_set_seed(a, p);
    if (elo_ring_find(r, &a->agent) != NULL) {
        return ELO_ECORRUPT;
    }
    r->n_agents++;
    return ELO_OK;
}


elo_err_t
elo_ring_body_get(elo_slice_t body, elo_ring_t **out)
{
    const uint8_t *p = body.p, *end = body.p + body.len;
    uint32_t n[ITEM_AGENT + 1] = { 0 };
    elo_err_t rc = count_items(body, n);
    elo_ring_t *r;

    if (rc != ELO_OK) {
        return rc;
    }
    r = elo_ring_alloc(n[ITEM_CLUSTER], n[ITEM_AGENT]);
    if (r == NULL) {
        return ELO_ENOMEM;
    }
    while (p < end && rc == ELO_OK) {
        elo_slice_t v = elo_slice(NULL, 0);
        uint8_t kind = 0;

        p = next_item(p, end, &kind, &v);
        if (p == NULL) {
            rc = ELO_ECORRUPT; /* can't be: they have been counted */
        } else if (kind == ITEM_NODE) {
            memcpy(r->node, v.p, sizeof(r->node));
            r->has_node = true;
        } else {
            rc = kind == ITEM_CLUSTER ? get_key(r, v) : get_agent(r, v);
        }
    }
    if (rc != ELO_OK) {
        elo_ring_free(&r);
        return rc;
    }
    *out = r;
    return ELO_OK;
}


/* ---- file ---- */

/* (K2): the lock is none, or Argon2id within bounds. */
static elo_err_t
get_lock(elo_slice_t header, elo_ring_lock_t *lock)
{
    static const uint8_t zero[8 + 8 + ELO_SALT_LEN];
    const uint8_t *p = header.p + 8, *end = header.p + header.len;

    *lock = (elo_ring_lock_t){ .is_protected = header.p[5] == 1 };
    if (header.p[5] > 1 || header.p[6] != 0 || header.p[7] != 0) {
        return ELO_ECORRUPT;
    }
    if (!lock->is_protected) {
        return memcmp(p, zero, sizeof(zero)) == 0 ? ELO_OK : ELO_ECORRUPT;
    }
    p = elo_rd_be64(p, end, &lock->ops);
    p = elo_rd_be64(p, end, &lock->mem);
    if (p == NULL || lock->ops < ELO_KDF_OPS_MIN || lock->ops > ELO_KDF_OPS_MAX
        || lock->mem < ELO_KDF_MEM_MIN || lock->mem > ELO_KDF_MEM_MAX)
    {
        return ELO_ECORRUPT;
    }
    memcpy(lock->salt, p, sizeof(lock->salt));
    return ELO_OK;
}


elo_err_t
elo_ring_file_get(elo_slice_t file, elo_ring_file_t *out)
{
    elo_ring_file_t f;
    elo_digest_t sum;
    uint32_t len = 0;
    size_t overhead;
    elo_err_t rc;

    if (file.len < HEADER_LEN + sizeof(sum) || file.len > ELO_RING_FILE_MAX
        || memcmp(file.p, MAGIC, 4) != 0)
    {
        return ELO_ECORRUPT;
    }
    if (file.p[4] != VERSION) {
        return ELO_EUNSUPPORTED;
    }
    f.header = elo_slice(file.p, HEADER_LEN);
    f.sealed =
        elo_slice(file.p + HEADER_LEN, file.len - HEADER_LEN - sizeof(sum));
    memcpy(f.checksum.b, file.p + file.len - sizeof(sum), sizeof(sum));
    rc = elo_sha256(elo_slice(file.p, file.len - sizeof(sum)), &sum);
    if (rc != ELO_OK) {
        return rc;
    }
    if (memcmp(sum.b, f.checksum.b, sizeof(sum)) != 0) {
        return ELO_ECORRUPT; /* (K1) */
    }
    if ((rc = get_lock(f.header, &f.lock)) != ELO_OK) {
        return rc;
    }
    overhead = f.lock.is_protected ? ELO_SBOX_OVERHEAD : 0;
    if (elo_rd_be32(file.p + HEADER_LEN - 4, file.p + HEADER_LEN, &len) == NULL
        || f.sealed.len < overhead || f.sealed.len - overhead != len)
    {
        return ELO_ECORRUPT; /* (K3) */
    }
    *out = f;
    return ELO_OK;
}


elo_err_t
elo_ring_lock_key(elo_ring_lock_t *lock, elo_slice_t passphrase)
{
    if (lock->is_protected != (passphrase.len > 0)) {
        return ELO_ENOKEY;
    }
    if (!lock->is_protected) {
        return ELO_OK;
    }
    return elo_kdf(passphrase, lock->salt, lock->ops, lock->mem, lock->key);
}


elo_err_t
elo_ring_lock_make(elo_ring_lock_t *lock, elo_slice_t passphrase, uint64_t ops,
                   uint64_t mem)
{
    *lock = (elo_ring_lock_t){ 0 };
    if (passphrase.len == 0) {
        return ELO_OK;
    }
    lock->is_protected = true;
    lock->ops = ops != 0 ? ops : ELO_KDF_OPS_MODERATE;
    lock->mem = mem != 0 ? mem : ELO_KDF_MEM_MODERATE;
    elo_keys_random(lock->salt, sizeof(lock->salt));
    return elo_ring_lock_key(lock, passphrase);
}


elo_err_t
elo_ring_file_open(const elo_ring_file_t *f, elo_ring_t **out)
{
    size_t len = f->sealed.len;
    uint8_t *body;
    elo_err_t rc;

    if (!f->lock.is_protected) {
        rc = elo_ring_body_get(f->sealed, out);
    } else {
        len -= ELO_SBOX_OVERHEAD;
        body = elo_secret_alloc(len + 1);
        if (body == NULL) {
            return ELO_ENOMEM;
        }
        rc = elo_sbox_open(f->lock.key, f->header, f->sealed, body);
        rc = rc != ELO_OK ? ELO_ENOKEY
                          : elo_ring_body_get(elo_slice(body, len), out);
        elo_secret_free(body);
    }
    if (rc == ELO_OK) {
        (*out)->lock = f->lock;
    }
    return rc;
}


static void
put_header(elo_buf_t *b, const elo_ring_lock_t *lock)
{
    elo_buf_put_str(b, MAGIC);
    elo_buf_put_u8(b, VERSION);
    elo_buf_put_u8(b, lock->is_protected ? 1 : 0);
    elo_buf_put_be16(b, 0);
    elo_buf_put_be64(b, lock->ops);
    elo_buf_put_be64(b, lock->mem);
    elo_buf_put(b, lock->salt, sizeof(lock->salt));
    elo_buf_put_be32(b, 0); /* length of the body, patched */
}


/* Seals what stands behind the header, in place. */
static elo_err_t
seal_body(elo_buf_t *b, const elo_ring_lock_t *lock, size_t len)
{
    uint8_t *clear = elo_secret_alloc(len + 1);
    elo_err_t rc;

    if (clear == NULL) {
        return ELO_ENOMEM;
    }
    memcpy(clear, b->p + HEADER_LEN, len);
    if (elo_buf_extend(b, ELO_SBOX_OVERHEAD) == NULL) {
        rc = elo_buf_err(b);
    } else {
        rc = elo_sbox_seal(lock->key, elo_slice(b->p, HEADER_LEN),
                           elo_slice(clear, len), b->p + HEADER_LEN);
    }
    elo_secret_free(clear);
    return rc;
}


elo_err_t
elo_ring_file_put(elo_buf_t *b, const elo_ring_t *r,
                  const elo_ring_lock_t *lock, const elo_agent_t *only)
{
    elo_digest_t sum;
    elo_err_t rc;
    size_t len;

    put_header(b, lock);
    elo_ring_body_put(b, r, only);
    if ((rc = elo_buf_err(b)) != ELO_OK) {
        return rc;
    }
    len = b->len - HEADER_LEN;
    elo_buf_patch_be32(b, HEADER_LEN - 4, (uint32_t) len);
    if (lock->is_protected && (rc = seal_body(b, lock, len)) != ELO_OK) {
        return rc;
    }
    if ((rc = elo_sha256(elo_buf_slice(b), &sum)) != ELO_OK) {
        return rc;
    }
    elo_buf_put(b, sum.b, sizeof(sum.b));
    return elo_buf_err(b);
}


/* ---- armour ---- */

/* A line holds 40 bytes: 64 characters of base32 without padding. */
#define LINE_BYTES (LINE_LEN * 5 / 8)


void
elo_ring_armour(elo_buf_t *text, elo_slice_t file)
{
    elo_buf_put_str(text, BEGIN_LINE "\n");
    while (file.len > 0) {
        size_t n = ELO_MIN(file.len, LINE_BYTES);
        char line[LINE_LEN + 1];

        elo_base32_encode(file.p, n, line);
        elo_buf_printf(text, "%s\n", line);
        file = elo_slice(file.p + n, file.len - n);
    }
    elo_buf_put_str(text, END_LINE "\n");
}


/* The next line without blanks at its ends; false when there is none. */
static bool
next_line(elo_slice_t *text, elo_slice_t *line)
{
    const uint8_t *nl;

    if (text->len == 0) {
        return false;
    }
    nl = memchr(text->p, '\n', text->len);
    *line =
        elo_slice(text->p, nl == NULL ? text->len : (size_t) (nl - text->p));
    *text = elo_slice(text->p + line->len, text->len - line->len);
    if (nl != NULL) {
        *text = elo_slice(text->p + 1, text->len - 1);
    }
    if (line->len > 0 && line->p[line->len - 1] == '\r') {
        line->len--;
    }
    *line = elo_slice_trim(*line);
    return true;
}


elo_err_t
elo_ring_unarmour(elo_slice_t text, elo_buf_t *file)
{
    uint8_t bytes[LINE_BYTES];
    elo_slice_t line;
    bool is_short = false; /* a line after which only the end may come */
    size_t n;

    do {
        if (!next_line(&text, &line)) {
            return ELO_EINVAL;
        }
    } while (!elo_slice_eq(line, ELO_SLICE(BEGIN_LINE)));
    while (next_line(&text, &line)) {
        if (elo_slice_eq(line, ELO_SLICE(END_LINE))) {
            return elo_buf_err(file);
        }
        if (is_short || line.len == 0
            || elo_base32_decode(line, bytes, sizeof(bytes), &n) != ELO_OK)
        {
            return ELO_EINVAL;
        }
        is_short = n < LINE_BYTES;
        elo_buf_put(file, bytes, n);
    }
    return ELO_EINVAL;
}
