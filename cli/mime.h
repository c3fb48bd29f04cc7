/* SPDX-License-Identifier: BSD-2-Clause */
/* mime: the media type of a file by its name. Pure. A guess for people who give
   no --type; nothing here looks into the file. */
#ifndef ELO_CLI_MIME_H
#define ELO_CLI_MIME_H

#include "common/base/slice.h"

/* Static; "application/octet-stream" for what isn't known. Letter case of the
   extension doesn't matter. */
const char *elo_mime_guess(const char *file);

/* True for a type/subtype of RFC 6838 names, with optional parameters, that is
   at most ELO_MIME_MAX long and may stand in a header. */
bool elo_mime_ok(elo_slice_t type);

/* True for types that the daemon can index for streaming. */
bool elo_mime_is_streamable(elo_slice_t type);

/* The contentFormat that suits a type: static. */
const char *elo_mime_format(elo_slice_t type);

/* The embedStrategy that suits a type: static; NULL: leave it to the server. */
const char *elo_mime_strategy(elo_slice_t type);

#endif
