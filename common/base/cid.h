/* SPDX-License-Identifier: BSD-2-Clause */
/* cid: names of blobs. A blob is named by its SHA-256 digest; the text forms
   are "sha256-<64 hex>" (canonical), bare 64 hex, and the CIDv1 "bafkrei…"
   (multibase b, codec raw 0x55, multihash sha2-256 0x12 of 32 bytes).
   Spec: multiformats/cid, multiformats/multihash. */
#ifndef ELO_BASE_CID_H
#define ELO_BASE_CID_H

#include "common/base/err.h"
#include "common/base/limits.h"
#include "common/base/slice.h"

typedef struct {
    uint8_t b[ELO_SHA256_LEN];
} elo_digest_t;

#define ELO_ADDR_CANON_LEN (7 + ELO_SHA256_HEX_LEN) /* "sha256-" + hex */
#define ELO_CID_TEXT_LEN   59                       /* 'b' + base32 of 36 */

/* Any text form of a blob address. CIDv0 ("Qm…") names a dag-pb node, not raw
   bytes, and other codecs or hash functions name other things: ELO_EUNSUPPORTED.
   What is no address at all is ELO_EINVAL. */
elo_err_t elo_addr_parse(elo_slice_t s, elo_digest_t *out) ELO_MUST_USE;

/* Writes ELO_ADDR_CANON_LEN characters and a NUL. */
void elo_addr_canon(const elo_digest_t *d, char out[ELO_ADDR_CANON_LEN + 1]);

/* Writes ELO_CID_TEXT_LEN characters and a NUL. */
void elo_addr_cid(const elo_digest_t *d, char out[ELO_CID_TEXT_LEN + 1]);

/* True for a content id: 1–128 of A–Z a–z 0–9 . _ ~ : -, starting with a
   letter or digit, and not itself a text form of a blob address. */
bool elo_content_id_ok(elo_slice_t s);

#endif
