/* SPDX-License-Identifier: BSD-2-Clause */
/* publish: the way of a record into the journal. Those that come wait in a queue; when
   no write is on, the queue is gone through in order, and what is good and depends
   on nothing that is ahead of it makes one batch, which a pool thread appends. Only
   when that is durable does the state take it, in order of the journal.

   (Q1) While a batch is being judged and written, the state doesn't change but by
        time. What is in the batch, or was passed over for it, can change nothing of
        how a later one of the batch is judged: see depends.
   (Q2) A record is in the queue once: who publishes it again is told with the first. */
#include <assert.h>
#include <stdlib.h>

#include "backend/ctl/ctl_internal.h"
#include "backend/os/log.h"
#include "backend/store/journal.h"
#include "common/base/num.h"

#define QUEUE_MAX 4096u /* records on their way: 32 MiB at most */
#define BATCH_MAX 256u  /* looked at for one batch */

_Static_assert(BATCH_MAX <= ELO_JOURNAL_BATCH_MAX, "one operation");

typedef struct waiter_s {
    elo_ctl_done_fn done;
    void *ctx;
    struct waiter_s *next;
} waiter_t;

typedef struct pub_s {
    struct pub_s *next;
    elo_rec_t rec;
    elo_slice_t bytes;
    bool is_to_say; /* bytes are made when it is judged, and are p's own */
    bool is_in_map;
    uint64_t hash; /* of its id */
    elo_err_t err;
    const char *why;
    uint64_t number;
    waiter_t first;
    waiter_t *others;
    uint8_t mem[]; /* the bytes, or the texts of a body that is to be said */
} pub_t;

typedef struct {
    pub_t *first, **last;
    uint32_t n;
} list_t;

struct elo_ctl_queue_s {
    elo_job_t job; /* first */
    elo_ctl_t *c;
    list_t waiting; /* to be judged */
    list_t batch;   /* judged: on their way to the disk, or behind it */
    uint32_t n_all; /* of whom somebody waits to be told */
    bool is_writing;
    elo_err_t err;       /* of the write */
    elo_ctl_mark_t mark; /* to be kept; of number 0: none is */
    bool is_marked;
    uint64_t first;
    elo_slice_t entries[BATCH_MAX];
    elo_hashmap_t by_id;
    elo_post_t wake;
    bool is_woken;
};

static const char too_many[] = "record: too many are on their way";

static void after_write(elo_job_t *job);


/* ---- lists ---- */

static void
list_init(list_t *l)
{
    *l = (list_t){ .last = &l->first };
}


static void
list_add(list_t *l, pub_t *p)
{
    p->next = NULL;
    *l->last = p;
    l->last = &p->next;
    l->n++;
}


static pub_t *
list_take(list_t *l)
{
    pub_t *p = l->first;

    if (p != NULL) {
        l->first = p->next;
        l->n--;
        if (l->first == NULL) {
            l->last = &l->first;
        }
    }
    return p;
}


static bool
is_id(const void *item, const void *key)
{
    return memcmp(((const pub_t *) item)->rec.id.b, key, ELO_SHA256_LEN) == 0;
}


/* ---- the end of one ---- */

static void
pub_free(pub_t *p)
{
    waiter_t *w;

    while ((w = p->others) != NULL) {
        p->others = w->next;
        free(w);
    }
    if (p->is_to_say) {
        free((void *) (uintptr_t) p->bytes.p);
    }
    free(p);
}


/* Its places are given back before anybody is told, who may publish again. */
static void
finish(elo_ctl_queue_t *q, pub_t *p)
{
    if (p->is_in_map) {
        bool was = elo_hashmap_remove(&q->by_id, p->hash, p);

        assert(was);
    }
    q->n_all--;
    p->first.done(p->first.ctx, p->err, p->why, &p->rec.id, p->number);
    for (waiter_t *w = p->others; w != NULL; w = w->next) {
        q->n_all--;
        w->done(w->ctx, p->err, p->why, &p->rec.id, p->number);
    }
    pub_free(p);
    elo_loop_unhold(q->c->loop);
}


static void
fail(pub_t *p, elo_err_t err, const char *why)
{
    p->err = err;
    p->why = why;
}


/* ---- judging ---- */

/* Judged by its author's chain alone, and of no weight for how others are judged. */
static bool
is_plain(elo_rec_kind_t kind)
{
    switch (kind) {
    case ELO_REC_REGISTRATION:
    case ELO_REC_RELATIONSHIP:
    case ELO_REC_GRANT:
    case ELO_REC_PROMOTION:
    case ELO_REC_LIFECYCLE:
    case ELO_REC_MANIFEST:
    case ELO_REC_LOCATION:
    case ELO_REC_COMMITMENT:
    case ELO_REC_ATTESTATION:
        return true;
    default:
        return false;
    }
}


/* May what is said of p hang on q, which is ahead of it? Both are plain: then it hangs
   on the author's chain, and on whether he is shut out. */
static bool
depends(const elo_rec_t *p, const elo_rec_t *q)
{
    return elo_agent_eq(&p->author, &q->author)
           || elo_agent_eq(&p->author, &q->body.agent);
}


typedef struct {
    elo_rec_t *rec;
    elo_buf_t *out;
    const char **why;
} say_t;


static elo_err_t
make(void *ctx, const uint8_t seed[ELO_SEED_LEN])
{
    say_t *s = ctx;

    return elo_rec_make(s->rec, seed, s->out, s->why);
}


static int64_t
now_ms(const elo_ctl_t *c)
{
    int64_t ms = c->now_fn != NULL ? c->now_fn(c->now_ctx) * 1000
                                   : (int64_t) (elo_clock_unix_us() / 1000);

    /* a chain's times don't go back, even if the clock does */
    return ELO_MAX(ms, c->own_ms);
}


/* The owner's word gets its place in his chain, time and signature. */
static elo_err_t
say(elo_ctl_t *c, pub_t *p)
{
    elo_buf_t out;
    say_t s = { &p->rec, &out, &p->why };
    elo_err_t rc;

    p->rec.seq = 0;
    p->rec.prev = (elo_digest_t){ { 0 } };
    (void) elo_ctl_head(c->state, &c->owner, &p->rec.seq, &p->rec.prev);
    p->rec.time_ms = now_ms(c);
    elo_buf_init(&out, ELO_RECORD_MAX);
    rc = elo_keyring_use(c->keyring, &c->owner, make, &s);
    if (rc == ELO_OK) {
        p->bytes = elo_buf_slice(&out); /* its memory is p's now */
        return elo_rec_parse(p->bytes, &p->rec, &p->why);
    }
    if (rc == ELO_ENOKEY) {
        p->why = "record: the owner's key isn't in the keyring";
    }
    elo_buf_dispose(&out);
    return rc;
}


/* Is it the next of its author's chain? */
static bool
is_next(const elo_ctl_t *c, const elo_rec_t *r)
{
    uint64_t seq = 0;
    elo_digest_t last = r->prev;

    (void) elo_ctl_head(c->state, &r->author, &seq, &last);
    return r->seq == seq && memcmp(r->prev.b, last.b, sizeof(last.b)) == 0;
}


/* True: to be written; else err, why and number say what is to be told. */
static bool
judge(elo_ctl_t *c, pub_t *p, int64_t now)
{
    p->why = "";
    if (p->is_to_say) {
        if ((p->err = say(c, p)) != ELO_OK) {
            return false;
        }
    } else if ((p->number = elo_ctl_number(c, &p->rec.id)) != 0) {
        return false;
    }
    p->err = elo_ctl_state_check(c->state, &p->rec, now, &p->why);
    if (p->err == ELO_EINVAL && !is_next(c, &p->rec)) {
        p->err = ELO_EPRECOND;
    }
    if (p->err == ELO_OK
        && !elo_ctl_state_pace(c->state, &p->rec.author, now * 1000))
    {
        p->err = ELO_ERATE;
        p->why = "its author has added too many records lately, try again soon";
    }
    return p->err == ELO_OK;
}


/* Goes through the queue: fills the batch, and gives what is refused. */
static void
choose(elo_ctl_queue_t *q, list_t *refused)
{
    const elo_rec_t *ahead[BATCH_MAX];
    int64_t now = elo_ctl_now(q->c);
    list_t rest;
    uint32_t n = 0;
    pub_t *p;

    list_init(&rest);
    while (n < BATCH_MAX && (p = list_take(&q->waiting)) != NULL) {
        bool is_free = p->err != ELO_OK || n == 0 || is_plain(p->rec.kind);

        for (uint32_t i = 0; is_free && p->err == ELO_OK && i < n; i++) {
            is_free = !depends(&p->rec, ahead[i]);
        }
        if (is_free && (p->err != ELO_OK || !judge(q->c, p, now))) {
            list_add(refused, p);
            continue;
        }
        ahead[n++] = &p->rec;
        list_add(is_free ? &q->batch : &rest, p);
        if (!is_plain(p->rec.kind)) {
            break; /* all behind it hang on it */
        }
    }
    while ((p = list_take(&q->waiting)) != NULL) {
        list_add(&rest, p);
    }
    while ((p = list_take(&rest)) != NULL) {
        list_add(&q->waiting, p);
    }
}


/* ---- writing ---- */

/* pool */
static void
work_write(elo_job_t *job)
{
    elo_ctl_queue_t *q = (elo_ctl_queue_t *) job;

    q->err = elo_store_journal_append_all(q->c->store, ELO_JOURNAL_RECORD,
                                          q->entries, q->batch.n, &q->first);
    q->is_marked = q->err == ELO_OK && q->mark.number > 0
                   && elo_ctl_mark_save(q->c, &q->mark) == ELO_OK;
}


static void
write_batch(elo_ctl_queue_t *q)
{
    uint32_t n = 0;

    for (const pub_t *p = q->batch.first; p != NULL; p = p->next) {
        q->entries[n++] = p->bytes;
    }
    q->is_writing = true;
    q->mark = elo_ctl_mark_is_due(q->c) ? q->c->taken : (elo_ctl_mark_t){ 0 };
    q->job.work = work_write;
    q->job.after = after_write;
    elo_loop_work(q->c->loop, &q->job);
}


static void
wake(elo_ctl_queue_t *q)
{
    if (!q->is_woken) {
        q->is_woken = true;
        elo_loop_post(q->c->loop, &q->wake);
    }
}


/* The state takes one that is durable. False: it has no memory for it; it stays in
   front and is tried again, for the journal has it, and it can't be refused any
   more. */
static bool
settle_one(elo_ctl_queue_t *q, pub_t *p)
{
    elo_err_t rc =
        q->err != ELO_OK ? q->err : elo_ctl_take(q->c, p->number, &p->rec);

    if (q->err == ELO_OK && rc != ELO_OK && p->err != rc) {
        elo_log(rc == ELO_ENOMEM ? ELO_LOG_CRIT : ELO_LOG_ALERT,
                "ctl: record %llu is kept, and not taken: %s",
                (unsigned long long) p->number, elo_strerror(rc));
    }
    p->err = rc;
    return q->err != ELO_OK || rc != ELO_ENOMEM;
}


static void
settle(elo_ctl_queue_t *q)
{
    int64_t until = elo_ctl_until(q->c);
    pub_t *p;

    if (until != 0 && until <= elo_ctl_now(q->c)) {
        elo_ctl_expire(q->c); /* before others' words are compared with it */
    }

    while ((p = q->batch.first) != NULL) {
        if (!settle_one(q, p)) {
            wake(q);
            return;
        }
        (void) list_take(&q->batch);
        finish(q, p);
    }
    if (q->err == ELO_OK) {
        elo_ctl_expire(q->c);
    }
    if (q->waiting.n > 0) {
        wake(q);
    }
}


static void
on_wake(elo_post_t *post)
{
    elo_ctl_queue_t *q =
        (elo_ctl_queue_t *) (void *) ((char *) post
                                      - offsetof(elo_ctl_queue_t, wake));
    list_t refused;
    pub_t *p;

    q->is_woken = false;
    if (q->is_writing) {
        return; /* its end wakes */
    }
    if (q->batch.n > 0) {
        settle(q);
        return;
    }
    list_init(&refused);
    choose(q, &refused);
    if (q->batch.n > 0) {
        write_batch(q);
    } else if (q->waiting.n > 0) {
        wake(q);
    }
    while ((p = list_take(&refused)) != NULL) {
        finish(q, p);
    }
}


static void
after_write(elo_job_t *job)
{
    elo_ctl_queue_t *q = (elo_ctl_queue_t *) job;
    uint64_t number = q->first;

    q->is_writing = false;
    if (q->is_marked) {
        q->c->marked = q->mark.number;
    }
    for (pub_t *p = q->batch.first; p != NULL; p = p->next) {
        if (q->err == ELO_OK) {
            p->number = number++;
        } else {
            p->why = "record: the store doesn't take it";
        }
    }
    settle(q);
}


/* ---- the queue ---- */

static void
enqueue(elo_ctl_queue_t *q, pub_t *p)
{
    q->n_all++;
    elo_loop_hold(q->c->loop);
    list_add(&q->waiting, p);
    wake(q);
}


/* With the first that has this id; false: p is the first. */
static bool
join(elo_ctl_queue_t *q, pub_t *p)
{
    pub_t *first;
    waiter_t *w;

    p->hash = elo_hashmap_hash(&q->by_id,
                               elo_slice(p->rec.id.b, sizeof(p->rec.id.b)));
    first = elo_hashmap_get(&q->by_id, p->hash, is_id, p->rec.id.b);
    if (first == NULL) {
        if (elo_hashmap_reserve(&q->by_id, 1) != ELO_OK) {
            fail(p, ELO_ENOMEM, "record: no memory");
        } else {
            elo_hashmap_put(&q->by_id, p->hash, p);
            p->is_in_map = true;
        }
        return false;
    }
    if ((w = calloc(1, sizeof(*w))) == NULL) {
        fail(p, ELO_ENOMEM, "record: no memory");
        return false;
    }
    *w = p->first;
    w->next = first->others;
    first->others = w;
    q->n_all++;
    return true;
}


void
elo_ctl_publish(elo_ctl_t *c, elo_slice_t bytes, elo_ctl_done_fn done,
                void *ctx)
{
    static const elo_digest_t none;
    bool is_full = c->queue->n_all >= QUEUE_MAX;
    bool is_ok = !is_full && bytes.len <= ELO_RECORD_MAX;
    pub_t *p;

    assert(c->magic == ELO_CTL_MAGIC);
    if ((p = calloc(1, sizeof(*p) + (is_ok ? bytes.len : 0))) == NULL) {
        done(ctx, ELO_ENOMEM, "record: no memory", &none, 0);
        return;
    }
    p->first = (waiter_t){ .done = done, .ctx = ctx };
    if (is_full) {
        fail(p, ELO_EBUSY, too_many);
    } else if (!is_ok) {
        fail(p, ELO_ETOOBIG, "record: too long");
    } else {
        if (bytes.len > 0) {
            memcpy(p->mem, bytes.p, bytes.len);
        }
        p->why = "";
        p->err = elo_rec_parse(elo_slice(p->mem, bytes.len), &p->rec, &p->why);
    }
    p->bytes = elo_slice(p->mem, is_ok ? bytes.len : 0);
    if (p->err == ELO_OK && join(c->queue, p)) {
        pub_free(p);
        return;
    }
    enqueue(c->queue, p);
}


void
elo_ctl_say(elo_ctl_t *c, const elo_rec_t *r, elo_ctl_done_fn done, void *ctx)
{
    static const elo_digest_t none;
    elo_rec_body_t body = r->body;
    elo_slice_t *slices[] = { &body.content, &body.text,         &body.proof,
                              &body.peer,    &body.capabilities, &body.raw,
                              &body.jti,     &body.kid };
    size_t len = 0, at = 0;
    pub_t *p;

    assert(c->magic == ELO_CTL_MAGIC);
    for (size_t i = 0; i < ELO_COUNT(slices); i++) {
        len += slices[i]->len;
    }
    if ((p = calloc(1, sizeof(*p) + len)) == NULL) {
        done(ctx, ELO_ENOMEM, "record: no memory", &none, 0);
        return;
    }
    for (size_t i = 0; i < ELO_COUNT(slices); i++) {
        if (slices[i]->len > 0) {
            memcpy(p->mem + at, slices[i]->p, slices[i]->len);
        }
        slices[i]->p = p->mem + at;
        at += slices[i]->len;
    }
    p->is_to_say = true;
    p->rec = (elo_rec_t){ .author = c->owner, .kind = r->kind, .body = body };
    p->first = (waiter_t){ .done = done, .ctx = ctx };
    if (c->queue->n_all >= QUEUE_MAX) {
        fail(p, ELO_EBUSY, too_many);
    }
    enqueue(c->queue, p);
}


elo_err_t
elo_ctl_queue_create(elo_ctl_t *c, elo_ctl_queue_t **out)
{
    elo_ctl_queue_t *q = calloc(1, sizeof(*q));
    uint8_t key[ELO_SHORTHASH_KEY_LEN];

    if (q == NULL) {
        return ELO_ENOMEM;
    }
    elo_keys_random(key, sizeof(key));
    elo_hashmap_init(&q->by_id, key);
    list_init(&q->waiting);
    list_init(&q->batch);
    q->c = c;
    q->wake.fn = on_wake;
    *out = q;
    return ELO_OK;
}


void
elo_ctl_queue_free(elo_ctl_queue_t **q)
{
    if (*q != NULL) {
        assert((*q)->n_all == 0 && !(*q)->is_woken && !(*q)->is_writing);
        elo_hashmap_dispose(&(*q)->by_id);
        free(*q);
        *q = NULL;
    }
}
