/* SPDX-License-Identifier: BSD-2-Clause */
/* segment: the files of the log: making, appending batches, reading, scanning.
   One elo_seglog_t per engine. A segment's file has its full length from the
   start (so that a reader's cached size stays right), is written from front to
   back, and only by the process that made it; its number is never used again.

   Appending: commit thread only. Reading: any thread. */
#ifndef ELO_KV_SEGMENT_H
#define ELO_KV_SEGMENT_H

#include "backend/kv/kv_care.h"
#include "backend/kv/record.h"

typedef struct elo_seglog_s elo_seglog_t;

/* A place in the log: where a record starts, or the end. */
typedef struct {
    uint64_t segment; /* from 1 */
    uint64_t off;
} elo_log_pos_t;

/* Makes log/ when missing, lists its segments (names that are no segments are
   left alone and logged once). Nothing else is written before
   elo_seglog_resume. ELO_ECORRUPT for a segment of another store, or one that was
   renamed. */
elo_err_t elo_seglog_open(const elo_kv_cfg_t *cfg,
                          elo_seglog_t **out) ELO_MUST_USE;
void elo_seglog_close(elo_seglog_t **l);

/* One record found by a scan; borrowed until fn returns. pos: where it starts. */
typedef struct {
    elo_rec_head_t head;
    elo_log_pos_t pos;
    elo_slice_t key, value;
    elo_slice_t data; /* only with need_data, else p NULL and len the length */
} elo_log_rec_t;
typedef elo_err_t (*elo_log_rec_fn)(void *ctx, const elo_log_rec_t *r);

typedef struct {
    elo_log_pos_t end;   /* behind the last good record */
    elo_log_pos_t batch; /* where the last batch before end begins */
    uint64_t next_lsn;
    uint64_t records;
    uint64_t bytes;      /* read */
    uint64_t torn_bytes; /* behind end: no acknowledged record was there */
    uint64_t rotten;     /* damaged records with good ones of later batches
                            behind them: passed over */
} elo_log_scan_t;

/* Recovery: every record from `from` to the end of the log, in order, with all
   checksums verified. Whole operations only: records after the last
   ELO_REC_END are torn. A damaged place is the end of the log unless a good
   record of a later batch follows (searched for at every multiple of 8 up to the
   end of the log): then the rest of its operation is passed over and counted.
   from is that of a checkpoint and min_lsn the lsn expected there; segment 0: the
   whole log. ELO_ECORRUPT when the log has no such place (it may be the end of a
   segment that was removed): it is not the one of that checkpoint, or parts of it
   are missing. What can't be read is damage when the log goes on behind it, else an
   error. */
elo_err_t elo_seglog_recover(elo_seglog_t *l, elo_log_pos_t from,
                             uint64_t min_lsn, elo_log_rec_fn fn, void *ctx,
                             elo_log_scan_t *out) ELO_MUST_USE;

/* All good records of one segment (compaction, fsck, scrub); *bad counts what
   is damaged, also what can't be read. Ends at the last one. from and *next:
   resume within it (0: start). Stops after budget bytes of records; *next is 0
   when the segment is done. Any thread but [any]: it reads. */
elo_err_t elo_seglog_scan(elo_seglog_t *l, uint64_t segment, uint64_t from,
                          uint64_t budget, bool need_data, elo_log_rec_fn fn,
                          void *ctx, uint64_t *next,
                          uint64_t *bad) ELO_MUST_USE;

/* After recovery: makes what was found durable, for recovery may have read it from
   memory that never reached the disk; so call this before anything acts upon it.
   What lies behind end is cut off, and later segments are removed: a torn record
   may never come to life again. The next batch begins a segment. */
elo_err_t elo_seglog_resume(elo_seglog_t *l,
                            const elo_log_scan_t *at) ELO_MUST_USE;

/* ---- a batch: begin, add…, commit ---- */

/* Adds a record; *pos is where it will be: in another segment when it doesn't fit
   into this one (a batch may span segments). Of h only table, first_segment and
   the flags DELETE and MOVED are the caller's. Key and value are copied, data is
   borrowed until commit. ELO_ETOOBIG when no segment could hold it; ELO_ENOSPC
   below min_free_bytes (records without data, and those that compaction moves, may
   use three quarters of that: deleting is how room is made); ELO_ENOMEM;
   ELO_EREADONLY after a failed commit. Nothing is added then. */
elo_err_t elo_seglog_add(elo_seglog_t *l, const elo_rec_head_t *h,
                         elo_slice_t key, elo_slice_t value,
                         const elo_slice_t *data, uint32_t n_data,
                         elo_log_pos_t *pos) ELO_MUST_USE;
/* lsn that the next added record gets; elo_seglog_add sets lsn and batch. */
uint64_t elo_seglog_next_lsn(const elo_seglog_t *l);
/* Takes back all that was added after a mark (an operation that failed). */
typedef struct {
    uint64_t lsn, segment, off;
    uint32_t n_iov;
    bool in_op;
    size_t n_mem;
    elo_log_pos_t last; /* the record before, and its head in memory */
    size_t last_mem;
} elo_seglog_mark_t;
void elo_seglog_mark(const elo_seglog_t *l, elo_seglog_mark_t *m);
void elo_seglog_rewind(elo_seglog_t *l, const elo_seglog_mark_t *m);
/* Marks the last added record as the end of its operation; nothing when none was
   added since the last end. */
void elo_seglog_end_op(elo_seglog_t *l);
uint64_t elo_seglog_pending(const elo_seglog_t *l); /* bytes in the batch */
/* Writes and syncs. ELO_ENOSPC (also for short writes, and when a segment can't be
   made for want of descriptors or memory): everything of the batch is taken back,
   durably, lsn and positions too. Anything else: the outcome is unknown, the
   engine must become read-only. */
elo_err_t elo_seglog_commit(elo_seglog_t *l) ELO_MUST_USE;

/* Behind the last record, of the batch that is being made if there is one.
   Commit thread. */
elo_log_pos_t elo_seglog_end(const elo_seglog_t *l);

/* Rolls over now, between batches; nothing when the segment holds no record yet.
   Results as of a commit. */
elo_err_t elo_seglog_seal(elo_seglog_t *l) ELO_MUST_USE;

/* Makes and zeroes the next segment ahead of its need, if it is worth it: called
   by the checkpoint thread when idle; never in the way of a commit. Want of space
   is no error. */
elo_err_t elo_seglog_prepare(elo_seglog_t *l) ELO_MUST_USE;

/* Makes a running elo_seglog_prepare return soon, and later ones at once. Any
   thread. */
void elo_seglog_stop(elo_seglog_t *l);

/* ---- reading: any thread ---- */

/* Exactly len bytes. now: ELO_EAGAIN unless they are in memory. ELO_ENOTFOUND when
   there is no such segment (any more), ELO_ECORRUPT when it is too short. */
elo_err_t elo_seglog_read(elo_seglog_t *l, uint64_t segment, uint64_t off,
                          void *p, size_t len, bool now) ELO_MUST_USE;
/* Numbers in order, from the first >= from; 0 at the end. */
uint64_t elo_seglog_next(elo_seglog_t *l, uint64_t from);
/* Where its records end; the file's length when that isn't known (before a
   restart, and the segment after it is gone); 0 when there is no such segment. */
uint64_t elo_seglog_used(elo_seglog_t *l, uint64_t segment);
/* Unlinks and syncs log/; reads that are running go on. ELO_ENOTFOUND; ELO_EBUSY
   for the one that is written to. */
elo_err_t elo_seglog_remove(elo_seglog_t *l, uint64_t segment) ELO_MUST_USE;
void elo_seglog_stats(elo_seglog_t *l, elo_kv_stats_t *out);

#endif
