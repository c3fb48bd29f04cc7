/* SPDX-License-Identifier: BSD-2-Clause */
/* care: what is known of the segments, sealing them, backup, statistics. */
#include <assert.h>

#include "backend/kv/kv_internal.h"


static bool
is_settled(elo_kv_t *kv, uint64_t segment)
{
    elo_log_pos_t pos;

    elo_mutex_lock(&kv->mtx);
    pos = kv->settled.pos;
    elo_mutex_unlock(&kv->mtx);
    return segment < pos.segment
           || (segment == pos.segment
               && pos.off >= elo_seglog_used(kv->log, segment));
}


void
elo_kv_segment_look(elo_kv_t *kv, uint64_t segment, elo_kv_segment_t *out)
{
    uint64_t used = elo_seglog_used(kv->log, segment);
    int64_t live = elo_kv_sum(kv, ELO_KV_SPACE_LIVE, ELO_KV_ID_LIVE(segment));

    if (elo_seglog_next(kv->log, 0) < segment) {
        live += elo_kv_sum(kv, ELO_KV_SPACE_LIVE, ELO_KV_ID_DELETES(segment));
    }
    *out = (elo_kv_segment_t){
        .segment = segment,
        .bytes = used > ELO_SEG_HEADER_LEN ? used - ELO_SEG_HEADER_LEN : 0,
        .live = live > 0 ? (uint64_t) live : 0,
        .is_sealed = segment < __atomic_load_n(&kv->head, __ATOMIC_RELAXED),
    };
    /* the last one says where the log ends, until there is another */
    out->is_settled = out->is_sealed
                      && elo_seglog_next(kv->log, segment + 1) != 0
                      && is_settled(kv, segment);
}


elo_err_t
elo_kv_segments(elo_kv_t *kv, elo_kv_segment_fn fn, void *ctx)
{
    elo_kv_segment_t s;
    uint64_t n;

    assert(kv->magic == ELO_KV_MAGIC);
    for (n = elo_seglog_next(kv->log, 0); n != 0;
         n = elo_seglog_next(kv->log, n + 1))
    {
        elo_kv_segment_look(kv, n, &s);
        if (!fn(ctx, &s)) {
            break;
        }
    }
    return ELO_OK;
}


typedef struct {
    elo_kv_op_t op;
    elo_kv_t *kv;
} roll_op_t;


static elo_err_t
roll_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    roll_op_t *r = (roll_op_t *) op;

    (void) tx;
    r->kv->roll_op = op; /* at the end of the batch */
    return ELO_OK;
}


elo_err_t
elo_kv_seal(elo_kv_t *kv)
{
    roll_op_t r = { .op.run = roll_run, .kv = kv };

    return elo_kv_exec(kv, &r.op);
}


elo_err_t
elo_kv_backup(elo_kv_t *kv, const char *index_dir, atomic_bool *must_end,
              elo_err_t (*settled)(void *ctx), void *ctx)
{
    elo_err_t rc;

    elo_mutex_lock(&kv->care);
    /* in this order: the copy stands for nothing that isn't in sealed segments */
    if ((rc = elo_index_copy(kv->index, index_dir, must_end)) == ELO_OK
        && (rc = elo_kv_seal(kv)) == ELO_OK)
    {
        rc = settled(ctx);
    }
    elo_mutex_unlock(&kv->care);
    return rc;
}


void
elo_kv_stats(elo_kv_t *kv, elo_kv_stats_t *out)
{
    *out = (elo_kv_stats_t){ .batches = 0 };
    elo_seglog_stats(kv->log, out);
    out->checkpoints = __atomic_load_n(&kv->n_checkpoints, __ATOMIC_RELAXED);
    out->checkpoint_keys = __atomic_load_n(&kv->n_keys, __ATOMIC_RELAXED);
    out->batch_max = __atomic_load_n(&kv->batch_max, __ATOMIC_RELAXED);
    out->index_bytes = elo_index_bytes(kv->index);
    elo_mutex_lock(&kv->mtx);
    out->mem_bytes = elo_memtable_bytes(kv->active);
    if (kv->sealed.mem != NULL) {
        out->mem_bytes += elo_memtable_bytes(kv->sealed.mem);
    }
    elo_mutex_unlock(&kv->mtx);
}
