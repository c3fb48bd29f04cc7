/* SPDX-License-Identifier: BSD-2-Clause */
/* segment_plan: cuts a track into segments in one walk over its samples. */
#include "backend/media/segment_plan.h"

#include "backend/media/box.h"

/* Containers with coarse clocks put a keyframe of 6 s at 5.999. */
#define CUT_SLACK_MS 5

/* Audio kept from before the edit's start, for decoders to settle: AAC's
   priming is 24 to 48 ms, Opus asks for 80. */
#define AUDIO_PREROLL_MS 500

/* Edits, in media units: no honest one is longer than a year at 10 MHz. */
#define EDIT_MAX ((uint64_t) 1 << 60)

typedef struct {
    elo_plan_t *plan;
    uint64_t target_ms;
    const elo_plan_t *lead;
    const elo_plan_t *video; /* whose cuts to follow: lead, or NULL */
    uint32_t video_at;       /* next segment of video to cut at */
    int64_t next;            /* presentation time of the next cut */
    int64_t edit_end; /* in the file's composition times; INT64_MAX: none */
    uint32_t room;    /* segments that there is memory for */
} cutter_t;


/* a * b / c where all are below limits that keep it in 63 bits; clamps. */
static int64_t
scale(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t v;

    if (!elo_muldiv_u64(a, b, c, &v) || v > INT64_MAX / 2) {
        return INT64_MAX / 2;
    }
    return (int64_t) v;
}


static uint64_t
not_negative(int64_t v)
{
    return v < 0 ? 0 : (uint64_t) v;
}


/* The preroll of the file's first video track, in this track's units. */
static int64_t
lead_preroll(const cutter_t *c)
{
    return c->lead == NULL ? 0
                           : scale(c->lead->preroll, c->plan->track->timescale,
                                   c->lead->track->timescale);
}


/* The first sample to emit: the last keyframe at or before the edit's start
   (for audio some way before it), or the first keyframe at all. */
static elo_err_t
find_first(const cutter_t *c, uint64_t file_len, const char **reason)
{
    elo_plan_t *plan = c->plan;
    const elo_mp4_track_t *track = plan->track;
    elo_sample_iter_t it;
    elo_sample_t s;
    elo_err_t rc;
    int64_t start = track->media_time - lead_preroll(c), at;
    uint32_t i;
    bool found = false;

    if (track->kind == ELO_TRACK_AUDIO) {
        start -= scale(AUDIO_PREROLL_MS, track->timescale, 1000);
    }
    elo_sample_iter_init(&it, track, file_len);
    for (i = 0; (rc = elo_sample_iter_next(&it, &s, reason)) == ELO_OK; i++) {
        if (!s.is_sync) {
            continue;
        }
        at = (int64_t) s.dts + s.cts;
        if (found && at > start) {
            return ELO_OK;
        }
        found = true;
        plan->first_sample = i;
        plan->first_dts = s.dts;
        plan->first_at = at;
        if (at > start) {
            return ELO_OK;
        }
    }
    if (rc != ELO_ENOTFOUND) {
        return rc;
    }
    if (!found) {
        return elo_media_fail(reason, ELO_EUNSUPPORTED,
                              "no usable track: video without keyframes");
    }
    return ELO_OK;
}


/* Turns the edit list into shift, media_time and the cutter's edit_end. */
static elo_err_t
set_timeline(const elo_mp4_track_t *t, cutter_t *c, const char **reason)
{
    elo_plan_t *plan = c->plan;
    uint64_t empty, length;
    int64_t lead;

    if (!elo_muldiv_u64(t->edit_empty, t->timescale, t->movie_timescale, &empty)
        || empty > EDIT_MAX || t->media_time > (int64_t) EDIT_MAX)
    {
        return elo_media_fail(reason, ELO_EINVAL, "edit list out of range");
    }
    c->edit_end = INT64_MAX;
    if (t->edit_duration != 0 && t->edit_duration < EDIT_MAX) {
        /* one tick more: the movie's clock is the coarser one */
        if (elo_muldiv_u64(t->edit_duration + 1, t->timescale,
                           t->movie_timescale, &length)
            && length < EDIT_MAX)
        {
            c->edit_end = t->media_time + (int64_t) length;
        }
    }
    lead = t->media_time - (int64_t) plan->first_dts;
    plan->preroll = (uint64_t) lead_preroll(c);
    if (c->lead == NULL && t->kind == ELO_TRACK_VIDEO) {
        plan->preroll = not_negative(t->media_time - plan->first_at);
    }
    if (plan->preroll > EDIT_MAX) {
        return elo_media_fail(reason, ELO_EINVAL, "edit list out of range");
    }
    plan->shift = empty;
    lead -= (int64_t) plan->preroll;
    if (lead >= 0) {
        plan->media_time = (uint64_t) lead;
    } else {
        plan->shift += (uint64_t) -lead;
    }
    return ELO_OK;
}


/* Sets c->next after a segment began at presentation time pts. */
static void
set_next_cut(cutter_t *c, uint32_t timescale, int64_t pts)
{
    int64_t slack = scale(CUT_SLACK_MS, timescale, 1000);
    uint64_t after = not_negative(pts);
    const elo_plan_t *v = c->video;
    uint64_t ms;

    while (v != NULL && c->video_at < v->n_segments) {
        c->next = scale(not_negative(v->segments[c->video_at].pts), timescale,
                        v->track->timescale);
        if (c->next > pts) {
            return;
        }
        c->video_at++;
    }
    ms = (uint64_t) scale(after + (uint64_t) slack, 1000, timescale);
    if (v != NULL) {
        ms = ELO_MAX(ms, elo_plan_end_ms(v)); /* goes on alone */
    }
    ms = (ms / c->target_ms + 1) * c->target_ms;
    c->next = scale(ms, timescale, 1000) - slack;
}


static void
count_sample(elo_segment_t *seg, const elo_sample_t *s)
{
    seg->bytes += s->size;
    seg->has_cts = seg->has_cts || s->cts != 0;
    if (seg->n_samples == 0) {
        seg->sample_duration = s->duration;
        seg->has_one_duration = true;
        seg->sync = s->is_sync ? ELO_SYNC_ALL : ELO_SYNC_MIXED;
    } else {
        if (s->duration != seg->sample_duration) {
            seg->has_one_duration = false;
        }
        if (seg->n_samples == 1 && seg->sync == ELO_SYNC_ALL && !s->is_sync) {
            seg->sync = ELO_SYNC_FIRST;
        } else if (s->is_sync != (seg->sync == ELO_SYNC_ALL)) {
            seg->sync = ELO_SYNC_MIXED;
        }
    }
    seg->n_samples++;
}


static elo_err_t
open_segment(cutter_t *c, uint64_t dts, int64_t pts, const char **reason)
{
    elo_plan_t *plan = c->plan;

    if (plan->n_segments == ELO_MEDIA_MAX_SEGMENTS) {
        return elo_media_fail(reason, ELO_ETOOBIG, "too many segments");
    }
    if (plan->segments == NULL || plan->n_segments == c->room) {
        return elo_media_fail(reason, ELO_ENOMEM, "out of memory");
    }
    plan->segments[plan->n_segments++] =
        (elo_segment_t){ .dts = dts, .pts = pts };
    set_next_cut(c, plan->track->timescale, pts);
    return ELO_OK;
}


static elo_err_t
add_sample(cutter_t *c, const elo_sample_t *s, const char **reason)
{
    elo_plan_t *plan = c->plan;
    uint64_t dts = s->dts - plan->first_dts + plan->shift;
    int64_t pts = (int64_t) dts + s->cts - (int64_t) plan->media_time;
    elo_segment_t *seg;
    elo_err_t rc;

    seg = plan->n_segments == 0 ? NULL : &plan->segments[plan->n_segments - 1];
    if (seg == NULL || (s->is_sync && seg->duration > 0 && pts >= c->next)) {
        if ((rc = open_segment(c, dts, pts, reason)) != ELO_OK) {
            return rc;
        }
        seg = &plan->segments[plan->n_segments - 1];
    }
    count_sample(seg, s);
    if (s->duration > UINT32_MAX - seg->duration) {
        return elo_media_fail(reason, ELO_EUNSUPPORTED,
                              "keyframes too far apart");
    }
    seg->duration += s->duration;
    plan->duration += s->duration;
    plan->n_samples++;
    return ELO_OK;
}


/* A last segment without duration joins the one before. */
static void
join_last(elo_plan_t *plan)
{
    elo_segment_t *last = &plan->segments[plan->n_segments - 1];
    elo_segment_t *to = last - 1;

    if (plan->n_segments < 2 || last->duration != 0) {
        return;
    }
    to->bytes += last->bytes;
    to->n_samples += last->n_samples;
    to->has_cts = to->has_cts || last->has_cts;
    to->has_one_duration = false;
    to->sync = to->sync == ELO_SYNC_ALL && last->sync == ELO_SYNC_ALL
                   ? ELO_SYNC_ALL
                   : ELO_SYNC_MIXED;
    plan->n_segments--;
}


/* Spans from one segment's presentation time to the next one's; where tables
   say what can't be, the samples' durations stand. */
static elo_err_t
set_spans(elo_plan_t *plan, const char **reason)
{
    int64_t first = plan->segments[0].pts;
    int64_t at = ELO_MAX(first, 0), end = first + (int64_t) plan->duration;
    uint32_t i;

    if (end <= at || end <= (int64_t) plan->preroll) {
        return elo_media_fail(reason, ELO_EUNSUPPORTED,
                              "no usable track: the edit list leaves nothing");
    }
    plan->start = (uint64_t) at;
    plan->end = (uint64_t) end;
    for (i = 0; i < plan->n_segments; i++) {
        elo_segment_t *seg = &plan->segments[i];
        int64_t next = i + 1 < plan->n_segments ? seg[1].pts : end;
        int64_t span = next - at;

        seg->span =
            span > 0 && span <= UINT32_MAX ? (uint32_t) span : seg->duration;
        at = next;
    }
    return ELO_OK;
}


/* The edit is over at s: nothing after it is wanted. */
static bool
is_past_edit(const cutter_t *c, const elo_sample_t *s)
{
    return s->is_sync && (int64_t) s->dts + s->cts >= c->edit_end
           && c->plan->n_segments > 0;
}


static elo_err_t
walk(cutter_t *c, uint64_t file_len, const char **reason)
{
    elo_plan_t *plan = c->plan;
    elo_sample_iter_t it;
    elo_sample_t s;
    elo_err_t rc;
    uint32_t i;

    elo_sample_iter_init(&it, plan->track, file_len);
    for (i = 0; (rc = elo_sample_iter_next(&it, &s, reason)) == ELO_OK; i++) {
        if (i < plan->first_sample) {
            continue;
        }
        if (is_past_edit(c, &s)) {
            c->edit_end = INT64_MIN; /* reads on: the tables must hold */
        }
        if (c->edit_end == INT64_MIN) {
            continue;
        }
        if ((rc = add_sample(c, &s, reason)) != ELO_OK) {
            return rc;
        }
    }
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


static elo_err_t
make(cutter_t *c, uint64_t file_len, elo_scratch_t *scratch,
     const char **reason)
{
    elo_plan_t *plan = c->plan;
    uint64_t room = elo_scratch_room(scratch) / sizeof(*plan->segments);
    elo_err_t rc;

    if ((rc = find_first(c, file_len, reason)) != ELO_OK
        || (rc = set_timeline(plan->track, c, reason)) != ELO_OK)
    {
        return rc;
    }
    room = ELO_MIN(room, plan->track->n_samples);
    c->room = (uint32_t) ELO_MIN(room, ELO_MEDIA_MAX_SEGMENTS);
    plan->segments =
        elo_scratch_alloc(scratch, c->room, sizeof(*plan->segments));
    if (plan->segments == NULL || c->room == 0) {
        return elo_media_fail(reason, ELO_ENOMEM, "out of memory");
    }
    if ((rc = walk(c, file_len, reason)) != ELO_OK) {
        return rc;
    }
    if (plan->n_segments > 0) {
        join_last(plan);
    }
    if (plan->duration == 0) {
        return elo_media_fail(reason, ELO_EUNSUPPORTED,
                              "no usable track: a track without duration");
    }
    return set_spans(plan, reason);
}


elo_err_t
elo_plan_make(const elo_mp4_track_t *track, uint64_t file_len,
              uint32_t target_ms, const elo_plan_t *lead,
              elo_scratch_t *scratch, elo_plan_t *out, const char **reason)
{
    elo_plan_t plan = { .track = track };
    cutter_t c = {
        .plan = &plan, .target_ms = target_ms, .lead = lead, .video_at = 1
    };
    size_t mark = scratch->used;
    elo_err_t rc;

    c.video = track->kind == ELO_TRACK_AUDIO ? lead : NULL;
    rc = make(&c, file_len, scratch, reason);
    scratch->used = mark;
    if (rc != ELO_OK) {
        return rc;
    }
    /* Takes again, of the same place, what the segments did need. */
    plan.segments =
        elo_scratch_alloc(scratch, plan.n_segments, sizeof(*plan.segments));
    *out = plan;
    return ELO_OK;
}


uint64_t
elo_plan_end_ms(const elo_plan_t *p)
{
    return (uint64_t) scale(p->end, 1000, p->track->timescale);
}
