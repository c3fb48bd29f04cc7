/* SPDX-License-Identifier: BSD-2-Clause */
/* cache_api: content nodes, for clients that read them as cached documents:

     GET /api/v1/cache/{type}/{id}
     GET /api/v1/cache/{type}?limit=&skip=&content_type=
     GET /api/v1/{dna}/{zome}/get_content?id=       (also get_content_by_id)
     GET /api/v1/{dna}/{zome}/get_content_by_type?content_type=&limit=&skip=

   type is Content, of any case; ?args= may stand for id or content_type, as itself or as a
   JSON object with that member. A document is the node, and members that these clients read
   beside it: contentType, content, relatedNodeIds, authorId. Paths and relationships
   aren't kept here: 501. Who may not see a node is told what he would be told if it
   weren't there; who may, but for his token's bounds, gets 403 REACH_DENIED.
   A list is in order of id, and ends where too much was looked at for it. Lists are
   made on the pool, a few at a time: nodes may be large. */
#include "backend/api/calls.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/api/who.h"
#include "backend/json/json_write.h"
#include "backend/store/node_find.h"
#include "common/base/num.h"
#include "common/http/precond.h"

#define LIST_LIMIT  100
#define LIST_MAX    1000
#define SKIP_MAX    100000u
#define PAGE_BYTES  (4u << 20)
#define LIST_BUDGET 10000      /* nodes looked at for one list */
#define TEXT_BUDGET (8u << 20) /* bytes of their texts that are read */
#define AT_ONCE     2u         /* lists; the pool is for others, too */
#define WAYS_MAX    (ELO_REACH_COUNT + 2u) /* by which a node is open to him */
#define MEMBER_MAX  64u
#define ARG_MAX     256u
#define TYPE_MAX    64u
#define ETAG_ROOM   24
#define REACH_TEXT  16u
#define DOC_MAX     (2 * ELO_CONTENT_TEXT_MAX)
#define ANY_TYPE    "content" /* contentType of a node that states none */

/* Whatever the existing system keeps by these names, this node doesn't. */
static const char *const other_types[] = {
    "learningpath",  "path",    "paths",          "relationship",
    "relationships", "mastery", "contentmastery", "assessment",
    "attestation",   "human",
};

static const char *const other_functions[] = {
    "get_all_paths", "get_path_overview", "get_path_with_steps",
    "get_path_full", "get_relationships",
};


/* ---- a document ---- */

typedef struct {
    elo_json_writer_t *w;
    elo_slice_t body, owner, type;
    bool has_tags;
} doc_t;


static bool
put_member(void *ctx, elo_slice_t name, const elo_json_t *value)
{
    char text[MEMBER_MAX];
    doc_t *d = ctx;

    if (name.len >= sizeof(text)) {
        return true;
    }
    memcpy(text, name.p, name.len);
    text[name.len] = '\0';
    elo_json_put_value(d->w, text, value);
    if (strcmp(text, "body") == 0) {
        elo_ignore(!elo_json_string(value, &d->body)); /* null: none */
    } else if (strcmp(text, "owner") == 0) {
        elo_ignore(!elo_json_string(value, &d->owner)); /* likewise */
    } else if (strcmp(text, "metadata") == 0) {
        elo_ignore(!elo_json_string(elo_json_get(value, "contentType"),
                                    &d->type)); /* of no type */
    } else if (strcmp(text, "tags") == 0) {
        d->has_tags = true;
    }
    return true;
}


/* json: a node's normalised text. */
static elo_err_t
put_doc(elo_json_writer_t *w, elo_slice_t json)
{
    doc_t d = { .w = w, .type = ELO_SLICE(ANY_TYPE) };
    elo_json_t *j = NULL;
    elo_err_t rc = elo_json_parse(json, ELO_CONTENT_TEXT_MAX, &j, NULL);

    if (rc != ELO_OK) {
        return rc == ELO_ENOMEM ? rc : ELO_ECORRUPT;
    }
    elo_json_put_object(w, NULL);
    elo_json_each(j, put_member, &d);
    elo_json_put_string(w, "contentType", d.type);
    elo_json_put_string(w, "content", d.body);
    if (d.owner.p != NULL) {
        elo_json_put_string(w, "authorId", d.owner);
    } else {
        elo_json_put_null(w, "authorId");
    }
    elo_json_put_array(w, "relatedNodeIds");
    elo_json_end_array(w);
    if (!d.has_tags) {
        elo_json_put_array(w, "tags");
        elo_json_end_array(w);
    }
    elo_json_end_object(w);
    elo_json_free(&j);
    return ELO_OK;
}


static bool
has_type(elo_slice_t json, const char *type)
{
    elo_slice_t of = ELO_SLICE(ANY_TYPE);
    elo_json_t *j = NULL;
    bool is_it;

    if (elo_json_parse(json, ELO_CONTENT_TEXT_MAX, &j, NULL) != ELO_OK) {
        return false;
    }
    elo_ignore(!elo_json_string(
        elo_json_get(elo_json_get(j, "metadata"), "contentType"),
        &of)); /* of no type */
    is_it = elo_slice_eq(of, elo_slice_str(type));
    elo_json_free(&j);
    return is_it;
}


/* ---- one ---- */

/* ?reach= narrows and never widens; a word that is no reach means private. */
static elo_reach_t
ceiling_of(const elo_call_t *c)
{
    elo_slice_t query = elo_http_req_query(c->req);
    char room[REACH_TEXT];
    elo_reach_t reach = ELO_REACH_PRIVATE;
    elo_slice_t text;

    if (elo_query_text(query, "reach", room, sizeof(room), &text) == ELO_OK) {
        reach = text.p == NULL ? ELO_REACH_COMMONS : elo_reach_or_private(text);
    }
    return ELO_MIN(c->ceiling, reach);
}


static elo_rule_t
rule_of(const elo_call_t *c, elo_reach_t ceiling, const elo_who_subject_t *of)
{
    elo_gate_t g = { .facts = c->facts | of->facts,
                     .scopes = c->scopes,
                     .reach = of->reach,
                     .ceiling = ceiling,
                     .stage = of->stage,
                     .op = ELO_OP_READ };

    return elo_gate_decide(&g);
}


static elo_err_t
judge(const elo_call_t *c, elo_slice_t id, const elo_content_t *n)
{
    elo_who_subject_t of = { .reach = n->reach, .stage = elo_content_stage(n) };
    elo_agent_t owner;
    elo_rule_t rule;
    elo_err_t rc;

    if ((c->facts & ELO_FACT_PROVED) != 0) {
        rc = elo_store_node_owner(c->api->cfg.store, id, &owner);
        if (rc != ELO_OK) {
            return rc;
        }
        elo_who_node(c->api, &c->key, n, &owner, &of);
    }
    rule = rule_of(c, ceiling_of(c), &of);
    if (elo_rule_is_audited(rule) && !c->is_recorded) {
        return ELO_ENOTFOUND; /* of a question whose id isn't in its path */
    }
    if (elo_rule_allows(rule)) {
        return ELO_OK;
    }
    return rule == ELO_RULE_CEILING || rule == ELO_RULE_SCOPE ? ELO_EDENIED
                                                              : ELO_ENOTFOUND;
}


static void
put_fields(elo_http_req_t *req, const char *etag, elo_reach_t reach)
{
    if (etag != NULL) {
        elo_http_res_header(req, "ETag", elo_slice_str(etag));
        elo_http_res_header(req, "X-Reach",
                            elo_slice_str(elo_reach_name(reach)));
    }
    elo_http_res_header(req, "X-Cache", ELO_SLICE("MISS"));
    elo_http_res_header(
        req, "Cache-Control",
        elo_slice_str(elo_reply_cache_control(reach, "no-cache")));
}


static void
reply_doc(elo_call_t *c, const elo_content_t *n, elo_slice_t text)
{
    elo_precond_t cond = {
        .if_none_match = elo_http_req_header(c->req, "If-None-Match"),
    };
    char etag[ETAG_ROOM];
    elo_json_writer_t w;
    elo_buf_t b;
    elo_err_t rc;

    (void) snprintf(etag, sizeof(etag), "\"%llu\"",
                    (unsigned long long) n->version);
    if (elo_precond_eval(&cond, true, elo_slice_str(etag), 0)
        == ELO_PRECOND_NOT_MODIFIED)
    {
        put_fields(c->req, etag, n->reach);
        elo_reply_empty(c->req, 304);
        return;
    }
    elo_buf_init(&b, DOC_MAX);
    elo_json_writer_init(&w, &b);
    rc = put_doc(&w, text);
    if (rc != ELO_OK) {
        elo_reply_err(c->req, rc, NULL);
    } else {
        put_fields(c->req, etag, n->reach);
        elo_reply_json(c->req, 200, &b);
    }
    elo_buf_dispose(&b);
}


static void
get_one(elo_call_t *c, elo_slice_t id)
{
    elo_content_t node;
    elo_buf_t json;
    elo_err_t rc;

    elo_buf_init(&json, ELO_CONTENT_TEXT_MAX);
    rc = elo_store_node_get(c->api->cfg.store, id, 0, &json, NULL, NULL);
    if (rc == ELO_OK) {
        rc = elo_content_load(elo_buf_slice(&json), &node);
    }
    if (rc == ELO_OK) {
        rc = judge(c, id, &node);
        if (rc == ELO_OK) {
            reply_doc(c, &node, elo_buf_slice(&json));
        }
        elo_content_dispose(&node);
    }
    if (rc != ELO_OK) {
        elo_reply_err(c->req, rc,
                      rc == ELO_ENOTFOUND ? "no such content" : NULL);
    }
    elo_buf_dispose(&json);
}


/* ---- many ---- */

typedef struct {
    elo_job_t job; /* first */
    elo_call_t call;
    elo_reach_t ceiling;
    char type[TYPE_MAX + 1]; /* "": any */
    uint32_t limit;
    uint32_t skip; /* of those that he may see */
    uint32_t n_put;
    size_t n_text; /* bytes of texts that were read */
    elo_node_at_t at;
    elo_json_writer_t w;
    elo_buf_t json;
    elo_buf_t text; /* of the node that is looked at; empty: not read yet */
    elo_err_t err;
} list_t;


/* Where there may be something for him, so that nodes of others cost nothing: by
   reach what is in full bloom, his own, and what lists him. */
static elo_node_query_t
query_of(const list_t *l, elo_node_facet_t any[WAYS_MAX])
{
    const elo_call_t *c = &l->call;
    elo_reach_t from = (c->facts & ELO_FACT_ADMITTED) != 0
                           ? ELO_REACH_NEIGHBORHOOD
                           : ELO_REACH_COMMONS;
    elo_node_query_t q = { .is_some = c->is_guest, .any = any };

    for (int r = (int) from; c->is_guest && r < ELO_REACH_COUNT; r++) {
        any[q.n_any++] = (elo_node_facet_t){ .dim = ELO_NODE_REACH,
                                             .reach = (elo_reach_t) r };
    }
    if ((c->facts & ELO_FACT_PROVED) != 0) {
        any[q.n_any++] =
            (elo_node_facet_t){ .dim = ELO_NODE_OWNER, .agent = c->agent };
        any[q.n_any++] =
            (elo_node_facet_t){ .dim = ELO_NODE_INVITED, .agent = c->key };
    }
    return q;
}


/* False: it has gone, or (in l->err) can't be read. */
static bool
read_text(list_t *l, const elo_node_hit_t *hit)
{
    elo_err_t rc;

    if (l->text.len > 0) {
        return true;
    }
    if ((rc = elo_node_hit_json(hit, &l->text)) != ELO_OK) {
        l->err = rc == ELO_ENOTFOUND ? ELO_OK : rc;
        return false;
    }
    l->n_text += l->text.len;
    return true;
}


/* On the pool relations and grants are out of reach: is it his, and is he on its
   list? What isn't in full bloom is shown to those alone who own it. */
static bool
is_open(const list_t *l, const elo_node_head_t *head, bool is_invited)
{
    const elo_call_t *c = &l->call;
    elo_who_subject_t of = { .reach = head->stated, .stage = head->stage };
    bool is_own;

    if ((c->facts & ELO_FACT_PROVED) != 0) {
        of.facts |= elo_agent_eq(&head->owner, &c->agent) ? ELO_FACT_OWNER : 0;
        of.facts |= is_invited ? ELO_FACT_INVITED : 0;
    }
    is_own =
        ((of.facts | c->facts) & (ELO_FACT_OWNER | ELO_FACT_OPERATOR)) != 0;
    return elo_rule_allows(rule_of(c, l->ceiling, &of))
           && (is_own || head->life == ELO_NODE_PUBLISHED
               || head->life == ELO_NODE_STALE);
}


/* Of a row that was written before rows said it, the text does. */
static bool
is_shown(list_t *l, const elo_node_hit_t *hit)
{
    elo_node_head_t head = hit->head;
    elo_content_t n;
    bool is_invited;

    if ((head.flags & ELO_NODE_IS_BARE) == 0) {
        is_invited =
            head.n_invited > 0 && elo_node_hit_invites(hit, &l->call.key);
        return is_open(l, &head, is_invited);
    }
    if (!read_text(l, hit)
        || elo_content_load(elo_buf_slice(&l->text), &n) != ELO_OK)
    {
        return false;
    }
    head.stated = n.reach;
    head.life = (elo_node_life_t) n.lifecycle;
    head.stage = elo_content_stage(&n);
    is_invited = elo_content_invites(&n, &l->call.key);
    elo_content_dispose(&n);
    return is_open(l, &head, is_invited);
}


static bool
put_node(void *ctx, const elo_node_hit_t *hit)
{
    list_t *l = ctx;

    if (l->n_put == l->limit || l->json.len > PAGE_BYTES
        || l->n_text > TEXT_BUDGET) {
        return false;
    }
    elo_buf_clear(&l->text);
    if (!is_shown(l, hit)
        || (l->type[0] != '\0'
            && (!read_text(l, hit)
                || !has_type(elo_buf_slice(&l->text), l->type))))
    {
        return l->err == ELO_OK;
    }
    if (l->skip > 0) {
        l->skip--;
        return true;
    }
    if (read_text(l, hit)) {
        l->n_put++;
        l->err = put_doc(&l->w, elo_buf_slice(&l->text));
    }
    return l->err == ELO_OK;
}


/* pool */
static void
work_list(elo_job_t *job)
{
    list_t *l = (list_t *) job;
    elo_node_facet_t any[WAYS_MAX];
    elo_node_query_t q = query_of(l, any);
    elo_err_t rc;

    elo_json_writer_init(&l->w, &l->json);
    elo_json_put_array(&l->w, NULL);
    rc = elo_store_node_find(l->call.api->cfg.store, &q, &l->at, put_node, l);
    elo_json_end_array(&l->w);
    l->err = rc != ELO_OK ? rc : l->err;
}


static void
end_list(list_t *l)
{
    l->call.api->n_cache_lists--;
    elo_buf_dispose(&l->json);
    elo_buf_dispose(&l->text);
    free(l);
}


static void
after_list(elo_job_t *job)
{
    list_t *l = (list_t *) job;

    if (l->err != ELO_OK) {
        elo_reply_err(l->call.req, l->err, NULL);
    } else {
        put_fields(l->call.req, NULL,
                   l->call.facts == 0 ? ELO_REACH_COMMONS : ELO_REACH_PRIVATE);
        elo_reply_json(l->call.req, 200, &l->json);
    }
    end_list(l);
}


/* A number that may be 0. */
static elo_err_t
read_skip(elo_slice_t query, uint32_t *out)
{
    char room[REACH_TEXT];
    elo_slice_t text;
    uint64_t n = 0;

    if (elo_query_text(query, "skip", room, sizeof(room), &text) != ELO_OK
        || (text.p != NULL && (!elo_slice_u64(text, &n) || n > SKIP_MAX)))
    {
        return ELO_EINVAL;
    }
    *out = (uint32_t) n;
    return ELO_OK;
}


static void
get_many(elo_call_t *c, elo_slice_t type)
{
    elo_slice_t query = elo_http_req_query(c->req);
    list_t *l;

    if (c->api->n_cache_lists >= AT_ONCE) {
        elo_reply_err(c->req, ELO_ERATE, NULL);
        return;
    }
    if ((l = calloc(1, sizeof(*l))) == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return;
    }
    c->api->n_cache_lists++;
    elo_buf_init(&l->json, PAGE_BYTES + 2 * DOC_MAX);
    elo_buf_init(&l->text, ELO_CONTENT_TEXT_MAX);
    l->call = *c;
    l->at.budget = LIST_BUDGET;
    l->ceiling = ceiling_of(c);
    if (type.len > TYPE_MAX || read_skip(query, &l->skip) != ELO_OK
        || elo_query_number(query, "limit", LIST_LIMIT, LIST_MAX, &l->limit)
               != ELO_OK)
    {
        elo_reply_err(c->req, ELO_EINVAL,
                      "limit is a number from 1, skip one up to 100000, a type "
                      "has up to 64 characters");
        end_list(l);
        return;
    }
    if (type.len != 0) {
        memcpy(l->type, type.p, type.len);
    }
    l->job.work = work_list;
    l->job.after = after_list;
    elo_loop_work(c->api->cfg.loop, &l->job);
}


/* ---- what is asked for ---- */

static bool
is_one_of(elo_slice_t s, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (elo_slice_ieq(s, elo_slice_str(words[i]))) {
            return true;
        }
    }
    return false;
}


static void
reply_other(elo_call_t *c, bool is_known)
{
    if (is_known) {
        elo_reply_problem(c->req, 501, "NOT_IMPLEMENTED",
                          "this node keeps content, and nothing of that kind",
                          NULL);
    } else {
        elo_reply_err(c->req, ELO_ENOTFOUND, "no such resource");
    }
}


/* True when it is documents of content; else that is answered. */
static bool
is_content(elo_call_t *c)
{
    if (elo_slice_ieq(c->route.name, ELO_SLICE("content"))) {
        return true;
    }
    reply_other(c,
                is_one_of(c->route.name, other_types, ELO_COUNT(other_types)));
    return false;
}


void
elo_call_cache(elo_call_t *c)
{
    if (is_content(c)) {
        get_one(c, c->route.id);
    }
}


void
elo_call_cache_list(elo_call_t *c)
{
    char room[TYPE_MAX];
    elo_slice_t type;

    if (!is_content(c)) {
        return;
    }
    if (elo_query_text(elo_http_req_query(c->req), "content_type", room,
                       sizeof(room), &type)
        != ELO_OK)
    {
        elo_reply_err(c->req, ELO_EINVAL, "no content has that type");
        return;
    }
    get_many(c, type);
}


/* Of ?name=, or of ?args=, which is the value itself, perhaps in quotes, or a JSON
   object that has it. False: it is neither there nor well-formed. */
static bool
take_arg(const elo_call_t *c, const char *name, char room[ARG_MAX],
         elo_slice_t *out)
{
    elo_slice_t query = elo_http_req_query(c->req);
    elo_json_t *j = NULL;
    elo_slice_t text;
    bool ok = false;

    if (elo_query_text(query, name, room, ARG_MAX, out) != ELO_OK) {
        return false;
    }
    if (out->len != 0) {
        return true;
    }
    if (elo_query_text(query, "args", room, ARG_MAX, out) != ELO_OK
        || out->len == 0)
    {
        return false;
    }
    if (out->p[0] != '{') {
        if (out->len >= 2 && out->p[0] == '"' && out->p[out->len - 1] == '"') {
            *out = elo_slice(out->p + 1, out->len - 2);
        }
        return out->len != 0;
    }
    if (elo_json_parse(*out, ARG_MAX, &j, NULL) != ELO_OK) {
        return false;
    }
    if (elo_json_string(elo_json_get(j, name), &text) && text.len != 0
        && text.len <= ARG_MAX)
    {
        memcpy(room, text.p, text.len);
        *out = elo_slice(room, text.len);
        ok = true;
    }
    elo_json_free(&j);
    return ok;
}


void
elo_call_zome(elo_call_t *c)
{
    elo_slice_t fn = c->route.name, arg;
    char room[ARG_MAX];

    if (elo_slice_eq(fn, ELO_SLICE("get_content"))
        || elo_slice_eq(fn, ELO_SLICE("get_content_by_id")))
    {
        if (take_arg(c, "id", room, &arg) && elo_content_id_ok(arg)) {
            get_one(c, arg);
        } else {
            elo_reply_err(c->req, ELO_EINVAL, "id is a content id");
        }
    } else if (elo_slice_eq(fn, ELO_SLICE("get_content_by_type"))) {
        if (take_arg(c, "content_type", room, &arg)) {
            get_many(c, arg);
        } else {
            elo_reply_err(c->req, ELO_EINVAL, "content_type is missing");
        }
    } else {
        reply_other(c,
                    is_one_of(fn, other_functions, ELO_COUNT(other_functions)));
    }
}
