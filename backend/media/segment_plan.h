/* SPDX-License-Identifier: BSD-2-Clause */
/* segment_plan: where a track is cut, and on which timeline it is emitted.

   Presentation time of a sample = emitted decode time + cts - media_time, from
   the start of the movie. Emitted decode times begin at shift: the leading
   empty edit, in media units. (Players on Media Source Extensions ignore an
   empty edit, so it must be in the decode times; they honour one media edit.)

   Video is cut at the first keyframe at or after each multiple of the target,
   audio where the file's first video track is cut, or at multiples when there
   is no video. Whole groups of pictures before the edit's start and samples
   after its end are left out. What the first video track must show from before
   its edit's start, to begin at a keyframe, is shown: players drop frames before
   0 up to the next keyframe, which would leave a hole. All tracks are then that
   much later (preroll). */
#ifndef ELO_MEDIA_SEGMENT_PLAN_H
#define ELO_MEDIA_SEGMENT_PLAN_H

#include "backend/media/sample_iter.h"

/* Keyframe flags of a segment's samples. */
typedef enum {
    ELO_SYNC_FIRST, /* the first only */
    ELO_SYNC_ALL,
    ELO_SYNC_MIXED
} elo_sync_shape_t;

typedef struct {
    uint64_t dts;       /* emitted decode time of the first sample */
    int64_t pts;        /* its presentation time; may be before 0 */
    uint64_t bytes;     /* of media */
    uint32_t duration;  /* sum of its samples' */
    uint32_t span;      /* what it adds to the presentation, never 0; differs
                           from duration in a first segment that begins before
                           0 and where keyframes' offsets differ */
    uint32_t n_samples; /* never 0 */
    uint32_t sample_duration;
    bool has_one_duration; /* sample_duration is every sample's */
    bool has_cts;          /* some sample has one */
    elo_sync_shape_t sync;
} elo_segment_t;

typedef struct {
    const elo_mp4_track_t *track;
    uint32_t first_sample; /* index of the first one emitted */
    uint64_t first_dts;    /* its decode time in the file */
    int64_t first_at;      /* its composition time there */
    uint64_t shift;
    uint64_t media_time;
    uint64_t preroll;  /* part of shift; the same time in all tracks */
    uint64_t duration; /* sum of the segments' */
    uint64_t start;    /* presentation time at which the track begins */
    uint64_t end;      /* and ends; above start */
    uint64_t n_samples;
    uint32_t n_segments;
    elo_segment_t *segments; /* in the scratch memory */
} elo_plan_t;

/* Cuts the track. lead: the plan of the file's first video track, NULL when
   there is none or this is it. ELO_EUNSUPPORTED when nothing is left to play. */
elo_err_t elo_plan_make(const elo_mp4_track_t *track, uint64_t file_len,
                        uint32_t target_ms, const elo_plan_t *lead,
                        elo_scratch_t *scratch, elo_plan_t *out,
                        const char **reason) ELO_MUST_USE;

/* Milliseconds from the start of the movie to the track's end. */
uint64_t elo_plan_end_ms(const elo_plan_t *p);

#endif
