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
#include "backend/api/who.h"
#include "backend/os/clock.h"
#include "common/base/num.h"
#include "common/http/precond.h"

#define ETAG_ROOM    24
#define RETRIES      128 /* losses in a row; at each another write was made */
#define VERSION_ROOM 20

typedef struct {
    elo_job_t job; /* first */
    elo_api_t *api;
    elo_http_req_t *req;
    char id[ELO_CONTENT_ID_MAX + 1]; /* of the path; "" for POST */
    elo_buf_t text;                  /* as sent, kept for another try */
    elo_buf_t json;                  /* normalised */
    elo_content_t node;
    uint64_t expect;   /* version that must be current, 0: none */
    uint64_t tomb;     /* version that its id had when it was removed */
    elo_call_t call;   /* who writes; its route is gone */
    elo_agent_t owner; /* whose it will be */
    elo_content_t was; /* what is current, if there is something */
    bool is_remove;
    uint32_t tries;
    elo_err_t err;
} write_t;


static void attempt(write_t *w);


static elo_slice_t
etag_text(uint64_t version, char room[ETAG_ROOM])
{
    snprintf(room, ETAG_ROOM, "\"%llu\"", (unsigned long long) version);
    return elo_slice_str(room);
}


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
    char room[ETAG_ROOM];
    elo_slice_t etag = etag_text(version, room);
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
    elo_content_dispose(&w->node);
    elo_content_dispose(&w->was);
    elo_buf_dispose(&w->text);
    elo_buf_dispose(&w->json);
    free(w);
}


static void
fail(write_t *w, elo_err_t err, const char *detail)
{
    elo_reply_err(w->req, err, detail);
    free_write(w);
}


static void
put_random(void *ctx, uint8_t *p, size_t n)
{
    (void) ctx;
    elo_random(p, n);
}


/* An id that was in use goes on from the version that it had. */
static elo_err_t
look_for_tomb(write_t *w, elo_slice_t id)
{
    elo_node_head_t last;
    elo_err_t rc = elo_store_node_last(w->api->cfg.store, id, &last);

    w->tomb = rc == ELO_OK ? last.version : 0;
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


/* What is current, in version (0: nothing) and created_at. A node is its first
   writer's: an operator who acts for nobody changes whosever it is, and it stays
   his. */
static elo_err_t
look_up(write_t *w, uint64_t *version, int64_t *created_at)
{
    elo_store_t *s = w->api->cfg.store;
    elo_slice_t id = elo_slice_str(w->id);
    elo_err_t rc;

    *version = 0;
    w->owner = w->call.agent;
    elo_content_dispose(&w->was);
    if (w->id[0] == '\0') {
        return ELO_OK;
    }
    rc = elo_node_load_all(s, id, &w->was);
    if (rc == ELO_ENOTFOUND) {
        return look_for_tomb(w, id);
    }
    if (rc != ELO_OK) {
        return rc;
    }
    *version = w->was.version;
    *created_at = w->was.created_at;
    rc = elo_store_node_owner(s, id, &w->owner);
    return rc == ELO_ENOTFOUND ? ELO_OK : rc; /* removed: the write will lose */
}


/* False when If-Match or If-None-Match forbids the write. */
static bool
conditions_hold(const write_t *w, uint64_t current)
{
    elo_precond_t cond = conditions(w->req);
    char room[ETAG_ROOM];
    elo_slice_t etag =
        current == 0 ? elo_slice(NULL, 0) : etag_text(current, room);

    return elo_precond_eval(&cond, false, etag, 0) == ELO_PRECOND_GO;
}


/* May what is current become what was sent, or go? A hold keeps all that is referred
   to. */
static elo_err_t
may_become(const write_t *w, const char **why)
{
    const elo_content_t *was = &w->was, *is = &w->node;

    if (w->is_remove) {
        return was->is_held ? ELO_EHELD : ELO_OK;
    }
    if (w->expect == 0) {
        *why = "a content doesn't begin with being forgotten";
        return elo_lifecycle_may_begin(is->lifecycle) ? ELO_OK : ELO_EMOVE;
    }
    for (uint32_t i = 0; was->is_held && i < was->n_blobs; i++) {
        uint32_t at = 0;

        while (at < is->n_blobs
               && memcmp(is->refs[at].b, was->refs[i].b, ELO_SHA256_LEN) != 0)
        {
            at++;
        }
        if (at == is->n_blobs) {
            *why = "the content is held, and its blobs with it";
            return ELO_EHELD;
        }
    }
    return is->lifecycle == was->lifecycle
               ? ELO_OK
               : elo_content_may_become(was, is->lifecycle, why);
}


/* True when the node could be made; else that is answered and w is gone. */
static bool
make_node(write_t *w, int64_t created_at)
{
    int64_t now = elo_clock_unix_s();
    bool is_new = w->expect == 0;
    elo_content_env_t env = {
        .id = elo_slice_str(w->id),
        .version = (is_new ? w->tomb : w->expect) + 1,
        .created_at = is_new ? now : created_at,
        .updated_at = now,
        .was = is_new ? NULL : &w->was.lifecycle,
        .hold = !is_new && w->was.is_held ? &w->was.hold : NULL,
        .random = put_random,
    };
    elo_content_fault_t fault;
    elo_err_t rc;

    elo_buf_clear(&w->json);
    elo_content_dispose(&w->node);
    rc = elo_content_make(elo_buf_slice(&w->text), &env, &w->json, &fault);
    if (rc == ELO_OK && !elo_content_fits(&w->json)) {
        fail(w, ELO_ETOOBIG, "the node is too large");
        return false;
    }
    if (rc == ELO_EINVAL || rc == ELO_ETOOBIG) {
        elo_reply_problem(w->req, elo_err_status(rc), elo_err_code(rc),
                          fault.detail,
                          fault.field[0] != '\0' ? fault.field : NULL);
        free_write(w);
        return false;
    }
    if (rc == ELO_OK) {
        rc = elo_content_load(elo_buf_slice(&w->json), &w->node);
    }
    if (rc != ELO_OK) {
        fail(w, rc, NULL);
        return false;
    }
    return true;
}


/* pool */
static void
work_write(elo_job_t *job)
{
    write_t *w = (write_t *) job;
    elo_store_t *s = w->api->cfg.store;

    if (w->is_remove) {
        w->err = elo_store_node_remove(s, elo_slice_str(w->id), w->expect);
    } else {
        w->err =
            elo_content_store(s, &w->node, &w->owner, elo_buf_slice(&w->json),
                              w->expect, elo_clock_unix_s());
    }
}


static void
reply_written(write_t *w)
{
    char room[ETAG_ROOM];

    elo_http_res_header(w->req, "ETag", etag_text(w->node.version, room));
    elo_http_res_headerf(w->req, "Location", "/api/content/%.*s",
                         (int) w->node.id.len, (const char *) w->node.id.p);
    elo_reply_json(w->req, w->expect == 0 ? 201 : 200, &w->json);
    elo_media_on_publish(w->api, &w->node);
}


static void
after_write(elo_job_t *job)
{
    write_t *w = (write_t *) job;
    bool has_lost = w->err == ELO_EPRECOND || w->err == ELO_EEXISTS;

    if (w->err == ELO_EPRECOND && w->id[0] == '\0'
        && look_for_tomb(w, w->node.id) != ELO_OK)
    {
        has_lost = false; /* an id of the text's that was in use */
    }
    if (has_lost && (w->id[0] != '\0' || w->err == ELO_EPRECOND)
        && ++w->tries < RETRIES)
    {
        attempt(w);
        return;
    }
    if (w->err == ELO_EEXISTS && w->id[0] == '\0') {
        elo_reply_problem(w->req, 409, elo_err_code(ELO_EEXISTS),
                          "a content with this id exists", "id");
    } else if (w->err != ELO_OK) {
        elo_reply_err(w->req,
                      w->is_remove && w->err == ELO_EBUSY ? ELO_EHELD : w->err,
                      NULL);
    } else if (w->is_remove) {
        elo_reply_empty(w->req, 204);
    } else {
        reply_written(w);
    }
    free_write(w);
}


static bool
is_anothers(const write_t *w, uint64_t current)
{
    return current != 0 && w->call.has_agent
           && !elo_agent_eq(&w->owner, &w->call.agent);
}


/* May the caller not even know that it is there? A write that needs it to be there
   then fails as if it weren't; only that its id is taken can't be hidden. */
static bool
is_hidden(const write_t *w)
{
    return w->call.is_guest && !elo_call_knows(&w->call, elo_slice_str(w->id));
}


/* Is his token for this? What others may read, before or after, takes more than a
   draft, and no reach past its ceiling. */
static bool
is_in_scope(const write_t *w)
{
    elo_who_subject_t of = { .facts = ELO_FACT_OWNER };
    bool is_new = w->expect == 0;

    if (!w->is_remove) {
        of.reach = w->node.reach;
        of.stage = elo_content_stage(&w->node);
    }
    if (!is_new && (w->is_remove || w->was.reach > of.reach)) {
        of.reach = w->was.reach;
    }
    if (!is_new && elo_content_is_served(&w->was)) {
        of.stage = ELO_STAGE_SERVED;
    }
    return elo_call_may(&w->call, is_new ? ELO_OP_UPLOAD : ELO_OP_CHANGE, &of);
}


static void
attempt(write_t *w)
{
    int64_t created_at = 0;
    uint64_t current, seen;
    const char *why = NULL;
    elo_err_t rc;

    rc = look_up(w, &current, &created_at);
    if (rc != ELO_OK) {
        fail(w, rc, NULL);
        return;
    }
    seen = is_anothers(w, current) && is_hidden(w) ? 0 : current;
    if (!conditions_hold(w, seen)) {
        fail(w, ELO_EPRECOND, "the content is not at the version asked for");
        return;
    }
    if (w->is_remove && seen == 0) {
        elo_call_refused(&w->call, ELO_OP_CHANGE, elo_slice_str(w->id), NULL);
        fail(w, ELO_ENOTFOUND, "no such content");
        return;
    }
    if (is_anothers(w, current)) {
        elo_call_refused(&w->call, ELO_OP_CHANGE, elo_slice_str(w->id), NULL);
        fail(w, ELO_EDENIED, "the content is another agent's");
        return;
    }
    w->expect = current;
    if (!w->is_remove && !make_node(w, created_at)) {
        return;
    }
    if (!is_in_scope(w)) {
        fail(w, ELO_ESCOPE, NULL);
        return;
    }
    if ((rc = may_become(w, &why)) != ELO_OK) {
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
    elo_buf_init(&w->text, ELO_CONTENT_JSON_MAX);
    elo_buf_init(&w->json, ELO_CONTENT_TEXT_MAX);
    if (c->route.id.len != 0) {
        memcpy(w->id, c->route.id.p, c->route.id.len);
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
        w->is_remove = true;
        attempt(w);
    }
}
