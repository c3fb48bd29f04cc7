/* SPDX-License-Identifier: BSD-2-Clause */
/* warm_api: what edges are to take in before it is asked for.

     POST /api/cache/warm?budget=&rate=   names of contents and blobs, one a line, in
                                          text/plain; an owner's: of his own
     POST /api/cache/warm?contract=1      what this node has promised to cache
     GET, DELETE /api/cache/warm          how far it is; no more of it
     GET /internal/v1/warm?after=&n=      for edges, on the socket: lines of
                                          backend/edge/warm.h

   Nothing is handed out while the daemon has much to answer. */
#include "backend/api/calls.h"

#include <stdlib.h>

#include "backend/api/purge.h"
#include "backend/api/warm.h"
#include "backend/api/who.h"
#include "backend/json/json_write.h"
#include "backend/os/clock.h"
#include "common/base/num.h"

#define BODY_MAX    (2u << 20)
#define STEP        512u /* names of one job */
#define ANSWER_MAX  1024u
#define NUMBER_MAX  20u
#define PLACE_MAX   64u
#define LINES       64u
#define LINES_MAX   256u
#define OUT_MAX     (128u << 10)
#define BUDGET      (UINT64_C(1) << 30) /* unless it is said */
#define AGENT_NAMES 1000u               /* of one list of an agent's */

typedef struct {
    elo_job_t job; /* first */
    elo_call_t call;
    uint64_t rate;
    bool is_contract;
    uint32_t names_max;
    elo_buf_t body;
    /* worker, then loop */
    elo_warm_pick_t pick;
    elo_slice_t rest; /* of the body */
    uint32_t n_names;
    elo_cache_promise_t *promises, *more; /* that count; just read */
    uint32_t n_promises, n_more, at;
    uint64_t next; /* record that is looked at next; 0: all were */
    bool is_end;
    elo_err_t err;
} warm_t;


/* ---- who may ---- */

static bool
is_everyones(const elo_call_t *c)
{
    return elo_rule_allows(elo_purge_rule(c, 0));
}


/* False, and that is answered. */
static bool
may_warm(const elo_call_t *c)
{
    return elo_purge_may(c, "this caller may not warm caches");
}


/* ---- making a list ---- */

static void
warm_free(warm_t *m)
{
    elo_warm_pick_dispose(&m->pick);
    elo_buf_dispose(&m->body);
    free(m->promises);
    free(m->more);
    free(m);
}


/* pool */
static void
work_names(warm_t *m)
{
    for (uint32_t i = 0; i < STEP && m->err == ELO_OK && !m->is_end; i++) {
        const uint8_t *lf =
            m->rest.len == 0 ? NULL : memchr(m->rest.p, '\n', m->rest.len);
        size_t len = lf == NULL ? m->rest.len : (size_t) (lf - m->rest.p);
        elo_slice_t name = elo_slice_trim(elo_slice(m->rest.p, len));

        if (name.len > 0 && name.p[name.len - 1] == '\r') {
            name.len--;
        }
        m->is_end = lf == NULL;
        if (lf != NULL) {
            m->rest = elo_slice(lf + 1, m->rest.len - len - 1);
        }
        if (name.len == 0) {
            continue;
        }
        if (m->n_names++ == m->names_max) {
            m->err = ELO_ETOOBIG;
        } else {
            m->err = elo_warm_pick_name(&m->pick, name);
        }
    }
}


/* pool */
static void
work_contract(warm_t *m)
{
    elo_api_t *a = m->call.api;

    m->n_more = 0;
    if (m->next != 0) {
        m->err = elo_warm_promises(a->ctl, elo_clock_unix_s(), &m->next,
                                   m->more, &m->n_more);
    } else if (m->at < m->n_promises) {
        const elo_cache_promise_t *p = &m->promises[m->at++];

        m->err =
            elo_warm_pick_promise(&m->pick, p, elo_who_in_store(a, &p->agent));
    }
    m->is_end = m->next == 0 && m->at > 0 && m->at == m->n_promises;
}


/* pool */
static void
work(elo_job_t *job)
{
    warm_t *m = (warm_t *) job;

    if (m->is_contract) {
        work_contract(m);
    } else {
        work_names(m);
    }
}


static void
reply_taken(const warm_t *m, uint32_t n)
{
    elo_json_writer_t w;
    elo_buf_t b;

    elo_buf_init(&b, ANSWER_MAX);
    elo_json_writer_init(&w, &b);
    elo_json_put_object(&w, NULL);
    elo_json_put_u64(&w, "blobs", n);
    elo_json_put_u64(&w, "bytes", m->pick.bytes);
    elo_json_put_u64(&w, "missing", m->pick.missing);
    elo_json_put_u64(&w, "unfit", m->pick.unfit);
    elo_json_put_u64(&w, "past", m->pick.past);
    elo_json_end_object(&w);
    elo_http_res_header(m->call.req, "Cache-Control", ELO_SLICE("no-store"));
    elo_reply_json(m->call.req, 202, &b);
    elo_buf_dispose(&b);
}


static void
finish(warm_t *m)
{
    static const elo_agent_t operator_of = { { 0 } };
    const elo_agent_t *by = m->call.is_guest ? &m->call.key : &operator_of;
    elo_http_req_t *req = m->call.req;
    uint32_t n = m->pick.n;

    if (m->err == ELO_OK && n > 0) {
        m->err = elo_warm_add(m->call.api->warm, by, m->rate, &m->pick.blobs, n,
                              elo_loop_now_ms(m->call.api->cfg.loop));
    }
    if (m->err == ELO_OK) {
        reply_taken(m, n);
    } else if (m->err == ELO_ETOOBIG) {
        elo_reply_err(req, m->err, "those are more names than a list takes");
    } else if (m->err == ELO_ENOSPC) {
        elo_reply_limited(req, "as many lists wait as may", 60);
    } else {
        elo_reply_err(req, m->err, NULL);
    }
    warm_free(m);
}


/* Those that count, when all were looked at in order. */
static void
keep_promises(warm_t *m)
{
    elo_warm_promises_keep(m->call.api, elo_clock_unix_s(), m->more, m->n_more,
                           m->promises, &m->n_promises);
    if (m->n_promises == ELO_WARM_PROMISES_MAX) {
        m->next = 0;
    }
    if (m->next == 0) {
        elo_warm_promises_sort(m->promises, m->n_promises);
        m->is_end = m->n_promises == 0;
    }
}


static void
after(elo_job_t *job)
{
    warm_t *m = (warm_t *) job;

    if (m->err == ELO_OK && m->is_contract && m->at == 0) {
        keep_promises(m);
    }
    if (m->err != ELO_OK || m->is_end) {
        finish(m);
    } else {
        elo_loop_work(m->call.api->cfg.loop, &m->job);
    }
}


static void
start(warm_t *m)
{
    m->job.work = work;
    m->job.after = after;
    elo_loop_work(m->call.api->cfg.loop, &m->job);
}


static void
on_body(void *ctx, elo_err_t err, elo_slice_t body)
{
    warm_t *m = ctx;

    if (err == ELO_OK) {
        elo_buf_put_slice(&m->body, body);
        err = elo_buf_err(&m->body);
    }
    if (err != ELO_OK) {
        elo_reply_err(m->call.req, err, NULL);
        warm_free(m);
        return;
    }
    m->rest = elo_buf_slice(&m->body);
    start(m);
}


/* ---- what is asked for ---- */

/* A number of bytes, not 0; fallback when it isn't said. */
static bool
read_bytes(const elo_call_t *c, const char *name, uint64_t fallback,
           uint64_t *out)
{
    char room[NUMBER_MAX];
    elo_slice_t text;

    *out = fallback;
    if (elo_query_text(elo_http_req_query(c->req), name, room, sizeof(room),
                       &text)
        != ELO_OK)
    {
        return false;
    }
    return text.p == NULL || (elo_slice_u64(text, out) && *out > 0);
}


static bool
is_plain(const elo_call_t *c)
{
    elo_slice_t type = elo_http_req_header(c->req, "Content-Type");
    const uint8_t *semi = type.len == 0 ? NULL : memchr(type.p, ';', type.len);

    if (semi != NULL) {
        type.len = (size_t) (semi - type.p);
    }
    return elo_slice_ieq(elo_slice_trim(type), ELO_SLICE("text/plain"));
}


/* NULL, or what is wrong. */
static const char *
read_ask(const elo_call_t *c, warm_t *m)
{
    char room[NUMBER_MAX];
    elo_slice_t text;

    if (elo_query_text(elo_http_req_query(c->req), "contract", room,
                       sizeof(room), &text)
            != ELO_OK
        || (text.p != NULL && !elo_slice_eq(text, ELO_SLICE("1"))))
    {
        return "contract can only be 1";
    }
    m->is_contract = text.p != NULL;
    /* a promise says how much it is */
    if (!read_bytes(c, "budget", m->is_contract ? INT64_MAX : BUDGET,
                    &m->pick.budget)
        || !read_bytes(c, "rate", ELO_WARM_RATE, &m->rate))
    {
        return "budget and rate are numbers of bytes, from 1 on";
    }
    if (!m->is_contract && !is_plain(c)) {
        return "send text/plain: a content id or an address in each line";
    }
    return NULL;
}


/* What he may, of what he asked for. */
static void
bound(const elo_call_t *c, warm_t *m)
{
    m->names_max = ELO_WARM_NAMES_MAX;
    m->pick.is_ones = c->has_agent;
    m->pick.owner = c->agent;
    if (is_everyones(c)) {
        m->pick.is_ones = c->has_agent && !c->is_guest;
        return;
    }
    m->names_max = AGENT_NAMES;
    m->rate = ELO_MIN(m->rate, (uint64_t) ELO_WARM_RATE);
    m->pick.budget = ELO_MIN(m->pick.budget, BUDGET);
}


static void
start_contract(warm_t *m)
{
    elo_err_t rc = ELO_OK;

    m->promises = calloc(ELO_WARM_PROMISES_MAX, sizeof(*m->promises));
    m->more = calloc(ELO_WARM_PROMISES_MAX, sizeof(*m->more));
    m->next = 1;
    if (!is_everyones(&m->call) || m->call.api->ctl == NULL) {
        rc = ELO_EDENIED;
    } else if (m->promises == NULL || m->more == NULL) {
        rc = ELO_ENOMEM;
    }
    if (rc != ELO_OK) {
        elo_reply_err(m->call.req, rc,
                      rc == ELO_EDENIED ? "contract is for administrators and "
                                          "the operator"
                                        : NULL);
        warm_free(m);
        return;
    }
    start(m);
}


void
elo_call_warm_post(elo_call_t *c)
{
    warm_t *m;
    const char *why;
    uint32_t wait_s;

    if (!may_warm(c)) {
        return;
    }
    if (!elo_purge_queue_admits(c->api->purges, c, &wait_s)) {
        elo_reply_limited(c->req, "name more in one list", wait_s);
        return;
    }
    if ((m = calloc(1, sizeof(*m))) == NULL) {
        elo_reply_err(c->req, ELO_ENOMEM, NULL);
        return;
    }
    m->call = *c;
    m->call.route = (elo_route_t){ .kind = ELO_ROUTE_UNKNOWN };
    elo_buf_init(&m->body, BODY_MAX);
    m->pick.store = c->api->cfg.store;
    m->pick.has_fallback = c->api->fallback != NULL;
    if ((why = read_ask(c, m)) != NULL) {
        elo_reply_err(c->req, ELO_EINVAL, why);
        warm_free(m);
        return;
    }
    bound(c, m);
    if (m->is_contract) {
        start_contract(m);
    } else {
        elo_body_collect(c->req, BODY_MAX, on_body, m);
    }
}


/* ---- how far it is ---- */

void
elo_call_warm_get(elo_call_t *c)
{
    elo_warm_status_t st;
    elo_json_writer_t w;
    elo_buf_t b;

    if (!may_warm(c)) {
        return;
    }
    elo_warm_status(c->api->warm, is_everyones(c) ? NULL : &c->key, &st);
    elo_buf_init(&b, ANSWER_MAX);
    elo_json_writer_init(&w, &b);
    elo_json_put_object(&w, NULL);
    elo_json_put_u64(&w, "lists", st.lists);
    elo_json_put_u64(&w, "done", st.done);
    elo_json_put_u64(&w, "doneBytes", st.done_bytes);
    elo_json_put_u64(&w, "left", st.left);
    elo_json_put_u64(&w, "leftBytes", st.left_bytes);
    elo_json_end_object(&w);
    elo_http_res_header(c->req, "Cache-Control", ELO_SLICE("no-store"));
    elo_reply_json(c->req, 200, &b);
    elo_buf_dispose(&b);
}


void
elo_call_warm_delete(elo_call_t *c)
{
    if (may_warm(c)) {
        elo_warm_end(c->api->warm, is_everyones(c) ? NULL : &c->key);
        elo_reply_empty(c->req, 204);
    }
}


/* ---- edges ---- */

void
elo_call_warm_next(elo_call_t *c)
{
    elo_slice_t query = elo_http_req_query(c->req), place;
    uint64_t now_ms = elo_loop_now_ms(c->api->cfg.loop);
    char room[PLACE_MAX];
    elo_buf_t b;
    uint32_t n;

    if (elo_query_text(query, "after", room, sizeof(room), &place) != ELO_OK
        || elo_query_number(query, "n", LINES, LINES_MAX, &n) != ELO_OK)
    {
        elo_reply_err(c->req, ELO_EINVAL, "after is a place, n a number");
        return;
    }
    elo_buf_init(&b, OUT_MAX);
    elo_warm_next(c->api->warm, place, n,
                  elo_warm_is_busy(c->api->warm, c->api->n_calls, now_ms),
                  now_ms, &b);
    elo_http_res_header(c->req, "Cache-Control", ELO_SLICE("no-store"));
    elo_reply_text(c->req, 200, ELO_SLICE("text/plain"), &b);
    elo_buf_dispose(&b);
}
