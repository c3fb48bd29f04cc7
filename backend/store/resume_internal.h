/* SPDX-License-Identifier: BSD-2-Clause */
/* resume_internal: what opening a store calls of resumable uploads. */
#ifndef ELO_STORE_RESUME_INTERNAL_H
#define ELO_STORE_RESUME_INTERNAL_H

#include "backend/store/resume.h"

/* Open uploads, and the running hashes of some that were used lately. */
typedef struct elo_uploads_s elo_uploads_t;

/* A file that a backup makes in the copy and the first start there takes away: its
   uploads may go on in two stores, and so do with fresh keys (U3). */
#define ELO_UPLOADS_COPIED "uploads/copied"

/* Part of opening a store, when the engine and its directories are there: makes
   uploads/ and removes files in it that belong to no unfinished upload. */
elo_err_t elo_uploads_open(elo_store_t *s, elo_uploads_t **out) ELO_MUST_USE;
void elo_uploads_close(elo_uploads_t **u);

/* [commit] Derive hook of table UPLOAD: ELO_TOTAL_UPLOADS, and what open uploads put
   on an agent's account. */
elo_err_t elo_upload_derive(elo_kv_tx_t *tx, elo_slice_t key,
                            const elo_kv_entry_t *was,
                            const elo_kv_entry_t *now) ELO_MUST_USE;

#endif
