/* SPDX-License-Identifier: BSD-2-Clause */
/* record_api: the signed records of agents (backend/ctl/record.h).

     POST /api/records            a record's bytes -> 201 {"id", "number"}
     GET  /api/records?agent=&kind=&from=&limit=
          -> {"items": [{"number", "id", "agent", "seq", "time", "kind", "record"}],
              "next"}; record is base64url of all its bytes. Go on from next until it
          is null; a page may be empty. All records were verified when they were
          taken, and those that are shown are once more
     GET  /api/records/head/{agent}  -> {"agent", "seq", "previous"}: what that agent's
          next record needs; previous is null before the first
     POST /api/agents {"agent", "level"?, "label"?, "until"?}: the node's owner admits
          an agent; level is "authenticated" or "admin"

   Who is admitted may send records, of his own or of others who are: they stand by
   their signatures. Who has but proved his key may accept an invitation, and end his own
   records and tokens. Who may read them all is the operator; an agent reads his own
   chain. */
#include "backend/api/calls.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/api/ask.h"
#include "backend/api/who.h"
#include "backend/os/clock.h"
#include "common/auth/agent_text.h"
#include "common/base/base64.h"
#include "common/base/enc.h"

#define BODY_MAX    2048u
#define LIST_LIMIT  50u
#define LIST_MAX    500u
#define LIST_BUDGET 10000u     /* records looked at for one page */
#define PAGE_BYTES  (1u << 20) /* of JSON: past it the next page begins */
#define LIST_BYTES  (PAGE_BYTES + 2 * ELO_RECORD_MAX)
#define ANSWER_MAX  1024u
#define DIGITS_MAX  20u

typedef struct {
    elo_api_t *api;
    elo_http_req_t *req;
    uint32_t facts; /* of who sends it */
    elo_agent_t key;
} ask_t;

typedef struct {
    bool has_agent;
    elo_agent_t agent;
    elo_rec_kind_t kind;
    uint64_t from;
    uint32_t limit;
} list_ask_t;

/* A page on its way: signatures of what it shows are verified on the pool. */
typedef struct {
    elo_ask_t a; /* first */
    list_ask_t ask;
    bool is_empty; /* without looking */
} page_t;


/* ---- writing ---- */

static void
put_id(elo_json_writer_t *w, const char *name, const elo_digest_t *id)
{
    char hex[2 * ELO_SHA256_LEN + 1];

    elo_hex_encode(id->b, sizeof(id->b), hex);
    elo_json_put_cstr(w, name, hex);
}


/* In the control plane's own words: what is wrong with a record is no secret. */
static void
on_done(void *ctx, elo_err_t err, const char *why, const elo_digest_t *id,
        uint64_t number)
{
    elo_json_writer_t w;
    ask_t *k = ctx;
    elo_buf_t json;

    if (err == ELO_ECORRUPT) {
        err = ELO_EINVAL; /* a signature that is wrong is the sender's */
    }
    if (err != ELO_OK) {
        elo_reply_err(k->req, err, why);
        free(k);
        return;
    }
    elo_buf_init(&json, ANSWER_MAX);
    elo_json_writer_init(&w, &json);
    elo_json_put_object(&w, NULL);
    put_id(&w, "id", id);
    elo_json_put_u64(&w, "number", number);
    elo_json_end_object(&w);
    elo_reply_json(k->req, 201, &json);
    elo_buf_dispose(&json);
    free(k);
}


static ask_t *
new_ask(const elo_call_t *c)
{
    ask_t *k = calloc(1, sizeof(*k));

    if (k == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return NULL;
    }
    *k = (ask_t){
        .api = c->api, .req = c->req, .facts = c->facts, .key = c->key
    };
    return k;
}


static bool
is_admitted(const ask_t *k, const elo_agent_t *a)
{
    return (elo_ctl_facts_of(elo_ctl_state(k->api->ctl), a, elo_clock_unix_s())
            & ELO_FACT_ADMITTED)
           != 0;
}


/* Keys cost nothing: of one that isn't admitted only what may admit it is taken, and
   what ends its own, or the journal would be anybody's to fill. NULL, or why not; the
   signature isn't looked at for that. */
static const char *
why_not(const ask_t *k, elo_slice_t bytes)
{
    const elo_ctl_state_t *s = elo_ctl_state(k->api->ctl);
    elo_rec_t r;

    if ((k->facts & (ELO_FACT_OPERATOR | ELO_FACT_ADMIN)) != 0
        || elo_rec_read(bytes, &r, NULL) != ELO_OK) /* told by publish */
    {
        return NULL;
    }
    if ((k->facts & ELO_FACT_ADMITTED) != 0) {
        return elo_agent_eq(&r.author, &k->key) || is_admitted(k, &r.author)
                       || r.kind == ELO_REC_ACCEPTANCE
                       || elo_ctl_ends_own(s, &r)
                   ? NULL
                   : "records of a key that isn't admitted are taken from an "
                     "administrator only";
    }
    return elo_agent_eq(&r.author, &k->key)
                   && (r.kind == ELO_REC_ACCEPTANCE || elo_ctl_ends_own(s, &r))
               ? NULL
               : "of a key that isn't admitted only its acceptance of an "
                 "invitation, and what ends its own records or tokens, is "
                 "taken";
}


static void
on_record(void *ctx, elo_err_t err, elo_slice_t body)
{
    const char *why = NULL;
    ask_t *k = ctx;

    if (err == ELO_OK && (why = why_not(k, body)) != NULL) {
        err = ELO_EDENIED;
    }
    if (err != ELO_OK) {
        elo_reply_err(k->req, err, why);
        free(k);
        return;
    }
    elo_ctl_publish(k->api->ctl, body, on_done, k);
}


void
elo_call_record_post(elo_call_t *c)
{
    ask_t *k = new_ask(c);

    if (k != NULL) {
        elo_body_collect(c->req, ELO_RECORD_MAX, on_record, k);
    }
}


/* ---- admission ---- */

/* False with the name of the member that is wrong. */
static bool
read_admission(const elo_json_t *j, elo_rec_t *r, const char **field)
{
    const elo_json_t *level = elo_json_get(j, "level");
    const elo_json_t *label = elo_json_get(j, "label");
    const elo_json_t *until = elo_json_get(j, "until");
    elo_slice_t text = ELO_SLICE("authenticated");

    r->kind = ELO_REC_ADMISSION;
    *field = "agent";
    if (!elo_json_string(elo_json_get(j, "agent"), &text)
        || elo_agent_text_parse(text, &r->body.agent) != ELO_OK)
    {
        return false;
    }
    *field = "level";
    text = ELO_SLICE("authenticated");
    if (level != NULL && !elo_json_string(level, &text)) {
        return false;
    }
    if (elo_slice_eq(text, ELO_SLICE("admin"))) {
        r->body.sort = ELO_LEVEL_ADMIN;
    } else if (elo_slice_eq(text, ELO_SLICE("authenticated"))) {
        r->body.sort = ELO_LEVEL_AUTHENTICATED;
    } else {
        return false;
    }
    *field = "label";
    if (label != NULL && !elo_json_string(label, &r->body.text)) {
        return false;
    }
    *field = "until";
    return until == NULL
           || (elo_json_integer(until, &r->body.until) && r->body.until > 0);
}


static void
on_admission(void *ctx, elo_err_t err, elo_slice_t body)
{
    elo_rec_t r = { .kind = ELO_REC_ADMISSION };
    elo_json_fault_t fault;
    elo_json_t *j = NULL;
    const char *field;
    ask_t *k = ctx;

    if (err == ELO_OK) {
        err = elo_json_parse(body, BODY_MAX, &j, &fault);
    }
    if (err != ELO_OK) {
        elo_reply_err(k->req, err, err == ELO_EINVAL ? fault.what : NULL);
        free(k);
    } else if (!read_admission(j, &r, &field)) {
        elo_reply_problem(k->req, 400, elo_err_code(ELO_EINVAL),
                          "an admission has agent, and may have level "
                          "(authenticated or admin), label and until",
                          field);
        free(k);
    } else {
        elo_ctl_say(k->api->ctl, &r, on_done, k);
    }
    elo_json_free(&j);
}


void
elo_call_agent_admit(elo_call_t *c)
{
    ask_t *k = new_ask(c);

    if (k != NULL) {
        elo_body_collect(c->req, BODY_MAX, on_admission, k);
    }
}


/* ---- reading ---- */

static bool
put_record(void *ctx, uint64_t number, const elo_rec_t *r, elo_slice_t bytes)
{
    char hex[ELO_AGENT_TEXT_MAX];
    char text[ELO_BASE64URL_LEN(ELO_RECORD_MAX) + 1];
    page_t *p = ctx;

    elo_agent_text_write(&r->author, ELO_AGENT_HEX, hex);
    elo_base64url_encode(bytes.p, bytes.len, text);
    elo_json_put_object(&p->a.w, NULL);
    elo_json_put_u64(&p->a.w, "number", number);
    put_id(&p->a.w, "id", &r->id);
    elo_json_put_cstr(&p->a.w, "agent", hex);
    elo_json_put_u64(&p->a.w, "seq", r->seq);
    elo_json_put_u64(&p->a.w, "time", (uint64_t) r->time_ms);
    elo_json_put_cstr(&p->a.w, "kind", elo_rec_kind_name(r->kind));
    elo_json_put_cstr(&p->a.w, "record", text);
    elo_json_end_object(&p->a.w);
    return --p->ask.limit > 0 && p->a.json.len < PAGE_BYTES;
}


/* 0 for a name that is none. */
static elo_rec_kind_t
kind_of(elo_slice_t name)
{
    for (int i = 1; i <= ELO_REC_KINDS; i++) {
        const char *known = elo_rec_kind_name((elo_rec_kind_t) i);

        if (known != NULL && elo_slice_eq(name, elo_slice_str(known))) {
            return (elo_rec_kind_t) i;
        }
    }
    return (elo_rec_kind_t) 0;
}


/* NULL, or what is wrong. */
static const char *
read_query(elo_slice_t query, list_ask_t *out)
{
    char agent[ELO_AGENT_TEXT_MAX], kind[32], from[DIGITS_MAX];
    elo_slice_t text;

    if (elo_query_number(query, "limit", LIST_LIMIT, LIST_MAX, &out->limit)
        != ELO_OK)
    {
        return "limit must be a number from 1";
    }
    if (elo_query_text(query, "agent", agent, sizeof(agent), &text) != ELO_OK
        || (text.p != NULL
            && elo_agent_text_parse(text, &out->agent) != ELO_OK))
    {
        return "agent is an Ed25519 key, in any of its text forms";
    }
    out->has_agent = text.p != NULL;
    if (elo_query_text(query, "kind", kind, sizeof(kind), &text) != ELO_OK
        || (text.p != NULL && (out->kind = kind_of(text)) == 0))
    {
        return "there is no such kind of record";
    }
    if (elo_query_text(query, "from", from, sizeof(from), &text) != ELO_OK
        || (text.p != NULL && !elo_slice_u64(text, &out->from)))
    {
        return "from is the number of a record";
    }
    return NULL;
}


static void
put_page(page_t *p)
{
    const list_ask_t *ask = &p->ask;
    elo_ask_t *k = &p->a;
    uint64_t next = 0;

    elo_json_put_object(&k->w, NULL);
    elo_json_put_array(&k->w, "items");
    if (!p->is_empty) {
        k->err = elo_ctl_query(k->api->ctl, ask->has_agent ? &ask->agent : NULL,
                               ask->kind, ask->from, LIST_BUDGET, put_record, p,
                               &next);
    }
    elo_json_end_array(&k->w);
    if (next != 0) {
        elo_json_put_u64(&k->w, "next", next);
    } else {
        elo_json_put_null(&k->w, "next");
    }
    elo_json_end_object(&k->w);
}


/* pool */
static void
work_page(elo_job_t *job)
{
    put_page((page_t *) job);
}


/* Of who has said nothing there is nothing to look for: keys cost nothing, and the
   journal is long. */
static bool
is_empty(const elo_call_t *c, const list_ask_t *ask)
{
    elo_digest_t last;
    uint64_t seq;

    return ask->has_agent
           && !elo_ctl_head(elo_ctl_state(c->api->ctl), &ask->agent, &seq,
                            &last);
}


static void
start_page(const elo_call_t *c, const list_ask_t *ask)
{
    page_t *p = elo_ask_create(c, sizeof(*p), LIST_BYTES);

    if (p == NULL) {
        return;
    }
    p->ask = *ask;
    p->is_empty = is_empty(c, ask);
    if (p->is_empty) {
        put_page(p);
        elo_ask_after_json(&p->a.job);
        return;
    }
    elo_ask_start(&p->a, work_page, elo_ask_after_json);
}


void
elo_call_records(elo_call_t *c)
{
    list_ask_t ask = { 0 };
    const char *wrong = read_query(elo_http_req_query(c->req), &ask);

    if (wrong != NULL) {
        elo_reply_err(c->req, ELO_EINVAL, wrong);
        return;
    }
    if (c->is_guest) {
        if ((c->facts & ELO_FACT_PROVED) == 0
            || (ask.has_agent && !elo_agent_eq(&ask.agent, &c->key)))
        {
            elo_reply_err(c->req, ELO_ENOTFOUND, "no such resource");
            return;
        }
        ask.has_agent = true;
        ask.agent = c->key;
    }
    start_page(c, &ask);
}


void
elo_call_record_head(elo_call_t *c)
{
    char hex[ELO_AGENT_TEXT_MAX];
    elo_json_writer_t w;
    elo_digest_t last;
    uint64_t seq = 0;
    elo_agent_t agent;
    elo_buf_t json;

    if (elo_agent_text_parse(c->route.id, &agent) != ELO_OK
        || (c->is_guest
            && ((c->facts & ELO_FACT_PROVED) == 0
                || !elo_agent_eq(&agent, &c->key))))
    {
        elo_reply_err(c->req, ELO_ENOTFOUND, "no such resource");
        return;
    }
    elo_agent_text_write(&agent, ELO_AGENT_HEX, hex);
    elo_buf_init(&json, ANSWER_MAX);
    elo_json_writer_init(&w, &json);
    elo_json_put_object(&w, NULL);
    elo_json_put_cstr(&w, "agent", hex);
    if (elo_ctl_head(elo_ctl_state(c->api->ctl), &agent, &seq, &last)) {
        elo_json_put_u64(&w, "seq", seq);
        put_id(&w, "previous", &last);
    } else {
        elo_json_put_u64(&w, "seq", 0);
        elo_json_put_null(&w, "previous");
    }
    elo_json_end_object(&w);
    elo_http_res_header(c->req, "Cache-Control", ELO_SLICE("no-store"));
    elo_reply_json(c->req, 200, &json);
    elo_buf_dispose(&json);
}
