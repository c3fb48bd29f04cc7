/* SPDX-License-Identifier: BSD-2-Clause */
/* content_list: pages of content nodes, in order of id. Which are asked for:
   backend/node/filter.h. Where they are looked for: list_query.h. Each is shown only
   if the gate lets the caller read it, as he is at the time of the question (a view:
   relations, invitations and grants count).

   Unasked, what is published or stale is listed, and to its owner (and the operator)
   all of his. lifecycle=deprecated or archived shows those to whoever may read them.

   A page ends at its limit of nodes or of bytes, or when too many candidates were
   looked at; "next" is a cursor to go on by, null at the end. Nothing in an answer
   depends on what the caller may not read, but for that last end, and the cursor
   that it gives says nothing (list_cursor.h). Only operators go on by an id
   ("after"), too. Made on the pool: nodes may be large. */
#include "backend/api/calls.h"

#include <stdlib.h>

#include "backend/api/audit.h"
#include "backend/api/list_cursor.h"
#include "backend/api/list_query.h"
#include "backend/api/who.h"
#include "backend/json/json_write.h"
#include "backend/os/clock.h"
#include "backend/os/log.h"

#define PAGE_BYTES  (4u << 20)
#define LIST_BUDGET 10000 /* nodes looked at for one page */
#define CUT_LOG_S   60    /* one line in so long */

/* A node that is shown by an audited rule alone. */
typedef struct {
    elo_audit_what_t what; /* its content is id */
    char id[ELO_CONTENT_ID_MAX + 1];
} used_t;

typedef struct {
    elo_job_t job; /* first */
    elo_call_t call;
    elo_filter_t filter;
    elo_list_bound_t bound;
    elo_ctl_view_t *view; /* NULL: he has proved no key */
    elo_list_query_t query;
    elo_node_at_t at;
    int64_t now;
    uint32_t n_put;
    used_t *used; /* filter.limit of them; NULL: none yet */
    uint32_t n_used;
    elo_json_writer_t w;
    elo_buf_t json;
    elo_buf_t text; /* of the node that is looked at */
    elo_err_t err;
} list_t;


/* ---- what is shown ---- */

/* A node that is looked at: its row, and its text where that was needed. */
typedef struct {
    const elo_node_hit_t *hit;
    elo_reach_t reach; /* as stated */
    elo_node_life_t life;
    elo_stage_t stage;
    bool has_text;
    elo_content_t n; /* of a text that was read */
    bool is_loaded;
    elo_rule_t rule; /* by which he reads it, ... */
    elo_digest_t by; /* ... and its record, if that is audited */
} seen_t;


/* False when it has gone, or (in l->err) can't be read. */
static bool
read_text(list_t *l, seen_t *s)
{
    elo_err_t rc;

    if (s->has_text) {
        return true;
    }
    elo_buf_clear(&l->text);
    rc = elo_node_hit_json(s->hit, &l->text);
    if (rc == ELO_OK) {
        rc = elo_buf_err(&l->text);
    }
    if (rc != ELO_OK && rc != ELO_ENOTFOUND) {
        l->err = rc;
    }
    s->has_text = rc == ELO_OK;
    return s->has_text;
}


static bool
load(list_t *l, seen_t *s)
{
    if (s->is_loaded) {
        return true;
    }
    if (!read_text(l, s)) {
        return false;
    }
    s->is_loaded = elo_content_load(elo_buf_slice(&l->text), &s->n) == ELO_OK;
    return s->is_loaded;
}


/* Of a row that was written before rows said it, the text does. */
static bool
look_at(list_t *l, const elo_node_hit_t *hit, seen_t *s)
{
    *s = (seen_t){ .hit = hit,
                   .reach = hit->head.stated,
                   .life = hit->head.life,
                   .stage = hit->head.stage };
    if ((hit->head.flags & ELO_NODE_IS_BARE) == 0) {
        return true;
    }
    if (!load(l, s)) {
        return false;
    }
    s->reach = s->n.reach;
    s->life = (elo_node_life_t) s->n.lifecycle;
    s->stage = elo_content_stage(&s->n);
    return true;
}


static const elo_agent_t *
owner_of(const list_t *l, const seen_t *s)
{
    const elo_agent_t *owner = &s->hit->head.owner;

    return elo_agent_is_zero(owner) ? &l->call.api->node_owner : owner;
}


static bool
matches_row(const list_t *l, const seen_t *s)
{
    const elo_filter_t *f = &l->filter;

    return (!f->has_owner || elo_agent_eq(&f->owner, owner_of(l, s)))
           && (!f->has_reach || f->reach == s->reach)
           && (!f->has_lifecycle || (elo_node_life_t) f->lifecycle == s->life);
}


static bool
is_invited(const list_t *l, const seen_t *s)
{
    return s->is_loaded ? elo_content_invites(&s->n, &l->call.key)
                        : s->hit->head.n_invited > 0
                              && elo_node_hit_invites(s->hit, &l->call.key);
}


/* Deprecated content and older is served to those who have its address, but not
   shown around. */
static bool
is_shown(const list_t *l, seen_t *s)
{
    elo_who_subject_t of = { .reach = s->reach, .stage = s->stage };

    if (!l->call.is_guest) {
        return true;
    }
    if (l->view != NULL) {
        of.facts = elo_ctl_view_facts_towards(l->view, owner_of(l, s),
                                              s->hit->id, s->reach, &s->by);
        if ((of.facts & ELO_FACT_OWNER) == 0 && is_invited(l, s)) {
            of.facts |= ELO_FACT_INVITED;
        }
    }
    s->rule = elo_call_rule(&l->call, ELO_OP_READ, &of);
    return elo_rule_allows(s->rule)
           && (l->filter.has_lifecycle || (of.facts & ELO_FACT_OWNER) != 0
               || s->life == ELO_NODE_PUBLISHED || s->life == ELO_NODE_STALE);
}


static bool
matches_text(list_t *l, seen_t *s)
{
    return !elo_filter_needs_text(&l->filter)
           || (load(l, s) && elo_filter_matches_text(&l->filter, &s->n));
}


/* That is to be in the audit log before the page is sent. */
static bool
note_use(list_t *l, const seen_t *s)
{
    used_t *u;

    if (!elo_rule_is_audited(s->rule)) {
        return true;
    }
    if (l->used == NULL
        && (l->used = calloc(l->filter.limit, sizeof(*l->used))) == NULL)
    {
        l->err = ELO_ENOMEM;
        return false;
    }
    u = &l->used[l->n_used++];
    memcpy(u->id, s->hit->id.p, s->hit->id.len);
    u->what = (elo_audit_what_t){ .class = ELO_AUDIT_USE,
                                  .rule = s->rule,
                                  .agent = l->call.key,
                                  .owner = *owner_of(l, s),
                                  .content = elo_slice(u->id, s->hit->id.len),
                                  .has_by = true,
                                  .by = s->by,
                                  .op = ELO_OP_READ,
                                  .via = ELO_AUDIT_VIA_LIST };
    return true;
}


/* A page is full only when there is one more to be shown: what is hidden behind it
   makes no difference. */
static bool
on_hit(void *ctx, const elo_node_hit_t *hit)
{
    list_t *l = ctx;
    bool goes_on = true;
    seen_t s;

    if (look_at(l, hit, &s) && matches_row(l, &s) && is_shown(l, &s)
        && matches_text(l, &s))
    {
        if (l->n_put == l->filter.limit || l->json.len > PAGE_BYTES) {
            goes_on = false;
        } else if (read_text(l, &s) && note_use(l, &s)) {
            elo_json_put_raw(&l->w, NULL, elo_buf_slice(&l->text));
            l->n_put++;
        }
    }
    if (s.is_loaded) {
        elo_content_dispose(&s.n);
    }
    return goes_on && l->err == ELO_OK;
}


/* ---- the page ---- */

static elo_err_t
put_next(list_t *l)
{
    char cursor[ELO_LIST_CURSOR_TEXT + 1];
    elo_err_t rc;

    if (l->at.is_end) {
        elo_json_put_null(&l->w, "next");
        return ELO_OK;
    }
    rc = elo_list_cursor_seal(l->call.api->cfg.keyring, &l->bound, l->now,
                              elo_slice_str(l->at.id), l->at.is_from, cursor);
    if (rc == ELO_OK) {
        elo_json_put_cstr(&l->w, "next", cursor);
    }
    return rc;
}


/* pool */
static void
work_list(elo_job_t *job)
{
    list_t *l = (list_t *) job;
    elo_err_t rc = ELO_OK;

    elo_json_writer_init(&l->w, &l->json);
    elo_json_put_object(&l->w, NULL);
    elo_json_put_array(&l->w, "items");
    elo_list_query_make(&l->call, &l->filter, l->view, &l->query);
    if (l->query.is_empty) {
        l->at.is_end = true;
    } else {
        rc = elo_store_node_find(l->call.api->cfg.store, &l->query.q, &l->at,
                                 on_hit, l);
    }
    elo_json_end_array(&l->w);
    l->err = l->err != ELO_OK ? l->err : rc;
    if (l->err == ELO_OK) {
        l->err = put_next(l);
    }
    elo_json_end_object(&l->w);
}


static void
free_list(list_t *l)
{
    elo_ctl_view_free(&l->view);
    free(l->used);
    elo_buf_dispose(&l->json);
    elo_buf_dispose(&l->text);
    free(l);
}


static void
reply_list(void *ctx, elo_err_t err)
{
    list_t *l = ctx;

    if (err != ELO_OK) {
        elo_reply_err(l->call.req, err, NULL);
    } else {
        elo_http_res_header(l->call.req, "Cache-Control",
                            l->view == NULL ? ELO_SLICE("no-cache")
                                            : ELO_SLICE("no-store"));
        elo_reply_json(l->call.req, 200, &l->json);
    }
    free_list(l);
}


static void
after_list(elo_job_t *job)
{
    list_t *l = (list_t *) job;
    elo_audit_batch_t *b = NULL;

    if (l->err == ELO_OK && l->n_used > 0) {
        l->err = elo_audit_batch_create(l->call.api->audit, l->n_used,
                                        reply_list, l, &b);
    }
    if (b == NULL) {
        reply_list(l, l->err);
        return;
    }
    for (uint32_t i = 0; i < l->n_used; i++) {
        elo_audit_batch_use(b, &l->used[i].what);
    }
    elo_audit_batch_end(b);
}


/* ---- the question ---- */

/* False when that is answered: the cursor is no good here. */
static bool
go_on(list_t *l)
{
    elo_slice_t after = l->filter.after;
    elo_err_t rc;

    l->at.budget = LIST_BUDGET;
    if (after.len > 0 && l->call.is_guest) {
        elo_reply_problem(
            l->call.req, 400, elo_err_code(ELO_EINVAL),
            "after is for the operator; cursor takes what \"next\" "
            "was",
            "after");
        return false;
    }
    memcpy(l->at.id, after.p == NULL ? (const uint8_t *) "" : after.p,
           after.len);
    if (l->filter.cursor.len == 0) {
        return true;
    }
    rc = elo_list_cursor_open(l->call.api->cfg.keyring, &l->bound, l->now,
                              l->filter.cursor, l->at.id, &l->at.is_from);
    if (rc == ELO_EINVAL) {
        elo_reply_problem(l->call.req, 400, elo_err_code(rc),
                          "cursor isn't of this list for this caller, or is "
                          "older than a day; ask again without it",
                          "cursor");
    } else if (rc != ELO_OK) {
        elo_reply_err(l->call.req, rc, NULL);
    }
    return rc == ELO_OK;
}


/* What he is to everybody, on the loop. */
static elo_err_t
take_view(list_t *l)
{
    elo_api_t *a = l->call.api;
    elo_err_t rc;

    if ((l->call.facts & ELO_FACT_PROVED) == 0 || a->ctl == NULL) {
        return ELO_OK;
    }
    rc = elo_ctl_view_make(elo_ctl_state(a->ctl), &l->call.key, l->now,
                           &l->view);
    if (rc == ELO_OK && elo_ctl_view_is_cut(l->view)
        && l->now - a->cut_logged_at >= CUT_LOG_S)
    {
        a->cut_logged_at = l->now;
        elo_log(ELO_LOG_WARN,
                "too many records name agent %02x%02x%02x%02x: his listing is "
                "short; revoke those that aren't meant (/api/records)",
                l->call.key.b[0], l->call.key.b[1], l->call.key.b[2],
                l->call.key.b[3]);
    }
    return rc;
}


static elo_err_t
bind(list_t *l)
{
    const elo_call_t *c = &l->call;

    l->bound.caller = !c->is_guest                        ? ELO_LISTS_OPERATOR
                      : (c->facts & ELO_FACT_PROVED) != 0 ? ELO_LISTS_AGENT
                                                          : ELO_LISTS_ANONYMOUS;
    if (l->bound.caller == ELO_LISTS_AGENT) {
        l->bound.agent = c->key;
    }
    return elo_filter_digest(&l->filter, &l->bound.filters);
}


void
elo_call_content_list(elo_call_t *c)
{
    list_t *l = calloc(1, sizeof(*l));
    elo_content_fault_t fault;
    elo_err_t rc;

    if (l == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return;
    }
    l->call = *c;
    l->now = elo_clock_unix_s();
    elo_buf_init(&l->json, PAGE_BYTES + 2 * ELO_CONTENT_TEXT_MAX);
    elo_buf_init(&l->text, ELO_CONTENT_TEXT_MAX);
    if (elo_filter_parse(elo_http_req_query(c->req), &l->filter, &fault)
        != ELO_OK) {
        elo_reply_problem(c->req, 400, elo_err_code(ELO_EINVAL), fault.detail,
                          fault.field);
        free_list(l);
        return;
    }
    if ((rc = bind(l)) != ELO_OK || (rc = take_view(l)) != ELO_OK) {
        elo_reply_err(c->req, rc, NULL);
        free_list(l);
        return;
    }
    if (!go_on(l)) {
        free_list(l);
        return;
    }
    l->job.work = work_list;
    l->job.after = after_list;
    elo_loop_work(c->api->cfg.loop, &l->job);
}
