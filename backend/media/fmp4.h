/* SPDX-License-Identifier: BSD-2-Clause */
/* fmp4: writes what a segment has beside media bytes: the initialization
   segment (ftyp, moov) and the front of a media segment (styp, moof, mdat
   header). Each has one track, number 1; the sample entry is the source's own.
   Spec: ISO/IEC 14496-12, 8.8; 23000-19 (CMAF), 7; W3C byte stream format. */
#ifndef ELO_MEDIA_FMP4_H
#define ELO_MEDIA_FMP4_H

#include "backend/media/segment_plan.h"
#include "common/base/buf.h"

/* Most bytes that a sample takes in the front: duration, size, flags,
   composition offset. */
#define ELO_FMP4_ROW_MAX 16

/* Appends the initialization segment. Check the buffer's error after. */
void elo_fmp4_init(const elo_plan_t *p, elo_buf_t *out);

/* Bytes of file that follow one another. */
typedef struct {
    uint64_t offset;
    uint64_t len;
} elo_file_run_t;

/* Appends the front of segment n (from 0). it stands at its first sample and is
   moved past its last. runs has room for seg->n_samples; the media's place in
   the file is written there, *n_runs of them, adjacent samples merged. */
elo_err_t elo_fmp4_segment(const elo_plan_t *p, uint32_t n,
                           elo_sample_iter_t *it, elo_file_run_t *runs,
                           uint32_t *n_runs, elo_buf_t *out,
                           const char **reason) ELO_MUST_USE;

/* Upper bound of what elo_fmp4_segment appends. */
uint64_t elo_fmp4_front_max(const elo_segment_t *seg);

#endif
