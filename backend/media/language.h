/* SPDX-License-Identifier: BSD-2-Clause */
/* language: the language of a track as RFC 5646 wants it. */
#ifndef ELO_MEDIA_LANGUAGE_H
#define ELO_MEDIA_LANGUAGE_H

#include "common/base/slice.h"

#define ELO_LANGUAGE_MAX 35 /* RFC 5646, 4.4.1: enough for any sane tag */

/* From mdhd's packed ISO 639-2 code (14496-12, 8.4.2.3). RFC 5646, 2.2.1 wants
   the two-letter code where there is one. "" for "und" and what is no code. */
void elo_language_from_packed(uint16_t packed, char out[ELO_LANGUAGE_MAX + 1]);

/* True for letters, digits and hyphens, 1 to ELO_LANGUAGE_MAX of them, not
   "und": safe to print into a manifest. */
bool elo_language_ok(elo_slice_t s);

#endif
