/* SPDX-License-Identifier: BSD-2-Clause */
/* base64: RFC 4648: the plain alphabet with padding (4), and the one of URLs
   without (5; RFC 7515, 2). */
#ifndef ELO_BASE_BASE64_H
#define ELO_BASE_BASE64_H

#include "common/base/err.h"
#include "common/base/slice.h"

/* Characters for n bytes, without the NUL. */
#define ELO_BASE64_LEN(n) (((n) + 2) / 3 * 4)

/* Writes ELO_BASE64_LEN(n) characters and a NUL. */
void elo_base64_encode(const uint8_t *p, size_t n, char *out);

/* Decodes into at most max bytes. Padding may be left out; what is there must be
   right, and left-over bits zero, so that a text has one meaning. ELO_EINVAL, or
   ELO_ETOOBIG past max. */
elo_err_t elo_base64_decode(elo_slice_t s, uint8_t *out, size_t max,
                            size_t *len) ELO_MUST_USE;

/* Characters of base64url for n bytes, without the NUL. */
#define ELO_BASE64URL_LEN(n) (((n) *4 + 2) / 3)

/* Writes ELO_BASE64URL_LEN(n) characters and a NUL. */
void elo_base64url_encode(const uint8_t *p, size_t n, char *out);

/* As elo_base64_decode, but the alphabet is that of URLs and padding, needed or
   not, is refused: bytes have one text. */
elo_err_t elo_base64url_decode(elo_slice_t s, uint8_t *out, size_t max,
                               size_t *len) ELO_MUST_USE;

#endif
