/* SPDX-License-Identifier: BSD-2-Clause */
/* enc: text encodings of bytes. Hex and base32 per RFC 4648 (lower case, no
   padding where the multibase form has none); base58 with the Bitcoin alphabet
   (multibase 'z') and base36 (multibase 'k'); percent-encoding per RFC 3986.
   Base64 is in base64.h. */
#ifndef ELO_BASE_ENC_H
#define ELO_BASE_ENC_H

#include "common/base/err.h"
#include "common/base/slice.h"

/* Writes 2 * n lower-case digits and a NUL. */
void elo_hex_encode(const uint8_t *p, size_t n, char *out);
/* 16 digits and a NUL: as %016llx, which costs ten times as much. */
void elo_hex_u64(uint64_t v, char out[17]);

/* Exactly 2 * n digits of either case, else ELO_EINVAL. */
elo_err_t elo_hex_decode(elo_slice_t s, uint8_t *out, size_t n) ELO_MUST_USE;

/* Characters that elo_base32_encode writes for n bytes, without the NUL. */
#define ELO_BASE32_LEN(n) (((n) *8 + 4) / 5)

/* RFC 4648, 6: lower case, unpadded; writes a NUL. */
void elo_base32_encode(const uint8_t *p, size_t n, char *out);

/* Decodes unpadded lower- or upper-case text (one case throughout, as a
   multibase string has) into at most max bytes. Left-over bits must be zero.
   ELO_EINVAL, or ELO_ETOOBIG past max. */
elo_err_t elo_base32_decode(elo_slice_t s, uint8_t *out, size_t max,
                            size_t *len) ELO_MUST_USE;

/* Base58btc. Quadratic, so s is limited to 128 characters: keys and hashes. */
elo_err_t elo_base58_decode(elo_slice_t s, uint8_t *out, size_t max,
                            size_t *len) ELO_MUST_USE;

/* Room for what elo_base58_encode writes for n bytes, without the NUL. */
#define ELO_BASE58_LEN(n) ((n) *138 / 100 + 1) /* log(256) / log(58) */

/* Base58btc, quadratic; writes at most ELO_BASE58_LEN(n) characters and a NUL. */
void elo_base58_encode(const uint8_t *p, size_t n, char *out);

/* Base36, lower case; limited as elo_base58_decode is. */
elo_err_t elo_base36_decode(elo_slice_t s, uint8_t *out, size_t max,
                            size_t *len) ELO_MUST_USE;

/* Decodes %XX in s into out (room for s.len bytes). A malformed escape or an
   encoded NUL is ELO_EINVAL. */
elo_err_t elo_percent_decode(elo_slice_t s, uint8_t *out,
                             size_t *len) ELO_MUST_USE;

#endif
