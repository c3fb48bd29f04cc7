/* SPDX-License-Identifier: BSD-2-Clause */
/* node: content nodes and media indexes. Threads as in store.h. */
#ifndef ELO_STORE_NODE_H
#define ELO_STORE_NODE_H

#include "backend/store/node_row.h"
#include "backend/store/store.h"

/* [work] Writes version node->version of a node. expect is the version that
   must be current (0: none may exist), else ELO_EPRECOND, or ELO_EEXISTS when
   expect is 0. Over a tombstone, which doesn't exist, the version must be past the
   tombstone's (elo_store_node_last), else ELO_EPRECOND: an id never has the same
   version twice. Referred blobs need not be held. Older versions are kept. A reach
   wider than that of sealed blobs it refers to effectively has the owner's copies
   written in the clear in the background (backend/care). ELO_EDENIED: the node is
   another's, as is one that he has forgotten, and may_give, which lets it change
   its owner, is false. */
elo_err_t elo_store_node_put(elo_store_t *s, const elo_node_t *node,
                             uint64_t expect, bool may_give) ELO_MUST_USE;

/* [work] The same for many, each by itself, in their order: nothing is given, and they
   wait for the disk together. At most ELO_NODE_PUTS_MAX. */
#define ELO_NODE_PUTS_MAX 1024u
typedef struct {
    const elo_node_t *node;
    uint64_t expect;
    elo_err_t err; /* what has become of it */
} elo_node_put_t;
void elo_store_node_put_many(elo_store_t *s, elo_node_put_t *puts, uint32_t n);

/* [work] Writes the row of node->version, which must be current (ELO_EPRECOND), as
   node says; the JSON, owner and version stay. For what is no change of the content:
   a hold, a time that is due, facets of a row that is IS_BARE. */
elo_err_t elo_store_node_restate(elo_store_t *s,
                                 const elo_node_t *node) ELO_MUST_USE;

/* [any] The row, without the JSON. ELO_ENOTFOUND, for tombstones too. */
elo_err_t elo_store_node_head(elo_store_t *s, elo_slice_t id,
                              elo_node_head_t *out) ELO_MUST_USE;

/* [any] The same, of tombstones too: flags tell. A tombstone has id, version, owner
   (of the last), life FORGOTTEN when it was forgotten (else what it was when it was
   removed), created_at, and updated_at: when. */
elo_err_t elo_store_node_last(elo_store_t *s, elo_slice_t id,
                              elo_node_head_t *out) ELO_MUST_USE;

/* [any] The row, and in *out whether it invites that agent, by all 32 bytes of his
   key. False for a row that is IS_BARE. */
elo_err_t elo_store_node_invites(elo_store_t *s, elo_slice_t id,
                                 const elo_agent_t *agent,
                                 elo_node_head_t *head, bool *out) ELO_MUST_USE;

/* [any] Appends the JSON of the current version (version 0) or of that one to
   json; *reach and *current as of now. ELO_ENOTFOUND. NULL outputs are skipped. */
elo_err_t elo_store_node_get(elo_store_t *s, elo_slice_t id, uint64_t version,
                             elo_buf_t *json, elo_reach_t *reach,
                             uint64_t *current) ELO_MUST_USE;

/* [any] Whose it is. ELO_ENOTFOUND. */
elo_err_t elo_store_node_owner(elo_store_t *s, elo_slice_t id,
                               elo_agent_t *out) ELO_MUST_USE;

/* [any] The blob that version `version` of a node, which must be current
   (ELO_EPRECOND), means by its reference to d. ELO_ENOTFOUND: there is no such node,
   it has no such reference, the reference isn't effective, or the blob isn't held. */
elo_err_t elo_store_ref_stat(elo_store_t *s, elo_slice_t id, uint64_t version,
                             const elo_digest_t *d,
                             elo_blob_stat_t *out) ELO_MUST_USE;

/* [work] A promotion for d was given or taken back: what follows from references to
   it is looked at again, and slots are bumped. */
elo_err_t elo_store_refs_changed(elo_store_t *s,
                                 const elo_digest_t *d) ELO_MUST_USE;

/* [work] Removes all versions; a tombstone of the next version is left. expect as
   above; 0 means any. ELO_EBUSY: it IS_HELD. */
elo_err_t elo_store_node_remove(elo_store_t *s, elo_slice_t id,
                                uint64_t expect) ELO_MUST_USE;

/* [any] Current nodes in order of id, after `after` (empty: from the start).
   The slices end with the call; facets and invited aren't told. */
typedef bool (*elo_node_each_fn)(void *ctx, const elo_node_t *node);
elo_err_t elo_store_node_each(elo_store_t *s, elo_slice_t after,
                              elo_node_each_fn fn, void *ctx) ELO_MUST_USE;

/* [any] At most n nodes and tombstones after `after`, in order of id, and whether
   their row is IS_BARE (false: it can't be read, either). */
typedef void (*elo_node_row_fn)(void *ctx, elo_slice_t id, bool is_bare);
elo_err_t elo_store_node_rows(elo_store_t *s, elo_slice_t after, uint32_t n,
                              elo_node_row_fn fn, void *ctx) ELO_MUST_USE;

/* [any] Ids of the nodes that refer to d, effectively or not; those of one owner
   together, the widest reach first. */
typedef bool (*elo_id_each_fn)(void *ctx, elo_slice_t id);
elo_err_t elo_store_referrers(elo_store_t *s, const elo_digest_t *d,
                              elo_id_each_fn fn, void *ctx) ELO_MUST_USE;

/* [any] Rows of nodes that refer to d effectively, for a reader of its bytes: of
   each owner the widest first, drafts last, and at most ELO_READERS_PER_REACH of a
   reach, for towards one owner a reader is the same by all of a reach. With agent
   (else NULL), is_invited says whether the node lists him, and those of reach
   invited are looked for among what he is invited to, in ELO_READERS_TRIES looks an
   owner. Of ELO_READERS_OWNERS owners: further ones let nobody in. */
#define ELO_READERS_PER_REACH 4u
#define ELO_READERS_TRIES     64u
#define ELO_READERS_OWNERS    128u
typedef bool (*elo_reader_fn)(void *ctx, elo_slice_t id,
                              const elo_node_head_t *head, bool is_invited);
elo_err_t elo_store_readers(elo_store_t *s, const elo_digest_t *d,
                            const elo_agent_t *agent, elo_reader_fn fn,
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
