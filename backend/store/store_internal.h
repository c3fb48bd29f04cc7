/* SPDX-License-Identifier: BSD-2-Clause */
/* store_internal: what the files of backend/store share. Invariants I1–I9 are
   those of docs/formats/store.md. */
#ifndef ELO_STORE_STORE_INTERNAL_H
#define ELO_STORE_STORE_INTERNAL_H

#include <lmdb.h>

#include "backend/os/mutex.h"
#include "backend/os/vfs.h"
#include "backend/store/records.h"
#include "backend/store/store.h"

#define ELO_STORE_MAGIC 0x454c5354u /* "ELST" */
#define ELO_PUT_MAGIC   0x454c5055u /* "ELPU" */

#define ELO_SEQ_BATCH 1024u /* numbers reserved with one commit */
#define ELO_DEAD_MAX  64u   /* removed files whose mark the next commit drops */

#define ELO_FILE_MODE 0640u
#define ELO_DIR_MODE  02750u /* setgid: files inherit the readers' group */
#define ELO_PRIV_MODE 0700u  /* index/ and tmp/ */

enum {
    ELO_DB_META,
    ELO_DB_BLOB,
    ELO_DB_FILE,
    ELO_DB_DEAD,
    ELO_DB_NODE,
    ELO_DB_NODEV,
    ELO_DB_REF,
    ELO_DB_MEDIA,
    ELO_DB_COUNT
};

/* A file on its way into the store: written, then published under its number,
   then either kept by the commit that names it or dropped. */
typedef struct elo_newfile_s elo_newfile_t;
struct elo_newfile_s {
    elo_store_t *s;
    int fd;           /* -1: closed */
    uint64_t size;    /* bytes written */
    uint64_t started; /* write-back of the bytes below has been started */
    uint64_t checked; /* size at the last look at free space */
    char tmp[ELO_STORE_NAME_MAX + 1];  /* "" for a file without a name */
    char name[ELO_STORE_NAME_MAX + 1]; /* once linked; else "" */
    elo_file_kind_t kind;
    uint64_t seq; /* 0: none yet */
    /* shared: s->mtx. Numbers that no commit has decided on, ascending. */
    elo_newfile_t *prev, *next;
};

struct elo_store_s {
    uint32_t magic;
    const elo_vfs_t *vfs;
    int group;
    uint64_t min_free;
    int root_fd;
    int lock_fd;
    bool nameless; /* O_TMPFILE and linkat work here */
    elo_gen_page_t *gen;
    MDB_env *env;
    MDB_dbi db[ELO_DB_COUNT];

    /* shared: atomic */
    uint32_t readonly;
    uint64_t blobs;
    uint64_t bytes;
    uint64_t tmp_n;

    /* shared: mtx, which also serialises write transactions */
    elo_mutex_t mtx;
    elo_rec_state_t state; /* as committed, scan_from perhaps further */
    uint64_t seq_next;
    uint64_t seq_stuck; /* lowest number whose file could not be unlinked */
    elo_newfile_t *first, *last;
    uint64_t dead[ELO_DEAD_MAX]; /* unlinked durably, mark still there */
    uint32_t n_dead;
};

/* ---- store.c ---- */

/* elo_store_open through another table of file operations. */
elo_err_t elo_store_open_vfs(const elo_store_cfg_t *cfg, const elo_vfs_t *vfs,
                             elo_store_t **out) ELO_MUST_USE;

/* ---- fault.c: what an error means for the store ---- */

/* Maps the errno of a file operation that writes. ENOSPC and EDQUOT become
   ELO_ENOSPC; EIO and its like make the store read-only (I7). what is for the
   log. */
elo_err_t elo_store_fail(elo_store_t *s, elo_err_t rc,
                         const char *what) ELO_MUST_USE;

/* The same for a sync: every failure makes the store read-only. */
elo_err_t elo_store_fail_sync(elo_store_t *s, elo_err_t rc,
                              const char *what) ELO_MUST_USE;

/* Maps a result of LMDB; reads, and writes before their commit. */
elo_err_t elo_db_fail(elo_store_t *s, int rc) ELO_MUST_USE;

/* ELO_ENOSPC when want more bytes would cross the floor of free space. */
elo_err_t elo_space_check(elo_store_t *s, uint64_t want) ELO_MUST_USE;

/* ---- newfile.c ---- */

elo_err_t elo_newfile_open(elo_store_t *s, elo_file_kind_t kind,
                           elo_newfile_t *nf) ELO_MUST_USE;
elo_err_t elo_newfile_write(elo_newfile_t *nf, elo_slice_t bytes) ELO_MUST_USE;

/* Syncs the bytes, then links the file under its number and syncs the directory:
   from here on a record may name it (I2). */
elo_err_t elo_newfile_publish(elo_newfile_t *nf) ELO_MUST_USE;

/* Closes, and removes the file unless it was kept by a commit (seq 0 then) or
   is_unknown. Safe on a struct that was zeroed with fd -1. */
void elo_newfile_end(elo_newfile_t *nf, bool is_unknown);

/* fsync of the directory of a file. */
elo_err_t elo_dir_sync(elo_store_t *s, const char *dir) ELO_MUST_USE;

/* ---- genpage.c ---- */

/* Maps <root>/generation, with an epoch of its own and every slot bumped. */
elo_err_t elo_genpage_open(elo_store_t *s) ELO_MUST_USE;
void elo_genpage_close(elo_store_t *s);

/* ---- sweep.c: what interrupted writes left behind ---- */

elo_err_t elo_store_sweep(elo_store_t *s) ELO_MUST_USE;

/* ---- blob.c ---- */

elo_err_t elo_blob_get(elo_store_t *s, MDB_txn *txn, const elo_digest_t *d,
                       elo_rec_blob_t *out) ELO_MUST_USE;
void elo_blob_stat_fill(const elo_digest_t *d, const elo_rec_blob_t *rec,
                        elo_blob_stat_t *out);

/* ELO_ECORRUPT when the file is missing or not of its size; else opens it for
   reading. */
elo_err_t elo_blob_open_file(elo_store_t *s, const elo_blob_stat_t *st,
                             int *fd) ELO_MUST_USE;

#endif
