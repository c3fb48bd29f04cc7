/* SPDX-License-Identifier: BSD-2-Clause */
/* index: the media index of one blob: made by the indexer in its child process,
   kept beside the blob, read by the daemon to answer descriptors and recipes.
   Derived: it may be made again from the blob. Byte table and invariants:
   docs/formats/media-index.md. Big-endian; every reader checks each offset, for
   the writer is a process that hostile media may have taken over.

   Layout: head (header; tracks; per track the segment table: all durations,
   then all places of recipes), then recipes, an init segment being one without
   extents. A recipe is prefix_len 4, prefix, n_extents 4, each offset 8, len 8:
   exactly the tail of an ELO_WIRE_RECIPE body, so that the daemon copies it
   unread into the answer after checking it. */
#ifndef ELO_MEDIA_INDEX_H
#define ELO_MEDIA_INDEX_H

#include "common/base/buf.h"
#include "common/manifest/model.h"

#define ELO_MEDIA_INDEX_HEAD_MAX (2u << 20) /* header, tracks, segment tables */

/* Length of the part that elo_media_index_parse needs, from the file's first 16
   bytes. ELO_EINVAL when they aren't those of an index. */
elo_err_t elo_media_index_head_len(elo_slice_t first16,
                                   uint64_t *len) ELO_MUST_USE;

/* Fills m's tracks (ids, names and version are the caller's business and left
   empty) from the head part; slices borrow from it. total is the whole index's
   length, source_size the blob's: every recipe must lie inside total. */
elo_err_t elo_media_index_parse(elo_slice_t head, uint64_t total,
                                uint64_t source_size,
                                elo_media_t *m) ELO_MUST_USE;

/* Where recipe n (from 0) of a track lies in the index; n_segments means the
   init segment. ELO_ERANGE when there is none. head as parsed above. */
elo_err_t elo_media_index_recipe(elo_slice_t head, uint32_t track, uint32_t n,
                                 uint64_t *off, uint64_t *len) ELO_MUST_USE;

/* Checks a recipe as read from the index: lengths agree, extents lie within
   source_size. Splits it. */
elo_err_t elo_media_recipe_check(elo_slice_t recipe, uint64_t source_size,
                                 elo_slice_t *prefix, uint32_t *n_extents,
                                 const uint8_t **extents) ELO_MUST_USE;

#endif
