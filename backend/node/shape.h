/* SPDX-License-Identifier: BSD-2-Clause */
/* shape: is a text of the form that a field of a content node asks for? Pure.
   These check form, not truth: a language of the right shape may not exist. */
#ifndef ELO_NODE_SHAPE_H
#define ELO_NODE_SHAPE_H

#include "common/base/slice.h"

#define ELO_TIME_TEXT_LEN 20 /* "2026-11-21T04:05:06Z" */

/* Media type with optional parameters, at most ELO_MIME_MAX bytes; safe as the
   value of a header. RFC 6838, 4.2; RFC 9110, 8.3.1. */
bool elo_shape_mime(elo_slice_t s);

/* Tag as of RFC 5646, 2.1, of at most 35 characters: subtags of 1 to 8 letters
   and digits, the first of 2 to 8 letters. */
bool elo_shape_language(elo_slice_t s);

/* ISO 8601 duration: "P1Y2M3DT4H5M6S", "P6M", "P2W", digits only, no part of it
   empty, and longer than nothing. */
bool elo_shape_duration(elo_slice_t s);

/* Absolute http or https URL of at most 2048 characters: a host, no user
   information, no white space and nothing that RFC 3986 wants escaped. */
bool elo_shape_url(elo_slice_t s);

/* RFC 3339 date-time with an offset; leap seconds and fractions are accepted,
   and dropped. Unix seconds in *out, untouched when false. */
bool elo_shape_time(elo_slice_t s, int64_t *out);

/* Characters (code points) of UTF-8 text; SIZE_MAX when it is not well-formed
   or has a control character: with lines, line feed and tab are allowed. */
size_t elo_shape_text_len(elo_slice_t s, bool lines);

/* Writes ELO_TIME_TEXT_LEN characters and a NUL: RFC 3339, UTC. t is clamped to
   the years 1970–9999. */
void elo_time_text(int64_t t, char out[ELO_TIME_TEXT_LEN + 1]);

#endif
