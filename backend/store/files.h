/* SPDX-License-Identifier: BSD-2-Clause */
/* files: files of their own, for what is too large for the log: blobs, media
   indexes, and uploads on their way. A file gets a name below blobs/ or media/
   only after a mark in table FILE names it, and the mark goes in the very
   operation that makes a row name the file: so a start knows what to unlink (S3,
   S4). Its bytes never have that name before they are synced (S2).

       open ── write … ── publish ── op: row and elo_file_keep_tx ── end
                 │           │                     │ refused, failed
                 └── end ────┴─────── end ─────────┘  leaves nothing

   Threads: [work], but for _tx, which are [commit]. */
#ifndef ELO_STORE_FILES_H
#define ELO_STORE_FILES_H

#include "backend/store/store_internal.h"

/* A file on its way into the store. */
typedef struct {
    elo_store_t *s;
    int fd;           /* -1: closed */
    uint64_t size;    /* bytes written */
    uint64_t started; /* write-back of the bytes below has been started */
    uint64_t checked; /* size at the last look at free space */
    elo_file_kind_t kind;
    bool is_kept_name;                 /* the name in tmp stays at the end */
    char tmp[ELO_STORE_NAME_MAX + 1];  /* "" for a file without a name */
    char name[ELO_STORE_NAME_MAX + 1]; /* once linked; else "" */
    uint64_t id;                       /* 0: no mark was made */
    /* written by the operation that keeps it */
    bool is_kept;
} elo_newfile_t;

#define ELO_NEWFILE_NONE ((elo_newfile_t){ .fd = -1 })

/* A fresh file for ELO_FILE_BLOB or ELO_FILE_MEDIA. */
elo_err_t elo_newfile_open(elo_store_t *s, elo_file_kind_t kind,
                           elo_newfile_t *nf) ELO_MUST_USE;

/* A file at a name of the caller's ("uploads/…"), made when missing, cut off at
   size. elo_newfile_end removes that name unless is_kept_name was set. Its bytes
   below size are durable already. ELO_ECORRUPT: it is shorter. */
elo_err_t elo_newfile_open_at(elo_store_t *s, elo_file_kind_t kind,
                              const char *name, uint64_t size,
                              elo_newfile_t *nf) ELO_MUST_USE;

elo_err_t elo_newfile_write(elo_newfile_t *nf, elo_slice_t bytes) ELO_MUST_USE;

/* Exactly len bytes of what was written. ELO_ECORRUPT: it is shorter. */
elo_err_t elo_newfile_read(elo_newfile_t *nf, uint64_t off, void *p,
                           size_t len) ELO_MUST_USE;

/* The bytes are durable (not yet the name). */
elo_err_t elo_newfile_sync(elo_newfile_t *nf) ELO_MUST_USE;

/* Syncs the bytes, marks an id as undecided, links the file under it and syncs
   the directory: from here on an operation may name nf->id. */
elo_err_t elo_newfile_publish(elo_newfile_t *nf) ELO_MUST_USE;

/* [commit] The operation names nf->id: its mark goes. Sets nf->is_kept, which
   counts only if the operation succeeds. */
elo_err_t elo_file_keep_tx(elo_kv_tx_t *tx, elo_newfile_t *nf) ELO_MUST_USE;

/* Closes. rc: of the operation that was to keep it, or ELO_OK without one. The
   published file is removed unless it was kept, or nobody knows (ELO_EREADONLY:
   the next start finds out). Safe on ELO_NEWFILE_NONE. */
void elo_newfile_end(elo_newfile_t *nf, elo_err_t rc);

/* [commit] A row that named the file is gone: marks the file as dead. Afterwards,
   once durable, elo_file_bury. id 0: nothing to do. */
elo_err_t elo_file_kill_tx(elo_kv_tx_t *tx, elo_file_kind_t kind,
                           uint64_t id) ELO_MUST_USE;

/* Unlinks a dead file, syncs its directory, lets the mark go. Failures leave that
   to the next start. id 0: nothing to do. */
void elo_file_bury(elo_store_t *s, elo_file_kind_t kind, uint64_t id);

/* [commit] The mark itself. */
elo_err_t elo_file_mark_tx(elo_kv_tx_t *tx, elo_file_kind_t kind, uint64_t id,
                           elo_file_state_t state) ELO_MUST_USE;

/* ---- files_clean.c ---- */

/* Part of opening a store: unlinks what FILE names, empties tmp/. is_damaged: the
   log has lost records; what is undecided may be one of their files, and stays
   for good, as doubtful. */
elo_err_t elo_files_clean(elo_store_t *s, bool is_damaged) ELO_MUST_USE;

#endif
