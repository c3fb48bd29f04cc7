/* SPDX-License-Identifier: BSD-2-Clause */
/* model: what a streaming manifest says of one content, as the daemon states it
   and the printers (hls, dash) read it. All slices borrow from the message that
   it was parsed from. Times are in units of 1/timescale seconds. */
#ifndef ELO_MANIFEST_MODEL_H
#define ELO_MANIFEST_MODEL_H

#include "common/base/cid.h"
#include "common/base/limits.h"
#include "common/base/slice.h"

typedef enum { ELO_TRACK_VIDEO = 1, ELO_TRACK_AUDIO = 2 } elo_track_kind_t;

typedef struct {
    elo_track_kind_t kind;
    elo_slice_t id;       /* URL segment: "v0", "a0"; [a-z][0-9]+ */
    elo_digest_t blob;    /* the source */
    elo_slice_t codec;    /* RFC 6381: "avc1.64001f", "mp4a.40.2" */
    elo_slice_t language; /* RFC 5646, empty when unknown */
    elo_slice_t name;     /* for people: "720p", "English"; may be empty */
    uint16_t width, height;
    uint32_t frame_rate_num, frame_rate_den; /* 0/0 when unknown */
    uint32_t sample_rate;                    /* Hz */
    uint16_t channels;
    uint32_t timescale;
    uint32_t avg_bps;  /* over the whole track */
    uint32_t peak_bps; /* the largest segment's */
    uint64_t start;    /* presentation time of the first segment */
    uint32_t n_segments;
    const uint8_t *durations; /* n_segments big-endian u32 */
} elo_media_track_t;

typedef struct {
    elo_slice_t title;
    elo_slice_t version; /* 16 hex: changes when any segment does */
    uint64_t duration_ms;
    uint32_t n_tracks;
    elo_media_track_t tracks[ELO_MEDIA_MAX_TRACKS];
} elo_media_t;

/* A track's id: one of a–z and one to four digits. It becomes a part of URLs. */
bool elo_media_track_id_ok(elo_slice_t id);

/* A version: 16 lower-case hex digits. */
bool elo_media_version_ok(elo_slice_t version);

/* Duration of segment i (from 0), i < n_segments. */
uint32_t elo_media_duration(const elo_media_track_t *t, uint32_t i);

/* The longest duration of a segment; 0 when there is none. */
uint32_t elo_media_longest(const elo_media_track_t *t);

/* Track by its id; NULL when there is none. */
const elo_media_track_t *elo_media_track(const elo_media_t *m, elo_slice_t id);

#endif
