/* SPDX-License-Identifier: BSD-2-Clause */
/* fsck: checks a store that no daemon has open, and repairs it. Checking changes
   nothing but the lock file. Repairing never deletes: what has no place in the
   store is moved to quarantine/. One thread. */
#ifndef ELO_STORE_FSCK_H
#define ELO_STORE_FSCK_H

#include "backend/store/store.h"

#define ELO_FSCK_NAMED 8 /* findings of a kind that are kept by name */
#define ELO_FSCK_TEXT  160

/* What can be found. FSCK(NAME, "name", is it a problem, "text") */
#define ELO_FSCK_KINDS(FSCK)                                                   \
    FSCK(FORMAT, "format", true, "the file \"format\" is missing or damaged")  \
    FSCK(INCOMPLETE, "incomplete", true, "a backup that was interrupted")      \
    FSCK(STRANGE, "strange", true, "files that are none of this store's")      \
    FSCK(HEAD, "head", true, "segments of the log with a damaged head")        \
    FSCK(RECORD, "record", true, "damaged places in the log")                  \
    FSCK(INDEX, "index", true, "the index is missing or damaged")              \
    FSCK(LACKS, "lacks", true, "records of the log that the index ignores")    \
    FSCK(LOST, "lost", true, "rows of the index whose record is damaged")      \
    FSCK(ROW, "row", true, "rows that make no sense")                          \
    FSCK(MISSING, "missing", true, "blobs whose file is missing")              \
    FSCK(SIZE, "size", true, "blobs whose file has another length")            \
    FSCK(HASH, "hash", true, "blobs whose bytes have another hash")            \
    FSCK(ORPHAN, "orphan", true, "files that no row names")                    \
    FSCK(SEALED, "sealed", true, "sealed blobs without their object")          \
    FSCK(REFERENCE, "reference", true, "references that no node has, or lack") \
    FSCK(NODE, "node", true, "content nodes without current version or owner") \
    FSCK(JOURNAL, "journal", true, "journals with a gap, or a broken chain")   \
    FSCK(COUNTER, "counter", true, "counters that are not what they count")    \
    FSCK(REPLAY, "replay", false, "records that a start would replay")         \
    FSCK(TORN, "torn", false, "bytes at the log's end that a start cuts off")  \
    FSCK(MARK, "mark", false, "files that a start unlinks")                    \
    FSCK(UNUSED, "unused", false, "ciphertext objects that nothing names")     \
    FSCK(BAD, "bad", false, "blobs known to be damaged, waiting for repair")

typedef enum {
#define FSCK(NAME, name, is_problem, text) ELO_FSCK_##NAME,
    ELO_FSCK_KINDS(FSCK)
#undef FSCK
        ELO_FSCK_COUNT
} elo_fsck_kind_t;

typedef struct {
    const char *name;
    const char *text;
    bool is_problem; /* else a start, or the daemon, deals with it */
} elo_fsck_info_t;

extern const elo_fsck_info_t elo_fsck_infos[ELO_FSCK_COUNT];

typedef struct {
    struct {
        uint64_t n;
        uint32_t n_named;
        char named[ELO_FSCK_NAMED][ELO_FSCK_TEXT];
    } kinds[ELO_FSCK_COUNT];
    uint64_t problems; /* sum of what is one */
    uint64_t segments, records, bytes;
    uint64_t blobs, sealed, files, nodes, uploads, tasks;
    uint64_t hashed_bytes;
    bool
        is_cut; /* it ended early: what was found stands in the way of the rest */
} elo_fsck_report_t;

typedef struct {
    const char *root;
    const elo_vfs_t *vfs; /* NULL: the real one */
    bool deep;            /* hash every blob */
    /* A line for a person, of each thing that repairing does; may be NULL. */
    void (*did)(void *ctx, const char *line);
    void *ctx;
} elo_fsck_cfg_t;

/* Checks. ELO_OK: *out says what was found. ELO_EBUSY: a daemon has the store.
   ELO_ENOTFOUND: there is no store. ELO_EUNSUPPORTED: of another version. */
elo_err_t elo_fsck_check(const elo_fsck_cfg_t *cfg,
                         elo_fsck_report_t *out) ELO_MUST_USE;

/* Checks, repairs what can be, and checks again: *before and *after. */
elo_err_t elo_fsck_repair(const elo_fsck_cfg_t *cfg, elo_fsck_report_t *before,
                          elo_fsck_report_t *after) ELO_MUST_USE;

#endif
