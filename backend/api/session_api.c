/* SPDX-License-Identifier: BSD-2-Clause */
/* session_api: what the Doorway asks of callers (common/http/wire_auth.h): the keys
   that tokens may be signed by, what a token or a signed URL says of its bearer,
   and what an agent is to a content. As in grant_api.c, generations are sampled
   before anything is looked up. */
#include "backend/api/calls.h"

#include "backend/api/who.h"
#include "backend/os/clock.h"
#include "common/http/wire_auth.h"

#define ANSWER_MAX 4096


static void
reply_wire(elo_call_t *c, elo_err_t rc, elo_buf_t *b)
{
    if (rc != ELO_OK) {
        elo_reply_err(c->req, rc, NULL);
    } else {
        elo_http_res_header(c->req, "Content-Type", ELO_SLICE(ELO_WIRE_TYPE));
        elo_http_res_send(c->req, elo_buf_slice(b));
    }
    elo_buf_dispose(b);
}


static void
sample(const elo_call_t *c, elo_slice_t key, elo_wire_head_t *head)
{
    head->slot = elo_gen_slot(key);
    head->generation =
        elo_gen_load(elo_store_gen(c->api->cfg.store), head->slot);
}


static elo_slice_t
agent_key(const elo_agent_t *a)
{
    return elo_slice(a->b, sizeof(a->b));
}


/* ---- keys ---- */

void
elo_call_keys(elo_call_t *c)
{
    elo_ctl_t *ctl = c->api->ctl;
    elo_wire_keys_t k = { .iss = elo_ctl_iss(ctl),
                          .aud = elo_ctl_aud(ctl),
                          .max_life_s = elo_ctl_max_life_s(ctl) };
    elo_buf_t b;

    sample(c, ELO_SLICE("keys"), &k.head);
    k.n = elo_ctl_keys(ctl, k.keys, ELO_WIRE_KEYS_MAX);
    if (elo_ctl_takes_hs256(ctl) && k.n < ELO_WIRE_KEYS_MAX) {
        /* that there is one: the secret stays here */
        k.keys[k.n++] = (elo_token_key_t){ .alg = ELO_ALG_HS256 };
    }
    elo_buf_init(&b, ANSWER_MAX);
    reply_wire(c, elo_wire_put_keys(&b, &k), &b);
}


/* ---- sessions ---- */

static elo_session_verdict_t
verdict_of(const elo_ctl_session_t *s)
{
    if (s->is_malformed) {
        return ELO_SESSION_MALFORMED;
    }
    switch (s->verdict) {
    case ELO_TOKEN_OK:
        return s->is_revoked ? ELO_SESSION_REVOKED : ELO_SESSION_GOOD;
    case ELO_TOKEN_UNKNOWN_KEY:
        return ELO_SESSION_UNKNOWN_KEY;
    case ELO_TOKEN_EXPIRED:
        return ELO_SESSION_EXPIRED;
    case ELO_TOKEN_EARLY:
        return ELO_SESSION_EARLY;
    case ELO_TOKEN_ISSUER:
    case ELO_TOKEN_AUDIENCE:
    case ELO_TOKEN_LIFE:
        return ELO_SESSION_WRONG_PARTY;
    case ELO_TOKEN_BAD_SIGNATURE:
        break;
    }
    return ELO_SESSION_BAD_SIGNATURE;
}


/* Everything that is said of agents changes on this thread, with the bump of their
   slots: what is sampled after the question is what the answer goes with. */
static void
reply_session(elo_call_t *c, const elo_ctl_session_t *s)
{
    elo_wire_session_t w = { .verdict = verdict_of(s) };
    elo_buf_t b;

    if (w.verdict == ELO_SESSION_GOOD) {
        sample(c, agent_key(&s->agent), &w.head);
        w.head.reach = s->ceiling;
        w.agent = s->agent;
        w.facts = s->facts;
        w.scopes = s->scopes;
        w.exp = s->exp;
        w.until = s->until;
        w.prefix = elo_slice_str(s->prefix);
        w.content = elo_slice_str(s->content);
    }
    elo_buf_init(&b, ANSWER_MAX);
    reply_wire(c, elo_wire_put_session(&b, &w), &b);
}


void
elo_call_session(elo_call_t *c)
{
    elo_ctl_session_t s;

    elo_ctl_session(c->api->ctl, c->route.id, elo_clock_unix_s(), &s);
    reply_session(c, &s);
}


void
elo_call_url_session(elo_call_t *c)
{
    elo_ctl_session_t s;

    elo_ctl_url_session(c->api->ctl, c->route.id, elo_clock_unix_s(), &s);
    reply_session(c, &s);
}


/* ---- access ----

   GRANT and EMERGENCY are told only once their use is in the log (audit_hold.c). */

void
elo_call_access(elo_call_t *c)
{
    elo_wire_access_t w = { 0 };
    elo_call_t as;
    elo_wire_head_t agent;
    elo_who_subject_t of;
    elo_digest_t room;
    elo_buf_t b;
    elo_err_t rc;

    sample(c, elo_who_key(c->route.id, &room), &w.head);
    sample(c, agent_key(&c->subject), &agent);
    if (!elo_call_as_subject(c, &as)) {
        elo_reply_err(c->req, ELO_EINVAL, "facts are bits, ceiling is a reach");
        return;
    }
    rc = elo_who_look(c->api, &c->subject, c->route.id, &of);
    if (rc != ELO_OK) {
        elo_reply_err(c->req, rc, NULL);
        return;
    }
    if (!elo_call_may(&as, ELO_OP_READ, &of)) {
        elo_call_refused(&as, ELO_OP_READ, c->route.id, &of);
    }
    w.head.reach = of.reach;
    w.stage = of.stage;
    w.agent_slot = agent.slot;
    w.agent_generation = agent.generation;
    w.facts =
        c->is_recorded ? of.facts : of.facts & ~(uint32_t) ELO_FACTS_AUDITED;
    w.until = of.until;
    elo_buf_init(&b, ANSWER_MAX);
    reply_wire(c, elo_wire_put_access(&b, &w), &b);
}
