/* SPDX-License-Identifier: BSD-2-Clause */
/* path_prefix: paths that a token or a signed URL is good for. A prefix ends at a
   segment: "/api/blob" covers itself and "/api/blob/x", not "/api/blobs";
   "/api/blob/" only what is below. Paths are decoded ones, without a query: a
   percent sign is a percent sign. Pure. */
#ifndef ELO_AUTH_PATH_PREFIX_H
#define ELO_AUTH_PATH_PREFIX_H

#include "common/base/slice.h"

/* Starts with a slash, has no segment "." or ".." and no control character. */
bool elo_path_prefix_ok(elo_slice_t prefix);

/* False also for a path that isn't ok by the above. An empty prefix covers
   nothing: what it means is the caller's. */
bool elo_path_prefix_covers(elo_slice_t prefix, elo_slice_t path);

#endif
