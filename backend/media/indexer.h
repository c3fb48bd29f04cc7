/* SPDX-License-Identifier: BSD-2-Clause */
/* indexer: learns from an MP4 file what a streaming server must know: tracks,
   codec strings, timescales, keyframes, segment boundaries, and for each segment
   a recipe. Pure: reads a mapped file, writes a media index (layout:
   backend/media/index.h) through the caller's allocator. Runs in a child process
   without privileges; its input is hostile.
   Spec: ISO/IEC 14496-12, -14, -15; RFC 6381. */
#ifndef ELO_MEDIA_INDEXER_H
#define ELO_MEDIA_INDEXER_H

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/slice.h"

typedef struct {
    uint32_t target_ms; /* wished segment length, e.g. 6000 */
} elo_indexer_cfg_t;

/* Indexes file and appends the index to out. mem is scratch memory of mem_len
   bytes, all that it may use beside out. On any error *reason is a static text
   that tells a person why the file can't be streamed: ELO_EUNSUPPORTED (not MP4,
   no usable track, an unknown codec), ELO_EINVAL (malformed or truncated),
   ELO_ETOOBIG (past a limit), ELO_ENOMEM. */
elo_err_t elo_indexer_run(elo_slice_t file, const elo_indexer_cfg_t *cfg,
                          void *mem, size_t mem_len, elo_buf_t *out,
                          const char **reason) ELO_MUST_USE;

#endif
