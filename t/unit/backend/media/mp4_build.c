/* SPDX-License-Identifier: BSD-2-Clause */
/* mp4_build: makes small MP4 files for tests, box by box, with variations by
   flag. Video: 100 frames of 40 ms, a keyframe each 25, three in a chunk; audio:
   188 AAC frames of 1024 at 48 kHz, seven in a chunk. Media bytes count up, so
   that a misplaced extent shows. Tests include this file: each is linked alone,
   with the archives of its layer. */
#include <stdlib.h>

#include "backend/media/box.h"
#include "common/base/buf.h"
#include "common/base/num.h"

#define MP4_VIDEO_SAMPLES   100u
#define MP4_VIDEO_TIMESCALE 12800u
#define MP4_VIDEO_DELTA     512u
#define MP4_VIDEO_CTS       1024u
#define MP4_AUDIO_SAMPLES   188u
#define MP4_AUDIO_TIMESCALE 48000u
#define MP4_AUDIO_DELTA     1024u

enum {
    MP4_NO_VIDEO = 1u << 0,
    MP4_NO_AUDIO = 1u << 1,
    MP4_MOOV_LAST = 1u << 2,
    MP4_CO64 = 1u << 3,
    MP4_STZ2 = 1u << 4,     /* audio, 8 bits */
    MP4_MDAT64 = 1u << 5,   /* 64-bit size of mdat */
    MP4_MDAT_END = 1u << 6, /* size 0; with the moov first */
    MP4_TIMES64 = 1u << 7,  /* version 1 of mvhd, tkhd, mdhd, elst */
    MP4_EMPTY_EDIT = 1u << 8,
    MP4_NO_EDIT = 1u << 9,
    MP4_MVEX = 1u << 10,
    MP4_EXTRA_BOXES = 1u << 11, /* free and uuid at the top */
    MP4_ELNG = 1u << 12,        /* "pt-BR" for audio */
    MP4_NO_CTTS = 1u << 13,
    MP4_TURNED = 1u << 14,  /* by 90 degrees */
    MP4_TRIMMED = 1u << 15, /* video's edit starts at 1.5 s */
    MP4_NO_STSS = 1u << 16
};

/* Bytes of each sample; audio's are all of one size. */
static inline uint32_t
mp4_video_size(uint32_t i)
{
    return 10 + i % 7;
}

#define MP4_AUDIO_SIZE 5u

/* What a track needs to be written. */
typedef struct {
    bool is_video;
    uint32_t n, delta, timescale, per_chunk;
    uint64_t first; /* of its media bytes */
} mp4_track_t;


static inline size_t
mp4_open(elo_buf_t *b, const char type[5])
{
    size_t at = b->len;

    elo_buf_put_be32(b, 0);
    elo_buf_put(b, type, 4);
    return at;
}


static inline size_t
mp4_full(elo_buf_t *b, const char type[5], uint32_t version)
{
    size_t at = mp4_open(b, type);

    elo_buf_put_be32(b, version << 24);
    return at;
}


static inline void
mp4_close(elo_buf_t *b, size_t at)
{
    elo_buf_patch_be32(b, at, (uint32_t) (b->len - at));
}


static inline void
mp4_zeros(elo_buf_t *b, size_t n)
{
    while (n-- > 0) {
        elo_buf_put_u8(b, 0);
    }
}


static inline void
mp4_num(elo_buf_t *b, bool is_64, uint64_t v)
{
    if (is_64) {
        elo_buf_put_be64(b, v);
    } else {
        elo_buf_put_be32(b, (uint32_t) v);
    }
}


static inline void
mp4_sample_entry(elo_buf_t *b, bool is_video)
{
    static const uint8_t avcc[] = { 1, 0x64, 0, 0x1e, 0xff, 0xe0, 0 };
    static const uint8_t esds[] = { 3, 25, 0, 1, 0,    4,    17, 0x40, 0x15,
                                    0, 0,  0, 0, 0,    0,    0,  0,    0,
                                    0, 0,  5, 2, 0x11, 0x90, 6,  1,    2 };
    size_t entry = mp4_open(b, is_video ? "avc1" : "mp4a"), at;

    mp4_zeros(b, 6);
    elo_buf_put_be16(b, 1);
    if (is_video) {
        mp4_zeros(b, 16);
        elo_buf_put_be16(b, 640);
        elo_buf_put_be16(b, 360);
        mp4_zeros(b, 50);
        at = mp4_open(b, "avcC");
        elo_buf_put(b, avcc, sizeof(avcc));
    } else {
        mp4_zeros(b, 8);
        elo_buf_put_be16(b, 2);
        elo_buf_put_be16(b, 16);
        mp4_zeros(b, 4);
        elo_buf_put_be32(b, 48000u << 16);
        at = mp4_full(b, "esds", 0);
        elo_buf_put(b, esds, sizeof(esds));
    }
    mp4_close(b, at);
    mp4_close(b, entry);
}


static inline void
mp4_sizes(elo_buf_t *b, const mp4_track_t *t, unsigned flags)
{
    size_t at;
    uint32_t i;

    if (t->is_video) {
        at = mp4_full(b, "stsz", 0);
        elo_buf_put_be32(b, 0);
        elo_buf_put_be32(b, t->n);
        for (i = 0; i < t->n; i++) {
            elo_buf_put_be32(b, mp4_video_size(i));
        }
    } else if ((flags & MP4_STZ2) != 0) {
        at = mp4_full(b, "stz2", 0);
        elo_buf_put_be32(b, 8);
        elo_buf_put_be32(b, t->n);
        for (i = 0; i < t->n; i++) {
            elo_buf_put_u8(b, MP4_AUDIO_SIZE);
        }
    } else {
        at = mp4_full(b, "stsz", 0);
        elo_buf_put_be32(b, MP4_AUDIO_SIZE);
        elo_buf_put_be32(b, t->n);
    }
    mp4_close(b, at);
}


static inline void
mp4_chunks(elo_buf_t *b, const mp4_track_t *t, unsigned flags)
{
    bool is_64 = (flags & MP4_CO64) != 0;
    uint32_t n = (t->n + t->per_chunk - 1) / t->per_chunk, i;
    uint64_t offset = t->first;
    size_t at = mp4_full(b, "stsc", 0);

    elo_buf_put_be32(b, n * t->per_chunk == t->n ? 1 : 2);
    elo_buf_put_be32(b, 1);
    elo_buf_put_be32(b, t->per_chunk);
    elo_buf_put_be32(b, 1);
    if (n * t->per_chunk != t->n) {
        elo_buf_put_be32(b, n);
        elo_buf_put_be32(b, t->n % t->per_chunk);
        elo_buf_put_be32(b, 1);
    }
    mp4_close(b, at);
    at = mp4_full(b, is_64 ? "co64" : "stco", 0);
    elo_buf_put_be32(b, n);
    for (i = 0; i < t->n; i++) {
        if (i % t->per_chunk == 0) {
            mp4_num(b, is_64, offset);
            offset += 3; /* a gap: chunks are not adjacent */
        }
        offset += t->is_video ? mp4_video_size(i) : MP4_AUDIO_SIZE;
    }
    mp4_close(b, at);
}


static inline void
mp4_stbl(elo_buf_t *b, const mp4_track_t *t, unsigned flags)
{
    size_t stbl = mp4_open(b, "stbl");
    size_t at = mp4_full(b, "stsd", 0);
    uint32_t i;

    elo_buf_put_be32(b, 1);
    mp4_sample_entry(b, t->is_video);
    mp4_close(b, at);
    at = mp4_full(b, "stts", 0);
    elo_buf_put_be32(b, 1);
    elo_buf_put_be32(b, t->n);
    elo_buf_put_be32(b, t->delta);
    mp4_close(b, at);
    if (t->is_video && (flags & MP4_NO_CTTS) == 0) {
        at = mp4_full(b, "ctts", 0);
        elo_buf_put_be32(b, 2);
        elo_buf_put_be32(b, t->n / 2);
        elo_buf_put_be32(b, MP4_VIDEO_CTS);
        elo_buf_put_be32(b, t->n - t->n / 2);
        elo_buf_put_be32(b, MP4_VIDEO_CTS);
        mp4_close(b, at);
    }
    if (t->is_video && (flags & MP4_NO_STSS) == 0) {
        at = mp4_full(b, "stss", 0);
        elo_buf_put_be32(b, 4);
        for (i = 0; i < 4; i++) {
            elo_buf_put_be32(b, i * 25 + 1);
        }
        mp4_close(b, at);
    }
    mp4_sizes(b, t, flags);
    mp4_chunks(b, t, flags);
    mp4_close(b, stbl);
}


static inline void
mp4_mdia(elo_buf_t *b, const mp4_track_t *t, unsigned flags)
{
    bool is_64 = (flags & MP4_TIMES64) != 0;
    size_t mdia = mp4_open(b, "mdia"), minf, at, dinf, dref;

    at = mp4_full(b, "mdhd", is_64);
    mp4_zeros(b, is_64 ? 16 : 8);
    elo_buf_put_be32(b, t->timescale);
    mp4_num(b, is_64, (uint64_t) t->n * t->delta);
    elo_buf_put_be16(b, t->is_video ? 0x55c4 : 0x10b5); /* und, deu */
    elo_buf_put_be16(b, 0);
    mp4_close(b, at);
    at = mp4_full(b, "hdlr", 0);
    elo_buf_put_be32(b, 0);
    elo_buf_put_str(b, t->is_video ? "vide" : "soun");
    mp4_zeros(b, 13);
    mp4_close(b, at);
    if (!t->is_video && (flags & MP4_ELNG) != 0) {
        at = mp4_full(b, "elng", 0);
        elo_buf_put(b, "pt-BR", 6);
        mp4_close(b, at);
    }
    minf = mp4_open(b, "minf");
    dinf = mp4_open(b, "dinf");
    dref = mp4_full(b, "dref", 0);
    elo_buf_put_be32(b, 1);
    at = mp4_open(b, "url ");
    elo_buf_put_be32(b, 1);
    mp4_close(b, at);
    mp4_close(b, dref);
    mp4_close(b, dinf);
    mp4_stbl(b, t, flags);
    mp4_close(b, minf);
    mp4_close(b, mdia);
}


static inline void
mp4_edit(elo_buf_t *b, bool is_64, uint64_t len, int64_t at)
{
    mp4_num(b, is_64, len);
    mp4_num(b, is_64, (uint64_t) at);
    elo_buf_put_be32(b, 0x10000);
}


static inline void
mp4_edts(elo_buf_t *b, const mp4_track_t *t, unsigned flags)
{
    bool is_64 = (flags & MP4_TIMES64) != 0;
    bool has_empty = !t->is_video && (flags & MP4_EMPTY_EDIT) != 0;
    int64_t from = t->is_video ? MP4_VIDEO_CTS : MP4_AUDIO_DELTA;
    size_t edts = mp4_open(b, "edts");
    size_t at = mp4_full(b, "elst", is_64);

    if (t->is_video && (flags & MP4_TRIMMED) != 0) {
        from += MP4_VIDEO_TIMESCALE * 3 / 2;
    }
    elo_buf_put_be32(b, has_empty ? 2 : 1);
    if (has_empty) {
        mp4_edit(b, is_64, 250, -1);
    }
    mp4_edit(b, is_64, 4000, from);
    mp4_close(b, at);
    mp4_close(b, edts);
}


static inline void
mp4_trak(elo_buf_t *b, const mp4_track_t *t, unsigned flags)
{
    static const uint32_t plain[9] = { 0x10000, 0, 0, 0,         0x10000,
                                       0,       0, 0, 0x40000000 };
    static const uint32_t turned[9] = { 0, 0x10000,   0, 0xffff0000, 0,
                                        0, 0x1680000, 0, 0x40000000 };
    bool is_64 = (flags & MP4_TIMES64) != 0;
    size_t trak = mp4_open(b, "trak");
    size_t at = mp4_full(b, "tkhd", is_64), i;

    mp4_zeros(b, is_64 ? 16 : 8);
    elo_buf_put_be32(b, t->is_video ? 1 : 2);
    mp4_zeros(b, 4);
    mp4_num(b, is_64, 4000);
    mp4_zeros(b, 16);
    for (i = 0; i < ELO_COUNT(plain); i++) {
        elo_buf_put_be32(b, (flags & MP4_TURNED) != 0 ? turned[i] : plain[i]);
    }
    elo_buf_put_be32(b, t->is_video ? 640u << 16 : 0);
    elo_buf_put_be32(b, t->is_video ? 360u << 16 : 0);
    mp4_close(b, at);
    if ((flags & MP4_NO_EDIT) == 0) {
        mp4_edts(b, t, flags);
    }
    mp4_mdia(b, t, flags);
    mp4_close(b, trak);
}


static inline void
mp4_moov(elo_buf_t *b, uint64_t media, unsigned flags)
{
    mp4_track_t video = {
        true, MP4_VIDEO_SAMPLES, MP4_VIDEO_DELTA, MP4_VIDEO_TIMESCALE, 3, media
    };
    mp4_track_t audio = {
        false, MP4_AUDIO_SAMPLES, MP4_AUDIO_DELTA, MP4_AUDIO_TIMESCALE,
        7,     media + 1500
    };
    bool is_64 = (flags & MP4_TIMES64) != 0;
    size_t moov = mp4_open(b, "moov");
    size_t at = mp4_full(b, "mvhd", is_64);

    mp4_zeros(b, is_64 ? 16 : 8);
    elo_buf_put_be32(b, 1000);
    mp4_num(b, is_64, 4000);
    mp4_zeros(b, 80);
    mp4_close(b, at);
    if ((flags & MP4_NO_VIDEO) == 0) {
        mp4_trak(b, &video, flags);
    }
    if ((flags & MP4_NO_AUDIO) == 0) {
        mp4_trak(b, &audio, flags);
    }
    if ((flags & MP4_MVEX) != 0) {
        mp4_close(b, mp4_open(b, "mvex"));
    }
    mp4_close(b, moov);
}


/* Both tracks' bytes with their gaps: video 1300 + 34 * 3, audio 940 + 27 * 3,
   from 1500. */
#define MP4_MEDIA_LEN 2600u

static inline void
mp4_mdat(elo_buf_t *b, unsigned flags)
{
    bool is_64 = (flags & MP4_MDAT64) != 0;
    uint32_t i;

    elo_buf_put_be32(b, is_64                         ? 1
                        : (flags & MP4_MDAT_END) != 0 ? 0
                                                      : 8 + MP4_MEDIA_LEN);
    elo_buf_put_str(b, "mdat");
    if (is_64) {
        elo_buf_put_be64(b, 16 + MP4_MEDIA_LEN);
    }
    for (i = 0; i < MP4_MEDIA_LEN; i++) {
        elo_buf_put_u8(b, (uint8_t) (i ^ i >> 8));
    }
}


/* Appends the file to b, which must be empty; aborts when there is no memory. */
static inline void
mp4_build(elo_buf_t *b, unsigned flags)
{
    uint64_t header = (flags & MP4_MDAT64) != 0 ? 16 : 8;
    size_t at = mp4_open(b, "ftyp"), start;

    elo_buf_put(b, "isom\0\0\2\0isommp41", 16);
    mp4_close(b, at);
    if ((flags & MP4_EXTRA_BOXES) != 0) {
        at = mp4_open(b, "free");
        mp4_zeros(b, 5);
        mp4_close(b, at);
        at = mp4_open(b, "uuid");
        mp4_zeros(b, 16);
        mp4_close(b, at);
    }
    start = b->len;
    if ((flags & MP4_MOOV_LAST) != 0) {
        mp4_mdat(b, flags);
        mp4_moov(b, start + header, flags);
    } else {
        /* twice: its length is the media's place */
        mp4_moov(b, 0, flags);
        header += b->len;
        b->len = start;
        mp4_moov(b, header, flags);
        mp4_mdat(b, flags);
    }
    if (elo_buf_err(b) != ELO_OK) {
        abort();
    }
}


/* Where the body of the n-th (from 0) box of that type starts; aborts when
   there is none. */
static inline size_t
mp4_find(const elo_buf_t *b, const char type[5], unsigned n)
{
    size_t i;

    for (i = 4; i + 4 <= b->len; i++) {
        if (memcmp(b->p + i, type, 4) == 0 && n-- == 0) {
            return i + 4;
        }
    }
    abort();
}
