/* SPDX-License-Identifier: BSD-2-Clause */
/* keys: agents' keys and what is done with secrets, over libsodium: Ed25519
   pairs, signatures and their X25519 form, sealed boxes, secret boxes, Argon2id,
   HMAC, BLAKE2b. A door to libsodium. */
#ifndef ELO_BASE_KEYS_H
#define ELO_BASE_KEYS_H

#include "common/base/cid.h"
#include "common/base/err.h"
#include "common/base/slice.h"

#define ELO_AGENT_LEN     32u
#define ELO_SEED_LEN      32u
#define ELO_SECRET_LEN    32u
#define ELO_BOX_OVERHEAD  48u /* of a sealed box: ephemeral key, tag */
#define ELO_SBOX_OVERHEAD 40u /* of a secret box: nonce 24, tag 16 */
#define ELO_SALT_LEN      16u
#define ELO_SIG_LEN       64u
#define ELO_BLAKE2B_LEN   16u /* of BLAKE2b-128 */
#define ELO_KEY_ID_LEN    8u

/* An agent: an Ed25519 public key. All zero: the operator of this node. */
typedef struct {
    uint8_t b[ELO_AGENT_LEN];
} elo_agent_t;

bool elo_agent_is_zero(const elo_agent_t *a);
bool elo_agent_eq(const elo_agent_t *a, const elo_agent_t *b);
/* 64 lower-case hex digits. */
elo_err_t elo_agent_parse(elo_slice_t text, elo_agent_t *out) ELO_MUST_USE;
void elo_agent_text(const elo_agent_t *a, char out[2 * ELO_AGENT_LEN + 1]);

/* Before anything else here; calls after the first do nothing. */
elo_err_t elo_keys_init(void) ELO_MUST_USE;

void elo_wipe(void *p, size_t len);
bool elo_secret_eq(const void *a, const void *b, size_t len);
void elo_keys_random(void *p, size_t len);

/* Memory for secrets: zeroed, outside of core dumps, guarded, and locked as long
   as RLIMIT_MEMLOCK allows; wiped by free. NULL when there is none. */
void *elo_secret_alloc(size_t len);
void elo_secret_free(void *p);

void elo_agent_of_seed(const uint8_t seed[ELO_SEED_LEN], elo_agent_t *out);

/* Ed25519 (RFC 8032, 5.1.6), of the bytes as they are: a caller puts what the
   signature is for in front. Deterministic. */
void elo_sign(const uint8_t seed[ELO_SEED_LEN], elo_slice_t in,
              uint8_t sig[ELO_SIG_LEN]);
/* RFC 8032, 5.1.7, and stricter: false also for a key or an R of small order
   (an all-zero agent's key is one), one that isn't reduced, and an S past the
   group's order. */
bool elo_verify(const elo_agent_t *by, elo_slice_t in,
                const uint8_t sig[ELO_SIG_LEN]) ELO_MUST_USE;

/* Seals to the agent's X25519 key. ELO_EINVAL for a point that is no key. */
elo_err_t elo_box_seal(const elo_agent_t *to, elo_slice_t in,
                       uint8_t *out /* in.len + ELO_BOX_OVERHEAD */)
    ELO_MUST_USE;
elo_err_t elo_box_open(const uint8_t seed[ELO_SEED_LEN], elo_slice_t in,
                       uint8_t *out /* in.len - ELO_BOX_OVERHEAD */)
    ELO_MUST_USE;

/* The X25519 form of an agent that lives here, made once: boxes for it then cost a
   half. A secret. */
typedef struct {
    uint8_t pk[32], sk[32];
} elo_x25519_t;
void elo_x25519_of_seed(const uint8_t seed[ELO_SEED_LEN], elo_x25519_t *out);
elo_err_t elo_x25519_seal(const elo_x25519_t *to, elo_slice_t in,
                          uint8_t *out) ELO_MUST_USE;
elo_err_t elo_x25519_open(const elo_x25519_t *k, elo_slice_t in,
                          uint8_t *out) ELO_MUST_USE;

/* XChaCha20-Poly1305 with a random nonce in front; aad is authenticated. */
elo_err_t elo_sbox_seal(
    const uint8_t key[ELO_SECRET_LEN], elo_slice_t aad, elo_slice_t in,
    uint8_t *out /* in.len + ELO_SBOX_OVERHEAD */) ELO_MUST_USE;
/* ELO_ECORRUPT: another key, other aad, or damage. So for elo_box_open. */
elo_err_t elo_sbox_open(const uint8_t key[ELO_SECRET_LEN], elo_slice_t aad,
                        elo_slice_t in, uint8_t *out) ELO_MUST_USE;

/* Bounds of Argon2id's cost, as it is given and as a file may ask for it: a
   hostile file makes no one spend more than a gigabyte and some seconds. */
#define ELO_KDF_OPS_MIN      1u
#define ELO_KDF_OPS_MAX      16u
#define ELO_KDF_MEM_MIN      8192u      /* libsodium's least */
#define ELO_KDF_MEM_MAX      (1u << 30) /* libsodium's SENSITIVE */
#define ELO_KDF_OPS_MODERATE 3u
#define ELO_KDF_MEM_MODERATE (256u << 20)

/* Argon2id, version 1.3. ops and mem_bytes are kept with the salt. ELO_EINVAL
   outside of the bounds; ELO_ENOMEM. */
elo_err_t elo_kdf(elo_slice_t passphrase, const uint8_t salt[ELO_SALT_LEN],
                  uint64_t ops, uint64_t mem_bytes,
                  uint8_t out[ELO_SECRET_LEN]) ELO_MUST_USE;

/* HMAC-SHA-256 (RFC 2104) over the concatenation of n slices. */
elo_err_t elo_hmac(const uint8_t key[ELO_SECRET_LEN], const elo_slice_t *in,
                   uint32_t n, elo_digest_t *out) ELO_MUST_USE;
/* The same with a key of any length, as others' protocols have them. */
void elo_hmac_any(elo_slice_t key, const elo_slice_t *in, uint32_t n,
                  elo_digest_t *out);

/* BLAKE2b (RFC 7693) of 16 bytes, without a key. */
void elo_blake2b(elo_slice_t in, uint8_t out[ELO_BLAKE2B_LEN]);

/* The same of 32 bytes: of short texts, where the CPU has no instructions for
   SHA-256, a third of its time. */
void elo_blake2b_256(elo_slice_t in, elo_digest_t *out);

/* A public key's short name: the first bytes of its SHA-256. */
void elo_key_id(const elo_agent_t *key, uint8_t out[ELO_KEY_ID_LEN]);

/* SipHash-2-4: a short keyed hash for tables whose keys come from outside, so that
   nobody can aim at one place of them. It is no digest: its 64 bits prove nothing. */
#define ELO_SHORTHASH_KEY_LEN 16u
uint64_t elo_shorthash(const uint8_t key[ELO_SHORTHASH_KEY_LEN],
                       elo_slice_t in);
/* The same with 128 bits: two names that agree in it aren't met by chance. */
void elo_shorthash128(const uint8_t key[ELO_SHORTHASH_KEY_LEN], elo_slice_t in,
                      uint8_t out[16]);

#endif
