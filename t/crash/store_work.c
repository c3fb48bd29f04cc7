/* SPDX-License-Identifier: BSD-2-Clause */
/* store_work: see store_work.h. */
#include "t/crash/store_work.h"

#include <semaphore.h>
#include <stdlib.h>

#include "backend/kv/kv_care.h"
#include "backend/store/agent.h"
#include "backend/store/fsck.h"
#include "common/http/wire.h"
#include "t/crash/sweep.h"

#define SEGMENT_BYTES (96u << 10)
#define BATCH_MAX     5u
#define FAR_MS        (UINT64_C(1) << 50) /* when a failed task is due */
#define TAKE_MAX      4u

static const elo_reach_t reaches[] = {
    ELO_REACH_COMMONS,  ELO_REACH_COMMONS,   ELO_REACH_PRIVATE,
    ELO_REACH_REGIONAL, ELO_REACH_LOCAL,     ELO_REACH_INVITED,
    ELO_REACH_COMMONS,  ELO_REACH_MUNICIPAL,
};


elo_err_t
sw_open(sw_t *w, simdisk_t *d, const elo_vfs_t *v, sm_t *m)
{
    elo_store_cfg_t cfg = {
        .root = simdisk_real(d),
        .vfs = v,
        .keyring = sm_keyring(),
        .map_bytes = 16u << 20,
        .group = -1,
        .inline_bytes = SM_INLINE,
        .segment_bytes = SEGMENT_BYTES,
        .tail_bytes = 1u << 30,
        .memtable_bytes = 1u << 20,
        .checkpoint_ms = 3600u * 1000u, /* only when the work says so */
        .upload_keep_s = 1000000,
        .grace_s = 1000000,
    };

    memset(w, 0, sizeof(*w));
    w->d = d;
    w->m = m;
    return elo_store_open(&cfg, &w->s, NULL);
}


void
sw_close(sw_t *w)
{
    elo_store_close(&w->s);
}


static uint32_t
below(sw_t *w, uint32_t n)
{
    return (uint32_t) sim_rng_below(&w->rng, n);
}


/* ---- what an answer means ---- */

/* Begins an operation: the facts that it will make, one state for each of its
   commits, are written where this points, one after the other. */
static sm_facts_t *
next_facts(sw_t *w)
{
    sm_t *m = w->m;
    sm_facts_t *f = &m->next[m->n_next];

    if (m->n_next == SM_NEXT) {
        abort();
    }
    *f = m->n_next == 0 ? m->now : m->next[m->n_next - 1];
    m->n_next++;
    return f;
}


/* Looks, with nothing in the way. */
static bool
observe(sw_t *w, sm_facts_t *seen)
{
    bool ok;

    if (w->pause != NULL) {
        w->pause(w->pause_ctx, true);
    }
    sim_spared++;
    ok = sm_observe(w->m, w->s, seen);
    sim_spared--;
    if (w->pause != NULL) {
        w->pause(w->pause_ctx, false);
    }
    return ok;
}


/* An answer that isn't the right one. What is refused has no effect, unless it
   consists of several commits; what failed in another way may have had one. */
static void
failed(sw_t *w, const char *what, elo_err_t rc, elo_err_t want)
{
    sm_t *m = w->m;

    w->failed++;
    if (w->failed_cb != NULL) {
        w->failed_cb();
    }
    if (!w->may_fail) {
        crash_fail("operation %u, %s: %s, want %s", m->n_ops, what,
                   elo_strerror(rc), elo_strerror(want));
        return;
    }
    if ((rc == ELO_ENOSPC || rc == ELO_ENOMEM) && m->n_next == 1) {
        m->n_next = 0;
    }
    if (!elo_store_is_readonly(w->s)) {
        sw_check(w);
    }
}


/* Ends it: it answered rc, and should have answered want. */
static void
settle(sw_t *w, const char *what, elo_err_t rc, elo_err_t want)
{
    sm_t *m = w->m;

    m->n_ops++;
    if (rc == want) {
        if (rc == ELO_OK && m->n_next > 0) {
            m->now = m->next[m->n_next - 1];
        }
        m->n_next = 0;
        return;
    }
    if (simdisk_is_cut(w->d)) {
        return; /* nobody knows */
    }
    failed(w, what, rc, want);
}


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


static elo_put_opt_t
put_opt(sw_t *w, uint32_t a, elo_reach_t reach)
{
    elo_put_opt_t opt = { .content_type = ELO_SLICE("text/x-crash"),
                          .reach = reach,
                          .agent = *sm_agent(a) };

    if (reach == ELO_REACH_INVITED) {
        opt.invited = sm_agent(1 + below(w, SM_AGENTS - 1));
        opt.n_invited = 1;
    }
    return opt;
}


/* A reach for agent a's put of blob b after f. Not invited twice: whether the
   readers are the same is then a question that the store may leave open. */
static elo_reach_t
pick_reach(sw_t *w, const sm_facts_t *f, uint32_t b, uint32_t a)
{
    elo_reach_t reach = reaches[below(w, 8)];
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
            sm_put(next_facts(w), s[i].b, s[i].a, s[i].p.opt.reach);
        }
    }
    m->n_ops++;
    if (err != ELO_OK && !simdisk_is_cut(w->d)) {
        failed(w, "small puts", err, ELO_OK);
    }
}


static void
small_puts(sw_t *w, uint32_t n)
{
    plug_t plug = { .op = { .run = plug_run, .done = plug_done } };
    small_t s[BATCH_MAX];
    sem_t ended;

    memset(s, 0, sizeof(s));
    sem_init(&plug.go, 0, 0);
    sem_init(&plug.ended, 0, 0);
    sem_init(&ended, 0, 0);
    elo_kv_submit(elo_store_kv(w->s), &plug.op);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t b, a = below(w, SM_AGENTS);
        elo_reach_t reach;
        sm_facts_t *f;

        do {
            b = below(w, SM_BLOBS);
        } while (sm_blob(b).len > SM_INLINE);
        f = next_facts(w);
        reach = pick_reach(w, f, b, a);
        s[i].b = b;
        s[i].a = a;
        s[i].p.opt = put_opt(w, a, reach);
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
static void
long_put(sw_t *w)
{
    uint32_t b = below(w, SM_BLOBS), a = below(w, SM_AGENTS);
    uint32_t how = below(w, 10);
    elo_reach_t reach = pick_reach(w, &w->m->now, b, a);
    elo_put_opt_t opt = put_opt(w, a, reach);
    elo_slice_t rest = sm_blob(b);
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
        size_t n = 1 + below(w, 30000);

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
            known = sm_put(next_facts(w), b, a, reach);
        }
        rc = elo_put_commit(&p, &st, &existed);
        if (rc == ELO_OK && existed != known) {
            crash_fail("operation %u: existed is %d", w->m->n_ops, existed);
        }
    }
    settle(w, "put", rc, want);
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
        *next_facts(w) = base;
    }
    for (unsigned gone = 1; gone < 1u << SM_AGENTS; gone++) {
        sm_facts_t *f;

        if ((gone & sealed) != gone) {
            continue;
        }
        f = next_facts(w);
        *f = base;
        for (uint32_t a = 0; a < SM_AGENTS; a++) {
            if ((gone >> a & 1) != 0) {
                sm_remove_sealed(f, b, a);
            }
        }
    }
}


static void
remove_blob(sw_t *w)
{
    uint32_t b = below(w, SM_BLOBS), a = below(w, SM_AGENTS);
    bool all = below(w, 3) == 0;
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
    settle(w, "remove", rc,
           is_kept ? ELO_EBUSY
           : mine  ? ELO_OK
                   : ELO_ENOTFOUND);
}


static void
pin(sw_t *w)
{
    uint32_t b = below(w, SM_BLOBS);
    bool on = below(w, 2) == 0;
    elo_err_t want = on && !sm_is_held(&w->m->now, b) ? ELO_ENOTFOUND : ELO_OK;

    if (want == ELO_OK) {
        next_facts(w)->blobs[b].pinned = on;
    }
    settle(w, "pin", elo_store_pin(w->s, sm_digest(b), on), want);
}


static void
quota(sw_t *w)
{
    uint32_t a = below(w, SM_AGENTS);
    uint64_t bytes = (UINT64_C(1) << 40) + below(w, 1000);

    next_facts(w)->quota[a] = bytes;
    settle(w, "quota", elo_store_set_quota(w->s, sm_agent(a), bytes), ELO_OK);
}


/* ---- nodes, media ---- */

static void
node(sw_t *w)
{
    uint8_t room[SM_JSON_MAX];
    elo_digest_t refs[4];
    uint32_t n = below(w, SM_NODES), n_refs = below(w, 4), set = 0;
    const sm_node_t *was = &w->m->now.nodes[n];
    char id[8];
    elo_node_t x = { .version = was->version + 1u,
                     .reach = reaches[below(w, 8)],
                     .refs = refs };
    sm_facts_t *f;

    snprintf(id, sizeof(id), "node%u", n);
    x.id = elo_slice_str(id);
    if (was->version > 0 && (was->version == SM_VERSIONS || below(w, 4) == 0)) {
        memset(&next_facts(w)->nodes[n], 0, sizeof(*was));
        settle(w, "node removal",
               elo_store_node_remove(w->s, x.id, was->version), ELO_OK);
        return;
    }
    for (uint32_t i = 0; i < n_refs; i++) {
        uint32_t b = below(w, SM_BLOBS);

        if ((set >> b & 1) == 0) {
            set |= 1u << b;
            refs[x.n_refs++] = *sm_digest(b);
        }
    }
    x.json = sm_json(++w->m->serial, room);
    if (below(w, 8) == 0) {
        settle(w, "node of another version",
               elo_store_node_put(w->s, &x, x.version + 6u), ELO_EINVAL);
        return;
    }
    f = next_facts(w);
    f->nodes[n].version = (uint8_t) x.version;
    f->nodes[n].reach = (uint8_t) x.reach;
    f->nodes[n].refs = set;
    f->nodes[n].serial[x.version] = w->m->serial;
    settle(w, "node", elo_store_node_put(w->s, &x, was->version), ELO_OK);
}


static void
media(sw_t *w)
{
    uint8_t room[SM_MEDIA_MAX];
    uint32_t b = below(w, SM_BLOBS);
    elo_slice_t index = sm_media(++w->m->serial, room);
    elo_err_t want = w->m->now.blobs[b].owns == 0 ? ELO_ENOTFOUND : ELO_OK;

    if (want == ELO_OK) {
        next_facts(w)->blobs[b].media =
            index.len == 0 ? SM_MEDIA_NONE : w->m->serial;
    }
    settle(
        w, "media index",
        elo_store_media_put(
            w->s, sm_digest(b),
            index.len == 0 ? ELO_MEDIA_NONE : ELO_MEDIA_READY, index,
            index.len == 0 ? ELO_SLICE(SM_MEDIA_REASON) : elo_slice(NULL, 0)),
        want);
}


/* ---- tasks ---- */

static sm_task_t *
task_of(sw_t *w, sm_facts_t *f, const elo_digest_t *d)
{
    for (uint32_t b = 0; b < SM_BLOBS; b++) {
        if (memcmp(sm_digest(b), d, sizeof(*d)) == 0) {
            return &f->blobs[b].task;
        }
        for (uint32_t a = 0; a < SM_AGENTS; a++) {
            if ((f->blobs[b].sealed >> a & 1) != 0
                && memcmp(&w->m->objects[b][a], d, sizeof(*d)) == 0)
            {
                return &f->blobs[b].sealed_task[a];
            }
        }
    }
    return NULL;
}


/* Objects of sealed blobs have random names: the model has to be told. */
static void
learn_objects(sw_t *w)
{
    sm_facts_t seen;

    observe(w, &seen);
}


static void
work_on_tasks(sw_t *w, elo_task_t *t, uint32_t n)
{
    sm_facts_t *f = next_facts(w);
    sm_task_t *x;

    for (uint32_t i = 0; i < n; i++) {
        x = task_of(w, f, &t[i].digest);
        if (x == NULL || x->place != SM_TASK_READY) {
            /* its blob has been removed since it was made */
            elo_task_release(w->s, t, n);
            w->m->n_next = 0;
            return;
        }
        if (below(w, 3) > 0 || n > 1) {
            *x = (sm_task_t){ SM_TASK_NONE, 0 };
            continue;
        }
        *x = (sm_task_t){ SM_TASK_WAITING, (uint8_t) (x->attempts + 1) };
        settle(w, "failing a task", elo_task_fail(w->s, &t[i], FAR_MS, "no"),
               ELO_OK);
        return;
    }
    settle(w, "ending tasks", elo_task_done(w->s, t, n), ELO_OK);
}


static void
tasks(sw_t *w)
{
    elo_task_t t[TAKE_MAX];
    uint64_t due;
    uint32_t n = 0;
    elo_err_t rc =
        elo_task_take(w->s, 1000, t, 1 + below(w, TAKE_MAX), &n, &due);

    if (rc != ELO_OK) {
        settle(w, "taking tasks", rc, ELO_OK);
        return;
    }
    if (n == 0) {
        return;
    }
    if (below(w, 5) == 0 || simdisk_is_cut(w->d)) {
        elo_task_release(w->s, t, n);
        return;
    }
    learn_objects(w);
    work_on_tasks(w, t, n);
    if (w->m->n_next > 0) {
        elo_task_release(w->s, t, n); /* it is not known what became of them */
    }
}


/* An operator's word on the task of a clear blob. */
static void
retry_or_drop(sw_t *w)
{
    uint32_t b = below(w, SM_BLOBS);
    bool drop = below(w, 2) == 0;
    sm_task_t was = w->m->now.blobs[b].task, *x;
    elo_err_t rc, want = was.place == SM_TASK_NONE ? ELO_ENOTFOUND : ELO_OK;

    if (want == ELO_OK) {
        x = &next_facts(w)->blobs[b].task;
        if (drop) {
            x->place = SM_TASK_DROPPED;
        } else if (was.place != SM_TASK_READY) {
            *x = (sm_task_t){ SM_TASK_READY, 0 };
        }
    }
    rc = drop ? elo_task_drop(w->s, ELO_TASK_REPLICATE, sm_digest(b))
              : elo_task_retry(w->s, ELO_TASK_REPLICATE, sm_digest(b));
    settle(w, drop ? "dropping a task" : "retrying a task", rc, want);
}


/* ---- uploads ---- */

static void
upload_create(sw_t *w, uint32_t u)
{
    uint32_t b = below(w, SM_BLOBS), a = below(w, SM_AGENTS);
    /* not invited: see pick_reach */
    elo_reach_t reach = reaches[below(w, 5)];
    elo_put_opt_t opt = put_opt(w, a, reach);
    bool is_told = below(w, 3) > 0;
    elo_upload_stat_t st;
    sm_facts_t *f = next_facts(w);
    elo_err_t rc;

    /* until it has answered it is an upload that nobody knows */
    f->uploads[u] = (sm_upload_t){ SM_UP_NONE, 0, 0 };
    f->strangers++;
    w->m->uploads[u].id[0] = '\0';
    rc = elo_upload_create(w->s, &opt, is_told ? sm_blob(b).len : UINT64_MAX,
                           ELO_SLICE("filename Y3Jhc2g="), &st);
    if (rc == ELO_OK) {
        memcpy(w->m->uploads[u].id, st.id, sizeof(st.id));
        w->m->uploads[u].blob = (uint8_t) b;
        w->m->uploads[u].agent = (uint8_t) a;
        w->m->uploads[u].reach = (uint8_t) reach;
        f->uploads[u].state = SM_UP_OPEN;
        f->strangers--;
    } else {
        w->m->now.uploads[u] = (sm_upload_t){ SM_UP_NONE, 0, 0 };
    }
    settle(w, "upload creation", rc, ELO_OK);
}


/* Sends more, and makes it durable: by a sync, or by closing. */
static void
upload_write(sw_t *w, uint32_t u)
{
    const sm_upload_t *was = &w->m->now.uploads[u];
    elo_slice_t all = sm_blob(w->m->uploads[u].blob);
    elo_upload_t *up = NULL;
    size_t left = all.len - was->lo, n;
    sm_upload_t *x;
    elo_err_t rc;

    rc = elo_upload_open(w->s, elo_slice_str(w->m->uploads[u].id), &up);
    if (rc == ELO_OK && elo_upload_offset(up) != was->lo) {
        crash_fail("upload %u goes on at %llu, want %u", u,
                   (unsigned long long) elo_upload_offset(up), was->lo);
    }
    n = left == 0 ? 0 : 1 + below(w, (uint32_t) left);
    x = &next_facts(w)->uploads[u];
    x->hi += (uint32_t) n;
    if (rc == ELO_OK) {
        rc = elo_upload_write(up, elo_slice(all.p + was->lo, n));
    }
    if (rc == ELO_OK) {
        rc = elo_upload_sync(up);
    }
    if (rc == ELO_OK) {
        x->lo = x->hi; /* synced: it has to be there */
    }
    if (up != NULL) {
        elo_upload_close(&up);
    }
    settle(w, "upload write", rc, ELO_OK);
}


static void
upload_finish(sw_t *w, uint32_t u)
{
    uint32_t b = w->m->uploads[u].blob, a = w->m->uploads[u].agent;
    elo_reach_t reach = (elo_reach_t) w->m->uploads[u].reach;
    elo_upload_t *up = NULL;
    elo_blob_stat_t st;
    bool existed, known = false;
    sm_facts_t *f;
    elo_err_t rc;

    rc = elo_upload_open(w->s, elo_slice_str(w->m->uploads[u].id), &up);
    f = next_facts(w);
    if (rc == ELO_OK) {
        rc = elo_upload_set_length(up, sm_blob(b).len);
    }
    if (rc == ELO_OK) {
        known = sm_put(f, b, a, reach);
        f->uploads[u] = (sm_upload_t){ SM_UP_FINAL, 0, 0 };
        rc = elo_upload_finish(up, &st, &existed);
        if (rc == ELO_OK && existed != known) {
            crash_fail("operation %u: existed is %d", w->m->n_ops, existed);
        }
    }
    if (up != NULL) {
        elo_upload_close(&up);
    }
    settle(w, "upload finish", rc, ELO_OK);
}


static void
upload(sw_t *w)
{
    uint32_t u = below(w, SM_UPLOADS);
    const sm_upload_t *x = &w->m->now.uploads[u];
    bool is_full = x->lo == sm_blob(w->m->uploads[u].blob).len;

    if (x->state != SM_UP_OPEN) {
        upload_create(w, u);
    } else if (below(w, 8) == 0) {
        next_facts(w)->uploads[u] = (sm_upload_t){ SM_UP_ENDED, 0, 0 };
        settle(w, "upload removal",
               elo_upload_remove(w->s, elo_slice_str(w->m->uploads[u].id)),
               ELO_OK);
    } else if (is_full) {
        upload_finish(w, u);
    } else {
        upload_write(w, u);
    }
}


/* ---- care ---- */

typedef struct {
    elo_kv_segment_t best;
    sw_t *w;
} pick_t;


static bool
pick(void *ctx, const elo_kv_segment_t *s)
{
    pick_t *p = ctx;

    if (s->live > s->bytes) {
        crash_fail("segment %llu: %llu of %llu bytes live",
                   (unsigned long long) s->segment,
                   (unsigned long long) s->live, (unsigned long long) s->bytes);
    }
    if (s->is_settled && (p->best.segment == 0 || below(p->w, 2) == 0)) {
        p->best = *s;
    }
    return true;
}


static void
compact(sw_t *w)
{
    elo_kv_t *kv = elo_store_kv(w->s);
    pick_t p = { .w = w };
    elo_err_t rc = elo_kv_segments(kv, pick, &p);
    bool is_gone = false;

    for (uint32_t n = below(w, 20);
         n > 0 && rc == ELO_OK && p.best.segment != 0 && !is_gone; n--)
    {
        rc = elo_kv_compact(kv, p.best.segment, 1 + below(w, 40000), NULL, NULL,
                            &is_gone);
    }
    settle(w, "compaction", rc, ELO_OK);
}


elo_err_t
sw_checkpoint(sw_t *w)
{
    return elo_kv_checkpoint(elo_store_kv(w->s));
}


void
sw_step(sw_t *w, bool little)
{
    if (little) {
        small_puts(w, 1);
        return;
    }
    switch (below(w, 24)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
        small_puts(w, 1 + below(w, BATCH_MAX));
        return;
    case 5:
    case 6:
    case 7:
        long_put(w);
        return;
    case 8:
    case 9:
        remove_blob(w);
        return;
    case 10:
        pin(w);
        return;
    case 11:
    case 12:
    case 13:
        node(w);
        return;
    case 14:
        media(w);
        return;
    case 15:
        tasks(w);
        return;
    case 16:
        retry_or_drop(w);
        return;
    case 17:
        quota(w);
        return;
    case 18:
        settle(w, "checkpoint", sw_checkpoint(w), ELO_OK);
        return;
    case 19:
        settle(w, "seal", elo_kv_seal(elo_store_kv(w->s)), ELO_OK);
        return;
    case 20:
        compact(w);
        return;
    default:
        upload(w);
    }
}


void
sw_check(sw_t *w)
{
    sm_facts_t seen;

    if (observe(w, &seen)) {
        sm_settle(w->m, &seen);
    }
}


void
sw_fsck(simdisk_t *d, const elo_vfs_t *v)
{
    elo_fsck_cfg_t cfg = { .root = simdisk_real(d), .vfs = v, .deep = true };
    elo_fsck_report_t *r = sim_alloc(1, sizeof(*r));
    elo_err_t rc = elo_fsck_check(&cfg, r);

    if (rc != ELO_OK || r->is_cut) {
        crash_fail("fsck: %s", elo_strerror(rc));
    }
    for (int k = 0; rc == ELO_OK && k < ELO_FSCK_COUNT; k++) {
        bool is_mark = k == ELO_FSCK_MARK; /* a start has just seen to them */

        if (r->kinds[k].n > 0 && (elo_fsck_infos[k].is_problem || is_mark)) {
            crash_fail("fsck: %llu %s: %s", (unsigned long long) r->kinds[k].n,
                       elo_fsck_infos[k].text, r->kinds[k].named[0]);
        }
    }
    free(r);
}
