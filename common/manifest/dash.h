/* SPDX-License-Identifier: BSD-2-Clause */
/* dash: prints a static MPD (ISO/IEC 23009-1, isoff-live profile) with
   SegmentTemplate and SegmentTimeline; same parts and relative URIs as hls.h. */
#ifndef ELO_MANIFEST_DASH_H
#define ELO_MANIFEST_DASH_H

#include "common/base/buf.h"
#include "common/manifest/model.h"

/* Appends the MPD. Strings are XML-escaped; characters that XML 1.0 has not
   are dropped. Tracks of one kind, codec family and (audio) language make one
   AdaptationSet. The period begins with the earliest of all first segments, so
   that tracks keep their places to one another. ELO_EINVAL when m has no track,
   or one with timescale 0. */
elo_err_t elo_dash_mpd(const elo_media_t *m, elo_buf_t *out) ELO_MUST_USE;

#endif
