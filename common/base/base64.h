/* SPDX-License-Identifier: BSD-2-Clause */
/* base64: RFC 4648, 4: the plain alphabet, with padding. */
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

#endif
