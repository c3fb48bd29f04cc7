/* SPDX-License-Identifier: BSD-2-Clause */
/* keyring: the secrets of this node in one file, and envelopes: the key of a
   blob, wrapped for those who may read it. Formats: docs/formats/keyring.md.

   The file holds: the node secret (for the HMAC that finds narrow blobs), cluster
   keys by epoch (the newest wraps, all open), seeds of agents that live here; the
   first of these is the operator's own and stands for the zero agent. It is
   encrypted with a key that Argon2id makes of a passphrase, or, without one,
   protected by its mode alone (0600), which the caller logs.

   Any thread. Secrets are in locked memory that no core dump shows. */
#ifndef ELO_KEYS_KEYRING_H
#define ELO_KEYS_KEYRING_H

#include "common/auth/reach.h"
#include "common/base/buf.h"
#include "common/base/aead.h"
#include "common/base/keys.h"

typedef struct elo_keyring_s elo_keyring_t;

typedef struct {
    const char *path;
    elo_slice_t passphrase;      /* p NULL: none. Borrowed for the call */
    bool may_create;             /* makes a fresh one when there is none */
    uint64_t kdf_ops, kdf_mem;   /* 0: libsodium's MODERATE; tests use less */
    const struct elo_vfs_s *vfs; /* NULL: the real one */
} elo_keyring_cfg_t;

/* ELO_ENOKEY: the passphrase is wrong, missing, or given for a ring without one.
   ELO_ENOTFOUND: no file, and none may be made. ELO_ECORRUPT. */
elo_err_t elo_keyring_open(const elo_keyring_cfg_t *cfg,
                           elo_keyring_t **out) ELO_MUST_USE;
void elo_keyring_close(elo_keyring_t **k);

/* Reads the file again (after `elohim key`); on failure all stays as it was. */
elo_err_t elo_keyring_reload(elo_keyring_t *k,
                             const elo_keyring_cfg_t *cfg) ELO_MUST_USE;

bool elo_keyring_is_protected(elo_keyring_t *k);

/* The operator's agent. */
void elo_keyring_owner(elo_keyring_t *k, elo_agent_t *out);
bool elo_keyring_has(elo_keyring_t *k, const elo_agent_t *a);
typedef bool (*elo_keyring_each_fn)(void *ctx, const elo_agent_t *a,
                                    int64_t created_at, elo_slice_t label);
void elo_keyring_each(elo_keyring_t *k, elo_keyring_each_fn fn, void *ctx);
uint32_t elo_keyring_epoch(elo_keyring_t *k); /* newest cluster key */

/* Changes are written durably (new file, rename, directory) before they count.
   ELO_EBUSY: another process changes it now; ELO_EPRECOND: it has been changed,
   reload first. ELO_EEXISTS: that agent is there; as owner it is moved to the
   front instead. */
elo_err_t elo_keyring_add(elo_keyring_t *k, const uint8_t seed[ELO_SEED_LEN],
                          elo_slice_t label, bool is_owner) ELO_MUST_USE;
elo_err_t elo_keyring_rotate_cluster(elo_keyring_t *k) ELO_MUST_USE;
elo_err_t elo_keyring_repass(elo_keyring_t *k,
                             elo_slice_t passphrase) ELO_MUST_USE;
/* An agent's seed, or with NULL all (cluster keys and node secret too), as an
   armoured text under a passphrase of its own, which must not be empty. Import
   adds the agents and cluster keys that are not there yet; the node secret stays
   this node's. ELO_EINVAL: no such text. ELO_ENOKEY: not its passphrase. */
elo_err_t elo_keyring_export(elo_keyring_t *k, const elo_agent_t *which,
                             elo_slice_t passphrase,
                             elo_buf_t *text) ELO_MUST_USE;
elo_err_t elo_keyring_import(elo_keyring_t *k, elo_slice_t text,
                             elo_slice_t passphrase,
                             uint32_t *n_new) ELO_MUST_USE;

/* A new file, as cfg says, from a text that holds all, node secret included: for
   a store that was restored. ELO_EEXISTS when there is a file. */
elo_err_t elo_keyring_restore(const elo_keyring_cfg_t *cfg, elo_slice_t text,
                              elo_slice_t passphrase,
                              elo_keyring_t **out) ELO_MUST_USE;

/* What finds a narrow blob: HMAC of its plaintext digest under the node secret. */
elo_err_t elo_keyring_blind(elo_keyring_t *k, const elo_digest_t *plain,
                            elo_digest_t *out) ELO_MUST_USE;

/* The n-th secret of this node for the use that label names: HMAC-SHA-256 of label,
   NUL and n (8 bytes) under the node secret. The same as long as the ring has that
   secret. out is a secret: elo_secret_alloc, and wiped. label isn't of 23 bytes
   (with these its input would be as long as that of a blind). */
elo_err_t elo_keyring_derive(elo_keyring_t *k, const char *label, uint64_t n,
                             uint8_t out[ELO_SECRET_LEN]) ELO_MUST_USE;

/* Calls use with the seed of an agent that lives here, which is valid until it returns;
   its result is the result. ELO_ENOKEY: he doesn't. */
typedef elo_err_t (*elo_keyring_use_fn)(void *ctx,
                                        const uint8_t seed[ELO_SEED_LEN]);
elo_err_t elo_keyring_use(elo_keyring_t *k, const elo_agent_t *a,
                          elo_keyring_use_fn use, void *ctx) ELO_MUST_USE;

/* ---- envelopes ---- */

#define ELO_WRAPS_MAX 1026u /* owner, his host, ELO_CONTENT_INVITED_MAX */

/* private: for the owner; invited: for the owner and each listed agent; local: by
   the newest cluster key, and for the owner. Where none of these agents lives here,
   for the operator as well: he is the host of a guest's content. The plaintext digest and size travel inside
   (encrypted with the key), so that a node that has the key knows the blob. The
   zero agent is the operator's own. */
typedef struct {
    elo_cipher_t cipher;
    uint8_t key[ELO_AEAD_KEY_LEN];
    elo_digest_t plain;
    uint64_t size;
} elo_content_key_t;

elo_err_t elo_envelope_seal(elo_keyring_t *k, const elo_content_key_t *ck,
                            elo_reach_t reach, const elo_agent_t *owner,
                            const elo_agent_t *invited, uint32_t n,
                            elo_buf_t *out) ELO_MUST_USE;
/* ELO_ENOKEY when no key of the ring opens it. */
elo_err_t elo_envelope_open(elo_keyring_t *k, elo_slice_t envelope,
                            elo_content_key_t *out) ELO_MUST_USE;
/* Sealed by keys that are still the newest? If not, or if its readers changed,
   seal again what open gave. */
bool elo_envelope_is_current(elo_keyring_t *k, elo_slice_t envelope,
                             elo_reach_t reach, const elo_agent_t *owner,
                             const elo_agent_t *invited, uint32_t n);

/* ---- ciphertext objects ---- */

/* Chunk i of 1 MiB is sealed by itself: nonce = three zero bytes, i (8), 1 for
   the last chunk else 0; so order and length are authenticated. An object is all
   ciphertext in plaintext order, then a tag of 16 bytes for each chunk. An empty
   blob is one empty chunk. */
uint64_t elo_object_size(uint64_t plain_size);
void elo_object_nonce(uint64_t chunk, bool is_last,
                      uint8_t out[ELO_AEAD_NONCE_LEN]);

#endif
