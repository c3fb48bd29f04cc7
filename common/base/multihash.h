/* SPDX-License-Identifier: BSD-2-Clause */
/* multihash: self-describing hashes. varint code, varint length, digest.
   Spec: multiformats/multihash; varints: multiformats/unsigned-varint. */
#ifndef ELO_BASE_MULTIHASH_H
#define ELO_BASE_MULTIHASH_H

#include "common/base/err.h"
#include "common/base/slice.h"

#define ELO_MULTIHASH_SHA2_256 0x12

/* Minimal-length unsigned varint of at most 9 bytes (63 bits). Returns the
   advanced cursor, NULL when truncated, over-long or not minimal. */
const uint8_t *elo_rd_uvarint(const uint8_t *p, const uint8_t *end,
                              uint64_t *v);

/* Splits s into code and digest; the digest borrows from s. Trailing bytes are
   ELO_EINVAL. */
elo_err_t elo_multihash_parse(elo_slice_t s, uint64_t *code,
                              elo_slice_t *digest) ELO_MUST_USE;

#endif
