/* SPDX-License-Identifier: BSD-2-Clause */
/* uploads: ends what has expired. */
#include "backend/care/job.h"
#include "backend/os/clock.h"
#include "backend/store/resume.h"


elo_err_t
elo_care_step_uploads(elo_care_run_t *r, bool *more)
{
    uint32_t n = 0;
    elo_err_t rc = elo_upload_expire(r->cfg->store, elo_clock_unix_s(), &n);

    r->items += n;
    *more = false;
    return rc;
}
