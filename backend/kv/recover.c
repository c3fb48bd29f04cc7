/* SPDX-License-Identifier: BSD-2-Clause */
/* recover: what the index has, then every record of the log behind it, done again
   in order. An index that can't be believed is put aside and made anew from the
   whole log. */
#include <assert.h>
#include <stdlib.h>

#include "backend/kv/kv_internal.h"
#include "backend/os/clock.h"
#include "backend/os/log.h"
#include "common/base/num.h"

/* Nobody reads meanwhile: larger tables make fewer, larger transactions. */
#define TABLE_FACTOR 4u

typedef struct {
    elo_kv_t *kv;
    bool is_new;       /* the index */
    bool is_rebuilt;   /* and there is a log */
    bool is_kept;      /* the index is full: what is left stays in memory */
    elo_log_pos_t end; /* of the last whole operation */
    uint64_t next_lsn;
    uint64_t batch;    /* that it belongs to */
    elo_log_pos_t bad; /* of the record that could not be replayed */
} replay_t;


static elo_err_t
counter_load(void *ctx, uint8_t space, uint64_t id, int64_t value)
{
    elo_kv_t *kv = ctx;

    return elo_counters_load(kv->counters, space, id, value);
}


/* Opens it and reads what it stands for; ELO_ENOTFOUND: a new one. */
static elo_err_t
index_load(elo_kv_t *kv)
{
    elo_index_read_t *r;
    elo_err_t rc;

    if ((rc = elo_counters_create(&kv->counters)) != ELO_OK
        || (rc = elo_index_open(&kv->cfg, &kv->index)) != ELO_OK
        || (rc = elo_index_read_begin(kv->index, &r)) != ELO_OK)
    {
        return rc;
    }
    rc = elo_index_state(r, &kv->settled);
    if (rc == ELO_OK) {
        rc = elo_index_counters(r, counter_load, kv);
    }
    elo_index_read_end(&r);
    return rc;
}


/* Puts aside an index that can't be believed, and all that came from it; one of
   another version has nothing that is worth keeping. */
static elo_err_t
index_discard(elo_kv_t *kv, bool is_other)
{
    if (is_other) {
        elo_log(ELO_LOG_NOTICE,
                "index \"%s\" is of another version: made anew from the log",
                kv->cfg.index_path);
    } else {
        elo_log(ELO_LOG_WARN,
                "index \"%s\" is damaged: put aside as data.mdb.damaged, made"
                " anew from the log",
                kv->cfg.index_path);
    }
    elo_memtable_unref(&kv->active);
    elo_index_close(&kv->index);
    elo_counters_free(&kv->counters);
    return elo_index_discard(&kv->cfg, !is_other);
}


/* Brings the active table into the index between two operations. */
static elo_err_t
checkpoint_now(replay_t *rp)
{
    elo_kv_t *kv = rp->kv;
    elo_memtable_t *next;
    elo_kv_sealed_t s;
    elo_err_t rc;

    if ((rc = elo_kv_seal_prepare(kv, &s, &next)) != ELO_OK) {
        return rc;
    }
    s.state.pos = rp->end;
    s.state.next_lsn = rp->next_lsn;
    if ((rc = elo_kv_checkpoint_write(kv, &s)) == ELO_OK) {
        kv->active = next;
        kv->settled = s.state;
        elo_memtable_unref(&s.mem);
    } else {
        elo_memtable_unref(&next);
        for (uint32_t i = 0; i < s.n_sums; i++) {
            /* they have yet to be kept */
            elo_ignore(elo_counters_add(kv->counters, s.sums[i].space,
                                        s.sums[i].id, 0)); /* there already */
        }
        elo_counters_publish(kv->counters);
    }
    free(s.sums);
    return rc;
}


/* Before the first record of a batch: it proves that all before it is on the
   disk, which the index may not be ahead of (X2). */
static elo_err_t
checkpoint_if_large(replay_t *rp)
{
    elo_kv_t *kv = rp->kv;
    elo_err_t rc;

    if (rp->is_kept
        || elo_memtable_bytes(kv->active) / TABLE_FACTOR
               < kv->cfg.memtable_bytes)
    {
        return ELO_OK;
    }
    elo_kv_tx_end(&kv->tx, true);
    rc = checkpoint_now(rp);
    if (rc == ELO_ENOSPC && !rp->is_rebuilt) {
        /* the tail of the log is bounded: read on, the checkpoint thread says
           what is to be done */
        rp->is_kept = true;
        rc = ELO_OK;
    }
    return rc != ELO_OK ? rc : elo_kv_tx_begin(&kv->tx);
}


static elo_err_t
replay_record(void *ctx, const elo_log_rec_t *r)
{
    replay_t *rp = ctx;
    elo_kv_tx_t *tx = &rp->kv->tx;
    elo_err_t rc;

    if (r->head.batch != rp->batch) {
        rp->batch = r->head.batch;
        if ((rc = checkpoint_if_large(rp)) != ELO_OK) {
            return rc;
        }
    }
    tx->seq++;
    if ((rc = elo_kv_tx_replay(tx, r)) != ELO_OK) {
        rp->bad = r->pos;
        return rc;
    }
    if ((r->head.flags & ELO_REC_END) != 0) {
        rp->end = (elo_log_pos_t){ r->pos.segment,
                                   r->pos.off + elo_rec_len(&r->head) };
        rp->next_lsn = r->head.lsn + 1;
        elo_counters_publish(rp->kv->counters);
        tx->n_handles = 0;
    }
    return ELO_OK;
}


static elo_err_t
replay(elo_kv_t *kv, replay_t *rp, elo_log_scan_t *scan)
{
    elo_err_t rc;

    rc =
        elo_memtable_create(kv->cfg.memtable_bytes, kv->hash_seed, &kv->active);
    if (rc != ELO_OK || (rc = elo_kv_tx_begin(&kv->tx)) != ELO_OK) {
        return rc;
    }
    rc = elo_seglog_recover(kv->log, kv->settled.pos, kv->settled.next_lsn,
                            replay_record, rp, scan);
    if (kv->tx.base._kv != NULL) {
        elo_kv_tx_end(&kv->tx, true);
    }
    return rc;
}


/* Counters of segments that were removed just before the end. */
static void
counter_drop(void *ctx, uint64_t id, int64_t sum)
{
    elo_kv_t *kv = ctx;

    if (sum != 0 && elo_seglog_next(kv->log, id / 2) != id / 2) {
        elo_ignore(elo_counters_add(kv->counters, ELO_KV_SPACE_LIVE, id, -sum));
        /* a number that nobody asks for stays */
    }
}


static elo_err_t
recover(elo_kv_t *kv, replay_t *rp, elo_log_scan_t *scan)
{
    elo_err_t rc;

    rc = index_load(kv);
    kv->is_index_bad = rc == ELO_ECORRUPT;
    if (rc == ELO_ENOTFOUND) {
        rp->is_new = true;
        rp->is_rebuilt = elo_seglog_next(kv->log, 0) != 0;
        kv->settled = (elo_index_state_t){ .store_id = kv->cfg.store_id };
        rc = ELO_OK;
    }
    if (rc != ELO_OK) {
        return rc;
    }
    if (kv->settled.store_id != kv->cfg.store_id) {
        elo_log(ELO_LOG_CRIT, "index \"%s\" belongs to another store",
                kv->cfg.index_path);
        return ELO_ECORRUPT;
    }
    rp->end = kv->settled.pos;
    rp->next_lsn = kv->settled.next_lsn;
    if ((rc = replay(kv, rp, scan)) != ELO_OK
        || (rc = elo_seglog_resume(kv->log, scan)) != ELO_OK)
    {
        return rc;
    }
    elo_counters_each(kv->counters, ELO_KV_SPACE_LIVE, counter_drop, kv);
    elo_counters_publish(kv->counters);
    rp->end = scan->end;
    rp->next_lsn = scan->next_lsn;
    kv->head = scan->end.segment + 1; /* what is found is written to no more */
    return rp->is_new ? checkpoint_now(rp) : ELO_OK;
}


elo_err_t
elo_kv_recover(elo_kv_t *kv, elo_kv_recovery_t *found)
{
    replay_t rp = { .kv = kv };
    uint64_t begin = elo_clock_mono_ns();
    elo_log_scan_t scan = { .records = 0 };
    elo_err_t rc = recover(kv, &rp, &scan);

    if ((rc == ELO_EUNSUPPORTED || (rc == ELO_ECORRUPT && kv->is_index_bad))
        && (rc = index_discard(kv, rc == ELO_EUNSUPPORTED)) == ELO_OK)
    {
        rp = (replay_t){ .kv = kv };
        rc = recover(kv, &rp, &scan);
    }
    if (rc == ELO_ECORRUPT && rp.bad.segment != 0) {
        elo_log(ELO_LOG_CRIT,
                "segment %016llx: the record at %llu is none that this version"
                " can read",
                (unsigned long long) rp.bad.segment,
                (unsigned long long) rp.bad.off);
    } else if (rc == ELO_ECORRUPT) {
        elo_log(ELO_LOG_CRIT,
                "the log does not go with index \"%s\": restore the missing"
                " segments, or move data.mdb away to rebuild it from those"
                " that are there",
                kv->cfg.index_path);
    } else if (rc == ELO_ENOSPC && rp.is_rebuilt) {
        elo_log(ELO_LOG_CRIT,
                "index \"%s\" cannot be rebuilt in a map of %llu bytes: raise"
                " index_map_size",
                kv->cfg.index_path, (unsigned long long) kv->cfg.map_bytes);
    }
    if (rc != ELO_OK) {
        return rc;
    }
    *found = (elo_kv_recovery_t){
        .records = scan.records,
        .bytes = scan.bytes,
        .torn_bytes = scan.torn_bytes,
        .rotten = scan.rotten,
        .is_rebuilt = rp.is_rebuilt,
        .took_ms = (uint32_t) ((elo_clock_mono_ns() - begin) / 1000000),
    };
    if (elo_memtable_count(kv->active) != 0) {
        kv->tail = ELO_MAX(scan.bytes, 1);
        kv->first_ns = elo_clock_mono_ns();
    }
    return ELO_OK;
}
