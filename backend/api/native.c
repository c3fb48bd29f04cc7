/* SPDX-License-Identifier: BSD-2-Clause */
/* native: see the header. A request goes through guard, preflight, credential,
   bounds of the credential, and then the table that all others go through. */
#include "backend/api/native.h"

#include <stdlib.h>

#include "backend/api/bearer.h"
#include "backend/api/calls.h"
#include "backend/api/who.h"
#include "backend/os/clock.h"
#include "common/base/num.h"

#define HOST_MAX    48u
#define ORIGINS_MAX 1024u
#define HTTP_PORT   80u
#define PORT_MAX    65535u

#define EXPOSE                                                                 \
    "Access-Control-Expose-Headers: Accept-Ranges, Content-Length, "           \
    "Content-Range, ETag, Last-Modified, Location, Preference-Applied, "       \
    "Repr-Digest, Retry-After, Tus-Checksum-Algorithm, Tus-Extension, "        \
    "Tus-Max-Size, Tus-Resumable, Tus-Version, Upload-Defer-Length, "          \
    "Upload-Expires, Upload-Length, Upload-Metadata, Upload-Offset, X-Cache, " \
    "X-Reach\r\n"

#define PREFLIGHT                                                              \
    "Access-Control-Allow-Methods: GET, HEAD, PUT, POST, PATCH, DELETE, "      \
    "OPTIONS\r\n"                                                              \
    "Access-Control-Allow-Headers: Accept, Authorization, Content-Type, "      \
    "If-Match, If-Modified-Since, If-None-Match, If-Range, "                   \
    "If-Unmodified-Since, Last-Event-ID, Prefer, Range, Repr-Digest, "         \
    "Tus-Resumable, Upload-Checksum, Upload-Defer-Length, Upload-Length, "     \
    "Upload-Metadata, Upload-Offset, X-Agent-Id, X-Elohim-Invited, "           \
    "X-Elohim-Reach, X-HTTP-Method-Override, X-Reach, X-Requested-With, "      \
    "X-Schema-Version\r\n"                                                     \
    "Access-Control-Max-Age: 600\r\n"

struct elo_native_s {
    elo_http_handler_t handler; /* first: the server calls with its address */
    elo_api_t *api;
    elo_bearers_t *bearers;
    uint16_t port;
    char host[HOST_MAX];
    char origins[ORIGINS_MAX];
};

static const char *const names[] = { "127.0.0.1", "localhost", "[::1]" };


/* ---- whom a browser speaks for ---- */

/* ":8090", or nothing, which is fallback. */
static bool
take_port(elo_slice_t s, uint64_t fallback, uint64_t *out)
{
    if (s.len == 0) {
        *out = fallback;
        return true;
    }
    return s.p[0] == ':' && elo_slice_u64(elo_slice(s.p + 1, s.len - 1), out)
           && *out <= PORT_MAX;
}


static bool
has_name(elo_slice_t s, const char *name, elo_slice_t *rest)
{
    elo_slice_t want = elo_slice_str(name);

    if (s.len < want.len || !elo_slice_ieq(elo_slice(s.p, want.len), want)) {
        return false;
    }
    *rest = elo_slice(s.p + want.len, s.len - want.len);
    return true;
}


bool
elo_native_host_ok(elo_slice_t host, const char *own, uint16_t port)
{
    elo_slice_t rest;
    uint64_t at;

    for (size_t i = 0; i <= ELO_COUNT(names); i++) {
        const char *name = i < ELO_COUNT(names) ? names[i] : own;

        if (has_name(host, name, &rest) && take_port(rest, HTTP_PORT, &at)
            && at == port)
        {
            return true;
        }
    }
    return false;
}


static bool
is_listed(elo_slice_t origin, elo_slice_t list)
{
    size_t start = 0;

    for (size_t i = 0; i <= list.len; i++) {
        if (i < list.len && list.p[i] != ',') {
            continue;
        }
        if (elo_slice_eq(elo_slice_trim(elo_slice(list.p + start, i - start)),
                         origin)) {
            return true;
        }
        start = i + 1;
    }
    return false;
}


bool
elo_native_origin_ok(elo_slice_t origin, elo_slice_t list)
{
    elo_slice_t host, rest;
    uint64_t unused;

    if (origin.len == 0) {
        return false;
    }
    if (!has_name(origin, "http://", &host)
        && !has_name(origin, "https://", &host)) {
        return is_listed(origin, list);
    }
    for (size_t i = 0; i < ELO_COUNT(names); i++) {
        if (has_name(host, names[i], &rest) && take_port(rest, 0, &unused)) {
            return true;
        }
    }
    return is_listed(origin, list);
}


typedef enum { SITE_NONE, SITE_OWN, SITE_FOREIGN } site_t;

static site_t
site_of(const elo_native_t *n, const elo_http_req_t *req)
{
    elo_slice_t origin = elo_http_req_header(req, "Origin");
    elo_slice_t site = elo_http_req_header(req, "Sec-Fetch-Site");

    if (origin.p == NULL) {
        return site.p != NULL
                       && elo_slice_ieq(elo_slice_trim(site),
                                        ELO_SLICE("cross-site"))
                       && !elo_api_is_read(elo_http_req_method(req))
                   ? SITE_FOREIGN
                   : SITE_NONE;
    }
    return elo_http_req_count(req, "Origin") == 1
                   && elo_native_origin_ok(elo_slice_trim(origin),
                                           elo_slice_str(n->origins))
               ? SITE_OWN
               : SITE_FOREIGN;
}


/* Of any answer: what is shown as a page of its own runs no script. A page that shows pictures names no Origin: it may, of what
   everyone may read. */
static void
put_fields(elo_http_req_t *req, site_t site)
{
    elo_http_res_standing(req, ELO_SLICE("Vary: Origin\r\n"
                                         "Referrer-Policy: no-referrer\r\n"
                                         "Content-Security-Policy: "
                                         "sandbox\r\n"));
    if (site == SITE_FOREIGN) {
        elo_http_res_standing(
            req, ELO_SLICE("Cross-Origin-Resource-Policy: same-origin\r\n"));
        return;
    }
    elo_http_res_standing(
        req, ELO_SLICE("Cross-Origin-Resource-Policy: cross-origin\r\n"));
    if (site == SITE_OWN) {
        elo_http_res_standing(req, ELO_SLICE("Access-Control-Allow-Origin: "));
        elo_http_res_standing(
            req, elo_slice_trim(elo_http_req_header(req, "Origin")));
        elo_http_res_standing(req, ELO_SLICE("\r\n" EXPOSE));
    }
}


/* False when it is answered. */
static bool
guard(const elo_native_t *n, elo_http_req_t *req)
{
    elo_slice_t host = elo_http_req_header(req, "Host");
    elo_slice_t method = elo_http_req_method(req);
    site_t site = site_of(n, req);

    put_fields(req, site);
    if (!elo_native_host_ok(elo_slice_trim(host), n->host, n->port)) {
        elo_reply_err(req, ELO_EFOREIGN,
                      "the Host of the request is not this listener's");
        return false;
    }
    if (!elo_slice_eq(method, ELO_SLICE("OPTIONS"))) {
        if (site == SITE_FOREIGN && !elo_api_is_read(method)) {
            elo_reply_err(req, ELO_EFOREIGN, NULL);
            return false;
        }
        return true;
    }
    if (site != SITE_OWN
        || elo_http_req_header(req, "Access-Control-Request-Method").p == NULL)
    {
        return true;
    }
    elo_http_res_lines(req, ELO_SLICE(PREFLIGHT));
    elo_reply_empty(req, 204);
    return false;
}


/* ---- who asks ---- */

static void
refuse(elo_http_req_t *req, elo_err_t err)
{
    if (err == ELO_ETOKEN || err == ELO_EEXPIRED) {
        elo_http_res_header(req, "WWW-Authenticate",
                            ELO_SLICE("Bearer error=\"invalid_token\""));
    }
    elo_reply_err(req, err, NULL);
}


/* One of a human without a key is nobody's: it reads what everyone may. */
static bool
is_nobody(const elo_agent_t *a)
{
    for (size_t i = 0; i < sizeof(a->b); i++) {
        if (a->b[i] != 0xff) {
            return false;
        }
    }
    return true;
}


static void
take_session(elo_call_t *c, const elo_ctl_session_t *s)
{
    c->ceiling = s->ceiling;
    c->scopes = s->scopes;
    if (is_nobody(&s->agent) || elo_agent_is_zero(&s->agent)) {
        c->scopes &= ELO_SCOPE_READ;
        return;
    }
    c->key = s->agent;
    c->agent = *elo_who_in_store(c->api, &c->key);
    c->has_agent = true;
    c->facts = s->facts & ELO_FACTS_BEARER;
}


/* Is the credential for this request at all? As the Doorway has it. */
static bool
is_covered(const elo_call_t *c, const elo_ctl_session_t *s, elo_slice_t path)
{
    elo_claims_t claims = { .prefix = elo_slice_str(s->prefix),
                            .content = elo_slice_str(s->content) };
    bool is_content = !c->route.has_digest && c->route.kind != ELO_ROUTE_UPLOAD;

    return elo_claims_cover(&claims, path,
                            is_content ? c->route.id : elo_slice(NULL, 0));
}


/* Of what says the same to everyone, or lets one in: whatever is shown there, is
   none of our business. */
static bool
is_blind(elo_route_kind_t kind)
{
    switch (kind) {
    case ELO_ROUTE_AUTH_CHALLENGE:
    case ELO_ROUTE_AUTH_TOKEN:
    case ELO_ROUTE_AUTH_LOGOUT:
    case ELO_ROUTE_AUTH_KEYS:
    case ELO_ROUTE_HEALTH:
    case ELO_ROUTE_VERSION:
    case ELO_ROUTE_READY:
    case ELO_ROUTE_STATUS:
    case ELO_ROUTE_P2P_STATUS:
    case ELO_ROUTE_DID:
    case ELO_ROUTE_VERIFY:
        return true;
    default:
        return false;
    }
}


/* False when it is answered. */
static bool
admit(elo_native_t *n, elo_call_t *c, const elo_bearer_t *b)
{
    elo_ctl_session_t s;
    elo_err_t rc = ELO_ETOKEN;

    if (b->from == ELO_BEARER_NONE || is_blind(c->route.kind)) {
        return true;
    }
    if (c->api->ctl != NULL) {
        rc = elo_bearers_judge(
            n->bearers, c->api->ctl, elo_store_gen(c->api->cfg.store), b,
            elo_http_req_peer(c->req), elo_clock_unix_s(), &s);
    }
    if (rc == ELO_OK && !is_covered(c, &s, b->path)) {
        rc = ELO_ESCOPE;
    }
    if (rc != ELO_OK) {
        refuse(c->req, rc);
        return false;
    }
    take_session(c, &s);
    return true;
}


/* A list of all blobs is not for everyone. */
static bool
is_operators(const elo_call_t *c)
{
    elo_slice_t method = elo_http_req_method(c->req);

    return c->route.kind == ELO_ROUTE_BLOB_NEW && elo_api_is_read(method)
           && !elo_slice_eq(method, ELO_SLICE("OPTIONS"));
}


/* Whom the request's own fields say, and no header of the Doorway's. */
static void
serve(elo_native_t *n, elo_http_req_t *req, bool is_recorded)
{
    elo_call_t c = { .api = n->api,
                     .req = req,
                     .is_guest = true,
                     .is_native = true,
                     .is_recorded = is_recorded,
                     .scopes = ELO_SCOPE_READ,
                     .ceiling = ELO_REACH_COMMONS };
    uint8_t room[ELO_API_PATH_MAX];
    elo_slice_t path;
    elo_bearer_t b;

    if (!elo_api_take_path(req, room, &path)) {
        return;
    }
    elo_bearer_find(path, elo_http_req_header(req, "Authorization"),
                    elo_http_req_count(req, "Authorization"),
                    elo_http_req_query(req), &b);
    elo_route_parse(b.path, &c.route);
    if (!admit(n, &c, &b)) {
        return;
    }
    elo_call_narrow(&c);
    elo_api_dispatch(&c, is_operators(&c) ? (int) ELO_ROUTE_UNKNOWN
                                          : (int) c.route.kind);
}


void
elo_native_serve_recorded(elo_api_t *a, elo_http_req_t *req)
{
    serve(a->native, req, true);
}


static void
on_request(elo_http_handler_t *self, elo_http_req_t *req)
{
    elo_native_t *n = (elo_native_t *) self;

    if (guard(n, req)) {
        serve(n, req, false);
    }
}


/* ---- lifetime ---- */

elo_err_t
elo_api_make_native(elo_api_t *a, const char *host, uint16_t port,
                    const char *origins, elo_http_handler_t **out)
{
    elo_native_t *n;
    elo_err_t rc;

    if (strlen(host) >= HOST_MAX || strlen(origins) >= ORIGINS_MAX) {
        return ELO_ETOOBIG;
    }
    n = calloc(1, sizeof(*n));
    if (n == NULL) {
        return ELO_ENOMEM;
    }
    if ((rc = elo_bearers_create(&n->bearers)) != ELO_OK) {
        free(n);
        return rc;
    }
    n->handler.on_request = on_request;
    n->api = a;
    n->port = port;
    memcpy(n->host, host, strlen(host) + 1);
    memcpy(n->origins, origins, strlen(origins) + 1);
    a->native = n;
    *out = &n->handler;
    return ELO_OK;
}


void
elo_native_free(elo_native_t **n)
{
    if (*n == NULL) {
        return;
    }
    elo_bearers_free(&(*n)->bearers);
    free(*n);
    *n = NULL;
}
