/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/media's indexer on small files made here: what a good file
   gives, variations of the container, each field lied about, each prefix. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "backend/media/index.h"
#include "backend/media/indexer.h"
#include "t/unit/backend/media/mp4_build.c"
#include "t/unit/guard.h"

#define SCRATCH_LEN (1u << 20)
#define TARGET_MS   1000

typedef struct {
    elo_buf_t file, index;
    elo_media_t media;
    const char *reason;
    elo_err_t rc;
} run_t;

static _Alignas(16) uint8_t scratch[SCRATCH_LEN];


static void
run_target(run_t *r, elo_slice_t file, uint32_t target_ms)
{
    const elo_indexer_cfg_t cfg = { .target_ms = target_ms };

    r->reason = "";
    elo_buf_init(&r->index, 1u << 20);
    r->rc = elo_indexer_run(file, &cfg, scratch, sizeof(scratch), &r->index,
                            &r->reason);
    if (r->rc == ELO_OK) {
        assert_int_equal(elo_media_index_parse(elo_buf_slice(&r->index),
                                               r->index.len, file.len,
                                               &r->media),
                         ELO_OK);
    } else {
        assert_true(r->reason[0] != '\0');
    }
}


static void
run_flags(run_t *r, unsigned flags)
{
    elo_buf_init(&r->file, 1u << 20);
    mp4_build(&r->file, flags);
    run_target(r, elo_buf_slice(&r->file), TARGET_MS);
}


static void
end(run_t *r)
{
    elo_buf_dispose(&r->index);
    elo_buf_dispose(&r->file);
}


/* Segment n of a track, whole: the prefix, then the bytes of the file. */
static void
segment(const run_t *r, uint32_t track, uint32_t n, elo_buf_t *out,
        size_t *prefix_len)
{
    uint64_t off, len;
    elo_slice_t prefix;
    const uint8_t *extents;
    uint32_t count, i;

    assert_int_equal(
        elo_media_index_recipe(elo_buf_slice(&r->index), track, n, &off, &len),
        ELO_OK);
    assert_int_equal(
        elo_media_recipe_check(elo_slice(r->index.p + off, (size_t) len),
                               r->file.len, &prefix, &count, &extents),
        ELO_OK);
    elo_buf_put_slice(out, prefix);
    *prefix_len = prefix.len;
    for (i = 0; i < count; i++) {
        elo_buf_put(out, r->file.p + elo_be64(extents + (size_t) i * 16),
                    (size_t) elo_be64(extents + (size_t) i * 16 + 8));
    }
}


/* The sizes in a segment's trun add up to its mdat, and its media bytes are the
   source's, sample by sample. Returns the number of samples. */
static uint32_t
check_segment(const run_t *r, uint32_t track, uint32_t n, uint32_t first)
{
    bool is_video = r->media.tracks[track].kind == ELO_TRACK_VIDEO;
    size_t prefix_len, moof, trun, at, media;
    uint32_t flags, count, i, k, row, size;
    elo_buf_t s;

    elo_buf_init(&s, 1u << 20);
    segment(r, track, n, &s, &prefix_len);
    moof = mp4_find(&s, "moof", 0) - 8;
    trun = mp4_find(&s, "trun", 0);
    flags = elo_be32(s.p + trun) & 0xffffff;
    count = elo_be32(s.p + trun + 4);
    media = moof + elo_be32(s.p + trun + 8); /* data_offset */
    assert_int_equal(media, prefix_len);
    assert_int_equal(elo_be32(s.p + media - 8), 8 + s.len - prefix_len);
    assert_int_equal(elo_be32(s.p + mp4_find(&s, "mfhd", 0) + 4), n + 1);
    at = trun + 12 + ((flags & 4) != 0 ? 4 : 0);
    row = ((flags & 0x100) != 0 ? 4u : 0) + 4 + ((flags & 0x400) != 0 ? 4u : 0)
          + ((flags & 0x800) != 0 ? 4u : 0);
    for (i = 0; i < count; i++, at += row) {
        size_t from = mp4_find(&r->file, "mdat", 0);
        size_t where = is_video ? 0 : 1500;

        from += elo_be32(r->file.p + from - 8) == 1 ? 8 : 0;
        size = elo_be32(s.p + at + ((flags & 0x100) != 0 ? 4 : 0));
        assert_int_equal(size,
                         is_video ? mp4_video_size(first + i) : MP4_AUDIO_SIZE);
        for (k = 0; k < first + i; k++) {
            where += is_video ? mp4_video_size(k) : MP4_AUDIO_SIZE;
        }
        where += 3 * ((first + i) / (is_video ? 3 : 7) + 1) - 3;
        assert_memory_equal(s.p + media, r->file.p + from + where, size);
        media += size;
    }
    assert_int_equal(media, s.len);
    elo_buf_dispose(&s);
    return count;
}


static void
test_good(void **state)
{
    const elo_media_track_t *v, *a;
    uint32_t i, n = 0;
    run_t r;

    (void) state;
    run_flags(&r, 0);
    assert_int_equal(r.rc, ELO_OK);
    assert_int_equal(r.media.n_tracks, 2);
    assert_int_equal(r.media.duration_ms, 4000);
    v = &r.media.tracks[0];
    a = &r.media.tracks[1];
    assert_true(elo_slice_eq(v->codec, ELO_SLICE("avc1.64001e")));
    assert_int_equal(v->width, 640);
    assert_int_equal(v->height, 360);
    assert_int_equal(v->frame_rate_num, 25);
    assert_int_equal(v->frame_rate_den, 1);
    assert_int_equal(v->timescale, MP4_VIDEO_TIMESCALE);
    assert_int_equal(v->language.len, 0);
    assert_int_equal(v->start, 0);
    assert_int_equal(v->n_segments, 4);
    for (i = 0; i < 4; i++) {
        assert_int_equal(elo_be32(v->durations + i * 4), 25 * MP4_VIDEO_DELTA);
        n += check_segment(&r, 0, i, n);
    }
    assert_int_equal(n, MP4_VIDEO_SAMPLES);
    assert_true(elo_slice_eq(a->codec, ELO_SLICE("mp4a.40.2")));
    assert_true(elo_slice_eq(a->language, ELO_SLICE("de")));
    assert_int_equal(a->sample_rate, 48000);
    assert_int_equal(a->channels, 2);
    assert_int_equal(a->n_segments, 4);
    for (n = 0, i = 0; i < 4; i++) {
        n += check_segment(&r, 1, i, n);
    }
    assert_int_equal(n, MP4_AUDIO_SAMPLES);
    /* 48 samples reach 47104, one more is needed for a second */
    assert_int_equal(elo_be32(a->durations), 47 * MP4_AUDIO_DELTA);
    end(&r);
}


static void
test_bitrate(void **state)
{
    uint32_t avg, peak;
    run_t r;

    (void) state;
    run_flags(&r, MP4_NO_VIDEO);
    assert_int_equal(r.rc, ELO_OK);
    avg = r.media.tracks[0].avg_bps;
    peak = r.media.tracks[0].peak_bps;
    /* 940 bytes of media, and the boxes of four segments, in four seconds */
    assert_in_range(avg, 1880 + 1500, 1880 + 3000);
    assert_true(peak >= avg);
    end(&r);
}


static void
test_init_segment(void **state)
{
    elo_buf_t s;
    size_t prefix_len, at;
    run_t r;

    (void) state;
    run_flags(&r, MP4_ELNG);
    elo_buf_init(&s, 1u << 20);
    segment(&r, 0, r.media.tracks[0].n_segments, &s, &prefix_len);
    assert_int_equal(prefix_len, s.len);
    assert_int_equal(elo_be32(s.p), 8 + 20);
    at = mp4_find(&s, "elst", 0);
    assert_int_equal(elo_be32(s.p + at + 4), 1);
    assert_int_equal(elo_be64(s.p + at + 8), 0);
    assert_int_equal(elo_be64(s.p + at + 16), MP4_VIDEO_CTS);
    /* the sample entry is the source's own */
    at = mp4_find(&s, "avc1", 0);
    assert_memory_equal(s.p + at, r.file.p + mp4_find(&r.file, "avc1", 0),
                        elo_be32(s.p + at - 8) - 8);
    assert_int_equal(elo_be64(s.p + mp4_find(&s, "mehd", 0) + 4),
                     4 * MP4_VIDEO_TIMESCALE);
    elo_buf_clear(&s);
    segment(&r, 1, r.media.tracks[1].n_segments, &s, &prefix_len);
    assert_memory_equal(s.p + mp4_find(&s, "elng", 0) + 4, "pt-BR", 6);
    elo_buf_dispose(&s);
    end(&r);
}


static void
test_edits(void **state)
{
    elo_buf_t s;
    size_t prefix_len;
    run_t r;

    (void) state;
    /* A leading empty edit moves the decode times. */
    run_flags(&r, MP4_EMPTY_EDIT);
    assert_int_equal(r.rc, ELO_OK);
    elo_buf_init(&s, 1u << 20);
    segment(&r, 1, 0, &s, &prefix_len);
    assert_int_equal(elo_be64(s.p + mp4_find(&s, "tfdt", 0) + 4), 12000);
    assert_int_equal(r.media.tracks[1].start, 12000 - MP4_AUDIO_DELTA);
    end(&r);

    /* An edit from 1.5 s: from the keyframe at 1 s on, shown, and the audio as
       much later. */
    run_flags(&r, MP4_TRIMMED);
    assert_int_equal(r.rc, ELO_OK);
    elo_buf_clear(&s);
    segment(&r, 0, 0, &s, &prefix_len);
    assert_int_equal(elo_be64(s.p + mp4_find(&s, "tfdt", 0) + 4), 0);
    elo_buf_clear(&s);
    segment(&r, 0, r.media.tracks[0].n_segments, &s, &prefix_len);
    assert_int_equal(elo_be64(s.p + mp4_find(&s, "elst", 0) + 16),
                     MP4_VIDEO_CTS);
    assert_int_equal(check_segment(&r, 0, 0, 25), 25);
    assert_int_equal(r.media.tracks[0].start, 0);
    assert_int_equal(r.media.tracks[0].n_segments, 3);
    assert_int_equal(elo_be32(r.media.tracks[0].durations),
                     MP4_VIDEO_TIMESCALE);
    assert_int_equal(r.media.tracks[1].start,
                     MP4_AUDIO_TIMESCALE / 2 - MP4_AUDIO_DELTA);
    elo_buf_dispose(&s);
    end(&r);
}


/* Each gives the same media by another container. */
static void
test_variations(void **state)
{
    static const struct {
        const char *name;
        unsigned flags;
        uint32_t n_tracks;
    } rows[] = {
        { "moov after mdat", MP4_MOOV_LAST, 2 },
        { "co64", MP4_CO64, 2 },
        { "stz2", MP4_STZ2, 2 },
        { "mdat of 64-bit size", MP4_MDAT64, 2 },
        { "mdat of 64-bit size first", MP4_MDAT64 | MP4_MOOV_LAST, 2 },
        { "mdat to the end", MP4_MDAT_END, 2 },
        { "version 1 headers", MP4_TIMES64, 2 },
        { "free and uuid", MP4_EXTRA_BOXES, 2 },
        { "no edit list", MP4_NO_EDIT, 2 },
        { "no composition offsets", MP4_NO_CTTS | MP4_NO_EDIT, 2 },
        { "mvex without fragments", MP4_MVEX, 2 },
        { "video alone", MP4_NO_AUDIO, 1 },
        { "audio alone", MP4_NO_VIDEO, 1 },
        { "every frame a keyframe", MP4_NO_STSS, 2 },
    };
    uint32_t i, k, t, n;
    run_t r;

    (void) state;
    for (i = 0; i < ELO_COUNT(rows); i++) {
        print_message("# %s\n", rows[i].name);
        run_flags(&r, rows[i].flags);
        assert_int_equal(r.rc, ELO_OK);
        assert_int_equal(r.media.n_tracks, rows[i].n_tracks);
        for (t = 0; t < r.media.n_tracks; t++) {
            bool is_video = r.media.tracks[t].kind == ELO_TRACK_VIDEO;

            assert_int_equal(r.media.tracks[t].n_segments, 4);
            for (n = 0, k = 0; k < 4; k++) {
                n += check_segment(&r, t, k, n);
            }
            assert_int_equal(n,
                             is_video ? MP4_VIDEO_SAMPLES : MP4_AUDIO_SAMPLES);
        }
        end(&r);
    }
}


static void
test_turned(void **state)
{
    run_t r;

    (void) state;
    run_flags(&r, MP4_TURNED);
    assert_int_equal(r.media.tracks[0].width, 360);
    assert_int_equal(r.media.tracks[0].height, 640);
    end(&r);
}


#define OK   ELO_OK
#define EINV ELO_EINVAL
#define EUNS ELO_EUNSUPPORTED
#define ETOO ELO_ETOOBIG

/* Body offsets count from behind the type; -8 is the box's size. A lie may be
   harmless (OK): what matters is that the result is one the reader accepts. */
static const struct {
    const char *name;
    char type[5];
    unsigned nth;
    int at;
    uint32_t value;
    elo_err_t rc;
    const char *reason;
} lies[] = {
    { "first box of no MP4", "ftyp", 0, -4, 0x89504e47, EUNS, "not an" },
    { "a fragment", "mdat", 0, -4, 0x6d6f6f66, EUNS, "fragmented" },
    { "no moov", "moov", 0, -4, 0x66726565, EINV, "truncated" },
    { "moov past the end", "moov", 0, -8, 0x7fffffff, EINV, "truncated" },
    { "moov smaller than its header", "moov", 0, -8, 7, EINV, "trunc" },
    { "moov of 64-bit size, huge", "moov", 0, -8, 1, EINV, "truncated" },
    { "mdat past the end, samples not", "mdat", 0, -8, 0x10000, OK, "" },
    { "compressed moov", "mvhd", 0, -4, 0x636d6f76, EUNS, "compressed" },
    { "mvhd of size 0", "mvhd", 0, -8, 0, EINV, "" },
    { "mvhd past moov", "mvhd", 0, -8, 0x10000, EINV, "" },
    { "mvhd version 9", "mvhd", 0, 0, 0x09000000, EINV, "" },
    { "movie timescale 0", "mvhd", 0, 12, 0, EINV, "timescale" },
    { "trak of size 0", "trak", 0, -8, 0, EINV, "" },
    { "trak past moov", "trak", 1, -8, 0x10000, EINV, "" },
    { "tkhd too short", "tkhd", 0, -8, 20, EINV, "" },
    { "tkhd version 2", "tkhd", 0, 0, 0x02000000, EINV, "" },
    { "mdhd absent", "mdhd", 0, -4, 0, EINV, "media header" },
    { "media timescale 0", "mdhd", 0, 12, 0, EINV, "timescale" },
    { "media timescale huge", "mdhd", 0, 12, 0xffffffff, OK, "" },
    { "no handler", "hdlr", 0, -4, 0, EINV, "handler" },
    { "video of another kind", "hdlr", 0, 8, 0x74657874, OK, "" },
    { "edit list of 2^32 - 1", "elst", 0, 4, 0xffffffff, EINV, "edit" },
    { "edit list version 2", "elst", 0, 0, 0x02000000, EINV, "edit" },
    { "edit of the media far away", "elst", 0, 12, 0x7fffffff, OK, "" },
    { "empty edit of 49 days", "elst", 0, 12, 0xffffffff, OK, "" },
    { "edit of one tick", "elst", 0, 8, 1, OK, "" },
    { "media in another file", "url ", 0, 0, 0, OK, "" },
    { "no data reference", "dref", 0, -8, 16, EINV, "data reference" },
    { "sample entry past stsd", "avc1", 0, -8, 0x1000, EINV, "" },
    { "sample entry of size 0", "avc1", 0, -8, 0, EINV, "" },
    { "unknown video codec", "avc1", 0, -4, 0x6d703476, OK, "" },
    { "encrypted video", "avc1", 0, -4, 0x656e6376, OK, "" },
    { "no avcC", "avcC", 0, -4, 0x66726565, EINV, "configuration" },
    { "avcC version 0", "avcC", 0, 0, 0, EINV, "configuration" },
    { "avcC past its entry", "avcC", 0, -8, 0x100, EINV, "configur" },
    { "esds without tags", "esds", 0, 4, 0, EINV, "configuration" },
    { "esds of vorbis", "esds", 0, 10, 0x11dd0000, OK, "" },
    { "stts absent", "stts", 0, -4, 0, EINV, "sample times" },
    { "stts of no entry", "stts", 0, 4, 0, EINV, "times end" },
    { "stts of 2^32 - 1 entries", "stts", 0, 4, ~0u, EINV, "times" },
    { "stts of one sample too few", "stts", 0, 8, 99, EINV, "times end" },
    { "stts of more samples", "stts", 0, 8, ~0u, OK, "" },
    { "stts all zero", "stts", 0, 12, 0, OK, "" },
    { "stts of 3.8 days a frame", "stts", 0, 12, ~0u, OK, "" },
    { "ctts of 2^32 - 1 entries", "ctts", 0, 4, ~0u, EINV, "compos" },
    { "ctts of too few samples", "ctts", 0, 8, 1, OK, "" },
    { "ctts negative", "ctts", 0, 12, 0x80000000, OK, "" },
    { "ctts huge", "ctts", 0, 20, 0x7fffffff, OK, "" },
    { "stss of 2^32 - 1 entries", "stss", 0, 4, ~0u, EINV, "keyf" },
    { "stss empty", "stss", 0, 4, 0, OK, "" },
    { "stss from 0", "stss", 0, 8, 0, EINV, "keyframes" },
    { "stss falling", "stss", 0, 12, 1, EINV, "keyframes" },
    { "stss past the end", "stss", 0, 8, 1000, OK, "" },
    { "stsz absent", "stsz", 0, -4, 0, EINV, "sample sizes" },
    { "stsz of no sample", "stsz", 0, 8, 0, OK, "" },
    { "stsz of 2^32 - 1 samples", "stsz", 0, 8, ~0u, EINV, "sizes" },
    { "constant size, 2^32 - 1 samples", "stsz", 1, 8, ~0u, ETOO, "many" },
    { "constant size, 20 million", "stsz", 1, 8, 20000000, ETOO, "many" },
    { "constant size, 19 million", "stsz", 1, 8, 19000000, EINV, "" },
    { "constant size huge", "stsz", 1, 4, ~0u, EINV, "truncated" },
    { "a sample of 4 GiB", "stsz", 0, 12, ~0u, EINV, "truncated" },
    { "stsc absent", "stsc", 0, -4, 0, EINV, "chunk table" },
    { "stsc empty", "stsc", 0, 4, 0, EINV, "chunk table" },
    { "stsc of 2^32 - 1 entries", "stsc", 0, 4, ~0u, EINV, "chunk" },
    { "stsc from chunk 0", "stsc", 0, 8, 0, EINV, "chunk table" },
    { "stsc from chunk 2", "stsc", 0, 8, 2, EINV, "chunk table" },
    { "chunk of no sample", "stsc", 0, 12, 0, EINV, "chunk table" },
    { "chunk of fewer samples", "stsc", 0, 12, 1, EINV, "chunk table" },
    { "chunk of all samples", "stsc", 0, 12, ~0u, OK, "" },
    { "second sample description", "stsc", 0, 16, 2, OK, "" },
    { "stsc falling", "stsc", 0, 20, 1, EINV, "chunk table" },
    { "stco absent", "stco", 0, -4, 0, EINV, "chunk table" },
    { "stco empty", "stco", 0, 4, 0, EINV, "chunk table" },
    { "stco of 2^32 - 1 entries", "stco", 0, 4, ~0u, EINV, "chunk" },
    { "chunk outside the file", "stco", 0, 8, ~0u, EINV, "truncated" },
    { "chunk at 0", "stco", 0, 12, 0, OK, "" },
};


static void
test_lies(void **state)
{
    uint32_t i;
    run_t r;

    (void) state;
    for (i = 0; i < ELO_COUNT(lies); i++) {
        size_t at;

        print_message("# %s\n", lies[i].name);
        elo_buf_init(&r.file, 1u << 20);
        mp4_build(&r.file, 0);
        at = mp4_find(&r.file, lies[i].type, lies[i].nth);
        elo_buf_patch_be32(&r.file, (size_t) ((int64_t) at + lies[i].at),
                           lies[i].value);
        run_target(&r, elo_buf_slice(&r.file), TARGET_MS);
        assert_int_equal(r.rc, lies[i].rc);
        if (strstr(r.reason, lies[i].reason) == NULL) {
            fail_msg("reason is \"%s\"", r.reason);
        }
        end(&r);
    }
}


/* A file whose only track can't be used says why. */
static void
test_unsupported(void **state)
{
    static const struct {
        const char *name;
        unsigned flags;
        char type[5];
        int at;
        uint32_t value;
        const char *reason;
    } rows[] = {
        { "codec", MP4_NO_AUDIO, "avc1", -4, 0x6d703476, "video codec" },
        { "sound", MP4_NO_VIDEO, "mp4a", -4, 0x73616d72, "audio codec" },
        { "kind", MP4_NO_VIDEO, "hdlr", 8, 0x74657874, "neither" },
        { "no samples", MP4_NO_AUDIO, "stsz", 8, 0, "without samples" },
        { "fragmented", MP4_NO_AUDIO | MP4_MVEX, "stsz", 8, 0, "fragm" },
        { "no keyframe", MP4_NO_AUDIO, "stss", 4, 0, "without keyframes" },
        { "no time", MP4_NO_AUDIO, "stts", 12, 0, "without duration" },
        { "elsewhere", MP4_NO_AUDIO, "url ", 0, 0, "another file" },
        { "two", MP4_NO_AUDIO, "stsc", 16, 2, "sample description" },
        { "none", MP4_NO_AUDIO | MP4_NO_VIDEO, "moov", -4, 0x6d6f6f76,
          "no usable track" },
        { "edit", MP4_NO_AUDIO, "elst", 12, 0x7fffffff, "leaves nothing" },
    };
    uint32_t i;
    run_t r;

    (void) state;
    for (i = 0; i < ELO_COUNT(rows); i++) {
        size_t at;

        print_message("# %s\n", rows[i].name);
        elo_buf_init(&r.file, 1u << 20);
        mp4_build(&r.file, rows[i].flags);
        at = mp4_find(&r.file, rows[i].type, 0);
        elo_buf_patch_be32(&r.file, (size_t) ((int64_t) at + rows[i].at),
                           rows[i].value);
        run_target(&r, elo_buf_slice(&r.file), TARGET_MS);
        assert_int_equal(r.rc, ELO_EUNSUPPORTED);
        if (strstr(r.reason, rows[i].reason) == NULL) {
            fail_msg("reason is \"%s\"", r.reason);
        }
        end(&r);
    }
}


static void
test_prefixes(void **state)
{
    static const unsigned flags[] = { 0, MP4_MOOV_LAST | MP4_STZ2,
                                      MP4_MDAT_END | MP4_CO64 };
    size_t len;
    uint32_t i;
    guard_t g;
    run_t r;

    (void) state;
    guard_init(&g, 1u << 16);
    for (i = 0; i < ELO_COUNT(flags); i++) {
        elo_buf_init(&r.file, 1u << 20);
        mp4_build(&r.file, flags[i]);
        for (len = 0; len < r.file.len; len++) {
            run_target(&r, guard_put(&g, elo_slice(r.file.p, len)), TARGET_MS);
            /* the last bytes of mdat are nobody's */
            if ((flags[i] & MP4_MOOV_LAST) != 0 || len + 100 < r.file.len) {
                assert_int_not_equal(r.rc, ELO_OK);
            }
            elo_buf_dispose(&r.index);
        }
        elo_buf_dispose(&r.file);
    }
    guard_dispose(&g);
}


/* Every byte changed, in three ways: an error or an index that holds. */
static void
test_bytes(void **state)
{
    static const uint8_t masks[] = { 0x01, 0x80, 0xff };
    size_t at, last;
    uint32_t i;
    run_t r;

    (void) state;
    elo_buf_init(&r.file, 1u << 20);
    mp4_build(&r.file, MP4_EMPTY_EDIT);
    last = mp4_find(&r.file, "mdat", 0);
    for (at = 0; at < last; at++) {
        for (i = 0; i < ELO_COUNT(masks); i++) {
            r.file.p[at] ^= masks[i];
            run_target(&r, elo_buf_slice(&r.file), TARGET_MS);
            elo_buf_dispose(&r.index);
            r.file.p[at] ^= masks[i];
        }
    }
    elo_buf_dispose(&r.file);
}


static void
test_memory(void **state)
{
    const elo_indexer_cfg_t cfg = { .target_ms = TARGET_MS };
    const char *reason = "";
    elo_buf_t file, index;
    elo_err_t rc;
    size_t len;

    (void) state;
    elo_buf_init(&file, 1u << 20);
    mp4_build(&file, 0);
    for (len = 0; len < 64 * 1024; len += 61) {
        elo_buf_init(&index, 1u << 20);
        rc = elo_indexer_run(elo_buf_slice(&file), &cfg, scratch + 1, len,
                             &index, &reason);
        assert_true(rc == ELO_OK || rc == ELO_ENOMEM);
        elo_buf_dispose(&index);
    }
    assert_int_equal(rc, ELO_OK);
    elo_buf_init(&index, 1000); /* too small an index */
    rc = elo_indexer_run(elo_buf_slice(&file), &cfg, scratch, sizeof(scratch),
                         &index, &reason);
    assert_int_equal(rc, ELO_ETOOBIG);
    elo_buf_dispose(&index);
    elo_buf_dispose(&file);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),         cmocka_unit_test(test_bitrate),
        cmocka_unit_test(test_init_segment), cmocka_unit_test(test_edits),
        cmocka_unit_test(test_variations),   cmocka_unit_test(test_turned),
        cmocka_unit_test(test_lies),         cmocka_unit_test(test_unsupported),
        cmocka_unit_test(test_prefixes),     cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
