/* SPDX-License-Identifier: BSD-2-Clause */
/* api: which handler answers a request. */
#include "backend/api/api_internal.h"

#include <stdlib.h>

#include "common/base/enc.h"
#include "common/base/num.h"
#include "common/manifest/model.h"

#define PATH_MAX_LEN   1024 /* the longest that can mean something is 320 */
#define INTERNAL       "/internal/v1/"
#define INTERNAL_PARTS 5
#define ALLOW_MAX      64

typedef void (*call_fn)(elo_call_t *c);

/* Resources of the Doorway's questions, beside those of route.h. */
enum { KIND_GRANT = 1000, KIND_MEDIA, KIND_RECIPE };

static const struct {
    int kind;
    const char *method;
    call_fn fn; /* HEAD is answered by GET's */
} table[] = {
    { ELO_ROUTE_BLOB, "GET", elo_call_blob_get },
    { ELO_ROUTE_BLOB, "PUT", elo_call_blob_put },
    { ELO_ROUTE_BLOB, "DELETE", elo_call_blob_delete },
    { ELO_ROUTE_BLOB_NEW, "GET", elo_call_blob_list },
    { ELO_ROUTE_BLOB_NEW, "POST", elo_call_blob_put },
    { ELO_ROUTE_BLOB_NEW, "PUT", elo_call_blob_put },
    { ELO_ROUTE_BLOB_STATUS, "GET", elo_call_blob_status },
    { ELO_ROUTE_MANIFEST, "GET", elo_call_manifest },
    { ELO_ROUTE_CONTENT_LIST, "GET", elo_call_content_list },
    { ELO_ROUTE_CONTENT_LIST, "POST", elo_call_content_post },
    { ELO_ROUTE_CONTENT, "GET", elo_call_content_get },
    { ELO_ROUTE_CONTENT, "PUT", elo_call_content_put },
    { ELO_ROUTE_CONTENT, "DELETE", elo_call_content_delete },
    { ELO_ROUTE_HEALTH, "GET", elo_call_health },
    { ELO_ROUTE_VERSION, "GET", elo_call_version },
    { KIND_GRANT, "GET", elo_call_grant },
    { KIND_MEDIA, "GET", elo_call_media },
    { KIND_RECIPE, "GET", elo_call_recipe },
};


bool
elo_call_may_read(const elo_call_t *c, elo_reach_t reach)
{
    return !c->is_anonymous
           || elo_reach_may_read(reach, ELO_CALLER_ANONYMOUS,
                                 ELO_REACH_COMMONS);
}


/* ---- the Doorway's questions ---- */

static size_t
split(elo_slice_t s, elo_slice_t part[INTERNAL_PARTS])
{
    size_t n = 0;
    size_t start = 0;

    for (size_t i = 0; i <= s.len; i++) {
        if (i < s.len && s.p[i] != '/') {
            continue;
        }
        if (n == INTERNAL_PARTS) {
            return 0;
        }
        part[n++] = elo_slice(s.p + start, i - start);
        start = i + 1;
    }
    return n;
}


/* {id}/{version}/{track}/{n | init} */
static int
recipe_kind(const elo_slice_t *part, elo_route_t *r)
{
    uint64_t n = 0;

    if (!elo_content_id_ok(part[0]) || !elo_media_version_ok(part[1])
        || !elo_media_track_id_ok(part[2]))
    {
        return ELO_ROUTE_UNKNOWN;
    }
    if (!elo_slice_eq(part[3], ELO_SLICE("init"))
        && (!elo_slice_u64(part[3], &n) || n == 0
            || n > ELO_MEDIA_MAX_SEGMENTS))
    {
        return ELO_ROUTE_UNKNOWN;
    }
    r->id = part[0];
    r->version = part[1];
    r->track = part[2];
    r->number = (uint32_t) n;
    return KIND_RECIPE;
}


static int
internal_kind(elo_slice_t path, elo_route_t *r)
{
    elo_slice_t part[INTERNAL_PARTS];
    size_t n;

    *r = (elo_route_t){ .kind = ELO_ROUTE_UNKNOWN };
    path = elo_slice(path.p + sizeof(INTERNAL) - 1,
                     path.len - (sizeof(INTERNAL) - 1));
    n = split(path, part);
    if (n == 2 && elo_slice_eq(part[0], ELO_SLICE("grant"))) {
        r->id = part[1];
        return KIND_GRANT;
    }
    if (n == 2 && elo_slice_eq(part[0], ELO_SLICE("media"))) {
        r->id = part[1];
        return KIND_MEDIA;
    }
    if (n == 5 && elo_slice_eq(part[0], ELO_SLICE("recipe"))) {
        return recipe_kind(part + 1, r);
    }
    return ELO_ROUTE_UNKNOWN;
}


/* ---- dispatch ---- */

static void
reply_methods(elo_http_req_t *req, int kind, bool is_options)
{
    elo_buf_t allow;
    char mem[ALLOW_MAX];

    elo_buf_init_fixed(&allow, mem, sizeof(mem));
    for (size_t i = 0; i < ELO_COUNT(table); i++) {
        if (table[i].kind == kind) {
            elo_buf_put_str(&allow, table[i].method);
            elo_buf_put_str(&allow, ", ");
            if (strcmp(table[i].method, "GET") == 0) {
                elo_buf_put_str(&allow, "HEAD, ");
            }
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


static bool
is_known(int kind)
{
    for (size_t i = 0; i < ELO_COUNT(table); i++) {
        if (table[i].kind == kind) {
            return true;
        }
    }
    return false;
}


static void
dispatch(elo_call_t *c, int kind, elo_slice_t method)
{
    elo_slice_t wanted = c->is_head ? ELO_SLICE("GET") : method;

    if (!is_known(kind)) {
        elo_reply_err(c->req, ELO_ENOTFOUND, "no such resource");
        return;
    }
    for (size_t i = 0; i < ELO_COUNT(table); i++) {
        if (table[i].kind != kind
            || !elo_slice_eq(wanted, elo_slice_str(table[i].method)))
        {
            continue;
        }
        if (c->is_anonymous && strcmp(table[i].method, "GET") != 0) {
            elo_reply_err(c->req, ELO_EWRITES, "this caller may not write");
            return;
        }
        table[i].fn(c);
        return;
    }
    reply_methods(c->req, kind, elo_slice_eq(method, ELO_SLICE("OPTIONS")));
}


static bool
is_anonymous(const elo_http_req_t *req)
{
    elo_slice_t caller = elo_http_req_header(req, "X-Elohim-Caller");

    return caller.p != NULL
           && !elo_slice_eq(elo_slice_trim(caller), ELO_SLICE("operator"));
}


static void
on_request(elo_http_handler_t *self, elo_http_req_t *req)
{
    elo_slice_t method = elo_http_req_method(req);
    elo_slice_t raw = elo_http_req_path(req);
    elo_call_t c = { .api = (elo_api_t *) self, .req = req };
    uint8_t mem[PATH_MAX_LEN];
    elo_slice_t path;
    size_t len;
    int kind;

    if (raw.len > sizeof(mem)) {
        elo_reply_err(req, ELO_ENOTFOUND, "no such resource");
        return;
    }
    if (elo_percent_decode(raw, mem, &len) != ELO_OK) {
        elo_reply_err(req, ELO_EINVAL, "the path has a malformed escape");
        return;
    }
    path = elo_slice(mem, len);
    c.is_head = elo_slice_eq(method, ELO_SLICE("HEAD"));
    c.is_anonymous = is_anonymous(req);
    if (elo_slice_has_prefix(path, ELO_SLICE(INTERNAL))) {
        kind = internal_kind(path, &c.route);
    } else {
        elo_route_parse(path, &c.route);
        kind = (int) c.route.kind;
    }
    dispatch(&c, kind, method);
}


/* ---- lifetime ---- */

elo_err_t
elo_api_create(const elo_api_cfg_t *cfg, elo_api_t **out)
{
    elo_api_t *a = calloc(1, sizeof(*a));
    elo_err_t rc;

    if (a == NULL) {
        return ELO_ENOMEM;
    }
    a->handler.on_request = on_request;
    a->cfg = *cfg;
    rc = elo_media_jobs_create(cfg, &a->jobs);
    if (rc != ELO_OK) {
        free(a);
        return rc;
    }
    *out = a;
    return ELO_OK;
}


elo_http_handler_t *
elo_api_handler(elo_api_t *a)
{
    return &a->handler;
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
    elo_media_jobs_free(&(*a)->jobs);
    free(*a);
    *a = NULL;
}
