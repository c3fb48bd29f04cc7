/* SPDX-License-Identifier: BSD-2-Clause */
/* content_apply: the one way in which a content node is changed but not rewritten:
   its state, reach, list and hold, by a request, a record or the calendar. What is
   current is read, somebody judges it and says what is to be, and that becomes the
   next version, if nothing else did meanwhile; else all of it is done again. */
#ifndef ELO_API_CONTENT_APPLY_H
#define ELO_API_CONTENT_APPLY_H

#include "backend/node/content_node.h"
#include "backend/node/content_row.h"
#include "backend/store/node.h"

typedef struct {
    elo_content_set_t set; /* what is in it lives until the next judgement */
    bool is_fresh;         /* somebody has looked: refreshInterval runs anew */
    bool has_hold;         /* the hold becomes this one; NULL: none */
    const elo_content_hold_t *hold;
    bool is_nothing; /* it is as it should be: no version is made */
} elo_apply_t;

/* Says what is to become of n, of that owner (zero: the operator): *out is zeroed.
   Any error but ELO_EPRECOND ends it, and is the result; so does that one, which
   is the judge's own then. */
typedef elo_err_t (*elo_apply_judge_fn)(void *ctx, const elo_content_t *n,
                                        const elo_agent_t *owner,
                                        elo_apply_t *out);

/* What has become of it. */
typedef struct {
    elo_buf_t json;        /* text of the version that is current now */
    elo_content_t content; /* the same, read */
    elo_agent_t owner;
    uint64_t
        was_version; /* that was judged; as it is, if nothing was changed */
    elo_lifecycle_t was;
    elo_reach_t was_reach;
} elo_applied_t;

/* [work] now: Unix seconds. ELO_ENOTFOUND: no such node. ELO_EBUSY: others were always
   quicker. out may be NULL; else it ends in elo_applied_dispose, whatever the
   result. */
elo_err_t elo_content_apply(elo_store_t *s, elo_slice_t id, int64_t now,
                            elo_apply_judge_fn judge, void *ctx,
                            elo_applied_t *out) ELO_MUST_USE;
void elo_applied_dispose(elo_applied_t *a);

/* [work] Writes a node that was made or changed, with all that the store is told of
   it. What has expired is no reference any more, unless a hold keeps it. */
elo_err_t elo_content_store(elo_store_t *s, elo_content_t *n,
                            const elo_agent_t *owner, elo_slice_t json,
                            uint64_t expect, int64_t now) ELO_MUST_USE;

/* The row that would be written for it, for many at once (elo_store_node_put_many).
   Ends in elo_content_row_dispose. */
elo_err_t elo_content_ready(elo_content_t *n, const elo_agent_t *owner,
                            elo_slice_t json, int64_t now,
                            elo_content_row_t *row) ELO_MUST_USE;

/* Does the text of a node that its owner makes or lengthens leave the spare room
   (ELO_CONTENT_SPARE), so that it can always be held? */
bool elo_content_fits(const elo_buf_t *json);

/* May n become what is of that state? ELO_EMOVE, ELO_EHELD with a sentence. */
elo_err_t elo_content_may_become(const elo_content_t *n, elo_lifecycle_t to,
                                 const char **why) ELO_MUST_USE;

/* [work] What the calendar does to a node: elo_content_age. Fine when it does
   nothing, or there is no such node. */
elo_err_t elo_content_grow_old(elo_store_t *s, elo_slice_t id,
                               int64_t now) ELO_MUST_USE;

/* [work] States the row of a node again as its text says; the version stays. For rows
   of older versions of the daemon. Fine when there is no such node any more. */
elo_err_t elo_content_restate(elo_store_t *s, elo_slice_t id,
                              int64_t now) ELO_MUST_USE;

#endif
