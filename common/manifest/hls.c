/* SPDX-License-Identifier: BSD-2-Clause */
/* hls: playlists as text. Spec: RFC 8216, 4; CHANNELS and FRAME-RATE as there.
   The printer never trusts a string: quotes, controls and broken UTF-8 are left
   out of quoted strings, since the format has no escape for them. */
#include "common/manifest/hls.h"

#include "common/base/num.h"
#include "common/base/utf8.h"

#define HLS_VERSION  7 /* EXT-X-MAP without I-frames only */
#define GROUP        "audio"
#define LABEL_MAX    256
#define MICROSECONDS 1000000u
#define FPS_DIGITS   1000u /* FRAME-RATE has three decimals */


/* What RFC 8216, 4.2 allows in a quoted string, of s. */
static void
put_quoted(elo_buf_t *b, elo_slice_t s)
{
    uint32_t cp = 0;
    size_t n;

    elo_buf_put_u8(b, '"');
    while (s.len > 0) {
        n = elo_utf8_next(s, &cp);
        if (n > 0 && cp >= ' ' && cp != '"' && !(cp >= 0x7f && cp < 0xa0)) {
            elo_buf_put(b, s.p, n);
        }
        n = ELO_MAX(n, 1);
        s = elo_slice(s.p + n, s.len - n);
    }
    elo_buf_put_u8(b, '"');
}


/* ",NAME=" and the quoted string; nothing for an empty one. */
static void
put_attr(elo_buf_t *b, const char *name, elo_slice_t s)
{
    if (s.len > 0) {
        elo_buf_printf(b, ",%s=", name);
        put_quoted(b, s);
    }
}


static const elo_media_track_t *
first_of(const elo_media_t *m, elo_track_kind_t kind)
{
    for (uint32_t i = 0; i < m->n_tracks; i++) {
        if (m->tracks[i].kind == kind) {
            return &m->tracks[i];
        }
    }
    return NULL;
}


/* What a person would call the track. */
static elo_slice_t
plain_name(const elo_media_track_t *t)
{
    if (t->name.len > 0) {
        return t->name;
    }
    return t->language.len > 0 ? t->language : ELO_SLICE("Audio");
}


/* NAME: names are unique within a group (RFC 8216, 4.3.4.1.1), so a second
   track of a name gets its id behind it. */
static void
put_name(const elo_media_t *m, const elo_media_track_t *t, elo_buf_t *b)
{
    elo_slice_t name = plain_name(t);
    uint8_t mem[LABEL_MAX];
    bool is_taken = false;
    elo_buf_t label;

    for (uint32_t i = 0; &m->tracks[i] != t; i++) {
        is_taken = is_taken
                   || (m->tracks[i].kind == ELO_TRACK_AUDIO
                       && elo_slice_eq(plain_name(&m->tracks[i]), name));
    }
    if (!is_taken) {
        put_attr(b, "NAME", name);
        return;
    }
    elo_buf_init_fixed(&label, mem, sizeof(mem));
    elo_buf_put(&label, name.p, ELO_MIN(name.len, LABEL_MAX / 2));
    elo_buf_put_str(&label, " ");
    elo_buf_put_slice(&label, t->id);
    put_attr(b, "NAME", elo_buf_slice(&label));
}


static void
put_media_tags(const elo_media_t *m, elo_buf_t *b)
{
    bool is_first = true;

    for (uint32_t i = 0; i < m->n_tracks; i++) {
        const elo_media_track_t *t = &m->tracks[i];

        if (t->kind != ELO_TRACK_AUDIO) {
            continue;
        }
        elo_buf_put_str(b, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"" GROUP "\"");
        put_name(m, t, b);
        put_attr(b, "LANGUAGE", t->language);
        elo_buf_printf(b, ",DEFAULT=%s,AUTOSELECT=YES",
                       is_first ? "YES" : "NO");
        if (t->channels > 0) {
            elo_buf_printf(b, ",CHANNELS=\"%u\"", t->channels);
        }
        elo_buf_put_str(b, ",URI=\"");
        elo_buf_put_slice(b, t->id);
        elo_buf_put_str(b, ".m3u8\"\n");
        is_first = false;
    }
}


/* CODECS: the variant's own and each distinct one of the audio group. */
static void
put_codecs(const elo_media_t *m, const elo_media_track_t *v, elo_buf_t *b)
{
    uint8_t mem[1024]; /* more codecs than that would be no use to anyone */
    elo_buf_t list;

    elo_buf_init_fixed(&list, mem, sizeof(mem));
    elo_buf_put_slice(&list, v->codec);
    for (uint32_t i = 0; i < m->n_tracks; i++) {
        const elo_media_track_t *t = &m->tracks[i];
        bool is_listed = elo_slice_eq(t->codec, v->codec);

        for (uint32_t k = 0; k < i && !is_listed; k++) {
            is_listed = m->tracks[k].kind == ELO_TRACK_AUDIO
                        && elo_slice_eq(m->tracks[k].codec, t->codec);
        }
        if (t->kind == ELO_TRACK_AUDIO && t->codec.len > 0 && !is_listed) {
            elo_buf_put_str(&list, list.len > 0 ? "," : "");
            elo_buf_put_slice(&list, t->codec);
        }
    }
    put_attr(b, "CODECS", elo_buf_slice(&list));
}


/* The largest rate of the audio group, which any variant may be played with. */
static void
audio_rates(const elo_media_t *m, uint64_t *peak, uint64_t *avg)
{
    *peak = 0;
    *avg = 0;
    for (uint32_t i = 0; i < m->n_tracks; i++) {
        if (m->tracks[i].kind == ELO_TRACK_AUDIO) {
            *peak = ELO_MAX(*peak, m->tracks[i].peak_bps);
            *avg = ELO_MAX(*avg, m->tracks[i].avg_bps);
        }
    }
}


static void
put_variant(const elo_media_t *m, const elo_media_track_t *t, bool has_group,
            elo_buf_t *b)
{
    uint64_t peak = t->peak_bps, avg = t->avg_bps, fps;
    uint64_t audio_peak, audio_avg;

    audio_rates(m, &audio_peak, &audio_avg);
    if (t->kind == ELO_TRACK_VIDEO) {
        peak += audio_peak;
        avg += audio_avg;
    } else {
        peak = audio_peak;
        avg = audio_avg;
    }
    elo_buf_printf(b, "#EXT-X-STREAM-INF:BANDWIDTH=%llu,AVERAGE-BANDWIDTH=%llu",
                   (unsigned long long) ELO_MAX(peak, 1),
                   (unsigned long long) avg);
    put_codecs(m, t, b);
    if (t->width > 0 && t->height > 0) {
        elo_buf_printf(b, ",RESOLUTION=%ux%u", t->width, t->height);
    }
    if (t->frame_rate_num > 0 && t->frame_rate_den > 0) {
        fps =
            ((uint64_t) t->frame_rate_num * FPS_DIGITS + t->frame_rate_den / 2)
            / t->frame_rate_den;
        elo_buf_printf(b, ",FRAME-RATE=%llu.%03u",
                       (unsigned long long) (fps / FPS_DIGITS),
                       (unsigned) (fps % FPS_DIGITS));
    }
    elo_buf_put_str(b, has_group ? ",AUDIO=\"" GROUP "\"\n" : "\n");
    elo_buf_put_slice(b, t->id);
    elo_buf_put_str(b, ".m3u8\n");
}


static void
put_start(elo_buf_t *b)
{
    elo_buf_printf(b, "#EXTM3U\n#EXT-X-VERSION:%d\n", HLS_VERSION);
    elo_buf_put_str(b, "#EXT-X-INDEPENDENT-SEGMENTS\n");
}


elo_err_t
elo_hls_master(const elo_media_t *m, elo_buf_t *out)
{
    const elo_media_track_t *video = first_of(m, ELO_TRACK_VIDEO);
    const elo_media_track_t *audio = first_of(m, ELO_TRACK_AUDIO);
    uint32_t n_audio = 0;
    bool has_group;

    if (m->n_tracks == 0) {
        return ELO_EINVAL;
    }
    for (uint32_t i = 0; i < m->n_tracks; i++) {
        n_audio += m->tracks[i].kind == ELO_TRACK_AUDIO;
    }
    /* Audio alone needs no group, unless there is a choice of languages: these
       are renditions, not variants, for a player may not switch between them by
       bandwidth. */
    has_group = video != NULL ? n_audio > 0 : n_audio > 1;
    put_start(out);
    if (has_group) {
        put_media_tags(m, out);
    }
    if (video == NULL) {
        put_variant(m, audio, has_group, out);
        return elo_buf_err(out);
    }
    for (uint32_t i = 0; i < m->n_tracks; i++) {
        if (m->tracks[i].kind == ELO_TRACK_VIDEO) {
            put_variant(m, &m->tracks[i], has_group, out);
        }
    }
    return elo_buf_err(out);
}


/* Ticks as microseconds, to the nearest. */
static uint64_t
to_us(uint64_t ticks, uint32_t timescale)
{
    uint64_t sec = ticks / timescale;
    uint64_t rest = ticks % timescale;

    return sec * MICROSECONDS
           + (rest * MICROSECONDS + timescale / 2) / timescale;
}


elo_err_t
elo_hls_media(const elo_media_t *m, const elo_media_track_t *t, elo_buf_t *out)
{
    uint64_t at = 0, from, to, longest_us;

    if (t->timescale == 0) {
        return ELO_EINVAL;
    }
    longest_us = to_us(elo_media_longest(t), t->timescale);
    put_start(out);
    elo_buf_printf(out, "#EXT-X-TARGETDURATION:%llu\n",
                   (unsigned long long) ELO_MAX(
                       1, (longest_us + MICROSECONDS - 1) / MICROSECONDS));
    elo_buf_put_str(out, "#EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-PLAYLIST-TYPE:VOD\n");
    elo_buf_put_str(out, "#EXT-X-MAP:URI=\"");
    elo_buf_put_slice(out, m->version);
    elo_buf_put_str(out, "/");
    elo_buf_put_slice(out, t->id);
    elo_buf_put_str(out, "/init.mp4\"\n");
    for (uint32_t i = 0; i < t->n_segments; i++) {
        /* differences of rounded ends: what is rounded never adds up */
        from = to_us(at, t->timescale);
        at += elo_media_duration(t, i);
        to = to_us(at, t->timescale) - from;
        elo_buf_printf(out, "#EXTINF:%llu.%06u,\n",
                       (unsigned long long) (to / MICROSECONDS),
                       (unsigned) (to % MICROSECONDS));
        elo_buf_put_slice(out, m->version);
        elo_buf_put_str(out, "/");
        elo_buf_put_slice(out, t->id);
        elo_buf_printf(out, "/%u.m4s\n", i + 1);
    }
    elo_buf_put_str(out, "#EXT-X-ENDLIST\n");
    return elo_buf_err(out);
}
