/* SPDX-License-Identifier: BSD-2-Clause */
/* compact: writes what is needed of a segment again at the head of the log, then
   unlinks it. Needed are the puts that their keys point to, and deletions while
   there is an older segment whose puts they undo (X4). An operation looks again, on
   the commit thread, before it moves anything: what changed meanwhile isn't moved. */
#include <assert.h>
#include <stdlib.h>

#include "backend/kv/kv_internal.h"
#include "backend/os/log.h"
#include "common/base/num.h"

#define STEP_BYTES                                                             \
    (UINT64_C(1) << 20) /* of one operation: bounds its latency */

typedef struct {
    elo_log_rec_t rec; /* slices into mem once all are there */
    size_t at;         /* in mem: key, value, data */
    bool is_moved;
} item_t;

typedef struct {
    elo_kv_op_t op;
    elo_kv_t *kv;
    uint64_t oldest; /* of the segments that stay; 0: none */
    elo_kv_moved_fn moved;
    void *ctx;
    const elo_kv_view_t *view; /* while scanning */
    item_t *items;
    size_t n, cap;
    uint8_t *mem;
    size_t n_mem, cap_mem;
} job_t;


/* p with room for need items of size bytes, or NULL and p as it was. */
static void *
grow(void *p, size_t *cap, size_t need, size_t size)
{
    size_t n = ELO_MAX(need, 2 * *cap);

    if (p != NULL && need <= *cap) {
        return p;
    }
    n = ELO_MAX(n, (size_t) 64);
    if ((p = reallocarray(p, n, size)) != NULL) {
        *cap = n;
    }
    return p;
}


static size_t
put(job_t *j, size_t at, elo_slice_t s)
{
    if (s.len != 0) {
        memcpy(j->mem + at, s.p, s.len);
    }
    return at + s.len;
}


static elo_err_t
keep(job_t *j, const elo_log_rec_t *r)
{
    size_t need = j->n_mem + r->key.len + r->value.len + r->data.len;
    item_t *items = grow(j->items, &j->cap, j->n + 1, sizeof(*items));
    uint8_t *mem = grow(j->mem, &j->cap_mem, need, 1);
    size_t at = j->n_mem;

    j->items = items != NULL ? items : j->items;
    j->mem = mem != NULL ? mem : j->mem;
    if (items == NULL || mem == NULL) {
        return ELO_ENOMEM;
    }
    j->items[j->n++] = (item_t){ .rec = *r, .at = at };
    at = put(j, at, r->key);
    at = put(j, at, r->value);
    j->n_mem = put(j, at, r->data);
    return ELO_OK;
}


/* Looks whether a record may be needed, so that the dead aren't copied. */
static elo_err_t
scan_record(void *ctx, const elo_log_rec_t *r)
{
    job_t *j = ctx;
    elo_kv_row_t row;
    elo_err_t rc;

    if (!elo_kv_is_table(j->kv, r->head.table)) {
        return ELO_ECORRUPT;
    }
    rc = elo_kv_find(j->view, j->view->_seq, r->head.table, r->key, &row);
    if (rc != ELO_OK && rc != ELO_ENOTFOUND) {
        return rc;
    }
    if ((r->head.flags & ELO_REC_DELETE) != 0) {
        return rc == ELO_OK || j->oldest == 0 ? ELO_OK : keep(j, r);
    }
    return rc == ELO_OK && row.place == elo_place_of(r->pos) ? keep(j, r)
                                                             : ELO_OK;
}


static elo_err_t
move_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    job_t *j = (job_t *) op;
    elo_err_t rc;

    for (size_t i = 0; i < j->n; i++) {
        rc = elo_kv_tx_move(tx, &j->items[i].rec, j->oldest,
                            &j->items[i].is_moved);
        if (rc != ELO_OK) {
            return rc;
        }
    }
    return ELO_OK;
}


static void
move_after(elo_kv_op_t *op, elo_err_t err)
{
    job_t *j = (job_t *) op;
    const elo_log_rec_t *r;

    for (size_t i = 0; err == ELO_OK && j->moved != NULL && i < j->n; i++) {
        r = &j->items[i].rec;
        if (j->items[i].is_moved && r->head.data_len != 0) {
            j->moved(j->ctx, r->head.table, r->key);
        }
    }
}


/* One operation's worth of the segment. */
static elo_err_t
step(job_t *j, uint64_t segment, uint64_t budget, uint64_t *bad)
{
    elo_kv_t *kv = j->kv;
    elo_kv_view_t view;
    uint64_t next = 0, n_bad = 0;
    elo_log_rec_t *r;
    elo_err_t rc;

    if ((rc = elo_kv_view_begin(kv, &view)) != ELO_OK) {
        return rc;
    }
    j->view = &view;
    j->n = j->n_mem = 0;
    rc = elo_seglog_scan(kv->log, segment, kv->compaction.next, budget, true,
                         scan_record, j, &next, &n_bad);
    j->view = NULL;
    elo_kv_view_end(&view);
    if (rc != ELO_OK) {
        return rc;
    }
    for (size_t i = 0; i < j->n; i++) {
        r = &j->items[i].rec;
        r->key.p = j->mem + j->items[i].at;
        r->value.p = r->key.p + r->key.len;
        r->data.p = r->value.p + r->value.len;
    }
    j->op = (elo_kv_op_t){ .run = move_run };
    if (j->n != 0 && (rc = elo_kv_exec_then(kv, &j->op, move_after)) != ELO_OK)
    {
        return rc;
    }
    kv->compaction.next = next;
    *bad += n_bad;
    return ELO_OK;
}


static elo_err_t
forget_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    const job_t *j = (const job_t *) op;
    const uint64_t ids[] = { ELO_KV_ID_LIVE(j->oldest),
                             ELO_KV_ID_DELETES(j->oldest) };
    elo_counters_t *c = tx->kv->counters;
    elo_err_t rc = ELO_OK;

    for (size_t i = 0; i < ELO_COUNT(ids) && rc == ELO_OK; i++) {
        rc = elo_counters_add(c, ELO_KV_SPACE_LIVE, ids[i],
                              -elo_counters_sum(c, ELO_KV_SPACE_LIVE, ids[i]));
    }
    return rc;
}


/* All of it has been looked at. */
static elo_err_t
remove_segment(elo_kv_t *kv, uint64_t segment)
{
    job_t j = { .op.run = forget_run, .oldest = segment };
    int64_t live;
    elo_err_t rc;

    /* (X3) */
    if ((rc = elo_kv_checkpoint(kv)) != ELO_OK) {
        return rc;
    }
    live = elo_kv_sum(kv, ELO_KV_SPACE_LIVE, ELO_KV_ID_LIVE(segment));
    if (live != 0) {
        elo_log(ELO_LOG_ERROR,
                "segment %016llx cannot be compacted: %lld bytes that are"
                " needed cannot be read, %llu places are damaged",
                (unsigned long long) segment, (long long) live,
                (unsigned long long) kv->compaction.bad);
        return ELO_ECORRUPT;
    }
    if ((rc = elo_seglog_remove(kv->log, segment)) != ELO_OK) {
        /* it may be back after a crash, and is then found again; but a name that
           could not be synced is a failed sync */
        return elo_kv_fail(kv, rc, "removal of a segment");
    }
    elo_ignore(elo_kv_exec(kv, &j.op)); /* else the next open does it */
    return ELO_OK;
}


static elo_err_t
compact_locked(job_t *j, uint64_t segment, uint64_t budget, bool *is_gone)
{
    elo_kv_t *kv = j->kv;
    uint64_t used;
    elo_err_t rc;

    elo_mutex_assert_held(&kv->care);
    if (kv->compaction.segment != segment) {
        kv->compaction.segment = segment;
        kv->compaction.next = kv->compaction.bad = 0;
    }
    j->oldest = elo_seglog_next(kv->log, 0);
    if (j->oldest == segment) {
        j->oldest = elo_seglog_next(kv->log, segment + 1);
    }
    do {
        used = ELO_MIN(ELO_MAX(budget, 1), STEP_BYTES);
        if ((rc = step(j, segment, used, &kv->compaction.bad)) != ELO_OK) {
            return rc;
        }
        budget -= ELO_MIN(budget, used);
    } while (budget > 0 && kv->compaction.next != 0);
    if (kv->compaction.next != 0) {
        return ELO_OK;
    }
    rc = remove_segment(kv, segment);
    kv->compaction.segment = 0;
    *is_gone = rc == ELO_OK;
    return rc;
}


elo_err_t
elo_kv_compact(elo_kv_t *kv, uint64_t segment, uint64_t budget_bytes,
               elo_kv_moved_fn moved, void *ctx, bool *is_gone)
{
    job_t j = { .kv = kv, .moved = moved, .ctx = ctx };
    elo_kv_segment_t s;
    elo_err_t rc;

    assert(kv->magic == ELO_KV_MAGIC);
    *is_gone = false;
    if (segment == 0 || elo_seglog_next(kv->log, segment) != segment) {
        return ELO_ENOTFOUND;
    }
    elo_kv_segment_look(kv, segment, &s);
    if (!s.is_settled) {
        return ELO_EBUSY;
    }
    elo_mutex_lock(&kv->care);
    rc = compact_locked(&j, segment, budget_bytes, is_gone);
    elo_mutex_unlock(&kv->care);
    free(j.items);
    free(j.mem);
    return rc;
}
