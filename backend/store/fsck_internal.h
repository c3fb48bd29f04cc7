/* SPDX-License-Identifier: BSD-2-Clause */
/* fsck_internal: one run of a check, and what it leaves for the repair. */
#ifndef ELO_STORE_FSCK_INTERNAL_H
#define ELO_STORE_FSCK_INTERNAL_H

#include "backend/kv/inspect.h"
#include "backend/store/fsck.h"
#include "backend/store/records.h"
#include "backend/store/records_node.h"
#include "backend/store/tables.h"

#define ELO_FSCK_QUARANTINE "quarantine"
#define ELO_FSCK_NAME_MAX   280 /* of a file below the root */

/* What is to be done about a finding. */
typedef enum {
    ELO_CURE_MOVE, /* name to quarantine/ */
    ELO_CURE_LINK, /* name to quarantine/ as a second name, before compaction */
    ELO_CURE_ROW,  /* a row whose record is damaged is written again */
    ELO_CURE_BAD,  /* a blob (key: digest) is damaged: text says why */
    ELO_CURE_UNSEAL,  /* a SEALED row (key) without object is removed */
    ELO_CURE_COMPACT, /* a segment with damage is written anew */
} elo_cure_what_t;

typedef struct {
    elo_cure_what_t what;
    uint8_t table;
    uint64_t segment, off;
    char *name;      /* owned; of a file, or why */
    elo_slice_t key; /* owned */
} elo_cure_t;

/* A file that a row names. */
typedef struct {
    uint64_t id;
    uint64_t size;
    elo_file_kind_t kind;
    bool is_mark; /* table FILE: it needn't be there */
    bool is_met;
    bool is_bad; /* known to be */
    elo_digest_t digest;
} elo_fsck_file_t;

typedef struct {
    const elo_fsck_cfg_t *cfg;
    const elo_vfs_t *vfs;
    elo_fsck_report_t *out;
    int root_fd, lock_fd;
    uint64_t store_id;
    bool has_id;
    bool format_is_bad;
    bool wants_index; /* the index is to be made again */
    bool has_index;   /* it can be read */
    elo_kv_t *kv;
    char scratch[64];  /* directory of an empty index; "" */
    elo_cure_t *cures; /* owned */
    size_t n_cures, cap_cures;
    elo_fsck_file_t *files; /* owned */
    size_t n_files, cap_files;
} elo_fsck_t;

/* Counts a finding, and keeps its text if it is one of the first. */
void elo_fsck_found(elo_fsck_t *f, elo_fsck_kind_t kind, uint64_t n,
                    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Leaves work for the repair. key and name are copied; name may be NULL. */
elo_err_t elo_fsck_cure(elo_fsck_t *f, const elo_cure_t *c) ELO_MUST_USE;

/* "table 0123ab…" for people. */
#define ELO_FSCK_KEY_TEXT 64
const char *elo_fsck_key(uint8_t table, elo_slice_t key,
                         char out[ELO_FSCK_KEY_TEXT]);

/* fsck_rows.c: every row makes sense and goes with the others; fills files. */
elo_err_t elo_fsck_rows(elo_fsck_t *f) ELO_MUST_USE;

/* fsck_files.c: files and rows name each other; with deep, bytes are hashed. */
elo_err_t elo_fsck_files(elo_fsck_t *f) ELO_MUST_USE;
elo_err_t elo_fsck_deep(elo_fsck_t *f) ELO_MUST_USE;

/* fsck_repair.c: does what was left to be done; the check has ended and the lock
   is given up. */
elo_err_t elo_fsck_apply(elo_fsck_t *f) ELO_MUST_USE;

extern const char *const elo_store_tables[ELO_T_COUNT];

#endif
