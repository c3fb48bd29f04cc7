/* SPDX-License-Identifier: BSD-2-Clause */
/* store: the blobs, content nodes, uploads, media indexes and replication tasks of
   this node. Durable: what a call has answered ELO_OK for survives kill -9 and
   power loss. It is kept in one log (backend/kv) and, for large blobs, in files of
   their own. Layout, tables and invariants: docs/formats/store.md.

   Threads: elo_store_open and elo_store_close on the loop; [any] from any thread,
   waits for no disk beyond a page fault; [work] from a pool thread. Callbacks
   named done run on the commit thread: they pass a message on and return. After
   EIO or a failed sync every write answers ELO_EREADONLY until the store is
   reopened. */
#ifndef ELO_STORE_STORE_H
#define ELO_STORE_STORE_H

#include "backend/keys/keyring.h"
#include "backend/kv/kv.h"
#include "backend/os/vfs.h"
#include "common/auth/reach.h"
#include "common/base/buf.h"
#include "common/base/cid.h"
#include "common/base/keys.h"
#include "common/base/limits.h"
#include "common/cache/generation.h"

typedef struct elo_store_s elo_store_t;

/* Below the root; where it is, there is a store. */
#define ELO_STORE_FORMAT_FILE "format"

/* Blobs up to this size live in the log. */
#define ELO_INLINE_DEFAULT (256u << 10)
#define ELO_INLINE_MAX     (1u << 20)

/* [any] Does a promotion let agent `to` (zero: the operator) refer to d, though he
   has not sent it? Called within operations and views: it waits for nothing, and
   does not call the store. When its answer for d changes: elo_store_refs_changed. */
typedef bool (*elo_promoted_fn)(void *ctx, const elo_digest_t *d,
                                const elo_agent_t *to);

typedef struct {
    const char *root;        /* directory; made when missing */
    const elo_vfs_t *vfs;    /* NULL: the real one */
    elo_keyring_t *keyring;  /* borrowed; NULL: narrow content is ELO_ENOKEY */
    uint64_t min_free_bytes; /* writes answer ELO_ENOSPC below this */
    uint64_t map_bytes;      /* LMDB map size; 0: 1 GiB */
    int group;               /* gid that may read blobs; -1: leave it */
    uint32_t inline_bytes;   /* 0: ELO_INLINE_DEFAULT */
    uint64_t segment_bytes;  /* these four: 0 for the default of kv.h */
    uint64_t tail_bytes;
    uint32_t memtable_bytes;
    uint32_t checkpoint_ms;
    uint64_t quota_bytes; /* of an agent without one of its own; 0: none */
    uint64_t queue_max;   /* tasks; a put past it is ELO_EQUEUEFULL; 0: none */
    uint32_t upload_keep_s;   /* an unfinished upload's life; 0: a day */
    uint32_t grace_s;         /* from the last reference gone to collection */
    elo_promoted_fn promoted; /* NULL: there are no promotions */
    void *promoted_ctx;
} elo_store_cfg_t;

typedef struct {
    elo_digest_t digest;                 /* of the plaintext */
    uint64_t size;                       /* of the plaintext */
    int64_t created_at;                  /* Unix seconds */
    elo_reach_t reach;                   /* as stated by the upload */
    char content_type[ELO_MIME_MAX + 1]; /* "" when none was given */
    bool is_sealed; /* encrypted at rest: no name, read by elo_store_read */
    bool is_bad;    /* scrubbing found it rotten; reads are ELO_ECORRUPT */
    char name[ELO_STORE_NAME_MAX + 1]; /* file below the root: a segment or a
                                          blob's own; "" when sealed */
    uint64_t offset;                   /* of the bytes in that file */
    /* for elo_store_read */
    elo_digest_t _object;              /* what is stored */
    uint64_t _segment, _offset, _file; /* where */
    uint64_t _stored;                  /* its length */
} elo_blob_stat_t;

/* ELO_EBUSY when another process has the store open; ELO_ECORRUPT when it is
   damaged or of another version, and the log says what to do. Recovers; *found
   (may be NULL) says what. */
elo_err_t elo_store_open(const elo_store_cfg_t *cfg, elo_store_t **out,
                         elo_kv_recovery_t *found) ELO_MUST_USE;

/* Every put and every call must have ended. */
void elo_store_close(elo_store_t **s);

/* [any] Mapped for the life of the store; see generation.h. */
elo_gen_page_t *elo_store_gen(elo_store_t *s);

typedef struct {
    uint64_t blobs, bytes;   /* held; plaintext bytes */
    uint64_t sealed;         /* of the blobs, encrypted at rest */
    uint64_t nodes, uploads; /* content nodes, unfinished uploads */
    uint64_t tasks, waiting; /* in the queue; of these, not due yet */
    uint64_t bad;            /* quarantined */
} elo_store_totals_t;
void elo_store_totals(elo_store_t *s, elo_store_totals_t *out); /* [any] */
elo_kv_t *elo_store_kv(elo_store_t *s); /* [any] for statistics and care */

/* [any] True once an I/O error has made the store read-only. */
bool elo_store_is_readonly(elo_store_t *s);

/* ---- reading blobs ---- */

/* [any] By plaintext digest; a clear blob, else the sealed one of agent (NULL: of
   any agent). ELO_ENOTFOUND. */
elo_err_t elo_store_stat(elo_store_t *s, const elo_digest_t *d,
                         const elo_agent_t *agent,
                         elo_blob_stat_t *out) ELO_MUST_USE;

/* [any] The same, and elo_store_blob_reach, of one moment. */
elo_err_t elo_store_stat_reach(elo_store_t *s, const elo_digest_t *d,
                               const elo_agent_t *agent, elo_blob_stat_t *out,
                               elo_reach_t *reach) ELO_MUST_USE;

/* An open blob: one that is removed or compacted meanwhile stays readable. */
typedef struct elo_blob_s elo_blob_t;

/* [work] ELO_ENOKEY for a sealed one without its key; ELO_ECORRUPT for damage
   (missing or short file, is_bad). Close with elo_blob_close. */
elo_err_t elo_blob_open(elo_store_t *s, const elo_blob_stat_t *st,
                        elo_blob_t **out) ELO_MUST_USE;

/* [work] Exactly len plaintext bytes from off; the range is within the size. One
   call at a time. ELO_ECORRUPT when a chunk does not authenticate. */
elo_err_t elo_blob_read(elo_blob_t *b, uint64_t off, void *p,
                        size_t len) ELO_MUST_USE;
int elo_blob_fd(
    const elo_blob_t *b); /* clear blobs; borrowed; at stat.offset */
void elo_blob_close(elo_blob_t **b);

/* [any] A clear blob of the log, whole, when its pages are in memory: the fast
   path of small ones. ELO_EAGAIN: open it. */
elo_err_t elo_blob_read_now(elo_store_t *s, const elo_blob_stat_t *st,
                            uint64_t off, void *p, size_t len) ELO_MUST_USE;

/* [any] Tree of a clear blob or of what is stored for a sealed one. root:
   has_root false for an empty one. layer (may be NULL) is appended; [work] then. */
elo_err_t elo_store_tree(elo_store_t *s, const elo_blob_stat_t *st,
                         elo_digest_t *root, bool *has_root,
                         elo_buf_t *layer) ELO_MUST_USE;

/* [work] Removes a blob of agent (NULL: whoever's), with its tree, tasks, pins and
   media index. ELO_EBUSY while a content node refers to it effectively (node.h)
   or a pin holds it.
   Another agent's possession of the same bytes keeps them. */
elo_err_t elo_store_remove(elo_store_t *s, const elo_digest_t *d,
                           const elo_agent_t *agent) ELO_MUST_USE;

/* Where a walk is: before the row after `after`, or at its start. */
typedef struct {
    bool has_after;
    elo_digest_t after; /* of what is stored */
    uint32_t budget;    /* rows that may be looked at yet, shown or not */
    bool is_end;        /* out: there is nothing after it */
} elo_blob_at_t;

/* [any] Clear blobs in order of digest, until fn returns false, which it has not
   seen then, or the budget is used up; call again to go on. NULL: all of them.
   Ciphertext objects are left out. */
typedef bool (*elo_blob_each_fn)(void *ctx, const elo_blob_stat_t *st);
elo_err_t elo_store_each(elo_store_t *s, elo_blob_at_t *at, elo_blob_each_fn fn,
                         void *ctx) ELO_MUST_USE;
/* [any] The same of sealed blobs that the keyring opens, in an order of their own,
   that of stat._object. */
elo_err_t elo_store_each_sealed(elo_store_t *s, elo_blob_at_t *at,
                                elo_blob_each_fn fn, void *ctx) ELO_MUST_USE;

/* [any] The widest reach of the nodes that refer to d effectively (node.h); private
   when none does. */
elo_reach_t elo_store_blob_reach(elo_store_t *s, const elo_digest_t *d);

/* [work] Pins keep a blob from collection and removal, whatever refers to it. */
elo_err_t elo_store_pin(elo_store_t *s, const elo_digest_t *d,
                        bool is_pinned) ELO_MUST_USE;
bool elo_store_is_pinned(elo_store_t *s, const elo_digest_t *d); /* [any] */

#endif
