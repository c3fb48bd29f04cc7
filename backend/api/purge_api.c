/* SPDX-License-Identifier: BSD-2-Clause */
/* purge_api: POST /api/cache/purge: whatever edges keep of a blob or of contents goes,
   though it hasn't changed. By one of ?address=, ?content=, ?prefix= (of content ids),
   ?tag=, ?reach=, ?all=1. Owners purge what is theirs; administrators and the operator
   whatever there is. Answered when every edge has to obey:
   {"purged": {"contents", "blobs"}, "everything", "seq"}. */
#include "backend/api/calls.h"

#include "backend/api/content_reply.h"
#include "backend/api/purge.h"
#include "backend/api/who.h"

#define REACH_MAX 16u
#define WRONG                                                                  \
    "say exactly one of address, content, prefix, tag, reach and all=1"


/* ---- what is asked for ---- */

static const char *
take_address(elo_slice_t text, elo_pick_ask_t *out)
{
    return elo_addr_parse(text, &out->digest) == ELO_OK
               ? NULL
               : "address is a blob's: sha256-…, 64 hex digits or a CID";
}


static const char *
take_id(elo_slice_t text, elo_pick_ask_t *out)
{
    (void) out;
    return elo_content_id_ok(text) ? NULL : "content is a content's id";
}


static const char *
take_prefix(elo_slice_t text, elo_pick_ask_t *out)
{
    (void) out;
    return elo_content_id_ok(text) ? NULL
                                   : "prefix is the beginning of content ids";
}


static const char *
take_tag(elo_slice_t text, elo_pick_ask_t *out)
{
    (void) out;
    return text.len > 0 && memchr(text.p, '\0', text.len) == NULL
               ? NULL
               : "tag is a tag of contents";
}


static const char *
take_reach(elo_slice_t text, elo_pick_ask_t *out)
{
    return elo_reach_parse(text, &out->reach) ? NULL : "reach is a reach";
}


static const char *
take_all(elo_slice_t text, elo_pick_ask_t *out)
{
    (void) out;
    return elo_slice_eq(text, ELO_SLICE("1")) ? NULL : "all can only be 1";
}


static const struct {
    const char *name;
    const char *(*take)(elo_slice_t text, elo_pick_ask_t *out);
} selectors[ELO_PICK_BYS] = {
    [ELO_PICK_ADDRESS] = { "address", take_address },
    [ELO_PICK_CONTENT] = { "content", take_id },
    [ELO_PICK_PREFIX] = { "prefix", take_prefix },
    [ELO_PICK_TAG] = { "tag", take_tag },
    [ELO_PICK_REACH] = { "reach", take_reach },
    [ELO_PICK_ALL] = { "all", take_all },
};


const char *
elo_purge_ask_parse(elo_slice_t query, elo_pick_ask_t *out)
{
    char room[3 * ELO_PICK_TEXT_MAX];
    uint32_t n = 0;

    *out = (elo_pick_ask_t){ .by = ELO_PICK_ALL };
    for (uint32_t i = 0; i < ELO_PICK_BYS; i++) {
        elo_slice_t text;
        const char *why;

        if (elo_query_text(query, selectors[i].name, room, sizeof(room), &text)
                != ELO_OK
            || text.len > ELO_PICK_TEXT_MAX)
        {
            return "a parameter is malformed, or too long";
        }
        if (text.p == NULL) {
            continue;
        }
        if ((why = selectors[i].take(text, out)) != NULL) {
            return why;
        }
        out->by = (elo_pick_by_t) i;
        memcpy(out->text, text.p, text.len);
        out->text[text.len] = '\0';
        n++;
    }
    return n == 1 ? NULL : WRONG;
}


/* ---- who may ---- */

elo_rule_t
elo_purge_rule(const elo_call_t *c, uint32_t facts)
{
    return elo_call_rule(c, ELO_OP_PURGE,
                         &(elo_who_subject_t){ .facts = facts,
                                               .reach = ELO_REACH_PRIVATE,
                                               .stage = ELO_STAGE_SERVED });
}


bool
elo_purge_may(const elo_call_t *c, const char *refusal)
{
    elo_rule_t rule = elo_purge_rule(c, ELO_FACT_OWNER);

    if (elo_rule_allows(rule)) {
        return true;
    }
    elo_call_refused(c, ELO_OP_PURGE, elo_slice(NULL, 0),
                     &(elo_who_subject_t){ .facts = ELO_FACT_OWNER,
                                           .reach = ELO_REACH_PRIVATE,
                                           .stage = ELO_STAGE_SERVED });
    if (rule == ELO_RULE_SCOPE) {
        elo_reply_err(c->req, ELO_ESCOPE, NULL);
    } else {
        elo_reply_err(c->req, ELO_EWRITES, refusal);
    }
    return false;
}


/* Of one thing: what he is to it. An owner of the bytes may, whoever else has them. */
static elo_err_t
look(const elo_call_t *c, const elo_pick_ask_t *ask, elo_who_subject_t *of)
{
    elo_err_t rc = elo_who_look(c->api, &c->key, elo_slice_str(ask->text), of);

    if (rc == ELO_OK && ask->by == ELO_PICK_ADDRESS
        && elo_store_possesses(c->api->cfg.store,
                               elo_who_in_store(c->api, &c->key), &ask->digest))
    {
        of->facts |= ELO_FACT_OWNER;
    }
    return rc;
}


/* False, and that is answered: as a DELETE would be. */
static bool
may_purge_one(const elo_call_t *c, const elo_pick_ask_t *ask)
{
    elo_slice_t text = elo_slice_str(ask->text);
    elo_who_subject_t of;
    elo_err_t rc = look(c, ask, &of);

    if (rc != ELO_OK) {
        elo_reply_err(c->req, rc, NULL);
        return false;
    }
    if (elo_call_may(c, ELO_OP_PURGE, &of)) {
        return true;
    }
    elo_call_refused(c, ELO_OP_PURGE, text, &of);
    if (elo_rule_allows(elo_call_rule(c, ELO_OP_READ, &of))) {
        elo_reply_err(c->req, ELO_EDENIED, "the content is another agent's");
    } else {
        elo_reply_err(c->req, ELO_ENOTFOUND, NULL);
    }
    return false;
}


/* The same for one whom everything is open to. */
static bool
is_there(const elo_call_t *c, const elo_pick_ask_t *ask)
{
    elo_node_head_t head;
    elo_err_t rc;

    if (ask->by != ELO_PICK_CONTENT) {
        return true;
    }
    rc =
        elo_store_node_head(c->api->cfg.store, elo_slice_str(ask->text), &head);
    if (rc != ELO_OK) {
        elo_reply_err(c->req, rc, NULL);
    }
    return rc == ELO_OK;
}


/* False, and that is answered. */
static bool
is_let(const elo_call_t *c, bool is_everyones, elo_pick_ask_t *ask)
{
    bool is_one = ask->by <= ELO_PICK_CONTENT;

    if (is_everyones) {
        /* the operator who acts for an agent: with that one's */
        ask->is_ones = !c->is_guest && c->has_agent && !is_one;
        ask->owner = c->agent;
        return is_there(c, ask);
    }
    if (is_one) {
        return may_purge_one(c, ask);
    }
    if (ask->by == ELO_PICK_ALL) {
        elo_call_refused(c, ELO_OP_PURGE, elo_slice(NULL, 0),
                         &(elo_who_subject_t){ .reach = ELO_REACH_PRIVATE,
                                               .stage = ELO_STAGE_SERVED });
        elo_reply_err(c->req, ELO_EDENIED,
                      "all is for administrators and the operator");
        return false;
    }
    ask->is_ones = true;
    ask->owner = c->agent;
    return true;
}


void
elo_call_cache_purge(elo_call_t *c)
{
    elo_purge_queue_t *q = c->api->purges;
    elo_pick_ask_t ask;
    uint32_t wait_s;
    const char *why;
    bool is_everyones;
    elo_err_t rc;

    if (!elo_purge_may(c, "this caller may not purge")) {
        return;
    }
    if ((why = elo_purge_ask_parse(elo_http_req_query(c->req), &ask)) != NULL) {
        elo_reply_err(c->req, ELO_EINVAL, why);
        return;
    }
    if (!elo_purge_queue_admits(q, c, &wait_s)) {
        elo_reply_limited(c->req, "purge fewer: by prefix, or by tag", wait_s);
        return;
    }
    is_everyones = elo_rule_allows(elo_purge_rule(c, 0));
    if (!is_let(c, is_everyones, &ask)) {
        return;
    }
    if ((rc = elo_purge_queue_put(q, c, &ask, is_everyones && !ask.is_ones))
        != ELO_OK)
    {
        elo_reply_err(c->req, rc, "too many purges wait");
    }
}
