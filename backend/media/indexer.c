/* SPDX-License-Identifier: BSD-2-Clause */
/* indexer: from a mapped MP4 file to its media index. */
#include "backend/media/indexer.h"

#include "backend/media/box.h"
#include "backend/media/index_write.h"

/* Below this a playlist is mostly headers. */
#define TARGET_MS_MIN 100


/* Cuts the tracks of one kind, in file order. *why is set when a track had to
   be left out. */
static elo_err_t
plan_kind(const elo_moov_t *moov, elo_track_kind_t kind, uint64_t file_len,
          elo_index_job_t *job, elo_plan_t *plans, elo_scratch_t *scratch,
          const char **why)
{
    const elo_plan_t *lead;
    elo_err_t rc;
    uint32_t i;

    for (i = 0; i < moov->n_tracks; i++) {
        if (moov->tracks[i].kind != kind) {
            continue;
        }
        /* video comes first, so any audio at the front has none to follow */
        lead = job->n_plans > 0 && plans[0].track->kind == ELO_TRACK_VIDEO
                   ? &plans[0]
                   : NULL;
        rc = elo_plan_make(&moov->tracks[i], file_len, job->target_ms, lead,
                           scratch, &plans[job->n_plans], why);
        if (rc == ELO_OK) {
            job->n_plans++;
        } else if (rc != ELO_EUNSUPPORTED) {
            return rc;
        }
    }
    return ELO_OK;
}


static elo_err_t
run(elo_slice_t file, uint32_t target_ms, elo_scratch_t *scratch,
    elo_buf_t *out, const char **reason)
{
    elo_index_job_t job = { .file_len = file.len, .target_ms = target_ms };
    elo_plan_t *plans;
    elo_moov_t moov;
    elo_err_t rc;

    if ((rc = elo_moov_read(file, scratch, &moov, reason)) != ELO_OK) {
        return rc;
    }
    plans = elo_scratch_alloc(scratch, moov.n_tracks, sizeof(*plans));
    if (plans == NULL) {
        return elo_media_fail(reason, ELO_ENOMEM, "out of memory");
    }
    job.plans = plans;
    rc = plan_kind(&moov, ELO_TRACK_VIDEO, file.len, &job, plans, scratch,
                   reason);
    if (rc == ELO_OK) {
        rc = plan_kind(&moov, ELO_TRACK_AUDIO, file.len, &job, plans, scratch,
                       reason);
    }
    if (rc != ELO_OK) {
        return rc;
    }
    if (job.n_plans == 0) {
        return ELO_EUNSUPPORTED; /* plan_kind gave the reason */
    }
    return elo_index_write(&job, scratch, out, reason);
}


elo_err_t
elo_indexer_run(elo_slice_t file, const elo_indexer_cfg_t *cfg, void *mem,
                size_t mem_len, elo_buf_t *out, const char **reason)
{
    elo_scratch_t scratch = elo_scratch(mem, mem_len);
    const char *why = "";
    elo_err_t rc;

    if (cfg->target_ms < TARGET_MS_MIN) {
        return elo_media_fail(reason, ELO_EINVAL, "segment length too short");
    }
    rc = run(file, cfg->target_ms, &scratch, out, &why);
    if (rc != ELO_OK) {
        *reason = why;
    }
    return rc;
}
