/* SPDX-License-Identifier: BSD-2-Clause */
/* ring: what a keyring holds, as one block of secret memory that is never
   changed once others may see it, and its bytes: body, file and armour
   (docs/formats/keyring.md). Inner header of backend/keys; tests and the fuzzer
   use it too. The parsers are pure and bounded. */
#ifndef ELO_KEYS_RING_H
#define ELO_KEYS_RING_H

#include "common/base/buf.h"
#include "common/base/keys.h"

#define ELO_RING_KEYS_MAX   256u /* epochs: twenty years of a rotation a month */
#define ELO_RING_AGENTS_MAX 256u /* a household's people and devices */
#define ELO_RING_LABEL_MAX  64u

/* Largest file: 44 + 3+32 + 256 × (3+44) + 256 × (3+104) + 40 + 32 bytes, and
   room. The text of an export is less than twice that. */
#define ELO_RING_FILE_MAX (64u << 10)
#define ELO_RING_TEXT_MAX (2 * ELO_RING_FILE_MAX)

/* How the file is protected. All zero: not at all. */
typedef struct {
    bool is_protected;
    uint64_t ops, mem;
    uint8_t salt[ELO_SALT_LEN];
    uint8_t key[ELO_SECRET_LEN]; /* made of the passphrase */
} elo_ring_lock_t;

typedef struct {
    uint32_t epoch;
    int64_t created_at;
    uint8_t key[ELO_SECRET_LEN];
} elo_ring_key_t;

typedef struct {
    elo_agent_t agent; /* follows from the seed, as box does */
    elo_x25519_t box;
    int64_t created_at;
    uint8_t seed[ELO_SEED_LEN];
    uint8_t label_len;
    uint8_t label[ELO_RING_LABEL_MAX];
} elo_ring_agent_t;

typedef struct {
    elo_ring_lock_t lock;
    bool has_node;
    uint8_t node[ELO_SECRET_LEN];
    uint32_t n_keys, n_agents;
    uint32_t refs;            /* the keyring's */
    elo_ring_key_t *keys;     /* by epoch, oldest first; n_keys */
    elo_ring_agent_t *agents; /* the operator's own first; n_agents */
} elo_ring_t;

/* An empty ring with room for that many, in secret memory; NULL when there is
   none. Free with elo_ring_free, which takes NULL too. */
elo_ring_t *elo_ring_alloc(uint32_t n_keys, uint32_t n_agents);
void elo_ring_free(elo_ring_t **r);

/* A copy of r with room for more keys and agents. */
elo_ring_t *elo_ring_clone(const elo_ring_t *r, uint32_t more_keys,
                           uint32_t more_agents);

/* NULL when it isn't there. Borrowed from r. */
const elo_ring_agent_t *elo_ring_find(const elo_ring_t *r,
                                      const elo_agent_t *a);

/* A file needs a node secret, a cluster key and an agent; an export may have
   less. */
bool elo_ring_is_complete(const elo_ring_t *r);

/* Sets the seed and what follows from it. */
void elo_ring_set_seed(elo_ring_agent_t *a, const uint8_t seed[ELO_SEED_LEN]);

/* Room must be there. A key goes behind all of its epoch; an agent to the end,
   or to the front. */
void elo_ring_put_key(elo_ring_t *r, const elo_ring_key_t *key);
void elo_ring_put_agent(elo_ring_t *r, const elo_ring_agent_t *a,
                        bool is_first);

/* UTF-8 without control characters, at most ELO_RING_LABEL_MAX bytes. */
bool elo_ring_label_ok(elo_slice_t label);

/* ---- bytes (keyring_text.c) ---- */

/* The inner body. only, if not NULL: just that agent's seed. */
void elo_ring_body_put(elo_buf_t *b, const elo_ring_t *r,
                       const elo_agent_t *only);
/* ELO_ECORRUPT; ELO_ENOMEM. The lock of *out is zero. */
elo_err_t elo_ring_body_get(elo_slice_t body, elo_ring_t **out) ELO_MUST_USE;

typedef struct {
    elo_ring_lock_t lock;       /* without its key */
    elo_slice_t header, sealed; /* borrowed from the file */
    elo_digest_t checksum;
} elo_ring_file_t;

/* Checks form, bounds and checksum. ELO_ECORRUPT; ELO_EUNSUPPORTED: a version of
   the future. */
elo_err_t elo_ring_file_get(elo_slice_t file,
                            elo_ring_file_t *out) ELO_MUST_USE;

/* Fills the key of lock, whose other members are set. ELO_ENOKEY when a
   passphrase is missing, or there is one and no use for it. */
elo_err_t elo_ring_lock_key(elo_ring_lock_t *lock,
                            elo_slice_t passphrase) ELO_MUST_USE;

/* A fresh lock; an empty passphrase gives the zero one. */
elo_err_t elo_ring_lock_make(elo_ring_lock_t *lock, elo_slice_t passphrase,
                             uint64_t ops, uint64_t mem) ELO_MUST_USE;

/* The ring in f, whose lock has its key. ELO_ENOKEY: not that key. */
elo_err_t elo_ring_file_open(const elo_ring_file_t *f,
                             elo_ring_t **out) ELO_MUST_USE;

/* The whole file as lock says. b is empty, fixed, in secret memory. */
elo_err_t elo_ring_file_put(elo_buf_t *b, const elo_ring_t *r,
                            const elo_ring_lock_t *lock,
                            const elo_agent_t *only) ELO_MUST_USE;

/* A file as text that survives mail and paper, and back. */
void elo_ring_armour(elo_buf_t *text, elo_slice_t file);
elo_err_t elo_ring_unarmour(elo_slice_t text, elo_buf_t *file) ELO_MUST_USE;

#endif
