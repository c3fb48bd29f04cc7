/* SPDX-License-Identifier: BSD-2-Clause */
/* kv_internal: the engine's struct, and what its files share. Internal to
   backend/kv.

   An entry's way: an operation writes it into the log's batch and the active
   memory table; after the batch's sync it is visible; the active table is sealed
   between two batches (commit thread); the checkpoint thread brings the sealed one
   into the index and lets it go. At most one is sealed: when both are full the
   commit thread waits.

   mode      what holds                               leaves it
   FINE      writes go                                index can't take a checkpoint:
                                                      FULL; failure: READONLY
   FULL      writes are ELO_ENOSPC; the checkpoint    a checkpoint succeeds: FINE;
             thread tries again from time to time     failure: READONLY
   READONLY  operations aren't run; no checkpoint     never */
#ifndef ELO_KV_KV_INTERNAL_H
#define ELO_KV_KV_INTERNAL_H

#include "backend/kv/counter.h"
#include "backend/kv/index.h"
#include "backend/kv/kv_care.h"
#include "backend/kv/memtable.h"
#include "backend/os/thread.h"

#define ELO_KV_MAGIC UINT32_C(0x6b763201)

/* Counters of the engine: bytes of records by segment. */
#define ELO_KV_SPACE_LIVE 0u
#define ELO_KV_ID_LIVE(segment)                                                \
    ((segment) *2) /* puts that are what counts of their key */
#define ELO_KV_ID_DELETES(segment)                                             \
    ((segment) *2 + 1) /* deletions, needed while there are older segments */

typedef enum { ELO_KV_FINE, ELO_KV_FULL, ELO_KV_READONLY } elo_kv_mode_t;

/* What one checkpoint brings to the index. */
typedef struct {
    elo_memtable_t *mem; /* owned; NULL: nothing is sealed */
    elo_index_state_t state;
    elo_counter_t *sums; /* owned */
    uint32_t n_sums;
    uint64_t ticket; /* of elo_kv_checkpoint: it waits for this one */
} elo_kv_sealed_t;

/* An answer of the index, which stays the same for a batch. */
typedef struct {
    elo_err_t rc;
    uint16_t key_len;
    uint8_t table;
    uint8_t key[ELO_KV_KEY_MAX];
    elo_kv_row_t row;
} elo_kv_known_t;

#define ELO_KV_KNOWN_MAX 4u

struct elo_kv_tx_s {
    elo_kv_t *kv;
    elo_kv_view_t base; /* tables and index; for a batch */
    uint64_t seq;       /* of the operation that runs */
    uint64_t lsn;       /* its first */
    elo_err_t broken;   /* it can't be kept, whatever it says */
    bool is_deriving;
    void **handles; /* entries of the batch */
    uint32_t n_handles, cap_handles;
    uint32_t n_known; /* answers of this batch; the last are kept */
    elo_kv_known_t known[ELO_KV_KNOWN_MAX];
    /* what to go back to when the operation fails */
    elo_seglog_mark_t log_mark;
    uint32_t handle_mark, counter_mark;
};

struct elo_kv_s {
    uint32_t magic;
    elo_kv_cfg_t cfg; /* defaults filled in */
    elo_seglog_t *log;
    elo_index_t *index;
    elo_counters_t *counters;
    uint64_t hash_seed;
    elo_thread_t commit_thread, checkpoint_thread;

    /* atomics */
    elo_kv_op_t *queue; /* submitted; the last one first */
    bool is_asleep;     /* the commit thread: wake it */
    uint64_t visible;   /* seq of the last operation that is durable */
    int mode;           /* elo_kv_mode_t */
    uint64_t head;      /* segment that is written to */
    uint64_t n_checkpoints, n_keys;
    uint32_t batch_max;

    /* shared: mtx */
    elo_mutex_t mtx;
    elo_cond_t work;        /* the commit thread waits here when it has none */
    elo_cond_t sealed_cond; /* the checkpoint thread, for a sealed table */
    elo_cond_t done_cond;   /* those who wait for a checkpoint's end */
    uint32_t n_mutexes, n_conds; /* of them, that were made */
    elo_memtable_t *active;      /* changed by the commit thread only */
    elo_kv_sealed_t sealed;
    elo_index_state_t settled; /* as of the last checkpoint */
    uint64_t ticket_done, ticket_failed;
    uint64_t n_tries;   /* of checkpoints, whatever became of them */
    bool is_try_wanted; /* FULL: now, not when it's time */
    bool stop_commit, stop_checkpoint;

    /* commit thread */
    elo_kv_tx_t tx;
    uint64_t tail;            /* bytes of log since the active table began */
    uint64_t first_ns;        /* when tail became more than 0 */
    uint64_t tickets;         /* given */
    uint64_t tickets_sealed;  /* of these, answered by a sealed table */
    uint64_t seal_not_before; /* ns; there was no memory for it */
    elo_kv_op_t *roll_op;     /* elo_kv_seal, in this batch */
    bool is_ending;
    bool is_index_bad; /* something in it can't be believed */

    elo_mutex_t care; /* held while segments may not be removed */
    struct {
        uint64_t segment, next, bad; /* where compaction left off */
    } compaction;                    /* shared: care */
};

static inline elo_kv_mode_t
elo_kv_mode(const elo_kv_t *kv)
{
    return (elo_kv_mode_t) __atomic_load_n(&kv->mode, __ATOMIC_ACQUIRE);
}


/* Any thread: logs what failed, and READONLY from now on. Returns
   ELO_EREADONLY. */
elo_err_t elo_kv_fail(elo_kv_t *kv, elo_err_t err, const char *what);

/* ---- view.c ---- */

/* The same as elo_kv_get for a reader of seq, with all that is known. */
elo_err_t elo_kv_find(const elo_kv_view_t *v, uint64_t seq, uint8_t table,
                      elo_slice_t key, elo_kv_row_t *out) ELO_MUST_USE;

/* ---- tx.c: commit thread, and recovery ---- */

/* A batch: operations from op_begin to op_end, then commit or rewind. */
elo_err_t elo_kv_tx_begin(elo_kv_tx_t *tx) ELO_MUST_USE;
void elo_kv_tx_op_begin(elo_kv_tx_t *tx);
/* rc: what run said. Returns what becomes of it. */
elo_err_t elo_kv_tx_op_end(elo_kv_tx_t *tx, elo_err_t rc) ELO_MUST_USE;
/* Makes the batch visible, or takes all of it back. */
void elo_kv_tx_end(elo_kv_tx_t *tx, bool is_durable);

elo_err_t elo_kv_tx_find(elo_kv_tx_t *tx, uint8_t table, elo_slice_t key,
                         elo_kv_row_t *out, bool *is_fresh) ELO_MUST_USE;

/* A record of the log does again what it did. */
elo_err_t elo_kv_tx_replay(elo_kv_tx_t *tx,
                           const elo_log_rec_t *r) ELO_MUST_USE;

/* Writes a record again at the head if it is needed: a put that its key points to,
   a deletion unless all segments from `oldest` on are younger than it. oldest is
   the first of those that stay, 0: none. data as in r, borrowed until done. */
elo_err_t elo_kv_tx_move(elo_kv_tx_t *tx, const elo_log_rec_t *r,
                         uint64_t oldest, bool *is_moved) ELO_MUST_USE;

bool elo_kv_is_table(const elo_kv_t *kv, uint8_t table);

/* ---- commit_thread.c ---- */

void elo_kv_commit_main(void *kv);
/* elo_kv_exec that calls then (may be NULL) on the commit thread when done. */
elo_err_t elo_kv_exec_then(elo_kv_t *kv, elo_kv_op_t *op,
                           void (*then)(elo_kv_op_t *op,
                                        elo_err_t err)) ELO_MUST_USE;
/* Any thread, without mtx. */
void elo_kv_wake(elo_kv_t *kv);

/* ---- checkpoint.c ---- */

void elo_kv_checkpoint_main(void *kv);
elo_err_t elo_kv_checkpoint_write(elo_kv_t *kv,
                                  const elo_kv_sealed_t *s) ELO_MUST_USE;
/* Commit thread, between batches, and recovery: what stands for the active table
   now, and a fresh one in *next. */
elo_err_t elo_kv_seal_prepare(elo_kv_t *kv, elo_kv_sealed_t *s,
                              elo_memtable_t **next) ELO_MUST_USE;
/* Commit thread: seals the active table when that is due; waits only when both
   are full. */
void elo_kv_seal_if_due(elo_kv_t *kv);
/* When the active table will be due by its age; UINT64_MAX: not before there is
   more. mtx is held. */
uint64_t elo_kv_seal_at_locked(elo_kv_t *kv);

/* ---- care.c ---- */

void elo_kv_segment_look(elo_kv_t *kv, uint64_t segment, elo_kv_segment_t *out);

/* ---- recover.c ---- */

elo_err_t elo_kv_recover(elo_kv_t *kv, elo_kv_recovery_t *found) ELO_MUST_USE;

#endif
