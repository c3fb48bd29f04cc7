/* SPDX-License-Identifier: BSD-2-Clause */
/* own_route: the resources that only the daemon's own socket has: the Doorway's
   questions, and what an operator looks at. They are left out of the table that
   the Doorway shares (common/http/route.h), so that it can't pass them on. */
#include "backend/api/calls.h"

#include "common/auth/agent_text.h"
#include "common/base/num.h"
#include "common/http/wire_document.h"
#include "common/manifest/model.h"

#define PARTS_MAX 5 /* recipe, id, version, track, number */

typedef int (*match_fn)(const elo_slice_t *part, size_t n, elo_call_t *c);


static size_t
split(elo_slice_t s, elo_slice_t part[PARTS_MAX])
{
    size_t n = 0;
    size_t start = 0;

    for (size_t i = 0; i <= s.len; i++) {
        if (i < s.len && s.p[i] != '/') {
            continue;
        }
        if (n == PARTS_MAX) {
            return 0;
        }
        part[n++] = elo_slice(s.p + start, i - start);
        start = i + 1;
    }
    return n;
}


static bool
is_addr(elo_slice_t s)
{
    elo_digest_t unused;

    /* of a kind that is refused later, with a reason */
    return elo_addr_parse(s, &unused) != ELO_EINVAL;
}


/* {id}/{version}/{track}/{n | init} */
static int
match_recipe(const elo_slice_t *part, elo_call_t *c)
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
    c->route.id = part[0];
    c->route.version = part[1];
    c->route.track = part[2];
    c->route.number = (uint32_t) n;
    return ELO_OWN_RECIPE;
}


/* {addr|id}/{number} */
static int
match_feed(const elo_slice_t *part, elo_call_t *c)
{
    uint64_t n;

    if (!elo_slice_u64(part[1], &n) || n > UINT32_MAX
        || (part[1].len > 1 && part[1].p[0] == '0'))
    {
        return ELO_ROUTE_UNKNOWN;
    }
    c->route.id = part[0];
    c->route.has_digest = elo_addr_parse(part[0], &c->route.digest) == ELO_OK;
    c->route.number = (uint32_t) n;
    return ELO_OWN_FEED;
}


static int
match_internal(const elo_slice_t *part, size_t n, elo_call_t *c)
{
    if (n == 2 && elo_slice_eq(part[0], ELO_SLICE("grant"))) {
        c->route.id = part[1];
        return ELO_OWN_GRANT;
    }
    if (n == 2 && elo_slice_eq(part[0], ELO_SLICE("media"))) {
        c->route.id = part[1];
        return ELO_OWN_MEDIA;
    }
    if (n == 3 && elo_slice_eq(part[0], ELO_SLICE("chunk"))) {
        return match_feed(part + 1, c);
    }
    if (n == 5 && elo_slice_eq(part[0], ELO_SLICE("recipe"))) {
        return match_recipe(part + 1, c);
    }
    if (n == 1 && elo_slice_eq(part[0], ELO_SLICE("keys"))) {
        return ELO_OWN_KEYS;
    }
    if (n == 2 && elo_slice_eq(part[0], ELO_SLICE("session"))) {
        c->route.id = part[1];
        return ELO_OWN_SESSION;
    }
    if (n == 2 && elo_slice_eq(part[0], ELO_SLICE("url"))) {
        c->route.id = part[1];
        return ELO_OWN_URL;
    }
    if (n == 3 && elo_slice_eq(part[0], ELO_SLICE("access"))
        && elo_agent_text_parse(part[1], &c->subject) == ELO_OK)
    {
        c->route.id = part[2];
        return ELO_OWN_ACCESS;
    }
    return ELO_ROUTE_UNKNOWN;
}


static int
match_blob(const elo_slice_t *part, size_t n, elo_call_t *c)
{
    if (n != 2 || !is_addr(part[0]) || !elo_slice_eq(part[1], ELO_SLICE("pin")))
    {
        return ELO_ROUTE_UNKNOWN;
    }
    c->route.id = part[0];
    return ELO_OWN_PIN;
}


static int
match_queue(const elo_slice_t *part, size_t n, elo_call_t *c)
{
    if (n < 2 || n > 3 || !is_addr(part[1])) {
        return ELO_ROUTE_UNKNOWN;
    }
    c->sort = part[0];
    c->route.id = part[1];
    if (n == 2) {
        return ELO_OWN_TASK;
    }
    if (elo_slice_eq(part[2], ELO_SLICE("retry"))) {
        return ELO_OWN_TASK_RETRY;
    }
    return elo_slice_eq(part[2], ELO_SLICE("drop")) ? (int) ELO_OWN_TASK_DROP
                                                    : ELO_ROUTE_UNKNOWN;
}


static int
match_agent(const elo_slice_t *part, size_t n, elo_call_t *c)
{
    elo_agent_t unused;

    if (n != 2 || elo_agent_parse(part[0], &unused) != ELO_OK
        || !elo_slice_eq(part[1], ELO_SLICE("quota")))
    {
        return ELO_ROUTE_UNKNOWN;
    }
    c->route.id = part[0];
    return ELO_OWN_QUOTA;
}


static int
match_care(const elo_slice_t *part, size_t n, elo_call_t *c)
{
    if (n != 1 || part[0].len == 0) {
        return ELO_ROUTE_UNKNOWN;
    }
    c->sort = part[0];
    return ELO_OWN_CARE_JOB;
}


static const struct {
    const char *path;
    int kind;
} whole[] = {
    { "/api/queue", ELO_OWN_QUEUE },
    { "/api/agents", ELO_OWN_AGENTS },
    { "/api/care", ELO_OWN_CARE },
    { "/api/backup", ELO_OWN_BACKUP },
    { "/api/audit/verify", ELO_OWN_AUDIT_VERIFY },
    { "/api/fallback", ELO_OWN_FALLBACK },
    { "/api/media/report", ELO_OWN_REPORT },
    { "/internal/v1/warm", ELO_OWN_WARM },
};

static const struct {
    const char *path;
    match_fn match;
} prefixes[] = {
    { "/internal/v1/", match_internal }, { "/api/blob/", match_blob },
    { "/api/queue/", match_queue },      { "/api/agents/", match_agent },
    { "/api/care/", match_care },
};


int
elo_own_route(elo_slice_t path, elo_call_t *c)
{
    elo_slice_t part[PARTS_MAX], documents = ELO_SLICE(ELO_WIRE_DOCUMENTS);

    if (elo_slice_has_prefix(path, documents)) {
        c->route.id =
            elo_slice(path.p + documents.len, path.len - documents.len);
        return ELO_OWN_DOCUMENT;
    }
    for (size_t i = 0; i < ELO_COUNT(whole); i++) {
        if (elo_slice_eq(path, elo_slice_str(whole[i].path))) {
            return whole[i].kind;
        }
    }
    for (size_t i = 0; i < ELO_COUNT(prefixes); i++) {
        elo_slice_t prefix = elo_slice_str(prefixes[i].path);
        size_t n;

        if (!elo_slice_has_prefix(path, prefix)) {
            continue;
        }
        n = split(elo_slice(path.p + prefix.len, path.len - prefix.len), part);
        return prefixes[i].match(part, n, c);
    }
    return ELO_ROUTE_UNKNOWN;
}
