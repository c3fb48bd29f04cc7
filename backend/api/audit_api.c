/* SPDX-License-Identifier: BSD-2-Clause */
/* audit_api: the audit log, read.

     GET /api/audit?from=&limit=  -> {"items": [{"number", "time", "count", "class",
          "rule", "agent", "owner", "content", "record", "op", "via"}], "next"}
          The operator sees all; an agent what is about contents of his. What isn't
          known, or doesn't apply, is null. next is null at the end
     GET /api/audit/verify        -> {"whole", "entries", "head", "broken"}: for
          operators; head is the hash that the next entry will have of the last
          right one, broken is null or {"what", "number"} */
#include <stdlib.h>

#include "backend/api/audit_entry.h"
#include "backend/api/calls.h"
#include "backend/json/json_write.h"
#include "backend/store/journal.h"
#include "common/base/enc.h"

#define LIST_LIMIT  50u
#define LIST_MAX    500u
#define LIST_BUDGET 10000u /* entries looked at for one page */
#define LIST_BYTES  (1u << 20)
#define DIGITS_MAX  20u

typedef struct {
    elo_job_t job; /* first */
    elo_api_t *api;
    elo_http_req_t *req;
    bool is_of_one; /* of this owner */
    elo_agent_t owner;
    uint64_t from;
    uint32_t left;
    uint32_t n_seen;
    uint64_t next;
    elo_err_t err;
    elo_buf_t json;
    elo_json_writer_t w;
} ask_t;


static ask_t *
new_ask(const elo_call_t *c)
{
    ask_t *k = calloc(1, sizeof(*k));

    if (k == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return NULL;
    }
    k->api = c->api;
    k->req = c->req;
    elo_buf_init(&k->json, LIST_BYTES);
    elo_json_writer_init(&k->w, &k->json);
    return k;
}


static void
free_ask(ask_t *k)
{
    elo_buf_dispose(&k->json);
    free(k);
}


static void
after(elo_job_t *job)
{
    ask_t *k = (ask_t *) job;

    if (k->err != ELO_OK) {
        elo_reply_err(k->req, k->err, NULL);
    } else {
        elo_http_res_header(k->req, "Cache-Control", ELO_SLICE("no-store"));
        elo_reply_json(k->req, 200, &k->json);
    }
    free_ask(k);
}


static void
start(ask_t *k, void (*work)(elo_job_t *job))
{
    k->job.work = work;
    k->job.after = after;
    elo_loop_work(k->api->cfg.loop, &k->job);
}


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
    ask_t *k = ctx;

    k->next = j->number;
    if (k->left == 0) {
        return false;
    }
    k->n_seen++;
    k->next = j->number + 1;
    if ((k->err = elo_audit_parse(j->bytes, &e)) != ELO_OK) {
        return false;
    }
    if (!k->is_of_one || elo_agent_eq(&e.what.owner, &k->owner)) {
        put_entry(&k->w, j->number, &e);
        k->left--;
    }
    return true;
}


/* pool */
static void
work_list(elo_job_t *job)
{
    ask_t *k = (ask_t *) job;
    elo_store_t *s = k->api->cfg.store;
    elo_err_t rc;

    elo_json_put_object(&k->w, NULL);
    elo_json_put_array(&k->w, "items");
    rc = elo_store_journal_each(s, ELO_JOURNAL_AUDIT, k->from, LIST_BUDGET,
                                on_entry, k);
    k->err = rc != ELO_OK ? rc : k->err;
    elo_json_end_array(&k->w);
    if (k->n_seen > 0
        && k->next <= elo_store_journal_last(s, ELO_JOURNAL_AUDIT)) {
        elo_json_put_u64(&k->w, "next", k->next);
    } else {
        elo_json_put_null(&k->w, "next");
    }
    elo_json_end_object(&k->w);
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
    ask_t *k;

    if (c->is_guest
        && ((c->facts & ELO_FACT_PROVED) == 0
            || (c->scopes & ELO_SCOPE_READ) == 0))
    {
        elo_reply_err(c->req, ELO_ENOTFOUND, "no such resource");
        return;
    }
    if ((k = new_ask(c)) == NULL) {
        return;
    }
    k->is_of_one = c->is_guest;
    k->owner = c->key;
    if (elo_query_number(query, "limit", LIST_LIMIT, LIST_MAX, &k->left)
            != ELO_OK
        || !read_from(query, &k->from))
    {
        elo_reply_err(c->req, ELO_EINVAL,
                      "from is the number of an entry, limit a number from 1");
        free_ask(k);
        return;
    }
    start(k, work_list);
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
    ask_t *k = (ask_t *) job;
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
    ask_t *k = new_ask(c);

    if (k != NULL) {
        start(k, work_verify);
    }
}
