/* SPDX-License-Identifier: BSD-2-Clause */
/* node: content nodes and media indexes. Threads as in store.h. */
#ifndef ELO_STORE_NODE_H
#define ELO_STORE_NODE_H

#include "backend/store/store.h"

/* A node as the store sees it: a JSON text that it doesn't read, and what it
   must know to keep references. reach is the effective one: private for
   drafts. A reference is effective when the owner possesses the blob: he has sent
   it, in the clear or sealed, or was given the right to refer to it (promoted of
   elo_store_cfg_t). Any other gives nothing and keeps nothing, until he sends it. */
typedef struct {
    elo_slice_t id;
    uint64_t version; /* from 1 */
    elo_reach_t reach;
    elo_agent_t owner; /* zero: the operator */
    uint32_t n_refs;
    const elo_digest_t *refs;
    elo_slice_t json;
} elo_node_t;

/* [work] Writes version node->version of a node. expect is the version that
   must be current (0: none may exist), else ELO_EPRECOND, or ELO_EEXISTS when
   expect is 0. Referred blobs need not be held. Older versions are kept. A reach
   wider than that of sealed blobs it refers to effectively has the owner's copies
   written in the clear in the background (backend/care). ELO_EDENIED: the node is
   another's, and may_give, which lets it change its owner, is false. */
elo_err_t elo_store_node_put(elo_store_t *s, const elo_node_t *node,
                             uint64_t expect, bool may_give) ELO_MUST_USE;

/* [any] Appends the JSON of the current version (version 0) or of that one to
   json; *reach and *current as of now. ELO_ENOTFOUND. NULL outputs are skipped. */
elo_err_t elo_store_node_get(elo_store_t *s, elo_slice_t id, uint64_t version,
                             elo_buf_t *json, elo_reach_t *reach,
                             uint64_t *current) ELO_MUST_USE;

/* [any] Whose it is. ELO_ENOTFOUND. */
elo_err_t elo_store_node_owner(elo_store_t *s, elo_slice_t id,
                               elo_agent_t *out) ELO_MUST_USE;

/* [any] The blob that version `version` of a node, which must be current
   (ELO_EPRECOND), means when it refers to d. ELO_ENOTFOUND: there is no such node,
   the reference isn't effective, or the blob isn't held. */
elo_err_t elo_store_ref_stat(elo_store_t *s, elo_slice_t id, uint64_t version,
                             const elo_digest_t *d,
                             elo_blob_stat_t *out) ELO_MUST_USE;

/* [work] A promotion for d was given or taken back: what follows from references to
   it is looked at again, and slots are bumped. */
elo_err_t elo_store_refs_changed(elo_store_t *s,
                                 const elo_digest_t *d) ELO_MUST_USE;

/* [work] Removes all versions. expect as above; 0 means any. */
elo_err_t elo_store_node_remove(elo_store_t *s, elo_slice_t id,
                                uint64_t expect) ELO_MUST_USE;

/* [any] Current nodes in order of id, after `after` (empty: from the start).
   The slices end with the call. */
typedef bool (*elo_node_each_fn)(void *ctx, const elo_node_t *node);
elo_err_t elo_store_node_each(elo_store_t *s, elo_slice_t after,
                              elo_node_each_fn fn, void *ctx) ELO_MUST_USE;

/* [any] Ids of the nodes that refer to d, effectively or not; those of one owner
   together and in order. */
typedef bool (*elo_id_each_fn)(void *ctx, elo_slice_t id);
elo_err_t elo_store_referrers(elo_store_t *s, const elo_digest_t *d,
                              elo_id_each_fn fn, void *ctx) ELO_MUST_USE;

/* [any] The same, only those that refer to it effectively: however many others name
   it, they cost a look for each owner. */
elo_err_t elo_store_effective_referrers(elo_store_t *s, const elo_digest_t *d,
                                        elo_id_each_fn fn,
                                        void *ctx) ELO_MUST_USE;

/* [any] Has that agent (zero: the operator) sent the blob, and not taken it back?
   False when it can't be told. Promotions don't count. */
bool elo_store_possesses(elo_store_t *s, const elo_agent_t *agent,
                         const elo_digest_t *d);

/* ---- media indexes: derived, may be made again; of clear blobs only ---- */

/* [work] Keeps the media index of a blob (docs/formats/media-index.md), or, with
   a status that is not ELO_MEDIA_READY, the reason why there is none. */
elo_err_t elo_store_media_put(elo_store_t *s, const elo_digest_t *d,
                              uint8_t status, elo_slice_t index,
                              elo_slice_t reason) ELO_MUST_USE;

/* [any] Status, size of the index, and reason (appended to reason when not
   NULL). ELO_ENOTFOUND: never indexed. */
elo_err_t elo_store_media_stat(elo_store_t *s, const elo_digest_t *d,
                               uint8_t *status, uint64_t *size,
                               elo_buf_t *reason) ELO_MUST_USE;

/* [work] Appends len bytes of the index from off. ELO_ERANGE past its end. */
elo_err_t elo_store_media_read(elo_store_t *s, const elo_digest_t *d,
                               uint64_t off, uint64_t len,
                               elo_buf_t *out) ELO_MUST_USE;

#endif
