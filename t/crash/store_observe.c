/* SPDX-License-Identifier: BSD-2-Clause */
/* store_observe: reads all that a store has back, and says what it is. */
#include <stdlib.h>

#include "backend/store/agent.h"
#include "backend/store/blob_row.h"
#include "common/http/wire.h"
#include "t/crash/store_model.h"
#include "t/crash/sweep.h"

typedef struct {
    sm_t *m;
    elo_store_t *s;
    sm_facts_t *seen;
    uint32_t tasks, found_tasks;
} look_t;


static bool
bad(const char *what, uint32_t i, elo_err_t rc)
{
    return crash_fail("%s of %u: %s", what, i, elo_strerror(rc));
}


/* ---- bytes ---- */

static bool
read_back(look_t *l, uint32_t b, const elo_blob_stat_t *st)
{
    static uint8_t room[SM_BLOB_MAX + 1];
    elo_slice_t want = sm_blob(b);
    elo_blob_t *blob;
    elo_err_t rc = elo_blob_open(l->s, st, &blob);

    if (rc != ELO_OK) {
        return bad("opening blob", b, rc);
    }
    rc = elo_blob_read(blob, 0, room, want.len);
    if (rc == ELO_OK && want.len > 40) {
        /* a range by itself, too */
        rc = elo_blob_read(blob, want.len / 2, room + want.len / 2, 17);
    }
    elo_blob_close(&blob);
    if (rc != ELO_OK) {
        return bad("reading blob", b, rc);
    }
    return (st->size == want.len && memcmp(room, want.p, want.len) == 0)
           || crash_fail("blob %u: other bytes", b);
}


/* A clear blob: who has sent it is in rows that have no other door. */
static bool
see_clear(look_t *l, uint32_t b, elo_kv_view_t *v)
{
    elo_rows_t r = { .view = v };
    sm_blob_t *x = &l->seen->blobs[b];
    elo_rec_blob_t rec;
    elo_kv_entry_t e;
    elo_err_t rc = elo_blob_row(&r, sm_digest(b), &e, &rec);

    if (rc == ELO_ENOTFOUND) {
        return true;
    }
    if (rc != ELO_OK) {
        return bad("row of blob", b, rc);
    }
    x->reach = (uint8_t) rec.reach;
    for (uint32_t a = 0; a < SM_AGENTS; a++) {
        uint32_t no;
        bool has = false;

        rc = elo_agent_no(v, sm_agent(a), &no);
        if (rc == ELO_OK) {
            rc = elo_own_has(&r, sm_digest(b), &rec, no, &has);
        }
        if (rc != ELO_OK && rc != ELO_ENOTFOUND) {
            return bad("senders of blob", b, rc);
        }
        x->owns |= (uint8_t) ((unsigned) has << a);
    }
    return x->owns != 0 || crash_fail("blob %u: nobody's", b);
}


static bool
see_sealed(look_t *l, uint32_t b, elo_kv_view_t *v)
{
    elo_rows_t r = { .view = v };
    sm_blob_t *x = &l->seen->blobs[b];
    elo_digest_t blind;
    elo_err_t rc = elo_keyring_blind(sm_keyring(), sm_digest(b), &blind);

    if (rc != ELO_OK) {
        return bad("blinding blob", b, rc);
    }
    for (uint32_t a = 0; a < SM_AGENTS; a++) {
        elo_rec_sealed_t rec;
        elo_rec_blob_t obj;
        elo_kv_entry_t e;
        elo_blob_stat_t st;
        uint32_t no, whose;

        rc = elo_agent_no(v, sm_agent(a), &no);
        if (rc == ELO_OK) {
            rc = elo_sealed_row(&r, &blind, no, &whose, &e, &rec);
        }
        if (rc == ELO_ENOTFOUND) {
            continue;
        }
        if (rc != ELO_OK
            || (rc = elo_blob_row(&r, &rec.object, &e, &obj)) != ELO_OK) {
            return bad("row of sealed blob", b, rc);
        }
        elo_stat_sealed(sm_digest(b), &rec, &obj, &e, &st);
        if (!read_back(l, b, &st)) {
            return false;
        }
        x->sealed |= (uint8_t) (1u << a);
        x->sealed_reach[a] = (uint8_t) rec.reach;
        l->m->objects[b][a] = rec.object;
    }
    return true;
}


static bool
see_blob(look_t *l, uint32_t b)
{
    sm_blob_t *x = &l->seen->blobs[b];
    elo_blob_stat_t st;
    elo_kv_view_t v;
    elo_err_t rc = elo_kv_view_begin(elo_store_kv(l->s), &v);
    bool ok;

    if (rc != ELO_OK) {
        return bad("view", b, rc);
    }
    ok = see_clear(l, b, &v) && see_sealed(l, b, &v);
    elo_kv_view_end(&v);
    if (!ok) {
        return false;
    }
    x->pinned = elo_store_is_pinned(l->s, sm_digest(b));
    rc = elo_store_stat(l->s, sm_digest(b), NULL, &st);
    if (rc == ELO_ENOTFOUND) {
        return !sm_is_held(l->seen, b)
               || crash_fail("blob %u has rows and isn't found", b);
    }
    if (rc != ELO_OK || st.is_sealed != (x->owns == 0)) {
        return crash_fail("blob %u: %s, sealed %d, senders %u", b,
                          elo_strerror(rc), rc == ELO_OK && st.is_sealed,
                          x->owns);
    }
    return read_back(l, b, &st);
}


/* ---- media ---- */

static bool
see_media(look_t *l, uint32_t b)
{
    uint8_t room[SM_MEDIA_MAX];
    uint8_t status;
    uint64_t size;
    elo_buf_t got;
    elo_err_t rc;
    bool ok = false;

    elo_buf_init(&got, SM_MEDIA_MAX + 64);
    rc = elo_store_media_stat(l->s, sm_digest(b), &status, &size, &got);
    if (rc == ELO_ENOTFOUND) {
        elo_buf_dispose(&got);
        return true;
    }
    if (rc == ELO_OK && status == ELO_MEDIA_READY) {
        elo_buf_clear(&got);
        rc = elo_store_media_read(l->s, sm_digest(b), 0, size, &got);
    }
    if (rc == ELO_OK && status != ELO_MEDIA_READY) {
        ok = elo_slice_eq(elo_buf_slice(&got), ELO_SLICE(SM_MEDIA_REASON));
        l->seen->blobs[b].media = SM_MEDIA_NONE;
    } else if (rc == ELO_OK && got.len > 2) {
        uint16_t n = (uint16_t) (got.p[0] << 8 | got.p[1]);

        ok = elo_slice_eq(elo_buf_slice(&got), sm_media(n, room));
        l->seen->blobs[b].media = n;
    }
    elo_buf_dispose(&got);
    return ok || bad("media index", b, rc);
}


/* ---- nodes ---- */

static bool
see_text(look_t *l, uint32_t n, elo_slice_t id, uint64_t at, uint8_t version)
{
    uint8_t room[SM_JSON_MAX];
    elo_buf_t got;
    elo_err_t rc;
    bool ok = false;

    elo_buf_init(&got, SM_JSON_MAX + 1);
    rc = elo_store_node_get(l->s, id, at, &got, NULL, NULL);
    if (rc == ELO_OK) {
        unsigned k = 0;

        elo_ignore(sscanf(elo_buf_cstr(&got), "{\"n\":%u", &k) != 1);
        ok = elo_slice_eq(elo_buf_slice(&got), sm_json((uint16_t) k, room));
        l->seen->nodes[n].serial[version] = (uint16_t) k;
    }
    elo_buf_dispose(&got);
    return ok || bad("text of node", n, rc);
}


typedef struct {
    uint32_t n;
    bool found;
} referrer_t;


static bool
is_referrer(void *ctx, elo_slice_t id)
{
    referrer_t *r = ctx;

    r->found |= id.len == 5 && id.p[4] == '0' + r->n;
    return true;
}


static bool
see_owner(look_t *l, uint32_t n, elo_slice_t id)
{
    elo_agent_t owner;
    elo_err_t rc = elo_store_node_owner(l->s, id, &owner);

    for (uint8_t a = 0; rc == ELO_OK && a < SM_AGENTS; a++) {
        if (elo_agent_eq(&owner, sm_agent(a))) {
            l->seen->nodes[n].owner = a;
            return true;
        }
    }
    return bad("owner of node", n, rc);
}


/* The version before its first: that of a tombstone, 0 when there was none. */
static uint64_t
base_of(look_t *l, elo_slice_t id, uint64_t current)
{
    while (current > 0
           && elo_store_node_get(l->s, id, current, NULL, NULL, NULL) == ELO_OK)
    {
        current--;
    }
    return current;
}


static bool
see_node(look_t *l, uint32_t n)
{
    char id[8];
    sm_node_t *x = &l->seen->nodes[n];
    elo_slice_t name;
    elo_reach_t reach;
    uint64_t current, base;
    elo_err_t rc;

    snprintf(id, sizeof(id), "node%u", n);
    name = elo_slice_str(id);
    for (uint32_t b = 0; b < SM_BLOBS; b++) {
        referrer_t r = { n, false };

        rc = elo_store_referrers(l->s, sm_digest(b), is_referrer, &r);
        if (rc != ELO_OK) {
            return bad("referrers", b, rc);
        }
        x->refs |= (uint32_t) r.found << b;
    }
    rc = elo_store_node_get(l->s, name, 0, NULL, &reach, &current);
    if (rc == ELO_ENOTFOUND) {
        return x->refs == 0 || crash_fail("node %u is gone and refers", n);
    }
    base = rc == ELO_OK ? base_of(l, name, current) : 0;
    if (rc != ELO_OK || current - base > SM_VERSIONS) {
        return bad("node", n, rc);
    }
    x->version = (uint8_t) (current - base);
    x->reach = (uint8_t) reach;
    if (!see_owner(l, n, name)) {
        return false;
    }
    for (uint8_t v = 1; v <= x->version; v++) {
        if (!see_text(l, n, name, base + v, v)) {
            return false;
        }
    }
    return true;
}


/* What the nodes give, as it follows from what was seen. */
static bool
see_reach(look_t *l, uint32_t b)
{
    elo_reach_t is = elo_store_blob_reach(l->s, sm_digest(b));
    elo_reach_t want = ELO_REACH_PRIVATE;

    for (uint32_t n = 0; n < SM_NODES; n++) {
        if (sm_counts(l->seen, n, b) && l->seen->nodes[n].reach > want) {
            want = (elo_reach_t) l->seen->nodes[n].reach;
        }
    }
    return is == want
           || crash_fail("blob %u: reach %d, want %d", b, (int) is, (int) want);
}


/* ---- journals ---- */

typedef struct {
    elo_journal_t which;
    uint32_t n;
} journal_t;


static bool
see_entry(void *ctx, const elo_journal_entry_t *e)
{
    static uint8_t room[ELO_JOURNAL_ENTRY_MAX];
    journal_t *j = ctx;

    return (e->number == ++j->n
            && elo_slice_eq(e->bytes, sm_entry(j->which, j->n, room)))
           || crash_fail("journal %d: entry %u is %llu, or another",
                         (int) j->which, j->n, (unsigned long long) e->number);
}


static bool
see_journal(look_t *l, elo_journal_t which)
{
    journal_t j = { which, 0 };
    elo_audit_check_t check;
    elo_err_t rc =
        elo_store_journal_each(l->s, which, 1, UINT32_MAX, see_entry, &j);

    if (rc != ELO_OK) {
        return bad("journal", which, rc);
    }
    if (elo_store_journal_last(l->s, which) != j.n) {
        return crash_fail(
            "journal %d: last is %llu of %u", (int) which,
            (unsigned long long) elo_store_journal_last(l->s, which), j.n);
    }
    l->seen->journal[which] = j.n;
    if (which != ELO_JOURNAL_AUDIT) {
        return !crash_failed();
    }
    rc = elo_store_audit_verify(l->s, &check);
    return (rc == ELO_OK && check.what == ELO_AUDIT_WHOLE
            && check.number == j.n)
           || crash_fail("audit: %s, break %d at %llu", elo_strerror(rc),
                         (int) check.what, (unsigned long long) check.number);
}


/* ---- uploads ---- */

static bool
see_upload(look_t *l, uint32_t u)
{
    sm_upload_t *x = &l->seen->uploads[u];
    elo_upload_stat_t st;
    elo_err_t rc;

    if (l->m->uploads[u].id[0] == '\0') {
        return true;
    }
    rc = elo_upload_stat(l->s, elo_slice_str(l->m->uploads[u].id), &st);
    switch (rc) {
    case ELO_ENOTFOUND:
        x->state = SM_UP_NONE;
        return true;
    case ELO_EGONE:
        x->state = SM_UP_ENDED;
        return true;
    case ELO_OK:
        x->state = st.is_final ? SM_UP_FINAL : SM_UP_OPEN;
        x->lo = x->hi = st.is_final ? 0 : (uint32_t) st.offset;
        return !st.is_final
               || memcmp(&st.digest, sm_digest(l->m->uploads[u].blob),
                         sizeof(st.digest))
                      == 0
               || crash_fail("upload %u: another digest", u);
    default:
        return bad("upload", u, rc);
    }
}


/* ---- tasks ---- */

static sm_task_t *
task_of(look_t *l, const elo_digest_t *d)
{
    for (uint32_t b = 0; b < SM_BLOBS; b++) {
        if (memcmp(sm_digest(b), d, sizeof(*d)) == 0) {
            return &l->seen->blobs[b].task;
        }
        for (uint32_t a = 0; a < SM_AGENTS; a++) {
            if ((l->seen->blobs[b].sealed >> a & 1) != 0
                && memcmp(&l->m->objects[b][a], d, sizeof(*d)) == 0)
            {
                return &l->seen->blobs[b].sealed_task[a];
            }
        }
    }
    return NULL;
}


static bool
see_task(void *ctx, const elo_task_t *t)
{
    look_t *l = ctx;
    sm_task_t *x = task_of(l, &t->digest);

    if (x == NULL || x->place != SM_TASK_NONE) {
        return crash_fail("a task of %s", x == NULL ? "what isn't there"
                                                    : "which there is "
                                                      "another");
    }
    x->place = t->is_dropped   ? SM_TASK_DROPPED
               : t->due_ms > 0 ? SM_TASK_WAITING
                               : SM_TASK_READY;
    x->attempts = (uint8_t) t->attempts;
    return true;
}


/* ---- counting again ---- */

typedef struct {
    uint64_t blobs, bytes, sealed, nodes, tasks, waiting;
    uint64_t agent_blobs[SM_AGENTS], agent_bytes[SM_AGENTS];
} sums_t;


static void
count_task(sums_t *n, const sm_task_t *t)
{
    n->tasks += t->place == SM_TASK_READY || t->place == SM_TASK_WAITING;
    n->waiting += t->place == SM_TASK_WAITING;
}


static sums_t
recount(const sm_facts_t *f)
{
    sums_t n = { 0 };

    for (uint32_t b = 0; b < SM_BLOBS; b++) {
        const sm_blob_t *x = &f->blobs[b];
        uint64_t len = sm_blob(b).len;

        n.blobs += x->owns != 0;
        n.bytes += x->owns != 0 ? len : 0;
        count_task(&n, &x->task);
        for (uint32_t a = 0; a < SM_AGENTS; a++) {
            uint64_t own = x->owns >> a & 1, sealed = x->sealed >> a & 1;

            n.blobs += sealed;
            n.bytes += sealed * len;
            n.sealed += sealed;
            n.agent_blobs[a] += own + sealed;
            n.agent_bytes[a] += (own + sealed) * len;
            count_task(&n, &x->sealed_task[a]);
        }
    }
    for (uint32_t i = 0; i < SM_NODES; i++) {
        n.nodes += f->nodes[i].version > 0;
    }
    return n;
}


#define COUNT(what, want, got)                                                 \
    if ((want) != (got)) {                                                     \
        return crash_fail("counter %s: %llu, recounted %llu", what,            \
                          (unsigned long long) (got),                          \
                          (unsigned long long) (want));                        \
    }


static bool
see_sums(look_t *l)
{
    sums_t n = recount(l->seen);
    elo_store_totals_t t;
    uint64_t known = 0;

    elo_store_totals(l->s, &t);
    COUNT("blobs", n.blobs, t.blobs)
    COUNT("bytes", n.bytes, t.bytes)
    COUNT("sealed", n.sealed, t.sealed)
    COUNT("nodes", n.nodes, t.nodes)
    COUNT("tasks", n.tasks, t.tasks)
    COUNT("waiting", n.waiting, t.waiting)
    COUNT("bad", UINT64_C(0), t.bad)
    for (uint32_t u = 0; u < SM_UPLOADS; u++) {
        known += l->seen->uploads[u].state == SM_UP_OPEN;
    }
    if (t.uploads < known) {
        return crash_fail("counter uploads: %llu, %llu are open",
                          (unsigned long long) t.uploads,
                          (unsigned long long) known);
    }
    l->seen->strangers = (uint32_t) (t.uploads - known);
    for (uint32_t a = 0; a < SM_AGENTS; a++) {
        elo_agent_stat_t st = { .blobs = 0 };
        elo_err_t rc = elo_store_agent(l->s, sm_agent(a), &st);

        if (rc != ELO_OK && rc != ELO_ENOTFOUND) {
            return bad("agent", a, rc);
        }
        COUNT("agent's blobs", n.agent_blobs[a], st.blobs)
        COUNT("agent's bytes", n.agent_bytes[a], st.bytes)
        l->seen->quota[a] = st.quota;
    }
    return true;
}


bool
sm_observe(sm_t *m, elo_store_t *s, sm_facts_t *seen)
{
    look_t l = { .m = m, .s = s, .seen = seen };
    elo_err_t rc;

    memset(seen, 0, sizeof(*seen));
    for (uint32_t b = 0; b < SM_BLOBS; b++) {
        if (!see_blob(&l, b) || !see_media(&l, b)) {
            return false;
        }
    }
    for (uint32_t n = 0; n < SM_NODES; n++) {
        if (!see_node(&l, n)) {
            return false;
        }
    }
    for (uint32_t b = 0; b < SM_BLOBS; b++) {
        if (!see_reach(&l, b)) {
            return false;
        }
    }
    if (!see_journal(&l, ELO_JOURNAL_RECORD)
        || !see_journal(&l, ELO_JOURNAL_AUDIT)) {
        return false;
    }
    for (uint32_t u = 0; u < SM_UPLOADS; u++) {
        if (!see_upload(&l, u)) {
            return false;
        }
    }
    rc = elo_task_each(s, 0, see_task, &l);
    if (rc != ELO_OK) {
        return bad("tasks", 0, rc);
    }
    return !crash_failed() && see_sums(&l);
}
