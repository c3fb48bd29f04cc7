/* SPDX-License-Identifier: BSD-2-Clause */
/* store_internal: what the files of backend/store share. Invariants S1 to S12 are
   those of docs/formats/store.md. */
#ifndef ELO_STORE_STORE_INTERNAL_H
#define ELO_STORE_STORE_INTERNAL_H

#include "backend/os/mutex.h"
#include "backend/store/purge.h"
#include "backend/store/records.h"
#include "backend/store/resume_internal.h"
#include "backend/store/store.h"
#include "backend/store/tables.h"
#include "backend/store/task_internal.h"

#define ELO_STORE_MAGIC 0x454c5354u /* "ELST" */
#define ELO_PUT_MAGIC   0x454c5055u /* "ELPU" */
#define ELO_BLOB_MAGIC  0x454c424cu /* "ELBL" */

#define ELO_FILE_MODE 0640u
#define ELO_DIR_MODE  02750u /* setgid: files inherit the readers' group */
#define ELO_PRIV_MODE 0700u  /* index/, tmp/ and uploads/ */

struct elo_crew_s;
struct elo_hashes_s;
struct elo_purges_s;

struct elo_store_s {
    uint32_t magic;
    const elo_vfs_t *vfs;
    elo_keyring_t *keyring; /* borrowed; may be NULL */
    int root_fd;
    int lock_fd;
    int group;
    uint64_t store_id;
    uint64_t min_free;
    uint64_t quota_bytes;
    uint64_t queue_max;
    uint32_t inline_bytes;
    uint32_t upload_keep_s;
    uint32_t grace_s;
    elo_promoted_fn promoted; /* may be NULL */
    void *promoted_ctx;
    bool nameless; /* O_TMPFILE and linkat work here */
    elo_gen_page_t *gen;
    elo_kv_t *kv;
    elo_tasks_t *tasks;
    elo_uploads_t *uploads;
    struct elo_crew_s *crew;     /* puts' second pair of hands */
    struct elo_hashes_s *hashes; /* running hashes to be used again */
    struct elo_purges_s *purges; /* what isn't in the generation page yet */

    /* shared: atomic */
    uint64_t tmp_n;
    uint64_t operator_quota; /* its own, or ELO_QUOTA_DEFAULT */
    uint64_t dirs[2]
                 [4]; /* directories xx of blobs/ and media/ that are there */
};

/* ---- operations ---- */

/* [work] elo_kv_exec, but ELO_EREADONLY at once where that is known. */
elo_err_t elo_store_exec(elo_store_t *s, elo_kv_op_t *op) ELO_MUST_USE;

/* Bumps those that an operation has marked: when it is durable, before anybody is told
   (S5). */
void elo_slots_bump(elo_store_t *s, const elo_slots_t *m);
/* [commit] Marks d's slot and those of all nodes that refer to it. */
elo_err_t elo_slots_mark_blob(elo_slots_t *m, elo_kv_tx_t *tx,
                              const elo_digest_t *d) ELO_MUST_USE;

/* Unix seconds at which what becomes an orphan now may be collected. [any] */
int64_t elo_store_orphan_due(elo_store_t *s);

/* ---- agents (agent.c) ---- */

/* Part of opening a store. */
elo_err_t elo_agents_open(elo_store_t *s) ELO_MUST_USE;

#define ELO_NO_AGENT UINT32_MAX

/* [commit] Number of an agent, the zero agent being 0; ELO_ENOTFOUND for one that
   has never written. */
elo_err_t elo_agent_no_tx(elo_kv_tx_t *tx, const elo_agent_t *a,
                          uint32_t *no) ELO_MUST_USE;
/* [commit] The same, giving it a number when it has none. */
elo_err_t elo_agent_intern_tx(elo_kv_tx_t *tx, const elo_agent_t *a,
                              uint32_t *no) ELO_MUST_USE;
/* The same by a view; no numbers are given. [any] */
elo_err_t elo_agent_no(elo_kv_view_t *v, const elo_agent_t *a,
                       uint32_t *no) ELO_MUST_USE;
elo_err_t elo_agent_of(elo_kv_view_t *v, uint32_t no,
                       elo_agent_t *out) ELO_MUST_USE;
elo_err_t elo_agent_of_tx(elo_kv_tx_t *tx, uint32_t no,
                          elo_agent_t *out) ELO_MUST_USE; /* [commit] */
/* [commit] ELO_EQUOTA when more bytes of that agent would be too many. */
elo_err_t elo_quota_check_tx(elo_store_t *s, elo_kv_tx_t *tx,
                             const elo_agent_t *a, uint32_t no,
                             uint64_t more) ELO_MUST_USE;
/* [any] The same as things are now: a first look. */
elo_err_t elo_quota_check(elo_store_t *s, const elo_agent_t *a,
                          uint64_t more) ELO_MUST_USE;

/* ---- blobs (blob_row.c) ---- */

/* [commit] True in *out when d is held: in the clear, or sealed of any agent. */
elo_err_t elo_blob_is_held(elo_store_t *s, elo_kv_tx_t *tx,
                           const elo_digest_t *d, bool *out) ELO_MUST_USE;

/* [commit] True in *out when d is held in the clear: media indexes are of such
   blobs only. */
elo_err_t elo_blob_is_clear(elo_kv_tx_t *tx, const elo_digest_t *d,
                            bool *out) ELO_MUST_USE;

/* ---- fault.c: what an error means for the store (S7) ---- */

/* Maps the errno of a file operation that writes. ENOSPC and EDQUOT become
   ELO_ENOSPC; EIO and its like make the store read-only. what is for the log. */
elo_err_t elo_store_fail(elo_store_t *s, elo_err_t rc,
                         const char *what) ELO_MUST_USE;

/* The same for a sync: every failure makes the store read-only. */
elo_err_t elo_store_fail_sync(elo_store_t *s, elo_err_t rc,
                              const char *what) ELO_MUST_USE;

/* ELO_ENOSPC when want more bytes would cross the floor of free space. */
elo_err_t elo_space_check(elo_store_t *s, uint64_t want) ELO_MUST_USE;

/* ---- derive.c ---- */

elo_err_t elo_store_derive(void *ctx, elo_kv_tx_t *tx, uint8_t table,
                           elo_slice_t key, const elo_kv_entry_t *was,
                           const elo_kv_entry_t *now, bool moved) ELO_MUST_USE;

/* ---- layout.c: lock, format, directories ---- */

/* Everything below the root but the engine: takes the lock, makes or checks the
   layout, sets store_id. */
elo_err_t elo_layout_open(elo_store_t *s, const char *root) ELO_MUST_USE;

/* Makes a directory unless it is there, and sets mode and, for ELO_DIR_MODE,
   group. Its parent isn't synced. */
elo_err_t elo_dir_make(elo_store_t *s, const char *path,
                       unsigned mode) ELO_MUST_USE;
/* fsync of a directory. */
elo_err_t elo_dir_sync(elo_store_t *s, const char *dir) ELO_MUST_USE;

/* ---- genpage.c ---- */

/* Maps <root>/generation, with an epoch of its own and every slot bumped. One that
   isn't this store's is nobody's to map until it is ready. */
elo_err_t elo_genpage_open(elo_store_t *s) ELO_MUST_USE;
void elo_genpage_ready(elo_store_t *s, uint64_t last,
                       const elo_gen_purge_t ring[ELO_PURGE_RING]);
void elo_genpage_close(elo_store_t *s);

/* ---- purge.c ---- */

/* Part of opening a store: the ring as it was kept. */
elo_err_t elo_purges_open(elo_store_t *s) ELO_MUST_USE;
void elo_purges_close(elo_store_t *s);

/* [commit] Appends an entry for each digest (n 0: nothing), or (NULL) one for all.
   slots: the operation's; they and *last (the place of its last entry; 0: none)
   stay until it is published. */
elo_err_t elo_purge_tx(elo_store_t *s, elo_kv_tx_t *tx, const elo_digest_t *d,
                       uint32_t n, const elo_slots_t *slots,
                       uint64_t *last) ELO_MUST_USE;

/* [any] When the operation is durable, before anybody is told: bumps its slots, then
   lets the entries up to that place be seen, those of operations before it with their
   slots first. Of one that failed, nothing is called (S14). */
void elo_purge_publish(elo_store_t *s, const elo_slots_t *slots, uint64_t last);

/* ---- hashes.c: SHA-256 without an allocation each ---- */

elo_err_t elo_hashes_create(struct elo_hashes_s **out) ELO_MUST_USE;
void elo_hashes_free(struct elo_hashes_s **h);
/* [any] Of one message. */
elo_err_t elo_store_sha256(elo_store_t *s, elo_slice_t bytes,
                           elo_digest_t *out) ELO_MUST_USE;

static inline elo_slice_t
elo_digest_slice(const elo_digest_t *d)
{
    return elo_slice(d->b, ELO_SHA256_LEN);
}

#endif
