/* SPDX-License-Identifier: BSD-2-Clause */
/* copy: temporary copies of what was fetched, in nameless files below the store's
   root, encrypted under keys that only this process has: they end with it, and
   plaintext touches no disk, whatever its reach. A copy belongs to one digest and
   one owner of content nodes: what was fetched for one of them isn't found by
   another who merely knows its hash.

   What stays of a copy when its bytes had to make room is its hash tree, computed
   here of bytes whose whole SHA-256 matched: by it chunks are checked one by one when
   they are fetched again (I1: a chunk is in a copy only when it was checked, by the
   whole or by the tree). A copy may also begin with a tree alone, whose root somebody
   has stated whom the caller believes; it is another one than that of the whole, and
   found by that root only (I2).

   Any thread; [work] waits for a disk. */
#ifndef ELO_FALLBACK_COPY_H
#define ELO_FALLBACK_COPY_H

#include "common/base/buf.h"
#include "common/base/cid.h"
#include "common/base/hash_tree.h"
#include "common/base/keys.h"

typedef struct elo_copies_s elo_copies_t;
typedef struct elo_copy_s elo_copy_t;

typedef struct {
    const char *root;        /* directory of the files; copied */
    uint64_t max_bytes;      /* of all copies */
    uint64_t min_free_bytes; /* that are left on the disk */
    uint32_t max_copies;     /* with bytes or without */
} elo_copies_cfg_t;

typedef struct {
    uint32_t copies;
    uint64_t bytes;
} elo_copies_stat_t;

elo_err_t elo_copies_create(const elo_copies_cfg_t *cfg,
                            elo_copies_t **out) ELO_MUST_USE;
void elo_copies_free(elo_copies_t **c); /* all copies are released */
void elo_copies_stat(elo_copies_t *c, elo_copies_stat_t *out);

/* NULL: there is none. Release it. root NULL: of bytes that had the digest; else of
   the tree with that root, which somebody has stated. */
elo_copy_t *elo_copies_find(elo_copies_t *c, const elo_digest_t *d,
                            const elo_agent_t *owner, const elo_digest_t *root);
elo_copy_t *elo_copy_hold(elo_copy_t *copy); /* another reference */
void elo_copy_release(elo_copy_t **copy);

uint64_t elo_copy_size(const elo_copy_t *copy);
/* Is there room for all of it, if others go? */
bool elo_copy_fits(const elo_copy_t *copy);
bool elo_copy_has(elo_copy_t *copy, uint32_t chunk);
size_t elo_copy_chunk_len(const elo_copy_t *copy, uint32_t chunk);

/* [work] The bytes of a chunk into p, elo_copy_chunk_len of them. ELO_ENOTFOUND: they
   had to make room; ELO_ECORRUPT. */
elo_err_t elo_copy_read(elo_copy_t *copy, uint32_t chunk,
                        uint8_t *p) ELO_MUST_USE;

/* [work] A whole chunk. ELO_EHASH: it isn't the one; ELO_ENOSPC: there is no room,
   but it is the one. */
elo_err_t elo_copy_put(elo_copy_t *copy, uint32_t chunk,
                       elo_slice_t bytes) ELO_MUST_USE;

/* ---- making one: one thread ---- */

typedef struct elo_copy_maker_s elo_copy_maker_t;

elo_err_t elo_copy_begin(elo_copies_t *c, const elo_digest_t *d,
                         const elo_agent_t *owner,
                         elo_copy_maker_t **out) ELO_MUST_USE;
/* [work] ELO_ENOSPC. */
elo_err_t elo_copy_write(elo_copy_maker_t *m, elo_slice_t bytes) ELO_MUST_USE;
/* [work] ELO_EHASH: these are other bytes, and nothing is left. Frees *m whatever the
   result. Release *out. */
elo_err_t elo_copy_commit(elo_copy_maker_t **m, elo_copy_t **out) ELO_MUST_USE;
void elo_copy_abort(elo_copy_maker_t **m); /* safe on NULL */

/* ---- from a tree ---- */

#define ELO_COPY_LAYER_MAX (4u << 20) /* of a blob of 128 GiB */

typedef struct {
    elo_digest_t digest; /* nobody has looked whether its bytes have it */
    elo_agent_t owner;
    elo_digest_t root;
    uint64_t size; /* more than a chunk */
} elo_copy_tree_t;

/* Bytes that the layer of such a blob has; 0: it has none, or it is too large. */
size_t elo_copy_layer_len(uint64_t size);

/* A copy without bytes, as elo_copy_commit gives it. ELO_EHASH: that isn't the layer;
   ELO_EBUSY: there is one, that is in use, or there are too many. */
elo_err_t elo_copy_of_tree(elo_copies_t *c, const elo_copy_tree_t *t,
                           elo_slice_t layer, elo_copy_t **out) ELO_MUST_USE;

#endif
