/* SPDX-License-Identifier: BSD-2-Clause */
/* task: the replication queue: a table in the order of work, a small head of it in
   memory (task_head). Backing off is the caller's: it says when a failed task is
   due again. */
#include "backend/store/blob_row.h"
#include "backend/store/task_internal.h"

#include <assert.h>
#include <stdio.h>

#include "backend/store/store_internal.h"
#include "backend/store/task_head.h"
#include "common/base/num.h"

/* Reads of an operation and of a view look alike here. */
typedef struct {
    elo_kv_tx_t *tx; /* or else */
    elo_kv_view_t *v;
} source_t;

typedef struct {
    elo_kv_op_t op;
    elo_store_t *s;
    const elo_task_t *t; /* n of them, as taken; or one to be looked for */
    uint32_t n;
    uint64_t due_ms;
    const char *why;
    elo_task_t was, is; /* of one: before and after */
    elo_task_mark_t mark;
} task_op_t;


/* ---- the table ---- */

elo_err_t
elo_task_derive(elo_kv_tx_t *tx, elo_slice_t key, const elo_kv_entry_t *was,
                const elo_kv_entry_t *now)
{
    int64_t delta = (now != NULL) - (was != NULL);
    elo_task_place_t place;
    elo_task_t t;
    elo_err_t rc = elo_task_key_parse(key, &t, &place);

    if (rc != ELO_OK || delta == 0 || place == ELO_TASK_GIVEN_UP) {
        return rc;
    }
    rc = elo_kv_tx_add(tx, ELO_SUM_TOTAL, ELO_TOTAL_TASKS, delta);
    if (rc != ELO_OK || place != ELO_TASK_WAITING) {
        return rc;
    }
    return elo_kv_tx_add(tx, ELO_SUM_TOTAL, ELO_TOTAL_WAITING, delta);
}


static elo_err_t
source_get(const source_t *from, uint8_t table, elo_slice_t key,
           elo_kv_entry_t *e)
{
    return from->tx != NULL ? elo_kv_tx_get(from->tx, table, key, e)
                            : elo_kv_get(from->v, table, key, e);
}


/* Reach and time of what is stored, which a ready task's key is made of. */
static elo_err_t
stamp(const source_t *from, elo_task_t *t)
{
    elo_rec_blob_t rec;
    elo_kv_entry_t e;
    elo_err_t rc =
        source_get(from, ELO_T_BLOB, elo_digest_slice(&t->digest), &e);

    if (rc != ELO_OK
        || (rc = elo_rec_blob_parse(e.value, e.data_len, &rec)) != ELO_OK)
    {
        return rc;
    }
    t->reach = rec.reach;
    t->created_us = rec.created_us;
    return ELO_OK;
}


/* Where the task of t->kind and t->digest stands, if there is one; for a ready one
   t->reach and t->created_us must be right. */
static elo_err_t
task_where(const source_t *from, elo_task_t *t)
{
    uint8_t mem[ELO_WAIT_KEY];
    elo_kv_entry_t e;
    elo_err_t rc;

    t->due_ms = 0;
    rc = source_get(from, ELO_T_WAIT, elo_wait_key(t->kind, &t->digest, mem),
                    &e);
    if (rc == ELO_OK) {
        rc = elo_wait_parse(e.value, &t->due_ms);
    } else if (rc == ELO_ENOTFOUND) {
        rc = ELO_OK;
    }
    t->is_dropped = t->due_ms == ELO_TASK_DROPPED;
    return rc;
}


/* The same, and all that is known of it. ELO_ENOTFOUND. */
static elo_err_t
task_find(const source_t *from, elo_task_t *t)
{
    uint8_t mem[ELO_TASK_KEY_MAX];
    elo_kv_entry_t e;
    elo_err_t rc = task_where(from, t);

    if (rc != ELO_OK
        || (rc = source_get(from, ELO_T_TASK, elo_task_key(t, mem), &e))
               != ELO_OK)
    {
        return rc;
    }
    return elo_rec_task_parse(e.value, t);
}


static elo_err_t
task_del(elo_kv_tx_t *tx, const elo_task_t *t)
{
    uint8_t mem[ELO_TASK_KEY_MAX];
    elo_err_t rc = elo_kv_tx_del(tx, ELO_T_TASK, elo_task_key(t, mem));

    if (rc != ELO_OK || t->due_ms == 0) {
        return rc;
    }
    return elo_kv_tx_del(tx, ELO_T_WAIT,
                         elo_wait_key(t->kind, &t->digest, mem));
}


static elo_err_t
task_put(elo_kv_tx_t *tx, const elo_task_t *t)
{
    uint8_t key[ELO_TASK_KEY_MAX], mem[ELO_TASK_REC_MAX], due[ELO_WAIT_REC];
    elo_buf_t buf;
    elo_err_t rc;

    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_rec_task_encode(t, &buf);
    if ((rc = elo_buf_err(&buf)) != ELO_OK
        || (rc = elo_kv_tx_put(tx, ELO_T_TASK, elo_task_key(t, key),
                               elo_buf_slice(&buf), NULL, 0))
               != ELO_OK
        || t->due_ms == 0)
    {
        return rc;
    }
    return elo_kv_tx_put(tx, ELO_T_WAIT, elo_wait_key(t->kind, &t->digest, key),
                         elo_wait_encode(t->due_ms, due), NULL, 0);
}


elo_err_t
elo_task_join(elo_store_t *s, elo_kv_tx_t *tx, elo_task_kind_t kind,
              const elo_digest_t *stored, elo_reach_t reach,
              uint64_t created_us, bool is_fresh, elo_task_mark_t *mark)
{
    elo_task_t t = { .kind = kind,
                     .digest = *stored,
                     .reach = reach,
                     .created_us = created_us };
    source_t from = { .tx = tx };
    elo_err_t rc;

    mark->is_added = false;
    if (!is_fresh && (rc = task_find(&from, &t)) != ELO_ENOTFOUND) {
        return rc;
    }
    /* A repair is owed whatever the queue holds; there is one for a blob. */
    if (kind != ELO_TASK_REPAIR && s->queue_max > 0
        && elo_kv_tx_sum(tx, ELO_SUM_TOTAL, ELO_TOTAL_TASKS)
               >= (int64_t) s->queue_max)
    {
        return ELO_EQUEUEFULL;
    }
    t.due_ms = 0;
    t.is_dropped = false;
    if ((rc = task_put(tx, &t)) == ELO_OK) {
        elo_task_key(&t, mark->key);
        mark->is_added = true;
    }
    return rc;
}


void
elo_task_joined(elo_store_t *s, const elo_task_mark_t *mark)
{
    elo_tasks_t *q = s->tasks;

    if (mark->is_added) {
        elo_head_push(q->head, mark->key, true);
        if (q->ev.on_task != NULL) {
            q->ev.on_task(q->ev.ctx);
        }
    }
}


elo_err_t
elo_task_forget(elo_kv_tx_t *tx, const elo_digest_t *stored, elo_reach_t reach,
                uint64_t created_us)
{
    static const elo_task_kind_t kinds[] = { ELO_TASK_REPLICATE,
                                             ELO_TASK_REPAIR };
    source_t from = { .tx = tx };
    elo_err_t rc = ELO_OK;

    for (uint32_t i = 0; i < ELO_COUNT(kinds) && rc == ELO_OK; i++) {
        elo_task_t t = { .kind = kinds[i],
                         .digest = *stored,
                         .reach = reach,
                         .created_us = created_us };

        rc = task_find(&from, &t);
        if (rc == ELO_OK) {
            rc = task_del(tx, &t);
        } else if (rc == ELO_ENOTFOUND) {
            rc = ELO_OK;
        }
    }
    return rc;
}


/* ---- what becomes of them ---- */

static elo_err_t
done_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    task_op_t *o = (task_op_t *) op;
    source_t from = { .tx = tx };
    elo_err_t rc;

    for (uint32_t i = 0; i < o->n; i++) {
        o->was = o->t[i];
        if ((rc = task_where(&from, &o->was)) != ELO_OK
            || (rc = task_del(tx, &o->was)) != ELO_OK)
        {
            return rc;
        }
    }
    return ELO_OK;
}


elo_err_t
elo_task_done(elo_store_t *s, const elo_task_t *t, uint32_t n)
{
    task_op_t o = { .op.run = done_run, .s = s, .t = t, .n = n };
    const elo_store_events_t *ev = &s->tasks->ev;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_store_exec(s, &o.op)) != ELO_OK) {
        return rc;
    }
    elo_tasks_give(s->tasks, t, n);
    for (uint32_t i = 0; i < n && ev->on_done != NULL; i++) {
        ev->on_done(ev->ctx, &t[i].digest);
    }
    return ELO_OK;
}


static elo_err_t
fail_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    task_op_t *o = (task_op_t *) op;
    source_t from = { .tx = tx };
    elo_err_t rc;

    o->was = *o->t;
    rc = task_find(&from, &o->was);
    if (rc != ELO_OK || o->was.is_dropped) {
        return rc == ELO_ENOTFOUND ? ELO_OK : rc;
    }
    o->is = o->was;
    o->is.due_ms = ELO_MIN(ELO_MAX(o->due_ms, 1), ELO_TASK_DROPPED - 1);
    o->is.attempts += o->is.attempts < UINT32_MAX;
    snprintf(o->is.why, sizeof(o->is.why), "%s", o->why);
    rc = task_del(tx, &o->was);
    return rc != ELO_OK ? rc : task_put(tx, &o->is);
}


elo_err_t
elo_task_fail(elo_store_t *s, const elo_task_t *t, uint64_t due_ms,
              const char *why)
{
    task_op_t o = {
        .op.run = fail_run, .s = s, .t = t, .due_ms = due_ms, .why = why
    };
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_store_exec(s, &o.op)) == ELO_OK) {
        elo_tasks_give(s->tasks, t, 1);
        elo_head_wait(s->tasks->head, due_ms);
    }
    return rc;
}


static elo_err_t
find_by_digest(const source_t *from, elo_task_kind_t kind,
               const elo_digest_t *d, elo_task_t *out)
{
    elo_err_t rc;

    *out = (elo_task_t){ .kind = kind, .digest = *d };
    if ((rc = stamp(from, out)) != ELO_OK) {
        return rc;
    }
    return task_find(from, out);
}


elo_err_t
elo_task_look(elo_store_t *s, elo_task_kind_t kind, const elo_digest_t *d,
              bool *is_stored, bool *has_task, elo_task_t *out)
{
    source_t from = { 0 };
    bool is_there;
    elo_kv_view_t v;
    elo_task_t t;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    from.v = &v;
    rc = elo_row_is(&(elo_rows_t){ .view = &v }, ELO_T_BLOB, d, &is_there);
    if (rc == ELO_OK) {
        rc = find_by_digest(&from, kind, d, &t);
    }
    elo_kv_view_end(&v);
    if (rc != ELO_OK && rc != ELO_ENOTFOUND) {
        return rc;
    }
    *is_stored = is_there;
    *has_task = rc == ELO_OK;
    if (*has_task) {
        *out = t;
    }
    return ELO_OK;
}


elo_err_t
elo_task_get(elo_store_t *s, elo_task_kind_t kind, const elo_digest_t *d,
             elo_task_t *out)
{
    bool is_stored, has_task;
    elo_err_t rc = elo_task_look(s, kind, d, &is_stored, &has_task, out);

    return rc != ELO_OK || has_task ? rc : ELO_ENOTFOUND;
}


static elo_err_t
retry_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    task_op_t *o = (task_op_t *) op;
    source_t from = { .tx = tx };
    elo_err_t rc = find_by_digest(&from, o->t->kind, &o->t->digest, &o->was);

    if (rc != ELO_OK || o->was.due_ms == 0) {
        return rc; /* it is due already */
    }
    o->is = (elo_task_t){ .kind = o->was.kind, .digest = o->was.digest };
    if ((rc = stamp(&from, &o->is)) != ELO_OK
        || (rc = task_del(tx, &o->was)) != ELO_OK
        || (rc = task_put(tx, &o->is)) != ELO_OK)
    {
        return rc;
    }
    elo_task_key(&o->is, o->mark.key);
    o->mark.is_added = true;
    return ELO_OK;
}


elo_err_t
elo_task_retry(elo_store_t *s, elo_task_kind_t kind, const elo_digest_t *d)
{
    elo_task_t t = { .kind = kind, .digest = *d };
    task_op_t o = { .op.run = retry_run, .s = s, .t = &t };
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_store_exec(s, &o.op)) == ELO_OK) {
        elo_task_joined(s, &o.mark);
    }
    return rc;
}


static elo_err_t
drop_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    task_op_t *o = (task_op_t *) op;
    source_t from = { .tx = tx };
    elo_err_t rc = find_by_digest(&from, o->t->kind, &o->t->digest, &o->was);

    if (rc != ELO_OK || o->was.is_dropped) {
        return rc;
    }
    o->is = o->was;
    o->is.is_dropped = true;
    o->is.due_ms = ELO_TASK_DROPPED;
    rc = task_del(tx, &o->was);
    return rc != ELO_OK ? rc : task_put(tx, &o->is);
}


elo_err_t
elo_task_drop(elo_store_t *s, elo_task_kind_t kind, const elo_digest_t *d)
{
    elo_task_t t = { .kind = kind, .digest = *d };
    task_op_t o = { .op.run = drop_run, .s = s, .t = &t };
    uint8_t key[ELO_TASK_KEY_MAX];
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_store_exec(s, &o.op)) == ELO_OK && o.was.due_ms == 0) {
        elo_task_key(&o.was, key);
        elo_head_drop(s->tasks->head, key);
    }
    return rc;
}


static elo_err_t
add_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    task_op_t *o = (task_op_t *) op;
    source_t from = { .tx = tx };
    elo_err_t rc;

    o->is = *o->t;
    if ((rc = stamp(&from, &o->is)) != ELO_OK) {
        return rc;
    }
    return elo_task_join(o->s, tx, o->is.kind, &o->is.digest, o->is.reach,
                         o->is.created_us, false, &o->mark);
}


elo_err_t
elo_task_add(elo_store_t *s, elo_task_kind_t kind, const elo_digest_t *d)
{
    elo_task_t t = { .kind = kind, .digest = *d };
    task_op_t o = { .op.run = add_run, .s = s, .t = &t };
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_store_exec(s, &o.op)) == ELO_OK) {
        elo_task_joined(s, &o.mark);
    }
    return rc;
}


elo_err_t
elo_task_each(elo_store_t *s, uint64_t skip, elo_task_each_fn fn, void *ctx)
{
    elo_kv_cursor_t *c = NULL;
    elo_task_place_t place;
    bool goes_on = true;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_slice_t key;
    elo_err_t rc;

    assert(s->magic == ELO_STORE_MAGIC);
    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = elo_kv_cursor_open(&v, ELO_T_TASK, elo_slice("", 0), &c);
    while (rc == ELO_OK && goes_on
           && (rc = elo_kv_cursor_next(c, &key, &e)) == ELO_OK)
    {
        elo_task_t t = { 0 };

        if (skip > 0) {
            skip--;
        } else if ((rc = elo_task_key_parse(key, &t, &place)) == ELO_OK
                   && (rc = elo_rec_task_parse(e.value, &t)) == ELO_OK)
        {
            goes_on = fn(ctx, &t);
        }
    }
    elo_kv_cursor_close(&c);
    elo_kv_view_end(&v);
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}
