/* SPDX-License-Identifier: BSD-2-Clause */
/* blob_internal: what blob.c and blob_read.c share. */
#ifndef ELO_STORE_BLOB_INTERNAL_H
#define ELO_STORE_BLOB_INTERNAL_H

#include "backend/store/blob_row.h"


/* [work] The key in the envelope of an object, whose BLOB row is rec; to be wiped
   by the caller. Follows compaction. ELO_ENOTFOUND: it has no SEALED row.
   ELO_ENOKEY. */
elo_err_t elo_sealed_key_of(elo_store_t *s, const elo_rec_blob_t *rec,
                            elo_content_key_t *out) ELO_MUST_USE;

/* [work] Bytes of what is stored, ciphertext of a sealed blob; within its length.
   Follows compaction. ELO_ENOTFOUND: it has been removed. ELO_ECORRUPT. */
elo_err_t elo_stored_read(elo_store_t *s, const elo_blob_stat_t *st,
                          uint64_t off, void *p, size_t len) ELO_MUST_USE;

#endif
