/* SPDX-License-Identifier: BSD-2-Clause */
/* hash_tree: the Merkle tree of a blob: SHA-256 over leaves of 16 KiB as in
   BitTorrent v2 (BEP 52), with the layer of 1 MiB chunks kept, so that any chunk
   can be checked alone. The last leaf is hashed as short as it is; missing leaves,
   up to a power of two, are zero hashes. A blob of at most one chunk has no layer,
   an empty one no root; of at most one leaf the root is the blob's own SHA-256.
   Sixteen leaves at a time go through the CPU's vector unit where it has one that
   is faster than OpenSSL's single stream (sha256_many.h). */
#ifndef ELO_BASE_HASH_TREE_H
#define ELO_BASE_HASH_TREE_H

#include "common/base/buf.h"
#include "common/base/cid.h"

#define ELO_TREE_LEAF  (16u << 10)
#define ELO_TREE_CHUNK (1u << 20)

typedef struct elo_tree_s elo_tree_t;

/* One running tree; one thread at a time. Memory: 256 KiB, and 32 bytes a MiB. */
elo_err_t elo_tree_create(elo_tree_t **out) ELO_MUST_USE;
void elo_tree_free(elo_tree_t **t);
elo_err_t elo_tree_reset(elo_tree_t *t) ELO_MUST_USE;
elo_err_t elo_tree_update(elo_tree_t *t, elo_slice_t s) ELO_MUST_USE;

/* *root, and the layer (32 bytes a chunk; nothing for up to one chunk) appended to
   layer (may be NULL). *has_root is false for an empty blob. */
elo_err_t elo_tree_final(elo_tree_t *t, elo_digest_t *root, bool *has_root,
                         elo_buf_t *layer) ELO_MUST_USE;

/* The node of one chunk of a larger blob, and the root above a layer. */
elo_err_t elo_tree_chunk(elo_slice_t chunk, elo_digest_t *out) ELO_MUST_USE;
elo_err_t elo_tree_root(elo_slice_t layer, elo_digest_t *out) ELO_MUST_USE;

/* Number of chunks of a blob. */
uint64_t elo_tree_chunks(uint64_t size);

#endif
