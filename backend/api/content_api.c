/* SPDX-License-Identifier: BSD-2-Clause */
/* content_api: content nodes, one at a time. The entity tag of a node is its
   version in quotes. A write is: the body is read, judged against what is
   current, and put with the version that must still be current; an unconditional
   PUT that loses that race is done again. */
#include "backend/api/calls.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/api/content_apply.h"
#include "backend/api/content_reply.h"
#include "backend/api/content_write.h"
#include "backend/api/who.h"
#include "backend/os/clock.h"
#include "common/base/num.h"
#include "common/http/precond.h"

#define RETRIES      128 /* losses in a row; at each another write was made */
#define VERSION_ROOM 20

typedef struct {
    elo_job_t job; /* first */
    elo_api_t *api;
    elo_http_req_t *req;
    elo_call_t call; /* its route is gone */
    elo_buf_t text;  /* as sent, kept for another try */
    elo_content_write_t w;
    uint32_t tries;
    elo_err_t err;
} write_t;


static void attempt(write_t *w);


static elo_precond_t
conditions(const elo_http_req_t *req)
{
    return (elo_precond_t){
        .if_match = elo_http_req_header(req, "If-Match"),
        .if_none_match = elo_http_req_header(req, "If-None-Match"),
    };
}


/* ---- GET ---- */

static elo_err_t
version_asked(const elo_call_t *c, uint64_t *out)
{
    char room[VERSION_ROOM];
    elo_slice_t text;
    elo_err_t rc;

    rc = elo_query_text(elo_http_req_query(c->req), "version", room,
                        sizeof(room), &text);
    *out = 0;
    if (rc != ELO_OK || text.p == NULL) {
        return rc;
    }
    return elo_slice_u64(text, out) && *out > 0 ? ELO_OK : ELO_EINVAL;
}


/* May the caller see this version, by itself? */
static bool
may_see(const elo_call_t *c, elo_slice_t json)
{
    elo_who_subject_t of;
    elo_agent_t owner;
    elo_content_t node;
    bool ok;

    if (!c->is_guest) {
        return true;
    }
    if (elo_content_load(json, &node) != ELO_OK) {
        return false;
    }
    ok = elo_call_may_read(c, elo_content_effective_reach(&node));
    if (!ok && (c->facts & ELO_FACT_PROVED) != 0
        && elo_store_node_owner(c->api->cfg.store, c->route.id, &owner)
               == ELO_OK)
    {
        elo_who_node(c->api, &c->key, &node, &owner, &of);
        ok = elo_call_may(c, ELO_OP_READ, &of);
    }
    elo_content_dispose(&node);
    return ok;
}


/* An older version may have had a narrower reach than the current one: both
   must allow the reader. */
static bool
may_see_both(const elo_call_t *c, elo_slice_t json, bool is_current,
             elo_reach_t reach)
{
    return may_see(c, json)
           && (is_current || elo_call_may_read(c, reach)
               || elo_call_is_let_in(c, c->route.id));
}


/* Of what it is now, whatever version was asked for. */
static void
put_mark(const elo_call_t *c)
{
    elo_node_head_t head;

    if (elo_store_node_head(c->api->cfg.store, c->route.id, &head) == ELO_OK) {
        elo_content_mark(c->req, (elo_lifecycle_t) head.life);
    }
}


static void
reply_node(const elo_call_t *c, uint64_t version, const elo_buf_t *json)
{
    elo_precond_t cond = conditions(c->req);
    char room[ELO_CONTENT_ETAG_ROOM];
    elo_slice_t etag = elo_content_etag(version, room);
    elo_precond_verdict_t verdict = elo_precond_eval(&cond, true, etag, 0);

    if (verdict == ELO_PRECOND_FAILED) {
        elo_reply_err(c->req, ELO_EPRECOND, NULL);
        return;
    }
    elo_http_res_header(c->req, "ETag", etag);
    elo_http_res_header(c->req, "Cache-Control", ELO_SLICE("no-cache"));
    if (verdict == ELO_PRECOND_NOT_MODIFIED) {
        elo_reply_empty(c->req, 304);
        return;
    }
    put_mark(c);
    elo_reply_json(c->req, 200, json);
}


void
elo_call_content_get(elo_call_t *c)
{
    uint64_t version, current;
    elo_reach_t reach;
    elo_buf_t json;
    elo_err_t rc;

    if (version_asked(c, &version) != ELO_OK) {
        elo_reply_err(c->req, ELO_EINVAL, "version must be a number from 1");
        return;
    }
    elo_buf_init(&json, ELO_CONTENT_TEXT_MAX);
    rc = elo_store_node_get(c->api->cfg.store, c->route.id, version, &json,
                            &reach, &current);
    if (rc == ELO_OK
        && !may_see_both(c, elo_buf_slice(&json),
                         version == 0 || version == current, reach))
    {
        elo_call_refused(c, ELO_OP_READ, c->route.id, NULL);
        rc = ELO_ENOTFOUND;
    }
    if (rc == ELO_ENOTFOUND) {
        elo_content_reply_missing(c, c->route.id);
    } else if (rc != ELO_OK) {
        elo_reply_err(c->req, rc, NULL);
    } else {
        reply_node(c, version != 0 ? version : current, &json);
    }
    elo_buf_dispose(&json);
}


/* ---- writes ---- */

static void
free_write(write_t *w)
{
    elo_content_write_dispose(&w->w);
    elo_buf_dispose(&w->text);
    free(w);
}


static void
fail(write_t *w, elo_err_t err, const char *detail)
{
    elo_reply_err(w->req, err, detail);
    free_write(w);
}


/* False when If-Match or If-None-Match forbids the write. */
static bool
conditions_hold(const write_t *w, uint64_t current)
{
    elo_precond_t cond = conditions(w->req);
    char room[ELO_CONTENT_ETAG_ROOM];
    elo_slice_t etag =
        current == 0 ? elo_slice(NULL, 0) : elo_content_etag(current, room);

    return elo_precond_eval(&cond, false, etag, 0) == ELO_PRECOND_GO;
}


/* pool */
static void
work_write(elo_job_t *job)
{
    write_t *w = (write_t *) job;
    elo_store_t *s = w->api->cfg.store;

    if (w->w.is_remove) {
        w->err = elo_store_node_remove(s, elo_slice_str(w->w.id), w->w.expect);
    } else {
        w->err = elo_content_store(s, &w->w.node, &w->w.owner,
                                   elo_buf_slice(&w->w.json), w->w.expect,
                                   elo_clock_unix_s());
    }
}


static void
reply_written(write_t *w)
{
    char room[ELO_CONTENT_ETAG_ROOM];

    elo_http_res_header(w->req, "ETag",
                        elo_content_etag(w->w.node.version, room));
    elo_http_res_headerf(w->req, "Location", "/api/content/%.*s",
                         (int) w->w.node.id.len, (const char *) w->w.node.id.p);
    elo_reply_json(w->req, w->w.expect == 0 ? 201 : 200, &w->w.json);
    elo_media_on_publish(w->api, &w->w.node);
}


static void
after_write(elo_job_t *job)
{
    write_t *w = (write_t *) job;
    bool has_lost = w->err == ELO_EPRECOND || w->err == ELO_EEXISTS;

    if (w->err == ELO_EPRECOND && w->w.id[0] == '\0'
        && elo_content_write_look_for_tomb(&w->w, w->w.node.id) != ELO_OK)
    {
        has_lost = false; /* an id of the text's that was in use */
    }
    if (has_lost && (w->w.id[0] != '\0' || w->err == ELO_EPRECOND)
        && ++w->tries < RETRIES)
    {
        attempt(w);
        return;
    }
    if (w->err == ELO_EEXISTS && w->w.id[0] == '\0') {
        elo_reply_problem(w->req, 409, elo_err_code(ELO_EEXISTS),
                          "a content with this id exists", "id");
    } else if (w->err != ELO_OK) {
        elo_reply_err(
            w->req, w->w.is_remove && w->err == ELO_EBUSY ? ELO_EHELD : w->err,
            NULL);
    } else if (w->w.is_remove) {
        elo_reply_empty(w->req, 204);
    } else {
        reply_written(w);
    }
    free_write(w);
}


/* May the caller not even know that it is there? A write that needs it to be there
   then fails as if it weren't; only that its id is taken can't be hidden. */
static bool
is_hidden(const write_t *w)
{
    return w->call.is_guest
           && !elo_call_knows(&w->call, elo_slice_str(w->w.id));
}


static void
refuse_text(write_t *w, elo_err_t rc)
{
    const elo_content_fault_t *f = &w->w.fault;

    elo_reply_problem(w->req, elo_err_status(rc), elo_err_code(rc), f->detail,
                      f->field[0] != '\0' ? f->field : NULL);
    free_write(w);
}


static void
attempt(write_t *w)
{
    elo_content_write_t *to = &w->w;
    const char *why = NULL;
    uint64_t seen;
    elo_err_t rc;

    rc = elo_content_write_look(to);
    if (rc != ELO_OK) {
        fail(w, rc, NULL);
        return;
    }
    seen = to->is_anothers && is_hidden(w) ? 0 : to->expect;
    if (!conditions_hold(w, seen)) {
        fail(w, ELO_EPRECOND, "the content is not at the version asked for");
        return;
    }
    if (to->is_remove && seen == 0) {
        elo_call_refused(&w->call, ELO_OP_CHANGE, elo_slice_str(to->id), NULL);
        fail(w, ELO_ENOTFOUND, "no such content");
        return;
    }
    if (to->is_anothers) {
        elo_call_refused(&w->call, ELO_OP_CHANGE, elo_slice_str(to->id), NULL);
        fail(w, ELO_EDENIED, "the content is another agent's");
        return;
    }
    to->text = elo_buf_slice(&w->text);
    rc = to->is_remove ? ELO_OK : elo_content_write_make(to);
    if (rc == ELO_EINVAL || rc == ELO_ETOOBIG) {
        refuse_text(w, rc);
        return;
    }
    if (rc == ELO_OK) {
        rc = elo_content_write_judge(to, &why);
    }
    if (rc != ELO_OK) {
        fail(w, rc, why);
        return;
    }
    w->job.work = work_write;
    w->job.after = after_write;
    elo_loop_work(w->api->cfg.loop, &w->job);
}


static void
on_body(void *ctx, elo_err_t err, elo_slice_t body)
{
    write_t *w = ctx;

    if (err == ELO_OK) {
        elo_buf_put_slice(&w->text, body);
        err = elo_buf_err(&w->text);
    }
    if (err != ELO_OK) {
        fail(w, err, err == ELO_ETOOBIG ? "the node is too large" : NULL);
        return;
    }
    attempt(w);
}


static write_t *
new_write(const elo_call_t *c)
{
    write_t *w = calloc(1, sizeof(*w));

    if (w == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return NULL;
    }
    w->api = c->api;
    w->req = c->req;
    w->call = *c;
    elo_content_write_init(&w->w, &w->call);
    elo_buf_init(&w->text, ELO_CONTENT_JSON_MAX);
    if (c->route.id.len != 0) {
        memcpy(w->w.id, c->route.id.p, c->route.id.len);
    }
    return w;
}


void
elo_call_content_post(elo_call_t *c)
{
    write_t *w = new_write(c);

    if (w != NULL) {
        elo_body_collect(c->req, ELO_CONTENT_JSON_MAX, on_body, w);
    }
}


void
elo_call_content_put(elo_call_t *c)
{
    elo_call_content_post(c);
}


void
elo_call_content_delete(elo_call_t *c)
{
    write_t *w = new_write(c);

    if (w != NULL) {
        w->w.is_remove = true;
        attempt(w);
    }
}
