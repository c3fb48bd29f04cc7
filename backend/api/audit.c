/* SPDX-License-Identifier: BSD-2-Clause */
/* audit: see the header. A thing that is counted goes by its bytes
   (elo_audit_put_what), the same that stand in its entry. */
#include "backend/api/audit.h"

#include <assert.h>
#include <stdlib.h>

#include "backend/os/clock.h"
#include "backend/os/log.h"
#include "backend/store/journal.h"
#include "common/base/hashmap.h"

#define BATCH   ELO_JOURNAL_BATCH_MAX
#define TICK_MS 1000

typedef struct thing_s thing_t;

struct thing_s {
    thing_t *next;
    int64_t minute, time;
    uint64_t count;   /* not written, nor on its way */
    uint64_t sending; /* on its way */
    bool is_use;
    bool is_durable;           /* a use of this minute is in the log */
    bool is_due;               /* for the next batch */
    elo_audit_wait_t *waiting; /* for the next batch, ... */
    elo_audit_wait_t *sent;    /* ... and for the one on its way */
    size_t len;
    uint8_t what[ELO_AUDIT_ENTRY_MAX];
};

struct elo_audit_s {
    elo_job_t job; /* first */
    elo_audit_cfg_t cfg;
    elo_timer_t *timer;
    elo_hashmap_t by_what;
    thing_t *things;
    uint32_t n_uses, n_refusals;
    thing_t lost; /* in things, always */
    bool is_draining;
    bool is_failing;
    bool is_busy; /* a batch is on its way; what follows is the job's */
    thing_t *batch[BATCH];
    elo_slice_t entries[BATCH];
    uint32_t n;
    elo_err_t err;
    uint8_t room[BATCH * ELO_AUDIT_ENTRY_MAX];
};


static int64_t
now_of(const elo_audit_t *a)
{
    return a->cfg.now != NULL ? a->cfg.now(a->cfg.ctx) : elo_clock_unix_s();
}


/* ---- things ---- */

static bool
is_thing(const void *item, const void *key)
{
    const elo_slice_t *what = key;
    const thing_t *t = item;

    return elo_slice_eq(elo_slice(t->what, t->len), *what);
}


static thing_t *
find(const elo_audit_t *a, elo_slice_t what)
{
    return elo_hashmap_get(&a->by_what, elo_hashmap_hash(&a->by_what, what),
                           is_thing, &what);
}


/* ELO_ERATE: there are as many as there may be. */
static elo_err_t
add(elo_audit_t *a, elo_slice_t what, bool is_use, thing_t **out)
{
    uint32_t *n = is_use ? &a->n_uses : &a->n_refusals;
    thing_t *t;
    elo_err_t rc;

    if (*n >= (is_use ? ELO_AUDIT_USES : ELO_AUDIT_REFUSALS)) {
        return ELO_ERATE;
    }
    if ((rc = elo_hashmap_reserve(&a->by_what, 1)) != ELO_OK) {
        return rc;
    }
    if ((t = calloc(1, sizeof(*t))) == NULL) {
        return ELO_ENOMEM;
    }
    t->is_use = is_use;
    t->len = what.len;
    memcpy(t->what, what.p, what.len);
    elo_hashmap_put(&a->by_what, elo_hashmap_hash(&a->by_what, what), t);
    t->next = a->things;
    a->things = t;
    (*n)++;
    *out = t;
    return ELO_OK;
}


static void
drop(elo_audit_t *a, thing_t *t)
{
    uint64_t hash = elo_hashmap_hash(&a->by_what, elo_slice(t->what, t->len));

    elo_ignore(!elo_hashmap_remove(&a->by_what, hash, t)); /* it is there */
    *(t->is_use ? &a->n_uses : &a->n_refusals) -= 1;
    free(t);
}


/* One more at this time. In another minute than the last one nothing of it is in
   the log. */
static void
count(thing_t *t, int64_t now)
{
    int64_t minute = now / ELO_AUDIT_MINUTE;

    if (t->minute != minute) {
        t->is_durable = false;
        t->is_due = t->is_due || t->is_use;
    }
    t->minute = minute;
    t->time = now;
    t->count++;
}


/* ---- writing ---- */

static void
tell(elo_audit_wait_t **list, elo_err_t err)
{
    while (*list != NULL) {
        elo_audit_wait_t *w = *list;

        *list = w->_next;
        w->done(w, err);
    }
}


/* pool */
static void
work_append(elo_job_t *job)
{
    elo_audit_t *a = (elo_audit_t *) job;

    a->err = a->cfg.append(a->cfg.ctx, a->entries, a->n);
}


static void run(elo_audit_t *a);


static void
move(elo_audit_wait_t **from, elo_audit_wait_t **to)
{
    while (*from != NULL) {
        elo_audit_wait_t *w = *from;

        *from = w->_next;
        w->_next = *to;
        *to = w;
    }
}


/* Uses that were refused aren't any. */
static void
uncount(thing_t *t, elo_audit_wait_t **from, elo_audit_wait_t **to)
{
    for (const elo_audit_wait_t *w = *from; w != NULL; w = w->_next) {
        t->count--;
    }
    move(from, to);
}


/* Nothing is allowed until something can be written, and nobody waits for that
   (A2). */
static void
on_failure(elo_audit_t *a, elo_audit_wait_t **told)
{
    if (!a->is_failing) {
        elo_log(ELO_LOG_ERROR,
                "the audit log can't be written, and nothing is read by grant "
                "until it can: make room, or see to the disk: %s",
                elo_strerror(a->err));
    }
    a->is_failing = true;
    for (thing_t *t = a->things; t != NULL; t = t->next) {
        t->is_durable = false;
        t->count += t->sending;
        t->sending = 0;
        uncount(t, &t->sent, told);
        uncount(t, &t->waiting, told);
        t->is_due = t->is_due && t->count > 0;
    }
}


static void
on_success(elo_audit_t *a, elo_audit_wait_t **told)
{
    if (a->is_failing) {
        elo_log(ELO_LOG_NOTICE, "the audit log can be written again");
    }
    a->is_failing = false;
    for (uint32_t i = 0; i < a->n; i++) {
        thing_t *t = a->batch[i];

        t->is_durable = t->is_use && !t->is_due;
        t->sending = 0;
        move(&t->sent, told);
    }
}


static void
after_append(elo_job_t *job)
{
    elo_audit_t *a = (elo_audit_t *) job;
    elo_audit_wait_t *told = NULL;
    elo_err_t err = a->err;

    if (err == ELO_OK) {
        on_success(a, &told);
    } else {
        on_failure(a, &told);
    }
    a->is_busy = false;
    tell(&told, err); /* which may ask for more */
    if (err == ELO_OK) {
        run(a);
    }
}


static void
put_batch(elo_audit_t *a, thing_t *t)
{
    uint8_t *room = a->room + (size_t) a->n * ELO_AUDIT_ENTRY_MAX;
    elo_buf_t b;

    elo_buf_init_fixed(&b, (char *) room, ELO_AUDIT_ENTRY_MAX);
    elo_audit_put_entry(&b, t->time, t->count, elo_slice(t->what, t->len));
    assert(elo_buf_err(&b) == ELO_OK); /* its bounds are below that */
    a->entries[a->n] = elo_slice(room, b.len);
    a->batch[a->n++] = t;
    t->sending = t->count;
    t->count = 0;
    t->is_due = false;
    t->sent = t->waiting;
    t->waiting = NULL;
}


static void
run(elo_audit_t *a)
{
    if (a->is_busy) {
        return;
    }
    a->n = 0;
    for (thing_t *t = a->things; t != NULL && a->n < BATCH; t = t->next) {
        if (t->is_due && t->count > 0) {
            put_batch(a, t);
        }
    }
    if (a->n > 0) {
        a->is_busy = true;
        a->job.work = work_append;
        a->job.after = after_append;
        elo_loop_work(a->cfg.loop, &a->job);
    }
}


void
elo_audit_tick(elo_audit_t *a)
{
    int64_t minute = now_of(a) / ELO_AUDIT_MINUTE;
    thing_t **at = &a->things;

    while (*at != NULL) {
        thing_t *t = *at;
        bool is_idle = t->count == 0 && t->sending == 0;

        if (t->minute != minute && is_idle && t != &a->lost) {
            *at = t->next;
            drop(a, t);
            continue;
        }
        t->is_due =
            t->is_due
            || ((t->minute != minute || a->is_draining) && t->count > 0);
        at = &t->next;
    }
    run(a);
}


static void
on_timer(void *ctx)
{
    elo_audit_tick(ctx);
}


void
elo_audit_drain(elo_audit_t *a)
{
    a->is_draining = true;
    elo_audit_tick(a);
}


/* ---- what is told ---- */

/* The thing of these words; where there are many, of whom and by what alone (A3). */
static elo_err_t
need_use(elo_audit_t *a, const elo_audit_what_t *what, thing_t **out)
{
    uint8_t mem[ELO_AUDIT_ENTRY_MAX];
    elo_audit_what_t w = *what;
    elo_buf_t b;
    elo_err_t rc;

    for (;;) {
        elo_buf_init_fixed(&b, (char *) mem, sizeof(mem));
        elo_audit_put_what(&b, &w);
        if ((rc = elo_buf_err(&b)) != ELO_OK) {
            return rc;
        }
        if ((*out = find(a, elo_buf_slice(&b))) != NULL) {
            return ELO_OK;
        }
        if (a->n_uses < ELO_AUDIT_USES / 2
            || (!w.has_digest && w.content.len == 0)) {
            return add(a, elo_buf_slice(&b), true, out);
        }
        w.has_digest = false;
        w.content = elo_slice(NULL, 0);
    }
}


static void
wait_in(elo_audit_wait_t **list, elo_audit_wait_t *w)
{
    w->_next = *list;
    *list = w;
}


elo_err_t
elo_audit_use(elo_audit_t *a, const elo_audit_what_t *what, bool is_told,
              elo_audit_wait_t *w)
{
    int64_t now = now_of(a);
    thing_t *t = NULL;
    elo_err_t rc;

    if ((rc = need_use(a, what, &t)) != ELO_OK) {
        return rc;
    }
    if (is_told && t->is_durable && t->minute == now / ELO_AUDIT_MINUTE) {
        return ELO_OK;
    }
    count(t, now);
    if (t->is_durable) {
        t->is_due = t->is_due || a->is_draining;
        run(a);
        return ELO_OK;
    }
    if (t->sending > 0 && !t->is_due) {
        wait_in(&t->sent, w); /* it is on its way: this one is counted later */
    } else {
        t->is_due = true;
        wait_in(&t->waiting, w);
    }
    run(a);
    return ELO_EAGAIN;
}


void
elo_audit_refusal(elo_audit_t *a, const elo_audit_what_t *what)
{
    uint8_t mem[ELO_AUDIT_ENTRY_MAX];
    thing_t *t = NULL;
    elo_buf_t b;

    elo_buf_init_fixed(&b, (char *) mem, sizeof(mem));
    elo_audit_put_what(&b, what);
    if (elo_buf_err(&b) == ELO_OK) {
        t = find(a, elo_buf_slice(&b));
        if (t == NULL && add(a, elo_buf_slice(&b), false, &t) != ELO_OK) {
            t = NULL;
        }
    }
    if (t == NULL) {
        t = &a->lost;
    }
    count(t, now_of(a));
    if (a->is_draining) {
        t->is_due = true;
        run(a);
    }
}


/* ---- lifetime ---- */

elo_err_t
elo_audit_create(const elo_audit_cfg_t *cfg, elo_audit_t **out)
{
    static const elo_audit_what_t lost = { .class = ELO_AUDIT_LOST };
    uint8_t key[ELO_SHORTHASH_KEY_LEN];
    elo_audit_t *a = calloc(1, sizeof(*a));
    elo_buf_t b;
    elo_err_t rc;

    if (a == NULL) {
        return ELO_ENOMEM;
    }
    a->cfg = *cfg;
    elo_keys_random(key, sizeof(key));
    elo_hashmap_init(&a->by_what, key);
    elo_buf_init_fixed(&b, (char *) a->lost.what, sizeof(a->lost.what));
    elo_audit_put_what(&b, &lost);
    a->lost.len = b.len;
    a->things = &a->lost;
    rc = elo_timer_create(cfg->loop, TICK_MS, TICK_MS, on_timer, a, &a->timer);
    if (rc != ELO_OK) {
        elo_audit_free(&a);
        return rc;
    }
    *out = a;
    return ELO_OK;
}


void
elo_audit_free(elo_audit_t **a)
{
    thing_t *t;

    if (*a == NULL) {
        return;
    }
    assert(!(*a)->is_busy);
    elo_timer_free(&(*a)->timer);
    while ((t = (*a)->things) != NULL) {
        (*a)->things = t->next;
        if (t != &(*a)->lost) {
            free(t);
        }
    }
    elo_hashmap_dispose(&(*a)->by_what);
    free(*a);
    *a = NULL;
}
