/* SPDX-License-Identifier: BSD-2-Clause */
/* put: writing blobs. Threads as in store.h. */
#ifndef ELO_STORE_PUT_H
#define ELO_STORE_PUT_H

#include "backend/store/store.h"

typedef struct elo_put_s elo_put_t;

typedef struct {
    bool has_expect;
    elo_digest_t expect; /* what the plaintext must have */
    uint64_t size_hint;  /* length if known, else 0 */
    uint64_t held; /* bytes on the agent's account by its upload; else 0 */
    elo_slice_t content_type;   /* may be empty */
    elo_reach_t reach;          /* private, invited, local: encrypted */
    elo_agent_t agent;          /* whose it is; zero: the operator's */
    const elo_agent_t *invited; /* who else may open it (invited) */
    uint32_t n_invited;
    bool
        is_widening; /* backend/care only: takes the place of the agent's sealed
                         copy, and is not held against his quota again */
} elo_put_opt_t;

/* A whole small blob, without a copy of it where it is clear: bytes stay borrowed
   until done. Hashes (and encrypts) on the calling thread, then everything
   happens on the commit thread. At most cfg.inline_bytes. */
typedef struct elo_small_s elo_small_t;
struct elo_small_s {
    elo_kv_op_t op;    /* first; the store's */
    elo_put_opt_t opt; /* its slices are borrowed until done */
    elo_slice_t bytes;
    bool is_hashed; /* stat.digest is that of bytes already: the caller hashed
                       several at a time */
    void (*done)(elo_small_t *p, elo_err_t err); /* commit thread */
    /* results */
    elo_blob_stat_t stat;
    bool existed; /* this agent had sent it before */
    /* the store's */
    elo_store_t *_s;
    elo_buf_t _sealed; /* ciphertext, then the envelope */
    size_t _object_len;
    elo_digest_t _object, _blind;
    uint8_t _mark[48];
    bool _has_referrers;
};
/* [any] done is always called, perhaps before this returns (bad input). */
void elo_store_put_small(elo_store_t *s, elo_small_t *p);

/* [work] Begins a blob of any length. ELO_ENOSPC, ELO_EQUOTA at once when
   size_hint is too much. *out must end in commit or abort. */
elo_err_t elo_put_begin(elo_store_t *s, const elo_put_opt_t *opt,
                        elo_put_t **out) ELO_MUST_USE;

/* [work] Appends bytes: hashed (blob and tree, the latter on a second thread for
   large blobs), encrypted if need be, and written. One call at a time. After an
   error only elo_put_abort is allowed. */
elo_err_t elo_put_write(elo_put_t *p, elo_slice_t bytes) ELO_MUST_USE;

/* [work] Makes the blob durable and visible, with its task in the queue.
   ELO_EHASH when it is not what was expected. Known bytes of this agent cost
   nothing and set *existed. Frees *p whatever the result. */
elo_err_t elo_put_commit(elo_put_t **p, elo_blob_stat_t *out,
                         bool *existed) ELO_MUST_USE;
void elo_put_abort(elo_put_t **p); /* [work] leaves nothing; safe on NULL */

#endif
