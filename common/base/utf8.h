/* SPDX-License-Identifier: BSD-2-Clause */
/* utf8: walks text from outside character by character. Spec: RFC 3629. */
#ifndef ELO_BASE_UTF8_H
#define ELO_BASE_UTF8_H

#include "common/base/slice.h"

/* Reads the character at the start of s, which must not be empty: its length in
   bytes, and the code point in *cp. 0 when s starts with no well-formed
   character (truncated, over-long, a surrogate, past U+10FFFF); *cp is then
   untouched and the caller goes on one byte further. */
size_t elo_utf8_next(elo_slice_t s, uint32_t *cp);

#endif
