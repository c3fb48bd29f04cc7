/* SPDX-License-Identifier: BSD-2-Clause */
/* kv_work: see kv_work.h. */
#include "t/crash/kv_work.h"

#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "t/crash/sweep.h"

#define SEGMENT_BYTES (40u << 10)
#define STORE_ID      UINT64_C(0x123456789abcdef0)
#define MAP_BYTES     (16u << 20)

/* ---- opening ---- */

static const char *const tables[] = {
    [KVM_PLAIN] = "plain",
    [KVM_DATA] = "data",
    [KVM_DERIVED] = "derived",
    [KVM_MARK] = "mark",
};


/* The index's directory is the caller's to make. */
static elo_err_t
make_index_dir(engine_t *e)
{
    elo_err_t rc = e->v->mkdir(e->v, e->root, "index", 0700);

    if (rc == ELO_OK) {
        rc = e->v->fsync_dir(e->v, e->root);
    }
    return rc == EEXIST ? ELO_OK : rc;
}


elo_err_t
engine_open(engine_t *e, simdisk_t *d, const elo_vfs_t *v)
{
    elo_kv_recovery_t found;
    elo_err_t rc;

    memset(e, 0, sizeof(*e));
    e->d = d;
    e->v = v;
    if ((rc = e->v->open_root(e->v, simdisk_real(d), 0700, &e->root)) != ELO_OK)
    {
        return rc;
    }
    snprintf(e->index, sizeof(e->index), "%s/index", simdisk_real(d));
    elo_kv_cfg_t cfg = {
        .vfs = e->v,
        .root_fd = e->root,
        .index_path = e->index,
        .store_id = STORE_ID,
        .map_bytes = MAP_BYTES,
        .segment_bytes = SEGMENT_BYTES,
        .memtable_bytes = 1u << 20,
        .tail_bytes = 1u << 30,
        .checkpoint_ms = 3600u * 1000u, /* only when the work says so */
        .group = -1,
        .tables = tables,
        .n_tables = sizeof(tables) / sizeof(tables[0]),
        .derive = kvm_derive,
    };
    rc = make_index_dir(e);
    if (rc == ELO_OK) {
        rc = elo_kv_open(&cfg, &e->kv, &found);
    }
    if (rc != ELO_OK) {
        e->v->close(e->v, e->root);
    }
    return rc;
}


void
engine_close(engine_t *e)
{
    elo_kv_close(&e->kv);
    e->v->close(e->v, e->root);
}


/* ---- operations ---- */

typedef struct {
    elo_kv_op_t op; /* first */
    kvm_t *m;
    uint32_t number; /* of the mark, from 1; 0: it fails on purpose */
    kvm_op_t what;
    uint8_t *data[KVM_WRITES];
    sem_t *done_sem;
    elo_err_t err;
    bool is_done;
} job_t;

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


static elo_err_t
job_write(job_t *j, elo_kv_tx_t *tx, uint32_t n)
{
    const kvm_write_t *w = &j->what.writes[n];
    uint8_t name[KVM_KEY_MAX], value[KVM_VALUE_MAX];
    size_t value_len, data_len, len = kvm_key(w->table, w->key, name);
    elo_slice_t parts[2];

    if (w->version == 0) {
        return elo_kv_tx_del(tx, w->table, elo_slice(name, len));
    }
    kvm_value(j->m, w, value, &value_len, j->data[n], &data_len);
    /* in two parts, as headers and bodies come */
    parts[0] = elo_slice(j->data[n], data_len / 3);
    parts[1] = elo_slice(j->data[n] + data_len / 3, data_len - data_len / 3);
    return elo_kv_tx_put(tx, w->table, elo_slice(name, len),
                         elo_slice(value, value_len), parts,
                         data_len == 0 ? 0 : 2);
}


static elo_err_t
job_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    job_t *j = (job_t *) op;
    uint8_t mark[4] = { (uint8_t) (j->number >> 24),
                        (uint8_t) (j->number >> 16), (uint8_t) (j->number >> 8),
                        (uint8_t) j->number };
    elo_kv_entry_t e;
    elo_err_t rc = ELO_OK;

    for (uint32_t n = 0; rc == ELO_OK && n < j->what.n; n++) {
        uint8_t name[KVM_KEY_MAX];
        const kvm_write_t *w = &j->what.writes[n];
        size_t len = kvm_key(w->table, w->key, name);

        rc = job_write(j, tx, n);
        /* what was written is what is read */
        if (rc == ELO_OK
            && (elo_kv_tx_get(tx, w->table, elo_slice(name, len), &e) == ELO_OK)
                   != (w->version != 0))
        {
            crash_fail("an operation does not see its own write");
        }
    }
    if (rc == ELO_OK && j->number == 0) {
        return ELO_EPRECOND; /* it is all taken back */
    }
    return rc != ELO_OK ? rc
                        : elo_kv_tx_put(tx, KVM_MARK, ELO_SLICE("mark"),
                                        elo_slice(mark, 4), NULL, 0);
}


static void
job_done(elo_kv_op_t *op, elo_err_t err)
{
    job_t *j = (job_t *) op;

    if (j->is_done) {
        crash_fail("done was called twice");
    }
    j->err = err;
    j->is_done = true;
    sem_post(j->done_sem);
}


/* What the operation writes follows from its number, but for the bytes, which are
   those of a version of their own. So an operation that a crash has undone comes
   again with the same lengths at the same place, where its remains must not be
   taken for what follows it. */
static void
job_make(job_t *j, kvm_t *m, sim_rng_t *rng, sem_t *done_sem)
{
    sim_rng_t own = sim_rng(m->seed, m->n_ops, 3);
    bool is_large = m->n_ops / ENGINE_GROUP_MAX % 4 == 2; /* spans segments */

    memset(j, 0, sizeof(*j));
    j->op.run = job_run;
    j->op.done = job_done;
    j->m = m;
    j->done_sem = done_sem;
    j->what.n = 1 + (uint32_t) sim_rng_below(&own, KVM_WRITES);
    for (uint32_t n = 0; n < j->what.n; n++) {
        j->what.writes[n] = (kvm_write_t){
            .table = (uint8_t) (is_large ? KVM_DATA
                                         : KVM_PLAIN + sim_rng_below(&own, 2)),
            .key = (uint8_t) sim_rng_below(&own, KVM_KEYS),
            .version = sim_rng_below(&own, 4) == 0 ? 0 : ++m->next_version,
            .shape = sim_rng_next(&own) << 1 | is_large,
        };
        j->data[n] = sim_alloc(1, KVM_DATA_MAX);
    }
    if (sim_rng_below(rng, 10) > 0) {
        m->ops[m->n_ops++] = j->what;
        j->number = m->n_ops;
    }
}


/* What an answer means for the model. */
static void
job_end(engine_t *e, job_t *j, kvm_t *m)
{
    elo_err_t want = j->number == 0 ? ELO_EPRECOND : ELO_OK;

    if (j->err == ELO_OK && j->number > m->acked) {
        m->acked = j->number;
    } else if (j->err != want && !simdisk_is_cut(e->d)) {
        if (!e->may_fail) {
            crash_fail("an operation got: %s", elo_strerror(j->err));
        }
        e->failed++;
        if (j->err == ELO_ENOSPC || j->err == ELO_ENOMEM) {
            e->refused++;
            if (j->number != 0) {
                m->ops[j->number - 1].is_void = true;
            }
        } else if (!elo_kv_is_readonly(e->kv)) {
            crash_fail("an operation got: %s, and it isn't read-only",
                       elo_strerror(j->err));
        }
    }
    for (uint32_t n = 0; n < j->what.n; n++) {
        free(j->data[n]);
    }
}


void
engine_group(engine_t *e, kvm_t *m, sim_rng_t *rng, uint32_t most)
{
    uint32_t n = 1 + (uint32_t) sim_rng_below(rng, most);
    job_t jobs[ENGINE_GROUP_MAX];
    plug_t plug = { .op = { .run = plug_run, .done = plug_done } };
    sem_t done;

    if (m->n_ops + n > KVM_OPS) {
        return;
    }
    sem_init(&plug.go, 0, 0);
    sem_init(&plug.ended, 0, 0);
    sem_init(&done, 0, 0);
    elo_kv_submit(e->kv, &plug.op);
    for (uint32_t i = 0; i < n; i++) {
        job_make(&jobs[i], m, rng, &done);
        elo_kv_submit(e->kv, &jobs[i].op);
    }
    sem_post(&plug.go);
    for (uint32_t i = 0; i < n; i++) {
        while (sem_wait(&done) != 0) {
        }
    }
    while (sem_wait(&plug.ended) != 0) {
    }
    for (uint32_t i = 0; i < n; i++) {
        job_end(e, &jobs[i], m);
    }
    sem_destroy(&plug.go);
    sem_destroy(&plug.ended);
    sem_destroy(&done);
}


/* ---- care ---- */

/* The settled segment that has the smallest part alive, or any one. */
typedef struct {
    elo_kv_segment_t best;
    sim_rng_t *rng; /* NULL: the smallest part */
} choice_t;


static bool
choose(void *ctx, const elo_kv_segment_t *s)
{
    choice_t *c = ctx;
    elo_kv_segment_t *best = &c->best;

    if (s->live > s->bytes) {
        crash_fail("segment %llu: %llu of %llu bytes live",
                   (unsigned long long) s->segment,
                   (unsigned long long) s->live, (unsigned long long) s->bytes);
    }
    if (s->is_settled
        && (best->segment == 0
            || s->live * best->bytes < best->live * s->bytes))
    {
        *best = *s;
    }
    return true;
}


static elo_err_t
compact(engine_t *e, sim_rng_t *rng)
{
    choice_t c = { .rng = sim_rng_below(rng, 2) == 0 ? rng : NULL };
    elo_err_t rc = elo_kv_segments(e->kv, choose, &c);
    bool is_gone = false;

    /* it may stop half-way, and go on another time */
    for (uint64_t n = sim_rng_below(rng, 20);
         n > 0 && rc == ELO_OK && c.best.segment != 0 && !is_gone; n--)
    {
        rc = elo_kv_compact(e->kv, c.best.segment,
                            1 + sim_rng_below(rng, 16u << 10), NULL, NULL,
                            &is_gone);
    }
    return rc;
}


elo_err_t
engine_care(engine_t *e, sim_rng_t *rng)
{
    switch (sim_rng_below(rng, 8)) {
    case 0:
    case 1:
        return elo_kv_checkpoint(e->kv);
    case 2:
        return elo_kv_seal(e->kv);
    case 3:
    case 4:
        return compact(e, rng);
    default:
        return ELO_OK;
    }
}


/* Which files may be there: segments that the engine knows. */
typedef struct {
    uint64_t known[256];
    size_t n;
} files_t;


static bool
note_segment(void *ctx, const elo_kv_segment_t *s)
{
    files_t *f = ctx;

    if (f->n < 256) {
        f->known[f->n++] = s->segment;
    }
    choice_t c = { .rng = NULL };

    return choose(&c, s);
}


static void
check_file(void *ctx, const char *path, uint64_t size)
{
    const files_t *f = ctx;
    char name[ELO_STORE_NAME_MAX + 1];

    (void) size;
    if (strcmp(path, "log/") == 0 || strcmp(path, "index/") == 0) {
        return;
    }
    for (size_t i = 0; i < f->n; i++) {
        elo_kv_segment_name(f->known[i], name);
        if (strcmp(path, name) == 0) {
            return;
        }
    }
    crash_fail("a file that nothing knows: %s", path);
}


void
engine_check(engine_t *e, kvm_t *m)
{
    files_t files = { .n = 0 };
    elo_err_t rc;

    kvm_check(m, e->kv);
    rc = elo_kv_segments(e->kv, note_segment, &files);
    if (rc != ELO_OK) {
        crash_fail("segments: %s", elo_strerror(rc));
    }
    simdisk_each(e->d, check_file, &files);
}
