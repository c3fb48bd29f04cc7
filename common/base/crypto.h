/* SPDX-License-Identifier: BSD-2-Clause */
/* crypto: the one door to OpenSSL and libsodium. SHA-256 uses OpenSSL's EVP
   with a digest fetched once: it reaches the CPU's SHA instructions, and a
   fetch for each message costs three times the hashing of a short one. */
#ifndef ELO_BASE_CRYPTO_H
#define ELO_BASE_CRYPTO_H

#include "common/base/cid.h"
#include "common/base/err.h"

typedef struct elo_sha256_s elo_sha256_t;

/* One running hash; use from one thread at a time. Free with elo_sha256_free. */
elo_err_t elo_sha256_create(elo_sha256_t **out) ELO_MUST_USE;
void elo_sha256_free(elo_sha256_t **h);

/* Starts over; also after elo_sha256_final. */
elo_err_t elo_sha256_reset(elo_sha256_t *h) ELO_MUST_USE;
elo_err_t elo_sha256_update(elo_sha256_t *h, elo_slice_t s) ELO_MUST_USE;
elo_err_t elo_sha256_final(elo_sha256_t *h, elo_digest_t *out) ELO_MUST_USE;

/* One message at once. */
elo_err_t elo_sha256(elo_slice_t s, elo_digest_t *out) ELO_MUST_USE;

/* Gives back what is kept from use to use, before this code is unloaded: no other
   thread is in it. What comes after makes it anew. */
void elo_sha256_forget(void);

/* SHA-1, for protocols that check transfers with it; it names and protects
   nothing. As above. */
#define ELO_SHA1_LEN 20
typedef struct elo_sha1_s elo_sha1_t;
elo_err_t elo_sha1_create(elo_sha1_t **out) ELO_MUST_USE;
void elo_sha1_free(elo_sha1_t **h);
elo_err_t elo_sha1_update(elo_sha1_t *h, elo_slice_t s) ELO_MUST_USE;
elo_err_t elo_sha1_final(elo_sha1_t *h, uint8_t out[ELO_SHA1_LEN]) ELO_MUST_USE;

#endif
