/* SPDX-License-Identifier: BSD-2-Clause */
/* fmp4: generated boxes of initialization and media segments. Lengths are
   patched in when a box is closed. */
#include "backend/media/fmp4.h"

#include "backend/media/box.h"

#define FRONT_FIXED      256 /* styp, moof but for trun's rows, mdat header: 164 */
#define ELO_FMP4_ROW_MAX 16 /* duration, size, flags, composition offset */

/* 14496-12, 8.8.3.1: depends on others and isn't a sync sample; depends on
   none. */
#define FLAGS_SYNC     0x02000000u
#define FLAGS_NON_SYNC 0x01010000u

/* 8.8.7.1 */
#define TFHD_DEFAULT_DURATION 0x000008u
#define TFHD_DEFAULT_FLAGS    0x000020u
#define TFHD_BASE_IS_MOOF     0x020000u

/* 8.8.8.1 */
#define TRUN_DATA_OFFSET 0x001u
#define TRUN_FIRST_FLAGS 0x004u
#define TRUN_DURATION    0x100u
#define TRUN_SIZE        0x200u
#define TRUN_FLAGS       0x400u
#define TRUN_CTS         0x800u


static size_t
box_open(elo_buf_t *b, const char type[5])
{
    size_t at = b->len;

    elo_buf_put_be32(b, 0);
    elo_buf_put(b, type, 4);
    return at;
}


static size_t
full_open(elo_buf_t *b, const char type[5], uint8_t version, uint32_t flags)
{
    size_t at = box_open(b, type);

    elo_buf_put_be32(b, (uint32_t) version << 24 | flags);
    return at;
}


static void
box_close(elo_buf_t *b, size_t at)
{
    elo_buf_patch_be32(b, at, (uint32_t) (b->len - at));
}


static void
zeros(elo_buf_t *b, size_t n)
{
    uint8_t *p = elo_buf_extend(b, n);

    if (p != NULL) {
        memset(p, 0, n);
    }
}


static void
put_mvhd(const elo_plan_t *p, elo_buf_t *b)
{
    static const uint32_t unity[9] = { 0x10000, 0, 0, 0,         0x10000,
                                       0,       0, 0, 0x40000000 };
    size_t at = full_open(b, "mvhd", 0, 0);
    size_t i;

    zeros(b, 8); /* times */
    elo_buf_put_be32(b, p->track->timescale);
    elo_buf_put_be32(b, 0); /* duration: in mehd */
    elo_buf_put_be32(b, 0x10000);
    elo_buf_put_be16(b, 0x100);
    zeros(b, 10);
    for (i = 0; i < ELO_COUNT(unity); i++) {
        elo_buf_put_be32(b, unity[i]);
    }
    zeros(b, 24);
    elo_buf_put_be32(b, 2); /* next track */
    box_close(b, at);
}


static void
put_tkhd(const elo_plan_t *p, elo_buf_t *b)
{
    const elo_mp4_track_t *t = p->track;
    size_t at = full_open(b, "tkhd", 0, 7); /* enabled, in movie and preview */

    zeros(b, 8);
    elo_buf_put_be32(b, 1);
    zeros(b, 4 + 4 + 8 + 2); /* reserved, duration, reserved, layer */
    elo_buf_put_be16(b, t->alternate_group);
    elo_buf_put_be16(b, t->volume);
    elo_buf_put_be16(b, 0);
    elo_buf_put(b, t->matrix, ELO_MATRIX_LEN);
    elo_buf_put_be32(b, t->width16);
    elo_buf_put_be32(b, t->height16);
    box_close(b, at);
}


/* One edit, of length 0: all that the fragments bring (8.6.6.1). */
static void
put_edts(const elo_plan_t *p, elo_buf_t *b)
{
    size_t edts, at;

    if (p->media_time == 0) {
        return;
    }
    edts = box_open(b, "edts");
    at = full_open(b, "elst", 1, 0);
    elo_buf_put_be32(b, 1);
    elo_buf_put_be64(b, 0);
    elo_buf_put_be64(b, p->media_time);
    elo_buf_put_be32(b, 0x10000); /* rate */
    box_close(b, at);
    box_close(b, edts);
}


/* mdhd carries ISO 639-2 codes only; two-letter and longer ones go to elng. */
static void
put_language(const elo_mp4_track_t *t, elo_buf_t *b, bool is_mdhd)
{
    size_t len = strlen(t->language), at;
    const char *l = len == 3 ? t->language : "und";

    if (is_mdhd) {
        elo_buf_put_be16(b, (uint16_t) ((l[0] & 0x1f) << 10 | (l[1] & 0x1f) << 5
                                        | (l[2] & 0x1f)));
    } else if (len != 0) {
        at = full_open(b, "elng", 0, 0);
        elo_buf_put(b, t->language, len + 1);
        box_close(b, at);
    }
}


/* The source's sample entry, its data reference made the one in dinf. A
   QuickTime sound entry becomes a plain one. */
static void
put_entry(const elo_mp4_track_t *t, elo_buf_t *b)
{
    size_t at = b->len;

    if (t->codec.is_quicktime) {
        elo_buf_put(b, t->entry.p, 16);
        zeros(b, 8); /* version, revision, vendor */
        elo_buf_put(b, t->entry.p + 24, 4);
        zeros(b, 4); /* compression id, packet size */
        elo_buf_put(b, t->entry.p + 32, 4);
        elo_buf_put_slice(b, t->codec.config);
        box_close(b, at);
    } else {
        elo_buf_put_slice(b, t->entry);
    }
    if (elo_buf_err(b) == ELO_OK) {
        b->p[at + 14] = 0;
        b->p[at + 15] = 1;
    }
}


static void
put_stbl(const elo_mp4_track_t *t, elo_buf_t *b)
{
    static const char *const empty[] = { "stts", "stsc", "stco" };
    size_t stbl = box_open(b, "stbl");
    size_t at = full_open(b, "stsd", 0, 0);
    size_t i;

    elo_buf_put_be32(b, 1);
    put_entry(t, b);
    box_close(b, at);
    for (i = 0; i < ELO_COUNT(empty); i++) {
        at = full_open(b, empty[i], 0, 0);
        elo_buf_put_be32(b, 0);
        box_close(b, at);
    }
    at = full_open(b, "stsz", 0, 0);
    zeros(b, 8);
    box_close(b, at);
    box_close(b, stbl);
}


static void
put_minf(const elo_mp4_track_t *t, elo_buf_t *b)
{
    size_t minf = box_open(b, "minf");
    size_t at, dref, url;

    if (t->kind == ELO_TRACK_VIDEO) {
        at = full_open(b, "vmhd", 0, 1);
        zeros(b, 8);
    } else {
        at = full_open(b, "smhd", 0, 0);
        zeros(b, 4);
    }
    box_close(b, at);
    at = box_open(b, "dinf");
    dref = full_open(b, "dref", 0, 0);
    elo_buf_put_be32(b, 1);
    url = full_open(b, "url ", 0, 1); /* the media is here */
    box_close(b, url);
    box_close(b, dref);
    box_close(b, at);
    put_stbl(t, b);
    box_close(b, minf);
}


static void
put_mdia(const elo_mp4_track_t *t, elo_buf_t *b)
{
    size_t mdia = box_open(b, "mdia");
    size_t at = full_open(b, "mdhd", 0, 0);

    zeros(b, 8);
    elo_buf_put_be32(b, t->timescale);
    elo_buf_put_be32(b, 0);
    put_language(t, b, true);
    elo_buf_put_be16(b, 0);
    box_close(b, at);
    at = full_open(b, "hdlr", 0, 0);
    zeros(b, 4);
    elo_buf_put(b, t->kind == ELO_TRACK_VIDEO ? "vide" : "soun", 4);
    zeros(b, 12 + 1); /* reserved, empty name */
    box_close(b, at);
    put_language(t, b, false);
    put_minf(t, b);
    box_close(b, mdia);
}


static void
put_mvex(const elo_plan_t *p, elo_buf_t *b)
{
    size_t mvex = box_open(b, "mvex");
    size_t at = full_open(b, "mehd", 1, 0);

    elo_buf_put_be64(b, p->end);
    box_close(b, at);
    at = full_open(b, "trex", 0, 0);
    elo_buf_put_be32(b, 1); /* track */
    elo_buf_put_be32(b, 1); /* sample description */
    zeros(b, 12);
    box_close(b, at);
    box_close(b, mvex);
}


void
elo_fmp4_init(const elo_plan_t *p, elo_buf_t *out)
{
    size_t at = box_open(out, "ftyp");
    size_t moov, trak;

    elo_buf_put(out, "iso6\0\0\0\0iso6cmfcmp41", 20);
    box_close(out, at);
    moov = box_open(out, "moov");
    put_mvhd(p, out);
    trak = box_open(out, "trak");
    put_tkhd(p, out);
    put_edts(p, out);
    put_mdia(p->track, out);
    box_close(out, trak);
    put_mvex(p, out);
    box_close(out, moov);
}


static uint32_t
trun_flags(const elo_segment_t *seg)
{
    uint32_t flags = TRUN_DATA_OFFSET | TRUN_SIZE;

    flags |= seg->has_one_duration ? 0 : TRUN_DURATION;
    flags |= seg->has_cts ? TRUN_CTS : 0;
    flags |= seg->sync == ELO_SYNC_FIRST   ? TRUN_FIRST_FLAGS
             : seg->sync == ELO_SYNC_MIXED ? TRUN_FLAGS
                                           : 0;
    return flags;
}


static void
put_tfhd(const elo_segment_t *seg, elo_buf_t *b)
{
    uint32_t flags = TFHD_BASE_IS_MOOF | TFHD_DEFAULT_FLAGS
                     | (seg->has_one_duration ? TFHD_DEFAULT_DURATION : 0);
    size_t at = full_open(b, "tfhd", 0, flags);

    elo_buf_put_be32(b, 1);
    if (seg->has_one_duration) {
        elo_buf_put_be32(b, seg->sample_duration);
    }
    elo_buf_put_be32(b,
                     seg->sync == ELO_SYNC_ALL ? FLAGS_SYNC : FLAGS_NON_SYNC);
    box_close(b, at);
}


/* trun's rows, and where the samples lie. */
static elo_err_t
put_rows(const elo_segment_t *seg, uint32_t flags, elo_sample_iter_t *it,
         elo_file_run_t *runs, uint32_t *n_runs, elo_buf_t *b,
         const char **reason)
{
    elo_sample_t s;
    elo_err_t rc;
    uint32_t i, n = 0;

    for (i = 0; i < seg->n_samples; i++) {
        if ((rc = elo_sample_iter_next(it, &s, reason)) != ELO_OK) {
            return rc;
        }
        if ((flags & TRUN_DURATION) != 0) {
            elo_buf_put_be32(b, s.duration);
        }
        elo_buf_put_be32(b, s.size);
        if ((flags & TRUN_FLAGS) != 0) {
            elo_buf_put_be32(b, s.is_sync ? FLAGS_SYNC : FLAGS_NON_SYNC);
        }
        if ((flags & TRUN_CTS) != 0) {
            elo_buf_put_be32(b, (uint32_t) s.cts);
        }
        if (n > 0 && runs[n - 1].offset + runs[n - 1].len == s.offset) {
            runs[n - 1].len += s.size;
        } else if (s.size > 0) {
            runs[n++] = (elo_file_run_t){ s.offset, s.size };
        }
    }
    *n_runs = n;
    return ELO_OK;
}


/* 4.2.2: a 64-bit size where 32 bits are too few. */
static void
put_mdat_header(uint64_t media, elo_buf_t *b)
{
    if (media > UINT32_MAX - ELO_BOX_HEADER) {
        elo_buf_put_be32(b, 1);
        elo_buf_put(b, "mdat", 4);
        elo_buf_put_be64(b, media + 16);
    } else {
        elo_buf_put_be32(b, (uint32_t) (media + ELO_BOX_HEADER));
        elo_buf_put(b, "mdat", 4);
    }
}


elo_err_t
elo_fmp4_segment(const elo_plan_t *p, uint32_t n, elo_sample_iter_t *it,
                 elo_file_run_t *runs, uint32_t *n_runs, elo_buf_t *out,
                 const char **reason)
{
    const elo_segment_t *seg = &p->segments[n];
    size_t moof, traf, at, data_offset;
    uint32_t flags;
    elo_err_t rc;

    at = box_open(out, "styp");
    elo_buf_put(out, "msdh\0\0\0\0msdhcmfsiso6", 20);
    box_close(out, at);
    moof = box_open(out, "moof");
    at = full_open(out, "mfhd", 0, 0);
    elo_buf_put_be32(out, n + 1);
    box_close(out, at);
    traf = box_open(out, "traf");
    put_tfhd(seg, out);
    at = full_open(out, "tfdt", 1, 0);
    elo_buf_put_be64(out, seg->dts);
    box_close(out, at);
    flags = trun_flags(seg);
    at = full_open(out, "trun", 1, flags);
    elo_buf_put_be32(out, seg->n_samples);
    data_offset = out->len;
    elo_buf_put_be32(out, 0);
    if ((flags & TRUN_FIRST_FLAGS) != 0) {
        elo_buf_put_be32(out, FLAGS_SYNC);
    }
    rc = put_rows(seg, flags, it, runs, n_runs, out, reason);
    if (rc != ELO_OK) {
        return rc;
    }
    box_close(out, at);
    box_close(out, traf);
    box_close(out, moof);
    put_mdat_header(seg->bytes, out);
    elo_buf_patch_be32(out, data_offset, (uint32_t) (out->len - moof));
    return ELO_OK;
}


uint64_t
elo_fmp4_front_max(const elo_segment_t *seg)
{
    return FRONT_FIXED + (uint64_t) seg->n_samples * ELO_FMP4_ROW_MAX;
}
