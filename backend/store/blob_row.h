/* SPDX-License-Identifier: BSD-2-Clause */
/* blob_row: rows of blobs: looking them up, who has sent them, what goes with
   them. _tx: [commit]. */
#ifndef ELO_STORE_BLOB_ROW_H
#define ELO_STORE_BLOB_ROW_H

#include "backend/store/store_internal.h"

/* Where rows are read: within an operation, or by a view. One is NULL. */
typedef struct {
    elo_kv_tx_t *tx;
    elo_kv_view_t *view;
} elo_rows_t;

elo_err_t elo_rows_get(const elo_rows_t *r, uint8_t table, elo_slice_t key,
                       elo_kv_entry_t *out) ELO_MUST_USE;

elo_err_t elo_rows_cursor(const elo_rows_t *r, uint8_t table, elo_slice_t from,
                          elo_kv_cursor_t **c) ELO_MUST_USE;

/* A BLOB row; rec borrows from e. */
elo_err_t elo_blob_row(const elo_rows_t *r, const elo_digest_t *stored,
                       elo_kv_entry_t *e, elo_rec_blob_t *rec) ELO_MUST_USE;

/* Does a row of table have this digest as key? */
elo_err_t elo_row_is(const elo_rows_t *r, uint8_t table, const elo_digest_t *d,
                     bool *out) ELO_MUST_USE;

/* Is what is stored under d quarantined? Costs nothing while nothing is. */
elo_err_t elo_blob_is_bad(elo_store_t *s, const elo_rows_t *r,
                          const elo_digest_t *stored, bool *out) ELO_MUST_USE;

/* ---- who has a clear blob: the first sender in its row, unless OWN says that
   he has no more, and those of whom OWN says that they have ---- */

/* rec: its row. */
elo_err_t elo_own_has(const elo_rows_t *r, const elo_digest_t *d,
                      const elo_rec_blob_t *rec, uint32_t agent,
                      bool *out) ELO_MUST_USE;
/* Does anybody have it? What is not an object is always somebody's, but within
   the operation that takes it from the last. */
elo_err_t elo_own_any(const elo_rows_t *r, const elo_digest_t *d,
                      const elo_rec_blob_t *rec, bool *out) ELO_MUST_USE;
elo_err_t elo_own_add_tx(elo_kv_tx_t *tx, const elo_digest_t *d,
                         const elo_rec_blob_t *rec,
                         uint32_t agent) ELO_MUST_USE;
elo_err_t elo_own_del_tx(elo_kv_tx_t *tx, const elo_digest_t *d,
                         const elo_rec_blob_t *rec,
                         uint32_t agent) ELO_MUST_USE;
/* All rows of OWN. */
elo_err_t elo_own_clear_tx(elo_kv_tx_t *tx, const elo_digest_t *d) ELO_MUST_USE;

/* ---- what is stored ---- */

/* Takes away the row of what is stored, its tree, quarantine, tasks and day of
   use; its file becomes dead: *file is to be buried (0: none). */
elo_err_t elo_stored_del_tx(elo_kv_tx_t *tx, const elo_digest_t *stored,
                            const elo_rec_blob_t *rec,
                            uint64_t *file) ELO_MUST_USE;

/* ---- sealed ---- */

/* The row of a sealed blob: of that agent, or with ELO_NO_AGENT the first of any;
   *no is whose. rec borrows from e. */
elo_err_t elo_sealed_row(const elo_rows_t *r, const elo_digest_t *blind,
                         uint32_t agent, uint32_t *no, elo_kv_entry_t *e,
                         elo_rec_sealed_t *rec) ELO_MUST_USE;

/* Takes away the row of a sealed blob (of that agent, or with ELO_NO_AGENT of the
   first), and its object unless somebody has sent just that. *file is to be
   buried. ELO_ENOTFOUND. */
elo_err_t elo_sealed_del_tx(elo_kv_tx_t *tx, const elo_digest_t *blind,
                            uint32_t agent, uint64_t *file) ELO_MUST_USE;

/* ---- what is answered ---- */

void elo_stat_clear(const elo_digest_t *d, const elo_rec_blob_t *rec,
                    const elo_kv_entry_t *e, elo_blob_stat_t *out);
/* obj, e: of the object. */
void elo_stat_sealed(const elo_digest_t *d, const elo_rec_sealed_t *rec,
                     const elo_rec_blob_t *obj, const elo_kv_entry_t *e,
                     elo_blob_stat_t *out);

#endif
