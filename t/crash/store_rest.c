/* SPDX-License-Identifier: BSD-2-Clause */
/* store_rest: the part of store_work that isn't about blobs: nodes, media indexes,
   tasks, uploads. */
#include <stdlib.h>

#include "common/http/wire.h"
#include "t/crash/store_work_internal.h"
#include "t/crash/sweep.h"

#define FAR_MS   (UINT64_C(1) << 50) /* when a failed task is due */
#define TAKE_MAX 4u

/* ---- nodes, media ---- */

void
sw_node(sw_t *w)
{
    uint8_t room[SM_JSON_MAX];
    elo_digest_t refs[4];
    uint32_t n = sw_below(w, SM_NODES), n_refs = sw_below(w, 4), set = 0;
    const sm_node_t *was = &w->m->now.nodes[n];
    uint32_t owner;
    bool may_give;
    char id[8];
    elo_node_t x = { .version = was->version + 1u,
                     .reach = sw_reaches[sw_below(w, 8)],
                     .life = ELO_NODE_PUBLISHED,
                     .refs = refs };
    elo_node_head_t last;
    uint64_t base = 0;
    sm_facts_t *f;

    snprintf(id, sizeof(id), "node%u", n);
    x.id = elo_slice_str(id);
    if (elo_store_node_last(w->s, x.id, &last) == ELO_OK) {
        base = last.version - was->version; /* of a tombstone before it */
        x.version += base;
    }
    owner = sw_below(w, SM_AGENTS);
    may_give = sw_below(w, 4) == 0;
    if (was->version > 0 && !may_give && sw_below(w, 4) > 0) {
        owner = was->owner;
    }
    x.owner = *sm_agent(owner);
    if (was->version > 0
        && (was->version == SM_VERSIONS || sw_below(w, 4) == 0)) {
        memset(&sw_next_facts(w)->nodes[n], 0, sizeof(*was));
        sw_settle(w, "node removal",
                  elo_store_node_remove(w->s, x.id, base + was->version),
                  ELO_OK);
        return;
    }
    for (uint32_t i = 0; i < n_refs; i++) {
        uint32_t b = sw_below(w, SM_BLOBS);

        if ((set >> b & 1) == 0) {
            set |= 1u << b;
            refs[x.n_refs++] = *sm_digest(b);
        }
    }
    x.json = sm_json(++w->m->serial, room);
    if (sw_below(w, 8) == 0) {
        sw_settle(w, "node of another version",
                  elo_store_node_put(w->s, &x, x.version + 6u, false),
                  ELO_EINVAL);
        return;
    }
    if (was->version > 0 && owner != was->owner && !may_give) {
        sw_settle(w, "another's node",
                  elo_store_node_put(w->s, &x, base + was->version, false),
                  ELO_EDENIED);
        return;
    }
    f = sw_next_facts(w);
    f->nodes[n].owner = (uint8_t) owner;
    f->nodes[n].version = (uint8_t) (was->version + 1);
    f->nodes[n].reach = (uint8_t) x.reach;
    f->nodes[n].refs = set;
    f->nodes[n].serial[was->version + 1] = w->m->serial;
    sw_settle(w, "node",
              elo_store_node_put(w->s, &x,
                                 was->version == 0 ? 0 : base + was->version,
                                 may_give),
              ELO_OK);
}


/* One to three entries in one operation. */
void
sw_journal(sw_t *w)
{
    static uint8_t rooms[3][ELO_JOURNAL_ENTRY_MAX];
    elo_journal_t j = (elo_journal_t) sw_below(w, ELO_JOURNALS);
    uint32_t n = 1 + sw_below(w, 3), last = w->m->now.journal[j];
    elo_slice_t entries[3];
    uint64_t first = 0;
    elo_err_t rc;

    for (uint32_t i = 0; i < n; i++) {
        entries[i] = sm_entry(j, last + 1 + i, rooms[i]);
    }
    sw_next_facts(w)->journal[j] = last + n;
    rc = elo_store_journal_append_all(w->s, j, entries, n, &first);
    if (rc == ELO_OK && first != last + 1) {
        crash_fail("operation %u: entry %llu after %u", w->m->n_ops,
                   (unsigned long long) first, last);
    }
    sw_settle(w, "journal", rc, ELO_OK);
}


void
sw_media(sw_t *w)
{
    uint8_t room[SM_MEDIA_MAX];
    uint32_t b = sw_below(w, SM_BLOBS);
    elo_slice_t index = sm_media(++w->m->serial, room);
    elo_err_t want = w->m->now.blobs[b].owns == 0 ? ELO_ENOTFOUND : ELO_OK;

    if (want == ELO_OK) {
        sw_next_facts(w)->blobs[b].media =
            index.len == 0 ? SM_MEDIA_NONE : w->m->serial;
    }
    sw_settle(
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

    sw_observe(w, &seen);
}


static void
work_on_tasks(sw_t *w, elo_task_t *t, uint32_t n)
{
    sm_facts_t *f = sw_next_facts(w);
    sm_task_t *x;

    for (uint32_t i = 0; i < n; i++) {
        x = task_of(w, f, &t[i].digest);
        if (x == NULL || x->place != SM_TASK_READY) {
            /* its blob has been removed since it was made */
            elo_task_release(w->s, t, n);
            w->m->n_next = 0;
            return;
        }
        if (sw_below(w, 3) > 0 || n > 1) {
            *x = (sm_task_t){ SM_TASK_NONE, 0 };
            continue;
        }
        *x = (sm_task_t){ SM_TASK_WAITING, (uint8_t) (x->attempts + 1) };
        sw_settle(w, "failing a task", elo_task_fail(w->s, &t[i], FAR_MS, "no"),
                  ELO_OK);
        return;
    }
    sw_settle(w, "ending tasks", elo_task_done(w->s, t, n), ELO_OK);
}


void
sw_tasks(sw_t *w)
{
    elo_task_t t[TAKE_MAX];
    uint64_t due;
    uint32_t n = 0;
    elo_err_t rc =
        elo_task_take(w->s, 1000, t, 1 + sw_below(w, TAKE_MAX), &n, &due);

    if (rc != ELO_OK) {
        sw_settle(w, "taking tasks", rc, ELO_OK);
        return;
    }
    if (n == 0) {
        return;
    }
    if (sw_below(w, 5) == 0 || simdisk_is_cut(w->d)) {
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
void
sw_retry_or_drop(sw_t *w)
{
    uint32_t b = sw_below(w, SM_BLOBS);
    bool drop = sw_below(w, 2) == 0;
    sm_task_t was = w->m->now.blobs[b].task, *x;
    elo_err_t rc, want = was.place == SM_TASK_NONE ? ELO_ENOTFOUND : ELO_OK;

    if (want == ELO_OK) {
        x = &sw_next_facts(w)->blobs[b].task;
        if (drop) {
            x->place = SM_TASK_DROPPED;
        } else if (was.place != SM_TASK_READY) {
            *x = (sm_task_t){ SM_TASK_READY, 0 };
        }
    }
    rc = drop ? elo_task_drop(w->s, ELO_TASK_REPLICATE, sm_digest(b))
              : elo_task_retry(w->s, ELO_TASK_REPLICATE, sm_digest(b));
    sw_settle(w, drop ? "dropping a task" : "retrying a task", rc, want);
}


/* ---- uploads ---- */

static void
upload_create(sw_t *w, uint32_t u)
{
    /* the largest more often: sealed, it has two chunks */
    uint32_t b = sw_below(w, 5) == 0 ? SM_BLOBS - 1 : sw_below(w, SM_BLOBS);
    uint32_t a = sw_below(w, SM_AGENTS);
    /* not invited: its readers can't be compared at once */
    elo_reach_t reach = sw_reaches[sw_below(w, 5)];
    elo_put_opt_t opt = sw_put_opt(w, a, reach);
    bool is_told = sw_below(w, 3) > 0;
    elo_upload_stat_t st;
    sm_facts_t *f = sw_next_facts(w);
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
    sw_settle(w, "upload creation", rc, ELO_OK);
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
    n = left == 0 ? 0 : 1 + sw_below(w, (uint32_t) left);
    x = &sw_next_facts(w)->uploads[u];
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
        elo_upload_close(&up); /* syncs what a sync could not */
    }
    if (rc != ELO_OK) {
        sw_next_facts(w);
    }
    sw_settle(w, "upload write", rc, ELO_OK);
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
    f = sw_next_facts(w);
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
    sw_settle(w, "upload finish", rc, ELO_OK);
}


void
sw_upload(sw_t *w)
{
    uint32_t u = sw_below(w, SM_UPLOADS);
    const sm_upload_t *x = &w->m->now.uploads[u];
    bool is_full = x->lo == sm_blob(w->m->uploads[u].blob).len;

    if (x->state != SM_UP_OPEN) {
        upload_create(w, u);
    } else if (sw_below(w, 8) == 0) {
        sw_next_facts(w)->uploads[u] = (sm_upload_t){ SM_UP_ENDED, 0, 0 };
        sw_settle(w, "upload removal",
                  elo_upload_remove(w->s, elo_slice_str(w->m->uploads[u].id)),
                  ELO_OK);
    } else if (is_full) {
        upload_finish(w, u);
    } else {
        upload_write(w, u);
    }
}
