/* SPDX-License-Identifier: BSD-2-Clause */
/* signed_url: /s/{sig}/api/…: a permission in a path segment, so that what stands
   below it by relative URIs (playlists, segments) needs none of its own, and one
   cached body serves all. Pure; fuzzed.

   The segment is base64url, without padding, of
     version 1 (1), flags (1), scopes (1), ceiling (1), exp (8, Unix seconds, big-
     endian), key id (8), agent (32), [address: family 4 or 6 (1), prefix length (1),
     4 or 16 bytes], prefix length (1), path prefix, signature (64)
   flags: 1 an address is there; its bits past the prefix are zero, and it is no
   IPv4-mapped one. Whoever holds it reads as that agent does, below the ceiling. It
   is signed by the agent, or by a key of this node on his behalf; the key id tells,
   and who looks the key up sees to it that no other key speaks for the agent. The
   signature is Ed25519 of "elohim-url-1" NUL and all before it. The prefix is of the
   path behind /s/{sig}, ends at a segment, and may not be empty or "/"
   (path_prefix.h). */
#ifndef ELO_AUTH_SIGNED_URL_H
#define ELO_AUTH_SIGNED_URL_H

#include "common/auth/gate.h"
#include "common/base/buf.h"
#include "common/base/keys.h"

#define ELO_URL_PREFIX_MAX 200u
#define ELO_URL_KID_LEN    8u
#define ELO_URL_TEXT_MAX   480u

typedef struct {
    uint8_t family; /* 0: any; 4 or 6 */
    uint8_t bits;   /* of it that must match */
    uint8_t addr[16];
} elo_addr_prefix_t;

typedef struct {
    uint32_t scopes; /* READ alone, so far */
    elo_reach_t ceiling;
    int64_t exp;                  /* the first second that it isn't good for */
    uint8_t kid[ELO_URL_KID_LEN]; /* elo_key_id of the key that signed */
    elo_agent_t agent;            /* who gave it */
    elo_addr_prefix_t from;
    elo_slice_t prefix;
    uint8_t sig[64];
    elo_slice_t signed_bytes;
    uint8_t room[ELO_URL_TEXT_MAX];
} elo_signed_url_t;

/* segment: what stands between /s/ and the next slash. ELO_EINVAL, ELO_ETOOBIG. out
   borrows from itself: it may not be copied. After an error it holds anything. */
elo_err_t elo_signed_url_parse(elo_slice_t segment,
                               elo_signed_url_t *out) ELO_MUST_USE;
/* False: the signature, or the key id, isn't key's. */
bool elo_signed_url_verify(const elo_signed_url_t *u, const elo_agent_t *key);
/* client: 4 or 16 bytes in network order; an IPv4-mapped address counts as its 4.
   Of neither length: covered only where no address is asked for. */
bool elo_signed_url_covers(const elo_signed_url_t *u, elo_slice_t path,
                           int64_t now, elo_slice_t client);
/* Appends the segment. u->kid and sig are filled; signed_bytes aren't. ELO_EINVAL
   for what elo_signed_url_parse would refuse, ELO_ETOOBIG, ELO_ENOMEM. */
elo_err_t elo_signed_url_make(elo_signed_url_t *u,
                              const uint8_t seed[ELO_SEED_LEN],
                              elo_buf_t *out) ELO_MUST_USE;

#endif
