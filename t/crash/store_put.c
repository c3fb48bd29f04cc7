/* SPDX-License-Identifier: BSD-2-Clause */
/* store_put: the part of store_work that puts blobs and takes them away. */
#include <semaphore.h>
#include <stdlib.h>

#include "backend/store/agent.h"
#include "backend/store/node_internal.h"
#include "t/crash/store_work_internal.h"
#include "t/crash/sweep.h"

const elo_reach_t sw_reaches[SW_REACHES] = {
    ELO_REACH_COMMONS,  ELO_REACH_COMMONS,   ELO_REACH_PRIVATE,
    ELO_REACH_REGIONAL, ELO_REACH_LOCAL,     ELO_REACH_INVITED,
    ELO_REACH_COMMONS,  ELO_REACH_MUNICIPAL,
};


/* ---- puts ---- */

typedef struct {
    elo_small_t p; /* first */
    sem_t *ended;
    uint32_t b, a; /* blob, agent */
    bool existed;
    elo_err_t err;
} small_t;

typedef struct {
    elo_kv_op_t op; /* first */
    sem_t go, ended;
} plug_t;


static elo_err_t
plug_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    (void) tx;
    while (sem_wait(&((plug_t *) op)->go) != 0) {
    }
    return ELO_OK;
}


static void
plug_done(elo_kv_op_t *op, elo_err_t err)
{
    (void) err;
    sem_post(&((plug_t *) op)->ended);
}


static void
small_done(elo_small_t *p, elo_err_t err)
{
    small_t *s = (small_t *) p;

    s->err = err;
    sem_post(s->ended);
}


elo_put_opt_t
sw_put_opt(sw_t *w, uint32_t a, elo_reach_t reach)
{
    elo_put_opt_t opt = { .content_type = ELO_SLICE("text/x-crash"),
                          .reach = reach,
                          .agent = *sm_agent(a) };

    if (reach == ELO_REACH_INVITED) {
        opt.invited = sm_agent(1 + sw_below(w, SM_AGENTS - 1));
        opt.n_invited = 1;
    }
    return opt;
}


/* A reach for agent a's put of blob b after f. Not invited twice: whether the
   readers are the same is then a question that the store may leave open. */
static elo_reach_t
pick_reach(sw_t *w, const sm_facts_t *f, uint32_t b, uint32_t a)
{
    elo_reach_t reach = sw_reaches[sw_below(w, 8)];
    const sm_blob_t *x = &f->blobs[b];

    return reach == ELO_REACH_INVITED && (x->sealed >> a & 1) != 0
                   && x->sealed_reach[a] == ELO_REACH_INVITED
               ? ELO_REACH_PRIVATE
               : reach;
}


/* Puts that were acknowledged are facts; of the rest, unless they were refused, the
   first so many may have been done. */
static void
settle_batch(sw_t *w, const small_t *s, uint32_t n)
{
    sm_t *m = w->m;
    elo_err_t err = ELO_OK;

    m->n_next = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (s[i].err != ELO_OK) {
            err = err == ELO_OK ? s[i].err : err;
            continue;
        }
        sm_put(&m->now, s[i].b, s[i].a, s[i].p.opt.reach);
        if (err == ELO_OK && s[i].p.existed != s[i].existed) {
            crash_fail("operation %u: existed is %d", m->n_ops, s[i].p.existed);
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        if (s[i].err != ELO_OK && s[i].err != ELO_ENOSPC
            && s[i].err != ELO_ENOMEM) {
            sm_put(sw_next_facts(w), s[i].b, s[i].a, s[i].p.opt.reach);
        }
    }
    m->n_ops++;
    if (err != ELO_OK && !simdisk_is_cut(w->d)) {
        sw_failed(w, "small puts", err, ELO_OK);
    }
}


void
sw_small_puts(sw_t *w, uint32_t n)
{
    plug_t plug = { .op = { .run = plug_run, .done = plug_done } };
    small_t s[SW_BATCH_MAX];
    sem_t ended;

    memset(s, 0, sizeof(s));
    sem_init(&plug.go, 0, 0);
    sem_init(&plug.ended, 0, 0);
    sem_init(&ended, 0, 0);
    elo_kv_submit(elo_store_kv(w->s), &plug.op);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t b, a = sw_below(w, SM_AGENTS);
        elo_reach_t reach;
        sm_facts_t *f;

        do {
            b = sw_below(w, SM_BLOBS);
        } while (sm_blob(b).len > SM_INLINE);
        f = sw_next_facts(w);
        reach = pick_reach(w, f, b, a);
        s[i].b = b;
        s[i].a = a;
        s[i].p.opt = sw_put_opt(w, a, reach);
        s[i].p.bytes = sm_blob(b);
        s[i].p.done = small_done;
        s[i].ended = &ended;
        s[i].existed = sm_put(f, b, a, reach);
        elo_store_put_small(w->s, &s[i].p);
    }
    sem_post(&plug.go);
    for (uint32_t i = 0; i < n; i++) {
        while (sem_wait(&ended) != 0) {
        }
    }
    while (sem_wait(&plug.ended) != 0) {
    }
    settle_batch(w, s, n);
    sem_destroy(&plug.go);
    sem_destroy(&plug.ended);
    sem_destroy(&ended);
}


/* Any blob through the long door; some are aborted, some are not what was said. */
void
sw_long_put(sw_t *w)
{
    uint32_t b = sw_below(w, SM_BLOBS), a = sw_below(w, SM_AGENTS);
    uint32_t how = sw_below(w, 10);
    elo_reach_t reach = pick_reach(w, &w->m->now, b, a);
    elo_put_opt_t opt = sw_put_opt(w, a, reach);
    elo_slice_t all = sm_blob(b), rest = all;
    elo_err_t want = how == 0 ? ELO_EHASH : ELO_OK;
    elo_blob_stat_t st;
    elo_put_t *p;
    bool existed = false, known = false;
    elo_err_t rc;

    opt.has_expect = how < 5;
    opt.expect = *sm_digest(how == 0 ? (b + 1) % SM_BLOBS : b);
    opt.size_hint = how % 2 == 0 ? rest.len : 0;
    rc = elo_put_begin(w->s, &opt, &p);
    while (rc == ELO_OK && rest.len > 0) {
        size_t n = 1 + sw_below(w, (uint32_t) all.len / 3 + 5000);

        n = n < rest.len ? n : rest.len;
        if ((rc = elo_put_write(p, elo_slice(rest.p, n))) != ELO_OK) {
            elo_put_abort(&p);
        }
        rest = elo_slice(rest.p + n, rest.len - n);
    }
    if (rc == ELO_OK && how == 9) {
        elo_put_abort(&p);
        return;
    }
    if (rc == ELO_OK) {
        if (want == ELO_OK) {
            known = sm_put(sw_next_facts(w), b, a, reach);
        }
        rc = elo_put_commit(&p, &st, &existed);
        if (rc == ELO_OK && existed != known) {
            crash_fail("operation %u: existed is %d", w->m->n_ops, existed);
        }
    }
    sw_settle(w, "put", rc, want);
}


/* ---- removal, pins, quotas ---- */

/* The facts of a removal from agents of a set: the clear blob goes first, then the
   sealed ones one by one, in an order that isn't known here. */
static void
removal(sw_t *w, uint32_t b, unsigned set)
{
    const sm_blob_t was = w->m->now.blobs[b];
    sm_facts_t base = w->m->now;
    unsigned sealed = was.sealed & set;

    for (uint32_t a = 0; a < SM_AGENTS; a++) {
        if ((set >> a & 1) != 0) {
            sm_remove_clear(&base, b, a);
        }
    }
    if ((was.owns & set) != 0) {
        *sw_next_facts(w) = base;
    }
    for (unsigned gone = 1; gone < 1u << SM_AGENTS; gone++) {
        sm_facts_t *f;

        if ((gone & sealed) != gone) {
            continue;
        }
        f = sw_next_facts(w);
        *f = base;
        for (uint32_t a = 0; a < SM_AGENTS; a++) {
            if ((gone >> a & 1) != 0) {
                sm_remove_sealed(f, b, a);
            }
        }
    }
}


void
sw_remove_blob(sw_t *w)
{
    uint32_t b = sw_below(w, SM_BLOBS), a = sw_below(w, SM_AGENTS);
    bool all = sw_below(w, 3) == 0;
    unsigned set = all ? (1u << SM_AGENTS) - 1 : 1u << a;
    const sm_blob_t *x = &w->m->now.blobs[b];
    bool mine = ((x->owns | x->sealed) & set) != 0;
    bool is_kept = sm_is_referred(&w->m->now, b) || x->pinned;
    elo_err_t rc;

    if (is_kept && !mine) {
        return; /* either answer would do */
    }
    if (!is_kept) {
        removal(w, b, set);
    }
    rc = elo_store_remove(w->s, sm_digest(b), all ? NULL : sm_agent(a));
    sw_settle(w, "remove", rc,
              is_kept ? ELO_EBUSY
              : mine  ? ELO_OK
                      : ELO_ENOTFOUND);
}


/* ---- collection ---- */

typedef struct {
    uint32_t b, a, no;
    int64_t due;
} orphan_t;


/* One of the first orphans that there are. */
static elo_err_t
pick_orphan(sw_t *w, orphan_t *o)
{
    uint32_t nth = sw_below(w, 4), n = 0;
    orphan_t is;
    elo_kv_cursor_t *c = NULL;
    elo_digest_t d, name;
    elo_agent_t agent;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_slice_t key;
    elo_err_t rc;

    if ((rc = elo_kv_view_begin(elo_store_kv(w->s), &v)) != ELO_OK) {
        return rc;
    }
    rc = elo_kv_cursor_open(&v, ELO_T_ORPHAN, elo_slice(NULL, 0), &c);
    while (rc == ELO_OK && n <= nth) {
        if ((rc = elo_kv_cursor_next(c, &key, &e)) == ELO_OK
            && (rc = elo_orphan_key_parse(key, &is.due, &name, &is.no))
                   == ELO_OK)
        {
            *o = is;
            d = name;
            n++;
        } /* else behind the last, or at a way back (ELO_ECORRUPT) */
    }
    if (n > 0) {
        rc = ELO_OK;
    }
    if (rc == ELO_OK && (rc = elo_agent_of(&v, o->no, &agent)) == ELO_OK) {
        for (o->b = 0; memcmp(sm_digest(o->b), &d, sizeof(d)) != 0; o->b++) {
        }
        for (o->a = 0; !elo_agent_eq(sm_agent(o->a), &agent); o->a++) {
        }
    }
    elo_kv_cursor_close(&c);
    elo_kv_view_end(&v);
    return rc;
}


/* Does a node of agent a refer to it, or (is_other) one of anybody else? */
static bool
refers(const sm_facts_t *f, uint32_t b, uint32_t a, bool is_other)
{
    for (uint32_t n = 0; n < SM_NODES; n++) {
        if (sm_counts(f, n, b) && (f->nodes[n].owner != a) == is_other) {
            return true;
        }
    }
    return false;
}


/* What an agent has lost his last reference to goes from him, unless his is the last
   copy and somebody was promoted to refer to it. */
void
sw_collect(sw_t *w)
{
    const sm_facts_t *now = &w->m->now;
    elo_err_t rc, want = ELO_OK;
    bool is_gone;
    orphan_t o = { .b = 0 };

    rc = pick_orphan(w, &o);
    if (rc == ELO_ENOTFOUND || rc == ELO_ECORRUPT) {
        return; /* there are fewer */
    }
    if (rc == ELO_OK) {
        const sm_blob_t *x = &now->blobs[o.b];
        unsigned bit = 1u << o.a;
        bool is_last = ((x->owns | x->sealed) & ~bit) == 0;

        if (refers(now, o.b, o.a, false)) {
            crash_fail("blob %u is agent %u's orphan, who refers to it", o.b,
                       o.a);
        }
        if (!x->pinned && is_last && refers(now, o.b, o.a, true)) {
            if ((x->owns & bit) != 0 && (x->sealed & bit) != 0) {
                sm_remove_clear(sw_next_facts(w), o.b, o.a);
            }
        } else if (!x->pinned) {
            removal(w, o.b, bit);
        }
        rc = elo_store_collect(w->s, sm_digest(o.b), o.no, o.due, &is_gone);
    }
    sw_settle(w, "collection", rc, want);
}


void
sw_pin(sw_t *w)
{
    uint32_t b = sw_below(w, SM_BLOBS);
    bool on = sw_below(w, 2) == 0;
    elo_err_t want = on && !sm_is_held(&w->m->now, b) ? ELO_ENOTFOUND : ELO_OK;

    if (want == ELO_OK) {
        sw_next_facts(w)->blobs[b].pinned = on;
    }
    sw_settle(w, "pin", elo_store_pin(w->s, sm_digest(b), on), want);
}


void
sw_quota(sw_t *w)
{
    uint32_t a = sw_below(w, SM_AGENTS);
    uint64_t bytes = (UINT64_C(1) << 40) + sw_below(w, 1000);

    sw_next_facts(w)->quota[a] = bytes;
    sw_settle(w, "quota", elo_store_set_quota(w->s, sm_agent(a), bytes),
              ELO_OK);
}
