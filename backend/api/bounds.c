/* SPDX-License-Identifier: BSD-2-Clause */
/* bounds: the path prefix and the content that an agent's token or signed URL is good
   for, judged here as the Doorway does (common/auth/token.h): who passes on what he
   shouldn't isn't believed. A prefix is about the path that the client has
   asked for, which may be another name of the same thing ("/store/…" of
   "/api/blob/…"): the Doorway tells it, and it must name this resource. */
#include "backend/api/calls.h"

#include "backend/api/fallback_call.h"
#include "common/auth/path_prefix.h"
#include "common/auth/token.h"
#include "common/base/num.h"

#define REACH_MAX 16u


static bool
is_same_digest(const elo_digest_t *a, const elo_digest_t *b)
{
    return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}


/* Of a blob that is held, or lives elsewhere. */
static bool
means(const elo_call_t *c, elo_slice_t id, const elo_digest_t *d)
{
    elo_want_t want;
    elo_target_t t;
    elo_err_t rc;
    bool is_it;

    rc = elo_target_find(c->api->cfg.store, id, elo_call_reader(c), &t);
    if (rc == ELO_OK) {
        return is_same_digest(&t.stat.digest, d);
    }
    if (rc != ELO_ENOTFOUND || elo_fallback_find(c->api, id, &want) != ELO_OK) {
        return false;
    }
    is_it = is_same_digest(&want.digest, d);
    elo_want_dispose(&want);
    return is_it;
}


static bool
is_same_thing(const elo_call_t *c, const elo_route_t *named)
{
    const elo_route_t *r = &c->route;

    if (named->has_digest != r->has_digest) {
        /* what is sealed is asked for by the hash that its content means */
        return r->has_digest && elo_content_id_ok(named->id)
               && means(c, named->id, &r->digest);
    }
    return r->has_digest ? is_same_digest(&named->digest, &r->digest)
                         : elo_slice_eq(named->id, r->id);
}


static bool
is_same(const elo_call_t *c, const elo_route_t *named)
{
    const elo_route_t *r = &c->route;

    return named->kind != ELO_ROUTE_UNKNOWN && named->kind == r->kind
           && named->number == r->number
           && elo_slice_eq(named->version, r->version)
           && elo_slice_eq(named->track, r->track)
           && elo_slice_eq(named->name, r->name) && is_same_thing(c, named);
}


static bool
covers(const elo_call_t *c, const elo_claims_t *claims, elo_slice_t path)
{
    elo_slice_t named = elo_http_req_header(c->req, ELO_HEADER_PATH);
    elo_route_t route = c->route;
    elo_slice_t id;

    if (named.p != NULL) {
        path = elo_slice_trim(named);
        elo_route_parse(path, &route);
        if (!is_same(c, &route)) {
            return false;
        }
    }
    id = route.id;
    if (route.has_digest || route.kind == ELO_ROUTE_UPLOAD) {
        id.len = 0; /* of no content */
    }
    return elo_claims_cover(claims, path, id);
}


bool
elo_call_in_bounds(const elo_call_t *c, elo_slice_t path)
{
    elo_claims_t claims = {
        .prefix =
            elo_slice_trim(elo_http_req_header(c->req, ELO_HEADER_PREFIX)),
        .content =
            elo_slice_trim(elo_http_req_header(c->req, ELO_HEADER_CONTENT)),
    };

    if (!c->is_guest) {
        return true; /* the operator has no token */
    }
    if ((claims.prefix.len > 0 && !elo_path_prefix_ok(claims.prefix))
        || (claims.content.len > 0 && !elo_content_id_ok(claims.content)))
    {
        elo_reply_err(c->req, ELO_EINVAL,
                      ELO_HEADER_PREFIX " is a path, " ELO_HEADER_CONTENT
                                        " a content's id");
        return false;
    }
    if (!covers(c, &claims, path)) {
        elo_reply_err(c->req, ELO_ESCOPE, NULL);
        return false;
    }
    return true;
}


void
elo_call_narrow(elo_call_t *c)
{
    elo_slice_t query = elo_http_req_query(c->req);
    char room[REACH_MAX];
    elo_slice_t text;
    elo_reach_t reach = ELO_REACH_PRIVATE;

    if (!c->is_guest || query.len == 0
        || !elo_api_is_read(elo_http_req_method(c->req)))
    {
        return;
    }
    if (elo_query_text(query, "reach", room, sizeof(room), &text) == ELO_OK) {
        if (text.p == NULL) {
            return;
        }
        reach = elo_reach_or_private(text);
    }
    c->ceiling = ELO_MIN(c->ceiling, reach);
}
