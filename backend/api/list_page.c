/* SPDX-License-Identifier: BSD-2-Clause */
/* list_page: see the header. Nothing in a page depends on what the caller may not
   read, but for where it ends when the budget does. */
#include "backend/api/list_page.h"

#include <stdlib.h>

#include "backend/api/audit.h"
#include "backend/api/who.h"
#include "backend/os/clock.h"
#include "backend/os/log.h"

#define PAGE_BYTES (4u << 20)
#define TEXT_BYTES (8u << 20) /* that are read for one page */
#define AT_ONCE    2u         /* pages: the pool is for others, too */
#define WAIT_MAX   256u
#define NODE_MAX   (3 * ELO_CONTENT_TEXT_MAX) /* in any shape, and "next" */
#define CUT_LOG_S  60                         /* one line in so long */

/* A node that is shown by an audited rule alone. */
struct elo_list_used_s {
    elo_audit_what_t what; /* its content is id */
    char id[ELO_CONTENT_ID_MAX + 1];
};


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


/* False when it has gone, or (in l->_err) can't be read. */
static bool
read_text(elo_list_page_t *l, seen_t *s)
{
    elo_err_t rc;

    if (s->has_text) {
        return true;
    }
    elo_buf_clear(&l->_text);
    rc = elo_node_hit_json(s->hit, &l->_text);
    if (rc == ELO_OK) {
        rc = elo_buf_err(&l->_text);
    }
    if (rc != ELO_OK && rc != ELO_ENOTFOUND) {
        l->_err = rc;
    }
    l->_n_text += l->_text.len;
    s->has_text = rc == ELO_OK;
    return s->has_text;
}


static bool
load(elo_list_page_t *l, seen_t *s)
{
    if (s->is_loaded) {
        return true;
    }
    if (!read_text(l, s)) {
        return false;
    }
    s->is_loaded = elo_content_load(elo_buf_slice(&l->_text), &s->n) == ELO_OK;
    return s->is_loaded;
}


/* Of a row that was written before rows said it, the text does. */
static bool
look_at(elo_list_page_t *l, const elo_node_hit_t *hit, seen_t *s)
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
owner_of(const elo_list_page_t *l, const seen_t *s)
{
    const elo_agent_t *owner = &s->hit->head.owner;

    return elo_agent_is_zero(owner) ? &l->call.api->node_owner : owner;
}


static bool
matches_row(const elo_list_page_t *l, const seen_t *s)
{
    const elo_filter_t *f = &l->filter;

    return (!f->has_owner || elo_agent_eq(&f->owner, owner_of(l, s)))
           && (!f->has_reach || f->reach == s->reach)
           && (!f->has_lifecycle || (elo_node_life_t) f->lifecycle == s->life);
}


static bool
is_invited(const elo_list_page_t *l, const seen_t *s)
{
    return s->is_loaded ? elo_content_invites(&s->n, &l->call.key)
                        : s->hit->head.n_invited > 0
                              && elo_node_hit_invites(s->hit, &l->call.key);
}


/* Deprecated content and older is served to those who have its address, but not
   shown around. */
static bool
is_shown(const elo_list_page_t *l, seen_t *s)
{
    elo_who_subject_t of = { .reach = s->reach, .stage = s->stage };

    if (!l->call.is_guest) {
        return true;
    }
    if (l->_view != NULL) {
        of.facts = elo_ctl_view_facts_towards(l->_view, owner_of(l, s),
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
matches_text(elo_list_page_t *l, seen_t *s)
{
    return !elo_filter_needs_text(&l->filter)
           || (load(l, s) && elo_filter_matches_text(&l->filter, &s->n));
}


/* That is to be in the audit log before the page is sent. */
static bool
note_use(elo_list_page_t *l, const seen_t *s)
{
    elo_list_used_t *u;

    if (!elo_rule_is_audited(s->rule)) {
        return true;
    }
    if (l->_used == NULL
        && (l->_used = calloc(l->limit, sizeof(*l->_used))) == NULL)
    {
        l->_err = ELO_ENOMEM;
        return false;
    }
    u = &l->_used[l->_n_used++];
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


/* False: the page is full. It is only when there is one more to be shown: what is
   hidden behind it makes no difference. */
static bool
take(elo_list_page_t *l, seen_t *s)
{
    if (l->_shape->wants != NULL
        && !(read_text(l, s) && l->_shape->wants(l, elo_buf_slice(&l->_text))))
    {
        return true;
    }
    if (l->skip > 0) {
        l->skip--;
        return true;
    }
    if (l->_n_put == l->limit || l->json.len > PAGE_BYTES) {
        return false;
    }
    if (read_text(l, s) && note_use(l, s)) {
        l->_err = l->_shape->put(l, elo_buf_slice(&l->_text));
        l->_n_put++;
    }
    return true;
}


static bool
on_hit(void *ctx, const elo_node_hit_t *hit)
{
    elo_list_page_t *l = ctx;
    bool goes_on = true;
    seen_t s;

    if (l->_n_text > TEXT_BYTES) {
        return false;
    }
    if (look_at(l, hit, &s) && matches_row(l, &s) && is_shown(l, &s)
        && matches_text(l, &s))
    {
        goes_on = take(l, &s);
    }
    if (s.is_loaded) {
        elo_content_dispose(&s.n);
    }
    return goes_on && l->_err == ELO_OK;
}


/* ---- the page ---- */

/* pool */
static void
work_page(elo_job_t *job)
{
    elo_list_page_t *l = (elo_list_page_t *) job;
    elo_err_t rc = ELO_OK;

    elo_json_writer_init(&l->w, &l->json);
    l->_shape->begin(l);
    elo_list_query_make(&l->call, &l->filter, l->_view, &l->_query);
    if (l->_query.is_empty) {
        l->at.is_end = true;
    } else {
        rc = elo_store_node_find(l->call.api->cfg.store, &l->_query.q, &l->at,
                                 on_hit, l);
    }
    l->_err = l->_err != ELO_OK ? l->_err : rc;
    if (l->_err == ELO_OK) {
        l->_err = l->_shape->end(l);
    }
}


void
elo_list_page_free(elo_list_page_t *l)
{
    elo_ctl_view_free(&l->_view);
    free(l->_used);
    elo_buf_dispose(&l->json);
    elo_buf_dispose(&l->_text);
    free(l);
}


static void
reply_page(void *ctx, elo_err_t err)
{
    elo_list_page_t *l = ctx;

    if (err != ELO_OK) {
        elo_reply_err(l->call.req, err, NULL);
    } else {
        l->_shape->reply(l);
    }
    elo_list_page_free(l);
}


static void begin_next(elo_api_t *a);


static void
after_page(elo_job_t *job)
{
    elo_list_page_t *l = (elo_list_page_t *) job;
    elo_audit_batch_t *b = NULL;

    l->call.api->n_lists--;
    begin_next(l->call.api);
    if (l->_err == ELO_OK && l->_n_used > 0) {
        l->_err = elo_audit_batch_create(l->call.api->audit, l->_n_used,
                                         reply_page, l, &b);
    }
    if (b == NULL) {
        reply_page(l, l->_err);
        return;
    }
    for (uint32_t i = 0; i < l->_n_used; i++) {
        elo_audit_batch_use(b, &l->_used[i].what);
    }
    elo_audit_batch_end(b);
}


/* What he is to everybody, on the loop. */
static elo_err_t
take_view(elo_list_page_t *l)
{
    elo_api_t *a = l->call.api;
    elo_err_t rc;

    if ((l->call.facts & ELO_FACT_PROVED) == 0 || a->ctl == NULL) {
        return ELO_OK;
    }
    rc = elo_ctl_view_make(elo_ctl_state(a->ctl), &l->call.key, l->now,
                           &l->_view);
    if (rc == ELO_OK && elo_ctl_view_is_cut(l->_view)
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


void *
elo_list_page_create(const elo_call_t *c, size_t size,
                     const elo_list_shape_t *shape)
{
    elo_list_page_t *l = calloc(1, size);

    if (l == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return NULL;
    }
    l->call = *c;
    l->now = elo_clock_unix_s();
    l->at.budget = ELO_LIST_BUDGET;
    l->_shape = shape;
    elo_buf_init(&l->json, PAGE_BYTES + NODE_MAX);
    elo_buf_init(&l->_text, ELO_CONTENT_TEXT_MAX);
    return l;
}


/* As he is now, not when he came. */
static void
begin_page(elo_list_page_t *l)
{
    elo_api_t *a = l->call.api;
    elo_err_t rc;

    l->now = elo_clock_unix_s();
    if ((rc = take_view(l)) != ELO_OK) {
        reply_page(l, rc);
        return;
    }
    l->is_his = l->_view != NULL;
    l->job.work = work_page;
    l->job.after = after_page;
    a->n_lists++;
    elo_loop_work(a->cfg.loop, &l->job);
}


static void
begin_next(elo_api_t *a)
{
    while (a->n_lists < AT_ONCE && a->lists != NULL) {
        elo_list_page_t *l = a->lists;

        a->lists = l->_next;
        a->n_lists_waiting--;
        begin_page(l);
    }
}


void
elo_list_page_start(elo_list_page_t *l)
{
    elo_api_t *a = l->call.api;
    elo_list_page_t **end = &a->lists;

    if (a->n_lists_waiting == WAIT_MAX) {
        reply_page(l, ELO_ERATE);
        return;
    }
    while (*end != NULL) {
        end = &(*end)->_next;
    }
    *end = l;
    a->n_lists_waiting++;
    begin_next(a);
}


void
elo_list_pages_free(elo_api_t *a)
{
    while (a->lists != NULL) {
        elo_list_page_t *l = a->lists;

        a->lists = l->_next;
        elo_list_page_free(l);
    }
}
