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
   A list is one of list_page.h, in another shape: in order of id, and however much is
   skipped, no more than so many nodes are looked at. */
#include "backend/api/calls.h"

#include <stdio.h>
#include "backend/api/list_page.h"
#include "backend/api/who.h"
#include "common/base/num.h"
#include "common/http/precond.h"

#define LIST_LIMIT 100
#define LIST_MAX   1000
#define SKIP_MAX   10000u
#define MEMBER_MAX 64u
#define ARG_MAX    256u
#define TYPE_MAX   64u
#define ETAG_ROOM  24
#define REACH_TEXT 16u
#define DOC_MAX    (2 * ELO_CONTENT_TEXT_MAX)
#define ANY_TYPE   "content" /* contentType of a node that states none */

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


/* Whose use of a grant it is, is in the log: elo_call_hold. */
static elo_err_t
judge(const elo_call_t *c, elo_slice_t id, const elo_content_t *n)
{
    elo_who_subject_t of = { .reach = n->reach, .stage = elo_content_stage(n) };
    elo_call_t below = *c;
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
    below.ceiling = ceiling_of(c);
    if (elo_call_may(&below, ELO_OP_READ, &of)) {
        return ELO_OK;
    }
    rule = elo_call_rule(&below, ELO_OP_READ, &of);
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


/* Of a question whose id isn't in its path, which is where elo_call_hold looks. */
static void
get_held(elo_call_t *c, elo_slice_t id)
{
    c->route.id = id;
    if (!elo_call_hold(c, ELO_ROUTE_CACHE)) {
        get_one(c, id);
    }
}


/* ---- many ---- */

typedef struct {
    elo_list_page_t page; /* first */
    char type[TYPE_MAX + 1];
} list_t;


static bool
wants(elo_list_page_t *l, elo_slice_t text)
{
    const list_t *list = (const list_t *) l;

    return has_type(text, list->type);
}


static void
begin(elo_list_page_t *l)
{
    elo_json_put_array(&l->w, NULL);
}


static elo_err_t
put_node(elo_list_page_t *l, elo_slice_t text)
{
    return put_doc(&l->w, text);
}


static elo_err_t
end(elo_list_page_t *l)
{
    elo_json_end_array(&l->w);
    return ELO_OK;
}


static void
reply_list(elo_list_page_t *l)
{
    put_fields(l->call.req, NULL,
               l->call.facts == 0 ? ELO_REACH_COMMONS : ELO_REACH_PRIVATE);
    elo_reply_json(l->call.req, 200, &l->json);
}


static const elo_list_shape_t all_types = {
    .begin = begin, .put = put_node, .end = end, .reply = reply_list
};

static const elo_list_shape_t one_type = { .wants = wants,
                                           .begin = begin,
                                           .put = put_node,
                                           .end = end,
                                           .reply = reply_list };


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
    list_t *list = elo_list_page_create(c, sizeof(*list),
                                        type.len == 0 ? &all_types : &one_type);
    elo_slice_t query = elo_http_req_query(c->req);
    elo_list_page_t *l;

    if (list == NULL) {
        return;
    }
    l = &list->page;
    l->call.ceiling = ceiling_of(c);
    if (type.len > TYPE_MAX || read_skip(query, &l->skip) != ELO_OK
        || elo_query_number(query, "limit", LIST_LIMIT, LIST_MAX, &l->limit)
               != ELO_OK)
    {
        elo_reply_err(c->req, ELO_EINVAL,
                      "limit is a number from 1, skip one up to 10000 (past it "
                      "GET /api/content goes on by its cursor), a type has up "
                      "to 64 characters");
        elo_list_page_free(l);
        return;
    }
    if (type.len != 0) {
        memcpy(list->type, type.p, type.len);
    }
    l->at.budget = ELO_LIST_BUDGET + l->skip;
    elo_list_page_start(l);
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
            get_held(c, arg);
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
