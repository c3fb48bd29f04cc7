/* SPDX-License-Identifier: BSD-2-Clause */
/* envelope: the bytes of an envelope, before any key is tried. Inner header of
   backend/keys; tests and the fuzzer use it too. Pure. */
#ifndef ELO_KEYS_ENVELOPE_H
#define ELO_KEYS_ENVELOPE_H

#include "backend/keys/keyring.h"

#define ELO_ENVELOPE_MAGIC      "ELEN"
#define ELO_ENVELOPE_VERSION    1
#define ELO_ENVELOPE_HEADER_LEN 8u
#define ELO_ENVELOPE_INNER_LEN  (ELO_SHA256_LEN + 8u) /* digest, size */
#define ELO_ENVELOPE_SEALED_LEN (ELO_ENVELOPE_INNER_LEN + ELO_SBOX_OVERHEAD)
#define ELO_ENVELOPE_MAC_LEN    ELO_SHA256_LEN

enum { ELO_WRAP_CLUSTER = 1, ELO_WRAP_AGENT = 2 };

#define ELO_ENVELOPE_CLUSTER_LEN (1u + 4 + ELO_SECRET_LEN + ELO_SBOX_OVERHEAD)
#define ELO_ENVELOPE_AGENT_HEAD  (1u + ELO_AGENT_LEN)
#define ELO_ENVELOPE_AGENT_LEN                                                 \
    (ELO_ENVELOPE_AGENT_HEAD + ELO_SECRET_LEN + ELO_BOX_OVERHEAD)

typedef struct {
    elo_cipher_t cipher;
    elo_slice_t header, sealed; /* borrowed, all */
    bool has_cluster;
    uint32_t epoch;      /* of the cluster wrap */
    elo_slice_t cluster; /* its sealed key */
    uint32_t n_agents;
    const uint8_t *agents; /* wraps of ELO_ENVELOPE_AGENT_LEN, ascending */
    elo_slice_t authed;    /* what the MAC covers */
    const uint8_t *mac;
} elo_envelope_t;

bool elo_envelope_cipher_ok(unsigned cipher);

/* ELO_ECORRUPT; ELO_EUNSUPPORTED: a version or cipher of the future. */
elo_err_t elo_envelope_parse(elo_slice_t bytes,
                             elo_envelope_t *out) ELO_MUST_USE;

/* Recipient of the i-th agent wrap, and its sealed key. */
elo_agent_t elo_envelope_agent(const elo_envelope_t *e, uint32_t i,
                               elo_slice_t *sealed);

#endif
