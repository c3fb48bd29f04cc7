/* SPDX-License-Identifier: BSD-2-Clause */
/* checkpoint: sealing the active table (commit thread), and the thread that brings
   sealed ones into the index: one transaction, in order of keys, synced, with the
   position of the log that it stands for (X1). */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "backend/kv/kv_care.h"
#include "backend/kv/kv_internal.h"
#include "backend/os/clock.h"
#include "backend/os/log.h"
#include "common/base/num.h"

#define NS_PER_MS    UINT64_C(1000000)
#define RETRY_MS     5000u /* of a checkpoint that the index could not take */
#define NO_MEMORY_MS 100u  /* until sealing is tried again */
#define ALL_SEQ      (ELO_MEM_DEAD - 1)


static elo_err_t
table_write(elo_index_write_t *w, elo_memtable_t *mem, uint8_t table,
            uint64_t *n)
{
    elo_memtable_iter_t it;
    elo_kv_row_t row;
    elo_err_t rc;

    elo_memtable_seek(mem, ALL_SEQ, table, elo_slice(NULL, 0), &it);
    while (elo_memtable_next(&it, &row)) {
        if (!row.is_deleted) {
            rc = elo_index_put(w, table, &row);
        } else if (!row.is_fresh) {
            rc = elo_index_del(w, table, row.key);
        } else {
            continue; /* came and went while nobody but us knew */
        }
        if (rc != ELO_OK) {
            return rc;
        }
        ++*n;
    }
    return ELO_OK;
}


static elo_err_t
all_write(elo_kv_t *kv, elo_index_write_t *w, const elo_kv_sealed_t *s,
          uint64_t *n)
{
    elo_err_t rc;

    for (unsigned t = 1; t < kv->cfg.n_tables; t++) {
        if (elo_kv_is_table(kv, (uint8_t) t)
            && (rc = table_write(w, s->mem, (uint8_t) t, n)) != ELO_OK)
        {
            return rc;
        }
    }
    for (uint32_t i = 0; i < s->n_sums; i++) {
        rc = elo_index_put_counter(w, s->sums[i].space, s->sums[i].id,
                                   s->sums[i].value);
        if (rc != ELO_OK) {
            return rc;
        }
    }
    return elo_index_put_state(w, &s->state);
}


elo_err_t
elo_kv_checkpoint_write(elo_kv_t *kv, const elo_kv_sealed_t *s)
{
    elo_index_write_t *w;
    uint64_t n = 0;
    elo_err_t rc;

    if ((rc = elo_index_write_begin(kv->index, &w)) != ELO_OK) {
        return rc;
    }
    if ((rc = all_write(kv, w, s, &n)) != ELO_OK) {
        elo_index_abort(&w);
        return rc;
    }
    if ((rc = elo_index_commit(&w)) == ELO_OK) {
        __atomic_add_fetch(&kv->n_checkpoints, 1, __ATOMIC_RELAXED);
        __atomic_add_fetch(&kv->n_keys, n, __ATOMIC_RELAXED);
    }
    return rc;
}


elo_err_t
elo_kv_seal_prepare(elo_kv_t *kv, elo_kv_sealed_t *s, elo_memtable_t **next)
{
    elo_err_t rc;

    *s = (elo_kv_sealed_t){
        .mem = kv->active,
        .state = { .store_id = kv->cfg.store_id,
                   .pos = elo_seglog_end(kv->log),
                   .next_lsn = elo_seglog_next_lsn(kv->log) },
        .ticket = kv->tickets,
    };
    rc = elo_memtable_create(kv->cfg.memtable_bytes, kv->hash_seed, next);
    if (rc == ELO_OK
        && (rc = elo_counters_seal(kv->counters, &s->sums, &s->n_sums))
               != ELO_OK)
    {
        elo_memtable_unref(next);
    }
    return rc;
}


static bool
is_full(const elo_kv_t *kv)
{
    /* both tables together may stand for tail_bytes of log */
    return elo_memtable_bytes(kv->active) >= kv->cfg.memtable_bytes
           || kv->tail >= kv->cfg.tail_bytes / 2;
}


uint64_t
elo_kv_seal_at_locked(elo_kv_t *kv)
{
    elo_mutex_assert_held(&kv->mtx);
    if (elo_kv_mode(kv) != ELO_KV_FINE || kv->sealed.mem != NULL) {
        return UINT64_MAX;
    }
    if (kv->tickets != kv->tickets_sealed) {
        return kv->seal_not_before;
    }
    return kv->tail == 0
               ? UINT64_MAX
               : ELO_MAX(kv->seal_not_before,
                         kv->first_ns + kv->cfg.checkpoint_ms * NS_PER_MS);
}


/* Tickets when there is nothing to seal. */
static void
tickets_pass_locked(elo_kv_t *kv)
{
    elo_mutex_assert_held(&kv->mtx);
    kv->tickets_sealed = kv->tickets;
    if (kv->sealed.mem != NULL) {
        kv->sealed.ticket = kv->tickets;
    } else {
        kv->ticket_done = kv->tickets;
        elo_cond_broadcast(&kv->done_cond);
    }
}


static void
seal(elo_kv_t *kv)
{
    elo_memtable_t *next;
    elo_kv_sealed_t s;

    if (elo_kv_seal_prepare(kv, &s, &next) != ELO_OK) {
        /* no memory: the active one grows on for a while */
        kv->seal_not_before = elo_clock_mono_ns() + NO_MEMORY_MS * NS_PER_MS;
        elo_mutex_lock(&kv->mtx);
        kv->tickets_sealed = kv->ticket_failed = kv->tickets;
        elo_cond_broadcast(&kv->done_cond);
        elo_mutex_unlock(&kv->mtx);
        return;
    }
    elo_mutex_lock(&kv->mtx);
    assert(kv->sealed.mem == NULL);
    kv->sealed = s;
    kv->active = next;
    kv->tickets_sealed = kv->tickets;
    elo_mutex_unlock(&kv->mtx);
    elo_cond_signal(&kv->sealed_cond);
    kv->tail = 0;
}


void
elo_kv_seal_if_due(elo_kv_t *kv)
{
    bool is_due = false;

    elo_mutex_lock(&kv->mtx);
    while (elo_kv_mode(kv) == ELO_KV_FINE && kv->sealed.mem != NULL
           && (is_full(kv) || (kv->is_ending && kv->tail > 0)))
    {
        elo_cond_wait(&kv->done_cond, &kv->mtx);
    }
    if (kv->tail == 0) {
        if (kv->tickets != kv->tickets_sealed) {
            tickets_pass_locked(kv);
        }
    } else if (elo_kv_mode(kv) == ELO_KV_FINE && kv->sealed.mem == NULL) {
        is_due = is_full(kv) || kv->is_ending
                 || elo_kv_seal_at_locked(kv) <= elo_clock_mono_ns();
    }
    elo_mutex_unlock(&kv->mtx);
    if (is_due) {
        seal(kv);
    }
}


static bool
is_no_room(elo_err_t rc)
{
    return rc == ELO_ENOSPC || rc == ENOSPC || rc == EDQUOT || rc == ELO_ENOMEM;
}


/* The index could not take it, and all is as it was. */
static void
mode_full(elo_kv_t *kv, elo_err_t rc)
{
    int was = ELO_KV_FINE;

    if (!__atomic_compare_exchange_n(&kv->mode, &was, ELO_KV_FULL, false,
                                     __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    {
        return;
    }
    if (rc == ELO_ENOSPC) {
        elo_log(ELO_LOG_CRIT,
                "index \"%s\" has no room in its map of %llu bytes, writes are"
                " refused: raise index_map_size and restart",
                kv->cfg.index_path, (unsigned long long) kv->cfg.map_bytes);
    } else {
        elo_log(ELO_LOG_CRIT,
                "index \"%s\" cannot take a checkpoint, writes are refused"
                " until it can: %s",
                kv->cfg.index_path, elo_strerror(rc));
    }
}


static void
mode_fine(elo_kv_t *kv)
{
    int was = ELO_KV_FULL;

    if (__atomic_compare_exchange_n(&kv->mode, &was, ELO_KV_FINE, false,
                                    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    {
        elo_log(ELO_LOG_NOTICE, "index \"%s\" has room again, writes go on",
                kv->cfg.index_path);
    }
}


/* Brings the sealed table into the index; mtx is held before and after. */
static void
checkpoint_locked(elo_kv_t *kv)
{
    elo_kv_sealed_t s = kv->sealed; /* nobody else changes it, but for ticket */
    elo_err_t rc;

    elo_mutex_unlock(&kv->mtx);
    rc = elo_kv_checkpoint_write(kv, &s);
    if (rc == ELO_OK) {
        mode_fine(kv);
    } else if (is_no_room(rc)) {
        mode_full(kv, rc);
    } else {
        elo_ignore(elo_kv_fail(kv, rc, "checkpoint")); /* is told by mode */
    }
    elo_mutex_lock(&kv->mtx);
    if (rc == ELO_OK) {
        kv->settled = s.state;
        kv->ticket_done = kv->sealed.ticket;
        kv->sealed = (elo_kv_sealed_t){ .mem = NULL };
    }
    kv->n_tries++;
    elo_cond_broadcast(&kv->done_cond);
    elo_mutex_unlock(&kv->mtx);
    elo_kv_wake(kv);
    if (rc == ELO_OK) {
        elo_memtable_unref(&s.mem);
        free(s.sums);
        rc = elo_seglog_prepare(kv->log);
        if (rc != ELO_OK && rc != ELO_ENOMEM) {
            elo_ignore(elo_kv_fail(kv, rc, "preparing a segment"));
        }
    }
    elo_mutex_lock(&kv->mtx);
}


void
elo_kv_checkpoint_main(void *arg)
{
    elo_kv_t *kv = arg;
    uint64_t again;

    elo_mutex_lock(&kv->mtx);
    for (;;) {
        if (kv->sealed.mem != NULL && elo_kv_mode(kv) != ELO_KV_READONLY) {
            checkpoint_locked(kv);
        }
        if (kv->stop_checkpoint
            && (kv->sealed.mem == NULL || elo_kv_mode(kv) != ELO_KV_FINE))
        {
            break;
        }
        if (elo_kv_mode(kv) == ELO_KV_FULL) {
            again = elo_clock_mono_ns() + RETRY_MS * NS_PER_MS;
            while (!kv->stop_checkpoint && !kv->is_try_wanted
                   && elo_cond_wait_until(&kv->sealed_cond, &kv->mtx, again))
            {
            }
            kv->is_try_wanted = false;
        } else if (kv->sealed.mem == NULL || elo_kv_mode(kv) == ELO_KV_READONLY)
        {
            elo_cond_wait(&kv->sealed_cond, &kv->mtx);
        }
    }
    elo_mutex_unlock(&kv->mtx);
}


typedef struct {
    elo_kv_op_t op;
    elo_kv_t *kv;
    uint64_t ticket;
} ticket_op_t;


static elo_err_t
ticket_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    ticket_op_t *t = (ticket_op_t *) op;

    (void) tx;
    t->ticket = ++t->kv->tickets;
    return ELO_OK;
}


elo_err_t
elo_kv_checkpoint(elo_kv_t *kv)
{
    ticket_op_t t = { .op.run = ticket_run, .kv = kv };
    uint64_t n_tries;
    elo_err_t rc;

    if ((rc = elo_kv_exec(kv, &t.op)) != ELO_OK) {
        return rc;
    }
    elo_mutex_lock(&kv->mtx);
    n_tries = kv->n_tries;
    while (kv->ticket_done < t.ticket && kv->ticket_failed < t.ticket
           && elo_kv_mode(kv) != ELO_KV_READONLY)
    {
        if (elo_kv_mode(kv) == ELO_KV_FULL) {
            if (kv->n_tries != n_tries) {
                break;
            }
            kv->is_try_wanted = true;
            elo_cond_signal(&kv->sealed_cond);
        }
        elo_cond_wait(&kv->done_cond, &kv->mtx);
    }
    if (kv->ticket_done < t.ticket) {
        rc = elo_kv_mode(kv) == ELO_KV_FULL       ? ELO_ENOSPC
             : elo_kv_mode(kv) == ELO_KV_READONLY ? ELO_EREADONLY
                                                  : ELO_ENOMEM;
    }
    elo_mutex_unlock(&kv->mtx);
    return rc;
}
