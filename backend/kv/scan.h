/* SPDX-License-Identifier: BSD-2-Clause */
/* scan: finds the records of a log in bytes that a callback reads. It holds one
   window of memory (one record, if that is larger) and the keys and values of one
   operation. Invariants (L…): docs/formats/log.md. */
#ifndef ELO_KV_SCAN_H
#define ELO_KV_SCAN_H

#include "backend/kv/segment.h"

#define ELO_SCAN_WINDOW (1u << 20)

typedef struct {
    uint64_t number;
    uint64_t size;     /* of the file, as far as records may stand there */
    elo_err_t head_rc; /* of elo_seg_head_parse */
    elo_seg_head_t head;
} elo_scan_seg_t;

typedef struct {
    /* Exactly len bytes, all of them below the segment's size. */
    elo_err_t (*read)(void *ctx, uint64_t segment, uint64_t off, void *p,
                      size_t len);
    void *ctx;
    uint64_t store_id;
    const elo_scan_seg_t *segs; /* in order of number */
    size_t n_segs;
} elo_scan_src_t;

/* ---- one segment through a window ---- */

typedef struct {
    const elo_scan_src_t *src;
    const elo_scan_seg_t *seg;
    uint64_t limit; /* no record reaches beyond */
    uint8_t *buf;   /* owned */
    size_t cap;
    uint64_t base; /* offset of buf[0] */
    size_t len;
    uint64_t bytes; /* read in all */
} elo_scan_win_t;

elo_err_t elo_scan_win_init(elo_scan_win_t *w, const elo_scan_src_t *src,
                            size_t cap) ELO_MUST_USE;
void elo_scan_win_dispose(elo_scan_win_t *w);
void elo_scan_win_segment(elo_scan_win_t *w, const elo_scan_seg_t *seg,
                          uint64_t limit);

/* The record at off, both checksums right; what it borrows stands until the next
   call. ELO_ENOTFOUND: zeros, or no room for a record. ELO_ECORRUPT: anything else
   that is none. Others: of read. */
elo_err_t elo_scan_record(elo_scan_win_t *w, uint64_t off, bool need_data,
                          elo_log_rec_t *out) ELO_MUST_USE;

/* The first good record at a multiple of 8 from off on, without data. *past_last:
   behind the last byte before it that isn't zero, if there is one, else as it was.
   ELO_ENOTFOUND: none. */
elo_err_t elo_scan_find(elo_scan_win_t *w, uint64_t off, uint64_t *past_last,
                        elo_log_rec_t *out) ELO_MUST_USE;

/* ---- all of it ---- */

/* elo_seglog_recover over src. */
elo_err_t elo_scan_log(const elo_scan_src_t *src, elo_log_pos_t from,
                       uint64_t min_lsn, elo_log_rec_fn fn, void *ctx,
                       elo_log_scan_t *out) ELO_MUST_USE;

/* elo_seglog_scan over one segment of src. limit: where its records end; 0: not
   known. *end: behind the last good record. */
elo_err_t elo_scan_segment(const elo_scan_src_t *src, const elo_scan_seg_t *seg,
                           uint64_t limit, uint64_t from, uint64_t budget,
                           bool need_data, elo_log_rec_fn fn, void *ctx,
                           uint64_t *next, uint64_t *bad,
                           uint64_t *end) ELO_MUST_USE;

#endif
