/* SPDX-License-Identifier: BSD-2-Clause */
/* agent_text: the text forms of an agent, an Ed25519 public key:
     64 hex digits, lower case as written; either case, but one, as read
     uhCAk…        Holochain's AgentPubKey: 'u', base64url of 84 20 24, the key, and
                   its location (BLAKE2b-128 of the key, folded to 4 bytes by xor)
     12D3KooW…     libp2p's PeerId in base58btc; read also as a CIDv1 (bafzaaj…,
                   k51qzi5uqu5d…). k2… and Qm… name hashes of keys, no agents
     did:key:z6Mk… W3C did:key: base58btc of ed 01 and the key
   A form that doesn't hold in full (a wrong location, another key type, left-over
   bits, blanks) is ELO_EINVAL: a text names one agent or none. So is the all-zero
   agent's: the operator isn't named by what comes from outside (elo_agent_parse
   reads what was written here). That the bytes are a point of the curve isn't
   looked at: elo_verify and elo_box_seal do. Pure. */
#ifndef ELO_AUTH_AGENT_TEXT_H
#define ELO_AUTH_AGENT_TEXT_H

#include "common/base/keys.h"

typedef enum {
    ELO_AGENT_HEX,
    ELO_AGENT_HOLO,
    ELO_AGENT_PEER,
    ELO_AGENT_DID
} elo_agent_form_t;

#define ELO_AGENT_TEXT_MAX 80u /* any form, with the NUL */

/* *out is written only on success. */
elo_err_t elo_agent_text_parse(elo_slice_t text, elo_agent_t *out) ELO_MUST_USE;
/* The form's one text, with a NUL; a PeerId in base58btc. */
void elo_agent_text_write(const elo_agent_t *a, elo_agent_form_t form,
                          char out[ELO_AGENT_TEXT_MAX]);

#endif
