/* SPDX-License-Identifier: BSD-2-Clause */
/* txn: transactions of the index, what each commit carries along, and the numbers
   of files. Internal to backend/store; see store_internal.h. */
#ifndef ELO_STORE_TXN_H
#define ELO_STORE_TXN_H

#include "backend/store/store_internal.h"

/* A write transaction: from begin to commit or abort the caller holds s->mtx. */
typedef struct {
    elo_store_t *s;
    MDB_txn *txn;
    elo_rec_state_t state;              /* as it will be */
    uint64_t bumps[ELO_GEN_SLOTS / 64]; /* slots to bump once committed */
} elo_wtxn_t;

/* Opens the environment and its databases below path. */
elo_err_t elo_db_open(elo_store_t *s, const char *path,
                      uint64_t map_bytes) ELO_MUST_USE;

elo_err_t elo_rtxn_begin(elo_store_t *s, MDB_txn **txn) ELO_MUST_USE;

/* ELO_EREADONLY when the store is. */
elo_err_t elo_wtxn_begin(elo_store_t *s, elo_wtxn_t *w) ELO_MUST_USE;

/* Writes the state, commits, then bumps (I5), publishes the totals and takes nf
   (may be NULL) out of the undecided. ELO_EREADONLY: the outcome is unknown
   until the store is reopened, files must stay. Anything else: not committed. */
elo_err_t elo_wtxn_commit(elo_wtxn_t *w, elo_newfile_t *nf) ELO_MUST_USE;
void elo_wtxn_abort(elo_wtxn_t *w);

void elo_wtxn_bump(elo_wtxn_t *w, elo_slice_t key);

/* Bumps the slots of all nodes that refer to d, and d's own. */
elo_err_t elo_wtxn_bump_blob(elo_wtxn_t *w, const elo_digest_t *d) ELO_MUST_USE;

/* Says whose file seq is: of blob d, or of its media index. */
elo_err_t elo_wtxn_name(elo_wtxn_t *w, elo_file_kind_t kind, uint64_t seq,
                        const elo_digest_t *d) ELO_MUST_USE;

/* Marks file seq as removed: its record goes, a mark to unlink it stays (I6). */
elo_err_t elo_wtxn_kill(elo_wtxn_t *w, elo_file_kind_t kind,
                        uint64_t seq) ELO_MUST_USE;

/* After the commit of elo_wtxn_kill: unlinks the file and syncs its directory;
   the next commit drops the mark. Failures leave it to the next open. */
void elo_file_bury(elo_store_t *s, elo_file_kind_t kind, uint64_t seq);

/* The next number, durably reserved (I3), put at the end of the undecided. */
elo_err_t elo_seq_take(elo_store_t *s, elo_newfile_t *nf) ELO_MUST_USE;

/* Takes nf out of the undecided without a commit; its file is gone, or else
   (is_stuck) its number holds back the mark until the next open. */
void elo_seq_drop(elo_store_t *s, elo_newfile_t *nf, bool is_stuck);

static inline MDB_val
elo_val(elo_slice_t s)
{
    /* LMDB takes keys and values without const, and doesn't write to them. */
    return (MDB_val){ s.len, (void *) (uintptr_t) s.p };
}


static inline elo_slice_t
elo_val_slice(MDB_val v)
{
    return elo_slice(v.mv_data, v.mv_size);
}


static inline elo_slice_t
elo_digest_slice(const elo_digest_t *d)
{
    return elo_slice(d->b, ELO_SHA256_LEN);
}


/* The value of key; ELO_ENOTFOUND. Borrowed until the end of txn. */
elo_err_t elo_db_get(elo_store_t *s, MDB_txn *txn, int db, elo_slice_t key,
                     elo_slice_t *value) ELO_MUST_USE;
elo_err_t elo_db_put(elo_wtxn_t *w, int db, elo_slice_t key,
                     elo_slice_t value) ELO_MUST_USE;
/* Succeeds when there is nothing to delete. value NULL: all of the key. */
elo_err_t elo_db_del(elo_wtxn_t *w, int db, elo_slice_t key,
                     const elo_slice_t *value) ELO_MUST_USE;

#endif
