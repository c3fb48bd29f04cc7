/* SPDX-License-Identifier: BSD-2-Clause */
/* lifecycle: what the calendar does to content nodes: those that are due, in order of
   time; then whether the promotions of bytes count yet. A node's next due time is in
   its row, so a clock that jumps, or a time without a daemon, only has more or fewer
   of them due; one that stays due (it can't be written) is passed over in this run. */
#include <stdlib.h>

#include "backend/care/job.h"
#include "backend/os/clock.h"
#include "backend/os/log.h"
#include "backend/store/node_find.h"

#define BATCH    32u  /* ids of one look */
#define SKIP_MAX 256u /* nodes that may stay due, in one run */

typedef struct {
    char id[BATCH + SKIP_MAX][ELO_CONTENT_ID_MAX + 1];
    uint32_t n;       /* of this look */
    uint32_t n_stuck; /* were due, and stay it: the first of each look */
    bool is_aged;     /* nodes are done; promotions are next */
    size_t at;
} life_t;


static bool
take(void *ctx, elo_slice_t id, int64_t due_s)
{
    life_t *l = ctx;

    (void) due_s;
    memcpy(l->id[l->n], id.p, id.len);
    l->id[l->n++][id.len] = '\0';
    return true;
}


/* One that can't be done: this run goes on with the next. */
static bool
is_of_one(elo_err_t rc)
{
    return rc == ELO_ECORRUPT || rc == ELO_ETOOBIG || rc == ELO_EBUSY
           || rc == ELO_EDENIED || rc == ELO_EINVAL;
}


/* Those that stay due come first in the next look too: as many more are asked for. */
static elo_err_t
age_some(elo_care_run_t *r, life_t *l)
{
    const elo_care_cfg_t *cfg = r->cfg;
    int64_t now = elo_clock_unix_s();
    uint32_t stuck = l->n_stuck, i;
    elo_err_t rc;

    l->n = 0;
    rc = elo_store_node_due(cfg->store, now, BATCH + stuck, take, l);
    if (rc != ELO_OK) {
        return rc;
    }
    l->is_aged = l->n <= stuck;
    for (i = stuck; i < l->n && (i == stuck || !elo_care_is_over(r)); i++) {
        elo_node_head_t head;
        elo_slice_t id = elo_slice_str(l->id[i]);

        rc = cfg->grow_old(cfg->lifecycle_ctx, cfg->store, id, now);
        if (rc != ELO_OK && !is_of_one(rc)) {
            return rc;
        }
        r->items += 1;
        if (rc == ELO_OK
            && (elo_store_node_head(cfg->store, id, &head) != ELO_OK
                || head.due_s == 0 || head.due_s > now))
        {
            continue;
        }
        r->found += 1;
        elo_log(ELO_LOG_WARN, "content \"%s\" stays due: %s", l->id[i],
                elo_strerror(rc));
        l->is_aged = l->is_aged || ++l->n_stuck == SKIP_MAX;
    }
    return ELO_OK;
}


elo_err_t
elo_care_step_lifecycle(elo_care_run_t *r, bool *more)
{
    life_t *l = r->state;
    elo_err_t rc = ELO_OK;

    *more = false;
    if (r->cfg->grow_old == NULL || r->cfg->look_again == NULL) {
        return ELO_OK;
    }
    if (l == NULL) {
        if ((l = calloc(1, sizeof(*l))) == NULL) {
            return ELO_ENOMEM;
        }
        r->state = l;
        r->drop = free;
    }
    if (!l->is_aged) {
        do {
            rc = age_some(r, l);
        } while (rc == ELO_OK && !l->is_aged && !elo_care_is_over(r));
        *more = rc == ELO_OK;
        return rc;
    }
    rc =
        r->cfg->look_again(r->cfg->lifecycle_ctx, r->cfg->store, &l->at, BATCH);
    *more = l->at != 0;
    return rc;
}
