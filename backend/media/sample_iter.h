/* SPDX-License-Identifier: BSD-2-Clause */
/* sample_iter: walks a track's samples in decode order, all tables at once, in
   constant memory. Copying the struct copies the position.
   Spec: ISO/IEC 14496-12, 8.6.1.2 (stts), 8.6.1.3 (ctts), 8.6.2 (stss),
   8.7.3 (stsz, stz2), 8.7.4 (stsc), 8.7.5 (stco, co64).

   Holds after each ELO_OK: (I1) the sample lies in the file; (I2) the sizes of
   all samples so far add up to no more than the file, so that tables can't
   stand for more media than there is; (I3) decode times fit 62 bits. */
#ifndef ELO_MEDIA_SAMPLE_ITER_H
#define ELO_MEDIA_SAMPLE_ITER_H

#include "backend/media/moov.h"

typedef struct {
    uint64_t offset; /* in the file */
    uint64_t dts;    /* media timescale, from 0 */
    uint32_t size;
    uint32_t duration;
    int32_t cts; /* composition time minus dts */
    bool is_sync;
} elo_sample_t;

typedef struct {
    const elo_mp4_track_t *_track;
    uint64_t _file_len;
    uint32_t _i; /* samples given */
    uint64_t _dts, _bytes;
    uint32_t _stts_at, _stts_left, _delta;
    uint32_t _ctts_at, _ctts_left;
    int32_t _cts;
    uint32_t _stss_at;
    uint32_t _stsc_at, _chunk, _chunk_left;
    uint64_t _offset;
} elo_sample_iter_t;

void elo_sample_iter_init(elo_sample_iter_t *it, const elo_mp4_track_t *track,
                          uint64_t file_len);

/* The next sample. ELO_ENOTFOUND after the last; ELO_EINVAL, with reason, when
   the tables lie. */
elo_err_t elo_sample_iter_next(elo_sample_iter_t *it, elo_sample_t *s,
                               const char **reason) ELO_MUST_USE;

#endif
