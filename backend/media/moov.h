/* SPDX-License-Identifier: BSD-2-Clause */
/* moov: finds the movie box and reads each usable track's description and
   sample tables. Tables stay where they are in the mapped file: only their
   bounds and shape are checked here, their contents by sample_iter.
   Spec: ISO/IEC 14496-12, 8. */
#ifndef ELO_MEDIA_MOOV_H
#define ELO_MEDIA_MOOV_H

#include "backend/media/codec.h"
#include "backend/media/language.h"
#include "backend/media/scratch.h"

#define ELO_MATRIX_LEN 36

/* A table's entries; n of them are there. */
typedef struct {
    const uint8_t *p; /* borrowed from the file */
    uint32_t n;
} elo_mp4_table_t;

typedef struct {
    elo_track_kind_t kind;
    elo_codec_t codec;
    elo_slice_t entry; /* the sample entry, whole */
    uint32_t timescale;
    uint32_t movie_timescale;
    char language[ELO_LANGUAGE_MAX + 1];

    /* tkhd */
    uint16_t alternate_group, volume;
    const uint8_t *matrix; /* ELO_MATRIX_LEN bytes */
    uint32_t width16, height16;

    /* The edit list, as far as it is used: an empty edit, then one edit of the
       media. Movie timescale but for media_time. */
    uint64_t edit_empty;
    uint64_t edit_duration; /* 0: to the end */
    int64_t media_time;

    uint32_t n_samples;
    elo_mp4_table_t stts; /* of 8 bytes */
    elo_mp4_table_t ctts; /* of 8 bytes; n 0 when there is none */
    elo_mp4_table_t stsc; /* of 12 bytes */
    elo_mp4_table_t stco; /* of chunk_bits / 8 bytes */
    elo_mp4_table_t stss; /* of 4 bytes */
    bool has_stss;
    uint8_t chunk_bits;   /* 32 or 64 */
    uint8_t size_bits;    /* 4, 8, 16 or 32; 0: all of one size */
    uint32_t size_all;    /* that size */
    const uint8_t *sizes; /* n_samples of size_bits */
} elo_mp4_track_t;

typedef struct {
    uint32_t n_tracks;
    elo_mp4_track_t *tracks; /* in the scratch memory */
} elo_moov_t;

/* Reads the file's structure. Tracks that can't be streamed are left out; when
   none is left, ELO_EUNSUPPORTED. Errors as elo_indexer_run, with reason. */
elo_err_t elo_moov_read(elo_slice_t file, elo_scratch_t *scratch,
                        elo_moov_t *out, const char **reason) ELO_MUST_USE;

/* One trak box. ELO_EUNSUPPORTED: leave it out. */
elo_err_t elo_trak_read(elo_slice_t trak, uint32_t movie_timescale,
                        elo_mp4_track_t *out, const char **reason) ELO_MUST_USE;

/* Its sample tables. */
elo_err_t elo_stbl_read(elo_slice_t stbl, elo_mp4_track_t *out,
                        const char **reason) ELO_MUST_USE;

#endif
