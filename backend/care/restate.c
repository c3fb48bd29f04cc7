/* SPDX-License-Identifier: BSD-2-Clause */
/* restate: rows of content nodes that an older version of the daemon has written, and
   which don't say whom they invite or what they are found by, are stated again as
   their texts say. A row that was done isn't looked at twice, so a run that was
   interrupted begins anew. When none is left the store's setting "nodes stated" says
   so, by the version of the rows: no later run looks at them. */
#include <stdlib.h>

#include "backend/care/job.h"
#include "backend/os/clock.h"
#include "backend/os/log.h"
#include "backend/store/node.h"
#include "backend/store/setting.h"

#define SETTING "nodes stated"
#define STATED  3u   /* what elo_store_node_restate writes */
#define BATCH   256u /* rows of one look */

typedef struct {
    char last[ELO_CONTENT_ID_MAX + 1]; /* that was looked at */
    uint32_t n;                        /* rows of this look */
    uint32_t n_bare;
    char bare[BATCH][ELO_CONTENT_ID_MAX + 1];
    uint32_t at; /* of bare: what is next */
} restate_t;


static void
copy_id(char out[ELO_CONTENT_ID_MAX + 1], elo_slice_t id)
{
    memcpy(out, id.p, id.len);
    out[id.len] = '\0';
}


static void
take(void *ctx, elo_slice_t id, bool is_bare)
{
    restate_t *x = ctx;

    x->n++;
    copy_id(x->last, id);
    if (is_bare) {
        copy_id(x->bare[x->n_bare++], id);
    }
}


static elo_err_t
is_done(elo_store_t *s, bool *out)
{
    uint8_t mem[ELO_SETTING_MAX];
    elo_buf_t b;
    elo_err_t rc;

    elo_buf_init_fixed(&b, mem, sizeof(mem));
    rc = elo_store_setting_get(s, SETTING, &b);
    if (rc == ELO_OK || rc == ELO_ENOTFOUND) {
        *out = rc == ELO_OK && b.len == 1 && mem[0] >= STATED;
        rc = ELO_OK;
    }
    return rc;
}


static elo_err_t
look(elo_care_run_t *r, restate_t *x)
{
    x->n = x->n_bare = x->at = 0;
    return elo_store_node_rows(r->cfg->store, elo_slice_str(x->last), BATCH,
                               take, x);
}


/* Those of a look, as far as there is time: at least one. */
static elo_err_t
state_some(elo_care_run_t *r, restate_t *x)
{
    int64_t now = elo_clock_unix_s();
    elo_err_t rc;

    do {
        const char *id = x->bare[x->at];

        rc = r->cfg->restate(r->cfg->store, elo_slice_str(id), now);
        if (rc != ELO_OK && !elo_care_is_of_one(rc)) {
            return rc;
        }
        r->items += 1;
        if (rc != ELO_OK) {
            r->found += 1;
            elo_log(ELO_LOG_WARN,
                    "content \"%s\" is of an older version: it invites nobody "
                    "and isn't found by filters until it is put again: %s",
                    id, elo_strerror(rc));
        }
        x->at++;
    } while (x->at < x->n_bare && !elo_care_is_over(r));
    return ELO_OK;
}


/* Also with those that are in trouble: they were told of, and trying again is no help. */
static elo_err_t
finish(elo_care_run_t *r)
{
    static const uint8_t stated = STATED;

    return elo_store_setting_put(r->cfg->store, SETTING, elo_slice(&stated, 1));
}


elo_err_t
elo_care_step_restate(elo_care_run_t *r, bool *more)
{
    restate_t *x = r->state;
    bool done = false;
    elo_err_t rc;

    *more = false;
    if (r->cfg->restate == NULL) {
        return ELO_OK;
    }
    if (x == NULL) {
        if ((rc = is_done(r->cfg->store, &done)) != ELO_OK || done) {
            return rc;
        }
        if ((x = calloc(1, sizeof(*x))) == NULL) {
            return ELO_ENOMEM;
        }
        r->state = x;
        r->drop = free;
    }
    do {
        if (x->at < x->n_bare) {
            rc = state_some(r, x);
        } else if ((rc = look(r, x)) == ELO_OK && x->n == 0) {
            return finish(r);
        }
    } while (rc == ELO_OK && !elo_care_is_over(r));
    *more = rc == ELO_OK;
    return rc;
}
