/* SPDX-License-Identifier: BSD-2-Clause */
/* aead: authenticated encryption of chunks, over OpenSSL: AES-256-GCM where the CPU has
   AES instructions, else ChaCha20-Poly1305 (docs/decisions/). A door to OpenSSL
   like crypto.c. */
#ifndef ELO_BASE_AEAD_H
#define ELO_BASE_AEAD_H

#include "common/base/err.h"
#include "common/base/slice.h"

#define ELO_AEAD_KEY_LEN   32u
#define ELO_AEAD_NONCE_LEN 12u
#define ELO_AEAD_TAG_LEN   16u

/* The numbers are format. */
typedef enum {
    ELO_CIPHER_AES256_GCM = 1,
    ELO_CIPHER_CHACHA20_POLY1305 = 2
} elo_cipher_t;

/* The faster one on this machine. */
elo_cipher_t elo_cipher_best(void);

typedef struct elo_aead_s elo_aead_t;

/* The key is copied, and wiped by free. ELO_EUNSUPPORTED: unknown cipher. */
elo_err_t elo_aead_create(elo_cipher_t cipher,
                          const uint8_t key[ELO_AEAD_KEY_LEN],
                          elo_aead_t **out) ELO_MUST_USE;
void elo_aead_free(elo_aead_t **a);

/* out has in.len bytes and may be in.p. */
elo_err_t elo_aead_seal(elo_aead_t *a, const uint8_t nonce[ELO_AEAD_NONCE_LEN],
                        elo_slice_t aad, elo_slice_t in, uint8_t *out,
                        uint8_t tag[ELO_AEAD_TAG_LEN]) ELO_MUST_USE;

/* ELO_ECORRUPT, and out zeroed, when the tag is wrong. */
elo_err_t elo_aead_open(elo_aead_t *a, const uint8_t nonce[ELO_AEAD_NONCE_LEN],
                        elo_slice_t aad, elo_slice_t in, uint8_t *out,
                        const uint8_t tag[ELO_AEAD_TAG_LEN]) ELO_MUST_USE;

/* The same for a message that comes in pieces: begin, update…, end. */
elo_err_t elo_aead_begin(elo_aead_t *a, const uint8_t nonce[ELO_AEAD_NONCE_LEN],
                         elo_slice_t aad) ELO_MUST_USE;
elo_err_t elo_aead_update(elo_aead_t *a, elo_slice_t in,
                          uint8_t *out) ELO_MUST_USE;
elo_err_t elo_aead_end(elo_aead_t *a,
                       uint8_t tag[ELO_AEAD_TAG_LEN]) ELO_MUST_USE;

#endif
