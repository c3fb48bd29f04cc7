/* SPDX-License-Identifier: BSD-2-Clause */
/* seal: ciphertext objects (docs/formats/keyring.md): writing one as its plaintext
   comes in, and reading chunks of one. Plaintext that waits for its chunk to be
   complete is in memory that no core dump shows. One thread at a time. */
#ifndef ELO_STORE_SEAL_H
#define ELO_STORE_SEAL_H

#include "backend/keys/keyring.h"
#include "common/base/hash_tree.h"

#define ELO_SEAL_CHUNK ELO_TREE_CHUNK

typedef struct {
    elo_aead_t *aead;
    uint8_t *plain; /* secret; ELO_SEAL_CHUNK bytes */
    size_t n;       /* of these in use */
    uint64_t chunk; /* its index */
    uint8_t *cipher;
    elo_buf_t tags;
} elo_sealer_t;

/* Of key only cipher and key count. */
elo_err_t elo_sealer_init(elo_sealer_t *sl,
                          const elo_content_key_t *key) ELO_MUST_USE;
void elo_sealer_dispose(elo_sealer_t *sl); /* fine on zeros */

/* Takes from the front of *in. A chunk that is complete, and not the last, comes
   out: *out is its ciphertext, borrowed until the next call, and empty while there
   is none. Call until *in is empty. */
elo_err_t elo_sealer_next(elo_sealer_t *sl, elo_slice_t *in,
                          elo_slice_t *out) ELO_MUST_USE;

/* The last chunk, and the tags of all. Borrowed until the next call. */
elo_err_t elo_sealer_final(elo_sealer_t *sl, elo_slice_t *out,
                           elo_slice_t *tags) ELO_MUST_USE;

/* A complete chunk that an earlier sealer with this key wrote: its plaintext to
   *plain, borrowed until the next call, and its tag kept. */
elo_err_t elo_sealer_again(elo_sealer_t *sl,
                           const uint8_t cipher[ELO_SEAL_CHUNK],
                           elo_slice_t *plain) ELO_MUST_USE;

/* A whole small object: bytes, at most a chunk, to out (bytes.len and
   ELO_AEAD_TAG_LEN). */
elo_err_t elo_seal_small(const elo_content_key_t *key, elo_slice_t bytes,
                         uint8_t *out) ELO_MUST_USE;

/* Chunk i of an object: len bytes at p become plaintext. ELO_ECORRUPT. */
elo_err_t elo_unseal_chunk(elo_aead_t *aead, uint64_t i, bool is_last,
                           uint8_t *p, size_t len,
                           const uint8_t tag[ELO_AEAD_TAG_LEN]) ELO_MUST_USE;

/* A fresh key, of the faster cipher. */
void elo_content_key_fresh(elo_content_key_t *out);

#endif
