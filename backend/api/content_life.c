/* SPDX-License-Identifier: BSD-2-Clause */
/* content_life: what an owner says about a content without sending it again:

     POST /api/content/{id}/lifecycle {"state", "reason"?}
     POST /api/content/{id}/lifecycle {"hold": true | false, "reason"?}
     POST /api/content/{id}/reach     {"reach"}
     POST /api/content/{id}/invite    {"agents"?: […], "remove"?: […]}
       -> 200, the node and its new entity tag

   Each makes a version, under If-Match as a PUT; moves and holds are those of
   backend/node/lifecycle.h. Whose it is may do it, and the operator; an administrator
   may hold what is anybody's, and is told no more of it than that. A hold goes as it
   came: an owner lifts his own, the operator and administrators any.

   Of the operator's own content the chain of the node's owner tells, too
   (docs/decisions/0013): a move as LIFECYCLE, a wider reach as PROMOTION.

   One file, though long: the four ways are one, from the body to the reply, but for
   what is read of the body and how it is judged. */
#include "backend/api/calls.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/api/content_apply.h"
#include "backend/api/content_reply.h"
#include "backend/api/who.h"
#include "backend/json/json_write.h"
#include "backend/node/shape.h"
#include "backend/os/clock.h"
#include "backend/os/log.h"
#include "common/auth/agent_text.h"
#include "common/base/num.h"
#include "common/http/precond.h"

#define BODY_MAX (512u << 10) /* a list of the invited, and then some */
_Static_assert(ELO_CONTENT_REASON_MAX <= ELO_RECORD_TEXT_MAX,
               "a record has room for a reason");
#define TAG_ROOM   24
#define ANSWER_MAX 1024u

/* Agents as they were written, and who they are. */
typedef struct {
    uint32_t n;
    elo_slice_t text[ELO_CONTENT_INVITED_MAX];
    elo_agent_t key[ELO_CONTENT_INVITED_MAX]; /* zero: the text is no agent's */
} agents_t;

typedef enum { SAYS_STATE, SAYS_HOLD, SAYS_REACH, SAYS_INVITE } says_t;

typedef struct {
    elo_job_t job; /* first */
    elo_api_t *api;
    elo_http_req_t *req;
    elo_call_t call; /* who says it; its route is gone */
    elo_route_kind_t kind;
    char id[ELO_CONTENT_ID_MAX + 1];
    elo_buf_t conditions; /* If-Match, then If-None-Match: the request's own are
                             not for the pool */
    elo_precond_t cond;
    elo_buf_t text;
    elo_json_t *body; /* of text */
    bool is_hidden;   /* he may not know of it, unless it is his */

    /* what he says */
    says_t says;
    elo_lifecycle_t state;
    elo_reach_t reach;
    bool is_held;
    elo_slice_t reason; /* borrows from body, as do the next two */
    agents_t *come, *go;

    /* worker */
    elo_content_hold_t hold;
    char by[ELO_AGENT_TEXT_MAX];
    agents_t *invited;
    bool is_foreign; /* another's, as for whoever manages the node */
    elo_applied_t applied;
    const char *detail;
    elo_err_t err;
} life_t;


static void
life_free(life_t *l)
{
    elo_applied_dispose(&l->applied);
    free(l->invited);
    free(l->come);
    free(l->go);
    elo_json_free(&l->body);
    elo_buf_dispose(&l->text);
    elo_buf_dispose(&l->conditions);
    free(l);
}


/* ---- reading ---- */

static bool
refuse(life_t *l, const char *field, const char *detail)
{
    elo_reply_problem(l->req, 400, elo_err_code(ELO_EINVAL), detail, field);
    return false;
}


typedef struct {
    const char *const *names;
    char unknown[64];
} known_t;


static bool
is_known(void *ctx, elo_slice_t name, const elo_json_t *value)
{
    known_t *k = ctx;

    (void) value;
    for (size_t i = 0; k->names[i] != NULL; i++) {
        if (elo_slice_eq(name, elo_slice_str(k->names[i]))) {
            return true;
        }
    }
    snprintf(k->unknown, sizeof(k->unknown), "%.*s",
             (int) ELO_MIN(name.len, sizeof(k->unknown) - 1),
             (const char *) name.p);
    return false;
}


/* Has it these members, and no others? */
static bool
has_only(life_t *l, const char *const *names)
{
    known_t k = { .names = names };

    if (elo_json_kind(l->body) != ELO_JSON_OBJECT) {
        return refuse(l, NULL, "the body is an object");
    }
    elo_json_each(l->body, is_known, &k);
    return k.unknown[0] == '\0'
           || refuse(l, k.unknown, "the body has a member that isn't known");
}


static bool
read_lifecycle(life_t *l)
{
    static const char *const names[] = { "state", "hold", "reason", NULL };
    const elo_json_t *state, *hold, *reason;
    elo_slice_t text;
    size_t n;

    if (!has_only(l, names)) {
        return false;
    }
    state = elo_json_get(l->body, "state");
    hold = elo_json_get(l->body, "hold");
    reason = elo_json_get(l->body, "reason");
    if ((state == NULL) == (hold == NULL)) {
        return refuse(l, "state", "the body says either state or hold");
    }
    if (state != NULL
        && (!elo_json_string(state, &text)
            || !elo_lifecycle_parse(text, &l->state)))
    {
        return refuse(l, "state",
                      "state is one of draft, published, stale, deprecated, "
                      "archived, forgotten");
    }
    if (hold != NULL && !elo_json_bool(hold, &l->is_held)) {
        return refuse(l, "hold", "hold is true or false");
    }
    l->says = state != NULL ? SAYS_STATE : SAYS_HOLD;
    if (reason == NULL) {
        return true;
    }
    if (!elo_json_string(reason, &l->reason)
        || l->reason.len > ELO_CONTENT_REASON_MAX
        || (n = elo_shape_text_len(l->reason, false)) == 0 || n == SIZE_MAX)
    {
        return refuse(l, "reason",
                      "reason is a line of 1 to 256 bytes without control "
                      "characters");
    }
    return true;
}


static bool
read_reach(life_t *l)
{
    static const char *const names[] = { "reach", NULL };
    elo_slice_t text;

    l->says = SAYS_REACH;
    return has_only(l, names)
           && ((elo_json_string(elo_json_get(l->body, "reach"), &text)
                && elo_reach_parse(text, &l->reach))
               || refuse(l, "reach",
                         "reach is one of private, invited, local, "
                         "neighborhood, municipal, bioregional, regional, "
                         "commons"));
}


static bool
has_key(const agents_t *l, const elo_agent_t *key)
{
    for (uint32_t i = 0; i < l->n; i++) {
        if (elo_agent_eq(&l->key[i], key)) {
            return true;
        }
    }
    return false;
}


static bool
add(agents_t *l, elo_slice_t text, const elo_agent_t *key)
{
    if (l->n == ELO_CONTENT_INVITED_MAX) {
        return false;
    }
    l->text[l->n] = text;
    l->key[l->n++] = *key;
    return true;
}


/* One that isn't there is an empty one. */
static bool
read_agents(life_t *l, const char *name, agents_t **out)
{
    const elo_json_t *list = elo_json_get(l->body, name);
    elo_agent_t key;
    elo_slice_t text;

    if ((*out = calloc(1, sizeof(**out))) == NULL) {
        elo_reply_err(l->req, ELO_ENOMEM, NULL);
        return false;
    }
    if (list != NULL && elo_json_kind(list) != ELO_JSON_ARRAY) {
        return refuse(l, name, "agents and remove are arrays");
    }
    for (size_t i = 0; i < elo_json_len(list); i++) {
        if (!elo_json_string(elo_json_at(list, i), &text)
            || elo_agent_text_parse(text, &key) != ELO_OK)
        {
            return refuse(l, name,
                          "an agent is an Ed25519 key, in any of its text "
                          "forms");
        }
        if (!add(*out, text, &key)) {
            return refuse(l, name, "those are more agents than a list has");
        }
    }
    return true;
}


static bool
read_invite(life_t *l)
{
    static const char *const names[] = { "agents", "remove", NULL };

    l->says = SAYS_INVITE;
    if (!has_only(l, names) || !read_agents(l, "agents", &l->come)
        || !read_agents(l, "remove", &l->go))
    {
        return false;
    }
    return elo_json_len(l->body) > 0
           || refuse(l, "agents", "the body has agents, remove or both");
}


/* ---- the list of the invited ---- */

/* [pool] Those of n that stay, then those that come; each once. Texts that name no
   agent, which older lists may have, stay. */
static elo_err_t
judge_invite(life_t *l, const elo_content_t *n, elo_apply_t *out)
{
    elo_agent_t key;
    elo_slice_t text;
    bool fits = true;

    if (l->invited == NULL
        && (l->invited = malloc(sizeof(*l->invited))) == NULL) {
        return ELO_ENOMEM;
    }
    l->invited->n = 0;
    for (size_t i = 0; fits && elo_content_invited_at(n, i, &text); i++) {
        if (elo_agent_text_parse(text, &key) != ELO_OK) {
            key = (elo_agent_t){ { 0 } };
        }
        if (elo_agent_is_zero(&key) || !has_key(l->go, &key)) {
            fits = add(l->invited, text, &key);
        }
    }
    for (uint32_t i = 0; fits && i < l->come->n; i++) {
        if (!has_key(l->go, &l->come->key[i])
            && !has_key(l->invited, &l->come->key[i])) {
            fits = add(l->invited, l->come->text[i], &l->come->key[i]);
        }
    }
    if (!fits) {
        l->detail = "the list would have too many agents";
        return ELO_ETOOBIG;
    }
    out->set.invited = l->invited->text;
    out->set.n_invited = l->invited->n;
    return ELO_OK;
}


/* ---- judging [pool] ---- */

static bool
may_manage(const life_t *l)
{
    elo_who_subject_t of = { .reach = ELO_REACH_PRIVATE };

    return elo_call_may(&l->call, ELO_OP_MANAGE, &of);
}


static bool
is_his(const life_t *l, const elo_agent_t *owner)
{
    return !l->call.has_agent || elo_agent_eq(owner, &l->call.agent);
}


/* Is his token for this? As in content_api.c: of the wider reach, and of what is
   served before or after. */
static bool
is_in_scope(const life_t *l, const elo_content_t *n)
{
    elo_who_subject_t of = { .facts = ELO_FACT_OWNER,
                             .reach = n->reach,
                             .stage = elo_content_stage(n) };

    if (l->says == SAYS_REACH) {
        of.reach = ELO_MAX(of.reach, l->reach);
    }
    if (of.stage == ELO_STAGE_FORGOTTEN
        || (l->says == SAYS_STATE && l->state == ELO_LIFECYCLE_PUBLISHED))
    {
        of.stage = ELO_STAGE_SERVED;
    }
    return elo_call_may(&l->call, ELO_OP_CHANGE, &of);
}


static elo_err_t
judge_state(life_t *l, const elo_content_t *n, elo_apply_t *out)
{
    elo_err_t rc = elo_content_may_become(n, l->state, &l->detail);

    if (rc != ELO_OK) {
        return rc;
    }
    out->set.lifecycle = &l->state;
    out->is_fresh = l->state == ELO_LIFECYCLE_PUBLISHED;
    return ELO_OK;
}


/* The node's owner stands for the operator. */
static const elo_agent_t *
speaker(const life_t *l)
{
    return l->call.has_agent && !elo_agent_is_zero(&l->call.agent)
               ? &l->call.agent
               : &l->api->node_owner;
}


static elo_err_t
judge_hold(life_t *l, const elo_content_t *n, const elo_agent_t *owner,
           elo_apply_t *out)
{
    const elo_agent_t *whose =
        elo_agent_is_zero(owner) ? &l->api->node_owner : owner;
    elo_agent_t by;

    out->has_hold = true;
    out->is_nothing = !l->is_held && !n->is_held;
    if (n->is_held && !may_manage(l)
        && (elo_agent_text_parse(n->hold.by, &by) != ELO_OK
            || !elo_agent_eq(&by, whose)))
    {
        l->detail = "who set this hold isn't the owner: an administrator lifts "
                    "or changes it";
        return ELO_EHELD;
    }
    if (!l->is_held) {
        return ELO_OK;
    }
    elo_agent_text_write(speaker(l), ELO_AGENT_HEX, l->by);
    l->hold = (elo_content_hold_t){ .reason = l->reason,
                                    .since = n->is_held ? n->hold.since
                                                        : elo_clock_unix_s(),
                                    .by = elo_slice_str(l->by) };
    out->hold = &l->hold;
    return ELO_OK;
}


static bool
conditions_hold(const life_t *l, uint64_t version)
{
    char room[TAG_ROOM] = "";

    if (version != 0) {
        snprintf(room, sizeof(room), "\"%llu\"", (unsigned long long) version);
    }
    return elo_precond_eval(&l->cond, false, elo_slice_str(room), 0)
           == ELO_PRECOND_GO;
}


static elo_err_t
judge(void *ctx, const elo_content_t *n, const elo_agent_t *owner,
      elo_apply_t *out)
{
    life_t *l = ctx;
    bool is_managed = l->says == SAYS_HOLD && may_manage(l);
    bool is_seen;

    l->is_foreign = !is_his(l, owner);
    is_seen = !l->is_foreign || is_managed || !l->is_hidden;
    if (!conditions_hold(l, is_seen ? n->version : 0)) {
        l->detail = "the content is not at the version asked for";
        return ELO_EPRECOND;
    }
    if (!is_seen) {
        return ELO_ENOTFOUND;
    }
    if (l->is_foreign && !is_managed) {
        l->detail = "the content is another agent's";
        return ELO_EDENIED;
    }
    if (!is_managed && !is_in_scope(l, n)) {
        return ELO_ESCOPE;
    }
    switch (l->says) {
    case SAYS_STATE:
        return judge_state(l, n, out);
    case SAYS_HOLD:
        return judge_hold(l, n, owner, out);
    case SAYS_REACH:
        out->set.reach = &l->reach;
        return ELO_OK;
    case SAYS_INVITE:
        return judge_invite(l, n, out);
    }
    return ELO_EINTERNAL;
}


/* pool */
static void
work_life(elo_job_t *job)
{
    life_t *l = (life_t *) job;

    l->err = elo_content_apply(l->api->cfg.store, elo_slice_str(l->id),
                               elo_clock_unix_s(), judge, l, &l->applied);
}


/* ---- answers ---- */

static void
on_said(void *ctx, elo_err_t err, const char *why, const elo_digest_t *id,
        uint64_t number)
{
    (void) ctx;
    (void) id;
    (void) number;
    if (err != ELO_OK) {
        elo_log(ELO_LOG_ERROR,
                "the chain doesn't tell of a change of a content: %s: %s", why,
                elo_strerror(err));
    }
}


/* The chain of the node's owner tells of it: a record names the version that it
   was said of. */
static void
say(const life_t *l)
{
    const elo_applied_t *a = &l->applied;
    elo_rec_t r = { .body = { .has_content = true,
                              .content = elo_slice_str(l->id) } };

    if (l->api->ctl == NULL || !elo_agent_is_zero(&a->owner)
        || a->content.version == a->was_version)
    {
        return;
    }
    if (l->says == SAYS_STATE) {
        r.kind = ELO_REC_LIFECYCLE;
        r.body.version = a->was_version;
        r.body.sort = (uint32_t) l->state;
        r.body.text = l->reason;
    } else if (l->says == SAYS_REACH && l->reach > a->was_reach) {
        r.kind = ELO_REC_PROMOTION;
        r.body.version = a->was_version;
        r.body.from = a->was_reach;
        r.body.to = l->reach;
    } else {
        return;
    }
    elo_ctl_say(l->api->ctl, &r, on_said, NULL);
}


/* Who manages the node is told of the hold, not of the content. */
static void
reply_hold(const life_t *l)
{
    const elo_content_t *n = &l->applied.content;
    elo_json_writer_t w;
    elo_buf_t json;

    elo_buf_init(&json, ANSWER_MAX);
    elo_json_writer_init(&w, &json);
    elo_json_put_object(&w, NULL);
    elo_json_put_string(&w, "id", n->id);
    elo_json_put_u64(&w, "version", n->version);
    elo_json_put_bool(&w, "held", n->is_held);
    elo_json_end_object(&w);
    elo_reply_json(l->req, 200, &json);
    elo_buf_dispose(&json);
}


/* What is left to tell of a forgotten one. */
static void
reply_forgotten(const life_t *l)
{
    const elo_applied_t *a = &l->applied;
    elo_node_head_t head = { .version = a->content.version,
                             .updated_at = a->content.updated_at };
    elo_buf_t json;

    elo_buf_init(&json, ANSWER_MAX);
    elo_content_put_forgotten(&json, elo_slice_str(l->id), &head, ELO_OK);
    elo_reply_json(l->req, 200, &json);
    elo_buf_dispose(&json);
}


static void
reply_life(life_t *l)
{
    elo_applied_t *a = &l->applied;

    elo_http_res_headerf(l->req, "ETag", "\"%llu\"",
                         (unsigned long long) a->content.version);
    say(l);
    if (a->content.lifecycle == ELO_LIFECYCLE_FORGOTTEN) {
        reply_forgotten(l);
        return;
    }
    elo_content_mark(l->req, a->content.lifecycle);
    if (l->is_foreign) {
        reply_hold(l);
    } else {
        elo_reply_json(l->req, 200, &a->json);
    }
    elo_media_on_publish(l->api, &a->content);
}


static void
after_life(elo_job_t *job)
{
    life_t *l = (life_t *) job;

    if (l->err == ELO_OK) {
        reply_life(l);
    } else if (l->err == ELO_ENOTFOUND) {
        elo_content_reply_missing(&l->call, elo_slice_str(l->id));
    } else {
        elo_reply_err(l->req, l->err, l->detail);
    }
    life_free(l);
}


/* ---- calls ---- */

static void
on_body(void *ctx, elo_err_t err, elo_slice_t body)
{
    elo_json_fault_t fault = { 0 };
    life_t *l = ctx;
    bool is_ok = false;

    if (err == ELO_OK) {
        elo_buf_put_slice(&l->text, body);
        err = elo_buf_err(&l->text);
    }
    if (err == ELO_OK) {
        err =
            elo_json_parse(elo_buf_slice(&l->text), BODY_MAX, &l->body, &fault);
    }
    if (err != ELO_OK) {
        elo_reply_err(l->req, err, err == ELO_EINVAL ? fault.what : NULL);
    } else if (l->kind == ELO_ROUTE_CONTENT_LIFECYCLE) {
        is_ok = read_lifecycle(l);
    } else if (l->kind == ELO_ROUTE_CONTENT_REACH) {
        is_ok = read_reach(l);
    } else {
        is_ok = read_invite(l);
    }
    if (!is_ok) {
        life_free(l);
        return;
    }
    l->is_hidden =
        l->call.is_guest && !elo_call_knows(&l->call, elo_slice_str(l->id));
    l->job.work = work_life;
    l->job.after = after_life;
    elo_loop_work(l->api->cfg.loop, &l->job);
}


/* Copies of the conditions. */
static elo_err_t
take_conditions(life_t *l)
{
    elo_slice_t match = elo_http_req_header(l->req, "If-Match");
    elo_slice_t none = elo_http_req_header(l->req, "If-None-Match");
    const uint8_t *p;

    elo_buf_put_slice(&l->conditions, match);
    elo_buf_put_slice(&l->conditions, none);
    if (elo_buf_err(&l->conditions) != ELO_OK) {
        return elo_buf_err(&l->conditions);
    }
    p = elo_buf_slice(&l->conditions).p;
    if (match.p != NULL) {
        l->cond.if_match = elo_slice(p != NULL ? p : match.p, match.len);
    }
    if (none.p != NULL) {
        l->cond.if_none_match =
            elo_slice(p != NULL ? p + match.len : none.p, none.len);
    }
    return ELO_OK;
}


static void
collect(elo_call_t *c)
{
    life_t *l = calloc(1, sizeof(*l));
    elo_err_t rc;

    if (l == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return;
    }
    l->api = c->api;
    l->req = c->req;
    l->call = *c;
    l->call.route = (elo_route_t){ .kind = ELO_ROUTE_UNKNOWN };
    l->kind = c->route.kind;
    memcpy(l->id, c->route.id.p, c->route.id.len);
    elo_buf_init(&l->text, BODY_MAX);
    elo_buf_init(&l->conditions, BODY_MAX);
    if ((rc = take_conditions(l)) != ELO_OK) {
        elo_reply_err(c->req, rc, NULL);
        life_free(l);
        return;
    }
    elo_body_collect(c->req, BODY_MAX, on_body, l);
}


void
elo_call_content_lifecycle(elo_call_t *c)
{
    collect(c);
}


void
elo_call_content_reach(elo_call_t *c)
{
    collect(c);
}


void
elo_call_content_invite(elo_call_t *c)
{
    collect(c);
}
