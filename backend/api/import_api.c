/* SPDX-License-Identifier: BSD-2-Clause */
/* import_api: POST /api/import: content nodes, one a line (application/x-ndjson), as
   many as there are. While the pool works on one buffer of them the socket fills the
   other; answers go out as they are made. Memory is bounded: who sends faster than
   lines are written waits, and so does who doesn't read the answers.

     socket ──► in ──(swap)──► work ──► pool, a batch a job ──► made ──► out ──► socket
                 ▲               │
                 └── what is no whole line yet, put before what has come meanwhile

   A client that goes away leaves the whole lines that came done. */
#include "backend/api/calls.h"

#include <assert.h>
#include <stdlib.h>

#include "backend/api/import_batch.h"
#include "backend/os/clock.h"

#define TAIL_ROOM  (ELO_CONTENT_JSON_MAX + 2u) /* a line and its end */
#define READ_ROOM  (512u << 10)
#define READ_LEAST (256u << 10) /* the most that comes at once */
#define MADE_MAX   (4u << 20)   /* answers that wait; then lines do */
#define ALL_MAX    16u          /* at once */
#define AGENT_MAX  4u           /* of one agent */
#define WORD_ROOM  16
#define COND_ROOM  1024

typedef struct elo_import_job_s import_t;

struct elo_import_job_s {
    elo_job_t job; /* first */
    elo_api_t *api;
    elo_http_req_t *req;
    import_t *next;
    import_t **at;
    char if_match[COND_ROOM], if_none_match[COND_ROOM];

    /* loop */
    uint8_t *in; /* TAIL_ROOM + READ_ROOM bytes, filled in [in_at, in_end) */
    size_t in_at, in_end;
    bool has_lf;    /* there is a line's end in it */
    bool has_ended; /* nothing more will come */
    bool is_gone;   /* for there is nobody any more */
    bool has_sum;   /* the last line has been made */
    bool is_reading, is_working, is_writing, is_open;
    elo_buf_t out; /* being written */

    /* worker, then loop */
    elo_import_t import;
    uint8_t *work; /* as in */
    elo_slice_t rest;
    bool has_more; /* lines, in rest */
    bool is_last;  /* nothing comes behind rest */
    elo_buf_t made;
};


static void run(import_t *m);


static void
free_import(import_t *m)
{
    if (m->at != NULL) {
        *m->at = m->next;
        if (m->next != NULL) {
            m->next->at = m->at;
        }
    }
    elo_import_dispose(&m->import);
    elo_buf_dispose(&m->made);
    elo_buf_dispose(&m->out);
    free(m->in);
    free(m->work);
    free(m);
}


/* ---- the pool's side ---- */

/* pool */
static void
work(elo_job_t *job)
{
    import_t *m = (import_t *) job;

    m->has_more = elo_import_run(&m->import, &m->rest, m->is_last, &m->made);
}


static void
after(elo_job_t *job)
{
    import_t *m = (import_t *) job;

    m->is_working = false;
    for (uint32_t i = 0; i < m->import.n_items; i++) {
        const elo_content_t *n = elo_import_written(&m->import, i);

        if (n != NULL) {
            elo_media_on_publish(m->api, n);
        }
    }
    if (!m->has_more && m->rest.len > 0) {
        m->in_at -= m->rest.len; /* room was left for it */
        memcpy(m->in + m->in_at, m->rest.p, m->rest.len);
        m->rest.len = 0;
    }
    run(m);
}


/* An import may take long, and what he is end meanwhile. */
static void
look_at_caller(import_t *m)
{
    elo_call_t *c = &m->import.call;

    if (c->is_guest) {
        c->facts &= elo_ctl_facts_of(elo_ctl_state(m->api->ctl), &c->key,
                                     elo_clock_unix_s());
    }
}


static void
start_job(import_t *m)
{
    m->is_working = true;
    look_at_caller(m);
    m->job.work = work;
    m->job.after = after;
    elo_loop_work(m->api->cfg.loop, &m->job);
}


static void
swap(import_t *m)
{
    uint8_t *p = m->in;

    m->rest = elo_slice(p + m->in_at, m->in_end - m->in_at);
    m->is_last = m->has_ended && !m->is_gone;
    m->in = m->work;
    m->work = p;
    m->in_at = m->in_end = TAIL_ROOM;
    m->has_lf = false;
}


/* Starts a job, if there is something to do and room for what comes of it. */
static void
feed(import_t *m)
{
    size_t len = m->in_end - m->in_at;

    if (m->made.len > MADE_MAX) {
        return;
    }
    if (m->has_more) {
        start_job(m);
    } else if (m->has_lf || len >= TAIL_ROOM
               || (m->has_ended && !m->is_gone && len > 0))
    {
        swap(m);
        start_job(m);
    }
}


/* ---- the socket's side ---- */

static void
on_bytes(void *ctx, elo_slice_t bytes, elo_err_t err)
{
    import_t *m = ctx;

    m->is_reading = false;
    m->has_ended = err != ELO_OK || bytes.len == 0;
    m->is_gone = m->is_gone || err != ELO_OK;
    if (bytes.len > 0) {
        assert(bytes.len <= TAIL_ROOM + READ_ROOM - m->in_end);
        memcpy(m->in + m->in_end, bytes.p, bytes.len);
        m->in_end += bytes.len;
        m->has_lf = m->has_lf || memchr(bytes.p, '\n', bytes.len) != NULL;
    }
    run(m);
}


/* Room for a piece; only what no job will put a rest before is moved. */
static bool
has_room(import_t *m)
{
    size_t len = m->in_end - m->in_at;

    if (TAIL_ROOM + READ_ROOM - m->in_end < READ_LEAST && !m->is_working
        && !m->has_more && m->in_at > 0)
    {
        memmove(m->in, m->in + m->in_at, len);
        m->in_at = 0;
        m->in_end = len;
    }
    return TAIL_ROOM + READ_ROOM - m->in_end >= READ_LEAST;
}


static void
on_written(void *ctx, elo_err_t err)
{
    import_t *m = ctx;

    m->is_writing = false;
    elo_buf_clear(&m->out);
    m->is_gone = m->is_gone || err != ELO_OK;
    run(m);
}


static void
send_made(import_t *m)
{
    elo_buf_t made = m->made;

    if (!m->is_open) {
        m->is_open = true;
        elo_http_res_status(m->req, 200);
        elo_http_res_lines(m->req,
                           ELO_SLICE("Content-Type: application/x-ndjson\r\n"
                                     "X-Content-Type-Options: nosniff\r\n"
                                     "Cache-Control: no-store\r\n"));
        elo_http_res_open(m->req);
    }
    if (made.len > 0) {
        m->made = m->out;
        m->out = made;
        m->is_writing = true;
        elo_http_res_write(m->req, elo_buf_slice(&m->out), on_written, m);
    }
}


/* Nothing is on, and nothing is left to do: the end. */
static void
finish(import_t *m)
{
    elo_err_t err = elo_buf_err(&m->made);
    elo_http_req_t *req = m->req;
    bool is_cut = m->is_gone || err != ELO_OK;

    if (!is_cut && m->import.only_failures && !m->has_sum) {
        m->has_sum = true;
        elo_import_put_sum(&m->import, &m->made);
        run(m);
        return;
    }
    if (!is_cut && !m->is_open) {
        send_made(m); /* of no line */
    }
    free_import(m);
    if (is_cut) {
        elo_http_res_abort(req);
    } else {
        elo_http_res_end(req);
    }
}


/* Starts what can be started. */
static void
run(import_t *m)
{
    if (elo_buf_err(&m->made) != ELO_OK) {
        m->is_gone = true; /* what couldn't be answered isn't passed over */
    }
    if (!m->is_working) {
        if (m->is_gone) {
            elo_buf_clear(&m->made);
        } else if (m->made.len > 0 && !m->is_writing) {
            send_made(m);
        }
        feed(m);
    }
    if (!m->is_reading && !m->has_ended && !m->is_gone && has_room(m)) {
        m->is_reading = true;
        elo_http_req_read(m->req, on_bytes, m);
    }
    if (!m->is_working && !m->is_writing && !m->is_reading && m->made.len == 0
        && (m->has_ended || m->is_gone))
    {
        finish(m);
    }
}


/* ---- the beginning ---- */

static bool
is_ndjson(const elo_call_t *c)
{
    static const char *const types[] = { "application/x-ndjson",
                                         "application/ndjson",
                                         "application/jsonl" };
    elo_slice_t type = elo_http_req_header(c->req, "Content-Type");
    const uint8_t *semi = type.len == 0 ? NULL : memchr(type.p, ';', type.len);

    if (semi != NULL) {
        type.len = (size_t) (semi - type.p);
    }
    type = elo_slice_trim(type);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (elo_slice_ieq(type, elo_slice_str(types[i]))) {
            return true;
        }
    }
    return false;
}


/* A parameter that has but one value. */
static elo_err_t
read_word(const elo_call_t *c, const char *name, const char *only, bool *out)
{
    char room[WORD_ROOM];
    elo_slice_t text;
    elo_err_t rc = elo_query_text(elo_http_req_query(c->req), name, room,
                                  sizeof(room), &text);

    if (rc != ELO_OK || text.p == NULL) {
        return rc;
    }
    *out = elo_slice_eq(text, elo_slice_str(only));
    return *out ? ELO_OK : ELO_EINVAL;
}


static elo_err_t
read_condition(const elo_call_t *c, const char *name, char room[COND_ROOM],
               elo_slice_t *out)
{
    elo_slice_t s = elo_http_req_header(c->req, name);

    if (s.p == NULL) {
        return ELO_OK;
    }
    if (s.len > COND_ROOM) {
        return ELO_EINVAL;
    }
    memcpy(room, s.p, s.len);
    *out = elo_slice(room, s.len);
    return ELO_OK;
}


/* What the request says; what is wrong with it in *why. */
static elo_err_t
read_request(const elo_call_t *c, import_t *m, const char **why)
{
    elo_import_t *i = &m->import;

    if (!is_ndjson(c)) {
        *why = "send application/x-ndjson: a content node in each line";
        return ELO_EUNSUPPORTED;
    }
    if (read_word(c, "precondition", "version", &i->by_version) != ELO_OK) {
        *why = "precondition can only be version";
        return ELO_EINVAL;
    }
    if (read_word(c, "report", "failures", &i->only_failures) != ELO_OK) {
        *why = "report can only be failures";
        return ELO_EINVAL;
    }
    if (read_condition(c, "If-Match", m->if_match, &i->cond.if_match) != ELO_OK
        || read_condition(c, "If-None-Match", m->if_none_match,
                          &i->cond.if_none_match)
               != ELO_OK)
    {
        *why = "If-Match or If-None-Match is too long";
        return ELO_EINVAL;
    }
    return ELO_OK;
}


/* Has that many, or this agent that many? */
static bool
is_full(const elo_call_t *c)
{
    uint32_t n = 0, his = 0;

    for (const import_t *m = c->api->imports; m != NULL; m = m->next) {
        n++;
        his += c->is_guest && m->import.call.is_guest
               && elo_agent_eq(&m->import.call.agent, &c->agent);
    }
    return n >= ALL_MAX || his >= AGENT_MAX;
}


static elo_err_t
make(const elo_call_t *c, import_t *m, const char **why)
{
    elo_err_t rc;

    m->api = c->api;
    m->req = c->req;
    m->import.call = *c;
    m->import.lines.max = ELO_CONTENT_JSON_MAX;
    elo_buf_init(&m->made, MADE_MAX + ELO_IMPORT_OUT_MAX);
    elo_buf_init(&m->out, MADE_MAX + ELO_IMPORT_OUT_MAX);
    if ((rc = read_request(c, m, why)) != ELO_OK) {
        return rc;
    }
    if (is_full(c)) {
        *why = "as many imports run as may at once";
        return ELO_ERATE;
    }
    m->in = malloc(TAIL_ROOM + READ_ROOM);
    m->work = malloc(TAIL_ROOM + READ_ROOM);
    m->in_at = m->in_end = TAIL_ROOM;
    return m->in == NULL || m->work == NULL ? ELO_ENOMEM
                                            : elo_import_init(&m->import);
}


void
elo_call_import(elo_call_t *c)
{
    import_t *m = calloc(1, sizeof(*m));
    const char *why = NULL;
    elo_err_t rc = m == NULL ? ELO_ENOMEM : make(c, m, &why);

    if (rc != ELO_OK) {
        if (m != NULL) {
            free_import(m);
        }
        elo_reply_err(c->req, rc, why);
        return;
    }
    m->next = c->api->imports;
    m->at = &c->api->imports;
    if (m->next != NULL) {
        m->next->at = &m->next;
    }
    c->api->imports = m;
    run(m);
}
