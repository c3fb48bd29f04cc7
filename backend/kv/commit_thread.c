/* SPDX-License-Identifier: BSD-2-Clause */
/* commit_thread: the queue of operations, and the thread that runs them: all that
   wait are one batch, with one sync, up to a size that bounds its latency. */
#include <assert.h>

#include "backend/kv/kv_internal.h"
#include "backend/kv/kv_many.h"
#include "backend/os/clock.h"

#define BATCH_OPS_MAX   1024u
#define BATCH_BYTES_MAX (UINT64_C(4) << 20)

typedef struct {
    elo_mutex_t mtx;
    elo_cond_t cond;
    bool is_done;
    elo_err_t err;
    void (*then)(elo_kv_op_t *op, elo_err_t err);
} waiter_t;


void
elo_kv_wake(elo_kv_t *kv)
{
    /* The commit thread says that it sleeps, then looks at the queue; we have put
       something there and look whether it sleeps: one of us sees the other. */
    if (__atomic_exchange_n(&kv->is_asleep, false, __ATOMIC_SEQ_CST)) {
        elo_mutex_lock(&kv->mtx); /* it's within its wait now */
        elo_mutex_unlock(&kv->mtx);
        elo_cond_signal(&kv->work);
    }
}


void
elo_kv_submit(elo_kv_t *kv, elo_kv_op_t *op)
{
    assert(kv->magic == ELO_KV_MAGIC);
    op->_next = __atomic_load_n(&kv->queue, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&kv->queue, &op->_next, op, true,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
    {
    }
    if (__atomic_load_n(&kv->is_asleep, __ATOMIC_SEQ_CST)) {
        elo_kv_wake(kv);
    }
}


static void
exec_done(elo_kv_op_t *op, elo_err_t err)
{
    waiter_t *w = op->_wait;

    if (w->then != NULL) {
        w->then(op, err);
    }
    elo_mutex_lock(&w->mtx);
    w->err = err;
    w->is_done = true;
    elo_cond_signal(&w->cond); /* within: w goes when it's unlocked */
    elo_mutex_unlock(&w->mtx);
}


elo_err_t
elo_kv_exec_then(elo_kv_t *kv, elo_kv_op_t *op,
                 void (*then)(elo_kv_op_t *op, elo_err_t err))
{
    waiter_t w = { .then = then };
    elo_err_t rc;

    if ((rc = elo_mutex_init(&w.mtx)) != ELO_OK) {
        return rc;
    }
    if ((rc = elo_cond_init(&w.cond)) != ELO_OK) {
        elo_mutex_dispose(&w.mtx);
        return rc;
    }
    op->done = exec_done;
    op->_wait = &w;
    elo_kv_submit(kv, op);
    elo_mutex_lock(&w.mtx);
    while (!w.is_done) {
        elo_cond_wait(&w.cond, &w.mtx);
    }
    elo_mutex_unlock(&w.mtx);
    elo_cond_dispose(&w.cond);
    elo_mutex_dispose(&w.mtx);
    return w.err;
}


elo_err_t
elo_kv_exec(elo_kv_t *kv, elo_kv_op_t *op)
{
    return elo_kv_exec_then(kv, op, NULL);
}


/* ---- many at once ---- */

typedef struct {
    elo_mutex_t mtx;
    elo_cond_t cond;
    uint32_t left;
} crowd_t;


/* _err is free from here on: the result waits there for whom it is. */
static void
crowd_done(elo_kv_op_t *op, elo_err_t err)
{
    crowd_t *c = op->_wait;

    elo_mutex_lock(&c->mtx);
    op->_err = err;
    if (--c->left == 0) {
        elo_cond_signal(&c->cond); /* within, as above */
    }
    elo_mutex_unlock(&c->mtx);
}


elo_err_t
elo_kv_exec_all(elo_kv_t *kv, elo_kv_op_t *const *op, uint32_t n,
                elo_err_t *err)
{
    crowd_t c = { .left = n };
    elo_err_t rc;

    if ((rc = elo_mutex_init(&c.mtx)) != ELO_OK) {
        return rc;
    }
    if ((rc = elo_cond_init(&c.cond)) != ELO_OK) {
        elo_mutex_dispose(&c.mtx);
        return rc;
    }
    for (uint32_t i = 0; i < n; i++) {
        op[i]->done = crowd_done;
        op[i]->_wait = &c;
        elo_kv_submit(kv, op[i]);
    }
    elo_mutex_lock(&c.mtx);
    while (c.left > 0) {
        elo_cond_wait(&c.cond, &c.mtx);
    }
    elo_mutex_unlock(&c.mtx);
    elo_cond_dispose(&c.cond);
    elo_mutex_dispose(&c.mtx);
    for (uint32_t i = 0; i < n; i++) {
        err[i] = op[i]->_err;
    }
    return ELO_OK;
}


/* ---- the thread ---- */

/* All that was submitted, the first one first. */
static elo_kv_op_t *
queue_take(elo_kv_t *kv)
{
    elo_kv_op_t *op, *next, *list = NULL;

    op = __atomic_exchange_n(&kv->queue, NULL, __ATOMIC_ACQUIRE);
    for (; op != NULL; op = next) {
        next = op->_next;
        op->_next = list;
        list = op;
    }
    return list;
}


/* Runs operations from list on until the batch is full; returns how many. */
static uint32_t
batch_run(elo_kv_t *kv, elo_kv_op_t *list)
{
    elo_kv_tx_t *tx = &kv->tx;
    elo_kv_op_t *op;
    uint32_t n = 0;

    for (op = list; op != NULL && n < BATCH_OPS_MAX; op = op->_next, n++) {
        if (elo_seglog_pending(kv->log) >= BATCH_BYTES_MAX) {
            break;
        }
        elo_kv_tx_op_begin(tx);
        op->_err = elo_kv_tx_op_end(tx, op->run(op, tx));
    }
    return n;
}


/* Until the first batch of a run the log ends in a segment of an earlier one. */
static void
head_publish(elo_kv_t *kv)
{
    uint64_t segment = elo_seglog_end(kv->log).segment;

    if (segment > kv->head) {
        __atomic_store_n(&kv->head, segment, __ATOMIC_RELAXED);
    }
}


static elo_err_t
batch_commit(elo_kv_t *kv)
{
    uint64_t bytes = elo_seglog_pending(kv->log);
    elo_err_t rc;

    if (bytes == 0) {
        return ELO_OK;
    }
    if ((rc = elo_seglog_commit(kv->log)) != ELO_OK) {
        return rc == ELO_ENOSPC ? rc : elo_kv_fail(kv, rc, "log write");
    }
    if (kv->tail == 0) {
        kv->first_ns = elo_clock_mono_ns();
    }
    kv->tail += bytes;
    head_publish(kv);
    return ELO_OK;
}


/* Ends the segment that is written to. */
static elo_err_t
roll(elo_kv_t *kv)
{
    elo_err_t rc = elo_seglog_seal(kv->log);

    if (rc != ELO_OK && rc != ELO_ENOSPC && rc != ELO_ENOMEM) {
        return elo_kv_fail(kv, rc, "new segment");
    }
    head_publish(kv);
    return rc;
}


/* Takes a batch off *list, and tells each of its operations. */
static void
batch(elo_kv_t *kv, elo_kv_op_t **list)
{
    elo_kv_tx_t *tx = &kv->tx;
    elo_kv_op_t *op;
    uint32_t n = BATCH_OPS_MAX;
    elo_err_t rc;

    if (elo_kv_mode(kv) == ELO_KV_READONLY) {
        rc = ELO_EREADONLY;
    } else if ((rc = elo_kv_tx_begin(tx)) == ELO_OK) {
        n = batch_run(kv, *list);
        rc = batch_commit(kv);
        elo_kv_tx_end(tx, rc == ELO_OK);
        if (rc == ELO_OK && kv->roll_op != NULL) {
            kv->roll_op->_err = roll(kv);
        }
        kv->roll_op = NULL;
        if (n > kv->batch_max) {
            __atomic_store_n(&kv->batch_max, n, __ATOMIC_RELAXED);
        }
    }
    for (; n > 0 && (op = *list) != NULL; n--) {
        *list = op->_next; /* done may free the operation */
        op->done(op, rc != ELO_OK ? rc : op->_err);
    }
}


/* False: stopped, and nothing is left in the queue. */
static bool
wait_for_work(elo_kv_t *kv)
{
    uint64_t until;
    bool is_going = true;

    elo_mutex_lock(&kv->mtx);
    for (;;) {
        __atomic_store_n(&kv->is_asleep, true, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&kv->queue, __ATOMIC_SEQ_CST) != NULL) {
            break;
        }
        if (kv->stop_commit) {
            is_going = false;
            break;
        }
        until = elo_kv_seal_at_locked(kv);
        if (until == UINT64_MAX) {
            elo_cond_wait(&kv->work, &kv->mtx);
        } else if (until <= elo_clock_mono_ns()
                   || !elo_cond_wait_until(&kv->work, &kv->mtx, until))
        {
            break;
        }
    }
    __atomic_store_n(&kv->is_asleep, false, __ATOMIC_RELAXED);
    elo_mutex_unlock(&kv->mtx);
    return is_going;
}


void
elo_kv_commit_main(void *arg)
{
    elo_kv_t *kv = arg;
    elo_kv_op_t *list;

    do {
        elo_kv_seal_if_due(kv);
        list = queue_take(kv);
        while (list != NULL) {
            batch(kv, &list);
            elo_kv_seal_if_due(kv);
        }
    } while (wait_for_work(kv));
    kv->is_ending = true;
    elo_kv_seal_if_due(kv);
}
