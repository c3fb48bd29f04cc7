/* SPDX-License-Identifier: BSD-2-Clause */
/* node_internal: what node.c, orphan.c and media_store.c do within operations of
   others. [commit] unless it says otherwise. */
#ifndef ELO_STORE_NODE_INTERNAL_H
#define ELO_STORE_NODE_INTERNAL_H

#include "backend/store/node.h"
#include "backend/store/records_node.h"
#include "backend/store/store.h"
#include "backend/store/store_internal.h"
#include "backend/store/tables.h"

/* ---- node_derive.c ---- */

/* Derive hook of table NODE: keeps REF, NODEX and ELO_TOTAL_NODES. */
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
                       uint32_t *owner, uint8_t *rank,
                       elo_slice_t *id) ELO_MUST_USE;

/* Does the node name d? */
bool elo_rec_node_refers(const elo_rec_node_t *n, const elo_digest_t *d);

/* ---- node_read.c ---- */

/* The row of a node as it is shown. */
void elo_node_head_fill(const elo_rec_node_t *rec, const elo_agent_t *owner,
                        elo_node_head_t *out);
/* ELO_ECORRUPT: his number is nobody's. [any] */
elo_err_t elo_node_owner_of(elo_kv_view_t *v, const elo_rec_node_t *rec,
                            elo_agent_t *out) ELO_MUST_USE;

/* Appends the JSON of a version. ELO_EAGAIN: compaction has moved it since the view
   began; ELO_ENOTFOUND. [any] */
elo_err_t elo_node_json(elo_store_t *s, elo_kv_view_t *v, elo_slice_t id,
                        uint64_t version, elo_buf_t *json) ELO_MUST_USE;

/* ---- purge.c ---- */

/* Edges keep bytes of what is wide only. They are to forget those of a node that becomes
   narrower, and of what it refers to no more. As elo_purge_tx. */
elo_err_t elo_purge_node_tx(elo_store_t *s, elo_kv_tx_t *tx,
                            const elo_rec_node_t *was, const elo_rec_node_t *is,
                            const elo_slots_t *slots,
                            uint64_t *last) ELO_MUST_USE;

/* ---- orphan.c: rows of table ORPHAN, one for a digest and agent (N2) ---- */

/* The agent's last effective reference to what he has has gone: due to be collected
   at `due` (Unix seconds). One that is there already keeps its time. */
elo_err_t elo_orphan_add(elo_kv_tx_t *tx, const elo_digest_t *d, uint32_t agent,
                         int64_t due) ELO_MUST_USE;

/* He refers to it, has sent it again, or has it no more. Fine when there is none. */
elo_err_t elo_orphan_del(elo_kv_tx_t *tx, const elo_digest_t *d,
                         uint32_t agent) ELO_MUST_USE;

/* The same for all agents. */
elo_err_t elo_orphan_clear(elo_kv_tx_t *tx, const elo_digest_t *d) ELO_MUST_USE;

/* Is that due to be collected at just that time still? */
elo_err_t elo_orphan_is(elo_kv_tx_t *tx, const elo_digest_t *d, uint32_t agent,
                        int64_t due, bool *out) ELO_MUST_USE;

/* Takes that row away, also where no way back leads to it, or (ELO_NO_AGENT) it is of
   the older form. */
elo_err_t elo_orphan_drop(elo_kv_tx_t *tx, const elo_digest_t *d,
                          uint32_t agent, int64_t due) ELO_MUST_USE;

/* ---- remove.c ---- */

/* [work] Takes from that agent what he has of the blob, if its row of ORPHAN with
   that due time is there still, and the row, all in one operation; bytes that nobody
   has any more go. ELO_EBUSY: there is no such row any more; nothing was done.
   *is_gone: he has it no more. Else he refers to it, it is pinned, or there was
   nothing, and only the row went; or another's promoted reference needs just his
   copy, and the row was put off. */
elo_err_t elo_store_collect(elo_store_t *s, const elo_digest_t *d,
                            uint32_t agent, int64_t due,
                            bool *is_gone) ELO_MUST_USE;

/* ---- media_store.c ---- */

/* Removes the media index of a blob, if it has one; *file is the id of the file
   that held it, else 0: with it, the caller marks the file as dead in the same
   operation, and buries it afterwards. */
elo_err_t elo_media_del(elo_kv_tx_t *tx, const elo_digest_t *d,
                        uint64_t *file) ELO_MUST_USE;

#endif
