/* SPDX-License-Identifier: BSD-2-Clause */
/* index_write: writer of media indexes, from cut tracks; see index.h. */
#ifndef ELO_MEDIA_INDEX_WRITE_H
#define ELO_MEDIA_INDEX_WRITE_H

#include "backend/media/segment_plan.h"
#include "common/base/buf.h"

typedef struct {
    uint64_t file_len;
    uint32_t target_ms;
    uint32_t n_plans; /* 1 to ELO_MEDIA_MAX_TRACKS */
    const elo_plan_t *plans;
} elo_index_job_t;

/* Appends the index. Errors as elo_indexer_run, with reason. */
elo_err_t elo_index_write(const elo_index_job_t *job, elo_scratch_t *scratch,
                          elo_buf_t *out, const char **reason) ELO_MUST_USE;

#endif
