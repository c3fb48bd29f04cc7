/* SPDX-License-Identifier: BSD-2-Clause */
/* dash: a static MPD as text. Spec: ISO/IEC 23009-1 (5.3: elements and their
   order), profile urn:mpeg:dash:profile:isoff-live:2011; XML 1.0, 2.2 for what
   a document may hold. */
#include "common/manifest/dash.h"

#include "common/base/num.h"
#include "common/base/utf8.h"

#define CICP_DIRECT_MAX 6  /* ISO/IEC 23001-8: 1 to 6 are channel counts */
#define CICP_7_1        12 /* eight channels, two of them behind */


static bool
is_xml_char(uint32_t cp)
{
    return cp == '\t' || cp == '\n' || cp == '\r'
           || (cp >= ' ' && cp != 0xfffe && cp != 0xffff);
}


static void
put_escaped(elo_buf_t *b, elo_slice_t s)
{
    uint32_t cp = 0;
    size_t n;

    while (s.len > 0) {
        n = elo_utf8_next(s, &cp);
        if (n == 0 || !is_xml_char(cp)) {
            n = ELO_MAX(n, 1); /* dropped */
        } else if (cp < 0x80 && strchr("&<>\"'\t\n\r", (int) cp) != NULL) {
            elo_buf_printf(b, "&#%u;", cp);
        } else {
            elo_buf_put(b, s.p, n);
        }
        s = elo_slice(s.p + n, s.len - n);
    }
}


/* ' name="escaped"'; nothing for an empty string. */
static void
put_attr(elo_buf_t *b, const char *name, elo_slice_t s)
{
    if (s.len > 0) {
        elo_buf_printf(b, " %s=\"", name);
        put_escaped(b, s);
        elo_buf_put_u8(b, '"');
    }
}


/* The sample entry's name: "avc1" of "avc1.64001f". */
static elo_slice_t
family(elo_slice_t codec)
{
    size_t n = 0;

    while (n < codec.len && codec.p[n] != '.') {
        n++;
    }
    return elo_slice(codec.p, n);
}


/* May a player switch from one to the other without its user's word? */
static bool
is_same_set(const elo_media_track_t *a, const elo_media_track_t *b)
{
    return a->kind == b->kind
           && elo_slice_eq(family(a->codec), family(b->codec))
           && (a->kind == ELO_TRACK_VIDEO
               || elo_slice_eq(a->language, b->language));
}


/* Do the segments of both begin at the same times? Exact, by cross
   multiplication. */
static bool
is_aligned(const elo_media_track_t *a, const elo_media_track_t *b)
{
    uint64_t at_a = a->start, at_b = b->start;

    if (a->n_segments != b->n_segments) {
        return false;
    }
    for (uint32_t i = 0; i < a->n_segments; i++) {
        if ((unsigned __int128) at_a * b->timescale
            != (unsigned __int128) at_b * a->timescale)
        {
            return false;
        }
        at_a += elo_media_duration(a, i);
        at_b += elo_media_duration(b, i);
    }
    return true;
}


/* The track whose first segment is earliest: there the period begins, for all
   tracks alike, so that sound stays with the picture. */
static const elo_media_track_t *
earliest(const elo_media_t *m)
{
    const elo_media_track_t *first = &m->tracks[0];

    for (uint32_t i = 1; i < m->n_tracks; i++) {
        const elo_media_track_t *t = &m->tracks[i];

        if ((unsigned __int128) t->start * first->timescale
            < (unsigned __int128) first->start * t->timescale)
        {
            first = t;
        }
    }
    return first;
}


/* Runs of equal durations; only the first entry needs its time. */
static void
put_timeline(elo_buf_t *b, const elo_media_track_t *t)
{
    uint32_t i = 0;

    elo_buf_put_str(b, "     <SegmentTimeline>\n");
    while (i < t->n_segments) {
        uint32_t d = elo_media_duration(t, i);
        uint32_t run = 1;

        while (i + run < t->n_segments && elo_media_duration(t, i + run) == d) {
            run++;
        }
        elo_buf_put_str(b, "      <S");
        if (i == 0) {
            elo_buf_printf(b, " t=\"%llu\"", (unsigned long long) t->start);
        }
        elo_buf_printf(b, " d=\"%u\"", d);
        if (run > 1) {
            elo_buf_printf(b, " r=\"%u\"", run - 1);
        }
        elo_buf_put_str(b, "/>\n");
        i += run;
    }
    elo_buf_put_str(b, "     </SegmentTimeline>\n");
}


static void
put_template(elo_buf_t *b, const elo_media_t *m, const elo_media_track_t *t)
{
    const elo_media_track_t *first = earliest(m);
    uint64_t offset = 0;

    /* no later than t->start, so it always fits */
    if (!elo_muldiv_u64(first->start, t->timescale, first->timescale, &offset))
    {
        offset = t->start;
    }
    elo_buf_printf(b, "    <SegmentTemplate timescale=\"%u\"", t->timescale);
    elo_buf_put_str(b, " initialization=\"");
    put_escaped(b, m->version);
    elo_buf_put_str(b, "/$RepresentationID$/init.mp4\" media=\"");
    put_escaped(b, m->version);
    elo_buf_put_str(b, "/$RepresentationID$/$Number$.m4s\" startNumber=\"1\"");
    elo_buf_printf(b, " presentationTimeOffset=\"%llu\">\n",
                   (unsigned long long) offset);
    put_timeline(b, t);
    elo_buf_put_str(b, "    </SegmentTemplate>\n");
}


static void
put_channels(elo_buf_t *b, uint16_t channels)
{
    unsigned value = channels;

    if (channels == CICP_DIRECT_MAX + 2) {
        value = CICP_7_1;
    } else if (channels == 0 || channels > CICP_DIRECT_MAX) {
        return;
    }
    elo_buf_printf(b,
                   "    <AudioChannelConfiguration schemeIdUri=\"urn:mpeg:"
                   "dash:23003:3:audio_channel_configuration:2011\""
                   " value=\"%u\"/>\n",
                   value);
}


static void
put_representation(elo_buf_t *b, const elo_media_t *m,
                   const elo_media_track_t *t)
{
    elo_buf_put_str(b, "   <Representation");
    put_attr(b, "id", t->id);
    put_attr(b, "codecs", t->codec);
    elo_buf_printf(b, " bandwidth=\"%u\"", ELO_MAX(t->peak_bps, 1));
    if (t->kind == ELO_TRACK_VIDEO && t->width > 0 && t->height > 0) {
        elo_buf_printf(b, " width=\"%u\" height=\"%u\"", t->width, t->height);
    }
    if (t->kind == ELO_TRACK_VIDEO && t->frame_rate_num > 0
        && t->frame_rate_den > 0)
    {
        elo_buf_printf(b, " frameRate=\"%u", t->frame_rate_num);
        if (t->frame_rate_den > 1) {
            elo_buf_printf(b, "/%u", t->frame_rate_den);
        }
        elo_buf_put_str(b, "\"");
    }
    if (t->kind == ELO_TRACK_AUDIO && t->sample_rate > 0) {
        elo_buf_printf(b, " audioSamplingRate=\"%u\"", t->sample_rate);
    }
    elo_buf_put_str(b, ">\n");
    if (t->kind == ELO_TRACK_AUDIO) {
        put_channels(b, t->channels);
    }
    put_template(b, m, t);
    elo_buf_put_str(b, "   </Representation>\n");
}


/* The set that track number i begins; id counts the sets. */
static void
put_set(elo_buf_t *b, const elo_media_t *m, uint32_t i, unsigned id)
{
    const elo_media_track_t *t = &m->tracks[i];
    bool is_video = t->kind == ELO_TRACK_VIDEO;
    bool aligned = true, is_main = true;

    for (uint32_t k = 0; k < m->n_tracks; k++) {
        if (k > i && is_same_set(&m->tracks[k], t)) {
            aligned = aligned && is_aligned(t, &m->tracks[k]);
        }
        if (k < i && m->tracks[k].kind == t->kind) {
            is_main = false;
        }
    }
    elo_buf_printf(b,
                   "  <AdaptationSet id=\"%u\" contentType=\"%s\""
                   " mimeType=\"%s/mp4\"",
                   id, is_video ? "video" : "audio",
                   is_video ? "video" : "audio");
    if (!is_video) {
        put_attr(b, "lang", t->language);
    }
    if (aligned) {
        elo_buf_put_str(b, " segmentAlignment=\"true\"");
    }
    elo_buf_put_str(b, " startWithSAP=\"1\">\n");
    if (!is_video && t->name.len > 0) {
        elo_buf_put_str(b, "   <Label>");
        put_escaped(b, t->name);
        elo_buf_put_str(b, "</Label>\n");
    }
    elo_buf_printf(b,
                   "   <Role schemeIdUri=\"urn:mpeg:dash:role:2011\""
                   " value=\"%s\"/>\n",
                   is_main ? "main" : "alternate");
    for (uint32_t k = i; k < m->n_tracks; k++) {
        if (is_same_set(&m->tracks[k], t)) {
            put_representation(b, m, &m->tracks[k]);
        }
    }
    elo_buf_put_str(b, "  </AdaptationSet>\n");
}


static bool
is_first_of_set(const elo_media_t *m, uint32_t i)
{
    for (uint32_t k = 0; k < i; k++) {
        if (is_same_set(&m->tracks[k], &m->tracks[i])) {
            return false;
        }
    }
    return true;
}


elo_err_t
elo_dash_mpd(const elo_media_t *m, elo_buf_t *out)
{
    unsigned id = 0;

    if (m->n_tracks == 0) {
        return ELO_EINVAL;
    }
    for (uint32_t i = 0; i < m->n_tracks; i++) {
        if (m->tracks[i].timescale == 0) {
            return ELO_EINVAL;
        }
    }
    elo_buf_put_str(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\""
        " profiles=\"urn:mpeg:dash:profile:isoff-live:2011\" type=\"static\"");
    elo_buf_printf(out,
                   " mediaPresentationDuration=\"PT%llu.%03uS\""
                   " minBufferTime=\"PT2S\">\n",
                   (unsigned long long) (m->duration_ms / 1000),
                   (unsigned) (m->duration_ms % 1000));
    if (m->title.len > 0) {
        elo_buf_put_str(out, " <ProgramInformation><Title>");
        put_escaped(out, m->title);
        elo_buf_put_str(out, "</Title></ProgramInformation>\n");
    }
    elo_buf_put_str(out, " <Period id=\"0\" start=\"PT0S\">\n");
    for (uint32_t i = 0; i < m->n_tracks; i++) {
        if (is_first_of_set(m, i)) {
            put_set(out, m, i, id++);
        }
    }
    elo_buf_put_str(out, " </Period>\n</MPD>\n");
    return elo_buf_err(out);
}
