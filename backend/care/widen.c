/* SPDX-License-Identifier: BSD-2-Clause */
/* widen: what is encrypted at rest, and a content node has made public, is written
   in the clear; then the encrypted copy goes, and grants become possible. The store
   notes such blobs when the node is written (elo_store_wide_next). A large one is
   copied over many steps; after a restart it begins again. */
#include <stdlib.h>

#include "backend/care/job.h"
#include "backend/os/log.h"
#include "backend/store/node.h"
#include "backend/store/put_internal.h"
#include "backend/store/wide.h"

#define PIECE (1u << 20)

/* The blob that is being copied; lives across steps. */
typedef struct {
    elo_store_t *store;
    bool has_digest; /* the run goes on behind it */
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


/* One that can't be done: this run goes on with the next. */
static bool
is_of_one(elo_err_t rc)
{
    return rc == ELO_ENOKEY || rc == ELO_EQUOTA || rc == ELO_ECORRUPT
           || rc == ELO_EHASH || rc == ELO_EUNSUPPORTED || rc == ELO_ETOOBIG;
}


/* Begins with what is noted; what is narrow again, or not sealed, is struck out. */
static elo_err_t
copy_begin(copy_t *c)
{
    elo_store_t *s = c->store;
    elo_put_opt_t opt = { .has_expect = true, .is_widening = true };
    elo_err_t rc = elo_store_wide_stat(s, &c->digest, &c->agent, &c->stat);

    if (rc == ELO_OK) {
        opt.reach = elo_store_blob_reach(s, &c->digest);
    }
    if (rc == ELO_ENOTFOUND || (rc == ELO_OK && elo_reach_is_sealed(opt.reach)))
    {
        return elo_store_wide_strike(s, &c->digest);
    }
    if (rc != ELO_OK) {
        return rc;
    }
    opt.expect = c->digest;
    opt.agent = c->agent;
    opt.size_hint = c->stat.size;
    opt.content_type = elo_slice_str(c->stat.content_type);
    c->off = 0;
    rc = elo_blob_open(s, &c->stat, &c->from);
    if (rc == ELO_ENOTFOUND) { /* removed just then */
        return elo_store_wide_strike(s, &c->digest);
    }
    return rc != ELO_OK ? rc : elo_put_begin(s, &opt, &c->to);
}


/* The next that is noted; ELO_ENOTFOUND: none is left. */
static elo_err_t
copy_next(copy_t *c)
{
    elo_err_t rc = elo_store_wide_next(
        c->store, c->has_digest ? &c->digest : NULL, &c->digest);

    if (rc != ELO_OK) {
        return rc;
    }
    c->has_digest = true;
    rc = copy_begin(c);
    return rc == ELO_ENOTFOUND ? ELO_ECORRUPT : rc;
}


/* In the operation that writes it: the copy took its time. */
static elo_err_t
is_right_still(void *ctx, elo_kv_tx_t *tx, const elo_blob_stat_t *st)
{
    copy_t *c = ctx;

    (void) st;
    return elo_wide_check_tx(c->store, tx, &c->digest, &c->agent);
}


static elo_err_t
copy_end(elo_care_run_t *r, copy_t *c)
{
    elo_blob_stat_t st;
    bool existed;
    elo_err_t rc;

    elo_blob_close(&c->from);
    rc = elo_put_commit_also(&c->to, is_right_still, c, &st, &existed);
    if (rc == ELO_EPRECOND) {
        return elo_store_wide_strike(c->store, &c->digest);
    }
    if (rc != ELO_OK) {
        return rc;
    }
    r->items += 1;
    return elo_store_wide_done(c->store, &c->digest, &c->agent);
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
        c->store = r->cfg->store;
        r->state = c;
        r->drop = copy_drop;
    }
    while (rc == ELO_OK && !elo_care_is_over(r)) {
        rc = c->from == NULL ? copy_next(c) : copy_go_on(r, c);
        if (is_of_one(rc)) {
            elo_blob_close(&c->from);
            elo_put_abort(&c->to);
            r->found += 1;
            rc = ELO_OK;
        }
    }
    if (rc == ELO_ENOTFOUND && c->from == NULL) {
        *more = false;
        rc = ELO_OK;
    }
    return rc;
}
