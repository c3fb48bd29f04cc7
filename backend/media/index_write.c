/* SPDX-License-Identifier: BSD-2-Clause */
/* index_write: lays out a media index. The head's length is known from the
   plans, so recipes are appended behind it and the head filled in place. */
#include "backend/media/index_write.h"

#include "backend/media/box.h"
#include "backend/media/fmp4.h"
#include "backend/media/index.h"
#include "backend/media/index_layout.h"

_Static_assert(ELO_CODEC_TEXT_MAX <= ELO_INDEX_CODEC_MAX, "fits its field");
_Static_assert(ELO_LANGUAGE_MAX <= ELO_INDEX_LANGUAGE_MAX, "fits its field");

typedef struct {
    const elo_index_job_t *job;
    elo_buf_t *out;
    size_t base;     /* where the index starts in out */
    size_t head_len; /* of the index */
    elo_file_run_t *runs;
} writer_t;

/* What segments weigh in bits a second, headers included. */
typedef struct {
    uint64_t bytes;
    uint32_t avg_bps, peak_bps;
    bool has_long; /* some segment was long enough to give a peak */
} rate_t;


static void
set_be(uint8_t *p, uint64_t v, unsigned bytes)
{
    while (bytes > 0) {
        p[--bytes] = (uint8_t) v;
        v >>= 8;
    }
}


/* Borrowed until the next append; the head was made room for. */
static uint8_t *
head_at(const writer_t *w, size_t off)
{
    return w->out->p + w->base + off;
}


static uint32_t
bits_per_second(uint64_t bytes, uint64_t ticks, uint32_t timescale)
{
    uint64_t v;

    if (!elo_mul_u64(bytes, 8, &bytes)
        || !elo_muldiv_u64(bytes, timescale, ticks, &v) || v > UINT32_MAX)
    {
        return UINT32_MAX;
    }
    return (uint32_t) v;
}


/* RFC 8216, 4.3.4.2 measures a peak over half a target duration or more: the
   keyframe of a short last segment is not one, unless there is nothing else. */
static void
rate_add(rate_t *r, const writer_t *w, const elo_plan_t *p,
         const elo_segment_t *seg, uint64_t bytes)
{
    uint32_t bps;
    bool is_long;

    r->bytes += bytes;
    if (seg->duration == 0) {
        return;
    }
    bps = bits_per_second(bytes, seg->duration, p->track->timescale);
    is_long = (uint64_t) seg->duration * 2000
              >= (uint64_t) w->job->target_ms * p->track->timescale;
    if (is_long && !r->has_long) {
        r->has_long = true;
        r->peak_bps = bps;
    } else if (is_long || !r->has_long) {
        r->peak_bps = ELO_MAX(r->peak_bps, bps);
    }
}


static elo_err_t
write_recipe(writer_t *w, const elo_plan_t *p, uint32_t n,
             elo_sample_iter_t *it, uint64_t *bytes, const char **reason)
{
    size_t start = w->out->len, front;
    uint32_t n_runs, i;
    elo_err_t rc;

    if (elo_fmp4_front_max(&p->segments[n]) > ELO_RECIPE_MAX_HEAD) {
        return elo_media_fail(reason, ELO_ETOOBIG,
                              "keyframes too far apart: a segment would be "
                              "too large");
    }
    elo_buf_put_be32(w->out, 0);
    rc = elo_fmp4_segment(p, n, it, w->runs, &n_runs, w->out, reason);
    if (rc != ELO_OK) {
        return rc;
    }
    if (n_runs > ELO_RECIPE_MAX_EXTENTS) {
        return elo_media_fail(reason, ELO_ETOOBIG,
                              "keyframes too far apart: a segment would be "
                              "too scattered");
    }
    front = w->out->len - start - 4;
    elo_buf_patch_be32(w->out, start, (uint32_t) front);
    elo_buf_put_be32(w->out, n_runs);
    for (i = 0; i < n_runs; i++) {
        elo_buf_put_be64(w->out, w->runs[i].offset);
        elo_buf_put_be64(w->out, w->runs[i].len);
    }
    *bytes = front + p->segments[n].bytes;
    return ELO_OK;
}


/* Where the bytes from start to the end lie in the index. */
static void
put_place(const writer_t *w, size_t at, size_t start)
{
    uint8_t *p = head_at(w, at);

    set_be(p, start - w->base, 8);
    set_be(p + 8, w->out->len - start, 4);
}


static elo_err_t
write_segments(writer_t *w, const elo_plan_t *p, size_t table, rate_t *rate,
               const char **reason)
{
    elo_sample_iter_t it;
    elo_sample_t skipped;
    uint64_t bytes = 0;
    elo_err_t rc;
    uint32_t i;

    elo_sample_iter_init(&it, p->track, w->job->file_len);
    for (i = 0; i < p->first_sample; i++) {
        if ((rc = elo_sample_iter_next(&it, &skipped, reason)) != ELO_OK) {
            return rc;
        }
    }
    for (i = 0; i < p->n_segments; i++) {
        size_t start = w->out->len;

        if ((rc = write_recipe(w, p, i, &it, &bytes, reason)) != ELO_OK) {
            return rc;
        }
        if (elo_buf_err(w->out) != ELO_OK) {
            return ELO_OK; /* sticky: told at the end */
        }
        rate_add(rate, w, p, &p->segments[i], bytes);
        set_be(head_at(w, table + (size_t) i * ELO_INDEX_DURATION_LEN),
               p->segments[i].span, 4);
        put_place(w,
                  table + (size_t) p->n_segments * ELO_INDEX_DURATION_LEN
                      + (size_t) i * ELO_INDEX_PLACE_LEN,
                  start);
    }
    rate->avg_bps =
        bits_per_second(rate->bytes, p->duration, p->track->timescale);
    rate->peak_bps = ELO_MAX(rate->peak_bps, rate->avg_bps);
    return ELO_OK;
}


static uint64_t
gcd(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t r = a % b;

        a = b;
        b = r;
    }
    return a;
}


/* The rate of nine frames in ten, else the mean to a thousandth, or the
   whole number that it all but is. */
static void
frame_rate(const elo_plan_t *p, uint32_t *num, uint32_t *den)
{
    const elo_mp4_track_t *t = p->track;
    uint64_t a = 0, b = 1, g, whole;
    uint32_t i;

    for (i = 0; i < t->stts.n; i++) {
        uint64_t count = elo_be32(t->stts.p + (size_t) i * 8);
        uint32_t delta = elo_be32(t->stts.p + (size_t) i * 8 + 4);

        if (delta != 0 && count * 10 >= (uint64_t) t->n_samples * 9) {
            a = t->timescale;
            b = delta;
        }
    }
    if (a == 0) {
        if (!elo_muldiv_u64(p->n_samples * 1000, t->timescale, p->duration, &a))
        {
            a = 0;
        }
        b = 1000;
        whole = (a + b / 2) / b * b;
        a = whole != 0 && ELO_MAX(a, whole) - ELO_MIN(a, whole) <= 5 ? whole
                                                                     : a;
    }
    g = gcd(a, b);
    if (a == 0 || a / g > UINT32_MAX) {
        *num = 0;
        *den = 0;
        return;
    }
    *num = (uint32_t) (a / g);
    *den = (uint32_t) (b / g);
}


/* True when the track header turns the picture by a quarter. */
static bool
is_turned(const elo_mp4_track_t *t)
{
    return elo_be32(t->matrix) == 0 && elo_be32(t->matrix + 16) == 0
           && elo_be32(t->matrix + 4) != 0;
}


static void
fill_video(const elo_plan_t *p, uint8_t *r)
{
    const elo_mp4_track_t *t = p->track;
    uint32_t width = t->codec.width, height = t->codec.height, num, den;

    if (width == 0 || height == 0) {
        width = t->width16 >> 16;
        height = t->height16 >> 16;
    }
    set_be(r + ELO_INDEX_TRACK_WIDTH, is_turned(t) ? height : width, 2);
    set_be(r + ELO_INDEX_TRACK_HEIGHT, is_turned(t) ? width : height, 2);
    frame_rate(p, &num, &den);
    set_be(r + ELO_INDEX_TRACK_FPS_NUM, num, 4);
    set_be(r + ELO_INDEX_TRACK_FPS_DEN, den, 4);
}


static void
fill_track(const elo_plan_t *p, const rate_t *rate, uint8_t *r)
{
    const elo_mp4_track_t *t = p->track;
    size_t codec_len = strlen(t->codec.text);
    size_t language_len = strlen(t->language);

    r[ELO_INDEX_TRACK_KIND] = (uint8_t) t->kind;
    r[ELO_INDEX_TRACK_CODEC_LEN] = (uint8_t) codec_len;
    memcpy(r + ELO_INDEX_TRACK_CODEC, t->codec.text, codec_len);
    r[ELO_INDEX_TRACK_LANGUAGE_LEN] = (uint8_t) language_len;
    memcpy(r + ELO_INDEX_TRACK_LANGUAGE, t->language, language_len);
    if (t->kind == ELO_TRACK_VIDEO) {
        fill_video(p, r);
    } else {
        set_be(r + ELO_INDEX_TRACK_SAMPLE_RATE, t->codec.sample_rate, 4);
        set_be(r + ELO_INDEX_TRACK_CHANNELS, t->codec.channels, 2);
    }
    set_be(r + ELO_INDEX_TRACK_TIMESCALE, t->timescale, 4);
    set_be(r + ELO_INDEX_TRACK_AVG_BPS, rate->avg_bps, 4);
    set_be(r + ELO_INDEX_TRACK_PEAK_BPS, rate->peak_bps, 4);
    set_be(r + ELO_INDEX_TRACK_START, p->start, 8);
    set_be(r + ELO_INDEX_TRACK_N_SEGMENTS, p->n_segments, 4);
}


static elo_err_t
write_track(writer_t *w, uint32_t i, size_t table, const char **reason)
{
    const elo_plan_t *p = &w->job->plans[i];
    size_t record = ELO_INDEX_HEADER_LEN + (size_t) i * ELO_INDEX_TRACK_LEN;
    size_t start = w->out->len;
    rate_t rate = { 0 };
    elo_err_t rc;

    elo_buf_put_be32(w->out, 0);
    elo_fmp4_init(p, w->out);
    elo_buf_patch_be32(w->out, start, (uint32_t) (w->out->len - start - 4));
    elo_buf_put_be32(w->out, 0); /* no extents */
    if (elo_buf_err(w->out) != ELO_OK) {
        return ELO_OK;
    }
    put_place(w, record + ELO_INDEX_TRACK_INIT_OFF, start);
    rc = write_segments(w, p, table, &rate, reason);
    if (rc == ELO_OK && elo_buf_err(w->out) == ELO_OK) {
        fill_track(p, &rate, head_at(w, record));
        set_be(head_at(w, record + ELO_INDEX_TRACK_TABLE_OFF), table, 4);
    }
    return rc;
}


static void
finish(const writer_t *w)
{
    uint8_t *h = head_at(w, 0);
    uint64_t duration_ms = 0;
    uint32_t i;

    for (i = 0; i < w->job->n_plans; i++) {
        duration_ms = ELO_MAX(duration_ms, elo_plan_end_ms(&w->job->plans[i]));
    }
    memcpy(h, ELO_INDEX_MAGIC, 4);
    set_be(h + ELO_INDEX_OFF_VERSION, ELO_INDEX_VERSION, 2);
    set_be(h + ELO_INDEX_OFF_N_TRACKS, w->job->n_plans, 2);
    set_be(h + ELO_INDEX_OFF_HEAD_LEN, w->head_len, 4);
    set_be(h + ELO_INDEX_OFF_TOTAL, w->out->len - w->base, 8);
    set_be(h + ELO_INDEX_OFF_SOURCE, w->job->file_len, 8);
    set_be(h + ELO_INDEX_OFF_DURATION, duration_ms, 8);
    set_be(h + ELO_INDEX_OFF_CRC,
           elo_index_crc(elo_slice(h + ELO_INDEX_OFF_TOTAL,
                                   w->head_len - ELO_INDEX_OFF_TOTAL)),
           4);
}


/* Lengths known beforehand: the head, and room for the largest segment's
   extents. */
static elo_err_t
prepare(writer_t *w, elo_scratch_t *scratch, const char **reason)
{
    const elo_index_job_t *job = w->job;
    uint32_t i, k, most = 0;
    uint8_t *head;

    w->head_len =
        ELO_INDEX_HEADER_LEN + (size_t) job->n_plans * ELO_INDEX_TRACK_LEN;
    for (i = 0; i < job->n_plans; i++) {
        const elo_plan_t *p = &job->plans[i];

        w->head_len += (size_t) p->n_segments * ELO_INDEX_SEGMENT_LEN;
        for (k = 0; k < p->n_segments; k++) {
            most = ELO_MAX(most, p->segments[k].n_samples);
        }
    }
    if (w->head_len > ELO_MEDIA_INDEX_HEAD_MAX) {
        return elo_media_fail(reason, ELO_ETOOBIG, "too many segments");
    }
    /* write_recipe refuses a segment of more samples before it reads them */
    most = ELO_MIN(most, (uint32_t) ELO_RECIPE_MAX_HEAD / ELO_FMP4_ROW_MAX);
    w->runs = elo_scratch_alloc(scratch, most, sizeof(*w->runs));
    head = elo_buf_extend(w->out, w->head_len);
    if (w->runs == NULL || head == NULL) {
        return elo_media_fail(reason, ELO_ENOMEM, "out of memory");
    }
    memset(head, 0, w->head_len);
    return ELO_OK;
}


elo_err_t
elo_index_write(const elo_index_job_t *job, elo_scratch_t *scratch,
                elo_buf_t *out, const char **reason)
{
    writer_t w = { .job = job, .out = out, .base = out->len };
    size_t table;
    elo_err_t rc;
    uint32_t i;

    if ((rc = prepare(&w, scratch, reason)) != ELO_OK) {
        return rc;
    }
    table = ELO_INDEX_HEADER_LEN + (size_t) job->n_plans * ELO_INDEX_TRACK_LEN;
    for (i = 0; i < job->n_plans; i++) {
        if ((rc = write_track(&w, i, table, reason)) != ELO_OK) {
            return rc;
        }
        table += (size_t) job->plans[i].n_segments * ELO_INDEX_SEGMENT_LEN;
    }
    if ((rc = elo_buf_err(out)) != ELO_OK) {
        return elo_media_fail(reason, rc,
                              rc == ELO_ENOMEM ? "out of memory"
                                               : "the index is too large");
    }
    finish(&w);
    return ELO_OK;
}
