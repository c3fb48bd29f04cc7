/* SPDX-License-Identifier: BSD-2-Clause */
/* node_internal: what node.c, orphan.c and media_store.c do within operations of
   others. [commit] unless it says otherwise. */
#ifndef ELO_STORE_NODE_INTERNAL_H
#define ELO_STORE_NODE_INTERNAL_H

#include "backend/store/node.h"
#include "backend/store/records_node.h"
#include "backend/store/store.h"
#include "backend/store/tables.h"

/* ---- node.c ---- */

/* Derive hook of table NODE: keeps REF and ELO_TOTAL_NODES. */
elo_err_t elo_node_derive(elo_kv_tx_t *tx, elo_slice_t key,
                          const elo_kv_entry_t *was,
                          const elo_kv_entry_t *now) ELO_MUST_USE;

/* True in *out when a content node refers to d, effectively or not (that tells
   possess.h). */
elo_err_t elo_node_refers(elo_kv_tx_t *tx, const elo_digest_t *d,
                          bool *out) ELO_MUST_USE;

/* fn for the id of each node that refers to d (to bump their slots). */
elo_err_t elo_node_referrers(elo_kv_tx_t *tx, const elo_digest_t *d,
                             void (*fn)(void *ctx, elo_slice_t id),
                             void *ctx) ELO_MUST_USE;

/* The next key of a cursor over REF, which was opened at d, while it is d's;
   ELO_ENOTFOUND then. owner: number of the node's. id is borrowed until the next
   call. [any] */
elo_err_t elo_ref_next(elo_kv_cursor_t *c, const elo_digest_t *d,
                       uint32_t *owner, elo_slice_t *id) ELO_MUST_USE;

/* ---- orphan.c: rows of table ORPHAN, one for a digest ---- */

/* The last effective reference to d has gone: due to be collected at `due` (Unix seconds).
   One that is there already keeps its time. */
elo_err_t elo_orphan_add(elo_kv_tx_t *tx, const elo_digest_t *d,
                         int64_t due) ELO_MUST_USE;

/* It is referred to, pinned, sent or removed again. Fine when there is none. */
elo_err_t elo_orphan_del(elo_kv_tx_t *tx, const elo_digest_t *d) ELO_MUST_USE;

/* Is d due to be collected at just that time still? */
elo_err_t elo_orphan_is(elo_kv_tx_t *tx, const elo_digest_t *d, int64_t due,
                        bool *out) ELO_MUST_USE;

/* Takes that row away, also where no way back leads to it. */
elo_err_t elo_orphan_drop(elo_kv_tx_t *tx, const elo_digest_t *d,
                          int64_t due) ELO_MUST_USE;

/* ---- remove.c ---- */

/* [work] Removes the blob, whoever's, if its row of ORPHAN with that due time is
   there still, and takes the row away, all in one operation a copy. ELO_EBUSY:
   there is no such row any more; nothing was done. *is_gone: it was removed; else
   a node, a pin or nothing at all was found, and only the row went. */
elo_err_t elo_store_collect(elo_store_t *s, const elo_digest_t *d, int64_t due,
                            bool *is_gone) ELO_MUST_USE;

/* ---- media_store.c ---- */

/* Removes the media index of a blob, if it has one; *file is the id of the file
   that held it, else 0: with it, the caller marks the file as dead in the same
   operation, and buries it afterwards. */
elo_err_t elo_media_del(elo_kv_tx_t *tx, const elo_digest_t *d,
                        uint64_t *file) ELO_MUST_USE;

#endif
