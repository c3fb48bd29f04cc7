/* SPDX-License-Identifier: BSD-2-Clause */
/* explain_api: which rule decides, and why.

     GET /api/explain?agent=&content=&op=&ceiling=
          -> {"agent", "content", "op", "allowed", "rule", "audited", "reach",
              "stage", "ceiling", "owner", "reasons": [{"fact", "record", "kind",
              "author", "standsOn", "until"}]}
     agent left out: anonymous; op: read. As a token without bounds would have it, but
     for the ceiling. A reason without a record is so by itself: an owner, an
     agent whom the content lists.

   The operator may ask about everybody, an owner about contents of his. An agent who
   asks about himself is told what he would see by trying, {"agent", "content", "op",
   "allowed", "rule"}: rule is null when he is refused, and then a content that is
   hidden isn't told from one that isn't there. For all others there is no such
   resource. */
#include "backend/api/calls.h"

#include "backend/api/audit_entry.h"
#include "backend/api/who.h"
#include "backend/ctl/why.h"
#include "backend/json/json_write.h"
#include "backend/os/clock.h"
#include "common/auth/agent_text.h"
#include "common/base/enc.h"
#include "common/base/num.h"

#define ANSWER_MAX (256u << 10)
#define NAME_MAX   16u

typedef struct {
    bool has_agent;
    elo_agent_t agent;
    char content[ELO_CONTENT_ID_MAX + 1]; /* "": none is asked about */
    elo_op_t op;
    elo_reach_t ceiling;
} ask_t;

static const struct {
    uint32_t fact;
    const char *name;
} fact_names[] = {
    { ELO_FACT_PROVED, "proved" },       { ELO_FACT_ADMITTED, "admitted" },
    { ELO_FACT_ADMIN, "admin" },         { ELO_FACT_OWNER, "owner" },
    { ELO_FACT_INVITED, "invited" },     { ELO_FACT_HOUSEHOLD, "household" },
    { ELO_FACT_FAMILY, "family" },       { ELO_FACT_EXTENDED, "extended" },
    { ELO_FACT_COMMUNITY, "community" }, { ELO_FACT_GRANT, "grant" },
    { ELO_FACT_EMERGENCY, "emergency" },
};

static const char *const stage_names[ELO_STAGE_COUNT] = {
    [ELO_STAGE_DRAFT] = "draft",
    [ELO_STAGE_SERVED] = "served",
    [ELO_STAGE_FORGOTTEN] = "forgotten",
};


/* ---- what is asked ---- */

/* NULL, or what is wrong. */
static const char *
read_ask(elo_slice_t query, ask_t *out)
{
    char agent[ELO_AGENT_TEXT_MAX], name[NAME_MAX];
    elo_slice_t text;

    *out = (ask_t){ .op = ELO_OP_READ, .ceiling = ELO_REACH_COMMONS };
    if (elo_query_text(query, "agent", agent, sizeof(agent), &text) != ELO_OK
        || (text.p != NULL
            && elo_agent_text_parse(text, &out->agent) != ELO_OK))
    {
        return "agent is an Ed25519 key, in any of its text forms";
    }
    out->has_agent = text.p != NULL;
    if (elo_query_text(query, "op", name, sizeof(name), &text) != ELO_OK
        || (text.p != NULL && !elo_op_parse(text, &out->op)))
    {
        return "op is read, upload, change, purge or manage";
    }
    if (elo_query_text(query, "ceiling", name, sizeof(name), &text) != ELO_OK
        || (text.p != NULL && !elo_reach_parse(text, &out->ceiling)))
    {
        return "ceiling is a reach";
    }
    if (elo_query_text(query, "content", out->content, sizeof(out->content) - 1,
                       &text)
        != ELO_OK)
    {
        return "content is an address or a content id";
    }
    out->content[text.len] = '\0';
    return text.len == 0 && out->op != ELO_OP_UPLOAD && out->op != ELO_OP_MANAGE
               ? "say which content: an address or a content id"
               : NULL;
}


/* ---- the decision ---- */

static bool
is_about_content(const ask_t *ask)
{
    return ask->op != ELO_OP_UPLOAD && ask->op != ELO_OP_MANAGE;
}


/* What the agent is to the content; of what has none the narrowest. */
static elo_err_t
look(elo_api_t *a, const ask_t *ask, elo_who_subject_t *of)
{
    if (is_about_content(ask)) {
        return elo_who_look(a, &ask->agent, elo_slice_str(ask->content), of);
    }
    *of = (elo_who_subject_t){ .reach = ELO_REACH_PRIVATE,
                               .stage = ELO_STAGE_DRAFT };
    return ELO_OK;
}


static elo_rule_t
decide(elo_api_t *a, const ask_t *ask, const elo_who_subject_t *of)
{
    elo_gate_t g = { .facts = of->facts,
                     .scopes = ask->has_agent ? ELO_SCOPES_ALL : ELO_SCOPE_READ,
                     .reach = of->reach,
                     .ceiling = ask->ceiling,
                     .stage = of->stage,
                     .op = ask->op };

    g.facts |= elo_ctl_facts_of(elo_ctl_state(a->ctl), &ask->agent,
                                elo_clock_unix_s());
    return elo_gate_decide(&g);
}


/* ---- the answer ---- */

static void
put_hex(elo_json_writer_t *w, const char *name, const uint8_t b[32])
{
    char hex[2 * ELO_SHA256_LEN + 1];
    bool has = false;

    for (size_t i = 0; i < ELO_SHA256_LEN; i++) {
        has = has || b[i] != 0;
    }
    elo_hex_encode(b, ELO_SHA256_LEN, hex);
    if (has) {
        elo_json_put_cstr(w, name, hex);
    } else {
        elo_json_put_null(w, name);
    }
}


static void
put_reason(void *ctx, const elo_ctl_reason_t *r)
{
    elo_json_writer_t *w = ctx;

    elo_json_put_object(w, NULL);
    for (size_t i = 0; i < ELO_COUNT(fact_names); i++) {
        if (fact_names[i].fact == r->fact) {
            elo_json_put_cstr(w, "fact", fact_names[i].name);
        }
    }
    put_hex(w, "record", r->record.b);
    if (r->has_record) {
        elo_json_put_cstr(w, "kind", elo_rec_kind_name(r->kind));
    } else {
        elo_json_put_null(w, "kind");
    }
    put_hex(w, "author", r->author.b);
    put_hex(w, "standsOn", r->stands_on.b);
    if (r->until > 0) {
        elo_json_put_u64(w, "until", (uint64_t) r->until);
    } else {
        elo_json_put_null(w, "until");
    }
    elo_json_end_object(w);
}


typedef struct {
    elo_json_writer_t *w;
    uint32_t told;
} tell_t;


static void
on_reason(void *ctx, const elo_ctl_reason_t *r)
{
    tell_t *t = ctx;

    t->told |= r->fact;
    put_reason(t->w, r);
}


/* By records, and then what is so without one. A blob's content is the one that
   decided, which isn't named: another's may be. */
static void
put_reasons(elo_json_writer_t *w, elo_api_t *a, const ask_t *ask,
            const elo_who_subject_t *of)
{
    tell_t t = { .w = w };
    elo_slice_t id = elo_slice_str(ask->content);
    elo_digest_t unused;

    if (elo_addr_parse(id, &unused) == ELO_OK) {
        id = elo_slice(NULL, 0);
    }
    elo_json_put_array(w, "reasons");
    elo_ctl_why(elo_ctl_state(a->ctl), &ask->agent, &of->owner, id, of->reach,
                elo_clock_unix_s(), on_reason, &t);
    for (size_t i = 0; i < ELO_COUNT(fact_names); i++) {
        uint32_t fact = of->facts & ~t.told & fact_names[i].fact;
        elo_ctl_reason_t r = { .fact = fact };

        if ((fact & ELO_FACTS_AUDITED) != 0) {
            r.record = of->by;
        }
        if (fact != 0) {
            put_reason(w, &r);
        }
    }
    elo_json_end_array(w);
}


static void
put_decision(elo_json_writer_t *w, const ask_t *ask, bool is_allowed,
             const char *rule)
{
    if (ask->has_agent) {
        put_hex(w, "agent", ask->agent.b);
    } else {
        elo_json_put_null(w, "agent");
    }
    if (is_about_content(ask)) {
        elo_json_put_cstr(w, "content", ask->content);
    } else {
        elo_json_put_null(w, "content");
    }
    elo_json_put_cstr(w, "op", elo_op_name(ask->op));
    elo_json_put_bool(w, "allowed", is_allowed);
    if (rule != NULL) {
        elo_json_put_cstr(w, "rule", rule);
    } else {
        elo_json_put_null(w, "rule");
    }
}


static void
put_all(elo_json_writer_t *w, elo_api_t *a, const ask_t *ask,
        const elo_who_subject_t *of, elo_rule_t rule)
{
    put_decision(w, ask, elo_rule_allows(rule), elo_rule_name(rule));
    elo_json_put_bool(w, "audited", elo_rule_is_audited(rule));
    if (is_about_content(ask)) {
        elo_json_put_cstr(w, "reach", elo_reach_name(of->reach));
        elo_json_put_cstr(w, "stage", stage_names[of->stage]);
        put_hex(w, "owner", of->owner.b);
    }
    elo_json_put_cstr(w, "ceiling", elo_reach_name(ask->ceiling));
    put_reasons(w, a, ask, of);
}


/* ---- GET /api/explain ---- */

static bool
is_his(const elo_call_t *c, const ask_t *ask, const elo_who_subject_t *of)
{
    return !c->is_guest
           || (is_about_content(ask) && elo_agent_eq(&of->owner, &c->key));
}


static void
reply(const elo_call_t *c, const ask_t *ask, const elo_who_subject_t *of,
      bool is_there)
{
    elo_rule_t rule = is_there ? decide(c->api, ask, of) : ELO_RULE_NONE;
    bool is_allowed = elo_rule_allows(rule);
    elo_json_writer_t w;
    elo_buf_t json;

    elo_buf_init(&json, ANSWER_MAX);
    elo_json_writer_init(&w, &json);
    elo_json_put_object(&w, NULL);
    if (is_there && is_his(c, ask, of)) {
        put_all(&w, c->api, ask, of, rule);
    } else {
        put_decision(&w, ask, is_allowed,
                     is_allowed ? elo_rule_name(rule) : NULL);
    }
    elo_json_end_object(&w);
    elo_http_res_header(c->req, "Cache-Control", ELO_SLICE("no-store"));
    elo_reply_json(c->req, 200, &json);
    elo_buf_dispose(&json);
}


void
elo_call_explain(elo_call_t *c)
{
    bool is_proved =
        (c->facts & ELO_FACT_PROVED) != 0 && (c->scopes & ELO_SCOPE_READ) != 0;
    elo_who_subject_t of = { 0 };
    const char *wrong;
    elo_err_t rc;
    ask_t ask;

    if (c->is_guest && !is_proved) {
        elo_reply_err(c->req, ELO_ENOTFOUND, "no such resource");
        return;
    }
    if ((wrong = read_ask(elo_http_req_query(c->req), &ask)) != NULL) {
        elo_reply_err(c->req, ELO_EINVAL, wrong);
        return;
    }
    rc = look(c->api, &ask, &of);
    if (rc != ELO_OK && rc != ELO_ENOTFOUND && rc != ELO_EINVAL) {
        elo_reply_err(c->req, rc, NULL);
        return;
    }
    if (!is_his(c, &ask, &of)
        && (!ask.has_agent || !elo_agent_eq(&ask.agent, &c->key)))
    {
        elo_reply_err(c->req, ELO_ENOTFOUND, "no such content of yours");
        return;
    }
    if (rc != ELO_OK && !c->is_guest) {
        elo_reply_err(c->req, rc, NULL);
        return;
    }
    reply(c, &ask, &of, rc == ELO_OK);
}
