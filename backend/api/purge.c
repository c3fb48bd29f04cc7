/* SPDX-License-Identifier: BSD-2-Clause */
/* purge: see the header. */
#include "backend/api/purge.h"

#include <stdlib.h>

#include "backend/json/json_write.h"
#include "backend/os/clock.h"
#include "backend/os/log.h"
#include "common/base/num.h"
#include "common/cache/rate.h"

#define WAIT_MAX   64u
#define WALK       4096u /* candidates of one piece */
#define PIECE      256u  /* digests of one; a quarter of the ring */
#define PIECE_US   400u  /* of each digest: 2,500 a second */
#define ANSWER_MAX 512u

/* Of an agent: five a second, and twenty at once. */
#define RATE_SETS     64u
#define RATE_EACH_US  200000u
#define RATE_BURST_US 4000000u

typedef struct purge_s purge_t;

struct purge_s {
    elo_job_t job; /* first */
    elo_purge_queue_t *q;
    elo_http_req_t *req;
    purge_t *next;
    bool is_guest;
    bool is_everyones;
    /* worker, then loop */
    elo_pick_t pick;
    bool is_all;
    uint32_t n_sent;  /* of the digests */
    uint32_t n_piece; /* of the last piece */
    uint64_t seq;
    bool is_done;
    elo_err_t err;
};

struct elo_purge_queue_s {
    elo_loop_t *loop;
    elo_store_t *store;
    elo_rate_t *rate;
    purge_t *first, **last;
    uint32_t n;
    bool is_working, is_draining;
    uint64_t next_us; /* of a piece */
    elo_timer_t *timer;
};


static void run(elo_purge_queue_t *q);


/* ---- a piece [pool] ---- */

/* All, or the next digests; slots go with the first. */
static void
send_piece(purge_t *p)
{
    elo_pick_t *k = &p->pick;
    elo_purge_set_t set = { .is_all = p->is_all };
    uint64_t seq;

    if (!p->is_all) {
        set.slots = p->n_sent == 0 ? &k->slots : NULL;
        set.digests = k->digests == NULL ? NULL : k->digests + p->n_sent;
        set.n_digests = ELO_MIN(PIECE, k->n_digests - p->n_sent);
    }
    if ((p->err = elo_store_purge(p->q->store, &set, &seq)) == ELO_OK) {
        p->seq = seq & ELO_PURGE_NUMBER;
        p->n_piece = ELO_MAX(set.n_digests, 1u);
        p->n_sent += set.n_digests;
        p->is_done = p->is_all || p->n_sent == k->n_digests;
    }
}


/* pool */
static void
work(elo_job_t *job)
{
    purge_t *p = (purge_t *) job;

    p->n_piece = 0;
    if (!p->pick.is_end) {
        p->err = elo_pick_step(&p->pick, p->q->store, WALK);
        if (p->err == ELO_ERANGE && p->is_everyones) {
            p->err = ELO_OK;
            p->is_all = p->pick.is_end = true;
        }
    }
    if (p->err == ELO_OK && p->pick.is_end) {
        send_piece(p);
    }
}


/* ---- the end of one ---- */

static void
purge_free(purge_t *p)
{
    elo_pick_dispose(&p->pick);
    free(p);
}


static const char *
by_name(elo_pick_by_t by)
{
    static const char *const names[ELO_PICK_BYS] = {
        [ELO_PICK_ADDRESS] = "address", [ELO_PICK_CONTENT] = "content",
        [ELO_PICK_PREFIX] = "prefix",   [ELO_PICK_TAG] = "tag",
        [ELO_PICK_REACH] = "reach",     [ELO_PICK_ALL] = "all",
    };

    return names[by];
}


static void
reply_done(purge_t *p)
{
    uint64_t contents = p->pick.n_contents, blobs = p->pick.n_digests;
    elo_store_totals_t all;
    elo_json_writer_t w;
    elo_buf_t b;

    if (p->is_all) {
        elo_store_totals(p->q->store, &all);
        contents = all.nodes;
        blobs = all.blobs;
    }
    elo_buf_init(&b, ANSWER_MAX);
    elo_json_writer_init(&w, &b);
    elo_json_put_object(&w, NULL);
    elo_json_put_object(&w, "purged");
    elo_json_put_u64(&w, "contents", contents);
    elo_json_put_u64(&w, "blobs", blobs);
    elo_json_end_object(&w);
    elo_json_put_bool(&w, "everything", p->is_all);
    elo_json_put_u64(&w, "seq", p->seq);
    elo_json_end_object(&w);
    elo_http_res_header(p->req, "Cache-Control", ELO_SLICE("no-store"));
    elo_reply_json(p->req, 200, &b);
    elo_buf_dispose(&b);
    if (p->is_all || p->pick.ask.by > ELO_PICK_CONTENT) {
        elo_log(ELO_LOG_NOTICE,
                "edges forget %s, asked for by %s: %llu contents, %llu blobs, "
                "by %s",
                p->is_all ? "all that they have" : "some",
                by_name(p->pick.ask.by), (unsigned long long) contents,
                (unsigned long long) blobs,
                p->is_guest ? "an agent" : "the operator");
    }
}


static void
finish(purge_t *p)
{
    p->q->n--;
    if (p->err == ELO_OK) {
        reply_done(p);
    } else if (p->err == ELO_ERANGE) {
        elo_reply_err(p->req, ELO_ETOOBIG,
                      "those are more contents or blobs than one purge takes: "
                      "purge them by narrower prefixes or tags");
    } else {
        elo_reply_err(p->req, p->err, NULL);
    }
    purge_free(p);
}


/* ---- the queue ---- */

static void
append(elo_purge_queue_t *q, purge_t *p)
{
    p->next = NULL;
    *q->last = p;
    q->last = &p->next;
}


static uint64_t
now_us(void)
{
    return elo_clock_mono_ns() / 1000;
}


/* Those behind it aren't kept by one that is long: it goes to the end. */
static void
after(elo_job_t *job)
{
    purge_t *p = (purge_t *) job;
    elo_purge_queue_t *q = p->q;

    q->is_working = false;
    q->next_us =
        ELO_MAX(q->next_us, now_us()) + (uint64_t) p->n_piece * PIECE_US;
    if (p->is_done || p->err != ELO_OK) {
        finish(p);
    } else {
        append(q, p);
    }
    run(q);
}


static void
on_time(void *ctx)
{
    elo_purge_queue_t *q = ctx;

    elo_timer_free(&q->timer);
    run(q);
}


/* True: the next piece comes later. Pieces that are small don't wait one by one. */
static bool
must_wait(elo_purge_queue_t *q)
{
    uint64_t now = now_us();

    if (q->is_draining || q->next_us <= now + (uint64_t) PIECE * PIECE_US) {
        return false;
    }
    return q->timer != NULL
           || elo_timer_create(q->loop, (q->next_us - now) / 1000, 0, on_time,
                               q, &q->timer)
                  == ELO_OK;
}


static void
run(elo_purge_queue_t *q)
{
    purge_t *p = q->first;

    if (q->is_working || p == NULL || must_wait(q)) {
        return;
    }
    q->first = p->next;
    if (q->first == NULL) {
        q->last = &q->first;
    }
    q->is_working = true;
    p->job.work = work;
    p->job.after = after;
    elo_loop_work(q->loop, &p->job);
}


void
elo_purge_queue_drain(elo_purge_queue_t *q)
{
    q->is_draining = true;
    elo_timer_free(&q->timer);
    run(q);
}


bool
elo_purge_queue_admits(elo_purge_queue_t *q, const elo_call_t *c,
                       uint32_t *wait_s)
{
    static const elo_rate_limit_t limit = { RATE_EACH_US, RATE_BURST_US };
    uint64_t wait_us;

    if (!c->is_guest
        || elo_rate_take(q->rate, elo_slice(c->key.b, sizeof(c->key.b)), &limit,
                         now_us(), &wait_us))
    {
        return true;
    }
    *wait_s = (uint32_t) (wait_us / 1000000 + 1);
    return false;
}


elo_err_t
elo_purge_queue_put(elo_purge_queue_t *q, const elo_call_t *c,
                    const elo_pick_ask_t *ask, bool is_everyones)
{
    purge_t *p;

    if (q->n >= WAIT_MAX) {
        return ELO_ERATE;
    }
    if ((p = calloc(1, sizeof(*p))) == NULL) {
        return ELO_ENOMEM;
    }
    p->q = q;
    p->req = c->req;
    p->is_guest = c->is_guest;
    p->is_everyones = is_everyones;
    p->is_all = ask->by == ELO_PICK_ALL;
    elo_pick_init(&p->pick, ask);
    q->n++;
    append(q, p);
    run(q);
    return ELO_OK;
}


elo_err_t
elo_purge_queue_create(elo_loop_t *loop, elo_store_t *s,
                       elo_purge_queue_t **out)
{
    uint8_t key[ELO_SHORTHASH_KEY_LEN];
    elo_purge_queue_t *q = calloc(1, sizeof(*q));

    if (q == NULL) {
        return ELO_ENOMEM;
    }
    q->rate = aligned_alloc(64, elo_rate_size(RATE_SETS));
    if (q->rate == NULL) {
        free(q);
        return ELO_ENOMEM;
    }
    elo_random(key, sizeof(key));
    elo_rate_init(q->rate, RATE_SETS, key);
    q->loop = loop;
    q->store = s;
    q->last = &q->first;
    *out = q;
    return ELO_OK;
}


void
elo_purge_queue_free(elo_purge_queue_t **q)
{
    if (*q == NULL) {
        return;
    }
    while ((*q)->first != NULL) {
        purge_t *p = (*q)->first;

        (*q)->first = p->next;
        purge_free(p);
    }
    elo_timer_free(&(*q)->timer);
    free((*q)->rate);
    free(*q);
    *q = NULL;
}
