/* SPDX-License-Identifier: BSD-2-Clause */
/* audit_api: the audit log, read.

     GET /api/audit?from=&limit=  -> {"items": [{"number", "time", "count", "class",
          "rule", "agent", "owner", "content", "record", "op", "via"}], "next"}
          The operator sees all; an agent what is about contents of his. What isn't
          known, or doesn't apply, is null. next is null at the end
     GET /api/audit/verify        -> {"whole", "entries", "head", "broken"}: for
          operators; head is the hash that the next entry will have of the last
          right one, broken is null or {"what", "number"} */
#include "backend/api/ask.h"
#include "backend/api/audit_entry.h"
#include "backend/api/calls.h"
#include "backend/store/journal.h"
#include "common/base/enc.h"

#define LIST_LIMIT  50u
#define LIST_MAX    500u
#define LIST_BUDGET 10000u /* entries looked at for one page */
#define LIST_BYTES  (1u << 20)
#define DIGITS_MAX  20u

typedef struct {
    elo_ask_t ask;  /* first */
    bool is_of_one; /* of this owner */
    elo_agent_t owner;
    uint64_t from;
    uint32_t left;
    uint32_t n_seen;
    uint64_t next;
} list_t;


static void
put_hex(elo_json_writer_t *w, const char *name, bool has,
        const uint8_t b[ELO_SHA256_LEN])
{
    char hex[2 * ELO_SHA256_LEN + 1];

    if (!has) {
        elo_json_put_null(w, name);
        return;
    }
    elo_hex_encode(b, ELO_SHA256_LEN, hex);
    elo_json_put_cstr(w, name, hex);
}


/* ---- GET /api/audit ---- */

static void
put_content(elo_json_writer_t *w, const elo_audit_what_t *e)
{
    char addr[ELO_ADDR_CANON_LEN + 1];

    if (e->has_digest) {
        elo_addr_canon(&e->digest, addr);
        elo_json_put_cstr(w, "content", addr);
    } else if (e->content.len > 0) {
        elo_json_put_string(w, "content", e->content);
    } else {
        elo_json_put_null(w, "content");
    }
}


static void
put_entry(elo_json_writer_t *w, uint64_t number, const elo_audit_entry_t *e)
{
    const elo_audit_what_t *what = &e->what;

    elo_json_put_object(w, NULL);
    elo_json_put_u64(w, "number", number);
    elo_json_put_u64(w, "time", (uint64_t) e->time);
    elo_json_put_u64(w, "count", e->count);
    elo_json_put_cstr(w, "class", elo_audit_class_name(what->class));
    elo_json_put_cstr(w, "rule", elo_rule_name(what->rule));
    put_hex(w, "agent", !elo_agent_is_zero(&what->agent), what->agent.b);
    put_hex(w, "owner", !elo_agent_is_zero(&what->owner), what->owner.b);
    put_content(w, what);
    put_hex(w, "record", what->has_by, what->by.b);
    elo_json_put_cstr(w, "op", elo_op_name(what->op));
    elo_json_put_cstr(w, "via", elo_audit_via_name(what->via));
    elo_json_end_object(w);
}


static bool
on_entry(void *ctx, const elo_journal_entry_t *j)
{
    elo_audit_entry_t e;
    list_t *l = ctx;

    l->next = j->number;
    if (l->left == 0) {
        return false;
    }
    l->n_seen++;
    l->next = j->number + 1;
    if ((l->ask.err = elo_audit_parse(j->bytes, &e)) != ELO_OK) {
        return false;
    }
    if (!l->is_of_one || elo_agent_eq(&e.what.owner, &l->owner)) {
        put_entry(&l->ask.w, j->number, &e);
        l->left--;
    }
    return true;
}


/* pool */
static void
work_list(elo_job_t *job)
{
    list_t *l = (list_t *) job;
    elo_store_t *s = l->ask.api->cfg.store;
    elo_err_t rc;

    elo_json_put_object(&l->ask.w, NULL);
    elo_json_put_array(&l->ask.w, "items");
    rc = elo_store_journal_each(s, ELO_JOURNAL_AUDIT, l->from, LIST_BUDGET,
                                on_entry, l);
    l->ask.err = rc != ELO_OK ? rc : l->ask.err;
    elo_json_end_array(&l->ask.w);
    if (l->n_seen > 0
        && l->next <= elo_store_journal_last(s, ELO_JOURNAL_AUDIT)) {
        elo_json_put_u64(&l->ask.w, "next", l->next);
    } else {
        elo_json_put_null(&l->ask.w, "next");
    }
    elo_json_end_object(&l->ask.w);
}


static bool
read_from(elo_slice_t query, uint64_t *out)
{
    char from[DIGITS_MAX];
    elo_slice_t text;

    return elo_query_text(query, "from", from, sizeof(from), &text) == ELO_OK
           && (text.p == NULL
               || (elo_slice_u64(text, out) && *out <= INT64_MAX));
}


void
elo_call_audit(elo_call_t *c)
{
    elo_slice_t query = elo_http_req_query(c->req);
    list_t *l;

    if (c->is_guest
        && ((c->facts & ELO_FACT_PROVED) == 0
            || (c->scopes & ELO_SCOPE_READ) == 0))
    {
        elo_reply_err(c->req, ELO_ENOTFOUND, "no such resource");
        return;
    }
    if ((l = elo_ask_create(c, sizeof(*l), LIST_BYTES)) == NULL) {
        return;
    }
    l->is_of_one = c->is_guest;
    l->owner = c->key;
    if (elo_query_number(query, "limit", LIST_LIMIT, LIST_MAX, &l->left)
            != ELO_OK
        || !read_from(query, &l->from))
    {
        elo_ask_fail(&l->ask, ELO_EINVAL,
                     "from is the number of an entry, limit a number from 1");
        return;
    }
    elo_ask_start(&l->ask, work_list, elo_ask_after_json);
}


/* ---- GET /api/audit/verify ---- */

static const char *const breaks[] = {
    [ELO_AUDIT_WHOLE] = "whole",
    [ELO_AUDIT_GAP] = "gap",
    [ELO_AUDIT_CHAIN] = "chain",
    [ELO_AUDIT_ROW] = "row",
};


/* pool */
static void
work_verify(elo_job_t *job)
{
    elo_ask_t *k = (elo_ask_t *) job;
    elo_audit_check_t check;
    bool is_whole;

    if ((k->err = elo_store_audit_verify(k->api->cfg.store, &check)) != ELO_OK)
    {
        return;
    }
    is_whole = check.what == ELO_AUDIT_WHOLE;
    elo_json_put_object(&k->w, NULL);
    elo_json_put_bool(&k->w, "whole", is_whole);
    elo_json_put_u64(&k->w, "entries",
                     is_whole ? check.number : check.number - 1);
    put_hex(&k->w, "head", true, check.head.b);
    if (is_whole) {
        elo_json_put_null(&k->w, "broken");
    } else {
        elo_json_put_object(&k->w, "broken");
        elo_json_put_cstr(&k->w, "what", breaks[check.what]);
        elo_json_put_u64(&k->w, "number", check.number);
        elo_json_end_object(&k->w);
    }
    elo_json_end_object(&k->w);
}


void
elo_call_audit_verify(elo_call_t *c)
{
    elo_ask_t *k = elo_ask_create(c, sizeof(*k), LIST_BYTES);

    if (k != NULL) {
        elo_ask_start(k, work_verify, elo_ask_after_json);
    }
}
