/* SPDX-License-Identifier: BSD-2-Clause */
/* put_internal: puts whose bytes are kept in a file with a name, so that they go on
   after an interruption: what resume.c builds uploads of. [work] */
#ifndef ELO_STORE_PUT_INTERNAL_H
#define ELO_STORE_PUT_INTERNAL_H

#include "backend/store/put.h"
#include "backend/store/store_internal.h"

/* Where such a put stands. Narrow content is encrypted in whole chunks of 1 MiB;
   the plaintext of the chunk that isn't complete (at most 1 MiB) is in memory
   only, and whoever wants to keep it encrypts it for himself. */
typedef struct {
    uint64_t kept;    /* bytes of the file that count */
    elo_slice_t tail; /* plaintext behind them; empty for clear content */
} elo_put_at_t;

/* As elo_put_begin, but in the file `name`, which is made when missing. key: of
   narrow content, the upload's own (only cipher and key count); NULL for clear.
   at: what is there already is read and hashed; zeros for a fresh one. With
   size_hint the length is checked against quota and free space. */
elo_err_t elo_put_begin_at(elo_store_t *s, const elo_put_opt_t *opt,
                           const char *name, const elo_content_key_t *key,
                           const elo_put_at_t *at,
                           elo_put_t **out) ELO_MUST_USE;

/* Plaintext bytes so far: at->kept and at->tail.len. */
uint64_t elo_put_size(const elo_put_t *p);

/* Says that so many of its bytes are on the agent's account as those of an upload:
   the put doesn't ask for them again. */
void elo_put_hold(elo_put_t *p, uint64_t bytes);

/* Makes what was written durable, but for the tail, which is borrowed until the
   next call. */
elo_err_t elo_put_sync(elo_put_t *p, elo_put_at_t *at) ELO_MUST_USE;

/* Back to a place that elo_put_sync once gave, its tail being the caller's copy:
   what follows is cut off, and the rest hashed again. Also after a failed write. */
elo_err_t elo_put_rewind(elo_put_t *p, const elo_put_at_t *at) ELO_MUST_USE;

/* As elo_put_commit; also (may be NULL) runs in the operation that decides, also
   when the blob existed: st as it will be answered. On success the name is gone,
   on failure it stays. */
typedef elo_err_t (*elo_put_also_fn)(void *ctx, elo_kv_tx_t *tx,
                                     const elo_blob_stat_t *st);
elo_err_t elo_put_commit_also(elo_put_t **p, elo_put_also_fn also, void *ctx,
                              elo_blob_stat_t *out, bool *existed) ELO_MUST_USE;

/* Ends it, keeping the file for later (not synced). elo_put_abort removes it. */
void elo_put_leave(elo_put_t **p);

/* Bytes that a put of that size has to find room for on its agent's account. */
static inline uint64_t
elo_put_more(const elo_put_opt_t *opt, uint64_t size)
{
    return size > opt->held ? size - opt->held : 0;
}

/* A content type that may become a header field, or none. [any] */
bool elo_put_type_ok(elo_slice_t type);

/* Is content of this reach encrypted at rest? */
static inline bool
elo_reach_is_sealed(elo_reach_t r)
{
    return r <= ELO_REACH_LOCAL;
}

#endif
