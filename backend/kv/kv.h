/* SPDX-License-Identifier: BSD-2-Clause */
/* kv: an ordered, durable key–value engine: one log of append segments, which is
   the truth, and LMDB as an index and synced checkpoint behind it. A value may
   carry data (the bytes of a small blob), which stays in its segment only.
   It knows nothing of blobs. Format and invariants: docs/formats/log.md.

   Writes are operations that run one after the other on the commit thread: each
   reads what the ones before it have written, and decides. All operations that
   wait are one batch: one write and one fdatasync of the log make them durable
   together, then they become visible, then their `done` is called. No timer.
   Memory tables hold what LMDB hasn't got yet; a second thread, LMDB's only
   writer, brings them there.

   Errors: ENOSPC, EDQUOT and short writes end the batch with ELO_ENOSPC, take
   everything of it back, and the engine goes on. EIO, any other failed write and
   any failed sync make it read-only until it is opened again: operations get
   ELO_EREADONLY, reads go on. A sync is never repeated.

   Threads: [any], [work] (waits for a disk: not on the loop), [commit] (only
   within an operation's run). */
#ifndef ELO_KV_KV_H
#define ELO_KV_KV_H

#include "backend/os/vfs.h"
#include "common/base/buf.h"
#include "common/base/slice.h"

#define ELO_KV_TABLES_MAX 32u  /* ids 1 to 31; 0 is the engine's own */
#define ELO_KV_KEY_MAX    500u /* LMDB takes 511 */

typedef struct elo_kv_s elo_kv_t;
typedef struct elo_kv_tx_s elo_kv_tx_t;
typedef struct elo_kv_op_s elo_kv_op_t;

/* What a key stands for. */
typedef struct {
    elo_slice_t value;
    uint64_t segment;  /* number of the segment that its record is in; 0 for
                          derived entries, which have no record */
    uint64_t data_off; /* in the segment's file; valid with data_len > 0 */
    uint32_t data_len;
} elo_kv_entry_t;

/* Called on the commit thread, and in recovery, after each logged put (now set)
   and delete (now NULL); was is NULL when the key had no value. It keeps what is
   derived: it may call elo_kv_tx_derive, _get, cursors and _add. What it derives
   must be a function of this key's value alone, for a rebuilt index replays only
   what is still live. moved: the record was re-written by compaction, value and
   data being the same. */
typedef elo_err_t (*elo_kv_derive_fn)(void *ctx, elo_kv_tx_t *tx, uint8_t table,
                                      elo_slice_t key,
                                      const elo_kv_entry_t *was,
                                      const elo_kv_entry_t *now, bool moved);

typedef struct {
    const elo_vfs_t *vfs;
    int root_fd;             /* of the store; borrowed; log/ is made below it */
    const char *index_path;  /* LMDB's directory, made by the caller */
    uint64_t store_id;       /* seeds the checksums */
    uint64_t map_bytes;      /* of LMDB */
    uint64_t segment_bytes;  /* 0: ELO_KV_SEGMENT_BYTES */
    uint32_t memtable_bytes; /* one of two; 0: ELO_KV_MEMTABLE_BYTES */
    uint64_t tail_bytes;     /* of log not in LMDB; 0: ELO_KV_TAIL_BYTES */
    uint32_t checkpoint_ms;  /* oldest entry not in LMDB; 0: 500 */
    uint64_t min_free_bytes; /* writes are ELO_ENOSPC below it */
    int group;               /* gid of log/ and segments; -1: leave it */
    const char *const *tables; /* name of table i; [0] and gaps NULL; static */
    uint32_t n_tables;
    elo_kv_derive_fn derive;
    void *ctx;
} elo_kv_cfg_t;

#define ELO_KV_SEGMENT_BYTES  (UINT64_C(64) << 20)
#define ELO_KV_MEMTABLE_BYTES (16u << 20)
#define ELO_KV_TAIL_BYTES     (UINT64_C(256) << 20)

/* What recovery found. */
typedef struct {
    uint64_t records;    /* replayed from the log */
    uint64_t bytes;      /* of log read */
    uint64_t torn_bytes; /* cut off at the end: never acknowledged */
    uint64_t rotten; /* damaged, with good ones of later batches behind them */
    bool is_rebuilt; /* there was no index: all of the log was replayed */
    uint32_t took_ms;
} elo_kv_recovery_t;

/* Recovers, then starts the threads. ELO_ECORRUPT when neither index nor log can
   be believed; the log line says what to do. */
elo_err_t elo_kv_open(const elo_kv_cfg_t *cfg, elo_kv_t **out,
                      elo_kv_recovery_t *found) ELO_MUST_USE;

/* Ends what is queued, checkpoints, joins the threads. No view may be open. */
void elo_kv_close(elo_kv_t **kv);

bool elo_kv_is_readonly(const elo_kv_t *kv); /* [any] */

/* Makes it read-only: the caller's own sync failed. [any] */
void elo_kv_set_readonly(elo_kv_t *kv);

/* ---- writing ---- */

/* First member of the caller's struct. run decides and writes through tx; any
   result but ELO_OK takes back what it wrote and is what done gets. done is
   called once, on the commit thread, in order of submission, when the whole batch
   is durable and visible (also when nothing was written: what it decided upon
   may have been another's write of the same batch). done may not wait or submit
   and wait, and may free the op. */
struct elo_kv_op_s {
    elo_err_t (*run)(elo_kv_op_t *op, elo_kv_tx_t *tx);
    void (*done)(elo_kv_op_t *op, elo_err_t err);
    /* the engine's */
    elo_kv_op_t *_next;
    elo_err_t _err;
    void *_wait;
};

/* [any] Never fails, never waits: done tells. */
void elo_kv_submit(elo_kv_t *kv, elo_kv_op_t *op);

/* [work] Submits and waits; op->done is set by it. */
elo_err_t elo_kv_exec(elo_kv_t *kv, elo_kv_op_t *op) ELO_MUST_USE;

/* [commit] Entries are borrowed until run returns. ELO_ENOTFOUND. */
elo_err_t elo_kv_tx_get(elo_kv_tx_t *tx, uint8_t table, elo_slice_t key,
                        elo_kv_entry_t *out) ELO_MUST_USE;

/* [commit] Key and value are copied. data (n slices, may be none) is borrowed
   until done. ELO_ETOOBIG when the record doesn't fit a segment. */
elo_err_t elo_kv_tx_put(elo_kv_tx_t *tx, uint8_t table, elo_slice_t key,
                        elo_slice_t value, const elo_slice_t *data,
                        uint32_t n) ELO_MUST_USE;

/* [commit] Fine when there is nothing. */
elo_err_t elo_kv_tx_del(elo_kv_tx_t *tx, uint8_t table,
                        elo_slice_t key) ELO_MUST_USE;

/* [commit] Puts (value->p != NULL) or deletes an entry without a record; from
   the derive hook only. */
elo_err_t elo_kv_tx_derive(elo_kv_tx_t *tx, uint8_t table, elo_slice_t key,
                           const elo_slice_t *value) ELO_MUST_USE;

/* [commit] Counters: space 1 to 255 and an id. Kept with the checkpoint, taken
   back with the operation; from the derive hook only, or replay would count
   differently. */
elo_err_t elo_kv_tx_add(elo_kv_tx_t *tx, uint8_t space, uint64_t id,
                        int64_t delta) ELO_MUST_USE;
int64_t elo_kv_tx_sum(elo_kv_tx_t *tx, uint8_t space, uint64_t id);

/* [commit] A number that is never given twice, also after a crash, once the
   operation is durable: that of its first record. */
uint64_t elo_kv_tx_lsn(const elo_kv_tx_t *tx);

/* [any] Durable value of a counter. */
int64_t elo_kv_sum(elo_kv_t *kv, uint8_t space, uint64_t id);

/* ---- reading: [any]; waits for no more than a page fault ---- */

/* A consistent, durable state. Short-lived: it holds back memory. */
typedef struct {
    elo_kv_t *_kv;
    void *_mem[2];
    void *_txn;
    uint64_t _seq;
} elo_kv_view_t;

elo_err_t elo_kv_view_begin(elo_kv_t *kv, elo_kv_view_t *v) ELO_MUST_USE;
void elo_kv_view_end(elo_kv_view_t *v);

/* Borrowed until the view ends. ELO_ENOTFOUND; ELO_ECORRUPT when the entry's
   checksum is wrong. */
elo_err_t elo_kv_get(elo_kv_view_t *v, uint8_t table, elo_slice_t key,
                     elo_kv_entry_t *out) ELO_MUST_USE;

/* Keys of a table in order of bytes (a prefix sorts first), from the first >= from;
   seek goes on from there. next is ELO_ENOTFOUND at the end. Key and entry are
   borrowed until the next call. A cursor ends before its view or operation. */
typedef struct elo_kv_cursor_s elo_kv_cursor_t;
elo_err_t elo_kv_cursor_open(elo_kv_view_t *v, uint8_t table, elo_slice_t from,
                             elo_kv_cursor_t **out) ELO_MUST_USE;
elo_err_t elo_kv_tx_cursor_open(elo_kv_tx_t *tx, uint8_t table,
                                elo_slice_t from,
                                elo_kv_cursor_t **out) ELO_MUST_USE;
elo_err_t elo_kv_cursor_next(elo_kv_cursor_t *c, elo_slice_t *key,
                             elo_kv_entry_t *out) ELO_MUST_USE;
elo_err_t elo_kv_cursor_seek(elo_kv_cursor_t *c, elo_slice_t from) ELO_MUST_USE;
void elo_kv_cursor_close(elo_kv_cursor_t **c);

/* [work] Exactly len bytes of a segment's file. ELO_ENOTFOUND when compaction
   has taken the segment away: look the key up again. ELO_ECORRUPT when short. */
elo_err_t elo_kv_read(elo_kv_t *kv, uint64_t segment, uint64_t off, void *p,
                      size_t len) ELO_MUST_USE;

/* [any] The same when all of it is in memory (RWF_NOWAIT), else ELO_EAGAIN. */
elo_err_t elo_kv_read_now(elo_kv_t *kv, uint64_t segment, uint64_t off, void *p,
                          size_t len) ELO_MUST_USE;

/* "log/<16 hex>", into room for ELO_STORE_NAME_MAX + 1. */
void elo_kv_segment_name(uint64_t segment, char *out);

#endif
