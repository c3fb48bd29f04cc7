/* SPDX-License-Identifier: BSD-2-Clause */
/* content_apply: see the header. */
#include "backend/api/content_apply.h"

#include <stdio.h>

#define TRIES 128 /* losses in a row; at each another write was made */


elo_err_t
elo_content_ready(elo_content_t *n, const elo_agent_t *owner, elo_slice_t json,
                  int64_t now, elo_content_row_t *row)
{
    int64_t due = elo_content_due(n);
    elo_err_t rc;

    if (!n->is_held) {
        elo_content_drop_expired(n, now);
    }
    if ((rc = elo_content_row_make(n, owner, json, row)) == ELO_OK) {
        row->node.flags = n->is_held ? ELO_NODE_IS_HELD : 0;
        row->node.due_s = due;
    }
    return rc;
}


elo_err_t
elo_content_store(elo_store_t *s, elo_content_t *n, const elo_agent_t *owner,
                  elo_slice_t json, uint64_t expect, int64_t now)
{
    elo_content_row_t row;
    elo_err_t rc;

    if ((rc = elo_content_ready(n, owner, json, now, &row)) == ELO_OK) {
        rc = elo_store_node_put(s, &row.node, expect, false);
        elo_content_row_dispose(&row);
    }
    return rc;
}


elo_err_t
elo_content_may_become(const elo_content_t *n, elo_lifecycle_t to,
                       const char **why)
{
    if (!elo_lifecycle_may_move(n->lifecycle, to)) {
        *why = "its lifecycle has no such move";
        return ELO_EMOVE;
    }
    if (n->is_held && elo_lifecycle_is_held_back(to)) {
        *why = "the content is held";
        return ELO_EHELD;
    }
    return ELO_OK;
}


bool
elo_content_fits(const elo_buf_t *json)
{
    return json->len <= ELO_CONTENT_JSON_MAX - ELO_CONTENT_SPARE;
}


/* ---- one change ---- */

static elo_err_t
load(elo_store_t *s, elo_slice_t id, elo_applied_t *a)
{
    elo_err_t rc;

    elo_applied_dispose(a);
    elo_buf_init(&a->json, ELO_CONTENT_TEXT_MAX);
    if ((rc = elo_store_node_get(s, id, 0, &a->json, NULL, NULL)) != ELO_OK
        || (rc = elo_content_load(elo_buf_slice(&a->json), &a->content))
               != ELO_OK)
    {
        return rc;
    }
    a->was_version = a->content.version;
    a->was = a->content.lifecycle;
    a->was_reach = a->content.reach;
    return elo_store_node_owner(s, id, &a->owner);
}


/* The next version of the text in a, which then is that one. */
static elo_err_t
make(elo_applied_t *a, const elo_apply_t *to, int64_t now)
{
    const elo_content_t *n = &a->content;
    elo_content_env_t env = {
        .id = n->id,
        .version = n->version + 1,
        .created_at = n->created_at,
        .updated_at = now,
        .fresh_at = to->is_fresh ? now : n->fresh_at,
        .was = &n->lifecycle,
        .hold = to->has_hold ? to->hold
                : n->is_held ? &n->hold
                             : NULL,
        .set = &to->set,
    };
    elo_content_fault_t fault;
    elo_buf_t json;
    elo_err_t rc;

    elo_buf_init(&json, ELO_CONTENT_TEXT_MAX);
    rc = elo_content_make(elo_buf_slice(&a->json), &env, &json, &fault);
    rc = rc == ELO_EINVAL ? ELO_ECORRUPT : rc; /* it was good once */
    if (rc == ELO_OK && to->set.invited != NULL && !elo_content_fits(&json)) {
        rc = ELO_ETOOBIG;
    }
    if (rc != ELO_OK) {
        elo_buf_dispose(&json);
        return rc;
    }
    elo_content_dispose(&a->content);
    elo_buf_dispose(&a->json);
    a->json = json;
    return elo_content_load(elo_buf_slice(&a->json), &a->content);
}


/* ELO_EAGAIN: somebody was quicker. */
static elo_err_t
attempt(elo_store_t *s, elo_slice_t id, int64_t now, elo_apply_judge_fn judge,
        void *ctx, elo_applied_t *a)
{
    elo_apply_t to = { .is_nothing = false };
    elo_err_t rc;

    if ((rc = load(s, id, a)) != ELO_OK
        || (rc = judge(ctx, &a->content, &a->owner, &to)) != ELO_OK
        || to.is_nothing || (rc = make(a, &to, now)) != ELO_OK)
    {
        return rc;
    }
    rc = elo_content_store(s, &a->content, &a->owner, elo_buf_slice(&a->json),
                           a->was_version, now);
    return rc == ELO_EPRECOND ? ELO_EAGAIN : rc;
}


elo_err_t
elo_content_apply(elo_store_t *s, elo_slice_t id, int64_t now,
                  elo_apply_judge_fn judge, void *ctx, elo_applied_t *out)
{
    elo_applied_t a = { .was_version = 0 };
    elo_err_t rc = ELO_EAGAIN;

    for (int i = 0; i < TRIES && rc == ELO_EAGAIN; i++) {
        rc = attempt(s, id, now, judge, ctx, &a);
    }
    if (out != NULL) {
        *out = a;
    } else {
        elo_applied_dispose(&a);
    }
    return rc == ELO_EAGAIN ? ELO_EBUSY : rc;
}


void
elo_applied_dispose(elo_applied_t *a)
{
    elo_content_dispose(&a->content);
    elo_buf_dispose(&a->json);
    *a = (elo_applied_t){ .was_version = 0 };
}


/* ---- by the calendar ---- */

typedef struct {
    int64_t now;
    elo_lifecycle_t to;
} age_t;


static elo_err_t
judge_age(void *ctx, const elo_content_t *n, const elo_agent_t *owner,
          elo_apply_t *out)
{
    age_t *age = ctx;
    bool is_expired;

    (void) owner;
    age->to = elo_content_age(n, age->now, &is_expired);
    out->is_nothing = age->to == n->lifecycle && !is_expired;
    out->set.lifecycle = &age->to;
    out->set.expired_by = is_expired ? age->now : 0;
    return ELO_OK;
}


elo_err_t
elo_content_grow_old(elo_store_t *s, elo_slice_t id, int64_t now)
{
    age_t age = { .now = now };
    elo_err_t rc = elo_content_apply(s, id, now, judge_age, &age, NULL);

    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


/* ---- by a version of the daemon ---- */

elo_err_t
elo_content_restate(elo_store_t *s, elo_slice_t id, int64_t now)
{
    elo_applied_t a = { .was_version = 0 };
    elo_content_row_t row;
    elo_err_t rc;

    if ((rc = load(s, id, &a)) == ELO_OK
        && (rc = elo_content_ready(&a.content, &a.owner, elo_buf_slice(&a.json),
                                   now, &row))
               == ELO_OK)
    {
        rc = elo_store_node_restate(s, &row.node);
        elo_content_row_dispose(&row);
    }
    elo_applied_dispose(&a);
    /* who wrote or removed it meanwhile, has stated it */
    return rc == ELO_ENOTFOUND || rc == ELO_EPRECOND ? ELO_OK : rc;
}
