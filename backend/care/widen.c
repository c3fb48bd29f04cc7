/* SPDX-License-Identifier: BSD-2-Clause */
/* widen: what is encrypted at rest, and a content node has made public, is written
   in the clear; then the encrypted copy goes, and grants become possible. The store
   notes such blobs when the node is written (elo_store_wide_next). A large one is
   copied over many steps; after a restart it begins again. */
#include <stdlib.h>

#include "backend/care/job.h"
#include "backend/os/log.h"
#include "backend/store/node.h"
#include "backend/store/put.h"
#include "backend/store/wide.h"

#define PIECE (1u << 20)

/* The blob that is being copied; lives across steps. */
typedef struct {
    elo_digest_t digest;
    elo_agent_t agent;
    elo_blob_stat_t stat;
    elo_blob_t *from;
    elo_put_t *to;
    uint64_t off;
    uint8_t piece[PIECE];
} copy_t;


static void
copy_drop(void *state)
{
    copy_t *c = state;

    elo_blob_close(&c->from);
    elo_put_abort(&c->to);
    elo_wipe(c->piece, sizeof(c->piece));
    free(c);
}


/* Begins with the next blob that is noted; ELO_ENOTFOUND: none is left. One whose
   nodes are narrow again is struck out, and the caller asks again. */
static elo_err_t
copy_next(elo_care_run_t *r, copy_t *c)
{
    elo_store_t *s = r->cfg->store;
    elo_put_opt_t opt = { .has_expect = true };
    elo_err_t rc = elo_store_wide_next(s, &c->digest, &c->agent, &c->stat);

    if (rc != ELO_OK) {
        return rc;
    }
    opt.reach = elo_store_blob_reach(s, &c->digest);
    if (opt.reach < ELO_REACH_NEIGHBORHOOD) {
        return elo_store_wide_done(s, &c->digest, &c->agent, false);
    }
    opt.expect = c->digest;
    opt.agent = c->agent;
    opt.size_hint = c->stat.size;
    opt.content_type = elo_slice_str(c->stat.content_type);
    c->off = 0;
    if ((rc = elo_blob_open(s, &c->stat, &c->from)) != ELO_OK
        || (rc = elo_put_begin(s, &opt, &c->to)) != ELO_OK)
    {
        elo_blob_close(&c->from);
    }
    return rc;
}


static elo_err_t
copy_end(elo_care_run_t *r, copy_t *c)
{
    elo_blob_stat_t st;
    bool existed;
    elo_err_t rc;

    elo_blob_close(&c->from);
    if ((rc = elo_put_commit(&c->to, &st, &existed)) != ELO_OK) {
        return rc;
    }
    r->items += 1;
    return elo_store_wide_done(r->cfg->store, &c->digest, &c->agent, true);
}


static elo_err_t
copy_go_on(elo_care_run_t *r, copy_t *c)
{
    uint64_t left = c->stat.size - c->off;
    size_t len = left < PIECE ? (size_t) left : PIECE;
    elo_err_t rc;

    if (len == 0) {
        return copy_end(r, c);
    }
    if ((rc = elo_blob_read(c->from, c->off, c->piece, len)) == ELO_OK) {
        rc = elo_put_write(c->to, elo_slice(c->piece, len));
    }
    c->off += len;
    r->bytes += len;
    return rc;
}


elo_err_t
elo_care_step_widen(elo_care_run_t *r, bool *more)
{
    copy_t *c = r->state;
    elo_err_t rc = ELO_OK;

    *more = true;
    if (c == NULL) {
        if ((c = calloc(1, sizeof(*c))) == NULL) {
            return ELO_ENOMEM;
        }
        r->state = c;
        r->drop = copy_drop;
    }
    while (rc == ELO_OK && !elo_care_is_over(r)) {
        rc = c->from == NULL && c->to == NULL ? copy_next(r, c)
                                              : copy_go_on(r, c);
    }
    if (rc == ELO_ENOTFOUND && c->from == NULL && c->to == NULL) {
        *more = false;
        rc = ELO_OK;
    }
    return rc;
}
