/* SPDX-License-Identifier: BSD-2-Clause */
/* segment_internal: what the files behind segment.h share. Invariants (L…) are
   those of docs/formats/log.md. */
#ifndef ELO_KV_SEGMENT_INTERNAL_H
#define ELO_KV_SEGMENT_INTERNAL_H

#include "backend/kv/scan.h"
#include "backend/kv/segment.h"
#include "backend/os/mutex.h"
#include "common/base/limits.h"

#define ELO_SEGLOG_MAGIC 0x454c534cu /* "ELSL" */

#define ELO_SEG_BYTES_MIN  4096u
#define ELO_SEG_BYTES_MAX  (UINT64_C(64) << 20) /* what a place can say */
#define ELO_SEG_NUMBER_MAX (UINT64_MAX >> 23)   /* likewise */
#define ELO_SEG_OPEN_MAX   256u                 /* descriptors kept */
#define ELO_SEG_FILE_MODE  0640u
#define ELO_SEG_DIR        "log"
#define ELO_SEG_DIR_MODE   02750u /* setgid: files inherit the readers' group */

/* A segment that is there. */
typedef struct {
    uint64_t number;
    uint64_t size; /* of the file; fixed once appending goes on */
    elo_err_t head_rc;
    elo_seg_head_t head;
    /* shared: mtx */
    uint64_t used; /* where its records end; 0: not known */
    int fd;        /* -1: closed; stays while refs > 0 */
    uint32_t refs;
    uint64_t tick; /* of the last use */
    bool is_gone;  /* out of the list: freed with the last reference */
} elo_seg_t;

/* What a batch writes into one segment. */
typedef struct {
    elo_seg_t *seg; /* NULL: the head; else one to be made, owned */
    uint64_t segment;
    uint64_t from, to;
    uint64_t
        written; /* bytes known to be changed, from `from` (0 in a new one) */
    uint32_t first_part;
} elo_piece_t;

/* Bytes to write: borrowed, or, with p NULL, at off in the log's mem. */
typedef struct {
    const uint8_t *p;
    size_t off, len;
} elo_part_t;

typedef enum {
    ELO_PREP_NONE,
    ELO_PREP_RUNNING,
    ELO_PREP_READY,
} elo_prep_t;

struct elo_seglog_s {
    uint32_t magic;
    const elo_vfs_t *vfs;
    int root_fd; /* borrowed */
    int dir_fd;  /* log/ */
    int group;
    uint64_t store_id;
    uint64_t segment_bytes;
    uint64_t min_free;

    /* shared: mtx, which is never held across I/O */
    elo_mutex_t mtx;
    elo_seg_t **segs; /* in order of number */
    size_t n_segs, cap_segs;
    uint32_t n_open;
    uint64_t tick;
    uint64_t next_number; /* none as high has been used */
    elo_prep_t prep;
    uint64_t prep_number; /* of the segment being made ready, or ready */
    int prep_fd;
    bool prep_cancelled; /* the one that is running isn't wanted any more */
    bool prep_refused;   /* no more until the next roll-over */
    uint64_t rolled_ns;  /* when the head began to be written to */

    /* shared: atomic */
    bool is_stopped;
    uint64_t batches, records, log_bytes, syncs;

    /* commit thread */
    bool is_broken;    /* a write or sync failed: nothing is written any more */
    elo_seg_t *head;   /* one reference; NULL: none yet */
    elo_log_pos_t pos; /* behind the last added record */
    elo_log_pos_t done; /* behind the last durable one */
    uint64_t next_lsn;
    uint64_t batch_lsn; /* of the first record of the batch */
    bool in_op;
    elo_log_pos_t last; /* the record that was added last, */
    size_t last_mem;    /* and its head in mem */
    elo_piece_t *pieces;
    size_t n_pieces, cap_pieces;
    elo_part_t *parts;
    size_t n_parts, cap_parts;
    uint8_t *mem;
    size_t n_mem, cap_mem;
    uint64_t space;       /* free when it was last looked at */
    uint64_t space_since; /* bytes added since; UINT64_MAX: never looked */
    elo_slice_t vec[ELO_VFS_PARTS_MAX];
};

/* ---- seglog.c ---- */

/* "log/<16 hex>" into room for ELO_STORE_NAME_MAX + 1. */
void elo_seg_name(uint64_t number, char *out);

elo_err_t elo_seg_open(elo_seglog_t *l, uint64_t number, elo_vfs_open_t how,
                       int *fd) ELO_MUST_USE;

/* Index of the first segment with a number >= number. */
size_t elo_seglog_find_locked(elo_seglog_t *l, uint64_t number);

/* Room for n more segments in the list. Commit thread. */
elo_err_t elo_seglog_reserve(elo_seglog_t *l, size_t n) ELO_MUST_USE;
void elo_seglog_insert_locked(elo_seglog_t *l, elo_seg_t *seg);

/* ---- seg_read.c ---- */

/* A reference to a segment with an open descriptor. can_open: else ELO_EAGAIN
   when it is closed. ELO_ENOTFOUND. */
elo_err_t elo_seg_acquire(elo_seglog_t *l, uint64_t number, bool can_open,
                          elo_seg_t **out) ELO_MUST_USE;
void elo_seg_release(elo_seglog_t *l, elo_seg_t **seg);

/* Closes descriptors that are not in use, when there are too many. */
void elo_seg_evict(elo_seglog_t *l);

/* Takes a segment out of the list; freed with its last reference. */
void elo_seg_forget(elo_seglog_t *l, uint64_t number);

/* Exactly len bytes of an open file; ELO_ECORRUPT when it ends before. */
elo_err_t elo_seg_pread(const elo_vfs_t *vfs, int fd, void *p, size_t len,
                        uint64_t off) ELO_MUST_USE;

/* ---- seg_erase.c: taking back ---- */

/* Is rc want of space? */
bool elo_seg_is_full(elo_err_t rc);

/* Writes all of it; a short write is ENOSPC. *n, if not NULL: bytes written, also
   on failure. */
elo_err_t elo_seg_pwrite(const elo_vfs_t *vfs, int fd, const void *p,
                         size_t len, uint64_t off, uint64_t *n) ELO_MUST_USE;

/* Zeros wherever [from, to) isn't zero, and a sync. */
elo_err_t elo_seg_erase(elo_seglog_t *l, int fd, uint64_t from,
                        uint64_t to) ELO_MUST_USE;

/* Erases a segment in which nothing was acknowledged, and unlinks it; the caller
   syncs log/. fd -1: opens it. */
elo_err_t elo_seg_destroy(elo_seglog_t *l, uint64_t number,
                          int fd) ELO_MUST_USE;

/* ---- seg_make.c: making segments, now or ahead of need ---- */

/* A file of its full length, without a header. Leaves nothing on failure. */
elo_err_t elo_seg_make(elo_seglog_t *l, uint64_t number, int *fd) ELO_MUST_USE;

/* The number of the next segment to write to; never one being prepared. */
uint64_t elo_seg_number_take(elo_seglog_t *l);
/* Gives the last one back, if no other was taken since. */
void elo_seg_number_give(elo_seglog_t *l, uint64_t number);

/* The descriptor of a prepared segment of this number; -1: there is none. */
int elo_seg_prepared_take(elo_seglog_t *l, uint64_t number);

/* Drops what is prepared; nobody prepares at the same time. */
void elo_seg_prepared_drop(elo_seglog_t *l);

/* ---- append.c ---- */

/* Another segment for what is added next. */
elo_err_t elo_seglog_roll(elo_seglog_t *l) ELO_MUST_USE;

/* Forgets the batch in memory; segments that it would have made are freed. */
void elo_seglog_batch_reset(elo_seglog_t *l);

#endif
