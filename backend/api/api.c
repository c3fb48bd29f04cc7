/* SPDX-License-Identifier: BSD-2-Clause */
/* api: which handler answers a request. */
#include "backend/api/calls.h"

#include <stdlib.h>

#include "backend/api/audit.h"
#include "backend/api/fallback_call.h"
#include "backend/api/list_page.h"
#include "backend/api/lookup.h"
#include "backend/api/native.h"
#include "backend/api/purge.h"
#include "backend/api/put_small.h"
#include "backend/api/who.h"
#include "backend/edge/warm.h"
#include "backend/os/clock.h"
#include "common/auth/gate.h"
#include "common/base/enc.h"
#include "common/base/num.h"

#define ALLOW_MAX 64
#define WATCHERS  1024
#define TICK_MS   500

typedef void (*call_fn)(elo_call_t *c);

typedef enum {
    METHOD_GET,
    METHOD_HEAD,
    METHOD_PUT,
    METHOD_POST,
    METHOD_PATCH,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_COUNT /* and any other */
} method_t;

static const char *const method_names[METHOD_COUNT] = {
    "GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS",
};

/* What answers each method of a resource. Without a HEAD of its own, GET's
   answers that too. */
typedef struct {
    int kind;
    bool is_own; /* not for those who come through the Doorway unadmitted */
    call_fn fn[METHOD_COUNT];
} resource_t;

#define ON(method, call) [METHOD_##method] = elo_call_##call

static const resource_t table[] = {
    { ELO_ROUTE_BLOB,
      false,
      { ON(GET, blob_get), ON(PUT, blob_put), ON(DELETE, blob_delete) } },
    { ELO_ROUTE_BLOB_NEW,
      false,
      { ON(GET, blob_list), ON(POST, blob_put), ON(PUT, blob_put) } },
    { ELO_ROUTE_BLOB_STATUS, false, { ON(GET, blob_status) } },
    { ELO_ROUTE_BLOB_TREE, false, { ON(GET, blob_tree) } },
    { ELO_ROUTE_CHUNK, false, { ON(GET, chunk) } },
    { ELO_ROUTE_MANIFEST, false, { ON(GET, manifest) } },
    { ELO_ROUTE_UPLOAD_NEW,
      false,
      { ON(POST, tus_create), ON(OPTIONS, tus_options) } },
    { ELO_ROUTE_UPLOAD,
      false,
      { ON(HEAD, tus_head), ON(PATCH, tus_patch), ON(DELETE, tus_delete),
        ON(OPTIONS, tus_options) } },
    { ELO_ROUTE_CONTENT_LIST,
      false,
      { ON(GET, content_list), ON(POST, content_post) } },
    { ELO_ROUTE_CONTENT,
      false,
      { ON(GET, content_get), ON(PUT, content_put),
        ON(DELETE, content_delete) } },
    { ELO_ROUTE_CONTENT_LIFECYCLE, false, { ON(POST, content_lifecycle) } },
    { ELO_ROUTE_CONTENT_REACH, false, { ON(POST, content_reach) } },
    { ELO_ROUTE_CONTENT_INVITE, false, { ON(POST, content_invite) } },
    { ELO_ROUTE_SCHEMA, false, { ON(GET, schema) } },
    { ELO_ROUTE_IMPORT, false, { ON(POST, import) } },
    { ELO_ROUTE_HEALTH, false, { ON(GET, health) } },
    { ELO_ROUTE_VERSION, false, { ON(GET, version) } },
    { ELO_ROUTE_SHARD, false, { ON(GET, blob_get), ON(PUT, blob_put) } },
    { ELO_ROUTE_VERIFY, false, { ON(POST, verify) } },
    { ELO_ROUTE_CUSTODIANS, false, { ON(GET, custodians) } },
    { ELO_ROUTE_CACHE_LIST, false, { ON(GET, cache_list) } },
    { ELO_ROUTE_CACHE, false, { ON(GET, cache) } },
    { ELO_ROUTE_ZOME, false, { ON(GET, zome) } },
    { ELO_ROUTE_READY, false, { ON(GET, ready) } },
    { ELO_ROUTE_STATUS, false, { ON(GET, status) } },
    { ELO_ROUTE_P2P_STATUS, false, { ON(GET, p2p_status) } },
    { ELO_ROUTE_ME, false, { ON(GET, me) } },
    { ELO_ROUTE_DID, false, { ON(GET, did) } },
    { ELO_ROUTE_HANDOFF,
      false,
      { ON(GET, handoff_get), ON(POST, handoff_post),
        ON(DELETE, handoff_delete) } },
    { ELO_ROUTE_CACHE_PURGE, false, { ON(POST, cache_purge) } },
    { ELO_ROUTE_CACHE_WARM,
      false,
      { ON(GET, warm_get), ON(POST, warm_post), ON(DELETE, warm_delete) } },
    { ELO_OWN_WARM, true, { ON(GET, warm_next) } },
    { ELO_OWN_GRANT, false, { ON(GET, grant) } },
    { ELO_OWN_MEDIA, false, { ON(GET, media) } },
    { ELO_OWN_RECIPE, false, { ON(GET, recipe) } },
    { ELO_OWN_FEED, true, { ON(GET, feed) } },
    { ELO_OWN_DOCUMENT, true, { ON(GET, document) } },
    { ELO_OWN_KEYS, true, { ON(GET, keys) } },
    { ELO_OWN_SESSION, true, { ON(GET, session) } },
    { ELO_OWN_URL, true, { ON(GET, url_session) } },
    { ELO_OWN_ACCESS, true, { ON(GET, access) } },
    { ELO_ROUTE_AUTH_CHALLENGE, false, { ON(POST, auth_challenge) } },
    { ELO_ROUTE_AUTH_TOKEN, false, { ON(POST, auth_token) } },
    { ELO_ROUTE_AUTH_SESSION, false, { ON(GET, auth_session) } },
    { ELO_ROUTE_AUTH_LOGOUT, false, { ON(POST, auth_logout) } },
    { ELO_ROUTE_AUTH_KEYS,
      false,
      { ON(GET, auth_keys), ON(POST, auth_rotate) } },
    { ELO_OWN_PIN, true, { ON(PUT, blob_pin), ON(DELETE, blob_unpin) } },
    { ELO_OWN_REPORT, true, { ON(GET, media_report) } },
    { ELO_OWN_QUEUE, true, { ON(GET, queue) } },
    { ELO_OWN_TASK, true, { ON(GET, task) } },
    { ELO_OWN_TASK_RETRY, true, { ON(POST, task_retry) } },
    { ELO_OWN_TASK_DROP, true, { ON(POST, task_drop) } },
    { ELO_OWN_AGENTS, true, { ON(GET, agents), ON(POST, agent_admit) } },
    { ELO_ROUTE_RECORDS, false, { ON(GET, records), ON(POST, record_post) } },
    { ELO_ROUTE_RECORD_HEAD, false, { ON(GET, record_head) } },
    { ELO_OWN_QUOTA, true, { ON(PUT, quota) } },
    { ELO_OWN_CARE, true, { ON(GET, care) } },
    { ELO_OWN_CARE_JOB, true, { ON(GET, care_job), ON(POST, care_ask) } },
    { ELO_OWN_BACKUP, true, { ON(POST, backup) } },
    { ELO_ROUTE_AUDIT, false, { ON(GET, audit) } },
    { ELO_ROUTE_EXPLAIN, false, { ON(GET, explain) } },
    { ELO_OWN_AUDIT_VERIFY, true, { ON(GET, audit_verify) } },
    { ELO_OWN_FALLBACK, true, { ON(GET, fallback), ON(POST, fallback_ask) } },
};


bool
elo_call_may_read(const elo_call_t *c, elo_reach_t reach)
{
    return elo_call_may(
        c, ELO_OP_READ,
        &(elo_who_subject_t){ .reach = reach, .stage = ELO_STAGE_SERVED });
}


/* May he write at all? What is whose is judged where it is known. */
static bool
may_write(const elo_call_t *c)
{
    return elo_call_may(c, ELO_OP_UPLOAD,
                        &(elo_who_subject_t){ .reach = ELO_REACH_PRIVATE,
                                              .stage = ELO_STAGE_DRAFT });
}


const elo_agent_t *
elo_call_reader(const elo_call_t *c)
{
    return c->has_agent ? &c->agent : NULL;
}


/* ---- dispatch ---- */

static method_t
method_of(elo_slice_t name)
{
    for (int m = 0; m < METHOD_COUNT; m++) {
        if (elo_slice_eq(name, elo_slice_str(method_names[m]))) {
            return (method_t) m;
        }
    }
    return METHOD_COUNT;
}


static const resource_t *
find_resource(int kind)
{
    for (size_t i = 0; i < ELO_COUNT(table); i++) {
        if (table[i].kind == kind) {
            return &table[i];
        }
    }
    return NULL;
}


static void
put_allow(elo_buf_t *allow, const char *name)
{
    elo_buf_put_str(allow, name);
    elo_buf_put_str(allow, ", ");
}


static void
reply_methods(elo_http_req_t *req, const resource_t *r, bool is_options)
{
    elo_buf_t allow;
    char mem[ALLOW_MAX];

    elo_buf_init_fixed(&allow, mem, sizeof(mem));
    for (int m = 0; m < METHOD_OPTIONS; m++) {
        if (r->fn[m] != NULL || (m == METHOD_HEAD && r->fn[METHOD_GET] != NULL))
        {
            put_allow(&allow, method_names[m]);
        }
    }
    elo_buf_put_str(&allow, "OPTIONS");
    elo_http_res_header(req, "Allow", elo_buf_slice(&allow));
    if (is_options) {
        elo_reply_empty(req, 204);
    } else {
        elo_reply_err(req, ELO_EMETHOD, NULL);
    }
}


/* tus: for clients that have but GET and POST. No other method is overridden: what
   is allowed without a second thought, by a page of another site, stays that. */
static method_t
override(const elo_call_t *c, method_t method)
{
    elo_slice_t name;

    if (method != METHOD_POST
        || (c->route.kind != ELO_ROUTE_UPLOAD
            && c->route.kind != ELO_ROUTE_UPLOAD_NEW))
    {
        return method;
    }
    name = elo_http_req_header(c->req, "X-HTTP-Method-Override");
    return name.p == NULL ? method : method_of(elo_slice_trim(name));
}


static bool
is_read(method_t m)
{
    return m == METHOD_GET || m == METHOD_HEAD || m == METHOD_OPTIONS;
}


/* By these one becomes somebody, sees who one is, and is nobody again: login for all,
   records for who has proved his key. */
static bool
is_login(int kind)
{
    return kind == ELO_ROUTE_AUTH_CHALLENGE || kind == ELO_ROUTE_AUTH_TOKEN
           || kind == ELO_ROUTE_AUTH_SESSION || kind == ELO_ROUTE_AUTH_LOGOUT;
}


/* These have their own rule, or keep nothing. */
static bool
is_for_all(int kind)
{
    return is_login(kind) || kind == ELO_ROUTE_VERIFY
           || kind == ELO_ROUTE_HANDOFF || kind == ELO_ROUTE_CACHE_PURGE
           || kind == ELO_ROUTE_CACHE_WARM;
}


static bool
may_call(const elo_call_t *c, int kind)
{
    return is_for_all(kind)
           || (kind == ELO_ROUTE_RECORDS && (c->facts & ELO_FACT_PROVED) != 0)
           || may_write(c);
}


/* Those that need the control plane, where there is none. */
static bool
is_missing(const elo_call_t *c, int kind)
{
    return c->api->ctl == NULL
           && (is_login(kind) || kind == ELO_ROUTE_AUTH_KEYS
               || kind == ELO_ROUTE_RECORDS || kind == ELO_ROUTE_RECORD_HEAD
               || kind == ELO_ROUTE_ME || kind == ELO_ROUTE_DID
               || kind == ELO_OWN_KEYS || kind == ELO_OWN_SESSION
               || kind == ELO_OWN_URL || kind == ELO_OWN_ACCESS
               || kind == ELO_ROUTE_AUDIT || kind == ELO_ROUTE_EXPLAIN
               || kind == ELO_OWN_AUDIT_VERIFY);
}


bool
elo_api_is_read(elo_slice_t method)
{
    return is_read(method_of(method));
}


void
elo_api_dispatch(elo_call_t *c, int kind)
{
    method_t method = method_of(elo_http_req_method(c->req));
    const resource_t *r = find_resource(kind);
    call_fn fn;

    c->is_head = method == METHOD_HEAD;

    if (r == NULL || (r->is_own && c->is_guest) || is_missing(c, kind)
        || (kind == ELO_ROUTE_HANDOFF && !c->is_native))
    {
        elo_reply_err(c->req, ELO_ENOTFOUND, "no such resource");
        return;
    }
    method = override(c, method);
    fn = method < METHOD_COUNT ? r->fn[method] : NULL;
    if (fn == NULL && method == METHOD_HEAD) {
        fn = r->fn[METHOD_GET];
    }
    if (fn == NULL) {
        reply_methods(c->req, r, method == METHOD_OPTIONS);
        return;
    }
    if (!is_read(method) && !may_call(c, kind)) {
        elo_call_refused(c, ELO_OP_UPLOAD, elo_slice(NULL, 0),
                         &(elo_who_subject_t){ .reach = ELO_REACH_PRIVATE });
        elo_reply_err(c->req, ELO_EWRITES, "this caller may not write");
        return;
    }
    if ((method == METHOD_GET || method == METHOD_HEAD)
        && elo_call_hold(c, kind)) {
        return;
    }
    fn(c);
}


static bool
read_agent(elo_call_t *c)
{
    elo_slice_t agent = elo_http_req_header(c->req, ELO_HEADER_AGENT);

    if (agent.p == NULL) {
        return true;
    }
    if (elo_agent_parse(elo_slice_trim(agent), &c->agent) != ELO_OK) {
        elo_reply_err(c->req, ELO_EINVAL,
                      ELO_HEADER_AGENT " is an agent's 64 hex digits");
        return false;
    }
    c->has_agent = true;
    return true;
}


/* A field of bits. */
static bool
read_bits(const elo_call_t *c, const char *name, uint32_t all, uint32_t *out)
{
    elo_slice_t text = elo_http_req_header(c->req, name);
    uint64_t bits = 0;

    if (!elo_slice_u64(elo_slice_trim(text), &bits) || (bits & ~all) != 0) {
        return false;
    }
    *out = (uint32_t) bits;
    return true;
}


/* An agent, as the Doorway knows him by his token; without a control plane he is
   nobody. What he is, is looked up anew: of that, the facts that his token leaves. */
static bool
read_bearer(elo_call_t *c)
{
    elo_slice_t ceiling = elo_http_req_header(c->req, ELO_HEADER_CEILING);

    if (!read_agent(c)) {
        return false;
    }
    if (!c->has_agent
        || !read_bits(c, ELO_HEADER_FACTS, ELO_FACTS_BEARER, &c->facts)
        || !read_bits(c, ELO_HEADER_SCOPES, ELO_SCOPES_ALL, &c->scopes)
        || !elo_reach_parse(elo_slice_trim(ceiling), &c->ceiling))
    {
        elo_reply_err(c->req, ELO_EINVAL,
                      "an agent has " ELO_HEADER_AGENT ", " ELO_HEADER_FACTS
                      ", " ELO_HEADER_SCOPES " and " ELO_HEADER_CEILING);
        return false;
    }
    if (c->api->ctl == NULL) {
        c->has_agent = false;
        c->facts = 0;
        return true;
    }
    c->key = c->agent;
    c->agent = *elo_who_in_store(c->api, &c->key);
    c->is_told = elo_http_req_header(c->req, ELO_HEADER_TOLD).p != NULL;
    c->facts &= elo_ctl_facts_of(elo_ctl_state(c->api->ctl), &c->key,
                                 elo_clock_unix_s());
    return true;
}


/* False when the caller's fields are malformed, and that is answered. */
static bool
read_caller(elo_call_t *c)
{
    elo_slice_t caller = elo_http_req_header(c->req, ELO_HEADER_CALLER);

    if (caller.p == NULL
        || elo_slice_eq(elo_slice_trim(caller), ELO_SLICE("operator")))
    {
        c->facts = ELO_FACT_OPERATOR;
        c->scopes = ELO_SCOPES_ALL;
        c->ceiling = ELO_REACH_COMMONS;
        return read_agent(c);
    }
    c->is_guest = true;
    c->scopes = ELO_SCOPE_READ;
    c->ceiling = ELO_REACH_COMMONS;
    return !elo_slice_eq(elo_slice_trim(caller), ELO_SLICE("agent"))
           || read_bearer(c);
}


bool
elo_api_take_path(elo_http_req_t *req, uint8_t room[ELO_API_PATH_MAX],
                  elo_slice_t *out)
{
    elo_slice_t raw = elo_http_req_path(req);
    size_t len;

    if (raw.len > ELO_API_PATH_MAX) {
        elo_reply_err(req, ELO_ENOTFOUND, "no such resource");
        return false;
    }
    if (memchr(raw.p, '%', raw.len) == NULL) {
        *out = raw;
        return true;
    }
    if (elo_percent_decode(raw, room, &len) != ELO_OK) {
        elo_reply_err(req, ELO_EINVAL, "the path has a malformed escape");
        return false;
    }
    *out = elo_slice(room, len);
    return true;
}


void
elo_api_serve(elo_api_t *a, elo_http_req_t *req, bool is_recorded)
{
    elo_call_t c = { .api = a, .req = req, .is_recorded = is_recorded };
    uint8_t room[ELO_API_PATH_MAX];
    elo_slice_t path;
    int kind;

    a->n_calls++;
    if (!elo_api_take_path(req, room, &path) || !read_caller(&c)) {
        return;
    }
    elo_route_parse(path, &c.route);
    kind = (int) c.route.kind;
    if (kind == ELO_ROUTE_UNKNOWN) {
        kind = elo_own_route(path, &c);
    }
    elo_call_narrow(&c);
    if (elo_call_in_bounds(&c, path)) {
        elo_api_dispatch(&c, kind);
    }
}


static void
on_request(elo_http_handler_t *self, elo_http_req_t *req)
{
    elo_api_serve((elo_api_t *) self, req, false);
}


/* ---- lifetime ---- */

static elo_err_t
warm_create(elo_api_t *a)
{
    uint64_t run;

    elo_random(&run, sizeof(run));
    return elo_warm_create(run, &a->warm);
}


elo_err_t
elo_api_create(const elo_api_cfg_t *cfg, elo_api_t **out)
{
    elo_api_t *a = calloc(1, sizeof(*a));
    elo_err_t rc;

    if (a == NULL) {
        return ELO_ENOMEM;
    }
    a->handler.on_request = on_request;
    a->later.fn = elo_small_put_gathered;
    a->cfg = *cfg;
    a->started_at = elo_clock_unix_s();
    rc = elo_watches_create(
        cfg->loop, cfg->max_watchers != 0 ? cfg->max_watchers : WATCHERS,
        TICK_MS, &a->watches);
    if (rc == ELO_OK) {
        rc = elo_lookup_create(cfg->lookup_bytes, elo_store_gen(cfg->store),
                               &a->lookup);
    }
    if (rc == ELO_OK) {
        rc = elo_purge_queue_create(cfg->loop, cfg->store, &a->purges);
    }
    if (rc == ELO_OK) {
        rc = warm_create(a);
    }
    if (rc == ELO_OK) {
        rc = elo_media_jobs_create(cfg, &a->jobs);
    }
    if (rc != ELO_OK) {
        elo_purge_queue_free(&a->purges);
        elo_warm_free(&a->warm);
        elo_lookup_free(&a->lookup);
        elo_watches_free(&a->watches);
        free(a);
        return rc;
    }
    *out = a;
    return ELO_OK;
}


void
elo_api_set_jobs(elo_api_t *a, elo_repl_t *repl, elo_care_t *care)
{
    a->repl = repl;
    a->care = care;
}


elo_err_t
elo_api_set_ctl(elo_api_t *a, elo_ctl_t *ctl, const elo_agent_t *owner)
{
    elo_audit_cfg_t cfg = { .loop = a->cfg.loop,
                            .append = elo_audit_append,
                            .ctx = a->cfg.store };
    elo_err_t rc = elo_audit_create(&cfg, &a->audit);

    if (rc == ELO_OK) {
        a->ctl = ctl;
        a->node_owner = *owner;
    }
    return rc;
}


void
elo_api_set_fallback(elo_api_t *a, elo_fallback_t *f, uint32_t wait_ms)
{
    a->fallback = f;
    a->fallback_wait_ms = wait_ms;
    elo_fallback_watch_roots(a);
}


elo_http_handler_t *
elo_api_handler(elo_api_t *a)
{
    return &a->handler;
}


void
elo_api_on_done(elo_api_t *a, const elo_digest_t *object)
{
    elo_watches_hit(a->watches, object);
}


uint64_t
elo_api_writes(const elo_api_t *a)
{
    return atomic_load_explicit(&a->n_writes, memory_order_relaxed);
}


void
elo_api_drain(elo_api_t *a)
{
    a->is_draining = true;
    elo_watches_end(a->watches);
    elo_backups_end(a);
    elo_purge_queue_drain(a->purges);
    if (a->audit != NULL) {
        elo_audit_drain(a->audit);
    }
}


void
elo_api_stop(elo_api_t *a, void (*done)(void *ctx), void *ctx)
{
    elo_media_jobs_stop(a->jobs, done, ctx);
}


void
elo_api_free(elo_api_t **a)
{
    if (*a == NULL) {
        return;
    }
    elo_loop_flush((*a)->cfg.loop); /* messages on their way here */
    elo_media_jobs_free(&(*a)->jobs);
    elo_small_put_free_all(*a);
    elo_watches_free(&(*a)->watches);
    elo_lookup_free(&(*a)->lookup);
    elo_audit_free(&(*a)->audit);
    elo_list_pages_free(*a);
    elo_purge_queue_free(&(*a)->purges);
    elo_warm_free(&(*a)->warm);
    elo_native_free(&(*a)->native);
    elo_handoffs_free(*a);
    free(*a);
    *a = NULL;
}
