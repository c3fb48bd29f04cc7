/* SPDX-License-Identifier: BSD-2-Clause */
/* hash_tree: see the header. Spec: BEP 52, "pieces root" and "piece layers".

   Leaves are hashed in batches of 16, straight from the caller's bytes where a
   whole batch stands there, else from a buffer; 64 leaf hashes, a chunk's, are
   reduced to its node as soon as they are complete. */
#include "common/base/hash_tree.h"

#include <stdlib.h>

#include "common/base/crypto.h"
#include "common/base/num.h"
#include "common/base/sha256_many.h"

#define CHUNK_LEAVES (ELO_TREE_CHUNK / ELO_TREE_LEAF)
#define BATCH_LEAVES 16u
#define BATCH        ((size_t) BATCH_LEAVES * ELO_TREE_LEAF)
#define PAIR         ((size_t) 2 * ELO_SHA256_LEN)
#define HEIGHT_MAX   64u
#define LAYER_MAX    (1u << 30) /* of a blob of 32 TiB */

_Static_assert(CHUNK_LEAVES % BATCH_LEAVES == 0, "batches don't cross chunks");

struct elo_tree_s {
    uint8_t *buf; /* BATCH bytes */
    size_t buffered;
    uint64_t size; /* bytes hashed, without those buffered */
    uint32_t n_leaves;
    elo_digest_t leaves[CHUNK_LEAVES]; /* of the chunk under way */
    elo_buf_t layer;                   /* nodes of whole chunks */
};


/* Hashes of n pairs: out[i] = H(in[2i] ‖ in[2i + 1]); out may be in. */
static elo_err_t
pairs(const elo_digest_t *in, size_t n, elo_digest_t *out)
{
    elo_slice_t s[BATCH_LEAVES];
    elo_err_t rc = ELO_OK;

    for (size_t done = 0; done < n && rc == ELO_OK; done += BATCH_LEAVES) {
        uint32_t k = (uint32_t) ELO_MIN(n - done, BATCH_LEAVES);

        for (uint32_t i = 0; i < k; i++) {
            s[i] = elo_slice(in[2 * (done + i)].b, PAIR);
        }
        rc = elo_sha256_many(s, k, out + done);
    }
    return rc;
}


/* The leaves of at most a batch of bytes, the last as short as it is; *n more of
   them at out. */
static elo_err_t
leaves(elo_slice_t bytes, elo_digest_t *out, uint32_t *n)
{
    elo_slice_t s[BATCH_LEAVES];
    uint32_t k = 0;

    for (; bytes.len > 0; k++) {
        size_t len = ELO_MIN(bytes.len, (size_t) ELO_TREE_LEAF);

        s[k] = elo_slice(bytes.p, len);
        bytes = elo_slice(bytes.p + len, bytes.len - len);
    }
    *n += k;
    return elo_sha256_many(s, k, out);
}


/* The root above n nodes, a power of two, which it overwrites. */
static elo_err_t
reduce(elo_digest_t *nodes, size_t n, elo_digest_t *out)
{
    elo_err_t rc = ELO_OK;

    for (; n > 1 && rc == ELO_OK; n /= 2) {
        rc = pairs(nodes, n / 2, nodes);
    }
    if (rc == ELO_OK) {
        *out = nodes[0];
    }
    return rc;
}


/* The smallest power of two that is at least n, n > 0. */
static size_t
round_up(size_t n)
{
    size_t p = 1;

    while (p < n) {
        p *= 2;
    }
    return p;
}


/* Closes the chunk under way, whose missing leaves are zero hashes. */
static elo_err_t
close_chunk(elo_tree_t *t)
{
    elo_digest_t node;
    elo_err_t rc;

    memset(t->leaves + t->n_leaves, 0,
           (CHUNK_LEAVES - t->n_leaves) * sizeof(t->leaves[0]));
    rc = reduce(t->leaves, CHUNK_LEAVES, &node);
    if (rc != ELO_OK) {
        return rc;
    }
    t->n_leaves = 0;
    elo_buf_put(&t->layer, node.b, sizeof(node.b));
    return elo_buf_err(&t->layer);
}


/* A full chunk is closed only when more bytes come: a blob of just one chunk has
   no layer. bytes: a whole batch, or the last one. */
static elo_err_t
take_batch(elo_tree_t *t, elo_slice_t bytes)
{
    if (t->n_leaves == CHUNK_LEAVES) {
        elo_err_t rc = close_chunk(t);

        if (rc != ELO_OK) {
            return rc;
        }
    }
    t->size += bytes.len;
    return leaves(bytes, t->leaves + t->n_leaves, &t->n_leaves);
}


elo_err_t
elo_tree_create(elo_tree_t **out)
{
    elo_tree_t *t = calloc(1, sizeof(*t));

    if (t == NULL) {
        return ELO_ENOMEM;
    }
    t->buf = malloc(BATCH);
    if (t->buf == NULL) {
        free(t);
        return ELO_ENOMEM;
    }
    elo_buf_init(&t->layer, LAYER_MAX);
    *out = t;
    return ELO_OK;
}


void
elo_tree_free(elo_tree_t **t)
{
    if (*t == NULL) {
        return;
    }
    /* what was hashed may have been plaintext of a narrow blob */
    explicit_bzero((*t)->buf, BATCH);
    free((*t)->buf);
    elo_buf_dispose(&(*t)->layer);
    free(*t);
    *t = NULL;
}


elo_err_t
elo_tree_reset(elo_tree_t *t)
{
    t->buffered = 0;
    t->size = 0;
    t->n_leaves = 0;
    elo_buf_clear(&t->layer);
    return ELO_OK;
}


elo_err_t
elo_tree_update(elo_tree_t *t, elo_slice_t s)
{
    elo_err_t rc;

    while (s.len > 0) {
        size_t n;

        if (t->buffered == 0 && s.len >= BATCH) {
            if ((rc = take_batch(t, elo_slice(s.p, BATCH))) != ELO_OK) {
                return rc;
            }
            s = elo_slice(s.p + BATCH, s.len - BATCH);
            continue;
        }
        n = ELO_MIN(s.len, BATCH - t->buffered);
        memcpy(t->buf + t->buffered, s.p, n);
        t->buffered += n;
        s = elo_slice(s.p + n, s.len - n);
        if (t->buffered == BATCH) {
            if ((rc = take_batch(t, elo_slice(t->buf, BATCH))) != ELO_OK) {
                return rc;
            }
            t->buffered = 0;
        }
    }
    return ELO_OK;
}


elo_err_t
elo_tree_final(elo_tree_t *t, elo_digest_t *root, bool *has_root,
               elo_buf_t *layer)
{
    elo_err_t rc = ELO_OK;
    size_t n;

    if (t->buffered > 0) {
        rc = take_batch(t, elo_slice(t->buf, t->buffered));
        t->buffered = 0;
    }
    if (rc != ELO_OK) {
        return rc;
    }
    if (t->size == 0) {
        *has_root = false;
        return ELO_OK;
    }
    if (t->layer.len == 0) {
        n = round_up(t->n_leaves);
        memset(t->leaves + t->n_leaves, 0,
               (n - t->n_leaves) * sizeof(t->leaves[0]));
        rc = reduce(t->leaves, n, root);
    } else if ((rc = close_chunk(t)) == ELO_OK) {
        rc = elo_tree_root(elo_buf_slice(&t->layer), root);
        if (rc == ELO_OK && layer != NULL) {
            elo_buf_put_slice(layer, elo_buf_slice(&t->layer));
            rc = elo_buf_err(layer);
        }
    }
    if (rc == ELO_OK) {
        *has_root = true;
    }
    return rc;
}


elo_err_t
elo_tree_chunk(elo_slice_t chunk, elo_digest_t *out)
{
    elo_digest_t nodes[CHUNK_LEAVES] = { 0 };
    elo_err_t rc = ELO_OK;
    uint32_t n = 0;

    if (chunk.len == 0 || chunk.len > ELO_TREE_CHUNK) {
        return ELO_EINVAL;
    }
    while (chunk.len > 0 && rc == ELO_OK) {
        size_t len = ELO_MIN(chunk.len, BATCH);

        rc = leaves(elo_slice(chunk.p, len), nodes + n, &n);
        chunk = elo_slice(chunk.p + len, chunk.len - len);
    }
    return rc != ELO_OK ? rc : reduce(nodes, CHUNK_LEAVES, out);
}


/* Pairs of nodes are joined as in adding one to a binary number: stack[h] is the
   node of height h that waits for its right neighbour. */
typedef struct {
    elo_digest_t stack[HEIGHT_MAX];
    uint64_t have; /* bit h: stack[h] waits */
} carry_t;


static elo_err_t
join(const elo_digest_t *left, const elo_digest_t *right, elo_digest_t *out)
{
    elo_digest_t both[2] = { *left, *right };

    return elo_sha256(elo_slice(both, sizeof(both)), out);
}


static elo_err_t
add_node(carry_t *c, elo_digest_t node)
{
    unsigned h = 0;
    elo_err_t rc;

    for (; (c->have >> h & 1) != 0; h++) {
        rc = join(&c->stack[h], &node, &node);
        if (rc != ELO_OK) {
            return rc;
        }
        c->have &= ~((uint64_t) 1 << h);
    }
    c->stack[h] = node;
    c->have |= (uint64_t) 1 << h;
    return ELO_OK;
}


/* Pads with zero subtrees up to one node, at height top. */
static elo_err_t
pad(const carry_t *c, elo_digest_t zero, unsigned top, elo_digest_t *out)
{
    elo_digest_t node = zero;
    bool is_zero = true; /* node stands for padding only */
    elo_err_t rc = ELO_OK;

    for (unsigned h = 0; h < top && rc == ELO_OK; h++) {
        if ((c->have >> h & 1) != 0) {
            rc = join(&c->stack[h], &node, &node);
            is_zero = false;
        } else {
            rc = join(&node, &zero, &node);
        }
        if (rc == ELO_OK) {
            rc = join(&zero, &zero, &zero);
        }
    }
    if (rc == ELO_OK) {
        *out = is_zero ? c->stack[top] : node;
    }
    return rc;
}


elo_err_t
elo_tree_root(elo_slice_t layer, elo_digest_t *out)
{
    elo_digest_t zero = { 0 }, node;
    carry_t c = { .have = 0 };
    size_t n = layer.len / ELO_SHA256_LEN;
    unsigned top = 0;
    elo_err_t rc = ELO_OK;

    if (layer.len % ELO_SHA256_LEN != 0 || n < 2) {
        return ELO_EINVAL;
    }
    for (unsigned h = 1; h < CHUNK_LEAVES && rc == ELO_OK; h *= 2) {
        rc = join(&zero, &zero, &zero); /* a chunk of zero leaves */
    }
    for (size_t i = 0; i < n && rc == ELO_OK; i++) {
        memcpy(node.b, layer.p + i * ELO_SHA256_LEN, ELO_SHA256_LEN);
        rc = add_node(&c, node);
    }
    while (((size_t) 1 << top) < n) {
        top++;
    }
    return rc != ELO_OK ? rc : pad(&c, zero, top, out);
}


uint64_t
elo_tree_chunks(uint64_t size)
{
    return size / ELO_TREE_CHUNK + (size % ELO_TREE_CHUNK != 0);
}
