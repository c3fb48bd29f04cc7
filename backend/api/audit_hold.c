/* SPDX-License-Identifier: BSD-2-Clause */
/* audit_hold: what of the requests is written to the audit log. A read by grant or
   emergency, or by the operator of what a guest keeps to a few, is held until it is
   in the log, then served from its beginning; elo_call_may lets nobody in by such a
   rule who wasn't held. */
#include <stdlib.h>

#include "backend/api/audit.h"
#include "backend/api/calls.h"
#include "backend/api/native.h"
#include "backend/api/who.h"
#include "backend/os/clock.h"
#include "backend/store/journal.h"

#define REACH_ROOM 16u
#define BITS_ROOM  20u

typedef struct {
    elo_audit_wait_t wait; /* first */
    elo_api_t *api;
    elo_http_req_t *req;
    bool is_native;
} hold_t;


elo_err_t
elo_audit_append(void *ctx, const elo_slice_t *entries, uint32_t n)
{
    return elo_store_journal_append_all(ctx, ELO_JOURNAL_AUDIT, entries, n,
                                        NULL);
}


bool
elo_call_as_subject(const elo_call_t *c, elo_call_t *out)
{
    elo_slice_t query = elo_http_req_query(c->req), text;
    char bits[BITS_ROOM], reach[REACH_ROOM];
    uint64_t facts = ELO_FACTS_BEARER;

    *out = *c;
    out->is_guest = true;
    out->scopes = ELO_SCOPE_READ;
    out->ceiling = ELO_REACH_COMMONS;
    out->has_agent = true;
    out->key = c->subject;
    out->agent = *elo_who_in_store(c->api, &c->subject);
    if (elo_query_text(query, "facts", bits, sizeof(bits), &text) != ELO_OK
        || (text.p != NULL
            && (!elo_slice_u64(text, &facts)
                || (facts & ~(uint64_t) ELO_FACTS_BEARER) != 0)))
    {
        return false;
    }
    if (elo_query_text(query, "ceiling", reach, sizeof(reach), &text) != ELO_OK
        || (text.p != NULL && !elo_reach_parse(text, &out->ceiling)))
    {
        return false;
    }
    out->facts = (uint32_t) facts
                 & elo_ctl_facts_of(elo_ctl_state(c->api->ctl), &out->key,
                                    elo_clock_unix_s());
    return true;
}


/* ---- what it is ---- */

static elo_audit_via_t
via_of(int kind)
{
    switch (kind) {
    case ELO_OWN_ACCESS:
        return ELO_AUDIT_VIA_EDGE;
    case ELO_ROUTE_BLOB:
    case ELO_ROUTE_CHUNK:
    case ELO_ROUTE_BLOB_TREE:
    case ELO_ROUTE_SHARD:
        return ELO_AUDIT_VIA_BYTES;
    case ELO_ROUTE_BLOB_STATUS:
    case ELO_ROUTE_MANIFEST:
    case ELO_ROUTE_CONTENT:
    case ELO_ROUTE_CACHE:
        return ELO_AUDIT_VIA_CONTENT;
    default:
        return ELO_AUDIT_VIA_NONE;
    }
}


static void
set_content(elo_audit_what_t *w, elo_slice_t text)
{
    w->has_digest = text.len > 0 && elo_addr_parse(text, &w->digest) == ELO_OK;
    if (!w->has_digest && text.len <= ELO_CONTENT_ID_MAX) {
        w->content = text;
    }
}


/* By the rule that is the only one that lets him in. */
static bool
is_agents_use(const elo_call_t *c, const elo_who_subject_t *of,
              elo_audit_what_t *w)
{
    w->class = ELO_AUDIT_USE;
    w->rule = elo_call_rule(c, ELO_OP_READ, of);
    w->agent = c->key;
    w->owner = of->owner;
    w->has_by = true;
    w->by = of->by;
    return elo_rule_is_audited(w->rule);
}


/* What the operator hasn't got himself, and its owner keeps to a few. */
static bool
is_operators_use(const elo_call_t *c, const elo_who_subject_t *of,
                 elo_audit_what_t *w)
{
    elo_target_t unused;

    w->class = ELO_AUDIT_OPERATOR;
    w->rule = ELO_RULE_OPERATOR;
    w->owner = of->owner;
    if (c->is_head || of->reach > ELO_REACH_LOCAL
        || (of->facts & ELO_FACT_OWNER) != 0
        || elo_agent_eq(&of->owner, &c->api->node_owner))
    {
        return false;
    }
    return !elo_agent_is_zero(&of->owner)
           || elo_target_find(c->api->cfg.store, c->route.id,
                              elo_call_reader(c), &unused)
                  == ELO_OK;
}


static bool
is_use(const elo_call_t *c, int kind, elo_audit_what_t *w)
{
    elo_who_subject_t of;
    elo_call_t as = *c;
    bool is_agent;

    if (kind == ELO_OWN_ACCESS && !elo_call_as_subject(c, &as)) {
        return false; /* as its handler will say */
    }
    is_agent = (as.facts & ELO_FACT_PROVED) != 0;
    if ((!is_agent && as.is_guest)
        || elo_who_look(c->api, &as.key, c->route.id, &of) != ELO_OK)
    {
        return false;
    }
    return is_agent ? is_agents_use(&as, &of, w)
                    : is_operators_use(&as, &of, w);
}


/* ---- holding ---- */

static void
refuse(elo_http_req_t *req)
{
    elo_reply_err(req, ELO_EAUDIT, NULL);
}


static void
on_written(elo_audit_wait_t *w, elo_err_t err)
{
    hold_t *h = (hold_t *) w;

    if (err != ELO_OK) {
        refuse(h->req);
    } else if (h->is_native) {
        elo_native_serve_recorded(h->api, h->req);
    } else {
        elo_api_serve(h->api, h->req, true);
    }
    free(h);
}


bool
elo_call_hold(elo_call_t *c, int kind)
{
    elo_audit_what_t w = { .op = ELO_OP_READ, .via = via_of(kind) };
    hold_t *h;
    elo_err_t rc;

    if (c->api->audit == NULL || c->is_recorded || w.via == ELO_AUDIT_VIA_NONE
        || !is_use(c, kind, &w))
    {
        return false;
    }
    if (c->is_told) {
        w.via = ELO_AUDIT_VIA_EDGE;
    }
    set_content(&w, c->route.id);
    if ((h = calloc(1, sizeof(*h))) == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return true;
    }
    *h = (hold_t){ .wait.done = on_written,
                   .api = c->api,
                   .req = c->req,
                   .is_native = c->is_native };
    rc = elo_audit_use(c->api->audit, &w, c->is_told, &h->wait);
    if (rc == ELO_EAGAIN) {
        return true;
    }
    free(h);
    if (rc != ELO_OK) {
        refuse(c->req);
        return true;
    }
    c->is_recorded = true;
    return false;
}


/* ---- refusals ---- */

void
elo_call_refused(const elo_call_t *c, elo_op_t op, elo_slice_t text,
                 const elo_who_subject_t *of)
{
    elo_audit_what_t w = { .class = ELO_AUDIT_REFUSAL,
                           .op = op,
                           .via = op != ELO_OP_READ ? ELO_AUDIT_VIA_WRITE
                                  : elo_agent_is_zero(&c->subject)
                                      ? ELO_AUDIT_VIA_CONTENT
                                      : ELO_AUDIT_VIA_EDGE };
    elo_who_subject_t found;

    if (c->api->audit == NULL) {
        return;
    }
    if (of == NULL) {
        if (elo_who_look(c->api, &c->key, text, &found) != ELO_OK) {
            return; /* of what isn't there nobody is refused anything */
        }
        of = &found;
    }
    w.rule = elo_call_rule(c, op, of);
    if (elo_rule_allows(w.rule)) {
        return;
    }
    w.agent = c->key;
    w.owner = of->owner;
    set_content(&w, text);
    elo_audit_refusal(c->api->audit, &w);
}
