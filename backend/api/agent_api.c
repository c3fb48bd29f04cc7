/* SPDX-License-Identifier: BSD-2-Clause */
/* agent_api: what each agent holds here and may hold, and pins. For operators.

   GET /api/agents: {"items": [{agent, operator, blobs, bytes, kept, quota}]}. kept:
   bytes of uploads that aren't finished, which are on the quota beside bytes. */
#include "backend/api/calls.h"

#include "backend/api/ask.h"
#include "backend/json/json.h"
#include "backend/store/agent.h"

#define QUOTA_BODY_MAX 1024
#define LIST_BYTES     (8u << 20) /* of agents; a further one is an error */

typedef struct {
    elo_ask_t a;       /* first */
    elo_agent_t agent; /* of a quota */
    uint64_t quota;
    elo_digest_t digest; /* of a pin */
    bool is_pinned;
} ask_t;


static ask_t *
new_ask(const elo_call_t *c)
{
    return elo_ask_create(c, sizeof(ask_t), LIST_BYTES);
}


/* ---- GET /api/agents ---- */

static bool
put_agent(void *ctx, const elo_agent_stat_t *a)
{
    char hex[2 * ELO_AGENT_LEN + 1];
    elo_ask_t *k = ctx;

    elo_agent_text(&a->agent, hex);
    elo_json_put_object(&k->w, NULL);
    elo_json_put_cstr(&k->w, "agent", hex);
    elo_json_put_bool(&k->w, "operator", elo_agent_is_zero(&a->agent));
    elo_json_put_u64(&k->w, "blobs", a->blobs);
    elo_json_put_u64(&k->w, "bytes", a->bytes);
    elo_json_put_u64(&k->w, "kept", a->kept);
    if (a->quota == 0) {
        elo_json_put_null(&k->w, "quota");
    } else {
        elo_json_put_u64(&k->w, "quota", a->quota);
    }
    elo_json_end_object(&k->w);
    return true;
}


/* pool */
static void
work_list(elo_job_t *job)
{
    elo_ask_t *k = (elo_ask_t *) job;

    elo_json_put_object(&k->w, NULL);
    elo_json_put_array(&k->w, "items");
    k->err = elo_store_each_agent(k->api->cfg.store, put_agent, k);
    elo_json_end_array(&k->w);
    elo_json_end_object(&k->w);
}


void
elo_call_agents(elo_call_t *c)
{
    ask_t *k = new_ask(c);

    if (k != NULL) {
        elo_ask_start(&k->a, work_list, elo_ask_after_json);
    }
}


/* ---- PUT /api/agents/{hex}/quota ---- */

/* pool */
static void
work_quota(elo_job_t *job)
{
    ask_t *k = (ask_t *) job;

    k->a.err = elo_store_set_quota(k->a.api->cfg.store, &k->agent, k->quota);
}


/* {"bytes": n}; null is back to the default. */
static bool
read_quota(elo_slice_t body, uint64_t *out)
{
    elo_json_t *j = NULL;
    const elo_json_t *bytes;
    int64_t n = -1;
    bool ok;

    if (elo_json_parse(body, QUOTA_BODY_MAX, &j, NULL) != ELO_OK) {
        return false;
    }
    bytes = elo_json_get(j, "bytes");
    ok = bytes != NULL && elo_json_len(j) == 1;
    if (ok && elo_json_kind(bytes) == ELO_JSON_NULL) {
        *out = UINT64_MAX;
    } else if (ok && elo_json_integer(bytes, &n) && n >= 0) {
        *out = (uint64_t) n;
    } else {
        ok = false;
    }
    elo_json_free(&j);
    return ok;
}


static void
on_quota_body(void *ctx, elo_err_t err, elo_slice_t body)
{
    ask_t *k = ctx;

    if (err == ELO_OK && !read_quota(body, &k->quota)) {
        elo_ask_fail(&k->a, ELO_EINVAL,
                     "a quota is {\"bytes\": number}, or null for the default");
        return;
    }
    if (err != ELO_OK) {
        elo_ask_fail(&k->a, err, NULL);
        return;
    }
    elo_ask_start(&k->a, work_quota, elo_ask_after_change);
}


void
elo_call_quota(elo_call_t *c)
{
    ask_t *k = new_ask(c);

    if (k == NULL) {
        return;
    }
    if (elo_agent_parse(c->route.id, &k->agent) != ELO_OK) {
        elo_ask_fail(&k->a, ELO_EINVAL, "an agent has 64 hex digits");
        return;
    }
    elo_body_collect(c->req, QUOTA_BODY_MAX, on_quota_body, k);
}


/* ---- PUT and DELETE /api/blob/{addr}/pin ---- */

/* pool */
static void
work_pin(elo_job_t *job)
{
    ask_t *k = (ask_t *) job;

    k->a.err = elo_store_pin(k->a.api->cfg.store, &k->digest, k->is_pinned);
}


static void
pin(elo_call_t *c, bool is_pinned)
{
    ask_t *k = new_ask(c);
    elo_err_t rc;

    if (k == NULL) {
        return;
    }
    rc = elo_addr_parse(c->route.id, &k->digest);
    if (rc != ELO_OK) {
        elo_ask_fail(&k->a, rc, "a blob is pinned by its address");
        return;
    }
    k->is_pinned = is_pinned;
    elo_ask_start(&k->a, work_pin, elo_ask_after_change);
}


void
elo_call_blob_pin(elo_call_t *c)
{
    pin(c, true);
}


void
elo_call_blob_unpin(elo_call_t *c)
{
    pin(c, false);
}
