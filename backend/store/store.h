/* SPDX-License-Identifier: BSD-2-Clause */
/* store: the blobs, content nodes and media indexes of this node. Durable: what
   a call has answered ELO_OK for survives kill -9 and power loss. Layout, formats
   and invariants: docs/formats/store.md.

   Threads: elo_store_open and elo_store_close on the loop; functions marked
   [any] from any thread; [work] from a pool thread, since they sync. Functions
   marked [any] don't wait for disk beyond a page fault. After EIO or a failed
   sync every [work] call answers ELO_EREADONLY until the store is reopened. */
#ifndef ELO_STORE_STORE_H
#define ELO_STORE_STORE_H

#include "common/auth/reach.h"
#include "common/base/buf.h"
#include "common/base/cid.h"
#include "common/base/limits.h"
#include "common/cache/generation.h"

typedef struct elo_store_s elo_store_t;
typedef struct elo_put_s elo_put_t;

typedef struct {
    const char *root;        /* directory; made when missing */
    uint64_t min_free_bytes; /* writes answer ELO_ENOSPC below this */
    uint64_t map_bytes;      /* LMDB map size */
    int group;               /* gid that may read blobs; -1: leave it */
} elo_store_cfg_t;

typedef struct {
    elo_digest_t digest;
    uint64_t size;
    int64_t created_at;                  /* Unix seconds */
    char content_type[ELO_MIME_MAX + 1]; /* "" when none was given */
    char name[ELO_STORE_NAME_MAX + 1];   /* file below the root */
    uint64_t offset;                     /* of the bytes in that file */
} elo_blob_stat_t;

/* ELO_EBUSY when another process has the store open; ELO_ECORRUPT when its
   format is unknown or damaged. Removes what interrupted writes left behind. */
elo_err_t elo_store_open(const elo_store_cfg_t *cfg,
                         elo_store_t **out) ELO_MUST_USE;

/* Every put must have ended. */
void elo_store_close(elo_store_t **s);

/* [any] Mapped for the life of the store; see generation.h. */
elo_gen_page_t *elo_store_gen(elo_store_t *s);

/* [any] Objects and bytes held. */
void elo_store_totals(elo_store_t *s, uint64_t *blobs, uint64_t *bytes);

/* [any] True once an I/O error has made the store read-only. */
bool elo_store_is_readonly(elo_store_t *s);

/* ---- blobs ---- */

/* [work] Begins a blob. expect: the digest it must have, or NULL. size_hint:
   its length if known, else 0; a hint that would cross the floor of free space
   is ELO_ENOSPC at once. content_type as in the upload, may be empty. On
   success *out must end in elo_put_commit or elo_put_abort. */
elo_err_t elo_put_begin(elo_store_t *s, const elo_digest_t *expect,
                        uint64_t size_hint, elo_slice_t content_type,
                        elo_put_t **out) ELO_MUST_USE;

/* [work] Appends bytes; they are hashed and written before it returns. One
   call at a time for a put. After an error only elo_put_abort is allowed. */
elo_err_t elo_put_write(elo_put_t *p, elo_slice_t bytes) ELO_MUST_USE;

/* [work] Makes the blob durable and visible. ELO_EHASH when it is not what was
   expected. A blob that is already held costs nothing and is ELO_OK with
   *existed set. Frees *p whatever the result. */
elo_err_t elo_put_commit(elo_put_t **p, elo_blob_stat_t *out,
                         bool *existed) ELO_MUST_USE;

/* [work] Leaves nothing behind. Safe on NULL. */
void elo_put_abort(elo_put_t **p);

/* [any] ELO_ENOTFOUND when not held. */
elo_err_t elo_store_stat(elo_store_t *s, const elo_digest_t *d,
                         elo_blob_stat_t *out) ELO_MUST_USE;

/* [work] Opens the blob's file for reading at out->offset; the caller closes
   *fd. ELO_ECORRUPT when the index names a file that is missing or short. */
elo_err_t elo_store_open_blob(elo_store_t *s, const elo_digest_t *d, int *fd,
                              elo_blob_stat_t *out) ELO_MUST_USE;

/* [work] Removes a blob. ELO_EBUSY while a content node refers to it. */
elo_err_t elo_store_remove(elo_store_t *s, const elo_digest_t *d) ELO_MUST_USE;

/* [any] Blobs in order of digest, after *after (NULL: from the start); stops
   when fn returns false. */
typedef bool (*elo_blob_each_fn)(void *ctx, const elo_blob_stat_t *st);
elo_err_t elo_store_each(elo_store_t *s, const elo_digest_t *after,
                         elo_blob_each_fn fn, void *ctx) ELO_MUST_USE;

/* [any] The widest reach of the nodes that refer to d; private when none does. */
elo_reach_t elo_store_blob_reach(elo_store_t *s, const elo_digest_t *d);

/* ---- content nodes ---- */

/* A node as the store sees it: a JSON text that it doesn't read, and what it
   must know to keep references. reach is the effective one: private for
   drafts. */
typedef struct {
    elo_slice_t id;
    uint64_t version; /* from 1 */
    elo_reach_t reach;
    uint32_t n_refs;
    const elo_digest_t *refs;
    elo_slice_t json;
} elo_node_t;

/* [work] Writes version node->version of a node. expect is the version that
   must be current (0: none may exist), else ELO_EPRECOND, or ELO_EEXISTS when
   expect is 0. Referred blobs need not be held. Older versions are kept. */
elo_err_t elo_store_node_put(elo_store_t *s, const elo_node_t *node,
                             uint64_t expect) ELO_MUST_USE;

/* [any] Appends the JSON of the current version (version 0) or of that one to
   json; *reach and *current as of now. ELO_ENOTFOUND. NULL outputs are skipped. */
elo_err_t elo_store_node_get(elo_store_t *s, elo_slice_t id, uint64_t version,
                             elo_buf_t *json, elo_reach_t *reach,
                             uint64_t *current) ELO_MUST_USE;

/* [work] Removes all versions. expect as above; 0 means any. */
elo_err_t elo_store_node_remove(elo_store_t *s, elo_slice_t id,
                                uint64_t expect) ELO_MUST_USE;

/* [any] Current nodes in order of id, after `after` (empty: from the start).
   The slices end with the call. */
typedef bool (*elo_node_each_fn)(void *ctx, const elo_node_t *node);
elo_err_t elo_store_node_each(elo_store_t *s, elo_slice_t after,
                              elo_node_each_fn fn, void *ctx) ELO_MUST_USE;

/* [any] Ids of the nodes that refer to d, in order. */
typedef bool (*elo_id_each_fn)(void *ctx, elo_slice_t id);
elo_err_t elo_store_referrers(elo_store_t *s, const elo_digest_t *d,
                              elo_id_each_fn fn, void *ctx) ELO_MUST_USE;

/* ---- media indexes: derived, may be made again ---- */

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
