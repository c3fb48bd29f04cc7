/* SPDX-License-Identifier: BSD-2-Clause */
/* handoff_api: GET, POST, DELETE /session: what a program of this machine (the
   desktop client of the network) leaves here of a login, for its next start and for
   its pages: names, and the Doorway that it came from. No secret is among them, and
   nothing here believes them.

   They are one agent's: who brings no token of his sees none and leaves none, and
   agentPubKey, where it is stated, must be the token's. They are kept in memory,
   and end with the daemon. Only on the native listener.

   Members, in camelCase, and read in snake_case too: humanId, agentPubKey,
   doorwayUrl, doorwayId?, identifier, displayName?, profileImageHash?,
   bootstrapUrl?; and of ours id, isActive, createdAt, updatedAt, lastSyncedAt. */
#include "backend/api/calls.h"

#include <stdlib.h>

#include "backend/json/json_write.h"
#include "backend/node/shape.h"
#include "backend/os/clock.h"
#include "common/auth/agent_text.h"
#include "common/base/enc.h"
#include "common/base/num.h"

#define BODY_MAX     (16u << 10)
#define ANSWER_MAX   (32u << 10)
#define TEXT_MAX     1024u
#define HANDOFFS_MAX 64u /* the oldest goes */
#define ID_LEN       16u

static const struct {
    const char *camel;
    const char *snake;
    bool is_needed;
} members[] = {
    { "humanId", "human_id", true },
    { "doorwayUrl", "doorway_url", true },
    { "identifier", "identifier", true },
    { "doorwayId", "doorway_id", false },
    { "displayName", "display_name", false },
    { "profileImageHash", "profile_image_hash", false },
    { "bootstrapUrl", "bootstrap_url", false },
};

#define N_MEMBERS ELO_COUNT(members)

struct elo_handoff_s {
    struct elo_handoff_s *next;
    elo_agent_t agent;
    uint8_t id[ID_LEN];
    int64_t created_at;
    elo_buf_t text[N_MEMBERS]; /* empty: not stated */
};

typedef struct elo_handoff_s handoff_t;

typedef struct {
    elo_api_t *api;
    elo_http_req_t *req;
    elo_agent_t agent;
} post_t;


static void
free_one(handoff_t *h)
{
    for (size_t i = 0; i < N_MEMBERS; i++) {
        elo_buf_dispose(&h->text[i]);
    }
    free(h);
}


void
elo_handoffs_free(elo_api_t *a)
{
    while (a->handoffs != NULL) {
        handoff_t *h = a->handoffs;

        a->handoffs = h->next;
        free_one(h);
    }
}


/* Takes an agent's out of the list; NULL: he has none. */
static handoff_t *
take_of(elo_api_t *a, const elo_agent_t *agent)
{
    for (handoff_t **at = &a->handoffs; *at != NULL; at = &(*at)->next) {
        handoff_t *h = *at;

        if (elo_agent_eq(&h->agent, agent)) {
            *at = h->next;
            h->next = NULL;
            return h;
        }
    }
    return NULL;
}


static void
keep(elo_api_t *a, handoff_t *h)
{
    handoff_t **at = &a->handoffs;
    uint32_t n = 0;

    h->next = a->handoffs;
    a->handoffs = h;
    while (*at != NULL && n++ < HANDOFFS_MAX) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        handoff_t *last = *at;

        *at = NULL;
        free_one(last);
    }
}


/* ---- answers ---- */

static void
reply_handoff(elo_http_req_t *req, int status, const handoff_t *h)
{
    char key[ELO_AGENT_TEXT_MAX], id[2 * ID_LEN + 1];
    char created[ELO_TIME_TEXT_LEN + 1];
    elo_json_writer_t w;
    elo_buf_t b;

    elo_agent_text_write(&h->agent, ELO_AGENT_HOLO, key);
    elo_hex_encode(h->id, sizeof(h->id), id);
    elo_time_text(h->created_at, created);
    elo_buf_init(&b, ANSWER_MAX);
    elo_json_writer_init(&w, &b);
    elo_json_put_object(&w, NULL);
    elo_json_put_cstr(&w, "id", id);
    elo_json_put_cstr(&w, "agentPubKey", key);
    for (size_t i = 0; i < N_MEMBERS; i++) {
        if (h->text[i].len != 0) {
            elo_json_put_string(&w, members[i].camel,
                                elo_buf_slice(&h->text[i]));
        } else {
            elo_json_put_null(&w, members[i].camel);
        }
    }
    elo_json_put_bool(&w, "isActive", true);
    elo_json_put_cstr(&w, "createdAt", created);
    elo_json_put_cstr(&w, "updatedAt", created);
    elo_json_put_null(&w, "lastSyncedAt");
    elo_json_end_object(&w);
    elo_http_res_header(req, "Cache-Control", ELO_SLICE("no-store"));
    elo_reply_json(req, status, &b);
    elo_buf_dispose(&b);
}


/* ---- POST ---- */

static const elo_json_t *
member(const elo_json_t *j, size_t i)
{
    const elo_json_t *m = elo_json_get(j, members[i].camel);

    return m != NULL ? m : elo_json_get(j, members[i].snake);
}


/* What is wrong with it, or NULL. */
static const char *
read_members(const elo_json_t *j, handoff_t *h)
{
    const elo_json_t *key = elo_json_get(j, "agentPubKey");
    elo_agent_t agent;
    elo_slice_t text;

    key = key != NULL ? key : elo_json_get(j, "agent_pub_key");
    if (key != NULL
        && (!elo_json_string(key, &text)
            || elo_agent_text_parse(text, &agent) != ELO_OK
            || !elo_agent_eq(&agent, &h->agent)))
    {
        return "agentPubKey is not the agent of the token";
    }
    for (size_t i = 0; i < N_MEMBERS; i++) {
        const elo_json_t *m = member(j, i);

        if (elo_json_kind(m) == ELO_JSON_NULL && !members[i].is_needed) {
            continue;
        }
        if (!elo_json_string(m, &text) || text.len > TEXT_MAX
            || (text.len == 0 && members[i].is_needed))
        {
            return "a session has humanId, identifier and doorwayUrl, each "
                   "text of up to 1024 bytes, and may have doorwayId, "
                   "displayName, profileImageHash and bootstrapUrl";
        }
        elo_buf_put_slice(&h->text[i], text);
    }
    return NULL;
}


static elo_err_t
make(const post_t *p, elo_slice_t body, handoff_t **out, const char **why)
{
    static elo_json_fault_t fault; /* loop thread; why may borrow from it */
    handoff_t *h = calloc(1, sizeof(*h));
    elo_json_t *j = NULL;
    elo_err_t rc;

    if (h == NULL) {
        return ELO_ENOMEM;
    }
    for (size_t i = 0; i < N_MEMBERS; i++) {
        elo_buf_init(&h->text[i], TEXT_MAX);
    }
    h->agent = p->agent;
    h->created_at = elo_clock_unix_s();
    elo_random(h->id, sizeof(h->id));
    rc = elo_json_parse(body, BODY_MAX, &j, &fault);
    *why = rc == ELO_EINVAL ? fault.what : NULL;
    if (rc == ELO_OK && (*why = read_members(j, h)) != NULL) {
        rc = ELO_EINVAL;
    }
    for (size_t i = 0; i < N_MEMBERS && rc == ELO_OK; i++) {
        rc = elo_buf_err(&h->text[i]);
    }
    elo_json_free(&j);
    if (rc != ELO_OK) {
        free_one(h);
        return rc;
    }
    *out = h;
    return ELO_OK;
}


static void
on_body(void *ctx, elo_err_t err, elo_slice_t body)
{
    post_t *p = ctx;
    const char *why = NULL;
    handoff_t *h, *old;

    if (err == ELO_OK) {
        err = make(p, body, &h, &why);
    }
    if (err != ELO_OK) {
        elo_reply_err(p->req, err, why);
    } else {
        if ((old = take_of(p->api, &p->agent)) != NULL) {
            free_one(old);
        }
        keep(p->api, h);
        reply_handoff(p->req, 201, h);
    }
    free(p);
}


/* False when it is answered: there is nobody whose it could be. */
static bool
has_proof(elo_call_t *c)
{
    if ((c->facts & ELO_FACT_PROVED) != 0) {
        return true;
    }
    elo_http_res_header(c->req, "WWW-Authenticate", ELO_SLICE("Bearer"));
    elo_reply_problem(c->req, 401, "NO_TOKEN",
                      "a session is its agent's: bring his token", NULL);
    return false;
}


void
elo_call_handoff_post(elo_call_t *c)
{
    post_t *p;

    if (!has_proof(c)) {
        return;
    }
    p = calloc(1, sizeof(*p));
    if (p == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return;
    }
    *p = (post_t){ .api = c->api, .req = c->req, .agent = c->key };
    elo_body_collect(c->req, BODY_MAX, on_body, p);
}


/* ---- GET, DELETE ---- */

/* Who brings no token looks as one without a session does: so clients ask before
   they have logged in. */
void
elo_call_handoff_get(elo_call_t *c)
{
    const handoff_t *h = c->api->handoffs;

    while (h != NULL && !elo_agent_eq(&h->agent, &c->key)) {
        h = h->next;
    }
    if (h == NULL || (c->facts & ELO_FACT_PROVED) == 0) {
        elo_reply_err(c->req, ELO_ENOTFOUND, "No active session");
        return;
    }
    reply_handoff(c->req, 200, h);
}


void
elo_call_handoff_delete(elo_call_t *c)
{
    char id[2 * ID_LEN + 1];
    elo_json_writer_t w;
    handoff_t *h;
    elo_buf_t b;

    if (!has_proof(c)) {
        return;
    }
    h = take_of(c->api, &c->key);
    elo_buf_init(&b, ANSWER_MAX);
    elo_json_writer_init(&w, &b);
    elo_json_put_object(&w, NULL);
    elo_json_put_bool(&w, "deleted", h != NULL);
    if (h != NULL) {
        elo_hex_encode(h->id, sizeof(h->id), id);
        elo_json_put_cstr(&w, "session_id", id);
        free_one(h);
    } else {
        elo_json_put_cstr(&w, "message", "No active session");
    }
    elo_json_end_object(&w);
    elo_reply_json(c->req, 200, &b);
    elo_buf_dispose(&b);
}
